"""Small answers: a token, a way in, a yes."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from attrs import field, frozen

from airmeet_async.protocol.models.values import Answer, wire
from airmeet_async.protocol.redact import Secret
from airmeet_async.protocol.value_class import value


@frozen
class AuthToken(Answer):
    """The answer of ``POST /auth``. Flat in production (B, C), under ``data`` in the help article (A).

    Attributes:
        token: Good for 30 days (A).
        community_id: The community the keys belong to, where the answer says so (C).
    """

    token: Secret
    community_id: str | None = field(default=None, metadata=wire("communityId"))


@value
class Access(Answer):
    """A person's access to an event: the reply to adding an attendee (A).

    Attributes:
        email: E-mail address of the person.
        entry_link: The personal link. Anybody who has it can enter as that person, so it is not shown in the repr.
    """

    email: str
    entry_link: str = field(metadata=wire("entryLink"), repr=False)


@frozen
class Acknowledgement(Answer):
    """``{"success": true}`` (A)."""

    success: bool
    message: str | None = None


class AttendanceType(StrEnum):
    """How a person takes part in a hybrid event (A)."""

    IN_PERSON = "IN-PERSON"
    VIRTUAL = "VIRTUAL"


@frozen
class Attendee:
    """A person to register for an event. E-mail, first and last name are required (A).

    Attributes:
        email: Identity within an event.
        first_name: Airmeet shortens it to 35 characters (A).
        last_name: As first_name.
        attendance_type: Only for, and mandatory for, the hybrid conference format (A).
        city: Airmeet shortens it, and the three below, to 70 characters (A).
        country: Free text.
        designation: Job title.
        organisation: Company or the like.
        custom_fields: Values of the event's own registration fields, by field id or by label.
    """

    email: str
    first_name: str
    last_name: str
    attendance_type: AttendanceType | str | None = None
    city: str | None = None
    country: str | None = None
    designation: str | None = None
    organisation: str | None = None
    custom_fields: Mapping[str, str | Sequence[str]] = field(factory=dict)


@frozen
class FieldOption(Answer):
    """One choice of a field that has choices (B)."""

    code: str = ""
    display_value: str = field(default="", metadata=wire("displayValue"))


@frozen
class FieldType(Answer):
    """What kind of input a field is (B; the values are not documented)."""

    field_type: str | None = field(default=None, metadata=wire("fieldType"))
    input_type: str | None = field(default=None, metadata=wire("inputType"))
    mapped_from: str | None = field(default=None, metadata=wire("mappedFrom"))


@frozen
class CustomField(Answer):
    """One registration field of an event (B)."""

    field_id: str = field(metadata=wire("fieldId"))
    label: str = ""
    name: str | None = None
    is_required: bool = field(default=False, metadata=wire("isRequired"))
    options: tuple[FieldOption, ...] = ()
    type: FieldType | None = None
