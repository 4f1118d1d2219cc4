"""Token stores: a file that only its owner can read, or nothing at all."""

import asyncio
import json
import logging
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from airmeet_async.client.token_store import FileTokenStore, MemoryTokenStore, TokenStoreError, account_name
from airmeet_async.errors import ConfigError
from airmeet_async.private_files import FileLock
from airmeet_async.protocol.redact import Secret
from airmeet_async.testing import VirtualTimeLoop
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, SENTINEL_TOKEN, leaks
from tests.support.worlds import EVENT, auths, client_of, person, transport_of

TOKEN = Secret(SENTINEL_TOKEN)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return where a store may make its directory."""
    return tmp_path / "tokens"


async def kept(place: Path) -> tuple[FileTokenStore, Path]:
    store = FileTokenStore(place)
    async with store.lock("account"):
        await store.save("account", TOKEN)
    return store, place / "account.json"


async def test_a_kept_token_is_found_again_and_is_private(place: Path) -> None:
    """The directory is 0700 and the files are 0600, whatever the umask."""
    old = os.umask(0)
    try:
        _, file = await kept(place)
    finally:
        os.umask(old)

    assert await FileTokenStore(place).load("account") == TOKEN
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (place, *place.iterdir())}
    assert modes == {"tokens": 0o700, file.name: 0o600, "account.lock": 0o600}


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"token": 1, "saved_at": 1}',
        b'{"token": "a b", "saved_at": 9e12}',
        b"\xff",
        b"[" * 60_000,
    ],
)
async def test_a_damaged_file_is_no_token_and_heals(place: Path, text: bytes) -> None:
    """It is written anew with the next token."""
    store, file = await kept(place)
    file.write_bytes(text)

    found = await store.load("account")
    await store.save("account", TOKEN)

    assert found is None
    assert await store.load("account") == TOKEN


async def test_a_token_of_nearly_thirty_days_is_not_used(place: Path) -> None:
    """It would only fetch a 412 (A: 30 days)."""
    store, file = await kept(place)
    age = 29.5 * 24 * 3600
    text = file.read_text()
    file.write_text(text.replace(text.partition('"saved_at": ')[2], f"{time.time() - age}}}"))

    assert await store.load("account") is None


@pytest.mark.parametrize(
    ("name", "mode"), [("account.json", 0o644), ("account.json", 0o660), (".", 0o777), (".", 0o770)]
)
async def test_what_others_could_read_or_replace_is_refused_with_the_command_that_mends_it(
    place: Path, name: str, mode: int
) -> None:
    """Nothing is mended in silence: what is there may not be ours."""
    store, _ = await kept(place)
    (place / name).chmod(mode)

    with pytest.raises(ConfigError, match="chmod 0"):
        async with store.lock("account"):
            await store.load("account")


@pytest.mark.parametrize("name", ["account.json", "account.lock"])
async def test_a_symbolic_link_is_never_followed(place: Path, tmp_path: Path, name: str) -> None:
    """Somebody else may have put it there."""
    store, _ = await kept(place)
    (place / name).unlink()
    (place / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError, match="symbolic link"):
        async with store.lock("account"):
            await store.load("account")

    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", ["account.json", "account.lock"])
async def test_a_fifo_is_refused_and_waited_for_by_nobody(place: Path, name: str) -> None:
    store, _ = await kept(place)
    (place / name).unlink()
    os.mkfifo(place / name, 0o600)

    with pytest.raises(ConfigError, match="not a plain file"):
        async with store.lock("account"):
            await store.load("account")


@pytest.mark.parametrize(
    "text",
    ['{"token": "x", "saved_at": 1%s}' % ("0" * 400), '{"token": 5, "saved_at": 1}', '{"token": "x"}', "[" * 9000, "5"],
)
async def test_a_token_file_of_other_types_is_none(place: Path, text: str) -> None:
    store, _ = await kept(place)
    (place / "account.json").write_text(text)

    assert await store.load("account") is None


async def test_a_place_that_cannot_be_used_costs_one_warning_that_names_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The run goes on with the token in memory."""
    (tmp_path / "file").write_text("not a directory")
    transport = transport_of()
    async with client_of(transport, token_store=FileTokenStore(tmp_path / "file" / "tokens")) as client:
        for number in range(2):
            await client.attendees.add(EVENT, person(number), send_email_invite=True)
            transport.world.expire_tokens()

    assert auths(transport) == 2
    reason = f"FileTokenStore: {tmp_path}/file/tokens: Not a directory"
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        f"the token cannot be shared ({reason}); this process signs in by itself"
    ]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_cannot_be_written_is_named(place: Path) -> None:
    place.mkdir(mode=0o500)

    with pytest.raises(TokenStoreError, match=r"tokens: .*Permission denied"):
        await FileTokenStore(place).save("account", TOKEN)


async def test_a_lock_that_cannot_be_opened_keeps_no_token_from_being_saved(place: Path) -> None:
    """It may be another user's, such as root's after a command with sudo."""
    (place / "account.lock").mkdir(parents=True)
    place.chmod(0o700)
    store, _ = await kept(place)

    assert await store.load("account") == TOKEN


async def test_two_clients_one_after_the_other_make_one_auth(place: Path) -> None:
    """A command line that runs every hour does not fetch a token every hour."""
    transport = transport_of()
    for number in range(3):
        async with client_of(transport, token_store=FileTokenStore(place)) as client:
            await client.attendees.add(EVENT, person(number), send_email_invite=True)

    assert auths(transport) == 1


async def test_a_kept_token_that_has_ended_is_replaced(place: Path) -> None:
    """The file holds the new one afterwards."""
    transport = transport_of()
    for _ in range(2):
        async with client_of(transport, token_store=FileTokenStore(place)) as client:
            await client.attendees.add(EVENT, person(), send_email_invite=True)
        transport.world.expire_tokens()

    assert auths(transport) == 2


def written(value: object = "usable", age_days: float = 0.0, **others: object) -> bytes:
    return json.dumps({"token": value, "saved_at": time.time() - age_days * 24 * 3600} | others).encode()


async def test_what_is_in_a_file_is_used_for_29_days_and_only_if_it_could_be_a_token(place: Path) -> None:
    """It goes into a header: visible ASCII characters. What is over 64 KiB was not written by us."""
    store, file = await kept(place)
    document = json.loads(file.read_bytes())
    assert document.keys() == {"version", "token", "saved_at"}
    assert (document["version"], document["token"]) == (1, SENTINEL_TOKEN)
    assert abs(document["saved_at"] - time.time()) < 60

    cases: list[tuple[bytes, str | None]] = [
        (written(age_days=28.99), "usable"),
        (written(age_days=29.01), None),
        (written("!~"), "!~"),
        *((written(token), None) for token in ("", "a b", "a\x7f", "\xe9", None, ["a"])),
        (written(saved_at="yesterday"), None),
        (written(saved_at=None), None),
        (written(more="x" * 60_000), "usable"),
        (written(more="x" * 70_000), None),
    ]
    for text, token in cases:
        file.write_bytes(text)
        found = await store.load("account")
        assert (found and found.reveal()) == token, text[:100]


async def test_a_token_can_be_removed(place: Path) -> None:
    """The lock file stays: another process may wait for it."""
    store, file = await kept(place)

    assert (store.remove("account"), store.remove("account")) == (True, False)
    assert await store.current("account") is None
    assert [path.name for path in place.iterdir()] == ["account.lock"]
    file.mkdir()
    with pytest.raises(TokenStoreError, match="Is a directory"):
        store.remove("account")


def test_whether_a_place_will_do_is_told_before_it_is_used(place: Path, tmp_path: Path) -> None:
    FileTokenStore(place).check()
    assert place.is_dir()
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(TokenStoreError, match="file/tokens: Not a directory"):
        FileTokenStore(tmp_path / "file" / "tokens").check()

    place.chmod(0o777)
    with pytest.raises(ConfigError, match="or set AIRMEET_TOKEN_CACHE to a path of your own, or to off"):
        FileTokenStore(place).check()


@pytest.mark.parametrize("kind", ["memory", "file"])
async def test_one_account_is_locked_by_one_at_a_time_and_another_one_is_free(kind: str, place: Path) -> None:
    """Also after whoever held it has failed."""
    stores: list[MemoryTokenStore | FileTokenStore]
    stores = [MemoryTokenStore()] * 2 if kind == "memory" else [FileTokenStore(place), FileTokenStore(place)]
    order = []

    async def hold(store: MemoryTokenStore | FileTokenStore, account: str, name: str) -> None:
        async with store.lock(account):
            order.append(f"{name} in")
            await asyncio.sleep(1)
            order.append(f"{name} out")
            raise RuntimeError(name)

    tasks = [
        asyncio.create_task(hold(stores[0], "one", "first")),
        asyncio.create_task(hold(stores[1], "one", "second")),
        asyncio.create_task(hold(stores[1], "two", "other")),
    ]
    errors = await asyncio.gather(*tasks, return_exceptions=True)

    assert [str(error) for error in errors] == ["first", "second", "other"]
    ours = [step for step in order if "other" not in step]
    assert ours in (
        ["first in", "first out", "second in", "second out"],
        ["second in", "second out", "first in", "first out"],
    )
    assert order.index("other in") < order.index(ours[1])


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs the list of open files that Linux has")
async def test_a_lock_that_is_opened_for_somebody_who_was_cancelled_is_closed(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A web server that closes clients while they sign in would run out of descriptors."""
    store, may_open, has_opened = FileTokenStore(place), threading.Event(), threading.Event()
    open_lock = store._open_lock

    def open_late(account: str) -> FileLock:
        may_open.wait()
        try:
            return open_lock(account)
        finally:
            has_opened.set()

    monkeypatch.setattr(store, "_open_lock", open_late)
    waiting = asyncio.create_task(store.lock("account").__aenter__())
    await asyncio.sleep(0.01)
    waiting.cancel()
    await asyncio.wait({waiting})
    may_open.set()
    await asyncio.to_thread(has_opened.wait)

    def is_open() -> bool:
        return place / "account.lock" in map(Path.resolve, Path("/proc/self/fd").iterdir())

    for _ in range(200):
        if is_open():  # the thread has not ended yet
            await asyncio.to_thread(time.sleep, 0.005)
    assert not is_open()


async def test_who_waits_for_a_lock_looks_again_soon(place: Path) -> None:
    """Twenty times a second, so that hundreds of processes that start together are not held up."""
    async with FileTokenStore(place).lock("account"):
        waiter = asyncio.create_task(FileTokenStore(place).lock("account").__aenter__())
        await asyncio.sleep(10)
        assert not waiter.done()
    freed = asyncio.get_running_loop().time()
    await waiter

    assert asyncio.get_running_loop().time() - freed <= 0.06


async def test_a_store_in_memory_keeps_each_account_apart() -> None:
    store = MemoryTokenStore()
    await store.save("one", TOKEN)

    assert (await store.load("one"), await store.load("two")) == (TOKEN, None)


async def test_clients_that_start_together_make_one_auth(place: Path) -> None:
    """The lock is held while the token is fetched, and the others look again when they get it."""
    transport = transport_of(latency=0.5)
    clients = [client_of(transport, token_store=FileTokenStore(place)) for _ in range(5)]

    await asyncio.gather(
        *(client.attendees.add(EVENT, person(n), send_email_invite=True) for n, client in enumerate(clients))
    )

    assert auths(transport) == 1
    for client in clients:
        await client.aclose()


@pytest.mark.parametrize("kind", ["memory", "file"])
def test_a_sign_in_on_an_event_loop_that_stands_still_holds_up_nobody_for_long(kind: str, place: Path) -> None:
    """It was left in the middle, such as by a timeout, and the loop was never closed."""
    store = MemoryTokenStore() if kind == "memory" else FileTokenStore(place)

    async def hold(held: asyncio.Event) -> None:
        async with store.lock("account"):
            held.set()
            await asyncio.Event().wait()

    async def leave() -> asyncio.Task[None]:
        held = asyncio.Event()
        task = asyncio.create_task(hold(held))
        await held.wait()
        return task

    async def fetch() -> Secret:
        return TOKEN

    async def sign_in() -> None:
        async with asyncio.timeout(15):
            assert (await store.renew("account", None, fetch)).token == TOKEN

    first = VirtualTimeLoop()
    left = first.run_until_complete(leave())
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(sign_in())
    left.cancel()
    first.run_until_complete(asyncio.wait({left}))
    first.close()


def test_the_name_of_an_account_tells_nothing_and_differs_by_key_and_address() -> None:
    """It is a file name; neither the key nor the address can be read from it."""
    names = {
        account_name(base, Secret(key), Secret(secret))
        for base in ("https://a.example/prod", "https://b.example/prod")
        for key in (SENTINEL_ACCESS_KEY, "other")
        for secret in (SENTINEL_SECRET_KEY, "other")
    }

    assert len(names) == 8
    assert {len(name) for name in names} == {32}  # tokens of earlier versions are found
    assert leaks(" ".join(names)) == []
