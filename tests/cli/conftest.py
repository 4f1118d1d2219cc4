"""What the tests of the command line share: the command as a process, and a pretend Airmeet for it to talk to."""

import csv
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from fcntl import ioctl
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import field, frozen

from airmeet_async.sandbox import Faults, World
from airmeet_async.sandbox.server import serve
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.worlds import world_of

COMMAND = (sys.executable, "-m", "airmeet_async")
_SECONDS = 30


@frozen
class Said:
    """What a process left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@frozen
class Running:
    """A process that has not ended."""

    process: Any

    async def says(self, word: str) -> None:
        """Read standard error up to a line with *word*; what was read is gone."""
        with anyio.fail_after(_SECONDS):
            while True:
                line = await anyio.to_thread.run_sync(self.process.stderr.readline)
                if word in line:
                    return
                assert line, f"it ended without saying {word!r}"

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    async def end(self) -> Said:
        with anyio.fail_after(_SECONDS):
            out, err = await anyio.to_thread.run_sync(self.process.communicate, abandon_on_cancel=True)
        return Said(self.process.returncode, out, err)


@frozen
class Airmeet:
    """The command, in a folder of its own and with an environment of its own."""

    folder: Path
    environ: dict[str, str] = field(factory=dict)

    async def __call__(self, *words: str, **environ: str) -> Said:
        running: Running
        with _started([*COMMAND, *words], self.folder, self.environ | environ) as running:
            return await running.end()

    def started(self, *words: str, before: tuple[str, ...] = (), given: str = os.devnull) -> "_started":
        return _started([*before, *COMMAND, *words], self.folder, self.environ, given)

    def file(self, name: str, *lines: str) -> str:
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return name

    def people(self, n: int, name: str = "people.csv") -> str:
        rows = [f"person-{number}@example.com,Ada,Number {number}" for number in range(n)]
        return self.file(name, "email,first_name,last_name", *rows)

    def rows(self, name: str = "people-results.csv") -> list[dict[str, str]]:
        with (self.folder / name).open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    def at(self, url: str) -> "Airmeet":
        return Airmeet(self.folder, self.environ | {"AIRMEET_URI": url})


class _started:  # noqa: N801 - used like a function
    def __init__(self, command: list[str], folder: Path, environ: dict[str, str], given: str = os.devnull) -> None:
        pipe = subprocess.PIPE
        with (folder / given).open("rb") as source:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env=environ,
                stdin=source,
                stdout=pipe,
                stderr=pipe,
                encoding="utf-8",
                start_new_session=True,
            )

    def __enter__(self) -> Running:
        return Running(self._process)

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for pipe in filter(None, (self._process.stdout, self._process.stderr)):
            pipe.close()


def on_a_terminal(airmeet: Airmeet, words: tuple[str, ...], typed: str = "", **environ: str) -> tuple[int, str]:
    """Run the command on a terminal of 80 columns, type a line, and return its exit code and what was shown."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *words],
        cwd=airmeet.folder,
        env=airmeet.environ | environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, f"{typed}\n".encode())
    shown = bytearray()
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    return process.wait(), shown.decode()


@pytest.fixture
def airmeet(tmp_path: Path) -> Airmeet:
    """The command with the sentinel keys, and no Airmeet behind it."""
    folder = tmp_path / "here"
    folder.mkdir()
    return Airmeet(
        folder,
        {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY,
            "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY,
            "AIRMEET_URI": "http://127.0.0.1:1/prod",
            "AIRMEET_RATE": "1000",
            "AIRMEET_TOKEN_CACHE": "off",
        },
    )


@frozen
class Pretend:
    """A pretend Airmeet that is being served."""

    world: World
    url: str

    async def sees(self, what: Callable[[World], bool]) -> None:
        """Wait until something has happened there."""
        with anyio.fail_after(_SECONDS):
            while not what(self.world):  # noqa: ASYNC110 - a world has no event to wait for
                await anyio.sleep(0.005)


Serving = Callable[..., AbstractAsyncContextManager[Pretend]]


@pytest.fixture
def serving() -> Serving:
    """Serve a world with the sentinel keys: ``async with serving("500:5%") as pretend:``."""

    @asynccontextmanager
    async def served(faults: str = "", **switches: Any) -> AsyncIterator[Pretend]:
        world, urls = world_of(**switches), anyio.create_memory_object_stream[str](1)
        async with anyio.create_task_group() as group:

            async def run() -> None:
                await serve(world, Faults.parse(faults), on_ready=urls[0].send_nowait)

            group.start_soon(run)
            with urls[0], urls[1]:
                yield Pretend(world, await urls[1].receive())
            group.cancel_scope.cancel()

    return served


@pytest.fixture
def closed_port() -> Iterator[str]:
    """The address of a port that nobody listens at, and nobody else can take."""
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}/prod"
