"""When to stop asking for pages: where the server's own count or its cursor says so."""

import itertools

import pytest
from attrs import evolve

from airmeet_async import DecodeError, calls
from airmeet_async.protocol.paging import Page, PagesRead
from tests.cases import case

SIZE = 3
FIRST = calls.list_airmeets(size=SIZE)


def page(*items, **facts):
    return Page(items, **facts)


FULL = page(1, 2, 3, after="3", before="1")

# Left: the page, and what was read before it; right: the cursor that is asked for next, or None at the end.
STOPS = {
    "more to come": (FULL, PagesRead(), "3"),
    "pages left": (page(1, 2, 3, after="3", page_count=2), PagesRead(), "3"),
    "rows left": (page(1, 2, 3, after="3", total_count=4), PagesRead(), "3"),
    "an empty page": (page(after="3"), PagesRead(), None),
    "an empty page in the middle": (page(after="3", page_count=9), PagesRead(), "3"),
    "an empty page before all rows": (page(after="6", total_count=9), PagesRead(1, 3), "6"),
    "the third empty page in a row": (page(after="6", page_count=9), PagesRead(4, 3, page_count=9, stale=2), None),
    "no cursor": (page(1, 2, 3, page_count=9), PagesRead(), None),
    "a short page": (page(1, 2, after="3", page_count=9), PagesRead(), "3"),
    "a short page of a list that counts nothing": (page(1, 2, after="3"), PagesRead(), "3"),
    "a page that is too long": (page(1, 2, 3, 4, after="4"), PagesRead(), "4"),
    "the only page": (page(1, 2, 3, after="3", page_count=1), PagesRead(), None),
    "the last page": (page(7, 8, 9, after="9"), PagesRead(2, 6, page_count=3), None),
    "the last page but one": (page(4, 5, 6, after="6"), PagesRead(1, 3, page_count=3), "6"),
    "past the last page": (page(7, 8, 9, after="9"), PagesRead(5, 15, page_count=3), None),
    "all rows": (page(4, 5, 6, after="6", total_count=6), PagesRead(1, 3), None),
    "more rows than there are": (page(4, 5, 6, after="6", total_count=5), PagesRead(1, 3), None),
    "a cursor that was used": (page(4, 5, 6, after="3"), PagesRead(1, 3, cursors={("after", "3")}), None),
    "a cursor that was used long ago": (
        page(4, 5, 6, after="3"),
        PagesRead(9, 27, cursors={("after", "3"), ("after", "6")}),
        None,
    ),
    "another direction's cursor": (
        page(4, 5, 6, after="3"),
        PagesRead(1, 3, cursors={("before", "3")}),
        "3",
    ),
    "a later page that claims less": (page(4, 5, 6, after="6", page_count=1), PagesRead(1, 3, page_count=9), "6"),
    "a later page that claims at all": (page(4, 5, 6, after="6", page_count=2), PagesRead(1, 3), "6"),
}


def test_each_sign_of_the_end_is_heeded():
    """The next call differs in its cursor only."""
    for name, (read, before, after) in STOPS.items():
        with case(name):
            expected = None if after is None else calls.list_airmeets(size=SIZE, after=after)

            assert evolve(before).next_call(FIRST, read) == expected


def test_the_cursor_just_used_ends_the_list():
    """Also the one that the caller began with, which was not read from a page."""
    call = calls.list_airmeets(size=SIZE, after=3)

    assert PagesRead().next_call(call, FULL) is None
    assert PagesRead().next_call(call, evolve(FULL, after=None)) is None


def test_numbered_pages_end_where_the_total_is_reached():
    """Not at a short or an empty page; without a total, at a page with nothing new."""
    first = calls.list_participants("e", size=2)

    def number(read, *pages):
        call = first
        for one, fresh in pages:
            call = read.next_call(first, one, fresh)
        return None if call is None else int(call.query["pageNumber"])

    assert number(PagesRead(), (page(1, total_count=3), 1)) == 2
    assert number(PagesRead(), (page(total_count=3), 0)) == 2
    assert number(PagesRead(), *[(page(total_count=3), 0)] * 3) is None
    assert number(PagesRead(), (page(1, 2, total_count=3), 2), (page(3, total_count=3), 1)) is None
    assert number(PagesRead(), (page(1), 1)) == 2
    assert number(PagesRead(), (page(1), 0)) is None


def test_it_is_known_how_much_is_missing():
    """Rows by their count, else pages by theirs; and that a list has become shorter on the way."""
    read = PagesRead()
    read.next_call(FIRST, page(1, 2, total_count=5, page_count=2))
    assert (read.missing(), read.has_shrunk) == (3, False)
    read.next_call(FIRST, page(3, total_count=4), 0)
    assert (read.missing(), read.has_shrunk) == (2, True)
    assert read_of(page(1, page_count=3)).missing() == 2
    assert read_of(page(1)).missing() == 0


def read_of(*pages):
    read = PagesRead()
    for one in pages:
        read.next_call(FIRST, one)
    return read


def test_what_was_read_is_counted():
    """Pages, rows and cursors; the number of pages is believed once."""
    read = read_of(page(1, 2, after="2", page_count=3), page(3, before="3", page_count=1))

    assert (read.pages, read.rows, read.page_count) == (2, 3, 3)
    assert {("after", "2"), ("before", "3")} <= read.cursors
    assert read_of(page(1), page(2, page_count=1)).page_count is None


@pytest.mark.slow
def test_a_list_that_never_ends_is_an_error():
    """A server with another page each time would keep its reader for ever."""
    read = PagesRead()
    with pytest.raises(DecodeError, match=r"airmeets.list: the list does not end: 300,000 rows on 100,000 pages"):
        for number in itertools.count():
            assert read.next_call(FIRST, evolve(FULL, after=f"page-{number}"))


class Server:
    """A list of *rows*, cut into pages; *lies* change the page that is given."""

    def __init__(self, rows, lies=lambda page, _n: page, size=SIZE):
        self.rows = list(rows)
        self.lies = lies
        self.size = size
        self.asked = 0

    def answer(self, call):
        self.asked += 1
        assert self.asked < 100, "this list never ends"
        taken = [row for row in self.rows if row > int(call.query.get("after", "0"))][: self.size]
        if "before" in call.query:
            taken = [row for row in self.rows if row < int(call.query["before"])][-self.size :]
        read = Page(tuple(taken), page_count=-(-len(self.rows) // self.size))
        if taken:
            read = evolve(read, after=str(taken[-1]), before=str(taken[0]))
        return self.lies(read, self.asked)


def walk_through(server, call=FIRST):
    """Return the rows of all pages, each once, in the order in which they came."""
    rows, read = [], PagesRead()
    while call is not None:
        one = server.answer(call)
        fresh = [row for row in one.items if row not in rows]
        rows += fresh
        call = read.next_call(call, one, len(fresh))
    return rows


def changed(**facts):
    return lambda page, n: evolve(page, **{name: fact(n) if callable(fact) else fact for name, fact in facts.items()})


LIES = {
    "none": lambda page, _n: page,
    "null on the last page": lambda page, n: page if n < 4 else changed(after=None)(page, n),
    "no number of pages": changed(page_count=None),
    "too many pages": changed(page_count=999),
    "the number of pages left": changed(page_count=lambda n: 5 - n),
    "the true number of rows": changed(page_count=None, total_count=10),
    "too many rows": changed(page_count=None, total_count=999),
}


def test_all_rows_are_read():
    """Each once, whatever is said about the end."""
    for name, lies in LIES.items():
        for rows in [10, 9, 3, 2, 0]:
            with case(name, rows):
                server = Server(range(1, rows + 1), lies)

                assert walk_through(server) == list(range(1, rows + 1))
                assert server.asked <= rows // SIZE + 4


ENDLESS = {
    "the same cursor": changed(after="3", page_count=None),
    "the same page": lambda _page, _n: page(1, 2, 3, after="3"),
    "two cursors in turn": changed(after=lambda n: str(3 + n % 2), page_count=None),
    "a page that was there before": lambda read, n: read if n < 3 else page(1, 2, 3, after="3"),
    "new cursors for nothing": lambda _page, n: page(after=str(n)),
    "new cursors for one row": lambda _page, n: page(1, after=str(n)),
    "new cursors and a count": lambda _page, n: page(1, 2, 3, after=str(n), page_count=5),
    "new cursors and a sum": lambda _page, n: page(1, 2, 3, after=str(n), total_count=15),
}


def test_a_list_that_never_ends_is_left():
    """Whatever the server does with its cursor."""
    for name, lies in ENDLESS.items():
        with case(name):
            server = Server(range(1, 1000), lies)
            walk_through(server)

            assert server.asked <= 6


def test_a_walk_backwards_stays_backwards():
    """From the cursor to the front; airmeets ignore `before` beside `after` (A), so only one is ever sent."""
    server = Server(range(1, 21))

    rows = walk_through(server, calls.list_airmeets(size=SIZE, before=13))

    assert rows == [10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3]
    assert server.asked == 5


def test_a_walk_from_the_middle_ends():
    """The number of pages counts from the start, so other signs end it."""
    assert walk_through(Server(range(1, 11)), calls.list_airmeets(size=SIZE, after=4)) == [5, 6, 7, 8, 9, 10]
