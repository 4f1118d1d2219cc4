"""A file as text: its encoding, and bounds on what one line may be.

Rules:

1. A byte order mark decides, else it is UTF-8, else somebody is asked. Nothing is guessed: a wrong guess sends wrong
   names to thousands of people, a question costs one.
2. A byte that does not fit arrives as a lone surrogate, since its line and column are known only after parsing.
3. A cell that is sound UTF-8 in a file that is read in a western encoding shows that the file mixes the two.
"""

import codecs
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import suppress
from functools import partial
from io import TextIOWrapper
from pathlib import Path

from attrs import frozen

from airmeet_async.errors import InputError
from airmeet_async.tables.cells import ReadOptions, shown

LINE_LIMIT = 4 * 1024 * 1024
"""Most characters in one physical line: a gigabyte without a line break must not be read into memory."""

CANDIDATES = ("cp1252", "cp1250", "cp850", "cp932", "mac-roman")
"""Encodings that are always proposed: what spreadsheet programs of the last decades write without asking."""

_OTHERS = (
    "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp852", "cp866", "koi8_r", "iso8859_2", "iso8859_5",
    "iso8859_7", "iso8859_9", "euc_jp", "cp949", "gb18030", "big5",
)  # fmt: skip
_TITLES = {
    "cp1252": "Windows-1252", "cp1250": "Windows-1250", "cp1251": "Windows-1251", "cp850": "DOS, western Europe",
    "cp932": "Shift JIS", "mac-roman": "Mac Roman",
}  # fmt: skip
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_NO_TEXTS = frozenset(("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"))
_WESTERN = frozenset((
    "cp1252", "cp1250", "cp1254", "cp1257", "cp850", "cp852", "cp858", "cp437", "mac-roman", "mac-latin2",
    "iso8859-1", "iso8859-2", "iso8859-9", "iso8859-15",
))  # fmt: skip
_ASIDE = re.compile(r"[,;\t|\"\r\n:{}\[\]]+")
_SHOWN = 30
_WEIGHED = 500  # cells that are enough to rank the candidates


class EncodingError(InputError):
    """A text is in none of the encodings that need no question.

    Attributes:
        candidates: Encodings that fit all cells that were weighed, the likeliest first, and how each reads the cell
            that the message shows.
    """

    candidates: tuple[tuple[str, str], ...] = ()


Cell = tuple[int, str | None, str]
"""Line, column and text of a cell."""


@frozen
class TextFile:
    """A file and how its bytes are read.

    Attributes:
        encoding: As Python calls it.
        notices: What was decided without being asked.
    """

    options: ReadOptions
    encoding: str
    notices: tuple[str, ...] = ()

    def lines(self) -> Generator[str]:
        """Yield the physical lines with their line ends, which may be mixed."""
        number = 0
        with _open(self.options, self.encoding) as file:
            try:
                for line in iter(partial(file.readline, LINE_LIMIT), ""):
                    number += 1
                    self.check_nul(line, number)
                    if len(line) == LINE_LIMIT:
                        what = f"is longer than {LINE_LIMIT:,} characters; is this really a table?"
                        raise self.options.fault(what, number)
                    yield line.removeprefix("\ufeff") if number == 1 else line
            except (UnicodeError, OSError) as error:
                raise self._unreadable(error, number + 1) from None

    def pieces(self, size: int) -> Generator[str]:
        """Yield the text in pieces of *size* characters."""
        with _open(self.options, self.encoding) as file:
            try:
                for number, piece in enumerate(iter(partial(file.read, size), "")):
                    yield piece.removeprefix("\ufeff") if number == 0 else piece
            except (UnicodeError, OSError) as error:
                raise self._unreadable(error, None) from None

    def check_nul(self, text: str, line: int) -> None:
        """Refuse a text with a NUL character, which no list of people has."""
        if "\0" in text:
            what = "holds a NUL character; delete it, or export the file anew"
            if text.count("\0") * 3 > len(text):
                what = f"every other character is NUL, as in UTF-16; say {self.options.spell('encoding', 'utf-16-le')}"
            raise self.options.fault(what, line)

    def _unreadable(self, error: UnicodeError | OSError, line: int | None) -> InputError:
        if isinstance(error, OSError):
            return self.options.fault(f"cannot be read: {error.strerror}", line)
        reason = getattr(error, "reason", str(error))
        return self.options.fault(f"the text is not valid {self.encoding} ({reason}); say another encoding", line)

    def misfit(self, text: str) -> int | None:
        """Return where a text does not fit the encoding of the file, or None."""
        if text.isascii():
            return None
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return error.start
        if self.encoding in _WESTERN and _as_utf_8(text, self.encoding) is not None:
            return next(index for index, character in enumerate(text) if not character.isascii())
        return None

    def refuse(self, first: Cell, others: Iterable[Cell]) -> InputError:
        """Return the error for a text that does not fit, with the encodings in which it may be.

        Args:
            first: The cell with the misfit.
            others: What follows it, as far as it is needed.
        """
        line, column, text = first
        is_mixed = _as_utf_8(text, self.encoding) if self.encoding in _WESTERN else None
        if is_mixed is not None:
            what = f"is UTF-8 here ({shown(_around(is_mixed), 40)}), and {self.encoding} elsewhere"
            return self.options.fault(f"{what}: the file mixes encodings; save it anew as UTF-8", line, column)
        if self.encoding != "utf-8":
            position = self.misfit(text) or 0
            what = f"byte 0x{ord(text[position]) - 0xDC00:02X} is not {self.encoding}; say another encoding"
            return self.options.fault(f"{what}, or save the file as UTF-8", line, column)
        bad, sound = [first], None
        with suppress(InputError):  # whatever else is wrong with the file can wait
            for cell in others:
                if self.misfit(cell[2]) is not None:
                    bad.append(cell)
                elif not cell[2].isascii():
                    sound = sound or cell
                if len(bad) >= _WEIGHED:
                    break
        return _ask(self.options, bad, sound)


def _as_utf_8(text: str, encoding: str) -> str | None:
    try:
        found = text.encode(encoding, "surrogateescape").decode()
    except UnicodeError:
        return None
    return found if found != text else None


def _ask(options: ReadOptions, cells: Sequence[Cell], sound: Cell | None) -> EncodingError:
    """Return the error that proposes encodings, and shows a cell in which they differ."""
    sample = [text.encode("utf-8", "surrogateescape") for _, _, text in cells]
    read = {name: texts for name in (*CANDIDATES, *_normalized(sample)) if (texts := _decoded(sample, name))}
    names = sorted(read, key=lambda name: _oddness(read[name]))  # stable: among equals the order of CANDIDATES
    index = max(range(len(cells)), key=lambda at: len({texts[at] for texts in read.values()}))
    line, column, _ = cells[index]
    readings = {name: _around(read[name][index]) for name in names}
    grouped: dict[str, list[str]] = {}
    for name, text in readings.items():
        grouped.setdefault(text, []).append(name)
    width = max(map(len, grouped), default=0)
    shown_ = [f"    {text:{width}}   as {', '.join(map(_titled, group))}" for text, group in grouped.items()]
    said = ["is not UTF-8; here it reads", *shown_] if read else ["is not UTF-8, nor anything else that is known"]
    if sound:
        said.append(f"  Line {sound[0]} is UTF-8 ({shown(_around(sound[2]), 40)}): if that is right, the file mixes "
                    "encodings; save it anew as UTF-8.")  # fmt: skip
    elif names:
        said.append(f"  Say which, if one is right: {options.spell('encoding', names[0])}")
    plain = options.fault("\n".join(said), line, column)
    error = EncodingError(str(plain), path=plain.path, line=line, column=column)
    error.candidates = tuple(readings.items())
    return error


def _normalized(sample: Sequence[bytes]) -> list[str]:
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return []
    best = from_bytes(b"\n".join(sample), cp_isolation=[*_OTHERS]).best()
    name = codecs.lookup(best.encoding).name if best else "utf-8"
    return [] if name in ("utf-8", "ascii") or name in {codecs.lookup(one).name for one in CANDIDATES} else [name]


def _decoded(sample: Sequence[bytes], name: str) -> list[str]:
    try:
        texts = [cell.decode(name) for cell in sample]
    except UnicodeError:
        return []
    return texts if all("".join(text.split()).isprintable() for text in texts) else []


def _oddness(texts: Iterable[str]) -> int:
    """Count what names do not have: signs, and capitals behind small letters."""
    text = " ".join(texts)
    signs = sum(not (one.isascii() or one.isalpha() or one in "’‘– ") for one in text)  # noqa: RUF001
    return signs + len(re.findall(r"(?<=[a-zà-öø-ÿ])(?![A-Z])[^\W\d_a-zà-öø-ÿ]", text))


def _around(text: str) -> str:
    """Return the piece of a text that is not plain ASCII."""
    piece = next((piece for piece in _ASIDE.split(text) if not piece.isascii()), text).strip()
    at = next((index for index, one in enumerate(piece) if not one.isascii()), 0)
    return piece if len(piece) <= _SHOWN else piece[max(0, at - _SHOWN // 2) :][:_SHOWN]


def _titled(name: str) -> str:
    return f"{_TITLES[name]} ({name})" if name in _TITLES else name


def open_text(options: ReadOptions) -> TextFile:
    """Find out how the bytes of a file are to be read; a byte order mark wins over what was asked for, as it is a fact.

    Raises:
        InputError: There is no such encoding, or the file cannot be read.
    """
    with _open(options, "utf-8") as file:
        head = bytes(file.buffer.read(12))
    for mark, name in _MARKS:
        if head.startswith(mark):
            said = "" if name == "utf-8" else f"{name.upper()} text, by its byte order mark"
            return TextFile(options, name, (said,) if said else ())
    asked = options.encoding
    try:
        # Also refuses codecs that are none for text, such as "zip".
        "".encode(asked or "utf-8")
        name = codecs.lookup(asked or "utf-8").name
    except (LookupError, UnicodeError, ValueError):
        name = "undefined"
    if name in _NO_TEXTS:
        what = f"unknown encoding {asked}; say one such as {options.spell('encoding', 'cp1252')}, cp850 or utf-16"
        raise options.fault(what)
    by_zeros = _utf_16(head)
    if asked is None and by_zeros:
        return TextFile(options, by_zeros, ("UTF-16 text without a byte order mark, by its every other byte",))
    if name in ("utf-16", "utf-32"):  # which need the mark that is not there
        if not by_zeros:
            what = f"is no {name.upper()}: it has neither a byte order mark nor zero bytes; leave the encoding out"
            raise options.fault(what)
        name = by_zeros
    return TextFile(options, name)


def _utf_16(head: bytes) -> str:
    """Return which of the two it is, where the first characters are all ASCII and so every other byte is zero."""
    even, odd = head[0::2], head[1::2]
    if len(odd) < 2:
        return ""
    if not any(odd) and even.isascii() and 0 not in even:
        return "utf-16-le"
    return "utf-16-be" if not any(even) and odd.isascii() and 0 not in odd else ""


def _open(options: ReadOptions, encoding: str) -> TextIOWrapper:
    try:
        return Path(options.path).open(encoding=encoding, errors="surrogateescape", newline="")
    except OSError as error:
        what = f"cannot be read: {error.strerror}; check the path and its permissions"
        raise options.fault(what) from None
