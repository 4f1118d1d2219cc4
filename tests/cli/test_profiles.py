"""The file of profiles: who may read it, who may write it, and what is said when it cannot be used."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from airmeet_async import ConfigError
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.profiles import (
    Profile,
    check_name,
    keep_profile,
    read_profiles,
    remove_profile,
    without_home,
)
from airmeet_async.protocol.redact import Secret
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY


def profile(name="default", region="eu", uri=None):
    return Profile(name, Secret(SENTINEL_ACCESS_KEY), Secret(SENTINEL_SECRET_KEY), region, uri)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "airmeet" / "profiles.json"


def test_a_profile_comes_back_as_it_was_kept(path):
    keep_profile(path, profile())
    keep_profile(path, profile("sandbox", None, "http://127.0.0.1:8900/prod"))

    found = read_profiles(path)

    assert found == {"default": profile(), "sandbox": profile("sandbox", None, "http://127.0.0.1:8900/prod")}
    assert str(found["default"].base) == "https://api-gateway-prod.eu.airmeet.com/prod"
    assert str(found["sandbox"].base) == "http://127.0.0.1:8900/prod"


def test_only_its_owner_can_read_it(path):
    keep_profile(path, profile())

    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent)] == [0o600, 0o700]


def test_a_profile_takes_the_place_of_an_earlier_one_and_the_file_goes_with_the_last(path):
    keep_profile(path, profile(region="eu"))
    keep_profile(path, profile(region="us"))
    assert read_profiles(path) == {"default": profile(region="us")}

    remove_profile(path, "default")

    assert read_profiles(path) == {}
    assert not path.exists()


def test_keys_that_others_can_read_are_not_used_and_the_fix_is_named(path):
    keep_profile(path, profile())
    path.chmod(0o640)

    with pytest.raises(ConfigError, match=f"run: chmod 0600 {path}; generate new keys") as raised:
        read_profiles(path)

    assert SENTINEL_SECRET_KEY not in str(raised.value)


def test_a_link_is_not_followed(path):
    keep_profile(path, profile())
    target = path.replace(path.with_name("elsewhere"))
    path.symlink_to(target)

    with pytest.raises(ConfigError, match="symbolic link"):
        read_profiles(path)


def test_nothing_is_kept_where_others_can_write(path):
    path.parent.mkdir(mode=0o777)
    path.parent.chmod(0o777)

    with pytest.raises(ConfigError, match="run: chmod 0700"):
        keep_profile(path, profile())
    assert list(path.parent.iterdir()) == []


@pytest.mark.timeout(10)
def test_a_fifo_is_refused_and_waited_for_by_nobody(path):
    path.parent.mkdir(mode=0o700)
    os.mkfifo(path, 0o600)

    for use in (lambda: read_profiles(path), lambda: keep_profile(path, profile())):
        with pytest.raises(ConfigError, match="not a plain file"):
            use()


WRONG: list[dict[str, object]] = [
    {name: value} for name in ("uri", "region") for value in list[object]((5, [], {}, True, ["https://x.example"]))
]


@pytest.mark.parametrize(
    "text",
    [
        *(json.dumps({"profiles": {"a": {"access_key": "a", "secret_key": "b", **one}}}) for one in WRONG),
        '{"profiles": {"a\\u001b[2J": {"access_key": "a", "secret_key": "b"}}}', '{"profiles": [1]}', '{"profiles": 5}',
        "", "[]", '{"profiles": {"a": 1}}', '{"profiles": {"a": {"access_key": 1, "secret_key": "b"}}}', "{" * 9000,
    ],
)  # fmt: skip
def test_a_damaged_file_is_not_taken_for_an_empty_one(path, text):
    path.parent.mkdir(mode=0o700)
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(ConfigError, match="is not a profile file"):
        keep_profile(path, profile())
    assert path.read_text() == text


def test_keys_are_shown_by_no_repr(path):
    keep_profile(path, profile())

    assert SENTINEL_ACCESS_KEY not in repr(read_profiles(path))


@pytest.mark.parametrize("name", ["", "two words", "../x", "-x", "a" * 65, "x\n"])
def test_a_name_that_cannot_stand_in_a_message_or_a_command_is_refused(name):
    with pytest.raises(UsageError, match="only letters"):
        check_name(name)


@pytest.mark.real_time
def test_processes_that_keep_profiles_at_the_same_time_lose_none(path):
    script = (
        "import sys\nfrom pathlib import Path\nfrom airmeet_async.protocol.redact import Secret\n"
        "from airmeet_async.cli.profiles import Profile, keep_profile\nsys.stdin.readline()\n"
        "keep_profile(Path(sys.argv[1]), Profile(sys.argv[2], Secret('a'), Secret('b'), 'eu'))\n"
    )
    names = [f"p{number}" for number in range(4)]
    command = [sys.executable, "-c", script, str(path)]
    several = [subprocess.Popen([*command, name], stdin=subprocess.PIPE, text=True) for name in names]

    for process in several:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    codes = [process.wait(30) for process in several]
    for process in several:
        assert process.stdin is not None
        process.stdin.close()

    assert codes == [0] * 4
    assert sorted(read_profiles(path)) == names
    assert json.loads(path.read_text())["version"] == 1


def test_a_home_is_not_named():
    assert without_home(Path.home() / "x" / "y") == f"~{os.sep}x{os.sep}y"
    assert without_home(f"{Path.home()}/x: is open to others") == "~/x: is open to others"
    assert without_home(Path("/elsewhere/y")) == "/elsewhere/y"


def test_where_home_is_the_root_an_address_stays_one(monkeypatch):
    monkeypatch.setenv("HOME", "/")

    assert without_home("https://x.example/prod") == "https://x.example/prod"
