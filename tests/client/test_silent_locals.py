"""A traceback with the locals of its frames, as test runners and error trackers write it, shows no secret of ours."""

import asyncio
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import httpcore
import httpx
import pytest

import airmeet_async
from airmeet_async import AirmeetClient, Attendee, ConfigError
from airmeet_async.client.transports import httpx_transport
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, SENTINEL_TOKEN, leaks
from tests.support.fault_server import Act, Peer, fault_server
from tests.support.transports import lanes, post

PACKAGE = str(Path(airmeet_async.__file__).parent)
PERSON = Attendee("ada@example.com", "Ada", "Payload-of-a-person")
TOKEN = b'{"token":"%s"}' % SENTINEL_TOKEN.encode()


def secrets_in(error: BaseException) -> list[str]:
    """Return the secrets in the locals of an error's frames, its causes' and contexts', but not of a test's own."""
    found: list[str] = []
    seen: set[int] = set()

    def walk(one: BaseException | None) -> None:
        if one is None or id(one) in seen:
            return
        seen.add(id(one))
        for frame, _ in traceback.walk_tb(one.__traceback__):
            found.extend(in_frame(frame))
        walk(one.__cause__)
        walk(one.__context__)
        for other in getattr(one, "exceptions", ()):
            walk(other)

    def in_frame(frame: FrameType) -> list[str]:
        if frame.f_code.co_filename == __file__:
            return []
        shown = {name: repr(value) for name, value in frame.f_locals.items()}
        return [
            f"{what} in {name} of {frame.f_code.co_qualname}"
            for name, text in shown.items()
            for what in (*leaks(text), *(["the payload"] if "Payload-of-a-person" in text else []))
        ]

    walk(error)
    return found


def reply(body: bytes, status: bytes = b"200 OK") -> Act:
    async def act(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    return act


def silence(before: bytes) -> Act:
    async def act(peer: Peer) -> None:
        await peer.send(before)
        await asyncio.sleep(60)

    return act


STAGES: dict[str, list[Act]] = {
    "signing in": [silence(b"")],
    "waiting for the head": [reply(TOKEN), silence(b"")],
    "in the head": [reply(TOKEN), silence(b"HTTP/1.1 200 OK\r\nConte")],
    "in the body": [reply(TOKEN), silence(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")],
    "before the next attempt": [reply(TOKEN), reply(b"{}", b"500 Oops")],
    "refused": [reply(TOKEN), reply(b'{"message": "no"}', b"422 No")],
    "refused keys": [reply(b"{}", b"400 No")],
}


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("transport", ["httpx", "fast", "own"])
async def test_a_timeout_of_the_caller_shows_none(transport: str, stage: str) -> None:
    async with fault_server(*STAGES[stage]) as server, httpx.AsyncClient() as own:
        client = AirmeetClient(
            SENTINEL_ACCESS_KEY,
            SENTINEL_SECRET_KEY,
            base_url=f"http://127.0.0.1:{server.port}/prod",
            transport=own if transport == "own" else transport,
        )
        try:
            async with asyncio.timeout(0.2):
                await client.attendees.add("e1", PERSON, send_email_invite=False)
        except (TimeoutError, airmeet_async.AirmeetError) as error:
            assert secrets_in(error) == []  # noqa: PT017 - of several kinds
        else:
            pytest.fail("it should not have come to an end")
        await client.aclose()


class Stuck(httpcore.AsyncNetworkStream):
    """A connection whose other side takes nothing."""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's
        await asyncio.sleep(60)

    async def aclose(self) -> None:
        pass

    def get_extra_info(self, info: str) -> Any:
        return None


async def test_a_request_that_does_not_leave_shows_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames of httpcore have the bytes of its head then."""

    async def connect_tcp(*_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        return Stuck()

    monkeypatch.setattr(httpx_transport._Backend, "connect_tcp", connect_tcp)
    transport = lanes(1)

    async def send() -> None:
        await transport.exchange(post(b"Payload-of-a-person"))

    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(1):
            await send()
    task = asyncio.create_task(send())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as cancelled:
        await task

    assert (secrets_in(caught.value), secrets_in(cancelled.value)) == ([], [])


BAD: list[dict[str, Any]] = [
    {"base_url": "ftp://x"}, {"base_url": "https://[x"}, {"region": "mars"}, {"rate": "x"}, {"rate": -1},
    {"max_in_flight": 0}, {"transport": "zz"}, {"transport": 5}, {"access_key": f"{SENTINEL_ACCESS_KEY} x"},
    {"secret_key": f"'{SENTINEL_SECRET_KEY}'"}, {"access_key": 5},
]  # fmt: skip


@pytest.mark.parametrize("from_environment", [True, False])
def test_a_client_that_cannot_be_made_shows_none(from_environment: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"access_key": SENTINEL_ACCESS_KEY, "secret_key": SENTINEL_SECRET_KEY}
    if from_environment:
        monkeypatch.setenv("AIRMEET_ACCESS_KEY", keys.pop("access_key"))
        monkeypatch.setenv("AIRMEET_SECRET_KEY", keys.pop("secret_key"))
    for given in BAD:
        with pytest.raises((ConfigError, AttributeError, TypeError)) as caught:
            AirmeetClient(**{**keys, **given})

        assert secrets_in(caught.value) == [], given


def test_the_frames_that_are_looked_at_do_show_what_is_in_them() -> None:
    """Else the tests above would prove nothing."""

    def fail(key: str) -> None:
        raise ValueError(len(key))

    space: dict[str, Any] = {}
    exec(compile("def call(fail, key): fail(key)", "elsewhere", "exec"), space)  # noqa: S102 - another file's frame
    call: Callable[..., None] = space["call"]
    with pytest.raises(ValueError, match="26") as caught:
        call(fail, SENTINEL_SECRET_KEY)

    assert secrets_in(caught.value) == ["the secret key in key of call"]
