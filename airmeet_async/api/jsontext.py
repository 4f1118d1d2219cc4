"""JSON in and out, hardened: an answer is foreign text, and must not be able to hurt its reader."""

import json
import math
from typing import Any

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_ascii_encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def encode(value: Any) -> bytes:
    """Return compact UTF-8 JSON. Lone surrogates, which UTF-8 cannot carry, are written as escapes."""
    try:
        return _encoder.encode(value).encode()
    except UnicodeEncodeError:
        return _ascii_encoder.encode(value).encode()


def _refuse(constant: str) -> Any:
    message = f"{constant} is not JSON"
    raise ValueError(message)


def _finite(digits: str) -> float:
    """Refuse 1e400: it would become an infinity, which is a constant that JSON does not have."""
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


_decoder = json.JSONDecoder(parse_constant=_refuse, parse_float=_finite)


def decode(body: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: Not UTF-8, not JSON, or nested too deep. The text itself is not in the message.
    """
    try:
        return _decoder.decode(body.decode())
    except UnicodeDecodeError:
        message = "not UTF-8"
    except json.JSONDecodeError as error:
        message = f"not JSON at character {error.pos}"
    except RecursionError:
        message = "nested too deep"
    except ValueError:
        message = "holds a number or a constant that JSON does not have"
    raise ValueError(message)
