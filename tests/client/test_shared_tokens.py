"""Tokens that several clients share: over loops, threads and processes, and when the store is away."""

import asyncio
import json
import math
import os
import stat
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from platformdirs import macos, unix, windows
from redis.exceptions import TimeoutError as RedisTimeout

from airmeet_async import (
    AirmeetClient,
    ClientStateError,
    ConfigError,
    FileTokenStore,
    LockedTokenStore,
    MemoryTokenStore,
    StoredToken,
    TokenRejectedError,
    TokenStore,
)
from airmeet_async.client.token import SharedToken
from airmeet_async.client.token_store import TokenStoreError, choose_token_store, token_folder
from airmeet_async.protocol.http_messages import Reply, Request
from airmeet_async.protocol.models import AuthToken
from airmeet_async.protocol.redact import Secret
from airmeet_async.sandbox import Faults, World
from airmeet_async.sandbox.server import serve
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, SENTINEL_TOKEN
from tests.support.worlds import EVENT, auths, client_of, person, transport_of, world_of

TOKEN = Secret(SENTINEL_TOKEN)


class Fetch:
    """Signs in, and counts."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.calls, self.seconds = 0, seconds

    async def __call__(self) -> Secret:
        self.calls += 1
        token = f"token-{self.calls}"
        await asyncio.sleep(self.seconds)
        return Secret(token)


class FetchAuth(Fetch):
    """The same for a `SharedToken`."""

    async def __call__(self) -> AuthToken:  # type: ignore[override]
        return AuthToken(await super().__call__())


class Database(LockedTokenStore):
    """A store as people write them, over something that may be away."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.tokens = error, dict[str, Secret]()
        self.accesses: list[str] = []

    def access(self, what: str) -> None:
        self.accesses.append(what)
        if self.error is not None:
            raise self.error

    @asynccontextmanager
    async def lock(self, account: str) -> AsyncIterator[None]:
        self.access(f"lock {account}")
        yield
        self.access("unlock")

    async def load(self, account: str) -> Secret | None:
        self.access("load")
        return self.tokens.get(account)

    async def save(self, account: str, token: Secret) -> None:
        self.access("save")
        self.tokens[account] = token


class Bare:
    """A store of version 0.1: no base class."""

    def __init__(self) -> None:
        below = Database()
        self.lock, self.load, self.save = below.lock, below.load, below.save


class OfProtocol(TokenStore):
    """A store of version 0.1 that names the protocol as its base."""

    def __init__(self) -> None:
        below = Database()
        self.lock, self.load, self.save = below.lock, below.load, below.save


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> MemoryTokenStore | FileTokenStore:
    return MemoryTokenStore() if request.param == "memory" else FileTokenStore(tmp_path / "tokens")


async def test_a_valid_stored_token_never_waits_for_the_lock(store: MemoryTokenStore | FileTokenStore) -> None:
    """Somebody who is stopped in the middle of a sign-in holds nobody up who needs none."""
    await store.save("account", TOKEN)
    async with store.lock("account"):
        found = await store.renew("account", None, Fetch())
        current = await store.current("account")

    assert (found.token, current and current.token) == (TOKEN, TOKEN)
    assert anyio.current_time() < 0.04


async def test_a_stored_token_has_an_age(store: MemoryTokenStore | FileTokenStore, tmp_path: Path) -> None:
    """So that a client of another process knows a fresh token from one of last week."""
    await store.renew("account", None, Fetch(0))
    fresh = await store.current("account")
    if isinstance(store, FileTokenStore):
        file = tmp_path / "tokens" / "account.json"
        document = json.loads(file.read_text())
        file.write_text(json.dumps(document | {"saved_at": document["saved_at"] - 100}))
    else:
        await asyncio.sleep(100)
    old = await store.current("account")

    assert fresh is not None
    assert old is not None
    assert fresh.age < 60
    assert 100 <= old.age < 160


async def test_a_400_soon_after_another_process_signed_in_costs_no_sign_in(tmp_path: Path) -> None:
    """The age of a stored token is known, so that it is believed for its first minute."""
    transport = transport_of()
    for _ in range(2):
        async with client_of(transport, token_store=FileTokenStore(tmp_path / "tokens")) as client:
            issued = await client.token.get()
            assert not client.token.may_be_stale(issued)


async def test_a_token_that_was_saved_in_the_future_is_doubted(tmp_path: Path) -> None:
    """The clock went back; a token of unknown age that has ended must not fail the calls of each new process."""
    transport, folder = transport_of(), tmp_path / "tokens"
    async with client_of(transport, token_store=FileTokenStore(folder)) as client:
        await client.airmeets.list()
    (file,) = folder.glob("*.json")
    file.write_text(json.dumps({"token": "ended", "saved_at": time.time() + 3600}))

    async with client_of(transport, token_store=FileTokenStore(folder)) as client:
        await client.airmeets.list()

    assert auths(transport) == 2


async def test_whoever_asked_last_wins_and_a_late_answer_is_refused() -> None:
    """The lock has ended while its holder was stopped: the other's token is newer, and ours is dead."""
    store = Database()

    async def stopped() -> Secret:
        store.tokens["account"] = Secret("of-the-other")
        return Secret("late")

    renewed = await store.renew("account", Secret("stale"), stopped)

    assert renewed.token == store.tokens["account"] == Secret("of-the-other")


async def test_of_many_who_were_refused_together_one_signs_in(store: MemoryTokenStore | FileTokenStore) -> None:
    fetch = Fetch()
    await store.save("account", TOKEN)

    renewed = await asyncio.gather(*(store.renew("account", TOKEN, fetch) for _ in range(20)))

    assert fetch.calls == 1
    assert {one.token for one in renewed} == {Secret("token-1")}


@pytest.mark.slow
@pytest.mark.real_time
async def test_one_store_works_over_several_event_loops_and_threads(
    store: MemoryTokenStore | FileTokenStore,
) -> None:
    """Eight threads, each with a loop of its own: one sign-in, and nobody hangs or raises."""
    calls, found, errors = list[str](), list[StoredToken](), list[BaseException]()

    async def fetch() -> Secret:
        calls.append(threading.current_thread().name)
        await asyncio.sleep(0.2)
        return TOKEN

    def work() -> None:
        try:
            found.append(asyncio.run(store.renew("account", None, fetch)))
        except BaseException as error:  # noqa: BLE001 - shown below
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)

    assert (errors, len(calls), {one.token for one in found}) == ([], 1, {TOKEN})


def test_a_loop_that_is_gone_holds_no_lock() -> None:
    """Its task was destroyed in the middle of a sign-in."""
    store = MemoryTokenStore()
    loop = asyncio.new_event_loop()
    entering = store.lock("account")
    loop.run_until_complete(entering.__aenter__())
    loop.close()

    renewed = asyncio.run(store.renew("account", None, Fetch(0)))

    assert renewed.token == Secret("token-1")


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


class Faulty:
    """A store of the bare protocol."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    async def current(self, account: str) -> StoredToken | None:
        raise self.error

    async def renew(self, account: str, stale: Secret | None, fetch: Any) -> StoredToken:
        raise self.error


@pytest.mark.parametrize("kind", [Database, Faulty])
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("Event loop is closed"), "RuntimeError"),
        (ConnectionError("redis://:hunter2@host"), "ConnectionError"),
        (TimeoutError(), "TimeoutError"),
        (KeyError("hunter2"), "KeyError"),
        (TypeError("unexpected argument"), "TypeError"),
        (RedisTimeout("hunter2"), "TimeoutError"),
        (OSError(28, "No space left"), "No space left"),
        (TokenStoreError("the reason"), "the reason"),
    ],
)
async def test_a_store_that_fails_costs_one_warning_and_nothing_else(
    kind: Any, error: Exception, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever it raises; and what it raised may hold a password."""
    transport = transport_of()
    async with client_of(transport, token_store=kind(error)) as client:
        for number in range(3):
            await client.attendees.add(EVENT, person(number), send_email_invite=False)
            transport.world.expire_tokens()

    assert auths(transport) == 3
    assert warnings_of(caplog) == [
        f"the token cannot be shared ({kind.__name__}: {reason}); this process signs in by itself"
    ]


class Odd(Faulty):
    """Signs in, if it is to, and returns whatever it was given."""

    def __init__(self, reply: Any, *, signs_in: bool) -> None:
        self.reply, self.signs_in = reply, signs_in

    async def renew(self, account: str, stale: Secret | None, fetch: Any) -> StoredToken:
        if self.signs_in:
            await fetch()
        reply: StoredToken = self.reply
        return reply


@pytest.mark.parametrize("signs_in", [False, True])
@pytest.mark.parametrize(
    "reply",
    [
        None,
        TOKEN,
        StoredToken(SENTINEL_TOKEN, 0.0),  # type: ignore[arg-type]
        StoredToken(Secret(""), 0.0),
        StoredToken(Secret("a\r\nX: y"), 0.0),
        StoredToken(Secret("\xe9"), 0.0),
        StoredToken(TOKEN, None),  # type: ignore[arg-type]
        StoredToken(TOKEN, -1.0),
        StoredToken(TOKEN, math.nan),
    ],
    ids=["nothing", "bare", "text", "empty", "lines", "not ascii", "no age", "negative", "nan"],
)
async def test_a_store_whose_reply_is_no_token_and_age_costs_one_warning(
    reply: Any, caplog: pytest.LogCaptureFixture, *, signs_in: bool
) -> None:
    """Such a token would fail the calls, or come into a header that it breaks."""
    transport = transport_of()
    async with client_of(transport, token_store=Odd(reply, signs_in=signs_in)) as client:
        await client.attendees.add(EVENT, person(), send_email_invite=False)

    assert auths(transport) == 1
    reason = "Odd: its token must be a Secret of visible ASCII characters, the age 0 seconds or more"
    assert warnings_of(caplog) == [f"the token cannot be shared ({reason}); this process signs in by itself"]


async def test_a_store_that_returns_the_refused_token_again_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    transport = transport_of()
    async with client_of(transport, token_store=Odd(StoredToken(TOKEN, math.inf), signs_in=False)) as client:
        await client.attendees.add(EVENT, person(), send_email_invite=False)

    assert auths(transport) == 1
    assert "(Odd: it returned the token that was refused)" in caplog.text


async def test_an_auth_that_gives_the_same_token_once_more_is_not_the_stores_fault(
    store: MemoryTokenStore | FileTokenStore, caplog: pytest.LogCaptureFixture
) -> None:
    async def sign_in() -> AuthToken:
        return AuthToken(TOKEN)

    token = SharedToken(sign_in, store, "account")
    await token.renew((await token.get()).generation)

    assert token.fetched == 2
    assert warnings_of(caplog) == []


@pytest.mark.parametrize("signs_in", [False, True])
async def test_a_store_whose_own_work_was_cancelled_costs_one_warning(
    caplog: pytest.LogCaptureFixture, *, signs_in: bool
) -> None:
    """Nobody has closed the client."""

    class Cancelled(Odd):
        async def renew(self, account: str, stale: Secret | None, fetch: Any) -> StoredToken:
            await super().renew(account, stale, fetch)
            (own := asyncio.get_running_loop().create_future()).cancel()
            await own
            raise AssertionError

    transport = transport_of()
    async with client_of(transport, token_store=Cancelled(None, signs_in=signs_in)) as client:
        await client.attendees.add(EVENT, person(), send_email_invite=False)

    assert auths(transport) == 1
    assert warnings_of(caplog) == [
        "the token cannot be shared (Cancelled: CancelledError); this process signs in by itself"
    ]


async def test_closing_while_a_store_is_waited_for_cancels_it_and_signs_in_no_more() -> None:
    class Hanging(Odd):
        async def renew(self, account: str, stale: Secret | None, fetch: Any) -> StoredToken:
            return await asyncio.get_running_loop().create_future()

    token = SharedToken(auth := FetchAuth(0), Hanging(None, signs_in=False), "account")
    waiter = asyncio.create_task(token.get())
    await asyncio.sleep(1)
    await token.aclose()

    with pytest.raises(ClientStateError):
        await waiter
    assert auth.calls == 0


async def test_a_store_may_answer_first_and_sign_in_afterwards(caplog: pytest.LogCaptureFixture) -> None:
    """The token that its sign-in brings is that of the next renewal."""

    class Early(Odd):
        async def renew(self, account: str, stale: Secret | None, fetch: Any) -> StoredToken:
            if stale is not None:
                return StoredToken(await self.fetching, 1.0)
            self.fetching = asyncio.create_task(fetch())
            await asyncio.sleep(0)
            return StoredToken(TOKEN, math.inf)

    token = SharedToken(auth := FetchAuth(5), Early(None, signs_in=False), "account")
    await token.renew((await token.get()).generation)

    assert (await token.get()).token == Secret("token-1")
    assert auth.calls == 1
    assert warnings_of(caplog) == []


async def test_a_store_that_is_back_is_used(caplog: pytest.LogCaptureFixture) -> None:
    store, transport = Database(ConnectionError()), transport_of()
    async with client_of(transport, token_store=store) as client:
        await client.attendees.add(EVENT, person(), send_email_invite=False)
        store.error = None
        transport.world.expire_tokens()
        await client.attendees.add(EVENT, person(), send_email_invite=False)

        assert len(store.tokens) == 1
        assert not client.token.is_fought_over
    assert len(warnings_of(caplog)) == 1


@pytest.mark.parametrize("step", ["save", "unlock"])
async def test_a_token_that_cannot_be_saved_is_used(step: str, caplog: pytest.LogCaptureFixture) -> None:
    """Another sign-in would end it on some servers."""

    class Full(Database):
        def access(self, what: str) -> None:
            if what == step:
                raise OSError(28, "No space left")

    transport = transport_of()
    async with client_of(transport, token_store=Full()) as client:
        await client.attendees.add(EVENT, person(), send_email_invite=False)

    assert auths(transport) == 1
    assert len(warnings_of(caplog)) == 1


@pytest.mark.parametrize("step", ["load", "lock", "save", "unlock"])
async def test_a_store_that_hangs_is_given_up_after_half_a_minute(step: str, caplog: pytest.LogCaptureFixture) -> None:
    class Hanging(Database):
        @asynccontextmanager
        async def lock(self, account: str) -> AsyncIterator[None]:
            await self.reach("lock")
            yield
            await self.reach("unlock")

        async def load(self, account: str) -> Secret | None:
            await self.reach("load")
            return None

        async def save(self, account: str, token: Secret) -> None:
            await self.reach("save")

        async def reach(self, what: str) -> None:
            if what == step:
                await asyncio.Event().wait()

    transport = transport_of()
    async with client_of(transport, token_store=Hanging()) as client:
        await client.attendees.add(EVENT, person(), send_email_invite=False)

    assert auths(transport) == 1
    assert 30 <= anyio.current_time() < 32
    assert warnings_of(caplog) == [
        "the token cannot be shared (Hanging: no answer within 30 s); this process signs in by itself"
    ]


async def test_a_slow_sign_in_is_not_taken_for_a_slow_store(caplog: pytest.LogCaptureFixture) -> None:
    token = SharedToken(FetchAuth(50), Database(), "account")

    await token.get()

    assert token.fetched == 1
    assert warnings_of(caplog) == []


async def test_what_the_sign_in_raises_is_not_taken_for_the_store(store: MemoryTokenStore | FileTokenStore) -> None:
    """And the lock is free afterwards."""

    async def fetch() -> Secret:
        raise OSError("of the sign-in")

    for own in (store, Database()):
        with pytest.raises(OSError, match="of the sign-in"):
            await own.renew("account", None, fetch)
        assert (await own.renew("account", None, Fetch(0))).token == Secret("token-1")


@pytest.mark.parametrize("kind", [Database, Bare, OfProtocol])
async def test_stores_that_people_have_written_go_on_working(kind: Any) -> None:
    """Those of version 0.1 lock, load and save, and have no base class or the protocol."""
    store, transport = kind(), transport_of()
    for number in range(3):
        async with client_of(transport, token_store=store) as client:
            await client.attendees.add(EVENT, person(number), send_email_invite=False)

    assert auths(transport) == 1


class Wrapping(Database):
    """Makes something else of what a sign-in raises."""

    async def renew(self, account: str, stale: Secret | None, fetch: Any) -> StoredToken:
        async with asyncio.TaskGroup() as group:
            fetching = group.create_task(fetch())
        return StoredToken(fetching.result(), 0.0)


@pytest.mark.parametrize("store", [Database, Wrapping])
@pytest.mark.parametrize(
    "error", [TimeoutError("late"), OSError("disk"), ZeroDivisionError("zero"), ClientStateError("closed")]
)
async def test_what_a_callers_own_transport_raises_at_sign_in_stays_the_callers_own_error(
    error: Exception, store: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Never a TypeError of ours in its place, and not taken for the failure of a store, whatever that makes of it."""

    class Own:
        async def exchange(self, request: Request) -> Reply:
            raise error

        async def aclose(self) -> None: ...

    async with client_of(Own(), token_store=store()) as client:
        with pytest.raises(type(error), match=str(error)):
            await client.attendees.add(EVENT, person(), send_email_invite=False)

    assert warnings_of(caplog) == []


async def test_a_store_that_must_not_be_used_is_an_error() -> None:
    """Such as a folder that others could change."""
    async with client_of(transport_of(), token_store=Database(ConfigError("open to others"))) as client:
        with pytest.raises(ConfigError, match="open to others"):
            await client.attendees.add(EVENT, person(), send_email_invite=False)


async def test_a_warning_names_the_class_of_a_store_of_version_0_1(caplog: pytest.LogCaptureFixture) -> None:
    store = Bare()
    store.load = Database(ConnectionError()).load
    async with client_of(transport_of(), token_store=store) as client:
        await client.attendees.add(EVENT, person(), send_email_invite=False)

    assert "(Bare: ConnectionError)" in caplog.text


# Tokens heal.


async def refuse(token: SharedToken, times: int) -> None:
    """Let the server refuse each new token."""
    for _ in range(times):
        await token.renew((await token.get()).generation)


async def test_tokens_heal_half_a_minute_after_three_were_refused() -> None:
    """A rival has ended each of them and is gone: a process that lives long works again without a restart."""
    auth = FetchAuth(0.1)
    token = SharedToken(auth, MemoryTokenStore(), "account")
    with pytest.raises(TokenRejectedError):
        await refuse(token, 3)
    await asyncio.sleep(29)
    with pytest.raises(TokenRejectedError):
        await refuse(token, 1)
    assert auth.calls == 3
    await asyncio.sleep(2)

    await refuse(token, 1)
    token.accepted((await token.get()).generation)

    assert auth.calls == 4
    await refuse(token, 2)  # and from now on it is as if nothing had been


async def test_while_every_token_is_refused_one_is_fetched_each_half_minute() -> None:
    """One for all tasks, and no more: the server has an error, or a proxy changes the requests."""
    auth = FetchAuth(0.1)
    token = SharedToken(auth, MemoryTokenStore(), "account")
    refusals = 0

    async def insist() -> None:
        nonlocal refusals
        while anyio.current_time() < 100:
            try:
                await refuse(token, 1)
            except TokenRejectedError:
                refusals += 1
                await asyncio.sleep(1)

    await asyncio.gather(*(insist() for _ in range(10)))

    assert auth.calls == 6  # three at once, and one each after 30, 60 and 90 seconds
    assert refusals > 500


async def test_a_client_whose_rival_is_gone_works_again() -> None:
    """Through the whole client, on a server where a new token ends the old one."""
    transport = transport_of(reauth_kills_old=True)
    rival_is_there = True

    class Fought:
        async def exchange(self, request: Request) -> Reply:
            if rival_is_there and not request.target.endswith("/auth"):
                transport.world.expire_tokens()
            return await transport.exchange(request)

        async def aclose(self) -> None: ...

    async with client_of(Fought()) as client:
        with pytest.raises(TokenRejectedError, match="tokens"):
            for _ in range(3):
                await client.attendees.add(EVENT, person(), send_email_invite=False)
        rival_is_there = False
        await asyncio.sleep(31)

        access = await client.attendees.add(EVENT, person(), send_email_invite=False)

    assert access.entry_link


async def test_while_the_store_is_away_whoever_loses_a_young_token_waits_and_asks_the_store_again() -> None:
    """The store comes back meanwhile, with the token of somebody who drew a shorter wait: no sign-in, no dead end."""
    store, auth = Database(ConnectionError()), FetchAuth(0)
    token = SharedToken(auth, store, "account")
    await token.get()
    began = anyio.current_time()

    for _ in range(6):
        await refuse(token, 1)
    waited = anyio.current_time() - began
    store.error = None
    store.tokens["account"] = Secret("of-the-other")
    await refuse(token, 1)

    assert auth.calls == 7
    assert 12 <= waited <= 60
    assert (await token.get()).token == Secret("of-the-other")


@pytest.mark.parametrize("in_bulk", [False, True])
async def test_who_loses_five_tokens_in_a_row_while_the_store_is_away_goes_on(*, in_bulk: bool) -> None:
    transport = transport_of(reauth_kills_old=True)
    left = 5

    class Fought:
        async def exchange(self, request: Request) -> Reply:
            nonlocal left
            if left and not request.target.endswith("/auth"):
                left -= 1
                transport.world.expire_tokens()
            return await transport.exchange(request)

        async def aclose(self) -> None: ...

    async with client_of(Fought(), token_store=Database(ConnectionError())) as client:
        if in_bulk:
            report = await client.bulk.add_attendees(EVENT, [person()], send_email_invite=False)
            assert report.all_done
        else:
            await client.attendees.add(EVENT, person(), send_email_invite=False)

    assert left == 0


async def test_who_loses_every_token_while_the_store_is_away_is_told_so_in_the_end() -> None:
    token = SharedToken(auth := FetchAuth(0), Database(ConnectionError()), "account")
    await token.get()

    with pytest.raises(TokenRejectedError):
        for _ in range(30):
            await refuse(token, 1)

    assert auth.calls == 13  # ten that others may have ended, and three


async def test_a_token_that_is_older_than_a_minute_is_replaced_at_once_though_the_store_is_away() -> None:
    """It has expired; nobody has fought over it."""
    token = SharedToken(FetchAuth(0), Database(ConnectionError()), "account")
    await token.get()
    await asyncio.sleep(61)
    began = anyio.current_time()

    await refuse(token, 1)

    assert anyio.current_time() - began < 1


async def test_a_token_is_current_as_soon_as_somebody_can_have_it() -> None:
    """Else a worker of a run that looks for the current one would ask again and again, and never yield."""
    token = SharedToken(FetchAuth(0), MemoryTokenStore(), "account")
    first = asyncio.ensure_future(token.get())
    await asyncio.sleep(0)
    sign_in = token._sign_in
    assert sign_in is not None
    while not sign_in.done():  # noqa: ASYNC110 - each turn of the loop, up to that in which the task ends
        await asyncio.sleep(0)

    assert await token.get() is token.current
    await first


# One word to switch it on.


def test_token_store_file_is_where_the_command_line_has_its_tokens(tmp_path: Path) -> None:
    """Where platformdirs would have them, which the core does not need; or where AIRMEET_TOKEN_CACHE says."""
    environ = {"HOME": str(tmp_path)}
    store = choose_token_store("file", environ)

    assert isinstance(store, FileTokenStore)
    assert store.directory == tmp_path / ".local" / "state" / "airmeet" / "tokens"
    named = choose_token_store("file", environ | {"AIRMEET_TOKEN_CACHE": str(tmp_path / "own")})
    assert isinstance(named, FileTokenStore)
    assert named.directory == tmp_path / "own"
    assert isinstance(choose_token_store("memory", environ), MemoryTokenStore)
    assert isinstance(choose_token_store(None, environ), MemoryTokenStore)
    with pytest.raises(ConfigError, match="Redis"):
        choose_token_store("file", {"AIRMEET_TOKEN_CACHE": "redis://localhost"})
    with pytest.raises(ConfigError, match=r'token_store="file", and AIRMEET_TOKEN_CACHE=off: unset the variable'):
        choose_token_store("file", {"AIRMEET_TOKEN_CACHE": "off"})


@pytest.mark.parametrize(
    ("platform", "kind"), [("linux", unix.Unix), ("darwin", macos.MacOS), ("win32", windows.Windows)]
)
def test_the_default_folder_is_that_of_platformdirs(platform: str, kind: Any) -> None:
    if platform == "win32" and sys.platform != "win32":
        pytest.skip("platformdirs asks Windows itself")

    assert token_folder(os.environ, platform) == Path(kind("airmeet").user_state_dir) / "tokens"


@pytest.mark.parametrize("odd", ["File", "disk", 5, object()])
def test_what_is_no_store_is_an_error_that_says_what_is(odd: Any) -> None:
    with pytest.raises(ConfigError, match="token_store must be 'file', 'memory' or a TokenStore, not"):
        AirmeetClient(SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, token_store=odd)


# What a kill leaves behind.


def killed(folder: Path) -> list[Path]:
    """Leave behind what a process leaves that is killed while it writes a token, of this version and of 0.1."""
    folder.mkdir(mode=0o700)
    left = [folder / ".airmeet-0123456789ab.part", folder / "account.4711.new"]
    for path in left:
        path.write_text(SENTINEL_TOKEN)
        path.chmod(0o600)
        os.utime(path, (0, 0))
    return left


async def test_what_a_kill_has_left_behind_is_swept_at_the_next_write(tmp_path: Path) -> None:
    left = killed(tmp_path / "tokens")
    (young := tmp_path / "tokens" / "account.4712.new").write_text("of a process of 0.1 that is about to rename it")

    await FileTokenStore(tmp_path / "tokens").renew("account", None, Fetch(0))

    assert not any(path.exists() for path in left)
    assert young.exists()


def test_what_a_kill_has_left_behind_is_swept_when_the_token_is_removed(tmp_path: Path) -> None:
    """As `airmeet logout` does it: no token of these keys stays on the disk."""
    left = killed(tmp_path / "tokens")
    (young := tmp_path / "tokens" / "account.4712.new").write_text(SENTINEL_TOKEN)

    FileTokenStore(tmp_path / "tokens").remove("account")

    assert not any(path.exists() for path in [*left, young])


# Real processes.

WORKER = """
import asyncio, json, sys
from airmeet_async import AirmeetClient, Attendee

async def main(event, first, last):
    failed = []
    async with AirmeetClient(token_store="file", max_in_flight=8) as client:
        async def add(number):
            try:
                person = Attendee(f"person-{number}@example.com", "Ada", f"Number {number}")
                await client.attendees.add(event, person, send_email_invite=False)
            except Exception as error:
                failed.append(f"{type(error).__name__}: {error}")
        await asyncio.gather(*(add(number) for number in range(first, last)))
        print(json.dumps({"failed": failed, "sign_ins": client.token.fetched}))

asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


@pytest.fixture
def many() -> int:
    """Return how many are added; set ``AIRMEET_TEST_ADDS`` for another number."""
    return int(os.environ.get("AIRMEET_TEST_ADDS", "200"))


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.timeout(120)
async def test_four_processes_share_one_token_where_a_new_one_ends_the_old_one(tmp_path: Path, many: int) -> None:
    """Everybody is added, and there is one sign-in at the start and one for each expiry."""
    world: World = world_of(reauth_kills_old=True)
    faults = Faults.parse(f"expire@{many // 4},expire@{many // 2},expire@{many * 3 // 4}")
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(serve(world, faults, on_ready=ready.set_result))
    url = await ready
    environ = os.environ | {
        "AIRMEET_URI": url if url.endswith("/prod") else f"{url}/prod",
        "AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY,
        "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY,
        "HOME": str(tmp_path),
        "XDG_STATE_HOME": "",
        "AIRMEET_TOKEN_CACHE": "",
    }
    share = many // 4
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, EVENT, str(first), str(first + share),
            env=environ, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )
        for first in range(0, many, share)
    ]  # fmt: skip
    outputs = await asyncio.gather(*(worker.communicate() for worker in workers))
    serving.cancel()
    await asyncio.wait({serving})

    assert [errors for _, errors in outputs] == [b""] * 4
    said = [json.loads(output) for output, _ in outputs]
    statistics = world.statistics()
    assert [one["failed"] for one in said] == [[]] * 4
    assert statistics.adds == many
    assert statistics.auths == sum(one["sign_ins"] for one in said) == 4
    file = next((tmp_path / ".local" / "state" / "airmeet" / "tokens").glob("*.json"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert time.time() - file.stat().st_mtime < 120
