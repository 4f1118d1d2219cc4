"""Progress as text."""

import json

import pytest
from attrs import evolve

from airmeet_async import BulkReport, RowStatus
from airmeet_async.cli.console import Voice
from airmeet_async.cli.output.progress import (
    Glance,
    Hold,
    Lines,
    Meter,
    Nothing,
    choose,
    event,
    fitted,
    lower,
    plain_line,
    upper,
)
from airmeet_async.formatting import duration

ALL_AT_ONCE = Glance(
    999_999,
    1_000_000,
    {RowStatus.SUCCEEDED: 987_654, RowStatus.REJECTED: 12_345},
    rate=1_200.4,
    sent=1_250.0,
    allowed=1_300.0,
    retrying=356,
    elapsed_s=40_000,
    throttled=9_999,
    slowed=True,
)

# Left: a glance. Then what is beside the bar, what is below it, and the line for a log file.
CASES = [
    (Glance(0, 2000, {}), "0/2,000  0 %", "0 ok", "0 of 2,000 rows in 0 s"),
    (Glance(0, None, {}), "0 rows  in 0 s", "0 ok", "0 rows in 0 s"),
    (
        Glance(500, 2000, {RowStatus.SUCCEEDED: 500}, rate=25.0, sent=26.2, allowed=30.0, elapsed_s=20),
        "500/2,000  25 %  1:00 left",
        "26 of 30/s  500 ok",
        "500 of 2,000 rows in 20 s, 26.2 of 30/s, 1:00 left",
    ),
    (
        Glance(
            500,
            2000,
            {RowStatus.SUCCEEDED: 480, RowStatus.FAILED: 20},
            rate=1.0,
            sent=1.25,
            allowed=1.5,
            retrying=3,
            elapsed_s=500,
            throttled=1,
            slowed=True,
        ),
        "500/2,000  25 %  25:00 left",
        "throttled by Airmeet  1 of 1.5/s  480 ok  20 failed  3 retrying  1x throttled",
        "500 of 2,000 rows in 8:20, 1.2 of 1.5/s, throttled by Airmeet, 25:00 left, 20 did not succeed, 3 retrying",
    ),
    (
        Glance(
            500,
            2000,
            {RowStatus.INVALID: 3, RowStatus.DUPLICATE: 9},
            rate=25.0,
            sent=25.0,
            elapsed_s=20,
            paused_s=7,
            slowed=True,
        ),
        "500/2,000  25 %  1:07 left",
        "asked to wait 7 s  25/s  0 ok  3 failed",
        "500 of 2,000 rows in 20 s, 25.0/s, asked to wait 7 s, 1:07 left, 3 did not succeed",
    ),
    (
        Glance(500, 2000, {}, rate=25.0, elapsed_s=20, held="paused"),
        "500/2,000  25 %",
        "paused  0 ok",
        "500 of 2,000 rows in 20 s, paused",
    ),
    (
        Glance(500, 2000, {}, rate=25.0, elapsed_s=20, paused_s=7, held="waiting"),
        "500/2,000  25 %",
        "waiting for the server  0 ok",
        "500 of 2,000 rows in 20 s, waiting for the server",
    ),
    (
        Glance(2000, 2000, {RowStatus.SUCCEEDED: 2000}, rate=25.0, sent=25.0, allowed=25.0, elapsed_s=80, slowed=True),
        "2,000/2,000  100 %  in 1:20",
        "25 of 25/s  2,000 ok",
        "2,000 of 2,000 rows in 1:20, 25.0 of 25/s",
    ),
    (
        Glance(5, 2000, {RowStatus.SUCCEEDED: 5}, rate=0.0, sent=0.0, elapsed_s=9),
        "5/2,000  0 %",
        "0/s  5 ok",
        "5 of 2,000 rows in 9 s, 0.0/s",
    ),
]

FITTED = [
    (79, "throttled by Airmeet  1,250 of 1,300/s  987,654 ok  12,345 failed  356 retrying"),
    (78, "throttled by Airmeet  1,250 of 1,300/s  987,654 ok  12,345 failed"),
    (65, "throttled by Airmeet  1,250 of 1,300/s  987,654 ok  12,345 failed"),
    (64, "throttled by Airmeet  987,654 ok  12,345 failed"),
    (45, "throttled by Airmeet  12,345 failed"),
    (25, "throttled by Airmeet"),
    (9, "throttled"),
    (0, ""),
]


def text(parts):
    return "  ".join(part.text for part in parts)


def report(elapsed, **counts):
    found = dict.fromkeys(RowStatus, 0) | {RowStatus(name): n for name, n in counts.items()}
    return BulkReport("job", sum(found.values()), found, elapsed_s=elapsed)


@pytest.mark.parametrize(("glance", "beside", "below", "plain"), CASES)
def test_a_glance_reads_well(glance, beside, below, plain):
    assert text(upper(glance)) == beside
    assert text(lower(glance)) == below
    assert plain_line(glance) == plain


def test_a_million_rows_leave_the_bar_its_room_in_80_columns():
    assert len(text(upper(ALL_AT_ONCE))) < 80 - 40
    assert len(plain_line(ALL_AT_ONCE)) < 140


@pytest.mark.parametrize(("width", "shown"), FITTED)
def test_what_has_no_room_goes_and_the_state_goes_last(width, shown):
    assert text(fitted(lower(ALL_AT_ONCE), width)) == shown


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59.4, "59 s"), (59.5, "1:00"), (3599, "59:59"), (3600, "1:00:00")]
)
def test_durations(seconds, said):
    assert duration(seconds) == said


def test_the_rate_is_of_the_last_seconds_not_of_the_whole_run():
    meter = Meter(1000)
    meter.read(report(0))
    for second in range(1, 11):
        meter.read(report(float(second), succeeded=100))

    assert meter.read(report(11.0, succeeded=150)).rate == pytest.approx(50 / 5)


def test_what_is_left_does_not_jump_when_nothing_is_done_for_a_while():
    meter = Meter(1000)
    meter.read(report(0))
    meter.read(report(20.0, succeeded=500))

    glance = meter.read(report(25.0, succeeded=500))
    assert glance.rate == 0
    assert glance.left_s == pytest.approx(25)


def test_requests_have_a_rate_of_their_own_and_throttling_counts_as_long_as_it_is_recent():
    meter = Meter(1000)
    seen = []
    for second in range(13):
        found = evolve(report(float(second), succeeded=10 * second), attempts=20 * second, throttled=3 * (second >= 2))
        seen.append(meter.read(found, Hold(allowed=25.0, retrying=4, paused_s=1.5)))

    assert (seen[-1].rate, seen[-1].sent, seen[-1].allowed, seen[-1].retrying, seen[-1].paused_s) == (
        10,
        20,
        25,
        4,
        1.5,
    )
    assert [glance.slowed for glance in seen] == [False, False] + 5 * [True] + 6 * [False]


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
        "sent_rate": 26.2,
        "allowed_rate": 30.0,
        "retrying": 0,
        "left_s": 60.0,
        "paused_s": 0.0,
        "held": None,
    }


@pytest.mark.parametrize(
    ("wanted", "kind", "every"),
    [("auto", Lines, 10), ("bar", Lines, 10), ("plain", Lines, 10), ("json", Lines, 1), ("none", Nothing, 3600)],
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
