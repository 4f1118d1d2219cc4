"""Who wins: what was typed, the environment, a profile, the default."""

import pytest

from airmeet_async.cli.environment import Origins, Settings, prefer
from airmeet_async.cli.exit_codes import KeysError
from airmeet_async.cli.profiles import Profile, keep_profile
from airmeet_async.protocol.redact import Secret
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY

ENV = {"AIRMEET_ACCESS_KEY": SENTINEL_ACCESS_KEY, "AIRMEET_SECRET_KEY": SENTINEL_SECRET_KEY}
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
    (ENV, None, "the environment", GLOBAL, "the default"),
    (ENV | BERLIN, None, "the environment", GLOBAL, "the default"),
    (ENV | {"AIRMEET_REGION": "us"}, "berlin", "profile berlin", EU, "profile berlin"),
    (BERLIN | {"AIRMEET_REGION": "us"}, None, "profile berlin", US, "AIRMEET_REGION"),
    ({"AIRMEET_URI": "https://x.example/prod"}, None, "profile default", "https://x.example/prod", "AIRMEET_URI"),
    ({"AIRMEET_ACCESS_KEY": " "}, None, "profile default", US, "profile default"),
]


@pytest.fixture(autouse=True)
def _home(tmp_path, monkeypatch):
    """A home with two profiles, in the place where the command looks for them."""
    from airmeet_async.cli.profiles import profiles_path

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name, region in (("default", "us"), ("berlin", "eu")):
        keep_profile(profiles_path(), Profile(name, Secret(f"{name}-key"), Secret("secret"), region))


@pytest.mark.parametrize(("environ", "typed", "keys", "address", "by"), WINNERS)
def test_who_wins(environ, typed, keys, address, by):
    environ = dict(environ)
    if typed is not None:
        prefer(typed, environ)

    settings = Settings.of(environ | {"AIRMEET_TOKEN_CACHE": "off"})

    assert (settings.keys.origin, str(settings.base), settings.address_from) == (keys, address, by)
    expected = SENTINEL_ACCESS_KEY if keys == "the environment" else f"{keys.split()[1]}-key"
    assert settings.client().options.access_key.reveal() == expected


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"AIRMEET_PROFILE": "berln"}, "did you mean 'berlin'"),
        ({"AIRMEET_PROFILE": "tokyo"}, "there are berlin, default .to make it: airmeet login --profile tokyo"),
        (
            {"AIRMEET_ACCESS_KEY": "x"},
            "AIRMEET_SECRET_KEY is not set, but AIRMEET_ACCESS_KEY is: set both, or unset it",
        ),
    ],
)
def test_what_contradicts_itself_is_explained(environ, said):
    with pytest.raises(KeysError, match=said):
        Settings.of(environ)


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (ENV, ()),
        ({}, ("keys of profile default",)),
        (ENV | BERLIN, ("profile berlin is not used: the environment has keys, which win over AIRMEET_PROFILE",)),
        (
            BERLIN | {"AIRMEET_REGION": "us"},
            ("keys of profile berlin, address of AIRMEET_REGION, which wins over the profile's",),
        ),
    ],
)
def test_what_nobody_may_expect_is_said(environ, said):
    assert Origins.of(environ).notices() == said


def test_a_key_that_somebody_has_broken_in_the_file_is_named_and_not_shown():
    from airmeet_async.cli.profiles import profiles_path

    keep_profile(profiles_path(), Profile("broken", Secret("two words"), Secret(SENTINEL_SECRET_KEY), "eu"))

    with pytest.raises(KeysError, match="the access key of profile broken is not a key") as raised:
        Settings.of({"AIRMEET_PROFILE": "broken"})
    assert "two words" not in str(raised.value)


@pytest.mark.parametrize(("key", "shown"), [("sandbox-access-key#in", "****y#in"), ("short", "****")])
def test_a_masked_key_is_known_again_and_of_no_use(key, shown):
    assert Origins.of(ENV | {"AIRMEET_ACCESS_KEY": key}).keys().masked == shown
