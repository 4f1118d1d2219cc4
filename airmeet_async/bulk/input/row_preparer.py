"""Preparing rows: each is validated and becomes a call, or gets the result that it ends with unsent.

Of rows with equal keys the first one in the input counts, also where its call takes longer to make than that of the
second.
"""

import asyncio
from array import array
from typing import Any, Protocol

from airmeet_async.bulk.input.deduplicate import DuplicateFinder
from airmeet_async.bulk.input.operations import BulkOperation, InvalidRow, PreparedRow
from airmeet_async.bulk.report import RowError, RowResult, RowStatus
from airmeet_async.errors import AirmeetError
from airmeet_async.protocol.validation import Problem
from airmeet_async.tables import SourceRow


class RowPreparer(Protocol):
    """Says of each row what is to be sent, or the result that it ends with unsent.

    Attributes:
        prepares_all: Each row must be prepared, even if it is not sent: it is written down.
    """

    prepares_all: bool

    def prepare_now(self, source: SourceRow) -> PreparedRow | RowResult | None:
        """Return the row ready to be sent, or its result; None where that takes waiting: call `prepare` then."""
        ...

    async def prepare(self, source: SourceRow) -> PreparedRow | RowResult:
        """Return the row ready to be sent, or its result."""
        ...


class UniqueRowPreparer:
    """Prepares rows of a run without a journal, each key once.

    Args:
        operation: Makes a call of a row.
    """

    prepares_all = False

    def __init__(self, operation: BulkOperation) -> None:
        self._operation = operation
        self._duplicates = DuplicateFinder()
        self._lines = array("q")  # where rows of a file stand, by index, in eight bytes each
        # Rows for which the operation has to fetch something, and those behind them.
        self._waiting: set[int] = set()
        self._in_order = asyncio.Lock()

    def prepare_now(self, source: SourceRow) -> PreparedRow | RowResult | None:
        """Return the row ready to be sent, or its result; None where a fetch comes first."""
        if self._waiting or (made := prepare_row(self._operation, source.data)) is None:
            self._waiting.add(source.index)
            return None
        return self._checked(source, made)

    async def prepare(self, source: SourceRow) -> PreparedRow | RowResult:
        try:
            async with self._in_order:
                return self._checked(source, await fetch_and_prepare(self._operation, source.data))
        finally:
            self._waiting.discard(source.index)

    def place_of(self, index: int) -> str:
        """Return where a row stands that was prepared before."""
        return f"line {self._lines[index]}" if index < len(self._lines) else f"row {index + 1}"

    def _checked(self, source: SourceRow, made: PreparedRow | InvalidRow) -> PreparedRow | RowResult:
        if source.line is not None:
            gap = source.index - len(self._lines)
            if gap >= 0:
                self._lines.extend([0] * gap + [source.line])
            else:
                self._lines[source.index] = source.line
        if isinstance(made, InvalidRow):
            error = RowError(made.problem.code, made.problem.message)
            return RowResult(source.index, source.line, made.key, RowStatus.INVALID, error=error, row=source.data)
        if made.identity:
            first = self._duplicates.first_index(made.identity, source.index)
            if first != source.index:
                error = RowError("duplicate", f"repeats {self.place_of(first)}, which is sent instead")
                return RowResult(
                    source.index, source.line, made.key, RowStatus.DUPLICATE,
                    error=error, duplicate_of=first, row=source.data,
                )  # fmt: skip
        return made


def prepare_row(operation: BulkOperation, data: Any) -> PreparedRow | InvalidRow | None:
    """Let *operation* prepare a row: its exceptions are the row's fault, but errors of Airmeet concern all rows."""
    try:
        made = operation.prepare(data)
        if type(made) is PreparedRow:
            _ = made.call.payload  # it must be possible to encode it
    except AirmeetError:
        raise
    except Exception as error:  # noqa: BLE001 - one odd row must not end the run
        return InvalidRow("", Problem("invalid_row", f"{type(error).__name__}: {error}"))
    return made


async def fetch_and_prepare(operation: BulkOperation, data: Any) -> PreparedRow | InvalidRow:
    """Do the same, and let the operation fetch what it has to know first."""
    while (made := prepare_row(operation, data)) is None:
        await operation.fetch()
    return made
