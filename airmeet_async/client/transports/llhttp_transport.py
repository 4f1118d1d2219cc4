"""The fast transport: a pool of HTTP/1.1 connections of our own to one address, without a library in between.

It exists for its speed: a tenth of the processor time of the httpx transport. It follows that one's rules, and these:

1. A connection carries one request at a time: one write, one future. Nothing but `LlhttpTransport._give_back` makes a
   connection free again.
2. An exchange that ends in any other way than with one whole, clean reply aborts its connection, cancellation
   included: what is still to come on it can never be taken for the reply to another request.
3. A free connection is checked for input just before it is used: if the server closed it meanwhile, the outcome of the
   request would be unclear.
4. Until the write, a failure is "not sent"; `llhttp_connection` has the rules from there on.
5. One timer checks all connections, ten times within the shortest time-out: a timer per request would cost more than
   the request. Only connecting, which is rare, has its own.
6. The head of equal requests is built once, and checked then: nothing in it may end it early.
"""

import asyncio
import re
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from airmeet_async.client.transports.base import KEEP_ALIVE, Timeouts, not_sent, reason_below
from airmeet_async.client.transports.llhttp_connection import Connection, open_socket
from airmeet_async.client.transports.tls_layer import TlsLayer
from airmeet_async.errors import ClientStateError
from airmeet_async.protocol.base_urls import Base
from airmeet_async.protocol.http_messages import Headers, Reply, Request

_STALL = 2.0
"""Seconds. When the timer is so late, the program itself was busy, and the silence is not the server's fault."""

_BUFFER_BYTES = 64 * 1024
_MOST_HEADS = 1000
"""Heads that are kept, one for each length of a body."""

_CLOSING_ROUNDS = 100
"""Rounds of the event loop in which connections report their end."""

_TARGET = re.compile(r"/[!-~]*")
_METHOD = re.compile(r"(?!HEAD$)[A-Z]+")  # the parser would wait for the body that an answer to HEAD only announces
_NAME = re.compile(rb"(?i)(?!(?:host|content-length|transfer-encoding|connection|upgrade|expect)$)[!#$%&'*+.^_`|~\w-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


class _Head(bytes):
    """The head of a request, which no traceback with locals shows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<head of {len(self)} bytes>"


class LlhttpTransport:
    """Own connections to one address.

    Args:
        base: Where the requests go. No proxy is used on the way.
        connections: Most connections that are open at any time.
        timeouts: Timeouts of one request, in seconds. Default: ``Timeouts()``.
        verify: The caller's TLS settings; None takes the same defaults as httpx.
    """

    base: Base
    host: str
    timeouts: Timeouts
    buffer: bytearray
    window: memoryview

    name = "fast"

    def __init__(
        self,
        base: Base,
        *,
        connections: int = 64,
        timeouts: Timeouts | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self.base, self.host, self.timeouts = base, base.authority, timeouts or Timeouts()
        self.buffer = bytearray(_BUFFER_BYTES)
        self.window = memoryview(self.buffer)
        limits = self.timeouts
        self._interval = min(0.5, min(limits.write, limits.read, limits.total) / 10)
        self._verify = verify
        # The mutable state: the loop, the open connections, those of them that are free (newest last), how many more
        # may be in use, and the head that was built last.
        self._closed = False
        self.loop: Any = None
        self.clock: Callable[[], float]
        self.connections: set[Connection] = set()
        self._free: list[Connection] = []
        self._vacant = connections
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._last: tuple[str, str, Headers] = ("", "", ())
        self._heads: dict[int, bytes] = {}

    async def exchange(self, request: Request) -> Reply:
        """Send *request* on a free connection, a new one if need be."""
        if asyncio.get_running_loop() is not self.loop:
            self._bind_to_loop()
        method, target, headers = self._last
        if request.headers is headers and request.target == target and request.method == method:
            head = self._heads.get(len(request.body)) or self._encode_head(request)
        else:
            head = self._encode_head(request)
        if self._vacant:
            self._vacant -= 1
        else:
            await self._wait_for_slot()
        try:
            started = self.clock()
            connection: Connection | None = None
            while self._free and connection is None:
                free = self._free.pop()
                if started - free.last_activity < KEEP_ALIVE and free.is_reusable and not free.has_input():
                    connection, free.last_activity = free, started
                else:
                    free.abort()
            if connection is None:
                connection = await self._connect()
            try:
                outcome = await connection.exchange(head + request.body, request.reply_limit, started)
            finally:
                if connection.finish(self.clock()) and not self._closed:
                    self._free.append(connection)
                else:
                    connection.abort()
        finally:
            if self._waiting:
                self._give_slot()
            else:
                self._vacant += 1
        if isinstance(outcome, Reply):
            return outcome
        raise outcome from None

    async def aclose(self) -> None:
        """Close the free connections; those in use close when their exchange ends."""
        self._closed = True
        closing = self._free if asyncio.get_running_loop() is self.loop else []
        self._free = []
        for connection in closing:
            connection.abort()
        for _ in range(_CLOSING_ROUNDS):
            if self.connections.isdisjoint(closing):
                break
            await asyncio.sleep(0)

    # What connections report.

    def opened(self, connection: Connection) -> None:
        self.connections.add(connection)
        self._start_timer()

    def _start_timer(self) -> None:
        if self._timer is None and self.connections:
            self._due = self.clock() + self._interval
            self._timer = self.loop.call_at(self._due, self._check_timeouts)

    def closed(self, connection: Connection) -> None:
        self.connections.discard(connection)
        if connection in self._free:
            self._free.remove(connection)
        if not self.connections and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _check_timeouts(self) -> None:
        now = self.clock()
        stall = now - self._due
        for connection in tuple(self.connections):
            if stall > _STALL and connection.waiter is not None:
                connection.started += stall
                connection.last_activity += stall
            connection.check_timeouts(now)
        self._timer = None
        self._start_timer()

    def _bind_to_loop(self) -> None:
        if self.loop is not None:
            raise ClientStateError(
                "this transport belongs to another event loop; create one client per loop (per asyncio.run)"
            )
        self.loop = asyncio.get_running_loop()
        self.clock = self.loop.time
        if getattr(self.clock, "__func__", None) is asyncio.BaseEventLoop.time:
            self.clock = time.monotonic  # which is what that returns, for half the cost

    async def _wait_for_slot(self) -> None:
        waiter = self.loop.create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # it was given one in the same moment
                self._give_slot()
            raise

    def _give_slot(self) -> None:
        """Let the next caller begin, the one that waits longest first."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._vacant += 1

    def _encode_head(self, request: Request) -> bytes:
        """Return the head of a request. Those of equal requests are kept, each for one length of the body."""
        method, target, headers = self._last
        if request.headers is not headers or request.target != target or request.method != method:
            sound = all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in request.headers)
            if not sound or not _METHOD.fullmatch(request.method) or not _TARGET.fullmatch(request.target):
                raise not_sent("protocol", self.host)
            self._heads.clear()
            self._last = request.method, request.target, request.headers
        size = len(request.body)
        first = f"{request.method} {request.target} HTTP/1.1\r\nHost: {self.host}\r\n".encode("ascii")
        head = first + b"".join(b"%b: %b\r\n" % pair for pair in request.headers)
        if size or request.method in ("POST", "PUT", "PATCH"):
            head += b"Content-Length: %d\r\n" % size
        encoded = _Head(head + b"\r\n")
        if len(self._heads) < _MOST_HEADS:
            self._heads[size] = encoded
        return encoded

    async def _connect(self) -> Connection:
        tls = self._tls()
        try:
            async with asyncio.timeout(min(self.timeouts.connect, self.timeouts.total)):
                sock = await open_socket(self.base)
                connection = Connection(self)
                if tls is None:
                    await self.loop.create_connection(lambda: connection, sock=sock)
                    return connection
                layer = TlsLayer(connection, tls, self.base.host)
                transport, _ = await self.loop.create_connection(lambda: layer, sock=sock)
                try:
                    refusal = await layer.ready
                except BaseException:
                    transport.abort()
                    raise
                if refusal is None:
                    return connection
                raise refusal
        except (OSError, ValueError) as error:  # the latter for host names that no resolver takes
            reason = "timeout" if isinstance(error, TimeoutError) else reason_below(error) or "connect"
            failure = not_sent(reason, self.host, error)
        # Outside of the except clause, or the error would keep the cause, whose text may hold more than it should.
        raise failure

    def _tls(self) -> ssl.SSLContext | None:
        if self.base.scheme != "https":
            return None
        if self._verify is None:
            from airmeet_async.client.transports.httpx_transport import default_trust

            self._verify = default_trust()
        return self._verify
