"""One rate for many processes; the figures are in benchmarks/fleet.py."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest
from redis import Redis

from airmeet_async.client.rate_limiter import Pace
from airmeet_async.cluster.redis_permits import RedisPermits, most_late, next_block
from airmeet_async.cluster.redis_server import key_of
from airmeet_async.errors import ConfigError
from tests.support.redis_process import RedisProcess


@pytest.mark.parametrize(
    ("last", "is_used_up", "idle_s", "rate", "wanted"),
    [
        (0, True, 0.0, 100, 1),
        (1, True, 0.0, 100, 2),
        (4, True, 0.0, 100, 5),  # 50 ms of the rate at most
        (1, True, 0.0, 10, 1),
        (4, False, 0.0, 100, 1),  # permits went to waste
        (4, True, 0.02, 100, 1),  # nobody was waiting
    ],
)
def test_blocks_grow_while_somebody_waits(last: int, is_used_up: bool, idle_s: float, rate: float, wanted: int) -> None:
    assert next_block(last, rate, is_used_up=is_used_up, idle_s=idle_s) == wanted


def test_a_permit_may_be_late_by_five_permits_and_never_by_more_than_50_ms() -> None:
    assert most_late(10) == 0.05
    assert most_late(400) == pytest.approx(0.0125)


@pytest.mark.parametrize("rate", ["fast", None, 0, -1, float("inf"), True])
def test_a_fleet_needs_a_rate(rate: object) -> None:
    with pytest.raises(ConfigError):
        RedisPermits("redis://localhost", rate)  # type: ignore[arg-type]


def test_a_client_with_the_permits_of_a_fleet_has_no_rate_of_its_own() -> None:
    with pytest.raises(ConfigError, match="give the rate to the fleet"):
        Pace(50, 4, permits=RedisPermits("redis://localhost", 100))


@asynccontextmanager
async def members(
    redis: RedisProcess, n: int, rate: float = 1000.0, workers: int = 1
) -> AsyncIterator[list[RedisPermits]]:
    permits = [RedisPermits(redis.url, rate, workers=workers).for_account("account") for _ in range(n)]
    try:
        yield permits
    finally:
        for one in permits:
            await one.aclose()


@pytest.mark.real_time
async def test_two_members_share_the_rate_evenly(redis_server: RedisProcess) -> None:
    async with members(redis_server, 2, rate=200.0) as both:
        taken: list[int] = []

        async def take(number: int) -> None:
            while True:
                await both[number].acquire(urgent=False)
                taken.append(number)

        tasks = [asyncio.create_task(take(number)) for number in range(2)]
        started = asyncio.get_running_loop().time()
        while len(taken) < 200:  # noqa: ASYNC110 - the tasks do it
            await asyncio.sleep(0.001)
        seconds = asyncio.get_running_loop().time() - started
        for task in tasks:
            task.cancel()

        assert seconds >= 0.95
        assert 80 <= taken.count(0) <= 120


@pytest.mark.real_time
async def test_a_pause_of_one_member_is_a_pause_of_all(redis_server: RedisProcess) -> None:
    async with members(redis_server, 3) as all_of_them:
        for one in all_of_them:
            await one.acquire(urgent=False)
        await asyncio.sleep(0.1)  # all listen now
        all_of_them[0].pause(30)
        async with asyncio.timeout(5):
            while min(one.pause_left for one in all_of_them) < 29:  # noqa: ASYNC110 - Redis does it
                await asyncio.sleep(0.001)


@pytest.mark.real_time
async def test_whoever_does_not_hear_of_a_pause_learns_it_with_the_next_permit(redis_server: RedisProcess) -> None:
    async with members(redis_server, 1) as (one,), members(redis_server, 1) as (later,):
        await one.acquire(urgent=False)
        one.pause(30)
        await asyncio.sleep(0.1)
        waiting = asyncio.create_task(later.acquire(urgent=False))
        async with asyncio.timeout(5):
            while later.pause_left < 29:  # noqa: ASYNC110 - Redis does it
                await asyncio.sleep(0.001)
        waiting.cancel()


@pytest.mark.real_time
async def test_a_person_does_not_wait_for_the_blocks_of_others(redis_server: RedisProcess) -> None:
    """At two a second, three bulk permits are a second and a half away; a person's is not."""
    async with members(redis_server, 4, rate=2.0) as (first, *others):
        waiting = [asyncio.create_task(one.acquire(urgent=False)) for one in others]
        await asyncio.sleep(0.2)
        begun = asyncio.get_running_loop().time()
        await first.acquire(urgent=True)
        assert asyncio.get_running_loop().time() - begun < 0.4
        second = asyncio.create_task(first.acquire(urgent=True))
        await asyncio.sleep(0.4)
        assert not second.done()  # persons have a quarter of the rate
        for task in (*waiting, second):
            task.cancel()


@pytest.mark.real_time
async def test_persons_who_wait_for_each_other_make_no_burst(redis_server: RedisProcess) -> None:
    """A hundred of them at a hundred a second need a second, although each goes before bulk."""
    async with members(redis_server, 2, rate=100.0) as both:
        begun = asyncio.get_running_loop().time()
        async with asyncio.TaskGroup() as group:
            for n in range(100):
                group.create_task(both[n % 2].acquire(urgent=True))
        assert asyncio.get_running_loop().time() - begun > 0.92


@pytest.mark.real_time
@pytest.mark.parametrize("hangs", [False, True], ids=["killed", "hangs"])
async def test_without_redis_each_keeps_to_its_share_and_all_return_together(
    redis_server: RedisProcess, caplog: pytest.LogCaptureFixture, hangs: bool
) -> None:
    async with members(redis_server, 2, rate=100.0, workers=4) as both:
        for one in both:
            await one.acquire(urgent=False)
        if hangs:
            os.kill(redis_server.pid, signal.SIGSTOP)
        else:
            redis_server.kill()
        for one in both:
            async with asyncio.timeout(5):
                for _ in range(4):
                    await one.acquire(urgent=False)
            assert "away" in repr(one)
        warnings = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
        assert len(warnings) == 2  # one for each process
        assert "its share of the rate, 25/s" in warnings[0]
        if hangs:
            os.kill(redis_server.pid, signal.SIGCONT)
        else:
            redis_server.start()
        async with asyncio.timeout(10):
            while any("away" in repr(one) for one in both):  # noqa: ASYNC110 - the members do it
                await asyncio.sleep(0.05)
        for one in both:
            await one.acquire(urgent=False)


@pytest.mark.real_time
async def test_different_rates_of_living_processes_are_told_once_by_each(
    redis_server: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    def warnings() -> list[str]:
        return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]

    async with members(redis_server, 1, rate=500.0) as (ended,):
        await ended.acquire(urgent=False)
    async with members(redis_server, 1, rate=1000.0) as (one,), members(redis_server, 1, rate=200.0) as (other,):
        for _ in range(3):
            await one.acquire(urgent=True)
        assert not warnings()  # the number of whoever has ended counts for nothing
        for _ in range(3):
            await other.acquire(urgent=True)
            await one.acquire(urgent=True)
        said = warnings()

        assert len(said) == 2
        assert "shares a rate of 200 requests per second" in said[0]
        assert "this one 1000; give all the same number" in said[0]
        assert "redis://127.0.0.1" in said[0]

        one.set_rate(200)
        for _ in range(3):
            await other.acquire(urgent=True)
            await one.acquire(urgent=True)
        assert len(warnings()) == 2


@pytest.mark.real_time
async def test_odd_messages_of_others_neither_end_the_listening_nor_pause_for_ever(redis_server: RedisProcess) -> None:
    channel = key_of("pauses", "account")
    async with members(redis_server, 1) as (one,):
        await one.acquire(urgent=False)
        with Redis.from_url(redis_server.url) as redis:
            async with asyncio.timeout(5):
                while redis.publish(channel, "hello") == 0:  # noqa: ASYNC110 - Redis does it
                    await asyncio.sleep(0.01)
                for odd in ("1e99", "nan", "-1", "", "9" * 5000):
                    redis.publish(channel, odd)
                redis.publish(channel, "30000000")
                while one.pause_left < 29:  # noqa: ASYNC110 - Redis does it
                    await asyncio.sleep(0.01)
                assert one.pause_left <= 30
                redis.publish(channel, "9" * 30)
                while one.pause_left <= 30:  # noqa: ASYNC110 - Redis does it
                    await asyncio.sleep(0.01)
        assert one.pause_left <= 3600


@pytest.mark.real_time
async def test_permits_whose_reservation_was_cancelled_are_there_for_the_next_one(redis_server: RedisProcess) -> None:
    async with members(redis_server, 1, rate=20.0) as (one,):
        await one.acquire(urgent=False)
        for _ in range(10):
            cancelled = asyncio.create_task(one.acquire(urgent=False))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.wait({cancelled})
        begun = asyncio.get_running_loop().time()
        await one.acquire(urgent=False)
        assert asyncio.get_running_loop().time() - begun < 0.2  # not ten permits later


@pytest.mark.real_time
async def test_a_host_that_drops_packets_costs_one_wait_for_a_connection() -> None:
    with socket.socket() as listening, ExitStack() as stack:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(4):  # its queue is full then, and what more arrives is dropped
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listening.getsockname())
        permits = RedisPermits(f"redis://127.0.0.1:{listening.getsockname()[1]}/0", 100.0)
        begun = asyncio.get_running_loop().time()
        await permits.acquire(urgent=False)
        assert 0.9 < asyncio.get_running_loop().time() - begun < 1.8
        await permits.aclose()
