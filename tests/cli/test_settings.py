"""The environment of a command."""

import logging

import pytest

from airmeet_async import ConfigError, FileTokenStore, MemoryTokenStore
from airmeet_async.cli.console import Careful
from airmeet_async.cli.environment import Settings
from airmeet_async.cli.exit_codes import KeysError
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY

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

    said = Careful((SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY)).format(record)

    assert shown in said
    assert not any(secret in said for secret in (SENTINEL_SECRET_KEY, "abc", "\x1b"))
