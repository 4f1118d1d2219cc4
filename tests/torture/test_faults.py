"""Faults strike when they are told to."""

import pytest

from tests.torture.faults import Faults
from tests.torture.plan import Moment, Point, adds_to_wait_for, plan, seconds_to_wait


def struck(text, numbers=range(1, 21)):
    faults = Faults.parse(text, seed=1)
    return {number: fault.kind for number in numbers if (fault := faults.meet(number, f"key {number}", 1))}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("expire@3", {3: "expire"}),
        ("429@5+3:retry=1", {5: "429", 6: "429", 7: "429"}),
        ("500-after/8+2", {8: "500-after", 9: "500-after", 16: "500-after", 17: "500-after"}),
        ("cut@4:bytes=3, drip@4, hang@9", {4: "cut", 9: "hang"}),
    ],
)
def test_a_script_names_its_adds(text, found):
    assert struck(text) == found


def test_chance_hits_the_share_and_does_not_depend_on_the_order():
    numbers = range(1, 4001)
    found = struck("500:5%,reset-after:2%", numbers)
    share = {kind: sum(it == kind for it in found.values()) / len(numbers) for kind in ("500", "reset-after")}

    assert share == pytest.approx({"500": 0.05, "reset-after": 0.02}, abs=0.01)
    assert struck("500:5%,reset-after:2%", reversed(numbers)) == found


def test_options_are_numbers():
    (fault,) = Faults.parse("blackout@9:for=2.5").scripted

    assert (fault.option("for", 1.0), fault.option("gap", 0.1)) == (2.5, 0.1)


@pytest.mark.parametrize("text", ["500", "odd@3", "500@0", "500:5%:x", "500@3:5%", "hang:for", "500:60%,cut:50%"])
def test_what_is_no_fault_is_refused(text):
    with pytest.raises(ValueError, match=r"fault|when|neither|over 100"):
        Faults.parse(text)


def test_kills_are_spread_over_all_moments_and_those_at_the_end_come_last():
    import random

    points = plan(60, random.Random(1))
    moments = [point.moment for point in points]

    assert set(moments) == set(Moment)
    assert set(moments[moments.index(Moment.END) :]) == {Moment.END}
    assert plan(60, random.Random(1)) == points


def test_a_point_is_some_adds_or_some_time_away():
    assert adds_to_wait_for(Point(Moment.RUN, 0.5, 0.0), 900, 8) == 90
    assert adds_to_wait_for(Point(Moment.RESUME, 0.9, 0.0), 900, 8) == 3
    assert adds_to_wait_for(Point(Moment.END, 0.0, 0.0), 900, 8) == 900
    assert (seconds_to_wait(Point(Moment.EARLY, 0, 0), 0.3), seconds_to_wait(Point(Moment.EARLY, 1, 0), 2)) == (
        0.05,
        2.2,
    )
