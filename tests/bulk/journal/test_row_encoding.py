"""What a journal keeps as text comes back as it was."""

from airmeet_async import Attendee, calls
from airmeet_async.bulk.journal.row_encoding import CallDecoder, encode_call

EVENT = "8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02"
OTHER = "8f0c1a2e-5b01-11ee-9c3a-0a58a9feac03"

CALLS = {
    "an attendee": calls.add_attendee(EVENT, Attendee("ada@example.com", "Ada", "Lovelace")),
    "another script": calls.add_attendee(EVENT, Attendee("ada@example.com", "Адa", "\u05d0\u05d1]")),
    "a person to be blocked": calls.block_attendee(EVENT, "ada@example.com"),
    "no body": calls.remove_attendee(EVENT, "ada@example.com"),
    "another event": calls.block_attendee(OTHER, "ada@example.com"),
}


def test_a_call_comes_back_with_its_bytes_also_after_one_like_it():
    for name, call in CALLS.items():
        decoder, text = CallDecoder(), encode_call(call)

        first, second = decoder.decode(text), decoder.decode(text)

        assert first == second == call, name
        assert first.payload == second.payload == call.payload, name


def test_calls_of_several_kinds_do_not_take_each_others_parts():
    decoder = CallDecoder()

    back = [decoder.decode(encode_call(call)) for call in [*CALLS.values()] * 2]

    assert back == [*CALLS.values()] * 2
