"""What a run has done, in words. Pure, and without a single entry link."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from attrs import evolve, frozen

from airmeet_async.bulk.input.plan import describe_cause, describe_rows
from airmeet_async.bulk.options import SENT_EACH_TIME
from airmeet_async.bulk.report import (
    BLOCKED,
    MAILED_ELSEWHERE,
    NOT_ATTENDING,
    OTHER_NAME,
    BulkReport,
    FailureGroup,
    RowStatus,
    StopReason,
)
from airmeet_async.bulk.row_results import is_for_want_of_place
from airmeet_async.formatting import counted, duration, wrapped

MEANINGS = {
    RowStatus.SUCCEEDED: "",
    RowStatus.REJECTED: "refused by Airmeet",
    RowStatus.FAILED: "not applied, after several attempts",
    RowStatus.INVALID: "not sent: the row is not valid",
    RowStatus.DUPLICATE: "not sent: repeats an earlier row",
    RowStatus.UNPROCESSED: "not sent: the run ended first",
    RowStatus.UNKNOWN: "sent without a clear answer",
}

_MEND_FIRST = frozenset({
    StopReason.CREDENTIALS, StopReason.NOT_PERMITTED, StopReason.NOT_FOUND, StopReason.NOT_THE_API, StopReason.SETTINGS,
    StopReason.FAILURES, StopReason.JOURNAL,
})  # fmt: skip
"""Stops after which the same command would end in the same way."""
_MOST_CAUSES = 8


@frozen
class Wording:
    """What is said of an operation, where that is not what is said of every one.

    Attributes:
        command: What was typed.
        title: Of the report page.
        done: What a row that succeeded is, see `describe_done`.
        intention: What a run is going to do.
        advice: What to do about warnings.
        links: The results hold personal links.
        repeats: Sending a row twice does no harm.
        look: Where to look for rows of which nobody knows.
        operation: Such as ``attendees.add``.
    """

    command: str = ""
    title: str = ""
    done: str = "succeeded"
    intention: str = "each row makes one request"
    advice: str = ""
    links: bool = True
    repeats: bool = True
    look: str = "on the event's page"
    operation: str = ""


_access = partial(Wording, links=False)
_items = partial(
    Wording,
    advice="add them first: airmeet import speakers AIRMEET_ID SPEAKERS.csv",
    links=False,
    repeats=False,
)
_WORDINGS = {
    "attendees.add": Wording("register", "Registration"),
    "attendees.block": _access("block", "People blocked", intention="people are blocked from the event"),
    "attendees.unblock": _access("unblock", "People unblocked", intention="people are unblocked"),
    "speakers.add": _items("import speakers", "Speakers", intention="each row creates one of the event's speakers"),
    "sessions.create": _items(
        "import sessions", "Sessions", intention="each row creates one of the event's sessions",
        look="with airmeet event show AIRMEET_ID",
    ),
    "booths.create": _items(
        "import booths", "Booths", intention="each row creates one of the event's booths",
        look="with airmeet export AIRMEET_ID booths", advice="",
    ),
}  # fmt: skip


def wording_of(operation: str, airmeet_id: str = "AIRMEET_ID") -> Wording:
    """Return what is said of an operation, with the event's id in commands that can be typed."""
    words = _WORDINGS.get(operation, Wording(links=False, title=operation))
    advice, look = (text.replace("AIRMEET_ID", airmeet_id) for text in (words.advice, words.look))
    return evolve(words, operation=operation, advice=advice, look=look)


def intention_of(operation: str, options: Mapping[str, Any]) -> str:
    """Say in a sentence what a run is going to do."""
    if operation != "attendees.add":
        return wording_of(operation).intention
    mails = "Airmeet mails each person an invitation" if options.get("sendEmailInvite") else "no invitations are mailed"
    quota = "; registrations are confirmed and count towards your plan" if options.get("registerAttendee") else ""
    return mails + quota


def pace_of(rate: float | str) -> str:
    """Say how fast a run sends, by its rate or ``auto``."""
    return (
        "as fast as Airmeet allows"
        if isinstance(rate, str)
        else f"at most {f'{rate:,.2f}'.removesuffix('.00')} requests per second"
    )


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
        held: Rows without a clear answer that are not sent again without a word, since that was more than a day ago.
        job: What is typed for the job; empty where it has no journal that lasts.
        source: The input file; empty where there is none.
        mails: People are mailed.
        kept: Files that were not written where they were asked for, since a changed or another one is there.
        removed: The earlier file of rows that were not done, if it was removed since none are left.
        goes_on: The command went on with an earlier run, without its input.
        again: Rows that were done before, and were to be sent once more on purpose.
        to_repeat: Those that were not sent once more yet.
        pending: Rows that succeeded, of people who are not registered until they come.
        original: What was typed to register the list, where that is known and this run goes on with it.
        is_shard: It is a part of a run, which is retried as a whole.
    """

    report: BulkReport
    code: int = 0
    results: str = ""
    failed: str | None = None
    page: str | None = None
    trouble: str | None = None
    total: int = 0
    held: int = 0
    job: str = ""
    source: str = ""
    mails: bool = False
    kept: Sequence[str] = ()
    removed: str = ""
    goes_on: bool = False
    again: int = 0
    to_repeat: int = 0
    pending: int = 0
    original: str = ""
    is_shard: bool = False

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
    """Return the lines that end a run.

    Args:
        outcome: What came of it.
        words: What is said of the operation.
        brief: Leave out what the caller says in its own way after a whole run, and how to go on: its files do not last.
    """
    report = outcome.report
    if brief and report.stop_reason is None:
        return ["", *_effort(report), *_files(outcome, words)]
    lines = [""]
    if report.stop_reason is not None:
        is_said = report.stop_reason is StopReason.INTERRUPTED or report.stop_message.startswith("stopped ")
        before = "" if is_said else "stopped early: "
        lines += wrapped(before + report.stop_message)
    unit = "line" if outcome.source else "row"
    lines += [*wrapped(headline(outcome, words)), *_causes([*report.failures, *_repeats(report)], unit)]
    if report.counts[RowStatus.REJECTED] and words.operation == "attendees.block":
        what = "Whom Airmeet refused it did not block. Later lists leave them out all the same, until airmeet unblock"
        lines += wrapped(what)
    if report.warnings:
        lines += ["to check:", *_causes(report.warnings, unit), *wrapped(words.advice, "  ", "    ")]
    if report.changed:
        lines += wrapped(since_done(report.changed))
    return [*lines, *_effort(report), *_files(outcome, words), *([] if brief else _next(outcome, words))]


def headline(outcome: RunOutcome, words: Wording = Wording()) -> str:
    """Say what came of all rows, in numbers that visibly add up to them."""
    report, counts = outcome.report, outcome.report.counts
    done = f"{words.done} and mailed" if outcome.mails else words.done
    left_out = counts[RowStatus.INVALID] + counts[RowStatus.DUPLICATE]
    unread = max(0, outcome.total - report.rows_read)
    wanted, n = report.rows_read + unread - left_out, report.succeeded - report.unverified
    earlier = report.earlier_counts.get(RowStatus.SUCCEEDED, 0) - report.unverified_earlier
    some = f"{outcome.pending:,} of them " if outcome.pending < report.succeeded else ""
    facts = [f"{some}pending until they come"] if outcome.pending else []
    facts += [f"{earlier:,} of them in earlier runs"] if earlier and report.attempts else []
    said = f"{done} ({'; '.join(facts)})" if facts else done
    parts = [f"{n:,} of {wanted:,} {said}"]
    if left := outcome.to_repeat:  # nobody has lost what was done before
        once, before = f"{'mailed' if outcome.mails else 'sent'} once more", outcome.again
        of_it = f"{before - left:,} of {before:,} {once}" if left <= before else f"{left:,} of them not yet {once}"
        parts = [f"{n + left:,} of {wanted:,} {words.done}, {of_it}"]
    if wanted and n == wanted and not report.attempts and not report.existing:
        parts = [f"{'all' if n > 1 else 'the'} {n:,} {'are' if n > 1 else 'is'} {said}; there was nothing to send"]
    if report.existing:
        parts = parts if wanted else []
        same = report.existing_different < report.existing
        differs = f"{report.existing_different:,} of them different" if same or report.existing > 1 else "and different"
        parts += [f"{report.existing:,} in the event already{f', {differs}' if report.existing_different else ''}"]
    not_yet = counts[RowStatus.UNPROCESSED] + unread - outcome.to_repeat
    others = describe_others(counts, words.done, report.unverified, report.existing, not_yet)
    return " · ".join([*parts, *others])


def describe_others(
    counts: Mapping[RowStatus, int], done: str, unverified: int = 0, existing: int = 0, not_yet: int = 0
) -> list[str]:
    """Say what became of the rows that have not just succeeded: at the end of a run, and while it lasts.

    Args:
        counts: Rows by status.
        done: What a row that succeeded is.
        unverified: Rows that have succeeded, and whose invitation may not have been mailed.
        existing: Rows that were left out since the event has what they are about; they are told apart.
        not_yet: Rows that were to be sent, and were not.
    """
    others = (
        (unverified, f"{done}, perhaps not mailed"),
        (counts.get(RowStatus.REJECTED, 0), "refused"),
        (counts.get(RowStatus.FAILED, 0), "failed"),
        (counts.get(RowStatus.UNKNOWN, 0), "without a clear answer"),
        (not_yet, "not yet"),
        (counts.get(RowStatus.INVALID, 0) + counts.get(RowStatus.DUPLICATE, 0) - existing, "left out"),
    )
    return [f"{n:,} {what}" for n, what in others if n]


def describe_status(report: BulkReport, status: RowStatus, words: Wording, done: str = "") -> str:
    """Say what a status means; *done* is what a row that succeeded is. Rows of an earlier run are counted."""
    earlier, n = report.earlier_counts.get(status, 0), report.counts[status]
    before = f"{'' if earlier == n else f'{earlier:,} of them '}in an earlier run" if earlier else ""
    meaning = MEANINGS[status]
    if status is RowStatus.DUPLICATE and not words.repeats:
        meaning = "not sent: in the event already, or repeats an earlier row"
    return ", ".join(filter(None, (meaning or done, before)))


def _repeats(report: BulkReport) -> list[FailureGroup]:
    """Return the rows that repeat another one: nothing is wrong with them, but they are counted as left out."""
    others = sum(group.n for group in report.failures if group.code in {OTHER_NAME, MAILED_ELSEWHERE})
    n = report.counts[RowStatus.DUPLICATE] - report.existing - others
    return [FailureGroup("repeated", "twice in the list: only the first of them is sent", n)] if n > 0 else []


def _causes(groups: Sequence[FailureGroup], unit: str) -> list[str]:
    width = max((len(f"{group.n:,}") for group in groups), default=0)
    lines = list[str]()
    for group in groups[:_MOST_CAUSES]:
        lines += describe_rows(group.n, describe_cause(group), group.sample_rows, width, unit)
    if len(groups) > _MOST_CAUSES:
        lines.append(f"  and {len(groups) - _MOST_CAUSES} other causes; see the results file")
    return lines


def _effort(report: BulkReport) -> list[str]:
    if not report.attempts:
        return []
    facts = [f"{counted(report.attempts, 'request')} in {duration(report.elapsed_s)}"]
    if report.elapsed_s >= 1:  # of a part of a second, a speed says nothing
        facts[0] += f", {report.rate_mean:,.1f}/s"
    facts += [f"{report.retries:,} sent again"] if report.retries else []
    facts += [f"{report.throttled:,} slowed down by Airmeet (429)"] if report.throttled else []
    return ["; ".join(filter(None, (facts[0], ", ".join(facts[1:]))))]


def since_done(n: int) -> str:
    """Say that rows have changed."""
    when = "has changed since it was" if n == 1 else "have changed since they were"
    return f"{counted(n, 'row')} {when} done; Airmeet keeps the old details"


def _files(outcome: RunOutcome, words: Wording) -> list[str]:
    links = ", with their personal links: keep it private" if outcome.report.succeeded and words.links else ""
    who = "who has what" if words.links else "what became of each row"
    lines = [f"{outcome.results}  {who}{links}"] if outcome.results else []
    lines += [f"{outcome.failed}  the rows that are not done"] if outcome.failed else []
    lines += [f"{outcome.page}  the report"] if outcome.page else []
    lines += [f"{outcome.removed}  removed: no rows are left"] if outcome.removed else []
    if outcome.kept:
        old = f"{' and '.join(outcome.kept)} {'was' if len(outcome.kept) == 1 else 'were'} there before"
        new = "it is left alone, and the new file has a number"
        new = new if len(outcome.kept) == 1 else "they are left alone, and the new files have a number"
        lines += wrapped(f"{old}, of another event or list, or edited since: {new}")
    return lines


def _next(outcome: RunOutcome, words: Wording) -> list[str]:
    """Say how to go on: one step, which may be taken at any time and any number of times."""
    report, counts = outcome.report, outcome.report.counts
    # There is nothing to correct in rows of people who are blocked, or do not come.
    blocked, not_coming, other_names = (
        sum(group.n for group in report.failures if group.code == code) for code in (BLOCKED, NOT_ATTENDING, OTHER_NAME)
    )
    full = sum(group.n for group in report.failures if is_for_want_of_place(group))  # by the quota
    step = describe_next_step(
        counts,
        words,
        stop=report.stop_reason,
        left=counts[RowStatus.UNPROCESSED] + max(0, outcome.total - report.rows_read),
        held=outcome.held,
        unverified=report.unverified,
        to_correct=counts[RowStatus.REJECTED] + counts[RowStatus.INVALID] - blocked - not_coming + other_names - full,
        full=full,
        job=outcome.job,
        source=outcome.source,
        mails=outcome.mails,
        command="the original command" if outcome.goes_on else "the same command",
        resumes=outcome.goes_on or words.operation in SENT_EACH_TIME,
        is_shard=outcome.is_shard,
    )
    if not step:
        return []
    lines = wrapped(f"Next: {step}", "", "      ")
    # In a line of its own, to be copied.
    return [*lines, f"      {outcome.original}"] if outcome.original and "the original command" in step else lines


def describe_next_step(
    counts: Mapping[Any, int],
    words: Wording,
    *,
    stop: StopReason | None,
    left: int,
    held: int,
    unverified: int,
    to_correct: int,
    full: int = 0,
    job: str,
    source: str,
    mails: bool,
    command: str,
    resumes: bool,
    is_shard: bool = False,
) -> str:
    """Return how to go on after a run, or nothing: the summary and ``airmeet runs show`` say the same.

    Args:
        counts: Rows by status, or by its name.
        words: What is said of the operation.
        stop: Why it ended early, if it did.
        left: Rows that were not sent yet.
        held: Rows without a clear answer that are not sent again without a word.
        unverified: Rows that are done, and whose invitation may not have been mailed.
        to_correct: Rows that are not sent again as they are.
        full: Rows that were refused because no registrations are left.
        job: What is typed for the job; empty where it cannot go on.
        source: The input file; empty where there is none.
        mails: People are mailed.
        command: What the command that registers a corrected file is called.
        resumes: After a stop the job is resumed; else the same command is run again.
        is_shard: It is a part of a run, which is retried as a whole.
    """
    unclear, failed = counts.get(RowStatus.UNKNOWN, 0), counts.get(RowStatus.FAILED, 0)
    if stop is StopReason.NOT_FOUND and not counts.get(RowStatus.SUCCEEDED):
        return "run the command again with the right event id"
    fix = "once that is fixed, " if stop in _MEND_FIRST else ""
    if full and stop is StopReason.FAILURES and source:  # that is what was to be fixed
        fix = f"raise your plan's quota by {counted(full + left, 'registration')}, then "
    if stop is not None and (left or (unclear and words.repeats)):
        if resumes and job:
            return f"{fix}airmeet resume {job}"
        return f"{fix}run {'the original' if resumes else 'the same'} command again; it goes on from here"
    if left and job:
        are = "is" if left == 1 else "are"
        return f"{fix}airmeet resume {job}   sends the {counted(left, 'row')} that {are} not sent yet"
    if is_shard and (failed or unverified or (unclear and not held)):
        return f"{fix}airmeet join, with the run that it was cut from; what has failed is retried there"
    if unclear and not words.repeats:
        again = f", then airmeet retry {job} --unknown" if job else ""
        return f"{fix}{counted(unclear, 'row')} may exist or not: look first {words.look}{again}"
    if held and job:
        rows = counted(held, "row")
        return f"{fix}airmeet resume {job} --accept-stale   sends the {rows} without a clear answer once more"
    if n := failed + unclear:
        if job:
            are = "is" if n == 1 else "are"
            return f"{fix}airmeet retry {job}   sends just the {counted(n, 'row')} that {are} missing"
        return f"{fix}run the same command again"
    if unverified and job:
        return f"{fix}airmeet retry {job} --invites   mails those Airmeet has not mailed"
    steps = [f"correct {counted(to_correct, 'line')} in {source}"] if to_correct and source else []
    steps += [f"raise your plan's quota by {counted(full, 'registration')}"] if full else []
    if steps:
        nobody = "; nobody is mailed twice" if mails else ""
        return f"{fix}{', '.join(steps)} and run {command} again{nobody}"
    return ""
