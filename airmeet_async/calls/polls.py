"""What people answered to polls."""

from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import POLLS_LIST
from airmeet_async.protocol.models import PollResponses
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.validation import Cursor, page_query


def list_(airmeet_id: str, *, size: int = 50, after: Cursor = None, before: Cursor = None) -> Call[Page[PollResponses]]:
    """List poll answers, one row per person (C).

    Args:
        airmeet_id: The event's id.
        size: Rows per page, 1 to 50 (C).
        after: Cursor of an earlier page.
        before: The same backwards.

    Raises:
        ConfigError: *size* is out of range, or both cursors are given.
        NotFoundError: There is no such event.
    """
    return Call(
        POLLS_LIST, {"airmeet_id": check_id(airmeet_id, "airmeet_id")}, page_query(POLLS_LIST, size, after, before)
    )
