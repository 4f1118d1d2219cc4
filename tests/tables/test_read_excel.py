"""Workbooks that are fine: what `open_table` makes of them."""

import codecs
import datetime as dt
import subprocess
import sys
from pathlib import Path

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from airmeet_async.optional_imports import install_command
from airmeet_async.tables.cells import command_line_option
from airmeet_async.tables.table import open_table
from tests.support.source_rows import batches
from tests.tables.workbooks import HEAD, book, front, ods, package, parts, raw, sheet, texts, xls

CASES = Path(__file__).parent / "cases"
PEOPLE = [["email", "first", "last"], ["a@x.de", "Ána", "Kö"], ["b@x.de", "Bo", "Li"]]


def rows(path, **options):
    return [row.data for batch in batches(open_table(path, **options)) for row in batch]


def cells(path, **options):
    return [list(data.values()) for data in rows(path, **options)]


def cell(folder, xml, after="", **more):
    """Return the text of one cell below a header, whose XML is given."""
    return cells(raw(folder / "one.xlsx", texts(1, "a") + f'<row r="2">{xml}</row>', after, **more))[0][0]


def test_a_workbook_gives_the_rows_of_its_sheet(tmp_path):
    table = open_table(book(tmp_path / "people.xlsx", {"Guests": PEOPLE})).check()

    assert (table.columns, table.rows) == (("email", "first", "last"), 2)
    assert table.notices == ('sheet "Guests"; line numbers are its rows',)
    assert [(row.index, row.line, row.data["email"]) for batch in batches(table) for row in batch] == [
        (0, 2, "a@x.de"),
        (1, 3, "b@x.de"),
    ]
    assert cells(table.path) == PEOPLE[1:]


VALUES = {
    "a text keeps its zeros": ("007", "007"),
    "a text keeps its blanks": (" x ", " x "),
    "a whole number has no point": (12.0, "12"),
    "a long number is written out": (491701234567, "491701234567"),
    "another number is as short as a spreadsheet shows it": (0.1 + 0.2, "0.3"),
    "a truth value is in capitals": (True, "TRUE"),
    "a day is in ISO form": (dt.date(2026, 3, 1), "2026-03-01"),
    "a day long ago, too": (dt.date(1900, 1, 15), "1900-01-15"),
    "a moment has its time": (dt.datetime(2026, 3, 1, 9, 30), "2026-03-01T09:30:00"),  # noqa: DTZ001 - as a workbook has it
    "a time of day stands alone": (dt.time(9, 5), "09:05:00"),
    "a duration may be longer than a day": (dt.timedelta(hours=49), "49:00:00"),
}


def test_values_are_what_a_spreadsheet_shows(subtests, tmp_path):
    for case, (value, text) in VALUES.items():
        with subtests.test(case):
            assert cells(book(tmp_path / "x.xlsx", {"S": [["a"], [value]]})) == [[text]]


CELLS = {
    "a formula has its result": ("<c><f>1+1</f><v>2</v></c>", "2"),
    "a formula may result in a text": ('<c t="str"><f>A1</f><v>R&amp;D</v></c>', "R&D"),
    "a text of several styles is one": ("<c t='inlineStr'><is><r><t>Ma</t></r><r><t>rie</t></r></is></c>", "Marie"),
    "how a name is pronounced is no part of it": (
        "<c t='inlineStr'><is><t>山田</t><rPh sb='0' eb='2'><t>ヤマダ</t></rPh></is></c>", "山田",
    ),
    "what XML cannot hold is written out": ("<c t='inlineStr'><is><t>a_x000D_b_x005F_c</t></is></c>", "a\rb_c"),
    "a day in ISO form stays": ("<c t='d'><v>2026-03-01</v></c>", "2026-03-01"),
}  # fmt: skip


def test_cells_of_every_kind_are_read(subtests, tmp_path):
    for case, (xml, text) in CELLS.items():
        with subtests.test(case):
            assert cell(tmp_path, xml) == text


def test_shared_texts_are_found_by_their_number(tmp_path):
    many = "".join(f"<si><t>text {number}</t></si>" for number in range(1000))
    more = {"xl__sharedStrings": f"<sst>{many}</sst>"}

    assert cell(tmp_path, '<c t="s"><v>998</v></c>', **more) == "text 998"


def test_a_number_that_is_filled_up_with_zeros_keeps_them(tmp_path):
    """A postcode of Leipzig is often a number in the format 00000."""
    made = openpyxl.Workbook()
    front(made).append(["a"])
    front(made).append([4109])
    front(made)["A2"].number_format = "00000"
    made.save(tmp_path / "x.xlsx")

    assert cells(tmp_path / "x.xlsx") == [["04109"]]


def test_a_number_is_a_date_by_its_format_alone(subtests, tmp_path):
    for code, text in [
        ("dd.mm.yyyy", "2026-03-01"),
        ('"Day "0', "Day 46082"),
        ("[Red]0", "46082"),
        ("0.00E+00", "46082"),
        ("General", "46082"),
    ]:
        with subtests.test(repr(code)):
            made = openpyxl.Workbook()
            front(made).append(["a"])
            front(made).append([46082])
            front(made)["A2"].number_format = code
            made.save(tmp_path / "x.xlsx")

            assert cells(tmp_path / "x.xlsx") == [[text]]


def test_days_may_count_from_1904(tmp_path):
    made = openpyxl.Workbook()
    made.epoch = CALENDAR_MAC_1904
    front(made).append(["a"])
    front(made).append([dt.date(2026, 3, 1)])
    made.save(tmp_path / "x.xlsx")

    assert cells(tmp_path / "x.xlsx") == [["2026-03-01"]]


def test_the_header_is_the_first_row_with_anything_in_it(tmp_path):
    path = book(tmp_path / "x.xlsx", {"S": [[], [None], ["email", "first"], [], ["a@x.de", "Ana"]]})

    assert [row.line for batch in batches(open_table(path)) for row in batch] == [5]
    assert cells(path) == [["a@x.de", "Ana"]]


def test_hidden_and_empty_sheets_are_passed_over_and_named(tmp_path):
    path = book(tmp_path / "x.xlsx", {"Empty": [], "Guests": PEOPLE, "Lookup": [["x"], ["y"]]})
    made = openpyxl.load_workbook(path)
    made["Lookup"].sheet_state = "veryHidden"
    made.save(path)

    assert open_table(path).notices == (
        'sheet "Guests"; line numbers are its rows (skipped: 1 empty sheet, hidden: "Lookup")',
    )
    assert open_table(path, sheet="Lookup").columns == ("x",)


def test_a_sheet_is_chosen_by_name_or_number(subtests, tmp_path):
    for word in ["Guests", "guests ", "2", 2]:
        with subtests.test(repr(word)):
            path = book(tmp_path / "x.xlsx", {"Staff": [["email"], ["z@x.de"]], "Guests": PEOPLE})

            assert cells(path, sheet=word) == PEOPLE[1:]


def test_a_name_goes_before_a_number(tmp_path):
    """Sheets are often called after years."""
    path = book(tmp_path / "x.xlsx", {"2": [["a"], ["x"]], "1": [["b"], ["y"]]})

    assert open_table(path, sheet="2").columns == ("a",)


def test_merged_areas_and_hidden_rows_are_told(tmp_path):
    """Of a merged area only the first cell has a value, and a filter hides no row from us."""
    made = openpyxl.Workbook()
    for row in [*PEOPLE, ["c@x.de", "Cy", "Mo"]]:
        front(made).append(row)
    front(made).merge_cells("C2:C3")
    front(made).row_dimensions[4].hidden = True
    made.save(tmp_path / "x.xlsx")
    table = open_table(tmp_path / "x.xlsx").check()

    assert table.notices[1:] == (
        "1 merged area: only the first cell of each has a value, the others are empty",
        "1 hidden or filtered row read like all other rows (line 4)",
    )
    assert cells(table.path)[1] == ["b@x.de", "Bo", ""]


def test_a_workbook_with_macros_is_only_data(tmp_path):
    path = package(tmp_path / "x.xlsm", {**parts(sheet(HEAD + texts(2, *PEOPLE[1]))), "xl/vbaProject.bin": b"\0" * 9})

    assert cells(path) == PEOPLE[1:2]


def test_rows_and_cells_may_leave_out_where_they_stand(tmp_path):
    """Some programs write no addresses."""
    path = raw(tmp_path / "x.xlsx", "<row><c><v>1</v></c><c/><c><v>3</v></c></row><row><c><v>4</v></c></row>")

    assert open_table(path).columns == ("1", "3")
    assert cells(path) == [["4", ""]]


def test_a_prefix_of_the_namespace_changes_nothing(tmp_path):
    """Some programs write x:row for row."""
    xml = sheet(texts(1, "a") + texts(2, "b"))
    for name in ("worksheet", "sheetData", "row", "c", "is", "t"):
        xml = xml.replace(f"<{name} ", f"<x:{name} ").replace(f"<{name}>", f"<x:{name}>")
        xml = xml.replace(f"</{name}>", f"</x:{name}>")

    assert cells(package(tmp_path / "x.xlsx", parts(xml.replace("xmlns=", "xmlns:x=")))) == [["b"]]


OLD = {
    ".xls": lambda path: xls(path, {(0, 0): "email", (0, 1): "n", (2, 0): "007", (2, 1): 12.0}),
    ".ods": lambda path: ods(path, [["email", "n"], [], ["007", "12"]]),
}


def test_other_kinds_of_workbook_are_read_by_calamine(subtests, tmp_path):
    for ending, make in OLD.items():
        with subtests.test(ending):
            path = make(tmp_path / f"people{ending}")
            table = open_table(path).check()

            assert [(row.line, row.data) for batch in batches(table) for row in batch] == [
                (3, {"email": "007", "n": "12"})
            ]
            assert table.notices[0] == 'sheet "People"; line numbers are its rows'
            assert "does not show hidden rows, filtered rows" in table.notices[1]


def test_a_workbook_is_what_it_is_by_its_content(tmp_path):
    path = book(tmp_path / "people.xls", {"S": PEOPLE})

    assert open_table(path).notices[0] == "an Excel workbook (.xlsx) by its content, despite its name"
    assert cells(path) == PEOPLE[1:]


def test_the_parts_are_sought_where_the_package_says(tmp_path):
    """Not every program calls them workbook.xml and sheet1.xml."""
    contents = parts(sheet(texts(1, "a") + texts(2, "b")))
    moved = {
        name.replace("workbook.xml", "wb22.xml").replace("sheet1", "s9"):
        text.replace("xl/workbook.xml", "/xl/wb22.xml").replace("worksheets/sheet1", "/xl/worksheets/s9")
        for name, text in contents.items()
    }  # fmt: skip

    assert cells(package(tmp_path / "x.xlsx", moved)) == [["b"]]


def test_a_changed_workbook_is_not_read_on(tmp_path):
    """What was checked is what is sent: a workbook is kept as it was, and its change is still told."""
    path = book(tmp_path / "x.xlsx", {"S": PEOPLE})
    table = open_table(path).check()
    book(path, {"S": [*PEOPLE, ["c@x.de", "Cy", "Mo"]]})

    with pytest.raises(ValueError, match="changed while being read"):
        list(batches(table))


FORMATS = {
    "a part of a hundred": (0.5, "0%", "50%"),
    "the same with places": (0.1234, "0.00%", "12.34%"),
    "zeros in front": (2139, "00000", "02139"),
    "groups of digits": (491701234567, '00" "000" "0000000', "49 170 1234567"),
    "fewer digits than places": (42, "###-####", "-42"),
    "a minus of its own": (-5, "0;(0)", "(5)"),
    "a text for nothing": (0, '0;-0;"none"', "0"),
    "a currency is no id": (1234.5, "[$€-407]#,##0.00", "1234.5"),
    "thousands are left to the reader": (1234567, "#,##0", "1234567"),
    "a date of Japan": (46082, "[$-411]ggge", "46082"),
    "General": (0.1, "General", "0.1"),
    "a large number": (1e16, "General", "1E+16"),
    "a rounded number": (2.7, "0", "3"),
}


def test_a_number_is_written_as_its_format_shows_it(subtests, tmp_path):
    for case, (value, code, text) in FORMATS.items():
        with subtests.test(case):
            made = openpyxl.Workbook()
            front(made).append(["a"])
            front(made).append([value])
            front(made)["A2"].number_format = code
            made.save(tmp_path / "x.xlsx")

            assert cells(tmp_path / "x.xlsx") == [[text]]


def test_dates_that_are_built_in_are_dates(subtests, tmp_path):
    """27 to 36 and 50 to 58 are dates in East Asia, whose codes no file holds."""
    for number in [14, 22, 31, 57]:
        with subtests.test(repr(number)):
            styles = f'<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="{number}"/></cellXfs></styleSheet>'
            link = '<Relationship Id="r9" Type="x/styles" Target="styles.xml"/></Relationships>'
            made = parts(sheet(texts(1, "a") + '<row r="2"><c r="A2" s="1"><v>46082</v></c></row>'), xl__styles=styles)
            made["xl/_rels/workbook.xml.rels"] = made["xl/_rels/workbook.xml.rels"].replace("</Relationships>", link)

            assert cells(package(tmp_path / "x.xlsx", made)) == [["2026-03-01"]]


def test_a_workbook_of_the_strict_kind_is_read(tmp_path):
    """Excel can save it; its namespaces have other names."""
    made = parts(sheet(HEAD + texts(2, *PEOPLE[1])))
    for name, text in made.items():
        made[name] = text.replace("schemas.openxmlformats.org/spreadsheetml/2006", "purl.oclc.org/ooxml/spreadsheetml")

    assert cells(package(tmp_path / "x.xlsx", made)) == [PEOPLE[1]]


def test_of_two_parts_of_one_name_the_first_is_read(tmp_path):
    made = parts(sheet(HEAD + texts(2, *PEOPLE[1])))
    other = {"XL/Worksheets/Sheet1.xml": sheet(HEAD + texts(2, *PEOPLE[2]))}

    assert cells(package(tmp_path / "x.xlsx", made | other)) == [PEOPLE[1]]
    assert cells(package(tmp_path / "y.xlsx", other | made)) == [PEOPLE[2]]


def test_what_stands_beside_the_rows_may_be_anything(tmp_path):
    """A filter, a view or a font of a kind that nobody knows is no reason to refuse a list of people."""
    after = '<autoFilter ref="A1:C9"><filterColumn><customFilters><customFilter operator="new"/></customFilters>'
    after += '</filterColumn></autoFilter><pageSetup orientation="sideways"/>'
    styles = '<styleSheet><fonts><font><family val="34"/><color rgb="#F00"/></font></fonts><fills><fill/></fills>'
    styles += '<cellXfs><xf numFmtId="9"/></cellXfs></styleSheet>'
    link = '<Relationship Id="r9" Type="x/styles" Target="styles.xml"/></Relationships>'
    made = parts(sheet(HEAD + texts(2, "a@x.de") + '<row r="3"><c r="B3" s="0"><v>0.5</v></c></row>', after))
    made["xl/_rels/workbook.xml.rels"] = made["xl/_rels/workbook.xml.rels"].replace("</Relationships>", link)

    path = package(tmp_path / "x.xlsx", made | {"xl/styles.xml": styles})
    assert cells(path) == [["a@x.de", "", ""], ["", "50%", ""]]


def test_a_sheet_that_is_listed_and_not_there_is_an_error(tmp_path):
    """Otherwise the next one would be read in its place."""
    made = parts(sheet(HEAD + texts(2, *PEOPLE[1])))
    made["xl/workbook.xml"] = made["xl/workbook.xml"].replace(
        "<sheets>", '<sheets><sheet name="Guests" sheetId="9" r:id="r9"/>'
    )
    path = package(tmp_path / "x.xlsx", made)

    with pytest.raises(ValueError, match='lists a sheet "Guests" that is not in the file'):
        open_table(path)
    assert cells(path, sheet="people") == [PEOPLE[1]]


@pytest.mark.slow
def test_twenty_thousand_formatted_rows_are_no_bomb(tmp_path):
    empty = "".join(f'<row r="{n}" ht="15"><c r="A{n}" s="0"/><c r="B{n}" s="0"/></row>' for n in range(3, 20_000))

    assert cells(raw(tmp_path / "x.xlsx", HEAD + texts(2, *PEOPLE[1]) + empty)) == [PEOPLE[1]]


def test_notes_beside_the_table_are_left_out_and_told(tmp_path):
    """Nothing slips in a workbook, so a cell without a column is somebody's remark."""
    table = open_table(book(tmp_path / "x.xlsx", {"S": [["a", None, "b"], [1, "x", 2, "see below"]]})).check()

    assert [row for _, row in table] == [{"a": "1", "b": "2"}]
    assert table.notices[1:] == (
        'column 2 has no name in the header and is ignored (first line 2: "x")',
        'column 4 has no name in the header and is ignored (first line 2: "see below")',
    )


def test_the_header_may_be_said_or_found_below_other_rows(tmp_path):
    path = book(tmp_path / "x.xlsx", {"S": [["Gala"], [], ["email", "n"], ["a@x.de", 1]]})
    found = open_table(path, is_header=lambda cells: "email" in cells).check()
    said = open_table(path, header=3).check()

    assert list(found) == list(said) == [(4, {"email": "a@x.de", "n": "1"})]
    assert found.reading == said.reading == {"sheet": "S", "header": "3"}
    assert found.notices[1:] == ("the column names are on line 3; lines 1 to 2 above ignored",)
    assert said.notices[1:] == ()


def test_a_name_of_a_sheet_is_found_by_what_is_in_it(tmp_path):
    """The advice names the sheet that has what is wanted, and not the first one."""
    path = book(tmp_path / "x.xlsx", {"Read me": [["Hello"], ["x"]], "Guests": [["email"], ["a@x.de"]]})

    with pytest.raises(ValueError, match=r"2 sheets have rows.*choose one: --sheet Guests"):
        open_table(path, is_header=lambda cells: "email" in cells, spell=command_line_option)


def test_all_that_is_wrong_is_told_at_once(tmp_path):
    row = '<row r="{0}"><c r="A{0}" t="e"><v>#N/A</v></c><c r="B{0}"><f>A1</f></c></row>'
    table = open_table(raw(tmp_path / "x.xlsx", HEAD + "".join(map(row.format, range(2, 9))))).check()
    with pytest.raises(ValueError, match="#N/A") as caught:
        table.judge(["email", "first"])
    one, other = str(caught.value).splitlines()

    assert 'line 2, column "email": holds the error "#N/A"' in one
    assert 'line 2, column "first": holds a formula whose result is not in the file' in other
    assert one.endswith("the same in lines 3, 4, 5 and 3 more")


WEB_PAGES = {
    "a page": b"<html><table><tr><td>email</td></tr></table>",
    "a page in UTF-16": codecs.BOM_UTF16_LE + "<html><table>".encode("utf-16-le"),
    "a page that begins with a comment": b"<!-- made by x -->\n<html>",
    "a page that begins with a table": b"\xef\xbb\xbf<table border=1>",
    "an archive of a page": b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n",
    "XML of Excel 2003": b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?><Workbook>',
}


def test_a_web_page_under_the_name_of_a_workbook_says_what_it_is(subtests, tmp_path):
    for case, content in WEB_PAGES.items():
        for name in ["people.xls", "people.csv"]:
            with subtests.test(f"{case} {name}"):
                path = tmp_path / name
                path.write_bytes(content)

                with pytest.raises(ValueError, match=r"is a web page or XML, .*save it as \.xlsx"):
                    open_table(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "missing"), [("xlsx-number-formats.xlsx", "openpyxl"), ("xls-filtered.xls", "python_calamine")]
)
def test_without_its_package_the_extra_is_named(name, missing):
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from airmeet_async.tables import open_table\n"
        "from airmeet_async.errors import ConfigError\n"
        f"try: open_table({str(CASES / name)!r})\nexcept ConfigError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert install_command("excel") in done.stdout
