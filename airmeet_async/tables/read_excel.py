"""Workbooks: .xlsx row by row, the numbers as openpyxl says their formats show them; .xls, .xlsb, .ods by calamine.

Rules:

1. Only parts that are needed are looked at: the list of sheets, the texts, the formats and the one sheet. A drawing or
   a comment that is broken hurts nobody. Their names are compared without regard to case and slashes.
2. The directory of the archive is looked at first, and bounds what is unpacked.
3. What calamine cannot tell (hidden rows, errors, formats of numbers) is said once, since somebody may rely on it.

The XML of an .xlsx is read here. openpyxl's `WorkSheetParser` finds no row under the namespace of strict workbooks,
cannot tell a formula without a result from an empty cell, and fails for filters, views and page setups it does not
know; its stylesheet fails for fonts, fills and colours. None of these matter to a list of people.
What calamine reads is held in memory and bounded by its size alone, so .xls, .xlsb and .ods are not for files of
strangers.
"""

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from itertools import islice, takewhile
from pathlib import Path
from posixpath import join, normpath
from re import DOTALL, findall, split
from typing import Any, TypeAlias
from xml.etree.ElementTree import Element, ParseError, iterparse

from attrs import frozen

from airmeet_async.errors import AirmeetError
from airmeet_async.formatting import counted, many
from airmeet_async.tables.cells import (
    COLUMN_LIMIT,
    HEADER_LINES,
    Findings,
    Flaw,
    Header,
    ReadOptions,
    TableReader,
    brief,
    find_header,
    listed,
    needs,
    put_down_header,
    shown,
    text_of,
)

# Most parts.
PART_LIMIT = 10_000
# Most bytes of all parts together, unpacked; a quarter of it where calamine holds them in memory.
SIZE_LIMIT = 2 * 1024**3
# Most that what is held in memory may shrink by packing; Apache POI has the same limit. Small parts are let off.
RATIO_LIMIT = 100
# Most bytes that the shared texts of a workbook may take in memory, about.
TEXTS_LIMIT = 512 * 1024**2

_SMALL = 1024 * 1024
_LAST_DAY = 2_958_466  # the one after 9999-12-31
_HOSTILE = "no spreadsheet program writes that, so it is not opened; save it again in one, or as CSV UTF-8"
_ANEW = "open it in a spreadsheet program and save it again, or as CSV UTF-8"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, ValueError, ParseError, LookupError,
           RuntimeError)  # fmt: skip
_PIECE = r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]|.'
_DATES = frozenset((*range(27, 37), *range(50, 59)))  # built in for East Asia: ECMA-376, 18.8.30
_MOST_NAMED = 10  # sheets or columns in a message
_MOST_PLACES = 3
_Book: TypeAlias = "XlsxWorkbook | CalamineWorkbook"
_Rows = Iterator[tuple[int, dict[int, str]]]


@frozen
class Sheet:
    """A sheet of a workbook: its name, whether it has no tab, and its part or its number."""

    name: str
    is_hidden: bool
    place: Any


class ExcelReader(TableReader):
    """How to read one sheet of a workbook; see `TableReader`. A row's line is its number in the sheet."""

    notices: list[str]
    columns: tuple[str, ...]
    reading: dict[str, str]

    def __init__(self, options: ReadOptions, kind: str) -> None:
        self._options = options
        self._kind = kind
        self.notices = []
        with self._opened() as book:
            self._sheet = sheet = self._chosen(book)
            last = max(HEADER_LINES, options.header or 0)
            rows = self._filled(book, sheet, Findings())
            head = [*islice(rows, 1), *takewhile(lambda row: row[0] <= last, rows)]
        if not head:
            raise options.fault(f"sheet {shown(sheet.name)} is empty; its first row must name the columns")
        self._line = options.header or find_header(options, head) or head[0][0]
        cells = dict(head).get(self._line)
        if cells is None:
            what = f"row {self._line} of sheet {shown(sheet.name)}, given as the line of column names, is empty"
            raise options.fault(what)
        self._header = Header(options, self._line, cells, strict=False)
        self.columns = self._header.columns
        self.reading = {"sheet": sheet.name}
        if head[0][0] < self._line:
            put_down_header(self, options, head[0][0], self._line)

    def rows(self, findings: Findings) -> Iterator[tuple[int, dict[str, str]]]:
        """Yield each row's number in the sheet and its cells by column."""
        self._header.begin(findings)
        with self._opened() as book:
            for line, cells in self._filled(book, self._sheet, findings):
                if line > self._line:
                    yield line, self._header.row(line, cells, findings)

    def _filled(self, book: _Book, sheet: Sheet, findings: Findings) -> Iterator[tuple[int, list[str]]]:
        """Yield the number and the cells of each row that has any text."""
        for number, cells in book.rows(sheet, findings):
            last = max(cells)
            if last > COLUMN_LIMIT:
                cell = f"{_letters(last)}{number}"
                what = f"sheet {shown(sheet.name)}: cell {cell} is beyond the {COLUMN_LIMIT:,} columns that are read"
                raise self._options.fault(f"{what}; delete it", number)
            yield number, [cells.get(n, "") for n in range(1, last + 1)]

    @contextmanager
    def _opened(self) -> Iterator[_Book]:
        kind = XlsxWorkbook if self._kind == "xlsx" else CalamineWorkbook
        try:
            with nullcontext() if self._kind == "xls" else Archive(self._options) as archive:
                yield kind(self._options, archive)
        except (AirmeetError, GeneratorExit):
            raise
        except BaseException as error:
            # Rust panics where it does not know what to do; that is no Exception.
            if not isinstance(error, _BROKEN) and type(error).__module__ not in ("python_calamine", "pyo3_runtime"):
                raise
            if "password" in f"{type(error).__name__} {error}".lower():
                raise self._options.fault("is protected by a password; save it without one") from None
            raise self._options.fault(f"is a damaged workbook ({brief(error)}); {_ANEW}") from None

    def _chosen(self, book: _Book) -> Sheet:
        sheets, word = book.sheets, self._options.sheet
        aside: list[str] = []
        if word is not None:
            found = [sheet for sheet in sheets if sheet.name == word]
            folded = [sheet for sheet in sheets if sheet.name.strip().casefold() == word.strip().casefold()]
            found = found or (folded if len(folded) == 1 else [])
            if not found and word.isascii() and word.isdigit():
                found = sheets[max(0, int(word) - 1) : int(word)]
            if not found:
                raise self._options.fault(f"has no sheet {shown(word)}; its sheets are {_names(sheets)}")
        else:
            visible = [sheet for sheet in sheets if not sheet.is_hidden]
            hidden = _names([sheet for sheet in sheets if sheet.is_hidden])
            found = [sheet for sheet in visible if next(self._filled(book, sheet, Findings()), None)]
            if not found:
                but = f" that is visible (hidden: {hidden}, which you can name)" if hidden else ""
                raise self._options.fault(f"has no rows in any sheet{but}")
            if len(found) > 1:
                # The advice names the first that has what is wanted.
                likely = (sheet for sheet in found if find_header(self._options, self._filled(book, sheet, Findings())))
                which = self._options.spell("sheet", next(likely, found[0]).name)
                raise self._options.fault(f"{len(found)} sheets have rows: {_names(found)}; choose one: {which}")
            aside += [counted(len(visible) - 1, "empty sheet")] if len(visible) > 1 else []
            aside += [f"hidden: {hidden}"] if hidden else []
        passed = f" (skipped: {', '.join(aside)})" if aside else ""
        self.notices.append(f"sheet {shown(found[0].name)}; line numbers are its rows{passed}")
        return found[0]


def _names(sheets: Sequence[Sheet]) -> str:
    return listed([shown(sheet.name) for sheet in sheets[:_MOST_NAMED]], max(0, len(sheets) - _MOST_NAMED))


def _letters(column: int) -> str:
    from openpyxl.utils import get_column_letter

    return get_column_letter(column)


def _merged_notice(n: int) -> str:
    return f"{counted(n, 'merged area')}: only the first cell of each has a value, the others are empty"


class Archive(zipfile.ZipFile):
    """A zip file that finds a part whatever the case and the slashes of its name; of two equal ones the first.

    Raises:
        InputError: It is damaged, or unpacks to too much.
    """

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        try:
            super().__init__(options.open())
        except _BROKEN as error:
            raise options.fault(f"is a damaged workbook or zip file ({brief(error)}); {_ANEW}") from None
        parts = self.infolist()
        size = sum(part.file_size for part in parts)
        if len(parts) > PART_LIMIT or size > SIZE_LIMIT:
            raise options.fault(f"has {len(parts):,} parts and unpacks to {size:,} bytes, too much; {_HOSTILE}")
        self.parts: dict[str, zipfile.ZipInfo] = {}
        for part in parts:
            self.parts.setdefault(_folded(part.filename), part)

    def check_ratio(self, part: zipfile.ZipInfo) -> None:
        """Refuse a part that is to be held in memory and grows too much."""
        if part.file_size > max(_SMALL, part.compress_size * RATIO_LIMIT):
            times = part.file_size // max(1, part.compress_size)
            what = f"its part {shown(part.filename)} grows {times:,} times when unpacked"
            raise self._options.fault(f"{what}, more than the limit of {RATIO_LIMIT}; {_HOSTILE}")

    def elements(self, name: str, *wanted: str, in_memory: bool = True) -> Iterator[Element]:
        """Yield the elements of some names as they are unpacked; nothing of a part that is not there."""
        part = self.parts.get(_folded(name))
        if part is None:
            return
        if in_memory:
            self.check_ratio(part)
        with self.open(part) as file:
            if b"<!DOCTYPE" in file.read(1024):
                what = f"its part {shown(name)} declares a document type or entities; {_HOSTILE}"
                raise self._options.fault(what)
            file.seek(0)
            parents: list[Element] = []
            for event, element in iterparse(file, ("start", "end")):  # noqa: S314 - no document type, and bounded
                if event == "start":
                    parents.append(element)
                    continue
                parents.pop()
                if element.tag.rpartition("}")[2] in wanted:
                    yield element
                    parents[-1].clear()  # else a million rows stay in memory

    def links(self, part: str) -> dict[str, tuple[str, str]]:
        """Return what a part refers to: the kind and the part, by id."""
        folder, _, name = part.rpartition("/")
        found = {}
        for link in self.elements(join(folder, "_rels", f"{name}.rels"), "Relationship"):
            if link.get("TargetMode") != "External":
                target = normpath(join("/", folder, link.get("Target", "").replace("\\", "/")))
                found[link.get("Id", "")] = (link.get("Type", "").rpartition("/")[2], target)
        return found


def _folded(name: str) -> str:
    return name.replace("\\", "/").lstrip("/").casefold()


class XlsxWorkbook:
    """An .xlsx or .xlsm workbook that is open. Its sheets are in order, without charts."""

    def __init__(self, options: ReadOptions, archive: Any) -> None:
        self._options = options
        self._archive: Archive = archive
        with needs("excel", options.name):
            from openpyxl.styles import numbers
            from openpyxl.utils import column_index_from_string, datetime, escape
        self._numbers, self._datetime, self._unescape = numbers, datetime, escape.unescape
        self._column = column_index_from_string
        mains = (part for kind, part in archive.links("").values() if kind == "officeDocument")
        main = next(mains, "xl/workbook.xml")
        links = archive.links(main)
        self._linked = dict(links.values())
        self._texts: list[str] | None = None  # read when a sheet is
        self._formats: list[Callable[[float], str]] = []
        self._epoch = self._datetime.CALENDAR_WINDOWS_1900
        self.sheets: list[Sheet] = []
        for element in archive.elements(main, "workbookPr", "sheet"):
            if element.tag.endswith("workbookPr"):
                if element.get("date1904") in ("1", "true"):
                    self._epoch = self._datetime.CALENDAR_MAC_1904
                continue
            link = next((value for key, value in element.items() if key.rpartition("}")[2] == "id"), "")
            kind, part = links.get(link, ("worksheet", ""))
            if kind == "worksheet":
                self.sheets.append(Sheet(element.get("name", ""), element.get("state", "visible") != "visible", part))

    def rows(self, sheet: Sheet, findings: Findings) -> _Rows:
        """Yield the number of each row that has any text, and its cells that have some by column, from 1."""
        if _folded(sheet.place) not in self._archive.parts:
            raise self._options.fault(f"lists a sheet {shown(sheet.name)} that is not in the file; {_ANEW}")
        if self._texts is None:
            self._texts = list(self._shared_texts())
            self._formats = list(self._number_formats())
        number = merged = hidden = 0
        first: list[str] = []
        for element in self._archive.elements(sheet.place, "row", "mergeCell", in_memory=False):
            if element.tag.endswith("mergeCell"):
                merged += 1
                continue
            last, number, column = number, int(element.get("r") or number + 1), 0
            if number < last or number < 1:  # it would be taken for one above the header, and people would be lost
                what = f"sheet {shown(sheet.name)}: a row {number} stands below row {last}; {_ANEW}"
                raise self._options.fault(what, number)
            cells: dict[int, str] = {}
            for cell in element:
                letters = cell.get("r", "").rstrip("0123456789")
                column = self._column(letters) if letters else column + 1
                text = self._cell(cell)
                if type(text) is not str or text.strip():
                    cells[column] = text
            if not cells:
                continue
            if element.get("hidden") in ("1", "true"):
                hidden += 1
                first += [str(number)] if hidden <= _MOST_PLACES else []
            yield number, cells
        if merged:
            findings.say(_merged_notice(merged))
        if hidden:
            lines = f"{many('line', hidden)} {listed(first, hidden - len(first))}"
            findings.say(f"{counted(hidden, 'hidden or filtered row')} read like all other rows ({lines})")

    def _cell(self, cell: Element) -> str:
        kind = cell.get("t", "n")
        text, has_formula = "", False
        for child in cell:
            tag = child.tag.rpartition("}")[2]
            if tag == "f":
                has_formula = True
            elif tag == "is" or (tag == "v" and kind != "inlineStr"):
                text = _rich_text(child) if tag == "is" else child.text or ""
        if not text:
            is_lost = has_formula and kind != "str"
            return Flaw(
                "holds a formula whose result is not in the file; save the file in a spreadsheet program, or "
                "replace formulas by values"
            ) if is_lost else ""  # fmt: skip
        if kind == "n":
            style = int(cell.get("s", "0"))
            return self._formats[style](float(text)) if style < len(self._formats) else text_of(float(text))
        if kind == "e":
            return Flaw(f"holds the error {shown(text, 20)}; correct its formula, or empty the cell")
        if kind == "s":
            texts = self._texts or []
            if not 0 <= int(text) < len(texts):
                return Flaw(f"refers to a text that is missing; {_ANEW}")
            return texts[int(text)]
        if kind == "d":  # of a strict workbook
            with suppress(ValueError):
                return text_of(self._datetime.from_ISO8601(text))  # type: ignore[no-untyped-call]
        if kind == "b":
            return "TRUE" if text.strip() in ("1", "true") else "FALSE"
        return str(self._unescape(text))

    def _shared_texts(self) -> Iterator[str]:
        size = n = 0
        for element in self._archive.elements(self._linked.get("sharedStrings", ""), "si"):
            text = self._unescape(_rich_text(element))
            n, size = n + 1, size + len(text) + 60  # 60: what an object takes
            if size > TEXTS_LIMIT:
                raise self._options.fault(f"has more than {n:,} different texts, which need too much memory; {_ANEW}")
            yield text

    def _number_formats(self) -> Iterator[Callable[[float], str]]:
        """Yield how each style shows a number."""
        codes, numbers = dict(self._numbers.BUILTIN_FORMATS), []
        for element in self._archive.elements(self._linked.get("styles", ""), "numFmt", "cellXfs"):
            if element.tag.endswith("numFmt"):
                codes[int(element.get("numFmtId", "0"))] = element.get("formatCode", "")
            else:
                numbers = [int(style.get("numFmtId", "0")) for style in element]
        for number in numbers:
            code = codes.get(number, "General")
            is_elapsed = self._numbers.is_timedelta_format(code)
            if is_elapsed or number in _DATES or self._numbers.is_date_format(code):
                yield partial(self._moment, is_elapsed)
            else:
                yield partial(as_shown, code)

    def _moment(self, is_elapsed: bool, value: float) -> str:  # noqa: FBT001
        is_moment = 0 <= value < _LAST_DAY
        day = self._datetime.from_excel(value, self._epoch, is_elapsed) if is_moment else value
        return text_of(day)


def _rich_text(element: Element) -> str:
    """Return a text of one or several styles, without how it is pronounced."""
    if len(element) == 1 and element[0].tag.endswith("t"):  # nearly always
        return element[0].text or ""
    return "".join(part.text or "" for part in (*element.iterfind("{*}t"), *element.iterfind("{*}r/{*}t")))


def as_shown(code: str, value: float) -> str:
    """Return a number as its format shows it where that says how an id is written: zeros in front, groups, texts, %.

    Decimal places and thousands are left to who reads the number: their signs differ from country to country.
    """
    if code == "General":
        return text_of(value)
    sections = split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', code)  # outside quotes
    if len(sections) > 1 and value < 0:
        code, value = sections[1], -value
    else:
        code = sections[2] if len(sections) > 2 and value == 0 else sections[0]
    tokens = findall(_PIECE, code, DOTALL)
    if "%" in tokens:
        return f"{text_of(round(value * 100, 10))}%"
    places = sum(map(tokens.count, "0#?"))
    if not places or abs(value) >= 1e15 or any(one in "./,Ee@" or one[:2] in ("[<", "[>", "[=") for one in tokens):
        return text_of(value)
    digits = str(int(abs(value) + 0.5)) if value else ""
    found = ""
    for one in reversed(tokens):
        if one in "0#?":
            places -= 1
            taken = digits[-1:] if places else digits
            digits = digits[:-1]
            found = (taken or {"0": "0", "?": " "}.get(one, "")) + found
        elif one[:2] == "[$":  # a currency and a language: [$€-407]
            found = one[2:-1].partition("-")[0] + found
        elif one[0] not in "[_*":  # a colour, a blank as wide as what follows, a filling
            found = (one[1:-1] if one[0] == '"' else one.removeprefix("\\")) + found
    return ("-" if value < 0 else "") + found.strip()


class CalamineWorkbook:
    """An .xls, .xlsb or .ods workbook, which is held in memory. Its sheets are in order, without charts."""

    sheets: list[Sheet]

    def __init__(self, options: ReadOptions, archive: Archive | None) -> None:
        self._options = options
        with needs("excel", options.name):
            import python_calamine
        if archive:
            for part in archive.infolist():
                if part.filename.endswith((".xml", ".bin")):
                    archive.check_ratio(part)
        if Path(options.path).stat().st_size > SIZE_LIMIT // 4:
            raise options.fault(f"is larger than {SIZE_LIMIT // 4:,} bytes; save it as .xlsx or CSV UTF-8")
        self._book = python_calamine.load_workbook(options.open())
        self.sheets = [
            Sheet(sheet.name, not str(sheet.visible).endswith(".Visible"), index)
            for index, sheet in enumerate(self._book.sheets_metadata) if str(sheet.typ).endswith("WorkSheet")
        ]  # fmt: skip

    def rows(self, sheet: Sheet, findings: Findings) -> _Rows:
        """Yield the number of each row that has any text, and its cells that have some by column, from 1."""
        content = self._book.get_sheet_by_index(sheet.place)
        numbers: dict[int, str] = {}
        for number, values in enumerate(content.iter_rows(), 1):
            cells = {n: text for n, value in enumerate(values, 1) if (text := text_of(value)).strip()}
            for column, value in enumerate(values, 1) if len(numbers) < len(values) else ():
                if type(value) in (float, int):
                    numbers.setdefault(column, f"(first line {number}: {shown(cells[column])})")
            if cells:
                yield number, cells
        if merged := content.merged_cell_ranges:
            findings.say(_merged_notice(len(merged)))
        findings.say(
            "this workbook format does not show hidden rows, filtered rows or cell errors: all rows are read, "
            "and an error becomes an empty cell"
        )  # fmt: skip
        if numbers:
            columns = listed([_letters(column) for column in sorted(numbers)][:_MOST_NAMED])
            findings.say(
                f"column {columns} has numbers, which are read without their formats: leading zeros, as in "
                f"postcodes, are missing {next(iter(numbers.values()))}"
            )  # fmt: skip
