"""What a run has done, in words. Pure, and without a single entry link."""

from collections.abc import Sequence

from attrs import field, frozen

from airmeet_async.bulk.report import BulkReport, FailureGroup, RowStatus, StopReason
from airmeet_async.formatting import duration, many, wrapped

MEANINGS = {
    RowStatus.SUCCEEDED: "",
    RowStatus.REJECTED: "Airmeet said no",
    RowStatus.FAILED: "still no clear answer after several attempts",
    RowStatus.INVALID: "not sent: something is wrong with the row",
    RowStatus.DUPLICATE: "not sent: the same as an earlier row",
    RowStatus.SKIPPED: "done in an earlier run",
    RowStatus.UNPROCESSED: "not done: the run ended before",
    RowStatus.UNKNOWN: "sent without a clear answer",
}

_REFUSED = "an earlier attempt had no clear answer, the last one was refused"
_PARTLY = "no clear answer after several attempts, or refused after one without"
_AGAIN = "; who is in already keeps the same link (with --failed left.csv a run also writes a file of just the others)"
_MEND_FIRST = frozenset({
    StopReason.CREDENTIALS, StopReason.NOT_PERMITTED, StopReason.NOT_FOUND, StopReason.NOT_THE_API, StopReason.SETTINGS,
})  # fmt: skip
"""Stops after which the same command would end in the same way."""
_MOST_CAUSES = 8


@frozen(kw_only=True)
class Wording:
    """What a run is about, where the summary has to say so.

    Attributes:
        warned: What is the matter with rows that have a warning.
        meaning: What comes of it.
        advice: What to do about it.
        left: What to do with the file of rows that are left.
        again: How to go on without one, after some rows have succeeded.
        links: The results hold personal links.
        repeats: Sending a row twice does no harm.
        look: Where to look for rows of which nobody knows.
    """

    warned: str = "too long for Airmeet"
    meaning: str = "which cuts the text"
    advice: str = ""
    left: str = "register it in the same way"
    again: str = f"run the same command again{_AGAIN}"
    links: bool = True
    repeats: bool = True
    look: str = "on the event's page"


@frozen(kw_only=True)
class Written:
    """What is where after a run.

    Attributes:
        results: The file with one line per row.
        left: The file with the rows that are left, if it was asked for and there are any.
        page: The report page, if there is one.
        total: Rows of the file, of which a run that is cut off reads only some.
        warned: The first few warnings.
        changed: Rows that have changed since they were done.
        refused: Rows that failed with a refusal, after an attempt without a clear answer.
        unverified: Rows whose invitation may have been mailed or not.
        brief: Leave out what the caller tells in its own way, if the run came to its end.
        words: What the run is about.
        job: What is typed for the job; empty where it has no journal that lasts.
    """

    results: str
    left: str | None = None
    page: str | None = None
    total: int = 0
    warned: Sequence[str] = ()
    changed: int = 0
    refused: int = 0
    unverified: int = 0
    brief: bool = False
    words: Wording = field(factory=Wording)
    job: str = ""


def summary(report: BulkReport, written: Written) -> list[str]:
    """Return the lines that end a run."""
    if written.brief and report.stop_reason is None:
        return [*_effort(report), *_files(report, written), *_next(report, written)]
    return [
        "",
        *_stop(report),
        *_counts(report, written),
        *_failures(report.failures),
        *_effort(report),
        *_cuts(report.warned_rows - written.changed, written.warned, written.words),
        *_changed(written.changed),
        *_files(report, written),
        *_next(report, written),
    ]


def _stop(report: BulkReport) -> list[str]:
    if report.stop_reason is None:
        return []
    before = "" if report.stop_reason is StopReason.INTERRUPTED else "stopped early: "
    return [*wrapped(before + report.stop_message), ""]


def _counts(report: BulkReport, written: Written) -> list[str]:
    """List the statuses that came up, so that they visibly sum to the rows read."""
    width, total, meanings = len(f"{report.rows_read:,}"), written.total, dict(MEANINGS)
    if written.refused:
        meanings[RowStatus.FAILED] = _REFUSED if written.refused == report.counts[RowStatus.FAILED] else _PARTLY
    lines = [
        f"  {status.value:<12} {n:>{width},}  {meanings[status]}".rstrip()
        for status, n in report.counts.items()
        if n or status is RowStatus.SUCCEEDED
    ]
    unread = f"  of {total:,} in the file" if total > report.rows_read else ""
    return [*lines, f"  {'rows read':<12} {report.rows_read:>{width},}{unread}"]


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
        return ["", "nothing was sent"]
    sent = f"{report.attempts:,} {many('request', report.attempts)} in {duration(report.elapsed_s)}"
    pace = f"{report.rate_mean:,.1f}/s on average, {report.rate_peak:,.0f}/s at most"
    facts = [f"{report.retries:,} of them repeats", f"{report.throttled:,} told to slow down (429)"]
    facts.append(f"{report.token_refreshes:,} {many('token', report.token_refreshes)} fetched")
    typical, slow, most = (report.latency_ms.get(name, 0.0) for name in ("p50", "p99", "max"))
    answers = f"answers took {typical:,.0f} ms (median), {slow:,.0f} ms (99 %), {most:,.0f} ms at most"
    return ["", f"{sent}: {pace}", ", ".join(facts), answers]


def _cuts(n: int, warned: Sequence[str], words: Wording) -> list[str]:
    if n <= 0:
        return []
    rows = f"{n:,} {many('row', n)}"
    advice = wrapped(words.advice, "  ", "    ")
    if not warned:
        return ["", f"{words.warned}, {words.meaning}: {rows}", *advice]
    more = n - len(warned)
    shown = [line for text in warned for line in wrapped(text, "  ", "      ")]
    return ["", f"{words.warned}, in {rows}:", *shown, *([f"  and {more:,} more"] if more else []), *advice]


def _changed(n: int) -> list[str]:
    return ["", *wrapped(since_done(n))] if n else []


def since_done(n: int) -> str:
    """Say that rows have changed."""
    when = "has changed since it was" if n == 1 else "have changed since they were"
    return f"{n:,} {many('row', n)} {when} done; Airmeet does not update people on a second add"


def _files(report: BulkReport, written: Written) -> list[str]:
    words = written.words
    lines = ["", f"results: {written.results}"] if written.results else []
    linked = report.succeeded or report.counts[RowStatus.SKIPPED]
    if linked and lines and words.links:
        lines[-1] += " (with the personal links: keep it private)"
    if written.left:
        lines.append(f"left to do: {written.left} ({words.left})")
    if written.page:
        lines += [*([] if lines else [""]), f"report: {written.page}"]
    return lines


def _next(report: BulkReport, written: Written) -> list[str]:
    """Say how to go on."""
    if report.stop_reason is StopReason.NOT_FOUND and not (report.succeeded or report.counts[RowStatus.SKIPPED]):
        return wrapped("to go on: run the command with the file again, with the right id of the event")
    if not written.job:
        return (
            []
            if written.left or not report.resumable or report.stop_reason in _MEND_FIRST
            else _once_more(report, written)
        )
    job, lines = written.job, list[str]()
    if report.stop_reason is not None:
        after = " once that is mended" if report.stop_reason in _MEND_FIRST else ""
        lines += wrapped(f"to go on{after}: airmeet resume {job}")
    elif n := report.counts[RowStatus.UNKNOWN]:
        lines += wrapped(_unclear(n, written))
    if n := report.counts[RowStatus.FAILED]:
        lines += wrapped(f"to send the {n:,} failed {many('row', n)} again: airmeet retry {job}")
    if n := report.counts[RowStatus.REJECTED]:
        lines += wrapped(f"to send the {n:,} refused {many('row', n)} again, unchanged: airmeet retry {job} --rejected")
    if n := written.unverified:
        doubt = f"nobody knows whether {n:,} {many('invitation', n)} {'was' if n == 1 else 'were'} mailed"
        lines += wrapped(f"{doubt} (invite_unverified in the results); to mail them now: airmeet retry {job} --invites")
    return lines


def _once_more(report: BulkReport, written: Written) -> list[str]:
    sent = report.succeeded or report.counts[RowStatus.UNKNOWN]
    return wrapped(f"to go on: {written.words.again if sent else 'run the same command again'}")


def _unclear(n: int, written: Written) -> str:
    rows = f"{n:,} {many('row', n)}"
    if written.words.repeats:
        return f"to send the {rows} that are held again: airmeet resume {written.job} --accept-stale"
    return f"{rows} may be there or not: look first {written.words.look}, then airmeet retry {written.job} --unknown"
