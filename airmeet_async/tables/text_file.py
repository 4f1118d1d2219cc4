"""A file as text: its encoding, and bounds on what one line may be.

Rules:

1. A byte order mark decides, else it is UTF-8, else somebody is asked. Nothing is guessed: a wrong guess sends wrong
   names to thousands of people, a question costs one.
2. A byte that does not fit arrives as a lone surrogate, since its line and column are known only after parsing.
3. A cell that is sound UTF-8 in a file that is read in a western encoding shows that the file mixes the two.
"""

import codecs
import re
from collections.abc import Generator, Iterable
from contextlib import suppress
from functools import partial
from io import TextIOWrapper
from itertools import islice

from airmeet_async.errors import EncodingError, InputError
from airmeet_async.tables.cells import ReadOptions, shown

# Most characters in one physical line: a gigabyte without a line break must not be read into memory.
LINE_LIMIT = 4 * 1024 * 1024
# Encodings that are always proposed: what spreadsheet programs of the last decades write without asking.
CANDIDATES = ("cp1252", "cp1250", "cp850", "cp932", "mac-roman")

_OTHERS = [
    "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp852", "cp866", "koi8_r", "iso8859_2", "iso8859_5",
    "iso8859_7", "iso8859_9", "euc_jp", "cp949", "gb18030", "big5",
]  # fmt: skip
_TITLES = {
    "cp1252": "Windows-1252", "cp1250": "Windows-1250", "cp1251": "Windows-1251", "cp850": "DOS, western Europe",
    "cp932": "Shift JIS", "mac-roman": "Mac Roman",
}  # fmt: skip
_MARKS = {
    codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
_NO_TEXTS = frozenset(("idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape", "charmap"))
_WESTERN = frozenset((
    "cp1252", "cp1250", "cp1254", "cp1257", "cp850", "cp852", "cp858", "cp437", "mac-roman", "mac-latin2",
    "iso8859-1", "iso8859-2", "iso8859-9", "iso8859-15",
))  # fmt: skip
_ASIDE = re.compile(r"[,;\t|\"\r\n:{}\[\]]+")
_MIXED = re.compile(r"[A-Za-z][\u0370-\u06ff]|[\u0370-\u06ff][A-Za-z]")  # no word is half Cyrillic, Greek, Hebrew
_SHOWN = 30
_MOST_LIKELY = 4  # of a short list the best is seldom right, yet among these
_WEIGHED = 500  # cells that are enough to rank the candidates


# Line, column and text of a cell.
Cell = tuple[int, str | None, str]


class TextFile:
    """A file and how its bytes are read; a byte order mark wins over what was asked for, as it is a fact.

    Attributes:
        encoding: As Python calls it.
        notices: What was decided without being asked.

    Raises:
        InputError: There is no such encoding, or the file cannot be read.
    """

    encoding: str

    def __init__(self, options: ReadOptions) -> None:
        self._options = options
        self.notices: list[str] = []
        self.encoding = "utf-8"
        self._is_marked = False
        with self._open() as file:
            beginning = bytes(file.buffer.read(4096))
        head = beginning[:12]
        if mark := next((name for start, name in _MARKS.items() if head.startswith(start)), None):
            self.encoding = mark
            self._is_marked = True
            self.notices = [f"{mark.upper()} text, from its byte order mark"] if mark != "utf-8" else []
            return
        asked = options.encoding or "utf-8"
        try:
            "".encode(asked)  # also refuses codecs that are none for text, such as "zip"
            self.encoding = codecs.lookup(asked).name
        except (LookupError, UnicodeError, ValueError):
            self.encoding = "undefined"
        if self.encoding in _NO_TEXTS:
            what = (
                f"unknown encoding {asked:.40}; use one such as {options.spell('encoding', 'cp1252')}, cp850 or utf-16"
            )
            raise options.fault(what)
        # Where the first characters are all ASCII, every other byte of UTF-16 is zero.
        even, odd = head[0::2], head[1::2]
        by_zeros = ""
        if len(odd) > 1 and even.isascii() and odd.isascii() and any(even) != any(odd) and 0 not in max(even, odd):
            by_zeros = "utf-16-le" if any(even) else "utf-16-be"
        if by_zeros and not options.encoding:
            self.notices = ["UTF-16 text without a byte order mark, detected from its zero bytes"]
            self.encoding = by_zeros
        elif self.encoding.startswith(("utf-16", "utf-32")):
            # Without a mark its order must be known, and signs such as line ends have zero bytes in any language.
            is_ordered = self.encoding not in ("utf-16", "utf-32")
            if not by_zeros and not (is_ordered and beginning.count(0) > len(beginning) // 20):
                what = f"is not {self.encoding.upper()}: it has neither a byte order mark nor zero bytes"
                raise options.fault(f"{what}; omit the encoding")
            self.encoding = self.encoding if is_ordered else by_zeros

    def _open(self) -> TextIOWrapper:
        return TextIOWrapper(self._options.open(), encoding=self.encoding, errors="surrogateescape", newline="")

    def lines(self) -> Generator[str]:
        """Yield the physical lines with their line ends, which may be mixed."""
        for number, line in enumerate(self.pieces(), 1):
            self.check_nul(line, number)
            if len(line) >= LINE_LIMIT:
                what = f"is longer than {LINE_LIMIT:,} characters; is this really a table?"
                raise self._options.fault(what, number)
            yield line

    def pieces(self, size: int | None = None) -> Generator[str]:
        """Yield the text in pieces of *size* characters, or in lines."""
        number = 0
        try:
            with self._open() as file:
                read = partial(file.read, size) if size else partial(file.readline, LINE_LIMIT)
                for number, piece in enumerate(iter(read, ""), 1):
                    yield piece.removeprefix("\ufeff") if number == 1 else piece
        except (UnicodeError, OSError) as error:
            what = f"cannot be read: {error}"
            if isinstance(error, UnicodeError):
                reason = getattr(error, "reason", str(error))
                what = f"the text is not valid {self.encoding} ({reason}); use another encoding"
            raise self._options.fault(what, None if size else number + 1) from None

    def check_nul(self, text: str, line: int) -> None:
        """Refuse a text with a NUL character, which no list of people has."""
        if "\0" in text:
            utf_16 = self._options.spell("encoding", "utf-16-le")
            what = "holds a NUL character; delete it, or export the file again"
            what += "" if self._options.encoding else f"; or say {utf_16}, if it is that"
            raise self._options.fault(what, line)

    def misfit(self, text: str) -> int | None:
        """Return where a text does not fit the encoding of the file, or None."""
        if text.isascii():
            return None
        try:
            text.encode()
        except UnicodeEncodeError as error:
            return error.start
        return None if self._as_utf_8(text) is None else next(n for n, one in enumerate(text) if not one.isascii())

    def _as_utf_8(self, text: str) -> str | None:
        """Return what a text of a western encoding is in UTF-8, if it is that."""
        try:
            found = text.encode(self.encoding, "surrogateescape").decode() if self.encoding in _WESTERN else text
        except UnicodeError:
            return None
        return found if found != text else None

    def refuse(self, first: Cell, others: Iterable[Cell]) -> InputError:
        """Return the error for a text that does not fit, with the encodings in which it may be.

        Args:
            first: The cell with the misfit.
            others: What follows it, as far as it is needed.
        """
        line, column, text = first
        utf_8 = self._as_utf_8(text)
        if utf_8 is not None:
            what = f"is UTF-8 here ({shown(_around(utf_8), 40)}) and {self.encoding} elsewhere"
            return self._options.fault(f"{what}: the file mixes encodings; save it again as UTF-8", line, column)
        if self.encoding != "utf-8":
            what = f"byte 0x{ord(text[self.misfit(text) or 0]) - 0xDC00:02X} is not {self.encoding}"
            return self._options.fault(f"{what}; use another encoding, or save the file as UTF-8", line, column)
        cells: list[Cell] = [first]
        sound: Cell | None = None
        with suppress(InputError):  # whatever else is wrong with the file can wait
            for cell in others:
                if self.misfit(cell[2]) is not None:
                    cells.append(cell)
                elif not cell[2].isascii():
                    sound = sound or cell
                if len(cells) >= _WEIGHED:
                    break
        sample = [text.encode("utf-8", "surrogateescape") for _, _, text in cells]
        read = {name: texts for name in (*CANDIDATES, *_likeliest(sample)) if (texts := _decoded(sample, name))}
        names = sorted(read, key=lambda name: _oddness(" ".join(read[name])))  # stable: equals as in CANDIDATES
        # The cell in which the candidates differ most is shown.
        index = max(range(len(cells)), key=lambda at: len({texts[at] for texts in read.values()}))
        line, column, _ = cells[index]
        readings = {name: _around(read[name][index]) for name in names}
        width = max(map(len, readings.values()), default=0)
        said = ["is not UTF-8; this text could be" if names else "is not UTF-8 or any other known encoding"]
        for reading in dict.fromkeys(readings.values()):
            titles = [f"{_TITLES[name]} ({name})" if name in _TITLES else name
                      for name in names if readings[name] == reading]  # fmt: skip
            said.append(f"    {reading:{width}}   as {', '.join(titles)}")
        if sound:
            said.append(
                f"  Line {sound[0]} is UTF-8 ({shown(_around(sound[2]), 40)}): if that is right, the file mixes "
                "encodings; save it again as UTF-8."
            )  # fmt: skip
        elif self._is_marked:
            said.append("  Its byte order mark says UTF-8, so the file mixes encodings; save it again as UTF-8.")
        elif names:
            which = self._options.spell("encoding", names[0])
            said.append(f"  Use the right one: {which}; if none is, save the file as CSV UTF-8.")
        text = str(self._options.fault("\n".join(said), line, column))
        candidates = () if self._is_marked else tuple(readings.items())  # nothing that is said can change a mark
        return EncodingError(text, candidates=candidates, path=self._options.name, line=line, column=column)


def _likeliest(sample: list[bytes]) -> list[str]:
    """Return what charset-normalizer takes the cells for, if it is installed and as far as that is no candidate yet."""
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return []
    found = from_bytes(b"\n".join(sample), cp_isolation=_OTHERS)  # the best first
    names = [codecs.lookup(match.encoding).name for match in islice(found, _MOST_LIKELY)]
    return [name for name in names if name not in ("utf-8", "ascii", *(codecs.lookup(one).name for one in CANDIDATES))]


def _decoded(sample: list[bytes], name: str) -> list[str]:
    try:
        texts = [cell.decode(name) for cell in sample]
    except UnicodeError:
        return []
    whole = " ".join(texts)
    return texts if "".join(whole.split()).isprintable() and not _MIXED.search(whole) else []


def _oddness(text: str) -> int:
    """Count what names do not have: signs, and capitals behind small letters."""
    signs = sum(not (one.isascii() or one.isalpha() or one in "’‘– ") for one in text)  # noqa: RUF001
    return signs + len(re.findall(r"(?<=[a-zà-öø-ÿ])(?![A-Z])[^\W\d_a-zà-öø-ÿ]", text))


def _around(text: str) -> str:
    """Return the piece of a text that is not plain ASCII."""
    piece = next((piece for piece in _ASIDE.split(text) if not piece.isascii()), text).strip()
    at = next((index for index, one in enumerate(piece) if not one.isascii()), 0)
    return piece if len(piece) <= _SHOWN else piece[max(0, at - _SHOWN // 2) :][:_SHOWN]
