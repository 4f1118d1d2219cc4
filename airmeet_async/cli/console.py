"""What is said where: data to standard output, everything for people to standard error.

Whoever reads either may go away; that must neither end a run nor show a traceback.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, TextIO

from airmeet_async.errors import ConfigError
from airmeet_async.protocol.redact import clean, escape, mask_email


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


LEVELS = {"debug": logging.DEBUG, "info": logging.INFO}

_ADDRESS = re.compile(r"[^\s@<>\"'=(,;]+@[^\s@<>\"',;)]+")
_LONGEST = 2000


class Careful(logging.Formatter):
    """Shows no secret at any level, and whole e-mail addresses at DEBUG only.

    Args:
        secrets: Texts that are never shown.
    """

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")
        self._secrets = tuple(filter(None, secrets))

    def hide(self, *secrets: str) -> None:
        """Show none of these either."""
        self._secrets += secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the line to be shown."""
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, "***")
        if record.levelno > logging.DEBUG:
            text = _ADDRESS.sub(lambda found: mask_email(found.group()), text)
        return clean(text, _LONGEST)


def set_up(environ: Mapping[str, str]) -> None:
    """Set up the log as ``AIRMEET_LOG`` says: ``debug``, ``info``, or not at all.

    Raises:
        ConfigError: It says something else.
    """
    logger = logging.getLogger("airmeet_async")
    wanted = environ.get("AIRMEET_LOG", "").strip().lower()
    if wanted in {"", "off"}:
        logger.addHandler(logging.NullHandler())
        return
    if wanted not in LEVELS:
        raise ConfigError(f"AIRMEET_LOG is {wanted!r:.40}; use debug, info or off")
    handler = logging.StreamHandler(standard_error())
    secrets = (environ.get("AIRMEET_ACCESS_KEY", "").strip(), environ.get("AIRMEET_SECRET_KEY", "").strip())
    handler.setFormatter(Careful(secrets))
    logger.addHandler(handler)
    logger.setLevel(LEVELS[wanted])
    logger.propagate = False


def hide(*secrets: str) -> None:
    """Never show these in the log: keys that are not the environment's."""
    for handler in logging.getLogger("airmeet_async").handlers:
        if isinstance(handler.formatter, Careful):
            handler.formatter.hide(*secrets)
