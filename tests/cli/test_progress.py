"""Progress as text."""

import json

import pytest

from airmeet_async import BulkReport, RowStatus
from airmeet_async.bulk.prose import duration
from airmeet_async.cli.faces import Lines, Nothing, choose
from airmeet_async.cli.progress import Glance, Meter, bar_text, event, plain_line
from airmeet_async.cli.voice import Voice

ONE_MILLION = Glance(999_999, 1_000_000, {RowStatus.REJECTED: 12_345}, rate=1_200.4, elapsed_s=40_000, paused_s=0)

CASES = [
    (Glance(0, 2000, {}), "0/2,000", "0 of 2,000 rows in 0 s"),
    (Glance(0, None, {}), "0", "0 rows in 0 s"),
    (
        Glance(500, 2000, {RowStatus.SUCCEEDED: 500}, rate=25.0, elapsed_s=20),
        "500/2,000  25/s  1:00 left",
        "500 of 2,000 rows in 20 s, 25.0 rows/s, 1:00 left",
    ),
    (
        Glance(500, 2000, {RowStatus.INVALID: 3, RowStatus.DUPLICATE: 9}, rate=25.0, elapsed_s=20, paused_s=7),
        "500/2,000  paused 7 s  1:07 left  3 not ok",
        "500 of 2,000 rows in 20 s, paused for 7 s, 1:07 left, 3 did not succeed",
    ),
    (
        Glance(500, 2000, {}, rate=25.0, elapsed_s=20, held="paused"),
        "500/2,000  paused",
        "500 of 2,000 rows in 20 s, paused",
    ),
    (
        Glance(500, 2000, {}, rate=25.0, elapsed_s=20, paused_s=7, held="waiting"),
        "500/2,000  waiting for the server",
        "500 of 2,000 rows in 20 s, waiting for the server",
    ),
    (
        Glance(2000, 2000, {RowStatus.SUCCEEDED: 2000}, rate=25.0, elapsed_s=80),
        "2,000/2,000  25/s  in 1:20",
        "2,000 of 2,000 rows in 1:20, 25.0 rows/s",
    ),
    (
        Glance(5, 2000, {RowStatus.SUCCEEDED: 5}, rate=0.0, elapsed_s=9),
        "5/2,000  0/s",
        "5 of 2,000 rows in 9 s, 0.0 rows/s",
    ),
]


def report(elapsed, **counts):
    found = dict.fromkeys(RowStatus, 0) | {RowStatus(name): n for name, n in counts.items()}
    return BulkReport("job", sum(found.values()), found, elapsed_s=elapsed)


@pytest.mark.parametrize(("glance", "bar", "plain"), CASES)
def test_a_glance_reads_well(glance, bar, plain):
    assert bar_text(glance) == bar
    assert plain_line(glance) == plain


def test_a_million_rows_leave_the_bar_its_room_in_80_columns():
    assert len(bar_text(ONE_MILLION)) + 21 < 80
    assert len(plain_line(ONE_MILLION)) < 100


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (59.5, "1:00"), (3599, "59:59"), (3600, "1:00:00")]
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_the_rate_is_of_the_last_seconds_not_of_the_whole_run():
    meter = Meter(1000)
    meter.read(report(0))
    for second in range(1, 11):
        meter.read(report(float(second), succeeded=100))

    assert meter.read(report(11.0, succeeded=150)).rate == pytest.approx(50 / 5)


def test_rows_that_a_stop_has_overtaken_are_not_done():
    glance = Meter(10).read(report(1.0, succeeded=2, unprocessed=8))

    assert (glance.done, glance.total, glance.rate) == (2, 10, None)


def test_rows_that_were_settled_before_are_done_from_the_start_and_counted_once():
    meter = Meter(100, settled=60)

    assert meter.read(report(0)).done == 60
    assert meter.read(report(1.0, succeeded=10)).done == 70
    assert meter.read(report(2.0, succeeded=40, skipped=20)).done == 100
    assert meter.read(report(3.0, succeeded=40, skipped=55, invalid=5)).done == 100
    assert meter.read(report(3.0, succeeded=10, unprocessed=30, skipped=60)).done == 70


def test_the_json_event_has_its_documented_shape():
    shape = event(CASES[2][0])

    assert json.loads(json.dumps(shape)) == {
        "event": "progress",
        "rows_done": 500,
        "rows_total": 2000,
        "counts": dict.fromkeys((status.value for status in RowStatus), 0) | {"succeeded": 500},
        "throttled": 0,
        "elapsed_s": 20,
        "rate": 25.0,
        "left_s": 60.0,
        "paused_s": 0.0,
        "held": None,
    }


@pytest.mark.parametrize(
    ("wanted", "kind", "every"),
    [("auto", Lines, 10), ("plain", Lines, 10), ("json", Lines, 1), ("none", Nothing, 3600)],
)
def test_the_choice_of_a_face(wanted, kind, every, capsys):
    """Under pytest standard error is no terminal, so there is no bar."""
    face = choose(wanted, Voice(), 10)

    assert (type(face), face.every) == (kind, every)


def test_every_json_line_is_json(capsys):
    voice = Voice(as_json=True)
    voice.say("", "one \x1b[31m line", "  two")
    choose("json", voice, 10).show(CASES[0][0])

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("text") for line in lines] == ["one \\x1b[31m line", "two", None]
