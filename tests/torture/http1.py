"""HTTP/1.1 as far as the truth server needs it."""

from http import HTTPStatus

from tests.torture.desk import Answer, Request

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


def parse(buffer: bytearray) -> tuple[Request, int] | None:
    """Return the first whole request and its size, or None while it is not whole."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    size = end + 4 + int(headers.get("content-length") or 0)
    if len(buffer) < size:
        return None
    method, target, _ = first.split(" ", 2)
    return Request(method, target.partition("?")[0], headers, bytes(buffer[end + 4 : size])), size


def encode(answer: Answer) -> bytes:
    """Return the whole reply as bytes."""
    return b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s" % (
        answer.status, _PHRASES.get(answer.status, "Odd").encode(), answer.headers, len(answer.body), answer.body,
    )  # fmt: skip
