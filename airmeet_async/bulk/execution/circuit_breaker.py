"""What pauses a run: the server is away (`CircuitBreaker`), or too many requests are repeats (`RetryBudget`).

No clock is read here: the time is an argument.
"""

import math
from collections import deque
from collections.abc import Callable

from airmeet_async.protocol.classify_reply import Kind, Verdict

_WINDOW = 10.0  # seconds
_ENOUGH = 10  # requests in the window; half of fewer than that says nothing
_IN_A_ROW = 5
_FIRST_PAUSE = 5.0  # seconds, doubled with each trial that fails
_LONGEST_PAUSE = 60.0
# Statuses of a request that the server itself has not answered; None for no reply at all.
_AWAY = frozenset({None, 502, 503, 504})


class CircuitBreaker:
    """Tells whether the server is there for anybody.

    1. It opens when half of ten or more requests within ten seconds failed for the server's fault. Of each row only
       the first failure counts: some rows fail always, and at the end of a run they are alone.
    2. It opens, too, when five requests in a row, of more than one row, had no answer, or a gateway's.
    3. A 503 counts for neither while requests succeed: some rate limiters refuse with it.
    4. While it is open, nobody sends but one row on trial after 5, 10, 20, 40 and then 60 seconds, up to a tenth more.
    5. The success of a trial closes it; a success that was sent before it opened does not.

    Args:
        jitter: Returns a number from 0 to 1.

    Attributes:
        is_open: The server is taken to be away.
    """

    is_open: bool

    def __init__(self, jitter: Callable[[], float]) -> None:
        self._jitter = jitter
        self.is_open = False
        self._recent = FailureWindow()
        self._unanswered: list[int] = []  # whose requests had no answer, the last few in a row
        self._opened = 0.0
        self._until = 0.0
        self._openings = 0
        self._trial_under_way = False
        self._succeeded_at = -math.inf

    def pause_left(self, now: float) -> float:
        """Return the seconds until a row may go; infinite while the trial is under way."""
        if not self.is_open:
            return 0.0
        return math.inf if self._trial_under_way else max(0.0, self._until - now)

    def claim_send(self, now: float) -> bool:
        """Return whether a row may go now; while it is open, that row is the trial."""
        if self.pause_left(now) > 0:
            return False
        self._trial_under_way = self.is_open
        return True

    def withdraw_trial(self) -> None:
        """Let another row be the trial: this one was not sent after all."""
        self._trial_under_way = False

    def record_successes(self, n: int, now: float) -> None:
        """Count successes while it is closed."""
        self._recent.add(now, n)
        self._succeeded_at = now
        if self._unanswered:
            self._unanswered = []

    def record(self, row: int, verdict: Verdict, *, first: bool, sent_at: float, now: float) -> None:
        """Count a request.

        Args:
            row: Whose it was.
            verdict: Its outcome.
            first: It was the row's first.
            sent_at: When it left.
            now: The time.
        """
        kind = verdict.kind
        failed = kind is Kind.NOT_SENT or kind is Kind.AMBIGUOUS  # an Enum in a set is slow
        if kind is Kind.OK:
            self._succeeded_at = now
        elif failed and verdict.is_throttling and not self.is_open and now - self._succeeded_at < _WINDOW:
            return
        if failed and verdict.status in _AWAY:
            self._unanswered = [*self._unanswered[-_IN_A_ROW:], row]
        elif self._unanswered:
            self._unanswered = []
        if self.is_open:
            if verdict.kind is Kind.EXPIRED:
                self._trial_under_way = False  # no token, no news; whether one can be had shows in a moment
            elif sent_at >= self._opened and failed:
                self._trial_under_way = False
                self._open(now)
            elif sent_at >= self._opened:
                self.is_open, self._trial_under_way, self._openings = False, False, 0
                self._recent.clear()
            return
        # A repeat that fails again says something of its row, not of the server.
        if first or not failed:
            self._recent.add(now, 1, failed=failed)
        if self._recent.half_failed() or (len(self._unanswered) >= _IN_A_ROW and len(set(self._unanswered)) > 1):
            self._open(now)

    def trip(self, now: float) -> None:
        """Open it, because nothing can be sent at all."""
        if not self.is_open or self._trial_under_way or now >= self._until:
            self._trial_under_way = False
            self._open(now)

    def _open(self, now: float) -> None:
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(self._openings, 10))
        self.is_open, self._opened, self._until = True, now, now + pause * (1 + 0.1 * self._jitter())
        self._openings += 1


class RetryBudget:
    """How many requests may be repeats: a tenth of the rows, and one per second beside that.

    Repeats keep a server in trouble where it is; Google's book on site reliability sets the same tenth. A repeat that
    exceeds it waits; it is not given up.

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
        # Time fills the reserve only: what rows have saved up above it is kept, and grows by rows alone.
        if self._left < self._reserve:
            self._left = min(self._reserve, self._left + passed * self._per_second)
        self._left -= 1
        return max(0.0, -self._left / self._per_second)


class FailureWindow:
    """Requests and failures of the last ten seconds, counted by second in a fixed amount of memory."""

    def __init__(self) -> None:
        self._seconds: deque[list[int]] = deque()
        self._latest = [-1, 0, 0]
        self._failed = 0

    def add(self, now: float, n: int, *, failed: bool = False) -> None:
        latest = self._latest
        if latest[0] != int(now):
            latest = self._begin_second(now)
        latest[1] += n
        if failed:
            latest[2] += n
            self._failed += n

    def _begin_second(self, now: float) -> list[int]:
        """Begin another second, and forget those outside of the window."""
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
        self._seconds.clear()
        self._latest = [-1, 0, 0]
        self._failed = 0
