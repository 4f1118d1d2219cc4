"""What a journal keeps as text comes back as it was."""

import datetime as dt
from typing import Any

import attrs
import pytest

from airmeet_async import Attendee, JournalError, calls
from airmeet_async.bulk.journal.row_encoding import (
    decode_data,
    decode_note,
    decode_request,
    encodable,
    encode_data,
    encode_note,
    encode_request,
)
from airmeet_async.bulk.report import RowError, RowWarning
from airmeet_async.bulk.row import CallTemplate
from airmeet_async.protocol.endpoints import ATTENDEES_ADD

EVENT = "8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02"
OTHER = "8f0c1a2e-5b01-11ee-9c3a-0a58a9feac03"

CALLS = {
    "an attendee": calls.add_attendee(EVENT, Attendee("ada@example.com", "Ada", "Lovelace"), send_email_invite=True),
    "another script": calls.add_attendee(
        EVENT, Attendee("ada@example.com", "Адa", "\u05d0\u05d1]"), send_email_invite=True
    ),
    "a person to be blocked": calls.block_attendee(EVENT, "ada@example.com"),
    "no body": calls.remove_attendee(EVENT, "ada@example.com"),
    "another event": calls.block_attendee(OTHER, "ada@example.com"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_comes_back_with_its_bytes(name: str) -> None:
    call = CALLS[name]
    template = CallTemplate(call.endpoint, call.path, call.query)

    back, payload = decode_request(encode_request(template, call.payload))

    assert (back.call(payload), payload) == (call, call.payload)


def test_a_call_comes_back_with_its_flags() -> None:
    template = CallTemplate(ATTENDEES_ADD, {"airmeet_id": "e1"}, flags={"sendEmailInvite": True})

    assert decode_request(encode_request(template, b'{"email":"a@b.de"}')) == (template, b'{"email":"a@b.de"}')


def test_a_call_that_nobody_could_read_back_is_refused() -> None:
    own = attrs.evolve(CALLS["no body"].endpoint, name="mine")

    with pytest.raises(JournalError, match=r"'mine'.*without journal="):
        encode_request(CallTemplate(own), b"")


@pytest.mark.parametrize(
    ("data", "back"),
    [
        ({"email": "a@b.c", "name": ""}, {"email": "a@b.c", "name": ""}),
        ({"n": 1, "x": None, "l": [1.5, {"a": True}]}, {"n": 1, "x": None, "l": [1.5, {"a": True}]}),
        ({"odd": "\ud800"}, {"odd": "\ud800"}),
        ({1: "a"}, {"1": "a"}),
        ({"when": dt.date(2026, 1, 2)}, {"when": "2026-01-02"}),
        ({"big": 2**70}, {"big": 2**70}),
        ("a@b.c", "a@b.c"),
        (object(), None),
        ({"x": object}, {"x": "<class 'object'>"}),
    ],
)
def test_a_row_comes_back_as_it_was_given_as_far_as_text_can_hold_it(data: Any, back: Any) -> None:
    assert decode_data(encode_data(data)) == back


def test_a_row_comes_back_from_an_attendee() -> None:
    assert decode_data(encode_data(Attendee("a@b.c", "Ada", "Ay")))["first_name"] == "Ada"


def test_a_row_that_contains_itself_is_left_out() -> None:
    endless: dict[str, Any] = {}
    endless["self"] = endless

    assert encode_data(endless) is None


def test_a_note_comes_back_with_its_error() -> None:
    """And with the codes of its warnings."""
    warnings = (RowWarning("will_be_cut", "w"),)
    note = encode_note(RowError("c", "m", retryable=True), warnings, replayed=True, duplicate_of=0, nothing=None)

    assert (found := decode_note(note)) == {
        "error": RowError("c", "m", retryable=True), "warnings": ("w",), "replayed": True, "duplicate_of": 0,
    }  # fmt: skip
    assert found["warnings"][0].code == "will_be_cut"
    assert encode_note(None, (), replayed=False) is None
    assert decode_note(None) == {"error": None, "warnings": ()}


def test_text_that_sqlite_refuses_is_escaped() -> None:
    assert (encodable("é"), encodable("\ud800")) == ("é", "\\ud800")
