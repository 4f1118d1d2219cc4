"""The journal as the engine sees it: what is to be kept is handed over at once, and written in groups.

Rules of this file:

1. Writing is first in, first out, one transaction at a time, each with all that has come until it begins.
2. `intend` returns when its note is on the disk: only then may the request leave.
3. A result goes to the outbox when it is on the disk, or when it is certain that it never will be.
4. After a failure nothing is written any more, and `intend` raises: sending stops before the next request.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from attrs import define

from airmeet_async.bulk.execution.result_queue import Outbox
from airmeet_async.bulk.execution.row import Row
from airmeet_async.bulk.journal.memory import Earlier
from airmeet_async.bulk.journal.row_encoding import note_text, storable
from airmeet_async.bulk.journal.schema import LAST_OPEN, Kept, NewRow, State
from airmeet_async.bulk.journal.writer import DEFER, INTEND, SETTLE, Store
from airmeet_async.bulk.report import Invite, RowResult, RowStatus
from airmeet_async.errors import JournalError

T = TypeVar("T")

_LINGER = 0.05
_MANY = 64
_STATES = {
    RowStatus.SUCCEEDED: State.SUCCEEDED,
    RowStatus.REJECTED: State.REJECTED,
    RowStatus.FAILED: State.FAILED,
    RowStatus.UNKNOWN: State.UNKNOWN,
}


@define(eq=False)
class _Task:
    """Something to be written: what to do, who waits for it, and which result may be handed on afterwards."""

    do: Callable[..., Any] | str
    arguments: tuple[Any, ...]
    waiter: "asyncio.Future[Any] | None" = None
    result: RowResult | None = None


class Journal:
    """An open journal, written by a thread of its own.

    Attributes:
        path: The file.
        facts: What it knows of the whole run.
        read: How many rows of the input were new, known, changed and so on, where it has been read.
        earlier: What it knew when this run began; None for the first run.
        failed: Why it cannot be written any more, or None.
    """

    def __init__(self, path: Path, outbox: Outbox) -> None:
        self.path = path
        self.facts: dict[str, Any] = {}
        self.read: Counter[str] = Counter()
        self.earlier: Earlier | None = None
        self.failed: JournalError | None = None
        self._outbox = outbox
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, f"airmeet-journal-{path.name}")
        self._tasks: list[_Task] = []
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Open the file.

        Raises:
            JournalError: It cannot be used, or a run has it.
        """
        opening = self._loop.run_in_executor(self._thread, Store, self.path)
        try:
            self.store = await asyncio.shield(opening)
        except BaseException:
            opening.add_done_callback(self._opened_too_late)
            raise

    async def close(self, facts: dict[str, Any]) -> None:
        """Close the file, after all has been written."""
        await self.finish()
        try:
            if facts and not self.failed:
                with suppress(JournalError):  # what counts is there
                    await self.call(partial(self.store.note, **facts))
            await self.call(self.store.close)
        finally:
            self._thread.shutdown(wait=False)

    def _opened_too_late(self, opening: "asyncio.Future[Store]") -> None:
        """Close what nobody waits for any more, so that its lock is not kept."""
        if not opening.cancelled() and opening.exception() is None:
            self._thread.submit(opening.result().close)
        self._thread.shutdown(wait=False)

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Do something in the journal's thread, after what it does now."""
        return await self._loop.run_in_executor(self._thread, function, *arguments)

    async def arriving(self) -> None:
        """Begin an input that comes row by row: what has come counts at once."""
        await self.call(self.store.begin_input)
        await self.call(self.store.end_input)

    async def look_back(self) -> None:
        """See how many rows there are, and what earlier runs have done."""
        counts = await self.call(self.store.counts)
        self.facts["rows"] = sum(n for _, _, n in counts)
        if self.store.run > 1:
            read = self.read
            settled = sum(n for status, state, n in counts if status is not None or (state or 0) > LAST_OPEN)
            unclear = sum(n for status, state, n in counts if status is None and state == LAST_OPEN)
            self.earlier = Earlier(settled, unclear, read["changed"], read["updated"], read["new"])

    async def intend(self, row: Row) -> None:
        """Write that the row's request is about to leave.

        Raises:
            JournalError: It cannot be written, so the request must not leave.
        """
        row.intended = True
        await self._written(INTEND, time.time(), row.entry)

    def defer(self, row: Row) -> None:
        """Write that the row will be sent again."""
        if row.intended and not self.failed:
            self._put(_Task(DEFER, (row.tries.sent, row.tries.charged, int(row.unclear), row.entry)))

    def settle(self, row: Row, result: RowResult) -> None:
        """Write the row's end; its result is handed on when that is on the disk."""
        if not row.intended or self.failed:
            self._outbox.put(result)
            return
        self._put(_Task(SETTLE, ending(row, result, self.store.run), result=result))

    def remember(self, facts: dict[str, Any]) -> None:
        """Write facts about the run that the next one should know."""
        if not self.failed:
            self._put(_Task(self.store.put_facts, (facts,)))

    async def register(self, row: NewRow) -> Kept:
        """Write a row of the input that has just come, and return what is known of it."""
        kept: Kept = await self._written(self._register, row)
        return kept

    async def finish(self) -> None:
        """Return when all has been written, or cannot be."""
        while self._writing or self._tasks:
            self._flush()
            self._idle = self._loop.create_future()
            await self._idle

    def _register(self, row: NewRow) -> Kept:
        self.store.register([row])
        return self.store.one(row.index)

    async def _written(self, do: Callable[..., Any] | str, *arguments: Any) -> Any:
        if self.failed:
            raise self.failed.again()
        waiter = self._loop.create_future()
        self._put(_Task(do, arguments, waiter))
        return await waiter

    def _put(self, task: _Task) -> None:
        """Somebody who waits is not kept waiting; what nobody waits for may linger for others to come along."""
        self._tasks.append(task)
        if task.waiter is not None or len(self._tasks) >= _MANY:
            self._flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(_LINGER, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:  # it has rung, or it is not needed; `_linger` sets the next one
            self._timer.cancel()
            self._timer = None
        if self._writing or not self._tasks:
            return
        self._writing = True
        tasks, self._tasks = self._tasks, []
        writing = self._loop.run_in_executor(self._thread, self._write, tasks)
        writing.add_done_callback(lambda done: self._wrote(tasks, done))

    def _write(self, tasks: list[_Task]) -> list[Any]:
        return self.store.together([(task.do, task.arguments) for task in tasks])

    def _wrote(self, tasks: list[_Task], writing: "asyncio.Future[list[Any]]") -> None:
        self._writing = False
        error = asyncio.CancelledError() if writing.cancelled() else writing.exception()
        if error is not None:
            known = error if isinstance(error, JournalError) else JournalError(f"{self.path}: {error}")
            self.failed = self.failed or known
            tasks, self._tasks = [*tasks, *self._tasks], []
        for number, task in enumerate(tasks):
            if task.result is not None:
                self._outbox.put(task.result)
            if task.waiter is not None and not task.waiter.done():
                _answer(task.waiter, self.failed if error else None, None if error else writing.result()[number])
        if self._idle is not None and not self._idle.done() and not self._tasks:
            self._idle.set_result(None)
        self._linger()

    def _linger(self) -> None:
        """Go on with what has come meanwhile."""
        if any(task.waiter is not None for task in self._tasks) or len(self._tasks) >= _MANY or self._idle is not None:
            self._flush()
        elif self._tasks and self._timer is None:
            self._timer = self._loop.call_later(_LINGER, self._flush)


def _answer(waiter: "asyncio.Future[Any]", error: JournalError | None, value: Any) -> None:
    if error is None:
        waiter.set_result(value)
    else:
        waiter.set_exception(error.again())


def ending(row: Row, result: RowResult, run: int) -> tuple[Any, ...]:
    """Return the values of `SETTLE`: a row's end as the ledger keeps it.

    What was certainly not applied is pending again. What was done needs its request no more, unless its mail is in
    doubt. All are plain numbers and texts: SQLite asks a long time about anything else.
    """
    tries, invite = row.tries, result.invite
    state = _STATES.get(result.status, State.RETRY if tries.sent else State.PENDING)
    note = None
    if state > State.RETRY:
        known = None if invite is Invite.NOT_ASKED else invite.value
        note = note_text(result.error, (), replayed=result.replayed, invite=known)
    return (
        int(state),
        tries.sent + row.sending,
        tries.charged,
        int(row.unclear or result.status is RowStatus.UNKNOWN),
        run,
        result.http_status,
        result.latency_s,
        None if result.entry_link is None else storable(result.entry_link),
        note,
        int(state is State.SUCCEEDED and invite is not Invite.UNVERIFIED),
        row.entry,
    )
