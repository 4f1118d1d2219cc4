"""A rate that is exact, and that can change while somebody waits."""

from aiolimiter import AsyncLimiter

_LATENESS = 0.005
"""Seconds that may be made up for: whoever waits is woken a little late, and a bucket for just one permit would forget
that. It is worth less than a whole permit, so no window holds more requests for it."""


def _burst(rate: float) -> float:
    return max(1.0, rate / 50) + min(0.5, rate * _LATENESS)


class Limiter(AsyncLimiter):
    """A limiter that gives exactly *rate*, in bursts of 20 ms of it, and whose rate can change while one waits.

    `AsyncLimiter(R, 1)` would let 2R through in the first second, `AsyncLimiter(1, 1/R)` falls short of R.
    """

    __slots__ = ()

    def __init__(self, rate: float) -> None:
        burst = _burst(rate)
        super().__init__(burst, burst / rate)

    def retune(self, rate: float) -> None:
        """Change the rate at once, also for the one that waits. The bucket has as much room as before, not more.

        A new limiter would come with an empty bucket, that is a burst, and leave the one that waits in the old one.
        """
        if self._level:
            self._leak()
        room = self.max_rate - self._level
        self.max_rate = _burst(rate)
        self.time_period = self.max_rate / rate
        self._rate_per_sec = rate
        self._level = max(0.0, self.max_rate - room)
        if self._waiters:
            self._wake_next()
