"""`read_run`: how far a run is, from outside and from the very process that sends it."""

import json
from datetime import datetime
from pathlib import Path

import anyio
import pytest

import airmeet_async
from airmeet_async import JournalError, RowStatus, StopReason, read_results, read_run
from airmeet_async.bulk.journal.locking import JournalLock
from airmeet_async.cluster import run_shard
from tests.support.worlds import EVENT, add, client_of, people, transport_of

LOCKS = Path("/proc/locks")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "launch.job"


def locks_on(path: Path) -> list[str]:
    """Return this system's locks on a journal and the files beside it, without their numbers."""
    inodes = {str(one.stat().st_ino) for one in path.parent.glob(f"{path.name}*")}
    lines = [line.split(": ", 1)[1] for line in LOCKS.read_text().splitlines()]
    return sorted(line for line in lines if line.split()[4].rpartition(":")[2] in inodes)


@pytest.mark.skipif(not LOCKS.exists(), reason="only Linux shows which locks there are")
async def test_a_run_is_read_in_the_process_that_sends_it_without_dropping_its_locks(path: Path) -> None:
    async with client_of(transport_of(latency=0.5)) as client:
        job = add(client, list(people(40)), journal=path, max_in_flight=4, note={"for": "the board"})
        async with job:
            await anyio.sleep(2.2)
            before = locks_on(path)
            seen = read_run(path)
            results = list(read_results(path))
            after = locks_on(path)
            job.stop()
        ended = read_run(path)

    assert before == after
    assert len(before) > 1
    assert (seen.state, seen.rows, seen.job, seen.airmeet_id, seen.operation) == (
        "running", 40, job.id, EVENT, "attendees.add",
    )  # fmt: skip
    assert 0 < seen.counts[RowStatus.SUCCEEDED] < 40
    assert sum(seen.counts.values()) == len(results) == 40
    assert seen.note == {"for": "the board"}
    assert seen.ended is None
    assert (ended.state, ended.stop_reason, ended.process) == ("interrupted", StopReason.STOPPED, None)
    assert ended.counts == job.report.counts
    assert isinstance(ended.created, datetime)
    assert isinstance(ended.ended, datetime)
    assert json.loads(json.dumps(ended.as_dict()))["counts"]["succeeded"] == job.report.succeeded


async def test_rows_in_shards_are_lent_and_a_shard_that_is_being_sent_is_busy(path: Path) -> None:
    transport = transport_of(latency=0.5)
    async with client_of(transport) as client:
        shards = await add(client, list(people(40)), journal=path).cut(into=path.parent / "shards", shards=2)
        lent = read_run(path)
        assert read_run(shards[0]).rows == 20
        told = []

        def read_now(_: object) -> None:
            with pytest.raises(JournalError) as caught:
                read_run(shards[0])
            told.append(caught.value.busy)

        await run_shard(shards[0], client=client, progress=read_now)

    assert (lent.state, lent.counts[RowStatus.UNPROCESSED], lent.stop_reason) == ("lent", 40, None)
    assert set(told) == {True}
    lock = JournalLock(shards[1])
    shards[1].with_name(f"{shards[1].name}-lock").write_text("1\n")  # as if that process had it
    with pytest.raises(
        JournalError, match=r"is being sent \(process 1\), and no other process can read or send it meanwhile"
    ):
        read_run(shards[1])
    lock.release()


async def test_a_list_that_was_only_prepared_is_no_run_yet(path: Path) -> None:
    async with client_of(transport_of()) as client:
        await add(client, list(people(3)), journal=path).prepare()
    seen = read_run(path)

    assert (seen.state, seen.rows, sum(seen.counts.values())) == ("interrupted", None, 0)
    assert set(seen.counts) == set(RowStatus)


def test_what_is_no_journal_is_an_error(path: Path) -> None:
    with pytest.raises(JournalError, match=r"launch\.job: the run file cannot be opened"):
        read_run(path)
    assert {"read_run", "read_results", "RunSummary"} <= set(airmeet_async.__all__)
