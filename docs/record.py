"""Record a terminal session of a real run for the documents: `make session`.

It starts a simulated Airmeet that throttles, fails and lets the token expire, registers 5,000 fictional people on a
terminal of 80 columns, and writes

- ``session.txt``: what was to be seen, every few seconds;
- ``session.svg``: the middle and the end of the run as one picture;
- ``report.png``, ``report-dark.png``: the run's report page, where chromium is installed.
"""

import csv
import io
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from fcntl import ioctl
from pathlib import Path

from rich.console import Console
from rich.text import Text

from airmeet_async.cli.commands.demo import running_sandbox
from airmeet_async.sandbox import invent_people
from airmeet_async.sandbox.community import SUMMIT
from tests.support.browser import CHROMIUM, Page
from tests.support.screen import Screen

HERE = Path(__file__).parent
PEOPLE = 5000
WIDTH = 80
EVERY = 2.0
FAULTS = "429@1500+6:retry=2,429@3600+15,expire@2200,500:1%,drop:0.3%,drop-after:0.3%,422:0.2%:on=attendees.add"
COMMAND = ("register", SUMMIT, "people.csv", "--no-invite", "--rate", "250", "--report", "run.html")
TYPED = f"$ airmeet {' '.join(COMMAND)}"
WEB_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def main() -> None:
    """Record it."""
    with tempfile.TemporaryDirectory(prefix="airmeet-") as folder:
        write_people(Path(folder) / "people.csv")
        with running_sandbox(seed=3, faults=FAULTS, latency_ms=40) as sandbox:
            own = {"HOME": folder, "TERM": "xterm-256color", "AIRMEET_TOKEN_CACHE": "off"}
            frames = list(record(Path(folder), os.environ | sandbox | own))
        (HERE / "session.txt").write_text(as_text(frames), encoding="utf-8")
        (HERE / "session.svg").write_text(as_picture(frames), encoding="utf-8")
        if CHROMIUM is None:
            print("chromium is not installed: docs/report.png stays as it is", file=sys.stderr)
        else:
            take_pictures(Path(folder) / "run.html")


def write_people(path: Path) -> None:
    """Write the input file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = list(invent_people(PEOPLE, seed=3))
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def record(folder: Path, environ: dict[str, str]) -> Iterator[tuple[float, Screen]]:
    """Run the command on a terminal, and yield its screen every few seconds and at the end."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    command = [sys.executable, "-m", "airmeet_async", *COMMAND]
    process = subprocess.Popen(command, cwd=folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    began, shown, output = time.monotonic(), 0.0, ""
    while piece := read(ours):
        output += piece
        if (now := time.monotonic() - began) - shown >= EVERY and (screen := screen_of(output)).lines[-1]:
            shown = now
            yield now, screen
    yield time.monotonic() - began, screen_of(output)
    process.wait()


def read(terminal: int) -> str:
    """Return what has been written, or nothing at its end."""
    try:
        return os.read(terminal, 65536).decode()
    except OSError:  # how Linux says that the other side is closed
        return ""


def screen_of(output: str) -> Screen:
    """Return what is to be seen after some output."""
    screen = Screen(WIDTH)
    screen.feed(output)
    return screen


def as_text(frames: list[tuple[float, Screen]]) -> str:
    """Return all frames below each other, each with its time; of a later one only the last two lines."""
    parts = [TYPED]
    for number, (when, screen) in enumerate(frames):
        lines = screen.lines if number in {0, len(frames) - 1} else screen.lines[-2:]
        parts.append(f"\n--- after {when:.0f} s\n" + "\n".join(lines).rstrip())
    return "\n".join(parts) + "\n"


def as_picture(frames: list[tuple[float, Screen]]) -> str:
    """Return the middle of the run, and below it the end, as one picture."""
    *on_the_way, (_, end) = frames
    held = [screen for _, screen in on_the_way if "wait" in screen.lines[-1] or "throttled by" in screen.lines[-1]]
    middle = held[0] if held else on_the_way[len(on_the_way) // 2][1]
    above = end.coloured
    bars = [number for number, text in enumerate(end.lines) if f"{PEOPLE:,}/{PEOPLE:,}" in text]
    lines = [TYPED, *above[: bars[0]], *middle.coloured[-2:], "", "\u2026", "", *above[bars[0] :]]
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text.from_ansi("\n".join(lines).rstrip()))
    return WEB_FONT.sub("", console.export_svg(title="airmeet register", unique_id="session"))


def take_pictures(page: Path) -> None:
    """Take pictures of the upper part of a page: light and dark."""
    with Page() as browser:
        for scheme, name in (("light", "report.png"), ("dark", "report-dark.png")):
            browser.media(scheme=scheme)
            browser.open(page)
            (HERE / name).write_bytes(browser.picture(width=900, height=1880))


if __name__ == "__main__":
    main()
