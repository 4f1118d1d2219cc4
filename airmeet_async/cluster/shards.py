"""`run_shard`: the one task that every engine runs, be it Dask, Celery or a pool of processes.

Rules of this file:

1. A task is given a path, and returns numbers: no keys, no rows and no messages about them pass an engine.
2. How a shard ended is a value, never an exception: only what an engine should try again at once, or never, is raised.
3. A worker that is told to stop lets requests under way end. Nothing is sent twice for it.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal.cut import TOKEN_FOLDER
from airmeet_async.bulk.journal.queries import read_summary
from airmeet_async.bulk.options import EventJournal, ShardAnswer, ShardPace
from airmeet_async.bulk.report import BulkReport, StopReason
from airmeet_async.bulk.run_to_completion import run_to_completion
from airmeet_async.client.token_store import FileTokenStore
from airmeet_async.cluster.fleet import Fleet, find_workers
from airmeet_async.errors import BulkStoppedError

_TOLD_EVERY = 0.5  # seconds
_TEMPORARY = frozenset(
    {StopReason.UNREACHABLE, StopReason.TEMPORARY, StopReason.DEADLINE, StopReason.INTERRUPTED, StopReason.CUT_OFF}
)


async def run_shard(
    path: str | os.PathLike[str],
    *,
    client: AirmeetClient | None = None,
    progress: Callable[[ShardAnswer], object] | None = None,
) -> ShardAnswer:
    """Send the rows of a shard, and return how it ended.

    Keys and address come from the environment. Each shard keeps to its part of the run's rate. With ``AIRMEET_REDIS``
    set, the token is the fleet's, and with ``AIRMEET_RATE`` its rate holds, too; else all shards of a folder share a
    token that is kept beside them.
    A shard that is over sends nothing again. If the task is cancelled, requests under way end before it ends, too.

    Args:
        path: The shard, as `Bulk.cut` has returned it.
        client: Sends it, and stays open. Default: one of its own.
        progress: Called with what is returned in the end, as it is so far, at most twice a second.

    Returns:
        A dictionary of numbers with ``shard`` (the path), ``rows``, ``counts`` by `RowStatus`, ``stop_reason`` (a
        `StopReason`, or None), ``temporary`` (try it again later) and the others of `ShardAnswer`.

    Raises:
        JournalError: It is no shard, or cannot be used; if ``busy``, another process is sending it now.
        ConfigError: A key is missing, or cannot be used.
    """
    if client is not None:
        return await _run(client, Path(path), progress)
    async with _client_for(Path(path)) as own:
        return await _run(own, Path(path), progress)


async def _run(client: AirmeetClient, path: Path, progress: Callable[[ShardAnswer], object] | None) -> ShardAnswer:
    told, attempt = 0.0, secrets.token_hex(8)
    async with client.bulk.resume(EventJournal(path, is_shard=True)) as job:
        try:
            async for _ in job:
                if progress is not None and (now := time.monotonic()) - told > _TOLD_EVERY:
                    told = now
                    progress(answer_of(path, attempt, job.report))
        except asyncio.CancelledError:
            job.stop(StopReason.INTERRUPTED, "the worker was told to stop")
            # An engine may cancel more than once; the run's grace bounds this.
            with suppress(BulkStoppedError):
                await run_to_completion(_drain(job))
            if progress is not None:
                with suppress(Exception):  # an engine that has gone does not listen any more
                    progress(answer_of(path, attempt, job.report))
            raise
        except BulkStoppedError:
            pass  # the report says so
    return answer_of(path, attempt, job.report)


async def _drain(job: BulkJob) -> None:
    async for _ in job:
        pass


def answer_of(path: Path, attempt: str, report: BulkReport) -> ShardAnswer:
    """Return what is said of a shard whose run has this report."""
    return {
        "shard": str(path), "attempt": attempt, "job": report.job, "rows": report.rows_read,
        "counts": {status.value: n for status, n in report.counts.items()},
        "earlier_counts": {status.value: n for status, n in report.earlier_counts.items()},
        "attempts": report.attempts, "retries": report.retries, "throttled": report.throttled,
        "token_refreshes": report.token_refreshes, "elapsed_s": report.elapsed_s,
        "stop_reason": None if report.stop_reason is None else report.stop_reason.value,
        "temporary": report.stop_reason in _TEMPORARY,
    }  # fmt: skip


def _client_for(path: Path) -> AirmeetClient:
    """Return a client that shares its token with those of the other shards, and its rate as far as that is possible."""
    if not os.environ.get("AIRMEET_REDIS", "").strip():
        return AirmeetClient(token_store=FileTokenStore(path.absolute().parent / TOKEN_FOLDER))
    # The run's own rate is none of the fleet's: the shard keeps to its part of it by itself.
    pace = ShardPace.of_shard(read_summary(path).facts)
    return AirmeetClient(fleet=Fleet.from_env(workers=max(pace.workers or 1, find_workers(os.environ))))
