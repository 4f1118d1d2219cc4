"""Permits: when the next request may leave, by the rate and by the pauses that the server asked for.

`Pace` keeps the queue and the places; whom it lets go next waits here for a permit. Permits are a protocol, so that
several processes can share theirs. `LocalPermits` are those of one process: a limiter, a pause, and the control law of
`airmeet_async.client.adaptive_rate`, for which it counts replies.
"""

import asyncio
import math
from collections.abc import Callable
from typing import Protocol, Self

from aiolimiter import AsyncLimiter

from airmeet_async.client.adaptive_rate import (
    MEASURE_REPLIES,
    MEASURE_SECONDS,
    Adaptive,
    AskedRate,
    Observation,
    RateState,
    adjust,
    after_outage,
    after_pause,
    first_state,
)
from airmeet_async.errors import ConfigError

_LATENESS = 0.05
"""Seconds that may be made up for: on a busy machine whoever waits is woken late, and a bucket for one permit would
forget that. It is worth less than a whole permit, so no window holds more requests for it."""


def _burst(rate: float) -> float:
    burst = max(1.0, rate / 50)
    room = 0.99 - (rate + burst) % 1  # less than a whole permit more per second, for rates with a fraction, too
    return burst + max(0.0, min(0.9, room, rate * _LATENESS))


class Limiter(AsyncLimiter):
    """A limiter that gives exactly *rate*, in bursts of 20 ms of it, and whose rate can change while one waits.

    `AsyncLimiter(R, 1)` would let 2R through in the first second, `AsyncLimiter(1, 1/R)` falls short of R.

    Args:
        rate: Requests per second.
        is_full: Nothing may leave at once, as if a burst had just left. It needs a running event loop.
    """

    max_rate: float
    time_period: float

    __slots__ = ()

    def __init__(self, rate: float, *, is_full: bool = False) -> None:
        burst = _burst(rate)
        super().__init__(burst, burst / rate)
        if is_full:
            self._leak()
            self._level = self.max_rate

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


def check_rate(rate: AskedRate) -> Adaptive | None:
    """Return the law for a caller's rate: a number is its ceiling; None for no rate at all.

    Raises:
        ConfigError: Not a positive, finite number.
    """
    if rate == "auto":
        return Adaptive()
    if rate is None or isinstance(rate, Adaptive):
        return rate
    if isinstance(rate, (int, float)) and not isinstance(rate, bool) and 0 < rate < math.inf:
        return Adaptive.at_most(rate)
    message = f'the rate must be "auto" or a number of requests per second above 0, not {rate!r}; None means no limit'
    raise ConfigError(message)


class Permits(Protocol):
    """Who says when a request may leave, and is told what came of it.

    Attributes:
        rate: Requests per second that are allowed at present, or None for no limit.
        ceiling: Requests per second that were asked for as a number, or None.
        good_rate: Requests per second that the server lately accepted, where it has refused more; else None.
        places: Requests under way at once that are right at present; may be infinite.
        pause_left: Seconds of a pause that are left.
        is_shared: Other processes take permits, too: one who waits for the next may wait for theirs, and whoever is
            urgent asks beside him.
    """

    @property
    def rate(self) -> float | None: ...
    @property
    def ceiling(self) -> float | None: ...
    @property
    def good_rate(self) -> float | None: ...
    @property
    def places(self) -> float: ...
    @property
    def pause_left(self) -> float: ...
    @property
    def is_shared(self) -> bool: ...

    def for_account(self, account: str) -> "Permits":
        """Return the permits that a client of *account* is to use."""

    def at_once(self) -> bool:
        """Return whether permits are there without waiting: there is no rate and no pause."""

    async def acquire(self, *, urgent: bool) -> None:
        """Return at the moment at which one request may leave by the rate; *urgent*: a person waits for it."""

    def record_reply(
        self,
        *,
        throttled: bool,
        sent_at: float,
        in_flight: int,
        is_full: bool = False,
        is_success: bool = True,
        is_costly: bool = False,
    ) -> None:
        """Take note of a reply.

        Args:
            throttled: The server refused the request for coming too fast.
            sent_at: When it was sent, by the event loop's clock.
            in_flight: Requests that are under way, without this one.
            is_full: No more could be, while this one was under way.
            is_success: It did what it was to do, so that its latency says something.
            is_costly: A refusal costs more than its repeat: the row asks for a mail.
        """

    def pause(self, seconds: float) -> None:
        """Let nobody go for *seconds* from now, nor before an earlier pause is over."""

    def restart(self) -> None:
        """Take note that the server is back after an outage."""

    def set_rate(self, rate: AskedRate) -> None:
        """Change the rate at once, also for one that waits."""

    def watch(self, changed: Callable[[], None]) -> None:
        """Call *changed* whenever `at_once`, `rate` or `places` may have changed."""

    async def aclose(self) -> None:
        """Close connections, if there are any."""


_NEVER = -math.inf
_FEW = 3
"""Others under way up to which a refusal is left to the retries, where there is no rate."""

_LEAST_SENT = 10.0
_FORGOTTEN_AFTER = 60.0
"""Requests per second with which a rate begins where there was none, at least; and seconds without a refusal after
which there is none again."""

_AT_ONCE = 1e9
"""Requests per second for one who waits for a rate that is no more."""


class LocalPermits:
    """The permits of one process.

    Without a rate, nothing is counted until the server refuses a request for the first time; from then on the control
    law holds, with no ceiling.

    Args:
        rate: What the caller asked for.
        is_full: Nothing may leave at once, as if a burst had just left. It needs a running event loop.
    """

    def __init__(self, rate: AskedRate, *, is_full: bool = False) -> None:
        self._is_full = is_full
        self._watchers: list[Callable[[], None]] = []
        self._limiter: Limiter | None = None
        self._paused_until = _NEVER
        # What was asked for, what is known of the server, and what was counted since the last observation.
        self._settings: Adaptive | None = None
        self._state: RateState | None = None
        self._seen = ReplyCounts(_NEVER)
        self.set_rate(rate)

    @property
    def rate(self) -> float | None:
        return None if self._state is None else self._state.rate

    @property
    def ceiling(self) -> float | None:
        return self._settings.ceiling if self._settings is not None and self._settings.is_number else None

    @property
    def good_rate(self) -> float | None:
        return self._state.good_rate if self._state is not None and self._state.knows_limit else None

    @property
    def places(self) -> float:
        return math.inf if self._state is None else self._state.places

    @property
    def pause_left(self) -> float:
        return max(0.0, self._paused_until - asyncio.get_running_loop().time())

    @property
    def is_shared(self) -> bool:
        return False

    def for_account(self, account: str) -> Self:  # noqa: ARG002 - one process has one client for each
        return self

    def at_once(self) -> bool:
        return self._limiter is None and (self._paused_until == _NEVER or self.pause_left <= 0)

    async def acquire(self, *, urgent: bool) -> None:  # noqa: ARG002 - here whoever is urgent is first in the queue
        if self._limiter is not None:
            await self._limiter.acquire()

    def record_reply(
        self,
        *,
        throttled: bool,
        sent_at: float,
        in_flight: int,
        is_full: bool = False,
        is_success: bool = True,
        is_costly: bool = False,
    ) -> None:
        now = asyncio.get_running_loop().time()
        if self._settings is None or self._state is None:
            if not throttled or in_flight < _FEW:
                return
            # No rate so far: by Little's law, this is what the server was sent.
            sent = max(_LEAST_SENT, (in_flight + 1) / max(now - sent_at, 0.001))
            self._settings, self._is_for_now = Adaptive(initial=sent, ceiling=math.inf), True
            self._state, self._seen = first_state(self._settings), ReplyCounts(sent_at)
        state, seen = self._state, self._seen
        if self._is_for_now and not throttled and now - state.cut_at > _FORGOTTEN_AFTER:
            self.set_rate(None)
            return
        if seen.since == _NEVER:
            seen.since = sent_at
        seen.add(
            sent_at,
            now,
            state.cut_at,
            state.places_at,
            throttled=throttled,
            in_flight=in_flight,
            is_full=is_full,
            is_success=is_success,
            is_costly=is_costly,
        )
        span = now - seen.since
        if seen.refused or (state.is_starved and seen.fresh) or (
            span >= MEASURE_SECONDS and span * state.rate >= MEASURE_REPLIES
        ):  # fmt: skip
            self._observe(seen.observation(now), self._settings, state)

    def _observe(self, seen: Observation, settings: Adaptive, state: RateState) -> None:
        self._seen = ReplyCounts(seen.now)
        self._use(adjust(state, seen, settings))

    def pause(self, seconds: float) -> None:
        now = asyncio.get_running_loop().time()
        self._paused_until = max(self._paused_until, now + seconds)
        if self._settings is not None and self._state is not None:
            self._seen = ReplyCounts(self._paused_until)
            self._use(after_pause(self._state, seconds, self._settings))
        self._tell_watchers()

    def restart(self) -> None:
        if self._settings is not None and self._state is not None:
            self._seen = ReplyCounts(_NEVER)
            self._use(after_outage(self._state, self._settings))

    def set_rate(self, rate: AskedRate) -> None:
        self._settings, self._seen, self._is_for_now = check_rate(rate), ReplyCounts(_NEVER), False
        self._use(None if self._settings is None else first_state(self._settings))

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    async def aclose(self) -> None:
        """Do nothing: there is no connection."""

    def _use(self, state: RateState | None) -> None:
        before, self._state = self._state, state
        rate = None if state is None else state.rate
        if before is not None and state is not None and (before.rate, before.places) == (state.rate, state.places):
            return
        if self._limiter is not None:
            self._limiter.retune(_AT_ONCE if rate is None else rate)
        if rate is None:
            self._limiter = None
        elif self._limiter is None:
            self._limiter = Limiter(rate, is_full=self._is_full)
        self._tell_watchers()

    def _tell_watchers(self) -> None:
        for changed in self._watchers:
            changed()


class ReplyCounts:
    """Counts replies until they are enough for an observation that began then."""

    accepted: int
    fresh: int
    refused: int
    replies: int
    in_flight_refused: int
    in_flight_accepted: int
    latency: float
    is_full: bool
    is_costly: bool

    def __init__(self, since: float) -> None:
        self.since = since
        self.accepted = self.fresh = self.refused = self.replies = 0
        self.in_flight_refused = self.in_flight_accepted = 0
        self.latency = math.inf
        self.is_full = self.is_costly = False

    def add(
        self,
        sent_at: float,
        now: float,
        cut_at: float,
        places_at: float,
        *,
        throttled: bool,
        in_flight: int,
        is_full: bool,
        is_success: bool,
        is_costly: bool,
    ) -> None:
        """Count a reply, as `Permits.record_reply` has it.

        *cut_at* is when the last cut was, and *places_at* when places were last made fewer: what was sent before says
        nothing new.
        """
        self.replies += 1
        if throttled:
            if sent_at >= max(cut_at, places_at):
                self.refused += 1
                self.in_flight_refused = self.in_flight_refused or in_flight
            self.is_costly = self.is_costly or is_costly
        else:
            self.accepted += 1
            self.in_flight_accepted = max(self.in_flight_accepted, in_flight)
            self.is_full = self.is_full or is_full
            self.fresh += sent_at >= cut_at
            if is_success and sent_at >= places_at:
                self.latency = min(self.latency, now - sent_at)

    def observation(self, now: float) -> Observation:
        return Observation(
            now, max(0.0, now - self.since), self.accepted, self.fresh, self.refused, self.replies, self.latency,
            self.in_flight_refused, self.in_flight_accepted, self.is_full, self.is_costly,
        )  # fmt: skip
