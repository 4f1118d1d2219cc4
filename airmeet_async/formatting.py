"""Numbers, times and long sentences as people read them. Pure."""

import textwrap
from unicodedata import east_asian_width

WIDTH = 79


def many(noun: str, n: int) -> str:
    """Return the noun for that many."""
    return noun if n == 1 else f"{noun}s"


def counted(number: int, noun: str) -> str:
    """Return ``1 row`` or ``3,000 rows``."""
    return f"{number:,} {many(noun, number)}"


def duration(seconds: float) -> str:
    """Return ``7 s``, ``12:34`` or ``3:02:01``."""
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def long_duration(seconds: float) -> str:
    """Return ``40 s``, ``25 min`` or ``1 h 40 min``: how long something takes, without false precision."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minute = divmod(minutes, 60)
    return " ".join(filter(None, (f"{hours} h" if hours else "", f"{minute} min" if minute else "")))


def wrapped(text: str, first: str = "", then: str = "  ") -> list[str]:
    """Return *text* in lines that fit a terminal of 80 columns."""
    # A Chinese or Japanese character takes two columns: it counts as two while the lines are made.
    wide = text if text.isascii() else "".join(f"{char}\0" if east_asian_width(char) in "WF" else char for char in text)
    lines = textwrap.wrap(
        wide, WIDTH, initial_indent=first, subsequent_indent=then, break_on_hyphens=False, break_long_words=False
    )
    return [line.replace("\0", "") for line in lines]
