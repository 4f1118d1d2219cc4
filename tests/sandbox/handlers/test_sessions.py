"""Sessions, the tracks they are on, their recordings, speakers and booths."""

from typing import Any

from airmeet_async.sandbox import community
from tests.sandbox.caller import Caller, content

EVENT = community.FINISHED
START = 1_772_359_200_000  # 2026-03-01T10:00:00Z
SESSION = {"sessionTitle": "Panel", "sessionStartTime": START, "hostEmail": community.HOST}


def create(caller, event=EVENT, **fields):
    return caller.reply("POST", f"/airmeet/{event}/session", SESSION | fields)


def session(caller, uid, event=EVENT):
    rows = caller.get(f"/airmeet/{event}/info")["sessions"]
    return next(row for row in rows if row["sessionid"] == uid)


def test_speaker_must_be_in_the_event_first():
    """A session that names somebody else is refused with the address, and not made."""
    caller = Caller()
    refused = create(caller, speakerEmails=[community.SPEAKER, "new@example.com"])
    caller.send(f"/airmeet/{EVENT}/speaker", {"name": "New", "email": "new@example.com"})

    assert refused.status == 400
    assert "new@example.com" in content(refused)["statusMessage"]
    assert create(caller, speakerEmails=[community.SPEAKER, "new@example.com"]).status == 200
    assert caller.world.statistics().sessions == 1
    assert create(caller, community.SUMMIT, speakerEmails=["new@example.com"]).status == 400


def test_new_session_is_shown():
    """Its start is cut to the minute, and who takes part is named by id."""
    caller = Caller()
    uid = content(
        create(
            caller, sessionStartTime=START + 59_999, speakerEmails=[community.SPEAKER], cohostEmails=[community.COHOST]
        )
    )["uid"]
    row = session(caller, uid)

    assert (row["name"], row["status"], row["duration"], row["type"]) == ("Panel", "CREATED", 30, "HOSTING")
    assert row["start_time"] == "2026-03-01T10:00:00.000Z"
    assert (row["host_id"], row["cohost_ids"], row["speaker_id"]) == (["u1"], ["u3"], ["u2"])
    assert row["speakerList"] == [{"id": "u2", "name": "Ada Speaker", "speaker_img": None}]
    hosts = caller.get(f"/airmeet/{EVENT}/info")["session_hosts"]
    assert hosts == [{"id": "u1", "name": "Sam Host"}, {"id": "u3", "name": "Kim Cohost"}]


def test_each_speaker_gets_a_link_of_the_session():
    """One link per speaker, another one in another session."""
    caller = Caller()
    links = [content(create(caller, speakerEmails=[community.SPEAKER]))["token"] for _ in range(2)]

    assert [[row["email"] for row in rows] for rows in links] == [[community.SPEAKER]] * 2
    assert links[0][0]["token"] != links[1][0]["token"]


TEAM: list[tuple[dict[str, Any], int]] = [
    ({"hostEmail": "nobody@example.com"}, 400),
    ({"hostEmail": community.SPEAKER}, 400),
    ({"hostEmail": community.FOREIGN_HOST}, 400),
    ({"hostEmail": community.COHOST.upper()}, 200),
    ({"cohostEmails": ["nobody@example.com"]}, 400),
    ({"cohostEmails": [community.SPEAKER]}, 400),
    ({"cohostEmails": [community.SPEAKER], "speakerEmails": [community.SPEAKER]}, 200),
]


def test_hosts_are_of_the_team():
    """So are cohosts, unless they are speakers of the same session (A); a switch lets anybody host."""
    for fields, status in TEAM:
        assert status == create(Caller(), **fields).status, (fields, status)
        assert create(Caller(hosts_from_team=False), **fields).status == 200, (fields, status)


def test_host_of_the_event_may_host_its_sessions():
    """Even if that host has left the team since."""
    caller = Caller()
    caller.world.events[EVENT].host = "former@example.com"

    assert create(caller, hostEmail="Former@example.com").status == 200
    assert create(caller, community.SUMMIT, hostEmail="former@example.com").status == 400


def test_type_of_a_session():
    """HOSTING only (A), or one of seven (B)."""
    assert create(Caller(), type="BREAK").status == 400
    assert create(Caller(hosting_only=False), type="BREAK").status == 200
    assert create(Caller(hosting_only=False), type="PICNIC").status == 400


def test_parts_of_a_session_must_exist():
    """Unknown tracks and booths, and no minutes at all, are refused."""
    bad: list[dict[str, Any]] = [{"tracks": ["nowhere"]}, {"boothId": "nowhere"}, {"sessionDuration": 0}]
    for fields in bad:
        assert create(Caller(), **fields).status == 400, fields


def test_duration_is_a_whole_number():
    """5.0 is an integer in JSON, 5.5 and true are none."""
    statuses = [create(Caller(), sessionDuration=minutes).status for minutes in (5, 5.0, 5.5, True, "5")]

    assert statuses == [200, 200, 400, 400, 400]


def test_session_joins_its_track_and_leaves_it():
    """Tracks list the sessions made in them, until these are deleted."""
    caller = Caller()

    def on_track():
        return caller.get(f"/airmeet/{EVENT}/tracks")["tracks"][0]["sessions"]

    before = on_track()
    uid = content(create(caller, tracks=[community.TRACKS[0]], boothId=community.BOOTHS[0]))["uid"]
    assert on_track() == [*before, uid]
    assert caller.reply("DELETE", f"/airmeet/{EVENT}/session/{uid}").status == 200
    assert on_track() == before
    assert caller.status("DELETE", f"/airmeet/{EVENT}/session/{uid}") == 404


def test_session_is_deleted_from_its_own_event_only():
    """The id alone is not enough."""
    caller = Caller()

    assert caller.status("DELETE", f"/airmeet/{community.SUMMIT}/session/{community.SESSIONS[0]}") == 404
    assert session(caller, community.SESSIONS[0])["name"] == "Keynote"


def test_recordings_are_of_finished_sessions():
    """One each, or those asked for; sessions that are not over have none."""
    caller = Caller()

    def shown(query="", event=EVENT):
        return [row["session_id"] for row in caller.get(f"/airmeet/{event}/session-recordings{query}")["recordings"]]

    first, second, _ = community.SESSIONS
    assert shown() == list(community.SESSIONS)
    assert shown(f"?sessionIds={second},{first},nobody's") == [first, second]
    assert shown(event=community.LIVE) == [community.OVER_SESSION]
    assert shown(event=community.SUMMIT) == []


def test_recording_links_are_new_each_time():
    """They are signed for six hours from now."""
    caller = Caller()
    caller.now = 1000.0
    links = [caller.get(f"/airmeet/{EVENT}/session-recordings")["recordings"][0]["download_link"] for _ in range(2)]

    assert links[0] != links[1]
    assert all(f"Expires={1_772_359_200 + 1000 + 6 * 3600}&" in link for link in links)


def test_recordings_may_come_in_part():
    """`totalCount` tells that there are more; how to get them is unknown."""
    body = Caller(recordings_at_once=2).get(f"/airmeet/{EVENT}/session-recordings")

    assert (len(body["recordings"]), body["recordingsCount"], body["totalCount"]) == (2, 2, 3)


def test_recordings_may_demand_sessions():
    """One source calls `sessionIds` mandatory."""
    caller = Caller(session_ids_required=True)
    path = f"/airmeet/{EVENT}/session-recordings"

    assert (caller.status("GET", path), caller.status("GET", f"{path}?sessionIds=x")) == (400, 200)


def test_speaker_is_added_once():
    """The second add answers another word and changes nothing."""
    caller = Caller()
    path = f"/airmeet/{EVENT}/speaker"
    words = [caller.send(path, {"name": name, "email": "s@example.com"})["status"] for name in ("First", "Second")]

    assert words == ["SPEAKER_CREATED", "SPEAKER_ALREADY_EXISTS"]
    assert caller.world.events[EVENT].speakers["s@example.com"].name == "First"
    assert caller.world.statistics().speakers == 1


def test_second_add_of_a_speaker_may_be_refused():
    """What comes back is unknown; an error is the other way."""
    caller = Caller(duplicate_speaker="error")

    assert caller.status("POST", f"/airmeet/{EVENT}/speaker", {"name": "Ada", "email": community.SPEAKER}) == 400


def test_booths():
    """None is null, or an empty list if switched; a new one is listed last, with all its exhibitors once."""
    caller = Caller()
    path = f"/airmeet/{community.SUMMIT}/booths"
    empty = caller.get(path), Caller(null_booths=False).get(path)
    info = [{"email": "b@example.com", "exhibitorAttendanceType": "HYBRID"}, {"email": "a@example.com"}]
    body = {"name": "Looms", "exhibitors": ["a@example.com"], "exhibitorInfo": info, "tags": ["new"]}
    uids = [caller.send(path, {"name": "Engines"})["uuid"], caller.send(path, body)["uuid"]]
    rows = caller.get(path)["booths"]

    assert empty == ({"booths": None}, {"booths": []})
    assert [row["uid"] for row in rows] == uids
    assert [row["order"] for row in rows] == [1, 2]
    assert (rows[1]["exhibitors"], rows[1]["tags"]) == (["a@example.com", "b@example.com"], ["new"])
    assert caller.world.statistics().booths == 2


def test_each_reading_of_exhibitors_can_be_demanded():
    """Both lists, and a type for hybrid events only."""
    both = {"exhibitors": ["a@example.com"], "exhibitorInfo": [{"email": "a@example.com"}]}
    typed = {"exhibitorInfo": [{"email": "a@example.com", "exhibitorAttendanceType": "ONLINE"}]}
    demands: list[tuple[dict[str, Any], str, dict[str, Any], int]] = [
        ({"exhibitor_lists": "both"}, EVENT, both, 200),
        ({"exhibitor_lists": "both"}, EVENT, {}, 200),
        ({"exhibitor_lists": "both"}, EVENT, {"exhibitors": ["a@example.com"]}, 400),
        ({"exhibitor_types_refused": True}, EVENT, typed, 400),
        ({"exhibitor_types_refused": True}, community.HYBRID, typed, 200),
    ]
    for switches, event, body, status in demands:
        made = Caller(**switches).status("POST", f"/airmeet/{event}/booths", {"name": "Stand"} | body)
        assert made == status, (switches, body)
