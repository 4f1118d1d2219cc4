"""The order of rows: due retries go before new rows, and none goes while something holds the run back.

Rules of this file:

1. A row is in `UnfinishedRows` from being read to having its result. Nothing else holds rows.
2. A row gets one result, by `UnfinishedRows.finish`.
3. No new row is read while results wait for a slow reader, or too many rows wait for their next attempt.
4. Whoever sleeps here wakes when the next retry is due, a row arrives, or the run is stopped or released.
"""

import asyncio
import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator

import anyio
import anyio.lowlevel

from airmeet_async.bulk.execution.flow_control import FlowControl
from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.execution.row import Row, unfinished_result
from airmeet_async.bulk.input.operations import PreparedRow
from airmeet_async.bulk.input.row_preparer import RowPreparer
from airmeet_async.bulk.input.sources import RowSource
from airmeet_async.bulk.journal import Journal
from airmeet_async.bulk.report import RowResult
from airmeet_async.bulk.statistics import RunStatistics
from airmeet_async.errors import AirmeetError, InputError
from airmeet_async.tables import SourceRow


class Scheduler:
    """Gives each worker its next row.

    Args:
        rows: Where new rows come from.
        retries: Rows that wait for their next attempt.
        flow: What holds the run back.
        clock: Returns the time in seconds.
        most_waiting: While so many rows wait for their next attempt, no new ones begin.

    Attributes:
        stopped: No more rows are given.
    """

    def __init__(
        self,
        rows: "UnfinishedRows",
        retries: "RetryQueue",
        flow: FlowControl,
        clock: Callable[[], float],
        most_waiting: int,
    ) -> None:
        self._rows = rows
        self._retries = retries
        self._flow = flow
        self._clock = clock
        self._most_waiting = most_waiting
        self.stopped = False

    def next_now(self) -> Row | None:
        """Return a new row where nothing holds the run back, which is nearly always; else call `next`.

        It awaits nothing, so that the common row costs no switch between tasks.
        """
        if self.stopped or self._retries.rows or not self._flow.is_clear:
            return None
        row = self._rows.next_now()
        if row is not None:
            self._flow.begun += 1
        return row

    async def next(self) -> Row | None:
        """Wait for a row to send, and return it, or None when there will be no more."""
        while not self.stopped:
            if (pause := self._flow.pause_left(self._clock())) > 0:
                await self._retries.sleep(pause)
            elif (row := self._retries.take_due()) is not None or (
                self._may_begin_row() and (row := await self._next_new()) is not None
            ):
                return row
            elif self._retries.rows:
                if (row := await self._retries.wait_for_next()) is not None:
                    return row
            elif self._rows.ended:
                return None
            else:
                await self._retries.sleep(math.inf)
        return None

    def _may_begin_row(self) -> bool:
        return not self.stopped and len(self._retries.rows) < self._most_waiting and self._flow.may_begin_row()

    async def _next_new(self) -> Row | None:
        row = await self._rows.next_new(self._may_begin_row, one_by_one=not self._flow.trusted)
        if row is not None:
            self._flow.begun += 1
        return row


class UnfinishedRows:
    """Rows that have been read and have no result yet.

    Args:
        source: Where they come from.
        preparer: Makes a call of each, or the result that it ends with unsent.
        journal: Takes the results.
        results: Where results wait, so that no more rows are read than somebody reads results.
        may_mail_twice: Rows ask for an invitation again after an unclear outcome.

    Attributes:
        statistics: Of the run.
        error: What was wrong with the source, or None.
    """

    def __init__(
        self, source: RowSource, preparer: RowPreparer, journal: Journal, results: ResultQueue, *, may_mail_twice: bool
    ) -> None:
        self._source = source
        self._preparer = preparer
        self._journal = journal
        self._results = results
        self._may_mail_twice = may_mail_twice
        self._rows: dict[int, Row] = {}
        self._unprepared: deque[Row] = deque()  # those whose call takes waiting to make
        self._one_by_one = asyncio.Lock()
        self.statistics = RunStatistics()
        self.error: InputError | None = None

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self._rows.values()))

    @property
    def ended(self) -> bool:
        return self._source.ended

    def next_now(self) -> Row | None:
        """Return the next row that can be sent, if that takes no waiting; rows that cannot get their result."""
        while not (self._unprepared or self._results.is_full) and (source := self._take()) is not None:
            row = self._begin(source)
            prepared = self._preparer.prepare_now(source)
            if prepared is None:
                self._unprepared.append(row)
            elif self._accept(row, prepared):
                return row
        return None

    async def next_new(self, may_begin: Callable[[], bool], *, one_by_one: bool) -> Row | None:
        """Return the next row that can be sent, or None if there is none now; rows that cannot get their result.

        Args:
            may_begin: Whether one may begin, asked before each.
            one_by_one: How many have begun must be known before the next one is read.
        """
        # Two workers that ask at once must not both begin the last row that is allowed.
        if not one_by_one:
            return await self._next_new(may_begin)
        async with self._one_by_one:
            return await self._next_new(may_begin)

    async def _next_new(self, may_begin: Callable[[], bool]) -> Row | None:
        while may_begin() and (row := self._unprepared.popleft() if self._unprepared else self._read()) is not None:
            if self._accept(row, await self._preparer.prepare(row.source)):
                return row
            await self._results.wait_for_room()
        return None

    def finish(self, row: Row, result: RowResult) -> None:
        del self._rows[row.source.index]
        self.statistics.count_result(result)
        self._journal.record_result(row, result)

    def finish_all(self, why: str, now: float) -> None:
        """Give every row that is still here the result of one that was not done when the run ended."""
        for row in self:
            self.statistics.attempts += row.sending
            self.finish(row, unfinished_result(row, why, now))

    async def finish_unread(self, why: str, now: Callable[[], float], retries: "RetryQueue") -> None:
        """After a stop, read on to the end of a finite source, or of what was read ahead: each row gets a result."""
        if not self._source.finite:
            self._source.stop_reading()
        while not self._source.ended and self.error is None:
            row = self._read()
            if row is None:
                if not self._source.ended:
                    await retries.sleep(math.inf)
                continue
            if await self._accept_if_possible(row):
                self.finish(row, unfinished_result(row, why, now()))
            await self._results.wait_for_room()
            if self.statistics.rows_read % 200 == 0:  # a million rows must not lock out Ctrl-C
                await anyio.lowlevel.checkpoint()

    def _take(self) -> SourceRow | None:
        """Take a row; a source that breaks ends the run, but only after the rows before it have their results."""
        try:
            return self._source.take()
        except InputError as error:
            self.error = error
            return None

    def _read(self) -> Row | None:
        return None if (source := self._take()) is None else self._begin(source)

    def _begin(self, source: SourceRow) -> Row:
        self.statistics.rows_read += 1
        return self._rows.setdefault(source.index, Row(source, may_mail_twice=self._may_mail_twice))

    def _accept(self, row: Row, prepared: PreparedRow | RowResult) -> bool:
        """Return whether the row can be sent; one that cannot gets its result."""
        if isinstance(prepared, RowResult):
            self.finish(row, prepared)
            return False
        row.set_call(prepared)
        return True

    async def _accept_if_possible(self, row: Row) -> bool:
        """Tell a wrong row from one that was only not sent, if that needs no answer of the server."""
        if (prepared := self._preparer.prepare_now(row.source)) is not None:
            return self._accept(row, prepared)
        if not self._preparer.prepares_all:
            return True
        try:
            return self._accept(row, await self._preparer.prepare(row.source))
        except AirmeetError:
            return True


class RetryQueue:
    """Holds rows until their next attempt is due, and wakes those who sleep here.

    Args:
        clock: Returns the time in seconds.

    Attributes:
        rows: When each is due, its number, and the row itself; the next one first.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.rows: list[tuple[float, int, Row]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()

    def put(self, row: Row, seconds: float) -> None:
        heapq.heappush(self.rows, (self._clock() + seconds, next(self._order), row))

    def take_due(self) -> Row | None:
        if self.rows and self.rows[0][0] <= self._clock():
            return heapq.heappop(self.rows)[2]
        return None

    async def wait_for_next(self) -> Row | None:
        """Claim the row that is due next and sleep until then; put it back and return None if woken before."""
        # Claimed, since every worker that sleeps would wake for the same row.
        claimed = heapq.heappop(self.rows)
        with anyio.move_on_after(claimed[0] - self._clock()):
            await self._wake.wait()
            heapq.heappush(self.rows, claimed)
            return None
        return claimed[2]

    async def sleep(self, seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await self._wake.wait()

    def wake(self) -> None:
        self._wake.set()
        self._wake = asyncio.Event()
