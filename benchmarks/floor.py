"""The floor: what an asyncio program in Python hardly gets below: a protocol, llhttp, one future per request.

There are three. `floor` does what any program must: a JSON text per person, the answer's headers and its JSON, and a
look whether it is about the same person. `lean` does the same with orjson and a `BufferedProtocol`, without the
headers. `bare` writes bodies by ``%`` and looks for the address in the answer's bytes. None has time-outs, retries,
limits, or anything else that a program has to have that is to be relied on.
"""

import asyncio
import json
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httptools

from benchmarks.peers import ADD, KEYS, Job, Row, body_of, is_about, token_header

_BODY = b'{"email":"%b","firstName":"%b","lastName":"%b","registerAttendee":false,"sendEmailInvite":false}'


class Bare(asyncio.Protocol):
    """One connection with one request at a time."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[tuple[int, bytes]] = self._loop.create_future()
        self._body: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._answer.set_result((self._parser.get_status_code(), b"".join(self._body)))

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Write *request*, and return what becomes the answer."""
        self._answer = self._loop.create_future()
        self._body = []
        self.transport.write(request)
        return self._answer


class Lean(asyncio.BufferedProtocol, Bare):  # type: ignore[misc]
    """One that reads into a buffer of its own; a `Protocol` gets new bytes of 256 KiB for each reading."""

    def __init__(self) -> None:
        Bare.__init__(self)
        self._buffer = memoryview(bytearray(65536))

    def get_buffer(self, _hint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, count: int) -> None:
        self._parser.feed_data(self._buffer[:count])


class Whole(Bare):
    """One that hears the headers, too."""

    def on_message_begin(self) -> None:
        self.headers: dict[bytes, bytes] = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value


def _json_of(row: Row) -> bytes:
    return json.dumps(body_of(row)).encode()


def _json_is_about(answer: bytes, row: Row) -> bool:
    return is_about(json.loads(answer), row)


def _bytes_of(row: Row) -> bytes:
    return _BODY % (row["email"].encode(), row["first_name"].encode(), row["last_name"].encode())


def _bytes_are_about(answer: bytes, row: Row) -> bool:
    return b'"email":"%b"' % row["email"].encode() in answer


async def floor(job: Job) -> int:
    """Add the rows as any program must."""
    return await _add(job, Whole, _json_of, _json_is_about)


async def lean(job: Job) -> int:
    """Add the rows with the quickest means that Python has for the same."""
    import orjson

    return await _add(
        job, Lean, lambda row: orjson.dumps(body_of(row)), lambda answer, row: is_about(orjson.loads(answer), row)
    )


async def bare(job: Job) -> int:
    """Add the rows with bytes only."""
    return await _add(job, Bare, _bytes_of, _bytes_are_about)


async def _add(
    job: Job, protocol: type[Bare], body_for: Callable[[Row], bytes], fits: Callable[[bytes, Row], bool]
) -> int:
    address = urlsplit(job.base)
    trust = ssl.create_default_context() if address.scheme == "https" else None
    loop, left, done = asyncio.get_running_loop(), iter(job.rows), 0

    async def connect() -> Bare:
        return (await loop.create_connection(protocol, str(address.hostname), address.port or 0, ssl=trust))[1]

    first = await connect()
    _, answer = await first.ask(_head(address, "/auth", KEYS) % (0, b""))
    first.transport.close()
    head = _head(address, ADD, token_header(json.loads(answer)["token"]))

    async def work() -> None:
        nonlocal done
        connection = await connect()
        for row in left:
            body = body_for(row)
            status, answer = await connection.ask(head % (len(body), body))
            done += status == 200 and fits(answer, row)
        connection.transport.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(job.in_flight):
            group.create_task(work())
    return done


def _head(address: Any, target: str, headers: dict[str, str]) -> bytes:
    """Return all of a request but the length and the body."""
    fields = {"Host": address.netloc, "Accept": "application/json", "Content-Type": "application/json", **headers}
    lines = [f"POST {address.path}{target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\nContent-Length: ").encode() + b"%d\r\n\r\n%b"
