"""When a run holds back: the server is away, or too many requests were repeats. The clock is an argument."""

import math
import random
from collections import deque
from collections.abc import Callable

from airmeet_async.bulk.execution.abort_policy import FailureRules, Silence, Stop
from airmeet_async.bulk.execution.row import Row
from airmeet_async.bulk.options import EngineOptions
from airmeet_async.bulk.report import RowResult, StopReason
from airmeet_async.protocol.classify_reply import Kind, Verdict

_WINDOW = 10.0
_ENOUGH = 10
_IN_A_ROW = 5
_FIRST_REST = 5.0
_LONGEST_REST = 60.0
_AWAY = frozenset({None, 502, 503, 504})
"""What comes in place of an answer of the server itself; None for nothing."""


class Recently:
    """Counts requests and failures of the last ten seconds, second by second, in a fixed amount of memory."""

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque()
        self._latest = [-1, 0, 0]
        self._failed = 0

    def add(self, now: float, *, failed: bool) -> None:
        """Count one request."""
        latest = self._latest
        if latest[0] != int(now):
            latest = self._turn(now)
        latest[1] += 1
        if failed:
            latest[2] += 1
            self._failed += 1

    def _turn(self, now: float) -> list[int]:
        """Begin another second, and forget those that are over."""
        self._latest = [int(now), 0, 0]
        self._seconds.append(self._latest)
        while self._seconds[0][0] < now - _WINDOW:
            self._failed -= self._seconds.popleft()[2]
        return self._latest

    def half_failed(self) -> bool:
        """Whether there were enough of them to say, and at least half of them failed."""
        if 2 * self._failed < _ENOUGH:
            return False
        n = sum(second[1] for second in self._seconds)
        return n >= _ENOUGH and 2 * self._failed >= n

    def clear(self) -> None:
        """Count anew."""
        self._seconds.clear()
        self._latest = [-1, 0, 0]
        self._failed = 0


class Breaker:
    """Tells whether the server is there for anybody.

    It opens when half of ten or more requests within ten seconds failed for the server's fault, where of each row only
    the first failure counts: some rows fail always, and at the end of a run they are alone. It opens, too, when five
    requests in a row, of more than one row, had no answer, or a gateway's. Then nobody sends,
    but for one row every so often that tries; its success closes it.

    Args:
        jitter: Returns a number from 0 to 1.

    Attributes:
        open: The server is taken to be away.
        lately: Requests of the last seconds.
        missed: Whose requests had no answer, the last few in a row.
    """

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self.lately = Recently()
        self.missed: list[int] = []
        self.open = False
        self._opened = 0.0
        self._until = 0.0
        self._tries = 0
        self._trying = False

    def rest(self, now: float) -> float:
        """Return the seconds until a row may go; without end while the one that tries is under way."""
        if not self.open:
            return 0.0
        return float("inf") if self._trying else max(0.0, self._until - now)

    def start(self, now: float) -> bool:
        """Return whether a row may go now; where only one may, this is it."""
        if self.rest(now) > 0:
            return False
        self._trying = self.open
        return True

    def forget(self) -> None:
        """Note that the row that was to try did not go after all."""
        self._trying = False

    def fine(self, now: float) -> None:
        """Note a success while it is closed."""
        self.lately.add(now, failed=False)
        if self.missed:
            self.missed = []

    def note(self, row: int, verdict: Verdict, *, first: bool, sent_at: float, now: float) -> None:
        """Note what came of a request.

        Args:
            row: Whose it was.
            verdict: What came of it.
            first: It was the row's first.
            sent_at: When it left.
            now: The time.
        """
        kind = verdict.kind
        failed = kind is Kind.NOT_SENT or kind is Kind.AMBIGUOUS  # an Enum in a set is slow
        if failed and verdict.status in _AWAY:
            self.missed = [*self.missed[-_IN_A_ROW:], row]
        elif self.missed:
            self.missed = []
        if self.open:
            if verdict.kind is Kind.EXPIRED:
                self._trying = False  # no token, no news; whether one can be had shows in a moment
            elif sent_at >= self._opened:
                self._after_a_try(failed=failed, now=now)
            return
        if first or not failed:
            self.lately.add(now, failed=failed)
        if self.lately.half_failed() or (len(self.missed) >= _IN_A_ROW and len(set(self.missed)) > 1):
            self._open(now)

    def trip(self, now: float) -> None:
        """Open, because nothing can be sent at all."""
        if not self.open or self._trying or now >= self._until:
            self._trying = False
            self._open(now)

    def _after_a_try(self, *, failed: bool, now: float) -> None:
        self._trying = False
        if failed:
            self._open(now)
        else:
            self.open, self._tries = False, 0
            self.lately.clear()

    def _open(self, now: float) -> None:
        rest = min(_LONGEST_REST, _FIRST_REST * 2.0**self._tries)
        self.open, self._opened, self._until = True, now, now + rest * (1 + 0.1 * self._jitter())
        self._tries += 1


class RetryBudget:
    """How many requests may be repeats: a tenth of the rows, and one per second beside that.

    A repeat that exceeds it is not given up; it waits until its turn comes.

    Args:
        share: Repeats per row.
        reserve: Repeats to begin with, and the most that time alone saves up.
        per_second: How fast the reserve is filled again.
    """

    def __init__(self, share: float = 0.1, reserve: float = 10.0, per_second: float = 1.0) -> None:
        self._share = share
        self._reserve = reserve
        self._per_second = per_second
        self._left = reserve
        self._rows = 0
        self._filled_at: float | None = None

    def take(self, now: float, rows: int) -> float:
        """Take one repeat, and return the seconds until it may go.

        Args:
            now: The time.
            rows: How many have begun so far.
        """
        self._left += self._share * (rows - self._rows)
        self._rows = rows
        passed = 0.0 if self._filled_at is None else now - self._filled_at
        self._filled_at = now
        if self._left < self._reserve:
            self._left = min(self._reserve, self._left + passed * self._per_second)
        self._left -= 1
        return max(0.0, -self._left / self._per_second)


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
