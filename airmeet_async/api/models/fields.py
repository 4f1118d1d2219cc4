"""An event's own registration fields."""

from typing import Any

from attrs import field, frozen

from airmeet_async.api.models.names import wire


@frozen
class FieldOption:
    """One choice of a field that has choices (B)."""

    code: str = ""
    display_value: str = field(default="", metadata=wire("displayValue"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class FieldType:
    """What kind of input a field is (B; the values are not documented)."""

    field_type: str | None = field(default=None, metadata=wire("fieldType"))
    input_type: str | None = field(default=None, metadata=wire("inputType"))
    mapped_from: str | None = field(default=None, metadata=wire("mappedFrom"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class CustomField:
    """One registration field of an event (B)."""

    field_id: str = field(metadata=wire("fieldId"))
    label: str = ""
    name: str | None = None
    is_required: bool = field(default=False, metadata=wire("isRequired"))
    options: tuple[FieldOption, ...] = ()
    type: FieldType | None = None
    extra: dict[str, Any] = field(factory=dict, repr=False)
