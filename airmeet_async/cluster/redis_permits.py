"""`RedisPermits`: one rate for many processes, kept in Redis.

Rules of this file:

1. Redis's clock is the only one. A reservation is answered with "in so many microseconds", counted from the arrival of
   the reply; so nobody is ever early, and no clocks of two hosts are compared.
2. One command reserves a block of permits. Blocks grow to 50 ms of the rate while callers wait for them, and are asked
   for when the last one is used up: that is round robin, and all of fairness.
3. A permit that is late is dropped, not made up for: whoever was stopped or swamped must not send a burst.
4. A person's call has a reservation of its own, before bulk: at most a quarter of the rate, and charged to everybody,
   so that the average holds.
5. A pause is published. Whoever hears of it drops the permits within it; whoever does not, learns it with the next
   block.
6. Without Redis, each process keeps to its share of the rate, and no second holds much more than the rate: the local
   limiter begins full, and all go back to Redis at the same moment.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from airmeet_async.client.adaptive_rate import Adaptive, AskedRate
from airmeet_async.client.permits import Limiter, LocalPermits, check_rate
from airmeet_async.cluster.redis_rate import LEARN, REPORT, LearnedRate
from airmeet_async.cluster.redis_server import CONNECT_SECONDS, REPLY_SECONDS, RedisServer, cancellation_kept, key_of
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.redact import Secret

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger("airmeet_async")

_BLOCK_SECONDS = 0.05
_LATE_SECONDS = 0.05
_LATE_PERMITS = 5
_TRY_AGAIN_SECONDS = 1.0
_MOST_PAUSE_SECONDS = 3600.0  # of a pause that others ask for

# KEYS: the hash of the pace, the members by when they were last seen.
# ARGV: permits, microseconds between two, whether they are urgent, who asks, whether it comes back after an absence,
# what it knows of the server's limit, where the rate is learned.
# Reply: microseconds until the first permit, of the pause, members, microseconds until those who come back may reserve,
# microseconds between two permits as whoever asked before has it, or 0; the epoch and what is known, where the rate is
# learned.
_RESERVE = """
local count, interval, member = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[4]
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'next', 'urgent', 'pause', 'last', 'calm', 'interval')
for i = 1, 6 do kept[i] = tonumber(kept[i] or 0) end
local following, urgent, pause, last, calm, before = unpack(kept)
local learned = {}
if ARGV[6] ~= '' then
  learned = redis.call('HMGET', KEYS[1], 'epoch', 'known', 'spacing')
  if learned[2] then
    interval = tonumber(learned[3])
  else
    local at = string.format('%.0f', now)
    redis.call('HSET', KEYS[1], 'epoch', at, 'known', ARGV[6], 'spacing', ARGV[2], 'since', at)
    learned = {at, ARGV[6]}
  end
else
  redis.call('HSET', KEYS[1], 'interval', ARGV[2])
end
-- The clock of a replica that took over may be behind.
if following > now + 60000000 + 100 * interval then following = now end
if urgent > now + 60000000 + 400 * interval then urgent = now end
if pause > now + 3600000000 then pause = now end
if calm > now + 10000000 or calm < now then calm = now end

if ARGV[5] == '1' and now - last > 900000 then
  -- Nobody has reserved lately, so the server was away for all: the others look again within a second.
  if calm == now then calm = now + 1300000 end
end
redis.call('ZADD', KEYS[2], now, member)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - 3000000)
local members = redis.call('ZCARD', KEYS[2])

local start = math.max(following, now - math.min(5000, interval), pause)
if count > 0 then
  local first = math.max(urgent, now, pause)
  if ARGV[3] == '1' and first < start then
    start, urgent = first, first + 4 * interval
    following = math.max(following, now) + interval
  else
    following = start + count * interval
  end
  last = now
end
redis.call('HSET', KEYS[1], 'next', string.format('%.0f', following), 'urgent', string.format('%.0f', urgent),
  'last', string.format('%.0f', last), 'calm', string.format('%.0f', calm))
redis.call('PEXPIRE', KEYS[1], 7200000)
redis.call('PEXPIRE', KEYS[2], 7200000)
return {math.floor(start - now), math.floor(math.max(0, pause - now)), members, math.floor(calm - now), before,
  learned[1], learned[2]}
"""

# KEYS: the hash of the pace. ARGV: microseconds, the channel.
_PAUSE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local pause = math.max(tonumber(redis.call('HGET', KEYS[1], 'pause') or 0), now + tonumber(ARGV[1]))
redis.call('HSET', KEYS[1], 'pause', string.format('%.0f', pause))
redis.call('PEXPIRE', KEYS[1], 7200000)
redis.call('PUBLISH', ARGV[2], string.format('%.0f', pause - now))
return 0
"""


def next_block(last: int, rate: float, *, is_used_up: bool, idle_s: float) -> int:
    """Return how many permits to reserve next.

    Args:
        last: The size of the last block.
        rate: Requests per second.
        is_used_up: All permits of the last block were used.
        idle_s: Seconds from the last permit to this request. Whoever was not waiting for it does not need blocks, and
            the permits would go to waste.
    """
    is_wanted = is_used_up and idle_s < min(_BLOCK_SECONDS, 1 / rate)
    return max(1, min(2 * last, int(rate * _BLOCK_SECONDS))) if is_wanted else 1


def most_late(rate: float) -> float:
    """Return how many seconds late a permit may be used."""
    return min(_LATE_SECONDS, _LATE_PERMITS / rate)


class RedisPermits:
    """The permits of all processes that name the same Redis server and the same account.

    A fleet keeps to *rate* altogether. It does not look for the server's limit; a pause that the server asks one
    process for stops all.

    Args:
        url: Of the Redis server; `RedisServer` says in which form.
        rate: Requests per second of the whole fleet; every process must give the same number. A warning says if not.
        workers: How many processes there are: while Redis is away, each keeps to its share. More count when they were
            seen lately.

    Raises:
        ConfigError: The address or the rate cannot be used, or the extra ``redis`` is not installed.
    """

    def __init__(self, url: "str | Secret | RedisServer", rate: AskedRate, *, workers: int = 1) -> None:
        if workers < 1:
            raise ConfigError(f"workers must be at least 1, not {workers}")
        self._server = url if isinstance(url, RedisServer) else RedisServer(url)
        self._workers, self._asked = workers, fleet_rate(rate)
        self._account = ""
        self._member = secrets.token_hex(8)
        self._watchers: list[Callable[[], None]] = []
        # The mutable state: what is reserved, what the server said last, and what is done while it is away.
        self._slots: deque[float] = deque()
        self._block = 0
        self._unused = 0
        self._granted_at = 0.0
        self._paused_until = 0.0
        self._members = 0
        self._local: LocalPermits | None = None
        self._has_warned = self._has_warned_of_rate = False
        self._has_asked = False  # with this rate
        self._client: Redis | None = None
        self._scripts: dict[str, Any] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener: asyncio.Task[None] | None = None
        self._reserving: asyncio.Task[None] | None = None
        self._learned = LearnedRate(self._asked) if isinstance(self._asked, Adaptive) else None
        self._telling: asyncio.Task[None] | None = None
        self._voided: asyncio.Future[None] | None = None  # done when permits that are waited for are dropped

    def for_account(self, account: str) -> Self:
        """Return the permits of one account for one client, with connections of their own."""
        permits = type(self)(self._server, self._asked, workers=self._workers)
        permits._account = account
        return permits

    def __repr__(self) -> str:
        state = "away" if self._local is not None else f"{self._members} members"
        return f"<RedisPermits {self.rate:g}/s at {self._server}, {state}>"

    @property
    def is_shared(self) -> bool:
        return True

    @property
    def rate(self) -> float:
        if isinstance(self._asked, float):
            return self._asked
        return self._learned.state.rate

    @property
    def ceiling(self) -> float | None:
        return self._asked if isinstance(self._asked, float) else None

    @property
    def good_rate(self) -> float | None:
        known = None if self._learned is None else self._learned.state
        return known.good_rate if known is not None and known.knows_limit else None

    @property
    def places(self) -> float:
        return float("inf") if self._learned is None else self._learned.places

    @property
    def pause_left(self) -> float:
        return max(0.0, self._paused_until - asyncio.get_running_loop().time())

    def at_once(self) -> bool:
        return False

    async def acquire(self, *, urgent: bool) -> None:
        loop = asyncio.get_running_loop()
        while self._local is None:
            slot = await self._reserve(1, urgent=True) if urgent else await self._next_slot()
            if slot is None:
                continue
            epoch = self._epoch
            try:
                if (wait := slot - loop.time()) > 0:
                    await self._sleep(wait)
            except asyncio.CancelledError:
                if not urgent:
                    self._slots.appendleft(slot)
                raise
            if epoch != self._epoch:
                continue
            self._unused -= not urgent
            if (now := loop.time()) - slot <= most_late(self.rate):
                self._granted_at = self._granted_at if urgent else now
                return
        await self._local.acquire(urgent=urgent)

    def record_reply(self, *, throttled: bool, sent_at: float, in_flight: int, **reply: bool) -> None:
        if self._local is not None:
            self._local.record_reply(throttled=throttled, sent_at=sent_at, in_flight=in_flight, **reply)
        elif self._learned is not None:
            now = asyncio.get_running_loop().time()
            if self._learned.record_reply(sent_at, now, throttled=throttled, in_flight=in_flight, **reply):
                self._tell()

    @property
    def _epoch(self) -> int:
        return 0 if self._learned is None else self._learned.epoch

    async def _sleep(self, seconds: float) -> None:
        if self._learned is None:
            await asyncio.sleep(seconds)
            return
        if self._voided is None or self._voided.done():
            self._voided = asyncio.get_running_loop().create_future()
        await asyncio.wait({self._voided}, timeout=seconds)

    def _tell(self) -> None:
        if self._telling is None or self._telling.done():
            self._telling = self._start(self._tell_others())

    async def _tell_others(self) -> None:
        loop, learned = asyncio.get_running_loop(), self._learned
        keys = [key_of("pace", self._account)]
        try:
            while True:
                found = await self._run(REPORT, keys, learned.report(loop.time()))
                self._adopt(found)
                if (known := learned.learn(found, loop.time())) is not None:
                    self._adopt(await self._run(LEARN, keys, [*known, key_of("rates", self._account)]))
                if not learned.has_news:
                    return
        except self._server.failures as error:
            self._go_local(error)

    def _adopt(self, found: list[Any]) -> bool:
        """Take over an epoch and what is known; return whether they are not older than what is known here."""
        if len(found) < 2 or found[0] is None:
            return True
        epoch, text = int(found[0]), found[1].decode() if isinstance(found[1], bytes) else found[1]
        before = self.rate, self.places
        if self._learned.adopt(epoch, text, asyncio.get_running_loop().time()):
            self._slots.clear()
            self._unused = 0
            if self._voided is not None and not self._voided.done():
                self._voided.set_result(None)
        if before != (self.rate, self.places):
            self._tell_watchers()
        return epoch >= self._learned.epoch

    def pause(self, seconds: float) -> None:
        self._pause_here(seconds)
        if self._local is not None:
            self._local.pause(seconds)
            return
        _ = self._start(self._publish_pause(seconds))
        if self._learned is not None:
            self._learned.pause(seconds)
            self._tell()

    def restart(self) -> None:
        if self._local is not None:
            self._local.restart()
        elif self._learned is not None:
            self._learned.restart()
            self._tell()

    def set_rate(self, rate: AskedRate) -> None:
        """Change the rate for this process; the others keep theirs."""
        self._asked, self._has_asked = fleet_rate(rate), False
        self._learned = LearnedRate(self._asked) if isinstance(self._asked, Adaptive) else None
        self._slots.clear()
        if self._local is not None:
            self._local.set_rate(self._share)
        self._tell_watchers()

    def watch(self, changed: Callable[[], None]) -> None:
        self._watchers.append(changed)

    async def aclose(self) -> None:
        self._slots.clear()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._client is not None:
            await self._client.aclose()
            self._client, self._scripts = None, {}

    @property
    def _share(self) -> float:
        return self.rate / max(self._workers, self._members)

    async def _next_slot(self) -> float | None:
        """Return when the next bulk permit may be used, or None if the server is away."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - most_late(self.rate)
        while self._slots and self._slots[0] < oldest:
            self._slots.popleft()
        while not self._slots:
            if self._reserving is None or self._reserving.done():
                self._reserving = self._start(self._reserve_block())
            # Of its own: the permits are there for the next one if this one is cancelled.
            await asyncio.wait({reserving := self._reserving})
            if not reserving.cancelled():
                reserving.result()
            if self._local is not None:
                return None
        return self._slots.popleft()

    async def _reserve_block(self) -> None:
        idle = asyncio.get_running_loop().time() - self._granted_at
        # What is reserved at a rate that changes is not to be much.
        rate = self.rate if self._learned is None else self.rate / self._learned.members
        self._block = next_block(self._block, rate, is_used_up=self._unused == 0, idle_s=idle)
        if (first := await self._reserve(self._block)) is not None:
            self._slots.extend(first + n / self.rate for n in range(self._block))
            self._unused = self._block

    async def _reserve(self, count: int, *, urgent: bool = False) -> float | None:
        """Return the loop time of the first of *count* permits, or None if the server is away."""
        try:
            while (granted := await self._ask(count, urgent=urgent)) is None:
                pass
        except self._server.failures as error:
            self._go_local(error)
            return None
        # Where it was away meanwhile for somebody else, it is away until all come back together.
        return None if self._local is not None else asyncio.get_running_loop().time() + granted[0]

    async def _ask(self, count: int, *, urgent: bool = False, is_back: bool = False) -> tuple[float, float] | None:
        """Reserve *count* permits; 0 only looks.

        Returns:
            Seconds until the first of them, and seconds until those who come back may reserve.
        """
        loop = asyncio.get_running_loop()
        if self._listener is None:
            self._listener = self._start(self._listen())
        keys = [key_of("pace", self._account), key_of("members", self._account)]
        known, interval = ("", round(1e6 / self._asked)) if self._learned is None else self._learned.offer
        arguments = [count, interval, int(urgent), self._member, int(is_back), known]
        asked_at = loop.time()
        try:
            reply = await self._run(_RESERVE, keys, arguments)
        except self._server.failures:
            if loop.time() - asked_at < CONNECT_SECONDS + 2 * REPLY_SECONDS:
                raise
            # It was this process that stood still, not the server.
            reply = await self._run(_RESERVE, keys, arguments)
        wait, pause, self._members, calm, before, *found = reply
        if self._learned is not None:
            self._learned.members = max(self._members, 1)
            if not self._adopt(found):
                return None
        # What was there at the first time may be of processes that have ended.
        if self._learned is None and self._has_asked and before not in {0, interval} and not self._has_warned_of_rate:
            self._has_warned_of_rate = True
            _log.warning(
                "another process with the same keys shares a rate of %.4g requests per second in Redis at %s, this one "
                "%.4g; give all the same number",
                1e6 / before, self._server, self.rate,
            )  # fmt: skip
        self._has_asked = True
        if pause > 0:
            self._pause_here(pause / 1e6)
        return wait / 1e6, calm / 1e6

    async def _run(self, script: str, keys: list[str], arguments: list[Any]) -> Any:
        if self._client is None:
            self._client = self._server.connect()
            self._scripts = {one: self._client.register_script(one) for one in (_RESERVE, _PAUSE, REPORT, LEARN)}
        with cancellation_kept():
            return await self._scripts[script](keys=keys, args=arguments)

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.get_running_loop().create_task(work, name="airmeet-permits")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # Pauses.

    def _pause_here(self, seconds: float) -> None:
        until = asyncio.get_running_loop().time() + seconds
        if until > self._paused_until:
            self._paused_until = until
            self._slots = deque(slot for slot in self._slots if slot >= until)
            self._tell_watchers()

    async def _publish_pause(self, seconds: float) -> None:
        try:
            channel = key_of("pauses", self._account)
            await self._run(
                _PAUSE, [key_of("pace", self._account)], [round(min(seconds, _MOST_PAUSE_SECONDS) * 1e6), channel]
            )
        except self._server.failures as error:
            self._go_local(error)

    async def _listen(self) -> None:
        while True:
            try:
                with cancellation_kept():
                    async with self._server.connect(reply_seconds=None) as client, client.pubsub() as channel:
                        await channel.subscribe(pauses := key_of("pauses", self._account), key_of("rates", self._account))
                        async for message in channel.listen():
                            if message["type"] == "message":
                                with suppress(ValueError):  # somebody else's
                                    if message["channel"].decode() == pauses:
                                        self._pause_here(min(int(message["data"]) / 1e6, _MOST_PAUSE_SECONDS))
                                    elif self._learned is not None:
                                        self._adopt(message["data"].split(b" ", 1))
            except self._server.failures:
                pass  # whoever reserves says so
            await asyncio.sleep(_TRY_AGAIN_SECONDS)

    def _tell_watchers(self) -> None:
        for changed in self._watchers:
            changed()

    # While the server is away.

    def _go_local(self, error: BaseException) -> None:
        if self._local is not None:
            return
        self._local = LocalPermits(self._share)
        if not self._has_warned:
            self._has_warned = True
            _log.warning(
                "Redis at %s is away (%s); this process goes on with its share of the rate, %.3g/s, and tries again "
                "each second",
                self._server, self._server.reason(error), self._share,
            )  # fmt: skip
        _ = self._start(self._come_back())

    async def _come_back(self) -> None:
        while True:
            await asyncio.sleep(_TRY_AGAIN_SECONDS)
            try:
                if self._learned is not None:
                    self._learned.epoch = 0
                _, calm = await self._ask(0, is_back=True)
            except self._server.failures:
                continue
            # The others are still on their own shares, which would come on top.
            await asyncio.sleep(calm)
            self._local, self._block = None, 0
            if self._learned is not None:
                self._learned.epoch = 0
            self._slots.clear()
            if self._listener is not None:
                self._listener.cancel()  # its connection may be a dead one
                self._listener = None
            _log.info("Redis at %s is back", self._server)
            return


def fleet_rate(rate: AskedRate) -> float | Adaptive:
    """Return the rate of a fleet.

    Raises:
        ConfigError: It is not a number.
    """
    if isinstance(rate, (int, float)) and not isinstance(rate, bool) and check_rate(rate):
        return float(rate)
    if rate is not None and not isinstance(rate, bool) and (found := check_rate(rate)):
        return found
    raise ConfigError(
        f"a fleet needs a number of requests per second for all its processes together, not {rate!r}; without a rate "
        "it shares only the token, and each process can find the server's limit by itself"
    )
