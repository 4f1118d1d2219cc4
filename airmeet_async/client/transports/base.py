"""The seam between this library and the network: a `Request` goes in, a `Reply` comes out."""

import os
import socket
import ssl
from collections.abc import Iterator
from typing import Protocol

from attrs import frozen

from airmeet_async.client.proxy import Proxy
from airmeet_async.errors import ConfigError, NoReplyError, NotSentError
from airmeet_async.protocol.http_messages import Reply, Request

KEEP_ALIVE = 15.0
"""Seconds that a free connection is kept. Short, since a request on one that the server has just closed has an unclear
outcome."""


@frozen
class Timeouts:
    """Timeouts of one request, in seconds.

    Attributes:
        connect: For the connection and the TLS handshake.
        write: For sending one piece of the request.
        read: Between two pieces of the reply. The default is above the 29 to 30 s after which an API gateway gives up,
            so that its 504 is received.
        total: For the whole exchange, because a server that sends one byte per second never triggers *read*.

    Raises:
        ConfigError: One of them is no number above 0.
    """

    connect: float = 5.0
    write: float = 10.0
    read: float = 35.0
    total: float = 45.0

    def __attrs_post_init__(self) -> None:
        for name in ("connect", "write", "read", "total"):
            seconds = getattr(self, name)
            if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not seconds > 0:
                raise ConfigError(f"Timeouts: {name} must be a number of seconds above 0, not {seconds!r:.40}")


class Transport(Protocol):
    """Sends requests to one base URL. Implement it to use another HTTP library.

    A transport must not follow redirects, keep cookies, decode content encodings or repeat a request.
    """

    async def exchange(self, request: Request) -> Reply:
        """Send *request* and return the complete reply.

        Raises:
            NotSentError: The request certainly did not reach the server.
            NoReplyError: It may have reached the server, but there is no complete reply.
        """
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


_NOT_SENT = {
    "dns": "cannot find the address of {host}: check the network and AIRMEET_URI",
    "tls": "no trusted TLS connection to {host}: {cause}",
    "proxy": "the proxy refused the connection to {host}: check HTTPS_PROXY",
    "that proxy": "the proxy {proxy.place} refused the connection to {host}: check {proxy.origin}",
    "no proxy": "cannot reach the proxy {proxy.place}: {cause}; check {proxy.origin}",
    "timeout": "cannot reach {host}: no connection in time; check the network, or whether a proxy is needed",
    "connect": "cannot reach {host}: {cause}",
    "protocol": "the request to {host} could not be written: a header or the address is not valid",
}
_LOST = {"timeout": "went silent", "protocol": "did not send valid HTTP"}
_PATIENCE = (ssl.SSLWantReadError, ssl.SSLWantWriteError)


def not_sent(reason: str, host: str, error: BaseException | None = None, proxy: Proxy | None = None) -> NotSentError:
    """Return the error of a request that certainly did not leave; *proxy* is the one on its way."""
    cause = {"dns": "its address is not found", "timeout": "no connection in time"}.get(reason) or _cause(error)
    words = reason
    if proxy is not None and reason in {"dns", "connect", "timeout"}:
        words, reason = "no proxy", "proxy"
    elif proxy is not None and reason == "proxy":
        words = "that proxy"
    return NotSentError(_NOT_SENT[words].format(host=host, cause=cause, proxy=proxy), reason=reason, host=host)


def lost(reason: str, host: str) -> NoReplyError:
    """Return the error of a request that left, and whose connection failed."""
    message = f"the connection to {host} {_LOST.get(reason, 'broke')} before the reply was complete"
    return NoReplyError(message, reason=reason, host=host)


def late(host: str, seconds: float) -> NoReplyError:
    """Return the error of an exchange that took longer than all of it may."""
    return NoReplyError(f"{host} did not reply within {seconds:g} s", reason="timeout", host=host)


def too_large(host: str, limit: int) -> NoReplyError:
    """Return the error of an answer that is over the limit of its request."""
    return NoReplyError(f"the reply from {host} is larger than {limit} bytes", reason="protocol", host=host)


def reason_below(error: BaseException) -> str | None:
    """Return the reason that TLS or the resolver gave, if either did. That TLS wanted more bytes is none."""
    links = tuple(_chain(error))
    if any(isinstance(link, ssl.SSLError) and not isinstance(link, _PATIENCE) for link in links):
        return "tls"
    return "dns" if any(isinstance(link, socket.gaierror) for link in links) else None


def _cause(error: BaseException | None) -> str:
    """Return the operating system's or the TLS library's own words."""
    for link in _chain(error):
        if isinstance(link, ssl.SSLCertVerificationError):
            return link.verify_message
        if isinstance(link, OSError) and link.errno:
            return os.strerror(link.errno).lower()
    return "the connection failed"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            yield from error.exceptions
        error = error.__cause__ or error.__context__
