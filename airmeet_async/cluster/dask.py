"""`OnDask`: shards of a run as tasks of a Dask cluster (extra ``dask``).

Rules of this file:

1. Only paths travel: the arguments of a task pass the scheduler in clear, and stand in its dashboard. Keys come from
   the environment of each worker.
2. How a shard ended is a value. What was temporary, and what a lost worker did, is submitted again after a delay:
   Dask's own retries have none, and do not count workers that were lost.
3. A shard that another worker is still sending is not waited for: its task is scheduled anew.
4. A task that is cancelled lets requests under way end, and so do workers that are retired.
"""

import asyncio
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
        self.folder = None if folder is None else Path(folder)
        self.shards = shards
        self._cluster = cluster
        self._client: Any = None
        self._topic = ""

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
                found: dict[str, dict[str, Any]] = await self._client.run(_look_around, str(mark), on_error="ignore")
            finally:
                mark.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"{folder}: cannot be used for shards ({error.strerror})") from None
        for worker, seen in found.items():
            if seen["version"] != __version__:
                message = f"the Dask worker {worker} has airmeet-async {seen['version'] or 'not installed'}"
                raise ConfigError(f"{message}, not {__version__}; install the same there")
            if not seen["folder"]:
                message = f"the Dask worker {worker} cannot write to {folder}"
                raise ConfigError(f"{message}; use a folder that all workers share, at the same path and as one user")
            if not seen["keys"]:
                message = f"the Dask worker {worker} has no keys; set AIRMEET_ACCESS_KEY and AIRMEET_SECRET_KEY there"
                raise ConfigError(message)
        with_redis = {worker for worker, seen in found.items() if seen["redis"]}
        if with_redis and len(with_redis) < len(found):
            without = next(worker for worker in found if worker not in with_redis)
            raise ConfigError(f"the Dask worker {without} has no AIRMEET_REDIS, and others have; set it on all or none")
        return sum(threads.values())

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
        future = self._client.submit(_send_on_worker, str(path), self._topic, key=key, pure=False)
        result, changed = asyncio.ensure_future(future.result()), asyncio.ensure_future(_until_stopped(listener))
        try:
            await asyncio.wait({result, changed}, return_when=asyncio.FIRST_COMPLETED)
            if not result.done():
                return None
            try:
                answer: Mapping[str, Any] = result.result()
            except KilledWorker:
                return _lost(path)
            except asyncio.CancelledError:  # of the future, not of this task
                raise NoReplyError("the Dask scheduler has gone, or has cancelled the tasks of this run") from None
            return answer
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


async def _send_on_worker(path: str, topic: str) -> dict[str, Any]:
    """Send a shard: the task."""
    from distributed import Reschedule, get_worker

    worker = get_worker()
    tell: Callable[[dict[str, Any]], object] = lambda answer: worker.log_event(topic, answer)  # noqa: E731
    try:
        return await run_shard(path, progress=tell)
    except JournalError as error:
        if not error.busy:
            raise
        await asyncio.sleep(_BUSY_DELAY)
        raise Reschedule from None


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
