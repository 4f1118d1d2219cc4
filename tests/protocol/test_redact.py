"""Foreign text becomes safe to show (SEC-06)."""

import copy
import json
import logging
import pickle
import traceback
from collections.abc import Callable
from html import escape as escape_html
from typing import Any
from urllib.parse import quote

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airmeet_async.protocol.models import AuthToken
from airmeet_async.protocol.redact import Secret, clean, escape, mask, mask_email
from tests.cases import case
from tests.protocol.samples import same_every_time

PLAIN = ["", "Bad access token", "Session status is not valid", "naïve – 日本語 👍", "statusCode: 400", "postcode=1050"]

ESCAPED = {
    "\x1b[31mred\x1b[0m": r"\x1b[31mred\x1b[0m",
    "a\x00b\x7fc\x9bd": r"a\x00b\x7fc\x9bd",
    "user\u202etxt.exe": r"user\u202etxt.exe",
    "a\u2066b\u2069\u200e\u200b\ufeffc": r"a\u2066b\u2069\u200e\u200b\ufeffc",
    "a\u2028b\u2029c": "a b c",
    "half \ud800": r"half \ud800",
    "private \ue000": r"private \ue000",
    "50 %\rdone\n  next\tend ": "50 % done next end",
}

SECRETS = {
    "see https://www.airmeet.com/e/abc?code=hunter2 now": "see *** now",
    "(https://www.airmeet.com/e/abc?x=1&code=hunter2)": "(***",
    'href="https://a.example/e?code=hunter2">go': 'href="***">go',
    "next=https%3A%2F%2Fa.example%2Fe%3Fcode%3Dhunter2 end": "next=*** end",
    "code%3Dhunter2": "code%3D***",
    "code=hunter2&x=1": "code=***&x=1",
    "token: hunter2": "token: ***",
    "Token = 'hunter2'": "Token = '***'",
    '{"token":"hunter2","label":"x"}': '{"token":"***","label":"x"}',
    "access_token=hunter2;": "access_token=***;",
    "accessToken=hunter2": "accessToken=***",
    "X-Airmeet-Access-Token: hunter2": "X-Airmeet-Access-Token: ***",
    "X-Airmeet-Access-Key: hunter2": "X-Airmeet-Access-Key: ***",
    "x-secret-key:hunter2": "x-secret-key:***",
    "access_key=hunter2 secretKey=hunter2": "access_key=*** secretKey=***",
    "jwt=hunter2": "jwt=***",
    r"accessToken\u003dhunter2": r"accessToken\u003d***",
    r"{\"token\": \"hunter2\"}": r'{\"token\": \"***"}',
    r"https:\/\/a.example\/e?code=hunter2 end": "*** end",
    r"https:\/\/a.example\/e?x=1\u0026code\u003dhunter2 end": "*** end",
    "https%253A%252F%252Fa.example%252Fe%253Fcode%253Dhunter2 end": "*** end",
    "https://a.example/e?x=1&amp;code=hunter2 end": "*** end",
    "https://b.example https://a.example/e?code=hunter2": "https://b.example ***",
    "Bearer eyJhbGciOiJIUzI1.eyJodW50ZXIy.hunter2 expired": "Bearer *** expired",
}


def test_plain_text_stays():
    """What hurts nobody is shown as it is."""
    for text in PLAIN:
        with case(text):
            assert clean(text) == text


def test_terminal_tricks_are_disarmed():
    """Colours, overwriting, reordering and halves of characters become visible, on one line."""
    for text, shown in ESCAPED.items():
        with case(text):
            assert clean(text) == shown


def test_secrets_are_masked():
    """An entry link, a token or a key that is echoed is not shown."""
    for text, shown in SECRETS.items():
        with case(text):
            assert clean(text) == shown


def test_a_link_is_masked_wherever_it_stands():
    """Also at the edge of what is looked at."""
    for where in [0, 150, 250, 1500, 1590, 1598]:
        with case(where):
            assert "hunter2" not in clean("x" * where + " https://www.airmeet.com/e/abc?code=hunter2")


@pytest.mark.timeout(10)
def test_a_megabyte_is_no_trouble():
    """Long texts are cut before they are looked at, so no pattern can run away."""
    for piece in [
        "a",
        " ",
        "\\",
        "%41",
        "&amp;",
        "https:",
        "-eyJaaaaaa",
        "http://a?code",
        "@",
        "a@",
        "\x1b",
        "https://",
        "https://a?code=",
        "eyJaaaaaa.",
        "token=",
        "token ",
        "\ud800",
        "é",
    ]:
        with case(piece):
            assert len(clean(piece * (1_000_000 // len(piece)), secrets=["x" * 8192])) <= 200
            assert len(clean(piece * (1_000_000 // len(piece)), 2000)) <= 2000


ODD = "a/b+c==&<d>\"'#e~"


WAYS_TO_ESCAPE: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "slashes": lambda text: text.replace("/", "\\/"),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON in JSON": lambda text: json.dumps(json.dumps(text))[3:-3],
    "JSON, all of it": lambda text: "".join(f"\\u{ord(char):04x}" for char in text),
    "JSON, for a page": lambda text: json.dumps(text)[1:-1].replace("=", "\\u003D").replace("<", "\\u003C"),
    "an address": lambda text: quote(text, safe=""),
    "an address, in part": lambda text: quote(text, safe="/=+&<>\"'#\\~"),
    "an address, all of it": lambda text: "".join(f"%{ord(char):02x}" for char in text),
    "an address in an address": lambda text: quote(quote(text, safe=""), safe=""),
    "a page": escape_html,
    "a page, in figures": lambda text: "".join(f"&#{ord(char)};" for char in text),
    "a page in a page": lambda text: escape_html("".join(f"&#x{ord(char):x};" for char in text)),
}


def test_a_secret_is_masked_however_it_was_escaped():
    """And what stands around it stays."""
    for secret in ("hunter2-token==", ODD):
        for way, encode in WAYS_TO_ESCAPE.items():
            with case(way, secret):
                assert mask(f"<{encode(secret)}> {encode(secret)}", ["", secret, "other"]) == "<***> ***"
    assert mask(r"50 % of \/ &amp; é", ["hunter2"]) == r"50 % of \/ &amp; é"


@same_every_time
# What begins an escape is ambiguous where it was not escaped itself, and no token has it.
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\%&"), min_size=3, max_size=30))
def test_any_token_is_masked_however_it_was_escaped(secret):
    for encode in WAYS_TO_ESCAPE.values():
        assert secret not in mask(f"no {encode(secret)} here", [secret])
        assert mask(f"no {encode(secret)} here", [secret]).startswith("no ")


def test_a_secret_is_masked_before_its_text_is_cut():
    """Half a secret is one, too."""
    secret = "hunter2/" * 40
    for where in [0, 100, 190, 199, 1500, 1599, 1600]:
        for encode in WAYS_TO_ESCAPE.values():
            for filler in "x ":
                with case(where, filler):
                    assert "unter" not in clean(filler * where + encode(secret), secrets=[secret])


@same_every_time
@given(st.text(st.characters(), max_size=400), st.integers(1, 60))
def test_whatever_comes_is_one_printable_line(text, limit):
    """Nothing breaks a line, a terminal or an encoder, and nothing is longer than asked."""
    shown = clean(text, limit)

    assert len(shown) <= limit
    assert not set(shown) & set("\n\r\t\x1b\u202e\u2028")
    assert shown.encode().decode() == shown
    assert escape(shown) == shown


def test_an_e_mail_is_masked():
    """The first letters only."""
    for email, shown in [
        ("ada@example.com", "a***@e***"),
        ("@example.com", "***@e***"),
        ("ada", "a***@***"),
        ("", "***@***"),
        ("\x1b[0m@\u202e", r"\x1b***@\u202e***"),
        ("\ud800@x", r"\ud800***@x***"),
    ]:
        with case(email, shown):
            assert mask_email(email) == shown


SECRET = Secret("hunter2")


WAYS: dict[str, Callable[[Any], str]] = {
    "repr": repr,
    "str": str,
    "ascii": ascii,
    "format": format,
    "f-string": lambda secret: f"{secret}{secret!r}{secret!s}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - one of the ways
    "containers": lambda secret: str([secret, {"a": secret}, (secret,)]),
    "a model": lambda secret: repr(AuthToken(secret)),
    "asdict": lambda secret: str(attrs.asdict(AuthToken(secret))),
    "a log record": lambda secret: logging.makeLogRecord({"msg": "%s", "args": (secret,)}).getMessage(),
    "JSON": lambda secret: json.dumps({"a": secret}, default=str),
}


def test_no_way_of_showing_it_shows_it():
    """Only reveal() does."""
    for name, show in WAYS.items():
        with case(name):
            assert "***" in show(SECRET)
            assert "hunter2" not in show(SECRET)
            assert SECRET.reveal() == "hunter2"


TAKERS: dict[str, Callable[[Any], Any]] = {
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "JSON": json.dumps,
    "a padded f-string": lambda secret: f"{secret:>20}",
    "vars": vars,
    "iter": iter,
    "len": len,
}


def test_it_cannot_be_taken_elsewhere():
    """Pickles, copies and the like are type errors without the text."""
    for name, take in TAKERS.items():
        with case(name):
            with pytest.raises(TypeError) as caught:
                take(SECRET)

            assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_equal_texts_are_equal_secrets():
    """Comparing and hashing work, and no plain string is equal to a secret."""
    assert Secret("hunter2") == SECRET
    assert Secret("hunter3") != SECRET
    assert Secret("") != SECRET
    assert SECRET != "hunter2"
    assert len({SECRET, Secret("hunter2"), Secret("é")}) == 2
    assert Secret("é") == Secret("é")
    assert str(hash(SECRET)) != str(hash("hunter2"))
