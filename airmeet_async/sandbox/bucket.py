"""A limit on the rate, as a gateway in front of a service might have."""

import math
from typing import Final

_ROUNDING: Final = 1e-9


class Bucket:
    """A token bucket that is told the time.

    Args:
        rate: Requests per second in the long run.
        burst: Requests let through at once after a quiet time; one second's worth by default.
    """

    def __init__(self, rate: float, burst: float | None = None) -> None:
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"the rate limit must be a positive number of requests per second, not {rate}")
        self.rate = rate
        self.burst = max(1.0, rate if burst is None else burst)
        self._level = self.burst
        self._filled_at: float | None = None

    def take(self, now: float) -> int:
        """Let one request through and return 0, or return the seconds to wait, a whole number as Retry-After has it."""
        passed = 0.0 if self._filled_at is None else max(0.0, now - self._filled_at)
        self._filled_at = now
        self._level = min(self.burst, self._level + passed * self.rate)
        if self._level >= 1 - _ROUNDING:
            self._level -= 1
            return 0
        return max(1, math.ceil((1 - self._level) / self.rate))
