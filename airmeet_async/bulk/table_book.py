"""The rows of a workbook: which sheet, which row names the columns, and each row as texts by column."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import islice
from typing import Protocol

from airmeet_async.bulk.table_cells import counted, fault, shown
from airmeet_async.bulk.table_head import Head
from airmeet_async.bulk.table_oldbook import open_oldbook
from airmeet_async.bulk.table_xlsx import SheetName, open_xlsx

_MOST_NAMED = 10


class Rows(Protocol):
    """Numbered rows of texts, to be read once."""

    @property
    def notices(self) -> tuple[str, ...]:
        """What its owner may not expect; complete after the last row."""

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the rows that have any text."""


class Workbook(Protocol):
    """A workbook that is open."""

    @property
    def sheets(self) -> tuple[SheetName, ...]:
        """Its sheets in order."""

    def rows(self, sheet: SheetName) -> Rows:
        """Return the rows of a sheet, to be read once."""


def open_workbook(path: str, kind: str) -> AbstractContextManager[Workbook]:
    """Open a workbook, by the way that is right for its kind."""
    return open_xlsx(path) if kind == "xlsx" else open_oldbook(path)


class BookRows:
    """The rows of a workbook. ``header`` and ``notices`` are complete after the last row.

    Args:
        path: The file.
        kind: What it is: ``xlsx``, ``xls``, ``xlsb`` or ``ods``.
        sheet: The name of a sheet or its number from 1; by default the only one that has rows.

    Attributes:
        sheet: The name of the one that is read, once that is known.
    """

    def __init__(self, path: str, kind: str, sheet: str | None = None) -> None:
        self._path = path
        self._kind = kind
        self._asked = sheet
        self.sheet = ""
        self.header: tuple[str, ...] = ()
        self.notices: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each row's number in the sheet and its cells by column."""
        with open_workbook(self._path, self._kind) as book:
            sheet = self._chosen(book)
            self.sheet = sheet.name
            rows = book.rows(sheet)
            records = iter(rows)
            line, cells = next(records, (0, []))
            if not line:
                raise fault(f"sheet {shown(sheet.name)} is empty; its first row must name the columns", path=self._path)
            head = Head(self._path, line, cells)
            self.header = head.header
            for line, cells in records:
                yield line, head.row(line, cells)
            self.notices += (*head.notices, *rows.notices)

    def _chosen(self, book: Workbook) -> SheetName:
        if self._asked is not None:
            chosen = self._named(book, self._asked)
            self.notices = (f"sheet {shown(chosen.name)}; a line is a row of it",)
            return chosen
        shown_ = [sheet for sheet in book.sheets if not sheet.hidden]
        filled = [sheet for sheet in shown_ if next(iter(book.rows(sheet)), None)]
        if len(filled) > 1:
            what = f"{len(filled)} sheets have rows: {_names(filled)}; say which one: --sheet {_typed(filled[0])}"
            raise fault(what, path=self._path)
        if not filled:
            hidden = [sheet for sheet in book.sheets if sheet.hidden]
            aside = f" that is not hidden ({_names(hidden)}); --sheet names one all the same" if hidden else ""
            raise fault(f"has no rows in any sheet{aside}", path=self._path)
        self.notices = (self._taken(filled[0], book),)
        return filled[0]

    def _taken(self, sheet: SheetName, book: Workbook) -> str:
        said = f"sheet {shown(sheet.name)}; a line is a row of it"
        hidden = [other for other in book.sheets if other.hidden]
        empty = len(book.sheets) - len(hidden) - 1
        others = [counted(empty, "empty sheet")] if empty else []
        others += [f"hidden: {_names(hidden)}"] if hidden else []
        return said + (f" (passed over: {', '.join(others)})" if others else "")

    def _named(self, book: Workbook, word: str) -> SheetName:
        for sheet in book.sheets:
            if sheet.name == word:
                return sheet
        folded = [sheet for sheet in book.sheets if sheet.name.strip().casefold() == word.strip().casefold()]
        if len(folded) == 1:
            return folded[0]
        if word.isascii() and word.isdigit() and 1 <= int(word) <= len(book.sheets):
            return book.sheets[int(word) - 1]
        raise fault(f"has no sheet {shown(word)}; its sheets are {_names(book.sheets)}", path=self._path)


def _names(sheets: "tuple[SheetName, ...] | list[SheetName]") -> str:
    more = f" and {len(sheets) - _MOST_NAMED} more" if len(sheets) > _MOST_NAMED else ""
    return ", ".join(shown(sheet.name) for sheet in islice(sheets, _MOST_NAMED)) + more


def _typed(sheet: SheetName) -> str:
    import shlex

    return shlex.quote(sheet.name)
