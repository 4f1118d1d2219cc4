"""Workbooks: .xlsx row by row, the numbers as openpyxl says their formats show them; .xls, .xlsb, .ods by calamine.

Rules:

1. Only parts that are needed are looked at: the list of sheets, the texts, the formats and the one sheet. A drawing or
   a comment that is broken hurts nobody. Their names are compared without regard to case and slashes.
2. The directory of the archive is looked at first, and bounds what is unpacked.
3. What calamine cannot tell (hidden rows, errors, formats of numbers) is said once, since somebody may rely on it.

The parts of an .xlsx are read here, since openpyxl's own reader leaves out, without a word, a sheet whose part is
spelled differently, refuses files for parts that nobody reads, and does not tell hidden rows, merged cells and formulas
without a result when it reads row by row. calamine would hold the sheet in memory and give an error as an empty cell.
These workbooks come from the user's own spreadsheet program: none of this is meant for files of strangers.
"""

import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import takewhile
from posixpath import dirname, join, normpath
from typing import Any
from xml.etree.ElementTree import Element, ParseError, iterparse

from attrs import frozen

from airmeet_async.errors import AirmeetError, ConfigError
from airmeet_async.tables.cells import (
    CELL_LIMIT,
    COLUMN_LIMIT,
    HEADER_LINES,
    Findings,
    Flaw,
    Header,
    ReadOptions,
    counted,
    find_header,
    header_notice,
    listed,
    plain_number,
    shown,
    text_of,
)

PART_LIMIT = 10_000
"""Most parts."""

SIZE_LIMIT = 2 * 1024**3
"""Most bytes of all parts together, unpacked; a quarter of it where calamine holds them in memory."""

RATIO_LIMIT = 100
"""Most that what is held in memory may shrink by packing; Apache POI has the same limit. Small parts are let off."""

TEXTS_LIMIT = 512 * 1024**2
"""Most bytes that the shared texts of a workbook may take in memory, about."""

_SMALL = 1024 * 1024
_LAST_DAY = 2_958_466  # the one after 9999-12-31
_HOSTILE = "no spreadsheet program writes that, so it is not opened; save it anew in one, or as CSV UTF-8"
_ANEW = "open it in a spreadsheet program and save it anew, or as CSV UTF-8"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, ParseError, KeyError,
           RuntimeError)  # fmt: skip
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")  # how a workbook writes what XML cannot hold
_TOKEN = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|[0#?]|.', re.DOTALL)
_DATES = frozenset((*range(27, 37), *range(50, 59)))  # built in for East Asia: ECMA-376, 18.8.30
_MOST_NAMED = 10


@frozen
class Sheet:
    """A sheet of a workbook: its name, whether it has no tab, and where it is."""

    name: str
    is_hidden: bool
    place: Any


class ExcelReader:
    """How to read one sheet of a workbook; see `TableReader`. A row's line is its number in the sheet."""

    def __init__(self, options: ReadOptions, kind: str) -> None:
        self._options = options
        self._kind = kind
        self.notices: list[str] = []
        with self._open() as book:
            self._sheet = sheet = self._chosen(book)
            rows = book.rows(sheet, Findings())
            head = list(takewhile(lambda row: row[0] <= max(HEADER_LINES, options.header or 0), rows))
            head = head or [row for row in [next(book.rows(sheet, Findings()), None)] if row]
        if not head:
            raise options.fault(f"sheet {shown(sheet.name)} is empty; its first row must name the columns")
        self._line = options.header or find_header(options, head) or head[0][0]
        cells = dict(head).get(self._line)
        if cells is None:
            what = f"row {self._line} of sheet {shown(sheet.name)}, which was said to name the columns, is empty"
            raise options.fault(what)
        self._header = Header(options, self._line, cells, strict=False)
        self.columns = self._header.columns
        self.reading = {"sheet": sheet.name}
        if head[0][0] < self._line:
            self.reading["header"] = str(self._line)
            if options.header is None:
                self.notices.append(header_notice(head[0][0], self._line))

    def rows(self, findings: Findings) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each row's number in the sheet and its cells by column."""
        self._header.begin(findings)
        with self._open() as book:
            for line, cells in book.rows(self._sheet, findings):
                if line > self._line:
                    yield line, self._header.row(line, cells, findings)

    def _open(self) -> "AbstractContextManager[XlsxWorkbook | CalamineWorkbook]":
        return _open_xlsx(self._options) if self._kind == "xlsx" else _open_by_calamine(self._options)

    def _chosen(self, book: "XlsxWorkbook | CalamineWorkbook") -> Sheet:
        options = self._options
        if options.sheet is not None:
            sheet = self._named(book, options.sheet)
            self.notices.append(f"sheet {shown(sheet.name)}; a line is a row of it")
            return sheet
        visible = [sheet for sheet in book.sheets if not sheet.is_hidden]
        hidden = _names([sheet for sheet in book.sheets if sheet.is_hidden])
        filled = [sheet for sheet in visible if next(book.rows(sheet, Findings()), None)]
        if len(filled) > 1:
            which = options.spell("sheet", self._likely(book, filled).name)
            raise options.fault(f"{len(filled)} sheets have rows: {_names(filled)}; say which one: {which}")
        if not filled:
            aside = f" that is not hidden (hidden: {hidden}, which can be named all the same)" if hidden else ""
            raise options.fault(f"has no rows in any sheet{aside}")
        others = [counted(len(visible) - 1, "empty sheet")] if len(visible) > 1 else []
        others += [f"hidden: {hidden}"] if hidden else []
        aside = f" (passed over: {', '.join(others)})" if others else ""
        self.notices.append(f"sheet {shown(filled[0].name)}; a line is a row of it{aside}")
        return filled[0]

    def _likely(self, book: "XlsxWorkbook | CalamineWorkbook", filled: Sequence[Sheet]) -> Sheet:
        """Return the first sheet that has what is wanted, so that the advice leads on."""
        for sheet in filled:
            rows = takewhile(lambda row: row[0] <= HEADER_LINES, book.rows(sheet, Findings()))
            if find_header(self._options, rows) is not None:
                return sheet
        return filled[0]

    def _named(self, book: "XlsxWorkbook | CalamineWorkbook", word: str) -> Sheet:
        exact = [sheet for sheet in book.sheets if sheet.name == word]
        folded = [sheet for sheet in book.sheets if sheet.name.strip().casefold() == word.strip().casefold()]
        if exact or len(folded) == 1:
            return (exact or folded)[0]
        if word.isascii() and word.isdigit() and 1 <= int(word) <= len(book.sheets):
            return book.sheets[int(word) - 1]
        raise self._options.fault(f"has no sheet {shown(word)}; its sheets are {_names(book.sheets)}")


def _names(sheets: Sequence[Sheet]) -> str:
    return listed([shown(sheet.name) for sheet in sheets[:_MOST_NAMED]], max(0, len(sheets) - _MOST_NAMED))


# The archive


@contextmanager
def check_archive(options: ReadOptions) -> Iterator[zipfile.ZipFile]:
    """Open a zip file of which nothing has been read but its directory.

    Raises:
        InputError: It is damaged, or unpacks to too much.
    """
    try:
        archive = zipfile.ZipFile(options.path)
    except _BROKEN as error:
        raise options.fault(f"is a workbook or a zip file, and damaged ({_said(error)}); {_ANEW}") from None
    with archive:
        parts = archive.infolist()
        size = sum(part.file_size for part in parts)
        if len(parts) > PART_LIMIT or size > SIZE_LIMIT:
            raise options.fault(f"has {len(parts):,} parts and unpacks to {size:,} bytes, too much; {_HOSTILE}")
        yield archive


def _check_ratio(options: ReadOptions, part: zipfile.ZipInfo) -> None:
    if part.file_size > max(_SMALL, part.compress_size * RATIO_LIMIT):
        times = part.file_size // max(1, part.compress_size)
        what = f"its part {shown(part.filename)} grows {times:,} times when it is unpacked"
        raise options.fault(f"{what}, more than the {RATIO_LIMIT} that are let pass; {_HOSTILE}")


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:80] or type(error).__name__


# .xlsx


@contextmanager
def _open_xlsx(options: ReadOptions) -> Iterator["XlsxWorkbook"]:
    with check_archive(options) as archive:
        try:
            yield XlsxWorkbook(options, archive)
        except _BROKEN as error:
            if isinstance(error, AirmeetError):
                raise
            if "password" in str(error):
                raise options.fault("is protected by a password; save it without one") from None
            raise options.fault(f"is an Excel workbook by its content, and damaged ({_said(error)}); {_ANEW}") from None


class XlsxWorkbook:
    """An .xlsx or .xlsm workbook that is open. Its sheets are in order, without charts."""

    def __init__(self, options: ReadOptions, archive: zipfile.ZipFile) -> None:
        self._options = options
        self._archive = archive
        self._parts = {_folded(part.filename): part for part in archive.infolist()}
        links = self._links("")
        main = next((part for kind, part in links.values() if kind == "officeDocument"), "xl/workbook.xml")
        links = self._links(main)
        self._linked = dict(links.values())
        self._texts: list[str] | None = None  # read when a sheet is
        self._formats: list[Callable[[float], str]] = []
        self._from_1904 = False
        self.sheets: list[Sheet] = []
        for event, tag, element in self._elements(main):
            if event == "start":
                continue
            if tag == "workbookPr":
                self._from_1904 = element.get("date1904") in ("1", "true")
            elif tag == "sheet":
                link = next((value for key, value in element.items() if key.rpartition("}")[2] == "id"), "")
                kind, part = links.get(link, ("worksheet", ""))
                if kind == "worksheet":
                    is_hidden = element.get("state", "visible") != "visible"
                    self.sheets.append(Sheet(element.get("name", ""), is_hidden, part))

    def rows(self, sheet: Sheet, findings: Findings) -> Iterator[tuple[int, list[str]]]:
        """Yield the number and the cells of each row that has any text."""
        if _folded(sheet.place) not in self._parts:
            raise self._options.fault(f"lists a sheet {shown(sheet.name)} that is not in the file; {_ANEW}")
        if self._texts is None:
            self._texts = self._shared_texts(self._linked.get("sharedStrings", ""))
            self._formats = self._number_formats(self._linked.get("styles", ""))
        number = column = merged = 0
        cells: dict[int, str] = {}
        hidden: list[str] = []
        parent: Element | None = None
        for event, tag, element in self._elements(sheet.place, is_sheet=True):
            if tag == "sheetData":
                parent = element
            elif tag == "row" and event == "start":
                number, column, cells = int(element.get("r") or number + 1), 0, {}
            elif tag == "c" and event == "end":
                column = _column_number(element.get("r")) or column + 1
                text = self._cell(element)
                if isinstance(text, Flaw) or text.strip():
                    cells[column] = text
                element.clear()
            elif tag == "row" and event == "end":
                if parent is not None:
                    parent.clear()  # else a million rows stay in memory
                if not cells:
                    continue
                if max(cells) > COLUMN_LIMIT:
                    what = f"sheet {shown(sheet.name)}: cell {_column_letters(max(cells))}{number} is beyond the "
                    raise self._options.fault(f"{what}{COLUMN_LIMIT:,} columns that are read; delete it", number)
                if element.get("hidden") in ("1", "true"):
                    hidden.append(str(number))
                yield number, [cells.get(n, "") for n in range(1, max(cells) + 1)]
            elif tag == "mergeCell" and event == "end":
                merged += 1
        if merged:
            findings.say(_merged_notice(merged))
        if hidden:
            lines = f"{'line' if len(hidden) == 1 else 'lines'} {listed(hidden[:3], max(0, len(hidden) - 3))}"
            findings.say(f"{counted(len(hidden), 'hidden or filtered row')} read like all others ({lines})")

    def _cell(self, cell: Element) -> str:
        kind = cell.get("t", "n")
        text, has_formula = "", False
        for child in cell:
            tag = _local(child.tag)
            if tag == "f":
                has_formula = True
            elif tag == "is" or (tag == "v" and kind != "inlineStr"):
                text = _rich_text(child) if tag == "is" else child.text or ""
        if not text:
            is_lost = has_formula and kind != "str"
            return Flaw("holds a formula whose result is not in the file; open it in a spreadsheet program and save "
                        "it, or put the values in its place") if is_lost else ""  # fmt: skip
        if kind == "s":
            texts = self._texts or []
            if not 0 <= int(text) < len(texts):
                return Flaw(f"refers to a text that is not there; {_ANEW}")
            text = texts[int(text)]
        elif kind == "n":
            style = int(cell.get("s", "0"))
            text = self._formats[style](float(text)) if style < len(self._formats) else plain_number(float(text))
        elif kind == "b":
            text = "TRUE" if text.strip() in ("1", "true") else "FALSE"
        elif kind == "e":
            return Flaw(f"holds the error {shown(text, 20)}; mend its formula, or empty the cell")
        elif kind != "d":
            text = _unescaped(text)
        return text if len(text) <= CELL_LIMIT else Flaw(f"is longer than {CELL_LIMIT:,} characters; shorten it")

    def _elements(self, name: str, *, is_sheet: bool = False) -> Iterator[tuple[str, str, Element]]:
        """Yield event, local name and element of a part as it is unpacked; nothing of a part that is not there."""
        part = self._parts.get(_folded(name))
        if part is None:
            return
        if not is_sheet:  # which is read row by row
            _check_ratio(self._options, part)
        with self._archive.open(part) as file:
            if b"<!DOCTYPE" in file.read(1024):
                what = f"its part {shown(name)} declares a document type or entities; {_HOSTILE}"
                raise self._options.fault(what)
            file.seek(0)
            for event, element in iterparse(file, ("start", "end")):  # noqa: S314 - no document type, and bounded
                yield event, _local(element.tag), element

    def _links(self, part: str) -> dict[str, tuple[str, str]]:
        """Return what a part refers to: the kind and the part, by id."""
        folder = dirname(part)
        found = {}
        for event, tag, element in self._elements(join(folder, "_rels", f"{part.rpartition('/')[2]}.rels")):
            if event == "end" and tag == "Relationship" and element.get("TargetMode") != "External":
                target = normpath(join("/", folder, element.get("Target", "").replace("\\", "/"))).lstrip("/")
                found[element.get("Id", "")] = (element.get("Type", "").rpartition("/")[2], target)
        return found

    def _shared_texts(self, name: str) -> list[str]:
        texts: list[str] = []
        size = 0
        root: Element | None = None
        for event, tag, element in self._elements(name):
            root = element if root is None else root
            if event == "end" and tag == "si":
                text = _rich_text(element)
                texts.append(_unescaped(text))
                root.clear()
                if (size := size + len(text) + 60) > TEXTS_LIMIT:  # 60: what an object takes
                    what = f"has more than {len(texts):,} different texts, which take too much memory; {_ANEW}"
                    raise self._options.fault(what)
        return texts

    def _number_formats(self, name: str) -> list[Callable[[float], str]]:
        """Return how each style shows a number."""
        codes: dict[int, str] = {}
        found: list[int] = []
        is_inside = False
        for event, tag, element in self._elements(name):
            if tag == "cellXfs":
                is_inside = event == "start"
            elif event == "end" and tag == "numFmt":
                codes[int(element.get("numFmtId", "0"))] = element.get("formatCode", "")
            elif event == "end" and tag == "xf" and is_inside:
                found.append(int(element.get("numFmtId", "0")))
        return [_number_format(number, codes.get(number), from_1904=self._from_1904) for number in found]


def _folded(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").casefold()


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


def _rich_text(element: Element) -> str:
    """Return a text of one or several styles, without how it is pronounced."""
    parts = []
    for child in element:
        tag = _local(child.tag)
        if tag == "t":
            parts.append(child.text or "")
        elif tag == "r":
            parts += [more.text or "" for more in child if _local(more.tag) == "t"]
    return "".join(parts)


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _column_number(place: str | None) -> int:
    """Return 28 for ``AB7``."""
    number = 0
    for letter in (place or "").rstrip("0123456789"):
        number = number * 26 + ord(letter) - 64
    return number


def _column_letters(number: int) -> str:
    letters = ""
    while number:
        number, rest = divmod(number - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _merged_notice(n: int) -> str:
    return f"{counted(n, 'merged area')}: only the first cell of one has a value, its others are empty"


# Numbers as they are shown


def _number_format(number: int, code: str | None, *, from_1904: bool) -> Callable[[float], str]:
    """Return what shows a number in a format, given by its number and, if it is not built in, by its code."""
    try:
        from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
        from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel
    except ImportError:
        message = "reading .xlsx needs openpyxl; pip install 'airmeet-async[excel]', or save the file as CSV UTF-8"
        raise ConfigError(message) from None
    code = BUILTIN_FORMATS.get(number, "General") if code is None else code
    if not (number in _DATES or is_date_format(code) or is_timedelta_format(code)):
        return partial(as_shown, code)
    epoch = CALENDAR_MAC_1904 if from_1904 else CALENDAR_WINDOWS_1900
    is_elapsed = is_timedelta_format(code)

    def moment(value: float) -> str:
        if not 0 <= value < _LAST_DAY:
            return plain_number(value)
        return text_of(from_excel(value, epoch, timedelta=is_elapsed))

    return moment


def as_shown(code: str, value: float) -> str:
    """Return a number as its format shows it where that says how an id is written: zeros in front, groups, texts, %.

    Decimal places and thousands are left to who reads the number: their signs differ from country to country.
    """
    sections = [[]]  # type: list[list[str]]
    for one in _TOKEN.findall(code):
        if one == ";":
            sections.append([])
        else:
            sections[-1].append(one)
    tokens = sections[0]
    if len(sections) > 1 and value < 0:
        tokens, value = sections[1], -value
    elif len(sections) > 2 and value == 0:
        tokens = sections[2]
    if "%" in tokens:
        return f"{plain_number(round(value * 100, 10))}%"
    places = sum(map(tokens.count, "0#?"))
    if not places or abs(value) >= 1e15 or any(one in "./,Ee@" or one[:2] in ("[<", "[>", "[=") for one in tokens):
        return plain_number(value)
    digits = str(int(abs(value) + 0.5)) if value else ""
    found = ""
    for one in reversed(tokens):
        if one in ("0", "#", "?"):
            places -= 1
            taken = digits[-1:] if places else digits
            digits = digits[:-1]
            found = (taken or {"0": "0", "?": " "}.get(one, "")) + found
        else:
            found = _literal(one) + found
    return ("-" if value < 0 else "") + found.strip()


def _literal(token: str) -> str:
    if token[0] == "[":  # a colour, or a currency and a language: [$€-407]
        return token[2:-1].partition("-")[0] if token[1] == "$" else ""
    if token[0] in "_*":  # a blank as wide as what follows, or a filling
        return ""
    return token[1:-1] if token[0] == '"' else token.removeprefix("\\")


# .xls, .xlsb, .ods


@contextmanager
def _open_by_calamine(options: ReadOptions) -> Iterator["CalamineWorkbook"]:
    try:
        import python_calamine
    except ImportError:
        message = f"{options.name}: reading this kind of workbook needs python-calamine; "
        raise ConfigError(message + "pip install 'airmeet-async[excel]', or save it as .xlsx") from None
    with open(options.path, "rb") as file:  # noqa: PTH123
        is_archive = file.read(2) == b"PK"
    if is_archive:
        with check_archive(options) as archive:
            for part in archive.infolist():
                if part.filename.endswith((".xml", ".bin")):
                    _check_ratio(options, part)
    if os.stat(options.path).st_size > SIZE_LIMIT // 4:  # noqa: PTH116
        raise options.fault(f"is larger than {SIZE_LIMIT // 4:,} bytes; save it as .xlsx or CSV UTF-8")
    try:
        yield CalamineWorkbook(options, python_calamine.load_workbook(options.path))
    except python_calamine.PasswordError:
        raise options.fault("is protected by a password; save it without one") from None
    except (python_calamine.CalamineError, *_BROKEN) as error:
        if isinstance(error, AirmeetError):
            raise
        raise options.fault(f"is damaged ({_said(error)}); {_ANEW}") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # what Rust raises where it does not know what to do
            raise
        raise options.fault(f"is damaged ({_said(RuntimeError(str(error)))}); {_ANEW}") from None


class CalamineWorkbook:
    """A workbook that is held in memory. Its sheets are in order, without charts."""

    def __init__(self, options: ReadOptions, book: Any) -> None:
        self._options = options
        self._book = book
        self.sheets = [
            Sheet(sheet.name, not str(sheet.visible).endswith(".Visible"), index)
            for index, sheet in enumerate(book.sheets_metadata) if str(sheet.typ).endswith("WorkSheet")
        ]  # fmt: skip

    def rows(self, sheet: Sheet, findings: Findings) -> Iterator[tuple[int, list[str]]]:
        """Yield the number and the cells of each row that has any text."""
        content = self._book.get_sheet_by_index(sheet.place)
        numbers: dict[int, tuple[int, str]] = {}
        for number, values in enumerate(content.iter_rows(), 1):
            cells = [text_of(value) for value in values]
            if not any(map(str.strip, cells)):
                continue
            if len(cells) > COLUMN_LIMIT and any(map(str.strip, cells[COLUMN_LIMIT:])):
                what = f"sheet {shown(sheet.name)}: a cell is beyond the {COLUMN_LIMIT:,} columns that are read"
                raise self._options.fault(f"{what}; delete it", number)
            for index, value in enumerate(values):
                if type(value) in (float, int):
                    numbers.setdefault(index, (number, cells[index]))
                elif len(cells[index]) > CELL_LIMIT:
                    cells[index] = Flaw(f"is longer than {CELL_LIMIT:,} characters; shorten it")
            yield number, cells
        if merged := content.merged_cell_ranges:
            findings.say(_merged_notice(len(merged)))
        findings.say("in this kind of workbook it cannot be told whether a row is hidden or filtered, nor whether a "
                     "cell holds an error: all rows are read, and an error as an empty cell")  # fmt: skip
        if numbers:
            line, text = next(iter(numbers.values()))
            columns = listed([_column_letters(index + 1) for index in sorted(numbers)][:_MOST_NAMED])
            findings.say(f"column {columns} has numbers, which are read without their formats: zeros in front, such "
                         f"as those of postcodes, are not there (first line {line}: {shown(text)})")  # fmt: skip
