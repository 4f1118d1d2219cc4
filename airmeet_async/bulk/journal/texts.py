"""Calls, input rows and outcomes as text, and back."""

import json
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import attrs

from airmeet_async.api import jsontext
from airmeet_async.api.call import Call, Endpoint
from airmeet_async.api.endpoints import ENDPOINTS
from airmeet_async.bulk.report import RowError
from airmeet_async.errors import JournalError

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
            call: Call[Any] = Call(*self._alike, jsontext.decode(payload))
            return call if call.body is None else call.encoded(payload)
        name, path, query, body = jsontext.decode(text.encode())
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
            return jsontext.encode(data).decode()
        if attrs.has(type(data)):
            data = attrs.asdict(data)
        return _plain(data) if isinstance(data, (str, Mapping)) else None
    except (TypeError, ValueError, RecursionError):
        return None


def data_of(text: str | None) -> Any:
    """Return the input row."""
    return None if text is None else jsontext.decode(text.encode())


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
    return jsontext.encode(value).decode()


def fact_of(text: str) -> Any:
    """Return the fact."""
    return jsontext.decode(text.encode())
