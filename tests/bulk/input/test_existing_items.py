"""What an event has already is not made again, and what differs is told."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from attrs import evolve

from airmeet_async import Exhibitor, NewBooth, NewSession, Speaker
from airmeet_async.bulk.input.existing_items import ExistingItems, identity_of
from airmeet_async.bulk.report import RowError
from airmeet_async.protocol.models import Booth, Participant, Presenter, Session

TEN = datetime(2027, 3, 1, 10, tzinfo=UTC)
TALK = NewSession(title="Talk", start=TEN, host_email="h@example.com")
ADA = Participant("Ada@example.com", "Ada Ay", user_type="SPEAKER", organisation="Engines")
BOB = Participant("bob@example.com", "Bob Bee", user_type="attendee")
THERE = Session(
    "s1", "Talk", start_time=datetime(2027, 3, 1, 10, tzinfo=UTC), duration=30, summary="Hello",
    speakers=(Presenter(name="Ada Ay"),),
)  # fmt: skip


def same(**facts):
    given: dict[str, Any] = {"title": "Talk", "start": TEN, "host_email": "h@example.com"}
    return NewSession(**given | facts)


SAME = RowError("exists", "the event has this session already (s1), so it is not made again")


def test_a_session_is_known_by_its_title_and_its_minute():
    """Blanks, case and the way a time is written aside."""
    twin = same(title=" TALK ", start=TEN.astimezone(timezone(timedelta(hours=5, minutes=30))) + timedelta(seconds=59))

    assert identity_of(twin) == identity_of(TALK)
    assert identity_of(same(start=TEN + timedelta(minutes=1))) != identity_of(TALK)
    assert ExistingItems(sessions=[THERE]).find(twin) == SAME
    assert ExistingItems(sessions=[THERE]).find(same(title="Talk 2")) is None


def test_what_differs_is_told():
    """What the file leaves empty does not differ."""
    there = ExistingItems(people=[ADA, BOB], sessions=[THERE])
    changed = same(summary="Bye", duration_minutes=45, speaker_emails=["ADA@example.com", "bob@example.com"])
    found = there.find(changed)

    assert found is not None
    assert found.code == "exists_different"
    said = found.message
    assert "speakers (Ada Ay, Bob Bee; in the event Ada Ay)" in said
    assert "summary ('Bye'; in the event 'Hello')" in said
    assert "duration_minutes ('45'; in the event '30')" in said
    assert said.endswith("Airmeet changes it in its dashboard only")
    equal = same(summary="hello", duration_minutes=30, speaker_emails=["ada@example.com"])
    assert ExistingItems(people=[ADA], sessions=[THERE]).find(equal) == SAME
    warnings = there.speaker_warnings(same(speaker_emails=["ada@example.com", "cy@example.com"]))
    assert warnings == ("cy@example.com is not in the event yet; add this speaker first",)


def test_of_several_that_are_there_the_likest_is_told():
    """They were made elsewhere; none is made again."""
    there = ExistingItems(sessions=[evolve(THERE, id="s0", summary="Other"), THERE])

    assert there.find(same(summary="Hello")) == SAME


def test_booths_are_known_by_name_and_speakers_by_address():
    """Somebody who only attends is no speaker yet."""
    there = ExistingItems(people=[ADA, BOB], booths=[Booth("b1", "Engines", exhibitors=("a@example.com",))])
    booth = NewBooth(name="engines", exhibitors=[Exhibitor(email="a@example.com"), "c@example.com"])

    assert "(b1), so it is not made again; different in the file: exhibitors (" in str(there.find(booth))
    assert there.find(NewBooth(name="Looms")) is None
    assert "organisation ('Motors'; in the event 'Engines')" in str(
        there.find(Speaker("ada@example.com", "Ada Ay", organisation="Motors"))
    )
    assert there.find(Speaker("bob@example.com", "Bob Bee")) is None
