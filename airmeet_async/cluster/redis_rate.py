"""`LearnedRate`: what the processes of a fleet know together of the server's limit.

Rules of this file:

1. What is known has one home, the hash of the pace in Redis. There is no leader: the control law is a function, so
   whoever finds that an observation is due takes the counts of all, applies the law, and writes what is known then.
2. It is written only if what it was derived from is still what is known; else it is derived again.
3. A refusal is reported at once. The cut that follows begins a new epoch and is published: all drop the permits that
   they hold, which were granted at the old rate.
4. An observation of an earlier epoch is dropped, and so is a refusal of what was sent before its sender knew of the
   last epoch: they say nothing new. For that no clocks need to be compared.
5. Growth is not published. It comes with the next block of permits.
6. How many requests all processes have under way is not known. So a limit on that is taken for one on the rate.
7. Each process offers what it knows with each block, in case Redis has lost it.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from attrs import asdict, fields_dict

from airmeet_async.client.adaptive_rate import (
    MEASURE_SECONDS,
    Adaptive,
    Observation,
    RateState,
    adjust,
    after_outage,
    after_pause,
    first_state,
)
from airmeet_async.client.permits import ReplyCounts

_TELL_SECONDS = MEASURE_SECONDS / 2
"""Seconds between two reports of one process, at least: what it has not told is missing in an observation."""

_GREW_MUCH = 1.5
"""The factor of growth from which on nobody waits for a permit at the old rate."""

_NO_LATENCY = -1e15

# KEYS: the hash of the pace.
# ARGV: the epoch that is known here, whether an observation is due anyway, and counts: fresh, refused, accepted,
# replies, full and costly are added up; of minus the latency the most counts.
# Reply: the epoch, what is known; and if an observation is due, its end, its length and the counts of all.
REPORT = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'epoch', 'known', 'spacing', 'since', 'pause')
if not kept[2] then return {} end
local counts = redis.call('HMGET', KEYS[1], 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7')
local pairs, is_current = {}, ARGV[1] == kept[1]
for i = 1, 7 do
  local told, before = tonumber(ARGV[i + 2]), tonumber(counts[i] or (i <= 6 and 0 or -1e15))
  -- The first two are of what was sent after the last cut.
  if i <= 2 and not is_current then told = 0 end
  counts[i] = string.format('%.0f', i <= 6 and before + told or math.max(before, told))
  pairs[2 * i - 1], pairs[2 * i] = 'c' .. i, counts[i]
end
local since = math.min(now, math.max(tonumber(kept[4]), tonumber(kept[5] or 0)))
if ARGV[2] == '1' or counts[2] ~= '0' or now - since >= math.max(100000, 4 * tonumber(kept[3])) then
  redis.call('HDEL', KEYS[1], 'c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7')
  redis.call('HSET', KEYS[1], 'since', string.format('%.0f', now))
  return {kept[1], kept[2], string.format('%.0f', now), string.format('%.0f', now - since), unpack(counts)}
end
redis.call('HSET', KEYS[1], unpack(pairs))
return {kept[1], kept[2]}
"""

# KEYS: the hash of the pace.
# ARGV: the epoch, what was known in it, what is known now, microseconds between two permits, whether a new epoch
# begins, the channel.
# Reply: the epoch, what is known.
LEARN = """
local kept = redis.call('HMGET', KEYS[1], 'epoch', 'known')
if kept[1] == ARGV[1] and kept[2] == ARGV[2] then
  redis.call('HSET', KEYS[1], 'known', ARGV[3], 'spacing', ARGV[4])
  if ARGV[5] == '1' then
    local time = redis.call('TIME')
    local now = time[1] * 1000000 + time[2]
    local epoch = string.format('%.0f', math.max(now, tonumber(ARGV[1]) + 1))
    -- All that was reserved is dropped.
    redis.call('HSET', KEYS[1], 'epoch', epoch, 'next', string.format('%.0f', now + tonumber(ARGV[4])), 'urgent', '0')
    redis.call('PUBLISH', ARGV[6], epoch .. ' ' .. ARGV[3])
  end
end
return redis.call('HMGET', KEYS[1], 'epoch', 'known')
"""

RunScript = Callable[[str, list[Any]], Awaitable[Any]]


class LearnedRate:
    """What is known of the server's limit, and what was counted here since the others were told.

    Args:
        settings: Bounds and speeds of the search.
        changed: Called when something else is known; with True if permits granted before are void.

    Attributes:
        settings: As given.
        state: What is known.
        members: Processes that share it.
        epoch: What was sent before it began says nothing new; 0: any is newer.
    """

    def __init__(self, settings: Adaptive, changed: Callable[[bool], None]) -> None:
        self.settings = settings
        self.state: RateState = first_state(settings)
        self.members = 1
        self.epoch: int = 0
        self._changed = changed
        self._text = _encode(self.state)  # as Redis has it
        self._began = -math.inf  # the epoch, by the event loop's clock
        self._seen = ReplyCounts(-math.inf)
        self._changes: list[Callable[[RateState], RateState]] = []

    @property
    def offer(self) -> tuple[bytes, int]:
        """What is known, and microseconds between two permits, as Redis is told them."""
        return self._text, _spacing(self.state)

    @property
    def places(self) -> float:
        """Requests under way at once that are right for this process."""
        places = self.state.places
        return max(1, places // self.members) if places < math.inf else places

    @property
    def has_news(self) -> bool:
        """There is something that the others must know at once."""
        seen = self._seen
        return bool(seen.refused or self._changes or (self.state.is_starved and seen.fresh))

    def record_reply(self, *, sent_at: float, **reply: Any) -> bool:
        """Count a reply, as `Permits` have it; return whether it is time to tell the others."""
        now = asyncio.get_running_loop().time()
        self._seen.add(sent_at, now, self._began, self._began, **reply)
        return self.has_news or now - self._seen.since >= _TELL_SECONDS

    def pause(self, seconds: float) -> None:
        """Take note of a pause that the server asked this process for."""
        self._changes.append(lambda state: after_pause(state, seconds, self.settings))

    def restart(self) -> None:
        """Take note that the server is back after an outage."""

        def restarted(state: RateState) -> RateState:
            # Each process finds that for itself.
            is_known = state.cut_at == -math.inf and state.knows_limit and state.used_s < state.climb_s
            return state if is_known else after_outage(state, self.settings)

        self._changes.append(restarted)

    async def tell(self, run: RunScript, channel: str) -> None:
        """Tell the others what was counted here, and if an observation is due then, what follows from it."""
        clock, is_first = asyncio.get_running_loop().time, True
        while is_first or self.has_news:
            is_first, is_due = False, self.has_news
            seen, self._seen = self._seen, ReplyCounts(clock())
            changes, self._changes = self._changes, []
            latency = _NO_LATENCY if seen.latency == math.inf else -1e6 * seen.latency
            counts = (
                seen.fresh, seen.refused, seen.accepted, seen.replies, int(seen.is_full), int(seen.is_costly),
                round(latency),
            )  # fmt: skip
            epoch, text, *observed = await run(REPORT, [self.epoch, int(is_due), *counts]) or (0, b"")
            found_in = int(epoch)
            self.adopt(found_in, text)
            while observed and epoch and self.epoch == found_in:
                state = adjust(self.state, _observation(*map(int, observed)), self.settings)
                for change in changes:
                    state = change(state)
                before, known = self.state, _encode(state)
                is_cut = (before.cut_at, before.places_at) != (state.cut_at, state.places_at)
                is_new = is_cut or not before.rate <= state.rate <= _GREW_MUCH * before.rate
                arguments = [self.epoch, self._text, known, _spacing(state), int(is_new), channel]
                epoch, text = await run(LEARN, arguments)
                self.adopt(int(epoch or 0), text)
                if self._text == known:
                    break

    def adopt(self, epoch: int, text: bytes | None) -> bool:
        """Take over what is known; return False if it is older than what is known here."""
        if epoch < self.epoch:
            return False
        if not text or (epoch, text) == (self.epoch, self._text):
            return True
        is_new = epoch > self.epoch
        if is_new:
            self.epoch, self._began = epoch, asyncio.get_running_loop().time()
            self._seen.fresh = self._seen.refused = 0
        self.state, self._text = _decode(text, self.state), text
        self._changed(is_new)
        return True


def _spacing(state: RateState) -> int:
    return round(1e6 / state.rate)


def _observation(at: int, span: int, *counts: int) -> Observation:
    """Return the observation that Redis has added up; times are in microseconds."""
    fresh, refused, accepted, replies, full, costly, latency = counts
    return Observation(
        at / 1e6, span / 1e6, accepted, fresh, refused, replies, math.inf if latency <= _NO_LATENCY else latency / -1e6,
        is_full=full > 0, is_costly=costly > 0,
    )  # fmt: skip


def _encode(state: RateState) -> bytes:
    return json.dumps(asdict(state)).encode()


def _decode(text: bytes, otherwise: RateState) -> RateState:
    """Return what a process has written; *otherwise* if that makes no sense."""
    try:
        found = {name: value for name, value in json.loads(text).items() if name in fields_dict(RateState)}
        if 0 < found["rate"] < math.inf and not any(map(math.isnan, found.values())):
            return RateState(**found)
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError):
        pass
    return otherwise
