"""Where a result file cannot be written: found before the run, or survived."""

import csv
import os
from pathlib import Path

import pytest

from airmeet_async.bulk.report import RowResult, RowStatus
from airmeet_async.cli.output.results_csv import ResultsWriter
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


@pytest.mark.parametrize("order", [range(9), reversed(range(9))], ids=["in order", "in disorder"])
def test_a_full_disk_keeps_all_whole_rows(tmp_path, disk, order):
    """Half a row is cut off, and what was written before it stays."""
    path = tmp_path / "out.csv"
    written: list[int] = []
    disk(4096)

    def run() -> None:
        with ResultsWriter(path, HEADER) as writer:
            for index in order:
                write(writer, [result(index, note="x" * 1000)])
                written.append(index)

    with pytest.raises(OSError, match="File too large"):
        run()
    assert len(written) == 3
    assert emails(path) == [f"p{index}@x.de" for index in sorted(written)]
    assert {len(record) for record in records(path)} == {8}
    assert leftovers(tmp_path) == []


def test_a_disk_that_has_room_again_gets_every_row(tmp_path, disk):
    """Rows that found no room are written with the next ones, over the half that did not fit."""
    path = tmp_path / "out.csv"
    with ResultsWriter(path, HEADER) as writer:
        disk(1000)
        with pytest.raises(OSError, match="File too large"):
            write(writer, [result(0, note="x" * 2000)])
        disk(1_000_000)
        write(writer, [result(1, note="y" * 2000)])
    assert [record[1][:1] for record in records(path)[1:]] == ["x", "y"]


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
        ResultsWriter(tmp_path / name, HEADER)
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value)
    assert (tmp_path / "people.csv").read_text() == "email\na@x.de\n"
    assert leftovers(tmp_path) == []
    assert not (tmp_path / "elsewhere.csv").exists()


def test_an_empty_file_may_be_replaced(tmp_path):
    """Somebody made it to reserve the name."""
    path = tmp_path / "out.csv"
    path.touch()
    with ResultsWriter(path, HEADER) as writer:
        write(writer, [result(0)])
    assert emails(path) == ["p0@x.de"]


def test_a_target_that_vanishes_keeps_the_results(tmp_path):
    """When the file cannot get its place, the message says where the results are."""
    path = tmp_path / "out.csv"
    writer = ResultsWriter(path, HEADER)
    write(writer, [result(0)])
    path.mkdir()
    with pytest.raises(ConfigError, match="the results are in") as caught:
        writer.close()
    (part,) = leftovers(tmp_path)
    assert str(caught.value).endswith(part)
    assert emails(tmp_path / part) == ["p0@x.de"]
