"""Token stores: where a token outlives its client, so that many clients share one sign-in.

Rules of this file:

1. Look before locking: whoever finds a valid token waits for nobody.
2. One fetch at a time. What somebody else has stored while we asked wins over our own answer: they asked later, and on
   a server where a new token ends the old one ours is dead already.
3. A store that fails raises, and does nothing else about it: `SharedToken` warns once and signs in without it. An
   unsafe place is a `ConfigError`, which is not passed over, since a token in it would not be ours alone.
4. A store works from several event loops, threads and processes at once, and outlives each of them.
"""

import asyncio
import hashlib
import json
import logging
import math
import os
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import anyio.to_thread
from attrs import frozen

from airmeet_async.errors import ConfigError
from airmeet_async.private_files import (
    FileLock,
    UnsafeFileError,
    make_private_folder,
    open_private,
    remove_leftovers,
    replace_file,
)
from airmeet_async.protocol.http_messages import is_visible_ascii
from airmeet_async.protocol.redact import Secret

_log = logging.getLogger("airmeet_async")

_LOCK_SECONDS = 0.05
_LONGEST_LOCK_SECONDS = 10.0
"""How long somebody who is signing in is waited for: the process may be halted, or its event loop idle for ever."""
_LONGEST = 65536
USABLE_SECONDS = 29 * 24 * 3600.0
"""A token is good for 30 days (help article, A)."""


def account_name(base: str, access_key: Secret, secret_key: Secret) -> str:
    """Return a file name for a key pair at an address, from which none of them can be read.

    The secret key counts, too: with it left out, a kept token would make a wrong secret look right for 30 days.
    """
    return hashlib.sha256(f"{base}\0{access_key.reveal()}\0{secret_key.reveal()}".encode()).hexdigest()[:32]


@frozen
class StoredToken:
    """A token from a store.

    Attributes:
        token: The token.
        age: Seconds since it was fetched, by the store's clock; infinite where the store does not know.
    """

    token: Secret
    age: float


class TokenStore(Protocol):
    """Stores tokens, for all clients with the same keys at the same address. To write one, see `LockedTokenStore`.

    A store that cannot be used raises whatever it likes, or takes its time. No call fails by it: the client logs one
    warning, which names the classes of the store and of the exception, or the reason of an `OSError`, and signs in by
    itself. It does so after half a minute without an answer, in which others may have been signing in. An
    `AirmeetError` is not passed over.
    """

    async def current(self, account: str) -> StoredToken | None:
        """Return the stored token, without waiting for anybody who is fetching one; None where there is none."""
        ...

    async def renew(self, account: str, stale: Secret | None, fetch: Callable[[], Awaitable[Secret]]) -> StoredToken:
        """Return a token that is not *stale*: the stored one, else what *fetch* brings, which is stored.

        Args:
            account: Names the keys and the address.
            stale: The token that was refused, or None.
            fetch: Signs in. Others who want a token meanwhile wait for this one. What it raises comes out as it is.
        """
        ...


class TokenStoreError(Exception):
    """A store cannot be used, for a reason without secrets."""


@runtime_checkable
class EncryptingTokenStore(TokenStore, Protocol):
    """A store that others can read, and which therefore encrypts its tokens."""

    def for_account(self, account: str, secret_key: Secret) -> TokenStore:
        """Return the store of one client; *secret_key* never leaves the process."""
        ...


class LockedTokenStore(ABC):
    """The base class of stores that can lock, load and save. What these raise costs one warning, and no call.

    A lock that ends by itself (a lease) may end too early: then the token of the next holder is used.
    """

    @abstractmethod
    def lock(self, account: str) -> AbstractAsyncContextManager[Any]:
        """Keep others from fetching a token for *account* at the same time."""

    @abstractmethod
    async def load(self, account: str) -> Secret | None:
        """Return the stored token, or None."""

    @abstractmethod
    async def save(self, account: str, token: Secret) -> None:
        """Store *token*."""

    async def current(self, account: str) -> StoredToken | None:
        token = await self.load(account)
        return None if token is None else StoredToken(token, math.inf)

    async def renew(self, account: str, stale: Secret | None, fetch: Callable[[], Awaitable[Secret]]) -> StoredToken:
        before = await self.current(account)
        if before is not None and before.token != stale:
            return before
        async with self.lock(account):
            before = await self.current(account)
            if before is not None and before.token != stale:
                return before
            token = await fetch()
            during = await self.current(account)
            if during is not None and during.token not in (stale, before and before.token):
                return during
            await self.save(account, token)
        return StoredToken(token, 0.0)


class MemoryTokenStore(LockedTokenStore):
    """Stores tokens in memory until the process ends. Several clients may share one store, also on different loops."""

    def __init__(self) -> None:
        self._tokens: dict[str, tuple[Secret, float]] = {}
        # Who fetches a token. Not an `asyncio.Lock`, which belongs to one loop.
        self._holders: dict[str, tuple[int, asyncio.AbstractEventLoop]] = {}
        self._mutex = threading.Lock()

    @asynccontextmanager
    async def lock(self, account: str) -> AsyncIterator[None]:
        """Make the other clients of this process wait."""
        holder = (os.getpid(), asyncio.get_running_loop())
        while True:
            with self._mutex:
                process, loop = self._holders.get(account, (0, None))
                # A loop that does not run, or that stayed behind in a fork, may never release anything.
                if loop is None or process != holder[0] or not loop.is_running():
                    self._holders[account] = holder
                    break
            await asyncio.sleep(_LOCK_SECONDS)
        try:
            yield
        finally:
            with self._mutex:
                if self._holders.get(account) is holder:
                    del self._holders[account]

    async def current(self, account: str) -> StoredToken | None:
        if (found := self._tokens.get(account)) is None:
            return None
        token, saved_at = found
        return StoredToken(token, max(0.0, asyncio.get_running_loop().time() - saved_at))

    async def load(self, account: str) -> Secret | None:
        found = self._tokens.get(account)
        return None if found is None else found[0]

    async def save(self, account: str, token: Secret) -> None:
        # All loops have one clock, the system's monotonic one; under virtual time it is the test's.
        self._tokens[account] = token, asyncio.get_running_loop().time()


class FileTokenStore(LockedTokenStore):
    """Stores tokens in files of mode 0600 in a directory of mode 0700, so that later processes need no sign-in.

    Args:
        directory: Created if it does not exist.

    Raises:
        ConfigError: On first use, if other users could read or replace the directory or a file in it.
    """

    directory: Path

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)

    @asynccontextmanager
    async def lock(self, account: str) -> AsyncIterator[None]:
        """Hold an advisory lock on a lock file, which is never removed. Go on without it after ten seconds.

        So does who cannot open it: whether the folder is of use is said by who saves.
        """
        lock: FileLock | None = None
        with suppress(TokenStoreError):
            lock = await anyio.to_thread.run_sync(self._open_lock, account, abandon_on_cancel=True)
        try:
            clock = asyncio.get_running_loop().time
            deadline = clock() + _LONGEST_LOCK_SECONDS
            # Asked for again and again, since a thread that waits for it could be neither cancelled nor used.
            while lock is not None and not lock.acquire():
                if clock() >= deadline:
                    _log.warning("another client has been signing in for %g s; not waiting", _LONGEST_LOCK_SECONDS)
                    break
                await asyncio.sleep(_LOCK_SECONDS)
            yield
        finally:
            if lock is not None:
                lock.release()

    async def current(self, account: str) -> StoredToken | None:
        """Return the kept token, or None where there is none, it is too old, or the file is not what was written."""
        return await anyio.to_thread.run_sync(self._load, account, abandon_on_cancel=True)

    async def load(self, account: str) -> Secret | None:
        found = await self.current(account)
        return None if found is None else found.token

    async def save(self, account: str, token: Secret) -> None:
        """Write a new file and put it in the old one's place."""
        await anyio.to_thread.run_sync(self._save, account, token, abandon_on_cancel=True)

    def remove(self, account: str) -> bool:
        """Remove the kept token, and return whether there was one. Its lock file stays.

        Raises:
            TokenStoreError: It cannot be removed.
        """
        self._sweep(account, older_than=0)
        with self._failures_named():
            try:
                self._path(account).unlink()
            except (FileNotFoundError, NotADirectoryError):
                return False
        return True

    def _path(self, account: str) -> Path:
        return self.directory / f"{account}.json"

    def check(self) -> None:
        """Make the directory, unless it is there.

        Raises:
            TokenStoreError: It cannot be made.
            ConfigError: Somebody else could read or replace what is in it.
        """
        with self._failures_named():
            make_private_folder(self.directory)

    @contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except UnsafeFileError as error:
            raise ConfigError(f"{error}, or set AIRMEET_TOKEN_CACHE to a path of your own, or to off") from None
        except OSError as error:
            raise TokenStoreError(f"{self.directory}: {error.strerror or type(error).__name__}") from error
        except ConfigError as error:  # no file can be created there
            raise TokenStoreError(str(error)) from error

    def _open_lock(self, account: str) -> FileLock:
        self.check()
        with self._failures_named():
            return FileLock(self.directory / f"{account}.lock")

    def _sweep(self, account: str, older_than: float) -> None:
        """Remove the tokens of processes that were killed while they wrote them."""
        remove_leftovers(self.directory)
        with suppress(OSError):
            for path in self.directory.glob(f"{account}.*.new"):  # of version 0.1, which locks none of them
                if time.time() - path.lstat().st_mtime >= older_than:
                    path.unlink()

    def _save(self, account: str, token: Secret) -> None:
        document = json.dumps({"version": 1, "token": token.reveal(), "saved_at": time.time()})
        with self._failures_named():
            make_private_folder(self.directory)
            self._sweep(account, older_than=60)
            replace_file(self._path(account), document.encode("ascii"))

    def _load(self, account: str) -> StoredToken | None:
        # What cannot be read is written anew, and if that does not work either, it is said there.
        with suppress(TokenStoreError), self._failures_named(), open_private(self._path(account)) as file:
            return _parse(file.read(_LONGEST))
        return None


def _parse(text: bytes) -> StoredToken | None:
    try:
        document: Any = json.loads(text)
        token, saved_at = document["token"], float(document["saved_at"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    usable = isinstance(token, str) and token and is_visible_ascii(token)
    age = time.time() - saved_at
    if not usable or not age < USABLE_SECONDS:  # also where it is no number
        return None
    # Saved in the future: the clock went back, which says nothing of the token's age.
    return StoredToken(Secret(token), age if age >= 0 else math.inf)


def token_folder(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """Return where the command line, and ``token_store="file"``, keep tokens: where `platformdirs` would have them.

    Raises:
        RuntimeError: There is no home directory.
    """
    if platform == "win32":
        local = environ.get("LOCALAPPDATA", "").strip()
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "airmeet" / "airmeet" / "tokens"
    state = environ.get("XDG_STATE_HOME", "").strip()
    if state and platform != "darwin":
        return Path(state) / "airmeet" / "tokens"
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    state_of_all = home / ("Library/Application Support" if platform == "darwin" else ".local/state")
    return state_of_all / "airmeet" / "tokens"


def choose_token_store(chosen: "TokenStore | str | None", environ: Mapping[str, str]) -> TokenStore:
    """Return the store that ``token_store=`` names.

    Raises:
        ConfigError: It is none.
    """
    match chosen:
        case None | "memory":
            return MemoryTokenStore()
        case "file":
            place = environ.get("AIRMEET_TOKEN_CACHE", "").strip()
            if place.lower() == "off":
                message = 'token_store="file", and AIRMEET_TOKEN_CACHE=off: unset the variable or set it to a directory'
                raise ConfigError(f'{message}, or use token_store="memory"')
            if place.startswith(("redis://", "rediss://")):
                raise ConfigError(
                    "AIRMEET_TOKEN_CACHE is a directory, or off; the address of Redis belongs into AIRMEET_REDIS"
                )
            try:
                return FileTokenStore(Path(place).expanduser() if place else token_folder(environ))
            except RuntimeError:
                message = 'token_store="file": there is no home directory; set AIRMEET_TOKEN_CACHE to a directory'
                raise ConfigError(message) from None
        case str():
            raise ConfigError(f"token_store must be 'file', 'memory' or a TokenStore, not {chosen!r:.80}")
        case type():
            raise ConfigError(f"token_store must be an object, not a class; write {chosen.__name__}(...)")
    own = getattr(type(chosen), "renew", None)
    if own is not None and own is not TokenStore.renew:
        return chosen
    methods = {name: staticmethod(getattr(chosen, name)) for name in ("lock", "load", "save") if hasattr(chosen, name)}
    if len(methods) == 3:  # a store of version 0.1, which had no base class
        derived: TokenStore = type(type(chosen).__name__, (LockedTokenStore,), methods)()
        return derived
    raise ConfigError(f"token_store must be 'file', 'memory' or a TokenStore, not {type(chosen).__name__}")
