"""What all readers agree on: their interface, the columns of a table, one value as text, and faults with their place.

Three rules:

1. A fault of the file as a whole (a row with too many cells, an unclosed quote) raises at once. A fault of one cell is
   put down in `Findings`, and `Table.judge` raises it only if somebody uses its column.
2. Texts are kept as they are. Taken away are only the marks by which programs say "this is a text": ``'=1``,
   ``'ana@example.com``, ``="Ana"``; and how often is said.
3. What `guard` has written, `unguard` gives back, for every text.
"""

import csv
import io
import json
import math
import re
import shlex
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Protocol, Self

from attrs import frozen

from airmeet_async import optional_imports
from airmeet_async.errors import ConfigError, InputError
from airmeet_async.formatting import counted, many
from airmeet_async.tables.shared_file import SharedFile

# Most characters in one cell; also the `csv` module's own default, which is what enforces it for CSV.
CELL_LIMIT = 128 * 1024
TOO_LONG = f"is longer than {CELL_LIMIT:,} characters; shorten it"

# Most columns of one table, so that a file that is no table cannot eat the memory.
COLUMN_LIMIT = 2000
# The header is sought in this many lines.
HEADER_LINES = 30
# Texts that programs write for no value, and nobody is called.
ABSENT = frozenset(("NaN", "nan", "NaT", "<NA>"))

# What a spreadsheet runs as a formula, also behind blanks and quotes: OWASP "CSV injection" and Symfony's
# CVE-2021-41270. The full-width signs count because Excel folds them in Japanese and Chinese locales.
_FORMULA = re.compile(r"[\s\"']*(?:[=+\-@|\uff1d\uff0b\uff0d\uff20]|(?<=[\t\r\n]))")
_ADDRESS = re.compile(r"'*[^\s@'\"]+@[^\s@'\"]+\.[^\s@'\"]+")
_DIGITS = re.compile(r"'*\d[\d ()/.-]*")
_AS_TEXT = re.compile(r'="((?:[^"]|"")*)"')
_IN_APOSTROPHES = re.compile(r"'((?:[^']|'')+)'")
# Marks of order and direction, soft hyphens and their like: at the ends of a text they show nothing.
_INVISIBLE = "\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff"
_INVISIBLE_ENDS = re.compile(f"^[{_INVISIBLE}\\s]+|[{_INVISIBLE}\\s]+$")
_MOST_DIGITS = 15  # what a spreadsheet keeps of a number
_MOST_PLACES = 3


def command_line_option(name: str, value: str) -> str:
    """Return an option as it is typed: ``--sheet 'Read me'``."""
    return f"--{name} {shlex.quote(value)}"


def python_option(name: str, value: str) -> str:
    """Return an option as it is written in Python: ``sheet='Read me'``, ``header=2``."""
    return f"{name}={value if value.isdecimal() else repr(value)}"


@frozen(kw_only=True)
class ReadOptions:
    """How a file is to be read; see `open_table` for what each option means.

    Attributes:
        spell: How the reader of a message writes an option, given its name and its value.
        file: The file, open; None for what is not from a file.
    """

    path: str
    name: str
    encoding: str | None = None
    sheet: str | None = None
    delimiter: str | None = None
    header: int | None = None
    is_header: Callable[[Sequence[str]], bool] | None = None
    is_own: Callable[[Sequence[str]], bool] = lambda _names: False
    spell: Callable[[str, str], str] = python_option
    file: SharedFile | None = None

    def fault(self, message: str, line: int | None = None, column: str | None = None) -> InputError:
        """Return an error about the file."""
        return fault(message, path=self.name, line=line, column=column)

    def open(self) -> io.BufferedReader:
        """Return the file's bytes from its start; as often as wanted, also at the same time."""
        assert self.file is not None  # noqa: S101 - only files have a reader that calls this
        return self.file.open()

    def check_width(self, columns: int, line: int | None = None) -> None:
        """Refuse a table of more than `COLUMN_LIMIT` columns."""
        if columns > COLUMN_LIMIT:
            what = f"has {columns:,} columns; at most {COLUMN_LIMIT:,} are read, so remove the others"
            raise self.fault(what, line)


class TableReader(Protocol):
    """How to read one file.

    Attributes:
        columns: In order; for JSON known to the end only after a complete pass.
        notices: What was decided before the first row, one sentence each.
        reading: What was decided that could have been otherwise; the same file read differently is another input.
    """

    columns: tuple[str, ...]
    notices: list[str]
    reading: dict[str, str]

    def rows(self, findings: "Findings") -> Iterator[tuple[int | None, Mapping[str, Any]]]:
        """Begin a pass: yield each row's line and its cells by column. Several passes may be under way at once."""


class Findings:
    """What one pass over a table has noticed.

    Attributes:
        blank: How many lines were empty.
        nameless: Columns without a name that hold something, and what is said of them.
    """

    def __init__(self) -> None:
        self.blank = 0
        self.nameless: dict[int, str] = {}
        self._said: list[str] = []
        # By what is wrong, and the column for which that is a fault.
        self._counts: Counter[tuple[str, str | None]] = Counter()
        self._places: defaultdict[tuple[str, str | None], list[tuple[int | None, str]]] = defaultdict(list)

    def say(self, sentence: str) -> None:
        """Add a notice about the file."""
        self._said.append(sentence)

    def cell(self, what: str, line: int | None, column: str) -> None:
        """Count a cell that is worth a notice; *what* goes on with "cell(s) "."""
        self._count((what, None), line, column)

    def fault(self, what: str, line: int | None, column: str) -> None:
        """Put down why a cell, or with no line a whole column, cannot be used."""
        self._count((what, column), line, column)

    def _count(self, key: tuple[str, str | None], line: int | None, column: str) -> None:
        self._counts[key] += 1
        if self._counts[key] <= _MOST_PLACES + 1:
            self._places[key].append((line, column))

    @property
    def notices(self) -> tuple[str, ...]:
        """What was noticed, one sentence each."""
        found = [f"{counted(self.blank, 'empty line')} skipped"] if self.blank else []
        found += self._said
        for (what, faulty), n in self._counts.items():
            if faulty is None:
                line, column = self._places[what, None][0]
                first = "first " if n > 1 else ""
                found.append(f"{counted(n, 'cell')} {what} ({first}line {line}, column {shown(column)})")
        return tuple(found)

    def faults_of(self, columns: Collection[str], path: str) -> InputError | None:
        """Return one error that names everything that is wrong with some columns."""
        errors = []
        for (what, column), n in self._counts.items():
            if column is not None and column in columns:
                line, *others = [line for line, _ in self._places[what, column]]
                lines = listed([*map(str, others)], n - 1 - len(others))
                same = f"; the same in {many('line', n - 1)} {lines}" if n > 1 else ""
                errors.append(fault(what + same, path=path, line=line, column=column))
        text = "\n".join(map(str, errors))
        return InputError(text, path=path, line=errors[0].line, column=errors[0].column) if errors else None


class Header:
    """The columns of a table, and how its records fit them.

    Args:
        options: How the file is read.
        line: Where the columns are named.
        cells: What stands there.
        strict: More cells than names may be a sign that a row has slipped, so they are refused; in a workbook, where
            nothing slips, they are passed over.

    Attributes:
        columns: Their names. The second ``Notes`` is called ``Notes (2)``; columns without a name are left out.

    Raises:
        InputError: There are too many.
    """

    is_ours: bool
    columns: tuple[str, ...]

    def __init__(self, options: ReadOptions, line: int, cells: Sequence[str], *, strict: bool) -> None:
        self._options, self._line, self._strict = options, line, strict
        options.check_width(len(cells), line)
        names = [cell.strip() for cell in cells]
        # A file of ours has no marks but our own, and may hold a text such as ="Ana" that is meant.
        self._says_unguarded = False
        self.is_ours = options.is_own([unguard(name) for name in names])
        self._names = [unguard(name) if self.is_ours else _unmarked(name) for name in names]
        self._twice: dict[str, str] = {}
        first: dict[str, int] = {}
        for index, given in enumerate(self._names):
            name, n = given, 1
            while name in first:
                name = f"{given} ({(n := n + 1)})"
            if n == 2:
                what = f"columns {first[given] + 1} and {index + 1} have this name; rename one of them"
                self._twice[given] = what
            if given:
                first[name] = index
        self.columns = tuple(first)
        self._named = list(first.values())

    def name(self, index: int) -> str | None:
        """Return the name of a cell's column, if it has one."""
        return self._names[index] or None if index < len(self._names) else None

    def begin(self, findings: Findings) -> None:
        """Put down what is to be said about the header itself."""
        for name, what in self._twice.items():
            findings.fault(what, self._line, name)

    def row(self, line: int, cells: Sequence[str], findings: Findings) -> dict[str, str]:
        """Return a record's cells by column.

        Raises:
            InputError: There are more cells than names.
        """
        if not len(cells) == len(self._names) == len(self.columns):
            cells = self._fitted(line, cells, findings)
        if Flaw in map(type, cells):
            for name, cell in zip(self.columns, cells, strict=True):
                if isinstance(cell, Flaw):
                    findings.fault(cell.what, line, name)
            cells = [*map(str, cells)]
        text = "".join(cells)
        if ("'" in text or "=" in text) and any(cell[:1] in ("'", "=") for cell in cells):
            # Only a program that marks every text marks an address: then 'Ana in the same row is Ana, too.
            all_marked = any(cell[:1] == "'" and _ADDRESS.fullmatch(cell, 1) for cell in cells)
            bare = [cell[1:] if all_marked and cell[:1] == "'" else _unmarked(cell) for cell in cells]
            bare = [unguard(cell) for cell in cells] if self.is_ours else bare
            for name, cell, text in zip(self.columns, cells, bare, strict=True):
                if cell != text and self.is_ours and not self._says_unguarded:
                    self._says_unguarded = True
                    findings.say("written by airmeet: the apostrophes that it put before formulas are removed")
                if cell != text and not self.is_ours:
                    findings.cell('marked as text by an apostrophe or by ="…": the mark is removed', line, name)
                elif text[:1] == "'" and not self.is_ours:
                    findings.cell("with an apostrophe in front, read as it is", line, name)
            cells = bare
        row = dict(zip(self.columns, cells, strict=True))
        if not self.is_ours and not ABSENT.isdisjoint(cells):
            for name, text in row.items():
                if text in ABSENT:
                    findings.cell(f"with {shown(text)}, read as empty", line, name)
                    row[name] = ""
        return row

    def _fitted(self, line: int, cells: Sequence[str], findings: Findings) -> list[str]:
        for index, cell in enumerate(cells):
            if not cell.strip() or self.name(index):
                continue
            if self._strict and not any(self._names[index:]):
                # Behind the last name: as likely a row that has slipped.
                what = f"column {index + 1} holds {shown(cell, 30)} but has no name in the header; name or delete it"
                if index >= len(self._names):
                    what = f"{len(cells)} cells, but the header has {len(self._names)}; put a cell that contains the "
                    what += "delimiter in double quotes, name what has no name, or delete what is too much "
                    what += f"({shown(cell, 30)})"
                # The header may have two lines, or a title of one word above.
                if (line <= HEADER_LINES and index < len(self._names)) or len(self.columns) == 1:
                    what += f"; if this line names the columns, {self._options.spell('header', str(line))}"
                raise self._options.fault(what, line)
            if index not in findings.nameless and len(findings.nameless) < _MOST_PLACES:
                where = f"(first line {line}: {shown(cell.strip(), 30)})"
                findings.nameless[index] = f"column {index + 1} has no name in the header and is ignored {where}"
                findings.say(findings.nameless[index])
        padded = [*cells, *[""] * (len(self._names) - len(cells))]
        return [padded[index] for index in self._named]


def find_header(options: ReadOptions, records: Iterable[tuple[int, Sequence[str]]]) -> int | None:
    """Return the line of the first of some records whose cells name the columns, in the caller's judgement."""
    for line, cells in records:
        if options.is_header is None or line > HEADER_LINES:
            break
        names = [_unmarked(cell.strip()) for cell in cells]
        # A row with an address is a row, though it says "E-mail" where somebody asked how to be reached.
        if options.is_header(names) and not any(map(_ADDRESS.fullmatch, names)):
            return line
    return None


def put_down_header(reader: TableReader, options: ReadOptions, first: int, line: int) -> None:
    """Put down that the header stands below other lines, the first of which is *first*."""
    reader.reading["header"] = str(line)
    if options.header is None:
        above = f"line {first}" if first == line - 1 else f"lines {first} to {line - 1}"
        reader.notices.append(f"the column names are on line {line}; {above} above ignored")


@contextmanager
def needs(extra: str, name: str) -> Iterator[None]:
    """Import what reads a file or a frame of that name.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        yield
    except ImportError:
        message = optional_imports.needs_extra("this format", extra)
        raise ConfigError(f"{name}: {message}, or save it as CSV UTF-8") from None


# One value as text


class Flaw(str):
    """An empty text in place of a cell that cannot be read, with the reason: harmless where nobody uses its column."""

    what: str
    __slots__ = ("what",)

    def __new__(cls, what: str) -> Self:
        found = super().__new__(cls)
        found.what = what
        return found


def guard(text: str) -> str:
    """Put an apostrophe before what a spreadsheet would run as a formula.

    An apostrophe may itself stand before such text, so values that already have one get one more. That makes the rule
    reversible without a list of exceptions: `unguard` takes one away exactly where one was put.
    """
    if text[:1].isalnum():  # nearly all cells, and far cheaper than the pattern
        return text
    return "'" + text if _FORMULA.match(text) or (text[:1] == "'" and _is_guarded(text, 1)) else text


def unguard(text: str) -> str:
    """Return the value that `guard` was given, or a text without the mark that other programs put."""
    return text[1:] if text[:1] == "'" and _is_guarded(text, 1) else text


def csv_line(cells: Iterable[str], *, raw: bool = False, quoted: bool = True) -> bytes:
    """Return cells as a line of CSV. All CSV that is written comes from here.

    A NUL makes a file unreadable for most readers, ours included; no real value has one.

    Args:
        cells: The values.
        raw: Leave what a spreadsheet would run as it is.
        quoted: Every cell: OWASP asks for it, and no value can then be taken for a delimiter.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerow(cells if raw else map(guard, cells))
    return buffer.getvalue().replace("\0", "\ufffd").encode(errors="backslashreplace")


def _is_guarded(text: str, start: int) -> bool:
    return bool(_FORMULA.match(text, start) or _ADDRESS.fullmatch(text, start) or _DIGITS.fullmatch(text, start))


def _unmarked(text: str) -> str:
    found = _AS_TEXT.fullmatch(text) if text[:1] == "=" else None
    if found:
        return found[1].replace('""', '"')
    within = _IN_APOSTROPHES.fullmatch(text)  # as databases quote
    return within[1].replace("''", "'") if within else unguard(text)


def tidy(value: Any) -> str:
    """Return one value as a text of one line, stripped. No Unicode form, no case is changed."""
    if type(value) is str and value.isprintable():  # nearly always: no line ends, tabs or invisible characters in it
        return value.strip()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, Enum):
        value = value.value
    text = re.sub(r"[\t\r\n\v\f]+", " ", value if isinstance(value, str) else str(value)).strip()
    text = _INVISIBLE_ENDS.sub("", text)
    return "" if text and all(unicodedata.category(character) == "Cf" for character in text) else text


def text_of(value: Any) -> str:
    """Return a value as the text of a cell: nothing for None, NaN and their like, dates in ISO form."""
    if isinstance(value, str):
        return value
    if type(value) is int:
        return str(value)
    if value is None or type(value).__name__ == "NAType":  # pandas' own None, which is neither true nor false
        return ""
    if isinstance(value, (bytes, bytearray, list, tuple, dict, set)) or getattr(value, "shape", None):  # also arrays
        kind = type(value).__name__
        return Flaw(f"holds a value of type {kind}, which is no text, number, truth value or time; turn it to text")
    if value != value:  # noqa: PLR0124 - NaN and NaT are unlike themselves
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return plain_number(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if isinstance(value, datetime):
        is_day = value.tzinfo is None and value.time() == time()
        return value.date().isoformat() if is_day else value.isoformat(timespec="seconds")
    if isinstance(value, time):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else str(value)


def plain_number(value: float) -> str:
    """Return ``12`` for 12.0, and else what a spreadsheet shows in a wide cell."""
    if value.is_integer() and abs(value) < 10.0 ** (_MOST_DIGITS + 1):
        return str(int(value))
    return f"{value:.{_MOST_DIGITS}G}"


# Messages


def shown(text: str, limit: int = 60) -> str:
    """Return text in double quotes for a message: one line, no control characters, not too long."""
    return json.dumps(text if len(text) <= limit else text[: limit - 1] + "…", ensure_ascii=False)


def listed(words: Sequence[str], more: int = 0) -> str:
    """Return ``a, b and 3 more``."""
    return ", ".join(words) + (f" and {more:,} more" if more else "")


def brief(error: BaseException) -> str:
    """Return what a library says of a file, in one line that is not too long."""
    return " ".join(str(error).split())[:80] or type(error).__name__


def fault(message: str, *, path: str, line: int | None = None, column: str | None = None) -> InputError:
    """Return the error that says where and what; the place is in its sentence and in its attributes."""
    where = path
    if line is not None:
        where += f", line {line}"
    if column is not None:
        where += f", column {shown(column)}"
    return InputError(f"{where}: {message}", path=path, line=line, column=column)
