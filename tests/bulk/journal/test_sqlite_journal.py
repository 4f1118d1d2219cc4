"""The promise of the journal: whatever ends a run, the next one finishes it. Real SQLite, virtual time."""

import asyncio
import contextlib
import json
import shutil
from pathlib import Path

import pytest

from airmeet_async import BulkStoppedError, JournalError, Reply, Request
from airmeet_async.bulk.report import RowStatus, StopReason
from airmeet_async.bulk.row import OutcomeState
from tests.support.bulk_runs import add_journaled, bodies, query, resume, states, stopped_after
from tests.support.worlds import EVENT, client_of, people, sends, statuses, transport_of

S = RowStatus
ROWS = list(people(200))


class _CrashError(Exception):
    """The process ends here."""


async def test_a_stopped_run_is_finished_by_the_next_one(path: Path) -> None:
    """Every row has one result in each run, and nobody is sent twice."""
    transport = transport_of()
    await stopped_after(50, transport, ROWS, path)

    report = await resume(transport, path)

    assert report.results is not None
    assert [result.index for result in report.results] == list(range(200))
    assert statuses(report) == {S.SUCCEEDED: 200}
    assert report.earlier_counts[S.SUCCEEDED] >= 50
    assert report.all_done
    assert set(sends(transport).values()) == {1}
    assert all(result.entry_link for result in report.results)


async def test_a_finished_job_sends_nothing_when_it_is_run_again(path: Path) -> None:
    transport = transport_of()
    first = await add_journaled(transport, ROWS, path)
    before = len(transport.arrivals)

    again = await add_journaled(transport, ROWS, path)

    assert statuses(first) == {S.SUCCEEDED: 200}
    assert statuses(again) == {S.SUCCEEDED: 200}
    assert again.earlier_counts[S.SUCCEEDED] == 200
    assert again.attempts == 0
    assert len(transport.arrivals) == before


@pytest.mark.slow
@pytest.mark.parametrize("k", range(1, 60, 3))
async def test_a_copy_of_the_file_at_any_moment_is_enough(path: Path, k: int) -> None:
    """What a crash leaves is the file as it is at that moment: no row is lost, and few are sent again."""
    transport, width = transport_of("500:5%,drop-after:3%,expire@30", latency=0.05), 4
    rows, copy = ROWS[:50], path.with_name("copy.job")
    exchange, seen = transport.exchange, 0

    async def crash(request: Request) -> Reply:
        nonlocal seen
        seen += 1
        if seen == k:
            for ending in ("", "-wal", "-shm"):
                if (source := Path(f"{path}{ending}")).exists():
                    shutil.copy(source, f"{copy}{ending}")
            copy.chmod(0o600)
            raise _CrashError
        return await exchange(request)

    transport.exchange = crash  # type: ignore[method-assign]
    with pytest.raises(_CrashError):
        await add_journaled(transport, rows, path, max_in_flight=width)
    transport.exchange = exchange  # type: ignore[method-assign]
    before = sends(transport)
    durable = states(copy)[OutcomeState.SUCCEEDED]

    report = await resume(transport, copy, max_in_flight=width)

    assert report.results is not None
    assert [result.index for result in report.results] == list(range(50))
    assert report.all_done
    assert report.earlier_counts[S.SUCCEEDED] == durable
    assert all(transport.world.person(EVENT, row.email) for row in rows)
    assert query(copy, "PRAGMA integrity_check") == [("ok",)]
    done = {
        key for (key,) in query(copy, "SELECT identity FROM entry e JOIN outcome o ON o.entry = e.id WHERE o.run < 2")
    }
    again = {email for email, n in sends(transport).items() if email in done and n > before.get(email, 0)}
    assert not again


async def test_a_journal_that_goes_away_stops_the_sending(path: Path) -> None:
    """The run ends with the reason, nothing is sent afterwards, and what has a result keeps it."""
    transport = transport_of()
    async with client_of(transport) as client:
        job = client.bulk.add_attendees(EVENT, ROWS, send_email_invite=False, journal=path, rate=None, max_in_flight=4)
        with pytest.raises(BulkStoppedError, match="deleted or replaced"):
            async with job:
                seen = sent = 0
                async for _ in job:
                    seen += 1
                    if seen == 20:
                        path.unlink()
                        sent = len(transport.arrivals)

    assert job.report.stop_reason is StopReason.JOURNAL
    assert len(transport.arrivals) <= sent + 4
    assert sum(job.report.counts.values()) == 200
    assert job.report.counts[S.UNPROCESSED] > 100


@pytest.mark.slow  # whether a thread has closed what it opened is a matter of real time
@pytest.mark.parametrize("after", [0.0, 1e-6, 1e-5, 1e-4, 0.01, 0.3, 0.9])
async def test_a_run_that_is_cancelled_gives_its_journal_back(path: Path, after: float) -> None:
    """While it is opened, filled, used or closed: the next run can have it at once."""
    transport = transport_of(latency=0.05)

    task = asyncio.create_task(add_journaled(transport, ROWS, path, rate=100))
    await asyncio.sleep(after)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    done = False
    for _ in range(20):  # opening may still go on in its thread, and closes what it has opened
        with contextlib.suppress(JournalError):
            done = done or (await add_journaled(transport, ROWS, path)).all_done
        await asyncio.sleep(0.01)
    assert done


async def test_a_cancelled_end_is_an_end_all_the_same(path: Path) -> None:
    """A cancellation in the very moment in which the journal is closed does not leave it locked."""
    transport = transport_of()
    async with client_of(transport) as client:
        job = client.bulk.add_attendees(EVENT, ROWS[:5], send_email_invite=False, journal=path, rate=None)
        async with job:
            results = [result async for result in job]
            job.cut_off()
            job.cut_off()

    assert len(results) == 5
    assert (await resume(transport, path)).all_done


async def test_what_a_journal_knows_of_a_run(path: Path) -> None:
    await add_journaled(transport_of(), ROWS[:3], path, note={"who": "me"})

    facts = {name: json.loads(value) for name, value in query(path, "SELECT name, value FROM facts")}
    assert (facts["operation"], facts["airmeet_id"], facts["run"]) == ("attendees.add", EVENT, 1)
    assert query(path, "SELECT rows, confirmed, horizon, json_extract(facts, '$.note.who') FROM list") == [
        (3, 1, None, "me")
    ]


async def test_odd_texts_survive_the_journal(path: Path) -> None:
    """Lone surrogates, emoji and quotes come out as they went in."""
    rows = [{"email": "a@example.com", "first_name": "\ud800'\"🎉", "last_name": "x"}, {"note": "\ud800"}]
    transport = transport_of()
    seen = bodies(transport)
    await stopped_after(1, transport, rows, path)

    report = await resume(transport, path)

    assert report.results is not None
    assert [result.row for result in report.results] == rows
    assert report.counts[S.INVALID] == 2
    assert not any("email" in body for body in seen)
