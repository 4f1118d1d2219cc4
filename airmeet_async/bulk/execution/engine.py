"""The engine: workers send rows, and every row that was read ends with one result.

Rules of this file:

1. A row is in one place: with the feed, with the journal (being recorded, in its `queue` or `ready`), in
   `RunState.retries`, with the worker that sends it, or set aside after a plain success. `_finish_the_rest` knows all.
2. A worker waits for everything, its place and the token included, before it is given a row (`_next_row`); between that
   and the first byte it waits for nothing.
3. While the run is hot, a worker keeps its place, and plain successes are set aside and settled together. Whatever else
   comes settles them first.
4. The first request goes alone. The others begin when the server has answered.
5. What an attempt means for the row is decided in `_answer`; what it means for all rows, in `RunState`.
6. Whatever ends the run calls `stop`, and only the first call counts. Requests under way then have the grace to end.
7. The journal is closed last, whatever happens, and is not left half closed.
"""

import asyncio
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence

import anyio
import anyio.lowlevel

from airmeet_async.bulk.execution.abort_policy import PASSING, RunStop, stop_reason_for, stop_reason_for_error
from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.execution.row_feed import EVERYBODY, LARGEST_CHUNK, Receiver, RowFeed
from airmeet_async.bulk.execution.scheduler import RunState, Sleep, Step, next_step
from airmeet_async.bulk.journal import Earlier, Journal
from airmeet_async.bulk.options import EngineOptions
from airmeet_async.bulk.report import BulkReport, RowResult, StopReason
from airmeet_async.bulk.row import CallTemplate, Row, Wish
from airmeet_async.bulk.row_results import (
    done_now,
    failure_result,
    success_result,
    template_to_send,
    unfinished_result,
)
from airmeet_async.bulk.run_to_completion import run_to_completion
from airmeet_async.bulk.statistics import RunStatistics
from airmeet_async.client.adaptive_rate import AskedRate
from airmeet_async.client.client import Caller, Client, caller
from airmeet_async.client.opentelemetry import under_way
from airmeet_async.client.rate_limiter import Pace, Priority
from airmeet_async.client.telemetry import (
    OutageBegan,
    OutageEnded,
    RateChanged,
    RunStopped,
    RunTelemetry,
    Waiting,
    is_of_note,
)
from airmeet_async.client.token import IssuedToken
from airmeet_async.errors import (
    AirmeetError,
    ClientStateError,
    JournalError,
    NoReplyError,
    TokenRejectedError,
    TransportError,
    first_error,
)
from airmeet_async.protocol.classify_reply import Kind, glance
from airmeet_async.protocol.endpoints import ATTENDEES_ADD
from airmeet_async.protocol.error_mapping import error_for
from airmeet_async.protocol.http_messages import Headers, Reply, Request
from airmeet_async.protocol.models import Access
from airmeet_async.protocol.retry_policy import RAISE, Renew, Tries, Wait, decide, pause_asked

_RATE_KEPT_EVERY = 10.0  # seconds
_GRACE_OF_CLOSED_CLIENT = 0.5  # seconds


class Engine:
    """Sends the rows of *feed*, and gives one result per row to *results*.

    Attributes:
        pace: The run's own limits, within the client's.
        journal: Records each row's progress.
        feed: Where rows come from.
        state: What holds the run back.
        telemetry: Tells what happens.
    """

    state: RunState

    def __init__(
        self,
        client: Client,
        feed: RowFeed,
        *,
        pace: Pace,
        results: ResultQueue,
        journal: Journal,
        options: EngineOptions,
        telemetry: RunTelemetry | None = None,
    ) -> None:
        self._client = client
        self.telemetry: RunTelemetry = telemetry or RunTelemetry(client.telemetry)
        self.feed = feed
        self.pace = pace
        self.journal = journal
        self._results = results
        self._options = options
        self._may_mail_twice = options.invites == "at_least_once"
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._started = self._clock()
        self._fetched_before = client.token.fetched
        self._statistics = RunStatistics()
        self.state = RunState(options, feed.total, journal, self._outside_is_open)
        # The mutable state: what each worker sends, rows whose worker was cut off, who sleeps until woken, the timer
        # that wakes, plain successes that are not settled yet, and whether the server has answered.
        self._workers: dict[anyio.CancelScope, Row | None] = {}
        self._cut_off: list[Row] = []
        self._sleeping: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        self._aside: list[tuple[Row, Access, float]] = []
        self._accepted: IssuedToken | None = None
        self._answered = asyncio.Event()
        # What was told: the run's rate, and since when the server is away. And the error of the caller's `on_result`.
        self._told_rate = pace.permits.rate
        self._away_since: float | None = None
        self._on_result = options.on_result
        self._callback_error: Exception | None = None
        pace.permits.watch(self._rate_changed)
        journal.begin(self._deliver, self._wake, self._stop_for, self.state.rows_to_begin)
        feed.begin(Receiver(journal, self._deliver, self._wake, self._rows_wanted, results.wait_for_room))

    # A worker.

    async def _work(self) -> None:
        """Send row after row: choose one, exchange, answer."""
        state, ready, token, clock = self.state, self.journal.ready, self._client.token, self._clock
        exchange, timeout, has_place = self._client.transport.exchange, self._options.timeout, False
        is_traced = self.telemetry.otel is not None
        # What the last row's request had, which is mostly the same for the next one.
        last: CallTemplate | None = None
        issued: IssuedToken | None = None
        head: tuple[str, str, Headers] = ("", "", ())
        wish, suffix, limit, is_add = 0, b"", 0, False
        outcome: Reply | TransportError
        with anyio.CancelScope() as scope:
            self._workers[scope] = None
            try:
                while True:
                    # Choose.
                    if state.hot and has_place and not ready:
                        await self._refill()
                    if state.hot and has_place and ready and token.current is not None:
                        row = ready.popleft()
                        state.begun += not row.begun
                        row.begun += 1
                    else:
                        if has_place:
                            has_place = False
                            self.pace.release()
                        if (chosen := await self._next_row()) is None:
                            return
                        has_place, row = True, chosen
                    self._workers[scope] = row
                    template = row.template
                    if row.earlier is not None or row.unclear or template is None:
                        template = template_to_send(row, may_mail_twice=self._may_mail_twice)
                    if template is not last or token.current is not issued:
                        last, issued = template, token.current
                        head = self._client.request_head(template.endpoint, template.target, issued)
                        wish, suffix, limit = template.wish, template.suffix, template.endpoint.reply_limit
                        is_add = template.endpoint is ATTENDEES_ADD
                    # Exchange. Until the first byte nothing waits.
                    row.asked, row.sending, sent_at = wish, True, clock()
                    row.first_sent = row.first_sent or sent_at
                    body = row.payload[:-1] + suffix if suffix else row.payload
                    if is_traced:
                        under_way.set((template.endpoint, row.begun - 1, True))
                    try:
                        if timeout is None:
                            outcome = await exchange(Request(*head, body, limit))
                        elif (rest := row.first_sent + timeout - sent_at) > 0:
                            outcome = await self._exchange_within(rest, Request(*head, body, limit))
                        else:  # it was sent before, and its time passed in a pause or a queue
                            row.sending = has_place = False
                            self.pace.release()
                            self._settle()
                            self._finish_late(row, template)
                            self._workers[scope] = None
                            continue
                    except TransportError as error:
                        outcome = error
                    now, row.sending = clock(), False
                    # Answer. Nearly every row of a hot run is a plain success.
                    if (
                        state.hot and is_add and row.begun == 1 and row.earlier is None and type(outcome) is Reply
                        and (access := glance(outcome, row.key)) is not None
                    ):  # fmt: skip
                        self._workers[scope] = None
                        if not self._aside:  # settled together at the end of this turn of the event loop
                            self._loop.call_soon(self._settle)
                        self._aside.append((row, access, now))
                        self._accepted = issued
                        continue
                    has_place = False
                    self.pace.release()
                    self._settle()
                    await self._answer(row, template, outcome, issued, now - sent_at)
                    self._workers[scope] = None
            except AirmeetError as error:
                self._stop_for(error)
            except Exception as error:  # a fault of the caller's transport, or ours: it comes out
                self.stop(StopReason.CUT_OFF, f"{type(error).__name__}: {error}")
                if (sent := self._workers[scope]) is not None:
                    sent.unclear |= sent.asked  # it may have failed at an answer that nobody understood
                raise
            finally:
                if has_place:
                    self.pace.release()
                if (unfinished := self._workers.pop(scope)) is not None:
                    self._cut_off.append(unfinished)
                self._answered.set()

    async def _exchange_within(self, seconds: float, request: Request) -> Reply:
        """Send a request of a row that has so many seconds left."""
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                return await self._client.transport.exchange(request)
        except TimeoutError:
            if not limit.expired():
                raise  # of the caller's own transport
            host = self._client.options.base.authority
            raise NoReplyError("no reply within the row's timeout", reason="timeout", host=host) from None

    def _finish_late(self, row: Row, template: CallTemplate) -> None:
        """Finish a row whose time is over before its next attempt: with the outcome of the last one."""
        self.state.breaker.withdraw_trial()
        verdict, tries = row.last, row.tries
        assert verdict is not None  # noqa: S101 - for the type checker; a row without one has all of its time
        assert tries is not None  # noqa: S101 - as above
        error = error_for(template.call(row.payload), verdict, tries)
        self._finish(row, failure_result(row, verdict, str(error), self._clock()))
        self._wake(EVERYBODY)  # perhaps it was the trial

    async def _refill(self) -> None:
        """Get more rows for a hot run, whose workers keep their places: from the feed, and through the disk."""
        journal = self.journal
        if not (journal.queue or journal.arriving):
            self.feed.refill()
        if (journal.queue or journal.arriving) and not journal.ready:
            await journal.clear()

    async def _next_row(self) -> Row | None:
        """Wait for everything that a row may have to wait for, and return it with a place taken; None: it is over."""
        state, journal, pace, token = self.state, self.journal, self.pace, self._client.token
        while True:
            self._settle()
            if self._results.is_full:
                journal.withdraw()
                await self._results.wait_for_room()
            self._client.check_usable()
            now = self._clock()
            for row in state.due_retries(now):
                journal.admit_repeat(row)
            if state.retries:
                self._arm_timer(state.retries[0][0])
            if state.rows_at_hand <= state.claimed and state.stopped is None:
                read = self.feed.read
                self.feed.refill()
                if state.rows_at_hand <= state.claimed and read != self.feed.read:
                    # None of these rows can be sent: others have their turn, and then it is tried once more.
                    await anyio.lowlevel.checkpoint()
                    continue
            state.source_ended = self.feed.ended
            step = next_step(state, now, state.claimed)
            if step is Step.DONE:
                self._wake(EVERYBODY)
                return None
            if isinstance(step, Sleep):
                if state.held or state.breaker.is_open:
                    journal.withdraw()
                await self._sleep(step.seconds)
                continue
            state.claimed += 1
            has_place = False
            try:
                if token.current is None or not pace.try_acquire():
                    journal.withdraw()  # a row must not be taken for sent because it waited while we died
                    await pace.acquire(Priority.BULK, token.get)
                has_place = True
                while token.current is not None and not pace.is_paused:
                    if next_step(state, self._clock(), state.claimed - 1) is not Step.SEND:
                        break
                    if state.can_take:
                        has_place = False  # it is the row's from now on
                        row = state.take(self._clock())
                        state.weigh()
                        return row
                    await journal.clear()
            except JournalError:
                raise
            except AirmeetError as error:
                self._hold_or_stop(error)
            finally:
                state.claimed -= 1
                if has_place:
                    pace.release()
            journal.withdraw()  # the run was held or stopped while the disk was waited for

    async def _answer(
        self,
        row: Row,
        template: CallTemplate,
        outcome: Reply | TransportError,
        issued: IssuedToken | None,
        latency: float,
    ) -> None:
        """Act on the outcome of an attempt: the row has its result, or waits for its next attempt."""
        state, call, now = self.state, template.call(row.payload), self._clock()
        verdict = self._client.judge_outcome(call, outcome, issued, latency).verdict
        if isinstance(outcome, Reply):
            self.pace.feedback(
                throttled=verdict.is_throttling,
                latency=latency,
                is_success=verdict.kind is Kind.OK,
                is_costly=verdict.kind is Kind.AMBIGUOUS and bool(row.asked & Wish.MAILED),
            )
        if row.tries is None:
            row.tries = Tries()
        away, held = state.breaker.is_open, state.mails_are_held
        stop = state.record_attempt(row, verdict, row.asked, now - latency, now)
        # A person who was added before, and is mailed now, is sent for the first time.
        sent_before = row.earlier.sent if row.earlier is not None and not row.earlier.done else 0
        self._statistics.count_attempt(verdict, latency, now, sent_before + row.tries.sent)
        if stop is not None:
            self.stop(stop.reason, stop.message)
        if verdict.status is not None:
            self._answered.set()
        if away and not state.breaker.is_open:
            self.pace.restart()
        if away or state.breaker.is_open or held:
            self._report_outage()
            self._wake(EVERYBODY)
        if verdict.kind is Kind.OK:
            row.done = done_now(row, row.asked)
            self._finish(row, success_result(row, verdict.value, verdict.status, row.done, now))
            return
        decision = decide(call.endpoint, verdict, row.tries, self._options.retry, random.random())
        is_late = False
        if isinstance(decision, Wait) and self._options.timeout is not None:
            is_late = now + decision.seconds > (row.first_sent or now) + self._options.timeout
            decision = RAISE if is_late else decision
        match decision:
            case Renew():
                self.journal.record_retry(row)  # before the wait: a crash within it must not make this row unclear
                self.journal.withdraw()
                row.tries.renewals *= not self._client.token.is_fought_over
                try:
                    await self._client.token.renew(issued.generation if issued else 0)
                except AirmeetError as failure:
                    row.tries.renewals = 0  # no token was had, so none was refused
                    self._hold_or_stop(failure)
                self.state.put_retry(row, self._clock())
            case Wait(seconds, everyone):
                self.journal.record_retry(row)
                wait = state.retry_delay(verdict, seconds, now)
                self.state.put_retry(row, now + wait)
                self.telemetry.emit(
                    Waiting,
                    cause=verdict.kind.value,
                    wait_s=wait,
                    attempts=row.tries.sent,
                    status=verdict.status,
                    row=row.index,
                )
                if everyone:  # the server named a time, and means all requests, not this row
                    self._client.pause_all(self.pace, call.endpoint.name, verdict, seconds)
            case _:
                if seconds := pause_asked(verdict, self._options.retry):  # it holds for the others all the same
                    self._client.pause_all(self.pace, call.endpoint.name, verdict, seconds)
                error = error_for(call, verdict, row.tries)
                # That its time is over concerns this row alone.
                if is_late or (reason := stop_reason_for(verdict, self._options.retry)) is None:
                    self._finish(row, failure_result(row, verdict, str(error), now))
                else:
                    self._cut_off.append(row)
                    self.stop(reason, str(error), error)

    def _settle(self) -> None:
        """Do what a plain success needs, for all that were set aside."""
        if not self._aside:
            return
        aside, self._aside = self._aside, []
        rows, now = [row for row, _, _ in aside], self._clock()
        self.state.record_plain_successes(len(aside), now)
        if self._accepted is not None:
            self._client.token.accepted(self._accepted.generation)
        self._statistics.count_plain_successes([at - (row.first_sent or at) for row, _, at in aside], now)
        results = [success_result(row, access, 200, row.asked, at) for row, access, at in aside]
        self.journal.record_results(rows, results, plain=True)

    def _finish(self, row: Row, result: RowResult) -> None:
        """Finish a row that was sent; the failure of too many rows ends the run."""
        # While the first rows have not shown that it works, other workers may sleep until one of them ends.
        waited_for = not self.state.may_begin_row()
        stop = self.state.record_result(row, result)
        self.journal.record_results([row], [result])
        if stop is not None:
            self.stop(stop.reason, stop.message)
        elif waited_for:
            self._wake(EVERYBODY)

    def _deliver(self, results: Sequence[RowResult], *, plain: bool = False) -> None:
        """Count results, and pass them to their reader."""
        self._statistics.count_results(results, plain=plain)
        self._results.put(results)
        if self._on_result is not None:
            self._call_on_result(self._on_result, results)
        if (otel := self.telemetry.otel) is not None:
            otel.count_rows(self.telemetry.operation, Counter(result.status.value for result in results))
        if self._results.is_full:
            self.state.weigh()

    def _call_on_result(self, on_result: Callable[[RowResult], object], results: Sequence[RowResult]) -> None:
        """Call it with each result; once it has raised, the run stops, and `run` raises the error at its end."""
        try:
            for result in results:
                on_result(result)
        except Exception as error:  # noqa: BLE001 - raised at the end of the run
            self._on_result, self._callback_error = None, error
            # Later, since the journal or a worker is handing on results at this very moment.
            self._loop.call_soon(self._stop_if_running, f"on_result raised {type(error).__name__}")

    def _stop_if_running(self, message: str) -> None:
        if self._workers:
            self.stop(StopReason.STOPPED, message)

    def _rate_changed(self) -> None:
        rate, told = self.pace.permits.rate, self._told_rate
        if is_of_note(rate, told):
            self._told_rate = rate
            self.telemetry.emit(RateChanged, rate=rate, previous_rate=told)

    def _report_outage(self) -> None:
        """Tell of an outage that has begun or ended."""
        if self.state.breaker.is_open and self._away_since is None:
            self._away_since = self._clock()
            self.telemetry.emit(OutageBegan, reason=self.state.outage.said)
        elif not self.state.breaker.is_open and self._away_since is not None:
            self.telemetry.emit(OutageEnded, duration_s=self._clock() - self._away_since)
            self._away_since = None

    # Holding the run back, and ending it.

    def _rows_wanted(self) -> int:
        """Return how many rows could go at once: none of a hot run has to wait, so these may be many."""
        return max(LARGEST_CHUNK, self._options.max_in_flight) if self.state.hot else len(self._sleeping)

    def _outside_is_open(self) -> bool:
        return self.pace.is_open and not self._results.is_full

    def _look_outside(self) -> None:
        """Act on what has changed outside of the run: a closed client ends it, also where everybody sleeps."""
        try:
            self._client.check_usable()
        except AirmeetError as error:
            self._stop_for(error)
        if self.pace.is_paused:
            self.journal.withdraw()
        self.state.weigh()

    def _hold_or_stop(self, error: AirmeetError) -> None:
        """Hold the run while no token can be had for now; any other error, or too long a wait, ends it.

        So does a server that has refused all tokens: before a row has ended, a proxy or a wrong address is as likely as
        somebody who ends them, and who starts the run should know.
        """
        is_hopeless = isinstance(error, TokenRejectedError) and not self.state.rules.trusted
        is_passing = stop_reason_for_error(error) in PASSING and not is_hopeless
        if is_passing and self.state.hold_for_token(self._clock()):
            self._report_outage()
            self._wake(EVERYBODY)
        else:
            self._stop_for(error)

    def _stop_for(self, error: AirmeetError) -> None:
        self.stop(stop_reason_for_error(error), str(error), error)
        if isinstance(error, ClientStateError):  # closed: answers that are on their way count, but nobody waits long
            for scope in self._workers:
                scope.deadline = min(scope.deadline, self._clock() + _GRACE_OF_CLOSED_CLIENT)

    def stop(self, reason: StopReason, message: str, cause: AirmeetError | None = None) -> None:
        """Take no more rows. Requests under way may end within the grace; workers that only wait end at once."""
        if self.state.stopped is not None:
            return
        self.state.stopped = RunStop(reason, message, cause)
        self.telemetry.emit(RunStopped, stop_reason=reason.value, reason=message)
        self.state.weigh()
        self.journal.stop()
        self._wake(EVERYBODY)
        for scope, row in self._workers.items():
            sending = row is not None and row.sending
            scope.deadline = self._clock() + (self._options.grace if sending else 0)

    def hurry(self) -> None:
        """After a stop: do not wait for requests under way. Their rows become UNKNOWN."""
        for scope in self._workers:
            scope.cancel()

    def hold(self, *, on: bool) -> None:
        """Let no more requests leave until this is taken back."""
        self.state.held = on
        self.state.outage.since = None  # nothing was tried meanwhile
        self.state.weigh()
        self._wake(EVERYBODY)

    async def _sleep(self, seconds: float) -> None:
        """Sleep until woken; somebody is woken after that time at the latest."""
        sleeper = self._loop.create_future()
        self._sleeping.append(sleeper)
        if seconds < math.inf:
            self._arm_timer(self._clock() + seconds)
        try:
            await sleeper
        except asyncio.CancelledError:
            if sleeper in self._sleeping:
                self._sleeping.remove(sleeper)
            else:
                self._wake(1)  # this one was woken, and cannot go
            raise

    def _wake(self, n: int) -> None:
        while self._sleeping and n > 0:
            sleeper = self._sleeping.pop()
            if not sleeper.done():
                sleeper.set_result(None)
                n -= 1

    def _arm_timer(self, when: float) -> None:
        """Wake a worker at that time. One timer is enough: whoever wakes first sets the next one."""
        if self._timer is None or when < self._rings_at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer, self._rings_at = self._loop.call_at(when, self._ring), when  # uvloop's do not always know it

    def _ring(self) -> None:
        self._timer = None
        self._wake(1)

    # The whole run.

    async def run(self) -> None:
        """Run to the end, or to a stop. Every row that was read has a result afterwards, even if this is cancelled."""
        unwatch = self.pace.watch(self._look_outside)
        self._results.watch(self.state.weigh)
        before = caller.set(Caller(self._client.options.retry, self._client.listeners))
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._pump)
                group.start_soon(self._stop_at_deadline)
                group.start_soon(self._keep_rate)
                try:
                    await self._run_workers()
                finally:
                    self._finish_the_rest()
                if self.state.stopped is not None:
                    await self._finish_unread()
                group.cancel_scope.cancel()  # the pump, the deadline and the keeper of the rate
        finally:
            caller.reset(before)
            unwatch()
            if self._away_since is not None:
                self.telemetry.emit(OutageEnded, duration_s=self._clock() - self._away_since, server_is_back=False)
                self._away_since = None
            if self._timer is not None:
                self._timer.cancel()
            self.feed.stop()
            await run_to_completion(self._close_journal())
        if self._callback_error is not None:
            raise self._callback_error

    async def _close_journal(self) -> None:
        await self.journal.drain()
        self._finish_the_rest()  # again: rows that were being recorded belong to nobody until then
        stopped = self.state.stopped
        facts = {"ended": time.time(), "stop": None, "stop_message": ""} | self._rate_fact()
        if stopped is not None:
            facts |= {"stop": stopped.reason.value, "stop_message": stopped.message}
        await self.journal.close(facts)

    async def _run_workers(self) -> None:
        """The first row goes alone: wrong keys or a wrong event cost one request, not as many as there are workers."""
        async with anyio.create_task_group() as workers:
            workers.start_soon(self._work)
            await self._answered.wait()
            for _ in range(self._options.max_in_flight - 1):
                workers.start_soon(self._work)

    async def _pump(self) -> None:
        try:
            await self.feed.pump()
        except* AirmeetError as group:
            error = first_error(group)
            assert isinstance(error, AirmeetError)  # noqa: S101 - for the type checker
            self._stop_for(error)

    async def _stop_at_deadline(self) -> None:
        if (deadline := self._options.deadline) is not None:
            await anyio.sleep(deadline)
            self.stop(StopReason.DEADLINE, f"the deadline of {deadline:g} s has passed")

    async def _keep_rate(self) -> None:
        """Let the next run know how fast it may go, even if this one is killed."""
        while True:
            await anyio.sleep(_RATE_KEPT_EVERY)
            self.journal.record_facts(self._rate_fact())

    def _rate_fact(self) -> dict[str, float]:
        """Return what the next run has to know of the server's limit: nothing while it has refused nothing."""
        return {} if (rate := self.pace.good_rate) is None else {"rate": rate}

    async def _finish_unread(self) -> None:
        """After a stop, read on to the end of a finite source, or of what was read ahead: each row gets a result."""
        self.feed.stop()
        with anyio.CancelScope() as scope:
            self._workers[scope] = None  # `hurry` ends it
            while not self.feed.ended:
                await self.feed.read_rest()
                await self.journal.drain()
                self._finish_the_rest()
                await self._results.wait_for_room()
        self._workers.pop(scope, None)

    def _finish_the_rest(self) -> None:
        """Give every row without a result its own, and say what ended the run."""
        self._settle()
        state, journal = self.state, self.journal
        if state.stopped is None and (error := self.feed.error) is not None:
            state.stopped = RunStop(StopReason.SOURCE, str(error), error)
        journal.withdraw()
        under_way = [row for row in self._workers.values() if row is not None]
        rows = [*self._cut_off, *under_way, *(row for _, _, row in state.retries), *journal.ready, *journal.queue]
        rows += self.feed.take_unprepared()
        if state.stopped is None and (rows or not self.feed.ended):
            state.stopped = RunStop(StopReason.CUT_OFF, "the run was cut off")
        self._cut_off, state.retries = [], []
        self._workers = dict.fromkeys(self._workers)
        journal.ready.clear()
        journal.queue.clear()
        if rows and state.stopped is not None:
            self._statistics.attempts += sum(row.sending for row in rows)
            results = [unfinished_result(row, state.stopped.message, self._clock()) for row in rows]
            journal.record_results(rows, results)

    # What its job asks.

    @property
    def total(self) -> int | None:
        return self.feed.total

    @property
    def earlier(self) -> Earlier | None:
        return self.journal.earlier

    @property
    def is_held(self) -> bool:
        return self.state.held

    @property
    def is_away(self) -> bool:
        """Whether the server seems to be down."""
        return self.state.breaker.is_open

    @property
    def last_reply(self) -> str:
        return self.state.outage.said

    @property
    def allowed_rate(self) -> float | None:
        """Requests per second; 0 while nothing may be sent, None for no limit."""
        return 0.0 if self.is_held or self.is_away or self.pace.is_paused else self.pace.rate

    @property
    def rate_ceiling(self) -> float | None:
        return self.pace.ceiling

    def set_rate(self, rate: AskedRate) -> None:
        self.pace.set_rate(rate)

    @property
    def stopped(self) -> RunStop | None:
        """Why the run ends before its last row, or None."""
        return self.state.stopped

    @property
    def retrying(self) -> int:
        """Number of rows that are waiting for a retry or being retried."""
        under_way = sum(row is not None and row.begun > 1 for row in self._workers.values())
        return len(self.state.retries) + under_way + sum(row.begun > 0 for row in self.journal.queue)

    @property
    def to_collect(self) -> int:
        """Number of results that are known from earlier runs, and not handed on yet."""
        return self.feed.known.counts.total()

    def report(self, job: str, *, final: bool = True) -> BulkReport:
        """Return the report of the run; *final* checks that its counts add up."""
        self._statistics.rows_read = self.feed.read
        stopped = self.state.stopped
        return self._statistics.report(
            job,
            self._clock() - self._started,
            refreshes=self._client.token.fetched - self._fetched_before,
            stop=stopped.reason if stopped else None,
            stop_message=stopped.message if stopped else "",
            final=final,
            known=self.feed.known,
        )
