"""What an event leaves behind; see `traces` for how it comes about."""

from airmeet_async.api.wire import Reply

from ..asked import Asked, check_event
from ..prepared import WrongStateError, counted, prepared
from ..replies import ok
from ..traces import Traces

_OVER = ("FINISHED", "ARCHIVED")


def _traces(asked: Asked) -> Traces:
    return Traces(asked.event, asked.state, asked.switches)


def _check_over(asked: Asked) -> None:
    if asked.event.status not in _OVER:
        raise WrongStateError("Airmeet")


def event_attendance(asked: Asked) -> Reply:
    """List who came; sessions that are not FINISHED do not count (C)."""
    if not asked.event.finished_sessions and asked.switches.no_finished_session == "refused":
        raise WrongStateError("Airmeet")
    return prepared(asked, _traces(asked).event_attendance())


def session_attendance(asked: Asked) -> Reply:
    """List who came to a session; its event stands nowhere in the path (C)."""
    found = asked.state.session(asked.params["sessionId"])
    if found is None:
        raise asked.no_such_part("Session")
    event, session = found
    check_event(asked, event.uid)
    if session["status"] != "FINISHED":
        raise WrongStateError("Session")
    return prepared(asked, Traces(event, asked.state, asked.switches).session_attendance(session))


def booth_attendance(asked: Asked) -> Reply:
    """List who visited a booth of an event that is over (C)."""
    booth = next((row for row in asked.event.booths if row["uid"] == asked.params["boothId"]), None)
    if booth is None:
        raise asked.no_such_part("Booth")
    _check_over(asked)
    return prepared(asked, _traces(asked).booth_attendance(booth))


def replays(asked: Asked) -> Reply:
    """List who watched what later, of an event that is over (C)."""
    _check_over(asked)
    return prepared(asked, _traces(asked).replays())


def utms(asked: Asked) -> Reply:
    """List by which links people came to register."""
    return prepared(asked, _traces(asked).utms())


def polls(asked: Asked) -> Reply:
    """List who answered which poll; not prepared (C)."""
    found = counted(asked, _traces(asked).polls())
    return ok(data=found.rows, cursors=found.cursors)


def questions(asked: Asked) -> Reply:
    """List who asked what, all at once; not prepared (C)."""
    return ok(data=_traces(asked).questions())
