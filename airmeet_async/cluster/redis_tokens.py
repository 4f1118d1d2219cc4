"""`RedisTokenStore`: one token for many processes and hosts, kept in Redis.

Rules of this file:

1. A good token is returned whoever holds the lock. Only who needs a new one waits for it.
2. The lock is a lease, which its living holder extends. A holder that was stopped loses it, so locks alone are not
   enough: each has the server's time at which it was taken, and the token that was asked for last wins.
3. Redis never sees a token in clear, nor a key: the token is encrypted with a key derived from the secret key. What
   cannot be decrypted counts as absent.
4. A server that is away costs one warning: `renew` fetches without it, and `is_away` says so.
5. Every operation has a connection of its own, since tokens are rare: so a store works on any loop, in any thread and
   after a fork.
"""

import asyncio
import base64
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from airmeet_async.client.token_store import USABLE_SECONDS, StoredToken
from airmeet_async.cluster.redis_server import RedisServer, cancellation_kept, key_of
from airmeet_async.errors import ClientStateError, ConfigError
from airmeet_async.optional_imports import needs_extra
from airmeet_async.protocol.http_messages import is_visible_ascii
from airmeet_async.protocol.redact import Secret

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger("airmeet_async")

_POLL_SECONDS = 0.05
_MOST_LEASES = 6  # so long is another's sign-in waited for
_LEASE_SECONDS = 10.0

# KEYS: the token, the lock. ARGV: the owner (empty: only look), the lease in milliseconds.
# Reply: the token or nothing, its age in microseconds, the time at which the lock was taken; 0 if another has it,
# -1 if it never ends and is therefore not ours.
_LOOK_AND_LOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'token', 'asked')
local taken = 0
if ARGV[1] ~= '' then
  if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then taken = now
  elseif redis.call('PTTL', KEYS[2]) == -1 then taken = -1 end
end
return {kept[1] or '', math.floor(math.max(0, now - tonumber(kept[2] or now))), string.format('%.0f', taken)}
"""

# KEYS: the token. ARGV: the new one, when its lock was taken, the one that was there then, milliseconds to keep it.
# Reply: nothing if it was saved, else the one that is kept, and its age. What was there then is replaced whatever its
# time says, since the clock of a replica that took over may be behind.
_SAVE = """
local kept = redis.call('HMGET', KEYS[1], 'token', 'asked')
if kept[1] and kept[1] ~= ARGV[3] and tonumber(kept[2]) > tonumber(ARGV[2]) then
  local time = redis.call('TIME')
  return {kept[1], math.floor(math.max(0, time[1] * 1000000 + time[2] - tonumber(kept[2])))}
end
redis.call('HSET', KEYS[1], 'token', ARGV[1], 'asked', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return {'', 0}
"""

# KEYS: the lock. ARGV: the owner, the lease in milliseconds or 0 to release it.
_EXTEND = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then return redis.call('DEL', KEYS[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""


class RedisTokenStore:
    """Stores tokens in Redis, for all processes and hosts with the same keys.

    Args:
        url: Of the Redis server; `RedisServer` says in which form.
        lease: Seconds after which another process may sign in instead of one that has stopped in the middle.

    Attributes:
        server: Where they are; its text shows no password.
        is_away: The last access has failed.

    Raises:
        ConfigError: The address cannot be used, or the extra ``redis`` is not installed.
    """

    def __init__(self, url: str | Secret | RedisServer, *, lease: float = _LEASE_SECONDS) -> None:
        try:
            from cryptography.fernet import Fernet
        except ImportError:
            raise ConfigError(needs_extra("a fleet", "redis")) from None
        self.server: RedisServer = url if isinstance(url, RedisServer) else RedisServer(url)
        self._lease = lease
        self._cipher: Fernet | None = None
        self.is_away: bool = False
        self._has_warned = False

    def for_account(self, account: str, secret_key: Secret) -> Self:
        """Return a store that can read the tokens of *account*, encrypted by a key derived from *secret_key*."""
        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        store = type(self)(self.server, lease=self._lease)
        derived = HKDF(SHA256(), 32, salt=account.encode(), info=b"airmeet-async: token in Redis")
        store._cipher = Fernet(base64.urlsafe_b64encode(derived.derive(secret_key.reveal().encode())))
        return store

    def __repr__(self) -> str:
        return f"<RedisTokenStore at {self.server}{', away' if self.is_away else ''}>"

    async def current(self, account: str) -> StoredToken | None:
        with suppress(*self.server.failures):
            async with self._connected() as client:
                kept, age, _ = await self._run(client, _LOOK_AND_LOCK, account, ("token", "lock"), "", 1)
                return self._decrypted(kept, age)
        return None

    async def renew(self, account: str, stale: Secret | None, fetch: Callable[[], Awaitable[Secret]]) -> StoredToken:
        owner = secrets.token_hex(16)
        before, taken = b"", 0
        loop = asyncio.get_running_loop()
        until = loop.time() + _MOST_LEASES * self._lease
        try:
            async with self._connected() as client:
                while taken <= 0:
                    found = await self._run(
                        client, _LOOK_AND_LOCK, account, ("token", "lock"), owner, round(self._lease * 1000)
                    )
                    before, taken = found[0], int(found[2])
                    stored = self._decrypted(before, found[1])
                    if stored is not None and stored.token != stale:
                        if taken > 0:
                            await self._run(client, _EXTEND, account, ("lock",), owner, 0)
                        return stored
                    if taken < 0 or (not taken and loop.time() > until):
                        lock = key_of("lock", account)
                        raise TimeoutError(f"the lock {lock} is not released; delete it if nobody signs in")
                    if not taken:
                        await asyncio.sleep(_POLL_SECONDS)
        except self.server.failures:
            return StoredToken(await fetch(), 0.0)
        except asyncio.CancelledError:
            await self._release(account, owner)  # it may have been taken all the same
            raise
        extending = asyncio.create_task(self._extend(account, owner), name="airmeet-token-lease")
        try:
            token = await fetch()
            return await self._save(account, token, taken, before)
        finally:
            extending.cancel()
            await asyncio.wait({extending})
            await self._release(account, owner)

    async def _save(self, account: str, token: Secret, taken: int, before: bytes) -> StoredToken:
        """Save *token*, and return what is kept now: it, or one that was asked for later."""
        with suppress(*self.server.failures):
            async with self._connected() as client:
                kept, age = await self._run(
                    client, _SAVE, account, ("token",),
                    self._usable_cipher.encrypt(token.reveal().encode()), taken, before, round(USABLE_SECONDS * 1000),
                )  # fmt: skip
                if (stored := self._decrypted(kept, age)) is not None:
                    return stored
        return StoredToken(token, 0.0)

    async def _release(self, account: str, owner: str) -> None:
        with suppress(*self.server.failures):
            async with self._connected() as client:
                await self._run(client, _EXTEND, account, ("lock",), owner, 0)

    async def _extend(self, account: str, owner: str) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            with suppress(*self.server.failures):
                async with self._connected() as client:
                    await self._run(client, _EXTEND, account, ("lock",), owner, round(self._lease * 1000))

    @asynccontextmanager
    async def _connected(self) -> "AsyncIterator[Redis]":
        try:
            with cancellation_kept():
                async with self.server.connect() as client:
                    yield client
        except self.server.failures as error:
            self.is_away = True
            if not self._has_warned:
                self._has_warned = True
                _log.warning(
                    "Redis at %s is away (%s); this process signs in by itself until it is back",
                    self.server, self.server.reason(error),
                )  # fmt: skip
            raise
        self.is_away = False

    @staticmethod
    async def _run(client: "Redis", script: str, account: str, kinds: tuple[str, ...], *arguments: Any) -> Any:
        keys = [key_of(kind, account) for kind in kinds]
        with cancellation_kept():
            return await client.eval(script, len(keys), *keys, *arguments)

    @property
    def _usable_cipher(self) -> Any:
        if self._cipher is None:
            raise ClientStateError("this store has no key to encrypt with; pass it to a client, or use `for_account`")
        return self._cipher

    def _decrypted(self, kept: bytes, age: int) -> StoredToken | None:
        """Return a token from its encrypted form; None for what we cannot read, or could not send."""
        from cryptography.fernet import InvalidToken

        try:
            token = self._usable_cipher.decrypt(kept).decode("ascii")
        except (InvalidToken, ValueError):
            return None
        return StoredToken(Secret(token), age / 1e6) if token and is_visible_ascii(token) else None
