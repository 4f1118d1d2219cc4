"""One way to ask for all commands that are no bulk run: the environment, the client, what is said while it waits."""

import math
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import TypeVar

import anyio

from airmeet_async.cli.exits import TerminatedError
from airmeet_async.cli.settings import Settings
from airmeet_async.cli.voice import Voice
from airmeet_async.client.attempt import Waiting
from airmeet_async.front import AirmeetClient

T = TypeVar("T")

_CAUSES = {
    "throttled": "Airmeet asks to slow down (429)",
    "not sent": "Airmeet cannot be reached",
    "ambiguous": "no clear answer",
}
_WORTH_SAYING = 1.0


def ask(environ: Mapping[str, str], voice: Voice, work: Callable[[AirmeetClient], Awaitable[T]]) -> T:
    """Do *work* with a client that says what it waits for.

    Raises:
        AirmeetError: The settings cannot be used, or Airmeet did not do it.
        TerminatedError: SIGTERM or SIGHUP came.
    """
    settings = Settings.of(environ)
    voice.say(*settings.notices)

    async def asking() -> T:
        async with settings.client() as client:
            return await work(client.with_options(on_wait=partial(tell, voice)))

    with terminable():
        return anyio.run(asking)


def tell(voice: Voice, waiting: Waiting) -> None:
    """Say what a call waits for, unless it is over before anybody has read it."""
    if waiting.cause == "not ready":
        voice.say(f"Airmeet is preparing the list; asking again in {math.ceil(waiting.seconds)} s")
    elif waiting.seconds >= _WORTH_SAYING:
        voice.say(f"{_CAUSES.get(waiting.cause, waiting.cause)}; trying again in {math.ceil(waiting.seconds)} s")


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does: what is half done is tidied up.

    Raises:
        TerminatedError: One of them came.
    """
    caught: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for what a script runs in the background
            raise TerminatedError(number)
        caught.append(number)
        signal.raise_signal(signal.SIGINT)  # which the event loop takes gently

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    ours = [number for number, handler in before.items() if handler is signal.SIG_DFL]  # nohup ignores SIGHUP
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        if caught:
            raise TerminatedError(caught[0]) from None
        raise
    finally:
        for number in ours:
            signal.signal(number, before[number])
