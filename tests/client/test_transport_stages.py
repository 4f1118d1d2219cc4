"""Every transport, cancelled or held up at each stage of an exchange: no place and no dirty connection is left."""

import asyncio
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest

from airmeet_async import NoReplyError, NotSentError, Timeouts
from airmeet_async.client.transports.base import Transport
from tests.support.fault_server import Act, Peer, answer, fault_server
from tests.support.transports import QUICK, Make, between, post

pytestmark = [pytest.mark.slow, pytest.mark.real_time]

HUGE = b"x" * 30_000_000  # more than any socket takes at once


@asynccontextmanager
async def deaf_port(*, full: bool) -> AsyncIterator[int]:
    """Open a port where connecting never ends, or where it does and nobody ever reads."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0 if full else 100)
        fillers = [socket.socket() for _ in range(3 if full else 0)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        try:
            yield listener.getsockname()[1]
        finally:
            for filler in fillers:
                filler.close()


async def cancelled(transport: Transport, body: bytes = b"{}", *, once: asyncio.Event | None = None) -> None:
    """Start an exchange, and cancel it once it can get no further."""
    task = asyncio.create_task(transport.exchange(post(body)))
    await (asyncio.sleep(0.1) if once is None else once.wait())
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


@pytest.mark.parametrize("stage", ["connect", "TLS", "write", "answer"])
async def test_a_cancelled_exchange_gives_its_place_back(kind: str, make: Make, stage: str) -> None:
    """With one place only, the next caller would wait for ever."""
    if (kind, stage) == ("httpx-lanes", "TLS"):
        pytest.skip("httpcore leaves the socket of a cancelled handshake to the garbage collector, which warns")
    tls = {"scheme": "https", "verify": ssl.create_default_context()} if stage == "TLS" else {}
    body = HUGE if stage == "write" else b"{}"
    async with deaf_port(full=stage == "connect") as port:
        transport = make(port, connections=1, timeouts=QUICK, **tls)
        for _ in range(3):
            await cancelled(transport, body)
        with pytest.raises(NotSentError if stage in {"connect", "TLS"} else NoReplyError) as caught:
            await transport.exchange(post(body))
        await transport.aclose()

    assert caught.value.reason == "timeout"


@pytest.mark.parametrize(
    "begun", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nab"]
)
async def test_an_exchange_cancelled_within_its_answer_leaves_no_trace(make: Make, begun: bytes) -> None:
    """The rest of the answer comes, and is nobody's."""
    there, go_on = asyncio.Event(), asyncio.Event()

    async def halting(peer: Peer) -> None:
        await peer.send(begun)
        there.set()
        await go_on.wait()
        await peer.send(b"late" * 100)

    async with between(make, halting, answer(b"own"), connections=1) as (server, transport):
        await cancelled(transport, once=there)
        go_on.set()
        reply = await transport.exchange(post())

    assert (reply.body, server.connections) == (b"own", 2)


async def test_a_storm_of_a_thousand_cancellations(make: Make) -> None:
    """Ten connections, deadlines of nothing to a few milliseconds; then every place works, within the limit."""

    async def impatient(number: int) -> None:
        with anyio.move_on_after(number % 37 / 1000):
            await transport.exchange(post())

    async def slow(peer: Peer) -> None:
        await asyncio.sleep(0.002)
        await answer()(peer)

    async with between(make, slow, connections=10) as (server, transport):
        await asyncio.gather(*(impatient(number) for number in range(1000)))
        await asyncio.sleep(0.05)
        server.peak_open = server.open_now
        replies = await asyncio.gather(*(transport.exchange(post()) for _ in range(50)))
        peak = server.peak_open

    assert {reply.status for reply in replies} == {200}
    assert peak <= 10


async def test_cancelled_waiters_for_a_place_do_not_take_it_with_them(make: Make) -> None:
    """Twenty wait behind one slow exchange and give up; the place goes to who comes then."""
    free = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await free.wait()
        await answer()(peer)

    async with between(make, slow, connections=1) as (_, transport):
        first = asyncio.create_task(transport.exchange(post()))
        others = [asyncio.create_task(transport.exchange(post())) for _ in range(20)]
        await asyncio.sleep(0.05)
        for other in others:
            other.cancel()
            free.set()
        replies = [await first, await transport.exchange(post())]
        await asyncio.wait(others)

    assert [reply.status for reply in replies] == [200, 200]


async def test_an_answer_ahead_of_the_request_spends_the_connection(make: Make) -> None:
    """A server that refuses before it has read a long body: one reply or one doubt, and never that connection again."""

    over, gone = asyncio.Event(), asyncio.Semaphore(0)

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await Peer(reader, writer).send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        await over.wait()
        writer.transport.abort()
        gone.release()

    server = await asyncio.start_server(early, "127.0.0.1", 0)
    transport = make(server.sockets[0].getsockname()[1], connections=1, timeouts=QUICK)
    for _ in range(2):
        try:
            status = (await transport.exchange(post(HUGE))).status
        except NoReplyError:
            status = 413
        assert status == 413
    over.set()
    for _ in range(2):  # two requests, two connections
        await gone.acquire()
    await transport.aclose()
    server.close()


async def test_a_connection_that_the_server_dropped_meanwhile_is_not_used(make: Make) -> None:
    """Otherwise each idle time-out of a gateway would make an unclear outcome."""

    async def once(peer: Peer) -> None:
        await answer()(peer)
        peer.writer.close()

    async with between(make, once) as (server, transport):
        for _ in range(20):
            await transport.exchange(post())

    assert (server.connections, len(server.requests)) == (20, 20)


async def test_bytes_on_an_idle_connection_end_it(make: Make) -> None:
    """They are no answer to a request that is still to come."""
    peers: list[Peer] = []

    def remembered(act: Act) -> Act:
        async def act_and_remember(peer: Peer) -> None:
            peers.append(peer)
            await act(peer)

        return act_and_remember

    async with between(make, remembered(answer()), answer(b"own")) as (server, transport):
        await transport.exchange(post())
        await peers[0].send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse")
        await asyncio.sleep(0.02)
        reply = await transport.exchange(post())

    assert (reply.body, server.connections) == (b"own", 2)


async def test_a_closed_transport_keeps_no_connection(make: Make) -> None:
    """What is under way when it closes ends as it would have, and closes then."""
    closed = asyncio.Event()

    async def slow(peer: Peer) -> None:
        await closed.wait()
        await answer()(peer)

    async with between(make, slow) as (server, transport):
        task = asyncio.create_task(transport.exchange(post()))
        await asyncio.sleep(0.05)
        await transport.aclose()
        closed.set()
        reply = await task
        await asyncio.sleep(0.05)
        left = server.open_now

    assert (reply.status, left) == (200, 0)


SCRIPT = """
import asyncio, sys
from airmeet_async.protocol.base_urls import parse_base
from airmeet_async.protocol.http_messages import Request
from airmeet_async.client.transports.llhttp_transport import LlhttpTransport

async def main(kind, port, closes):
    transport = LlhttpTransport(parse_base(f"http://127.0.0.1:{port}/prod"), connections=8)
    await asyncio.gather(*(transport.exchange(Request("POST", "/prod/x", (), b"{}")) for _ in range(30)))
    if closes == "closed":
        await transport.aclose()

if "uvloop" in sys.argv[1]:
    import uvloop
    uvloop.run(main(*sys.argv[1:]))
else:
    asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("kind", ["llhttp", "llhttp-uvloop"])
@pytest.mark.parametrize("closes", ["closed", "not closed"])
async def test_a_process_that_used_it_ends_in_peace(kind: str, closes: str) -> None:
    """Exit code 0 and not a word, in five processes of each sort."""
    command = [sys.executable, "-c", SCRIPT, kind]
    async with fault_server(answer()) as server:
        for _ in range(5):
            done = await anyio.run_process([*command, str(server.port), closes], check=False)
            assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


async def test_a_write_that_does_not_end_has_a_limit(make: Make) -> None:
    """A server that takes the connection and reads nothing."""
    async with deaf_port(full=False) as port:
        transport = make(port, timeouts=Timeouts(connect=1.0, write=0.2, read=30.0, total=30.0))
        with pytest.raises(NoReplyError) as caught:
            await transport.exchange(post(HUGE))
        await transport.aclose()

    assert caught.value.reason == "timeout"
