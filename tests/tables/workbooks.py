"""Workbooks for tests, made on the spot: by openpyxl where it can, else part by part."""

import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_LINK = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def book(path: Path, sheets: Mapping[str, Sequence[Sequence[Any]]]) -> Path:
    """Write a workbook as a spreadsheet program does."""
    made = openpyxl.Workbook()
    made.remove(front(made))
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made.save(path)
    return path


def front(made: openpyxl.Workbook) -> Any:
    """Return the sheet that a new workbook has."""
    return made.active


def parts(sheet: str, **more: str) -> dict[str, str]:
    """Return the parts of a workbook with one sheet, of which *sheet* is the XML; more ones by name."""
    links = '<Relationship Id="r1" Type="{0}/worksheet" Target="worksheets/sheet1.xml"/>'
    links += '<Relationship Id="r2" Type="{0}/sharedStrings" Target="sharedStrings.xml"/>'
    return {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}"><Relationship Id="r1" Type="{_LINK}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_LINK}"><sheets>'
        '<sheet name="People" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}">{links.format(_LINK)}</Relationships>',
        "xl/worksheets/sheet1.xml": sheet,
        **{name.replace("__", "/") + ".xml": text for name, text in more.items()},
    }


def sheet(rows: str, after: str = "") -> str:
    """Return a sheet's XML."""
    return f'<?xml version="1.0"?><worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData>{after}</worksheet>'


def texts(number: int, *cells: str) -> str:
    """Return a row of texts."""
    inside = "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in cells)
    return f'<row r="{number}">{inside}</row>'


HEAD = texts(1, "email", "first", "last")


def package(path: Path, contents: Mapping[str, str | bytes]) -> Path:
    """Write a zip file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in contents.items():
            file.writestr(name, content)
    return path


def raw(path: Path, rows: str, after: str = "", **more: str) -> Path:
    """Write a workbook with one sheet whose rows are given as XML."""
    return package(path, parts(sheet(rows, after), **more))


def ods(path: Path, rows: Sequence[Sequence[str]], before: str = "") -> Path:
    """Write a LibreOffice workbook with one sheet."""

    def cell(text: str) -> str:
        return f'<table:table-cell office:value-type="string"><text:p>{text}</text:p></table:table-cell>'

    body = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in rows)
    names = " ".join(
        f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    content = (
        f"<office:document-content {names}><office:body><office:spreadsheet>"
        f'<table:table table:name="People">{body}</table:table>'
        "</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
    return package(path, {
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "META-INF/manifest.xml": manifest,
        "content.xml": '<?xml version="1.0"?>' + before + content,
    })  # fmt: skip


def compound(path: Path, streams: Mapping[str, bytes]) -> Path:
    """Write an OLE compound file: one sector of allocations, one of names, then the streams."""
    end, free, special = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
    table, names, body = [special, end], [_entry("Root Entry", 5, end, 0, child=1)], b""
    for index, (name, content) in enumerate(streams.items(), 1):
        size = max(4096, len(content) + -len(content) % 512)  # smaller ones would go elsewhere
        first = len(table)
        table += [*range(first + 1, first + size // 512), end]
        names.append(_entry(name, 2, first, size, right=index + 1 if index < len(streams) else free))
        body += content.ljust(size, b"\0")
    names += [bytes(128)] * (4 - len(names))
    head = struct.pack("<8s16xHHHHH6xIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
                       0, 1, 1, 0, 4096, end, 0, end, 0)  # fmt: skip
    head += struct.pack("<109I", 0, *[free] * 108)
    path.write_bytes(head + struct.pack("<128I", *table, *[free] * (128 - len(table))) + b"".join(names) + body)
    return path


def _entry(name: str, kind: int, start: int, size: int, *, child: int = 0xFFFFFFFF, right: int = 0xFFFFFFFF) -> bytes:
    text = (name + "\0").encode("utf-16-le")
    return struct.pack("<64sHBBIII36xIQ", text, len(text), kind, 1, 0xFFFFFFFF, right, child, start, size)


def xls(path: Path, rows: Mapping[tuple[int, int], str | float]) -> Path:
    """Write a workbook as Excel 97 did: records in a compound file."""
    cells = b"".join(_xls_cell(place, value) for place, value in sorted(rows.items()))
    start = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0010, 0, 0, 0, 0))
    sheet_ = start + cells + _record(0x000A)
    bound = _record(0x0085, struct.pack("<IBBBB", 0, 0, 0, 6, 0) + b"People")
    first = _record(0x0809, struct.pack("<HHHHII", 0x0600, 0x0005, 0, 0, 0, 0))
    place = len(first) + len(bound) + 4
    bound = _record(0x0085, struct.pack("<IBBBB", place, 0, 0, 6, 0) + b"People")
    return compound(path, {"Workbook": first + bound + _record(0x000A) + sheet_})


def _record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _xls_cell(place: tuple[int, int], value: str | float) -> bytes:
    at = struct.pack("<HHH", *place, 0)
    if isinstance(value, str):
        return _record(0x0204, at + struct.pack("<HB", len(value), 1) + value.encode("utf-16-le"))
    return _record(0x0203, at + struct.pack("<d", value))
