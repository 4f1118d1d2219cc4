"""A file as physical lines of text: encoding, byte order mark, and bounds on what one line may be."""

import codecs
import hashlib
import stat
from collections.abc import Iterator
from functools import partial
from io import TextIOWrapper
from pathlib import Path

from attrs import frozen

from airmeet_async.bulk.table_cells import fault
from airmeet_async.bulk.table_guess import guess

GUESS = "guess"
"""The encoding to ask for where one may be guessed."""

LINE_LIMIT = 4 * 1024 * 1024
"""Most characters in one physical line: a gigabyte without a line break must not be read into memory."""

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SAVE_AS = 'save it as UTF-8 (in Excel: "CSV UTF-8")'
_NO_TEXT = f"it holds a NUL character, so it is not plain {{0}} text; {_SAVE_AS} or pass --encoding utf-16"


def content_digest(path: str) -> str:
    """Return what tells the content of a file from any other's.

    Raises:
        OSError: It cannot be read.
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@frozen
class Stamp:
    """What tells two states of a file apart without reading it."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, path: str) -> "Stamp":
        """Look at the file, and refuse what cannot be read twice."""
        try:
            facts = Path(path).stat()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise fault(f"cannot be read: {reason}; check the path", path=path) from None
        if stat.S_ISDIR(facts.st_mode):
            raise fault("is a directory; name a file", path=path)
        if not stat.S_ISREG(facts.st_mode):
            # The check pass and the run each read it; and opening a pipe would wait for its writer.
            raise fault("is not a regular file and cannot be read twice; write it to a file first", path=path)
        return cls(facts.st_size, facts.st_mtime_ns, facts.st_ino)


@frozen
class TextFile:
    """Where the text is and how its bytes are read."""

    path: str
    encoding: str
    notices: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield the physical lines with their line ends, which may be mixed."""
        number = 0
        with _open(self.path, self.encoding) as file:
            try:
                for line in iter(partial(file.readline, LINE_LIMIT), ""):
                    number += 1
                    if "\0" in line:
                        raise fault(_NO_TEXT.format(self.encoding), path=self.path, line=number)
                    if len(line) == LINE_LIMIT:
                        what = f"is longer than {LINE_LIMIT:,} characters; is this really a table?"
                        raise fault(what, path=self.path, line=number)
                    yield line.removeprefix("\ufeff") if number == 1 else line
            except UnicodeDecodeError as error:
                what = f"the text is not valid {self.encoding} ({error.reason}); {_SAVE_AS} or pass another --encoding"
                raise fault(what, path=self.path, line=number + 1) from None
            except OSError as error:
                raise fault(f"cannot be read: {error.strerror}", path=self.path, line=number + 1) from None

    def bad_byte(self, character: str) -> str:
        """Say what is wrong with a character that stands for an undecodable byte, and what to do."""
        byte = ord(character) - 0xDC00
        fix = "or pass --encoding latin-1 (cp1252 when it comes from Windows)"
        if self.encoding != "utf-8":
            fix = "or pass another --encoding"
        return f"byte 0x{byte:02X} is not {self.encoding.upper()}; {_SAVE_AS} {fix}"


def undecoded(text: str) -> int | None:
    """Return the position of the first byte that could not be decoded, or None.

    Such bytes arrive as lone surrogates, since the line and the column of the fault are only known after parsing.
    """
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def open_text(path: str, encoding: str | None) -> TextFile:
    """Find out how the file's bytes are to be read. A byte order mark wins over ``encoding``: it is a fact.

    Args:
        path: The file.
        encoding: By default UTF-8; `GUESS` where the notices are sure to be seen by somebody.
    """
    with _open(path, "utf-8") as file:
        head = bytes(file.buffer.read(4))
    for mark, name in _BOMS:
        if head.startswith(mark):
            said = "byte order mark dropped" if name == "utf-8" else "UTF-16 text, by its byte order mark"
            return TextFile(path, name, (said,))
    if encoding == GUESS:
        return TextFile(path, *guess(path))
    try:
        # Also refuses codecs that are none for text, such as "zip".
        "".encode(encoding or "utf-8")
    except LookupError:
        what = f"unknown encoding {encoding}; try --encoding utf-8, latin-1, cp1252 or utf-16"
        raise fault(what, path=path) from None
    return TextFile(path, codecs.lookup(encoding or "utf-8").name)


def _open(path: str, encoding: str) -> TextIOWrapper:
    try:
        return Path(path).open(encoding=encoding, errors="surrogateescape", newline="")
    except OSError as error:
        raise fault(f"cannot be read: {error.strerror}; check the path and its permissions", path=path) from None
