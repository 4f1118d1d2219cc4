"""Reading events."""

from airmeet_async.api.wire import Reply

from ..asked import Asked
from ..paging import page
from ..replies import ok
from ..state import Event, Json

LIST_SIZE, LIST_SIZE_MAX = 50, 500  # A
HIDDEN = ("ARCHIVE", "ARCHIVED")


def list_airmeets(asked: Asked) -> Reply:
    """List the community's events by age; archived ones stay out (C)."""
    events = asked.state.events.values()
    shown = [event for event in events if event.community == asked.community and event.status not in HIDDEN]
    shown.sort(key=lambda event: event.row, reverse=asked.switches.newest_first)
    taken, cursors = page(shown, lambda event: event.row, asked, default=LIST_SIZE, most=LIST_SIZE_MAX)
    return ok(data=[_row(event) for event in taken], cursors=cursors)


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
        master_img_url="https://images.example.com/master.png",
        sessions=event.sessions,
        session_hosts=[{"id": "u1", "name": "Sam Host"}] if event.sessions else [],
    )


def custom_fields(asked: Asked) -> Reply:
    """List the registration form's extra fields."""
    return ok(customFields=asked.event.custom_fields)
