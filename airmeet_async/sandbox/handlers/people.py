"""Attendees: adding, blocking, removing and listing them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from airmeet_async.protocol.http_messages import Reply
from airmeet_async.sandbox.community import Event, Json, Person
from airmeet_async.sandbox.event_people import EventPeople, Guest
from airmeet_async.sandbox.request import IncomingRequest
from airmeet_async.sandbox.responses import (
    InvalidError,
    LazyRows,
    Refusal,
    ok,
    page_of,
    size_of,
    start_past_the_end,
    timestamp,
)
from airmeet_async.sandbox.switches import Switches

LONG, SHORT = 70, 35  # A: characters of the longer fields, and of first and last name
RESULT_SIZE: Final = 1000  # the default (C) and the maximum (C)
REGISTRATIONS_SIZE: Final = 100  # the default of Airmeet's connector (B); the maximum is unknown
_ATTENDANCE_TYPES: Final = ("IN-PERSON", "VIRTUAL")
_DOTS: Final = "..."
_FIRST_ROW: Final = 7001


def add(request: IncomingRequest) -> Reply:
    """Add a person, once: a replay changes no details and answers the same link (A)."""
    given, event, switches, counts = request.given(), request.event, request.switches, request.state.counts
    details = _details(given, event, switches)
    invite = given.get("sendEmailInvite", True)
    key = request.identity(given["email"])
    person = event.people.get(key)
    if person is None:
        # A: the hybrid format registers at once
        registered = given.get("registerAttendee", False) or "attendance_type" in details
        if registered:
            if event.registered >= event.quota:
                raise Refusal(switches.quota_status, "No registrations left")
            counts["registrations"] += 1
        person = request.state.admit(event, key, given["email"], details, registered=registered)
        counts["adds"] += 1
    else:
        person.blocked = person.blocked and not switches.replay_unblocks
        invite = invite and switches.replay_mails
        counts["replays"] += 1
    person.adds += 1
    if invite:
        person.mails += 1
        counts["mails"] += 1
    return ok(email=person.email, entryLink=person.entry_link)


def _details(given: Mapping[str, Any], event: Event, switches: Switches) -> Json:
    """Return what is stored of an add, cut to Airmeet's lengths: too long a text is no error (A)."""

    def cut(value: str, limit: int, *, dots: bool) -> str:
        if len(value) <= limit or not dots:
            return value[:limit]
        return value[: limit - len(_DOTS) if switches.dots_inside_limit else limit] + _DOTS

    details: Json = {name: cut(given[name], SHORT, dots=switches.dots_on_names) for name in ("firstName", "lastName")}
    for name in ("organisation", "designation", "city", "country"):
        if name in given:
            details[name] = cut(given[name], LONG, dots=True)

    if event.sub_type == "HYBRID_CONFERENCE":  # A: it demands the type, other formats ignore it
        details["attendance_type"] = given.get("attendance_type")
        if details["attendance_type"] not in _ATTENDANCE_TYPES:
            raise InvalidError(f"attendance_type must be one of {', '.join(_ATTENDANCE_TYPES)}")

    answers = given.get("customFieldMapping", [])
    answered = {answer["fieldId"] for answer in answers}
    if unknown := sorted(answered - {field["fieldId"] for field in event.custom_fields}):
        raise InvalidError(f"Unknown custom field {unknown[0]}")
    missing = {str(field["fieldId"]) for field in event.custom_fields if field["isRequired"]} - answered
    if missing and switches.required_fields_enforced:
        raise InvalidError(f"customFieldMapping must fill {', '.join(sorted(missing))}")
    if answers:
        details["customFieldMapping"] = answers
    return details


def block(request: IncomingRequest) -> Reply:
    """Keep a person out."""
    return _set_blocked(request, blocked=True)


def unblock(request: IncomingRequest) -> Reply:
    """Let a blocked person in again."""
    return _set_blocked(request, blocked=False)


def _set_blocked(request: IncomingRequest, *, blocked: bool) -> Reply:
    person = _find_person(request, request.given()["attendeeEmail"])
    if person is not None:
        person.blocked = blocked
        request.state.counts["blocks" if blocked else "unblocks"] += 1
    return ok(success=True)


def remove(request: IncomingRequest) -> Reply:
    """Take a person out; the address in the path is encoded once, or twice as Airmeet's connector does (B)."""
    sent = request.params["email"]
    person = _find_person(request, sent if "@" in sent else unquote(sent))
    if person is not None:
        del request.event.people[request.identity(person.email)]
        request.event.registered -= person.registered and request.switches.removal_frees_place
        request.state.counts["removals"] += 1
    return ok(success=True, message="The attendee is removed")


def _find_person(request: IncomingRequest, address: str) -> Person | None:
    """Return somebody who was added; refuse anybody else, unless a silent yes is switched on."""
    person = request.event.people.get(request.identity(address))
    status = request.switches.unknown_attendee_status
    if person is None and status != 200:
        message = f"{address} is not an attendee of this airmeet"
        raise InvalidError(message) if status == 400 else Refusal(status, message)
    return person


def participants(request: IncomingRequest) -> Reply:
    """List everybody, speakers and invited people too, in numbered pages."""
    query, switches = request.query, request.switches
    people = EventPeople(request.event, request.state, speakers=True)

    places: Sequence[int] = range(len(people))
    if query.get("emailIds"):
        emails = (email.strip() for email in query["emailIds"].split(","))
        places = people.places(emails, fold=switches.fold_email_case)
    key = query.get("sortingKey", "registrationDate")
    if key != "registrationDate":
        texts = people.texts(key)
        places = sorted(places, key=lambda place: texts[place].casefold())
    if query.get("sortingDirection", switches.sorting_direction) == "DESC":
        places = places[::-1]

    size = size_of(query, "resultSize", switches, default=RESULT_SIZE, most=RESULT_SIZE)
    start = (query.get("pageNumber", 1) - 1) * size
    if start >= max(len(places), 1):
        start = start_past_the_end(len(places), size, switches)
    rows = [_participant(people[place]) for place in places[start : start + size]]
    return ok(**{switches.participants_key: rows}, userCount=len(rows), totalUserCount=len(places))


def _participant(guest: Guest) -> Json:
    return _registration(guest) | {
        "profile_url": "",
        "user_type": guest.user_type,
        "user_id": guest.user_id,
        "token": guest.link,
        "invite_sent": guest.mailed,
        "user_profile": [  # several values of one field become one text
            {"fieldId": answer["fieldId"], "value": ", ".join(answer["value"])}
            for answer in guest.details.get("customFieldMapping", [])
        ],
    }


def _registration(guest: Guest) -> Json:
    return {
        "email": guest.email,
        "name": guest.name,
        **{name: guest.details.get(name, "") for name in ("city", "country", "organisation")},
        "Designation": guest.details.get("designation", ""),
        "registrationDate": timestamp(guest.registered_at),
    }


def registrations(request: IncomingRequest) -> Reply:
    """List those who are confirmed, the legacy way."""
    count, guest = EventPeople(request.event, request.state).registered()
    listed = LazyRows(range(_FIRST_ROW, _FIRST_ROW + count), lambda number: _registration(guest(number)))
    sizes = {"default": REGISTRATIONS_SIZE, "most": REGISTRATIONS_SIZE}
    page, _ = page_of(listed, request.query, request.switches, **sizes, descending=request.switches.rows_newest_first)
    return ok(**page)
