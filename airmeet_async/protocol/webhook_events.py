"""Webhook payloads: `parse_webhook` makes a typed event of a request's body. Pure, and of no framework.

Airmeet signs nothing and publishes no payload in full: the members are those that its own connector declares (B).

1. What can be read is read. No member is mandatory; one of another shape is in the payload's ``extra``, and the whole
   body in `WebhookEvent.raw`, since Airmeet does not send it a second time.
2. The body need not say which trigger it belongs to: where nobody says, its members tell. A trigger by Airmeet's scheme
   of names (``trigger.…``) that is not known is no other one, whatever its members are.
3. The members may stand in an envelope (``payload``, ``data``), and a member of such a name need not be one: the part
   with the most known members is the payload.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import evolve, field, fields, frozen

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

    email: str | None = None
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

    email: str | None = None
    name: str | None = None
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    at: datetime | None = field(default=None, metadata=wire("time_stamp"))


@frozen
class PollsAnswered(Answer):
    """Somebody's poll answers (B)."""

    polls: tuple[PollAnswer, ...] = ()
    email: str | None = None
    name: str | None = None


@frozen
class QuestionsAsked(Answer):
    """Somebody's questions (B)."""

    questions: tuple[Question, ...] = ()
    email: str | None = None
    name: str | None = None


@frozen
class BoothVisited(Answer):
    """Somebody was at a booth (B)."""

    email: str | None = None
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

    recordings: tuple[RecordingLink, ...] = ()


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
_TRIGGER_NAMES = ("trigger", "triggerMetaInfoId", "triggerId", "eventType", "event_type", "event")
# What Airmeet's own connector calls them (B).
_BY_NAME = {
    "AIRMEET_CREATED": "created", "AIRMEET_STARTED": "started", "AIRMEET_FINISHED": "finished",
    "AIRMEET_REMINDER": "reminder", "REGISTRANT_ADDED": "registrant.added", "ATTENDEE_JOINED_EVENT": "attendee.joined",
    "EVENT_POLLS": "polls", "EVENT_QUESTIONS": "questions",
}  # fmt: skip
_ENVELOPES = ("payload", "data", "events")
_MEMBERS = {
    model: frozenset(name for spec in fields(model) for name in spec.metadata.get("wire", (spec.name,))) - {"extra"}
    for model in {*_BY_TRIGGER.values()}
}


@frozen
class WebhookEvent(AsDict):
    """One event of a webhook request.

    Attributes:
        trigger: Which trigger, where the caller or the body says so.
        payload: The typed payload, or None for one that is not known.
        raw: The body as it came; of several events in one request its part. May hold an entry link, so it is not in
            the repr.
        others: The other events of the same request; nearly always none.
    """

    trigger: str | None
    payload: Payload | None
    raw: dict[str, Any] = field(repr=False)
    others: "tuple[WebhookEvent, ...]" = ()


def parse_webhook(body: bytes | str, *, trigger: str | None = None) -> WebhookEvent:
    """Parse the body of a webhook request.

    Airmeet does not sign requests (C), so keep the URL secret, for example with a random path, and check the values.

    Args:
        body: The raw request body.
        trigger: Which trigger it is for, where you register one address per trigger.

    Raises:
        DecodeError: There is no JSON object in the body. An unknown trigger or an odd value is not an error: everything
            is in ``raw``.
    """
    if not isinstance(body, (bytes, str)):
        raise DecodeError(f"parse_webhook takes the body as bytes or text, not {type(body).__name__}")
    try:
        document = json_codec.decode(body.encode(errors="replace") if isinstance(body, str) else body)
    except ValueError as error:
        raise DecodeError(f"the webhook's body is {error}") from None
    parts = _parts(document)
    if not parts:
        raise DecodeError("the webhook's body is not a JSON object")
    if trigger is None and isinstance(document, dict):
        trigger = _trigger_of(document)
    return evolve(_event(parts[0], trigger), others=tuple(_event(one, trigger) for one in parts[1:]))


def _parts(document: Any) -> list[dict[str, Any]]:
    """Return the events of a request: nearly always one, else those of a list, also of one in an envelope."""
    if isinstance(document, dict):
        inner: list[Any] = next((document[name] for name in _ENVELOPES if isinstance(document.get(name), list)), [])
        is_batch = bool(inner) and all(isinstance(one, dict) for one in inner) and _best([document], _BY_MEMBER) is None
        return inner if is_batch else [document]
    return [one for one in document if isinstance(one, dict)] if isinstance(document, list) else []


def _event(document: dict[str, Any], trigger: str | None) -> WebhookEvent:
    trigger = trigger or _trigger_of(document)
    inner = [part for name in _ENVELOPES if isinstance(part := document.get(name), dict)]
    trigger = trigger or next(filter(None, map(_trigger_of, inner)), None)
    full = f"trigger.airmeet.{_BY_NAME.get((trigger or '').upper())}"
    model = _BY_TRIGGER.get(trigger or "") or _BY_TRIGGER.get(full)
    found = None
    if model is not None:
        found = _best([document, *inner], [(_MEMBERS[model], model)]) or (document, model)
    elif trigger is None or not trigger.startswith("trigger."):
        found = _best([document, *inner], _BY_MEMBER)
    try:
        payload = None if found is None else converter.get_structure_hook(found[1])(found[0], found[1])
    except ShapeError:
        payload = None
    return WebhookEvent(trigger, payload, document)


def _trigger_of(document: dict[str, Any]) -> str | None:
    return next((document[name] for name in _TRIGGER_NAMES if isinstance(document.get(name), str)), None)


def _best(
    parts: Sequence[dict[str, Any]], models: Sequence[tuple[frozenset[str], type[Any]]]
) -> tuple[dict[str, Any], type[Any]] | None:
    """Return the part with the most known members, and its model; None if no part has a member that tells a model."""
    found = [
        (len(_MEMBERS[model] & part.keys()), part, model)
        for part in parts
        for telling, model in models
        if telling & part.keys()
    ]
    return max(found, key=lambda one: one[0])[1:] if found else None
