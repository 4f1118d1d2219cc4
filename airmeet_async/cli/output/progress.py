"""Show how far a run is: a bar on a terminal, lines in a log file, JSON for programs, or nothing."""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import IO, TYPE_CHECKING, Any, cast

import anyio
from attrs import frozen

from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.report import BulkReport, RowStatus
from airmeet_async.cli.console import Console, standard_error
from airmeet_async.cli.output.summary import describe_others
from airmeet_async.client.client import Client
from airmeet_async.formatting import duration

if TYPE_CHECKING:
    from rich.console import Console as Terminal

TROUBLE = (RowStatus.REJECTED, RowStatus.FAILED, RowStatus.INVALID, RowStatus.UNKNOWN)
_UNDONE = (RowStatus.UNPROCESSED, RowStatus.UNKNOWN)  # as `airmeet runs` counts
_WINDOW_S, _LONG_WINDOW_S = 5.0, 30.0


@frozen
class Snapshot:
    """A run at one moment.

    Attributes:
        done: Rows that have a clear result: not those that a stop has left undone or without a clear answer.
        total: All rows, where that is known.
        counts: Results by status.
        rate: Rows per second lately, or None where that cannot be told yet.
        steady: Rows per second over a longer time, so that the time left does not jump with each pause.
        sent: Requests per second lately, or None as well.
        allowed: Requests per second that are allowed at present; None for no limit.
        ceiling: Requests per second that were asked for as a number.
        retrying: Number of rows that are waiting for a retry or being retried.
        elapsed_s: Seconds since the start.
        throttled: Replies with status 429 so far.
        slowed: Some of these came lately.
        paused_s: Seconds until sending goes on.
        held: Why nothing is sent for as long as it takes: ``paused`` by hand, ``waiting`` for the server; or nothing.
        said: What the server replied last, where that was no success.
        has_ended: The run is over, whether all rows have a result or not.
        results: Rows that have a result: those that were done before get theirs last.
        unverified: Rows that have succeeded, and whose invitation may not have been mailed.
        existing: Rows that were left out since the event has what they are about.
        done_words: What a row that succeeded is, and that its person is mailed.
    """

    done: int
    total: int | None
    counts: Mapping[RowStatus, int]
    rate: float | None = None
    steady: float | None = None
    sent: float | None = None
    allowed: float | None = None
    ceiling: float | None = None
    retrying: int = 0
    elapsed_s: float = 0.0
    throttled: int = 0
    slowed: bool = False
    paused_s: float = 0.0
    held: str = ""
    said: str = ""
    has_ended: bool = False
    results: int | None = None
    unverified: int = 0
    existing: int = 0
    done_words: tuple[str, str] = ("done", "")

    @property
    def succeeded(self) -> str:
        """How many rows have succeeded, in words."""
        word, mailed = self.done_words
        existing = f", {self.existing:,} in the event already" if self.existing else ""
        return f"{self.counts.get(RowStatus.SUCCEEDED, 0) - self.unverified:,} {word}{mailed}{existing}"

    @property
    def others(self) -> list[str]:
        """The same of all others, in the words of the summary."""
        return describe_others(self.counts, self.done_words[0], self.unverified, self.existing)

    @property
    def collects(self) -> bool:
        """Whether nothing is left to be sent, and only the results of rows that were done before are read."""
        if self.has_ended or self.total is None or self.results is None:
            return False
        return self.results < self.total <= self.done

    @property
    def is_over(self) -> bool:
        """Whether no row will get a result any more."""
        return self.has_ended or self.done == self.total

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take, or None where that cannot be told."""
        rate = self.rate if self.steady is None else self.steady
        if self.total is None or not rate or self.held or (self.has_ended and self.done < self.total):
            return None
        return self.paused_s + (self.total - self.done) / rate

    @property
    def state(self) -> str:
        """What keeps the run from going on at full speed, or nothing."""
        if self.is_over:
            return ""
        if self.held:
            waiting = f"waiting for the server: {self.said}" if self.said else "waiting for the server"
            return {"paused": "paused", "waiting": waiting}[self.held]
        if self.paused_s >= 0.5:
            return f"Airmeet asked for a pause of {duration(self.paused_s)}"
        return "throttled by Airmeet" if self.slowed else ""

    def speed(self, digits: int = 0) -> str:
        """Return ``48/s (limit 50)``: the requests per second, and at most how many were asked for."""
        if self.sent is None:
            return ""
        limit = ""
        if self.ceiling:
            limit = f" (limit {self.ceiling:{',.0f' if self.ceiling >= 10 else '.2g'}})"
        return f"{self.sent:,.{digits}f}/s{limit}"


class Meter:
    """Makes snapshots, and remembers a few seconds of them for the rates.

    Args:
        total: Rows there will be, where that is known.
    """

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._points = deque[tuple[float, int, int, int]]()  # time, rows done, requests, replies with 429

    def read(self, report: BulkReport, *, to_collect: int = 0, **others: Any) -> Snapshot:
        """Return the run as it is now.

        Args:
            report: The report so far.
            to_collect: Of the rows that it counts, those whose results have not been handed on yet.
            **others: Attributes of the snapshot that a report does not have.
        """
        counts = report.counts
        done = sum(n for status, n in counts.items() if status not in _UNDONE)
        now = (report.elapsed_s, done, report.attempts, report.throttled)
        self._points.append(now)
        while len(self._points) > 2 and now[0] - self._points[1][0] >= _LONG_WINDOW_S:
            self._points.popleft()
        first = self._points[0]
        then = next((point for point in reversed(self._points) if now[0] - point[0] >= _WINDOW_S), first)
        seconds = now[0] - then[0]
        rates: dict[str, Any] = {}
        if seconds > 0:
            steady = (done - first[1]) / (now[0] - first[0])
            rates = {"rate": (done - then[1]) / seconds, "steady": steady, "sent": (now[2] - then[2]) / seconds}
        return Snapshot(
            done,
            self._total,
            counts,
            unverified=report.unverified,
            existing=report.existing,
            elapsed_s=now[0],
            throttled=now[3],
            slowed=now[3] > then[3],
            results=sum(counts.values()) - to_collect,
            **rates,
            **others,
        )


def beside_bar(run: Snapshot) -> str:
    """Return what stands beside the bar."""
    if run.total is None:
        return f"{run.done:,} rows  in {duration(run.elapsed_s)}"
    if run.collects:
        return f"reading earlier results  {run.results:,}/{run.total:,}"
    parts = [f"{run.done:,}/{run.total:,}", f"{100 * run.done // run.total} %" if run.total else ""]
    if run.is_over:
        parts.append(f"in {duration(run.elapsed_s)}")
    elif run.left_s is not None:
        parts.append(f"{duration(run.left_s)} left")
    return "  ".join(filter(None, parts))


def below_bar(run: Snapshot) -> list[tuple[str, str]]:
    """Return what stands below the bar, each part with its colour; a narrow terminal leaves out the last ones."""
    parts = [
        (run.state, "yellow"),
        (run.succeeded, "green"),
        *((what, "red") for what in run.others),
        (f"{run.retrying:,} retrying" if run.retrying else "", "yellow"),
        (run.speed(), "cyan"),
        (f"{run.throttled:,}x throttled" if run.throttled else "", "dim"),
    ]
    return [part for part in parts if part[0]]


def plain_line(run: Snapshot) -> str:
    """Return one line for a log file."""
    if run.collects:
        return f"reading earlier results: {run.results:,} of {run.total:,} rows"
    of_total = f" of {run.total:,}" if run.total is not None else ""
    parts = [
        f"{run.done:,}{of_total} rows in {duration(run.elapsed_s)}",
        run.speed(1) if run.elapsed_s >= 1 else "",
        run.state,
    ]
    if run.left_s is not None and not run.is_over:
        parts.append(f"{duration(run.left_s)} left")
    parts += run.others
    if run.retrying:
        parts.append(f"{run.retrying:,} retrying")
    return ", ".join(filter(None, parts))


def progress_event(run: Snapshot) -> dict[str, Any]:
    """Return the documented JSON shape (``--progress json``)."""
    return {
        "event": "progress",
        "phase": "collecting" if run.collects else "sending",
        "rows_done": run.done,
        "rows_total": run.total,
        "counts": {status.value: run.counts.get(status, 0) for status in RowStatus},
        "throttled": run.throttled,
        "elapsed_s": round(run.elapsed_s, 3),
        "rate": None if run.rate is None else round(run.rate, 2),
        "sent_rate": None if run.sent is None else round(run.sent, 2),
        "allowed_rate": None if run.allowed is None else round(run.allowed, 2),
        "retrying": run.retrying,
        "left_s": None if run.left_s is None else round(run.left_s, 1),
        "paused_s": round(run.paused_s, 1),
        "held": run.held or None,
    }


class NoDisplay:
    """Shows nothing. ``every`` is how many seconds apart a display wants its snapshots."""

    every: float = 3600.0

    def show(self, run: Snapshot) -> None:
        """Show how far the run is."""

    def end(self, run: Snapshot) -> None:
        """Show how far it came."""
        self.show(run)


class LineDisplay(NoDisplay):
    """Writes a line now and then.

    Args:
        every: Seconds between them.
        write: Writes a snapshot as a line.
    """

    def __init__(self, every: float, write: Callable[[Snapshot], object]) -> None:
        self.every = every
        self._write = write

    def show(self, run: Snapshot) -> None:
        self._write(run)


class BarDisplay(NoDisplay):
    """Shows a bar and a line below it. Whatever else is said goes above them.

    Args:
        console: Who else speaks on the terminal.
        total: Rows there will be; without it there is no bar.
        terminal: Where they are shown; by default standard error.
    """

    every: float = 0.2

    def __init__(self, console: Console, total: int | None, terminal: "Terminal | None" = None) -> None:
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, Progress, TextColumn
        from rich.table import Column
        from rich.text import Text

        below = self._below = Text(no_wrap=True, overflow="ellipsis")

        class TwoLines(Progress):
            def get_renderables(self) -> Iterable[Any]:
                yield self.make_tasks_table(self.tasks)
                yield below

        bar = [] if total is None else [BarColumn(None, table_column=Column(ratio=1))]
        self._progress = TwoLines(
            *bar,
            TextColumn("[bold]{task.description}", table_column=Column(no_wrap=True)),
            console=terminal or Terminal(file=cast("IO[str]", standard_error()), highlight=False),
            auto_refresh=False,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task("", total=total and max(1, total))
        self._progress.start()
        self._progress.console.show_cursor(True)  # a process that is killed must not leave a terminal without one
        self._console = console
        console.write = lambda line: self._progress.console.print(line, markup=False, soft_wrap=True)

    def show(self, run: Snapshot) -> None:
        self._below.plain = ""
        for text, style in below_bar(run):
            if self._below and self._below.cell_len + 2 + len(text) > self._progress.console.width:
                break
            self._below.append("  " if self._below else "").append(text, style)
        self._progress.update(self._task, completed=run.done, description=beside_bar(run), refresh=True)

    def end(self, run: Snapshot) -> None:
        self.show(run)
        self._progress.stop()
        self._console.write = self._console.write_plainly


def can_draw() -> bool:
    """Whether standard error is a terminal that can move its cursor."""
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def choose_display(wanted: str, console: Console, total: int | None) -> NoDisplay:
    """Return the display for a choice; a bar needs a terminal that can draw one, else there are plain lines."""
    if wanted == "json":
        return LineDisplay(1.0, lambda run: console.write_plainly(json.dumps(progress_event(run))))
    if wanted == "none":
        return NoDisplay()
    if can_draw() and wanted != "plain":
        return BarDisplay(console, total)
    return LineDisplay(10.0, lambda run: console.write(plain_line(run)))


class PhaseDisplay:
    """Says how far a phase before or after the sending is, if it lasts over a second; call it with the rows so far.

    Args:
        wanted: The choice of display.
        console: Who else speaks on the terminal.
        phase: For programs: ``reading`` or ``writing``.
        text: The same for people.
        total: Rows there will be, where that is known.
        clock: Tells the time in seconds.
    """

    def __init__(
        self, wanted: str, console: Console, phase: str, text: str, total: int | None = None,
        *, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._wanted = wanted
        self._console = console
        self._phase = phase
        self._text = text
        self._total = total
        self._clock = clock
        self._next = clock() + 1.0
        self._is_drawn = False
        self._draws = can_draw() and wanted in {"auto", "bar"}
        self._every = 0.2 if self._draws else 1.0 if wanted == "json" else 10.0

    def __call__(self, n: int) -> None:
        if self._wanted == "none" or (now := self._clock()) < self._next:
            return
        self._next = now + self._every
        if self._wanted == "json":
            event = {"event": "phase", "phase": self._phase, "rows_done": n, "rows_total": self._total}
            self._console.write_plainly(json.dumps(event))
            return
        line = f"{self._text}: {n:,}{'' if self._total is None else f' of {self._total:,}'} rows"
        if self._draws:
            self._console.draw(line)
            self._is_drawn = True
        else:
            self._console.write(line)

    def end(self) -> None:
        """Take the line away, where it was drawn."""
        if self._is_drawn:
            self._console.draw("")


class RunProgress:
    """Keeps a display up to date while a job runs; *done* is as of `Snapshot.done_words`."""

    def __init__(self, display: NoDisplay, job: BulkJob, client: Client, done: tuple[str, str]) -> None:
        self._display = display
        self._job = job
        self._client = client
        self._meter = Meter(job.total)
        self._done_words = done

    async def watch(self) -> None:
        """Show a snapshot now and then, for ever."""
        while True:
            self._display.show(self._now(has_ended=False))
            await anyio.sleep(self._display.every)

    def state(self) -> str:
        """Return what keeps the run from going on at full speed, or nothing."""
        return self._now(has_ended=False).state

    def end(self) -> None:
        """Show the last one."""
        self._display.end(self._now(has_ended=True))

    def _now(self, *, has_ended: bool) -> Snapshot:
        return self._meter.read(
            self._job.report,
            to_collect=self._job.to_collect,
            allowed=self._job.allowed_rate,
            ceiling=self._job.rate_ceiling,
            retrying=self._job.retrying,
            paused_s=self._client.pace.statistics().paused_s,
            held="paused" if self._job.paused else "waiting" if self._job.outage else "",
            said=self._job.last_reply,
            has_ended=has_ended,
            done_words=self._done_words,
        )
