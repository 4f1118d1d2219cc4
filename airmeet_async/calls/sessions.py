"""What an event consists of: sessions, the tracks they can be in, speakers and booths."""

from airmeet_async.protocol import endpoints, validation
from airmeet_async.protocol.base_urls import Id, check_id, check_ids
from airmeet_async.protocol.call import Call, Retry
from airmeet_async.protocol.models import (
    EXHIBITOR_TYPES,
    Booth,
    Created,
    Exhibitor,
    NewBooth,
    NewSession,
    SessionCreated,
    Speaker,
    SpeakerAdded,
    Track,
    Updated,
)  # fmt: skip


def create_session(
    airmeet_id: Id, session: NewSession, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[SessionCreated]:
    """Create a session. Its speakers must be in the event, its cohosts in the community's team (A).

    Args:
        airmeet_id: The event's id.
        session: Title, start and host are mandatory; the type must be HOSTING (A).
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: A required value is missing or not valid.
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
        "speedNetworkingData": networking
        and {
            "conversationTime": networking.conversation_minutes,
            "extendNetworkingTime": networking.extension_minutes,
        },
        "sessionMeta": None if session.hide_host is None else {"hideHost": session.hide_host},
        "boothId": check_id(session.booth_id, "booth_id") if session.booth_id else None,
    }
    return Call(
        endpoints.SESSIONS_CREATE, check_ids(airmeet_id=airmeet_id), body=validation.drop_empty(body)
    ).with_limits(retry, timeout)


def delete_session(
    airmeet_id: Id, session_id: Id, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[Updated]:
    """Delete a session (D).

    Args:
        airmeet_id: The event's id.
        session_id: The session's id.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        NotFoundError: There is no such event or session.
    """
    path = check_ids(airmeet_id=airmeet_id, session_id=session_id)
    return Call(endpoints.SESSIONS_DELETE, path).with_limits(retry, timeout)


def list_tracks(
    airmeet_id: Id, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[tuple[Track, ...]]:
    """List the tracks of an event (B, C). Some plans have none (C).

    Args:
        airmeet_id: The event's id.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        NotFoundError: There is no such event.
    """
    return Call(endpoints.TRACKS_LIST, check_ids(airmeet_id=airmeet_id)).with_limits(retry, timeout)


def add_speaker(
    airmeet_id: Id, speaker: Speaker, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[SpeakerAdded]:
    """Add a speaker to an event. The status of the answer is ``SPEAKER_CREATED`` for a new one (B, C).

    What a second add of the same speaker does is not documented, so this is not repeated after an unclear outcome.

    Args:
        airmeet_id: The event's id.
        speaker: E-mail and name are mandatory (B).
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: E-mail or name is missing.
        AmbiguousOutcomeError: There was no clear answer; the speaker may be there.
        RejectedError: Airmeet refuses it.
    """
    body = {
        "name": validation.require_text(speaker.name, "name"),
        "email": validation.require_email(speaker.email),
        "organisation": speaker.organisation,
        "designation": speaker.designation,
        "imageUrl": speaker.image_url,
        "bio": speaker.bio,
        "city": speaker.city,
        "country": speaker.country,
    }
    return Call(endpoints.SPEAKERS_ADD, check_ids(airmeet_id=airmeet_id), body=validation.drop_empty(body)).with_limits(
        retry, timeout
    )


def list_booths(
    airmeet_id: Id, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[tuple[Booth, ...]]:
    """List the booths of an event (B, C). Some plans have none (C).

    Args:
        airmeet_id: The event's id.
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        NotFoundError: There is no such event.
    """
    return Call(endpoints.BOOTHS_LIST, check_ids(airmeet_id=airmeet_id)).with_limits(retry, timeout)


def create_booth(
    airmeet_id: Id, booth: NewBooth, *, retry: Retry | int | None = None, timeout: float | None = None
) -> Call[Created]:
    """Create a booth.

    Args:
        airmeet_id: The event's id.
        booth: Only the name is mandatory. An exhibitor's attendance type is for the hybrid conference format (B).
        retry: The retry rules of this call, or its number of attempts. Default: the client's.
        timeout: Seconds for this call, with retries and waits. Default: the client's.

    Raises:
        InvalidInputError: A required value is missing or not valid.
        AmbiguousOutcomeError: Airmeet gave no clear reply; a repeat could create a second booth.
        RejectedError: Airmeet refuses it.
    """
    exhibitors = [one if isinstance(one, Exhibitor) else Exhibitor(email=one) for one in booth.exhibitors]
    where = "attendance_type of an exhibitor"
    emails = [validation.require_email(one.email, "exhibitors") for one in exhibitors]
    kinds = [
        {"exhibitorAttendanceType": validation.require_choice(one.attendance_type, EXHIBITOR_TYPES, where)}
        if one.attendance_type
        else {}
        for one in exhibitors
    ]
    body = {
        "name": validation.require_text(booth.name, "name"),
        # Both lists, and everybody in both, as Airmeet's own connector sends them (B).
        "exhibitors": emails,
        "exhibitorInfo": [{"email": email, **kind} for email, kind in zip(emails, kinds, strict=True)],
        "tags": list(booth.tags),
        "metaData": {
            "chatEnabled": booth.chat,
            "loungeEnabled": booth.lounge,
            "broadcastEnabled": booth.broadcast,
            "tableCount": booth.table_count,
        },
    }
    return Call(
        endpoints.BOOTHS_CREATE, check_ids(airmeet_id=airmeet_id), body=validation.drop_empty(body)
    ).with_limits(retry, timeout)
