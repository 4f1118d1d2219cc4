"""The pace: exact rates, a queue with priorities, one pause for all."""

import asyncio
import itertools
import math

import anyio
import pytest

from airmeet_async.client.permits import LocalPermits
from airmeet_async.client.rate_limiter import Pace, Priority
from airmeet_async.errors import ConfigError
from tests.cases import case


async def nothing() -> None:
    """Be ready at once."""


class Runner:
    """Sends pretend requests through a pace and notes when each starts."""

    def __init__(self, pace: Pace, seconds: float = 0.0) -> None:
        self.pace = pace
        self.seconds = seconds
        self.starts: list[float] = []
        self.names: list[object] = []
        self.under_way = 0
        self.peak = 0

    async def one(self, name: object = None, priority: Priority = Priority.BULK) -> None:
        await self.pace.acquire(priority, nothing)
        self.under_way += 1
        self.peak = max(self.peak, self.under_way)
        self.starts.append(anyio.current_time())
        self.names.append(name)
        try:
            await anyio.sleep(self.seconds)
        finally:
            self.under_way -= 1
            self.pace.release()

    async def many(self, n: int, workers: int) -> None:
        left = itertools.count(n, -1)

        async def work() -> None:
            while next(left) > 0:
                await self.one()

        async with anyio.create_task_group() as group:
            for _ in range(workers):
                group.start_soon(work)


def most_within(starts: list[float], window: float) -> int:
    """Return the most starts in any window of that length."""
    most = first = 0
    for last, at in enumerate(starts):
        while at - starts[first] >= window:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.slow
@pytest.mark.parametrize("rate", [0.2, 1 / 3, 3, 50, 500, 2000, 5000])
@pytest.mark.parametrize("workers", [1, 64])
@pytest.mark.slow
async def test_a_rate_is_exact(rate: float, workers: int) -> None:
    """From 98 to 101 per cent of it is delivered, and no window holds more than rate plus a burst."""
    runner = Runner(Pace(rate, 64))
    n = max(20, min(int(rate * 10), 10_000))

    await runner.many(n, workers)

    elapsed = runner.starts[-1] - runner.starts[0]
    assert 0.98 <= (n - max(1, rate / 50)) / elapsed / rate <= 1.01
    for window in (0.1, 1.0, 10.0):
        assert most_within(runner.starts, window) <= rate * window + max(1, rate / 50) + 1e-6


async def test_an_idle_pace_saves_nothing_up() -> None:
    """After an hour of silence the first second gets no more than any other."""
    runner = Runner(Pace(50, 64))
    await runner.many(100, 10)
    await anyio.sleep(3600)

    await runner.many(200, 64)

    assert most_within(runner.starts, 1.0) <= 51


def test_a_senseless_rate_is_refused_at_once() -> None:
    """The message says what a rate is."""
    for rate in [0, -1, math.nan, math.inf, True, "50"]:
        with case(rate), pytest.raises(ConfigError, match="requests per second"):
            Pace(rate, 1)  # type: ignore[arg-type]


def test_at_least_one_request_must_be_allowed() -> None:
    """Zero in flight would wait for ever."""
    with pytest.raises(ConfigError, match="at least 1"):
        Pace(None, 0)


@pytest.mark.parametrize("rate", [None, 1000])
async def test_never_more_than_the_allowed_number_are_under_way(rate: float | None) -> None:
    """Concurrency is held with and without a rate, and it is used to the full."""
    runner = Runner(Pace(rate, 7), seconds=0.1)

    await runner.many(200, 50)

    assert runner.peak == 7


async def test_a_pause_stops_everybody_and_lets_no_burst_go_after_it() -> None:
    """Permits do not pile up behind a pause."""
    runner = Runner(Pace(100, 64), seconds=0.01)
    async with anyio.create_task_group() as group:
        group.start_soon(runner.many, 400, 64)
        await anyio.sleep(1.0)
        runner.pace.pause(5.0)

    during = [at for at in runner.starts if 1.0 < at < 6.0]
    assert len(during) <= 1
    assert most_within([at for at in runner.starts if at >= 6.0], 0.1) <= 13


async def test_the_longest_of_several_pauses_holds() -> None:
    """A short pause does not end a long one."""
    runner = Runner(Pace(None, 4))
    runner.pace.pause(10)
    runner.pace.pause(1)

    await runner.one()

    assert runner.starts[0] == pytest.approx(10, abs=0.001)


async def test_interactive_calls_overtake_bulk_ones() -> None:
    """A web request that comes while a hundred rows wait goes next but one at the latest."""
    runner = Runner(Pace(1, 64))
    async with anyio.create_task_group() as group:
        for number in range(100):
            group.start_soon(runner.one, number)
        await anyio.sleep(5.5)
        group.start_soon(runner.one, "web", Priority.INTERACTIVE)

    assert runner.names.index("web") <= 8
    assert runner.starts[runner.names.index("web")] - 5.5 <= 2.0


async def test_equals_go_in_order_of_arrival() -> None:
    """Nobody overtakes."""
    runner = Runner(Pace(10, 3), seconds=0.05)
    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(runner.one, number)

    assert runner.names == list(range(50))


@pytest.mark.slow
async def test_twenty_thousand_waiters_that_give_up_leave_nothing_behind() -> None:
    """No permit is lost, the queue is swept, and the next one goes on time."""
    pace = Pace(10, 4)
    runner = Runner(pace)
    with anyio.move_on_after(0.35):
        async with anyio.create_task_group() as group:
            for number in range(20_000):
                group.start_soon(runner.one, number)
    done = len(runner.starts)
    before = anyio.current_time()

    await runner.one()

    assert done == 4
    assert runner.starts[-1] - before <= 0.1 + 1e-3
    assert (pace.statistics().waiting, pace.statistics().in_flight) == (0, 0)


@pytest.mark.parametrize("when", [0.0, 0.05, 0.1, 0.15, 0.2, 0.25])
async def test_a_waiter_that_is_cancelled_at_any_moment_passes_its_turn_on(when: float) -> None:
    """Whether it waits in the queue, for a place or for the rate: the others go on."""
    runner = Runner(Pace(10, 1), seconds=0.07)
    tasks = [asyncio.create_task(runner.one(number)) for number in range(4)]
    await anyio.sleep(when)
    tasks[1].cancel()

    await asyncio.gather(*tasks, return_exceptions=True)
    await runner.one("last")

    assert set(runner.names) >= {0, 2, 3, "last"}
    assert runner.pace.statistics().in_flight == 0


@pytest.mark.slow
async def test_an_error_of_ready_comes_out_and_holds_nobody_up() -> None:
    """When no token can be had, each waiter learns it, and no place is taken."""
    pace = Pace(None, 1)

    async def fail() -> None:
        message = "no token"
        raise LookupError(message)

    for _ in range(3):
        with pytest.raises(LookupError):
            await pace.acquire(Priority.BULK, fail)
    await pace.acquire(Priority.BULK, nothing)

    assert pace.statistics().in_flight == 1


async def test_a_pace_within_a_pace_obeys_both() -> None:
    """A job's rate is its own, the client's places are everybody's."""
    under_way: list[object] = []
    peaks: list[int] = []
    client = Pace(None, 3)
    job = Pace(20, 64, parent=client)

    async def one(pace: Pace) -> None:
        await pace.acquire(Priority.BULK, nothing)
        under_way.append(pace)
        peaks.append(len(under_way))
        await anyio.sleep(0.5)
        under_way.remove(pace)
        pace.release()

    async with anyio.create_task_group() as group:
        for number in range(65):
            group.start_soon(one, client if number % 13 == 0 else job)

    assert max(peaks) == 3
    assert client.statistics().in_flight == job.statistics().in_flight == 0


async def test_a_job_keeps_its_own_rate_within_a_wider_client() -> None:
    """Twenty per second, although the client would let all go."""
    job = Runner(Pace(20, 64, parent=Pace(None, 64)), seconds=0.1)

    await job.many(60, 30)

    assert most_within(job.starts, 1.0) <= 21


async def test_a_turn_that_is_cancelled_in_the_step_it_is_granted_is_passed_on() -> None:
    """Nobody else would wake the next one."""
    pace = Pace(1e6, 64)
    runner = Runner(pace)
    gate = asyncio.Event()

    async def first() -> None:
        await pace.acquire(Priority.BULK, gate.wait)  # when this returns, the second has been given its turn
        second.cancel()
        pace.release()

    head = asyncio.create_task(first())
    await asyncio.sleep(0)
    second, third = (asyncio.create_task(runner.one(name)) for name in ("second", "third"))
    await asyncio.sleep(0)
    gate.set()

    await asyncio.wait_for(asyncio.gather(head, third), 1)

    assert runner.names == ["third"]
    assert second.cancelled()
    assert pace.statistics().waiting == 0


async def test_an_error_in_the_parent_takes_no_place_anywhere() -> None:
    """A job whose token fails within the client leaves both paces as they were."""
    client = Pace(1e6, 1)
    job = Pace(1e6, 1, parent=client)
    answers = iter([None, LookupError()])

    async def fail_the_second_time() -> None:
        if (error := next(answers)) is not None:
            raise error

    with pytest.raises(LookupError):
        await job.acquire(Priority.BULK, fail_the_second_time)
    await job.acquire(Priority.BULK, nothing)
    job.release()

    assert client.statistics().in_flight == job.statistics().in_flight == 0


async def test_a_pause_that_begins_while_one_waits_for_the_rate_holds_it_too() -> None:
    """The pause is looked at again after the limiter."""
    runner = Runner(Pace(1, 64))
    async with anyio.create_task_group() as group:
        group.start_soon(runner.many, 2, 2)
        await anyio.sleep(0.5)
        runner.pace.pause(5)

    assert runner.starts[1] >= 5.5


async def test_a_place_that_is_given_back_wakes_the_head() -> None:
    """It waits for nothing else."""
    pace = Pace(None, 1)
    await pace.acquire(Priority.BULK, nothing)
    runner = Runner(pace)
    async with anyio.create_task_group() as group:
        group.start_soon(runner.one)
        await anyio.sleep(3)
        pace.release()

    assert runner.starts[0] == pytest.approx(3, abs=0.001)


async def test_a_pause_of_the_job_is_a_pause_of_the_client() -> None:
    """What one job learns about the server's limit holds for all."""
    client = Pace(None, 3)
    Pace(20, 64, parent=client).pause(7)
    runner = Runner(client)

    await runner.one()

    assert runner.starts[0] == pytest.approx(7, abs=0.001)


async def test_a_job_that_waits_for_its_rate_does_not_keep_others_from_going() -> None:
    """An interactive call passes while a slow job sleeps."""
    client = Pace(None, 3)
    job = Runner(Pace(0.1, 64, parent=client))
    single = Runner(client)
    async with anyio.create_task_group() as group:
        group.start_soon(job.many, 3, 2)
        await anyio.sleep(1)
        await single.one()

    assert single.starts[0] == pytest.approx(1, abs=0.001)


async def test_the_rate_can_change_while_it_is_used() -> None:
    """The new rate holds from the next request on."""
    pace = Pace(1, 64)
    runner = Runner(pace)
    async with anyio.create_task_group() as group:
        group.start_soon(runner.many, 105, 64)
        await anyio.sleep(4.5)
        pace.set_rate(100)

    assert runner.starts[-1] < 7


@pytest.mark.parametrize("faster", [50, None])
async def test_a_faster_rate_wakes_the_one_that_waits_for_a_slow_one(faster: float | None) -> None:
    """Ten seconds of waiting end when they need not be."""
    runner = Runner(Pace(0.1, 64))
    async with anyio.create_task_group() as group:
        group.start_soon(runner.many, 2, 2)
        await anyio.sleep(1)
        runner.pace.set_rate(faster)

    assert 1.0 <= runner.starts[1] <= 1.03


async def test_a_rate_that_changes_all_the_time_gives_no_bursts() -> None:
    """The level is carried over: no window holds more than the rate and one burst."""
    pace = Pace(100, 64)
    runner = Runner(pace)
    async with anyio.create_task_group() as group:
        group.start_soon(runner.many, 500, 64)
        for number in range(400):
            await anyio.sleep(0.01)
            pace.set_rate(101 if number % 2 else 100)

    assert most_within(runner.starts, 0.1) <= 13
    assert 4.9 <= runner.starts[-1] <= 5.05


async def test_a_slower_rate_waits_for_one_request_not_for_a_whole_burst() -> None:
    """From 2000 per second to one in two seconds, the next goes after two seconds."""
    pace = Pace(2000, 64)
    runner = Runner(pace)
    await runner.many(100, 64)
    before = runner.starts[-1]
    pace.set_rate(0.5)

    await runner.one()

    assert runner.starts[-1] - before <= 2.01


async def test_the_statistics_are_a_glance() -> None:
    """They are what a log line or a test needs."""
    pace = Pace(5, 2)
    await pace.acquire(Priority.BULK, nothing)
    assert pace.statistics().paused_s == 0
    pace.pause(3)

    glance = pace.statistics()

    assert (glance.rate, glance.in_flight, glance.waiting) == (5, 1, 0)
    assert glance.paused_s == pytest.approx(3, abs=0.001)


async def test_a_pace_is_open_while_nobody_waits_for_anything() -> None:
    """A rate, a pause or a queue closes it, in itself or above it; requests under way do not."""
    parent = Pace(None, 2)
    pace = Pace(None, 1, parent=parent)
    assert pace.is_open
    assert pace.try_acquire()
    assert pace.is_open

    for one in (parent, pace):
        one.set_rate(5)
        assert (pace.is_open, pace.try_acquire()) == (False, False)
        one.set_rate(None)
        assert pace.is_open
    pace.pause(3)
    assert (pace.is_open, parent.is_open, pace.is_paused, parent.is_paused) == (False, False, True, True)
    await anyio.sleep(3.1)
    assert (pace.is_open, pace.is_paused) == (True, False)

    waiting = asyncio.create_task(pace.acquire(Priority.BULK, nothing))
    await anyio.sleep(0.01)
    assert (pace.is_open, parent.is_open) == (False, True)
    pace.release()
    await waiting
    assert pace.is_open
    pace.release()
    assert parent.statistics().in_flight == 0


async def test_whoever_watches_a_pace_hears_of_what_closes_it() -> None:
    """Of a rate, a pause and the first one who waits; in itself and above it; until it has heard enough."""
    parent = Pace(None, 1)
    pace = Pace(None, 1, parent=parent)
    heard: list[bool] = []
    stop = pace.watch(lambda: heard.append(pace.is_open))

    parent.set_rate(5)
    parent.set_rate(5)
    parent.set_rate(None)
    pace.set_rate(5)
    pace.set_rate(None)
    assert heard == [False, True, False, True]
    heard.clear()
    pace.pause(1)
    assert set(heard) == {False}
    await anyio.sleep(1.1)
    heard.clear()
    assert parent.try_acquire()
    waiting = asyncio.create_task(parent.acquire(Priority.INTERACTIVE, nothing))
    await anyio.sleep(0.01)
    assert heard == [False]
    parent.release()
    await waiting
    heard.clear()
    stop()
    parent.set_rate(5)
    assert heard == []


async def test_without_waiting_a_place_is_had_or_not() -> None:
    parent = Pace(None, 3)
    one, other = Pace(None, 2, parent=parent), Pace(None, 2, parent=parent)

    assert [one.try_acquire(), one.try_acquire(), one.try_acquire()] == [True, True, False]
    assert [other.try_acquire(), other.try_acquire()] == [True, False]
    assert (one.statistics().in_flight, other.statistics().in_flight, parent.statistics().in_flight) == (2, 1, 3)
    one.release()
    assert (one.statistics().in_flight, parent.statistics().in_flight) == (1, 2)
    assert other.try_acquire()


class SharedPermits(LocalPermits):
    """As if other processes had them: bulk permits come each second, a person's at once."""

    is_shared = True

    async def acquire(self, *, urgent: bool) -> None:
        if not urgent:
            await anyio.sleep(1)

    def at_once(self) -> bool:
        return False


async def test_a_person_does_not_wait_behind_the_head_where_permits_are_shared() -> None:
    runner = Runner(Pace(None, 2, permits=SharedPermits(None)), seconds=0.1)
    async with anyio.create_task_group() as group:
        for name in ("first", "second"):
            group.start_soon(runner.one, name)
        await anyio.sleep(0.5)
        group.start_soon(runner.one, "person", Priority.INTERACTIVE)

    assert runner.names == ["person", "first", "second"]
    assert runner.starts == pytest.approx([0.5, 1.0, 2.0], abs=0.001)


async def test_a_person_beside_the_head_takes_no_place_too_many() -> None:
    """The only place goes to the person while the head waits for its permit, which it keeps."""
    runner = Runner(Pace(None, 1, permits=SharedPermits(None)), seconds=0.8)
    async with anyio.create_task_group() as group:
        group.start_soon(runner.one, "head")
        await anyio.sleep(0.5)
        for name in ("person", "another"):
            group.start_soon(runner.one, name, Priority.INTERACTIVE)

    assert runner.peak == 1
    assert runner.names == ["person", "another", "head"]
