"""Lists in pages: when to ask on, and whether all of a list came.

1. What the server counts (rows, else pages) and its cursor decide where a list ends. A short or an empty page is an end
   only where nothing is counted, for pages may be capped, and an empty one may stand in the middle.
2. "Until ``after`` is empty" would never end: the documented one-page sample has a cursor on its last page (C), and one
   production user saw the cursor misbehave. So a cursor that was used ends a list, and so do pages without a new row.
3. A list that ends before its own count is not whole, and nor is one of which rows went away while it was read: in a
   list by numbered pages, each row behind them has moved up, perhaps to a page that was read before.
"""

from typing import Any, Generic, TypeVar

from attrs import define, evolve, field, frozen

from airmeet_async.errors import DecodeError
from airmeet_async.protocol.call import Call, Paging
from airmeet_async.protocol.value_class import AsDict

T = TypeVar("T")

_MOST_PAGES = 100_000
"""A server that always has another page would keep its reader for ever."""
_MOST_STALE_PAGES = 3


@frozen
class Page(AsDict, Generic[T]):
    """One page of a list.

    Attributes:
        items: The rows, typed.
        after: Cursor of the next page, where there is one.
        before: Cursor of the page in front of this one.
        page_count: Pages in all, as said on this page.
        total_count: Rows in all, as said on this page.
    """

    items: tuple[T, ...]
    after: str | None = None
    before: str | None = None
    page_count: int | None = None
    total_count: int | None = None


@define
class PagesRead:
    """The pages of a list that were read so far, from its start or from a cursor.

    Attributes:
        pages: Their number.
        rows: Rows on them, those aside that were on an earlier page.
        page_count: Pages in all as the first page had it; later pages are not believed, since it is not known
            whether they count from the start.
        total_count: Rows in all as the last page had it.
        has_shrunk: A page counted fewer rows than the one before.
        cursors: Those already used, each with its direction.
        stale: How many pages without a new row came last.
        is_part: It was begun at a cursor, so the counts are of more than what is read.
    """

    pages: int = 0
    rows: int = 0
    page_count: int | None = None
    total_count: int | None = None
    has_shrunk: bool = False
    cursors: set[tuple[str, str | None]] = field(factory=set)
    stale: int = 0
    is_part: bool = False

    def next_call(self, call: Call[Any], page: Page[Any], fresh: int | None = None) -> Call[Any] | None:
        """Count *page*, which answered *call*, and return the call for the next page, or None at the end.

        A call with ``before`` goes on backwards.

        Args:
            call: What was asked.
            page: The answer.
            fresh: How many of its rows were on no earlier page. Default: all.

        Raises:
            DecodeError: After so many pages there is no end.
        """
        way, cursor = ("before", page.before) if "before" in call.query else ("after", page.after)
        if not self.pages:
            self.page_count = page.page_count
            self.is_part = way in call.query
        if page.total_count is not None:
            self.has_shrunk |= page.total_count < (self.total_count or 0)
            self.total_count = page.total_count
        was_used = (way, cursor) in self.cursors
        self.cursors.update((("after", page.after), ("before", page.before)))
        fresh = len(page.items) if fresh is None else fresh
        self.pages += 1
        self.rows += fresh
        self.stale = 0 if fresh else self.stale + 1
        if self.pages >= _MOST_PAGES:
            name, so_far = call.endpoint.name, f"{self.rows:,} rows on {self.pages:,} pages"
            raise DecodeError(f"{name}: the list does not end: {so_far} so far", operation=name)
        if self.total_count is None and self.page_count is None:
            goes_on = fresh > 0
        else:
            goes_on = self.missing() > 0 and self.stale < _MOST_STALE_PAGES
        if call.endpoint.paging is Paging.NUMBER:
            if not goes_on:
                return None
            return evolve(call, query={**call.query, "pageNumber": str(int(call.query["pageNumber"]) + 1)})
        # A cursor leads nowhere if it leads to this page again, or to an earlier one.
        if not goes_on or cursor is None or cursor == call.query.get(way) or was_used:
            return None
        return evolve(call, query={**call.query, way: str(cursor)})

    def missing(self) -> int:
        """Return how many rows there are more, or else pages, by what the server counts."""
        rows = 0 if self.total_count is None else self.total_count - self.rows
        return max(rows, 0) or max(0, (self.page_count or 0) - self.pages)
