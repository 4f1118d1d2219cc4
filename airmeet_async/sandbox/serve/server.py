"""Serving the sandbox on a loopback address, with uvicorn."""

import asyncio
import contextlib
import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import anyio
import uvicorn

from ..app import TRANSPORT, App, Receive, Scope, Send
from ..desk import Desk
from ..faults import Faults
from ..router import BASE_PATH
from ..world import World


async def serve(
    world: World,
    faults: Faults | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    latency: float = 0.0,
    on_ready: Callable[[str], object] = str,
) -> None:
    """Serve a world until cancelled.

    Args:
        world: What answers.
        faults: What goes wrong; nothing by default.
        host: A loopback address.
        port: Where to listen; 0 takes any free port.
        latency: Seconds that every answer takes.
        on_ready: Called with the base URL (``http://127.0.0.1:PORT/prod``) once requests can be sent.

    Raises:
        ValueError: The host is not a loopback address.
        OSError: The port is taken.
    """
    listener = _listen(host, port)
    app = App(Desk(world, faults), latency=latency)
    config = uvicorn.Config(
        app,
        http=_protocol(),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    await _run(_Server(config), listener, lambda: on_ready(_url(listener)))


def _listen(host: str, port: int) -> socket.socket:
    if host == "localhost":
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise ValueError(f"the sandbox has no secrets and listens on loopback only: use 127.0.0.1 or ::1, not {host!r}")
    if not 0 <= port <= 65535:
        raise ValueError(f"a port is from 0 (any free one) to 65535, not {port}")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    # With the protocol named, since asyncio turns Nagle's delay off for such sockets only.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{BASE_PATH}"


def _protocol() -> type[asyncio.Protocol]:
    """Return uvicorn's own protocol, the quicker one if it is installed, with the transport put in the scope."""
    if find_spec("httptools"):
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Base
    else:
        from uvicorn.protocols.http.h11_impl import H11Protocol as Base  # type: ignore[assignment]

    class Protocol(Base):
        """One connection."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            inner: Any = self.app

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                scope[TRANSPORT] = transport
                await inner(scope, receive, send)

            self.app = app

    return Protocol


class _Server(uvicorn.Server):
    """Uvicorn without its hands on the process: signals belong to whoever runs the loop."""

    on_started: Callable[[], object]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Answers under way are not waited for: some hang on purpose.
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await super().shutdown(sockets)


async def _run(server: _Server, listener: socket.socket, on_started: Callable[[], object]) -> None:
    server.on_started = on_started
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        server.should_exit = True
        with anyio.CancelScope(shield=True):
            await task
        raise
