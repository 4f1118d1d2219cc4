"""Make foreign text safe to show: no secrets, no terminal tricks, no novels."""

import hmac
import re
import unicodedata
from typing import NoReturn

from attrs import evolve

from airmeet_async.protocol.http_messages import Headers, Reply

_NAMED = re.compile(
    r"(?i)((?:\bcode|token|access[_-]?key|secret[_-]?key|jwt)\b[\"']?\s*(?:[=:]|%3D)\s*[\"']?)[^\s&\"'<>,;]+"
)
_LINK = re.compile(r"(?i)https?(?:://|%3A%2F%2F)\S*(?:[?&]|%3F|%26)code(?:=|%3D)[^\s\"'<>]*")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]+\.?[A-Za-z0-9_-]*")
_SPACES = re.compile(r"\s+")
_UNSHOWN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"})
SHOWN = 200


def clean(text: str, limit: int = SHOWN) -> str:
    """Return *text* on one line, secrets masked, control and bidi characters escaped, at most *limit* long."""
    text = text[: limit * 8]
    text = _LINK.sub("***", text)
    text = _NAMED.sub(r"\1***", text)
    text = _JWT.sub("***", text)
    text = escape(_SPACES.sub(" ", text).strip())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def escape(text: str) -> str:
    """Return *text* with everything escaped that could move the cursor, reorder a line or fail to encode."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if unicodedata.category(char) in _UNSHOWN else char for char in text
    )


def without(reply: Reply, credentials: Headers) -> Reply:
    """Return *reply* with the values of *credentials* masked: before its text is cut, for half a secret is one, too."""
    body = reply.body
    for _, secret in credentials:
        body = body.replace(secret, b"***")
    return reply if body == reply.body else evolve(reply, body=body)


def mask_email(email: str) -> str:
    """Return ``a***@e***`` for log lines above DEBUG."""
    name, _, domain = email.partition("@")
    return f"{escape(name[:1])}***@{escape(domain[:1])}***"


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
