"""The older list of registrations."""

from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import REGISTRATIONS_LIST
from airmeet_async.protocol.models import Registration
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.validation import Cursor, page_query


def list_(airmeet_id: str, *, size: int = 100, after: Cursor = None, before: Cursor = None) -> Call[Page[Registration]]:
    """List registrations (B). Gone from today's help; `participants` tells more.

    Args:
        airmeet_id: The event's id.
        size: Rows per page; Airmeet's own connector takes 100 (B), the maximum is not known.
        after: Cursor of an earlier page.
        before: The same backwards.

    Raises:
        ConfigError: An argument cannot be used.
        NotFoundError: There is no such event.
    """
    path = {"airmeet_id": check_id(airmeet_id, "airmeet_id")}
    return Call(REGISTRATIONS_LIST, path, page_query(REGISTRATIONS_LIST, size, after, before))
