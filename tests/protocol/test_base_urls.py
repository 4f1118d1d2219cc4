"""Which hosts may get the keys, and which ids may stand in a path (SEC-01, SEC-03)."""

import pytest

from airmeet_async.errors import ConfigError, InvalidInputError
from airmeet_async.protocol.base_urls import Base, Region, base_of, check_id, parse_base
from tests.cases import case

GOOD_BASES = {
    "https://api-gateway.airmeet.com/prod": Base("https", "api-gateway.airmeet.com", 443, "/prod"),
    "https://api-gateway.airmeet.com/prod/": Base("https", "api-gateway.airmeet.com", 443, "/prod"),
    "HTTPS://API-Gateway.Airmeet.COM/prod": Base("https", "api-gateway.airmeet.com", 443, "/prod"),
    "https://example.com": Base("https", "example.com", 443, ""),
    "https://example.com:": Base("https", "example.com", 443, ""),
    "https://example.com:8443/a/b-c_d.e~f": Base("https", "example.com", 8443, "/a/b-c_d.e~f"),
    "https://192.0.2.7/prod": Base("https", "192.0.2.7", 443, "/prod"),
    "https://[2001:db8::1]:8443/prod": Base("https", "2001:db8::1", 8443, "/prod"),
    "http://127.0.0.1:8900/prod": Base("http", "127.0.0.1", 8900, "/prod"),
    "http://127.8.9.10/prod": Base("http", "127.8.9.10", 80, "/prod"),
    "http://localhost:8900": Base("http", "localhost", 8900, ""),
    "http://[::1]:8900/prod": Base("http", "::1", 8900, "/prod"),
}

BAD_BASES = {
    "": "https://",
    "api-gateway.airmeet.com/prod": "https://",
    "//api-gateway.airmeet.com/prod": "https://",
    "ftp://example.com": "https://",
    "file:///etc/passwd": "https://",
    "https:/example.com": "host",
    "https:///prod": "host",
    "https://": "host",
    "http://api-gateway.airmeet.com/prod": "use https://",
    "http://localhost.evil.example/prod": "use https://",
    "http://127.0.0.1.evil.example": "use https://",
    "http://127.1": "use https://",
    "http://0.0.0.0": "use https://",
    "http://[::]": "use https://",
    "http://192.168.0.1": "use https://",
    "https://name@example.com": "user name or a password",
    "https://name:word@example.com/prod": "user name or a password",
    "https://name:se/cret@example.com": "user name or a password",
    "https://:@example.com": "user name or a password",
    "https://127.0.0.1@evil.example": "user name or a password",
    "https://example.com:443@evil.example": "user name or a password",
    "https://example.com/prod?a=b": "query or a fragment",
    "https://example.com/prod?": "query or a fragment",
    "https://example.com/prod#a": "query or a fragment",
    "https://example.com/prod#": "query or a fragment",
    "https://example.com.": "host",
    "https://.example.com": "host",
    "https://a..example.com": "host",
    "https://-a.example.com": "host",
    "https://a-.example.com": "host",
    "https://a_b.example.com": "host",
    "https://a%2eb.example.com": "host",
    "https://[::1%eth0]/prod": "host",
    "https://[v1.a]/prod": "host",
    "https://[::1": "host or port",
    "https://[1.2.3.4]/": "host",
    "https://example.com:0": "port",
    "https://example.com:-1": "port",
    "https://example.com:65536": "port",
    "https://example.com:https": "port",
    "https://example.com/../prod": "path",
    "https://example.com/./prod": "path",
    "https://example.com/a//b": "path",
    "https://example.com/%2e%2e/prod": "path",
    "https://example.com/a;b": "path",
    "https://example.com/a b": "characters",
    " https://example.com": "characters",
    "https://example.com\n": "characters",
    "https://exa\tmple.com": "characters",
    "https://example.com\\@evil.example": "characters",
    "https://example.com\x00": "characters",
    "https://example.com\x7f": "host",
    "https://аpi-gateway.airmeet.com/prod": "characters",  # the first letter is Cyrillic
    "https://example。com": "characters",
    "https://example.com:８０": "characters",
    "https://example.com/\u202e": "characters",
}


def test_a_base_address_is_taken_apart():
    """Scheme, host, port and prefix, in one spelling."""
    for url, base in GOOD_BASES.items():
        with case(url):
            assert parse_base(url) == base


def test_a_base_address_is_refused_with_the_reason():
    """What could send the keys elsewhere is refused, and the message shows a good one."""
    for url, word in BAD_BASES.items():
        with case(url):
            with pytest.raises(ConfigError, match="expected something like https://") as caught:
                parse_base(url)

            assert word in str(caught.value)


def test_a_password_is_not_repeated():
    """Also one that reads like a port, a path or a query."""
    for url in ["https://n:hunter2@example.com", "https://n:hunter2/x@example.com", "https://n:h?hunter2@a"]:
        with case(url):
            with pytest.raises(ConfigError) as caught:
                parse_base(url)

            assert "hunter2" not in str(caught.value)


@pytest.mark.timeout(10)
def test_a_very_long_address_is_refused_at_once():
    """Nothing in the check is slower than linear."""
    for filler in ("a", "-", ".", "a.", "/", "[", ":"):
        with pytest.raises(ConfigError):
            parse_base("https://example.com." + filler * 100_000 + "!")


def test_an_authority_is_as_the_host_header_has_it():
    """The scheme's own port is left out, and an IPv6 address has its brackets."""
    for url, authority in [
        ("https://example.com:443/prod", "example.com"),
        ("https://example.com:80/prod", "example.com:80"),
        ("http://127.0.0.1:80", "127.0.0.1"),
        ("http://127.0.0.1:443", "127.0.0.1:443"),
        ("https://[2001:DB8::1]/prod", "[2001:db8::1]"),
        ("http://[::1]:8900", "[::1]:8900"),
    ]:
        with case(url, authority):
            base = parse_base(url)

            assert base.authority == authority
            assert base.origin == f"{base.scheme}://{authority}"
            assert str(base) == base.origin + base.prefix
            assert parse_base(str(base)) == base


def test_a_region_has_its_own_address():
    """Data do not cross regions."""
    for region, host in [
        (Region.GLOBAL, "api-gateway.airmeet.com"),
        ("eu", "api-gateway-prod.eu.airmeet.com"),
        (Region.US, "api-gateway-prod.us.airmeet.com"),
    ]:
        with case(region, host):
            assert parse_base(base_of(region)) == Base("https", host, 443, "/prod")


def test_an_unknown_region_is_refused_with_the_choices():
    """The message has all that can be written."""
    for region in ["", "EU", "asia", "eu "]:
        with case(region), pytest.raises(ConfigError, match="global, eu, us"):
            base_of(region)


GOOD_IDS = ["8f0c1a2e-1111-11ee-aaaa-0a58a9feac02", "a", "9aBcD3F5x", "f_1", "0" * 128]
BAD_IDS = [
    "",
    ".",
    "..",
    "%2e%2e",
    "..%2f",
    "a/b",
    "a?x",
    "a#b",
    "a;b",
    "a\\b",
    "a.b",
    "a b",
    "a:b",
    "a&b",
    "{airmeet_id}",
    "@evil",
    "//evil/x",
    "-a",
    "_a",
    "a\r\nX: y",
    "a\n",
    "\na",
    "a\x00",
    "a\t",
    "é",
    "a\u202eb",
    "．．",
    "１",
    "\ud800",
    "0" * 129,
    "a" * 10_000,
    None,
    7,
    b"a",
]


def test_an_id_may_stand_in_a_path():
    """Letters, digits, hyphen and underscore."""
    for value in GOOD_IDS:
        with case(value):
            assert check_id(value, "airmeet_id") is value


def test_what_is_no_id_is_refused():
    """Whatever could reach another operation is refused, on one short printable line."""
    for value in BAD_IDS:
        with case(value):
            with pytest.raises(InvalidInputError) as caught:
                check_id(value, "session_id")  # type: ignore[arg-type]  # what a caller may pass all the same

            assert str(caught.value).startswith("session_id ")
            assert str(caught.value).isprintable()
            assert len(str(caught.value)) < 200


def test_an_event_page_in_place_of_an_id_is_explained():
    """The likely mistake has its fix in the message."""
    with pytest.raises(InvalidInputError, match="only the part after /e/"):
        check_id("https://www.airmeet.com/e/8f0c1a2e-1111-11ee-aaaa-0a58a9feac02", "airmeet_id")
