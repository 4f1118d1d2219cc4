"""Sessions and their recordings."""

from typing import Any, Final

from airmeet_async.api.wire import Reply

from ..asked import Asked
from ..replies import InvalidError, acknowledge, ok
from ..state import LINK, Json, Member, identity
from .planning import instant

MINUTES: Final = 30  # the default of Airmeet's connector (B)
_MINUTE_MS: Final = 60_000
_RECORDING: Final = "https://recordings.example.com/{session}.mp4?Expires={expires}&Signature={signature}"
_RECORDING_LIFE_S: Final = 6 * 3600  # C


def create(asked: Asked) -> Reply:
    """Make a session, another one at each request; its speakers must be in the event already (A)."""
    given = asked.given()
    _check_parts(asked, given)
    speakers = [_speaker(asked, email) for email in given.get("speakerEmails", [])]
    host = _host(asked, given["hostEmail"])
    cohosts = [_cohost(asked, email, speakers) for email in given.get("cohostEmails", [])]
    start = given["sessionStartTime"] // _MINUTE_MS * _MINUTE_MS  # rounded to minutes (B)
    row = {
        "sessionid": asked.state.new_uid(),
        "name": given["sessionTitle"],
        "start_time": instant(start),
        "status": "CREATED",
        "duration": given.get("sessionDuration", MINUTES),
        "summary": given.get("sessionSummary", ""),
        "host_id": [host.uid],
        "cohost_ids": [cohost.uid for cohost in cohosts],
        "speaker_id": [speaker.uid for speaker in speakers],
        "speakerList": [_shown(speaker) for speaker in speakers],
        "type": given.get("type", "HOSTING"),
    }
    asked.event.sessions.append(row)
    for track in asked.event.tracks:
        if track["uid"] in given.get("tracks", []):
            track["sessions"] = [*_list(track["sessions"]), row["sessionid"]]
    asked.count("sessions")
    return ok(**{asked.switches.session_key: row["sessionid"]} | _links(asked, row["sessionid"], speakers))


def _check_parts(asked: Asked, given: dict[str, Any]) -> None:
    if asked.switches.hosting_only and given.get("type", "HOSTING") != "HOSTING":
        raise InvalidError("type must be HOSTING")
    known = {track["uid"] for track in asked.event.tracks}
    if unknown := [track for track in given.get("tracks", []) if track not in known]:
        raise InvalidError(f"{unknown[0]} is not a track of this airmeet")
    booth = given.get("boothId")
    if booth is not None and all(row["uid"] != booth for row in asked.event.booths):
        raise InvalidError(f"{booth} is not a booth of this airmeet")


def _speaker(asked: Asked, email: str) -> Member:
    speaker = asked.event.speakers.get(identity(email, fold=asked.switches.fold_email_case))
    if speaker is None:
        raise InvalidError(f"{email} is not a speaker of this airmeet")
    return speaker


def _host(asked: Asked, email: str) -> Member:
    """Return the event's host or somebody of the team (A)."""
    member = asked.member(email)
    is_host = identity(email, fold=True) == identity(asked.event.host, fold=True)
    if member is None and asked.switches.hosts_from_team and not is_host:
        raise InvalidError(f"{email} is not the host of this airmeet or a team member of the community")
    return member or Member(email, asked.state.code("host", email)[:9], email)


def _cohost(asked: Asked, email: str, speakers: list[Member]) -> Member:
    """Return somebody of the team, or one of the session's speakers, who gets the rights of a cohost (A)."""
    known = identity(email, fold=True)
    speaker = next((speaker for speaker in speakers if identity(speaker.email, fold=True) == known), None)
    return speaker or _host(asked, email)


def _shown(speaker: Member) -> Json:
    return {"id": speaker.uid, "name": speaker.name, "speaker_img": speaker.details.get("imageUrl")}


def _links(asked: Asked, session_id: str, speakers: list[Member]) -> Json:
    match asked.switches.session_tokens:
        case "null":
            return {"token": None}
        case "missing":
            return {}
    codes = {speaker.email: asked.state.code("speaker", session_id, speaker.email) for speaker in speakers}
    event = asked.event.uid
    return {"token": [{"email": email, "token": LINK.format(event=event, code=code)} for email, code in codes.items()]}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def delete(asked: Asked) -> Reply:
    """Take a session out of the event."""
    rows, session_id = asked.event.sessions, asked.params["sessionId"]
    kept = [row for row in rows if row["sessionid"] != session_id]
    if len(kept) == len(rows):
        raise asked.no_such_part("Session")
    asked.event.sessions = kept
    for track in asked.event.tracks:
        track["sessions"] = [uid for uid in _list(track["sessions"]) if uid != session_id]
    return acknowledge(asked.switches, "The session is deleted")


def recordings(asked: Asked) -> Reply:
    """List recordings of finished sessions, with links that are new each time and good for six hours (C)."""
    sent = asked.query.get("sessionIds", "")
    if asked.switches.session_ids_required and not sent:
        raise InvalidError("sessionIds is mandatory")
    wanted = {uid.strip() for uid in sent.split(",")} if sent else None
    sessions = [row for row in asked.event.finished_sessions if wanted is None or row["sessionid"] in wanted]
    shown = sessions[: asked.switches.recordings_at_once or None]
    rows = [_recording(asked, session) for session in shown]
    return ok(recordings=rows, recordingsCount=len(rows), totalCount=len(sessions))


def _recording(asked: Asked, session: Json) -> Json:
    asked.count("recording_links")
    signature = asked.state.code("recording", str(asked.state.counts["recording_links"]))
    expires = int(asked.now) + _RECORDING_LIFE_S
    link = _RECORDING.format(session=session["sessionid"], expires=expires, signature=signature)
    return {"session_id": session["sessionid"], "session_name": session["name"], "download_link": link}
