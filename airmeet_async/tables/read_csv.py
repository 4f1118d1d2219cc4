r"""CSV and TSV files, by the `csv` module. Every structural fault names the line, and the column where there is one.

Rules:

1. A stray quote at the start of a cell opens a quoted cell that ends wherever the next fitting quote happens to
   stand; the `csv` module takes all rows between as one cell, even with ``strict=True``, and people vanish without an
   error. So a cell of several lines of which one reads like a row with an address is refused.
2. Blanks before a quote are skipped, as spreadsheet programs do; any other cell keeps its text behind them.
3. What stands above the line that names the columns is skipped unread: a title may have a stray quote.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain, islice, pairwise

from airmeet_async.errors import InputError
from airmeet_async.tables.cells import (
    CELL_LIMIT,
    HEADER_LINES,
    Findings,
    Header,
    ReadOptions,
    find_header,
    header_notice,
    shown,
)
from airmeet_async.tables.text_file import Cell, TextFile

_DELIMITERS = ",;\t|"
_HEAD_LINES = 1000  # of a report of Zoom, whose lists of hosts and panelists stand above
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*')  # Excel's own way to name the delimiter
_QUOTED = re.compile(r'"[^"]*"')
_QUOTED = re.compile(r'"[^"]*"')
_BLANKS = ("\t", "\xa0", "\u3000")  # which the `csv` module does not skip
_LINE_END = re.compile(r"\r\n|\r|\n")
_ADDRESS = re.compile(r"[\s\"'<]*[^\s@]+@[^\s@]+[\s\"'>]*")
_ONE_QUOTE = 'take the quote away or close it; inside a quoted cell a quote is written twice ("")'
# Zoom's reports have a title, and sections on the host and the panelists with headers of their own; those who have
# registered come under "Attendee Details" or "Registration Details" (C: seen in published exports).
_REPORT = re.compile(r"(attendee|registration|meeting registration|webinar registration) report", re.IGNORECASE)
_SECTION = re.compile(r"(attendee|registration|registrants?) details?", re.IGNORECASE)

_Records = list[tuple[int, list[str]]]


class CsvReader:
    """How to read a CSV file; see `TableReader`."""

    def __init__(self, options: ReadOptions, delimiter: str | None = None) -> None:
        self._options = options
        self._text = text = TextFile(options)
        self.notices = list(text.notices)
        self.reading = {} if text.encoding == "utf-8" else {"encoding": text.encoding}
        if options.delimiter is not None:
            self.reading["delimiter"] = options.delimiter
        head = list(islice(text.lines(), _HEAD_LINES))
        self._start, self._delimiter, self._wrapped = self._find(head, _checked(options) or delimiter)
        first = next(self._filled(Findings()), None)
        if first is None:
            raise options.fault("is empty; its first line must name the columns")
        self._start, cells = first
        for cell in cells:
            if text.misfit(cell) is not None:
                others = ((line, None, one) for line, more in self._filled(Findings()) for one in more)
                raise text.refuse((self._start, None, cell), others)
        self._header = Header(options, self._start, cells, strict=True)
        self.columns = self._header.columns
        before = list(enumerate(head[: self._start - 1], 1))
        above = [n for n, line in before if line.strip() and not _SEP_LINE.fullmatch(line)]
        self._blank_above = 0 if above else sum(1 for _, line in before if not line.strip())
        if above:
            self.reading["header"] = str(self._start)
        if above and options.header is None:
            self.notices.append(header_notice(above[0], self._start))

    def _find(self, head: Sequence[str], delimiter: str | None) -> tuple[int, str, bool]:
        """Return on which line the table starts, its delimiter, and whether each line is one quoted cell."""
        asked = self._options.header
        if asked is not None and asked > len(head):
            raise self._options.fault(f"has no line {asked}, on which the columns were said to be named")
        if delimiter is None and head and (sep := _SEP_LINE.fullmatch(head[0])):
            delimiter = sep[1]
            self.notices.append(f"delimiter {_spelled(delimiter)} named by the sep= line")
        named = delimiter is not None
        tried = {one: _loosely(head, one, asked or 1) for one in delimiter or _DELIMITERS}
        if asked is not None:
            tried = {one: records[:1] for one, records in tried.items()}
        found = {one: start for one, records in tried.items() if (start := _start(self._options, records))}
        wrapped = False
        if found:
            # The right delimiter cuts the header into the most cells.
            delimiter = max(found, key=lambda one: len(dict(tried[one])[found[one]]))
        elif inner := self._inner(tried[delimiter or ","], delimiter):
            delimiter, wrapped = inner, True
            self.notices.append("each line stands in one pair of quotes, which are taken away")
        elif delimiter is None:
            bare = _QUOTED.sub("", "".join(head[(asked or 1) - 1 :][:HEADER_LINES]))
            header = next((line for line in bare.splitlines() if line.strip()), "")
            delimiter = max(_DELIMITERS, key=header.count)
        if delimiter != "," and not named:
            self.notices.append(f"delimiter {_spelled(delimiter)} detected")
        return asked or found.get(delimiter, 1), delimiter, wrapped

    def _inner(self, records: _Records, delimiter: str | None) -> str:
        """Return the delimiter inside of lines that stand in one pair of quotes each, or nothing."""
        if not records or len(records[0][1]) != 1 or self._options.is_header is None:
            return ""
        for one in delimiter or _DELIMITERS:
            cells = _cut(records[0][1][0], one)
            if cells and len(cells) > 1 and self._options.is_header(cells):
                return one
        return ""

    def rows(self, findings: Findings) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each row's first physical line and its cells by column."""
        findings.blank += self._blank_above
        records = self._filled(findings)
        next(records)  # the header
        self._header.begin(findings)
        sound: list[Cell] = []
        for line, cells in records:
            text = "".join(cells)
            for index, cell in enumerate(cells) if '"' in text or not text.isascii() else ():
                if cell[:1] in _BLANKS and cell.lstrip()[:1] == '"':
                    what = "a blank stands before the quote, so the quote would be part of the text; take it away"
                    raise self._options.fault(what, line, self._header.name(index))
                if cell.isascii():
                    continue
                if self._text.misfit(cell) is None:
                    sound = sound or [(line, self._header.name(index), cell)]
                else:
                    rest = ((at, self._header.name(n), one) for at, more in records for n, one in enumerate(more))
                    above = sum(map(_breaks, cells[:index])) + _breaks(cell[: self._text.misfit(cell)])
                    raise self._text.refuse((line + above, self._header.name(index), cell), chain(sound, rest))
            yield line, self._header.row(line, cells, findings)

    def _filled(self, findings: Findings) -> Iterator[tuple[int, list[str]]]:
        """Yield the records that have any text, the header first."""
        for line, cells in self._records():
            if any(map(str.strip, cells)):
                yield line, self._inside(line, cells) if self._wrapped else cells
            else:
                findings.blank += 1

    def _inside(self, line: int, cells: list[str]) -> list[str]:
        inside = _cut(cells[0], self._delimiter) if len(cells) == 1 else None
        if inside is None:
            what = "is not in one pair of quotes, as the lines above are; take those quotes away"
            raise self._options.fault(what, line)
        return inside

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        held: list[str] = []  # the physical lines of the record that is being read
        start = self._start

        def hold(lines: Iterator[str]) -> Iterator[str]:
            for line in islice(lines, start - 1, None):
                held.append(line)
                yield line

        with closing(self._text.lines()) as lines:
            try:
                for cells in csv.reader(hold(lines), delimiter=self._delimiter, strict=True, skipinitialspace=True):
                    if len(held) > 1:
                        self._check_lines(start, cells)
                    if start > 1 or not _SEP_LINE.fullmatch(held[0]):
                        yield start, cells
                    start += len(held)
                    held.clear()
            except csv.Error as error:
                raise self._broken(start, len(held), str(error)) from None

    def _check_lines(self, start: int, cells: Sequence[str]) -> None:
        """Refuse a cell of several lines of which one reads like a row with an address."""
        for index, cell in enumerate(cells):
            lines = _LINE_END.split(cell)
            for line in lines if len(lines) > 1 else ():
                parts = line.split(self._delimiter)
                if len(parts) > 1 and any(map(_ADDRESS.fullmatch, parts)):
                    what = f"a cell of {len(lines)} lines, one of which reads like a row ({shown(line, 40)}): "
                    what += f"the quote that opens here is perhaps never closed; {_ONE_QUOTE}"
                    raise self._options.fault(what, start + sum(map(_breaks, cells[:index])), self._column(index))

    def _column(self, index: int) -> str | None:
        return self._header.name(index) if hasattr(self, "_header") else None

    def _broken(self, start: int, n: int, reason: str) -> InputError:
        if "field larger" in reason:
            what = f"a cell is longer than {CELL_LIMIT:,} characters; shorten it, or mind a quote that opens in this "
            what += f"row: {_ONE_QUOTE}"
        elif "unexpected end" in reason:
            what = f"a quote that opens in this row is never closed; {_ONE_QUOTE}"
        else:
            what = f"a quote that opens in this row is closed on line {start + n - 1} with a blank or text right "
            what += f"behind it; {_ONE_QUOTE}"
        return self._options.fault(what, start)


def _start(options: ReadOptions, records: _Records) -> int | None:
    """Return the line that names the columns, where somebody can tell."""
    if options.header is None and records and _REPORT.fullmatch(_alone(records[0][1])):
        for (_, cells), (line, _) in pairwise(records):
            if _SECTION.fullmatch(_alone(cells)):
                return line
    return find_header(options, records)


def _alone(cells: Sequence[str]) -> str:
    """Return the first cell if it is the only one with something in it, else nothing."""
    return cells[0].strip() if sum(1 for cell in cells if cell.strip()) == 1 else ""


def _loosely(lines: Sequence[str], delimiter: str, start: int) -> _Records:
    """Return the first records that have any text, by a delimiter that may be the wrong one."""
    records: _Records = []
    reader = csv.reader(lines[start - 1 :], delimiter=delimiter, skipinitialspace=True)
    line = start
    try:
        for cells in reader:
            if any(map(str.strip, cells)) and not (line == 1 and _SEP_LINE.fullmatch(lines[0])):
                records.append((line, cells))
            line = start + reader.line_num
    except csv.Error:
        pass
    return records


def _cut(line: str, delimiter: str) -> list[str] | None:
    """Return the cells of one line, or None where it is more than that."""
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return None


def _breaks(text: str) -> int:
    """Count the line breaks in a text the way a file counts its lines."""
    return len(_LINE_END.findall(text))


def _checked(options: ReadOptions) -> str | None:
    """Return the delimiter that was asked for."""
    delimiter = options.delimiter
    if delimiter is None:
        return None
    known = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if len(known) != 1 or known in '"\r\n ' or not (known.isprintable() or known == "\t"):
        what = f"the delimiter must be one character, not {shown(delimiter)}; say {options.spell('delimiter', ';')} or "
        raise options.fault(what + options.spell("delimiter", "tab"))
    return known


def _spelled(delimiter: str) -> str:
    return "tab" if delimiter == "\t" else f"'{delimiter}'"
