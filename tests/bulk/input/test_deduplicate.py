"""Which keys have come before, in memory and on disk."""

import gc
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airmeet_async.bulk.input.deduplicate import DuplicateFinder


def test_the_first_row_counts_wherever_it_is_kept() -> None:
    for few in (0, 1, 3, 100):
        duplicates = DuplicateFinder(few)
        firsts = [duplicates.first_index(key, index) for index, key in enumerate("abcabdbeaf")]
        assert firsts == [0, 1, 2, 0, 1, 5, 1, 7, 0, 9]
        duplicates.close()


@pytest.mark.slow
@given(st.lists(st.text(max_size=3), max_size=30), st.integers(0, 10))
def test_disk_and_memory_agree_on_any_text(keys: list[str], few: int) -> None:
    """Lone surrogates, NUL and all."""
    disk, memory = DuplicateFinder(few), DuplicateFinder()

    assert [disk.first_index(key, n) for n, key in enumerate(keys)] == [
        memory.first_index(key, n) for n, key in enumerate(keys)
    ]
    disk.close()


def test_what_is_not_closed_is_closed_in_the_end() -> None:
    """Nothing is left open on disk by a run that nobody keeps."""
    duplicates = DuplicateFinder(0)
    duplicates.first_index("a", 0)
    disk = duplicates._disk
    assert disk is not None
    del duplicates
    gc.collect()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        disk.execute("SELECT 1")
