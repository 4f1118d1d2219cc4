"""An event loop whose threads are a disk in virtual time: each step of a journal takes as long as a test says."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from airmeet_async.testing import VirtualTimeLoop


class DiskLoop(VirtualTimeLoop):
    """Does at once what is given to a thread, and says so *seconds* later.

    Attributes:
        seconds: Of virtual time that each step takes.
        before: Called with the name of each function before it; what it raises is what the step raises.
        after: The same after it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.before: Callable[[str], None] = lambda _: None
        self.after: Callable[[str], None] = lambda _: None

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = self.create_future()
        # A journal's `call` passes the function on in a closure.
        inner = [cell.cell_contents for cell in getattr(func, "__closure__", None) or ()]
        name = next((one.__name__ for one in [*inner, func] if callable(one) and hasattr(one, "__name__")), "")
        result, error = None, None
        try:
            self.before(name)
            result = func(*args)
            self.after(name)
        except BaseException as raised:  # noqa: BLE001 - it is the caller's
            error = raised

        def end() -> None:
            if future.done():
                return
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)

        self.call_later(self.seconds, end)
        return future


def disk() -> DiskLoop:
    """The loop that runs, as what it is."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, DiskLoop)
    return loop
