"""Invented people, with the faults that real lists have.

What is wrong with which row follows from its number alone, so `staged` can say
beforehand what a run over them must report.
"""

import random
from collections import Counter
from collections.abc import Iterator
from enum import Enum
from typing import Final

from attrs import frozen

from .people import CULTURES, LONG_EMPLOYER, LONG_FIRST, LONG_LAST

DOMAINS: Final = ("example.com", "example.org", "example.net")  # reserved: nobody can own them
PERIOD: Final = 100
BACK: Final = 7  # a duplicate repeats the row that many before it, which is always a plain one


class Part(Enum):
    """What a row plays in the list.

    Attributes:
        PLAIN: Nothing is wrong with it.
        REPEATED: The address of an earlier row, letter by letter.
        RECASED: The address of an earlier row in other case.
        INVALID: No address at all.
    """

    PLAIN = "plain"
    REPEATED = "repeated"
    RECASED = "recased"
    INVALID = "invalid"


_PARTS: Final = {17: Part.REPEATED, 42: Part.RECASED, 58: Part.INVALID, 83: Part.INVALID}


@frozen
class Staged:
    """How many of the first n invented people play which part.

    Attributes:
        rows: All of them.
        valid: Different people that can be registered.
        duplicates: Rows with the address of an earlier row, in any case.
        invalid: Rows whose address is none.
    """

    rows: int
    valid: int
    duplicates: int
    invalid: int


def staged(n: int) -> Staged:
    """Return what is staged among the first n people, whatever the seed."""
    counts = Counter(part_of(row) for row in range(n))
    duplicates = counts[Part.REPEATED] + counts[Part.RECASED]
    return Staged(rows=n, valid=counts[Part.PLAIN], duplicates=duplicates, invalid=counts[Part.INVALID])


def part_of(row: int) -> Part:
    """Return the part of a row, counted from 0."""
    return _PARTS.get(row % PERIOD, Part.PLAIN)


def invent_people(n: int, seed: int = 0) -> Iterator[dict[str, str]]:
    """Invent people, one by one.

    Args:
        n: How many rows.
        seed: The same seed gives the same people.

    Yields:
        Rows with ``email``, ``first_name``, ``last_name``, ``organisation``, ``designation``, ``city``, ``country``.
    """
    draw = random.Random(seed)
    for row in range(n):
        culture = CULTURES[draw.randrange(len(CULTURES))]
        first, last = draw.choice(culture.first), draw.choice(culture.last)
        employer = draw.choice(culture.employers)
        yield {
            "email": _email(row, seed),
            "first_name": LONG_FIRST if row % 61 == 30 else first,
            "last_name": LONG_LAST if row % 67 == 35 else last,
            "organisation": LONG_EMPLOYER if row % 53 == 25 else employer,
            "designation": culture.work,
            "city": culture.city,
            "country": culture.country,
        }


def _email(row: int, seed: int) -> str:
    match part_of(row):
        case Part.REPEATED:
            return _address(row - BACK, seed)
        case Part.RECASED:
            local, _, domain = _address(row - BACK, seed).partition("@")
            return f"{local.upper()}@{domain.title()}"
        case Part.INVALID:
            return _not_an_address(row)
    return _address(row, seed)


def _address(row: int, seed: int) -> str:
    local = ("guest{}", "first.last.{}", "o'neil.{}", "news+{}", "under_score-{}", "Mixed.Case.{}")[row % 6]
    return f"{local.format(f'{seed}.{row}')}@{DOMAINS[row % len(DOMAINS)]}"


def _not_an_address(row: int) -> str:
    forms = ("no-at-{}.example.org", "two spaces {}@example.com", "double..dots.{}@example.net", "", "{}@")
    return forms[row // PERIOD % len(forms)].format(row)
