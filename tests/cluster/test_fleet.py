"""What a fleet is given, what its clients have of it, and what nobody is shown."""

import asyncio
import logging
import os
import subprocess
import sys
from typing import Any

import pytest

from airmeet_async import AirmeetClient
from airmeet_async.cli.environment import Settings
from airmeet_async.client.adaptive_rate import Adaptive
from airmeet_async.cluster import Fleet
from airmeet_async.cluster.redis_permits import RedisPermits
from airmeet_async.cluster.redis_server import RedisServer, cancellation_kept
from airmeet_async.cluster.redis_tokens import RedisTokenStore
from airmeet_async.errors import ConfigError
from tests.support.worlds import EVENT, client_of, person, transport_of

KEYS: dict[str, Any] = {"access_key": "a" * 32, "secret_key": "s" * 32, "base_url": "http://127.0.0.1:9/prod"}
URL = "redis://user:pass-word-1@127.0.0.1:1/3"


@pytest.fixture(autouse=True)
def _no_redis_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIRMEET_REDIS", "AIRMEET_RATE", "AIRMEET_WORKERS"):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_names_the_fleet_of_a_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRMEET_REDIS", URL)

    assert isinstance(AirmeetClient(**KEYS).token._store, RedisTokenStore)
    assert not AirmeetClient(**KEYS).pace.permits.is_shared
    with_rate = AirmeetClient(**KEYS, rate=40)
    assert isinstance(with_rate.pace.permits, RedisPermits)
    assert with_rate.pace.rate == with_rate.options.rate == 40
    found_together = AirmeetClient(**KEYS, rate=Adaptive(initial=20)).pace
    assert (found_together.permits.is_shared, found_together.rate, found_together.ceiling) == (True, 20, None)
    monkeypatch.setenv("AIRMEET_RATE", "30")
    assert AirmeetClient(**KEYS).pace.rate == 30
    monkeypatch.setenv("AIRMEET_RATE", "auto")
    assert AirmeetClient(**KEYS).pace.permits.is_shared
    assert AirmeetClient(**KEYS).pace.ceiling is None


def test_each_part_of_a_fleet_can_be_had_alone() -> None:
    fleet = Fleet(URL, rate=50, workers=2)
    assert fleet.permits is not None

    whole = AirmeetClient(**KEYS, fleet=fleet)
    only_permits = AirmeetClient(**KEYS, permits=fleet.permits)
    only_tokens = AirmeetClient(**KEYS, token_store=fleet.tokens, rate=7)

    assert isinstance(whole.token._store, RedisTokenStore)
    assert whole.pace.rate == only_permits.pace.rate == 50
    assert not isinstance(only_permits.token._store, RedisTokenStore)
    assert only_tokens.pace.rate == 7


@pytest.mark.parametrize(
    "wrong", ["", "localhost", "http://:pass-word-1@localhost", "redis://", "redis://:pass-word-1@h:port"]
)
def test_a_wrong_address_is_refused_without_being_repeated(wrong: str) -> None:
    with pytest.raises(ConfigError, match="address of Redis") as caught:
        RedisServer(wrong)
    assert "pass-word-1" not in str(caught.value)


@pytest.mark.parametrize("rate", ["fast", -1])
def test_a_rate_that_a_fleet_cannot_have_is_refused(rate: Any) -> None:
    with pytest.raises(ConfigError, match="number"):
        Fleet(URL, rate=rate)


def test_without_the_variable_it_is_named() -> None:
    with pytest.raises(ConfigError, match="AIRMEET_REDIS is not set"):
        Fleet.from_env(environ={})
    with pytest.raises(ConfigError, match="AIRMEET_RATE must be"):
        Fleet.from_env(environ={"AIRMEET_REDIS": URL, "AIRMEET_RATE": "fast"})


@pytest.mark.real_time
@pytest.mark.parametrize("from_the_command_line", [False, True])
def test_the_environment_says_how_many_share_the_rate_without_redis(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, from_the_command_line: bool
) -> None:
    names = {"AIRMEET_ACCESS_KEY": "a" * 32, "AIRMEET_SECRET_KEY": "s" * 32, "AIRMEET_URI": KEYS["base_url"]}
    names |= {"AIRMEET_REDIS": URL, "AIRMEET_RATE": "40", "AIRMEET_WORKERS": "4"}
    for name, value in names.items():
        monkeypatch.setenv(name, value)

    async def use() -> None:
        client = Settings.of(os.environ).client() if from_the_command_line else AirmeetClient()
        await client.pace.permits.acquire(urgent=False)
        await client.pace.permits.aclose()

    asyncio.run(use())

    assert "its share of the rate, 10/s" in caplog.text
    monkeypatch.setenv("AIRMEET_WORKERS", "0")
    with pytest.raises(ConfigError, match="AIRMEET_WORKERS must be a whole number"):
        Settings.of(os.environ) if from_the_command_line else AirmeetClient()


@pytest.mark.real_time
def test_the_password_is_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    fleet = Fleet(URL, rate=50)
    assert fleet.permits is not None

    async def use() -> tuple[str, ...]:
        async with client_of(transport_of(), fleet=fleet) as client:
            await client.attendees.add(EVENT, person(), send_email_invite=False)
            return repr(client), repr(client.token), repr(client.pace), repr(client.pace.permits)

    shown = [*asyncio.run(use()), repr(fleet), repr(fleet.permits), repr(RedisServer(URL))]

    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 2
    assert "127.0.0.1:1/3" in repr(fleet)
    for text in (*shown, caplog.text):
        assert "pass-word-1" not in text


@pytest.mark.slow
def test_without_the_extra_it_is_named() -> None:
    script = (
        "import sys\nsys.modules['redis'] = None\nfrom airmeet_async.cluster import Fleet\n"
        "try: Fleet('redis://localhost')\nexcept Exception as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "a fleet needs the extra `redis`: pip install" in done.stdout


@pytest.mark.parametrize("fails", [False, True])
async def test_a_cancellation_that_is_lost_on_the_way_is_raised_all_the_same(fails: bool) -> None:
    """As redis-py loses one that comes while it connects."""

    async def lose_it() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if fails:
                raise OSError from None

    async def work() -> None:
        with cancellation_kept():
            await lose_it()

    task = asyncio.create_task(work())
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


@pytest.mark.parametrize("url", ["redis://host:6379/s3cret", "redis://host/0/s3cret", "rediss://host/-s3cret"])
def test_a_secret_in_the_place_of_the_database_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="must end with a number") as caught:
        Fleet(url, rate=10)
    assert "s3cret" not in str(caught.value)
