"""`MemoryJournal`: for a run that keeps no journal."""

from typing import Any

from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.execution.row import Row
from airmeet_async.bulk.journal import Earlier
from airmeet_async.bulk.report import RowResult


class MemoryJournal:
    """Passes results on, and keeps nothing."""

    def __init__(self, results: ResultQueue) -> None:
        self.facts: dict[str, Any] = {}
        self.earlier: Earlier | None = None
        self._results = results

    def record_intent(self, row: Row) -> None:
        """Let the request leave at once."""

    def record_retry(self, row: Row) -> None:
        """Do nothing."""

    def record_result(self, row: Row, result: RowResult) -> None:  # noqa: ARG002 - as `Journal` has it
        """Pass the result on."""
        self._results.put(result)

    def record_facts(self, facts: dict[str, Any]) -> None:
        """Do nothing."""

    async def close(self, facts: dict[str, Any]) -> None:
        """Do nothing."""
