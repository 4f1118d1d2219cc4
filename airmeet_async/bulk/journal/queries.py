"""A look at a journal from outside, also while a run has it: what it is about, how far it is, and who runs it.

Not for the process whose run has the journal open: closing what is opened here would drop that run's locks.
"""

import json
import sqlite3
import stat
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import field, frozen

from airmeet_async.bulk.journal import locking
from airmeet_async.bulk.journal.row_encoding import fact_of, stale
from airmeet_async.bulk.journal.schema import APPLICATION_ID, UNVERIFIED, State
from airmeet_async.errors import JournalError
from airmeet_async.protocol.endpoints import ENDPOINTS

_FACTS = "SELECT name, value FROM facts"
_COUNTS = f"""
    SELECT i.status, l.state, COUNT(*), SUM(l.state = {int(State.SUCCEEDED)} AND {UNVERIFIED.format("l.note")})
    FROM input i LEFT JOIN ledger l ON l.id = i.entry WHERE i.gen = ? GROUP BY 1, 2
"""  # noqa: S608 - no values
_UNCLEAR = """
    SELECT l.touched FROM input i JOIN ledger l ON l.id = i.entry
    WHERE i.gen = ? AND i.status IS NULL AND (l.state = 1 OR (l.state <= 3 AND l.unclear))
"""
_FIRST = "SELECT data FROM input WHERE gen = ? ORDER BY idx LIMIT 1"
_NAMES = {
    State.PENDING: "pending",
    State.IN_FLIGHT: "unknown",
    State.RETRY: "pending",
    State.UNKNOWN: "unknown",
    State.SUCCEEDED: "succeeded",
    State.REJECTED: "rejected",
    State.FAILED: "failed",
}
_UNREADABLE = (sqlite3.Error, ValueError, KeyError, TypeError)
"""What comes of a file that is damaged: a page of SQLite's, or a text in it."""
COUNTED = ("succeeded", "rejected", "failed", "invalid", "duplicate", "unknown", "pending")


@frozen
class Look:
    """What a journal says.

    Attributes:
        path: The file.
        facts: What it knows of the whole run.
        counts: Rows by what has become of them, see `COUNTED`.
        busy: Rows that are under way, or were when their run died.
        unverified: Rows that succeeded, but nobody knows whether the invitation was mailed.
        columns: Of the input.
        process: Who runs it, or None.
    """

    path: Path
    facts: Mapping[str, Any]
    counts: Mapping[str, int] = field(factory=dict)
    busy: int = 0
    unverified: int = 0
    columns: tuple[str, ...] = ()
    process: int | None = None

    @property
    def job(self) -> str:
        """The run's id."""
        return str(self.facts.get("job", self.path.stem))

    @property
    def about(self) -> Mapping[str, Any]:
        """Operation, event, address and options."""
        found: Mapping[str, Any] = self.facts.get("about") or {}
        return found

    @property
    def note(self) -> Mapping[str, Any]:
        """What its owner has noted."""
        found: Mapping[str, Any] = self.facts.get("note") or {}
        return found

    @property
    def created(self) -> float:
        """When it was begun, in seconds since the epoch."""
        return float(self.facts.get("created", 0.0))

    @property
    def changed(self) -> float:
        """When something has changed last, in seconds since the epoch."""
        times = [
            part.stat().st_mtime for part in (self.path, self.path.with_name(self.path.name + "-wal")) if part.exists()
        ]
        return max([self.created, float(self.facts.get("ended", 0.0)), *times])

    @property
    def rows(self) -> int | None:
        """All rows; None where the input was not read to its end."""
        return sum(self.counts.values()) if self.facts.get("gen") else None

    @property
    def left(self) -> int:
        """Rows for which something is left to do."""
        return self.counts.get("pending", 0) + self.counts.get("unknown", 0)

    @property
    def state(self) -> str:
        """``running``, ``finished`` (no run is needed to send something) or ``interrupted``."""
        if self.process is not None:
            return "running"
        ended = "ended" in self.facts and self.facts.get("stop") is None and self.rows is not None
        return "finished" if ended and not self.counts.get("pending", 0) and not self.busy else "interrupted"


def read_facts(path: Path) -> dict[str, Any]:
    """Return what a journal knows of the whole run.

    Raises:
        JournalError: It is none, or it cannot be read.
    """
    try:
        with closing(locking.connect_to_read(path)) as connection:
            return {name: fact_of(text) for name, text in connection.execute(_FACTS)}
    except _UNREADABLE as error:
        raise locking.broken(path, error) from None


def look(path: Path) -> Look:
    """Look at a journal.

    Raises:
        JournalError: It is none, or it cannot be read.
    """
    locking.check(path)
    process = locking.holder_of(path)
    try:
        with closing(locking.connect_to_read(path)) as connection:
            connection.execute("BEGIN")  # one moment for all that follows
            return _look(path, connection, process)
    except _UNREADABLE as error:
        raise locking.broken(path, error) from None


def _look(path: Path, connection: sqlite3.Connection, process: int | None) -> Look:
    facts = {name: fact_of(text) for name, text in connection.execute(_FACTS)}
    counts, busy, unverified = dict.fromkeys(COUNTED, 0), 0, 0
    for status, state, n, doubtful in connection.execute(_COUNTS, (facts.get("gen", 0),)):
        counts[status or _NAMES[State(state)]] += n
        busy += n if status is None and state == State.IN_FLIGHT else 0
        unverified += (doubtful or 0) if status is None else 0
    first = connection.execute(_FIRST, (facts.get("gen", 0),)).fetchone()
    return Look(path, facts, counts, busy, unverified, _columns(facts, first), process)


def _columns(facts: Mapping[str, Any], first: tuple[str | None] | None) -> tuple[str, ...]:
    """Return the input's columns: as its file had them, else those of its first row."""
    if facts.get("source"):
        return tuple(facts["source"].get("header", ()))
    row = json.loads(first[0]) if first and first[0] else None
    return tuple(row) if isinstance(row, dict) else ()


def stale_rows(path: Path) -> int:
    """Return how many rows a run would hold because they were sent long ago without a clear answer.

    Raises:
        JournalError: It is no journal, or it cannot be read.
    """
    facts, now = read_facts(path), time.time()
    endpoint = ENDPOINTS.get((facts.get("about") or {}).get("operation", ""))
    if endpoint is None or not endpoint.repeatable:
        return 0
    try:
        with closing(locking.connect_to_read(path)) as connection:
            return sum(stale(touched, now) for (touched,) in connection.execute(_UNCLEAR, (facts.get("gen", 0),)))
    except _UNREADABLE as error:
        raise locking.broken(path, error) from None


def damaged(path: Path, *, shelved: bool = False) -> Look | None:
    """Return what is left to be known of a journal that cannot be read; None for any other file.

    Args:
        path: The file.
        shelved: It lies where only journals are, so its name is enough; else it must begin like one.
    """
    try:
        look(path)
    except JournalError:
        was_journal = _is_plain(path) and (shelved or _begins_like_one(path))
        return Look(path, {}, process=locking.holder_of(path)) if was_journal else None
    return None


def _is_plain(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _begins_like_one(path: Path) -> bool:
    try:
        with path.open("rb") as file:  # nobody in this process has it open
            head = file.read(72)
    except OSError:
        return False
    return head.startswith(b"SQLite format 3\0") and int.from_bytes(head[68:72], "big") == APPLICATION_ID


def journals_in(folder: Path) -> list[Path]:
    """Return the journals of a folder, as far as their names tell."""
    return sorted(folder.glob("*.job"))


def looks(paths: Iterable[Path]) -> tuple[list[Look], list[str]]:
    """Look at many journals: the newest first, and why some cannot be read."""
    found, wrong = list[Look](), list[str]()
    for path in paths:
        try:
            found.append(look(path))
        except JournalError as error:
            wrong.append(str(error))
    return sorted(found, key=lambda one: -one.created), wrong
