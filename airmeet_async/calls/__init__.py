"""What can be asked of Airmeet: one plain function per operation, each returning a `Call` that nobody has sent yet."""

from airmeet_async.calls import (
    airmeets,
    attendance,
    attendees,
    booths,
    custom_fields,
    participants,
    polls,
    questions,
    recordings,
    registrations,
    series,
    sessions,
    speakers,
    tracks,
    utms,
    webhooks,
)
from airmeet_async.calls.auth import authenticate

__all__ = [
    "airmeets",
    "attendance",
    "attendees",
    "authenticate",
    "booths",
    "custom_fields",
    "participants",
    "polls",
    "questions",
    "recordings",
    "registrations",
    "series",
    "sessions",
    "speakers",
    "tracks",
    "utms",
    "webhooks",
]
