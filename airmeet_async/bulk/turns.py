"""Whose turn it is: due retries go before fresh rows, and nobody's while something holds the run back."""

import math
from collections.abc import Callable

from airmeet_async.bulk.backlog import Backlog
from airmeet_async.bulk.guard import Guard
from airmeet_async.bulk.row import Row
from airmeet_async.bulk.rows import OpenRows


class Turns:
    """Gives each worker its next row.

    Args:
        rows: Where fresh rows come from.
        backlog: Rows that wait for their next attempt.
        guard: What holds the run back.
        clock: Returns the time in seconds.
        most_delayed: While so many rows wait for their next attempt, no fresh ones begin.

    Attributes:
        over: No more rows are given: the run was stopped.
    """

    def __init__(
        self, rows: OpenRows, backlog: Backlog, guard: Guard, clock: Callable[[], float], most_delayed: int
    ) -> None:
        self._rows = rows
        self._backlog = backlog
        self._guard = guard
        self._clock = clock
        self._most_delayed = most_delayed
        self.over = False

    def at_once(self) -> Row | None:
        """Return a fresh row where nothing holds the run back, which is nearly always; else ask `next`."""
        if self.over or self._backlog.rows or not self._guard.calm:
            return None
        row = self._rows.at_once()
        if row is not None:
            self._guard.begun += 1
        return row

    async def next(self) -> Row | None:
        """Wait for a row to send, and return it, or None when there will be no more."""
        while not self.over:
            if (rest := self._guard.rest(self._clock())) > 0:
                await self._backlog.nap(rest)
            elif (row := self._backlog.due()) is not None or (
                self._may_take_more() and (row := await self._fresh()) is not None
            ):
                return row
            elif self._backlog.rows:
                if (row := await self._backlog.next_due()) is not None:
                    return row
            elif self._rows.ended:
                return None
            else:
                await self._backlog.nap(math.inf)
        return None

    def _may_take_more(self) -> bool:
        """While too many rows wait for their next attempt, or the first ones must prove it, no fresh ones begin."""
        return not self.over and len(self._backlog.rows) < self._most_delayed and self._guard.may_begin()

    async def _fresh(self) -> Row | None:
        row = await self._rows.fresh(self._may_take_more, one_by_one=not self._guard.trusted)
        if row is not None:
            self._guard.begun += 1
        return row
