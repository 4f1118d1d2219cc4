"""Files to be written: made private beside their target, which is looked at first.

Rules of this file:

1. A private file is locked from its first byte until it has its target's name, so that what nobody has locked is of
   a process that died.
2. Whoever removes such a leftover has its lock; whoever makes a file looks whether it is still there after locking it.
"""

import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from airmeet_async.errors import ConfigError
from airmeet_async.private_files import HAVE_LOCKS, try_lock

_HEAD = 1024 * 1024


def write_all(file: BinaryIO, content: bytes | bytearray) -> None:
    """Write all of it, however many writes that takes."""
    rest = memoryview(content)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    finally:
        rest.release()


def private_file(folder: Path) -> tuple[Path, BinaryIO]:
    """Open a new file that nobody else can read: results hold e-mail addresses and entry links.

    What processes that died have left in the folder is removed.

    Raises:
        ConfigError: There can be none.
    """
    _sweep(folder)
    while True:
        path, file = _new(folder)
        if _lock(file.fileno()) is not False and os.fstat(file.fileno()).st_nlink:
            return path, file
        file.close()  # somebody who sweeps was quicker


def put_in_place(path: Path, file: BinaryIO, target: Path) -> None:
    """Give a private file its target's name, and close it.

    Raises:
        OSError: It could not be done.
    """
    os.fsync(file.fileno())
    if not HAVE_LOCKS:
        file.close()  # Windows renames no open file, and has no locks to be lost
    path.replace(target)
    file.close()


def keep(path: Path) -> Path:
    """Give a private file whose target cannot be written a name that is never swept away, and return it."""
    kept = path.with_suffix(".kept")
    try:
        path.replace(kept)
    except OSError:
        return path
    return kept


def set_aside(path: Path) -> None:
    """Keep what an earlier run has left there as ``….bak``: it may be nowhere else."""
    if path.is_file() and path.stat().st_size:
        path.replace(path.with_name(path.name + ".bak"))


def _sweep(folder: Path) -> None:
    if not HAVE_LOCKS:
        return
    with suppress(OSError):
        for path in folder.glob(".airmeet-*.part"):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid():
                _remove_leftover(path)


def _remove_leftover(path: Path) -> None:
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if _lock(descriptor) and os.path.samestat(os.fstat(descriptor), path.lstat()):
                path.unlink()
        finally:
            os.close(descriptor)


def _lock(descriptor: int) -> bool | None:
    """Return whether it is locked by us, or None where there are no locks."""
    try:
        return try_lock(descriptor) if HAVE_LOCKS else None
    except OSError:  # a network file system without locks
        return None


def _new(folder: Path) -> tuple[Path, BinaryIO]:
    path = folder / f".airmeet-{secrets.token_hex(6)}.part"
    no_follow = getattr(os, "O_NOFOLLOW", 0)  # not on Windows
    try:
        return path, open(path, "xb+", buffering=0, opener=lambda name, flags: os.open(name, flags | no_follow, 0o600))
    except OSError as error:
        raise ConfigError(f"{folder}: no file can be created there ({error.strerror}); choose another folder") from None


def check_target(path: Path, is_ours: Callable[[bytes], bool], what: str, *, name: str = "results.csv") -> None:
    """Check that a file can be made at *path*, or one of our own be replaced there.

    Args:
        path: The file.
        is_ours: Knows an earlier one by its beginning.
        what: What that is called.
        name: What such a file may be named.

    Raises:
        ConfigError: Something else is there.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); choose another path") from None
    if stat.S_ISLNK(mode):
        raise ConfigError(f"{path}: is a symbolic link, which is never followed; name the file itself")
    if stat.S_ISDIR(mode):
        raise ConfigError(f"{path}: is a directory; name a file in it, such as {path / name}")
    head = _head_of(path) if stat.S_ISREG(mode) else b"?"
    if head and not is_ours(head):
        # Most likely the input file, typed once too often.
        raise ConfigError(f"{path}: exists and is not {what}; choose another name or remove it first")


def _head_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); choose another name") from None
