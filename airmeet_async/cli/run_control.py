"""How a run is paused, slowed down and stopped from another terminal: a private socket, a JSON line in, a line out.

The socket is in a folder of the user's own below the system's temporary one, since its path may have about a hundred
bytes only. Its name is made of the journal's path, so both sides know it.
"""

import asyncio
import hashlib
import json
import logging
import os
import socket
import stat
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from airmeet_async.bulk.report import StopReason
from airmeet_async.cli.app_options import check_rate
from airmeet_async.cli.console import Voice
from airmeet_async.client.adaptive_rate import AskedRate
from airmeet_async.errors import ConfigError, NotSentError

_log = logging.getLogger("airmeet_async.cli")

_LONGEST = 4096
_SECONDS = 10.0


def socket_of(journal: Path, base: Path | None = None) -> Path:
    """Return the path of the socket for a journal.

    Args:
        journal: The journal.
        base: The system's temporary folder.

    Raises:
        ConfigError: There is no private folder for it.
    """
    name = hashlib.sha256(os.path.realpath(journal).encode(errors="surrogateescape")).hexdigest()[:16]
    return _folder(base or Path(tempfile.gettempdir())) / f"{name}.sock"


def _folder(base: Path) -> Path:
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = base / f"airmeet-{user}"
    try:
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        status = folder.lstat()
    except OSError as error:
        raise ConfigError(f"{folder}: cannot be used ({error.strerror})") from None
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != user or stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(f"{folder}: is not a private folder of yours; remove it")
    return folder


class Steered(Protocol):
    """The part of a job that another terminal may reach."""

    @property
    def paused(self) -> bool:
        """Whether it is held."""
        ...

    def pause(self) -> None:
        """Send no more."""
        ...

    def resume(self) -> None:
        """Go on."""
        ...

    def set_rate(self, rate: AskedRate) -> None:
        """Change how fast it is."""
        ...

    def stop(self, reason: StopReason, message: str) -> None:
        """Take no more rows."""
        ...


class Control:
    """What another terminal may ask of a job.

    Args:
        job: The job.
        voice: Tells the one who has started it.
    """

    def __init__(self, job: Steered, voice: Voice) -> None:
        self._job = job
        self._voice = voice

    def do(self, asked: Any) -> dict[str, Any]:
        """Do what a request asks for, and return the answer to it."""
        request = asked if isinstance(asked, dict) else {}
        ways: dict[str, Callable[[Any], str]] = {
            "pause": self._pause, "resume": self._resume, "rate": self._rate, "stop": self._stop,
        }  # fmt: skip
        way = ways.get(str(request.get("do")))
        if way is None:
            return {"error": f"nobody knows what {request.get('do')!r:.40} is; one of {', '.join(ways)}"}
        try:
            said = way(request.get("rate"))
        except ConfigError as error:
            return {"error": str(error)}
        self._voice.say(f"{said} (from another terminal)")
        return {"said": said}

    def _pause(self, _: Any) -> str:
        self._job.pause()
        return "paused: requests under way may end, no more are sent"

    def _resume(self, _: Any) -> str:
        was = self._job.paused
        self._job.resume()
        return "going on" if was else "going on: it was not paused"

    def _rate(self, rate: Any) -> str:
        checked = check_rate(rate if isinstance(rate, (str, int, float)) else str(rate))
        self._job.set_rate(checked or "auto")
        return "as fast as Airmeet lets us" if checked == "auto" else f"at most {checked:g} requests per second"

    def _stop(self, _: Any) -> str:
        self._job.stop(StopReason.STOPPED, "the run was stopped by airmeet runs stop")
        return "stopping: requests under way may end"


@asynccontextmanager
async def listening(journal: Path | None, control: Control, base: Path | None = None) -> AsyncIterator[None]:
    """Listen while the block lasts. Whatever is in the way of it does not disturb the run.

    Args:
        journal: Of the run, which has it open; None for none, and nobody listens.
        control: Who answers.
        base: As for `socket_of`.
    """
    door = _Door(control)
    path: Path | None = None
    server: asyncio.Server | None = None
    try:
        if journal is not None and hasattr(socket, "AF_UNIX"):
            path = socket_of(journal, base)
            path.unlink(missing_ok=True)  # of a run that was killed: this one has the journal now
            server = await asyncio.start_unix_server(door, path, limit=_LONGEST)
    except (OSError, ConfigError, NotImplementedError) as error:
        _log.info("the run cannot be paused from another terminal: %s", error)
    if server is None or path is None:
        yield
        return
    try:
        path.chmod(0o600)
        yield
    finally:
        server.close()
        door.close()
        path.unlink(missing_ok=True)


class _Door:
    """Takes one request per visitor and answers it; one who says nothing is not waited for long."""

    def __init__(self, control: Control) -> None:
        self._control = control
        self._visits = set[asyncio.Task[None]]()

    def close(self) -> None:
        for visit in self._visits:
            visit.cancel()

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = asyncio.get_running_loop().create_task(self._answer(reader, writer))
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                answer = self._control.do(_parsed(await reader.readline()))
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):  # gone, too slow, or much too long a line
            pass
        finally:
            writer.close()


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def ask(journal: Path, request: dict[str, Any], base: Path | None = None) -> str:
    """Ask the process that runs a journal, and return what it says.

    Raises:
        ConfigError: It does not do that.
        NotSentError: It does not answer.
    """
    path = socket_of(journal, base)
    try:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(_SECONDS)
            channel.connect(os.fspath(path))
            channel.sendall(json.dumps(request).encode() + b"\n")
            with channel.makefile("rb") as answers:
                answer = _parsed(answers.readline(_LONGEST))
    except OSError as error:
        message = f"the run does not answer ({error.strerror or error}); it may only just have begun, so try again"
        raise NotSentError(message) from None
    if not isinstance(answer, dict) or "said" not in answer:
        said = answer.get("error") if isinstance(answer, dict) else None
        raise ConfigError(str(said or "the run gave no answer; try again"))
    return str(answer["said"])
