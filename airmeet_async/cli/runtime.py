"""The event loop and the transport of a command.

`main` can be given others than the real ones, so that a test needs no process, no server and no clock.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from airmeet_async.client.transports.base import Transport

Arguments = TypeVarTuple("Arguments")
T = TypeVar("T")

_transport: "ContextVar[Transport | None]" = ContextVar("_transport", default=None)
_loop_factory: "ContextVar[Callable[[], AbstractEventLoop] | None]" = ContextVar("_loop_factory", default=None)


@contextmanager
def runtime(
    transport: "Transport | None" = None, loop_factory: "Callable[[], AbstractEventLoop] | None" = None
) -> Iterator[None]:
    """Let `run_async` and `find_transport` use these; None is the real one."""
    tokens = _transport.set(transport), _loop_factory.set(loop_factory)
    try:
        yield
    finally:
        _transport.reset(tokens[0])
        _loop_factory.reset(tokens[1])


def find_transport() -> "Transport | str":
    """Return the transport for each client that a command makes."""
    return _transport.get() or "auto"


def run_async(function: Callable[[*Arguments], Awaitable[T]], *arguments: *Arguments, use_uvloop: bool = False) -> T:
    """Run an event loop for *function*. Every command does it here, never by `anyio.run`.

    Args:
        function: What is awaited.
        arguments: For it.
        use_uvloop: Worth its import for runs of many requests; taken where it is installed.
    """
    from importlib.util import find_spec

    import anyio

    factory = _loop_factory.get()
    uvloop = use_uvloop and factory is None and find_spec("uvloop") is not None
    return anyio.run(function, *arguments, backend_options={"loop_factory": factory, "use_uvloop": uvloop})
