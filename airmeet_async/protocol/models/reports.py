"""Participants, registrations, attendance, polls and questions. Shapes by production clients (B, C); null is absent."""

from typing import Any

from attrs import field

from airmeet_async.protocol.models.values import Answer, Moment, wire
from airmeet_async.protocol.value_class import value


@value
class FieldValue(Answer):
    """One answer in a participant's registration form (B)."""

    field_id: str = field(default="", metadata=wire("fieldId"))
    value: Any = None


@value
class Participant(Answer):
    """Somebody on an event's list: invited, registered or on stage (B, C). An e-mail address can appear twice (C)."""

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
    """The personal link; anybody who has it can enter as that person."""
    invite_sent: bool | None = None
    fields: tuple[FieldValue, ...] = field(default=(), metadata=wire("user_profile"))


@value
class Registration(Answer):
    """One registration of the older list (B)."""

    email: str = ""
    name: str = ""
    city: str | None = None
    country: str | None = None
    organisation: str | None = field(default=None, metadata=wire("organisation", "organization"))
    designation: str | None = field(default=None, metadata=wire("Designation", "designation"))
    registered_at: Moment | None = field(default=None, metadata=wire("registrationDate"))


@value
class Attendance(Answer):
    """One person's time in an event or a session (C)."""

    id: int | None = None
    email: str = ""
    name: str = ""
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    at: Moment | None = field(default=None, metadata=wire("time_stamp"))
    time_spent_ms: int | None = field(default=None, metadata=wire("time_spent"))
    """Milliseconds; Airmeet writes them as text (C)."""


@value
class BoothAttendance(Answer):
    """One person's visits to a booth (C; the exact row is not documented)."""

    id: int | None = None
    email: str = ""
    name: str = ""
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    at: Moment | None = field(default=None, metadata=wire("time_stamp"))
    visits: int | None = None
    interested_in_contact: bool | None = field(default=None, metadata=wire("interested_in_being_contacted"))


@value
class ReplayAttendance(Answer):
    """One person's time with a recording (C)."""

    id: int | None = None
    email: str = ""
    name: str = ""
    session_id: str | None = None
    minutes_viewed: float | None = field(default=None, metadata=wire("duration_viewed"))


@value
class PollAnswer(Answer):
    """One question and what the person chose (C)."""

    question: str = ""
    answer: Any = None
    at: Moment | None = field(default=None, metadata=wire("time_stamp"))


@value
class PollResponses(Answer):
    """All poll answers of one person (C)."""

    email: str = ""
    name: str = ""
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    polls: tuple[PollAnswer, ...] = ()


@value
class Question(Answer):
    """One question that was asked (B, C)."""

    question: str = ""
    session_id: str | None = None
    at: Moment | None = field(default=None, metadata=wire("time_stamp"))
    upvotes: int | None = field(default=None, metadata=wire("upvoteCount"))


@value
class Questions(Answer):
    """All questions of one person (C)."""

    email: str = ""
    name: str = ""
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    questions: tuple[Question, ...] = ()


@value
class Utms(Answer):
    """The campaign that brought a person (C)."""

    campaign: str | None = field(default=None, metadata=wire("utm_campaign"))
    medium: str | None = field(default=None, metadata=wire("utm_medium"))
    source: str | None = field(default=None, metadata=wire("utm_source"))
    term: str | None = field(default=None, metadata=wire("utm_term"))
    content: str | None = field(default=None, metadata=wire("utm_content"))


@value
class RegistrationUtms(Answer):
    """Where a registration came from (C). May lag 90 minutes behind (A)."""

    id: int | None = None
    email: str = ""
    airmeet_id: str | None = field(default=None, metadata=wire("airmeetId", "airmeet_id"))
    utms: Utms = field(factory=Utms)
