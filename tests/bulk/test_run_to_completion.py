"""Work that must not be left half done."""

import asyncio

import anyio
import pytest

from airmeet_async.bulk.run_to_completion import run_to_completion


async def test_work_is_finished_however_often_its_caller_is_cancelled() -> None:
    """Only then is the caller cancelled."""
    done: list[float] = []

    async def work() -> None:
        await anyio.sleep(1)
        done.append(anyio.current_time())

    task = asyncio.create_task(run_to_completion(work()))
    for _ in range(3):
        await anyio.sleep(0.1)
        task.cancel()
    await anyio.sleep(2)

    assert len(done) == 1
    assert task.cancelled()


async def test_a_cancelled_scope_around_it_does_not_keep_the_loop_busy() -> None:
    """It would cancel once in each step of the loop, and time would not pass here."""
    with anyio.move_on_after(1) as scope:
        await run_to_completion(anyio.sleep(3))
        await anyio.sleep(1)

    assert scope.cancelled_caught
    assert anyio.current_time() == pytest.approx(3, abs=0.01)
