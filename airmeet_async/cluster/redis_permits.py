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
6. A learned rate is that of `LearnedRate`. Its blocks are those of the part of one process, since what is reserved at
   a rate that falls is dropped.
7. Without Redis, each process keeps to its share of the rate, and no second holds much more than the rate: the local
   limiter begins full, and all go back to Redis at the same moment.
"""

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from attrs import evolve

from airmeet_async.client.adaptive_rate import Adaptive, AskedRate
from airmeet_async.client.permits import LocalPermits, check_rate
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
# ARGV: permits, microseconds between two, whether they are urgent, who asks, whether it comes back after an absence;
# for a learned rate what the caller knows, in case nothing is known here.
# Reply: microseconds until the first permit, of the pause, members, microseconds until those who come back may reserve,
# microseconds between two permits as whoever asked before has it, or 0; for a learned rate the epoch and what is known.
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

    A fleet keeps to *rate* altogether. A pause that the server asks one process for stops all.

    Args:
        url: Of the Redis server; `RedisServer` says in which form.
        rate: Requests per second of the whole fleet; every process must give the same number, and a warning says if
            not. Or ``"auto"`` or an `Adaptive`: the processes find and follow the server's limit together.
        workers: How many processes there are: while Redis is away, each keeps to its share. More count when they were
            seen lately.

    Raises:
        ConfigError: The address or the rate cannot be used, or the extra ``redis`` is not installed.
    """

    def __init__(self, url: "str | Secret | RedisServer", rate: AskedRate, *, workers: int = 1) -> None:
        if workers < 1:
            raise ConfigError(f"workers must be at least 1, not {workers}")
        self._server = url if isinstance(url, RedisServer) else RedisServer(url)
        self._workers = workers
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
        self._telling: asyncio.Task[None] | None = None
        self._voided: asyncio.Future[None] | None = None  # done when the permits that are waited for are dropped
        self._use_rate(rate)

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
        return self._fixed if self._learned is None else self._learned.state.rate

    @property
    def ceiling(self) -> float | None:
        return self._fixed if self._learned is None else None

    @property
    def good_rate(self) -> float | None:
        return None if self._learned is None or not (state := self._learned.state).knows_limit else state.good_rate

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
            if self._voided is None or self._voided.done():
                self._voided = loop.create_future()
            voided = self._voided
            try:
                if (wait := slot - loop.time()) > 0:
                    await asyncio.wait({voided}, timeout=wait)
            except asyncio.CancelledError:
                if not urgent and not voided.done():
                    self._slots.appendleft(slot)
                raise
            if voided.done():
                continue
            self._unused -= not urgent
            if (now := loop.time()) - slot <= self._most_late:
                self._granted_at = self._granted_at if urgent else now
                return
        await self._local.acquire(urgent=urgent)

    def record_reply(self, **reply: Any) -> None:
        if self._learned is None:
            return
        if self._local is not None:
            self._local.record_reply(**reply)
        elif self._learned.record_reply(**reply):
            self._tell_others(self._learned)

    def pause(self, seconds: float) -> None:
        self._pause_here(seconds)
        if self._local is None:
            _ = self._start(self._publish_pause(seconds))
        if self._learned is not None:
            if self._local is not None:
                self._local.pause(seconds)
            else:
                self._learned.pause(seconds)
                self._tell_others(self._learned)

    def restart(self) -> None:
        if self._learned is None:
            return
        if self._local is not None:
            self._local.restart()
        else:
            self._learned.restart()
            self._tell_others(self._learned)

    def set_rate(self, rate: AskedRate) -> None:
        """Change the rate for this process; the others keep theirs, and what they know of the server."""
        self._use_rate(rate)
        self._drop_permits()
        if self._local is not None:
            self._local.set_rate(self._share)
        self._tell_watchers()

    def _use_rate(self, rate: AskedRate) -> None:
        found = fleet_rate(rate)
        self._asked, self._has_asked = rate, False
        self._fixed = found if isinstance(found, float) else 0.0
        self._learned = None if isinstance(found, float) else LearnedRate(found, self._learned_changed)

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
    def _own_rate(self) -> float:
        """By which blocks are measured: of a learned rate, the part of this process."""
        return self.rate if self._learned is None else self.rate / self._learned.members

    @property
    def _most_late(self) -> float:
        # A learned rate promises no second that is never too full, and what is dropped is not learned from.
        return most_late(self.rate) if self._learned is None else _LATE_SECONDS

    @property
    def _pauses(self) -> str:
        return key_of("pauses", self._account)

    @property
    def _rates(self) -> str:
        return key_of("rates", self._account)

    @property
    def _share(self) -> float | Adaptive:
        """The rate of this process while the server is away."""
        members = max(self._workers, self._members)
        if self._learned is None:
            return self.rate / members
        settings, known = self._learned.settings, self._learned.state
        return evolve(
            settings,
            initial=known.rate / members,
            floor=min(settings.floor, known.rate) / members,
            ceiling=settings.ceiling / members,
            limit=known.limit / members if known.knows_limit else None,
        )

    def _drop_permits(self) -> None:
        self._slots.clear()
        self._unused = 0
        if self._voided is not None and not self._voided.done():
            self._voided.set_result(None)

    def _learned_changed(self, are_void: bool) -> None:  # noqa: FBT001
        if are_void:
            self._drop_permits()
        self._tell_watchers()

    def _tell_others(self, learned: LearnedRate) -> None:
        """Tell what was counted here, or leave it to whoever is about it."""

        async def tell() -> None:
            keys = [key_of("pace", self._account)]
            try:
                await learned.tell(lambda script, arguments: self._run(script, keys, arguments), self._rates)
            except self._server.failures as error:
                self._go_local(error)

        if self._telling is None or self._telling.done():
            self._telling = self._start(tell())

    async def _next_slot(self) -> float | None:
        """Return when the next bulk permit may be used, or None if the server is away."""
        loop = asyncio.get_running_loop()
        oldest = loop.time() - self._most_late
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
        self._block = next_block(self._block, self._own_rate, is_used_up=self._unused == 0, idle_s=idle)
        if (first := await self._reserve(self._block)) is not None:
            self._slots.extend(first + n / self.rate for n in range(self._block))
            self._unused = self._block

    async def _reserve(self, count: int, *, urgent: bool = False) -> float | None:
        """Return the loop time of the first of *count* permits, or None if the server is away."""
        try:
            wait, _ = await self._ask(count, urgent=urgent)
        except self._server.failures as error:
            self._go_local(error)
            return None
        # Where it was away meanwhile for somebody else, it is away until all come back together.
        return None if self._local is not None else asyncio.get_running_loop().time() + wait

    async def _ask(self, count: int, *, urgent: bool = False, is_back: bool = False) -> tuple[float, float]:
        """Reserve *count* permits; 0 only looks.

        Returns:
            Seconds until the first of them, and seconds until those who come back may reserve.
        """
        loop = asyncio.get_running_loop()
        if self._listener is None:
            self._listener = self._start(self._listen())
        keys = [key_of("pace", self._account), key_of("members", self._account)]
        learned = self._learned
        known, interval = (b"", round(1e6 / self.rate)) if learned is None else learned.offer
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
        if learned is not None:
            learned.members = self._members
            if not learned.adopt(int(found[0]), found[1]):
                # It was overtaken by what somebody published: these permits are void.
                learned.epoch = 0
                return await self._ask(count, urgent=urgent, is_back=is_back)
        # What was there at the first time may be of processes that have ended.
        elif self._has_asked and before not in {0, interval} and not self._has_warned_of_rate:
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
            microseconds = round(min(seconds, _MOST_PAUSE_SECONDS) * 1e6)
            await self._run(_PAUSE, [key_of("pace", self._account)], [microseconds, self._pauses])
        except self._server.failures as error:
            self._go_local(error)

    async def _listen(self) -> None:
        while True:
            try:
                with cancellation_kept():
                    async with self._server.connect(reply_seconds=None) as client, client.pubsub() as channel:
                        await channel.subscribe(self._pauses, self._rates)
                        async for message in channel.listen():
                            if message["type"] == "message":
                                with suppress(ValueError):  # somebody else's
                                    self._hear(message["channel"].decode(), message["data"])
            except self._server.failures:
                pass  # whoever reserves says so
            await asyncio.sleep(_TRY_AGAIN_SECONDS)

    def _hear(self, channel: str, said: bytes) -> None:
        if channel == self._pauses:
            self._pause_here(min(int(said) / 1e6, _MOST_PAUSE_SECONDS))
        elif self._learned is not None:
            epoch, _, known = said.partition(b" ")
            _ = self._learned.adopt(int(epoch), known)

    def _tell_watchers(self) -> None:
        for changed in self._watchers:
            changed()

    # While the server is away.

    def _go_local(self, error: BaseException) -> None:
        if self._local is not None:
            return
        share = self._share
        self._local = LocalPermits(share, is_full=True)
        if not self._has_warned:
            self._has_warned = True
            _log.warning(
                "Redis at %s is away (%s); this process goes on with its share of the rate, %.3g/s, and tries again "
                "each second",
                self._server, self._server.reason(error), share if isinstance(share, float) else share.initial,
            )  # fmt: skip
        _ = self._start(self._come_back())

    async def _come_back(self) -> None:
        while True:
            await asyncio.sleep(_TRY_AGAIN_SECONDS)
            try:
                if self._learned is not None:
                    self._learned.epoch = 0  # the server may have lost it
                _, calm = await self._ask(0, is_back=True)
            except self._server.failures:
                continue
            # The others are still on their own shares, which would come on top.
            await asyncio.sleep(calm)
            self._local, self._block = None, 0
            self._slots.clear()
            if self._listener is not None:
                self._listener.cancel()  # its connection may be a dead one
                self._listener = None
            _log.info("Redis at %s is back", self._server)
            return


def fleet_rate(rate: AskedRate) -> float | Adaptive:
    """Return the rate of a fleet.

    Raises:
        ConfigError: It is none.
    """
    if (checked := check_rate(rate)) is None:
        raise ConfigError('the permits of a fleet need a rate for all its processes together: a number, or "auto"')
    return float(checked.ceiling) if checked.is_number else checked
