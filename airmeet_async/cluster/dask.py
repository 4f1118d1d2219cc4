"""`OnDask`: shards of a run as tasks of a Dask cluster (extra ``dask``).

Rules of this file:

1. Only paths travel: the arguments of a task pass the scheduler in clear, and stand in its dashboard. Keys come from
   the environment of each worker.
2. How a shard ended is a value. What was temporary, and what a lost worker did, is submitted again after a delay:
   Dask's own retries have none, and do not count workers that were lost.
3. A shard that another worker is still sending is not waited for: its task is scheduled anew.
4. A worker that cannot send is refused before anything is cut. One that joins later says so by a value, and gets no
   more tasks: it would take them faster than the others can.
5. A task that is cancelled lets requests under way end, and so do workers that are retired.
"""

import asyncio
import logging
import os
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from airmeet_async.bulk.options import ShardListener
from airmeet_async.bulk.report import StopReason
from airmeet_async.cluster.shards import run_shard
from airmeet_async.errors import ConfigError, JournalError, NoReplyError
from airmeet_async.private_files import make_private_folder, open_private
from airmeet_async.version import __version__

_DELAYS = (1.0, 5.0, 15.0, 30.0, 60.0)  # seconds before a shard is sent again, by how often that was in vain
_BUSY_DELAY = 2.0  # seconds
_CONNECT_SECONDS = 20.0
_LOOK_AGAIN_SECONDS = 10.0  # whether the workers of a task are still there

_log = logging.getLogger("airmeet_async")


class OnDask:
    """Sends the shards of a run on a Dask cluster.

    For example::

        report = await client.bulk.resume("launch.job", on=OnDask("tcp://scheduler:8786", folder="/shared/launch"))

    Workers need this package, ``AIRMEET_ACCESS_KEY`` and ``AIRMEET_SECRET_KEY``, and the folder at the same path. With
    ``AIRMEET_REDIS`` on all of them, they share token and rate; without, they share a token in that folder, and each
    shard has its part of the rate.

    Args:
        cluster: Address of a scheduler, or a ``distributed`` cluster or client.
        folder: The shards' folder, which all workers see, of this user alone. Default: one beside the journal.
        shards: How many. Default: at least 200 rows each, and at most eight per thread of the workers.
    """

    def __init__(
        self, cluster: Any, *, folder: str | os.PathLike[str] | None = None, shards: int | None = None
    ) -> None:
        self.folder: Path | None = None if folder is None else Path(folder)
        self.shards = shards
        self._cluster = cluster
        self._client: Any = None
        self._topic = ""
        self._has_redis = False
        self._unfit: set[str] = set()

    def __repr__(self) -> str:
        return f"OnDask({_address_of(self._cluster)!r}, folder={str(self.folder)!r}, shards={self.shards})"

    async def open(self, folder: Path) -> int:
        """Connect, and look whether all workers can send shards.

        Raises:
            ConfigError: The cluster cannot be used.
        """
        try:
            import distributed
        except ImportError:
            raise ConfigError("Dask is missing: pip install 'airmeet-async[dask]'") from None
        address = _address_of(self._cluster)
        try:
            self._client = await distributed.Client(  # type: ignore[no-untyped-call]
                address,
                security=getattr(self._cluster, "security", None),
                asynchronous=True,
                timeout=_CONNECT_SECONDS,
                set_as_default=False,
            )
        except (OSError, TimeoutError) as error:
            raise ConfigError(f"{address}: there is no Dask scheduler ({str(error) or 'no answer'})") from None
        self._topic = f"airmeet-{uuid.uuid4().hex}"
        return await self._look_at_workers(folder)

    async def _look_at_workers(self, folder: Path) -> int:
        threads: dict[str, int] = await self._client.nthreads()
        if not threads:
            raise ConfigError(f"{_address_of(self._cluster)}: this Dask cluster has no workers; start some first")
        mark = folder / f".airmeet-{secrets.token_hex(8)}.seen"
        try:
            make_private_folder(folder)
            open_private(mark, "xb").close()
            try:
                found = await self._look_around(mark)
            finally:
                mark.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"{folder}: cannot be used for shards ({error.strerror})") from None
        self._has_redis = any(isinstance(seen, dict) and seen["redis"] for seen in found.values())
        for worker, seen in found.items():
            if reason := _why_unfit(seen, folder, has_redis=self._has_redis):
                raise ConfigError(f"the Dask worker {worker} {reason}")
        return sum(threads.values())

    async def _look_around(self, path: Path) -> dict[str, Any]:
        """Return what each worker has, or its error; those that have just gone are left out."""
        found: dict[str, Any] = await self._client.run(_look_around, str(path), on_error="return")
        return {worker: seen for worker, seen in found.items() if not isinstance(seen, OSError)}

    async def _find_unfit(self, path: Path) -> None:
        for worker, seen in (await self._look_around(path)).items():
            reason = _why_unfit(seen, path.parent, has_redis=self._has_redis)
            if reason and worker not in self._unfit:
                _log.warning("the Dask worker %s %s; it gets no shards of this run", worker, reason)
                self._unfit.add(worker)

    async def _fit_workers(self) -> list[str]:
        """Return those that may have tasks; none for any."""
        return [worker for worker in await self._client.nthreads() if worker not in self._unfit] if self._unfit else []

    async def send(self, paths: Sequence[Path], listener: ShardListener) -> None:
        """Send shards, until each is over or may not be sent any more; the first one goes alone."""

        async def tell(event: tuple[float, Mapping[str, Any]]) -> None:
            listener.told(event[1])

        self._client.subscribe_topic(self._topic, tell)
        try:
            await self._send_one(paths[0], listener)
            async with asyncio.TaskGroup() as group:
                for path in paths[1:]:
                    group.create_task(self._send_one(path, listener))
        finally:
            with suppress(Exception):  # it only tells how far shards are
                self._client.unsubscribe_topic(self._topic)

    async def _send_one(self, path: Path, listener: ShardListener) -> None:
        """Submit a shard until it is over; *path* is all that its task is given."""
        in_vain, before = 0, -1
        while True:
            while not listener.may_send:
                if not await _may_go_on(listener):
                    return
            answer = await self._submit(path, listener)
            if answer is None:
                continue
            if not answer["temporary"]:
                listener.ended(answer)
                return
            listener.told(answer)
            done = answer["counts"]["succeeded"]
            in_vain, before = (in_vain + 1, before) if done <= before else (1, done)
            if in_vain > len(_DELAYS):
                listener.ended({**answer, "temporary": False})
                return
            await _sleep(_DELAYS[in_vain - 1], listener)

    async def _submit(self, path: Path, listener: ShardListener) -> Mapping[str, Any] | None:
        """Return what a task has answered; None where it was stopped."""
        from distributed import KilledWorker

        key = f"airmeet-shard-{path.stem}-{uuid.uuid4().hex}"
        fit = await self._fit_workers()
        future = self._client.submit(
            _send_on_worker, str(path), self._topic, __version__, has_redis=self._has_redis,
            key=key, pure=False, workers=fit or None,
        )  # fmt: skip
        result, changed = asyncio.ensure_future(future.result()), asyncio.ensure_future(_until_stopped(listener))
        try:
            while not (result.done() or changed.done()):
                seconds = _LOOK_AGAIN_SECONDS if fit else None
                await asyncio.wait({result, changed}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
                if fit and not result.done() and not set(fit) & set(await self._client.nthreads()):
                    return None  # it would wait for workers that have gone
            if not result.done():
                return None
            failure = None
            try:
                answer: Mapping[str, Any] | None = result.result()
            except KilledWorker:
                return _lost(path)
            except Exception as error:
                # Of a worker that has no such package, or another one; Dask wraps what it cannot pass on.
                if type(error) is not Exception and not isinstance(error, (ImportError, AttributeError, TypeError)):
                    raise
                failure, answer = error, None
            except asyncio.CancelledError:  # of the future, not of this task
                raise NoReplyError("the Dask scheduler has gone, or has cancelled the tasks of this run") from None
            if answer is not None:
                return answer
            if not path.exists():  # noqa: ASYNC240 - one look, after a failure
                raise JournalError(f"{path}: this shard is not there any more")
            await self._find_unfit(path)
            if failure is not None and not self._unfit:
                raise failure
            return None if failure is None and await self._fit_workers() else _lost(path)
        finally:
            for task in (result, changed):
                task.cancel()
            await asyncio.wait({result, changed})
            if not future.done():
                await future.cancel()
            future.release()

    async def aclose(self) -> None:
        """End the connection; the cluster goes on."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()


async def _until_stopped(listener: ShardListener) -> None:
    while listener.may_send:
        await listener.changed()


async def _may_go_on(listener: ShardListener) -> bool:
    """Wait for the end of a pause; False: the run was stopped."""
    if getattr(listener, "stopped", None) is not None:
        return False
    await listener.changed()
    return True


async def _sleep(seconds: float, listener: ShardListener) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(_until_stopped(listener), seconds)


def _lost(path: Path) -> dict[str, Any]:
    """Return the answer of a shard whose workers were lost, one after the other."""
    return {
        "shard": str(path), "attempt": uuid.uuid4().hex, "job": "", "rows": 0, "counts": {"succeeded": 0},
        "earlier_counts": {}, "attempts": 0, "retries": 0, "throttled": 0, "token_refreshes": 0, "elapsed_s": 0.0,
        "stop_reason": StopReason.TEMPORARY.value, "temporary": True,
    }  # fmt: skip


async def _send_on_worker(path: str, topic: str, version: str, *, has_redis: bool) -> dict[str, Any] | None:
    """Send a shard: the task. None: this worker cannot."""
    from distributed import Reschedule, get_worker

    if version != __version__ or _why_unfit(_look_around(path), Path(path).parent, has_redis=has_redis):
        return None
    worker = get_worker()
    tell: Callable[[dict[str, Any]], object] = lambda answer: worker.log_event(topic, answer)  # noqa: E731
    try:
        return await run_shard(path, progress=tell)
    except JournalError as error:
        if not error.busy:
            raise
        await asyncio.sleep(_BUSY_DELAY)
        raise Reschedule from None


def _why_unfit(seen: Any, folder: Path, *, has_redis: bool) -> str:
    """Return why a worker cannot send shards, and what to do; empty if it can."""
    if isinstance(seen, BaseException):
        return f"cannot use airmeet-async ({str(seen) or type(seen).__name__:.100}); install {__version__} there"
    if seen["version"] != __version__:
        return f"has airmeet-async {seen['version']}, not {__version__}; install the same there"
    if not seen["folder"]:
        return f"cannot write to {folder}; use a folder that all workers share, at the same path and as one user"
    if not seen["keys"]:
        return "has no keys; set AIRMEET_ACCESS_KEY and AIRMEET_SECRET_KEY there"
    if seen["redis"] != has_redis:
        return f"has {'no ' if has_redis else ''}AIRMEET_REDIS, unlike others; set it on all or none"
    return ""


def _look_around(mark: str) -> dict[str, Any]:
    """Say what a worker has of what a shard needs; nothing that is secret."""
    return {
        "version": __version__,
        "folder": Path(mark).exists() and os.access(Path(mark).parent, os.W_OK),
        "keys": all(os.environ.get(name) for name in ("AIRMEET_ACCESS_KEY", "AIRMEET_SECRET_KEY")),
        "redis": bool(os.environ.get("AIRMEET_REDIS")),
    }


def _address_of(cluster: Any) -> str:
    """Return a scheduler's address, of a cluster or a client, too."""
    if isinstance(cluster, str):
        return cluster
    if (address := getattr(cluster, "scheduler_address", None)) is None:
        address = getattr(getattr(cluster, "scheduler", None), "address", None)
    if not address:
        raise ConfigError(f"{type(cluster).__name__} is no Dask cluster; pass an address, a cluster or a client")
    return str(address)
