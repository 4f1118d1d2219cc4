"""Log in, see who one is, log out: as a stranger does it, with a pretend Airmeet behind it. Real processes."""

import io
import json
import os
import pty
import subprocess

import anyio
import pytest

from airmeet_async.cli.commands.login import _checked, piped_keys, typed_keys
from airmeet_async.cli.console import Voice
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.errors import ConfigError, CredentialsError, ServerError
from airmeet_async.protocol.base_urls import base_of
from airmeet_async.sandbox import community
from airmeet_async.testing import SandboxTransport
from tests.cli.conftest import COMMAND, Airmeet
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.worlds import client_of, transport_of

real_time = pytest.mark.real_time
PAIR = f"{SENTINEL_ACCESS_KEY}\n{SENTINEL_SECRET_KEY}\n"


@pytest.fixture
def stranger(airmeet):
    """The command, its keys and its address not in the environment, tokens and profiles in its own home."""
    mine = {name: value for name, value in airmeet.environ.items() if not name.startswith("AIRMEET_")}
    return Airmeet(airmeet.folder, mine)


async def piped(airmeet, text, *words, **environ):
    """Run the command with standard input."""

    def run():
        return subprocess.run(
            [*COMMAND, *words],
            input=text,
            cwd=airmeet.folder,
            env=airmeet.environ | environ,
            capture_output=True,
            text=True,
            check=False,
        )

    return await anyio.to_thread.run_sync(run)


def home_files(airmeet):
    home = airmeet.folder.parent
    return sorted(str(path.relative_to(home)) for path in (home / ".config").rglob("*") if path.is_file())


@real_time
async def test_who_has_logged_in_needs_no_environment_until_the_logout(stranger, serving):
    async with serving() as pretend:
        done = await piped(stranger, PAIR, "login", "--stdin", "--uri", pretend.url)
        events = await stranger("events", "--json")
        who = await stranger("whoami", "--json")
        out = await stranger("logout")
        after = await stranger("events", "--json")

    tokens = list((stranger.folder.parent / ".local/state/airmeet/tokens").glob("*.json"))
    assert (done.returncode, done.stdout, events.code, out.code) == (0, "", 0, 0)
    assert "in ~/.config/airmeet/profiles.json" in done.stderr
    assert len(events.json) > 3
    assert who.json == {
        "profile": "default",
        "profile_from": "the default",
        "profiles": ["default"],
        "access_key": f"****{SENTINEL_ACCESS_KEY[-4:]}",
        "keys_from": "profile default",
        "address": pretend.url,
        "region": None,
        "address_from": "profile default",
        "rate": "auto",
        "rate_from": "the default",
        "token_saved_at": who.json["token_saved_at"],
        "token_age_s": who.json["token_age_s"],
        "notices": ["keys of profile default"],
    }
    assert 0 <= who.json["token_age_s"] < 60
    assert (after.code, after.json["error"]["code"]) == (4, "credentials")
    assert "airmeet login" in after.json["error"]["message"]
    assert (home_files(stranger), tokens) == ([".config/airmeet/profiles.lock"], [])


@real_time
async def test_keys_that_airmeet_refuses_are_not_kept_unless_nobody_asks(stranger, serving):
    async with serving() as pretend:
        wrong = await piped(stranger, f"{SENTINEL_ACCESS_KEY}\nwrong\n", "login", "--stdin", "--uri", pretend.url)
        unchecked = await piped(stranger, PAIR, "login", "--stdin", "--region", "eu", "--no-check")
        statistics = pretend.world.statistics()

    assert (wrong.returncode, unchecked.returncode) == (4, 0)
    assert "refused the access key or the secret key" in wrong.stderr
    assert (statistics.requests, "region eu" in unchecked.stderr) == (1, True)


@real_time
async def test_a_profile_that_is_typed_wins_over_the_environment(stranger, serving, closed_port):
    async with serving() as pretend:
        kept = await piped(stranger, PAIR, "login", "--stdin", "--profile", "berlin", AIRMEET_URI=pretend.url)
        elsewhere = {"AIRMEET_ACCESS_KEY": "x", "AIRMEET_SECRET_KEY": "y", "AIRMEET_URI": closed_port}
        typed = await stranger("events", "--profile", "berlin", "--limit", "1", **elsewhere)
        first = await stranger("--profile=berlin", "whoami", **elsewhere)
        other = await stranger("events", "--profile", "berln", "--json")

    assert (kept.returncode, typed.code, first.code, other.code) == (0, 0, 0, 4)
    assert "to use it: airmeet --profile berlin" in kept.stderr
    assert "berlin (--profile)" in first.out
    assert "did you mean 'berlin'?" in other.json["error"]["message"]


@real_time
async def test_on_a_terminal_the_keys_are_asked_for_and_not_shown(stranger, serving):
    async with serving() as pretend:
        code, shown = await anyio.to_thread.run_sync(
            typing, stranger, ("login", "--uri", pretend.url), (SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY)
        )
        who = await stranger("whoami")

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


@real_time
@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        (("login",), "", "airmeet login --stdin"),
        (("login", "--stdin"), "one line\n", "needs two lines"),
        (("login", "--stdin", "--region", "mars"), PAIR, '"global", "eu", "us"'),
        (("login", "--stdin", "--region", "eu", "--uri", "https://x.example/prod"), PAIR, "keep one of them"),
        (("login", "--stdin", "--uri", "http://x.example/prod"), PAIR, "https://"),
        (("login", "--stdin", "--profile", "../x"), PAIR, "word of letters"),
        (("login", "--stdin", SENTINEL_ACCESS_KEY[:9]), PAIR, "too many words"),
        (("logout", "--profile", "x"), "", "there is no profile 'x'"),
        (("whoami", "--profile"), "", "--profile needs a value"),
        (("register", community.SUMMIT, "--profile"), "", "--profile needs a name"),
        (("login", "--profil", "x"), "", "Did you mean --profile?"),
    ],
)
async def test_what_cannot_be_is_explained_and_nothing_is_kept(stranger, words, text, said):
    done = await piped(stranger, text, *words)

    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert home_files(stranger) == []


@real_time
async def test_keys_that_others_can_read_are_an_error_with_the_fix(stranger, serving):
    await piped(stranger, PAIR, "login", "--stdin", "--no-check")
    path = stranger.folder.parent / ".config/airmeet/profiles.json"
    path.chmod(0o644)

    done = await stranger("events", "--json")

    assert (done.code, f"chmod 600 {path}" in done.json["error"]["message"]) == (2, True)
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
    assert _checked(regions(), None, None, Voice()) == "us"
    assert "asking the regions global, eu, us about the keys" in capsys.readouterr().err


def test_a_region_that_is_named_is_the_only_one_to_be_asked():
    with pytest.raises(CredentialsError):
        _checked(regions(), "eu", None, Voice())
    assert _checked(regions(), "us", None, Voice()) == "us"


def test_where_a_region_could_not_be_asked_the_keys_are_not_called_wrong():
    with pytest.raises(ServerError):
        _checked(regions(in_trouble=("us",)), None, None, Voice())


def test_without_a_terminal_nobody_is_asked():
    def ask(_):
        raise AssertionError

    with pytest.raises(UsageError, match="--stdin"):
        typed_keys(Voice(as_json=True), ask)
