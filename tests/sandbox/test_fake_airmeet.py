"""The world as a whole: what it counts, and that it repeats itself."""

import json

from airmeet_async.sandbox import World
from tests.sandbox.caller import Caller, auth


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
