"""The address of a Redis server, connections to it, and what counts as its being away."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from airmeet_async.errors import ConfigError
from airmeet_async.optional_imports import needs_extra
from airmeet_async.protocol.redact import Secret, clean

if TYPE_CHECKING:
    from redis.asyncio import Redis

REPLY_SECONDS = 0.25
CONNECT_SECONDS = 1.0
"""Longest wait for a reply and for a connection, which comes with the start of a busy program; then the server counts
as away."""

_DATABASE = re.compile(r"/?|/[0-9]+")
_SCHEMES = ("redis", "rediss", "unix")


class RedisServer:
    """A Redis server by its URL, whose password is shown nowhere.

    Args:
        url: ``redis://[user:password@]host[:port][/database]``, ``rediss://…`` for TLS, or ``unix:///path``.

    Attributes:
        failures: The exceptions that say that the server is away, or does not do what it is asked.

    Raises:
        ConfigError: The address cannot be used, or the extra ``redis`` is not installed.
    """

    def __init__(self, url: str | Secret) -> None:
        text = (url.reveal() if isinstance(url, Secret) else url).strip()
        try:
            import redis
            from redis.asyncio import Redis
        except ImportError:
            raise ConfigError(needs_extra("a fleet", "redis")) from None
        self.failures: tuple[type[Exception], ...] = (redis.RedisError, OSError, TimeoutError)
        self._url, parts = Secret(text), _parts_of(text)
        is_unix = parts is not None and parts.scheme == "unix"
        # The text itself may hold a password, also in the place of the database.
        if parts is None or parts.scheme not in _SCHEMES or not (is_unix or parts.hostname):
            raise ConfigError("the address of Redis must look like redis://host:6379/0, or rediss://… for TLS")
        if not is_unix and not _DATABASE.fullmatch(parts.path):
            raise ConfigError(
                f"the address of Redis ({parts.scheme}://{parts.hostname}/…) must end with a number, its database"
            )
        host = parts.path if is_unix else f"{parts.hostname}:{parts.port or 6379}{parts.path}"
        self._shown = f"{parts.scheme}://{host}"
        self._secrets = [unquote(parts.password)] if parts.password else []
        self._secrets += parse_qs(parts.query).get("password", [])
        try:
            _: Redis = Redis.from_url(text)  # nothing is connected yet
        except (ValueError, TypeError):
            raise ConfigError(f"the address of Redis ({self._shown}) holds an option that is unknown") from None

    def __repr__(self) -> str:
        return self._shown

    def connect(self, *, reply_seconds: float | None = REPLY_SECONDS) -> "Redis":
        """Return a client with connections of its own, for the running event loop. It connects when it is used.

        Args:
            reply_seconds: Longest wait for a reply; None for one who listens.
        """
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff

        client: Redis = Redis.from_url(
            self._url.reveal(),
            socket_timeout=reply_seconds,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_keepalive=True,
            health_check_interval=5 if reply_seconds is None else 0,
            protocol=2,  # with 3, each connection asks for notices that most servers do not know
            retry=Retry(NoBackoff(), 0),  # whoever asks decides what comes next
        )
        return client

    def reason(self, error: BaseException) -> str:
        """Return why the server is away, in a form that can be shown."""
        text = str(error).partition(" script: ")[0].rstrip(".")  # without the line of a script of ours
        return clean(text or type(error).__name__, secrets=self._secrets)


@contextmanager
def cancellation_kept() -> Iterator[None]:
    """Raise a cancellation that came inside, whatever became of it there.

    redis-py can lose one that comes while it connects or disconnects: then a loop would go on for ever, and a request
    would be sent for a run that has ended.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    except Exception:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError from None
        raise
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError


def _parts_of(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # refuses what is no number
    except ValueError:
        return None
    return parts


def key_of(kind: str, account: str) -> str:
    """Return a key; its braces keep all keys of an account on one server where a proxy spreads them."""
    return f"airmeet:{{{account}}}:{kind}"
