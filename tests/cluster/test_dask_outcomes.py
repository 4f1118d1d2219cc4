"""What becomes of a shard whose task on Dask ends in one way or another; the cluster is played."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import define, field

from airmeet_async.bulk.options import ShardAnswer
from airmeet_async.bulk.report import StopReason
from airmeet_async.bulk.statistics import RunStatistics
from airmeet_async.client.token_store import account_name
from airmeet_async.cluster import OnDask
from airmeet_async.cluster.dask import _own_equipment
from airmeet_async.cluster.shards import answer_of
from airmeet_async.errors import ConfigError, JournalError, NoReplyError
from airmeet_async.protocol.base_urls import base_of
from airmeet_async.protocol.redact import Secret
from airmeet_async.version import __version__

distributed = pytest.importorskip("distributed")

GOOD = {"version": __version__, "folder": True, "keys": "some", "redis": False, "base": ""}
WORKERS = ["tcp://good", "tcp://bad"]


def answer(shard: Path, done: int = 0, *, stop: StopReason | None = None) -> ShardAnswer:
    statistics = RunStatistics()
    report = statistics.report("", 0.0, refreshes=0, stop=stop, stop_message="", final=False)
    said = answer_of(shard, f"{done}", report)
    said["counts"]["succeeded"] = done
    return said


@define
class Cluster:
    """A client of a cluster with two workers, whose tasks end as they are listed."""

    ends: list[Any]
    equipment: dict[str, Any] = field(factory=lambda: dict.fromkeys(WORKERS, GOOD))
    restricted: list[Any] = field(factory=list)
    cancelled: int = 0

    def submit(self, function: Callable[..., Any], path: str, *words: Any, workers: Any, **options: Any) -> "Future":
        self.restricted.append(workers)
        return Future(self, self.ends.pop(0))

    async def nthreads(self) -> dict[str, int]:
        return dict.fromkeys(self.equipment, 1)

    async def run(self, function: Callable[..., Any], *words: Any, on_error: str) -> dict[str, Any]:
        return self.equipment

    def subscribe_topic(self, topic: str, handler: object) -> None:
        pass

    def unsubscribe_topic(self, topic: str) -> None:
        pass


@define
class Future:
    cluster: Cluster
    end: Any

    async def result(self) -> Any:
        if self.end is None or isinstance(self.end, dict):
            return self.end
        if self.end == "never":
            await asyncio.Event().wait()
        raise self.end

    def done(self) -> bool:
        return bool(self.end != "never")

    async def cancel(self) -> None:
        self.cluster.cancelled += 1

    def release(self) -> None:
        pass


@define
class Listener:
    said: list[tuple[str, int]] = field(factory=list)

    def told(self, answer: ShardAnswer) -> None:
        self.said.append(("told", answer["counts"]["succeeded"]))

    def ended(self, answer: ShardAnswer) -> None:
        assert not answer["temporary"]
        self.said.append((answer["stop_reason"] or "finished", answer["counts"]["succeeded"]))


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "launch-0000.job"
    path.touch()
    return path


async def send(cluster: Cluster, shard: Path) -> list[tuple[str, int]]:
    """Send a shard, and return what the run is told of it."""
    on, listener = OnDask("tcp://played:1"), Listener()
    on._client = cluster
    await on.send([shard], listener)
    return listener.said


def killed() -> Exception:
    error: Exception = distributed.KilledWorker("key", None, 3)
    return error


AWAY = StopReason.UNREACHABLE
OUTCOMES: dict[str, tuple[Callable[[Path], list[Any]], list[tuple[str, int]], float]] = {
    "over": (lambda path: [answer(path, 5)], [("finished", 5)], 0),
    "stopped by a rule": (lambda path: [answer(path, stop=StopReason.FAILURES)], [("failures", 0)], 0),
    "stopped for a while": (
        lambda path: [answer(path, 2, stop=AWAY), answer(path, 5)], [("told", 2), ("finished", 5)], 1,
    ),
    "progress each time": (
        lambda path: [*(answer(path, n, stop=AWAY) for n in range(9)), answer(path, 9)],
        [*(("told", n) for n in range(9)), ("finished", 9)], 9,
    ),
    "in vain": (lambda path: [answer(path, 2, stop=AWAY)] * 6, [*[("told", 2)] * 5, ("unreachable", 2)], 111),
    "workers lost": (lambda path: [killed(), answer(path, 5)], [("told", 0), ("finished", 5)], 1),
    "lost for good": (lambda path: [killed() for _ in range(6)], [*[("told", 0)] * 5, ("temporary", 0)], 111),
    "not seen at once by a worker": (lambda path: [None, answer(path, 5)], [("told", 0), ("finished", 5)], 1),
}  # fmt: skip


@pytest.mark.parametrize(("ends", "said", "seconds"), OUTCOMES.values(), ids=OUTCOMES)
async def test_a_shard_is_submitted_until_it_is_over(
    shard: Path, ends: Callable[[Path], list[Any]], said: list[tuple[str, int]], seconds: float
) -> None:
    cluster, began = Cluster(ends(shard)), anyio.current_time()

    assert await send(cluster, shard) == said

    assert anyio.current_time() - began == pytest.approx(seconds, abs=0.01)
    assert cluster.ends == []
    assert set(cluster.restricted) == {None}


@pytest.mark.parametrize("end", [None, ImportError("none here"), TypeError("other arguments"), Exception("wrapped")])
async def test_a_worker_that_cannot_send_gets_no_more_tasks(shard: Path, end: Any) -> None:
    cluster = Cluster([end, answer(shard, 5)])
    cluster.equipment["tcp://bad"] = GOOD | {"keys": ""}

    assert await send(cluster, shard) == [("told", 0), ("finished", 5)]

    assert cluster.restricted == [None, ["tcp://good"]]


async def test_a_worker_that_joins_with_another_address_gets_no_more_tasks(
    shard: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cluster = Cluster([None, answer(shard, 5)])
    cluster.equipment["tcp://bad"] = GOOD | {"base": "https://other.example/prod"}

    assert await send(cluster, shard) == [("told", 0), ("finished", 5)]

    assert cluster.restricted == [None, ["tcp://good"]]
    assert "tcp://bad sends to https://other.example/prod" in caplog.text


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AIRMEET_URI", "https://other.example/prod", "tcp://bad sends to https://other.example/prod, not to http"),
        ("AIRMEET_REGION", "eu", "tcp://bad sends to https://"),
        ("AIRMEET_SECRET_KEY", "another", "tcp://bad uses other keys than this run"),
        ("", "", ""),
    ],
)
async def test_workers_with_another_address_or_other_keys_are_refused_before_anything_is_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    told: list[Any] = []

    class Equipped(Cluster):
        async def run(self, function: Callable[..., Any], *words: Any, on_error: str) -> dict[str, Any]:
            there = {"AIRMEET_ACCESS_KEY": "a", "AIRMEET_SECRET_KEY": "b"}
            found = {}
            for worker, more in zip(WORKERS, ({}, {name: value} if name else {}), strict=True):
                with monkeypatch.context() as patch:
                    for variable in ("AIRMEET_URI", "AIRMEET_REGION", "AIRMEET_REDIS"):
                        patch.delenv(variable, raising=False)
                    for variable, own in (there | more).items():
                        patch.setenv(variable, own)
                    found[worker] = function(*words)
            told.append((words, found))
            return found

    folder, keys = tmp_path / "shards", account_name("", Secret("a"), Secret("b"))
    on = OnDask("tcp://played:1")
    on._client = Equipped([])
    on._base = base_of("global")
    if said:
        with pytest.raises(ConfigError, match=said):
            await on._look_at_workers(folder, keys)
    else:
        assert await on._look_at_workers(folder, keys) == 2
    assert keys not in str(told)
    assert list(folder.iterdir()) == []


def test_a_worker_of_another_user_has_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    mark = tmp_path / ".airmeet-0.seen"
    mark.touch(0o600)
    monkeypatch.setattr(Path, "read_bytes", refuse)

    assert not _own_equipment(str(mark))["folder"]


async def test_a_task_whose_fit_workers_have_gone_is_given_up(shard: Path) -> None:
    cluster = Cluster([None, "never", answer(shard, 5)])
    cluster.equipment["tcp://bad"] = GOOD | {"keys": ""}

    async def leave() -> None:
        await anyio.sleep(5)
        del cluster.equipment["tcp://good"]
        await anyio.sleep(8)
        cluster.equipment["tcp://new"] = GOOD

    async with anyio.create_task_group() as group:
        group.start_soon(leave)
        assert await send(cluster, shard) == [("told", 0), ("told", 0), ("finished", 5)]

    assert cluster.restricted == [None, ["tcp://good"], ["tcp://new"]]
    assert cluster.cancelled == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "tcp://127.0.0.1", "", "host:port", "tcp://a:1/b c"])
def test_an_address_without_a_port_is_refused_before_anything_begins(address: str) -> None:
    with pytest.raises(ConfigError, match="it needs a host and a port, such as tcp://scheduler:8786"):
        OnDask(address, folder="shards")


@pytest.mark.parametrize("address", ["scheduler:8786", "tls://[::1]:8786", "ws://host:80/", "inproc://10.0.0.1/1/1"])
def test_addresses_that_dask_takes_are_taken(address: str) -> None:
    assert repr(OnDask(address))


@pytest.mark.parametrize("shards", [0, -1, True, 2.5])
def test_a_number_of_shards_that_is_none_is_refused_before_anything_begins(shards: Any) -> None:
    with pytest.raises(ConfigError, match="shards must be a whole number above 0"):
        OnDask("tcp://played:1", shards=shards)


async def test_workers_that_have_all_gone_are_said_once(shard: Path, caplog: pytest.LogCaptureFixture) -> None:
    cluster = Cluster(["never"], equipment={})

    task = asyncio.create_task(send(cluster, shard))
    await anyio.sleep(65)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert caplog.text.count("has no workers any more; the run goes on once it has") == 1


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (ImportError("of nobody"), ImportError),
        (JournalError("the disk is full"), JournalError),
        (asyncio.CancelledError(), NoReplyError),
    ],
)
async def test_what_no_other_worker_can_mend_ends_the_run(
    shard: Path, end: BaseException, error: type[Exception]
) -> None:
    with pytest.raises(ExceptionGroup) as caught:
        await send(Cluster([end]), shard)

    assert caught.group_contains(error)


async def test_a_shard_that_is_gone_is_named(shard: Path) -> None:
    shard.unlink()

    with pytest.raises(ExceptionGroup) as caught:
        await send(Cluster([None]), shard)

    assert caught.group_contains(JournalError, match="not there any more")


async def test_what_sends_shards_cancels_their_tasks_when_it_is_cancelled(shard: Path) -> None:
    cluster = Cluster(["never"])

    task = asyncio.create_task(send(cluster, shard))
    await anyio.sleep(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert cluster.cancelled == 1
