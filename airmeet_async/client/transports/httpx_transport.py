"""The default transport: lanes of single-connection httpx transports. The only module that imports httpx.

Rules of this file:

1. A lane is one connection and carries one request at a time. httpx's shared pool scans all its connections for each
   request, which is quadratic, and a task that is cancelled while it waits in that pool can block it for good. Here
   nobody ever waits inside httpx.
2. A lane whose exchange did not end with a complete reply is thrown away, whatever the cause, so that a half-read
   connection is never used again.
3. No object of httpx leaves this file: its exceptions and headers show credentials.
4. A reply is framed in one way, or refused: h11 takes bare line feeds, folded lines, two lengths, any number of headers
   and of 1xx replies. What a server sends beyond a reply would be taken for the next one, so its lane is thrown away.
5. Whatever others patch in httpx and httpcore for mocks, recordings and instrumentation is on the way of each request:
   `httpx.AsyncHTTPTransport.handle_async_request`, then `httpcore.AsyncConnectionPool.handle_async_request` where
   somebody has replaced it, else the connection's own.
"""

import asyncio
import inspect
import os
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import FunctionType
from typing import Any

import anyio
import httpcore
import httpx

from airmeet_async.client.proxy import Proxy, find_proxy
from airmeet_async.client.transports.base import KEEP_ALIVE, Timeouts, late, lost, not_sent, reason_below, too_large
from airmeet_async.errors import ConfigError, NoReplyError, NotSentError, TransportError
from airmeet_async.protocol.base_urls import Base
from airmeet_async.protocol.http_messages import Headers, Reply, Request

_Send = Callable[[httpx.Request], Awaitable[httpx.Response]]

_BROKEN = (httpx.HTTPError, httpx.InvalidURL, OSError, anyio.BrokenResourceError, anyio.ClosedResourceError)
_WITH_BODY = {"POST", "PUT", "PATCH"}
_MOST_KEPT = 256


class _Exchanger:
    """Turns our requests into httpx's, and its responses and errors into ours."""

    def __init__(self, base: Base, timeouts: Timeouts | None, proxy: Proxy | None = None) -> None:
        self.origin, self.host, self.proxy = httpx.URL(base.origin), base.authority, proxy
        limits = timeouts or Timeouts()
        self._total = limits.total
        self._extensions = {
            "timeout": {
                "connect": limits.connect, "write": limits.write, "read": limits.read, "pool": limits.connect,
            }
        }  # fmt: skip
        # The requests of a job have one address and one block of headers, which httpx takes long to parse. What was
        # parsed is kept: the last address, and the headers by the length of the body, which is one of them.
        self._target, self._url = "", self.origin
        self._block: Headers = ()
        self._parsed: dict[int | None, httpx.Headers] = {}

    async def exchange(self, send: _Send, request: Request) -> Reply:
        failure: BaseException = late(self.host, self._total)
        try:
            # As `anyio.fail_after` does it, for half of the price.
            with anyio.CancelScope(deadline=anyio.current_time() + self._total):
                response = await send(self._outgoing(request))
                return await _read(response, request.reply_limit, self.host)
        except _BROKEN as error:
            reason = _reason(error)  # and not its text, which could show a header
            is_unsent = isinstance(error, _NEVER_LEFT)
            failure = not_sent(reason, self.host, error, self.proxy) if is_unsent else lost(reason, self.host)
        except asyncio.CancelledError as error:  # the frames of httpcore hold the bytes of the request
            failure = error.with_traceback(None)
        # Outside of the except clauses, or httpx's error, which holds the request and its headers, would hang on.
        raise failure

    def _outgoing(self, request: Request) -> httpx.Request:
        if request.target != self._target:
            self._url = self.origin.copy_with(raw_path=request.target.encode("ascii"))
            self._target = request.target
        if request.headers is not self._block or len(self._parsed) > _MOST_KEPT:
            self._block, self._parsed = request.headers, {}
        length = len(request.body) if request.body or request.method in _WITH_BODY else None
        headers = self._parsed.get(length)
        if headers is None:
            own = [(b"Host", self._url.netloc), *request.headers]
            if length is not None:
                own.append((b"Content-Length", b"%d" % length))
            headers = self._parsed[length] = httpx.Headers(own)
        outgoing = httpx.Request(
            request.method,
            self._url,
            headers=headers,
            stream=httpx.ByteStream(request.body),
            extensions=self._extensions,
        )
        outgoing.read()  # mocks and hooks look at its content
        return outgoing


class _Lane(httpx.AsyncHTTPTransport):
    """One connection, without the pool that would look for it before and after each request.

    For one connection, the pool is a fifth of all that a request costs; and it imports sniffio four times for each
    request, which is another third where that is not installed.
    """

    def __init__(self, origin: httpcore.Origin, verify: ssl.SSLContext, proxy: Proxy | None) -> None:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE)
        super().__init__(verify=verify, proxy=None if proxy is None else proxy.url, trust_env=False, limits=limits)
        self.connection: httpcore.AsyncConnectionInterface
        self._state: Any = None
        if proxy is None:
            self.connection = httpcore.AsyncHTTPConnection(
                origin, verify, keepalive_expiry=KEEP_ALIVE, network_backend=_Backend()
            )
        else:
            self._pool._network_backend = _Backend()
            self.connection = self._pool.create_connection(origin)
        if not _pool_is_replaced():
            self._pool: Any = self.connection

    def has_rest(self) -> bool:
        """Return whether more has been read than the replies that were asked for."""
        if self._state is None:
            inner: Any = self.connection
            while inner is not None and not hasattr(inner, "_h11_state"):
                inner = getattr(inner, "_connection", None)
            if inner is None:  # somebody else's
                return False
            self._state = inner._h11_state
        return bool(self._state.trailing_data[0])


def _pool_is_replaced() -> bool:
    """Return whether somebody has put a function of their own in the pool's place, as recorders of requests do.

    A wrapper takes over the names of the original, or passes all its attributes on: then its type or its code differs.
    """
    method = httpcore.AsyncConnectionPool.handle_async_request
    return type(method) is not FunctionType or method.__code__.co_qualname != "AsyncConnectionPool.handle_async_request"


class _Backend(httpcore.AnyIOBackend):
    """anyio's sockets, with the head and the body of a request in one packet, and replies checked."""

    async def connect_tcp(self, *arguments: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await super().connect_tcp(*arguments, **options))


_HEAD_LIMIT = 32 * 1024
_MOST_LINES = 256
_FIRST = len("HTTP/1.1 ")


class _Stream(httpcore.AsyncNetworkStream):
    """Holds the first of two writes back until the second one, or until a reply is expected, and checks its head."""

    def __init__(self, below: httpcore.AsyncNetworkStream) -> None:
        self._below = below
        self._held = b""
        # The head of the reply under way as far as it has come, None when it is complete; and the bytes of all of its
        # heads, those of 1xx replies included.
        self._head: bytes | None = b""
        self._heads = 0
        self.get_extra_info, self.aclose = below.get_extra_info, below.aclose  # type: ignore[method-assign]

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        if self._held:
            buffer, self._held = self._held + buffer, b""
            await self._below.write(buffer, timeout)
        else:
            self._held, self._head, self._heads = buffer, b"", 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's
        if self._held:
            # httpcore ends each request with a write, of nothing if need be; without one it would wait for ever. What
            # cannot be written is ignored, as httpcore does: a server that closed its side may have replied before.
            with suppress(httpcore.WriteError):
                await self.write(b"", timeout)
        data = await self._below.read(max_bytes, timeout)
        if self._head is not None:
            self._check_head(self._head + data)
        return data

    def _check_head(self, got: bytes) -> None:
        """Take what has come of a reply, and refuse a head that others might read in another way."""
        while True:
            end = got.find(b"\r\n\r\n") + 4
            head = got[:end] if end > 3 else got
            self._heads += len(head)
            lines, names = head.count(b"\n"), head.lower()
            if (
                lines != head.count(b"\r\n") or b"\n " in head or b"\n\t" in head
                or names.count(b"\ncontent-length:") + names.count(b"\ntransfer-encoding:") > 1
                or lines > _MOST_LINES or self._heads > _HEAD_LIMIT
                or not (head.startswith((b"HTTP/1.1 ", b"HTTP/1.0 ")) or len(head) < _FIRST)
            ):  # fmt: skip
                raise httpcore.RemoteProtocolError("a reply that is framed in an odd way")
            if end <= 3:
                self._head = got
                self._heads -= len(got)
                return
            if head[9:10] != b"1":
                self._head = None
                return
            got = got[end:]

    async def start_tls(self, *arguments: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._below.start_tls(*arguments, **options))


class HttpxTransport:
    """Lanes of single-connection httpx transports.

    Args:
        base: Where the requests go.
        connections: Most connections that are open at any time.
        timeouts: Timeouts of one request, in seconds. Default: ``Timeouts()``.
        verify: The caller's TLS settings; None takes the system's defaults.
    """

    name = "httpx"

    def __init__(
        self,
        base: Base,
        *,
        connections: int = 64,
        timeouts: Timeouts | None = None,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._proxy = find_proxy(base)
        self._exchanger = _Exchanger(base, timeouts, self._proxy)
        self._verify = verify if base.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        url = self._exchanger.origin
        self._origin = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/").origin
        # The mutable state: lanes that are free, newest last, and how many more may be in use.
        self._closed = False
        self._free: list[_Lane] = []
        self._slots = anyio.Semaphore(connections, fast_acquire=True)

    async def exchange(self, request: Request) -> Reply:
        """Send *request* on a free lane, a new one if need be."""
        async with self._slots:
            lane = None
            while self._free and lane is None and not _pool_is_replaced():
                lane = self._free.pop()
                if lane.connection.has_expired():  # or was ended by the server
                    await _close(lane)
                    lane = None
            lane = lane or self._new_lane()
            may_be_used_again = False
            try:
                reply = await self._exchanger.exchange(lane.handle_async_request, request)
                may_be_used_again = lane.connection.is_idle() and not self._closed and not lane.has_rest()
            finally:
                if may_be_used_again:
                    self._free.append(lane)
                else:
                    await _close(lane)
        return reply

    async def aclose(self) -> None:
        """Close the free lanes; those in use close when their exchange ends."""
        self._closed = True
        while self._free:
            await self._free.pop().aclose()

    def _new_lane(self) -> _Lane:
        if self._verify is None:
            self._verify = default_trust()
        return _Lane(self._origin, self._verify, self._proxy)


async def _close(lane: _Lane) -> None:
    with anyio.CancelScope(shield=True):
        await lane.aclose()


# Whose exceptions say something of a connection, below whatever client the caller has.
_PACKAGES = frozenset({"anyio", "h11", "h2", "hpack", "httpcore", "httpcore2", "httpx", "httpx2", "hyperframe"})


class HttpxClientTransport:
    """The caller's own ``httpx.AsyncClient``, or one of httpx2, for proxies, mocks and instrumentation.

    It is used as it is: its hooks, cookies, headers and mocks are the caller's, and nothing of it is changed. Only its
    own credentials are not sent, and no redirect is followed, since our token would travel along. The caller closes it.
    What their hook or mock raises comes out as it is, also of a run.
    """

    name = "httpx"

    def __init__(self, client: Any, base: Base, timeouts: Timeouts | None = None) -> None:
        self._client, self._host = client, base.authority
        # Of the client's own module, as all that it is given.
        self._origin = type(client.base_url)(base.origin)
        limits = timeouts or Timeouts()
        self._total = limits.total
        self._timeout = {
            "connect": limits.connect, "write": limits.write, "read": limits.read, "pool": limits.connect,
        }  # fmt: skip

    async def exchange(self, request: Request) -> Reply:
        """Send *request* with the caller's client."""
        if self._is_closed():
            message = "the given httpx client is closed: keep it open for as long as the AirmeetClient is used"
            raise NotSentError(message, reason="config", host=self._host)
        failure: BaseException = late(self._host, self._total)
        try:
            with anyio.CancelScope(deadline=anyio.current_time() + self._total):
                return await self._send(request)
        except TransportError as error:
            failure = error.again()
        except Exception as error:
            if (ours := self._failure(error)) is None:
                raise  # a bug in the caller's own hook or mock
            failure = ours
        except asyncio.CancelledError as error:  # its frames hold the bytes of the request
            failure = error.with_traceback(None)
        raise failure

    async def aclose(self) -> None:
        """Do nothing: the client is the caller's."""

    def _is_closed(self) -> bool:
        return getattr(self._client, "is_closed", False) is True

    async def _send(self, request: Request) -> Reply:
        outgoing = self._client.build_request(
            request.method,
            self._origin.copy_with(raw_path=request.target.encode("ascii")),
            headers=list(request.headers),
            content=request.body or None,
            extensions={"timeout": self._timeout},
        )
        outgoing.headers.pop("Authorization", None)
        try:
            response = await self._client.send(outgoing, stream=True, auth=None, follow_redirects=False)
        except Exception as error:
            # A hook that raises for status has seen the reply, and a 412 must renew the token all the same.
            response = getattr(error, "response", None)
            if not isinstance(getattr(response, "status_code", None), int):
                raise
        return await _read(response, request.reply_limit, self._host)

    def _failure(self, error: Exception) -> TransportError | None:
        """Return our error for what the client or the network raised, without its text, which could show a header.

        None for any other: the caller's own code raised it.
        """
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if kinds & _NEVER_LEFT_NAMES:
            return not_sent(_reason(error), self._host, error)
        if isinstance(error, OSError) or "HTTPError" in kinds:
            return lost(_reason(error), self._host)
        if type(error).__module__.partition(".")[0] not in _PACKAGES and not self._is_closed():
            return None
        message = f"the given client raised {type(error).__name__} before the reply from {self._host} was complete"
        return NoReplyError(message, reason="protocol", host=self._host)


def is_httpx_client(value: object) -> bool:
    """Return whether *value* is a caller's ``httpx.AsyncClient``, or works like one.

    Raises:
        ConfigError: It is a synchronous one.
    """
    if isinstance(value, httpx.AsyncClient):
        return True
    if not all(hasattr(value, name) for name in ("build_request", "send", "base_url")):
        return False
    if not inspect.iscoroutinefunction(value.send):  # type: ignore[attr-defined]
        kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
        raise ConfigError(f"transport: {kind} is a synchronous client; use the AsyncClient of the same package")
    return True


async def _read(response: Any, limit: int, host: str) -> Reply:
    parts: list[bytes] = []
    left = limit
    headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers.raw}
    try:
        if response.is_stream_consumed or response.is_closed:  # by a hook, or as a mock made it
            try:
                parts.append(response.content)
            except Exception:  # noqa: BLE001 - not kept, or closed by a hook that raised: a refusal's status is enough
                if response.status_code < 400:
                    message = "a hook of the given client has read the reply without keeping it: use response.aread()"
                    raise NoReplyError(message, reason="protocol", host=host) from None
            headers.pop("content-encoding", None)  # it is decoded
            left -= sum(map(len, parts))
        else:
            async for part in response.stream:
                parts.append(part)
                left -= len(part)
                if left < 0:
                    break
        if left < 0:
            raise too_large(host, limit)
    finally:
        await response.aclose()
    return Reply(response.status_code, headers, b"".join(parts), time.time())


_TRUST = ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE")


def default_trust() -> ssl.SSLContext:
    """Return the TLS settings for those who bring none of their own.

    Raises:
        ConfigError: A file that the environment names cannot be used.
    """
    try:
        return httpx.create_ssl_context()
    except OSError as error:  # also of TLS
        name = next((name for name in _TRUST if os.environ.get(name)), "")
        place = f"{name} names {os.environ[name]}, which" if name else "the file of trusted certificates"
        why = "holds no certificates" if isinstance(error, ssl.SSLError) else error.strerror
        fix = f"correct {name}, or unset it" if name else "install certifi again"
        raise ConfigError(f"{place} cannot be used ({why}); {fix}") from None


_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)
_NEVER_LEFT_NAMES = {kind.__name__ for kind in _NEVER_LEFT}


def _reason(error: Exception) -> str:
    if below := reason_below(error):
        return below
    kinds = {kind.__name__ for kind in type(error).__mro__}  # by name: those of httpx2 are the same
    if "ProxyError" in kinds:
        return "proxy"
    if kinds & {"TimeoutException", "TimeoutError"}:
        return "timeout"
    if kinds & {"ProtocolError", "UnsupportedProtocol", "InvalidURL"}:
        return "protocol"
    return "connect" if "ConnectError" in kinds else "reset"
