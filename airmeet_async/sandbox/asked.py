"""A request on its way to a handler, read as far as its route demands."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from attrs import frozen

from airmeet_async.api.wire import Request

from .fields import Form
from .replies import InvalidError, Refusal
from .state import Event, Json, KeyPair, Member, State, Token, identity
from .switches import Switches


@frozen(kw_only=True)
class Asked:
    """What a handler gets.

    Attributes:
        request: As it came.
        state: What the handler may change.
        switches: How to behave where Airmeet's behaviour is unknown.
        now: Seconds, on any clock that runs forwards.
        params: Values of the names in the route's path.
        form: What the body may hold, if the route reads one.
        community: Who asks; empty at /auth.
    """

    request: Request
    state: State
    switches: Switches
    now: float
    params: Mapping[str, str]
    form: Form | None = None
    community: str = ""

    @property
    def event(self) -> Event:
        """The event of the path; the gate has seen to it that it exists."""
        return self.state.events[self.params["airmeetId"]]

    @property
    def path(self) -> str:
        """The path as it was sent, without the query."""
        return self.request.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query, of repeated names the last."""
        return dict(parse_qsl(self.request.target.partition("?")[2], keep_blank_values=True))

    def body(self) -> Json:
        """Return the JSON object that was sent, or refuse."""
        content_type = (self.request.header("Content-Type") or "").partition(";")[0].strip().lower()
        if self.switches.demand_content_type and content_type != "application/json":  # A: all calls expect it
            raise InvalidError("Content-Type must be application/json")
        try:
            body = json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise InvalidError("The body is not JSON") from None
        if not isinstance(body, dict):
            raise InvalidError("The body is not a JSON object")
        return body

    def given(self) -> dict[str, Any]:
        """Return the fields of the body that the route's form knows, or refuse."""
        body = self.body()
        return self.form.read(body) if self.form else body

    def member(self, email: str) -> Member | None:
        """Return a member of the community's team."""
        return self.state.teams.get(self.community, {}).get(identity(email, fold=True))

    def count(self, what: str) -> None:
        """Add one to a figure of `Statistics`."""
        self.state.counts[what] += 1

    def no_such_part(self, what: str) -> Refusal:
        """Return the refusal of a session, a booth or a series that does not exist."""
        return Refusal(self.switches.unknown_part_status, f"{what} not found")


def check_keys(state: State, request: Request, prefix: str) -> KeyPair:
    """Return the key pair of the request, or refuse: 400 missing or wrong, 403 revoked (A, for /auth)."""
    access, secret = (request.header(f"{prefix}-{name}-Key") for name in ("Access", "Secret"))
    pair = state.pairs.get(access or "")
    if pair is None or pair.secret != secret:
        raise Refusal(400, "Missing or wrong access key and secret key")
    if pair.revoked:
        raise Refusal(403, "The keys are revoked")
    return pair


def check_token(state: State, request: Request, now: float) -> Token:
    """Return the token of the request, or refuse: 400 missing or unknown, 412 expired (A)."""
    token = state.tokens.get(request.header("X-Airmeet-Access-Token") or "")
    if token is None:
        raise Refusal(400, "Bad access token")
    if now >= token.expires:
        raise Refusal(412, "The access token has expired")
    return token


def check_event(asked: Asked, airmeet_id: str) -> Event:
    """Return an event, or refuse one that does not exist or that the caller may not see (A)."""
    event = asked.state.events.get(airmeet_id)
    if event is None:
        raise Refusal(asked.switches.unknown_event_status, "Airmeet not found")
    if event.community != asked.community:
        raise Refusal(asked.switches.foreign_event_status, "No permission for this airmeet")
    return event
