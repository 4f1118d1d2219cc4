"""The rows of lists: documented columns, what Airmeet sends besides, and no link that nobody asked for."""

import io
import json
from contextlib import redirect_stdout
from datetime import UTC, datetime
from typing import get_args

import pytest
from attrs import evolve
from rich.cells import cell_len

from airmeet_async.cli.commands.lists import What
from airmeet_async.cli.list_formats import (
    EVENTS,
    LISTS,
    TextTable,
    csv_value,
    fact_lines,
    field_names,
    json_value,
    shown_value,
    table_lines,
    without_secrets,
)
from airmeet_async.protocol.models import (
    Airmeet,
    AirmeetStatus,
    Attendance,
    CustomField,
    FieldValue,
    Participant,
    PollAnswer,
    PollResponses,
    Recording,
)
from tests.sentinels import SENTINEL_LINK, leaks

DETAILS = "organisation designation city country"
DOCUMENTED = {
    "participants": f"email name {DETAILS} registered_at user_type user_id invite_sent profile_url joining_link",
    "registrations": f"email name {DETAILS} registered_at",
    "attendance": "email name user_id joined_at minutes time_spent_ms",
    "session-attendance": "session_id session_name email name user_id joined_at minutes time_spent_ms",
    "booth-attendance": "booth_id booth_name email name user_id visited_at visits interested_in_contact",
    "replays": "email name session_id minutes_viewed",
    "polls": "email name user_id question answer answered_at",
    "questions": "email name user_id question session_id asked_at upvotes",
    "utms": "email utm_campaign utm_medium utm_source utm_term utm_content",
    "recordings": "session_id session_name download_link",
    "fields": "label id required type options name",
    "tracks": "id name description order session_ids",
    "booths": "id name exhibitors tags",
    "sessions": "id name status type start duration_minutes summary host_ids cohost_ids speaker_ids speakers "
    "host_email cohost_emails speaker_emails",
}
LINKS = {"participants": {"joining_link"}, "recordings": {"download_link"}}


@pytest.mark.parametrize("what", DOCUMENTED)
def test_the_columns_are_the_documented_ones(what):
    form = LISTS[what]

    assert " ".join(form.columns) == DOCUMENTED[what]
    assert form.columns.keys() - form.without_links().columns.keys() == LINKS.get(what, set())
    assert set(form.shown) <= form.columns.keys()


def test_every_list_is_documented():
    assert list(LISTS) == list(DOCUMENTED) == list(get_args(What))


def test_what_airmeet_sends_besides_comes_after_the_columns_and_never_replaces_one():
    one = Attendance(id=7, email="a@example.com", time_spent_ms=90_000, extra={"badge": 3, "email": "other"})
    (line,) = LISTS["attendance"].rows(one)

    assert list(json_value(line)) == [*DOCUMENTED["attendance"].split(), "badge"]
    assert json_value(line) | {"email": "a@example.com", "minutes": 1.5, "time_spent_ms": 90_000} == json_value(line)


def test_one_answer_is_one_row_and_who_gave_none_has_one_too():
    answers = (PollAnswer("One?", "yes", extra={"weight": 1}), PollAnswer("Two?", "no"))
    rows = [json_value(line) for line in LISTS["polls"].rows(PollResponses("a@example.com", polls=answers))]
    nothing = [json_value(line) for line in LISTS["polls"].rows(PollResponses("b@example.com"))]

    assert [(row["email"], row["question"], row["answer"]) for row in rows] == [
        ("a@example.com", "One?", "yes"),
        ("a@example.com", "Two?", "no"),
    ]
    assert (rows[0]["weight"], nothing[0]["email"], len(nothing)) == (1, "b@example.com", 1)


def test_links_are_given_out_only_where_somebody_asks():
    person = Participant("a@example.com", entry_link=SENTINEL_LINK, extra={"magic_link": SENTINEL_LINK, "room": 5})
    recording = Recording("s1", "Keynote", SENTINEL_LINK, extra={"mirror": SENTINEL_LINK})

    for form, item in ((LISTS["participants"], person), (LISTS["recordings"], recording)):
        with_links, without = (next(iter(one.rows(item))) for one in (form, form.without_links()))
        assert leaks(json.dumps(json_value(with_links)))
        assert leaks(json.dumps(json_value(without))) == []
        assert leaks(repr(with_links)) == []


SECRETS = [
    ({"token": "x", "Access-Token": "x", "n": 1}, {"n": 1}),
    ({"a": [{"code": "x", "m": 2}, SENTINEL_LINK, "text"]}, {"a": [{"m": 2}, "text"]}),
    ({"code_of_conduct": "be kind", "social_media_links": "https://example.com/me"}, ...),
    ("plain", ...),
]


@pytest.mark.parametrize(("value", "left"), SECRETS)
def test_what_looks_like_a_key_is_left_out_and_nothing_else(value, left):
    assert without_secrets(value) == (value if left is ... else left)


def test_registration_fields_become_columns_by_their_label():
    fields = [CustomField("f1", "Size"), CustomField("f2", "Diet"), CustomField("f3", "Diet"), CustomField("f4")]
    person = Participant("a@example.com", fields=(FieldValue("f1", "M"), FieldValue("f9", ["x"])))
    form = LISTS["participants"].without_links().with_fields(fields)
    (line,) = form.rows(person)

    assert field_names(fields) == {"f1": "Size", "f2": "f2", "f3": "f3", "f4": "f4"}
    assert {name: value for name, value in json_value(line).items() if name.startswith("custom:")} == {
        "custom:Size": "M",
        "custom:f2": None,
        "custom:f3": None,
        "custom:f4": None,
        "custom:f9": ["x"],
    }
    assert "custom:f9" not in form.columns


TIME = datetime(2026, 12, 25, 12, 20, 56, tzinfo=UTC)
CELLS = [
    (None, "", "-"),
    ("", "", "-"),
    ("=1+1", "=1+1", "=1+1"),
    (0, "0", "0"),
    (True, "true", "yes"),
    (("a", "b"), "a; b", "a; b"),
    ([{"a": 1}], '[{"a": 1}]', '[{"a": 1}]'),
    (TIME, "2026-12-25T12:20:56+00:00", "2026-12-25 12:20 UTC"),
]


@pytest.mark.parametrize(("value", "in_file", "for_people"), CELLS, ids=range(len(CELLS)))
def test_a_value_in_a_file_and_for_people(value, in_file, for_people):
    assert (csv_value(value), shown_value(value)) == (in_file, for_people)


def test_wide_characters_are_aligned_by_the_cells_they_take():
    lines = table_lines([["NAME", "N"], ["山田太郎", "1"], ["Zoë", "2"]])

    assert lines == ["NAME      N", "山田太郎  1", "Zoë       2"]


def test_off_a_terminal_nothing_is_cut(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    (_, line) = table_lines([["A", "B"], ["x y " * 20, "z"]])

    assert line == f"{'x y ' * 20}  z"


class Terminal(io.StringIO):
    """Standard output on a terminal; its width is in COLUMNS."""

    def isatty(self):
        return True


def test_on_a_terminal_texts_are_cut_and_ids_and_times_are_not(monkeypatch):
    monkeypatch.setenv("COLUMNS", "55")
    ids = ["8f0c1a2e-5b01-11ee", "8f0c1a2e-5b02-11ee"]
    time = "2026-12-25 12:20 +05"
    rows = [
        ["ID", "LONG NAME", "STARTED AT"], [ids[0], "A long name of an event", time], [ids[1], "山田 太郎 " * 4, time],
    ]  # fmt: skip
    with redirect_stdout(Terminal()):
        lines = table_lines(rows)

    assert [cell_len(line) for line in lines[1:]] == [55, 55]
    assert [line.split()[0] for line in lines[1:]] == ids
    assert all(line.endswith(time) for line in lines[1:])
    assert "A long name …" in lines[1]
    assert "山田 太郎 山…" in lines[2]


@pytest.mark.parametrize(
    ("name", "width", "shown"),
    [
        ("Summit", 80, "FINISHED  2027-03-12 10:00 UTC  Summit"),
        ("Hybrid Days, spring", 80, "FINISHED  2027-03-12  Hybrid Days, spring"),
        ("Hybrid Days, spring and summer, all", 80, "2027-03-12  Hybrid Days, spring and summe…"),
        (
            "Hybrid Days, spring and summer, all",
            120,
            "FINISHED  2027-03-12 10:00 UTC  Hybrid Days, spring and summer, all",
        ),
    ],
)
def test_in_the_list_of_events_the_name_has_the_room(monkeypatch, name, width, shown):
    """At 80 columns the time of the day goes first, and the status if that is not enough; never the id."""
    monkeypatch.setenv("COLUMNS", str(width))
    event = Airmeet("8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02", name, start_time=datetime(2027, 3, 12, 10, tzinfo=UTC))
    event = evolve(event, status=AirmeetStatus.FINISHED)
    with redirect_stdout(Terminal()) as printed:
        table = TextTable(EVENTS)
        for row in EVENTS.rows(event):
            table.add(row)
        table.end()

    assert printed.getvalue().splitlines()[1] == f"{event.id}  {shown}"


def test_on_a_terminal_a_long_fact_goes_on_in_the_next_line():
    with redirect_stdout(Terminal()):
        lines = fact_lines([("name", "Spring Summit"), ("summary", "word " * 30)])

    assert (len(lines), lines[0]) == (4, "name     Spring Summit")
    assert all(line.startswith(" " * 9) for line in lines[2:])


@pytest.mark.parametrize("text", ["\x1b[2J", "\x1b]8;;https://x.example\x07", "\u202eabc", "a\nb"])
def test_no_text_of_a_server_plays_tricks_with_the_terminal(text):
    shown = "".join([*table_lines([["A"], [text]]), *fact_lines([("a", text)])])

    assert not any(char in shown for char in "\x1b\x07\u202e\n")
