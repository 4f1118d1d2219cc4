"""A caller's own ``httpx.AsyncClient`` is used as it is: hooks, cookies, mocks, and one of httpx2."""

import asyncio
import importlib.util
import sys
from collections.abc import Callable, Coroutine
from types import ModuleType
from typing import Any

import httpx
import pytest

from airmeet_async import (
    AirmeetClient,
    BulkStoppedError,
    ConfigError,
    NoReplyError,
    NotSentError,
    RedirectError,
    ReplyError,
    Retry,
    RowStatus,
)
from airmeet_async.protocol.http_messages import Request
from airmeet_async.sandbox import World
from tests.client.test_silent_locals import secrets_in
from tests.sentinels import SENTINEL_TOKEN, leaks
from tests.support.fault_server import answer, fault_server
from tests.support.worlds import EVENT, add, client_of, people, person, world_of

pytestmark = pytest.mark.filterwarnings("ignore:.*alias_httpx.*")

Hook = Callable[[Any], Coroutine[Any, Any, None]]


def load_copy_of_httpx() -> ModuleType:
    """Return httpx once more under another name, so that none of its classes is httpx's, as in httpx2."""
    name = "another_httpx"
    if name not in sys.modules:
        spec = importlib.util.find_spec("httpx")
        assert spec is not None
        assert spec.origin is not None
        copy = importlib.util.spec_from_file_location(
            name, spec.origin, submodule_search_locations=list(spec.submodule_search_locations or ())
        )
        assert copy is not None
        assert copy.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(copy)
        copy.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(params=["httpx", "a copy", "httpx2"])
def module(request: pytest.FixtureRequest) -> ModuleType:
    """Return a package with an AsyncClient."""
    if request.param == "httpx2":
        found: ModuleType = pytest.importorskip("httpx2")
        return found
    return httpx if request.param == "httpx" else load_copy_of_httpx()


def mock_of(module: ModuleType, world: World, seen: list[Any] | None = None) -> Any:
    """Return a MockTransport that leads to a pretend Airmeet."""

    def handle(request: Any) -> Any:
        if seen is not None:
            seen.append(request)
        headers = tuple((name.lower(), value) for name, value in request.headers.raw)
        target = request.url.raw_path.decode()
        reply = world.handle(Request(request.method, target, headers, request.content), 0.0)
        return module.Response(
            reply.status, headers={**reply.headers, "Set-Cookie": "of-airmeet=1"}, content=reply.body
        )

    return module.MockTransport(handle)


async def read(response: Any) -> None:
    """Log the body, as many do."""
    await response.aread()


async def check(response: Any) -> None:
    """Raise for status, as the guide of httpx shows it."""
    response.raise_for_status()


async def read_and_check(response: Any) -> None:
    await response.aread()
    response.raise_for_status()


@pytest.mark.parametrize("hooks", [[], [read], [check], [read_and_check]])
async def test_an_own_client_with_a_mock_and_any_hooks_registers_people(module: ModuleType, hooks: list[Hook]) -> None:
    """One person, and a run in which the token ends: 412 renews it, also if a hook raises for it."""
    world, requests = world_of(), []

    async def note(request: Any) -> None:
        requests.append(request)

    own = module.AsyncClient(
        transport=mock_of(module, world), event_hooks={"request": [note], "response": hooks}, follow_redirects=True
    )
    async with own, client_of(own) as client:
        await client.attendees.add(EVENT, person(), send_email_invite=False)
        world.expire_tokens()
        report = await add(client, people(20))

    assert report.succeeded == 20
    assert world.statistics().auths == 2
    assert len(requests) >= 24


@pytest.mark.parametrize("hooks", [[read], [check], [read_and_check]])
async def test_a_refusal_is_a_refusal_also_if_a_hook_raises_for_it(module: ModuleType, hooks: list[Hook]) -> None:
    """With Airmeet's own words, if the hook has read them."""
    own = module.AsyncClient(transport=mock_of(module, world_of()), event_hooks={"response": hooks})
    async with own, client_of(own) as client:
        with pytest.raises(ReplyError) as caught:
            await client.attendees.block(EVENT, "nobody@example.com")

    assert 400 <= caught.value.status < 412
    assert caught.value.reason or hooks == [check]


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_hook_that_raises_for_a_reply_that_is_still_on_the_wire_leaves_its_status() -> None:
    """httpx has closed it by then."""
    async with fault_server(answer(b"{}", status="503 Away")) as server:
        own = httpx.AsyncClient(event_hooks={"response": [check]})
        async with own, client_of(own, base_url=f"http://127.0.0.1:{server.port}/prod", retry=Retry(free=1)) as client:
            reply = await client.transport.exchange(Request("GET", "/prod/x", (), b""))

    assert (reply.status, reply.body) == (503, b"")


async def test_cookies_are_the_callers_and_are_neither_wiped_nor_changed_by_us(module: ModuleType) -> None:
    """Those of other sites stay; one for Airmeet's host is sent, such as that of a gateway on the way."""
    seen: list[Any] = []
    cookies = module.Cookies()
    cookies.set("of-another-site", "1", domain="other.example")
    cookies.set("of-the-gateway", "2", domain="sandbox.example")
    own = module.AsyncClient(transport=mock_of(module, world_of(), seen), cookies=cookies, headers={"X-Trace": "7"})
    async with own, client_of(own) as client:
        await client.attendees.add(EVENT, person(), send_email_invite=False)

    assert [request.headers["x-trace"] for request in seen] == ["7", "7"]
    assert "of-the-gateway=2" in seen[0].headers["cookie"]
    assert not any("of-another-site" in request.headers["cookie"] for request in seen)
    assert {cookie.name: cookie.value for cookie in own.cookies.jar}.items() >= {
        ("of-another-site", "1"),
        ("of-the-gateway", "2"),
    }


async def test_a_redirect_is_not_followed_though_the_client_follows_them(module: ModuleType) -> None:
    """It would carry the token to another address."""
    world, asked = world_of(), []

    def handle(request: Any) -> Any:
        asked.append(str(request.url))
        if request.url.path.endswith("/auth"):
            return mock_of(module, world).handler(request)
        return module.Response(302, headers={"Location": "https://elsewhere.example/"})

    own = module.AsyncClient(transport=module.MockTransport(handle), follow_redirects=True, auth=("user", "password"))
    async with own, client_of(own) as client:
        with pytest.raises(RedirectError):
            await client.attendees.add(EVENT, person(), send_email_invite=False)

    assert not any("elsewhere" in url for url in asked)
    assert own.follow_redirects
    assert own.auth is not None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("ConnectError", NotSentError),
        ("ConnectTimeout", NotSentError),
        ("ProxyError", NotSentError),
        ("PoolTimeout", NotSentError),
        ("ReadTimeout", NoReplyError),
        ("ReadError", NoReplyError),
        ("RemoteProtocolError", NoReplyError),
    ],
)
async def test_each_error_of_the_client_says_whether_the_request_has_left(
    module: ModuleType, name: str, kind: type[Exception]
) -> None:
    error = getattr(module, name)(f"with {SENTINEL_TOKEN}")

    def fail(_: Any) -> Any:
        raise error

    async with module.AsyncClient(transport=module.MockTransport(fail)) as own, client_of(own) as client:
        with pytest.raises(kind) as caught:
            await client.transport.exchange(Request("POST", "/prod/x", (), b"{}"))

    assert type(caught.value) is kind
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert not leaks(str(caught.value))


@pytest.mark.parametrize("error", [KeyError("mine"), RuntimeError("mine"), AssertionError("mine"), ValueError("mine")])
async def test_a_bug_in_a_hook_or_a_mock_comes_out_and_is_not_retried(module: ModuleType, error: Exception) -> None:
    """Of a call and of a run; what was sent meanwhile is told as unclear, and its traceback shows no secret."""
    seen: list[str] = []
    world = world_of()

    async def fail(request: Any) -> None:
        seen.append(request.url.path)
        if not request.url.path.endswith("/auth"):
            raise error

    own = module.AsyncClient(transport=mock_of(module, world), event_hooks={"request": [fail]})
    async with own, client_of(own) as client:
        with pytest.raises(type(error), match="mine") as caught:
            await client.airmeets.list()
        assert len(seen) == 2
        assert secrets_in(caught.value) == []

        job = add(client, people(3))
        with pytest.raises(type(error), match="mine") as caught:
            await job
    assert len(seen) == 3
    assert secrets_in(caught.value) == []
    assert job.report.counts[RowStatus.UNKNOWN] == 1


async def test_an_error_from_below_the_callers_client_is_a_missing_reply() -> None:
    """Such as one of HTTP/2: no code of the caller's raised it."""

    class ProtocolError(Exception):
        __module__ = "h2.exceptions"

    def fail(_: httpx.Request) -> httpx.Response:
        raise ProtocolError(SENTINEL_TOKEN)

    async with httpx.AsyncClient(transport=httpx.MockTransport(fail)) as own, client_of(own) as client:
        with pytest.raises(NoReplyError, match="the given client raised ProtocolError before") as caught:
            await client.transport.exchange(Request("GET", "/prod/x", (), b""))
    assert not leaks(str(caught.value))


async def test_a_hook_that_uses_up_the_reply_is_named() -> None:
    async def use_up(response: httpx.Response) -> None:
        async for _ in response.aiter_raw():
            pass

    class Body(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            yield b"{}"

    mock = httpx.MockTransport(lambda _: httpx.Response(200, stream=Body()))
    async with httpx.AsyncClient(transport=mock, event_hooks={"response": [use_up]}) as own, client_of(own) as client:
        with pytest.raises(NoReplyError, match=r"use response\.aread"):
            await client.transport.exchange(Request("GET", "/prod/x", (), b""))


async def test_a_client_that_was_closed_by_its_owner_ends_a_run_with_a_sentence(module: ModuleType) -> None:
    own = module.AsyncClient(transport=mock_of(module, world_of()))
    await own.aclose()
    async with client_of(own) as client:
        with pytest.raises(BulkStoppedError):
            await add(client, people(3))


async def test_a_client_that_is_closed_between_calls_sends_nothing_and_leaves_nothing_unclear(
    module: ModuleType,
) -> None:
    seen: list[Any] = []
    own = module.AsyncClient(transport=mock_of(module, world_of(), seen))
    async with client_of(own) as client:
        await client.airmeets.list()
        await own.aclose()
        sent = len(seen)
        with pytest.raises(NotSentError, match="the given httpx client is closed"):
            await client.attendees.add(EVENT, person(), send_email_invite=True)
        job = add(client, people(3), send_email_invite=True)
        with pytest.raises(BulkStoppedError, match="the given httpx client is closed"):
            await job
    assert len(seen) == sent
    assert job.report.counts[RowStatus.UNPROCESSED] == job.report.rows_read > 0


@pytest.mark.parametrize("name", ["Client"])
def test_a_synchronous_client_is_one_clear_error(module: ModuleType, name: str) -> None:
    with module.Client() as own, pytest.raises(ConfigError, match="synchronous client; use the AsyncClient"):
        AirmeetClient("key", "secret", transport=own)


async def test_a_token_that_is_refused_by_a_raising_hook_is_renewed_once_for_all_tasks() -> None:
    world = world_of()
    own = httpx.AsyncClient(transport=mock_of(httpx, world), event_hooks={"response": [check]})
    async with own, client_of(own) as client:
        await client.token.get()
        world.expire_tokens()
        await asyncio.gather(
            *(client.attendees.add(EVENT, person(number), send_email_invite=False) for number in range(30))
        )

    assert world.statistics().auths == 2
