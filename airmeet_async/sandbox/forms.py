"""What the body and the query of each request may hold, by hand from the help text and the other sources.

A reader takes a value and the name to complain about; it returns the value as it is kept, or refuses it.
Grades (A to D, and ? for a guess) say how sure a rule is, as in `tests/contract`.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import field, frozen

from airmeet_async.sandbox.community import Json
from airmeet_async.sandbox.responses import InvalidError
from airmeet_async.sandbox.webhook_payloads import SAMPLES

Reader = Callable[[object, str], Any]

EMAIL_MAX: Final = 254
_ADDRESS: Final = re.compile(r"[^\s@.]+(\.[^\s@.]+)*@[^\s@.]+(\.[^\s@.]+)+")  # one @, nothing empty between dots
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_MOST: Final = 10**18 - 1


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidError(f"{name} must be a string")
    return value


def _filled(value: object, name: str) -> str:
    stripped = _text(value, name).strip()
    if not stripped:
        raise InvalidError(f"{name} is mandatory")
    return stripped


def _address(value: object, name: str) -> str:
    stripped = _filled(value, name)
    if len(str(value)) > EMAIL_MAX or not _ADDRESS.fullmatch(stripped):
        raise InvalidError(f"{name} is not a valid e-mail address")
    return stripped


def _colour(value: object, name: str) -> str:
    if not re.fullmatch("#[0-9a-fA-F]{6}", _text(value, name)):
        raise InvalidError(f"{name} must be a colour such as #0000ff")
    return str(value)


def _flag(value: object, name: str) -> bool:
    if not isinstance(value, bool):
        raise InvalidError(f"{name} must be true or false")
    return value


def _anything(value: object, name: str) -> object:  # noqa: ARG001  (same signature as the other readers)
    return value


def _text_or_texts(value: object, name: str) -> str | list[str]:
    if isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value)):
        return value
    raise InvalidError(f"{name} must be a string or an array of strings")


def _one_of(*words: str) -> Reader:
    def read(value: object, name: str) -> str:
        if _text(value, name) not in words:
            raise InvalidError(f"{name} must be one of {', '.join(words)}")
        return str(value)

    return read


def _whole(least: int, most: int) -> Reader:
    def read(value: object, name: str) -> int:
        if isinstance(value, float) and value.is_integer():  # 5.0 is an integer in JSON
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise InvalidError(f"{name} must be an integer")
        if not least <= value <= most:
            raise InvalidError(f"{name} must be from {least} to {most}")
        return value

    return read


def _digits(least: int) -> Reader:
    """Read a number that stands in a query, and so is a text."""
    number = _whole(least, _MOST)
    return lambda value, name: number(int(value) if _NUMBER.fullmatch(str(value)) else value, name)  # type: ignore[call-overload]


def _many(of: Reader) -> Reader:
    def read(value: object, name: str) -> list[Any]:
        if not isinstance(value, list):
            raise InvalidError(f"{name} must be an array")
        return [of(item, f"{name}[{place}]") for place, item in enumerate(value)]

    return read


@frozen
class RequestForm:
    """An object with known fields; others are let through unread.

    Attributes:
        required: Fields that must be there.
        optional: Fields that may be there; null is a value of the wrong type.
        at_least_one: Optional fields of which one must be there.
    """

    required: Mapping[str, Reader] = field(factory=dict)
    optional: Mapping[str, Reader] = field(factory=dict)
    at_least_one: tuple[str, ...] = ()

    def read(self, value: object, name: str = "") -> Json:
        """Return the known fields as they are kept, or refuse."""
        if not isinstance(value, Mapping):
            raise InvalidError(f"{name or 'The body'} must be an object")
        within = f"{name}." if name else ""
        for required in self.required:
            if required not in value:
                raise InvalidError(f"{within}{required} is mandatory")
        if self.at_least_one and not any(known in value for known in self.at_least_one):
            raise InvalidError(f"One of {', '.join(self.at_least_one)} is mandatory")
        readers = {**self.required, **self.optional}
        return {known: read(value[known], within + known) for known, read in readers.items() if known in value}


# Bodies

_moment: Final = _whole(0, 4_102_444_800_000)  # unix milliseconds (B), to the year 2100
_trigger: Final = _one_of(*SAMPLES)

EVENT: Final = RequestForm(
    {
        "hostEmail": _address,
        "eventName": _filled,
        "shortDesc": _filled,
        "timing": RequestForm({"startTime": _moment, "endTime": _moment, "timezone": _filled}).read,
    },
    {
        "longDesc": _text,
        "eventImage": _text,
        "access": _one_of("INVITED_ONLY", "WITH_VERIFIED_EMAIL", "WITHOUT_VERIFIED_EMAIL"),
        "eventType": _filled,
        "config": RequestForm(optional={"networking": _flag, "tableCount": _whole(0, 1000)}).read,
    },
)
STATUS: Final = RequestForm({"status": _one_of("ONGOING", "PAUSED", "FINISHED", "ARCHIVE")})  # B for two, D for four
LANDING_PAGE: Final = RequestForm(
    optional={
        "ambience": _one_of("LIGHT", "DARK"),
        "layout": _one_of("CLASSIC", "MODERN"),
        "highlightColor": _colour,
        "buttonTextColor": _colour,
        "imageUrl": _text,
    }
)
DUPLICATION: Final = RequestForm(
    {"eventName": _filled, "startTime": _moment},
    {"timeZone": _filled, "timezone": _filled, "duplicateSpeakers": _flag},  # both spellings are D; one is mandatory
)
ATTENDEE: Final = RequestForm(
    {"email": _address, "firstName": _filled, "lastName": _filled},
    {
        "attendance_type": _anything,  # read by hybrid events only (A), so the handler checks it
        "city": _text,
        "country": _text,
        "designation": _text,
        "organisation": _text,
        "registerAttendee": _flag,
        "sendEmailInvite": _flag,
        # The value is a string (D) or an array of strings (B).
        "customFieldMapping": _many(RequestForm({"fieldId": _text, "value": _text_or_texts}).read),
    },
)
WHICH_ATTENDEE: Final = RequestForm({"attendeeEmail": _address})
SPEAKER: Final = RequestForm(
    {"name": _filled, "email": _address},
    dict.fromkeys(("organisation", "designation", "imageUrl", "bio", "city", "country"), _text),
)
SESSION: Final = RequestForm(
    {"sessionTitle": _filled, "sessionStartTime": _moment, "hostEmail": _address},
    {
        "sessionDuration": _whole(1, 100_000),  # minutes
        "sessionSummary": _text,
        "speakerEmails": _many(_address),
        "cohostEmails": _many(_address),
        # HOSTING is the only one by A, the others are B.
        "type": _one_of(
            "HOSTING", "FLUID_LOUNGE", "BOOTH", "BREAK", "LARGE_CALL", "SPEED_NETWORKING", "STREAMING"
        ),
        "tracks": _many(_text),
        "tags": _many(_text),
        "boothId": _text,
        "speedNetworkingData": RequestForm(
            optional={"conversationTime": _whole(0, 100_000), "extendNetworkingTime": _whole(0, 100_000)}
        ).read,
        "sessionMeta": RequestForm(optional={"hideHost": _flag}).read,
    },
)  # fmt: skip
BOOTH: Final = RequestForm(
    {"name": _filled},
    {
        "exhibitors": _many(_address),
        "exhibitorInfo": _many(
            RequestForm({"email": _address}, {"exhibitorAttendanceType": _one_of("HYBRID", "ONLINE")}).read
        ),
        "tags": _many(_text),
        "metaData": RequestForm(
            optional=dict.fromkeys(("chatEnabled", "loungeEnabled", "broadcastEnabled"), _flag)
            | {"tableCount": _whole(0, 1000)}
        ).read,
    },
)  # fmt: skip
WEBHOOK: Final = RequestForm(
    {"name": _filled, "triggerMetaInfoId": _trigger, "url": _filled}, {"description": _text, "platformName": _text}
)
WHICH_WEBHOOK: Final = RequestForm(
    optional=dict.fromkeys(("id", "name", "triggerMetaInfoId", "url"), _filled),
    at_least_one=("id", "name", "triggerMetaInfoId", "url"),
)

# Queries

CURSORS: Final = RequestForm(optional={"after": _digits(-_MOST), "before": _digits(-_MOST), "size": _digits(1)})
PARTICIPANTS: Final = RequestForm(
    optional={
        "emailIds": _text,
        "pageNumber": _digits(1),
        "resultSize": _digits(1),
        "sortingKey": _one_of("name", "email", "registrationDate"),
        "sortingDirection": _one_of("ASC", "DESC"),
    }
)
RECORDINGS: Final = RequestForm(optional={"sessionIds": _text})
WEBHOOK_PLACE: Final = RequestForm(optional={"airmeetId": _text, "sessionId": _text})
WEBHOOKS_OF: Final = RequestForm(optional={"airmeetId": _text})
SAMPLE_OF: Final = RequestForm({"triggerMetaInfoId": _trigger})
