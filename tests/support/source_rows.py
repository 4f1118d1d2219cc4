"""The rows of a table with their numbers, in the pieces in which they are read."""

from collections.abc import Iterator
from typing import Any

from attrs import frozen

from airmeet_async.tables import Table


@frozen
class SourceRow:
    index: int
    line: int | None
    data: Any


def batches(table: Table, size: int = 500) -> Iterator[list[SourceRow]]:
    """Yield the rows, at most *size* at a time."""
    index = 0
    for rows, lines in table.chunks(size):
        yield [SourceRow(index + n, line, row) for n, (row, line) in enumerate(zip(rows, lines, strict=True))]
        index += len(rows)
