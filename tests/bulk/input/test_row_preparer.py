"""Preparing rows, where an operation has to fetch something before it knows what a row means."""

import asyncio
from typing import Any

from airmeet_async import RowResult, RowStatus, calls
from airmeet_async.bulk.input.operations import BulkOperation, PreparedRow
from airmeet_async.bulk.input.row_preparer import UniqueRowPreparer
from airmeet_async.tables import SourceRow


class Fetching(BulkOperation):
    """An operation that has to fetch something for rows with a question mark."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()

    def prepare(self, data: Any) -> PreparedRow | None:
        if data.endswith("?") and not self.answer.is_set():
            return None
        key = data.rstrip("?")
        return PreparedRow(key, key, calls.block_attendee("e1", f"{key}@example.com"))

    async def fetch(self) -> None:
        await self.answer.wait()


async def test_of_equal_rows_the_first_one_counts_also_if_it_takes_longer() -> None:
    operation = Fetching()
    preparer = UniqueRowPreparer(operation)
    rows = [SourceRow(0, 2, "ada?"), SourceRow(1, 3, "ada"), SourceRow(2, 4, "bob")]

    early = [preparer.prepare_now(row) for row in rows]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(preparer.prepare(row)) for row in rows]
        await asyncio.sleep(0)
        operation.answer.set()
    first, second, third = (task.result() for task in tasks)

    assert early == [None, None, None]
    assert isinstance(first, PreparedRow)
    assert isinstance(second, RowResult)
    assert (second.status, second.duplicate_of) == (RowStatus.DUPLICATE, 0)
    assert second.error is not None
    assert second.error.message.startswith("repeats line 2,")
    assert isinstance(third, PreparedRow)
    assert isinstance(preparer.prepare_now(SourceRow(3, 5, "cyd")), PreparedRow)
