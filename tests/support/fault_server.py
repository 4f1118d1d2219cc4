"""A server on loopback that does to its clients what it is told: byte by byte, on real sockets."""

import asyncio
import re
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from attrs import define, field

Act = Callable[["Peer"], Awaitable[None]]

_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


@define(eq=False)
class Peer:
    """One connection, seen from the server."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> bytes:
        """Read one whole request."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        return head + (await self.reader.readexactly(int(length[1])) if length else b"")

    async def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection with RST instead of FIN."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


@define(eq=False)
class FaultServer:
    """What happened, and what is to happen: one act per request, the last one for all that follow."""

    acts: list[Act]
    port: int = 0
    requests: list[bytes] = field(factory=list)
    connections: int = 0
    open_now: int = 0
    peak_open: int = 0
    serving: dict[asyncio.StreamWriter, asyncio.Task[None]] = field(factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self.serving[writer] = task
        self.connections += 1
        self.open_now += 1
        self.peak_open = max(self.peak_open, self.open_now)
        peer = Peer(reader, writer)
        try:
            while not writer.is_closing():
                self.requests.append(await peer.request())
                act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
                await act(peer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            pass
        finally:
            self.open_now -= 1
            writer.close()

    async def end(self) -> None:
        """Abort what is still open: the garbage collector would close it with a warning."""
        for writer, task in self.serving.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self.serving.values(), return_exceptions=True)


@asynccontextmanager
async def fault_server(*acts: Act, tls: ssl.SSLContext | None = None) -> AsyncIterator[FaultServer]:
    """Serve *acts* on a free loopback port."""
    state = FaultServer(list(acts))
    server = await asyncio.start_server(state.serve, "127.0.0.1", 0, ssl=tls)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        await state.end()
        await server.wait_closed()


def answer(body: bytes = b'{"ok": true}', status: str = "200 OK", headers: bytes = b"") -> Act:
    """Answer properly."""

    async def act(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status.encode(), len(body), headers, body))

    return act


def raw(data: bytes, *, close: bool = True) -> Act:
    """Answer with just these bytes."""

    async def act(peer: Peer) -> None:
        await peer.send(data)
        if close:
            peer.writer.close()

    return act


def drip(data: bytes, seconds: float) -> Act:
    """Answer one byte at a time."""

    async def act(peer: Peer) -> None:
        for number in range(len(data)):
            await peer.send(data[number : number + 1])
            await asyncio.sleep(seconds)

    return act


async def close(peer: Peer) -> None:
    """Close without a byte."""
    peer.writer.close()


async def reset(peer: Peer) -> None:
    """Reset without a byte."""
    peer.reset()


async def silence(peer: Peer) -> None:
    """Never answer, until the other side has gone."""
    await peer.reader.read()
    peer.writer.close()
