"""How far a run is: the words, and where they are shown."""

import io
import json
import os
import pty
import struct
import subprocess
import termios
from fcntl import ioctl

import anyio
import pytest
from attrs import evolve
from rich.console import Console as Terminal

from airmeet_async import BulkReport, RowStatus
from airmeet_async.cli.console import Console
from airmeet_async.cli.output.progress import (
    BarDisplay,
    LineDisplay,
    Meter,
    NoDisplay,
    PhaseDisplay,
    Snapshot,
    below_bar,
    beside_bar,
    choose_display,
    plain_line,
    progress_event,
)
from airmeet_async.cli.output.summary import RunOutcome, Wording, headline
from airmeet_async.formatting import duration, wrapped
from airmeet_async.sandbox import community
from tests.support.command import COMMAND, on_a_terminal
from tests.support.screen import Screen

REGISTER = ("register", community.SUMMIT, "people.csv", "--no-invite")

ALL_AT_ONCE = Snapshot(
    999_999,
    1_000_000,
    {RowStatus.SUCCEEDED: 987_654, RowStatus.REJECTED: 12_345},
    rate=1_200.4,
    sent=1_250.0,
    ceiling=1_300.0,
    retrying=356,
    elapsed_s=40_000,
    throttled=9_999,
    slowed=True,
)

# Left: a snapshot. Then what is beside the bar, what is below it, and the line for a log file.
CASES = [
    (Snapshot(0, 2000, {}), "0/2,000  0 %", "0 done", "0 of 2,000 rows in 0 s"),
    (Snapshot(0, None, {}), "0 rows  in 0 s", "0 done", "0 rows in 0 s"),
    (
        Snapshot(500, 2000, {RowStatus.SUCCEEDED: 500}, rate=25.0, sent=26.2, allowed=30.0, ceiling=30.0, elapsed_s=20),
        "500/2,000  25 %  1:00 left",
        "500 done  26/s (limit 30)",
        "500 of 2,000 rows in 20 s, 26.2/s (limit 30), 1:00 left",
    ),
    (
        Snapshot(
            500,
            2000,
            {RowStatus.SUCCEEDED: 480, RowStatus.FAILED: 20},
            rate=1.0,
            sent=1.25,
            allowed=1.5,
            ceiling=1.5,
            retrying=3,
            elapsed_s=500,
            throttled=1,
            slowed=True,
        ),
        "500/2,000  25 %  25:00 left",
        "throttled by Airmeet  480 done  20 failed  3 retrying  1/s (limit 1.5)  1x throttled",
        ("500 of 2,000 rows in 8:20, 1.2/s (limit 1.5), throttled by Airmeet, 25:00 left, 20 failed, 3 retrying"),
    ),
    (
        Snapshot(
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
        "Airmeet asked for a pause of 7 s  0 done  12 left out  25/s",
        "500 of 2,000 rows in 20 s, 25.0/s, Airmeet asked for a pause of 7 s, 1:07 left, 12 left out",
    ),
    (
        Snapshot(5, 2000, {}, rate=25.0, elapsed_s=0.2),
        "5/2,000  0 %  1:20 left",
        "0 done",
        "5 of 2,000 rows in 0 s, 1:20 left",
    ),
    (
        Snapshot(500, 2000, {}, rate=25.0, elapsed_s=20, held="paused"),
        "500/2,000  25 %",
        "paused  0 done",
        "500 of 2,000 rows in 20 s, paused",
    ),
    (
        Snapshot(500, 2000, {}, rate=25.0, elapsed_s=20, paused_s=7, held="waiting"),
        "500/2,000  25 %",
        "waiting for the server  0 done",
        "500 of 2,000 rows in 20 s, waiting for the server",
    ),
    (
        Snapshot(
            2000, 2000, {RowStatus.SUCCEEDED: 2000}, rate=25.0, sent=25.0, ceiling=25.0, elapsed_s=80, slowed=True
        ),
        "2,000/2,000  100 %  in 1:20",
        "2,000 done  25/s (limit 25)",
        "2,000 of 2,000 rows in 1:20, 25.0/s (limit 25)",
    ),
    (
        Snapshot(5, 2000, {RowStatus.SUCCEEDED: 5}, rate=0.0, sent=0.0, elapsed_s=9),
        "5/2,000  0 %",
        "5 done  0/s",
        "5 of 2,000 rows in 9 s, 0.0/s",
    ),
]


def text(parts):
    return "  ".join(text for text, _ in parts)


def report(elapsed, earlier=0, **counts):
    found = dict.fromkeys(RowStatus, 0) | {RowStatus(name): n for name, n in counts.items()}
    before = {RowStatus.SUCCEEDED: earlier}
    return BulkReport("job", sum(found.values()), found, earlier_counts=before, elapsed_s=elapsed)


@pytest.mark.parametrize(("run", "beside", "below", "plain"), CASES)
def test_a_run_at_one_moment_reads_well(run, beside, below, plain):
    assert beside_bar(run) == beside
    assert text(below_bar(run)) == below
    assert plain_line(run) == plain


def test_a_million_rows_leave_the_bar_its_room_in_80_columns():
    assert len(beside_bar(ALL_AT_ONCE)) < 80 - 40
    assert len(plain_line(ALL_AT_ONCE)) < 140


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

    snapshot = meter.read(report(25.0, succeeded=500))
    assert snapshot.rate == 0
    assert snapshot.left_s == pytest.approx(25)


def test_requests_have_a_rate_of_their_own_and_throttling_counts_as_long_as_it_is_recent():
    meter = Meter(1000)
    seen = []
    for second in range(13):
        found = evolve(report(float(second), succeeded=10 * second), attempts=20 * second, throttled=3 * (second >= 2))
        seen.append(meter.read(found, allowed=25.0, retrying=4, paused_s=1.5))

    assert (seen[-1].rate, seen[-1].sent, seen[-1].allowed, seen[-1].retrying, seen[-1].paused_s) == (
        10,
        20,
        25,
        4,
        1.5,
    )
    assert [snapshot.slowed for snapshot in seen] == [False, False] + 5 * [True] + 6 * [False]


def test_rows_that_a_stop_has_overtaken_are_not_done():
    """Nor is one that was sent without a clear answer: `airmeet runs` counts it as left, too."""
    snapshot = Meter(10).read(report(1.0, succeeded=2, unknown=1, unprocessed=7))

    assert (snapshot.done, snapshot.total, snapshot.rate) == (2, 10, None)


def test_a_run_that_was_stopped_has_no_time_left():
    stopped = evolve(CASES[2][0], has_ended=True)

    assert beside_bar(stopped) == "500/2,000  25 %  in 20 s"
    assert plain_line(stopped) == "500 of 2,000 rows in 20 s, 26.2/s (limit 30)"
    assert progress_event(stopped)["left_s"] is None
    assert progress_event(evolve(stopped, done=2000))["left_s"] == 0


def test_while_earlier_results_are_read_that_is_said():
    reading = Meter(100).read(report(2.0, earlier=60, succeeded=100), to_collect=40)

    assert plain_line(reading) == "reading earlier results: 60 of 100 rows"
    assert beside_bar(reading) == "reading earlier results  60/100"
    assert progress_event(reading)["phase"] == "collecting"
    assert not evolve(reading, has_ended=True).collects


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ("json", {"event": "phase", "phase": "reading", "rows_done": 9, "rows_total": None}),
        ("auto", "reading people.csv: 9 rows"),
        ("none", None),
    ],
)
def test_a_phase_is_told_once_it_lasts_over_a_second(wanted, said, capsys):
    clock = iter((100.0, 100.9, 101.1, 101.2)).__next__
    phase = PhaseDisplay(wanted, Console(), "reading", "reading people.csv", clock=clock)
    for n in (8, 9, 10):
        phase(n)
    phase.end()

    line = capsys.readouterr().err.strip()
    assert (json.loads(line) if wanted == "json" else line or None) == said


def test_the_json_event_has_its_documented_shape():
    shape = progress_event(CASES[2][0])

    assert json.loads(json.dumps(shape)) == {
        "event": "progress",
        "phase": "sending",
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
    [
        ("auto", LineDisplay, 10),
        ("bar", LineDisplay, 10),
        ("plain", LineDisplay, 10),
        ("json", LineDisplay, 1),
        ("none", NoDisplay, 3600),
    ],
)
def test_the_choice_of_a_display(wanted, kind, every, capsys):
    """Under pytest standard error is no terminal, so there is no bar."""
    display = choose_display(wanted, Console(), 10)

    assert (type(display), display.every) == (kind, every)


def test_every_json_line_is_json_and_a_wrapped_sentence_is_one_message(capsys):
    """B15: prose does not come in pieces."""
    console = Console(as_json=True)
    sentence = "a sentence that is so long that it would not fit a terminal of eighty columns at all"
    console.say("", "one \x1b[31m line", "  two", *wrapped(sentence), "  succeeded  3", "  rows read  4")
    choose_display("json", console, 10).show(CASES[0][0])

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line.get("text") for line in lines] == [
        "one \x1b[31m line", "two", sentence, "succeeded  3", "rows read  4", None,
    ]  # fmt: skip


class Shown:
    """A bar on a screen that a test can read."""

    def __init__(self, width=80, total=200, **environ):
        self.out = io.StringIO()
        self.terminal = Terminal(
            file=self.out, force_terminal=True, width=width, color_system="standard", legacy_windows=False,
            _environ={"TERM": "xterm", **environ},
        )  # fmt: skip
        self.screen = Screen(width)
        self.console = Console()
        self.display = BarDisplay(self.console, total, self.terminal)

    def show(self, done, **facts):
        counts = {RowStatus.SUCCEEDED: done}
        self.display.show(Snapshot(done, 200, counts, rate=20.0, sent=20.0, ceiling=25.0, elapsed_s=1.0, **facts))
        return self.seen()

    def seen(self):
        self.screen.feed(self.out.getvalue())
        self.out.seek(0)
        self.out.truncate()
        return [line for line in self.screen.lines if line.strip()]


def test_the_two_lines_stay_in_their_place_and_what_is_said_goes_above():
    shown = Shown()
    shown.show(0)
    shown.show(50)
    shown.console.say("one \x1b[2J thing")
    seen = shown.show(120)

    assert len(seen) == 3
    assert seen[0].strip() == "one \\x1b[2J thing"
    assert "━━━" in seen[1]
    assert seen[1].rstrip().endswith("120/200  60 %  4 s left")
    assert seen[2].strip() == "120 done  20/s (limit 25)"


@pytest.mark.parametrize(("width", "kept"), [(20, 20), (40, 30), (60, 59), (200, 73)])
def test_no_line_is_longer_than_the_terminal_and_no_part_is_cut(width, kept):
    seen = Shown(width).show(120, retrying=3, throttled=4, slowed=True)

    assert len(seen) == 2
    assert max(map(len, seen)) <= width
    assert (
        seen[1].strip() == ("throttled by Airmeet  120 done  3 retrying  20/s (limit 25)  4x throttled"[:kept]).strip()
    )


def test_without_a_total_there_is_no_bar():
    shown = Shown(total=None)
    shown.display.show(Snapshot(7, None, {RowStatus.SUCCEEDED: 7}, elapsed_s=3.0))

    assert [line.strip() for line in shown.seen()] == ["7 rows  in 3 s", "7 done"]


def test_after_the_end_the_lines_stay_and_the_console_writes_below_them(capsys):
    shown = Shown()
    shown.display.end(Snapshot(200, 200, {RowStatus.SUCCEEDED: 200}, elapsed_s=9.0))
    shown.console.say("the end")

    assert shown.seen()[0].rstrip().endswith("200/200  100 %  in 9 s")
    assert capsys.readouterr().err == "the end\n"


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_is_honoured(environ, coloured):
    shown = Shown(**environ)
    shown.display.show(CASES[2][0])

    assert ("\x1b[32m" in shown.out.getvalue()) is coloured


def started(airmeet, terminal):
    return subprocess.Popen(
        [*COMMAND, *REGISTER], cwd=airmeet.folder, stdin=terminal, stdout=terminal, stderr=terminal,
        env=airmeet.environ | {"TERM": "xterm", "AIRMEET_RATE": "100"},
    )  # fmt: skip


@pytest.mark.real_time
async def test_a_run_on_a_terminal_that_is_resized(airmeet, serving):
    """A real one: from 100 columns to 50 while it runs, and the last two lines are whole."""
    airmeet.people(150)
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    screen = Screen(100)
    async with serving() as pretend:
        process = started(airmeet.at(pretend.url), theirs)
        os.close(theirs)
        while chunk := await anyio.to_thread.run_sync(read, ours):
            screen.feed(chunk)
            if screen.width == 100 and "left" in screen.lines[-2]:
                ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 50, 0, 0))
                screen.narrow(50, wraps=True)
        os.close(ours)
        assert process.wait() == 0

    [bar] = [line for line in screen.lines if "150/150  100 %" in line]
    assert len(bar) <= 50
    assert screen.lines[screen.lines.index(bar) + 1].startswith("150 added")


def read(terminal):
    try:
        return os.read(terminal, 65536).decode()
    except OSError:  # how Linux says that the other side is closed
        return ""


@pytest.mark.real_time
async def test_a_dumb_terminal_gets_plain_lines(airmeet, serving):
    airmeet.people(3)
    async with serving() as pretend:
        run = (
            airmeet.at(pretend.url),
            REGISTER,
            "",
        )
        code, shown = await anyio.to_thread.run_sync(lambda: on_a_terminal(*run, TERM="dumb"))

    assert (code, "\x1b" in shown, "3 of 3 rows" in shown) == (0, False, True)


def test_a_wide_character_takes_two_columns_where_lines_are_wrapped():
    from rich.cells import cell_len

    lines = wrapped(
        "Next: correct 6 lines in \u540d\u7c3f\u540d\u7c3f.csv and run the same command again; nobody is mailed twice"
    )

    assert max(map(cell_len, lines)) <= 79
    assert lines[0].startswith("Next: correct 6 lines in \u540d\u7c3f\u540d\u7c3f.csv and")
    assert "\0" not in "".join(lines)


def test_a_run_is_told_in_the_words_and_counts_of_its_summary():
    counts = {
        RowStatus.SUCCEEDED: 90, RowStatus.REJECTED: 4, RowStatus.INVALID: 2, RowStatus.DUPLICATE: 1,
        RowStatus.UNKNOWN: 1, RowStatus.FAILED: 2,
    }  # fmt: skip
    run = Snapshot(99, 100, counts, unverified=5, done_words=("registered", " and mailed"))
    said = ("85 registered and mailed", "5 registered, perhaps not mailed", "4 refused", "2 failed",
            "1 without a clear answer", "3 left out")  # fmt: skip

    assert text(below_bar(run)) == "  ".join(said)
    assert plain_line(run).endswith(", ".join(said[1:]))
    so_far = report(1.0, **{status.value: n for status, n in counts.items()})
    so_far = evolve(so_far, unverified=5)
    ended = headline(RunOutcome(report=so_far, mails=True), evolve(Wording(), done="registered"))
    assert ended == "85 of 97 registered and mailed · " + " · ".join(said[1:])
