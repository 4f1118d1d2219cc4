"""Speakers of an event."""

from airmeet_async.protocol.http_messages import Reply
from airmeet_async.sandbox.community import Member
from airmeet_async.sandbox.request import IncomingRequest
from airmeet_async.sandbox.responses import InvalidError, ok


def add(request: IncomingRequest) -> Reply:
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
