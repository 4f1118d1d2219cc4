"""A string that no repr, log line, pickle or traceback can show."""

import hmac
from typing import NoReturn


class Secret:
    """Hold a key or a token. Only ``reveal()`` gives the text, and only the wire encoder calls it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
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
        message = "a Secret cannot be pickled or copied; pass the keys through the environment instead"
        raise TypeError(message)
