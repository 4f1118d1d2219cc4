"""Paths and verbs that lead somewhere, and those that do not."""

from airmeet_async.protocol.http_messages import Request
from airmeet_async.sandbox import World, community
from tests.sandbox.caller import Caller, content

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


def test_requests_that_go_astray():
    """Unknown paths are a 404 and wrong verbs a 405, in a gateway's words and without a token."""
    for method, target, status in ASTRAY:
        reply = World().handle(Request(method, target), 0)

        assert status == reply.status, (method, target, status)
        assert {"message"} == content(reply).keys(), (method, target, status)


def test_path_is_decoded():
    """An escaped id is the same id, and an escaped slash does not split it."""
    caller = Caller()

    assert caller.status("GET", f"/airmeet/{community.SUMMIT.replace('-', '%2D')}/info") == 200
    assert caller.status("GET", f"/airmeet/{community.SUMMIT}%2Finfo/info") == 404


def test_block_is_no_address():
    """The paths of block and unblock are not taken for an attendee's."""
    reply = Caller().reply("DELETE", f"/airmeet/{community.SUMMIT}/attendee/block")

    assert (reply.status, reply.headers["allow"]) == (405, "PUT")
