"""Finished rows on their way to whoever reads them: a bounded list that the reader takes whole."""

import asyncio

from airmeet_async.bulk.report import RowResult

_MOST = 1024


class Outbox:
    """Holds results until they are taken. `put` never waits; `room` does, and is where a slow reader is felt."""

    def __init__(self) -> None:
        self._waiting: list[RowResult] = []
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._closed = False
        self._nobody_reads = False

    @property
    def full(self) -> bool:
        """Whether there is `room` to be waited for."""
        return len(self._waiting) >= _MOST

    def put(self, result: RowResult) -> None:
        """Add a result."""
        if self._nobody_reads:
            return
        self._waiting.append(result)
        self._filled.set()
        if len(self._waiting) >= _MOST:
            self._emptied.clear()

    async def room(self) -> None:
        """Wait until the reader has taken enough."""
        if not self._emptied.is_set():
            await self._emptied.wait()

    def close(self) -> None:
        """Say that no more will come."""
        self._closed = True
        self._filled.set()

    def abandon(self) -> None:
        """Say that nobody will read any more: results are only counted from now on."""
        self._nobody_reads = True
        self._waiting.clear()
        self._emptied.set()

    def drain(self) -> list[RowResult]:
        """Return what waits, without waiting for more."""
        taken, self._waiting = self._waiting, []
        self._emptied.set()
        return taken

    async def take(self) -> list[RowResult]:
        """Return all results that wait, or wait for some; an empty list is the end."""
        while not self._waiting and not self._closed:
            self._filled.clear()
            await self._filled.wait()
        return self.drain()
