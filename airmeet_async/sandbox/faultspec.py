"""The text form of faults.

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

A request can be slow, find its tokens expired, and meet one other fault; of several the first in the spec wins.
"""

import random
import re
from typing import Final

from attrs import evolve, frozen

from airmeet_async.api.wire import Request

from .router import OPERATIONS

EXAMPLE: Final = "429:5%:retry=1,drop:1%,slow:2%:0.5s,expire@500"
NAMED_KINDS: Final = ("drop", "drop-after", "partial", "hang", "hang-after", "slow", "expire")

_STATUS = re.compile(r"(?P<status>[2-5]\d\d)(?P<html>html)?(?P<after>-after)?")
_RULE = re.compile(
    r"(?P<kind>[a-z0-9-]+)"
    r"(?::(?P<percent>\d+(?:\.\d+)?)%|@(?P<first>\d+)(?:\+(?P<count>\d+))?|/(?P<every>\d+))"
    r"(?P<options>(?::.*)?)"
)


@frozen(kw_only=True)
class When:
    """Which of a rule's requests it strikes.

    Attributes:
        share: Each with this probability.
        first: From this one on, counted from 1.
        count: That many in a row.
        every: Each one whose number is a multiple of this.
    """

    share: float = 0.0
    first: int = 0
    count: int = 1
    every: int = 0

    def holds(self, nth: int, draw: random.Random) -> bool:
        """Say whether the nth request is struck; draws one number, if it is a matter of chance."""
        if self.share:
            return draw.random() < self.share
        if self.every:
            return nth % self.every == 0
        return self.first <= nth < self.first + self.count


@frozen(kw_only=True)
class Rule:
    """One fault of a spec.

    Attributes:
        text: As it was written.
        kind: What goes wrong.
        when: How often.
        retry: Seconds of a Retry-After header.
        seconds: How slow.
        on: The operation it is bound to, ``all``, or nothing for all but /auth.
        body: Bytes that must stand in the request's body.
    """

    text: str
    kind: str
    when: When
    retry: int | None = None
    seconds: float = 1.0
    on: str = ""
    body: bytes = b""

    @property
    def settles(self) -> bool:
        """Whether the fault decides how the exchange ends, and so excludes others."""
        return self.kind not in {"slow", "expire"}

    @property
    def status(self) -> int:
        """The status of a fault that has one."""
        return int(self.kind[:3])

    @property
    def html(self) -> bool:
        """Whether the answer is a web page."""
        return "html" in self.kind

    @property
    def after(self) -> bool:
        """Whether the request is applied before the fault strikes."""
        return self.kind.endswith("-after")

    def concerns(self, request: Request, operation: str) -> bool:
        """Say whether a request counts for this rule."""
        wanted = self.on in {"all", operation} if self.on else operation != "auth"
        return wanted and self.body in request.body


def parse_rules(spec: str) -> tuple[Rule, ...]:
    """Read a spec; an empty one means no faults.

    Raises:
        ValueError: It cannot be read; the message says how to write it.
    """
    return tuple(_rule(part.strip()) for part in spec.split(",") if part.strip())


def _rule(text: str) -> Rule:
    parts = _RULE.fullmatch(text)
    if parts is None:
        hint = "say when it strikes: ':5%' (by chance), '@500' (the 500th request), '@100+5' or '/1000'"
        raise ValueError(f"cannot read the fault {text!r}: {hint}, as in {EXAMPLE!r}")
    kind = parts["kind"]
    if kind not in NAMED_KINDS and not _STATUS.fullmatch(kind):
        kinds = ", ".join(("429", "500", "500-after", "502html", *NAMED_KINDS))
        raise ValueError(f"unknown kind {kind!r} in the fault {text!r}: use one of {kinds}")
    rule = Rule(text=text, kind=kind, when=_when(text, parts))
    for option in filter(None, parts["options"].split(":")):
        rule = _with_option(rule, option)
    return rule


def _when(text: str, parts: re.Match[str]) -> When:
    if parts["percent"]:
        share = float(parts["percent"]) / 100
        if not 0 < share <= 1:
            raise ValueError(f"the share in the fault {text!r} must be over 0% and at most 100%")
        return When(share=share)
    numbers = {name: int(parts[name]) for name in ("first", "count", "every") if parts[name]}
    if not all(numbers.values()):
        raise ValueError(f"requests are counted from 1: write at least 1 in the fault {text!r}")
    return When(**numbers)


def _with_option(rule: Rule, option: str) -> Rule:
    name, _, value = option.partition("=")
    if re.fullmatch(r"\d+(\.\d+)?s", option) and rule.kind == "slow":
        return evolve(rule, seconds=float(option[:-1]))
    if name == "retry" and value.isdecimal() and rule.kind[0].isdigit():
        return evolve(rule, retry=int(value))
    if name == "on":
        return evolve(rule, on=_operation(value, rule.text))
    if name == "body" and value:
        return evolve(rule, body=value.encode())
    hint = "use retry=SECONDS with a status, 0.5s with slow, on=OPERATION or body=TEXT"
    raise ValueError(f"cannot read the option {option!r} in the fault {rule.text!r}: {hint}")


def _operation(name: str, text: str) -> str:
    if name not in {"all", *OPERATIONS}:
        raise ValueError(f"unknown operation in the fault {text!r}: use one of all, {', '.join(OPERATIONS)}")
    return name
