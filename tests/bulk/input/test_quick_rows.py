"""The quick way of `AddAttendees` for plain rows: what it returns is what `fill` would have made."""

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airmeet_async.bulk.input.columns import Reading, find_columns
from airmeet_async.bulk.input.operations import AddAttendees, UncheckedFields
from airmeet_async.bulk.row import Row
from airmeet_async.protocol.models import Attendee, CustomField
from airmeet_async.protocol.validation import RegistrationFields

FLAGS = {"registerAttendee": False, "sendEmailInvite": True}
HEADER = ("email", "first_name", "last_name", "city", "organisation", "attendance_type")


class CarefulOnly(AddAttendees):
    def _quick_row(self, index: int, line: int | None, data: Any) -> Row | None:
        return None


class Counting(AddAttendees):
    quick = 0

    def _quick_row(self, index: int, line: int | None, data: Any) -> Row | None:
        row = super()._quick_row(index, line, data)
        self.quick += row is not None
        return row


class Word(StrEnum):
    """A text that says something else when it is asked for its name."""

    ADA = "Ada"


def facts(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [
        (row.index, row.line, row.data, row.key, row.identity, row.template, row.payload, row.warnings, row.error)
        for row in rows
    ]


SHIRT = CustomField(id="f1", label="Shirt", is_required=True)
NOT_ASKED = UncheckedFields()
EVENTS = [
    NOT_ASKED,
    RegistrationFields([], is_hybrid=True),
    RegistrationFields([], is_hybrid=False),
    RegistrationFields([SHIRT]),
]


def both(data: list[Any], event: RegistrationFields = NOT_ASKED, **options: Any) -> tuple[list[Row], list[Row]]:
    ways = (way("e1", FLAGS, Reading(), event_fields=event, **options) for way in (AddAttendees, CarefulOnly))
    quick, careful = (way.prepare_rows(data, None, 7) for way in ways)
    return quick, careful


odd = st.sampled_from([
    "", " ", "  ", " a", "a ", "a  b", '"', "\\", "\t", "\n", "\x7f", "\xa0", "\u200b", "\ud800", "é", "名", "İ", "|",
    "%s", "x" * 35, "x" * 36, "x" * 70, "x" * 71, " " + "x" * 35, Word.ADA,
    None, 5, True, 1.5, b"x", ["a"], float("nan"),
    "MÃ¼ller", "Müller", "Jos?", "NULL", " NULL", "undefined", "O&#039;Brien", "50 %", "\u2800", "\ufffd",
    "Sto\u00adne",
])  # fmt: skip
texts = st.one_of(st.sampled_from(["Ada", "Lovelace", "Paris"]), odd, st.text(max_size=4))
emails = st.one_of(
    st.sampled_from(["ada@example.com", "Ada.L@Example.co.uk", "a@b", "x@y.de ", "ﬀ@example.com", "a" * 64 + "@b.de"]),
    st.from_regex(r"[A-Za-z0-9_.+-]{1,8}@[a-z.-]{1,6}\.[A-Za-z]{1,3}", fullmatch=True),
    odd,
)
plain_ones = st.fixed_dictionaries(
    {"email": emails, "first_name": texts, "last_name": texts},
    optional={
        "city": texts,
        "organisation": texts,
        "Notes": texts,
        "attendance_type": texts,
        "custom_fields": odd,
        "Status": st.sampled_from(["cancelled", "ok", "", None, ["a"]]),
    },
)
attendees = st.builds(
    Attendee, emails, texts, texts,
    city=texts, organisation=texts, attendance_type=st.one_of(st.none(), texts),
    custom_fields=st.sampled_from([{}, {"Shirt": "M"}, None]),
)  # fmt: skip


@pytest.mark.slow
@given(st.lists(st.one_of(plain_ones, attendees), max_size=4))
@example([{"email": "a@b.de", "first_name": "A", "last_name": "B", "city": "  "}])
@example([{"email": "a@b.de", "first_name": Word.ADA, "last_name": "B"}])
@example([{"email": "a@b.de", "first_name": "A\\", "last_name": 'B"'}])
def test_a_quick_row_is_the_careful_row(data: list[Any]) -> None:
    for event in EVENTS:
        quick, careful = both(data, event)
        assert facts(quick) == facts(careful)


@pytest.mark.slow
@given(st.lists(plain_ones, max_size=4))
def test_a_quick_row_of_a_table_is_the_careful_row(data: list[Any]) -> None:
    """Where the columns are fixed, whatever keys a row has."""
    for header in (HEADER[:5], HEADER, (*HEADER[:3], "Notes")):
        overrides = {"custom:Note": "Notes"} if "Notes" in header else {}
        columns = find_columns(header, Reading(overrides=overrides))
        quick, careful = both(data, columns=columns)
        assert facts(quick) == facts(careful)


PLAIN: dict[str, Any] = {
    "a mapping": {"email": "ada@example.com", "first_name": "Ada", "last_name": "Lovelace"},
    "other names, other columns": {"Notes": 5, "E-Mail": "ada@example.com", "Vorname": "Ada", "Nachname": "L"},
    "blanks around and an empty cell": {"email": "a@b.de", "first_name": " Ada", "last_name": "L ", "city": ""},
    "letters of any language": {"email": "a@b.de", "first_name": "名", "last_name": "Müller", "city": "Łódź"},
    "a long company": {"email": "a@b.de", "first_name": "A", "last_name": "B", "organisation": "x" * 70},
    "an attendee": Attendee("ada@example.com", "Ada", "Lovelace", organisation="Engines Ltd"),
}


@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN)
def test_plain_rows_are_quick(data: Any) -> None:
    """Otherwise nobody would notice that the quick way is dead."""
    operation = Counting("e1", FLAGS, Reading())

    rows = operation.prepare_rows([data] * 3, None, 0)

    assert operation.quick == 3
    assert facts(rows) == facts(CarefulOnly("e1", FLAGS, Reading()).prepare_rows([data] * 3, None, 0))


ADA = PLAIN["a mapping"]
LUMA = {"api_id": "x", "approval_status": "declined", "name": "Ada L", "first_name": "A", "last_name": "B"}
NOT_PLAIN: dict[str, tuple[dict[str, Any], Reading]] = {
    "a first name that is cut": (ADA | {"first_name": "x" * 36}, Reading()),
    "a last name that is cut": (ADA | {"last_name": "x" * 36}, Reading()),
    "a company that is cut": (ADA | {"organisation": "x" * 71}, Reading()),
    "a company that is cut, and blanks": (ADA | {"first_name": " A", "organisation": "x" * 71}, Reading()),
    "a quote": (ADA | {"city": 'The "City"'}, Reading()),
    "a backslash": (ADA | {"city": "A\\B"}, Reading()),
    "a line end": (ADA | {"city": "A\nB"}, Reading()),
    "an attendance type": (ADA | {"attendance_type": "online"}, Reading()),
    "a registration field": (ADA | {"Shirt": "M"}, Reading(overrides={"custom:Shirt": "Shirt"})),
    "registration fields": (ADA | {"custom_fields": {"Shirt": "M"}}, Reading()),
    "a whole name": ({"email": "a@b.de", "Full name": "Ada Lovelace"}, Reading(split_name=True)),
    "somebody who does not come": (LUMA | {"email": "a@b.de"}, Reading()),
    "an odd address": (ADA | {"email": "ﬀ@example.com"}, Reading()),
    "no address": (ADA | {"email": "nobody"}, Reading()),
    "a blank name": (ADA | {"first_name": "  "}, Reading()),
    "a word for no value": (ADA | {"city": "NULL"}, Reading()),
    "somebody who may not come": (ADA | {"Status": "cancelled"}, Reading()),
    "a missing name": (ADA | {"last_name": None}, Reading()),
}


@pytest.mark.parametrize(("data", "reading"), NOT_PLAIN.values(), ids=NOT_PLAIN)
def test_a_row_that_is_not_plain_goes_the_careful_way(data: dict[str, Any], reading: Reading) -> None:
    """Each with one thing in it that takes more than picking texts; between plain ones, and as rows of a table."""
    for columns in (None, find_columns([*data], reading)):
        operation = Counting("e1", FLAGS, reading, columns=columns, event_fields=UncheckedFields())
        careful = CarefulOnly("e1", FLAGS, reading, columns=columns, event_fields=UncheckedFields())

        assert facts(operation.prepare_rows([data], None, 0)) == facts(careful.prepare_rows([data], None, 0))
        assert operation.quick == 0


def test_of_a_chunk_the_broken_rows_are_gone_through_once_more() -> None:
    """The quick way does not look for a wrong encoding: all rows of a chunk are looked at together."""
    rows = [ADA, ADA | {"city": "MÃ¼nchen"}, ADA | {"city": "Jos?"}, ADA | {"city": "Zürich"}]
    operation = Counting("e1", FLAGS, Reading())

    found = operation.prepare_rows(rows, None, 0)

    assert operation.quick == 4
    assert [[warning.code for warning in row.warnings] for row in found] == [[], ["broken_text"], [], []]
    assert facts(found) == facts(CarefulOnly("e1", FLAGS, Reading()).prepare_rows(rows, None, 0))


def test_what_a_status_says_is_judged_once() -> None:
    """Then rows that say the same go the quick way."""
    rows = [ADA | {"Status": status} for status in ("registered", "registered", "cancelled", "registered", "Cancelled")]
    operation = Counting("e1", FLAGS, Reading())

    found = operation.prepare_rows(rows, None, 0)

    assert operation.quick == 2
    assert [bool(row.warnings) for row in found] == [False, False, True, False, True]


def test_rows_with_other_keys_follow_each_other() -> None:
    """What one set of keys means is not taken for the next."""
    rows = [ADA, {"Vorname": "X", "email": "x@y.de", "Nachname": "Y"}, ADA, ADA | {"attendance_type": "virtual"}, ADA]
    operation = Counting("e1", FLAGS, Reading())

    assert facts(operation.prepare_rows(rows, None, 0)) == facts(
        CarefulOnly("e1", FLAGS, Reading()).prepare_rows(rows, None, 0)
    )
    assert operation.quick == 4


def test_the_flags_of_a_list_are_no_part_of_a_row() -> None:
    """The same person under other flags is the same payload, and a mail can be left out."""
    (row,) = AddAttendees("e1", FLAGS, Reading()).prepare_rows([PLAIN["a mapping"]], [2], 0)

    payload = b'{"email":"ada@example.com","firstName":"Ada","lastName":"Lovelace"}'
    assert row.payload == payload
    assert row.template is not None
    assert row.template.body(payload) == payload[:-1] + b',"registerAttendee":false,"sendEmailInvite":true}'
    assert row.template.without_mail.body(payload).endswith(b'"sendEmailInvite":false}')
