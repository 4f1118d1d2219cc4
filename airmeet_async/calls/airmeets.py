"""Events."""

from airmeet_async.api.addresses import check_id
from airmeet_async.api.call import Call
from airmeet_async.api.endpoints import AIRMEETS_INFO, AIRMEETS_LIST
from airmeet_async.api.models import Airmeet, AirmeetInfo
from airmeet_async.api.paging import Page
from airmeet_async.errors import ConfigError


def list_(*, size: int = 50, after: int | str | None = None, before: int | str | None = None) -> Call[Page[Airmeet]]:
    """List the community's events, those of the archive left out.

    Sorted by creation time; the direction is not documented (help article, A).

    Args:
        size: Events per page, 1 to 500; Airmeet's own default is 50 (A).
        after: Cursor of an earlier page.
        before: The same backwards. Airmeet ignores it beside *after* (A), so both together are refused here.

    Raises:
        ConfigError: *size* is out of range, or both cursors are given.
    """
    if not 1 <= size <= AIRMEETS_LIST.max_size:
        message = f"size must be 1 to {AIRMEETS_LIST.max_size}, not {size}"
        raise ConfigError(message)
    if after is not None and before is not None:
        message = "give after or before, not both: Airmeet would ignore before"
        raise ConfigError(message)
    cursors = {"after": after, "before": before}
    return Call(
        AIRMEETS_LIST,
        query={"size": str(size), **{name: str(value) for name, value in cursors.items() if value is not None}},
    )


def info(airmeet_id: str) -> Call[AirmeetInfo]:
    """Show one event with its sessions (B, C).

    Args:
        airmeet_id: The event's id.

    Raises:
        NotFoundError: There is no such event.
        PermissionDeniedError: It belongs to another community.
    """
    return Call(AIRMEETS_INFO, {"airmeet_id": check_id(airmeet_id, "airmeet_id")})
