"""Refusals in every shape that clients have met."""

from airmeet_async.sandbox import community
from tests.sandbox.caller import Caller, content

SHAPES = {
    "status": {"statusCode": 412, "statusMessage": "The access token has expired", "data": {}},
    "message": {"message": "The access token has expired"},
    "success": {"success": False, "message": "The access token has expired", "error": "Refused"},
    "error": {"error": {"message": "The access token has expired"}},
}


def test_refusals_come_in_four_json_shapes():
    """Each shape that clients have met can be had."""
    for shape, body in SHAPES.items():
        caller = Caller(error_shape=shape)
        caller.world.expire_tokens()

        assert body == content(caller.reply("GET", "/airmeets")), shape


def test_refusals_may_be_no_json():
    """Plain text and nothing at all are met, too."""
    for shape, body in [("text", b"The access token has expired"), ("empty", b"")]:
        caller = Caller(error_shape=shape)
        caller.world.expire_tokens()

        assert (412, body) == (caller.reply("GET", "/airmeets").status, caller.reply("GET", "/airmeets").body), (
            shape,
            body,
        )


def test_validation_may_hide_behind_a_200():
    """The status may stand in the body alone; other refusals keep theirs."""
    caller = Caller(validation_status=200)
    reply = caller.add("no address")

    assert (reply.status, content(reply)["statusCode"]) == (200, 400)
    assert caller.add(event=community.NOWHERE).status == 404
