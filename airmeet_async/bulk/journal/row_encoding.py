"""Requests, input rows, notes and facts as text for the journal, and back."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import attrs

from airmeet_async.bulk.report import RowError, RowWarning
from airmeet_async.bulk.row import CallTemplate
from airmeet_async.errors import JournalError
from airmeet_async.protocol import json_codec
from airmeet_async.protocol.endpoints import ENDPOINTS

orjson = json_codec.orjson
_AS_JSON_HAS_IT = (
    0 if orjson is None
    else orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS
)  # fmt: skip
_encode_ascii = json.JSONEncoder(separators=(",", ":"), default=str).encode  # SQLite takes no lone surrogates


def encode_template(template: CallTemplate) -> list[Any]:
    """Return what the calls of a list have in common, for the facts of the list.

    Raises:
        JournalError: It is not one of the API's operations, so nobody could read it back.
    """
    name = template.endpoint.name
    if ENDPOINTS.get(name) is not template.endpoint:
        message = f"only the API's own operations can be resumed, and {name!r} is not one; run it without journal="
        raise JournalError(message)
    return [name, dict(template.path), dict(template.query), dict(template.flags)]


def decode_template(found: list[Any]) -> CallTemplate:
    """Return the template that `encode_template` made it of."""
    name, path, query, *flags = found
    return CallTemplate(ENDPOINTS[name], path, query, *flags)


def encode_request(template: CallTemplate, payload: bytes) -> str:
    """Return the call of a row that shares it with no other, as text.

    Raises:
        JournalError: It is not one of the API's operations.
    """
    head = _head(encode_template(template)[: 4 if template.flags else 3])
    return f"{head}{payload.decode() or 'null'}]"


def _head(parts: list[Any]) -> str:
    return _encode_ascii(parts)[:-1] + ","


def decode_request(text: str) -> tuple[CallTemplate, bytes]:
    """Return template and payload of a text that `encode_request` made."""
    head = _head(json_codec.decode(text.encode())[:-1])
    payload = text[len(head) : -1]
    return _shared_template(head), b"" if payload == "null" else payload.encode()


@lru_cache(maxsize=64)
def _shared_template(head: str) -> CallTemplate:
    return decode_template(json.loads(f"{head[:-1]}]"))


def encode_data(data: Any) -> str | None:
    """Return an input row as text, or None for what text cannot hold."""
    if type(data) is dict and orjson is not None:  # this is done for each row, so the quick way comes first
        try:
            return orjson.dumps(data, None, _AS_JSON_HAS_IT).decode()  # type: ignore[no-any-return]
        except TypeError:  # a lone surrogate, a date, a key that is no text
            pass
    try:
        if attrs.has(type(data)):
            data = attrs.asdict(data)
        return _encode_ascii(data) if isinstance(data, (str, Mapping)) else None
    except (TypeError, ValueError, RecursionError):
        return None


def decode_data(text: str | None) -> Any:
    """Return the input row of a text that `encode_data` made."""
    return None if text is None else json_codec.decode(text.encode())


def encode_note(error: RowError | None, warnings: tuple[RowWarning, ...] = (), **facts: Any) -> str | None:
    """Return error, warnings and other facts of a row as text, or None where there are none."""
    found = {name: value for name, value in facts.items() if value is not None and value is not False}
    if error is not None:
        found["error"] = attrs.asdict(error)
    if warnings:
        found["warnings"] = [(warning.code, warning) for warning in warnings]
    return _encode_ascii(found) if found else None


def decode_note(text: str | None) -> dict[str, Any]:
    """Return the facts of a text that `encode_note` made, with ``error`` and ``warnings`` as they were."""
    if text is None:
        return {"error": None, "warnings": ()}
    found: dict[str, Any] = json.loads(text)
    error = found.get("error")
    warnings = tuple(RowWarning(code, message) for code, message in found.get("warnings", ()))
    return {**found, "error": RowError(**error) if error else None, "warnings": warnings}


def encodable(text: str) -> str:
    """Return *text* with lone surrogates escaped, which SQLite refuses."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def encode_fact(value: Any) -> str:
    """Return a fact about the whole journal or a list as text."""
    return json_codec.encode(value).decode()


def decode_fact(text: str) -> Any:
    """Return the fact of a text that `encode_fact` made."""
    return json_codec.decode(text.encode())
