"""Calls, input rows and outcomes as text, and back."""

import json
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import attrs

from airmeet_async.bulk.input.operations import Past, Ready
from airmeet_async.bulk.journal.schema import LAST_OPEN, Kept, State
from airmeet_async.bulk.report import Invite, RowError, RowResult, RowStatus
from airmeet_async.bulk.tables import SourceRow
from airmeet_async.errors import JournalError
from airmeet_async.protocol import json_codec
from airmeet_async.protocol.call import Call, Endpoint
from airmeet_async.protocol.endpoints import ENDPOINTS
from airmeet_async.protocol.value_class import value

_TEXT = frozenset({str})
_plain = json.JSONEncoder(separators=(",", ":"), default=str).encode  # ASCII only: SQLite takes no lone surrogates


def call_text(call: Call[Any]) -> str:
    """Return a call as text.

    Raises:
        JournalError: It is not one of the API's operations, so nobody could read it back.
    """
    name = call.endpoint.name
    if ENDPOINTS.get(name) is not call.endpoint:
        message = f"a journal keeps calls of the API's own operations; {name!r} is not one, so run it without a journal"
        raise JournalError(message)
    head = _head(name, tuple(call.path.items()), tuple(call.query.items()))
    return f"{head}{call.payload.decode() or 'null'}]"


@lru_cache(maxsize=64)
def _head(name: str, path: tuple[tuple[str, str], ...], query: tuple[tuple[str, str], ...]) -> str:
    """Return what the calls of a job have in common."""
    return _plain([name, dict(path), dict(query)])[:-1] + ","


class Reader:
    """Makes calls of texts. Those of one job are alike up to their bodies, so that part is read once."""

    def __init__(self) -> None:
        self._head = "\0"
        self._alike: tuple[Endpoint[Any], dict[str, str], dict[str, str]]

    def call_of(self, text: str) -> Call[Any]:
        """Return the call."""
        if text.startswith(self._head):
            payload = text[len(self._head) : -1].encode()
            call: Call[Any] = Call(*self._alike, json_codec.decode(payload))
            return call if call.body is None else call.encoded(payload)
        name, path, query, body = json_codec.decode(text.encode())
        self._alike = ENDPOINTS[name], path, query
        self._head = _head(name, tuple(path.items()), tuple(query.items()))
        return Call(*self._alike, body)


def digest(text: str) -> bytes:
    """Return what tells two calls apart."""
    return blake2b(text.encode(), digest_size=16).digest()


def data_text(data: Any) -> str | None:
    """Return an input row as text, or None for what text cannot hold."""
    try:
        if type(data) is dict and _TEXT.issuperset(map(type, data.values())):
            return json_codec.encode(data).decode()
        if attrs.has(type(data)):
            data = attrs.asdict(data)
        return _plain(data) if isinstance(data, (str, Mapping)) else None
    except (TypeError, ValueError, RecursionError):
        return None


def data_of(text: str | None) -> Any:
    """Return the input row."""
    return None if text is None else json_codec.decode(text.encode())


def note_text(error: RowError | None, warnings: tuple[str, ...], **facts: Any) -> str | None:
    """Return what else is known of a row, or None where that is nothing."""
    if error is None and not warnings and not any(facts.values()):
        return None
    found = {name: value for name, value in facts.items() if value not in (None, False)}
    if error is not None:
        found["error"] = attrs.asdict(error)
    if warnings:
        found["warnings"] = warnings
    return _plain(found) if found else None


def note_of(text: str | None) -> dict[str, Any]:
    """Return the facts, with ``error`` and ``warnings`` as they were."""
    if text is None:
        return {"error": None, "warnings": ()}
    found: dict[str, Any] = json.loads(text)
    error = found.get("error")
    return {**found, "error": RowError(**error) if error else None, "warnings": tuple(found.get("warnings", ()))}


def storable(text: str) -> str:
    """Return a text that SQLite takes."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def fact_text(value: Any) -> str:
    """Return a fact about the whole run as text."""
    return json_codec.encode(value).decode()


def fact_of(text: str) -> Any:
    """Return the fact."""
    return json_codec.decode(text.encode())


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
