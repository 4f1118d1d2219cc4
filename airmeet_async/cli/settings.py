"""The environment: keys, address, rate, token cache. Keys come from nowhere else."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from attrs import field, frozen

from airmeet_async.api.addresses import Base
from airmeet_async.cli.exits import KeysError
from airmeet_async.client.options import find_base, find_key
from airmeet_async.client.pace import check_rate
from airmeet_async.client.stores import FileTokenStore, MemoryTokenStore, TokenStore
from airmeet_async.errors import ConfigError
from airmeet_async.front import AirmeetClient

_KEYS = ("AIRMEET_ACCESS_KEY", "AIRMEET_SECRET_KEY")


@frozen
class Settings:
    """What the environment says, checked.

    Attributes:
        base: Where the API is.
        rate: ``AIRMEET_RATE``, a number or ``auto``, or None where it is not set.
        store: Where tokens are kept.
        notices: What was decided without being asked, one sentence each.
    """

    base: Base
    rate: float | Literal["auto"] | None
    store: TokenStore
    notices: tuple[str, ...]
    _environ: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "Settings":
        """Read the environment.

        Raises:
            KeysError: A key is missing or malformed.
            ConfigError: Another setting cannot be used.
        """
        _check_keys(environ)
        store, notices = _store(environ.get("AIRMEET_TOKEN_CACHE", "").strip())
        return cls(find_base(None, None, environ), _rate(environ), store, notices, environ)

    def client(self, concurrency: int | None = None) -> AirmeetClient:
        """Return a client with these settings."""
        access_key, secret_key = (self._environ[name] for name in _KEYS)
        return AirmeetClient(
            access_key,
            secret_key,
            base_url=str(self.base),
            token_store=self.store,
            max_in_flight=64 if concurrency is None else concurrency,
        )


def _check_keys(environ: Mapping[str, str]) -> None:
    missing = [name for name in _KEYS if not environ.get(name, "").strip()]
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        raise KeysError(
            f"{' and '.join(missing)} {verb} not set; generate a key pair in the community dashboard under "
            "Integrations, API Access Key, and put it into the environment (to look around without one: airmeet demo)"
        )
    try:
        for name in _KEYS:
            find_key(None, name, environ)
    except ConfigError as error:
        raise KeysError(str(error)) from None


def _rate(environ: Mapping[str, str]) -> float | Literal["auto"] | None:
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


def _store(place: str) -> tuple[TokenStore, tuple[str, ...]]:
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
