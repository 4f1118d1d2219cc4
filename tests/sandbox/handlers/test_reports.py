"""Attendance, replays, UTMs, polls and questions: what is there, in pages, and when it is ready."""

import json
import tracemalloc
from datetime import datetime

from airmeet_async.sandbox import community
from tests.sandbox.caller import Caller, content

EVENT = f"/airmeet/{community.FINISHED}"
ATTENDEES = f"{EVENT}/attendees"
SESSIONS = [f"/session/{uid}/attendees" for uid in community.SESSIONS]
BOOTHS = [f"{EVENT}/booth/{uid}/booth-attendance" for uid in community.BOOTHS]
REPLAYS, UTMS, POLLS = f"{EVENT}/event-replay-attendees", f"{EVENT}/utms", f"{EVENT}/polls"
PREPARED = [ATTENDEES, *SESSIONS, *BOOTHS, REPLAYS, UTMS]
ROWS = dict(zip([*PREPARED, POLLS], [120, 120, 60, 40, 60, 40, 75, 75, 60], strict=True))


def ready(**switches):
    return Caller(**{"not_ready_times": 0} | switches)


def collect(caller, path, size=50):
    """Follow `after` for as many pages as the first one counts."""
    pages = [page := caller.get(f"{path}?size={size}")]
    for _ in range(page["cursors"]["pageCount"] - 1):
        page = caller.get(f"{path}?size={size}&after={page['cursors']['after']}")
        pages.append(page)
    return pages


def rows(caller, path, size=50):
    return [row for page in collect(caller, path, size) for row in page["data"]]


def test_finished_event_left_this_behind():
    """So many rows in pages of fifty at most, each person once, the cursors being the ids of rows."""
    for path, count in ROWS.items():
        for newest_first in [False, True]:
            caller = ready(rows_newest_first=newest_first)
            pages = collect(caller, path, 500)
            emails = [row["email"] for page in pages for row in page["data"]]

            assert [len(page["data"]) for page in pages] == [50] * (count // 50) + [count % 50] * bool(count % 50), (
                path,
                count,
                newest_first,
            )
            assert len(set(emails)) == len(emails) == count, (path, count, newest_first)
            assert {page["cursors"]["totalCount"] for page in pages} == {count}, (path, count, newest_first)
            edges = [page["cursors"][edge] for page in pages for edge in ("before", "after")]
            assert edges == sorted(set(edges), reverse=newest_first), (path, count, newest_first)


def test_cursors_are_row_ids():
    """The first page's `before` and `after` are the ids of its first and its last row."""
    for path in [*PREPARED[:4], REPLAYS, UTMS]:
        page = ready().get(f"{path}?size=7")
        assert [page["data"][0]["id"], page["data"][-1]["id"]] == [
            page["cursors"]["before"],
            page["cursors"]["after"],
        ], path


def test_sessions_add_up_to_the_event():
    """Who came to the event came to a session, and stayed as long as in all sessions together."""
    caller = ready()
    stayed: dict[str, int] = {}
    for path in SESSIONS:
        for row in rows(caller, path):
            stayed[row["email"]] = stayed.get(row["email"], 0) + int(row["time_spent"])

    assert stayed == {row["email"]: int(row["time_spent"]) for row in rows(caller, ATTENDEES)}


def test_everybody_named_is_a_participant():
    """All lists know people by the address and the id that the participants' list has."""
    caller = ready()
    known = {row["email"]: row["user_id"] for row in caller.get(f"{EVENT}/participants")["participants"]}
    named = [row for path in ROWS for row in rows(caller, path)] + caller.get(f"{EVENT}/questions")["data"]

    assert all(row.get("user_id", known[row["email"]]) == known[row["email"]] for row in named)


def test_questions_and_polls_name_what_exists():
    """Questions belong to sessions of the event; polls are about them; neither has to be prepared."""
    caller = Caller()
    questions = caller.get(f"{EVENT}/questions")["data"]

    assert len(questions) == 15
    assert {row["questions"][0]["session_id"] for row in questions} == set(community.SESSIONS)
    assert caller.get(POLLS)["data"][0]["polls"][0]["question"] == "Did you like Keynote?"


def finish(caller, people):
    """Lead an event with a session and so many people from its start to its end."""
    body = {"sessionTitle": "Talk", "sessionStartTime": 0, "hostEmail": community.HOST}
    session = caller.send(f"/airmeet/{community.SUMMIT}/session", body)["uid"]
    for number in range(people):
        caller.add(f"p{number}@example.com")
    for status in ("ONGOING", "FINISHED"):
        caller.send(f"/airmeet/{community.SUMMIT}/status", {"status": status})
    return session


def test_event_of_ones_own_leaves_traces_when_it_ends():
    """Those added to it came, but every fifth; before its end there is nothing."""
    caller = ready()
    summit = f"/airmeet/{community.SUMMIT}"
    caller.add("p0@example.com")
    before = (
        caller.get(f"{summit}/polls"),
        caller.get(f"{summit}/questions"),
        caller.get(f"{summit}/session-recordings"),
    )
    session = finish(caller, 11)

    assert [body.get("data", body.get("recordings")) for body in before] == [[], [], []]
    came = [f"p{number}@example.com" for number in (0, 1, 2, 3, 5, 6, 7, 8, 10)]
    assert [row["email"] for row in rows(caller, f"{summit}/attendees")] == came
    assert [row["email"] for row in rows(caller, f"/session/{session}/attendees")] == came
    assert len(rows(caller, f"{summit}/polls")) == 5
    assert [row["session_id"] for row in caller.get(f"{summit}/session-recordings")["recordings"]] == [session]


def test_a_session_that_is_over_has_attendance_before_the_event_is():
    """The event's attendance counts its finished sessions only (C)."""
    caller = ready()

    assert len(rows(caller, f"/session/{community.OVER_SESSION}/attendees")) == 10
    assert len(rows(caller, f"/airmeet/{community.LIVE}/attendees")) == 10


WRONG_STATES = [
    (f"/session/{community.LIVE_SESSION}/attendees", "Session status is not valid"),
    (f"/airmeet/{community.LIVE}/event-replay-attendees", "Airmeet status is not valid"),
    (f"/airmeet/{community.SUMMIT}/attendees", "Airmeet status is not valid"),
]


def test_too_early():
    """The 400 stands in the body with an object for data, the HTTP status is a switch, nothing is prepared."""
    for status in [200, 400]:
        for path, message in WRONG_STATES:
            caller = Caller(wrong_state_status=status, error_shape="text")
            replies = [caller.reply("GET", path) for _ in range(2)]

            assert [reply.status for reply in replies] == [status] * 2, (status, path, message)
            assert content(replies[1]) == {"data": {}, "statusCode": 400, "statusMessage": message}, (
                status,
                path,
                message,
            )


def test_booth_of_an_event_that_is_not_over():
    """Its attendance is refused in the same words; a booth that does not exist is not found."""
    caller = Caller()
    uid = caller.send(f"/airmeet/{community.LIVE}/booths", {"name": "Engines"})["uuid"]
    path = f"/airmeet/{community.LIVE}/booth"

    assert content(caller.reply("GET", f"{path}/{uid}/booth-attendance"))["statusCode"] == 400
    assert caller.status("GET", f"{path}/{community.BOOTHS[0]}/booth-attendance") == 404


def test_attendance_without_a_finished_session_may_be_empty():
    """Whether it is refused or empty is unknown."""
    caller = ready(no_finished_session="empty")
    caller.add()
    body = caller.get(f"/airmeet/{community.SUMMIT}/attendees")

    assert (body["data"], body["cursors"]["totalCount"]) == ([], 0)


def test_session_of_another_community():
    """Its event stands nowhere in the path, and is looked at all the same."""
    caller = Caller()
    caller.token = caller.login(community.FOREIGN_ACCESS_KEY, community.FOREIGN_SECRET_KEY)

    assert caller.status("GET", SESSIONS[0]) == 401


def statuses(caller, path, times):
    """Ask again and again; return the pairs of HTTP and in-body status."""
    replies = [caller.reply("GET", path) for _ in range(times)]
    return [(reply.status, content(reply).get("statusCode")) for reply in replies]


def test_not_ready_comes_first():
    """So many times, then the result, on all its pages; the others are prepared by themselves."""
    for path in PREPARED:
        for times in [0, 1, 3]:
            caller = Caller(not_ready_times=times)

            assert statuses(caller, path, times + 2) == [(202, 202)] * times + [(200, 200)] * 2, (path, times)
            assert statuses(caller, f"{path}?size=10&after=4000028", 1) == [(200, 200)], (path, times)
            other = PREPARED[PREPARED.index(path) - 1]
            assert statuses(caller, other, 1) == [(202, 202) if times else (200, 200)], (path, times)


def test_not_ready_has_no_rows():
    """Neither data nor cursors, only the advice to try again."""
    body = content(Caller().reply("GET", ATTENDEES))

    assert body.keys() == {"statusCode", "statusMessage"}
    assert body["statusMessage"].startswith("Preparing your results")


def test_sign_of_not_ready():
    """By status and body, or one of them."""
    for sign, seen in [("both", (202, 202)), ("body", (200, 202)), ("status", (202, None))]:
        assert statuses(Caller(not_ready_sign=sign), UTMS, 2) == [seen, (200, 200)], (sign, seen)


def test_not_ready_for_some_time():
    """The clock starts with the first request."""
    caller = Caller(not_ready_times=0, not_ready_for_s=300)
    seen = []
    for caller.now in (1000.0, 1299.0, 1300.0, 1301.0):
        seen += statuses(caller, ATTENDEES, 1)

    assert seen == [(202, 202), (202, 202), (200, 200), (200, 200)]


def test_a_later_page_may_have_to_be_prepared():
    """Page two says "not ready" as often as page one did; page three does not."""
    caller = Caller(not_ready_times=2, not_ready_on_page=2)
    first = statuses(caller, ATTENDEES, 3)
    second = statuses(caller, f"{ATTENDEES}?after=4000148", 3)
    third = statuses(caller, f"{ATTENDEES}?after=4000298", 1)

    assert first == second == [(202, 202), (202, 202), (200, 200)]
    assert third == [(200, 200)]


def test_a_result_may_be_forgotten():
    """So many seconds after it was first handed out, however often it was asked for since."""
    caller = Caller(prepared_for_s=60)
    seen = []
    for caller.now in (0.0, 10.0, 69.0, 70.0, 71.0):
        seen += statuses(caller, ATTENDEES, 1)

    assert [status for status, _ in seen] == [202, 200, 200, 202, 200]


def test_a_bad_query_prepares_nothing():
    """It is refused before anything starts."""
    caller = Caller()

    assert statuses(caller, f"{ATTENDEES}?size=0", 2) == [(400, 400)] * 2
    assert statuses(caller, ATTENDEES, 1) == [(202, 202)]


def test_default_size_is_a_switch():
    """It is unknown; the maximum is fifty."""
    assert len(ready(attendance_size=20).get(ATTENDEES)["data"]) == 20
    assert ready(clamp_size=False).status("GET", f"{ATTENDEES}?size=51") == 400


def test_time_stamps_may_be_malformed():
    """The quoted sample has colons in its date."""
    right = ready().get(ATTENDEES)["data"][1]["time_stamp"]
    wrong = ready(malformed_time_stamps=True).get(ATTENDEES)["data"][1]["time_stamp"]

    assert datetime.fromisoformat(right).isoformat() == "2026-03-01T10:00:01+00:00"
    assert wrong == "2026:03:01T10:00:01.00Z"


def test_forms_of_numbers_are_switches():
    """Milliseconds are text or a number, minutes of a replay a number or text, a visit has an id or not."""
    usual, other = ready(), ready(time_spent_as_text=False, duration_as_text=True, booth_row_ids=True)

    def kinds(caller):
        spent = caller.get(ATTENDEES)["data"][0]["time_spent"]
        viewed = caller.get(REPLAYS)["data"][0]["duration_viewed"]
        return type(spent), type(viewed), "id" in caller.get(BOOTHS[0])["data"][0]

    assert kinds(usual) == (str, int, False)
    assert kinds(other) == (int, str, True)


def test_a_crowd_is_paged_and_costs_nothing():
    """A hundred thousand people take part in everything; a page in their midst is made by itself."""
    caller = ready()
    tracemalloc.start()
    caller.world.add_crowd(community.FINISHED, 100_000)
    page = caller.get(f"{ATTENDEES}?after={4_000_001 + 3 * 70_000}")
    people = caller.get(f"{EVENT}/participants?pageNumber=60")
    registered = caller.get(f"{EVENT}/registrations?after=60000")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert page["cursors"] == {"before": 4210004, "after": 4210151, "pageCount": 1603, "totalCount": 80_120}
    assert people["totalUserCount"] == 100_151
    assert len({row["email"] for row in people["participants"]}) == 1000
    assert len(registered["data"]) == 100
    assert peak < 8_000_000


def test_a_crowd_is_the_same_for_ever():
    """Asked twice, or in another world of the same seed, it has the same people."""

    def shown():
        caller = ready()
        caller.world.add_crowd(community.SUMMIT, 10)
        return caller.get(f"/airmeet/{community.SUMMIT}/participants")

    assert json.dumps(shown()) == json.dumps(shown())
    assert len({row["name"] for row in shown()["participants"]}) == 10
