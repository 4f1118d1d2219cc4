"""The result that a row ends with, as plain functions of what is known of it."""

import re
from typing import Any

from airmeet_async.bulk.journal.recorded_rows import SENT_AS_IT_WAS, is_in_doubt, recorded_result
from airmeet_async.bulk.report import CHANGED, FailureGroup, Invite, RowError, RowResult, RowStatus
from airmeet_async.bulk.row import CallTemplate, OutcomeState, Row, Wish
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.models import Access

# Airmeet's own words for it are not documented (help article, A), so these are those of its forms and of the sandbox.
_NO_PLACE_LEFT = re.compile(
    r"\bquota\b|\bno (more )?registrations?\b|\bregistrations? (left|limit)|\b(limit|capacity)\b.*\b(reached|exceeded)",
    re.IGNORECASE,
)


def is_for_want_of_place(error: RowError | FailureGroup) -> bool:
    """Whether a refusal was the quota's: nothing is wrong with the row."""
    return _NO_PLACE_LEFT.search(error.message) is not None


def template_to_send(row: Row, *, may_mail_twice: bool) -> CallTemplate:
    """Return what to send now: no mail is asked for again that may have gone out, unless it `may_mail_twice`."""
    template = row.template
    assert template is not None  # noqa: S101 - for the type checker; a row without one is never sent
    if not template.wish & Wish.MAILED:
        return template
    earlier = row.earlier
    mailed = 0 if may_mail_twice else row.unclear & Wish.MAILED
    if earlier is not None and not mailed and not row.repeats:
        # A mail in doubt is asked for once more only on purpose.
        doubt = Wish.MAIL_UNVERIFIED if earlier.state != OutcomeState.REOPENED else 0
        mailed = earlier.done & (Wish.MAILED | doubt)
    return template.without_mail if mailed else template


def done_now(row: Row, asked: int) -> int:
    """Return what is done for a row after its success; *asked* is what the successful request asked for."""
    done = (row.earlier.done & ~(Wish.AGAIN | Wish.NO_PLACE_LEFT) if row.earlier is not None else 0) | asked
    if row.repeats and row.unclear & Wish.MAILED:
        done &= ~Wish.MAILED  # of the mails, the last is in doubt
    if asked & Wish.MAILED:
        return done & ~Wish.MAIL_UNVERIFIED
    return done | Wish.MAIL_UNVERIFIED if row.unclear & Wish.MAILED and not done & Wish.MAILED else done


def success_result(row: Row, value: Any, status: int | None, done: int, now: float) -> RowResult:
    """Return the result of a row that Airmeet did.

    Args:
        row: The row.
        value: The typed reply.
        status: The HTTP status.
        done: What is done for it now.
        now: The loop's time.
    """
    template, tries, earlier = row.template, row.tries, row.earlier
    invite, warnings = Invite.NOT_ASKED, row.warnings
    if row.changed and is_in_doubt(row):
        warnings = (*warnings, CHANGED)  # what was sent is what was under way before
    mails = template is not None and template.wish & Wish.MAILED
    if mails and done & Wish.MAIL_UNVERIFIED:
        invite = Invite.UNVERIFIED
    elif mails and done & Wish.MAILED:
        invite = Invite.ASKED
    return RowResult(  # by position, since this is made for each row of most runs
        row.index,
        row.line,
        row.key,
        RowStatus.SUCCEEDED,
        False,  # noqa: FBT003 - as above
        (1 if tries is None else tries.sent) + (0 if earlier is None else earlier.sent),
        status,
        None,
        warnings,
        value,
        value.entry_link if isinstance(value, Access) else None,
        None if row.first_sent is None else now - row.first_sent,
        row.unclear != 0,
        invite,
        None,
        row.data,
    )


def failure_result(row: Row, verdict: Verdict, message: str, now: float) -> RowResult:
    """Return the result of a row that will not be sent again: Airmeet refused it, or its attempts are spent."""
    # After an unclear outcome a refusal proves nothing: it may refuse what an earlier request has done already.
    unclear = bool(row.unclear)
    refused = verdict.kind is Kind.REJECTED and not unclear
    error = RowError(verdict.code, message, retryable=not refused, ambiguous=unclear)
    if unclear:
        return _result(row, RowStatus.UNKNOWN, now, error)
    return _result(row, RowStatus.REJECTED if refused else RowStatus.FAILED, now, error)


def unfinished_result(row: Row, why: str, now: float) -> RowResult:
    """Return the result of a row that had no clear answer when the run ended."""
    if row.error is not None:
        return unsent_result(row)
    if row.earlier is not None and not (row.begun or row.sending):  # it stays what an earlier run has made of it
        return recorded_result(row, why)
    if row.unclear or row.sending:
        message = f"sent, but {why} before a clear answer came"
        return _result(row, RowStatus.UNKNOWN, now, RowError("unknown", message, retryable=True, ambiguous=True))
    what = "not sent once more" if row.repeats else "not done"
    return _result(row, RowStatus.UNPROCESSED, now, RowError("unprocessed", f"{what}: {why}", retryable=True))


def unsent_result(row: Row) -> RowResult:
    """Return the result of a row that cannot be sent: it is not valid, or repeats an earlier one."""
    status = RowStatus.DUPLICATE if row.is_duplicate else RowStatus.INVALID
    return RowResult(
        row.index, row.line, row.key, status, error=row.error, duplicate_of=row.duplicate_of, row=row.data,
        warnings=row.warnings if status is RowStatus.INVALID else (),
    )  # fmt: skip


def not_recorded(result: RowResult, why: str, *, mail_in_doubt: bool) -> RowResult:
    """Return the result of a row that was sent, and whose outcome could not be written to the disk.

    A resumed run finds it without a clear answer, so this is what it says.
    """
    message = f"{result.status.value}, but that could not be recorded ({why}); a resumed run will send it again"
    return RowResult(
        index=result.index,
        line=result.line,
        key=result.key,
        status=RowStatus.UNKNOWN,
        attempts=result.attempts,
        http_status=result.http_status,
        error=RowError("not_recorded", message, retryable=True, ambiguous=True),
        warnings=result.warnings,
        value=result.value,
        entry_link=result.entry_link,
        latency_s=result.latency_s,
        replayed=result.replayed,
        invite=Invite.UNVERIFIED if mail_in_doubt else Invite.NOT_ASKED,
        row=result.row,
    )


def _result(row: Row, status: RowStatus, now: float, error: RowError) -> RowResult:
    last, tries, earlier, template = row.last, row.tries, row.earlier, row.template
    sent = (0 if earlier is None else earlier.sent) + (0 if tries is None else tries.sent) + row.sending
    mail_asked = template is not None and bool(template.wish & Wish.MAILED)
    mail_in_doubt = mail_asked and (bool(row.unclear & Wish.MAILED) or row.sending)
    charged = 0 if tries is None else tries.charged
    warnings = row.warnings
    if row.changed and status is RowStatus.UNKNOWN and is_in_doubt(row):
        warnings = (*warnings, SENT_AS_IT_WAS)
    return RowResult(
        index=row.index,
        line=row.line,
        key=row.key,
        status=status,
        attempts=sent,
        http_status=last.status if last else None,
        error=error,
        warnings=warnings,
        latency_s=None if row.first_sent is None else now - row.first_sent,
        replayed=bool(row.unclear) and (charged > 1 or (last is not None and last.kind is not Kind.AMBIGUOUS)),
        invite=Invite.UNVERIFIED if mail_in_doubt else Invite.NOT_ASKED,
        row=row.data,
    )
