"""The result files of a run, filled while it is on."""

import csv
import io
import json
import logging
import os
import time
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import attrs

from airmeet_async.bulk.journal.recorded_rows import CHANGED
from airmeet_async.bulk.report import DONE, Invite, RowResult, RowStatus
from airmeet_async.bulk.table_cells import RESULT_COLUMNS, guard, guard_raw
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.output_files import check_target, keep, private_file, put_in_place, set_aside, write_all
from airmeet_async.errors import ConfigError

_PIECE = 1024 * 1024
_MARK = "\ufeff"
"""Stands first in a CSV file: without it Excel takes UTF-8 for something else, and every umlaut for two letters."""
_UNVERIFIED = "nobody knows whether the invitation was mailed: the request that asked for it got no clear answer"


class ResultsWriter:
    """Writes results as CSV, or as JSON lines where the path ends in ``.jsonl`` or ``.ndjson``.

    CSV is for people, so cells that a spreadsheet would run as a formula get an apostrophe; `open_table` takes it
    away again when the file is fed back. JSON lines hold the exact values.

    The constructor opens the private file, so that a target that cannot be written is known before anything is
    sent. Rows are in input order at the end; only where the disk has no room to sort them do they stay in the
    order in which they ended.

    Args:
        path: The file to write. An earlier result file there is replaced, any other file is refused.
        header: The input's columns in their order.
        raw: Leave formulas as they are.
        only: Which results to write. When none is, no file is created and one of an earlier run is removed.

    Raises:
        ConfigError: The target cannot be written.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        header: Sequence[str],
        *,
        raw: bool = False,
        only: Callable[[RowResult], bool] | None = None,
    ) -> None:
        self.path = Path(path)
        self.written = 0
        self._only = only
        self._seen = False
        self._encode = _encoder(self.path, [name for name in header if name not in RESULT_COLUMNS], raw=raw)
        check_target(self.path, _is_result, "a result file")
        self._spill = _Spill(self.path.parent)
        self._spill.start(self._encode(None))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and not self._seen:
            self._spill.drop()  # the run never began: what an earlier one left is still the last word
        else:
            self.close()

    def write(self, results: Iterable[RowResult]) -> None:
        """Add results in any order; a later one for the same row takes the earlier one's place."""
        for result in results:
            self._seen = True
            if self._only is None or self._only(result):
                self._spill.add(result.index, self._encode(result))
                self.written += 1
        self._spill.flush()

    def close(self) -> None:
        """Put the finished file in its place. Doing it twice does no harm."""
        if self._spill.closed:
            return
        if self._only is not None and not self.written:
            self._spill.drop()
            set_aside(self.path)
            return
        try:
            self._spill.finish()
            set_aside(self.path)
            self._spill.put(self.path)
        except OSError as error:
            what = f"{self.path}: cannot be written ({error.strerror}); the results are in {self._spill.keep()}"
            raise ConfigError(what) from None


class _Spill:
    """Rows on disk in order of arrival, and where each one is."""

    def __init__(self, folder: Path) -> None:
        self.path, self._file = private_file(folder)
        self._head = 0
        self._end = 0
        self._last = -1
        self._sorted = True
        self._pending = bytearray()
        self._starts = array("Q")
        self._sizes = array("Q")  # 0 where a row has no result

    @property
    def closed(self) -> bool:
        return self._file.closed

    def start(self, head: bytes) -> None:
        self._pending += head
        self.flush()
        self._head = len(head)

    def add(self, index: int, row: bytes) -> None:
        gap = index + 1 - len(self._starts)
        if gap > 0:
            self._starts.frombytes(bytes(gap * self._starts.itemsize))
            self._sizes.frombytes(bytes(gap * self._sizes.itemsize))
        self._starts[index] = self._end + len(self._pending)
        self._sizes[index] = len(row)
        self._sorted = self._sorted and index > self._last
        self._last = index
        self._pending += row
        if len(self._pending) > _PIECE:
            self.flush()

    def flush(self) -> None:
        """Write what is pending. After a failure the next flush begins where the last good byte ended."""
        self._file.seek(self._end)
        write_all(self._file, self._pending)
        self._end += len(self._pending)
        self._pending.clear()

    def drop(self) -> None:
        self._file.close()
        self.path.unlink(missing_ok=True)

    def put(self, target: Path) -> None:
        """Give the finished file its name."""
        put_in_place(self.path, self._file, target)

    def keep(self) -> Path:
        """Close the file, which has nowhere to go, and return where it is."""
        kept = keep(self.path)
        self._file.close()
        return kept

    def finish(self) -> None:
        """Write all there is, and take a sorted copy in the file's place."""
        with suppress(OSError):  # a full disk: what is on it still counts
            self.flush()
        self._file.truncate(self._end)
        if self._sorted:
            return
        with suppress(OSError, ConfigError):
            path, file = self._in_order()
            self.path.unlink()
            self._file.close()
            self.path, self._file = path, file

    def _in_order(self) -> tuple[Path, BinaryIO]:
        path, file = private_file(self.path.parent)
        try:
            write_all(file, self._part(0, self._head))
            for piece in self._pieces():
                write_all(file, piece)
            os.fsync(file.fileno())
        except BaseException:
            file.close()
            path.unlink()
            raise
        return path, file

    def _pieces(self) -> Iterable[bytearray]:
        piece = bytearray()
        for start, size in zip(self._starts, self._sizes, strict=True):
            if size:  # a row that found no room reads as nothing
                piece += self._part(start, size)
            if len(piece) > _PIECE:
                yield piece
                piece = bytearray()
        yield piece

    def _part(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return self._file.read(size)


def check_results(*paths: str | None) -> None:
    """Check that result files can be made at the paths that were typed, before anybody is asked anything.

    Raises:
        ConfigError: There is something else, or no way to write there.
    """
    for path in paths:
        if path is not None:
            check_target(Path(path), _is_result, "a result file")


def _is_result(head: bytes) -> bool:
    return all(name.encode() in head for name in RESULT_COLUMNS)


def _encoder(path: Path, columns: list[str], *, raw: bool) -> Callable[[RowResult | None], bytes]:
    """Return what turns a result into bytes, and None into what stands above the rows."""
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return lambda result: b"" if result is None else _json_line(result, columns)
    shield = guard_raw if raw else guard
    buffer = io.StringIO(newline="")
    # Every cell is quoted: OWASP asks for it, and no value can then be taken for a delimiter.
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)

    def encode(result: RowResult | None) -> bytes:
        cells = [*columns, *RESULT_COLUMNS] if result is None else _cells(result, columns)
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([shield(cell) for cell in cells])
        mark = _MARK if result is None else ""
        # A NUL makes the file unreadable for most readers, ours included. No real value has one.
        return (mark + buffer.getvalue()).replace("\0", "\ufffd").encode(errors="backslashreplace")

    return encode


def _cells(result: RowResult, columns: Iterable[str]) -> list[str]:
    given = _given(result.row)
    return [_text(value) for value in (*map(given.get, columns), *_outcome(result).values())]


def _json_line(result: RowResult, columns: Iterable[str]) -> bytes:
    given = _given(result.row)
    line = {name: given[name] for name in columns if name in given} | _outcome(result)
    # A lone surrogate becomes a backslash escape, which is how JSON spells it: the value stays exact.
    return (json.dumps(line, ensure_ascii=False, default=str) + "\n").encode(errors="backslashreplace")


def _outcome(result: RowResult) -> dict[str, Any]:
    row = result.index + 1 if result.line is None else result.line
    code, message = (result.error.code, result.error.message) if result.error else _doubt(result)
    found = (row, result.status.value, code, message, result.attempts, result.entry_link)
    return dict(zip(RESULT_COLUMNS, found, strict=True))


def _doubt(result: RowResult) -> tuple[str, str] | tuple[None, None]:
    """Return what a row that is done leaves to be known."""
    if result.invite is Invite.UNVERIFIED:
        return "invite_unverified", _UNVERIFIED
    if result.status is RowStatus.SKIPPED and CHANGED in result.warnings:
        return "changed", CHANGED
    return None, None


def _given(row: Any) -> Mapping[str, Any]:
    """Return the input's cells, also of a `SourceRow` or of an attrs value."""
    row = getattr(row, "data", row)
    if isinstance(row, Mapping):
        return row
    return attrs.asdict(row, recurse=False) if attrs.has(type(row)) else {}


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


_log = logging.getLogger("airmeet_async.cli")

_BATCH = 500
_SECONDS = 1.0
_SHOWN = 3
_PASSING = frozenset(("http_408", "http_425", "http_429"))
_MAILED = (RowStatus.SUCCEEDED, RowStatus.SKIPPED)


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
        unverified: Rows that are done, but whose invitation may have been mailed or not.
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
        self._waiting: list[RowResult] = []
        self._flushed = time.monotonic()
        self._stack = ExitStack()
        with ExitStack() as stack:
            self._writers = [] if results is None else [stack.enter_context(ResultsWriter(results, header))]
            self._lefts = [] if failed is None else [stack.enter_context(ResultsWriter(failed, header, only=_is_left))]
            self._writers += self._lefts
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
        return self.failed if any(writer.written for writer in self._lefts) else None

    def add(self, result: RowResult) -> None:
        """Take one result."""
        _log.debug("%s", _Logged(result))
        if result.warnings:
            self._note(result)
        self.unverified += result.status in _MAILED and result.invite is Invite.UNVERIFIED
        self.refused += result.status is RowStatus.FAILED and _was_refused(result)
        self._waiting.append(result)
        if len(self._waiting) >= _BATCH or time.monotonic() - self._flushed > _SECONDS:
            self.flush()

    def _note(self, result: RowResult) -> None:
        warnings = [warning for warning in result.warnings if warning != CHANGED]
        if len(warnings) < len(result.warnings):
            self.changed += 1
        elif len(self.warned) < _SHOWN:
            self.warned.append(f"{place(result)}: {'; '.join(warnings)}")

    def flush(self) -> None:
        """Write what has been taken. A disk that is full is noted, not raised: requests are under way."""
        try:
            for writer in self._writers:
                writer.write(self._waiting)
        except OSError as error:
            self.trouble = f"{self.results or self.failed}: cannot be written ({error.strerror})"
        self._waiting.clear()
        self._flushed = time.monotonic()


class _Logged:
    """A result as a log line, made only if somebody reads it. It holds no entry link."""

    def __init__(self, result: RowResult) -> None:
        self._result = result

    def __str__(self) -> str:
        result = self._result
        code = result.error.code if result.error else "-"
        return f"{place(result)} {result.key} {result.status.value} attempts={result.attempts} code={code}"


def place(result: RowResult) -> str:
    """Say which row it is."""
    return f"row {result.index + 1}" if result.line is None else f"line {result.line}"


def _was_refused(result: RowResult) -> bool:
    code = result.error.code if result.error else ""
    return code.startswith("http_4") and code not in _PASSING


def _is_left(result: RowResult) -> bool:
    return result.status not in DONE


def choose_paths(source: str, results: str | None, failed: str | None) -> tuple[Path, Path | None]:
    """Return where to write.

    Raises:
        UsageError: A file would overwrite the input or the other file.
    """
    path = Path(results) if results else free_path(Path(source).stem)
    other = Path(failed) if failed else None
    for name, target in (("--results", path), ("--failed", other)):
        if target is not None and _same(target, Path(source)):
            raise UsageError(f"{name} {target} is the input file itself; choose another name")
    if other is not None and _same(path, other):
        raise UsageError(f"--results and --failed are both {path}; choose two names")
    return path, other


def free_path(stem: str, folder: Path = Path()) -> Path:
    """Return ``<stem>-results.csv``, numbered if it is there: an earlier run's links may be nowhere else."""
    path, number = folder / f"{stem}-results.csv", 1
    while path.exists() or path.is_symlink():
        number += 1
        path = folder / f"{stem}-results-{number}.csv"
    return path


def near(path: Path) -> Path:
    """Return the path as seen from here, if it is here or below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return os.path.abspath(one) == os.path.abspath(other)  # noqa: PTH100 - resolves no link, and never fails
