"""A rate that looks for the limit nobody published: slow start, then CUBIC on the rate.

`RateController` takes note of each reply and returns the requests per second from then on. It has no clock and waits
for nothing: the time is an argument. Its rules:

1. Slow start: twice as fast every second, until the server refuses for the first time.
2. A refusal means *too fast* if anything was accepted since the last cut: what got through lately is the limit. Go
   down to 0.85 of it, climb back within six seconds to just below it, and probe beyond, first slowly, then faster.
3. A refusal means *nothing left in this window* if nothing was accepted since the last cut: send far less, to be
   polite, and come back at once when something is accepted. What is known of the limit stays as it is.
4. Refusals of requests that were sent before the last cut say nothing new.
5. Grow only while the rate is used. A slow application proves nothing about the server.
6. Where a refusal costs a pause (Retry-After), and it was expected at this rate, the pause was relief enough: go on
   just below the limit, and stay there so long that pauses take only a few per cent of the time.
"""

import math
from typing import Final, Literal

from attrs import Attribute, evolve, field, frozen

from airmeet_async.errors import ConfigError

_MEASURE_SECONDS: Final = 0.1
"""Seconds between two measurements of the use of the rate, at least."""

_MEASURE_REPLIES: Final = 4
"""Replies between two measurements, at least: fewer say little."""

_USED_SHARE: Final = 0.75
"""The share of the rate from which on it counts as used."""

_AVERAGE_SECONDS: Final = 2.0
"""Seconds over which the rate that got through is averaged. Bursts shorter than that are not mistaken for the limit."""

_BELOW_LIMIT: Final = 0.99
"""The share of the known limit to climb back to."""

_BEYOND_LIMIT: Final = 1.05
"""The share of the known limit from which on it is believed no more, so that the rate grows as in a slow start."""

_SLOWER_GROWTH: Final = 2.0
"""How many times slower that growth is than the first one."""

_SAME_LIMIT: Final = 0.1
"""The share by which two refusals may differ and still speak of the same limit."""

_NOTHING_ACCEPTED: Final = 0.25
"""What remains of the rate after each refusal while nothing is accepted."""

_HOLD_PER_PAUSE: Final = 14.0
"""How many times longer than a pause to stay below the limit before the next probe."""

_LONGEST_HOLD: Final = 120.0


def _positive(_rates: "Adaptive", attribute: "Attribute[float]", value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        raise ConfigError(f"{attribute.name} of an adaptive rate must be a number above 0, not {value!r}")


@frozen
class Adaptive:
    """A rate that follows the server's limit: it grows until the server replies 429, then falls and grows again.

    Attributes:
        initial: Requests per second to start with.
        floor: Lowest rate, in requests per second.
        ceiling: Highest rate, in requests per second. The default is more than 64 concurrent requests reach on a
            server that takes 50 ms, so it does not slow down a run, but limits the damage of a mistake.
        decrease: Factor of the rate after a 429, below 1.
        recovery: Seconds to return to the rate before a 429.
        doubling: Seconds in which the rate doubles until the first 429.
    """

    initial: float = field(default=10.0, validator=_positive)
    floor: float = field(default=0.5, validator=_positive)
    ceiling: float = field(default=2000.0, validator=_positive)
    decrease: float = field(default=0.85, validator=_positive)
    recovery: float = field(default=6.0, validator=_positive)
    doubling: float = field(default=1.0, validator=_positive)

    def __attrs_post_init__(self) -> None:
        if not self.floor <= self.initial <= self.ceiling:
            raise ConfigError(f"an adaptive rate needs floor <= initial <= ceiling, not {self}")
        if self.decrease >= 1:
            raise ConfigError(f"decrease of an adaptive rate must be below 1, not {self.decrease!r}")

    def starting_at(self, rate: float) -> "Adaptive":
        """Return the same with another start, held between floor and ceiling."""
        return evolve(self, initial=min(self.ceiling, max(self.floor, rate)))


AskedRate = float | Adaptive | Literal["auto"] | None
"""A caller's rate: requests per second, ``"auto"`` or an `Adaptive` to follow the server, None for no limit."""


class RateController:
    """The state of one adaptive rate.

    Attributes:
        settings: Its bounds and speeds.
        rate: Requests per second that are right at present.
    """

    def __init__(self, settings: Adaptive) -> None:
        self.settings = settings
        self.rate = settings.initial
        # What is known of the limit, whether twice the same, and how long the rate has been used since the last cut.
        self._limit = math.inf
        self._is_confirmed = False
        self._used_seconds = 0.0
        self._hold = 0.0
        # The last cut: when, whether anything sent since was accepted, and whether the server accepts nothing at all.
        self._cut_at = -math.inf
        self._has_accepted = True
        self._accepts_nothing = False
        # Since the last measurement: when that was, what came, and how much got through per second lately.
        self._measured_at: float | None = None
        self._replies = 0
        self._accepted = 0
        self._throughput = 0.0

    @property
    def accepted_rate(self) -> float:
        return self._after_cut() if self._accepts_nothing else self.rate

    def note_reply(self, *, throttled: bool, sent_at: float, now: float) -> float:
        """Take note of a reply, and return the rate from now on."""
        if self._measured_at is None:
            self._measured_at = sent_at
        self._replies += 1
        self._accepted += not throttled
        if sent_at >= self._cut_at:
            if throttled:
                self._cut(now)
            else:
                self._has_accepted = True
                if self._accepts_nothing:
                    self._accepts_nothing = False
                    self.rate = self._after_cut()
        span = now - self._measured_at
        if span >= max(_MEASURE_SECONDS, _MEASURE_REPLIES / self.rate):
            self._throughput += (self._accepted / span - self._throughput) * (1 - math.exp(-span / _AVERAGE_SECONDS))
            if self._replies >= _USED_SHARE * self.rate * span and not self._accepts_nothing:
                self._used_seconds += span
                self.rate = min(self.settings.ceiling, max(self.rate, self._grown(span)))
            self._measured_at, self._replies, self._accepted = now, 0, 0
        return self.rate

    def note_pause(self, seconds: float, now: float) -> None:
        """Take note that the last refusal pauses everybody for so many seconds from now."""
        self._measured_at, self._replies, self._accepted = now + seconds, 0, 0
        if self._is_confirmed:
            self._hold = max(self._hold, min(_HOLD_PER_PAUSE * seconds, _LONGEST_HOLD))
            self._used_seconds = self.settings.recovery

    def _cut(self, now: float) -> None:
        if self._has_accepted:
            limit = min(self.rate, max(self._throughput, self.rate / 2))
            is_same = abs(limit - self._limit) <= _SAME_LIMIT * limit
            self._is_confirmed = is_same and self._used_seconds >= self.settings.recovery
            self._limit, self._hold = limit, 0.0
            self.rate = self._after_cut()
        else:
            self._accepts_nothing = True
            self.rate = max(self.settings.floor, self.rate * _NOTHING_ACCEPTED)
        self._used_seconds, self._cut_at, self._has_accepted = 0.0, now, False

    def _after_cut(self) -> float:
        return max(self.settings.floor, self._limit * self.settings.decrease)

    def _grown(self, span: float) -> float:
        """Return the rate after *span* more seconds of use: CUBIC near the known limit, slow start without one."""
        if math.isinf(self._limit):
            return float(self.rate * 2 ** (span / self.settings.doubling))
        if self.rate >= _BEYOND_LIMIT * self._limit:
            return float(self.rate * 2 ** (span / self.settings.doubling / _SLOWER_GROWTH))
        used, climb, decrease = self._used_seconds, self.settings.recovery, self.settings.decrease
        if used < climb:
            return self._limit * (_BELOW_LIMIT - (_BELOW_LIMIT - decrease) * (1 - used / climb) ** 3)
        beyond = max(0.0, used - climb - self._hold) / climb
        return self._limit * (_BELOW_LIMIT + (1 - decrease) * beyond**3)
