"""The ways of showing progress: plain lines, JSON lines, nothing; `display` has the bar for terminals."""

import json
import os
import sys
from collections.abc import Callable
from typing import Protocol

import anyio

from airmeet_async.bulk.job import BulkJob
from airmeet_async.cli.progress import Glance, Hold, Meter, event, plain_line
from airmeet_async.cli.voice import Voice
from airmeet_async.client.client import Client


class Face(Protocol):
    """Shows glances. ``every`` is how many seconds apart they come."""

    every: float

    def show(self, glance: Glance) -> None:
        """Show how far the run is."""
        ...

    def end(self, glance: Glance) -> None:
        """Show how far it came."""
        ...


class Nothing:
    """Shows nothing."""

    every = 3600.0

    def show(self, glance: Glance) -> None:
        """Show nothing."""

    def end(self, glance: Glance) -> None:
        """Show nothing."""


class Lines:
    """Shows a line now and then.

    Args:
        every: Seconds between them.
        text: Makes a line.
        write: Takes it.
    """

    def __init__(self, every: float, text: Callable[[Glance], str], write: Callable[[str], object]) -> None:
        self.every = every
        self._text = text
        self._write = write

    def show(self, glance: Glance) -> None:
        """Write a line."""
        self._write(self._text(glance))

    def end(self, glance: Glance) -> None:
        """Write the last line."""
        self._write(self._text(glance))


def choose(wanted: str, voice: Voice, total: int | None) -> Face:
    """Return the face for a choice; a bar needs a terminal that can draw one, else it is plain lines."""
    if wanted == "auto":
        wanted = "bar" if draws_bars() else "plain"
    if wanted == "bar" and draws_bars():
        from airmeet_async.cli.display import Display

        return Display(voice, total)
    if wanted in {"bar", "plain"}:
        return Lines(10.0, plain_line, voice.write)
    if wanted == "json":
        return Lines(1.0, lambda glance: json.dumps(event(glance)), voice.plainly)
    return Nothing()


def draws_bars() -> bool:
    """Return whether standard error is a terminal that can move its cursor."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


class Progress:
    """Keeps a face up to date while a job runs."""

    def __init__(self, face: Face, job: BulkJob, client: Client) -> None:
        self._face = face
        self._job = job
        self._client = client
        self._meter = Meter(job.total, job.earlier.settled if job.earlier else 0)

    async def watch(self) -> None:
        """Show a glance now and then, for ever."""
        while True:
            self._face.show(self._glance())
            await anyio.sleep(self._face.every)

    def end(self) -> None:
        """Show the last one."""
        self._face.end(self._glance())

    def _glance(self) -> Glance:
        job = self._job
        held = "paused" if job.paused else "waiting" if job.outage else ""
        pause = self._client.pace.statistics().paused_s
        return self._meter.read(job.report, Hold(job.allowed_rate, job.retrying, pause, held))
