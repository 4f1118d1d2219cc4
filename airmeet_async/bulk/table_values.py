"""Numbers of a workbook as the texts that a spreadsheet shows: whole ones without a point, dates in ISO form. Pure."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from attrs import field, frozen

_MOST_DIGITS = 15  # what a spreadsheet keeps of a number
_DAY = 86_400
_LAST = 2_958_465  # 9999-12-31
_LEAP_BUG = 60  # 1900-02-29, which never was
_DATES = frozenset((*range(14, 23), *range(27, 37), 45, 47, *range(50, 59)))  # built in: ECMA-376, 18.8.30
_ELAPSED = 46
_QUOTED = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!(?:h+|m+|s+)\])[^\]]*\]', re.IGNORECASE)
_ELAPSED_CODE = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)


class Shape(Enum):
    """What a number is shown as."""

    NUMBER = "number"
    DATE = "date"
    ELAPSED = "elapsed"


@frozen
class Formats:
    """How the numbers of a workbook are shown.

    Attributes:
        shapes: By style.
        zeros: The least digits of styles that fill up with zeros, such as postcodes.
        from_1904: Days count from 1904, as once on the Macintosh.
    """

    shapes: Mapping[str, Shape] = field(factory=dict)
    zeros: Mapping[str, int] = field(factory=dict)
    from_1904: bool = False

    @classmethod
    def of(cls, styles: Iterable[int], codes: Mapping[int, str], *, from_1904: bool) -> "Formats":
        """Return the formats.

        Args:
            styles: The number of each style's format.
            codes: What the formats that are not built in look like.
            from_1904: Days count from 1904.
        """
        shapes, zeros = {}, {}
        for index, number in enumerate(styles):
            code = codes.get(number, "").partition(";")[0]
            if (shape := _shape(number, code)) is not Shape.NUMBER:
                shapes[str(index)] = shape
            elif len(code) > 1 and not code.strip("0"):
                zeros[str(index)] = len(code)
        return cls(shapes, zeros, from_1904)


def _shape(number: int, code: str) -> Shape:
    if number == _ELAPSED or _ELAPSED_CODE.search(code):
        return Shape.ELAPSED
    bare = _QUOTED.sub("", code).lower().replace("general", "")
    return Shape.DATE if number in _DATES or re.search(r"[dmyhs]", bare) else Shape.NUMBER


def number_text(text: str, formats: Formats, style: str) -> str:
    """Return the text of a cell with a number.

    Raises:
        ValueError: It is none.
    """
    value = float(text)
    shape = formats.shapes.get(style)
    if shape is Shape.DATE and 0 <= value <= _LAST:
        return moment_text(value, from_1904=formats.from_1904)
    if shape is Shape.ELAPSED and 0 <= value <= _LAST:
        return clock_text(round(value * _DAY))
    plain = plain_number(value)
    return plain.zfill(formats.zeros[style]) if style in formats.zeros and plain.isdigit() else plain


def plain_number(value: float) -> str:
    """Return ``12`` for 12.0, and else what a spreadsheet would show."""
    if value.is_integer() and abs(value) < 10.0 ** (_MOST_DIGITS + 1):
        return str(int(value))
    return f"{value:.{_MOST_DIGITS}g}"


def moment_text(value: float, *, from_1904: bool = False) -> str:
    """Return a day, a time of day, or both, in ISO form."""
    seconds = round(value * _DAY)
    if seconds < _DAY:
        return clock_text(seconds, "02d")
    start = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30 if value >= _LEAP_BUG else 31)  # noqa: DTZ001
    found = start + timedelta(seconds=seconds)
    return found.date().isoformat() if seconds % _DAY == 0 else found.isoformat()


def clock_text(seconds: int, hours: str = "d") -> str:
    """Return hours, minutes and seconds."""
    return f"{seconds // 3600:{hours}}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def text_of(value: Any) -> str:
    """Return a value as the text of a cell: nothing for None, NaN and their like, dates in ISO form."""
    if isinstance(value, str):
        return value
    if value is None or type(value).__name__ == "NAType":  # pandas' own None, which is neither true nor false
        return ""
    if value != value:  # noqa: PLR0124 - NaN and NaT are unlike themselves
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return plain_number(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, timedelta):
        return clock_text(round(value.total_seconds()))
    if isinstance(value, datetime):
        is_day = value.tzinfo is None and value.time() == time()
        return value.date().isoformat() if is_day else value.isoformat(timespec="seconds")
    if isinstance(value, time):
        return value.isoformat(timespec="seconds")
    return value.isoformat() if isinstance(value, date) else str(value)
