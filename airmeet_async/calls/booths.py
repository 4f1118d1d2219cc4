"""Booths of an event."""

from airmeet_async.protocol import validation
from airmeet_async.protocol.base_urls import check_ids
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import BOOTHS_CREATE, BOOTHS_LIST
from airmeet_async.protocol.models import Booth, Created, Exhibitor, NewBooth


def list_booths(airmeet_id: str) -> Call[tuple[Booth, ...]]:
    """List the booths of an event (B, C). Some plans have none (C).

    Args:
        airmeet_id: The event's id.

    Raises:
        NotFoundError: There is no such event.
    """
    return Call(BOOTHS_LIST, check_ids(airmeet_id=airmeet_id))


def create_booth(airmeet_id: str, booth: NewBooth) -> Call[Created]:
    """Create a booth.

    Args:
        airmeet_id: The event's id.
        booth: Only the name is mandatory. An exhibitor's attendance type is for the hybrid conference format (B).

    Raises:
        ConfigError: A required value is missing or not valid.
        AmbiguousOutcomeError: Airmeet gave no clear reply; a repeat could create a second booth.
        RejectedError: Airmeet refuses it.
    """
    exhibitors = [one if isinstance(one, Exhibitor) else Exhibitor(email=one) for one in booth.exhibitors]
    body = {
        "name": validation.require_text(booth.name, "name"),
        "exhibitors": [validation.require_email(one.email, "exhibitors") for one in exhibitors],
        "exhibitorInfo": [
            {
                "email": one.email,
                "exhibitorAttendanceType": validation.require_choice(
                    one.attendance_type, ("HYBRID", "ONLINE"), "attendance_type of an exhibitor"
                ),
            }
            for one in exhibitors
            if one.attendance_type
        ],
        "tags": list(booth.tags),
        "metaData": {
            "chatEnabled": booth.chat,
            "loungeEnabled": booth.lounge,
            "broadcastEnabled": booth.broadcast,
            "tableCount": booth.table_count,
        },
    }
    return Call(BOOTHS_CREATE, check_ids(airmeet_id=airmeet_id), body=validation.drop_empty(body))
