"""Faults: their text form, their choice, what they do to a request; and the rate limit."""

import pytest

from airmeet_async.sandbox import Bucket, Ending, Faults, community
from airmeet_async.sandbox.faults import EXAMPLE
from tests.sandbox.caller import Caller, auth, request, value_error


class Client:
    """Sends adds through faults to a world, one person after the other."""

    def __init__(self, spec="", **options):
        self.caller = Caller()
        self.faults = Faults.parse(spec, **options)
        self.sent = 0

    def add(self, email="", now=0.0):
        self.sent += 1
        body = {"email": email or f"p{self.sent}@example.com", "firstName": "A", "lastName": "B"}
        path = f"/airmeet/{community.SUMMIT}/attendee"
        return self.faults.answer(
            self.caller.world, request("POST", path, body, X_Airmeet_Access_Token=self.caller.token), now
        )

    def login(self):
        return self.faults.answer(self.caller.world, auth(), 0.0)

    @property
    def applied(self):
        return self.caller.world.statistics().adds


def statuses(outcomes):
    return [outcome.reply.status for outcome in outcomes]


KINDS = [
    ("429", Ending.ANSWER, 429, 0),
    ("500", Ending.ANSWER, 500, 0),
    ("500-after", Ending.ANSWER, 500, 1),
    ("502html", Ending.ANSWER, 502, 0),
    ("504-after", Ending.ANSWER, 504, 1),
    ("200html-after", Ending.ANSWER, 200, 1),
    ("drop", Ending.DROP, None, 0),
    ("drop-after", Ending.DROP, 200, 1),
    ("partial", Ending.PARTIAL, 200, 1),
    ("hang", Ending.HANG, None, 0),
    ("hang-after", Ending.HANG, 200, 1),
    ("slow", Ending.ANSWER, 200, 1),
    ("expire", Ending.ANSWER, 412, 0),
]


def test_each_kind():
    """Each kind ends the exchange in its way, and applies the request or not."""
    for kind, ending, status, applied in KINDS:
        client = Client(f"{kind}@1")
        outcome = client.add()

        assert (ending, status) == (outcome.ending, outcome.reply and outcome.reply.status), (
            kind,
            ending,
            status,
            applied,
        )
        assert applied == client.applied, (kind, ending, status, applied)
        assert Client(f"{kind}@2").add().reply.status == 200, (kind, ending, status, applied)


def test_html_is_html():
    """A gateway's page is no JSON and says so."""
    reply = Client("502html@1").add().reply

    assert reply.headers["content-type"] == "text/html"
    assert reply.body.startswith(b"<html>")
    assert "application/json" in Client("502@1").add().reply.headers["content-type"]


def test_retry_after_is_there_when_asked_for():
    """A 429 comes bare by default, with the header if the spec says so."""
    assert "retry-after" not in Client("429@1").add().reply.headers
    assert Client("429@1:retry=2").add().reply.headers["retry-after"] == "2"


def test_slow_is_as_slow_as_told():
    """One second by default, and delays add up."""
    for spec, seconds in [("slow@1", 1.0), ("slow@1:0.5s", 0.5), ("slow@1:2s,slow@1:3s", 5.0)]:
        assert seconds == Client(spec).add().delay_s, (spec, seconds)


WHENS = [
    ("500@3", [3]),
    ("500@3+2", [3, 4]),
    ("500/3", [3, 6, 9]),
    ("500:100%", list(range(1, 10))),
    ("500@2,500@4", [2, 4]),
    ("500@1:body=p7@,500@9", [7, 9]),
    ("500:100%:body=p7@", [7]),
    ("500@2:on=attendees.add", [2]),
    ("500@2:on=all", [2]),
    ("500:100%:on=attendees.block", []),
    ("500:100%:on=auth", []),
]


def test_when_it_strikes():
    """Requests are counted from one, those of the rule's kind only."""
    for spec, struck in WHENS:
        client = Client(spec)
        outcomes = [client.add() for _ in range(9)]

        assert struck == [number for number, status in enumerate(statuses(outcomes), 1) if status == 500], (
            spec,
            struck,
        )


def test_auth_is_spared_and_not_counted():
    """By default /auth neither fails nor moves the counting."""
    client = Client("500@2")

    assert statuses([client.login(), client.login(), client.add(), client.login(), client.add()]) == [
        200,
        200,
        200,
        200,
        500,
    ]


def test_auth_can_fail_for_the_first_times():
    """Bound to auth, a rule strikes there only."""
    client = Client("500@1+3:on=auth")

    assert statuses([client.add(), *(client.login() for _ in range(4))]) == [200, 500, 500, 500, 200]


def test_first_of_several_wins_and_expiry_goes_along():
    """A request meets one fault of those that settle it, and may find its token gone and be slow as well."""
    client = Client("slow@1,429@1,500@1,expire@1")
    outcome = client.add()

    assert (outcome.reply.status, outcome.delay_s) == (429, 1.0)
    assert client.faults.fired == {"slow@1": 1, "429@1": 1, "expire@1": 1}
    assert client.add().reply.status == 412


def test_chance_follows_the_seed():
    """Equal seeds strike the same requests, other seeds others, and about as many as told."""
    struck = {}
    for name, seed in (("one", 1), ("same", 1), ("other", 2)):
        client = Client("500:20%", seed=seed)
        struck[name] = statuses([client.add() for _ in range(500)])

    assert struck["one"] == struck["same"] != struck["other"]
    assert 70 <= struck["one"].count(500) <= 130


def test_new_rule_does_not_move_the_others():
    """Each rule draws its own lots."""
    alone, together = Client("500:20%", seed=1), Client("500:20%,slow:20%", seed=1)

    both = [together.add() for _ in range(200)]
    assert statuses([alone.add() for _ in range(200)]) == statuses(both)
    assert {(outcome.reply.status, outcome.delay_s) for outcome in both} == {(200, 0), (200, 1), (500, 0), (500, 1)}


BROKEN = [
    ("429", "@500"),
    ("429:5", "':5%'"),
    ("nonsense:5%", "drop-after"),
    ("600:5%", "drop-after"),
    ("429:0%", "over 0%"),
    ("429:101%", "at most 100%"),
    ("429@0", "counted from 1"),
    ("429/0", "counted from 1"),
    ("429@5+0", "counted from 1"),
    ("429:5%:retry", "retry=SECONDS"),
    ("429:5%:retry=soon", "retry=SECONDS"),
    ("drop:5%:retry=1", "retry=SECONDS"),
    ("429:5%:0.5s", "0.5s with slow"),
    ("slow:5%:0.5", "0.5s with slow"),
    ("429:5%:on=", "airmeets.list"),
    ("429:5%:on=attendees.ad", "attendees.add"),
    ("429:5% drop:1%", "@500"),
]


def test_broken_spec_is_refused_with_the_fix():
    """The message quotes the fault and says how to write it."""
    for spec, fix in BROKEN:
        message = value_error(Faults.parse, spec)

        assert "fault" in message, spec
        assert fix in message, (spec, message)
        assert spec.split(":")[0] in message, (spec, message)


def test_spec_that_can_be_read():
    """Blanks around commas are fine, and nothing means no faults."""
    for spec in ["", " ", ",", EXAMPLE, EXAMPLE.replace(",", " , ")]:
        assert len([part for part in spec.split(",") if part.strip()]) == len(Faults.parse(spec).rules), spec


def test_rate_limit_lets_a_second_through_then_refuses():
    """Over the limit a request is answered 429 with Retry-After, is not applied and meets no other fault."""
    client = Client("slow/1", rate_limit=5)
    outcomes = [client.add() for _ in range(7)]

    assert statuses(outcomes) == [200] * 5 + [429] * 2
    assert outcomes[-1].reply.headers["retry-after"] == "1"
    assert (client.applied, client.faults.limited, outcomes[-1].delay_s) == (5, 2, 0.0)


def test_rate_limit_applies_to_auth():
    """A gateway limits everything."""
    client = Client(rate_limit=1)

    assert statuses([client.login(), client.login()]) == [200, 429]


def test_faults_count_what_senders_met():
    """Answers are counted by status, other endings by name; the world counts what it saw."""
    client = Client("drop@1,drop-after@2,partial@3,hang@4,500@5")
    for _ in range(6):
        client.add()
    statistics = client.faults.statistics(client.caller.world)

    assert statistics["answers"] == {"200": 1, "500": 1, "drop": 2, "hang": 1, "partial": 1}
    assert statistics["world"]["statuses"] == {200: 4}
    assert (statistics["world"]["adds"], sum(statistics["faults"].values())) == (3, 5)


def test_wrong_paths_are_counted_like_others():
    """A path that leads nowhere gets its 404 from the world, unless a fault strikes first."""
    client = Client("500@2")

    outcomes = [client.faults.answer(client.caller.world, request("GET", "/nothing"), 0) for _ in range(3)]

    assert statuses(outcomes) == [404, 500, 404]


def admitted(bucket, times):
    return sum(bucket.take(now) == 0 for now in times)


def test_burst_is_one_second_worth():
    """After a quiet time as many pass at once as a second has room for."""
    bucket = Bucket(10)

    assert admitted(bucket, [0.0] * 50) == 10
    assert admitted(bucket, [1_000.0] * 50) == 10


def test_rate_is_kept_in_the_long_run():
    """Under three times the rate, the rate passes, and the burst once."""
    for rate in [0.5, 1, 10, 333, 1500]:
        steps = [step / (3 * rate) for step in range(int(3 * rate * 20))]

        assert admitted(Bucket(rate), steps) == pytest.approx(max(1, rate) + steps[-1] * rate, abs=1.5), rate


def test_sending_at_exactly_the_rate_is_fine():
    """A tenth of a second apart, ten a second pass, whatever the tenths add up to."""
    assert admitted(Bucket(10, burst=1), [step * 0.1 for step in range(1000)]) == 1000


def test_waiting_as_told_is_enough():
    """Whoever waits for Retry-After gets through, without rounding in the way."""
    for rate in [0.3, 1, 7, 20]:
        bucket, now = Bucket(rate, burst=1), 0.1
        assert bucket.take(now) == 0, rate
        for _ in range(100):
            wait = bucket.take(now)
            assert wait >= 1, rate
            now += wait
            assert bucket.take(now) == 0, rate
            now += 1e-3


def test_slow_limit_says_how_long():
    """One request in ten seconds means waiting for ten."""
    bucket = Bucket(0.1)
    bucket.take(0.0)

    assert [bucket.take(0.0), bucket.take(3.5), bucket.take(9.5)] == [10, 7, 1]


def test_refused_requests_cost_nothing():
    """Knocking in vain does not put off the next one."""
    bucket = Bucket(1)
    results = [bucket.take(step / 10) for step in range(11)]

    assert [0, *[1] * 9, 0] == results


def test_clock_that_steps_back_does_no_harm():
    """An earlier time fills nothing and breaks nothing."""
    bucket = Bucket(1)

    assert [bucket.take(5.0), bucket.take(4.0), bucket.take(4.5)] == [0, 1, 1]


def test_impossible_rate_is_refused():
    """A limit is a positive number."""
    for rate in [0, -1, float("nan"), float("inf")]:
        assert "positive number of requests per second" in value_error(Bucket, rate), rate
