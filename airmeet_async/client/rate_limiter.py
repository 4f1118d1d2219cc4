"""The rate limiter: how many requests at once, how many per second, and who goes next.

Rules of this file:

1. One `Pace` holds both limits for everything that a client sends; a job's own pace is within it.
2. Callers queue by priority, then by arrival. Only the head of the queue waits for a slot, for the end of a pause, for
   a token and for the rate. So nobody overtakes, and the rate can change while somebody waits.
3. A pause stops everybody at once, and no permits pile up behind it.
4. Where permits are shared with other processes, the head waits for theirs, too. A person's call must not: it asks for
   a permit of its own beside the head.
5. Without a rate, a queue or a pause, `try_acquire` lets a request through without a step of the event loop.

When a request may leave is said by `Permits`, which are told what came of each, and follow the server.
"""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from enum import IntEnum

from attrs import frozen

from airmeet_async.client.adaptive_rate import AskedRate
from airmeet_async.client.permits import LocalPermits, Permits
from airmeet_async.errors import ConfigError


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


class Pace:
    """Rate and concurrency of one client, or of one job within a client's.

    Args:
        rate: Requests per second as a ceiling, an `Adaptive` or ``"auto"`` to find the server's limit, or None for no
            limit.
        max_in_flight: Most requests under way at once.
        parent: A pace that must let every request pass, too.
        permits: Permits that others share, instead of its own at *rate*.

    Attributes:
        permits: When the next request may leave.
    """

    def __init__(
        self,
        rate: AskedRate,
        max_in_flight: int,
        parent: "Pace | None" = None,
        permits: Permits | None = None,
    ) -> None:
        if max_in_flight < 1:
            raise ConfigError(f"max_in_flight must be at least 1, not {max_in_flight}")
        if permits is not None and rate is not None:
            raise ConfigError("a fleet has a rate of its own: give the rate to the fleet, not to the client")
        self._parent = parent
        self._chain: tuple[Pace, ...] = (self,) if parent is None else (self, *parent._chain)
        self._max_in_flight = max_in_flight
        self._watchers: list[Callable[[], None]] = []
        # The mutable state: who waits, how many of them gave up, whether somebody is at the head, and how many are
        # under way.
        self._queue: list[tuple[int, int, asyncio.Future[None]]] = []
        self._abandoned = 0
        self._arrivals = itertools.count()
        self._head_taken = False
        self._in_flight = 0
        self._slot_waiters: list[asyncio.Future[None]] = []
        self.permits: Permits = LocalPermits(rate) if permits is None else permits
        self.permits.watch(self._permits_changed)

    def __repr__(self) -> str:
        try:
            return f"<Pace {self.statistics()}>"
        except RuntimeError:  # outside of an event loop there is no time to tell the rest of a pause by
            return f"<Pace rate={self.rate}, in_flight={self._in_flight}>"

    def statistics(self) -> PaceStatistics:
        waiting = len(self._queue) - self._abandoned + self._head_taken
        return PaceStatistics(self.rate, self._in_flight, waiting, self._chain[-1].permits.pause_left)

    @property
    def rate(self) -> float | None:
        """Requests per second that are allowed at present, here and above, or None."""
        return min((pace.permits.rate for pace in self._chain if pace.permits.rate is not None), default=None)

    @property
    def ceiling(self) -> float | None:
        """Requests per second that were asked for as a number, here or above, or None."""
        return min((pace.permits.ceiling for pace in self._chain if pace.permits.ceiling is not None), default=None)

    @property
    def good_rate(self) -> float | None:
        """Requests per second that the server lately accepted, where it has refused more; else None."""
        return min((pace.permits.good_rate for pace in self._chain if pace.permits.good_rate is not None), default=None)

    @property
    def is_paused(self) -> bool:
        """Nobody may start at present, since all were told to wait."""
        return self._chain[-1].permits.pause_left > 0

    @property
    def is_open(self) -> bool:
        """Nobody waits for anything here: there is no rate, no pause and no queue, in this pace and those above it."""
        return all(pace.permits.at_once() and not pace._head_taken for pace in self._chain)

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

    def set_rate(self, rate: AskedRate) -> None:
        """Change the rate at once, also for the one at the head. What was learnt is forgotten."""
        self.permits.set_rate(rate)

    def feedback(self, *, throttled: bool, latency: float, is_success: bool = True, is_costly: bool = False) -> None:
        """Say what came of a request, after its `release`: the rates of this pace and of those above it follow.

        Args:
            throttled: The server refused it for coming too fast.
            latency: Seconds from sending it until now.
            is_success: It did what it was to do.
            is_costly: A refusal costs more than a repeat.
        """
        sent_at = asyncio.get_running_loop().time() - latency
        # Where there is no rate at all, a refusal makes the innermost one begin to learn.
        for pace in [pace for pace in self._chain if pace.permits.rate is not None] or [self]:
            pace.permits.record_reply(
                throttled=throttled,
                sent_at=sent_at,
                in_flight=pace._in_flight,
                is_full=pace._in_flight + 1 >= min(pace._max_in_flight, pace.permits.places),
                is_success=is_success,
                is_costly=is_costly,
            )

    def pause(self, seconds: float) -> None:
        """Let nobody start for *seconds* from now, nor before an earlier pause is over: the server has asked for it."""
        for pace in self._chain:
            pace.permits.pause(seconds)

    def restart(self) -> None:
        """Take note that the server is back after an outage."""
        for pace in self._chain:
            pace.permits.restart()

    async def acquire(self, priority: Priority, ready: Callable[[], Awaitable[object]]) -> None:
        """Wait until one more request may start; call `release` when it has ended.

        Args:
            priority: Those of a lower number go first.
            ready: What else must be true at the very moment, such as a token being there. Its errors come out here.
        """
        if all(pace.permits.at_once() for pace in self._chain):
            await ready()
            if self.try_acquire():
                return
        if priority is Priority.INTERACTIVE and self.permits.is_shared:
            await self._wait_for_start(priority, ready)
            return
        await self._wait_for_head(priority)
        try:
            await self._wait_for_start(priority, ready)
        finally:
            self._admit_next()

    def try_acquire(self) -> bool:
        """Acquire without waiting, where no rate and no pause is on and nobody waits; return whether that was so."""
        for pace in self._chain:
            if pace._head_taken or pace._in_flight >= pace._max_in_flight or not pace.permits.at_once():
                return False
        for pace in self._chain:
            pace._in_flight += 1
        return True

    def release(self) -> None:
        for pace in self._chain:
            pace._in_flight -= 1
            if pace._slot_waiters:
                pace._wake_for_slot()

    def _permits_changed(self) -> None:
        self._wake_for_slot()
        self.notify()

    def _wake_for_slot(self) -> None:
        for slot_freed in self._slot_waiters:
            if not slot_freed.done():
                slot_freed.set_result(None)

    async def _wait_for_start(self, priority: Priority, ready: Callable[[], Awaitable[object]]) -> None:
        await self._wait_for_slot()
        await self._wait_until_allowed(priority, ready)
        while self._in_flight >= self._max_in_flight:  # one who is urgent may have taken the last place meanwhile
            await self._wait_for_slot()
            if self.is_paused:
                await self._wait_until_allowed(priority, ready)
        if self._parent is not None:
            await self._parent.acquire(priority, ready)
        self._in_flight += 1

    async def _wait_until_allowed(self, priority: Priority, ready: Callable[[], Awaitable[object]]) -> None:
        root = self._chain[-1].permits
        while True:
            while (seconds := root.pause_left) > 0:  # noqa: ASYNC110 - it may grow while it is waited for
                await asyncio.sleep(seconds)
            await ready()
            await self.permits.acquire(urgent=priority is Priority.INTERACTIVE)
            if root.pause_left <= 0:
                return

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
        while self._in_flight >= min(self._max_in_flight, self.permits.places):
            slot_freed = asyncio.get_running_loop().create_future()
            self._slot_waiters.append(slot_freed)
            try:
                await slot_freed
            finally:
                self._slot_waiters.remove(slot_freed)
