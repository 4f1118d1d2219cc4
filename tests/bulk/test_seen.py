"""Which keys have come before, in memory and on disk."""

import gc
import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airmeet_async.bulk.input.deduplicate import Seen


@pytest.mark.parametrize("few", [0, 1, 3, 100])
def test_the_first_number_counts_wherever_it_is_kept(few: int) -> None:
    seen = Seen(few)

    firsts = [seen.first(key, number) for number, key in enumerate("abcabdbeaf")]

    assert firsts == [0, 1, 2, 0, 1, 5, 1, 7, 0, 9]
    seen.close()


@given(st.lists(st.text(max_size=3), max_size=30), st.integers(0, 10))
def test_disk_and_memory_agree_on_any_text(keys: list[str], few: int) -> None:
    """Lone surrogates, NUL and all."""
    disk, memory = Seen(few), Seen()

    assert [disk.first(key, n) for n, key in enumerate(keys)] == [memory.first(key, n) for n, key in enumerate(keys)]
    disk.close()


def test_what_is_not_closed_is_closed_in_the_end() -> None:
    """Nothing is left open on disk by a run that nobody keeps."""
    seen = Seen(0)
    seen.first("a", 0)
    disk = seen._disk
    assert disk is not None
    del seen
    gc.collect()

    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        disk.execute("SELECT 1")
