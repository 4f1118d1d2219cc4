"""The columns that a table's first record names, and how its other records fit them. Pure."""

from collections.abc import Iterator, Sequence

from airmeet_async.bulk.table_cells import COLUMN_LIMIT, counted, fault, is_result_header, shown, unguard

ABSENT = frozenset(("NaN", "nan", "NaT", "<NA>"))
"""Texts that programs write for no value, and nobody is called."""

ODD = ABSENT | {"NULL", "Null", "null", "None", "N/A", "n/a", "#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!"}
"""The same, and texts that may be meant: there are people called Null."""

_OURS = "a result file of an earlier run: the apostrophes it put before formulas are taken away"


class Head:
    """The columns of a table.

    Args:
        path: The file.
        line: Where it names them.
        cells: What stands there.
        advice: How a row comes to have too many cells, as words that go on with ``; ``.

    Attributes:
        names: With the empty ones, so that positions fit the cells.
        header: The others.
        ours: It is a result file of ours.

    Raises:
        InputError: There are too many, or two have one name.
    """

    def __init__(self, path: str, line: int, cells: Sequence[str], advice: str = "") -> None:
        self._path = path
        self._odd: dict[str, tuple[int, str]] = {}
        self._advice = advice
        self.names = [cell.strip() for cell in cells]
        if len(self.names) > COLUMN_LIMIT:
            what = f"has {len(self.names):,} columns; at most {COLUMN_LIMIT:,} are read, so take the others away"
            raise fault(what, path=path, line=line)
        self.ours = is_result_header(self.names)
        if self.ours:
            self.names = [unguard(name) for name in self.names]
        self.header = tuple(self._unlike(line))

    def _unlike(self, line: int) -> Iterator[str]:
        first: dict[str, int] = {}
        for number, name in enumerate(self.names, 1):
            if name and first.setdefault(name, number) != number:
                what = f"columns {first[name]} and {number} are both named {shown(name)}; rename one of them"
                raise fault(what, path=self._path, line=line, column=name)
        yield from first

    @property
    def notices(self) -> tuple[str, ...]:
        """What was decided about its texts; complete after the last row."""
        return (_OURS,) * self.ours + tuple(_said(text, *place) for text, place in self._odd.items())

    def row(self, line: int, cells: Sequence[str]) -> dict[str, str]:
        """Return a record's cells by column.

        Raises:
            InputError: A cell has no column.
        """
        if len(cells) != len(self.header) or len(self.names) != len(self.header):
            cells = self._fitted(line, cells)
        if self.ours:
            cells = [unguard(cell) for cell in cells]
        row = dict(zip(self.header, cells, strict=True))
        return row if self.ours or ODD.isdisjoint(cells) else self._weighed(line, row)

    def _weighed(self, line: int, row: dict[str, str]) -> dict[str, str]:
        for name, text in row.items():
            if text in ODD:
                n, first = self._odd.get(text, (0, f"line {line}, column {shown(name)}"))
                self._odd[text] = n + 1, first
        return {name: "" if text in ABSENT else text for name, text in row.items()}

    def _fitted(self, line: int, cells: Sequence[str]) -> list[str]:
        for index, cell in enumerate(cells):
            if cell.strip() and index >= len(self.names):
                what = f"{len(cells)} cells, but the header has {len(self.names)}; {self._advice}"
                raise fault(f"{what}take away what is too much ({shown(cell, 30)})", path=self._path, line=line)
            if cell.strip() and not self.names[index]:
                what = f"column {index + 1} holds {shown(cell, 30)} but has no name in the header; name or delete it"
                raise fault(what, path=self._path, line=line)
        padded = [*cells, *[""] * (len(self.names) - len(cells))]
        return [cell for name, cell in zip(self.names, padded, strict=False) if name]


def _said(text: str, n: int, first: str) -> str:
    what = "taken as empty" if text in ABSENT else "sent as it stands; empty such cells if nothing is meant"
    return f"{counted(n, 'cell')} with {shown(text)}, {what} ({'first ' if n > 1 else ''}{first})"
