"""The sandbox as a process, over real sockets."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from airmeet_async.sandbox import World, community
from airmeet_async.sandbox.server import serve

pytestmark = pytest.mark.real_time

ADD = f"/prod/airmeet/{community.SUMMIT}/attendee"
KEYS = {"X-Airmeet-Access-Key": community.ACCESS_KEY, "X-Airmeet-Secret-Key": community.SECRET_KEY}


class Process:
    """A sandbox of its own; it ends with our end of its standard input, come what may."""

    def __init__(self, *options):
        command = [sys.executable, "-m", "airmeet_async.sandbox", "--until-stdin-closes", *options]
        self.child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.child.stdout is not None
        self.port = int(self.child.stdout.readline().rsplit(":", 1)[1].removesuffix("/prod\n"))
        self.token = json.loads(self.call("POST", "/prod/auth", **KEYS)[1])["token"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.communicate(timeout=20)  # closes its standard input first

    def call(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, body and json.dumps(body), {"Content-Type": "application/json"} | headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def add(self, number):
        body = {"email": f"p{number}@example.com", "firstName": "A", "lastName": "B"}
        return self.call("POST", ADD, body, **{"X-Airmeet-Access-Token": self.token})

    def statistics(self):
        return json.loads(self.call("GET", "/_sandbox/statistics")[1])


def test_faults_are_felt_on_the_wire():
    """Dropped connections, half answers, HTML and expiry arrive as what they are, and the ground truth is exact."""
    with Process("--faults", "drop@1,drop-after@2,partial@3,502html@4,expire@5", "--seed", "7") as sandbox:
        for number in (1, 2):
            with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
                sandbox.add(number)
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            sandbox.add(3)
        status, page = sandbox.add(4)
        assert (status, page[:6]) == (502, b"<html>")
        assert sandbox.add(5)[0] == 412
        found = sandbox.statistics()

    assert found["world"]["adds"] == 2
    assert found["answers"] == {"200": 1, "412": 1, "502": 1, "drop": 2, "partial": 1}
    assert sandbox.child.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.skipif(os.name != "posix", reason="these signals are POSIX")
def test_signals_end_it_quietly(number):
    """Even with a connection open and a request hanging, it ends with 0 and without a word."""
    with Process("--faults", "hang@1:on=airmeets.list") as sandbox:
        hanging = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=20)
        hanging.request("GET", "/prod/airmeets")
        idle = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=20)
        idle.request("GET", "/_sandbox/statistics")
        idle.getresponse().read()
        os.kill(sandbox.child.pid, number)
        sandbox.child.wait(timeout=20)  # with our end of its input still open
        output, errors = sandbox.child.communicate()
        idle.close()
        hanging.close()

    assert (sandbox.child.returncode, errors) == (0, "")
    assert all(line.startswith(("export ", "# event ")) for line in output.splitlines())


def test_bad_option_is_a_usage_error():
    """The message says how to write it, and nothing is served."""
    command = [sys.executable, "-m", "airmeet_async.sandbox", "--faults", "429"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)

    assert (done.returncode, done.stdout) == (2, "")
    assert "@500" in done.stderr


async def test_serving_inside_a_program_leaves_it_as_it_was():
    """Signals stay with the program, and a cancelled server takes no more requests."""
    before = signal.getsignal(signal.SIGINT)
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(serve(World(), on_ready=ready.set_result))
    port = urlsplit(await ready).port

    _, writer = await asyncio.open_connection("127.0.0.1", port)
    assert signal.getsignal(signal.SIGINT) is before
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    writer.close()

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
