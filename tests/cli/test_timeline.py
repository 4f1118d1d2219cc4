"""A run over time, and the rows that did not succeed: both in a fixed amount of memory."""

from itertools import pairwise

import pytest
from attrs import evolve

from airmeet_async import BulkReport, RowError, RowResult, RowStatus
from airmeet_async.cli.cases import Cases
from airmeet_async.cli.charts import ALLOWED, SENT, chart, moments, stairs, ticks
from airmeet_async.cli.timeline import Slot, Timeline


def report(elapsed, **facts):
    counts = dict.fromkeys(RowStatus, 0) | {RowStatus.REJECTED: facts.pop("rejected", 0)}
    return BulkReport("job", 0, counts, elapsed_s=elapsed, **facts)


def of(seconds, per_second=8):
    """A run of that many seconds, looked at now and then."""
    timeline, every = Timeline(), 0.25 if seconds < 5000 else 10
    for look in range(1, int(seconds / every) + 1):
        now = look * every
        timeline.note(report(now, attempts=int(now * per_second), token_refreshes=1), 10.0, paused=look % 2 == 0)
    return timeline.slots


@pytest.mark.parametrize("seconds", [1, 59, 61, 3600, 100_000])
def test_a_run_of_any_length_has_some_hundred_slots_that_hold_all_of_it(seconds):
    slots = of(seconds)

    assert 1 <= len(slots) <= 240
    assert len(slots) >= min(4 * seconds, 100)
    assert (slots[0].start, slots[-1].end) == (0, seconds)
    assert all(one.end == other.start for one, other in pairwise(slots))
    assert sum(slot.requests for slot in slots) == 8 * seconds
    assert (sum(slot.tokens for slot in slots), slots[0].tokens) == (1, 1)
    assert sum(slot.paused_s for slot in slots) == pytest.approx(seconds / 2)
    assert {slot.allowed for slot in slots} == {10.0}


def test_a_slot_has_what_came_since_the_last_one():
    timeline = Timeline()
    timeline.note(report(1.0, attempts=10, retries=1, throttled=1, token_refreshes=1), 20.0)
    timeline.note(report(2.0, attempts=25, retries=1, throttled=4, token_refreshes=2, rejected=3), 30.0, paused=True)

    assert timeline.slots == (
        Slot(0.0, 1.0, requests=10, retries=1, throttled=1, tokens=1, failed=0, allowed=20.0),
        Slot(1.0, 2.0, requests=15, retries=0, throttled=3, tokens=1, failed=3, allowed=30.0, paused_s=1.0),
    )
    assert timeline.slots[1].rate == 15


def test_two_slots_become_one():
    one, other = Slot(0.0, 1.0, requests=10, allowed=20.0), Slot(1.0, 4.0, requests=5, retries=2, allowed=40.0)

    assert one.joined(other) == Slot(0.0, 4.0, requests=15, retries=2, allowed=35.0)
    assert one.joined(evolve(other, allowed=None)).allowed == 20.0
    assert evolve(one, allowed=None).joined(other).allowed == 40.0


def test_a_look_without_news_or_time_breaks_nothing():
    timeline = Timeline()
    for _ in range(3):
        timeline.note(report(0.0), None)

    assert timeline.slots == (Slot(0.0, 0.0),)
    assert timeline.slots[0].rate == 0


def failed(index, code="http_422", **facts):
    return RowResult(index, index + 2, f"p{index}@example.com", RowStatus.REJECTED, error=RowError(code, "no"), **facts)


def test_each_cause_keeps_its_first_rows_and_counts_all():
    cases = Cases()
    for index in range(100):
        cases.add(failed(index, attempts=1))
    cases.add(failed(100, "http_400"))
    cases.add(RowResult(101, 103, "fine", RowStatus.SUCCEEDED))

    most, least = cases.causes()
    assert (most.code, most.n, len(most.cases), most.cases[0].place) == ("http_422", 100, 20, 2)
    assert (least.code, least.n) == ("http_400", 1)


def test_a_cause_for_each_row_does_not_fill_the_memory():
    cases = Cases()
    for index in range(1000):
        cases.add(failed(index, f"code_{index}"))

    causes = cases.causes()
    assert (len(causes), causes[0].code, sum(cause.n for cause in causes)) == (101, "other", 1000)


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (0, [0, 1]),
        (0.3, [0, 0.1, 0.2, 0.3]),
        (1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (26, [0, 10, 20, 30]),
        (1001, [0, 500, 1000, 1500]),
    ],
)
def test_ticks_are_round_and_reach_beyond_the_most(most, expected):
    assert ticks(most) == expected


@pytest.mark.parametrize("end", [0.0, 0.4, 12, 59, 3600, 86_400, 900_000])
def test_a_chart_names_a_few_round_moments_of_any_run(end):
    found = moments(end)

    assert found[0] == 0
    assert found[-1] <= end
    assert len(found) <= 8


def test_a_line_is_level_within_a_slot_and_breaks_where_there_is_no_limit():
    slots = [Slot(0.0, 1.0, requests=5, allowed=9.0), Slot(1.0, 2.0, requests=7)]

    assert stairs(slots, SENT.of) == [(0, 5), (1, 5), (1, 7), (2, 7)]
    assert stairs(slots, ALLOWED.of) == [(0, 9), (1, 9), (1, None), (2, None)]


def test_a_chart_is_a_still_picture_with_a_text():
    """No scripts, styles, links or tool tips of the library's own: the page's policy would refuse them."""
    picture = chart(of(10), (SENT, ALLOWED), "in <words>")

    assert 'role="img"' in picture
    assert 'aria-label="in &lt;words&gt;"' in picture
    assert not [word for word in ("<script", "<style", "href", "<!--", "tooltip", "pygal.org") if word in picture]
    assert picture.count('class="series') >= 2
