"""Events and series of them: reading, making, copying and changing."""

from datetime import datetime
from typing import Any, Final

from airmeet_async.protocol.http_messages import Reply
from airmeet_async.sandbox.community import Event, Json
from airmeet_async.sandbox.request import IncomingRequest
from airmeet_async.sandbox.responses import InvalidError, LazyRows, acknowledge, json_reply, ok, page_of, timestamp_of

LIST_SIZE, LIST_SIZE_MAX = 50, 500  # A
ARCHIVED: Final = "ARCHIVED"

# From which status an event gets to which other one; nobody has described the illegal ways (?).
_NEXT_STATUSES: Final = {
    "CREATED": ("ONGOING", ARCHIVED),
    "ONGOING": ("PAUSED", "FINISHED"),
    "PAUSED": ("ONGOING", "FINISHED"),
    "FINISHED": (ARCHIVED,),
}


def list_airmeets(request: IncomingRequest) -> Reply:
    """List the community's events by age; archived ones are left out (C)."""
    events = request.state.events.values()
    shown = [event for event in events if event.community == request.community and event.status != ARCHIVED]
    shown.sort(key=lambda event: event.row)
    listed = LazyRows([event.row for event in shown], lambda place: _row(shown[place]))
    sizes = {"default": LIST_SIZE, "most": LIST_SIZE_MAX}
    page, _ = page_of(listed, request.query, request.switches, **sizes, descending=request.switches.newest_first)
    return ok(**page)


def _row(event: Event) -> Json:
    return {
        "uid": event.uid,
        "name": event.name,
        "status": event.status,
        "timezone": event.timezone,
        "startTime": event.start_time,
        "endTime": event.end_time,
        "description": event.description,
    }


def info(request: IncomingRequest) -> Reply:
    """Show one event with its sessions; the fields stand at the top, in no envelope (C)."""
    event = request.event
    hosting = {uid for session in event.sessions for uid in (*session["host_id"], *session["cohost_ids"])}
    team = request.state.teams.get(request.community, {}).values()
    return ok(
        id=event.uid,
        name=event.name,
        short_desc=event.description,
        status=event.status,
        timezone=event.timezone,
        start_time=event.start_time,
        end_time=event.end_time,
        event_sub_type=event.sub_type,
        master_img_url=event.landing_page.get("imageUrl", "https://images.example.com/master.png"),
        sessions=event.sessions,
        session_hosts=[{"id": member.uid, "name": member.name} for member in team if member.uid in hosting],
    )


def custom_fields(request: IncomingRequest) -> Reply:
    """List the registration form's extra fields."""
    shapes: dict[str, Json] = {"null": {"options": None}, "list": {"options": []}, "missing": {}}
    instead = shapes[request.switches.no_options]
    rows = [
        row if row["options"] else {name: value for name, value in row.items() if name != "options"} | instead
        for row in request.event.custom_fields
    ]
    return ok(customFields=rows)


def list_series(request: IncomingRequest) -> Reply:
    """List the community's series; nobody has described the reply."""
    series = request.state.series.values()
    rows: list[Json] = [{"uid": one.uid, "name": one.name} for one in series if one.community == request.community]
    return _series_reply(request, "eventSeries", rows)


def series_events(request: IncomingRequest) -> Reply:
    """List the events of one series, archived ones left out; nobody has described the reply."""
    series = request.state.series.get(request.params["eventSeriesId"])
    if series is None or series.community != request.community:
        raise request.no_such_part("Event series")
    events = [request.state.events[uid] for uid in series.events]
    return _series_reply(request, "events", [_row(event) for event in events if event.status != ARCHIVED])


def _series_reply(request: IncomingRequest, name: str, rows: list[Json]) -> Reply:
    match request.switches.series_shape:
        case "data":
            return ok(data=rows)
        case "named":
            return ok(**{name: rows})
        case "list":
            return json_reply(200, rows)


def create(request: IncomingRequest) -> Reply:
    """Make an event, another one at each request (B)."""
    given = request.given()
    timing = given["timing"]
    _check_zone(request, timing["timezone"])
    if timing["endTime"] <= timing["startTime"]:
        raise InvalidError("timing.endTime must be after timing.startTime")
    if request.switches.hosts_from_team and request.member(given["hostEmail"]) is None:
        raise InvalidError(f"{given['hostEmail']} is not a team member of the community")
    event = _add_event(
        request,
        timing["startTime"],
        timing["endTime"],
        name=given["eventName"],
        description=given["shortDesc"],
        timezone=timing["timezone"],
        sub_type=given.get("eventType", "MEETUP"),
        host=given["hostEmail"],
    )
    return ok(uuid=event.uid, status="AIRMEET_CREATED")  # that there is a text is B, which one is unknown


def duplicate(request: IncomingRequest) -> Reply:
    """Make an event like another one, without its people, sessions and booths."""
    given, like = request.given(), request.event
    demanded = request.switches.duplication_zone
    spellings = ("timeZone", "timezone") if demanded == "either" else (demanded,)
    zone = next((given[name] for name in spellings if name in given), None)
    if zone is None:
        raise InvalidError(f"{' or '.join(spellings)} is mandatory")
    _check_zone(request, zone)
    length = datetime.fromisoformat(like.end_time) - datetime.fromisoformat(like.start_time)
    event = _add_event(
        request,
        given["startTime"],
        given["startTime"] + int(length.total_seconds() * 1000),
        name=given["eventName"],
        description=like.description,
        timezone=zone,
        sub_type=like.sub_type,
        host=like.host,
        quota=like.quota,
        custom_fields=list(like.custom_fields),
        landing_page=dict(like.landing_page),
        speakers=dict(like.speakers) if given.get("duplicateSpeakers") else {},
    )
    return ok(**{request.switches.duplicate_key: event.uid})


def _check_zone(request: IncomingRequest, zone: str) -> None:
    if zone in request.switches.refused_timezones:
        raise InvalidError(f"The time zone {zone} is not available")


def _add_event(request: IncomingRequest, start_ms: int, end_ms: int, **facts: Any) -> Event:
    state = request.state
    event = Event(
        uid=state.new_uid(),
        row=max((event.row for event in state.events.values()), default=0) + 1,
        community=request.community,
        start_time=timestamp_of(start_ms),
        end_time=timestamp_of(end_ms),
        **facts,
    )
    state.events[event.uid] = event
    state.counts["events"] += 1
    return event


def set_status(request: IncomingRequest) -> Reply:
    """Start, pause, end or archive an event; its sessions end with it."""
    event, status = request.event, request.given()["status"]
    wanted = ARCHIVED if status == "ARCHIVE" else status
    switches = request.switches
    if wanted == event.status and switches.same_status_refused:
        raise InvalidError(f"The airmeet is {wanted} already")
    if wanted != event.status and switches.strict_transitions and wanted not in _NEXT_STATUSES.get(event.status, ()):
        if switches.refused_transition == "body":
            return ok(statusUpdated=False)
        raise InvalidError(f"An airmeet that is {event.status} cannot become {status}")
    event.status = wanted
    if wanted == "FINISHED":
        for session in event.sessions:
            session["status"] = "FINISHED"
    return ok(statusUpdated=True)


def landing_page(request: IncomingRequest) -> Reply:
    """Change how the page of an event looks."""
    request.event.landing_page |= request.given()
    return acknowledge(request.switches, "The landing page is updated")
