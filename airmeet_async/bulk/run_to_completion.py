"""`run_to_completion`: a journal is closed and a lock given back, however often the caller is cancelled."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import anyio

T = TypeVar("T")


async def run_to_completion(work: Coroutine[Any, Any, T]) -> T:
    """Finish *work* although the caller is cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    with anyio.CancelScope(shield=True):  # a scope around this one would cancel once in each step of the loop
        while not task.done():
            try:
                await asyncio.shield(task)
            except asyncio.CancelledError as error:
                if not task.done():
                    cancelled = error
            except BaseException:  # noqa: BLE001, S110 - `result` raises it below
                pass
    if cancelled is not None and not task.cancelled() and task.exception() is None:
        raise cancelled
    return task.result()
