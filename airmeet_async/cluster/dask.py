"""`OnDask`: shards of a run as tasks of a Dask cluster (extra ``dask``).

Rules of this file:

1. Only paths travel: the arguments of a task pass the scheduler in clear, and stand in its dashboard. Keys come from
   the environment of each worker.
2. How a shard ended is a value. What was temporary, and a task that came to nothing since its worker was lost or
   cannot send, is submitted again after a delay: Dask's own retries have none, and do not count lost workers.
3. A shard that another worker is still sending is not waited for: its task is scheduled anew.
4. A worker that cannot send is refused before anything is cut. One that joins later says so by a value, and gets no
   more tasks: it would take them faster than the others can.
5. A task that is cancelled lets requests under way end, and so do workers that are retired. So nothing here asks
   whether the run is paused or stopped: `send` is cancelled then.
"""

import asyncio
import logging
import os
import secrets
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from airmeet_async.bulk.options import ShardAnswer, ShardListener
from airmeet_async.bulk.report import StopReason
from airmeet_async.bulk.statistics import RunStatistics
from airmeet_async.cluster.shards import answer_of, run_shard
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
        shards: How many. Default: one for each thread of the workers, and up to eight where each has 200 rows then.
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
        found: dict[str, Any] = await self._client.run(_own_equipment, str(path), on_error="return")
        return {worker: seen for worker, seen in found.items() if not isinstance(seen, OSError)}

    async def _find_unfit(self, path: Path) -> None:
        if not path.exists():  # noqa: ASYNC240 - one look, after a failure
            raise JournalError(f"{path}: this shard is not there any more")
        for worker, seen in (await self._look_around(path)).items():
            reason = _why_unfit(seen, path.parent, has_redis=self._has_redis)
            if reason and worker not in self._unfit:
                _log.warning("the Dask worker %s %s; it gets no shards of this run", worker, reason)
                self._unfit.add(worker)

    async def _fit_workers(self) -> list[str]:
        """Return those that may have tasks; none for any."""
        return [worker for worker in await self._client.nthreads() if worker not in self._unfit] if self._unfit else []

    async def send(self, paths: Sequence[Path], listener: ShardListener) -> None:
        """Send shards at once until each of them is over; where this is cancelled, their tasks are, too."""

        async def tell(event: tuple[float, ShardAnswer]) -> None:
            listener.told(event[1])

        self._client.subscribe_topic(self._topic, tell)
        try:
            async with asyncio.TaskGroup() as group:
                for path in paths:
                    group.create_task(self._send_one(path, listener))
        finally:
            with suppress(Exception):  # it only tells how far shards are
                self._client.unsubscribe_topic(self._topic)

    async def _send_one(self, path: Path, listener: ShardListener) -> None:
        """Submit a shard until it is over, or was tried in vain too often."""
        in_vain, before = 0, -1
        while True:
            answer = await self._submit(path)
            done = answer["counts"]["succeeded"]
            in_vain, before = (in_vain + 1, before) if done <= before else (1, done)
            if not answer["temporary"] or in_vain > len(_DELAYS):
                listener.ended({**answer, "temporary": False})
                return
            listener.told(answer)
            await asyncio.sleep(_DELAYS[in_vain - 1])

    async def _submit(self, path: Path) -> ShardAnswer:
        """Return the answer of one task; of one that came to nothing, that the shard was stopped for a while."""
        from distributed import KilledWorker

        fit = await self._fit_workers()
        future = self._client.submit(
            _send_on_worker, str(path), self._topic, __version__, has_redis=self._has_redis,
            key=f"airmeet-shard-{path.stem}-{uuid.uuid4().hex}", pure=False, workers=fit or None,
        )  # fmt: skip
        result = asyncio.ensure_future(future.result())
        try:
            while not result.done():
                await asyncio.wait({result}, timeout=_LOOK_AGAIN_SECONDS if fit else None)
                if fit and not result.done() and not set(fit) & set(await self._client.nthreads()):
                    return _came_to_nothing(path)  # it would wait for workers that have gone
            answer: ShardAnswer | None = result.result()
            if answer is not None:
                return answer
            await self._find_unfit(path)
        except KilledWorker:  # several, one after the other
            pass
        except asyncio.CancelledError:
            if not result.cancelled():  # this task was, and not the future
                raise
            raise NoReplyError("the Dask scheduler has gone, or has cancelled the tasks of this run") from None
        except Exception as error:
            # Of a worker that has no such package, or another one; Dask wraps what it cannot pass on.
            if type(error) is not Exception and not isinstance(error, (ImportError, AttributeError, TypeError)):
                raise
            await self._find_unfit(path)
            if not self._unfit:
                raise
        finally:
            result.cancel()
            await asyncio.wait({result})
            if not future.done():
                await future.cancel()
            future.release()
        return _came_to_nothing(path)

    async def aclose(self) -> None:
        """End the connection; the cluster goes on."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()


def _came_to_nothing(path: Path) -> ShardAnswer:
    report = RunStatistics().report("", 0.0, refreshes=0, stop=StopReason.TEMPORARY, stop_message="", final=False)
    return answer_of(path, uuid.uuid4().hex, report)


async def _send_on_worker(path: str, topic: str, version: str, *, has_redis: bool) -> ShardAnswer | None:
    """Send a shard: the task. None: this worker cannot."""
    from distributed import Reschedule, get_worker

    if version != __version__ or _why_unfit(_own_equipment(path), Path(path).parent, has_redis=has_redis):
        return None
    worker = get_worker()
    try:
        return await run_shard(path, progress=lambda answer: worker.log_event(topic, answer))
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


def _own_equipment(mark: str) -> dict[str, Any]:
    """Return what this worker has of what a shard needs; nothing that is secret."""
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
