"""A look through all rows before a run: what would be sent, and what is the matter with the others."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import anyio.lowlevel
from attrs import define, field, frozen

from airmeet_async.bulk.intake import Intake
from airmeet_async.bulk.recipes import Recipe
from airmeet_async.bulk.report import RowResult, RowStatus
from airmeet_async.bulk.tables import SourceRow, Table

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
