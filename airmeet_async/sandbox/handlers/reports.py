"""Reports of an event: who came, stayed, asked, voted, watched later, and by which link they had registered.

Attendance, replays and UTMs are prepared on demand: "not ready" comes first, then the rows (C).
Polls and questions are not. The rows follow from the people of the event and their places:

- Everybody came but every fifth. That is the attendance of the event, and of its first finished session; the second
  one was attended by every second of them, the third by every third, and so on.
- The first booth was visited by every second of those who came, the second by every third, and so on.
- Every second of those who came answered the polls; every eighth asked a question.
- Every second of all the people watched a replay, and every second came by a link with UTMs.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from airmeet_async.protocol.http_messages import Reply
from airmeet_async.sandbox.community import Event, Json, Preparation
from airmeet_async.sandbox.handlers.people import EventPeople, Guest
from airmeet_async.sandbox.request import IncomingRequest
from airmeet_async.sandbox.responses import LazyRows, WrongStateError, json_reply, ok, page_of, timestamp

SIZE_MAX: Final = 50  # C
_NOT_READY: Final = "Preparing your results. Try after 5 minutes to get the updated results"  # C
_FIRST_ID, _STEP = 4_000_001, 3  # ids ascend with gaps
_MINUTE_MS: Final = 60_000
_ANSWERS: Final = ("Very much", "A little", "Not yet", "Ask me again")
_QUESTIONS: Final = ("Will the slides be shared?", "How does it scale?", "Which part was hardest?")
_CAMPAIGNS: Final = ("launch", "newsletter", "partners")


class Visitors:
    """Those who came to an event, by their rank; row shapes by C and B."""

    count: int

    def __init__(self, request: IncomingRequest, event: Event) -> None:
        self._event = event
        self._switches = request.switches
        self._people = EventPeople(event, request.state)
        self.count = len(self._people) - len(self._people) // 5

    def __getitem__(self, rank: int) -> Guest:
        return self._people[rank + rank // 4]  # every fifth of the people did not come

    def stamp(self, guest: Guest) -> str:
        start = datetime.fromisoformat(self._event.start_time) + timedelta(seconds=guest.place % 600)
        if self._switches.malformed_time_stamps:  # as in the quoted sample
            return f"{start.astimezone(UTC):%Y:%m:%dT%H:%M:%S}.00Z"
        return timestamp(start)

    def presence(self, stayed: Callable[[int], int]) -> Callable[[int], Json]:
        """Return what makes a row of attendance, given how many milliseconds somebody stayed."""

        def row(rank: int) -> Json:
            spent = str(stayed(rank)) if self._switches.time_spent_as_text else stayed(rank)
            return _who(self[rank]) | {"time_stamp": self.stamp(self[rank]), "time_spent": spent}

        return row


def event_attendance(request: IncomingRequest) -> Reply:
    """List who came to any finished session, and how long they stayed in all of them; others do not count (C)."""
    visitors, sessions = Visitors(request, request.event), request.event.finished_sessions
    if not sessions and request.switches.no_finished_session == "refused":
        raise WrongStateError("Airmeet")

    def stayed(rank: int) -> int:
        return sum(_stay(rank, one) for number, one in enumerate(sessions) if rank % (number + 1) == 0)

    return _prepared(request, _rows(range(visitors.count if sessions else 0), visitors.presence(stayed)))


def session_attendance(request: IncomingRequest) -> Reply:
    """List who came to a session; its event stands nowhere in the path (C)."""
    sessions = ((event, session) for event in request.state.events.values() for session in event.sessions)
    found = next((one for one in sessions if one[1]["sessionid"] == request.params["sessionId"]), None)
    if found is None:
        raise request.no_such_part("Session")
    event, session = found
    request.find_event(event.uid)
    if session["status"] != "FINISHED":
        raise WrongStateError("Session")
    visitors, number = Visitors(request, event), event.finished_sessions.index(session)
    row = visitors.presence(lambda rank: _stay(rank, session))
    return _prepared(request, _rows(range(0, visitors.count, number + 1), row))


def booth_attendance(request: IncomingRequest) -> Reply:
    """List who visited a booth of an event that is over (C)."""
    booths = [row["uid"] for row in request.event.booths]
    if request.params["boothId"] not in booths:
        raise request.no_such_part("Booth")
    _check_over(request)
    visitors = Visitors(request, request.event)

    def row(rank: int) -> Json:
        guest = visitors[rank]
        visit = {"visits": 1 + guest.place % 3, "interested_in_being_contacted": guest.place % 4 == 0}
        return _who(guest) | {"time_stamp": visitors.stamp(guest)} | visit

    ranks = range(0, visitors.count, booths.index(request.params["boothId"]) + 2)
    return _prepared(request, _rows(ranks, row, with_ids=request.switches.booth_row_ids))


def replays(request: IncomingRequest) -> Reply:
    """List who watched which session later, and for how many minutes, of an event that is over (C)."""
    _check_over(request)
    people, sessions = EventPeople(request.event, request.state), request.event.finished_sessions

    def row(rank: int) -> Json:
        guest, session = people[rank], sessions[rank // 2 % len(sessions)]
        minutes = 1 + guest.place % session["duration"]
        viewed = str(minutes) if request.switches.duration_as_text else minutes
        return {
            "name": guest.name, "email": guest.email, "session_id": session["sessionid"], "duration_viewed": viewed,
        }  # fmt: skip

    return _prepared(request, _rows(range(0, len(people) if sessions else 0, 2), row))


def utms(request: IncomingRequest) -> Reply:
    """List by which links people came to register."""
    people = EventPeople(request.event, request.state)

    def row(rank: int) -> Json:
        campaign = _CAMPAIGNS[rank // 2 % len(_CAMPAIGNS)]
        medium = "email" if rank % 4 else None
        utms = {"utm_campaign": campaign, "utm_medium": medium, "utm_source": "sandbox"}
        return {"airmeetId": request.event.uid, "email": people[rank].email, "utms": utms}

    return _prepared(request, _rows(range(0, len(people), 2), row))


def polls(request: IncomingRequest) -> Reply:
    """List who answered which poll; one row per person (C)."""
    visitors, sessions = Visitors(request, request.event), request.event.finished_sessions

    def row(rank: int) -> Json:
        guest = visitors[rank]
        answer = _ANSWERS[guest.place % len(_ANSWERS)]
        polls = [{"question": f"Did you like {one['name']}?", "answer": answer} for one in sessions[:2]]
        return _who(guest) | {"polls": polls}

    page, _ = _page(request, _rows(range(0, visitors.count if sessions else 0, 2), row, with_ids=False))
    return ok(**page)


def questions(request: IncomingRequest) -> Reply:
    """List who asked what, all at once; one row per person (C)."""
    visitors, sessions = Visitors(request, request.event), request.event.finished_sessions
    rows = []
    for guest in (visitors[rank] for rank in range(0, visitors.count if sessions else 0, 8)):
        question = {
            "question": _QUESTIONS[guest.place % len(_QUESTIONS)],
            "session_id": sessions[guest.place % len(sessions)]["sessionid"],
            "time_stamp": visitors.stamp(guest),
            "upvoteCount": guest.place % 7,
        }
        rows.append(_who(guest) | {"questions": [question]})
    return ok(data=rows)


def _who(guest: Guest) -> Json:
    return {"email": guest.email, "name": guest.name, "user_id": guest.user_id}


def _stay(rank: int, session: Json) -> int:
    """Return how many milliseconds somebody stayed in a session."""
    return int(1 + rank % session["duration"]) * _MINUTE_MS


def _rows(ranks: range, row: Callable[[int], Json], *, with_ids: bool = True) -> LazyRows:
    ids = range(_FIRST_ID, _FIRST_ID + _STEP * len(ranks), _STEP)
    return LazyRows(ids, lambda place: ({"id": ids[place]} if with_ids else {}) | row(ranks[place]))


def _check_over(request: IncomingRequest) -> None:
    if request.event.status not in {"FINISHED", "ARCHIVED"}:
        raise WrongStateError("Airmeet")


def _page(request: IncomingRequest, listed: LazyRows) -> tuple[dict[str, Any], int]:
    """Return a page of at most 50 rows, with the number of all rows among its cursors (C), and the page's number."""
    switches = request.switches
    sizes = {"default": switches.attendance_size, "most": SIZE_MAX}
    page, number = page_of(listed, request.query, switches, **sizes, descending=switches.rows_newest_first)
    page["cursors"]["totalCount"] = len(listed.ids)
    return page, number


def _prepared(request: IncomingRequest, listed: LazyRows) -> Reply:
    """Answer a page of a report, or that the report is not ready."""
    page, number = _page(request, listed)
    if _is_ready(request, number):
        return ok(**page, statusCode=200)
    sign = request.switches.not_ready_sign
    body: Json = {} if sign == "status" else {"statusCode": 202}
    return json_reply(200 if sign == "body" else 202, body | {"statusMessage": _NOT_READY})


def _is_ready(request: IncomingRequest, number: int) -> bool:
    """Count this request, and say whether the report is ready; one of its pages may be prepared by itself."""
    switches, now, known = request.switches, request.now, request.state.preparations
    key = (request.http.target.partition("?")[0], number if number == switches.not_ready_on_page else 0)
    preparation = known.setdefault(key, Preparation(now))
    if preparation.ready_at is not None and now - preparation.ready_at >= switches.prepared_for_s:
        preparation = known[key] = Preparation(now)
    preparation.asks += 1
    if preparation.asks <= switches.not_ready_times or now - preparation.since < switches.not_ready_for_s:
        return False
    if preparation.ready_at is None:
        preparation.ready_at = now
    return True
