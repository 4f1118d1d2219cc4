"""Cutting a list into pages the way Airmeet's cursors do.

A cursor is the integer row id of the first (`before`) or last (`after`) row of a page (C).
"""

import re
from collections.abc import Callable
from typing import TypeVar

from .asked import Asked
from .replies import InvalidError
from .state import Json

T = TypeVar("T")


def page(rows: list[T], key: Callable[[T], int], asked: Asked, *, default: int, most: int) -> tuple[list[T], Json]:
    """Return the asked page of sorted rows, and the cursors beside it."""
    query = asked.query
    size = _size(query.get("size"), default, most, clamp=asked.switches.clamp_size)
    start, stop = _span([key(row) for row in rows], query, size, descending=asked.switches.newest_first)
    if start >= len(rows) > 0:
        start, stop = _past_the_end(len(rows), size, asked)
    taken = rows[start:stop]
    left = -(-(len(rows) - start) // size)
    total = left if asked.switches.page_count_is_left else -(-len(rows) // size)
    last = stop >= len(rows)
    after = None if last and not asked.switches.after_on_last_page else _edge(taken, key, -1)
    return taken, {"before": _edge(taken, key, 0), "after": after, "pageCount": total}


def _edge(taken: list[T], key: Callable[[T], int], at: int) -> int | None:
    return key(taken[at]) if taken else None


def _number(text: str, name: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise InvalidError(f"{name} must be an integer")
    return int(text)


def _size(text: str | None, default: int, most: int, *, clamp: bool) -> int:
    size = default if text is None else _number(text, "size")
    if size < 1 or (size > most and not clamp):
        raise InvalidError(f"size must be from 1 to {most}")
    return min(size, most)


def _span(ids: list[int], query: dict[str, str], size: int, *, descending: bool) -> tuple[int, int]:
    sign = -1 if descending else 1
    start = 0
    if "after" in query:  # A: given both, before is ignored
        after = sign * _number(query["after"], "after")
        start = sum(sign * row <= after for row in ids)
    elif "before" in query:
        before = sign * _number(query["before"], "before")
        stop = sum(sign * row < before for row in ids)
        return max(0, stop - size), stop
    return start, start + size


def _past_the_end(rows: int, size: int, asked: Asked) -> tuple[int, int]:
    if asked.switches.past_the_end == "error":
        raise InvalidError("No such page")
    return ((rows - 1) // size * size if asked.switches.past_the_end == "repeat" else rows), rows
