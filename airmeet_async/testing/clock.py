"""Virtual time: an event loop that never waits for a clock.

Rules of this file:

1. Time moves only in ``_Selector.select``: by a tick on each pass of the loop,
   and by a jump to the next timer when there is nothing else to do.
2. A jump is the last resort. First come sockets with news, then work in threads.
3. With no timer set there is nowhere to jump to: the loop blocks, as any loop.
"""

import asyncio
import selectors
import sys
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from typing import TypeVar, TypeVarTuple

import anyio.to_thread

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")

# Virtual seconds per pass. A frozen clock would livelock a limiter whose wait rounds to nothing.
_TICK = 1e-7


class _Selector(selectors.DefaultSelector):
    """Look at the sockets, and move the clock instead of waiting for it."""

    def __init__(self, io_grace: float, thread_grace: float) -> None:
        super().__init__()
        self.now = 0.0
        self.threads = 0
        self._io_grace = io_grace
        self._thread_grace = thread_grace

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            events = super().select(timeout)
        else:
            events = super().select(min(timeout, self._grace()))
            self.now += 0 if events else timeout
        self.now += _TICK
        return events

    def _grace(self) -> float:
        """Return how long, in real seconds, others may take to give the loop something to do."""
        if self.threads or copy_context().run(_borrowed_threads):
            return self._thread_grace
        return self._io_grace if len(self.get_map()) > 1 else 0  # one is the loop's own wake-up socket


def _borrowed_threads() -> int:
    """Return how many of anyio's threads are at work; call it in a context of its own."""
    if (sniffio := sys.modules.get("sniffio")) is not None:  # it knows only tasks, and a selector is in none
        sniffio.current_async_library_cvar.set("asyncio")
    return anyio.to_thread.current_default_thread_limiter().borrowed_tokens


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop on which an hour passes as soon as nothing else happens.

    Its clock, ``loop.time()``, starts at 0 and jumps to the next timer whenever
    all tasks wait. ``asyncio.sleep``, ``anyio.sleep``, timeouts and deadlines,
    and with them rates, retries and back-off, behave as ever and take no time.
    Runs are repeatable: the same program sees the same times.

    ::

        import anyio

        async def main() -> None:
            await anyio.sleep(3600)
            assert 3600 <= anyio.current_time() < 3600.001

        anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop})

    With the pytest plugin of anyio, one fixture puts all tests on virtual time::

        @pytest.fixture
        def anyio_backend():
            return "asyncio", {"loop_factory": VirtualTimeLoop}

    What to know:

    - Only the loop's clock is virtual. ``time.time`` and ``time.monotonic`` are not.
    - Real sockets work. While one is open, the loop gives the other side
      *io_grace* real seconds to be heard before it jumps; a slower answer
      finds that its virtual timeout has passed.
    - Threads work. While ``loop.run_in_executor`` or ``anyio.to_thread.run_sync``
      (with its default limiter) runs something, the loop waits *thread_grace* real
      seconds for it before it jumps. Other threads are not seen: the clock jumps
      while they run, and ``call_soon_threadsafe`` wakes the loop as ever.
    - With no timer set at all, the loop waits for sockets and threads without end.

    Args:
        io_grace: Real seconds to wait for an open socket before a jump.
        thread_grace: Real seconds to wait for work in a thread before a jump.
    """

    def __init__(self, *, io_grace: float = 0.01, thread_grace: float = 5.0) -> None:
        self._clock = _Selector(io_grace, thread_grace)
        super().__init__(self._clock)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._clock.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Arguments], _Result], *args: *_Arguments
    ) -> asyncio.Future[_Result]:
        """Run *func* in a thread, and let the clock wait for it."""
        future = super().run_in_executor(executor, func, *args)
        self._clock.threads += 1
        future.add_done_callback(self._thread_done)
        return future

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        """Wait for the threads in real time: a virtual *timeout* would be over at once."""
        await super().shutdown_default_executor()

    def _thread_done(self, _: object) -> None:
        self._clock.threads -= 1


def virtual_loop(*, io_grace: float = 0.01, thread_grace: float = 5.0) -> Callable[[], VirtualTimeLoop]:
    """Return a loop factory with other graces than the default ones.

    ::

        anyio.run(main, backend_options={"loop_factory": virtual_loop(io_grace=0.1)})

    Args:
        io_grace: Real seconds to wait for an open socket before a jump.
        thread_grace: Real seconds to wait for work in a thread before a jump.
    """
    return lambda: VirtualTimeLoop(io_grace=io_grace, thread_grace=thread_grace)
