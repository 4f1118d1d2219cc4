"""How a run went over time, in a fixed amount of memory: some hundred slots, which get longer as the run does. Pure."""

from collections import Counter
from typing import Any

from attrs import frozen

from airmeet_async.bulk.report import BulkReport
from airmeet_async.cli.output.progress import TROUBLE

_MOST = 240
_SHORTEST = 0.25


@frozen
class Slot:
    """A piece of a run.

    Attributes:
        start: Seconds since the run's start.
        end: The same.
        requests: How many were sent for rows.
        retries: Of these, how many were not a row's first.
        throttled: Answers with status 429.
        tokens: Tokens fetched.
        failed: Rows that ended without success.
        allowed: Requests per second that were allowed, on average; None for no limit.
        paused_s: Seconds in which nothing was sent, because Airmeet or somebody has asked for it.
    """

    start: float
    end: float
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    tokens: int = 0
    failed: int = 0
    allowed: float | None = None
    paused_s: float = 0.0

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds if self.seconds > 0 else 0.0

    def joined(self, later: "Slot") -> "Slot":
        """Return this slot and the one that follows it as one."""
        return Slot(
            self.start,
            later.end,
            self.requests + later.requests,
            self.retries + later.retries,
            self.throttled + later.throttled,
            self.tokens + later.tokens,
            self.failed + later.failed,
            _mean(self, later),
            self.paused_s + later.paused_s,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the documented JSON shape (the summary in ``--report``)."""
        return {
            "start_s": round(self.start, 3),
            "end_s": round(self.end, 3),
            "requests": self.requests,
            "retries": self.retries,
            "throttled": self.throttled,
            "token_refreshes": self.tokens,
            "failed": self.failed,
            "allowed_rate": None if self.allowed is None else round(self.allowed, 2),
            "paused_s": round(self.paused_s, 3),
        }


def _mean(one: Slot, other: Slot) -> float | None:
    if one.allowed is None or other.allowed is None:
        return other.allowed if one.allowed is None else one.allowed
    seconds = one.seconds + other.seconds
    if seconds <= 0:
        return other.allowed
    return (one.allowed * one.seconds + other.allowed * other.seconds) / seconds


class Timeline:
    """Makes slots of reports that come now and then. All that the last report counts is in one slot or another.

    Args:
        most: Slots to keep; when there are more, each two become one.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._shortest = _SHORTEST
        self._slots: list[Slot] = []
        self._last: Counter[str] = Counter()
        self._end = 0.0

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots so far, one after the other without a gap."""
        return tuple(self._slots)

    def note(self, report: BulkReport, allowed: float | None, *, paused: bool = False) -> None:
        """Take what a report says beyond the last one.

        Args:
            report: Of the run so far.
            allowed: Requests per second that are allowed at present.
            paused: Nothing is sent at present.
        """
        now, counters = max(report.elapsed_s, self._end), _counters(report)
        since = {name: n - self._last[name] for name, n in counters.items()}
        slot = Slot(self._end, now, allowed=allowed, paused_s=now - self._end if paused else 0.0, **since)
        self._last, self._end = counters, now
        if self._slots and self._slots[-1].seconds < self._shortest:
            slot = self._slots.pop().joined(slot)
        self._slots.append(slot)
        if len(self._slots) > self._most:
            self._halve()

    def _halve(self) -> None:
        pairs = zip(self._slots[::2], self._slots[1::2], strict=False)
        rest = self._slots[-1:] if len(self._slots) % 2 else []
        self._slots = [one.joined(other) for one, other in pairs] + rest
        self._shortest *= 2


def _counters(report: BulkReport) -> Counter[str]:
    """Return what only ever grows."""
    return Counter(
        requests=report.attempts,
        retries=report.retries,
        throttled=report.throttled,
        tokens=report.token_refreshes,
        failed=sum(report.counts[status] for status in TROUBLE),
    )
