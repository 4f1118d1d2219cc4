"""Sessions."""

from airmeet_async.protocol import validation
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import SESSIONS_CREATE, SESSIONS_DELETE
from airmeet_async.protocol.models import NewSession, SessionCreated, Updated


def create(airmeet_id: str, session: NewSession) -> Call[SessionCreated]:
    """Create a session. Its speakers must be in the event, its cohosts in the community's team (A).

    Args:
        airmeet_id: The event's id.
        session: Title, start and host are mandatory; the type must be HOSTING (A).

    Raises:
        ConfigError: A member is missing or not usable.
        AmbiguousOutcomeError: There was no clear answer; a repeat could make a second session.
        RejectedError: Airmeet refuses it, for example for an unknown speaker.
    """
    body = {
        "sessionTitle": validation.needed(session.title, "title"),
        "sessionStartTime": validation.milliseconds(session.start, "start"),
        "hostEmail": validation.email(session.host_email, "host_email"),
        "sessionDuration": validation.minutes(session.duration_minutes, "duration_minutes"),
        "sessionSummary": session.summary,
        "speakerEmails": validation.emails(session.speaker_emails, "speaker_emails"),
        "cohostEmails": validation.emails(session.cohost_emails, "cohost_emails"),
        "type": validation.one_of(session.type, ("HOSTING",), "type"),
        "tracks": list(session.track_ids),
        "tags": list(session.tags),
        "speedNetworkingData": _speed_networking(session),
        "sessionMeta": None if session.hide_host is None else {"hideHost": session.hide_host},
        "boothId": check_id(session.booth_id, "booth_id") if session.booth_id else None,
    }
    return Call(SESSIONS_CREATE, {"airmeet_id": check_id(airmeet_id, "airmeet_id")}, body=validation.present(body))


def _speed_networking(session: NewSession) -> dict[str, int] | None:
    facts = session.speed_networking
    if facts is None:
        return None
    return {"conversationTime": facts.conversation_minutes, "extendNetworkingTime": facts.extension_minutes}


def delete(airmeet_id: str, session_id: str) -> Call[Updated]:
    """Delete a session (D).

    Args:
        airmeet_id: The event's id.
        session_id: The session's id.

    Raises:
        NotFoundError: There is no such event or session.
    """
    path = {"airmeet_id": check_id(airmeet_id, "airmeet_id"), "session_id": check_id(session_id, "session_id")}
    return Call(SESSIONS_DELETE, path)
