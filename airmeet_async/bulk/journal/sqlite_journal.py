"""`SqliteJournal`: the journal for the event loop. What is to be recorded is queued at once, and written in groups.

Rules of this file:

1. Writing is first in, first out, one transaction at a time, each with all that has come until it begins.
2. `record_intent` returns when the intent is on the disk: only then may the request leave.
3. A result is passed on when it is on the disk, or when it is certain that it never will be.
4. After a failure nothing is written any more, and `record_intent` raises: sending stops before the next request.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from attrs import define

from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.execution.row import Row
from airmeet_async.bulk.journal import Earlier
from airmeet_async.bulk.journal.row_encoding import encodable, encode_note
from airmeet_async.bulk.journal.schema import LAST_OPEN, NewRow, RowRecord, RowState
from airmeet_async.bulk.journal.writer import RECORD_INTENT, RECORD_RESULT, RECORD_RETRY, JournalWriter
from airmeet_async.bulk.report import Invite, RowResult, RowStatus
from airmeet_async.errors import JournalError

T = TypeVar("T")

# A commit waits for the disk, so writes share one. A crash within the delay loses results, never intents: the next run
# finds their rows without a clear answer.
_GROUP_DELAY = 0.05  # seconds that a write nobody waits for may wait for others
_GROUP_SIZE = 64
_STATES = {
    RowStatus.SUCCEEDED: RowState.SUCCEEDED,
    RowStatus.REJECTED: RowState.REJECTED,
    RowStatus.FAILED: RowState.FAILED,
    RowStatus.UNKNOWN: RowState.UNKNOWN,
}


@define(eq=False)
class _Write:
    """Something to be written: what to do, who waits for it, and which result may be passed on afterwards."""

    do: Callable[..., Any] | str
    arguments: tuple[Any, ...]
    waiter: "asyncio.Future[Any] | None" = None
    result: RowResult | None = None


class SqliteJournal:
    """An open journal, written by a thread of its own.

    Attributes:
        path: The file.
        facts: What it knows of the whole run.
        input_counts: How many rows of the input were new, known, changed and so on, where it was read.
        earlier: What it knew when this run began; None for the first run.
        failed: Why it cannot be written any more, or None.
    """

    def __init__(self, path: Path, results: ResultQueue) -> None:
        self.path = path
        self.facts: dict[str, Any] = {}
        self.input_counts: Counter[str] = Counter()
        self.earlier: Earlier | None = None
        self.failed: JournalError | None = None
        self._results = results
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, f"airmeet-journal-{path.name}")
        self._writes: list[_Write] = []
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Open the file.

        Raises:
            JournalError: It cannot be used, or a run has it.
        """
        opening = self._loop.run_in_executor(self._thread, JournalWriter, self.path)
        try:
            self.writer = await asyncio.shield(opening)
        except BaseException:
            opening.add_done_callback(self._close_late)
            raise

    async def close(self, facts: dict[str, Any]) -> None:
        """Close the file, after all has been written."""
        await self.drain()
        try:
            if facts and not self.failed:
                with suppress(JournalError):  # the rows are recorded; these facts are only useful
                    await self.call(self.writer.write_facts, facts)
            await self.call(self.writer.close)
        finally:
            self._thread.shutdown(wait=False)

    def _close_late(self, opening: "asyncio.Future[JournalWriter]") -> None:
        """Close a file whose opening was cancelled, so that its lock is not kept."""
        if not opening.cancelled() and opening.exception() is None:
            self._thread.submit(opening.result().close)
        self._thread.shutdown(wait=False)

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call *function* in the journal's thread, after what goes on there now."""
        return await self._loop.run_in_executor(self._thread, function, *arguments)

    async def begin_arriving_input(self) -> None:
        """Begin an input that comes row by row: each row counts at once, and there is no end to wait for."""
        await self.call(self.writer.begin_input)
        await self.call(self.writer.end_input)

    async def count_earlier(self) -> None:
        """Count all rows, and what earlier runs have done."""
        counts = await self.call(self.writer.counts)
        self.facts["rows"] = sum(n for _, _, n in counts)
        if self.writer.run > 1:
            read = self.input_counts
            settled = sum(n for status, state, n in counts if status is not None or (state or 0) > LAST_OPEN)
            unclear = sum(n for status, state, n in counts if status is None and state == LAST_OPEN)
            self.earlier = Earlier(settled, unclear, read["changed"], read["updated"], read["new"])

    async def record_intent(self, row: Row) -> None:
        """Write that the row's request is about to leave.

        Raises:
            JournalError: It cannot be written, so the request must not leave.
        """
        row.intended = True
        await self._written(RECORD_INTENT, time.time(), row.entry)

    def record_retry(self, row: Row) -> None:
        if row.intended and not self.failed:
            self._put(_Write(RECORD_RETRY, (row.tries.sent, row.tries.charged, int(row.unclear), row.entry)))

    def record_result(self, row: Row, result: RowResult) -> None:
        """Write the row's end; its result is passed on when that is on the disk."""
        # Without an intent of this run, what the journal says of the row already is still true.
        if not row.intended or self.failed:
            self._results.put(result)
            return
        self._put(_Write(RECORD_RESULT, _result_values(row, result, self.writer.run), result=result))

    def record_facts(self, facts: dict[str, Any]) -> None:
        if not self.failed:
            self._put(_Write(self.writer.put_facts, (facts,)))

    async def add_row(self, row: NewRow) -> RowRecord:
        """Write a row of the input that has just come, and return what is known of it."""
        record: RowRecord = await self._written(self._add_row, row)
        return record

    async def drain(self) -> None:
        """Return when all has been written, or cannot be."""
        while self._writing or self._writes:
            self._flush()
            self._idle = self._loop.create_future()
            await self._idle

    def _add_row(self, row: NewRow) -> RowRecord:
        self.writer.add_in_transaction([row])
        return self.writer.one(row.index)

    async def _written(self, do: Callable[..., Any] | str, *arguments: Any) -> Any:
        if self.failed:
            raise self.failed.again()
        waiter = self._loop.create_future()
        self._put(_Write(do, arguments, waiter))
        return await waiter

    def _put(self, write: _Write) -> None:
        """Queue a write. If somebody waits for it, it goes at once; else it may wait for others to go with it."""
        self._writes.append(write)
        if write.waiter is not None or len(self._writes) >= _GROUP_SIZE:
            self._flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(_GROUP_DELAY, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:  # it has run out, or it is not needed; `_wrote` sets the next one
            self._timer.cancel()
            self._timer = None
        if self._writing or not self._writes:
            return
        self._writing = True
        writes, self._writes = self._writes, []
        writing = self._loop.run_in_executor(
            self._thread, lambda: self.writer.in_one_transaction([(write.do, write.arguments) for write in writes])
        )
        writing.add_done_callback(lambda done: self._wrote(writes, done))

    def _wrote(self, writes: list[_Write], writing: "asyncio.Future[list[Any]]") -> None:
        self._writing = False
        error = asyncio.CancelledError() if writing.cancelled() else writing.exception()
        failure: JournalError | None = None
        if error is not None:
            known = error if isinstance(error, JournalError) else JournalError(f"{self.path}: {error}")
            failure = self.failed = self.failed or known
            # Nothing more will be written: all that waits ends now, and results are passed on unrecorded.
            writes, self._writes = [*writes, *self._writes], []
        for number, write in enumerate(writes):
            if write.result is not None:
                self._results.put(write.result)
            if write.waiter is not None and not write.waiter.done():
                if failure is None:
                    write.waiter.set_result(writing.result()[number])
                else:
                    write.waiter.set_exception(failure.again())
        if self._idle is not None and not self._idle.done() and not self._writes:
            self._idle.set_result(None)
        somebody_waits = self._idle is not None or any(write.waiter is not None for write in self._writes)
        if somebody_waits or len(self._writes) >= _GROUP_SIZE:
            self._flush()
        elif self._writes and self._timer is None:
            self._timer = self._loop.call_later(_GROUP_DELAY, self._flush)


def _result_values(row: Row, result: RowResult, run: int) -> tuple[Any, ...]:
    """Return the values of `RECORD_RESULT`: a row's end as the ledger keeps it.

    What was certainly not applied is pending again. What was done needs its request no more, unless its mail is in
    doubt. All are plain numbers and texts: sqlite3 spends long on adapting anything else.
    """
    tries, invite = row.tries, result.invite
    state = _STATES.get(result.status, RowState.RETRY if tries.sent else RowState.PENDING)
    note = None
    if state > RowState.RETRY:
        known = None if invite is Invite.NOT_ASKED else invite.value
        note = encode_note(result.error, (), replayed=result.replayed, invite=known)
    return (
        int(state),
        tries.sent + row.sending,
        tries.charged,
        int(row.unclear or result.status is RowStatus.UNKNOWN),
        run,
        result.http_status,
        result.latency_s,
        None if result.entry_link is None else encodable(result.entry_link),
        note,
        int(state is RowState.SUCCEEDED and invite is not Invite.UNVERIFIED),
        row.entry,
    )
