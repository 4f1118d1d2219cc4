"""The file of a journal: private, locked, and refused where it is not ours."""

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from airmeet_async import JournalError
from airmeet_async.bulk.journal.locking import JournalLock, holder_of
from airmeet_async.bulk.journal.writer import JournalWriter
from tests.bulk.journal.conftest import add_list, change, left, names, opened, people, settle


@pytest.mark.parametrize("mask", [0o000, 0o022])
def test_nobody_else_can_read_it(path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        writer = opened(path)
        number = add_list(writer, people("a b"))
        settle(writer, number, left(writer, number)[0])
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
        writer.close()
    finally:
        os.umask(before)

    assert modes.keys() == {"launch.job", "launch.job-wal", "launch.job-shm", "launch.job-lock"}
    assert set(modes.values()) == {0o600}


def test_a_second_run_of_the_same_journal_ends_at_once(path: Path) -> None:
    writer = opened(path)

    with pytest.raises(JournalError, match=rf"process {os.getpid()}") as caught:
        JournalWriter(path)

    assert caught.value.busy
    number = add_list(writer, people("a"))  # the first one goes on
    assert names(left(writer, number)) == "a"
    writer.close()
    JournalWriter(path).close()


def _foreign(path: Path) -> None:
    change(path, "CREATE TABLE mine (x)")
    path.chmod(0o600)


def _made(path: Path) -> None:
    writer = opened(path)
    add_list(writer, people("a"))
    writer.close()


def _newer(path: Path) -> None:
    _made(path)
    change(path, "PRAGMA user_version = 99")


def _older(path: Path) -> None:
    _made(path)
    change(path, "PRAGMA user_version = 1")


def _text(path: Path) -> None:
    path.write_text("email,first_name\n" * 100)
    path.chmod(0o600)


def _open_to_all(path: Path) -> None:
    _made(path)
    path.chmod(0o644)


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_foreign, "not a run file"),
        (_text, "not a run file"),
        (_newer, "version 99"),
        (_older, "written by airmeet-async 0.1.*sends everybody in the list again"),
        (_open_to_all, "chmod 0600"),
        (_link, "symbolic link"),
        (Path.mkdir, "plain file"),
        (os.mkfifo, "plain file"),
    ],
)
def test_what_is_no_journal_is_refused_and_left_alone(path: Path, make: Callable[[Path], object], reason: str) -> None:
    make(path)
    before = path.read_bytes() if path.is_file() else b""

    with pytest.raises(JournalError, match=reason):
        JournalWriter(path)

    assert (path.read_bytes() if path.is_file() else b"") == before
    assert holder_of(path) is None


def test_an_empty_file_is_taken_for_a_journal_that_was_just_made(path: Path) -> None:
    """That is what a crash in the first moment leaves."""
    path.touch(0o600)

    _made(path)


@pytest.mark.slow  # how long the other thread holds the lock is a matter of real time
def test_asking_who_has_a_journal_does_not_keep_a_run_out(path: Path) -> None:
    """Again and again, from another thread."""
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            holder_of(path)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(100):
            JournalLock(path).release()
    finally:
        stop.set()
        asking.join()
