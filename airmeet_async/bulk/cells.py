"""One cell as text."""

import math
import re
from enum import Enum
from typing import Any

_BLANKS = re.compile(r"[\t\r\n\v\f]+")
_INVISIBLE = "\ufeff\u200b\u2060"


def tidy(value: Any) -> str:
    """Return one cell as text. The text itself is kept as given: no Unicode form, no case is changed."""
    if type(value) is str and value.isprintable():  # nearly always: no line ends, tabs or invisible characters in it
        return value.strip()
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, Enum):
        value = value.value
    text = _BLANKS.sub(" ", value if isinstance(value, str) else str(value)).strip()
    return text.strip(_INVISIBLE).strip() if text and (text[0] in _INVISIBLE or text[-1] in _INVISIBLE) else text
