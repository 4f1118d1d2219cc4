"""The control law: how fast, and how many at once, a client sends to a server that publishes no limit.

`adjust` takes what is known (`RateState`) and what was seen lately (`Observation`), and returns what is known then. It
has no clock and waits for nothing. What the caller asked for is a ceiling; the law moves below it. Its rules:

1. Slow start: twice as fast every half second, until the server refuses for the first time.
2. A refusal after accepted requests means *too fast*: the rate was a little above the limit, or far above it after a
   start. Go down to 0.85 of that limit (0.95 where it was known before), climb back to just below it, and probe beyond,
   slowly at first, then faster.
3. A second refusal within a second and a half finds nothing saved up: what was accepted in between *is* the limit.
4. One refusal among hundreds is the price of being at the limit: stay there.
5. Where a refusal costs more than its repeat (a pause for all, an invitation in doubt), 3 does not hold, 4 only below
   the known limit and going down a little, and it is long until the next probe.
6. A refusal when nothing was accepted since the last one means *nothing left in this window*: send far less, to be
   polite, and come back at once when something is accepted. What is known of the limit stays as it is.
7. A refusal while more requests were under way than ever when one was accepted is about their number: at most so many
   from then on. The next ones are tried after 2 s, then 4 s, and so on.
8. Refusals of requests that were sent before the last cut say nothing new.
9. Grow only while the rate is used. A slow application proves nothing about the server.
10. When as many as may be are under way, and even the quickest replies take twice as long as they did, requests queue:
    so many at once as the server answers in one and a half times its quickest reply. If that made replies quicker, it
    was a queue; if not, the server has become slower by itself, and all may go again. One more is tried while replies
    are quick.
11. After an outage, begin with half of what was accepted before, and climb to the limit that is known.

Prior art: slow start and CUBIC (RFC 9438), here on a rate as in botocore's adaptive mode; the gradient of latency in
Netflix's concurrency-limits and Envoy's adaptive concurrency; BBR's bandwidth-delay product.
"""

import math
from typing import Final, Literal

from attrs import Attribute, evolve, field, frozen
from attrs.validators import optional

from airmeet_async.errors import ConfigError

MEASURE_SECONDS: Final = 0.1
"""Seconds of one observation, at least."""

MEASURE_REPLIES: Final = 4
"""Replies of one observation, at least: fewer say little."""

USED_SHARE: Final = 0.75
"""The share of the rate from which on it counts as used."""

_AVERAGE_SECONDS: Final = 0.4
_AVERAGE_REPLIES: Final = 6
"""What the rate that gets through is averaged over, at least."""

_GENTLE: Final = 0.95
"""The share of the limit to go down to where it is the one that was known before."""

_SAME_LIMIT: Final = 0.1
"""The share by which two refusals may differ and still speak of the same limit."""

_RECENT_SECONDS: Final = 1.5
"""Seconds within which a second refusal finds nothing saved up: what was accepted in between is the limit itself."""

_OVERSHOT: Final = 0.9
_PROBED: Final = 0.97
_PROBED_AT_A_COST: Final = 0.93
"""The share of the rate at a refusal that is taken for the limit: after a start, after a slow probe, and after a probe
where refusals cost more."""

_RARE_SECONDS: Final = 10.0
_RARE: Final = 100
"""Accepted requests among which one refusal is no reason to go down."""

_BELOW_LIMIT: Final = 0.99
"""The share of the known limit to climb back to."""

_BEYOND_LIMIT: Final = 1.05
"""The share of the known limit from which on it is believed no more, so that the rate grows as in a slow start."""

_FAR_BEYOND: Final = 1.15
"""The share of the known limit below which a refusal comes from a slow probe, not from a start."""

_SLOWER_GROWTH: Final = 2.0
"""How many times slower that growth is than the first one."""

_NOTHING_ACCEPTED: Final = 0.25
"""What remains of the rate after each refusal while nothing is accepted."""

_HOLD_PER_PAUSE: Final = 20.0
"""How many times longer than a pause to stay below the limit before the next probe."""

_LONGEST_HOLD: Final = 120.0

_A_LITTLE_LESS: Final = 0.97
_COSTLY_HOLD: Final = 40.0
"""Seconds to stay below the limit after a refusal that may have cost somebody the invitation."""

_ENOUGH_TO_COMPARE: Final = 20
"""Accepted requests since the last cut that show how many may be under way."""

_FIRST_PLACES_HOLD: Final = 2.0
"""Seconds until one more request at once is tried."""

_AFTER_OUTAGE: Final = 0.5
"""The share of the rate that was accepted before an outage to begin with."""

_QUEUED: Final = 1.8
"""How many times the quickest reply the quickest of several may take before requests must be queueing."""

_BASE_FALLS: Final = 0.2
_BASE_RISES: Final = 1.0002
"""How what counts as quick follows replies, per observation: down within a second, up within minutes."""

_QUEUE_OBSERVATIONS: Final = 5
_LEAST_QUEUE_SECONDS: Final = 0.02
"""Seconds of queueing that are worth nothing: our own event loop may be late by them."""

_FULL: Final = 1.5
"""How many times the bandwidth-delay product may be under way: enough to keep the server busy, and no more."""

_QUICK: Final = 1.3
"""How many times the quickest reply counts as quick, so that one more may be tried."""

_RELIEF: Final = 0.75
"""What fewer requests at once must make of the latency, to show that there was a queue."""


def _positive(_rates: "Adaptive", attribute: "Attribute[float]", value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:
        raise ConfigError(f"{attribute.name} of an adaptive rate must be a number above 0, not {value!r}")
    if value == math.inf and attribute.name != "ceiling":
        raise ConfigError(f"{attribute.name} of an adaptive rate must be finite")


@frozen
class Adaptive:
    """A rate that follows the server's limit: it grows until the server refuses a request, then falls and grows again.

    Attributes:
        initial: Requests per second to start with.
        floor: Lowest rate, in requests per second.
        ceiling: Highest rate, in requests per second. The default is more than 64 concurrent requests reach on a
            server that takes 50 ms, so it does not slow down a run, but limits the damage of a mistake.
        decrease: Factor of the rate after a refusal, below 1.
        recovery: Seconds to return to the rate before a refusal.
        doubling: Seconds in which the rate doubles until the first refusal.
        limit: What the server accepted in an earlier run, in requests per second; None: nothing is known.
        is_number: The ceiling is what somebody asked for as the rate.
    """

    initial: float = field(default=10.0, validator=_positive)
    floor: float = field(default=0.5, validator=_positive)
    ceiling: float = field(default=2000.0, validator=_positive)
    decrease: float = field(default=0.85, validator=_positive)
    recovery: float = field(default=4.0, validator=_positive)
    doubling: float = field(default=0.5, validator=_positive)
    limit: float | None = field(default=None, validator=optional(_positive))
    is_number: bool = False

    def __attrs_post_init__(self) -> None:
        if not self.floor <= self.initial <= self.ceiling:
            raise ConfigError(f"an adaptive rate needs floor <= initial <= ceiling, not {self}")
        if self.decrease >= 1:
            raise ConfigError(f"decrease of an adaptive rate must be below 1, not {self.decrease!r}")

    def starting_at(self, rate: float, limit: float | None = None) -> "Adaptive":
        """Return the same with another start, held between floor and ceiling."""
        return evolve(self, initial=min(self.ceiling, max(self.floor, rate)), limit=limit)

    @classmethod
    def at_most(cls, rate: float) -> "Adaptive":
        """Return the law under a fixed rate: it is used from the first request on, and kept unless refused."""
        return cls(initial=rate, floor=min(0.5, rate), ceiling=rate, is_number=True)


AskedRate = float | Adaptive | Literal["auto"] | None
"""A caller's rate: requests per second as a ceiling, ``"auto"`` or an `Adaptive` to find the server's limit, or None
for no limit of ours."""


@frozen
class Observation:
    """What came of the requests of a short time.

    Attributes:
        now: When it ended.
        seconds: How long it was.
        accepted: Replies to requests that were not refused for coming too fast.
        fresh: How many of these were sent after the last cut.
        refused: Replies that refused a request for coming too fast, sent after the last cut.
        replies: All replies, old refusals too.
        latency: Seconds that the quickest success took, of those sent after places were last made fewer; infinite
            where there was none.
        in_flight_refused: Others that were under way when a request was refused for the first time; 0 if none was.
        in_flight_accepted: Most others that were under way when an accepted reply came.
        is_full: No more could be under way.
        is_costly: A refusal costs more than a repeat.
    """

    now: float
    seconds: float
    accepted: int = 0
    fresh: int = 0
    refused: int = 0
    replies: int = 0
    latency: float = math.inf
    in_flight_refused: int = 0
    in_flight_accepted: int = 0
    is_full: bool = False
    is_costly: bool = False


@frozen
class RateState:
    """All that is known of the server.

    Attributes:
        rate: Requests per second that are right at present.
        places: Requests under way at once that are right at present.
        limit: What the server lately took per second when it refused more; infinite while it has never refused.
        is_confirmed: Two refusals in a row spoke of that limit.
        low: The rate after the last cut, from which it climbs.
        cut_at: When that was.
        climb_s: Seconds in which it climbs.
        used_s: Seconds of use of the rate since then.
        hold_s: Seconds to stay below the limit before the next probe.
        has_accepted: Something sent since then was accepted.
        is_refused: A request was refused since then.
        is_starved: The server accepts nothing at all at present.
        run: Accepted since the last cut.
        pause_s: Seconds of pauses since then.
        throughput: Accepted per second, lately.
        base: Seconds that quick replies take.
        slow: Observations in a row in which every reply was slow.
        in_flight_accepted: Most others that were under way when a request was accepted, since the last cut.
        places_at: When places were last made fewer.
        places_hold_s: Seconds between two tries of one more.
        more_at: When the next one is.
        trial: Latency before that, until it has shown its effect; 0: no trial is on.
    """

    rate: float
    places: float = math.inf
    limit: float = math.inf
    is_confirmed: bool = False
    low: float = 0.0
    cut_at: float = -math.inf
    climb_s: float = 0.0
    used_s: float = 0.0
    hold_s: float = 0.0
    has_accepted: bool = True
    is_refused: bool = False
    is_starved: bool = False
    run: int = 0
    pause_s: float = 0.0
    throughput: float = 0.0
    base: float = math.inf
    slow: int = 0
    in_flight_accepted: int = 0
    places_at: float = -math.inf
    places_hold_s: float = 0.0
    more_at: float = -math.inf
    trial: float = 0.0

    @property
    def good_rate(self) -> float:
        """Requests per second that the server lately accepted."""
        return self.low if self.is_starved else self.rate

    @property
    def average_s(self) -> float:
        """Seconds over which the throughput is averaged."""
        return max(_AVERAGE_SECONDS, _AVERAGE_REPLIES / self.rate)

    @property
    def knows_limit(self) -> bool:
        """The server has refused a request, in this run or an earlier one."""
        return self.limit < math.inf


def first_state(settings: Adaptive) -> RateState:
    """Return what is known before the first reply."""
    if settings.limit is None:
        return RateState(settings.initial)
    return RateState(settings.initial, limit=settings.limit, low=settings.initial, climb_s=settings.recovery)


def adjust(state: RateState, seen: Observation, settings: Adaptive) -> RateState:
    """Return what is known after *seen*; see the rules at the head of this file."""
    weight = 1 - math.exp(-seen.seconds / state.average_s)
    throughput = state.throughput * (1 - weight) + (seen.accepted * weight / seen.seconds if seen.seconds else 0.0)
    state = evolve(state, throughput=throughput, run=state.run + seen.accepted)
    if not seen.refused:
        state = evolve(state, in_flight_accepted=max(state.in_flight_accepted, seen.in_flight_accepted))
    if seen.fresh and not state.has_accepted:
        state = evolve(state, has_accepted=True)
        if state.is_starved:
            state = evolve(state, is_starved=False, rate=state.low)
    if seen.refused:
        return _cut(state, seen, settings)
    rate_is_used = seen.replies >= USED_SHARE * state.rate * seen.seconds
    state = _fit_places(state, seen, rate_is_used=rate_is_used)
    if state.is_starved or not rate_is_used:
        return state
    state = evolve(state, used_s=state.used_s + seen.seconds)
    return evolve(state, rate=min(settings.ceiling, max(state.rate, _grown(state, seen.seconds, settings))))


def _cut(state: RateState, seen: Observation, settings: Adaptive) -> RateState:
    now, since = seen.now, seen.now - state.cut_at
    if not state.has_accepted:
        if since < 2 * state.base < math.inf:
            return evolve(state, is_refused=True)  # no reply to a request sent since then could be here
        rate = max(settings.floor, state.rate * _NOTHING_ACCEPTED)
        return evolve(state, rate=rate, is_starved=True, cut_at=now, used_s=0.0)
    is_recent, is_costly = since < _RECENT_SECONDS, state.pause_s > 0 or seen.is_costly
    was_probing = state.rate < _FAR_BEYOND * state.limit < math.inf
    was_compared = was_probing and not is_costly and state.run >= _ENOUGH_TO_COMPARE
    if was_compared and seen.in_flight_refused > max(1, state.in_flight_accepted):
        # So many were never under way before: it may be their number, not their rate.
        is_same = seen.in_flight_refused == state.places - 1
        hold = min(2 * state.places_hold_s, _LONGEST_HOLD) if is_same else _FIRST_PLACES_HOLD
        places = seen.in_flight_refused
        return evolve(state, places=places, places_at=now, places_hold_s=hold, more_at=now + hold)
    if not is_costly and is_recent and since < state.average_s:
        return evolve(state, is_refused=True)  # too early to tell
    average = state.run / max(since, MEASURE_SECONDS)
    is_rare = state.run >= _RARE or since >= _RARE_SECONDS
    if is_costly:  # only where the rate was accepted before
        is_rare = state.run >= _RARE and state.rate <= state.limit and seen.is_costly
    if is_rare and was_probing and not state.is_refused and not state.pause_s:
        # What was accepted since the last refusal may have been less than the limit, and a burst more.
        rate, climb = min(state.rate, _BEYOND_LIMIT * max(average, state.limit)), settings.recovery
        rate *= _A_LITTLE_LESS if seen.is_costly else 1.0
        return evolve(
            state, rate=rate, limit=rate / _BELOW_LIMIT, is_confirmed=True, low=_GENTLE * rate, climb_s=climb,
            used_s=climb, hold_s=_COSTLY_HOLD / 2 if seen.is_costly else 0.0, cut_at=now, run=0,
        )  # fmt: skip
    if is_recent and not is_costly:
        limit = average  # nothing was saved up
    elif not is_costly:
        # Believe the rate rather than what came before it: where it was too fast, a second refusal says so soon.
        limit = max(average, state.rate * (_PROBED if was_probing else _OVERSHOT))
    elif not is_recent and state.rate < _OVERSHOT * state.limit:
        limit = state.rate / settings.decrease  # far below what was accepted before: perhaps a stray one
    else:
        limit = max(average, state.rate * (_PROBED_AT_A_COST if was_probing else settings.decrease))
    limit = min(state.rate, max(limit, state.rate / 2))
    is_same = abs(limit - state.limit) <= _SAME_LIMIT * limit
    share = _GENTLE if is_same or (is_recent and not is_costly) else settings.decrease
    low = max(settings.floor, limit * share)
    return evolve(
        state,
        rate=low,
        low=low,
        limit=limit,
        is_confirmed=is_same,
        climb_s=settings.recovery * (1 - share) / (1 - settings.decrease),
        used_s=0.0,
        hold_s=_COSTLY_HOLD / (1 if is_same else 4) if seen.is_costly else 0.0,
        pause_s=0.0,
        cut_at=now,
        has_accepted=False,
        is_refused=False,
        run=0,
        in_flight_accepted=0,
    )


def _grown(state: RateState, span: float, settings: Adaptive) -> float:
    """Return the rate after *span* more seconds of use: CUBIC near the known limit, slow start without one."""
    doublings = min(1.0, span / settings.doubling)  # a slow rate is observed for long
    if not state.knows_limit:
        return float(state.rate * 2**doublings)
    if state.rate >= _BEYOND_LIMIT * state.limit:
        return float(state.rate * 2 ** (doublings / _SLOWER_GROWTH))
    used, climb, below = state.used_s, state.climb_s, _BELOW_LIMIT * state.limit
    if used < climb:
        return below - (below - state.low) * (1 - used / climb) ** 3
    beyond = max(0.0, used - climb - state.hold_s) / settings.recovery
    return below + (1 - settings.decrease) * state.limit * beyond**3


def _fit_places(state: RateState, seen: Observation, *, rate_is_used: bool) -> RateState:
    """Follow latency with the number of requests under way."""
    latency = seen.latency
    if latency == math.inf:
        return state
    if latency < state.base < math.inf:
        base = state.base + _BASE_FALLS * (latency - state.base)
    else:
        base = min(state.base * _BASE_RISES, latency)
    is_slow = latency > max(_QUEUED * base, base + _LEAST_QUEUE_SECONDS)
    # Where the rate is what holds the run back, nothing queues for long.
    state = evolve(state, base=base, slow=state.slow + 1 if is_slow and not rate_is_used else 0)
    if state.trial and (not is_slow or state.slow >= _QUEUE_OBSERVATIONS):
        if is_slow and latency > _RELIEF * state.trial:
            return evolve(state, base=latency, places=math.inf, trial=0.0, slow=0)
        state = evolve(state, trial=0.0, slow=0)
    if state.slow >= _QUEUE_OBSERVATIONS and seen.is_full:
        places = max(1, round(_FULL * state.throughput * base))
        return evolve(state, places=places, places_at=seen.now, places_hold_s=0.0, trial=latency, slow=0)
    if seen.is_full and seen.now >= state.more_at and latency <= _QUICK * base:
        return evolve(state, places=state.places + 1, more_at=seen.now + state.places_hold_s)
    return state


def after_pause(state: RateState, seconds: float, settings: Adaptive) -> RateState:
    """Return what is known when the last refusal pauses everybody for *seconds*: that is relief enough."""
    state = evolve(state, pause_s=state.pause_s + seconds)
    if not state.is_confirmed:
        return state
    hold = max(state.hold_s, min(_HOLD_PER_PAUSE * seconds, _LONGEST_HOLD))
    return evolve(state, hold_s=hold, used_s=settings.recovery)


def after_outage(state: RateState, settings: Adaptive) -> RateState:
    """Return what is known when the server is back."""
    rate = max(settings.floor, min(_AFTER_OUTAGE * state.good_rate, settings.ceiling))
    known = max(state.limit, state.good_rate) if state.knows_limit else state.good_rate
    return evolve(
        state, limit=known, rate=rate, low=rate, climb_s=settings.recovery, used_s=0.0, hold_s=0.0, is_starved=False,
        has_accepted=True, slow=0, trial=0.0, places=math.inf, base=math.inf, cut_at=-math.inf,
    )  # fmt: skip
