"""The fixtures in other people's test runs: with anyio's plugin, pytest-asyncio, unittest, and in no use at all."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

MANUAL = Path(__file__).parents[2] / "docs" / "testing.md"

TESTS = """
import pytest
from airmeet_async import Attendee, CredentialsError

ADA = Attendee("ada@example.com", "Ada", "Lovelace")

{mark}
async def test_one_person(airmeet_sandbox, airmeet_client):
    await airmeet_client.attendees.add(airmeet_sandbox.event_id, ADA, send_email_invite=True)
    airmeet_sandbox.expire_tokens()
    airmeet_sandbox.fail_next(500, operation="attendees.block")
    await airmeet_client.attendees.block(airmeet_sandbox.event_id, ADA.email)
    assert [person.email for person in airmeet_sandbox.registrations()] == [ADA.email]
    assert (airmeet_sandbox.mails(ADA.email), airmeet_sandbox.blocked()) == (1, [ADA.email])

{mark}
async def test_nobody_is_left_from_the_test_before(airmeet_sandbox, airmeet_client):
    airmeet_sandbox.revoke_keys()
    with pytest.raises(CredentialsError):
        await airmeet_client.airmeets.info(airmeet_sandbox.event_id)
    assert airmeet_sandbox.registrations() == []

def test_the_client_needs_no_loop_and_no_call(airmeet_client):
    assert airmeet_client.transport_name == "sandbox"
"""

VIRTUAL = """
import asyncio
import pytest
from airmeet_async import Attendee

@pytest.fixture
async def an_asynchronous_fixture():
    yield asyncio.get_running_loop()

{mark}
async def test_an_hour(airmeet_sandbox, airmeet_client, airmeet_virtual_time{fixture}):
    airmeet_sandbox.fail_next(429, times=3, retry_after=60)
    people = [{{"email": f"{{n}}@example.com", "first_name": "A", "last_name": "B"}} for n in range(50)]
    report = await airmeet_client.bulk.add_attendees(
        airmeet_sandbox.event_id, people, send_email_invite=False, rate=50
    )
    assert report.succeeded == len(airmeet_sandbox.registrations()) == 50
    await asyncio.sleep(3600)
    assert {loop}

{mark}
async def test_real_time():
    assert "Virtual" not in type(asyncio.get_running_loop()).__name__
"""

FACTORIES = """
from airmeet_async.testing import VirtualTimeLoop

def pytest_asyncio_loop_factories(config, item):
    return {"virtual": VirtualTimeLoop}
"""

SERVED = """
import subprocess, sys
import pytest
from airmeet_async import AirmeetClient, Attendee

{mark}
async def test_code_that_makes_its_own_client(airmeet_server):
    airmeet_server.fail_next("drop", operation="airmeets.info")
    async with AirmeetClient() as client:
        info = await client.airmeets.info(airmeet_server.event_id)
    assert [one.operation for one in airmeet_server.requests] == ["auth", "airmeets.info", "airmeets.info"]

def test_the_command_line(airmeet_server, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("email,first name,last name\\nada@example.com,Ada,Lovelace\\n")
    command = [sys.executable, "-m", "airmeet_async"]
    command += ["register", airmeet_server.event_id, str(path), "--no-invite"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert airmeet_server.person("ada@example.com").mails == 0
"""

UNITTEST = """
import unittest
import anyio
from airmeet_async import Attendee
from airmeet_async.testing import Sandbox, VirtualTimeLoop

ADA = Attendee("ada@example.com", "Ada", "Lovelace")

class Registration(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.airmeet = await self.enterAsyncContext(Sandbox())

    async def test_one_person(self):
        client = self.airmeet.client()
        await client.attendees.add(self.airmeet.event_id, ADA, send_email_invite=False)
        self.assertEqual(self.airmeet.mails(ADA.email), 0)
        self.assertEqual(len(self.airmeet.registrations()), 1)

class Slow(unittest.TestCase):
    def test_an_hour(self):
        async def main():
            async with Sandbox() as airmeet:
                airmeet.fail_next(429, retry_after=60)
                await airmeet.client().attendees.add(airmeet.event_id, ADA, send_email_invite=False)
                await anyio.sleep(3600)
        anyio.run(main, backend_options={"loop_factory": VirtualTimeLoop})
"""

ASYNCIO_ONLY = 'import pytest\n\n@pytest.fixture\ndef anyio_backend():\n    return "asyncio"\n'
SCOPE = "asyncio_default_fixture_loop_scope = function"
# What a plugin is switched on by, the mark of a test, and what is in the way of the other one.
PLUGINS = {
    "anyio": ("", "@pytest.mark.anyio", ("-p", "no:asyncio")),
    "anyio beside pytest-asyncio": (SCOPE, "@pytest.mark.anyio", ()),
    "pytest-asyncio, strict": (f"asyncio_mode = strict\n{SCOPE}", "@pytest.mark.asyncio", ("-p", "no:anyio")),
    "pytest-asyncio, auto": (f"asyncio_mode = auto\n{SCOPE}", "", ("-p", "no:anyio")),
    "pytest-asyncio beside anyio": (f"asyncio_mode = strict\n{SCOPE}", "@pytest.mark.asyncio", ()),
    "pytest-asyncio, one loop for all": (
        f"asyncio_mode = auto\nasyncio_default_test_loop_scope = session\n{SCOPE}", "", ("-p", "no:anyio"),
    ),
}  # fmt: skip


@pytest.fixture
def run(pytester):
    """Run tests of somebody else, with every warning an error."""

    def run(text, plugin, conftest="", **words):
        settings, mark, arguments = PLUGINS[plugin]
        pytester.makeini(f"[pytest]\nfilterwarnings = error\n{settings}\n")
        pytester.makeconftest(ASYNCIO_ONLY + conftest)
        pytester.makepyfile(text.format(mark=mark, **words))
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:xdist", *arguments)

    return run


@pytest.mark.parametrize("plugin", PLUGINS)
def test_the_client_and_the_sandbox_work_with(run, plugin):
    run(TESTS, plugin).assert_outcomes(passed=3)


@pytest.mark.parametrize("plugin", ["anyio", "anyio beside pytest-asyncio"])
def test_virtual_time_needs_nothing_else_with_anyio(run, plugin):
    """Asynchronous fixtures of the test are on the same loop; the test beside it is on real time."""
    loop = "an_asynchronous_fixture is asyncio.get_running_loop()"

    run(VIRTUAL, plugin, fixture=", an_asynchronous_fixture", loop=loop).assert_outcomes(passed=2)


BACKENDS = """
import asyncio
import pytest

@pytest.fixture(scope="module")
def anyio_backend():
    return "asyncio"

@pytest.fixture(scope="module")
async def of_the_module():
    return type(asyncio.get_running_loop()).__name__

@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_one_that_names_its_backend(airmeet_virtual_time):
    await asyncio.sleep(3600)
    assert "Virtual" in type(asyncio.get_running_loop()).__name__

@pytest.mark.anyio
@pytest.mark.parametrize("hours, anyio_backend", [(1, ("asyncio", {{"debug": True}})), (2, "asyncio")])
async def test_one_with_other_parameters(airmeet_virtual_time, hours):
    await asyncio.sleep(hours * 3600)
    assert "Virtual" in type(asyncio.get_running_loop()).__name__

@pytest.mark.anyio
async def test_one_with_a_fixture_of_the_module(airmeet_client, airmeet_sandbox, airmeet_virtual_time, of_the_module):
    airmeet_sandbox.fail_next(429, retry_after=60)
    assert await airmeet_client.airmeets.list()
    assert "Virtual" in of_the_module
"""


@pytest.mark.parametrize("plugin", ["anyio", "anyio beside pytest-asyncio"])
def test_virtual_time_with_backends_and_fixtures_of_other_scopes(run, plugin):
    """A test may name its backend, and ask for an asynchronous fixture of its module."""
    run(BACKENDS, plugin).assert_outcomes(passed=4)


def test_virtual_time_with_pytest_asyncio(run):
    """For the tests of which conftest.py chooses the loop."""
    loop = "asyncio.get_running_loop().time() > 3600 + 3 * 60"
    done = run(VIRTUAL, "pytest-asyncio, auto", FACTORIES, fixture="", loop=loop)

    done.assert_outcomes(passed=1, failed=1)  # the second one wants real time
    done.stdout.fnmatch_lines(["FAILED *test_real_time*"])


def test_virtual_time_without_its_loop_says_what_to_do(run):
    done = run(VIRTUAL, "pytest-asyncio, auto", fixture="", loop="True")

    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*runs on real time*", "*def pytest_asyncio_loop_factories(config, item):"])


@pytest.mark.parametrize("plugin", ["anyio", "pytest-asyncio, strict"])
def test_the_server_is_there_for_own_clients_and_commands(run, plugin):
    run(SERVED, plugin).assert_outcomes(passed=2)


@pytest.mark.parametrize("plugin", ["anyio", "pytest-asyncio"])
def test_the_documented_tests_pass(pytester, plugin):
    """Each snippet of the manual that is a test, with the conftest.py that it shows for the plugin."""
    snippets = re.findall(r"^```python[^\n]*\n(.*?)^```", MANUAL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    tests = {f"test_{n}": text for n, text in enumerate(snippets) if "def test_" in text}
    conftest = {"anyio": "def anyio_backend", "pytest-asyncio": "def pytest_asyncio_loop_factories"}[plugin]
    pytester.makeconftest(next(text for text in snippets if conftest in text))
    if plugin == "anyio":
        pytester.makepyfile(**tests)
        mode, other = "anyio_mode = auto", "asyncio"
    else:
        # A server answers in real time, and this conftest.py is for tests on virtual time.
        pytester.makepyfile(**{name: text for name, text in tests.items() if "airmeet_server" not in text})
        mode, other = f"asyncio_mode = auto\n{SCOPE}", "anyio"
    pytester.makeini(f"[pytest]\nfilterwarnings = error\n{mode}\n")
    done = pytester.runpytest_subprocess("-p", f"no:{other}", "-p", "no:xdist", "-p", "no:cacheprovider")

    done.assert_outcomes(passed=7 if plugin == "anyio" else 5)


def test_plain_unittest_needs_no_pytest(pytester):
    pytester.makepyfile(test_plain=UNITTEST)
    done = pytester.run(sys.executable, "-W", "error", "-m", "unittest", "test_plain")

    assert done.ret == 0
    done.stderr.fnmatch_lines(["Ran 2 tests *", "OK"])


def test_a_run_that_does_not_use_it_loads_nothing_of_it(pytester):
    """No module but the plugin itself, no fixture of its own accord, no option and no mark."""
    pytester.makepyfile("""
        import sys

        def test_it(request):
            loaded = {name for name in sys.modules if name.startswith("airmeet_async")}
            assert loaded == {"airmeet_async", "airmeet_async.testing", "airmeet_async.testing.plugin"}
            assert not {"httpx", "attrs", "uvicorn"} & set(sys.modules)
            assert not [name for name in request.fixturenames if "airmeet" in name]
    """)
    plugins = ("-p", "no:asyncio", "-p", "no:anyio", "-p", "no:hypothesispytest", "-p", "no:xdist")

    pytester.runpytest_subprocess("-W", "error", *plugins).assert_outcomes(passed=1)
    assert "airmeet" not in pytester.runpytest_subprocess("--help", *plugins).stdout.str().partition("plugins:")[0]


def test_the_plugin_costs_no_time_to_import():
    """What it adds to pytest, in modules: times are no matter of a test."""
    script = "import sys, pytest; before = set(sys.modules); import airmeet_async.testing.plugin; "
    script += "print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "['airmeet_async', 'airmeet_async.testing', 'airmeet_async.testing.plugin']\n"
