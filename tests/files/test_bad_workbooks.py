"""Workbooks that are not fine, or that were built to do harm: refused with a sentence, and in little memory."""

import re
import struct
import subprocess
import sys

import openpyxl
import pytest

from airmeet_async.bulk.tables import open_table
from airmeet_async.errors import InputError
from tests.files.workbooks import HEAD, book, compound, ods, package, parts, raw, sheet, texts, xls

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
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)


def wide(path):
    book(path, {"S": [[f"c{n}" for n in range(16_384)], ["x"]]})


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
    path.write_bytes(content[:200] + bytes(byte ^ 0x55 for byte in content[200:400]) + content[400:])


# How it is made, and what the message says.
BAD = {
    "a part that grows a thousand times": (
        lambda path: raw(path, HEAD + texts(2, "x" * 5_000_000)),
        ["sheet1.xml", "grows", "more than the 100", "save it anew"],
    ),
    "more than may be unpacked": (
        lambda path: package(path, parts(sheet(HEAD + ROW)) | {f"xl/{n}.bin": b"" for n in range(10_001)}),
        ["10,006 parts"],
    ),
    "a part outside": (lambda path: package(path, parts(sheet(HEAD + ROW)) | {"../../x": "y"}), ['"../../x"']),
    "a part at the root": (lambda path: package(path, parts(sheet(HEAD + ROW)) | {"/etc/x": "y"}), ['"/etc/x"']),
    "a part on a drive": (lambda path: package(path, parts(sheet(HEAD + ROW)) | {"C:\\x": "y"}), ["C:"]),
    "two parts in one place": (overlapping, ["damaged"]),
    "a billion laughs": (lambda path: package(path, parts(with_type(LAUGHS))), ["document type or entities"]),
    "an entity from outside": (lambda path: package(path, parts(with_type(OUTSIDE))), ["document type or entities"]),
    "a billion laughs among the shared texts": (
        lambda path: raw(path, HEAD + ROW, xl__sharedStrings=f"{LAUGHS}<sst><si><t>&l9;</t></si></sst>"),
        ["sharedStrings.xml", "document type or entities"],
    ),
    "a tag without an end": (
        lambda path: package(path, parts(f"<worksheet a='{'0123456789abcdef' * 3 * 1024**2}"[: 30 * 1024**2])),
        ["grows"],
    ),
    "a password": (
        lambda path: compound(path, {"EncryptionInfo": b"x", "EncryptedPackage": b"y"}),
        ["protected by a password", "save it without one"],
    ),
    "a password of a zip file": (locked, ["protected by a password"]),
    "a Word document": (lambda path: package(path, {"word/document.xml": "<x/>"}), ["Word document", "no workbook"]),
    "an old Word document": (lambda path: compound(path, {"WordDocument": b"x"}), ["old Office document"]),
    "a zip file": (lambda path: package(path, {"people.csv": "a\nb\n"}), ["zip file by its content"]),
    "a web page": (lambda path: path.write_text("<html><table>"), ["web page", "save it as .xlsx"]),
    "a PDF file": (lambda path: path.write_bytes(b"%PDF-1.7 "), ["a PDF file"]),
    "plain text": (lambda path: path.write_text("a,b\n1,2\n"), ["plain text", "people.csv", "--format csv"]),
    "nothing": (lambda path: path.write_bytes(b""), ["is empty"]),
    "half a file": (lambda path: path.write_bytes(b"PK\x03\x04 and no more"), ["damaged", "save it anew"]),
    "flipped bits": (damaged, ["damaged"]),
    "no rows": (lambda path: book(path, {"S": []}), ["no rows in any sheet"]),
    "a header alone": (lambda path: book(path, {"S": [["a", "b"]]}), ["has no rows, only a header"]),
    "rows in hidden sheets only": (only_hidden, ["that is not hidden", '"Old"', "--sheet"]),
    "rows in two sheets": (two_sheets, ["2 sheets have rows", '"O\'Neill"', "--sheet Guests"]),
    "16,384 columns": (wide, ["cell BXY1", "beyond the 2,000 columns", "delete it"]),
    "a cell far away": (lambda path: raw(path, HEAD + ROW + FAR), ["line 1048576", "cell XFD1048576", "2,000 columns"]),
    "an error of a formula": (
        lambda path: raw(path, HEAD + '<row r="7"><c r="B7" t="e"><f>A1</f><v>#REF!</v></c></row>'),
        ["line 7", 'sheet "People": cell B7', '"#REF!"', "empty the cell"],
    ),
    "a formula without its result": (uncalculated, ["cell B2", "result is not in the file", "save it"]),
    "a column twice": (lambda path: book(path, {"S": [["a", "b", "a"], ["1"]]}), ["columns 1 and 3", "rename one"]),
    "a value without a column": (
        lambda path: book(path, {"S": [["a", "b"], ["1", "2", "x"]]}),
        ["3 cells", "header has 2", "take away"],
    ),
    "a text that is not there": (
        lambda path: raw(path, HEAD + '<row r="2"><c r="A2" t="s"><v>7</v></c></row>'),
        ["cell A2", "a text that is not there"],
    ),
    "a number that is none": (lambda path: raw(path, HEAD + "<row><c><v>x</v></c></row>"), ["damaged", "sheet1.xml"]),
    "rows out of order": (lambda path: raw(path, texts(5, "a") + texts(4, "b")), ["row 4 stands behind row 5"]),
    "a text that is too long": (
        lambda path: raw(path, HEAD + texts(2, "".join(f"{n:x}" for n in range(60_000)))),
        ["cell A2", "longer than 131,072"],
    ),
    "XML that is none": (lambda path: package(path, parts("<worksheet><row>")), ["damaged", "sheet1.xml"]),
}  # fmt: skip


@pytest.mark.parametrize(("make", "said"), BAD.values(), ids=BAD)
def test_a_bad_workbook_is_refused(tmp_path, make, said):
    """The error names the file and the place, and contains the fix."""
    path = tmp_path / "people.xlsx"
    make(path)
    with pytest.raises(InputError) as caught:
        open_table(path)

    assert caught.value.path == str(path)
    assert str(caught.value).startswith(str(path))
    assert [word for word in said if word not in str(caught.value)] == []
    assert len(str(caught.value)) < len(str(path)) + 400


RENAMED = {
    "a workbook": (lambda path: book(path, {"S": [["a"], ["b"]]}), "an Excel workbook (.xlsx)", "people.xlsx"),
    "an old workbook": (lambda path: xls(path, {(0, 0): "a", (1, 0): "b"}), "an Excel workbook (.xls)", "people.xls"),
    "a LibreOffice workbook": (lambda path: ods(path, [["a"], ["b"]]), "a LibreOffice workbook (.ods)", "people.ods"),
}


@pytest.mark.parametrize(("make", "name", "better"), RENAMED.values(), ids=RENAMED)
def test_a_workbook_that_is_called_csv_says_what_it_is(tmp_path, make, name, better):
    path = tmp_path / "people.csv"
    make(path)
    with pytest.raises(InputError, match=re.escape(f"is {name} by its content, and not csv; rename it to {better}")):
        open_table(path)

    assert open_table(path, kind=better.partition(".")[2]).rows == 1


def test_a_sheet_that_is_not_there_is_told_with_those_that_are(tmp_path):
    path = book(tmp_path / "x.xlsx", {"Guests": [["a"], ["b"]]})

    for word in ("Gests", "0", "2", "²"):
        with pytest.raises(InputError, match=rf'no sheet "{word}"; its sheets are "Guests"'):
            open_table(path, sheet=word)


@pytest.mark.parametrize("options", [{"encoding": "cp1252"}, {"delimiter": ";"}], ids=repr)
def test_options_of_texts_are_refused_for_a_workbook(tmp_path, options):
    """What is typed has an effect, or is answered."""
    with pytest.raises(InputError, match="--encoding and --delimiter are for texts, and this is read as xlsx"):
        open_table(book(tmp_path / "x.xlsx", {"S": [["a"], ["b"]]}), **options)


def test_an_old_workbook_that_is_damaged_is_refused(tmp_path):
    path = compound(tmp_path / "x.xls", {"Workbook": b"no records"})

    with pytest.raises(InputError, match=r"x\.xls: (is damaged|has no rows)"):
        open_table(path)


def test_a_document_type_in_a_libreoffice_workbook_is_refused(tmp_path):
    path = ods(tmp_path / "x.ods", [["a"], ["b"]], before=LAUGHS)

    with pytest.raises(InputError, match="document type or entities"):
        open_table(path)


def test_two_cells_far_apart_do_not_end_the_process(tmp_path):
    """calamine takes half a gigabyte for these two, of a file of 5 kB: it gets 96 MiB, in a process of its own."""
    path = xls(tmp_path / "x.xls", {(0, 0): "email", (65_535, 255): "x"})

    with pytest.raises(InputError, match="needs more than the 96 MiB that a file of its size gets"):
        open_table(path)


_WATCH = """
import resource, sys
from airmeet_async.bulk.tables import open_table
from airmeet_async.errors import InputError

def peak():
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))) // 1024

before = peak()
try:
    said = open_table(sys.argv[1]).rows
except InputError:
    said = "refused"
print(said, peak() - before + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
"""


def empty_rows(path):
    """Write a sheet of a million rows with a style and no value, as the Delete key leaves them."""
    rows = "".join(f'<row r="{n}"><c r="A{n}" s="1"/></row>' for n in range(3, 1_048_577))
    package(path, parts(sheet(HEAD + ROW + rows)))


def endless_text(path):
    """Write a text of a hundred megabytes that packs just a little better than others."""
    line = "".join(f"{n * 7919 % 100_003:x}" for n in range(40_000))
    package(path, parts(sheet(HEAD + texts(2, line * 500))))


def bomb(path):
    package(path, parts(sheet(HEAD + texts(2, "x" * 100_000_000))))


HOSTILE = {
    "a million empty rows": (empty_rows, "1"),
    "a text of a hundred megabytes": (endless_text, "refused"),
    "a zip bomb": (bomb, "refused"),
    "a billion laughs": (lambda path: package(path, parts(with_type(LAUGHS))), "refused"),
    "two cells far apart": (lambda path: raw(path, HEAD + ROW + FAR), "refused"),
    "two cells far apart in an old workbook": (lambda path: xls(path, {(0, 0): "a", (65_535, 255): "x"}), "refused"),
}


@pytest.mark.real_time
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
