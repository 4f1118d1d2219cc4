"""Speakers, booths and tracks."""

from airmeet_async.api.wire import Reply

from ..asked import Asked
from ..replies import InvalidError, ok
from ..state import Json, Member, identity


def add_speaker(asked: Asked) -> Reply:
    """Add a speaker, once: a second add changes nothing."""
    given = asked.given()
    speakers = asked.event.speakers
    key = identity(given["email"], fold=asked.switches.fold_email_case)
    if key in speakers:
        if asked.switches.duplicate_speaker == "error":
            raise InvalidError(f"{given['email']} is a speaker of this airmeet already")
        return ok(speakerEmail=speakers[key].email, status="SPEAKER_ALREADY_EXISTS")  # the word is unknown
    details = {name: value for name, value in given.items() if name not in {"email", "name"}}
    speakers[key] = Member(given["email"], asked.state.code("speaker", key)[:9], given["name"], details)
    asked.count("speakers")
    return ok(speakerEmail=given["email"], status="SPEAKER_CREATED")


def list_booths(asked: Asked) -> Reply:
    """List the booths; null if there are none (C)."""
    return ok(booths=asked.event.booths or (None if asked.switches.null_booths else []))


def create_booth(asked: Asked) -> Reply:
    """Make a booth, another one at each request."""
    given, event = asked.given(), asked.event
    exhibitors = [*given.get("exhibitors", []), *(row["email"] for row in given.get("exhibitorInfo", []))]
    uid = asked.state.new_uid()
    order = len(event.booths) + 1
    event.booths.append(booth_row(event.uid, uid, given["name"], order, list(dict.fromkeys(exhibitors))))
    event.booths[-1]["tags"] = given.get("tags", [])
    asked.count("booths")
    return ok(uuid=uid)


def booth_row(airmeet_id: str, uid: str, name: str, order: int, exhibitors: list[str]) -> Json:
    """Return a booth as /booths shows it (B)."""
    texts = ("logo_url", "video", "faqs", "resources", "layoutType", "layoutData", "social_media_links")
    more = ("short_description", "long_description", "banner_url", "register_interest_details", "offer_details")
    known: Json = {"uid": uid, "name": name, "exhibitors": exhibitors, "tags": [], "airmeet_id": airmeet_id}
    empty: Json = dict.fromkeys((*texts, *more, "doc_url", "doc_name", "booth_space_id"), "")
    return known | {"order": order, "boothExhibitor": bool(exhibitors)} | empty


def list_tracks(asked: Asked) -> Reply:
    """List the tracks."""
    return ok(tracks=asked.event.tracks)
