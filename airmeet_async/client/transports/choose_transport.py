"""Which transport a client uses: the fast one where it can, else httpx."""

from typing import Any

from airmeet_async.client.config import ClientOptions
from airmeet_async.client.transports.base import Transport
from airmeet_async.client.transports.httpx_transport import (
    HttpxClientTransport,
    HttpxTransport,
    is_httpx_client,
    proxy_from_environment,
)
from airmeet_async.errors import ConfigError
from airmeet_async.optional_imports import needs_extra


def choose_transport(chosen: Any, options: ClientOptions) -> tuple[Transport, bool]:
    """Return the transport, and whether it is ours to close.

    Raises:
        ConfigError: It is none, or the fast one where that cannot work.
    """
    if chosen in ("auto", "llhttp"):
        fast = _fast(options)
        if not isinstance(fast, str):
            return fast, True
        if chosen == "llhttp":
            raise ConfigError(fast)
    if chosen in ("auto", "httpx"):
        return HttpxTransport(options.base, connections=options.max_in_flight, timeouts=options.timeouts), True
    if is_httpx_client(chosen):
        return HttpxClientTransport(chosen, options.base, options.timeouts), False
    if hasattr(chosen, "exchange"):
        return chosen, False
    raise ConfigError(
        f"transport must be 'auto', 'httpx', 'llhttp', a Transport or an httpx.AsyncClient, not {type(chosen).__name__}"
    )


def _fast(options: ClientOptions) -> Transport | str:
    """Return the fast transport, or what stands in its way."""
    if proxy_from_environment(options.base):
        return (
            f"transport='llhttp' does not support a proxy, and the environment sets one for {options.base.host}: "
            "use transport='httpx', or add the host to NO_PROXY"
        )
    try:
        from airmeet_async.client.transports.llhttp_transport import LlhttpTransport
    except ImportError:
        return needs_extra("transport='llhttp'", "fast")
    return LlhttpTransport(options.base, connections=options.max_in_flight, timeouts=options.timeouts)
