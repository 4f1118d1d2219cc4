"""Files that real people had, from the file to the request; ``tests/tables/cases`` has them with invented people."""

import json
import re
import shlex
from pathlib import Path

import pytest

from airmeet_async import InputError
from airmeet_async.bulk.input.columns import Reading, find_table_columns
from airmeet_async.bulk.input.operations import AddAttendees
from airmeet_async.bulk.input.plan import RowFinding
from airmeet_async.bulk.input.sources import open_file
from airmeet_async.errors import EncodingError
from airmeet_async.tables import command_line_option
from tests.support.prepared import plan_of, prepare

CASES = Path(__file__).parents[2] / "tables/cases"
ANA, BOB = ("ana@example.com", "Ana", "Lovelace"), ("bob@example.com", "Bob", "Stone")

# Who is registered with that file, by e-mail, first and last name.
PEOPLE = {
    "duplicate-unused-header.csv": [ANA],
    "excel-text-formula-wrapper.csv": [ANA],
    "japanese-headers.csv": [("ana@example.com", "太郎", "山田")],
    "json-nested-unused.jsonl": [("ana@example.com", "Ana", "L"), ("bob@example.com", "Bob", "S")],
    "leading-apostrophe.csv": [("ana@example.com", "Ana", "-")],
    "linkedin-notes.csv": [ANA],
    "pandas-index.csv": [ANA, BOB],
    "people.json": [("ana@example.com", "Ana", "L")],
    "space-before-quotes.csv": [ANA, BOB],
    "space-quote-comma-inside.csv": [("ana@example.com", "Ana", "Doe, Jr.")],
    "title-row-above.csv": [ANA],
    "title-salutation.csv": [("bob@example.com", "Bob", "Stone"), ("ana@example.com", "Ana", "Lovelace")],
    "whole-line-quoted.csv": [ANA, ("bob@example.com", "Bob", "Stone, Jr.")],
    "xlsx-na-in-unused-column.xlsx": [ANA, BOB],
    "xlsx-title-row-above.xlsx": [ANA, BOB],
}


@pytest.mark.parametrize("name", PEOPLE)
def test_everybody_in_the_file_is_registered_by_the_right_name(name):
    table = open_file(CASES / name)
    operation = AddAttendees("e1", {}, Reading(), columns=find_table_columns(table, Reading()))

    bodies = [json.loads(row.payload) for row in prepare(table, operation)]

    assert [(body["email"], body["firstName"], body["lastName"]) for body in bodies] == PEOPLE[name]


def planned(name, **reading):
    return plan_of(CASES / name, Reading(**reading))


def test_a_salutation_is_no_job_title():
    plan = planned("title-salutation.csv")

    assert [match.field for match in plan.columns.fields] == ["email", "first_name", "last_name"]
    assert '  ignored: "Title" (forms of address, not job titles)' in plan.lines()


def test_words_of_attendance_are_understood_and_shown():
    plan = planned("attendance-words.csv")

    assert (plan.ready, plan.invalid) == (5, 0)
    assert '"Online" as VIRTUAL, "On-site" as IN-PERSON' in " ".join("\n".join(plan.lines()).split())


def test_the_advice_for_an_export_of_google_contacts_leads_on():
    """The label beside an address is not proposed for it, and of two columns with addresses the fuller or first one."""
    with pytest.raises(InputError, match="no column for email") as caught:
        planned("google-contacts.csv")
    (option,) = re.findall(r"--map ('.*?'|\S+)", str(caught.value))
    field, _, column = shlex.split(option)[0].partition("=")
    plan = planned("google-contacts.csv", overrides={field: column})

    assert (column, plan.ready, plan.invalid) == ("E-mail 1 - Value", 1, 1)


def test_a_column_is_judged_only_if_it_is_used():
    """The same file twice: the invoice that nobody asked for, and the invoice as a registration field."""
    assert (planned("xlsx-na-in-unused-column.xlsx")).ready == 2

    with pytest.raises(InputError, match="Invoice"):
        planned("xlsx-na-in-unused-column.xlsx", overrides={"custom:Invoice": "Invoice"})


def test_two_columns_of_one_name_are_refused_where_they_matter():
    with pytest.raises(InputError, match='column "Notes": columns 4 and 5 have this name'):
        planned("duplicate-unused-header.csv", overrides={"custom:Notes": "Notes"})


@pytest.mark.parametrize("name", ["enc-german-dos-cp850.csv", "enc-hungarian-cp1250.csv", "enc-japanese-cp932.csv"])
def test_the_encoding_that_is_proposed_reads_the_file(name):
    with pytest.raises(EncodingError, match="is not UTF-8") as caught:
        open_file(CASES / name, spell=command_line_option)
    encodings = dict(caught.value.candidates)

    assert name.removesuffix(".csv").split("-")[-1] in encodings
    assert open_file(CASES / name, encoding=next(iter(encodings))).check().rows


def test_columns_without_a_name_are_told_where_one_is_missing(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(",first_name,last_name\nana@example.com,Ana,Lovelace\n")

    with pytest.raises(InputError, match=r"column 1 has no name .*ana@example\.com.* name it in the file"):
        plan_of(path, Reading())


def found_in(name, event=None, **reading):
    """Return what is said of which line."""
    found: list[RowFinding] = []
    plan_of(CASES / name, Reading(**reading), event, found=found.append)
    return [(finding.line, finding.code, finding.message) for finding in found]


BY_LINE = {
    "mojibake-utf8-twice.csv": [
        (2, "broken_text", '"JosÃ©", probably "José"'), (3, "broken_text", '"NuÃ±ez", probably "Nuñez"'),
    ],
    "mysql-null.csv": [
        (line, "no_value", word)
        for line, word in enumerate(("\\N", "undefined", "(null)", "#NAME?", "NULL", "[object Object]"), start=2)
    ],
    "name-only-ltr-mark.csv": [
        (2, "missing_field", "first_name is empty"), (2, "missing_field", "last_name is empty"),
        (3, "broken_text", 'probably "Stone"'),
    ],
    "question-marks.csv": [(2, "broken_text", '"Jos?", with letters lost'), (3, "broken_text", '"????"')],
    "replacement-characters.csv": [(2, "broken_text", "with letters lost")],
    "same-person-twice.csv": [
        (3, "duplicate", "already in line 2"), (4, "invalid_email", "did you mean 'ana@example.com'?"),
        (5, "duplicate", "already in line 2"),
    ],
    "one-address-different-people.csv": [
        (3, "other_name", 'this one is "Bob Stone"'), (4, "other_name", 'this one is "Cyd West"'),
    ],
    "status-column-generic.csv": [(3, "may_not_come", '"status" says "cancelled"')],
    "eventbrite-de.csv": [(3, "not_attending", "Eventbrite says 'Nimmt nicht teil'")],
    "eventbrite-info-requested.csv": [
        (3, "placeholder", "Info Requested"), (4, "placeholder", "Information Requested"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", BY_LINE)
def test_what_is_odd_is_told_by_line(name):
    found = found_in(name)

    assert [(line, code) for line, code, _ in found] == [(line, code) for line, code, _ in BY_LINE[name]]
    for (_, _, said), (_, _, message) in zip(BY_LINE[name], found, strict=True):
        assert said in message.replace("\\\\", "\\")


STATUSES = {
    "Status": {"Cancelled": True, "canceled by host": True, "Registered": False, "no": False, "": False},
    "Attendee status": {"Not Attending": True, "Deleted": True, "Refunded/Canceled": True, "Checked In": False},
    "RSVP": {"No": True, "declined": True, "yes": False, "maybe": False},
    "Cancelled": {"yes": True, "2026-01-02": True, "no": False, "FALSE": False, "": False},
    "Anmeldestatus": {"storniert": True, "Warteliste": True, "bestätigt": False},
    "Statut du participant": {"Ne participe pas": True, "Participe": False},
    "ステータス": {"キャンセル済み": True, "参加": False},
    "Newsletter": {"no": False, "cancelled": False},
}


@pytest.mark.parametrize("column", STATUSES)
def test_any_column_that_says_who_does_not_come_is_told_by_line(tmp_path, column):
    """Whatever else is in the list, and also on the quick way after a harmless row."""
    path = tmp_path / "people.csv"
    rows = [f"p{n}@example.com,Ada,Ay,{text}" for n, text in enumerate(STATUSES[column])]
    path.write_text("\n".join([f"email,first_name,last_name,{column}", *rows, *rows]), encoding="utf-8")

    lines = [line for line, code, _ in found_in(path) if code == "may_not_come"]

    assert lines == [line for line, says_no in enumerate(STATUSES[column].values(), start=2) if says_no]
