"""The fast transport: HTTP/1.1 to one address over lines of our own, without a library in between.

It is here for its speed: a tenth of what the lanes of httpx cost. It follows their rules, and these:

1. A line is one connection and carries one request at a time: one write, one future. It is free, asked or
   closed, and nothing but `LlhttpTransport._give_back` makes an asked line free again.
2. An exchange that ends in any other way than with one whole, clean answer aborts its line, cancellation
   included: what is still to come on it can never be taken for another request's answer.
3. A free line is looked at just before it is used: an end that came meanwhile would make an unclear outcome.
4. Until the write a failure is "not sent"; `line` has the rules from there on.
5. One timer looks at all lines, ten times within the shortest time-out. Only connecting, which is rare, has its own.
6. A head is written once for all requests that share it, and checked then: nothing in it may end its line.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from typing import Any

import anyio

from airmeet_async.client.transports.base import Timeouts, not_sent, reason_below
from airmeet_async.client.transports.llhttp_connection import KEEP_ALIVE, Line, reach
from airmeet_async.errors import ClientStateError
from airmeet_async.protocol.base_urls import Base
from airmeet_async.protocol.http_messages import Headers, Reply, Request

_STALL = 2.0
"""Seconds. When the timer comes so late, the program was busy elsewhere, and no silence is the server's fault."""

_BUFFER = 64 * 1024
_CLOSING = 100

_TARGET = re.compile(r"/[!-~]*")
_METHOD = re.compile(r"(?!HEAD$)[A-Z]+")  # the parser would wait for the body that an answer to HEAD only announces
_NAME = re.compile(rb"(?i)(?!(?:host|content-length|transfer-encoding|connection|upgrade|expect)$)[!#$%&'*+.^_`|~\w-]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")


class LlhttpTransport:
    """Own connections to one address.

    Args:
        base: Where the requests go. No proxy is used on the way.
        connections: Most connections that are open at any time.
        timeouts: Seconds.
        verify: The caller's TLS settings; None takes the same defaults as the lanes.
    """

    name = "llhttp"

    def __init__(
        self,
        base: Base,
        *,
        connections: int = 64,
        timeouts: Timeouts | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self.base, self.host, self.timeouts = base, base.authority, timeouts or Timeouts()
        self.buffer = memoryview(bytearray(_BUFFER))
        limits = self.timeouts
        self._pulse = min(0.5, min(limits.write, limits.read, limits.total) / 10)
        self._verify = verify
        # The mutable state: the loop, lines that are open, those of them that are free (newest last), how many more
        # may be in use, and the head that was written last.
        self._closed = False
        self.loop: Any = None
        self.clock: Callable[[], float]
        self.lines: set[Line] = set()
        self._free: list[Line] = []
        self._places = anyio.Semaphore(connections, fast_acquire=True)
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._last: tuple[str, str, Headers] = ("", "", ())
        self._head = b""

    async def exchange(self, request: Request) -> Reply:
        """Send *request* on a free line, a new one if need be."""
        if asyncio.get_running_loop() is not self.loop:
            self._settle()
        data = self._encode(request)
        try:
            self._places.acquire_nowait()
        except anyio.WouldBlock:
            await self._places.acquire()
        try:
            started = self.clock()
            line = self._take(started) or await self._connect()
            try:
                outcome = await line.ask(data, request.reply_limit, started)
            finally:
                self._give_back(line)
        finally:
            self._places.release()
        if isinstance(outcome, Reply):
            return outcome
        raise outcome from None

    async def aclose(self) -> None:
        """Close the free lines; those in use close when their exchange ends."""
        self._closed = True
        closing = self._free if asyncio.get_running_loop() is self.loop else []
        self._free = []
        for line in closing:
            line.drop()
        for _ in range(_CLOSING):
            if self.lines.isdisjoint(closing):
                break
            await asyncio.sleep(0)

    # What the lines ask for.

    def opened(self, line: Line) -> None:
        """Take note of a connection."""
        self.lines.add(line)
        self._watch()

    def _watch(self) -> None:
        if self._timer is None and self.lines:
            self._due = self.clock() + self._pulse
            self._timer = self.loop.call_at(self._due, self._look)

    def closed(self, line: Line) -> None:
        """Let go of a connection."""
        self.lines.discard(line)
        if line in self._free:
            self._free.remove(line)
        if not self.lines and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        now = self.clock()
        stall = now - self._due
        for line in tuple(self.lines):
            if stall > _STALL and line.answer is not None:
                line.started += stall
                line.moved += stall
            line.look(now)
        self._timer = None
        self._watch()

    def _settle(self) -> None:
        if self.loop is not None:
            message = "this transport belongs to another event loop; make one client per loop (per asyncio.run)"
            raise ClientStateError(message)
        self.loop = asyncio.get_running_loop()
        self.clock = self.loop.time

    def _take(self, now: float) -> Line | None:
        while self._free:
            line = self._free.pop()
            if now - line.moved < KEEP_ALIVE and line.stays and not line.stirs():
                return line
            line.drop()
        return None

    def _give_back(self, line: Line) -> None:
        if line.rest(self.clock()) and not self._closed:
            self._free.append(line)
        else:
            line.drop()

    def _encode(self, request: Request) -> bytes:
        method, target, headers = self._last
        if request.headers is not headers or request.target != target or request.method != method:
            self._head = self._new_head(request)
            self._last = request.method, request.target, request.headers
        body = request.body
        if not body and request.method not in ("POST", "PUT", "PATCH"):
            return self._head + b"\r\n"
        return b"%bContent-Length: %d\r\n\r\n%b" % (self._head, len(body), body)

    def _new_head(self, request: Request) -> bytes:
        sound = all(_NAME.fullmatch(name) and _VALUE.fullmatch(value) for name, value in request.headers)
        if not sound or not _METHOD.fullmatch(request.method) or not _TARGET.fullmatch(request.target):
            raise not_sent("protocol", self.host)
        first = f"{request.method} {request.target} HTTP/1.1\r\nHost: {self.host}\r\n".encode("ascii")
        return first + b"".join(b"%b: %b\r\n" % pair for pair in request.headers)

    async def _connect(self) -> Line:
        try:
            async with asyncio.timeout(min(self.timeouts.connect, self.timeouts.total)):
                return await self._dial()
        except (OSError, ValueError) as error:  # the latter for host names that no resolver takes
            reason = "timeout" if isinstance(error, TimeoutError) else reason_below(error) or "connect"
            failure = not_sent(reason, self.host, error)
        # Outside of the except clause, or the cause would hang on.
        raise failure

    async def _dial(self) -> Line:
        trust, sock = self._trust(), await reach(self.base)
        name = self.base.host if trust else None
        _, line = await self.loop.create_connection(lambda: Line(self), sock=sock, ssl=trust, server_hostname=name)
        found: Line = line
        return found

    def _trust(self) -> ssl.SSLContext | None:
        if self.base.scheme != "https":
            return None
        if self._verify is None:
            from airmeet_async.client.transports.httpx_transport import default_trust

            self._verify = default_trust()
        return self._verify
