"""Ask once for what many rows need; and do to its end what must not be left half done."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from airmeet_async.errors import AirmeetError

T = TypeVar("T")


def once(fetch: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
    """Return *fetch* with a memory: many rows need it at the same time, and it is asked once, also if it fails."""
    lock = asyncio.Lock()
    found: list[T | AirmeetError] = []

    async def remembered() -> T:
        async with lock:
            if not found:
                try:
                    found.append(await fetch())
                except AirmeetError as error:
                    found.append(error)
        if isinstance(found[0], AirmeetError):
            raise found[0].again()
        return found[0]

    return remembered


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """Do *work* however often the caller is cancelled meanwhile; the cancellation comes out afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if not task.done():
                cancelled = error
        except BaseException:  # noqa: BLE001, S110 - `result` says it below
            pass
    if cancelled is not None and not task.cancelled() and task.exception() is None:
        raise cancelled
    return task.result()
