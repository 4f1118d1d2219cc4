"""How much of the package a further row passes: functions that are entered for each row of a hot run, and files."""

import json
import os
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from types import CodeType
from typing import Any

import anyio
import pytest

import airmeet_async
from airmeet_async import Reply, Request
from tests.sentinels import SENTINEL_TOKEN
from tests.support.fault_server import FaultServer, Peer, answer, fault_server
from tests.support.transports import llhttp, post
from tests.support.worlds import EVENT, client_of, people, person

PACKAGE = f"{Path(airmeet_async.__file__).parent}{os.sep}"
FEW, MORE = 200, 500

pytestmark = pytest.mark.slow


class InstantTransport:
    """Answers each add in the next pass of the loop."""

    async def exchange(self, request: Request) -> Reply:
        await anyio.lowlevel.checkpoint()
        return Reply(200, {"content-type": "application/json"}, _answer(request.body))

    async def aclose(self) -> None: ...


def _answer(body: bytes) -> bytes:
    if b"email" not in body:
        return json.dumps({"token": SENTINEL_TOKEN}).encode()
    link = "https://www.airmeet.com/event/x?code=1"
    return json.dumps({"email": json.loads(body)["email"], "entryLink": link}).encode()


_FOUND = Counter[CodeType]()


def _count(frame: Any, event: str, _: Any) -> None:
    if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
        _FOUND[frame.f_code] += 1


@contextmanager
def entered() -> Iterator[Counter[CodeType]]:
    """Count how often each function of the package is entered, in all threads that begin within such a block."""
    _FOUND.clear()
    found = Counter[CodeType]()
    before = sys.getprofile()
    threading.setprofile(_count)
    sys.setprofile(_count)
    try:
        yield found
    finally:
        sys.setprofile(before)
        threading.setprofile(None)
        found.update(_FOUND)


def per_row(few: Counter[CodeType], more: Counter[CodeType]) -> list[str]:
    """Name the functions that are entered for nearly each further row; comprehensions belong to their function."""
    return sorted(
        f"{code.co_filename.removeprefix(PACKAGE)}: {code.co_qualname}"
        for code, n in more.items()
        if n - few[code] >= 0.9 * (MORE - FEW)
        and not code.co_name.startswith("<")
        and not code.co_filename.startswith(f"{PACKAGE}testing{os.sep}")
    )


@pytest.mark.parametrize(("journal", "file", "most"), [(False, False, 7), (True, False, 12), (True, True, 19)])
async def test_a_further_row_passes_few_functions(tmp_path: Path, journal: bool, file: bool, most: int) -> None:
    """Above the transport, with one to spare: 6 for a row of a generator, 5 for the journal, 7 for a text file."""
    counted = []
    for rows in (FEW, MORE):
        source: Any = people(rows)
        if file:
            source = tmp_path / f"{rows}.csv"
            lines = [f"{one.email},{one.first_name},{one.last_name}\n" for one in people(rows)]
            source.write_text("email,first_name,last_name\n" + "".join(lines))
        path = tmp_path / f"{rows}.job" if journal else None
        async with client_of(InstantTransport()) as client:
            with entered() as found:
                job = client.bulk.add_attendees(EVENT, source, send_email_invite=False, rate=None, journal=path)
                async with job:
                    results = [result async for result in job]
        assert len(results) == job.report.succeeded == rows
        counted.append(found)

    passed = per_row(*counted)

    assert len(passed) <= most, "\n".join(passed)


async def _answer_the_last(server: list[FaultServer], peer: Peer) -> None:
    reply = _answer(server[0].requests[-1].partition(b"\r\n\r\n")[2])
    await answer(reply, headers=b"Content-Type: application/json\r\n")(peer)


@asynccontextmanager
async def adding_server() -> AsyncIterator[FaultServer]:
    """A server that answers each add with its own address."""
    servers: list[FaultServer] = []
    async with fault_server(partial(_answer_the_last, servers)) as server:
        servers.append(server)
        yield server


@pytest.mark.real_time
async def test_a_further_request_passes_few_functions_of_the_fast_transport() -> None:
    counted = []
    async with adding_server() as server:
        transport = llhttp(server.port)
        for requests in (FEW, MORE):
            with entered() as found:
                for _ in range(requests):
                    await transport.exchange(post())
            counted.append(found)
        await transport.aclose()

    passed = per_row(*counted)

    assert len(passed) <= 8, "\n".join(passed)


@pytest.mark.real_time
async def test_a_single_add_passes_few_files() -> None:
    """Not the first one, which signs in and opens a connection."""
    async with (
        adding_server() as server,
        client_of(llhttp(server.port), base_url=f"http://127.0.0.1:{server.port}/prod") as client,
    ):
        await client.attendees.add(EVENT, person(1), send_email_invite=False)
        with entered() as found:
            await client.attendees.add(EVENT, person(2), send_email_invite=False)

    files = sorted({code.co_filename.removeprefix(PACKAGE) for code in found})

    assert len(files) <= 18, "\n".join(files)
