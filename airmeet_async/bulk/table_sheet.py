"""One sheet of an .xlsx workbook, read row by row: its XML is parsed as it is unpacked, and nothing of it is kept."""

import re
from array import array
from collections.abc import Iterator
from tempfile import SpooledTemporaryFile

from attrs import frozen

from airmeet_async.bulk.table_cells import CELL_LIMIT, COLUMN_LIMIT, counted, fault, merged_notice, shown
from airmeet_async.bulk.table_package import LocalNames, Package
from airmeet_async.bulk.table_values import Formats, number_text
from airmeet_async.errors import InputError

TEXTS_LIMIT = 6_000_000
"""Most shared texts: where each of them stands is kept in memory."""

ROW_LIMIT = 4 * 1024 * 1024
"""Most characters in one row."""

_IN_MEMORY = 1024 * 1024
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # how a workbook writes what XML cannot hold
_LETTERS = re.compile(r"([A-Z]{1,3})[0-9]{1,7}")


class Texts:
    """The shared texts of a workbook, in a private file without a name once they are many.

    Args:
        package: The workbook.
        name: Their part; empty where there is none.
    """

    def __init__(self, package: Package, name: str) -> None:
        self._names = LocalNames()
        self._file = SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - lives as long as the reader
        self._starts = array("Q", [0])
        self._parts: list[str] = []
        self._length = 0
        self._path = package.path
        self._taking = self._phonetic = False
        if name in package.parts:
            handlers = {"StartElementHandler": self._start, "EndElementHandler": self._end,
                        "CharacterDataHandler": self._text}  # fmt: skip
            for _ in package.feed(name, handlers):
                pass

    def __getitem__(self, index: int) -> str:
        start, end = self._starts[index], self._starts[index + 1]
        self._file.seek(start)
        return self._file.read(end - start).decode("utf-8", "surrogatepass")

    def close(self) -> None:
        """Forget them."""
        self._file.close()

    def _start(self, tag: str, _: dict[str, str]) -> None:
        name = self._names[tag]
        self._phonetic = self._phonetic or name == "rPh"  # how a name is pronounced, which is no part of it
        self._taking = name == "t" and not self._phonetic

    def _text(self, text: str) -> None:
        if self._taking:
            self._parts.append(text)
            self._length += len(text)
            if self._length > CELL_LIMIT or len(self._starts) > TEXTS_LIMIT:
                what = f"has more than {TEXTS_LIMIT:,} different texts, or one longer than {CELL_LIMIT:,} characters"
                raise fault(f"{what}; shorten it, or save it as CSV UTF-8", path=self._path)

    def _end(self, tag: str) -> None:
        name = self._names[tag]
        self._taking = False
        if name == "rPh":
            self._phonetic = False
        elif name == "si":
            text = unescaped("".join(self._parts)).encode("utf-8", "surrogatepass")
            self._file.write(text)  # nobody reads before all are written
            self._starts.append(self._starts[-1] + len(text))
            self._parts.clear()
            self._length = 0


@frozen
class Book:
    """What the cells of a workbook refer to.

    Attributes:
        package: The file.
        texts: Its shared texts.
        formats: How its numbers are shown.
    """

    package: Package
    texts: Texts
    formats: Formats


class Sheet:
    """The rows of one sheet, read once.

    Args:
        book: The workbook.
        name: The sheet's name, for messages.
        part: Its part.
    """

    def __init__(self, book: Book, name: str, part: str) -> None:
        self._book = book
        self._names = LocalNames()
        self._name = name
        self._part = part
        self._rows: list[tuple[int, list[str]]] = []
        self._cells: dict[int, str] = {}
        self._row = self._column = self._length = 0
        self._kind = self._style = ""
        self._value: list[str] | None = None  # the text of the cell, while it is in one
        self._taking = self._phonetic = self._formula = False
        self._hide = False
        self._merged = self._hidden = 0

    @property
    def notices(self) -> tuple[str, ...]:
        """What its owner may not expect; complete after the last row."""
        said = []
        if self._merged:
            said.append(merged_notice(self._merged))
        if self._hidden:
            said.append(f"{counted(self._hidden, 'hidden or filtered row')} read like all others")
        return tuple(said)

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        """Yield the number and the cells of each row that has any text.

        Raises:
            InputError: Something in it cannot be read.
        """
        handlers = {"StartElementHandler": self._start, "EndElementHandler": self._end,
                    "CharacterDataHandler": self._text}  # fmt: skip
        for _ in self._book.package.feed(self._part, handlers):
            yield from self._rows
            self._rows.clear()

    def _start(self, tag: str, found: dict[str, str]) -> None:
        name = self._names[tag]
        if name == "c":
            self._start_cell(found)
        elif name in ("v", "t"):
            self._taking = not self._phonetic
            self._value = self._value if self._value is not None else []
        elif name == "f":
            self._formula = True
        elif name == "row":
            self._start_row(found)
        elif name == "rPh":
            self._phonetic = True
        elif name == "mergeCell":
            self._merged += 1

    def _start_row(self, found: dict[str, str]) -> None:
        number = int(found["r"]) if "r" in found else self._row + 1
        if number <= self._row:
            raise self._fault(f"row {number} stands behind row {self._row}; open it in a spreadsheet program "
                              "and save it anew")  # fmt: skip
        self._row, self._column, self._length = number, 0, 0
        self._hide = found.get("hidden") in ("1", "true")

    def _start_cell(self, found: dict[str, str]) -> None:
        place = found.get("r")
        self._column = column_number(place) if place else self._column + 1
        self._kind, self._style = found.get("t", "n"), found.get("s", "0")
        self._value, self._formula = None, False

    def _text(self, text: str) -> None:
        if self._taking and self._value is not None:
            self._value.append(text)
            self._length += len(text)
            if self._length > ROW_LIMIT:
                raise self._fault(f"the row has more than {ROW_LIMIT:,} characters; is this really a table?")

    def _end(self, tag: str) -> None:
        name = self._names[tag]
        if name in ("v", "t"):
            self._taking = False
        elif name == "c":
            self._end_cell()
        elif name == "rPh":
            self._phonetic = False
        elif name == "row" and self._cells:
            self._hidden += self._hide
            self._rows.append((self._row, [self._cells.get(n, "") for n in range(1, max(self._cells) + 1)]))
            self._cells = {}

    def _end_cell(self) -> None:
        text = "".join(self._value) if self._value else ""
        if not text:
            if self._formula and self._kind != "str":
                raise self._fault("holds a formula whose result is not in the file; open it in a spreadsheet program "
                                  "and save it, or put the values in its place", cell=True)  # fmt: skip
            return
        text = self._read(text)
        if text.strip():
            if self._column > COLUMN_LIMIT:
                what = f"holds {shown(text, 30)} beyond the {COLUMN_LIMIT:,} columns that are read; delete it"
                raise self._fault(what, cell=True)
            if len(text) > CELL_LIMIT:
                raise self._fault(f"is longer than {CELL_LIMIT:,} characters; shorten it", cell=True)
            self._cells[self._column] = text

    def _read(self, text: str) -> str:
        if self._kind == "s":
            return self._shared(text)
        if self._kind == "n":
            return number_text(text, self._book.formats, self._style)
        if self._kind == "b":
            return "TRUE" if text.strip() in ("1", "true") else "FALSE"
        if self._kind == "e":
            raise self._fault(f"holds the error {shown(text, 20)}; mend its formula, or empty the cell", cell=True)
        return text if self._kind == "d" else unescaped(text)

    def _shared(self, text: str) -> str:
        try:
            return self._book.texts[int(text)]
        except (ValueError, IndexError):
            raise self._fault("refers to a text that is not there; open the file in a spreadsheet program and save "
                              "it anew", cell=True) from None  # fmt: skip

    def _fault(self, what: str, *, cell: bool = False) -> InputError:
        place = f"cell {column_letters(self._column)}{self._row} " if cell else ""
        return fault(f"sheet {shown(self._name)}: {place}{what}", path=self._book.package.path, line=self._row or None)


def column_number(place: str) -> int:
    """Return 28 for ``AB7``.

    Raises:
        ValueError: It is no place.
    """
    found = _LETTERS.fullmatch(place)
    if not found:
        raise ValueError(f"{place!r:.20} is no place of a cell")
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - 64
    return number


def column_letters(number: int) -> str:
    """Return ``AB`` for 28."""
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def unescaped(text: str) -> str:
    """Return a text of a workbook without its own escapes."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text
