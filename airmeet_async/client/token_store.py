"""Where a token outlives its process: nowhere, or in a file that only its owner can read."""

import asyncio
import hashlib
import json
import logging
import os
import stat
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import anyio.to_thread

from airmeet_async.errors import ConfigError
from airmeet_async.private_files import try_lock
from airmeet_async.protocol.redact import Secret

_log = logging.getLogger("airmeet_async")

_LOCK_SECONDS = 0.05
_USABLE_SECONDS = 29 * 24 * 3600.0
"""A token is good for 30 days (help article, A)."""


def account_name(base: str, access_key: Secret, secret_key: Secret) -> str:
    """Return a file name for a key pair at an address, from which none of them can be read.

    The secret key counts, too: with it left out, a kept token would make a wrong secret look right for 30 days.
    """
    return hashlib.sha256(f"{base}\0{access_key.reveal()}\0{secret_key.reveal()}".encode()).hexdigest()[:32]


class TokenStore(Protocol):
    """Keeps tokens between processes. An unreadable token is no token; only a dangerous place is an error."""

    def lock(self, account: str) -> AbstractAsyncContextManager[None]:
        """Keep other processes from fetching a token for *account* at the same time."""
        ...

    async def load(self, account: str) -> Secret | None:
        """Return the kept token, or None."""
        ...

    async def save(self, account: str, token: Secret) -> None:
        """Keep *token*."""
        ...


class MemoryTokenStore:
    """Keeps tokens while the process lives; clients may share one."""

    def __init__(self) -> None:
        self._tokens: dict[str, Secret] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def lock(self, account: str) -> AsyncIterator[None]:
        """Keep the other clients of this process waiting."""
        async with self._locks.setdefault(account, asyncio.Lock()):
            yield

    async def load(self, account: str) -> Secret | None:
        """Return the kept token, or None."""
        return self._tokens.get(account)

    async def save(self, account: str, token: Secret) -> None:
        """Keep *token*."""
        self._tokens[account] = token


class FileTokenStore:
    """Keeps tokens in files of mode 0600 in a directory of mode 0700.

    Args:
        directory: Made if it is not there.

    Raises:
        ConfigError: On first use, when the directory or a file in it could be read or replaced by somebody else.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._directory = Path(directory)
        self._warned = False

    @asynccontextmanager
    async def lock(self, account: str) -> AsyncIterator[None]:
        """Hold an advisory lock on a lock file, which is never removed."""
        descriptor = await anyio.to_thread.run_sync(self._open_lock, account)
        try:
            # Asked for again and again, since a thread that waits for it could be neither cancelled nor used.
            while descriptor is not None and not _lock_now(descriptor):  # noqa: ASYNC110 - nothing signals it
                await asyncio.sleep(_LOCK_SECONDS)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)

    async def load(self, account: str) -> Secret | None:
        """Return the kept token, or None where there is none, it is too old, or the file is not what was written."""
        return await anyio.to_thread.run_sync(self._load, account)

    async def save(self, account: str, token: Secret) -> None:
        """Write a new file and put it in the old one's place. A disk that is full or read-only costs a warning."""
        await anyio.to_thread.run_sync(self._save, account, token)

    @property
    def directory(self) -> Path:
        """Where the files are."""
        return self._directory

    def saved_at(self, account: str) -> float | None:
        """Return when the kept token was saved, in seconds since the epoch, or None where there is none."""
        try:
            return None if self._load(account) is None else (self._directory / f"{account}.json").stat().st_mtime
        except OSError:  # removed just now
            return None

    def remove(self, account: str) -> bool:
        """Remove the kept token, and return whether there was one. Its lock file stays."""
        try:
            (self._directory / f"{account}.json").unlink()
        except OSError:
            return False
        return True

    def _open_lock(self, account: str) -> int | None:
        if not self._open_directory():
            return None
        path = self._directory / f"{account}.lock"
        try:
            return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            self._refuse_link(path, error)
            return None

    def _load(self, account: str) -> Secret | None:
        path = self._directory / f"{account}.json"
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError as error:
            self._refuse_link(path, error, quiet=True)
            return None
        with os.fdopen(descriptor, "rb") as file:
            _check_private(path, os.fstat(descriptor))
            return _parse(file.read(65536))

    def _save(self, account: str, token: Secret) -> None:
        path = self._directory / f"{account}.json"
        fresh = path.with_suffix(f".{os.getpid()}.new")
        document = json.dumps({"version": 1, "token": token.reveal(), "saved_at": time.time()})
        try:
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(document)
                file.flush()
                os.fsync(descriptor)
            fresh.replace(path)
        except OSError as error:
            self._warn(error)

    def _open_directory(self) -> bool:
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            status = os.lstat(self._directory)
        except OSError as error:
            self._warn(error)
            return False
        if stat.S_ISLNK(status.st_mode):
            status = self._directory.stat()
        _check_private(self._directory, status, forbidden=0o022)
        return True

    def _refuse_link(self, path: Path, error: OSError, *, quiet: bool = False) -> None:
        if path.is_symlink():
            message = f"{path} is a symbolic link; a token file must be a plain file of yours. Remove it"
            raise ConfigError(message) from None
        if not quiet:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        if not self._warned:
            self._warned = True
            _log.warning("the token cannot be kept in %s (%s); going on without", self._directory, error.strerror)


def _lock_now(descriptor: int) -> bool:
    try:
        return try_lock(descriptor)
    except OSError:  # without locks, also on Windows: at worst two processes fetch a token each
        return True


def _check_private(path: Path, status: os.stat_result, forbidden: int = 0o077) -> None:
    """Refuse what others could read or put there. Nothing is mended in silence: it may hold a foreign token already."""
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        message = f"{path} belongs to another user; set AIRMEET_TOKEN_CACHE to a path of your own, or to off"
        raise ConfigError(message)
    if stat.S_IMODE(status.st_mode) & forbidden:
        wanted = "0700" if stat.S_ISDIR(status.st_mode) else "0600"
        message = f"{path} is open to other users; run: chmod {wanted} {path}"
        raise ConfigError(message)


def _parse(text: bytes) -> Secret | None:
    try:
        document: Any = json.loads(text)
        token, saved_at = document["token"], float(document["saved_at"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    usable = isinstance(token, str) and token and all("!" <= char <= "~" for char in token)
    return Secret(token) if usable and time.time() - saved_at < _USABLE_SECONDS else None
