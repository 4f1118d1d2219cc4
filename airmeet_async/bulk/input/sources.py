"""`RowSource`: rows of any iterable, async iterable, data frame or file, read only as fast as they are sent."""

import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sequence, Sized
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from attrs import frozen

from airmeet_async.bulk.input.column_names import RESULT_COLUMNS, field_for_column
from airmeet_async.bulk.options import FileOptions
from airmeet_async.errors import ConfigError, InputError, JournalError
from airmeet_async.tables import SourceRow, Table, is_frame, open_frame, open_table

OpenedRows = Iterable[Any] | AsyncIterable[Any] | Table
Rows = OpenedRows | str | os.PathLike[str]

IsHeader = Callable[[Sequence[str]], bool]

READ_AHEAD = 512
_FILE_OPTIONS = FileOptions.__annotations__
_CLOSING = 5.0  # seconds that a generator of the caller's has to close itself


def names_email(cells: Sequence[str]) -> bool:
    """Whether a line of a list of people names the columns."""
    return any(field_for_column(cell) == "email" for cell in cells)


def open_file(path: str | os.PathLike[str], is_header: IsHeader | None = names_email, **options: Any) -> Table:
    """Open a file and read it to its end, so that nothing is sent of one that cannot be read.

    Args:
        path: The file.
        is_header: Whether a line names the columns; None takes the first.
        **options: As for `open_table`.

    Raises:
        InputError: It cannot be read as a table.
    """
    return open_table(path, is_header=is_header, own_columns=RESULT_COLUMNS, **options).check()


async def open_rows(
    rows: Rows, options: FileOptions | None = None, is_header: IsHeader | None = names_email
) -> OpenedRows:
    """Return *rows*; a data frame and the path of a file as a table that was read to its end.

    Args:
        rows: Where from.
        options: How a file is read; others than `FileOptions` are passed over.
        is_header: Whether a line of a file names the columns; None takes the first.

    Raises:
        InputError: The file cannot be read as a table.
        ConfigError: *rows* is not a source of rows.
    """
    given = {name: value for name, value in (options or {}).items() if name in _FILE_OPTIONS and value is not None}
    if isinstance(rows, (str, os.PathLike)):
        return await anyio.to_thread.run_sync(partial(open_file, rows, is_header, **given))
    if given:
        raise ConfigError(f"{', '.join(given)}: only for files, and rows is not a path")
    if is_frame(rows):
        return await anyio.to_thread.run_sync(lambda: open_frame(rows).check())
    if isinstance(rows, (bytes, dict)) or not isinstance(rows, (Iterable, AsyncIterable)):
        what = "rows must be an iterable of attendees or mappings, a data frame, or a path"
        raise ConfigError(f"{what}, not {type(rows).__name__}")
    return rows


class RowSource:
    """Hands rows out one by one. `take` never waits; `pump` reads ahead where reading takes time.

    Args:
        rows: Where from.
        ahead: Most rows to read before they are wanted; by default one of the caller's own source, more of a file.

    Attributes:
        ended: Every row has been handed out, or reading has failed.
        finite: Reading on to the end after a stop is sure to end.
        total: How many rows there will be, where that is known.
    """

    def __init__(self, rows: OpenedRows, ahead: int | None = None) -> None:
        self.ended = False
        self.finite = isinstance(rows, (Table, Sized))
        self.total = rows.rows if isinstance(rows, Table) else len(rows) if isinstance(rows, Sized) else None
        self._index = 0
        # One of the two: rows that can be had at once, or rows that a pump reads ahead into a small buffer.
        self._iterator: Iterator[Any] | None = None
        self._async_iterator: AsyncIterator[Any] | None = None
        self._buffer: deque[Any] = deque()
        self._room = anyio.Event()
        # A file can be read again, so any number; of the caller's own source no more than the next row.
        self._ahead = ahead or (READ_AHEAD if isinstance(rows, Table) else 1)
        if isinstance(rows, Table):
            self._async_iterator = _read_table(rows)
        elif isinstance(rows, AsyncIterable):
            self._async_iterator = aiter(rows)
        else:
            self._iterator = iter(rows)

    def take(self) -> SourceRow | None:
        """Return the next row, or None where there is none now; `ended` tells whether there will be one.

        Raises:
            InputError: The source raised; its own error is the cause.
        """
        if self.ended:
            return None
        try:
            if self._iterator is not None:
                data = next(self._iterator)
            elif self._buffer:
                data = self._buffer.popleft()
                self._room.set()
                if isinstance(data, _End):
                    raise data.error  # noqa: TRY301 - to the handlers that are for the other kind of source, too
            else:
                return None
        except StopIteration:
            self.ended = True
            return None
        except Exception as error:
            self.ended = True
            if isinstance(error, (InputError, JournalError)):
                raise
            kind = type(error).__name__
            what = f"the source of rows raised {kind} at row {self._index} (counted from 0): {error}"
            raise InputError(what) from error
        row = _numbered(self._index, data)
        self._index += 1
        return row

    async def pump(self, arrived: Callable[[], None]) -> None:
        """Read ahead until the source ends, and call *arrived* after each row. Returns at once for a plain iterable."""
        if self._async_iterator is None:
            return
        try:
            async for data in self._async_iterator:
                await self._put(data, arrived)
            await self._put(_End(StopIteration()), arrived)
        except Exception as error:  # noqa: BLE001 - whatever the caller's source raises is raised where rows are taken
            await self._put(_End(error), arrived)
        finally:
            if isinstance(self._async_iterator, AsyncGenerator):
                with anyio.CancelScope(shield=True, deadline=anyio.current_time() + _CLOSING):
                    await self._async_iterator.aclose()

    def stop_reading(self) -> None:
        """Take no more from the source: what has been read ahead is all that is left."""
        self._iterator = None
        self._buffer.append(_End(StopIteration()))

    async def _put(self, data: Any, arrived: Callable[[], None]) -> None:
        """Add first, wait afterwards: a row that a cancelled task still holds would be lost."""
        self._buffer.append(data)
        arrived()
        while len(self._buffer) >= self._ahead:
            self._room = anyio.Event()
            await self._room.wait()


@frozen
class _End:
    """Stands behind the last row: the error of a source, or `StopIteration`."""

    error: Exception


def read_batches(rows: Table | Sequence[Any], size: int) -> Iterator[list[SourceRow]]:
    """Yield the rows of an input that can be read again, *size* at a time."""
    if isinstance(rows, Table):
        yield from rows.batches(size)
        return
    for start in range(0, len(rows), size):
        yield [_numbered(index, row) for index, row in enumerate(rows[start : start + size], start)]


def _numbered(index: int, data: Any) -> SourceRow:
    return data if isinstance(data, SourceRow) else SourceRow(index, None, data)


async def _read_table(table: Table) -> AsyncIterator[SourceRow]:
    batches = table.batches()
    while batch := await anyio.to_thread.run_sync(next, batches, None):
        for row in batch:
            yield row
