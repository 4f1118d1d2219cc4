"""A row on its way through the engine, and what it ends as. The decisions are plain functions."""

from typing import Any

from attrs import evolve

from airmeet_async.bulk.input.operations import Ready, links_of
from airmeet_async.bulk.report import Invite, RowError, RowResult, RowStatus
from airmeet_async.bulk.tables import SourceRow
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.classify_reply import Kind, Verdict
from airmeet_async.protocol.retry_policy import Tries

_MOST_PARDONS = 10
"""A row that takes the server's connection down each time must end, too."""


class Row:
    """One row that has been read and has no result yet.

    Attributes:
        source: The row as read.
        key: What makes it unique.
        call: What to send; None until the recipe has made it.
        warnings: What will look different from what was sent.
        tries: All attempts so far.
        first_sent: Loop time of the first attempt.
        sending: A request of this row is on its way.
        unclear: A request of this row may have been applied.
        last: The last verdict.
        entry: Its number in the journal.
        intended: The journal says that a request of this run may have left.
        pardoned: Attempts that were not charged, because the server was away altogether.
        begun: Requests of this run.
        insist: Ask for the invitation again after an unclear outcome, so that it may be mailed twice.
    """

    # A row has these until it gets its own: most rows never need most of them.
    key = ""
    call: Call[Any] | None = None
    warnings: tuple[str, ...] = ()
    first_sent: float | None = None
    sending = False
    unclear = False
    last: Verdict | None = None
    entry = 0
    intended = False
    pardoned = 0
    begun = 0

    def __init__(self, source: SourceRow, *, insist: bool = False) -> None:
        self.source = source
        self.insist = insist
        self.tries = Tries()

    @property
    def request(self) -> Call[Any]:
        """What to send now: after an unclear outcome no second invitation is asked for, unless we `insist`."""
        assert self.call is not None  # noqa: S101 - for the type checker; `admit` took it
        if self.unclear and not self.insist and asks_for_mail(self.call):
            return evolve(self.call, body=self.call.body | {"sendEmailInvite": False})
        return self.call

    def admit(self, ready: Ready) -> None:
        """Take the call, and what earlier runs have done for the row."""
        self.key, self.call, self.warnings = ready.key, ready.call, ready.warnings
        if ready.past is not None:
            self.entry, self.unclear = ready.past.entry, ready.past.unclear
            self.tries = Tries(sent=ready.past.sent, charged=ready.past.charged)

    def begin(self, now: float) -> None:
        """Note that a request is about to leave."""
        self.sending = True
        self.begun += 1
        self.first_sent = now if self.first_sent is None else self.first_sent

    def end(self, verdict: Verdict, *, away: bool = False) -> None:
        """Note what came of it; while the server is *away* for all rows, none is charged for it."""
        self.sending = False
        self.last = verdict
        if verdict.kind is Kind.OK:  # the hot path
            self.tries.sent += 1
            return
        self.unclear = self.unclear or verdict.kind is Kind.AMBIGUOUS
        self.tries.count(verdict)
        if away and verdict.kind is Kind.AMBIGUOUS and self.pardoned < _MOST_PARDONS:
            self.pardoned += 1
            self.tries.charged -= 1


def succeeded(row: Row, verdict: Verdict, now: float) -> RowResult:
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
        links_of(value),
        None if row.first_sent is None else now - row.first_sent,
        row.unclear,
        Invite.NOT_ASKED if call is None or not asks_for_mail(call) else _invite(row, RowStatus.SUCCEEDED),
        None,
        source.data,
    )


def given_up(row: Row, verdict: Verdict, message: str, now: float) -> RowResult:
    """Return the result of a row that will not be sent again: Airmeet's no, or the end of our patience."""
    refused = verdict.kind is Kind.REJECTED and not row.unclear
    error = RowError(verdict.code, message, retryable=not refused, ambiguous=row.unclear)
    if row.unclear and row.call is not None and not row.call.endpoint.repeatable:
        return _result(row, RowStatus.UNKNOWN, now, error=error)
    return _result(row, RowStatus.REJECTED if refused else RowStatus.FAILED, now, error=error)


def left_over(row: Row, why: str, now: float) -> RowResult:
    """Return the result of a row that the end of the run has overtaken."""
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
    if row.sending or (row.unclear and not (row.insist and status is RowStatus.SUCCEEDED)):
        return Invite.UNVERIFIED
    return Invite.ASKED if status is RowStatus.SUCCEEDED else Invite.NOT_ASKED
