"""Answers and refusals as bytes, in every shape a client may meet."""

import json
from typing import Final

from airmeet_async.api.wire import Reply

from .switches import ErrorShape, Switches

JSON_TYPE: Final = "application/json; charset=utf-8"


def reply(status: int, body: object, **headers: str) -> Reply:
    """Return a JSON answer; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    text = json.dumps(body, separators=(",", ":"))  # ASCII only: a lone surrogate cannot break it
    return Reply(status, {"content-type": JSON_TYPE, **named}, text.encode())


def ok(**body: object) -> Reply:
    """Return a 200 with these members."""
    return reply(200, body)


def bare(rows: list[dict[str, object]]) -> Reply:
    """Return a 200 with a list and nothing around it."""
    return reply(200, rows)


def acknowledge(switches: Switches, message: str) -> Reply:
    """Return the 200 of an operation whose reply nobody has described."""
    match switches.acknowledgement:
        case "success":
            return ok(success=True)
        case "message":
            return ok(success=True, message=message)
        case "empty":
            return Reply(200)


class Refusal(Exception):  # noqa: N818  (it is an answer, not a failure)
    """A handler's no, turned into an answer by the world."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message

    def reply(self, switches: Switches) -> Reply:
        """Return the answer, in the shape that is switched on."""
        return refuse(self.status, self.message, switches.error_shape)


class InvalidError(Refusal):
    """The payload is refused: 400, which may stand in the body alone."""

    def __init__(self, message: str) -> None:
        super().__init__(400, message)

    def reply(self, switches: Switches) -> Reply:
        """Return the in-body 400 under the HTTP status that is switched on."""
        answer = super().reply(switches)
        return Reply(switches.validation_status, answer.headers, answer.body)


class UnroutedError(Refusal):
    """The request reached no operation; a gateway says so in its own words, whatever the switches."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(status, message)
        self.headers = headers

    def reply(self, switches: Switches) -> Reply:  # noqa: ARG002  (same signature as its base)
        """Return the gateway's answer."""
        return reply(self.status, {"message": self.message}, **self.headers)


def refuse(status: int, message: str, shape: ErrorShape) -> Reply:
    """Return a refusal in one of the shapes that clients have met."""
    match shape:
        case "status":
            return reply(status, {"statusCode": status, "statusMessage": message, "data": {}})
        case "message":
            return reply(status, {"message": message})
        case "success":
            return reply(status, {"success": False, "message": message, "error": "Refused"})
        case "error":
            return reply(status, {"error": {"message": message}})
        case "text":
            return Reply(status, {"content-type": "text/plain"}, message.encode("utf-8", "replace"))
        case "empty":
            return Reply(status)
