"""The default transport: lanes of single-connection httpx transports. The only module that imports httpx.

Rules of this file:

1. A lane is one connection and carries one request at a time. httpx's shared pool scans all its connections for each
   request, which is quadratic, and a task that is cancelled while it waits in that pool can block it for good. Here
   nobody ever waits inside httpx.
2. A lane whose exchange did not end with a complete reply is thrown away, whatever the cause, so that a half-read
   connection is never used again.
3. No object of httpx leaves this file: its exceptions and headers show credentials.
"""

import ssl
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from importlib.util import find_spec
from typing import Any
from urllib.request import getproxies, proxy_bypass

import anyio
import httpx

from airmeet_async.client.transports.base import KEEP_ALIVE, Timeouts, late, lost, not_sent, reason_below, too_large
from airmeet_async.errors import ConfigError, TransportError
from airmeet_async.protocol.base_urls import Base
from airmeet_async.protocol.http_messages import Reply, Request

_Send = Callable[[httpx.Request], Awaitable[httpx.Response]]


_BROKEN = (httpx.HTTPError, httpx.InvalidURL, OSError, anyio.BrokenResourceError, anyio.ClosedResourceError)


class _Exchanger:
    """Turns our requests into httpx's, and its responses and errors into ours."""

    def __init__(self, base: Base, timeouts: Timeouts | None) -> None:
        self.origin, self.host, self.timeouts = httpx.URL(base.origin), base.authority, timeouts or Timeouts()
        # The requests of a job have one address, which httpx takes long to parse.
        self._target, self._url = "", self.origin
        note_missing_sniffio(find_spec, sys.modules)

    async def exchange(self, send: _Send, request: Request) -> Reply:
        try:
            with anyio.fail_after(self.timeouts.total):
                response = await send(self._outgoing(request))
                return await _read(response, request.reply_limit, self.host)
        except TimeoutError:
            failure: TransportError = late(self.host, self.timeouts.total)
        except _BROKEN as error:
            reason = _reason(error)  # and not its text, which could show a header
            is_unsent = isinstance(error, _NEVER_LEFT)
            failure = not_sent(reason, self.host, error) if is_unsent else lost(reason, self.host)
        # Outside of the except clauses, or httpx's error, which holds the request and its headers, would hang on.
        raise failure

    def _outgoing(self, request: Request) -> httpx.Request:
        limits = self.timeouts
        timeouts = {"connect": limits.connect, "write": limits.write, "read": limits.read, "pool": limits.connect}
        if request.target != self._target:
            self._url = self.origin.copy_with(raw_path=request.target.encode("ascii"))
            self._target = request.target
        return httpx.Request(
            request.method,
            self._url,
            headers=list(request.headers),
            content=request.body,
            extensions={"timeout": timeouts},
        )


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
        self._exchanger = _Exchanger(base, timeouts)
        self._proxy = proxy_from_environment(base)
        self._verify = verify if base.scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The mutable state: lanes that are free, newest last, and how many more may be in use.
        self._closed = False
        self._free: list[httpx.AsyncHTTPTransport] = []
        self._slots = anyio.Semaphore(connections, fast_acquire=True)

    async def exchange(self, request: Request) -> Reply:
        """Send *request* on a free lane, a new one if need be."""
        async with self._slots:
            lane = self._free.pop() if self._free else self._new_lane()
            reply = None
            try:
                reply = await self._exchanger.exchange(lane.handle_async_request, request)
            finally:
                if reply is None or self._closed:
                    with anyio.CancelScope(shield=True):
                        await lane.aclose()
                else:
                    self._free.append(lane)
        return reply

    async def aclose(self) -> None:
        """Close the free lanes; those in use close when their exchange ends."""
        self._closed = True
        while self._free:
            await self._free.pop().aclose()

    def _new_lane(self) -> httpx.AsyncHTTPTransport:
        if self._verify is None:
            self._verify = default_trust()
        return httpx.AsyncHTTPTransport(
            verify=self._verify,
            proxy=self._proxy,
            trust_env=False,
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_ALIVE),
        )


class HttpxClientTransport:
    """The caller's own ``httpx.AsyncClient``, for proxies, mocks and instrumentation.

    Redirects, cookies and the client's own credentials are not used. The caller closes the client.

    Raises:
        ConfigError: The client follows redirects.
    """

    name = "httpx"

    def __init__(self, client: httpx.AsyncClient, base: Base, timeouts: Timeouts | None = None) -> None:
        if client.follow_redirects:
            message = (
                "the given httpx.AsyncClient follows redirects, which would carry the token to another address; "
                "create it with follow_redirects=False"
            )
            raise ConfigError(message)
        self._client = client
        self._exchanger = _Exchanger(base, timeouts)

    async def exchange(self, request: Request) -> Reply:
        """Send *request* with the caller's client."""
        return await self._exchanger.exchange(self._send, request)

    async def aclose(self) -> None:
        """Do nothing: the client is the caller's."""

    async def _send(self, request: httpx.Request) -> httpx.Response:
        response = await self._client.send(request, stream=True, auth=None, follow_redirects=False)
        self._client.cookies.clear()
        return response


def note_missing_sniffio(find: Callable[[str], object], modules: MutableMapping[str, Any]) -> None:
    """Note in Python's own table of modules that sniffio is not installed, where that is so.

    httpcore imports it anew for each of its locks, four times per request. Where it is missing, Python searches the
    whole path each time, which costs a third of a request. With this note it knows at once.
    """
    if "sniffio" not in modules and find("sniffio") is None:
        modules["sniffio"] = None


def is_httpx_client(value: object) -> bool:
    """Return whether *value* is a caller's ``httpx.AsyncClient``."""
    return isinstance(value, httpx.AsyncClient)


async def _read(response: httpx.Response, limit: int, host: str) -> Reply:
    parts: list[bytes] = []
    left = limit
    try:
        async for part in response.aiter_raw():
            parts.append(part)
            left -= len(part)
            if left < 0:
                raise too_large(host, limit)
    finally:
        await response.aclose()
    headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers.raw}
    return Reply(response.status_code, headers, b"".join(parts), time.time())


def default_trust() -> ssl.SSLContext:
    """Return the TLS settings for those who bring none of their own."""
    return httpx.create_ssl_context()


def proxy_from_environment(base: Base) -> str | None:
    """Return the address of the proxy that the environment names for *base*.

    Only for https addresses: in a plain http request a proxy would see the keys.
    """
    if base.scheme != "https" or proxy_bypass(base.host):
        return None
    proxies = getproxies()
    return proxies.get("https") or proxies.get("all")


_NEVER_LEFT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)


def _reason(error: Exception) -> str:
    if below := reason_below(error):
        return below
    if isinstance(error, httpx.ProxyError):
        return "proxy"
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    if isinstance(error, (httpx.ProtocolError, httpx.UnsupportedProtocol, httpx.InvalidURL)):
        return "protocol"
    return "connect" if isinstance(error, httpx.ConnectError) else "reset"
