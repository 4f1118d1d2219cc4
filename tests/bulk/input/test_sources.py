"""Where rows come from: read no faster than they are sent, and to their end."""

import itertools
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from airmeet_async import (
    Attendee,
    BulkStoppedError,
    ConfigError,
    InputError,
    RowStatus,
)
from tests.support.bulk_runs import check_results
from tests.support.worlds import add, client_of, people, person, run, statuses, transport_of

S = RowStatus


def breaking_at(n: int) -> Iterator[Attendee]:
    yield from people(n)
    message = "the cursor is gone"
    raise LookupError(message)


async def breaking_slowly(n: int) -> AsyncIterator[Attendee]:
    for one in people(n):
        await anyio.lowlevel.checkpoint()
        yield one
    message = "the cursor is gone"
    raise LookupError(message)


@pytest.mark.parametrize("source", [breaking_at, breaking_slowly])
async def test_a_source_that_breaks_ends_the_run_after_the_rows_before_it(source: Any) -> None:
    """They have their results; the error names the row and keeps the source's own error as its cause."""
    transport = transport_of("500:10%")
    async with client_of(transport) as client:
        with pytest.raises(BulkStoppedError, match=r"row 137.*cursor is gone") as caught:
            await add(client, source(137))

    report = caught.value.report
    check_results(report, transport)
    assert statuses(report) == {S.SUCCEEDED: 137}
    assert isinstance(caught.value.__cause__, InputError)
    assert isinstance(caught.value.__cause__.__cause__, LookupError)


async def test_a_source_is_read_no_faster_than_rows_are_sent() -> None:
    """An endless generator is fine as long as somebody stops reading."""
    transport = transport_of()
    taken = itertools.count()
    endless = (person(next(taken)) for _ in itertools.repeat(None))
    async with client_of(transport) as client, add(client, endless) as job:
        async for result in job:
            if result.index >= 500:
                break

    assert next(taken) < 500 + 2000
    assert sum(job.report.counts.values()) == job.report.rows_read


async def test_a_slow_async_source_is_waited_for_and_ends() -> None:
    """Rows that trickle in are sent at once, and the run ends with the source."""

    async def trickle() -> AsyncIterator[Attendee]:
        for one in people(20):
            await anyio.sleep(10)
            yield one

    transport = transport_of("500@1+3")

    report = await run(transport, trickle())

    check_results(report, transport)
    assert report.succeeded == 20
    assert [round(arrival.at) for arrival in transport.arrivals if arrival.email == "person-9@example.com"] == [100]


async def test_rows_that_were_read_ahead_have_a_result_when_the_run_stops() -> None:
    """The source may have taken them from a queue, where nobody will find them again; and it is closed."""
    pulled: list[int] = []
    closed: list[bool] = []

    async def queue() -> AsyncIterator[Attendee]:
        try:
            for number in itertools.count():
                await anyio.lowlevel.checkpoint()
                pulled.append(number)
                yield person(number)
        finally:
            closed.append(True)

    async with client_of(transport_of(latency=1.0)) as client, add(client, queue()) as job:
        async for _ in job:
            break

    assert sum(job.report.counts.values()) == job.report.rows_read == len(pulled)
    assert closed == [True]


async def test_what_is_no_list_of_rows_is_refused() -> None:
    """A single mapping is a likely mistake."""
    async with client_of(transport_of()) as client:
        for rows in (5, b"bytes", {"email": "a@example.com"}, None):
            with pytest.raises(ConfigError, match="iterable"):
                await add(client, rows)
