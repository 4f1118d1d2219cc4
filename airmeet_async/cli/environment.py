"""The settings of a command: keys, address, rate, token cache; from the environment and from profiles."""

import math
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Literal, TypeVar

import anyio
from attrs import field, frozen

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.cli.console import Voice, hide
from airmeet_async.cli.exit_codes import KeysError, TerminatedError
from airmeet_async.cli.profiles import DEFAULT, Profile, profiles_path, read_profiles
from airmeet_async.client.client import Waiting
from airmeet_async.client.config import find_base, find_key
from airmeet_async.client.rate_limiter import check_rate
from airmeet_async.client.token_store import FileTokenStore, MemoryTokenStore, TokenStore, account_name
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.base_urls import Base
from airmeet_async.protocol.redact import Secret

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


@frozen
class Settings:
    """What a command is to use, checked.

    Attributes:
        base: Where the API is.
        rate: ``AIRMEET_RATE``, a number or ``auto``, or None where it is not set.
        store: Where tokens are kept.
        notices: What was decided without being asked, one sentence each.
        keys: The key pair.
        address_from: Who says where the API is.
    """

    base: Base
    rate: float | Literal["auto"] | None
    store: TokenStore
    notices: tuple[str, ...]
    keys: Keys
    address_from: str

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the environment, and the profile where that has no keys or names one.

        Raises:
            KeysError: A key is missing or malformed.
            ConfigError: Another setting cannot be used.
        """
        origins = Origins.of(environ)
        keys = origins.keys()
        hide(keys.access.reveal(), keys.secret.reveal())
        store, notices = find_store(environ)
        address = origins.address()
        said = (*origins.notices(), *notices)
        return cls(address.base, find_rate(environ), store, said, keys, address.origin)

    def client(self, concurrency: int | None = None) -> AirmeetClient:
        """Return a client with these settings."""
        return AirmeetClient(
            self.keys.access.reveal(),
            self.keys.secret.reveal(),
            base_url=str(self.base),
            token_store=self.store,
            max_in_flight=64 if concurrency is None else concurrency,
        )

    @property
    def account(self) -> str:
        """The name of these keys at this address in a store of tokens."""
        return account_name(str(self.base), self.keys.access, self.keys.secret)


def find_rate(environ: Mapping[str, str]) -> float | Literal["auto"] | None:
    """Return ``AIRMEET_RATE``, if it is set.

    Raises:
        ConfigError: It is no rate.
    """
    text = environ.get("AIRMEET_RATE", "").strip()
    if not text:
        return None
    if text.lower() == "auto":
        return "auto"
    try:
        return check_rate(float(text))
    except ValueError:  # ConfigError, too
        raise ConfigError(
            f"AIRMEET_RATE is {text!r:.40}; it must be auto or a number of requests per second above 0"
        ) from None


def find_store(environ: Mapping[str, str]) -> tuple[TokenStore, tuple[str, ...]]:
    """Return where tokens are kept, and what is to be said about that.

    Raises:
        ConfigError: ``AIRMEET_TOKEN_CACHE`` cannot be used.
    """
    place = environ.get("AIRMEET_TOKEN_CACHE", "").strip()
    if place.lower() == "off":
        return MemoryTokenStore(), ()
    if place.startswith(("redis://", "rediss://")):
        raise ConfigError("AIRMEET_TOKEN_CACHE: a token cache in Redis is not supported yet; use a directory, or off")
    if place:
        return _opened(Path(place).expanduser()), ()
    from platformdirs import user_state_path

    try:
        return _opened(user_state_path("airmeet") / "tokens"), ()
    except (ConfigError, RuntimeError) as error:  # nobody asked for this place, so it must not fail the run
        return MemoryTokenStore(), (f"the token is not kept for the next run: {error}",)


def _opened(directory: Path) -> FileTokenStore:
    """Return the store after a check of the directory, since a run that has begun is a bad time to find fault."""
    store = FileTokenStore(directory)
    store.check()
    return store


T = TypeVar("T")

_CAUSES = {
    "throttled": "Airmeet asks to slow down (429)",
    "not sent": "Airmeet cannot be reached",
    "ambiguous": "no clear answer",
}
_WORTH_SAYING = 1.0


def ask(environ: Mapping[str, str], voice: Voice, work: Callable[[AirmeetClient], Awaitable[T]]) -> T:
    """Do *work* with a client that says what it waits for.

    Raises:
        AirmeetError: The settings cannot be used, or Airmeet did not do it.
        TerminatedError: SIGTERM or SIGHUP came.
    """
    settings = Settings.of(environ)
    voice.say(*settings.notices)

    async def asking() -> T:
        async with settings.client() as client:
            return await work(client.with_options(on_wait=partial(tell, voice)))

    with terminable():
        return anyio.run(asking)


def tell(voice: Voice, waiting: Waiting) -> None:
    """Say what a call waits for, unless it is over before anybody has read it."""
    if waiting.cause == "not ready":
        voice.say(f"Airmeet is preparing the list; asking again in {math.ceil(waiting.seconds)} s")
    elif waiting.seconds >= _WORTH_SAYING:
        voice.say(f"{_CAUSES.get(waiting.cause, waiting.cause)}; trying again in {math.ceil(waiting.seconds)} s")


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does: what is half done is tidied up.

    Raises:
        TerminatedError: One of them came.
    """
    caught: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as for what a script runs in the background
            raise TerminatedError(number)
        caught.append(number)
        signal.raise_signal(signal.SIGINT)  # which the event loop takes gently

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.getsignal(number) for number in numbers}
    ours = [number for number, handler in before.items() if handler is signal.SIG_DFL]  # nohup ignores SIGHUP
    for number in ours:
        signal.signal(number, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        if caught:
            raise TerminatedError(caught[0]) from None
        raise
    finally:
        for number in ours:
            signal.signal(number, before[number])
