"""`BulkPlan`: what a run would do with an input, for programs and in words for people. Nothing is sent for it.

All rows are prepared as a run would prepare them (`check_rows`), and what is found is counted.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import anyio.lowlevel
from attrs import asdict, evolve, frozen

from airmeet_async.bulk.input.columns import ColumnMap, Reading, find_table_columns
from airmeet_async.bulk.input.operations import AddAttendees, BulkOperation
from airmeet_async.bulk.input.sources import OpenedRows
from airmeet_async.bulk.report import FailureGroup, RowError, RowResult
from airmeet_async.errors import ConfigError
from airmeet_async.formatting import counted, duration, many, wrapped
from airmeet_async.protocol.validation import Problem, RegistrationFields
from airmeet_async.tables import Table, shown

_MOST_CAUSES = 8
_TYPICAL_RATE = 25.0
_EXAMPLES = 3
_SAMPLES = 5
_BATCH = 500


@frozen(kw_only=True)
class InputSummary:
    """The sum of a check of all rows.

    Attributes:
        ready: Rows that would be sent.
        invalid: Rows that would not be sent, since something is wrong with them.
        duplicates: Rows with the address of an earlier one; they would not be sent either.
        cut: Rows that would be sent with a value that Airmeet cuts.
        causes: What is the matter with rows, most frequent first; ``sample_rows`` are lines of a file, else numbers
            from 1.
    """

    ready: int = 0
    invalid: int = 0
    duplicates: int = 0
    cut: int = 0
    causes: tuple[FailureGroup, ...] = ()

    @property
    def rows(self) -> int:
        """All rows."""
        return self.ready + self.invalid + self.duplicates


@frozen(kw_only=True)
class BulkPlan(InputSummary):
    """What adding people would do, with all of `InputSummary`. ``print(plan)`` shows it.

    Attributes:
        airmeet_id: The event.
        source: The file, or nothing.
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
        mails = f"this mails {counted(self.invitations, 'invitation')}"
        quota = f"uses {self.registrations:,} of your plan's registrations"
        if self.seconds is None:
            time = (
                f"{duration(self.ready / _TYPICAL_RATE)} at {_TYPICAL_RATE:g} requests per second, less if Airmeet "
                "allows more"
            )
        else:
            time = f"{duration(self.seconds)} at {self.rate:g} requests per second"
        uses = wrapped(f"{mails}, {quota} and takes about {time}")
        return [*self.head(), describe_counts(self), *describe_causes(self.causes), *uses]

    def head(self) -> list[str]:
        """Return what the file is and what its columns are used for."""
        lines = describe_input(self.source, self.rows, self.columns, self.notices) if self.columns else []
        splits = [f"{shown(whole)} = {shown(first)} + {shown(last)}" for whole, first, last in self.splits]
        lines += wrapped(f"for example {', '.join(splits)}", "  ", "    ") if splits else []
        if not self.unfilled:
            return lines
        labels = ", ".join(map(shown, self.unfilled))
        what = f"no column fills the event's required registration {many('field', len(self.unfilled))} {labels}"
        return lines + wrapped(f"{what}; Airmeet may refuse the rows. Assign a column with --map custom:LABEL=Column")

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
            "causes": [
                {"code": group.code, "message": group.message, "n": group.n, "lines": list(group.sample_rows)}
                for group in self.causes
            ],
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


async def make_plan(
    rows: OpenedRows,
    reading: Reading,
    event_fields: RegistrationFields | None,
    found: "Callable[[RowFinding], object] | None" = None,
    *,
    airmeet_id: str = "",
    invite: bool = False,
    register: bool = False,
    rate: float | None = None,
) -> BulkPlan:
    """Check all rows and say what a run would do. Nothing is sent.

    Args:
        rows: The rows, which can be read again afterwards.
        reading: How their columns are found.
        event_fields: The event's registration fields; None leaves them unchecked.
        found: Called with each finding, in the order of the rows.
        airmeet_id: The event's id, checked; nothing where it is not known.
        invite: Whether Airmeet mails people.
        register: Whether they use up registrations.
        rate: Requests per second, or None to follow what Airmeet allows.

    Raises:
        ConfigError: The rows can be read only once.
        InputError: The columns or the file cannot be used.
    """
    if not isinstance(rows, (Table, Sequence)):
        if not isinstance(rows, Iterable) or iter(rows) is rows:
            raise ConfigError("a plan reads all rows, and an iterator can be read only once; pass a list or a file")
        rows = list(rows)
    table = rows if isinstance(rows, Table) else None
    columns = find_table_columns(table, reading, event_fields) if table else None

    async def fetch_fields() -> RegistrationFields:
        return event_fields or UncheckedFields()

    operation = AddAttendees(airmeet_id or "plan", {}, reading, fetch_fields, columns)
    summary = await check_rows(rows, operation, found)
    splits: list[tuple[str, str, str]] = []
    if table and columns and columns.whole and not columns.named:
        for row in table.sample(_EXAMPLES):
            whole, picked = columns.whole_name(row), columns.pick(row)
            splits += [(whole, picked["first_name"], picked["last_name"])] if whole and "last_name" in picked else []
    unfilled: list[str] = []
    if columns and event_fields:
        entries = (event_fields.find(match.field) for match in columns.custom)
        filled = {entry.field_id for entry in entries if not isinstance(entry, Problem)}
        unfilled = [one.label or one.field_id for one in event_fields.required if one.field_id not in filled]
    return BulkPlan(
        airmeet_id=airmeet_id,
        source=table.name if table else "",
        **asdict(summary, recurse=False),
        columns=columns,
        splits=tuple(splits),
        fields_known=event_fields is not None,
        unfilled=tuple(unfilled),
        invitations=summary.ready if invite else 0,
        registrations=summary.ready if register else 0,
        rate=rate,
        notices=table.notices if table else (),
    )


def describe_input(source: str, rows: int, columns: ColumnMap, notices: tuple[str, ...]) -> list[str]:
    """Say what a file is, and what its columns are used for. Those that are named like their field share a line."""
    same = [match.field for match in columns.fields if match.field == match.column and not match.how]
    others = tuple(match for match in columns.fields if match.field not in same)
    lines = [f"{source}: {rows:,} {many('row', rows)}"]
    lines += wrapped(f"columns matched by name: {', '.join(same)}", "  ", "    ") if same else []
    lines += [line for text in evolve(columns, fields=others).lines() for line in wrapped(text, "  ", "    ")]
    return [*lines, *(line for text in notices for line in wrapped(text))]


def describe_counts(found: InputSummary) -> str:
    """Say in one sentence how many rows would be sent, and how many not."""
    cuts = f" ({found.cut:,} with shortened text)" if found.cut else ""
    parts = [f"{found.rows:,} {many('row', found.rows)}: {found.ready:,} to send{cuts}"]
    parts += [f"{n:,} {what}" for n, what in ((found.invalid, "invalid"), (found.duplicates, "duplicate")) if n]
    return ", ".join(parts)


def describe_causes(groups: tuple[FailureGroup, ...]) -> list[str]:
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


class UncheckedFields(RegistrationFields):
    """Takes every registration field for known: the event was not asked."""

    def __init__(self) -> None:
        super().__init__(())

    def resolve(self, values: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Problem | None]:  # noqa: ARG002
        return [], None


@frozen
class RowFinding:
    """Something about one row that its owner should know.

    Attributes:
        line: Where the row starts in the file; of rows that are from no file their number, from 1.
        code: A short stable word.
        message: One sentence.
    """

    line: int
    code: str
    message: str


async def check_rows(
    rows: Table | Sequence[Any], operation: BulkOperation, found: Callable[[RowFinding], object] | None = None
) -> InputSummary:
    """Prepare all rows as a run would, and send nothing.

    Args:
        rows: The rows.
        operation: What makes a call of a row.
        found: Called with each finding, in the order of the rows.

    Raises:
        InputError: The file changes meanwhile.
    """
    preparer = UniqueRowPreparer(operation)
    ready = invalid = duplicates = cut = 0
    counts, first = Counter[str](), dict[str, list[RowFinding]]()
    for batch in read_batches(rows, _BATCH):
        await anyio.lowlevel.checkpoint()  # so that Ctrl-C ends it
        for row in batch:
            line = row.line or row.index + 1
            prepared = await preparer.prepare(row)
            if not isinstance(prepared, RowResult):
                ready += 1
                cut += bool(prepared.warnings)
                findings = [RowFinding(line, "will_be_cut", warning) for warning in prepared.warnings]
            elif prepared.duplicate_of is not None:
                duplicates += 1
                place = preparer.place_of(prepared.duplicate_of)
                what = f"{prepared.key} is already in {place}; only that one is sent"
                findings = [RowFinding(line, "duplicate", what)]
            else:
                invalid += 1
                error = prepared.error or RowError("invalid", "")
                findings = [RowFinding(line, error.code, error.message)]
            for finding in findings:
                counts[finding.code] += 1
                if counts[finding.code] <= _SAMPLES:
                    first.setdefault(finding.code, []).append(finding)
                if found is not None:
                    found(finding)
    causes = (
        FailureGroup(code, first[code][0].message, n, tuple(one.line for one in first[code]))
        for code, n in counts.most_common()
    )
    return InputSummary(ready=ready, invalid=invalid, duplicates=duplicates, cut=cut, causes=tuple(causes))
