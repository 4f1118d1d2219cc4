"""Ask once for what many rows need."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

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
