"""What a row that is in a journal has become, and whether it is to be sent: plain functions.

Rules of this file:

1. A row that is done has the result with which it ended; who was added without a mail is not done for a list that asks
   for one.
2. A row without a clear answer is sent again where the operation may be repeated, and not longer than a day ago: a
   second add lets somebody in who was blocked meanwhile (help article, A). `accept_stale` lifts the second condition.
3. A row that may have been done is sent as it was, even if it has changed in the input since.
"""

from attrs import evolve

from airmeet_async.bulk.journal.row_encoding import decode_note
from airmeet_async.bulk.report import CHANGED, Invite, RowError, RowResult, RowStatus, RowWarning
from airmeet_async.bulk.row import Outcome, OutcomeState, Row, Wish

STALE_SECONDS = 24 * 3600.0
CLOCK_SLACK = 3600.0

# What is said of a row that was corrected after it was sent, and before anybody knew whether it was done.
SENT_AS_IT_WAS = RowWarning(
    "changed", "changed since it was sent; it may have been done, so the original is sent again, not the correction"
)
_HELD = (
    "sent more than 24 hours ago without a clear answer; sending it again lets in anyone who was blocked in the "
    "meantime: allow it with accept_stale=True or --accept-stale"
)
_NOT_REPEATABLE = "sent without a clear answer; sending it again could do it twice, so check the event first"


def what_is_left(row: Row, now: float, *, accept_stale: bool) -> RowResult | None:
    """Return the result that a row has without being sent, or None for one to be sent now.

    Args:
        row: As it came out of the journal, or was marked when it was added.
        now: Seconds since the epoch.
        accept_stale: Send again also what was sent long ago without a clear answer.
    """
    earlier = row.earlier
    if row.error is None and (earlier is None or earlier.state == OutcomeState.REOPENED):
        return None
    if not is_open(row):
        return recorded_result(row, "")
    assert earlier is not None and row.template is not None  # noqa: S101, PT018 - for the type checker
    if is_in_doubt(row):
        if not row.template.endpoint.repeatable:
            return _unknown(row, _NOT_REPEATABLE)
        if not accept_stale and is_stale(earlier.touched, now):
            return _unknown(row, _HELD)
    return None


def is_open(row: Row) -> bool:
    """Whether something is left to do for a row. The same as the writer's `_OPEN` in SQL."""
    earlier = row.earlier
    if row.error is not None:
        return False
    if earlier is None:
        return True
    is_refused = earlier.state == OutcomeState.REJECTED and not (row.changed or earlier.done & Wish.NO_PLACE_LEFT)
    return not is_done(row, earlier) and not is_refused


def is_done(row: Row, earlier: Outcome) -> bool:
    """Whether all that the row's list asks for is done, whatever became of what another list asked for besides."""
    return earlier.state > OutcomeState.IN_FLIGHT and not missing_wish(row)


def missing_wish(row: Row) -> int:
    """Return what the row's list asks and nobody has done. A mail in doubt is not asked for again: it counts."""
    wish = Wish.DONE if row.template is None else row.template.wish
    done = 0 if row.earlier is None or row.repeats else row.earlier.done
    return int(wish) & ~(done | (done & Wish.MAIL_UNVERIFIED) >> 1)


def is_in_doubt(row: Row) -> bool:
    """Whether a request was sent that nobody knows the outcome of. The same as the writer's `IN_DOUBT` in SQL."""
    earlier = row.earlier
    if earlier is None:
        return False
    is_unknown = earlier.state == OutcomeState.UNKNOWN and not row.repeats
    return earlier.unclear != 0 or earlier.state == OutcomeState.IN_FLIGHT or is_unknown


def has_failed(outcome: Outcome) -> bool:
    """Whether it ended with an error; not of what is sent again on purpose, or was cut off by a crash."""
    return outcome.state != OutcomeState.REOPENED and decode_note(outcome.note)["error"] is not None


def is_stale(touched: float | None, now: float) -> bool:
    """Whether that was more than a day ago. A clock that was set back proves nothing, so that is stale, too."""
    return touched is None or now - touched > STALE_SECONDS or touched - now > CLOCK_SLACK


def recorded_result(row: Row, stop_message: str, run: int | None = None, *, of_every_mail: bool = False) -> RowResult:
    """Return the result that a row has now, whatever is left to do for it.

    Args:
        row: As it came out of the journal.
        stop_message: Why a row was not sent that has not been sent.
        run: The run whose results these are; None for one that has not recorded them.
        of_every_mail: Say what is known of the invitation also where the row's list asks for none.
    """
    earlier = row.earlier
    if row.error is not None:
        status = RowStatus.DUPLICATE if row.is_duplicate else RowStatus.INVALID
        return RowResult(
            row.index, row.line, row.key, status, error=row.error, warnings=row.warnings,
            duplicate_of=row.duplicate_of, row=row.data,
        )  # fmt: skip
    what = "not sent once more" if row.repeats else "not done"
    unprocessed = RowError("unprocessed", f"{what}: {stop_message}" if stop_message else what, retryable=True)
    if earlier is None:
        return RowResult(
            row.index, row.line, row.key, RowStatus.UNPROCESSED, error=unprocessed, warnings=row.warnings, row=row.data
        )
    note = decode_note(earlier.note)
    error = note["error"]
    if is_done(row, earlier):
        status = RowStatus.SUCCEEDED
        if earlier.state != OutcomeState.SUCCEEDED:  # what is known of the last request is about another list's wish
            error, earlier = None, evolve(earlier, http=None, latency=None, note=None)
    elif is_in_doubt(row) and earlier.state <= OutcomeState.UNKNOWN:
        why = f"sent, but {stop_message} before a clear answer came" if stop_message else "sent without a clear answer"
        error = error or RowError("unknown", why, retryable=True, ambiguous=True)
        status = RowStatus.UNKNOWN
    elif earlier.state == OutcomeState.FAILED:
        status = RowStatus.FAILED
    elif earlier.state == OutcomeState.REJECTED and not row.changed:
        status = RowStatus.REJECTED
    else:
        status, error = RowStatus.UNPROCESSED, unprocessed
    is_of_earlier = status is not RowStatus.UNPROCESSED and (run is None or earlier.run < run)
    return _result(row, earlier, status, error, from_earlier_run=is_of_earlier, of_every_mail=of_every_mail)


def _unknown(row: Row, why: str) -> RowResult:
    assert row.earlier is not None  # noqa: S101 - for the type checker
    error = RowError("unknown", why, retryable=True, ambiguous=True)
    return _result(row, row.earlier, RowStatus.UNKNOWN, error, from_earlier_run=True)


def _result(
    row: Row,
    earlier: Outcome,
    status: RowStatus,
    error: RowError | None,
    *,
    from_earlier_run: bool,
    of_every_mail: bool = False,
) -> RowResult:
    note = decode_note(earlier.note)
    warnings = (*row.warnings, *note["warnings"])
    if row.changed and status is not RowStatus.UNPROCESSED:
        warnings = (*warnings, SENT_AS_IT_WAS if status is RowStatus.UNKNOWN else CHANGED)
    mails = of_every_mail or (row.template is not None and bool(row.template.wish & Wish.MAILED))
    invite = Invite.NOT_ASKED
    if mails and (
        earlier.done & Wish.MAIL_UNVERIFIED or (status is RowStatus.UNKNOWN and earlier.unclear & Wish.MAILED)
    ):
        invite = Invite.UNVERIFIED
    elif mails and earlier.done & Wish.MAILED:
        invite = Invite.ASKED
    return RowResult(
        row.index, row.line, row.key, status, from_earlier_run,
        attempts=earlier.sent, http_status=earlier.http, error=error, warnings=warnings, entry_link=earlier.link,
        latency_s=earlier.latency, replayed=note.get("replayed", False), invite=invite, row=row.data,
    )  # fmt: skip
