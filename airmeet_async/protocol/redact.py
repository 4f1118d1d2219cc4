"""Make foreign text safe to show: no secrets, no terminal tricks, no novels."""

import hmac
import re
import unicodedata
from collections.abc import Iterable
from html import unescape
from typing import NoReturn

# An equals sign, a slash and the like may have been escaped for JSON, an address or a page, once or several times.
_EQUALS = r"(?:[=:]|%(?:25)*3D|\\+u003d|&\#(?:61|x3d);)"
_NAMED = re.compile(
    rf"(?i)((?:\bcode|token|access[_-]?key|secret[_-]?key|jwt)\b\\*[\"']?\s*{_EQUALS}\s*\\*[\"']?)[^\s&\"'<>,;]+"
)
# No second address within one, so that each piece of a text is read once.
_LINK = re.compile(
    r"(?i)https?(?::(?:\\*/){2}|%(?:25)*3A(?:%(?:25)*2F){2})(?:(?!https?[:%])\S)*?"
    rf"(?:[?&]|%(?:25)*(?:3F|26)|\\+u00(?:3f|26)|&amp;)code{_EQUALS}[^\s\"'<>]*"
)
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{6,}+\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*")
_SPACES = re.compile(r"\s+")
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"})
# One character, however it was escaped.
_ESCAPED = (
    r"\\+(?:u00|x)[0-9a-f]{2}|%(?:25)*[0-9a-f]{2}"
    r"|&(?:amp;)*(?:\#x[0-9a-f]{2}|\#[0-9]{2,3}|amp|lt|gt|quot|apos);|\\+."
)
_IS_ESCAPED = re.compile(_ESCAPED, re.IGNORECASE | re.DOTALL)
_CHARACTER = re.compile(f"{_ESCAPED}|.", re.IGNORECASE | re.DOTALL)
_LONGEST_ESCAPE = 8
SHOWN = 200


def clean(text: str, limit: int = SHOWN, secrets: Iterable[str] = ()) -> str:
    """Return *text* on one line, secrets masked, control and bidi characters escaped, at most *limit* long.

    Args:
        text: Foreign text.
        limit: Characters.
        secrets: What must not be shown, besides what looks like a secret by itself.
    """
    longest = max(map(len, secrets := tuple(secrets)), default=0)
    # Masked before it is cut: half a secret is one, too.
    text = mask(text[: limit * 8 + longest * _LONGEST_ESCAPE], secrets)[: limit * 8]
    text = _LINK.sub("***", text)
    text = _NAMED.sub(r"\1***", text)
    text = _JWT.sub("***", text)
    text = escape(_SPACES.sub(" ", text).strip())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return *text* without *secrets*, also where their characters were escaped for JSON, an address or a page."""
    secrets = tuple(filter(None, secrets))
    for secret in secrets:
        text = text.replace(secret, "***")
    if not secrets or not _IS_ESCAPED.search(text):
        return text
    characters = _CHARACTER.findall(text)
    plain = "".join(map(_unescape, characters))
    for secret in secrets:
        at = plain.find(secret)
        while at >= 0:
            characters[at : at + len(secret)] = ["***", *[""] * (len(secret) - 1)]
            at = plain.find(secret, at + len(secret))
    return "".join(characters)


def _unescape(character: str) -> str:
    """Return the one character that was escaped."""
    if len(character) == 1:
        return character
    if character[0] == "&":
        return unescape(re.sub("&(?:amp;)*(?=[^&;]+;)", "&", character, flags=re.IGNORECASE))[:1]
    digits = re.fullmatch(r"(?is)(?:\\+(?:u00|x)|%(?:25)*)([0-9a-f]{2})", character)
    return chr(int(digits[1], 16)) if digits else character[-1]


def escape(text: str) -> str:
    """Return *text* with everything escaped that could move the cursor, reorder a line or fail to encode."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _UNSHOWN else char for char in text
    )


def mask_email(email: str) -> str:
    """Return ``a***@e***`` for log lines above DEBUG."""
    name, _, domain = email.partition("@")
    return f"{escape(name[:1])}***@{escape(domain[:1])}***"


# It begins at the beginning of a word: else a long one would be read again from each of its characters.
_ADDRESS = re.compile(r"(?<![^\s@<>\"'=(,;])[^\s@<>\"'=(,;]+@[^\s@<>\"',;)]+")


def mask_emails(text: str) -> str:
    """Return *text* with each e-mail address in it masked."""
    return _ADDRESS.sub(lambda found: mask_email(found.group()), text)


class Secret:
    """Hold a key or a token. Only ``reveal()`` gives the text, and only the wire encoder calls it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied; pass the keys in the environment instead")
