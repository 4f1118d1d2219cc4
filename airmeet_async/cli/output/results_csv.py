"""The result files of a run: one line per row, and those rows that are left to do.

1. A place that cannot be written is known before anything is sent: the files are begun then, under private names.
2. A file appears as a whole when the run ends, also where a signal or an error ended it, and an earlier one is kept
   as ``….bak``: the entry links in it may be nowhere else.
3. Rows are in the order of the input, however they ended. Their order is made on disk, not in memory.
4. A full disk ends no request that is under way; what was written counts.
5. CSV is for people: a cell that a spreadsheet would run as a formula gets an apostrophe, which `open_table` takes away
   when the file is fed back, and a byte order mark tells Excel that it is UTF-8. JSON lines hold the exact values.
"""

import csv
import io
import json
import logging
import os
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from airmeet_async.bulk.input.column_names import RESULT_COLUMNS
from airmeet_async.bulk.journal.recorded_rows import CHANGED
from airmeet_async.bulk.report import DONE, Invite, RowResult, RowStatus
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.errors import ConfigError
from airmeet_async.private_files import NewFile, check_target, set_aside
from airmeet_async.tables import guard

_log = logging.getLogger("airmeet_async.cli")

_BYTES_AT_ONCE = 1024 * 1024
_SECONDS_AT_ONCE = 1.0
_SHOWN = 3
_PASSING = frozenset(("http_408", "http_425", "http_429"))
_UNVERIFIED = "the invitation may not have been mailed: the request got no clear answer"


class ResultFiles:
    """Writes every result to one file, and what is left to do to another one.

    Args:
        results: Where all rows go, or None.
        failed: Where the rows go that are not done, or None.
        header: The input's columns.

    Attributes:
        warned: The first few rows with a warning, as sentences.
        changed: Rows that have changed since they were done.
        refused: Rows that failed with a refusal, after an attempt without a clear answer.
        unverified: Rows that are done, but whose invitation may not have been mailed.
        trouble: Why the files cannot be written, or None.

    Raises:
        ConfigError: A file cannot be written.
    """

    def __init__(self, results: Path | None, failed: Path | None, header: Sequence[str]) -> None:
        self.results = results
        self.failed = failed
        self.warned: list[str] = []
        self.unverified = 0
        self.changed = 0
        self.refused = 0
        self.trouble: str | None = None
        self._flushed = time.monotonic()
        self._writers: list[ResultsWriter] = []
        with ExitStack() as stack:
            for path, only in ((results, None), (failed, lambda result: result.status not in DONE)):
                if path is not None:
                    self._writers.append(stack.enter_context(ResultsWriter(path, header, only=only)))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()
        try:
            self._stack.__exit__(kind, error, trace)
        except (ConfigError, OSError) as problem:
            self.trouble = self.trouble or str(problem)

    @property
    def left(self) -> Path | None:
        """The file of what is left, where there is one."""
        return self.failed if self.failed is not None and self._writers[-1].written else None

    def add(self, result: RowResult) -> None:
        """Take one result."""
        code = result.error.code if result.error else "-"
        if _log.isEnabledFor(logging.DEBUG):  # without the entry link
            what = f"{_place(result)} {result.key} {result.status.value}"
            _log.debug("%s attempts=%d code=%s", what, result.attempts, code)
        if CHANGED in result.warnings:
            self.changed += 1
        elif result.warnings and len(self.warned) < _SHOWN:
            self.warned.append(f"{_place(result)}: {'; '.join(result.warnings)}")
        if result.status in (RowStatus.SUCCEEDED, RowStatus.SKIPPED):
            self.unverified += result.invite is Invite.UNVERIFIED
        self.refused += result.status is RowStatus.FAILED and code.startswith("http_4") and code not in _PASSING
        waiting = sum(writer.add(result) for writer in self._writers)
        if waiting > _BYTES_AT_ONCE or time.monotonic() - self._flushed > _SECONDS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what has been taken. A disk that is full is noted, not raised: requests are under way."""
        try:
            for writer in self._writers:
                writer.flush()
        except OSError as error:
            self.trouble = f"{self.results or self.failed}: cannot be written ({error.strerror})"
        self._flushed = time.monotonic()


def _place(result: RowResult) -> str:
    return f"row {result.index + 1}" if result.line is None else f"line {result.line}"


class ResultsWriter:
    """Writes results as CSV, or as JSON lines where the path ends in ``.jsonl`` or ``.ndjson``.

    Encoded rows are in a private file in order of arrival; memory has the place and the size of each one.

    Args:
        path: The file to write. An earlier result file there is replaced, any other file is refused.
        header: The input's columns in their order.
        only: Which results to write. When none is, no file is created and one of an earlier run is removed.

    Raises:
        ConfigError: The target cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        header: Sequence[str],
        *,
        only: Callable[[RowResult], bool] | None = None,
    ) -> None:
        self.path = Path(path)
        self.written = 0
        self._only = only
        self._seen = False
        self._encode = _encoder(self.path, [name for name in header if name not in RESULT_COLUMNS])
        check_result_file(self.path)
        self._new = NewFile(self.path.parent)
        self._pending = bytearray(self._encode(None))
        self._head = len(self._pending)
        self._end = 0
        self._last = -1
        self._is_sorted = True
        self._starts = array("Q")
        self._sizes = array("Q")  # 0 where a row has no result
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not self._seen:
            self._new.discard()  # the run never began: an earlier one's file is still the last word
        else:
            self.close()

    def add(self, result: RowResult) -> int:
        """Take a result, and return how many bytes wait to be written.

        They come in any order; a later one for the same row takes the earlier one's place.
        """
        self._seen = True
        if self._only is None or self._only(result):
            self.written += 1
            index, row = result.index, self._encode(result)
            gap = index + 1 - len(self._starts)
            if gap > 0:
                self._starts.frombytes(bytes(gap * self._starts.itemsize))
                self._sizes.frombytes(bytes(gap * self._sizes.itemsize))
            self._starts[index] = self._end + len(self._pending)
            self._sizes[index] = len(row)
            self._is_sorted = self._is_sorted and index > self._last
            self._last = index
            self._pending += row
        return len(self._pending)

    def flush(self) -> None:
        """Write what waits. After a failure the next flush begins where the last good byte ended."""
        self._new.file.seek(self._end)
        self._new.write(self._pending)
        self._end += len(self._pending)
        self._pending.clear()

    def close(self) -> None:
        """Sort the rows, and put the finished file in its place. Doing it twice does no harm."""
        if self._new.file.closed:
            return
        if self._only is not None and not self.written:
            self._new.discard()
            set_aside(self.path)
            return
        try:
            with suppress(OSError):  # a full disk: what is on it still counts
                self.flush()
            self._new.file.truncate(self._end)
            if not self._is_sorted:
                self._sort()
            self._new.put(self.path, backup=True)
        except OSError as error:
            what = f"{self.path}: cannot be written ({error.strerror}); the results are in {self._new.keep()}"
            raise ConfigError(what) from None

    def _sort(self) -> None:
        """Take a sorted copy in the file's place, where the disk has room for one."""
        with suppress(ConfigError):
            copy = NewFile(self.path.parent)
            try:
                piece = bytearray()
                for start, size in chain([(0, self._head)], zip(self._starts, self._sizes, strict=True)):
                    self._new.file.seek(start)
                    piece += self._new.file.read(size)  # a row that found no room reads as nothing
                    if len(piece) > _BYTES_AT_ONCE:
                        copy.write(piece)
                        piece.clear()
                copy.write(piece)
                os.fsync(copy.file.fileno())
            except OSError:
                copy.discard()
            else:
                self._new.discard()
                self._new = copy


def _encoder(path: Path, columns: list[str]) -> Callable[[RowResult | None], bytes]:
    """Return what turns a result into bytes, and None into what stands above the rows."""
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return lambda result: b"" if result is None else _json_line(result, columns)
    buffer = io.StringIO(newline="")
    # Every cell is quoted: OWASP asks for it, and no value can then be taken for a delimiter.
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)

    def encode(result: RowResult | None) -> bytes:
        cells = [*columns, *RESULT_COLUMNS] if result is None else _cells(result, columns)
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([guard(cell) for cell in cells])
        mark = "\ufeff" if result is None else ""
        # A NUL makes the file unreadable for most readers, ours included. No real value has one.
        return (mark + buffer.getvalue()).replace("\0", "\ufffd").encode(errors="backslashreplace")

    return encode


def _cells(result: RowResult, columns: Iterable[str]) -> list[str]:
    given = result.row if isinstance(result.row, Mapping) else {}
    return [_text(value) for value in (*map(given.get, columns), *_outcome(result).values())]


def _json_line(result: RowResult, columns: Iterable[str]) -> bytes:
    given = result.row if isinstance(result.row, Mapping) else {}
    line = {name: given[name] for name in columns if name in given} | _outcome(result)
    # A lone surrogate becomes a backslash escape, which is how JSON spells it: the value stays exact.
    return (json.dumps(line, ensure_ascii=False, default=str) + "\n").encode(errors="backslashreplace")


def _outcome(result: RowResult) -> dict[str, Any]:
    row = result.index + 1 if result.line is None else result.line
    code = message = None
    if result.error:
        code, message = result.error.code, result.error.message
    elif result.invite is Invite.UNVERIFIED:
        code, message = "invite_unverified", _UNVERIFIED
    elif result.status is RowStatus.SKIPPED and CHANGED in result.warnings:
        code, message = "changed", CHANGED
    found = (row, result.status.value, code, message, result.attempts, result.entry_link)
    return dict(zip(RESULT_COLUMNS, found, strict=True))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def check_result_file(path: Path) -> None:
    """Check that a result file can be made at a path.

    Raises:
        ConfigError: There is something else, or no way to write there.
    """
    check_target(path, lambda head: all(name.encode() in head for name in RESULT_COLUMNS), "a result file")


def choose_paths(source: str, results: str | None, failed: str | None) -> tuple[Path, Path | None]:
    """Return where to write.

    Raises:
        UsageError: A file would overwrite the input or the other file.
    """
    path = Path(results) if results else free_path(Path(f"{Path(source).stem}-results.csv"))
    other = Path(failed) if failed else None
    for name, target in (("--results", path), ("--failed", other)):
        if target is not None and _same(target, Path(source)):
            raise UsageError(f"{name} {target} is the input file; choose another name")
    if other is not None and _same(path, other):
        raise UsageError(f"--results and --failed are both {path}; choose different files")
    return path, other


def free_path(path: Path) -> Path:
    """Return the path, numbered if it is taken: an earlier run's links or rows may be nowhere else."""
    found, number = path, 1
    while found.exists() or found.is_symlink():
        number += 1
        found = path.with_stem(f"{path.stem}-{number}")
    return found


def relative_to_here(path: Path) -> Path:
    """Return the path as seen from here, if it is here or below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return os.path.abspath(one) == os.path.abspath(other)  # noqa: PTH100 - resolves no link, and never fails
