"""The pace: how many requests at once, how many per second, and who goes next.

One object holds both limits for everything that a client sends. Those who want to
send queue by priority, then by arrival, and only the head of the queue waits for a
place, for the end of a pause, for a token and for the rate. So nobody overtakes,
a pause stops everybody at once, and permits never pile up behind it.
"""

import asyncio
import heapq
import itertools
import math
from collections.abc import Awaitable, Callable
from enum import IntEnum

from aiolimiter import AsyncLimiter
from attrs import frozen

from airmeet_async.errors import ConfigError


class Priority(IntEnum):
    """Who goes first."""

    INTERACTIVE = 0
    BULK = 1


@frozen
class PaceStatistics:
    """A glance at a pace.

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


def _limiter(rate: float | None) -> AsyncLimiter | None:
    """Return a limiter that gives exactly *rate*: bursts of 20 ms of it.

    `AsyncLimiter(R, 1)` would let 2R through in the first second, `AsyncLimiter(1, 1/R)` falls short of R.
    """
    if rate is None:
        return None
    burst = max(1.0, rate / 50)
    return AsyncLimiter(burst, burst / rate)


def check_rate(rate: float | None) -> float | None:
    """Return *rate* when it can be used.

    Raises:
        ConfigError: Not a positive, finite number.
    """
    if rate is None or (isinstance(rate, (int, float)) and not isinstance(rate, bool) and 0 < rate < math.inf):
        return rate
    message = f"the rate must be a number of requests per second above 0, not {rate!r}; None means no limit"
    raise ConfigError(message)


class Pace:
    """Rate and concurrency of one client, or of one job within a client's.

    Args:
        rate: Requests per second, or None for no limit.
        max_in_flight: Requests under way at once.
        parent: A pace that must let every request pass, too.
    """

    def __init__(self, rate: float | None, max_in_flight: int, parent: "Pace | None" = None) -> None:
        if max_in_flight < 1:
            message = f"max_in_flight must be at least 1, not {max_in_flight}"
            raise ConfigError(message)
        self._parent = parent
        self._most = max_in_flight
        self._rate = check_rate(rate)
        self._limiter = _limiter(rate)
        # The mutable state: who waits, whether somebody is at the head, how many are under way, until when all wait.
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._gone = 0
        self._arrivals = itertools.count()
        self._head_taken = False
        self._in_flight = 0
        self._place: asyncio.Future[None] | None = None
        self._paused_until = -math.inf

    def __repr__(self) -> str:
        return f"<Pace {self.statistics()}>"

    def statistics(self) -> PaceStatistics:
        """Return a glance at the present state."""
        waiting = len(self._queue) - self._gone + self._head_taken
        return PaceStatistics(self._rate, self._in_flight, waiting, max(0.0, self._root._rest()))

    @property
    def rate(self) -> float | None:
        """Requests per second that are allowed, or None."""
        return self._rate

    def set_rate(self, rate: float | None) -> None:
        """Change the rate for everybody who is not at the head yet."""
        if rate == self._rate:
            return
        self._rate, self._limiter = check_rate(rate), _limiter(check_rate(rate))

    def pause(self, seconds: float) -> None:
        """Let nobody start for *seconds* from now, nor before an earlier pause is over."""
        root = self._root
        root._paused_until = max(root._paused_until, asyncio.get_running_loop().time() + seconds)

    async def acquire(self, priority: Priority, ready: Callable[[], Awaitable[object]]) -> None:
        """Wait until one more request may start; call `release` when it has ended.

        Args:
            priority: Those of a lower number go first.
            ready: What else must be true at the very moment, such as a token being there. Its errors come out here.
        """
        await self._to_the_head(priority)
        try:
            await self._free_place()
            await self._clear_to_go(ready)
            if self._parent is not None:
                await self._parent.acquire(priority, ready)
            self._in_flight += 1
        finally:
            self._next_head()

    def release(self) -> None:
        """Give the place back."""
        self._in_flight -= 1
        if self._place is not None and not self._place.done():
            self._place.set_result(None)
        if self._parent is not None:
            self._parent.release()

    async def _clear_to_go(self, ready: Callable[[], Awaitable[object]]) -> None:
        root = self._root
        while True:
            await root._pause_over()
            await ready()
            if self._limiter is not None:
                await self._limiter.acquire()
            if root._rest() <= 0:
                return

    @property
    def _root(self) -> "Pace":
        return self if self._parent is None else self._parent._root

    def _rest(self) -> float:
        return self._paused_until - asyncio.get_running_loop().time()

    async def _pause_over(self) -> None:
        while (rest := self._rest()) > 0:  # noqa: ASYNC110 - a time to wait for, not an event
            await asyncio.sleep(rest)  # and look again: the pause may have grown

    async def _to_the_head(self, priority: Priority) -> None:
        if not self._head_taken:
            self._head_taken = True
            return
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._queue, (priority, next(self._arrivals), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._next_head()
            else:
                self._forget_one()
            raise

    def _forget_one(self) -> None:
        """Sweep out those who gave up once they are the majority, so a long queue of them cannot pile up."""
        self._gone += 1
        if self._gone * 2 > len(self._queue):
            self._queue = [entry for entry in self._queue if not entry[2].done()]
            heapq.heapify(self._queue)
            self._gone = 0

    def _next_head(self) -> None:
        while self._queue:
            *_, turn = heapq.heappop(self._queue)
            if not turn.done():
                turn.set_result(None)
                return
            self._gone -= 1
        self._head_taken = False

    async def _free_place(self) -> None:
        while self._in_flight >= self._most:
            self._place = asyncio.get_running_loop().create_future()
            try:
                await self._place
            finally:
                self._place = None
