"""Where rows come from: files and data frames become a table, anything else is read only as fast as rows are sent."""

import asyncio
import os
import sqlite3
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable, Iterator, Sequence, Sized
from functools import partial
from itertools import islice
from typing import Any

import anyio.to_thread

from airmeet_async.bulk.input.column_names import field_for_column, is_own_header
from airmeet_async.bulk.options import FileOptions
from airmeet_async.bulk.row import Row, duplicate_error, other_name
from airmeet_async.errors import ConfigError, InputError, JournalError
from airmeet_async.tables import Table, is_frame, open_frame, open_table

OpenedRows = Iterable[Any] | AsyncIterable[Any] | Table
Rows = OpenedRows | str | os.PathLike[str]

IsHeader = Callable[[Sequence[str]], bool]

_FILE_OPTIONS = FileOptions.__annotations__
_FEW = 20_000  # about 10 MB of identities and requests
_CLOSING = 5.0


def names_email(cells: Sequence[str]) -> bool:
    """Whether a line of a list of people names the columns."""
    return any(field_for_column(cell) == "email" for cell in cells)


def open_file(path: str | os.PathLike[str], is_header: IsHeader | None = names_email, **options: Any) -> Table:
    """Open a file. It is read to its end only where its columns or its encoding would not be certain otherwise.

    Args:
        path: The file.
        is_header: Whether a line names the columns; None takes the first.
        **options: As for `open_table`.

    Raises:
        InputError: It cannot be read as a table.
    """
    table = open_table(path, is_header=is_header, is_own=is_own_header, **options)
    return table if table.is_clear else table.check()


async def open_rows(
    rows: Rows, options: FileOptions | None = None, is_header: IsHeader | None = names_email
) -> OpenedRows:
    """Return *rows*; a data frame and the path of a file as a table.

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
        return await anyio.to_thread.run_sync(open_frame, rows)
    if isinstance(rows, (bytes, dict)) or not isinstance(rows, (Iterable, AsyncIterable)):
        what = "rows must be an iterable of attendees or mappings, a data frame, or a path"
        raise ConfigError(f"{what}, not {type(rows).__name__}")
    return rows


class RowSource:
    """Hands rows of an iterable out in pieces. `take` never waits; `pump` reads an asynchronous one ahead.

    1. Of the caller's own asynchronous source no more is read ahead than is wanted, since rows may be taken from a
       queue for good; with nobody who wants any, one row.
    2. That source runs in a task of its own, from its first row to the end of its cleanup. Nobody else's cancellation
       reaches it; `stop_reading` cancels it once, and then it has its grace, whatever it awaits meanwhile.
    3. An error of a source is raised after the rows before it were taken.

    Args:
        rows: Where from; a table is read by whoever records it, not here.
        grace: Seconds that a source of the caller's has to close itself.

    Attributes:
        is_sync: `take` reads, and there is nothing to pump.
        finite: Reading on to the end after a stop is sure to end.
        total: How many rows there will be, where that is known.
        ended: Every row has been taken, or reading has failed.
    """

    ended: bool
    finite: bool
    total: int | None
    is_sync: bool

    def __init__(self, rows: Iterable[Any] | AsyncIterable[Any], grace: float = _CLOSING) -> None:
        self._grace = grace
        self.ended = False
        self.finite = isinstance(rows, Sized)
        self.total = len(rows) if isinstance(rows, Sized) else None
        self.is_sync = not isinstance(rows, AsyncIterable)
        self._rows = rows
        self._iterator: Iterator[Any] = iter(()) if isinstance(rows, AsyncIterable) else iter(rows)
        self._ahead: deque[Any] = deque()  # what a pump has read ahead
        self._n = 0
        self._is_read = self._is_stopped = False
        self._error: BaseException | None = None
        self._room = asyncio.Event()
        self._driver: asyncio.Task[None] | None = None
        self._over: asyncio.Future[None] | None = None

    def take(self, n: int) -> list[Any]:
        """Return at most *n* rows; none where none is there, and `ended` tells if more will come.

        Raises:
            InputError: The source raised; its own error is the cause.
        """
        rows: list[Any] = []
        if self.is_sync and not self._is_read:
            try:
                rows.extend(islice(self._iterator, n))  # what came before an error stays
                self._is_read = len(rows) < n
            except BaseException as error:  # noqa: BLE001 - raised below, after these rows
                self._is_read, self._error = True, error
        elif self._ahead:
            rows = [self._ahead.popleft() for _ in range(min(n, len(self._ahead)))]
            self._room.set()
        self._n += len(rows)
        if not self._is_read or self._ahead or (rows and self._error):
            return rows
        self.ended = True
        failure, self._error = self._error, None
        if failure is None:
            return rows
        if isinstance(failure, (InputError, JournalError)):
            raise failure
        what = f"the source of rows raised {type(failure).__name__} at row {self._n} (counted from 0): {failure}"
        raise InputError(what) from failure

    async def pump(self, arrived: Callable[[], None], wanted: Callable[[], int] = lambda: 1) -> None:
        """Read ahead until the source ends or `stop_reading`, and see it closed. Returns at once for a plain iterable.

        Being cancelled is the same as `stop_reading`; it ends when the source is closed all the same.

        Args:
            arrived: Called once per arrival, and once at the end.
            wanted: Returns how many rows may be read before some are taken.
        """
        if self.is_sync or self._is_stopped:
            return
        over = self._over = asyncio.get_running_loop().create_future()
        self._driver = asyncio.create_task(self._drive(arrived, wanted))
        self._driver.add_done_callback(self._end)
        cancelled: asyncio.CancelledError | None = None
        while not over.done():
            try:
                with anyio.CancelScope(shield=self._is_stopped):
                    await asyncio.wait({over})
            except asyncio.CancelledError as error:
                cancelled = error
                self.stop_reading()
        if cancelled:
            raise cancelled

    def stop_reading(self) -> None:
        """Take no more from the source: what has been read ahead is all that is left."""
        if self._is_stopped:
            return
        self._is_stopped = self._is_read = True
        self._iterator = iter(())
        self._room.set()
        if self._driver and self._over:
            loop = asyncio.get_running_loop()
            self._driver.cancel()
            # Timers of a source that has closed itself in time do nothing.
            loop.call_later(self._grace, self._driver.cancel)
            loop.call_later(self._grace + 1, self._end)

    def _end(self, _: object = None) -> None:
        if self._over and not self._over.done():
            self._over.set_result(None)

    async def _drive(self, arrived: Callable[[], None], wanted: Callable[[], int]) -> None:
        assert isinstance(self._rows, AsyncIterable)  # noqa: S101 - for the type checker
        ahead = self._ahead
        try:
            iterator = aiter(self._rows)
            try:
                async for row in iterator:
                    ahead.append(row)  # first, and wait afterwards: a row that a cancelled task holds would be lost
                    arrived()
                    while len(ahead) >= max(1, wanted()) and not self._is_stopped:
                        self._room.clear()
                        await self._room.wait()
            finally:
                if isinstance(iterator, AsyncGenerator):
                    # The stop is dealt with here: asyncio's task group, from 3.13 on, would cancel once more.
                    while (driver := asyncio.current_task()) and driver.cancelling():
                        driver.uncancel()
                    await iterator.aclose()
        # A task group in a generator that is closed early raises a group with GeneratorExit.
        except (Exception, BaseExceptionGroup, asyncio.CancelledError) as error:  # noqa: BLE001 - `take` raises it
            self._error = None if self._is_stopped else error
        finally:
            self._is_read = True
            arrived()


class DuplicateFinder:
    """Marks rows that repeat an earlier one of the same run, where there is no journal that knows.

    1. Equal means the same text. No hash decides: two people must never be taken for one.
    2. The first identities stay in memory; once these are many, further ones go to a file that has no name and is gone
       with the process. Nothing is ever moved from the one to the other, so no row waits for that.

    Args:
        few: How many identities stay in memory, about.
    """

    def __init__(self, few: int = _FEW) -> None:
        self._few = few
        self._first: dict[str, tuple[int, int | None, bytes]] = {}
        self._more: sqlite3.Connection | None = None

    def mark(self, rows: Iterable[Row]) -> None:
        """Set `duplicate_of` and `error` of each row that can be sent and has the identity of an earlier one."""
        first = self._first
        is_room = len(first) < self._few
        for row in rows:
            identity = row.identity
            if not identity or row.error is not None:
                continue
            if is_room:
                found = first.setdefault(identity, (row.index, row.line, row.payload))
            else:
                found = first.get(identity) or self._find_or_add(row)
            if found[0] != row.index:
                row.duplicate_of = found[0]
                row.error = duplicate_error(found[0], found[1], other_name(row.payload, found[2]))

    def _find_or_add(self, row: Row) -> tuple[int, int | None, bytes]:
        if self._more is None:
            self._more = sqlite3.connect("", isolation_level=None, check_same_thread=False)
            self._more.executescript(
                "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -4000;"
                "CREATE TABLE first (identity BLOB PRIMARY KEY, idx INTEGER, line INTEGER, payload BLOB) WITHOUT ROWID;"
                "BEGIN"
            )
        identity = row.identity.encode(errors="surrogatepass")
        values = (identity, row.index, row.line, row.payload)
        if self._more.execute("INSERT OR IGNORE INTO first VALUES (?, ?, ?, ?)", values).rowcount:
            return row.index, row.line, row.payload
        found = self._more.execute("SELECT idx, line, payload FROM first WHERE identity = ?", (identity,)).fetchone()
        index, line, payload = found
        return index, line, payload

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        self._first = {}
        if self._more is not None:
            self._more.close()
            self._more = None
