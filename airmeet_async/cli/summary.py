"""What a run has done, in words. Pure, and without a single entry link."""

from collections.abc import Iterable, Sequence

from attrs import frozen

from airmeet_async.bulk.report import BulkReport, FailureGroup, RowStatus
from airmeet_async.cli.progress import duration

MEANINGS = {
    RowStatus.SUCCEEDED: "",
    RowStatus.REJECTED: "Airmeet said no",
    RowStatus.FAILED: "still no clear answer after several attempts",
    RowStatus.INVALID: "not sent: something is wrong with the row",
    RowStatus.DUPLICATE: "not sent: the address of an earlier row",
    RowStatus.SKIPPED: "done in an earlier run",
    RowStatus.UNPROCESSED: "not done: the run ended before",
    RowStatus.UNKNOWN: "sent, but the run ended before an answer came",
}

_MOST_CAUSES = 8
_WIDTH = 79


@frozen(kw_only=True)
class Written:
    """What is where after a run.

    Attributes:
        results: The file with one line per row.
        left: The file with the rows that are left, if it was asked for and there are any.
        warned: The first few warnings.
        command: The command, for the sentence that says how to go on.
    """

    results: str
    left: str | None = None
    warned: Sequence[str] = ()


def summary(report: BulkReport, written: Written) -> list[str]:
    """Return the lines that end a run."""
    return [
        "",
        *_stop(report),
        *_counts(report),
        *_failures(report.failures),
        *_effort(report),
        *_cuts(report, written.warned),
        *_files(report, written),
    ]


def _stop(report: BulkReport) -> list[str]:
    if report.stop_reason is None:
        return []
    return [*wrapped(f"stopped early: {report.stop_message}"), ""]


def _counts(report: BulkReport) -> list[str]:
    """List all statuses that came up, so that they visibly sum to the rows read."""
    width = len(f"{report.rows_read:,}")
    lines = [
        f"  {status.value:<12} {n:>{width},}  {MEANINGS[status]}".rstrip()
        for status, n in report.counts.items()
        if n or status is RowStatus.SUCCEEDED
    ]
    return [*lines, f"  {'rows read':<12} {report.rows_read:>{width},}"]


def _failures(groups: Sequence[FailureGroup]) -> list[str]:
    by_code: dict[str, list[FailureGroup]] = {}
    for group in groups:
        by_code.setdefault(group.code, []).append(group)
    causes = sorted(by_code.items(), key=lambda cause: -sum(group.n for group in cause[1]))
    lines = [line for code, same in causes[:_MOST_CAUSES] for line in _cause(code, same)]
    if len(causes) > _MOST_CAUSES:
        lines.append(f"  and {len(causes) - _MOST_CAUSES} other causes; see the results file")
    return ["", "why rows did not succeed:", *lines] if lines else []


def _cause(code: str, groups: Sequence[FailureGroup]) -> list[str]:
    n = sum(group.n for group in groups)
    rows = sorted(row for group in groups for row in group.sample_rows)[:5]
    more = f" and {n - len(rows):,} more" if n > len(rows) else ""
    where = f"{'line' if n == 1 else 'lines'} {', '.join(map(str, rows))}{more}"
    message = next((group.message for group in groups if group.message != "several messages"), "")
    return wrapped(f"{n:,} x {code}, {where}: {message}", "  ", "      ")


def _effort(report: BulkReport) -> list[str]:
    if not report.attempts:
        return ["", f"nothing was sent, in {duration(report.elapsed_s)}"]
    sent = f"{report.attempts:,} {_many('request', report.attempts)} in {duration(report.elapsed_s)}"
    pace = f"{report.rate_mean:,.1f}/s on average, {report.rate_peak:,.0f}/s at most"
    facts = [f"{report.retries:,} of them repeats", f"{report.throttled:,} told to slow down (429)"]
    facts.append(f"{report.token_refreshes:,} {_many('token', report.token_refreshes)} fetched")
    lines = ["", *wrapped(f"{sent}: {pace}; {', '.join(facts)}")]
    if report.latency_ms:
        typical, slow, most = (report.latency_ms[name] for name in ("p50", "p99", "max"))
        lines.append(f"an answer took {typical:,.0f} ms (median), {slow:,.0f} ms (99 %), {most:,.0f} ms at most")
    return lines


def _cuts(report: BulkReport, warned: Sequence[str]) -> list[str]:
    if not report.warned_rows:
        return []
    rows = f"{report.warned_rows:,} {_many('row', report.warned_rows)}"
    more = report.warned_rows - len(warned)
    shown = [line for text in warned for line in wrapped(text, "  ", "      ")]
    return ["", f"too long for Airmeet, in {rows}:", *shown, *([f"  and {more:,} more"] if more else [])]


def _files(report: BulkReport, written: Written) -> list[str]:
    lines = ["", f"results: {written.results}"]
    if report.succeeded:
        lines[-1] += " (with the personal links: keep it private)"
    if written.left:
        lines.append(f"left to do: {written.left} (register it in the same way)")
    elif report.resumable:
        lines += wrapped(
            "to go on: run the same command again; who is in already keeps the same link. "
            "With --failed left.csv a run also writes a file of only those who are left."
        )
    return lines


def plan(rows: int, ready: int, invalid: int, duplicates: int, cut: int) -> str:
    """Return the sentence before a run."""
    parts = [f"{rows:,} {_many('row', rows)}: {ready:,} to send"]
    parts += [f"{n:,} {what}" for n, what in ((invalid, "invalid"), (duplicates, "duplicate")) if n]
    parts += [f"{cut:,} with values that Airmeet will cut"] if cut else []
    return ", ".join(parts)


def _many(noun: str, n: int) -> str:
    return noun if n == 1 else f"{noun}s"


def wrapped(text: str, first: str = "", then: str = "  ") -> list[str]:
    """Return *text* in lines that fit a terminal of 80 columns."""
    import textwrap

    lines: Iterable[str] = textwrap.wrap(
        text, _WIDTH, initial_indent=first, subsequent_indent=then, break_on_hyphens=False, break_long_words=False
    )
    return list(lines)
