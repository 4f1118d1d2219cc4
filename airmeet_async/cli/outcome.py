"""The result files of a run, filled while it is on."""

import logging
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from airmeet_async.bulk.journal.kept import CHANGED
from airmeet_async.bulk.report import DONE, Invite, RowResult, RowStatus
from airmeet_async.cli.exits import UsageError
from airmeet_async.cli.result_files import ResultsWriter
from airmeet_async.errors import ConfigError

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
