"""Log in, see who one is, log out: as a stranger does it, with a pretend Airmeet behind it."""

import io
import json
import os
import pty
import subprocess

import anyio
import pytest

from airmeet_async.cli.commands.login import check_keys, piped_keys, typed_keys
from airmeet_async.cli.console import Console
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.errors import ConfigError, CredentialsError, ServerError
from airmeet_async.protocol.base_urls import base_of
from airmeet_async.sandbox import community
from airmeet_async.testing import SandboxTransport
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.support.command import COMMAND, Airmeet, Sandbox
from tests.support.worlds import client_of, transport_of

URI = "http://127.0.0.1:1/prod"
PAIR = f"{SENTINEL_ACCESS_KEY}\n{SENTINEL_SECRET_KEY}\n"


@pytest.fixture
def stranger(airmeet):
    """The command, its keys and its address not in the environment, tokens and profiles in its own home."""
    mine = {name: value for name, value in airmeet.environ.items() if not name.startswith("AIRMEET_")}
    return Airmeet(airmeet.folder, mine)


def home_files(airmeet):
    home = airmeet.folder.parent
    return sorted(str(path.relative_to(home)) for path in (home / ".config").rglob("*") if path.is_file())


def test_who_has_logged_in_needs_no_environment_until_the_logout(stranger):
    there = stranger.at(Sandbox())
    done = there("login", "--stdin", "--uri", URI, given=PAIR)
    events = there("events", "--json")
    who = there("doctor", "--json")
    folder = stranger.folder.parent / ".local/state/airmeet/tokens"
    account = next(folder.glob("*.json")).stem
    for left in (f"{account}.4711.new", ".airmeet-0123456789ab.part"):  # by a process that was killed while it wrote
        (folder / left).write_text("a token")
    out = there("logout")
    after = there("events", "--json")

    tokens = [path for path in folder.iterdir() if path.suffix != ".lock"]
    assert (done.code, done.out, events.code, out.code) == (0, "", 0, 0)
    assert "in ~/.config/airmeet/profiles.json" in done.err
    assert len(events.json) > 3
    checks = {one["name"]: one for one in who.json["checks"]}
    assert (checks["keys"]["text"], checks["keys"]["origin"]) == (
        f"access key ****{SENTINEL_ACCESS_KEY[-4:]}, of profile default",
        "profile default",
    )
    assert (checks["address"]["address"], checks["address"]["origin"]) == (URI, "profile default")
    assert 0 <= checks["token"]["age_s"] < 60
    assert (after.code, after.json["error"]["code"]) == (4, "credentials")
    assert "airmeet login" in after.json["error"]["message"]
    assert (home_files(stranger), tokens) == ([".config/airmeet/profiles.lock"], [])


def test_a_logout_says_so_if_the_token_cannot_be_deleted(stranger):
    there = stranger.at(Sandbox())
    there("login", "--stdin", "--uri", URI, given=PAIR)
    there("events")
    folder = stranger.folder.parent / ".local/state/airmeet/tokens"
    token = next(folder.glob("*.json"))
    token.unlink()
    token.mkdir()
    out = there("logout")

    assert (out.code, "; its token could not be deleted: ~/.local/state/airmeet/tokens: " in out.err) == (0, True)
    assert home_files(stranger) == [".config/airmeet/profiles.lock"]


def test_keys_that_airmeet_refuses_are_not_kept_unless_nobody_asks(stranger):
    sandbox = Sandbox()
    there = stranger.at(sandbox)
    wrong = there("login", "--stdin", "--uri", URI, given=f"{SENTINEL_ACCESS_KEY}\nwrong\n")
    unchecked = there("login", "--stdin", "--region", "eu", "--no-check", given=PAIR)
    statistics = sandbox.world.statistics()

    assert (wrong.code, unchecked.code) == (4, 0)
    assert "refused the access key or the secret key" in wrong.err
    assert (statistics.requests, "region eu" in unchecked.err) == (1, True)


def test_a_profile_that_is_typed_wins_over_the_environment(stranger):
    there = stranger.at(Sandbox())
    kept = there("login", "--stdin", "--profile", "berlin", AIRMEET_URI=URI, given=PAIR)
    elsewhere = {"AIRMEET_ACCESS_KEY": "x", "AIRMEET_SECRET_KEY": "y", "AIRMEET_URI": "http://127.0.0.1:2/prod"}
    typed = there("events", "--profile", "berlin", "--limit", "1", **elsewhere)
    first = there("--profile=berlin", "doctor", **elsewhere)
    other = there("events", "--profile", "berln", "--json")

    assert (kept.code, typed.code, first.code, other.code) == (0, 0, 0, 4)
    assert "to use it: airmeet --profile berlin" in kept.err
    assert "berlin (--profile)" in first.out
    assert "did you mean 'berlin'?" in other.json["error"]["message"]


@pytest.mark.real_time
async def test_on_a_terminal_the_keys_are_asked_for_and_not_shown(stranger, serving):
    async with serving() as pretend:
        code, shown = await anyio.to_thread.run_sync(
            typing, stranger, ("login", "--uri", pretend.url), (SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY)
        )
        who = await stranger.run("doctor")

    assert (code, who.code) == (0, 0), shown
    assert "access key:" in shown
    assert SENTINEL_ACCESS_KEY not in shown
    assert SENTINEL_SECRET_KEY not in shown


def typing(airmeet, words, lines):
    """Run the command on a terminal, and type each line when a key is asked for."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *words],
        cwd=airmeet.folder,
        env=airmeet.environ,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown, left = "", list(lines)
    try:
        while chunk := os.read(ours, 65536):
            shown += chunk.decode()
            if left and shown.endswith("key: "):
                os.write(ours, f"{left.pop(0)}\n".encode())
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    return process.wait(30), shown


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        (("login",), "", "airmeet login --stdin"),
        (("login", "--stdin"), "one line\n", "needs two lines"),
        (("login", "--stdin", "--region", "mars"), PAIR, '"global", "eu", "us"'),
        (("login", "--stdin", "--region", "eu", "--uri", "https://x.example/prod"), PAIR, "use only one"),
        (("login", "--stdin", "--uri", "http://x.example/prod"), PAIR, "https://"),
        (("login", "--stdin", "--profile", "../x"), PAIR, "only letters"),
        (("login", "--stdin", SENTINEL_ACCESS_KEY[:9]), PAIR, "unexpected argument"),
        (("logout", "--profile", "x"), "", "there is no profile 'x'"),
        (("doctor", "--profile"), "", "--profile needs a value"),
        (("register", community.SUMMIT, "--profile"), "", "--profile needs the name"),
        (("login", "--profil", "x"), "", "Did you mean --profile?"),
    ],
)
def test_what_cannot_be_is_explained_and_nothing_is_kept(stranger, words, text, said):
    done = stranger(*words, given=text)

    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert home_files(stranger) == []


def test_keys_that_others_can_read_are_an_error_with_the_fix(stranger):
    stranger("login", "--stdin", "--no-check", given=PAIR)
    path = stranger.folder.parent / ".config/airmeet/profiles.json"
    path.chmod(0o644)

    done = stranger("events", "--json")

    assert (done.code, f"chmod 0600 {path}" in done.json["error"]["message"]) == (2, True)
    assert json.loads(path.read_text())["profiles"]["default"]["region"] == "global"


def test_keys_may_have_blanks_around_them_and_blank_lines_between():
    access, secret = piped_keys(io.StringIO(" one \n\n two\n\n"))

    assert (access.reveal(), secret.reveal()) == ("one", "two")


@pytest.mark.parametrize(("text", "error"), [("a\nb\nc\n", UsageError), ("a\ntwo words\n", ConfigError)])
def test_what_is_no_pair_is_refused_unseen(text, error):
    with pytest.raises(error) as raised:
        piped_keys(io.StringIO(text))
    assert "two words" not in str(raised.value)


def regions(*, in_trouble=(), home="us"):
    """Return what makes clients of regions: the keys belong to one, and some have trouble."""

    def clients(base):
        faults = "503:100%:on=auth" if base in map(base_of, in_trouble) else ""
        transport = transport_of(faults) if faults or base == base_of(home) else SandboxTransport()
        return client_of(transport, base_url=base)

    return clients


def test_without_a_named_region_the_first_that_takes_the_keys_is_found(capsys):
    assert check_keys(regions(), None, None, Console()) == "us"
    assert "checking the keys in the regions global, eu, us" in capsys.readouterr().err


def test_a_region_that_is_named_is_the_only_one_to_be_asked():
    with pytest.raises(CredentialsError):
        check_keys(regions(), "eu", None, Console())
    assert check_keys(regions(), "us", None, Console()) == "us"


def test_where_a_region_could_not_be_asked_the_keys_are_not_called_wrong():
    with pytest.raises(ServerError):
        check_keys(regions(in_trouble=("us",)), None, None, Console())


def test_without_a_terminal_nobody_is_asked():
    def ask(_):
        raise AssertionError

    with pytest.raises(UsageError, match="--stdin"):
        typed_keys(Console(as_json=True), ask)
