"""Calls, input rows, results and facts as text for the journal, and back."""

import json
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import attrs

from airmeet_async.bulk.report import RowError
from airmeet_async.errors import JournalError
from airmeet_async.protocol import json_codec
from airmeet_async.protocol.call import Call, Endpoint
from airmeet_async.protocol.endpoints import ENDPOINTS

_TEXT = frozenset({str})
_encode_ascii = json.JSONEncoder(
    separators=(",", ":"), default=str
).encode  # ASCII only: SQLite takes no lone surrogates


def encode_call(call: Call[Any]) -> str:
    """Return a call as text.

    Raises:
        JournalError: It is not one of the API's operations, so nobody could read it back.
    """
    name = call.endpoint.name
    if ENDPOINTS.get(name) is not call.endpoint:
        message = f"only the API's own operations can be resumed, and {name!r} is not one; run it without journal="
        raise JournalError(message)
    head = _head(name, tuple(call.path.items()), tuple(call.query.items()))
    return f"{head}{call.payload.decode() or 'null'}]"


@lru_cache(maxsize=64)
def _head(name: str, path: tuple[tuple[str, str], ...], query: tuple[tuple[str, str], ...]) -> str:
    """Return what the calls of a job have in common."""
    return _encode_ascii([name, dict(path), dict(query)])[:-1] + ","


class CallDecoder:
    """Decodes calls. Those of one job are alike up to their bodies, so that part is decoded once."""

    def __init__(self) -> None:
        self._head = "\0"
        self._alike: tuple[Endpoint[Any], dict[str, str], dict[str, str]]

    def decode(self, text: str) -> Call[Any]:
        """Return the call of a text that `encode_call` made."""
        if text.startswith(self._head):
            payload = text[len(self._head) : -1].encode()
            call: Call[Any] = Call(*self._alike, json_codec.decode(payload))
            return call if call.body is None else call.encoded(payload)
        name, path, query, body = json_codec.decode(text.encode())
        self._alike = ENDPOINTS[name], path, query
        self._head = _head(name, tuple(path.items()), tuple(query.items()))
        return Call(*self._alike, body)


def digest_call(text: str) -> bytes:
    """Return 16 bytes that tell a call from others, so that a row that has changed is found."""
    return blake2b(text.encode(), digest_size=16).digest()


def encode_data(data: Any) -> str | None:
    """Return an input row as text, or None for what text cannot hold."""
    try:
        if type(data) is dict and _TEXT.issuperset(map(type, data.values())):
            return json_codec.encode(data).decode()
        if attrs.has(type(data)):
            data = attrs.asdict(data)
        return _encode_ascii(data) if isinstance(data, (str, Mapping)) else None
    except (TypeError, ValueError, RecursionError):
        return None


def decode_data(text: str | None) -> Any:
    """Return the input row of a text that `encode_data` made."""
    return None if text is None else json_codec.decode(text.encode())


def encode_note(error: RowError | None, warnings: tuple[str, ...], **facts: Any) -> str | None:
    """Return error, warnings and other facts of a row as text, or None where there are none."""
    if error is None and not warnings and not any(facts.values()):
        return None
    found = {name: value for name, value in facts.items() if value not in (None, False)}
    if error is not None:
        found["error"] = attrs.asdict(error)
    if warnings:
        found["warnings"] = warnings
    return _encode_ascii(found) if found else None


def decode_note(text: str | None) -> dict[str, Any]:
    """Return the facts of a text that `encode_note` made, with ``error`` and ``warnings`` as they were."""
    if text is None:
        return {"error": None, "warnings": ()}
    found: dict[str, Any] = json.loads(text)
    error = found.get("error")
    return {**found, "error": RowError(**error) if error else None, "warnings": tuple(found.get("warnings", ()))}


def encodable(text: str) -> str:
    """Return *text* with lone surrogates escaped, which SQLite refuses."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def encode_fact(value: Any) -> str:
    """Return a fact about the whole run as text."""
    return json_codec.encode(value).decode()


def decode_fact(text: str) -> Any:
    """Return the fact of a text that `encode_fact` made."""
    return json_codec.decode(text.encode())
