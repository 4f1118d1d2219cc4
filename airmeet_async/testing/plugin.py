"""The pytest plugin: a simulated Airmeet as fixtures. pytest loads it by itself wherever this package is installed.

Rules of this file:

1. It does nothing in a test that does not ask for one of its fixtures, and imports nothing but pytest before that.
2. The fixtures are plain functions, so that they need no plugin for asynchronous ones.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

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
    if not {_VIRTUAL_TIME, "anyio_backend"} <= set(metafunc.fixturenames) or _chooses_backend(metafunc.definition):
        return
    # As wide as the fixture that it replaces, or one of a module could not ask for it.
    fixtures: Any = getattr(metafunc, "_arg2fixturedefs", {}).get("anyio_backend")
    scope: Any = fixtures[-1].scope if fixtures else "function"
    virtual = pytest.param(_virtual_backend(), id="virtual")
    metafunc.definition.add_marker(pytest.mark.parametrize("anyio_backend", [virtual], scope=scope))


def pytest_itemcollected(item: pytest.Item) -> None:
    """Do the same for a test that names its backend itself: asyncio is on such a loop, anything else is left alone."""
    if _VIRTUAL_TIME in getattr(item, "fixturenames", ()) and _chooses_backend(item):
        values = item.callspec.params  # type: ignore[attr-defined]  # of a test with parameters
        backend = values.get("anyio_backend")
        if backend == "asyncio" or (isinstance(backend, tuple) and backend[0] == "asyncio"):
            values["anyio_backend"] = _virtual_backend()


def _chooses_backend(item: pytest.Item) -> bool:
    """Return whether the test has a mark of its own that says which loops it runs on."""
    for mark in item.iter_markers("parametrize"):
        names = mark.args[0] if mark.args else mark.kwargs.get("argnames", "")
        if "anyio_backend" in (names.replace(",", " ").split() if isinstance(names, str) else names):
            return True
    return False


def _virtual_backend() -> tuple[str, dict[str, Any]]:
    from airmeet_async.testing import VirtualTimeLoop

    return "asyncio", {"loop_factory": VirtualTimeLoop}
