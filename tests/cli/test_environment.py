"""The settings of a command: who wins of what was typed, the environment, a profile and the default."""

import logging

import pytest

from airmeet_async import ConfigError, FileTokenStore, MemoryTokenStore, Waiting
from airmeet_async.cli.console import Console, SafeFormatter
from airmeet_async.cli.environment import Settings, find_keys, prefer, say_wait
from airmeet_async.cli.exit_codes import KeysError
from airmeet_async.cli.profiles import Profile, keep_profile, profiles_path
from airmeet_async.protocol.redact import Secret
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.support.worlds import transport_of

KEYS = {"AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY, "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY}
OFF = {"AIRMEET_TOKEN_CACHE": "off"}


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    """A home without profiles."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, "AIRMEET_ACCESS_KEY and AIRMEET_SECRET_KEY are not set"),
        ({"AIRMEET_ACCESS_KEY": "x"}, "AIRMEET_SECRET_KEY is not set"),
        (KEYS | {"AIRMEET_ACCESS_KEY": " "}, "AIRMEET_ACCESS_KEY is not set"),
        (KEYS | {"AIRMEET_SECRET_KEY": "two words"}, "AIRMEET_SECRET_KEY is not a key"),
    ],
)
def test_keys_that_are_missing_or_malformed(environ, said):
    with pytest.raises(KeysError, match=said):
        Settings.of(environ | OFF)


@pytest.mark.parametrize(
    "wrong",
    [
        {"AIRMEET_RATE": "fast"},
        {"AIRMEET_RATE": "0"},
        {"AIRMEET_RATE": "nan"},
        {"AIRMEET_REGION": "mars"},
        {"AIRMEET_URI": "http://example.com"},
        {"AIRMEET_TOKEN_CACHE": "redis://localhost"},
    ],
)
def test_settings_that_cannot_be_used(wrong):
    with pytest.raises(ConfigError):
        Settings.of(KEYS | OFF | wrong)


def test_what_is_set_is_used():
    settings = Settings.of(KEYS | OFF | {"AIRMEET_RATE": "7.5", "AIRMEET_URI": "http://localhost:8900/prod"})

    assert (str(settings.base), settings.rate) == ("http://localhost:8900/prod", 7.5)
    assert isinstance(settings.store, MemoryTokenStore)
    assert str(settings.client(3).options.base) == "http://localhost:8900/prod"
    assert SENTINEL_ACCESS_KEY not in repr(settings)


def test_a_place_for_tokens_is_used(tmp_path):
    settings = Settings.of(KEYS | {"AIRMEET_TOKEN_CACHE": str(tmp_path / "tokens")})

    assert isinstance(settings.store, FileTokenStore)
    assert settings.notices == ()


def test_a_place_for_tokens_that_others_can_write_is_refused(tmp_path):
    (tmp_path / "tokens").mkdir()
    (tmp_path / "tokens").chmod(0o777)

    with pytest.raises(ConfigError, match="chmod"):
        Settings.of(KEYS | {"AIRMEET_TOKEN_CACHE": str(tmp_path / "tokens")})


@pytest.mark.parametrize(("level", "shown"), [(logging.DEBUG, "ada@example.com"), (logging.INFO, "a***@e***")])
def test_the_log_shows_no_secret_and_addresses_at_debug_only(level, shown):
    text = f"ada@example.com {SENTINEL_SECRET_KEY} https://x.example/e/1?code=abc \x1b[2J"
    record = logging.LogRecord("airmeet_async", level, "", 0, text, None, None)

    said = SafeFormatter((SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY)).format(record)

    assert shown in said
    assert not any(secret in said for secret in (SENTINEL_SECRET_KEY, "abc", "\x1b"))


@pytest.mark.timeout(10)
@pytest.mark.parametrize("piece", ["a", "a@", "@", "%41", "\\u0041", "https://", "eyJaaaaaaa", "-eyJ", "token", "a.b"])
def test_no_line_of_the_log_takes_long(piece):
    """A megabyte of anything; the patterns once took a time that grew with its square."""
    record = logging.LogRecord("airmeet_async", logging.INFO, "", 0, piece * (1_000_000 // len(piece)), None, None)

    assert len(SafeFormatter((SENTINEL_SECRET_KEY,)).format(record)) <= 2000


BERLIN = {"AIRMEET_PROFILE": "berlin"}
GLOBAL, EU, US = (
    "https://api-gateway.airmeet.com/prod",
    "https://api-gateway-prod.eu.airmeet.com/prod",
    "https://api-gateway-prod.us.airmeet.com/prod",
)

# What the environment says; the profile that was typed; who gives the keys; the address, and who gives that.
WINNERS = [
    ({}, None, "profile default", US, "profile default"),
    (BERLIN, None, "profile berlin", EU, "profile berlin"),
    ({}, "berlin", "profile berlin", EU, "profile berlin"),
    ({"AIRMEET_PROFILE": "default"}, "berlin", "profile berlin", EU, "profile berlin"),
    (KEYS, None, "the environment", GLOBAL, "the default"),
    (KEYS | BERLIN, None, "the environment", GLOBAL, "the default"),
    (KEYS | {"AIRMEET_REGION": "us"}, "berlin", "profile berlin", EU, "profile berlin"),
    (BERLIN | {"AIRMEET_REGION": "us"}, None, "profile berlin", US, "AIRMEET_REGION"),
    ({"AIRMEET_URI": "https://x.example/prod"}, None, "profile default", "https://x.example/prod", "AIRMEET_URI"),
    ({"AIRMEET_ACCESS_KEY": " "}, None, "profile default", US, "profile default"),
]


@pytest.fixture
def profiles():
    """Two profiles, in the place where the command looks for them."""
    for name, region in (("default", "us"), ("berlin", "eu")):
        keep_profile(profiles_path(), Profile(name, Secret(f"{name}-key"), Secret("secret"), region))


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(("environ", "typed", "keys", "address", "by"), WINNERS)
def test_who_wins(environ, typed, keys, address, by):
    environ = dict(environ)
    if typed is not None:
        prefer(typed, environ)

    settings = Settings.of(environ | {"AIRMEET_TOKEN_CACHE": "off"})

    assert (settings.keys.origin, str(settings.base), settings.base_from) == (keys, address, by)
    expected = SENTINEL_ACCESS_KEY if keys == "the environment" else f"{keys.split()[1]}-key"
    assert settings.client().options.access_key.reveal() == expected


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"AIRMEET_PROFILE": "berln"}, "did you mean 'berlin'"),
        ({"AIRMEET_PROFILE": "tokyo"}, "there are berlin, default .create it with airmeet login --profile tokyo"),
        (
            {"AIRMEET_ACCESS_KEY": "x"},
            "AIRMEET_SECRET_KEY is not set, but AIRMEET_ACCESS_KEY is; set both, or unset it",
        ),
    ],
)
def test_what_contradicts_itself_is_explained(environ, said):
    with pytest.raises(KeysError, match=said):
        Settings.of(environ)


@pytest.mark.usefixtures("profiles")
@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (KEYS, ()),
        ({}, ("keys of profile default",)),
        (KEYS | BERLIN, ("profile berlin is not used: the keys in the environment override AIRMEET_PROFILE",)),
        (
            BERLIN | {"AIRMEET_REGION": "us"},
            ("keys of profile berlin, address of AIRMEET_REGION, which overrides the profile's",),
        ),
    ],
)
def test_what_nobody_may_expect_is_said(environ, said):
    assert Settings.of(environ | OFF).notices == said


@pytest.mark.usefixtures("profiles")
def test_a_key_that_somebody_has_broken_in_the_file_is_named_and_not_shown():
    keep_profile(profiles_path(), Profile("broken", Secret("two words"), Secret(SENTINEL_SECRET_KEY), "eu"))

    with pytest.raises(KeysError, match="the access key of profile broken is not a key") as raised:
        Settings.of({"AIRMEET_PROFILE": "broken"})
    assert "two words" not in str(raised.value)


@pytest.mark.parametrize(("key", "shown"), [("sandbox-access-key#in", "****-key#in"), ("short", "****")])
def test_a_masked_key_is_known_again_and_of_no_use(key, shown):
    assert find_keys(KEYS | {"AIRMEET_ACCESS_KEY": key}, None).masked == shown


def waiting(cause, wait_s, attempts):
    return Waiting(operation="x", cause=cause, wait_s=wait_s, attempts=attempts)


WAITS = [
    (waiting("not ready", 20.0, 2), ["Airmeet is preparing the list; checking again in 20 s"]),
    (waiting("not ready", 0.2, 1), ["Airmeet is preparing the list; checking again in 1 s"]),
    (waiting("throttled", 3.2, 1), ["Airmeet's rate limit was exceeded (429); trying again in 4 s"]),
    (waiting("ambiguous", 0.4, 1), []),
]


@pytest.mark.parametrize(("waiting", "lines"), WAITS, ids=range(len(WAITS)))
def test_a_wait_is_explained_if_it_is_long_enough_to_wonder(waiting, lines):
    console, said = Console(), list[str]()
    console.write = said.append
    say_wait(console, waiting)

    assert said == lines


def test_redis_is_shared_and_its_password_is_shown_nowhere():
    settings = Settings.of(KEYS | {"AIRMEET_REDIS": "redis://:pass-word-1@localhost:1/0"})
    client = settings.client(rate=40)

    assert client.pace.permits.is_shared
    assert client.pace.rate == 40
    assert not settings.client(rate="auto").pace.permits.is_shared
    assert settings.notices == ("the token, and a rate that is a number, are shared at redis://localhost:1/0",)
    assert "pass-word-1" not in repr(settings) + repr(client)


def test_commands_find_the_limit_together_where_the_environment_says_so():
    settings = Settings.of(KEYS | {"AIRMEET_REDIS": "redis://localhost:1/0", "AIRMEET_RATE": "auto"})

    for rate in (None, "auto"):
        pace = settings.client(rate=rate).pace
        assert pace.permits.is_shared
        assert pace.ceiling is None
    assert settings.client(rate=40).pace.ceiling == 40
    assert settings.notices == ("the token and the rate are shared at redis://localhost:1/0",)


def test_an_address_of_redis_that_was_typed_wins_and_has_no_password():
    assert "redis://typed:6379" in Settings.of(KEYS | {"AIRMEET_REDIS": "redis://said"}, "redis://typed").notices[0]
    with pytest.raises(ConfigError, match="set AIRMEET_REDIS") as caught:
        Settings.of(KEYS, "redis://:pass-word-1@typed")
    assert "pass-word-1" not in str(caught.value)


@pytest.mark.parametrize("log", [{}, {"AIRMEET_LOG": "info"}])
def test_a_command_says_once_that_redis_cannot_be_used_and_goes_on(airmeet, log):
    """Whether or not the log is shown, and without the password."""
    done = airmeet.at(transport_of())("events", "--json", AIRMEET_REDIS="redis://:hunter2@127.0.0.1:1/0", **log)

    assert (done.code, len(done.json) > 3) == (0, True)
    assert done.err.count("the token cannot be shared (RedisTokenStore: redis://127.0.0.1:1/0: ") == 1
    assert done.err.count("goes on with its share of the rate, 1e+03/s") == 1
    assert "hunter2" not in done.err
