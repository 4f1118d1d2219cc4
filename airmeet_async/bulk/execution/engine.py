"""The engine: workers send rows, and every row that was read ends with one result.

Rules of this file:

1. A row is in `UnfinishedRows` from being read to having its result. Nothing else holds rows.
2. Workers pull: `Scheduler` says which row is next, and lets a worker sleep that gets none.
3. No request leaves before the journal has its intent on the disk (`_begin`).
4. The first request goes alone. The others begin when the server has answered.
5. What an attempt means for the row is decided in `_attempt`; what it means for all rows, in `FlowControl`.
6. Whatever ends the run calls `stop`, and only the first call counts. Requests under way then have the grace to end.
7. The journal is closed last, whatever happens, and is not left half closed.
"""

import asyncio
import random
import time
from collections.abc import Awaitable
from functools import partial

import anyio

from airmeet_async.bulk.execution.abort_policy import PASSING, RunStop, stop_reason_for, stop_reason_for_error
from airmeet_async.bulk.execution.flow_control import FlowControl
from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.execution.row import Row, failure_result, success_result
from airmeet_async.bulk.execution.scheduler import RetryQueue, Scheduler, UnfinishedRows
from airmeet_async.bulk.input.row_preparer import RowPreparer
from airmeet_async.bulk.input.sources import RowSource
from airmeet_async.bulk.journal import Journal
from airmeet_async.bulk.options import EngineOptions
from airmeet_async.bulk.report import BulkReport, RowResult, StopReason
from airmeet_async.bulk.run_to_completion import run_to_completion
from airmeet_async.client.client import Client
from airmeet_async.client.rate_limiter import Pace, Priority
from airmeet_async.errors import AirmeetError
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.error_mapping import error_for
from airmeet_async.protocol.retry_policy import Renew, Wait, decide

_SHARE_AFTER_OUTAGE = 0.5  # of its rate, with which a run goes on
_RATE_KEPT_EVERY = 10.0  # seconds


class _NotNowError(Exception):
    """The run was stopped or held after a row was given to a worker and before its request left."""


class Engine:
    """Sends what *preparer* makes of each row of *source*, and gives one result per row to *journal*.

    Attributes:
        pace: The run's own limits, within the client's.
        total: Rows of the source, where that is known.
        stopped: Why the run ends before its last row, or None.
        journal: Records each row's progress.
        flow: What holds the run back.
    """

    def __init__(
        self,
        client: Client,
        preparer: RowPreparer,
        source: RowSource,
        *,
        pace: Pace,
        results: ResultQueue,
        journal: Journal,
        options: EngineOptions,
    ) -> None:
        self._client = client
        self._source = source
        self.pace = pace
        self.total = source.total
        self._results = results
        self.journal = journal
        self._options = options
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._fetched_before = client.token.fetched
        # The mutable state: all rows without a result, those of them that wait for their next attempt,
        # what the workers are doing, and what holds the run back or ends it.
        may_mail_twice = options.invites == "at_least_once"
        self._rows = UnfinishedRows(source, preparer, journal, results, may_mail_twice=may_mail_twice)
        self._retries = RetryQueue(self._clock)
        self._answered = asyncio.Event()
        self._scopes: dict[anyio.CancelScope, Row | None] = {}
        self.flow = FlowControl(options, source.total)
        most_waiting = 4 * options.max_in_flight + 100
        self._scheduler = Scheduler(self._rows, self._retries, self.flow, self._clock, most_waiting)
        self.stopped: RunStop | None = None

    async def run(self) -> None:
        """Run to the end, or to a stop. Every row that was read has a result afterwards, even if this is cancelled."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._source.pump, self._retries.wake)
                group.start_soon(self._stop_at_deadline)
                group.start_soon(self._keep_rate)
                try:
                    await self._run_workers()
                finally:
                    self._finish_the_rest()
                if self.stopped is not None:
                    with anyio.CancelScope() as scope:
                        self._scopes[scope] = None
                        await self._rows.finish_unread(self.stopped.message, self._clock, self._retries)
                group.cancel_scope.cancel()  # the pump, the deadline and the keeper of the rate
        finally:
            self._finish_the_rest()  # again: a cancellation may have come in between
            rate = self.pace.good_rate if self.pace.adapts else None
            stop = self.stopped.reason.value if self.stopped else None
            await run_to_completion(self.journal.close({"ended": time.time(), "rate": rate, "stop": stop}))

    async def _run_workers(self) -> None:
        """The first row goes alone: wrong keys or a wrong event cost one request, not as many as there are workers."""
        async with anyio.create_task_group() as workers:
            workers.start_soon(self._work)
            await self._answered.wait()
            for _ in range(self._options.max_in_flight - 1):
                workers.start_soon(self._work)

    async def _work(self) -> None:
        with anyio.CancelScope() as scope:
            self._scopes[scope] = None
            try:
                while (row := self._scheduler.next_now() or await self._scheduler.next()) is not None:
                    self._scopes[scope] = row
                    try:
                        await self._attempt(row)
                    except AirmeetError as error:
                        self._could_not_send(row, error)
                    if self._results.is_full:
                        await self._results.wait_for_room()
            except AirmeetError as error:
                self.stop(stop_reason_for_error(error), str(error), error)
            except Exception as error:  # a fault of the caller's transport, or ours: it comes out
                self.stop(StopReason.CUT_OFF, f"{type(error).__name__}: {error}")
                raise
            finally:
                del self._scopes[scope]
                self._answered.set()

    async def _attempt(self, row: Row) -> None:
        """Send a row once and act on its outcome."""
        call = row.request
        try:
            attempt = await self._client.attempt(
                call, pace=self.pace, priority=Priority.BULK, on_send=partial(self._begin, row)
            )
        except _NotNowError:
            self.journal.record_retry(row)
            self._retries.put(row, 0.0)
            return
        verdict, now = attempt.verdict, self._clock()
        if verdict.kind is Kind.OK and self.flow.is_clear:  # the hot path: there is nothing to weigh
            self.flow.record_success(now)
            row.end(verdict)
            self._rows.statistics.count_attempt(verdict, attempt.latency, now, row.tries.sent)
            self._rows.finish(row, success_result(row, verdict, now))
            return
        self._record(row, verdict, now - attempt.latency, now)
        self._rows.statistics.count_attempt(verdict, attempt.latency, now, row.tries.sent)
        if verdict.kind is Kind.OK:
            self._finish(row, success_result(row, verdict, now))
            return
        match decide(call.endpoint, verdict, row.tries, self._options.retry, random.random()):
            case Renew():
                self.journal.record_retry(row)
                await self._client.token.renew(attempt.generation)
                self._retries.put(row, 0.0)
            case Wait(seconds, everyone):
                self._retries.put(row, self.flow.retry_delay(verdict, seconds, self._clock()))
                self.journal.record_retry(row)
                if everyone:  # a 429 is about all requests, not about this row
                    self.pace.back_off(seconds, named=bool(verdict.retry_after))
            case _:
                self._give_up(row, verdict)

    def _could_not_send(self, row: Row, error: AirmeetError) -> None:
        """Hold the run while no token can be had for now; any other error, or too long a wait, ends it."""
        self._retries.put(row, 0.0)
        row.tries.renewals = 0  # no token was had, so none was refused
        reason = stop_reason_for_error(error)
        if reason in PASSING and self.flow.hold_for_token(self._clock()):
            self._retries.wake()
        else:
            self.stop(reason, str(error), error)

    def _begin(self, row: Row) -> Awaitable[None] | None:
        """Record the intent of a request that is about to leave; return what to wait for, if that takes time.

        The client calls it when all waiting for rate, place and token is over, so that what is decided here still holds
        when the request leaves.
        """
        now = self._clock()
        if self.stopped is not None or not (self.flow.is_clear or self.flow.claim_send(now)):
            raise _NotNowError
        if (written := self.journal.record_intent(row)) is not None:
            return self._begin_after(written, row, is_trial=self.flow.outage)
        row.begin(now)
        return None

    async def _begin_after(self, written: Awaitable[None], row: Row, *, is_trial: bool) -> None:
        """Wait for the journal and check again: meanwhile the run may have been held, or all rows told to wait.

        Args:
            written: Is done when the intent is on the disk.
            row: Whose request it is.
            is_trial: It is the one row that may go in an outage.
        """
        await written
        if self.stopped is not None or self.flow.held or (self.flow.outage and not is_trial) or self.pace.is_paused:
            if is_trial:
                self.flow.release_trial()
            raise _NotNowError
        row.begin(self._clock())

    def _record(self, row: Row, verdict: Verdict, sent_at: float, now: float) -> None:
        """Count an attempt: what it says of the row, and of the server."""
        away = self.flow.outage
        stop = self.flow.record_attempt(row, verdict, sent_at, now)
        if stop is not None:
            self.stop(stop.reason, stop.message)
        if verdict.status is not None:
            self._answered.set()
        if away and not self.flow.outage:
            self.pace.restart_at(_SHARE_AFTER_OUTAGE)
        if away or self.flow.outage:
            self._retries.wake()

    def _give_up(self, row: Row, verdict: Verdict) -> None:
        error = error_for(row.request, verdict, row.tries)
        if (reason := stop_reason_for(verdict, self._options.retry)) is None:
            self._finish(row, failure_result(row, verdict, str(error), self._clock()))
        else:
            self.stop(reason, str(error), error)

    def _finish(self, row: Row, result: RowResult) -> None:
        """Finish a row that was sent; the failure of too many rows ends the run."""
        # While the first rows have not shown that it works, other workers may sleep until one of them ends.
        waited_for = not (self.flow.trusted or self.flow.may_begin_row())
        stop = self.flow.record_result(result)
        self._rows.finish(row, result)
        if stop is not None:
            self.stop(stop.reason, stop.message)
        elif waited_for:
            self._retries.wake()

    async def _stop_at_deadline(self) -> None:
        if (deadline := self._options.deadline) is not None:
            await anyio.sleep(deadline)
            self.stop(StopReason.DEADLINE, f"the deadline of {deadline:g} s has passed")

    async def _keep_rate(self) -> None:
        """Let the next run know how fast it may go, even if this one is killed."""
        while True:
            await anyio.sleep(_RATE_KEPT_EVERY)
            if self.pace.adapts:
                self.journal.record_facts({"rate": self.pace.good_rate})

    def hold(self, *, on: bool) -> None:
        """Let no more requests leave until this is taken back."""
        self.flow.held = on
        self._retries.wake()

    def stop(self, reason: StopReason, message: str, cause: AirmeetError | None = None) -> None:
        """Take no more rows. Requests under way may end within the grace; workers that only wait end at once."""
        if self.stopped is not None:
            return
        self.stopped = RunStop(reason, message, cause)
        self._scheduler.stopped = True
        self._retries.wake()
        # A worker that only waits, for its rate or for a row, ends now; a request under way may still be answered.
        for scope, row in self._scopes.items():
            sending = row is not None and row.sending
            scope.deadline = anyio.current_time() + (self._options.grace if sending else 0)

    def hurry(self) -> None:
        """After a stop: do not wait for requests under way. Their rows become UNKNOWN."""
        for scope in self._scopes:
            scope.cancel()

    def _finish_the_rest(self) -> None:
        """Give every row without a result its own, and say what ended the run."""
        if self.stopped is None and (error := self._rows.error) is not None:
            self.stopped = RunStop(StopReason.SOURCE, str(error), error)
        if self.stopped is None and (any(self._rows) or not self._rows.ended):
            self.stopped = RunStop(StopReason.CUT_OFF, "the run was cut off")
        self._rows.finish_all(self.stopped.message if self.stopped else "", self._clock())

    @property
    def retrying(self) -> int:
        """Number of rows that are waiting for a retry or being retried."""
        return sum(row.begun > row.sending for row in self._rows)

    def report(self, job: str, *, final: bool = True) -> BulkReport:
        """Return the report of the run; *final* checks that its counts add up."""
        return self._rows.statistics.report(
            job,
            self._clock() - self._started,
            refreshes=self._client.token.fetched - self._fetched_before,
            stop=self.stopped.reason if self.stopped else None,
            stop_message=self.stopped.message if self.stopped else "",
            final=final,
        )
