"""What a key pair opens: a token, the community's events, which the API calls airmeets, and series of them."""

import re
from datetime import datetime

from airmeet_async.errors import InvalidInputError
from airmeet_async.protocol import endpoints, validation
from airmeet_async.protocol.base_urls import Id, check_ids
from airmeet_async.protocol.call import Call, Retry
from airmeet_async.protocol.models import Airmeet, AirmeetInfo, AuthToken, Created, NewAirmeet, Series, Updated
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.validation import Cursor

_STATUSES = ("ONGOING", "PAUSED", "FINISHED", "ARCHIVE")
_ACCESS = ("INVITED_ONLY", "WITH_VERIFIED_EMAIL", "WITHOUT_VERIFIED_EMAIL")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


def authenticate() -> Call[AuthToken]:
    """Ask for a token with the client's key pair.

    The client does this by itself. A token is good for 30 days and may be kept (help article, A).

    Raises:
        CredentialsError: The keys are wrong (400) or revoked (403).
    """
    return Call(endpoints.AUTH, body={})


def list_airmeets(
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[Page[Airmeet]]:
    """List the community's events, except archived ones.

    Sorted by creation time; the direction is not documented (help article, A).

    Args:
        size: Events per page, 1 to 500; Airmeet's own default is 50 (A).
        after: Cursor of an earlier page.
        before: The same, backwards. Airmeet ignores it if *after* is given (A), so giving both is an error.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for each page, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: *size* is out of range, or both cursors are given.
    """
    return Call(
        endpoints.AIRMEETS_LIST, query=validation.page_query(endpoints.AIRMEETS_LIST, size, after, before)
    ).with_limits(retry, timeout)


def get_airmeet(airmeet_id: Id, *, retry: Retry | int | None = None, timeout: float | None = None) -> Call[AirmeetInfo]:
    """Show one event with its sessions (B, C).

    Args:
        airmeet_id: The event's id.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        NotFoundError: There is no such event.
        PermissionDeniedError: It belongs to another community.
    """
    return Call(endpoints.AIRMEETS_INFO, check_ids(airmeet_id=airmeet_id)).with_limits(retry, timeout)


def create_airmeet(
    airmeet: NewAirmeet, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[Created]:
    """Create an event.

    Args:
        airmeet: Host, name, short description, times and time zone are mandatory (B).
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: A required value is missing or not valid.
        AmbiguousOutcomeError: Airmeet gave no clear reply; a repeat could create a second event.
        RejectedError: Airmeet refuses it; some time zones are not available (A).
    """
    start, end = validation.to_milliseconds(airmeet.start, "start"), validation.to_milliseconds(airmeet.end, "end")
    if start >= end:
        raise InvalidInputError("end must be at least a minute after start", field="end", code="invalid_time")
    body = {
        "hostEmail": validation.require_email(airmeet.host_email, "host_email"),
        "eventName": validation.require_text(airmeet.name, "name"),
        "shortDesc": validation.require_text(airmeet.short_description, "short_description"),
        "longDesc": airmeet.long_description,
        "timing": {"startTime": start, "endTime": end, "timezone": validation.check_timezone(airmeet.timezone)},
        "eventImage": airmeet.image_url,
        "access": None if airmeet.access is None else validation.require_choice(airmeet.access, _ACCESS, "access"),
        "eventType": airmeet.event_type,
        "config": validation.drop_empty({"networking": airmeet.networking, "tableCount": airmeet.table_count}) or None,
    }
    return Call(endpoints.AIRMEETS_CREATE, body=validation.drop_empty(body)).with_limits(retry, timeout)


def set_airmeet_status(
    airmeet_id: Id, status: str, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[Updated]:
    """Start, pause, end or archive an event. Setting the same status again has no effect.

    Args:
        airmeet_id: The event's id.
        status: ``ONGOING`` or ``FINISHED`` (B), ``PAUSED`` or ``ARCHIVE`` (D). The allowed transitions are not
            documented.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: There is no such status.
        NotFoundError: There is no such event.
        RejectedError: Airmeet refuses the change.
    """
    body = {"status": validation.require_choice(status, _STATUSES, "status")}
    return Call(endpoints.AIRMEETS_SET_STATUS, check_ids(airmeet_id=airmeet_id), body=body).with_limits(retry, timeout)


def change_landing_page(
    airmeet_id: Id,
    *,
    ambience: str | None = None,
    layout: str | None = None,
    highlight_color: str | None = None,
    button_text_color: str | None = None,
    image_url: str | None = None,
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[Updated]:
    """Change the appearance of an event's landing page (D).

    Args:
        airmeet_id: The event's id.
        ambience: ``LIGHT`` or ``DARK``.
        layout: ``CLASSIC`` or ``MODERN``.
        highlight_color: Like ``#0000ff``.
        button_text_color: Like ``#ffffff``.
        image_url: A public JPG or PNG.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: A value is not valid, or no value was given.
        NotFoundError: There is no such event.
    """
    body = validation.drop_empty({
        "ambience": None if ambience is None else validation.require_choice(ambience, ("LIGHT", "DARK"), "ambience"),
        "layout": None if layout is None else validation.require_choice(layout, ("CLASSIC", "MODERN"), "layout"),
        "highlightColor": _colour(highlight_color, "highlight_color"),
        "buttonTextColor": _colour(button_text_color, "button_text_color"),
        "imageUrl": image_url,
    })  # fmt: skip
    if not body:
        raise InvalidInputError("nothing to change; give at least one of ambience, layout, the colours and image_url")
    return Call(endpoints.AIRMEETS_LANDING_PAGE, check_ids(airmeet_id=airmeet_id), body=body).with_limits(
        retry, timeout
    )


def _colour(value: str | None, name: str) -> str | None:
    if value is None or _COLOUR.fullmatch(value):
        return value
    raise InvalidInputError(f"{name} is {value!r:.40}; write six hexadecimal digits like #0000ff", field=name)


def duplicate_airmeet(
    airmeet_id: Id,
    *,
    name: str,
    start: datetime,
    timezone: str,
    duplicate_speakers: bool = False,
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[Created]:
    """Make a copy of an event in the same community (C, D).

    Args:
        airmeet_id: The event to copy.
        name: Title of the copy.
        start: Aware datetime.
        timezone: A name such as ``Europe/Paris``.
        duplicate_speakers: Whether to copy its speakers.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: An argument is not valid.
        AmbiguousOutcomeError: Airmeet gave no clear reply; a repeat could create a second copy.
    """
    zone = validation.check_timezone(timezone)
    body = {
        "eventName": validation.require_text(name, "name"),
        "startTime": validation.to_milliseconds(start, "start"),
        # Two sources spell it in two ways (D), so both are sent.
        "timeZone": zone,
        "timezone": zone,
        "duplicateSpeakers": duplicate_speakers,
    }
    return Call(endpoints.AIRMEETS_DUPLICATE, check_ids(airmeet_id=airmeet_id), body=body).with_limits(retry, timeout)


def list_series(*, retry: Retry | int | None = None, timeout: float | None = None) -> Call[tuple[Series, ...]]:
    """List the community's event series (D; the shape of the reply is not documented).

    Args:
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.
    """
    return Call(endpoints.SERIES_LIST).with_limits(retry, timeout)


def list_series_airmeets(
    event_series_id: Id, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[tuple[Airmeet, ...]]:
    """List the events of a series (D; the shape of the reply is not documented).

    Args:
        event_series_id: The series' id.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        NotFoundError: There is no such series.
    """
    return Call(endpoints.SERIES_EVENTS, check_ids(event_series_id=event_series_id)).with_limits(retry, timeout)
