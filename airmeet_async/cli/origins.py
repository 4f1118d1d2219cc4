"""Where keys and address come from: what was typed, then the environment, then a profile, then the default.

Rules of this file:

1. The two keys come from one place. Half a pair of the environment is not completed from a profile.
2. A profile gives keys and address together, and only where the environment has no keys. So an old login never sends
   the environment's keys to an address of its own. The environment's address wins over the profile's, and that is said.
3. A profile that was typed wins over the environment's keys and address; one that ``AIRMEET_PROFILE`` names does not.
"""

from collections.abc import Mapping, MutableMapping

from attrs import field, frozen

from airmeet_async.api.addresses import Base
from airmeet_async.api.secret import Secret
from airmeet_async.cli.exits import KeysError
from airmeet_async.cli.profiles import DEFAULT, Profile, profiles_path, read_profiles
from airmeet_async.client.options import find_base, find_key
from airmeet_async.errors import ConfigError

KEYS = ("AIRMEET_ACCESS_KEY", "AIRMEET_SECRET_KEY")
ADDRESS = ("AIRMEET_URI", "AIRMEET_REGION")
PROFILE = "AIRMEET_PROFILE"


@frozen
class Keys:
    """A key pair, and where it comes from."""

    access: Secret
    secret: Secret
    origin: str

    @property
    def masked(self) -> str:
        """The access key so that its owner knows it again and nobody can use it."""
        text = self.access.reveal()
        return f"****{text[-4:]}" if len(text) >= 16 else "****"


@frozen
class Address:
    """An address, and where it comes from."""

    base: Base
    origin: str


@frozen
class Origins:
    """An environment and the profile that belongs to it.

    Attributes:
        profile: The profile, or None.
        unused: The name of one that the environment names, and does not need.
    """

    profile: Profile | None
    unused: str
    _environ: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Origins":
        """Find the profile.

        Raises:
            KeysError: There is no profile of that name.
            ConfigError: The file of profiles cannot be used.
        """
        name = environ.get(PROFILE, "").strip()
        if all(_said(environ, key) for key in KEYS):
            return cls(None, name, environ)
        kept = read_profiles(profiles_path()) if name or _has_home() else {}
        if name and name not in kept:
            raise KeysError(_no_profile(name, kept))
        return cls(kept.get(name or DEFAULT), "", environ)

    def keys(self) -> Keys:
        """Return the key pair.

        Raises:
            KeysError: A key is missing or malformed.
        """
        present = [name for name in KEYS if _said(self._environ, name)]
        if len(present) < 2 and (present or self.profile is None):
            raise KeysError(_missing(present, self.profile))
        try:
            if present or self.profile is None:
                access, secret = (find_key(None, name, self._environ) for name in KEYS)
                return Keys(access, secret, "the environment")
            pair = (("access key", self.profile.access_key), ("secret key", self.profile.secret_key))
            access, secret = (find_key(key.reveal(), f"the {what} of {self.profile}", {}) for what, key in pair)
            return Keys(access, secret, str(self.profile))
        except ConfigError as error:
            raise KeysError(str(error)) from None

    def address(self) -> Address:
        """Return where the API is.

        Raises:
            ConfigError: What says so cannot be used.
        """
        said = next((name for name in ADDRESS if name in self._environ), None)
        if said is None and self.profile is not None:
            return Address(self.profile.base, str(self.profile))
        return Address(find_base(None, None, self._environ), said or "the default")

    def notices(self) -> tuple[str, ...]:
        """Return what somebody may not expect, one sentence each."""
        if self.unused:
            return (f"profile {self.unused} is not used: the environment has keys, which win over AIRMEET_PROFILE",)
        if self.profile is None:
            return ()
        address = self.address()
        if address.base != self.profile.base:
            return (f"keys of {self.profile}, address of {address.origin}, which wins over the profile's",)
        return (f"keys of {self.profile}",)


def prefer(profile: str, environ: MutableMapping[str, str]) -> None:
    """Let a profile that was typed win: take out of the environment what it says."""
    for name in (*KEYS, *ADDRESS):
        environ.pop(name, None)
    environ[PROFILE] = profile


def _said(environ: Mapping[str, str], name: str) -> bool:
    return bool(environ.get(name, "").strip())


def _has_home() -> bool:
    try:
        profiles_path()
    except ConfigError:
        return False
    return True


def _no_profile(name: str, kept: Mapping[str, Profile]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, kept, 1)
    if close:
        return f"there is no profile {name!r:.80}; did you mean {close[0]!r}?"
    others = f"; there are {', '.join(sorted(kept))}" if kept else ""
    return f"there is no profile {name!r:.80}{others} (to make it: airmeet login --profile {name!s:.80})"


def _missing(present: list[str], profile: Profile | None) -> str:
    missing = [name for name in KEYS if name not in present]
    verb = "is" if len(missing) == 1 else "are"
    said = f"{' and '.join(missing)} {verb} not set"
    if present and profile is not None:
        return f"{said}, but {present[0]} is: set both, or unset it to use profile {profile.name}"
    return (
        f"{said}; generate a key pair in the community dashboard under Integrations, API Access Key, and keep it with "
        "airmeet login, or put it into the environment (to look around without one: airmeet demo)"
    )
