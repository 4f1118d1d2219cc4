"""Which row goes next: the state of a run, and `next_step`, which says what a free worker does now.

Rules of this file:

1. Rows that may be sent stand in the journal's `ready`, repeats first, then new rows in their order; those that still
   have to be recorded on the disk before they may go stand in its `queue`, or are `arriving`.
2. `next_step` decides and waits for nothing. A row leaves `ready` only by `RunState.take`, or where the run is `hot`:
   then every answer of `next_step` would be to send.
3. `hot` is set in one place, `RunState.weigh`, which is called by whoever changes a part of it.

No clock is read here: the time is an argument.
"""

import heapq
import itertools
import math
import random
from collections.abc import Callable
from enum import Enum

from attrs import frozen

from airmeet_async.bulk.execution.abort_policy import FailureRules, Outage, RunStop, is_not_in_event
from airmeet_async.bulk.execution.circuit_breaker import CircuitBreaker, RetryBudget
from airmeet_async.bulk.journal import Journal
from airmeet_async.bulk.options import EngineOptions
from airmeet_async.bulk.report import RowResult, StopReason
from airmeet_async.bulk.row import Row, Wish
from airmeet_async.protocol.classify_reply import Kind, Verdict

# Attempts that a row is not charged for: one that takes the server's connection down each time must end, too.
_MOST_UNCHARGED = 10
_MOST_MAIL_HOLDS = 6  # of 2, 4, 8 up to 64 seconds


class Step(Enum):
    """What a free worker does now, where it does not sleep."""

    SEND = "send"
    DONE = "done"


@frozen
class Sleep:
    """Wait for so many seconds, or until woken.

    Attributes:
        seconds: May be infinite.
    """

    seconds: float


class RunState:
    """What decides whether a row may go, and which.

    Args:
        options: Of the run.
        total: All rows, where that is known.
        journal: Has the rows that may be sent, and those that have to be recorded before.
        outside_is_open: Whether nothing outside of the run holds it back: the pace, room for results.

    Attributes:
        retries: Rows that wait for their next attempt: when each is due, a number, and the row; the next one first.
        stopped: Why the run ends before its last row, or None.
        held: The run is paused by hand.
        begun: Rows that have begun in this run.
        claimed: Workers that wait for a place, each for one of these rows.
        source_ended: No more new rows will come.
        hot: Nothing holds the run back, and a plain success changes nothing about that.
    """

    begun: int
    hot: bool
    outage: Outage
    breaker: CircuitBreaker
    rules: FailureRules

    def __init__(
        self,
        options: EngineOptions,
        total: int | None,
        journal: Journal,
        outside_is_open: Callable[[], bool],
    ) -> None:
        self.journal = journal
        self.retries: list[tuple[float, int, Row]] = []
        self.stopped: RunStop | None = None
        self.held = False
        self.begun = 0
        self.claimed = 0
        self.source_ended = False
        self.hot = False
        self.outage = Outage(options.outage)
        self.breaker = CircuitBreaker(random.random)
        self.rules = FailureRules(options.max_failures, total)
        self._budget = RetryBudget()
        # While 503s come, nobody is invited: whoever gets one may have been mailed, and is not mailed again.
        self._mails_held_at = self._mails_held_until = -math.inf
        self._mail_holds = 0
        self._most_waiting = 4 * options.max_in_flight + 100
        self._order = itertools.count()
        self._outside_is_open = outside_is_open

    def weigh(self) -> None:
        """Find out whether the run is `hot`."""
        self.hot = (
            self.rules.trusted
            and not self.held
            and self.stopped is None
            and not self.breaker.is_open
            and not self.retries
            and not self._mail_holds
            and self._outside_is_open()
        )

    @property
    def rows_at_hand(self) -> int:
        """Rows that can be sent now, or perhaps after they were recorded."""
        journal = self.journal
        return len(journal.ready) + len(journal.queue) + journal.arriving

    def may_begin_row(self) -> bool:
        """Whether one more new row may begin: not while many wait for a repeat, or the first have yet to succeed."""
        return len(self.retries) < self._most_waiting and self.rules.may_begin(self.begun)

    def rows_to_begin(self) -> int:
        """Return how many new rows may begin now."""
        if not self.may_begin_row():
            return 0
        return self._most_waiting if self.rules.trusted else self.rules.rows_to_begin(self.begun)

    @property
    def can_take(self) -> bool:
        """Whether the first row that is ready may go."""
        ready = self.journal.ready
        return bool(ready) and (ready[0].begun > 0 or self.may_begin_row())

    @property
    def mails_are_held(self) -> bool:
        """Whether rows that ask for a mail wait, since the last request was answered with 503."""
        return self._mail_holds > 0

    def mail_hold_left(self, now: float) -> float:
        """Return the seconds until the row that goes next may go: one that asks for a mail waits while 503s come."""
        if not self._mail_holds or now >= self._mails_held_until:
            return 0.0
        row = next(iter(self.journal.ready), None) or next(iter(self.journal.queue), None)
        asks = row is None or (row.template is not None and row.template.wish & Wish.MAILED and not row.unclear)
        return self._mails_held_until - now if asks else 0.0

    def take(self, now: float) -> Row:
        """Return the row that goes now; in an outage it is the trial."""
        row = self.journal.ready.popleft()
        if not row.begun:
            self.begun += 1
        row.begun += 1
        self.breaker.claim_send(now)
        return row

    def put_retry(self, row: Row, due: float) -> None:
        """Let a row wait for its next attempt."""
        heapq.heappush(self.retries, (due, next(self._order), row))
        self.weigh()

    def due_retries(self, now: float) -> list[Row]:
        """Return the rows whose next attempt is due; they wait no longer."""
        due: list[Row] = []
        while self.retries and self.retries[0][0] <= now:
            due.append(heapq.heappop(self.retries)[2])
        return due

    def retry_delay(self, verdict: Verdict, seconds: float, now: float) -> float:
        """Return how long a row waits for its next attempt; what may be a repeat needs a place in the budget."""
        is_repeat = verdict.kind is Kind.AMBIGUOUS and not verdict.is_throttling
        return max(seconds, self._budget.take(now, self.begun)) if is_repeat else seconds

    def hold_for_token(self, now: float) -> bool:
        """Hold all rows back because no token can be had; return False where that has lasted too long."""
        self.outage.record(succeeded=False, answered=False, sent_at=now)
        self.breaker.trip(now)
        self.weigh()
        return self.outage.heard_before and not self.outage.is_too_long(now)

    def record_plain_successes(self, n: int, now: float) -> None:
        """Count successes while the run is `hot`."""
        self.breaker.record_successes(n, now)
        self.rules.record_successes(n)
        self.outage.since, self.outage.said = None, ""

    def record_attempt(self, row: Row, verdict: Verdict, asked: int, sent_at: float, now: float) -> RunStop | None:
        """Count an attempt, on the row, too; return why the run stops, if it does.

        Args:
            row: Whose it was.
            verdict: Its outcome.
            asked: What it asked for, as `Wish`.
            sent_at: When it left.
            now: The time.
        """
        tries = row.tries
        assert tries is not None  # noqa: S101 - for the type checker; an attempt was begun
        first = row.begun == 1 and not row.failed_before
        self.breaker.record(row.index, verdict, first=first, sent_at=sent_at, now=now)
        row.last = verdict
        tries.count(verdict)
        if verdict.kind is Kind.OK and sent_at >= self._mails_held_at:
            self._mail_holds = 0
        may_have_mailed = asked & Wish.MAILED and verdict.kind is Kind.AMBIGUOUS
        if may_have_mailed and verdict.is_throttling and sent_at >= self._mails_held_at:
            self._mail_holds = min(self._mail_holds + 1, _MOST_MAIL_HOLDS)
            self._mails_held_at = now
            self._mails_held_until = now + 2.0**self._mail_holds
        if verdict.kind is Kind.AMBIGUOUS:
            row.unclear |= asked
            # In an outage of an hour each row would use up its attempts on a server that is not there.
            if self.breaker.is_open and not verdict.is_throttling and row.uncharged < _MOST_UNCHARGED:
                row.uncharged += 1
                tries.charged -= 1
        if verdict.kind is not Kind.EXPIRED:  # which says nothing of whether a token can be had
            succeeded = verdict.kind is Kind.OK or verdict.kind is Kind.REJECTED
            said = ": ".join(filter(None, (str(verdict.status or ""), verdict.message)))
            answered = verdict.status is not None
            self.outage.record(succeeded=succeeded, answered=answered, sent_at=sent_at, said=said)
        self.weigh()  # the breaker may have opened
        return self.outage.stop(verdict, now)

    def record_result(self, row: Row, result: RowResult) -> RunStop | None:
        """Count the end of a row that was sent; return why the run stops, if it does."""
        is_missing = False
        if row.template is not None and row.last is not None:
            is_missing = is_not_in_event(row.template.endpoint.name, row.last)
        why = self.rules.record(result, failed_before=row.failed_before, is_not_in_event=is_missing)
        return RunStop(StopReason.FAILURES, why) if why else None


def next_step(run: RunState, now: float, claimed: int = 0) -> Step | Sleep:
    """Say what a free worker does now; it waits for nothing, and changes nothing.

    1. A stopped run sends nothing more.
    2. A held run sleeps until somebody wakes it; in an outage one trial row may go, when its time has come.
    3. A row that was sent before goes before new ones. One that asks for a mail waits while 503s come.
    4. A new row goes, unless too many wait for their next attempt, or the first rows have yet to show that it works.
    5. Otherwise it sleeps until the next attempt is due, or a row arrives; with neither to come, the run is over.

    Args:
        run: The state.
        now: The time.
        claimed: Rows that other workers wait for a place with.
    """
    if run.stopped is not None:
        return Step.DONE
    if (pause := math.inf if run.held else run.breaker.pause_left(now)) > 0:
        return Sleep(pause)
    journal = run.journal
    if run.rows_at_hand > claimed:
        repeats = (journal.ready and journal.ready[0].begun) or (journal.queue and journal.queue[0].begun)
        if repeats or run.may_begin_row():
            held = run.mail_hold_left(now)
            if not held:
                return Step.SEND
            return Sleep(min(held, run.retries[0][0] - now) if run.retries else held)
    if run.retries:
        return Sleep(max(0.0, run.retries[0][0] - now))
    if run.source_ended and not run.rows_at_hand:
        return Step.DONE
    return Sleep(math.inf)
