"""Files that real people had, from the file to the request; ``tests/tables/cases`` has them with invented people."""

import re
import shlex
from pathlib import Path

import pytest

from airmeet_async import InputError
from airmeet_async.bulk.input.columns import Reading
from airmeet_async.bulk.input.plan import make_plan
from airmeet_async.bulk.input.sources import open_file
from airmeet_async.tables import EncodingError, command_line_option
from tests.support.worlds import EVENT, client_of, transport_of

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
async def test_everybody_in_the_file_is_registered_by_the_right_name(name):
    transport = transport_of()
    async with client_of(transport) as client:
        report = await client.bulk.add_attendees(EVENT, CASES / name, send_email_invite=False)
        people = [person async for person in client.participants.list(EVENT)]

    assert report.succeeded == len(PEOPLE[name])
    added = {one.email: one.name for one in people}
    assert [added[email] for email, *_ in PEOPLE[name]] == [f"{first} {last}" for _, first, last in PEOPLE[name]]


async def plan_of(name, **reading):
    return await make_plan(open_file(CASES / name), Reading(**reading), None)


async def test_a_salutation_is_no_job_title():
    plan = await plan_of("title-salutation.csv")

    assert [match.field for match in plan.columns.fields] == ["email", "first_name", "last_name"]
    assert '  ignored: "Title" (forms of address, not job titles)' in plan.lines()


async def test_words_of_attendance_are_understood_and_shown():
    plan = await plan_of("attendance-words.csv")

    assert (plan.ready, plan.invalid) == (5, 0)
    assert '"Online" as VIRTUAL, "On-site" as IN-PERSON' in " ".join("\n".join(plan.lines()).split())


async def test_the_advice_for_an_export_of_google_contacts_leads_on():
    """The label beside an address is not proposed for it, and of two columns with addresses the fuller or first one."""
    with pytest.raises(InputError, match="no column for email") as caught:
        await plan_of("google-contacts.csv")
    (option,) = re.findall(r"--map ('.*?'|\S+)", str(caught.value))
    field, _, column = shlex.split(option)[0].partition("=")
    plan = await plan_of("google-contacts.csv", overrides={field: column})

    assert (column, plan.ready, plan.invalid) == ("E-mail 1 - Value", 1, 1)


async def test_a_column_is_judged_only_if_it_is_used():
    """The same file twice: the invoice that nobody asked for, and the invoice as a registration field."""
    assert (await plan_of("xlsx-na-in-unused-column.xlsx")).ready == 2

    with pytest.raises(InputError, match="Invoice"):
        await plan_of("xlsx-na-in-unused-column.xlsx", overrides={"custom:Invoice": "Invoice"})


async def test_two_columns_of_one_name_are_refused_where_they_matter():
    with pytest.raises(InputError, match='column "Notes": columns 4 and 5 have this name'):
        await plan_of("duplicate-unused-header.csv", overrides={"custom:Notes": "Notes"})


@pytest.mark.parametrize("name", ["enc-german-dos-cp850.csv", "enc-hungarian-cp1250.csv", "enc-japanese-cp932.csv"])
def test_the_encoding_that_is_proposed_reads_the_file(name):
    with pytest.raises(EncodingError, match="is not UTF-8") as caught:
        open_file(CASES / name, spell=command_line_option)
    encodings = dict(caught.value.candidates)

    assert name.removesuffix(".csv").split("-")[-1] in encodings
    assert open_file(CASES / name, encoding=next(iter(encodings))).rows


async def test_columns_without_a_name_are_told_where_one_is_missing(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(",first_name,last_name\nana@example.com,Ana,Lovelace\n")

    with pytest.raises(InputError, match=r"column 1 has no name .*ana@example\.com.* name it in the file"):
        await make_plan(open_file(path), Reading(), None)
