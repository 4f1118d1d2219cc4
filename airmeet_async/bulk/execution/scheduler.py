"""Whose turn it is: due retries go before fresh rows, and nobody's while something holds the run back."""

import asyncio
import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable, Iterator

import anyio
import anyio.lowlevel

from airmeet_async.bulk.execution.circuit_breaker import Guard
from airmeet_async.bulk.execution.result_queue import Outbox
from airmeet_async.bulk.execution.row import Row, left_over
from airmeet_async.bulk.input.operations import Ready
from airmeet_async.bulk.input.prepare import Admission
from airmeet_async.bulk.input.sources import Feed
from airmeet_async.bulk.journal.memory import Books
from airmeet_async.bulk.report import RowResult
from airmeet_async.bulk.statistics import Tally
from airmeet_async.bulk.tables import SourceRow
from airmeet_async.errors import AirmeetError, InputError


class Backlog:
    """Holds rows until they are due, and wakes those who wait.

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
        """Keep a row for that long."""
        heapq.heappush(self.rows, (self._clock() + seconds, next(self._order), row))

    def due(self) -> Row | None:
        """Return a row whose time has come, or None."""
        if self.rows and self.rows[0][0] <= self._clock():
            return heapq.heappop(self.rows)[2]
        return None

    async def next_due(self) -> Row | None:
        """Claim the row that is due next and sleep until then; give it back and return None if woken before."""
        claimed = heapq.heappop(self.rows)
        with anyio.move_on_after(claimed[0] - self._clock()):
            await self._wake.wait()
            heapq.heappush(self.rows, claimed)
            return None
        return claimed[2]

    async def nap(self, seconds: float) -> None:
        """Sleep for that long, or until woken."""
        with anyio.move_on_after(seconds):
            await self._wake.wait()

    def wake(self) -> None:
        """Wake all who sleep here."""
        self._wake.set()
        self._wake = asyncio.Event()


class OpenRows:
    """Takes rows in, and lets them out with a result.

    Args:
        feed: Where they come from.
        intake: Makes a call of each, or the result that it ends with unsent.
        books: Who is told the results.
        outbox: Where the results wait, so that no more rows are taken than somebody reads results.
        insist: Rows ask for an invitation again after an unclear outcome.

    Attributes:
        error: What was wrong with the source, or None.
    """

    def __init__(self, feed: Feed, intake: Admission, books: Books, outbox: Outbox, *, insist: bool) -> None:
        self._feed = feed
        self._intake = intake
        self._books = books
        self._outbox = outbox
        self._insist = insist
        # The mutable state: rows without a result, and those of them whose call takes time to make.
        self._open: dict[int, Row] = {}
        self._aside: deque[Row] = deque()
        self._narrow = asyncio.Lock()
        self.tally = Tally()
        self.error: InputError | None = None

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self._open.values()))

    @property
    def ended(self) -> bool:
        """Whether no more will be taken in."""
        return self._feed.ended

    def let_go(self, why: str, now: float) -> None:
        """Give every row that is still here the result of one that the end of the run has overtaken."""
        for row in self:
            self.tally.attempts += row.sending
            self.finish(row, left_over(row, why, now))

    def at_once(self) -> Row | None:
        """Return the next row that can be sent, if that takes no waiting; the others get their result."""
        while not (self._aside or self._outbox.full) and (source := self._take()) is not None:
            row = self._read(source)
            admitted = self._intake.at_once(source)
            if admitted is None:
                self._aside.append(row)
            elif self._admit(row, admitted):
                return row
        return None

    async def fresh(self, may: Callable[[], bool], *, one_by_one: bool) -> Row | None:
        """Return the next row that can be sent, or None if there is none now. The others get their result.

        Args:
            may: Whether one may be taken, asked before each.
            one_by_one: How many have been taken must be known before the next one is.
        """
        if not one_by_one:
            return await self._next(may)
        async with self._narrow:
            return await self._next(may)

    async def _next(self, may: Callable[[], bool]) -> Row | None:
        while may() and (row := self._aside.popleft() if self._aside else self._read_next()) is not None:
            if self._admit(row, await self._intake.admit(row.source)):
                return row
            await self._outbox.room()
        return None

    def finish(self, row: Row, result: RowResult) -> None:
        """Let a row out."""
        del self._open[row.source.index]
        self.tally.result(result)
        self._books.settle(row, result)

    async def turn_away(self, why: str, now: Callable[[], float], backlog: Backlog) -> None:
        """Name the rows that nobody has seen: all of a finite source, what was read ahead of another."""
        if not self._feed.finite:
            self._feed.end_here()
        while not self._feed.ended and self.error is None:
            row = self._read_next()
            if row is None:
                if not self._feed.ended:
                    await backlog.nap(math.inf)
                continue
            if await self._admit_quietly(row):
                self.finish(row, left_over(row, why, now()))
            await self._outbox.room()
            if self.tally.rows_read % 200 == 0:
                await anyio.lowlevel.checkpoint()

    def _take(self) -> SourceRow | None:
        """Take a row; a source that breaks ends the run, but only after the rows before it have their results."""
        try:
            return self._feed.take()
        except InputError as error:
            self.error = error
            return None

    def _read_next(self) -> Row | None:
        return None if (source := self._take()) is None else self._read(source)

    def _read(self, source: SourceRow) -> Row:
        self.tally.rows_read += 1
        return self._open.setdefault(source.index, Row(source, insist=self._insist))

    def _admit(self, row: Row, admitted: Ready | RowResult) -> bool:
        """Take the row's call; a row that is not to be sent gets its result."""
        if isinstance(admitted, RowResult):
            self.finish(row, admitted)
            return False
        row.admit(admitted)
        return True

    async def _admit_quietly(self, row: Row) -> bool:
        """Tell a wrong row from one that was only not sent, if that needs no answer of the server."""
        if (admitted := self._intake.at_once(row.source)) is not None:
            return self._admit(row, admitted)
        if not self._intake.keeps:
            return True
        try:
            return self._admit(row, await self._intake.admit(row.source))
        except AirmeetError:
            return True


class Turns:
    """Gives each worker its next row.

    Args:
        rows: Where fresh rows come from.
        backlog: Rows that wait for their next attempt.
        guard: What holds the run back.
        clock: Returns the time in seconds.
        most_delayed: While so many rows wait for their next attempt, no fresh ones begin.

    Attributes:
        over: No more rows are given: the run was stopped.
    """

    def __init__(
        self, rows: OpenRows, backlog: Backlog, guard: Guard, clock: Callable[[], float], most_delayed: int
    ) -> None:
        self._rows = rows
        self._backlog = backlog
        self._guard = guard
        self._clock = clock
        self._most_delayed = most_delayed
        self.over = False

    def at_once(self) -> Row | None:
        """Return a fresh row where nothing holds the run back, which is nearly always; else ask `next`."""
        if self.over or self._backlog.rows or not self._guard.calm:
            return None
        row = self._rows.at_once()
        if row is not None:
            self._guard.begun += 1
        return row

    async def next(self) -> Row | None:
        """Wait for a row to send, and return it, or None when there will be no more."""
        while not self.over:
            if (rest := self._guard.rest(self._clock())) > 0:
                await self._backlog.nap(rest)
            elif (row := self._backlog.due()) is not None or (
                self._may_take_more() and (row := await self._fresh()) is not None
            ):
                return row
            elif self._backlog.rows:
                if (row := await self._backlog.next_due()) is not None:
                    return row
            elif self._rows.ended:
                return None
            else:
                await self._backlog.nap(math.inf)
        return None

    def _may_take_more(self) -> bool:
        """While too many rows wait for their next attempt, or the first ones must prove it, no fresh ones begin."""
        return not self.over and len(self._backlog.rows) < self._most_delayed and self._guard.may_begin()

    async def _fresh(self) -> Row | None:
        row = await self._rows.fresh(self._may_take_more, one_by_one=not self._guard.trusted)
        if row is not None:
            self._guard.begun += 1
        return row
