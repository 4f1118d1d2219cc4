"""An .xlsx workbook: which sheets it has, and what their cells refer to.

It is parsed here, not by calamine, for three reasons, all measured or looked up with calamine 0.9.1: it holds a whole
sheet in memory, it reads an error such as #REF! as an empty cell, and two cells far apart make it end the process
(tafia/calamine issue 693).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from posixpath import dirname, join, normpath

from attrs import frozen

from airmeet_async.bulk.table_cells import fault
from airmeet_async.bulk.table_package import Package
from airmeet_async.bulk.table_sheet import Book, Sheet, Texts
from airmeet_async.bulk.table_values import Formats


@frozen
class SheetName:
    """A sheet of a workbook.

    Attributes:
        name: As on its tab.
        hidden: It has no tab.
        part: Where it is in the file.
    """

    name: str
    hidden: bool
    part: str = ""


class Xlsx:
    """An .xlsx or .xlsm workbook that is open.

    Attributes:
        sheets: Its sheets in order, without charts.
    """

    def __init__(self, book: Book, sheets: tuple[SheetName, ...]) -> None:
        self.sheets = sheets
        self._book = book

    def rows(self, sheet: SheetName) -> Sheet:
        """Return the rows of a sheet, to be read once."""
        return Sheet(self._book, sheet.name, sheet.part)


@contextmanager
def open_xlsx(path: str) -> Iterator[Xlsx]:
    """Open a workbook that has been looked at.

    Raises:
        InputError: It is damaged, or built to do harm.
    """
    with Package(path) as package:
        package.check_parts()
        links = _links(package, "")
        main = next((part for kind, part in links.values() if kind == "officeDocument"), "xl/workbook.xml")
        if main not in package.parts:
            raise fault("is a zip file, but no workbook; name the workbook itself", path=path)
        links = _links(package, main)
        sheets, from_1904 = _sheets(package, main, links)
        parts = dict(links.values())
        texts = Texts(package, parts.get("sharedStrings", ""))
        try:
            formats = _formats(package, parts.get("styles", ""), from_1904=from_1904)
            yield Xlsx(Book(package, texts, formats), sheets)
        finally:
            texts.close()


def _links(package: Package, part: str) -> dict[str, tuple[str, str]]:
    """Return what a part refers to: the kind and the part, by id."""
    folder = dirname(part)
    name = join(folder, "_rels", f"{part.rpartition('/')[2]}.rels")
    found: dict[str, tuple[str, str]] = {}
    for tag, facts in package.tags(name) if name in package.parts else ():
        if tag == "Relationship" and facts.get("TargetMode") != "External":
            target = normpath(join("/", folder, facts.get("Target", ""))).lstrip("/")
            found[facts.get("Id", "")] = (facts.get("Type", "").rpartition("/")[2], target)
    return found


def _sheets(package: Package, main: str, links: dict[str, tuple[str, str]]) -> tuple[tuple[SheetName, ...], bool]:
    sheets, from_1904 = [], False
    for tag, facts in package.tags(main):
        if tag == "workbookPr":
            from_1904 = facts.get("date1904") in ("1", "true")
        if tag == "sheet":
            key = next((value for name, value in facts.items() if name.endswith(":id")), "")
            kind, part = links.get(key, ("", ""))
            if kind == "worksheet" and part in package.parts:
                sheets.append(SheetName(facts.get("name", ""), facts.get("state", "visible") != "visible", part))
    return tuple(sheets), from_1904


def _formats(package: Package, part: str, *, from_1904: bool) -> Formats:
    codes: dict[int, str] = {}
    styles: list[int] = []
    inside = False
    for tag, facts in package.tags(part) if part in package.parts else ():
        if tag == "numFmt":
            codes[int(facts.get("numFmtId", "0"))] = facts.get("formatCode", "")
        elif tag.endswith("Xfs") or tag == "cellStyles":
            inside = tag == "cellXfs"
        elif tag == "xf" and inside:
            styles.append(int(facts.get("numFmtId", "0")))
    return Formats.of(styles, codes, from_1904=from_1904)
