"""How well the adaptive rate finds a limit that nobody published, in virtual time: hours pass at once.

Each run registers people through a client whose server refuses with 429 what is too fast for it. The ideal time is that
of a client that knows the limit and its state at every moment.

    python -m benchmarks.adaptive
"""

import asyncio
import itertools
import json
import math
import random
from collections.abc import Callable, Iterator
from typing import Protocol

from attrs import define, field, frozen

from airmeet_async import Attendee, Reply, Request, Retry
from airmeet_async.calls import add_attendee
from airmeet_async.client.adaptive_rate import Adaptive, AskedRate
from airmeet_async.client.client import Attempt, Client
from airmeet_async.client.rate_limiter import Pace, Priority
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.classify_reply import Kind
from airmeet_async.protocol.models import Access
from airmeet_async.protocol.retry_policy import Tries, Wait, decide
from airmeet_async.sandbox import Bucket
from airmeet_async.testing import VirtualTimeLoop

EVENT = "e0000000-0000-4000-8000-000000000001"


class Limit(Protocol):
    """A limit of the server's."""

    def take(self, now: float, /) -> int:
        """Let one request through and return 0, or return the whole seconds to wait."""


@define
class Window:
    """So many requests in each window of the clock, whenever in it they come."""

    most: int
    length: float = 1.0
    _window: int = -1
    _taken: int = 0

    def take(self, now: float) -> int:
        window = int(now // self.length)
        if window != self._window:
            self._window, self._taken = window, 0
        if self._taken < self.most:
            self._taken += 1
            return 0
        return max(1, math.ceil((window + 1) * self.length - now))


class Changing:
    """A token bucket whose rate is another one in each phase; the last one stays."""

    def __init__(self, rates: list[float], phase: float) -> None:
        self._rates, self._phase = rates, phase
        self._bucket = Bucket(rates[0])

    def take(self, now: float) -> int:
        rate = self._rates[min(int(now / self._phase), len(self._rates) - 1)]
        self._bucket.rate = self._bucket.burst = rate
        return self._bucket.take(now)


class Everything:
    """No limit at all."""

    def take(self, _now: float, /) -> int:
        return 0


@define
class LimitedTransport:
    """A server with a limit, which accepts each person that comes slowly enough.

    Attributes:
        limit: What it lets through.
        names_time: Its 429 says how long to wait.
        latency: Seconds until it answers.
        seen: When a request came, and whether it was refused.
    """

    limit: Limit
    names_time: bool = False
    latency: float = 0.05
    seen: list[tuple[float, bool]] = field(factory=list)

    async def exchange(self, request: Request) -> Reply:
        if request.target.endswith("/auth"):
            return Reply(200, {}, b'{"token": "t"}')
        now = asyncio.get_running_loop().time()
        wait = self.limit.take(now)
        self.seen.append((now, wait > 0))
        await asyncio.sleep(self.latency)
        if wait:
            return Reply(429, {"retry-after": str(wait)} if self.names_time else {}, b'{"message": "too many"}')
        email = json.loads(request.body)["email"]
        body = {"email": email, "entryLink": f"https://example.com/{email}"}
        return Reply(200, {"content-type": "application/json"}, json.dumps(body).encode())

    async def aclose(self) -> None:
        """Do nothing."""


@frozen
class Run:
    """What came of one run.

    Attributes:
        rows: People to register.
        done: Those who were.
        seconds: How long it took.
        seen: When each request came, and whether it was refused.
        rates: The rate after each answer.
    """

    rows: int
    done: int
    seconds: float
    seen: list[tuple[float, bool]] = field(repr=False)
    rates: list[tuple[float, float]] = field(repr=False)

    @property
    def throttled(self) -> float:
        """The share of refused requests."""
        return self.throttled_after(0)

    def throttled_after(self, start: float) -> float:
        """The share of refused requests among those that came from then on."""
        later = [refused for at, refused in self.seen if at >= start]
        return sum(later) / len(later)


def calls(n: int) -> Iterator[Call[Access]]:
    return (add_attendee(EVENT, Attendee(f"p{i}@example.com", "Ada", "L"), send_email_invite=False) for i in range(n))


async def register(transport: LimitedTransport, rows: int, rate: AskedRate, until: float = math.inf) -> Run:
    """Register so many people with 64 workers, as the bulk engine does it, or as many as come until then.

    It becomes `client.bulk.add_attendees(EVENT, people, rate=rate)` when that knows adaptive rates.
    """
    left, done, rates = calls(rows), itertools.count(), []
    chance, retry, clock = random.Random(1), Retry(free=None), asyncio.get_running_loop().time
    start = clock()
    async with Client("key", "secret", base_url="https://sandbox.example/prod", transport=transport) as client:
        pace = Pace(rate, 64, parent=client.pace)

        async def send_once(call: Call[Access]) -> Attempt:
            await pace.acquire(Priority.BULK, client.token.get)
            try:
                issued, sent_at = await client.token.get(), clock()
                method, target, headers = client.request_head(call.endpoint, call.target, issued)
                reply = await transport.exchange(Request(method, target, headers, call.payload))
            finally:
                pace.release()
            attempt = client.judge_outcome(call, reply, issued, clock() - sent_at)
            pace.feedback(throttled=attempt.verdict.kind is Kind.THROTTLED, latency=attempt.latency)
            return attempt

        async def settle(call: Call[Access]) -> None:
            tries = Tries()
            while clock() < until:
                attempt = await send_once(call)
                tries.count(attempt.verdict)
                rates.append((clock(), pace.rate or math.inf))
                match decide(call.endpoint, attempt.verdict, tries, retry, chance.random()):
                    case Wait(seconds, everyone):
                        if everyone:
                            pace.back_off(seconds, named=bool(attempt.verdict.retry_after))
                        await asyncio.sleep(seconds)
                    case _:
                        assert attempt.verdict.value is not None, attempt
                        next(done)
                        return

        async def work() -> None:
            for call in left:
                await settle(call)

        async with asyncio.TaskGroup() as group:
            for _ in range(64):
                group.create_task(work())
    return Run(rows, next(done), clock() - start, transport.seen, rates)


def ideal_seconds(limit: Limit, rows: int, latency: float = 0.05) -> float:
    """Return the time of a client that sends as soon as *limit* will let it."""
    for tick in itertools.count():
        while limit.take(tick / 200) == 0:
            rows -= 1
            if rows == 0:
                return tick / 200 + latency
    raise AssertionError


def virtually(limit: Limit, rows: int, rate: AskedRate, *, names_time: bool = False, until: float = math.inf) -> Run:
    """Do one run in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(register(LimitedTransport(limit, names_time), rows, rate, until))


LIMITS: dict[str, tuple[Callable[[], Limit], int]] = {
    "40/s, token bucket": (lambda: Bucket(40), 12000),
    "40/s, windows of 1 s": (lambda: Window(40), 12000),
    "100, 25, 100/s, 60 s each, token bucket": (lambda: Changing([100, 25, 100], 60), 13500),
    "10/s, windows of 1 s": (lambda: Window(10), 3000),
    "100 per window of 10 s": (lambda: Window(100, 10), 3000),
    "600 per window of 60 s": (lambda: Window(600, 60), 6000),
    "500/s, token bucket": (lambda: Bucket(500), 30000),
}


def main() -> None:
    """Measure and print."""
    print(f"{'hidden limit':42}{'Retry-After':>12}{'ideal s':>9}{'real s':>9}{'share':>8}{'429':>8}{'done':>14}")
    for name, (limit, rows) in LIMITS.items():
        for names_time in (False, True):
            run = virtually(limit(), rows, Adaptive(), names_time=names_time)
            ideal = ideal_seconds(limit(), rows)
            print(
                f"{name:42}{'yes' if names_time else 'no':>12}{ideal:>9.1f}{run.seconds:>9.1f}"
                f"{ideal / run.seconds:>8.1%}{run.throttled:>8.1%}{run.done:>7}/{rows}"
            )
    run = virtually(Everything(), 20_000, Adaptive())
    reached = next(at for at, rate in run.rates if rate >= 1000)
    print(f"no limit: {run.rows / run.seconds:.0f}/s on average, 1000/s reached after {reached:.1f} s")


if __name__ == "__main__":
    main()
