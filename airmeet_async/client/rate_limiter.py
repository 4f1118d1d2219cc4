"""The rate limiter: how many requests at once, how many per second, and who goes next.

Rules of this file:

1. One `Pace` holds both limits for everything that a client sends; a job's own pace is within it.
2. Callers queue by priority, then by arrival. Only the head of the queue waits for a slot, for the end of a pause, for
   a token and for the rate. So nobody overtakes, and the rate can change while somebody waits.
3. A pause stops everybody at once, and no permits pile up behind it.
4. Without a rate, a queue or a pause, `try_acquire` lets a request through without a step of the event loop.

The rate may follow the server's replies, which `Pace.feedback` is told: see `airmeet_async.client.adaptive_rate`.
"""

import asyncio
import heapq
import itertools
import math
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import overload

from aiolimiter import AsyncLimiter
from attrs import frozen

from airmeet_async.client.adaptive_rate import Adaptive, AskedRate, RateController
from airmeet_async.errors import ConfigError

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


class Priority(IntEnum):
    """Who goes first."""

    INTERACTIVE = 0
    BULK = 1


@frozen
class PaceStatistics:
    """The state of a pace.

    Attributes:
        rate: Requests per second that are allowed, or None.
        in_flight: Requests under way.
        waiting: Callers in the queue.
        paused_s: Seconds until sending goes on.
    """

    rate: float | None
    in_flight: int
    waiting: int
    paused_s: float


_NEVER = -math.inf
_AT_ONCE = 1e9
"""Requests per second for one who waits for a rate that is no more."""


@overload
def check_rate(rate: float | None) -> float | None: ...
@overload
def check_rate(rate: AskedRate) -> float | Adaptive | None: ...
def check_rate(rate: AskedRate) -> float | Adaptive | None:
    """Return *rate* when it can be used; ``"auto"`` becomes `Adaptive`.

    Raises:
        ConfigError: Not a positive, finite number.
    """
    if rate == "auto":
        return Adaptive()
    if rate is None or isinstance(rate, Adaptive):
        return rate
    if isinstance(rate, (int, float)) and not isinstance(rate, bool) and 0 < rate < math.inf:
        return rate
    message = f'the rate must be "auto" or a number of requests per second above 0, not {rate!r}; None means no limit'
    raise ConfigError(message)


class Pace:
    """Rate and concurrency of one client, or of one job within a client's.

    Args:
        rate: Requests per second, an `Adaptive` or ``"auto"`` to follow the server's answers, or None for no limit.
        max_in_flight: Requests under way at once.
        parent: A pace that must let every request pass, too.
    """

    def __init__(self, rate: AskedRate, max_in_flight: int, parent: "Pace | None" = None) -> None:
        if max_in_flight < 1:
            raise ConfigError(f"max_in_flight must be at least 1, not {max_in_flight}")
        self._parent = parent
        self._chain: tuple[Pace, ...] = (self,) if parent is None else (self, *parent._chain)
        self._max_in_flight = max_in_flight
        self._rate: float | None = None
        self._limiter: Limiter | None = None
        self._controller: RateController | None = None
        self._watchers: list[Callable[[], None]] = []
        self.set_rate(rate)
        # The mutable state: who waits, how many of them gave up, whether somebody is at the head, how many are under
        # way, and until when all wait.
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._abandoned = 0
        self._arrivals = itertools.count()
        self._head_taken = False
        self._in_flight = 0
        self._slot_freed: asyncio.Future[None] | None = None
        self._paused_until = _NEVER

    def __repr__(self) -> str:
        return f"<Pace {self.statistics()}>"

    def statistics(self) -> PaceStatistics:
        waiting = len(self._queue) - self._abandoned + self._head_taken
        return PaceStatistics(self._rate, self._in_flight, waiting, max(0.0, self._root._pause_left()))

    @property
    def rate(self) -> float | None:
        """Requests per second that are allowed at present, or None."""
        return self._rate

    @property
    def is_paused(self) -> bool:
        """Nobody may start at present, since all were told to wait."""
        return self._root._pause_left() > 0

    @property
    def is_open(self) -> bool:
        """Nobody waits for anything here: there is no rate, no pause and no queue, in this pace and those above it."""
        return all(
            pace._limiter is None and not pace._head_taken and (pace._paused_until == _NEVER or pace._pause_left() <= 0)
            for pace in self._chain
        )

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call *changed* whenever `is_open` may have changed, here or above; return a function that ends that."""
        for pace in self._chain:
            pace._watchers.append(changed)

        def stop() -> None:
            for pace in self._chain:
                pace._watchers.remove(changed)

        return stop

    def notify(self) -> None:
        """Tell those who watch that something has changed."""
        for changed in tuple(self._watchers):
            changed()

    @property
    def good_rate(self) -> float | None:
        """Requests per second that the server lately accepted, where the rate adapts; else the rate."""
        return self._rate if self._controller is None else self._controller.accepted_rate

    @property
    def adapts(self) -> bool:
        """This rate, or one above it, follows the server's replies."""
        return self._controller is not None or (self._parent is not None and self._parent.adapts)

    def set_rate(self, rate: AskedRate) -> None:
        """Change the rate at once, also for the one at the head. A number ends adapting, an `Adaptive` begins anew."""
        checked = check_rate(rate)
        self._controller = RateController(checked) if isinstance(checked, Adaptive) else None
        self._use_rate(checked.initial if isinstance(checked, Adaptive) else checked)

    def feedback(self, *, throttled: bool, latency: float) -> None:
        """Say what came of a request: the rates of this pace and of those above it follow, where they adapt.

        Args:
            throttled: The server refused it for coming too fast.
            latency: Seconds from sending it until now.
        """
        for pace in self._chain:
            if pace._controller is not None:
                now = asyncio.get_running_loop().time()
                pace._use_rate(pace._controller.note_reply(throttled=throttled, sent_at=now - latency, now=now))

    def back_off(self, seconds: float, *, named: bool) -> None:
        """Let nobody start for *seconds*, unless a rate that adapts is the better answer.

        Args:
            seconds: How long the one that was refused will wait.
            named: The server asked for that (Retry-After), so all have to wait whatever the rate.
        """
        if named or not self.adapts:
            self._note_pause(seconds)
            self.pause(seconds)

    def restart_at(self, share: float) -> None:
        """Begin anew at that share of the rate that the server lately accepted, where the rate adapts."""
        if self._controller is not None:
            self.set_rate(self._controller.settings.starting_at(share * self._controller.accepted_rate))
        if self._parent is not None:
            self._parent.restart_at(share)

    def pause(self, seconds: float) -> None:
        """Let nobody start for *seconds* from now, nor before an earlier pause is over."""
        root = self._root
        root._paused_until = max(root._paused_until, asyncio.get_running_loop().time() + seconds)
        root.notify()

    async def acquire(self, priority: Priority, ready: Callable[[], Awaitable[object]]) -> None:
        """Wait until one more request may start; call `release` when it has ended.

        Args:
            priority: Those of a lower number go first.
            ready: What else must be true at the very moment, such as a token being there. Its errors come out here.
        """
        if all(pace._limiter is None for pace in self._chain):
            await ready()
            if self.try_acquire():
                return
        await self._wait_for_head(priority)
        try:
            await self._wait_for_slot()
            await self._wait_until_allowed(ready)
            if self._parent is not None:
                await self._parent.acquire(priority, ready)
            self._in_flight += 1
        finally:
            self._admit_next()

    def try_acquire(self) -> bool:
        """Acquire without waiting, where no rate and no pause is on and nobody waits; return whether that was so."""
        for pace in self._chain:
            if pace._limiter is not None or pace._head_taken or pace._in_flight >= pace._max_in_flight:
                return False
            if pace._paused_until != _NEVER and pace._pause_left() > 0:
                return False
        for pace in self._chain:
            pace._in_flight += 1
        return True

    def release(self) -> None:
        for pace in self._chain:
            pace._in_flight -= 1
            if pace._slot_freed is not None and not pace._slot_freed.done():
                pace._slot_freed.set_result(None)

    async def _wait_until_allowed(self, ready: Callable[[], Awaitable[object]]) -> None:
        root = self._root
        while True:
            while (seconds := root._pause_left()) > 0:  # noqa: ASYNC110 - it may grow while it is waited for
                await asyncio.sleep(seconds)
            await ready()
            if self._limiter is not None:
                await self._limiter.acquire()
            if root._pause_left() <= 0:
                return

    def _use_rate(self, rate: float | None) -> None:
        """Let *rate* hold from now on. It is called after each answer, mostly with the rate that is."""
        if rate == self._rate:
            return
        self._rate = rate
        if self._limiter is not None:
            self._limiter.retune(_AT_ONCE if rate is None else rate)
        if rate is None:
            self._limiter = None
        elif self._limiter is None:
            self._limiter = Limiter(rate)
        self.notify()

    def _note_pause(self, seconds: float) -> None:
        if self._controller is not None:
            self._controller.note_pause(seconds, asyncio.get_running_loop().time())
        if self._parent is not None:
            self._parent._note_pause(seconds)

    @property
    def _root(self) -> "Pace":
        return self if self._parent is None else self._parent._root

    def _pause_left(self) -> float:
        return self._paused_until - asyncio.get_running_loop().time()

    async def _wait_for_head(self, priority: Priority) -> None:
        if not self._head_taken:
            self._head_taken = True
            self.notify()
            return
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (priority, next(self._arrivals), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._admit_next()
            else:
                self._drop_abandoned()
            raise

    def _drop_abandoned(self) -> None:
        """Drop those who gave up once they are the majority, so that a long queue of them cannot pile up."""
        self._abandoned += 1
        if self._abandoned * 2 > len(self._queue):
            self._queue = [entry for entry in self._queue if not entry[2].done()]
            heapq.heapify(self._queue)
            self._abandoned = 0

    def _admit_next(self) -> None:
        while self._queue:
            *_, turn = heapq.heappop(self._queue)
            if not turn.done():
                turn.set_result(None)
                return
            self._abandoned -= 1
        self._head_taken = False

    async def _wait_for_slot(self) -> None:
        while self._in_flight >= self._max_in_flight:
            self._slot_freed = asyncio.get_running_loop().create_future()
            try:
                await self._slot_freed
            finally:
                self._slot_freed = None
