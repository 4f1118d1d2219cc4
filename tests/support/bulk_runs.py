"""Bulk runs as several tests need them: with a spy before the server, stopped early, or with a journal to look into."""

import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from airmeet_async import AirmeetClient, Attendee, BulkReport, BulkStoppedError, Reply, Request, RowStatus, calls
from airmeet_async.bulk.execution.engine import Engine
from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.execution.row_feed import SourceFeed
from airmeet_async.bulk.input.operations import CustomOperation
from airmeet_async.bulk.input.sources import RowSource
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal import Journal
from airmeet_async.bulk.options import JobOptions, engine_options
from airmeet_async.bulk.preparation import JobPreparation
from airmeet_async.bulk.row import OutcomeState
from airmeet_async.client.rate_limiter import Pace
from airmeet_async.testing import SandboxTransport
from tests.support.worlds import EVENT, add, client_of, people, run, sends, statuses


def job_with(client: AirmeetClient, journal: Journal, rows: Iterable[Attendee], **options: Any) -> BulkJob:
    """Return a job that adds these people with a journal of the test's own."""
    given = engine_options(cast(JobOptions, options), client.options.max_in_flight)

    class Prepared(JobPreparation):
        input = None
        job = "run"
        has_journal = False
        _recorded_ignored = ()

        def __init__(self) -> None: ...

        async def start(self, results: ResultQueue, *, runner: object = None) -> Engine:
            operation = CustomOperation(lambda one: calls.add_attendee(EVENT, one, send_email_invite=False), None)
            feed = SourceFeed(RowSource(list(rows)), operation)
            pace = Pace(None, given.max_in_flight, parent=client.pace)
            return Engine(client, feed, pace=pace, results=results, journal=journal, options=given)

    return BulkJob(Prepared())


def check_results(report: BulkReport, transport: SandboxTransport) -> None:
    """Hold results against what the server did: nothing lost, nothing invented, nothing told wrongly."""
    assert report.results is not None
    assert [result.index for result in report.results] == list(range(report.rows_read))
    assert Counter(result.status for result in report.results) == Counter(statuses(report))
    sent = sends(transport)
    for result in report.results:
        there = transport.world.person(EVENT, result.key) is not None if result.key else False
        if result.status is RowStatus.SUCCEEDED:
            assert there
            assert result.entry_link
            assert result.attempts == sent[result.key]
        if result.status in {RowStatus.REJECTED, RowStatus.INVALID, RowStatus.UNPROCESSED}:
            assert not there
    assert report.attempts == sum(sent.values())


def spied(transport: SandboxTransport, odd: Any) -> SandboxTransport:
    """Put *odd* in front of a transport; what it returns as None goes on."""
    exchange = transport.exchange

    async def spy(request: Request) -> Reply:
        reply: Reply | None = await odd(request)
        return await exchange(request) if reply is None else reply

    transport.exchange = spy  # type: ignore[method-assign]
    return transport


async def report_of(transport: Any, n: int, **options: Any) -> BulkReport:
    """Run to the end or to a stop, and return the report either way."""
    async with client_of(transport) as client:
        job = add(client, list(people(n)), **options)
        with contextlib.suppress(BulkStoppedError):
            await job
        return job.report


async def add_journaled(transport: Any, rows: Any, path: Path, **options: Any) -> BulkReport:
    return await run(transport, rows, journal=path, **options)


async def resume(transport: Any, path: Path, **options: Any) -> BulkReport:
    async with client_of(transport) as client:
        return await client.bulk.resume(path, **{"rate": None} | options)


async def stopped_after(n: int, transport: Any, rows: Any, path: Path, **options: Any) -> BulkReport:
    """Stop a run when so many results are there."""
    async with (
        client_of(transport) as client,
        client.bulk.add_attendees(
            EVENT, rows, send_email_invite=False, journal=path, **{"rate": None, "max_in_flight": 8} | options
        ) as job,
    ):
        seen = 0
        async for _ in job:
            seen += 1
            if seen == n:
                job.stop()
    return job.report


def query(path: Path, sql: str) -> list[Any]:
    """Return the rows that a closed journal has for a statement."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def states(path: Path) -> Counter[OutcomeState]:
    """Return how many entries of a closed journal have which outcome; those that were never sent have none."""
    return Counter(
        {OutcomeState(state): n for state, n in query(path, "SELECT state, COUNT(*) FROM outcome GROUP BY 1")}
    )


def change(path: Path, sql: str, *values: Any) -> None:
    """Change a closed journal, as no run would."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql, values)


def bodies(transport: SandboxTransport) -> list[dict[str, Any]]:
    """Return what is sent from now on, as it is sent."""
    seen: list[dict[str, Any]] = []
    exchange = transport.exchange

    async def watch(request: Request) -> Reply:
        if request.body:
            seen.append(json.loads(request.body))
        return await exchange(request)

    transport.exchange = watch  # type: ignore[method-assign]
    return seen
