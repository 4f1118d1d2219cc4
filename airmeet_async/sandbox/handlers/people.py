"""The people of an event: adding, blocking, removing and listing them.

Those who were added come first, in order of arrival; then the crowd, who are
made up from their number alone, so that a hundred thousand of them cost nothing.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import unquote

from attrs import frozen

from airmeet_async.protocol.http_messages import Reply
from airmeet_async.sandbox.community import LINK, CommunityState, Event, Json, Person, identity
from airmeet_async.sandbox.fake_people import fake_person
from airmeet_async.sandbox.request import IncomingRequest
from airmeet_async.sandbox.responses import (
    InvalidError,
    LazyRows,
    Refusal,
    acknowledge,
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
_A: Final = {"array": "an array of strings", "text": "a string"}
_DOTS: Final = "..."
_FIRST_ROW: Final = 7001
_OPENING: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
_SPEAKERS_BEFORE: Final = 2880  # a day, by `Guest.registered_at`
_CROWD_FROM: Final = 1_000_000
_CROWD_ADDRESS: Final = re.compile(r"crowd-(\d{7,})@example\.com")


@frozen(kw_only=True)
class Guest:
    """Somebody of an event.

    Attributes:
        place: Where they stand in the order of arrival; it stays the same whoever else comes or goes.
        email: The address.
        name: The whole name.
        user_id: A short id (C).
        user_type: What they are; the words are a guess (?).
        link: The personal link.
        details: City, country, organisation, designation and answers to custom fields.
        mailed: An invitation was sent.
    """

    place: int
    email: str
    name: str
    user_id: str
    user_type: str = "attendee"
    link: str
    details: Json
    mailed: bool = True

    @property
    def registered_at(self) -> datetime:
        """When they were added: half a minute after the one before."""
        return _OPENING + timedelta(seconds=30 * self.place)


class EventPeople(Sequence[Guest]):
    """All people of an event by place.

    Args:
        event: The event.
        state: Makes their ids.
        speakers: The event's speakers come first.
    """

    def __init__(self, event: Event, state: CommunityState, *, speakers: bool = False) -> None:
        self._event = event
        self._state = state
        self._speakers = tuple(event.speakers.values()) if speakers else ()
        self._people = tuple(event.people.values())
        self._crowd_start = len(self._speakers) + len(self._people)

    def __len__(self) -> int:
        return self._crowd_start + self._event.crowd

    def __getitem__(self, place: int) -> Guest:  # type: ignore[override]  # no slices
        if not 0 <= place < len(self):
            raise IndexError(place)
        if place < len(self._speakers):
            speaker = self._speakers[place]
            details, order = speaker.details, place - _SPEAKERS_BEFORE
            return self._guest(order, speaker.email, speaker.name, details, user_type="speaker")
        if place < self._crowd_start:
            person = self._people[place - len(self._speakers)]
            facts = {"link": person.entry_link, "mailed": person.mails > 0}
            return self._guest(person.place, person.email, _name(person.details), person.details, **facts)
        number = place - self._crowd_start
        details = fake_person(number)
        return self._guest(_CROWD_FROM + number, _crowd_address(number), _name(details), details)

    def places(self, emails: Iterable[str], *, fold: bool) -> list[int]:
        """Return where people of these addresses stand, ascending."""
        wanted = {identity(email, fold=fold) for email in emails}
        found = [place for place, email in enumerate(self._emails()) if identity(email, fold=fold) in wanted]
        numbers = (int(match[1]) for email in wanted if (match := _CROWD_ADDRESS.fullmatch(email)))
        return found + sorted(self._crowd_start + number for number in numbers if number < self._event.crowd)

    def _emails(self) -> list[str]:
        return [one.email for one in self._speakers] + [one.email for one in self._people]

    def _guest(self, place: int, email: str, name: str, details: Json, **facts: Any) -> Guest:
        code = self._state.code("person", self._event.uid, email)
        known = {"link": LINK.format(event=self._event.uid, code=code), "user_id": code[:9]} | facts
        return Guest(place=place, email=email, name=name, details=details, **known)


def _crowd_address(number: int) -> str:
    return f"crowd-{number:07}@example.com"


def _name(details: Json) -> str:
    return f"{details['firstName']} {details['lastName']}"


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
        details["customFieldMapping"] = [_checked_answer(answer, event, switches) for answer in answers]
    return details


def _checked_answer(answer: Json, event: Event, switches: Switches) -> Json:
    """Return an answer to a registration field as it is stored, or refuse it in the reading that is switched on."""
    given, field = answer["value"], next(one for one in event.custom_fields if one["fieldId"] == answer["fieldId"])
    if switches.answer_values not in {"either", "array" if isinstance(given, list) else "text"}:
        raise InvalidError(f"The value of {answer['fieldId']} must be {_A[switches.answer_values]}")
    texts = [given] if isinstance(given, str) else given
    members = {"either": ("code", "displayValue"), "code": ("code",), "label": ("displayValue",)}
    known = {option[name] for option in field["options"] or () for name in members[switches.option_answers]}
    if known and (unknown := [text for text in texts if text not in known]):
        raise InvalidError(f"{unknown[0]} is not an option of {answer['fieldId']}")
    return {**answer, "value": texts}


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
    return acknowledge(request.switches, f"The attendee is {'blocked' if blocked else 'unblocked'}")


def remove(request: IncomingRequest) -> Reply:
    """Take a person out; the address in the path is encoded once, or twice as Airmeet's connector does (B)."""
    sent = request.params["email"]
    person = _find_person(request, sent if "@" in sent else unquote(sent))
    if person is not None:
        del request.event.people[request.identity(person.email)]
        request.event.registered -= person.registered and request.switches.removal_frees_place
        request.state.counts["removals"] += 1
    message = "The attendee is removed"  # which is documented (B)
    reply = acknowledge(request.switches, message)
    return ok(success=True, message=message) if request.switches.acknowledgement == "success" else reply


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
        places = sorted(places, key=lambda place: str(getattr(people[place], key)).casefold())
    if query.get("sortingDirection", switches.sorting_direction) == "DESC":
        places = places[::-1]

    size = size_of(query, "resultSize", switches, default=RESULT_SIZE, most=RESULT_SIZE)
    start = (query.get("pageNumber", 1) - 1) * size
    if start >= max(len(places), 1):
        start = start_past_the_end(len(places), size, switches)
    rows = [_participant(people[place]) for place in places[start : start + size]]
    if switches.odd_values and rows:
        rows[0] |= {"city": {"name": rows[0]["city"]}, "user_id": 17, "registrationDate": 1_772_359_200_000}
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
    people, added = EventPeople(request.event, request.state), request.event.people.values()
    places = [place for place, person in enumerate(added) if person.registered] + [*range(len(added), len(people))]
    ids = range(_FIRST_ROW, _FIRST_ROW + len(places))
    listed = LazyRows(ids, lambda number: _registration(people[places[number]]))
    sizes = {"default": REGISTRATIONS_SIZE, "most": REGISTRATIONS_SIZE}
    page, _ = page_of(listed, request.query, request.switches, **sizes, descending=request.switches.rows_newest_first)
    return ok(**page)
