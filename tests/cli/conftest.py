"""What the tests of the command line share: the command, and an Airmeet for it to talk to."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from attrs import frozen

from airmeet_async.sandbox import Faults, World
from airmeet_async.sandbox.server import serve
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.support.command import Airmeet
from tests.support.worlds import world_of

_SECONDS = 30


@pytest.fixture
def airmeet(tmp_path: Path) -> Airmeet:
    """The command with the sentinel keys, and no Airmeet behind it."""
    folder = tmp_path / "here"
    folder.mkdir()
    return Airmeet(
        folder,
        {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY,
            "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY,
            "AIRMEET_URI": "http://127.0.0.1:1/prod",
            "AIRMEET_RATE": "1000",
            "AIRMEET_TOKEN_CACHE": "off",
        },
    )


@frozen
class Served:
    """A sandbox that is being served."""

    world: World
    url: str

    async def sees(self, what: Callable[[World], bool]) -> None:
        """Wait until something has happened there."""
        with anyio.fail_after(_SECONDS):
            while not what(self.world):  # noqa: ASYNC110 - a world has no event to wait for
                await anyio.sleep(0.005)


Serving = Callable[..., AbstractAsyncContextManager[Served]]


@pytest.fixture
def serving() -> Serving:
    """Serve a sandbox for processes: ``async with serving("500:5%") as pretend:``."""

    @asynccontextmanager
    async def served(faults: str = "", **switches: Any) -> AsyncIterator[Served]:
        world, urls = world_of(**switches), anyio.create_memory_object_stream[str](1)
        async with anyio.create_task_group() as group:

            async def run() -> None:
                await serve(world, Faults.parse(faults), on_ready=urls[0].send_nowait)

            group.start_soon(run)
            with urls[0], urls[1]:
                yield Served(world, await urls[1].receive())
            group.cancel_scope.cancel()

    return served
