"""Texts that something has broken before they came here: wrong encodings, marks of other formats, words for no value.

Rules of this file:

1. Nothing is corrected. People are called Null, and "?" may be meant: a text is sent as it is, with a warning that
   names the likely one. Where a text comes from it is to be corrected, and all others of its kind with it.
2. `may_be_broken` sees only the bytes of a request. It may err on one side: whatever `text_warnings` would
   name, it finds, but for words that are a whole text (`NO_VALUE`). A property test says so.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from functools import lru_cache
from urllib.parse import unquote

from airmeet_async.bulk.report import RowWarning
from airmeet_async.bulk.row import Row
from airmeet_async.protocol.validation import look_alike
from airmeet_async.tables import shown

# What programs write where there is no value, as a whole text. People type some of these, too.
PLACEHOLDERS = frozenset({"Info Requested", "Information Requested", "INFO REQUESTED", "info requested"})
NO_VALUE = PLACEHOLDERS | frozenset({
    "NULL", "Null", "null", "None", "NONE", "none", "N/A", "n/a", "n.a.", "N.A.", "NA", "\\N", "(null)", "(NULL)",
    "undefined", "Undefined", "[object Object]", "NaN", "nan", "NaT", "<NA>", "#N/A", "#REF!", "#VALUE!", "#NAME?",
    "#DIV/0!", "#NUM!", "#NULL!", "#NV", "#BEZUG!", "#WERT!", "#N/D", "#VALEUR!", "#ERROR!", "#SPILL!",
})  # fmt: skip

# UTF-8 that was read as one of these is found again; the first that fits counts.
_CODECS = ("cp1252", "cp1250", "cp1251", "cp850", "cp437", "mac_roman")
_LOST = re.compile(r"\?\?|[^\W\d_]\?[^\W\d_]|^\?+$")
_LOST_IN_NAMES = re.compile(r"\?")
_NAMES = frozenset({"first_name", "last_name", "name"})
_ADDRESSES = frozenset({"email", "host_email"})
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,24});")
_ENCODED_WORD = re.compile(r"=\?[\w-]+\?[BbQq]\?[^?\s]*\?=")
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
# Characters that show nothing, within a text; those of direction are meant there.
_INVISIBLE = re.compile("[\u00ad\u200b\u2060\ufeff]")
_BLANK = "\u2800\u3164\u115f\u1160\uffa0"
_LOST_LETTERS = tuple(character.encode() for character in f"\ufffd\u00ad\u200b\u2060\ufeff{_BLANK}")
# What all signs of a wrong encoding have in common, and is found ten times faster.
_BESIDE_EACH_OTHER = re.compile("[^\x00-\x7f][^\x00-\x7f\u3000-\uf8fe]")


def may_be_broken(payload: bytes) -> bool:
    """Whether there is a sign of a broken text in a row's request, as JSON; a text in it may be sound all the same."""
    return _has_sign(payload) or (not payload.isascii() and _is_read_wrong(payload))


def find_broken_rows(rows: Sequence[Row]) -> list[Row]:
    """Return those of some rows that `may_be_broken`.

    All are looked at together first: nearly always there is nothing, and a row costs next to nothing.
    """
    together = b"".join([row.payload for row in rows])
    if _has_sign(together):
        return [row for row in rows if may_be_broken(row.payload)]
    if together.isascii():
        return []
    return [row for row in rows if not row.payload.isascii() and _is_read_wrong(row.payload)]


def _has_sign(payload: bytes) -> bool:
    # Single bytes: two together take fifteen times as long to be found.
    return b"?" in payload or b"%" in payload or b"\\" in payload or (b"&" in payload and b";" in payload)


def _is_read_wrong(payload: bytes) -> bool:
    if any(map(payload.__contains__, _LOST_LETTERS)):
        return True
    text = payload.decode(errors="replace")
    return _BESIDE_EACH_OTHER.search(text) is not None and _signs().search(text) is not None


def text_warnings(texts: Mapping[str, str]) -> Iterator[RowWarning]:
    """Yield a warning for each text that is visibly broken, or is a word for no value, by the names of their fields."""
    for name, text in texts.items():
        if text in NO_VALUE:
            yield _no_value(name, text)
        elif name in _ADDRESSES:
            if (what := look_alike(text)) is not None:
                yield RowWarning("look_alike", f"{name} {shown(text)} {what}")
        elif (likely := likely_text(text)) is not None:
            what = f"probably {shown(likely)}" if likely else "with letters lost"
            yield RowWarning("broken_text", f"{name} is {shown(text)}, {what}")
        elif (_LOST_IN_NAMES if name in _NAMES else _LOST).search(text):
            yield RowWarning("broken_text", f"{name} is {shown(text)}, with letters lost")


def _no_value(name: str, text: str) -> RowWarning:
    if text in PLACEHOLDERS:
        return RowWarning("placeholder", f"{name} is {shown(text)}, Eventbrite's words for a name that nobody gave")
    return RowWarning("no_value", f"{name} is {shown(text)}, which looks like a word for no value")


def likely_text(text: str) -> str | None:
    """Return what a text was before it was broken; empty where that cannot be told, None where it seems to be sound.

    It may have been broken more than once: ``JosÃƒÂ©`` is ``José``.
    """
    if "\ufffd" in text or (text and not text.strip(_BLANK)):
        return ""
    found = text
    for _ in range(3):
        before = found
        found = _INVISIBLE.sub("", found)
        if "&" in found:
            found = _ENTITY.sub(lambda entity: html.unescape(entity[0]), found)
        if "\\u" in found:
            found = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), found)
        if "=?" in found:
            found = _ENCODED_WORD.sub(_decoded_word, found)
        if "%" in found:
            found = _unquoted(found)
        if not found.isascii():
            found = _read_right(found)
        if found == before:
            break
    return found if found != text and found.isprintable() else None


def _decoded_word(word: re.Match[str]) -> str:
    try:
        return str(make_header(decode_header(word[0])))
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return word[0]


def _unquoted(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeError:
        return text


def _read_right(text: str) -> str:
    for codec in _CODECS:

        def read(run: re.Match[str], codec: str = codec) -> str:
            found = _to_bytes(run[0], codec).decode(errors="replace")
            # One letter may be by chance, as in the capitals of "PÓŹNIAK": then it must be one of Europe's, or a sign.
            is_by_chance = len(found) == 1 and not ("\u00a0" <= found < "\u0180" or "\u2000" <= found < "\u2200")
            if codec == "cp1251" and len(found) == 1:  # in "Гёте" it is by chance, beside ASCII letters not
                start, end = run.span()
                is_by_chance = not (run.string[max(0, start - 1) : start] + run.string[end : end + 1]).isascii()
                is_by_chance = is_by_chance or run[0] == run.string
            return run[0] if is_by_chance or not found.isprintable() or "\ufffd" in found else found

        if (found := _sequences(codec).sub(read, text)) != text:
            return found
    return text


def _characters(codec: str, first: int, last: int) -> str:
    """Return how some bytes look in an encoding; cp1252 and others leave some out, which then are what they are."""
    return "".join(bytes([byte]).decode(codec, errors="ignore") or chr(byte) for byte in range(first, last + 1))


def _to_bytes(text: str, codec: str) -> bytes:
    return b"".join(
        character.encode(codec, errors="ignore") or character.encode("latin-1", errors="replace") for character in text
    )


@lru_cache
def _sequences(codec: str) -> re.Pattern[str]:
    """Return what finds letters in UTF-8 that were read in an encoding."""
    follow = f"[{re.escape(_characters(codec, 0x80, 0xBF))}]"
    two, three, four = (re.escape(_characters(codec, *ends)) for ends in ((0xC2, 0xDF), (0xE0, 0xEF), (0xF0, 0xF4)))
    return re.compile(f"(?:[{two}]{follow}|[{three}]{follow}{{2}}|[{four}]{follow}{{3}})+")


@lru_cache
def _signs() -> re.Pattern[str]:
    """Return what finds the first two characters of a letter that was read in any of the encodings."""
    first, second = ("".join(_characters(codec, *ends) for codec in _CODECS) for ends in ((0xC2, 0xF4), (0x80, 0xBF)))
    return re.compile(f"[{re.escape(first)}][{re.escape(second)}]")
