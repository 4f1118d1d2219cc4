"""Where rows go on standard output: a JSON array or a table, both written while the rows arrive."""

import json
import sys
from collections.abc import AsyncIterable, Sequence
from typing import Any, Protocol

from airmeet_async.cli.look import columns
from airmeet_async.cli.shapes import Line, Shape, shown
from airmeet_async.cli.voice import Calm
from airmeet_async.errors import ConfigError

_AT_ONCE = 100


class ReaderGoneError(Exception):
    """Nobody reads standard output any more, as in ``airmeet participants … | head``."""


class _Pipe(Calm):
    """Standard output, whose reader may leave: then there is no more to do."""

    def __init__(self) -> None:
        super().__init__(sys.stdout, any_error=False)

    def put(self, text: str, *, now: bool = False) -> None:
        """Write text, and send it on its way if it is wanted *now*.

        Raises:
            ReaderGoneError: Nobody reads it.
            ConfigError: It cannot be written.
        """
        try:
            self.write(text)
            if now:
                self.flush()
        except OSError as error:
            super().give_up()
            raise ConfigError(f"standard output cannot be written ({error.strerror})") from None

    def give_up(self) -> None:
        """Say that it is over."""
        super().give_up()
        raise ReaderGoneError


class Sink(Protocol):
    """Takes rows."""

    def add(self, line: Line) -> None:
        """Take one."""
        ...

    def end(self) -> None:
        """There are no more."""
        ...


class JsonArray:
    """Writes one JSON array, a row a line.

    Nothing is written before the first row is there, so that an error before it is the whole output; an array that is
    cut off by a later one has no end, and no parser takes it for complete.

    Args:
        before: What the array stands behind.
        after: What comes behind it.
    """

    def __init__(self, before: str = "", after: str = "") -> None:
        self._out = _Pipe()
        self._before = f"{before}[\n"
        self._end = f"]{after}\n"
        self._any = False

    def add(self, line: Line) -> None:
        """Write one row."""
        self._out.put(self._before + json.dumps(line.as_json(), default=str))
        self._before = ",\n"
        self._any = True

    def end(self) -> None:
        """Close the array."""
        self._out.put(("\n" if self._any else self._before) + self._end, now=True)


class Text:
    """Writes a table for people, some rows at a time: a column may widen on the way, and never narrows.

    Args:
        shape: Of the rows.
    """

    def __init__(self, shape: Shape) -> None:
        self._out = _Pipe()
        self._names = [name for name in shape.shown if name in shape.columns]
        self._rows: list[Sequence[str]] = []
        self._titles: list[Sequence[str]] = [[name.replace("_", " ").upper() for name in self._names]]
        self._widest = [0] * len(self._names)

    def add(self, line: Line) -> None:
        """Take one row."""
        self._rows.append([shown(line.cells[name]) for name in self._names])
        if len(self._rows) >= _AT_ONCE:
            self._write()

    def end(self) -> None:
        """Write what has been taken."""
        if self._rows:
            self._write()

    def _write(self) -> None:
        rows = [*self._titles, *self._rows]
        self._widest = [
            max(width, *map(len, cells)) for width, cells in zip(self._widest, zip(*rows, strict=True), strict=True)
        ]
        padded = [[cell.ljust(width) for cell, width in zip(row, self._widest, strict=True)] for row in rows]
        self._out.put("".join(f"{line}\n" for line in columns(padded)), now=True)
        self._titles, self._rows = [], []


async def pour(rows: AsyncIterable[Any], shape: Shape, sink: Sink, limit: int | None = None) -> int:
    """Put the rows of all items into a sink, at most *limit* of them, and return how many there were."""
    n = 0
    async for item in rows:
        for line in shape.lines(item):
            sink.add(line)
            n += 1
            if n == limit:
                return n
    return n
