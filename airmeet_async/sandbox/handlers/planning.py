"""Making events and changing them."""

from datetime import UTC, datetime
from typing import Any, Final

from airmeet_async.api.wire import Reply

from ..asked import Asked
from ..replies import InvalidError, acknowledge, ok
from ..roster import moment
from ..state import Event

ARCHIVED: Final = "ARCHIVED"

# From which status an event gets to which other one. Nobody has described the illegal ways.
_WAYS: Final = {
    "CREATED": ("ONGOING", ARCHIVED),
    "ONGOING": ("PAUSED", "FINISHED"),
    "PAUSED": ("ONGOING", "FINISHED"),
    "FINISHED": (ARCHIVED,),
}


def create(asked: Asked) -> Reply:
    """Make an event, another one at each request."""
    given = asked.given()
    timing = given["timing"]
    _check_zone(asked, timing["timezone"])
    if timing["endTime"] <= timing["startTime"]:
        raise InvalidError("timing.endTime must be after timing.startTime")
    if asked.switches.hosts_from_team and asked.member(given["hostEmail"]) is None:
        raise InvalidError(f"{given['hostEmail']} is not a team member of the community")
    facts = {
        "name": given["eventName"],
        "description": given["shortDesc"],
        "timezone": timing["timezone"],
        "sub_type": given.get("eventType", "MEETUP"),
        "host": given["hostEmail"],
    }
    event = _enter(asked, timing["startTime"], timing["endTime"], facts)
    return ok(uuid=event.uid, status="AIRMEET_CREATED")  # that there is a text is B, which one is unknown


def duplicate(asked: Asked) -> Reply:
    """Make an event like another one, without its people, sessions and booths."""
    given, like = asked.given(), asked.event
    zone = _zone(asked, given)
    _check_zone(asked, zone)
    length = datetime.fromisoformat(like.end_time) - datetime.fromisoformat(like.start_time)
    facts = {
        "name": given["eventName"],
        "description": like.description,
        "timezone": zone,
        "sub_type": like.sub_type,
        "host": like.host,
        "quota": like.quota,
        "custom_fields": list(like.custom_fields),
        "landing_page": dict(like.landing_page),
        "speakers": dict(like.speakers) if given.get("duplicateSpeakers") else {},
    }
    event = _enter(asked, given["startTime"], given["startTime"] + int(length.total_seconds() * 1000), facts)
    return ok(**{asked.switches.duplicate_key: event.uid})


def set_status(asked: Asked) -> Reply:
    """Start, pause, end or archive an event; its sessions end with it."""
    event, status = asked.event, asked.given()["status"]
    wanted = ARCHIVED if status == "ARCHIVE" else status
    if wanted == event.status and asked.switches.same_status_refused:
        raise InvalidError(f"The airmeet is {wanted} already")
    if wanted != event.status and asked.switches.strict_transitions and wanted not in _WAYS.get(event.status, ()):
        raise InvalidError(f"An airmeet that is {event.status} cannot become {status}")
    event.status = wanted
    if wanted == "FINISHED":
        for session in event.sessions:
            session["status"] = "FINISHED"
    return ok(statusUpdated=True)


def landing_page(asked: Asked) -> Reply:
    """Change how the page of an event looks."""
    asked.event.landing_page |= asked.given()
    return acknowledge(asked.switches, "The landing page is updated")


def _enter(asked: Asked, start_ms: int, end_ms: int, facts: dict[str, Any]) -> Event:
    state = asked.state
    row = max((event.row for event in state.events.values()), default=0) + 1
    times = {"start_time": instant(start_ms), "end_time": instant(end_ms)}
    event = Event(uid=state.new_uid(), row=row, community=asked.community, **times | facts)
    state.events[event.uid] = event
    asked.count("events")
    return event


def instant(milliseconds: int) -> str:
    """Write a moment that was sent in unix milliseconds (B), without its fraction of a second."""
    return moment(datetime.fromtimestamp(milliseconds // 1000, UTC))


def _check_zone(asked: Asked, zone: str) -> None:
    if zone in asked.switches.refused_timezones:
        raise InvalidError(f"The time zone {zone} is not available")


def _zone(asked: Asked, given: dict[str, Any]) -> str:
    demanded = asked.switches.duplication_zone
    names = ("timeZone", "timezone") if demanded == "either" else (demanded,)
    for name in names:
        if name in given:
            return str(given[name])
    raise InvalidError(f"{names[0]} is mandatory")
