"""What the fast transport alone must do."""

import asyncio

import pytest

from airmeet_async import NoReplyError, NotSentError, Request
from airmeet_async.client.transports.llhttp_transport import LlhttpTransport
from airmeet_async.errors import ClientStateError
from airmeet_async.protocol.base_urls import parse_base
from tests.support.fault_server import answer, fault_server, raw
from tests.support.transports import llhttp, post

pytestmark = pytest.mark.slow

REFUSED = {
    "a length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "chunks that are not last": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nhi",
    "a length list": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "another protocol": b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    "a status below 100": b"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\nhi",
    "a switch": b"HTTP/1.1 101 Switching\r\nUpgrade: ws\r\nConnection: upgrade\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "a silent switch": b"HTTP/1.1 101 Switching\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "bare line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi",
    "a folded header": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nhi",
    "five thousand headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X%d: 1\r\n" % n for n in range(5000)) + b"\r\n",
    "an endless header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
    "endless early hints": b"HTTP/1.1 103 Hints\r\n\r\n" * 50_000,
    "an endless trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"x" * 200_000,
    "an endless extension": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"x" * 200_000,
    "a body over the limit, in chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"400\r\n%b\r\n" % (b"x" * 1024) * 5,
}


@pytest.mark.parametrize("name", REFUSED)
async def test_answers_that_could_be_read_in_two_ways_or_without_end_are_refused(name: str) -> None:
    """At once, while the server still holds the connection open."""
    async with fault_server(raw(REFUSED[name], close=False), answer(b"own")) as server:
        transport = llhttp(server.port)
        with pytest.raises(NoReplyError) as caught:
            await transport.exchange(post())
        reply = await transport.exchange(post())
        await transport.aclose()

    assert caught.value.reason == "protocol"
    assert (reply.body, server.connections) == (b"own", 2)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("extra", [b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse", b"HTTP/1.1 2", b"\x00"])
async def test_bytes_after_an_answer_spend_the_connection_and_not_the_answer(extra: bytes) -> None:
    """Answer first, and the next request elsewhere."""
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    async with fault_server(raw(whole + extra, close=False), answer(b"own")) as server:
        transport = llhttp(server.port)
        bodies = [(await transport.exchange(post())).body for _ in range(2)]
        await transport.aclose()

    assert (bodies, server.connections) == ([b"hi", b"own"], 2)


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", "/a b", (), b""),
        Request("POST", "/a\r\nX: y", (), b""),
        Request("POST", "a", (), b""),
        Request("POST", "/ä", (), b""),
        Request("GET /x HTTP/1.1\r\n", "/", (), b""),
        Request("HEAD", "/", (), b""),
        Request("POST", "/", ((b"X", b"a\r\nY: b"),), b""),
        Request("POST", "/", ((b"X Y", b"a"),), b""),
        Request("POST", "/", ((b"X\n", b"a"),), b""),
        Request("POST", "/", ((b"Content-length", b"3"),), b""),
        Request("POST", "/", ((b"Transfer-Encoding", b"chunked"),), b""),
        Request("POST", "/", ((b"Host", b"elsewhere"),), b""),
    ],
    ids=lambda request: f"{request.method} {request.target} {dict(request.headers)}",
)
async def test_a_request_that_would_not_be_one_request_never_leaves(request_: Request) -> None:
    """Nor does it spoil the next."""
    async with fault_server(answer()) as server:
        transport = llhttp(server.port)
        with pytest.raises(NotSentError) as caught:
            await transport.exchange(request_)
        await transport.exchange(post())
        await transport.aclose()

    assert (caught.value.reason, len(server.requests)) == ("protocol", 1)


async def test_a_head_is_written_anew_when_anything_in_it_changes() -> None:
    """It is kept for equal requests only."""
    first = ((b"X-T", b"1"),)
    sent = [("GET", "/a", first), ("GET", "/b", first), ("GET", "/b", ((b"X-T", b"2"),)), ("DELETE", "/b", ())]
    async with fault_server(answer()) as server:
        transport = llhttp(server.port)
        for method, target, headers in [*sent, sent[0]]:
            await transport.exchange(Request(method, target, headers))
        await transport.aclose()

    host = f"Host: 127.0.0.1:{server.port}\r\n".encode()
    assert server.requests[:3] == [
        b"GET /a HTTP/1.1\r\n%bX-T: 1\r\n\r\n" % host,
        b"GET /b HTTP/1.1\r\n%bX-T: 1\r\n\r\n" % host,
        b"GET /b HTTP/1.1\r\n%bX-T: 2\r\n\r\n" % host,
    ]
    assert server.requests[3:] == [b"DELETE /b HTTP/1.1\r\n%b\r\n" % host, server.requests[0]]


async def test_an_idle_connection_is_closed_after_a_while() -> None:
    """On virtual time: not within ten seconds, but within sixteen; and then nothing ticks any more."""
    async with fault_server(answer()) as server:
        transport = llhttp(server.port)
        await asyncio.gather(*(transport.exchange(post()) for _ in range(5)))
        await asyncio.sleep(10)
        kept = server.open_now
        await asyncio.sleep(6)
        left = server.open_now
        reply = await transport.exchange(post())
        await transport.aclose()

    assert (kept, left, reply.status) == (5, 0, 200)


async def test_the_newest_connection_is_used_first() -> None:
    """So the others can grow old and close."""
    async with fault_server(answer()) as server:
        transport = llhttp(server.port)
        await asyncio.gather(*(transport.exchange(post()) for _ in range(5)))
        for _ in range(20):
            await asyncio.sleep(1)
            await transport.exchange(post())
        left = server.open_now
        await transport.aclose()

    assert (left, server.connections) == (1, 5)


def test_another_event_loop_is_told_so() -> None:
    """Connections belong to the loop that made them."""
    transport = LlhttpTransport(parse_base("http://127.0.0.1:9/prod"))
    with pytest.raises(NotSentError):
        asyncio.run(transport.exchange(post()))

    with pytest.raises(ClientStateError, match="another event loop"):
        asyncio.run(transport.exchange(post()))
    asyncio.run(transport.aclose())
