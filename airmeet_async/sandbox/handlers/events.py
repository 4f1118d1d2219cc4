"""Reading events and series of them."""

from airmeet_async.api.wire import Reply

from ..asked import Asked
from ..paging import Table, page
from ..replies import bare, ok
from ..state import Event, Json

LIST_SIZE, LIST_SIZE_MAX = 50, 500  # A
HIDDEN = ("ARCHIVE", "ARCHIVED")


def list_airmeets(asked: Asked) -> Reply:
    """List the community's events by age; archived ones stay out (C)."""
    events = asked.state.events.values()
    shown = [event for event in events if event.community == asked.community and event.status not in HIDDEN]
    shown.sort(key=lambda event: event.row)
    table = Table([event.row for event in shown], lambda place: _row(shown[place]))
    found = page(table, asked, default=LIST_SIZE, most=LIST_SIZE_MAX, descending=asked.switches.newest_first)
    return ok(data=found.rows, cursors=found.cursors)


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


def info(asked: Asked) -> Reply:
    """Show one event with its sessions; the fields stand at the top, in no envelope (C)."""
    event = asked.event
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
        session_hosts=_hosts(asked),
    )


def _hosts(asked: Asked) -> list[Json]:
    """Return the hosts and cohosts of the sessions, as far as they are of the team."""
    rows = asked.event.sessions
    named = {uid for row in rows for key in ("host_id", "cohost_ids") for uid in _texts(row[key])}
    team = asked.state.teams.get(asked.community, {})
    return [{"id": member.uid, "name": member.name} for member in team.values() if member.uid in named]


def _texts(value: object) -> list[str]:
    return value if isinstance(value, list) else []


def custom_fields(asked: Asked) -> Reply:
    """List the registration form's extra fields."""
    return ok(customFields=asked.event.custom_fields)


def list_series(asked: Asked) -> Reply:
    """List the community's series; nobody has described the reply."""
    series = asked.state.series.values()
    rows: list[Json] = [{"uid": one.uid, "name": one.name} for one in series if one.community == asked.community]
    return _shaped(asked, "eventSeries", rows)


def series_events(asked: Asked) -> Reply:
    """List the events of one series, archived ones left out; nobody has described the reply."""
    series = asked.state.series.get(asked.params["eventSeriesId"])
    if series is None or series.community != asked.community:
        raise asked.no_such_part("Event series")
    events = [asked.state.events[uid] for uid in series.events]
    return _shaped(asked, "events", [_row(event) for event in events if event.status not in HIDDEN])


def _shaped(asked: Asked, name: str, rows: list[Json]) -> Reply:
    match asked.switches.series_shape:
        case "data":
            return ok(data=rows)
        case "named":
            return ok(**{name: rows})
        case "list":
            return bare(rows)
