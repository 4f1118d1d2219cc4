"""Data frames as tables, whoever made them."""

import datetime as dt

import narwhals as nw
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from airmeet_async.errors import ConfigError, InputError
from airmeet_async.tables.read_frame import is_frame, open_frame
from tests.support.source_rows import batches

COLUMNS = {"email": ["a@x.de", None], "n": [1.0, 0.5], "day": [dt.date(2026, 3, 1), None]}
FRAMES = {
    "pandas": lambda: pd.DataFrame(COLUMNS),
    "polars": lambda: pl.DataFrame(COLUMNS),
    "pyarrow": lambda: pa.table(COLUMNS),
    "narwhals": lambda: nw.from_native(pl.DataFrame(COLUMNS)),
}


def test_a_frame_has_texts_as_a_file_has(subtests):
    for case, make in FRAMES.items():
        with subtests.test(case):
            frame = make()
            table = open_frame(frame)

            assert is_frame(frame)
            assert (table.columns, table.rows, table.is_file) == (("email", "n", "day"), 2, False)
            assert list(table) == [(None, {"email": "a@x.de", "n": "1", "day": "2026-03-01"}), (None, {"n": "0.5"})]
            assert [[row.index for row in batch] for batch in batches(table, 1)] == [[0], [1]]


def test_lists_are_refused_only_where_they_are_used():
    table = open_frame(pl.DataFrame({"email": ["a@x.de"], "tags": [["x"]]})).check()

    assert list(table) == [(None, {"email": "a@x.de"})]
    table.judge(["email"])
    with pytest.raises(InputError, match='column "tags": holds List'):
        table.judge(["tags"])


def test_a_frame_without_rows_is_refused():
    with pytest.raises(InputError, match="the data frame: has no rows"):
        open_frame(pl.DataFrame({"email": []}))


def test_a_frame_that_would_be_computed_twice_is_refused():
    with pytest.raises(ConfigError, match=r"lazy \(polars LazyFrame\).*collect"):
        open_frame(pl.LazyFrame({"email": ["a@x.de"]}))


def test_a_column_of_a_frame_is_no_frame():
    with pytest.raises(ConfigError, match="not a polars Series"):
        open_frame(pl.Series(["a@x.de"]))


@pytest.mark.slow
def test_a_dask_frame_is_fetched_partition_by_partition_and_each_one_once():
    dask, fetched = pytest.importorskip("dask.dataframe"), []

    def fetch(part):
        fetched.append(len(part))
        return part

    people = pd.DataFrame({"email": [f"{n}@x.de" for n in range(5)], "n": range(5)})
    frame = dask.from_pandas(people, npartitions=2).map_partitions(fetch, meta=people.head(0))

    table = open_frame(frame)
    rows = iter(table)
    first = next(rows)
    fetched_for_first = len(fetched)
    rest = list(rows)

    assert (table.columns, table.is_file, first) == (("email", "n"), False, (None, {"email": "0@x.de", "n": "0"}))
    assert [cells["email"] for _, cells in rest] == [f"{n}@x.de" for n in range(1, 5)]
    assert fetched_for_first == 1
    assert sum(fetched) == 5
