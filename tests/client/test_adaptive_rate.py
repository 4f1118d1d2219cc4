"""The control law: what is known after what was seen, as a table, and the permits that follow it."""

import math
from typing import Any

import anyio
import pytest

from airmeet_async.client.adaptive_rate import (
    Adaptive,
    Observation,
    RateState,
    adjust,
    after_outage,
    after_pause,
    first_state,
)
from airmeet_async.client.permits import LocalPermits
from airmeet_async.client.rate_limiter import Pace, Priority
from airmeet_async.errors import ConfigError
from tests.cases import case

NOW = 100.0
LAW = Adaptive()


async def nothing() -> None:
    """Be ready at once."""


def seen(accepted: int = 10, refused: int = 0, seconds: float = 0.1, **facts: Any) -> Observation:
    given = {"now": NOW, "seconds": seconds, "accepted": accepted, "fresh": accepted, "refused": refused}
    return Observation(**given | {"replies": accepted + refused} | facts)


@pytest.mark.parametrize(
    "facts",
    [
        {"initial": 0},
        {"initial": math.nan},
        {"initial": True},
        {"initial": "5"},
        {"recovery": math.inf},
        {"floor": -1},
        {"floor": 20, "initial": 10},
        {"initial": 3000},
        {"decrease": 1},
        {"recovery": 0},
        {"doubling": 0},
    ],
)
def test_senseless_settings_are_refused(facts: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="adaptive rate"):
        Adaptive(**facts)


def test_a_start_is_held_between_floor_and_ceiling() -> None:
    """A resumed job may have known a rate that the settings do not allow."""
    settings = Adaptive(floor=1, ceiling=100)

    assert [settings.starting_at(rate).initial for rate in (0.1, 32, 500)] == [1, 32, 100]


STEADY = RateState(100, limit=102, low=95, climb_s=4, used_s=5, cut_at=NOW - 5, run=50, crowd=9, throughput=100)
QUEUEING = RateState(200, throughput=80, base=0.05, slow=4, crowd=60)
# What is known, what is seen, and what is known then.
CASES: dict[str, tuple[RateState, Observation, dict[str, float]]] = {
    "a start doubles": (RateState(100), seen(), {"rate": 100 * 2 ** (0.1 / 0.5)}),
    "an unused rate stays": (RateState(100), seen(7), {"rate": 100}),
    "the ceiling holds": (RateState(2000), seen(300), {"rate": 2000}),
    "below the limit it climbs": (
        RateState(85, limit=100, low=85, climb_s=4, used_s=2, cut_at=NOW - 2), seen(),
        {"rate": 99 - 14 * (1 - 2.1 / 4) ** 3},
    ),
    "far beyond the limit it doubles, slowly": (
        RateState(120, limit=100, low=95, climb_s=2, cut_at=NOW - 9), seen(12), {"rate": 120 * 2 ** (0.1 / 1.0)},
    ),
    "a start that is refused": (
        RateState(100, throughput=80), seen(refused=1), {"rate": 0.85 * 90, "limit": 90, "cut_at": NOW},
    ),
    "the same limit again costs little": (STEADY, seen(refused=1), {"rate": 0.95 * 97, "limit": 97}),
    "one refusal among hundreds costs nothing": (
        RateState(100, limit=102, low=95, cut_at=NOW - 20, run=150, crowd=9),
        seen(refused=1), {"rate": 100},
    ),
    "a second refusal soon after measures the limit": (
        RateState(190, limit=200, low=190, cut_at=NOW - 0.5, run=40, crowd=9), seen(refused=1),
        {"limit": 100, "rate": 95},
    ),
    "one too soon to tell": (
        RateState(190, limit=200, low=190, cut_at=NOW - 0.2, run=10, crowd=9), seen(refused=1), {"rate": 190},
    ),
    "nothing accepted": (
        RateState(85, limit=100, low=85, cut_at=NOW - 0.1, has_accepted=False), seen(0, refused=1),
        {"rate": 21.25, "limit": 100, "good_rate": 85},
    ),
    "accepted again": (
        RateState(0.5, limit=100, low=85, cut_at=NOW - 1, has_accepted=False, is_starved=True), seen(1, seconds=1),
        {"rate": 85},
    ),
    "old acceptances do not end that": (
        RateState(0.5, limit=100, low=85, cut_at=NOW - 1, has_accepted=False, is_starved=True), seen(1, fresh=0),
        {"rate": 0.5},
    ),
    "a refusal that may have mailed is never nothing": (
        RateState(100, limit=102, low=95, cut_at=NOW - 20, run=500, crowd=9), seen(refused=1, is_costly=True),
        {"rate": 0.95 * 93, "hold_s": 40},
    ),
    "more at once than ever before": (
        STEADY, seen(refused=1, crowd=10), {"rate": 100, "places": 10, "places_hold_s": 2},
    ),
    "the same number again": (
        RateState(100, limit=102, cut_at=NOW - 20, crowd=7, places=8, places_hold_s=2), seen(refused=1, crowd=8),
        {"places": 8, "places_hold_s": 4},
    ),
    "slow once is not a queue": (RateState(200, base=0.05), seen(latency=0.8), {"places": math.inf}),
    "slow for long is one": (QUEUEING, seen(8, latency=0.8), {"places": 6, "trial": 0.8}),
    "a little slower is none": (
        RateState(200, base=0.002, slow=4), seen(latency=0.02), {"places": math.inf, "slow": 0},
    ),
    "fewer at once made it quicker": (
        RateState(200, base=0.05, places=6, trial=0.8, slow=4, crowd=5), seen(latency=0.075), {"places": 6, "trial": 0},
    ),
    "fewer at once changed nothing": (
        RateState(200, base=0.05, places=6, trial=0.8, slow=4, crowd=5), seen(latency=0.78),
        {"places": math.inf, "base": 0.78, "trial": 0},
    ),
    "quick and full: one more": (
        RateState(200, base=0.05, places=6, crowd=5), seen(latency=0.055, crowd_ok=5), {"places": 7},
    ),
    "quick and not full": (RateState(200, base=0.05, places=6), seen(latency=0.055, crowd_ok=3), {"places": 6}),
    "full, but refused not long ago": (
        RateState(200, base=0.05, places=6, places_at=NOW - 1, places_hold_s=2), seen(latency=0.055, crowd_ok=5),
        {"places": 6},
    ),
}  # fmt: skip


def test_what_is_known_after_what_was_seen() -> None:
    for name, (known, came, expected) in CASES.items():
        with case(name):
            then = adjust(known, came, LAW)

            assert {fact: getattr(then, fact) for fact in expected} == pytest.approx(expected)


def test_a_pause_is_relief_enough_where_the_limit_is_known() -> None:
    known = RateState(95, limit=100, low=95, climb_s=1, is_confirmed=True)

    assert after_pause(known, 2, LAW).hold_s == 40
    assert after_pause(known, 60, LAW).hold_s == 120
    assert after_pause(RateState(85, limit=100, low=85), 2, LAW).hold_s == 0


def test_an_outage_halves_the_rate_and_forgets_no_limit() -> None:
    then = after_outage(RateState(0.5, limit=100, low=85, is_starved=True), LAW)

    assert (then.rate, then.limit, then.is_starved) == (42.5, 100, False)
    assert adjust(then, seen(5, now=NOW + 4, seconds=0.1), LAW).rate > 42.5


def test_a_run_that_knows_a_limit_begins_below_it_and_climbs_to_it() -> None:
    state = first_state(LAW.starting_at(80, 100))

    for n in range(60):
        state = adjust(state, seen(12, now=NOW + n / 10), LAW)
        assert state.rate < 120
    assert state.rate > 98


# Permits of one process.


async def test_without_a_rate_the_law_begins_at_the_first_refusal_with_what_was_sent() -> None:
    permits = LocalPermits(None)
    heard: list[float | None] = []
    permits.watch(lambda: heard.append(permits.rate))
    await anyio.sleep(1)
    permits.heard(throttled=False, sent_at=0.9, in_flight=9)
    assert (permits.at_once(), permits.rate) == (True, None)

    permits.heard(throttled=True, sent_at=0.9, in_flight=9)

    assert permits.rate == pytest.approx(0.85 * 90, rel=0.01)
    assert (permits.at_once(), heard) == (False, [permits.rate])


async def test_a_number_is_a_ceiling() -> None:
    """It is used from the first request on, kept while nothing is refused, and left where something is."""
    permits = LocalPermits(50)
    for _ in range(200):
        await anyio.sleep(0.02)
        permits.heard(throttled=False, sent_at=anyio.current_time() - 0.01, in_flight=1)
    assert permits.rate == 50

    permits.heard(throttled=True, sent_at=anyio.current_time() - 0.01, in_flight=1)
    assert permits.rate == pytest.approx(0.85 * 45)
    permits.set_rate(50)
    assert permits.rate == 50


async def test_what_was_sent_before_the_last_cut_says_nothing_new() -> None:
    permits = LocalPermits(Adaptive(initial=100))
    await anyio.sleep(1)
    permits.heard(throttled=True, sent_at=0.95, in_flight=5)
    once = permits.rate
    for sent_at in (0.96, 0.97, 0.98):
        permits.heard(throttled=True, sent_at=sent_at, in_flight=5)

    assert once is not None
    assert permits.rate == once < 100


async def test_a_pace_and_the_one_above_it_both_learn_and_a_pace_without_a_rate_does_not() -> None:
    for above, then in ((Adaptive(initial=100), 76.5), (None, None)):
        client = Pace(above, 4)
        job = Pace(50, 4, parent=client)
        await anyio.sleep(1)

        job.feedback(throttled=True, latency=0.05)

        assert (client.rate, job.rate) == (then, 0.85 * 45)


async def test_a_pause_is_a_pause_of_all_and_nothing_bursts_after_it() -> None:
    """The limiter saves nothing up, and the rate does not grow while all wait."""
    client = Pace(None, 64)
    pace = Pace(Adaptive(initial=100), 64, parent=client)
    starts = []

    async def work() -> None:
        for _ in range(5):
            await pace.acquire(Priority.BULK, nothing)
            starts.append(anyio.current_time())
            pace.release()

    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(work)
        await anyio.sleep(0.3)
        pace.feedback(throttled=True, latency=0.05)
        pace.pause(5)
        assert client.is_paused

    after = [at for at in starts if at >= 5.3]
    assert len([at for at in after if at < after[0] + 0.1]) <= 11
