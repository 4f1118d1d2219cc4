"""``airmeet export``: one list of an event into a file."""

import csv
import io
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Self

from attrs import frozen

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.bulk.table_cells import counted, guard
from airmeet_async.cli.commands.lists import LISTS, Wish, pour
from airmeet_async.cli.console import Voice
from airmeet_async.cli.environment import ask
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.list_columns import Line, text
from airmeet_async.cli.output_files import check_target, private_file, put_in_place, write_all
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.base_urls import check_id

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


_EVERY = 10.0
_RAW = "--raw: a spreadsheet may run cells that begin with =, +, - or @ as formulas; open the file as text only"


@frozen
class Target:
    """What is exported, and where to.

    Attributes:
        what: Which list.
        path: The file.
        raw: Leave cells that a spreadsheet would run as they are.
    """

    what: str
    path: Path
    raw: bool = False


def export(airmeet_id: str, target: Target, wish: Wish, environ: Mapping[str, str], voice: Voice) -> int:
    """Write a list into a file.

    Raises:
        UsageError: The file's name cannot be used.
        AirmeetError: The list cannot be had, or the file cannot be written; nothing is left behind.
    """
    check_id(airmeet_id, "AIRMEET_ID")
    ending = check_kind(target.path)
    if target.raw and ending == ".csv":
        voice.say(f"warning: {_RAW}")
    listing = LISTS[target.what]
    marks = listing.plain(links=False).columns

    async def work(client: AirmeetClient) -> int:
        place = wish.place(client, airmeet_id, voice)
        shape = await listing.dressed(place, links=wish.links)
        with ExportFile(target.path, shape.columns, marks=marks, raw=target.raw) as file:
            return await pour(listing.rows(place), shape, Counting(file, voice), wish.limit)

    n = ask(environ, voice, work)
    voice.say(f"{counted(n, listing.noun)}: {target.path} ({_care(target.what, links=wish.links)})")
    return Exit.OK


def _care(what: str, *, links: bool) -> str:
    if links:
        return "with the personal links: keep it private"
    return (
        "readable by you only"
        if what in {"fields", "tracks", "booths", "sessions"}
        else "personal data: keep it private"
    )


class Counting:
    """Passes rows on, and says now and then how many there were.

    Args:
        file: Where they go.
        voice: Says it.
        clock: Seconds.
    """

    def __init__(self, file: ExportFile, voice: Voice, clock: Callable[[], float] = time.monotonic) -> None:
        self._file = file
        self._voice = voice
        self._clock = clock
        self._said = clock()
        self._n = 0

    def add(self, line: Line) -> None:
        """Take one row."""
        self._file.add(line)
        self._n += 1
        if self._clock() - self._said >= _EVERY:
            self._said = self._clock()
            self._voice.say(f"{self._n:,} rows so far")

    def end(self) -> None:
        """There are no more."""
