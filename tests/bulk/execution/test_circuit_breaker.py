"""What pauses a run: each rule alone, then the engine under it in virtual time."""

import itertools

import anyio
import anyio.lowlevel
import pytest

from airmeet_async import Attendee, Reply, Request
from airmeet_async.bulk.execution.circuit_breaker import CircuitBreaker, FailureWindow, RetryBudget
from airmeet_async.bulk.execution.scheduler import RunState
from airmeet_async.bulk.journal import MemoryJournal
from airmeet_async.bulk.options import engine_options
from airmeet_async.bulk.report import RowStatus
from airmeet_async.bulk.row import Row, Wish
from airmeet_async.errors import NoReplyError
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.retry_policy import Tries
from airmeet_async.testing import SandboxTransport
from tests.support.bulk_runs import report_of
from tests.support.worlds import add, client_of, people, sends, statuses, transport_of

S = RowStatus
FINE = Verdict(Kind.OK, 200)
BROKEN = Verdict(Kind.AMBIGUOUS, 500)
SILENT = Verdict(Kind.AMBIGUOUS)
UNSENT = Verdict(Kind.NOT_SENT)


def breaker_after(*verdicts: Verdict, rows: int = 1000, first: bool = True, every: float = 0.1) -> CircuitBreaker:
    """Return a breaker that has seen these, one every so many seconds."""
    breaker = CircuitBreaker(lambda: 0.0)
    for number, verdict in enumerate(verdicts):
        breaker.record(number % rows, verdict, first=first, sent_at=number * every, now=number * every)
    return breaker


OPENS = {
    "successes": (breaker_after(*[FINE] * 100), False),
    "half of ten": (breaker_after(*[FINE, BROKEN] * 5), True),
    "half of ten, one a second": (breaker_after(*[FINE, BROKEN] * 5, every=1), True),
    "too few to say": (breaker_after(*[BROKEN] * 9), False),
    "ten failures": (breaker_after(*[BROKEN] * 10), True),
    "less than half": (breaker_after(*[FINE] * 6, *[BROKEN] * 5), False),
    "two in a hundred": (breaker_after(*[FINE] * 98, *[BROKEN] * 2), False),
    "repeats of rows that always fail": (breaker_after(*[BROKEN] * 50, first=False), False),
    "ten failures within twenty seconds": (breaker_after(*[BROKEN] * 10, every=2), False),
    "four without an answer": (breaker_after(*[SILENT] * 4), False),
    "five without an answer": (breaker_after(*[SILENT] * 5), True),
    "five that never left": (breaker_after(*[UNSENT] * 5, first=False), True),
    "one row without an answer": (breaker_after(*[SILENT] * 50, rows=1, first=False), False),
    "an answer between": (breaker_after(*[SILENT] * 4, BROKEN, *[SILENT] * 4, first=False), False),
    "refusals": (breaker_after(*[Verdict(Kind.REJECTED, 422)] * 50), False),
    "throttling": (breaker_after(*[Verdict(Kind.THROTTLED, 429)] * 50), False),
}


def test_when_the_breaker_opens() -> None:
    """Half of ten first requests, or five in a row of more than one row without an answer; never for poison alone."""
    assert {case: breaker.is_open for case, (breaker, _) in OPENS.items()} == {
        case: is_open for case, (_, is_open) in OPENS.items()
    }


def test_an_open_breaker_lets_one_row_try_now_and_then() -> None:
    """After 5, 10, 20, 40 and then 60 seconds; while that one is under way, nobody else."""
    breaker, now, rests = breaker_after(*[SILENT] * 5, every=0), 0.0, []
    for _ in range(6):
        rests.append(breaker.pause_left(now))
        assert not breaker.claim_send(now)
        now += rests[-1]
        assert breaker.claim_send(now)
        assert not breaker.claim_send(now)
        assert breaker.pause_left(now) == float("inf")
        breaker.record(1, SILENT, first=False, sent_at=now, now=now)

    assert rests == [5, 10, 20, 40, 60, 60]


def test_a_success_closes_the_breaker_but_not_one_from_before() -> None:
    breaker = breaker_after(*[SILENT] * 5)
    breaker.record(1, FINE, first=False, sent_at=0.2, now=1.0)
    assert breaker.is_open

    assert breaker.claim_send(20.0)
    breaker.record(1, FINE, first=False, sent_at=20.0, now=20.1)

    assert not breaker.is_open
    assert breaker.pause_left(20.1) == 0
    assert breaker.claim_send(20.1)
    assert breaker.claim_send(20.1)


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


@pytest.mark.slow
@pytest.mark.parametrize("width", [1, 64])
async def test_a_blackout_of_a_minute_costs_nothing(width: int) -> None:
    """The job pauses, tries at most once in five seconds, no row gives up, and it goes on by itself."""
    transport = transport_of(latency=0.05)
    missed = away_between(transport, 1.0, 61.0)

    report = await report_of(transport, 10_000 if width > 1 else 200, max_in_flight=width)

    assert report.all_done
    assert set(sends(transport).values()) == {1}
    tries = [at for at in missed if at > 3]
    assert tries
    assert min(b - a for a, b in itertools.pairwise(tries)) >= 5
    assert report.elapsed_s < 130


@pytest.mark.slow
async def test_after_an_outage_an_adaptive_rate_begins_at_half() -> None:
    """What the server took before is not thrown at it in the moment in which it is back."""
    transport = transport_of(rate_limit=100, latency=0.05)
    away_between(transport, 20.0, 50.0)

    report = await report_of(transport, 4000, rate="auto")

    assert report.all_done
    times = [arrival.at for arrival in transport.arrivals]
    back, before = [at for at in times if at > 50], max(sum(n < at < n + 1 for at in times) for n in range(10, 20))
    second = sum(back[0] + 0.1 < at < back[0] + 1.1 for at in back)
    assert 0.4 * before < second < 0.85 * before
    assert sum(back[0] + 5 < at < back[0] + 15 for at in back) > 700


@pytest.mark.slow
async def test_rows_that_always_fail_end_and_hold_nobody_up() -> None:
    """One row in a hundred gets a 500 each time: those end after five attempts, and the breaker stays closed."""
    transport = transport_of()
    exchange = transport.exchange
    seen: list[bytes] = []

    async def poison(request: Request) -> Reply:
        if b"00@example.com" in request.body:
            seen.append(request.body)
            return Reply(500, {"content-type": "application/json"}, b'{"statusMessage": "no"}')
        return await exchange(request)

    transport.exchange = poison  # type: ignore[method-assign]
    report = await report_of(transport, 2000)

    assert report.counts[S.UNKNOWN] == 19
    assert report.counts[S.SUCCEEDED] == 1981
    assert len(seen) == 19 * 5
    assert report.elapsed_s < 60


@pytest.mark.slow
async def test_when_half_of_all_answers_are_errors_the_repeats_stay_within_the_budget() -> None:
    """Rows wait for their turn instead of failing."""
    transport = transport_of("500:40%")

    report = await report_of(transport, 1000)

    assert report.counts[S.SUCCEEDED] + report.counts[S.UNKNOWN] == 1000
    assert report.counts[S.UNKNOWN] < 40
    assert report.attempts <= 1.2 * 1000 + 10 + report.elapsed_s


@pytest.mark.slow
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
    report = await report_of(transport, 1000, rate=100)

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
    report = await report_of(transport, 40, max_in_flight=width)

    assert report.counts[S.FAILED] + report.counts[S.UNKNOWN] == 0
    assert report.all_done


def test_a_row_that_takes_the_server_down_each_time_ends_too() -> None:
    """Attempts in an outage are not charged, but only so many of them."""
    row, state = Row(0, None, {}, ""), RunState(engine_options({}, 8, "at_most_once"), 1, MemoryJournal(), lambda: True)
    row.tries = Tries()
    state.breaker.trip(0.0)
    for _ in range(15):
        state.record_attempt(row, SILENT, Wish.DONE, sent_at=0.0, now=0.0)

    assert (row.tries.sent, row.tries.charged, row.uncharged) == (15, 5, 10)


def test_failures_from_before_an_outage_are_forgotten_after_it() -> None:
    breaker = breaker_after(*[BROKEN] * 10)
    assert breaker.claim_send(6.5)
    breaker.record(1, FINE, first=False, sent_at=6.5, now=6.6)

    for number in range(4):
        breaker.record(number, BROKEN, first=True, sent_at=6.7, now=6.8)

    assert not breaker.is_open


def test_a_pause_begins_anew_after_an_outage_that_is_over() -> None:
    breaker = breaker_after(*[SILENT] * 5, every=0)
    for now in (5.0, 15.0):
        assert breaker.claim_send(now)
        breaker.record(1, SILENT, first=False, sent_at=now, now=now)
    assert breaker.claim_send(40.0)
    breaker.record(1, FINE, first=False, sent_at=40.0, now=40.0)
    breaker.trip(50.0)

    assert breaker.pause_left(50.0) == 5.0


def test_no_token_on_trial_is_no_news() -> None:
    breaker = breaker_after(*[SILENT] * 5, every=0)
    assert breaker.claim_send(6.0)
    breaker.record(1, Verdict(Kind.EXPIRED, 412), first=False, sent_at=6.0, now=6.1)

    assert breaker.is_open
    assert breaker.pause_left(6.1) == 0


def test_only_a_failed_trial_makes_the_pause_longer() -> None:
    """Requests that were under way when it opened fail, too."""
    breaker = breaker_after(*[SILENT] * 5)
    for number in range(20):
        breaker.record(number, SILENT, first=True, sent_at=0.3, now=0.6)

    assert breaker.pause_left(0.4) == pytest.approx(5.0)
    assert 0 < breaker.pause_left(5.3) < 0.2


async def test_rows_that_always_fail_at_the_end_of_a_list_are_no_outage() -> None:
    """Of each row only its first failure says something of the server."""
    transport = transport_of("500:100%:body=poison")
    away: list[bool] = []
    async with client_of(transport, max_in_flight=6) as client:
        rows = [*people(30), *(Attendee(f"poison-{n}@example.com", "A", "B") for n in range(6))]
        async with add(client, rows) as job:
            while job.report.rows_read == 0 or sum(job.report.counts.values()) < 36:
                away.append(job.outage)
                await anyio.sleep(0.1)

    assert statuses(job.report) == {S.SUCCEEDED: 30, S.UNKNOWN: 6}
    assert not any(away)


def test_failures_are_forgotten_after_ten_seconds_and_no_others() -> None:
    window = FailureWindow()
    for second in range(9):
        window.add(float(second), 1, failed=True)
    window.add(20.0, 1, failed=True)
    assert not window.half_failed()

    for _ in range(4):
        window.add(25.0, 1, failed=True)
        window.add(25.0, 1)
    assert not window.half_failed()
    window.add(30.0, 1)
    assert window.half_failed()
    window.add(30.0, 1)
    assert not window.half_failed()
    window.clear()
    window.add(30.0, 9, failed=True)
    assert not window.half_failed()
    window.add(30.0, 1, failed=True)
    assert window.half_failed()
