"""Recordings of sessions."""

from collections.abc import Sequence

from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import RECORDINGS_LIST
from airmeet_async.protocol.models import Recording


def list_(airmeet_id: str, *, session_ids: Sequence[str] = ()) -> Call[tuple[Recording, ...]]:
    """List recordings with a link to download each. The links are good for six hours; ask again for fresh ones (C).

    Args:
        airmeet_id: The event's id.
        session_ids: Only these sessions; one source demands it (D), another ran without (C).

    Raises:
        ConfigError: An id is none.
        NotFoundError: There is no such event.
    """
    wanted = ",".join(check_id(session_id, "session_ids") for session_id in session_ids)
    query = {"sessionIds": wanted} if wanted else {}
    return Call(RECORDINGS_LIST, {"airmeet_id": check_id(airmeet_id, "airmeet_id")}, query)
