"""Data frames and files as the input of a run."""

import polars as pl
import pytest

from airmeet_async import ConfigError, InputError, RowStatus
from airmeet_async.bulk.input.sources import open_rows
from tests.support.worlds import EVENT, client_of, transport_of
from tests.tables.workbooks import book


async def test_options_of_files_are_for_paths():
    with pytest.raises(ConfigError, match="sheet, header: only for files"):
        await open_rows(["a@x.de"], {"sheet": "Guests", "header": 2})


def frame(n):
    return pl.DataFrame({
        "email": [f"person-{number}@example.com" for number in range(n)],
        "first_name": ["Ada"] * n,
        "last_name": [f"Number {number}" for number in range(n)],
    })  # fmt: skip


async def test_everybody_in_a_frame_is_added():
    transport = transport_of()
    async with client_of(transport) as client:
        report = await client.bulk.add_attendees(EVENT, frame(1200), send_email_invite=False, rate=None)

    assert (report.succeeded, report.rows_read, transport.world.statistics().adds) == (1200, 1200, 1200)


async def test_a_frame_without_a_mandatory_column_is_refused_at_once():
    """As a file is, and not row by row."""
    transport = transport_of()
    async with client_of(transport) as client:
        with pytest.raises(InputError, match="no column for last_name"):
            await client.bulk.add_attendees(EVENT, frame(3).drop("last_name"), send_email_invite=False)

    assert transport.arrivals == []


async def test_a_frame_with_a_journal_is_gone_on_with(tmp_path):
    """The same frame again sends nothing that is done."""
    transport, journal = transport_of(), tmp_path / "launch.job"
    async with client_of(transport) as client:
        first = await client.bulk.add_attendees(EVENT, frame(40), send_email_invite=False, journal=journal)
        again = await client.bulk.add_attendees(EVENT, frame(50), send_email_invite=False, journal=journal)

    assert (first.succeeded, again.succeeded, again.earlier_counts[RowStatus.SUCCEEDED]) == (40, 50, 40)
    assert transport.world.statistics().adds == 50


async def test_the_sheet_of_a_workbook_is_chosen_from_python(tmp_path):
    people = [["email", "first_name", "last_name"], ["a@example.com", "Ada", "Ay"]]
    path = book(tmp_path / "x.xlsx", {"Staff": [["email"], ["z@example.com"]], "Guests": people})
    transport = transport_of()
    async with client_of(transport) as client:
        report = await client.bulk.add_attendees(EVENT, path, send_email_invite=False, sheet="Guests")

    assert [result.key for result in report.results or ()] == ["a@example.com"]


async def test_another_sheet_of_the_same_file_is_another_input(tmp_path):
    """A journal takes a file for read only if it is read in the same way."""
    head = ["email", "first_name", "last_name"]
    path = book(tmp_path / "x.xlsx", {
        "One": [head, ["a@example.com", "Ada", "Ay"]],
        "Two": [head, ["b@example.com", "Bob", "Bee"]],
    })  # fmt: skip
    transport, journal = transport_of(), tmp_path / "launch.job"
    async with client_of(transport) as client:
        for sheet in ("One", "Two"):
            await client.bulk.add_attendees(EVENT, path, send_email_invite=False, sheet=sheet, journal=journal)

    assert transport.world.statistics().adds == 2


async def test_how_a_text_is_read_is_chosen_from_python(tmp_path):
    path = tmp_path / "x.dat"
    path.write_bytes("A list of ours\nemail|first_name|last_name\nz@example.com|Zoë|Ay\n".encode("cp1252"))
    transport = transport_of()
    async with client_of(transport) as client:
        report = await client.bulk.add_attendees(
            EVENT, path, send_email_invite=False, format="csv", encoding="cp1252", delimiter="|", header=2
        )
        plan = await client.bulk.plan(EVENT, path, format="csv", encoding="cp1252", delimiter="|", header=2)

    assert [result.row["first_name"] for result in report.results or ()] == ["Zoë"]
    assert (plan.ready, plan.columns and plan.columns.ignored) == (1, ())


async def test_an_encoding_that_is_not_clear_is_asked_for_in_the_words_of_python(tmp_path):
    path = tmp_path / "x.csv"
    path.write_bytes("email,first_name,last_name\nz@example.com,Zoë,Ay\n".encode("cp1252"))
    async with client_of(transport_of()) as client:
        with pytest.raises(InputError, match="encoding='cp1252'"):
            await client.bulk.add_attendees(EVENT, path, send_email_invite=False)


async def test_a_column_that_only_a_function_uses_is_judged_too():
    """A nested value is no text, so the function would not see it."""
    table = pl.DataFrame({"email": ["a@x.de"], "tags": [["x"]]})
    async with client_of(transport_of()) as client:
        with pytest.raises(InputError, match='column "tags"'):
            await client.bulk.run(table, lambda row: row)
