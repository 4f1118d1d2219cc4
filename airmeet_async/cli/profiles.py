"""Profiles: key pairs with their address under a name, in one file that only its owner can read.

Rules of this file:

1. What others may read is not read, and what others may write is not trusted: both are errors that name the fix.
2. The file is never changed in place: a private one is written beside it and takes its name, while a lock file that
   is never removed keeps other processes from doing the same.
"""

import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import frozen

from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.output_files import private_file, put_in_place, write_all
from airmeet_async.errors import ConfigError
from airmeet_async.private_files import try_lock
from airmeet_async.protocol.base_urls import Base, base_of, parse_base
from airmeet_async.protocol.redact import Secret

DEFAULT = "default"
"""The profile that is used when none is named."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LARGEST = 1024 * 1024
_TURNS, _TURN_SECONDS = 100, 0.05
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)  # not on Windows


@frozen
class Profile:
    """A key pair and where it belongs.

    Attributes:
        name: What it is called.
        access_key: Of the pair.
        secret_key: Of the pair.
        region: The community's, or None where *uri* says it.
        uri: The whole base address, or None.
    """

    name: str
    access_key: Secret
    secret_key: Secret
    region: str | None = None
    uri: str | None = None

    def __str__(self) -> str:
        return f"profile {self.name}"

    @property
    def base(self) -> Base:
        """Where the API is.

        Raises:
            ConfigError: The file has an address that cannot be used.
        """
        return parse_base(self.uri or base_of(self.region or ""))


def check_name(name: str) -> str:
    """Return a name under which a profile can be kept.

    Raises:
        UsageError: It is none.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"a profile's name is a word of letters, digits, dots, - and _, not {name!r:.80}")
    return name


def profiles_path() -> Path:
    """Return where the profiles are kept.

    Raises:
        ConfigError: There is no home to keep them in.
    """
    from platformdirs import user_config_path

    try:
        return user_config_path("airmeet") / "profiles.json"
    except RuntimeError as error:
        raise ConfigError(f"there is no place for profiles ({error}); put the keys into the environment") from None


def homely(path: Path) -> str:
    """Return a path for people, with ``~`` for their home: what is pasted elsewhere need not name its owner."""
    try:
        return f"~{os.sep}{path.relative_to(Path.home())}"
    except (ValueError, RuntimeError):
        return str(path)


def read_profiles(path: Path) -> dict[str, Profile]:
    """Return the profiles by name; none where there is no file.

    Raises:
        ConfigError: Others can read or change the file, or it is damaged.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _NO_FOLLOW)
    except FileNotFoundError:
        return {}
    except OSError as error:
        if path.is_symlink():
            raise ConfigError(
                f"{path}: is a symbolic link, which is never followed; put the file itself there"
            ) from None
        raise ConfigError(f"{path}: the profiles cannot be read ({error.strerror})") from None
    with os.fdopen(descriptor, "rb") as file:
        _check_private(path, os.fstat(descriptor))
        return _parse(path, file.read(_LARGEST))


def _check_private(path: Path, status: os.stat_result) -> None:
    if not hasattr(os, "getuid"):
        return
    if status.st_uid != os.getuid():
        raise ConfigError(f"{path}: belongs to another user, so the keys in it are not used; remove it")
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise ConfigError(
            f"{path}: other users can read the keys in it; run chmod 600 {path}, and generate new keys if "
            "somebody may have seen these"
        )


def _parse(path: Path, text: bytes) -> dict[str, Profile]:
    try:
        kept: dict[str, dict[str, str]] = json.loads(text)["profiles"]
        found = {
            name: Profile(
                name,
                Secret(_text(one["access_key"])),
                Secret(_text(one["secret_key"])),
                one.get("region"),
                one.get("uri"),
            )
            for name, one in kept.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ConfigError(f"{path}: is not a file of profiles; remove it and run airmeet login again") from None
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def keep_profile(path: Path, profile: Profile) -> None:
    """Keep a profile, in place of an earlier one of its name.

    Raises:
        ConfigError: It cannot be kept.
    """
    _change(path, lambda kept: {**kept, profile.name: profile})


def remove_profile(path: Path, name: str) -> None:
    """Remove a profile; the file goes with the last one.

    Raises:
        ConfigError: The file cannot be changed.
    """
    _change(path, lambda kept: {other: profile for other, profile in kept.items() if other != name})


def _change(path: Path, change: Callable[[Mapping[str, Profile]], Mapping[str, Profile]]) -> None:
    folder = path.parent
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_folder(folder, folder.stat())
        with _locked(folder / "profiles.lock"):
            changed = change(read_profiles(path))
            if changed:
                _write(path, changed)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"{path}: the profile cannot be kept there ({error.strerror})") from None


def _check_folder(folder: Path, status: os.stat_result) -> None:
    ours = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    if not ours or (hasattr(os, "getuid") and stat.S_IMODE(status.st_mode) & 0o022):
        raise ConfigError(f"{folder}: others can write there, so no keys are kept in it; run chmod 700 {folder}")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_FOLLOW, 0o600)
    try:
        for _ in range(_TURNS):  # held for as long as a small file takes to be written
            if _lock_now(descriptor):
                break
            time.sleep(_TURN_SECONDS)
        else:
            raise ConfigError(f"{path}: another airmeet has been changing the profiles for seconds; try again")
        yield
    finally:
        os.close(descriptor)


def _lock_now(descriptor: int) -> bool:
    try:
        return try_lock(descriptor)
    except OSError:  # a network file system without locks
        return True


def _write(path: Path, profiles: Mapping[str, Profile]) -> None:
    document = {"version": 1, "profiles": {name: _document(profile) for name, profile in sorted(profiles.items())}}
    fresh, file = private_file(path.parent)
    try:
        write_all(file, json.dumps(document, indent=2).encode("ascii") + b"\n")
        put_in_place(fresh, file, path)
    except OSError:
        file.close()
        fresh.unlink(missing_ok=True)
        raise


def _document(profile: Profile) -> dict[str, str]:
    keys = {"access_key": profile.access_key.reveal(), "secret_key": profile.secret_key.reveal()}
    return keys | ({"uri": profile.uri} if profile.uri else {"region": profile.region or ""})
