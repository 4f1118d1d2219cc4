"""The pretend API on one page: which verb and path does what, and what may come with it.

To add an operation, write a handler under `handlers/` and a row here.
Paths are relative to the base path, as in the help text.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal
from urllib.parse import unquote

from attrs import field, frozen

from airmeet_async.api.wire import Reply, Request

from . import forms
from .asked import Asked
from .fields import Field, Form
from .handlers import afterwards, attendees, events, keys, people, planning, programme, sessions, webhooks
from .replies import UnroutedError

BASE_PATH: Final = "/prod"

Handler = Callable[[Asked], Reply]
Credential = Literal["keys", "token", "raw_keys"]


@frozen
class Route:
    """One operation.

    Attributes:
        operation: Its name, as in `tests/contract`.
        method: The verb.
        template: The path, with names in braces.
        auth: What proves who asks: the key pair, a token, or the key pair in the headers of webhooks.
        handler: What answers it.
        form: What its body may hold.
        query: What its query may hold.
    """

    operation: str
    method: str
    template: str
    auth: Credential
    handler: Handler = field(repr=False)
    form: Form | None = field(default=None, repr=False)
    query: tuple[Field, ...] = field(default=(), repr=False)
    parts: tuple[str, ...] = field(init=False, repr=False)

    @parts.default
    def _split(self) -> tuple[str, ...]:
        return tuple(self.template.split("/")[1:])

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """Return the values of the path's names, or None if the path is another one."""
        if len(self.parts) != len(segments):
            return None
        params = {}
        for part, segment in zip(self.parts, segments, strict=True):
            if part.startswith("{"):
                params[part[1:-1]] = segment
            elif part != segment:
                return None
        return params


_EVENT = "/airmeet/{airmeetId}"
_HOOKS = "/platform-integration/v1"


def _get(operation: str, path: str, handler: Handler, query: tuple[Field, ...] = ()) -> Route:
    return Route(operation, "GET", path, "token", handler, None, query)


def _change(operation: str, line: str, handler: Handler, form: Form | None = None) -> Route:
    method, path = line.split()
    return Route(operation, method, path, "token", handler, form)


def _hook(operation: str, line: str, handler: Handler, form: Form | None, query: tuple[Field, ...]) -> Route:
    method, path = line.split()
    return Route(operation, method, _HOOKS + path, "raw_keys", handler, form, query)


ROUTES: Final = (
    Route("auth", "POST", "/auth", "keys", keys.auth),
    # Events
    _get("airmeets.list", "/airmeets", events.list_airmeets, forms.CURSORS),
    _get("airmeets.info", f"{_EVENT}/info", events.info),
    _change("airmeets.create", "POST /airmeet", planning.create, forms.EVENT),
    _change("airmeets.set_status", f"POST {_EVENT}/status", planning.set_status, forms.STATUS),
    _change("airmeets.landing_page", f"PUT {_EVENT}/landing-page", planning.landing_page, forms.LANDING_PAGE),
    _change("airmeets.duplicate", f"POST {_EVENT}/duplication", planning.duplicate, forms.DUPLICATION),
    _get("series.list", "/event-series", events.list_series),
    _get("series.events", "/event-series/{eventSeriesId}/events", events.series_events),
    # People
    _change("attendees.add", f"POST {_EVENT}/attendee", attendees.add, forms.ATTENDEE),
    _change("attendees.block", f"PUT {_EVENT}/attendee/block", attendees.block, forms.WHO),
    _change("attendees.unblock", f"PUT {_EVENT}/attendee/unblock", attendees.unblock, forms.WHO),
    _change("attendees.remove", f"DELETE {_EVENT}/attendee/{{email}}", attendees.remove),
    _get("participants.list", f"{_EVENT}/participants", people.participants, forms.PARTICIPANTS),
    _get("registrations.list", f"{_EVENT}/registrations", people.registrations, forms.CURSORS),
    _get("custom_fields.list", f"{_EVENT}/custom-fields", events.custom_fields),
    # The programme
    _change("speakers.add", f"POST {_EVENT}/speaker", programme.add_speaker, forms.SPEAKER),
    _change("sessions.create", f"POST {_EVENT}/session", sessions.create, forms.SESSION),
    _change("sessions.delete", f"DELETE {_EVENT}/session/{{sessionId}}", sessions.delete),
    _get("recordings.list", f"{_EVENT}/session-recordings", sessions.recordings, forms.RECORDINGS),
    _get("booths.list", f"{_EVENT}/booths", programme.list_booths),
    _change("booths.create", f"POST {_EVENT}/booths", programme.create_booth, forms.BOOTH),
    _get("tracks.list", f"{_EVENT}/tracks", programme.list_tracks),
    # Afterwards
    _get("attendance.event", f"{_EVENT}/attendees", afterwards.event_attendance, forms.CURSORS),
    _get("attendance.session", "/session/{sessionId}/attendees", afterwards.session_attendance, forms.CURSORS),
    _get(
        "attendance.booth",
        f"{_EVENT}/booth/{{boothId}}/booth-attendance",
        afterwards.booth_attendance,
        forms.CURSORS,
    ),
    _get("attendance.replay", f"{_EVENT}/event-replay-attendees", afterwards.replays, forms.CURSORS),
    _get("utms.list", f"{_EVENT}/utms", afterwards.utms, forms.CURSORS),
    _get("polls.list", f"{_EVENT}/polls", afterwards.polls, forms.CURSORS),
    _get("questions.list", f"{_EVENT}/questions", afterwards.questions),
    # Webhooks
    _hook("webhooks.register", "POST /webhook-register", webhooks.register, forms.WEBHOOK, forms.HOOK_OF),
    _hook("webhooks.deregister", "DELETE /webhook-deregister", webhooks.deregister, forms.WHICH_WEBHOOK, ()),
    _hook("webhooks.list", "GET /webhook-list", webhooks.list_hooks, None, forms.HOOKS_OF),
    _hook("webhooks.sample_payload", "GET /sample-payload", webhooks.sample_payload, None, forms.SAMPLE_OF),
)
OPERATIONS: Final = tuple(route.operation for route in ROUTES)


def find(request: Request) -> tuple[Route, Mapping[str, str]]:
    """Return the request's route and the values in its path, or refuse with 404 or 405."""
    path = request.target.partition("?")[0]
    if not path.startswith(BASE_PATH + "/"):
        raise UnroutedError(404, f"Not found; the base path is {BASE_PATH}")
    segments = [unquote(part) for part in path[len(BASE_PATH) + 1 :].split("/")]
    matches = [(route, params) for route in ROUTES if (params := route.match(segments)) is not None]
    if not matches:
        raise UnroutedError(404, "Not found")
    fewest = min(len(params) for _, params in matches)  # "attendee/block" is no address
    matches = [(route, params) for route, params in matches if len(params) == fewest]
    for route, params in matches:
        if route.method == request.method:
            return route, params
    allowed = sorted({route.method for route, _ in matches})
    raise UnroutedError(405, "Method not allowed", allow=", ".join(allowed))


def operation(request: Request) -> str:
    """Return the name of the operation that is asked for, or nothing if there is none."""
    try:
        return find(request)[0].operation
    except UnroutedError:
        return ""
