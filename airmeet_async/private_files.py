"""Files that only their owner can read or replace: made private, checked, locked, and replaced as a whole.

Keys, tokens, journals, results and report pages are kept with these functions::

    make_private_folder(path.parent)
    lock = FileLock(path.with_name("profiles.lock"))
    if not lock.acquire(wait=5.0):
        raise ConfigError("another process is changing the profiles")
    try:
        with open_private(path) as file:              # FileNotFoundError, or UnsafeFileError
            profiles = change(json.load(file))
        replace_file(path, json.dumps(profiles).encode())
    finally:
        lock.release()

`check_folder` is for files with others beside them that are believed, such as SQLite's: nobody else may be able to put
one there. A file that is filled over time and named at its end is a `NewFile`; `check_target` first says whether it may
take the place that somebody typed.

Rules of this file:

1. A file is opened without following a link and without waiting for the other end of a FIFO, and checked through its
   descriptor: what was checked is what is used. `check_private` takes a path only for those who must not open the file.
2. What other users could read or replace is refused, not mended: it may hold something of theirs already. A hard
   link is refused, too: somebody could make us truncate a file that its owner has elsewhere. A file that was made just
   now is taken as it is: on a disk that keeps no modes (FAT, a Windows drive in WSL) results can be no more private.
3. A lock is on a file of its own that is never removed: else one process could lock the file without a name, and
   another one the new file.
4. A `NewFile` is locked from its first byte until it has its name. So a ``.airmeet-*.part`` without a lock is of a
   process that died, and is removed by the next one that makes a file there. Whoever removes one holds its lock, and
   whoever makes one checks after locking that it still has a name.
5. A folder is made private with all that is missing above it: under umask 002, whoever is in the group could otherwise
   replace it. What is there already is checked up to the root.
6. Where there are no locks (Windows, some network disks), everything works unlocked and nothing is swept away.
7. Whether a file is still as we wrote it is told by its time of change, whose microseconds are a checksum of its origin
   and its content. So nothing has to be kept elsewhere, and whatever a person or a program saves there is known as
   theirs; where a disk keeps no microseconds, so is our own.

`UnsafeFileError` is raised for what rules 1 and 2 refuse, and `OSError` as the system raises it.
"""

import errno
import hashlib
import os
import secrets
import stat
import struct
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from io import FileIO
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Literal, Self

from airmeet_async.errors import ConfigError

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_POSIX = hasattr(os, "getuid")
# Not on Windows, which has no symbolic links for ordinary users either.
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
_POLL_SECONDS = 0.02
_HEAD_BYTES = 1024 * 1024


class UnsafeFileError(ConfigError):
    """A file or folder is not its user's own and private one.

    Attributes:
        path: The file.
        reason: What is wrong with it, such as ``is a symbolic link``.
        fix: What to do about it. Those who know more than this module say it better.
    """

    def __init__(self, path: Path, reason: str, fix: str) -> None:
        super().__init__(f"{path}: {reason}; {fix}")
        self.path = path
        self.reason = reason
        self.fix = fix


def check_private(path: Path, status: os.stat_result | None = None) -> None:
    """Check that *path* is a plain file, of this user, that nobody else can read or write.

    Args:
        path: The file.
        status: Of its open descriptor. By default the path is looked up, which is for SQLite's files only: closing a
            second descriptor of such a file would drop SQLite's locks.
    """
    status = status or path.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise UnsafeFileError(path, "is a symbolic link, which is never followed", "replace it with the file itself")
    if not stat.S_ISREG(status.st_mode):
        raise UnsafeFileError(path, "is not a plain file", "name another path")
    if status.st_nlink > 1:
        raise UnsafeFileError(path, "has a second name (a hard link)", "copy it and delete both names")
    if _POSIX:
        _check_owner(path, status, forbidden=0o077, wanted="0600")


def _check_owner(path: Path, status: os.stat_result, *, forbidden: int, wanted: str) -> None:
    if status.st_uid != os.getuid():
        raise UnsafeFileError(path, "belongs to another user", "use a path of your own")
    if stat.S_IMODE(status.st_mode) & forbidden:
        raise UnsafeFileError(path, "is open to other users", f"run: chmod {wanted} {path}")


def make_private_folder(path: Path, *, in_shared_folder: bool = False) -> None:
    """Make *path* with mode 0700, unless it is there and nobody else can write in it or replace it.

    Args:
        path: The folder. Missing ones above it are made, too.
        in_shared_folder: Everybody can make files above it, as in ``/tmp``. Then it may be no link, and readable for
            nobody else.
    """
    missing = [one for one in (path, *path.parents) if not os.path.lexists(one)]
    for one in reversed(missing):
        one.mkdir(mode=0o700, exist_ok=True)
    status = path.lstat() if in_shared_folder else path.stat()
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeFileError(path, "is not a folder", "remove it")
    if _POSIX:
        _check_owner(path, status, forbidden=0o077 if in_shared_folder else 0o022, wanted="0700")
        _check_above(path)


def make_temporary_folder(base: Path | None = None) -> Path:
    """Make the folder of this user below the system's temporary one, if it is not there, and return it.

    Where another user has taken its name, or others can replace it, it is one in the state folder.

    Args:
        base: Where it is, instead of the system's temporary folder.

    Raises:
        OSError: There can be none; without a home it is a RuntimeError.
    """
    from platformdirs import user_state_path

    folder = (base or Path(tempfile.gettempdir())) / f"airmeet-{os.getuid() if _POSIX else 0}"
    try:
        make_private_folder(folder, in_shared_folder=True)
    except (OSError, UnsafeFileError):
        if base is not None:
            raise
        folder = user_state_path("airmeet") / "temporary"
        make_private_folder(folder)
    return folder


def check_folder(path: Path) -> None:
    """Check that nobody else can make files in a folder, or put another folder in its place.

    A sticky bit is not enough: it keeps others from removing our files, and not from making what is read with them.
    """
    if not _POSIX:
        return
    status = path.stat()
    # The superuser works in other people's folders, above all in containers, and is steered by nobody's own folder.
    if status.st_uid not in {0, os.getuid()} and os.getuid():
        raise UnsafeFileError(path, "belongs to another user", "use a folder of your own")
    if who := _other_writers(path, status):
        raise _open_folder(path, status, who)
    _check_above(path)


def _check_above(path: Path) -> None:
    """Check that nobody else can replace a folder by another one, or a link on the way to it.

    Who owns a folder can rename all in it, with a sticky bit, too. The superuser is exempt, as in `check_folder`.
    """
    me = os.getuid()
    for way in {path.absolute(), path.resolve()}:
        for child, parent in pairwise((way, *way.parents)):
            status = parent.stat()
            if me and status.st_uid not in {0, me} and status.st_uid not in _administrators():
                raise UnsafeFileError(parent, "belongs to another user", "use a folder of your own")
            is_kept = status.st_mode & stat.S_ISVTX and child.lstat().st_uid in {0, me}
            if not is_kept and (who := _other_writers(parent, status)):
                raise _open_folder(parent, status, who)


def _administrators() -> set[int]:
    """Return who owns the folders above this user's home: they can replace it, and are not root everywhere.

    In a container without root's own number it is nobody's, on Android that of the system.
    """
    import pwd

    home = Path("/")
    with suppress(KeyError):  # in a container this user may have no name
        home = Path(pwd.getpwuid(os.getuid()).pw_dir)  # and not the environment's, which may lead anywhere
    found = set[int]()
    for parent in (Path("/"), *home.parents):
        with suppress(OSError):
            found.add(parent.stat().st_uid)
    return found


def _open_folder(path: Path, status: os.stat_result, who: str) -> UnsafeFileError:
    can_be_closed = status.st_uid == os.getuid() and not status.st_mode & stat.S_ISVTX
    fix = f"run: chmod go-w {path}" if can_be_closed else "use a folder of your own"
    return UnsafeFileError(path, f"{who} can write in it", fix)


def _other_writers(path: Path, status: os.stat_result) -> str:
    """Return who besides its owner can write in a folder, if anybody: a group without other members is nobody."""
    import grp
    import pwd

    if status.st_mode & stat.S_IWOTH:
        return "everybody"
    if not status.st_mode & stat.S_IWGRP:
        return ""
    if _access_list_names_a_writer(path):
        return "somebody in its access list (getfacl)"
    try:
        group = grp.getgrgid(status.st_gid)
    except KeyError:  # in a container: nobody has it, or this process, whose user has no name either
        return "" if status.st_gid == os.getgid() else f"group {status.st_gid}"
    everybody = pwd.getpwall()
    members = {*group.gr_mem, *(one.pw_name for one in everybody if one.pw_gid == status.st_gid)}
    members -= {one.pw_name for one in everybody if one.pw_uid in {0, os.getuid()}}
    return f"the group {group.gr_name}" if members else ""


def _access_list_names_a_writer(path: Path) -> bool:
    """Return whether a POSIX access list lets other users or groups write, whose mask looks like the group's right."""
    try:
        found = os.getxattr(path, "system.posix_acl_access")
    except (OSError, AttributeError):  # none, or a system that knows none
        return False
    # A version, and then tag, rights and number of each entry; the tags are those of a named user and a named group.
    named = [(tag, who) for tag, rights, who in struct.iter_unpack("<HHI", found[4:]) if tag in {2, 8} and rights & 2]
    return any(tag == 8 or who not in {0, os.getuid()} for tag, who in named)


def open_private(path: Path, mode: Literal["rb", "rb+", "xb", "xb+"] = "rb") -> FileIO:
    """Open a private file, unbuffered; with ``x`` a new one."""
    return open(path, mode, buffering=0, opener=_open)


def _open(path: str, flags: int) -> int:
    try:
        descriptor = os.open(path, flags | _SAFE, 0o600)
    except OSError:
        if os.path.islink(path):  # noqa: PTH114 - its error differs by system, and would not say why
            check_private(Path(path))
        raise
    if flags & os.O_EXCL:  # new: nobody else has made or linked it, and refusing it would leave it behind
        return descriptor
    try:
        check_private(Path(path), os.fstat(descriptor))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


class FileLock:
    """Keeps other processes, and other `FileLock` objects of this one, out until `release`, or until nobody has it.

    Args:
        path: The lock's own file, which is never removed.
        create: Make it where it is missing. Those who only want to know whether it is locked need not.

    Attributes:
        descriptor: Of the file, where a caller keeps a note for those who find it locked.
        works: Whether it keeps anybody out, known after `acquire`: some network disks have no locks.
    """

    descriptor: int
    works: bool

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = path
        self.descriptor = _open(os.fspath(path), os.O_RDWR | (os.O_CREAT if create else 0))
        self.works = True

    def acquire(self, *, shared: bool = False, wait: float = 0.0) -> bool:
        """Return whether it is locked now.

        Args:
            shared: Others may share it.
            wait: Seconds to go on trying. The thread is blocked meanwhile, so event loops try again by themselves.
        """
        deadline = time.monotonic() + wait
        while (locked := _try_lock(self.descriptor, shared=shared)) is False:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL_SECONDS)
        self.works = locked is not None
        return True

    def release(self) -> None:
        """Let others in, also where a process that was forked off has the file open."""
        if fcntl is not None:
            with suppress(OSError):
                fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        descriptor, self.descriptor = self.descriptor, -1
        os.close(descriptor)

    def __del__(self) -> None:
        # Such as that of somebody who was cancelled while a thread opened it. Closed, not unlocked: a process that was
        # forked off may drop its copy, while ours still counts.
        if getattr(self, "descriptor", -1) >= 0:
            os.close(self.descriptor)


def _try_lock(descriptor: int, *, shared: bool = False) -> bool | None:
    """Return whether an open file is locked by us now, or None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


class NewFile:
    """A private file under a name of its own that takes its target's name when it is complete.

    As a context manager it removes what was neither put in place nor kept.

    Args:
        folder: The target's folder. What processes that died have left in it is removed.

    Attributes:
        path: Where it is.
        file: Open for writing and reading, unbuffered.

    Raises:
        ConfigError: No file can be created in the folder.
    """

    path: Path
    file: FileIO

    def __init__(self, folder: Path) -> None:
        remove_leftovers(folder)
        while True:
            self.path = folder / f".airmeet-{secrets.token_hex(6)}.part"
            try:
                self.file = open_private(self.path, "xb+")
            except OSError as error:
                message = f"{folder}: no file can be created there ({error.strerror}); choose another folder"
                raise ConfigError(message) from None
            if _try_lock(self.file.fileno()) is not False and os.fstat(self.file.fileno()).st_nlink:
                return
            self.file.close()  # another process swept before it was locked

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()

    def write(self, content: bytes | bytearray) -> None:
        """Write all of it, however many writes that takes."""
        with memoryview(content) as rest:
            start = 0
            while start < len(rest):
                start += self.file.write(rest[start:])

    def put(self, target: Path, *, backup: bool = False, origin: str | None = None) -> None:
        """Give it its target's name, and close it.

        Args:
            target: What is there is replaced.
            backup: Keep that as ``….bak``, unless it is empty.
            origin: What it was made from, by which `is_as_written` knows it again.
        """
        if origin is not None:
            self.file.seek(0)
            second = 1_000_000_000
            at = time.time_ns() // second * second + _checksum(self.file, origin) * 1000
            # Not by its name: in a folder that others can write, that may lead to another file by now.
            os.utime(self.file.fileno() if os.utime in os.supports_fd else self.path, ns=(at, at))
        os.fsync(self.file.fileno())
        found = self.path.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.fstat(self.file.fileno()).st_uid:
            raise OSError(errno.EPERM, "another user has put something else in its place")
        if backup:
            set_aside(target)
        if fcntl is None:
            self.file.close()  # Windows renames no open file, and there is no lock to be lost
        self.path.replace(target)
        self.file.close()

    def equals(self, path: Path) -> bool:
        """Whether there is a plain file with the same content."""
        try:
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode) or status.st_size != self.file.tell():
                return False
            self.file.seek(0)
            with FileIO(path) as other:
                while piece := self.file.read(_HEAD_BYTES):
                    if other.read(len(piece)) != piece:
                        return False
        except OSError:
            return False
        finally:
            self.file.seek(0, os.SEEK_END)
        return True

    def keep(self) -> Path:
        """Close it under a name that is never swept away, for a target that cannot be written, and return that."""
        kept = self.path.with_suffix(".kept")
        with suppress(OSError):
            self.path = self.path.replace(kept)
        self.file.close()
        return self.path

    def discard(self) -> None:
        """Remove it, unless it was put in place or kept."""
        if not self.file.closed:
            self.file.close()
            self.path.unlink(missing_ok=True)


def _open_as_it_is(path: str, flags: int) -> int:
    return os.open(path, flags | _SAFE)  # its mode does not matter: nothing in it is believed


def remove_leftovers(folder: Path) -> None:
    """Remove the parts of files that processes have left in a folder when they were killed."""
    with suppress(OSError):  # the folder is missing or closed to us: making the file will say so
        for path in folder.glob(".airmeet-*.part"):
            with suppress(OSError), open(path, "rb+", buffering=0, opener=_open_as_it_is) as file:
                status = os.fstat(file.fileno())
                is_ours = stat.S_ISREG(status.st_mode) and (not _POSIX or status.st_uid == os.getuid())
                if is_ours and _try_lock(file.fileno()) and os.path.samestat(status, path.lstat()):
                    path.unlink()


def replace_file(path: Path, content: bytes) -> None:
    """Write a private file, so that a reader finds the old content or the new one, and never a part.

    Raises:
        ConfigError: No file can be created in its folder.
        OSError: The file cannot be written, or not be replaced.
    """
    with NewFile(path.parent) as new:
        new.write(content)
        new.put(path)


def set_aside(path: Path) -> None:
    """Keep what an earlier run has left there as ``….bak``, or ``….bak2`` and so on: it may be nowhere else."""
    if path.is_file() and path.stat().st_size:
        kept, number = path.with_name(f"{path.name}.bak"), 1
        while kept.exists() or kept.is_symlink():
            number += 1
            kept = path.with_name(f"{path.name}.bak{number}")
        path.replace(kept)


def _checksum(file: FileIO, origin: str) -> int:
    found = hashlib.blake2b(origin.encode(errors="surrogateescape"), digest_size=8)
    while piece := file.read(_HEAD_BYTES):
        found.update(piece)
    return int.from_bytes(found.digest(), "big") % 1_000_000


def is_as_written(path: Path, origin: str) -> bool:
    """Return whether a file is what was put there with that origin, and nobody has changed it since; an empty one is.

    A file of another user is not: in a folder such as ``/tmp`` nobody can replace it.

    Args:
        path: The file, which is there.
        origin: As for `NewFile.put`.
    """
    try:
        with FileIO(path, opener=_open_as_it_is) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or (_POSIX and status.st_uid != os.getuid()):
                return False
            return not status.st_size or status.st_mtime_ns // 1000 % 1_000_000 == _checksum(file, origin)
    except OSError:
        return False


def find_place(path: Path, origin: str) -> Path:
    """Return the path where a file may be put, numbered where something is that is not as a run has written it."""
    found, number = path, 1
    while (found.exists() or found.is_symlink()) and not is_as_written(found, origin):
        number += 1
        found = path.with_stem(f"{path.stem}-{number}")
    return found


def check_target(path: Path, is_ours: Callable[[bytes], bool], what: str, *, name: str = "results.csv") -> None:
    """Check that a file can be made at a path that somebody typed, or an earlier one of ours be replaced there.

    Args:
        path: The file.
        is_ours: Knows an earlier one by its first megabyte.
        what: What that is called.
        name: What such a file may be named.

    Raises:
        ConfigError: Something else is there.
    """
    try:
        status = path.lstat()
        mode, head = status.st_mode, b""
        if stat.S_ISREG(mode):
            if _POSIX and _only_owners_replace(path, status):
                raise ConfigError(f"{path}: belongs to another user; choose another path")
            with FileIO(path, opener=_open_as_it_is) as file:  # it may be another one by now, such as a FIFO
                mode = os.fstat(file.fileno()).st_mode
                head = file.read(_HEAD_BYTES) or b""
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); choose another path") from None
    if stat.S_ISLNK(mode):
        raise ConfigError(f"{path}: is a symbolic link, which is never followed; name the file itself")
    if stat.S_ISDIR(mode):
        raise ConfigError(f"{path}: is a directory; name a file in it, such as {path / name}")
    if not stat.S_ISREG(mode) or (head and not is_ours(head)):
        # Most likely the input file, typed once too often.
        raise ConfigError(f"{path}: exists and is not {what}; choose another name or delete it first")


def _only_owners_replace(path: Path, status: os.stat_result) -> bool:
    """Return whether a file is another user's in a sticky folder, where it can be neither replaced nor removed."""
    folder = path.parent.stat()
    return bool(folder.st_mode & stat.S_ISVTX) and os.getuid() not in {0, status.st_uid, folder.st_uid}
