"""Rows that wait for their next attempt, and the workers that wait for something to do."""

import asyncio
import heapq
import itertools
from collections.abc import Callable

import anyio

from airmeet_async.bulk.row import Row


class Backlog:
    """Holds rows until they are due, and wakes those who wait.

    Args:
        clock: Returns the time in seconds.

    Attributes:
        rows: When each is due, its number, and the row itself; the next one first.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.rows: list[tuple[float, int, Row]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()

    def put(self, row: Row, seconds: float) -> None:
        """Keep a row for that long."""
        heapq.heappush(self.rows, (self._clock() + seconds, next(self._order), row))

    def due(self) -> Row | None:
        """Return a row whose time has come, or None."""
        if self.rows and self.rows[0][0] <= self._clock():
            return heapq.heappop(self.rows)[2]
        return None

    async def next_due(self) -> Row | None:
        """Claim the row that is due next and sleep until then; give it back and return None if woken before."""
        claimed = heapq.heappop(self.rows)
        with anyio.move_on_after(claimed[0] - self._clock()):
            await self._wake.wait()
            heapq.heappush(self.rows, claimed)
            return None
        return claimed[2]

    async def nap(self, seconds: float) -> None:
        """Sleep for that long, or until woken."""
        with anyio.move_on_after(seconds):
            await self._wake.wait()

    def wake(self) -> None:
        """Wake all who sleep here."""
        self._wake.set()
        self._wake = asyncio.Event()
