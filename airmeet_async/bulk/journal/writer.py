"""`JournalWriter`: what is done to a journal's tables. Everything here runs in the journal's one thread.

Rules of this file:

1. Every change is made by `in_one_transaction`: all of it is on the disk when that returns, or nothing of it.
2. An input row finds its entry in the ledger by its identity, so that a changed order or new rows shift nothing.
3. An input counts from `end_input` on; a reading that was cut off leaves the last whole one as it is.
4. A row that is done is never made pending by a new reading of the input, only by `reopen`.
"""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from airmeet_async.bulk.journal import locking
from airmeet_async.bulk.journal.row_encoding import decode_fact, encode_fact
from airmeet_async.bulk.journal.schema import LAST_OPEN, UNVERIFIED, NewRow, RowRecord, RowState
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
# Statements about one entry, whose number comes last. The order of statements about different entries is free.
RECORD_INTENT = "UPDATE ledger SET state = 1, sent = sent + 1, touched = ? WHERE id = ?"
RECORD_RETRY = "UPDATE ledger SET state = 2, sent = ?, charged = ?, unclear = ? WHERE id = ?"
RECORD_RESULT = """
    UPDATE ledger SET state = ?, sent = ?, charged = ?, unclear = ?, run = ?, http = ?, latency = ?, link = ?, note = ?,
        call = CASE WHEN ? THEN NULL ELSE call END
    WHERE id = ?
"""
# What must not be repeated, and what asks for its mail again, is sent as if it had not been: the caller wants that.
_AGAIN = """
    UPDATE ledger SET state = 0, charged = 0, touched = ?,
        unclear = unclear AND state <> 4 AND json_extract(call, '$[0]') IN ({})
    WHERE call IS NOT NULL"""
_ENDED = {
    "failed": f"state = {int(RowState.FAILED)}",
    "rejected": f"state = {int(RowState.REJECTED)}",
    "unknown": f"state = {int(RowState.UNKNOWN)}",
    "invites": f"state = {int(RowState.SUCCEEDED)} AND {UNVERIFIED.format('note')}",
}
_COUNT = """
    SELECT i.status, l.state, COUNT(*) FROM input i LEFT JOIN ledger l ON l.id = i.entry
    WHERE i.gen = ? GROUP BY 1, 2
"""


class JournalWriter:
    """An open journal. Made, used and closed in one thread.

    Args:
        path: The file; made if it is not there.

    Raises:
        JournalError: It cannot be used, or a run has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = locking.JournalLock(path)
        try:
            locking.create_file(path)
            locking.check_file(path)
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
        try:
            self._connection.close()
        finally:
            self._lock.release()

    def facts(self) -> dict[str, Any]:
        try:
            return {name: decode_fact(text) for name, text in self._query("SELECT name, value FROM facts")}
        except ValueError as error:
            raise locking.journal_error(self.path, error) from None

    def write_facts(self, facts: dict[str, Any]) -> None:
        self.in_one_transaction([(self.put_facts, (facts,))])

    def begin_run(self) -> None:
        """Begin a new run. Rows that were in flight when the last one ended are unknown now."""
        facts = self.facts()
        self.gen, self.run = facts.get("gen", 0), facts.get("run", 0) + 1
        sql = "UPDATE ledger SET state = ?, unclear = 1 WHERE state = ?"
        mark_unknown = (self._change, (sql, RowState.UNKNOWN, RowState.IN_FLIGHT))
        self.in_one_transaction([mark_unknown, (self.put_facts, ({"run": self.run},))])

    def begin_input(self) -> None:
        """Begin a new reading of the input; the last whole one counts until `end_input`."""
        facts = self.facts()
        self._repeats.clear()
        self.gen = facts.get("begun", 0) + 1
        self._change_with_facts(
            {"begun": self.gen, "source": None}, "DELETE FROM input WHERE gen <> ?", facts.get("gen", 0)
        )

    def end_input(self, **facts: Any) -> None:
        """Let the present reading count."""
        self._change_with_facts({"gen": self.gen, **facts}, "DELETE FROM input WHERE gen <> ?", self.gen)

    def add(self, rows: Sequence[NewRow]) -> Counter[str]:
        """Write rows of the input, and return how many were new, known, changed and so on."""
        return self.in_one_transaction([(self.add_in_transaction, (rows,))])[0]  # type: ignore[no-any-return]

    def add_in_transaction(self, rows: Sequence[NewRow]) -> Counter[str]:
        """Do the same as a part of the present transaction."""
        wrong = [row for row in rows if row.status is not None]
        self._place((row, None) for row in wrong)
        counts = Counter(row.status or "" for row in wrong)
        fresh = self._claim([row for row in rows if row.status is None])
        for row in rows:  # those whose identity is known already
            if row.status is None and row.index not in fresh:
                counts[self._place_known(row, self._query(_KNOWN, row.identity)[0])] += 1
        counts["new"] += len(fresh)
        return counts

    def _claim(self, rows: Sequence[NewRow]) -> dict[int, int]:
        """Make an entry for each row whose identity is new; return the entries by the rows' index."""
        for row in rows:
            row.identity = row.identity or self._repeatable_identity(row.digest)
        # One statement for all rows, and one question for those that were new, instead of two for each.
        last = self._query("SELECT COALESCE(MAX(id), 0) FROM ledger")[0][0]
        claims = [(row.identity, row.key, row.digest, self.gen, row.index, row.call) for row in rows]
        self._connection.executemany(_CLAIM, claims)
        fresh: dict[int, int] = dict(self._query("SELECT idx, id FROM ledger WHERE id > ?", last))
        self._place((row, fresh[row.index]) for row in rows if row.index in fresh)
        return fresh

    def one(self, index: int) -> RowRecord:
        return RowRecord(*self._query(_ONE, self.gen, index)[0])

    def open_rows(self, after: int, n: int) -> list[RowRecord]:
        """Return the next rows for which something is left to do."""
        return [RowRecord(*row) for row in self._query(_OPEN, self.gen, after, n)]

    def settled_rows(self, after: int, n: int) -> list[RowRecord]:
        """Return the next rows that were done before this run, or that are not for sending."""
        return [RowRecord(*row) for row in self._query(_SETTLED, self.gen, after, self.run, n)]

    def counts(self) -> list[tuple[str | None, int | None, int]]:
        return self._query(_COUNT, self.gen)

    def reopen(self, again: Iterable[str], now: float) -> int:
        """Make entries that have ended pending again, and return how many. It is on purpose, so they are not stale."""
        repeatable = [name for name, endpoint in ENDPOINTS.items() if endpoint.repeatable]
        sql = _AGAIN.format(", ".join("?" * len(repeatable)))
        return sum(
            self.in_one_transaction([(self._change, (f"{sql} AND {_ENDED[name]}", now, *repeatable)) for name in again])
        )

    def in_one_transaction(self, tasks: Sequence[tuple[Callable[..., Any] | str, tuple[Any, ...]]]) -> list[Any]:
        """Do all tasks in one transaction, and return their results once it is on the disk.

        Args:
            tasks: Functions, or statements about one entry, with their arguments.

        Raises:
            JournalError: None of them was done.
        """
        self._check_file()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                done = self._run_tasks(tasks)
            except BaseException:
                self._undo()
                raise
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._undo()
            raise locking.journal_error(self.path, error) from None
        return done

    def _run_tasks(self, tasks: Sequence[tuple[Callable[..., Any] | str, tuple[Any, ...]]]) -> list[Any]:
        """Run all tasks: statements of one kind at once, as long as no entry comes twice."""
        done: list[Any] = [None] * len(tasks)
        waiting: dict[str, list[tuple[Any, ...]]] = {}
        entries: set[int] = set()
        for number, (task, arguments) in enumerate(tasks):
            if not isinstance(task, str):
                self._execute_batches(waiting)
                done[number] = task(*arguments)
                continue
            if arguments[-1] in entries:
                self._execute_batches(waiting)
                entries.clear()
            entries.add(arguments[-1])
            waiting.setdefault(task, []).append(arguments)
        self._execute_batches(waiting)
        return done

    def _execute_batches(self, statements: dict[str, list[tuple[Any, ...]]]) -> None:
        for sql, several in statements.items():
            self._connection.executemany(sql, several)
        statements.clear()

    def _undo(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _check_file(self) -> None:
        """Check that this is still the process and the file with which it began."""
        if os.getpid() != self._process:
            raise JournalError(
                f"{self.path}: this process was forked from the one that runs the job; start the run again"
            )
        try:
            same = os.stat(self._name).st_ino == self._inode  # noqa: PTH116 - before each transaction, so the fast way
        except OSError:
            same = False
        if not same:
            message = f"{self.path}: the run file was deleted or replaced during the run; nothing more is sent"
            raise JournalError(f"{message}. Restore it and resume, or start over")

    def _place_known(self, row: NewRow, known: tuple[Any, ...]) -> str:
        """Place a row whose identity is known already."""
        entry, digest, state, gen, first, unclear = known
        if gen == self.gen:  # an earlier row of this reading has the entry
            line = self._query("SELECT line FROM input WHERE gen = ? AND idx = ?", gen, first)[0][0]
            row.status, row.note = "duplicate", encode_fact({"duplicate_of": first, "of_line": line})
            self._place([(row, entry)])
            return "duplicate"
        word = "known" if state <= LAST_OPEN else "settled"
        if digest == row.digest:
            self._change(_MOVE, self.gen, row.index, entry)
        elif state in {RowState.REJECTED, RowState.FAILED} or (state <= RowState.RETRY and not unclear):
            self._change(_RENEW, self.gen, row.index, row.digest, row.call, entry)
            word = "updated"
        else:
            self._change(_MOVE, self.gen, row.index, entry)
            row.note, word = encode_fact({"changed": True}), "changed"
        self._place([(row, entry)])
        return word

    def _place(self, rows: Iterable[tuple[NewRow, int | None]]) -> None:
        """Put rows into the input, each with its entry, if it has one."""
        cells = ((self.gen, row.index, row.line, entry, row.status, row.note, row.data) for row, entry in rows)
        self._connection.executemany(_PUT, cells)

    def _repeatable_identity(self, digest: bytes) -> str:
        """Identify a row that may repeat by what it does, and how often that came before it."""
        self._repeats[digest] += 1
        return f"\x01{digest.hex()}:{self._repeats[digest]}"

    def _change_with_facts(self, facts: dict[str, Any], sql: str, *values: Any) -> None:
        """Write facts and change the tables in one transaction."""
        self.in_one_transaction([(self.put_facts, (facts,)), (self._change, (sql, *values))])

    def put_facts(self, facts: dict[str, Any]) -> None:
        """Write facts as a part of the present transaction."""
        rows = [(name, encode_fact(value)) for name, value in facts.items()]
        self._connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    def _change(self, sql: str, *values: Any) -> int:
        return self._connection.execute(sql, values).rowcount

    def _query(self, sql: str, *values: Any) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise locking.journal_error(self.path, error) from None
