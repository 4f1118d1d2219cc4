"""The rows of lists: documented columns, what Airmeet sends besides, and no link that nobody asked for."""

import json

import pytest

from airmeet_async.cli import list_columns
from airmeet_async.cli.commands.lists import LISTS
from airmeet_async.cli.list_columns import field_names, shown, text, without_secrets
from airmeet_async.protocol.models import (
    Attendance,
    CustomField,
    Moment,
    Participant,
    PollAnswer,
    PollResponses,
    Recording,
)
from airmeet_async.protocol.models.reports import FieldValue
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
    "sessions": "id name status type start duration_minutes summary host_ids cohost_ids speaker_ids speakers",
}
LINKS = {"participants": {"joining_link"}, "recordings": {"download_link"}}


@pytest.mark.parametrize("what", DOCUMENTED)
def test_the_columns_are_the_documented_ones(what):
    shape = LISTS[what].shape

    assert " ".join(shape.columns) == DOCUMENTED[what]
    assert shape.columns.keys() - shape.without_links().columns.keys() == LINKS.get(what, set())
    assert set(shape.shown) <= shape.columns.keys()


def test_every_list_is_documented():
    assert LISTS.keys() == DOCUMENTED.keys()


def test_what_airmeet_sends_besides_comes_after_the_columns_and_never_replaces_one():
    one = Attendance(id=7, email="a@example.com", time_spent_ms=90_000, extra={"badge": 3, "email": "other"})
    (line,) = list_columns.ATTENDANCE.lines(one)

    assert list(line.as_json()) == [*DOCUMENTED["attendance"].split(), "badge"]
    assert line.as_json() | {"email": "a@example.com", "minutes": 1.5, "time_spent_ms": 90_000} == line.as_json()


def test_one_answer_is_one_row_and_who_gave_none_has_one_too():
    answers = (PollAnswer("One?", "yes", extra={"weight": 1}), PollAnswer("Two?", "no"))
    rows = [line.as_json() for line in list_columns.POLLS.lines(PollResponses("a@example.com", polls=answers))]
    nothing = [line.as_json() for line in list_columns.POLLS.lines(PollResponses("b@example.com"))]

    assert [(row["email"], row["question"], row["answer"]) for row in rows] == [
        ("a@example.com", "One?", "yes"),
        ("a@example.com", "Two?", "no"),
    ]
    assert (rows[0]["weight"], nothing[0]["email"], len(nothing)) == (1, "b@example.com", 1)


def test_links_are_given_out_only_where_somebody_asks():
    person = Participant("a@example.com", joining_link=SENTINEL_LINK, extra={"magic_link": SENTINEL_LINK, "room": 5})
    recording = Recording("s1", "Keynote", SENTINEL_LINK, extra={"mirror": SENTINEL_LINK})

    for shape, item in ((list_columns.PARTICIPANTS, person), (list_columns.RECORDINGS, recording)):
        with_links, without = (next(iter(one.lines(item))) for one in (shape, shape.without_links()))
        assert leaks(json.dumps(with_links.as_json()))
        assert leaks(json.dumps(without.as_json())) == []
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
    (line,) = list_columns.PARTICIPANTS.without_links().with_fields(fields).lines(person)

    assert field_names(fields) == {"f1": "Size", "f2": "f2", "f3": "f3", "f4": "f4"}
    assert {name: value for name, value in line.as_json().items() if name.startswith("custom:")} == {
        "custom:Size": "M",
        "custom:f2": None,
        "custom:f3": None,
        "custom:f4": None,
        "custom:f9": ["x"],
    }
    assert "custom:f9" not in line.cells


TIME = Moment.parse("2026:12:25T12:20:56.00Z")
CELLS = [
    (None, "", "-"),
    ("", "", "-"),
    ("=1+1", "=1+1", "=1+1"),
    (0, "0", "0"),
    (True, "true", "yes"),
    (("a", "b"), "a; b", "a; b"),
    ([{"a": 1}], '[{"a": 1}]', '[{"a": 1}]'),
    (TIME, "2026-12-25T12:20:56+00:00", "2026-12-25 12:20 UTC"),
    (Moment("soon"), "soon", "soon"),
]


@pytest.mark.parametrize(("value", "in_file", "for_people"), CELLS, ids=range(len(CELLS)))
def test_a_value_in_a_file_and_for_people(value, in_file, for_people):
    assert (text(value), shown(value)) == (in_file, for_people)
