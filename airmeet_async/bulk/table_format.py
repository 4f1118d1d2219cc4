"""What all ways to read a file of rows have in common."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol


class RowReader(Protocol):
    """One pass over a file of rows. ``header`` and ``notices`` are complete after the last row."""

    @property
    def header(self) -> tuple[str, ...]:
        """The columns."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What was decided without being asked."""

    def __iter__(self) -> Iterator[tuple[int | None, Mapping[str, Any]]]:
        """Yield each row's line, if it has one, and its cells by column."""


class Format(Protocol):
    """Everything that was found out about how to read a file."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What was decided without being asked, before the first row."""

    @property
    def reading(self) -> Mapping[str, str]:
        """What was decided that could have been otherwise; the same file read differently is another input."""

    def reader(self) -> RowReader:
        """Return one pass over the rows."""
