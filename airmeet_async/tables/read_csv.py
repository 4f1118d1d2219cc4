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
from contextlib import closing, suppress
from itertools import chain, islice, pairwise

from airmeet_async.tables.cells import (
    HEADER_LINES,
    TOO_LONG,
    Findings,
    Header,
    ReadOptions,
    TableReader,
    find_header,
    put_down_header,
    shown,
)
from airmeet_async.tables.text_file import Cell, TextFile

_DELIMITERS = ",;\t|"
_HEAD_LINES = 1000  # of a report of Zoom, whose lists of hosts and panelists stand above
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*')  # Excel's own way to name the delimiter
_QUOTED = re.compile(r'"[^"]*"')
_BLANKS = ("\t", "\xa0", "\u3000")  # which the `csv` module does not skip
_LINE_END = re.compile(r"\r\n|\r|\n")
_ADDRESS = re.compile(r"[\s\"'<]*[^\s@]+@[^\s@]+[\s\"'>]*")
_ONE_QUOTE = 'remove the quote or close it; inside a quoted cell, write a quote twice ("")'
# Zoom's reports have a title, and sections on the host and the panelists with headers of their own; those who have
# registered come under "Attendee Details" or "Registration Details" (C: seen in published exports).
_REPORT = re.compile(r"(attendee|registration|meeting registration|webinar registration) report", re.IGNORECASE)
_SECTION = re.compile(r"(attendee|registration|registrants?) details?", re.IGNORECASE)

_Records = list[tuple[int, list[str]]]


class CsvReader(TableReader):
    """How to read a CSV file; see `TableReader`."""

    notices: list[str]
    reading: dict[str, str]
    columns: tuple[str, ...]

    def __init__(self, options: ReadOptions, delimiter: str | None = None) -> None:
        self._options = options
        self._text = text = TextFile(options)
        self.notices = text.notices
        self.reading = {} if text.encoding == "utf-8" else {"encoding": text.encoding}
        head = list(islice(text.lines(), _HEAD_LINES))
        sep = _SEP_LINE.fullmatch(head[0]) if head else None
        if options.header is not None and options.header > len(head):
            raise options.fault(f"has no line {options.header}, given as the line of column names")
        if options.delimiter is not None:
            self.reading["delimiter"] = options.delimiter
            delimiter = {"tab": "\t", "\\t": "\t"}.get(options.delimiter, options.delimiter)
            if len(delimiter) != 1 or delimiter in '"\r\n ' or not (delimiter.isprintable() or delimiter == "\t"):
                what = f"the delimiter must be one character, not {shown(delimiter)}; use "
                raise options.fault(f"{what}{options.spell('delimiter', ';')} or {options.spell('delimiter', 'tab')}")
        elif delimiter is None and sep:
            delimiter = sep[1]
            self.notices.append(f"delimiter {_spelled(delimiter)} from the sep= line")
        first = max(options.header or 1, 2 if sep else 1)
        tried = {one: _loosely(head, one, first)[: 1 if options.header else None] for one in delimiter or _DELIMITERS}
        found = {one: line for one, records in tried.items() if (line := _header_line(options, records))}
        outer = next((cells for records in [tried[delimiter or ","]] for _, cells in records), [])
        inner = [one for one in delimiter or _DELIMITERS if len(outer) == 1 and len(cells := _cut(outer[0], one)) > 1
                 and options.is_header and options.is_header(cells)]  # fmt: skip
        self._is_wrapped = bool(inner) and not found
        if found:
            # The right delimiter cuts the header into the most cells.
            self._delimiter = max(found, key=lambda one: len(dict(tried[one])[found[one]]))
        elif inner:
            self._delimiter = inner[0]
            self.notices.append("each line is in one pair of quotes, which are removed")
        elif delimiter is None:
            bare = _QUOTED.sub("", "".join(head[first - 1 :][:HEADER_LINES]))
            self._delimiter = max(_DELIMITERS, key=next(filter(str.strip, bare.splitlines()), "").count)
        else:
            self._delimiter = delimiter
        if self._delimiter != "," and delimiter is None:
            self.notices.append(f"delimiter {_spelled(self._delimiter)} detected")
        self._start = found.get(self._delimiter, first)
        self._header = Header(options, 0, (), strict=True)  # while the real one is read
        header = next(self._records(Findings()), None)
        if header is None:
            raise options.fault("is empty; its first line must name the columns")
        self._start, cells = header
        for cell in cells:
            if text.misfit(cell) is not None:
                others = ((line, None, one) for line, more in self._records(Findings()) for one in more)
                raise text.refuse((self._start, None, cell), others)
        self._header = Header(options, self._start, cells, strict=True)
        self.columns = self._header.columns
        above = [n for n, line in enumerate(head[: self._start - 1], 1) if line.strip() and not (sep and n == 1)]
        self._blank_above = 0 if above else self._start - (2 if sep else 1)
        if above:
            put_down_header(self, options, above[0], self._start)

    def rows(self, findings: Findings) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each row's first physical line and its cells by column."""
        findings.blank += self._blank_above
        records = self._records(findings)
        next(records)  # the header
        self._header.begin(findings)
        sound: list[Cell] = []
        for line, cells in records:
            text = "".join(cells)
            for index, cell in enumerate(cells) if '"' in text or not text.isascii() else ():
                if cell[:1] in _BLANKS and cell.lstrip()[:1] == '"':
                    what = "there is a space before the quote, so the quote would be part of the text; remove the space"
                    raise self._options.fault(what, line, self._header.name(index))
                if cell.isascii():
                    continue
                misfit = self._text.misfit(cell)
                if misfit is not None:
                    rest = ((at, self._header.name(n), one) for at, more in chain([(line, cells)], records)
                            for n, one in enumerate(more) if (at, n) > (line, index))  # fmt: skip
                    above = sum(map(_breaks, [*cells[:index], cell[:misfit]]))
                    raise self._text.refuse((line + above, self._header.name(index), cell), chain(sound, rest))
                sound = sound or [(line, self._header.name(index), cell)]
            yield line, self._header.row(line, cells, findings)

    def _records(self, findings: Findings) -> Iterator[tuple[int, list[str]]]:
        """Yield the records that have any text, the header first."""
        begin = start = self._start
        with closing(self._text.lines()) as lines:
            reader = csv.reader(
                islice(lines, begin - 1, None), delimiter=self._delimiter, strict=True, skipinitialspace=True
            )
            try:
                for cells in reader:
                    after = begin + reader.line_num
                    if after > start + 1 and not self._header.is_ours:  # our own files close their quotes
                        self._check_lines(start, cells)
                    if not any(map(str.strip, cells)):
                        findings.blank += 1
                    elif not self._is_wrapped:
                        yield start, cells
                    elif len(cells) == 1 and (inside := _cut(cells[0], self._delimiter)):
                        yield start, inside
                    else:
                        what = "is not in one pair of quotes like the lines above; remove the quotes around those lines"
                        raise self._options.fault(what, start)
                    start = after
            except csv.Error as error:
                what = "a quote that opens in this row is "
                if "field larger" in str(error):
                    what = f"a cell {TOO_LONG}, or check the quote that opens in this row: {_ONE_QUOTE}"
                elif "unexpected end" in str(error):
                    what += f"never closed; {_ONE_QUOTE}"
                else:
                    line = begin + reader.line_num - 1
                    what += f"closed on line {line} and followed by a space or text; {_ONE_QUOTE}"
                raise self._options.fault(what, start) from None

    def _check_lines(self, start: int, cells: Sequence[str]) -> None:
        """Refuse a cell of several lines of which one reads like a row with an address."""
        for index, cell in enumerate(cells):
            lines = _LINE_END.split(cell)
            for line in lines if len(lines) > 1 else ():
                parts = line.split(self._delimiter)
                if len(parts) > 1 and any(map(_ADDRESS.fullmatch, parts)):
                    what = f"a cell of {len(lines)} lines, one of which looks like a row ({shown(line, 40)}): "
                    what += f"the quote that opens here may never be closed; {_ONE_QUOTE}; and if the text is "
                    what += "intended, remove its line breaks"
                    above = sum(map(_breaks, cells[:index]))
                    raise self._options.fault(what, start + above, self._header.name(index))


def _header_line(options: ReadOptions, records: _Records) -> int | None:
    """Return the line that names the columns, where somebody can tell."""
    # A cell that stands alone in its line is a title.
    alone = [(line, "".join(cells).strip() if sum(map(bool, map(str.strip, cells))) == 1 else "")
             for line, cells in records]  # fmt: skip
    if options.header is None and alone and _REPORT.fullmatch(alone[0][1]):
        for (_, title), (line, _) in pairwise(alone):
            if _SECTION.fullmatch(title):
                return line
    return find_header(options, records)


def _loosely(lines: Sequence[str], delimiter: str, start: int) -> _Records:
    """Return the first records that have any text, by a delimiter that may be the wrong one."""
    records: _Records = []
    reader = csv.reader(lines[start - 1 :], delimiter=delimiter, skipinitialspace=True)
    line = start
    with suppress(csv.Error):
        for cells in reader:
            if any(map(str.strip, cells)):
                records.append((line, cells))
            line = start + reader.line_num
    return records


def _cut(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line, or none where it is more than that."""
    try:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        return []


def _breaks(text: str) -> int:
    """Count the line breaks in a text the way a file counts its lines."""
    return len(_LINE_END.findall(text))


def _spelled(delimiter: str) -> str:
    return "tab" if delimiter == "\t" else f"'{delimiter}'"
