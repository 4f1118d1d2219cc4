"""Making events, copying them, and leading them through their life."""

import re

import pytest

from airmeet_async.sandbox import community
from tests.sandbox.caller import Caller, content

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


TIMINGS = [
    {},
    {"startTime": START, "endTime": START},
    {"startTime": "2026-03-01", "endTime": START},
    {"startTime": START / 1000 + 0.5, "endTime": START},
    {"startTime": True, "endTime": START},
    {"startTime": START, "endTime": 10**30},
    {"startTime": START, "endTime": START + 1, "timezone": " "},
    {"startTime": START, "endTime": START + 1, "timezone": None},
]


@pytest.mark.parametrize("timing", TIMINGS)
def test_bad_timing_is_refused(timing):
    """Times are whole milliseconds in their order, and the zone has a name."""
    assert Caller().status("POST", "/airmeet", EVENT | {"timing": {"timezone": "Asia/Kolkata"} | timing}) == 400


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


@pytest.mark.parametrize(("statuses", "answers"), WAYS)
def test_life_of_an_event(statuses, answers):
    """It starts, pauses, goes on, ends and is archived; other ways are refused and change nothing."""
    caller = Caller()
    granted = [status for status, answer in zip(statuses, answers, strict=True) if answer == 200]

    assert answers == move(caller, community.SUMMIT, *statuses)
    final = {"ARCHIVE": "ARCHIVED"}.get(granted[-1], granted[-1]) if granted else "CREATED"
    assert final == caller.world.events[community.SUMMIT].status


def test_strictness_is_a_switch():
    """Which ways are legal nobody has described."""
    assert move(Caller(strict_transitions=False), community.SUMMIT, "FINISHED", "ONGOING", "ARCHIVE") == [200] * 3


@pytest.mark.parametrize(("refused", "answer"), [(False, 200), (True, 400)])
def test_same_status_again(refused, answer):
    """It is a quiet yes, or a refusal."""
    caller = Caller(same_status_refused=refused)

    assert move(caller, community.SUMMIT, "ONGOING", "ONGOING") == [200, answer]
    assert move(caller, community.ARCHIVED, "ARCHIVE") == [answer]


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


@pytest.mark.parametrize(("flag", "speakers"), [(True, 1), (False, 0), (None, 0)])
def test_copy_takes_the_speakers_if_asked(flag, speakers):
    """Only if `duplicateSpeakers` is true."""
    caller = Caller()
    body = COPY if flag is None else COPY | {"duplicateSpeakers": flag}
    uid = caller.send(f"/airmeet/{community.FINISHED}/duplication", body)["uuid"]

    assert speakers == len(caller.world.events[uid].speakers)
    assert caller.world.events[uid].sessions == []


@pytest.mark.parametrize(
    ("demanded", "answers"), [("either", (200, 200)), ("timeZone", (200, 400)), ("timezone", (400, 200))]
)
def test_spelling_of_the_zone(demanded, answers):
    """Two sources spell it in two ways."""
    caller = Caller(duplication_zone=demanded)
    bodies = [{"eventName": "A", "startTime": START, name: "Asia/Kolkata"} for name in ("timeZone", "timezone")]

    assert answers == tuple(caller.status("POST", f"/airmeet/{community.SUMMIT}/duplication", body) for body in bodies)
    assert (
        caller.status("POST", f"/airmeet/{community.SUMMIT}/duplication", {"eventName": "A", "startTime": START}) == 400
    )


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


@pytest.mark.parametrize("path", ["/event-series/x/events", "/session/x/attendees"])
def test_status_of_unknown_parts_is_a_switch(path):
    """No source says what answers them."""
    assert (Caller().status("GET", path), Caller(unknown_part_status=400).status("GET", path)) == (404, 400)
