"""What each builder asks for, to the letter, and what it refuses before anything is sent."""

import inspect

import pytest

from airmeet_async import calls
from airmeet_async.api.call import Call
from airmeet_async.api.endpoints import ENDPOINTS
from airmeet_async.api.jsontext import encode
from airmeet_async.api.models import AttendanceType, Attendee
from airmeet_async.errors import ConfigError

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
        {"fieldId": "f-1", "value": "M"},
        {"fieldId": "f-2", "value": ["V", "N"]},
        {"fieldId": "f-3", "value": []},
    ],
}

# Left: the call; then its row, the rest of the target, and the body.
BUILT = {
    "auth": (calls.authenticate(), "auth", "/auth", {}),
    "add": (calls.attendees.add(EVENT, ADA), "attendees.add", f"/airmeet/{EVENT}/attendee", MINIMAL | FLAGS),
    "add all": (calls.attendees.add(EVENT, FULL), "attendees.add", f"/airmeet/{EVENT}/attendee", FULL_BODY | FLAGS),
    "add with flags": (
        calls.attendees.add(EVENT, ADA, register_attendee=True, send_email_invite=False),
        "attendees.add",
        f"/airmeet/{EVENT}/attendee",
        MINIMAL | {"registerAttendee": True, "sendEmailInvite": False},
    ),
    "empty texts are left out": (
        calls.attendees.add(EVENT, Attendee("ada@example.com", "Ada", "Lovelace", city="", country=None)),
        "attendees.add",
        f"/airmeet/{EVENT}/attendee",
        MINIMAL | FLAGS,
    ),
    "attendance as text": (
        calls.attendees.add(EVENT, Attendee("ada@example.com", "Ada", "Lovelace", attendance_type="VIRTUAL")),
        "attendees.add",
        f"/airmeet/{EVENT}/attendee",
        MINIMAL | {"attendance_type": "VIRTUAL"} | FLAGS,
    ),
    "nothing is changed": (
        calls.attendees.add(EVENT, Attendee("ADA@Example.com", " Zoë", "van  'T")),
        "attendees.add",
        f"/airmeet/{EVENT}/attendee",
        {"email": "ADA@Example.com", "firstName": " Zoë", "lastName": "van  'T"} | FLAGS,
    ),
    "block": (
        calls.attendees.block(EVENT, "ada@example.com"),
        "attendees.block",
        f"/airmeet/{EVENT}/attendee/block",
        {"attendeeEmail": "ada@example.com"},
    ),
    "unblock": (
        calls.attendees.unblock(EVENT, "ada@example.com"),
        "attendees.unblock",
        f"/airmeet/{EVENT}/attendee/unblock",
        {"attendeeEmail": "ada@example.com"},
    ),
    "fields": (calls.custom_fields.list_(EVENT), "custom_fields.list", f"/airmeet/{EVENT}/custom-fields", None),
    "info": (calls.airmeets.info(EVENT), "airmeets.info", f"/airmeet/{EVENT}/info", None),
    "list": (calls.airmeets.list_(), "airmeets.list", "/airmeets?size=50", None),
    "list one": (calls.airmeets.list_(size=1), "airmeets.list", "/airmeets?size=1", None),
    "list many": (calls.airmeets.list_(size=500), "airmeets.list", "/airmeets?size=500", None),
    "list after": (calls.airmeets.list_(after=7), "airmeets.list", "/airmeets?size=50&after=7", None),
    "list after 0": (calls.airmeets.list_(after=0), "airmeets.list", "/airmeets?size=50&after=0", None),
    "list before": (calls.airmeets.list_(before="7"), "airmeets.list", "/airmeets?size=50&before=7", None),
}


@pytest.mark.parametrize(("call", "row", "target", "body"), BUILT.values(), ids=BUILT)
def test_a_builder_returns_exactly_this(call, row, target, body):
    """The row of the table, the place and the body, member by member and type by type."""
    assert isinstance(call, Call)
    assert call.endpoint is ENDPOINTS[row]
    assert call.target == target
    assert call.body == body
    assert body is None or encode(call.body) == encode(body)


def test_every_row_is_built_above():
    """A new operation needs a case."""
    assert {row for _, row, *_ in BUILT.values()} == ENDPOINTS.keys()


# What is refused before anything is sent, and a word of the reason.
REFUSED = {
    "a mapping": (lambda: calls.attendees.add(EVENT, MINIMAL), "must be an Attendee, not dict"),  # type: ignore[arg-type]
    "nobody": (lambda: calls.attendees.add(EVENT, None), "must be an Attendee"),  # type: ignore[arg-type]
    "no e-mail": (lambda: calls.attendees.add(EVENT, Attendee("", "Ada", "Lovelace")), "email is empty"),
    "no first name": (lambda: calls.attendees.add(EVENT, Attendee("ada@example.com", "", "L")), "first_name is empty"),
    "a blank last name": (
        lambda: calls.attendees.add(EVENT, Attendee("ada@example.com", "Ada", " ")),
        "last_name is empty",
    ),
    "no address": (lambda: calls.attendees.add(EVENT, Attendee("ada", "Ada", "L")), "name@example.com"),
    "a typo": (
        lambda: calls.attendees.add(EVENT, Attendee("ada@example.com", "Ada", "L", attendance_type="remote")),
        "IN-PERSON or VIRTUAL",
    ),
    "a control character": (
        lambda: calls.attendees.add(EVENT, Attendee("ada@example.com", "A\x00da", "L")),
        "first_name",
    ),
    "an event's page": (
        lambda: calls.attendees.add(f"https://www.airmeet.com/e/{EVENT}", ADA),
        "only the part after /e/",
    ),
    "a way out": (lambda: calls.attendees.add("..", ADA), "airmeet_id"),
    "block: no address": (lambda: calls.attendees.block(EVENT, "ada"), "name@example.com"),
    "block: nothing": (lambda: calls.attendees.block(EVENT, ""), "name@example.com"),
    "block: half a character": (lambda: calls.attendees.block(EVENT, "\ud800@example.com"), "name@example.com"),
    "block: a way out": (lambda: calls.attendees.block("a/b", "ada@example.com"), "airmeet_id"),
    "unblock: no address": (lambda: calls.attendees.unblock(EVENT, "ada"), "name@example.com"),
    "unblock: a way out": (lambda: calls.attendees.unblock("", "ada@example.com"), "airmeet_id"),
    "fields: a way out": (lambda: calls.custom_fields.list_("a?b"), "airmeet_id"),
    "info: a way out": (lambda: calls.airmeets.info("a#b"), "airmeet_id"),
    "list: size 0": (lambda: calls.airmeets.list_(size=0), "1 to 500"),
    "list: size -1": (lambda: calls.airmeets.list_(size=-1), "1 to 500"),
    "list: size 501": (lambda: calls.airmeets.list_(size=501), "1 to 500"),
    "list: two directions": (lambda: calls.airmeets.list_(after=1, before=2), "not both"),
    "list: two directions of 0": (lambda: calls.airmeets.list_(after=0, before=0), "not both"),
}


@pytest.mark.parametrize(("build", "words"), REFUSED.values(), ids=REFUSED)
def test_a_mistake_is_refused_before_anything_is_sent(build, words):
    """By the builder, with the fix, and as one kind of error."""
    with pytest.raises(ConfigError) as caught:
        build()

    assert words in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("argument", ["register_attendee", "send_email_invite", "size", "after", "before"])
def test_options_have_names(argument):
    """Nobody has to guess what True means."""
    builder = calls.attendees.add if "_" in argument else calls.airmeets.list_

    assert inspect.signature(builder).parameters[argument].kind is inspect.Parameter.KEYWORD_ONLY
