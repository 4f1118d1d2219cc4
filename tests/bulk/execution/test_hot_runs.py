"""A run at full speed: what holds it back does so at once, and successes count before what comes after them."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

from airmeet_async import AirmeetClient, BulkStoppedError, Reply, Request, RowResult, RowStatus, StopReason
from airmeet_async.bulk.job import BulkJob
from airmeet_async.errors import NoReplyError
from airmeet_async.testing import SandboxTransport
from tests.support.bulk_runs import spied
from tests.support.disk import DiskLoop
from tests.support.worlds import EVENT, add, client_of, people, person, sends, statuses, transport_of

S = RowStatus
AT = 0.51  # seconds; the run has long shown that it works


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": DiskLoop}


@pytest.fixture(params=["in memory", "with a journal"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path / "launch.job" if request.param == "with a journal" else None


class Run:
    """A run of four workers, and when its requests came."""

    def __init__(self, client: AirmeetClient, transport: SandboxTransport, job: BulkJob) -> None:
        self.client, self.transport, self.job = client, transport, job
        self.results: list[RowResult] = []

    def between(self, start: float, end: float) -> int:
        """Requests for a person in that time."""
        return sum(start < arrival.at < end for arrival in self.transport.arrivals if arrival.email)

    async def read(self) -> Counter[RowStatus]:
        """Read all results; each row has one."""
        with contextlib.suppress(BulkStoppedError):
            async for result in self.job:
                self.results.append(result)
        assert sorted(result.index for result in self.results) == list(range(self.job.report.rows_read))
        counts = Counter(result.status for result in self.results)
        assert counts == Counter(statuses(self.job.report))
        assert self.job.report.attempts == sum(sends(self.transport).values())
        return counts


@contextlib.asynccontextmanager
async def running(
    journal: Path | None, n: int = 400, transport: SandboxTransport | None = None, width: int = 4, **options: Any
) -> AsyncIterator[Run]:
    """Begin a run, and let it come to full speed."""
    transport = transport or transport_of()
    async with (
        client_of(transport, max_in_flight=width) as client,
        add(client, list(people(n)), journal=journal, **options) as job,
    ):
        run = Run(client, transport, job)
        await anyio.sleep(AT)
        assert run.between(0, AT) > 20
        yield run


async def test_nothing_leaves_while_it_is_paused(journal: Path | None) -> None:
    async with running(journal) as run:
        run.job.pause()
        await anyio.sleep(10)
        assert run.between(AT, AT + 10) == 0
        run.job.resume()
        assert await run.read() == {S.SUCCEEDED: 400}


async def test_nothing_leaves_after_a_stop(journal: Path | None) -> None:
    async with running(journal) as run:
        run.job.stop()
        counts = await run.read()

    assert run.between(AT, 100) == 0
    assert counts[S.SUCCEEDED] == run.transport.world.statistics().adds == len(sends(run.transport))
    assert counts[S.UNPROCESSED] == 400 - counts[S.SUCCEEDED]


async def test_a_server_that_goes_away_is_left_alone(journal: Path | None) -> None:
    async def odd(request: Request) -> Reply | None:
        if AT < anyio.current_time() < AT + 60:
            raise NoReplyError("the connection broke", reason="reset")
        return None

    transport = transport_of()
    missed = 0

    async def count(request: Request) -> Reply | None:
        nonlocal missed
        missed += AT < anyio.current_time() < AT + 60
        return await odd(request)

    async with running(journal, transport=spied(transport, count)) as run:
        with contextlib.suppress(BulkStoppedError):
            run.results = [result async for result in run.job]

    assert statuses(run.job.report) == {S.SUCCEEDED: 400}
    assert missed < 4 * 4 + 8
    assert all(n == 1 for n in sends(transport).values())


async def test_a_retry_does_not_wait_for_the_end_of_the_list(journal: Path | None) -> None:
    failed: list[float] = []

    async def odd(request: Request) -> Reply | None:
        if b"person-150@" in request.body:
            failed.append(anyio.current_time())
            return Reply(500) if len(failed) == 1 else None
        return None

    async with running(journal, 600, spied(transport_of(), odd)) as run:
        run.results = [result async for result in run.job]

    assert run.job.report.succeeded == 600
    assert failed[1] - failed[0] < 0.6
    assert anyio.current_time() > failed[0] + 2


async def test_a_reader_who_is_slow_slows_it_down(journal: Path | None) -> None:
    async with running(journal, 1500, width=64, transport=transport_of(latency=0.01)) as run:
        await anyio.sleep(3600)
        there = run.transport.world.statistics().adds
        assert 1024 <= there <= 1024 + 2 * 64
        assert await run.read() == {S.SUCCEEDED: 1500}


@pytest.mark.parametrize("whose", ["the job's", "the client's"])
async def test_a_rate_that_is_set_on_the_way_holds_from_then_on(journal: Path | None, whose: str) -> None:
    async with running(journal) as run:
        (run.job.set_rate if whose == "the job's" else run.client.pace.set_rate)(10)
        await anyio.sleep(10)
        assert 95 <= run.between(AT + 0.03, AT + 10.03) <= 102
        (run.job.set_rate if whose == "the job's" else run.client.pace.set_rate)(None)
        assert await run.read() == {S.SUCCEEDED: 400}
        assert anyio.current_time() < AT + 10 + 2


async def test_a_pause_of_the_client_is_one_of_the_run(journal: Path | None) -> None:
    async with running(journal) as run:
        run.client.pace.pause(5)
        await anyio.sleep(4.9)
        assert run.between(AT + 0.001, AT + 4.9) == 0
        assert await run.read() == {S.SUCCEEDED: 400}
        assert anyio.current_time() < 10


async def test_whoever_waits_for_a_place_gets_one_at_once(journal: Path | None) -> None:
    """All places are a run's, which keeps them between two rows while nobody else wants one."""
    async with running(journal) as run:
        for _ in range(5):
            before = anyio.current_time()
            await run.client.attendees.add(EVENT, person("web"), send_email_invite=True)
            assert anyio.current_time() - before < 3 * run.transport.latency
        run.results = [result async for result in run.job]

    assert run.job.report.succeeded == 400


async def test_a_token_that_ends_is_renewed_once_and_no_request_leaves_meanwhile(journal: Path | None) -> None:
    transport = transport_of("expire@80")
    exchange = transport.exchange
    asked: list[float] = []

    async def slow(request: Request) -> Reply:
        if request.target.endswith("/auth"):
            asked.append(anyio.current_time())
            await anyio.sleep(2 if len(asked) > 1 else 0)
        return await exchange(request)

    transport.exchange = slow  # type: ignore[method-assign]
    async with running(journal, transport=transport) as run:
        assert await run.read() == {S.SUCCEEDED: 400}

    assert len(asked) == run.job.report.token_refreshes == 2
    assert run.between(asked[1] + 0.0201, asked[1] + 2) == 0
    assert max(sends(transport).values()) == 2


@pytest.mark.parametrize("asleep", [False, True], ids=["at full speed", "asleep"])
async def test_a_client_that_is_closed_ends_the_run_at_once(journal: Path | None, asleep: bool) -> None:
    async with running(journal) as run:
        if asleep:
            run.job.pause()
            await anyio.sleep(5)
        at = anyio.current_time()
        await run.client.aclose()
        counts = await run.read()

    assert anyio.current_time() < at + 0.1
    assert run.between(at + 0.001, at + 100) == 0
    assert counts[S.SUCCEEDED] + counts[S.UNPROCESSED] == 400
    assert run.job.report.stop_reason is StopReason.CUT_OFF
    assert "closed" in run.job.report.stop_message


async def test_a_client_that_is_closed_does_not_wait_for_answers_that_do_not_come(journal: Path | None) -> None:
    transport = transport_of("hang-after@20+400:on=attendees.add", latency=0.02)
    async with running(journal, transport=transport) as run:
        at = anyio.current_time()
        await run.client.aclose()
        counts = await run.read()

    assert at + 0.4 < anyio.current_time() < at + 0.6
    assert (counts[S.SUCCEEDED], counts[S.UNKNOWN], counts.total()) == (19, 4, 400)


REFUSAL = Reply(422, {"content-type": "application/json"}, b'{"message": "no"}')


@pytest.mark.parametrize("odd_one", [REFUSAL, Reply(429, {"retry-after": "1"}), Reply(412), Reply(500)])
async def test_a_success_counts_before_whatever_is_answered_after_it(journal: Path | None, odd_one: Reply) -> None:
    """Four answers come in one step of the event loop, the odd one last: what came before it is told before it."""
    seen = Counter[bytes]()
    order: list[str] = []

    async def odd(request: Request) -> Reply | None:
        key = request.body[request.body.find(b"person-") : request.body.find(b"@")]
        seen[key] += 1
        if key and int(key[7:]) % 24 == 23 and seen[key] == 1:
            await anyio.sleep(0.02)
            return odd_one
        return None

    transport = spied(transport_of(), odd)
    exchange = transport.exchange

    async def watch(request: Request) -> Reply:
        reply = await exchange(request)
        if b"email" in request.body and reply.status in {200, 422}:
            order.append(request.body.split(b'"')[3].decode())
        return reply

    transport.exchange = watch  # type: ignore[method-assign]
    async with running(journal, transport=transport) as run:
        run.results = [result async for result in run.job]

    assert [result.key for result in run.results] == order


async def test_scattered_refusals_among_plain_successes_do_not_stop_a_run(journal: Path | None) -> None:
    """Each success in between begins the count of "20 in a row" anew."""

    async def odd(request: Request) -> Reply | None:
        number = request.body[request.body.find(b"person-") + 7 : request.body.find(b"@")]
        if not number.isdigit() or int(number) % 5 or int(number) < 40:
            return None
        await anyio.sleep(0.02)
        return REFUSAL

    async with running(journal, transport=spied(transport_of(), odd), width=1, n=200) as run:
        run.results = [result async for result in run.job]

    assert statuses(run.job.report) == {S.SUCCEEDED: 168, S.REJECTED: 32}


async def test_the_figures_of_plain_successes_are_those_of_any(journal: Path | None) -> None:
    async with running(journal, n=300, transport=transport_of(latency=0.02)) as run:
        await run.read()

    report = run.job.report
    assert (report.attempts, report.retries, report.throttled) == (300, 0, 0)
    assert 19 < report.latency_ms["p50"] < 21.5
    assert {result.attempts for result in run.results} == {1}
    assert not any(result.replayed for result in run.results)
    assert all(result.entry_link and result.http_status == 200 for result in run.results)
    assert all(result.latency_s is not None and 0.0199 < result.latency_s < 0.021 for result in run.results)
    assert report.rate_peak >= 150


@pytest.mark.parametrize("end", ["stop", "hurry", "cut off"])
async def test_a_run_that_ends_while_a_token_is_renewed_tells_each_row_once(journal: Path | None, end: str) -> None:
    """Rows that were answered with 412 were certainly not applied."""
    transport = transport_of("expire@40")
    exchange = transport.exchange

    async def slow(request: Request) -> Reply:
        await anyio.sleep(5 if request.target.endswith("/auth") and anyio.current_time() > 0.1 else 0)
        return await exchange(request)

    transport.exchange = slow  # type: ignore[method-assign]
    async with running(journal, transport=transport) as run:
        await anyio.sleep(1)
        if end == "cut off":
            run.job.cut_off()
        else:
            run.job.stop()
            if end == "hurry":
                run.job.hurry()
        counts = await run.read()

    assert anyio.current_time() < 2
    assert counts[S.UNKNOWN] == 0
    assert counts[S.SUCCEEDED] == transport.world.statistics().adds
    assert counts[S.UNPROCESSED] == run.job.report.rows_read - counts[S.SUCCEEDED]


async def test_once_the_first_rows_have_shown_that_it_works_all_places_are_used(journal: Path | None) -> None:
    """Those who had to wait for them are told."""
    transport = transport_of(latency=0.1)
    async with running(journal, transport=transport, width=64):
        assert transport.peak == 64


async def test_repeats_that_are_due_together_go_together(journal: Path | None) -> None:
    """Each wakes a worker of its own, though nobody has a new row to send."""
    answers = Counter[bytes]()

    async def odd(request: Request) -> Reply | None:
        answers[request.body] += 1
        is_last = any(b"person-%d@" % number in request.body for number in range(44, 60))
        if not is_last or answers[request.body] > 1:
            return None
        await anyio.sleep(0.2)
        return Reply(429, {"retry-after": "5"})

    transport = spied(transport_of(latency=0.2), odd)
    async with client_of(transport, max_in_flight=16) as client:
        report = await add(client, list(people(60)), journal=journal)

    assert (report.succeeded, report.throttled) == (60, 16)
    # The first refusal pauses all, so what was refused before and after it is due in two groups.
    repeats = [arrival.at for arrival in transport.arrivals if arrival.email][-16:]
    ends = [number for number in range(1, 16) if repeats[number] - repeats[number - 1] > 2]
    groups = [repeats[first:end] for first, end in pairwise([0, *ends, 16])]
    assert len(groups) <= 2
    assert max(group[-1] - group[0] for group in groups) < 1


async def test_after_a_stop_no_more_results_are_made_than_somebody_reads() -> None:
    async with running(None, n=4000) as run:
        run.job.stop()
        await anyio.sleep(60)
        assert sum(run.job.report.counts.values()) <= 1024 + 2 * 256
        counts = await run.read()

    assert sum(counts.values()) == 4000
