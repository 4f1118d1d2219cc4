"""The command line: in this process on virtual time, or as a process of its own.

`Airmeet` called like a function runs a command in this process, to its end. Nothing waits there: the loop is on virtual
time, and Airmeet is a sandbox in the same process. `Airmeet.started` is for what only a process has: death by a
signal, a real terminal, pipes, a second process beside it.
"""

import csv
import io
import json
import logging
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from typing import Any
from unittest.mock import patch

import anyio
from attrs import evolve, field, frozen

from airmeet_async import NotSentError
from airmeet_async.cli.main import main
from airmeet_async.sandbox import Faults
from airmeet_async.testing import SandboxTransport, virtual_loop
from tests.support.worlds import world_of

COMMAND = (sys.executable, "-m", "airmeet_async")
_SECONDS = 30
_LOOP = virtual_loop(io_grace=0)  # nobody is at the other end of a socket


@frozen
class Ended:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Unreachable:
    """A transport to a host that refuses every connection."""

    async def exchange(self, _: object) -> Any:
        raise NotSentError("cannot reach 127.0.0.1: connection refused", reason="connect", host="127.0.0.1")

    async def aclose(self) -> None:
        pass


class Sandbox(SandboxTransport):
    """A sandbox in this process, whose requests can have consequences.

    Args:
        faults: What goes wrong.
        switches: Of the world.
    """

    def __init__(self, faults: str = "", **switches: Any) -> None:
        super().__init__(world_of(**switches), Faults.parse(faults))
        self._signals: tuple[signal.Signals, ...] = ()
        self._after = self._mails = 0

    def signal(self, *numbers: signal.Signals, after: int = 0, mails: int = 0) -> None:
        """Send this process these signals as soon as that many are in and were mailed, and the next request arrives."""
        self._signals, self._after, self._mails = numbers, after, mails

    def mend(self) -> None:
        """Let nothing go wrong from now on."""
        self._faults = Faults()

    async def exchange(self, request: Any) -> Any:
        if self._signals and self.adds >= self._after and self.world.statistics().mails >= self._mails:
            numbers, self._signals = self._signals, ()
            for number in numbers:
                signal.raise_signal(number)
        return await super().exchange(request)

    @property
    def adds(self) -> int:
        return self.world.statistics().adds


@frozen
class Airmeet:
    """The command, in a folder of its own and with an environment of its own.

    Without a transport a command in this process goes to the network, on the real clock.
    """

    folder: Path
    environ: dict[str, str] = field(factory=dict)
    transport: Any = field(factory=Unreachable)

    def at(self, place: SandboxTransport | str) -> "Airmeet":
        """Return the command with a sandbox behind it, or with the address of one that is served."""
        if isinstance(place, str):
            return evolve(self, environ=self.environ | {"AIRMEET_URI": place})
        return evolve(self, transport=place)

    def __call__(
        self, *words: str, given: str | bytes | None = None, typed: str | None = None, **environ: str
    ) -> Ended:
        """Run a command in this process.

        Args:
            words: What is typed after ``airmeet``.
            given: The whole of standard input.
            typed: What is typed on a terminal, where all three streams are one; its screen is ``err``.
            environ: What differs in the environment.
        """
        text = typed if given is None else given
        content = text.encode() if isinstance(text, str) else text or b""
        source, out, err = (_Stream(data, terminal=typed is not None) for data in (content, b"", b""))
        with (
            _standing_in(self.folder, self.environ | environ),
            patch.multiple(sys, argv=["airmeet", *words], stdin=source, stdout=out, stderr=err),
        ):
            code = main(transport=self.transport, loop_factory=_LOOP if self.transport else None)
        print(err.text, file=sys.stderr)  # for the report of a test that fails
        return Ended(code, out.text, err.text)

    def started(self, *words: str, before: tuple[str, ...] = (), given: str = os.devnull) -> "_Started":
        """Start the command as a process of its own.

        Args:
            words: What is typed after ``airmeet``.
            before: What is typed before it.
            given: The file that is standard input.
        """
        return _Started([*before, *COMMAND, *words], self.folder, self.environ, given)

    async def run(self, *words: str, **environ: str) -> Ended:
        """Run a process to its end."""
        with evolve(self, environ=self.environ | environ).started(*words) as running:
            return await running.end()

    def file(self, name: str, *lines: str) -> str:
        (self.folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return name

    def people(self, n: int, name: str = "people.csv") -> str:
        rows = [f"person-{number}@example.com,Ada,Number {number}" for number in range(n)]
        return self.file(name, "email,first_name,last_name", *rows)

    def rows(self, name: str = "people-results.csv") -> list[dict[str, str]]:
        with (self.folder / name).open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))


class _Stream(io.TextIOWrapper):
    """A standard stream in memory."""

    def __init__(self, content: bytes, *, terminal: bool) -> None:
        self._content = io.BytesIO(content)
        super().__init__(self._content, encoding="utf-8", newline="", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def text(self) -> str:
        return self._content.getvalue().decode()


@contextmanager
def _standing_in(folder: Path, environ: Mapping[str, str]) -> Iterator[None]:
    """Give this process a working directory and an environment, and afterwards its own again, and its log."""
    logger, before = logging.getLogger("airmeet_async"), Path.cwd()
    log = logger.handlers[:], logger.level, logger.propagate
    os.chdir(folder)
    try:
        with patch.dict(os.environ, environ, clear=True):
            yield
    finally:
        os.chdir(before)
        logger.handlers[:], logger.level, logger.propagate = log


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

    async def end(self) -> Ended:
        with anyio.fail_after(_SECONDS):
            out, err = await anyio.to_thread.run_sync(self.process.communicate, abandon_on_cancel=True)
        return Ended(self.process.returncode, out, err)


class _Started:
    def __init__(self, command: list[str], folder: Path, environ: dict[str, str], given: str) -> None:
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
