"""Nothing waits for what never comes, and what was read has its result."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from airmeet_async import BulkStoppedError, RowStatus
from airmeet_async.bulk.execution.row_feed import Receiver, RecordedFeed
from airmeet_async.bulk.journal import MemoryJournal
from airmeet_async.bulk.row import Outcome, OutcomeState, Row
from airmeet_async.bulk.statistics import KnownResults
from airmeet_async.protocol.http_messages import Reply, Request
from airmeet_async.testing import SandboxTransport
from tests.support.bulk_runs import add_journaled
from tests.support.worlds import EVENT, client_of, people, statuses, transport_of

S = RowStatus


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.job"


@pytest.mark.parametrize("width", [8, 32, 64, 200])
@pytest.mark.parametrize("fault", ["500@1+22", "429@1+22:retry=1"])
async def test_first_rows_that_all_need_another_attempt_get_it(path: Path, width: int, fault: str) -> None:
    """Rows that are ready and may not begin yet do not stand in their way."""
    report = await add_journaled(transport_of(fault), list(people(300)), path, max_in_flight=width)

    assert statuses(report) == {S.SUCCEEDED: 300}


def with_unknown_field(number: int) -> dict[str, Any]:
    person = {"email": f"person-{number}@example.com", "first_name": "Ada", "last_name": "Lovelace"}
    return person | {"custom_fields": {"no such field": "x"}}


@pytest.mark.parametrize("n", [1, 80])
async def test_rows_that_turn_out_invalid_after_the_event_was_asked_end_the_run(n: int) -> None:
    async with client_of(transport_of()) as client:
        rows = [with_unknown_field(number) for number in range(n)]
        report = await client.bulk.add_attendees(EVENT, rows, send_email_invite=False, rate=None)

    assert statuses(report) == {S.INVALID: n}


@pytest.mark.parametrize("has_journal", [False, True])
async def test_a_source_that_raises_whatever_it_likes_ends_the_run(path: Path, has_journal: bool) -> None:
    def source() -> Iterator[Any]:
        yield from people(30)
        raise asyncio.CancelledError

    options: dict[str, Any] = {"journal": path} if has_journal else {}
    async with client_of(transport_of()) as client:
        with pytest.raises(BulkStoppedError, match="the source of rows raised CancelledError") as caught:
            await client.bulk.add_attendees(EVENT, source(), send_email_invite=False, rate=None, **options)

    assert caught.value.report is not None
    assert statuses(caught.value.report) == {S.SUCCEEDED: 30}


class SilentAboutFields(SandboxTransport):
    async def exchange(self, request: Request) -> Reply:
        if "custom-fields" in request.target:
            await asyncio.sleep(1000)
        return await super().exchange(request)


async def test_rows_that_wait_for_the_event_have_a_result_after_a_cancellation() -> None:
    transport = SilentAboutFields(transport_of().world)
    async with client_of(transport) as client:
        rows = [*people(20), *(with_unknown_field(number) for number in range(20, 30))]
        job = client.bulk.add_attendees(EVENT, rows, send_email_invite=False, rate=None)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job, 5)

    results = job.report.results
    assert results is not None
    assert len(results) == job.report.rows_read
    assert {result.status for result in results} == {S.SUCCEEDED, S.UNPROCESSED}


async def test_rows_that_cannot_be_sent_are_read_no_faster_than_their_results_are() -> None:
    """Also where each repeats the one before."""
    async with client_of(transport_of()) as client:
        rows = [{"email": "a@example.com", "first_name": "Ada", "last_name": "Lovelace"}] * 20_000
        async with client.bulk.add_attendees(EVENT, rows, send_email_invite=False, rate=None) as job:
            await asyncio.sleep(10)
            assert job.report.rows_read < 1500
            read = [result async for result in job]

    assert len(read) == 20_000


class JournalOfOneRow(MemoryJournal):
    """A list with one row that is done; each answer takes a turn of the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.writer = self

    def open_rows(self, list_id: int, after: int, n: int, **_: Any) -> list[Row]:
        return []

    def settled_rows(self, list_id: int, after: int, n: int, **_: Any) -> list[Row]:
        row = Row(0, None, {}, "a@example.com")
        row.entry, row.earlier = 1, Outcome(OutcomeState.SUCCEEDED, 1, 1, 0, 1)
        return [row] if after < 0 else []

    async def call(self, function: Any, *arguments: Any, **named: Any) -> Any:
        await asyncio.sleep(0)
        return function(*arguments, **named)


async def test_two_who_read_to_the_end_read_each_row_once() -> None:
    """After a stop, the feed's own reading may still be under way."""
    journal, results = JournalOfOneRow(), list[Any]()

    async def room() -> None:
        pass

    feed = RecordedFeed(journal, 1, 1, known=KnownResults())  # type: ignore[arg-type]
    feed.begin(Receiver(journal, results.extend, lambda n: None, lambda: 1, room))

    async def read() -> None:
        while not feed.ended:
            await feed.read_rest()

    await asyncio.gather(read(), read(), read())

    assert (feed.read, len(results)) == (1, 1)
