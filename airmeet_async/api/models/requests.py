"""What has too many members for a list of arguments: events, sessions and booths to be made."""

from collections.abc import Sequence
from datetime import datetime

from attrs import field, frozen


@frozen(kw_only=True)
class NewAirmeet:
    """An event to be created.

    Attributes:
        host_email: The host, a member of the community's team.
        name: Title; the dashboard allows 80 characters (C).
        short_description: One paragraph (B).
        start: Aware datetime.
        end: Aware datetime, after the start.
        timezone: A name such as ``Europe/Paris``. Airmeet refuses some (A).
        long_description: More.
        image_url: A picture that anybody can fetch.
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
class SpeedNetworking:
    """How long people talk to each other (B; the unit is not documented).

    Attributes:
        conversation_minutes: One conversation.
        extension_minutes: What can be added to it.
    """

    conversation_minutes: int
    extension_minutes: int


@frozen(kw_only=True)
class NewSession:
    """A session to be created. Title, start and host are mandatory (A).

    Attributes:
        title: Title.
        start: Aware datetime; sent rounded down to a minute (B).
        host_email: The event's host or a member of the community's team (A).
        duration_minutes: Minutes (C). Optional by the help article, mandatory by another source, so give it.
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


@frozen(kw_only=True)
class Exhibitor:
    """Somebody at a booth.

    Attributes:
        email: Address.
        attendance_type: ``HYBRID`` or ``ONLINE``; only for events of the hybrid conference format (B).
    """

    email: str
    attendance_type: str | None = None


@frozen(kw_only=True)
class NewBooth:
    """A booth to be created. Only the name is mandatory (B).

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
