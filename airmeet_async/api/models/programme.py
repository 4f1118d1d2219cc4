"""What an event is made of: speakers, sessions, booths, tracks, recordings, series."""

from typing import Any

from attrs import field, frozen

from airmeet_async.api.models.names import wire


@frozen
class Speaker:
    """A speaker to be added (B, C). One name, not first and last.

    Attributes:
        email: Identity within an event; sessions name speakers by it.
        name: Full name.
        organisation: Company or the like.
        designation: Job title.
        image_url: A picture that anybody can fetch.
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
class SpeakerAdded:
    """The answer to adding a speaker: ``SPEAKER_CREATED`` for a new one (B, C)."""

    email: str = field(metadata=wire("speakerEmail", "email"))
    status: str | None = None
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class Created:
    """The answer to creating something: its id, under one of several names (B, C)."""

    id: str = field(metadata=wire("uuid", "uid", "airmeetId", "id"))
    status: str | None = None
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class SpeakerLink:
    """A speaker's own way into a session (C)."""

    email: str = ""
    link: str | None = field(default=None, metadata=wire("token"), repr=False)
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class SessionCreated:
    """The answer to creating a session (B, C)."""

    session_id: str = field(metadata=wire("uid", "uuid", "sessionid", "id"))
    speaker_links: tuple[SpeakerLink, ...] = field(default=(), metadata=wire("token"), repr=False)
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class Updated:
    """The answer to a change; its body is not documented for every operation, so all of it is in ``extra``."""

    success: bool | None = field(default=None, metadata=wire("success", "statusUpdated"))
    message: str | None = None
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class Booth:
    """A booth (B). Most of its members stay in ``extra``: the published types of them are not believable."""

    uid: str = field(metadata=wire("uid", "uuid", "id"))
    name: str = ""
    exhibitors: tuple[Any, ...] = ()
    tags: tuple[Any, ...] = ()
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class Track:
    """A track (B, C)."""

    uid: str = field(metadata=wire("uid", "uuid", "id"))
    name: str = ""
    description: str | None = None
    order: int | None = field(default=None, metadata=wire("track_order"))
    meta: dict[str, Any] = field(factory=dict, metadata=wire("metaData"))
    session_ids: tuple[str, ...] = field(default=(), metadata=wire("sessions"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class Recording:
    """A session's recording (C). The link is signed and good for six hours; ask again for a fresh one (C)."""

    session_id: str = ""
    session_name: str = ""
    download_link: str | None = field(default=None, repr=False)
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class Series:
    """A series of events (A by title; members are not documented)."""

    id: str = field(metadata=wire("uid", "uuid", "id"))
    name: str | None = field(default=None, metadata=wire("name", "title"))
    extra: dict[str, Any] = field(factory=dict, repr=False)
