"""Files that are fine: what `open_table` makes of them."""

import codecs
import csv
import io
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airmeet_async.errors import InputError
from airmeet_async.tables.cells import ABSENT
from airmeet_async.tables.table import open_table
from tests.support.source_rows import SourceRow, batches


def put(folder: Path, content: str | bytes, name: str = "people.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, **options: Any) -> list[SourceRow]:
    return [row for batch in batches(open_table(path, **options)) for row in batch]


def cells(path: Path, **options: Any) -> list[list[str]]:
    return [list(row.data.values()) for row in read(path, **options)]


PEOPLE = "email,first,last\na@x.de,Ána,Kö\nb@x.de,Bo,Li\n"
EXPECTED = [["a@x.de", "Ána", "Kö"], ["b@x.de", "Bo", "Li"]]

SAME_PEOPLE: dict[str, Any] = {
    "plain": (PEOPLE, {}, ()),
    "no line break at the end": (PEOPLE.rstrip(), {}, ()),
    "CRLF": (PEOPLE.replace("\n", "\r\n"), {}, ()),
    "CR alone": (PEOPLE.replace("\n", "\r"), {}, ()),
    "mixed line ends": ("email,first,last\ra@x.de,Ána,Kö\r\nb@x.de,Bo,Li\n", {}, ()),
    "UTF-8 with a mark": (codecs.BOM_UTF8 + PEOPLE.encode(), {}, ()),
    "UTF-16, little end first": (
        codecs.BOM_UTF16_LE + PEOPLE.encode("utf-16-le"),
        {},
        ("UTF-16 text, from its byte order mark",),
    ),
    "UTF-16, big end first": (
        codecs.BOM_UTF16_BE + PEOPLE.encode("utf-16-be"),
        {},
        ("UTF-16 text, from its byte order mark",),
    ),
    "UTF-16 without a mark, as told": (PEOPLE.encode("utf-16-le"), {"encoding": "utf-16-le"}, ()),
    "Latin-1, as told": (PEOPLE.encode("latin-1"), {"encoding": "latin-1"}, ()),
    "a mark wins over what is told": (
        codecs.BOM_UTF8 + PEOPLE.encode(),
        {"encoding": "latin-1"},
        (),
    ),
    "semicolons": (PEOPLE.replace(",", ";"), {}, ("delimiter ';' detected",)),
    "tabs": (PEOPLE.replace(",", "\t"), {}, ("delimiter tab detected",)),
    "pipes": (PEOPLE.replace(",", "|"), {}, ("delimiter '|' detected",)),
    "a delimiter as told": (PEOPLE.replace(",", "~"), {"delimiter": "~"}, ()),
    "tab as told": (PEOPLE.replace(",", "\t"), {"delimiter": "tab"}, ()),
    "Excel's sep line": ("sep=;\n" + PEOPLE.replace(",", ";"), {}, ("delimiter ';' from the sep= line",)),
    "empty lines": ("\n" + PEOPLE + "\n,,\n  \n", {}, ("4 empty lines skipped",)),
    "one empty line": (PEOPLE + "\n", {}, ("1 empty line skipped",)),
    "blanks around column names": (PEOPLE.replace("email,first", " email , first"), {}, ()),
    "trailing empty cells": (PEOPLE.replace("\n", ",,\n"), {}, ()),
}


def test_the_same_people_come_in_many_shapes(subtests, tmp_path):
    """Each spelling of the same table gives the same rows, and says what was decided."""
    for case, (content, options, notices) in SAME_PEOPLE.items():
        with subtests.test(case):
            path = put(tmp_path, content)
            table = open_table(path, **options).check()
            assert table.columns == ("email", "first", "last")
            assert cells(path, **options) == EXPECTED
            assert (table.rows, table.notices) == (2, notices)


def test_rows_know_where_they_start(tmp_path):
    """The index counts rows, the line counts physical lines."""
    path = put(tmp_path, 'email,note\n\na@x.de,"one\ntwo"\nb@x.de,\n')
    assert read(path) == [
        SourceRow(0, 3, {"email": "a@x.de", "note": "one\ntwo"}),
        SourceRow(1, 5, {"email": "b@x.de", "note": ""}),
    ]


def test_values_keep_their_text(tmp_path):
    """Nothing is taken for a number, a truth value or a blank."""
    path = put(tmp_path, "a,b,c,d,e\n001,TRUE,1e5, x ,'=1\n")
    assert cells(path) == [["001", "TRUE", "1e5", "x ", "=1"]]


def test_missing_cells_at_the_end_are_empty(tmp_path):
    """A short row is filled up."""
    assert cells(put(tmp_path, "a,b,c\n1\n")) == [["1", "", ""]]


def test_a_nameless_column_without_data_is_no_column(tmp_path):
    """Spreadsheets leave them behind, in the middle and at the end."""
    path = put(tmp_path, "a,,b,\n1,,2,\n3, ,4\n")
    assert open_table(path).columns == ("a", "b")
    assert cells(path) == [["1", "2"], ["3", "4"]]


def test_the_delimiter_is_sought_outside_quotes(subtests, tmp_path):
    """A column's name may be full of other delimiters."""
    for header, expected in [
        ('email;"a, b, c, d"', ("email", "a, b, c, d")),
        ('email,"a;b;c"', ("email", "a;b;c")),
        ('"e\nmail";x', ("e\nmail", "x")),
        ("email", ("email",)),
    ]:
        with subtests.test(repr(header)):
            assert open_table(put(tmp_path, f"{header}\nz\n")).columns == expected


def test_cells_of_several_lines_are_welcome(subtests, tmp_path):
    """Addresses and notes with commas and line breaks pass, in whatever column."""
    for cell in [
        "Street 1\n12345 Berlin",
        "Street 1, Floor 2\nSpringfield, IL, USA",
        "12 Main St\nSuite 3, left\n\nSpringfield, IL, 62701, USA",
        "Likes tea\nasks: who, when, where\nand why",
        "call a@x.de, then b@x.de\nthen c@x.de, or not",
        'she said "no"\nthen "yes, maybe"',
        "\n\n\n",
        "1\r\n2\r3",
    ]:
        for place in [0, 1, 3]:
            with subtests.test(f"{cell} {place}"):
                row = ["a@x.de", "Bo", "Li"]
                row.insert(place, cell)
                text = io.StringIO()
                csv.writer(text).writerows([["c1", "c2", "c3", "c4"], row, ["b@x.de", "Al", "Fo", "x"]])
                assert cells(put(tmp_path, text.getvalue())) == [row, ["b@x.de", "Al", "Fo", "x"]]


def test_a_quote_inside_a_cell_is_a_quote(tmp_path):
    """Only a quote at the start of a cell means anything."""
    assert cells(put(tmp_path, 'a,b\n5" wide,x "y" z\n')) == [['5" wide', 'x "y" z']]


def test_batches_are_as_long_as_asked(tmp_path):
    """The last one has the rest, and reading again gives the same."""
    table = open_table(put(tmp_path, "a\n" + "x\n" * 7))
    assert [len(batch) for batch in batches(table, 3)] == [3, 3, 1]
    assert [row.index for batch in batches(table, 3) for row in batch] == list(range(7))


def test_a_sample_is_the_first_rows_alone(tmp_path):
    """What is wrong further below is not met, and nothing is known of the whole."""
    table = open_table(put(tmp_path, "a\n1\n2\n" + '"x" y\n'))

    assert table.sample(2) == [{"a": "1"}, {"a": "2"}]
    assert table.rows is None
    with pytest.raises(InputError, match="line 4"):
        table.sample()
    assert len(open_table(put(tmp_path, "a\n" + "x\n" * 300)).sample()) == 200


def test_the_ending_names_the_kind(tmp_path):
    """A .tsv file has tabs even where commas abound, and kind overrules the ending."""
    assert open_table(put(tmp_path, "a,b,c\td\n1\t2\n", "x.TSV")).columns == ("a,b,c", "d")
    assert open_table(put(tmp_path, '{"a": 1}\n', "x.dat"), format="jsonl").columns == ("a",)


CHANGES = {
    "longer": (lambda text: text + "c\n", False),
    "the same size, another time": (lambda text: text.replace("b", "c"), False),
    "the same size and time, fewer rows": (lambda text: text.replace("a\nb", "a b"), True),
    "the same size and time, broken": (lambda text: text.replace("\nb", '\n"'), False),
}


def test_a_file_that_changed_is_not_read_on(subtests, tmp_path):
    """What was checked is what is sent, or nothing is."""
    for case, (change, keeps_time) in CHANGES.items():
        with subtests.test(case):
            path = put(tmp_path, "head\na\nb\n")
            table = open_table(path).check()
            before = path.stat().st_mtime_ns
            with path.open("r+") as file:
                text = change(file.read())
                file.seek(0)
                file.write(text)
            os.utime(path, ns=(before, before if keeps_time else before + 1_000_000_000))
            with pytest.raises(InputError, match=r"people\.csv: changed while being read; run again"):
                list(batches(table))


def test_a_fault_that_came_after_the_check_is_a_change(tmp_path):
    """A file that breaks while it is read was changed; its new fault is nobody's business."""
    path = put(tmp_path, "a\n" + "x\n" * 20_000)
    pieces = batches(open_table(path), 10_000)
    assert len(next(pieces)) == 10_000
    path.write_text("a\n" + '"x" y\n' * 20_000)
    with pytest.raises(InputError, match="changed while being read"):
        next(pieces)


def test_a_file_that_changes_under_the_reader_stops_it(tmp_path):
    """The stamp is looked at before every batch."""
    path = put(tmp_path, "a\n" + "x\n" * 9)
    pieces = batches(open_table(path), 3)
    next(pieces)
    os.utime(path, ns=(1, 1))
    with pytest.raises(InputError, match="changed while being read"):
        next(pieces)


def test_json_lines_keep_the_text_of_their_values(tmp_path):
    """Numbers stay as written, null is no value, lists of texts stay lists, other keys may come later."""
    text = (
        '\ufeff{"email": "a@x.de", "n": 1e5, "f": 1.10, "big": 123456789012345678901234567890}\n\n'
        '{"email": null, "yes": true, "no": false, "tags": ["a", "b"], "odd": "\\ud800"}\r\n'
    )
    path = put(tmp_path, text, "people.jsonl")
    table = open_table(path).check()
    assert table.columns == ("email", "n", "f", "big", "yes", "no", "tags", "odd")
    assert table.notices == ()
    assert read(path) == [
        SourceRow(0, 1, {"email": "a@x.de", "n": "1e5", "f": "1.10", "big": "123456789012345678901234567890"}),
        SourceRow(1, 3, {"yes": "true", "no": "false", "tags": ["a", "b"], "odd": "\ud800"}),
    ]


_CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
_TABLE = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(_CELL, min_size=width, max_size=width), min_size=1, max_size=6)
)


# With "\n" and minimal quotes the csv module writes a bare "\r" unquoted, which nobody can read back.
_STYLES = [("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\n", csv.QUOTE_ALL)]


def _looks_like_rows(row: list[str]) -> bool:
    """Say whether a cell of several lines may rightly be taken for swallowed rows."""
    return any(re.search(r"[\r\n]", cell) and re.search(r"[,@]", "".join(row)) for cell in row)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tables")


@given(rows=_TABLE, style=st.sampled_from(_STYLES), mark=st.booleans())
@example(rows=[["a\n\rb"]], style=("\r\n", csv.QUOTE_MINIMAL), mark=False)
@example(rows=[["NaN", "NULL"]], style=("\n", csv.QUOTE_ALL), mark=False)
@example(rows=[["\ufeff"]], style=("\n", csv.QUOTE_ALL), mark=True)
@example(rows=[["1", "\u2028", '"', "\x1c"]], style=("\n", csv.QUOTE_ALL), mark=False)
def test_what_is_written_is_what_is_read(folder, rows, style, mark):
    """Rows to CSV text to rows: every character survives; rows of blanks alone are no rows, and NaN is no value."""
    rows = [row for row in rows if any(map(str.strip, row)) and not _looks_like_rows(row)]
    rows = [
        row for row in rows if not any(cell[:1] in ("'", "=", " ", "\t", "\xa0", "\u3000") for cell in row)
    ]  # marks, and leading blanks
    text = io.StringIO()
    writer = csv.writer(text, lineterminator=style[0], quoting=style[1])
    writer.writerow([f"c{index}" for index in range(len(rows[0]) if rows else 1)])
    writer.writerows(rows)
    path = folder / "round.csv"
    path.write_bytes((codecs.BOM_UTF8 if mark else b"") + text.getvalue().encode())
    if not rows:
        with pytest.raises(InputError, match="has no rows"):
            open_table(path).check()
        return
    assert open_table(path).check().rows == len(rows)
    assert cells(path) == [["" if cell in ABSENT else cell for cell in row] for row in rows]
