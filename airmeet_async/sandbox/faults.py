"""What goes wrong, decided without doing anything: a request goes in, an `Action` comes out.

The decision depends on the spec, the seed and the order of the requests alone.
Whoever serves the sandbox carries the action out (see `desk`).
"""

import random
from collections import Counter
from enum import Enum
from typing import Self

from attrs import evolve, frozen

from airmeet_async.api.wire import Reply, Request

from .bucket import Bucket
from .faultspec import Rule, parse_rules
from .replies import reply

HTML = b"<html><head><title>%d</title></head><body><center><h1>%d Trouble</h1></center><hr></body></html>"


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


@frozen(kw_only=True)
class Action:
    """What is to happen to one request.

    Attributes:
        applies: The world gets to see the request.
        reply: Sent in place of the world's answer.
        ending: How the exchange ends.
        delay_s: The answer comes that much later; the request is applied at once.
        expires: All tokens end first.
    """

    applies: bool = True
    reply: Reply | None = None
    ending: Ending = Ending.ANSWER
    delay_s: float = 0.0
    expires: bool = False


class Faults:
    """Seeded or scripted faults, and a limit on the rate.

    Args:
        rules: What goes wrong when; see `airmeet_async.sandbox.faultspec` for their text form.
        seed: The same seed and the same order of requests give the same faults.
        rate_limit: Requests per second let through; more are answered 429 with Retry-After.
    """

    def __init__(self, rules: tuple[Rule, ...] = (), *, seed: int = 0, rate_limit: float | None = None) -> None:
        self.rules = rules
        self.fired: Counter[str] = Counter()
        self.limited = 0
        self._bucket = None if rate_limit is None else Bucket(rate_limit)
        self._seen = [0] * len(rules)
        # One source per rule, so that a new rule does not move the others' faults.
        self._draws = [random.Random(f"{seed}/{number}") for number in range(len(rules))]

    @classmethod
    def parse(cls, spec: str, *, seed: int = 0, rate_limit: float | None = None) -> Self:
        """Read faults from text such as ``429:5%:retry=1,drop-after:1%,expire@500``.

        Raises:
            ValueError: The text cannot be read; the message says how to write it.
        """
        return cls(parse_rules(spec), seed=seed, rate_limit=rate_limit)

    def decide(self, request: Request, operation: str, now: float) -> Action:
        """Say what is to happen to a request.

        Args:
            request: The request.
            operation: Its name in the routing table, or nothing.
            now: Seconds, on the clock that the rate limit is measured with.
        """
        if self._bucket is not None and (wait := self._bucket.take(now)):
            self.limited += 1
            return Action(applies=False, reply=_status_reply(429, retry_after=wait))
        action = Action()
        settled = False
        for number, rule in enumerate(self.rules):
            if not rule.concerns(request, operation) or not self._is_due(number, rule):
                continue
            if not rule.settles:
                action = _alongside(rule, action)
            elif settled:  # the first rule of the spec wins
                continue
            else:
                action, settled = _settle(rule, action), True
            self.fired[rule.text] += 1
        return action

    def _is_due(self, number: int, rule: Rule) -> bool:
        self._seen[number] += 1
        return rule.when.holds(self._seen[number], self._draws[number])


def _alongside(rule: Rule, action: Action) -> Action:
    if rule.kind == "expire":
        return evolve(action, expires=True)
    return evolve(action, delay_s=action.delay_s + rule.seconds)


def _settle(rule: Rule, action: Action) -> Action:
    match rule.kind:
        case "drop":
            return evolve(action, applies=False, ending=Ending.DROP)
        case "drop-after":
            return evolve(action, ending=Ending.DROP)
        case "partial":
            return evolve(action, ending=Ending.PARTIAL)
        case "hang":
            return evolve(action, applies=False, ending=Ending.HANG)
        case "hang-after":
            return evolve(action, ending=Ending.HANG)
    answer = _status_reply(rule.status, html=rule.html, retry_after=rule.retry)
    return evolve(action, applies=rule.after, reply=answer)


def _status_reply(status: int, *, html: bool = False, retry_after: int | None = None) -> Reply:
    if html:  # as a gateway or a captive portal would (?)
        return Reply(status, {"content-type": "text/html"}, HTML % (status, status))
    headers = {} if retry_after is None else {"retry_after": str(retry_after)}
    return reply(status, {"message": f"Sandbox fault {status}"}, **headers)
