"""Which rows repeat an earlier one, whether it is remembered in memory or on disk."""

import gc
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airmeet_async.bulk.input.sources import DuplicateFinder
from airmeet_async.bulk.report import RowError
from airmeet_async.bulk.row import Row


def marked(identities: list[str], few: int, size: int = 3, line: int | None = 2) -> list[Row]:
    rows = [Row(index, None if line is None else line + index, None, key, key) for index, key in enumerate(identities)]
    finder = DuplicateFinder(few)
    for start in range(0, len(rows), size):
        finder.mark(rows[start : start + size])
    finder.close()
    return rows


@pytest.mark.parametrize("few", [0, 1, 3, 100])
def test_the_first_row_counts_wherever_it_is_kept(few: int) -> None:
    rows = marked([*"abcabdbeaf"], few)

    assert [row.duplicate_of for row in rows] == [None, None, None, 0, 1, None, 1, None, 0, None]


@pytest.mark.parametrize("few", [0, 100])
def test_a_duplicate_names_the_line_of_the_first(few: int) -> None:
    """Of the first one, not of the one before it; rows from no file are counted from 1."""
    rows, unlined = marked([*"abab", "b"], few, line=7), marked([*"abb"], few, line=None)

    assert [row.error and row.error.message for row in rows[2:]] == [
        "repeats line 7, which is sent instead",
        "repeats line 8, which is sent instead",
        "repeats line 8, which is sent instead",
    ]
    assert unlined[2].error == RowError("duplicate", "repeats row 2, which is sent instead")


@pytest.mark.parametrize("few", [0, 100])
def test_rows_that_may_repeat_or_are_wrong_are_left_alone(few: int) -> None:
    wrong, right = Row(0, None, None, "a", "a"), Row(1, None, None, "a", "a")
    wrong.error = RowError("invalid_email", "wrong")
    rows = [wrong, right, Row(2, None, None, ""), Row(3, None, None, "")]
    finder = DuplicateFinder(few)
    finder.mark(rows)
    finder.close()

    assert [row.error and row.error.code for row in rows] == ["invalid_email", None, None, None]


@pytest.mark.slow
@given(st.lists(st.text(max_size=3), max_size=30), st.integers(0, 10), st.integers(1, 9))
def test_disk_and_memory_agree_on_any_text(keys: list[str], few: int, size: int) -> None:
    """Lone surrogates, NUL and all."""
    disk, memory = marked(keys, few, size), marked(keys, 100)
    assert [(row.duplicate_of, row.error) for row in disk] == [(row.duplicate_of, row.error) for row in memory]


def test_what_is_not_closed_is_closed_in_the_end() -> None:
    """Nothing is left open on disk by a run that nobody keeps."""
    finder = DuplicateFinder(0)
    finder.mark([Row(0, None, None, "a", "a")])
    disk = finder._more
    assert disk is not None
    del finder
    gc.collect()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        disk.execute("SELECT 1")
