"""What all values share: `value`, a frozen class for what is made once per row, and `AsDict`.

attrs lets a frozen class set each of its fields through `object.__setattr__`, which makes a value of ten fields four
times as dear as one that is not frozen. So these are frozen for the type checker, and for nobody else.
"""

from collections.abc import Iterable, Mapping
from datetime import date, time
from enum import Enum
from math import isfinite
from typing import TYPE_CHECKING, Any

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

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain JSON values: times in ISO 8601 with their zone, enumerations by their value.

        Entry links are included, since whoever calls this asks for them; keys and tokens are masked.
        """
        names = [spec.name for spec in attrs.fields(type(self)) if spec.init]  # type: ignore[arg-type]  # an attrs class
        names.sort(key=lambda name: name == "extra")  # what nobody knows comes last
        return {name: json_ready(getattr(self, name)) for name in names}

    # So that ``dict(value)`` is the same, which is also what FastAPI does with a value that is returned as it is.

    def keys(self) -> Iterable[str]:
        """Return the names in `as_dict`."""
        return self.as_dict().keys()

    def __getitem__(self, name: str) -> Any:
        return self.as_dict()[name]

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let pydantic, and so FastAPI, take and write such values; only pydantic itself calls this."""
        from pydantic_core import core_schema

        write = core_schema.plain_serializer_function_ser_schema(
            lambda one: one.as_dict(), return_schema=core_schema.dict_schema()
        )
        return core_schema.is_instance_schema(cls, serialization=write)


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
