"""A server on loopback that writes down what really happened: one JSON line per request.

``python -m tests.torture.truth_server --port 0 --log truth.jsonl --faults "500:5%,expire@300" --seed 1`` prints its
port and serves until it is ended. `tests.torture.faults` has the syntax of faults.

A line is written when an exchange is over, whichever way: ``n`` (order of arrival, marks included), ``t_recv``,
``t_reply`` (null where no whole reply was written), ``t_end``, ``conn``, ``kind``, ``path``, ``key``, ``hash``,
``gen``, ``applied``, ``status`` (null without a whole reply), ``invite``, ``fault``, ``gone`` (the client went away
before the reply). Marks are lines with ``mark``.
"""

import argparse
import asyncio
import json
import signal
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from attrs import define, field, frozen

from tests.torture.desk import Answer, Bucket, Desk
from tests.torture.faults import Faults
from tests.torture.http1 import encode, parse

_LINGER = struct.pack("ii", 1, 0)
_CUT_PAUSE = 0.01  # an RST at once would take the bytes before it with it


@frozen
class Pending:
    """A request that has been received and has not ended."""

    n: int
    t_recv: float
    path: str
    answer: Answer


@define(eq=False)
class TruthServer:
    """What the connections share.

    Attributes:
        desk: Decides.
        latency: Seconds before each reply.
        hang: Seconds before the server closes a request that is never answered.
        on_add: Called with the number of each add, before it is answered.
        port: Where it listens.
        connections: How many there were.
    """

    desk: Desk
    log: BinaryIO
    latency: float = 0.0
    hang: float = 60.0
    on_add: Callable[[int], None] | None = None
    port: int = 0
    connections: int = 0
    _numbers: int = 0
    _wires: set["_Wire"] = field(factory=set)
    _dark_until: float = 0.0
    _listener: asyncio.Server | None = None
    _coming: "asyncio.Task[None] | None" = None

    @property
    def open_now(self) -> int:
        """Connections that are open."""
        return len(self._wires)

    @property
    def applied(self) -> dict[str, int]:
        """How often each key was applied."""
        return self.desk.applied

    def number(self) -> int:
        """Return the next number of the order in which things happen."""
        self._numbers += 1
        return self._numbers

    def mark(self, what: str) -> int:
        """Write down that something happened which is no request, and return its number in the order of things."""
        number = self.number()
        self.write({"n": number, "mark": what, "t": time.monotonic()})
        return number

    def write(self, line: dict[str, Any]) -> None:
        """Write a line of the log. The file is not buffered."""
        self.log.write(json.dumps(line).encode() + b"\n")

    async def listen(self, port: int) -> None:
        """Open the port."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Wire(self), "127.0.0.1", port, backlog=512)
        self.port = self._listener.sockets[0].getsockname()[1]

    @property
    def dark(self) -> bool:
        """Whether nobody is let in."""
        return time.monotonic() < self._dark_until

    def black_out(self, seconds: float, *, refuse: bool) -> None:
        """Reset all connections, and for some time those that come; or close the port, if it is to refuse them."""
        self._dark_until = time.monotonic() + seconds
        for wire in list(self._wires):
            wire.reset()
        if refuse and self._listener:
            self._listener.close()
            self._listener = None
            self._coming = asyncio.get_running_loop().create_task(self._come_back(seconds))

    async def _come_back(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.listen(self.port)

    def joined(self, wire: "_Wire") -> int:
        """Note a connection."""
        self._wires.add(wire)
        self.connections += 1
        return self.connections

    def left(self, wire: "_Wire") -> None:
        """Note its end."""
        self._wires.discard(wire)

    def close(self) -> None:
        """Close the port and all connections; what has not ended is logged as it is."""
        if self._coming:
            self._coming.cancel()
        if self._listener:
            self._listener.close()
        for wire in list(self._wires):
            wire.reset()


class _Wire(asyncio.Protocol):
    """One connection: one request at a time."""

    transport: asyncio.Transport

    def __init__(self, server: TruthServer) -> None:
        self._server = server
        self._conn = 0
        self._buffer = bytearray()
        self._pending: Pending | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._conn = self._server.joined(self)
        if self._server.dark:
            self.reset()

    def connection_lost(self, error: Exception | None) -> None:
        self._end(None, gone=True)
        self._server.left(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._pending is None:
            self._receive()

    def _receive(self) -> None:
        found = parse(self._buffer)
        if found is None:
            return
        request, size = found
        del self._buffer[:size]
        server, now = self._server, time.monotonic()
        number = server.number()
        answer = server.desk.handle(request, now)
        self._pending = Pending(number, now, request.path, answer)
        if answer.kind == "add" and server.on_add:
            server.on_add(server.desk.adds)
        delay = server.latency + answer.seconds
        if delay and answer.how not in {"blackout", "refuse"}:
            self._later(delay, self._act)
        else:
            self._act()

    def _act(self) -> None:
        if self._pending is None:
            return
        answer = self._pending.answer
        reply = encode(answer)
        match answer.how:
            case "say":
                self.transport.write(reply)
                self._end(answer.status)
                if self._buffer:
                    self._receive()
            case "reset":
                self.reset()
            case "cut":
                self.transport.write(reply[: int(answer.amount)])
                self._later(_CUT_PAUSE, self.reset)
            case "hang":
                self._later(self._server.hang, self._give_up)
            case "drip":
                self._drip(reply, 0)
            case how:
                self._server.black_out(answer.amount, refuse=how == "refuse")

    def _drip(self, reply: bytes, at: int) -> None:
        if self._pending is None:
            return
        self.transport.write(reply[at : at + 1])
        if at + 1 == len(reply):
            self._end(self._pending.answer.status)
        else:
            self._later(self._pending.answer.amount, lambda: self._drip(reply, at + 1))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, act)

    def reset(self) -> None:
        """End the connection with RST."""
        self._end(None)
        raw: socket.socket | None = self.transport.get_extra_info("socket")
        if raw is not None and raw.fileno() >= 0:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)
        self.transport.abort()

    def _give_up(self) -> None:
        self._end(None)
        self.transport.close()

    def _end(self, status: int | None, *, gone: bool = False) -> None:
        """Write down what has ended."""
        if self._timer:
            self._timer.cancel()
        pending, self._pending = self._pending, None
        if pending is None:
            return
        answer, now = pending.answer, time.monotonic()
        self._server.write({
            "n": pending.n, "t_recv": pending.t_recv, "t_reply": None if status is None else now, "t_end": now,
            "conn": self._conn, "kind": answer.kind, "path": pending.path, "key": answer.key, "hash": answer.digest,
            "gen": answer.generation, "applied": answer.applied, "status": status, "invite": answer.invite,
            "fault": answer.fault, "gone": gone,
        })  # fmt: skip


@asynccontextmanager
async def truth_server(
    log: Path,
    *,
    faults: str = "",
    seed: int = 0,
    port: int = 0,
    rate_limit: float | None = None,
    has_one_token: bool = False,
    **options: Any,
) -> AsyncIterator[TruthServer]:
    """Serve on loopback; *options* are those of `TruthServer`."""
    bucket = Bucket(rate_limit, max(1.0, rate_limit / 10)) if rate_limit else None
    desk = Desk(Faults.parse(faults, seed), bucket, has_one_token=has_one_token)
    with log.open("ab", buffering=0) as file:
        server = TruthServer(desk, file, **options)
        desk.on_expiry = partial(server.mark, "expire")
        await server.listen(port)
        try:
            yield server
        finally:
            server.close()


async def _serve(words: argparse.Namespace) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with truth_server(
        words.log, faults=words.faults, seed=words.seed, port=words.port, rate_limit=words.rate_limit,
        latency=words.latency, hang=words.hang_seconds, has_one_token=words.one_token,
    ) as server:  # fmt: skip
        print(server.port, flush=True)
        await ended.wait()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--port", type=int, default=0)
    words.add_argument("--log", type=Path, required=True)
    words.add_argument("--faults", default="")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    words.add_argument("--hang-seconds", type=float, default=60.0, help="a hanging request is closed then")
    words.add_argument("--rate-limit", type=float, help="adds per second; 429 above it")
    words.add_argument("--one-token", action="store_true", help="a new token ends the one before")
    asyncio.run(_serve(words.parse_args()))


if __name__ == "__main__":
    main()
