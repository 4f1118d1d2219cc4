"""Pause, slow down and stop a run from another terminal: one line of JSON to a private socket, and one back.

1. The socket is in a folder of the user's own below the system's temporary one, since its path may have about a
   hundred bytes only. Where another user has taken that name, it is in the state folder, if its path is short enough.
   Its name is made of the journal's path, so both sides know it.
2. Whoever asks stays connected until the answer is there. One who has given up by then, because the run was asleep or
   the command was interrupted, was told that nothing happened: so nothing does.
3. Whatever is wrong with the socket does not disturb the run.
"""

import asyncio
import hashlib
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airmeet_async.bulk.report import StopReason
from airmeet_async.cli.console import Console
from airmeet_async.cli.options import check_rate
from airmeet_async.cli.output.summary import pace_of
from airmeet_async.errors import ClientStateError, ConfigError, NotSentError
from airmeet_async.private_files import make_temporary_folder

if TYPE_CHECKING:
    from airmeet_async.bulk.job import BulkJob

_log = logging.getLogger("airmeet_async.cli")

_LONGEST = 4096
_PATIENCE_S = 10.0
_LEAVING_S = 0.05  # in which the end of a connection arrives that was closed before


def socket_of(journal: Path, base: Path | None = None) -> Path:
    """Return the path of the socket for a journal, below *base* instead of the system's temporary folder.

    Raises:
        ConfigError: There is no private folder for it.
    """
    try:
        folder = make_temporary_folder(base)
    except (OSError, RuntimeError) as error:  # without a home it is a RuntimeError
        why = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"{getattr(error, 'filename', None) or 'the temporary folder'}: cannot be used ({why})"
        ) from None
    name = hashlib.sha256(os.path.realpath(journal).encode(errors="surrogateescape")).hexdigest()[:16]
    return folder / f"{name}.sock"


def carry_out_request(
    request: Any, job: "BulkJob", console: Console, state: Callable[[], str] = lambda: ""
) -> dict[str, Any]:
    """Do what another terminal asks for, tell the one where the run was started, and return the answer."""
    request = request if isinstance(request, dict) else {}
    match request.get("do"):
        case "state":
            return {"said": state() or "running"}
        case "pause":
            job.pause()
            said = "paused: requests in progress finish, no more are sent"
        case "continue":
            said = "continuing" if job.paused else "continuing: it was not paused"
            job.resume()
        case "rate":
            rate = request.get("rate")
            try:
                checked = check_rate(rate if isinstance(rate, (str, int, float)) else str(rate)) or "auto"
            except ConfigError as error:
                return {"error": str(error)}
            try:
                job.set_rate(checked)
            except ClientStateError:
                fix = "stop it (airmeet runs stop), and type the original command again with another --rate"
                return {"error": f"this run is in shards, each of which has been given its part of the rate; {fix}"}
            said = pace_of(checked)
        case "stop":
            job.stop(StopReason.STOPPED, "stopped by airmeet runs stop")
            said = "stopping: requests in progress finish"
        case other:
            return {"error": f"unknown request {other!r:.40}; use state, pause, continue, rate or stop"}
    console.say(f"{said} (from another terminal)")
    return {"said": said}


@asynccontextmanager
async def listening(
    journal: Path | None,
    job: "BulkJob",
    console: Console,
    base: Path | None = None,
    state: Callable[[], str] = lambda: "",
) -> AsyncIterator[None]:
    """Listen while the block lasts; without a journal nobody does.

    Args:
        journal: The run's.
        job: The run.
        console: Where the run was started.
        base: Where the socket's folder is, instead of the system's temporary one.
        state: Says what keeps the run from going on at full speed, if something does.
    """

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                request = _parsed(await reader.readline())
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LEAVING_S):
                        await reader.read(1)
                        return  # gone, see rule 2
                writer.write(json.dumps(carry_out_request(request, job, console, state)).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError):  # gone, too slow, or much too long a line
            pass
        finally:
            writer.close()

    server: asyncio.Server | None = None
    path = Path()
    try:
        if journal is not None and hasattr(socket, "AF_UNIX"):
            path = socket_of(journal, base)
            path.unlink(missing_ok=True)  # of a run that was killed: this one has the journal now
            server = await asyncio.start_unix_server(answer, path, limit=_LONGEST)
            path.chmod(0o600)
    except (OSError, ConfigError, NotImplementedError) as error:
        _log.info("the run cannot be paused from another terminal: %s", error)
    if server is None:
        yield
        return
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


def is_listening(journal: Path, base: Path | None = None) -> bool:
    """Whether a run of the command line has this journal; it may have been killed. A program's run does not listen."""
    try:
        return socket_of(journal, base).exists()
    except ConfigError:
        return False


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def is_controlled(journal: Path, base: Path | None = None) -> bool:
    """Whether a command controls the run of a journal; one that is sent on other machines has no process that does."""
    try:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(1.0)
            channel.connect(os.fspath(socket_of(journal, base)))
    except (OSError, ConfigError, AttributeError):  # the last where there are no such sockets
        return False
    return True


def ask(journal: Path, request: dict[str, Any], base: Path | None = None, patience_s: float = _PATIENCE_S) -> str:
    """Ask the process that runs a journal, and return its answer.

    Raises:
        ConfigError: It does not do that.
        NotSentError: It does not answer, and so does not do it.
    """
    try:
        with socket.socket(socket.AF_UNIX) as channel:
            channel.settimeout(patience_s)
            channel.connect(os.fspath(socket_of(journal, base)))
            channel.sendall(json.dumps(request).encode() + b"\n")
            with channel.makefile("rb") as answers:
                answer = _parsed(answers.readline(_LONGEST))
    except OSError as error:
        message = f"the run does not respond ({error.strerror or error}); it may have just started, so try again"
        raise NotSentError(message) from None
    if not isinstance(answer, dict) or "said" not in answer:
        said = answer.get("error") if isinstance(answer, dict) else None
        raise ConfigError(str(said or "the run did not respond; try again"))
    return str(answer["said"])
