"""Reading the fields of an add, and cutting them to Airmeet's lengths."""

from collections.abc import Mapping
from typing import Final

from .fields import Address, Flag, Text
from .forms import ATTENDANCE
from .replies import InvalidError
from .state import Event, Json
from .switches import Switches

LONG, SHORT = 70, 35  # A: the longer fields, and first and last name
DOTS: Final = "..."
NAMES: Final = ("firstName", "lastName")
LONG_FIELDS: Final = ("organisation", "designation", "city", "country")


def text(body: Mapping[str, object], name: str) -> str | None:
    """Return a text that may be missing; null is no text."""
    return Text().read(body[name], name) if name in body else None


def mandatory(body: Mapping[str, object], name: str) -> str:
    """Return a text that must be there."""
    return Text(filled=True).read(body.get(name, ""), name)


def flag(body: Mapping[str, object], name: str, *, default: bool) -> bool:
    """Return a boolean that may be missing."""
    return Flag().read(body.get(name, default), name)


def email(body: Mapping[str, object], name: str) -> str:
    """Return an address that looks like one."""
    return Address().read(body.get(name, ""), name)


def trim(value: str, limit: int, *, dots: bool, inside: bool) -> str:
    """Cut a text to a limit; too long ones end in dots (A), which count within it or come on top."""
    if len(value) <= limit or not dots:
        return value[:limit]
    return value[: limit - len(DOTS) if inside else limit] + DOTS


def details(body: Mapping[str, object], event: Event, switches: Switches) -> Json:
    """Return what is stored of an add, apart from the address and the two flags."""
    inside, on_names = switches.dots_inside_limit, switches.dots_on_names
    kept: Json = {name: trim(mandatory(body, name), SHORT, dots=on_names, inside=inside) for name in NAMES}
    for name in LONG_FIELDS:
        if (value := text(body, name)) is not None:
            kept[name] = trim(value, LONG, dots=True, inside=inside)
    if event.sub_type == "HYBRID_CONFERENCE":
        kept["attendance_type"] = _attendance(body)
    if answers := _answers(body, event, required=switches.required_fields_enforced):
        kept["customFieldMapping"] = answers
    return kept


def _attendance(body: Mapping[str, object]) -> str:
    value = text(body, "attendance_type")
    if value not in ATTENDANCE:  # A: demanded by the hybrid format
        raise InvalidError(f"attendance_type must be one of {', '.join(ATTENDANCE)}")
    return value


def _answers(body: Mapping[str, object], event: Event, *, required: bool) -> list[Json]:
    given = body.get("customFieldMapping", [])
    if not isinstance(given, list):
        raise InvalidError("customFieldMapping must be an array")
    known = {field["fieldId"] for field in event.custom_fields}
    answers = [_answer(entry, known) for entry in given]
    missing = {field["fieldId"] for field in event.custom_fields if field["isRequired"]} - {
        answer["fieldId"] for answer in answers
    }
    if required and missing:
        raise InvalidError(f"customFieldMapping must fill {', '.join(sorted(map(str, missing)))}")
    return answers


def _answer(entry: object, known: set[object]) -> Json:
    if not isinstance(entry, dict) or not isinstance(entry.get("fieldId"), str):
        raise InvalidError("customFieldMapping holds objects with fieldId and value")
    if entry["fieldId"] not in known:
        raise InvalidError(f"Unknown custom field {entry['fieldId']}")
    value = entry.get("value")
    texts = [value] if isinstance(value, str) else value  # a string (D) or an array of strings (B)
    if not isinstance(texts, list) or not all(isinstance(item, str) for item in texts):
        raise InvalidError("The value of a custom field is a string or an array of strings")
    return {"fieldId": entry["fieldId"], "value": texts}
