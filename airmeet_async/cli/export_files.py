"""An export: rows into a private file beside the target, which takes the target's place when all are there."""

import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from airmeet_async.bulk.table_cells import guard
from airmeet_async.cli.exits import UsageError
from airmeet_async.cli.shapes import Line, text
from airmeet_async.cli.targets import check_target, private_file, put_in_place, write_all
from airmeet_async.errors import ConfigError

_PIECE = 256 * 1024
_KINDS = (".csv", ".jsonl", ".ndjson")


class ExportFile:
    """Writes rows as CSV, or as JSON lines where the path ends in ``.jsonl`` or ``.ndjson``.

    The target is seen as it was before or complete, never in between, and nobody but its owner can read it. In CSV,
    cells that a spreadsheet would run as a formula get an apostrophe; JSON lines hold the exact values, and what
    Airmeet sent beside the documented columns.

    Args:
        path: The file to write. An earlier export of the same columns is replaced, any other file is refused.
        columns: The columns in their order.
        marks: Those of them by which an earlier export is known.
        raw: Leave formulas as they are.

    Raises:
        ConfigError: The target cannot be written.
    """

    def __init__(self, path: Path, columns: Iterable[str], *, marks: Iterable[str], raw: bool = False) -> None:
        self.path = path
        self.columns = tuple(columns)
        self._json = check_kind(path) != ".csv"
        check_target(path, lambda head: set(marks) <= header_of(head, is_json=self._json), "an export of this list")
        self._shield: Callable[[str], str] = str if raw else guard
        self._private, self._file = private_file(path.parent)
        self._pending = bytearray(b"" if self._json else self._row(self.columns))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._finish()
        finally:
            self._file.close()
            self._private.unlink(missing_ok=True)  # where it is still there

    def add(self, line: Line) -> None:
        """Take one row."""
        self._pending += self._json_line(line) if self._json else self._row(text(line.cells[n]) for n in self.columns)
        if len(self._pending) >= _PIECE:
            self._flush()

    def end(self) -> None:
        """There are no more; leaving the ``with`` block writes the file."""

    def _row(self, cells: Iterable[str]) -> bytes:
        buffer = io.StringIO(newline="")
        # Every cell is quoted: OWASP asks for it, and no value can then be taken for a delimiter.
        csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow([self._shield(cell) for cell in cells])
        return buffer.getvalue().replace("\0", "\ufffd").encode(errors="backslashreplace")

    def _json_line(self, line: Line) -> bytes:
        return (json.dumps(line.as_json(), ensure_ascii=False, default=str) + "\n").encode(errors="backslashreplace")

    def _flush(self) -> None:
        try:
            write_all(self._file, self._pending)
        except OSError as error:
            raise self._trouble(error) from None
        self._pending.clear()

    def _finish(self) -> None:
        self._flush()
        try:
            put_in_place(self._private, self._file, self.path)
        except OSError as error:
            raise self._trouble(error) from None

    def _trouble(self, error: OSError) -> ConfigError:
        return ConfigError(f"{self.path}: cannot be written ({error.strerror})")


def check_kind(path: Path) -> str:
    """Return a file's kind by its ending.

    Raises:
        UsageError: It is none that is written here.
    """
    ending = path.suffix.lower()
    if ending not in _KINDS:
        raise UsageError(f"-o {path}: the ending says what is written; use {', '.join(_KINDS)}")
    return ending


def header_of(head: bytes, *, is_json: bool) -> set[str]:
    """Return the columns that the first line of a file names; none where it is not of that kind."""
    first = head.decode(errors="replace").partition("\n")[0]
    if not is_json:
        return set(next(csv.reader([first]), []))
    try:
        row = json.loads(first)
    except ValueError:
        return set()
    return set(row) if isinstance(row, dict) else set()
