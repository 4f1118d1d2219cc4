"""A person to be added to an event."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from attrs import field, frozen


class AttendanceType(StrEnum):
    """How a person takes part in a hybrid event (A)."""

    IN_PERSON = "IN-PERSON"
    VIRTUAL = "VIRTUAL"


@frozen
class Attendee:
    """A person to be added to an event. E-mail, first and last name are mandatory (A).

    Attributes:
        email: Identity within an event.
        first_name: Airmeet cuts it after 35 characters (A).
        last_name: As first_name.
        attendance_type: Only for, and mandatory for, the hybrid conference format (A).
        city: Airmeet cuts it, and the three below, after 70 characters (A).
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
