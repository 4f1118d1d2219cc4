"""Which transport a client and a command take."""

import sys
from collections.abc import Callable
from typing import Any
from urllib.request import getproxies

import httpcore
import httpx
import pytest

from airmeet_async import AirmeetClient, ConfigError, calls
from airmeet_async.cli.event_loop import find_transport
from airmeet_async.client.transports.llhttp_transport import LlhttpTransport
from airmeet_async.optional_imports import install_command
from airmeet_async.protocol.base_urls import parse_base
from airmeet_async.testing import SandboxTransport

AIRMEET, LOOPBACK = "https://api-gateway.airmeet.com/prod", "http://127.0.0.1:8/prod"
PROXY = "http://me:SENTINEL-secret-key-91b7ae@localhost:9"

Environment = Callable[..., None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Set the variables that concern a transport, and no others."""

    def set_only(*, extra: bool = True, **variables: str) -> None:
        for name in (*getproxies(), "no"):
            monkeypatch.delenv(f"{name}_proxy", raising=False)
            monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)
        monkeypatch.delenv("AIRMEET_TRANSPORT", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        if not extra:
            for module in ("httptools", LlhttpTransport.__module__):
                monkeypatch.setitem(sys.modules, module, None)

    return set_only


def name_of(transport: Any = None, base: str = AIRMEET) -> str:
    return AirmeetClient("k", "s", base_url=base, transport=transport).transport_name


def refusal_of(transport: Any = None, base: str = AIRMEET) -> str:
    with pytest.raises(ConfigError) as caught:
        name_of(transport, base)
    return str(caught.value)


def test_a_client_takes_httpx_whatever_is_installed(environment: Environment) -> None:
    environment()
    assert (name_of(), name_of("httpx"), name_of("fast")) == ("httpx", "httpx", "fast")


def test_the_argument_wins_over_the_environment_and_that_over_the_default(environment: Environment) -> None:
    environment(AIRMEET_TRANSPORT=" Fast ")
    assert (name_of(), name_of("httpx")) == ("fast", "httpx")
    environment(AIRMEET_TRANSPORT="httpx")
    assert (name_of(), name_of("fast")) == ("httpx", "fast")


def test_the_names_of_version_0_1_are_answered_with_the_new_ones(environment: Environment) -> None:
    environment()
    assert "'fast'" in refusal_of("llhttp")
    assert "httpx" not in refusal_of("llhttp")
    assert "'fast' or 'httpx'" in refusal_of("auto")
    environment(AIRMEET_TRANSPORT="auto")
    assert refusal_of().startswith("AIRMEET_TRANSPORT=auto")


def test_what_is_no_transport_is_refused_with_what_is_one(environment: Environment) -> None:
    environment()
    assert refusal_of("quick").endswith("not quick")
    assert refusal_of(3) == "transport must be 'httpx', 'fast', a Transport or an httpx.AsyncClient, not int"
    for value in ("", "quick"):
        environment(AIRMEET_TRANSPORT=value)
        assert refusal_of() == "AIRMEET_TRANSPORT must be httpx or fast"


def test_an_object_is_taken_as_it_is_and_stays_the_callers(environment: Environment) -> None:
    environment(AIRMEET_TRANSPORT="fast")
    assert name_of(SandboxTransport()) == "SandboxTransport"
    assert name_of(httpx.AsyncClient()) == "httpx"


async def test_only_a_transport_of_the_librarys_own_is_closed_with_the_client(environment: Environment) -> None:
    environment()
    for theirs in (httpx.AsyncClient(), SandboxTransport()):
        assert not AirmeetClient("k", "s", transport=theirs)._owns_transport
    for ours in ("httpx", "fast"):
        assert AirmeetClient("k", "s", transport=ours)._owns_transport


def test_the_fast_transport_where_it_cannot_be_says_what_to_do(environment: Environment) -> None:
    """The message holds the fix, and not the proxy's password."""
    environment(HTTPS_PROXY=PROXY)
    refusal = refusal_of("fast")
    assert "localhost" not in refusal
    assert "SENTINEL" not in refusal
    assert "use httpx, or add the host to NO_PROXY" in refusal
    assert (name_of(), name_of("fast", LOOPBACK)) == ("httpx", "fast")
    environment(extra=False)
    assert install_command("fast") in refusal_of("fast")
    assert name_of() == "httpx"


def test_a_command_takes_the_fast_transport_where_it_can_be(environment: Environment) -> None:
    airmeet, loopback = parse_base(AIRMEET), parse_base(LOOPBACK)
    environment()
    assert find_transport(airmeet) == "fast"
    environment(HTTPS_PROXY=PROXY, HTTP_PROXY=PROXY)
    assert (find_transport(airmeet), find_transport(loopback)) == ("httpx", "fast")
    environment(HTTPS_PROXY=PROXY, NO_PROXY="airmeet.com")
    assert find_transport(airmeet) == "fast"
    environment(AIRMEET_TRANSPORT="httpx")
    assert find_transport(airmeet) is None  # the client reads it
    environment(extra=False)
    assert find_transport(airmeet) == "httpx"


@pytest.mark.parametrize("asked", ["", "httpx"])
async def test_mocks_of_httpcore_see_every_request(environment: Environment, asked: str) -> None:
    """They replace the pool's method, as respx does: with httpx, no test of a user's program reaches the network."""
    seen: list[bytes] = []

    async def answer(_pool: Any, request: httpcore.Request) -> httpcore.Response:
        seen.append(request.url.target)
        return httpcore.Response(200, content=b'{"token": "' + b"t" * 40 + b'"}')

    environment(**({"AIRMEET_TRANSPORT": asked} if asked else {}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpcore.AsyncConnectionPool, "handle_async_request", answer)
        async with AirmeetClient("k", "s", base_url=AIRMEET) as client:
            assert (await client.exchange(calls.get_airmeet("event"))).status == 200

    assert seen == [b"/prod/auth", b"/prod/airmeet/event/info"]
