"""The terminal: data goes to standard output, everything for people to standard error, and questions come from there.

1. Whoever reads either stream may go away. That ends no run and shows no traceback; a list is then over (exit code 0).
2. Text from a file or a server moves no cursor: what is said is escaped in `Console.say`, and what is printed for
   people where standard output is a terminal. In a pipe or a file, data stays as it is.
3. No line of the log shows a secret at any level, or an e-mail address above DEBUG.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from airmeet_async.errors import ConfigError
from airmeet_async.formatting import WIDTH
from airmeet_async.protocol.redact import clean, escape, mask, mask_emails


class QuietStream:
    """A text stream that falls silent when nobody can read it any more.

    Args:
        stream: Standard output or standard error; None where the process has none.
        any_error: Also bear other errors than a broken pipe: a terminal that is gone, a full disk.

    Attributes:
        is_missing: The process has no such stream.
    """

    is_missing: bool

    def __init__(self, stream: TextIO | None, *, any_error: bool) -> None:
        self.is_missing = stream is None
        if isinstance(stream, QuietStream):
            self.is_missing, stream = stream.is_missing, stream._stream
        self._stream: TextIO = stream if stream is not None else open(os.devnull, "w")  # noqa: PTH123, SIM115 - for good
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


def standard_error() -> QuietStream:
    """Return the stream for people."""
    return QuietStream(sys.stderr, any_error=True)


def for_terminal(text: str, stream: Any) -> str:
    """Return lines as they may be written to *stream*: where that is a terminal, nothing in them steers it."""
    return "\n".join(map(escape, text.split("\n"))) if stream.isatty() else text


class ReaderGoneError(Exception):
    """Nobody reads standard output any more, as in ``airmeet export … | head``."""


class Output(QuietStream):
    """Standard output, whose reader may leave: then there is no more to do."""

    def __init__(self) -> None:
        super().__init__(sys.stdout, any_error=False)

    def put(self, text: str, *, now: bool = False) -> None:
        """Write text; *now* flushes it. A `ReaderGoneError` says that nobody reads it."""
        try:
            self.write(text)
            if now:
                self.flush()
        except OSError as error:
            super().give_up()
            raise ConfigError(f"standard output cannot be written ({error.strerror})") from None

    def give_up(self) -> None:
        super().give_up()
        raise ReaderGoneError


def print_data(text: str) -> None:
    """Print one line of data, or several."""
    out = Output()
    with suppress(ReaderGoneError):
        out.put(f"{for_terminal(text, out)}\n", now=True)


def write_data(pieces: Iterable[bytes]) -> None:
    """Write encoded data to standard output, piece by piece, as long as somebody reads it."""
    out = Output()
    with suppress(ReaderGoneError):
        for piece in pieces:
            text = piece.decode()
            out.put(for_terminal(text.lstrip("\ufeff").replace("\r\n", "\n"), out) if out.isatty() else text)
        out.put("", now=True)


def print_json(document: Any, *, required: bool = False) -> None:
    """Print one JSON document, in ASCII, which every terminal and pipe can carry.

    Args:
        document: Any JSON value.
        required: It is an error if nobody reads it.

    Raises:
        ConfigError: It could not be written.
    """
    out = Output()
    try:
        if required and out.is_missing:
            raise ConfigError("standard output is closed")
        out.put(f"{json.dumps(document)}\n", now=True)
    except ReaderGoneError:
        if required:
            raise ConfigError("standard output was closed by its reader") from None


class Console:
    """Speaks to people, line by line.

    Args:
        as_json: Each line is a JSON object ``{"event": "message", "text": ...}``, where a program reads standard error.

    Attributes:
        write: Takes finished lines; a progress bar puts itself in between while it is on.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self._out = standard_error()
        self.write: Callable[[str], object] = self.write_plainly

    def say(self, *lines: str) -> None:
        """Say lines; as JSON, a sentence that was wrapped is one message."""
        for line in _unwrapped(lines) if self._as_json else map(escape, lines):
            if not self._as_json:
                self.write(line)
            elif line:
                self.write(json.dumps({"event": "message", "text": line}))

    @contextmanager
    def warnings_said(self) -> Iterator[None]:
        """Say that a token or a rate cannot be shared, of which the library warns, unless ``AIRMEET_LOG`` shows it."""
        logger, handler = logging.getLogger("airmeet_async"), logging.Handler(logging.WARNING)
        handler.addFilter(lambda record: record.name == logger.name)
        handler.emit = lambda record: self.say(record.getMessage())  # type: ignore[method-assign]
        if logger.propagate:
            logger.addHandler(handler)
        try:
            yield
        finally:
            logger.removeHandler(handler)

    def draw(self, line: str) -> None:
        """Draw a line over the one that was drawn before, on a terminal; an empty one takes that away."""
        self._out.write(f"\r{escape(line)}\x1b[K")
        self._out.flush()

    @property
    def can_ask(self) -> bool:
        """Whether somebody sits at a terminal and can be asked."""
        terminal = sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()
        return terminal and not self._as_json

    def confirm(self, question: str) -> bool:
        """Ask, and return whether the answer is yes. Silence is a no."""
        self._out.write(f"{escape(question)} [y/N] ")
        self._out.flush()
        try:
            return sys.stdin.readline().strip().lower() in {"y", "yes"}
        except (OSError, ValueError):
            return False

    def write_plainly(self, line: str) -> None:
        self._out.write(f"{line}\n")
        self._out.flush()


def _unwrapped(lines: Iterable[str]) -> list[str]:
    """Return sentences that were wrapped in one piece each, without indents."""
    texts, last = list[str](), ""
    for line in lines:
        text = line.strip()
        if texts and text and line.startswith("  ") and len(last) + 1 + len(text.split()[0]) > WIDTH:
            texts[-1] += f" {text}"
        else:
            texts.append(text)
        last = line
    return texts


LEVELS = {"debug": logging.DEBUG, "info": logging.INFO}

_LONGEST = 2000


class SafeFormatter(logging.Formatter):
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
        text = mask(super().format(record)[: 16 * _LONGEST], self._secrets)
        if record.levelno > logging.DEBUG:
            text = mask_emails(text)
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
    handler.setFormatter(SafeFormatter(secrets))
    logger.addHandler(handler)
    logger.setLevel(LEVELS[wanted])
    logger.propagate = False


def hide(*secrets: str) -> None:
    """Never show these in the log: keys that are not the environment's."""
    for handler in logging.getLogger("airmeet_async").handlers:
        if isinstance(handler.formatter, SafeFormatter):
            handler.formatter.hide(*secrets)
