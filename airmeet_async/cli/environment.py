"""The settings of a command, and a client with them.

Options win over the environment, the environment over the profile, and the profile over the defaults.

1. The two keys come from one place. Half a pair of the environment is not completed from a profile.
2. A profile gives keys and address together, and only where the environment has no keys: an old login must never send
   the environment's keys to an address of its own. The environment's address wins over the profile's, and that is said.
3. A profile that was typed wins over the environment's keys and address; one that ``AIRMEET_PROFILE`` names does not.
4. Every command loads this file, so that what is heavy is imported in the function that uses it.
"""

import math
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from functools import partial
from types import FrameType
from typing import TYPE_CHECKING, Literal, TypeVar

from attrs import evolve, frozen

from airmeet_async.cli.console import Console, hide
from airmeet_async.cli.event_loop import find_transport, run_async
from airmeet_async.cli.exit_codes import KeysError, TerminatedError
from airmeet_async.cli.options import check_rate
from airmeet_async.cli.profiles import DEFAULT, Profile, profiles_path, read_profiles
from airmeet_async.errors import AirmeetError, ConfigError, CredentialsError
from airmeet_async.protocol.base_urls import Base, Region, base_of, parse_base
from airmeet_async.protocol.redact import Secret

if TYPE_CHECKING:
    from airmeet_async import AirmeetClient
    from airmeet_async.client.telemetry import ClientEvent
    from airmeet_async.client.token_store import TokenStore

KEYS = ("AIRMEET_ACCESS_KEY", "AIRMEET_SECRET_KEY")
ADDRESS = ("AIRMEET_URI", "AIRMEET_REGION")
PROFILE = "AIRMEET_PROFILE"

T = TypeVar("T")


@frozen
class ApiKeys:
    """A key pair, and who says so: the environment or a profile."""

    access: Secret
    secret: Secret
    origin: str

    @property
    def masked(self) -> str:
        """The access key so that its owner knows it again and nobody can use it."""
        text, sign, region = self.access.reveal().partition("#")  # which many keys have in common
        return f"****{text[-4:]}{sign}{region[:4]}" if len(text) >= 12 else "****"


@frozen
class Settings:
    """What a command is to use, checked.

    Attributes:
        keys: The key pair.
        base: Where the API is.
        base_from: Who says so: a variable, a profile, or the default.
        rate: ``AIRMEET_RATE``, a number or ``auto``, or None where it is not set.
        store: Where tokens are kept.
        notices: What a user may not expect, one sentence each.
        redis: ``AIRMEET_REDIS``, where the token and a rate that is a number are shared, and auto where
            ``AIRMEET_RATE`` says so; or None.
        workers: ``AIRMEET_WORKERS``: how many share them; each keeps to its share of the rate while Redis is away.
    """

    keys: ApiKeys
    base: Base
    base_from: str
    rate: float | Literal["auto"] | None
    store: "TokenStore"
    notices: tuple[str, ...]
    redis: Secret | None = None
    workers: int = 1

    @classmethod
    def of(cls, environ: Mapping[str, str], redis: str | None = None) -> "Settings":
        """Read the environment, and the profile where that has no keys or names one.

        Args:
            environ: The environment.
            redis: An address of Redis that was typed; it wins.

        Raises:
            KeysError: A key is missing or malformed.
            ConfigError: Another setting cannot be used, or *redis* holds a password.
        """
        if redis:
            if "@" in redis or "password=" in redis:
                message = "every user of this machine can read a password in --redis; set AIRMEET_REDIS to the address"
                raise ConfigError(message)
            environ = {**environ, "AIRMEET_REDIS": redis}
        profile = find_profile(environ)
        keys = find_keys(environ, profile)
        hide(keys.access.reveal(), keys.secret.reveal())
        store, notices = find_store(environ)
        base, base_from = find_address(environ, profile)
        if profile is not None and base != profile.base:
            notices = (f"keys of {profile}, address of {base_from}, which overrides the profile's", *notices)
        elif profile is not None:
            notices = (f"keys of {profile}", *notices)
        elif unused := environ.get(PROFILE, "").strip():
            notices = (f"profile {unused} is not used: the keys in the environment override {PROFILE}", *notices)
        settings = cls(keys, base, base_from, find_rate(environ), store, notices)
        if not (shared_at := environ.get("AIRMEET_REDIS", "").strip()):
            return settings
        from airmeet_async.cluster.fleet import find_workers

        return evolve(settings, redis=Secret(shared_at), workers=find_workers(environ))

    def client(self, concurrency: int | None = None, rate: float | Literal["auto"] | None = None) -> "AirmeetClient":
        """Return a client with these settings.

        Args:
            concurrency: Requests under way at once.
            rate: Of a run. Default: ``AIRMEET_RATE``. Where Redis is named, a number is that of all commands together,
                and where ``AIRMEET_RATE`` is auto, they find the server's limit together.
        """
        from airmeet_async import AirmeetClient

        permits, rate = None, self.rate if rate is None else rate
        if self.redis is not None and (isinstance(rate, (int, float)) or rate == self.rate == "auto"):
            from airmeet_async.cluster.redis_permits import RedisPermits

            permits = RedisPermits(self.redis, rate, workers=self.workers)
        return AirmeetClient(
            self.keys.access.reveal(),
            self.keys.secret.reveal(),
            base_url=str(self.base),
            token_store=self.store,
            permits=permits,
            transport=find_transport(self.base),
            max_in_flight=64 if concurrency is None else concurrency,
        )


def prefer(profile: str, environ: MutableMapping[str, str]) -> None:
    """Let a profile that was typed win: remove from the environment what the profile says."""
    for name in (*KEYS, *ADDRESS):
        environ.pop(name, None)
    environ[PROFILE] = profile


def find_profile(environ: Mapping[str, str]) -> Profile | None:
    """Return the profile in use; none where the environment has both keys.

    Raises:
        KeysError: There is no profile of that name.
        ConfigError: The file of profiles cannot be used.
    """
    name = environ.get(PROFILE, "").strip()
    if len(_keys_in(environ)) == len(KEYS):
        return None
    try:
        path = profiles_path()
    except ConfigError:  # no home, as in many containers
        if name:
            raise
        return None
    kept = read_profiles(path)
    if not name or name in kept:
        return kept.get(name or DEFAULT)
    if close := get_close_matches(name, kept, 1):
        raise KeysError(f"there is no profile {name!r:.80}; did you mean {close[0]!r}?")
    others = f"; there are {', '.join(sorted(kept))}" if kept else ""
    raise KeysError(f"there is no profile {name!r:.80}{others} (create it with airmeet login --profile {name!s:.80})")


def find_keys(environ: Mapping[str, str], profile: Profile | None) -> ApiKeys:
    """Return the key pair.

    Raises:
        KeysError: A key is missing or malformed.
    """
    from airmeet_async.client.config import find_key

    present = _keys_in(environ)
    try:
        if len(present) == len(KEYS):
            access, secret = (find_key(None, name, environ) for name in KEYS)
            return ApiKeys(access, secret, "the environment")
        if profile is not None and not present:
            access = find_key(profile.access_key.reveal(), f"the access key of {profile}", {})
            secret = find_key(profile.secret_key.reveal(), f"the secret key of {profile}", {})
            return ApiKeys(access, secret, str(profile))
    except ConfigError as error:
        raise KeysError(str(error)) from None
    missing = [name for name in KEYS if name not in present]
    said = f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set"
    if profile is not None:
        raise KeysError(f"{said}, but {present[0]} is; set both, or unset it to use {profile}")
    raise KeysError(
        f"{said}; generate a key pair in the community dashboard under Integrations, API Access Key, and save it "
        "with airmeet login or set it in the environment (to try airmeet without keys: airmeet demo)"
    )


def _keys_in(environ: Mapping[str, str]) -> list[str]:
    return [name for name in KEYS if environ.get(name, "").strip()]


def find_address(environ: Mapping[str, str], profile: Profile | None) -> tuple[Base, str]:
    """Return where the API is, and who says so.

    Raises:
        ConfigError: The address cannot be used.
    """
    from airmeet_async.client.config import find_base

    named = next((name for name in ADDRESS if name in environ), None)
    if named is None and profile is not None:
        return profile.base, str(profile)
    return find_base(None, None, environ), named or "the default"


def find_rate(environ: Mapping[str, str]) -> float | Literal["auto"] | None:
    """Return ``AIRMEET_RATE``, if it is set.

    Raises:
        UsageError: It is no rate.
    """
    return check_rate(environ.get("AIRMEET_RATE", "").strip() or None, "AIRMEET_RATE")


def find_store(environ: Mapping[str, str]) -> tuple["TokenStore", tuple[str, ...]]:
    """Return where tokens are kept, and what is to be said about that.

    Raises:
        ConfigError: ``AIRMEET_TOKEN_CACHE`` cannot be used.
    """
    from airmeet_async.client.token_store import FileTokenStore, MemoryTokenStore, TokenStoreError, choose_token_store

    if redis := environ.get("AIRMEET_REDIS", "").strip():
        from airmeet_async.cluster.redis_tokens import RedisTokenStore

        shared = RedisTokenStore(redis)
        what = "the token and the rate" if find_rate(environ) == "auto" else "the token, and a rate that is a number,"
        return shared, (f"{what} are shared at {shared.server}",)
    place = environ.get("AIRMEET_TOKEN_CACHE", "").strip()
    if place.lower() == "off":
        return MemoryTokenStore(), ()
    try:
        store = choose_token_store("file", environ)
        if isinstance(store, FileTokenStore):
            store.check()  # a fault is found now, and not in the middle of a run
    except (ConfigError, TokenStoreError) as error:
        if place and isinstance(error, ConfigError):
            raise
        # It must not fail the run: nobody asked for this place, or it is no danger.
        return MemoryTokenStore(), (f"the token cannot be saved for the next run: {error}",)
    return store, ()


def with_client(console: Console, work: Callable[["AirmeetClient"], Awaitable[T]]) -> T:
    """Await *work* with a client that says what it waits for.

    Raises:
        AirmeetError: The settings cannot be used, or Airmeet did not do it.
        TerminatedError: SIGTERM or SIGHUP came.
    """
    settings = Settings.of(os.environ)
    console.say(*settings.notices)

    async def run() -> T:
        async with settings.client() as client:
            return await work(client.with_options(on_event=partial(say_wait, console)))

    with terminable(), console.warnings_said():
        return run_async(run)


_CAUSES = {
    "throttled": "Airmeet's rate limit was exceeded (429)",
    "not sent": "Airmeet cannot be reached",
    "ambiguous": "no clear answer",
}


def say_wait(console: Console, waiting: "ClientEvent") -> None:
    """Say what a call waits for, unless it is over before anybody has read it."""
    from airmeet_async import Waiting

    if not isinstance(waiting, Waiting):
        return
    seconds = math.ceil(waiting.wait_s)
    if waiting.cause == "not ready":
        console.say(f"Airmeet is preparing the list; checking again in {seconds} s")
    elif waiting.wait_s >= 1:
        console.say(f"{_CAUSES.get(waiting.cause, waiting.cause)}; trying again in {seconds} s")


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
    ours = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]  # nohup ignores SIGHUP
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
            signal.signal(number, signal.SIG_DFL)


@frozen
class SignIn:
    """The answer to a request for a token.

    Attributes:
        error: Why the keys were not taken, or None.
        latency_s: How long the answer took.
        skew_s: By how many seconds this machine's clock is ahead of the server's; None where that did not say.
    """

    error: AirmeetError | None
    latency_s: float
    skew_s: float | None

    @property
    def refused(self) -> bool:
        """Whether the keys themselves were refused."""
        return isinstance(self.error, CredentialsError)


async def try_keys(client: "AirmeetClient") -> SignIn:
    """Ask for a token once, also where one is kept."""
    from email.utils import parsedate_to_datetime

    from airmeet_async.calls.events import authenticate
    from airmeet_async.protocol.classify_reply import Kind
    from airmeet_async.protocol.error_mapping import error_for
    from airmeet_async.protocol.retry_policy import Tries

    call = authenticate()
    async with client:
        attempt = await client.attempt(call)
    error = None if attempt.verdict.kind is Kind.OK else error_for(call, attempt.verdict, Tries(sent=1))
    reply, skew = attempt.reply, None
    with suppress(KeyError, ValueError, TypeError):  # no date, or none that can be read
        if reply is not None:
            skew = (reply.at or time.time()) - parsedate_to_datetime(reply.headers["date"]).timestamp()
    return SignIn(error, attempt.latency, skew)


def region_of(base: str) -> Region | None:
    """Return the region whose address this is."""
    return next((region for region in Region if base_of(region) == base), None)


def bare_client(access: Secret, secret: Secret, base: str) -> "AirmeetClient":
    """Return a client for an address that has no kept token."""
    from airmeet_async import AirmeetClient

    return AirmeetClient(access.reveal(), secret.reveal(), base_url=base, transport=find_transport(parse_base(base)))


async def find_region(
    client_at: Callable[[str], "AirmeetClient"], among: Sequence[Region]
) -> tuple[Region | None, dict[Region, SignIn]]:
    """Return the first region that takes the keys, and the answers until then.

    Args:
        client_at: Makes a client for a base address, with the keys and without a token.
        among: The regions to ask.
    """
    answers: dict[Region, SignIn] = {}
    for region in among:
        answers[region] = await try_keys(client_at(base_of(region)))
        if answers[region].error is None:
            return region, answers
    return None, answers
