"""What came of an event: attendance, answers to polls, questions, recordings, and where registrations came from.

Airmeet prepares attendance and UTM lists on demand, and answers 202 until one is ready: "try again after 5 minutes"
(C). The client asks again by itself, with growing waits.
"""

from collections.abc import Sequence
from typing import Any

from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call, Endpoint
from airmeet_async.protocol.endpoints import (
    ATTENDANCE_BOOTH,
    ATTENDANCE_EVENT,
    ATTENDANCE_REPLAY,
    ATTENDANCE_SESSION,
    POLLS_LIST,
    QUESTIONS_LIST,
    RECORDINGS_LIST,
    UTMS_LIST,
)
from airmeet_async.protocol.models import (
    Attendance,
    BoothAttendance,
    PollResponses,
    Questions,
    Recording,
    RegistrationUtms,
    ReplayAttendance,
)
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.validation import Cursor, page_query

READY_WITHIN = 900.0
"""Seconds that a report may take."""


def list_event_attendance(
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


def list_session_attendance(
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


def list_booth_attendance(
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
    query = page_query(ATTENDANCE_BOOTH, size, after, before)
    return _prepared(ATTENDANCE_BOOTH, path, query, deadline if wait else 0.0)


def list_replay_attendance(
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


def list_poll_responses(
    airmeet_id: str, *, size: int = 50, after: Cursor = None, before: Cursor = None
) -> Call[Page[PollResponses]]:
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


def list_questions(airmeet_id: str) -> Call[tuple[Questions, ...]]:
    """List the questions of an event, one row per person (C). Not paged.

    Args:
        airmeet_id: The event's id.

    Raises:
        NotFoundError: There is no such event.
    """
    return Call(QUESTIONS_LIST, {"airmeet_id": check_id(airmeet_id, "airmeet_id")})


def list_recordings(airmeet_id: str, *, session_ids: Sequence[str] = ()) -> Call[tuple[Recording, ...]]:
    """List recordings with a link to download each. The links expire after six hours; list them again for new ones (C).

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


def list_utms(
    airmeet_id: str,
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    wait: bool = True,
    deadline: float = READY_WITHIN,
) -> Call[Page[RegistrationUtms]]:
    """List the UTM parameters of an event's registrations. They may be up to 90 minutes old (A).

    Airmeet prepares the list on demand, like those of attendance.

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
    query = page_query(UTMS_LIST, size, after, before)
    return _prepared(UTMS_LIST, {"airmeet_id": airmeet_id}, query, deadline if wait else 0.0)


def _prepared(endpoint: Endpoint[Any], path: dict[str, str], query: dict[str, str], ready_within: float) -> Call[Any]:
    checked = {name: check_id(value, name) for name, value in path.items()}
    return Call(endpoint, checked, query, ready_within=ready_within)
