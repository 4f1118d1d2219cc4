"""One job while it runs, with all that goes on beside it: signals, progress, the control socket."""

import asyncio
import logging
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

import anyio

from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.report import StopReason
from airmeet_async.cli.control import Control, listening
from airmeet_async.cli.exits import TerminatedError, leaf
from airmeet_async.cli.faces import Progress, choose
from airmeet_async.cli.notes import resuming, with_hint
from airmeet_async.cli.outcome import ResultFiles
from airmeet_async.cli.output.html_report import RunHistory
from airmeet_async.cli.shelf import Found
from airmeet_async.cli.signals import Stopper, arriving
from airmeet_async.cli.voice import Voice
from airmeet_async.errors import BulkStoppedError, JournalError
from airmeet_async.front import AirmeetClient

if TYPE_CHECKING:
    from airmeet_async.cli.errand import Errand

_log = logging.getLogger("airmeet_async.cli")

_LOOK = 0.25
"""Seconds between two looks at how it goes."""


class Run:
    """One job while it runs.

    Attributes:
        loop: The package of the event loop.
        history: What a report page shows, if one is to be made.

    Args:
        client: Who sends.
        job: What.
        files: Where results go.
        voice: Who speaks.
        errand: What was typed.
    """

    def __init__(self, client: AirmeetClient, job: BulkJob, files: ResultFiles, voice: Voice, errand: "Errand") -> None:
        self.client = client
        self.job = job
        self.files = files
        self.voice = voice
        self.stopper = Stopper(voice, job, client)
        self.loop = ""
        self.history = RunHistory()
        self._recorded = errand.report is not None
        self._face = errand.progress
        self._limited = errand.limited

    def perform(self, found: Found | None, command: str) -> None:
        """Run it to its end, or until something stops it.

        Args:
            found: Its journal.
            command: What was typed, where it has an option that begins anew.

        Raises:
            JournalError: The journal cannot be used; nothing was sent.
            TerminatedError: A signal came before it began.
        """
        try:
            anyio.run(partial(self._run, found), backend_options={"use_uvloop": find_spec("uvloop") is not None})
        except BaseExceptionGroup as group:
            error = leaf(group)
            raise with_hint(error, found, command) if isinstance(error, JournalError) else error from None
        if self.stopper.number is not None and not self.stopper.begun:
            raise TerminatedError(self.stopper.number)

    async def _run(self, found: Found | None) -> None:
        with arriving() as signals:
            async with anyio.create_task_group() as helpers:
                helpers.start_soon(self.stopper.watch, signals, helpers.cancel_scope)
                async with self.client, self.job:
                    self.stopper.begun = True
                    self._say_hello(found)
                    control = Control(self.job, self.voice)
                    progress = Progress(choose(self._wanted(), self.voice, self.job.total), self.job, self.client)
                    helpers.start_soon(progress.watch)
                    if self._recorded:
                        helpers.start_soon(self._record)
                    try:
                        async with listening(found.path if found else None, control):
                            await self._collect()
                    finally:
                        progress.end()
                helpers.cancel_scope.cancel()

    async def _record(self) -> None:
        """Look at the run now and then, for ever."""
        while True:
            job, pause = self.job, self.client.pace.statistics().paused_s
            self.history.record(job.report, job.allowed_rate, paused=job.paused or job.outage or pause > 0)
            await anyio.sleep(_LOOK)

    def _wanted(self) -> str:
        """Return how progress is shown: for people, not at all where there is none to be made."""
        earlier = self.job.earlier
        idle = earlier is not None and earlier.settled >= (self.job.total or 0)
        return "none" if idle and self._face != "json" else self._face

    def _say_hello(self, found: Found | None) -> None:
        self.loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
        _log.info(
            "job %s begins: %s rows, over %s on %s", self.job.id, self.job.total, self.client.transport_name, self.loop
        )
        self.voice.say(f"sending over {self.client.transport_name}, on {self.loop}")
        if found is not None:
            before = found.facts.get("rows", 0)
            self.voice.say(*resuming(self.job.earlier, self.job.total or 0, before, limited=self._limited))

    async def _collect(self) -> None:
        try:
            async for result in self.job:
                self.files.add(result)
                if self._recorded:
                    self.history.add(result)
                if self.files.trouble:
                    self.job.stop(StopReason.STOPPED, self.files.trouble)
        except BulkStoppedError as error:
            if self.job.report.stop_reason is None:  # the engine's own fault, not the run's end
                raise
            _log.info("job %s stopped: %s", self.job.id, error)
