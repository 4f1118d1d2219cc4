"""A job: awaited or read row by row, stopped, paused, cut off, and misused."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from airmeet_async import (
    Attendee,
    BulkReport,
    ClientStateError,
    ConfigError,
    RowStatus,
    StopReason,
)
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal.queries import read_summary
from airmeet_async.testing import VirtualTimeLoop
from tests.support.worlds import EVENT, add, client_of, people, person, sends, statuses, transport_of

S = RowStatus


async def test_results_are_handed_out_as_they_come() -> None:
    """A stream has them in order of completion, each with index, key, value and times."""
    transport = transport_of()
    async with client_of(transport) as client, add(client, people(200)) as job:
        results = [result async for result in job]

    assert {result.index for result in results} == set(range(200))
    assert job.report.succeeded == 200
    assert job.report.results is None
    first = next(result for result in results if result.index == 0)
    assert (first.key, first.http_status, first.attempts, first.line) == ("person-0@example.com", 200, 1, None)
    assert first.row == person(0)
    assert first.latency_s is not None


@pytest.mark.slow
async def test_a_reader_that_stops_reading_stops_the_run_without_filling_memory() -> None:
    """Results wait in a list of bounded length."""
    transport = transport_of()
    async with client_of(transport) as client, add(client, list(people(10_000))) as job:
        await anyio.sleep(3600)
        held = transport.world.statistics().adds
        results = [result async for result in job]

    assert held < 1024 + 2 * 64
    assert len(results) == 10_000


async def test_a_loop_that_is_left_and_entered_again_misses_nothing() -> None:
    """Results are taken from the engine in batches, and a batch belongs to the job, not to the loop."""
    async with client_of(transport_of()) as client, add(client, list(people(500))) as job:
        await anyio.sleep(1000)
        seen = []
        async for result in job:
            seen.append(result.index)
            break
        seen += [result.index async for result in job]

    assert sorted(seen) == list(range(500))


async def test_two_awaits_of_one_job_send_nobody_twice(tmp_path: Path) -> None:
    """Also while the first of them is still reading its file."""
    file = tmp_path / "people.csv"
    file.write_text("email,first name,last name\n" + "".join(f"p{n}@example.com,A,B\n" for n in range(20)))
    transport = transport_of()

    async def wait_for(job: BulkJob) -> BulkReport:
        return await job

    async with client_of(transport) as client:
        job = add(client, file)
        outcomes = await asyncio.gather(wait_for(job), wait_for(job), return_exceptions=True)

    assert set(sends(transport).values()) == {1}
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["BulkReport", "ClientStateError"]


async def test_a_stop_before_the_start_holds() -> None:
    """Nothing is sent, and every row is told."""
    transport = transport_of()
    async with client_of(transport) as client:
        job = add(client, list(people(10)))
        job.stop()
        report = await job

    assert (report.counts[S.UNPROCESSED], sends(transport)) == (10, {})


async def test_a_pause_and_a_rate_before_the_start_hold() -> None:
    """The run begins paused, and then sends at that rate."""
    transport = transport_of()
    async with client_of(transport) as client:
        job = add(client, list(people(40)))
        job.pause()
        job.set_rate(2)
        async with job:
            await anyio.sleep(60)
            assert (job.paused, sends(transport)) == (True, {})
            job.resume()
            begun = anyio.current_time()
            assert len([result async for result in job]) == 40

    assert anyio.current_time() - begun == pytest.approx(20, abs=1)


async def test_what_is_asked_for_last_holds_also_right_after_the_start() -> None:
    transport = transport_of()
    async with client_of(transport) as client:
        job = add(client, list(people(40)))
        job.pause()
        job.set_rate(2)
        begun = anyio.current_time()
        async with job:
            job.resume()
            job.set_rate(20)
            assert len([result async for result in job]) == 40

    assert anyio.current_time() - begun == pytest.approx(2, abs=0.5)


async def test_leaving_the_block_early_lets_requests_under_way_end() -> None:
    """Nothing is UNKNOWN, the rest is UNPROCESSED, and the sums hold."""
    transport = transport_of(latency=2.0)
    async with client_of(transport) as client, add(client, list(people(1000))) as job:
        async for _ in job:
            break

    report = job.report
    assert sum(report.counts.values()) == report.rows_read == 1000
    assert report.counts[S.UNKNOWN] == 0
    assert report.counts[S.SUCCEEDED] == transport.world.statistics().adds
    assert report.stop_reason is StopReason.STOPPED


async def test_requests_that_outlive_the_grace_are_unknown() -> None:
    """Ten seconds after a stop nobody waits any longer; those rows may have been applied."""
    transport = transport_of(latency=0.1)
    async with client_of(transport) as client, add(client, list(people(100))) as job:
        async for _ in job:
            transport.latency = 1000.0
            await anyio.sleep(1)
            break

    report = job.report
    assert report.counts[S.UNKNOWN] == 64
    assert sum(report.counts.values()) == 100
    assert anyio.current_time() < 20


async def test_who_is_in_a_hurry_waits_for_no_request_and_still_learns_of_every_row() -> None:
    """Rows under way are UNKNOWN and count as attempts; rows that nobody had read are told as what they are."""
    transport = transport_of(latency=0.1)
    rows = [*people(200), person(0), Attendee("nonsense", "A", "B")]
    async with client_of(transport) as client, add(client, rows) as job:
        await anyio.sleep(0.35)
        transport.latency = 1000.0
        await anyio.sleep(1)
        job.stop(StopReason.INTERRUPTED, "interrupted")
        job.hurry()
        results = [result async for result in job]

    assert anyio.current_time() < 2
    assert sorted(result.index for result in results) == list(range(202))
    assert statuses(job.report).keys() == {S.SUCCEEDED, S.UNKNOWN, S.UNPROCESSED, S.DUPLICATE, S.INVALID}
    assert job.report.counts[S.UNKNOWN] == 64
    assert job.report.attempts == sum(sends(transport).values())


async def test_a_stop_does_not_wait_for_a_pause() -> None:
    """Rows that only wait for the server's five minutes are let go at once."""
    transport = transport_of("429@10:retry=290")
    async with client_of(transport) as client, add(client, list(people(100))) as job:
        await anyio.sleep(5)
        job.stop(StopReason.INTERRUPTED, "interrupted")
        results = [result async for result in job]

    assert anyio.current_time() < 10
    assert len(results) == 100
    assert job.report.counts[S.UNKNOWN] == 0


async def test_a_stop_lets_go_of_the_workers_that_only_wait() -> None:
    """Sixty-four of them, behind a pause of five minutes."""
    transport = transport_of("429@200:retry=290")
    async with client_of(transport) as client, add(client, list(people(1000))) as job:
        await anyio.sleep(60)
        job.stop(StopReason.INTERRUPTED, "interrupted")
        job.stop(StopReason.STOPPED, "too late")
        results = [result async for result in job]

    assert anyio.current_time() < 75
    assert len(results) == 1000
    assert (job.report.stop_reason, job.report.stop_message) == (StopReason.INTERRUPTED, "interrupted")


async def test_after_a_stop_nobody_is_asked_for_long() -> None:
    """Rows that need an answer of the server to be judged are left unjudged when there is a hurry."""
    transport = transport_of(latency=10.0)
    rows = [{"email": f"a{n}@example.com", "first_name": "A", "last_name": "B", "Team": "x"} for n in range(10)]
    async with client_of(transport) as client:
        job = client.bulk.add_attendees(EVENT, rows, send_email_invite=False, columns={"custom:Team": "Team"})
        job.stop()
        async with job:
            await anyio.sleep(1)
            job.hurry()
            results = [result async for result in job]

    assert anyio.current_time() < 3
    assert len(results) == job.report.rows_read


async def test_a_run_can_be_paused_and_goes_on() -> None:
    """While it is paused, nothing leaves; interactive calls of the same client do."""
    transport = transport_of()
    async with (
        client_of(transport) as client,
        client.bulk.add_attendees(EVENT, list(people(100)), send_email_invite=False, rate=20) as job,
    ):
        await anyio.sleep(1)
        job.pause()
        await anyio.sleep(0.1)
        before = len(transport.arrivals)
        await anyio.sleep(60)
        assert job.paused
        assert len(transport.arrivals) == before
        await client.attendees.add(EVENT, person("interactive"), send_email_invite=True)
        job.resume()
        results = [result async for result in job]

    assert len(results) == 100
    assert job.report.all_done


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    """No group around it; requests under way end, and the run in order."""
    transport = transport_of(latency=5.0)
    job = None
    async with client_of(transport) as client:
        with pytest.raises(LookupError, match="mine"):
            async with add(client, list(people(100))) as job:
                await anyio.sleep(7)
                raise LookupError("mine")

    assert job is not None
    assert sum(job.report.counts.values()) == job.report.rows_read
    assert job.report.counts[S.UNKNOWN] == 0
    assert job.report.stop_reason is StopReason.STOPPED


async def test_a_deadline_around_a_run_cuts_it_off() -> None:
    """Rows under way are UNKNOWN, rows that were not read are not counted."""
    transport = transport_of(latency=1.0)
    async with client_of(transport) as client:
        job = add(client, people(10_000))
        with anyio.move_on_after(10.5) as scope:
            await job

    assert scope.cancelled_caught
    report = job.report
    assert sum(report.counts.values()) == report.rows_read
    assert report.counts[S.UNKNOWN] == 64
    assert transport.in_flight == 0


async def test_cancelling_the_task_that_awaits_a_job_ends_the_job() -> None:
    """No task of the run outlives it."""
    transport = transport_of(latency=1.0)
    async with client_of(transport) as client:
        task = asyncio.ensure_future(add(client, people(1000)))
        await anyio.sleep(3.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        left = [one for one in asyncio.all_tasks() if one.get_name().startswith("airmeet")]

    assert left == []


async def test_a_run_that_is_cut_off_does_not_say_that_it_is_done() -> None:
    """A deadline, and a source that has not ended: resumable, and the results so far can be read."""

    async def idle() -> AsyncIterator[Attendee]:
        for one in people(10):
            yield one
        await anyio.sleep_forever()

    async with client_of(transport_of()) as client:
        job = add(client, idle())
        with anyio.move_on_after(50):
            await job

    report = job.report
    assert (report.all_done, report.resumable, report.stop_reason) == (False, True, StopReason.CUT_OFF)
    assert report.results is not None
    assert len(report.results) == report.succeeded == 10


async def test_a_job_runs_once() -> None:
    """Awaiting it a second time says what to do."""
    async with client_of(transport_of()) as client:
        job = add(client, people(1))
        await job
        with pytest.raises(ClientStateError, match="create a new one"):
            await job


async def test_a_job_that_was_not_started_has_no_report() -> None:
    """The error says how to start it."""
    async with client_of(transport_of()) as client:
        job = add(client, people(1))
        with pytest.raises(ClientStateError, match="await it"):
            _ = job.report
        with pytest.raises(ClientStateError, match="async with"):
            aiter(job)
        with pytest.warns(RuntimeWarning, match="never started"):
            del job


async def test_a_job_that_nobody_started_cannot_be_read() -> None:
    """It would wait for ever; the error says what to write."""
    async with client_of(transport_of()) as client:
        job = add(client, people(3))
        with pytest.raises(ClientStateError, match="async with job"):
            async for _ in job:
                pass
        await job


async def test_no_place_at_all_is_refused() -> None:
    """Zero is not "as many as usual"."""
    async with client_of(transport_of()) as client:
        with pytest.raises(ConfigError, match="at least 1"):
            _ = add(client, people(1), max_in_flight=0)


async def by_timeout(job: BulkJob) -> None:
    async with asyncio.timeout(1.25):
        await job


async def by_wait_for(job: BulkJob) -> None:
    await asyncio.wait_for(job, 1.25)


async def by_a_sibling(job: BulkJob) -> None:
    async def fail() -> None:
        await anyio.sleep(1.25)
        raise LookupError("mine")

    async def run() -> None:
        await job

    async with asyncio.TaskGroup() as group:
        group.create_task(run())
        group.create_task(fail())


def check_cut_off(job: BulkJob, *, sent: dict[str, int]) -> None:
    """One result per row that was read; those under way are told as what they are."""
    report = job.report
    assert report.results is not None
    assert [result.index for result in report.results] == list(range(report.rows_read))
    unknown = [result for result in report.results if result.status is S.UNKNOWN]
    assert len(unknown) == 8
    assert {(result.attempts, result.error and result.error.ambiguous) for result in unknown} == {(1, True)}
    assert report.attempts == sum(sent.values())
    assert sum(result.attempts for result in report.results) == report.attempts
    assert report.stop_reason is StopReason.CUT_OFF


@pytest.mark.parametrize("journaled", [False, True])
@pytest.mark.parametrize("source", [list, iter])
@pytest.mark.parametrize(
    ("cut_off", "error"), [(by_timeout, TimeoutError), (by_wait_for, TimeoutError), (by_a_sibling, ExceptionGroup)]
)
async def test_whatever_cuts_off_an_awaited_job_leaves_one_result_per_row(
    tmp_path: Path, cut_off: Any, error: type[Exception], source: Any, journaled: bool
) -> None:
    transport = transport_of(latency=0.3)
    async with client_of(transport) as client:
        path = tmp_path / "launch.job" if journaled else None
        job = add(client, source(list(people(100))), max_in_flight=8, journal=path)
        with pytest.raises(error):
            await cut_off(job)

    check_cut_off(job, sent=sends(transport))


def test_ctrl_c_around_an_awaited_job_leaves_one_result_per_row() -> None:
    """A program that knows nothing of signals."""
    transport = transport_of(latency=0.3)
    jobs: list[BulkJob] = []

    async def main() -> None:
        async with client_of(transport) as client:
            jobs.append(add(client, list(people(100)), max_in_flight=8))
            asyncio.get_running_loop().call_later(1.25, signal.raise_signal, signal.SIGINT)
            await jobs[0]

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner, pytest.raises(KeyboardInterrupt):
        runner.run(main())

    check_cut_off(jobs[0], sent=sends(transport))


@pytest.mark.parametrize("journaled", [False, True])
async def test_two_cancellations_in_a_row_do_not_leave_the_block_before_the_run_has_ended(
    tmp_path: Path, journaled: bool
) -> None:
    transport = transport_of(latency=0.3)
    path = tmp_path / "launch.job"
    async with client_of(transport) as client:
        job = add(client, list(people(100)), max_in_flight=8, journal=path if journaled else None)

        async def block() -> None:
            async with job:
                async for _ in job:
                    pass

        task = asyncio.create_task(block())
        await anyio.sleep(1.0)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        left = [one for one in asyncio.all_tasks() if one.get_name().startswith("airmeet")]

    assert left == []
    assert transport.in_flight == 0
    assert repr(job).endswith("ended>")
    assert sum(job.report.counts.values()) == job.report.rows_read
    assert [file.name for file in tmp_path.iterdir() if file.name.endswith(("-wal", "-shm"))] == []
    if journaled:
        async with client_of(transport) as client:  # it is not locked
            assert (await client.bulk.resume(path, rate=None)).succeeded == 100


async def test_rows_that_nobody_will_send_are_read_without_locking_others_out() -> None:
    """A million rows after a stop must let a second Ctrl-C through."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counter = asyncio.create_task(count())
    async with client_of(transport_of()) as client:
        job = add(client, [{"email": "nonsense"}] * 6400)
        job.stop()
        async with job:
            before = turns
    counter.cancel()

    assert job.report.counts[S.INVALID] == 6400
    assert turns - before > 6400 / 64 / 2


async def test_the_id_of_a_job_never_changes(tmp_path: Path) -> None:
    """It is the report's; that of a recorded list stands in its journal, and is unknown before that was read."""
    rows, path = list(people(3)), tmp_path / "launch.job"
    file = tmp_path / "people.csv"
    file.write_text("email,first name,last name\nada@example.com,Ada,King\n")
    async with client_of(transport_of()) as client:
        for source in (rows, file):
            job = client.bulk.add_attendees(EVENT, source, send_email_invite=False)
            before, report = job.id, await job
            assert before == job.id == report.job

        job = add(client, rows, journal=path)
        assert job.id is None
        assert repr(job) == "<BulkJob not started>"
        await job.prepare()
        prepared, report = job.id, await job
        assert prepared == job.id == report.job == read_summary(path).job

        for job in (add(client, rows, journal=path), client.bulk.resume(path), client.bulk.retry(path)):
            assert job.id is None
            assert (await job).job == job.id == prepared
        job = client.bulk.resume(path)
        await job.prepare()
        assert job.id == prepared

        job = add(client, list(people(5)), journal=path)
        await job.cut(into=tmp_path / "shards", shards=2)
        assert job.id == read_summary(path).job
