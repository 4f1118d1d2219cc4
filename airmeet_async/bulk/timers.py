"""What happens after a time, and every so often, for as long as a run is on."""

from collections.abc import Callable

import anyio


async def after(seconds: float | None, do: Callable[[], None]) -> None:
    """Do it once after so many seconds; never for None."""
    if seconds is not None:
        await anyio.sleep(seconds)
        do()


async def every(seconds: float, do: Callable[[], None]) -> None:
    """Do it again and again."""
    while True:
        await anyio.sleep(seconds)
        do()
