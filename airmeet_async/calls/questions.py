"""What people asked."""

from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import QUESTIONS_LIST
from airmeet_async.protocol.models import Questions


def list_(airmeet_id: str) -> Call[tuple[Questions, ...]]:
    """List the questions of an event, one row per person (C). There are no pages.

    Args:
        airmeet_id: The event's id.

    Raises:
        NotFoundError: There is no such event.
    """
    return Call(QUESTIONS_LIST, {"airmeet_id": check_id(airmeet_id, "airmeet_id")})
