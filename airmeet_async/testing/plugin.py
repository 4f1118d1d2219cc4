"""The pytest plugin: a simulated Airmeet as fixtures. pytest loads it by itself wherever this package is installed.

Rules of this file:

1. It does nothing in a test that does not ask for one of its fixtures, and imports nothing but pytest before that.
2. The fixtures are plain functions, so that they need no plugin for asynchronous ones.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from airmeet_async import AirmeetClient
    from airmeet_async.testing import Sandbox

_VIRTUAL_TIME = "airmeet_virtual_time"


@pytest.fixture
def airmeet_sandbox() -> "Iterator[Sandbox]":
    """A simulated Airmeet in this process, new for each test."""
    from airmeet_async.testing import Sandbox

    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def airmeet_client(airmeet_sandbox: "Sandbox") -> "AirmeetClient":
    """A client that talks to airmeet_sandbox in this process; it is closed after the test."""
    return airmeet_sandbox.client()


@pytest.fixture
def airmeet_server(
    airmeet_sandbox: "Sandbox", monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> "Iterator[Sandbox]":
    """airmeet_sandbox on a port of 127.0.0.1, with the environment that leads new clients and commands there."""
    # Else the command line would remember the runs of a test among those of the person who runs it.
    state = tmp_path_factory.mktemp("airmeet")
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    monkeypatch.setenv("AIRMEET_TOKEN_CACHE", str(state / "tokens"))
    for name in ("AIRMEET_REGION", "AIRMEET_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with airmeet_sandbox.serve():
        for name, value in airmeet_sandbox.environ.items():
            monkeypatch.setenv(name, value)
        yield airmeet_sandbox


@pytest.fixture(name=_VIRTUAL_TIME)
def virtual_time(airmeet_sandbox: "Sandbox") -> None:
    """Waits of the test take no time: rates, retries, ``asyncio.sleep``.

    With anyio's plugin there is nothing else to do. With pytest-asyncio, conftest.py chooses the loop; a test whose
    loop is not a virtual one is told how.
    """
    airmeet_sandbox.needs_virtual_time = True


@pytest.hookimpl(tryfirst=True)  # before pytest reads the marks
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Let anyio's plugin run a test that asks for virtual time on such a loop, and its asynchronous fixtures, too."""
    if {_VIRTUAL_TIME, "anyio_backend"} <= set(metafunc.fixturenames):
        from airmeet_async.testing import VirtualTimeLoop

        virtual = pytest.param(("asyncio", {"loop_factory": VirtualTimeLoop}), id="virtual")
        metafunc.definition.add_marker(pytest.mark.parametrize("anyio_backend", [virtual]))
