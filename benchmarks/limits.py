"""Limiters that others wrote, modelled exactly: each is told when a request comes, and says what becomes of it.

What becomes of a request is a pair: whether it is let through, and the seconds until it is answered, or until it is
worth coming again.
"""

import heapq
import math
from typing import NamedTuple, Protocol

from attrs import define, field

from airmeet_async.sandbox import Bucket


class Seen(NamedTuple):
    """A request in a server's log.

    Attributes:
        at: When it came, in seconds.
        answered: When it was answered.
        is_through: It was not refused.
        client: The number of the process that sent it.
        body: What was sent.
    """

    at: float
    answered: float
    is_through: bool
    client: int
    body: str = ""


class Limiter(Protocol):
    """A limit.

    Attributes:
        rate: Requests per second that it lets through in the long run.
    """

    @property
    def rate(self) -> float: ...

    def arrive(self, now: float, /) -> tuple[bool, float]:
        """Judge a request."""

    def allows(self, seconds: float, /) -> float:
        """Return the most requests that it lets through in the first so many seconds."""


@define
class LeakyBucket:
    """``limit_req`` of nginx, ``nodelay``, as its source has it: in whole milliseconds and thousandths of a request."""

    rate: float
    burst: int
    _excess: int = 0
    _last: int | None = None

    def arrive(self, now: float) -> tuple[bool, float]:
        ms = int(now * 1000)
        excess = 0
        if self._last is not None:
            excess = max(0, self._excess - int(self.rate * 1000) * (ms - self._last) // 1000 + 1000)
        if excess > self.burst * 1000:
            return False, 1.0
        self._excess, self._last = excess, ms
        return True, 0.0

    def allows(self, seconds: float) -> float:
        return 1 + self.burst + self.rate * seconds


@define
class TokenBucket:
    """A gateway's: so many per second, and a burst after a quiet time."""

    rate: float
    burst: float
    _bucket: Bucket = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._bucket = Bucket(self.rate, self.burst)

    def arrive(self, now: float) -> tuple[bool, float]:
        wait = self._bucket.take(now)
        return wait == 0, wait

    def allows(self, seconds: float) -> float:
        return self.burst + self.rate * seconds


@define
class Window:
    """So many requests in each window of the clock, whenever in it they come."""

    most: int
    length: float
    _window: int = -1
    _taken: int = 0
    _phase: float | None = None

    @property
    def rate(self) -> float:
        return self.most / self.length

    def arrive(self, now: float) -> tuple[bool, float]:
        window = int(now // self.length)
        if self._phase is None:
            self._phase = now % self.length
        if window != self._window:
            self._window, self._taken = window, 0
        if self._taken < self.most:
            self._taken += 1
            return True, 0.0
        return False, max(1, math.ceil((window + 1) * self.length - now))

    def allows(self, seconds: float) -> float:
        return self.most * (1 + ((self._phase or 0.0) + seconds) // self.length)


@define
class Connections:
    """``limit_conn MOST`` of nginx, in front of something that takes so many *seconds*."""

    most: int
    seconds: float
    _ends: list[float] = field(factory=list)

    @property
    def rate(self) -> float:
        return self.most / self.seconds

    def arrive(self, now: float) -> tuple[bool, float]:
        while self._ends and self._ends[0] <= now:
            heapq.heappop(self._ends)
        if len(self._ends) >= self.most:
            return False, 1.0
        heapq.heappush(self._ends, now + self.seconds)
        return True, self.seconds

    def allows(self, seconds: float) -> float:
        return self.rate * seconds


@define
class Queue:
    """So many workers that take *seconds* for a request, and a queue without end before them: nothing is refused."""

    workers: int
    seconds: float
    _free: list[float] = field(factory=list)

    @property
    def rate(self) -> float:
        return self.workers / self.seconds

    def arrive(self, now: float) -> tuple[bool, float]:
        free = heapq.heappop(self._free) if len(self._free) == self.workers else now
        heapq.heappush(self._free, max(now, free) + self.seconds)
        return True, max(now, free) + self.seconds - now

    def allows(self, seconds: float) -> float:
        return self.rate * seconds


@define
class Steps:
    """One limiter, then another for as long, and then the first one again."""

    first: LeakyBucket
    second: LeakyBucket
    length: float
    _began: float | None = None

    @property
    def rate(self) -> float:
        return self.first.rate

    def arrive(self, now: float) -> tuple[bool, float]:
        if self._began is None:
            self._began = now
        is_second = self.length <= now - self._began < 2 * self.length
        return (self.second if is_second else self.first).arrive(now)

    def allows(self, seconds: float) -> float:
        parts = [min(self.length, max(0.0, seconds - start)) for start in (0.0, self.length)]
        parts.append(max(0.0, seconds - 2 * self.length))
        each = zip((self.first, self.second, self.first), parts, strict=True)
        return sum(limiter.allows(part) for limiter, part in each if part)
