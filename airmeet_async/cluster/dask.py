"""`OnDask`: shards of a run as tasks of a Dask cluster (extra ``dask``).

Rules of this file:

1. Only paths travel: the arguments of a task pass the scheduler in clear, and stand in its dashboard. Keys come from
   the environment of each worker.
2. How a shard ended is a value. What was temporary, and a task that came to nothing since its worker was lost or
   cannot send, is submitted again after a delay: Dask's own retries have none, and do not count lost workers.
3. A shard that another worker is still sending is not waited for: its task is scheduled anew.
4. A worker that cannot send is refused before anything is cut. One that joins later says so by a value, and gets no
   more tasks: it would take them faster than the others can.
5. The keys of workers are compared before anything is cut, by a code made with a secret that only the shared folder
   holds: what passes the scheduler says nothing of a key, not even to whoever can try all.
6. A task that is cancelled lets requests under way end, and so do workers that are retired. So nothing here asks
   whether the run is paused or stopped: `send` is cancelled then.
"""

import asyncio
import hmac
import logging
import os
import re
import secrets
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from airmeet_async.bulk.options import ShardAnswer, ShardListener
from airmeet_async.bulk.report import StopReason
from airmeet_async.bulk.statistics import RunStatistics
from airmeet_async.client.config import find_base, find_key
from airmeet_async.client.token_store import account_name
from airmeet_async.cluster.shards import answer_of, run_shard
from airmeet_async.errors import ConfigError, JournalError, NoReplyError
from airmeet_async.private_files import make_private_folder, open_private
from airmeet_async.protocol.base_urls import name_loopback
from airmeet_async.version import __version__

_DELAYS = (1.0, 5.0, 15.0, 30.0, 60.0)  # seconds before a shard is sent again, by how often that was in vain
_BUSY_DELAY = 2.0  # seconds
_CONNECT_SECONDS = 20.0
_WARN_AFTER_SECONDS = 3.0  # without a scheduler
_MARK = ".seen"
_LOOK_AGAIN_SECONDS = 10.0  # whether the workers of a task are still there

_ADDRESS = re.compile(r"(?:inproc://.+|(?:[a-z]+://)?[^\s/]+:\d{1,5}/?)", re.IGNORECASE)

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

    Raises:
        ConfigError: An address without a port, or a number of shards below 1.
    """

    def __init__(
        self, cluster: Any, *, folder: str | os.PathLike[str] | None = None, shards: int | None = None
    ) -> None:
        if isinstance(cluster, str) and not _ADDRESS.fullmatch(cluster):
            what = f"{cluster!r} is no address of a Dask scheduler"
            raise ConfigError(f"{what}: it needs a host and a port, such as tcp://scheduler:8786")
        if shards is not None and (type(shards) is not int or shards < 1):
            raise ConfigError(f"shards must be a whole number above 0, not {shards!r}")
        self.folder: Path | None = None if folder is None else Path(folder)
        self.shards = shards
        self._cluster = cluster
        self._client: Any = None
        self._topic = ""
        self._has_redis = False
        self._base = ""
        self._unfit: set[str] = set()

    def __repr__(self) -> str:
        return f"OnDask({_address_of(self._cluster)!r}, folder={str(self.folder)!r}, shards={self.shards})"

    async def open(self, folder: Path, *, base: str, keys: str) -> int:
        """Connect, and look whether all workers can send shards of a run for this address, with these keys.

        Raises:
            ConfigError: The cluster cannot be used.
        """
        try:
            import distributed
        except ImportError:
            raise ConfigError("Dask is missing: pip install 'airmeet-async[dask]'") from None
        address = _address_of(self._cluster)
        waiting = "%s: no Dask scheduler answers yet; it is waited for %g s"
        warning = asyncio.get_running_loop().call_later(
            _WARN_AFTER_SECONDS, _log.warning, waiting, address, _CONNECT_SECONDS
        )
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
        finally:
            warning.cancel()
        self._topic = f"airmeet-{uuid.uuid4().hex}"
        self._base = base
        return await self._look_at_workers(folder, keys)

    async def _look_at_workers(self, folder: Path, keys: str) -> int:
        threads: dict[str, int] = await self._client.nthreads()
        if not threads:
            raise ConfigError(f"{_address_of(self._cluster)}: this Dask cluster has no workers; start some first")
        mark, secret = folder / f".airmeet-{secrets.token_hex(8)}{_MARK}", secrets.token_bytes(32)
        try:
            make_private_folder(folder)
            with open_private(mark, "xb") as file:
                file.write(secret)
            try:
                found = await self._look_around(mark)
            finally:
                mark.unlink(missing_ok=True)
        except OSError as error:
            raise ConfigError(f"{folder}: cannot be used for shards ({error.strerror})") from None
        self._has_redis = any(isinstance(seen, dict) and seen["redis"] for seen in found.values())
        for worker, seen in found.items():
            reason = _why_unfit(seen, folder, has_redis=self._has_redis, base=self._base)
            if not reason and not hmac.compare_digest(seen["keys"], _code_of(keys, secret)):
                reason = "uses other keys than this run; set the same AIRMEET_ACCESS_KEY and AIRMEET_SECRET_KEY there"
            if reason:
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
            reason = _why_unfit(seen, path.parent, has_redis=self._has_redis, base=self._base)
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
            watcher = asyncio.ensure_future(self._warn_of_no_workers())
            try:
                async with asyncio.TaskGroup() as group:
                    for path in paths:
                        group.create_task(self._send_one(path, listener))
            finally:
                watcher.cancel()
        finally:
            with suppress(Exception):  # it only tells how far shards are
                self._client.unsubscribe_topic(self._topic)

    async def _warn_of_no_workers(self) -> None:
        """Say it once each time that all workers have gone: tasks wait for others then, and nothing moves."""
        had_some = True
        while True:
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            with suppress(Exception):  # of the scheduler: whoever sends says so
                has_some = bool(await self._client.nthreads())
                if had_some and not has_some:
                    scheduler = _address_of(self._cluster)
                    _log.warning(
                        "%s: this Dask cluster has no workers any more; the run goes on once it has", scheduler
                    )
                had_some = has_some

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
            _send_on_worker, str(path), self._topic, __version__, has_redis=self._has_redis, base=self._base,
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


async def _send_on_worker(path: str, topic: str, version: str, *, has_redis: bool, base: str) -> ShardAnswer | None:
    """Send a shard: the task. None: this worker cannot."""
    from distributed import Reschedule, get_worker

    if version != __version__:
        return None
    if _why_unfit(_own_equipment(path), Path(path).parent, has_redis=has_redis, base=base):
        return None
    worker = get_worker()
    try:
        return await run_shard(path, progress=lambda answer: worker.log_event(topic, answer))
    except JournalError as error:
        if not error.busy:
            raise
        await asyncio.sleep(_BUSY_DELAY)
        raise Reschedule from None


def _why_unfit(seen: Any, folder: Path, *, has_redis: bool, base: str) -> str:
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
    if name_loopback(seen["base"]) != name_loopback(base):
        return f"sends to {seen['base']}, not to {base}; set AIRMEET_URI or AIRMEET_REGION there as here"
    return ""


def _own_equipment(mark: str) -> dict[str, Any]:
    """Return what this worker has of what a shard needs; nothing that is secret."""
    path, secret = Path(mark), b""
    try:
        is_there = path.exists() and os.access(path.parent, os.W_OK)
        if is_there and path.suffix == _MARK:
            secret = path.read_bytes()
    except OSError:  # of another user
        is_there = False
    try:
        keys = [find_key(None, name, os.environ) for name in ("AIRMEET_ACCESS_KEY", "AIRMEET_SECRET_KEY")]
    except ConfigError:
        code = ""
    else:
        code = _code_of(account_name("", *keys), secret) if secret else "some"
    try:
        base = str(find_base(None, None, os.environ))
    except ConfigError:
        base = "an address that cannot be used"
    redis = bool(os.environ.get("AIRMEET_REDIS"))
    return {"version": __version__, "folder": is_there, "keys": code, "redis": redis, "base": base}


def _code_of(keys: str, secret: bytes) -> str:
    return hmac.digest(secret, keys.encode(), "sha256").hex()


def _address_of(cluster: Any) -> str:
    """Return a scheduler's address, of a cluster or a client, too."""
    if isinstance(cluster, str):
        return cluster
    if (address := getattr(cluster, "scheduler_address", None)) is None:
        address = getattr(getattr(cluster, "scheduler", None), "address", None)
    if not address:
        raise ConfigError(f"{type(cluster).__name__} is no Dask cluster; pass an address, a cluster or a client")
    return str(address)
