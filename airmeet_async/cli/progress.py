"""How far a run is, as text. Pure; `faces` shows it."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from airmeet_async.bulk.prose import duration
from airmeet_async.bulk.report import BulkReport, RowStatus

TROUBLE = (RowStatus.REJECTED, RowStatus.FAILED, RowStatus.INVALID, RowStatus.UNKNOWN)
_EARLY = (RowStatus.SKIPPED, RowStatus.INVALID, RowStatus.DUPLICATE)
_WINDOW = 5.0
_HELD = {"paused": "paused", "waiting": "waiting for the server"}


@frozen
class Glance:
    """One look at a run.

    Attributes:
        done: Rows that have a result, those left aside that a stop has overtaken.
        total: All rows, where that is known.
        counts: Results by status.
        rate: Rows per second lately, or None where that cannot be told yet.
        elapsed_s: Seconds since the start.
        throttled: Answers with status 429 so far.
        paused_s: Seconds until sending goes on.
        held: Why nothing is sent for as long as it takes: ``paused`` by hand, ``waiting`` for the server; or nothing.
    """

    done: int
    total: int | None
    counts: Mapping[RowStatus, int]
    rate: float | None = None
    elapsed_s: float = 0.0
    throttled: int = 0
    paused_s: float = 0.0
    held: str = ""

    @property
    def trouble(self) -> int:
        """Rows that have a result, but not the one that was hoped for."""
        return sum(self.counts.get(status, 0) for status in TROUBLE)

    @property
    def left_s(self) -> float | None:
        """Seconds that the rest will take, or None where that cannot be told."""
        if self.total is None or not self.rate or self.held:
            return None
        return self.paused_s + max(0, self.total - self.done) / self.rate


class Meter:
    """Makes glances of reports, and remembers a few seconds of them for the rate.

    Args:
        total: Rows there will be, where that is known.
        settled: How many of them were settled before this run. They are done from the start, though their results
            come last.
    """

    def __init__(self, total: int | None, settled: int = 0) -> None:
        self._total = total
        self._settled = settled
        self._points: deque[tuple[float, int]] = deque()

    def read(self, report: BulkReport, paused_s: float = 0.0, held: str = "") -> Glance:
        """Look at the run."""
        done, now = self._done(report.counts), report.elapsed_s
        self._points.append((now, done))
        while len(self._points) > 2 and now - self._points[1][0] >= _WINDOW:
            self._points.popleft()
        then, done_then = self._points[0]
        rate = (done - done_then) / (now - then) if now > then else None
        return Glance(done, self._total, report.counts, rate, now, report.throttled, paused_s, held)

    def _done(self, counts: Mapping[RowStatus, int]) -> int:
        early = sum(counts[status] for status in _EARLY)
        done = sum(counts.values()) - counts[RowStatus.UNPROCESSED] + max(0, self._settled - early)
        return done if self._total is None else min(self._total, done)


def bar_text(glance: Glance) -> str:
    """Return what stands beside the bar; it leaves the bar room in 80 columns even for a million rows."""
    parts = [f"{glance.done:,}/{glance.total:,}" if glance.total is not None else f"{glance.done:,}"]
    if glance.held:
        parts.append(_HELD[glance.held])
    elif glance.paused_s >= 0.5:
        parts.append(f"paused {duration(glance.paused_s)}")
    elif glance.rate is not None:
        parts.append(f"{glance.rate:,.0f}/s")
    if glance.done == glance.total:
        parts.append(f"in {duration(glance.elapsed_s)}")
    elif glance.left_s is not None:
        parts.append(f"{duration(glance.left_s)} left")
    if glance.trouble:
        parts.append(f"{glance.trouble:,} not ok")
    return "  ".join(parts)


def plain_line(glance: Glance) -> str:
    """Return one line for a log file."""
    of_total = f" of {glance.total:,}" if glance.total is not None else ""
    parts = [f"{glance.done:,}{of_total} rows in {duration(glance.elapsed_s)}"]
    if glance.held:
        parts.append(_HELD[glance.held])
    elif glance.paused_s >= 0.5:
        parts.append(f"paused for {duration(glance.paused_s)}")
    elif glance.rate is not None:
        parts.append(f"{glance.rate:,.1f} rows/s")
    if glance.left_s is not None and glance.done != glance.total:
        parts.append(f"{duration(glance.left_s)} left")
    if glance.trouble:
        parts.append(f"{glance.trouble:,} did not succeed")
    return ", ".join(parts)


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
        "left_s": None if glance.left_s is None else round(glance.left_s, 1),
        "paused_s": round(glance.paused_s, 1),
        "held": glance.held or None,
    }
