"""What a journal keeps as text comes back as it was."""

import pytest

from airmeet_async import Attendee, calls
from airmeet_async.bulk.journal.row_encoding import Reader, call_text

EVENT = "8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02"
OTHER = "8f0c1a2e-5b01-11ee-9c3a-0a58a9feac03"

CALLS = {
    "an attendee": calls.add_attendee(EVENT, Attendee("ada@example.com", "Ada", "Lovelace")),
    "another script": calls.add_attendee(EVENT, Attendee("ada@example.com", "Адa", "\u05d0\u05d1]")),
    "a person to be blocked": calls.block_attendee(EVENT, "ada@example.com"),
    "no body": calls.remove_attendee(EVENT, "ada@example.com"),
    "another event": calls.block_attendee(OTHER, "ada@example.com"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_comes_back_with_its_bytes_also_after_one_like_it(call):
    reader, text = Reader(), call_text(call)

    first, second = reader.call_of(text), reader.call_of(text)

    assert first == second == call
    assert first.payload == second.payload == call.payload


def test_calls_of_several_kinds_do_not_take_each_others_parts():
    reader = Reader()

    back = [reader.call_of(call_text(call)) for call in [*CALLS.values()] * 2]

    assert back == [*CALLS.values()] * 2
