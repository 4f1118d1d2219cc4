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
from airmeet_async.bulk.journal.recorded_rows import is_stale, recorded_result
from airmeet_async.bulk.journal.row_encoding import decode_fact, decode_template
from airmeet_async.bulk.journal.schema import APPLICATION_ID, LIST_SHIFT
from airmeet_async.bulk.journal.writer import FROM, IN_DOUBT, OPEN, ROWS, read_row
from airmeet_async.bulk.report import RowResult
from airmeet_async.bulk.row import Outcome, OutcomeState, Wish
from airmeet_async.errors import JournalError
from airmeet_async.protocol.endpoints import ENDPOINTS

_FACTS = "SELECT name, value FROM facts"
_LIST = "SELECT id, facts, rows, horizon, touched FROM list WHERE confirmed AND rows IS NOT NULL AND id = COALESCE(?, id) ORDER BY id DESC LIMIT 1"
# What is under way, or was when its run died: an intent of its own, or no outcome below the horizon.
_IN_FLIGHT = "(o.state = 1 OR (o.entry IS NULL AND i.request IS NULL AND i.id <= :horizon))"
_STATE = f"""
    CASE WHEN i.status IS NOT NULL THEN i.status WHEN {_IN_FLIGHT} THEN 'unknown' WHEN {OPEN} AND o.state = 3 THEN 'unknown'
        WHEN o.state = 6 THEN 'failed' WHEN {OPEN} THEN 'pending' WHEN o.state = 5 THEN 'rejected' ELSE 'succeeded' END
"""
_COUNTS = f"""
    SELECT {_STATE}, COUNT(*), COALESCE(SUM(i.status IS NULL AND {_IN_FLIGHT}), 0),
        COALESCE(SUM(i.status IS NULL AND o.state = 4 AND o.done & 8 AND :wish & 4), 0)
    {FROM} WHERE i.id BETWEEN :first AND :last GROUP BY 1
"""
_UNCLEAR = f"""
    SELECT COALESCE(o.touched, :touched) {FROM}
    WHERE i.id BETWEEN :first AND :last AND i.status IS NULL AND ({_IN_FLIGHT} OR (o.state <= 3 AND {IN_DOUBT}))
"""
_RESULTS = ROWS.format("1").replace("SELECT i.id", f"SELECT {_IN_FLIGHT}, i.id", 1)
_FIRST = "SELECT COALESCE(i.data, e.data) FROM input i LEFT JOIN entry e ON e.id = i.entry WHERE i.id = :first"
COUNTED = ("succeeded", "rejected", "failed", "invalid", "duplicate", "unknown", "pending")


@frozen
class JournalSummary:
    """The state of a journal.

    Attributes:
        path: The file.
        facts: About the whole journal.
        list_facts: About the newest list that somebody has confirmed.
        rows: Of that list; None where there is none that was read completely.
        counts: Rows by state, see `COUNTED`.
        in_flight: Rows that are under way, or were when their run died.
        unverified: Rows that succeeded, but it is not known whether the invitation was mailed.
        process: Who runs it, or None.
    """

    path: Path
    facts: Mapping[str, Any]
    list_facts: Mapping[str, Any] = field(factory=dict)
    rows: int | None = None
    counts: Mapping[str, int] = field(factory=dict)
    in_flight: int = 0
    unverified: int = 0
    process: int | None = None

    @property
    def job(self) -> str:
        return str(self.facts.get("job", self.path.stem))

    @property
    def about(self) -> Mapping[str, Any]:
        """Operation, event, address and options."""
        names = ("operation", "airmeet_id", "base")
        return {name: self.facts.get(name, "") for name in names} | {"options": self.list_facts.get("options") or {}}

    @property
    def note(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.list_facts.get("note") or {}
        return found

    @property
    def columns(self) -> tuple[str, ...]:
        """The input's."""
        return tuple(self.list_facts.get("columns") or ())

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
        return max([self.created, float(self.facts.get("ended") or 0.0), *times])

    @property
    def left(self) -> int:
        """Rows for which something is left to do."""
        return self.counts.get("pending", 0) + self.counts.get("unknown", 0)

    @property
    def state(self) -> str:
        """``running``, ``finished`` (no run is needed to send something) or ``interrupted``."""
        if self.process is not None:
            return "running"
        ended = self.facts.get("ended") and self.facts.get("stop") is None and self.rows is not None
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
        found = _find_list(connection)
        if found is None:
            return JournalSummary(path, facts, process=process)
        list_facts, rows, values, _ = found
        for state, n, under_way, doubtful in connection.execute(_COUNTS, values):
            counts[state] += n
            in_flight += under_way
            unverified += doubtful
        if not list_facts.get("columns"):  # no file: the columns are those of the first row
            first = connection.execute(_FIRST, values).fetchone()
            row = json.loads(first[0]) if first and first[0] else None
            list_facts["columns"] = list(row) if isinstance(row, dict) else []
    return JournalSummary(path, facts, list_facts, rows, counts, in_flight, unverified, process)


def _find_list(connection: sqlite3.Connection, list_id: int | None = None) -> Any:
    """Return facts, number of rows and values for queries of a list, by default of the newest that was confirmed."""
    found = connection.execute(_LIST, (list_id,)).fetchone()
    if found is None:
        return None
    number, text, rows, horizon, touched = found
    facts, first = decode_fact(text), number << LIST_SHIFT
    template = decode_template(facts["template"]) if facts.get("template") else None
    values = {
        "first": first, "last": first + (1 << LIST_SHIFT) - 1, "wish": int(Wish.DONE if template is None else template.wish),
        "horizon": -1 if horizon is None else first + horizon, "touched": touched, "after": first - 1, "n": -1,
    }  # fmt: skip
    return facts, rows, values, template


def read_results(path: Path, list_id: int | None = None) -> Iterator[RowResult]:
    """Yield the result that each row of a list has at this moment, in the order of the input.

    Raises:
        JournalError: It is no journal, or it cannot be read.
    """
    locking.check_file(path)
    with _opened(path) as connection:
        connection.execute("BEGIN")  # one moment for all that follows
        facts = {name: decode_fact(text) for name, text in connection.execute(_FACTS)}
        found = _find_list(connection, list_id)
        if found is None:
            return
        _, _, values, template = found
        for under_way, *record in connection.execute(_RESULTS, values):
            row = read_row(tuple(record), template)
            if under_way and row.earlier is None:
                row.earlier = Outcome(
                    OutcomeState.IN_FLIGHT, 1, 0, values["wish"], facts.get("run", 1), values["touched"]
                )
            yield recorded_result(row, facts.get("stop_message") or "", facts.get("run", 0))


def count_stale_rows(path: Path) -> int:
    """Return how many rows a run would hold because they were sent long ago without a clear answer.

    Raises:
        JournalError: It is no journal, or it cannot be read.
    """
    facts, now = read_facts(path), time.time()
    endpoint = ENDPOINTS.get(facts.get("operation", ""))
    if endpoint is None or not endpoint.repeatable:
        return 0
    with _opened(path) as connection:
        found = _find_list(connection)
        return sum(is_stale(touched, now) for (touched,) in connection.execute(_UNCLEAR, found[2])) if found else 0


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
