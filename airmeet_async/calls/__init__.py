"""One function per operation of the API, each returning a `Call` that nothing has sent yet.

::

    call = calls.add_attendee(airmeet_id, Attendee("ada@example.com", "Ada", "Lovelace"), send_email_invite=False)
    access = await client.send(call)  # the same as client.attendees.add(...)
"""

import sys
import warnings
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

from airmeet_async.calls.events import (
    authenticate,
    change_landing_page,
    create_airmeet,
    duplicate_airmeet,
    get_airmeet,
    list_airmeets,
    list_series,
    list_series_airmeets,
    set_airmeet_status,
)
from airmeet_async.calls.people import (
    add_attendee,
    block_attendee,
    list_custom_fields,
    list_participants,
    list_registrations,
    remove_attendee,
    unblock_attendee,
)
from airmeet_async.calls.reports import (
    list_booth_attendance,
    list_event_attendance,
    list_poll_responses,
    list_questions,
    list_recordings,
    list_replay_attendance,
    list_session_attendance,
    list_utms,
)
from airmeet_async.calls.sessions import (
    add_speaker,
    create_booth,
    create_session,
    delete_session,
    list_booths,
    list_tracks,
)  # fmt: skip
from airmeet_async.calls.webhooks import deregister_webhook, get_webhook_sample, list_webhooks, register_webhook

# fmt: off
__all__ = [
    "add_attendee", "add_speaker", "authenticate", "block_attendee", "change_landing_page", "create_airmeet",
    "create_booth", "create_session", "delete_session", "deregister_webhook", "duplicate_airmeet", "get_airmeet",
    "get_webhook_sample", "list_airmeets", "list_booth_attendance", "list_booths", "list_custom_fields",
    "list_event_attendance", "list_participants", "list_poll_responses", "list_questions", "list_recordings",
    "list_registrations", "list_replay_attendance", "list_series", "list_series_airmeets", "list_session_attendance",
    "list_tracks", "list_utms", "list_webhooks", "register_webhook", "remove_attendee", "set_airmeet_status",
    "unblock_attendee",
]
# fmt: on

# The names of version 0.1, which answer until 0.3: `calls.attendees.add` and so on.
_RENAMED = {
    "airmeets": (
        "create=create_airmeet duplicate=duplicate_airmeet info=get_airmeet "
        "landing_page=change_landing_page list_=list_airmeets set_status=set_airmeet_status"
    ),
    "attendance": (
        "booth=list_booth_attendance event=list_event_attendance replay=list_replay_attendance "
        "session=list_session_attendance"
    ),
    "attendees": "add=add_attendee block=block_attendee remove=remove_attendee unblock=unblock_attendee",
    "booths": "create=create_booth list_=list_booths",
    "custom_fields": "list_=list_custom_fields",
    "participants": "list_=list_participants",
    "polls": "list_=list_poll_responses",
    "questions": "list_=list_questions",
    "recordings": "list_=list_recordings",
    "registrations": "list_=list_registrations",
    "series": "events=list_series_airmeets list_=list_series",
    "sessions": "create=create_session delete=delete_session",
    "speakers": "add=add_speaker",
    "tracks": "list_=list_tracks",
    "utms": "list_=list_utms",
    "webhooks": (
        "deregister=deregister_webhook list_=list_webhooks register=register_webhook sample_payload=get_webhook_sample"
    ),
}


def _renamed(group: str, name: str) -> Any:
    new = dict(pair.split("=") for pair in _RENAMED[group].split()).get(name)
    if new is None:
        raise AttributeError(f"module 'airmeet_async.calls.{group}' has no attribute {name!r}")
    message = f"calls.{group}.{name} is now calls.{new}; the old name works until version 0.3"
    warnings.warn(message, DeprecationWarning, stacklevel=2)
    return globals()[new]


if not TYPE_CHECKING:  # a type checker would take every misspelt name for an old one

    def __getattr__(group: str) -> ModuleType:
        if group not in _RENAMED:
            raise AttributeError(f"module {__name__!r} has no attribute {group!r}")
        module = ModuleType(f"{__name__}.{group}")
        vars(module)["__getattr__"] = partial(_renamed, group)
        return module


for _group in ("sessions", "webhooks"):  # groups of 0.1 whose files have kept their names
    vars(sys.modules[f"{__name__}.{_group}"])["__getattr__"] = partial(_renamed, _group)
