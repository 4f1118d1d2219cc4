"""Each way to make a transport to a loopback port, and what tests of transports share."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from airmeet_async import Request, Timeouts
from airmeet_async.client.transports.base import Transport
from airmeet_async.client.transports.httpx_transport import HttpxTransport
from airmeet_async.client.transports.llhttp_transport import LlhttpTransport
from airmeet_async.protocol.base_urls import parse_base
from tests.fault_server import Act, FaultServer, fault_server
from tests.sentinels import SENTINEL_TOKEN

# Where a time-out is what is tested; everywhere else a slow machine must not meet one.
QUICK = Timeouts(connect=1.0, write=1.0, read=1.0, total=2.0)
PATIENT = Timeouts(connect=50.0, write=50.0, read=50.0, total=55.0)
SECRET_HEADERS = ((b"X-Airmeet-Access-Token", SENTINEL_TOKEN.encode()), (b"Content-Type", b"application/json"))

Make = Callable[..., Transport]


def lanes(port: int, scheme: str = "http", **options: Any) -> Transport:
    return HttpxTransport(parse_base(f"{scheme}://127.0.0.1:{port}/prod"), **{"timeouts": PATIENT} | options)


def post(body: bytes = b'{"email": "a@example.com"}') -> Request:
    return Request("POST", "/prod/thing?x=1", SECRET_HEADERS, body, reply_limit=4096)


def llhttp(port: int, scheme: str = "http", **options: Any) -> Transport:
    return LlhttpTransport(parse_base(f"{scheme}://127.0.0.1:{port}/prod"), **{"timeouts": PATIENT} | options)


MAKERS = {"httpx-lanes": lanes, "llhttp": llhttp, "llhttp-uvloop": llhttp}


@asynccontextmanager
async def between(make: Make, *acts: Act, **options: Any) -> AsyncIterator[tuple[FaultServer, Transport]]:
    """Put a transport and a server face to face."""
    async with fault_server(*acts) as server:
        transport = make(server.port, **options)
        try:
            yield server, transport
        finally:
            await transport.aclose()
