"""Result files beside each other, and one that finds no place."""

import pytest

from airmeet_async import RowResult, RowStatus
from airmeet_async.cli.output.results_csv import ResultsWriter
from airmeet_async.errors import ConfigError
from airmeet_async.private_files import NewFile


def result(index):
    return RowResult(index, index + 2, f"p{index}@example.com", RowStatus.SUCCEEDED, row={"email": "p@example.com"})


def parts(folder):
    return {path.name for path in folder.glob(".airmeet-*")}


def test_two_writers_of_one_process_leave_each_other_alone(tmp_path):
    with ResultsWriter(tmp_path / "a.csv", ("email",)) as one, ResultsWriter(tmp_path / "b.csv", ("email",)) as other:
        one.write([result(1), result(0)])
        other.write([result(0)])

    assert [len((tmp_path / name).read_text().splitlines()) for name in ("a.csv", "b.csv")] == [3, 2]
    assert parts(tmp_path) == set()


def test_results_that_found_no_place_are_not_swept_away(tmp_path):
    writer = ResultsWriter(tmp_path / "a.csv", ("email",))
    writer.write([result(1), result(0)])
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ConfigError, match=r"the results are in .*\.kept"):
        writer.close()
    NewFile(tmp_path).discard()

    [kept] = tmp_path.glob(".airmeet-*.kept")
    assert len(kept.read_text().splitlines()) == 3
