"""Which transport a client takes."""

import sys
from collections.abc import Callable
from urllib.request import getproxies

import pytest

from airmeet_async import AirmeetClient, ConfigError
from airmeet_async.client.transports.llhttp_transport import LlhttpTransport


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Tell which transport a client takes, or why it takes none."""

    def choose(
        transport: str, *, hidden: bool = False, base: str = "https://api-gateway.airmeet.com/prod", **env: str
    ) -> str:
        with monkeypatch.context() as patch:
            for name in (*getproxies(), "no"):
                patch.delenv(f"{name}_proxy", raising=False)
                patch.delenv(f"{name}_proxy".upper(), raising=False)
            for name, value in env.items():
                patch.setenv(name, value)
            if hidden:  # as if httptools were not installed
                patch.setitem(sys.modules, LlhttpTransport.__module__, None)
            try:
                return AirmeetClient("k", "s", base_url=base, transport=transport).transport_name
            except ConfigError as error:
                return str(error)

    return choose


def test_the_fast_transport_is_used_where_it_can_be(chosen: Callable[..., str]) -> None:
    """Its package is there, and no proxy stands in the way; plain http asks no proxy."""
    assert chosen("auto") == chosen("llhttp") == "fast"
    assert chosen("httpx") == chosen("auto", hidden=True) == "httpx"
    assert chosen("auto", HTTPS_PROXY="http://localhost:9") == "httpx"
    assert chosen("auto", HTTPS_PROXY="http://localhost:9", NO_PROXY="airmeet.com") == "fast"
    assert chosen("auto", HTTP_PROXY="http://localhost:9", base="http://127.0.0.1:8/prod") == "fast"


def test_asking_for_the_fast_transport_where_it_cannot_be_says_what_to_do(chosen: Callable[..., str]) -> None:
    """The message holds the fix, and not the proxy's password."""
    assert "pip install 'airmeet-async[fast]'" in chosen("llhttp", hidden=True)
    refusal = chosen("llhttp", HTTPS_PROXY="http://me:SENTINEL-secret-key-91b7ae@localhost:9")
    assert "proxy" in refusal
    assert "transport='httpx'" in refusal
    assert "SENTINEL" not in refusal
