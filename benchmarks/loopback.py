"""A server that answers at once, in a process of its own, on loopback, plain and over TLS.

nginx (`benchmarks.server`) is faster and needs to be installed. This one needs nothing, and answers what the command
line asks, too.
"""

import asyncio
import contextlib
import json
import re
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.server import Server, write_certificate

_EMAIL = re.compile(rb'"email":\s*"([^"]*)"')
_LENGTH = re.compile(rb"\r\ncontent-length:\s*(\d+)", re.IGNORECASE)
_REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
_ADDED = b'{"email":"%b","entryLink":"https://www.airmeet.com/event/x?code=5d60d4e25d60d4e25d60d4e25d60d4e2"}'
_EVENT = {
    "name": "Benchmark", "status": "CREATED", "start_time": "2099-01-01T10:00:00.000Z",
    "end_time": "2099-01-01T12:00:00.000Z", "event_sub_type": "CONFERENCE",
}  # fmt: skip


def answer_to(method: str, path: str, body: bytes) -> bytes:
    """Return the document that answers a request: a link, a token, no registration fields, or an event."""
    if found := _EMAIL.search(body):
        return _ADDED % found[1]
    if method == "POST":
        return b'{"token":"' + b"t" * 40 + b'"}'
    if "custom-fields" in path:
        return b'{"customFields":[]}'
    return json.dumps({"id": path.split("/")[-2], **_EVENT}).encode()


class _Connection(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        self._transport, self._received = transport, b""

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._received, 0, end)
            after = end + 4 + (int(length[1]) if length else 0)
            if len(self._received) < after:
                return
            method, path, _ = self._received[: self._received.index(b"\r\n")].decode("latin1").split(" ", 2)
            document = answer_to(method, path, self._received[end + 4 : after])
            self._received = self._received[after:]
            self._transport.write(_REPLY % (len(document), document))


@contextlib.contextmanager
def loopback() -> Iterator[Server]:
    """Run the server, and return where it is."""
    with tempfile.TemporaryDirectory(prefix="airmeet-bench-") as folder:
        authority = write_certificate(Path(folder))
        command = [sys.executable, "-m", "benchmarks.loopback", folder]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                plain, tls = process.stdout.readline().split()
                base = f"127.0.0.1:{plain}/prod"
                yield Server(f"http://{base}", f"https://127.0.0.1:{tls}/prod", "", authority, process.pid)
            finally:
                process.terminate()


async def _serve(folder: str) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(Path(folder) / "server.pem")
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_server(_Connection, "127.0.0.1", 0, backlog=4096, ssl=trust) for trust in (None, context)
    ]
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    with contextlib.suppress(ImportError):
        import uvloop

        uvloop.install()
    asyncio.run(_serve(sys.argv[1]))
