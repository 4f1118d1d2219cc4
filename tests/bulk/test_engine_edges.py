"""What a review found in the engine, and what must not come back: cancellation, misuse and odd rows at the edges."""

import asyncio
import itertools
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from airmeet_async import (
    Attendee,
    BulkReport,
    BulkStoppedError,
    Call,
    ClientStateError,
    ConfigError,
    Endpoint,
    MemoryTokenStore,
    RejectedError,
    Reply,
    Request,
    RowStatus,
    StopReason,
)
from airmeet_async.bulk.job import BulkJob
from airmeet_async.client.token_store import account_name
from airmeet_async.errors import NotSentError
from airmeet_async.protocol.models import Acknowledgement
from airmeet_async.protocol.redact import Secret
from airmeet_async.sandbox import community
from airmeet_async.testing import SandboxTransport
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.worlds import EVENT, add, auths, client_of, people, person, run, sends, transport_of

S = RowStatus


def spied(transport: SandboxTransport, odd: Any) -> SandboxTransport:
    """Put *odd* in front of a transport; what it returns as None goes on."""
    exchange = transport.exchange

    async def spy(request: Request) -> Reply:
        reply: Reply | None = await odd(request)
        return await exchange(request) if reply is None else reply

    transport.exchange = spy  # type: ignore[method-assign]
    return transport


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


ODD_CALL: Endpoint[Acknowledgement] = Endpoint("things.do", "POST", "/thing", Acknowledgement, "test")


@pytest.mark.parametrize(
    "made",
    [None, 5, Call(ODD_CALL, body={1, 2}), Call(ODD_CALL, body=math.nan)],
    ids=["nothing", "a number", "a set for a body", "not a number for a body"],
)
async def test_a_builder_that_returns_nonsense_spoils_only_its_row(made: Any) -> None:
    """It is INVALID and was not sent."""
    transport = transport_of()
    async with client_of(transport) as client:
        report = await client.bulk.run([1, 2], lambda _: made, rate=None)

    assert report.counts[S.INVALID] == 2
    assert transport.arrivals == []


@pytest.mark.parametrize(
    "row",
    [
        {"email": "a@example.com", "first_name": "A", "last_name": "B", "custom_fields": "xyz"},
        {"email": "a@example.com", "first_name": "A", "last_name": "B", "custom_fields": {5: "M"}},
        Attendee("a@example.com", "A", "B", custom_fields="xyz"),  # type: ignore[arg-type]
        Attendee(5, None, "B"),  # type: ignore[arg-type]
        {5: "a@example.com"},
        {None: None},
    ],
    ids=[
        "text for fields",
        "a number for a field",
        "an attendee with text",
        "an attendee of numbers",
        "a number",
        "none",
    ],
)
async def test_an_odd_row_is_that_rows_problem(row: Any) -> None:
    """Its neighbours go on."""
    report = await run(transport_of(), [person(1), row, person(2)], event=community.WITH_FIELDS)

    assert report.results is not None
    assert [result.status for result in report.results] == [S.SUCCEEDED, S.INVALID, S.SUCCEEDED]


async def test_a_row_that_always_answers_412_fails_alone() -> None:
    """Its token is renewed twice and not for ever, and the others do not notice."""

    async def odd(request: Request) -> Reply | None:
        return Reply(412) if b"person-3@" in request.body else None

    transport = spied(transport_of(), odd)
    report = await run(transport, people(50), max_in_flight=1)

    assert {status: n for status, n in report.counts.items() if n} == {S.SUCCEEDED: 49, S.FAILED: 1}
    assert auths(transport) <= 4


async def test_answers_that_say_nothing_about_the_token_do_not_reset_the_guard() -> None:
    """Two 412 and a 502 in turn: a server that refuses all tokens is not asked for one per row."""
    turn = itertools.cycle([412, 412, 502])

    async def odd(request: Request) -> Reply | None:
        return None if request.target.endswith("/auth") else Reply(next(turn))

    transport = spied(transport_of(), odd)
    with pytest.raises(BulkStoppedError):
        await run(transport, list(people(200)))

    assert auths(transport) <= 6


async def test_one_lost_connection_after_a_quiet_hour_is_not_an_outage() -> None:
    """Silence counts from the first request without an answer, not from the last answer."""

    async def trickle() -> AsyncIterator[Attendee]:
        yield person(0)
        await anyio.sleep(3600)
        yield person(1)
        yield person(2)

    report = await run(transport_of("drop@2"), trickle())

    assert report.succeeded == 3


async def test_a_dead_server_is_not_stormed_because_a_token_was_kept() -> None:
    """The first row goes alone until the server has answered; and it is not waited for as if it had."""
    tries = 0

    async def odd(_: Request) -> Reply | None:
        nonlocal tries
        tries += 1
        raise NotSentError("cannot reach sandbox: connection refused")

    store = MemoryTokenStore()
    account = account_name("https://sandbox.example/prod", Secret(SENTINEL_ACCESS_KEY), Secret(SENTINEL_SECRET_KEY))
    await store.save(account, Secret("kept"))
    async with client_of(spied(transport_of(), odd), token_store=store) as client:
        with pytest.raises(BulkStoppedError, match="refused"):
            await add(client, list(people(1000)))

    assert tries < 60
    assert anyio.current_time() < 60


async def test_an_outage_does_not_fill_memory_with_rows_that_wait() -> None:
    """While the server is silent no fresh rows are started."""
    transport = transport_of()
    most = 0

    async def odd(_: Request) -> Reply | None:
        nonlocal most
        if 1 < anyio.current_time() < 40:
            most = max(most, job.report.rows_read - sum(job.report.counts.values()))
            await anyio.sleep(0.01)
            raise NotSentError("cannot reach sandbox: network is unreachable")
        return None

    spied(transport, odd)
    async with client_of(transport) as client, add(client, people(5000)) as job:
        results = [result async for result in job]

    assert len(results) == job.report.succeeded == 5000
    assert most <= 64 + 10


async def test_a_transport_that_crashes_ends_the_run_at_once_with_its_own_error() -> None:
    """The other workers do not set out afterwards, and the books are closed."""
    sent = 0

    async def odd(request: Request) -> Reply | None:
        nonlocal sent
        if request.target.endswith("/auth"):
            return None
        sent += 1
        await anyio.sleep(1)
        raise LookupError("boom")

    async with client_of(spied(transport_of(), odd)) as client:
        job = add(client, list(people(1000)))
        with pytest.raises(LookupError, match="boom"):
            await job

    assert sent == 1
    assert sum(job.report.counts.values()) == job.report.rows_read
    assert job.report.stop_reason is StopReason.CUT_OFF


async def test_a_throttled_row_pauses_every_worker() -> None:
    """Nothing arrives for as long as the server asked."""
    transport = transport_of("429@100:retry=20")

    await run(transport, people(300), max_in_flight=1)

    times = [arrival.at for arrival in transport.arrivals]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert sum(gap > 1 for gap in gaps) == 1
    assert 20 <= max(gaps) <= 22.1


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


async def test_an_unclear_outcome_is_remembered_whatever_comes_after_it() -> None:
    """500 and then 422: it may be in, so "Airmeet said no" would be a claim."""
    answers = iter([Reply(500), Reply(422, {}, b'{"message": "no"}')])

    async def odd(request: Request) -> Reply | None:
        return None if request.target.endswith("/auth") else next(answers)

    report = await run(spied(transport_of(), odd), [person(1)])

    assert report.results is not None
    result = report.results[0]
    assert (result.status, result.http_status, result.replayed) == (S.FAILED, 422, True)
    assert result.error is not None
    assert result.error.ambiguous


async def test_a_slow_job_slows_no_single_call() -> None:
    """It waits for its own rate before it takes one of the client's places."""
    async with client_of(transport_of(), max_in_flight=1) as client, add(client, people(1000), rate=0.05) as job:
        await anyio.sleep(30)
        before = anyio.current_time()
        await client.attendees.add(EVENT, person("web"))
        waited = anyio.current_time() - before
        job.stop()

    assert waited < 1


async def test_a_refused_field_list_is_asked_for_once() -> None:
    """However many rows need it, and also when it fails."""
    asked = 0

    async def odd(request: Request) -> Reply | None:
        nonlocal asked
        if "custom-fields" not in request.target:
            return None
        asked += 1
        return Reply(500)

    rows = [person(0), *(person(n, custom_fields={"T-shirt size": "M"}) for n in range(1, 200))]
    with pytest.raises(BulkStoppedError):
        await run(spied(transport_of(), odd), rows, event=community.WITH_FIELDS)

    assert asked <= 5


@pytest.mark.parametrize("length", [20, 250])
@pytest.mark.parametrize("before", [0, 185])
async def test_a_secret_that_is_cut_in_half_is_still_one(length: int, before: int) -> None:
    """A server that repeats the token in a long refusal: it is masked before the text is cut."""
    token = "Zx9" * (length // 3)

    async def odd(request: Request) -> Reply | None:
        if request.target.endswith("/auth"):
            return Reply(200, {}, b'{"token": "%s"}' % token.encode())
        return Reply(422, {}, b'{"message": "%s refused %s"}' % (b"p" * before, token.encode()))

    async with client_of(spied(transport_of(), odd)) as client:
        with pytest.raises(RejectedError) as caught:
            await client.attendees.add(EVENT, person(1))

    assert "Zx9" not in str(caught.value)


async def test_no_place_at_all_is_refused() -> None:
    """Zero is not "as many as usual"."""
    async with client_of(transport_of()) as client:
        with pytest.raises(ConfigError, match="at least 1"):
            _ = add(client, people(1), max_in_flight=0)


async def test_a_job_that_nobody_started_cannot_be_read() -> None:
    """It would wait for ever; the error says what to write."""
    async with client_of(transport_of()) as client:
        job = add(client, people(3))
        with pytest.raises(ClientStateError, match="async with job"):
            async for _ in job:
                pass
        await job
