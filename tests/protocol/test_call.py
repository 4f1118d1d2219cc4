"""A request is a value, until the last moment."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airmeet_async import calls
from airmeet_async.protocol.base_urls import parse_base
from airmeet_async.protocol.call import Auth, Call, common_headers, encode, key_headers, token_headers
from airmeet_async.protocol.http_messages import READ_LIMIT, WRITE_LIMIT, Reply, Request
from airmeet_async.protocol.models import Attendee
from airmeet_async.protocol.redact import Secret
from tests.cases import case
from tests.protocol.samples import ADD, AUTH, EVENT, LIST, same_every_time

BASE = parse_base("https://sandbox.example/prod")


def test_equal_calls_are_equal():
    """What is asked can be compared, and cannot be changed."""
    assert calls.add_attendee(EVENT, Attendee("ada@example.com", "Ada", "Lovelace"), send_email_invite=True) == ADD
    assert calls.add_attendee(EVENT, Attendee("ada@example.com", "Ada", "King"), send_email_invite=True) != ADD
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ADD.body = {}  # type: ignore[misc]


def test_a_call_shows_what_and_not_whom():
    """It may stand in a log."""
    assert str(ADD) == "POST /airmeet/{airmeet_id}/attendee"
    assert "ada" not in repr(ADD)


@same_every_time
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.text(st.characters(exclude_categories=["Cs"])))
def test_no_argument_can_leave_its_place(value, query):
    """Even without the check of ids, a value stays one segment of the path and one of the query."""
    target = Call(ADD.endpoint, {"airmeet_id": value}, {"after": query}).target
    path, _, rest = target.partition("?")

    assert path.startswith("/airmeet/")
    assert path.endswith("/attendee")
    assert path.count("/") == 3
    assert target.isascii()
    assert target.isprintable()
    assert not set(target) & set(' #\\"<>')
    assert rest.startswith("after=")
    assert not set(rest.removeprefix("after=")) & set("&=?")


def test_a_target_is_base_path_and_query():
    """Just as it stands in the request line."""
    for call, target in [
        (AUTH, "/prod/auth"),
        (ADD, f"/prod/airmeet/{EVENT}/attendee"),
        (LIST, "/prod/airmeets?size=50"),
        (calls.list_airmeets(size=7, after="a b&c"), "/prod/airmeets?size=7&after=a%20b%26c"),
    ]:
        with case(call, target):
            assert encode(call, BASE, ()).target == target


def test_a_request_has_everything():
    """Verb, headers in order, compact body and the limit for the answer."""
    headers = common_headers("1.2") + token_headers(Secret("t0ken"))
    request = encode(ADD, BASE, headers)

    assert request == Request("POST", f"/prod/airmeet/{EVENT}/attendee", headers, request.body, WRITE_LIMIT)
    assert request.body.startswith(b'{"email":"ada@example.com","firstName":"Ada"')
    assert encode(LIST, BASE, headers) == Request("GET", "/prod/airmeets?size=50", headers, b"", READ_LIMIT)
    assert (request.header("accept-encoding"), request.header("USER-AGENT")) == ("identity", "airmeet-async/1.2")
    assert request.header("X-Airmeet-Access-Token") == "t0ken"
    assert request.header("Cookie") is None


def test_keys_have_two_spellings():
    """Signing in and webhooks name them differently (A)."""
    for auth, names in [
        (Auth.KEYS, (b"X-Airmeet-Access-Key", b"X-Airmeet-Secret-Key")),
        (Auth.RAW_KEYS, (b"x-access-key", b"x-secret-key")),
    ]:
        with case(auth, names):
            assert key_headers(auth, Secret("a#in"), Secret("b")) == ((names[0], b"a#in"), (names[1], b"b"))


def test_what_travels_shows_no_secret():
    """Headers hold credentials, bodies hold people and links."""
    request = encode(ADD, BASE, token_headers(Secret("hunter2")))

    assert "hunter2" not in repr(request)
    assert "ada" not in repr(request)
    assert "hunter2" not in repr(Reply(200, {"set-cookie": "hunter2"}, b"hunter2"))
