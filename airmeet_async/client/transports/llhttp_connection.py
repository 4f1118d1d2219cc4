"""One connection of the fast transport, parsed by llhttp. The only module that imports httptools.

Rules of this file:

1. From the write on, a failure is "no reply", also where the system says that it wrote nothing. Nothing is repeated.
2. A line can carry another request only after one whole answer, when the server keeps it open, the request
   has left to its last byte, and nothing has come that nobody asked for (llhttp passes over an empty line).
3. Refused: two lengths, an unknown transfer encoding, a version other than 1.0 and 1.1, a switch of
   protocols (101), more head than `_HEAD_LIMIT`, more body than the request's limit. Other 1xx answers
   are skipped. Bodies are never unpacked; a content encoding is for the reader to refuse.
4. A body without a length ends with the connection. Whether TLS had said goodbye before, asyncio does not tell
   (uvloop refuses the end then), so such a body may be cut off: it must itself show whether it is whole, as JSON does.
5. Errors go from callbacks to callers as results of the future, so none is ever "never retrieved",
   and none has a cause or a context.

llhttp's own habits, on which this relies: it refuses repeated and contradictory lengths, bare line feeds, folded
lines and data after ``Connection: close``; it goes on to a next message by itself; it has no
limit of size, does not tell when a body ends with the connection, and takes ``RTSP/1.0`` for an answer.
"""

import asyncio
import select
import socket
import time
from asyncio.staggered import staggered_race
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, Protocol

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from airmeet_async.client.transports.base import Timeouts, late, lost, too_large
from airmeet_async.errors import TransportError
from airmeet_async.protocol.base_urls import Base
from airmeet_async.protocol.http_messages import Reply

KEEP_ALIVE = 15.0
"""Seconds. Short, since a connection that the server has just dropped makes an unclear outcome."""

_HEAD_LIMIT = 32 * 1024
"""Bytes after which a head must be over, give or take one reading of the buffer."""

_MOST_HEADERS = 256


class _RefusedError(Exception):
    """An answer breaks a rule of this file. It stays within the parser's callbacks."""


class _Headers(Mapping[str, str]):
    """An answer's headers: few are ever looked at, so each is made a text when it is.

    Args:
        raw: As they came.
    """

    __slots__ = ("_places", "_values")

    def __init__(self, raw: dict[bytes, bytes]) -> None:
        self._places = _places(tuple(raw))
        self._values = tuple(raw.values())

    def __getitem__(self, name: str) -> str:
        return self._values[self._places[name]].strip().decode("latin-1")

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@lru_cache(256)
def _places(names: tuple[bytes, ...]) -> dict[str, int]:
    """Return where each header stands, by its name in lower case; a server sends the same ones each time."""
    return {name.lower().decode("latin-1"): place for place, name in enumerate(names)}


def _watch(number: int) -> Callable[[], Any]:
    """Return a function that tells whether anything has come on a socket: also an end the loop has not seen yet."""
    if not hasattr(select, "poll"):
        return lambda: select.select([number], [], [], 0)[0]
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return partial(poll.poll, 0)


class Home(Protocol):
    """What a line needs of the transport it belongs to.

    Attributes:
        loop: The event loop.
        clock: Its clock.
        host: For messages.
        timeouts: Seconds.
        buffer: Shared by all lines: what is read into it is parsed before anybody else can read.
    """

    loop: asyncio.AbstractEventLoop
    clock: Callable[[], float]
    host: str
    timeouts: Timeouts
    buffer: memoryview

    def opened(self, line: "Line") -> None:
        """Take note of a connection."""

    def closed(self, line: "Line") -> None:
        """Let go of it."""


class Line(asyncio.BufferedProtocol):
    """One connection, which carries one request at a time.

    Attributes:
        answer: What the caller of the request under way waits for; None while the line is free.
        stays: Whether the connection is still good for another request.
        started: When that exchange began, connecting included.
        moved: The last sign of life: a piece of the request or of the answer, or the end of an exchange.
        stirs: Tells whether anything has come that the event loop has not read yet.
    """

    def __init__(self, home: Home) -> None:
        self.home = home
        self.transport: Any = None
        self.answer: asyncio.Future[Reply | TransportError] | None = None
        self.started = self.moved = 0.0
        self.stays = True
        self._buffer = home.buffer
        # The parser calls these two for each header, trailer and part of a body, which need only be kept.
        self._raw: dict[bytes, bytes] = {}
        self.on_header = self._raw.__setitem__
        self._body: list[bytes] = []
        self.on_body = self._body.append
        self._parser = HttpResponseParser(self)

    def ask(self, data: bytes, limit: int, started: float) -> "asyncio.Future[Reply | TransportError]":
        """Write a request; the future brings a `Reply` or an error."""
        self._body.clear()
        self._reply: Reply | None = None
        self._got = self._parts = self._size = self._status = self._pending = 0
        self._limit, self._open_end, self.stays = limit, False, True
        self.problem: TransportError | None = None
        self.started = started
        self.moved = max(started, self.moved)  # a new line is younger than its exchange
        answer: asyncio.Future[Reply | TransportError] = self.home.loop.create_future()
        self.answer = answer
        self.transport.write(data)
        return answer

    def rest(self, now: float) -> bool:
        """End an exchange, however it went, and tell whether the line can carry another."""
        self.answer, self.moved = None, now
        return self._reply is not None and self.stays and not self.transport.get_write_buffer_size()

    def fail(self, error: TransportError) -> None:
        """End the exchange without an answer."""
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(error)
        self.drop()

    def drop(self) -> None:
        """Close the connection at once; what it still carries is nobody's."""
        self.stays = False
        self.transport.abort()

    def look(self, now: float) -> None:
        """Give up what has taken too long."""
        limits, host, quiet = self.home.timeouts, self.home.host, now - self.moved
        if self.answer is None:
            if quiet >= KEEP_ALIVE:
                self.drop()
            return
        pending = self.transport.get_write_buffer_size()
        if pending != self._pending:  # another piece of the request left
            self._pending, self.moved = pending, now
        elif quiet >= (limits.write if pending else limits.read):
            self.fail(lost("timeout", host))
        if now - self.started >= limits.total:
            self.fail(late(host, limits.total))

    # What the event loop says.

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self.transport = transport
        self.stirs = _watch(transport.get_extra_info("socket").fileno())
        self.moved = self.home.clock()
        self.home.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's signature
        """Return where to read to."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Parse what has come."""
        answer = self.answer
        if answer is None or answer.done():  # nobody asked, or the caller is gone
            self.drop()
            return
        if not self._got and self._buffer[0] != 0x48:  # not the H of HTTP
            self.stays = False
        else:
            try:
                self._parser.feed_data(self._buffer[:nbytes])
            except (HttpParserError, HttpParserUpgrade):
                self.stays = False
        self._got += nbytes
        if self._reply is not None:
            if not answer.done():  # a signal may have cancelled it meanwhile
                answer.set_result(self._reply)
        elif not self.stays or not self._fits():
            self.fail(self.problem or lost("protocol", self.home.host))
        else:
            self.moved = self.home.clock()

    def eof_received(self) -> None:
        """End a body that ends with the connection."""
        answer = self.answer
        if answer is not None and not answer.done() and self._open_end and self.stays:
            answer.set_result(Reply(self._status, self._headers, b"".join(self._body), time.time()))
        self.stays = False

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self.fail(lost("protocol" if error is None else "reset", self.home.host))
        self.home.closed(self)

    # What the parser says.

    def on_message_begin(self) -> None:
        """Refuse a second answer; forget the trailers of the last one."""
        if self._reply is not None:
            raise _RefusedError
        self._raw.clear()

    def on_headers_complete(self) -> None:
        """Check how the body is framed."""
        raw, status = self._raw, self._parser.get_status_code()
        headers = self._headers = _Headers(raw)
        places = headers._places
        coding = headers["transfer-encoding"] if "transfer-encoding" in places else None
        if self._parser.get_http_version() not in ("1.1", "1.0") or status == 101 or not 100 <= status <= 999:
            raise _RefusedError
        if len(places) > _MOST_HEADERS or (coding is not None and coding.lower() != "chunked"):
            raise _RefusedError
        has_body = status >= 200 and status not in (204, 304)
        self._open_end = has_body and coding is None and "content-length" not in places
        self._status = status

    def on_message_complete(self) -> None:
        """Skip a 1xx answer, keep any other that is not too large."""
        if self._status < 200:
            self._status = 0
            return
        parts = self._body
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if len(body) > self._limit:
            self.problem = too_large(self.home.host, self._limit)
            raise _RefusedError
        self.stays = self._parser.should_keep_alive()
        self._reply = Reply(self._status, self._headers, body, time.time())

    def _fits(self) -> bool:
        """Count what has come of an answer that is not whole yet; tell whether it may go on."""
        fresh = self._body[self._parts :]
        self._parts += len(fresh)
        self._size += sum(map(len, fresh))
        if self._size > self._limit:
            self.problem = too_large(self.home.host, self._limit)
        # Chunks of one byte each come close to 9.
        return self._size <= self._limit and self._got <= _HEAD_LIMIT + 9 * self._size


_NEXT_ADDRESS = 0.25
"""Seconds after which a silent address gets company."""


async def reach(base: Base) -> socket.socket:
    """Return a socket that is connected to *base*.

    Raises:
        OSError: No address of it can be found, or none answers.
    """
    addresses = await _addresses(base)
    if len(addresses) == 1:
        return await _connect(*addresses[0])
    winner, _, errors = await staggered_race([partial(_connect, *one) for one in addresses], _NEXT_ADDRESS)
    if winner is None:
        raise next((error for error in errors if error is not None), OSError("no address"))
    found: socket.socket = winner
    return found


async def _addresses(base: Base) -> list[Any]:
    where, stream = (base.host, base.port), socket.SOCK_STREAM
    try:  # an address in figures needs no resolver, thus no thread
        return socket.getaddrinfo(*where, type=stream, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        return await asyncio.get_running_loop().getaddrinfo(*where, type=stream)


async def _connect(family: int, kind: int, proto: int, _name: str, address: Any) -> socket.socket:
    sock = socket.socket(family, kind, proto)
    try:
        sock.setblocking(False)  # noqa: FBT003 - the socket's signature
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock
