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
from airmeet_async.sandbox.community import CommunityState, Event, Json, Preparation
from airmeet_async.sandbox.handlers.people import EventPeople, Guest
from airmeet_async.sandbox.request import IncomingRequest
from airmeet_async.sandbox.responses import LazyRows, WrongStateError, json_reply, ok, page_of, timestamp
from airmeet_async.sandbox.switches import Switches

SIZE_MAX: Final = 50  # C
_NOT_READY: Final = "Preparing your results. Try after 5 minutes to get the updated results"  # C
_FIRST_ID, _STEP = 4_000_001, 3  # ids ascend with gaps
_MINUTE_MS: Final = 60_000
_ANSWERS: Final = ("Very much", "A little", "Not yet", "Ask me again")
_QUESTIONS: Final = ("Will the slides be shared?", "How does it scale?", "Which part was hardest?")
_CAMPAIGNS: Final = ("launch", "newsletter", "partners")


class EventRecords:
    """The records of one event.

    Row shapes by C and B; what they say follows the rules above.
    """

    def __init__(self, event: Event, state: CommunityState, switches: Switches) -> None:
        self._event = event
        self._switches = switches
        self._people = EventPeople(event, state)
        self._came = len(self._people) - len(self._people) // 5

    def event_attendance(self) -> LazyRows:
        """List who came to any finished session, and how long they stayed in all of them."""
        lengths = [session["duration"] for session in self._event.finished_sessions]

        def stayed(rank: int) -> int:
            return sum(_stay(rank, length) for number, length in enumerate(lengths) if rank % (number + 1) == 0)

        return self._rows(range(self._came if lengths else 0), self._row_of_presence(stayed))

    def session_attendance(self, session: Json) -> LazyRows:
        """List who came to a finished session."""
        number = self._event.finished_sessions.index(session)
        row = self._row_of_presence(lambda rank: _stay(rank, session["duration"]))
        return self._rows(range(0, self._came, number + 1), row)

    def booth_attendance(self, booth: Json) -> LazyRows:
        """List who visited a booth."""
        ranks = range(0, self._came, self._event.booths.index(booth) + 2)

        def row(rank: int) -> Json:
            guest = self._attendee(rank)
            visit = {"visits": 1 + guest.place % 3, "interested_in_being_contacted": guest.place % 4 == 0}
            return _who(guest) | {"time_stamp": self._stamp(guest)} | visit

        return self._rows(ranks, row, with_ids=self._switches.booth_row_ids)

    def replays(self) -> LazyRows:
        """List who watched which session later, and for how many minutes."""
        sessions = self._event.finished_sessions
        ranks = range(0, len(self._people) if sessions else 0, 2)

        def row(rank: int) -> Json:
            guest, session = self._people[rank], sessions[rank // 2 % len(sessions)]
            minutes = 1 + guest.place % session["duration"]
            viewed = str(minutes) if self._switches.duration_as_text else minutes
            watched = {"session_id": session["sessionid"], "duration_viewed": viewed}
            return {"name": guest.name, "email": guest.email} | watched

        return self._rows(ranks, row)

    def utms(self) -> LazyRows:
        """List by which link people came to register."""

        def row(rank: int) -> Json:
            campaign = _CAMPAIGNS[rank // 2 % len(_CAMPAIGNS)]
            medium = "email" if rank % 4 else None
            utms = {"utm_campaign": campaign, "utm_medium": medium, "utm_source": "sandbox"}
            return {"airmeetId": self._event.uid, "email": self._people[rank].email, "utms": utms}

        return self._rows(range(0, len(self._people), 2), row)

    def polls(self) -> LazyRows:
        """List who answered what; one row per person (C)."""
        sessions = self._event.finished_sessions
        ranks = range(0, self._came if sessions else 0, 2)

        def row(rank: int) -> Json:
            guest = self._attendee(rank)
            answer = _ANSWERS[guest.place % len(_ANSWERS)]
            polls = [{"question": f"Did you like {one['name']}?", "answer": answer} for one in sessions[:2]]
            return _who(guest) | {"polls": polls}

        return self._rows(ranks, row, with_ids=False)

    def questions(self) -> list[Json]:
        """List who asked what; one row per person (C)."""
        sessions = self._event.finished_sessions
        rows = []
        for rank in range(0, self._came if sessions else 0, 8):
            guest = self._attendee(rank)
            question = {
                "question": _QUESTIONS[guest.place % len(_QUESTIONS)],
                "session_id": sessions[guest.place % len(sessions)]["sessionid"],
                "time_stamp": self._stamp(guest),
                "upvoteCount": guest.place % 7,
            }
            rows.append(_who(guest) | {"questions": [question]})
        return rows

    def _attendee(self, rank: int) -> Guest:
        return self._people[rank + rank // 4]  # every fifth of the people did not come

    def _rows(self, ranks: range, row: Callable[[int], Json], *, with_ids: bool = True) -> LazyRows:
        ids = range(_FIRST_ID, _FIRST_ID + _STEP * len(ranks), _STEP)
        return LazyRows(ids, lambda place: ({"id": ids[place]} if with_ids else {}) | row(ranks[place]))

    def _row_of_presence(self, stayed: Callable[[int], int]) -> Callable[[int], Json]:
        def row(rank: int) -> Json:
            guest = self._attendee(rank)
            spent = str(stayed(rank)) if self._switches.time_spent_as_text else stayed(rank)
            return _who(guest) | {"time_stamp": self._stamp(guest), "time_spent": spent}

        return row

    def _stamp(self, guest: Guest) -> str:
        start = datetime.fromisoformat(self._event.start_time) + timedelta(seconds=guest.place % 600)
        if self._switches.malformed_time_stamps:  # as in the quoted sample
            return f"{start.astimezone(UTC):%Y:%m:%dT%H:%M:%S}.00Z"
        return timestamp(start)


def _who(guest: Guest) -> Json:
    return {"email": guest.email, "name": guest.name, "user_id": guest.user_id}


def _stay(rank: int, minutes: int) -> int:
    """Return how many milliseconds somebody stayed in a session of that length."""
    return (1 + rank % minutes) * _MINUTE_MS


def event_attendance(request: IncomingRequest) -> Reply:
    """List who came; sessions that are not FINISHED do not count (C)."""
    if not request.event.finished_sessions and request.switches.no_finished_session == "refused":
        raise WrongStateError("Airmeet")
    return _prepared(request, _records(request).event_attendance())


def session_attendance(request: IncomingRequest) -> Reply:
    """List who came to a session; its event stands nowhere in the path (C)."""
    for event in request.state.events.values():
        for session in event.sessions:
            if session["sessionid"] == request.params["sessionId"]:
                request.find_event(event.uid)
                if session["status"] != "FINISHED":
                    raise WrongStateError("Session")
                records = EventRecords(event, request.state, request.switches)
                return _prepared(request, records.session_attendance(session))
    raise request.no_such_part("Session")


def booth_attendance(request: IncomingRequest) -> Reply:
    """List who visited a booth of an event that is over (C)."""
    booth = next((row for row in request.event.booths if row["uid"] == request.params["boothId"]), None)
    if booth is None:
        raise request.no_such_part("Booth")
    _check_over(request)
    return _prepared(request, _records(request).booth_attendance(booth))


def replays(request: IncomingRequest) -> Reply:
    """List who watched what later, of an event that is over (C)."""
    _check_over(request)
    return _prepared(request, _records(request).replays())


def utms(request: IncomingRequest) -> Reply:
    """List by which links people came to register."""
    return _prepared(request, _records(request).utms())


def polls(request: IncomingRequest) -> Reply:
    """List who answered which poll."""
    page, _ = _page(request, _records(request).polls())
    return ok(**page)


def questions(request: IncomingRequest) -> Reply:
    """List who asked what, all at once."""
    return ok(data=_records(request).questions())


def _records(request: IncomingRequest) -> EventRecords:
    return EventRecords(request.event, request.state, request.switches)


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
