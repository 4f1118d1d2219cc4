"""What all values share: `value`, a frozen class for what is made once per row, and `AsDict`.

attrs lets a frozen class set each of its fields through `object.__setattr__`, which makes a value of ten fields four
times as dear as one that is not frozen. So these are frozen for the type checker, and for nobody else.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import date, time
from enum import Enum
from functools import cache
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, get_args

import attrs

from airmeet_async.protocol.redact import Secret

if TYPE_CHECKING:
    from attrs import frozen as value
else:
    from functools import partial

    value = partial(attrs.define, unsafe_hash=True)

__all__ = ["AsDict", "json_ready", "value"]


class AsDict:
    """A value that can be written down: for `json.dumps`, for pydantic, and as what a FastAPI route returns."""

    __slots__ = ()

    # Whether pydantic makes such a value of a mapping: only where each field is a text or a plain mapping.
    _is_read_from_mappings: ClassVar[bool] = False

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values: times in ISO 8601 with their zone, enumerations by their value.

        Entry links are included, since whoever calls this asks for them; keys and tokens are masked.
        """
        return {name: json_ready(getattr(self, name)) for name in _names(type(self))}

    # So that ``dict(value)`` is the same, which is also what FastAPI does with a value that is returned as it is.

    def keys(self) -> Iterable[str]:
        """Return the names in `as_dict`."""
        return self.as_dict().keys()

    def __getitem__(self, name: str) -> Any:
        if name in _names(type(self)) and type(self).as_dict is AsDict.as_dict:
            return json_ready(getattr(self, name))  # not the whole for each part
        return self.as_dict()[name]

    def __contains__(self, name: object) -> bool:
        return name in self.as_dict()

    # Else Python would ask for the parts 0, 1, 2; and a person in the place of a list of people is a mistake.
    __iter__: ClassVar[None] = None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let pydantic, and so FastAPI, take and write such values; only pydantic itself calls this."""
        from pydantic_core import core_schema

        write = core_schema.plain_serializer_function_ser_schema(
            lambda one: one.as_dict(), return_schema=core_schema.dict_schema()
        )

        if not cls._is_read_from_mappings:
            return core_schema.is_instance_schema(cls, serialization=write)

        def read(given: dict[str, Any]) -> Any:
            try:
                return cls(**given)
            except TypeError as error:  # a field is missing, or one too many
                raise ValueError(str(error).replace("__init__() ", "")) from None

        made = core_schema.no_info_after_validator_function(read, core_schema.dict_schema(core_schema.str_schema()))
        return core_schema.json_or_python_schema(
            json_schema=made,
            python_schema=core_schema.union_schema([core_schema.is_instance_schema(cls), made]),
            serialization=write,
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, source: Any, handler: Any) -> dict[str, Any]:
        """Describe the fields, for OpenAPI; only pydantic itself calls this."""
        specs = {spec.name: spec for spec in attrs.fields(cls) if spec.init}  # type: ignore[arg-type]
        return {
            "type": "object",
            "title": cls.__name__,
            "properties": {name: _described(specs[name].type) for name in _names(cls)},
            "required": [name for name, spec in specs.items() if spec.default is attrs.NOTHING],
        }


def _find_names(kind: Any) -> tuple[str, ...]:
    """Return the fields of a value; what nobody knows comes last."""
    names = [spec.name for spec in attrs.fields(kind) if spec.init]
    return tuple(sorted(names, key=lambda name: name == "extra"))


_names: Callable[[Any], tuple[str, ...]] = cache(_find_names)

_JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean"}


def _described(kind: Any) -> dict[str, Any]:
    """Return the JSON schema of a plain field; of any other one, and of a text for a type, nothing is said."""
    parts = [one for one in get_args(kind) or (kind,) if one is not type(None)]
    if len(parts) != 1 or parts[0] not in _JSON_TYPES:
        return {}
    plain = {"type": _JSON_TYPES[parts[0]]}
    return {"anyOf": [plain, {"type": "null"}]} if type(None) in get_args(kind) else plain


def json_ready(value: Any) -> Any:
    """Return any value as plain JSON values; what JSON has no way to say becomes text, and a secret three stars."""
    if value is None or type(value) in (str, int, bool):
        return value
    if (as_dict := getattr(value, "as_dict", None)) is not None and not isinstance(value, type):
        return as_dict()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, Mapping):
        return {str(json_ready(name)): json_ready(inner) for name, inner in value.items()}
    if attrs.has(type(value)):
        return {spec.name: json_ready(getattr(value, spec.name)) for spec in attrs.fields(type(value)) if spec.init}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return [json_ready(one) for one in value]
    return str(value) if not isinstance(value, (str, int)) else value
