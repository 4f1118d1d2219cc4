"""Input files as rows: checked to the last line before the first row is handed out.

A file is read twice. The check pass keeps nothing, so its memory is flat; it finds every structural fault while
nothing has been sent. The second pass streams. Nothing here judges a value: an e-mail may be nonsense, a row that
cannot be told apart from its neighbour may not.
"""

import os
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from attrs import field, frozen

from airmeet_async.bulk.table_book import BookRows
from airmeet_async.bulk.table_cells import fault
from airmeet_async.bulk.table_csv import CsvRows
from airmeet_async.bulk.table_format import Format, RowReader
from airmeet_async.bulk.table_jsonl import JsonRows
from airmeet_async.bulk.table_kind import BOOKS, kind_of
from airmeet_async.bulk.table_parquet import ParquetRows
from airmeet_async.bulk.table_spool import Spooled
from airmeet_async.bulk.table_text import GUESS, Stamp, TextFile, open_text
from airmeet_async.errors import InputError
from airmeet_async.protocol.value_class import value


@value
class SourceRow:
    """One input row.

    Attributes:
        index: Position in the source, from 0.
        line: Physical line where the row starts, from 1; None for rows that are not from a file.
        data: Column to text as it stands in the file. A list in a JSON line stays a list of texts.
    """

    index: int
    line: int | None
    data: Any


@frozen
class Table:
    """A checked input file.

    Attributes:
        path: The file.
        header: Its columns in order; for JSON lines the keys in the order in which they first came.
        rows: How many rows it has.
        notices: What was decided without being asked, one sentence each.
    """

    path: str
    header: tuple[str, ...]
    rows: int
    notices: tuple[str, ...]
    _format: Format = field(repr=False)
    _stamp: Stamp | None = field(repr=False)
    _name: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """How it is called: its path, where nobody said otherwise."""
        return self._name or self.path

    @property
    def is_file(self) -> bool:
        """Whether its rows come from a file."""
        return self._stamp is not None

    @property
    def reading(self) -> Mapping[str, str]:
        """How it is read, where that could have been otherwise."""
        return self._format.reading

    def batches(self, size: int = 500) -> Iterator[list[SourceRow]]:
        """Read the file again and yield its rows, ``size`` at a time.

        Raises:
            InputError: The file is not the one that was checked.
            ValueError: ``size`` is below 1.
        """
        if size < 1:
            raise ValueError("size must be at least 1")
        self._same()
        reader = self._format.reader()
        rows = enumerate(reader)
        seen = 0
        try:
            while batch := [SourceRow(index, line, data) for index, (line, data) in islice(rows, size)]:
                self._same()
                seen += len(batch)
                yield batch
        except InputError:
            self._same()  # a fault that the check pass did not see has this better explanation
            raise
        if seen != self.rows or reader.header != self.header:
            raise self._changed()

    def _same(self) -> None:
        if self._stamp is not None and Stamp.of(self.path) != self._stamp:
            raise self._changed()

    def _changed(self) -> InputError:
        return fault("changed while reading; run again when nothing writes to it any more", path=self.path)


@frozen
class _Text:
    """How a file of text is read."""

    kind: str
    text: TextFile
    delimiter: str | None

    @property
    def notices(self) -> tuple[str, ...]:
        return self.text.notices

    @property
    def reading(self) -> dict[str, str]:
        return {} if self.text.encoding == "utf-8" else {"encoding": self.text.encoding}

    def reader(self) -> RowReader:
        return JsonRows(self.text) if self.kind == "jsonl" else CsvRows(self.text, self.delimiter)


@frozen
class _Book:
    """How a workbook is read, which is parsed only once."""

    book: BookRows
    notices: tuple[str, ...]
    rows: Spooled

    @property
    def reading(self) -> dict[str, str]:
        return {"sheet": self.book.sheet}

    def reader(self) -> RowReader:
        return self.rows


@frozen
class _Parquet:
    """How a Parquet file is read."""

    path: str
    notices: tuple[str, ...] = ()
    reading: Mapping[str, str] = field(factory=dict)

    def reader(self) -> RowReader:
        return ParquetRows(self.path)


def open_table(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    delimiter: str | None = None,
    kind: str | None = None,
    sheet: str | int | None = None,
) -> Table:
    """Check a file of rows from its first to its last line.

    Args:
        path: The file; its ending says how to read it unless ``kind`` does.
        encoding: Of the text. Default is UTF-8, and `GUESS` guesses; a byte order mark wins over all.
        delimiter: Of a CSV file. Default is what its header line shows.
        kind: One of `KINDS`' values; by default what the ending says.
        sheet: Of a workbook: its name, or its number from 1. Default is the only one that has rows.

    Raises:
        InputError: It cannot be read, with the place, the reason and what to do.
    """
    name = os.fspath(path)
    stamp = Stamp.of(name)
    kind, said = kind_of(name, kind)
    if sheet is not None and kind not in BOOKS:
        raise fault(f"--sheet is for workbooks, and this is read as {kind}; leave it out", path=name)
    if (delimiter is not None or encoding not in (None, GUESS)) and (kind in BOOKS or kind == "parquet"):
        raise fault(f"--encoding and --delimiter are for texts, and this is read as {kind}; leave them out", path=name)
    form: Format
    if kind in BOOKS:
        book = BookRows(name, kind, None if sheet is None else str(sheet))
        form = _Book(book, said, Spooled(book))
    elif kind == "parquet":
        form = _Parquet(name)
    else:
        form = _Text(kind, open_text(name, encoding), "\t" if kind == "tsv" and delimiter is None else delimiter)
    reader = form.reader()
    rows = sum(1 for _ in reader)
    if not rows:
        raise fault("has no rows, only " + ("a header" if reader.header else "empty lines"), path=name)
    table = Table(name, reader.header, rows, (*form.notices, *reader.notices), form, stamp)
    table._same()
    return table
