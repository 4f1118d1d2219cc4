"""Who was there, from when on, for how long.

Airmeet prepares these lists on demand, and answers 202 until one is ready: "try again after 5 minutes" (C). The client
asks again by itself, with growing waits.
"""

from typing import Any

from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call, Endpoint
from airmeet_async.protocol.endpoints import ATTENDANCE_BOOTH, ATTENDANCE_EVENT, ATTENDANCE_REPLAY, ATTENDANCE_SESSION
from airmeet_async.protocol.models import Attendance, BoothAttendance, ReplayAttendance
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.validation import Cursor, page_query

READY_WITHIN = 900.0
"""Seconds that a report may take."""


def event(
    airmeet_id: str,
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    wait: bool = True,
    deadline: float = READY_WITHIN,
) -> Call[Page[Attendance]]:
    """List who attended an event. Only its FINISHED sessions count (C).

    Args:
        airmeet_id: The event's id.
        size: Rows per page, 1 to 50 (C).
        after: Cursor of an earlier page.
        before: The same backwards.
        wait: False raises NotReadyError at once where Airmeet would have to be asked again.
        deadline: Seconds to go on asking.

    Raises:
        ConfigError: *size* is out of range, or both cursors are given.
        NotReadyError: Airmeet was still preparing the list at the deadline.
        RejectedError: The event has not got that far.
    """
    query = page_query(ATTENDANCE_EVENT, size, after, before)
    return _prepared(ATTENDANCE_EVENT, {"airmeet_id": airmeet_id}, query, deadline if wait else 0.0)


def session(
    session_id: str,
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    wait: bool = True,
    deadline: float = READY_WITHIN,
) -> Call[Page[Attendance]]:
    """List who attended a session, which must be FINISHED (C).

    Args:
        session_id: The session's id; the event's is not needed (C).
        size: Rows per page, 1 to 50 (C).
        after: Cursor of an earlier page.
        before: The same backwards.
        wait: False raises NotReadyError at once where Airmeet would have to be asked again.
        deadline: Seconds to go on asking.

    Raises:
        ConfigError: *size* is out of range, or both cursors are given.
        NotReadyError: Airmeet was still preparing the list at the deadline.
        RejectedError: The session is not FINISHED.
    """
    query = page_query(ATTENDANCE_SESSION, size, after, before)
    return _prepared(ATTENDANCE_SESSION, {"session_id": session_id}, query, deadline if wait else 0.0)


def booth(
    airmeet_id: str,
    booth_id: str,
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    wait: bool = True,
    deadline: float = READY_WITHIN,
) -> Call[Page[BoothAttendance]]:
    """List who came to a booth of a FINISHED event (C).

    Args:
        airmeet_id: The event's id.
        booth_id: The booth's id.
        size: Rows per page, 1 to 50 (C).
        after: Cursor of an earlier page.
        before: The same backwards.
        wait: False raises NotReadyError at once where Airmeet would have to be asked again.
        deadline: Seconds to go on asking.

    Raises:
        ConfigError: *size* is out of range, or both cursors are given.
        NotReadyError: Airmeet was still preparing the list at the deadline.
        RejectedError: The event is not FINISHED.
    """
    path = {"airmeet_id": airmeet_id, "booth_id": booth_id}
    return _prepared(
        ATTENDANCE_BOOTH, path, page_query(ATTENDANCE_BOOTH, size, after, before), deadline if wait else 0.0
    )


def replay(
    airmeet_id: str,
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    wait: bool = True,
    deadline: float = READY_WITHIN,
) -> Call[Page[ReplayAttendance]]:
    """List who watched the recordings of a FINISHED event, and for how many minutes (C).

    Args:
        airmeet_id: The event's id.
        size: Rows per page, 1 to 50 (C).
        after: Cursor of an earlier page.
        before: The same backwards.
        wait: False raises NotReadyError at once where Airmeet would have to be asked again.
        deadline: Seconds to go on asking.

    Raises:
        ConfigError: *size* is out of range, or both cursors are given.
        NotReadyError: Airmeet was still preparing the list at the deadline.
        RejectedError: The event is not FINISHED.
    """
    query = page_query(ATTENDANCE_REPLAY, size, after, before)
    return _prepared(ATTENDANCE_REPLAY, {"airmeet_id": airmeet_id}, query, deadline if wait else 0.0)


def _prepared(endpoint: Endpoint[Any], path: dict[str, str], query: dict[str, str], ready_within: float) -> Call[Any]:
    checked = {name: check_id(value, name) for name, value in path.items()}
    return Call(endpoint, checked, query, ready_within=ready_within)
