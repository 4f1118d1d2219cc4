"""Running the sandbox as a process of its own."""

import argparse
import asyncio
import contextlib
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Sequence

from .. import community
from ..faults import Faults
from ..world import World
from .server import serve


def run(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    rate_limit: float | None = None,
    faults: str = "",
    seed: int = 0,
    latency_ms: float = 0.0,
    until_stdin_closes: bool = False,
    out: Callable[[str], object] = lambda line: print(line, flush=True),  # noqa: T201  (it is a command)
) -> None:
    """Serve a fresh sandbox until SIGINT, SIGTERM or the end of standard input.

    Args:
        host: A loopback address.
        port: Where to listen; 0 takes any free port.
        rate_limit: Requests per second let through.
        faults: What goes wrong; see `airmeet_async.sandbox.faultspec`.
        seed: Of the faults, tokens and links.
        latency_ms: Milliseconds that every answer takes.
        until_stdin_closes: End when whoever started this process closes our standard input, or dies.
        out: Takes each line to be shown: the environment to paste, then the events as comments.

    Raises:
        ValueError: An option cannot be used; the message says what to write instead.
        OSError: The port is taken.
    """
    world = World(seed=seed)
    trouble = Faults.parse(faults, seed=seed, rate_limit=rate_limit)

    async def main() -> None:
        def ready(url: str) -> None:
            for line in environment(world, url):
                out(line)

        serving = asyncio.ensure_future(
            serve(world, trouble, host=host, port=port, latency=latency_ms / 1000, on_ready=ready)
        )
        _stop_on_signals(serving)
        if until_stdin_closes:
            _stop_on_end_of_input(serving)
        with contextlib.suppress(asyncio.CancelledError):
            await serving

    with contextlib.suppress(KeyboardInterrupt):  # Windows has no signal handlers in the loop
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


def _stop_on_signals(serving: asyncio.Future[None]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, serving.cancel)


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


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m airmeet_async.sandbox", description="A pretend Airmeet.")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (%(default)s)")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes any free one")
    parser.add_argument("--rate-limit", type=float, metavar="R", help="answer 429 beyond R requests per second")
    parser.add_argument("--faults", default="", metavar="SPEC", help="such as 429:5%%:retry=1,drop:1%%,expire@500")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of faults, tokens and links")
    parser.add_argument("--latency", type=float, default=0.0, dest="latency_ms", metavar="MS", help="of every answer")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end with whoever holds our standard input")
    try:
        run(**vars(parser.parse_args(arguments)))
    except (ValueError, OSError) as error:
        parser.error(str(error))
