"""How far a run is, as text. Pure; `faces` shows it."""

import json
import os
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Protocol, cast

import anyio
from attrs import evolve, frozen

from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.report import BulkReport, RowStatus
from airmeet_async.cli.console import Voice, standard_error
from airmeet_async.client.client import Client
from airmeet_async.formatting import duration

TROUBLE = (RowStatus.REJECTED, RowStatus.FAILED, RowStatus.INVALID, RowStatus.UNKNOWN)
_EARLY = (RowStatus.SKIPPED, RowStatus.INVALID, RowStatus.DUPLICATE)
_WINDOW, _LONG_WINDOW = 5.0, 30.0
_HELD = {"paused": "paused", "waiting": "waiting for the server"}


@frozen
class Glance:
    """One look at a run.

    Attributes:
        done: Rows that have a result, those left aside that a stop has overtaken.
        total: All rows, where that is known.
        counts: Results by status.
        rate: Rows per second lately, or None where that cannot be told yet.
        steady: Rows per second over a longer time, so that what is left does not jump with each pause.
        sent: Requests per second lately, or None as well.
        allowed: Requests per second that are allowed; None for no limit.
        retrying: Rows that were sent, and will be sent again or are being sent again.
        elapsed_s: Seconds since the start.
        throttled: Answers with status 429 so far.
        slowed: Some of these came lately.
        paused_s: Seconds until sending goes on.
        held: Why nothing is sent for as long as it takes: ``paused`` by hand, ``waiting`` for the server; or nothing.
    """

    done: int
    total: int | None
    counts: Mapping[RowStatus, int]
    rate: float | None = None
    steady: float | None = None
    sent: float | None = None
    allowed: float | None = None
    retrying: int = 0
    elapsed_s: float = 0.0
    throttled: int = 0
    slowed: bool = False
    paused_s: float = 0.0
    held: str = ""

    @property
    def trouble(self) -> int:
        """Rows that have a result, but not the one that was hoped for."""
        return sum(self.counts.get(status, 0) for status in TROUBLE)

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take, or None where that cannot be told."""
        rate = self.rate if self.steady is None else self.steady
        if self.total is None or not rate or self.held:
            return None
        return self.paused_s + max(0, self.total - self.done) / rate


@frozen
class Hold:
    """What bears on a run besides its counts.

    Attributes:
        allowed: As in `Glance`.
        retrying: As in `Glance`.
        paused_s: As in `Glance`.
        held: As in `Glance`.
    """

    allowed: float | None = None
    retrying: int = 0
    paused_s: float = 0.0
    held: str = ""


@frozen
class _Point:
    time: float
    done: int
    sent: int
    throttled: int


class Meter:
    """Makes glances of reports, and remembers a few seconds of them for the rates.

    Args:
        total: Rows there will be, where that is known.
        settled: How many of them were settled before this run. They are done from the start, though their results
            come last.
    """

    def __init__(self, total: int | None, settled: int = 0) -> None:
        self._total = total
        self._settled = settled
        self._points: deque[_Point] = deque()

    def read(self, report: BulkReport, hold: Hold = Hold()) -> Glance:
        """Look at the run."""
        now = _Point(report.elapsed_s, self._done(report.counts), report.attempts, report.throttled)
        self._points.append(now)
        while len(self._points) > 2 and now.time - self._points[1].time >= _LONG_WINDOW:
            self._points.popleft()
        first = self._points[0]
        then = next((point for point in reversed(self._points) if now.time - point.time >= _WINDOW), first)
        seconds = now.time - then.time
        return Glance(
            now.done,
            self._total,
            report.counts,
            rate=(now.done - then.done) / seconds if seconds > 0 else None,
            steady=(now.done - first.done) / (now.time - first.time) if seconds > 0 else None,
            sent=(now.sent - then.sent) / seconds if seconds > 0 else None,
            allowed=hold.allowed,
            retrying=hold.retrying,
            elapsed_s=now.time,
            throttled=now.throttled,
            slowed=now.throttled > then.throttled,
            paused_s=hold.paused_s,
            held=hold.held,
        )

    def _done(self, counts: Mapping[RowStatus, int]) -> int:
        early = sum(counts[status] for status in _EARLY)
        done = sum(counts.values()) - counts[RowStatus.UNPROCESSED] + max(0, self._settled - early)
        return done if self._total is None else min(self._total, done)


def state(glance: Glance) -> str:
    """Say what keeps the run from going on at full speed, or nothing."""
    if glance.held:
        return _HELD[glance.held]
    if glance.paused_s >= 0.5:
        return f"asked to wait {duration(glance.paused_s)}"
    return "throttled by Airmeet" if glance.slowed else ""


def speed(glance: Glance, digits: int = 0) -> str:
    """Return ``48 of 50/s``: the requests per second, and how many are allowed."""
    if glance.sent is None:
        return ""
    limit = "" if glance.allowed is None else f" of {_short(glance.allowed)}"
    return f"{glance.sent:,.{digits}f}{limit}/s"


def _short(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


@frozen
class Part:
    """A piece of a line of the display.

    Attributes:
        text: What it says.
        style: How it is shown, in the words of rich.
        rank: Parts of the highest rank are the first to go where there is no room.
    """

    text: str
    style: str = ""
    rank: int = 0


def upper(glance: Glance) -> list[Part]:
    """Return what stands beside the bar: how far it is."""
    if glance.total is None:
        return [Part(f"{glance.done:,} rows", "bold"), Part(f"in {duration(glance.elapsed_s)}", "dim", 1)]
    parts = [Part(f"{glance.done:,}/{glance.total:,}", "bold")]
    if glance.total:
        parts.append(Part(f"{100 * glance.done // glance.total} %", "", 2))
    if glance.done == glance.total:
        parts.append(Part(f"in {duration(glance.elapsed_s)}", "", 1))
    elif glance.left_s is not None:
        parts.append(Part(f"{duration(glance.left_s)} left", "", 1))
    return parts


def lower(glance: Glance) -> list[Part]:
    """Return what stands below the bar: how it goes. The state comes first, and is the last to go."""
    over = glance.done == glance.total
    parts = [
        Part("" if over else state(glance), "yellow"),
        Part("" if over and glance.sent is None else speed(glance), "cyan", 3),
        Part(f"{glance.counts.get(RowStatus.SUCCEEDED, 0):,} ok", "green", 2),
        Part(f"{glance.trouble:,} failed" if glance.trouble else "", "red", 1),
        Part(f"{glance.retrying:,} retrying" if glance.retrying else "", "yellow", 4),
        Part(f"{glance.throttled:,}x throttled" if glance.throttled else "", "dim", 5),
    ]
    return [part for part in parts if part.text]


def fitted(parts: Sequence[Part], width: int) -> list[Part]:
    """Return the parts that fit into *width* columns, two blanks between them; the last one may be cut."""
    kept = list(parts)
    while len(kept) > 1 and sum(len(part.text) + 2 for part in kept) - 2 > width:
        kept.remove(max(kept, key=lambda part: part.rank))
    return [evolve(part, text=part.text[: max(0, width)]) for part in kept]


def plain_line(glance: Glance) -> str:
    """Return one line for a log file."""
    of_total = f" of {glance.total:,}" if glance.total is not None else ""
    parts = [f"{glance.done:,}{of_total} rows in {duration(glance.elapsed_s)}"]
    over = glance.done == glance.total
    parts += [speed(glance, 1), "" if over else state(glance)]
    if glance.left_s is not None and not over:
        parts.append(f"{duration(glance.left_s)} left")
    if glance.trouble:
        parts.append(f"{glance.trouble:,} did not succeed")
    if glance.retrying:
        parts.append(f"{glance.retrying:,} retrying")
    return ", ".join(filter(None, parts))


def event(glance: Glance) -> dict[str, Any]:
    """Return the documented JSON shape (``--progress json``)."""
    return {
        "event": "progress",
        "rows_done": glance.done,
        "rows_total": glance.total,
        "counts": {status.value: glance.counts.get(status, 0) for status in RowStatus},
        "throttled": glance.throttled,
        "elapsed_s": round(glance.elapsed_s, 3),
        "rate": None if glance.rate is None else round(glance.rate, 2),
        "sent_rate": None if glance.sent is None else round(glance.sent, 2),
        "allowed_rate": None if glance.allowed is None else round(glance.allowed, 2),
        "retrying": glance.retrying,
        "left_s": None if glance.left_s is None else round(glance.left_s, 1),
        "paused_s": round(glance.paused_s, 1),
        "held": glance.held or None,
    }


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


if TYPE_CHECKING:
    from rich.console import Console
    from rich.segment import Segment
    from rich.text import Text

_EDGE = 3
_SHORTEST, _LONGEST = 8, 36


class Display:
    """Shows the two lines. The voice goes above them while they are on.

    Args:
        voice: Who else speaks on the terminal.
        total: Rows there will be; without it there is no bar.
        console: Where they are shown.
    """

    every = 0.2

    def __init__(self, voice: Voice, total: int | None, console: "Console | None" = None) -> None:
        from rich.console import Console

        self._console = console or Console(file=cast("IO[str]", standard_error()), highlight=False)
        self._total = total
        self._voice = voice
        self._glance: Glance | None = None
        self._widest = 0
        voice.write = self._above

    def show(self, glance: Glance) -> None:
        """Paint the lines."""
        self._glance = glance
        with self._console:  # all of it in one write, so that nothing flickers
            self._wipe()
            self._paint(glance)

    def end(self, glance: Glance) -> None:
        """Leave the lines as they are."""
        self.show(glance)
        self._console.line()
        self._widest = 0
        self._voice.write = self._voice.plainly

    def _above(self, line: str) -> None:
        with self._console:
            self._wipe()
            self._console.print(line, markup=False, soft_wrap=True)
            if self._glance is not None:
                self._paint(self._glance)

    def _wipe(self) -> None:
        from rich.control import Control
        from rich.segment import ControlType

        if not self._widest:
            return
        if self._widest > self._console.width:
            self._console.line()
        else:
            wipe = (ControlType.ERASE_IN_LINE, 2)
            self._console.control(Control(ControlType.CARRIAGE_RETURN, wipe, (ControlType.CURSOR_UP, 1), wipe))
        self._widest = 0

    def _paint(self, glance: Glance) -> None:
        room = max(1, self._console.width - _EDGE)
        above, below = self._bar(glance, room), _text(fitted(lower(glance), room))
        self._console.print(above, no_wrap=True, crop=False)
        self._console.print(below, no_wrap=True, crop=False, end="")
        self._widest = max(above.cell_len, below.cell_len, 1)

    def _bar(self, glance: Glance, room: int) -> "Text":
        """Return the bar, as long as there is room for one, and how far it is."""
        from rich.progress_bar import ProgressBar

        beside = _text(fitted(upper(glance), room))
        width = min(_LONGEST, room - beside.cell_len - 2)
        if self._total is None or width < _SHORTEST:
            return beside
        bar = ProgressBar(
            total=max(1, self._total),
            completed=glance.done,
            width=width,
            complete_style="cyan",
            finished_style="green",
        )
        segments = [segment for segment in self._console.render(bar) if segment.text.strip("\n")]
        beside.pad_left(2)
        return _text_of(segments) + beside


def _text(parts: list[Part]) -> "Text":
    from rich.text import Text

    return Text("  ").join([Text(part.text, part.style) for part in parts])


def _text_of(segments: "list[Segment]") -> "Text":
    from rich.text import Text

    return Text.assemble(*((segment.text, segment.style or "") for segment in segments))
