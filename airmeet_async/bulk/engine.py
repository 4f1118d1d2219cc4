"""The engine: N workers, one feed, one result per row.

Rules of this file:

1. From the moment it is read until it has its result, a row is in `_rows`. Whatever
   cancels a worker, `_settle_the_rest` finds the row there. Nothing else holds rows.
2. A row leaves `_rows` in the same step in which its result is put into the outbox.
3. Workers pull. Due retries go before fresh rows, and a worker that finds neither sleeps
   until the next one is due, a row arrives, or the run stops.
4. Whatever ends the run calls `stop`, and only the first call counts.
"""

import asyncio
import heapq
import itertools
import random
from functools import partial

import anyio
import anyio.lowlevel

from airmeet_async.api.decide import Raise, Renew, Return, Wait, decide
from airmeet_async.api.failures import error_for
from airmeet_async.api.judge import Verdict
from airmeet_async.bulk.feed import Feed
from airmeet_async.bulk.intake import Intake
from airmeet_async.bulk.options import EngineOptions
from airmeet_async.bulk.outbox import Outbox
from airmeet_async.bulk.report import BulkReport, RowResult, StopReason
from airmeet_async.bulk.row import Row, given_up, left_over, succeeded
from airmeet_async.bulk.stops import Silence, Stop, stop_for, stop_for_error
from airmeet_async.bulk.tables import SourceRow
from airmeet_async.bulk.tally import Tally
from airmeet_async.client.client import Client
from airmeet_async.client.pace import Pace, Priority
from airmeet_async.errors import AirmeetError, InputError


class _TooLateError(Exception):
    """The run was stopped in the very step in which a row got its turn."""


class Engine:
    """Send what *intake* makes of each row of *feed*, and put one result per row into *outbox*.

    Attributes:
        pace: The run's own limits, within the client's.
        total: Rows of the feed, where that is known.
        stopped: Why the run ends before its last row, or None.
    """

    def __init__(
        self,
        client: Client,
        intake: Intake,
        feed: Feed,
        *,
        pace: Pace,
        outbox: Outbox,
        options: EngineOptions,
    ) -> None:
        self._client = client
        self._intake = intake
        self._feed = feed
        self.pace = pace
        self.total = feed.total
        self._outbox = outbox
        self._options = options
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._fetched_before = client.session.fetched
        self._silence = Silence(options.outage)
        self._most_delayed = 4 * options.max_in_flight + 100
        self.tally = Tally(self._started)
        # The mutable state: rows without a result, those of them that wait for their next attempt,
        # what wakes idle workers, what the workers are doing, and what ends the run.
        self._rows: dict[int, Row] = {}
        self._delayed: list[tuple[float, int, Row]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._opened = asyncio.Event()
        self._scopes: dict[anyio.CancelScope, Row | None] = {}
        self._source_error: InputError | None = None
        self.stopped: Stop | None = None

    async def run(self) -> None:
        """Run to the end, or to a stop. Every row that was read has a result afterwards, even if this is cancelled."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._feed.pump, self._signal)
            try:
                await self._run_workers()
            finally:
                self._settle_the_rest()
            await self._drain()
            group.cancel_scope.cancel()

    async def _run_workers(self) -> None:
        """The first row goes alone: wrong keys or a wrong event cost one request, not as many as there are workers."""
        async with anyio.create_task_group() as workers:
            workers.start_soon(self._work)
            await self._opened.wait()
            for _ in range(self._options.max_in_flight - 1):
                workers.start_soon(self._work)

    async def _work(self) -> None:
        with anyio.CancelScope() as scope:
            self._scopes[scope] = None
            try:
                while (row := await self._next_row()) is not None:
                    self._scopes[scope] = row
                    await self._attempt(row)
                    await self._outbox.room()
            except _TooLateError:
                pass  # the row is in `_rows`, unsent
            except AirmeetError as error:
                self.stop(stop_for_error(error), str(error), error)
            except Exception as error:  # a fault of the caller's transport, or ours: it comes out
                self.stop(StopReason.CUT_OFF, f"{type(error).__name__}: {error}")
                raise
            finally:
                del self._scopes[scope]
                self._opened.set()

    async def _attempt(self, row: Row) -> None:
        """Send a row once and act on what comes of it: this is the loop's heart."""
        assert row.call is not None  # noqa: S101 - for the type checker; `_admit` made it
        attempt = await self._client.attempt(
            row.call, pace=self.pace, priority=Priority.BULK, on_send=partial(self._begin, row)
        )
        verdict, now = attempt.verdict, self._clock()
        row.end(verdict)
        self.tally.attempt(verdict, attempt.latency, now, nth=row.tries.sent)
        match decide(row.call.endpoint, verdict, row.tries, self._options.retry, random.random()):
            case Return():
                self._finish(row, succeeded(row, verdict, now))
            case Renew():
                self._delay(row, 0.0)
                await self._client.session.renew(attempt.generation)
            case Wait(seconds, everyone):
                self._delay(row, seconds)
                if everyone:
                    self._client.pace.pause(seconds)
            case Raise():
                self._give_up(row, verdict)
        self._listen(verdict, now - attempt.latency)

    def _begin(self, row: Row) -> None:
        if self.stopped is not None:
            raise _TooLateError
        row.begin(self._clock())

    async def _next_row(self) -> Row | None:
        """Return a row to send, or None when there will be no more."""
        while self.stopped is None:
            if self._delayed and self._delayed[0][0] <= self._clock():
                return heapq.heappop(self._delayed)[2]
            if self._may_take_more() and (row := await self._fresh_row()) is not None:
                return row
            if self._delayed:
                if (row := await self._sleep_until_due()) is not None:
                    return row
            elif self._feed.ended:
                return None
            else:
                await self._wake.wait()
        return None

    def _may_take_more(self) -> bool:
        """While the server is silent, or too many rows wait for their next attempt, no fresh ones are started."""
        return not self._delayed or (len(self._delayed) < self._most_delayed and not self._silence.deep)

    async def _sleep_until_due(self) -> Row | None:
        """Claim the row that is due next and sleep until then; give it back if something wakes us before."""
        claimed = heapq.heappop(self._delayed)
        with anyio.move_on_after(claimed[0] - self._clock()):
            await self._wake.wait()
            heapq.heappush(self._delayed, claimed)
            return None
        return claimed[2]

    async def _fresh_row(self) -> Row | None:
        """Return the next row that can be sent, or None if there is none now. The others get their result."""
        while self.stopped is None and (source := self._take()) is not None:
            row = self._read(source)
            if await self._admit(row):
                return row
            await self._outbox.room()
        return None

    def _read(self, source: SourceRow) -> Row:
        self.tally.rows_read += 1
        return self._rows.setdefault(source.index, Row(source))

    def _take(self) -> SourceRow | None:
        """Take a row; a source that breaks ends the run, but only after the rows before it have their results."""
        try:
            return self._feed.take()
        except InputError as error:
            self._source_error = error
            return None

    async def _admit(self, row: Row) -> bool:
        """Make the row's call; a row that is not to be sent gets its result."""
        admitted = await self._intake.admit(row.source)
        if isinstance(admitted, RowResult):
            self._finish(row, admitted)
            return False
        row.key, row.call, row.warnings = admitted.key, admitted.call, admitted.warnings
        return True

    async def _admit_quietly(self, row: Row) -> bool:
        """Tell a wrong row from one that was only not sent, if that needs no answer of the server."""
        try:
            return await self._admit(row)
        except AirmeetError:
            return True

    def _give_up(self, row: Row, verdict: Verdict) -> None:
        assert row.call is not None  # noqa: S101 - for the type checker
        error = error_for(row.call, verdict, row.tries)
        if (reason := stop_for(verdict, self._options.retry)) is None:
            self._finish(row, given_up(row, verdict, str(error), self._clock()))
        else:
            self.stop(reason, str(error), error)

    def _listen(self, verdict: Verdict, sent_at: float) -> None:
        """Note whether the server is there; the other workers start with its first sign of life."""
        self._silence.note(heard=verdict.status is not None, at=sent_at)
        if verdict.status is not None:
            self._opened.set()
        elif self._silence.lasts(self._clock()):
            self.stop(StopReason.UNREACHABLE, f"no answer for too long: {verdict.message}")

    def _finish(self, row: Row, result: RowResult) -> None:
        del self._rows[row.source.index]
        self.tally.result(result)
        self._outbox.put(result)

    def _delay(self, row: Row, seconds: float) -> None:
        heapq.heappush(self._delayed, (self._clock() + seconds, next(self._order), row))

    def _signal(self) -> None:
        """Wake the idle workers."""
        self._wake.set()
        self._wake = asyncio.Event()

    def stop(self, reason: StopReason, message: str, cause: AirmeetError | None = None) -> None:
        """Take no more rows. What is under way may end within the grace; what only waits is let go at once."""
        if self.stopped is not None:
            return
        self.stopped = Stop(reason, message, cause)
        self._signal()
        for scope, row in self._scopes.items():
            sending = row is not None and row.sending
            scope.deadline = anyio.current_time() + (self._options.grace if sending else 0)

    def hurry(self) -> None:
        """After a stop: do not wait for what is under way. Those rows become UNKNOWN."""
        for scope in self._scopes:
            scope.cancel()

    def _settle_the_rest(self) -> None:
        """Give every row that is still without a result its own, and note what ended the run."""
        if self.stopped is None and self._source_error is not None:
            self.stopped = Stop(StopReason.SOURCE, str(self._source_error), self._source_error)
        if self.stopped is None and (self._rows or not self._feed.ended):
            self.stopped = Stop(StopReason.CUT_OFF, "the run was cut off")
        why = self.stopped.message if self.stopped else ""
        for row in list(self._rows.values()):
            self.tally.attempts += row.sending
            self._finish(row, left_over(row, why, self._clock()))

    async def _drain(self) -> None:
        """After a stop, name the rows that nobody has seen: all of a finite source, what was read ahead of another."""
        if self.stopped is None:
            return
        if not self._feed.finite:
            self._feed.end_here()
        while not self._feed.ended and self._source_error is None:
            source = self._take()
            if source is not None:
                row = self._read(source)
                if await self._admit_quietly(row):
                    self._finish(row, left_over(row, self.stopped.message, self._clock()))
                await self._outbox.room()
                if self.tally.rows_read % 200 == 0:
                    await anyio.lowlevel.checkpoint()
            elif not self._feed.ended:
                await self._wake.wait()

    def report(self, job: str, *, final: bool = True) -> BulkReport:
        """Return the report of the run; *final* checks that its counts add up."""
        return self.tally.report(
            job,
            self._clock(),
            refreshes=self._client.session.fetched - self._fetched_before,
            stop=self.stopped.reason if self.stopped else None,
            stop_message=self.stopped.message if self.stopped else "",
            final=final,
        )
