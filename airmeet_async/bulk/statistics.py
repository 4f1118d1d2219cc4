"""Statistics of a run, from which its `BulkReport` is made. Pure."""

import math
import re
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from typing import Final

from airmeet_async.bulk.report import (
    CHANGED,
    EXISTS,
    EXISTS_DIFFERENT,
    MAILED_ELSEWHERE,
    OTHER_NAME,
    BulkReport,
    FailureGroup,
    Invite,
    RowResult,
    RowStatus,
    RowWarning,
    StopReason,
    place_of,
)
from airmeet_async.errors import BulkStoppedError
from airmeet_async.protocol.classify_reply import Kind, Verdict

_MOST_GROUPS = 200
_SAMPLES = 5
_KINDS_PER_CODE = 5
_GROUPED = frozenset({RowStatus.REJECTED, RowStatus.FAILED, RowStatus.INVALID, RowStatus.UNKNOWN})
_LEFT_OUT = frozenset({RowStatus.INVALID, RowStatus.DUPLICATE})
_MOST_BUFFERED = 1024
_NAMED = frozenset({OTHER_NAME, MAILED_ELSEWHERE})  # of the rows that are no failures
_IN_EVENT = frozenset({EXISTS, EXISTS_DIFFERENT})
_OF_NO_RUN = frozenset({RowStatus.INVALID, RowStatus.DUPLICATE, RowStatus.UNPROCESSED})


class KnownResults:
    """Counts the results that are known when a run begins, and are handed on at its end: nothing is sent for them."""

    def __init__(self) -> None:
        self.counts: Counter[RowStatus] = Counter()
        self.unverified: int = 0
        self.existing: int = 0
        self.existing_different: int = 0

    def take(self, results: Sequence[RowResult]) -> None:
        """Count those no more that are handed on now."""
        self.counts.subtract(result.status for result in results)
        for result in results:
            self.unverified -= is_unverified(result)
            if result.error is not None and result.error.code in _IN_EVENT:
                self.existing -= 1
                self.existing_different -= result.error.code == EXISTS_DIFFERENT


def is_unverified(result: RowResult) -> bool:
    """Whether it succeeded, and nobody knows whether its invitation was mailed."""
    return result.invite is Invite.UNVERIFIED and result.status is RowStatus.SUCCEEDED


class RunStatistics:
    """The counts of one run, in a fixed amount of memory."""

    changed: int
    existing: int
    existing_different: int
    unverified: int
    unverified_earlier: int
    attempts: int
    retries: int
    throttled: int
    warned: int

    def __init__(self) -> None:
        self.rows_read = 0
        self.counts: Counter[RowStatus] = Counter()
        self.earlier_counts: Counter[RowStatus] = Counter()
        self.changed = 0
        self.existing = self.existing_different = 0
        self.unverified = self.unverified_earlier = 0
        self.attempts = 0
        self.retries = 0
        self.throttled = 0
        self.warned = 0
        self._second = self._this_second = 0
        self._buffered: list[float] = []
        self._peak = 0
        self._latencies = LatencyHistogram()
        self._failures = CauseCounter()
        self._warnings = CauseCounter(by_code=True)

    def count_attempt(self, verdict: Verdict, latency: float, now: float, nth: int) -> None:
        """Count one attempt, the row's *nth*; one that never left counts for nothing."""
        kind = verdict.kind
        if kind is Kind.NOT_SENT:
            return
        self.attempts += 1
        if nth > 1:
            self.retries += 1
        if verdict.is_throttling:
            self.throttled += 1
        if int(now) != self._second or len(self._buffered) >= _MOST_BUFFERED:
            self._flush_latencies(int(now))
        self._buffered.append(latency)

    def _flush_latencies(self, now: int) -> None:
        """Count the buffered latencies: bisecting for many at once costs a row less."""
        self._this_second += len(self._buffered)
        self._peak = max(self._peak, self._this_second)
        if now != self._second:
            self._second, self._this_second = now, 0
        self._latencies.add(self._buffered)
        self._buffered.clear()

    def count_plain_successes(self, latencies: Sequence[float], now: float) -> None:
        """Count attempts that each were the only one of a row, and succeeded."""
        self.attempts += len(latencies)
        if int(now) != self._second or len(self._buffered) >= _MOST_BUFFERED:
            self._flush_latencies(int(now))
        self._buffered += latencies

    def count_latencies_of(self, results: Sequence[RowResult]) -> None:
        """Count the response times that results tell, where another process has sent them.

        A row that was sent more than once says only how long that took, waits included.
        """
        found = [
            result.latency_s
            for result in results
            if result.latency_s is not None and result.attempts == 1 and not result.from_earlier_run
        ]
        self._latencies.add(found)

    def count_results(self, results: Sequence[RowResult], *, plain: bool = False) -> None:
        """Count results; *plain*: all of them are successes of this run, at the first attempt."""
        if plain:
            self.counts[RowStatus.SUCCEEDED] += len(results)
            for result in filter(attrgetter("warnings"), results):
                self._count_warnings(result)
            return
        for result in results:
            self.counts[result.status] += 1
            if result.from_earlier_run:
                self.earlier_counts[result.status] += 1
            if result.warnings:
                self._count_warnings(result)
            if is_unverified(result):
                self.unverified += 1
                self.unverified_earlier += result.from_earlier_run
            error = result.error
            if error is not None and error.code in _IN_EVENT:
                self.existing += 1
                self.existing_different += error.code == EXISTS_DIFFERENT
            if error is not None and (result.status in _GROUPED or error.code in _NAMED):
                self._failures.add(error.code, error.message, place_of(result))

    def _count_warnings(self, result: RowResult) -> None:
        """Count what is said of a row that was to be sent; that it has changed also of one of an earlier run."""
        is_changed = CHANGED in result.warnings
        self.changed += is_changed
        is_counted = not result.from_earlier_run and result.status not in _LEFT_OUT
        self.warned += is_changed or is_counted
        if is_counted:
            for code, messages in warnings_by_code(result.warnings).items():
                if code != CHANGED.code:
                    self._warnings.add(code, messages, place_of(result))

    def report(
        self,
        job: str,
        elapsed: float,
        *,
        refreshes: int,
        stop: StopReason | None,
        stop_message: str,
        final: bool,
        known: KnownResults | None = None,
    ) -> BulkReport:
        """Return the report so far; *final*: of the whole run, so its counts must add up.

        Args:
            job: The run's id.
            elapsed: Seconds since its start.
            refreshes: Tokens fetched.
            stop: Why it ended early.
            stop_message: The same in a sentence.
            final: Of the whole run.
            known: Results that have not been handed on yet.

        Raises:
            BulkStoppedError: They do not, which would be an error of this library.
        """
        if final and self.counts.total() != self.rows_read:
            message = f"internal error: {self.rows_read} rows were read but {self.counts.total()} have a result"
            raise BulkStoppedError(message, stop_reason="internal")
        self._flush_latencies(self._second)
        mean = self.attempts / max(elapsed, 1.0)
        known = known or KnownResults()
        counts, earlier = self.counts + known.counts, self.earlier_counts.copy()
        earlier.update({status: n for status, n in known.counts.items() if status not in _OF_NO_RUN})
        left = counts[RowStatus.UNPROCESSED] + counts[RowStatus.UNKNOWN] + counts[RowStatus.FAILED]
        return BulkReport(
            job=job,
            rows_read=self.rows_read + known.counts.total(),
            counts={status: counts[status] for status in RowStatus},
            earlier_counts={status: earlier[status] for status in RowStatus},
            changed=self.changed,
            existing=self.existing + known.existing,
            existing_different=self.existing_different + known.existing_different,
            unverified=self.unverified + known.unverified,
            unverified_earlier=self.unverified_earlier + known.unverified,
            attempts=self.attempts,
            retries=self.retries,
            throttled=self.throttled,
            token_refreshes=refreshes,
            elapsed_s=elapsed,
            rate_mean=mean,
            rate_peak=max(float(self._peak), mean),
            latency_ms=self._latencies.percentiles(),
            failures=self._failures.groups(),
            warned_rows=self.warned,
            warnings=self._warnings.groups(),
            stop_reason=stop,
            stop_message=stop_message,
            resumable=bool(left) or stop is not None,
        )


def warnings_by_code(warnings: Sequence[RowWarning]) -> dict[str, str]:
    """Return what is said of a row, by code: a row with two texts that are cut counts once."""
    found: dict[str, str] = {}
    for warning in warnings:
        found[warning.code] = f"{found[warning.code]}; {warning}" if warning.code in found else str(warning)
    return found


class CauseCounter:
    """Counts rows by what is the matter with them, in a bounded amount of memory.

    Messages that differ in names, addresses and numbers only are one cause; its message is that of its first row. What
    the event has already is one cause, whatever its id is and what differs.

    Args:
        by_code: Whatever the messages are, a code is one cause.
    """

    _details: Final = re.compile(r"""'[^']*'|"(?:[^"\\]|\\.)*"|\S+@\S+|\d[\d,]*""")

    def __init__(self, *, by_code: bool = False) -> None:
        self._by_code = by_code
        self._counts: Counter[tuple[str, str]] = Counter()
        self._first: dict[tuple[str, str], list[tuple[int, str]]] = {}
        self._last: dict[tuple[str, str], int] = {}

    def add(self, code: str, message: str, place: int) -> None:
        """Count a row, by its line or number; once, if that is said of it twice in succession."""
        name = (code, "" if self._by_code or code in _IN_EVENT else self._details.sub("…", message))
        if name not in self._counts and sum(known == code for known, _ in self._counts) >= _KINDS_PER_CODE:
            name = (code, "")
        if name not in self._counts and len(self._counts) >= _MOST_GROUPS:
            name = ("other", "")
        if self._last.get(name) == place:
            return
        self._last[name] = place
        self._counts[name] += 1
        first = self._first.setdefault(name, [])
        if len(first) < _SAMPLES or place < first[-1][0]:
            insort(first, (place, message))
            del first[_SAMPLES:]

    def groups(self) -> tuple[FailureGroup, ...]:
        """Return the causes, most rows first."""
        return tuple(
            FailureGroup(name[0], self._first[name][0][1], n, tuple(place for place, _ in self._first[name]))
            for name, n in self._counts.most_common()
        )


class LatencyHistogram:
    """Percentiles to within five per cent, from 10 µs to 10,000 s: a histogram whose bins grow by that factor."""

    # The upper ends of the bins in milliseconds.
    _bounds = tuple(0.01 * 1.05**number for number in range(math.ceil(math.log(1e9, 1.05))))

    def __init__(self) -> None:
        self._bins = [0] * (len(self._bounds) + 1)
        self._most = 0.0

    def add(self, seconds: Sequence[float]) -> None:
        bounds, bins = self._bounds, self._bins
        for one in seconds:
            bins[bisect_left(bounds, one * 1000)] += 1
        self._most = max(self._most, *seconds, 0.0)

    def percentiles(self) -> dict[str, float]:
        """Return milliseconds for ``p50``, ``p90``, ``p99`` and ``max``; nothing where nothing was counted."""
        total = sum(self._bins)
        if not total:
            return {}
        found = {f"p{share}": self._at(total * share / 100) for share in (50, 90, 99)}
        return {**found, "max": self._most * 1000}

    def _at(self, rank: float) -> float:
        passed = 0
        for bound, count in zip(self._bounds, self._bins, strict=False):
            passed += count
            if passed >= rank:
                return min(bound, self._most * 1000)
        return self._most * 1000
