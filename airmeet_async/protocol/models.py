"""The values of requests and answers, frozen. Shapes by Airmeet's help, its connector and production clients (A to D).

Unknown members of an answer are kept in ``extra``, unknown words of an
enumeration stay plain strings, and null means absent.

One scheme of names: a thing's own id is ``id``, that of another thing ``airmeet_id``, ``session_id`` or ``user_id``;
somebody's personal link is ``entry_link``; times are aware datetimes, of UTC where Airmeet names no zone.
"""

import warnings
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from attrs import field, frozen

from airmeet_async.protocol.redact import Secret
from airmeet_async.protocol.value_class import AsDict, value


def wire(*names: str) -> dict[str, Any]:
    """Return attrs metadata: the names under which a field may arrive, the likeliest first."""
    return {"wire": names}


# The names of version 0.1, which answer until 0.3.
_OLD_NAMES = {
    "Airmeet.uid": "id", "Booth.uid": "id", "CustomField.field_id": "id", "Participant.joining_link": "entry_link",
    "Session.session_id": "id", "SessionCreated.session_id": "id", "SpeakerLink.link": "entry_link", "Track.uid": "id",
    "RecordingLink.link": "download_link",
}  # fmt: skip


@value
class Answer(AsDict):
    """An answer of the API, or an object within one.

    Attributes:
        extra: The members that the model does not know, by their names on the wire, and those that came in another
            shape than is documented.
    """

    extra: dict[str, Any] = field(factory=dict, repr=False, kw_only=True, hash=False)

    if not TYPE_CHECKING:  # a type checker would take every misspelt name for an old one

        def __getattr__(self, name: str) -> Any:
            new = _OLD_NAMES.get(f"{type(self).__name__}.{name}")
            if new is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
            message = f"{type(self).__name__}.{name} is now .{new}; the old name works until version 0.3"
            warnings.warn(message, DeprecationWarning, stacklevel=2)
            return getattr(self, new)


# People and access


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
    """``{"success": true}`` (A); an answer that says nothing of it is a success, too."""

    success: bool = True
    message: str | None = None


class AttendanceType(StrEnum):
    """How a person takes part in a hybrid event (A)."""

    IN_PERSON = "IN-PERSON"
    VIRTUAL = "VIRTUAL"


@frozen
class Attendee(AsDict):
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
        custom_fields: Values of the event's own registration fields, by field id; in a bulk run by label, too.
    """

    _is_read_from_mappings: ClassVar[bool] = True

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

    id: str = field(metadata=wire("fieldId", "id"))
    label: str = ""
    name: str | None = None
    is_required: bool = field(default=False, metadata=wire("isRequired"))
    options: tuple[FieldOption, ...] = ()
    type: FieldType | None = None


# Events. The list and the single view name the same things differently.


class AirmeetStatus(StrEnum):
    """The state of an event. More values are possible (C)."""

    CREATED = "CREATED"
    ONGOING = "ONGOING"
    PAUSED = "PAUSED"
    FINISHED = "FINISHED"
    ARCHIVED = "ARCHIVED"


@frozen
class Airmeet(Answer):
    """One event of the list (A; description B)."""

    id: str = field(metadata=wire("uid", "uuid", "id"))
    name: str = ""
    status: AirmeetStatus | str = ""
    timezone: str | None = None
    start_time: datetime | None = field(default=None, metadata=wire("startTime", "start_time"))
    end_time: datetime | None = field(default=None, metadata=wire("endTime", "end_time"))
    description: str | None = None


@frozen
class Presenter(Answer):
    """Somebody on stage (C)."""

    id: str = ""
    name: str = ""
    email: str | None = None


@frozen
class Session(Answer):
    """One session of an event (B, C). Attendance exists only once its status is FINISHED (C).

    Attributes:
        duration: Minutes.
    """

    id: str = field(metadata=wire("sessionid", "uid", "uuid", "id"))
    name: str = ""
    status: str = ""
    type: str | None = None
    start_time: datetime | None = None
    duration: int | None = None
    summary: str | None = None
    host_ids: tuple[str, ...] = field(default=(), metadata=wire("host_id"))
    cohost_ids: tuple[str, ...] = ()
    speaker_ids: tuple[str, ...] = field(default=(), metadata=wire("speaker_id"))
    speakers: tuple[Presenter, ...] = field(default=(), metadata=wire("speakerList"))


@frozen
class AirmeetInfo(Answer):
    """An event with its sessions: ``GET /airmeet/{id}/info``, which has no envelope (C).

    Attributes:
        event_sub_type: ``HYBRID_CONFERENCE`` makes an attendance type mandatory (A, B).
    """

    id: str = field(metadata=wire("id", "airmeet_id", "uid", "uuid"))
    name: str = ""
    status: AirmeetStatus | str = ""
    timezone: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    short_description: str | None = field(default=None, metadata=wire("short_desc"))
    event_sub_type: str | None = None
    image_url: str | None = field(default=None, metadata=wire("master_img_url"))
    sessions: tuple[Session, ...] = ()
    session_hosts: tuple[Presenter, ...] = ()

    @property
    def is_hybrid(self) -> bool | None:
        """Whether each person needs an attendance type; None where the reply does not say."""
        return self.event_sub_type == "HYBRID_CONFERENCE" if self.event_sub_type else None


@frozen
class Speaker(AsDict):
    """A speaker to add (B, C), with one name instead of first and last name.

    Attributes:
        email: Identity within an event; sessions name speakers by it.
        name: Full name.
        organisation: Company or the like.
        designation: Job title.
        image_url: URL of a public picture.
        bio: A few sentences.
        city: Free text.
        country: Free text.
    """

    email: str
    name: str
    organisation: str | None = None
    designation: str | None = None
    image_url: str | None = None
    bio: str | None = None
    city: str | None = None
    country: str | None = None


@frozen
class SpeakerAdded(Answer):
    """The answer to adding a speaker: ``SPEAKER_CREATED`` for a new one (B, C)."""

    email: str = field(metadata=wire("speakerEmail", "email"))
    status: str | None = None


@frozen
class Created(Answer):
    """The answer to creating something: its id, under one of several names (B, C)."""

    id: str = field(metadata=wire("uuid", "uid", "airmeetId", "id"))
    status: str | None = None


@frozen
class SpeakerLink(Answer):
    """A speaker's personal link to a session (C)."""

    email: str = ""
    entry_link: str | None = field(default=None, metadata=wire("token"), repr=False)


@frozen
class SessionCreated(Answer):
    """The answer to creating a session (B, C)."""

    id: str = field(metadata=wire("uid", "uuid", "sessionid", "id"))
    speaker_links: tuple[SpeakerLink, ...] = field(default=(), metadata=wire("token"), repr=False)


@frozen
class Updated(Answer):
    """The answer to a change; its body is not documented for every operation, so all of it is in ``extra``."""

    success: bool | None = field(default=None, metadata=wire("success", "statusUpdated"))
    message: str | None = None


@frozen
class Booth(Answer):
    """A booth (B). Most of its members stay in ``extra``: the published types of them are not believable."""

    id: str = field(metadata=wire("uid", "uuid", "id"))
    name: str = ""
    exhibitors: tuple[Any, ...] = ()
    tags: tuple[Any, ...] = ()


@frozen
class Track(Answer):
    """A track (B, C)."""

    id: str = field(metadata=wire("uid", "uuid", "id"))
    name: str = ""
    description: str | None = None
    order: int | None = field(default=None, metadata=wire("track_order"))
    meta: dict[str, Any] = field(factory=dict, metadata=wire("metaData"))
    session_ids: tuple[str, ...] = field(default=(), metadata=wire("sessions"))


@frozen
class Recording(Answer):
    """A session's recording (C). The link is signed and good for six hours; ask again for a fresh one (C)."""

    session_id: str = ""
    session_name: str = ""
    download_link: str | None = field(default=None, repr=False)


@frozen
class Series(Answer):
    """A series of events (A by title; members are not documented)."""

    id: str = field(metadata=wire("uid", "uuid", "id"))
    name: str | None = field(default=None, metadata=wire("name", "title"))


@frozen
class Webhook(Answer):
    """One registered webhook. The members are known from third parties only (D)."""

    id: str | None = field(default=None, metadata=wire("id", "webhookId", "uuid"))
    name: str | None = None
    description: str | None = None
    url: str | None = field(default=None, repr=False)
    trigger: str | None = field(default=None, metadata=wire("triggerMetaInfoId", "trigger"))


@frozen
class WebhookReceipt(Answer):
    """The webhook service's answer: its ``statusCode`` is a text, and "2000" is its success (A)."""

    status_code: Any = field(default=None, metadata=wire("statusCode"))
    status_message: str | None = field(default=None, metadata=wire("statusMessage"))
    payload: Any = field(default=None, repr=False)


@frozen(kw_only=True)
class NewAirmeet(AsDict):
    """An event to create.

    Attributes:
        host_email: The host, a member of the community's team.
        name: Title; the dashboard allows 80 characters (C).
        short_description: One paragraph (B).
        start: Aware datetime.
        end: Aware datetime, after the start.
        timezone: A name such as ``Europe/Paris``. Airmeet refuses some (A).
        long_description: More.
        image_url: URL of a public picture.
        access: ``INVITED_ONLY``, ``WITH_VERIFIED_EMAIL`` or ``WITHOUT_VERIFIED_EMAIL`` (B).
        event_type: ``MEETUP`` is the only value that is published (B).
        networking: Whether there are tables (B).
        table_count: How many (B).
    """

    host_email: str
    name: str
    short_description: str
    start: datetime
    end: datetime
    timezone: str
    long_description: str | None = None
    image_url: str | None = None
    access: str | None = None
    event_type: str | None = "MEETUP"
    networking: bool | None = None
    table_count: int | None = None


@frozen(kw_only=True)
class SpeedNetworking(AsDict):
    """How long people talk to each other (B; the unit is not documented).

    Attributes:
        conversation_minutes: One conversation.
        extension_minutes: What can be added to it.
    """

    conversation_minutes: int
    extension_minutes: int


@frozen(kw_only=True)
class NewSession(AsDict):
    """A session to create. Title, start and host are required (A).

    Attributes:
        title: Title.
        start: Aware datetime; sent rounded down to a minute (B).
        host_email: The event's host or a member of the community's team (A).
        duration_minutes: Minutes (C). Optional according to the help article, required according to another source, so
            set it.
        summary: A few sentences.
        speaker_emails: Speakers; they must be in the event already (A).
        cohost_emails: Team members of the community (A). To give a speaker cohost rights, name them in both (A).
        type: Must be ``HOSTING`` (A).
        track_ids: Tracks (B).
        tags: Free words (B).
        booth_id: For a session in a booth (B).
        speed_networking: For a session of that kind (B); sent as given.
        hide_host: Whether the host is not shown (B).
    """

    title: str
    start: datetime
    host_email: str
    duration_minutes: int | None = None
    summary: str | None = None
    speaker_emails: Sequence[str] = ()
    cohost_emails: Sequence[str] = ()
    type: str = "HOSTING"
    track_ids: Sequence[str] = ()
    tags: Sequence[str] = ()
    booth_id: str | None = None
    speed_networking: SpeedNetworking | None = None
    hide_host: bool | None = None


EXHIBITOR_TYPES = ("HYBRID", "ONLINE")


@frozen(kw_only=True)
class Exhibitor(AsDict):
    """Somebody at a booth.

    Attributes:
        email: Address.
        attendance_type: ``HYBRID`` or ``ONLINE``; only for events of the hybrid conference format (B).
    """

    email: str
    attendance_type: str | None = None


@frozen(kw_only=True)
class NewBooth(AsDict):
    """A booth to create. Only the name is required (B).

    Attributes:
        name: Name.
        exhibitors: Who is at it.
        tags: Free words.
        chat: Whether there is a chat.
        lounge: Whether there are tables.
        broadcast: Whether it can go on air.
        table_count: How many tables; Airmeet's own connector takes 6 (B).
    """

    name: str
    exhibitors: Sequence[Exhibitor | str] = ()
    tags: Sequence[str] = ()
    chat: bool = True
    lounge: bool = True
    broadcast: bool = True
    table_count: int = field(default=6)


# Reports: participants, registrations, attendance, polls and questions


@value
class FieldValue(Answer):
    """One answer in a participant's registration form (B)."""

    field_id: str = field(default="", metadata=wire("fieldId"))
    value: Any = None


@value
class PersonAnswer(Answer):
    """An answer about one person."""

    email: str = ""
    name: str = ""
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))


@value
class Participant(PersonAnswer):
    """Somebody on an event's list: invited, registered or on stage (B, C). An e-mail address can appear twice (C).

    Attributes:
        entry_link: The personal link; anybody who has it can enter as that person.
    """

    city: str | None = None
    country: str | None = None
    organisation: str | None = field(default=None, metadata=wire("organisation", "organization"))
    designation: str | None = field(default=None, metadata=wire("Designation", "designation"))
    registered_at: datetime | None = field(default=None, metadata=wire("registrationDate"))
    profile_url: str | None = None
    user_type: str | None = None
    entry_link: str | None = field(default=None, metadata=wire("token"), repr=False)
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
    registered_at: datetime | None = field(default=None, metadata=wire("registrationDate"))


@value
class Attendance(Answer):
    """One person's time in an event or a session (C).

    Attributes:
        time_spent_ms: Milliseconds; Airmeet writes them as text (C).
    """

    id: int | None = None
    email: str = ""
    name: str = ""
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    at: datetime | None = field(default=None, metadata=wire("time_stamp"))
    time_spent_ms: int | None = field(default=None, metadata=wire("time_spent"))


@value
class BoothAttendance(Answer):
    """One person's visits to a booth (C; the exact row is not documented)."""

    id: int | None = None
    email: str = ""
    name: str = ""
    user_id: str | None = field(default=None, metadata=wire("user_id", "userId"))
    at: datetime | None = field(default=None, metadata=wire("time_stamp"))
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
    at: datetime | None = field(default=None, metadata=wire("time_stamp"))


@value
class PollResponses(PersonAnswer):
    """All poll answers of one person (C)."""

    polls: tuple[PollAnswer, ...] = ()


@value
class Question(Answer):
    """One question that was asked (B, C)."""

    question: str = ""
    session_id: str | None = None
    at: datetime | None = field(default=None, metadata=wire("time_stamp"))
    upvotes: int | None = field(default=None, metadata=wire("upvoteCount"))


@value
class Questions(PersonAnswer):
    """All questions of one person (C)."""

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
