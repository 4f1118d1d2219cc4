"""The triggers of webhooks, and what each one sends; fields by B, the words of D's triggers are a guess."""

from typing import Final

from airmeet_async.sandbox.community import Json

SESSION_TRIGGERS: Final = frozenset({"trigger.session.attendee.joined"})
EVENT_TRIGGERS: Final = SESSION_TRIGGERS | {  # A
    "trigger.airmeet.registrant.added",
    "trigger.airmeet.attendee.joined",
    "trigger.airmeet.polls",
}

NAMES: Final = {  # B
    "trigger.airmeet.created": "AIRMEET_CREATED",
    "trigger.airmeet.registrant.added": "REGISTRANT_ADDED",
    "trigger.airmeet.started": "AIRMEET_STARTED",
    "trigger.airmeet.finished": "AIRMEET_FINISHED",
    "trigger.airmeet.reminder": "AIRMEET_REMINDER",
    "trigger.airmeet.attendee.joined": "ATTENDEE_JOINED_EVENT",
    "trigger.session.attendee.joined": "ATTENDEE_JOINED_SESSION",
    "trigger.airmeet.polls": "EVENT_POLLS",
    "trigger.airmeet.questions": "EVENT_QUESTIONS",
    "trigger.attendee.booth.joined": "BOOTH_ATTENDEE",
}

_MOMENT: Final = "2026-03-01T10:00:00.000Z"
_AIRMEET: Final = "8f0c1a2e-1111-11ee-aaaa-0a58a9feac02"
_SESSION: Final = "51e55104-1111-11ee-aaaa-0a58a9feac02"

_EVENT: Final[Json] = {
    "airmeet_id": _AIRMEET,
    "name": "Spring Summit",
    "short_desc": "Two days",
    "long_desc": "",
    "status": "CREATED",
    "timezone": "Asia/Kolkata",
    "start_time": _MOMENT,
    "end_time": "2026-03-01T12:00:00.000Z",
    "organiser_name": "Sam Host",
    "organiser_email": "sam.host@example.com",
    "is_private": False,
    "networking_enabled": True,
    "session_enabled": True,
    "community_id": "c0ffee00-1111-11ee-aaaa-0a58a9feac02",
    "community_name": "Sandbox",
    "tableCount": 12,
    "speakers": [],
    "tags": [],
}
_WHO: Final[Json] = {
    "airmeetId": _AIRMEET,
    "airmeetName": "Spring Summit",
    "name": "Ada Lovelace",
    "email": "ada@example.com",
    "user_id": "9aBcD3F5x",
}
_PERSON: Final[Json] = _WHO | {
    "firstName": "Ada",
    "lastName": "Lovelace",
    "city": "London",
    "country": "United Kingdom",
    "designation": "Analyst",
    "organization": "Engines Ltd",  # so spelled here (B)
    "registrationTime": _MOMENT,
    "entryLink": f"https://www.airmeet.com/e/{_AIRMEET}?code=sample",
}
_QUESTION: Final[Json] = {"question": "And then?", "session_id": _SESSION, "time_stamp": _MOMENT, "upvoteCount": 3}
_DONE_BY: Final[Json] = _WHO | {"time_stamp": _MOMENT}

SAMPLES: Final[dict[str, Json]] = {
    "trigger.airmeet.created": _EVENT,
    "trigger.airmeet.started": _EVENT | {"status": "ONGOING"},
    "trigger.airmeet.finished": _EVENT | {"status": "FINISHED"},
    "trigger.airmeet.reminder": _EVENT,
    "trigger.airmeet.recording.available": {
        "airmeetName": "Spring Summit",
        "recordings": [{"link": "https://recordings.example.com/sample.mp4", "sessionId": _SESSION}],
    },
    "trigger.airmeet.attendee.added": _PERSON,
    "trigger.airmeet.registrant.added": _PERSON,
    "trigger.airmeet.attendee.joined": _DONE_BY,
    "trigger.session.attendee.joined": _DONE_BY | {"session_id": _SESSION},
    "trigger.attendee.booth.joined": {
        **_WHO,
        "userId": "9aBcD3F5x",
        "time_stamp": _MOMENT,
        "visits": 2,
        "interested_in_being_contacted": True,
    },
    "trigger.airmeet.polls": _WHO | {"polls": [{"question": "Did you like it?", "answer": "Very much"}]},
    "trigger.airmeet.questions": _WHO | {"questions": [_QUESTION]},
    # Named in one text derived from the documentation only (D).
    "trigger.attendee.clicked_cta": _DONE_BY,
    "trigger.attendee.entered_airmeet": _DONE_BY,
    "trigger.attendee.engagement_score": _DONE_BY | {"score": 42},
    "trigger.attendee.joined_stage": _DONE_BY,
    "trigger.attendee.joined_booth": _DONE_BY,
    "trigger.attendee.joined_table": _DONE_BY,
    "trigger.attendee.joined_session": _DONE_BY | {"session_id": _SESSION},
    "trigger.attendee.opened_resource": _DONE_BY,
    "trigger.attendee.ondemand_session_attendance": _DONE_BY | {"session_id": _SESSION},
    "trigger.leaderboard.scoreboard": {"airmeetId": _AIRMEET, "scoreboard": [_WHO | {"score": 42}]},
}
