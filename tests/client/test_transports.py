"""What every transport must do, on real sockets: the faults of a network, each as the error it is."""

import asyncio
import socket
import ssl
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trustme
from attrs import evolve

from airmeet_async import AirmeetClient, NoReplyError, NotSentError, Reply
from airmeet_async.client.transports.httpx_transport import HttpxTransport
from airmeet_async.client.transports.llhttp_transport import LlhttpTransport
from airmeet_async.protocol.base_urls import parse_base
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, leaks
from tests.support.fault_server import Act, answer, close, drip, fault_server, raw, reset, silence
from tests.support.transports import PATIENT, QUICK, Make, between, post

pytestmark = [pytest.mark.slow, pytest.mark.real_time]


async def test_a_request_arrives_as_it_was_written(make: Make) -> None:
    """Target, headers and body, a host and a length, and nothing that nobody asked for."""
    async with between(make, answer(headers=b"X-Odd: 1\r\n")) as (server, transport):
        reply = await transport.exchange(post())

    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    names = {line.partition(b":")[0].lower() for line in head.split(b"\r\n")[1:]}
    assert head.startswith(b"POST /prod/thing?x=1 HTTP/1.1\r\n")
    assert body == b'{"email": "a@example.com"}'
    assert names <= {b"host", b"content-length", b"content-type", b"x-airmeet-access-token", b"connection"}
    assert (reply.status, reply.body, reply.headers["x-odd"]) == (200, b'{"ok": true}', "1")


async def test_a_connection_is_used_again(make: Make) -> None:
    """Twenty requests, one connection."""
    async with between(make, answer()) as (server, transport):
        for _ in range(20):
            await transport.exchange(post())

    assert (server.connections, len(server.requests)) == (1, 20)


async def test_never_more_connections_than_allowed(make: Make) -> None:
    """Also when far more callers come at once."""
    async with between(make, answer(), connections=5) as (server, transport):
        await asyncio.gather(*(transport.exchange(post()) for _ in range(100)))

    assert server.peak_open <= 5
    assert len(server.requests) == 100


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\nabcdefg"
INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nabcdefg"
OLD = b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nabcdefg"


@pytest.mark.parametrize("data", [CHUNKED, UNTIL_CLOSE, INTERIM, OLD], ids=["chunked", "until close", "1xx", "1.0"])
async def test_each_way_to_frame_an_answer_is_understood(make: Make, data: bytes) -> None:
    """And the next request works, on whichever connection."""
    async with between(make, raw(data, close=data is not CHUNKED), answer()) as (_, transport):
        first = await transport.exchange(post())
        second = await transport.exchange(post())

    assert (first.status, first.body, second.status) == (200, b"abcdefg", 200)


async def test_an_answer_that_comes_byte_by_byte_is_put_together(make: Make) -> None:
    """A slow network is not an error as long as the deadline holds."""
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
    async with between(make, drip(data, 0.002)) as (_, transport):
        reply = await transport.exchange(post())

    assert reply.body == b"hi"


# Others between us and the server might read these in another way.
ODD_HEADS = {
    "a length and chunks": "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
    "chunks and a length": "Transfer-Encoding: chunked\r\nContent-Length: 12\r\n",
    "the same length twice": "Content-Length: 12\r\nContent-Length: 12\r\n",
    "an unknown coding": "Transfer-Encoding: gzip, chunked\r\n",
    "a line feed in the head": "X: y\nTransfer-Encoding: chunked\r\n",
    "a line feed at its end": "Transfer-Encoding: chunked\r\n\n",
    "a folded line": "X: y\r\n z\r\nTransfer-Encoding: chunked\r\n",
    "a blank before a colon": "Transfer-Encoding : chunked\r\n",
    "5,000 headers": "".join(f"X{n}: y\r\n" for n in range(5000)) + "Transfer-Encoding: chunked\r\n",
    "a head of 90 kB": f"X: {'y' * 90_000}\r\nTransfer-Encoding: chunked\r\n",
}

NO_ANSWER: dict[str, tuple[Act, str]] = {
    "closed without a byte": (close, "protocol"),
    "reset without a byte": (reset, "reset"),
    "silence": (silence, "timeout"),
    "half a head": (raw(b"HTTP/1.1 200 OK\r\nContent-"), "protocol"),
    "half a body": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf"), "protocol"),
    "half a chunk": (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf"), "protocol"),
    "no HTTP": (raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20), "protocol"),
    "two lengths": (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!"), "protocol"),
    "a head without end": (raw(b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 300_000), "protocol"),
    **{
        name: (raw(f"HTTP/1.1 200 OK\r\n{head}\r\n2\r\n{{}}\r\n0\r\n\r\n".encode(), close=False), "protocol")
        for name, head in ODD_HEADS.items()
    },
    "only line feeds": (raw(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", close=False), "protocol"),
    "1xx replies without end": (raw(b"HTTP/1.1 100 Continue\r\n\r\n" * 200_000), "protocol"),
    "another version": (raw(b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", close=False), "protocol"),
    "another protocol": (raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"), "protocol"),
    "a body over the limit": (answer(b"x" * 5000), "protocol"),
    "a drip without end": (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b"x" * 1000, 0.05), "timeout"),
}


@pytest.mark.parametrize("name", NO_ANSWER)
async def test_a_request_that_left_and_got_no_whole_answer_may_have_been_applied(make: Make, name: str) -> None:
    """It is sent once, never again by the transport, and the next request does not inherit its connection."""
    act, reason = NO_ANSWER[name]
    async with between(make, act, answer(), timeouts=QUICK if reason == "timeout" else PATIENT) as (server, transport):
        with pytest.raises(NoReplyError) as caught:
            await transport.exchange(post())
        sent = len(server.requests)
        reply = await transport.exchange(post())

    assert (sent, reply.status, server.connections) == (1, 200, 2)
    # A byte now and then keeps the read time-out quiet, but not the total one.
    assert ("did not reply within" in str(caught.value)) is (name == "a drip without end")
    assert caught.value.reason in {reason, "reset"} if reason == "protocol" else caught.value.reason == reason
    assert leaks(f"{caught.value!s}{caught.value!r}{caught.value.__dict__}{caught.value.__cause__}") == []


async def test_what_comes_after_a_reply_is_not_the_next_one(make: Make) -> None:
    """A row would get the link, or the refusal, that was meant for nobody."""
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
    for first in (reply + b"one" + reply + b"odd", reply + b"one" + reply[:9], CHUNKED + reply + b"odd"):
        async with between(make, raw(first, close=False), answer(b"two")) as (server, transport):
            bodies = [(await transport.exchange(post())).body for _ in range(2)]

        assert bodies == [b"abcdefg" if first.startswith(CHUNKED) else b"one", b"two"]
        assert server.connections == 2


async def test_nobody_listens(make: Make) -> None:
    """The request certainly was not applied, and the message says what is wrong."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        transport = make(unused.getsockname()[1])
        with pytest.raises(NotSentError, match=r"127\.0\.0\.1.*refused") as caught:
            await transport.exchange(post())

    assert caught.value.reason == "connect"


async def test_a_connect_that_never_completes_ends(make: Make) -> None:
    """A listener whose backlog is full."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        try:
            with pytest.raises(NotSentError) as caught:
                await make(port, timeouts=QUICK).exchange(post())
        finally:
            for filler in fillers:
                filler.close()

    assert caught.value.reason == "timeout"


@pytest.mark.parametrize("kind", [HttpxTransport, LlhttpTransport])
async def test_a_name_that_does_not_exist(kind: type[HttpxTransport | LlhttpTransport]) -> None:
    """The message names the host and the setting to look at."""
    transport = kind(parse_base("https://nowhere.invalid/prod"), timeouts=PATIENT)
    with pytest.raises(NotSentError, match=r"nowhere\.invalid") as caught:
        await transport.exchange(post())

    assert caught.value.reason == "dns"
    assert "AIRMEET_URI" in str(caught.value)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_an_answer_and_is_not_followed(make: Make, status: str) -> None:
    """The other server sees no request, so it sees no token."""
    async with fault_server(answer()) as other:
        there = b"Location: http://127.0.0.1:%d/\r\n" % other.port
        async with between(make, answer(status=status, headers=there)) as (_, transport):
            reply = await transport.exchange(post())

    assert reply.status == int(status[:3])
    assert other.requests == []


async def test_cookies_are_not_kept(make: Make) -> None:
    """The second request carries nothing of the first answer."""
    async with between(make, answer(headers=b"Set-Cookie: a=b\r\n")) as (server, transport):
        await transport.exchange(post())
        await transport.exchange(post())

    assert b"cookie" not in server.requests[1].lower()


async def test_a_compressed_answer_is_handed_on_packed(make: Make) -> None:
    """A bomb that nobody unpacks is a few bytes."""
    async with between(make, answer(b"\x1f\x8bpacked", headers=b"Content-Encoding: gzip\r\n")) as (_, transport):
        reply = await transport.exchange(post())

    assert (reply.body, reply.headers["content-encoding"]) == (b"\x1f\x8bpacked", "gzip")


async def test_an_answer_before_the_request_was_read_is_taken_as_one(make: Make) -> None:
    """A gateway that refuses early and closes; whatever the race, it is one reply or one doubt."""

    async def early(peer: Any) -> None:
        await peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        peer.writer.close()

    async with between(make, early, answer()) as (_, transport):
        try:
            first = await transport.exchange(post(b"x" * 1000))
        except NoReplyError:
            first = Reply(413)
        second = await transport.exchange(post())

    assert (first.status, second.status) == (413, 200)


async def test_a_cancelled_request_leaves_nothing_for_the_next_one(make: Make) -> None:
    """The late answer to the first is never taken for the answer to the second."""
    arrived, cancelled = asyncio.Event(), asyncio.Event()

    async def late(peer: Any) -> None:
        arrived.set()
        await cancelled.wait()
        await answer(b"late")(peer)

    async with between(make, late, answer(b"own"), connections=1) as (_, transport):
        first = asyncio.create_task(transport.exchange(post()))
        await arrived.wait()
        first.cancel()
        await asyncio.wait({first})
        cancelled.set()
        reply = await transport.exchange(post())

    assert first.cancelled()
    assert reply.body == b"own"


async def test_a_storm_of_cancellations_leaks_no_connection_and_no_place(make: Make) -> None:
    """Hundreds of callers with deadlines of a few milliseconds; afterwards all places are free."""

    async def impatient(seconds: float) -> None:
        with anyio.move_on_after(seconds):
            await transport.exchange(post())
            await anyio.lowlevel.checkpoint()

    async def slow(peer: Any) -> None:
        await asyncio.sleep(0.003)
        await answer()(peer)

    async with between(make, slow, connections=8) as (_, transport):
        await asyncio.gather(*(impatient(number % 70 / 1000) for number in range(300)))
        replies = await asyncio.gather(*(transport.exchange(post()) for _ in range(40)))

    assert {reply.status for reply in replies} == {200}


def tls_pair(name: str = "127.0.0.1") -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return a server's context for *name*, and a client's that trusts it."""
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert(name).configure_cert(server)
    authority.configure_trust(client)
    return server, client


async def test_tls_with_the_callers_own_trust(make: Make) -> None:
    """A private certificate authority is a setting, not a reason to switch checks off."""
    server_side, client_side = tls_pair()
    async with fault_server(answer(), tls=server_side) as server:
        transport = make(server.port, scheme="https", verify=client_side)
        reply = await transport.exchange(post())
        await transport.aclose()

    assert reply.status == 200


async def test_a_long_reply_over_tls(make: Make) -> None:
    """Many records, several of which are read at once."""
    server_side, client_side = tls_pair()
    body = bytes(range(256)) * 2000
    async with fault_server(answer(body), tls=server_side) as server:
        transport = make(server.port, scheme="https", verify=client_side)
        replies = [await transport.exchange(evolve(post(), reply_limit=1_000_000)) for _ in range(3)]
        await transport.aclose()

    assert [reply.body == body for reply in replies] == [True] * 3


@pytest.mark.parametrize("case", ["unknown authority", "another name"])
async def test_no_byte_of_a_request_goes_to_a_server_that_is_not_the_right_one(make: Make, case: str) -> None:
    """It ends as never sent, for a reason that waiting will not mend."""
    server_side, client_side = tls_pair("other.example" if case == "another name" else "127.0.0.1")
    trust = client_side if case == "another name" else ssl.create_default_context()
    async with fault_server(answer(), tls=server_side) as server:
        transport = make(server.port, scheme="https", verify=trust)
        with pytest.raises(NotSentError, match="TLS") as caught:
            await transport.exchange(post())

    assert (caught.value.reason, server.requests) == ("tls", [])


async def test_nothing_secret_is_logged_by_the_library_below(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    """httpx and httpcore log at DEBUG and INFO; no credential is in what they see fit to say."""
    caplog.set_level("DEBUG")
    async with between(make, answer()) as (server, transport):
        url = f"http://127.0.0.1:{server.port}/prod"
        async with AirmeetClient(SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, base_url=url, transport=transport) as client:
            with pytest.raises(Exception, match="auth"):
                await client.airmeets.info("event")

    assert server.requests
    assert leaks(caplog.text) == []
