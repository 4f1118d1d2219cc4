"""Where a result file cannot be written: found before the run, or survived."""

import csv
import os
import shutil
from pathlib import Path

import pytest

from airmeet_async.bulk.report import RowResult, RowStatus
from airmeet_async.cli.output.results_csv import ResultFiles, check_result_file
from airmeet_async.errors import ConfigError
from tests.support.results import write

HEADER = ("email", "note")


def result(index: int, note: str = "") -> RowResult:
    return RowResult(index, None, "k", RowStatus.SUCCEEDED, row={"email": f"p{index}@x.de", "note": note})


def records(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file, strict=True))


def emails(path: Path) -> list[str]:
    return [record[0] for record in records(path)[1:]]


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


@pytest.fixture
def disk():
    """A disk whose files have at most so many bytes, for this process and this test."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))

    yield limit
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_the_earlier_file_and_no_half_one(tmp_path, disk):
    path = tmp_path / "out.csv"
    write(path, HEADER, [result(7)])
    disk(4096)
    with pytest.raises(ConfigError, match=r"out\.csv: cannot be written \(File too large\)"):
        write(path, HEADER, [result(index, note="x" * 1000) for index in range(9)])
    assert emails(path) == ["p7@x.de"]
    assert leftovers(tmp_path) == []


def _no_target(folder):
    (folder / "link.csv").symlink_to(folder / "elsewhere.csv")
    (folder / "dir.csv").mkdir()
    (folder / "people.csv").write_text("email\na@x.de\n")
    os.mkfifo(folder / "pipe.csv")
    (folder / "file").touch()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("link.csv", "is a symbolic link"),
        ("dir.csv", "is a directory; name a file in it"),
        ("people.csv", "exists and is not a result file; choose another name"),
        ("pipe.csv", "is not a result file"),
        ("none/out.csv", "no file can be created there (No such file or directory); choose another folder"),
        ("file/out.csv", "cannot be written (Not a directory)"),
    ],
)
def test_a_target_that_cannot_be_is_refused_at_once(tmp_path, name, said):
    """Before anything is sent, with the reason and what to do; and nothing is touched."""
    _no_target(tmp_path)
    with pytest.raises(ConfigError) as caught:
        check_result_file(tmp_path / name)
        ResultFiles(tmp_path / name, None)
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert (tmp_path / "people.csv").read_text() == "email\na@x.de\n"
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "elsewhere.csv").exists()


def test_an_empty_file_may_be_replaced(tmp_path):
    """Somebody made it to reserve the name."""
    path = tmp_path / "out.csv"
    path.touch()
    write(path, HEADER, [result(0)])
    assert emails(path) == ["p0@x.de"]


def test_a_folder_that_vanishes_is_named(tmp_path):
    path = tmp_path / "there" / "out.csv"
    path.parent.mkdir()

    def results():
        shutil.rmtree(path.parent)
        yield result(0)

    with pytest.raises(ConfigError, match=r"out\.csv: cannot be written"):
        write(path, HEADER, results())


def test_something_else_that_comes_in_its_place_is_kept(tmp_path):
    path = tmp_path / "out.csv"

    def results():
        path.mkdir()
        yield result(0)

    assert write(path, HEADER, results()).name == "out-2.csv"
    assert leftovers(tmp_path) == []
