"""Speakers of an event."""

from airmeet_async.api.wire import Reply

from ..community import Member
from ..request import IncomingRequest
from ..responses import InvalidError, ok


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
