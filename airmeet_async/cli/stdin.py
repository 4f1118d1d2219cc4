"""Standard input as a file: rows are read more than once, so they are kept in a private file until the process ends."""

import atexit
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from airmeet_async.cli.exits import UsageError
from airmeet_async.cli.targets import private_file, write_all
from airmeet_async.cli.voice import Voice
from airmeet_async.errors import ConfigError, InputError

NAME = "stdin"
"""What results are called after; messages call it the same."""

_AT_ONCE = 256 * 1024


def spooled(voice: Voice) -> str:
    """Read standard input to its end into a private file, and return its path. It is removed when the process ends.

    Raises:
        UsageError: There is no standard input.
        InputError: Nothing comes from it.
        ConfigError: There is no room for it.
    """
    if sys.stdin is None:
        raise UsageError("- stands for standard input, and there is none; name a file")
    if sys.stdin.isatty():
        voice.say("reading rows from the terminal; Ctrl-D ends them, or name a file")
    path, file = private_file(Path(tempfile.gettempdir()))
    atexit.register(_remover(path, file))
    try:
        while piece := sys.stdin.buffer.read(_AT_ONCE):
            write_all(file, piece)
        empty = not file.tell()
    except OSError as error:
        raise ConfigError(f"{NAME}: cannot be kept in {path.parent} ({error.strerror}); name a file") from None
    if empty:
        raise InputError(f"{NAME}: is empty; pipe rows into it, with a line above that names the columns", path=NAME)
    return str(path)


def _remover(path: Path, file: BinaryIO) -> Callable[[], None]:
    """Return what removes the file; until then it is open, and so locked against being swept away."""

    def remove() -> None:
        file.close()
        with suppress(OSError):
            path.unlink()

    return remove
