"""Requests and replies as plain values.

`Request` and `Reply` are the whole seam: a transport turns one into the other,
the sandbox's world does the same without a network, and nothing else in the
library knows what carries them.
"""

from collections.abc import Mapping

from attrs import field

from airmeet_async.protocol.value_class import value

WRITE_LIMIT = 256 * 1024
READ_LIMIT = 32 * 1024 * 1024

Headers = tuple[tuple[bytes, bytes], ...]


def is_visible_ascii(text: str) -> bool:
    """Return whether a key or a token can stand in a header: visible ASCII characters, no blanks."""
    return all("!" <= char <= "~" for char in text)


@value
class Request:
    """One HTTP request, ready to be sent to the client's base address.

    Attributes:
        method: The verb, in capitals.
        target: Path and query as they stand in the request line, base path included.
        headers: Name and value pairs; they hold the credentials, so they are never shown.
        body: The JSON text, or nothing.
        reply_limit: The largest answer body to accept, in bytes.
    """

    method: str
    target: str
    headers: Headers = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    reply_limit: int = field(default=WRITE_LIMIT, repr=False)

    def header(self, name: str) -> str | None:
        """Return the first header of that name (case ignored), or None."""
        wanted = name.lower().encode()
        return next((value.decode("latin-1") for key, value in self.headers if key.lower() == wanted), None)


@value
class Reply:
    """One HTTP answer, read to its end.

    Attributes:
        status: The HTTP status.
        headers: Names in lower case; of repeated ones the last.
        body: The bytes as they came; no content encoding was undone.
        at: When it arrived, in seconds since the epoch; 0 where nobody looked.
    """

    status: int
    headers: Mapping[str, str] = field(factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    at: float = field(default=0.0, repr=False)
