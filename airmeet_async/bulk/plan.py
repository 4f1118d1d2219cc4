"""What a run would do, before it does it: typed for programs, and in words for people. Pure."""

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from airmeet_async.bulk.column_map import ColumnMap
from airmeet_async.bulk.prose import duration, many, wrapped
from airmeet_async.bulk.report import FailureGroup
from airmeet_async.bulk.survey import Survey
from airmeet_async.bulk.table_cells import shown

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
