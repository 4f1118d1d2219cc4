"""The engine: every row ends in exactly one status, whatever happens. Virtual time, a pretend Airmeet."""

import asyncio
import itertools
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterator
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
    CredentialsError,
    Endpoint,
    InputError,
    Reply,
    Request,
    RowResult,
    RowStatus,
    StopReason,
    calls,
)
from airmeet_async.bulk.job import BulkJob
from airmeet_async.errors import NoReplyError, NotSentError
from airmeet_async.protocol.models import Acknowledgement
from airmeet_async.sandbox import community
from airmeet_async.testing import SandboxTransport
from tests.sentinels import SENTINEL_ACCESS_KEY
from tests.support.worlds import EVENT, add, auths, client_of, people, person, run, sends, statuses, transport_of

S = RowStatus


def check_the_books(report: BulkReport, transport: SandboxTransport, event: str = EVENT) -> None:
    """Hold results against what the server did: nothing lost, nothing invented, nothing told wrongly."""
    assert report.results is not None
    assert [result.index for result in report.results] == list(range(report.rows_read))
    assert Counter(result.status for result in report.results) == Counter(statuses(report))
    sent = sends(transport)
    for result in report.results:
        there = transport.world.person(event, result.key) is not None if result.key else False
        if result.status is S.SUCCEEDED:
            assert there
            assert result.entry_link
            assert result.attempts == sent[result.key]
        if result.status in {S.REJECTED, S.INVALID, S.UNPROCESSED}:
            assert not there
    assert report.attempts == sum(sent.values())


@pytest.mark.slow
async def test_every_row_of_a_clean_run_succeeds_once() -> None:
    """Ten thousand rows: one request each, one result each, never more than 64 under way."""
    transport = transport_of()

    report = await run(transport, people(10_000))

    check_the_books(report, transport)
    assert statuses(report) == {S.SUCCEEDED: 10_000}
    assert set(sends(transport).values()) == {1}
    assert transport.peak == 64


async def test_a_storm_of_faults_loses_and_doubles_nobody() -> None:
    """Expiries, 429, 500 before and after, drops before and after, HTML, half answers: everybody is in, once."""
    faults = "expire@300,expire@900,429@500+5:retry=2,500:1%,500-after:1%,drop:1%,drop-after:1%,502html:0.5%"
    faults += ",partial:0.5%,hang:0.5%"
    transport = transport_of(faults)

    report = await run(transport, people(2000))

    check_the_books(report, transport)
    assert statuses(report) == {S.SUCCEEDED: 2000}
    assert report.token_refreshes == auths(transport) == 3
    assert report.throttled >= 5
    assert report.retries == report.attempts - 2000 > 100


@pytest.mark.parametrize("n", [0, 1, 2, 63, 64, 65])
@pytest.mark.parametrize("width", [1, 64])
async def test_small_runs_and_odd_widths_end(n: int, width: int) -> None:
    """No row, one row, fewer rows than workers, one worker."""
    transport = transport_of()

    report = await run(transport, people(n), max_in_flight=width)

    check_the_books(report, transport)
    assert report.rows_read == report.succeeded == n
    assert report.all_done


@pytest.mark.parametrize("width", [1, 7, 64])
async def test_retries_of_the_last_rows_are_waited_for(width: int) -> None:
    """The source is long at its end when the last attempts are due."""
    transport = transport_of("500@1+40")

    report = await run(transport, people(20), max_in_flight=width)

    check_the_books(report, transport)
    assert statuses(report) == {S.SUCCEEDED: 20}


async def test_a_rate_of_the_job_is_kept_to_by_every_attempt() -> None:
    """Retries and replays take permits like first attempts."""
    transport = transport_of("500:20%")

    await run(transport, people(500), rate=50)

    times = [arrival.at for arrival in transport.arrivals if arrival.email]
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[52:], strict=False))


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


ROWS: list[tuple[Any, RowStatus, str | None]] = [
    (person("a"), S.SUCCEEDED, None),
    ({"email": "b@example.com", "first_name": "B", "last_name": "B"}, S.SUCCEEDED, None),
    ({"Email Address": "c@example.com", "First Name": "C", "Last Name": "C", "Notes": 7}, S.SUCCEEDED, None),
    ({"email": " d@example.com\ufeff", "firstName": "D\t\tD", "lastName": "D", "city": math.nan}, S.SUCCEEDED, None),
    (person("a"), S.DUPLICATE, "duplicate"),
    ({"email": "PERSON-A@EXAMPLE.COM", "first_name": "Else", "last_name": "Else"}, S.DUPLICATE, "duplicate"),
    ({"email": "ﬀ@example.com", "first_name": "F", "last_name": "F"}, S.SUCCEEDED, None),
    ({"email": "nowhere", "first_name": "N", "last_name": "N"}, S.INVALID, "invalid_email"),
    ({"email": "e@example.com", "first_name": " ", "last_name": "N"}, S.INVALID, "missing_field"),
    ({"first_name": "No", "last_name": "Mail"}, S.INVALID, "missing_field"),
    (person("g", attendance_type="maybe"), S.INVALID, "invalid_attendance_type"),
    ({"email": "h@example.com", "first_name": "H\x00", "last_name": "H"}, S.INVALID, "invalid_text"),
    ({"email": "h@example.com", "first_name": "H\ud800", "last_name": "H"}, S.INVALID, "invalid_text"),
    (42, S.INVALID, "not_a_row"),
    (None, S.INVALID, "not_a_row"),
]  # fmt: skip


async def test_each_row_is_checked_before_it_is_sent() -> None:
    """A wrong row is INVALID with a code, a repeated one a DUPLICATE of the first; neither reaches the server."""
    transport = transport_of()

    report = await run(transport, [row for row, *_ in ROWS])

    assert report.results is not None
    told = [(result.status, result.error.code if result.error else None) for result in report.results]
    assert told == [(status, code) for _, status, code in ROWS]
    assert [result.duplicate_of for result in report.results if result.status is S.DUPLICATE] == [0, 0]
    assert len(sends(transport)) == report.succeeded


@pytest.mark.parametrize("value", ["in person", "IN-PERSON", "In_Person", "virtual", " VIRTUAL "])
async def test_attendance_types_as_people_write_them(value: str) -> None:
    """Airmeet wants IN-PERSON or VIRTUAL."""
    transport = transport_of()

    await run(transport, [person(attendance_type=value.strip())], event=community.HYBRID)
    await run(
        transport,
        [{"email": "b@example.com", "first_name": "B", "last_name": "B", "attendance type": value}],
        event=community.HYBRID,
    )

    kept = {one.details.get("attendance_type") for one in transport.world.people(community.HYBRID)}
    assert kept in ({"IN-PERSON"}, {"VIRTUAL"})


async def test_what_airmeet_will_cut_is_sent_whole_and_said() -> None:
    """Thirty-five characters for names, seventy for the rest."""
    transport = transport_of()
    long = person(city="x" * 71)

    report = await run(transport, [long, Attendee("b@example.com", "y" * 36, "z" * 35)])

    assert report.results is not None
    assert [result.warnings for result in report.results] == [
        ("Airmeet will cut city after 70 characters (it has 71)",),
        ("Airmeet will cut first_name after 35 characters (it has 36)",),
    ]
    assert report.warned_rows == 2
    assert report.succeeded == 2


async def test_custom_fields_are_found_by_label_or_id_and_fetched_once() -> None:
    """Only when a row has any, and once for the whole run."""
    transport = transport_of()
    rows = [person(n, custom_fields={"T-Shirt  size": "M", community.FIELD_COMPANY_SIZE: "10"}) for n in range(50)]
    wrong = person("wrong", custom_fields={"Shoe size": "42"})

    report = await run(transport, [*rows, wrong], event=community.WITH_FIELDS)

    assert report.results is not None
    assert report.succeeded == 50
    assert report.results[50].error is not None
    assert "T-shirt size" in report.results[50].error.message
    assert sum(arrival.path.endswith("/custom-fields") for arrival in transport.arrivals) == 1


async def test_no_custom_fields_no_question() -> None:
    """A run without them sends nothing but people."""
    transport = transport_of()

    await run(transport, people(5), event=community.WITH_FIELDS)

    assert not any(arrival.path.endswith("/custom-fields") for arrival in transport.arrivals)


async def test_airmeets_no_is_a_result_with_its_reason() -> None:
    """A full quota refuses the rest, one row at a time."""
    transport = transport_of()

    report = await run(transport, people(10), event=community.SMALL, register_attendee=True)

    assert statuses(report) == {S.SUCCEEDED: 3, S.REJECTED: 7}
    assert report.failures[0].n == 7
    assert not report.all_done


async def test_a_poison_row_fails_alone() -> None:
    """After five attempts it is FAILED and may have been applied; its neighbours are as if it were not there."""
    transport = transport_of("500:100%:body=person-3@")

    report = await run(transport, people(50))

    check_the_books(report, transport)
    assert statuses(report) == {S.SUCCEEDED: 49, S.FAILED: 1}
    assert report.results is not None
    failed = report.results[3]
    assert (failed.attempts, failed.http_status) == (5, 500)
    assert failed.error is not None
    assert (failed.error.ambiguous, failed.error.retryable) == (True, True)


async def test_throttling_and_expiry_cost_a_row_nothing() -> None:
    """Twenty 429 in a row and several expiries use up no attempt."""
    transport = transport_of("429@2+20,expire@30,expire@60")

    report = await run(transport, people(40))

    check_the_books(report, transport)
    assert statuses(report) == {S.SUCCEEDED: 40}
    assert report.throttled == 20


async def test_a_hidden_limit_is_obeyed_by_everybody() -> None:
    """A server that allows 40 a second and says how long to wait gets everybody in, and no row gives up."""
    transport = transport_of(rate_limit=40)

    report = await run(transport, people(400), rate=200)

    check_the_books(report, transport)
    assert statuses(report) == {S.SUCCEEDED: 400}


@pytest.mark.parametrize(
    ("event", "keys", "reason", "cause"),
    [
        (community.NOWHERE, {}, StopReason.NOT_FOUND, "NotFoundError"),
        (community.FOREIGN, {}, StopReason.NOT_PERMITTED, "PermissionDeniedError"),
        (EVENT, {"access_key": "wrong"}, StopReason.CREDENTIALS, "CredentialsError"),
        (
            EVENT,
            {"access_key": community.REVOKED_ACCESS_KEY, "secret_key": community.REVOKED_SECRET_KEY},
            StopReason.CREDENTIALS,
            "CredentialsError",
        ),
    ],
)
async def test_what_concerns_all_rows_ends_the_run_at_the_first(
    event: str, keys: dict[str, str], reason: StopReason, cause: str
) -> None:
    """One request, and all rows UNPROCESSED; the error names the cause and keeps the results."""
    transport = transport_of()
    async with client_of(transport, **keys) as client:
        with pytest.raises(BulkStoppedError) as caught:
            await add(client, list(people(500)), event)

    report = caught.value.report
    assert len(sends(transport)) <= 1
    assert statuses(report) == {S.UNPROCESSED: 500}
    assert (report.stop_reason, report.resumable, type(caught.value.__cause__).__name__) == (reason, True, cause)
    assert len(report.results) == 500


async def test_keys_that_are_revoked_in_the_middle_end_the_run_there() -> None:
    """Rows that are done stay done, rows under way end, the others are UNPROCESSED."""
    transport = transport_of("expire@300")

    async def revoke(job: BulkJob) -> list[RowResult]:
        results = []
        async for result in job:
            results.append(result)
            if len(results) == 100:
                transport.world.revoke_keys(SENTINEL_ACCESS_KEY)
        return results

    async with client_of(transport) as client:
        job = add(client, list(people(1000)))
        with pytest.raises(BulkStoppedError, match="revoked") as caught:
            async with job:
                await revoke(job)

    assert isinstance(caught.value.__cause__, CredentialsError)
    counts = statuses(job.report)
    assert sum(counts.values()) == 1000
    assert counts[S.SUCCEEDED] == transport.world.statistics().adds
    assert counts[S.UNPROCESSED] >= 600


async def test_a_server_that_is_down_ends_the_run_within_seconds() -> None:
    """A few tries, then every row UNPROCESSED and a reason that says the network."""

    class Down:
        tries = 0

        async def exchange(self, request: Request) -> Reply:
            self.tries += 1
            raise NotSentError("cannot reach sandbox: connection refused", reason="connect")

        async def aclose(self) -> None: ...

    down = Down()
    async with client_of(down) as client:
        with pytest.raises(BulkStoppedError, match="refused") as caught:
            await add(client, list(people(100)))

    assert caught.value.stop_reason == StopReason.UNREACHABLE
    assert statuses(caught.value.report) == {S.UNPROCESSED: 100}
    assert down.tries <= 5
    assert anyio.current_time() < 20


async def test_a_server_that_goes_away_for_a_while_is_waited_for() -> None:
    """Half a minute without a connection costs no row an attempt."""
    transport = transport_of()
    exchange = transport.exchange

    async def flaky(request: Request) -> Reply:
        if 1 < anyio.current_time() < 31:
            await anyio.sleep(0.01)
            raise NotSentError("cannot reach sandbox: network is unreachable", reason="connect")
        return await exchange(request)

    transport.exchange = flaky  # type: ignore[method-assign]
    report = await run(transport, people(500), rate=100)

    check_the_books(report, transport)
    assert statuses(report) == {S.SUCCEEDED: 500}


async def test_a_server_that_never_comes_back_ends_the_run_after_a_quarter_of_an_hour() -> None:
    """Rows that were sent and got no answer are told apart from rows that never left."""
    transport = transport_of()
    exchange = transport.exchange

    async def gone(request: Request) -> Reply:
        if anyio.current_time() > 1:
            raise NotSentError("cannot reach sandbox: network is unreachable", reason="connect")
        return await exchange(request)

    transport.exchange = gone  # type: ignore[method-assign]
    async with client_of(transport) as client:
        with pytest.raises(BulkStoppedError, match="no answer for too long") as caught:
            await add(client, list(people(500)), rate=100)

    report = caught.value.report
    check_the_books(report, transport)
    assert report.stop_reason is StopReason.UNREACHABLE
    assert 900 < anyio.current_time() < 1000


async def test_a_retry_after_of_an_hour_ends_the_run_for_now() -> None:
    """It says until when, and all is resumable."""
    transport = transport_of("429@50:retry=3600")
    async with client_of(transport) as client:
        with pytest.raises(BulkStoppedError, match="slow down") as caught:
            await add(client, list(people(500)))

    assert caught.value.stop_reason == StopReason.TEMPORARY
    check_the_books(caught.value.report, transport)


async def test_an_answer_about_somebody_else_is_no_success() -> None:
    """Its link would belong to another person."""
    transport = transport_of()
    exchange = transport.exchange

    async def mixed_up(request: Request) -> Reply:
        reply = await exchange(request)
        return Reply(reply.status, reply.headers, reply.body.replace(b"person-1@", b"person-2@"))

    transport.exchange = mixed_up  # type: ignore[method-assign]
    report = await run(transport, [person(1), person(3)])

    assert statuses(report) == {S.FAILED: 1, S.SUCCEEDED: 1}
    assert report.results is not None
    assert report.results[0].entry_link is None
    assert report.results[0].error is not None
    assert report.results[0].error.ambiguous
    assert sends(transport)["person-1@example.com"] == 3


CREATE: Endpoint[Acknowledgement] = Endpoint(
    "things.create", "POST", "/thing", Acknowledgement, "test", repeatable=False
)


async def test_any_call_in_bulk_and_what_must_not_be_repeated_is_not() -> None:
    """An unclear outcome of a create is UNKNOWN after one attempt."""

    class Odd:
        async def exchange(self, request: Request) -> Reply:
            if request.target.endswith("/auth"):
                return Reply(200, {}, b'{"token": "t"}')
            if b"lost" in request.body:
                raise NoReplyError("lost")
            return Reply(200, {}, b'{"success": true}')

        async def aclose(self) -> None: ...

    async with client_of(Odd()) as client:
        report = await client.bulk.run(
            ["fine", "lost", "fine"], lambda row: Call(CREATE, body={"name": row}), key=str, rate=None
        )

    assert report.results is not None
    assert [(result.status, result.attempts) for result in report.results] == [
        (S.SUCCEEDED, 1), (S.UNKNOWN, 1), (S.DUPLICATE, 0),
    ]  # fmt: skip


async def test_a_builder_that_raises_spoils_only_its_row() -> None:
    """The row is INVALID with the builder's own words."""
    async with client_of(transport_of()) as client:
        report = await client.bulk.run(
            ["a@example.com", "nonsense"], lambda row: calls.block_attendee(EVENT, row), rate=None
        )

    assert report.results is not None
    assert report.results[1].status is S.INVALID
    assert report.results[1].error is not None
    assert "nonsense" in report.results[1].error.message


async def test_blocking_and_unblocking_in_bulk() -> None:
    """Addresses, attendees and mappings are all fine."""
    transport = transport_of()
    rows: list[Any] = ["person-0@example.com", person(1), {"E-Mail": "person-2@example.com"}, "wrong"]
    async with client_of(transport) as client:
        await add(client, people(3))
        blocked = await client.bulk.block_attendees(EVENT, rows, rate=None)
        unblocked = await client.bulk.unblock_attendees(EVENT, rows, rate=None)

    expected = {S.SUCCEEDED: 3, S.INVALID: 1}
    assert (statuses(blocked), statuses(unblocked)) == (expected, expected)
    assert (transport.world.statistics().blocks, transport.world.statistics().unblocks) == (3, 3)


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
    check_the_books(report, transport)
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

    check_the_books(report, transport)
    assert report.succeeded == 20
    assert [round(arrival.at) for arrival in transport.arrivals if arrival.email == "person-9@example.com"] == [100]


async def test_retries_do_not_wait_for_a_source_that_is_silent() -> None:
    """A due retry goes although the next row is an hour away, with one worker, too."""

    async def two() -> AsyncIterator[Attendee]:
        yield person(0)
        await anyio.sleep(3600)
        yield person(1)

    transport = transport_of("500@1+2")

    await run(transport, two(), max_in_flight=1)

    assert [arrival.at < 60 for arrival in transport.arrivals if arrival.email == "person-0@example.com"] == [True] * 3


async def test_rows_in_backoff_do_not_hold_up_the_others() -> None:
    """One worker: while a row waits for its retry, fresh ones go."""
    transport = transport_of("503@2")

    await run(transport, people(100), max_in_flight=1)

    times = [arrival.at for arrival in transport.arrivals if arrival.email]
    assert len(times) == 101
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < transport.latency + 0.001


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


async def test_an_error_in_the_block_comes_out_as_it_is() -> None:
    """No group around it; the run is cut off and its books are closed."""
    transport = transport_of(latency=5.0)
    job = None
    async with client_of(transport) as client:
        with pytest.raises(LookupError, match="mine"):
            async with add(client, list(people(100))) as job:
                await anyio.sleep(7)
                raise LookupError("mine")

    assert job is not None
    assert sum(job.report.counts.values()) == job.report.rows_read
    assert job.report.counts[S.UNKNOWN] > 0


async def test_a_deadline_around_a_run_cuts_it_off_and_closes_its_books() -> None:
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


async def test_two_jobs_share_one_client() -> None:
    """One token, and together no more requests at once than the client allows."""
    transport = transport_of()
    async with client_of(transport, max_in_flight=10) as client:
        one, other = await asyncio.gather(
            add(client, (person(f"a{n}") for n in range(200))), add(client, (person(f"b{n}") for n in range(200)))
        )

    assert (one.succeeded, other.succeeded, auths(transport)) == (200, 200, 1)
    assert transport.peak <= 10


async def test_a_single_call_overtakes_a_running_job() -> None:
    """It waits no longer than two permits."""
    transport = transport_of()
    async with client_of(transport, rate=10) as client, add(client, people(1000), rate="default") as job:
        await anyio.sleep(5.05)
        await client.attendees.add(EVENT, person("web"))
        waited = anyio.current_time() - 5.05
        job.stop()

    assert waited <= 0.2 + transport.latency + 0.01


async def test_a_job_runs_once() -> None:
    """Awaiting it a second time says what to do."""
    async with client_of(transport_of()) as client:
        job = add(client, people(1))
        await job
        with pytest.raises(ClientStateError, match="make a new one"):
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


@pytest.mark.parametrize("rows", [5, b"bytes", {"email": "a@example.com"}, None])
async def test_what_is_no_list_of_rows_is_refused(rows: Any) -> None:
    """A single mapping is a likely mistake."""
    async with client_of(transport_of()) as client:
        with pytest.raises(ConfigError, match="iterable"):
            await add(client, rows)


async def test_the_report_has_its_figures() -> None:
    """Counts, attempts, rates and percentiles fit together, and its JSON shape is the documented one."""
    transport = transport_of("500@3", latency=0.1)

    report = await run(transport, people(100), rate=50)

    document = report.as_dict()
    assert (report.attempts, report.retries, report.throttled) == (101, 1, 0)
    assert 1.9 < report.elapsed_s < 4
    assert 99 < report.latency_ms["p50"] < 106
    assert report.rate_peak <= 51
    assert document["counts"] == {status.value: 100 if status is S.SUCCEEDED else 0 for status in RowStatus}
    assert list(document)[:3] == ["job", "rows_read", "counts"]
