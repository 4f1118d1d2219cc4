"""`open_table`: a file as a table, whatever kind of file it is.

What a file is, its content says; the ending of its name only tells kinds of text apart. Where the two disagree, its
owner is told.
"""

import codecs
import hashlib
import mmap
import os
import re
import stat
import zipfile
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, islice
from pathlib import Path, PurePath
from typing import Any, Self

from attrs import evolve

from airmeet_async.errors import InputError
from airmeet_async.tables.cells import CELL_LIMIT, TOO_LONG, Findings, ReadOptions, TableReader, fault
from airmeet_async.tables.read_csv import CsvReader
from airmeet_async.tables.read_excel import Archive, ExcelReader
from airmeet_async.tables.read_jsonl import JsonReader
from airmeet_async.tables.read_parquet import ParquetReader
from airmeet_async.tables.shared_file import SharedFile

# How a file is read, by the ending of its name.
KINDS = {
    ".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl",
    ".xlsx": "xlsx", ".xlsm": "xlsx", ".xls": "xls", ".xlsb": "xlsb", ".ods": "ods", ".parquet": "parquet",
}  # fmt: skip
WORKBOOKS = frozenset(("xlsx", "xls", "xlsb", "ods"))

# Most characters that one batch of rows holds, so that one small file cannot eat the memory.
BATCH_LIMIT = 4 * 1024 * 1024
# Most characters in all rows of a file, if that is more than `TEXT_RATIO` times its size.
TEXT_LIMIT = 64 * 1024 * 1024
TEXT_RATIO = 200

_TEXTS = frozenset(("csv", "tsv", "jsonl"))
_NAMES = {
    "xlsx": "an Excel workbook (.xlsx)", "xls": "an Excel workbook (.xls)", "xlsb": "an Excel workbook (.xlsb)",
    "ods": "a LibreOffice workbook (.ods)", "parquet": "a Parquet file",
}  # fmt: skip
_INSTEAD = "use a workbook, or save it as CSV UTF-8"
_PACKED = "unpack it first ({} {{}}), then name the file in it"
_LOCKED = "is protected by a password; save it without one"
# How other files begin, and what to do with them; {} is the name of the file.
_OTHERS = {
    b"\x1f\x8b": f"is a gzip file: {_PACKED.format('gunzip -k')}",
    b"BZh": f"is a bzip2 file: {_PACKED.format('bunzip2 -k')}",
    b"\xfd7zXZ": f"is an xz file: {_PACKED.format('unxz -k')}",
    b"\x28\xb5\x2f\xfd": f"is a Zstandard file: {_PACKED.format('unzstd')}",
    b"7z\xbc\xaf\x27\x1c": f"is a 7z archive: {_PACKED.format('7z x')}",
    b"Rar!": f"is a RAR archive: {_PACKED.format('unrar x')}",
    b"%PDF": f"is a PDF file; {_INSTEAD}",
    b"SQLite format": f"is a database file; {_INSTEAD}",
    b"{\\rtf": f"is an RTF document; {_INSTEAD}",
    bytes(4): "begins with zero bytes, as a file does whose copy or download has failed; copy it again",
    b"PARE": "is an encrypted Parquet file; write it without encryption",
}
_WEB_PAGE = re.compile(
    rb"mime-version|(<!--.*?-->\s*|<\?xml[^>]*>\s*)*<(html|!doctype|table|head|meta|body|style|\?xml|\?mso|workbook|ss:"
    rb"|(script|div|span|center|font|title|link|xml|p|b|br|h\d)[\s>/])",
    re.IGNORECASE | re.DOTALL,
)


_PIECE = 1024 * 1024
_SAMPLE = 200  # rows that are enough to judge what a column holds

_Stamp = tuple[int, int, int]  # what tells two states of a file apart without reading it: size, time, inode


class Table:
    """A table: its columns, and its rows as often as they are asked for.

    Iterating yields ``(line, mapping)``; what is wrong with the file as a whole raises `InputError` where it is met,
    what is wrong with cells of columns that are in `use` after the last row, and the rest is kept for `judge`. The file
    is opened once, whatever is asked for, and `sample` reads no row twice. One that changes meanwhile is not read on.

    Attributes:
        path: The file.
        name: What it is called in messages.
        rows: How many rows it has; None before a complete pass.
        limit: Most rows that are taken; None for all.
        reading: How it is read, where that could have been otherwise: the same file read differently is another input.
        is_file: Its rows come from a file.
    """

    path: str
    name: str
    is_file: bool

    def __init__(
        self, options: ReadOptions, reader: TableReader, *, rows: int | None = None, limit: int | None = None,
        said: Sequence[str] = (), stamp: _Stamp | None = None, most: int | None = None,
    ) -> None:  # fmt: skip
        self.path, self.name = options.path, options.name
        self.rows = rows
        self.reading: Mapping[str, str] = reader.reading
        self.is_file = stamp is not None
        self._used: Collection[str] = ()
        self._options = options
        self.limit = limit
        self._reader, self._stamp, self._most = reader, stamp, most
        self._said = tuple(said)
        self._findings = Findings()
        self._passed: tuple[str, ...] | None = None  # the columns, after a complete pass
        # The rows that `sample` has read, and the pass that goes on behind them, until somebody takes it.
        self._first: list[tuple[int | None, Mapping[str, Any]]] = []
        self._begun: Iterator[tuple[int | None, Mapping[str, Any]]] | None = None

    def __repr__(self) -> str:
        return f"Table({self.name!r}, {len(self.columns)} columns, {self.rows} rows)"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns in order; those of a JSON file are complete after a complete pass."""
        return self._reader.columns

    @property
    def spell(self) -> Callable[[str, str], str]:
        """How the reader of a message writes an option."""
        return self._options.spell

    @property
    def notices(self) -> tuple[str, ...]:
        """What was decided without being asked, one sentence each; complete after a complete pass."""
        return (*self._said, *self._reader.notices, *self._findings.notices)

    @property
    def nameless(self) -> tuple[str, ...]:
        """A sentence about each column without a name, or index; complete after a complete pass."""
        return tuple(self._findings.nameless.values())

    def __iter__(self) -> Iterator[tuple[int | None, Mapping[str, Any]]]:
        begun, self._begun = self._begun, None
        return self._read() if begun is None else chain(self._first, begun)

    def _read(self) -> Generator[tuple[int | None, Mapping[str, Any]]]:
        self._check_unchanged()
        findings = Findings()
        if self._passed is None:
            self._findings = findings
        most = self._most
        is_bounded = self.is_file and most is None  # the readers of texts refuse cells that are too long themselves
        n = size = 0
        try:
            for line, row in islice(self._reader.rows(findings), self.limit):
                n += 1
                if is_bounded:
                    yield line, row
                    continue
                if (length := sum(map(len, row.values()))) > CELL_LIMIT:
                    for name in [name for name, text in row.items() if len(text) > CELL_LIMIT]:
                        findings.fault(TOO_LONG, line, name)
                        row = {**row, name: ""}  # noqa: PLW2901
                    length = sum(map(len, row.values()))
                if most is not None and (size := size + length) > most:
                    what = f"its texts are more than {most:,} characters up to here, far more than the file's size"
                    what += "; save it as CSV UTF-8"
                    raise fault(what, path=self.name, line=line)
                yield line, row
        except InputError:
            self._check_unchanged()  # which explains it better than a fault that was not there before
            raise
        self._check_unchanged()
        if not n:
            raise fault("has no rows, only a header" if self.columns else "has no rows", path=self.name)
        if self._passed is not None and (n, self.columns) != (self.rows, self._passed):
            raise self._changed()
        self.rows, self._passed, self._findings = n, self.columns, findings
        self.judge(self._used)

    def chunks(self, size: int = 500) -> Iterator[tuple[list[Mapping[str, Any]], list[int | None]]]:
        """Yield rows and their lines, at most *size* at a time, and fewer where they are long.

        Raises:
            InputError: It cannot be read, or is not the file that was opened.
        """
        rows: list[Mapping[str, Any]] = []
        lines: list[int | None] = []
        length = 0
        for line, row in self:
            rows.append(row)
            lines.append(line)
            length += sum(map(len, row.values()))
            if len(rows) == size or length > BATCH_LIMIT:
                self._check_unchanged()
                yield rows, lines
                rows, lines, length = [], [], 0
        if rows:
            yield rows, lines

    def sample(self, n: int = _SAMPLE) -> list[Mapping[str, Any]]:
        """Return the first rows without reading the rest; the next pass goes on behind them.

        Raises:
            InputError: It cannot be read up to there, or has no rows.
        """
        if len(self._first) < (n if self.rows is None else min(n, self.rows)):
            if self._begun is None:
                self._first, self._begun = [], self._read()
            try:
                self._first += islice(self._begun, n - len(self._first))
            except BaseException:
                self._begun = None
                raise
        return [row for _, row in self._first[:n]]

    def check(self) -> Self:
        """Read it to its end, so that `rows`, `columns`, `notices` and what `judge` knows are complete.

        Raises:
            InputError: It cannot be read, or has no rows.
        """
        self.sample()
        for _ in self:
            pass
        return self

    @property
    def digest(self) -> str:
        """The SHA-256 of the file's content, read from the file that is open; empty for what is not from a file."""
        return self._content_facts[0] if self.is_file else ""

    @property
    def is_clear(self) -> bool:
        """Its columns are known from its beginning, and all its bytes are in the encoding it is read in."""
        if isinstance(self._reader, JsonReader):
            return False  # any row may have a key of its own
        return not isinstance(self._reader, CsvReader) or "encoding" in self.reading or self._content_facts[1]

    @cached_property
    def _content_facts(self) -> tuple[str, bool]:
        sha, decoder, is_utf_8 = hashlib.sha256(), codecs.getincrementaldecoder("utf-8")(), True
        self._check_unchanged()
        with self._options.open() as file:
            while piece := file.read(_PIECE):
                sha.update(piece)
                try:
                    if is_utf_8:
                        decoder.decode(piece)
                except UnicodeError:
                    is_utf_8 = False
        self._check_unchanged()
        return sha.hexdigest(), is_utf_8 and not decoder.getstate()[0]

    def use(self, columns: Collection[str]) -> None:
        """Let passes raise what is wrong with cells of these columns, once they have come to the end.

        Raises:
            InputError: A complete pass has found such a thing already.
        """
        self._used = columns
        if self.rows is not None:
            self.judge(columns)

    def judge(self, columns: Collection[str]) -> None:
        """Raise what the last complete pass has found wrong with cells of these columns, all of it at once.

        Raises:
            InputError: With the place of the first fault; its text has a line for each kind of fault.
        """
        if error := self._findings.faults_of(columns, self.name):
            raise error

    def _check_unchanged(self) -> None:
        if self._stamp is not None and _stamp(self.path, self.name) != self._stamp:
            raise self._changed()

    def _changed(self) -> InputError:
        return fault("changed while being read; run again when nothing writes to it", path=self.name)


def open_table(
    path: str | os.PathLike[str],
    *,
    encoding: str | None = None,
    sheet: str | int | None = None,
    delimiter: str | None = None,
    header: int | None = None,
    format: str | None = None,  # noqa: A002 - the name of the option
    is_header: Callable[[Sequence[str]], bool] | None = None,
    is_own: Callable[[Sequence[str]], bool] = lambda _names: False,
    limit: int | None = None,
    name: str | None = None,
    spell: Callable[[str, str], str] | None = None,
) -> Table:
    """Open a file of rows. It is read up to its header; `Table.check` or iterating reads the rest.

    Args:
        path: The file; it must be one that can be read twice.
        encoding: Of a text. Default is UTF-8; a byte order mark wins over all.
        sheet: Of a workbook: its name, or its number from 1. Default is the only one that has rows.
        delimiter: Of a CSV file. Default is what its header shows.
        header: The line that names the columns. Default is the first one within 30 lines that *is_header* takes for
            it, or else the first.
        format: One of `KINDS`' values; by default what the ending says.
        is_header: Whether cells name the columns of what is wanted; one such cell is enough.
        is_own: Whether column names are of a file that this program has written: there, nothing but its own guards is
            taken away.
        limit: Most rows to take.
        name: What the file is called in messages; by default its path.
        spell: How the reader of a message writes an option; by default as in Python, see `command_line_option`.

    Raises:
        InputError: It cannot be read, with the place, the reason and what to do.
        ConfigError: The package that reads this kind of file is not installed.
    """
    place = os.fspath(path)
    more: dict[str, Any] = {} if spell is None else {"spell": spell}
    options = ReadOptions(
        path=place, name=name or place, encoding=encoding, sheet=None if sheet is None else str(sheet),
        delimiter=delimiter, header=header, is_header=is_header, is_own=is_own, **more,
    )  # fmt: skip
    stamp = _stamp(place, options.name)
    try:
        options = evolve(options, file=SharedFile(place))
    except OSError as error:
        raise options.fault(f"cannot be read: {error.strerror}; check the path and its permissions") from None
    kind, said = _kind_of(options, format)
    for given, word, kinds in (
        (sheet, "sheet", WORKBOOKS), (delimiter, "delimiter", {"csv", "tsv"}), (encoding, "encoding", _TEXTS),
        (header, "header", {"csv", "tsv"} | WORKBOOKS),
    ):  # fmt: skip
        if given is not None and kind not in kinds:
            raise options.fault(f"{options.spell(word, str(given))} does not apply to {kind}; omit it")
    if header is not None and header < 1:
        raise options.fault(f"lines are counted from 1, so {options.spell('header', str(header))} is not a line")
    reader: TableReader
    if kind in WORKBOOKS:
        reader = ExcelReader(options, kind)
    elif kind in _TEXTS:
        reader = JsonReader(options) if kind == "jsonl" else CsvReader(options, "\t" if kind == "tsv" else None)
    else:
        reader = ParquetReader(options)
    most = None if kind in _TEXTS else max(TEXT_LIMIT, TEXT_RATIO * stamp[0])  # what unfolds may unfold to that
    return Table(options, reader, limit=limit, said=said, stamp=stamp, most=most)


def _stamp(path: str, name: str) -> _Stamp:
    try:
        facts = Path(path).stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise fault(f"cannot be read: {reason}; check the path", path=name) from None
    if stat.S_ISDIR(facts.st_mode):
        raise fault("is a directory; name a file", path=name)
    if not stat.S_ISREG(facts.st_mode):
        # It is read more than once; and opening a pipe would wait for its writer.
        raise fault("is not a regular file and cannot be read twice; copy it to a file first", path=name)
    return facts.st_size, facts.st_mtime_ns, facts.st_ino


def _kind_of(options: ReadOptions, asked: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the kind of a file, and what is to be said about that."""
    ending = PurePath(options.path).suffix.lower()
    said = asked or KINDS.get(ending, "")
    found = _content(options)
    if said not in KINDS.values():
        what = f"unknown format {asked}" if asked else f"unknown kind of file {ending or '(no ending)'}"
        hint = f"; its content is {_NAMES[found]}" if found else "; if it is text"
        hint += f": {options.spell('format', found or 'csv')}"
        raise options.fault(f"{what}; supported are {', '.join(KINDS)}{hint}")
    if said == found or (not found and said in _TEXTS):
        if said != "jsonl" and _looks_like_json(options):
            raise options.fault(f"is JSON by its content; {options.spell('format', 'jsonl')}")
        return said, ()
    if said in WORKBOOKS and found in WORKBOOKS:
        return found, (f"{_NAMES[found]} by its content, despite its name",)
    if not Path(options.path).stat().st_size:
        raise options.fault("is empty")
    fix = options.spell("format", found or "csv")
    if asked is None:
        fix = f"rename it to {PurePath(options.name).stem}.{found or 'csv'}, or use {fix}"
    if found:
        raise options.fault(f"is {_NAMES[found]} by its content, not {said}; {fix}, or save it as CSV UTF-8")
    raise options.fault(f"is plain text by its content, not {_NAMES[said]}; {fix}")


def _looks_like_json(options: ReadOptions) -> bool:
    with options.open() as file:
        return bool(re.match(rb'(\xef\xbb\xbf)?\s*(\[\s*)?\{\s*"', file.read(1024)))


def _content(options: ReadOptions) -> str:
    """Return the kind that the content shows, or nothing for what may be text.

    Raises:
        InputError: It is something else.
    """
    assert options.file is not None  # noqa: S101 - see `open_table`
    try:
        head = options.file.read_at(0, 4096)
        if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):  # a file system of its own: names are in UTF-16
            with mmap.mmap(options.file.descriptor, 0, access=mmap.ACCESS_READ) as content:
                if content.find("EncryptedPackage".encode("utf-16-le")) >= 0:
                    raise options.fault(_LOCKED)
                if all(content.find(word.encode("utf-16-le")) < 0 for word in ("Book", "Workbook")):
                    raise options.fault(f"is an old Office document, not a workbook; {_INSTEAD}")
            return "xls"
    except OSError as error:
        raise options.fault(f"cannot be read: {error.strerror}; check the path and its permissions") from None
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zipped(options)
    if head.startswith(b"PAR1"):
        return "parquet"
    for start, what in _OTHERS.items():
        if head.startswith(start):
            raise options.fault(what.format(PurePath(options.name).name))
    if _WEB_PAGE.match(head.lstrip(b"\xef\xbb\xbf\xfe\xff").replace(b"\0", b"").lstrip()):  # also in UTF-16
        what = "is a web page or XML, which some programs export with the name of a workbook"
        raise options.fault(f"{what}; open it in a spreadsheet program and save it as .xlsx")
    return ""


def _zipped(options: ReadOptions) -> str:
    with Archive(options) as archive:
        names, is_ods = [*archive.parts], False
        try:
            is_ods = b"opendocument.spreadsheet" in archive.read("mimetype")[:200]
            with archive.open("META-INF/manifest.xml") as file:
                is_encrypted = is_ods and b"encryption-data" in file.read(_PIECE)
        except (KeyError, zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError):
            is_encrypted = False
    if "encrypted-package" in names or is_encrypted:  # the first of LibreOffice 24 and later
        raise options.fault(_LOCKED)
    if is_ods:
        return "ods"
    if any(name.startswith("xl/") or name.endswith("/workbook.xml") for name in names):
        return "xlsb" if "xl/workbook.bin" in names else "xlsx"
    others = ("word/", "Word document"), ("ppt/", "presentation"), ("index/document.iwa", "document of Apple Numbers")
    for folder, what in others:
        if any(name.startswith(folder) for name in names):
            raise options.fault(f"is a {what}, not a workbook; {_INSTEAD}")
    inside = f" ({', '.join(names[:3])})" if names else ""
    raise options.fault(f"is a zip file; unpack it first, then name the file in it{inside}")
