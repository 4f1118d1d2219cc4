"""What webhooks deliver, as typed events."""

import json
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


def test_a_member_of_the_wrong_type_is_named():
    """So that the sender can be found out."""
    with pytest.raises(DecodeError, match="polls") as caught:
        parse_webhook(b'{"polls": "none"}')

    assert caught.value.path == "polls"


DOCUMENTED = [trigger for trigger in webhook_payloads.SAMPLES if trigger in {row[0] for row in KNOWN}]


def test_the_sandboxs_own_samples_are_understood():
    """They were written from the facts, not from these models."""
    for trigger in DOCUMENTED:
        with case(trigger):
            assert (
                parse_webhook(json.dumps(webhook_payloads.SAMPLES[trigger]).encode(), trigger=trigger).payload
                is not None
            )
