"""A request on its way to a handler, the checks of its keys or token, and the answer to ``POST /auth``: a token."""

import json
from collections.abc import Mapping
from typing import Any

from attrs import define, field

from airmeet_async.protocol.http_messages import Reply, Request
from airmeet_async.sandbox.community import CommunityState, Event, Json, KeyPair, Member, Token, identity
from airmeet_async.sandbox.forms import RequestForm
from airmeet_async.sandbox.responses import InvalidError, Refusal, ok
from airmeet_async.sandbox.switches import Switches


@define(kw_only=True)
class IncomingRequest:
    """A request as handlers see it.

    Attributes:
        http: The request as it came.
        state: What the handler may change.
        switches: How to behave where Airmeet's behaviour is unknown.
        now: Seconds, on any clock that runs forwards.
        epoch: What to add to it for the seconds since 1970.
        params: Values of the names in the route's path.
        form: What the body may hold, if the route reads one.
        query: The query, of repeated names the last; those that the route knows are read already.
        community: The community of the keys or the token; empty at /auth.
    """

    http: Request
    state: CommunityState
    switches: Switches
    now: float
    epoch: float
    params: Mapping[str, str]
    form: RequestForm | None = None
    query: dict[str, Any] = field(factory=dict)
    community: str = ""

    @property
    def event(self) -> Event:
        """The event of the path; it exists, as `World` has checked."""
        return self.state.events[self.params["airmeetId"]]

    def body(self) -> Json:
        """Return the JSON object that was sent, or refuse."""
        content_type = (self.http.header("Content-Type") or "").partition(";")[0].strip().lower()
        if self.switches.demand_content_type and content_type != "application/json":  # A: all calls expect it
            raise InvalidError("Content-Type must be application/json")
        try:
            body = json.loads(self.http.body)
        except (ValueError, RecursionError):
            raise InvalidError("The body is not JSON") from None
        if not isinstance(body, dict):
            raise InvalidError("The body is not a JSON object")
        return body

    def given(self) -> dict[str, Any]:
        """Return the fields of the body that the route's form knows, or refuse."""
        body = self.body()
        return self.form.read(body) if self.form else body

    def identity(self, email: str) -> str:
        """Return what an attendee or a speaker is known by."""
        return identity(email, fold=self.switches.fold_email_case)

    def member(self, email: str) -> Member | None:
        """Return a member of the community's team."""
        return self.state.teams.get(self.community, {}).get(identity(email, fold=True))

    def no_such_part(self, what: str) -> Refusal:
        """Return the refusal of a session, a booth or a series that does not exist."""
        return Refusal(self.switches.unknown_part_status, f"{what} not found")

    def find_event(self, airmeet_id: str) -> Event:
        """Return an event, or refuse one that does not exist or that belongs to another community (A)."""
        event = self.state.events.get(airmeet_id)
        if event is None:
            raise Refusal(self.switches.unknown_event_status, "Airmeet not found")
        if event.community != self.community:
            raise Refusal(self.switches.foreign_event_status, "No permission for this airmeet")
        return event


def check_keys(state: CommunityState, request: Request, prefix: str) -> KeyPair:
    """Return the key pair of the request, or refuse: 400 missing or wrong, 403 revoked (A, for /auth)."""
    access, secret = (request.header(f"{prefix}-{name}-Key") for name in ("Access", "Secret"))
    pair = state.pairs.get(access or "")
    if pair is None or pair.secret != secret:
        raise Refusal(400, "Missing or wrong access key and secret key")
    if pair.revoked:
        raise Refusal(403, "The keys are revoked")
    return pair


def check_token(state: CommunityState, request: Request, now: float) -> Token:
    """Return the token of the request, or refuse: 400 missing or unknown, 412 expired (A)."""
    token = state.tokens.get(request.header("X-Airmeet-Access-Token") or "")
    if token is None:
        raise Refusal(400, "Bad access token")
    if now >= token.expires:
        raise Refusal(412, "The access token has expired")
    return token


def issue_token(request: IncomingRequest) -> Reply:
    """Issue a token: 400 for missing or wrong keys, 403 for revoked ones (A)."""
    if request.http.body:  # both no body and {} are in use (B, C)
        request.body()
    state, switches = request.state, request.switches
    pair = check_keys(state, request.http, "X-Airmeet")
    if switches.reauth_kills_old:
        for earlier in state.tokens.values():
            if earlier.access_key == pair.access:
                earlier.expires = request.now
    token = f"sandbox.{len(state.tokens) + 1}.{state.code('token', str(len(state.tokens)))}"
    state.tokens[token] = Token(pair.access, pair.community, request.now + switches.token_lifetime_s)
    state.counts["auths"] += 1
    if switches.auth_envelope:
        return ok(success=True, data={"label": pair.label, "token": token})
    return ok(token=token, communityId=pair.community)
