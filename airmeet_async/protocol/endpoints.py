"""The API on one page: one row per operation, with where its facts come from.

Everything that speaks to Airmeet reads this table: the calls, the client's
namespaces, the bulk engine, the documentation and the tests, which compare it
with ``tests/contract``.
"""

import re
from typing import Any, Final

from airmeet_async.protocol import models as m
from airmeet_async.protocol.call import Auth, Endpoint, Paging
from airmeet_async.protocol.paging import Page
from airmeet_async.protocol.validation import fold


def unwrap_token(document: Any) -> Any:
    """Flat in production (B, C); under ``data`` in the help article (A)."""
    if isinstance(document, dict) and "token" not in document and isinstance(document.get("data"), dict):
        return document["data"]
    return document


def wrap_list(document: Any) -> Any:
    """A bare list instead of ``{"data": …}`` was met once (C)."""
    return {"data": document} if isinstance(document, list) else document


def find_list(*names: str) -> Any:
    """Return a function that finds a list under the first of *names* that is there; null is an empty list (C)."""

    def unwrap(document: Any) -> Any:
        if not isinstance(document, dict):
            return document
        there = [name for name in names if name in document]
        return next((document[name] for name in there if document[name] is not None), [] if there else None)

    return unwrap


def read_acknowledgement(document: Any) -> Any:
    """A success that holds nothing else: ``{"success": true}`` (A), ``true``, a word such as OK, or nothing at all."""
    if document is None or document is True or (isinstance(document, str) and _YES.fullmatch(document)):
        return {"success": True}
    return document


def find_webhooks(document: Any) -> Any:
    """A refusal of the webhook service has a code of its own in a 200; it must not pass for "none registered"."""
    code = document.get("statusCode") if isinstance(document, dict) else None
    if code is not None and not str(code).startswith("2"):
        return None
    return find_list("webhookDTOList", "payload", "data")(document)


def find_participants(document: Any) -> Any:
    """Read ``participants`` (C) or the ``paticipants`` of Airmeet's own connector (B), and the total."""
    if not isinstance(document, dict):
        return document
    rows = find_list("participants", "paticipants")(document)
    total = {"totalCount": document.get("totalUserCount")}
    return {"cursors": total} if rows is None else {"data": rows, "cursors": total}


_LINK = re.compile(r"https://[^/?#@]*(?:[/?#]|$)|http://(?:127\.0\.0\.1|localhost)(?::[0-9]*)?(?:[/?#]|$)")


def check_same_person(body: Any, access: Any) -> str | None:
    """An answer about somebody else would hand out that person's link."""
    if access.email != body["email"] and fold(access.email) != fold(body["email"]):
        return "the reply is for a different e-mail address than the one sent"
    link = access.entry_link
    # What stands before an @ is no host, though it may look like Airmeet's; a backslash is a slash to browsers.
    if not _LINK.match(link) or "\\" in link:
        return "the entry link in the reply is not an https URL"
    return None


def check_webhook_code(_body: Any, receipt: Any) -> str | None:
    """The webhook service's own code begins with a 2 for success: "2000" (A)."""
    code = receipt.status_code
    return None if code is None or str(code).startswith("2") else f"the webhook service says {code}"


def check_success(_body: Any, answer: Any) -> str | None:
    """A success is one, unless it says otherwise or holds something else where it says so."""
    is_doubtful = not _DENIALS.isdisjoint(answer.extra)
    return "the reply does not report success" if answer.success is False or is_doubtful else None


# The whole text: a portal's "Success! You are now connected" or "Blocked by corporate policy" is no success.
_YES: Final = re.compile(
    r"""\W*(?:ok(?:ay)?|true|success(?:ful(?:ly)?)?|no\ content
        |(?:(?:user|attendee|participant|session|airmeet|event|status|landing\ page)\ )?(?:(?:was|is|has\ been)\ )?
        (?:successfully\ )?(?:done|accepted|deleted|removed|updated|(?:un)?blocked)(?:\ successfully)?)[.!"'\s]*""",
    re.IGNORECASE | re.VERBOSE,
)
_DENIALS: Final = frozenset({"success", "statusUpdated", "error", "errors", "errorMessage"})
_ACKNOWLEDGES: Final[dict[str, Any]] = {
    "acknowledges": True, "unwrap": read_acknowledgement, "verify": check_success,
}  # fmt: skip
_EVENT = "/airmeet/{airmeet_id}"
_HOOKS = "/platform-integration/v1"

# A cursor list of at most 50 rows that Airmeet prepares on demand, and says "not ready" until it is (C).
_FIFTY: Final[dict[str, Any]] = {"paging": Paging.CURSOR, "max_size": 50, "unwrap": wrap_list}
_PREPARED: Final[dict[str, Any]] = {**_FIFTY, "prepares": True}

# A row of the table takes a line or two.
# fmt: off
AUTH: Final[Endpoint[m.AuthToken]] = Endpoint(
    "auth", "POST", "/auth", m.AuthToken, "A: help, Manage Registrations 3.2", auth=Auth.KEYS, unwrap=unwrap_token,
)

# Events

AIRMEETS_LIST: Final[Endpoint[Page[m.Airmeet]]] = Endpoint(
    "airmeets.list", "GET", "/airmeets", m.Airmeet, "A: help, List Airmeets",
    paging=Paging.CURSOR, max_size=500, unwrap=wrap_list,
)
AIRMEETS_INFO: Final[Endpoint[m.AirmeetInfo]] = Endpoint(
    "airmeets.info", "GET", f"{_EVENT}/info", m.AirmeetInfo, "B, C: no envelope",
)
AIRMEETS_CREATE: Final[Endpoint[m.Created]] = Endpoint(
    "airmeets.create", "POST", "/airmeet", m.Created, "B, C: connector and production clients", repeatable=False,
)
AIRMEETS_SET_STATUS: Final[Endpoint[m.Updated]] = Endpoint(
    "airmeets.set_status", "POST", f"{_EVENT}/status", m.Updated, "B, D: connector; others for PAUSED and ARCHIVE",
    **_ACKNOWLEDGES,
)
AIRMEETS_LANDING_PAGE: Final[Endpoint[m.Updated]] = Endpoint(
    "airmeets.landing_page", "PUT", f"{_EVENT}/landing-page", m.Updated, "D: two sources, the answer is not known",
    **_ACKNOWLEDGES,
)
AIRMEETS_DUPLICATE: Final[Endpoint[m.Created]] = Endpoint(
    "airmeets.duplicate", "POST", f"{_EVENT}/duplication", m.Created, "C, D: notes on the official page",
    repeatable=False,
)
SERIES_LIST: Final[Endpoint[tuple[m.Series, ...]]] = Endpoint(
    "series.list", "GET", "/event-series", tuple[m.Series, ...], "A, D: the help by its title only",
    unwrap=find_list("data", "eventSeries", "series"),
)
SERIES_EVENTS: Final[Endpoint[tuple[m.Airmeet, ...]]] = Endpoint(
    "series.events", "GET", "/event-series/{event_series_id}/events", tuple[m.Airmeet, ...],
    "A, D: the help by its title only", unwrap=find_list("data", "events", "airmeets"),
)

# People

ATTENDEES_ADD: Final[Endpoint[m.Access]] = Endpoint(
    "attendees.add", "POST", f"{_EVENT}/attendee", m.Access,
    "A: help, Manage Registrations 4.1 and 4.2: replaying changes nothing", verify=check_same_person,
)
ATTENDEES_BLOCK: Final[Endpoint[m.Acknowledgement]] = Endpoint(
    "attendees.block", "PUT", f"{_EVENT}/attendee/block", m.Acknowledgement, "A: help, Manage Registrations 4.3",
    names_part=True, **_ACKNOWLEDGES,
)
ATTENDEES_UNBLOCK: Final[Endpoint[m.Acknowledgement]] = Endpoint(
    "attendees.unblock", "PUT", f"{_EVENT}/attendee/unblock", m.Acknowledgement, "A: help, Manage Registrations 4.4",
    names_part=True, **_ACKNOWLEDGES,
)
ATTENDEES_REMOVE: Final[Endpoint[m.Acknowledgement]] = Endpoint(
    "attendees.remove", "DELETE", f"{_EVENT}/attendee/{{email}}", m.Acknowledgement, "A, B: older help and connector",
    **_ACKNOWLEDGES,
)
PARTICIPANTS_LIST: Final[Endpoint[Page[m.Participant]]] = Endpoint(
    "participants.list", "GET", f"{_EVENT}/participants", m.Participant, "B, C: connector and production clients",
    paging=Paging.NUMBER, max_size=1000, unwrap=find_participants,
)
REGISTRATIONS_LIST: Final[Endpoint[Page[m.Registration]]] = Endpoint(
    "registrations.list", "GET", f"{_EVENT}/registrations", m.Registration, "A, B: older help and connector",
    paging=Paging.CURSOR, unwrap=wrap_list,
)
CUSTOM_FIELDS_LIST: Final[Endpoint[tuple[m.CustomField, ...]]] = Endpoint(
    "custom_fields.list", "GET", f"{_EVENT}/custom-fields", tuple[m.CustomField, ...],
    "B, C: connector and production clients", unwrap=find_list("customFields"),
)

# Speakers, sessions, booths

SPEAKERS_ADD: Final[Endpoint[m.SpeakerAdded]] = Endpoint(
    "speakers.add", "POST", f"{_EVENT}/speaker", m.SpeakerAdded, "B, C: connector and production clients",
    repeatable=False,
)
SESSIONS_CREATE: Final[Endpoint[m.SessionCreated]] = Endpoint(
    "sessions.create", "POST", f"{_EVENT}/session", m.SessionCreated, "A, B, C: help for what is mandatory",
    repeatable=False, names_part=True,
)
SESSIONS_DELETE: Final[Endpoint[m.Updated]] = Endpoint(
    "sessions.delete", "DELETE", f"{_EVENT}/session/{{session_id}}", m.Updated,
    "D: two sources, the answer is not known", **_ACKNOWLEDGES,
)
RECORDINGS_LIST: Final[Endpoint[tuple[m.Recording, ...]]] = Endpoint(
    "recordings.list", "GET", f"{_EVENT}/session-recordings", tuple[m.Recording, ...], "C: production clients",
    unwrap=find_list("recordings"),
)
BOOTHS_LIST: Final[Endpoint[tuple[m.Booth, ...]]] = Endpoint(
    "booths.list", "GET", f"{_EVENT}/booths", tuple[m.Booth, ...], "B, C: connector and production clients",
    unwrap=find_list("booths"),
)
BOOTHS_CREATE: Final[Endpoint[m.Created]] = Endpoint(
    "booths.create", "POST", f"{_EVENT}/booths", m.Created, "B: connector", repeatable=False, names_part=True,
)
TRACKS_LIST: Final[Endpoint[tuple[m.Track, ...]]] = Endpoint(
    "tracks.list", "GET", f"{_EVENT}/tracks", tuple[m.Track, ...], "B, C: connector and production clients",
    unwrap=find_list("tracks"),
)

# Reports

ATTENDANCE_EVENT: Final[Endpoint[Page[m.Attendance]]] = Endpoint(
    "attendance.event", "GET", f"{_EVENT}/attendees", m.Attendance, "C: production clients",
    **_PREPARED,
)
ATTENDANCE_SESSION: Final[Endpoint[Page[m.Attendance]]] = Endpoint(
    "attendance.session", "GET", "/session/{session_id}/attendees", m.Attendance, "C: production clients",
    **_PREPARED,
)
ATTENDANCE_BOOTH: Final[Endpoint[Page[m.BoothAttendance]]] = Endpoint(
    "attendance.booth", "GET", f"{_EVENT}/booth/{{booth_id}}/booth-attendance", m.BoothAttendance,
    "C, D: production clients", **_PREPARED,
)
ATTENDANCE_REPLAY: Final[Endpoint[Page[m.ReplayAttendance]]] = Endpoint(
    "attendance.replay", "GET", f"{_EVENT}/event-replay-attendees", m.ReplayAttendance, "C, D: production clients",
    **_PREPARED,
)
UTMS_LIST: Final[Endpoint[Page[m.RegistrationUtms]]] = Endpoint(
    "utms.list", "GET", f"{_EVENT}/utms", m.RegistrationUtms, "C, D: production clients", **_PREPARED,
)
POLLS_LIST: Final[Endpoint[Page[m.PollResponses]]] = Endpoint(
    "polls.list", "GET", f"{_EVENT}/polls", m.PollResponses, "C, D: production clients",
    **_FIFTY,
)
QUESTIONS_LIST: Final[Endpoint[tuple[m.Questions, ...]]] = Endpoint(
    "questions.list", "GET", f"{_EVENT}/questions", tuple[m.Questions, ...], "C, D: production clients",
    unwrap=find_list("data"),
)

# Webhooks

WEBHOOKS_REGISTER: Final[Endpoint[m.WebhookReceipt]] = Endpoint(
    "webhooks.register", "POST", f"{_HOOKS}/webhook-register", m.WebhookReceipt, "A: help, Webhooks",
    auth=Auth.RAW_KEYS, repeatable=False, verify=check_webhook_code,
)
WEBHOOKS_DEREGISTER: Final[Endpoint[m.WebhookReceipt]] = Endpoint(
    "webhooks.deregister", "DELETE", f"{_HOOKS}/webhook-deregister", m.WebhookReceipt,
    "A, B: the help by its title, connector for the verb", auth=Auth.RAW_KEYS, acknowledges=True,
    unwrap=read_acknowledgement, verify=check_webhook_code,
)
WEBHOOKS_LIST: Final[Endpoint[tuple[m.Webhook, ...]]] = Endpoint(
    "webhooks.list", "GET", f"{_HOOKS}/webhook-list", tuple[m.Webhook, ...], "A, D: the help by its title only",
    auth=Auth.RAW_KEYS, unwrap=find_webhooks,
)
WEBHOOKS_SAMPLE: Final[Endpoint[m.WebhookReceipt]] = Endpoint(
    "webhooks.sample_payload", "GET", f"{_HOOKS}/sample-payload", m.WebhookReceipt, "C: notes on the official page",
    auth=Auth.RAW_KEYS,
)
# fmt: on

# All rows by name.
ENDPOINTS: Final[dict[str, Endpoint[Any]]] = {
    row.name: row for row in tuple(globals().values()) if isinstance(row, Endpoint)
}
