"""What reaches a terminal, and what becomes of a stream that nobody reads any more."""

import io
import json
import os
import subprocess
import sys

import pytest

from airmeet_async.cli.console import Console, QuietStream, for_terminal, print_data
from tests.support.command import COMMAND

HOSTILE = "a\x1b]8;;https://x.example\x07b\u202e\nsecond\x1b[2J"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def test_data_steers_no_terminal_and_is_exact_in_a_pipe(monkeypatch):
    terminal, pipe = Terminal(), io.StringIO()
    for stream in (terminal, pipe):
        monkeypatch.setattr(sys, "stdout", stream)
        print_data(HOSTILE)

    assert terminal.getvalue() == "a\\x1b]8;;https://x.example\\x07b\\u202e\nsecond\\x1b[2J\n"
    assert pipe.getvalue() == f"{HOSTILE}\n"
    assert for_terminal("plain ä 日本", terminal) == "plain ä 日本"


def test_a_stream_without_a_reader_falls_silent():
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        out = QuietStream(QuietStream(pipe, any_error=False), any_error=False)  # type: ignore[arg-type]
        out.write("lost")
        out.flush()
        out.write("lost, too")
        out.flush()


@pytest.mark.slow
@pytest.mark.parametrize("words", [("--help",), ("register", "--help"), ("--version",), ("completion", "bash")])
def test_help_that_nobody_reads_any_more_ends_quietly(words):
    """As in ``airmeet --help | head -1``."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*COMMAND, *words], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)

    assert (done.returncode, done.stderr) == (0, "")


def test_odd_lines_are_messages_as_well(capsys):
    Console(as_json=True).say("  " + 100 * "x", "   ", 90 * "y", "  z", "  ")

    texts = [json.loads(line)["text"] for line in capsys.readouterr().err.splitlines()]
    assert texts == [100 * "x", f"{90 * 'y'} z"]
