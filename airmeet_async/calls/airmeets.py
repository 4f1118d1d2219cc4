"""Events."""

import re
from datetime import datetime

from airmeet_async.errors import ConfigError
from airmeet_async.protocol import validation
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import (
    AIRMEETS_CREATE,
    AIRMEETS_DUPLICATE,
    AIRMEETS_INFO,
    AIRMEETS_LANDING_PAGE,
    AIRMEETS_LIST,
    AIRMEETS_SET_STATUS,
)
from airmeet_async.protocol.models import Airmeet, AirmeetInfo, Created, NewAirmeet, Updated
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.validation import Cursor

_STATUSES = ("ONGOING", "PAUSED", "FINISHED", "ARCHIVE")
_ACCESS = ("INVITED_ONLY", "WITH_VERIFIED_EMAIL", "WITHOUT_VERIFIED_EMAIL")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def list_(*, size: int = 50, after: Cursor = None, before: Cursor = None) -> Call[Page[Airmeet]]:
    """List the community's events, those of the archive left out.

    Sorted by creation time; the direction is not documented (help article, A).

    Args:
        size: Events per page, 1 to 500; Airmeet's own default is 50 (A).
        after: Cursor of an earlier page.
        before: The same backwards. Airmeet ignores it beside *after* (A), so both together are refused here.

    Raises:
        ConfigError: *size* is out of range, or both cursors are given.
    """
    return Call(AIRMEETS_LIST, query=validation.page_query(AIRMEETS_LIST, size, after, before))


def info(airmeet_id: str) -> Call[AirmeetInfo]:
    """Show one event with its sessions (B, C).

    Args:
        airmeet_id: The event's id.

    Raises:
        NotFoundError: There is no such event.
        PermissionDeniedError: It belongs to another community.
    """
    return Call(AIRMEETS_INFO, {"airmeet_id": check_id(airmeet_id, "airmeet_id")})


def create(airmeet: NewAirmeet) -> Call[Created]:
    """Create an event.

    Args:
        airmeet: Host, name, short description, times and time zone are mandatory (B).

    Raises:
        ConfigError: A member is missing or not usable.
        AmbiguousOutcomeError: There was no clear answer; a repeat could make a second event.
        RejectedError: Airmeet refuses it; some time zones are not available (A).
    """
    body = {
        "hostEmail": validation.email(airmeet.host_email, "host_email"),
        "eventName": validation.needed(airmeet.name, "name"),
        "shortDesc": validation.needed(airmeet.short_description, "short_description"),
        "longDesc": airmeet.long_description,
        "timing": _timing(airmeet),
        "eventImage": airmeet.image_url,
        "access": None if airmeet.access is None else validation.one_of(airmeet.access, _ACCESS, "access"),
        "eventType": airmeet.event_type,
        "config": validation.present({"networking": airmeet.networking, "tableCount": airmeet.table_count}) or None,
    }
    return Call(AIRMEETS_CREATE, body=validation.present(body))


def _timing(airmeet: NewAirmeet) -> dict[str, int | str]:
    start, end = validation.milliseconds(airmeet.start, "start"), validation.milliseconds(airmeet.end, "end")
    if start >= end:
        message = "end must be at least a minute after start"
        raise ConfigError(message)
    return {"startTime": start, "endTime": end, "timezone": validation.check_timezone(airmeet.timezone)}


def set_status(airmeet_id: str, status: str) -> Call[Updated]:
    """Start, pause, end or archive an event. Saying the same twice is saying it once.

    Args:
        airmeet_id: The event's id.
        status: ``ONGOING`` or ``FINISHED`` (B), ``PAUSED`` or ``ARCHIVE`` (D). Which may follow which is not
            documented.

    Raises:
        ConfigError: There is no such status.
        NotFoundError: There is no such event.
        RejectedError: Airmeet refuses the change.
    """
    body = {"status": validation.one_of(status, _STATUSES, "status")}
    return Call(AIRMEETS_SET_STATUS, {"airmeet_id": check_id(airmeet_id, "airmeet_id")}, body=body)


def landing_page(
    airmeet_id: str,
    *,
    ambience: str | None = None,
    layout: str | None = None,
    highlight_color: str | None = None,
    button_text_color: str | None = None,
    image_url: str | None = None,
) -> Call[Updated]:
    """Change the looks of an event's landing page (D).

    Args:
        airmeet_id: The event's id.
        ambience: ``LIGHT`` or ``DARK``.
        layout: ``CLASSIC`` or ``MODERN``.
        highlight_color: Like ``#0000ff``.
        button_text_color: Like ``#ffffff``.
        image_url: A public JPG or PNG.

    Raises:
        ConfigError: A value is not usable, or there is none.
        NotFoundError: There is no such event.
    """
    body = validation.present({
        "ambience": None if ambience is None else validation.one_of(ambience, ("LIGHT", "DARK"), "ambience"),
        "layout": None if layout is None else validation.one_of(layout, ("CLASSIC", "MODERN"), "layout"),
        "highlightColor": _colour(highlight_color, "highlight_color"),
        "buttonTextColor": _colour(button_text_color, "button_text_color"),
        "imageUrl": image_url,
    })  # fmt: skip
    if not body:
        message = "nothing to change: give at least one of ambience, layout, the colours and image_url"
        raise ConfigError(message)
    return Call(AIRMEETS_LANDING_PAGE, {"airmeet_id": check_id(airmeet_id, "airmeet_id")}, body=body)


def _colour(value: str | None, name: str) -> str | None:
    if value is None or _COLOUR.fullmatch(value):
        return value
    message = f"{name} is {value!r:.40}; write six hexadecimal digits like #0000ff"
    raise ConfigError(message)


def duplicate(
    airmeet_id: str, *, name: str, start: datetime, timezone: str, duplicate_speakers: bool = False
) -> Call[Created]:
    """Make a copy of an event in the same community (C, D).

    Args:
        airmeet_id: The event to copy.
        name: Title of the copy.
        start: Aware datetime.
        timezone: A name such as ``Europe/Paris``.
        duplicate_speakers: Whether its speakers come along.

    Raises:
        ConfigError: An argument is not usable.
        AmbiguousOutcomeError: There was no clear answer; a repeat could make a second copy.
    """
    zone = validation.check_timezone(timezone)
    body = {
        "eventName": validation.needed(name, "name"),
        "startTime": validation.milliseconds(start, "start"),
        # Two sources spell it in two ways (D), so both are sent.
        "timeZone": zone,
        "timezone": zone,
        "duplicateSpeakers": duplicate_speakers,
    }
    return Call(AIRMEETS_DUPLICATE, {"airmeet_id": check_id(airmeet_id, "airmeet_id")}, body=body)
