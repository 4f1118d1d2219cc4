"""Tracks."""

from airmeet_async.api.addresses import check_id
from airmeet_async.api.call import Call
from airmeet_async.api.endpoints import TRACKS_LIST
from airmeet_async.api.models import Track


def list_(airmeet_id: str) -> Call[tuple[Track, ...]]:
    """List the tracks of an event (B, C). Some plans have none (C).

    Args:
        airmeet_id: The event's id.

    Raises:
        NotFoundError: There is no such event.
    """
    return Call(TRACKS_LIST, {"airmeet_id": check_id(airmeet_id, "airmeet_id")})
