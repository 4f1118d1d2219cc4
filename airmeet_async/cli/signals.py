"""Ctrl-C and its like: the first signal ends a run gently, the second at once."""

import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import anyio

from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.report import StopReason
from airmeet_async.cli.console import Voice
from airmeet_async.client.client import Client

_MANY = 20_000
_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_CAUSES = {"SIGINT": "Ctrl-C", "SIGTERM": "a request to terminate (SIGTERM)", "SIGHUP": "the end of its terminal"}


class Stopper:
    """Stops a job on signals.

    Args:
        voice: Who speaks.
        job: What is to be stopped.
        client: Who sends.

    Attributes:
        number: The first signal that came, or None.
        begun: The job has begun, so there is something to be stopped gently.
    """

    def __init__(self, voice: Voice, job: BulkJob, client: Client) -> None:
        self.number: int | None = None
        self.begun = False
        self._voice = voice
        self._job = job
        self._client = client

    async def watch(self, arriving: AsyncIterator[signal.Signals], scope: anyio.CancelScope) -> None:
        """Wait for signals: the first stops, the second waits for no request, a third leaves the other rows unnoted.

        Args:
            arriving: They.
            scope: What is left at once as long as the job has not begun.
        """
        hurried = False
        async for number in arriving:
            if not self.begun:
                self.number = number
                scope.cancel()
                return
            if self.number is None:
                self._stop(number)
            elif not hurried:
                hurried = True
                self._job.hurry()
            else:
                self._job.cut_off()
                return

    def _stop(self, number: signal.Signals) -> None:
        self.number = number
        self._job.stop(StopReason.INTERRUPTED, f"the run was stopped by {_CAUSES[number.name]}")
        left = (self._job.total or 0) - self._job.report.rows_read
        self._voice.say(*stopping(self._client.pace.statistics().in_flight, left))


def stopping(under_way: int, left: int) -> list[str]:
    """Say what happens after the first signal.

    Args:
        under_way: Requests without an answer.
        left: Rows that nobody has read yet.
    """
    requests = "1 request" if under_way == 1 else f"{under_way:,} requests"
    waiting = f"letting {requests} end" if under_way else "no request is under way"
    said = [f"stopping: {waiting}; press Ctrl-C again to stop at once"]
    if left > _MANY:
        said.append(f"the other {left:,} rows are noted as not done in the results, which takes a moment")
    return said


@contextmanager
def arriving() -> Iterator[AsyncIterator[signal.Signals]]:
    """Take the signals that end a process; one that is ignored, as nohup does with SIGHUP, stays ignored."""
    numbers = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
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
