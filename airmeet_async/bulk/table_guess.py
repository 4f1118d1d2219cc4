"""In which encoding a text is that is not UTF-8: a guess, which is always shown with a sample.

charset-normalizer alone takes names for those of other countries: "Lefèvre" in cp1252 for "Lefčvre" in cp1250. So
what reads as names of one part of Europe is taken as such first.
"""

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from airmeet_async.bulk.table_cells import shown

_LINE_LIMIT = 1024 * 1024
_SAMPLE = 64 * 1024
_MARKS = frozenset("’‘“”«»–—…·ªº°€ \xa0")  # noqa: RUF001 - what stands between letters
_WESTERN = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýÿœßÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝŒ") | _MARKS
_TURKISH = frozenset("çğıöşüâîûÇĞİÖŞÜÂÎÛ") | _MARKS
_CENTRAL = frozenset("ąćęłńóśźżáčďéěíňřšťúůýžöüőűäôľĺŕăâîşđĄĆĘŁŃÓŚŹŻÁČĎÉĚÍŇŘŠŤÚŮÝŽÖÜŐŰÄÔĽĹŔĂÂÎŞĐ") | _MARKS
_LATIN = {"cp1252": _WESTERN, "mac_roman": _WESTERN, "cp1254": _TURKISH, "cp1250": _CENTRAL}
_OTHERS = ["cp1251", "cp1253", "cp1255", "cp1256", "cp1257", "koi8_r", "cp932", "gb18030", "big5", "cp949"]
_CELLS = re.compile(r"[,;\t|\"\r\n]+")
_WORDS = re.compile(r"[^\W\d_]+")


def guess(path: str) -> tuple[str, tuple[str, ...]]:
    """Return the encoding of a text without a byte order mark, and what is to be said about it.

    Where there is nothing to go by, that is UTF-8, and the byte that is none will be named.

    Raises:
        OSError: It cannot be read.
    """
    with Path(path).open("rb") as file:
        if name := _utf_16(file.read(12)):
            return name, ("UTF-16 text without a byte order mark, by its every other byte",)
        file.seek(0)
        lines = enumerate(iter(partial(file.readline, _LINE_LIMIT), b""), 1)
        odd = ((number, line) for number, line in lines if not line.isascii())
        first = next(odd, None)
        if first is None or _is_utf_8(first[1]):
            return "utf-8", ()
        sample = b"".join([first[1], *_some(line for _, line in odd)])
    name = _latin(sample) or _normalized(sample)
    return (name, (_said(name, *first),)) if name else ("utf-8", ())


def _utf_16(head: bytes) -> str:
    """Return which of the two it is, where the first characters are all ASCII and so every other byte is zero."""
    even, odd = head[0::2], head[1::2]
    if len(odd) < 2:
        return ""
    if not any(odd) and even.isascii() and 0 not in even:
        return "utf-16-le"
    return "utf-16-be" if not any(even) and odd.isascii() and 0 not in odd else ""


def _is_utf_8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _some(lines: Iterator[bytes]) -> Iterator[bytes]:
    size = 0
    for line in lines:
        if (size := size + len(line)) > _SAMPLE:
            return
        yield line


def _latin(sample: bytes) -> str:
    """Return the encoding in which the sample has the letters of one part of Europe only, each among plain ones."""
    for name, letters in _LATIN.items():
        text = sample.decode(name, errors="replace")
        words = [word for word in _WORDS.findall(text) if not word.isascii()]
        odd = [letter for letter in text if not letter.isascii()]
        if letters.issuperset(odd) and 2 * sum(not one.isascii() for one in "".join(words)) <= len("".join(words)):
            return name
    return ""


def _normalized(sample: bytes) -> str:
    try:
        from charset_normalizer import from_bytes
    except ImportError:
        return ""
    found = from_bytes(sample, cp_isolation=_OTHERS).best()
    return found.encoding if found else ""


def _said(name: str, number: int, line: bytes) -> str:
    cells = _CELLS.split(line.decode(name, errors="replace"))
    cell = next(cell for cell in cells if not cell.isascii())
    other = "cp1250" if name == "cp1252" else "cp1252"
    return (
        f"not UTF-8, and read as {name}, which is a guess: line {number} has {shown(cell.strip(), 40)}; "
        f"if that is not right, type its encoding, such as --encoding {other}"
    )
