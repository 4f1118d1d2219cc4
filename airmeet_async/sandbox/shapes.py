"""What each 200 looks like, told by examples.

A member whose name ends in ``?`` may be missing, `Maybe` may be null, and `Several` is one of several shapes.
"""

from typing import Any, Final

from attrs import frozen

from .payloads import SAMPLES
from .prepared import MESSAGE
from .state import Json


@frozen
class Maybe:
    """The example, or null."""

    example: object


@frozen
class Several:
    """One of these."""

    examples: tuple[object, ...]


@frozen
class Anything:
    """An object whose members depend on something else."""

    example: Json


def schema(example: object) -> Json:
    """Describe an example as JSON Schema."""
    match example:
        case Maybe(one):
            return {"anyOf": [schema(one), {"type": "null"}]}
        case Several(ones):
            return {"anyOf": [schema(one) for one in ones]}
        case Anything():
            return {"type": "object"}
        case dict():
            return _object(example)
        case list():
            return {"type": "array", "items": schema(example[0])} if example else {"type": "array"}
    kinds = {bool: "boolean", int: "integer", str: "string"}
    return {"type": kinds[type(example)]}


def _object(example: dict[str, Any]) -> Json:
    return {
        "type": "object",
        "properties": {name.removesuffix("?"): schema(value) for name, value in example.items()},
        "required": [name for name in example if not name.endswith("?")],
        "additionalProperties": False,
    }


def plain(example: object) -> object:
    """Return an example as JSON, to be shown."""
    match example:
        case Maybe(one) | Anything(one):
            return plain(one)
        case Several(ones):
            return plain(ones[0])
        case dict():
            return {name.removesuffix("?"): plain(value) for name, value in example.items()}
        case list():
            return [plain(one) for one in example]
    return example


_MOMENT: Final = "2026-03-01T10:00:00.000Z"
_ID: Final = "8f0c1a2e-1111-11ee-aaaa-0a58a9feac02"
_SESSION: Final = "51e55104-1111-11ee-aaaa-0a58a9feac02"
_LINK: Final = f"https://www.airmeet.com/e/{_ID}?code=x9"
_CURSORS: Final[Json] = {"before": Maybe(7), "after": Maybe(9), "pageCount": 3}
_WHO: Final[Json] = {"email": "b.c@example.org", "name": "B C", "user_id": "9aBcD3F5x"}
_SUCCESS: Final[Json] = {"success": True}
_DONE: Final[Json] = {"statusCode": "2000", "statusMessage": "SUCCESS"}

_AIRMEET: Final[Json] = {
    "uid": _ID,
    "name": "Autumn Forum",
    "status": "CREATED",
    "timezone": "Asia/Kolkata",
    "startTime": _MOMENT,
    "endTime": _MOMENT,
    "description": "Two days",
}
_INFO: Final[Json] = {
    "id": _ID,
    "name": "Autumn Forum",
    "short_desc": "Two days",
    "status": "CREATED",
    "timezone": "Asia/Kolkata",
    "start_time": _MOMENT,
    "end_time": _MOMENT,
    "event_sub_type": "CONFERENCE",
    "master_img_url": "https://images.example.org/a.png",
    "sessions": [
        {
            "sessionid": _SESSION,
            "name": "Opening",
            "start_time": _MOMENT,
            "status": "FINISHED",
            "duration": 45,
            "summary": "",
            "host_id": ["u1"],
            "cohost_ids": ["u3"],
            "speaker_id": ["u2"],
            "speakerList": [{"id": "u2", "name": "B C", "speaker_img": Maybe("https://images.example.org/s.png")}],
            "type": "HOSTING",
        }
    ],
    "session_hosts": [{"id": "u1", "name": "A Host"}],
}
_CUSTOM_FIELD: Final[Json] = {
    "fieldId": "f-1",
    "label": "Diet",
    "name": "diet",
    "isRequired": True,
    "options": Maybe([{"code": "V", "displayValue": "Vegetarian"}]),
    "type": {"fieldType": "TEXT", "inputType": "TEXT", "mappedFrom": "CUSTOM"},
}
_REGISTRATION: Final[Json] = {
    "email": "b.c@example.org",
    "name": "B C",
    "city": "Pune",
    "country": "India",
    "organisation": "Forum",
    "Designation": "Chair",
    "registrationDate": _MOMENT,
}
_PARTICIPANT: Final[Json] = _REGISTRATION | {
    "profile_url": "",
    "user_type": "attendee",
    "user_id": "9aBcD3F5x",
    "token": _LINK,
    "invite_sent": True,
    "user_profile": [{"fieldId": "f-1", "value": "V"}],
}
_BOOTH: Final[Json] = {
    "uid": "b-1",
    "name": "Engines",
    "exhibitors": ["x@example.org"],
    "tags": ["new"],
    "airmeet_id": _ID,
    "order": 1,
    "boothExhibitor": True,
    **dict.fromkeys(("logo_url", "video", "faqs", "resources", "layoutType", "layoutData", "social_media_links"), ""),
    **dict.fromkeys(("short_description", "long_description", "banner_url", "register_interest_details"), ""),
    **dict.fromkeys(("offer_details", "doc_url", "doc_name", "booth_space_id"), ""),
}
_TRACK: Final[Json] = {
    "uid": "t-1",
    "name": "Main",
    "description": "",
    "track_order": "1",
    "metaData": {"colorCode": "#aabbcc"},
    "sessions": [_SESSION],
}
_PRESENCE: Final[Json] = {"id": 4024760, **_WHO, "time_stamp": _MOMENT, "time_spent": "20000"}
_VISIT: Final[Json] = _WHO | {"time_stamp": _MOMENT, "visits": 2, "interested_in_being_contacted": True}
_REPLAY: Final[Json] = {
    "id": 1,
    "name": "B C",
    "email": "b.c@example.org",
    "session_id": _SESSION,
    "duration_viewed": 12,
}
_UTMS: Final[Json] = {
    "airmeetId": _ID,
    "email": "b.c@example.org",
    "id": 1,
    "utms": {"utm_campaign": "x", "utm_medium": Maybe("email"), "utm_source": "y"},
}
_RECORDING: Final[Json] = {
    "session_id": _SESSION,
    "session_name": "Opening",
    "download_link": "https://recordings.example.org/a.mp4?Signature=x",
}
_QUESTION: Final[Json] = {"question": "And then?", "session_id": _SESSION, "time_stamp": _MOMENT, "upvoteCount": 3}
_WEBHOOK: Final[Json] = {
    "id": "w-1",
    "name": "AIRMEET_CREATED",
    "description": "",
    "triggerMetaInfoId": "trigger.airmeet.created",
    "url": "https://hooks.example.org/a",
    "platformName": "",
    "airmeetId?": _ID,
    "sessionId?": _SESSION,
}

NOT_READY: Final[Json] = {"statusCode": 202, "statusMessage": MESSAGE}
WRONG_STATE: Final[Json] = {"data": {}, "statusCode": 400, "statusMessage": "Airmeet status is not valid"}
REFUSAL: Final[Json] = {"statusCode": 400, "statusMessage": "Something is wrong", "data": {}}
ASTRAY: Final[Json] = {"message": "Not found"}


def _rows(row: Json) -> Json:
    return {"data": [row], "cursors": _CURSORS | {"totalCount": 120}}


def _prepared(row: Json) -> Several:
    return Several((_rows(row) | {"statusCode": 200}, WRONG_STATE))


EXAMPLES: Final[dict[str, object]] = {
    "auth": {"token": "t0ken", "communityId": "c-1"},
    "airmeets.list": {"data": [_AIRMEET], "cursors": _CURSORS},
    "airmeets.info": _INFO,
    "airmeets.create": {"uuid": _ID, "status": "AIRMEET_CREATED"},
    "airmeets.set_status": {"statusUpdated": True},
    "airmeets.landing_page": _SUCCESS,
    "airmeets.duplicate": {"uuid": _ID},
    "series.list": {"data": [{"uid": "e-1", "name": "The seasons"}]},
    "series.events": {"data": [_AIRMEET]},
    "attendees.add": {"email": "b.c@example.org", "entryLink": _LINK},
    "attendees.block": _SUCCESS,
    "attendees.unblock": _SUCCESS,
    "attendees.remove": _SUCCESS | {"message": "The attendee is removed"},
    "participants.list": {"participants": [_PARTICIPANT], "userCount": 1, "totalUserCount": 150},
    "registrations.list": {"data": [_REGISTRATION], "cursors": _CURSORS},
    "custom_fields.list": {"customFields": [_CUSTOM_FIELD]},
    "speakers.add": {"speakerEmail": "s@example.org", "status": "SPEAKER_CREATED"},
    "sessions.create": {"uid": _SESSION, "token": [{"email": "s@example.org", "token": _LINK}]},
    "sessions.delete": _SUCCESS,
    "recordings.list": {"recordings": [_RECORDING], "recordingsCount": 1, "totalCount": 1},
    "booths.list": {"booths": Maybe([_BOOTH])},
    "booths.create": {"uuid": "b-1"},
    "tracks.list": {"tracks": [_TRACK]},
    "attendance.event": _prepared(_PRESENCE),
    "attendance.session": _prepared(_PRESENCE),
    "attendance.booth": _prepared(_VISIT),
    "attendance.replay": _prepared(_REPLAY),
    "utms.list": _rows(_UTMS) | {"statusCode": 200},
    "polls.list": _rows(_WHO | {"polls": [{"question": "Did you like it?", "answer": "A little"}]}),
    "questions.list": {"data": [_WHO | {"questions": [_QUESTION]}]},
    "webhooks.register": _DONE | {"payload": _WEBHOOK},
    "webhooks.deregister": _DONE,
    "webhooks.list": _DONE | {"webhookDTOList": [_WEBHOOK]},
    "webhooks.sample_payload": _DONE | {"payload": Anything(SAMPLES["trigger.airmeet.created"])},
}
PREPARED: Final = frozenset(
    {"attendance.event", "attendance.session", "attendance.booth", "attendance.replay", "utms.list"}
)
