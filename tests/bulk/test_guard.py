"""What holds a run back or ends it: each rule as a table, then the engine under it in virtual time."""

import contextlib
import itertools
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from airmeet_async import AirmeetClient, BulkReport, BulkStoppedError, Reply, Request
from airmeet_async.bulk.execution.abort_policy import FailureLimit, FailureRules
from airmeet_async.bulk.execution.circuit_breaker import Breaker, RetryBudget
from airmeet_async.bulk.options import failure_limit
from airmeet_async.bulk.report import RowError, RowResult, RowStatus, StopReason
from airmeet_async.errors import NoReplyError
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.testing import SandboxTransport
from tests.worlds import EVENT, add, client_of, people, person, sends, transport_of

S = RowStatus
FINE = Verdict(Kind.OK, 200)
BROKEN = Verdict(Kind.AMBIGUOUS, 500)
SILENT = Verdict(Kind.AMBIGUOUS)
UNSENT = Verdict(Kind.NOT_SENT)


def breaker_after(*verdicts: Verdict, rows: int = 1000, first: bool = True, every: float = 0.1) -> Breaker:
    """Return a breaker that has seen these, one every so many seconds."""
    breaker = Breaker(lambda: 0.0)
    for number, verdict in enumerate(verdicts):
        breaker.note(number % rows, verdict, first=first, sent_at=number * every, now=number * every)
    return breaker


@pytest.mark.parametrize(
    ("breaker", "is_open"),
    [
        (breaker_after(*[FINE] * 100), False),
        (breaker_after(*[FINE, BROKEN] * 5), True),
        (breaker_after(*[BROKEN] * 9), False),
        (breaker_after(*[BROKEN] * 10), True),
        (breaker_after(*[FINE] * 6, *[BROKEN] * 5), False),
        (breaker_after(*[FINE] * 98, *[BROKEN] * 2), False),
        (breaker_after(*[BROKEN] * 50, first=False), False),
        (breaker_after(*[BROKEN] * 10, every=2), False),
        (breaker_after(*[SILENT] * 4), False),
        (breaker_after(*[SILENT] * 5), True),
        (breaker_after(*[UNSENT] * 5, first=False), True),
        (breaker_after(*[SILENT] * 50, rows=1, first=False), False),
        (breaker_after(*[SILENT] * 4, BROKEN, *[SILENT] * 4, first=False), False),
        (breaker_after(*[Verdict(Kind.REJECTED, 422)] * 50), False),
        (breaker_after(*[Verdict(Kind.THROTTLED, 429)] * 50), False),
    ],
)
def test_when_the_breaker_opens(breaker: Breaker, is_open: bool) -> None:
    """Half of ten first requests, or five in a row of more than one row without an answer; never for poison alone."""
    assert breaker.open == is_open


def test_an_open_breaker_lets_one_row_try_now_and_then() -> None:
    """After 5, 10, 20, 40 and then 60 seconds; while that one is under way, nobody else."""
    breaker, now, rests = breaker_after(*[SILENT] * 5, every=0), 0.0, []
    for _ in range(6):
        rests.append(breaker.rest(now))
        assert not breaker.start(now)
        now += rests[-1]
        assert breaker.start(now)
        assert not breaker.start(now)
        assert breaker.rest(now) == float("inf")
        breaker.note(1, SILENT, first=False, sent_at=now, now=now)

    assert rests == [5, 10, 20, 40, 60, 60]


def test_a_success_closes_the_breaker_but_not_one_from_before() -> None:
    breaker = breaker_after(*[SILENT] * 5)
    breaker.note(1, FINE, first=False, sent_at=0.2, now=1.0)
    assert breaker.open

    assert breaker.start(20.0)
    breaker.note(1, FINE, first=False, sent_at=20.0, now=20.1)

    assert not breaker.open
    assert breaker.rest(20.1) == 0
    assert breaker.start(20.1)
    assert breaker.start(20.1)


def test_a_row_that_did_not_go_leaves_the_try_to_another() -> None:
    breaker = breaker_after(*[SILENT] * 5, every=0)
    assert breaker.start(6.0)
    breaker.forget()

    assert breaker.start(6.0)


def test_the_budget_lets_a_tenth_repeat_and_makes_the_rest_wait() -> None:
    budget = RetryBudget()

    waits = [budget.take(0.0, rows=100) for _ in range(25)]

    assert waits[:20] == [0.0] * 20
    assert waits[20:] == pytest.approx([1, 2, 3, 4, 5])


def test_time_fills_the_reserve_of_the_budget_and_no_more() -> None:
    budget = RetryBudget()
    for _ in range(15):
        budget.take(0.0, rows=0)

    waits = [budget.take(1000.0, rows=0) for _ in range(12)]

    assert waits == [0.0] * 10 + [1.0, 2.0]


def ended(code: str = "") -> RowResult:
    status = S.REJECTED if code else S.SUCCEEDED
    return RowResult(0, None, "", status, error=RowError(code, f"because of {code}") if code else None)


A, B, OK = ended("http_422"), ended("http_409"), ended()


@pytest.mark.parametrize(
    ("limit", "total", "results", "stops_at"),
    [
        (None, 1000, [A] * 30, 20),
        (None, 1000, [A, B] * 30, None),
        (None, 1000, [OK, *[A] * 30], 21),
        (None, 1000, [*[A] * 19, OK] * 5, None),
        (None, 1000, [OK, A, B] * 100, 200),
        (None, 1000, [OK, OK, A] * 100, None),
        (FailureLimit(rows=3), None, [A] * 10, 4),
        (FailureLimit(rows=0), None, [OK, OK, B], 3),
        (FailureLimit(rows=100), None, [A] * 90, None),
        (FailureLimit(share=0.05), 100, [A] * 10, 6),
        (FailureLimit(share=0.05), None, [A] * 20, 11),
        (FailureLimit(share=1), 50, [A] * 50, None),
    ],
)
def test_when_failures_stop_a_run(
    limit: FailureLimit | None, total: int | None, results: list[RowResult], stops_at: int | None
) -> None:
    """The number of the first result after which the run stops."""
    rules = FailureRules(limit, total)
    reasons = [rules.note(result) for result in results]
    first = next((number for number, why in enumerate(reasons, 1) if why), None)

    assert (first or None) == stops_at
    if first:
        assert "because of" in str(reasons[first - 1])


def test_the_first_rows_must_prove_that_it_works() -> None:
    """One success, or two kinds of failure, and the run goes on at full width."""
    rules = FailureRules(None, 1000)
    assert rules.may_begin(19)
    assert not rules.may_begin(20)
    rules.note(A)
    assert not rules.may_begin(20)
    rules.note(B)
    assert rules.may_begin(20)


@pytest.mark.parametrize(
    ("asked", "limit"),
    [
        (None, None),
        (5, FailureLimit(rows=5)),
        ("5", FailureLimit(rows=5)),
        ("5%", FailureLimit(share=0.05)),
        ("0", FailureLimit(rows=0)),
        (" 2.5 %", FailureLimit(share=0.025)),
    ],
)
def test_how_a_limit_is_written(asked: int | str | None, limit: FailureLimit | None) -> None:
    assert failure_limit(asked) == limit


# The engine under these rules.


async def run(transport: Any, n: int, **options: Any) -> BulkReport:
    """Run to the end or to a stop, and return the report either way."""
    async with client_of(transport) as client:
        job = add(client, list(people(n)), **options)
        with contextlib.suppress(BulkStoppedError):
            await job
        return job.report


def away_between(transport: SandboxTransport, start: float, end: float) -> list[float]:
    """Take the server away for a time; return the list of requests that came meanwhile."""
    exchange, missed = transport.exchange, list[float]()

    async def answer(request: Request) -> Reply:
        if start < (now := anyio.current_time()) < end:
            missed.append(now)
            raise NoReplyError("the connection to sandbox broke", reason="reset")
        return await exchange(request)

    transport.exchange = answer  # type: ignore[method-assign]
    return missed


@pytest.mark.parametrize("width", [1, 64])
async def test_a_blackout_of_a_minute_costs_nothing(width: int) -> None:
    """The job pauses, tries at most once in five seconds, no row gives up, and it goes on by itself."""
    transport = transport_of(latency=0.05)
    missed = away_between(transport, 1.0, 61.0)

    report = await run(transport, 10_000 if width > 1 else 200, max_in_flight=width)

    assert report.all_done
    assert set(sends(transport).values()) == {1}
    tries = [at for at in missed if at > 3]
    assert tries
    assert min(b - a for a, b in itertools.pairwise(tries)) >= 5
    assert report.elapsed_s < 130


async def test_after_an_outage_an_adaptive_rate_begins_at_half() -> None:
    """What the server took before is not thrown at it in the moment in which it is back."""
    transport = transport_of(rate_limit=100, latency=0.05)
    away_between(transport, 20.0, 50.0)

    report = await run(transport, 4000, rate="auto")

    assert report.all_done
    back = [at for at in (arrival.at for arrival in transport.arrivals) if at > 50]
    second = sum(back[0] + 0.1 < at < back[0] + 1.1 for at in back)
    assert 30 < second < 90
    assert sum(back[0] + 5 < at < back[0] + 15 for at in back) > 700


async def test_rows_that_always_fail_end_and_hold_nobody_up() -> None:
    """One row in a hundred gets a 500 each time: those fail after five attempts, and the breaker stays closed."""
    transport = transport_of()
    exchange = transport.exchange
    seen: list[bytes] = []

    async def poison(request: Request) -> Reply:
        if b"00@example.com" in request.body:
            seen.append(request.body)
            return Reply(500, {"content-type": "application/json"}, b'{"statusMessage": "no"}')
        return await exchange(request)

    transport.exchange = poison  # type: ignore[method-assign]
    report = await run(transport, 2000)

    assert report.counts[S.FAILED] == 19
    assert report.counts[S.SUCCEEDED] == 1981
    assert len(seen) == 19 * 5
    assert report.elapsed_s < 60


async def test_when_half_of_all_answers_are_errors_the_repeats_stay_within_the_budget() -> None:
    """Rows wait for their turn instead of failing."""
    transport = transport_of("500:40%")

    report = await run(transport, 1000)

    assert report.counts[S.SUCCEEDED] + report.counts[S.FAILED] == 1000
    assert report.counts[S.FAILED] < 40
    assert report.attempts <= 1.2 * 1000 + 10 + report.elapsed_s


async def test_a_quota_that_is_used_up_stops_the_run() -> None:
    """Twenty equal refusals in a row, and the other rows are left for later."""
    transport = transport_of("422@101+100000")

    report = await run(transport, 5000, max_in_flight=8)

    assert report.stop_reason is StopReason.FAILURES
    assert "20 rows in a row" in report.stop_message
    assert report.counts[S.SUCCEEDED] == 100
    assert 20 <= report.counts[S.REJECTED] < 20 + 2 * 8
    assert report.counts[S.UNPROCESSED] == 5000 - 100 - report.counts[S.REJECTED]


async def test_a_list_that_fails_from_the_start_costs_twenty_requests() -> None:
    """Even with sixty-four places, the first twenty rows go alone."""
    transport = transport_of("422@1+100000")

    report = await run(transport, 5000)

    assert report.stop_reason is StopReason.FAILURES
    assert report.attempts == 20


async def test_a_limit_of_ones_own_is_the_only_one() -> None:
    transport = transport_of("422@1+50")

    allowed = await run(transport, 200, max_failures="50%")
    strict = await run(transport_of("422@1+50"), 200, max_failures=3, max_in_flight=1)

    assert allowed.counts[S.REJECTED] == 50
    assert allowed.stop_reason is None
    assert strict.counts[S.REJECTED] == 4
    assert strict.stop_reason is StopReason.FAILURES


async def test_the_deadline_ends_a_run_that_can_be_resumed() -> None:
    transport = transport_of()

    report = await run(transport, 1000, rate=10, deadline=20)

    assert report.stop_reason is StopReason.DEADLINE
    assert report.resumable
    assert 190 <= report.counts[S.SUCCEEDED] <= 202
    assert report.elapsed_s < 21


async def test_a_long_pause_that_the_server_asks_for_is_kept() -> None:
    """Ten minutes are waited for; an hour ends the run."""
    patient = await run(transport_of("429@10:retry=600"), 20)
    hopeless = await run(transport_of("429@10:retry=3600"), 20)

    assert patient.all_done
    assert patient.elapsed_s > 600
    assert hopeless.stop_reason is StopReason.TEMPORARY


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
        await one_call(client)
        job.resume()
        results = [result async for result in job]

    assert len(results) == 100
    assert job.report.all_done


async def one_call(client: AirmeetClient) -> float:
    before = anyio.current_time()
    await client.attendees.add(EVENT, person("interactive"))
    return anyio.current_time() - before


async def test_an_interactive_call_overtakes_a_bulk_run() -> None:
    """It waits for two turns of the rate at most, and its own answer."""
    transport = transport_of(latency=0.02)
    async with (
        client_of(transport, rate=10) as client,
        client.bulk.add_attendees(EVENT, list(people(300)), send_email_invite=False) as job,
    ):
        waits = []
        for _ in range(5):
            await anyio.sleep(1.234)
            waits.append(await one_call(client))
        job.stop()

    assert max(waits) <= 2 / 10 + 0.02 + 0.001


@pytest.mark.parametrize(
    "rows",
    [
        [person(1), *[person(1)] * 2999],
        [person(1), *[{"email": "nonsense"}] * 2500],
        [*people(5), *[{"email": "nonsense"}] * 3000],
        [*people(19), {"email": "nonsense"}],
        [*people(20), *[{"email": "nonsense"}] * 100],
    ],
    ids=["duplicates", "invalid", "five", "nineteen", "twenty"],
)
@pytest.mark.timeout(30)
async def test_a_list_whose_first_rows_are_refused_ends(rows: list[Any]) -> None:
    """Also where those who wait for the first rows to prove it are never needed."""
    transport = transport_of("422@1+100000")

    async def arriving() -> Any:
        for row in rows:
            await anyio.lowlevel.checkpoint()
            yield row

    for source in (rows, arriving()):
        async with client_of(transport) as client:
            job = client.bulk.add_attendees(EVENT, source, send_email_invite=False, rate=None)
            with contextlib.suppress(BulkStoppedError):
                await job
        assert sum(job.report.counts.values()) == job.report.rows_read


@pytest.mark.parametrize("kind", ["blackout", "auth only"])
async def test_an_outage_in_which_the_token_ends_is_an_outage_like_any(kind: str) -> None:
    """The token is refused, and no new one can be had for a minute."""
    transport = transport_of("expire@200", latency=0.05)
    exchange = transport.exchange

    async def answer(request: Request) -> Reply:
        if 2 < anyio.current_time() < 62 and (kind == "blackout" or request.target.endswith("/auth")):
            if kind == "blackout":
                raise NoReplyError("the connection to sandbox broke", reason="reset")
            return Reply(503, {}, b"")
        return await exchange(request)

    transport.exchange = answer  # type: ignore[method-assign]
    report = await run(transport, 1000, rate=100)

    assert report.all_done
    assert report.counts[S.SUCCEEDED] == 1000
    assert report.elapsed_s < 140


@pytest.mark.parametrize("width", [1, 8])
async def test_a_gateway_without_a_server_is_an_outage(width: int) -> None:
    """A minute of 503 makes no row fail, however few there are."""
    transport = transport_of(latency=1.0)
    exchange = transport.exchange

    async def answer(request: Request) -> Reply:
        if 5 < anyio.current_time() < 65:
            await anyio.sleep(1)
            return Reply(503, {}, b"")
        return await exchange(request)

    transport.exchange = answer  # type: ignore[method-assign]
    report = await run(transport, 40, max_in_flight=width)

    assert report.counts[S.FAILED] == 0
    assert report.all_done


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
