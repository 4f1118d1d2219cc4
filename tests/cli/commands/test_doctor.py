"""The doctor: each thing that may be wrong, what it says to it, and what the command ends with."""

import json
import time
from email.utils import formatdate

import pytest
from attrs import evolve

from airmeet_async import Reply
from airmeet_async.cli.commands.doctor import (
    CheckResult,
    doctor,
    exit_code,
    lines_of,
    local_checks,
    network_checks,
)
from airmeet_async.cli.environment import Settings, prefer
from airmeet_async.cli.exit_codes import Exit
from airmeet_async.cli.options import CommandContext
from airmeet_async.cli.profiles import Profile, keep_profile, profiles_path
from airmeet_async.errors import NotSentError
from airmeet_async.protocol.base_urls import Region, base_of
from airmeet_async.protocol.redact import Secret
from airmeet_async.testing import SandboxTransport
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.support.command import Sandbox
from tests.support.worlds import client_of, transport_of

KEYS = {"AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY, "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY}
EU = KEYS | {"AIRMEET_REGION": "eu"}


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


def local(environ, typed=None):
    environ = dict(environ)
    if typed is not None:
        prefer(typed, environ)
    return {one.name: one for one in local_checks(environ, typed=typed is not None)}


async def network(environ, **regions):
    """Return what is found where regions are worlds of their own; those that are not named know no keys."""
    there = {base_of(name): transport for name, transport in regions.items()}
    nobody = SandboxTransport()

    def client_at(base):
        return client_of(there.get(base, nobody), base_url=base)

    return {one.name: one for one in await network_checks(Settings.of(environ), client_at)}


class Dated:
    """A transport whose server has a clock."""

    def __init__(self, ahead_s):
        self._inner, self._ahead_s = transport_of(), ahead_s

    async def exchange(self, request):
        reply = await self._inner.exchange(request)
        return evolve(reply, headers={**reply.headers, "date": formatdate(time.time() + self._ahead_s, usegmt=True)})

    async def aclose(self): ...


class Away:
    def __init__(self, reason):
        self._reason = reason

    async def exchange(self, _):
        raise NotSentError("no way", reason=self._reason)

    async def aclose(self): ...


class Broken(Away):
    async def exchange(self, _):
        return Reply(503, {}, b"")


async def test_keys_that_are_accepted_make_it_usable():
    found = await network(EU, eu=transport_of())

    assert (found["sign-in"].level, exit_code(list(found.values()))) == ("OK", 0)
    assert "accepted" in found["sign-in"].text


async def test_keys_of_another_region_are_found_there_and_the_command_to_type_is_named():
    found = (await network(KEYS, us=transport_of()))["sign-in"]

    assert (found.level, found.code, found.fix) == ("FAIL", Exit.CREDENTIALS, "export AIRMEET_REGION=us")
    assert "refused in region global, accepted in region us" in found.text


async def test_keys_that_no_region_takes_are_to_be_copied_again():
    found = (await network(EU))["sign-in"]

    assert "refused in region eu, and not accepted in global or us either" in found.text
    assert (found.code, "Integrations, API Access Key" in found.fix) == (Exit.CREDENTIALS, True)


async def test_keys_that_an_address_of_ones_own_refuses_are_shown_to_nobody_else():
    asked = []

    def client_at(base):
        asked.append(base)
        return client_of(SandboxTransport(), base_url=base)

    found = await network_checks(Settings.of(KEYS | {"AIRMEET_URI": "https://gateway.example/prod"}), client_at)

    assert (asked, found[0].code) == (["https://gateway.example/prod"], Exit.CREDENTIALS)


@pytest.mark.parametrize(
    ("transport", "fix"),
    [(Away("connect"), "HTTPS_PROXY"), (Away("tls"), "SSL_CERT_FILE"), (Broken(""), "try again in a minute")],
)
async def test_what_cannot_be_reached_is_temporary_and_asked_only_once(transport, fix):
    found = (await network(EU, eu=transport))["sign-in"]

    assert (found.level, found.code) == ("FAIL", Exit.TEMPORARY)
    assert fix in found.fix


@pytest.mark.parametrize(
    ("ahead_s", "level", "said"), [(0, "OK", "within"), (-600, "WARN", "ahead of"), (600, "WARN", "behind")]
)
async def test_a_clock_that_is_wrong_is_a_warning(ahead_s, level, said):
    found = (await network(EU, eu=Dated(ahead_s)))["clock"]

    assert (found.level, said in found.text) == (level, True)


async def test_a_server_without_a_clock_is_no_finding():
    assert "clock" not in await network(EU, eu=transport_of())


@pytest.mark.parametrize(
    ("environ", "name", "code", "said"),
    [
        ({}, "keys", Exit.CREDENTIALS, "airmeet login"),
        (KEYS | {"AIRMEET_SECRET_KEY": '"quoted"'}, "keys", Exit.CREDENTIALS, "without the quotes"),
        (KEYS | {"AIRMEET_REGION": "mars"}, "address", Exit.USAGE, "global, eu, us"),
        (KEYS | {"AIRMEET_URI": ""}, "address", Exit.USAGE, "unset it"),
        (KEYS | {"AIRMEET_RATE": "fast"}, "rate", Exit.USAGE, "auto or a number"),
        (KEYS | {"AIRMEET_TOKEN_CACHE": "redis://x"}, "tokens", Exit.USAGE, "belongs into AIRMEET_REDIS"),
        ({"AIRMEET_PROFILE": "nobody"}, "profile", Exit.CREDENTIALS, "no profile 'nobody'"),
    ],
)
def test_each_setting_that_cannot_be_used_is_named_and_the_others_are_looked_at_all_the_same(environ, name, code, said):
    found = local(environ)

    assert (found[name].level, found[name].code, said in found[name].text) == ("FAIL", code, True)
    assert found["journals"].level == "OK"
    assert exit_code(list(found.values())) == code


def test_the_place_of_tokens_is_shown_with_its_mode_and_who_named_it(tmp_path):
    found = local(KEYS | {"AIRMEET_TOKEN_CACHE": str(tmp_path / "tokens")})["tokens"]

    assert found.text == f"{tmp_path}/tokens, mode 0700 (AIRMEET_TOKEN_CACHE)"


def test_a_place_of_tokens_that_cannot_be_made_is_a_warning(tmp_path):
    (tmp_path / "file").write_text("not a directory")
    found = local(KEYS | {"AIRMEET_TOKEN_CACHE": str(tmp_path / "file" / "tokens")})["tokens"]

    assert (found.level, "file/tokens: Not a directory" in found.text) == ("WARN", True)
    assert "AIRMEET_TOKEN_CACHE" in found.fix


def test_a_redis_that_cannot_be_used_is_a_warning_without_its_password():
    found = local(KEYS | {"AIRMEET_REDIS": "redis://:hunter2@127.0.0.1:1/0"})["token"]

    assert (found.level, "redis://127.0.0.1:1/0: " in found.text) == ("WARN", True)
    assert "each process signs in by itself" in found.text
    assert "hunter2" not in found.text + found.fix


def test_a_region_that_an_address_overrides_is_a_warning():
    found = local(KEYS | {"AIRMEET_URI": "https://x.example/prod", "AIRMEET_REGION": "eu"})["address"]

    assert (found.level, "AIRMEET_REGION is ignored" in found.text) == ("WARN", True)


def test_a_proxy_is_shown_without_its_password_and_explains_the_transport(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy.example:3128")

    found = local(EU | {"HTTPS_PROXY": "http://user:hunter2@proxy.example:3128"})

    assert "proxy.example:3128 (HTTPS_PROXY)" in found["proxy"].text
    assert found["transport"].facts["transport"] == "httpx"
    assert "hunter2" not in repr(found)


def test_a_proxy_that_cannot_be_read_is_a_failure_without_its_password(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://user:hunter2@proxy.example:port")

    found = local(EU | {"HTTPS_PROXY": "http://user:hunter2@proxy.example:port"})

    assert (found["proxy"].level, found["proxy"].code) == ("FAIL", Exit.USAGE)
    assert "hunter2" not in repr(found)


def test_the_profile_in_use_is_named_with_the_others():
    for name, region in (("default", "us"), ("berlin", "eu"), ("tokyo", "us")):
        keep_profile(profiles_path(), Profile(name, Secret("an-access-key-0001"), Secret("secret"), region))

    assert local({})["profile"].text.startswith("default (the default), in ")
    assert local({"AIRMEET_PROFILE": "tokyo"})["profile"].text.startswith("tokyo (AIRMEET_PROFILE), in ")
    found = local(KEYS, typed="berlin")
    assert found["profile"].text.startswith("berlin (--profile), in ")
    assert found["profile"].text.endswith("; others: default, tokyo")
    assert found["keys"].text == "access key ****0001, of profile berlin"
    assert local(KEYS)["profile"].text == "none in use; others: berlin, default, tokyo"


def test_extras_are_those_that_have_code_behind_them():
    facts = local(KEYS)["extras"].facts

    assert {*facts["present"], *facts["absent"]} == {
        "cli", "fast", "sandbox", "excel", "parquet", "dataframe", "report", "otel", "redis", "dask",
    }  # fmt: skip


def test_certificates_that_cannot_be_read_are_a_failure_with_the_variable(monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")

    found = local(EU | {"SSL_CERT_FILE": "/nowhere/ca.pem"})["TLS"]

    assert (found.level, found.code) == ("FAIL", Exit.USAGE)
    assert "SSL_CERT_FILE" in found.text + found.fix


def test_the_first_thing_to_mend_gives_the_exit_code():
    bad = [CheckResult("b", "FAIL", "", code=code) for code in (Exit.CREDENTIALS, Exit.TEMPORARY)]

    assert exit_code([CheckResult("a", "OK", ""), CheckResult("w", "WARN", ""), *bad]) == Exit.CREDENTIALS
    assert exit_code([CheckResult("a", "OK", ""), CheckResult("w", "WARN", "")]) == Exit.OK


def test_lines_fit_a_terminal_and_the_fix_stands_out():
    lines = lines_of(CheckResult("sign-in", "FAIL", "word " * 40, "do this " * 20))

    assert max(map(len, lines)) < 80
    assert lines[0].startswith("FAIL  sign-in     word")
    assert any(line.strip().startswith("-> do this") for line in lines)


def test_without_keys_nobody_is_asked_and_the_json_is_whole(capsys):
    code = doctor(context=CommandContext(None, {}), json=True)

    said = capsys.readouterr()
    document = json.loads(said.out)
    assert (code, document["exit_code"], document["usable"], said.err) == (4, 4, False, "")
    assert {"name", "level", "text", "fix"} <= set(document["checks"][0])


def test_the_command_is_safe_to_paste_and_ends_as_it_says(airmeet):
    there = airmeet.at(Sandbox())
    fine = there("doctor", AIRMEET_TOKEN_CACHE="")
    wrong = there("doctor", "--json", AIRMEET_SECRET_KEY="wrong")
    away = airmeet("doctor", "--json")
    mars = airmeet("doctor", "--json", AIRMEET_REGION="mars")
    (airmeet.folder.parent / ".local/state/airmeet/tokens").chmod(0o777)
    exposed = airmeet("doctor", AIRMEET_TOKEN_CACHE="~/.local/state/airmeet/tokens")

    codes = [fine.code, wrong.code, away.code, mars.code]
    assert codes == [0, *(one.json["exit_code"] for one in (wrong, away, mars))] == [0, 4, 75, 2]
    assert str(airmeet.folder.parent) not in fine.out + away.out + exposed.out
    assert (exposed.code, "chmod 0700 ~/.local/state/airmeet/tokens" in " ".join(exposed.out.split())) == (2, True)
    assert "~/.local/state/airmeet/tokens, mode 0700" in fine.out
    assert fine.out.splitlines()[-1] == "usable"
    assert max(map(len, fine.out.splitlines())) < 80


def test_every_region_has_an_address_to_knock_at():
    assert len({base_of(region) for region in Region}) == 3
