"""The input file of a command: opened, its columns matched, and looked through before anything is sent."""

from array import array
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import anyio.lowlevel
from attrs import define, evolve, field, frozen

from airmeet_async.api.rules import FieldBook, Problem
from airmeet_async.bulk.columns import MANDATORY, ColumnMap, match_columns
from airmeet_async.bulk.intake import Intake
from airmeet_async.bulk.recipes import AddAttendees, Recipe
from airmeet_async.bulk.report import RowResult, RowStatus
from airmeet_async.bulk.table_text import GUESS
from airmeet_async.bulk.tables import SourceRow, Table, open_table
from airmeet_async.cli.exits import UsageError
from airmeet_async.errors import InputError


@frozen(kw_only=True)
class FileChoice:
    """A file and how to read it, as typed.

    Attributes:
        path: The file.
        name: How it is called, where that is not its path.
        columns: ``field=Column``, each as typed.
        sheet: Of a workbook.
        kind: What it is.
        encoding: Of the text.
        delimiter: Of a CSV file.
        limit: Most rows to take.
    """

    path: str
    name: str = ""
    columns: tuple[str, ...] = ()
    sheet: str | None = None
    kind: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    limit: int | None = None

    @property
    def title(self) -> str:
        """How it is called."""
        return self.name or self.path


@frozen
class People:
    """A checked file of people.

    Attributes:
        table: Its rows.
        columns: Which column is what.
        overrides: The part of it that was typed.
    """

    table: Table
    columns: ColumnMap
    overrides: Mapping[str, str]


@frozen
class _Head(Table):
    """The first rows of a table."""

    whole: Table = field(repr=False, kw_only=True)

    def batches(self, size: int = 500) -> Iterator[list[SourceRow]]:
        """Yield the rows, ``size`` at a time."""
        left = self.rows
        for batch in self.whole.batches(min(size, left)):
            yield batch[:left]
            left -= len(batch)
            if left <= 0:
                return


def open_people(choice: FileChoice, required: Collection[str] = MANDATORY) -> People:
    """Check a file to its end, and find its columns, of which some are *required*.

    Raises:
        UsageError: Something that was typed cannot be used.
        InputError: The file cannot be used.
    """
    overrides = parse_columns(choice.columns)
    table = open_file(choice)
    try:
        columns = match_columns(table.header, overrides=overrides, required=required)
    except InputError as error:
        raise InputError(f"{choice.title}: {error}", path=choice.title, line=1, column=error.column) from None
    return People(table, columns, overrides)


def open_file(choice: FileChoice) -> Table:
    """Check a file to its end.

    Raises:
        InputError: It cannot be used.
    """
    try:
        table = open_table(
            choice.path,
            encoding=choice.encoding or GUESS,
            delimiter=choice.delimiter,
            kind=choice.kind,
            sheet=choice.sheet,
        )
    except InputError as error:
        raise _renamed(error, choice) from None
    return evolve(_head(table, choice.limit), name=choice.name)


def _renamed(error: InputError, choice: FileChoice) -> InputError:
    """Return the error with the name under which its file is known."""
    if not choice.name:
        return error
    said = str(error).replace(choice.path, choice.name)
    return InputError(said, path=choice.name, line=error.line, column=error.column)


def parse_columns(texts: Sequence[str]) -> dict[str, str]:
    """Read ``field=Column`` texts.

    Raises:
        UsageError: One is not of that form, or a field comes twice.
    """
    overrides: dict[str, str] = {}
    for text in texts:
        name, sign, column = text.partition("=")
        if not (sign and name.strip() and column):
            raise UsageError(f'--map {text!r:.80}: write field=Column, such as --map email="E-mail address"')
        if name.strip() in overrides:
            raise UsageError(f"--map names {name.strip()!r:.80} twice; keep one of them")
        overrides[name.strip()] = column
    return overrides


def _head(table: Table, limit: int | None) -> Table:
    if limit is None or limit >= table.rows:
        return table
    parts = (table.path, table.header, limit, table.notices, table._format, table._stamp)
    return _Head(*parts, whole=table)


@frozen
class Finding:
    """Something about one row that its owner should know.

    Attributes:
        line: Where the row starts in the file.
        code: A short stable word.
        message: One sentence.
    """

    line: int
    code: str
    message: str


@define
class Survey:
    """What a look through all rows has found.

    Attributes:
        ready: Rows that would be sent.
        invalid: Rows that would not.
        duplicates: Rows with the address of an earlier one.
        cut: Rows that would be sent with a value that Airmeet cuts.
    """

    ready: int = 0
    invalid: int = 0
    duplicates: int = 0
    cut: int = 0

    @property
    def rows(self) -> int:
        """All rows."""
        return self.ready + self.invalid + self.duplicates


class AnyFields(FieldBook):
    """Takes every registration field for known: nobody has asked the event."""

    def __init__(self) -> None:
        super().__init__(())

    def resolve(self, values: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Problem | None]:  # noqa: ARG002
        """Find no fault."""
        return [], None


def _ignore(_: Finding) -> None:
    """Do nothing."""


async def look_through(
    people: People, book: FieldBook | None = None, found: Callable[[Finding], object] = _ignore
) -> Survey:
    """Put all rows through the door of a run, without a run behind it.

    Args:
        people: The file.
        book: The event's registration fields; without it they are not checked.
        found: Called with each finding, in the file's order.

    Raises:
        InputError: The file changes meanwhile.
    """

    async def fields() -> FieldBook:
        return book or AnyFields()

    recipe = AddAttendees("survey", {}, columns=people.columns, overrides=people.overrides, fetch_fields=fields)
    return await look_at(people.table, recipe, found)


async def look_at(table: Table, recipe: Recipe, found: Callable[[Finding], object] = _ignore) -> Survey:
    """Put all rows of a table through a recipe.

    Args:
        table: The rows.
        recipe: What makes a call of a row.
        found: Called with each finding, in the file's order.

    Raises:
        InputError: The file changes meanwhile.
    """
    intake, survey, lines = Intake(recipe), Survey(), array("Q")
    for batch in table.batches():
        await anyio.lowlevel.checkpoint()  # where Ctrl-C is heard
        for row in batch:
            lines.append(row.line or 0)
            admitted = await intake.admit(row)
            if isinstance(admitted, RowResult):
                found(_unsent(admitted, lines, survey))
                continue
            survey.ready += 1
            survey.cut += bool(admitted.warnings)
            for warning in admitted.warnings:
                found(Finding(row.line or 0, "will_be_cut", warning))
    return survey


def _unsent(result: RowResult, lines: Sequence[int], survey: Survey) -> Finding:
    line = result.line or 0
    if result.status is RowStatus.DUPLICATE:
        survey.duplicates += 1
        first = lines[result.duplicate_of or 0]
        return Finding(line, "duplicate", f"{result.key} is in line {first} already; only that one is sent")
    survey.invalid += 1
    code, message = (result.error.code, result.error.message) if result.error else ("invalid", "")
    return Finding(line, code, message)
