"""The file of a journal: made private, locked for as long as it is open, and refused where it is not ours.

Rules of this file:

1. The lock comes first, in a file of its own beside the journal: closing any descriptor of the journal itself would
   drop SQLite's own locks. The lock file is never removed while anybody could hold it.
2. The journal is made with mode 0600 before SQLite sees it; ``-wal`` and ``-shm`` inherit that.
3. One connection writes. Everybody else reads with ``mode=ro``.
4. What is not a journal is refused and left as it is.
"""

import logging
import os
import sqlite3
import stat
import time
from contextlib import suppress
from pathlib import Path

from airmeet_async.bulk.journal.schema import APPLICATION_ID, TABLES, VERSION
from airmeet_async.errors import JournalError
from airmeet_async.private_files import try_lock, unlock

_log = logging.getLogger("airmeet_async.journal")

_TRIES, _MOMENT = 10, 0.02
_FLAGS = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class Lock:
    """Keeps other processes out of a journal until `release`, or until this process ends.

    Args:
        path: The journal.

    Raises:
        JournalError: Another process has it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + "-lock")
        try:
            self._descriptor = os.open(self.path, _FLAGS | os.O_CREAT, 0o600)
        except OSError as error:
            raise JournalError(f"{self.path}: cannot be opened ({error.strerror}); check the path") from None
        try:
            self._take(path)
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)
        except BaseException as error:
            os.close(self._descriptor)
            if isinstance(error, OSError):
                raise JournalError(f"{self.path}: cannot be written ({error.strerror}); make room") from None
            raise

    def _take(self, path: Path) -> None:
        """Lock the file; somebody who only looks holds it for a moment, so it is tried more than once."""
        for _ in range(_TRIES):
            try:
                if try_lock(self._descriptor):
                    return
            except OSError as error:  # a network file system without locks: there is nothing better to be had
                _log.warning("%s cannot be locked (%s): see that no second run uses it", path, error.strerror)
                return
            time.sleep(_MOMENT)
        holder = _holder(self._descriptor) or "unknown"
        message = f"{path}: a run of this journal is going on (process {holder}); nothing was sent here"
        raise JournalError(message, busy=True)

    def release(self) -> None:
        """Let others in, also where a process that was forked off has the file open."""
        unlock(self._descriptor)
        os.close(self._descriptor)


def _holder(descriptor: int) -> int:
    try:
        return int(os.pread(descriptor, 20, 0) or 0)
    except (OSError, ValueError):
        return 0


def holder_of(path: Path) -> int | None:
    """Return the process that has a journal open, or None where nobody has."""
    try:
        descriptor = os.open(path.with_name(path.name + "-lock"), _FLAGS)
    except OSError:
        return None
    try:
        return None if try_lock(descriptor, shared=True) else _holder(descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def make(path: Path) -> None:
    """Make an empty private file, if there is nothing yet.

    Raises:
        JournalError: It cannot be made.
    """
    try:
        os.close(os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be made ({error.strerror}); name a place of yours") from None


def check(path: Path) -> None:
    """Refuse what is not a private file of ours.

    Raises:
        JournalError: With the reason.
    """
    try:
        status = os.lstat(path)
    except OSError as error:
        raise JournalError(f"{path}: the journal cannot be opened ({error.strerror})") from None
    if not stat.S_ISREG(status.st_mode):
        raise JournalError(f"{path}: a journal is a plain file, no link, directory or device; name another path")
    if hasattr(os, "getuid") and status.st_uid != os.getuid():
        raise JournalError(f"{path}: belongs to another user; name a path of your own")
    if os.name == "posix" and stat.S_IMODE(status.st_mode) & 0o077:
        raise JournalError(f"{path}: is open to other users, and holds personal data; run: chmod 0600 {path}")
    if status.st_size and not _head(path).startswith(b"SQLite format 3\0"):
        raise JournalError(f"{path}: is not a journal; it is left as it is, so name another path")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:  # before SQLite has it open, so no lock of its can be dropped
            return file.read(16)
    except OSError as error:
        raise JournalError(f"{path}: cannot be read ({error.strerror})") from None


def connect(path: Path) -> sqlite3.Connection:
    """Open a checked file for writing, with its tables. Only the thread that calls this may use the connection.

    Raises:
        JournalError: It is not a journal, or one of another version.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, cached_statements=32)
    except sqlite3.Error as error:
        raise broken(path, error) from None
    try:
        _identify(connection, path)
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = 1")
        connection.execute("PRAGMA cache_size = -16000")
    except sqlite3.Error as error:
        connection.close()
        raise broken(path, error) from None
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a journal for a look, also while a run has it.

    Raises:
        JournalError: It is not a journal.
    """
    check(path)
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        _check_kind(connection, path)
    except sqlite3.Error as error:
        raise broken(path, error) from None
    return connection


def _identify(connection: sqlite3.Connection, path: Path) -> None:
    if _tables(connection):
        _check_kind(connection, path)
        return
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
    pragmas = f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION};"
    connection.executescript(f"BEGIN; {pragmas} {TABLES} COMMIT;")


def _check_kind(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        connection.close()
        raise JournalError(f"{path}: is a database, but not a journal; it is left as it is, so name another path")
    if (version := connection.execute("PRAGMA user_version").fetchone()[0]) != VERSION:
        connection.close()
        message = f"{path}: is a journal of version {version}, and this airmeet-async reads version {VERSION}"
        raise JournalError(f"{message}; finish it with the version that began it")


def _tables(connection: sqlite3.Connection) -> int:
    found: int = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
    return found


def broken(path: Path, error: Exception) -> JournalError:
    """Return what a failure of the file means to its owner."""
    reason = str(error) or type(error).__name__
    hint = "make room" if "full" in reason else "check the disk and the file"
    return JournalError(f"{path}: the journal cannot be used ({reason}); {hint}, then resume the run")
