"""Who is in a file and who is in an event, side by side in a private database on disk, so that memory stays flat."""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Self

from attrs import define

from airmeet_async.api.models import Participant
from airmeet_async.api.text import fold
from airmeet_async.cli.differences import Difference, differing

_SCHEMA = """
    CREATE TABLE people (key TEXT PRIMARY KEY, email TEXT, line INTEGER, data TEXT, state INTEGER DEFAULT 0);
    CREATE TABLE found (key TEXT, difference TEXT, email TEXT, line INTEGER, field TEXT, in_file TEXT, in_event TEXT);
    CREATE INDEX found_by_key ON found (key);
    CREATE TABLE strangers (key TEXT PRIMARY KEY);
"""
_UNSEEN, _DIFFERS, _AGREES = 0, 1, 2


@define
class Counts:
    """What was compared.

    Attributes:
        rows: In the file.
        people: In the event, each address once.
        agree: Addresses that are in both, with the same details.
        only_in_file: Addresses.
        only_in_event: Addresses.
        differing: Addresses with other details.
        no_address: Rows of the file without a usable address.
        repeated_in_file: Rows with the address of an earlier one, which is the one that is compared.
        repeated_in_event: People with the address of another one; one of them must agree.
        team: Hosts, speakers and the like, who need not be in the file.
    """

    rows: int = 0
    people: int = 0
    agree: int = 0
    only_in_file: int = 0
    only_in_event: int = 0
    differing: int = 0
    no_address: int = 0
    repeated_in_file: int = 0
    repeated_in_event: int = 0
    team: int = 0

    @property
    def all_agree(self) -> bool:
        """Whether there is no difference."""
        return not (self.only_in_file or self.only_in_event or self.differing or self.no_address)


class Ledger:
    """Takes a file's rows, then an event's people, and knows the differences.

    Attributes:
        counts: What was compared; complete after `close_books`.
    """

    def __init__(self) -> None:
        self.counts = Counts()
        self._db = sqlite3.connect("")  # no name: a temporary file that only we can open, gone when we are
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def add_row(self, email: str, line: int, values: Mapping[str, str]) -> None:
        """Take a row of the file that has an address."""
        self.counts.rows += 1
        row = (fold(email), email, line, json.dumps(dict(values)))
        added = self._db.execute("INSERT OR IGNORE INTO people (key, email, line, data) VALUES (?, ?, ?, ?)", row)
        self.counts.repeated_in_file += 1 - added.rowcount

    def add_flawed(self, email: str, line: int) -> None:
        """Take a row of the file without a usable address."""
        self.counts.rows += 1
        self.counts.no_address += 1
        self._note("", Difference("no_address", email, line))

    def add_person(self, person: Participant, *, expected: bool) -> None:
        """Take somebody of the event; who is not *expected* in the file need not be there."""
        key = fold(person.email)
        found = self._db.execute("SELECT email, line, data, state FROM people WHERE key = ?", (key,)).fetchone()
        if found is None:
            self._add_stranger(key, person, expected=expected)
            return
        email, line, data, state = found
        self.counts.people += state == _UNSEEN
        self.counts.repeated_in_event += state != _UNSEEN
        if state == _AGREES:
            return
        self._compare(key, Difference("differs", email, line), json.loads(data), person, first=state == _UNSEEN)

    def _compare(
        self, key: str, about: Difference, row: Mapping[str, str], person: Participant, *, first: bool
    ) -> None:
        differences = list(differing(row, person))
        if not differences:
            self._db.execute("DELETE FROM found WHERE key = ?", (key,))
        elif first:
            for name, given, there in differences:
                self._note(key, Difference("differs", about.email, about.line, name, given, there))
        state = _DIFFERS if differences else _AGREES
        self._db.execute("UPDATE people SET state = ? WHERE key = ?", (state, key))

    def _add_stranger(self, key: str, person: Participant, *, expected: bool) -> None:
        if not self._db.execute("INSERT OR IGNORE INTO strangers VALUES (?)", (key,)).rowcount:
            self.counts.repeated_in_event += 1
            return
        self.counts.people += 1
        if expected:
            self.counts.only_in_event += 1
            self._note(key, Difference("only_in_event", person.email, in_event=person.name))
        else:
            self.counts.team += 1

    def close_books(self) -> None:
        """Count what is certain only when both sides are complete."""
        by_state = dict(self._db.execute("SELECT state, COUNT(*) FROM people GROUP BY state").fetchall())
        self.counts.only_in_file = by_state.get(_UNSEEN, 0)
        self.counts.differing = by_state.get(_DIFFERS, 0)
        self.counts.agree = by_state.get(_AGREES, 0)

    def differences(self) -> Iterator[Difference]:
        """Yield all differences: in the file's order, then those who are in the event only, by address."""
        yield from map(_difference, self._db.execute(_IN_ORDER))

    def _note(self, key: str, one: Difference) -> None:
        row = (key, one.difference, one.email, one.line, one.field, one.in_file, one.in_event)
        self._db.execute("INSERT INTO found VALUES (?, ?, ?, ?, ?, ?, ?)", row)


_IN_ORDER = """
    SELECT * FROM (
        SELECT difference, email, line, field, in_file, in_event FROM found
        UNION ALL SELECT 'only_in_file', email, line, NULL, NULL, NULL FROM people WHERE state = 0
    ) ORDER BY line IS NULL, line, email, field
"""


def _difference(row: Iterable[object]) -> Difference:
    return Difference(*row)  # type: ignore[arg-type]
