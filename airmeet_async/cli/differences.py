"""What differs between a person of a file and the same person in an event, as Airmeet keeps people. Pure.

Airmeet cuts long texts without a word, with or without dots (A), keeps one name where a file has two, and nobody
writes blanks and capitals in one way.
"""

import unicodedata
from collections.abc import Iterator, Mapping

from attrs import frozen

from airmeet_async.api.models import Participant
from airmeet_async.api.rules import NAME_LIMIT, TEXT_LIMIT

DETAILS = ("organisation", "designation", "city", "country")
COLUMNS = ("difference", "email", "line", "field", "in_file", "in_event")
"""Of the list of differences."""

_DOTS = ("...", "…")
_TEAM = ("speaker", "host", "organi", "admin", "moderator", "exhibitor", "team")


@frozen
class Difference:
    """One thing on which a file and an event do not agree.

    Attributes:
        difference: ``only_in_file``, ``only_in_event``, ``differs``, or ``no_address`` for a row that nobody can be
            registered by.
        email: Of whom.
        line: In the file.
        field: What differs.
        in_file: What the file has.
        in_event: What the event has.
    """

    difference: str
    email: str
    line: int | None = None
    field: str | None = None
    in_file: str | None = None
    in_event: str | None = None


def differing(row: Mapping[str, str], person: Participant) -> Iterator[tuple[str, str, str]]:
    """Yield field, the file's value and the event's, where they differ. What the file leaves empty is not compared."""
    first, last = row.get("first_name", ""), row.get("last_name", "")
    if (first or last) and not same_name(first, last, person.name):
        yield "name", f"{first} {last}".strip(), person.name
    for name in DETAILS:
        given, found = row.get(name, ""), getattr(person, name) or ""
        if given and not same_text(given, found):
            yield name, given, found


def same_name(first: str, last: str, found: str) -> bool:
    """Say whether a name may be these two, each cut or not (A: at 35 characters, the whole at 70)."""
    return any(same_text(f"{one} {other}", found) for one in _cuts(first) for other in _cuts(last))


def _cuts(text: str) -> Iterator[str]:
    yield text
    if len(text) > NAME_LIMIT:
        yield text[:NAME_LIMIT]
        yield text[:NAME_LIMIT] + "..."
        yield text[: NAME_LIMIT - 3] + "..."


def same_text(given: str, found: str) -> bool:
    """Say whether *found* is *given* as Airmeet keeps it: case and blanks aside, cut if it is long (A: at 70)."""
    wanted, there = comparable(given), comparable(found)
    if wanted == there:
        return True
    kept = _without_dots(there)
    return len(wanted) > TEXT_LIMIT and len(kept) >= TEXT_LIMIT - 4 and wanted.startswith(kept)


def _without_dots(text: str) -> str:
    for dots in _DOTS:
        text = text.removesuffix(dots)
    return text.rstrip()


def comparable(text: str) -> str:
    """Return a text without what people write differently: case, blanks, Unicode's two ways of writing an accent."""
    return unicodedata.normalize("NFC", " ".join(text.split())).casefold()


def is_team(person: Participant) -> bool:
    """Say whether somebody is listed for another reason than having registered; the kinds are not documented."""
    kind = (person.user_type or "").lower()
    return any(word in kind for word in _TEAM)
