"""Rows that did not succeed, a few for each cause, in a fixed amount of memory. Pure."""

from attrs import define, field, frozen

from airmeet_async.bulk.report import RowResult
from airmeet_async.cli.output.progress import TROUBLE

_MOST_CAUSES = 100
_MOST_ROWS = 20
_OTHER = "other"


@frozen
class Case:
    """One row that did not succeed.

    Attributes:
        place: Its line in the file, or its number.
        key: What makes it unique; the e-mail for people.
        message: Why, in a sentence.
        attempts: How often it was sent.
    """

    place: int
    key: str
    message: str
    attempts: int


@define
class Cause:
    """Rows that did not succeed for the same cause.

    Attributes:
        code: The cause, for machines.
        n: How many rows.
        cases: The first of them.
    """

    code: str
    n: int = 0
    cases: list[Case] = field(factory=list)


class Cases:
    """Collects them while a run is on."""

    def __init__(self) -> None:
        self._causes: dict[str, Cause] = {}

    def add(self, result: RowResult) -> None:
        """Take one result; those of rows that did not fail are passed over."""
        if result.status not in TROUBLE:
            return
        code = result.error.code if result.error else result.status.value
        if code not in self._causes and len(self._causes) >= _MOST_CAUSES:
            code = _OTHER
        cause = self._causes.setdefault(code, Cause(code))
        cause.n += 1
        if len(cause.cases) < _MOST_ROWS:
            place = result.index + 1 if result.line is None else result.line
            message = result.error.message if result.error else ""
            cause.cases.append(Case(place, result.key, message, result.attempts))

    def causes(self) -> list[Cause]:
        """Return the causes, those of most rows first."""
        return sorted(self._causes.values(), key=lambda cause: -cause.n)
