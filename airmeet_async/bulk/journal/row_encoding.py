"""Requests, input rows, notes and facts as text for the journal, and back.

A journal is data, never instructions: what comes back names an operation of the API that carries no keys, and path
arguments that are checked as if somebody had typed them. So no file can choose another host's path, or hand the keys
to a webhook.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from types import ModuleType, NoneType
from typing import Any

import attrs

from airmeet_async.bulk.report import RowError, RowWarning
from airmeet_async.bulk.row import CallTemplate
from airmeet_async.calls.people import WIRE_NAMES
from airmeet_async.errors import JournalError
from airmeet_async.protocol import json_codec
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Auth
from airmeet_async.protocol.endpoints import ENDPOINTS
from airmeet_async.protocol.validation import check_email, fold

orjson: ModuleType | None = json_codec.orjson
_AS_JSON_HAS_IT = (
    0 if orjson is None
    else orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS | orjson.OPT_PASSTHROUGH_DATACLASS
)  # fmt: skip
FLAGS = ("registerAttendee", "sendEmailInvite")
_ACCESS = ("attendees.block", "attendees.unblock")
# The member that says whom or what a row is about: by it the row is called.
_NAMED_BY = {
    "attendees.add": "email", **dict.fromkeys(_ACCESS, "attendeeEmail"), "speakers.add": "email",
    "sessions.create": "sessionTitle", "booths.create": "name",
}  # fmt: skip
_MEMBERS: dict[str, frozenset[str]] = {
    "attendees.add": frozenset({*WIRE_NAMES.values(), "customFieldMapping"}) - {"custom_fields"},
    **dict.fromkeys(_ACCESS, frozenset({"attendeeEmail"})),
}
_PERSON = (WIRE_NAMES["first_name"], WIRE_NAMES["last_name"])
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_encode_ascii = json.JSONEncoder(separators=(",", ":"), default=str).encode  # SQLite takes no lone surrogates


def encode_template(template: CallTemplate) -> list[Any]:
    """Return what the calls of a list have in common, for the facts of the list.

    Raises:
        JournalError: It is not one of the API's operations, so nobody could read it back.
    """
    name = template.endpoint.name
    if ENDPOINTS.get(name) is not template.endpoint or template.endpoint.auth is not Auth.TOKEN:
        message = (
            f"{name!r} cannot be resumed: it carries the keys, or is none of the API's own; run it without journal="
        )
        raise JournalError(message)
    return [name, dict(template.path), dict(template.query), dict(template.flags)]


def decode_template(found: list[Any]) -> CallTemplate:
    """Return the template that `encode_template` made it of.

    Raises:
        ValueError: It was made of none.
    """
    name, path, query, flags = (*found, {}) if len(found) == 3 else found
    endpoint = ENDPOINTS.get(name)
    if endpoint is None or endpoint.auth is not Auth.TOKEN:
        raise ValueError(f"{name!r:.40} is no operation that a run can do")
    if set(path) != set(_PLACEHOLDER.findall(endpoint.path)):
        raise ValueError(f"{name} has other path arguments")
    for argument, text in path.items():
        if argument != "email":
            check_id(text, argument)
        elif type(text) is not str or check_email(text) is not None:
            raise ValueError("an address in a path is none")
    if not all(type(text) is str for text in query.values()):
        raise ValueError("a query argument is no text")
    if not all(flag in FLAGS and type(is_set) is bool for flag, is_set in flags.items()):
        raise ValueError(f"{name} has flags that it does not know")
    return CallTemplate(endpoint, path, query, flags)


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


def check_payload(payload: bytes, template: CallTemplate | None, key: str | None = None, data: Any = None) -> None:
    """Check that what is sent is JSON, and says nothing else than the flags of its call and what is shown of its row.

    Args:
        payload: What is sent.
        template: The call.
        key: What the row is called in results, where that says what it is about.
        data: The row as results show it; None where they may show another state of it.

    Raises:
        ValueError: It is not.
    """
    if not payload:
        return
    found = json_codec.decode(payload)
    # The flags are put behind what is there, and which of two equal members counts is up to the server.
    if template is not None and template.flags and (type(found) is not dict or not found.keys().isdisjoint(FLAGS)):
        raise ValueError("a row asks for something else than its list")
    if template is not None and key is not None:
        _check_name(found, template.endpoint.name, key)
        if json_codec.encode(found) != payload:
            json.loads(payload, object_pairs_hook=_without_repeats)
        if type(data) is dict and template.endpoint.name == "attendees.add":
            _check_person(found, key, data)


def _check_name(found: Any, operation: str, key: str) -> None:
    """Check that a request is about whom or what its row is called."""
    member = _NAMED_BY.get(operation)
    if member is None:
        return
    name = found.get(member) if type(found) is dict else None
    shown_name, minute = key, None
    if operation == "sessions.create":
        shown_name, _, start = key.rpartition(" at ")
        minute = int(datetime.fromisoformat(start).timestamp()) // 60 * 60_000
    is_same = type(name) is str and fold(encodable(name)) == fold(shown_name)
    is_same = is_same and minute in {None, found.get("sessionStartTime")}
    if not is_same:
        raise ValueError(f"{key:.80} is shown, and the request is about somebody or something else")
    if unknown := found.keys() - _MEMBERS.get(operation, found.keys()):
        raise ValueError(f"the request about {key:.80} has a member {min(unknown)!r:.40}")


def _check_person(found: Any, key: str, data: dict[str, Any]) -> None:
    """Check that the names which are sent stand in the row: as columns of their own, or as parts of a whole name."""
    texts, whole = data.values(), ""
    for member in _PERSON:
        name = found.get(member)
        if name is None or name in texts:
            continue
        whole = whole or _bare("".join(map(str, texts)))
        if _bare(str(name)) not in whole:
            raise ValueError(f"{key:.80} is not called {name!r:.80} where it is shown, and in the request")


def _bare(text: str) -> str:
    return "".join(character for character in text if character.isalnum())


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a request says something twice")
    return found


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
        found["warnings"] = [(one.code, one, one.column) if one.column else (one.code, one) for one in warnings]
    return _encode_ascii(found) if found else None


def decode_note(text: str | None) -> dict[str, Any]:
    """Return the facts of a text that `encode_note` made, with ``error`` and ``warnings`` as they were."""
    if text is None:
        return {"error": None, "warnings": ()}
    found: dict[str, Any] = json.loads(text)
    error = RowError(**found["error"]) if found.get("error") else None
    warnings = tuple(RowWarning(*one) for one in found.get("warnings", ()))
    texts = (*((error.code, error.message, error.column or "") if error else ()),
             *(text for one in warnings for text in (one.code, one.column or "")))  # fmt: skip
    if not all(type(text) is str for text in (*texts, found.get("key", ""), found.get("other_name") or "")):
        raise ValueError("a text that is none")
    if not all(type(found.get(name, 0)) in {int, NoneType} for name in ("duplicate_of", "of_line")):
        raise ValueError("a place that is none")
    return {**found, "error": error, "warnings": warnings}


def encodable(text: str) -> str:
    """Return *text* with lone surrogates escaped, which SQLite refuses."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def encode_fact(value: Any) -> str:
    """Return a fact about the whole journal or a list as text."""
    return json_codec.encode(value).decode()


def decode_fact(text: str) -> Any:
    """Return the fact of a text that `encode_fact` made."""
    return json_codec.decode(text.encode())
