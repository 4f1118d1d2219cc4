"""What is done to a journal's tables. Everything here runs in the journal's one thread."""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from airmeet_async.bulk.journal import locking
from airmeet_async.bulk.journal.row_encoding import fact_of, fact_text
from airmeet_async.bulk.journal.schema import LAST_OPEN, UNVERIFIED, Kept, NewRow, State
from airmeet_async.errors import JournalError
from airmeet_async.protocol.endpoints import ENDPOINTS

_COLUMNS = """
    i.idx, i.line, i.data, i.status, i.note, l.id, l.key, l.state, l.sent, l.charged, l.unclear, l.touched,
    l.http, l.latency, l.link, l.note, l.call
"""
_ROWS = f"SELECT {_COLUMNS} FROM input i LEFT JOIN ledger l ON l.id = i.entry WHERE i.gen = ?"  # noqa: S608 - no values
_OPEN = f"{_ROWS} AND i.idx > ? AND i.status IS NULL AND l.state <= {int(LAST_OPEN)} ORDER BY i.idx LIMIT ?"
_SETTLED = (
    f"{_ROWS} AND i.idx > ? AND (i.status IS NOT NULL OR (l.state > {int(LAST_OPEN)} AND l.run < ?)) "
    "ORDER BY i.idx LIMIT ?"
)
_ONE = f"{_ROWS} AND i.idx = ?"
_CLAIM = """
    INSERT INTO ledger (identity, key, digest, gen, idx, call) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (identity) DO NOTHING
"""
_KNOWN = "SELECT id, digest, state, gen, idx, unclear FROM ledger WHERE identity = ?"
_RENEW = "UPDATE ledger SET gen = ?, idx = ?, state = 0, charged = 0, note = NULL, digest = ?, call = ? WHERE id = ?"
_MOVE = "UPDATE ledger SET gen = ?, idx = ? WHERE id = ?"
_PUT = "INSERT INTO input (gen, idx, line, entry, status, note, data) VALUES (?, ?, ?, ?, ?, ?, ?)"
# What is done to one entry, whose number comes last. Of different entries, it does not matter which is first.
INTEND = "UPDATE ledger SET state = 1, sent = sent + 1, touched = ? WHERE id = ?"
DEFER = "UPDATE ledger SET state = 2, sent = ?, charged = ?, unclear = ? WHERE id = ?"
SETTLE = """
    UPDATE ledger SET state = ?, sent = ?, charged = ?, unclear = ?, run = ?, http = ?, latency = ?, link = ?, note = ?,
        call = CASE WHEN ? THEN NULL ELSE call END
    WHERE id = ?
"""
# What must not be repeated, and what asks for its mail again, is sent as if nothing had been: somebody wants just that.
_AGAIN = """
    UPDATE ledger SET state = 0, charged = 0, touched = ?,
        unclear = unclear AND state <> 4 AND json_extract(call, '$[0]') IN ({})
    WHERE call IS NOT NULL"""
_ENDED = {
    "failed": f"state = {int(State.FAILED)}",
    "rejected": f"state = {int(State.REJECTED)}",
    "unknown": f"state = {int(State.UNKNOWN)}",
    "invites": f"state = {int(State.SUCCEEDED)} AND {UNVERIFIED.format('note')}",
}
_COUNT = """
    SELECT i.status, l.state, COUNT(*) FROM input i LEFT JOIN ledger l ON l.id = i.entry
    WHERE i.gen = ? GROUP BY 1, 2
"""


class Store:
    """An open journal. Made, used and closed in one thread.

    Args:
        path: The file; made if it is not there.

    Raises:
        JournalError: It cannot be used, or a run has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = locking.Lock(path)
        try:
            locking.make(path)
            locking.check(path)
            self._connection = locking.connect(path)
        except BaseException:
            self._lock.release()
            raise
        self._name, self._inode = str(path), path.stat().st_ino
        self._process = os.getpid()
        self._repeats: Counter[bytes] = Counter()
        self.gen = 0
        self.run = 0

    def close(self) -> None:
        """Close the file and let others in."""
        try:
            self._connection.close()
        finally:
            self._lock.release()

    def facts(self) -> dict[str, Any]:
        """Return what is known of the whole run."""
        try:
            return {name: fact_of(text) for name, text in self._ask("SELECT name, value FROM facts")}
        except ValueError as error:
            raise locking.broken(self.path, error) from None

    def note(self, **facts: Any) -> None:
        """Keep facts about the whole run."""
        self.together([(self.put_facts, (facts,))])

    def begin_run(self) -> None:
        """Begin a new run: what was in flight when the last one ended is unknown now."""
        facts = self.facts()
        self.gen, self.run = facts.get("gen", 0), facts.get("run", 0) + 1
        self.together([(self._mark_unknown, ()), (self.put_facts, ({"run": self.run},))])

    def begin_input(self) -> None:
        """Begin a new reading of the input; the last complete one counts until `end_input`."""
        facts = self.facts()
        self._repeats.clear()
        self.gen = facts.get("begun", 0) + 1
        self._run_with({"begun": self.gen, "source": None}, "DELETE FROM input WHERE gen <> ?", facts.get("gen", 0))

    def end_input(self, **facts: Any) -> None:
        """Let the reading count."""
        self._run_with({"gen": self.gen, **facts}, "DELETE FROM input WHERE gen <> ?", self.gen)

    def add(self, rows: Sequence[NewRow]) -> Counter[str]:
        """Take rows of the input, and return how many were new, known, changed and so on."""
        return self.together([(self.register, (rows,))])[0]  # type: ignore[no-any-return]

    def register(self, rows: Sequence[NewRow]) -> Counter[str]:
        """Do the same as a part of the present transaction."""
        wrong = [row for row in rows if row.status is not None]
        self._place((row, None) for row in wrong)
        counts = Counter(row.status or "" for row in wrong)
        fresh = self._claim([row for row in rows if row.status is None])
        for row in rows:  # those that have been met before, by the number of their identity
            if row.status is None and row.index not in fresh:
                counts[self._meet(row, self._ask(_KNOWN, row.identity)[0])] += 1
        counts["new"] += len(fresh)
        return counts

    def _claim(self, rows: Sequence[NewRow]) -> dict[int, int]:
        """Make an entry for each row whose identity is new; return the entries by the rows' index."""
        for row in rows:
            row.identity = row.identity or self._nth(row.digest)
        last = self._ask("SELECT COALESCE(MAX(id), 0) FROM ledger")[0][0]
        claims = [(row.identity, row.key, row.digest, self.gen, row.index, row.call) for row in rows]
        self._connection.executemany(_CLAIM, claims)
        fresh: dict[int, int] = dict(self._ask("SELECT idx, id FROM ledger WHERE id > ?", last))
        self._place((row, fresh[row.index]) for row in rows if row.index in fresh)
        return fresh

    def one(self, index: int) -> Kept:
        """Return one row of the present input."""
        return Kept(*self._ask(_ONE, self.gen, index)[0])

    def open_rows(self, after: int, n: int) -> list[Kept]:
        """Return the next rows for which something is left to do."""
        return [Kept(*row) for row in self._ask(_OPEN, self.gen, after, n)]

    def settled_rows(self, after: int, n: int) -> list[Kept]:
        """Return the next rows that were done before this run, or that are not for sending."""
        return [Kept(*row) for row in self._ask(_SETTLED, self.gen, after, self.run, n)]

    def counts(self) -> list[tuple[str | None, int | None, int]]:
        """Return how many rows there are by status and state."""
        return self._ask(_COUNT, self.gen)

    def reopen(self, again: Iterable[str], now: float) -> int:
        """Make entries that have ended pending again, and return how many. It is on purpose, so they are not stale."""
        repeatable = [name for name, endpoint in ENDPOINTS.items() if endpoint.repeatable]
        sql = _AGAIN.format(", ".join("?" * len(repeatable)))
        return sum(self.together([(self._run, (f"{sql} AND {_ENDED[name]}", now, *repeatable)) for name in again]))

    def together(self, tasks: Sequence[tuple[Callable[..., Any] | str, tuple[Any, ...]]]) -> list[Any]:
        """Do all tasks in one transaction, and return what they return, once it is on the disk.

        Args:
            tasks: Functions, or statements about one entry, with their arguments.

        Raises:
            JournalError: Nothing of it was done.
        """
        self._check_place()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                done = self._do(tasks)
            except BaseException:
                self._undo()
                raise
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            raise locking.broken(self.path, error) from None
        return done

    def _do(self, tasks: Sequence[tuple[Callable[..., Any] | str, tuple[Any, ...]]]) -> list[Any]:
        """Do all tasks: statements of one kind at once, as long as no entry comes twice."""
        done: list[Any] = [None] * len(tasks)
        waiting: dict[str, list[tuple[Any, ...]]] = {}
        entries: set[int] = set()
        for number, (task, arguments) in enumerate(tasks):
            if not isinstance(task, str):
                self._execute(waiting)
                done[number] = task(*arguments)
                continue
            if arguments[-1] in entries:
                self._execute(waiting)
                entries.clear()
            entries.add(arguments[-1])
            waiting.setdefault(task, []).append(arguments)
        self._execute(waiting)
        return done

    def _execute(self, statements: dict[str, list[tuple[Any, ...]]]) -> None:
        for sql, several in statements.items():
            self._connection.executemany(sql, several)
        statements.clear()

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _check_place(self) -> None:
        """See that this is still the process and the file with which it began."""
        if os.getpid() != self._process:
            raise JournalError(f"{self.path}: this process was forked off the one that runs the journal; open it anew")
        try:
            same = os.stat(self._name).st_ino == self._inode  # noqa: PTH116 - before each transaction, so without a detour
        except OSError:
            same = False
        if not same:
            message = f"{self.path}: the journal was removed or replaced while it was in use; no more is sent"
            raise JournalError(f"{message}. Put it back and resume, or start anew")

    def _meet(self, row: NewRow, known: tuple[Any, ...]) -> str:
        """Place a row whose identity is known already."""
        entry, digest, state, gen, first, unclear = known
        if gen == self.gen:
            line = self._ask("SELECT line FROM input WHERE gen = ? AND idx = ?", gen, first)[0][0]
            row.status, row.note = "duplicate", fact_text({"duplicate_of": first, "of_line": line})
            self._place([(row, entry)])
            return "duplicate"
        word = "known" if state <= LAST_OPEN else "settled"
        if digest == row.digest:
            self._run(_MOVE, self.gen, row.index, entry)
        elif state in {State.REJECTED, State.FAILED} or (state <= State.RETRY and not unclear):
            self._run(_RENEW, self.gen, row.index, row.digest, row.call, entry)
            word = "updated"
        else:
            self._run(_MOVE, self.gen, row.index, entry)
            row.note, word = fact_text({"changed": True}), "changed"
        self._place([(row, entry)])
        return word

    def _place(self, rows: Iterable[tuple[NewRow, int | None]]) -> None:
        """Put rows into the input, each with its entry, if it has one."""
        cells = ((self.gen, row.index, row.line, entry, row.status, row.note, row.data) for row, entry in rows)
        self._connection.executemany(_PUT, cells)

    def _nth(self, digest: bytes) -> str:
        """Name a row that may repeat by what it does, and how often that came before it."""
        self._repeats[digest] += 1
        return f"\x01{digest.hex()}:{self._repeats[digest]}"

    def _run_with(self, facts: dict[str, Any], sql: str, *values: Any) -> None:
        """Keep facts and change the tables in one step."""
        self.together([(self.put_facts, (facts,)), (self._run, (sql, *values))])

    def _mark_unknown(self) -> None:
        self._run("UPDATE ledger SET state = ?, unclear = 1 WHERE state = ?", State.UNKNOWN, State.IN_FLIGHT)

    def put_facts(self, facts: dict[str, Any]) -> None:
        """Keep facts, as a part of the present transaction."""
        rows = [(name, fact_text(value)) for name, value in facts.items()]
        self._connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    def _run(self, sql: str, *values: Any) -> int:
        return self._connection.execute(sql, values).rowcount

    def _ask(self, sql: str, *values: Any) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise locking.broken(self.path, error) from None
