"""Lists in pages, and when to stop asking.

"Until ``after`` is empty" would never end: the documented one-page sample has a
cursor on its last page (C), and one production user saw the cursor misbehave.
So `PagesRead.next_call` stops at the first sign of the end, whichever it is.
"""

from typing import Any, Generic, TypeVar

from attrs import define, evolve, field, frozen

from airmeet_async.errors import DecodeError
from airmeet_async.protocol.call import Call, Paging

T = TypeVar("T")

_MOST_PAGES = 100_000
"""A server that always has another page would keep its reader for ever."""


@frozen
class Page(Generic[T]):
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
    """The pages of a list that were read so far.

    Attributes:
        pages: Their number.
        rows: Rows on them.
        page_count: Pages in all as the first page had it; later pages are not believed, since it is not known
            whether they count from the start.
        cursors: Those already used, each with its direction.
    """

    pages: int = 0
    rows: int = 0
    page_count: int | None = None
    cursors: set[tuple[str, str | None]] = field(factory=set)

    def next_call(self, call: Call[Any], page: Page[Any]) -> Call[Any] | None:
        """Count *page*, which answered *call*, and return the call for the next page, or None at the end.

        A call with ``before`` goes on backwards.

        Raises:
            DecodeError: After so many pages there is none.
        """
        used = (("after", page.after) in self.cursors, ("before", page.before) in self.cursors)
        self.cursors.update((("after", page.after), ("before", page.before)))
        self.page_count = self.page_count if self.pages else page.page_count
        self.pages += 1
        self.rows += len(page.items)
        if self.pages >= _MOST_PAGES:
            name, so_far = call.endpoint.name, f"{self.rows:,} rows on {self.pages:,} pages"
            raise DecodeError(f"{name}: the list does not end: {so_far} so far", operation=name)
        if call.endpoint.paging is Paging.NUMBER:
            # Count on until the total is reached (B), or a page is empty, or short where no total is known.
            is_short = len(page.items) < int(call.query["resultSize"])
            if not page.items or (is_short if page.total_count is None else self.rows >= page.total_count):
                return None
            return evolve(call, query={**call.query, "pageNumber": str(int(call.query["pageNumber"]) + 1)})
        size = int(call.query.get("size", "0"))
        is_back = "before" in call.query
        way, cursor = ("before", page.before) if is_back else ("after", page.after)
        at_the_end = (
            not page.items
            or cursor is None
            or cursor == call.query.get(way)  # it leads to this page again
            or used[is_back]  # or to an earlier one
            # A short page is the last, unless pages are counted and the size may have been cut to an unknown maximum.
            or (len(page.items) < size and (self.page_count is None or call.endpoint.max_size > 0))
            or (self.page_count is not None and self.pages >= self.page_count)
            or (page.total_count is not None and self.rows >= page.total_count)
        )
        return None if at_the_end else evolve(call, query={**call.query, way: str(cursor)})
