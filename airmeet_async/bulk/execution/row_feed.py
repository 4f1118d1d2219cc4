"""Where a run gets its rows from: a source whose rows are prepared as they come, or a list that is in the journal.

Rules of this file:

1. A chunk doubles from 1 to 64 rows while the source is quick; a slow or asynchronous source gives what it has.
2. No more is read than somebody needs: `refill` is called when rows run out.
3. Each row that was read is handed on once: to the journal, or with the result that it ends with unsent.
4. What Airmeet has to be asked for first is asked once, and rows wait for it in their order.
5. Of a recorded list, rows that ended with an error in an earlier run go last: at the start of a run they would look
   like a server that fails for everybody.
6. Rows with nothing left to do are read when all others have gone. They are counted from the start (`known`), so that
   whoever watches a run does not see it begin at zero.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Protocol

import anyio
import anyio.lowlevel
from attrs import frozen

from airmeet_async.bulk.input.operations import BulkOperation
from airmeet_async.bulk.input.sources import DuplicateFinder, RowSource
from airmeet_async.bulk.journal import Journal
from airmeet_async.bulk.journal.recorded_rows import has_failed, is_in_doubt, recorded_result, what_is_left
from airmeet_async.bulk.journal.sqlite_journal import SqliteJournal
from airmeet_async.bulk.report import RowResult
from airmeet_async.bulk.row import Row, Wish
from airmeet_async.bulk.row_results import unsent_result
from airmeet_async.bulk.statistics import KnownResults
from airmeet_async.errors import InputError

EVERYBODY = 1_000_000  # workers
LARGEST_CHUNK = 64
_BATCH = 256  # rows that are read out of a journal at once
_AHEAD = 512  # rows that wait in memory before more are read


@frozen
class Receiver:
    """What a feed needs of the engine.

    Attributes:
        journal: Takes rows that can be sent.
        finish: Takes the results of rows that are not sent.
        wake: Wakes that many workers.
        wanted: Returns how many rows workers could take now.
        wait_for_room: Returns when there is room for more results.
    """

    journal: Journal
    finish: Callable[[Sequence[RowResult]], None]
    wake: Callable[[int], None]
    wanted: Callable[[], int]
    wait_for_room: Callable[[], Awaitable[None]]


class RowFeed(Protocol):
    """Gives rows to the journal of a run.

    Attributes:
        ended: All rows have been handed on.
        total: How many rows there will be, where that is known.
        read: Rows so far.
        known: Results that are known, and not handed on yet; their rows are not among those that were read.
        error: What was wrong with the source, or None.
    """

    ended: bool
    total: int | None
    read: int
    known: KnownResults
    error: InputError | None

    def begin(self, receiver: Receiver) -> None:
        """Say where rows go."""
        ...

    def refill(self) -> None:
        """Hand on more rows, if that takes no waiting; else let `pump` do it."""
        ...

    async def pump(self) -> None:
        """Do what takes waiting, until cancelled.

        Raises:
            AirmeetError: What Airmeet had to be asked for cannot be had, or the journal cannot be read.
        """
        ...

    def stop(self) -> None:
        """Hand on no more unless asked by `read_rest`; of a source that may have no end, only what was read ahead."""
        ...

    async def read_rest(self) -> None:
        """After a stop: hand on the next rows, until `ended`."""
        ...

    def take_unprepared(self) -> list[Row]:
        """After a stop: return rows that were read, and of which it is not known whether they can be sent."""
        ...


class SourceFeed:
    """Prepares the rows of a source as they come.

    Args:
        source: Where they come from.
        operation: Makes a call of each.
        recorded: They go into a journal on disk, which finds duplicates by itself.
        accept_stale: Send again also what was sent long ago without a clear answer.
    """

    ended: bool
    total: int | None
    read: int

    def __init__(
        self, source: RowSource, operation: BulkOperation, *, recorded: bool = False, accept_stale: bool = False
    ) -> None:
        self.ended = False
        self.total = source.total
        self.read = 0
        self.known: KnownResults = KnownResults()
        self.error: InputError | None = None
        self._source = source
        self._operation = operation
        self._duplicates = None if recorded else DuplicateFinder()
        self._accept_stale = accept_stale
        self._chunk = 1
        self._is_stopped = False
        # Rows that cannot be prepared before Airmeet was asked, and where they stand.
        self._rest: tuple[Sequence[Any], int] | None = None
        self._is_cut = False
        self._fetch_wanted = asyncio.Event()

    def begin(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def refill(self) -> None:
        if self._rest is None and not self.ended and not self._is_stopped:
            self._read_chunk()

    def _read_chunk(self) -> None:
        """Read and prepare the next rows; `_rest` has those that cannot be prepared yet."""
        try:
            data = self._source.take(self._chunk)
        except InputError as error:  # the rows before it have been handed on
            self.error, data = error, []
        if data:
            self._chunk = min(2 * self._chunk, LARGEST_CHUNK)
            first, self.read = self.read, self.read + len(data)
            if self._is_cut:
                self._rest = data, first
            else:
                self._prepare(data, first)
        elif self.error is not None or self._source.ended:
            self.ended = True
            self._receiver.wake(EVERYBODY)  # whoever sleeps finds out that nothing more comes

    def _prepare(self, data: Sequence[Any], first: int) -> None:
        try:
            rows = self._operation.prepare_rows(data, None, first)
        except InputError as error:  # it concerns all rows, and nothing was sent yet
            self.error, self.ended = error, True
            self._rest = data, first
            self._source.stop_reading()
            self._receiver.wake(EVERYBODY)
            return
        done = len(rows)
        self._rest = None
        if done < len(data):
            self._rest = data[done:], first + done
            self._fetch_wanted.set()
        if self._duplicates is not None:
            self._duplicates.mark(rows)
            if unsent := [row for row in rows if row.error is not None]:
                self._receiver.finish([unsent_result(row) for row in unsent])
                rows = [row for row in rows if row.error is None]
        if rows:
            self._receiver.journal.admit(rows)

    def sort(self, rows: Sequence[Row]) -> list[Row]:
        """Return those rows that can be sent, of rows that a journal has just recorded; others get their result."""
        sendable, results = _left(rows, accept_stale=self._accept_stale)
        if results:
            self._receiver.finish(results)
        return sendable

    async def pump(self) -> None:
        async with anyio.create_task_group() as group:
            if not self._source.is_sync:
                group.start_soon(self._source.pump, partial(self._receiver.wake, 1), self._receiver.wanted)
            while True:
                await self._fetch_wanted.wait()
                self._fetch_wanted.clear()
                await self._operation.fetch()
                if self._rest is not None:
                    self._prepare(*self._rest)
                self._receiver.wake(1)  # also where none of them can be sent

    def stop(self) -> None:
        self._is_stopped = True
        if not self._source.finite:
            self._source.stop_reading()

    async def read_rest(self) -> None:
        self._read_chunk()
        # A million rows must not lock out Ctrl-C, and a source may need a moment to end.
        await anyio.lowlevel.checkpoint()

    def take_unprepared(self) -> list[Row]:
        if self._rest is None:
            return []
        data, first = self._rest
        self._rest, self._is_cut = None, True  # no row behind these may be recorded: there would be a gap
        return [Row(index, None, one, "") for index, one in enumerate(data, first)]


class RecordedFeed:
    """Gives the rows of a list that is in a journal: first those with something left to do, at last the settled ones.

    Args:
        journal: Where from.
        list_id: The list.
        total: Its rows.
        kept: The same rows, where they were just recorded; they are not read back then.
        originals: The caller's own rows, where they are still at hand.
        accept_stale: Send again also what was sent long ago without a clear answer.
        only_reopened: Send only what this run has reopened on purpose.
        known: How rows with nothing left to do have ended.
    """

    ended: bool
    read: int

    def __init__(
        self,
        journal: SqliteJournal,
        list_id: int,
        total: int,
        *,
        kept: Sequence[Row] | None = None,
        originals: Sequence[Any] = (),
        accept_stale: bool = False,
        only_reopened: bool = False,
        known: KnownResults,
    ) -> None:
        self.ended = False
        self.total: int | None = total
        self.read = 0
        self.known: KnownResults = known
        self.error: InputError | None = None
        self._journal = journal
        self._list = list_id
        self._kept = kept
        self._originals = originals
        self._accept_stale = accept_stale
        self._only_reopened = only_reopened
        self._after = -1
        self._failed_before: set[int] = set()  # positions of rows that go last
        self._reads_failed = False  # all others with something left to do have been handed on
        self._is_open_read = False  # these, too
        self._wanted = asyncio.Event()
        self._one_by_one = asyncio.Lock()

    def begin(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def refill(self) -> None:
        self._wanted.set()

    async def pump(self) -> None:
        while not self.ended:
            await self._wanted.wait()
            self._wanted.clear()
            while not self.ended and len(self._journal.queue) < _AHEAD:
                await self.read_rest()
        await anyio.sleep_forever()

    def stop(self) -> None:
        """Do nothing: a list has an end."""

    def sort(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows: they were recorded before."""
        return list(rows)

    def take_unprepared(self) -> list[Row]:
        """Return nothing: all were prepared when they were recorded."""
        return []

    async def read_rest(self) -> None:
        async with self._one_by_one:  # after a stop, `pump` may still be reading, and come to the end meanwhile
            if not self.ended:
                await self._read_batch()

    async def _read_batch(self) -> None:
        if self._kept is not None:
            self.read, self.ended, self.known = len(self._kept), True, KnownResults()
            self._hand_on(self._kept)
            self._receiver.wake(EVERYBODY)
            return
        writer = self._journal.writer
        read = writer.settled_rows if self._is_open_read else writer.open_rows
        rows = await self._journal.call(read, self._list, self._after, _BATCH, only_reopened=self._only_reopened)
        if not rows:
            self._after = -1
            if self._failed_before and not self._reads_failed:
                self._reads_failed = True
            else:
                self.ended, self._is_open_read = self._is_open_read, True
                if self.ended:
                    self.known = KnownResults()
            self._receiver.wake(EVERYBODY)  # whoever sleeps finds out that nothing more comes
            return
        self._after = rows[-1].index
        if self._reads_failed and not self._is_open_read:
            rows = [row for row in rows if row.index in self._failed_before]
        else:
            self.read += len(rows)
        if self._originals:
            for row in rows:
                row.data = self._originals[row.index]
        if self._is_open_read:
            stopped = self._journal.facts.get("stop_message") or ""
            for row in rows:
                if self._only_reopened and row.error is None and row.earlier is None:
                    row.warnings = ()  # a resume sends it, and says this
            results = [recorded_result(row, stopped) for row in rows]
            self.known.take(results)
            self._receiver.finish(results)
            await self._receiver.wait_for_room()
            return
        self._hand_on(rows)

    def _hand_on(self, rows: Sequence[Row]) -> None:
        sendable, results = _left(rows, accept_stale=self._accept_stale)
        if results:
            self._receiver.finish(results)
        if self._kept is not None:
            sendable.sort(key=lambda row: row.failed_before)
        elif not self._reads_failed:  # those are read once more: there may be many
            self._failed_before.update(row.index for row in sendable if row.failed_before)
            sendable = [row for row in sendable if not row.failed_before]
        if sendable:
            self._receiver.journal.admit(sendable)


def _left(rows: Sequence[Row], *, accept_stale: bool) -> tuple[list[Row], list[RowResult]]:
    """Return the rows that can be sent, and the results of the others."""
    now, sendable, results = time.time(), list[Row](), list[RowResult]()
    for row in rows:
        if row.error is not None:
            results.append(unsent_result(row))
        elif row.earlier is None:
            sendable.append(row)
        elif (result := what_is_left(row, now, accept_stale=accept_stale)) is not None:
            results.append(result)
        else:
            row.unclear = row.earlier.unclear or (Wish.DONE if is_in_doubt(row) else 0)
            row.failed_before = has_failed(row.earlier)
            sendable.append(row)
    return sendable, results
