"""``airmeet event``: shown, made, started and ended."""

from datetime import UTC, datetime

import pytest

from airmeet_async import AirmeetInfo, Session
from airmeet_async.cli.commands.event import create, event_lines
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.list_formats import EVENT, json_value
from airmeet_async.protocol.models import Presenter
from airmeet_async.sandbox import community
from tests.sentinels import SENTINEL_LINK, leaks
from tests.support.command import Sandbox

PLAN = {
    "host": community.HOST,
    "name": "A day",
    "summary": "Talks",
    "start": "2027-07-01 10:00",
    "end": "2027-07-01T18:00+02:00",
    "timezone": "Europe/Paris",
}
INFO = AirmeetInfo(
    "e1",
    "A day",
    "CREATED",
    start_time=datetime(2027, 7, 1, 8, tzinfo=UTC),
    sessions=(Session("s1", "Talk", "CREATED", duration=30, speakers=(Presenter("u1", "Ada"),)),),
    extra={"theme": "dark", "hostUser": {"name": "Sam", "token": SENTINEL_LINK}, "name": "other"},
)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"timezone": "Europe/Nowhere"}, "--timezone"),
        ({"start": "soon"}, "--start: 'soon'"),
        ({"end": "later"}, "--end: 'later'"),
        ({"start": "2027-03-28 02:30"}, "--start: .* does not exist in Europe/Paris"),
        ({"end": "2027-10-31 02:30"}, "--end: .* comes twice in Europe/Paris"),
        ({"start": "2027-07-01"}, "--start: .* no time of day"),
        ({"timezone": "localtime"}, "--timezone: .* not a time zone"),
    ],
)
def test_an_option_that_cannot_be_used_is_named(change, said):
    with pytest.raises(UsageError, match=said):
        create(**(PLAN | change))


def test_the_documented_shape_comes_first_and_holds_no_key():
    found = json_value(next(EVENT.rows(INFO)))

    assert list(found) == [
        "id", "name", "status", "start", "end", "timezone", "format", "summary", "image_url", "sessions",
        "session_hosts", "theme", "hostUser",
    ]  # fmt: skip
    assert (found["name"], found["start"], found["hostUser"]) == ("A day", "2027-07-01T08:00:00+00:00", {"name": "Sam"})
    assert found["sessions"][0] | {"id": "s1", "speakers": ["Ada"], "duration_minutes": 30} == found["sessions"][0]
    assert leaks(str(found)) == []


def test_people_see_the_facts_and_the_sessions():
    lines = event_lines(INFO)

    assert "start     2027-07-01 08:00 UTC" in lines
    assert lines[-1].split() == ["s1", "CREATED", "-", "30", "Talk"]


def test_a_no_is_told_from_an_answer_that_never_came(airmeet):
    options = PLAN | {"host": "nobody@example.com"}
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    words = [word for name, text in options.items() for word in (f"--{name}", text)]
    made = there("event", "create", *words, "--json")
    early = there("event", "status", community.SUMMIT, "FINISHED")
    quiet = airmeet.at(Sandbox(refused_transition="body"))("event", "status", community.SUMMIT, "FINISHED")
    assert (quiet.code, quiet.out, "statusUpdated is false" in quiet.err) == (6, "", True)
    sandbox = Sandbox("500-after:100%:on=airmeets.create")
    words[1] = community.HOST
    unclear = airmeet.at(sandbox)("event", "create", *words, "--json")
    events = [event for event in sandbox.world.events.values() if event.name == "A day"]

    assert (made.code, "not a team member" in made.json["error"]["message"]) == (6, True)
    assert (unclear.code, unclear.json["exit_code"], len(events)) == (1, 1, 1)
    assert "may have been carried out" in unclear.err
    assert (early.code, early.out, "cannot become FINISHED" in early.err) == (6, "", True)


def test_times_without_a_zone_are_of_the_event(airmeet):
    words = [word for name, text in PLAN.items() for word in (f"--{name}", text)]
    sandbox = Sandbox()
    made = airmeet.at(sandbox)("event", "create", *words, "--json")
    shown = airmeet.at(sandbox)("event", "show", made.json["id"], "--json")

    assert (shown.json["start"], shown.json["end"]) == ("2027-07-01T08:00:00+00:00", "2027-07-01T16:00:00+00:00")
