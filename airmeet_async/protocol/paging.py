"""Lists in pages, and when to stop asking.

"Until ``after`` is empty" would never end: the documented one-page sample has a
cursor on its last page (C), and one production user saw the cursor misbehave.
So `PagesRead.next_call` stops at the first sign of the end, whichever it is.
"""

from typing import Any, Generic, TypeVar

from attrs import define, evolve, frozen

from airmeet_async.protocol.call import Call, Paging

T = TypeVar("T")


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
    cursors: frozenset[tuple[str, str | None]] = frozenset()

    def next_call(self, call: Call[Any], page: Page[Any]) -> Call[Any] | None:
        """Count *page*, which answered *call*, and return the call for the next page, or None at the end.

        A call with ``before`` goes on backwards.
        """
        used = self.cursors
        self.cursors |= {("after", page.after), ("before", page.before)}
        self.page_count = self.page_count if self.pages else page.page_count
        self.pages += 1
        self.rows += len(page.items)
        if call.endpoint.paging is Paging.NUMBER:
            # Count on until the total is reached (B), or a page is empty, or short where no total is known.
            is_short = len(page.items) < int(call.query["resultSize"])
            if not page.items or (is_short if page.total_count is None else self.rows >= page.total_count):
                return None
            return evolve(call, query={**call.query, "pageNumber": str(int(call.query["pageNumber"]) + 1)})
        size = int(call.query.get("size", "0"))
        way, cursor = ("before", page.before) if "before" in call.query else ("after", page.after)
        at_the_end = (
            not page.items
            or cursor is None
            or cursor == call.query.get(way)  # it leads to this page again
            or (way, cursor) in used  # or to an earlier one
            # A short page is the last, unless pages are counted and the size may have been cut to an unknown maximum.
            or (len(page.items) < size and (self.page_count is None or call.endpoint.max_size > 0))
            or (self.page_count is not None and self.pages >= self.page_count)
            or (page.total_count is not None and self.rows >= page.total_count)
        )
        return None if at_the_end else evolve(call, query={**call.query, way: str(cursor)})
