"""From documents to typed values: liberal about what is unknown, strict about what is wrong (AUTH-14)."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airmeet_async.errors import DecodeError, IncompleteListError
from airmeet_async.protocol.call import Call, Endpoint
from airmeet_async.protocol.decoding import decode, from_dict, odd_members
from airmeet_async.protocol.endpoints import (
    AIRMEETS_INFO,
    AIRMEETS_LIST,
    ATTENDEES_ADD,
    AUTH,
    CUSTOM_FIELDS_LIST,
    ENDPOINTS,
    PARTICIPANTS_LIST,
    TRACKS_LIST,
)
from airmeet_async.protocol.json_codec import encode
from airmeet_async.protocol.models import (
    Access,
    Airmeet,
    AirmeetInfo,
    AirmeetStatus,
    CustomField,
    FieldOption,
    FieldType,
    Presenter,
    Session,
)
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.redact import Secret
from tests.cases import case
from tests.protocol.samples import same_every_time

TEN = "2026-03-01T10:00:00.000Z"
AT_TEN = datetime(2026, 3, 1, 10, tzinfo=UTC)


def read(endpoint, document):
    return decode(Call(endpoint), document)


# Left: the row; then the document; then the value.

TOKENS: dict[str, Any] = {
    "flat": {"token": "a.b-c_d"},
    "flat with community": {"token": "a.b-c_d", "communityId": "c-1"},
    "under data": {"success": True, "data": {"label": "my key", "token": "a.b-c_d"}},
    "both": {"token": "a.b-c_d", "data": {"token": "other"}},
    "one sign": {"token": "!"},
    "as long as may be": {"token": "~" * 8192},
}

BAD_TOKENS: dict[str, tuple[Any, str]] = {
    "nothing": (None, ""),
    "an empty object": ({}, "token"),
    "a list": ([], ""),
    "a string": ("a.b", ""),
    "null": ({"token": None}, "token"),
    "a number": ({"token": 123}, "token"),
    "a boolean": ({"token": True}, "token"),
    "a list in it": ({"token": ["a"]}, "token"),
    "an object in it": ({"token": {"a": "b"}}, "token"),
    "empty": ({"token": ""}, "token"),
    "a blank": ({"token": "a b"}, "token"),
    "line ends": ({"token": "a\r\nX-Evil: b"}, "token"),
    "a trailing line end": ({"token": "a\n"}, "token"),
    "NUL": ({"token": "a\x00"}, "token"),
    "DEL": ({"token": "a\x7f"}, "token"),
    "not ASCII": ({"token": "é"}, "token"),
    "half a character": ({"token": "\ud800"}, "token"),
    "too long": ({"token": "a" * 8193}, "token"),
    "a megabyte": ({"token": "a" * 1_000_000}, "token"),
    "null beside data": ({"token": None, "data": {"token": "a"}}, "token"),
    "data of null": ({"success": True, "data": None}, "token"),
    "data without": ({"success": True, "data": {"label": "x"}}, "token"),
    "a list in data": ({"data": [{"token": "a"}]}, "token"),
}


def test_a_token_is_read():
    """Flat as in production (B, C), or under data as in the help article (A)."""
    for name, document in TOKENS.items():
        with case(name):
            text = document.get("token") or document["data"]["token"]

            assert read(AUTH, document).token == Secret(text)


def test_what_cannot_stand_in_a_header_is_no_token():
    """The error says where, and not what."""
    for name, (document, path) in BAD_TOKENS.items():
        with case(name):
            with pytest.raises(DecodeError) as caught:
                read(AUTH, document)

            assert caught.value.path == path
            assert caught.value.operation == "auth"
            assert len(str(caught.value)) < 80
            assert "Evil" not in str(caught.value)


def test_a_token_may_say_whose_it_is():
    """The community is optional, and whatever else comes is kept."""
    token = read(AUTH, {"token": "a", "communityId": "c-1", "plan": 7})

    assert (token.community_id, token.extra) == ("c-1", {"plan": 7})
    assert read(AUTH, {"token": "a"}).community_id is None


FIELD = {"fieldId": "f-1", "label": "Diet"}
FULL_FIELD = CustomField(
    "f-1",
    "Diet",
    name="diet",
    is_required=True,
    options=(FieldOption("V", "Vegan"),),
    type=FieldType("X", "Y", "Z"),
)
SESSION = {
    "sessionid": "c1d2",
    "name": "Opening",
    "start_time": TEN,
    "status": "FINISHED",
    "duration": 45,
    "summary": "",
    "host_id": ["u1"],
    "cohost_ids": [],
    "speaker_id": ["u2", "u3"],
    "speakerList": [{"id": "u2", "name": "B C", "speaker_img": None}],
    "type": "HOSTING",
}
FULL_SESSION = Session(
    "c1d2",
    "Opening",
    "FINISHED",
    "HOSTING",
    AT_TEN,
    45,
    "",
    host_ids=("u1",),
    speaker_ids=("u2", "u3"),
    speakers=(Presenter("u2", "B C", extra={"speaker_img": None}),),
)

GOOD: dict[str, tuple[Endpoint[Any], Any, Any]] = {
    "an access": (ATTENDEES_ADD, {"email": "a@b.c", "entryLink": "https://x"}, Access("a@b.c", "https://x")),
    "unknown members are kept": (
        ATTENDEES_ADD,
        {"email": "a@b.c", "entryLink": "https://x", "seat": {"row": [7]}, "extra": 1},
        Access("a@b.c", "https://x", extra={"seat": {"row": [7]}, "extra": 1}),
    ),
    "no fields": (CUSTOM_FIELDS_LIST, {"customFields": []}, ()),
    "null for no fields": (CUSTOM_FIELDS_LIST, {"customFields": None}, ()),
    "a bare list of fields": (CUSTOM_FIELDS_LIST, [FIELD], (CustomField("f-1", "Diet"),)),
    "a field with nulls": (
        CUSTOM_FIELDS_LIST,
        {"customFields": [FIELD | {"name": None, "isRequired": None, "options": None, "type": None}]},
        (CustomField("f-1", "Diet"),),
    ),
    "a whole field": (
        CUSTOM_FIELDS_LIST,
        {
            "customFields": [
                FIELD
                | {
                    "name": "diet",
                    "isRequired": True,
                    "options": [{"code": "V", "displayValue": "Vegan"}],
                    "type": {"fieldType": "X", "inputType": "Y", "mappedFrom": "Z"},
                }
            ]
        },
        (FULL_FIELD,),
    ),
    "an event with nothing but its id": (AIRMEETS_INFO, {"id": "e-1"}, AirmeetInfo("e-1")),
    "an event by its second name": (AIRMEETS_INFO, {"id": None, "airmeet_id": "e-1"}, AirmeetInfo("e-1")),
    "an event by its last name": (AIRMEETS_INFO, {"uuid": "e-1"}, AirmeetInfo("e-1")),
    "two names": (AIRMEETS_INFO, {"uuid": "e-2", "id": "e-1"}, AirmeetInfo("e-1")),
    "null lists": (AIRMEETS_INFO, {"id": "e-1", "sessions": None, "session_hosts": None}, AirmeetInfo("e-1")),
    "a known status": (AIRMEETS_INFO, {"id": "e", "status": "PAUSED"}, AirmeetInfo("e", status=AirmeetStatus.PAUSED)),
    "an unknown status": (AIRMEETS_INFO, {"id": "e", "status": "FROZEN"}, AirmeetInfo("e", status="FROZEN")),
    "an unreadable time": (
        AIRMEETS_INFO,
        {"id": "e", "start_time": "soon"},
        AirmeetInfo("e", extra={"start_time": "soon"}),
    ),
    "a session": (AIRMEETS_INFO, {"id": "e", "sessions": [SESSION]}, AirmeetInfo("e", sessions=(FULL_SESSION,))),
    "a session as created": (
        AIRMEETS_INFO,
        {"id": "e", "sessions": [{"uid": "s"}, {"uuid": "t", "duration": "30"}]},
        AirmeetInfo("e", sessions=(Session("s"), Session("t", duration=30))),
    ),
}

BAD: dict[str, tuple[Endpoint[Any], Any, str, str]] = {
    "nothing": (ATTENDEES_ADD, None, "", "an object"),
    "a list": (ATTENDEES_ADD, [], "", "an object"),
    "a string": (ATTENDEES_ADD, "ok", "", "an object"),
    "no link": (ATTENDEES_ADD, {"email": "a@b.c"}, "entryLink", "present"),
    "a null link": (ATTENDEES_ADD, {"email": "a@b.c", "entryLink": None}, "entryLink", "present"),
    "no e-mail": (ATTENDEES_ADD, {"entryLink": "https://x"}, "email", "present"),
    "no fields at all": (CUSTOM_FIELDS_LIST, {}, "", "a list"),
    "another answer": (CUSTOM_FIELDS_LIST, {"message": "hello"}, "", "a list"),
    "fields as an object": (CUSTOM_FIELDS_LIST, {"customFields": {}}, "", "a list"),
    "a null among the fields": (CUSTOM_FIELDS_LIST, {"customFields": [FIELD, None]}, "[1]", "an object"),
    "a field without an id": (CUSTOM_FIELDS_LIST, {"customFields": [{"label": "x"}]}, "[0].fieldId", "present"),
    "an event without an id": (AIRMEETS_INFO, {"name": "x"}, "id", "present"),
    "a bad session": (AIRMEETS_INFO, {"id": "e", "sessions": [SESSION, {}]}, "sessions[1].sessionid", "present"),
    "sessions as a word": (AIRMEETS_INFO, {"id": "e", "sessions": "none"}, "sessions", "a list"),
    "a page without data": (AIRMEETS_LIST, {}, "data", "present"),
    "a page about something else": (AIRMEETS_LIST, {"message": "Hello"}, "data", "present"),
    "a page of an object": (AIRMEETS_LIST, {"data": {}}, "data", "a list"),
    "a page of false": (AIRMEETS_LIST, {"data": False}, "data", "a list"),
    "a page of nulls": (AIRMEETS_LIST, {"data": [None]}, "data[0]", "an object"),
    "a page that is a string": (AIRMEETS_LIST, "data", "", "an object"),
    "a row without an id": (
        AIRMEETS_LIST,
        {"data": [{"uid": "a"}, {"uid": "b"}, {"name": "c"}]},
        "data[2].uid",
        "present",
    ),
    "a row in a bare list": (AIRMEETS_LIST, [{"uid": "a"}, {"uid": []}], "data[1].uid", "a string"),
    "a cursor of a list": (AIRMEETS_LIST, {"data": [], "cursors": {"after": [7]}}, "cursors.after", "a cursor"),
    "a cursor of true": (AIRMEETS_LIST, {"data": [], "cursors": {"before": True}}, "cursors.before", "a cursor"),
    "a cursor of a fraction": (AIRMEETS_LIST, {"data": [], "cursors": {"after": 7.5}}, "cursors.after", "a cursor"),
    "a cursor of half a sign": (
        AIRMEETS_LIST,
        {"data": [], "cursors": {"after": "\ud800"}},
        "cursors.after",
        "a cursor",
    ),
}


def test_an_answer_is_read():
    """Aliases, nulls, unknown members and unknown words are no trouble."""
    for name, (endpoint, document, value) in GOOD.items():
        with case(name):
            assert read(endpoint, document) == value


SESSIONS_OF = AIRMEETS_INFO
ODD: dict[str, tuple[Any, dict[str, Any], str, Any]] = {
    "an object as city": (PARTICIPANTS_LIST, {"email": "a@b.c", "city": {"name": "Bonn"}}, "city", None),
    "an empty order": (TRACKS_LIST, {"uid": "t", "track_order": ""}, "order", None),
    "half an order": (TRACKS_LIST, {"uid": "t", "track_order": 1.5}, "order", None),
    "options as an object": (CUSTOM_FIELDS_LIST, FIELD | {"options": {}}, "options", ()),
    "a list as type": (CUSTOM_FIELDS_LIST, FIELD | {"type": []}, "type", None),
    "a list as time": (PARTICIPANTS_LIST, {"email": "a@b.c", "registrationDate": [1]}, "registered_at", None),
    "a word as yes": (PARTICIPANTS_LIST, {"email": "a@b.c", "invite_sent": "maybe"}, "invite_sent", None),
    "true as name": (PARTICIPANTS_LIST, {"email": "a@b.c", "name": True}, "name", ""),
    "nothing as host": (SESSIONS_OF, SESSION | {"host_id": ["a", None]}, "host_ids", ()),
}


def test_one_odd_value_never_makes_a_list_unreadable():
    """It is kept as it came, under its name, told by `odd_members`, and the rows beside it are whole."""
    for name, (endpoint, row, field, default) in ODD.items():
        with case(name):
            good, found = rows_of(endpoint, [{"uid": "g", "email": "g@b.c", "fieldId": "g"}, row])

            assert getattr(found, field) == default
            wire = attrs.fields_dict(type(found))[field].metadata.get("wire", (field,))
            odd = {one: row[one] for one in wire if one in row and row[one] != ""}
            assert {one: found.extra.get(one) for one in odd} == odd
            assert (odd_members(found), odd_members(good)) == ([*odd], [])


def test_a_number_for_a_text_is_read_as_one():
    """Ids and names are written both ways, and so are times."""
    (person,) = rows_of(
        PARTICIPANTS_LIST, [{"email": "a@b.c", "name": 42, "user_id": 7, "registrationDate": 1772359200000}]
    )

    assert (person.name, person.user_id, person.registered_at) == ("42", "7", datetime(2026, 3, 1, 10, tzinfo=UTC))
    assert read(AIRMEETS_LIST, {"data": [{"uid": 17}]}).items[0].id == "17"
    assert read(ENDPOINTS["airmeets.create"], {"uuid": 17}).id == "17"


def test_a_list_that_is_not_in_pages_must_have_all_rows_that_it_counts():
    """What came is on the error."""
    told: list[dict[str, Any]] = [{"totalCount": 3}, {"cursors": {"pageCount": 2}}, {"cursors": {"totalCount": "3"}}]
    for counts in told:
        with case(counts):
            with pytest.raises(IncompleteListError, match=r"recordings.list: Airmeet counts .* 2 rows came") as caught:
                read(ENDPOINTS["recordings.list"], {"recordings": [{"session_id": "a"}, {"session_id": "b"}], **counts})

            assert [row.session_id for row in caught.value.rows] == ["a", "b"]
    assert len(read(ENDPOINTS["recordings.list"], {"recordings": [{}, {}], "totalCount": 2})) == 2


def rows_of(endpoint, rows):
    """Return the rows of a list, however it wraps them."""
    if endpoint is SESSIONS_OF:
        return read(endpoint, {"id": "e", "sessions": rows}).sessions
    found = read(endpoint, {"data": rows, "tracks": rows, "customFields": rows, "participants": rows})
    return found.items if isinstance(found, Page) else found


def test_a_known_status_is_a_member():
    """And an unknown one stays a plain string."""
    found = [read(AIRMEETS_INFO, {"id": "e", "status": word}).status for word in ("PAUSED", "FROZEN")]

    assert [type(status) for status in found] == [AirmeetStatus, str]


def test_a_wrong_answer_says_where():
    """The error has the path and what should be there, and not what is there."""
    for name, (endpoint, document, path, wanted) in BAD.items():
        with case(name):
            with pytest.raises(DecodeError) as caught:
                read(endpoint, document)

            assert caught.value.path == path
            assert caught.value.operation == endpoint.name
            assert str(caught.value) == f"{path or 'the answer'} should be {wanted}"
            assert caught.value.__cause__ is None


WHOLE = [(45, 45), ("45", 45), ("-7", -7), ("0", 0), (10**30, 10**30)]
NOT_WHOLE = [True, 4.5, 45.0, "4.5", "", "-", "--7", " 7", "७", "1e3", [], {}, "9" * 20]


def test_whole_numbers_come_as_numbers_or_as_text():
    """Airmeet writes counts and times both ways (C)."""
    for value, number in WHOLE:
        with case(value, number):
            info = read(AIRMEETS_INFO, {"id": "e", "sessions": [{"uid": "s", "duration": value}]})

            assert info.sessions[0].duration == number


def test_what_is_no_whole_number_is_none():
    """Not even true, which Python takes for 1. It is kept as it came; an empty text is nothing."""
    for value in NOT_WHOLE:
        with case(value):
            info = read(AIRMEETS_INFO, {"id": "e", "sessions": [{"uid": "s", "duration": value}]})

            assert info.sessions[0].duration is None
            assert odd_members(info) == ([] if value == "" else ["duration"])


ROW = {"uid": "e-1", "name": "Forum", "status": "CREATED", "startTime": TEN, "timezone": "Asia/Kolkata"}
EVENT = Airmeet("e-1", "Forum", AirmeetStatus.CREATED, "Asia/Kolkata", AT_TEN)

PAGES = {
    "a page": (
        {"data": [ROW], "cursors": {"before": 7, "after": 9, "pageCount": 3, "totalCount": 21}},
        Page((EVENT,), after="9", before="7", page_count=3, total_count=21),
    ),
    "cursors as text": (
        {"data": [], "cursors": {"before": "7", "after": "a b", "pageCount": "3"}},
        Page((), "a b", "7", page_count=3),
    ),
    "null cursors": ({"data": [], "cursors": {"before": None, "after": None, "pageCount": None}}, Page(())),
    "empty cursors": ({"data": [], "cursors": {"before": "", "after": ""}}, Page(())),
    "one page": ({"data": [], "cursors": {"pageCount": 1, "totalCount": 1}}, Page((), page_count=1, total_count=1)),
    "a cursor of 0": ({"data": [], "cursors": {"after": 0}}, Page((), after="0")),
    "no cursors": ({"data": []}, Page(())),
    "null for cursors": ({"data": None, "cursors": None}, Page(())),
    "a list for cursors": ({"data": [], "cursors": []}, Page(())),
    "a bare list": ([ROW], Page((EVENT,))),
    "counts that mean nothing": ({"data": [], "cursors": {"pageCount": 0, "totalCount": -1}}, Page(())),
    "counts that are no numbers": ({"data": [], "cursors": {"pageCount": "many", "totalCount": 1.5}}, Page(())),
}


def test_a_page_is_read():
    """Cursors are numbers, text, null or missing; a count that cannot be right is none."""
    for name, (document, page) in PAGES.items():
        with case(name):
            assert read(AIRMEETS_LIST, document) == page


MOMENTS = {
    TEN: datetime(2026, 3, 1, 10, tzinfo=UTC),
    "2026-03-01T10:00:00+05:30": datetime(2026, 3, 1, 10, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    "2026-03-01T10:00:00": datetime(2026, 3, 1, 10, tzinfo=UTC),
    " 2026-03-01 10:00 ": datetime(2026, 3, 1, 10, tzinfo=UTC),
    "2026-03-01": datetime(2026, 3, 1, tzinfo=UTC),
    "2021:12:25T12:20:56.00Z": datetime(2021, 12, 25, 12, 20, 56, tzinfo=UTC),  # the documentation's own sample (C)
    "2021:12:25 12:20:56": datetime(2021, 12, 25, 12, 20, 56, tzinfo=UTC),
    "": None,
    "soon": None,
    "2026-13-01T10:00:00Z": None,
    "2026-02-30": None,
    "1700000000000": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
    "1700000000": datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
    "20260301": datetime(2026, 3, 1, tzinfo=UTC),
    "2026:03:01": None,
    "\ud800": None,
    "٢٠٢٦-03-01": None,
}


def test_a_time_is_read_leniently():
    """What cannot be read is kept as it came, and a time without a zone is UTC."""
    for text, at in MOMENTS.items():
        with case(text):
            event = from_dict(Airmeet, {"id": "e", "startTime": text})

            assert event.start_time == at
            assert (event.start_time and event.start_time.utcoffset()) == (at and at.utcoffset())
            assert event.extra == ({"startTime": text} if at is None and text else {})


@same_every_time
@given(st.text(st.characters(), max_size=40) | st.from_regex(r"[0-9:TZ+. -]{0,30}", fullmatch=True))
def test_no_text_can_break_a_time(text):
    """It is read with a zone, or kept as it is."""
    event = from_dict(Airmeet, {"id": "e", "startTime": text})

    assert (event.start_time is None) == (event.extra == {"startTime": text} or not text)
    assert event.start_time is None or event.start_time.astimezone(UTC).tzinfo is UTC


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "99999999999999", True])
def test_a_time_beyond_the_calendar_is_kept_as_it_came(text):
    assert from_dict(Airmeet, {"id": "e", "startTime": text}).extra == {"startTime": text}


def test_an_answer_that_was_written_down_is_read_back():
    """With times, nested values, and what the model does not know."""
    for row in (
        FULL_FIELD,
        FULL_SESSION,
        AirmeetInfo("e", start_time=AT_TEN, sessions=(FULL_SESSION,), extra={"x": [1]}),
    ):
        with case(row):
            assert from_dict(type(row), json.loads(json.dumps(row.as_dict()))) == row
    with pytest.raises(DecodeError, match="id of AirmeetInfo should be present") as caught:
        from_dict(AirmeetInfo, {})
    assert caught.value.path == "id"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "token", "cursors", "after", "uid", "id", "sessions"]), inner)
    ),
    max_leaves=10,
)


@same_every_time
@given(st.sampled_from(sorted(ENDPOINTS)), JSON)
@pytest.mark.slow
def test_any_document_is_an_answer_or_a_decode_error(name, document):
    """Nothing else comes out, whatever the types; and what is understood can be asked for again."""
    try:
        value = decode(Call(ENDPOINTS[name]), document)
    except DecodeError as error:
        assert error.operation == name  # noqa: PT017 - most documents end here, some do not
    else:
        if isinstance(value, Page):
            encode({"after": value.after, "before": value.before})
            assert f"{value.after}{value.before}".isascii()
