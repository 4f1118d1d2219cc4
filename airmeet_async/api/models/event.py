"""Events as Airmeet shows them. The list and the single view name the same things differently."""

from enum import StrEnum
from typing import Any

from attrs import field, frozen

from airmeet_async.api.models.names import wire
from airmeet_async.api.moment import Moment


class AirmeetStatus(StrEnum):
    """Where an event is in its life. The list of values is open (C)."""

    CREATED = "CREATED"
    ONGOING = "ONGOING"
    PAUSED = "PAUSED"
    FINISHED = "FINISHED"
    ARCHIVED = "ARCHIVED"


@frozen
class Airmeet:
    """One event of the list (A; description B)."""

    uid: str = field(metadata=wire("uid", "uuid", "id"))
    name: str = ""
    status: AirmeetStatus | str = ""
    timezone: str | None = None
    start_time: Moment | None = field(default=None, metadata=wire("startTime", "start_time"))
    end_time: Moment | None = field(default=None, metadata=wire("endTime", "end_time"))
    description: str | None = None
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class Person:
    """Somebody on stage (C)."""

    id: str = ""
    name: str = ""
    email: str | None = None
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class Session:
    """One session of an event (B, C). Attendance exists only once its status is FINISHED (C)."""

    session_id: str = field(metadata=wire("sessionid", "uid", "uuid", "id"))
    name: str = ""
    status: str = ""
    type: str | None = None
    start_time: Moment | None = None
    duration: int | None = None
    """Minutes."""
    summary: str | None = None
    host_ids: tuple[str, ...] = field(default=(), metadata=wire("host_id"))
    cohost_ids: tuple[str, ...] = ()
    speaker_ids: tuple[str, ...] = field(default=(), metadata=wire("speaker_id"))
    speakers: tuple[Person, ...] = field(default=(), metadata=wire("speakerList"))
    extra: dict[str, Any] = field(factory=dict, repr=False)


@frozen
class AirmeetInfo:
    """An event with its sessions: ``GET /airmeet/{id}/info``, which has no envelope (C)."""

    id: str = field(metadata=wire("id", "airmeet_id", "uid", "uuid"))
    name: str = ""
    status: AirmeetStatus | str = ""
    timezone: str | None = None
    start_time: Moment | None = None
    end_time: Moment | None = None
    short_description: str | None = field(default=None, metadata=wire("short_desc"))
    event_sub_type: str | None = None
    """``HYBRID_CONFERENCE`` makes an attendance type mandatory (A, B)."""
    image_url: str | None = field(default=None, metadata=wire("master_img_url"))
    sessions: tuple[Session, ...] = ()
    session_hosts: tuple[Person, ...] = ()
    extra: dict[str, Any] = field(factory=dict, repr=False)
