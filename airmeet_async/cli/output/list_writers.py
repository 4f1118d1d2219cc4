"""Print the rows of a list, or write them into a file."""

import csv
import io
import json
import sys
import time
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from airmeet_async.cli.console import Console, QuietStream
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.list_formats import ListFormat, ListRow, csv_value, table_lines
from airmeet_async.errors import ConfigError
from airmeet_async.private_files import NewFile, check_target
from airmeet_async.tables import guard

_KINDS = (".csv", ".jsonl", ".ndjson")
_ROWS_AT_ONCE = 100
_BYTES_AT_ONCE = 256 * 1024
_SECONDS_BETWEEN_NEWS = 10.0


async def pour(
    items: AsyncIterable[Any],
    form: ListFormat,
    sink: "RowSink",
    limit: int | None = None,
    console: Console | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Add the rows of all items to a sink, at most *limit* of them, and return their number.

    Args:
        items: The items of a list.
        form: How they become rows.
        sink: Takes the rows.
        limit: Most rows.
        console: Says every ten seconds how many there were.
        clock: A monotonic one, in seconds.
    """
    n, said_at = 0, clock()
    async for item in items:
        for row in form.rows(item):
            sink.add(row)
            n += 1
            if n == limit:
                return n
            if console is not None and clock() - said_at >= _SECONDS_BETWEEN_NEWS:
                said_at = clock()
                console.say(f"{n:,} rows so far")
    return n


class ReaderGoneError(Exception):
    """Nobody reads standard output any more, as in ``airmeet export … | head``."""


class _Output(QuietStream):
    """Standard output, whose reader may leave: then there is no more to do."""

    def __init__(self) -> None:
        super().__init__(sys.stdout, any_error=False)

    def put(self, text: str, *, now: bool = False) -> None:
        """Write text; *now* flushes it. A `ReaderGoneError` says that nobody reads it."""
        try:
            self.write(text)
            if now:
                self.flush()
        except OSError as error:
            super().give_up()
            raise ConfigError(f"standard output cannot be written ({error.strerror})") from None

    def give_up(self) -> None:
        super().give_up()
        raise ReaderGoneError


class JsonArray:
    """Prints one JSON array, a row a line.

    Nothing is printed before the first row is there, so that an error before it is the whole output; an array that is
    cut off by a later one has no end, and no parser takes it for complete.

    Args:
        before: Printed before the array.
        after: Printed behind it.
    """

    def __init__(self, before: str = "", after: str = "") -> None:
        self._out = _Output()
        self._before = f"{before}[\n"
        self._after = f"]{after}\n"
        self._any = False

    def add(self, row: ListRow) -> None:
        self._out.put(self._before + json.dumps(row.as_json(), default=str))
        self._before = ",\n"
        self._any = True

    def end(self) -> None:
        self._out.put(("\n" if self._any else self._before) + self._after, now=True)


class TextTable:
    """Prints a table for people, some rows at a time, so that a column may widen on the way.

    Args:
        form: The format of the list.
    """

    def __init__(self, form: ListFormat) -> None:
        self._out = _Output()
        self._form = form
        self._rows: list[ListRow] = []
        self._widths: list[int] = []

    def add(self, row: ListRow) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_AT_ONCE:
            self.end()

    def end(self) -> None:
        """Print what is left; no rows at all are no table."""
        if self._rows:
            table = self._form.table(self._rows, titles=not self._widths)
            self._out.put("".join(f"{line}\n" for line in table_lines(table, self._widths)), now=True)
            self._rows = []


class ExportFile:
    """Writes rows as CSV, or as JSON lines where the path ends in ``.jsonl`` or ``.ndjson``.

    The target is seen as it was before or complete, never in between, and nobody but its owner can read it. In CSV,
    cells that a spreadsheet would run as a formula get an apostrophe; JSON lines hold the exact values, and whatever
    else Airmeet sent.

    Args:
        path: The file to write. An earlier export of the same columns is replaced, any other file is refused.
        columns: The columns in their order.
        marks: Those of them by which an earlier export is known.
        raw: Leave formulas as they are.

    Raises:
        ConfigError: The target cannot be written.
    """

    def __init__(self, path: Path, columns: Iterable[str], *, marks: Iterable[str], raw: bool = False) -> None:
        self._path = path
        self._columns = tuple(columns)
        self._json = check_kind(path) != ".csv"
        check_target(path, lambda head: set(marks) <= self._columns_in(head), "an export of this list")
        self._guard: Callable[[str], str] = str if raw else guard
        self._file = NewFile(path.parent)
        self._pending = bytearray(b"" if self._json else b"\xef\xbb\xbf" + self._csv(self._columns))  # for Excel

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._write(is_last=True)
        finally:
            self._file.discard()

    def add(self, row: ListRow) -> None:
        if self._json:
            line = json.dumps(row.as_json(), ensure_ascii=False, default=str) + "\n"
            self._pending += line.encode(errors="backslashreplace")
        else:
            self._pending += self._csv(csv_value(row.cells[name]) for name in self._columns)
        if len(self._pending) >= _BYTES_AT_ONCE:
            self._write()

    def _csv(self, cells: Iterable[str]) -> bytes:
        buffer = io.StringIO(newline="")
        # Every cell is quoted: OWASP asks for it, and no value can then be taken for a delimiter.
        csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow([self._guard(cell) for cell in cells])
        return buffer.getvalue().replace("\0", "\ufffd").encode(errors="backslashreplace")

    def _columns_in(self, head: bytes) -> set[str]:
        """Return the columns that the first line of a file names; none where it is not of that kind."""
        first = head.decode("utf-8-sig", errors="replace").partition("\n")[0]
        if not self._json:
            return set(next(csv.reader([first]), []))
        with suppress(ValueError):
            if isinstance(row := json.loads(first), dict):
                return set(row)
        return set()

    def _write(self, *, is_last: bool = False) -> None:
        try:
            self._file.write(self._pending)
            self._pending.clear()
            if is_last:
                self._file.put(self._path)
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written ({error.strerror})") from None


RowSink = JsonArray | TextTable | ExportFile
"""Takes the rows of a list by ``add``. What is printed has an ``end``; a file ends with its ``with`` block."""


def check_kind(path: Path) -> str:
    """Return a file's ending.

    Raises:
        UsageError: It is none that is written here.
    """
    ending = path.suffix.lower()
    if ending not in _KINDS:
        raise UsageError(f"-o {path}: the file name must end in one of {', '.join(_KINDS)}")
    return ending
