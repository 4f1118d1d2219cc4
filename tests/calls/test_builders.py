"""What each builder asks for, to the letter, and what it refuses before anything is sent."""

import inspect
import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airmeet_async import calls
from airmeet_async.errors import InvalidInputError
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import ENDPOINTS
from airmeet_async.protocol.json_codec import encode
from airmeet_async.protocol.models import AttendanceType, Attendee, Exhibitor, NewAirmeet, NewBooth, NewSession, Speaker
from tests.cases import case

EVENT = "8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02"
ADA = Attendee("ada@example.com", "Ada", "Lovelace")
FLAGS = {"registerAttendee": False, "sendEmailInvite": True}
MINIMAL = {"email": "ada@example.com", "firstName": "Ada", "lastName": "Lovelace"}
FULL = Attendee(
    "ada@example.com",
    "Ada",
    "Lovelace",
    attendance_type=AttendanceType.IN_PERSON,
    city="London",
    country="United Kingdom",
    designation="Countess",
    organisation="Analytical Engines",
    custom_fields={"f-1": "M", "f-2": ("V", "N"), "f-3": []},
)
FULL_BODY = MINIMAL | {
    "attendance_type": "IN-PERSON",
    "city": "London",
    "country": "United Kingdom",
    "designation": "Countess",
    "organisation": "Analytical Engines",
    "customFieldMapping": [
        {"fieldId": "f-1", "value": ["M"]},
        {"fieldId": "f-2", "value": ["V", "N"]},
        {"fieldId": "f-3", "value": []},
    ],
}

# Left: the call; then its row, the rest of the target, and the body.
BUILT = {
    "auth": (calls.authenticate(), "auth", "/auth", {}),
    "add": (
        calls.add_attendee(EVENT, ADA, send_email_invite=True),
        "attendees.add",
        f"/airmeet/{EVENT}/attendee",
        MINIMAL | FLAGS,
    ),
    "add all": (
        calls.add_attendee(EVENT, FULL, send_email_invite=True),
        "attendees.add",
        f"/airmeet/{EVENT}/attendee",
        FULL_BODY | FLAGS,
    ),
    "add with flags": (
        calls.add_attendee(EVENT, ADA, register_attendee=True, send_email_invite=False),
        "attendees.add",
        f"/airmeet/{EVENT}/attendee",
        MINIMAL | {"registerAttendee": True, "sendEmailInvite": False},
    ),
    "empty texts are left out": (
        calls.add_attendee(
            EVENT, Attendee("ada@example.com", "Ada", "Lovelace", city="", country=None), send_email_invite=True
        ),
        "attendees.add",
        f"/airmeet/{EVENT}/attendee",
        MINIMAL | FLAGS,
    ),
    "attendance as text": (
        calls.add_attendee(
            EVENT, Attendee("ada@example.com", "Ada", "Lovelace", attendance_type="VIRTUAL"), send_email_invite=True
        ),
        "attendees.add",
        f"/airmeet/{EVENT}/attendee",
        MINIMAL | {"attendance_type": "VIRTUAL"} | FLAGS,
    ),
    "nothing is changed": (
        calls.add_attendee(EVENT, Attendee("ADA@Example.com", " Zoë", "van  'T"), send_email_invite=True),
        "attendees.add",
        f"/airmeet/{EVENT}/attendee",
        {"email": "ADA@Example.com", "firstName": " Zoë", "lastName": "van  'T"} | FLAGS,
    ),
    "block": (
        calls.block_attendee(EVENT, "ada@example.com"),
        "attendees.block",
        f"/airmeet/{EVENT}/attendee/block",
        {"attendeeEmail": "ada@example.com"},
    ),
    "unblock": (
        calls.unblock_attendee(EVENT, "ada@example.com"),
        "attendees.unblock",
        f"/airmeet/{EVENT}/attendee/unblock",
        {"attendeeEmail": "ada@example.com"},
    ),
    "fields": (calls.list_custom_fields(EVENT), "custom_fields.list", f"/airmeet/{EVENT}/custom-fields", None),
    "info": (calls.get_airmeet(EVENT), "airmeets.info", f"/airmeet/{EVENT}/info", None),
    "list": (calls.list_airmeets(), "airmeets.list", "/airmeets?size=50", None),
    "list one": (calls.list_airmeets(size=1), "airmeets.list", "/airmeets?size=1", None),
    "list many": (calls.list_airmeets(size=500), "airmeets.list", "/airmeets?size=500", None),
    "list after": (calls.list_airmeets(after=7), "airmeets.list", "/airmeets?size=50&after=7", None),
    "list after 0": (calls.list_airmeets(after=0), "airmeets.list", "/airmeets?size=50&after=0", None),
    "list before": (calls.list_airmeets(before="7"), "airmeets.list", "/airmeets?size=50&before=7", None),
}


def test_a_builder_returns_exactly_this():
    """The row of the table, the place and the body, member by member and type by type."""
    for name, (call, row, target, body) in BUILT.items():
        with case(name):
            assert isinstance(call, Call)
            assert call.endpoint is ENDPOINTS[row]
            assert call.target == target
            assert call.body == body
            assert body is None or encode(call.body) == encode(body)


def test_every_row_is_built_above():
    """A new operation needs a case."""
    assert {row for _, row, *_ in (*BUILT.values(), *MORE)} == ENDPOINTS.keys()


# What is refused before anything is sent, and a word of the reason.
REFUSED = {
    "a mapping": (lambda: calls.add_attendee(EVENT, MINIMAL, send_email_invite=True), "must be an Attendee, not dict"),  # type: ignore[arg-type]
    "nobody": (lambda: calls.add_attendee(EVENT, None, send_email_invite=True), "must be an Attendee"),  # type: ignore[arg-type]
    "no e-mail": (
        lambda: calls.add_attendee(EVENT, Attendee("", "Ada", "Lovelace"), send_email_invite=True),
        "email is empty",
    ),
    "no first name": (
        lambda: calls.add_attendee(EVENT, Attendee("ada@example.com", "", "L"), send_email_invite=True),
        "first_name is empty",
    ),
    "a blank last name": (
        lambda: calls.add_attendee(EVENT, Attendee("ada@example.com", "Ada", " "), send_email_invite=True),
        "last_name is empty",
    ),
    "no address": (
        lambda: calls.add_attendee(EVENT, Attendee("ada", "Ada", "L"), send_email_invite=True),
        "name@example.com",
    ),
    "a typo": (
        lambda: calls.add_attendee(
            EVENT, Attendee("ada@example.com", "Ada", "L", attendance_type="remote"), send_email_invite=True
        ),
        "IN-PERSON or VIRTUAL",
    ),
    "a control character": (
        lambda: calls.add_attendee(EVENT, Attendee("ada@example.com", "A\x00da", "L"), send_email_invite=True),
        "first_name",
    ),
    "an event's page": (
        lambda: calls.add_attendee(f"https://www.airmeet.com/e/{EVENT}", ADA, send_email_invite=True),
        "only the part after /e/",
    ),
    "a way out": (lambda: calls.add_attendee("..", ADA, send_email_invite=True), "airmeet_id"),
    "block: no address": (lambda: calls.block_attendee(EVENT, "ada"), "name@example.com"),
    "block: nothing": (lambda: calls.block_attendee(EVENT, ""), "name@example.com"),
    "block: half a character": (lambda: calls.block_attendee(EVENT, "\ud800@example.com"), "name@example.com"),
    "block: a way out": (lambda: calls.block_attendee("a/b", "ada@example.com"), "airmeet_id"),
    "unblock: no address": (lambda: calls.unblock_attendee(EVENT, "ada"), "name@example.com"),
    "unblock: a way out": (lambda: calls.unblock_attendee("", "ada@example.com"), "airmeet_id"),
    "fields: a way out": (lambda: calls.list_custom_fields("a?b"), "airmeet_id"),
    "info: a way out": (lambda: calls.get_airmeet("a#b"), "airmeet_id"),
    "list: size 0": (lambda: calls.list_airmeets(size=0), "1 to 500"),
    "list: size -1": (lambda: calls.list_airmeets(size=-1), "1 to 500"),
    "list: size 501": (lambda: calls.list_airmeets(size=501), "1 to 500"),
    "list: two directions": (lambda: calls.list_airmeets(after=1, before=2), "not both"),
    "list: two directions of 0": (lambda: calls.list_airmeets(after=0, before=0), "not both"),
}


def adding(fields: Any) -> Call[Any]:
    attendee = Attendee("ada@example.com", "Ada", "L", custom_fields=fields)
    return calls.add_attendee(EVENT, attendee, send_email_invite=False)


def named(name: Any) -> Call[Any]:
    return calls.register_webhook("trigger", "https://a.example", name=name)


def people(emails: Any) -> Call[Any]:
    return calls.list_participants(EVENT, email_ids=emails)


def sized(size: Any) -> Call[Any]:
    return calls.list_airmeets(size=size)


REFUSED |= {
    "list: size as a text": (lambda: sized("10"), "size must be a whole number from 1 to 500"),
    "list: size 1.5": (lambda: sized(1.5), "not 1.5"),
    "list: size True": (lambda: sized(True), "not True"),
    "registrations: size 0": (lambda: calls.list_registrations(EVENT, size=0), "a whole number from 1 for"),
    "participants: a person": (lambda: people([ADA]), "not Attendee"),
    "participants: a number": (lambda: people(5), "not int"),
    "add: no custom fields": (lambda: adding(None), "custom_fields must be a mapping"),
    "add: custom fields in a list": (lambda: adding([1]), "custom_fields must be a mapping"),
    "add: a number in a custom field": (lambda: adding({"x": 5}), "the value of 'x' must be a text"),
    "add: numbers in a custom field": (lambda: adding({"x": [5]}), "the value of 'x' must be a text"),
    "webhook: a number for a name": (lambda: named(5), "name must be a text"),
}


def test_a_mistake_is_refused_before_anything_is_sent():
    """By the builder, with the fix, and as one kind of error."""
    for name, (build, words) in REFUSED.items():
        with case(name):
            with pytest.raises(InvalidInputError) as caught:
                build()

            assert words in str(caught.value)
            assert str(caught.value).isprintable()


def test_options_have_names():
    """Nobody has to guess what True means."""
    for argument in ["register_attendee", "send_email_invite", "size", "after", "before"]:
        with case(argument):
            builder = calls.add_attendee if "_" in argument else calls.list_airmeets

            assert inspect.signature(builder).parameters[argument].kind is inspect.Parameter.KEYWORD_ONLY


START = datetime(2026, 3, 1, 10, 0, 59, tzinfo=ZoneInfo("Asia/Kolkata"))
MS = 1772339400000
AT = f"/airmeet/{EVENT}"
WHEN: dict[str, Any] = {"start": START, "timezone": "Asia/Kolkata"}
PAGE = (
    "resultSize=9&pageNumber=1&sortingKey=registrationDate&sortingDirection=ASC&emailIds=a%40x.example%2Cb%40x.example"
)
META = {"chatEnabled": True, "loungeEnabled": True, "broadcastEnabled": True, "tableCount": 6}
TRIGGER, HOOK = "trigger.airmeet.created", "https://hooks.example/x"

MORE = [
    (
        calls.create_airmeet(
            NewAirmeet(
                host_email="h@example.com", name="N", short_description="S", end=START + timedelta(hours=1), **WHEN
            )
        ),
        "airmeets.create",
        "/airmeet",
        {
            "hostEmail": "h@example.com",
            "eventName": "N",
            "shortDesc": "S",
            "timing": {"startTime": MS, "endTime": MS + 3_600_000, "timezone": "Asia/Kolkata"},
            "eventType": "MEETUP",
        },
    ),
    (calls.set_airmeet_status(EVENT, "FINISHED"), "airmeets.set_status", f"{AT}/status", {"status": "FINISHED"}),
    (
        calls.change_landing_page(EVENT, highlight_color="#00FF00"),
        "airmeets.landing_page",
        f"{AT}/landing-page",
        {"highlightColor": "#00FF00"},
    ),
    (
        calls.duplicate_airmeet(EVENT, name="N", **WHEN),
        "airmeets.duplicate",
        f"{AT}/duplication",
        {
            "eventName": "N",
            "startTime": MS,
            "timeZone": "Asia/Kolkata",
            "timezone": "Asia/Kolkata",
            "duplicateSpeakers": False,
        },
    ),
    (calls.list_series(), "series.list", "/event-series", None),
    (calls.list_series_airmeets("s1"), "series.events", "/event-series/s1/events", None),
    (calls.remove_attendee(EVENT, "a+b@x.example"), "attendees.remove", f"{AT}/attendee/a%2Bb%40x.example", None),
    (
        calls.list_participants(EVENT, email_ids=["a@x.example", "b@x.example"], size=9),
        "participants.list",
        f"{AT}/participants?{PAGE}",
        None,
    ),
    (calls.list_registrations(EVENT, before=4), "registrations.list", f"{AT}/registrations?size=100&before=4", None),
    (
        calls.add_speaker(EVENT, Speaker("s@example.com", "S P", bio="")),
        "speakers.add",
        f"{AT}/speaker",
        {"name": "S P", "email": "s@example.com"},
    ),
    (
        calls.create_session(EVENT, NewSession(title="T", start=START, host_email="h@example.com")),
        "sessions.create",
        f"{AT}/session",
        {"sessionTitle": "T", "sessionStartTime": MS, "hostEmail": "h@example.com", "type": "HOSTING"},
    ),
    (calls.delete_session(EVENT, "s1"), "sessions.delete", f"{AT}/session/s1", None),
    (
        calls.list_recordings(EVENT, session_ids=["s1", "s2"]),
        "recordings.list",
        f"{AT}/session-recordings?sessionIds=s1%2Cs2",
        None,
    ),
    (calls.list_booths(EVENT), "booths.list", f"{AT}/booths", None),
    (
        calls.create_booth(
            EVENT,
            NewBooth(
                name="B", exhibitors=["e@example.com", Exhibitor(email="f@example.com", attendance_type="HYBRID")]
            ),
        ),
        "booths.create",
        f"{AT}/booths",
        {
            "name": "B",
            "exhibitors": ["e@example.com", "f@example.com"],
            "exhibitorInfo": [
                {"email": "e@example.com"},
                {"email": "f@example.com", "exhibitorAttendanceType": "HYBRID"},
            ],
            "metaData": META,
        },
    ),
    (calls.list_tracks(EVENT), "tracks.list", f"{AT}/tracks", None),
    (calls.list_event_attendance(EVENT, size=7), "attendance.event", f"{AT}/attendees?size=7", None),
    (calls.list_session_attendance("s1"), "attendance.session", "/session/s1/attendees?size=50", None),
    (calls.list_booth_attendance(EVENT, "b1"), "attendance.booth", f"{AT}/booth/b1/booth-attendance?size=50", None),
    (calls.list_replay_attendance(EVENT), "attendance.replay", f"{AT}/event-replay-attendees?size=50", None),
    (calls.list_utms(EVENT, after=3), "utms.list", f"{AT}/utms?size=50&after=3", None),
    (calls.list_poll_responses(EVENT), "polls.list", f"{AT}/polls?size=50", None),
    (calls.list_questions(EVENT), "questions.list", f"{AT}/questions", None),
    (
        calls.register_webhook(TRIGGER, HOOK, name="AIRMEET_CREATED", airmeet_id="e1"),
        "webhooks.register",
        "/platform-integration/v1/webhook-register?airmeetId=e1",
        {
            "name": "AIRMEET_CREATED",
            "description": "",
            "triggerMetaInfoId": TRIGGER,
            "url": HOOK,
            "platformName": "airmeet-async",
        },
    ),
    (
        calls.deregister_webhook(TRIGGER, HOOK),
        "webhooks.deregister",
        "/platform-integration/v1/webhook-deregister",
        {"triggerMetaInfoId": TRIGGER, "url": HOOK},
    ),
    (
        calls.list_webhooks(airmeet_id="e1"),
        "webhooks.list",
        "/platform-integration/v1/webhook-list?airmeetId=e1",
        None,
    ),
    (
        calls.get_webhook_sample(TRIGGER),
        "webhooks.sample_payload",
        f"/platform-integration/v1/sample-payload?triggerMetaInfoId={TRIGGER}",
        None,
    ),
]


def test_the_rest_of_the_api_is_asked_for_to_the_letter():
    """Row, target and body; times in whole minutes as milliseconds, empty texts left out."""
    for call, row, target, body in MORE:
        with case(call, row):
            assert call.endpoint is ENDPOINTS[row]
            assert call.target == target
            assert call.body == body


NOT_SENT = {
    "too large a page": (lambda: calls.list_event_attendance(EVENT, size=51), "1 to 50"),
    "too large a page of people": (lambda: calls.list_participants(EVENT, size=1001), "1 to 1000"),
    "no page": (lambda: calls.list_registrations(EVENT, size=0), "a whole number from 1 for"),
    "a time without a zone": (
        lambda: calls.duplicate_airmeet(EVENT, name="N", start=START.replace(tzinfo=None), timezone="Asia/Kolkata"),
        "no time zone",
    ),
    "a time that the clocks skip": (
        lambda: calls.duplicate_airmeet(
            EVENT,
            name="N",
            start=datetime(2026, 3, 29, 2, 30, tzinfo=ZoneInfo("Europe/Paris")),
            timezone="Europe/Paris",
        ),
        "does not exist in Europe/Paris",
    ),
    "the year 27": (
        lambda: calls.duplicate_airmeet(EVENT, name="N", start=START.replace(year=27), timezone="Asia/Kolkata"),
        "write all four digits",
    ),
    "no such zone": (
        lambda: calls.duplicate_airmeet(EVENT, name="N", start=START, timezone="Kolkata"),
        "Europe/Paris",
    ),
    "an end before the start": (
        lambda: calls.create_airmeet(
            NewAirmeet(host_email="h@x.example", name="N", short_description="S", end=START, **WHEN)
        ),
        "end must be",
    ),
    "no such status": (lambda: calls.set_airmeet_status(EVENT, "DONE"), "ONGOING"),
    "no change": (lambda: calls.change_landing_page(EVENT), "nothing to change"),
    "no colour": (lambda: calls.change_landing_page(EVENT, highlight_color="blue"), "#0000ff"),
    "another type of session": (
        lambda: calls.create_session(EVENT, NewSession(title="T", start=START, host_email="h@x.example", type="BREAK")),
        "HOSTING",
    ),
    "one address instead of a list": (
        lambda: calls.create_session(
            EVENT, NewSession(title="T", start=START, host_email="h@x.example", speaker_emails="s@x.example")
        ),
        "must be a list",
    ),
    "no minutes": (
        lambda: calls.create_session(
            EVENT, NewSession(title="T", start=START, host_email="h@x.example", duration_minutes=0)
        ),
        "minutes above 0",
    ),
    "another attendance of an exhibitor": (
        lambda: calls.create_booth(
            EVENT, NewBooth(name="B", exhibitors=[Exhibitor(email="e@x.example", attendance_type="VIRTUAL")])
        ),
        "HYBRID, ONLINE",
    ),
    "a hook in the clear": (lambda: calls.register_webhook(TRIGGER, "http://x.example", name="N"), "https"),
    "a hook without its event": (
        lambda: calls.register_webhook("trigger.airmeet.polls", HOOK, name="N"),
        "give airmeet_id",
    ),
    "a hook without its session": (
        lambda: calls.register_webhook("trigger.session.attendee.joined", HOOK, name="N", airmeet_id="e1"),
        "give session_id",
    ),
}


def test_what_airmeet_would_refuse_is_refused_here_with_the_fix():
    """Nothing is sent, and the message says what to write."""
    for name, (build, words) in NOT_SENT.items():
        with case(name), pytest.raises(InvalidInputError, match=re.escape(words)):
            build()
