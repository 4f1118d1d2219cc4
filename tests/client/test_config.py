"""Where a client's settings come from, and what is no key (SEC-04)."""

import pytest

from airmeet_async.client.config import ClientOptions, find_base, find_key
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.base_urls import Region
from airmeet_async.protocol.redact import Secret
from tests.cases import case

NAME = "AIRMEET_ACCESS_KEY"
KEY = "11111111-2222-3333-4444-555555555555#in"

GOOD_KEYS = {
    KEY: KEY,
    f" {KEY}\n": KEY,
    f"\t{KEY}\r\n": KEY,
    "\u00a0key\u00a0": "key",
    "!~": "!~",
    "k" * 512: "k" * 512,
}

BAD_KEYS = {
    "in quotes": '"hunter2"',
    "inner blank": "hunter2 hunter2",
    "inner line end": "hunter2\nX-Evil: 1",
    "carriage return": "hunter2\rX",
    "NUL": "hunter2\x00",
    "DEL": "hunter2\x7f",
    "byte order mark": "\ufeffhunter2",
    "not ASCII": "hunter2é",
    "half a character": "hunter2\ud800",
    "full width": "ｈunter2hunter2",
    "typographic quotes": "“hunter2”",
    "one too long": "hunter2" + "k" * 506,
    "a megabyte": "hunter2" * 150_000,
}


def test_a_key_is_taken():
    """From the argument or the environment, without outer blanks; it may hold a # (C)."""
    for given, key in GOOD_KEYS.items():
        for by_argument in [True, False]:
            with case(given, by_argument):
                found = find_key(given, NAME, {}) if by_argument else find_key(None, NAME, {NAME: given})

                assert found == Secret(key)


def test_what_cannot_be_a_key_is_refused():
    """The message names the variable and not the value."""
    for name, given in BAD_KEYS.items():
        for by_argument in [True, False]:
            with case(name, by_argument):
                with pytest.raises(ConfigError) as caught:
                    find_key(given if by_argument else None, NAME, {} if by_argument else {NAME: given})

                assert NAME in str(caught.value)
                assert "hunter2" not in str(caught.value)
                assert "Evil" not in str(caught.value)
                assert caught.value.__cause__ is caught.value.__context__ is None


def test_a_missing_key_is_explained():
    """Where to get one, and where to put it; an empty argument is not filled from the environment."""
    for given in [None, "", "  ", "\n"]:
        with case(given):
            environ = {} if given is None else {NAME: KEY}
            with pytest.raises(
                ConfigError, match=rf"set {NAME} \(from the community dashboard, Integrations, API Access Key\)"
            ):
                find_key(given, NAME, environ)


def test_the_argument_wins():
    """Over the environment."""
    assert find_key("mine", NAME, {NAME: "theirs"}) == Secret("mine")


# Left: argument base_url, argument region, environment; right: the base address.
BASES = [
    (None, None, {}, "https://api-gateway.airmeet.com/prod"),
    (None, None, {"AIRMEET_REGION": " EU "}, "https://api-gateway-prod.eu.airmeet.com/prod"),
    (None, None, {"AIRMEET_REGION": "eu"}, "https://api-gateway-prod.eu.airmeet.com/prod"),
    (None, None, {"AIRMEET_URI": " https://a.example/prod\n"}, "https://a.example/prod"),
    (None, None, {"AIRMEET_URI": "https://a.example", "AIRMEET_REGION": "eu"}, "https://a.example"),
    (None, Region.US, {"AIRMEET_URI": "https://a.example"}, "https://api-gateway-prod.us.airmeet.com/prod"),
    (None, "eu", {"AIRMEET_REGION": "us"}, "https://api-gateway-prod.eu.airmeet.com/prod"),
    ("https://b.example/", "eu", {"AIRMEET_URI": "https://a.example"}, "https://b.example"),
]


def test_the_nearest_address_wins():
    """Argument before environment, whole address before region."""
    for base_url, region, environ, base in BASES:
        with case(base_url, region):
            assert str(find_base(base_url, region, environ)) == base


def test_a_wrong_address_is_no_reason_to_take_another():
    """The keys go where they were meant to go, or nowhere."""
    for base_url, region, environ in [
        ("", None, {}),
        ("http://a.example", None, {}),
        (None, "moon", {}),
        (None, "", {}),
        (None, None, {"AIRMEET_URI": "a.example"}),
        (None, None, {"AIRMEET_URI": ""}),
        (None, None, {"AIRMEET_URI": " ", "AIRMEET_REGION": "us"}),
        (None, None, {"AIRMEET_REGION": ""}),
        (None, None, {"AIRMEET_REGION": "moon"}),
    ]:
        with case(base_url, region), pytest.raises(ConfigError):
            find_base(base_url, region, environ)


def test_options_show_no_key():
    """They are in many a repr."""
    options = ClientOptions(find_base(None, None, {}), find_key("hunter2", NAME, {}), find_key("hunter3", NAME, {}))

    assert "hunter" not in repr(options)


def test_a_setting_that_says_nothing_does_not_mean_the_real_thing():
    """A script with a misspelt variable must not go live."""
    for environ, words in [
        ({"AIRMEET_URI": ""}, "set but empty"),
        ({"AIRMEET_URI": " ", "AIRMEET_REGION": "us"}, "set but empty"),
        ({"AIRMEET_REGION": ""}, "unknown region"),
        ({"AIRMEET_REGION": "mars"}, "global, eu, us"),
        ({"AIRMEET_REGION": "mars", "AIRMEET_URI": "http://127.0.0.1:8900/prod"}, "global, eu, us"),
    ]:
        with case(environ, words), pytest.raises(ConfigError, match=words):
            find_base(None, None, environ)
