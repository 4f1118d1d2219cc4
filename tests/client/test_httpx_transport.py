"""The default transport: what it sends, what it makes of each reply and error, and what it leaves to httpx."""

import asyncio
import functools
import ssl
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest
import trustme

from airmeet_async import NoReplyError, NotSentError, Reply, Request, Timeouts, TransportError
from airmeet_async.client.proxy import find_proxy
from airmeet_async.client.transports.httpx_transport import (
    HttpxClientTransport,
    HttpxTransport,
    _Stream,
    default_trust,
)
from airmeet_async.protocol.base_urls import parse_base
from airmeet_async.testing import VirtualTimeLoop
from tests.client.conftest import Environment
from tests.support.fault_server import answer, fault_server
from tests.support.transports import between, lanes, post

HOST = "airmeet.example"
BASE = parse_base(f"https://{HOST}/prod")
HEADERS = ((b"X-Airmeet-Access-Token", b"token"), (b"Content-Type", b"application/json"))


class Body(httpx.AsyncByteStream):
    """A reply's body in parts, which notes that it was closed. A part that is an exception is raised."""

    def __init__(self, *parts: bytes | BaseException) -> None:
        self.parts, self.closed = parts, 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for part in self.parts:
            await asyncio.sleep(0)
            if isinstance(part, BaseException):
                raise part
            yield part

    async def aclose(self) -> None:
        self.closed += 1


class Server(httpx.AsyncBaseTransport):
    """Stands in for the network below a caller's client: replies as told, or fails, and keeps the requests."""

    def __init__(self, reply: httpx.Response | BaseException | None = None, *, seconds: float = 0.0) -> None:
        self.reply, self.seconds = reply, seconds
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        await asyncio.sleep(self.seconds)
        if isinstance(self.reply, BaseException):
            raise self.reply
        return self.reply or httpx.Response(200, stream=Body(b"{}"))


def transport_to(server: Server, timeouts: Timeouts | None = None) -> HttpxClientTransport:
    return HttpxClientTransport(httpx.AsyncClient(transport=server), BASE, timeouts)


async def failure_of(server: Server, request: Request | None = None) -> TransportError:
    with pytest.raises(TransportError) as caught:
        await transport_to(server).exchange(request or post())
    return caught.value


# What is sent.


async def test_a_request_has_a_host_the_callers_headers_and_a_length_where_it_has_a_body() -> None:
    server = Server()
    transport = transport_to(server)
    for method, body in (("POST", b"{}"), ("POST", b""), ("GET", b""), ("PUT", b""), ("PATCH", b""), ("DELETE", b"1")):
        await transport.exchange(Request(method, "/prod/x?a=1", HEADERS, body))

    for request, length in zip(server.requests, ["2", "0", None, "0", "0", "1"], strict=True):
        assert set(HEADERS) <= set(request.headers.raw), request.method
        assert (request.headers["host"], request.headers.get("content-length")) == (HOST, length), request.method
    assert [request.method for request in server.requests] == ["POST", "POST", "GET", "PUT", "PATCH", "DELETE"]
    assert {str(request.url) for request in server.requests} == {f"https://{HOST}/prod/x?a=1"}


async def test_what_was_parsed_for_one_request_is_not_sent_with_another() -> None:
    """Addresses, bodies and tokens change in the middle of a job."""
    server = Server()
    transport = transport_to(server)
    other = ((b"X-Airmeet-Access-Token", b"renewed"),)
    sent = [
        Request("POST", target, headers, body)
        for target in ("/prod/a", "/prod/b", "/prod/a")
        for headers in (HEADERS, other)
        for body in (b"1", b"22", b"1")
    ]
    for request in sent:
        await transport.exchange(request)

    for request, seen in zip(sent, server.requests, strict=True):
        assert seen.url.raw_path.decode() == request.target
        assert seen.headers["x-airmeet-access-token"] == request.header("x-airmeet-access-token")
        assert (seen.content, seen.headers["content-length"]) == (request.body, str(len(request.body)))


async def test_bodies_of_many_lengths_fill_no_memory() -> None:
    exchanger = HttpxTransport(BASE)._exchanger
    for length in range(300):
        exchanger._outgoing(Request("POST", "/prod/x", HEADERS, b"x" * length))

    assert len(exchanger._parsed) < 260


async def test_each_time_out_is_passed_on_to_httpx() -> None:
    server = Server()
    await transport_to(server, Timeouts(connect=1.0, write=2.0, read=3.0, total=4.0)).exchange(post())

    assert server.requests[0].extensions["timeout"] == {"connect": 1.0, "write": 2.0, "read": 3.0, "pool": 1.0}


async def test_a_callers_credentials_are_not_sent() -> None:
    """Neither its default auth nor an Authorization header of its own, which is for somebody else."""
    server = Server()
    for more in ({"auth": ("user", "password")}, {"headers": {"Authorization": "Bearer of-another-api"}}):
        client = httpx.AsyncClient(transport=server, **more)
        transport = HttpxClientTransport(client, BASE)
        await transport.exchange(post())

    assert not any("authorization" in request.headers for request in server.requests)
    assert (transport.name, client.is_closed) == ("httpx", False)


# What becomes of a reply.


async def test_a_reply_is_read_whole_with_its_headers_in_lower_case_and_the_time() -> None:
    body, before = Body(b"a", b"", b"bc"), time.time()
    reply = await transport_to(Server(httpx.Response(201, headers=[(b"X-Odd", b"\xe9")], stream=body))).exchange(post())

    assert (reply.status, reply.headers, reply.body) == (201, {"x-odd": "\xe9"}, b"abc")
    assert before <= reply.at <= time.time()
    assert body.closed


async def test_a_reply_may_be_as_large_as_its_limit_and_no_larger() -> None:
    whole, over = Body(b"x" * 4000, b"x" * 96), Body(b"x" * 4000, b"x" * 97, b"never read")

    assert len((await transport_to(Server(httpx.Response(200, stream=whole))).exchange(post())).body) == 4096
    failure = await failure_of(Server(httpx.Response(200, stream=over)))

    assert (type(failure), failure.reason, over.closed > 0) == (NoReplyError, "protocol", True)
    assert "4096 bytes" in str(failure)


@pytest.mark.parametrize("cause", [httpx.ReadError("reset"), asyncio.CancelledError()])
async def test_a_callers_reply_is_closed_however_reading_it_ends(cause: BaseException) -> None:
    """Its connection belongs to the caller's pool, and would be lost to it."""
    body = Body(b"half", cause)
    with pytest.raises((NoReplyError, asyncio.CancelledError)):
        await transport_to(Server(httpx.Response(200, stream=body))).exchange(post())

    assert body.closed


# What becomes of an error.

ERRORS: dict[str, tuple[BaseException, type[TransportError], str]] = {
    "no connection": (httpx.ConnectError("x"), NotSentError, "connect"),
    "no connection in time": (httpx.ConnectTimeout("x"), NotSentError, "timeout"),
    "no place in the caller's pool": (httpx.PoolTimeout("x"), NotSentError, "timeout"),
    "a proxy that refuses": (httpx.ProxyError("x"), NotSentError, "proxy"),
    "no such protocol": (httpx.UnsupportedProtocol("x"), NotSentError, "protocol"),
    "a header that cannot be written": (httpx.LocalProtocolError("x"), NotSentError, "protocol"),
    "an address that cannot be": (httpx.InvalidURL("x"), NotSentError, "protocol"),
    "no reply in time": (httpx.ReadTimeout("x"), NoReplyError, "timeout"),
    "a write that does not end": (httpx.WriteTimeout("x"), NoReplyError, "timeout"),
    "a time-out of the system": (TimeoutError(), NoReplyError, "timeout"),
    "a connection that broke": (httpx.ReadError("x"), NoReplyError, "reset"),
    "one that broke while writing": (httpx.WriteError("x"), NoReplyError, "reset"),
    "an error of the system": (ConnectionResetError(), NoReplyError, "reset"),
    "no HTTP": (httpx.RemoteProtocolError("x"), NoReplyError, "protocol"),
}


@pytest.mark.parametrize("name", ERRORS)
async def test_each_error_of_httpx_says_whether_the_request_has_left(name: str) -> None:
    """And nothing of httpx hangs on to it, since its errors hold the request."""
    error, kind, reason = ERRORS[name]
    failure = await failure_of(Server(error))

    assert (type(failure), failure.reason, failure.host) == (kind, reason, HOST)
    assert (failure.__cause__, failure.__context__) == (None, None)


def test_an_exchange_has_the_total_time_and_no_more() -> None:
    async def exchange(seconds: float) -> Reply:
        return await transport_to(Server(seconds=seconds), Timeouts(total=45.0)).exchange(post())

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        assert runner.run(exchange(44.9)).status == 200
        with pytest.raises(NoReplyError, match=f"{HOST} did not reply within 45 s") as caught:
            runner.run(exchange(45.1))

    assert caught.value.reason == "timeout"


# Proxies.

PROXY = "http://127.0.0.1:9"
LOOPBACK = parse_base("http://127.0.0.1:8/prod")


def test_the_environment_names_a_proxy_for_https_only(environment: Environment) -> None:
    """In a plain http request, which goes to this machine, a proxy would see the keys."""
    cases: list[tuple[dict[str, str], str | None]] = [
        ({}, None),
        ({"HTTPS_PROXY": PROXY}, PROXY),
        ({"https_proxy": PROXY}, PROXY),
        ({"ALL_PROXY": PROXY}, PROXY),
        ({"ALL_PROXY": "http://other:9", "HTTPS_PROXY": PROXY}, PROXY),
        ({"HTTP_PROXY": PROXY}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": HOST}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "example"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "*"}, None),
        ({"HTTPS_PROXY": PROXY, "NO_PROXY": "other.example"}, PROXY),
    ]
    for variables, expected in cases:
        environment(**variables)
        found = find_proxy(BASE)
        assert (found and found.url) == expected, variables
        assert find_proxy(LOOPBACK) is None, variables


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_request_goes_through_the_proxy_that_the_environment_names(environment: Environment) -> None:
    """It asks for a tunnel, and what it refuses was not sent."""
    async with fault_server(answer(status="407 Proxy Authentication Required")) as proxy:
        environment(HTTPS_PROXY=f"http://me:secret@127.0.0.1:{proxy.port}")
        transport = HttpxTransport(BASE)
        with pytest.raises(NotSentError) as caught:
            await transport.exchange(post())
        await transport.aclose()

    assert caught.value.reason == "proxy"
    assert proxy.requests[0].startswith(f"CONNECT {HOST}:443 HTTP/1.1\r\n".encode())
    assert b"\r\nProxy-Authorization: Basic bWU6c2VjcmV0\r\n" in proxy.requests[0]


@pytest.mark.slow
@pytest.mark.real_time
async def test_plain_http_on_this_machine_meets_no_proxy(environment: Environment) -> None:
    async with fault_server(answer()) as proxy:
        there = f"http://127.0.0.1:{proxy.port}"
        environment(HTTP_PROXY=there, HTTPS_PROXY=there, ALL_PROXY=there)
        async with between(lanes, answer(b"direct")) as (_, transport):
            reply = await transport.exchange(post())

    assert (reply.body, proxy.requests) == (b"direct", [])


# What is left to httpx.


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.parametrize("place", [httpx.AsyncHTTPTransport, httpcore.AsyncConnectionPool])
@pytest.mark.parametrize("by", ["function", "object"])
async def test_what_mocks_and_recorders_replace_is_on_the_way_of_each_request(
    monkeypatch: pytest.MonkeyPatch, place: type[Any], by: str
) -> None:
    """Also if they come when connections are open already, and no longer than they stay."""
    seen = []
    original = place.handle_async_request

    @functools.wraps(original)
    async def recorded(self: Any, request: Any) -> Any:
        seen.append(request)
        return await original(self, request)

    class Wrapper:
        """As wrapt makes them: whatever is looked up in it is looked up in the original."""

        def __get__(self, instance: Any, _: Any) -> Any:
            return self if instance is None else functools.partial(recorded, instance)

        def __getattr__(self, name: str) -> Any:
            return getattr(original, name)

    async with between(lanes, answer()) as (server, transport):
        await transport.exchange(post())
        monkeypatch.setattr(place, "handle_async_request", recorded if by == "function" else Wrapper())
        for _ in range(3):
            await transport.exchange(post())
        monkeypatch.undo()
        before = server.connections
        for _ in range(3):
            await transport.exchange(post())

    assert (len(seen), len(server.requests)) == (3, 7)
    assert server.connections == before


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_mock_may_reply_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    async def mocked(_: Any, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=request.content)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", mocked)
    transport = HttpxTransport(BASE, connections=1)

    assert [(await transport.exchange(post(b"%d" % n))).body for n in range(3)] == [b"0", b"1", b"2"]
    assert transport._free == []


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.parametrize("request_", [post(b"body"), Request("GET", "/prod/x", HEADERS)], ids=["POST", "GET"])
async def test_head_and_body_leave_in_one_piece(request_: Request) -> None:
    """Two of both sides together: one for the request, one for the reply."""
    sent = []

    def count(_: Any, event: str, function: Any) -> None:
        if event == "c_call" and function.__name__ == "send":
            sent.append(type(function.__self__).__name__)

    async with between(lanes, answer()) as (server, transport):
        await transport.exchange(request_)
        sys.setprofile(count)
        try:
            await transport.exchange(request_)
        finally:
            sys.setprofile(None)

    assert sent.count("socket") == 2
    assert server.requests[0] == server.requests[1]
    assert server.requests[1].endswith(b"\r\n\r\n" + request_.body)


class Below(httpcore.AsyncNetworkStream):
    """Stands in for a socket: notes what is written, and may be closed for writing."""

    def __init__(self, *, is_closed: bool = False) -> None:
        self.is_closed, self.written = is_closed, list[tuple[bytes, float | None]]()

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        self.written.append((buffer, timeout))
        if self.is_closed:
            raise httpcore.WriteError

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        return b"HTTP/1.1 200 %d in %d s\r\n\r\n" % (max_bytes, timeout or 0)


async def test_what_is_held_back_leaves_before_a_reply_is_awaited() -> None:
    """Even if a later httpcore should write nothing behind a head."""
    for below in (Below(), Below(is_closed=True)):
        stream = _Stream(below)
        await stream.write(b"head", 2.0)
        assert below.written == []
        assert [await stream.read(7, 3.0) for _ in range(2)] == [b"HTTP/1.1 200 7 in 3 s\r\n\r\n"] * 2
        assert below.written == [(b"head", 3.0)]


@pytest.mark.slow
@pytest.mark.real_time
async def test_nothing_is_noted_in_the_table_of_modules() -> None:
    """Others may bring a sniffio of their own later."""
    async with between(lanes, answer()) as (_, transport):
        await transport.exchange(post())

    assert sys.modules.get("sniffio", "not there") is not None


@pytest.mark.slow
@pytest.mark.real_time
async def test_the_newest_free_connection_is_used_first() -> None:
    """So that the others grow old and are closed, instead of all being kept open by turns."""
    async with between(lanes, answer()) as (server, transport):
        await asyncio.gather(*(transport.exchange(post()) for _ in range(3)))
        assert isinstance(transport, HttpxTransport)
        newest, opened = transport._free[-1], server.connections
        for _ in range(3):
            await transport.exchange(post())

        assert (transport._free[-1], server.connections) == (newest, opened)


@pytest.mark.slow
@pytest.mark.real_time
async def test_the_authorities_of_the_environment_are_trusted(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Many companies have one of their own; and without it, no request leaves."""
    authority, server_side = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    environment()
    async with fault_server(answer(), tls=server_side) as server:
        stranger = lanes(server.port, "https")
        with pytest.raises(NotSentError):
            await stranger.exchange(post())
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        transport = lanes(server.port, "https")
        reply = await transport.exchange(post())
        await transport.aclose()

    assert (reply.status, len(server.requests)) == (200, 1)
    assert isinstance(transport, HttpxTransport)
    assert transport._verify is not None  # read once for all connections


def test_plain_http_loads_no_certificates() -> None:
    """It takes longer than many a command."""
    plain, tls = HttpxTransport(LOOPBACK), HttpxTransport(BASE)

    assert plain._verify is not None
    assert plain._verify.cert_store_stats()["x509_ca"] == 0
    assert tls._verify is None
    assert default_trust().verify_mode is ssl.CERT_REQUIRED
