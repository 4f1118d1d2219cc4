"""What is said where: data to standard output, everything for people to standard error.

Whoever reads either may go away; that must neither end a run nor show a traceback.
"""

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO

from airmeet_async.api.redact import escape
from airmeet_async.errors import ConfigError


class Calm:
    """A text stream that falls silent when nobody can read it any more.

    Args:
        stream: Standard output or standard error; None where the process has none.
        any_error: Also bear other errors than a broken pipe: a terminal that is gone, a full disk.
    """

    def __init__(self, stream: TextIO | None, *, any_error: bool) -> None:
        self._stream = stream if stream is not None else open(os.devnull, "w")  # noqa: PTH123, SIM115 - for good
        self._bears = OSError if any_error else BrokenPipeError

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write *text*, or lose it."""
        try:
            self._stream.write(text)
        except self._bears:
            self.give_up()
        return len(text)

    def flush(self) -> None:
        """Flush, or lose what there was."""
        try:
            self._stream.flush()
        except self._bears:
            self.give_up()

    def give_up(self) -> None:
        """Point the descriptor nowhere, so that the interpreter's last flush finds no fault either."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def standard_error() -> Calm:
    """Return the stream for people."""
    return Calm(sys.stderr, any_error=True)


def print_data(text: str) -> None:
    """Print one line of data."""
    out = Calm(sys.stdout, any_error=False)
    try:
        out.write(f"{text}\n")
        out.flush()
    except OSError as error:
        out.give_up()
        message = f"standard output cannot be written ({error.strerror})"
        raise ConfigError(message) from None


def print_json(document: Any) -> None:
    """Print one JSON document, in ASCII, which every terminal and pipe can carry."""
    print_data(json.dumps(document))


class Voice:
    """Speaks to people, line by line.

    Args:
        as_json: Wrap each line as ``{"event": "message", "text": ...}``, where standard error is read by a program.

    Attributes:
        write: Takes finished lines; a progress bar puts itself in between while it is on.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self._out = standard_error()
        self.write: Callable[[str], object] = self.plainly

    def say(self, *lines: str) -> None:
        """Say lines. Whatever came from a file or a server cannot play tricks with the terminal."""
        for line in map(escape, lines):
            if not self._as_json:
                self.write(line)
            elif line:
                self.write(json.dumps({"event": "message", "text": line.strip()}))

    @property
    def hears(self) -> bool:
        """Whether somebody sits at a terminal and can be asked."""
        terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()
        return terminal and not self._as_json

    def agrees(self, question: str) -> bool:
        """Ask, and return whether the answer is yes. Silence is a no."""
        self._out.write(f"{escape(question)} [y/N] ")
        self._out.flush()
        try:
            return sys.stdin.readline().strip().lower() in {"y", "yes"}
        except (OSError, ValueError):
            return False

    def plainly(self, line: str) -> None:
        """Write a line to standard error."""
        self._out.write(f"{line}\n")
        self._out.flush()
