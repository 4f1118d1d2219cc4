"""Everything the world says no to, and how it says it."""

import json

import pytest

from airmeet_async.api.wire import Request
from airmeet_async.sandbox import World, community
from tests.sandbox.caller import Caller, auth, content, request

EVENT_CALLS = [
    ("GET", "info"),
    ("GET", "custom-fields"),
    ("POST", "attendee"),
    ("PUT", "attendee/block"),
    ("PUT", "attendee/unblock"),
]


@pytest.mark.parametrize(("method", "path"), EVENT_CALLS)
@pytest.mark.parametrize(("event", "status"), [(community.FOREIGN, 401), (community.NOWHERE, 404)])
def test_events_that_are_out_of_reach(method, path, event, status):
    """Another community's event is a 401, one that does not exist a 404, on every call."""
    assert status == Caller().status(method, f"/airmeet/{event}/{path}", {})


def test_status_of_events_out_of_reach_is_a_switch():
    """Whether a 401 hides that an event exists is unknown."""
    caller = Caller(unknown_event_status=401, foreign_event_status=404)

    assert caller.status("GET", f"/airmeet/{community.NOWHERE}/info") == 401
    assert caller.status("GET", f"/airmeet/{community.FOREIGN}/info") == 404


def test_token_is_looked_at_before_the_event():
    """An expired token is a 412 even for an event that does not exist."""
    caller = Caller()
    caller.world.expire_tokens()

    assert caller.status("GET", f"/airmeet/{community.NOWHERE}/info") == 412


ASTRAY = [
    ("GET", "/prod/nothing", 404),
    ("GET", "/prod", 404),
    ("GET", "/prod/", 404),
    ("GET", "/airmeets", 404),
    ("GET", "/produce/airmeets", 404),
    ("GET", "/prod-airmeets", 404),
    ("GET", "/prod/airmeets/", 404),
    ("GET", "/prod//airmeets", 404),
    ("POST", "/prod/airmeets", 405),
    ("GET", "/prod/auth", 405),
    ("DELETE", f"/prod/airmeet/{community.SUMMIT}/attendee", 405),
    ("POST", f"/prod/airmeet/{community.SUMMIT}/attendee/block", 405),
]


@pytest.mark.parametrize(("method", "target", "status"), ASTRAY)
def test_requests_that_go_astray(method, target, status):
    """Unknown paths are a 404 and wrong verbs a 405, in a gateway's words and without a token."""
    reply = World().handle(Request(method, target), 0)

    assert status == reply.status
    assert {"message"} == content(reply).keys()


def test_path_is_decoded():
    """An escaped id is the same id, and an escaped slash does not split it."""
    caller = Caller()

    assert caller.status("GET", f"/airmeet/{community.SUMMIT.replace('-', '%2D')}/info") == 200
    assert caller.status("GET", f"/airmeet/{community.SUMMIT}%2Finfo/info") == 404


BAD_BODIES = [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"email=a@example.com", b"[" * 100_000]


@pytest.mark.parametrize("body", BAD_BODIES)
def test_body_must_be_a_json_object(body):
    """Anything else is a 400, however broken."""
    assert Caller().status("POST", f"/airmeet/{community.SUMMIT}/attendee", body) == 400


WRITES = [("POST", "attendee"), ("PUT", "attendee/block")]


@pytest.mark.parametrize(("method", "path"), WRITES)
@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded"])
def test_write_demands_a_content_type(method, path, kind):
    """A write that does not say it is JSON is refused; if that is switched off, its payload is what counts."""
    for demanded, statuses in ((True, {400}), (False, {200})):
        caller = Caller(demand_content_type=demanded)
        caller.add("b@example.com")
        body = {"email": "a@example.com", "firstName": "A", "lastName": "B", "attendeeEmail": "b@example.com"}
        asked = request(method, f"/airmeet/{community.SUMMIT}/{path}", body, X_Airmeet_Access_Token=caller.token)
        plain = Request(asked.method, asked.target, ((b"content-type", kind.encode()), *asked.headers[1:]), asked.body)
        assert {caller.world.handle(plain, 0).status} == statuses


@pytest.mark.parametrize("kind", ["application/json", "application/JSON", "application/json; charset=utf-8"])
def test_content_type_may_be_spelled_freely(kind):
    """The help text itself writes JSON in capitals."""
    caller = Caller()
    body = {"email": "a@example.com", "firstName": "A", "lastName": "B"}
    asked = request("POST", f"/airmeet/{community.SUMMIT}/attendee", body, X_Airmeet_Access_Token=caller.token)
    spelled = Request(asked.method, asked.target, ((b"content-type", kind.encode()), *asked.headers[1:]), asked.body)

    assert caller.world.handle(spelled, 0).status == 200


SHAPES = {
    "status": {"statusCode": 412, "statusMessage": "The access token has expired", "data": {}},
    "message": {"message": "The access token has expired"},
    "success": {"success": False, "message": "The access token has expired", "error": "Refused"},
    "error": {"error": {"message": "The access token has expired"}},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_refusals_come_in_four_json_shapes(shape):
    """Each shape that clients have met can be had."""
    caller = Caller(error_shape=shape)
    caller.world.expire_tokens()

    assert SHAPES[shape] == content(caller.reply("GET", "/airmeets"))


@pytest.mark.parametrize(("shape", "body"), [("text", b"The access token has expired"), ("empty", b"")])
def test_refusals_may_be_no_json(shape, body):
    """Plain text and nothing at all are met, too."""
    caller = Caller(error_shape=shape)
    caller.world.expire_tokens()

    assert (412, body) == (caller.reply("GET", "/airmeets").status, caller.reply("GET", "/airmeets").body)


def test_validation_may_hide_behind_a_200():
    """The status may stand in the body alone; other refusals keep theirs."""
    caller = Caller(validation_status=200)
    reply = caller.add("no address")

    assert (reply.status, content(reply)["statusCode"]) == (200, 400)
    assert caller.add(event=community.NOWHERE).status == 404


def test_lone_surrogates_do_no_harm():
    """Text that is no Unicode is stored or refused, never a crash."""
    caller = Caller()

    assert caller.add(firstName="\ud800").status == 200
    assert caller.add("\ud800@example.com").status == 200
    caller.world.handle(auth(), 0)


def test_statistics_count_every_answer():
    """Refusals count as well as successes; the sum is the number of requests."""
    caller = Caller()
    caller.add()
    caller.add("no address")
    caller.status("GET", "/nothing")
    statistics = caller.world.statistics()

    assert statistics.statuses == {200: 2, 400: 1, 404: 1}
    assert (statistics.requests, statistics.auths, statistics.adds, statistics.replays) == (4, 1, 1, 0)


def test_same_requests_same_bytes():
    """Two worlds of one seed answer one script alike, byte for byte."""

    def script() -> str:
        caller = Caller(World(seed=3))
        calls = [caller.add(), caller.add("x"), caller.change("block"), caller.reply("GET", "/airmeets?size=2")]
        return json.dumps([reply.body.decode() for reply in calls])

    assert script() == script()
