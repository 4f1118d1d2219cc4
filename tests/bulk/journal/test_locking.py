"""The file of a journal: private, locked, and refused where it is not ours."""

import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from airmeet_async import JournalError
from airmeet_async.bulk.journal.locking import JournalLock, holder_of
from airmeet_async.bulk.report import RowStatus
from tests.support.bulk_runs import add_journaled, change
from tests.support.worlds import EVENT, client_of, people, statuses, transport_of

S = RowStatus
ROWS = list(people(200))


@pytest.mark.parametrize("mask", [0o000, 0o022])
async def test_nobody_else_can_read_it(path: Path, mask: int) -> None:
    transport = transport_of()
    modes: dict[str, int] = {}
    before = os.umask(mask)
    try:
        async with (
            client_of(transport) as client,
            client.bulk.add_attendees(EVENT, ROWS, send_email_invite=False, journal=path, rate=None) as job,
        ):
            async for _ in job:
                modes |= {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    finally:
        os.umask(before)

    assert modes.keys() == {"launch.job", "launch.job-wal", "launch.job-shm", "launch.job-lock"}
    assert set(modes.values()) == {0o600}


async def test_a_second_run_of_the_same_journal_ends_at_once(path: Path) -> None:
    transport = transport_of()
    async with (
        client_of(transport) as client,
        client.bulk.add_attendees(EVENT, ROWS, send_email_invite=False, journal=path, rate=10) as job,
    ):
        other = transport_of()
        with pytest.raises(JournalError, match=rf"process {os.getpid()}") as caught:
            await add_journaled(other, ROWS, path)
        job.stop()

    assert caught.value.busy
    assert other.arrivals == []


def _foreign(path: Path) -> None:
    change(path, "CREATE TABLE mine (x)")
    path.chmod(0o600)


def _newer(path: Path) -> None:
    anyio.run(add_journaled, transport_of(), ROWS[:1], path)
    change(path, "PRAGMA user_version = 99")


def _text(path: Path) -> None:
    path.write_text("email,first_name\n" * 100)
    path.chmod(0o600)


def _open_to_all(path: Path) -> None:
    _newer(path)
    path.chmod(0o644)


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (_foreign, "not a run file"),
        (_text, "not a run file"),
        (_newer, "version 99"),
        (_open_to_all, "chmod 0600"),
        (_link, "symbolic link"),
        (Path.mkdir, "plain file"),
        (os.mkfifo, "plain file"),
    ],
)
def test_what_is_no_journal_is_refused_and_left_alone(path: Path, make: Callable[[Path], object], reason: str) -> None:
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    transport = transport_of()

    with pytest.raises(JournalError, match=reason):
        anyio.run(add_journaled, transport, ROWS, path)

    assert transport.arrivals == []
    assert (path.read_bytes() if path.is_file() else b"") == before


async def test_an_empty_file_is_taken_for_a_journal_that_was_just_made(path: Path) -> None:
    """That is what a crash in the first moment leaves."""
    path.touch(0o600)

    assert statuses(await add_journaled(transport_of(), ROWS[:3], path)) == {S.SUCCEEDED: 3}


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
