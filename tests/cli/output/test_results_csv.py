"""Where results go."""

import csv
import errno
from typing import cast

import pytest

from airmeet_async import RowError, RowResult, RowStatus
from airmeet_async.bulk.journal.recorded_rows import CHANGED
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.output.results_csv import ResultFiles, ResultsWriter, choose_paths, free_path
from airmeet_async.errors import ConfigError
from airmeet_async.private_files import NewFile
from tests.support.results import write

HEADER = ("email",)


def result(index, status=RowStatus.SUCCEEDED, **facts):
    return RowResult(index, index + 2, f"p{index}@example.com", status, row={"email": f"p{index}@example.com"}, **facts)


def test_earlier_results_are_never_replaced_by_default(tmp_path):
    path = tmp_path / "people-results.csv"
    assert free_path(path) == path

    path.touch()
    (tmp_path / "people-results-2.csv").touch()

    assert free_path(path).name == "people-results-3.csv"


@pytest.mark.parametrize(
    ("results", "failed"), [("in.csv", None), ("./in.csv", None), ("r.csv", "in.csv"), ("r.csv", "./r.csv")]
)
def test_the_input_and_each_other_are_not_overwritten(tmp_path, results, failed):
    (tmp_path / "in.csv").touch()
    paths = [str(tmp_path / name) if name else None for name in (results, failed)]

    with pytest.raises(UsageError, match="choose"):
        choose_paths(str(tmp_path / "in.csv"), *paths)


def test_both_files_are_written(tmp_path):
    with ResultFiles(tmp_path / "r.csv", tmp_path / "f.csv", HEADER) as files:
        files.add(result(1, RowStatus.INVALID, error=RowError("invalid_email", "no"), warnings=("cut",)))
        files.add(result(0))
        files.add(result(2, RowStatus.DUPLICATE))

    assert len((tmp_path / "r.csv").read_text().splitlines()) == 4
    assert len((tmp_path / "f.csv").read_text().splitlines()) == 2
    assert files.left == tmp_path / "f.csv"
    assert files.warned == ["line 3: cut"]
    assert files.trouble is None


def test_no_file_is_left_where_nothing_is_left(tmp_path):
    with ResultFiles(tmp_path / "r.csv", tmp_path / "f.csv", HEADER) as files:
        files.add(result(0))

    assert files.left is None
    assert not (tmp_path / "f.csv").exists()


def test_a_full_disk_is_noted_not_raised(tmp_path):
    """Requests are under way: they must end in peace, and what is on the disk still counts."""

    class Full:
        def add(self, result):
            return 0

        def flush(self):
            raise OSError(errno.ENOSPC, "No space left on device")

    with ResultFiles(tmp_path / "r.csv", None, HEADER) as files:
        files._writers.append(cast("ResultsWriter", Full()))
        files.add(result(0))

    assert "No space left" in (files.trouble or "")
    assert (tmp_path / "r.csv").exists()


def test_a_done_row_that_has_changed_since_is_marked(tmp_path):
    with ResultFiles(tmp_path / "r.csv", None, HEADER) as files:
        files.add(result(0, RowStatus.SKIPPED, warnings=(CHANGED,)))
        files.add(result(1, RowStatus.SKIPPED, warnings=("cut",)))

    with (tmp_path / "r.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert [(row["airmeet_code"], row["airmeet_error"]) for row in rows] == [("changed", CHANGED), ("", "")]


def test_a_refusal_after_an_unclear_attempt_is_counted(tmp_path):
    with ResultFiles(tmp_path / "r.csv", None, HEADER) as files:
        for index, code in enumerate(("http_422", "http_500", "http_429", "timeout")):
            files.add(result(index, RowStatus.FAILED, error=RowError(code, "no", ambiguous=True)))
        files.add(result(4, RowStatus.REJECTED, error=RowError("http_422", "no")))

    assert files.refused == 1


def parts(folder):
    return {path.name for path in folder.glob(".airmeet-*")}


def test_two_writers_of_one_process_leave_each_other_alone(tmp_path):
    with ResultsWriter(tmp_path / "a.csv", ("email",)) as one, ResultsWriter(tmp_path / "b.csv", ("email",)) as other:
        write(one, [result(1), result(0)])
        write(other, [result(0)])

    assert [len((tmp_path / name).read_text().splitlines()) for name in ("a.csv", "b.csv")] == [3, 2]
    assert parts(tmp_path) == set()


def test_results_that_found_no_place_are_not_swept_away(tmp_path):
    writer = ResultsWriter(tmp_path / "a.csv", ("email",))
    write(writer, [result(1), result(0)])
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ConfigError, match=r"the results are in .*\.kept"):
        writer.close()
    NewFile(tmp_path).discard()

    [kept] = tmp_path.glob(".airmeet-*.kept")
    assert len(kept.read_text().splitlines()) == 3
