"""What a field of a request may hold: one description that reads a value and that the OpenAPI document shows."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol

from attrs import frozen

from .replies import InvalidError
from .state import Json

EMAIL_MAX: Final = 254

# What Python strips as white space; JSON Schema's \s leaves some of it out.
_WHITE: Final = r"\s\x1c-\x1f\x85"

# One @, and nothing empty between dots.
_WORD: Final = rf"[^{_WHITE}@.]+"
_ADDRESS: Final = rf"{_WORD}(\.{_WORD})*@{_WORD}(\.{_WORD})+"
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_IS_ADDRESS: Final = re.compile(_ADDRESS)


class Kind(Protocol):
    """A kind of value."""

    def read(self, value: object, name: str) -> Any:
        """Return the value as it is kept, or refuse it."""

    def schema(self) -> Json:
        """Describe it as JSON Schema."""


@frozen
class Text:
    """A string.

    Attributes:
        filled: It holds more than white space, and is kept without any at its ends.
        one_of: The only ones allowed.
        pattern: What all of it must look like.
    """

    filled: bool = False
    one_of: tuple[str, ...] = ()
    pattern: str = ""

    def read(self, value: object, name: str) -> str:
        """Return the value as it is kept, or refuse it."""
        if not isinstance(value, str):
            raise InvalidError(f"{name} must be a string")
        if self.filled and not value.strip():
            raise InvalidError(f"{name} is mandatory")
        if self.one_of and value not in self.one_of:
            raise InvalidError(f"{name} must be one of {', '.join(self.one_of)}")
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise InvalidError(f"{name} must look like {self.pattern}")
        return value.strip() if self.filled else value

    def schema(self) -> Json:
        """Describe it as JSON Schema."""
        if self.one_of:
            return {"type": "string", "enum": list(self.one_of)}
        pattern = f"^{self.pattern}$" if self.pattern else f"[^{_WHITE}]" if self.filled else None
        return {"type": "string", "pattern": pattern} if pattern else {"type": "string"}


@frozen
class Address:
    """An e-mail address that looks like one."""

    def read(self, value: object, name: str) -> str:
        """Return the value as it is kept, or refuse it."""
        address = Text(filled=True).read(value, name)
        if len(str(value)) > EMAIL_MAX or not _IS_ADDRESS.fullmatch(address):
            raise InvalidError(f"{name} is not a valid e-mail address")
        return address

    def schema(self) -> Json:
        """Describe it as JSON Schema."""
        return {"type": "string", "pattern": rf"^[ \t\r\n]*{_ADDRESS}[ \t\r\n]*$", "maxLength": EMAIL_MAX}


@frozen
class Whole:
    """A whole number."""

    least: int
    most: int

    def read(self, value: object, name: str) -> int:
        """Return the value as it is kept, or refuse it."""
        if isinstance(value, float) and value.is_integer():  # 5.0 is an integer in JSON
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidError(f"{name} must be an integer")
        if not self.least <= value <= self.most:
            raise InvalidError(f"{name} must be from {self.least} to {self.most}")
        return value

    def schema(self) -> Json:
        """Describe it as JSON Schema."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@frozen
class Flag:
    """True or false."""

    def read(self, value: object, name: str) -> bool:
        """Return the value as it is kept, or refuse it."""
        if not isinstance(value, bool):
            raise InvalidError(f"{name} must be true or false")
        return value

    def schema(self) -> Json:
        """Describe it as JSON Schema."""
        return {"type": "boolean"}


@frozen
class Many:
    """An array of one kind."""

    of: Kind

    def read(self, value: object, name: str) -> list[Any]:
        """Return the value as it is kept, or refuse it."""
        if not isinstance(value, list):
            raise InvalidError(f"{name} must be an array")
        return [self.of.read(item, f"{name}[{place}]") for place, item in enumerate(value)]

    def schema(self) -> Json:
        """Describe it as JSON Schema."""
        return {"type": "array", "items": self.of.schema()}


@frozen
class Either:
    """A value of the first of two kinds that takes it."""

    first: Kind
    second: Kind

    def read(self, value: object, name: str) -> Any:
        """Return the value as it is kept, or refuse it."""
        try:
            return self.first.read(value, name)
        except InvalidError:
            return self.second.read(value, name)

    def schema(self) -> Json:
        """Describe it as JSON Schema."""
        return {"anyOf": [self.first.schema(), self.second.schema()]}


@frozen
class Unread:
    """Anything: whether it is read at all depends on something else."""

    def read(self, value: object, name: str) -> object:  # noqa: ARG002  (same signature as the others)
        """Return the value as it is."""
        return value

    def schema(self) -> Json:
        """Describe it as JSON Schema."""
        return {}


@frozen
class Field:
    """A named value.

    Attributes:
        name: As it is sent.
        kind: What it may hold.
        mandatory: It must be there.
    """

    name: str
    kind: Kind
    mandatory: bool = False


def check_query(query: Mapping[str, str], fields: Iterable[Field]) -> None:
    """Refuse a query that lacks a mandatory field, or in which a known one does not hold what it should."""
    for field in fields:
        text = query.get(field.name)
        if text is not None:
            is_number = isinstance(field.kind, Whole) and _NUMBER.fullmatch(text)
            field.kind.read(int(text) if is_number else text, field.name)
        elif field.mandatory:
            raise InvalidError(f"{field.name} is mandatory")


@frozen
class Form:
    """An object with known fields; others are let through unread.

    Attributes:
        fields: The known ones.
        one_of: Fields of which at least one must be there.
    """

    fields: tuple[Field, ...]
    one_of: tuple[str, ...] = ()

    def read(self, value: object, name: str = "") -> Json:
        """Return the value as it is kept, or refuse it."""
        if not isinstance(value, Mapping):
            raise InvalidError(f"{name or 'The body'} must be an object")
        within = f"{name}." if name else ""
        for field in self.fields:
            if field.mandatory and field.name not in value:
                raise InvalidError(f"{within}{field.name} is mandatory")
        if self.one_of and not any(field in value for field in self.one_of):
            raise InvalidError(f"One of {', '.join(self.one_of)} is mandatory")
        there = [field for field in self.fields if field.name in value]
        return {field.name: field.kind.read(value[field.name], within + field.name) for field in there}

    def schema(self) -> Json:
        """Describe it as JSON Schema."""
        described: Json = {
            "type": "object",
            "properties": {field.name: field.kind.schema() for field in self.fields},
            "required": [field.name for field in self.fields if field.mandatory],
        }
        if self.one_of:
            described["anyOf"] = [{"required": [name]} for name in self.one_of]
        return described
