"""A rate that looks for the limit nobody published: slow start, then CUBIC on the rate.

`Controller` is told of each answer and says how many requests per second are right from now on. It knows no clock and
waits for nothing: the time is an argument. Its rules:

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

_LOOK: Final = 0.1
"""Seconds between two looks at the use of the rate, at least."""

_LOOK_ANSWERS: Final = 4
"""Answers between two looks, at least: fewer say little."""

_USED: Final = 0.75
"""The share of the rate from which on it counts as used."""

_MEMORY: Final = 2.0
"""Seconds over which the rate that got through is averaged. Bursts shorter than that are not mistaken for the limit."""

_LINGER: Final = 0.99
"""The share of the known limit to climb back to."""

_BEYOND: Final = 1.05
"""The share of the known limit from which on it is believed no more, so that the rate grows as in a slow start."""

_AGAIN: Final = 2.0
"""How many times slower that growth is than the first one."""

_SAME: Final = 0.1
"""The share by which two refusals may differ and still speak of the same limit."""

_DRY: Final = 0.25
"""What remains of the rate after each refusal while nothing is accepted."""

_PAUSE_COST: Final = 14.0
"""How many times longer than a pause to stay below the limit before the next probe."""

_LONGEST_HOLD: Final = 120.0


def _positive(_rates: "Adaptive", attribute: "Attribute[float]", value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < math.inf:
        message = f"{attribute.name} of an adaptive rate must be a number above 0, not {value!r}"
        raise ConfigError(message)


@frozen
class Adaptive:
    """A rate that follows the server: it grows while all is well, and falls when the server answers 429.

    Attributes:
        initial: Requests per second to start with.
        floor: The rate never falls below.
        ceiling: The rate never grows beyond. By default above what 64 requests in flight get from a server that
            takes 50 ms, so it is no hindrance where there is no limit, and a bound for what a mistake can do.
        decrease: What remains of the rate after a refusal.
        recovery: Seconds to climb back.
        doubling: Seconds in which the rate doubles as long as no limit is known.
    """

    initial: float = field(default=10.0, validator=_positive)
    floor: float = field(default=0.5, validator=_positive)
    ceiling: float = field(default=2000.0, validator=_positive)
    decrease: float = field(default=0.85, validator=_positive)
    recovery: float = field(default=6.0, validator=_positive)
    doubling: float = field(default=1.0, validator=_positive)

    def __attrs_post_init__(self) -> None:
        if not self.floor <= self.initial <= self.ceiling:
            message = f"an adaptive rate needs floor <= initial <= ceiling, not {self}"
            raise ConfigError(message)
        if self.decrease >= 1:
            message = f"decrease of an adaptive rate must be below 1, not {self.decrease!r}"
            raise ConfigError(message)

    def starting_at(self, rate: float) -> "Adaptive":
        """Return the same with another start, held between floor and ceiling."""
        return evolve(self, initial=min(self.ceiling, max(self.floor, rate)))


AskedRate = float | Adaptive | Literal["auto"] | None
"""What a caller may say: requests per second, ``"auto"`` or an `Adaptive` to follow the server, None for no limit."""


class Controller:
    """The state of one adaptive rate.

    Attributes:
        settings: Its bounds and tempers.
        rate: Requests per second that are right at present.
    """

    def __init__(self, settings: Adaptive) -> None:
        self.settings = settings
        self.rate = settings.initial
        # What is known of the limit, whether twice the same, and how long the rate has been used since the last cut.
        self._limit = math.inf
        self._sure = False
        self._age = 0.0
        self._hold = 0.0
        # The last cut: when, whether anything sent since was accepted, and whether the server accepts nothing at all.
        self._cut_at = -math.inf
        self._passed = True
        self._dry = False
        # Since the last look: when that was, what came, and how much got through per second lately.
        self._looked_at: float | None = None
        self._answers = 0
        self._accepted = 0
        self._through = 0.0

    @property
    def good(self) -> float:
        """Return the rate that the server lately accepted."""
        return self._after_cut() if self._dry else self.rate

    def answered(self, *, throttled: bool, sent_at: float, now: float) -> float:
        """Note one answer, and return the rate from now on."""
        if self._looked_at is None:
            self._looked_at = sent_at
        self._answers += 1
        self._accepted += not throttled
        if sent_at >= self._cut_at:
            if throttled:
                self._cut(now)
            else:
                self._pass()
        if now - self._looked_at >= max(_LOOK, _LOOK_ANSWERS / self.rate):
            self._look(now, now - self._looked_at)
        return self.rate

    def paused(self, seconds: float, now: float) -> None:
        """Note that the last refusal costs everybody a pause of so many seconds from now."""
        self._looked_at, self._answers, self._accepted = now + seconds, 0, 0
        if self._sure:
            self._hold = max(self._hold, min(_PAUSE_COST * seconds, _LONGEST_HOLD))
            self._age = self.settings.recovery

    def _cut(self, now: float) -> None:
        if self._passed:
            limit = min(self.rate, max(self._through, self.rate / 2))
            self._sure = abs(limit - self._limit) <= _SAME * limit and self._age >= self.settings.recovery
            self._limit, self._hold = limit, 0.0
            self.rate = self._after_cut()
        else:
            self._dry = True
            self.rate = max(self.settings.floor, self.rate * _DRY)
        self._age, self._cut_at, self._passed = 0.0, now, False

    def _pass(self) -> None:
        self._passed = True
        if self._dry:
            self._dry = False
            self.rate = self._after_cut()

    def _after_cut(self) -> float:
        return max(self.settings.floor, self._limit * self.settings.decrease)

    def _look(self, now: float, span: float) -> None:
        """See what came since the last look, and grow if the rate was used."""
        self._through += (self._accepted / span - self._through) * (1 - math.exp(-span / _MEMORY))
        if self._answers >= _USED * self.rate * span and not self._dry:
            self._age += span
            self.rate = min(self.settings.ceiling, max(self.rate, self._grown(span)))
        self._looked_at, self._answers, self._accepted = now, 0, 0

    def _grown(self, span: float) -> float:
        """Return the rate after *span* more seconds of use: CUBIC near the known limit, slow start without one."""
        if math.isinf(self._limit):
            return float(self.rate * 2 ** (span / self.settings.doubling))
        if self.rate >= _BEYOND * self._limit:
            return float(self.rate * 2 ** (span / self.settings.doubling / _AGAIN))
        climb = self.settings.recovery
        if self._age < climb:
            return self._limit * (_LINGER - (_LINGER - self.settings.decrease) * (1 - self._age / climb) ** 3)
        beyond = max(0.0, self._age - climb - self._hold) / climb
        return self._limit * (_LINGER + (1 - self.settings.decrease) * beyond**3)
