"""What an event has already, so that an import makes nothing twice.

1. A session is known by its title and its time, a booth by its name, a speaker by the address; blanks and case aside.
2. Airmeet has no way to change any of them, so what is different is told, and nothing is sent.
3. What an event has is asked for at each plan and each start, also of a run that goes on: see `JobPreparation`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from airmeet_async.bulk.report import EXISTS, EXISTS_DIFFERENT, RowError, RowWarning
from airmeet_async.protocol.models import Booth, NewBooth, NewSession, Participant, Session, Speaker
from airmeet_async.protocol.validation import fold, to_milliseconds

Item = NewSession | NewBooth | Speaker


def identity_of(item: Item) -> str:
    """Return what an item is known by, in a list and in its event."""
    match item:
        case NewSession():
            return f"{_squeezed(item.title)} at {to_milliseconds(item.start, 'start')}"
        case NewBooth():
            return _squeezed(item.name)
        case Speaker():
            return fold(item.email)


class ExistingItems:
    """The sessions, booths and speakers of an event.

    Args:
        people: Everybody on its list; None where that was not asked for.
        sessions: Its sessions.
        booths: Its booths.
        is_hybrid: Only hybrid events have attendance types (A).
    """

    def __init__(
        self,
        *,
        people: Iterable[Participant] | None = None,
        sessions: Iterable[Session] = (),
        booths: Iterable[Booth] = (),
        is_hybrid: bool = False,
    ) -> None:
        self.is_hybrid = is_hybrid
        self._names: dict[str, str] | None = None if people is None else {}
        self._found: dict[str, list[Any]] = {}
        for person in people or ():
            assert self._names is not None  # noqa: S101 - for the type checker
            self._names[fold(person.email)] = person.name
            if "speaker" in (person.user_type or "").lower():
                self._found.setdefault(fold(person.email), []).append(person)
        for session in sessions:
            if session.start_time is not None:
                key = f"{_squeezed(session.name)} at {to_milliseconds(session.start_time, 'start')}"
                self._found.setdefault(key, []).append(session)
        for booth in booths:
            self._found.setdefault(_squeezed(booth.name), []).append(booth)

    @property
    def identities(self) -> Collection[str]:
        """What is there is known by, see `identity_of`."""
        return self._found.keys()

    def find(self, item: Item) -> RowError | None:
        """Return what to say of an item that is there already, with what differs; None where it is not there."""
        there = self._found.get(identity_of(item))
        if there is None:
            return None
        # Made elsewhere, there may be several; it is told how the likest differs.
        what, differences = min((self._compare(item, found) for found in there), key=lambda pair: len(pair[1]))
        message = f"the event has {what}, so it is not made again"
        if not differences:
            return RowError(EXISTS, message)
        change = "Airmeet changes it in its dashboard only"
        said = f"{message}; different in the file: {'; '.join(differences)}. {change}"
        return RowError(EXISTS_DIFFERENT, said)

    def _compare(self, item: Item, found: Any) -> tuple[str, list[str]]:
        """Return what was found, and how an item differs from it."""
        match item:
            case NewSession():
                names: Mapping[str, str] = self._names or {}
                speakers = [names.get(fold(email)) or email for email in item.speaker_emails]
                differences = [
                    *_difference("speakers", speakers, [one.name for one in found.speakers]),
                    *_difference("summary", item.summary, found.summary),
                    *_difference("duration_minutes", item.duration_minutes, found.duration),
                ]
                return f"this session already ({found.id})", differences
            case NewBooth():
                emails = [one if isinstance(one, str) else one.email for one in item.exhibitors]
                differences = [*_difference("exhibitors", emails, [*map(str, found.exhibitors)])]
                return f"a booth of this name already ({found.id})", differences
            case Speaker():
                names_of_parts = ("name", "organisation", "designation", "city", "country")
                pairs = ((name, getattr(item, name), getattr(found, name)) for name in names_of_parts)
                return "this speaker already", [line for pair in pairs for line in _difference(*pair)]

    def speaker_warnings(self, session: NewSession) -> tuple[RowWarning, ...]:
        """Return a warning for each speaker of a session who is not on the event's list."""
        names = self._names
        missing = [] if names is None else [email for email in session.speaker_emails if fold(email) not in names]
        what = "is not in the event yet; add this speaker first"
        return tuple(RowWarning("unknown_speaker", f"{email} {what}") for email in missing)


def _difference(name: str, given: Any, found: Any) -> Iterable[str]:
    """Say how a value of the file differs from the event's; what the file leaves empty does not."""
    if isinstance(given, Sequence) and not isinstance(given, str):
        if given and sorted(map(_squeezed, given)) != sorted(map(_squeezed, found)):
            yield f"{name} ({', '.join(given)}; in the event {', '.join(found) or 'none'})"
    elif given and _squeezed(str(given)) != _squeezed(str(found or "")):
        yield f"{name} ({str(given)!r:.60}; in the event {str(found or '')!r:.60})"


def _squeezed(text: str) -> str:
    return " ".join(text.split()).casefold()
