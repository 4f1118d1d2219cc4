"""The engine: N workers, one feed, one result per row.

Rules of this file:

1. A row is in `OpenRows` from being read to having its result. Nothing else holds rows.
2. Workers pull, and `Turns` gives them rows: a worker that gets none sleeps until the next one is due,
   a row arrives, or the run stops.
3. No request leaves before the books say so.
4. Whatever ends the run calls `stop`, and only the first call counts.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial

import anyio

from airmeet_async.bulk.async_tools import to_its_end
from airmeet_async.bulk.execution.abort_policy import PASSING, Stop, stop_for, stop_for_error
from airmeet_async.bulk.execution.circuit_breaker import Guard
from airmeet_async.bulk.execution.result_queue import Outbox
from airmeet_async.bulk.execution.row import Row, given_up, succeeded
from airmeet_async.bulk.execution.scheduler import Backlog, OpenRows, Turns
from airmeet_async.bulk.input.prepare import Admission
from airmeet_async.bulk.input.sources import Feed
from airmeet_async.bulk.journal.memory import Books
from airmeet_async.bulk.options import EngineOptions
from airmeet_async.bulk.report import BulkReport, RowResult, StopReason
from airmeet_async.client.client import Client
from airmeet_async.client.rate_limiter import Pace, Priority
from airmeet_async.errors import AirmeetError
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.error_mapping import error_for
from airmeet_async.protocol.retry_policy import Renew, Wait, decide


async def after(seconds: float | None, do: Callable[[], None]) -> None:
    """Do it once after so many seconds; never for None."""
    if seconds is not None:
        await anyio.sleep(seconds)
        do()


async def every(seconds: float, do: Callable[[], None]) -> None:
    """Do it again and again."""
    while True:
        await anyio.sleep(seconds)
        do()


_AFTER_AN_OUTAGE = 0.5  # the share of its rate with which a run goes on
_RATE_KEPT = 10.0  # seconds


class _NotNowError(Exception):
    """The run was stopped or held in the very step in which a row got its turn."""


class Engine:
    """Send what *intake* makes of each row of *feed*, and give one result per row to *books*.

    Attributes:
        pace: The run's own limits, within the client's.
        total: Rows of the feed, where that is known.
        stopped: Why the run ends before its last row, or None.
        books: Who is told what becomes of each row.
        guard: What holds it back.
    """

    def __init__(
        self,
        client: Client,
        intake: Admission,
        feed: Feed,
        *,
        pace: Pace,
        outbox: Outbox,
        books: Books,
        options: EngineOptions,
    ) -> None:
        self._client = client
        self._feed = feed
        self.pace = pace
        self.total = feed.total
        self._outbox = outbox
        self.books = books
        self._options = options
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._fetched_before = client.token.fetched
        # The mutable state: all rows without a result, those of them that wait for their next attempt,
        # what the workers are doing, and what holds the run back or ends it.
        insist = options.invites == "at_least_once"
        self._rows = OpenRows(feed, intake, books, outbox, insist=insist)
        self._backlog = Backlog(self._clock)
        self._opened = asyncio.Event()
        self._scopes: dict[anyio.CancelScope, Row | None] = {}
        self.guard = Guard(options, feed.total)
        most_delayed = 4 * options.max_in_flight + 100
        self._turns = Turns(self._rows, self._backlog, self.guard, self._clock, most_delayed)
        self.stopped: Stop | None = None

    async def run(self) -> None:
        """Run to the end, or to a stop. Every row that was read has a result afterwards, even if this is cancelled."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._feed.pump, self._backlog.wake)
                group.start_soon(after, self._options.deadline, self._end_in_time)
                group.start_soon(every, _RATE_KEPT, self._remember_the_rate)
                try:
                    await self._run_workers()
                finally:
                    self._settle_the_rest()
                if self.stopped is not None:
                    with anyio.CancelScope() as scope:
                        self._scopes[scope] = None
                        await self._rows.turn_away(self.stopped.message, self._clock, self._backlog)
                group.cancel_scope.cancel()
        finally:
            self._settle_the_rest()
            await to_its_end(self.books.close(self._last_facts()))

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
                while (row := self._turns.at_once() or await self._turns.next()) is not None:
                    self._scopes[scope] = row
                    try:
                        await self._attempt(row)
                    except AirmeetError as error:
                        self._could_not_send(row, error)
                    if self._outbox.full:
                        await self._outbox.room()
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
        call = row.request
        try:
            attempt = await self._client.attempt(
                call, pace=self.pace, priority=Priority.BULK, on_send=partial(self._begin, row)
            )
        except _NotNowError:
            self.books.defer(row)
            self._backlog.put(row, 0.0)
            return
        verdict, now = attempt.verdict, self._clock()
        if verdict.kind is Kind.OK and self.guard.calm:  # the hot path: there is nothing to weigh
            self.guard.fine(now)
            row.end(verdict)
            self._rows.tally.attempt(verdict, attempt.latency, now, row.tries.sent)
            self._rows.finish(row, succeeded(row, verdict, now))
            return
        self._listen(row, verdict, now - attempt.latency, now)
        self._rows.tally.attempt(verdict, attempt.latency, now, row.tries.sent)
        if verdict.kind is Kind.OK:  # there is nothing to decide
            self._end(row, succeeded(row, verdict, now))
            return
        match decide(call.endpoint, verdict, row.tries, self._options.retry, random.random()):
            case Renew():
                self.books.defer(row)
                await self._client.token.renew(attempt.generation)
                self._backlog.put(row, 0.0)
            case Wait(seconds, everyone):
                self._delay(row, verdict, seconds)
                if everyone:
                    self.pace.back_off(seconds, named=bool(verdict.retry_after))
            case _:
                self._give_up(row, verdict)

    def _could_not_send(self, row: Row, error: AirmeetError) -> None:
        """Wait for better times where no token can be had for now; else it is the run's end."""
        self._backlog.put(row, 0.0)
        row.tries.renewals = 0  # there was none
        reason = stop_for_error(error)
        if reason in PASSING and self.guard.wait_for_token(self._clock()):
            self._backlog.wake()
        else:
            self.stop(reason, str(error), error)

    def _begin(self, row: Row) -> Awaitable[None] | None:
        """All waiting is over: write it down, and the request leaves."""
        now = self._clock()
        if self.stopped is not None or not (self.guard.calm or self.guard.start(now)):
            raise _NotNowError
        if (written := self.books.intend(row)) is not None:
            return self._begin_after(written, row, tries=self.guard.outage)
        row.begin(now)
        return None

    async def _begin_after(self, written: Awaitable[None], row: Row, *, tries: bool) -> None:
        """Wait for the journal, and look again: meanwhile the run may have been held, or everybody told to wait.

        Args:
            written: What to wait for.
            row: Whose request it is.
            tries: It is the one row that may go in an outage.
        """
        await written
        if self.stopped is not None or self.guard.held or (self.guard.outage and not tries) or self.pace.is_paused:
            if tries:
                self.guard.stay()
            raise _NotNowError
        row.begin(self._clock())

    def _listen(self, row: Row, verdict: Verdict, sent_at: float, now: float) -> None:
        """Note what the answer says of the row, and whether the server is there for anybody."""
        away = self.guard.outage
        stop = self.guard.listen(row, verdict, sent_at, now)
        if stop is not None:
            self.stop(stop.reason, stop.message)
        if verdict.status is not None:
            self._opened.set()
        if away and not self.guard.outage:
            self.pace.restart_at(_AFTER_AN_OUTAGE)
        if away or self.guard.outage:
            self._backlog.wake()

    def _give_up(self, row: Row, verdict: Verdict) -> None:
        error = error_for(row.request, verdict, row.tries)
        if (reason := stop_for(verdict, self._options.retry)) is None:
            self._end(row, given_up(row, verdict, str(error), self._clock()))
        else:
            self.stop(reason, str(error), error)

    def _end(self, row: Row, result: RowResult) -> None:
        """End a row that was sent; too many bad ends are the end of the run."""
        waited_for = not (self.guard.trusted or self.guard.may_begin())
        stop = self.guard.judge(result)
        self._rows.finish(row, result)
        if stop is not None:
            self.stop(stop.reason, stop.message)
        elif waited_for:
            self._backlog.wake()

    def _delay(self, row: Row, verdict: Verdict, seconds: float) -> None:
        self._backlog.put(row, self.guard.wait_for(verdict, seconds, self._clock()))
        self.books.defer(row)

    def _end_in_time(self) -> None:
        self.stop(StopReason.DEADLINE, f"the {self._options.deadline:g} s that the run was given are over")

    def _remember_the_rate(self) -> None:
        """Let the next run know how fast it may go, even if this one is killed."""
        if self.pace.adapts:
            self.books.remember({"rate": self.pace.good_rate})

    def hold(self, *, on: bool) -> None:
        """Let no more requests leave until this is taken back."""
        self.guard.held = on
        self._backlog.wake()

    def stop(self, reason: StopReason, message: str, cause: AirmeetError | None = None) -> None:
        """Take no more rows. What is under way may end within the grace; what only waits is let go at once."""
        if self.stopped is not None:
            return
        self.stopped = Stop(reason, message, cause)
        self._turns.over = True
        self._backlog.wake()
        for scope, row in self._scopes.items():
            sending = row is not None and row.sending
            scope.deadline = anyio.current_time() + (self._options.grace if sending else 0)

    def hurry(self) -> None:
        """After a stop: do not wait for what is under way. Those rows become UNKNOWN."""
        for scope in self._scopes:
            scope.cancel()

    def _settle_the_rest(self) -> None:
        """Give every row that is still without a result its own, and note what ended the run."""
        if self.stopped is None and (error := self._rows.error) is not None:
            self.stopped = Stop(StopReason.SOURCE, str(error), error)
        if self.stopped is None and (any(self._rows) or not self._rows.ended):
            self.stopped = Stop(StopReason.CUT_OFF, "the run was cut off")
        self._rows.let_go(self.stopped.message if self.stopped else "", self._clock())

    def _last_facts(self) -> dict[str, object]:
        """Return what the next run of the same journal should know."""
        rate = self.pace.good_rate if self.pace.adapts else None
        return {"ended": time.time(), "rate": rate, "stop": self.stopped.reason.value if self.stopped else None}

    def report(self, job: str, *, final: bool = True) -> BulkReport:
        """Return the report of the run; *final* checks that its counts add up."""
        return self._rows.tally.report(
            job,
            self._clock() - self._started,
            refreshes=self._client.token.fetched - self._fetched_before,
            stop=self.stopped.reason if self.stopped else None,
            stop_message=self.stopped.message if self.stopped else "",
            final=final,
        )
