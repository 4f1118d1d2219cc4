"""Who came, who is registered, and what they said. Shapes from production clients (B, C); nulls mean absent."""

from typing import Any

from attrs import field

from airmeet_async.protocol.models.values import Moment, wire
from airmeet_async.protocol.value_class import value


@value
class FieldValue:
    """One answer in a participant's registration form (B)."""

    field_id: str = field(default="", metadata=wire("fieldId"))
    value: Any = None
    extra: dict[str, Any] = field(factory=dict, repr=False)


@value
class Participant:
    """Somebody on an event's list: invited, registered or on stage (B, C). One e-mail can be there twice (C)."""

    email: str = ""
    name: str = ""
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    city: str | None = None
    country: str | None = None
    organisation: str | None = field(default=None, metadata=wire("organisation", "organization"))
    designation: str | None = field(default=None, metadata=wire("Designation", "designation"))
    registered_at: Moment | None = field(default=None, metadata=wire("registrationDate"))
    profile_url: str | None = None
    user_type: str | None = None
    joining_link: str | None = field(default=None, metadata=wire("token"), repr=False)
    """The person's own way in; whoever holds it enters as that person."""
    invite_sent: bool | None = None
    fields: tuple[FieldValue, ...] = field(default=(), metadata=wire("user_profile"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@value
class Registration:
    """One registration of the older list (B)."""

    email: str = ""
    name: str = ""
    city: str | None = None
    country: str | None = None
    organisation: str | None = field(default=None, metadata=wire("organisation", "organization"))
    designation: str | None = field(default=None, metadata=wire("Designation", "designation"))
    registered_at: Moment | None = field(default=None, metadata=wire("registrationDate"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@value
class Attendance:
    """One person's time in an event or a session (C)."""

    id: int | None = None
    email: str = ""
    name: str = ""
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    at: Moment | None = field(default=None, metadata=wire("time_stamp"))
    time_spent_ms: int | None = field(default=None, metadata=wire("time_spent"))
    """Milliseconds; Airmeet writes them as text (C)."""
    extra: dict[str, Any] = field(factory=dict, repr=False)


@value
class BoothAttendance:
    """One person's visits to a booth (C; the exact row is not documented)."""

    id: int | None = None
    email: str = ""
    name: str = ""
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    at: Moment | None = field(default=None, metadata=wire("time_stamp"))
    visits: int | None = None
    interested_in_contact: bool | None = field(default=None, metadata=wire("interested_in_being_contacted"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@value
class ReplayAttendance:
    """One person's time with a recording (C)."""

    id: int | None = None
    email: str = ""
    name: str = ""
    session_id: str | None = None
    minutes_viewed: float | None = field(default=None, metadata=wire("duration_viewed"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@value
class PollAnswer:
    """One question and what the person chose (C)."""

    question: str = ""
    answer: Any = None
    at: Moment | None = field(default=None, metadata=wire("time_stamp"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@value
class PollResponses:
    """All poll answers of one person (C)."""

    email: str = ""
    name: str = ""
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    polls: tuple[PollAnswer, ...] = ()
    extra: dict[str, Any] = field(factory=dict, repr=False)


@value
class Question:
    """One question that was asked (B, C)."""

    question: str = ""
    session_id: str | None = None
    at: Moment | None = field(default=None, metadata=wire("time_stamp"))
    upvotes: int | None = field(default=None, metadata=wire("upvoteCount"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@value
class Questions:
    """All questions of one person (C)."""

    email: str = ""
    name: str = ""
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    questions: tuple[Question, ...] = ()
    extra: dict[str, Any] = field(factory=dict, repr=False)


@value
class Utms:
    """The campaign that brought a person (C)."""

    campaign: str | None = field(default=None, metadata=wire("utm_campaign"))
    medium: str | None = field(default=None, metadata=wire("utm_medium"))
    source: str | None = field(default=None, metadata=wire("utm_source"))
    term: str | None = field(default=None, metadata=wire("utm_term"))
    content: str | None = field(default=None, metadata=wire("utm_content"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@value
class RegistrationUtms:
    """Where a registration came from (C). May lag 90 minutes behind (A)."""

    id: int | None = None
    email: str = ""
    airmeet_id: str | None = field(default=None, metadata=wire("airmeetId", "airmeet_id"))
    utms: Utms = field(factory=Utms)
    extra: dict[str, Any] = field(factory=dict, repr=False)
