"""What a run has done, in words. Pure, and without a single entry link."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from attrs import evolve, frozen

from airmeet_async.bulk.input.plan import describe_cause
from airmeet_async.bulk.report import BulkReport, FailureGroup, RowStatus, StopReason
from airmeet_async.formatting import counted, duration, many, wrapped

MEANINGS = {
    RowStatus.SUCCEEDED: "",
    RowStatus.REJECTED: "refused by Airmeet",
    RowStatus.FAILED: "not applied, after several attempts",
    RowStatus.INVALID: "not sent: the row is not valid",
    RowStatus.DUPLICATE: "not sent: repeats an earlier row",
    RowStatus.UNPROCESSED: "not sent: the run ended first",
    RowStatus.UNKNOWN: "sent without a clear answer",
}

_AGAIN = "; people who are registered keep their link (to write a file of just the others, add --failed left.csv)"
_MEND_FIRST = frozenset({
    StopReason.CREDENTIALS, StopReason.NOT_PERMITTED, StopReason.NOT_FOUND, StopReason.NOT_THE_API, StopReason.SETTINGS,
})  # fmt: skip
"""Stops after which the same command would end in the same way."""
_MOST_CAUSES = 8


@frozen
class Wording:
    """What is said of an operation, where that is not what is said of every one.

    Attributes:
        command: What was typed.
        title: Of the report page.
        done: What a row that succeeded is.
        intention: What a run is going to do.
        warned: What is the matter with rows that have a warning.
        advice: What to do about it.
        left: What to do with the file of rows that are left.
        again: How to go on without one, after some rows have succeeded.
        links: The results hold personal links.
        repeats: Sending a row twice does no harm.
        look: Where to look for rows of which nobody knows.
    """

    command: str = ""
    title: str = ""
    done: str = "succeeded"
    intention: str = "each row makes one request"
    warned: str = "text too long for Airmeet"
    advice: str = ""
    left: str = "register it with the same options"
    again: str = f"run the same command again{_AGAIN}"
    links: bool = True
    repeats: bool = True
    look: str = "on the event's page"


_access = partial(
    Wording,
    left="run the same command with it",
    again="run the same command again; sending rows twice is harmless",
    links=False,
)
_items = partial(
    Wording,
    warned="people who are not speakers of the event",
    advice="add them first: airmeet import speakers AIRMEET_ID SPEAKERS.csv",
    left="correct it and import it with the same options",
    links=False,
    repeats=False,
)
_WORDINGS = {
    "attendees.add": Wording("register", "Registration", "registered"),
    "attendees.block": _access("block", "People blocked", "blocked", "people are blocked from the event"),
    "attendees.unblock": _access("unblock", "People unblocked", "unblocked", "people are unblocked"),
    "speakers.add": _items("import speakers", "Speakers", "added", "each row creates one of the event's speakers"),
    "sessions.create": _items(
        "import sessions", "Sessions", "created", "each row creates one of the event's sessions",
        look="with airmeet event show AIRMEET_ID",
    ),
    "booths.create": _items(
        "import booths", "Booths", "created", "each row creates one of the event's booths",
        look="with airmeet export AIRMEET_ID booths", warned="attendance types left out", advice="",
    ),
}  # fmt: skip


def wording_of(operation: str, airmeet_id: str = "AIRMEET_ID") -> Wording:
    """Return what is said of an operation, with the event's id in commands that can be typed."""
    words = _WORDINGS.get(operation, Wording(links=False, title=operation))
    advice, look = (text.replace("AIRMEET_ID", airmeet_id) for text in (words.advice, words.look))
    return evolve(words, advice=advice, look=look)


def intention_of(operation: str, options: Mapping[str, Any]) -> str:
    """Say in a sentence what a run is going to do."""
    if operation != "attendees.add":
        return wording_of(operation).intention
    mails = "Airmeet mails each person an invitation" if options.get("sendEmailInvite") else "no invitations are mailed"
    quota = "; registrations are confirmed and count towards your plan" if options.get("registerAttendee") else ""
    return mails + quota


def pace_of(rate: float | str) -> str:
    """Say how fast a run sends, by its rate or ``auto``."""
    return "as fast as Airmeet allows" if isinstance(rate, str) else f"at most {rate:g} requests per second"


@frozen(kw_only=True)
class RunOutcome:
    """What came of a run.

    Attributes:
        report: Its report.
        code: The exit code.
        results: The file with one line per row; empty where there is none.
        failed: The file with the rows that are left, if it was asked for and there are any.
        page: The report page, if there is one.
        trouble: Why these files are not whole, or None.
        total: Rows of the file, of which a run that is cut off reads only some.
        warned: The first few warnings.
        held: Rows without a clear answer that are not sent again without a word, since that was more than a day ago.
        job: What is typed for the job; empty where it has no journal that lasts.
    """

    report: BulkReport
    code: int = 0
    results: str = ""
    failed: str | None = None
    page: str | None = None
    trouble: str | None = None
    total: int = 0
    warned: Sequence[str] = ()
    held: int = 0
    job: str = ""

    def as_dict(self) -> dict[str, object]:
        """Return the documented JSON shape (``--json``)."""
        return {
            **self.report.as_dict(),
            "invites_unverified": self.report.unverified,
            "results_path": self.results or None,
            "failed_path": self.failed,
            "report_path": self.page,
            **({"error": {"code": "unexpected", "message": self.trouble}} if self.trouble else {}),
            "exit_code": int(self.code),
        }


def summary(outcome: RunOutcome, words: Wording = Wording(), *, brief: bool = False) -> list[str]:
    """Return the lines that end a run; *brief* leaves out what the caller says in its own way after a whole run."""
    report = outcome.report
    if brief and report.stop_reason is None:
        return [*_effort(report), *_files(outcome, words), *_next(outcome, words)]
    lines = [""]
    if report.stop_reason is not None:
        before = "" if report.stop_reason is StopReason.INTERRUPTED else "stopped early: "
        lines += [*wrapped(before + report.stop_message), ""]
    lines += [*_counts(outcome, words), *_failures(report.failures), *_effort(report)]
    if (n := report.warned_rows - report.changed) > 0:
        shown = [line for text in outcome.warned for line in wrapped(text, "  ", "      ")]
        more = [f"  and {n - len(outcome.warned):,} more"] if n > len(outcome.warned) else []
        lines += ["", f"{words.warned}, in {counted(n, 'row')}:", *shown, *more, *wrapped(words.advice, "  ", "    ")]
    if report.changed:
        lines += ["", *wrapped(since_done(report.changed))]
    return [*lines, *_files(outcome, words), *_next(outcome, words)]


def _counts(outcome: RunOutcome, words: Wording) -> list[str]:
    """List the statuses that came up, so that they visibly sum to the rows read."""
    report, total = outcome.report, outcome.total
    width = len(f"{report.rows_read:,}")
    lines = [
        f"  {status.value:<12} {n:>{width},}  {describe_status(report, status, words)}".rstrip()
        for status, n in report.counts.items()
        if n or status is RowStatus.SUCCEEDED
    ]
    unread = f"  of {total:,} in the file" if total > report.rows_read else ""
    return [*lines, f"  {'rows read':<12} {report.rows_read:>{width},}{unread}"]


def describe_status(report: BulkReport, status: RowStatus, words: Wording, done: str = "") -> str:
    """Say what a status means; *done* is what a row that succeeded is. Rows of an earlier run are counted."""
    earlier, n = report.earlier_counts.get(status, 0), report.counts[status]
    before = f"{'' if earlier == n else f'{earlier:,} of them '}in an earlier run" if earlier else ""
    meaning = MEANINGS[status]
    if status is RowStatus.DUPLICATE and not words.repeats:
        meaning = "not sent: in the event already, or repeats an earlier row"
    return ", ".join(filter(None, (meaning or done, before)))


def _failures(groups: Sequence[FailureGroup]) -> list[str]:
    by_code: dict[str, list[FailureGroup]] = {}
    for group in groups:
        by_code.setdefault(group.code, []).append(group)
    causes = sorted(by_code.items(), key=lambda cause: -sum(group.n for group in cause[1]))
    lines = list[str]()
    for code, same in causes[:_MOST_CAUSES]:
        n = sum(group.n for group in same)
        rows = sorted(row for group in same for row in group.sample_rows)[:5]
        message = next((group.message for group in same if group.message != "several messages"), "")
        lines += describe_cause(FailureGroup(code, message, n, tuple(rows)))
    if len(causes) > _MOST_CAUSES:
        lines.append(f"  and {len(causes) - _MOST_CAUSES} other causes; see the results file")
    return ["", "why rows did not succeed:", *lines] if lines else []


def _effort(report: BulkReport) -> list[str]:
    if not report.attempts:
        return ["", "nothing was sent"]
    sent = f"{counted(report.attempts, 'request')} in {duration(report.elapsed_s)}"
    pace = f"{report.rate_mean:,.1f}/s on average, {report.rate_peak:,.0f}/s peak"
    retries = "retry" if report.retries == 1 else "retries"
    facts = f"{report.retries:,} {retries}, {report.throttled:,} rate-limited (429)"
    if report.token_refreshes:  # a token that was kept, or fetched for the plan, is none of the run's
        facts += f", {counted(report.token_refreshes, 'token')} fetched"
    typical, slow, most = (report.latency_ms.get(name, 0.0) for name in ("p50", "p99", "max"))
    answers = f"response time {typical:,.0f} ms (median), {slow:,.0f} ms (99 %), {most:,.0f} ms (max)"
    return ["", f"{sent}: {pace}", facts, answers]


def since_done(n: int) -> str:
    """Say that rows have changed."""
    when = "has changed since it was" if n == 1 else "have changed since they were"
    return f"{counted(n, 'row')} {when} done; Airmeet keeps the old details"


def _files(outcome: RunOutcome, words: Wording) -> list[str]:
    report = outcome.report
    lines = ["", f"results: {outcome.results}"] if outcome.results else []
    if report.succeeded and lines and words.links:
        lines[-1] += " (contains personal links: keep it private)"
    if outcome.failed:
        lines.append(f"rows not done: {outcome.failed} ({words.left})")
    if outcome.page:
        lines += [*([] if lines else [""]), f"report: {outcome.page}"]
    return lines


def _next(outcome: RunOutcome, words: Wording) -> list[str]:
    """Say how to go on."""
    report = outcome.report
    if report.stop_reason is StopReason.NOT_FOUND and not report.succeeded:
        return wrapped("next: run the command again with the right event id")
    if not outcome.job:
        if outcome.failed or not report.resumable or report.stop_reason in _MEND_FIRST:
            return []
        sent = report.succeeded or report.counts[RowStatus.UNKNOWN]
        return wrapped(f"next: {words.again if sent else 'run the same command again'}")
    job, hints = outcome.job, list[str]()
    unclear, failed = report.counts[RowStatus.UNKNOWN], report.counts[RowStatus.FAILED]
    if unclear and not words.repeats:
        rows = counted(unclear, "row")
        hints.append(f"{rows} may exist or not: check first {words.look}, then airmeet retry {job} --unknown")
        unclear = 0
    if outcome.held:
        rows = counted(outcome.held, "row")
        hints.append(f"to resend the {rows} without a clear answer: airmeet resume {job} --accept-stale")
        unclear = max(0, unclear - outcome.held)
    if report.stop_reason is not None:  # which sends all of the following, too
        after = " once that is fixed" if report.stop_reason in _MEND_FIRST else ""
        hints.insert(0, f"to continue{after}: airmeet resume {job}")
    elif failed:
        hints.append(f"to resend the {counted(failed + unclear, 'row')} that failed: airmeet retry {job}")
    elif unclear:
        hints.append(f"to resend the {counted(unclear, 'row')} without a clear answer: airmeet retry {job}")
    if n := report.counts[RowStatus.REJECTED]:
        hints.append(f"to resend the {n:,} refused {many('row', n)} unchanged: airmeet retry {job} --rejected")
    if n := report.unverified:
        doubt = f"{counted(n, 'invitation')} may not have been mailed"
        hints.append(f"{doubt} (invite_unverified in the results); to mail them now: airmeet retry {job} --invites")
    return [line for hint in hints for line in wrapped(hint)]
