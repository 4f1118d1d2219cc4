"""A real redis-server on a free loopback port, in a folder of its own, ended with the block."""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

BINARY = shutil.which("redis-server")
SKIPPED = "there is no redis-server here (apt-get install redis-server)"


class RedisProcess:
    """A server that can be killed and started again, empty.

    Attributes:
        url: Its address.
        pid: Of the process that runs.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://127.0.0.1:{port}/0"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        assert BINARY is not None, SKIPPED
        options = f"--port {self._port} --bind 127.0.0.1 --appendonly no --daemonize no --dir {self._folder}"
        command = [BINARY, *options.split(), "--save", ""]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 0.2) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return
            time.sleep(0.02)
        raise AssertionError("redis-server does not answer")

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextlib.contextmanager
def redis_process() -> Iterator[RedisProcess]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="airmeet-redis-") as folder:
        server = RedisProcess(Path(folder), port)
        server.start()
        try:
            yield server
        finally:
            server.kill()
