"""What people write themselves: each adds the rows, and checks that the answer is about the same person.

None of them validates a row, looks for duplicates, retries, renews its token, types the answer or keeps a result per
row: that is the difference to ours, besides the time.
"""

import asyncio
import concurrent.futures
import json
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any

from attrs import frozen

EVENT = "8f0c1a2e-1111-11ee-aaaa-0a58a9feac02"
ADD = f"/airmeet/{EVENT}/attendee"
KEYS = {"X-Airmeet-Access-Key": "benchmark-access", "X-Airmeet-Secret-Key": "benchmark-secret"}

Row = dict[str, str]


@frozen
class Job:
    """What is to be added, where, and how many at once."""

    base: str
    rows: list[Row]
    in_flight: int


def people(count: int) -> Iterator[Row]:
    """Make up so many people."""
    return map(person, range(count))


def person(n: int) -> Row:
    """Make up one person."""
    return {"email": f"person-{n:07d}@example.com", "first_name": "Ada", "last_name": f"Lovelace {n}"}


def body_of(row: Row) -> dict[str, Any]:
    """Return what is sent for a row."""
    return {
        "email": row["email"],
        "firstName": row["first_name"],
        "lastName": row["last_name"],
        "registerAttendee": False,
        "sendEmailInvite": False,
    }


def token_header(token: str) -> dict[str, str]:
    """Return the header of every request but the first."""
    return {"X-Airmeet-Access-Token": token}


def is_about(answer: Any, row: Row) -> bool:
    """Tell whether it is this person's link."""
    return bool(answer["email"] == row["email"] and answer["entryLink"])


async def httpx_gather(job: Job) -> int:
    """What people write first: one shared client, one task per row behind a semaphore."""
    gate = asyncio.Semaphore(job.in_flight)

    async def run(add: Callable[[Row], Awaitable[bool]]) -> int:
        async def one(row: Row) -> bool:
            async with gate:
                return await add(row)

        return sum(await asyncio.gather(*map(one, job.rows)))

    return await _with_httpx(job, run)


async def httpx_workers(job: Job) -> int:
    """The tidier way: one shared client, a task group, workers that share an iterator."""
    return await _with_httpx(job, partial(by_workers, job))


async def by_workers(job: Job, add: Callable[[Row], Awaitable[bool]]) -> int:
    """Add all rows by as many workers as there may be requests in flight, and return how many were added."""
    left, done = iter(job.rows), 0

    async def work() -> None:
        nonlocal done
        for row in left:
            added = await add(row)
            done += added  # not in one line: what it was before the wait would be added to

    async with asyncio.TaskGroup() as group:
        for _ in range(job.in_flight):
            group.create_task(work())
    return done


async def _with_httpx(job: Job, run: Callable[[Callable[[Row], Awaitable[bool]]], Awaitable[int]]) -> int:
    import httpx

    limits = httpx.Limits(max_connections=job.in_flight, max_keepalive_connections=job.in_flight)
    async with httpx.AsyncClient(base_url=job.base, limits=limits, timeout=60) as client:
        client.headers.update(token_header((await client.post("/auth", headers=KEYS)).json()["token"]))

        async def add(row: Row) -> bool:
            reply = await client.post(ADD, json=body_of(row))
            return reply.status_code == 200 and is_about(reply.json(), row)

        return await run(add)


async def aiohttp_gather(job: Job) -> int:
    """What a speed-minded person picks: raw aiohttp, one task per row behind a semaphore."""
    import aiohttp

    gate = asyncio.Semaphore(job.in_flight)
    trust: Any = ssl.create_default_context() if job.base.startswith("https") else True
    connector = aiohttp.TCPConnector(limit=job.in_flight, ssl=trust)
    async with aiohttp.ClientSession(connector=connector) as client:
        async with client.post(job.base + "/auth", headers=KEYS) as reply:
            headers = token_header((await reply.json())["token"])
        address = job.base + ADD

        async def add(row: Row) -> bool:
            async with gate, client.post(address, json=body_of(row), headers=headers) as reply:
                return reply.status == 200 and is_about(await reply.json(), row)

        return sum(await asyncio.gather(*map(add, job.rows)))


def requests_threads(job: Job) -> int:
    """Threads, each with a session of its own."""
    import requests

    mine, address = threading.local(), job.base + ADD
    token = requests.post(job.base + "/auth", headers=KEYS, timeout=60).json()["token"]
    sessions = []

    def session() -> Any:
        if not hasattr(mine, "session"):
            mine.session = requests.Session()
            mine.session.headers.update(token_header(token))
            sessions.append(mine.session)
        return mine.session

    def add(row: Row) -> bool:
        reply = session().post(address, json=body_of(row), timeout=60)
        return reply.status_code == 200 and is_about(json.loads(reply.content), row)

    with concurrent.futures.ThreadPoolExecutor(job.in_flight) as pool:
        done = sum(pool.map(add, job.rows))
    for one in sessions:
        one.close()
    return done
