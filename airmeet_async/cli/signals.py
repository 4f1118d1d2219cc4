"""Stop a run on Ctrl-C, SIGTERM and SIGHUP: the first signal lets requests end, the second waits for none.

A third leaves the rows that were not read yet out of the results. A signal that comes before the run has begun ends the
command, since nothing was sent.
"""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anyio

from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.report import StopReason
from airmeet_async.cli.console import Console
from airmeet_async.client.client import Client
from airmeet_async.formatting import many

_MANY_ROWS = 20_000
_CAUSES = {"SIGINT": "Ctrl-C", "SIGTERM": "a request to terminate (SIGTERM)", "SIGHUP": "the end of its terminal"}


class Stopper:
    """Stops a job on signals.

    Attributes:
        number: The first signal that came, or None.
        has_begun: There is something to be stopped gently.
    """

    def __init__(self, console: Console, job: BulkJob, client: Client) -> None:
        self.number: int | None = None
        self.has_begun = False
        self._console = console
        self._job = job
        self._client = client

    async def watch(self, signals: AsyncIterator[signal.Signals], scope: anyio.CancelScope) -> None:
        """Wait for signals. *scope* is cancelled by one that comes before the job has begun."""
        hurried = False
        async for number in signals:
            if not self.has_begun:
                self.number = number
                scope.cancel()
                return
            if self.number is None:
                self.number = number
                self._job.stop(StopReason.INTERRUPTED, f"the run was stopped by {_CAUSES[number.name]}")
                left = (self._job.total or 0) - self._job.report.rows_read
                self._console.say(*stopping(self._client.pace.statistics().in_flight, left))
            elif not hurried:
                hurried = True
                self._job.hurry()
            else:
                self._job.cut_off()
                return


def stopping(under_way: int, left: int) -> list[str]:
    """Say what happens after the first signal, with that many requests under way and that many rows not read yet."""
    requests = f"letting {under_way:,} {many('request', under_way)} end" if under_way else "no request is under way"
    said = [f"stopping: {requests}; press Ctrl-C again to stop at once"]
    if left > _MANY_ROWS:
        said.append(f"the other {left:,} rows are noted as not done in the results, which takes a moment")
    return said


@contextmanager
def incoming_signals() -> Iterator[AsyncIterator[signal.Signals]]:
    """Take the signals that end a process; one that is ignored, as nohup does with SIGHUP, stays ignored."""
    numbers = [getattr(signal, name) for name in _CAUSES if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    try:
        receiver = anyio.open_signal_receiver(*numbers)
        signals = receiver.__enter__()
    except NotImplementedError:  # Windows: Ctrl-C cancels the run from outside instead
        yield _never()
        return
    try:
        yield signals
    finally:
        receiver.__exit__(None, None, None)


async def _never() -> AsyncIterator[signal.Signals]:
    await anyio.sleep_forever()
    yield signal.SIGINT
