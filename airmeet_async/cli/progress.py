"""How far a run is, as text. Pure; `faces` shows it."""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from airmeet_async.bulk.prose import duration
from airmeet_async.bulk.report import BulkReport, RowStatus

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
