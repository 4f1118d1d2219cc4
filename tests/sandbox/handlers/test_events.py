"""Listing events, page by page, reading one, making and copying them, and leading them through their life."""

import re
from typing import Any

from airmeet_async.sandbox import Event, community
from tests.sandbox.caller import Caller, content

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


def test_after_walks_through_all_pages():
    """Following `after` for `pageCount` pages shows each event once, in order."""
    for newest_first in [False, True]:
        for size in [1, 2, 3, 4, 5, 6, 7, 8]:
            caller = Caller(newest_first=newest_first)
            page = caller.get(f"/airmeets?size={size}")
            seen = uids(page)
            for _ in range(page["cursors"]["pageCount"] - 1):
                page = caller.get(f"/airmeets?size={size}&after={page['cursors']['after']}")
                seen += uids(page)

            assert (OLDEST_FIRST[::-1] if newest_first else OLDEST_FIRST) == seen, (newest_first, size)


def test_before_walks_back():
    """`before` gives the page that ends just before the cursor."""
    for newest_first in [False, True]:
        caller = Caller(newest_first=newest_first)
        first = caller.get("/airmeets?size=2")
        second = caller.get(f"/airmeets?size=2&after={first['cursors']['after']}")

        assert first["data"] == caller.get(f"/airmeets?size=2&before={second['cursors']['before']}")["data"], (
            newest_first
        )


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


def test_after_on_the_last_page():
    """It stays a number, as in the quoted sample, or becomes null, even if the page is full."""
    for size in [7, 50]:
        for kept in [True, False]:
            cursors = Caller(after_on_last_page=kept).get(f"/airmeets?size={size}")["cursors"]

            assert kept == isinstance(cursors["after"], int), (size, kept)


def test_after_is_a_number_before_the_last_page():
    """Null means the last page and nothing else."""
    assert isinstance(Caller(after_on_last_page=False).get("/airmeets?size=5")["cursors"]["after"], int)


def test_page_past_the_end():
    """Whoever goes on after the last page gets nothing, or the last page for ever."""
    for choice, expected in [("empty", []), ("repeat", OLDEST_FIRST[4:])]:
        caller = Caller(past_the_end=choice)
        last = caller.get("/airmeets")["cursors"]["after"]

        assert expected == uids(caller.get(f"/airmeets?size=4&after={last}")), (choice, expected)


def test_page_past_the_end_can_be_an_error():
    """The third way is a refusal."""
    caller = Caller(past_the_end="error")
    last = caller.get("/airmeets")["cursors"]["after"]

    assert caller.status("GET", f"/airmeets?after={last}") == 400


def test_page_count():
    """It counts all pages, or those from here on."""
    for left, counts in [(False, [4, 4, 4]), (True, [4, 3, 2])]:
        caller = Caller(page_count_is_left=left)
        page = caller.get("/airmeets?size=2")
        seen = [page["cursors"]["pageCount"]]
        for _ in range(2):
            page = caller.get(f"/airmeets?size=2&after={page['cursors']['after']}")
            seen.append(page["cursors"]["pageCount"])

        assert counts == seen, (left, counts)


def test_size_has_a_default_and_a_limit():
    """Fifty by default, five hundred at most."""
    for size, rows in [("", 50), ("?size=500", 500), ("?size=501", 500), ("?size=9999", 500)]:
        caller = Caller()
        for row in range(600):
            caller.world.add_event(Event(uid=f"e{row}", row=5000 + row, community=community.COMMUNITY, name="More"))

        assert rows == len(caller.get(f"/airmeets{size}")["data"]), (size, rows)


def test_bad_paging_is_refused():
    """Sizes below one and cursors that are no integers are a 400."""
    for query in ["size=0", "size=-1", "size=x", "size=", "after=x", "before=1.5", "after=--5"]:
        assert Caller().status("GET", f"/airmeets?{query}") == 400, query


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


START = 1_772_359_200_000  # 2026-03-01T10:00:00Z
EVENT = {
    "hostEmail": community.HOST,
    "eventName": "Autumn Forum",
    "shortDesc": "Two days",
    "timing": {"startTime": START, "endTime": START + 7_200_000, "timezone": "Europe/Paris"},
}
COPY = {"eventName": "Again", "startTime": START, "timezone": "Asia/Kolkata"}


def make(caller, **changes):
    return caller.send("/airmeet", EVENT | changes)["uuid"]


def move(caller, event, *statuses):
    """Ask for one status after the other; return what came back."""
    return [caller.status("POST", f"/airmeet/{event}/status", {"status": status}) for status in statuses]


def test_new_event_is_listed_and_shown():
    """It is the youngest of the list, and its times, sent as milliseconds, come back as text."""
    caller = Caller()
    uid = make(caller)
    row = caller.get("/airmeets")["data"][-1]

    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-11ee-9[0-9a-f]{3}-[0-9a-f]{12}", uid)
    assert (row["uid"], row["name"], row["status"]) == (uid, "Autumn Forum", "CREATED")
    assert (row["startTime"], row["endTime"]) == ("2026-03-01T10:00:00.000Z", "2026-03-01T12:00:00.000Z")
    assert caller.get(f"/airmeet/{uid}/info")["event_sub_type"] == "MEETUP"
    assert caller.add(event=uid).status == 200


def test_repeat_makes_a_second_event():
    """Creating is not idempotent."""
    caller = Caller()

    assert make(caller) != make(caller)
    assert caller.world.statistics().events == 2


def test_type_of_an_event_is_kept():
    """A hybrid event demands an attendance type from then on."""
    caller = Caller()
    uid = make(caller, eventType="HYBRID_CONFERENCE")

    assert (caller.add(event=uid).status, caller.add(event=uid, attendance_type="VIRTUAL").status) == (400, 200)


def test_host_must_be_of_the_team():
    """Others are refused by name, unless that is switched off; the case of the address does not matter."""
    stranger = EVENT | {"hostEmail": "nobody@example.com"}
    reply = Caller().reply("POST", "/airmeet", stranger)

    assert reply.status == 400
    assert "nobody@example.com" in content(reply)["statusMessage"]
    assert Caller(hosts_from_team=False).status("POST", "/airmeet", stranger) == 200
    assert Caller().status("POST", "/airmeet", EVENT | {"hostEmail": community.HOST.upper()}) == 200
    assert Caller().status("POST", "/airmeet", EVENT | {"hostEmail": community.FOREIGN_HOST}) == 400


TIMINGS: list[dict[str, Any]] = [
    {},
    {"startTime": START, "endTime": START},
    {"startTime": "2026-03-01", "endTime": START},
    {"startTime": START / 1000 + 0.5, "endTime": START},
    {"startTime": True, "endTime": START},
    {"startTime": START, "endTime": 10**30},
    {"startTime": START, "endTime": START + 1, "timezone": " "},
    {"startTime": START, "endTime": START + 1, "timezone": None},
]


def test_bad_timing_is_refused():
    """Times are whole milliseconds in their order, and the zone has a name."""
    for timing in TIMINGS:
        body = EVENT | {"timing": {"timezone": "Asia/Kolkata"} | timing}
        assert Caller().status("POST", "/airmeet", body) == 400, timing


def test_some_time_zones_are_refused():
    """Which ones is a switch; a copy is refused as well."""
    caller = Caller(refused_timezones=["Europe/Paris"])

    assert caller.status("POST", "/airmeet", EVENT) == 400
    assert caller.status("POST", f"/airmeet/{community.SUMMIT}/duplication", COPY | {"timezone": "Europe/Paris"}) == 400
    assert caller.status("POST", f"/airmeet/{community.SUMMIT}/duplication", COPY) == 200


WAYS = [
    (["ONGOING", "PAUSED", "ONGOING", "FINISHED", "ARCHIVE"], [200] * 5),
    (["ONGOING", "PAUSED", "FINISHED"], [200] * 3),
    (["ARCHIVE"], [200]),
    (["PAUSED", "FINISHED", "ONGOING"], [400, 400, 200]),
    (["ONGOING", "ARCHIVE"], [200, 400]),
    (["ONGOING", "FINISHED", "ONGOING", "PAUSED"], [200, 200, 400, 400]),
    (["ARCHIVE", "ONGOING", "FINISHED"], [200, 400, 400]),
    (["CREATED"], [400]),
    (["ongoing"], [400]),
]


def test_life_of_an_event():
    """It starts, pauses, goes on, ends and is archived; other ways are refused and change nothing."""
    for statuses, answers in WAYS:
        caller = Caller()
        granted = [status for status, answer in zip(statuses, answers, strict=True) if answer == 200]

        assert answers == move(caller, community.SUMMIT, *statuses), (statuses, answers)
        final = {"ARCHIVE": "ARCHIVED"}.get(granted[-1], granted[-1]) if granted else "CREATED"
        assert final == caller.world.events[community.SUMMIT].status, (statuses, answers)


def test_strictness_is_a_switch():
    """Which ways are legal nobody has described."""
    assert move(Caller(strict_transitions=False), community.SUMMIT, "FINISHED", "ONGOING", "ARCHIVE") == [200] * 3


def test_same_status_again():
    """It is a quiet yes, or a refusal."""
    for refused, answer in [(False, 200), (True, 400)]:
        caller = Caller(same_status_refused=refused)

        assert move(caller, community.SUMMIT, "ONGOING", "ONGOING") == [200, answer], (refused, answer)
        assert move(caller, community.ARCHIVED, "ARCHIVE") == [answer], (refused, answer)


def test_sessions_end_with_their_event():
    """Finishing an event finishes all its sessions; pausing does not."""
    caller = Caller()
    seen = []
    for status in ("PAUSED", "FINISHED"):
        move(caller, community.LIVE, status)
        seen.append([row["status"] for row in caller.get(f"/airmeet/{community.LIVE}/info")["sessions"]])

    assert seen == [["FINISHED", "ONGOING"], ["FINISHED", "FINISHED"]]


def test_archived_event_vanishes():
    """It leaves the list and its series, and can still be read by its id."""
    caller = Caller()
    move(caller, community.SUMMIT, "ARCHIVE")

    assert community.SUMMIT not in {row["uid"] for row in caller.get("/airmeets")["data"]}
    series = caller.get(f"/event-series/{community.SERIES}/events")["data"]
    assert [row["uid"] for row in series] == [community.FINISHED]
    assert caller.get(f"/airmeet/{community.SUMMIT}/info")["status"] == "ARCHIVED"


def test_copy_has_the_settings_but_not_the_people():
    """Form, format and length are those of the original; people, sessions and booths are not copied."""
    caller = Caller()
    caller.add(event=community.WITH_FIELDS)
    uid = caller.send(f"/airmeet/{community.WITH_FIELDS}/duplication", COPY | {"startTime": START + 3_600_000})["uuid"]
    info = caller.get(f"/airmeet/{uid}/info")

    assert (info["name"], info["status"], info["timezone"]) == ("Again", "CREATED", "Asia/Kolkata")
    assert (info["start_time"], info["end_time"]) == ("2026-03-01T11:00:00.000Z", "2026-03-01T13:00:00.000Z")
    assert len(caller.get(f"/airmeet/{uid}/custom-fields")["customFields"]) == 2
    assert caller.world.people(uid) == []


def test_copy_takes_the_speakers_if_asked():
    """Only if `duplicateSpeakers` is true."""
    for flag, speakers in [(True, 1), (False, 0), (None, 0)]:
        caller = Caller()
        body = COPY if flag is None else COPY | {"duplicateSpeakers": flag}
        uid = caller.send(f"/airmeet/{community.FINISHED}/duplication", body)["uuid"]

        assert speakers == len(caller.world.events[uid].speakers), (flag, speakers)
        assert caller.world.events[uid].sessions == [], (flag, speakers)


def test_spelling_of_the_zone():
    """Two sources spell it in two ways."""
    for demanded, answers in [("either", (200, 200)), ("timeZone", (200, 400)), ("timezone", (400, 200))]:
        caller = Caller(duplication_zone=demanded)
        bodies = [{"eventName": "A", "startTime": START, name: "Asia/Kolkata"} for name in ("timeZone", "timezone")]

        assert answers == tuple(
            caller.status("POST", f"/airmeet/{community.SUMMIT}/duplication", body) for body in bodies
        ), (demanded, answers)
        assert (
            caller.status("POST", f"/airmeet/{community.SUMMIT}/duplication", {"eventName": "A", "startTime": START})
            == 400
        ), (demanded, answers)


def test_landing_page_is_kept():
    """What is set stays set; colours and words are checked."""
    caller = Caller()
    path = f"/airmeet/{community.SUMMIT}/landing-page"
    caller.send(path, {"ambience": "DARK", "imageUrl": "https://images.example.org/a.png"}, "PUT")
    caller.send(path, {"highlightColor": "#0000fF"}, "PUT")

    assert caller.world.events[community.SUMMIT].landing_page["ambience"] == "DARK"
    assert caller.get(f"/airmeet/{community.SUMMIT}/info")["master_img_url"] == "https://images.example.org/a.png"
    bad = ({"ambience": "dark"}, {"highlightColor": "blue"}, {"highlightColor": "#0000ff0"}, {"layout": None})
    assert [caller.status("PUT", path, body) for body in bad] == [400] * 4


def test_unknown_replies_may_be_empty():
    """What answers a landing page nobody has described; nothing at all is one way."""
    reply = Caller(acknowledgement="empty").reply("PUT", f"/airmeet/{community.SUMMIT}/landing-page", {})

    assert (reply.status, reply.body) == (200, b"")


def test_series():
    """The community's own, with their events that are not archived; those of others do not exist."""
    caller = Caller()
    own = caller.get("/event-series")["data"]
    caller.token = caller.login(community.FOREIGN_ACCESS_KEY, community.FOREIGN_SECRET_KEY)

    assert [row["uid"] for row in own] == [community.SERIES]
    assert caller.get("/event-series") == {"data": []}
    assert caller.status("GET", f"/event-series/{community.SERIES}/events") == 404


def test_status_of_unknown_parts_is_a_switch():
    """No source says what answers them."""
    for path in ["/event-series/x/events", "/session/x/attendees"]:
        assert (Caller().status("GET", path), Caller(unknown_part_status=400).status("GET", path)) == (404, 400), path
