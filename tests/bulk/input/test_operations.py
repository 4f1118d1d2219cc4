"""What each operation makes of a row, before anything is sent."""

import json
import math
from typing import Any

import pytest

from airmeet_async import Attendee, Call, Endpoint, calls
from airmeet_async.bulk.input.columns import Reading
from airmeet_async.bulk.input.existing_items import ExistingItems
from airmeet_async.bulk.input.operations import AddAttendees, ChangeAccess, CreateItems, CustomOperation
from airmeet_async.bulk.input.row_mapping import SESSIONS
from airmeet_async.bulk.row import Row, Wish
from airmeet_async.protocol.endpoints import ATTENDEES_ADD, ATTENDEES_BLOCK, ATTENDEES_UNBLOCK
from airmeet_async.protocol.models import Acknowledgement, CustomField, Participant
from airmeet_async.protocol.validation import RegistrationFields
from tests.support.prepared import prepare
from tests.support.worlds import EVENT, client_of, transport_of

FLAGS = {"registerAttendee": False, "sendEmailInvite": False}
ADA = {"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"}


def adding(**options: Any) -> AddAttendees:
    return AddAttendees("e1", FLAGS, Reading(), **options)


def person(name: Any, **more: Any) -> Attendee:
    return Attendee(f"person-{name}@example.com", "Ada", f"Number {name}", **more)


def codes(rows: list[Row]) -> list[str | None]:
    return [row.error.code if row.error else None for row in rows]


ROWS: list[tuple[Any, str | None]] = [
    (person("a"), None),
    ({"email": "b@example.com", "first_name": "B", "last_name": "B"}, None),
    ({"Email Address": "c@example.com", "First Name": "C", "Last Name": "C", "Notes": 7}, None),
    ({"email": " d@example.com\ufeff", "firstName": "D\t\tD", "lastName": "D", "city": math.nan}, None),
    (person("a"), "duplicate"),
    ({"email": "PERSON-A@EXAMPLE.COM", "first_name": "Else", "last_name": "Else"}, "other_name"),
    ({"email": "ﬀ@example.com", "first_name": "F", "last_name": "F"}, "invalid_email"),
    ({"email": "nowhere", "first_name": "N", "last_name": "N"}, "invalid_email"),
    ({"email": "e@example.com", "first_name": " ", "last_name": "N"}, "missing_field"),
    ({"first_name": "No", "last_name": "Mail"}, "missing_field"),
    (person("g", attendance_type="maybe"), "invalid_attendance_type"),
    ({"email": "h@example.com", "first_name": "H\x00", "last_name": "H"}, "invalid_text"),
    ({"email": "h@example.com", "first_name": "H\ud800", "last_name": "H"}, "invalid_text"),
    (42, "not_a_row"),
    (None, "not_a_row"),
]  # fmt: skip


def test_each_row_is_checked_before_it_is_sent() -> None:
    """A wrong row has an error and no call, a repeated one the index of the first."""
    rows = prepare([row for row, _ in ROWS], adding(), size=4)

    assert codes(rows) == [code for _, code in ROWS]
    assert [row.duplicate_of for row in rows if row.duplicate_of is not None] == [0, 0]
    assert [row.index for row in rows] == list(range(len(ROWS)))
    for row in rows:
        is_wrong = row.error is not None and row.error.code not in {"duplicate", "other_name"}
        assert (row.identity, row.template, row.payload) == ("", None, b"") if is_wrong else row.payload


def test_attendance_types_as_people_write_them() -> None:
    """Airmeet wants IN-PERSON or VIRTUAL."""
    for value in ("in person", "IN-PERSON", "In_Person", "virtual", " VIRTUAL "):
        rows = prepare([person("a", attendance_type=value.strip()), ADA | {"attendance type": value}], adding())

        kept = {json.loads(row.payload)["attendance_type"] for row in rows}
        assert kept == ({"VIRTUAL"} if "virtual" in value.lower() else {"IN-PERSON"}), value


def test_what_airmeet_will_cut_is_sent_whole_and_said() -> None:
    """Thirty-five characters for names, seventy for the rest."""
    rows = prepare([person("a", city="x" * 71), Attendee("b@example.com", "y" * 36, "z" * 35)], adding())

    assert [row.warnings for row in rows] == [
        ("Airmeet will shorten city to 70 characters (it has 71)",),
        ("Airmeet will shorten first_name to 35 characters (it has 36)",),
    ]
    assert json.loads(rows[0].payload)["city"] == "x" * 71


async def test_rows_with_registration_fields_wait_for_these_and_the_event_is_asked_once() -> None:
    """By label or id; the rows before such a row need not wait."""
    asked = 0

    async def fetch() -> RegistrationFields:
        nonlocal asked
        asked += 1
        return RegistrationFields([CustomField(id="f1", label="T-shirt size"), CustomField(id="f2")])

    operation = adding(fetch_fields=fetch)
    data = [
        ADA,
        person(1, custom_fields={"T-Shirt  size": "M", "f2": "10"}),
        person(2),
        person(3, custom_fields={"Shoe": "42"}),
    ]

    first = operation.prepare_rows(data, None, 0)
    await operation.fetch()
    rest = operation.prepare_rows(data[1:], None, 1)
    await operation.fetch()

    assert (len(first), asked) == (1, 1)
    assert [row.index for row in rest] == [1, 2, 3]
    assert json.loads(rest[0].payload)["customFieldMapping"] == [
        {"fieldId": "f1", "value": ["M"]},
        {"fieldId": "f2", "value": ["10"]},
    ]
    assert rest[2].error is not None
    assert "T-shirt size" in rest[2].error.message


@pytest.mark.parametrize("endpoint", [ATTENDEES_BLOCK, ATTENDEES_UNBLOCK], ids=lambda one: one.name)
def test_access_is_changed_by_the_address(endpoint: Endpoint[Any]) -> None:
    """Addresses, attendees and mappings are all fine."""
    data = ["person-0@example.com", person(1), {"E-Mail": "person-2@example.com"}, "wrong", {"name": "No address"}]

    rows = prepare(data, ChangeAccess(endpoint, "e1"))

    assert codes(rows) == [None, None, None, "invalid_email", "invalid_email"]
    assert rows[1].template is not None
    assert rows[1].template.call(rows[1].payload) == Call(
        endpoint, {"airmeet_id": "e1"}, body={"attendeeEmail": "person-1@example.com"}
    )


async def test_a_session_whose_speaker_is_missing_is_sent_with_a_warning() -> None:
    async def fetch() -> ExistingItems:
        return ExistingItems(people=[Participant("host@example.com"), Participant("ada@example.com")])

    operation = CreateItems(SESSIONS, "e1", timezone="UTC", fetch_existing=fetch)
    talk = {"title": "Talk", "start": "2026-03-01 10:00", "host": "host@example.com"}
    data = [talk, talk | {"speakers": "Ada@example.com; bob@example.com"}, talk | {"start": "noon"}]

    assert operation.prepare_rows(data, None, 0) == []
    await operation.fetch()
    rows = operation.prepare_rows(data, None, 0)

    assert [row.warnings for row in rows] == [
        (),
        ("bob@example.com is not in the event yet; add this speaker first",),
        (),
    ]
    assert codes(rows) == [None, None, "invalid_row"]
    assert rows[0].template == operation.template


def test_a_builder_that_raises_spoils_only_its_row() -> None:
    """The row is INVALID with the builder's own words."""
    operation = CustomOperation(lambda row: calls.block_attendee("e1", row), key=str)
    rows = prepare(["A@example.com", "nonsense", "a@example.com"], operation)

    assert codes(rows) == [None, "invalid_row", "duplicate"]
    assert "nonsense" in str(rows[1].error)
    assert rows[1].key == "nonsense"


ODD_CALL: Endpoint[Acknowledgement] = Endpoint("things.do", "POST", "/thing", Acknowledgement, "test")


def test_a_builder_that_returns_nonsense_spoils_only_its_row() -> None:
    made: list[Any] = [None, 5, Call(ODD_CALL, body={1, 2}), Call(ODD_CALL, body=math.nan), Call(ODD_CALL)]
    rows = prepare([*range(5)], CustomOperation(made.__getitem__, None))

    assert codes(rows) == [*["invalid_row"] * 4, None]


def test_calls_to_different_places_have_their_own_templates() -> None:
    operation = CustomOperation(lambda row: calls.block_attendee(*row), None)
    rows = prepare([("e1", "a@b.de"), ("e1", "c@d.de"), ("e2", "a@b.de")], operation)

    assert [row.template and row.template.target for row in rows] == [
        calls.block_attendee(event, "a@b.de").target for event in ("e1", "e1", "e2")
    ]
    assert rows[0].template is rows[1].template


def test_the_flags_of_a_call_that_adds_somebody_are_in_its_template() -> None:
    """So a repeat can leave out the mail, and results tell of it."""
    made = [calls.add_attendee("e1", person("a"), send_email_invite=mails) for mails in (True, False, True)]
    rows = prepare([*range(3)], CustomOperation(made.__getitem__, None))

    templates = [row.template for row in rows if row.template is not None]
    assert [template.flags["sendEmailInvite"] for template in templates] == [True, False, True]
    assert [bool(template.wish & Wish.MAILED) for template in templates] == [True, False, True]
    assert templates[0] is templates[2]
    assert [json.loads(template.body(row.payload)) for template, row in zip(templates, rows, strict=True)] == [
        call.body for call in made
    ]


def test_a_call_without_flags_or_with_nothing_else_is_sent_as_it_is() -> None:
    """Also of another operation whose body has a member of that name."""
    bodies: list[Any] = [{"email": "a@b.de"}, {"sendEmailInvite": True}, None]
    made: list[Call[Any]] = [Call(ATTENDEES_ADD, {"airmeet_id": "e1"}, body=body) for body in bodies]
    made.append(Call(ODD_CALL, body={"email": "a@b.de", "sendEmailInvite": True}))
    rows = prepare([*range(4)], CustomOperation(made.__getitem__, None))

    assert [row.template and row.template.body(row.payload) for row in rows] == [call.payload for call in made]


ODD_ROWS: list[Any] = [
    ADA | {"custom_fields": "xyz"},
    ADA | {"custom_fields": {5: "M"}},
    Attendee("a@example.com", "A", "B", custom_fields="xyz"),  # type: ignore[arg-type]
    Attendee(5, None, "B"),  # type: ignore[arg-type]
    {5: "a@example.com"},
    {None: None},
]


def test_an_odd_row_is_that_rows_problem() -> None:
    """Its neighbours go on."""
    rows = prepare([person(1), *ODD_ROWS, person(2)], adding(event_fields=RegistrationFields([])))

    assert [row.error is None for row in rows] == [True, *[False] * len(ODD_ROWS), True]


async def test_look_alike_addresses_are_told_of_blocks_speakers_and_hosts() -> None:
    """Somebody would be blocked who is not there, or a host who does not exist be asked."""
    odd = "\u043ena@example.com"  # the first letter is Cyrillic
    sources: list[tuple[str, dict[str, Any]]] = [
        ("block_attendees", {"email": odd}),
        ("add_speakers", {"email": odd, "name": "Ona"}),
        ("create_sessions", {"title": "Talk", "start": "2027-03-01T10:00+00:00", "host_email": odd}),
    ]
    for method, row in sources:
        async with client_of(transport_of()) as client:
            report = await getattr(client.bulk, method)(EVENT, [row])

        assert [group.code for group in report.warnings] == ["look_alike"], method
