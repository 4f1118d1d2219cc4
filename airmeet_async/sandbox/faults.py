"""Faults on purpose, and the whole sandbox behind them, still without a network.

A spec is a list of faults with commas between; each is a kind, when it strikes, and options::

    429:5%:retry=1, 500:3%, drop-after:1%, slow:2%:0.5s, 502html:1%, expire@500, 429@100+5

Kinds:

- ``429``, ``500``, ``503`` ...: that status, before the request is applied; ``500-after``: after it was.
- ``502html``, ``200html``: the same with a web page for a body; ``-after`` goes last: ``200html-after``.
- ``drop``: the connection drops before the request is applied; ``drop-after``: after, with no byte of the answer.
- ``partial``: applied, then half of the answer, then the connection drops.
- ``hang``: never answered, not applied; ``hang-after``: applied, never answered.
- ``slow``: answered later, by one second or as told (``slow:2%:0.5s``).
- ``expire``: all tokens issued so far end, then the request goes on (and is answered 412).

When:

- ``:5%``: each request with that probability.
- ``@500``: the 500th request. ``@100+5``: five requests from the 100th on. ``/1000``: every 1000th request.

Options, in any order:

- ``:retry=2``: with ``Retry-After: 2`` (statuses only; left out by default).
- ``:0.5s``: how slow.
- ``:on=attendees.add``: only that operation counts; ``on=all`` is every request. By default it is every
  request but /auth, so that ``@500`` means the same whenever tokens are asked for. ``500@1+3:on=auth``
  makes the first three /auth fail.
- ``:body=TEXT``: only requests with that text in their body count; ``500:100%:body=ada@example.com`` is a poison row.

Rules:

1. A request can be slow, find its tokens expired, and meet one other fault; of several the first in the spec wins.
2. What strikes depends on the spec, the seed and the order of the requests alone. Each rule draws from a source of
   its own, so that a new rule does not move the others' faults.
3. A request is decided and applied on arrival; only its answer may come late.
"""

import math
import random
import re
from collections import Counter
from enum import Enum
from typing import Any, Final, Self

from attrs import asdict, evolve, frozen

from airmeet_async.protocol.http_messages import Reply, Request
from airmeet_async.sandbox.fake_airmeet import World
from airmeet_async.sandbox.responses import UnroutedError, json_reply
from airmeet_async.sandbox.routes import OPERATIONS, find_route

EXAMPLE: Final = "429:5%:retry=1,drop:1%,slow:2%:0.5s,expire@500"
NAMED_KINDS: Final = ("drop", "drop-after", "partial", "hang", "hang-after", "slow", "expire")

_HTML: Final = b"<html><head><title>%d</title></head><body><center><h1>%d Trouble</h1></center><hr></body></html>"
_STATUS: Final = re.compile(r"[2-5]\d\d(html)?(-after)?")
_RULE: Final = re.compile(
    r"(?P<kind>[a-z0-9-]+)"
    r"(?::(?P<percent>\d+(?:\.\d+)?)%|@(?P<first>\d+)(?:\+(?P<count>\d+))?|/(?P<every>\d+))"
    r"(?P<options>(?::.*)?)"
)
_ROUNDING: Final = 1e-9


class Ending(Enum):
    """How an exchange ends.

    Attributes:
        ANSWER: With an answer.
        PARTIAL: The connection drops in the middle of the answer.
        DROP: The connection drops before the first byte of the answer.
        HANG: Nothing comes, the connection stays.
    """

    ANSWER = "answer"
    PARTIAL = "partial"
    DROP = "drop"
    HANG = "hang"


# How the kinds without a status end, and whether the request is applied.
_ENDINGS: Final = {
    "drop": (Ending.DROP, False),
    "drop-after": (Ending.DROP, True),
    "partial": (Ending.PARTIAL, True),
    "hang": (Ending.HANG, False),
    "hang-after": (Ending.HANG, True),
}


@frozen(kw_only=True)
class FaultOutcome:
    """What becomes of one request.

    Attributes:
        applies: The world gets to see the request.
        reply: The answer; with a drop or a hang nobody gets to see it, and it may be None.
        ending: How the exchange ends.
        delay_s: The answer comes that much later; the request is applied at once.
        expires: All tokens end first.
    """

    applies: bool = True
    reply: Reply | None = None
    ending: Ending = Ending.ANSWER
    delay_s: float = 0.0
    expires: bool = False


@frozen(kw_only=True)
class FaultRule:
    """One fault of a spec.

    Attributes:
        text: As it was written.
        kind: What goes wrong.
        share: It strikes each request with this probability; else `every` or `first` says which ones.
        first: It strikes from this request on, counted from 1.
        count: That many in a row.
        every: It strikes each request whose number is a multiple of this.
        retry: Seconds of a Retry-After header.
        seconds: How slow.
        on: The operation it is bound to, ``all``, or nothing for all but /auth.
        body: Bytes that must stand in the request's body.
    """

    text: str
    kind: str
    share: float = 0.0
    first: int = 0
    count: int = 1
    every: int = 0
    retry: int | None = None
    seconds: float = 1.0
    on: str = ""
    body: bytes = b""

    def concerns(self, request: Request, operation: str) -> bool:
        """Return whether a request counts for this rule."""
        wanted = self.on in {"all", operation} if self.on else operation != "auth"
        return wanted and self.body in request.body

    def strikes(self, nth: int, draw: random.Random) -> bool:
        """Return whether the nth request is struck; a rule of chance draws one number."""
        if self.share:
            return draw.random() < self.share
        if self.every:
            return nth % self.every == 0
        return self.first <= nth < self.first + self.count

    def settle(self, outcome: FaultOutcome) -> FaultOutcome:
        if self.kind in _ENDINGS:
            ending, applies = _ENDINGS[self.kind]
            return evolve(outcome, ending=ending, applies=applies)
        status = int(self.kind[:3])
        reply = _fault_reply(status, self.retry)
        if "html" in self.kind:  # as a gateway or a captive portal would (?)
            reply = Reply(status, {"content-type": "text/html"}, _HTML % (status, status))
        return evolve(outcome, applies=self.kind.endswith("-after"), reply=reply)


def _fault_reply(status: int, retry_after: int | None) -> Reply:
    headers = {} if retry_after is None else {"retry_after": str(retry_after)}
    return json_reply(status, {"message": f"Sandbox fault {status}"}, **headers)


def _parse_rule(text: str) -> FaultRule:
    parts = _RULE.fullmatch(text)
    if parts is None:
        hint = "say when it strikes: ':5%' (by chance), '@500' (the 500th request), '@100+5' or '/1000'"
        raise ValueError(f"cannot read the fault {text!r}: {hint}, as in {EXAMPLE!r}")
    kind = parts["kind"]
    if kind not in NAMED_KINDS and not _STATUS.fullmatch(kind):
        kinds = ", ".join(("429", "500", "500-after", "502html", *NAMED_KINDS))
        raise ValueError(f"unknown kind {kind!r} in the fault {text!r}: use one of {kinds}")

    share = float(parts["percent"] or 0) / 100
    if parts["percent"] and not 0 < share <= 1:
        raise ValueError(f"the share in the fault {text!r} must be over 0% and at most 100%")
    if any(parts[name] and not int(parts[name]) for name in ("first", "count", "every")):
        raise ValueError(f"requests are counted from 1: write at least 1 in the fault {text!r}")

    first, count, every = int(parts["first"] or 0), int(parts["count"] or 1), int(parts["every"] or 0)
    rule = FaultRule(text=text, kind=kind, share=share, first=first, count=count, every=every)
    for option in filter(None, parts["options"].split(":")):
        name, _, value = option.partition("=")
        if re.fullmatch(r"\d+(\.\d+)?s", option) and kind == "slow":
            rule = evolve(rule, seconds=float(option[:-1]))
        elif name == "retry" and value.isdecimal() and kind[0].isdigit():
            rule = evolve(rule, retry=int(value))
        elif name == "on":
            if value not in {"all", *OPERATIONS}:
                raise ValueError(
                    f"unknown operation in the fault {text!r}: use one of all, {', '.join(OPERATIONS)}"
                )  # fmt: skip
            rule = evolve(rule, on=value)
        elif name == "body" and value:
            rule = evolve(rule, body=value.encode())
        else:
            hint = "use retry=SECONDS with a status, 0.5s with slow, on=OPERATION or body=TEXT"
            raise ValueError(f"cannot read the option {option!r} in the fault {text!r}: {hint}")
    return rule


def operation_of(request: Request) -> str:
    """Return the name of a request's operation, empty where there is none."""
    try:
        return find_route(request)[0].operation
    except UnroutedError:
        return ""


class Bucket:
    """A token bucket that is told the time: a limit on the rate, as a gateway in front of a service might have.

    Args:
        rate: Requests per second in the long run.
        burst: Requests let through at once after a quiet time; one second's worth by default.
    """

    burst: float

    def __init__(self, rate: float, burst: float | None = None) -> None:
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"the rate limit must be a positive number of requests per second, not {rate}")
        self.rate = rate
        self.burst = max(1.0, rate if burst is None else burst)
        self._level = self.burst
        self._filled_at: float | None = None

    def take(self, now: float) -> int:
        """Let one request through and return 0, or return the seconds to wait, a whole number as Retry-After has it."""
        passed = 0.0 if self._filled_at is None else max(0.0, now - self._filled_at)
        self._filled_at = now
        self._level = min(self.burst, self._level + passed * self.rate)
        if self._level >= 1 - _ROUNDING:
            self._level -= 1
            return 0
        return max(1, math.ceil((1 - self._level) / self.rate))


class Faults:
    """Seeded or scripted faults, and a limit on the rate.

    Args:
        rules: What goes wrong when; see `airmeet_async.sandbox.faults` for their text form.
        seed: The same seed and the same order of requests give the same faults.
        rate_limit: Requests per second let through; more are answered 429 with Retry-After.
    """

    limited: int

    def __init__(self, rules: tuple[FaultRule, ...] = (), *, seed: int = 0, rate_limit: float | None = None) -> None:
        self.rules = rules
        self.fired: Counter[str] = Counter()
        self.limited = 0
        self._bucket = None if rate_limit is None else Bucket(rate_limit)
        self._seen = [0] * len(rules)
        self._draws = [random.Random(f"{seed}/{number}") for number in range(len(rules))]
        self._answers: Counter[str] = Counter()
        self._next: list[FaultRule] = []  # one for each request that is to be struck, in order

    @classmethod
    def parse(cls, spec: str, *, seed: int = 0, rate_limit: float | None = None) -> Self:
        """Read faults from text such as ``429:5%:retry=1,drop-after:1%,expire@500``; an empty one means no faults.

        Raises:
            ValueError: The text cannot be read; the message says how to write it.
        """
        rules = tuple(_parse_rule(part.strip()) for part in spec.split(",") if part.strip())
        return cls(rules, seed=seed, rate_limit=rate_limit)

    def strike_next(self, fault: str, *, body: str = "") -> None:
        """Let a fault strike the next requests, whatever has come before: ``429@1+3:retry=2`` the next three.

        Those of several calls strike one after the other, each request one of them.
        *body* is any text that must stand in the body; in the fault itself there can be no colon.

        Raises:
            ValueError: It cannot be read, or is one of chance.
        """
        rule = _parse_rule(fault)
        if rule.first != 1:
            raise ValueError(f"say how many requests are struck, as in '429@1+3', in the fault {fault!r}")
        self._next += [evolve(rule, body=body.encode() or rule.body)] * rule.count

    def answer(self, world: World, request: Request, now: float) -> FaultOutcome:
        """Decide on a request and let *world* answer it, if the faults let it through.

        *now* is in seconds, on the clock that the rate limit is measured with.
        """
        outcome = self._decide(request, now)
        if outcome.expires:
            world.expire_tokens()
        own = world.handle(request, now) if outcome.applies else None
        outcome = evolve(outcome, reply=outcome.reply or own)
        answered = outcome.reply is not None and outcome.ending is Ending.ANSWER
        self._answers[str(outcome.reply.status) if answered else outcome.ending.value] += 1  # type: ignore[union-attr]
        return outcome

    def _decide(self, request: Request, now: float) -> FaultOutcome:
        if self._bucket is not None and (wait := self._bucket.take(now)):
            self.limited += 1
            return FaultOutcome(applies=False, reply=_fault_reply(429, wait))
        operation = operation_of(request)
        striking = [rule for rule in self._next if rule.concerns(request, operation)][:1]
        for rule in striking:
            self._next.remove(rule)
        for number, rule in enumerate(self.rules):
            if rule.concerns(request, operation):
                self._seen[number] += 1
                if rule.strikes(self._seen[number], self._draws[number]):
                    striking.append(rule)
        outcome, settled = FaultOutcome(), False
        for rule in striking:
            if rule.kind == "expire":
                outcome = evolve(outcome, expires=True)
            elif rule.kind == "slow":
                outcome = evolve(outcome, delay_s=outcome.delay_s + rule.seconds)
            elif settled:
                continue
            else:
                outcome, settled = rule.settle(outcome), True
            self.fired[rule.text] += 1
        return outcome

    def statistics(self, world: World) -> dict[str, Any]:
        """Return what happened, as /_sandbox/statistics shows it.

        ``world`` is the `Statistics` of the world; ``answers`` counts what senders met, by status or
        ``drop``, ``partial``, ``hang``; ``faults`` counts by the text of the rule; ``limited`` are the
        429s of the rate limit.
        """
        return {
            "world": asdict(world.statistics()),
            "answers": dict(sorted(self._answers.items())),
            "faults": dict(self.fired),
            "limited": self.limited,
        }
