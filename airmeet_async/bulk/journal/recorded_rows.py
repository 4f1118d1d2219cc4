"""Rows out of a journal: those to be sent, and those that have a result already.

Rules of this file:

1. A row that is done is SKIPPED, with its entry link; one that was refused or failed keeps that result.
2. A row without a clear answer is sent again where the operation may be repeated, and not longer than a day ago: a
   second add lets somebody in who was blocked meanwhile (help article, A). `accept_stale` lifts the second condition.
3. A row that may have been done is sent as it was, even if it has changed in the input since.
"""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from airmeet_async.bulk.input.operations import EarlierAttempts, PreparedRow
from airmeet_async.bulk.journal.row_encoding import CallDecoder, decode_data, decode_note
from airmeet_async.bulk.journal.schema import LAST_OPEN, RowRecord, RowState
from airmeet_async.bulk.journal.sqlite_journal import SqliteJournal
from airmeet_async.bulk.report import Invite, RowError, RowResult, RowStatus
from airmeet_async.protocol.value_class import value
from airmeet_async.tables import SourceRow

_BATCH = 1000
STALE_SECONDS = 24 * 3600.0
_CLOCK_SLACK = 3600.0

_ENDED = {
    RowState.SUCCEEDED: RowStatus.SKIPPED,
    RowState.REJECTED: RowStatus.REJECTED,
    RowState.FAILED: RowStatus.FAILED,
}
CHANGED = "changed since it was done; Airmeet keeps the old details"
_SENT_AS_IT_WAS = "changed since it was sent; it may have been done, so the original is sent again"
_HELD = (
    "sent more than 24 hours ago without a clear answer; sending it again lets in anyone who was blocked in the "
    "meantime: allow it with accept_stale=True or --accept-stale"
)
_NOT_REPEATABLE = "sent without a clear answer; sending it again could do it twice, so check the event first"


class RecordedRows:
    """The rows of a journal: first those for which something is left to do, then the others.

    Args:
        journal: Where from.
        originals: The caller's own rows, where they are still at hand.
    """

    def __init__(self, journal: SqliteJournal, originals: Sequence[Any] = ()) -> None:
        self._journal = journal
        self._originals = originals

    def __len__(self) -> int:
        n: int = self._journal.facts["rows"]
        return n

    async def __aiter__(self) -> AsyncIterator["RecordedRow"]:
        writer = self._journal.writer
        for read in (writer.open_rows, writer.settled_rows):
            after = -1
            while batch := await self._journal.call(read, after, _BATCH):
                for record in batch:
                    yield recorded_row(record, self._originals[record.index] if self._originals else None)
                after = batch[-1].index


class RecordedRowPreparer:
    """Prepares rows that are in the journal already.

    Args:
        accept_stale: Send again also what was sent long ago without a clear answer.
    """

    prepares_all = False

    def __init__(self, *, accept_stale: bool) -> None:
        self._accept_stale = accept_stale
        self._decoder = CallDecoder()

    def prepare_now(self, source: SourceRow) -> PreparedRow | RowResult:
        assert isinstance(source, RecordedRow)  # noqa: S101 - for the type checker; `RecordedRows` gives no others
        return prepare_recorded_row(source, self._decoder, time.time(), accept_stale=self._accept_stale)

    async def prepare(self, source: SourceRow) -> PreparedRow | RowResult:
        return self.prepare_now(source)


@value
class RecordedRow(SourceRow):
    """An input row that comes out of a journal, with its record."""

    record: RowRecord


def recorded_row(record: RowRecord, original: Any = None) -> RecordedRow:
    """Return the row as a source gives it; *original* is the caller's own data, where it is still at hand."""
    return RecordedRow(record.index, record.line, decode_data(record.data) if original is None else original, record)


def prepare_recorded_row(
    row: RecordedRow, decoder: CallDecoder, now: float, *, accept_stale: bool
) -> PreparedRow | RowResult:
    """Return the row ready to be sent, or the result that it has without that.

    Args:
        row: As it came out of the journal.
        decoder: Of calls.
        now: Seconds since the epoch.
        accept_stale: Send again also what was sent long ago without a clear answer.
    """
    record = row.record
    if record.status is not None:
        return _never_sent(row)
    if record.state > LAST_OPEN or record.call is None:
        return _ended(row, _ENDED.get(RowState(record.state), RowStatus.SKIPPED))
    call = decoder.decode(record.call)
    unclear = bool(record.unclear)
    if unclear and not call.endpoint.repeatable:
        return _unknown(row, _NOT_REPEATABLE)
    if unclear and not accept_stale and is_stale(record.touched, now):
        return _unknown(row, _HELD)
    warnings = _warnings(record)
    return PreparedRow(
        record.key, "", call, warnings, EarlierAttempts(record.entry, record.sent, record.charged, unclear)
    )


def is_stale(touched: float | None, now: float) -> bool:
    """Whether that was more than a day ago. A clock that was set back proves nothing, so that is stale, too."""
    return touched is None or now - touched > STALE_SECONDS or touched - now > _CLOCK_SLACK


def _never_sent(row: RecordedRow) -> RowResult:
    note, status = decode_note(row.record.about), RowStatus(row.record.status or "")
    error, first = note["error"], note.get("duplicate_of")
    if first is not None:
        place = f"row {first + 1}" if note.get("of_line") is None else f"line {note['of_line']}"
        error = RowError("duplicate", f"repeats {place}, which is sent instead")
    return RowResult(row.index, row.line, note.get("key", row.record.key or ""), status, error=error,
                     duplicate_of=first, row=row.data)  # fmt: skip


def _ended(row: RecordedRow, status: RowStatus) -> RowResult:
    record, note = row.record, decode_note(row.record.note)
    return _result(
        row, status, error=note["error"], entry_link=record.link, latency_s=record.latency,
        replayed=note.get("replayed", False), warnings=(*_warnings(record), *note["warnings"]),
        invite=Invite(note.get("invite", Invite.NOT_ASKED)),
    )  # fmt: skip


def _unknown(row: RecordedRow, why: str) -> RowResult:
    error = RowError("unknown", why, retryable=True, ambiguous=True)
    return _result(row, RowStatus.UNKNOWN, error=error, warnings=_warnings(row.record))


def _result(row: RecordedRow, status: RowStatus, **facts: Any) -> RowResult:
    record = row.record
    return RowResult(
        row.index, row.line, record.key, status, attempts=record.sent, http_status=record.http, row=row.data, **facts
    )


def _warnings(record: RowRecord) -> tuple[str, ...]:
    if record.about is None:
        return ()
    note = decode_note(record.about)
    if note.get("changed"):
        return (*note["warnings"], CHANGED if record.state > LAST_OPEN else _SENT_AS_IT_WAS)
    return tuple(note["warnings"])
