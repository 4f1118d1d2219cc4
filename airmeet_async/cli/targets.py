"""Files to be written: made private beside their target, which is looked at first."""

import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from airmeet_async.errors import ConfigError

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
    """Open a new file that nobody else can read: results hold e-mail addresses and entry links."""
    path = folder / f".airmeet-{secrets.token_hex(6)}.part"
    no_follow = getattr(os, "O_NOFOLLOW", 0)  # not on Windows
    try:
        return path, open(path, "xb+", buffering=0, opener=lambda name, flags: os.open(name, flags | no_follow, 0o600))
    except OSError as error:
        raise ConfigError(f"{folder}: no file can be created there ({error.strerror}); choose another folder") from None


def check_target(path: Path, is_ours: Callable[[bytes], bool], what: str) -> None:
    """Check that a file can be made at *path*, or one of our own be replaced there.

    Args:
        path: The file.
        is_ours: Knows an earlier one by its beginning.
        what: What that is called.

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
        raise ConfigError(f"{path}: is a directory; name a file in it, such as {path / 'results.csv'}")
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
