"""Cutting a list into pages the way Airmeet's cursors do.

A cursor is the integer row id of the first (`before`) or last (`after`) row of a page (C).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from attrs import frozen

from .asked import Asked
from .replies import InvalidError
from .state import Json


@frozen
class Table:
    """Rows that are made when they are looked at, so that a million of them cost nothing.

    Attributes:
        ids: Their ids, ascending; a range will do.
        row: Makes the row at a place.
    """

    ids: Sequence[int]
    row: Callable[[int], Json]


@frozen
class Page:
    """Some rows of a table.

    Attributes:
        rows: The rows.
        cursors: What stands beside them.
        number: Which page it is, counted from 1.
    """

    rows: list[Json]
    cursors: Json
    number: int


def page(table: Table, asked: Asked, *, default: int, most: int, descending: bool) -> Page:
    """Return the page of a table that is asked for."""
    query, switches = asked.query, asked.switches
    ids = table.ids[::-1] if descending else table.ids
    size = whole(query, "size", default, most, clamp=switches.clamp_size)
    start, stop = _span(ids, query, size, sign=-1 if descending else 1)
    if start >= len(ids) > 0:
        start, stop = _past_the_end(len(ids), size, asked)
    taken = ids[start:stop]
    pages = -(-(len(ids) - start if switches.page_count_is_left else len(ids)) // size)
    is_last = stop >= len(ids)
    after = None if is_last and not switches.after_on_last_page else _edge(taken, -1)
    places = range(start, start + len(taken))
    rows = [table.row(len(ids) - 1 - place if descending else place) for place in places]
    return Page(rows, {"before": _edge(taken, 0), "after": after, "pageCount": pages}, start // size + 1)


def whole(query: dict[str, str], name: str, default: int, most: int, *, clamp: bool) -> int:
    """Return a number of a query, cut to its maximum or refused beyond it."""
    value = int(query.get(name, default))
    if value > most and not clamp:
        raise InvalidError(f"{name} must be from 1 to {most}")
    return min(value, most)


def _edge(ids: Sequence[int], at: int) -> int | None:
    return ids[at] if ids else None


def _span(ids: Sequence[int], query: dict[str, str], size: int, *, sign: int) -> tuple[int, int]:
    def ascending(row: int) -> int:
        return sign * row

    start = 0
    if "after" in query:  # A: given both, before is ignored
        start = bisect_right(ids, sign * int(query["after"]), key=ascending)
    elif "before" in query:
        stop = bisect_left(ids, sign * int(query["before"]), key=ascending)
        return max(0, stop - size), stop
    return start, start + size


def _past_the_end(rows: int, size: int, asked: Asked) -> tuple[int, int]:
    if asked.switches.past_the_end == "error":
        raise InvalidError("No such page")
    return ((rows - 1) // size * size if asked.switches.past_the_end == "repeat" else rows), rows
