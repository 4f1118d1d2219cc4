"""The people of an event, as the lists of the API show them.

Those who were added come first, in order of arrival; then the crowd, who are
made up from their number alone, so that a hundred thousand of them cost nothing.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from attrs import frozen

from airmeet_async.sandbox.community import LINK, CommunityState, Event, Json, identity
from airmeet_async.sandbox.fake_people import fake_person

_OPENING: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)
_CROWD_ADDRESS: Final = re.compile(r"crowd-(\d{7,})@example\.com")


@frozen(kw_only=True)
class Guest:
    """Somebody of an event.

    Attributes:
        place: Where they stand in the order of arrival.
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
            return self._guest(place, speaker.email, speaker.name, speaker.details, user_type="speaker")
        if place < self._crowd_start:
            person = self._people[place - len(self._speakers)]
            facts = {"link": person.entry_link, "mailed": person.mails > 0}
            return self._guest(place, person.email, _name(person.details), person.details, **facts)
        number = place - self._crowd_start
        details = fake_person(number)
        return self._guest(place, _crowd_address(number), _name(details), details)

    def texts(self, key: str) -> list[str]:
        """Return all the names, or all the addresses, without making the rest of the people."""
        crowd = range(self._event.crowd)
        if key == "email":
            return [*self._emails(), *(_crowd_address(number) for number in crowd)]
        people = (_name(person.details) for person in self._people)
        return [*(one.name for one in self._speakers), *people, *(_name(fake_person(number)) for number in crowd)]

    def places(self, emails: Iterable[str], *, fold: bool) -> list[int]:
        """Return where people of these addresses stand, ascending."""
        wanted = {identity(email, fold=fold) for email in emails}
        found = [place for place, email in enumerate(self._emails()) if identity(email, fold=fold) in wanted]
        numbers = (int(match[1]) for email in wanted if (match := _CROWD_ADDRESS.fullmatch(email)))
        return found + sorted(self._crowd_start + number for number in numbers if number < self._event.crowd)

    def registered(self) -> tuple[int, Callable[[int], Guest]]:
        """Return how many are confirmed, and a way to look at one of these."""
        places = [place for place, person in enumerate(self._people) if person.registered]
        known = len(places)

        def guest(number: int) -> Guest:
            return self[places[number] if number < known else self._crowd_start + number - known]

        return known + self._event.crowd, guest

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
