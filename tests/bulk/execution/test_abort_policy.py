"""What ends a run before its last row: each rule alone, then the engine under it in virtual time."""

import contextlib
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from airmeet_async import BulkStoppedError, Reply, Request
from airmeet_async.bulk.execution.abort_policy import (
    FailureRules,
    Outage,
    is_not_in_event,
    stop_reason_for,
    stop_reason_for_error,
)
from airmeet_async.bulk.options import FailureLimit
from airmeet_async.bulk.report import RowError, RowResult, RowStatus, StopReason
from airmeet_async.errors import (
    AirmeetError,
    ClientStateError,
    ConfigError,
    CredentialsError,
    DecodeError,
    InputError,
    JournalError,
    NotFoundError,
    NotSentError,
    PermissionDeniedError,
    RedirectError,
    ReplyError,
    ServerError,
    TokenRejectedError,
)
from airmeet_async.protocol.call import Retry
from airmeet_async.protocol.classify_reply import Kind, Verdict
from tests.support.bulk_runs import report_of
from tests.support.worlds import EVENT, client_of, people, person, transport_of

S = RowStatus


def ended(code: str = "") -> RowResult:
    status = S.REJECTED if code else S.SUCCEEDED
    return RowResult(0, None, "", status, error=RowError(code, f"because of {code}") if code else None)


A, B, OK = ended("http_422"), ended("http_409"), ended()


# The limit, all rows, the results in their order, and the number of the result after which the run stops.
STOPS: list[tuple[FailureLimit | None, int | None, list[RowResult], int | None]] = [
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
]


def test_when_failures_stop_a_run() -> None:
    """Twenty equal ones in a row, more than half of the last 200, or the limit of one's own; the last one is quoted."""
    for number, (limit, total, results, stops_at) in enumerate(STOPS):
        rules = FailureRules(limit, total)
        reasons = [rules.record(result) for result in results]
        first = next((count for count, why in enumerate(reasons, 1) if why), None)
        assert first == stops_at, f"case {number}"
        assert first is None or "because of" in str(reasons[first - 1])


def test_the_first_rows_must_prove_that_it_works() -> None:
    """One success, or two kinds of failure, and the run goes on at full width."""
    rules = FailureRules(None, 1000)
    assert rules.may_begin(19)
    assert not rules.may_begin(20)
    rules.record(A)
    assert not rules.may_begin(20)
    rules.record(B)
    assert rules.may_begin(20)


def test_rows_that_failed_before_say_nothing_of_the_list() -> None:
    """They neither stop a run nor keep the others back, unless somebody has set a limit."""
    rules, own = FailureRules(None, 1000), FailureRules(FailureLimit(rows=3), 1000)

    assert [rules.record(A, failed_before=True) for _ in range(300)] == [None] * 300
    assert rules.may_begin(300)
    assert [bool(own.record(A, failed_before=True)) for _ in range(4)] == [False, False, False, True]


NO_ATTENDEE = "u1@x.example is not an attendee of this airmeet"


@pytest.mark.parametrize(
    ("operation", "status", "message", "is_one_row"),
    [
        ("attendees.block", 404, NO_ATTENDEE, True),
        ("attendees.unblock", 400, NO_ATTENDEE, True),
        ("attendees.add", 400, NO_ATTENDEE, False),
        ("attendees.block", 403, NO_ATTENDEE, False),
        ("attendees.block", 404, "Airmeet not found, user@x.example", False),
    ],
)
def test_who_is_not_in_the_event_says_nothing_of_the_list(
    operation: str, status: int, message: str, *, is_one_row: bool
) -> None:
    """They cannot be blocked, and others behind them must be; an event that is not there stops the run."""
    is_missing = is_not_in_event(
        operation, Verdict(Kind.FATAL if status == 403 else Kind.REJECTED, status, "", message)
    )
    rules, result = FailureRules(None, 1000), ended(f"http_{status}")

    assert is_missing is is_one_row
    assert any(rules.record(result, is_not_in_event=is_missing) for _ in range(300)) is not is_one_row
    assert rules.may_begin(300) is is_one_row


async def test_a_quota_that_is_used_up_stops_the_run() -> None:
    """Twenty equal refusals in a row, and the other rows are left for later."""
    transport = transport_of("422@101+100000")

    report = await report_of(transport, 5000, max_in_flight=8)

    assert report.stop_reason is StopReason.FAILURES
    assert "20 consecutive rows" in report.stop_message
    assert report.counts[S.SUCCEEDED] == 100
    assert 20 <= report.counts[S.REJECTED] < 20 + 2 * 8
    assert report.counts[S.UNPROCESSED] == 5000 - 100 - report.counts[S.REJECTED]


@pytest.mark.slow
async def test_a_list_that_fails_from_the_start_costs_twenty_requests() -> None:
    """Even with sixty-four places, the first twenty rows go alone."""
    transport = transport_of("422@1+100000")

    report = await report_of(transport, 5000)

    assert report.stop_reason is StopReason.FAILURES
    assert report.attempts == 20


@pytest.mark.slow
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


async def test_a_limit_of_ones_own_is_the_only_one() -> None:
    transport = transport_of("422@1+50")

    allowed = await report_of(transport, 200, max_failures="50%")
    strict = await report_of(transport_of("422@1+50"), 200, max_failures=3, max_in_flight=1)

    assert allowed.counts[S.REJECTED] == 50
    assert allowed.stop_reason is None
    assert strict.counts[S.REJECTED] == 4
    assert strict.stop_reason is StopReason.FAILURES


async def test_the_deadline_ends_a_run_that_can_be_resumed() -> None:
    transport = transport_of()

    report = await report_of(transport, 1000, rate=10, deadline=20)

    assert report.stop_reason is StopReason.DEADLINE
    assert report.resumable
    assert 190 <= report.counts[S.SUCCEEDED] <= 202
    assert report.elapsed_s < 21


async def test_a_long_pause_that_the_server_asks_for_is_kept() -> None:
    """Ten minutes are waited for; an hour ends the run."""
    patient = await report_of(transport_of("429@10:retry=600"), 20)
    hopeless = await report_of(transport_of("429@10:retry=3600"), 20)

    assert patient.all_done
    assert patient.elapsed_s > 600
    assert hopeless.stop_reason is StopReason.TEMPORARY


RETRY = Retry(longest_pause=900.0)
GIVEN_UP: list[tuple[Verdict, StopReason | None]] = [
    (Verdict(Kind.FATAL, 401), StopReason.NOT_PERMITTED),
    (Verdict(Kind.FATAL, 403), StopReason.NOT_PERMITTED),
    (Verdict(Kind.FATAL, 404), StopReason.NOT_FOUND),
    (Verdict(Kind.FATAL, 302), StopReason.NOT_THE_API),
    (Verdict(Kind.FATAL), StopReason.NOT_THE_API),
    (Verdict(Kind.NOT_SENT), StopReason.UNREACHABLE),
    (Verdict(Kind.THROTTLED, 429, retry_after=901), StopReason.TEMPORARY),
    (Verdict(Kind.AMBIGUOUS, 503, retry_after=901), StopReason.TEMPORARY),
    (Verdict(Kind.THROTTLED, 429, retry_after=900), None),
    (Verdict(Kind.REJECTED, 422, retry_after=901), None),
    (Verdict(Kind.AMBIGUOUS, 500), None),
    (Verdict(Kind.EXPIRED, 412), None),
]


def test_which_outcomes_of_a_row_end_the_run() -> None:
    assert [stop_reason_for(verdict, RETRY) for verdict, _ in GIVEN_UP] == [reason for _, reason in GIVEN_UP]


def reply_error(kind: type[ReplyError], status: int, operation: str = "auth") -> ReplyError:
    return kind("no", status=status, operation=operation, attempts=1)


ERRORS: list[tuple[AirmeetError, StopReason]] = [
    (ClientStateError("closed"), StopReason.CUT_OFF),
    (InputError("bad"), StopReason.SOURCE),
    (JournalError("full"), StopReason.JOURNAL),
    (ConfigError("bad"), StopReason.SETTINGS),
    (reply_error(CredentialsError, 403), StopReason.CREDENTIALS),
    (reply_error(TokenRejectedError, 412), StopReason.TEMPORARY),
    (reply_error(RedirectError, 302), StopReason.NOT_THE_API),
    (DecodeError("nonsense"), StopReason.NOT_THE_API),
    (NotSentError("refused"), StopReason.UNREACHABLE),
    (reply_error(NotFoundError, 404), StopReason.NOT_THE_API),
    (reply_error(NotFoundError, 404, "airmeets.fields"), StopReason.NOT_FOUND),
    (reply_error(PermissionDeniedError, 403, "airmeets.fields"), StopReason.NOT_PERMITTED),
    (reply_error(PermissionDeniedError, 401, "airmeets.fields"), StopReason.NOT_PERMITTED),
    (reply_error(ServerError, 503), StopReason.TEMPORARY),
    (AirmeetError("?"), StopReason.TEMPORARY),
]


def test_why_an_error_outside_of_any_row_ends_the_run() -> None:
    assert [stop_reason_for_error(error) for error, _ in ERRORS] == [reason for _, reason in ERRORS]


def test_an_outage_counts_from_the_first_request_without_success() -> None:
    outage = Outage(900.0)
    outage.record(succeeded=False, answered=False, sent_at=5.0)
    outage.record(succeeded=False, answered=False, sent_at=9.0)
    assert (outage.since, outage.is_too_long(15.0), outage.is_too_long(15.1)) == (5.0, False, True)

    outage.record(succeeded=True, answered=True, sent_at=10.0)
    assert (outage.since, outage.is_too_long(5000.0)) == (None, False)
    outage.record(succeeded=False, answered=True, sent_at=20.0)
    assert (outage.is_too_long(920.0), outage.is_too_long(920.1)) == (False, True)
    hasty = Outage(3.0)
    hasty.record(succeeded=False, answered=False, sent_at=0.0)
    assert (hasty.is_too_long(3.0), hasty.is_too_long(3.1)) == (False, True)


def test_the_first_successes_prove_that_it_works_and_later_ones_do_not() -> None:
    rules = FailureRules(None, 1000)
    for _ in range(20):
        rules.record(A)
    rules.record(OK)
    assert not rules.trusted
    own = FailureRules(FailureLimit(rows=50), 1000)
    assert not own.trusted
    own.record(A)
    assert own.trusted


async def test_a_403_in_the_middle_ends_the_run_there() -> None:
    """The rows that were sent then keep what came of them; the one that got it is left for the next run."""
    transport = transport_of("403@30")
    async with client_of(transport) as client:
        with pytest.raises(BulkStoppedError) as caught:
            await client.bulk.add_attendees(
                EVENT, list(people(100)), send_email_invite=False, rate=None, max_in_flight=2
            )

    assert (caught.value.stop_reason, type(caught.value.__cause__)) == ("not_permitted", PermissionDeniedError)
    report = caught.value.report
    assert report.counts[S.SUCCEEDED] == transport.world.statistics().adds
    assert report.counts[S.SUCCEEDED] in {29, 30}
    assert report.counts[S.UNPROCESSED] == 100 - report.counts[S.SUCCEEDED]


async def test_without_a_token_for_longer_than_an_outage_may_last_the_run_ends() -> None:
    """It waits for a quarter of an hour, and asks only now and then."""
    transport = transport_of("expire@40")
    exchange, asked = transport.exchange, 0

    async def no_token(request: Request) -> Reply:
        nonlocal asked
        if request.target.endswith("/auth") and anyio.current_time() > 0.3:
            asked += 1
            return Reply(503, {}, b"")
        return await exchange(request)

    transport.exchange = no_token  # type: ignore[method-assign]
    report = await report_of(transport, 200, max_in_flight=2)

    assert report.stop_reason is StopReason.TEMPORARY
    assert 900 < anyio.current_time() < 1000
    assert asked < 100
    assert report.counts[S.SUCCEEDED] + report.counts[S.UNPROCESSED] == 200
