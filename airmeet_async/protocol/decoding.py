"""From a reply's document to typed values: one cattrs converter, strict about what is mandatory only.

1. cattrs alone would turn ``{"token": null}`` into the token ``"None"``: every plain type has a hook here that refuses
   what is not of it, or what does not say the same as it would (a number may be written as a text, and a text as one).
2. Null means absent, unknown statuses stay texts, and unknown members are kept in ``extra``.
3. One odd value never makes a list unreadable: a member that is not mandatory is kept in ``extra`` as it came, under
   its name, and its field has its default. `odd_members` tells which these are.
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import NoneType
from typing import Any, TypeVar, get_args

import attrs
import cattrs

from airmeet_async.errors import DecodeError, IncompleteListError
from airmeet_async.protocol.call import Call, Paging
from airmeet_async.protocol.http_messages import is_visible_ascii
from airmeet_async.protocol.models import AirmeetStatus, Answer
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.redact import Secret

Hook = Callable[[Any, Any], Any]
Model = TypeVar("Model", bound=Answer)

_TOKEN_LENGTH = 8192


class ShapeError(ValueError):
    """A value that is not of the wanted shape; knows where it stands, never what it is."""

    def __init__(self, wanted: str, path: str = "") -> None:
        super().__init__(wanted)
        self.wanted = wanted
        self.path = path

    def under(self, step: str) -> "ShapeError":
        """Return the same, seen from one level up."""
        joint = "" if not self.path or self.path.startswith("[") else "."
        return ShapeError(self.wanted, f"{step}{joint}{self.path}")


_hooks: dict[Any, Hook] = {}


def decode(call: Call[Any], document: Any) -> Any:
    """Return the typed answer to *call*.

    Raises:
        DecodeError: The document does not have the documented shape; the error says where.
    """
    endpoint = call.endpoint
    try:
        unwrapped = endpoint.unwrap(document)
        if endpoint.paging is not Paging.NONE:
            return _page(endpoint.returns, _document(unwrapped, dict))
        model = endpoint.returns
        if (hook := _hooks.get(model)) is None:  # asking the converter each time costs more than most decodings
            hook = _hooks[model] = converter.get_structure_hook(model)
        found = hook(unwrapped, model)
    except ShapeError as error:
        where = error.path or "the answer"
        raise DecodeError(f"{where} should be {error.wanted}", path=error.path, operation=endpoint.name) from None
    if type(found) is tuple and isinstance(document, dict):
        _check_count(endpoint.name, document, found)
    return found


def from_dict(model: type[Model], values: Mapping[str, Any]) -> Model:
    """Return the answer that ``as_dict()`` has written down: ``from_dict(Airmeet, event.as_dict()) == event``.

    Args:
        model: The class of the answer.
        values: What was written down, or JSON as Airmeet sends it.

    Raises:
        DecodeError: A mandatory member is missing, or is not what it should be.
    """
    try:
        found: Model = converter.get_structure_hook(model)(_unfolded(values), model)
    except ShapeError as error:
        where = error.path or "the value"
        raise DecodeError(f"{where} of {model.__name__} should be {error.wanted}", path=error.path) from None
    return found


def _unfolded(value: Any) -> Any:
    """Return what was written down as Airmeet would send it: what the model does not know stands among the rest."""
    if isinstance(value, list):
        return [_unfolded(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    extra = value.get("extra")
    inner = {name: _unfolded(part) for name, part in value.items() if name != "extra" or not isinstance(extra, dict)}
    return {**extra, **inner} if isinstance(extra, dict) else inner


def _check_count(name: str, document: dict[str, Any], rows: tuple[Any, ...]) -> None:
    """Check that a list that is not in pages has all rows that the answer counts: recordings may be capped (C)."""
    cursors = document.get("cursors")
    counted = {**document, **(cursors if isinstance(cursors, dict) else {})}
    total, pages = _count(counted.get("totalCount")), _count(counted.get("pageCount")) or 1
    if pages > 1 or (total is not None and total > len(rows)):
        of = f"{total:,} rows" if total is not None else f"{pages:,} pages, and one"
        message = f"{name}: Airmeet counts {of}, and {len(rows):,} rows came: some are missing"
        raise IncompleteListError(message, operation=name, read=len(rows), expected=total, rows=rows)


def _page(model: type[Any], document: dict[str, Any]) -> Page[Any]:
    rows = document.get("data", ...)
    if rows is ...:  # an answer about something else must not pass for an empty list
        raise ShapeError("present", "data")
    try:
        items = converter.get_structure_hook(tuple[model, ...])([] if rows is None else rows, tuple)  # type: ignore[valid-type]
    except ShapeError as error:
        raise error.under("data") from None
    cursors = document.get("cursors")
    cursors = cursors if isinstance(cursors, dict) else {}
    return Page(
        items,
        after=_cursor(cursors, "after"),
        before=_cursor(cursors, "before"),
        page_count=_count(cursors.get("pageCount")),
        total_count=_count(cursors.get("totalCount")),
    )


def _cursor(cursors: dict[str, Any], name: str) -> str | None:
    """Return a cursor as text: a number, or a string that can stand in an address; null means none."""
    value = cursors.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, (int, str)) or not str(value).isascii():
        raise ShapeError("a cursor", f"cursors.{name}")
    return str(value)


def _count(value: Any) -> int | None:
    """Return a count that can be trusted, or None: a wrong one must not end a list early."""
    try:
        count = _whole(value, int)
    except ShapeError:
        return None
    return count if count > 0 else None


def _exactly(kind: type[Any], wanted: str) -> Hook:
    def structure(value: Any, _type: Any) -> Any:
        if type(value) is not kind:
            raise ShapeError(wanted)
        return value

    return structure


def _text(value: Any, _type: Any) -> str:
    """Accept 17, too: ids are written both ways."""
    if type(value) in (int, float):
        return str(value)
    if type(value) is not str:
        raise ShapeError("a string")
    return value


def _flag(value: Any, _type: Any) -> bool:
    if type(value) is str and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if type(value) is not bool:
        raise ShapeError("true or false")
    return value


_document = _exactly(dict, "an object")


def _whole(value: Any, _type: Any) -> int:
    """Accept 20000 and "20000": Airmeet writes counts and times both ways (C)."""
    if isinstance(value, str) and value.isascii() and value.removeprefix("-").isdigit() and len(value) < 20:
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise ShapeError("a whole number")
    return value


def _number(value: Any, _type: Any) -> float:
    """Accept 2.5 and "2.5"; not the infinities that a text could hide."""
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise ShapeError("a number")
    return number


_EPOCH = re.compile(r"[0-9]{9,13}(?:\.[0-9]+)?")
_MILLISECONDS = 1e11  # as seconds, this would be the year 5138
_COLON_DATE = re.compile(r"^(\d{4}):(\d{2}):(\d{2})(?=[T ])")


def _time(value: Any, _type: Any) -> datetime:
    """Read ISO 8601, the ``2021:12:25T…`` of the documentation's sample (C), and seconds or milliseconds since 1970.

    A time without a zone is taken for UTC.
    """
    text = _text(value, str)
    try:
        if _EPOCH.fullmatch(text):
            number = float(text)
            return datetime.fromtimestamp(number / 1000 if number >= _MILLISECONDS else number, UTC)
        at = datetime.fromisoformat(_COLON_DATE.sub(r"\1-\2-\3", text.strip()))
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        at.astimezone(UTC)  # fails within a day of the first and the last year
    except (ValueError, OverflowError):
        raise ShapeError("a time") from None
    return at


_STATUSES = frozenset(AirmeetStatus)


def _status(value: Any, _type: Any) -> AirmeetStatus | str:
    text = _text(value, str)
    return AirmeetStatus(text) if text in _STATUSES else text


def _secret(value: Any, _type: Any) -> Secret:
    """A token goes into a header: 1 to 8192 visible ASCII characters, nothing else."""
    if not isinstance(value, str) or not 0 < len(value) <= _TOKEN_LENGTH:
        raise ShapeError("a token")
    if not is_visible_ascii(value):
        raise ShapeError("a token of visible ASCII characters")
    return Secret(value)


def _tuple_hook(cls: Any) -> Hook:
    element = get_args(cls)[0]
    hook = converter.get_structure_hook(element)

    def structure(value: Any, _type: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ShapeError("a list")
        found = []
        for number, item in enumerate(value):
            try:
                found.append(hook(item, element))
            except ShapeError as error:
                raise error.under(f"[{number}]") from None
        return tuple(found)

    return structure


def _bare(cls: Any) -> Any:
    """Return the type that a value has if it is there at all."""
    args = get_args(cls)
    return next(arg for arg in args if arg is not NoneType) if len(args) == 2 and NoneType in args else cls


def _model_hook(cls: type[Any]) -> Hook:
    """Build the reader of one model once: its plan holds per field the names, the hook and whether it must be there."""
    plan = []
    for spec in attrs.fields(cls):
        if spec.name != "extra":
            kind, (wire, *others) = _bare(spec.type), spec.metadata.get("wire", (spec.name,))
            if spec.name not in (wire, *others):
                others.append(spec.name)  # what `as_dict` calls it
            # Values of these types are right as they are, so that no hook need look at them.
            plain = kind if kind in (str, bool, int) else None
            hook = converter.get_structure_hook(kind)
            # An odd session must not take the others of an event with it, without a word.
            required = spec.default is attrs.NOTHING
            must_be_right = required or any(
                attrs.has(one) and any(part.default is attrs.NOTHING for part in attrs.fields(one))
                for one in get_args(kind)
            )
            plan.append((spec.name, wire, plain, hook, (others, kind, required, must_be_right)))
    known = frozenset(name for _, wire, *_, (others, *_) in plan for name in (wire, *others))

    def structure(document: Any, _type: Any) -> Any:
        if type(document) is not dict:
            raise ShapeError("an object")
        values: dict[str, Any] = {}
        odd: dict[str, Any] = {}
        for name, wire, plain, hook, rest in plan:
            given, key = document.get(wire), wire
            if type(given) is plain:  # nearly always
                values[name] = given
                continue
            others, kind, required, must_be_right = rest
            if given is None and others:
                given, key = next(
                    ((found, one) for one in others if (found := document.get(one)) is not None), (None, wire)
                )
            if given is not None:
                try:
                    values[name] = hook(given, kind)
                except ShapeError as error:
                    if must_be_right:
                        raise error.under(key) from None
                    if given != "":
                        odd[key] = given
            elif required:
                raise ShapeError("present", wire)
        if len(values) != len(document):
            values["extra"] = {key: value for key, value in document.items() if key not in known or key in odd}
        return cls(**values)

    return structure


def odd_members(answer: Answer) -> list[str]:
    """Return the names of the members of an answer that are known, and came in a shape that is not."""
    specs = attrs.fields(type(answer))
    known = {name for spec in specs for name in spec.metadata.get("wire", (spec.name,))} if answer.extra else ()
    found = [name for name in answer.extra if name in known]
    for spec in specs:
        part = getattr(answer, spec.name)
        for one in part if isinstance(part, tuple) else (part,):
            found += odd_members(one) if isinstance(one, Answer) else ()
    return found


def _make_converter() -> cattrs.Converter:
    made = cattrs.Converter(detailed_validation=False)
    made.register_structure_hook_factory(attrs.has, _model_hook)
    made.register_structure_hook_factory(lambda cls: getattr(cls, "__origin__", None) is tuple, _tuple_hook)
    for kind, hook in (
        (str, _text),
        (int, _whole),
        (float, _number),
        (bool, _flag),
        (Secret, _secret),
        (datetime, _time),
    ):
        made.register_structure_hook(kind, hook)
    made.register_structure_hook_func(lambda cls: cls is Any, lambda value, _type: value)
    made.register_structure_hook_func(lambda cls: getattr(cls, "__origin__", None) is dict, _document)
    made.register_structure_hook_func(lambda cls: cls == AirmeetStatus | str, _status)
    return made


converter: cattrs.Converter = _make_converter()
