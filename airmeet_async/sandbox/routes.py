"""The simulated API on one page: which verb and path does what, and what may come with it.

To add an operation, write a handler under `handlers/` and a row here.
Paths are relative to the base path, as in the help text.
"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final, Literal
from urllib.parse import unquote

from attrs import field, frozen

from airmeet_async.protocol.http_messages import Reply, Request
from airmeet_async.sandbox import forms
from airmeet_async.sandbox.forms import RequestForm
from airmeet_async.sandbox.handlers import events, people, reports, sessions, webhooks
from airmeet_async.sandbox.request import IncomingRequest, issue_token
from airmeet_async.sandbox.responses import UnroutedError

Handler = Callable[[IncomingRequest], Reply]

BASE_PATH: Final = "/prod"


@frozen
class Route:
    """One operation.

    Attributes:
        operation: Its name, as in `tests/contract`.
        method: The verb.
        template: The path, with names in braces.
        handler: What answers it.
        form: What its body may hold.
        query: What its query may hold.
        auth: What proves who asks: a token, the key pair, or the key pair in the headers of webhooks.
    """

    operation: str
    method: str
    template: str
    handler: Handler = field(repr=False)
    form: RequestForm | None = field(default=None, repr=False)
    query: RequestForm = field(factory=RequestForm, repr=False, kw_only=True)
    auth: Literal["token", "keys", "raw_keys"] = field(default="token", kw_only=True)
    pattern: re.Pattern[str] = field(init=False, repr=False)

    @pattern.default
    def _compile_template(self) -> re.Pattern[str]:
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]*)", self.template))


_EVENT = "/airmeet/{airmeetId}"
_CURSORS = forms.CURSORS
_HOOKS = "/platform-integration/v1"
_hook = partial(Route, auth="raw_keys")  # the webhook service takes the keys in headers of its own, and no token (A, B)

# A row of the table takes a line or two.
# fmt: off
ROUTES: Final = (
    Route("auth", "POST", "/auth", issue_token, auth="keys"),
    # Events
    Route("airmeets.list", "GET", "/airmeets", events.list_airmeets, query=_CURSORS),
    Route("airmeets.info", "GET", f"{_EVENT}/info", events.info),
    Route("airmeets.create", "POST", "/airmeet", events.create, forms.EVENT),
    Route("airmeets.set_status", "POST", f"{_EVENT}/status", events.set_status, forms.STATUS),
    Route("airmeets.landing_page", "PUT", f"{_EVENT}/landing-page", events.landing_page, forms.LANDING_PAGE),
    Route("airmeets.duplicate", "POST", f"{_EVENT}/duplication", events.duplicate, forms.DUPLICATION),
    Route("series.list", "GET", "/event-series", events.list_series),
    Route("series.events", "GET", "/event-series/{eventSeriesId}/events", events.series_events),
    # People
    Route("attendees.add", "POST", f"{_EVENT}/attendee", people.add, forms.ATTENDEE),
    Route("attendees.block", "PUT", f"{_EVENT}/attendee/block", people.block, forms.WHICH_ATTENDEE),
    Route("attendees.unblock", "PUT", f"{_EVENT}/attendee/unblock", people.unblock, forms.WHICH_ATTENDEE),
    Route("attendees.remove", "DELETE", f"{_EVENT}/attendee/{{email}}", people.remove),
    Route("participants.list", "GET", f"{_EVENT}/participants", people.participants, query=forms.PARTICIPANTS),
    Route("registrations.list", "GET", f"{_EVENT}/registrations", people.registrations, query=_CURSORS),
    Route("custom_fields.list", "GET", f"{_EVENT}/custom-fields", events.custom_fields),
    # Speakers, sessions, booths
    Route("speakers.add", "POST", f"{_EVENT}/speaker", sessions.add_speaker, forms.SPEAKER),
    Route("sessions.create", "POST", f"{_EVENT}/session", sessions.create_session, forms.SESSION),
    Route("sessions.delete", "DELETE", f"{_EVENT}/session/{{sessionId}}", sessions.delete_session),
    Route("recordings.list", "GET", f"{_EVENT}/session-recordings", sessions.recordings, query=forms.RECORDINGS),
    Route("tracks.list", "GET", f"{_EVENT}/tracks", sessions.list_tracks),
    Route("booths.list", "GET", f"{_EVENT}/booths", sessions.list_booths),
    Route("booths.create", "POST", f"{_EVENT}/booths", sessions.create_booth, forms.BOOTH),
    # Reports
    Route("attendance.event", "GET", f"{_EVENT}/attendees", reports.event_attendance, query=_CURSORS),
    Route("attendance.session", "GET", "/session/{sessionId}/attendees", reports.session_attendance, query=_CURSORS),
    Route(
        "attendance.booth", "GET", f"{_EVENT}/booth/{{boothId}}/booth-attendance", reports.booth_attendance,
        query=_CURSORS,
    ),
    Route("attendance.replay", "GET", f"{_EVENT}/event-replay-attendees", reports.replays, query=_CURSORS),
    Route("utms.list", "GET", f"{_EVENT}/utms", reports.utms, query=_CURSORS),
    Route("polls.list", "GET", f"{_EVENT}/polls", reports.polls, query=_CURSORS),
    Route("questions.list", "GET", f"{_EVENT}/questions", reports.questions),
    # Webhooks
    _hook(
        "webhooks.register", "POST", f"{_HOOKS}/webhook-register", webhooks.register, forms.WEBHOOK,
        query=forms.WEBHOOK_PLACE,
    ),
    _hook("webhooks.deregister", "DELETE", f"{_HOOKS}/webhook-deregister", webhooks.deregister, forms.WHICH_WEBHOOK),
    _hook("webhooks.list", "GET", f"{_HOOKS}/webhook-list", webhooks.list_webhooks, query=forms.WEBHOOKS_OF),
    _hook("webhooks.sample_payload", "GET", f"{_HOOKS}/sample-payload", webhooks.sample_payload, query=forms.SAMPLE_OF),
)
# fmt: on
OPERATIONS: Final = tuple(route.operation for route in ROUTES)


def find_route(request: Request) -> tuple[Route, Mapping[str, str]]:
    """Return the request's route and the values in its path, or refuse with 404 or 405."""
    path = request.target.partition("?")[0]
    if not path.startswith(BASE_PATH + "/"):
        raise UnroutedError(404, f"Not found; the base path is {BASE_PATH}")
    found = [(route, match) for route in ROUTES if (match := route.pattern.fullmatch(path, len(BASE_PATH)))]
    if not found:
        raise UnroutedError(404, "Not found")
    fewest = min(len(match.groups()) for _, match in found)  # "attendee/block" is no address
    found = [(route, match) for route, match in found if len(match.groups()) == fewest]
    for route, match in found:
        if route.method == request.method:
            return route, {name: unquote(text) for name, text in match.groupdict().items()}
    allowed = sorted({route.method for route, _ in found})
    raise UnroutedError(405, "Method not allowed", allow=", ".join(allowed))
