"""The options that commands share, and their checks."""

import math
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from attrs import evolve, field, frozen
from cyclopts import Parameter

from airmeet_async.cli.console import Console
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.base_urls import check_id

if TYPE_CHECKING:
    from airmeet_async.cli.input_file import FileChoice

ProgressChoice = Literal["auto", "bar", "plain", "json", "none"]
FormatChoice = Literal["csv", "tsv", "jsonl", "xlsx", "xls", "xlsb", "ods", "parquet"]
Columns = Annotated[tuple[str, ...], Parameter(name="--map", negative="", show_default=False)]
PresetChoice = Literal["luma", "eventbrite", "zoom", "hubspot", "salesforce", "none"]
File = Annotated[str, Parameter(allow_leading_hyphen=True)]
Flag = Annotated[bool, Parameter(negative="", show_default=False)]


@frozen
class CommandContext:
    """What a command that looks at settings themselves is told.

    Attributes:
        profile: What was typed after ``--profile``, or None.
        environ: The environment as it was.
    """

    profile: str | None
    environ: Mapping[str, str] = field(repr=False)


Context = Annotated[CommandContext, Parameter(parse=False)]

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@Parameter(name="*")
@frozen(kw_only=True)
class RunFlags:
    """How a run goes about it.

    Attributes:
        rate: Requests per second, or auto, which finds and follows the server's limit; otherwise AIRMEET_RATE,
            otherwise auto.
        concurrency: Most requests under way at once; otherwise 64.
        max_failures: How many rows may fail, as 100 or 5%; otherwise it stops when nearly all do.
        deadline: How long it may take, as 90, 30m or 2h; what is left can be resumed.
        accept_stale: Send again also rows that were sent more than 24 hours ago without a clear answer.
        results: The file with one line per row; otherwise FILE's name with -results.csv, in the current directory.
        report: A page on the run, as one HTML file: numbers, charts, rows that failed. Needs the extra report.
        report_emails: Show addresses on that page in full; otherwise they are masked.
        json: Print the report as one JSON object on standard output.
        progress: How to show it. auto: a bar on a terminal, else a line every 10 seconds.
    """

    rate: str | None = None
    concurrency: int | None = None
    max_failures: str | None = None
    deadline: str | None = None
    accept_stale: Flag = False
    results: str | None = None
    report: str | None = None
    report_emails: Flag = False
    json: Flag = False
    progress: ProgressChoice = "auto"

    @property
    def console(self) -> Console:
        """Who speaks."""
        return Console(as_json=self.progress == "json")

    def job_options(self) -> dict[str, Any]:
        """Return what the job is told.

        Raises:
            UsageError: Something that was typed cannot be used.
        """
        return {
            "rate": check_rate(self.rate),
            "max_in_flight": positive(self.concurrency, "--concurrency"),
            "max_failures": check_failures(self.max_failures),
            "deadline": seconds(self.deadline, "--deadline"),
        }


@Parameter(name="*")
@frozen(kw_only=True, slots=False)  # so that `BulkFlags` can have two such bases
class FileFlags:
    """How a file is read.

    Attributes:
        sheet: Of a workbook, its name or number; otherwise the only one with rows.
        format: What the file is; otherwise what its name says, and csv for standard input.
        encoding: Of a text; otherwise UTF-8.
        delimiter: Of a CSV file; otherwise what its header shows.
        header: The line that names the columns; otherwise the first within 30 lines that does.
    """

    sheet: str | None = None
    format: FormatChoice | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: int | None = None

    def choice(self, path: str, columns: tuple[str, ...] = (), limit: int | None = None) -> "FileChoice":
        """Return the file as it is to be read; ``-`` is standard input, which is read now.

        Raises:
            UsageError: Something that was typed cannot be used.
            InputError: Nothing comes from standard input.
        """
        from airmeet_async.cli.input_file import NAME, FileChoice, spooled

        choice = FileChoice(
            path=path, columns=columns, sheet=self.sheet, format=self.format, encoding=self.encoding,
            delimiter=self.delimiter, header=self.header, limit=positive(limit),
        )  # fmt: skip
        return (
            evolve(choice, path=spooled(Console()), name=NAME, format=choice.format or "csv") if path == "-" else choice
        )


@Parameter(name="*")
@frozen(kw_only=True)
class BulkFlags(RunFlags, FileFlags):
    """What every bulk command with a file takes.

    Attributes:
        failed: A file with only the rows that are not done. It can be given to the same command.
        limit: Take only that many rows from the top.
        journal: The file that knows, at any instant, what has become of each row; otherwise one of its own.
        fresh: Begin anew, also where an earlier run of the same file could go on.
    """

    failed: str | None = None
    limit: int | None = None
    journal: str | None = None
    fresh: Flag = False

    def file(self, path: str, columns: tuple[str, ...] = (), **more: Any) -> "FileChoice":
        """Return the file as it is to be read."""
        return evolve(self.choice(path, columns, self.limit), **more)


DEFAULT = BulkFlags()
DEFAULT_RUN = RunFlags()
DEFAULT_FILE = FileFlags()


def event_id(word: str, *files: str) -> str:
    """Return *word* where it can be an event's id.

    Args:
        word: What stands in the place of the id.
        files: What stands in the places of the files after it.

    Raises:
        UsageError: It is the file.
        ConfigError: It is no id.
    """
    try:
        return check_id(word, "AIRMEET_ID")
    except ConfigError:
        if files and is_file(word) and _is_id(files[0]):
            raise UsageError(f"the event's id comes first, then the file: write {files[0]} {word}") from None
        raise


def _is_id(word: str) -> bool:
    try:
        return bool(check_id(word, ""))
    except ConfigError:
        return False


def is_file(word: str) -> bool:
    """Whether there is a file of that name."""
    try:
        return Path(word).is_file()
    except (OSError, ValueError):
        return False


def typed() -> str:
    """Return the command line, as a shell would take it."""
    return shlex.join(("airmeet", *sys.argv[1:]))


def positive(number: int | None, name: str = "--limit") -> int | None:
    """Return a number that counts something, if there is one.

    Raises:
        UsageError: It counts nothing.
    """
    if number is not None and number < 1:
        raise UsageError(f"{name} must be a whole number from 1, not {number}")
    return number


def check_rate(rate: str | float | None) -> float | Literal["auto"] | None:
    """Return a rate, if there is one.

    Raises:
        UsageError: It is none.
    """
    if rate is None:
        return None
    if isinstance(rate, str) and rate.strip().lower() == "auto":
        return "auto"
    try:
        number = float(rate)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise UsageError(f"--rate must be auto or a number of requests per second above 0, not {str(rate)!r:.40}")
    return number


def check_failures(text: str | None) -> str | None:
    """Return how many rows may fail, if that was said.

    Raises:
        UsageError: Neither a number nor a percentage.
    """
    if text is None or re.fullmatch(r"[0-9]{1,9}|(100|[0-9]{1,2}(\.[0-9]{1,6})?)%", text):
        return text
    raise UsageError(f"--max-failures must be a number of rows or a percentage such as 5%, not {text!r:.40}")


def seconds(text: str | None, name: str) -> float | None:
    """Return the seconds of ``90``, ``30m``, ``2h`` or ``30d``, if there is such a text.

    Raises:
        UsageError: It cannot be read.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smhd]?)", text.strip().lower())
    length = float(found.group(1)) * _SECONDS[found.group(2)] if found else 0.0
    if length <= 0:
        raise UsageError(f"{name} must be a time above 0 such as 90 (seconds), 30m, 2h or 1d, not {text!r:.40}")
    return length
