"""The adaptive rate: it finds hidden limits, stays near them, and grows only when it is used."""

import asyncio
import math
from typing import Any

import anyio
import pytest

from airmeet_async.client.adaptive_rate import Adaptive, RateController
from airmeet_async.client.client import Client
from airmeet_async.client.rate_limiter import Pace, Priority
from airmeet_async.errors import ConfigError


async def nothing() -> None:
    """Be ready at once."""


def fed(controller: RateController, seconds: float, share: float = 1.0, start: float = 0.0) -> float:
    """Let all requests be accepted for so long, at that share of the rate, and return when that was over."""
    now = start
    while now < start + seconds:
        now += 1 / (controller.rate * share)
        controller.note_reply(throttled=False, sent_at=now - 0.05, now=now)
    return now


@pytest.mark.parametrize(
    "facts",
    [
        {"initial": 0},
        {"initial": math.nan},
        {"initial": True},
        {"initial": "5"},
        {"ceiling": math.inf},
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


def test_a_rate_that_is_used_doubles_every_second_up_to_the_ceiling() -> None:
    controller = RateController(Adaptive(ceiling=300))

    now = fed(controller, 3)
    assert 50 <= controller.rate <= 90
    fed(controller, 5, start=now)
    assert controller.rate == 300


def test_a_rate_that_is_not_used_does_not_grow() -> None:
    """A slow application proves nothing about the server."""
    controller = RateController(Adaptive())

    fed(controller, 60, share=0.5)

    assert controller.rate == 10


def test_refusals_of_one_round_trip_count_once() -> None:
    """What was sent before the cut says nothing about the rate after it."""
    controller = RateController(Adaptive(initial=100))
    now = fed(controller, 1)
    before = controller.rate
    once = controller.note_reply(throttled=True, sent_at=now - 0.05, now=now)
    for late in (0.01, 0.02, 0.04):
        controller.note_reply(throttled=True, sent_at=now + late - 0.05, now=now + late)

    assert controller.rate == once < before


def test_a_refused_rate_falls_to_085_and_is_back_in_six_seconds() -> None:
    controller = RateController(Adaptive(initial=100, ceiling=100))
    now = fed(controller, 20)
    controller.note_reply(throttled=True, sent_at=now, now=now)

    assert controller.rate == pytest.approx(85, rel=0.02)
    fed(controller, 6, start=now)
    assert controller.rate == pytest.approx(99, rel=0.02)


def test_an_exhausted_window_costs_nothing_of_what_is_known() -> None:
    """While nothing is accepted, hardly anything is sent; the first that is accepted brings the rate back."""
    controller = RateController(Adaptive(initial=100, ceiling=100))
    now = fed(controller, 20)
    for _ in range(10):
        now += 0.1
        controller.note_reply(throttled=True, sent_at=now - 0.05, now=now)
    assert controller.rate == 0.5
    assert controller.accepted_rate == pytest.approx(85, rel=0.02)

    controller.note_reply(throttled=False, sent_at=now + 0.1, now=now + 0.2)

    assert controller.rate == pytest.approx(85, rel=0.02)


async def test_only_a_pause_the_server_asked_for_stops_all_under_an_adaptive_pace() -> None:
    client = Pace(None, 4)
    job = Pace(Adaptive(), 4, parent=client)

    job.back_off(30, named=False)
    assert client.statistics().paused_s == 0
    job.back_off(30, named=True)
    assert client.statistics().paused_s == pytest.approx(30, abs=0.001)


async def test_a_fixed_pace_stops_all_for_either_pause() -> None:
    pace = Pace(10, 4)

    pace.back_off(30, named=False)

    assert pace.statistics().paused_s == pytest.approx(30, abs=0.001)


async def test_after_a_pause_nothing_bursts() -> None:
    """The limiter saves nothing up, and the rate does not grow while all wait."""
    pace = Pace(Adaptive(initial=100), 64)
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
        pace.back_off(5, named=True)

    after = [at for at in starts if at >= 5.3]
    assert len([at for at in after if at < after[0] + 0.1]) <= 11


async def test_each_adaptive_pace_learns_from_an_answer() -> None:
    """A job's own and the client's; a fixed one stays."""
    client = Pace(Adaptive(initial=100), 4)
    job = Pace(50, 4, parent=client)

    job.feedback(throttled=True, latency=0.05)

    assert (client.rate, client.good_rate) == (42.5, 42.5)
    assert (job.rate, job.good_rate, job.adapts, Pace(50, 4).adapts) == (50, 50, True, False)


async def test_a_number_ends_adapting() -> None:
    """A person's word is final, until the person says otherwise."""
    pace = Pace("auto", 4)
    pace.set_rate(7)
    pace.feedback(throttled=True, latency=0.0)
    assert (pace.rate, pace.adapts) == (7, False)

    pace.set_rate("auto")

    assert (pace.rate, pace.adapts) == (10, True)


@pytest.mark.parametrize("rate", ["auto", Adaptive(initial=10)])
async def test_a_client_takes_an_adaptive_rate(rate: Any) -> None:
    async with Client("key", "secret", base_url="https://sandbox.example/prod", rate=rate) as client:
        await asyncio.sleep(0)

    assert client.pace.adapts
    assert client.options.rate == 10


def test_a_rate_climbs_back_to_just_below_the_limit_that_is_known() -> None:
    """It would be refused at the limit itself; only after that climb it looks, slowly, whether the limit has moved."""
    controller = RateController(Adaptive(initial=100))
    now = fed(controller, 0.05)
    controller.note_reply(throttled=True, sent_at=now, now=now)
    limit = controller.rate / 0.85

    seen = []
    for _ in range(60):
        now = fed(controller, 0.1, start=now)
        seen.append(controller.rate / limit)

    assert seen == sorted(seen)
    assert 0.85 <= seen[0] < 0.87
    assert max(seen[:58]) < 0.991
    assert seen[-1] > 0.985
    fed(controller, 2, start=now)
    assert 0.99 <= controller.rate / limit < 1.0
