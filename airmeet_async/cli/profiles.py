"""Profiles: key pairs with their address under a name, in one private file.

What others may read is not read, and what others may write is not trusted: both are errors that name the fix.
"""

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.errors import ConfigError
from airmeet_async.private_files import FileLock, UnsafeFileError, make_private_folder, open_private, replace_file
from airmeet_async.protocol.base_urls import Base, base_of, parse_base
from airmeet_async.protocol.redact import Secret

# The profile that is used when none is named.
DEFAULT = "default"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LARGEST = 1024 * 1024
_LOCK_SECONDS = 5.0


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
        raise UsageError(f"a profile name has only letters, digits, dots, - and _, unlike {name!r:.80}")
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
        raise ConfigError(f"profiles cannot be saved ({error}); put the keys in the environment instead") from None


def without_home(text: str | Path) -> str:
    """Return a path, or a sentence with paths, with ``~`` for the user's home: what is pasted need not name them."""
    with suppress(RuntimeError):  # in many containers there is no home, or it is the root, which names nobody
        if (home := Path.home()).name:
            return str(text).replace(f"{home}{os.sep}", f"~{os.sep}")
    return str(text)


def read_profiles(path: Path) -> dict[str, Profile]:
    """Return the profiles by name; none where there is no file.

    Raises:
        ConfigError: Others can read or change the file, or it is damaged.
    """
    try:
        with open_private(path) as file:
            text = file.read(_LARGEST)
    except FileNotFoundError:
        return {}
    except UnsafeFileError as error:
        raise ConfigError(f"{error}; generate new keys if somebody may have read those in the file") from None
    except OSError as error:
        raise ConfigError(f"{path}: the profiles cannot be read ({error.strerror})") from None
    try:
        found = {}
        for name, one in json.loads(text)["profiles"].items():
            access, secret = (str.strip(one[key]) for key in ("access_key", "secret_key"))  # a TypeError for a number
            region, uri = (one.get(key) if one.get(key) is None else str.strip(one[key]) for key in ("region", "uri"))
            found[check_name(name)] = Profile(name, Secret(access), Secret(secret), region, uri)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):  # a UsageError is one, too
        raise ConfigError(f"{path}: is not a profile file; delete it and run airmeet login again") from None
    return found


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
    try:
        make_private_folder(path.parent)
        lock = FileLock(path.with_name("profiles.lock"))
        try:
            if not lock.acquire(wait=_LOCK_SECONDS):
                raise ConfigError(f"{path}: another airmeet command is changing the profiles; try again")
            changed = change(read_profiles(path))
            if changed:
                profiles = {name: _document(changed[name]) for name in sorted(changed)}
                text = json.dumps({"version": 1, "profiles": profiles}, indent=2) + "\n"
                replace_file(path, text.encode("ascii"))
            else:
                path.unlink(missing_ok=True)
        finally:
            lock.release()
    except OSError as error:
        raise ConfigError(f"{path}: the profile cannot be saved there ({error.strerror})") from None


def _document(profile: Profile) -> dict[str, str]:
    keys = {"access_key": profile.access_key.reveal(), "secret_key": profile.secret_key.reveal()}
    return keys | ({"uri": profile.uri} if profile.uri else {"region": profile.region or ""})
