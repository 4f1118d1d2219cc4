"""Webhook payloads: `parse_webhook` makes a typed event of a request's body. Pure, and of no framework.

Airmeet signs nothing and publishes no payload in full: the members are those that its own connector declares (B).
The body need not say which trigger it belongs to, so it is told apart by its members where nobody says.
"""

from datetime import datetime
from typing import Any

from attrs import field, frozen

from airmeet_async.errors import DecodeError
from airmeet_async.protocol import json_codec
from airmeet_async.protocol.decoding import ShapeError, converter
from airmeet_async.protocol.models import Answer, PollAnswer, Question, wire
from airmeet_async.protocol.value_class import AsDict


@frozen
class EventNews(Answer):
    """An event was created, starts, ends or is about to start (B)."""

    airmeet_id: str | None = field(default=None, metadata=wire("airmeet_id", "airmeetId", "id", "uid"))
    name: str | None = field(default=None, metadata=wire("airmeetName", "name"))
    status: str | None = None


@frozen
class RegistrantAdded(Answer):
    """Somebody was added to an event (B)."""

    email: str
    airmeet_id: str | None = field(default=None, metadata=wire("airmeetId", "airmeet_id"))
    airmeet_name: str | None = field(default=None, metadata=wire("airmeetName"))
    name: str | None = None
    first_name: str | None = field(default=None, metadata=wire("firstName"))
    last_name: str | None = field(default=None, metadata=wire("lastName"))
    city: str | None = None
    country: str | None = None
    designation: str | None = None
    organisation: str | None = field(default=None, metadata=wire("organization", "organisation"))
    registered_at: datetime | None = field(default=None, metadata=wire("registrationTime"))
    entry_link: str | None = field(default=None, metadata=wire("entryLink"), repr=False)
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))


@frozen
class AttendeeJoined(Answer):
    """Somebody was in an event or a session; sent after its end (A)."""

    email: str
    name: str | None = None
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    at: datetime | None = field(default=None, metadata=wire("time_stamp"))


@frozen
class PollsAnswered(Answer):
    """Somebody's poll answers (B)."""

    polls: tuple[PollAnswer, ...]
    email: str | None = None
    name: str | None = None


@frozen
class QuestionsAsked(Answer):
    """Somebody's questions (B)."""

    questions: tuple[Question, ...]
    email: str | None = None
    name: str | None = None


@frozen
class BoothVisited(Answer):
    """Somebody was at a booth (B)."""

    email: str
    name: str | None = None
    visits: int | None = None
    interested_in_contact: bool | None = field(default=None, metadata=wire("interested_in_being_contacted"))
    user_id: str | None = field(default=None, metadata=wire("userId", "user_id"))
    at: datetime | None = field(default=None, metadata=wire("time_stamp"))


@frozen
class RecordingLink(Answer):
    """One recording that can be fetched (B)."""

    download_link: str | None = field(default=None, metadata=wire("link"), repr=False)
    session_id: str | None = field(default=None, metadata=wire("sessionId", "session_id"))


@frozen
class RecordingsAvailable(Answer):
    """Recordings are there (B)."""

    recordings: tuple[RecordingLink, ...]


Payload = (
    EventNews | RegistrantAdded | AttendeeJoined | PollsAnswered | QuestionsAsked | BoothVisited | RecordingsAvailable
)

# The documented triggers (A, B).
_BY_TRIGGER: dict[str, type[Any]] = {
    "trigger.airmeet.created": EventNews,
    "trigger.airmeet.started": EventNews,
    "trigger.airmeet.finished": EventNews,
    "trigger.airmeet.reminder": EventNews,
    "trigger.airmeet.recording.available": RecordingsAvailable,
    "trigger.airmeet.attendee.added": RegistrantAdded,
    "trigger.airmeet.registrant.added": RegistrantAdded,
    "trigger.airmeet.attendee.joined": AttendeeJoined,
    "trigger.session.attendee.joined": AttendeeJoined,
    "trigger.airmeet.polls": PollsAnswered,
    "trigger.airmeet.questions": QuestionsAsked,
    "trigger.attendee.booth.joined": BoothVisited,
}  # fmt: skip

_BY_MEMBER: tuple[tuple[frozenset[str], type[Any]], ...] = (
    (frozenset({"recordings"}), RecordingsAvailable),
    (frozenset({"polls"}), PollsAnswered),
    (frozenset({"questions"}), QuestionsAsked),
    (frozenset({"visits", "interested_in_being_contacted"}), BoothVisited),
    (frozenset({"registrationTime", "entryLink"}), RegistrantAdded),
    (frozenset({"time_stamp"}), AttendeeJoined),
    (frozenset({"start_time", "short_desc", "organiser_name", "hostUser", "community_id"}), EventNews),
)
_TRIGGER_NAMES = ("trigger", "triggerMetaInfoId", "triggerId", "eventType")


@frozen
class WebhookEvent(AsDict):
    """One webhook request.

    Attributes:
        trigger: Which trigger, where the caller or the body says so.
        payload: The typed payload, or None for one that is not known.
        raw: The body as it came. May hold an entry link, so it is not in the repr.
    """

    trigger: str | None
    payload: Payload | None
    raw: dict[str, Any] = field(repr=False)


def parse_webhook(body: bytes | str, *, trigger: str | None = None) -> WebhookEvent:
    """Parse the body of a webhook request.

    Airmeet does not sign requests (C), so keep the URL secret, for example with a random path, and check the values.

    Args:
        body: The raw request body.
        trigger: Which trigger it is for, where you register one address per trigger.

    Raises:
        DecodeError: The body is not a JSON object. An unknown trigger is not an error: its members are in ``raw``.
    """
    if not isinstance(body, (bytes, str)):
        raise DecodeError(f"parse_webhook takes the body as bytes or text, not {type(body).__name__}")
    try:
        document = json_codec.decode(body.encode(errors="replace") if isinstance(body, str) else body)
    except ValueError as error:
        raise DecodeError(f"the webhook's body is {error}") from None
    if not isinstance(document, dict):
        raise DecodeError("the webhook's body is not a JSON object")
    inner = document.get("payload") or document.get("data")
    content = inner if isinstance(inner, dict) else document
    trigger = trigger or next((document[name] for name in _TRIGGER_NAMES if isinstance(document.get(name), str)), None)
    if trigger is None:
        model = next((model for members, model in _BY_MEMBER if members & content.keys()), None)
    else:
        model = _BY_TRIGGER.get(trigger)
    try:
        payload = None if model is None else converter.get_structure_hook(model)(content, model)
    except ShapeError as error:
        message = f"the webhook's {error.path or 'body'} should be {error.wanted}"
        raise DecodeError(message, path=error.path) from None
    return WebhookEvent(trigger, payload, document)
