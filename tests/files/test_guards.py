"""Cells that a spreadsheet would run: guarded in result files, and given back as they were."""

import csv
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airmeet_async.bulk.report import RowResult, RowStatus
from airmeet_async.bulk.table_cells import guard, guard_raw, unguard
from airmeet_async.bulk.tables import open_table
from airmeet_async.cli.output.results_csv import ResultsWriter
from tests.support.results import write

HEADER = ("email", "note")


def result(index: int, note: str) -> RowResult:
    return RowResult(index, None, "k", RowStatus.SUCCEEDED, row={"email": f"p{index}@x.de", "note": note})


def records(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file, strict=True))


DANGEROUS = [
    "=1",
    "+1",
    "-1",
    "@x",
    "|x",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "\tx",
    "\rx",
    "\nx",
    " =1",
    "'=1",
    '"=1',
    " ' \"@",
    "-",
]
HARMLESS = ["", "x", "O'Brien", "'s-Hertogenbosch", "1-2", "a=b", " x", "'", "''x", "a\tb", "é"]


@pytest.mark.parametrize("text", DANGEROUS)
def test_a_formula_is_guarded(text):
    """Whatever a spreadsheet would run gets an apostrophe, once more for each round."""
    assert guard(text) == "'" + text
    assert guard(guard(text)) == "''" + text
    assert unguard(guard(text)) == text


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_text_is_left_alone(text):
    """Names keep their own apostrophes, there and back."""
    assert guard(text) == guard_raw(text) == unguard(text) == text


_ODD = st.text(st.sampled_from(" '\"=+-@|\t\r\n＝＠xé,;"), max_size=6)


@given(_ODD | st.text())
def test_guards_come_off(text):
    """Taking the guard away gives the value, for any text, guarded or raw."""
    assert unguard(guard(text)) == text
    assert unguard(guard_raw(text)) == text


@given(_ODD)
def test_a_guarded_cell_starts_no_formula(text):
    """After blanks and quotes a guarded cell starts with an apostrophe or with nothing dangerous."""
    cell = guard(text)
    bare = cell.lstrip(" \"'")
    assert cell.startswith("'") or not bare.startswith(tuple("=+-@|\t\r\n＝＋－＠"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@given(notes=st.lists(_ODD, min_size=1, max_size=5), data=st.data())
@example(notes=["'=1", "=1"], data=None)
def test_a_result_file_gives_back_the_input(folder, notes, data):
    """Rows written in any order, read again: the same values in input order."""
    order = data.draw(st.permutations(range(len(notes)))) if data else range(len(notes))
    path = folder / "round.csv"
    with ResultsWriter(path, HEADER) as writer:
        write(writer, (result(index, note=notes[index]) for index in order))
    assert [row.data["note"] for batch in open_table(path).batches() for row in batch] == notes
