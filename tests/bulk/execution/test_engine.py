"""The engine: every row ends in exactly one status, whatever the server does. Virtual time, a pretend Airmeet."""

import asyncio
import itertools
import math
from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from airmeet_async import (
    Attendee,
    BulkStoppedError,
    Call,
    CredentialsError,
    Endpoint,
    Invite,
    MemoryTokenStore,
    RejectedError,
    Reply,
    Request,
    Retry,
    RowResult,
    RowStatus,
    StopReason,
)
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal import MemoryJournal
from airmeet_async.bulk.row import Row
from airmeet_async.client.token_store import account_name
from airmeet_async.errors import NoReplyError, NotSentError
from airmeet_async.protocol.models import Acknowledgement
from airmeet_async.protocol.redact import Secret
from airmeet_async.sandbox import community
from airmeet_async.testing import Sandbox
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.support.bulk_runs import check_results, job_with, spied
from tests.support.worlds import EVENT, add, auths, client_of, people, person, run, sends, statuses, transport_of

S = RowStatus


@pytest.mark.slow
async def test_every_row_of_a_clean_run_succeeds_once() -> None:
    """Ten thousand rows: one request each, one result each, never more than 64 under way."""
    transport = transport_of()

    report = await run(transport, people(10_000))

    check_results(report, transport)
    assert statuses(report) == {S.SUCCEEDED: 10_000}
    assert set(sends(transport).values()) == {1}
    assert transport.peak == 64


@pytest.mark.slow
async def test_a_storm_of_faults_loses_and_doubles_nobody() -> None:
    """Expiries, 429, 500 before and after, drops before and after, HTML, half answers: everybody is in, once."""
    faults = "expire@300,expire@900,429@500+5:retry=2,500:1%,500-after:1%,drop:1%,drop-after:1%,502html:0.5%"
    faults += ",partial:0.5%,hang:0.5%"
    transport = transport_of(faults)

    report = await run(transport, people(2000))

    check_results(report, transport)
    assert statuses(report) == {S.SUCCEEDED: 2000}
    assert report.token_refreshes == auths(transport) == 3
    assert report.throttled >= 5
    assert report.retries == report.attempts - 2000 > 100


async def test_small_runs_and_odd_widths_end() -> None:
    """No row, one row, fewer rows than workers, one worker."""
    for width in (1, 64):
        for n in (0, 1, 2, 63, 64, 65):
            transport = transport_of()
            report = await run(transport, people(n), max_in_flight=width)
            check_results(report, transport)
            assert report.rows_read == report.succeeded == n
            assert report.all_done


async def test_retries_of_the_last_rows_are_waited_for() -> None:
    """The source is long at its end when the last attempts are due."""
    for width in (1, 7, 64):
        transport = transport_of("500@1+20")
        report = await run(transport, people(20), max_in_flight=width)
        check_results(report, transport)
        assert statuses(report) == {S.SUCCEEDED: 20}


async def test_a_rate_of_the_job_is_kept_to_by_every_attempt() -> None:
    """Retries and replays take permits like first attempts."""
    transport = transport_of("500:20%")

    await run(transport, people(500), rate=50)

    times = [arrival.at for arrival in transport.arrivals if arrival.email]
    assert all(later - earlier >= 1 for earlier, later in zip(times, times[52:], strict=False))


async def test_airmeets_no_is_a_result_with_its_reason() -> None:
    """A full quota refuses the rest, one row at a time."""
    transport = transport_of()

    report = await run(transport, people(10), event=community.SMALL, register_attendee=True)

    assert statuses(report) == {S.SUCCEEDED: 3, S.REJECTED: 7}
    assert report.failures[0].n == 7
    assert not report.all_done


async def test_a_poison_row_ends_alone() -> None:
    """After five attempts it is UNKNOWN, since it may have been applied; its neighbours are as if it were not there."""
    transport = transport_of("500:100%:body=person-3@")

    report = await run(transport, people(50))

    check_results(report, transport)
    assert statuses(report) == {S.SUCCEEDED: 49, S.UNKNOWN: 1}
    assert report.results is not None
    failed = report.results[3]
    assert (failed.attempts, failed.http_status) == (5, 500)
    assert failed.error is not None
    assert (failed.error.ambiguous, failed.error.retryable) == (True, True)


async def test_throttling_and_expiry_cost_a_row_nothing() -> None:
    """Twenty 429 in a row and several expiries use up no attempt."""
    transport = transport_of("429@2+20,expire@30,expire@60")

    report = await run(transport, people(40))

    check_results(report, transport)
    assert statuses(report) == {S.SUCCEEDED: 40}
    assert report.throttled == 20


async def test_a_hidden_limit_is_obeyed_by_everybody() -> None:
    """A server that allows 40 a second and says how long to wait gets everybody in, and no row gives up."""
    transport = transport_of(rate_limit=40)

    report = await run(transport, people(400), rate=200)

    check_results(report, transport)
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

    check_results(report, transport)
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
        with pytest.raises(BulkStoppedError, match="no reply for too long") as caught:
            await add(client, list(people(500)), rate=100)

    report = caught.value.report
    check_results(report, transport)
    assert report.stop_reason is StopReason.UNREACHABLE
    assert 900 < anyio.current_time() < 1000


async def test_a_retry_after_of_an_hour_ends_the_run_for_now() -> None:
    """It says until when, and all is resumable."""
    transport = transport_of("429@50:retry=3600")
    async with client_of(transport) as client:
        with pytest.raises(BulkStoppedError, match=r"rate limit was exceeded .* asks to wait for 3600 s") as caught:
            await add(client, list(people(500)))

    assert caught.value.stop_reason == StopReason.TEMPORARY
    check_results(caught.value.report, transport)


async def test_an_answer_about_somebody_else_is_no_success() -> None:
    """Its link would belong to another person."""
    transport = transport_of()
    exchange = transport.exchange

    async def mixed_up(request: Request) -> Reply:
        reply = await exchange(request)
        return Reply(reply.status, reply.headers, reply.body.replace(b"person-1@", b"person-2@"))

    transport.exchange = mixed_up  # type: ignore[method-assign]
    report = await run(transport, [person(1), person(3)])

    assert statuses(report) == {S.UNKNOWN: 1, S.SUCCEEDED: 1}
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
    transport = transport_of("500@2")

    await run(transport, people(100), max_in_flight=1)

    times = [arrival.at for arrival in transport.arrivals if arrival.email]
    assert len(times) == 101
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < transport.latency + 0.001


async def test_two_jobs_share_one_client() -> None:
    """One token, and together no more requests at once than the client allows."""
    transport = transport_of()
    async with client_of(transport, max_in_flight=10) as client:
        one, other = await asyncio.gather(
            add(client, (person(f"a{n}") for n in range(200))), add(client, (person(f"b{n}") for n in range(200)))
        )

    assert (one.succeeded, other.succeeded, auths(transport)) == (200, 200, 1)
    assert transport.peak <= 10


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


async def test_a_row_that_always_answers_412_fails_alone() -> None:
    """Its token is renewed twice and not for ever, and the others do not notice."""

    async def odd(request: Request) -> Reply | None:
        return Reply(412) if b"person-3@" in request.body else None

    transport = spied(transport_of(), odd)
    report = await run(transport, people(50), max_in_flight=1)

    assert {status: n for status, n in report.counts.items() if n} == {S.SUCCEEDED: 49, S.FAILED: 1}
    assert auths(transport) <= 4


async def test_answers_that_say_nothing_about_the_token_do_not_reset_its_limit() -> None:
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


@pytest.mark.slow
async def test_an_outage_does_not_fill_memory_with_rows_that_wait() -> None:
    """While the server is silent no fresh rows are started; a chunk of them may have been read."""
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
    assert most <= 3 * 64


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


async def test_a_row_whose_answer_cannot_be_understood_is_unclear() -> None:
    """A caller's own transport returns something that is no reply, after the request went out."""
    transport = transport_of()
    exchange = transport.exchange

    async def broken(request: Request) -> Any:
        reply = await exchange(request)
        return reply if request.target.endswith("/auth") else None

    transport.exchange = broken  # type: ignore[method-assign]
    async with client_of(transport) as client:
        job = add(client, people(1))
        with pytest.raises(AttributeError):
            await job

    assert statuses(job.report) == {S.UNKNOWN: 1}
    assert sends(transport) == {"person-0@example.com": 1}


async def test_a_row_whose_time_passed_in_a_pause_is_not_sent_again() -> None:
    """It has the result of its last attempt: with no time left for the reply, a mail would go out unseen."""
    async with Sandbox() as sandbox:
        client = sandbox.client(max_in_flight=4)
        sandbox.fail_next(429, times=1, body="person-0@")
        sandbox.fail_next(429, times=1, retry_after=30, operation="airmeets.list")
        job = client.bulk.add_attendees(sandbox.event_id, people(3), send_email_invite=True, timeout=5)

        report, _ = await asyncio.gather(job, client.airmeets.list())

        late = (report.results or ())[0]
        assert (late.status, late.attempts, late.invite) == (S.FAILED, 1, Invite.NOT_ASKED)
        assert late.error is not None
        assert late.error.code == "http_429"
        assert {one.email: one.mails for one in sandbox.registrations()} == {
            "person-1@example.com": 1, "person-2@example.com": 1,
        }  # fmt: skip


async def test_the_clients_timeout_holds_for_each_row_unless_the_run_has_its_own() -> None:
    """Also that of `with_options`; infinity lifts it."""

    cases: list[tuple[float, dict[str, Any], RowStatus]] = [
        (2, {}, S.FAILED), (2, {"timeout": math.inf}, S.SUCCEEDED), (60, {"timeout": 2}, S.FAILED),
    ]  # fmt: skip
    for timeout, options, status in cases:
        clients = [client_of(transport_of("429@1:retry=10"), timeout=timeout)]
        clients += [client_of(transport_of("429@1:retry=10")).with_options(timeout=timeout)]
        for client in clients:
            report = await add(client, [person()], **options)
            assert statuses(report) == {status: 1}, (timeout, options)


async def test_a_trial_whose_time_is_over_leaves_its_place_to_the_next_row() -> None:
    """In an outage that outlasts the time of every row that was sent, the others are sent in the end."""
    transport = transport_of()
    began = asyncio.get_running_loop().time()

    async def away(request: Request) -> Reply | None:
        is_row = request.body and not request.target.endswith("/auth")
        return Reply(502, {}, b"") if is_row and asyncio.get_running_loop().time() - began < 30 else None

    async with client_of(spied(transport, away)) as client:
        report = await add(client, people(40), max_in_flight=2, timeout=3, max_failures=40)

    assert report.succeeded > 20
    assert report.counts[S.UNPROCESSED] == 0


@pytest.mark.parametrize("options", [{"timeout": 5}, {"retry": Retry(free=1)}], ids=["time", "attempts"])
async def test_a_pause_holds_for_all_rows_also_where_the_refused_one_is_given_up(options: dict[str, Any]) -> None:
    """Because its own time does not last that long, or it has no attempt left."""
    transport = transport_of("429@10:retry=20")

    report = await run(transport, people(30), max_in_flight=1, **options)

    times = [arrival.at for arrival in transport.arrivals]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) >= 20
    assert statuses(report) == {S.SUCCEEDED: 29, S.FAILED: 1}


async def test_a_throttled_row_pauses_every_worker() -> None:
    """Nothing arrives for as long as the server asked."""
    transport = transport_of("429@100:retry=20")

    await run(transport, people(300), max_in_flight=1)

    times = [arrival.at for arrival in transport.arrivals]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert sum(gap > 1 for gap in gaps) == 1
    assert 20 <= max(gaps) <= 22.1


@pytest.mark.parametrize("hindrance", ["a 429", "a pause by hand", "a stop"])
async def test_what_comes_while_the_journal_writes_keeps_the_request_back(hindrance: str) -> None:
    """An intent may take the disk a second. What was true before it need not be true when the request could leave."""
    transport = transport_of("429@4:retry=30" if hindrance == "a 429" else "")

    class SlowJournal(MemoryJournal):
        def admit(self, rows: Sequence[Row]) -> None:
            self.queue.extend(rows)
            self._woken(len(rows))

        async def clear(self) -> None:
            if self.queue:
                row = self.queue.popleft()
                try:
                    await anyio.sleep(2 if row.index > 1 and row.index % 2 else 0)
                finally:
                    self.ready.append(row)

        def withdraw(self) -> None:
            self.queue.extendleft(reversed(self.ready))
            self.ready.clear()

    async with client_of(transport) as client, job_with(client, SlowJournal(), people(40), max_in_flight=4) as job:
        await anyio.sleep(1)  # one worker at least waits for its intent
        if hindrance == "a pause by hand":
            job.pause()
        elif hindrance == "a stop":
            job.stop()
        await anyio.sleep(20)
        late = [arrival.at for arrival in transport.arrivals if 1.5 < arrival.at < 20]
        early = len(transport.arrivals)
        job.resume()
        await anyio.sleep(60)

    assert late == []
    assert early >= 3
    assert (len(transport.arrivals) > early) is (hindrance != "a stop")


async def test_an_unclear_outcome_is_remembered_whatever_comes_after_it() -> None:
    """500 and then 422: it may be in, so "refused by Airmeet" would be a claim."""
    answers = iter([Reply(500), Reply(422, {}, b'{"message": "no"}')])

    async def odd(request: Request) -> Reply | None:
        return None if request.target.endswith("/auth") else next(answers)

    report = await run(spied(transport_of(), odd), [person(1)])

    assert report.results is not None
    result = report.results[0]
    assert (result.status, result.http_status, result.replayed) == (S.UNKNOWN, 422, True)
    assert result.error is not None
    assert result.error.ambiguous


async def test_a_slow_job_slows_no_single_call() -> None:
    """It waits for its own rate before it takes one of the client's places."""
    async with client_of(transport_of(), max_in_flight=1) as client, add(client, people(1000), rate=0.05) as job:
        await anyio.sleep(30)
        before = anyio.current_time()
        await client.attendees.add(EVENT, person("web"), send_email_invite=True)
        waited = anyio.current_time() - before
        job.stop()

    assert waited < 1


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
            before = anyio.current_time()
            await client.attendees.add(EVENT, person("interactive"), send_email_invite=True)
            waits.append(anyio.current_time() - before)
        job.stop()

    assert max(waits) <= 2 / 10 + 0.02 + 0.001


async def test_a_secret_that_is_cut_in_half_is_still_one() -> None:
    """A server that repeats the token in a long refusal: it is masked before the text is cut."""
    for length in (20, 250):
        for before in (0, 185):
            token = "Zx9" * (length // 3)

            async def odd(request: Request, token: str = token, before: int = before) -> Reply | None:
                if request.target.endswith("/auth"):
                    return Reply(200, {}, b'{"token": "%s"}' % token.encode())
                return Reply(422, {}, b'{"message": "%s refused %s"}' % (b"p" * before, token.encode()))

            async with client_of(spied(transport_of(), odd)) as client:
                with pytest.raises(RejectedError) as caught:
                    await client.attendees.add(EVENT, person(1), send_email_invite=True)
            assert "Zx9" not in str(caught.value)
