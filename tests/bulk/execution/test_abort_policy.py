"""What ends a run before its last row: each rule alone, then the engine under it in virtual time."""

import contextlib
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from airmeet_async import BulkStoppedError
from airmeet_async.bulk.execution.abort_policy import FailureRules
from airmeet_async.bulk.options import FailureLimit
from airmeet_async.bulk.report import RowError, RowResult, RowStatus, StopReason
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
