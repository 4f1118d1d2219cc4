"""What a run would do, before it does it: typed for programs, and in words for people. Pure."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import anyio.lowlevel
from attrs import define, evolve, field, frozen

from airmeet_async.bulk.input.columns import ColumnMap, Reading, find_columns
from airmeet_async.bulk.input.operations import AddAttendees, Recipe
from airmeet_async.bulk.input.prepare import Intake
from airmeet_async.bulk.input.sources import OpenRows
from airmeet_async.bulk.report import FailureGroup, RowResult, RowStatus
from airmeet_async.bulk.table_cells import shown
from airmeet_async.bulk.tables import SourceRow, Table
from airmeet_async.errors import ConfigError, InputError
from airmeet_async.formatting import duration, many, wrapped
from airmeet_async.protocol.validation import FieldBook, Problem

_SAMPLES = 5
_BATCH = 500

CUT = "will_be_cut"
DUPLICATE = "duplicate"


@frozen
class Finding:
    """Something about one row that its owner should know.

    Attributes:
        line: Where the row starts in the file; of rows that are from no file their number, from 1.
        code: A short stable word.
        message: One sentence.
    """

    line: int
    code: str
    message: str


@define
class Cause:
    """Rows with which the same is the matter.

    Attributes:
        code: A short stable word.
        message: What is said of the first of them.
        n: How many rows.
        lines: Where the first few are.
    """

    code: str
    message: str
    n: int = 0
    lines: list[int] = field(factory=list)


@define
class Survey:
    """What a look through all rows has found.

    Attributes:
        ready: Rows that would be sent.
        invalid: Rows that would not.
        duplicates: Rows with the address of an earlier one.
        cut: Rows that would be sent with a value that Airmeet cuts.
        causes: All that was found, by its code, in the order in which it first came.
    """

    ready: int = 0
    invalid: int = 0
    duplicates: int = 0
    cut: int = 0
    causes: dict[str, Cause] = field(factory=dict)

    @property
    def rows(self) -> int:
        """All rows."""
        return self.ready + self.invalid + self.duplicates

    def note(self, finding: Finding) -> None:
        """Count a finding."""
        cause = self.causes.setdefault(finding.code, Cause(finding.code, finding.message))
        cause.n += 1
        if len(cause.lines) < _SAMPLES:
            cause.lines.append(finding.line)


def _ignore(_: Finding) -> None:
    """Do nothing."""


async def look_at(rows: Table | Sequence[Any], recipe: Recipe, found: Callable[[Finding], object] = _ignore) -> Survey:
    """Put all rows through the door of a run, without a run behind it.

    Args:
        rows: The rows.
        recipe: What makes a call of a row.
        found: Called with each finding, in the order of the rows.

    Raises:
        InputError: The file changes meanwhile.
    """
    intake, survey, lines = Intake(recipe), Survey(), array("Q")
    for batch in _batches(rows):
        await anyio.lowlevel.checkpoint()  # where Ctrl-C is heard
        for row in batch:
            lines.append(row.line or row.index + 1)
            admitted = await intake.admit(row)
            if isinstance(admitted, RowResult):
                findings = [_unsent(admitted, lines, survey)]
            else:
                survey.ready += 1
                survey.cut += bool(admitted.warnings)
                findings = [Finding(lines[-1], CUT, warning) for warning in admitted.warnings]
            for finding in findings:
                survey.note(finding)
                found(finding)
    return survey


def _batches(rows: Table | Sequence[Any]) -> Iterator[list[SourceRow]]:
    if isinstance(rows, Table):
        yield from rows.batches(_BATCH)
        return
    for start in range(0, len(rows), _BATCH):
        batch = enumerate(rows[start : start + _BATCH], start)
        yield [row if isinstance(row, SourceRow) else SourceRow(index, None, row) for index, row in batch]


def _unsent(result: RowResult, lines: Sequence[int], survey: Survey) -> Finding:
    line = lines[-1]
    if result.status is RowStatus.DUPLICATE:
        survey.duplicates += 1
        first = lines[result.duplicate_of or 0]
        where = "line" if result.line is not None else "row"
        return Finding(line, DUPLICATE, f"{result.key} is in {where} {first} already; only that one is sent")
    survey.invalid += 1
    code, message = (result.error.code, result.error.message) if result.error else ("invalid", "")
    return Finding(line, code, message)


_MOST_CAUSES = 8
_TYPICAL_RATE = 25.0


@frozen(kw_only=True)
class BulkPlan:
    """What adding people would do. ``print(plan)`` shows it.

    Attributes:
        airmeet_id: The event.
        source: The file, or nothing.
        rows: All rows.
        ready: Rows that would be sent.
        invalid: Rows that would not be sent, since something is wrong with them.
        duplicates: Rows with the address of an earlier one; they would not be sent either.
        cut: Rows that would be sent with a value that Airmeet cuts.
        causes: What is the matter with rows, most frequent first; ``sample_rows`` are lines of a file, else numbers
            from 1.
        columns: Which column of a file is what, or None for rows that are from no file.
        splits: How the first few whole names are split: whole, first, last.
        fields_known: The event was asked for its registration fields.
        unfilled: Mandatory registration fields that no column fills; Airmeet may refuse the rows.
        invitations: Mails that Airmeet would send.
        registrations: Registrations of the plan that would be used up.
        rate: Requests per second that was asked for; None to follow what Airmeet allows.
        notices: What was decided without being asked when the file was read.
    """

    airmeet_id: str
    source: str = ""
    rows: int
    ready: int
    invalid: int
    duplicates: int
    cut: int
    causes: tuple[FailureGroup, ...] = ()
    columns: ColumnMap | None = None
    splits: tuple[tuple[str, str, str], ...] = ()
    fields_known: bool = False
    unfilled: tuple[str, ...] = ()
    invitations: int = 0
    registrations: int = 0
    rate: float | None = None
    notices: tuple[str, ...] = ()

    @property
    def seconds(self) -> float | None:
        """How long it would take at that rate, if nothing slows it down."""
        return self.ready / self.rate if self.rate else None

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """Return the plan in words, in lines that fit a terminal."""
        return [*self.head(), sentence(self), *causes(self.causes), *self._uses()]

    def head(self) -> list[str]:
        """Return what the file is and what its columns are used for."""
        lines = introduction(self.source, self.rows, self.columns, self.notices) if self.columns else []
        splits = [f"{shown(whole)} = {shown(first)} + {shown(last)}" for whole, first, last in self.splits]
        lines += wrapped(f"for example {', '.join(splits)}", "  ", "    ") if splits else []
        if not self.unfilled:
            return lines
        labels = ", ".join(map(shown, self.unfilled))
        what = f"no column fills the event's mandatory registration {many('field', len(self.unfilled))} {labels}"
        return lines + wrapped(f"{what}; Airmeet may refuse the rows. Fill it with --map custom:LABEL=Column")

    def _uses(self) -> list[str]:
        mails = f"{self.invitations:,} {many('invitation', self.invitations)} mailed by Airmeet"
        quota = f"{self.registrations:,} of the plan's registrations used up"
        if self.seconds is None:
            time = f"{duration(self.ready / _TYPICAL_RATE)} at {_TYPICAL_RATE:g} requests per second, less if allowed"
        else:
            time = f"{duration(self.seconds)} at {self.rate:g} requests per second"
        return wrapped(f"that means: {mails}; {quota}; about {time}")

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON shape (``--dry-run --json``)."""
        found = self.columns or ColumnMap(())
        return {
            "airmeet_id": self.airmeet_id,
            "file": self.source or None,
            "rows": self.rows,
            "ready": self.ready,
            "invalid": self.invalid,
            "duplicates": self.duplicates,
            "cut": self.cut,
            "causes": [_cause(group) for group in self.causes],
            "preset": found.preset.name if found.preset else None,
            "columns": {match.field: match.column for match in found.fields},
            "custom_fields": {match.field: match.column for match in found.custom},
            "split_name": found.whole or None,
            "ignored": list(found.ignored),
            "fields_known": self.fields_known,
            "unfilled": list(self.unfilled),
            "invitations": self.invitations,
            "registrations": self.registrations,
            "rate": self.rate,
            "seconds": self.seconds,
            "notices": list(self.notices),
        }


def _cause(group: FailureGroup) -> Mapping[str, Any]:
    return {"code": group.code, "message": group.message, "n": group.n, "lines": list(group.sample_rows)}


def groups_of(survey: Survey) -> tuple[FailureGroup, ...]:
    """Return what a survey has found, most frequent first."""
    found = sorted(survey.causes.values(), key=lambda cause: -cause.n)
    return tuple(FailureGroup(cause.code, cause.message, cause.n, tuple(cause.lines)) for cause in found)


def introduction(source: str, rows: int, columns: ColumnMap, notices: tuple[str, ...]) -> list[str]:
    """Say what a file is, and what its columns are used for. Those that are named like their field share a line."""
    same = [match.field for match in columns.fields if match.field == match.column]
    others = tuple(match for match in columns.fields if match.field != match.column)
    lines = [f"{source}: {rows:,} {many('row', rows)}"]
    lines += wrapped(f"columns named like their field: {', '.join(same)}", "  ", "    ") if same else []
    lines += [line for text in evolve(columns, fields=others).lines() for line in wrapped(text, "  ", "    ")]
    return [*lines, *(line for text in notices for line in wrapped(text))]


def sentence(found: Survey | BulkPlan) -> str:
    """Return the plan's numbers."""
    cuts = f" ({found.cut:,} with too long a text)" if found.cut else ""
    parts = [f"{found.rows:,} {many('row', found.rows)}: {found.ready:,} to send{cuts}"]
    parts += [f"{n:,} {what}" for n, what in ((found.invalid, "invalid"), (found.duplicates, "duplicate")) if n]
    return ", ".join(parts)


def causes(groups: tuple[FailureGroup, ...]) -> list[str]:
    """Say what is the matter with rows, and where the first of them are."""
    lines: list[str] = []
    for group in groups[:_MOST_CAUSES]:
        where = ", ".join(map(str, group.sample_rows))
        more = f" and {group.n - len(group.sample_rows):,} more" if group.n > len(group.sample_rows) else ""
        line = many("line", group.n)
        lines += wrapped(f"{group.n:,} x {group.code}, {line} {where}{more}: {group.message}", "  ", "      ")
    if len(groups) > _MOST_CAUSES:
        lines.append(f"  and {len(groups) - _MOST_CAUSES} more causes")
    return lines


_EXAMPLES = 3


class AnyFields(FieldBook):
    """Takes every registration field for known: nobody has asked the event."""

    def __init__(self) -> None:
        super().__init__(())

    def resolve(self, values: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Problem | None]:  # noqa: ARG002
        """Find no fault."""
        return [], None


@frozen(kw_only=True)
class Terms:
    """How people would be added.

    Attributes:
        airmeet_id: The event's id, checked; nothing where it is not known.
        invite: Whether Airmeet mails them.
        register: Whether they use up registrations.
        rate: Requests per second, or None to follow what Airmeet allows.
    """

    airmeet_id: str = ""
    invite: bool = False
    register: bool = False
    rate: float | None = None


def columns_of(table: Table, reading: Reading, book: FieldBook | None = None) -> ColumnMap:
    """Return which column of a file is what.

    Raises:
        InputError: That cannot be told; names the file.
    """
    try:
        return find_columns(table.header, reading, book)
    except InputError as error:
        raise InputError(f"{table.name}: {error}", path=table.name, line=1, column=error.column) from None


async def make_plan(
    rows: OpenRows,
    reading: Reading,
    book: FieldBook | None,
    terms: Terms,
    found: Callable[[Finding], object] = lambda _: None,
) -> BulkPlan:
    """Look at all rows and say what a run would do. Nothing is sent.

    Args:
        rows: The rows, which can be read again afterwards.
        reading: How their columns are found.
        book: The event's registration fields; None leaves them unchecked.
        terms: How people would be added.
        found: Called with each finding, in the order of the rows.

    Raises:
        ConfigError: The rows can be read only once.
        InputError: The columns or the file cannot be used.
    """
    source = _lasting(rows)
    table = source if isinstance(source, Table) else None
    columns = columns_of(table, reading, book) if table else None

    async def fields() -> FieldBook:
        return book or AnyFields()

    recipe = AddAttendees(
        terms.airmeet_id or "plan",
        {},
        columns=columns,
        find=partial(find_columns, reading=reading),
        fetch_fields=fields,
    )
    survey = await look_at(source, recipe, found)
    return BulkPlan(
        airmeet_id=terms.airmeet_id,
        source=table.name if table else "",
        rows=survey.rows,
        ready=survey.ready,
        invalid=survey.invalid,
        duplicates=survey.duplicates,
        cut=survey.cut,
        causes=groups_of(survey),
        columns=columns,
        splits=_splits(table, columns) if table and columns else (),
        fields_known=book is not None,
        unfilled=_unfilled(columns, book) if columns and book else (),
        invitations=survey.ready if terms.invite else 0,
        registrations=survey.ready if terms.register else 0,
        rate=terms.rate,
        notices=table.notices if table else (),
    )


def _lasting(rows: OpenRows) -> Table | Sequence[Any]:
    if isinstance(rows, (Table, Sequence)):
        return rows
    if isinstance(rows, Iterable) and iter(rows) is not rows:
        return list(rows)
    message = "a plan reads all rows, and an iterator can be read only once; plan a list, or a file"
    raise ConfigError(message)


def _splits(table: Table, columns: ColumnMap) -> tuple[tuple[str, str, str], ...]:
    """Return how the first few names are split."""
    if not columns.whole or columns.named:
        return ()
    picked = [(columns.whole_name(row.data), columns.pick(row.data)) for row in next(table.batches(_EXAMPLES))]
    return tuple((whole, row["first_name"], row["last_name"]) for whole, row in picked if whole and "last_name" in row)


def _unfilled(columns: ColumnMap, book: FieldBook) -> tuple[str, ...]:
    filled = {entry.field_id for match in columns.custom if not isinstance(entry := book.find(match.field), Problem)}
    return tuple(entry.label or entry.field_id for entry in book.required if entry.field_id not in filled)
