"""Adding speakers."""

from airmeet_async.sandbox import community
from tests.sandbox.caller import Caller

EVENT = community.FINISHED


def test_speaker_is_added_once():
    """The second add answers another word and changes nothing."""
    caller = Caller()
    path = f"/airmeet/{EVENT}/speaker"
    words = [caller.send(path, {"name": name, "email": "s@example.com"})["status"] for name in ("First", "Second")]

    assert words == ["SPEAKER_CREATED", "SPEAKER_ALREADY_EXISTS"]
    assert caller.world.events[EVENT].speakers["s@example.com"].name == "First"
    assert caller.world.statistics().speakers == 1


def test_second_add_of_a_speaker_may_be_refused():
    """What comes back is unknown; an error is the other way."""
    caller = Caller(duplicate_speaker="error")

    assert caller.status("POST", f"/airmeet/{EVENT}/speaker", {"name": "Ada", "email": community.SPEAKER}) == 400
