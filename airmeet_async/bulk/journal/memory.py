"""Who is told what becomes of each row of a run, and hands the results on. `bulk.journal` has the books that last."""

from collections.abc import Awaitable
from typing import Any, Protocol

from attrs import frozen

from airmeet_async.bulk.execution.result_queue import Outbox
from airmeet_async.bulk.execution.row import Row
from airmeet_async.bulk.report import RowResult


@frozen
class Earlier:
    """What a journal knew when a run began.

    Attributes:
        settled: Rows that have ended already, or never go out.
        unclear: Rows that were sent without a clear answer.
        changed: Rows that were done, and have changed in the input since; Airmeet does not update them.
        updated: Rows that were not done, and have changed in the input since.
        new: Rows that were not in the input before.
    """

    settled: int = 0
    unclear: int = 0
    changed: int = 0
    updated: int = 0
    new: int = 0


class Books(Protocol):
    """Who is told what becomes of each row, and hands the results on."""

    facts: dict[str, Any]
    earlier: Earlier | None

    def intend(self, row: Row) -> Awaitable[None] | None:
        """Return what to wait for before the row's request may leave; None where it may leave at once."""
        ...

    def defer(self, row: Row) -> None:
        """Take note that the row will be sent again."""
        ...

    def settle(self, row: Row, result: RowResult) -> None:
        """Take note of the row's end, and hand its result on."""
        ...

    def remember(self, facts: dict[str, Any]) -> None:
        """Note facts about the run that the next one should know."""
        ...

    async def close(self, facts: dict[str, Any]) -> None:
        """Note the last facts about the run, and return when all has been noted."""
        ...


class NoBooks:
    """For a run without a journal: results are handed on, and that is all.

    Args:
        outbox: Where to.

    Attributes:
        facts: Nothing is known.
        earlier: There was nothing.
    """

    def __init__(self, outbox: Outbox) -> None:
        self.facts: dict[str, Any] = {}
        self.earlier: Earlier | None = None
        self._outbox = outbox

    def intend(self, row: Row) -> None:
        """Do nothing."""

    def defer(self, row: Row) -> None:
        """Do nothing."""

    def settle(self, row: Row, result: RowResult) -> None:  # noqa: ARG002 - as `Books` has it
        """Hand the result on."""
        self._outbox.put(result)

    def remember(self, facts: dict[str, Any]) -> None:
        """Do nothing."""

    async def close(self, facts: dict[str, Any]) -> None:
        """Do nothing."""
