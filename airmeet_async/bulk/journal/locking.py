"""The file of a journal: made private, locked for as long as it is open, and refused where it is not ours.

Rules of this file:

1. The lock comes first, in a file of its own beside the journal: closing any descriptor of the journal itself would
   drop SQLite's own locks. The lock file is never removed while anybody could hold it.
2. The journal is made with mode 0600 before SQLite sees it; ``-wal`` and ``-shm`` inherit that.
3. One connection writes. Everybody else reads with ``mode=ro``, also in the process that writes.
4. A file that is not a journal is refused and left as it is.
5. SQLite believes the files beside a journal: a ``-wal`` or ``-journal`` of somebody else becomes a part of it. So
   nobody else may be able to make files in its folder, and those that are there are checked like the journal itself.
6. A shard may lie on a network disk, where shared memory reaches one host only. So SQLite has it for itself from the
   first access on, also to read it, and where there are no locks it is refused. Its lock file remembers which run of it
   was the last one, which tells an older copy that somebody has put back over it.
7. A journal is data: before any other statement, its schema is compared with ours to the letter, so no trigger, view or
   foreign table ever runs. `row_encoding` and `writer.read_facts` check what stands in the tables.
"""

import logging
import os
import secrets
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache
from pathlib import Path
from shlex import quote

from airmeet_async.bulk.journal.schema import APPLICATION_ID, SHARD_ID, VERSION, create_tables
from airmeet_async.errors import JournalError
from airmeet_async.private_files import FileLock, UnsafeFileError, check_folder, check_private, open_private

_log = logging.getLogger("airmeet_async.journal")

SIDE_FILES = ("-wal", "-shm", "-journal", "-lock")

DAMAGE = (sqlite3.Error, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError)
"""What is raised by a file that is damaged, or was not written by a run."""

_HEAD = 72  # bytes of a database up to the end of its application id
_PATIENCE = 0.2  # seconds: `holder_of` in another process holds the lock for an instant


@contextmanager
def _as_journal_error(path: Path, message: str) -> Iterator[None]:
    """Raise errors of the system as a `JournalError`; *message* has a place for the reason."""
    try:
        yield
    except UnsafeFileError as error:
        raise JournalError(str(error)) from None
    except OSError as error:
        raise JournalError(f"{path}: {message.format(error.strerror)}") from None


class JournalLock:
    """Keeps other processes out of a journal until `release`, or until this process ends.

    Args:
        path: The journal.

    Attributes:
        note: What `write_note` has kept there last, in any process.

    Raises:
        JournalError: Another process has it, or the file for the lock cannot be used.
    """

    note: str = ""

    def __init__(self, path: Path) -> None:
        lock_path = path.with_name(path.name + "-lock")
        with _as_journal_error(lock_path, "cannot be opened ({}); check the path"):
            self._lock = FileLock(lock_path)
        if not self._lock.acquire(wait=_PATIENCE):
            holder = _process_in(self._lock) or "unknown"
            self._lock.release()
            message = f"{path}: this run is already in progress (process {holder}); nothing was sent"
            raise JournalError(message, busy=True)
        if not self._lock.works:  # a network file system without locks: there is nothing better to be had
            _log.warning("%s cannot be locked: make sure that no second run uses it", path)
        try:
            with _as_journal_error(lock_path, "cannot be read ({}); check the disk"):
                note = _lines_in(self._lock)[1]
            self.write_note(note)
        except JournalError:
            self._lock.release()
            raise

    def write_note(self, note: str) -> None:
        """Keep a line beside the journal.

        Raises:
            JournalError: It cannot be written.
        """
        text, descriptor = f"{os.getpid()}\n{note}\n".encode(), self._lock.descriptor
        with _as_journal_error(self._lock.path, "cannot be written ({}); free disk space"):
            os.pwrite(descriptor, text, 0)  # over what is there: a kill before the next line loses nothing
            os.ftruncate(descriptor, len(text))
        self.note = note

    def require(self, path: Path) -> None:
        """Refuse a shard on a disk that has no locks.

        Raises:
            JournalError: It is on one.
        """
        if not self._lock.works:
            message = f"{path}: this disk has no locks, so two machines could send the same rows; nothing was sent"
            raise JournalError(f"{message}. Keep the shards on one that has, such as NFS from version 4 on")

    def release(self) -> None:
        """Let others in, also where a process that was forked off has the file open."""
        self._lock.release()


def holder_of(path: Path) -> int | None:
    """Return the process that has a journal open, or None where nobody has."""
    try:
        lock = FileLock(path.with_name(path.name + "-lock"), create=False)
    except (OSError, ValueError, UnsafeFileError):  # a ValueError: the path is no file's
        return None
    try:
        return None if lock.acquire(shared=True) else _process_in(lock)
    finally:
        lock.release()


def remove_side_files(path: Path) -> None:
    """Remove the empty ``-wal`` and the ``-shm`` that a reader has left beside a journal: only a writer can do that."""
    try:
        if path.with_name(path.name + "-wal").stat().st_size:
            return  # of a run that has died: the next one reads it
        lock = FileLock(path.with_name(path.name + "-lock"), create=False)
    except (OSError, UnsafeFileError):
        return
    try:
        if lock.acquire():
            with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as connection:
                connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    finally:
        lock.release()


def _process_in(lock: FileLock) -> int:
    try:
        return int(_lines_in(lock)[0] or 0)
    except (OSError, ValueError):
        return 0


def _lines_in(lock: FileLock) -> list[str]:
    """Return the process that has a journal, and the note beside it; each may be empty."""
    return [*os.pread(lock.descriptor, 200, 0).decode("ascii", "replace").split("\n"), "", ""][:2]


def create_file(path: Path) -> None:
    """Make an empty private file, if there is nothing yet.

    Raises:
        JournalError: It cannot be made.
    """
    with (
        _as_journal_error(path, "the run cannot be recorded there ({}); choose a directory of your own"),
        suppress(FileExistsError),
    ):
        open_private(path, "xb").close()


def check_place(path: Path) -> None:
    """Refuse a folder in which somebody else could make the files beside a journal.

    Raises:
        JournalError: With a place where a journal can be.
    """
    try:
        check_folder(path.parent)
    except UnsafeFileError as error:
        why = f"{error.path}: {error.reason}, so another user could read or steer the run"
        raise JournalError(f"{why}; {_way_out(path)}") from None
    except OSError as error:
        raise JournalError(f"{path}: the run cannot be recorded there ({error.strerror}); check the path") from None


def _way_out(path: Path) -> str:
    """Return how to use a folder for a journal that nobody else can write: the user's home, unless that is none."""
    folder, make = Path(tempfile.gettempdir()) / f"airmeet-{secrets.token_hex(4)}", True
    with suppress(OSError, RuntimeError, UnsafeFileError):  # a RuntimeError: there is no home
        check_folder(Path.home())
        if os.access(Path.home(), os.W_OK | os.X_OK):
            folder, make = Path.home(), False
    name = (
        path.name if make or not (folder / path.name).exists() else f"{path.stem}-{secrets.token_hex(4)}{path.suffix}"
    )
    first = f"mkdir -m 700 {quote(str(folder))} && " if make else ""
    if path.exists():  # what belongs to it goes with it, and is checked there
        return f"move it to one of your own: {first}mv -n {quote(str(path))}* {quote(str(folder))}/"
    made = f" after mkdir -m 700 {quote(str(folder))}" if make else ""
    return f"use a path of your own, such as {folder / name}{made}"


def check_file(path: Path) -> bool:
    """Refuse a file that is not a journal of this user's own, or that others can read or steer.

    Returns:
        Whether it is a shard.

    Raises:
        JournalError: With the reason.
    """
    check_place(path)
    with _as_journal_error(path, "the run file cannot be opened ({})"):
        status = path.lstat()
        check_private(path, status)
    for part in (path.with_name(path.name + ending) for ending in SIDE_FILES):
        try:
            check_private(part)
        except FileNotFoundError:
            pass
        except UnsafeFileError as error:
            fix = error.fix if "chmod" in error.fix else "delete it"
            raise JournalError(f"{part}: {error.reason}, so it is not of this run; {fix}") from None
        except OSError as error:
            raise JournalError(f"{part}: cannot be read ({error.strerror})") from None
    if not status.st_size:  # a crash in the first moment leaves an empty file
        return False
    # Before SQLite has it open, whose locks a close would drop.
    with _as_journal_error(path, "cannot be read ({})"), path.open("rb") as file:
        head = file.read(_HEAD)
    if not head.startswith(b"SQLite format 3\0"):
        raise JournalError(f"{path}: is not a run file and was left unchanged; choose another path")
    return int.from_bytes(head[68:], "big") == SHARD_ID


def connect(path: Path, *, is_shard: bool = False) -> sqlite3.Connection:
    """Open a checked file for writing, with its tables. Only the thread that calls this may use the connection.

    Raises:
        JournalError: It is not a journal, or one of another version.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, cached_statements=32)
    except sqlite3.Error as error:
        raise journal_error(path, error) from None
    try:
        if is_shard:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        _create_or_check_tables(connection, path)
        connection.execute("PRAGMA journal_mode = WAL").fetchone()  # readers do not hold up the run
        connection.execute(
            "PRAGMA synchronous = FULL"
        )  # a commit is on the disk when it returns; NORMAL does not say so
        connection.execute("PRAGMA fullfsync = 1")  # macOS: past the cache of the drive, too
        # The index of a million entries: where it does not fit, loading in no order reads it again and again.
        connection.execute("PRAGMA cache_size = -32000")
        # Where a transaction outgrows that, SQLite would write pages early, the hottest ones first, each many times.
        connection.execute("PRAGMA cache_spill = OFF")
        connection.execute("PRAGMA journal_size_limit = 16000000")
    except sqlite3.Error as error:
        connection.close()
        raise journal_error(path, error) from None
    except BaseException:
        connection.close()
        raise
    return connection


def connect_nameless() -> sqlite3.Connection:
    """Open a database without a name, which nobody else can open and which is gone with this process."""
    connection = sqlite3.connect("", isolation_level=None, cached_statements=32)
    connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000")
    create_tables(connection)
    return connection


def connect_copy(path: Path) -> sqlite3.Connection:
    """Open a copy of a journal without a name: nothing that is done to it changes the journal, which a run may have.

    Raises:
        JournalError: It is not a journal, or there is no room for a copy.
    """
    try:
        with closing(connect_read_only(path)) as source:
            copy = sqlite3.connect("", isolation_level=None, cached_statements=32)
            try:
                source.backup(copy)
                copy.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -8000")
            except BaseException:
                copy.close()
                raise
    except sqlite3.Error as error:
        raise journal_error(path, error) from None
    finally:
        remove_side_files(path)
    return copy


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Open a journal for reading, also while a run has it.

    Raises:
        JournalError: It is not a journal, or a shard that a run has.
    """
    # What this process has open is checked already, and closing a descriptor of ours would drop SQLite's locks.
    is_open_here = holder_of(path) == os.getpid()
    if not is_open_here and check_file(path):
        return _connect_to_shard(path)
    try:
        uri, patience = f"{path.absolute().as_uri()}?mode=ro", _PATIENCE if is_open_here else 5.0
        connection = sqlite3.connect(uri, timeout=patience, uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise journal_error(path, error) from None
    try:
        _check_kind(connection, path)
    except BaseException as error:
        connection.close()
        if is_open_here and isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
            raise JournalError(f"{path}: this shard is being sent by this very process", busy=True) from None
        if isinstance(error, sqlite3.Error):
            raise journal_error(path, error) from None
        raise
    return connection


class _ShardConnection(sqlite3.Connection):
    """Keeps others out until it is closed."""

    lock: JournalLock | None = None

    def close(self) -> None:
        super().close()
        if self.lock is not None:
            self.lock.release()
            self.lock = None


def _connect_to_shard(path: Path) -> sqlite3.Connection:
    try:
        lock = JournalLock(path)
    except JournalError as error:
        if not error.busy:
            raise
        message = f"{path}: this shard is being sent (process {holder_of(path) or 'unknown'})"
        raise JournalError(f"{message}, and no other process can read or send it meanwhile", busy=True) from None
    try:
        lock.require(path)
        connection = sqlite3.connect(path, isolation_level=None, factory=_ShardConnection)
    except BaseException as error:
        lock.release()
        if isinstance(error, sqlite3.Error):
            raise journal_error(path, error) from None
        raise
    connection.lock = lock
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchone()
        _check_kind(connection, path)
        connection.execute("PRAGMA query_only = ON")
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise journal_error(path, error) from None
        raise
    return connection


def _create_or_check_tables(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
        _check_kind(connection, path)
        return
    with suppress(sqlite3.Error):
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
    create_tables(connection)


_SCHEMA = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name"


@cache
def _own_schema() -> list[tuple[str, ...]]:
    with closing(connect_nameless()) as connection:
        return connection.execute(_SCHEMA).fetchall()


def _check_kind(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA application_id").fetchone()[0] not in {APPLICATION_ID, SHARD_ID}:
        connection.close()
        raise JournalError(f"{path}: is a database but is not a run file, and was left unchanged; choose another path")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == VERSION:
        if connection.execute(_SCHEMA).fetchall() == _own_schema():
            return
        connection.close()
        raise JournalError(f"{path}: holds tables or rules that no run file has, and was left unchanged; delete it")
    connection.close()
    if version < VERSION:
        message = f"{path}: was written by airmeet-async 0.1, which keeps its runs in another way"
        fix = "finish it with that version, or start over with another file, which sends everybody in the list again"
        raise JournalError(f"{message}; {fix}")
    message = f"{path}: is a run file of version {version}, but this airmeet-async reads version {VERSION}"
    raise JournalError(f"{message}; finish the run with the version that started it")


def journal_error(path: Path, error: Exception) -> JournalError:
    """Return the error that tells the journal's owner what a failure of SQLite means."""
    reason = str(error) or type(error).__name__
    if not isinstance(error, sqlite3.Error):
        # Found while it is read, perhaps after its first rows were sent, and it may be the only record of them.
        message = f"{path}: holds what no run has recorded ({reason}), so nothing more is sent"
        return JournalError(f"{message}; if somebody gave you the file, delete it")
    hint = "free disk space" if "full" in reason else "check the disk and the file"
    return JournalError(f"{path}: the run file cannot be used ({reason}); {hint}, then resume the run")
