"""One connection of the fast transport, parsed by llhttp. The only module that imports httptools.

Rules of this file:

1. From the write on, a failure is "no reply", also where the system says that it wrote nothing. Nothing is repeated.
2. A connection can carry another request only after one whole reply, when the server keeps it open, the request
   has left to its last byte, and nothing has come that nobody asked for (llhttp passes over an empty line).
3. Refused: two lengths, an unknown transfer encoding, a version other than 1.0 and 1.1, a switch of
   protocols (101), more head than `_HEAD_LIMIT`, more body than the request's limit. Other 1xx replies
   are skipped. Bodies are never unpacked; a content encoding is for the reader to refuse.
4. A body without a length ends with the connection, over TLS also without a goodbye, as many servers leave it out.
   So such a body may be cut off: it must itself show whether it is whole, as JSON does.
5. Errors go from callbacks to callers as results of the future, so none is ever "never retrieved",
   and none has a cause or a context.

llhttp's own habits, on which this relies: it refuses repeated and contradictory lengths, bare line feeds, folded
lines, blanks before a colon and data after ``Connection: close``; it goes on to a next message by itself; it has no
limit of size, frames by the last transfer encoding alone, does not keep a connection alive whose body has no
end of its own, and takes ``RTSP/1.0`` for an answer.

The way of nearly all replies is kept short. A head is not taken apart unless somebody reads a header, since a callback
per header costs 1,500 instructions; what a reply needs else is set back or checked only where it can matter.
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

from airmeet_async.client.transports.base import KEEP_ALIVE, Timeouts, late, lost, too_large
from airmeet_async.errors import TransportError
from airmeet_async.protocol.base_urls import Base
from airmeet_async.protocol.http_messages import Reply

_HEAD_LIMIT = 32 * 1024
"""Bytes within which a head must end. One that does not end is refused within one more reading of the buffer."""

_SHORT = 1024
"""Bytes of a head and what follows it that are searched without looking for the head's end."""

_VERSION_1_1, _VERSION_1_0 = b"HTTP/1.1 ", b"HTTP/1.0 "


class _RefusedError(Exception):
    """A reply breaks rule 3. Raised and caught within the parser's callbacks."""


class _Headers(Mapping[str, str]):
    """A reply's headers. Few are ever read, so they are taken apart when one is.

    The parser has accepted them before, so each line is a name, a colon and a value, and ends with CR LF.

    Attributes:
        head: The reply's bytes from its status line on; more may follow after the head.
    """

    __slots__ = ("head",)
    head: bytearray

    def lines(self) -> list[tuple[str, str]]:
        """Return names in lower case and values, in their order."""
        lines = self.head[: self.head.index(b"\r\n\r\n")].decode("latin-1").split("\r\n")
        return [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]

    def __getitem__(self, name: str) -> str:
        return dict(self.lines())[name]

    def __contains__(self, name: object) -> bool:
        # A search in the bytes, with what follows the head unless that is long, costs a fifth of taking the head apart.
        head = self.head
        if len(head) > _SHORT:
            head = head[: head.index(b"\r\n\r\n")]
        return head.lower().find(_line_start(name)) >= 0 and name in dict(self.lines())

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.lines()))

    def __len__(self) -> int:
        return len(dict(self.lines()))


@lru_cache(256)
def _line_start(name: object) -> bytes:
    return f"\r\n{name}:".encode()


def _input_check(number: int) -> Callable[[], Any]:
    """Return a function that tells whether a socket has input, or its end, that the event loop has not read yet."""
    if not hasattr(select, "poll"):
        return lambda: select.select([number], [], [], 0)[0]
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return partial(poll.poll, 0)


class Pool(Protocol):
    """What a connection needs of the transport it belongs to.

    Attributes:
        loop: The event loop.
        clock: Its clock.
        host: For messages.
        timeouts: Timeouts of one request, in seconds. Default: ``Timeouts()``.
        buffer: Shared by all connections: what is read into it is parsed before anybody else can read.
        window: All of the buffer. TLS reads into slices of it, which must be no copies.
    """

    loop: asyncio.AbstractEventLoop
    clock: Callable[[], float]
    host: str
    timeouts: Timeouts
    buffer: bytearray
    window: memoryview

    def opened(self, connection: "Connection") -> None:
        """Count a connection in."""

    def closed(self, connection: "Connection") -> None:
        """Count it out."""


class Connection(asyncio.BufferedProtocol):
    """One connection, which carries one request at a time.

    Attributes:
        waiter: What the caller of the request under way awaits; None while the connection is free.
        is_reusable: It is still good for another request.
        started: Loop time at which that exchange began, connecting included.
        last_activity: Loop time of the last piece of a request or a reply, or of the end of an exchange.
        has_input: Tells whether anything has come that the event loop has not read yet.
    """

    is_reusable: bool
    last_activity: float
    on_body: Callable[[bytes], None]
    has_input: Callable[[], bool]

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.transport: Any = None
        self.waiter: asyncio.Future[Reply | TransportError] | None = None
        self.is_reusable, self._open_end = True, False
        self._headers: _Headers | None = None
        self._problem: TransportError | None = None
        self._buffer, self._window, self._create_future = pool.buffer, pool.window, pool.loop.create_future
        self._body: list[bytes] = []
        self.on_body = self._body.append
        self._parser = HttpResponseParser(self)  # which calls the methods that it finds now

    def exchange(self, data: bytes, limit: int, started: float) -> "asyncio.Future[Reply | TransportError]":
        """Write a request; the future brings a `Reply` or an error."""
        self._body.clear()
        self._reply: Reply | None = None
        self._headers = None
        self._got = self._parts = self._size = self._start = self._pending = 0
        self._limit = limit
        self.started = started
        self.waiter = waiter = self._create_future()
        self.transport.write(data)
        return waiter

    def finish(self, now: float) -> bool:
        """End an exchange, however it went, and return whether the connection can carry another."""
        self.waiter, self.last_activity = None, now
        return self._reply is not None and self.is_reusable and not self.transport.get_write_buffer_size()

    def fail(self, error: TransportError) -> None:
        """End the exchange without a reply."""
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(error)
        self.abort()

    def abort(self) -> None:
        """Close the connection at once, without reading on."""
        self.is_reusable = False
        self.transport.abort()

    def check_timeouts(self, now: float) -> None:
        """End an exchange that has taken too long, and a free connection that is too old."""
        limits, host, quiet = self.pool.timeouts, self.pool.host, now - self.last_activity
        if self.waiter is None:
            if quiet >= KEEP_ALIVE:
                self.abort()
            return
        pending = self.transport.get_write_buffer_size()
        if pending != self._pending:  # another piece of the request left
            self._pending, self.last_activity = pending, now
        elif quiet >= (limits.write if pending else limits.read):
            self.fail(lost("timeout", host))
        if now - self.started >= limits.total:
            self.fail(late(host, limits.total))

    # Called by the event loop.

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.has_input = _input_check(transport.get_extra_info("socket").fileno())
        self.last_activity = self.pool.clock()
        self.pool.opened(self)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the protocol's signature
        return self._window

    def buffer_updated(self, nbytes: int) -> None:
        waiter = self.waiter
        if waiter is None or waiter.done():  # nobody asked, or the caller is gone
            self.abort()
            return
        data = self._buffer[:nbytes]  # a copy, which costs less than a slice of the window, and which a reply can keep
        if not self._got:
            self._head = data
        elif self._headers is None:
            self._head += data
        self._got += nbytes
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            self.is_reusable = False
        if self._reply is not None:
            if not waiter.done():  # a signal may have cancelled it meanwhile
                waiter.set_result(self._reply)
        elif not self.is_reusable or not self._is_within_limits():
            self.fail(self._problem or lost("protocol", self.pool.host))
        else:
            self.last_activity = self.pool.clock()

    def eof_received(self) -> None:
        waiter, headers = self.waiter, self._headers
        if waiter is not None and not waiter.done() and headers is not None and self._open_end:  # rule 4
            waiter.set_result(Reply(self._status, headers, b"".join(self._body), time.time()))
        self.is_reusable = False

    def connection_lost(self, error: Exception | None) -> None:
        self.fail(lost("protocol" if error is None else "reset", self.pool.host))
        self.pool.closed(self)

    # Called by the parser.

    def on_message_begin(self) -> None:
        if self._reply is not None:  # a second reply
            raise _RefusedError

    def on_headers_complete(self) -> None:
        head, start, status = self._head, self._start, self._parser.get_status_code()
        if not (head.startswith(_VERSION_1_1, start) or head.startswith(_VERSION_1_0, start)):
            raise _RefusedError
        if status == 101 or not 100 <= status <= 999:
            raise _RefusedError
        self._status = status
        if len(head) > _HEAD_LIMIT and head.index(b"\r\n\r\n", start) > _HEAD_LIMIT:
            raise _RefusedError
        if status < 200:  # skipped
            self._start = head.index(b"\r\n\r\n", start) + 4
            return
        self._headers = headers = _Headers()
        headers.head = head[start:] if start else head
        # Without a length, or when the server closes the connection.
        if not self._parser.should_keep_alive():
            self._check_coding()
            self._open_end = "content-length" not in headers and "transfer-encoding" not in headers

    def on_chunk_header(self) -> None:
        if not self._body:  # the first
            self._check_coding()

    def _check_coding(self) -> None:
        """Refuse a transfer encoding that is not plain ``chunked``: the parser looks at the last one only."""
        headers = self._headers
        if headers and [
            value for name, value in headers.lines() if name == "transfer-encoding" and value.lower() != "chunked"
        ]:
            raise _RefusedError

    def on_message_complete(self) -> None:
        headers = self._headers
        if headers is None:  # of a 1xx reply
            return
        parts = self._body
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        if len(body) > self._limit:
            self._problem = too_large(self.pool.host, self._limit)
            raise _RefusedError
        self.is_reusable = self._parser.should_keep_alive()
        self._reply = Reply(self._status, headers, body, time.time())

    def _is_within_limits(self) -> bool:
        """Count what has come of a reply that is not whole yet, and return whether it may go on."""
        fresh = self._body[self._parts :]
        self._parts += len(fresh)
        self._size += sum(map(len, fresh))
        if self._size > self._limit:
            self._problem = too_large(self.pool.host, self._limit)
        # Chunks of one byte each come close to 9.
        return self._size <= self._limit and self._got <= _HEAD_LIMIT + 9 * self._size


_NEXT_ADDRESS = 0.25
"""Seconds after which the next address is tried beside a silent one (RFC 8305)."""


async def open_socket(base: Base) -> socket.socket:
    """Return a socket that is connected to *base*, over the first of its addresses that answers.

    Raises:
        OSError: No address of it can be found, or none answers.
    """
    host, stream = (base.host, base.port), socket.SOCK_STREAM
    try:  # an address in figures needs no resolver, thus no thread
        addresses: list[Any] = socket.getaddrinfo(*host, type=stream, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        addresses = await asyncio.get_running_loop().getaddrinfo(*host, type=stream)
    if len(addresses) == 1:
        return await _connect(*addresses[0])
    winner, _, errors = await staggered_race([partial(_connect, *one) for one in addresses], _NEXT_ADDRESS)
    if winner is None:
        raise next((error for error in errors if error is not None), OSError("no address"))
    found: socket.socket = winner
    return found


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
