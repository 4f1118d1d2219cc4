"""The rules of the checker that look at traffic alone: tokens, rate, requests under way."""

from collections.abc import Iterator

from tests.torture.history import History, Sent, Truth

_LATE = 0.5  # seconds in which a request that was sent before its token was replaced must have arrived
_GONE = 0.05  # seconds in which the server must have noticed that a client is gone


def epochs(truth: Truth) -> Iterator[list[Sent]]:
    """Return the requests of each process of the client."""
    starts = [*truth.when("start"), float("inf")]
    found: list[Sent] = []
    for sent in truth.requests:
        while sent.n > starts[0]:
            starts.pop(0)
            yield found
            found = []
        found.append(sent)
    yield found


def auth_per_expiry(history: History) -> Iterator[str]:
    """C7: a process asks for one token, and for one more per expiry."""
    expiries = history.truth.when("expire")
    for requests in epochs(history.truth):
        auths = [sent for sent in requests if sent.kind == "auth"]
        during = [n for n in expiries if requests and requests[0].n <= n <= requests[-1].n]
        if len(auths) > 1 + len(during):
            at = auths[-1].n
            yield f"{len(auths)} tokens were asked for in one process (up to request {at}), with {len(during)} expiries"


def rate_within_limit(history: History) -> Iterator[str]:
    """C8: in every window of w seconds at most rate * w + burst requests.

    The burst is a tenth of a second's worth, and arrivals may bunch by the jitter. One pass looks at all windows.
    """
    rate = history.facts.rate
    if rate is None:
        return
    most = max(1.0, rate / 10) + rate * history.facts.jitter
    for requests in epochs(history.truth):
        lowest, worst = float("inf"), (0.0, 0)
        for number, sent in enumerate(sent for sent in requests if sent.kind == "add"):
            lowest = min(lowest, number - rate * sent.t_recv)
            worst = max(worst, (number + 1 - rate * sent.t_recv - lowest, sent.n))
        if worst[0] > most + 1e-6:
            yield f"a window up to request {worst[1]} has {worst[0] - most:.1f} requests too many for {rate:g}/s"


def in_flight_within_limit(history: History) -> Iterator[str]:
    """C9: never more requests under way than the limit."""
    limit = history.facts.concurrency
    if limit is None:
        return
    for requests in epochs(history.truth):
        peak, at = _peak([sent for sent in requests if sent.kind == "add"])
        if peak > limit:
            yield f"{peak} requests under way at request {at}, more than {limit}"


def _peak(adds: list[Sent]) -> tuple[int, int]:
    steps = [(sent.t_recv, 1, sent.n) for sent in adds]
    steps += [(max(sent.t_recv, sent.t_end - _GONE * sent.gone), -1, sent.n) for sent in adds]
    now = peak = at = 0
    for _, step, n in sorted(steps):
        now += step
        if now > peak:
            peak, at = now, n
    return peak, at


def newest_token(history: History) -> Iterator[str]:
    """C12: no token is used after its replacement, but for the requests that had been sent before."""
    replies = sorted(
        (sent.t_reply, sent.gen)
        for sent in history.truth.requests
        if sent.kind == "auth" and sent.t_reply is not None and sent.gen
    )
    newest, since, late = 0, 0.0, 0
    for sent in history.truth.requests:
        if sent.kind == "auth":
            continue
        while replies and replies[0][0] < sent.t_recv:
            since, newest = replies.pop(0)
            late = 0
        if not sent.gen:
            yield f"request {sent.n} has {'no token' if sent.gen is None else 'a token that was never issued'}"
        elif sent.gen < newest:
            late += 1
            yield from _about_late(sent, newest, sent.t_recv - since, late, history.facts.concurrency)


def _about_late(sent: Sent, newest: int, after: float, nth: int, limit: int | None) -> Iterator[str]:
    if after > _LATE:
        yield f"request {sent.n} has token {sent.gen}, {after:.1f} s after token {newest}"
    elif limit is not None and nth == limit + 1:
        yield f"request {sent.n} is one of more than {limit} that still have token {sent.gen} after token {newest}"
