"""What a file is, by the ending of its name and by its first bytes; where they disagree, its owner is told."""

import mmap
from pathlib import Path, PurePath

from airmeet_async.bulk.table_cells import fault

KINDS = {
    ".csv": "csv", ".txt": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".xlsx": "xlsx", ".xlsm": "xlsx", ".xls": "xls", ".xlsb": "xlsb", ".ods": "ods", ".parquet": "parquet",
}  # fmt: skip
"""How a file is read, by the ending of its name."""

BOOKS = frozenset(("xlsx", "xls", "xlsb", "ods"))
"""Kinds of workbook."""

_TEXTS = frozenset(("csv", "tsv", "jsonl"))
_ZIP, _EMPTY_ZIP = b"PK\x03\x04", b"PK\x05\x06"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PARQUET, _LOCKED_PARQUET = b"PAR1", b"PARE"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_PAGES = (b"<html", b"<!doctype html", b"<table", b"<?xml")
_NAMES = {
    "xlsx": "an Excel workbook (.xlsx)", "xls": "an Excel workbook (.xls)", "xlsb": "an Excel workbook (.xlsb)",
    "ods": "a LibreOffice workbook (.ods)", "parquet": "a Parquet file",
}  # fmt: skip
_OTHERS = {
    b"%PDF": "a PDF file", b"\x1f\x8b": "a gzip file: unpack it first", b"SQLite format": "a database",
    b"{\\rtf": "an RTF document",
}  # fmt: skip
_INSTEAD = "name a workbook, or save it as CSV UTF-8"


def kind_of(path: str, asked: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Return the kind of a file, and what is to be said about that.

    Args:
        path: The file.
        asked: The kind that was named; by default the ending of the name tells.

    Raises:
        InputError: It is not known, or not what it says.
    """
    ending = PurePath(path).suffix.lower()
    said = KINDS.get(ending, "") if asked is None else asked
    if said not in KINDS.values():
        what = f"unknown kind of file {ending or '(no ending)'}" if asked is None else f"unknown kind {asked}"
        raise fault(f"{what}; supported are {', '.join(KINDS)}", path=path)
    found = _content(path)
    if said in BOOKS and found in BOOKS:
        return found, () if found == said else (f"{_NAMES[found]} by its content, whatever its name says",)
    if (found or "text") == said or (not found and said in _TEXTS):
        return said, ()
    if found:
        fix = _rename(path, found, asked)
        raise fault(f"is {_NAMES[found]} by its content, and not {said}; {fix}, or save it as CSV UTF-8", path=path)
    if not Path(path).stat().st_size:
        raise fault("is empty", path=path)
    raise fault(f"is plain text by its content, and no {_NAMES[said][2:]}; {_rename(path, 'csv', asked)}", path=path)


def _rename(path: str, kind: str, asked: str | None) -> str:
    return f"pass --format {kind}" if asked else f"rename it to {PurePath(path).stem}.{kind}, or pass --format {kind}"


def _content(path: str) -> str:
    """Return the kind that the first bytes show, or nothing for what may be text.

    Raises:
        InputError: It is something else.
    """
    try:
        with Path(path).open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise fault(f"cannot be read: {error.strerror}; check the path and its permissions", path=path) from None
    if head.startswith((_ZIP, _EMPTY_ZIP)):
        return _zipped(path)
    if head.startswith(_OLE):
        return _compound(path)
    if head.startswith(_LOCKED_PARQUET):
        raise fault("is an encrypted Parquet file; write it without encryption", path=path)
    if head.startswith(_PARQUET):
        return "parquet"
    if other := next((name for start, name in _OTHERS.items() if head.startswith(start)), None):
        raise fault(f"is {other} by its content; {_INSTEAD}", path=path)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_PAGES):
        what = "is a web page or XML by its content, as some programs export under the name of a workbook"
        raise fault(f"{what}; open it in a spreadsheet program and save it as .xlsx", path=path)
    return ""


def _zipped(path: str) -> str:
    from airmeet_async.bulk.table_package import Package

    with Package(path) as package:
        if package.read("mimetype", 200).startswith(b"application/vnd.oasis.opendocument.spreadsheet"):
            return "ods"
        if "xl/workbook.bin" in package.parts:
            return "xlsb"
        if any(name.startswith("xl/") or name.endswith("/workbook.xml") for name in package.parts):
            return "xlsx"
        other = next((name for start, name in (("word/", "Word document"), ("ppt/", "presentation"))
                      if any(part.startswith(start) for part in package.parts)), "zip file")  # fmt: skip
    raise fault(f"is a {other} by its content, and no workbook; {_INSTEAD}", path=path)


def _compound(path: str) -> str:
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(_ENCRYPTED) >= 0:
            raise fault("is protected by a password; save it without one", path=path)
        if all(content.find(name.encode("utf-16-le")) < 0 for name in ("Workbook", "Book")):
            raise fault(f"is an old Office document by its content, and no workbook; {_INSTEAD}", path=path)
    return "xls"
