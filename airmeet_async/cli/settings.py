"""The settings of a command: keys, address, rate, token cache; from the environment and from profiles."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from attrs import frozen

from airmeet_async.api.addresses import Base
from airmeet_async.cli.logs import hide
from airmeet_async.cli.origins import Keys, Origins
from airmeet_async.client.pace import check_rate
from airmeet_async.client.stores import FileTokenStore, MemoryTokenStore, TokenStore, account_name
from airmeet_async.errors import ConfigError
from airmeet_async.front import AirmeetClient


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
    """Return the store after a look at the directory, since a run that has begun is a bad time to find fault."""
    store = FileTokenStore(directory)
    store._open_directory()
    return store
