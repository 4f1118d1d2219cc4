"""The lists of an event and their columns: the documented shape of ``--json`` and ``export`` on one page. Pure."""

from typing import Any

from airmeet_async.api.models import PollAnswer, Question
from airmeet_async.cli.shapes import Both, Shape, same


def _minutes(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 60_000, 2)


def _extras(both: Both) -> dict[str, Any]:
    return {**both.of.extra, **both.one.extra}


_DETAILS = ("organisation", "designation", "city", "country")

PARTICIPANTS = Shape(
    same(
        "email", "name", *_DETAILS, "registered_at", "user_type", "user_id", "invite_sent", "profile_url",
        "joining_link",
    ),
    shown=("email", "name", "registered_at", "user_type", "organisation"),
    secret=frozenset({"joining_link"}),
)  # fmt: skip
REGISTRATIONS = Shape(
    same("email", "name", *_DETAILS, "registered_at"), shown=("email", "name", "registered_at", "organisation")
)
ATTENDANCE = Shape(
    same("email", "name", "user_id", joined_at="at")
    | {"minutes": lambda one: _minutes(one.time_spent_ms)}
    | same("time_spent_ms"),
    shown=("email", "joined_at", "minutes", "name"),
)
SESSION_ATTENDANCE = Shape(
    same(session_id="of.session_id", session_name="of.name", email="one.email", name="one.name", user_id="one.user_id")
    | same(joined_at="one.at")
    | {"minutes": lambda both: _minutes(both.one.time_spent_ms)}
    | same(time_spent_ms="one.time_spent_ms"),
    shown=("session_name", "email", "joined_at", "minutes", "name"),
    besides=lambda both: both.one.extra,
)
BOOTH_VISITS = Shape(
    same("email", "name", "user_id", visited_at="at") | same("visits", "interested_in_contact"),
    shown=("email", "visited_at", "visits", "interested_in_contact", "name"),
)
BOOTH_ATTENDANCE = Shape(
    same(booth_id="of.uid", booth_name="of.name", email="one.email", name="one.name", user_id="one.user_id")
    | same(visited_at="one.at", visits="one.visits", interested_in_contact="one.interested_in_contact"),
    shown=("booth_name", "email", "visited_at", "visits", "name"),
    besides=lambda both: both.one.extra,
)
REPLAYS = Shape(
    same("email", "name", "session_id", "minutes_viewed"), shown=("email", "session_id", "minutes_viewed", "name")
)
POLLS = Shape(
    same(email="of.email", name="of.name", user_id="of.user_id")
    | same(question="one.question", answer="one.answer", answered_at="one.at"),
    shown=("email", "question", "answer"),
    parts=lambda person: [Both(person, one) for one in person.polls or (PollAnswer(),)],
    besides=_extras,
)
QUESTIONS = Shape(
    same(email="of.email", name="of.name", user_id="of.user_id")
    | same(question="one.question", session_id="one.session_id", asked_at="one.at", upvotes="one.upvotes"),
    shown=("email", "asked_at", "upvotes", "question"),
    parts=lambda person: [Both(person, one) for one in person.questions or (Question(),)],
    besides=_extras,
)
UTMS = Shape(
    same("email", utm_campaign="utms.campaign", utm_medium="utms.medium", utm_source="utms.source")
    | same(utm_term="utms.term", utm_content="utms.content"),
    shown=("email", "utm_source", "utm_medium", "utm_campaign"),
    besides=lambda one: {**one.utms.extra, **one.extra},
)
RECORDINGS = Shape(
    same("session_id", "session_name", "download_link"),
    shown=("session_id", "session_name", "download_link"),
    secret=frozenset({"download_link"}),
)
FIELDS = Shape(
    same("label", id="field_id", required="is_required")
    | {
        "type": lambda one: (one.type.input_type or one.type.field_type) if one.type else None,
        "options": lambda one: [option.display_value or option.code for option in one.options],
    }
    | same("name"),
    shown=("label", "id", "required", "type", "options"),
)
TRACKS = Shape(
    same(id="uid") | same("name", "description", "order", "session_ids"),
    shown=("id", "order", "name"),
    besides=lambda one: {"meta": one.meta, **one.extra},
)
BOOTHS = Shape(same(id="uid") | same("name", "exhibitors", "tags"), shown=("id", "name", "exhibitors"))
SESSIONS = Shape(
    same(id="session_id")
    | same("name", "status", "type", start="start_time", duration_minutes="duration")
    | same("summary", "host_ids", "cohost_ids", "speaker_ids")
    | {"speakers": lambda one: [person.name for person in one.speakers]},
    shown=("id", "status", "start", "duration_minutes", "name"),
)
