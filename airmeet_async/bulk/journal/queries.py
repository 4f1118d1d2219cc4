"""A view of a journal from outside, also while a run has it: what it does, how far it is, and who runs it.

Not for the process whose run has the journal open: closing what is opened here would drop that run's locks.
"""

import json
import sqlite3
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from attrs import field, frozen

from airmeet_async.bulk.journal import locking
from airmeet_async.bulk.journal.recorded_rows import is_stale
from airmeet_async.bulk.journal.row_encoding import decode_fact
from airmeet_async.bulk.journal.schema import APPLICATION_ID, UNVERIFIED, RowState
from airmeet_async.errors import JournalError
from airmeet_async.protocol.endpoints import ENDPOINTS

_FACTS = "SELECT name, value FROM facts"
_COUNTS = f"""
    SELECT i.status, l.state, COUNT(*), SUM(l.state = {int(RowState.SUCCEEDED)} AND {UNVERIFIED.format("l.note")})
    FROM input i LEFT JOIN ledger l ON l.id = i.entry WHERE i.gen = ? GROUP BY 1, 2
"""  # noqa: S608 - no values
_UNCLEAR = """
    SELECT l.touched FROM input i JOIN ledger l ON l.id = i.entry
    WHERE i.gen = ? AND i.status IS NULL AND (l.state = 1 OR (l.state <= 3 AND l.unclear))
"""
_FIRST = "SELECT data FROM input WHERE gen = ? ORDER BY idx LIMIT 1"
_NAMES = {
    RowState.PENDING: "pending",
    RowState.IN_FLIGHT: "unknown",
    RowState.RETRY: "pending",
    RowState.UNKNOWN: "unknown",
    RowState.SUCCEEDED: "succeeded",
    RowState.REJECTED: "rejected",
    RowState.FAILED: "failed",
}
COUNTED = ("succeeded", "rejected", "failed", "invalid", "duplicate", "unknown", "pending")


@frozen
class JournalSummary:
    """The state of a journal.

    Attributes:
        path: The file.
        facts: About the whole run.
        counts: Rows by state, see `COUNTED`.
        in_flight: Rows that are under way, or were when their run died.
        unverified: Rows that succeeded, but it is not known whether the invitation was mailed.
        columns: The input's.
        process: Who runs it, or None.
    """

    path: Path
    facts: Mapping[str, Any]
    counts: Mapping[str, int] = field(factory=dict)
    in_flight: int = 0
    unverified: int = 0
    columns: tuple[str, ...] = ()
    process: int | None = None

    @property
    def job(self) -> str:
        return str(self.facts.get("job", self.path.stem))

    @property
    def about(self) -> Mapping[str, Any]:
        """Operation, event, address and options."""
        found: Mapping[str, Any] = self.facts.get("about") or {}
        return found

    @property
    def note(self) -> Mapping[str, Any]:
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
        return "finished" if ended and not self.counts.get("pending", 0) and not self.in_flight else "interrupted"


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(locking.connect_read_only(path)) as connection:
            yield connection
    except (sqlite3.Error, ValueError, KeyError, TypeError) as error:  # damaged: in a page of SQLite's, or in a text
        raise locking.journal_error(path, error) from None


def read_facts(path: Path) -> dict[str, Any]:
    """Return the facts about the whole run.

    Raises:
        JournalError: It is none, or it cannot be read.
    """
    with _opened(path) as connection:
        return {name: decode_fact(text) for name, text in connection.execute(_FACTS)}


def read_summary(path: Path) -> JournalSummary:
    """Return the state of a journal.

    Raises:
        JournalError: It is none, or it cannot be read.
    """
    locking.check_file(path)
    process = locking.holder_of(path)
    counts, in_flight, unverified = dict.fromkeys(COUNTED, 0), 0, 0
    with _opened(path) as connection:
        connection.execute("BEGIN")  # one moment for all that follows
        facts = {name: decode_fact(text) for name, text in connection.execute(_FACTS)}
        for status, state, n, doubtful in connection.execute(_COUNTS, (facts.get("gen", 0),)):
            counts[status or _NAMES[RowState(state)]] += n
            in_flight += n if status is None and state == RowState.IN_FLIGHT else 0
            unverified += (doubtful or 0) if status is None else 0
        if facts.get("source"):
            columns = tuple(facts["source"].get("header", ()))
        else:  # no file: the columns are those of the first row
            first = connection.execute(_FIRST, (facts.get("gen", 0),)).fetchone()
            row = json.loads(first[0]) if first and first[0] else None
            columns = tuple(row) if isinstance(row, dict) else ()
    return JournalSummary(path, facts, counts, in_flight, unverified, columns, process)


def count_stale_rows(path: Path) -> int:
    """Return how many rows a run would hold because they were sent long ago without a clear answer.

    Raises:
        JournalError: It is no journal, or it cannot be read.
    """
    facts, now = read_facts(path), time.time()
    endpoint = ENDPOINTS.get((facts.get("about") or {}).get("operation", ""))
    if endpoint is None or not endpoint.repeatable:
        return 0
    with _opened(path) as connection:
        return sum(is_stale(touched, now) for (touched,) in connection.execute(_UNCLEAR, (facts.get("gen", 0),)))


def read_damaged(path: Path, *, by_place: bool = False) -> JournalSummary | None:
    """Return what can be said of a journal that cannot be read; None for any other file.

    Args:
        path: The file.
        by_place: It lies where only journals are, so its place is enough; else it must begin like one.
    """
    try:
        read_summary(path)
    except JournalError:
        pass
    else:
        return None
    try:
        is_journal = stat.S_ISREG(path.lstat().st_mode)
        if is_journal and not by_place:
            with path.open("rb") as file:  # nothing in this process has it open
                head = file.read(72)
            id_in_head = int.from_bytes(head[68:72], "big")
            is_journal = head.startswith(b"SQLite format 3\0") and id_in_head == APPLICATION_ID
    except OSError:
        return None
    return JournalSummary(path, {}, process=locking.holder_of(path)) if is_journal else None


def find_journals(folder: Path) -> list[Path]:
    """Return the journals of a folder, as far as their names tell."""
    return sorted(folder.glob("*.job"))


def read_summaries(paths: Iterable[Path]) -> tuple[list[JournalSummary], list[str]]:
    """Return the states of many journals, the newest first, and why some cannot be read."""
    found, wrong = list[JournalSummary](), list[str]()
    for path in paths:
        try:
            found.append(read_summary(path))
        except JournalError as error:
            wrong.append(str(error))
    return sorted(found, key=lambda one: -one.created), wrong
