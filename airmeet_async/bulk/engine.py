"""The engine: N workers, one feed, one result per row.

Rules of this file:

1. From the moment it is read until it has its result, a row is in `_rows`. Whatever
   cancels a worker, `_settle_the_rest` finds the row there. Nothing else holds rows.
2. A row leaves `_rows` in the same step in which its result is put into the outbox.
3. Workers pull; nothing is pushed to them. Due retries go before fresh rows, and a worker
   that finds neither sleeps until the next one is due, a row arrives, or the run stops.
4. Whatever ends the run calls `stop`, and only the first call counts.
"""

import asyncio
import heapq
import itertools
import random

import anyio
from attrs import field, frozen

from airmeet_async.api.decide import Raise, Renew, Retry, Return, Wait, decide
from airmeet_async.api.failures import error_for
from airmeet_async.api.judge import Verdict
from airmeet_async.bulk.feed import Feed
from airmeet_async.bulk.intake import Intake
from airmeet_async.bulk.outbox import Outbox
from airmeet_async.bulk.report import BulkReport, RowResult, StopReason
from airmeet_async.bulk.row import Row, given_up, left_over, succeeded
from airmeet_async.bulk.stops import Stop, outage, stop_for, stop_for_error
from airmeet_async.bulk.tables import SourceRow
from airmeet_async.bulk.tally import Tally
from airmeet_async.client.client import Client
from airmeet_async.client.pace import Pace, Priority
from airmeet_async.errors import AirmeetError, InputError


@frozen
class EngineOptions:
    """How a run goes about it.

    Attributes:
        max_in_flight: Rows that are being sent at once.
        retry: Patience per row. What was certainly not applied costs a row nothing, so `free` has no limit here.
        grace: Seconds that requests under way have to end after a stop.
        outage: Seconds without any answer after which the run ends.
    """

    max_in_flight: int = 64
    retry: Retry = field(factory=lambda: Retry(free=None, renewals=5))
    grace: float = 10.0
    outage: float = 60.0


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
        self._last_answer: float | None = None
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
                    self._scopes[scope] = None
                    await self._outbox.room()
            except AirmeetError as error:
                self.stop(stop_for_error(error), str(error), error)
            finally:
                del self._scopes[scope]
                self._opened.set()

    async def _attempt(self, row: Row) -> None:
        """Send a row once and act on what comes of it: this is the loop's heart."""
        assert row.call is not None  # noqa: S101 - for the type checker; `_admit` made it
        attempt = await self._client.attempt(
            row.call, pace=self.pace, priority=Priority.BULK, on_send=lambda: row.begin(self._clock())
        )
        verdict, now = attempt.verdict, self._clock()
        row.end(verdict)
        self.tally.attempt(verdict, attempt.latency, now, nth=row.tries.sent)
        self._last_answer = now if verdict.status is not None else self._last_answer
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
                self._look_for_outage(verdict)
            case Raise():
                self._give_up(row, verdict)
        self._opened.set()

    async def _next_row(self) -> Row | None:
        """Return a row to send, or None when there will be no more."""
        while self.stopped is None:
            if self._delayed and self._delayed[0][0] <= self._clock():
                return heapq.heappop(self._delayed)[2]
            if (row := await self._fresh_row()) is not None:
                return row
            if self._delayed:
                if (row := await self._sleep_until_due()) is not None:
                    return row
            elif self._feed.ended:
                return None
            else:
                await self._wake.wait()
        return None

    async def _sleep_until_due(self) -> Row | None:
        """Claim the row that is due next and sleep until then; give it back if something wakes us before."""
        claimed = heapq.heappop(self._delayed)
        try:
            with anyio.move_on_after(claimed[0] - self._clock()):
                await self._wake.wait()
                heapq.heappush(self._delayed, claimed)
                return None
        except BaseException:
            heapq.heappush(self._delayed, claimed)
            raise
        return claimed[2]

    async def _fresh_row(self) -> Row | None:
        """Return the next row that can be sent, or None if there is none now. The others get their result."""
        while self.stopped is None and (source := self._take()) is not None:
            row = self._rows[source.index] = Row(source)
            self.tally.rows_read += 1
            if await self._admit(row):
                return row
            await self._outbox.room()
        return None

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
        """Tell a wrong row from one that was only not sent, as long as that needs no answer of the server."""
        try:
            return await self._admit(row)
        except AirmeetError:
            return True

    def _give_up(self, row: Row, verdict: Verdict) -> None:
        assert row.call is not None  # noqa: S101 - for the type checker
        error = error_for(row.call, verdict, row.tries)
        reason = stop_for(verdict, self._options.retry)
        if reason is None:
            self._finish(row, given_up(row, verdict, str(error), self._clock()))
        else:
            self.stop(reason, str(error), error)

    def _look_for_outage(self, verdict: Verdict) -> None:
        if verdict.status is None and outage(self._clock(), self._last_answer, self._started, self._options.outage):
            message = f"no answer for {self._options.outage:g} s: {verdict.message}"
            self.stop(StopReason.UNREACHABLE, message)

    def _finish(self, row: Row, result: RowResult) -> None:
        del self._rows[row.source.index]
        self._put(result)

    def _put(self, result: RowResult) -> None:
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
            if row is not None and row.sending:
                scope.deadline = anyio.current_time() + self._options.grace
            else:
                scope.cancel()

    def hurry(self) -> None:
        """After a stop: do not wait for what is under way. Those rows become UNKNOWN."""
        for scope in self._scopes:
            scope.cancel()

    def _settle_the_rest(self) -> None:
        """Give every row that is still without a result its own, and note what ended the run."""
        if self.stopped is None and self._source_error is not None:
            self.stopped = Stop(StopReason.SOURCE, str(self._source_error), self._source_error)
        why = self.stopped.message if self.stopped else "the run was cut off"
        for row in list(self._rows.values()):
            self.tally.attempts += row.sending
            self._finish(row, left_over(row, why, self._clock()))

    async def _drain(self) -> None:
        """After a stop, read a finite source to its end, so that the results name every row."""
        if self.stopped is None or not self._feed.finite:
            return
        while not self._feed.ended and self._source_error is None:
            source = self._take()
            if source is not None:
                self.tally.rows_read += 1
                row = self._rows[source.index] = Row(source)
                if await self._admit_quietly(row):
                    self._finish(row, left_over(row, self.stopped.message, self._clock()))
                await self._outbox.room()
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
