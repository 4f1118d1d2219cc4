"""What holds a run back or ends it: an outage, too many repeats, too many failures, or somebody's hand."""

import math
import random

from airmeet_async.api.judge import Kind, Verdict
from airmeet_async.bulk.breaker import Breaker, RetryBudget
from airmeet_async.bulk.options import EngineOptions
from airmeet_async.bulk.report import RowResult, StopReason
from airmeet_async.bulk.row import Row
from airmeet_async.bulk.stops import FailureRules, Silence, Stop


class Guard:
    """Asks the rules in turn, so that the engine need not know them.

    Args:
        options: Of the run.
        total: All rows, where that is known.

    Attributes:
        held: The run is paused by hand.
        begun: Rows that have begun in this run.
        trusted: The first rows have proved that it works.
    """

    def __init__(self, options: EngineOptions, total: int | None) -> None:
        self._silence = Silence(options.outage)
        self._breaker = Breaker(random.random)
        self._budget = RetryBudget()
        self._rules = FailureRules(options.max_failures, total)
        self.held = False
        self.begun = 0
        self.trusted = False

    @property
    def outage(self) -> bool:
        """Whether the server is taken to be away."""
        return self._breaker.open

    @property
    def calm(self) -> bool:
        """Whether nothing holds the run back, so that none of the rules below need be asked."""
        return self.trusted and not self.held and not self._breaker.open

    def rest(self, now: float) -> float:
        """Return for how many seconds no row may go at all."""
        return math.inf if self.held else self._breaker.rest(now)

    def may_begin(self) -> bool:
        """Whether one more fresh row may begin."""
        return self.trusted or self._rules.may_begin(self.begun)

    def start(self, now: float) -> bool:
        """Return whether a request may leave now."""
        return not self.held and self._breaker.start(now)

    def stay(self) -> None:
        """Note that a request did not leave after all."""
        self._breaker.forget()

    def wait_for_token(self, now: float) -> bool:
        """Hold everybody back because no token can be had; return False where that has lasted too long."""
        self._silence.note(heard=False, at=now)
        self._breaker.trip(now)
        return self._silence.heard_before and not self._silence.lasts(now)

    def wait_for(self, verdict: Verdict, seconds: float, now: float) -> float:
        """Return how long a row waits for its next attempt; what may be a repeat needs a place in the budget."""
        return max(seconds, self._budget.take(now, self.begun)) if verdict.kind is Kind.AMBIGUOUS else seconds

    def fine(self, now: float) -> None:
        """Note a row's success while all is calm."""
        self._breaker.fine(now)
        self._rules.fine()
        self._silence.since = None

    def listen(self, row: Row, verdict: Verdict, sent_at: float, now: float) -> Stop | None:
        """Note the end of an attempt, on the row, too; return why the run stops, if it does."""
        self._breaker.note(row.source.index, verdict, first=row.begun == 1, sent_at=sent_at, now=now)
        row.end(verdict, away=self._breaker.open)
        self._silence.note(heard=verdict.status is not None, at=sent_at)
        if verdict.status is None and self._silence.lasts(now):
            return Stop(StopReason.UNREACHABLE, f"no answer for too long: {verdict.message}")
        return None

    def judge(self, result: RowResult) -> Stop | None:
        """Note the end of a row that was sent; return why the run stops, if it does."""
        why = self._rules.note(result)
        self.trusted = self.trusted or self._rules.trusted
        return Stop(StopReason.FAILURES, why) if why else None
