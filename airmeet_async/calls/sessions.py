"""Sessions of an event, and the tracks they can be in."""

from airmeet_async.protocol import validation
from airmeet_async.protocol.base_urls import check_id, check_ids
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import SESSIONS_CREATE, SESSIONS_DELETE, TRACKS_LIST
from airmeet_async.protocol.models import NewSession, SessionCreated, Track, Updated


def create_session(airmeet_id: str, session: NewSession) -> Call[SessionCreated]:
    """Create a session. Its speakers must be in the event, its cohosts in the community's team (A).

    Args:
        airmeet_id: The event's id.
        session: Title, start and host are mandatory; the type must be HOSTING (A).

    Raises:
        ConfigError: A required value is missing or not valid.
        AmbiguousOutcomeError: Airmeet gave no clear reply; a repeat could create a second session.
        RejectedError: Airmeet refuses it, for example for an unknown speaker.
    """
    networking = session.speed_networking
    body = {
        "sessionTitle": validation.require_text(session.title, "title"),
        "sessionStartTime": validation.to_milliseconds(session.start, "start"),
        "hostEmail": validation.require_email(session.host_email, "host_email"),
        "sessionDuration": validation.require_minutes(session.duration_minutes, "duration_minutes"),
        "sessionSummary": session.summary,
        "speakerEmails": validation.require_emails(session.speaker_emails, "speaker_emails"),
        "cohostEmails": validation.require_emails(session.cohost_emails, "cohost_emails"),
        "type": validation.require_choice(session.type, ("HOSTING",), "type"),
        "tracks": list(session.track_ids),
        "tags": list(session.tags),
        "speedNetworkingData": None
        if networking is None
        else {
            "conversationTime": networking.conversation_minutes,
            "extendNetworkingTime": networking.extension_minutes,
        },
        "sessionMeta": None if session.hide_host is None else {"hideHost": session.hide_host},
        "boothId": check_id(session.booth_id, "booth_id") if session.booth_id else None,
    }
    return Call(SESSIONS_CREATE, check_ids(airmeet_id=airmeet_id), body=validation.drop_empty(body))


def delete_session(airmeet_id: str, session_id: str) -> Call[Updated]:
    """Delete a session (D).

    Args:
        airmeet_id: The event's id.
        session_id: The session's id.

    Raises:
        NotFoundError: There is no such event or session.
    """
    path = check_ids(airmeet_id=airmeet_id, session_id=session_id)
    return Call(SESSIONS_DELETE, path)


def list_tracks(airmeet_id: str) -> Call[tuple[Track, ...]]:
    """List the tracks of an event (B, C). Some plans have none (C).

    Args:
        airmeet_id: The event's id.

    Raises:
        NotFoundError: There is no such event.
    """
    return Call(TRACKS_LIST, check_ids(airmeet_id=airmeet_id))
