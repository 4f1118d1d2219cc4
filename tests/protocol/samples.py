"""Calls, an operation that must not be repeated, and answers, as the tests of the pure layers need them."""

import json
from typing import Any

from hypothesis import settings

from airmeet_async import calls
from airmeet_async.protocol.call import Call, Endpoint
from airmeet_async.protocol.http_messages import Reply
from airmeet_async.protocol.models import Acknowledgement, Attendee

EVENT = "8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02"
EMAIL = "ada@example.com"
LINK = f"https://www.airmeet.com/e/{EVENT}?code=x9"

ADD = calls.add_attendee(EVENT, Attendee(EMAIL, "Ada", "Lovelace"), send_email_invite=True)
BLOCK = calls.block_attendee(EVENT, EMAIL)
LIST = calls.list_airmeets()
AUTH = calls.authenticate()

CREATE: Call[Acknowledgement] = Call(
    Endpoint("events.create", "POST", "/airmeet", Acknowledgement, "B: made for these tests", repeatable=False),
    body={"eventName": "Spring"},
)
PREPARED: Call[Acknowledgement] = Call(
    Endpoint("reports.get", "GET", "/airmeet/x/attendees", Acknowledgement, "C: made for these tests", prepares=True)
)

same_every_time = settings(derandomize=True, deadline=None, database=None)
"""For property tests: no lots, no clock, no file."""

ADDED = {"email": EMAIL, "entryLink": LINK}


def reply(body: Any, status: int = 200, at: float = 0.0, **headers: str) -> Reply:
    """Return an answer: bytes as they are, all else as JSON; header names are written with underscores."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, content, at)
