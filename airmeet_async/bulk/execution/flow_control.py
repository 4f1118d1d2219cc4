"""`FlowControl`: whether a row may begin and a request may leave, and when the run stops. It asks all rules in turn."""

import math
import random

from airmeet_async.bulk.execution.abort_policy import FailureRules, RunStop, ServerSilence
from airmeet_async.bulk.execution.circuit_breaker import CircuitBreaker, RetryBudget
from airmeet_async.bulk.execution.row import Row
from airmeet_async.bulk.options import EngineOptions
from airmeet_async.bulk.report import RowResult, StopReason
from airmeet_async.protocol.classify_reply import Kind, Verdict


class FlowControl:
    """Holds a run back, or stops it, for the sake of all rows.

    Args:
        options: Of the run.
        total: All rows, where that is known.

    Attributes:
        held: The run is paused by hand.
        begun: Rows that have begun in this run.
        trusted: The first rows have shown that it works.
    """

    def __init__(self, options: EngineOptions, total: int | None) -> None:
        self._silence = ServerSilence(options.outage)
        self._breaker = CircuitBreaker(random.random)
        self._budget = RetryBudget()
        self._rules = FailureRules(options.max_failures, total)
        self.held = False
        self.begun = 0
        self.trusted = False

    @property
    def outage(self) -> bool:
        """Whether the server is taken to be away."""
        return self._breaker.is_open

    @property
    def is_clear(self) -> bool:
        """Whether nothing holds the run back, so that none of the rules below need be asked."""
        return self.trusted and not self.held and not self._breaker.is_open

    def pause_left(self, now: float) -> float:
        """Return for how many seconds no row may go at all."""
        return math.inf if self.held else self._breaker.pause_left(now)

    def may_begin_row(self) -> bool:
        """Whether one more new row may begin."""
        return self.trusted or self._rules.may_begin(self.begun)

    def claim_send(self, now: float) -> bool:
        """Return whether a request may leave now. In an outage that is so once per pause, and it is the trial then."""
        return not self.held and self._breaker.claim_send(now)

    def release_trial(self) -> None:
        self._breaker.release_trial()

    def hold_for_token(self, now: float) -> bool:
        """Hold all rows back because no token can be had; return False where that has lasted too long."""
        self._silence.record(answered=False, sent_at=now)
        self._breaker.trip(now)
        return self._silence.heard_before and not self._silence.is_too_long(now)

    def retry_delay(self, verdict: Verdict, seconds: float, now: float) -> float:
        """Return how long a row waits for its next attempt; what may be a repeat needs a place in the budget."""
        return max(seconds, self._budget.take(now, self.begun)) if verdict.kind is Kind.AMBIGUOUS else seconds

    def record_success(self, now: float) -> None:
        """Count a row's success while `is_clear`; the fast way for nearly all rows."""
        self._breaker.record_success(now)
        self._rules.record_success()
        self._silence.since = None

    def record_attempt(self, row: Row, verdict: Verdict, sent_at: float, now: float) -> RunStop | None:
        """Count an attempt, on the row, too; return why the run stops, if it does."""
        self._breaker.record(row.source.index, verdict, first=row.begun == 1, sent_at=sent_at, now=now)
        row.end(verdict, away=self._breaker.is_open)
        self._silence.record(answered=verdict.status is not None, sent_at=sent_at)
        if verdict.status is None and self._silence.is_too_long(now):
            return RunStop(StopReason.UNREACHABLE, f"no reply for too long: {verdict.message}")
        return None

    def record_result(self, result: RowResult) -> RunStop | None:
        """Count the end of a row that was sent; return why the run stops, if it does."""
        why = self._rules.record(result)
        self.trusted = self.trusted or self._rules.trusted
        return RunStop(StopReason.FAILURES, why) if why else None
