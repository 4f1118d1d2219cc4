"""Which transport a client uses: the fast one where it can, else the lanes."""

from typing import Any

from airmeet_async.client.config import Options
from airmeet_async.client.transports.base import Transport
from airmeet_async.client.transports.httpx_transport import (
    HttpxClientTransport,
    HttpxTransport,
    is_httpx_client,
    proxy_from_environment,
)
from airmeet_async.errors import ConfigError


def choose_transport(chosen: Any, options: Options) -> tuple[Transport, bool]:
    """Return the transport, and whether it is ours to close.

    Raises:
        ConfigError: It is none, or the fast one where that cannot work.
    """
    if chosen in ("auto", "llhttp"):
        found = _fast(options)
        if isinstance(found, str) and chosen == "llhttp":
            raise ConfigError(found)
        return (_lanes(options) if isinstance(found, str) else found), True
    if chosen == "httpx":
        return _lanes(options), True
    if is_httpx_client(chosen):
        return HttpxClientTransport(chosen, options.base, options.timeouts), False
    if hasattr(chosen, "exchange"):
        return chosen, False
    message = (
        f"transport must be 'auto', 'httpx', 'llhttp', a Transport or an httpx.AsyncClient, not {type(chosen).__name__}"
    )
    raise ConfigError(message)


def _lanes(options: Options) -> Transport:
    return HttpxTransport(options.base, connections=options.max_in_flight, timeouts=options.timeouts)


def _fast(options: Options) -> Transport | str:
    """Return the fast transport, or what stands in its way."""
    if proxy_from_environment(options.base):
        return (
            f"transport='llhttp' goes through no proxy, and the environment names one for {options.base.host}: "
            "use transport='httpx', or name the host in NO_PROXY"
        )
    try:
        from airmeet_async.client.transports.llhttp_transport import LlhttpTransport
    except ImportError:
        return "transport='llhttp' needs httptools: pip install \"airmeet-async[fast]\""
    return LlhttpTransport(options.base, connections=options.max_in_flight, timeouts=options.timeouts)
