"""JSON in and out, hardened: an answer is foreign text, and must not be able to hurt its reader.

With the extra ``fast``, orjson does what it does in the same way; whatever it refuses, or would do otherwise, goes the
way of the standard library, which decides. So there is one meaning, and only one of the ways is fast.
"""

import json
import math
import re
from types import ModuleType, NoneType
from typing import Any

orjson: ModuleType | None
try:
    import orjson
except ImportError:
    orjson = None

_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_ascii_encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False)

_PLAIN = frozenset({str, bool, NoneType})
"""Values that are written alike by both; orjson writes NaN as null, and takes dates and enums."""
_LONG_NUMBER = re.compile(rb"[0-9]{19}")
"""What may be a whole number that orjson would round, where there are numbers at all."""


def encode(value: Any) -> bytes:
    """Return compact UTF-8 JSON. Lone surrogates, which UTF-8 cannot carry, are written as escapes."""
    if orjson is not None and type(value) is dict and _PLAIN.issuperset(map(type, value.values())):
        try:
            return orjson.dumps(value)  # type: ignore[no-any-return]
        except TypeError:  # a lone surrogate, or a key that is no string
            pass
    try:
        return _encoder.encode(value).encode()
    except UnicodeEncodeError:
        return _ascii_encoder.encode(value).encode()


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is not JSON")


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
    if orjson is not None:
        try:
            found = orjson.loads(body)
        except ValueError:
            pass  # it is wrong, or only odd: the standard library knows
        else:
            if (type(found) is dict and _PLAIN.issuperset(map(type, found.values()))) or not _LONG_NUMBER.search(body):
                return found
    try:
        return _decoder.decode(body.decode())
    except UnicodeDecodeError:
        message = "not UTF-8"
    except json.JSONDecodeError as error:
        message = f"not JSON at character {error.pos}"
    except RecursionError:
        message = "nested too deep"
    except ValueError:
        message = "not JSON: it has a number or a constant that JSON does not have"
    raise ValueError(message)
