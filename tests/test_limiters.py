"""Limiters that others wrote, and how well a run finds their limits, in virtual time."""

import asyncio
import contextlib
import random
from typing import Any

import pytest

from airmeet_async import Adaptive, AirmeetClient
from airmeet_async.errors import BulkStoppedError
from airmeet_async.testing import VirtualTimeLoop
from benchmarks.limiters import CELLS, LimitedTransport, figures, virtually
from benchmarks.limits import Connections, LeakyBucket, Limiter, Queue, Seen, Steps, TokenBucket, Window
from benchmarks.ours import KEYS
from benchmarks.peers import EVENT, people


def passed(limiter: Limiter, seconds: float, per_second: int = 1000) -> list[float]:
    """Return when requests got through, of so many that came per second."""
    times = [tick / per_second for tick in range(int(seconds * per_second) + 1)]
    return [at for at in times if limiter.arrive(at)[0]]


LIMITERS = [
    LeakyBucket(20, 5),
    TokenBucket(20, 5),
    Window(20, 1.0),
    Steps(LeakyBucket(20, 5), LeakyBucket(5, 2), 1.0),
]


@pytest.mark.parametrize("limiter", LIMITERS, ids=lambda limiter: type(limiter).__name__)
def test_a_limiter_under_pressure_lets_through_what_it_says(limiter: Limiter) -> None:
    assert len(passed(limiter, 3.5)) == pytest.approx(limiter.allows(3.5), abs=2)


def test_nginx_lets_its_burst_and_one_more_through_at_once_and_then_one_per_interval() -> None:
    times = passed(LeakyBucket(10, 3), 0.95)

    assert times[:4] == [0, 0.001, 0.002, 0.003]
    assert times[4:] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])


def test_connections_beyond_the_limit_are_refused_until_one_ends() -> None:
    limiter = Connections(2, 0.1)

    assert [limiter.arrive(at)[0] for at in (0, 0.01, 0.02, 0.09, 0.1, 0.105, 0.11)] == [1, 1, 0, 0, 1, 0, 1]


def test_a_queue_refuses_nobody_and_lets_everybody_wait() -> None:
    limiter = Queue(2, 0.05)

    assert [limiter.arrive(0)[1] for _ in range(5)] == pytest.approx([0.05, 0.05, 0.1, 0.1, 0.15])


def test_the_figures_of_a_run_come_from_the_log_of_the_server() -> None:
    """20 s at 10/s: nothing from 4 s to 7 s, and every second request refused in the first two seconds."""
    log = [Seen(5 + n / 10, 5 + n / 10 + 0.03, is_through=True, client=n % 2) for n in range(200) if not 40 <= n < 70]
    log += [Seen(5 + n / 10, 5 + n / 10, is_through=False, client=0) for n in range(20)]

    found = figures(LeakyBucket(10, 0), log, 25, [(1, 0, ""), (2, 0, "deadline")])

    assert found["share"] == pytest.approx(170 / 201)
    assert found["later"] == 1
    assert found["refused"] == pytest.approx(20 / 190)
    assert found["found"] == 6.75
    assert found["stall"] == pytest.approx(3.1)
    assert found["latency"] == pytest.approx(0.03)
    assert (found["given_up"], found["stop"], found["smaller"]) == (3, "deadline", 0.5)


# The share that `rate="auto"` reaches of each limit at least, and the share of requests refused at most.
REACHED = {
    "nginx-10-b10": (0.98, 0.08),
    "nginx-20-b10": (0.98, 0.05),
    "nginx-20-b10-retry-after": (0.85, 0.03),
    "nginx-100-b10": (0.94, 0.03),
    "nginx-100-b10-503": (0.94, 0.03),
    "nginx-100-b100": (0.94, 0.08),
    "bucket-10-b20": (0.98, 0.08),
    "queue-4": (0.94, 0.0),
    "step": (0.92, 0.05),
    "window-40-1s": (0.88, 0.08),
    "window-600-60s": (0.79, 0.35),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", REACHED)
def test_hidden_limits_are_found(name: str) -> None:
    """Nobody is given up."""
    share, refused = REACHED[name]
    found = virtually(name, "auto", seed=1)

    assert found["share"] >= share
    assert found["refused"] <= refused
    assert (found["given_up"], found["stop"]) == (0, "")


@pytest.mark.slow
def test_a_queueing_server_is_kept_busy_without_a_queue() -> None:
    """Four workers of 50 ms: the median reply takes hardly more than twice that."""
    assert virtually("queue-4", "auto", seed=2)["latency"] <= 0.13


@pytest.mark.slow
def test_few_invitations_are_in_doubt_where_a_limiter_refuses_with_503() -> None:
    found = virtually("nginx-100-b10-503-invite", "auto", seed=1)

    assert (found["in_doubt"] <= 0.01, found["mails"]) == (True, 1)
    assert (found["given_up"], found["stop"]) == (0, "")


async def _add(limiter: Limiter, rows: int, rate: Any, deadline: float) -> list[Seen]:
    log: list[Seen] = []
    transport = LimitedTransport(CELLS["nginx-100-b10"], limiter, log, 0, random.Random(1))
    async with AirmeetClient(*KEYS, base_url="https://sandbox.example/prod", transport=transport) as client:
        with contextlib.suppress(BulkStoppedError):
            await client.bulk.add_attendees(EVENT, people(rows), send_email_invite=False, rate=rate, deadline=deadline)
    return log


def add(limiter: Limiter, rows: int, rate: Any = "auto", deadline: float = 300) -> list[Seen]:
    """Return the server's log of a run in virtual time."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(_add(limiter, rows, rate, deadline))


@pytest.mark.slow
def test_a_start_ten_times_too_fast_ends_in_a_good_rate() -> None:
    """RET-05: five minutes at a server that takes 10/s, begun with 100/s."""
    log = add(LeakyBucket(10, 10), 10_000, Adaptive(initial=100))

    later = [seen.is_through for seen in log if seen.at >= 30]
    assert sum(seen.is_through for seen in log) >= 0.85 * 10 * 300
    assert later.count(False) <= 0.1 * len(later)


@pytest.mark.slow
def test_without_a_limit_the_rate_grows_to_what_latency_allows() -> None:
    """64 in flight, and a way of 20 to 100 ms."""
    log = add(Queue(1000, 0.001), 8000)

    last = log[-1].at
    assert sum(seen.at >= last - 2 for seen in log) / 2 >= 600
