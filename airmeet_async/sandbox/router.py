"""The pretend API on one page: which verb and path does what.

To add an operation, write a handler under `handlers/` and a row here.
Paths are relative to the base path, as in the help text.
"""

from collections.abc import Callable, Mapping
from typing import Final, Literal
from urllib.parse import unquote

from attrs import field, frozen

from airmeet_async.api.wire import Reply, Request

from .asked import Asked
from .handlers import attendees, events, keys
from .replies import UnroutedError

BASE_PATH: Final = "/prod"

Handler = Callable[[Asked], Reply]
Credential = Literal["keys", "token"]


@frozen
class Route:
    """One operation.

    Attributes:
        operation: Its name, as in `tests/contract`.
        method: The verb.
        template: The path, with names in braces.
        auth: What proves who asks: the key pair itself, or a token.
        handler: What answers it.
    """

    operation: str
    method: str
    template: str
    auth: Credential
    handler: Handler = field(repr=False)
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


ROUTES: Final = (
    Route("auth", "POST", "/auth", "keys", keys.auth),
    Route("airmeets.list", "GET", "/airmeets", "token", events.list_airmeets),
    Route("airmeets.info", "GET", "/airmeet/{airmeetId}/info", "token", events.info),
    Route("custom_fields.list", "GET", "/airmeet/{airmeetId}/custom-fields", "token", events.custom_fields),
    Route("attendees.add", "POST", "/airmeet/{airmeetId}/attendee", "token", attendees.add),
    Route("attendees.block", "PUT", "/airmeet/{airmeetId}/attendee/block", "token", attendees.block),
    Route("attendees.unblock", "PUT", "/airmeet/{airmeetId}/attendee/unblock", "token", attendees.unblock),
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
    for route, params in matches:
        if route.method == request.method:
            return route, params
    raise UnroutedError(405, "Method not allowed")


def operation(request: Request) -> str:
    """Return the name of the operation that is asked for, or nothing if there is none."""
    try:
        return find(request)[0].operation
    except UnroutedError:
        return ""
