"""JSON that cannot hurt its reader (SEC-13)."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airmeet_async.protocol.json_codec import decode, encode
from tests.cases import case
from tests.protocol.samples import same_every_time

REFUSED = {
    "nothing": b"",
    "blanks": b"  ",
    "HTML": b"<html>hunter2</html>",
    "text": b"hunter2",
    "cut off": b'{"token": "hunt',
    "two values": b'{"a": 1} {"hunter2": 2}',
    "trailing comma": b'["hunter2",]',
    "single quotes": b"{'a': 'hunter2'}",
    "a byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "Latin-1": '{"a": "Zoë"}'.encode("latin-1"),
    "a raw surrogate": b'{"a": "\xed\xa0\x80"}',
    "gzip": b"\x1f\x8b\x08\x00\x00",
    "a control character": b'{"a": "\x01"}',
    "NaN": b'{"a": NaN}',
    "Infinity": b"[Infinity]",
    "minus Infinity": b"[-Infinity]",
    "1e400": b'{"a": 1e400}',
    "-1e400": b'{"a": -1e400}',
    "5000 digits": b"[" + b"9" * 5000 + b"]",
    "100000 lists": b"[" * 100_000,
    "100000 lists that end": b"[" * 100_000 + b"]" * 100_000,
    "100000 objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
}

ACCEPTED = {
    b"null": None,
    b'"\\ud800"': "\ud800",
    b'"\\ud83d\\ude00"': "\U0001f600",
    b'{"a": 1, "a": 2}': {"a": 2},
    b" [1, 2.5, -3e2, true] ": [1, 2.5, -300.0, True],
    b'"\\u0000"': "\x00",
    b"[123456789012345678901234567890]": [123456789012345678901234567890],
}


def test_what_is_not_json_is_one_kind_of_error():
    """The error is a plain ValueError that does not quote the text."""
    for name, body in REFUSED.items():
        with case(name):
            with pytest.raises(ValueError) as caught:
                decode(body)

            assert type(caught.value) is ValueError
            assert "hunter2" not in str(caught.value)
            assert 0 < len(str(caught.value)) < 80


def test_odd_but_valid_json_is_read():
    """Escapes, big numbers and repeated keys are all valid."""
    for body, value in ACCEPTED.items():
        with case(body):
            assert decode(body) == value


@pytest.mark.timeout(10)  # what is quadratic would take hours
def test_ten_megabytes_are_read():
    """A long string is no attack."""
    assert len(decode(b'"' + b"a" * 10_000_000 + b'"')) == 10_000_000


def test_json_is_compact_utf8():
    """Only half characters, which UTF-8 cannot carry, are escaped."""
    for value, body in [
        ({}, b"{}"),
        ({"a": [1, "b", True, None]}, b'{"a":[1,"b",true,null]}'),
        ({"name": "Zoë 日本"}, '{"name":"Zoë 日本"}'.encode()),
        ({"name": "Zoë \ud800"}, b'{"name":"Zo\\u00eb \\ud800"}'),
        ("\x00\n\u2028", '"\\u0000\\n\u2028"'.encode()),
    ]:
        with case(value, body):
            assert encode(value) == body


def test_what_json_does_not_have_is_not_written():
    """Better an error here than a refusal from the server."""
    for number in [float("nan"), float("inf")]:
        with case(number), pytest.raises(ValueError, match="not JSON compliant"):
            encode({"a": number})


DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters()), inner, max_size=4),
    max_leaves=12,
)


@same_every_time
@given(DOCUMENTS)
@pytest.mark.slow
def test_what_is_written_can_be_read_again(document):
    """Also with half characters in it, and by any other reader."""
    body = encode(document)

    # A pair of halves that stand side by side is one character, in JSON as in Python's own encoder.
    assert decode(body) == json.loads(body) == json.loads(json.dumps(document))


@same_every_time
@given(st.binary(max_size=60))
def test_any_bytes_are_a_value_or_a_value_error(body):
    """Nothing else comes out."""
    try:
        decode(body)
    except ValueError as error:
        assert type(error) is ValueError  # noqa: PT017 - most bytes end here, some do not
