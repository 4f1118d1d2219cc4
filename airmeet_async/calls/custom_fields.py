"""An event's own registration fields."""

from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import CUSTOM_FIELDS_LIST
from airmeet_async.protocol.models import CustomField


def list_(airmeet_id: str) -> Call[tuple[CustomField, ...]]:
    """List the registration fields of an event (B).

    Args:
        airmeet_id: The event's id.

    Raises:
        NotFoundError: There is no such event.
        PermissionDeniedError: It belongs to another community.
    """
    return Call(CUSTOM_FIELDS_LIST, {"airmeet_id": check_id(airmeet_id, "airmeet_id")})
