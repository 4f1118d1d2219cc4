"""Token stores: in memory, or in files that only their owner can read."""

import asyncio
import hashlib
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import anyio.to_thread

from airmeet_async.errors import ConfigError
from airmeet_async.private_files import FileLock, UnsafeFileError, make_private_folder, open_private, replace_file
from airmeet_async.protocol.redact import Secret

_log = logging.getLogger("airmeet_async")

_LOCK_SECONDS = 0.05
_LONGEST = 65536
_USABLE_SECONDS = 29 * 24 * 3600.0
"""A token is good for 30 days (help article, A)."""


def account_name(base: str, access_key: Secret, secret_key: Secret) -> str:
    """Return a file name for a key pair at an address, from which none of them can be read.

    The secret key counts, too: with it left out, a kept token would make a wrong secret look right for 30 days.
    """
    return hashlib.sha256(f"{base}\0{access_key.reveal()}\0{secret_key.reveal()}".encode()).hexdigest()[:32]


class TokenStore(Protocol):
    """Stores tokens for reuse. A token that cannot be read counts as missing; only an unsafe location is an error."""

    def lock(self, account: str) -> AbstractAsyncContextManager[None]:
        """Stop other processes from fetching a token for *account* at the same time."""
        ...

    async def load(self, account: str) -> Secret | None:
        """Return the stored token, or None."""
        ...

    async def save(self, account: str, token: Secret) -> None:
        """Store *token*."""
        ...


class MemoryTokenStore:
    """Stores tokens in memory until the process ends. Several clients may share one store."""

    def __init__(self) -> None:
        self._tokens: dict[str, Secret] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def lock(self, account: str) -> AsyncIterator[None]:
        """Make the other clients of this process wait."""
        async with self._locks.setdefault(account, asyncio.Lock()):
            yield

    async def load(self, account: str) -> Secret | None:
        return self._tokens.get(account)

    async def save(self, account: str, token: Secret) -> None:
        self._tokens[account] = token


class FileTokenStore:
    """Stores tokens in files of mode 0600 in a directory of mode 0700, so that later processes need no sign-in.

    If the disk is full or read-only, the client logs one warning and continues without stored tokens.

    Args:
        directory: Created if it does not exist.

    Raises:
        ConfigError: On first use, if other users could read or replace the directory or a file in it.
    """

    directory: Path

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self.directory = Path(directory)
        self._has_warned = False

    @asynccontextmanager
    async def lock(self, account: str) -> AsyncIterator[None]:
        """Hold an advisory lock on a lock file, which is never removed."""
        lock = await anyio.to_thread.run_sync(self._open_lock, account)
        try:
            # Asked for again and again, since a thread that waits for it could be neither cancelled nor used.
            while lock is not None and not lock.acquire():  # noqa: ASYNC110 - nothing signals it
                await asyncio.sleep(_LOCK_SECONDS)
            yield
        finally:
            if lock is not None:
                lock.release()

    async def load(self, account: str) -> Secret | None:
        """Return the kept token, or None where there is none, it is too old, or the file is not what was written."""
        return await anyio.to_thread.run_sync(self._load, account)

    async def save(self, account: str, token: Secret) -> None:
        """Write a new file and put it in the old one's place."""
        try:
            await anyio.to_thread.run_sync(self._save, account, token)
        except (OSError, ConfigError) as error:
            self._warn(error)

    def saved_at(self, account: str) -> float | None:
        """Return when the kept token was saved, in seconds since the epoch, or None where there is none."""
        try:
            return None if self._load(account) is None else self._path(account).stat().st_mtime
        except OSError:  # removed just now
            return None

    def remove(self, account: str) -> bool:
        """Remove the kept token, and return whether there was one. Its lock file stays."""
        try:
            self._path(account).unlink()
        except OSError:
            return False
        return True

    def _path(self, account: str) -> Path:
        return self.directory / f"{account}.json"

    def check(self) -> bool:
        """Make the directory, unless it is there, and return whether tokens can be kept in it.

        Raises:
            ConfigError: Somebody else could read or replace what is in it.
        """
        try:
            with _other_place():
                make_private_folder(self.directory)
        except OSError as error:
            self._warn(error)
            return False
        return True

    def _open_lock(self, account: str) -> FileLock | None:
        if not self.check():
            return None
        try:
            with _other_place():
                return FileLock(self.directory / f"{account}.lock")
        except OSError as error:
            self._warn(error)
            return None

    def _save(self, account: str, token: Secret) -> None:
        document = json.dumps({"version": 1, "token": token.reveal(), "saved_at": time.time()})
        replace_file(self._path(account), document.encode("ascii"))

    def _load(self, account: str) -> Secret | None:
        try:
            with _other_place(), open_private(self._path(account)) as file:
                return _parse(file.read(_LONGEST))
        except OSError:
            return None

    def _warn(self, error: Exception) -> None:
        if not self._has_warned:
            self._has_warned = True
            reason = getattr(error, "strerror", None) or error
            _log.warning("the token cannot be saved in %s (%s); continuing without", self.directory, reason)


@contextmanager
def _other_place() -> Iterator[None]:
    """Add to the refusal of a file the way out that only token stores have."""
    try:
        yield
    except UnsafeFileError as error:
        raise ConfigError(f"{error}, or set AIRMEET_TOKEN_CACHE to a path of your own, or to off") from None


def _parse(text: bytes) -> Secret | None:
    try:
        document: Any = json.loads(text)
        token, saved_at = document["token"], float(document["saved_at"])
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    usable = isinstance(token, str) and token and all("!" <= char <= "~" for char in token)
    return Secret(token) if usable and time.time() - saved_at < _USABLE_SECONDS else None
