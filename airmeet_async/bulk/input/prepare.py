"""The door of a run: validation and duplicates. A row comes out as a call, or as the result it ends with unsent."""

import asyncio
from array import array
from typing import Any, Protocol

from airmeet_async.bulk.input.deduplicate import Seen
from airmeet_async.bulk.input.operations import Flawed, Ready, Recipe
from airmeet_async.bulk.report import RowError, RowResult, RowStatus
from airmeet_async.bulk.tables import SourceRow
from airmeet_async.errors import AirmeetError
from airmeet_async.protocol.validation import Problem


class Admission(Protocol):
    """Says of each row what is to be sent, or the result that it ends with unsent.

    Attributes:
        keeps: Each row must be admitted, even if it is not sent: it is written down.
    """

    keeps: bool

    def at_once(self, source: SourceRow) -> Ready | RowResult | None:
        """Return the row ready to be sent, or its result; None where that takes time, for `admit` to spend."""
        ...

    async def admit(self, source: SourceRow) -> Ready | RowResult:
        """Return the row ready to be sent, or its result."""
        ...


class Intake:
    """Admits rows, each key once.

    Args:
        recipe: Makes a call of a row.
    """

    keeps = False

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        # The mutable state: the index of the first row of each key, and where rows of a file stand.
        self._seen = Seen()
        self._lines = array("q")
        # Rows for which the recipe has to ask first, and those behind them: of equal rows the first one counts.
        self._late: set[int] = set()
        self._in_turn = asyncio.Lock()

    def at_once(self, source: SourceRow) -> Ready | RowResult | None:
        """Return the row ready to be sent, or its result; None where the recipe has to ask first."""
        if self._late or (made := make(self._recipe, source.data)) is None:
            self._late.add(source.index)
            return None
        return self._judge(source, made)

    async def admit(self, source: SourceRow) -> Ready | RowResult:
        """Return the row ready to be sent, or its result."""
        try:
            async with self._in_turn:
                return self._judge(source, await make_surely(self._recipe, source.data))
        finally:
            self._late.discard(source.index)

    def _judge(self, source: SourceRow, made: Ready | Flawed) -> Ready | RowResult:
        if source.line is not None:
            self._note(source.index, source.line)
        if isinstance(made, Flawed):
            error = RowError(made.problem.code, made.problem.message)
            return _unsent(source, made.key, RowStatus.INVALID, error=error)
        if made.identity:
            first = self._seen.first(made.identity, source.index)
            if first != source.index:
                error = RowError("duplicate", f"the same as {self._place(first)}, which is the one that counts")
                return _unsent(source, made.key, RowStatus.DUPLICATE, duplicate_of=first, error=error)
        return made

    def _note(self, index: int, line: int) -> None:
        """Remember where a row of a file stands, in eight bytes."""
        if index >= len(self._lines):
            self._lines.extend([0] * (index - len(self._lines)) + [line])
        else:
            self._lines[index] = line

    def _place(self, index: int) -> str:
        return f"line {self._lines[index]}" if index < len(self._lines) else f"row {index + 1}"


def make(recipe: Recipe, data: Any) -> Ready | Flawed | None:
    """Run a recipe; what a row does to it is that row's problem, what Airmeet says is everybody's."""
    try:
        made = recipe.make(data)
        if type(made) is Ready:
            _ = made.call.payload  # JSON must be able to say it
    except AirmeetError:
        raise
    except Exception as error:  # noqa: BLE001 - one odd row must not end the run
        return Flawed("", Problem("invalid_row", f"{type(error).__name__}: {error}"))
    return made


async def make_surely(recipe: Recipe, data: Any) -> Ready | Flawed:
    """Do the same, and let the recipe learn what it has to."""
    while (made := make(recipe, data)) is None:
        await recipe.learn()
    return made


def _unsent(source: SourceRow, key: str, status: RowStatus, **facts: Any) -> RowResult:
    return RowResult(source.index, source.line, key, status, row=source.data, **facts)
