"""What an event consists of: sessions, the tracks they are on, their recordings, speakers and booths."""

from typing import Any, Final

from airmeet_async.protocol.http_messages import Reply
from airmeet_async.sandbox.community import LINK, Member, booth_row, identity, session_row
from airmeet_async.sandbox.request import IncomingRequest
from airmeet_async.sandbox.responses import InvalidError, acknowledge, ok, timestamp_of

_MINUTE_MS: Final = 60_000
_RECORDING: Final = "https://recordings.example.com/{session}.mp4?Expires={expires}&Signature={signature}"
_RECORDING_LIFE_S: Final = 6 * 3600  # C


def create_session(request: IncomingRequest) -> Reply:
    """Make a session, another one at each request; its speakers must be in the event already (A)."""
    given, event, state = request.given(), request.event, request.state
    if request.switches.hosting_only and given.get("type", "HOSTING") != "HOSTING":
        raise InvalidError("type must be HOSTING")
    known = {track["uid"] for track in event.tracks}
    if unknown := [track for track in given.get("tracks", []) if track not in known]:
        raise InvalidError(f"{unknown[0]} is not a track of this airmeet")
    booth = given.get("boothId")
    if booth is not None and all(row["uid"] != booth for row in event.booths):
        raise InvalidError(f"{booth} is not a booth of this airmeet")

    speakers = [_speaker(request, email) for email in given.get("speakerEmails", [])]
    host = _host(request, given["hostEmail"])
    # A cohost is of the team, or one of the session's speakers, who gets the rights of a cohost (A).
    in_session = {identity(speaker.email, fold=True): speaker for speaker in reversed(speakers)}
    emails = given.get("cohostEmails", [])
    cohosts = [in_session.get(identity(email, fold=True)) or _host(request, email) for email in emails]

    uid = state.new_uid()
    row = session_row(
        uid,
        given["sessionTitle"],
        timestamp_of(given["sessionStartTime"] // _MINUTE_MS * _MINUTE_MS),  # rounded to minutes (B)
        host=host,
        cohosts=cohosts,
        speakers=speakers,
        minutes=given.get("sessionDuration", 30),  # the default of Airmeet's connector (B)
        summary=given.get("sessionSummary", ""),
        kind=given.get("type", "HOSTING"),
    )
    event.sessions.append(row)
    for track in event.tracks:
        if track["uid"] in given.get("tracks", []):
            track["sessions"] = [*track["sessions"], uid]
    state.counts["sessions"] += 1

    reply: dict[str, Any] = {request.switches.session_key: uid}
    match request.switches.session_tokens:
        case "null":
            reply["token"] = None
        case "list":
            codes = {speaker.email: state.code("speaker", uid, speaker.email) for speaker in speakers}
            links = {email: LINK.format(event=event.uid, code=code) for email, code in codes.items()}
            reply["token"] = [{"email": email, "token": link} for email, link in links.items()]
    return ok(**reply)


def _speaker(request: IncomingRequest, email: str) -> Member:
    speaker = request.event.speakers.get(request.identity(email))
    if speaker is None:
        raise InvalidError(f"{email} is not a speaker of this airmeet")
    return speaker


def _host(request: IncomingRequest, email: str) -> Member:
    """Return the event's host or somebody of the team (A)."""
    member = request.member(email)
    is_host = identity(email, fold=True) == identity(request.event.host, fold=True)
    if member is None and request.switches.hosts_from_team and not is_host:
        raise InvalidError(f"{email} is not the host of this airmeet or a team member of the community")
    return member or Member(email, request.state.code("host", email)[:9], email)


def delete_session(request: IncomingRequest) -> Reply:
    """Take a session out of the event."""
    event, session_id = request.event, request.params["sessionId"]
    kept = [row for row in event.sessions if row["sessionid"] != session_id]
    if len(kept) == len(event.sessions):
        raise request.no_such_part("Session")
    event.sessions = kept
    for track in event.tracks:
        track["sessions"] = [uid for uid in track["sessions"] if uid != session_id]
    return acknowledge(request.switches, "The session is deleted")


def list_tracks(request: IncomingRequest) -> Reply:
    """List the tracks."""
    return ok(tracks=request.event.tracks)


def recordings(request: IncomingRequest) -> Reply:
    """List recordings of finished sessions, with links that are new each time and good for six hours (C)."""
    state, switches = request.state, request.switches
    sent = request.query.get("sessionIds", "")
    if switches.session_ids_required and not sent:
        raise InvalidError("sessionIds is mandatory")
    wanted = {uid.strip() for uid in sent.split(",")} if sent else None
    sessions = [row for row in request.event.finished_sessions if wanted is None or row["sessionid"] in wanted]
    rows = []
    for session in sessions[: switches.recordings_at_once or None]:
        state.counts["recording_links"] += 1
        link = _RECORDING.format(
            session=session["sessionid"],
            expires=int(request.epoch + request.now) + _RECORDING_LIFE_S,
            signature=state.code("recording", str(state.counts["recording_links"])),
        )
        rows.append({"session_id": session["sessionid"], "session_name": session["name"], "download_link": link})
    return ok(recordings=rows, recordingsCount=len(rows), totalCount=len(sessions))


def add_speaker(request: IncomingRequest) -> Reply:
    """Add a speaker, once: a second add changes nothing (C, as far as one user could tell)."""
    given, speakers = request.given(), request.event.speakers
    key = request.identity(given["email"])
    if key in speakers:
        if request.switches.duplicate_speaker == "error":
            raise InvalidError(f"{given['email']} is a speaker of this airmeet already")
        return ok(speakerEmail=speakers[key].email, status="SPEAKER_ALREADY_EXISTS")  # the word is unknown
    details = {name: value for name, value in given.items() if name not in {"email", "name"}}
    speakers[key] = Member(given["email"], request.state.code("speaker", key)[:9], given["name"], details)
    request.state.counts["speakers"] += 1
    return ok(speakerEmail=given["email"], status="SPEAKER_CREATED")


def list_booths(request: IncomingRequest) -> Reply:
    """List the booths; null if there are none (C)."""
    return ok(booths=request.event.booths or (None if request.switches.null_booths else []))


def create_booth(request: IncomingRequest) -> Reply:
    """Make a booth, another one at each request."""
    given, event = request.given(), request.event
    named, info = given.get("exhibitors", []), given.get("exhibitorInfo", [])
    if request.switches.exhibitor_lists == "both" and named != [row["email"] for row in info]:
        raise InvalidError("exhibitors and exhibitorInfo must name the same people")
    has_types = any("exhibitorAttendanceType" in row for row in info)
    if has_types and request.switches.exhibitor_types_refused and event.sub_type != "HYBRID_CONFERENCE":
        raise InvalidError("exhibitorAttendanceType is for hybrid events")
    exhibitors = [*named, *(row["email"] for row in info)]
    uid = request.state.new_uid()
    row = booth_row(event.uid, uid, given["name"], len(event.booths) + 1, list(dict.fromkeys(exhibitors)))
    event.booths.append(row | {"tags": given.get("tags", [])})
    request.state.counts["booths"] += 1
    return ok(uuid=uid)
