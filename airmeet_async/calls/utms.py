"""Which campaigns brought the registrations."""

from airmeet_async.calls.attendance import READY_WITHIN
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import UTMS_LIST
from airmeet_async.protocol.models import RegistrationUtms
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.validation import Cursor, page_query


def list_(
    airmeet_id: str,
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    wait: bool = True,
    deadline: float = READY_WITHIN,
) -> Call[Page[RegistrationUtms]]:
    """List the UTM parameters of an event's registrations. They may lag 90 minutes behind (A).

    Airmeet prepares the list on demand, like those of `attendance`.

    Args:
        airmeet_id: The event's id.
        size: Rows per page, 1 to 50 (D).
        after: Cursor of an earlier page.
        before: The same backwards.
        wait: False raises NotReadyError at once where Airmeet would have to be asked again.
        deadline: Seconds to go on asking.

    Raises:
        ConfigError: *size* is out of range, or both cursors are given.
        NotReadyError: Airmeet was still preparing the list at the deadline.
    """
    path = {"airmeet_id": check_id(airmeet_id, "airmeet_id")}
    return Call(UTMS_LIST, path, page_query(UTMS_LIST, size, after, before), ready_within=deadline if wait else 0.0)
