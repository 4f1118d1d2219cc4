"""What tests of the client share."""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any
from urllib.request import getproxies

import pytest

from tests.support.transports import MAKERS, Make

KINDS = [kind for kind in MAKERS if "uvloop" not in kind or find_spec("uvloop")]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Return the name of each transport, and of the loop it runs on where that is another one."""
    name: str = request.param
    return name


@pytest.fixture
def make(kind: str) -> Make:
    """Return each way to make a transport to a loopback port."""
    return MAKERS[kind]


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest, anyio_backend: tuple[str, Any]) -> tuple[str, Any]:
    """Run a transport on the loop that its kind names."""
    if "make" in request.fixturenames and "uvloop" in request.getfixturevalue("kind"):
        return "asyncio", {"use_uvloop": True}
    return anyio_backend


Environment = Callable[..., None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Set these variables about the network, and no others."""

    def set_only(**variables: str) -> None:
        for name in (*getproxies(), "no", "https", "http", "all"):
            monkeypatch.delenv(f"{name}_proxy", raising=False)
            monkeypatch.delenv(f"{name}_proxy".upper(), raising=False)
        for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "SSLKEYLOGFILE"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return set_only
