"""Faults: their text form, their choice, and what they do to a request."""

import pytest

from airmeet_async.sandbox import Desk, Ending, Faults, community
from airmeet_async.sandbox.faults import EXAMPLE, parse_rules
from tests.sandbox.caller import Caller, auth, request


class Client:
    """Sends adds through faults to a world, one person after the other."""

    def __init__(self, spec="", **options):
        self.caller = Caller()
        self.desk = Desk(self.caller.world, Faults.parse(spec, **options))
        self.sent = 0

    def add(self, email="", now=0.0):
        self.sent += 1
        body = {"email": email or f"p{self.sent}@example.com", "firstName": "A", "lastName": "B"}
        path = f"/airmeet/{community.SUMMIT}/attendee"
        return self.desk.answer(request("POST", path, body, X_Airmeet_Access_Token=self.caller.token), now)

    def login(self):
        return self.desk.answer(auth(), 0.0)

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


@pytest.mark.parametrize(("kind", "ending", "status", "applied"), KINDS)
def test_each_kind(kind, ending, status, applied):
    """Each kind ends the exchange in its way, and applies the request or not."""
    client = Client(f"{kind}@1")
    outcome = client.add()

    assert (ending, status) == (outcome.ending, outcome.reply and outcome.reply.status)
    assert applied == client.applied
    assert Client(f"{kind}@2").add().reply.status == 200


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


@pytest.mark.parametrize(("spec", "seconds"), [("slow@1", 1.0), ("slow@1:0.5s", 0.5), ("slow@1:2s,slow@1:3s", 5.0)])
def test_slow_is_as_slow_as_told(spec, seconds):
    """One second by default, and delays add up."""
    assert seconds == Client(spec).add().delay_s


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


@pytest.mark.parametrize(("spec", "struck"), WHENS)
def test_when_it_strikes(spec, struck):
    """Requests are counted from one, those of the rule's kind only."""
    client = Client(spec)
    outcomes = [client.add() for _ in range(9)]

    assert struck == [number for number, status in enumerate(statuses(outcomes), 1) if status == 500]


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
    assert client.desk.faults.fired == {"slow@1": 1, "429@1": 1, "expire@1": 1}
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


@pytest.mark.parametrize(("spec", "fix"), BROKEN)
def test_broken_spec_is_refused_with_the_fix(spec, fix):
    """The message quotes the fault and says how to write it."""
    with pytest.raises(ValueError, match="fault") as caught:
        Faults.parse(spec)

    assert fix in str(caught.value)
    assert spec.split(":")[0] in str(caught.value)


@pytest.mark.parametrize("spec", ["", " ", ",", EXAMPLE, EXAMPLE.replace(",", " , ")])
def test_spec_that_can_be_read(spec):
    """Blanks around commas are fine, and nothing means no faults."""
    assert len([part for part in spec.split(",") if part.strip()]) == len(parse_rules(spec))


def test_rate_limit_lets_a_second_through_then_refuses():
    """Over the limit a request is answered 429 with Retry-After, is not applied and meets no other fault."""
    client = Client("slow/1", rate_limit=5)
    outcomes = [client.add() for _ in range(7)]

    assert statuses(outcomes) == [200] * 5 + [429] * 2
    assert outcomes[-1].reply.headers["retry-after"] == "1"
    assert (client.applied, client.desk.faults.limited, outcomes[-1].delay_s) == (5, 2, 0.0)


def test_rate_limit_applies_to_auth():
    """A gateway limits everything."""
    client = Client(rate_limit=1)

    assert statuses([client.login(), client.login()]) == [200, 429]


def test_desk_counts_what_senders_met():
    """Answers are counted by status, other endings by name; the world counts what it saw."""
    client = Client("drop@1,drop-after@2,partial@3,hang@4,500@5")
    for _ in range(6):
        client.add()
    statistics = client.desk.statistics()

    assert statistics["answers"] == {"200": 1, "500": 1, "drop": 2, "hang": 1, "partial": 1}
    assert statistics["world"]["statuses"] == {200: 4}
    assert (statistics["world"]["adds"], sum(statistics["faults"].values())) == (3, 5)


def test_wrong_paths_are_counted_like_others():
    """A path that leads nowhere gets its 404 from the world, unless a fault strikes first."""
    client = Client("500@2")

    outcomes = [client.desk.answer(request("GET", "/nothing"), 0) for _ in range(3)]

    assert statuses(outcomes) == [404, 500, 404]
