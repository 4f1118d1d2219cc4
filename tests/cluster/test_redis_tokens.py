"""One token for many processes: as few sign-ins as tokens are needed, whatever happens to Redis or to who signs in."""

import asyncio
import contextlib
import logging
import math
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis import Redis

from airmeet_async import AirmeetClient, Attendee
from airmeet_async.client.token_store import TokenStoreError
from airmeet_async.cluster.redis_server import key_of
from airmeet_async.cluster.redis_tokens import RedisTokenStore
from airmeet_async.errors import ClientStateError, ConfigError
from airmeet_async.protocol.redact import Secret
from tests.support.fleet_process import KEYS
from tests.support.redis_process import RedisProcess
from tests.support.token_server import TokenServer, token_server
from tests.support.worlds import EVENT

pytestmark = [pytest.mark.real_time, pytest.mark.timeout(120)]

ACCOUNT = "some-account"


def store_at(redis: RedisProcess, account: str = ACCOUNT, key: str = "s" * 32, lease: float = 10.0) -> RedisTokenStore:
    return RedisTokenStore(redis.url, lease=lease).for_account(account, Secret(key))


@contextlib.asynccontextmanager
async def processes(
    airmeet: TokenServer, redis: RedisProcess, n: int, first: int = 0, people: int = 100
) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    environment = {**os.environ, "AIRMEET_REDIS": redis.url}
    command = [sys.executable, "-m", "tests.support.fleet_process", airmeet.base]
    running = [
        await asyncio.create_subprocess_exec(
            *command,
            str(number),
            str(people),
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for number in range(first, first + n)
    ]
    try:
        yield running
    finally:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def all_begin(running: list[asyncio.subprocess.Process]) -> None:
    """Let them add people once each has a token."""
    for process in running:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        await process.stdin.drain()


async def all_end_well(running: list[asyncio.subprocess.Process]) -> None:
    for process in running:
        await process.communicate()
        assert process.returncode == 0


@pytest.mark.parametrize("restarts", [False, True], ids=["all the time", "restarted empty in the middle"])
async def test_eight_processes_that_need_four_tokens_sign_in_four_times(
    redis_server: RedisProcess, restarts: bool
) -> None:
    async with token_server(uses=200) as airmeet, processes(airmeet, redis_server, 8) as running:
        await all_begin(running)
        if restarts:
            while len(airmeet.added) < 300:  # noqa: ASYNC110 - other processes do it
                await asyncio.sleep(0.01)
            redis_server.kill()
            redis_server.start()
        await all_end_well(running)

        assert airmeet.issued == 4
        assert len(airmeet.added) == len(set(airmeet.added)) == 800


async def test_who_is_stopped_while_signing_in_costs_one_more_sign_in_and_takes_the_newer_token(
    redis_server: RedisProcess,
) -> None:
    async with token_server(uses=10_000) as airmeet, processes(airmeet, redis_server, 1, people=20) as stopped:
        airmeet.may_issue.clear()
        await airmeet.asked.wait()
        stopped[0].send_signal(signal.SIGSTOP)
        airmeet.may_issue.set()
        async with processes(airmeet, redis_server, 3, first=1, people=20) as others:
            await all_begin(others)
            await all_end_well(others)
        stopped[0].send_signal(signal.SIGCONT)
        await all_begin(stopped)
        await all_end_well(stopped)

        assert airmeet.issued == 2
        assert airmeet.refused == 0
        assert len(airmeet.added) == 80


async def test_a_fleet_that_has_a_token_goes_on_without_redis(
    redis_server: RedisProcess, caplog: pytest.LogCaptureFixture
) -> None:
    async with token_server(uses=10_000) as airmeet, contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                AirmeetClient(**KEYS, base_url=airmeet.base, token_store=RedisTokenStore(redis_server.url))
            )
            for _ in range(2)
        ]
        for n, client in enumerate(clients):
            person = Attendee(f"{n}@example.com", "Ada", "King")
            await client.attendees.add(EVENT, person, send_email_invite=False)
        redis_server.kill()
        for n, client in enumerate(clients):
            await client.attendees.add(
                EVENT, Attendee(f"{n}-later@example.com", "Ada", "King"), send_email_invite=False
            )
        assert airmeet.issued == 1

        airmeet.left = 0
        await clients[0].attendees.add(EVENT, Attendee("last@example.com", "Ada", "King"), send_email_invite=False)

    assert airmeet.issued == 2
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "signs in by itself" in warnings[0].message


@pytest.mark.parametrize(
    ("uses", "most"), [(100_000, 1), (400, 40)], ids=["with a token", "whose token ends meanwhile"]
)
async def test_eight_processes_that_end_each_others_tokens_go_on_without_redis_and_do_not_fight(
    redis_server: RedisProcess, uses: int, most: int
) -> None:
    """Where the token has ended, each signs in, ends the others', and leaves them some seconds before the next time."""
    async with token_server(uses=uses) as airmeet, processes(airmeet, redis_server, 8) as running:
        await all_begin(running)
        while len(airmeet.added) < 80:  # noqa: ASYNC110 - other processes do it
            await asyncio.sleep(0.01)
        redis_server.kill()
        await all_end_well(running)

        assert len(airmeet.added) == len(set(airmeet.added)) == 800
        assert airmeet.issued <= most
        assert airmeet.refused < most


async def test_redis_sees_neither_token_nor_key_and_others_cannot_read_it(redis_server: RedisProcess) -> None:
    ours, others = store_at(redis_server), store_at(redis_server, key="t" * 32)

    async def fetch() -> Secret:
        return Secret("the-token-itself")

    await ours.renew(ACCOUNT, None, fetch)

    with Redis.from_url(redis_server.url) as redis:
        everything = b"".join(redis.dump(key) + key for key in redis.scan_iter())
    assert b"the-token-itself" not in everything
    assert b"s" * 32 not in everything
    assert await others.current(ACCOUNT) is None
    found = await store_at(redis_server).current(ACCOUNT)
    assert found is not None
    assert found.token.reveal() == "the-token-itself"
    assert 0 <= found.age < 60


async def test_the_age_of_a_token_is_unknown_after_the_clock_of_the_server_went_back(
    redis_server: RedisProcess,
) -> None:
    store = store_at(redis_server)
    await store.renew(ACCOUNT, None, _fetch)
    with Redis.from_url(redis_server.url) as redis:
        (key,) = redis.scan_iter()
        redis.hincrbyfloat(key, "asked", 3600e6)

    found = await store.current(ACCOUNT)

    assert found is not None
    assert found.age == math.inf


async def test_nobody_waits_for_the_lock_who_finds_a_good_token(redis_server: RedisProcess) -> None:
    """One renews the first token and takes its time; whoever has none gets the second at once when it is there."""
    stores = [store_at(redis_server) for _ in range(2)]
    may_end, has_begun = asyncio.Event(), asyncio.Event()

    async def fetch() -> Secret:
        return Secret("first")

    async def fetch_slowly() -> Secret:
        has_begun.set()
        await may_end.wait()
        return Secret("second")

    await stores[0].renew(ACCOUNT, None, fetch)
    renewing = asyncio.create_task(stores[0].renew(ACCOUNT, Secret("first"), fetch_slowly))
    await has_begun.wait()
    assert (await stores[1].renew(ACCOUNT, None, fetch)).token.reveal() == "first"
    waiting = asyncio.create_task(stores[1].renew(ACCOUNT, Secret("first"), fetch))
    may_end.set()

    assert (await renewing).token.reveal() == (await waiting).token.reveal() == "second"


async def test_a_living_holder_keeps_its_lock_for_longer_than_a_lease(redis_server: RedisProcess) -> None:
    stores = [store_at(redis_server, lease=0.3) for _ in range(2)]
    fetched: list[str] = []

    async def fetch() -> Secret:
        fetched.append("token")
        await asyncio.sleep(1)
        return Secret(f"token-{len(fetched)}")

    tokens = await asyncio.gather(*(store.renew(ACCOUNT, None, fetch) for store in stores))

    assert fetched == ["token"]
    assert {stored.token.reveal() for stored in tokens} == {"token-1"}


async def test_an_error_of_the_sign_in_comes_out_and_frees_the_lock(redis_server: RedisProcess) -> None:
    store = store_at(redis_server)

    async def fail() -> Secret:
        raise OSError("of the caller's transport")

    async def fetch() -> Secret:
        return Secret("token")

    with pytest.raises(OSError, match="of the caller's transport"):
        await store.renew(ACCOUNT, None, fail)
    assert (await store.renew(ACCOUNT, None, fetch)).token.reveal() == "token"


def test_one_store_serves_several_threads_and_loops(redis_server: RedisProcess) -> None:
    store, found = store_at(redis_server), []

    async def fetch() -> Secret:
        return Secret("token")

    async def work() -> None:
        found.append((await store.renew(ACCOUNT, None, fetch)).token.reveal())

    def run() -> None:
        for _ in range(2):
            asyncio.run(work())

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == ["token"] * 6


async def test_a_store_without_a_key_says_so(redis_server: RedisProcess) -> None:
    with pytest.raises(ClientStateError, match="for_account"):
        await RedisTokenStore(redis_server.url).current(ACCOUNT)


async def _fetch() -> Secret:
    return Secret("token")


@pytest.mark.parametrize("kind", ["list", "text"])
async def test_a_lock_that_never_ends_is_an_error_that_names_it(redis_server: RedisProcess, kind: str) -> None:
    lock = key_of("lock", ACCOUNT)
    with Redis.from_url(redis_server.url) as redis:
        _ = redis.lpush(lock, "x") if kind == "list" else redis.set(lock, "x")
    store = store_at(redis_server)

    async with asyncio.timeout(5):
        with pytest.raises(TokenStoreError, match="is locked for ever; delete it if nobody signs in"):
            await store.renew(ACCOUNT, None, _fetch)


async def test_whoever_is_cancelled_when_it_has_just_taken_the_lock_leaves_none(
    redis_server: RedisProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, run, was_locked = store_at(redis_server), RedisTokenStore._run, list[bool]()

    async def run_and_be_cancelled(client: Any, script: str, *arguments: Any) -> Any:
        reply = await run(client, script, *arguments)
        if "'NX'" in script and int(reply[2]):
            was_locked.append(True)
            raise asyncio.CancelledError
        return reply

    monkeypatch.setattr(RedisTokenStore, "_run", staticmethod(run_and_be_cancelled))
    with pytest.raises(asyncio.CancelledError):
        await store.renew(ACCOUNT, None, _fetch)

    assert was_locked
    with Redis.from_url(redis_server.url) as redis:
        assert not redis.exists(key_of("lock", ACCOUNT))


@pytest.mark.parametrize("first_at", [None, "locking"], ids=["once", "twice"])
async def test_whoever_is_cancelled_while_it_unlocks_leaves_no_lock(
    redis_server: RedisProcess, monkeypatch: pytest.MonkeyPatch, first_at: str | None
) -> None:
    """Else nobody could sign in for ten seconds."""
    store, run, is_unlocking = store_at(redis_server), RedisTokenStore._run, asyncio.Event()

    async def run_slowly(client: Any, script: str, *arguments: Any) -> Any:
        if "'DEL'" in script:
            is_unlocking.set()
            await asyncio.sleep(0.05)
        reply = await run(client, script, *arguments)
        if "'NX'" in script and first_at == "locking":
            raise asyncio.CancelledError
        return reply

    monkeypatch.setattr(RedisTokenStore, "_run", staticmethod(run_slowly))
    renewing = asyncio.create_task(store.renew(ACCOUNT, None, _fetch))
    await is_unlocking.wait()
    renewing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await renewing

    with Redis.from_url(redis_server.url) as redis:
        assert not redis.exists(key_of("lock", ACCOUNT))


@pytest.mark.parametrize("lease", [0, -1, 0.0001, 1e9, math.nan, "x", None, True])
def test_a_lease_that_cannot_be_used_is_an_error_at_once(lease: Any) -> None:
    with pytest.raises(ConfigError, match=r"lease must be a number of seconds from 0\.1 to 3600"):
        RedisTokenStore("redis://localhost", lease=lease)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (["CONFIG SET maxmemory-policy noeviction", "CONFIG SET maxmemory 1"], "maxmemory"),
        (["REPLICAOF 127.0.0.1 1"], "read only replica"),
    ],
    ids=["full", "a replica"],
)
async def test_a_server_that_takes_no_writes_still_gives_a_good_token(
    redis_server: RedisProcess, settings: list[str], reason: str
) -> None:
    store = store_at(redis_server)
    await store.renew(ACCOUNT, None, _fetch)
    with Redis.from_url(redis_server.url) as redis:
        for setting in settings:
            redis.execute_command(*setting.split())

    assert (await store.renew(ACCOUNT, None, _fetch)).token.reveal() == "token"
    with pytest.raises(TokenStoreError, match=reason):
        await store.renew(ACCOUNT, Secret("token"), _fetch)


async def test_the_reason_of_a_failure_names_the_server_and_no_password(redis_server: RedisProcess) -> None:
    with Redis.from_url(redis_server.url) as redis:
        redis.config_set("requirepass", "hunter1")
    store = RedisTokenStore(redis_server.url.replace("redis://", "redis://:hunter2@")).for_account(ACCOUNT, Secret("s"))

    with pytest.raises(TokenStoreError) as caught:
        await store.current(ACCOUNT)

    assert str(caught.value).startswith(f"{redis_server.url}: ")
    assert "invalid" in str(caught.value)
    assert "hunter" not in str(caught.value)
