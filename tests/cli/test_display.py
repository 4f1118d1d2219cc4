"""Progress on a terminal: two lines that stay in their place, whatever the terminal does."""

import io
import os
import pty
import struct
import subprocess
import termios
from fcntl import ioctl

import anyio
import pytest
from rich.console import Console

from airmeet_async import RowStatus
from airmeet_async.cli.console import Voice
from airmeet_async.cli.output.progress import Display, Glance
from airmeet_async.sandbox import community
from tests.cli.conftest import COMMAND, on_a_terminal
from tests.screen import Screen

REGISTER = ("register", community.SUMMIT, "people.csv", "--no-invite")


class Terminal:
    """A display and the screen that shows it."""

    def __init__(self, width=80, **environ):
        self.out = io.StringIO()
        self.console = Console(
            file=self.out, force_terminal=True, width=width, color_system="standard", legacy_windows=False,
            _environ={"TERM": "xterm", **environ},
        )  # fmt: skip
        self.screen = Screen(width)
        self.voice = Voice()
        self.display = Display(self.voice, 200, self.console)

    def show(self, done, **facts):
        counts = {RowStatus.SUCCEEDED: done}
        self.display.show(Glance(done, 200, counts, rate=20.0, sent=20.0, allowed=25.0, elapsed_s=1.0, **facts))
        return self.seen()

    def seen(self):
        self.screen.feed(self.out.getvalue())
        self.out.seek(0)
        self.out.truncate()
        return self.screen.lines

    def narrow(self, width, *, wraps):
        self.console.width = width
        self.screen.narrow(width, wraps=wraps)


def test_the_lines_are_painted_over():
    terminal = Terminal()
    terminal.show(0)
    terminal.show(50)
    seen = terminal.show(120)

    assert len(seen) == 2
    assert seen[0].endswith("120/200  60 %  4 s left")
    assert seen[1] == "20 of 25/s  120 ok"


def test_what_is_said_goes_above_them():
    terminal = Terminal()
    terminal.show(10)
    terminal.voice.say("something with [brackets] and " + "a long tail " * 10)
    terminal.show(20)
    seen = terminal.seen()

    assert seen[0].startswith("something with [brackets] and a long tail")
    assert [line.split("  ")[-1] for line in seen[-2:]] == ["9 s left", "20 ok"]
    assert len(seen) == 4


def test_the_voice_speaks_plainly_after_the_end(capsys):
    terminal = Terminal()
    terminal.display.end(Glance(200, 200, {RowStatus.SUCCEEDED: 200}, rate=20.0, sent=20.0, elapsed_s=10.0))
    terminal.voice.say("done")

    assert terminal.seen()[-2:] == ["20/s  200 ok", ""]
    assert terminal.seen()[0].endswith("200/200  100 %  in 10 s")
    assert capsys.readouterr().err == "done\n"


@pytest.mark.parametrize("width", [1, 8, 12, 20, 40, 60, 80, 200])
def test_no_line_reaches_the_edge_of_a_narrow_terminal(width):
    terminal = Terminal(width)
    terminal.show(10, throttled=1_000, slowed=True, retrying=64)
    seen = terminal.show(20, throttled=1_000, slowed=True, retrying=64, held="waiting")

    assert len(seen) == 2
    assert all(len(line) <= max(1, width - 3) for line in seen)
    assert seen[0].strip()


@pytest.mark.parametrize("wraps", [True, False])
def test_a_terminal_that_gets_narrower_shows_nothing_twice_in_one_line(wraps):
    """What it showed stays above, whether the terminal wraps it or cuts it, and the lines go on below."""
    terminal = Terminal(100)
    terminal.voice.say("before")
    terminal.show(10)
    terminal.narrow(40, wraps=wraps)
    terminal.show(20)
    seen = terminal.show(30)

    assert seen[0] == "before"
    assert seen[-2].endswith("━  30/200  15 %  8 s left")
    assert seen[-1] == "20 of 25/s  30 ok"
    assert "20/200" not in str(seen)


def test_a_terminal_that_gets_wider_is_used():
    terminal = Terminal(30)
    narrow = terminal.show(10)[0]
    terminal.console.width = terminal.screen.width = 80
    wide = terminal.show(10)

    assert len(wide) == 2
    assert len(narrow) < 30 < len(wide[0])


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_is_honoured(environ, coloured):
    terminal = Terminal(**environ)
    terminal.display.show(Glance(10, 200, {RowStatus.FAILED: 3}))

    assert ("\x1b[31m" in terminal.out.getvalue()) is coloured


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
    assert len(bar) < 50
    assert screen.lines[screen.lines.index(bar) + 1].endswith("150 ok")


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
