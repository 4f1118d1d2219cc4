"""Tracks."""

from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import TRACKS_LIST
from airmeet_async.protocol.models import Track


def list_(airmeet_id: str) -> Call[tuple[Track, ...]]:
    """List the tracks of an event (B, C). Some plans have none (C).

    Args:
        airmeet_id: The event's id.

    Raises:
        NotFoundError: There is no such event.
    """
    return Call(TRACKS_LIST, {"airmeet_id": check_id(airmeet_id, "airmeet_id")})
