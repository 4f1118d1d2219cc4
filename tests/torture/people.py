"""The input of a torture run: invented people, of whom some are twice in it, no people, poison, or refused."""

import csv
import random
from pathlib import Path

from attrs import frozen

from tests.torture.desk import POISON, REJECT, canonical, link_of
from tests.torture.history import InputRow

EVENT = "0a1b2c3d-0000-11ee-8888-0242ac120002"
HEADER = ("email", "first name", "last name")


@frozen(kw_only=True)
class Shares:
    """How much of the input is what, from 0 to 1; the rest is plain."""

    duplicates: float = 0.01
    invalid: float = 0.005
    poison: float = 0.0
    rejects: float = 0.005


def write_people(path: Path, rows: int, seed: int, shares: Shares, *, invite: bool = False) -> list[InputRow]:
    """Write the CSV file and return its rows with what may be sent for them."""
    draw = random.Random(seed)
    found: list[InputRow] = []
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number in range(rows):
            row, cells = _row(number, _part(draw.random(), shares), found, draw, invite=invite)
            found.append(row)
            writer.writerow(cells)
    return found


def _part(lot: float, shares: Shares) -> str:
    for part, share in (
        ("duplicate", shares.duplicates),
        ("invalid", shares.invalid),
        ("poison", shares.poison),
        ("reject", shares.rejects),
    ):
        if lot < share:
            return part
        lot -= share
    return "plain"


def _row(
    number: int, part: str, earlier: list[InputRow], draw: random.Random, *, invite: bool
) -> tuple[InputRow, tuple[str, str, str]]:
    line, first, last = number + 2, "Ada", f"Number {number}"
    marker = {"poison": POISON, "reject": REJECT}.get(part, "")
    email = f"person-{number}{marker}@example.com"
    if part == "duplicate":
        sendable = [row for row in earlier[-50:] if row.part in {"plain", "poison", "reject"}]
        if not sendable:
            part = "plain"
        else:
            key = draw.choice(sendable).key
            email = key.upper() if draw.random() < 0.5 else key
    if part == "invalid":
        email = f"no-address-{number}"
    hashes = frozenset(_hash(email, first, last, invite=flag) for flag in {invite, False})
    return InputRow(line, email, part, hashes, link_of(EVENT, email)), (email, first, last)


def _hash(email: str, first: str, last: str, *, invite: bool) -> str:
    names = {"email": email, "firstName": first, "lastName": last}
    return canonical(names | {"registerAttendee": False, "sendEmailInvite": invite})
