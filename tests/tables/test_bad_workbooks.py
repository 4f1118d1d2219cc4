"""Workbooks that are not fine, or that were built to do harm: refused with a sentence, and in little memory."""

import re
import struct
import subprocess
import sys

import openpyxl
import pytest

from airmeet_async.errors import InputError
from airmeet_async.tables.table import open_table
from tests.tables.workbooks import HEAD, book, compound, ods, package, parts, raw, sheet, texts, xls

ROW = texts(2, "a@x.de", "Al", "Fo")
FAR = '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS = f'<!DOCTYPE l [<!ENTITY l0 "lol">{LAUGHS}]>'
OUTSIDE = '<!DOCTYPE l [<!ENTITY l0 SYSTEM "file:///etc/hostname">]>'


def with_type(declared):
    return sheet(HEAD + texts(2, "&l0;", "Al", "Fo")).replace("?>", f"?>{declared}", 1)


def overlapping(path):
    """Write a directory that names one packed part twice, as the better zip bombs do."""
    package(path, {**parts(sheet(HEAD + ROW)), "xl/worksheets/sheet2.xml": "x" * 2000})
    content = path.read_bytes()
    place = content.rindex(b"xl/worksheets/sheet2.xml") - 46
    return path.write_bytes(content[: place + 42] + struct.pack("<I", 0) + content[place + 46 :])


def locked(path):
    """Set the flag that says that a part is encrypted."""
    content = bytearray(package(path, parts(sheet(HEAD + ROW))).read_bytes())
    for found in re.finditer(rb"PK\x01\x02", bytes(content)):
        content[found.start() + 8] |= 1
    path.write_bytes(content)


def wide(path):
    raw(path, texts(1, *["x"] * 16_384))


def uncalculated(path):
    book(path, {"S": [["email", "first"], ["a@x.de", "=UPPER(A2)"]]})


def two_sheets(path):
    book(path, {"Guests": [["a"], ["b"]], "O'Neill": [["a"], ["b"]]})


def only_hidden(path):
    made = openpyxl.load_workbook(book(path, {"Old": [["a"], ["b"]], "New": []}))
    made["Old"].sheet_state = "hidden"
    made.save(path)


def damaged(path):
    content = book(path, {"S": [["a", "b"], *[[str(n), "x"] for n in range(2000)]]}).read_bytes()
    at = content.index(b"xl/worksheets/sheet1.xml") + 100
    path.write_bytes(content[:at] + bytes(byte ^ 0x55 for byte in content[at : at + 200]) + content[at + 200 :])


_SPREADSHEET = "application/vnd.oasis.opendocument.spreadsheet"

# How it is made, and what the message says.
BAD = {
    "texts that grow a thousand times": (
        lambda path: raw(path, HEAD + ROW, xl__sharedStrings=f"<sst><si><t>{'x' * 5_000_000}</t></si></sst>"),
        ["sharedStrings.xml", "grows", "more than the limit of 100", "save it again"],
    ),
    "a billion laughs": (lambda path: package(path, parts(with_type(LAUGHS))), ["document type or entities"]),
    "an entity from outside": (lambda path: package(path, parts(with_type(OUTSIDE))), ["document type or entities"]),
    "a billion laughs among the shared texts": (
        lambda path: raw(path, HEAD + ROW, xl__sharedStrings=f"{LAUGHS}<sst><si><t>&l9;</t></si></sst>"),
        ["sharedStrings.xml", "document type or entities"],
    ),
    "a password": (
        lambda path: compound(path, {"EncryptionInfo": b"x", "EncryptedPackage": b"y"}),
        ["protected by a password", "save it without one"],
    ),
    "a password of LibreOffice": (
        lambda path: package(path, {"mimetype": _SPREADSHEET, "encrypted-package": "x"}),
        ["protected by a password"],
    ),
    "a password of a zip file": (locked, ["protected by a password"]),
    "a Word document": (lambda path: package(path, {"word/document.xml": "<x/>"}), ["Word document", "not a workbook"]),
    "a document of Numbers": (
        lambda path: package(path, {"Index/Document.iwa": "x"}), ["Apple Numbers", "save it as CSV UTF-8"],
    ),
    "a web page that begins within": (lambda path: path.write_text("<div class='x'><table>"), ["web page"]),
    "an old Word document": (lambda path: compound(path, {"WordDocument": b"x"}), ["old Office document"]),
    "a zip file": (lambda path: package(path, {"people.csv": "a\nb\n"}), ["is a zip file"]),
    "a web page": (lambda path: path.write_text("<html><table>"), ["web page", "save it as .xlsx"]),
    "a PDF file": (lambda path: path.write_bytes(b"%PDF-1.7 "), ["a PDF file"]),
    "plain text": (lambda path: path.write_text("a,b\n1,2\n"), ["plain text", "people.csv", "format='csv'"]),
    "nothing": (lambda path: path.write_bytes(b""), ["is empty"]),
    "half a file": (lambda path: path.write_bytes(b"PK\x03\x04 and no more"), ["damaged", "save it again"]),
    "flipped bits": (damaged, ["damaged"]),
    "no rows": (lambda path: book(path, {"S": []}), ["no rows in any sheet"]),
    "a header alone": (lambda path: book(path, {"S": [["a", "b"]]}), ["has no rows, only a header"]),
    "rows in hidden sheets only": (only_hidden, ["that is visible", '"Old"']),
    "rows in two sheets": (two_sheets, ["2 sheets have rows", '"O\'Neill"', "sheet='Guests'"]),
    "16,384 columns": (wide, ["cell XFD1", "beyond the 2,000 columns", "delete it"]),
    "a cell far away": (lambda path: raw(path, HEAD + ROW + FAR), ["line 1048576", "cell XFD1048576", "2,000 columns"]),
    "an error of a formula": (
        lambda path: raw(path, HEAD + '<row r="7"><c r="B7" t="e"><f>A1</f><v>#REF!</v></c></row>'),
        ['line 7, column "first"', '"#REF!"', "empty the cell"],
    ),
    "a row in the wrong place": (
        lambda path: raw(path, HEAD + texts(3, "a@x.de", "Al", "Fo") + ROW),
        ["line 2", "row 2 stands below row 3", "save it again"],
    ),
    "a row before the first": (
        lambda path: raw(path, HEAD + ROW + texts(-3, "b@x.de", "Bo", "Fo")), ["row -3 stands below row 2"],
    ),
    "an encoding that nobody knows": (
        lambda path: package(path, parts(sheet(HEAD + ROW).replace("?>", ' encoding="klingon"?>', 1))),
        ["damaged", "klingon"],
    ),
    "a formula without its result": (uncalculated, ['line 2, column "first"', "is not in the file; save the"]),
    "a column twice": (lambda path: book(path, {"S": [["a", "b", "a"], ["1"]]}), ["columns 1 and 3", "rename one"]),
    "a text that is missing": (
        lambda path: raw(path, HEAD + '<row r="2"><c r="A2" t="s"><v>7</v></c></row>'),
        ['line 2, column "email"', "a text that is missing"],
    ),
    "a number that is none": (lambda path: raw(path, HEAD + "<row><c><v>x</v></c></row>"), ["damaged"]),
    "a text that is too long": (
        lambda path: raw(path, HEAD + texts(2, "".join(f"{n:x}" for n in range(60_000)))),
        ['line 2, column "email"', "longer than 131,072"],
    ),
    "XML that is none": (lambda path: package(path, parts("<worksheet><row>")), ["damaged"]),
}  # fmt: skip


@pytest.mark.slow
def test_a_bad_workbook_is_refused(subtests, tmp_path):
    """The error names the file and the place, and contains the fix."""
    for case, (make, said) in BAD.items():
        with subtests.test(case):
            path = tmp_path / "people.xlsx"
            make(path)
            with pytest.raises(InputError) as caught:
                table = open_table(path).check()
                table.judge(table.columns)

            assert caught.value.path == str(path)
            assert str(caught.value).startswith(str(path))
            assert [word for word in said if word not in str(caught.value)] == []
            assert len(str(caught.value)) < len(str(path)) + 400


@pytest.mark.slow
def test_a_workbook_of_too_many_parts_is_refused(tmp_path):
    path = package(tmp_path / "x.xlsx", parts(sheet(HEAD + ROW)) | {f"xl/{n}.bin": b"" for n in range(10_001)})
    with pytest.raises(InputError, match="has 10,006 parts"):
        open_table(path)


RENAMED = {
    "a workbook": (lambda path: book(path, {"S": [["a"], ["b"]]}), "an Excel workbook (.xlsx)", "people.xlsx"),
    "an old workbook": (lambda path: xls(path, {(0, 0): "a", (1, 0): "b"}), "an Excel workbook (.xls)", "people.xls"),
    "a LibreOffice workbook": (lambda path: ods(path, [["a"], ["b"]]), "a LibreOffice workbook (.ods)", "people.ods"),
}


def test_a_workbook_that_is_called_csv_says_what_it_is(subtests, tmp_path):
    for case, (make, name, better) in RENAMED.items():
        with subtests.test(case):
            path = tmp_path / "people.csv"
            make(path)
            with pytest.raises(
                InputError, match=re.escape(f"is {name} by its content, not csv; rename it to {better}")
            ):
                table = open_table(path).check()
                table.judge(table.columns)

            assert open_table(path, format=better.partition(".")[2]).check().rows == 1


def test_a_sheet_that_is_not_there_is_told_with_those_that_are(tmp_path):
    path = book(tmp_path / "x.xlsx", {"Guests": [["a"], ["b"]]})

    for word in ("Gests", "0", "2", "²"):
        with pytest.raises(InputError, match=rf'no sheet "{word}"; its sheets are "Guests"'):
            open_table(path, sheet=word)


def test_options_of_texts_are_refused_for_a_workbook(tmp_path):
    """What is typed has an effect, or is answered."""
    path = book(tmp_path / "x.xlsx", {"S": [["a"], ["b"]]})
    with pytest.raises(InputError, match="encoding='cp1252' does not apply to xlsx; omit it"):
        open_table(path, encoding="cp1252")
    with pytest.raises(InputError, match="delimiter=';' does not apply to xlsx; omit it"):
        open_table(path, delimiter=";")


def test_an_old_workbook_that_is_damaged_is_refused(tmp_path):
    path = compound(tmp_path / "x.xls", {"Workbook": b"no records"})

    with pytest.raises(InputError, match=r"x\.xls: (.* damaged|has no rows)"):
        table = open_table(path).check()
        table.judge(table.columns)


_WATCH = """
import resource, sys
from airmeet_async.tables import open_table
from airmeet_async.errors import InputError

def peak():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))) // 1024

before = peak()
try:
    said = open_table(sys.argv[1]).check().rows
except InputError:
    said = "refused"
print(said, peak() - before + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def empty_rows(path):
    """Write a sheet of 200,000 rows with a style and no value, as the Delete key leaves them."""
    rows = "".join(f'<row r="{n}"><c r="A{n}" s="1"/></row>' for n in range(3, 200_000))
    package(path, parts(sheet(HEAD + ROW + rows)))


def bomb(path):
    raw(path, HEAD + ROW, xl__sharedStrings=f"<sst><si><t>{'x' * 100_000_000}</t></si></sst>")


def shared(path):
    """Refer to one long text a hundred thousand times: 72 kB that would be gigabytes of rows."""
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(2, 40_000))
    raw(path, HEAD + rows, xl__sharedStrings=f"<sst><si><t>{'x' * 131_000}</t></si></sst>")


HOSTILE = {
    "many empty rows": (empty_rows, "1"),
    "one long text in all cells": (shared, "refused"),
    "a zip bomb": (bomb, "refused"),
    "a billion laughs": (lambda path: package(path, parts(with_type(LAUGHS))), "refused"),
    "two cells far apart": (lambda path: raw(path, HEAD + ROW + FAR), "refused"),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")
@pytest.mark.parametrize(("make", "said"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_workbook_costs_little_memory(tmp_path, make, said):
    """At most 64 MiB more than before, the process that reads old workbooks included."""
    path = tmp_path / "x.xlsx"
    make(path)
    done = subprocess.run([sys.executable, "-c", _WATCH, path], capture_output=True, text=True, check=True)
    found, mib = done.stdout.split()

    assert found == said
    assert int(mib) <= 64
