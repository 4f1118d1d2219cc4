"""Reports of an event: attendance, polls, questions, recordings, and the UTM parameters of registrations.

Airmeet prepares attendance and UTM lists on demand, and answers 202 until one is ready: "try again after 5 minutes"
(C). The client asks again by itself, with growing waits.
"""

from collections.abc import Sequence

from airmeet_async.protocol import endpoints
from airmeet_async.protocol.base_urls import Id, check_id, check_ids
from airmeet_async.protocol.call import Call, Retry
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

# Seconds that a report may take.
READY_WITHIN = 900.0


def list_event_attendance(
    airmeet_id: Id,
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    wait: bool = True,
    deadline: float = READY_WITHIN,
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[Page[Attendance]]:
    """List who attended an event. Only its FINISHED sessions count (C).

    Args:
        airmeet_id: The event's id.
        size: Rows per page, 1 to 50 (C).
        after: Cursor of an earlier page.
        before: The same backwards.
        wait: False raises NotReadyError at once where Airmeet would have to be asked again.
        deadline: Maximum seconds to wait for the list.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for each page, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: *size* is out of range, or both cursors are given.
        NotReadyError: Airmeet was still preparing the list at the deadline.
        RejectedError: The event has not got that far.
    """
    path, query = check_ids(airmeet_id=airmeet_id), page_query(endpoints.ATTENDANCE_EVENT, size, after, before)
    return Call(endpoints.ATTENDANCE_EVENT, path, query, ready_within=deadline if wait else 0.0).with_limits(
        retry, timeout
    )


def list_session_attendance(
    session_id: Id,
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    wait: bool = True,
    deadline: float = READY_WITHIN,
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[Page[Attendance]]:
    """List who attended a session, which must be FINISHED (C).

    Args:
        session_id: The session's id; the event's is not needed (C).
        size: Rows per page, 1 to 50 (C).
        after: Cursor of an earlier page.
        before: The same backwards.
        wait: False raises NotReadyError at once where Airmeet would have to be asked again.
        deadline: Maximum seconds to wait for the list.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for each page, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: *size* is out of range, or both cursors are given.
        NotReadyError: Airmeet was still preparing the list at the deadline.
        RejectedError: The session is not FINISHED.
    """
    path, query = check_ids(session_id=session_id), page_query(endpoints.ATTENDANCE_SESSION, size, after, before)
    return Call(endpoints.ATTENDANCE_SESSION, path, query, ready_within=deadline if wait else 0.0).with_limits(
        retry, timeout
    )


def list_booth_attendance(
    airmeet_id: Id,
    booth_id: Id,
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    wait: bool = True,
    deadline: float = READY_WITHIN,
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[Page[BoothAttendance]]:
    """List who came to a booth of a FINISHED event (C).

    Args:
        airmeet_id: The event's id.
        booth_id: The booth's id.
        size: Rows per page, 1 to 50 (C).
        after: Cursor of an earlier page.
        before: The same backwards.
        wait: False raises NotReadyError at once where Airmeet would have to be asked again.
        deadline: Maximum seconds to wait for the list.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for each page, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: *size* is out of range, or both cursors are given.
        NotReadyError: Airmeet was still preparing the list at the deadline.
        RejectedError: The event is not FINISHED.
    """
    path = check_ids(airmeet_id=airmeet_id, booth_id=booth_id)
    query = page_query(endpoints.ATTENDANCE_BOOTH, size, after, before)
    return Call(endpoints.ATTENDANCE_BOOTH, path, query, ready_within=deadline if wait else 0.0).with_limits(
        retry, timeout
    )


def list_replay_attendance(
    airmeet_id: Id,
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    wait: bool = True,
    deadline: float = READY_WITHIN,
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[Page[ReplayAttendance]]:
    """List who watched the recordings of a FINISHED event, and for how many minutes (C).

    Args:
        airmeet_id: The event's id.
        size: Rows per page, 1 to 50 (C).
        after: Cursor of an earlier page.
        before: The same backwards.
        wait: False raises NotReadyError at once where Airmeet would have to be asked again.
        deadline: Maximum seconds to wait for the list.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for each page, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: *size* is out of range, or both cursors are given.
        NotReadyError: Airmeet was still preparing the list at the deadline.
        RejectedError: The event is not FINISHED.
    """
    path, query = check_ids(airmeet_id=airmeet_id), page_query(endpoints.ATTENDANCE_REPLAY, size, after, before)
    return Call(endpoints.ATTENDANCE_REPLAY, path, query, ready_within=deadline if wait else 0.0).with_limits(
        retry, timeout
    )


def list_poll_responses(
    airmeet_id: Id,
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[Page[PollResponses]]:
    """List poll answers, one row per person (C).

    Args:
        airmeet_id: The event's id.
        size: Rows per page, 1 to 50 (C).
        after: Cursor of an earlier page.
        before: The same backwards.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for each page, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: *size* is out of range, or both cursors are given.
        NotFoundError: There is no such event.
    """
    path, query = check_ids(airmeet_id=airmeet_id), page_query(endpoints.POLLS_LIST, size, after, before)
    return Call(endpoints.POLLS_LIST, path, query).with_limits(retry, timeout)


def list_questions(
    airmeet_id: Id, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[tuple[Questions, ...]]:
    """List the questions of an event, one row per person (C). Not paged.

    Args:
        airmeet_id: The event's id.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        NotFoundError: There is no such event.
    """
    return Call(endpoints.QUESTIONS_LIST, check_ids(airmeet_id=airmeet_id)).with_limits(retry, timeout)


def list_recordings(
    airmeet_id: Id, *, session_ids: Sequence[Id] = (), retry: Retry | int | None = None, timeout: float | None = None
) -> Call[tuple[Recording, ...]]:
    """List recordings with a link to download each. The links expire after six hours; list them again for new ones (C).

    Args:
        airmeet_id: The event's id.
        session_ids: Only these sessions; one source demands it (D), another ran without (C).
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: An id is none.
        NotFoundError: There is no such event.
    """
    wanted = ",".join(check_id(session_id, "session_ids") for session_id in session_ids)
    query = {"sessionIds": wanted} if wanted else {}
    return Call(endpoints.RECORDINGS_LIST, check_ids(airmeet_id=airmeet_id), query).with_limits(retry, timeout)


def list_utms(
    airmeet_id: Id,
    *,
    size: int = 50,
    after: Cursor = None,
    before: Cursor = None,
    wait: bool = True,
    deadline: float = READY_WITHIN,
    retry: Retry | int | None = None,
    timeout: float | None = None,
) -> Call[Page[RegistrationUtms]]:
    """List the UTM parameters of an event's registrations. They may be up to 90 minutes old (A).

    Airmeet prepares the list on demand, like those of attendance.

    Args:
        airmeet_id: The event's id.
        size: Rows per page, 1 to 50 (D).
        after: Cursor of an earlier page.
        before: The same backwards.
        wait: False raises NotReadyError at once where Airmeet would have to be asked again.
        deadline: Maximum seconds to wait for the list.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for each page, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: *size* is out of range, or both cursors are given.
        NotReadyError: Airmeet was still preparing the list at the deadline.
    """
    path, query = check_ids(airmeet_id=airmeet_id), page_query(endpoints.UTMS_LIST, size, after, before)
    return Call(endpoints.UTMS_LIST, path, query, ready_within=deadline if wait else 0.0).with_limits(retry, timeout)
