"""The engine with a journal whose disk is as slow, or as full, as a test says. Virtual time, no thread."""

import asyncio
import contextlib
import itertools
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from airmeet_async import Attendee, BulkStoppedError, Invite, JournalError, RowResult, RowStatus, StopReason
from airmeet_async.bulk.journal.recorded_rows import recorded_result
from airmeet_async.bulk.journal.writer import JournalWriter
from tests.support.disk import DiskLoop, disk
from tests.support.worlds import add, client_of, people, person, sends, statuses, transport_of

S = RowStatus


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": DiskLoop}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "launch.job"


@pytest.mark.parametrize("source", [list, iter])
@pytest.mark.parametrize("end", ["stop", "cut off", "hurry"])
@pytest.mark.parametrize("at", [0.1, 1.5, 2.5, 5.5, 8.5])
async def test_rows_that_are_being_recorded_when_the_run_ends_have_a_result(
    path: Path, source: Any, end: str, at: float
) -> None:
    """A commit takes two seconds: some rows are neither with the source nor with a worker when it comes."""
    transport = transport_of()
    async with client_of(transport) as client, add(client, source(list(people(30))), journal=path) as job:
        disk().seconds = 2.0
        await anyio.sleep(at)
        if end == "cut off":
            job.cut_off()
        else:
            job.stop()
            if end == "hurry":
                job.hurry()
        results = []
        with contextlib.suppress(BulkStoppedError):
            async for result in job:
                results.append(result)  # noqa: PERF401 - what came before an error counts

    assert sorted(result.index for result in results) == list(range(job.report.rows_read))
    assert job.report.counts[S.SUCCEEDED] + job.report.counts[S.UNKNOWN] == len(sends(transport))


async def test_a_source_without_an_end_is_read_no_more_when_the_run_is_cut_off(path: Path) -> None:
    """The journal asks for more rows while it writes its last ones."""
    read = 0

    def endless() -> Iterator[Attendee]:
        nonlocal read
        for number in itertools.count():
            read += 1
            yield person(number)

    async with client_of(transport_of()) as client:
        job = add(client, endless(), journal=path)
        task = asyncio.ensure_future(job)
        await anyio.sleep(0.2)
        disk().seconds = 0.5
        await anyio.sleep(0.2)
        before = read
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert read <= before + 64
    assert job.report.rows_read == sum(job.report.counts.values()) == read
    assert job.report.stop_reason is StopReason.CUT_OFF
    assert statuses(job.report).keys() <= {S.SUCCEEDED, S.UNKNOWN, S.UNPROCESSED}


def found_by_the_next_run(path: Path) -> dict[int, RowResult]:
    """Return what a copy of the journal says of each row to the run that comes next."""
    copy = path.with_name("copy.job")
    for suffix in ("", "-wal"):
        if (file := path.with_name(path.name + suffix)).exists():
            shutil.copy(file, copy.with_name(copy.name + suffix))
    writer = JournalWriter(copy)
    try:
        writer.begin_run()
        (number,) = [found.id for found in writer.lists()]
        rows = [*writer.open_rows(number, -1, 1000), *writer.settled_rows(number, -1, 1000)]
        return {row.index: recorded_result(row, "") for row in rows}
    finally:
        writer.close()


@pytest.mark.parametrize("mails", [False, True])
@pytest.mark.parametrize("source", [list, iter])
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 6, 8, 11, 14])
async def test_what_a_failed_commit_leaves_is_told_as_the_next_run_finds_it(
    path: Path, nth: int, source: Any, mails: bool
) -> None:
    """A disk that is full: no row is told as done that the journal does not know of, and the next run does the rest."""
    commits = 0

    def fail(name: str) -> None:
        nonlocal commits
        commits += name == "transact"
        if name == "transact" and commits >= nth:
            raise JournalError(f"{path}: no space left on the disk")

    transport = transport_of("429@5:retry=1,500@9,422@12,429@20:retry=1", latency=0.05)
    async with client_of(transport) as client:
        job = add(client, source(list(people(40))), journal=path, max_in_flight=6, send_email_invite=mails)
        async with job:
            disk().seconds = 0.01
            disk().before = fail
            results = {}
            with pytest.raises(BulkStoppedError, match="no space left"):
                async for result in job:
                    results[result.index] = result
    disk().before = lambda _: None

    assert job.report.stop_reason is StopReason.JOURNAL
    assert sorted(results) == list(range(job.report.rows_read))
    assert job.report.attempts == sum(sends(transport).values())
    found = found_by_the_next_run(path)
    for index, result in results.items():
        # A row of a generator whose recording failed is not there at all.
        status = found[index].status if index in found else S.UNPROCESSED
        assert (index, result.status) == (index, status)
        assert (result.invite is Invite.UNVERIFIED) == (index in found and found[index].invite is Invite.UNVERIFIED)

    if not found:
        return
    async with client_of(transport_of()) as client:
        if not found:  # the first row of a generator could not be recorded: there is no list yet
            with pytest.raises(JournalError, match="Nothing was sent"):
                await client.bulk.resume(path, rate=None)
            return
        report = await client.bulk.resume(path, rate=None)
    assert report.counts[S.REJECTED] <= 1
    assert report.succeeded + report.counts[S.REJECTED] == report.rows_read == len(found)


async def test_the_journal_is_closed_however_often_the_run_is_cancelled(path: Path) -> None:
    """Each step of its disk takes a second, and cancellations come in between: no lock and no side file stay."""
    transport = transport_of(latency=0.5)
    async with client_of(transport) as client:
        job = add(client, list(people(100)), journal=path)

        async def block() -> None:
            async with job:
                disk().seconds = 1.0
                await anyio.sleep_forever()

        task = asyncio.create_task(block())
        await anyio.sleep(5)
        task.cancel()
        await asyncio.sleep(0)
        for _ in range(5):
            task.cancel()
            await anyio.sleep(0.3)
        with pytest.raises(asyncio.CancelledError):
            await task
        left = [one.get_name() for one in asyncio.all_tasks() if one.get_name().startswith("airmeet-job")]

    assert left == []
    assert sum(job.report.counts.values()) == job.report.rows_read
    assert [file.name for file in path.parent.iterdir() if file.name.endswith(("-wal", "-shm"))] == []
    writer = JournalWriter(path)  # it is not locked
    assert writer.facts()["stop"] == "cut_off"
    writer.close()


async def test_a_run_that_is_cut_off_again_and_again_closes_its_journal(path: Path) -> None:
    async with client_of(transport_of(latency=0.5)) as client:
        job = add(client, list(people(100)), journal=path)
        async with job:
            disk().seconds = 1.0
            await anyio.sleep(5)
            for _ in range(8):
                job.cut_off()
                await anyio.sleep(0.3)

    assert sum(job.report.counts.values()) == job.report.rows_read
    writer = JournalWriter(path)  # it is not locked
    assert writer.facts()["stop"] == "cut_off"
    writer.close()


@pytest.mark.parametrize("journaled", [False, True])
async def test_the_last_result_of_a_source_that_goes_on_is_handed_out(path: Path, journaled: bool) -> None:
    """No further row has to come for that."""

    async def one_an_hour() -> AsyncIterator[Attendee]:
        for number in range(30):
            yield person(number)
        while True:
            await anyio.sleep(3600)
            yield person(anyio.current_time())  # type: ignore[arg-type]

    times: list[float] = []
    async with (
        client_of(transport_of()) as client,
        add(client, one_an_hour(), journal=path if journaled else None) as job,
    ):
        async for _ in job:
            times.append(anyio.current_time())
            if len(times) == 33:
                break

    assert times[29] < 2
    assert [round(at / 3600, 3) for at in times[30:]] == [1, 2, 3]


async def test_the_results_survive_a_disk_that_is_full_at_the_last_step(path: Path) -> None:
    """All rows are recorded; what is written at the very end is only useful."""
    seen: list[str] = []

    def fail(name: str) -> None:
        seen.append(name)
        if name == "end_run":
            raise JournalError(f"{path}: no space left on the disk")

    async with client_of(transport_of()) as client:
        job = add(client, list(people(50)), journal=path)
        disk().before = fail
        report = await job

    assert "end_run" in seen
    assert report.all_done
    assert report.results is not None
    assert [result.index for result in report.results] == list(range(50))


@pytest.mark.parametrize("stop_after", [0, 5, 300, 700])
async def test_a_resume_gives_each_row_once_also_with_many_done(path: Path, stop_after: int) -> None:
    """They are read out of the journal in several pieces, first those that are left."""
    rows = [*people(700), person(3), Attendee("nonsense", "A", "B")]
    transport = transport_of()
    async with client_of(transport) as client:
        async with add(client, rows, journal=path) as job:
            seen = 0
            if not stop_after:
                job.stop()
            async for _ in job:
                seen += 1
                if seen == stop_after:
                    job.stop()
        report = await client.bulk.resume(path, rate=None)

    assert report.results is not None
    assert [result.index for result in report.results] == list(range(702))
    assert statuses(report) == {S.SUCCEEDED: 700, S.DUPLICATE: 1, S.INVALID: 1}
    assert set(sends(transport).values()) == {1}
    earlier = job.report.counts[S.SUCCEEDED]
    assert report.earlier_counts[S.SUCCEEDED] == earlier
    assert sum(result.from_earlier_run for result in report.results if result.status is S.SUCCEEDED) == earlier


@pytest.mark.parametrize("again", ["the list", "the journal"])
async def test_rows_that_failed_before_hold_nobody_up_when_a_run_is_resumed(path: Path, again: str) -> None:
    """Airmeet always answers some rows with 500. At the start of a resumed run they are no outage, nor a wrong list."""
    rows = [person(f"poison-{number}" if number in range(0, 300, 10) else number) for number in range(600)]
    transport = transport_of("500:100%:body=poison")
    async with client_of(transport) as client:
        async with add(client, rows, journal=path) as job:
            seen = 0
            async for _ in job:
                seen += 1
                if seen == 300:
                    job.stop()
        began = asyncio.get_running_loop().time()
        resumed = add(client, rows, journal=path) if again == "the list" else client.bulk.resume(path, rate=None)
        last = 0.0
        async with resumed:
            async for result in resumed:
                if result.status is S.SUCCEEDED and not result.from_earlier_run:
                    last = asyncio.get_running_loop().time() - began

    assert statuses(resumed.report) == {S.SUCCEEDED: 570, S.UNKNOWN: 30}
    assert resumed.report.stop_reason is None
    assert {n for email, n in sends(transport).items() if "poison" not in email} == {1}
    assert last < 5


async def test_the_rate_that_was_found_is_known_to_the_next_run_although_this_one_is_killed(path: Path) -> None:
    """It is written down every ten seconds."""
    async with (
        client_of(transport_of(rate_limit=50)) as client,
        add(client, list(people(2000)), journal=path, rate="auto") as job,
    ):
        await anyio.sleep(21)
        for suffix in ("", "-wal"):
            if (file := path.with_name(path.name + suffix)).exists():
                shutil.copy(file, path.with_name("copy.job" + suffix))
        job.stop()

    writer = JournalWriter(path.with_name("copy.job"))
    assert 40 < writer.facts()["rate"] < 70
    writer.close()
