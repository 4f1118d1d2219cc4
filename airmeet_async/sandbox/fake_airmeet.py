"""The simulated Airmeet without a network: a request goes in, an answer comes out.

Nothing here waits, reads a clock or draws a random number, so a test that sends
the same requests at the same times gets the same bytes.
"""

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from attrs import evolve, fields, frozen

from airmeet_async.protocol.http_messages import Reply, Request
from airmeet_async.sandbox import community
from airmeet_async.sandbox.community import Event, KeyPair, Member, Person, identity
from airmeet_async.sandbox.request import IncomingRequest, check_keys, check_token
from airmeet_async.sandbox.responses import Refusal
from airmeet_async.sandbox.routes import find_route
from airmeet_async.sandbox.switches import Switches


@frozen(kw_only=True)
class Statistics:
    """What a world has seen so far.

    Attributes:
        requests: Requests handled.
        statuses: How many were answered with which HTTP status.
        auths: Tokens issued.
        adds: People added who were not there before.
        replays: Adds of people who were there already.
        mails: Invitations sent.
        registrations: Places of a quota that were used.
        blocks: Requests to block that were granted.
        unblocks: Requests to unblock that were granted.
        removals: People taken out.
        events: Events made or duplicated.
        speakers: Speakers added who were not there before.
        sessions: Sessions made.
        booths: Booths made.
    """

    requests: int
    statuses: Mapping[int, int]
    auths: int
    adds: int
    replays: int
    mails: int
    registrations: int
    blocks: int
    unblocks: int
    removals: int
    events: int
    speakers: int
    sessions: int
    booths: int


_COUNTED = tuple(field.name for field in fields(Statistics) if field.name not in {"requests", "statuses"})


class World:
    """A small community with its keys, tokens, events and people.

    Args:
        switches: How to behave where Airmeet's behaviour is unknown.
        seed: Worlds of one seed give the same tokens and links.

    Attributes:
        epoch: What to add to the times given to `handle` for the seconds since 1970; at first, they begin on 1 March
            2026 at 10:00 UTC.
    """

    switches: Switches

    epoch: float = 1_772_359_200.0

    def __init__(self, switches: Switches | None = None, seed: int = 0) -> None:
        self.switches = switches or Switches()
        self._state = community.initial_state(seed)
        self._statuses: Counter[int] = Counter()

    def __repr__(self) -> str:
        counts = self._state.counts
        return f"<World: {len(self.events)} events, {counts['adds']} people added, {counts['mails']} mails>"

    def handle(self, request: Request, now: float) -> Reply:
        """Answer one request.

        Args:
            request: Its target includes the base path ``/prod``.
            now: Seconds, on any clock that runs forwards.
        """
        try:
            reply = self._answer(request, now)
        except Refusal as refusal:
            reply = refusal.reply(self.switches)
        self._statuses[reply.status] += 1
        return reply

    def _answer(self, http: Request, now: float) -> Reply:
        route, params = find_route(http)
        request = IncomingRequest(
            http=http,
            state=self._state,
            switches=self.switches,
            now=now,
            epoch=self.epoch,
            params=params,
            form=route.form,
        )
        match route.auth:  # /auth checks the keys itself
            case "token":
                request.community = check_token(self._state, http, now).community
            case "raw_keys":
                request.community = check_keys(self._state, http, "X").community
        if "airmeetId" in params:
            request.find_event(params["airmeetId"])
        sent = dict(parse_qsl(http.target.partition("?")[2], keep_blank_values=True))
        request.query = {**sent, **route.query.read(sent)}
        return route.handler(request)

    def expire_tokens(self) -> None:
        """End every token issued so far; the next request with one of them is answered 412."""
        for token in self._state.tokens.values():
            token.expires = float("-inf")

    def revoke_keys(self, access_key: str = community.ACCESS_KEY) -> None:
        """Withdraw a key pair; /auth answers 403 from now on, tokens stay good."""
        self._state.pairs[access_key] = evolve(self._state.pairs[access_key], revoked=True)

    def add_keys(self, pair: KeyPair) -> None:
        """Add a key pair, or replace the one with the same access key."""
        self._state.pairs[pair.access] = pair

    def add_event(self, event: Event) -> None:
        """Add an event, or replace the one with the same id."""
        self._state.events[event.uid] = event

    def new_event(self, name: str, **facts: Any) -> Event:
        """Make an event of the community, with the facts of an `Event`, and return it."""
        row = 1 + max(event.row for event in self._state.events.values())
        event = Event(uid=self._state.new_uid(), row=row, name=name, **facts)
        self.add_event(event)
        return event

    def add_member(self, email: str, name: str, community: str = community.COMMUNITY) -> None:
        """Add somebody to a community's team, so that they can host events and sessions."""
        team = self._state.teams.setdefault(community, {})
        team[identity(email, fold=True)] = Member(email, self._state.code("member", email)[:9], name)

    def add_crowd(self, airmeet_id: str, n: int) -> None:
        """Put so many more people into an event, made up one by one when somebody looks.

        They take part in everything that is listed, and cost no memory. They can be read only: to block, unblock
        or remove one of them is as with somebody who was never added.
        """
        self._state.events[airmeet_id].crowd += n

    @property
    def events(self) -> Mapping[str, Event]:
        """All events by id, other communities' and archived ones too."""
        return MappingProxyType(self._state.events)

    def people(self, airmeet_id: str) -> list[Person]:
        """Return those added to an event, in order of arrival."""
        return list(self._state.events[airmeet_id].people.values())

    def person(self, airmeet_id: str, email: str) -> Person | None:
        """Return the person added to an event under that address, or None."""
        return self._state.events[airmeet_id].people.get(identity(email, fold=self.switches.fold_email_case))

    def statistics(self) -> Statistics:
        counts = {name: self._state.counts[name] for name in _COUNTED}
        return Statistics(requests=self._statuses.total(), statuses=dict(sorted(self._statuses.items())), **counts)
