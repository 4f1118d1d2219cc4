"""One pass over a CSV file. Every structural fault is an `InputError` that names line and column."""

import csv
import re
from collections.abc import Iterator, Mapping
from itertools import islice

from airmeet_async.bulk.table_cells import CELL_LIMIT, counted, fault, shown
from airmeet_async.bulk.table_head import Head
from airmeet_async.bulk.table_quotes import breaks, locate, outside_quotes, swallowed
from airmeet_async.bulk.table_reports import unwrapped
from airmeet_async.bulk.table_text import TextFile, undecoded
from airmeet_async.errors import InputError

_HEADER_LINES = 100  # a header that runs over more lines has a stray quote
_DELIMITERS = ",;\t|"
_SEP_LINE = re.compile(r'"?sep=(.)"?\s*')  # Excel's own way to name the delimiter
_ONE_QUOTE = 'take it away or close it; inside a quoted cell a quote is written twice ("")'


class CsvRows:
    """The rows of a CSV file, read once. ``header`` and ``notices`` are complete after the last row."""

    def __init__(self, text: TextFile, delimiter: str | None) -> None:
        self._text = text
        self._said: list[str] = []
        self._delimiter = _checked(text.path, delimiter) or self._detect()
        self._head: Head | None = None
        self._names: list[str] = []  # with the empty ones, so that positions fit the cells
        self._blank = 0
        self.header: tuple[str, ...] = ()

    @property
    def notices(self) -> tuple[str, ...]:
        """What was done to the text without being asked."""
        blank = [counted(self._blank, "empty line") + " skipped"] if self._blank else []
        return (*self._said, *blank, *(self._head.notices if self._head else ()))

    def __iter__(self) -> Iterator[tuple[int, Mapping[str, str]]]:
        """Yield each row's first physical line and its cells by column."""
        records = unwrapped(self._filled(), self._said, self._text.path)
        head = self._head = self._take_header(records)
        self._names, self.header = head.names, head.header
        for line, cells in records:
            yield line, head.row(line, cells)

    def _filled(self) -> Iterator[tuple[int, list[str]]]:
        for line, cells in self._records():
            if any(map(str.strip, cells)):
                yield line, cells
            else:
                self._blank += 1

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        held: list[str] = []  # the physical lines of the record that is being read
        start = 1
        try:
            for cells in csv.reader(self._feed(held), delimiter=self._delimiter, strict=True):
                self._check(start, held, cells)
                if start > 1 or not _SEP_LINE.fullmatch(held[0]):
                    yield start, cells
                start += len(held)
                held.clear()
        except csv.Error as error:
            raise self._broken(start, held, str(error)) from None

    def _feed(self, held: list[str]) -> Iterator[str]:
        for line in self._text.lines():
            held.append(line)
            yield line

    def _check(self, start: int, held: list[str], cells: list[str]) -> None:
        for line in held:
            if undecoded(line) is not None:
                raise self._undecodable(start, cells)
        if len(held) > 1 and self._names:
            blame = swallowed(cells, self._delimiter, len(self._names))
            if blame:
                what = (
                    f"the quote that opens here swallows what look like rows of their own, from line "
                    f"{start + blame.evidence} on; {_ONE_QUOTE}. If it really is one cell, use a .jsonl file"
                )
                raise self._fault(what, start + blame.line, blame.cell)

    def _undecodable(self, start: int, cells: list[str]) -> InputError:
        index, at = next((index, at) for index, cell in enumerate(cells) if (at := undecoded(cell)) is not None)
        above = sum(map(breaks, cells[:index])) + breaks(cells[index][:at])
        return self._fault(self._text.bad_byte(cells[index][at]), start + above, index)

    def _broken(self, start: int, held: list[str], reason: str) -> InputError:
        blame = locate(held, self._delimiter)
        if "field larger" in reason:
            what = f"a cell is longer than {CELL_LIMIT:,} characters; shorten it"
            what += f", or mind the quote that opens here: {_ONE_QUOTE}" if blame else ""
        elif "unexpected end" in reason:
            what = f"the quote that opens here is never closed; {_ONE_QUOTE}"
        else:
            closed = start + blame.evidence if blame else start
            what = f"the quote that opens here is closed on line {closed} with text right behind it; {_ONE_QUOTE}"
        return self._fault(what, start + blame.line if blame else start, blame.cell if blame else None)

    def _fault(self, what: str, line: int, cell: int | None) -> InputError:
        if cell is None:
            return fault(what, path=self._text.path, line=line)
        name = self._names[cell] if cell < len(self._names) else ""
        if name:
            return fault(what, path=self._text.path, line=line, column=name)
        return fault(f"cell {cell + 1}: {what}", path=self._text.path, line=line)

    def _take_header(self, records: Iterator[tuple[int, list[str]]]) -> Head:
        line, cells = next(records, (None, []))
        if line is None:
            raise fault("is empty; its first line must name the columns", path=self._text.path)
        advice = f"put a cell that contains {_spelled(self._delimiter)} in double quotes, or "
        return Head(self._text.path, line, cells, advice)

    def _detect(self) -> str:
        """Take the delimiter that stands most often outside the header's quotes, the comma where none does."""
        record = self._first_record()
        named = _SEP_LINE.fullmatch(record)
        bare = outside_quotes(record, _DELIMITERS)
        best = named[1] if named else max(_DELIMITERS, key=bare.count)
        if best != ",":
            self._said.append(f"delimiter {_spelled(best)} " + ("named by the sep= line" if named else "detected"))
        return best

    def _first_record(self) -> str:
        record = ""
        for line in islice(self._text.lines(), _HEADER_LINES):
            record = record + line if record.strip() else line
            if record.strip() and not record.count('"') % 2:
                break
        return record


def _checked(path: str, delimiter: str | None) -> str | None:
    if delimiter is None:
        return None
    known = {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if len(known) != 1 or known in '"\r\n ' or not known.isprintable() and known != "\t":  # noqa: RUF021
        what = f"the delimiter must be one character, not {shown(delimiter)}; try --delimiter ';' or --delimiter tab"
        raise fault(what, path=path)
    return known


def _spelled(delimiter: str) -> str:
    return {"\t": "tab"}.get(delimiter, f"'{delimiter}'")
