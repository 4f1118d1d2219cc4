"""The sandbox over real HTTP, as a process of its own or inside a program; needs the extra ``sandbox``.

Rules:

1. Loopback, unless the caller insists: the sandbox has no secrets, and its fictional people are nobody's business.
2. Nor of any web page: a request with a host or an origin that is not on this machine is refused (DNS rebinding). On
   another address than loopback, a host may also be an IP address or a name that nobody can register, such as a
   container's: rebinding needs a public name.
3. Signals belong to whoever runs the loop: uvicorn does not touch them.
4. Ending is quick: answers under way are not waited for, since some hang on purpose.
"""

import asyncio
import contextlib
import ipaddress
import json
import os
import shlex
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, MutableMapping
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import urlsplit

import anyio
import uvicorn
from attrs import asdict

from airmeet_async.protocol.http_messages import WRITE_LIMIT, Reply, Request
from airmeet_async.sandbox import community
from airmeet_async.sandbox.fake_airmeet import World
from airmeet_async.sandbox.faults import Ending, FaultOutcome, Faults
from airmeet_async.sandbox.responses import JSON_TYPE, refuse
from airmeet_async.sandbox.routes import BASE_PATH

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TRANSPORT: Final = "airmeet_async.sandbox.transport"  # the key in the scope by which `SandboxApp` drops a connection
OWN_PATH: Final = "/_sandbox/"


class SandboxApp:
    """An ASGI application around a world and its faults.

    Args:
        world: What answers.
        faults: What goes wrong; nothing by default.
        latency: Seconds that every answer takes.
        open_to_others: Requests to a private name or address of this machine are answered, too.
    """

    faults: Faults

    def __init__(
        self, world: World, faults: Faults | None = None, *, latency: float = 0.0, open_to_others: bool = False
    ) -> None:
        self.world = world
        self._open_to_others = open_to_others
        world.epoch = time.time() - time.monotonic()
        self.faults = faults or Faults()
        self.latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if foreign := _foreign(scope["headers"], private_hosts=self._open_to_others):
            await _send(
                send, refuse(403, f"The sandbox answers this machine only, not {foreign}", "message"), close=True
            )
        elif body is None:
            await _send(send, refuse(413, f"The body is over {WRITE_LIMIT} bytes", "message"), close=True)
        elif scope["path"].startswith(OWN_PATH):
            await _send(send, self._own(scope))
        else:
            query = scope["query_string"].decode("latin-1")
            target = scope["raw_path"].decode("latin-1") + ("?" + query if query else "")
            request = Request(scope["method"], target, tuple(scope["headers"]), body)
            outcome = self.faults.answer(self.world, request, time.monotonic())
            if delay := self.latency + outcome.delay_s:
                await asyncio.sleep(delay)
            await _end(outcome, scope, receive, send)

    def _own(self, scope: Scope) -> Reply:
        """Answer a path beside the simulated API, where programs that test against it see what happened."""
        world = self.world
        body: dict[str, Any]
        match (scope["method"], scope["path"].removeprefix(OWN_PATH).split("/")):
            case "GET", ["statistics"]:
                body = self.faults.statistics(world)
            case "GET", ["people", airmeet_id] if airmeet_id in world.events:
                body = {"people": [asdict(person) for person in world.people(airmeet_id)]}
            case "POST", ["expire-tokens"]:
                world.expire_tokens()
                body = {"expired": True}
            case _:
                return refuse(
                    404, f"Here are {OWN_PATH}statistics, people/AIRMEET_ID and POST expire-tokens", "message"
                )
        return Reply(200, {"content-type": JSON_TYPE}, json.dumps(body, indent=1).encode())


def _foreign(headers: Iterable[tuple[bytes, bytes]], *, private_hosts: bool) -> str | None:
    """Return the host or origin that is not on this machine: a web page elsewhere, perhaps under a rebound name."""
    for name, value in headers:
        if name.lower() in {b"host", b"origin"}:
            text = value.decode("latin-1")
            is_origin = name.lower() == b"origin"
            try:
                host = urlsplit(text if is_origin else f"//{text}").hostname or ""
                is_here = host == "localhost" or (private_hosts and not is_origin and _is_private_name(host))
                is_here = is_here or _is_address(host, loopback=not private_hosts or is_origin)
            except ValueError:
                is_here = False
            if not is_here:
                return text or "nobody"
    return None


def _is_private_name(host: str) -> bool:
    """Return whether nobody can register a name: one without a dot, or under a reserved ending."""
    return bool(host) and (
        ("." not in host and ":" not in host) or host.endswith((".internal", ".local", ".localhost"))
    )


def _is_address(host: str, *, loopback: bool) -> bool:
    address = ipaddress.ip_address(host)
    return address.is_loopback or not loopback


async def _read(receive: Receive) -> bytes | None:
    """Read the body, or return None as soon as it is too long."""
    chunks, length, more = [], 0, True
    while more:
        message = await receive()
        chunk = message.get("body", b"")
        length += len(chunk)
        if length > WRITE_LIMIT:
            return None
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


async def _end(outcome: FaultOutcome, scope: Scope, receive: Receive, send: Send) -> None:
    if outcome.ending is Ending.ANSWER and outcome.reply is not None:
        await _send(send, outcome.reply)
        return
    if outcome.ending is Ending.PARTIAL and outcome.reply is not None:
        await _send(send, outcome.reply, cut=True)
    if outcome.ending is not Ending.HANG:
        scope[TRANSPORT].abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(send: Send, reply: Reply, *, cut: bool = False, close: bool = False) -> None:
    headers = [(name.encode(), value.encode()) for name, value in reply.headers.items()]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = reply.body[: len(reply.body) // 2] if cut else reply.body
    await send({"type": "http.response.body", "body": body, "more_body": cut})


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
        host: An address of this machine. On others than loopback, everybody in the network can read and change
            everything; the base URL is then that of 127.0.0.1.
        port: Where to listen; 0 takes any free port.
        latency: Seconds that every answer takes.
        on_ready: Called with the base URL (``http://127.0.0.1:PORT/prod``) once requests can be sent.

    Raises:
        ValueError: The host is not an IP address, or the port is none.
        OSError: The port is taken.
    """
    listener = _listen(host, port)
    bound, number = listener.getsockname()[:2]
    url = url_of(bound, number)
    config = uvicorn.Config(
        SandboxApp(world, faults, latency=latency, open_to_others=not is_loopback(bound)),
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
    server = _Server(config)
    server.on_started = lambda: on_ready(url)
    task = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        server.should_exit = True
        with anyio.CancelScope(shield=True):
            await task
        raise


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server on *host*."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def url_of(host: str, port: int) -> str:
    """Return the base URL of a sandbox that listens there."""
    if ipaddress.ip_address(host).is_unspecified:  # "everywhere" is no address to send to
        host = "::1" if ":" in host else "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{BASE_PATH}"


def _listen(host: str, port: int) -> socket.socket:
    if host == "localhost":
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        message = f"the host is an IP address of this machine, such as 127.0.0.1 or ::1, not {host!r}"
        raise ValueError(message) from None
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


def _protocol() -> type[asyncio.Protocol]:
    """Return uvicorn's own protocol, the quicker one if it is installed, with the transport put in the scope."""
    if find_spec("httptools"):
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol as Base
    else:
        from uvicorn.protocols.http.h11_impl import H11Protocol as Base  # type: ignore[assignment]

    class Protocol(Base):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            inner: Any = self.app

            async def app(scope: Scope, receive: Receive, send: Send) -> None:
                scope[TRANSPORT] = transport
                await inner(scope, receive, send)

            self.app = app

    return Protocol


class _Server(uvicorn.Server):
    on_started: Callable[[], object]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in list(self.server_state.connections):
            if connection.transport is not None:
                connection.transport.abort()
        for task in list(self.server_state.tasks):
            task.cancel()
        await super().shutdown(sockets)


def run(world: World, faults: Faults, *, until_stdin_closes: bool = False, **options: Any) -> None:
    """Serve a world until SIGINT, SIGTERM or the end of standard input, with the options of `serve`.

    Args:
        world: What answers.
        faults: What goes wrong.
        until_stdin_closes: End when the parent process closes our standard input, or dies.
        options: As for `serve`.

    Raises:
        ValueError: An option cannot be used; the message says what to write instead.
        OSError: The port is taken.
    """

    async def main() -> None:
        serving = asyncio.ensure_future(serve(world, faults, **options))
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows has no signal handlers in the loop
                asyncio.get_running_loop().add_signal_handler(number, serving.cancel)
        if until_stdin_closes:
            _stop_on_end_of_input(serving)
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    with contextlib.suppress(KeyboardInterrupt):  # Windows again
        asyncio.run(main())


def environment(world: World, url: str) -> list[str]:
    """Return the lines to paste into a shell, then a comment for each event of the community."""
    settings = {
        "AIRMEET_URI": url,
        "AIRMEET_ACCESS_KEY": community.ACCESS_KEY,
        "AIRMEET_SECRET_KEY": community.SECRET_KEY,
    }
    exports = [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
    own = [event for event in world.events.values() if event.community == community.COMMUNITY]
    return exports + [f"# event {event.uid} {event.name}" for event in own if event.status != "ARCHIVED"]


def _stop_on_end_of_input(serving: asyncio.Future[None]) -> None:
    loop = asyncio.get_running_loop()

    def watch() -> None:
        # os.read, since a thread that dies inside sys.stdin's lock breaks the interpreter's exit.
        with contextlib.suppress(OSError):
            while os.read(sys.stdin.fileno(), 4096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(serving.cancel)

    threading.Thread(target=watch, daemon=True).start()
