"""Our own bulk engine over each transport: validation, typed answers, retries and a result per row included."""

import asyncio
import csv
import random
import tempfile
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any

from airmeet_async import AirmeetClient, Timeouts
from airmeet_async.errors import ConfigError
from benchmarks.instant import InstantTransport
from benchmarks.lab import Figures, Stopwatch
from benchmarks.peers import EVENT, Job, people, person

KEYS = ("benchmark-access", "benchmark-secret")
LIST, GENERATOR, ASYNC_GENERATOR, CSV, FRAME = "list", "generator", "async generator", "CSV file", "data frame"
_TIMEOUTS = Timeouts(connect=120, write=120, read=300, total=600)  # under valgrind, connecting takes seconds

INSTANT = "instant"
"""Instead of a transport's name: a stub in the same process, so that only the library's own cost is seen."""

SOURCES = (LIST, GENERATOR, ASYNC_GENERATOR, CSV, FRAME)


async def lanes(job: Job) -> int:
    """The default: httpx, one connection per lane."""
    return await _add(job, "httpx")


async def fast(job: Job) -> int:
    """The extra ``fast``: own lines over llhttp."""
    return await _add(job, "fast")


async def fast_journal(job: Job) -> int:
    """The same with a journal on disk, which survives a crash at any moment."""
    with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as folder:
        return await _add(job, "fast", journal=Path(folder) / "job")


async def _add(job: Job, transport: str, **options: Any) -> int:
    return await add_all(client_to(job.base, job.in_flight, transport), job.rows, **options)


def client_to(base: str, in_flight: int, transport: Any = "fast") -> AirmeetClient:
    """Return a client with the benchmark's keys."""
    chosen = known_name(transport) if isinstance(transport, str) else transport
    return AirmeetClient(*KEYS, base_url=base, transport=chosen, max_in_flight=in_flight, timeouts=_TIMEOUTS)


@cache
def known_name(transport: str) -> str:
    """Return the name of a transport as this checkout knows it: ``fast`` was ``llhttp`` in 0.1."""
    try:
        AirmeetClient(*KEYS, base_url="http://127.0.0.1:1/prod", transport=transport)
    except ConfigError:
        return {"fast": "llhttp"}[transport]
    return transport


async def add_all(client: AirmeetClient, rows: Any, **options: Any) -> int:
    """Add everybody, and return how many have their link."""
    done = 0
    async with client, client.bulk.add_attendees(EVENT, rows, send_email_invite=False, rate=None, **options) as run:
        async for result in run:
            done += bool(result.entry_link)
    return done


def trial(
    *,
    source: str,
    rows: int,
    in_flight: int,
    transport: str = "fast",
    base: str = "http://127.0.0.1:1/prod",
    journal: bool = False,
    path: str = "",
) -> Figures:
    """Add so many people from one kind of source."""

    def run(people: Any, count: int, **options: Any) -> None:
        via = InstantTransport() if transport == INSTANT else transport
        client = client_to(base, in_flight, via)
        done = asyncio.run(add_all(client, people, **options))
        if done != count:
            raise AssertionError(f"{done} of {count} rows got their link")

    with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as folder:
        options = [{"journal": Path(folder) / name} if journal else {} for name in ("warm-up", "job")]
        run(list(people(30)), 30, **options[0])
        whom = source_of(source, rows, path)
        with Stopwatch() as watch:
            run(whom, rows, **options[1])
    return watch.figures(rows)


def source_of(kind: str, rows: int, path: str = "") -> Any:
    """Return so many people as that kind of source; *path* is the CSV file, written before."""
    if kind == GENERATOR:
        return people(rows)
    if kind == ASYNC_GENERATOR:
        return _arriving(rows)
    if kind == CSV:
        return path
    if kind == FRAME:
        import pandas as pd

        return pd.DataFrame(list(people(rows)))
    return list(people(rows))


async def _arriving(rows: int) -> AsyncIterator[Any]:
    for row in people(rows):
        yield row


def write_csv(path: Path, rows: int, *, in_order: bool = True) -> str:
    """Write so many people to a file, and return its path."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(next(people(1)))
        numbers = list(range(rows))
        if not in_order:
            random.Random(1).shuffle(numbers)
        writer.writerows(person(number).values() for number in numbers)
    return str(path)
