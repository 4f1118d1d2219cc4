"""The records of an event: who came, stayed, asked, voted, watched later, and by which link they had registered.

All of it follows from the people of the event and their places, as the tables here say:

- Everybody came but every fifth. That is the attendance of the event, and of its first finished session; the second
  one was attended by every second of them, the third by every third, and so on.
- The first booth was visited by every second of those who came, the second by every third, and so on.
- Every second of those who came answered the polls; every eighth asked a question.
- Every second of all the people watched a replay, and every second came by a link with UTMs.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from airmeet_async.sandbox.community import CommunityState, Event, Json
from airmeet_async.sandbox.event_people import EventPeople, Guest
from airmeet_async.sandbox.responses import LazyRows, timestamp
from airmeet_async.sandbox.switches import Switches

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
