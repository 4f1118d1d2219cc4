"""The event loop of a command, and the transport of its clients.

`main` can be given others than the real ones, so that a test needs no process, no server and no clock.
"""

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    import asyncio
    from asyncio import AbstractEventLoop

    from airmeet_async.client.transports.base import Transport
    from airmeet_async.protocol.base_urls import Base

Arguments = TypeVarTuple("Arguments")
T = TypeVar("T")

_replaced: "ContextVar[tuple[Transport | None, Callable[[], AbstractEventLoop] | None]]" = ContextVar(
    "_replaced", default=(None, None)
)


@contextmanager
def replaced(
    transport: "Transport | None" = None, loop_factory: "Callable[[], AbstractEventLoop] | None" = None
) -> Iterator[None]:
    """Let `run_async` and `find_transport` use these; None is the real one."""
    token = _replaced.set((transport, loop_factory))
    try:
        yield
    finally:
        _replaced.reset(token)


def find_transport(base: "Base") -> "Transport | str | None":
    """Return the transport for each client that a command makes: the fast one where it can be used.

    None leaves the choice to ``AIRMEET_TRANSPORT``, where it is set.
    """
    from airmeet_async.client.transports.choose_transport import VARIABLE, fast_is_usable

    if (replacement := _replaced.get()[0]) is not None:
        return replacement
    if VARIABLE in os.environ:
        return None
    return "fast" if fast_is_usable(base) else "httpx"


def open_runner() -> "asyncio.Runner":
    """Return what runs coroutines on one event loop; uvloop, where it is installed, is worth its import for a run."""
    import asyncio
    from importlib.util import find_spec

    _, factory = _replaced.get()
    if factory is None and find_spec("uvloop") is not None:
        import uvloop

        factory = uvloop.new_event_loop
    return asyncio.Runner(loop_factory=factory)


def run_async(function: Callable[[*Arguments], Awaitable[T]], *arguments: *Arguments) -> T:
    """Run an event loop for *function*. Every command does it here or with `open_runner`, never by `anyio.run`."""
    import anyio

    return anyio.run(function, *arguments, backend_options={"loop_factory": _replaced.get()[1]})
