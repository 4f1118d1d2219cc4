"""`Fleet`: what several processes share in Redis, for ``AirmeetClient(fleet=…)``."""

import os
from collections.abc import Mapping
from typing import Self

from airmeet_async.client.adaptive_rate import AskedRate
from airmeet_async.cluster.redis_permits import RedisPermits
from airmeet_async.cluster.redis_server import RedisServer
from airmeet_async.cluster.redis_tokens import RedisTokenStore
from airmeet_async.errors import ConfigError

REDIS, WORKERS = "AIRMEET_REDIS", "AIRMEET_WORKERS"


class Fleet:
    """One token, and with *rate* one rate, for all processes that name the same Redis server and use the same keys.

    It connects when it is used, and may be shared by clients of several threads and event loops::

        fleet = Fleet("redis://10.0.0.5/0", rate=100, workers=4)
        async with AirmeetClient(fleet=fleet) as client:
            ...

    Args:
        url: ``redis://[user:password@]host[:port][/database]``; ``rediss://…`` for TLS. A password is better put into
            ``AIRMEET_REDIS``.
        rate: Requests per second of all processes together; all must give the same number. ``"auto"`` or an `Adaptive`:
            they find and follow the server's limit together. None: only the token is shared, and each process has the
            rate of its own client.
        workers: How many processes there are: each keeps to its share of the rate while Redis is away, also one that
            has never reached it.

    Attributes:
        tokens: The token store.
        permits: The permits, or None without a rate.

    Raises:
        ConfigError: An argument cannot be used, or the extra ``redis`` is not installed.
    """

    def __init__(self, url: str, *, rate: AskedRate = None, workers: int = 1) -> None:
        self._server = RedisServer(url)
        self.tokens: RedisTokenStore = RedisTokenStore(self._server)
        self.permits: RedisPermits | None = None
        if rate is not None:
            self.permits = RedisPermits(self._server, rate, workers=workers)

    @classmethod
    def from_env(
        cls, *, rate: AskedRate = None, workers: int | None = None, environ: Mapping[str, str] = os.environ
    ) -> Self:
        """Return the fleet at ``AIRMEET_REDIS``.

        Args:
            rate: As for `Fleet`. Default: ``AIRMEET_RATE``.
            workers: As for `Fleet`. Default: ``AIRMEET_WORKERS``, else 1.
            environ: The environment.

        Raises:
            ConfigError: The variable is not set, or cannot be used.
        """
        url = environ.get(REDIS, "").strip()
        if not url:
            raise ConfigError(f"{REDIS} is not set: it must hold the address of Redis, such as redis://10.0.0.5/0")
        said = environ.get("AIRMEET_RATE", "").strip()
        if rate is None and said:
            try:
                rate = "auto" if said.lower() == "auto" else float(said)
            except ValueError:
                raise ConfigError(f"AIRMEET_RATE must be auto or a number, not {said!r:.40}") from None
        return cls(url, rate=rate, workers=find_workers(environ) if workers is None else workers)

    def __repr__(self) -> str:
        rate = ""
        if self.permits is not None:
            rate = " auto" if self.permits.ceiling is None else f" {self.permits.ceiling:g}/s"
        return f"<Fleet{rate} at {self._server}>"


def find_workers(environ: Mapping[str, str]) -> int:
    """Return ``AIRMEET_WORKERS``, else 1.

    Raises:
        ConfigError: It is no whole number above 0.
    """
    said = environ.get(WORKERS, "").strip() or "1"
    if said.isascii() and said.isdigit() and int(said) > 0:
        return int(said)
    raise ConfigError(f"{WORKERS} must be a whole number above 0, not {said!r:.40}")
