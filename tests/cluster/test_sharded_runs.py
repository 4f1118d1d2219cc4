"""Runs whose rows are sent in shards: to whoever starts one it is like any other. They are sent in this process."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio
import pytest

from airmeet_async import Adaptive, AirmeetClient, BulkStoppedError, ClientEvent, Reply, Request, RowResult
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal.queries import read_results, read_summary
from airmeet_async.bulk.options import ShardListener
from airmeet_async.bulk.report import BulkReport, RowStatus, StopReason
from airmeet_async.bulk.row import OutcomeState
from airmeet_async.client.telemetry import RunEnded, RunStarted, RunStopped
from airmeet_async.cluster import OnDask, run_shard
from airmeet_async.errors import (
    ClientStateError,
    ConfigError,
    JournalError,
    NotFoundError,
    PermissionDeniedError,
    ReplyError,
)
from tests.support.bulk_runs import add_journaled, change, spied, stopped_after
from tests.support.worlds import EVENT, add, client_of, people, sends, statuses, transport_of


class InProcess:
    """Sends shards one after the other, each with a client of its own."""

    def __init__(self, transport: Any, folder: Path | None = None, shards: int | None = None) -> None:
        self.folder, self.shards = folder, shards
        self.seen: list[Path] = []
        self.is_closed = False
        self._transport = transport

    async def open(self, folder: Path, *, base: str, keys: str) -> int:
        return 2

    async def send(self, paths: Sequence[Path], listener: ShardListener) -> None:
        for path in paths:
            self.seen.append(path)
            async with client_of(self._transport) as client:
                listener.ended(await run_shard(path, client=client, progress=listener.told))

    async def aclose(self) -> None:
        self.is_closed = True


def job_of(client: AirmeetClient, n: int, path: Path, on: Any, **options: Any) -> BulkJob:
    return client.bulk.add_attendees(EVENT, list(people(n)), send_email_invite=False, journal=path, on=on, **options)


async def test_a_run_in_shards_has_report_and_results_of_one_process(path: Path) -> None:
    transport, other = transport_of(), transport_of()
    on = InProcess(transport, shards=4)
    async with client_of(transport) as client:
        report = await job_of(client, 70, path, on)
    alone = await add_journaled(other, list(people(70)), path.with_name("alone.job"))

    assert statuses(report) == statuses(alone) == {RowStatus.SUCCEEDED: 70}
    assert (report.rows_read, report.attempts, report.stop_reason, report.all_done) == (70, 70, None, True)
    assert report.results is not None
    assert [result.index for result in report.results] == list(range(70))
    assert not any(result.from_earlier_run for result in report.results)
    assert set(sends(transport).values()) == {1}
    assert len(on.seen) == 4
    assert on.is_closed
    assert read_summary(path).state == "finished"
    assert [result.status for result in read_results(path)] == [RowStatus.SUCCEEDED] * 70


async def test_the_first_shard_is_small_and_goes_alone(path: Path) -> None:
    transport = transport_of()

    async def refuse(request: Request) -> Reply | None:
        return Reply(422, {}, b'{"message": "no"}') if request.body and b"email" in request.body else None

    spied(transport, refuse)
    on = InProcess(transport, shards=4)
    async with client_of(transport) as client:
        job = job_of(client, 200, path, on)
        with pytest.raises(BulkStoppedError):
            await job

    assert job.report.stop_reason is StopReason.FAILURES
    assert statuses(job.report) == {RowStatus.REJECTED: 20, RowStatus.UNPROCESSED: 180}
    assert len(on.seen) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFoundError), (401, PermissionDeniedError), (403, PermissionDeniedError)]
)
async def test_what_stops_a_run_in_shards_has_the_cause_and_the_sentence_of_one_process(
    path: Path, status: int, kind: type[ReplyError]
) -> None:
    async def refuse(request: Request) -> Reply | None:
        return Reply(status, {}, b"{}") if request.body and b"email" in request.body else None

    transport = spied(transport_of(), refuse)
    causes, messages = [], []
    for on in (InProcess(transport, shards=2), None):
        async with client_of(transport) as client:
            with pytest.raises(BulkStoppedError) as caught:
                await job_of(client, 40, path.with_name(f"{on is None}.job"), on)
        causes.append(caught.value.__cause__)
        messages.append(str(caught.value))

    for cause in causes:
        assert isinstance(cause, kind)
        assert cause.status == status
    assert messages[0] == messages[1] == str(causes[0])


async def test_a_limit_of_failures_is_one_of_the_whole_run(path: Path) -> None:
    transport = transport_of()

    async def refuse_some(request: Request) -> Reply | None:
        return Reply(422, {}, b'{"message": "no"}') if request.body and b'5@example.com"' in request.body else None

    spied(transport, refuse_some)
    async with client_of(transport) as client:
        job = job_of(client, 200, path, InProcess(transport, shards=5), max_failures=8)
        with pytest.raises(BulkStoppedError):
            await job

    assert job.report.stop_reason is StopReason.FAILURES
    assert 8 < job.report.counts[RowStatus.REJECTED] <= 13
    assert job.report.counts[RowStatus.UNPROCESSED] > 50


async def test_a_run_in_shards_is_stopped_and_goes_on_in_this_process(path: Path) -> None:
    transport = transport_of(latency=0.5)
    async with client_of(transport) as client:
        job = job_of(client, 60, path, InProcess(transport, shards=4), max_in_flight=4)
        async with job:
            await anyio.sleep(5)
            job.stop()
            seen = [result async for result in job]
        sent = len(sends(transport))
        report = await client.bulk.resume(path)

    assert job.report.stop_reason is StopReason.STOPPED
    assert len(seen) == 60
    assert 0 < sent < 60
    assert report.all_done
    assert set(sends(transport).values()) == {1}
    assert len(sends(transport)) == 60


async def test_a_paused_run_sends_nothing_until_it_goes_on(path: Path) -> None:
    transport = transport_of(latency=0.5)
    async with client_of(transport) as client, job_of(client, 60, path, InProcess(transport, shards=4)) as job:
        await anyio.sleep(2)
        job.pause()
        await anyio.sleep(5)
        before = len(sends(transport))
        await anyio.sleep(60)
        paused = len(sends(transport))
        job.resume()
        results = [result async for result in job]

    assert (paused, len(results), job.report.all_done) == (before, 60, True)
    assert set(sends(transport).values()) == {1}


@pytest.mark.slow
def test_results_of_shards_are_read_while_others_use_threads(path: Path) -> None:
    """Their connection to the journal belongs to one thread. On a real loop: virtual time stands still in threads."""

    async def run() -> BulkReport:
        transport = transport_of(latency=0)
        async with client_of(transport) as client:
            busy = [asyncio.create_task(use_threads()) for _ in range(3)]
            try:
                return await job_of(client, 600, path, InProcess(transport, shards=2), rate=None)
            finally:
                for task in busy:
                    task.cancel()

    async def use_threads() -> None:
        while True:
            await anyio.to_thread.run_sync(time.sleep, 0.001)

    report = asyncio.run(run())
    assert (report.succeeded, len(report.results or ())) == (600, 600)


@pytest.mark.parametrize(
    "option",
    [{"retry": 3}, {"timeout": 5.0}, {"accept_stale": True}, {"deadline": 5}, {"on_result": print}, {"on_event": print},
     {"rate": Adaptive(ceiling=10)}],
)  # fmt: skip
async def test_an_option_that_nobody_would_keep_to_is_refused_where_a_list_is_cut(
    path: Path, option: dict[str, Any]
) -> None:
    async with client_of(transport_of()) as client:
        job = add(client, list(people(4)), journal=path, **option)
        with pytest.raises(ConfigError, match=f"{next(iter(option))}= .* shards"):
            await job.cut(into=path.with_name("shards"), shards=2)

    assert not path.with_name("shards").exists()


async def test_a_job_that_was_stopped_or_slowed_is_not_cut(path: Path) -> None:
    async with client_of(transport_of()) as client:
        job = add(client, list(people(4)), journal=path)
        job.set_rate(4)
        with pytest.raises(ClientStateError, match="given a rate"):
            await job.cut(into=path.with_name("shards"), shards=2)


async def test_what_a_job_in_shards_cannot_do_is_an_error_that_says_what_to_do(path: Path) -> None:
    transport = transport_of(latency=0.5)
    async with client_of(transport) as client:
        job = job_of(client, 60, path, InProcess(transport, shards=4), rate=8)
        async with job:
            await anyio.sleep(2)
            with pytest.raises(ClientStateError, match=r"stop it, and go on with client.bulk.resume\(journal, rate="):
                job.set_rate(4)
            job.stop()
        went_on = client.bulk.resume(path, rate=4, on=InProcess(transport, shards=2))
        async with went_on:
            assert went_on.rate_ceiling == 4
            async for _ in went_on:
                pass
        for option in ({"retry": 3}, {"timeout": 5.0}, {"accept_stale": True}, {"rate": Adaptive(ceiling=10)}):
            with pytest.raises(ConfigError, match=f"{next(iter(option))}= .* shards"):
                _ = client.bulk.resume(path, on=InProcess(transport), **option)
        with pytest.raises(ConfigError, match="sent once more by this process"):
            await client.bulk.retry(path, on=InProcess(transport))

    assert went_on.report.all_done
    assert set(sends(transport).values()) == {1}


async def test_a_job_in_shards_tells_its_limits_and_no_more(path: Path) -> None:
    transport = transport_of(latency=0.5)
    async with client_of(transport) as client, job_of(client, 60, path, InProcess(transport, shards=4), rate=8) as job:
        before = (job.total, job.id, job.is_running, job.rate_ceiling, job.allowed_rate)
        nothing = (job.outage, job.last_reply, job.retrying, job.report.latency_ms)
        await anyio.sleep(3)
        counted = job.report.counts[RowStatus.SUCCEEDED]
        job.pause()
        held = (job.paused, job.allowed_rate)
        job.hurry()
        job.resume()
        async for _ in job:
            pass

    assert before == (60, read_summary(path).job, True, 8, 8)
    assert nothing == (False, "", 0, {})
    assert 0 < counted < 60
    assert held == (True, 0)
    assert (job.report.all_done, job.is_running) == (True, False)


async def test_whoever_listens_to_a_run_in_shards_hears_its_begin_and_end_and_all_results(path: Path) -> None:
    transport, results, events = transport_of(latency=0.5), list[RowResult](), list[ClientEvent]()

    async def refuse(request: Request) -> Reply | None:
        return Reply(503, {}, b"{}") if request.body and b"person-7@" in request.body else None

    spied(transport, refuse)
    async with client_of(transport) as client:
        listeners = {"on_result": results.append, "on_event": events.append}
        job = job_of(client, 40, path, InProcess(transport, shards=2), **listeners)
        async with job:
            await anyio.sleep(5)
            job.cut_off()
            assert results == []
            with pytest.raises(BulkStoppedError, match="cut off"):
                while await job.next_results():
                    pass
        report = job.report

    assert [type(event) for event in events] == [RunStarted, RunStopped, RunEnded]
    assert {event.job for event in events} == {job.id}
    assert [result.index for result in results] == list(range(40))
    assert (report.stop_reason, report.rows_read) == (StopReason.CUT_OFF, 40)
    assert 0 < report.succeeded < 40


async def test_response_times_of_a_run_in_shards_are_those_of_the_rows_that_were_sent_once(path: Path) -> None:
    transport = transport_of(latency=0.5)
    slow = iter([True])

    async def refuse_once(request: Request) -> Reply | None:
        return Reply(503, {}, b"{}") if request.body and b"email" in request.body and next(slow, False) else None

    spied(transport, refuse_once)
    async with client_of(transport) as client:
        report = await job_of(client, 30, path, InProcess(transport, shards=2))

    assert (report.succeeded, report.attempts) == (30, 31)
    assert set(report.latency_ms) == {"p50", "p90", "p99", "max"}
    assert report.latency_ms["p50"] == pytest.approx(report.latency_ms["max"], rel=0.06)


async def test_a_pause_that_is_over_at_once_sends_nobody_twice(path: Path) -> None:
    transport = transport_of(latency=0.5)
    async with client_of(transport) as client, job_of(client, 60, path, InProcess(transport, shards=4)) as job:
        for _ in range(8):
            await anyio.sleep(1)
            job.pause()
            job.resume()
        results = [result async for result in job]

    assert (len(results), job.report.all_done) == (60, True)
    assert set(sends(transport).values()) == {1}


async def test_a_deadline_ends_a_run_in_shards(path: Path) -> None:
    transport = transport_of(latency=0.5)
    async with client_of(transport) as client:
        job = job_of(client, 60, path, InProcess(transport, shards=4), max_in_flight=2, deadline=4)
        report = await job

    assert report.stop_reason is StopReason.DEADLINE


async def test_a_run_in_shards_that_is_cancelled_has_a_result_per_row(path: Path) -> None:
    transport = transport_of(latency=0.5)
    async with client_of(transport) as client:
        job = job_of(client, 60, path, InProcess(transport, shards=4), max_in_flight=2)
        with anyio.move_on_after(4):
            await job
        assert job.report.rows_read == 60
        assert (await client.bulk.resume(path)).all_done

    assert set(sends(transport).values()) == {1}


async def test_a_stopped_run_goes_on_in_shards_and_what_was_done_is_of_an_earlier_run(path: Path) -> None:
    transport = transport_of()
    await stopped_after(20, transport, list(people(60)), path)
    done = len(sends(transport))

    async with client_of(transport) as client:
        report = await client.bulk.resume(path, on=InProcess(transport, shards=3))

    assert report.all_done
    assert report.earlier_counts[RowStatus.SUCCEEDED] == done
    assert set(sends(transport).values()) == {1}


async def test_a_run_that_goes_on_in_shards_never_counts_less_than_before(path: Path) -> None:
    """Neither as its shards are sent, nor as its results are handed on at its end; who failed before counts once."""
    transport = transport_of("422@3", latency=0.1)
    await stopped_after(20, transport, list(people(60)), path)
    change(path, "UPDATE outcome SET state = ?, done = 0 WHERE entry IN (1, 2)", OutcomeState.FAILED)
    seen: list[tuple[int, int]] = []

    def watch(_: object = None) -> None:
        report = job.report
        ended = {name: n for name, n in report.counts.items() if name is not RowStatus.UNPROCESSED}
        seen.append((sum(ended.values()), sum(report.earlier_counts.values())))

    class Telling(InProcess):
        async def send(self, paths: Sequence[Path], listener: ShardListener) -> None:
            watch()
            told = listener.told
            listener.told = lambda answer: (told(answer), watch())  # type: ignore[method-assign,assignment,func-returns-value]
            await super().send(paths, listener)

    async with client_of(transport) as client:
        job = client.bulk.resume(path, on=Telling(transport, shards=3), on_result=watch)
        async with job:
            async for _ in job:
                watch()
        watch()

    assert seen[0][0] == seen[0][1] >= 18
    assert seen == sorted(seen)
    assert seen[-1] == (60, seen[0][1])


async def test_an_inner_error_of_a_shard_ends_the_run_and_takes_its_rows_back(path: Path) -> None:
    transport = transport_of()

    class Broken(InProcess):
        async def send(self, paths: Sequence[Path], listener: ShardListener) -> None:
            await super().send(paths[:1], listener)
            raise JournalError("the disk is full")

    async with client_of(transport) as client:
        job = job_of(client, 60, path, Broken(transport, shards=3))
        with pytest.raises(BulkStoppedError, match="the disk is full"):
            await job

    assert job.report.stop_reason is StopReason.JOURNAL
    assert job.report.counts[RowStatus.SUCCEEDED] == 20
    assert read_summary(path).facts.get("lent") is None


async def test_shards_need_a_journal_and_a_list_that_can_be_read_twice(path: Path) -> None:
    transport = transport_of()
    async with client_of(transport) as client:
        with pytest.raises(ConfigError, match="on= needs journal="):
            await client.bulk.add_attendees(EVENT, list(people(3)), send_email_invite=False, on=InProcess(transport))
        with pytest.raises(ConfigError, match="only once"):
            await client.bulk.add_attendees(
                EVENT, people(3), send_email_invite=False, journal=path, on=InProcess(transport)
            )


def test_what_is_no_cluster_is_named() -> None:
    on = OnDask("tcp://127.0.0.1:8786", folder="/shared", shards=3)

    assert repr(on) == "OnDask('tcp://127.0.0.1:8786', folder='/shared', shards=3)"
    with pytest.raises(ConfigError, match="int is no Dask cluster"):
        repr(OnDask(3))
