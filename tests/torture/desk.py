"""What the truth server decides: tokens, who has been added, which fault is met. No sockets, no log.

Written from the help articles (``api-facts.md``), not from `airmeet_async.sandbox`: a second opinion.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from attrs import define, field, frozen

from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, SENTINEL_TOKEN
from tests.torture.faults import Fault, Faults

POISON = "+poison"
REJECT = "+reject"

_PLACE = re.compile(r"/airmeet/([A-Za-z0-9][A-Za-z0-9_-]*)/(attendee|custom-fields|info|participants)(?:\?(.*))?$")
_MANDATORY = ("email", "firstName", "lastName")


@frozen
class Request:
    """A request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@frozen(kw_only=True)
class Answer:
    """What is to be done with a request, and what the log says of it.

    Attributes:
        kind: ``auth``, ``add`` or ``other``.
        status: Of the reply, which only counts as replied when it has been written whole.
        body: Of the reply.
        headers: Further ones, as bytes.
        how: ``say``, ``reset``, ``cut``, ``hang``, ``drip``, ``blackout`` or ``refuse``.
        amount: Bytes of a cut, seconds of a gap or of a blackout.
        seconds: The reply comes that much later.
        key: The e-mail of an add, as it was sent.
        digest: Of the whole body in canonical form.
        generation: Of the token that came with it; None for no token, 0 for one that was never issued.
        applied: The person is in the event now, because of this request.
        invite: ``sendEmailInvite`` as received.
        fault: The fault's kind, if there was one.
    """

    kind: str
    status: int = 200
    body: bytes = b""
    headers: bytes = b""
    how: str = "say"
    amount: float = 0.0
    seconds: float = 0.0
    key: str | None = None
    digest: str | None = None
    generation: int | None = None
    applied: bool = False
    invite: bool | None = None
    fault: str | None = None


def canonical(body: Any) -> str:
    """Return the SHA-256 of a JSON value, whatever its order and blanks."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def link_of(airmeet_id: str, key: str) -> str:
    """Return the entry link of a person: always the same one, and nobody else's."""
    code = hashlib.sha256(f"{airmeet_id}:{key.lower()}".encode()).hexdigest()[:16]
    return f"https://events.example/e/{airmeet_id}?code=SENTINEL-link-{code}"


@define(eq=False)
class Bucket:
    """A token bucket."""

    rate: float
    burst: float
    level: float = field(init=False)
    at: float | None = None

    def __attrs_post_init__(self) -> None:
        self.level = self.burst

    def take(self, now: float) -> bool:
        """Take one token, if there is one."""
        self.level = min(self.burst, self.level + (now - (now if self.at is None else self.at)) * self.rate)
        self.at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


@define(eq=False)
class Desk:
    """The state of the pretend Airmeet.

    Attributes:
        adds: Requests to add somebody, so far.
        issued: The generation of the newest token.
        expired: Tokens up to this generation are dead.
        has_one_token: A new token ends the one before.
        sends: How often each key came.
        applied: How often each key was applied.
        on_expiry: Called when tokens die.
    """

    faults: Faults = field(factory=Faults)
    bucket: Bucket | None = None
    poison: str = POISON
    reject: str = REJECT
    on_expiry: Callable[[], object] = lambda: None
    adds: int = 0
    issued: int = 0
    expired: int = 0
    has_one_token: bool = False
    sends: dict[str, int] = field(factory=dict)
    applied: dict[str, int] = field(factory=dict)

    def handle(self, request: Request, now: float) -> Answer:
        """Decide on one request."""
        if request.path.endswith("/auth"):
            return self._auth(request)
        place = _PLACE.search(request.path)
        if place and (request.method, place[2]) == ("POST", "attendee"):
            return self._add(request, place[1], now)
        generation = self._generation(request)
        if place and request.method == "GET" and place[2] != "attendee":
            refusal = self._refuse_token(generation)
            body = _json(self._view(place[2], place[1], parse_qs(place[3] or "")))
            status, text = refusal or (200, "")
            return Answer(kind="other", status=status, body=_said(text) if refusal else body, generation=generation)
        return Answer(kind="other", status=404, body=_said("no such place"), generation=generation)

    def _view(self, what: str, airmeet_id: str, query: Mapping[str, list[str]]) -> dict[str, Any]:
        if what == "custom-fields":
            return {"customFields": []}
        if what == "info":
            return {"id": airmeet_id, "name": "Truth"}
        wanted = query.get("emailIds", [""])[0].split(",")
        people = [{"email": key, "name": "A B"} for key in wanted if self.applied.get(key)]
        return {"participants": people, "userCount": len(people), "totalUserCount": len(people)}

    def _auth(self, request: Request) -> Answer:
        given = tuple(request.headers.get(f"x-airmeet-{name}-key") for name in ("access", "secret"))
        if request.method != "POST" or given != (SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY):
            return Answer(kind="auth", status=400, body=_said("wrong keys"))
        if self.has_one_token:
            self.expired = self.issued
        self.issued += 1
        token = f"{SENTINEL_TOKEN}.{self.issued}"
        body = _json({"success": True, "data": {"label": "torture", "token": token}})
        return Answer(kind="auth", body=body, generation=self.issued)

    def _generation(self, request: Request) -> int | None:
        token = request.headers.get("x-airmeet-access-token")
        if token is None:
            return None
        number = token.removeprefix(f"{SENTINEL_TOKEN}.")
        return int(number) if number.isdigit() and 1 <= int(number) <= self.issued else 0

    def _refuse_token(self, generation: int | None) -> tuple[int, str] | None:
        if not generation:
            return 400, "the passed token is bad"
        return (412, "the token has expired") if generation <= self.expired else None

    def _add(self, request: Request, airmeet_id: str, now: float) -> Answer:
        self.adds += 1
        try:
            body = json.loads(request.body)
        except ValueError:
            body = None
        person = body if isinstance(body, dict) else {}
        key = str(person.get("email", ""))
        nth = self.sends[key] = self.sends.get(key, 0) + 1
        invite = person.get("sendEmailInvite")
        facts = {"key": key, "digest": canonical(body), "generation": self._generation(request), "invite": invite}
        fault = self.faults.meet(self.adds, key, nth)
        return self._before(fault, facts) or self._checked(fault, facts, person, airmeet_id, now)

    def _before(self, fault: Fault | None, facts: dict[str, Any]) -> Answer | None:
        """Return what happens to an add that never comes to be looked at."""
        if fault is None:
            return None
        facts = facts | {"kind": "add", "fault": fault.kind}
        match fault.kind:
            case "expire":
                self.expired = self.issued
                self.on_expiry()
            case "reset-before":
                return Answer(how="reset", **facts)
            case "hang":
                return Answer(how="hang", **facts)
            case "blackout" | "refuse":
                return Answer(how=fault.kind, amount=fault.option("for", 1.0), **facts)
            case "429":
                wait = fault.options.get("retry")
                headers = b"" if wait is None else b"Retry-After: %d\r\n" % wait
                return Answer(status=429, body=_said("slow down"), headers=headers, **facts)
            case number if number.isdigit():
                return Answer(status=int(number), body=_said("oops"), **facts)
        return None

    def _checked(
        self, fault: Fault | None, facts: dict[str, Any], person: dict[str, Any], airmeet_id: str, now: float
    ) -> Answer:
        facts = facts | {"kind": "add", "fault": fault.kind if fault else None}
        if self.bucket and not self.bucket.take(now):
            return Answer(status=429, body=_said("too many requests"), **facts)
        refusal = self._refuse_token(facts["generation"]) or self._refuse_person(person)
        if refusal:
            return Answer(status=refusal[0], body=_said(refusal[1]), **facts)
        key = facts["key"]
        self.applied[key] = self.applied.get(key, 0) + 1
        body = _json({"email": key, "entryLink": link_of(airmeet_id, key)})
        return _after(fault, facts | {"body": body, "applied": True})

    def _refuse_person(self, person: dict[str, Any]) -> tuple[int, str] | None:
        missing = [name for name in _MANDATORY if not isinstance(person.get(name), str) or not person[name]]
        if missing:
            return 400, f"{missing[0]} is missing"
        if self.poison in person["email"]:
            return 500, "this one always fails"
        return (422, "this one is refused") if self.reject in person["email"] else None


def _after(fault: Fault | None, facts: dict[str, Any]) -> Answer:
    """Return what happens to an add that has been applied."""
    if fault is None:
        return Answer(**facts)
    match fault.kind:
        case "reset-after":
            return Answer(how="reset", **facts)
        case "hang-after":
            return Answer(how="hang", **facts)
        case "cut":
            return Answer(how="cut", amount=fault.option("bytes", 20), **facts)
        case "drip":
            return Answer(how="drip", amount=fault.option("gap", 0.005), **facts)
        case "slow":
            return Answer(seconds=fault.option("for", 1.0), **facts)
        case kind if kind.endswith("-after"):
            return Answer(**facts | {"status": int(kind[:3]), "body": _said("oops, too late")})
    return Answer(**facts)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _said(message: str) -> bytes:
    return _json({"message": message})
