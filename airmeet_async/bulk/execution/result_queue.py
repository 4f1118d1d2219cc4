"""`ResultQueue`: results on their way to their reader, with back-pressure: a slow reader slows the run down."""

import asyncio
from collections.abc import Callable, Sequence

from airmeet_async.bulk.report import RowResult

_MOST = 1024


class ResultQueue:
    """Holds results until they are taken. `put` never waits; workers call `wait_for_room` between two rows."""

    def __init__(self) -> None:
        self._waiting: list[RowResult] = []
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()
        self._closed = False
        self._discards = False
        self._changed: Callable[[], None] = lambda: None

    @property
    def is_full(self) -> bool:
        """Whether `wait_for_room` would wait."""
        return len(self._waiting) >= _MOST

    def watch(self, changed: Callable[[], None]) -> None:
        """Call *changed* when there is room again."""
        self._changed = changed

    def put(self, results: Sequence[RowResult]) -> None:
        if self._discards:
            return
        self._waiting += results
        self._filled.set()
        if len(self._waiting) >= _MOST:
            self._emptied.clear()

    async def wait_for_room(self) -> None:
        """Wait until the reader has taken what is there."""
        if not self._emptied.is_set():
            await self._emptied.wait()

    def close(self) -> None:
        """Say that no more will come."""
        self._closed = True
        self._filled.set()

    def discard(self) -> None:
        """Say that nobody will read any more: what is there and what comes is dropped."""
        self._discards = True
        self._waiting.clear()
        self._emptied.set()
        self._changed()

    def take_ready(self) -> list[RowResult]:
        """Return the results that wait, without waiting for more."""
        taken, self._waiting = self._waiting, []
        if not self._emptied.is_set():
            self._emptied.set()
            self._changed()
        return taken

    async def take(self) -> list[RowResult]:
        """Return all results that wait, or wait for some; an empty list is the end."""
        while not self._waiting and not self._closed:
            self._filled.clear()
            await self._filled.wait()
        return self.take_ready()
