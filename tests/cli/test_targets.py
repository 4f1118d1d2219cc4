"""Private files: locked while they are written, and gone after the process that left them."""

import os
import subprocess
import sys

import pytest

from airmeet_async import RowResult, RowStatus
from airmeet_async.cli.output import results_csv
from airmeet_async.cli.output.results_csv import ResultsWriter
from airmeet_async.cli.output_files import private_file
from airmeet_async.errors import ConfigError

OURS = ".airmeet-0123456789ab.part"
HOLD = (
    "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print('held', flush=True); input()"
)


def result(index):
    return RowResult(index, index + 2, f"p{index}@example.com", RowStatus.SUCCEEDED, row={"email": "p@example.com"})


def parts(folder):
    return {path.name for path in folder.glob(".airmeet-*")}


def test_what_a_dead_process_has_left_is_removed(tmp_path):
    (tmp_path / OURS).write_text("ada@example.com")
    (tmp_path / ".airmeet-link.part").symlink_to(tmp_path / OURS)
    (tmp_path / ".airmeet-folder.part").mkdir()
    os.mkfifo(tmp_path / ".airmeet-pipe.part")

    path, file = private_file(tmp_path)
    file.close()

    assert parts(tmp_path) == {path.name, ".airmeet-link.part", ".airmeet-folder.part", ".airmeet-pipe.part"}


def test_what_another_process_writes_is_left_alone(tmp_path):
    held = tmp_path / OURS
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(held)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        private_file(tmp_path)[1].close()
        there = held.exists()
        other.kill()
    private_file(tmp_path)[1].close()

    assert (there, held.exists()) == (True, False)


def test_two_writers_of_one_process_leave_each_other_alone(tmp_path):
    with ResultsWriter(tmp_path / "a.csv", ("email",)) as one, ResultsWriter(tmp_path / "b.csv", ("email",)) as other:
        one.write([result(1), result(0)])
        other.write([result(0)])

    assert [len((tmp_path / name).read_text().splitlines()) for name in ("a.csv", "b.csv")] == [3, 2]
    assert parts(tmp_path) == set()


def test_results_that_found_no_place_are_not_swept_away(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(13, "Permission denied")

    writer = ResultsWriter(tmp_path / "a.csv", ("email",))
    writer.write([result(1), result(0)])
    monkeypatch.setattr(results_csv, "put_in_place", refuse)
    with pytest.raises(ConfigError, match=r"the results are in .*\.kept"):
        writer.close()
    private_file(tmp_path)[1].close()

    [kept] = tmp_path.glob(".airmeet-*.kept")
    assert len(kept.read_text().splitlines()) == 3
