"""The signals that stop a run: Ctrl-C, SIGTERM and SIGHUP."""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager

import anyio

from airmeet_async.formatting import counted

_MANY_ROWS = 20_000
CAUSES = {"SIGINT": "Ctrl-C", "SIGTERM": "a termination request (SIGTERM)", "SIGHUP": "the closing of the terminal"}


def stopping(under_way: int, left: int) -> list[str]:
    """Say what happens after the first signal, with that many requests under way and that many rows not read yet."""
    requests = f"waiting for {counted(under_way, 'request')} to finish" if under_way else "no request is in progress"
    said = [f"stopping: {requests}; press Ctrl-C again to stop now"]
    if left > _MANY_ROWS:
        said.append(f"the other {left:,} rows are being marked as not done in the results")
    return said


@contextmanager
def incoming_signals() -> Iterator[AsyncIterator[signal.Signals]]:
    """Take the signals that end a process; one that is ignored, as nohup does with SIGHUP, stays ignored."""
    numbers = [getattr(signal, name) for name in CAUSES if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    with ExitStack() as stack:
        try:
            signals = stack.enter_context(anyio.open_signal_receiver(*numbers))
        except NotImplementedError:  # Windows: Ctrl-C cancels the run from outside instead
            signals = _no_signals()
        yield signals


async def _no_signals() -> AsyncIterator[signal.Signals]:
    return
    yield
