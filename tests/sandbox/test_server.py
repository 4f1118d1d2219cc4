"""The server: the application called directly, on virtual time; then as a process, over real sockets."""

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest

from airmeet_async.protocol.http_messages import WRITE_LIMIT
from airmeet_async.sandbox import Faults, World, community
from airmeet_async.sandbox.server import TRANSPORT, SandboxApp, environment, is_loopback, run, serve, url_of
from tests.sandbox.caller import Caller, value_error


def slow(test):
    """Mark a test that starts a process or opens a socket, and so runs on the real clock."""
    return pytest.mark.slow(pytest.mark.real_time(test))


class Connection:
    """Stands in for the server: gives the request to the app and keeps what the app does."""

    def __init__(self, app):
        self.app = app
        self.sent = []
        self.aborted = False
        self.gone = asyncio.Event()

    def abort(self):
        self.aborted = True
        self.gone.set()

    async def send(self, message):
        self.sent.append(message)

    async def request(self, method, target, chunks=(b"",), headers=()):
        path, _, query = target.partition("?")
        scope = {"method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode()}
        messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
        messages[-1]["more_body"] = False
        incoming = iter(messages)

        async def receive():
            for message in incoming:
                return message
            await self.gone.wait()
            return {"type": "http.disconnect"}

        await self.app(scope | {"headers": headers, TRANSPORT: self}, receive, self.send)
        return self.sent[0]["status"] if self.sent else None

    @property
    def body(self):
        return b"".join(message.get("body", b"") for message in self.sent)

    @property
    def headers(self):
        return dict(self.sent[0]["headers"])


class Site:
    """An app around a world, with somebody who has a token."""

    def __init__(self, spec="", **options):
        self.caller = Caller()
        self.world = self.caller.world
        self.app = SandboxApp(self.world, Faults.parse(spec), **options)

    async def add(self, chunks=(b'{"email":"ada@example.com",', b'"firstName":"A","lastName":"B"}')):
        connection = Connection(self.app)
        headers = [(b"content-type", b"application/json"), (b"x-airmeet-access-token", self.caller.token.encode())]
        await connection.request("POST", f"/prod/airmeet/{community.SUMMIT}/attendee", chunks, headers)
        return connection

    async def get(self, target, method="GET"):
        connection = Connection(self.app)
        return await connection.request(method, target), json.loads(connection.body)


async def test_request_reaches_the_world_whole():
    """Verb, path, headers and all chunks of the body arrive, and the answer leaves with its length."""
    site = Site()
    connection = await site.add()

    assert site.caller.person().adds == 1
    assert site.caller.person().entry_link == json.loads(connection.body)["entryLink"]
    assert str(len(connection.body)).encode() == connection.headers[b"content-length"]
    assert not connection.aborted


async def test_only_this_machine_is_answered():
    """A name that was bound to 127.0.0.1 afterwards, and a page of another site, learn nothing and change nothing."""
    for name, values, status in [
        (b"host", [b"127.0.0.1:8900", b"localhost", b"[::1]:8900", b"LOCALHOST:1"], 404),
        (
            b"host",
            [b"evil.example", b"127.0.0.1.evil.example", b"192.0.2.1", b"", b"127.0.0.1@evil.example", b"[::1"],
            403,
        ),
        (b"origin", [b"http://localhost:3000", b"http://127.0.0.1"], 404),
        (b"origin", [b"https://evil.example", b"null", b"http://localhost.evil.example"], 403),
    ]:
        for value in values:
            assert await Connection(Site().app).request("GET", "/_sandbox/none", headers=[(name, value)]) == status, (
                value
            )


async def test_the_recordings_of_a_server_expire_from_now():
    """Not six hours after the machine was started."""
    site = Site()
    connection = Connection(site.app)
    headers = [(b"x-airmeet-access-token", site.caller.token.encode())]
    await connection.request("GET", f"/prod/airmeet/{community.FINISHED}/session-recordings", headers=headers)
    link = json.loads(connection.body)["recordings"][0]["download_link"]

    assert abs(int(link.partition("Expires=")[2].partition("&")[0]) - 6 * 3600 - time.time()) < 60


async def test_query_reaches_the_world():
    """The target keeps its query."""
    site = Site()
    connection = Connection(site.app)
    await connection.request(
        "GET", "/prod/airmeets?size=2", headers=[(b"x-airmeet-access-token", site.caller.token.encode())]
    )

    assert len(json.loads(connection.body)["data"]) == 2


async def test_drop_sends_nothing():
    """The connection is cut before the first byte of an answer."""
    for spec, adds in [("drop@1", 0), ("drop-after@1", 1)]:
        site = Site(spec)
        connection = await site.add()

        assert (connection.aborted, connection.sent) == (True, []), (spec, adds)
        assert adds == site.world.statistics().adds, (spec, adds)


async def test_partial_answer_promises_more_than_it_sends():
    """Half of the body leaves, then the connection is cut."""
    connection = await Site("partial@1").add()

    assert connection.aborted
    assert 0 < len(connection.body) < int(connection.headers[b"content-length"])
    assert connection.sent[-1]["more_body"]


async def test_hang_ends_when_the_sender_gives_up():
    """Nothing is sent and nothing is cut; the app waits for the other side."""
    site = Site("hang@1")
    start = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3600):
            await site.add()

    assert asyncio.get_running_loop().time() - start >= 3600
    assert site.world.statistics().adds == 0


async def test_latency_and_slowness_add_up():
    """The answer takes its time; what it says was settled on arrival."""
    site = Site("slow@2:2s", latency=0.5)
    loop = asyncio.get_running_loop()
    times = []
    for _ in range(2):
        start = loop.time()
        await site.add()
        times.append(round(loop.time() - start, 2))

    assert times == [0.5, 2.5]


async def test_too_long_a_body_is_refused():
    """The limit is exact, nothing beyond it is kept, and the connection ends."""
    site = Site()
    fits = await site.add([b" " * (WRITE_LIMIT - 10), b"{}" + b" " * 8])
    over = await site.add([b" " * WRITE_LIMIT, b" "])

    assert (fits.sent[0]["status"], over.sent[0]["status"]) == (400, 413)
    assert over.headers[b"connection"] == b"close"


async def test_statistics_are_served():
    """The ground truth can be read beside the pretend API, and reading it does not change it."""
    site = Site("500@2")
    await site.add()
    await site.add()
    status, first = await site.get("/_sandbox/statistics")

    assert status == 200
    assert first == (await site.get("/_sandbox/statistics"))[1]
    assert (first["world"]["adds"], first["answers"]) == (1, {"200": 1, "500": 1})
    assert first["faults"] == {"500@2": 1}


async def test_people_are_served():
    """Who was added, how often, and how many mails they got."""
    site = Site()
    await site.add()
    await site.add()
    [person] = (await site.get(f"/_sandbox/people/{community.SUMMIT}"))[1]["people"]

    assert (person["email"], person["adds"], person["mails"]) == ("ada@example.com", 2, 1)


async def test_tokens_can_be_ended_from_outside():
    """A POST ends all tokens; a GET does not."""
    site = Site()

    assert (await site.get("/_sandbox/expire-tokens"))[0] == 404
    assert (await site.add()).sent[0]["status"] == 200
    assert (await site.get("/_sandbox/expire-tokens", "POST"))[0] == 200
    assert (await site.add()).sent[0]["status"] == 412


async def test_other_paths_name_the_right_ones():
    """A wrong path beside the pretend API says what there is."""
    for path in ["/_sandbox/", "/_sandbox/people/nobody", "/_sandbox/x"]:
        status, body = await Site().get(path)

        assert status == 404, path
        assert "statistics" in body["message"], path


async def test_on_another_address_private_names_are_answered():
    """A container's name, an address: nobody can rebind those. A web page elsewhere still learns nothing."""
    here = [
        b"airmeet:8900",
        b"192.0.2.1:80",
        b"[fd00::1]:8900",
        b"host.docker.internal:8900",
        b"a.b.local",
        b"localhost",
    ]
    for name, values, status in [
        (b"host", here, 404),
        (b"host", [b"evil.example", b"internal.evil.example", b"", b"192.0.2.1.evil.example", b"evil.example."], 403),
        (b"origin", [b"http://localhost:3000"], 404),
        (b"origin", [b"http://airmeet:8900", b"http://192.0.2.1", b"https://evil.example", b"null"], 403),
    ]:
        for value in values:
            app = Site(open_to_others=True).app
            assert await Connection(app).request("GET", "/_sandbox/none", headers=[(name, value)]) == status, value


async def test_a_host_is_an_address():
    """Whoever types something else is told what to use."""
    for host in ["example.com", ""]:
        with pytest.raises(ValueError, match=r"such as 127\.0\.0\.1 or ::1") as caught:
            await serve(World(), host=host)
        assert repr(host) in str(caught.value)


def test_the_url_of_everywhere_is_that_of_this_machine():
    urls = [url_of(host, 89) for host in ("0.0.0.0", "::", "::1", "192.0.2.1")]  # noqa: S104

    assert urls == [f"http://{host}:89/prod" for host in ("127.0.0.1", "[::1]", "[::1]", "192.0.2.1")]
    assert [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "0.0.0.0", "somewhere")] == [  # noqa: S104
        True,
        True,
        True,
        False,
        False,
    ]


def test_run_refuses_bad_options():
    """A bad option ends the run before anything is served."""
    for options, word in (({"port": 70_000}, "port"), ({"host": "somewhere"}, "address")):
        urls: list[str] = []
        assert word in value_error(run, World(), Faults(), on_ready=urls.append, **options), options
        assert urls == [], options


def test_environment_can_be_pasted():
    """Three settings, quoted for a shell, then the events one can use."""
    lines = environment(World(), "http://127.0.0.1:1/prod")

    assert lines[0] == "export AIRMEET_URI=http://127.0.0.1:1/prod"
    assert f"export AIRMEET_ACCESS_KEY='{community.ACCESS_KEY}'" == lines[1]
    assert f"export AIRMEET_SECRET_KEY={community.SECRET_KEY}" == lines[2]
    assert f"# event {community.SUMMIT} Spring Summit" == lines[3]
    assert not any(community.FOREIGN in line or community.ARCHIVED in line for line in lines)


# Over real sockets

ADD = f"/prod/airmeet/{community.SUMMIT}/attendee"
KEYS = {"X-Airmeet-Access-Key": community.ACCESS_KEY, "X-Airmeet-Secret-Key": community.SECRET_KEY}


class Process:
    """A sandbox of its own; it ends with our end of its standard input, come what may."""

    def __init__(self, *options):
        command = [sys.executable, "-m", "airmeet_async", "sandbox", "--port=0", "--until-stdin-closes", *options]
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


@slow
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


@slow
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


@slow
def test_bad_option_is_a_usage_error():
    """The message says how to write it, and nothing is served."""
    command = [sys.executable, "-m", "airmeet_async", "sandbox", "--port=0", "--faults", "429"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)

    assert (done.returncode, done.stdout) == (2, "")
    assert "@500" in done.stderr


@slow
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
