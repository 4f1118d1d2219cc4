"""Reports of an event; `event_records` says what is in them.

Attendance, replays and UTMs are prepared on demand: "not ready" comes first, then the rows (C).
Polls and questions are not.
"""

from typing import Any, Final

from airmeet_async.protocol.http_messages import Reply
from airmeet_async.sandbox.community import Json, Preparation
from airmeet_async.sandbox.event_records import EventRecords
from airmeet_async.sandbox.request import IncomingRequest
from airmeet_async.sandbox.responses import LazyRows, WrongStateError, json_reply, ok, page_of

SIZE_MAX: Final = 50  # C
_NOT_READY: Final = "Preparing your results. Try after 5 minutes to get the updated results"  # C


def event_attendance(request: IncomingRequest) -> Reply:
    """List who came; sessions that are not FINISHED do not count (C)."""
    if not request.event.finished_sessions and request.switches.no_finished_session == "refused":
        raise WrongStateError("Airmeet")
    return _prepared(request, _records(request).event_attendance())


def session_attendance(request: IncomingRequest) -> Reply:
    """List who came to a session; its event stands nowhere in the path (C)."""
    for event in request.state.events.values():
        for session in event.sessions:
            if session["sessionid"] == request.params["sessionId"]:
                request.find_event(event.uid)
                if session["status"] != "FINISHED":
                    raise WrongStateError("Session")
                records = EventRecords(event, request.state, request.switches)
                return _prepared(request, records.session_attendance(session))
    raise request.no_such_part("Session")


def booth_attendance(request: IncomingRequest) -> Reply:
    """List who visited a booth of an event that is over (C)."""
    booth = next((row for row in request.event.booths if row["uid"] == request.params["boothId"]), None)
    if booth is None:
        raise request.no_such_part("Booth")
    _check_over(request)
    return _prepared(request, _records(request).booth_attendance(booth))


def replays(request: IncomingRequest) -> Reply:
    """List who watched what later, of an event that is over (C)."""
    _check_over(request)
    return _prepared(request, _records(request).replays())


def utms(request: IncomingRequest) -> Reply:
    """List by which links people came to register."""
    return _prepared(request, _records(request).utms())


def polls(request: IncomingRequest) -> Reply:
    """List who answered which poll."""
    page, _ = _page(request, _records(request).polls())
    return ok(**page)


def questions(request: IncomingRequest) -> Reply:
    """List who asked what, all at once."""
    return ok(data=_records(request).questions())


def _records(request: IncomingRequest) -> EventRecords:
    return EventRecords(request.event, request.state, request.switches)


def _check_over(request: IncomingRequest) -> None:
    if request.event.status not in {"FINISHED", "ARCHIVED"}:
        raise WrongStateError("Airmeet")


def _page(request: IncomingRequest, listed: LazyRows) -> tuple[dict[str, Any], int]:
    """Return a page of at most 50 rows, with the number of all rows among its cursors (C), and the page's number."""
    switches = request.switches
    sizes = {"default": switches.attendance_size, "most": SIZE_MAX}
    page, number = page_of(listed, request.query, switches, **sizes, descending=switches.rows_newest_first)
    page["cursors"]["totalCount"] = len(listed.ids)
    return page, number


def _prepared(request: IncomingRequest, listed: LazyRows) -> Reply:
    """Answer a page of a report, or that the report is not ready."""
    page, number = _page(request, listed)
    if _is_ready(request, number):
        return ok(**page, statusCode=200)
    sign = request.switches.not_ready_sign
    body: Json = {} if sign == "status" else {"statusCode": 202}
    return json_reply(200 if sign == "body" else 202, body | {"statusMessage": _NOT_READY})


def _is_ready(request: IncomingRequest, number: int) -> bool:
    """Count this request, and say whether the report is ready; one of its pages may be prepared by itself."""
    switches, now, known = request.switches, request.now, request.state.preparations
    key = (request.http.target.partition("?")[0], number if number == switches.not_ready_on_page else 0)
    preparation = known.setdefault(key, Preparation(now))
    if preparation.ready_at is not None and now - preparation.ready_at >= switches.prepared_for_s:
        preparation = known[key] = Preparation(now)
    preparation.asks += 1
    if preparation.asks <= switches.not_ready_times or now - preparation.since < switches.not_ready_for_s:
        return False
    if preparation.ready_at is None:
        preparation.ready_at = now
    return True
