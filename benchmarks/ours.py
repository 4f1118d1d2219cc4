"""Our own bulk engine over each transport: validation, typed answers, retries and a result per row included."""

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airmeet_async import AirmeetClient
from benchmarks.peers import EVENT, Job, Row

KEYS = ("benchmark-access", "benchmark-secret")


async def lanes(job: Job) -> int:
    """The default where the extra is not installed: lanes of httpx."""
    return await _add(job, "httpx")


async def fast(job: Job) -> int:
    """The extra ``fast``: own lines over llhttp."""
    return await _add(job, "fast")


async def fast_journal(job: Job) -> int:
    """The same with a journal on disk, which survives a crash at any moment."""
    with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as folder:
        return await _add(job, "fast", journal=Path(folder) / "job")


async def _add(job: Job, transport: str, **options: Any) -> int:
    client = AirmeetClient(*KEYS, base_url=job.base, transport=transport, max_in_flight=job.in_flight)
    return await add_all(client, job.rows, **options)


async def add_all(client: AirmeetClient, rows: Iterable[Row], **options: Any) -> int:
    """Add everybody, and return how many have their link."""
    done = 0
    async with client, client.bulk.add_attendees(EVENT, rows, send_email_invite=False, rate=None, **options) as run:
        async for result in run:
            done += bool(result.entry_link)
    return done
