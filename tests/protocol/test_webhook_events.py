"""What webhooks deliver, as typed events."""

import json
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from airmeet_async import (
    AttendeeJoined,
    BoothVisited,
    DecodeError,
    EventNews,
    PollsAnswered,
    QuestionsAsked,
    RecordingsAvailable,
    RegistrantAdded,
    parse_webhook,
)
from airmeet_async.protocol.webhook_events import RecordingLink
from airmeet_async.sandbox import webhook_payloads
from tests.cases import case

LINK = "https://www.airmeet.com/e/x?code=SENTINEL-link-7a1f"
REGISTRANT = {
    "airmeetId": "x",
    "email": "a@example.com",
    "firstName": "A",
    "organization": "Forum",
    "registrationTime": "2026-02-01T10:00:00.000Z",
    "entryLink": LINK,
    "somethingNew": [1],
}

# Left: the trigger; then a body; then the type, and one member with its value.
KNOWN: list[tuple[str, dict[str, Any], type, str, Any]] = [
    ("trigger.airmeet.created", {"airmeet_id": "x", "name": "Forum", "short_desc": "s"}, EventNews, "name", "Forum"),
    ("trigger.airmeet.registrant.added", REGISTRANT, RegistrantAdded, "organisation", "Forum"),
    ("trigger.airmeet.attendee.added", REGISTRANT, RegistrantAdded, "entry_link", LINK),
    (
        "trigger.airmeet.attendee.joined",
        {"email": "a@example.com", "time_stamp": "2026-03-01T10:00:00Z"},
        AttendeeJoined,
        "email",
        "a@example.com",
    ),
    ("trigger.airmeet.polls", {"email": "a@example.com", "polls": []}, PollsAnswered, "polls", ()),
    ("trigger.airmeet.questions", {"questions": [{"upvoteCount": "3"}]}, QuestionsAsked, "email", None),
    ("trigger.attendee.booth.joined", {"email": "a@example.com", "visits": 2}, BoothVisited, "visits", 2),
    (
        "trigger.airmeet.recording.available",
        {"recordings": [{"link": LINK}]},
        RecordingsAvailable,
        "recordings",
        (RecordingLink(LINK),),
    ),
]


def test_a_documented_trigger_has_its_type():
    """Whoever says which it is; where nobody does, its members tell."""
    for row, told in product(KNOWN, ["by the caller", "by the body", "by nobody", "in an envelope"]):
        with case(row, told):
            trigger, body, kind, member, value = row
            document = {"payload": body} if told == "in an envelope" else body
            document = document | ({"trigger": trigger} if told == "by the body" else {})
            event = parse_webhook(json.dumps(document).encode(), trigger=trigger if told == "by the caller" else None)

            assert type(event.payload) is kind
            assert getattr(event.payload, member) == value
            assert event.trigger == (None if told in {"by nobody", "in an envelope"} else trigger)
            assert event.raw == document


def test_what_is_not_known_is_kept():
    """A trigger of tomorrow is no error."""
    event = parse_webhook(b'{"trigger": "trigger.of.tomorrow", "x": 1}')

    assert (event.trigger, event.payload, event.raw["x"]) == ("trigger.of.tomorrow", None, 1)
    registrant = parse_webhook(json.dumps(REGISTRANT).encode()).payload
    assert isinstance(registrant, RegistrantAdded)
    assert registrant.extra == {"somethingNew": [1]}


def test_a_link_does_not_show():
    """An event may end in a log line."""
    event = parse_webhook(json.dumps(REGISTRANT).encode())

    assert "SENTINEL" not in repr(event)


def test_what_is_no_object_is_refused():
    """With an error of this library, whatever a stranger sends."""
    for body in [b"", b"[]", b"null", b"{", b"\xff", b'"text"', b"[" * 100_000]:
        with case(body), pytest.raises(DecodeError, match="webhook"):
            parse_webhook(body)


def test_a_member_of_the_wrong_type_is_kept_as_it_came():
    """Airmeet does not send it a second time."""
    payload = parse_webhook(b'{"polls": "none", "email": ["a"]}').payload

    assert isinstance(payload, PollsAnswered)
    assert (payload.polls, payload.email, payload.extra) == ((), None, {"polls": "none", "email": ["a"]})


JOINED = {"email": "a@example.com", "time_stamp": 1_700_000_000_000, "user_id": 17}
ODD: dict[str, tuple[Any, type | None]] = {
    "a payload of another kind": ({**REGISTRANT, "payload": {"retries": 1}}, RegistrantAdded),
    "data of another kind, with a trigger": (
        {**REGISTRANT, "data": {"version": 2}, "trigger": "trigger.airmeet.registrant.added"}, RegistrantAdded,
    ),
    "data that is a text": ({**JOINED, "data": "x"}, AttendeeJoined),
    "an empty payload": ({**JOINED, "payload": {}}, AttendeeJoined),
    "a time beside the envelope": ({"time_stamp": 1, "payload": REGISTRANT}, RegistrantAdded),
    "an event type of another name": ({**JOINED, "eventType": "webhook.delivery"}, AttendeeJoined),
    "the connector's name": ({"email": "a@example.com", "eventType": "REGISTRANT_ADDED"}, RegistrantAdded),
    "a trigger within the envelope": ({"data": {"email": None, "trigger": "trigger.airmeet.polls"}}, PollsAnswered),
    "a trigger of tomorrow is no other one": ({**JOINED, "trigger": "trigger.airmeet.attendee.left"}, None),
    "a guest without an address": ({"email": None, "time_stamp": "soon"}, AttendeeJoined),
    "nothing that is known": ({"x": 1}, None),
}  # fmt: skip


def test_what_can_be_read_is_read():
    """And all of it is in `raw`, whatever it is."""
    for name, (body, kind) in ODD.items():
        with case(name):
            event = parse_webhook(json.dumps(body))

            assert type(event.payload) is (type(None) if kind is None else kind)
            assert (event.raw, event.others) == (body, ())


def test_odd_values_are_read_as_far_as_they_can_be():
    """Epoch times, a number as an id, no address."""
    joined = parse_webhook(json.dumps(JOINED)).payload

    assert isinstance(joined, AttendeeJoined)
    assert (joined.user_id, joined.at) == ("17", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC))
    guest = parse_webhook(json.dumps({"email": None, "time_stamp": "soon"})).payload
    assert isinstance(guest, AttendeeJoined)
    assert (guest.email, guest.at, guest.extra) == (None, None, {"time_stamp": "soon"})


def test_several_events_of_a_request_are_all_read():
    """A list, also in an envelope that names their trigger."""
    both = [REGISTRANT, {**REGISTRANT, "email": "b@example.com"}]
    for body in (both, {"data": both}, {"trigger": "trigger.airmeet.registrant.added", "events": both}):
        with case(body):
            event = parse_webhook(json.dumps(body))

            found = [event, *event.others]
            assert [getattr(one.payload, "email", None) for one in found] == ["a@example.com", "b@example.com"]
            assert [one.raw for one in found] == both
            assert {one.trigger for one in found} == {body.get("trigger") if isinstance(body, dict) else None}


def test_an_event_can_be_written_down():
    """Links included, since whoever asks for it wants them."""
    written = json.loads(json.dumps(parse_webhook(json.dumps(REGISTRANT)).as_dict()))

    assert (written["payload"]["entry_link"], written["raw"]) == (LINK, REGISTRANT)
    assert written["payload"]["registered_at"] == "2026-02-01T10:00:00+00:00"


DOCUMENTED = [trigger for trigger in webhook_payloads.SAMPLES if trigger in {row[0] for row in KNOWN}]


def test_the_sandboxs_own_samples_are_understood():
    """They were written from the facts, not from these models."""
    for trigger in DOCUMENTED:
        with case(trigger):
            assert (
                parse_webhook(json.dumps(webhook_payloads.SAMPLES[trigger]).encode(), trigger=trigger).payload
                is not None
            )
