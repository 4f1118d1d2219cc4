"""The result files of a run: one line per row, and those rows that are left to do.

1. They are a view of what is recorded, written once when the run has ended, in the order of the input.
2. A place that cannot be written is known before anything is sent: the files are begun then, under private names.
3. A file appears as a whole or not at all; where there is an equal one, that stays. It takes the place of an earlier
   one only where that is what a run of the same list has written there, and nobody has changed it since; otherwise it
   gets a number. A person's corrections, and links of other lists or events, may be nowhere else. A list is the same
   whatever was asked for its people: its later results hold all that the earlier ones do, also of mails. Once no rows
   are left, the file of those that were is removed under the same condition.
4. CSV is for people: a cell that a spreadsheet would run as a formula gets an apostrophe, which `open_table` takes away
   when the file is fed back, and a byte order mark tells Excel that it is UTF-8. JSON lines hold the exact values.
"""

import codecs
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from airmeet_async.bulk.input.column_names import FIRST_RESULT_COLUMNS, RESULT_COLUMNS
from airmeet_async.bulk.journal.queries import JournalSummary
from airmeet_async.bulk.report import BLOCKED, CHANGED, Invite, RowResult, RowStatus, place_of
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.errors import ConfigError
from airmeet_async.private_files import NewFile, check_target, find_place
from airmeet_async.tables import csv_line

_OTHER_KINDS = frozenset({".xlsx", ".xlsm", ".xls", ".xlsb", ".ods", ".parquet"})
_BYTES_AT_ONCE = 1024 * 1024
_UNVERIFIED = "the invitation may not have been mailed: the request got no clear answer"


class ResultFiles:
    """The files that a run will write: every result to one, and what is left to do to another one.

    As a context manager it removes what was begun and not written.

    Args:
        results: Where all rows go, or None.
        failed: Where the rows go that are not done, or None. Without any, an earlier such file is removed.

    Attributes:
        written: The files that are in place, by the path that was asked for.
        removed: The earlier file of rows that were not done, if it was removed.

    Raises:
        ConfigError: A file cannot be written.
    """

    def __init__(self, results: Path | None, failed: Path | None) -> None:
        self.results = results
        self.failed = failed
        self.written: dict[Path, Path] = {}
        self.removed: Path | None = None
        self._files: dict[Path, NewFile] = {}
        with ExitStack() as stack:
            for path in (results, failed):
                if path is not None:
                    self._files[path] = stack.enter_context(NewFile(path.parent))
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write(self, found: Iterable[RowResult], header: Sequence[str], job: str, origin: str, event: str = "") -> None:
        """Write the results of a run.

        Args:
            found: All of them, in the order of the input.
            header: The input's columns.
            job: The run's name.
            origin: The list, see `origin_of`: only an earlier file of the same one is replaced.
            event: The event's id: a personal link is good for one event.

        Raises:
            ConfigError: A file cannot be written. What there was is still there, and what could be written is gone.
        """
        encoders = {path: result_encoder(path, header, job, event) for path in self._files}
        pieces = {path: bytearray(encode(None)) for path, encode in encoders.items()}
        is_any_left, place = False, None
        try:
            for result in found:
                is_left = not result.is_done
                is_any_left = is_any_left or is_left
                for place, piece in pieces.items():
                    if is_left or place == self.results:
                        piece.extend(encoders[place](result))
                    if len(piece) > _BYTES_AT_ONCE:
                        self._files[place].write(piece)
                        piece.clear()
            for place, piece in pieces.items():
                kind = f"{origin} failed" if place == self.failed else origin
                target = find_place(place, kind)
                if is_any_left or place == self.results:
                    self._files[place].write(piece)
                    if same := next((path for path in (place, target) if self._files[place].equals(path)), None):
                        self._files[place].discard()
                    else:
                        self._files[place].put(target, origin=kind)
                    self.written[place] = same or target
                elif target.is_file() and target.stat().st_size:  # what is empty may be anybody's
                    target.unlink()
                    self.removed = target
        except OSError as error:
            raise ConfigError(f"{place}: cannot be written ({error.strerror})") from None


def origin_of(run: JournalSummary) -> str:
    """Return what tells the results of a list from those of another list, or of another part or edition of it."""
    about, facts = run.about, run.list_facts
    source = facts.get("source") or {}
    reading = source.get("reading") or {}
    part = source.get("sha256") or run.job, reading.get("sheet"), reading.get("limit")
    return " ".join(map(str, (about.get("operation"), about.get("airmeet_id"), about.get("base"), *part)))


def result_encoder(path: Path, header: Sequence[str], job: str, event: str = "") -> Callable[[RowResult | None], bytes]:
    """Return what turns a result into a line of the file, and None into what stands above the lines.

    Args:
        path: The file: its ending says whether it is CSV or JSON lines.
        header: The input's columns.
        job: The run's name.
        event: The event's id.
    """
    columns = [name for name in header if name not in RESULT_COLUMNS]
    is_json = path.suffix.lower() in (".jsonl", ".ndjson")

    def encode(result: RowResult | None) -> bytes:
        if result is None:
            return b"" if is_json else codecs.BOM_UTF8 + csv_line([*columns, *RESULT_COLUMNS])
        given, outcome = result.row if isinstance(result.row, Mapping) else {}, _outcome(result, job, event)
        if not is_json:
            return csv_line(_text(value) for value in (*map(given.get, columns), *outcome.values()))
        line = {name: given[name] for name in columns if name in given} | outcome
        # A lone surrogate becomes a backslash escape, which is how JSON spells it: the value stays exact.
        return (json.dumps(line, ensure_ascii=False, default=str) + "\n").encode(errors="backslashreplace")

    return encode


def _outcome(result: RowResult, job: str, event: str) -> dict[str, Any]:
    code = message = None
    # What has changed and was not sent comes first: it is what nobody would find out otherwise.
    warnings = sorted(result.warnings, key=lambda warning: warning.code != CHANGED.code)
    if result.error:
        code, message = result.error.code, result.error.message
        if result.status is RowStatus.INVALID and code != BLOCKED:
            message = "; ".join([message, *warnings])  # what else is wrong with it
        if warnings and warnings[0].code == CHANGED.code:
            message += f"; {warnings[0]}"
    elif result.invite is Invite.UNVERIFIED:
        code, message = "invite_unverified", _UNVERIFIED
    elif warnings:
        code, message = warnings[0].code, "; ".join(warnings)
    has_ended = result.attempts > 0 and result.status is not RowStatus.UNPROCESSED
    found = (
        place_of(result),
        result.status.value,
        code,
        message,
        result.attempts,
        result.entry_link,
        None if result.invite is Invite.NOT_ASKED else result.invite.value,
        ("earlier" if result.from_earlier_run else "now") if has_ended else None,
        job,
        event or None,
    )
    return dict(zip(RESULT_COLUMNS, found, strict=True))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def check_result_file(path: Path) -> None:
    """Check that a result file can be made at a path.

    Raises:
        UsageError: It is named like a file of another kind.
        ConfigError: There is something else, or no way to write there.
    """
    if path.suffix.lower() in _OTHER_KINDS:
        name = path.with_suffix(".csv").name
        raise UsageError(f"{path}: results are written as CSV, or as JSON lines; choose a name such as {name}")
    check_target(path, lambda head: all(name.encode() in head for name in FIRST_RESULT_COLUMNS), "a result file")


def choose_paths(source: str, results: str | None, failed: str | None) -> tuple[Path, Path | None]:
    """Return where to write.

    Raises:
        UsageError: A file would overwrite the input or the other file.
    """
    path = Path(results or f"{Path(source).stem}-results.csv")
    other = Path(failed) if failed else None
    for name, target in (("--results", path), ("--failed", other)):
        if target is not None and _same(target, Path(source)):
            raise UsageError(f"{name} {target} is the input file; choose another name")
    if other is not None and _same(path, other):
        raise UsageError(f"--results and --failed are both {path}; choose different files")
    return path, other


def relative_to_here(path: Path) -> Path:
    """Return the path as seen from here, if it is here or below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return os.path.abspath(one) == os.path.abspath(other)  # noqa: PTH100 - resolves no link, and never fails
