"""From a row of a table to a speaker, a session or a booth."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from airmeet_async import Exhibitor, InputError, NewBooth, NewSession, Speaker
from airmeet_async.bulk.input.row_mapping import BOOTHS, SESSIONS, SPEAKERS

TEN = datetime(2026, 3, 1, 10, tzinfo=ZoneInfo("Europe/Paris"))
TALK = {"Title": "Talk", "Start": "2026-03-01 10:00", "Host": "h@example.com"}

NAIVE = datetime(2026, 3, 1, 10)  # noqa: DTZ001 - what people have
READ = [
    (
        SPEAKERS,
        {"E-Mail": "s@example.com", "Speaker Name": " S P ", "Job title": "Chair"},
        Speaker("s@example.com", "S P", designation="Chair"),
    ),
    (SPEAKERS, Speaker("s@example.com", "S"), Speaker("s@example.com", "S")),
    (SESSIONS, TALK, NewSession(title="Talk", start=TEN, host_email="h@example.com")),
    (
        SESSIONS,
        TALK
        | {
            "Start": "2026-03-01T10:00Z",
            "Speakers": "a@x.example, b@x.example;c@x.example",
            "Minutes": "45",
            "Tags": "x; y z",
        },
        NewSession(
            title="Talk",
            start=datetime(2026, 3, 1, 10, tzinfo=UTC),
            host_email="h@example.com",
            duration_minutes=45,
            speaker_emails=["a@x.example", "b@x.example", "c@x.example"],
            tags=["x", "y z"],
        ),
    ),
    (
        SESSIONS,
        TALK | {"Start": "2026-10-25 02:30+01:00"},
        NewSession(title="Talk", start=datetime(2026, 10, 25, 1, 30, tzinfo=UTC), host_email="h@example.com"),
    ),
    (
        SESSIONS,
        TALK | {"Start": "20260301T1000"},
        NewSession(title="Talk", start=TEN, host_email="h@example.com"),
    ),
    (
        SESSIONS,
        TALK | {"Start": TEN.replace(tzinfo=None)},
        NewSession(title="Talk", start=TEN, host_email="h@example.com"),
    ),
    (
        BOOTHS,
        {"Booth": "A", "Chat": "no", "Tables": "3", "Exhibitors": "e@x.example"},
        NewBooth(name="A", chat=False, table_count=3, exhibitors=[Exhibitor(email="e@x.example")]),
    ),
    (
        BOOTHS,
        {"Name": "A", "Exhibitors": "e@x.example (hybrid); f@x.example", "Attendance type": "online"},
        NewBooth(
            name="A",
            exhibitors=[
                Exhibitor(email="e@x.example", attendance_type="HYBRID"),
                Exhibitor(email="f@x.example", attendance_type="ONLINE"),
            ],
        ),
    ),
    (
        BOOTHS,
        NewBooth(name="A", exhibitors=[Exhibitor(email="e@x.example")]),
        NewBooth(name="A", exhibitors=[Exhibitor(email="e@x.example")]),
    ),
]


@pytest.mark.parametrize(("form", "row", "value"), READ)
def test_a_row_becomes_a_value(form, row, value):
    """Column names as people write them; lists, numbers, times and yes or no."""
    assert form.read(row, "Europe/Paris") == value


WRONG = [
    (SESSIONS, TALK | {"Start": "noon"}, "Europe/Paris", "Start: 'noon' is not a time"),
    (SESSIONS, TALK, None, "no time zone"),
    (SESSIONS, TALK, "Paris", "not a time zone"),
    (SESSIONS, TALK, "Factory", "Factory. is not a time zone"),
    (SESSIONS, TALK, "localtime", "localtime. is not a time zone"),
    (SESSIONS, TALK | {"Start": "2026-03-29 02:30"}, "Europe/Paris", "does not exist in Europe/Paris"),
    (SESSIONS, TALK | {"Start": "2026-10-25 02:30"}, "Europe/Paris", r"comes twice .* \+02:00 or \+01:00"),
    (SESSIONS, TALK | {"Start": "2026-04-05 01:45"}, "Australia/Lord_Howe", r"comes twice .* \+11:00 or \+10:30"),
    (SESSIONS, TALK | {"Start": "2026-03-01"}, "Europe/Paris", "no time of day.*midnight 2026-03-01 00:00"),
    (SESSIONS, TALK | {"Start": "20260301"}, "Europe/Paris", "no time of day"),
    (SESSIONS, TALK | {"Start": "2026-W10-7T10:00"}, "Europe/Paris", "not written as year, month and day"),
    (SESSIONS, TALK | {"Start": "2026-W10-7"}, "Europe/Paris", "W10-7. is not written as year"),
    (SESSIONS, TALK | {"Start": "0027-03-01 10:00"}, "Europe/Paris", "in the year 27; write all four digits"),
    (SESSIONS, TALK | {"Start": "2206-03-01T10:00Z"}, None, "in the year 2206"),
    (
        SESSIONS,
        TALK | {"Start": TEN.replace(tzinfo=None, day=29, hour=2, minute=30)},
        "Europe/Paris",
        "Start: .* does not exist",
    ),
    (SESSIONS, TALK | {"Minutes": "half an hour"}, "Europe/Paris", "Minutes: 'half an hour' is not a whole number"),
    (SESSIONS, TALK | {"Title": " "}, "Europe/Paris", "Title is empty"),
    (SESSIONS, {"Title": "Talk"}, "Europe/Paris", "no column for start, host_email"),
    (SESSIONS, TALK | {"start": "2026-03-01"}, "Europe/Paris", "are both start"),
    (BOOTHS, {"Name": "A", "Chat": "maybe"}, None, "neither yes nor no"),
    (BOOTHS, {"Name": "A", "Exhibitors": "a@x.example (VIRTUAL)"}, None, "Exhibitors: 'VIRTUAL' is no attendance type"),
    (BOOTHS, {"Name": "A", "Attendance type": "IN-PERSON"}, None, "write HYBRID or ONLINE"),
    (SPEAKERS, {"Name": "S"}, None, "no column for email"),
]


@pytest.mark.parametrize(("form", "row", "zone", "words"), WRONG, ids=[words for *_, words in WRONG])
def test_what_cannot_be_read_names_the_column_and_the_fix(form, row, zone, words):
    """Before anything is sent."""
    with pytest.raises(InputError, match=words):
        form.read(row, zone)


@pytest.mark.parametrize("start", [NAIVE, "2026-03-01 10:00", TEN])
def test_a_time_without_a_zone_is_of_the_lists_zone(start):
    """Whether it is a text or a datetime, in a mapping or in a `NewSession`."""
    session = NewSession(title="Talk", start=TEN, host_email="h@example.com")
    row = {"title": "Talk", "start": start, "host_email": "h@example.com"}

    assert SESSIONS.read(row, "Europe/Paris") == session
    if isinstance(start, datetime):
        assert SESSIONS.read(NewSession(**row), "Europe/Paris") == session
    with pytest.raises(InputError, match="comes twice in Europe/Paris"):
        SESSIONS.read(row | {"start": datetime(2027, 10, 31, 2, 30)}, "Europe/Paris")  # noqa: DTZ001 - as above
