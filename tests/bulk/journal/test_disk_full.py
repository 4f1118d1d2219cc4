"""A journal on a disk that has no room, or may not be written: real files, real limits, a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ROWS = 3000


def run(path: Path, limit: int = 0, n: int = ROWS) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.support.journal_process", str(path), str(n), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow
def test_a_file_that_may_not_grow_stops_the_sending(tmp_path: Path) -> None:
    """The message names the file; once there is room, the next run does the rest, and nothing is lost or doubled."""
    path = tmp_path / "launch.job"

    full = run(path, limit=200_000)
    after = run(path)

    assert full["said"].startswith("journal: ")
    assert str(path) in full["said"]
    assert 0 < full["counts"]["succeeded"] < ROWS
    assert full["counts"]["unprocessed"] > 0
    assert sum(full["counts"].values()) == ROWS
    assert full["applied"] - full["counts"]["succeeded"] <= 64
    assert after["said"] == ""
    assert after["counts"]["succeeded"] == ROWS
    assert after["earlier_counts"]["succeeded"] >= full["counts"]["succeeded"] - 64


MOUNT = f"""
mount -t tmpfs -o size=2400k,mode=700 none "$1" && cd "$2" || exit 99
{sys.executable} -m tests.support.journal_process "$1/launch.job" {ROWS} 0
mount -o remount,size=20m none "$1"
{sys.executable} -m tests.support.journal_process "$1/launch.job" {ROWS} 0
"""


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare here")
def test_a_disk_that_is_full_stops_the_sending(tmp_path: Path) -> None:
    """A small file system of its own, in a mount namespace; then there is room, and the rest is done."""
    command = ["unshare", "-m", "sh", "-c", MOUNT, "sh", str(tmp_path), str(Path.cwd())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip("no right to mount")

    full, after = (json.loads(line) for line in done.stdout.splitlines())

    assert full["said"].startswith("journal: ")
    assert "free disk space" in full["said"]
    assert 0 < full["counts"]["succeeded"] < ROWS
    assert full["applied"] - full["counts"]["succeeded"] <= 64
    assert after["counts"]["succeeded"] == ROWS


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        found = run(tmp_path / "launch.job")
    finally:
        tmp_path.chmod(0o700)

    assert "JournalError" in found["said"]
    assert str(tmp_path) in found["said"]
    assert found["sent"] == 0


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = run(tmp_path / "nowhere" / "launch.job")

    assert "JournalError" in found["said"]
    assert str(tmp_path / "nowhere") in found["said"]
    assert found["sent"] == 0
