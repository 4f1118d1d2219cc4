"""Event series."""

from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import SERIES_EVENTS, SERIES_LIST
from airmeet_async.protocol.models import Airmeet, Series


def list_() -> Call[tuple[Series, ...]]:
    """List the community's event series (D; the answer's shape is not documented)."""
    return Call(SERIES_LIST)


def events(event_series_id: str) -> Call[tuple[Airmeet, ...]]:
    """List the events of a series (D; the answer's shape is not documented).

    Args:
        event_series_id: The series' id.

    Raises:
        NotFoundError: There is no such series.
    """
    return Call(SERIES_EVENTS, {"event_series_id": check_id(event_series_id, "event_series_id")})
