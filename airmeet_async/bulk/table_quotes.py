r"""Which quote of a CSV file is to blame. Pure.

A stray quote at the start of a cell opens a quoted cell that ends wherever the next fitting quote happens to
stand. The `csv` module takes everything between as one cell, even with ``strict=True``: people vanish without
an error. Most such files break anyway, because the next quote is followed by text or never comes; `locate` then
says where the guilty quote opened. Those that do not break are found by `swallowed`.
"""

import re
from collections.abc import Sequence
from itertools import count

from attrs import frozen

_LINE_END = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'"[^"]*+(?:""[^"]*+)*+"')
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")


@frozen
class Blame:
    """A guilty quote.

    Attributes:
        cell: Index of its cell in the record.
        line: Lines between the record's first line and the one where the quote opens.
        evidence: Lines between the record's first line and the one that gave it away.
    """

    cell: int
    line: int
    evidence: int


def swallowed(record: Sequence[str], delimiter: str, width: int) -> Blame | None:
    """Find a cell of several lines that is really several rows.

    Notes and addresses of many lines must pass, so a line break alone proves nothing. A cell is guilty when one
    of its lines reads as a row of this table:

    - a complete line inside it has exactly the header's number of cells, one of them an e-mail address alone; or
    - the line where the quote opens and a later one both read as rows when quotes are taken as plain text, with
      an "@" in the same cells. Rows that lack their last cells need whole addresses there; tables without any "@"
      need three columns. For both, no blank may follow a delimiter: prose has it ("Springfield, IL"), rows do not.

    What it cannot see: rows of a table with one or two columns and no addresses.
    """
    above = 0
    for index, cell in enumerate(record):
        lines = _LINE_END.split(cell)
        if len(lines) > 1:
            offset = _row_among(record[:index], lines, record[index + 1 :], delimiter, width)
            if offset is not None:
                return Blame(index, above, above + offset)
        above += len(lines) - 1
    return None


def _row_among(
    before: Sequence[str], lines: Sequence[str], after: Sequence[str], delimiter: str, width: int
) -> int | None:
    first, *inner, last = lines
    opening = [*before, *first.split(delimiter)]
    for offset, line in enumerate(inner, 1):
        cells = line.split(delimiter)
        if (len(cells) == width and any(map(_ADDRESS.fullmatch, cells))) or _alike(opening, cells, width):
            return offset
    # The last line ends in the record's remaining cells, addresses included, so alone it proves nothing.
    return len(inner) + 1 if _alike(opening, [*last.split(delimiter), *after], width) else None


def _alike(opening: Sequence[str], cells: Sequence[str], width: int) -> bool:
    if len(opening) != len(cells) or len(cells) < min(width, 2):
        return False
    if len(cells) == width and _places(opening, "@"):
        return _places(opening, "@") == _places(cells, "@")
    if any(cell.startswith(" ") for cell in cells[1:]):
        return False
    addresses = _addresses(cells)
    if addresses:  # fewer cells than the header has: rows that lack their last cells
        return addresses == _addresses(opening)
    return len(cells) == width > 2 and not _places(cells, "@")


def _places(cells: Sequence[str], mark: str) -> list[int]:
    return [index for index, cell in enumerate(cells) if mark in cell]


def _addresses(cells: Sequence[str]) -> list[int]:
    return [index for index, cell in enumerate(cells) if _ADDRESS.fullmatch(cell)]


def locate(lines: Sequence[str], delimiter: str) -> Blame | None:
    """Find the quote that makes a record unreadable: never closed, or closed with text right behind it."""
    text = "".join(lines)
    start = 0
    for cell in count():
        stop = text.find(delimiter, start)
        if text.startswith('"', start):
            match = _QUOTED.match(text, start)
            stop = match.end() if match else len(text)
            if match is None or text[stop : stop + 1] not in ("", delimiter, "\r", "\n"):
                return Blame(cell, breaks(text[:start]), breaks(text[:stop]))
        if stop < 0 or text[stop : stop + 1] != delimiter:
            break
        start = stop + 1
    return None


def breaks(text: str) -> int:
    """Count the line breaks in a text the way a file counts its lines."""
    return len(_LINE_END.findall(text))


def outside_quotes(record: str, delimiters: str) -> str:
    """Return what is left of a record without its quoted cells, whichever delimiter stands before them."""
    before = "".join(map(re.escape, delimiters))
    return re.sub(rf"(?:^|(?<=[{before}])){_QUOTED.pattern}", "", record)
