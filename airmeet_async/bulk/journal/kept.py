"""What a kept row means for a run: something to send, or a result that is known already. Plain functions."""

from typing import Any

from airmeet_async.api.value import value
from airmeet_async.bulk.journal.records import Kept
from airmeet_async.bulk.journal.schema import LAST_OPEN, State
from airmeet_async.bulk.journal.texts import Reader, data_of, note_of
from airmeet_async.bulk.recipes import Past, Ready
from airmeet_async.bulk.report import Invite, RowError, RowResult, RowStatus
from airmeet_async.bulk.tables import SourceRow

STALE_SECONDS = 24 * 3600.0
_CLOCK_SLACK = 3600.0

_ENDED = {State.SUCCEEDED: RowStatus.SKIPPED, State.REJECTED: RowStatus.REJECTED, State.FAILED: RowStatus.FAILED}
CHANGED = "changed in the input since it was done; Airmeet does not update anybody on a second add"
_SENT_AS_IT_WAS = "changed in the input since it was sent; it may have been done, so it is sent again as it was"
_HELD = (
    "sent more than 24 hours ago without a clear answer; sending it again would let somebody in who was blocked "
    "meanwhile, so it waits for your word: accept_stale=True, or --accept-stale"
)
_NOT_AGAIN = "sent without a clear answer; sending it again could do it twice, so look in the event first"


@value
class KeptRow(SourceRow):
    """An input row that comes out of a journal."""

    kept: Kept


def source_of(kept: Kept, original: Any = None) -> KeptRow:
    """Return the row as a source has it; *original* is what the caller gave, where it is still at hand."""
    return KeptRow(kept.index, kept.line, data_of(kept.data) if original is None else original, kept)


def admitted(row: KeptRow, reader: Reader, now: float, *, accept_stale: bool) -> Ready | RowResult:
    """Return what is to be sent, or the result that the row has without that.

    Args:
        row: As it came out of the journal.
        reader: Makes calls of texts.
        now: Seconds since the epoch.
        accept_stale: Send again also what was sent long ago without a clear answer.
    """
    kept = row.kept
    if kept.status is not None:
        return _never_sent(row)
    if kept.state > LAST_OPEN or kept.call is None:
        return _ended(row, _ENDED.get(State(kept.state), RowStatus.SKIPPED))
    call = reader.call_of(kept.call)
    unclear = bool(kept.unclear)
    if unclear and not call.endpoint.repeatable:
        return _unknown(row, _NOT_AGAIN)
    if unclear and not accept_stale and stale(kept.touched, now):
        return _unknown(row, _HELD)
    warnings = _warnings(kept)
    return Ready(kept.key, "", call, warnings, Past(kept.entry, kept.sent, kept.charged, unclear))


def stale(touched: float | None, now: float) -> bool:
    """Whether that was more than a day ago. A clock that was set back proves nothing, so that counts as stale, too."""
    return touched is None or now - touched > STALE_SECONDS or touched - now > _CLOCK_SLACK


def _never_sent(row: KeptRow) -> RowResult:
    note, status = note_of(row.kept.about), RowStatus(row.kept.status or "")
    error, first = note["error"], note.get("duplicate_of")
    if first is not None:
        place = f"row {first + 1}" if note.get("of_line") is None else f"line {note['of_line']}"
        error = RowError("duplicate", f"the same as {place}, which is the one that counts")
    return RowResult(row.index, row.line, note.get("key", row.kept.key or ""), status, error=error,
                     duplicate_of=first, row=row.data)  # fmt: skip


def _ended(row: KeptRow, status: RowStatus) -> RowResult:
    kept, note = row.kept, note_of(row.kept.note)
    return _result(
        row, status, error=note["error"], entry_link=kept.link, latency_s=kept.latency,
        replayed=note.get("replayed", False), warnings=(*_warnings(kept), *note["warnings"]),
        invite=Invite(note.get("invite", Invite.NOT_ASKED)),
    )  # fmt: skip


def _unknown(row: KeptRow, why: str) -> RowResult:
    error = RowError("unknown", why, retryable=True, ambiguous=True)
    return _result(row, RowStatus.UNKNOWN, error=error, warnings=_warnings(row.kept))


def _result(row: KeptRow, status: RowStatus, **facts: Any) -> RowResult:
    kept = row.kept
    return RowResult(
        row.index, row.line, kept.key, status, attempts=kept.sent, http_status=kept.http, row=row.data, **facts
    )


def _warnings(kept: Kept) -> tuple[str, ...]:
    if kept.about is None:
        return ()
    note = note_of(kept.about)
    if note.get("changed"):
        return (*note["warnings"], CHANGED if kept.state > LAST_OPEN else _SENT_AS_IT_WAS)
    return tuple(note["warnings"])
