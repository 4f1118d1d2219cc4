"""`RowSource`: rows of any iterable, async iterable, data frame or file, read only as fast as they are sent."""

import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sized
from functools import partial
from typing import Any

import anyio
import anyio.to_thread

from airmeet_async.bulk.frames import is_frame, open_frame
from airmeet_async.bulk.tables import SourceRow, Table, open_table
from airmeet_async.errors import AirmeetError, ConfigError, InputError, JournalError

OpenedRows = Iterable[Any] | AsyncIterable[Any] | Table
Rows = OpenedRows | str | os.PathLike[str]

READ_AHEAD = 512
_CLOSING = 5.0  # seconds that a generator of the caller's has to close itself


async def open_rows(rows: Rows, sheet: str | int | None = None) -> OpenedRows:
    """Return *rows*; a data frame made a table, and a path, too: the file is checked to its end.

    Args:
        rows: Where from.
        sheet: Of a workbook.

    Raises:
        InputError: The file cannot be read as a table.
        ConfigError: *rows* is not a source of rows.
    """
    if isinstance(rows, (str, os.PathLike)):
        return await anyio.to_thread.run_sync(partial(open_table, rows, sheet=sheet))
    if sheet is not None:
        raise ConfigError("sheet is for the path of a workbook, and rows is none")
    if is_frame(rows):
        return await anyio.to_thread.run_sync(open_frame, rows)
    if isinstance(rows, (bytes, dict)) or not isinstance(rows, (Iterable, AsyncIterable, Table)):
        message = (
            f"rows must be an iterable of attendees or mappings, a data frame, or a path, not {type(rows).__name__}"
        )
        raise ConfigError(message)
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
        if self._iterator is not None:
            return self._take_from(self._iterator)
        if not self._buffer:
            return None
        data = self._buffer.popleft()
        self._room.set()
        if isinstance(data, _Failure):
            self.ended = True
            raise _source_error(self._index, data.error) from data.error
        if data is _END:
            self.ended = True
            return None
        return self._numbered(data)

    async def pump(self, arrived: Callable[[], None]) -> None:
        """Read ahead until the source ends, and call *arrived* after each row. Returns at once for a plain iterable."""
        if self._async_iterator is None:
            return
        try:
            async for data in self._async_iterator:
                await self._put(data, arrived)
            await self._put(_END, arrived)
        except Exception as error:  # noqa: BLE001 - whatever the caller's source raises is raised where rows are taken
            await self._put(_Failure(error), arrived)
        finally:
            if isinstance(self._async_iterator, AsyncGenerator):
                with anyio.CancelScope(shield=True, deadline=anyio.current_time() + _CLOSING):
                    await self._async_iterator.aclose()

    def stop_reading(self) -> None:
        """Take no more from the source: what has been read ahead is all that is left."""
        self._iterator = None
        self._buffer.append(_END)

    async def _put(self, data: Any, arrived: Callable[[], None]) -> None:
        """Add first, wait afterwards: a row that a cancelled task still holds would be lost."""
        self._buffer.append(data)
        arrived()
        while len(self._buffer) >= self._ahead:
            self._room = anyio.Event()
            await self._room.wait()

    def _take_from(self, rows: Iterator[Any]) -> SourceRow | None:
        if self.ended:
            return None
        try:
            data = next(rows)
        except StopIteration:
            self.ended = True
            return None
        except Exception as error:
            self.ended = True
            raise _source_error(self._index, error) from error
        return self._numbered(data)

    def _numbered(self, data: Any) -> SourceRow:
        row = data if isinstance(data, SourceRow) else SourceRow(self._index, None, data)
        self._index += 1
        return row


_END = object()


class _Failure:
    """An error of the source; raised where the row that it stands for is taken."""

    def __init__(self, error: Exception) -> None:
        self.error = error


async def _read_table(table: Table) -> AsyncIterator[SourceRow]:
    batches = table.batches()
    while batch := await anyio.to_thread.run_sync(next, batches, None):
        for row in batch:
            yield row


def _source_error(index: int, error: Exception) -> AirmeetError:
    if isinstance(error, (InputError, JournalError)):
        return error
    return InputError(f"the source of rows raised {type(error).__name__} at row {index} (counted from 0): {error}")
