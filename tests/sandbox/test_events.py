"""Listing events, page by page, and reading one."""

import pytest

from airmeet_async.sandbox import Event, community
from tests.sandbox.caller import Caller

OLDEST_FIRST = [
    community.SUMMIT,
    community.HYBRID,
    community.WITH_FIELDS,
    community.SMALL,
    community.LIVE,
    community.PAUSED,
    community.FINISHED,
]


def uids(page):
    return [row["uid"] for row in page["data"]]


def test_list_shows_own_events_that_are_not_archived():
    """Archived events and those of others stay out; the order is that of creation."""
    assert uids(Caller().get("/airmeets")) == OLDEST_FIRST


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 8])
def test_after_walks_through_all_pages(size, newest_first):
    """Following `after` for `pageCount` pages shows each event once, in order."""
    caller = Caller(newest_first=newest_first)
    page = caller.get(f"/airmeets?size={size}")
    seen = uids(page)
    for _ in range(page["cursors"]["pageCount"] - 1):
        page = caller.get(f"/airmeets?size={size}&after={page['cursors']['after']}")
        seen += uids(page)

    assert (OLDEST_FIRST[::-1] if newest_first else OLDEST_FIRST) == seen


@pytest.mark.parametrize("newest_first", [False, True])
def test_before_walks_back(newest_first):
    """`before` gives the page that ends just before the cursor."""
    caller = Caller(newest_first=newest_first)
    first = caller.get("/airmeets?size=2")
    second = caller.get(f"/airmeets?size=2&after={first['cursors']['after']}")

    assert first["data"] == caller.get(f"/airmeets?size=2&before={second['cursors']['before']}")["data"]


def test_after_wins_over_before():
    """Given both cursors, `before` is ignored."""
    caller = Caller()
    after = caller.get("/airmeets?size=2")["cursors"]["after"]

    assert OLDEST_FIRST[2:] == uids(caller.get(f"/airmeets?before={after}&after={after}"))


def test_before_near_the_start_gives_a_short_page():
    """There is nothing before the first event."""
    caller = Caller()
    before = caller.get("/airmeets?size=2")["cursors"]["after"]

    assert uids(caller.get(f"/airmeets?size=4&before={before}")) == OLDEST_FIRST[:1]


@pytest.mark.parametrize("size", [7, 50])
@pytest.mark.parametrize("kept", [True, False])
def test_after_on_the_last_page(kept, size):
    """It stays a number, as in the quoted sample, or becomes null, even if the page is full."""
    cursors = Caller(after_on_last_page=kept).get(f"/airmeets?size={size}")["cursors"]

    assert kept == isinstance(cursors["after"], int)


def test_after_is_a_number_before_the_last_page():
    """Null means the last page and nothing else."""
    assert isinstance(Caller(after_on_last_page=False).get("/airmeets?size=5")["cursors"]["after"], int)


@pytest.mark.parametrize(("choice", "expected"), [("empty", []), ("repeat", OLDEST_FIRST[4:])])
def test_page_past_the_end(choice, expected):
    """Whoever goes on after the last page gets nothing, or the last page for ever."""
    caller = Caller(past_the_end=choice)
    last = caller.get("/airmeets")["cursors"]["after"]

    assert expected == uids(caller.get(f"/airmeets?size=4&after={last}"))


def test_page_past_the_end_can_be_an_error():
    """The third way is a refusal."""
    caller = Caller(past_the_end="error")
    last = caller.get("/airmeets")["cursors"]["after"]

    assert caller.status("GET", f"/airmeets?after={last}") == 400


@pytest.mark.parametrize(("left", "counts"), [(False, [4, 4, 4]), (True, [4, 3, 2])])
def test_page_count(left, counts):
    """It counts all pages, or those from here on."""
    caller = Caller(page_count_is_left=left)
    page = caller.get("/airmeets?size=2")
    seen = [page["cursors"]["pageCount"]]
    for _ in range(2):
        page = caller.get(f"/airmeets?size=2&after={page['cursors']['after']}")
        seen.append(page["cursors"]["pageCount"])

    assert counts == seen


@pytest.mark.parametrize(("size", "rows"), [("", 50), ("?size=500", 500), ("?size=501", 500), ("?size=9999", 500)])
def test_size_has_a_default_and_a_limit(size, rows):
    """Fifty by default, five hundred at most."""
    caller = Caller()
    for row in range(600):
        caller.world.add_event(Event(uid=f"e{row}", row=5000 + row, community=community.COMMUNITY, name="More"))

    assert rows == len(caller.get(f"/airmeets{size}")["data"])


@pytest.mark.parametrize("query", ["size=0", "size=-1", "size=x", "size=", "after=x", "before=1.5", "after=--5"])
def test_bad_paging_is_refused(query):
    """Sizes below one and cursors that are no integers are a 400."""
    assert Caller().status("GET", f"/airmeets?{query}") == 400


def test_size_over_the_limit_can_be_refused():
    """Cut by default, refused if switched."""
    caller = Caller(clamp_size=False)

    assert (caller.status("GET", "/airmeets?size=500"), caller.status("GET", "/airmeets?size=501")) == (200, 400)


def test_empty_list_has_null_cursors():
    """A community without events gets an empty page."""
    caller = Caller()
    caller.world.add_event(Event(uid=community.FOREIGN, row=1, community="nobody", name="Moved away"))
    caller.token = caller.login(community.FOREIGN_ACCESS_KEY, community.FOREIGN_SECRET_KEY)

    assert caller.get("/airmeets") == {"data": [], "cursors": {"before": None, "after": None, "pageCount": 0}}


def test_info_shows_the_format_and_the_sessions():
    """The facts stand at the top; a hybrid event is known by its sub type."""
    caller = Caller()

    assert caller.get(f"/airmeet/{community.HYBRID}/info")["event_sub_type"] == "HYBRID_CONFERENCE"
    statuses = [row["status"] for row in caller.get(f"/airmeet/{community.LIVE}/info")["sessions"]]
    assert statuses == ["FINISHED", "ONGOING"]
    assert caller.get(f"/airmeet/{community.SUMMIT}/info")["sessions"] == []


def test_custom_fields():
    """One field is text without options, one has options; other events have none."""
    caller = Caller()
    text, choice = caller.get(f"/airmeet/{community.WITH_FIELDS}/custom-fields")["customFields"]

    assert (text["fieldId"], text["options"]) == (community.FIELD_COMPANY_SIZE, None)
    assert [option["code"] for option in choice["options"]] == ["S", "M", "L"]
    assert caller.get(f"/airmeet/{community.SUMMIT}/custom-fields") == {"customFields": []}
