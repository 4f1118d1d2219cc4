"""`BulkPlan`: what a run would do with an input, for programs and in words for people. Nothing is sent for it.

It is made from a list that was prepared for a run: how many rows it has, and what was noted about some of them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from airmeet_async.bulk.input.columns import ColumnMap
from airmeet_async.bulk.report import FailureGroup
from airmeet_async.formatting import counted, duration, many, wrapped
from airmeet_async.protocol.validation import Problem, RegistrationFields
from airmeet_async.tables import Table, shown

_MOST_CAUSES = 8
_TYPICAL_RATE = 25.0
_EXAMPLES = 3
_SAMPLES = 5
_EARLIER = ("done_before", "changed", "not_yet_mailed", "refused_before")

# What was noted about a row: index, line, status (``invalid``, ``duplicate`` or None), and the note: ``code`` and
# ``message`` of its error, ``key``, ``duplicate_of`` and ``of_line`` of the row that it repeats, ``warnings``.
NotedRow = tuple[int, int | None, str | None, Mapping[str, Any]]


@frozen(kw_only=True)
class BulkPlan:
    """What adding people would do. ``print(plan)`` shows it.

    Attributes:
        airmeet_id: The event.
        ready: Rows that would be sent.
        invalid: Rows that would not be sent, since something is wrong with them.
        duplicates: Rows with the address of an earlier one; they would not be sent either.
        cut: Rows that would be sent with a value that Airmeet cuts.
        done_before: Rows that are not sent, since an earlier run has done what is asked.
        changed: Of these, rows that differ from what was sent then.
        not_yet_mailed: Of the rows that would be sent, those that an earlier run has added without a mail.
        refused_before: Rows that are not sent, since Airmeet has refused them as they are.
        causes: What is the matter with rows, most frequent first; ``sample_rows`` are lines of a file, else numbers
            from 1.
        source: The file, or nothing.
        columns: Which column of a file is what, or None for rows that are from no file.
        splits: How the first few whole names are split: whole, first, last.
        fields_known: The event was asked for its registration fields.
        unfilled: Mandatory registration fields that no column fills; Airmeet may refuse the rows.
        invitations: Mails that Airmeet would send.
        registrations: Registrations of the plan that would be used up.
        rate: Requests per second that was asked for; None to follow what Airmeet allows.
        notices: What was decided without being asked when the file was read.
        fields_error: Why the event could not be asked, where that does not keep the rows from being checked otherwise.
    """

    airmeet_id: str
    ready: int = 0
    invalid: int = 0
    duplicates: int = 0
    cut: int = 0
    done_before: int = 0
    changed: int = 0
    not_yet_mailed: int = 0
    refused_before: int = 0
    causes: tuple[FailureGroup, ...] = ()
    source: str = ""
    columns: ColumnMap | None = None
    splits: tuple[tuple[str, str, str], ...] = ()
    fields_known: bool = False
    unfilled: tuple[str, ...] = ()
    invitations: int = 0
    registrations: int = 0
    rate: float | None = None
    notices: tuple[str, ...] = ()
    fields_error: Exception | None = field(default=None, eq=False, repr=False)

    @property
    def rows(self) -> int:
        """All rows."""
        return self.ready + self.invalid + self.duplicates + self.done_before + self.refused_before

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
        uses = wrapped(f"{mails}, {quota} and takes about {time}") if self.ready else []
        return [*self.head(), describe_counts(self), *describe_earlier(self), *describe_causes(self.causes), *uses]

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
            **{name: n for name in _EARLIER if (n := getattr(self, name))},
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


def make_plan(
    counts: Mapping[str, int],
    noted: Iterable[NotedRow],
    *,
    table: Table | None = None,
    columns: ColumnMap | None = None,
    event_fields: RegistrationFields | None = None,
    found: Callable[[RowFinding], object] | None = None,
    airmeet_id: str = "",
    invite: bool = False,
    register: bool = False,
    rate: float | None = None,
) -> BulkPlan:
    """Say what a run would do with a list that was prepared for it.

    Args:
        counts: ``rows``, and where there was an earlier run ``done_before``, ``changed``, ``not_yet_mailed`` and
            ``refused_before``.
        noted: Rows with a note, in their order.
        table: The list, if it is from a file or a data frame.
        columns: Which of its columns is what.
        event_fields: The event's registration fields; None where they were not checked.
        found: Called with each finding, in the order of the rows.
        airmeet_id: The event's id, checked; nothing where it is not known.
        invite: Whether Airmeet mails people.
        register: Whether they use up registrations.
        rate: Requests per second, or None to follow what Airmeet allows.
    """
    invalid = duplicates = cut = 0
    numbers, first = Counter[str](), dict[str, list[RowFinding]]()
    for index, at, status, note in noted:
        line = at or index + 1
        duplicates += status == "duplicate"
        if status == "duplicate" and "code" not in note:
            place = f"line {of_line}" if (of_line := note.get("of_line")) else f"row {note['duplicate_of'] + 1}"
            what = f"{note.get('key', '')} is already in {place}; only that one is sent"
            findings = [RowFinding(line, "duplicate", what)]
        elif status is not None:
            invalid += status == "invalid"
            findings = [RowFinding(line, note["code"], note["message"])]
        else:
            findings = [RowFinding(line, "will_be_cut", warning) for warning in note.get("warnings", ())]
            cut += bool(findings)
        for finding in findings:
            numbers[finding.code] += 1
            if numbers[finding.code] <= _SAMPLES:
                first.setdefault(finding.code, []).append(finding)
            if found is not None:
                found(finding)
    causes = (
        FailureGroup(code, first[code][0].message, n, tuple(one.line for one in first[code]))
        for code, n in numbers.most_common()
    )
    earlier: dict[str, Any] = {name: counts.get(name, 0) for name in _EARLIER}
    ready = counts["rows"] - invalid - duplicates - earlier["done_before"] - earlier["refused_before"]
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
        ready=ready,
        invalid=invalid,
        duplicates=duplicates,
        cut=cut,
        **earlier,
        causes=tuple(causes),
        source=table.name if table else "",
        columns=columns,
        splits=tuple(splits),
        fields_known=event_fields is not None,
        unfilled=tuple(unfilled),
        invitations=ready if invite else 0,
        registrations=ready if register else 0,
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


def describe_counts(found: BulkPlan) -> str:
    """Say in one sentence how many rows would be sent, and how many not."""
    cuts = f" ({found.cut:,} with shortened text)" if found.cut else ""
    parts = [f"{found.rows:,} {many('row', found.rows)}: {found.ready:,} to send{cuts}"]
    others = (
        (found.invalid, "invalid"), (found.duplicates, "duplicate"), (found.done_before, "done before"),
        (found.refused_before, "refused before"),
    )  # fmt: skip
    parts += [f"{n:,} {what}" for n, what in others if n]
    return ", ".join(parts)


def describe_earlier(found: BulkPlan) -> list[str]:
    """Say which rows an earlier run has to do with, where that is not plain from the counts."""
    lines: list[str] = []
    if found.not_yet_mailed:
        were = "was" if found.not_yet_mailed == 1 else "were"
        # Whether a second add mails anybody is not documented (help article, A).
        what = f"{counted(found.not_yet_mailed, 'row')} to send {were} added before without an invitation"
        lines += wrapped(f"{what}; Airmeet does not say whether it mails people who are in the event already")
    if found.changed:
        what = f"{counted(found.changed, 'row')} done before differ from what was sent, and are not sent again:"
        lines += wrapped(f"{what} Airmeet updates nobody")
    return lines


def describe_causes(groups: tuple[FailureGroup, ...]) -> list[str]:
    """Say what is the matter with rows, and where the first of them are."""
    lines: list[str] = []
    for group in groups[:_MOST_CAUSES]:
        lines += describe_cause(group)
    if len(groups) > _MOST_CAUSES:
        lines.append(f"  and {len(groups) - _MOST_CAUSES} more causes")
    return lines


def describe_cause(group: FailureGroup) -> list[str]:
    """Say what is the matter with the rows of a group, and where the first of them are."""
    where, n = ", ".join(map(str, group.sample_rows)), group.n
    more = f" and {n - len(group.sample_rows):,} more" if n > len(group.sample_rows) else ""
    return wrapped(f"{n:,} x {group.code}, {many('line', n)} {where}{more}: {group.message}", "  ", "      ")
