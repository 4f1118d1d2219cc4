"""`LearnedRate`: what the processes of a fleet know together of the server's limit.

Rules of this file:

1. What is known has one home, the hash of the pace in Redis. There is no leader: the law is a function, so whoever
   finds that an observation is due takes the counts of all, applies the law, and writes what is known then.
2. A refusal is reported at once. The cut that follows is published with a new epoch, and all drop the permits that
   they hold: those were granted at the old rate.
3. What was sent before a process knew of the epoch says nothing new. So no clocks are compared.
4. What is written holds only if the epoch is still the one that it was found in: of two cuts at the same time the
   second is dropped, and a cut is never overwritten by a growth.
5. Growth is not published. It comes with the next block of permits.
6. Each process offers what it knows with each block, in case Redis has lost it.
"""

import json
import math
from typing import Any

from attrs import asdict, fields_dict

from airmeet_async.client.adaptive_rate import (
    Adaptive,
    Observation,
    RateState,
    adjust,
    after_outage,
    after_pause,
    first_state,
)
from airmeet_async.client.permits import ReplyCounts

_FIELDS = fields_dict(RateState)
_GREW_MUCH = 1.5
"""The factor of growth from which on permits at the old rate are not waited for."""

# KEYS: the hash of the pace. ARGV: the epoch that the teller knows, whether an observation is due anyway, counts: 6 to
# add up, 3 of which the most counts.
# Reply: the epoch, what is known; and where an observation is due, the time, its length and the counts of all.
REPORT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'epoch', 'known', 'spacing', 'since', 'pause')
if not kept[2] then return {} end
local counts = redis.call('HMGET', KEYS[1], 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8', 'c9')
local pairs, is_current = {}, ARGV[1] == kept[1]
for i = 1, 9 do
  local told, before = tonumber(ARGV[i + 2]), tonumber(counts[i] or (i <= 6 and 0 or -1e15))
  -- The first two are of what was sent after the last cut.
  if i <= 2 and not is_current then told = 0 end
  counts[i] = string.format('%.0f', i <= 6 and before + told or math.max(before, told))
  pairs[2 * i - 1], pairs[2 * i] = 'c' .. i, counts[i]
end
local since = math.min(now, math.max(tonumber(kept[4]), tonumber(kept[5] or 0)))
if ARGV[2] == '1' or counts[2] ~= '0' or now - since >= math.max(100000, 4 * tonumber(kept[3])) then
  redis.call('HDEL', KEYS[1], 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8', 'c9')
  redis.call('HSET', KEYS[1], 'since', string.format('%.0f', now))
  return {kept[1], kept[2], string.format('%.0f', now), string.format('%.0f', now - since), unpack(counts)}
end
redis.call('HSET', KEYS[1], unpack(pairs))
return {kept[1], kept[2]}
"""

# KEYS: the hash of the pace. ARGV: the epoch in which it was found, what is known now, microseconds between two
# permits, whether a new epoch begins, the channel.
# Reply: the epoch, what is known.
LEARN = """
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch == ARGV[1] then
  redis.call('HSET', KEYS[1], 'known', ARGV[2], 'spacing', ARGV[3])
  if ARGV[4] == '1' then
    local time = redis.call('TIME')
    local now = time[1] * 1000000 + time[2]
    epoch = string.format('%.0f', math.max(now, tonumber(epoch) + 1))
    -- All that was reserved is dropped.
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'next', string.format('%.0f', now + tonumber(ARGV[3])))
    redis.call('PUBLISH', ARGV[5], epoch .. ' ' .. ARGV[2])
  end
end
return redis.call('HMGET', KEYS[1], 'epoch', 'known')
"""


class LearnedRate:
    """What is known of the server's limit here, and what was counted since it was told to the others.

    Args:
        settings: Bounds and speeds of the search.

    Attributes:
        state: What is known.
        epoch: In which it was found; 0: nothing was heard of the others.
        members: Processes that share it.
    """

    def __init__(self, settings: Adaptive) -> None:
        self.settings = settings
        self.state = first_state(settings)
        self.epoch = 0
        self.members = 1
        self._epoch_at = -math.inf  # by the event loop's clock
        self._text = ""
        self._seen = ReplyCounts(-math.inf)
        self._pause_s = 0.0
        self._is_after_outage = False

    @property
    def offer(self) -> tuple[str, int]:
        """What is known, and microseconds between two permits, as Redis has them."""
        return self._text or _encode(self.state), _spacing(self.state)

    @property
    def places(self) -> float:
        """Requests under way at once for this process."""
        return max(1, self.state.places // self.members)

    def record_reply(self, sent_at: float, now: float, *, in_flight: int, **reply: bool) -> bool:
        """Count a reply; return whether it is time to tell."""
        seen = self._seen
        if seen.since == -math.inf:
            seen.since = now
        seen.add(sent_at, now, self._epoch_at, self._epoch_at, in_flight=in_flight * self.members, **reply)
        return seen.is_due(now, self.state)

    def pause(self, seconds: float) -> None:
        self._pause_s += seconds

    def restart(self) -> None:
        self._is_after_outage = True

    @property
    def has_news(self) -> bool:
        """There is something that the others must know at once."""
        seen = self._seen
        return seen.refused > 0 or self._pause_s > 0 or self._is_after_outage or (self.state.is_starved and seen.fresh > 0)

    def report(self, now: float) -> list[Any]:
        """Return the arguments of `REPORT`."""
        is_forced = self.has_news
        seen, self._seen = self._seen, ReplyCounts(now)
        latency = -1e15 if seen.latency == math.inf else round(-1e6 * seen.latency)
        return [
            self.epoch, int(is_forced), seen.fresh, seen.refused, seen.accepted, seen.replies, int(seen.is_full),
            int(seen.is_costly), seen.in_flight_refused, seen.in_flight_accepted, latency,
        ]  # fmt: skip

    def learn(self, reply: list[Any], now: float) -> list[Any] | None:
        """Take note of the reply to `REPORT`; return the arguments of `LEARN`, or None if somebody else observes."""
        if not reply:
            return None
        if len(reply) == 2:
            return None
        at, span, *counts = (int(one) for one in reply[2:])
        fresh, refused, accepted, replies, full, costly, in_flight_refused, in_flight_accepted, latency = counts
        seen = Observation(
            at / 1e6, span / 1e6, accepted, fresh, refused, replies,
            math.inf if latency <= -1e15 else -latency / 1e6,
            max(0, in_flight_refused), max(0, in_flight_accepted), full > 0, costly > 0,
        )  # fmt: skip
        before, state = self.state, adjust(self.state, seen, self.settings)
        if self._pause_s:
            state, self._pause_s = after_pause(state, self._pause_s, self.settings), 0.0
        if self._is_after_outage:
            self._is_after_outage = False
            # Each process finds for itself that the server is back.
            if not (state.cut_at == -math.inf and state.used_s < state.climb_s):
                state = after_outage(state, self.settings)
        is_new = state.rate < before.rate or state.rate > _GREW_MUCH * before.rate or state.places < before.places
        return [reply[0], _encode(state), _spacing(state), int(is_new)]

    def adopt(self, epoch: int, text: str, now: float) -> bool:
        """Take over what is known; return whether permits that were granted before are void."""
        if epoch < self.epoch:
            return False
        if text != self._text:
            self.state, self._text = _decode(text, self.state), text
        if epoch == self.epoch:
            return False
        self.epoch, self._epoch_at = epoch, now
        self._seen.fresh = self._seen.refused = 0
        return True


def _spacing(state: RateState) -> int:
    return round(1e6 / state.rate)


def _encode(state: RateState) -> str:
    return json.dumps(asdict(state))


def _decode(text: str, otherwise: RateState) -> RateState:
    """Return what a process has written; *otherwise* where that makes no sense."""
    try:
        found = {name: value for name, value in json.loads(text).items() if name in _FIELDS}
        if all(isinstance(value, (int, float)) for value in found.values()) and 0 < found["rate"] < math.inf:
            return RateState(**found)
    except (ValueError, TypeError, AttributeError, KeyError):
        pass
    return otherwise
