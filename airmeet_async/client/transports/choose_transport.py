"""Which transport a client uses: the argument's, else the environment's, else httpx."""

import os
from importlib.util import find_spec
from typing import Any

from airmeet_async.client.config import ClientOptions
from airmeet_async.client.proxy import find_proxy
from airmeet_async.client.transports.base import Transport
from airmeet_async.client.transports.httpx_transport import (
    HttpxClientTransport,
    HttpxTransport,
    is_httpx_client,
)
from airmeet_async.errors import ConfigError
from airmeet_async.optional_imports import needs_extra
from airmeet_async.protocol.base_urls import Base

VARIABLE = "AIRMEET_TRANSPORT"

_RENAMED = {
    "auto": "since version 0.2 an installed extra changes nothing by itself: write 'fast' or 'httpx'",
    "llhttp": "it is called 'fast' since version 0.2",
}
"""The names of version 0.1, and what to write instead."""


def choose_transport(chosen: Any, options: ClientOptions) -> tuple[Transport, bool]:
    """Return the transport, and whether it is ours to close. Where *chosen* is None, the environment chooses.

    Raises:
        ConfigError: It is none, or the fast one where that cannot work.
    """
    source = "transport"
    if chosen is None and VARIABLE in os.environ:
        source, chosen = VARIABLE, os.environ[VARIABLE].strip().lower()
    match chosen:
        case None | "httpx":
            return HttpxTransport(options.base, connections=options.max_in_flight, timeouts=options.timeouts), True
        case "fast":
            return _fast(options, f"{source}={chosen}"), True
        case "auto" | "llhttp":
            raise ConfigError(f"{source}={chosen} does not exist any more: {_RENAMED[chosen]}")
        case type():
            raise ConfigError(f"transport must be an object, not a class; write {chosen.__name__}(...)")
        case _ if is_httpx_client(chosen):
            return HttpxClientTransport(chosen, options.base, options.timeouts), False
        case _ if hasattr(chosen, "exchange"):
            return chosen, False
    if source == VARIABLE:
        raise ConfigError(f"{VARIABLE} must be httpx or fast")
    kinds = "'httpx', 'fast', a Transport or an httpx.AsyncClient"
    raise ConfigError(f"transport must be {kinds}, not {chosen if isinstance(chosen, str) else type(chosen).__name__}")


def fast_is_usable(base: Base) -> bool:
    """Return whether ``transport="fast"`` would work for *base*: its packages are installed and no proxy applies."""
    return find_spec("httptools") is not None and find_proxy(base) is None


def _fast(options: ClientOptions, asked: str) -> Transport:
    if find_proxy(options.base):
        raise ConfigError(
            f"{asked} does not support a proxy, and the environment sets one for {options.base.host}: "
            "use httpx, or add the host to NO_PROXY"
        )
    try:
        from airmeet_async.client.transports.llhttp_transport import LlhttpTransport
    except ImportError:
        raise ConfigError(needs_extra(asked, "fast")) from None
    return LlhttpTransport(options.base, connections=options.max_in_flight, timeouts=options.timeouts)
