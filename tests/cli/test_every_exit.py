"""Every exit code of the command, by real processes against a real sandbox; standard output is JSON in each."""

import signal
from collections.abc import Iterator

import pytest

from airmeet_async.cli.commands.demo import Sandbox, running
from airmeet_async.cli.exit_codes import Exit
from airmeet_async.sandbox import community
from tests.cli.conftest import Airmeet

pytestmark = pytest.mark.real_time

REGISTER = ("register", community.SUMMIT, "people.csv", "--no-invite", "--progress", "none", "--json")
CREATE = (
    "event", "create", "--host", community.HOST, "--name", "Talks", "--summary", "One day", "--start",
    "2027-03-01 10:00", "--end", "2027-03-01 18:00", "--timezone", "Asia/Kolkata", "--json",
)  # fmt: skip
POISON = "poison@example.com,Ada,Ay"
# Requests of some kinds only, so that one sandbox does for all cases.
FAULTS = "422:100%:body=poison@example.com,drop-after:100%:on=airmeets.create"

CASES = {
    Exit.OK: (REGISTER, ("a@example.com,Ada,Ay",), {}),
    Exit.UNEXPECTED: (CREATE, (), {}),
    Exit.USAGE: ((*REGISTER, "--rate", "0"), (), {}),
    Exit.LEFT_OVER: (REGISTER, ("a@example.com,Ada,Ay", POISON), {}),
    Exit.CREDENTIALS: (REGISTER, ("a@example.com,Ada,Ay",), {"AIRMEET_SECRET_KEY": "wrong"}),
    Exit.INPUT: (REGISTER, ("a@example.com,Ada,Ay,more",), {}),
    Exit.EVENT: (("register", community.NOWHERE, *REGISTER[2:]), ("a@example.com,Ada,Ay",), {}),
    Exit.RULE: ((*REGISTER, "--max-failures", "0"), (POISON,), {}),
    Exit.TEMPORARY: (
        (*REGISTER, "--rate", "1", "--deadline", "0.5"), [f"p{n}@example.com,Ada,Ay" for n in range(9)], {},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def pretend() -> Iterator[Sandbox]:
    with running(seed=1, faults=FAULTS, latency_ms=0) as sandbox:
        yield sandbox


@pytest.fixture
def there(airmeet: Airmeet, pretend: Sandbox) -> Airmeet:
    return Airmeet(airmeet.folder, airmeet.environ | pretend.environ)


def test_there_is_a_case_for_every_code():
    assert set(CASES) == set(Exit)


@pytest.mark.shows_links
@pytest.mark.parametrize("code", CASES)
async def test_every_way_to_end_has_its_code_and_says_it_in_json(there, code):
    words, rows, environ = CASES[code]
    there.file("people.csv", "email,first_name,last_name", *rows)

    done = await there(*words, **environ)

    assert done.code == code, done.err
    assert done.json["exit_code"] == code
    assert "Traceback" not in done.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_run_that_is_interrupted_says_so_in_json_and_can_be_resumed(there, number, code):
    there.people(50)

    with there.started(*REGISTER, "--rate", "5") as running:
        await running.says("sending over")
        running.send(number)
        done = await running.end()

    assert (done.code, done.json["exit_code"], done.json["resumable"]) == (code, code, True)
    assert done.json["stop_reason"] == "interrupted"


async def test_without_json_standard_output_stays_empty_where_nothing_can_be_listed(there):
    there.file("people.csv", "email,first_name,last_name", POISON)

    done = await there(*REGISTER[:-1])

    assert (done.code, done.out) == (Exit.LEFT_OVER, "")
