"""The reference tables in ``docs/``, made from the code: `python -m tests.reference` writes them, a test compares."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from airmeet_async import calls
from airmeet_async.protocol.call import Auth, Call, Endpoint, Paging
from airmeet_async.protocol.classify_reply import judge
from airmeet_async.protocol.endpoints import (
    ATTENDANCE_EVENT,
    ATTENDEES_ADD,
    ATTENDEES_BLOCK,
    AUTH,
    BOOTHS_CREATE,
    ENDPOINTS,
    RECORDINGS_LIST,
)
from airmeet_async.protocol.error_mapping import error_for
from airmeet_async.protocol.http_messages import Reply
from airmeet_async.protocol.retry_policy import Tries
from airmeet_async.sandbox import describe_switches

DOCS = Path(__file__).parent.parent / "docs"
_BETWEEN = re.compile(r"(<!-- table -->\n).*?(<!-- end -->)", re.DOTALL)
_PAGES = {Paging.NONE: "", Paging.CURSOR: "cursor", Paging.NUMBER: "number"}


BUILDERS: dict[str, Callable[..., Call[Any]]] = {
    "auth": calls.authenticate,
    "airmeets.create": calls.create_airmeet,
    "airmeets.duplicate": calls.duplicate_airmeet,
    "airmeets.info": calls.get_airmeet,
    "airmeets.landing_page": calls.change_landing_page,
    "airmeets.list": calls.list_airmeets,
    "airmeets.set_status": calls.set_airmeet_status,
    "attendance.booth": calls.list_booth_attendance,
    "attendance.event": calls.list_event_attendance,
    "attendance.replay": calls.list_replay_attendance,
    "attendance.session": calls.list_session_attendance,
    "attendees.add": calls.add_attendee,
    "attendees.block": calls.block_attendee,
    "attendees.remove": calls.remove_attendee,
    "attendees.unblock": calls.unblock_attendee,
    "booths.create": calls.create_booth,
    "booths.list": calls.list_booths,
    "custom_fields.list": calls.list_custom_fields,
    "participants.list": calls.list_participants,
    "polls.list": calls.list_poll_responses,
    "questions.list": calls.list_questions,
    "recordings.list": calls.list_recordings,
    "registrations.list": calls.list_registrations,
    "series.events": calls.list_series_airmeets,
    "series.list": calls.list_series,
    "sessions.create": calls.create_session,
    "sessions.delete": calls.delete_session,
    "speakers.add": calls.add_speaker,
    "tracks.list": calls.list_tracks,
    "utms.list": calls.list_utms,
    "webhooks.deregister": calls.deregister_webhook,
    "webhooks.list": calls.list_webhooks,
    "webhooks.register": calls.register_webhook,
    "webhooks.sample_payload": calls.get_webhook_sample,
}
"""The function of `calls` for each operation of the table, by the name that the client has for it."""


def api_table() -> list[str]:
    """Return a line for each operation."""
    lines = ["| in Python | request | what it does | repeatable | pages | facts from |", "|---|---|---|---|---|---|"]
    return [*lines, *(_operation(row) for _, row in sorted(ENDPOINTS.items()))]


def _operation(row: Endpoint[Any]) -> str:
    name = "automatic" if row.name == "auth" else f"`client.{row.name}(…)`"
    sentence = " ".join((BUILDERS[row.name].__doc__ or "").strip().split("\n\n")[0].split()).replace("``", "`")
    pages = ", ".join(
        part
        for part in (_PAGES[row.paging], f"at most {row.max_size}" if row.max_size else "", "prepared" * row.prepares)
        if part
    )
    repeatable = "yes" if row.repeatable else "**no**"
    return f"| {name} | `{row.method} {row.path}` | {sentence} | {repeatable} | {pages} | {row.source} |"


# Left: what is met; the answer; then the operation that meets it.
_CASES: list[tuple[str, Reply, Endpoint[Any]]] = [
    ("400 at /auth", Reply(400), AUTH),
    ("403 at /auth", Reply(403), AUTH),
    ("404 at /auth", Reply(404), AUTH),
    ("400", Reply(400, {}, b'{"statusCode": 400, "statusMessage": "the reason"}'), ATTENDEES_ADD),
    ("401", Reply(401), ATTENDEES_ADD),
    ("403", Reply(403), ATTENDEES_ADD),
    ("404", Reply(404), ATTENDEES_ADD),
    ("409", Reply(409), ATTENDEES_ADD),
    ("412, also with fresh tokens", Reply(412), ATTENDEES_ADD),
    ("422", Reply(422), ATTENDEES_ADD),
    ("429, after all attempts", Reply(429), ATTENDEES_ADD),
    ("202, after the deadline", Reply(202), ATTENDANCE_EVENT),
    (
        "400 in the body of a 200",
        Reply(200, {}, b'{"data": {}, "statusCode": 400, "statusMessage": "Airmeet status is not valid"}'),
        ATTENDANCE_EVENT,
    ),
    ("301 and other redirects", Reply(301), ATTENDEES_ADD),
    ("500, after all attempts", Reply(500), ATTENDEES_ADD),
    ("504, after all attempts", Reply(504, {}, b"<html>"), ATTENDEES_ADD),
    ("500, operation not repeatable", Reply(500), BOOTHS_CREATE),
    ("404 where a person or a part is named", Reply(404), ATTENDEES_BLOCK),
    ("200 with an invalid body", Reply(200, {}, b"<html>"), ATTENDEES_ADD),
    (
        "200 with fewer rows than it counts",
        Reply(200, {}, b'{"recordings": [{"session_id": "s"}], "totalCount": 3}'),
        RECORDINGS_LIST,
    ),
]


def error_table() -> list[str]:
    """Return a line for each documented status: which error, with which sentence."""
    lines = ["| response | error | message |", "|---|---|---|"]
    for met, reply, row in _CASES:
        call: Call[Any] = Call(row, body={"email": "a@example.com"})
        verdict = judge(call, reply)
        tries = Tries(sent=5 if row.auth is not Auth.KEYS else 1)
        tries.count(verdict)
        error = error_for(call, verdict, tries)
        lines.append(f"| {met} | `{type(error).__name__}` | {error} |")
    return lines


def switch_table() -> list[str]:
    """Return a line for each switch of the sandbox."""
    rows = [
        f"| `{one.name}` | {one.default} | {one.values} | {one.meaning.replace('``', '`')} |"
        for one in describe_switches()
    ]
    return ["| switch | default | values | meaning |", "|---|---|---|---|", *rows]


TABLES = {"api.md": api_table, "errors.md": error_table, "sandbox.md": switch_table}


def stale() -> Iterator[str]:
    """Name the documents whose table is not what the code says."""
    for name, table in TABLES.items():
        text = (DOCS / name).read_text(encoding="utf-8")
        if _written(text, table()) != text:
            yield name


def _written(text: str, lines: list[str]) -> str:
    return _BETWEEN.sub(lambda marks: marks[1] + "\n".join(lines) + "\n" + marks[2], text)


if __name__ == "__main__":
    for document, make in TABLES.items():
        target = DOCS / document
        target.write_text(_written(target.read_text(encoding="utf-8"), make()), encoding="utf-8")
