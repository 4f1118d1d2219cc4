"""`RedisTokenStore`: one token for many processes and hosts, kept in Redis.

Rules of this file:

1. Look before locking: a good token is returned whoever holds the lock, also by a server that takes no writes (a
   replica, or one whose memory is full). Only who needs a new one waits for the lock.
2. The lock is a lease, which its living holder extends. A holder that was stopped loses it, so locks alone are not
   enough: each has the server's time at which it was taken, and the token that was asked for last wins.
3. Redis never sees a token in clear, nor a key: the token is encrypted with a key derived from the secret key. What
   cannot be decrypted counts as absent.
4. A server that fails raises `TokenStoreError`, without its password. Whoever calls goes on without it.
5. Every operation has a connection of its own, since tokens are rare: so a store works on any loop, in any thread and
   after a fork.
"""

import asyncio
import base64
import math
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, Self

from airmeet_async.bulk.run_to_completion import run_to_completion
from airmeet_async.client.token_store import USABLE_SECONDS, StoredToken, TokenStoreError
from airmeet_async.cluster.redis_server import RedisServer, cancellation_kept, key_of
from airmeet_async.errors import ClientStateError, ConfigError
from airmeet_async.optional_imports import needs_extra
from airmeet_async.protocol.http_messages import is_visible_ascii
from airmeet_async.protocol.redact import Secret

if TYPE_CHECKING:
    from redis.asyncio import Redis

_POLL_SECONDS = 0.05
_LEASE_SECONDS = 10.0

# KEYS: the token, the lock. ARGV: the owner (empty: only look), the lease in milliseconds, the token that was there
# before: where there is another one by now, no lock is needed.
# Reply: the token or nothing, its age in microseconds (negative: the clock went back), the time at which the lock was
# taken; 0 if another has it, -1 if it never ends and is therefore nobody's.
_LOOK_AND_LOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('HMGET', KEYS[1], 'token', 'asked')
local taken = 0
if ARGV[1] ~= '' and (kept[1] or '') == ARGV[3] then
  if redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then taken = now
  elseif redis.call('PTTL', KEYS[2]) == -1 then taken = -1 end
end
return {kept[1] or '', math.floor(now - tonumber(kept[2] or now)), string.format('%.0f', taken)}
"""

# KEYS: the token. ARGV: the new one, when its lock was taken, the one that was there then, milliseconds to keep it.
# Reply: nothing if it was saved, else the one that is kept, and its age. What was there then is replaced whatever its
# time says, since the clock of a replica that took over may be behind.
_SAVE = """
local kept = redis.call('HMGET', KEYS[1], 'token', 'asked')
if kept[1] and kept[1] ~= ARGV[3] and tonumber(kept[2]) > tonumber(ARGV[2]) then
  local time = redis.call('TIME')
  return {kept[1], math.floor(time[1] * 1000000 + time[2] - tonumber(kept[2]))}
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
        lease: Seconds after which another process may sign in instead of one that has stopped in the middle: 0.1 to
            3600.

    Attributes:
        server: Where they are; its text shows no password.

    Raises:
        ConfigError: The address or the lease cannot be used, or the extra ``redis`` is not installed.
    """

    def __init__(self, url: str | Secret | RedisServer, *, lease: float = _LEASE_SECONDS) -> None:
        try:
            from cryptography.fernet import Fernet
        except ImportError:
            raise ConfigError(needs_extra("a fleet", "redis")) from None
        self.server: RedisServer = url if isinstance(url, RedisServer) else RedisServer(url)
        if isinstance(lease, bool) or not isinstance(lease, (int, float)) or not 0.1 <= lease <= 3600:
            raise ConfigError(f"lease must be a number of seconds from 0.1 to 3600, not {lease!r:.40}")
        self._lease = lease
        self._cipher: Fernet | None = None

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
        return f"<RedisTokenStore at {self.server}>"

    async def current(self, account: str) -> StoredToken | None:
        async with self._connected() as client:
            kept, age, _ = await self._run(client, _LOOK_AND_LOCK, account, ("token", "lock"), "", 1, "")
            return self._decrypted(kept, age)

    async def renew(self, account: str, stale: Secret | None, fetch: Callable[[], Awaitable[Secret]]) -> StoredToken:
        owner = secrets.token_hex(16)
        found = await self._find_or_lock(account, stale, owner)
        if isinstance(found, StoredToken):
            return found
        extending = asyncio.create_task(self._extend(account, owner), name="airmeet-token-lease")
        try:
            return await self._save(account, await fetch(), *found)
        finally:
            extending.cancel()  # if it is just extending the lock, it does so before the next line, or in vain
            await run_to_completion(self._set_lease(account, owner, 0))

    async def _find_or_lock(self, account: str, stale: Secret | None, owner: str) -> StoredToken | tuple[int, bytes]:
        """Return a token that is not *stale*, or, once nobody else has the lock, when it was taken and what was there.

        Raises:
            TokenStoreError: The server fails, or the lock never ends.
        """
        before = b""
        try:
            async with self._connected() as client:
                while True:
                    kept, age, taken = await self._run(
                        client, _LOOK_AND_LOCK, account, ("token", "lock"), owner, round(self._lease * 1000), before
                    )
                    found = self._decrypted(kept, age)
                    if found is not None and found.token != stale:
                        return found
                    if int(taken) > 0:
                        return int(taken), kept
                    if int(taken) < 0:
                        lock = key_of("lock", account)
                        raise TokenStoreError(f"{self.server}: {lock} is locked for ever; delete it if nobody signs in")
                    if kept == before:  # else it was only looked, and not locked
                        await asyncio.sleep(_POLL_SECONDS)
                    before = kept
        except asyncio.CancelledError:
            await run_to_completion(self._set_lease(account, owner, 0))  # it may have been taken all the same
            raise

    async def _save(self, account: str, token: Secret, taken: int, before: bytes) -> StoredToken:
        """Save *token*, and return what is kept now: it, or one that was asked for later."""
        encrypted = self._usable_cipher.encrypt(token.reveal().encode())
        async with self._connected() as client:
            kept, age = await self._run(
                client, _SAVE, account, ("token",), encrypted, taken, before, round(USABLE_SECONDS * 1000)
            )
        return self._decrypted(kept, age) or StoredToken(token, 0.0)

    async def _extend(self, account: str, owner: str) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            await self._set_lease(account, owner, self._lease)

    async def _set_lease(self, account: str, owner: str, seconds: float) -> None:
        """Let the lock end after *seconds*, if *owner* has it; at once with 0."""
        with suppress(TokenStoreError):
            async with self._connected() as client:
                await self._run(client, _EXTEND, account, ("lock",), owner, round(seconds * 1000))

    @asynccontextmanager
    async def _connected(self) -> "AsyncIterator[Redis]":
        try:
            with cancellation_kept():
                async with self.server.connect() as client:
                    yield client
        except self.server.failures as error:
            raise TokenStoreError(f"{self.server}: {self.server.reason(error)}") from error

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
        if not token or not is_visible_ascii(token):
            return None
        return StoredToken(Secret(token), age / 1e6 if age >= 0 else math.inf)
