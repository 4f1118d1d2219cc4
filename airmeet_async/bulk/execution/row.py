"""`Row`: a row on its way through the engine; and the result that it ends with, made by plain functions."""

from typing import Any

from attrs import evolve

from airmeet_async.bulk.input.operations import PreparedRow
from airmeet_async.bulk.report import Invite, RowError, RowResult, RowStatus
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.models import Access
from airmeet_async.protocol.retry_policy import Tries
from airmeet_async.tables import SourceRow

# Attempts that a row is not charged for: one that takes the server's connection down each time must end, too.
_MOST_UNCHARGED = 10


class Row:
    """One row that has been read and has no result yet.

    Attributes:
        source: The row as read.
        key: What makes it unique.
        call: What to send; None until the operation has made it.
        warnings: What will look different from what was sent.
        tries: All attempts so far.
        first_sent: Loop time of the first attempt.
        sending: A request of this row is on its way.
        unclear: A request of this row may have been applied.
        last: The last verdict.
        entry: Its number in the journal.
        intended: The journal says that a request of this run may have left.
        uncharged: Attempts that were not charged, because the server was away altogether.
        begun: Requests of this run.
        may_mail_twice: Ask for the invitation again after an unclear outcome.
    """

    # Class attributes until a row gets its own: most rows never need most of them, which saves time and memory.
    key = ""
    call: Call[Any] | None = None
    warnings: tuple[str, ...] = ()
    first_sent: float | None = None
    sending = False
    unclear = False
    last: Verdict | None = None
    entry = 0
    intended = False
    uncharged = 0
    begun = 0

    def __init__(self, source: SourceRow, *, may_mail_twice: bool = False) -> None:
        self.source = source
        self.may_mail_twice = may_mail_twice
        self.tries = Tries()

    @property
    def request(self) -> Call[Any]:
        """What to send now: after an unclear outcome no second mail is asked for, unless the row `may_mail_twice`."""
        assert self.call is not None  # noqa: S101 - for the type checker; `set_call` was called
        if self.unclear and not self.may_mail_twice and asks_for_mail(self.call):
            return evolve(self.call, body=self.call.body | {"sendEmailInvite": False})
        return self.call

    def set_call(self, prepared: PreparedRow) -> None:
        """Take the call, and what earlier runs of the same journal have done for the row."""
        self.key, self.call, self.warnings = prepared.key, prepared.call, prepared.warnings
        if prepared.earlier is not None:
            self.entry, self.unclear = prepared.earlier.entry, prepared.earlier.unclear
            self.tries = Tries(sent=prepared.earlier.sent, charged=prepared.earlier.charged)

    def begin(self, now: float) -> None:
        self.sending = True
        self.begun += 1
        self.first_sent = now if self.first_sent is None else self.first_sent

    def end(self, verdict: Verdict, *, away: bool = False) -> None:
        """Count the outcome of a request; while the server is *away* for all rows, none is charged for it."""
        self.sending = False
        self.last = verdict
        if verdict.kind is Kind.OK:  # nearly every row
            self.tries.sent += 1
            return
        self.unclear = self.unclear or verdict.kind is Kind.AMBIGUOUS
        self.tries.count(verdict)
        # In an outage of an hour each row would use up its attempts on a server that is not there.
        if away and verdict.kind is Kind.AMBIGUOUS and self.uncharged < _MOST_UNCHARGED:
            self.uncharged += 1
            self.tries.charged -= 1


def success_result(row: Row, verdict: Verdict, now: float) -> RowResult:
    """Return the result of a row that Airmeet did."""
    source, value, call = row.source, verdict.value, row.call
    return RowResult(  # by position, since this is made for each row of most runs
        source.index,
        source.line,
        row.key,
        RowStatus.SUCCEEDED,
        row.tries.sent,
        verdict.status,
        None,
        row.warnings,
        value,
        value.entry_link if isinstance(value, Access) else None,
        None if row.first_sent is None else now - row.first_sent,
        row.unclear,
        Invite.NOT_ASKED if call is None or not asks_for_mail(call) else _invite(row, RowStatus.SUCCEEDED),
        None,
        source.data,
    )


def failure_result(row: Row, verdict: Verdict, message: str, now: float) -> RowResult:
    """Return the result of a row that will not be sent again: Airmeet refused it, or its attempts are spent."""
    # After an unclear outcome a refusal proves nothing: it may refuse what an earlier request has done already.
    refused = verdict.kind is Kind.REJECTED and not row.unclear
    error = RowError(verdict.code, message, retryable=not refused, ambiguous=row.unclear)
    if row.unclear and row.call is not None and not row.call.endpoint.repeatable:
        return _result(row, RowStatus.UNKNOWN, now, error=error)
    return _result(row, RowStatus.REJECTED if refused else RowStatus.FAILED, now, error=error)


def unfinished_result(row: Row, why: str, now: float) -> RowResult:
    """Return the result of a row that had no clear answer when the run ended."""
    if row.unclear or row.sending:
        error = RowError("unknown", f"sent, but {why} before a clear answer came", retryable=True, ambiguous=True)
        return _result(row, RowStatus.UNKNOWN, now, error=error)
    error = RowError("unprocessed", f"not done: {why}", retryable=True)
    return _result(row, RowStatus.UNPROCESSED, now, error=error)


def _result(row: Row, status: RowStatus, now: float, **facts: Any) -> RowResult:
    last = row.last
    return RowResult(
        index=row.source.index,
        line=row.source.line,
        key=row.key,
        status=status,
        attempts=row.tries.sent + row.sending,
        http_status=last.status if last else None,
        warnings=row.warnings,
        latency_s=None if row.first_sent is None else now - row.first_sent,
        replayed=row.unclear and (row.tries.charged > 1 or (last is not None and last.kind is not Kind.AMBIGUOUS)),
        invite=_invite(row, status),
        row=row.source.data,
        **facts,
    )


def asks_for_mail(call: Call[Any]) -> bool:
    """Whether Airmeet is asked to mail an invitation."""
    return isinstance(call.body, dict) and call.body.get("sendEmailInvite") is True


def _invite(row: Row, status: RowStatus) -> Invite:
    """Return what is known of a mail: after an unclear outcome nobody knows whether it went out."""
    if row.call is None or not asks_for_mail(row.call):
        return Invite.NOT_ASKED
    if row.sending or (row.unclear and not (row.may_mail_twice and status is RowStatus.SUCCEEDED)):
        return Invite.UNVERIFIED
    return Invite.ASKED if status is RowStatus.SUCCEEDED else Invite.NOT_ASKED
