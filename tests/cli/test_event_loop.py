"""The event loop and the transport of a command: the real ones, unless `main` was given others."""

import asyncio
from pathlib import Path

import pytest

import airmeet_async.cli
from airmeet_async.cli.event_loop import find_transport, open_runner, replaced, run_async
from airmeet_async.protocol.base_urls import parse_base
from airmeet_async.testing import VirtualTimeLoop
from tests.support.command import Sandbox


async def loop_and_sum(*numbers):
    return type(asyncio.get_running_loop()), sum(numbers)


def test_others_are_used_where_they_are_given_and_nowhere_else():
    sandbox = Sandbox()
    with replaced(sandbox, VirtualTimeLoop):
        assert run_async(loop_and_sum, 1, 2) == (VirtualTimeLoop, 3)
        assert find_transport(parse_base("http://127.0.0.1:8/prod")) is sandbox

    loop, _ = run_async(loop_and_sum)
    assert issubclass(loop, asyncio.AbstractEventLoop)
    assert loop is not VirtualTimeLoop
    assert find_transport(parse_base("http://127.0.0.1:8/prod")) is not sandbox


def test_runs_have_uvloop_where_it_is_installed():
    uvloop = pytest.importorskip("uvloop")

    with open_runner() as runner:
        assert runner.run(loop_and_sum())[0] is uvloop.Loop


def test_no_command_runs_a_loop_or_makes_a_client_past_it():
    """Write `run_async(...)` and `AirmeetClient(..., transport=find_transport(...))`: then a test needs no network."""
    folder = Path(airmeet_async.cli.__path__[0])
    files = {
        path.name: path.read_text(encoding="utf-8") for path in folder.rglob("*.py") if path.name != "event_loop.py"
    }

    assert [name for name, text in files.items() if "anyio.run(" in text or "asyncio.run(" in text] == []
    assert [name for name, text in files.items() if "AirmeetClient(" in text and "find_transport(" not in text] == []
