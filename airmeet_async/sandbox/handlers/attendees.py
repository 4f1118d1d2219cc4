"""Letting people in and keeping them out."""

from urllib.parse import unquote

from airmeet_async.api.wire import Reply

from ..asked import Asked
from ..payload import details, email, flag
from ..replies import InvalidError, Refusal, ok
from ..state import Json, Person, identity


def add(asked: Asked) -> Reply:
    """Add a person, once: a replay changes no details and answers the same link (A)."""
    body = asked.body()
    address = email(body, "email")
    stored = details(body, asked.event, asked.switches)
    register = flag(body, "registerAttendee", default=False)
    invite = flag(body, "sendEmailInvite", default=True)
    key = identity(address, fold=asked.switches.fold_email_case)
    person = asked.event.people.get(key)
    if person is None:
        person = _enter(asked, key, address, stored, register=register)
        asked.count("adds")
    else:
        person.blocked = person.blocked and not asked.switches.replay_unblocks
        invite = invite and asked.switches.replay_mails
        asked.count("replays")
    person.adds += 1
    if invite:
        person.mails += 1
        asked.count("mails")
    return ok(email=person.email, entryLink=person.entry_link)


def _enter(asked: Asked, key: str, address: str, stored: Json, *, register: bool) -> Person:
    event = asked.event
    registered = register or "attendance_type" in stored  # A: the hybrid format registers at once
    if registered:
        if event.registered >= event.quota:
            raise Refusal(asked.switches.quota_status, "No registrations left")
        asked.count("registrations")
    return asked.state.admit(event, key, address, stored, registered=registered)


def block(asked: Asked) -> Reply:
    """Keep a person out."""
    return _set_blocked(asked, blocked=True)


def unblock(asked: Asked) -> Reply:
    """Let a blocked person in again."""
    return _set_blocked(asked, blocked=False)


def _set_blocked(asked: Asked, *, blocked: bool) -> Reply:
    person = _person(asked, email(asked.body(), "attendeeEmail"))
    if person is not None:
        person.blocked = blocked
        asked.count("blocks" if blocked else "unblocks")
    return ok(success=True)


def remove(asked: Asked) -> Reply:
    """Take a person out; the address in the path is encoded once, or twice as Airmeet's connector does (B)."""
    sent = asked.params["email"]
    person = _person(asked, sent if "@" in sent else unquote(sent))
    if person is not None:
        key = identity(person.email, fold=asked.switches.fold_email_case)
        del asked.event.people[key]
        asked.event.registered -= person.registered and asked.switches.removal_frees_place
        asked.count("removals")
    return ok(success=True, message="The attendee is removed")


def _person(asked: Asked, address: str) -> Person | None:
    """Return somebody who was added; if there is nobody, refuse, unless a silent yes is switched on."""
    person = asked.event.people.get(identity(address, fold=asked.switches.fold_email_case))
    status = asked.switches.unknown_attendee_status
    if person is None and status != 200:
        message = f"{address} is not an attendee of this airmeet"
        raise InvalidError(message) if status == 400 else Refusal(status, message)
    return person
