"""The socket of a run: what is asked and answered, and where it may be."""

import json
import os
import socket
import tempfile
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from airmeet_async.bulk.job import BulkJob
from airmeet_async.cli.console import Console
from airmeet_async.cli.run_control import ask, carry_out_request, listening, socket_of
from airmeet_async.errors import ClientStateError, ConfigError, NotSentError

pytestmark = pytest.mark.real_time


class FakeJob:
    """Notes what it is told."""

    def __init__(self):
        self.told = []
        self.paused = False

    def pause(self):
        self.paused = True

    def resume(self):
        self.paused = False

    def set_rate(self, rate):
        self.told.append(("rate", rate))

    def stop(self, reason, message):
        self.told.append(("stop", reason.value))


@pytest.fixture
def base():
    """A folder with a path that is short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="airmeet-test-") as folder:
        yield Path(folder)


@pytest.fixture
def journal(tmp_path):
    return tmp_path / "a.job"


@pytest.mark.parametrize(
    ("asked", "said", "told"),
    [
        ({"do": "pause"}, "paused: requests in progress finish, no more are sent", []),
        ({"do": "continue"}, "continuing: it was not paused", []),
        ({"do": "rate", "rate": 50}, "at most 50 requests per second", [("rate", 50.0)]),
        ({"do": "rate", "rate": "auto"}, "as fast as Airmeet allows", [("rate", "auto")]),
        ({"do": "state"}, "running", []),
        ({"do": "stop"}, "stopping: requests in progress finish", [("stop", "stopped")]),
    ],
)
def test_what_can_be_asked(asked, said, told):
    job: Any = FakeJob()

    assert carry_out_request(asked, job, Console()) == {"said": said}
    assert job.told == told


@pytest.mark.parametrize("asked", [None, [], {"do": 7}, {"do": "dance"}, {"do": "rate"}, {"do": "rate", "rate": -1}])
def test_what_cannot_be_asked_is_answered_with_a_sentence(asked):
    job: Any = FakeJob()

    assert list(carry_out_request(asked, job, Console())) == ["error"]
    assert job.told == []


def test_the_rate_of_a_run_in_shards_stays_and_it_is_said_how_to_change_it():
    class Sharded(FakeJob):
        def set_rate(self, rate):
            raise ClientStateError("a run in shards keeps its rate")

    answer = carry_out_request({"do": "rate", "rate": 5}, cast(BulkJob, Sharded()), Console())

    assert "stop it (airmeet runs stop), and type the original command again with another --rate" in answer["error"]


async def test_a_line_in_and_a_line_out(base, journal):
    job: Any = FakeJob()
    async with listening(journal, job, Console(), base):
        said = await anyio.to_thread.run_sync(ask, journal, {"do": "pause"}, base)
        with pytest.raises(ConfigError, match="unknown request"):
            await anyio.to_thread.run_sync(ask, journal, {"do": "dance"}, base)
        async with await anyio.connect_unix(socket_of(journal, base)) as odd:
            await odd.send(b"\xff\x00 no json\n")
            assert "error" in json.loads(await odd.receive())
        async with await anyio.connect_unix(socket_of(journal, base)):
            pass  # one that says nothing

    assert (said, job.paused) == ("paused: requests in progress finish, no more are sent", True)
    assert not socket_of(journal, base).exists()
    with pytest.raises(NotSentError, match="does not respond"):
        ask(journal, {"do": "pause"}, base)


async def test_the_socket_of_a_run_that_was_killed_is_replaced(base, journal):
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(os.fspath(socket_of(journal, base)))
    async with listening(journal, cast("BulkJob", FakeJob()), Console(), base):
        assert (socket_of(journal, base).stat().st_mode & 0o777) == 0o600
        assert await anyio.to_thread.run_sync(ask, journal, {"do": "continue"}, base)


@pytest.mark.parametrize("what", ["open", "link", "file", "too long"])
async def test_a_folder_that_cannot_be_used_does_not_end_the_run(base, journal, what):
    folder, other = base / f"airmeet-{os.getuid()}", base / "other"
    other.mkdir(mode=0o700)
    if what == "open":
        folder.mkdir()
        folder.chmod(0o755)
    elif what == "link":
        folder.symlink_to(other)
    elif what == "file":
        folder.touch()
    else:
        base = base / ("a" * 100)
        base.mkdir()

    if what != "too long":
        with pytest.raises(ConfigError, match=r"open to other users|not a folder|cannot be used"):
            socket_of(journal, base)
    async with listening(journal, cast("BulkJob", FakeJob()), Console(), base):
        assert list(other.iterdir()) == []


async def test_a_request_that_got_no_answer_is_withdrawn(base, journal):
    """The run was asleep, and whoever asked has been told that it does not answer."""
    job: Any = FakeJob()
    async with listening(journal, job, Console(), base):
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(os.fspath(socket_of(journal, base)))
            asking.sendall(b'{"do": "pause"}\n')
        await anyio.sleep(0.2)

    assert not job.paused


async def test_a_folder_that_another_user_has_made_first_does_not_keep_a_run_from_being_stopped(
    base, journal, monkeypatch
):
    """Everybody can make one in /tmp, and only its owner can remove it."""
    (base / f"airmeet-{os.getuid()}").mkdir()
    (base / f"airmeet-{os.getuid()}").chmod(0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(base))
    monkeypatch.setenv("XDG_STATE_HOME", str(base / "state"))
    monkeypatch.setenv("HOME", str(base))  # macOS knows no XDG

    job = FakeJob()
    async with listening(journal, cast("BulkJob", job), Console()):
        assert await anyio.to_thread.run_sync(ask, journal, {"do": "stop"})

    assert job.told == [("stop", "stopped")]
    assert list((base / f"airmeet-{os.getuid()}").iterdir()) == []
