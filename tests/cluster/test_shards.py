"""A shard as a task: what it sends, how it says that it ended, and what becomes of the run that it was cut from."""

import asyncio
import json
import pickle
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from airmeet_async import Reply, Request
from airmeet_async.bulk.journal.cut import cut_journal
from airmeet_async.bulk.journal.queries import read_results, read_summary
from airmeet_async.bulk.journal.writer import JournalWriter
from airmeet_async.bulk.options import FailureLimit, ShardPace
from airmeet_async.bulk.report import RowStatus
from airmeet_async.client.adaptive_rate import Adaptive
from airmeet_async.client.permits import LocalPermits
from airmeet_async.cluster import ShardAnswer, run_shard
from airmeet_async.cluster.shards import _client_for
from airmeet_async.errors import BulkStoppedError, ConfigError, JournalError
from airmeet_async.testing import SandboxTransport
from tests.cluster.conftest import cut
from tests.support.bulk_runs import add_journaled, resume, spied
from tests.support.worlds import EVENT, auths, client_of, people, sends, transport_of


class SharedPermits(LocalPermits):
    """Those of a fleet, without its Redis."""

    @property
    def is_shared(self) -> bool:
        return True


async def send(transport: Any, shard: Path, **options: Any) -> ShardAnswer:
    async with client_of(transport) as client:
        return await run_shard(shard, client=client, **options)


async def join(transport: Any, path: Path, **options: Any) -> Any:
    async with client_of(transport) as client:
        return await client.bulk.join(path, **options)


async def test_shards_send_each_row_once_and_the_journal_has_all_results(path: Path) -> None:
    transport = transport_of()
    paths = await cut(transport, path, 30, 3)

    ends = [await send(transport, shard) for shard in paths]
    summary = await join(transport, path)

    assert set(sends(transport).values()) == {1}
    assert len(sends(transport)) == 30
    assert [end["counts"]["succeeded"] for end in ends] == [10, 10, 10]
    assert summary.is_complete
    assert [(result.index, result.status) for result in read_results(path)] == [
        (index, RowStatus.SUCCEEDED) for index in range(30)
    ]


async def test_a_task_answers_with_numbers_and_names_nobody(path: Path) -> None:
    transport = transport_of("500:30%")
    (shard,) = await cut(transport, path, 10, 1)

    end = await send(transport, shard)

    assert pickle.loads(pickle.dumps(end)) == end
    assert "@" not in json.dumps(end)
    assert (end["rows"], end["stop_reason"], end["temporary"]) == (10, None, False)


async def test_a_shard_that_is_over_sends_nothing_again(path: Path) -> None:
    transport = transport_of()
    (shard,) = await cut(transport, path, 10, 1)

    await send(transport, shard)
    again = await send(transport, shard)

    assert again["attempts"] == 0
    assert again["earlier_counts"]["succeeded"] == 10
    assert set(sends(transport).values()) == {1}


async def test_a_server_that_is_away_is_a_value_and_temporary(path: Path) -> None:
    transport = transport_of()
    (shard,) = await cut(transport, path, 10, 1)

    end = await send(transport_of("drop:100%"), shard)

    assert end["temporary"]
    assert end["stop_reason"] == "unreachable"
    assert not (await join(transport, path)).is_complete


async def test_a_shard_that_a_rule_has_stopped_is_over(path: Path) -> None:
    transport = transport_of()
    (shard,) = await cut(transport, path, 40, 1)

    async def refuse(request: Request) -> Reply | None:
        return Reply(400, {}, b'{"message": "No"}') if request.body and b"email" in request.body else None

    spied(transport, refuse)

    end = await send(transport, shard)
    summary = await join(transport, path)

    assert (end["stop_reason"], end["temporary"]) == ("failures", False)
    assert summary.is_complete
    assert summary.stop_reason == "failures"


async def test_a_worker_that_is_told_to_stop_lets_requests_end_and_nothing_is_sent_twice(path: Path) -> None:
    transport = transport_of(latency=1.0)
    (shard,) = await cut(transport, path, 30, 1, max_in_flight=4)

    told: list[ShardAnswer] = []
    task = asyncio.create_task(send(transport, shard, progress=told.append))
    await anyio.sleep(3.5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sent = len(sends(transport))
    await send(transport, shard)

    assert 0 < sent < 30
    assert told[-1]["counts"]["succeeded"] == sent
    assert len(sends(transport)) == 30
    assert set(sends(transport).values()) == {1}


async def test_progress_is_told_twice_a_second_at_most(path: Path) -> None:
    transport = transport_of()
    (shard,) = await cut(transport, path, 10, 1)
    told: list[ShardAnswer] = []

    await send(transport, shard, progress=told.append)

    assert told
    assert told[0]["shard"] == str(shard)


async def test_a_shard_that_is_being_sent_is_busy(path: Path) -> None:
    transport = transport_of()
    (shard,) = await cut(transport, path, 10, 1)

    writer = JournalWriter(shard)
    with pytest.raises(JournalError) as caught:
        await send(transport, shard)
    writer.close()

    assert caught.value.busy


async def test_the_same_people_and_a_retry_are_refused_while_rows_are_in_shards(path: Path) -> None:
    transport = transport_of()
    await cut(transport, path, 10, 2)

    with pytest.raises(JournalError, match="its rows are in 2 shards"):
        await add_journaled(transport, list(people(10)), path)
    async with client_of(transport) as client:
        with pytest.raises(JournalError, match="its rows are in 2 shards"):
            await client.bulk.retry(path)
        job = client.bulk.add_attendees(EVENT, list(people(10)), send_email_invite=False, journal=path)
        with pytest.raises(JournalError, match="its rows are in 2 shards"):
            await job.prepare()
        await job.discard()

    assert sends(transport) == {}


async def test_a_resume_of_the_run_takes_its_shards_back_first(path: Path) -> None:
    transport = transport_of()
    paths = await cut(transport, path, 30, 3)
    await send(transport, paths[1])

    report = await resume(transport, path)

    assert report.all_done
    assert report.rows_read == 30
    assert set(sends(transport).values()) == {1}
    assert not [shard for shard in paths if shard.exists()]


async def test_a_resume_of_the_run_waits_for_nobody_who_sends_a_shard(path: Path) -> None:
    transport = transport_of()
    paths = await cut(transport, path, 30, 3)

    writer = JournalWriter(paths[2])
    with pytest.raises(JournalError, match="is being sent") as caught:
        await resume(transport, path)
    writer.close()

    assert caught.value.busy
    assert sends(transport) == {}


async def test_a_shard_takes_no_rows(path: Path) -> None:
    transport = transport_of()
    (shard,) = await cut(transport, path, 10, 1)

    with pytest.raises(JournalError, match="takes no rows"):
        await add_journaled(transport, list(people(3)), shard)


async def test_a_second_cut_returns_the_same_shards_and_refuses_other_numbers(path: Path) -> None:
    transport = transport_of()
    async with client_of(transport) as client:
        job = client.bulk.add_attendees(EVENT, list(people(8)), send_email_invite=False, journal=path, rate=10)
        paths = await job.cut(into=path.parent / "shards", shards=16, workers=4)
        again = partial(client.bulk.cut, path, into=path.parent / "shards")

        assert await again(shards=16) == paths
        assert await again(shards=8) == paths
        assert await again(shards=16, rate=10, workers=4) == paths
        others: list[tuple[dict[str, Any], str]] = [
            ({"shards": 7}, r"in 8 shards in .*shards: 16, not 7\)"),
            ({"shards": 16, "rate": 1000}, r"\(rate: 10, not 1000\)"),
            ({"shards": 16, "rate": "auto"}, r"\(rate: 10, not none\)"),
            ({"shards": 16, "workers": 2}, r"\(workers: 4, not 2\)"),
            ({"shards": 16, "max_in_flight": 3}, r"\(max in flight: \d+, not 3\)"),
            ({"shards": 16, "max_failures": "50%"}, r"\(max failures: none, not 4\)"),
            ({"shards": 16, "again": True}, r"\(again: False, not True\). .*--take-back"),
        ]
        for numbers, said in others:
            with pytest.raises(JournalError, match=said):
                await again(**numbers)


@pytest.mark.parametrize("rows_begun", [False, True])
async def test_a_retry_of_a_shard_is_refused_and_the_run_goes_on(path: Path, *, rows_begun: bool) -> None:
    transport = transport_of()
    (shard,) = await cut(transport, path, 10, 1)
    if rows_begun:
        await send(transport_of("drop:100%"), shard)

    async with client_of(transport) as client:
        with pytest.raises(JournalError, match=r"is a shard.*airmeet resume .*launch-0000.job sends what is left"):
            await client.bulk.retry(shard)
    assert not (await join(transport, path)).is_complete
    report = await resume(transport, path)

    assert report.all_done
    assert set(sends(transport).values()) == {1}


@pytest.mark.parametrize("is_lent", [True, False])
async def test_the_run_itself_is_not_sent_as_a_shard(path: Path, *, is_lent: bool) -> None:
    transport = transport_of()
    shards = await cut(transport, path, 10, 2)
    if not is_lent:
        await join(transport, path, take_back=True)

    with pytest.raises(JournalError, match="is no shard; give one of the paths that cut has returned"):
        await send(transport, path)

    assert sends(transport) == {}
    assert [shard.exists() for shard in shards] == [is_lent] * 2


async def test_people_who_were_added_in_shards_are_mailed_once_by_a_list_that_asks_for_it(path: Path) -> None:
    """Done is told per wish, also after a join."""
    transport = transport_of()
    for shard in await cut(transport, path, 10, 2):
        await send(transport, shard)
    await join(transport, path)

    async with client_of(transport) as client:
        job = client.bulk.add_attendees(EVENT, list(people(10)), send_email_invite=True, journal=path)
        plan = await job.prepare()
        await job.discard()

    assert (plan.rows, plan.not_yet_mailed, plan.new) == (10, 10, 0)


async def test_each_shard_keeps_to_its_share_of_the_rate(path: Path) -> None:
    transport = transport_of(latency=0.0)
    (shard,) = await cut(transport, path, 20, 1, rate=2.0)
    began = anyio.current_time()

    await send(transport, shard)

    assert anyio.current_time() - began >= 8


async def test_wrong_keys_are_a_value_and_not_temporary(path: Path) -> None:
    transport = transport_of()
    (shard,) = await cut(transport, path, 10, 1)

    async with client_of(transport, access_key="somebody-else") as client:
        end = await run_shard(shard, client=client)

    assert (end["stop_reason"], end["temporary"]) == ("credentials", False)
    with pytest.raises(BulkStoppedError):
        async with client_of(transport, access_key="somebody-else") as client:
            await client.bulk.resume(shard)


@pytest.mark.parametrize("second", [0.0, 0.2])
async def test_a_worker_that_is_told_to_stop_twice_lets_requests_end_all_the_same(path: Path, second: float) -> None:
    transport = transport_of(latency=1.0)
    (shard,) = await cut(transport, path, 30, 1, max_in_flight=4)

    task = asyncio.create_task(send(transport, shard))
    await anyio.sleep(3.5)
    task.cancel()
    await anyio.sleep(second)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await send(transport, shard)

    assert len(sends(transport)) == 30
    assert set(sends(transport).values()) == {1}


@pytest.mark.parametrize(
    ("fleet_rate", "rate", "seconds"),
    [
        (1000.0, 8.0, 8),
        (2.0, 100.0, 8),
        (4.0, 8.0, 4),  # the fleet's limit holds for all, so it is not divided
    ],
)
async def test_the_rate_of_a_run_holds_below_that_of_the_fleet_and_does_not_change_it(
    path: Path, fleet_rate: float, rate: float, seconds: float
) -> None:
    transport = transport_of(latency=0.0)
    async with client_of(transport) as client:
        await client.bulk.add_attendees(EVENT, list(people(80)), send_email_invite=False, journal=path).prepare()
    (shard, *_) = cut_journal(path, path.parent / "shards", 4, pace=ShardPace(rate))
    permits = SharedPermits(fleet_rate)
    began = anyio.current_time()

    async with client_of(transport, permits=permits) as client:
        await run_shard(shard, client=client)

    assert seconds <= anyio.current_time() - began < 2 * seconds
    assert permits.rate == fleet_rate


async def test_the_rate_of_a_run_is_never_given_to_the_fleet(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = transport_of()
    async with client_of(transport) as client:
        await client.bulk.add_attendees(EVENT, list(people(20)), send_email_invite=False, journal=path).prepare()
    (shard, *_) = cut_journal(path, path.parent / "shards", 4, pace=ShardPace(4.0))
    for name, value in {"ACCESS_KEY": "a", "SECRET_KEY": "b" * 32, "REDIS": "redis://127.0.0.1:1"}.items():
        monkeypatch.setenv(f"AIRMEET_{name}", value)

    monkeypatch.delenv("AIRMEET_RATE", raising=False)
    async with _client_for(shard) as client:
        assert not client.pace.permits.is_shared
    monkeypatch.setenv("AIRMEET_RATE", "100")
    async with _client_for(shard) as client:
        assert client.pace.permits.rate == 100


@pytest.mark.parametrize(
    ("client_rate", "given", "expected"),
    [
        (None, {}, ShardPace(None, 4, 64)),
        (None, {"rate": "auto"}, ShardPace(None, 4, 64)),
        (None, {"rate": 40}, ShardPace(40, 4, 64)),
        (None, {"rate": 40, "workers": 2}, ShardPace(40, 2, 64)),
        (None, {"rate": 40, "workers": 9}, ShardPace(40, 4, 64)),  # more than there are shards
        (None, {"max_in_flight": 10, "workers": 2}, ShardPace(None, 2, 10)),
        (None, {"max_failures": 7}, ShardPace(None, 4, 64, FailureLimit(rows=7))),
        (None, {"max_failures": "5%"}, ShardPace(None, 4, 64, FailureLimit(rows=4))),  # of all rows
        (30, {}, ShardPace(30, 4, 64)),
        (30, {"rate": 40}, ShardPace(30, 4, 64)),
        (30, {"rate": 20}, ShardPace(20, 4, 64)),
        ("auto", {}, ShardPace(None, 4, 64)),
    ],
)
async def test_both_ways_to_cut_give_shards_the_pace_that_was_wanted_of_the_run(
    path: Path, client_rate: Any, given: dict[str, Any], expected: ShardPace
) -> None:
    workers = {"workers": given.pop("workers")} if "workers" in given else {}
    transport = transport_of()
    async with client_of(transport, rate=client_rate) as client:
        job = client.bulk.add_attendees(EVENT, list(people(80)), send_email_invite=False, journal=path, **given)
        (shard, *_) = await job.cut(into=path.parent / "s", shards=4, **workers)
        of_job = ShardPace.of_shard(read_summary(shard).facts)
        await client.bulk.join(path, take_back=True)
        (shard, *_) = await client.bulk.cut(path, into=path.parent / "s", shards=4, **workers, **given)
        of_journal = ShardPace.of_shard(read_summary(shard).facts)

    assert of_job == of_journal == expected


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"shards": 0}, "shards must be"),
        ({"shards": True}, "shards must be"),
        ({"workers": 0}, "workers must be"),
        ({"workers": 1.5}, "workers must be"),
        ({"rate": 0}, "rate must be"),
        ({"rate": Adaptive(ceiling=50.0)}, "rate= of rows in shards"),
        ({"max_in_flight": 0}, "max_in_flight must be"),
        ({"max_failures": "x"}, "max_failures must be"),
    ],
)
async def test_numbers_that_cannot_be_used_are_refused_before_anything_is_read(
    path: Path, wrong: dict[str, Any], why: str
) -> None:
    how = {"shards": 2, **wrong}
    options = {name: how.pop(name) for name in ("rate", "max_in_flight", "max_failures") if name in how}
    async with client_of(transport_of()) as client:
        with pytest.raises(ConfigError, match=why):
            await client.bulk.cut(path, into=path.parent / "s", **how, **options)
        with pytest.raises(ConfigError, match=why):
            job = client.bulk.add_attendees(EVENT, people(80), send_email_invite=False, journal=path, **options)
            await job.cut(into=path.parent / "s", **how)

    assert not path.exists()


@pytest.mark.parametrize(("given", "seconds"), [({}, 5), ({"max_in_flight": 2}, 10), ({"max_in_flight": 20}, 1)])
async def test_each_shard_has_its_share_of_the_requests_under_way_unless_its_caller_says_otherwise(
    path: Path, given: dict[str, Any], seconds: float
) -> None:
    transport = transport_of(latency=1.0)
    (shard, _) = await cut(transport, path, 40, 2, rate=1000, max_in_flight=8)
    began = anyio.current_time()

    async with client_of(transport) as client:
        await client.bulk.resume(shard, **given)

    assert seconds + 2 <= anyio.current_time() - began < seconds + 3  # a sign-in takes a second, and another call


async def test_a_shard_keeps_to_the_failures_that_the_run_allows(path: Path) -> None:
    transport = transport_of()

    async def refuse(request: Request) -> Reply | None:
        return Reply(422, {}, b'{"message": "no"}') if request.body and b"email" in request.body else None

    spied(transport, refuse)
    (shard, _) = await cut(transport, path, 80, 2, max_failures="5%", max_in_flight=2)

    end = await send(transport, shard)

    assert (end["stop_reason"], end["counts"]["rejected"]) == ("failures", 5)


def end_tokens(transport: SandboxTransport, is_fought: Callable[[], bool]) -> SandboxTransport:
    """Let somebody else sign in all the time, as long as *is_fought*: a token is over before it is used."""

    async def rival(request: Request) -> None:
        if is_fought() and not request.target.endswith("/auth"):
            transport.world.expire_tokens()

    return spied(transport, rival)


async def test_tokens_that_somebody_else_ends_stop_a_shard_for_a_while_and_not_for_good(path: Path) -> None:
    transport = transport_of()
    (shard,) = await cut(transport, path, 30, 1)
    until = anyio.current_time() + 20
    end_tokens(transport, lambda: anyio.current_time() < until)

    end = await send(transport, shard)
    await anyio.sleep(20)
    again = await send(transport, shard)

    assert (end["stop_reason"], end["temporary"], end["counts"]["succeeded"]) == ("temporary", True, 0)
    assert (again["stop_reason"], again["counts"]["succeeded"]) == (None, 30)


async def test_a_run_outlasts_somebody_who_ends_its_tokens_for_two_minutes(path: Path) -> None:
    transport = transport_of()
    began = anyio.current_time()
    end_tokens(transport, lambda: 5 < anyio.current_time() - began < 125)
    async with client_of(transport) as client:
        report = await client.bulk.add_attendees(
            EVENT, list(people(300)), send_email_invite=False, journal=path, rate=20
        )

    assert (report.stop_reason, report.succeeded) == (None, 300)
    assert auths(transport) < 12  # three at once, and one each half minute
