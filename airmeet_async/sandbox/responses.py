"""Answers as bytes: JSON, refusals in every shape a client may meet, and lists in pages."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from attrs import frozen

from airmeet_async.protocol.http_messages import Reply
from airmeet_async.sandbox.switches import ErrorShape, Switches

JSON_TYPE: Final = "application/json; charset=utf-8"


def json_reply(status: int, body: object, **headers: str) -> Reply:
    """Return a JSON answer; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    text = json.dumps(body, separators=(",", ":"))  # ASCII only: a lone surrogate cannot break it
    return Reply(status, {"content-type": JSON_TYPE, **named}, text.encode())


def ok(**body: object) -> Reply:
    """Return a 200 with these members."""
    return json_reply(200, body)


def acknowledge(switches: Switches, message: str) -> Reply:
    """Return the success of an operation whose reply holds nothing else; for most, nobody has described it (?)."""
    match switches.acknowledgement:
        case "success":
            return ok(success=True)
        case "message":
            return ok(success=True, message=message)
        case "true":
            return json_reply(200, True)  # noqa: FBT003 - this is the body
        case "text":
            return Reply(200, {"content-type": "text/plain"}, b"OK")
        case "empty":
            return Reply(200)
        case "accepted":
            return Reply(202)
        case "no content":
            return Reply(204)


def timestamp(at: datetime) -> str:
    """Write a moment as Airmeet does, without its fraction of a second."""
    return f"{at:%Y-%m-%dT%H:%M:%S}.000Z"


def timestamp_of(milliseconds: int) -> str:
    """Write a moment that was sent in unix milliseconds (B)."""
    return timestamp(datetime.fromtimestamp(milliseconds // 1000, UTC))


# Refusals


def refuse(status: int, message: str, shape: ErrorShape) -> Reply:
    """Return a refusal in one of the shapes that clients have met."""
    match shape:
        case "status":
            return json_reply(status, {"statusCode": status, "statusMessage": message, "data": {}})
        case "message":
            return json_reply(status, {"message": message})
        case "success":
            return json_reply(status, {"success": False, "message": message, "error": "Refused"})
        case "error":
            return json_reply(status, {"error": {"message": message}})
        case "text":
            return Reply(status, {"content-type": "text/plain"}, message.encode("utf-8", "replace"))
        case "empty":
            return Reply(status)


class Refusal(Exception):  # noqa: N818  (it is an answer, not a failure)
    """A handler's refusal, turned into an answer by `World.handle`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def reply(self, switches: Switches) -> Reply:
        """Return the answer in the shape that is switched on."""
        return refuse(self.status, self.message, switches.error_shape)


class InvalidError(Refusal):
    """The payload is refused: 400, which may stand in the body alone (`Switches.validation_status`)."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)

    def reply(self, switches: Switches) -> Reply:
        answer = super().reply(switches)
        return Reply(switches.validation_status, answer.headers, answer.body)


class WrongStateError(Refusal):
    """The session or the event is not FINISHED: a 400 in the body, seen in this one shape only (C)."""

    def __init__(self, what: str) -> None:
        super().__init__(400, f"{what} status is not valid")

    def reply(self, switches: Switches) -> Reply:
        body = {"data": {}, "statusCode": 400, "statusMessage": self.message}
        return json_reply(switches.wrong_state_status, body)


class UnroutedError(Refusal):
    """The request reached no operation; a gateway says so in its own words, whatever the switches (?)."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(status, message)
        self.headers = headers

    def reply(self, switches: Switches) -> Reply:  # noqa: ARG002  (same signature as its base)
        return json_reply(self.status, {"message": self.message}, **self.headers)


# Pages. A cursor is the integer row id of the first (`before`) or last (`after`) row of a page (C).


@frozen
class LazyRows:
    """Rows that are made when they are looked at, so that a million of them cost nothing.

    Attributes:
        ids: Their ids, ascending; a range will do.
        row: Makes the row at a place.
    """

    ids: Sequence[int]
    row: Callable[[int], dict[str, Any]]


def page_of(
    listed: LazyRows, query: Mapping[str, Any], switches: Switches, *, default: int, most: int, descending: bool
) -> tuple[dict[str, Any], int]:
    """Return ``data`` and ``cursors`` of the page that a query asks for, and its number, counted from 1."""
    ids = listed.ids[::-1] if descending else listed.ids
    count = len(ids)
    size = size_of(query, "size", switches, default=default, most=most)

    sign = -1 if descending else 1
    start, stop = 0, size
    if "after" in query:  # A: given both, before is ignored
        start = bisect_right(ids, sign * query["after"], key=lambda row: sign * row)
        stop = start + size
    elif "before" in query:
        stop = bisect_left(ids, sign * query["before"], key=lambda row: sign * row)
        start = max(0, stop - size)
    if start >= count > 0:
        start, stop = start_past_the_end(count, size, switches), count

    if start // size + 1 == switches.short_page:
        stop = start + size // 2
    taken = ids[start:stop]
    before, after = (taken[0], taken[-1]) if taken else (None, None)
    if stop >= count and not switches.after_on_last_page:
        after = None
    pages = -(-(count - start if switches.page_count_is_left else count) // size)
    places = range(start, start + len(taken))
    rows = [listed.row(count - 1 - place if descending else place) for place in places]
    return {"data": rows, "cursors": {"before": before, "after": after, "pageCount": pages}}, start // size + 1


def size_of(query: Mapping[str, Any], name: str, switches: Switches, *, default: int, most: int) -> int:
    """Return the size of a page, cut to its maximum or refused beyond it."""
    size: int = query.get(name, default)
    if size > most and not switches.clamp_size:
        raise InvalidError(f"{name} must be from 1 to {most}")
    return min(size, most)


def start_past_the_end(rows: int, size: int, switches: Switches) -> int:
    """Return where a page after the last one begins: at the last page again, or behind all rows."""
    if switches.past_the_end == "error":
        raise InvalidError("No such page")
    return (rows - 1) // size * size if switches.past_the_end == "repeat" else rows
