"""The options that commands share, and their checks."""

import math
import re
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from attrs import field, frozen
from cyclopts import Parameter

from airmeet_async.cli.console import Console
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.errors import InvalidInputError
from airmeet_async.protocol.base_urls import check_id

if TYPE_CHECKING:
    from airmeet_async.cli.input_file import FileChoice

ProgressChoice = Literal["auto", "bar", "plain", "json", "none"]
FormatChoice = Literal["csv", "tsv", "jsonl", "xlsx", "xls", "xlsb", "ods", "parquet"]
Columns = Annotated[tuple[str, ...], Parameter(name="--map", negative="", show_default=False)]
PresetChoice = Literal["luma", "eventbrite", "zoom", "hubspot", "salesforce", "none"]
File = Annotated[str, Parameter(allow_leading_hyphen=True)]
Flag = Annotated[bool, Parameter(negative="", show_default=False)]
OutputPath = Annotated[str | None, Parameter(name=("--output", "-o"), allow_leading_hyphen=True)]


@frozen
class CommandContext:
    """The typed profile, if there is one, and the environment before that profile took its place in it."""

    profile: str | None
    environ: Mapping[str, str] = field(repr=False)


Context = Annotated[CommandContext, Parameter(parse=False)]

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@Parameter(name="*")
@frozen(kw_only=True)
class RunFlags:
    """The options of every run.

    Attributes:
        rate: Requests per second, or auto: as many as Airmeet allows. Default: AIRMEET_RATE, else auto.
        concurrency: Maximum number of concurrent requests. Default: 64.
        max_failures: Stop when more rows than this fail: a number, or a share such as 5%. Default: when nearly all
            fail.
        deadline: Stop after this time: 90 (seconds), 30m or 2h. The run can be resumed.
        accept_stale: Also resend rows that were sent more than 24 hours ago without a clear answer.
        redis: Share the token, and a --rate that is a number, with other runs at this address: redis://HOST:PORT/0.
            Default: AIRMEET_REDIS, which may hold a password.
        wait: Where another command is at the same event's people, wait for its end. Default: refuse.
        results: Write the result of each row to this file. Default: FILE's name with -results.csv, in the current
            directory.
        report: Write an HTML report on the run to this file: numbers, charts, failed rows. Needs the report extra.
        report_emails: Show full e-mail addresses in that report. Default: masked.
        json: Print the report as one JSON object on standard output.
        progress: How to show progress. auto: a bar on a terminal, otherwise a line every 10 seconds.
    """

    rate: str | None = None
    concurrency: int | None = None
    max_failures: str | None = None
    deadline: str | None = None
    accept_stale: Flag = False
    redis: str | None = None
    wait: Flag = False
    results: str | None = None
    report: str | None = None
    report_emails: Flag = False
    json: Flag = False
    progress: ProgressChoice = "auto"

    @property
    def console(self) -> Console:
        """Where messages for people go."""
        return Console(as_json=self.progress == "json")

    def job_options(self) -> dict[str, Any]:
        """Return the options of the job.

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
    """The options of every command that reads a file.

    Attributes:
        sheet: The sheet of a workbook, by name or number. Default: the only one with rows.
        format: The file format. Default: from the file name; csv for standard input.
        encoding: The encoding of a text file. Default: UTF-8.
        delimiter: The delimiter of a CSV file. Default: detected in its header.
        header: The line with the column names. Default: detected within the first 30 lines.
    """

    sheet: str | None = None
    format: FormatChoice | None = None
    encoding: str | None = None
    delimiter: str | None = None
    header: int | None = None

    def choice(self, path: str, columns: tuple[str, ...] = (), limit: int | None = None, **more: Any) -> "FileChoice":
        """Return the file as it is to be read; ``-`` is standard input, which is read now.

        Raises:
            UsageError: Something that was typed cannot be used.
            InputError: Nothing comes from standard input.
        """
        from airmeet_async.cli.input_file import NAME, FileChoice, spooled

        names = ("sheet", "format", "encoding", "delimiter", "header")
        typed = {"limit": positive(limit), **{name: getattr(self, name) for name in names}}
        options = {name: value for name, value in typed.items() if value not in {None, ""}}
        name = ""
        if path == "-":
            path, name, options = spooled(Console()), NAME, {"format": "csv", **options}
        return FileChoice(path=path, name=name, columns=columns, options=options, **more)


@Parameter(name="*")
@frozen(kw_only=True)
class ListFlags(RunFlags, FileFlags):
    """The options of every bulk command that takes a file; alone, of those that send everybody each time.

    Attributes:
        failed: Write the rows that are not done to this file, which the same command can read. A file that this list
            did not write, or that was changed since, is never replaced: the new one gets a number, and that is said.
            Once no rows are left, the file is removed.
        limit: Read only this many rows, from the top.
        journal: Record each row's progress in this file, and know only what is in it. Default: one for each event, by
            which nobody is sent twice; airmeet runs lists what is in it.
    """

    failed: str | None = None
    limit: int | None = None
    journal: str | None = None

    def file(self, path: str, columns: tuple[str, ...] = (), **more: Any) -> "FileChoice":
        """Return the file as it is to be read."""
        return self.choice(path, columns, self.limit, **more)


@Parameter(name="*")
@frozen(kw_only=True)
class BulkFlags(ListFlags):
    """The options of every bulk command that leaves out what is done.

    Attributes:
        again: Send everybody in FILE once more, also those who are done: with --invite they are mailed again.
    """

    again: Flag = False
    fresh: Annotated[bool, Parameter(negative="", show=False)] = False

    def job_options(self) -> dict[str, Any]:
        if self.fresh:
            what = "sends everybody in the file once more, so that with --invite they are mailed again"
            raise UsageError(f"--fresh is called --again now: it {what} (nothing was sent)")
        return super().job_options()


DEFAULT = BulkFlags()
DEFAULT_LIST = ListFlags()
DEFAULT_RUN = RunFlags()
DEFAULT_FILE = FileFlags()


def event_id(word: str, file: str) -> str:
    """Return *word* where it can be an event's id.

    Raises:
        UsageError: It is the file, and *file* is what can be the id.
        InvalidInputError: It is no id.
    """
    try:
        return check_id(word, "AIRMEET_ID")
    except InvalidInputError:
        if is_file(word) and _is_id(file):
            raise UsageError(f"the event's id comes before the file: write {file} {word}") from None
        raise


def _is_id(word: str) -> bool:
    try:
        return bool(check_id(word, ""))
    except InvalidInputError:
        return False


def is_file(word: str) -> bool:
    """Whether there is a file of that name; what cannot be a name is none."""
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
        raise UsageError(f"{name} must be a whole number above 0, not {number}")
    return number


def check_rate(rate: str | float | None, name: str = "--rate") -> float | Literal["auto"] | None:
    """Return a rate, if there is one.

    Raises:
        UsageError: It is none.
    """
    if rate is None:
        return None
    if str(rate).strip().lower() == "auto":
        return "auto"
    with suppress(ValueError):
        if 0 < (number := float(rate)) < math.inf:
            return number
    raise UsageError(f"{name} must be auto or a number of requests per second above 0, not {str(rate)!r:.40}")


def check_failures(text: str | None) -> str | None:
    """Return how many rows may fail, if it was typed.

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
    if found and (length := float(found[1]) * _SECONDS[found[2]]) > 0:
        return length
    raise UsageError(f"{name} must be a time above 0 such as 90 (seconds), 30m, 2h or 1d, not {text!r:.40}")
