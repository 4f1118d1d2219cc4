"""The rate that the processes of a fleet learn together; benchmarks/fleet.py measures what becomes of a limit."""

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from attrs import evolve
from redis import Redis

from airmeet_async.client.adaptive_rate import Adaptive, RateState, first_state
from airmeet_async.cluster.redis_permits import RedisPermits
from airmeet_async.cluster.redis_rate import LEARN, REPORT, LearnedRate, _decode, _encode
from airmeet_async.cluster.redis_server import key_of
from tests.support.redis_process import RedisProcess

FAST = Adaptive(initial=200.0)


@asynccontextmanager
async def members(redis: RedisProcess, n: int, rate: Any = FAST, workers: int = 1) -> AsyncIterator[list[RedisPermits]]:
    """Members of a fleet, each of which has had a permit and listens."""
    permits = [RedisPermits(redis.url, rate, workers=workers).for_account("account") for _ in range(n)]
    try:
        for one in permits:
            await one.acquire(urgent=False)
        with Redis.from_url(redis.url) as client:
            await until(lambda: client.pubsub_numsub(key_of("rates", "account"))[0][1] >= n)
        yield permits
    finally:
        for one in permits:
            await one.aclose()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - Redis does it
            await asyncio.sleep(0.001)


def reply(one: RedisPermits, *, throttled: bool = False, sent_before: float = 0.0) -> None:
    sent_at = asyncio.get_running_loop().time() - sent_before
    one.record_reply(
        throttled=throttled, sent_at=sent_at, in_flight=3, is_full=False, is_success=not throttled, is_costly=False
    )


@pytest.mark.real_time
async def test_a_refusal_of_one_process_slows_all_down_and_voids_the_permits_that_they_hold(
    redis_server: RedisProcess,
) -> None:
    async with members(redis_server, 3) as (first, *others):
        other = others[0]
        while not other._slots:
            await other.acquire(urgent=False)
        reply(first, throttled=True)
        await until(lambda: max(one.rate for one in others) < 200)

        assert first.rate == others[0].rate == others[1].rate == pytest.approx(0.9 * 0.85 * 200)
        assert first.good_rate == first.rate
        assert not other._slots


@pytest.mark.real_time
async def test_two_refusals_at_the_same_moment_are_one_cut(redis_server: RedisProcess) -> None:
    async with members(redis_server, 2) as both:
        for one in both:
            reply(one, throttled=True)
        await until(lambda: max(one.rate for one in both) < 200)
        await asyncio.sleep(0.05)
        assert both[0].rate == both[1].rate == pytest.approx(0.9 * 0.85 * 200)


@pytest.mark.real_time
async def test_a_refusal_of_what_was_sent_before_the_last_cut_says_nothing_new(redis_server: RedisProcess) -> None:
    async with members(redis_server, 2) as (one, other):
        reply(one, throttled=True)
        await until(lambda: other.rate < 200)
        cut = other.rate
        await asyncio.sleep(0.1)  # it is time to tell
        reply(other, throttled=True, sent_before=0.5)
        await asyncio.sleep(0.1)
        await other.acquire(urgent=False)
        assert other.rate == cut


@pytest.mark.real_time
async def test_whoever_waits_for_a_permit_at_the_old_rate_waits_for_one_at_the_new(redis_server: RedisProcess) -> None:
    async with members(redis_server, 2, Adaptive(initial=2.0)) as (one, other):
        waiting = asyncio.create_task(other.acquire(urgent=False))
        await asyncio.sleep(0.05)
        reply(one, throttled=True)
        await until(lambda: other.rate < 2)
        await asyncio.sleep(0.1)
        assert not waiting.done()
        await waiting


@pytest.mark.real_time
async def test_an_odd_epoch_that_somebody_publishes_stops_nobody(redis_server: RedisProcess) -> None:
    async with members(redis_server, 1) as (one,):
        with Redis.from_url(redis_server.url) as redis:
            for odd in ("x", "", "7", "9" * 20 + " {}", "9" * 5000):
                redis.publish(key_of("rates", "account"), odd)
        learned = one._learned
        assert learned is not None
        await until(lambda: learned.epoch > 10**19)
        async with asyncio.timeout(5):
            await one.acquire(urgent=True)
        assert learned.epoch < 10**19
        assert one.rate == 200


@pytest.mark.real_time
async def test_reports_and_findings_of_an_earlier_epoch_change_nothing(redis_server: RedisProcess) -> None:
    async with members(redis_server, 1) as (one,):
        with Redis.from_url(redis_server.url) as redis:
            key, known = key_of("pace", "account"), _encode(RateState(rate=5.0))
            report = [1, 1, 3, 2, 5, 6, 0, 0, -1000]  # its first count is 3 of what is new, then 2 refusals
            epoch, text, _, _, fresh, refused, accepted, *_ = redis.eval(REPORT, 1, key, *report)
            assert [fresh, refused, accepted] == [b"0", b"0", b"5"]
            for earlier, found_from in ((b"1", text), (epoch, known)):
                assert redis.eval(LEARN, 1, key, earlier, found_from, known, 200000, 0, "channel") == [epoch, text]
            assert redis.eval(LEARN, 1, key, epoch, text, known, 200000, 0, "channel") == [epoch, known]
        await one.acquire(urgent=False)
        assert one.rate == 5


@pytest.mark.real_time
async def test_what_one_process_finds_reaches_another_with_its_next_permit(redis_server: RedisProcess) -> None:
    async with members(redis_server, 2) as (one, other):
        async with asyncio.timeout(5):
            while one.rate == 200:
                await one.acquire(urgent=False)
                reply(one)
        async with asyncio.timeout(5):
            while other.rate == 200:
                await other.acquire(urgent=False)
        async with members(redis_server, 1) as (new,):
            assert new.rate > 200


@pytest.mark.real_time
async def test_a_server_that_accepts_again_wakes_those_who_wait_for_a_permit_at_the_low_rate(
    redis_server: RedisProcess,
) -> None:
    async with members(redis_server, 2, Adaptive(initial=40.0)) as (one, other):
        for _ in range(3):  # 30/s, then nothing is accepted
            rate = one.rate
            reply(one, throttled=True)
            await until(lambda rate=rate: one.rate < rate)  # type: ignore[misc]
        assert one.rate < 2
        await until(lambda: other.rate == one.rate)
        await other.acquire(urgent=False)
        waiting = asyncio.create_task(other.acquire(urgent=False))
        await asyncio.sleep(0.05)
        reply(one)
        begun = asyncio.get_running_loop().time()
        await waiting
        assert asyncio.get_running_loop().time() - begun < 0.4


@pytest.mark.real_time
async def test_an_empty_redis_learns_what_the_processes_know(redis_server: RedisProcess) -> None:
    async with members(redis_server, 2) as both:
        reply(both[0], throttled=True)
        await until(lambda: both[1].rate < 200)
        known = both[1].rate
        with Redis.from_url(redis_server.url) as redis:
            redis.flushall()
        for one in both:
            await one.acquire(urgent=False)
        async with members(redis_server, 1) as (new,):
            assert new.rate == known


@pytest.mark.real_time
async def test_without_redis_each_follows_the_server_from_its_share_on(
    redis_server: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    async with members(redis_server, 1, workers=4) as (one,):
        redis_server.kill()
        async with asyncio.timeout(5):
            while "away" not in repr(one):
                await one.acquire(urgent=False)
        assert "its share of the rate, 50/s" in caplog.text
        assert one._local is not None
        reply(one, throttled=True)
        assert one._local.rate == pytest.approx(0.9 * 0.85 * 50)
        redis_server.start()
        await until(lambda: "away" not in repr(one))
        await one.acquire(urgent=False)
        assert one.rate == 200


@pytest.mark.real_time
async def test_an_outage_that_all_processes_see_halves_the_rate_once(redis_server: RedisProcess) -> None:
    async with members(redis_server, 3) as all_of_them:
        for one in all_of_them:
            one.restart()
            await asyncio.sleep(0.05)
        await until(lambda: max(one.rate for one in all_of_them) < 200)
        assert {one.rate for one in all_of_them} == {100}


@pytest.mark.real_time
async def test_a_pause_after_a_limit_that_is_known_delays_the_next_probe(redis_server: RedisProcess) -> None:
    async with members(redis_server, 1) as (one,):
        learned = one._learned
        assert learned is not None
        known = _encode(evolve(learned.state, is_confirmed=True, limit=220.0))
        with Redis.from_url(redis_server.url) as redis:
            redis.hset(key_of("pace", "account"), "known", known)
        one.pause(0.2)
        await until(lambda: learned.state.hold_s > 0)
        assert learned.state.hold_s == pytest.approx(4)
        await one.acquire(urgent=False)  # the permits go on


@pytest.mark.real_time
async def test_a_number_instead_of_a_learned_rate_holds_at_once(redis_server: RedisProcess) -> None:
    async with members(redis_server, 1) as (one,):
        assert one.ceiling is None
        one.set_rate(50)
        await one.acquire(urgent=False)
        assert one.rate == one.ceiling == 50
        assert one.good_rate is None
        reply(one, throttled=True)
        assert one.rate == 50
        one.set_rate("auto")
        await one.acquire(urgent=False)
        assert one.rate == 200  # as the others know it


async def test_what_was_derived_from_something_old_is_derived_again() -> None:
    """Somebody else has written in the same epoch between the report and what follows from it."""
    learned, written = LearnedRate(FAST, lambda _: None), list[bytes]()
    meanwhile = _encode(RateState(rate=150.0, throughput=1.0))

    async def run(script: str, arguments: list[Any]) -> list[Any]:
        if script != LEARN:
            return [b"7", learned.offer[0], b"1000000", b"200000", *b"40 0 40 40 0 0 -1000".split()]
        written.append(arguments[2])
        return [b"7", meanwhile if len(written) == 1 else arguments[2]]

    await learned.tell(run, "channel")

    assert len(written) == 2
    assert json.loads(written[0])["rate"] > 200
    assert 150 < learned.state.rate < 200


async def test_a_refusal_after_which_the_rate_stays_begins_an_epoch_too() -> None:
    """One among hundreds at the known limit; the others of the same moment say nothing new."""
    learned, epochs = LearnedRate(FAST, lambda _: None), list[int]()
    learned.adopt(7, _encode(RateState(rate=200.0, limit=200.0, run=500, cut_at=-9.0)))

    async def run(script: str, arguments: list[Any]) -> list[Any]:
        if script != LEARN:
            return [b"7", learned.offer[0], b"1000000", b"200000", *b"40 1 40 41 0 0 -1000".split()]
        epochs.append(arguments[4])
        return [b"7", arguments[2]]

    await learned.tell(run, "channel")

    assert learned.state.rate == 200
    assert epochs == [1]


async def test_a_refusal_that_was_counted_before_a_cut_is_not_told_after_it() -> None:
    learned = LearnedRate(FAST, lambda _: None)
    reply = {"in_flight": 1, "is_full": False, "is_success": False, "is_costly": False}
    assert learned.record_reply(sent_at=0.0, throttled=True, **reply)
    assert learned.has_news
    assert learned.adopt(7, _encode(RateState(rate=150.0)))
    assert not learned.has_news
    assert not learned.adopt(6, _encode(RateState(rate=170.0)))
    assert learned.state.rate == 150


async def test_an_observation_that_a_cut_has_overtaken_is_dropped() -> None:
    learned = LearnedRate(FAST, lambda _: None)
    scripts: list[str] = []

    async def run(script: str, _: list[Any]) -> list[Any]:
        scripts.append(script)
        learned.adopt(8, _encode(RateState(rate=150.0)))
        return [b"7", learned.offer[0], b"1000000", b"200000", *b"40 1 40 40 0 0 -1000".split()]

    await learned.tell(run, "channel")

    assert LEARN not in scripts
    assert learned.state.rate == 150


@pytest.mark.parametrize(
    "text",
    [b"", b"x", b"[]", b"1", b"{}", b"\xff", b'{"rate": "x"}', b'{"rate": 0}', b'{"rate": NaN}',
     b'{"rate": 1, "run": "x"}', b'{"rate": 1, "limit": NaN}', b'{"rate": 1, "run": 1' + b"0" * 400 + b"}",
     b'{"rate": null}'],
)  # fmt: skip
def test_what_makes_no_sense_in_redis_changes_nothing(text: bytes) -> None:
    known = first_state(FAST)
    assert _decode(text, known) is known


def test_what_is_known_reads_as_it_was_written() -> None:
    state = RateState(12.5, limit=20.0, is_confirmed=True, cut_at=1.7e9, run=7)
    assert _decode(_encode(state), first_state(FAST)) == state
    newer = json.dumps({**json.loads(_encode(state)), "something_new": "x"}).encode()
    assert _decode(newer, first_state(FAST)) == state


def test_places_are_divided_among_the_processes() -> None:
    learned = LearnedRate(FAST, lambda _: None)
    learned.members = 4
    assert learned.places == math.inf
    learned.state = evolve(learned.state, places=10.0)
    assert learned.places == 2
    learned.state = evolve(learned.state, places=1.0)
    assert learned.places == 1
