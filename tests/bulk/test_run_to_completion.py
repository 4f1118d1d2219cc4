"""Work that must not be left half done."""

import asyncio

import anyio

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
