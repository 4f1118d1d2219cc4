"""The ways of showing progress: a bar, plain lines, JSON lines, nothing."""

import json
import os
import sys
from collections.abc import Callable
from typing import IO, Protocol, cast

import anyio

from airmeet_async.bulk.job import BulkJob
from airmeet_async.cli.progress import Glance, Meter, bar_text, event, plain_line
from airmeet_async.cli.voice import Voice, standard_error
from airmeet_async.client.client import Client

_BAR_WIDTH = 20


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


class Bar:
    """Shows a bar, below which nothing else is written: the voice goes above it while it is on.

    Args:
        voice: Who else speaks on the terminal.
        total: Rows there will be.
    """

    every = 0.2

    def __init__(self, voice: Voice, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column

        console = Console(file=cast("IO[str]", standard_error()))
        text = TextColumn("{task.fields[text]}", markup=False, table_column=Column(no_wrap=True))
        # Narrow, so that the ^C a terminal writes behind it stays on the same line and is wiped with it.
        self._bar = Progress(BarColumn(_BAR_WIDTH), text, console=console, auto_refresh=False)
        self._task = self._bar.add_task("", total=total, text="")
        self._voice = voice
        voice.write = self._above
        self._bar.start()

    def _above(self, line: str) -> None:
        self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def show(self, glance: Glance) -> None:
        """Move the bar."""
        self._bar.update(self._task, completed=glance.done, text=bar_text(glance), refresh=True)

    def end(self, glance: Glance) -> None:
        """Leave the bar as it is."""
        self.show(glance)
        self._bar.stop()
        self._voice.write = self._voice.plainly


def choose(wanted: str, voice: Voice, total: int | None) -> Face:
    """Return the face for a choice; ``auto`` is a bar on a terminal that can draw one, else plain lines."""
    if wanted == "auto":
        wanted = "bar" if draws_bars() else "plain"
    if wanted == "bar":
        return Bar(voice, total)
    if wanted == "plain":
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
        held = "paused" if self._job.paused else "waiting" if self._job.outage else ""
        return self._meter.read(self._job.report, self._client.pace.statistics().paused_s, held)
