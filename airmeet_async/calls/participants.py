"""Everybody on an event's list."""

from collections.abc import Sequence

from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import PARTICIPANTS_LIST
from airmeet_async.protocol.models import Participant
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.validation import check_size, emails, one_of

_KEYS = ("name", "email", "registrationDate")
_DIRECTIONS = ("ASC", "DESC")


def list_(
    airmeet_id: str,
    *,
    email_ids: Sequence[str] = (),
    size: int = 1000,
    sort: str = "registrationDate",
    direction: str = "ASC",
) -> Call[Page[Participant]]:
    """List invited, registered and other people of an event (B, C). One e-mail can be there twice (C).

    Args:
        airmeet_id: The event's id.
        email_ids: Only these addresses.
        size: Rows per page, 1 to 1000 (C).
        sort: ``name``, ``email`` or ``registrationDate`` (C).
        direction: ``ASC`` or ``DESC``. Ascending by date means that people who register while the list is read
            come at its end and move nobody to another page.

    Raises:
        ConfigError: An argument cannot be used.
        NotFoundError: There is no such event.
    """
    query = {
        "resultSize": str(check_size(PARTICIPANTS_LIST, size)),
        "pageNumber": "1",
        "sortingKey": one_of(sort, _KEYS, "sort"),
        "sortingDirection": one_of(direction, _DIRECTIONS, "direction"),
    }
    if email_ids:
        query["emailIds"] = ",".join(emails(email_ids, "email_ids"))
    return Call(PARTICIPANTS_LIST, {"airmeet_id": check_id(airmeet_id, "airmeet_id")}, query)
