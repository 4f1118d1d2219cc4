"""The retry policy: what to do after an attempt. Without a clock or chance: the jitter is an argument.

Rules of this file (Airmeet publishes none):

1. What certainly was not applied (never sent, 429, 412) may always be sent again.
2. What may have been applied is sent again only if the operation may be repeated, and each such attempt is charged;
   but the first ten 503 of a row, with which some rate limiters refuse, are not.
3. ``Retry-After`` is a lower bound, up to `Retry.longest_pause`; beyond that, waiting is the caller's decision. It
   holds for all requests, also where the one that was refused is not sent again.
"""

from typing import Any

from attrs import define, frozen

from airmeet_async.protocol.call import Endpoint, Retry
from airmeet_async.protocol.classify_reply import Kind, Verdict

_FREE_503 = 10


@define
class Tries:
    """The attempts of a call so far. The sender counts with `count`; `decide` only reads."""

    sent: int = 0
    charged: int = 0
    throttled: int = 0
    unavailable: int = 0
    not_sent: int = 0
    renewals: int = 0
    not_ready: int = 0
    under_way: bool = False

    def count(self, verdict: Verdict) -> None:
        if verdict.kind is Kind.OK:
            self.sent += 1
            return
        self.sent += verdict.kind is not Kind.NOT_SENT
        self.unavailable += verdict.is_throttling and verdict.kind is Kind.AMBIGUOUS
        is_free = verdict.is_throttling and self.unavailable <= _FREE_503
        self.charged += verdict.kind is Kind.AMBIGUOUS and not is_free
        self.throttled += verdict.is_throttling
        self.not_sent += verdict.kind is Kind.NOT_SENT
        self.not_ready += verdict.kind is Kind.NOT_READY
        self.renewals += verdict.kind is Kind.EXPIRED or verdict.blames_token


@frozen
class Return:
    """Return the value."""


@frozen
class Renew:
    """Get a new token, then send again."""


@frozen
class Wait:
    """Wait, then send again.

    Attributes:
        seconds: How long.
        everyone: All senders wait, not only this one.
    """

    seconds: float
    everyone: bool = False


@frozen
class Raise:
    """Give up."""


Decision = Return | Renew | Wait | Raise

RETURN = Return()
RENEW = Renew()
RAISE = Raise()

_HOPELESS = frozenset({"not_sent_tls", "not_sent_config"})


def decide(endpoint: Endpoint[Any], verdict: Verdict, tries: Tries, retry: Retry, jitter: float) -> Decision:
    """Return what to do after *verdict*.

    Args:
        endpoint: The operation; what is not repeatable is never sent again after an unclear outcome.
        verdict: Of the last attempt, already counted in *tries*.
        tries: All attempts so far.
        retry: The caller's patience.
        jitter: A number from 0 to 1 to draw the wait with (full jitter).
    """
    asked = verdict.retry_after or 0.0
    # Never sooner than asked, and spread a little, or all who were told the same would come back at the same moment.
    floor = asked * (1 + 0.1 * jitter)
    match verdict.kind:
        case Kind.OK:
            return RETURN
        case Kind.EXPIRED if endpoint.prepares and tries.renewals > 1:
            # One third party says that a report that is not ready may answer 412 (D): no second renewal for that.
            return _wait_for_report(tries.renewals - 1, retry)
        case Kind.EXPIRED:
            return RENEW if tries.renewals <= retry.renewals else RAISE
        case Kind.NOT_READY:
            return _wait_for_report(tries.not_ready, retry)
        case Kind.REJECTED:
            return RENEW if verdict.blames_token and tries.renewals == 1 else RAISE
        case Kind.NOT_SENT:
            if verdict.code in _HOPELESS or (retry.free is not None and tries.not_sent >= retry.free):
                return RAISE
            return Wait(_backoff(retry.base, tries.not_sent, retry, jitter))
        case Kind.THROTTLED | Kind.AMBIGUOUS if verdict.is_throttling:
            if verdict.kind is Kind.AMBIGUOUS and not endpoint.repeatable:
                return RAISE
            if asked > retry.longest_pause or (retry.free is not None and tries.throttled >= retry.free):
                return RAISE
            if tries.charged >= retry.attempts:
                return RAISE
            return Wait(floor or _backoff(retry.throttle_base, tries.throttled, retry, jitter), everyone=asked > 0)
        case Kind.AMBIGUOUS:
            # A 2xx that makes no sense will hardly make more of it: two replays, not four.
            most = min(retry.attempts, 3) if verdict.code == "unusable_answer" else retry.attempts
            if not endpoint.repeatable or tries.charged >= most or asked > retry.longest_pause:
                return RAISE
            return Wait(max(floor, _backoff(retry.base, tries.charged, retry, jitter)), everyone=asked > 0)
        case _:
            return RAISE


def pause_asked(verdict: Verdict, retry: Retry) -> float:
    """Return the seconds for which the server wants no requests, also where this one is not sent again; 0 for none."""
    asked = verdict.retry_after or 0.0
    return asked if verdict.kind in {Kind.THROTTLED, Kind.AMBIGUOUS} and asked <= retry.longest_pause else 0.0


_FIRST_POLL = 5.0
_LONGEST_POLL = 60.0


def _wait_for_report(nth: int, retry: Retry) -> Decision:
    """Ask again after 5, 10, 20, 40 and then every 60 s, for as long as the caller wants to wait."""
    rest = retry.ready_within - waited_for_ready(nth - 1)
    return Wait(min(_poll(nth), rest)) if rest > 0 else RAISE


def waited_for_ready(polls: int) -> float:
    """Return the seconds that so many "not ready" replies have cost."""
    return sum(_poll(n) for n in range(1, polls + 1))


def _poll(nth: int) -> float:
    return min(_LONGEST_POLL, _FIRST_POLL * 2.0 ** min(nth - 1, 8))


def _backoff(base: float, n: int, retry: Retry, jitter: float) -> float:
    """Full jitter (AWS, "Exponential backoff and jitter"): senders that failed together come back apart."""
    return jitter * min(retry.cap, base * 2.0 ** min(n - 1, 16))
