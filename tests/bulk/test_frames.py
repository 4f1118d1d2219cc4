"""Data frames as rows: pyarrow's here, whatever narwhals knows in the field."""

import datetime as dt

import narwhals as nw
import polars as pl
import pyarrow as pa
import pytest

from airmeet_async import ConfigError, InputError, RowStatus
from airmeet_async.bulk.input.sources import open_rows
from airmeet_async.bulk.table_values import text_of
from airmeet_async.bulk.tables import Table
from tests.files.workbooks import book
from tests.worlds import EVENT, client_of, transport_of

PEOPLE = {
    "E-Mail": ["a@x.de", "b@x.de", None],
    "First name": ["Ana", "Bo", "Cy"],
    "Last name": ["Kö", None, "Mo"],
}


def rows(table):
    return [row.data for batch in table.batches() for row in batch]


FRAMES = {
    "pyarrow": lambda: pa.table(PEOPLE),
    "polars": lambda: pl.DataFrame(PEOPLE),
    "narwhals": lambda: nw.from_native(pl.DataFrame(PEOPLE)),
}


@pytest.mark.parametrize("make", FRAMES.values(), ids=FRAMES)
async def test_a_frame_is_a_table_of_texts(make):
    table = await open_rows(make())

    assert isinstance(table, Table)
    assert (table.header, table.rows, table.is_file) == (tuple(PEOPLE), 3, False)
    assert rows(table) == [
        {"E-Mail": "a@x.de", "First name": "Ana", "Last name": "Kö"},
        {"E-Mail": "b@x.de", "First name": "Bo"},
        {"First name": "Cy", "Last name": "Mo"},
    ]


@pytest.mark.parametrize("make", [pa.table, pl.DataFrame], ids=["pyarrow", "polars"])
async def test_values_are_what_a_spreadsheet_shows_and_nan_is_none(make):
    columns = {
        "n": [1.0, float("nan")],
        "yes": [True, None],
        "day": [dt.date(2026, 3, 1), None],
        "at": [dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC), None],
    }

    assert rows(await open_rows(make(columns))) == [
        {"n": "1", "yes": "TRUE", "day": "2026-03-01", "at": "2026-03-01T09:30:00+00:00"},
        {},
    ]


class NAType:
    """As pandas has it: whoever asks whether it is true gets an error."""

    def __ne__(self, other):
        return self

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = None  # type: ignore[assignment]


def test_what_pandas_has_for_no_value_is_none():
    assert text_of(NAType()) == ""


async def test_nanoseconds_are_cut_off():
    at = pa.array([1_772_357_400_000_000_001], pa.timestamp("ns"))

    assert rows(await open_rows(pa.table({"at": at}))) == [{"at": "2026-03-01T09:30:00"}]


async def test_categories_are_their_texts():
    frame = pl.DataFrame({"a": ["x", "y", "x"]}, schema={"a": pl.Categorical})

    assert rows(await open_rows(frame)) == [{"a": "x"}, {"a": "y"}, {"a": "x"}]


BAD = {
    "lazy": (lambda: pl.LazyFrame(PEOPLE), ConfigError, ["lazy (polars LazyFrame)", "collect()"]),
    "a single column": (lambda: pl.Series(["a@x.de"]), ConfigError, ["a data frame", "not a polars Series"]),
    "a column of lists": (lambda: pl.DataFrame({"tags": [["x"]]}), InputError, ['column "tags"', "drop the column"]),
    "a column of structures": (lambda: pa.table({"who": [{"a": 1}]}), InputError, ['column "who"']),
    "a column of bytes": (lambda: pl.DataFrame({"photo": [b"x"]}), InputError, ['column "photo"', "Binary"]),
    "a column twice": (
        lambda: pa.Table.from_arrays([pa.array(["x"])] * 2, names=["a", "a"]),
        InputError,
        ["unique", "a"],
    ),
    "a column without a name": (lambda: pl.DataFrame({"": ["x"]}), InputError, ["no name", "rename it"]),
    "no rows": (lambda: pl.DataFrame({"email": []}), InputError, ["the data frame: has no rows"]),
}


@pytest.mark.parametrize(("make", "kind", "said"), BAD.values(), ids=BAD)
async def test_a_frame_that_cannot_be_read_says_why(make, kind, said):
    with pytest.raises(kind) as caught:
        await open_rows(make())

    assert [word for word in said if word not in str(caught.value)] == []


async def test_a_sheet_is_for_the_path_of_a_workbook():
    with pytest.raises(ConfigError, match="sheet is for the path of a workbook"):
        await open_rows(pa.table(PEOPLE), "Guests")


def frame(n):
    return pa.table({
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
            await client.bulk.add_attendees(EVENT, frame(3).drop(["last_name"]), send_email_invite=False)

    assert transport.arrivals == []


async def test_a_frame_with_a_journal_is_gone_on_with(tmp_path):
    """The same frame again sends nothing that is done."""
    transport, journal = transport_of(), tmp_path / "launch.job"
    async with client_of(transport) as client:
        first = await client.bulk.add_attendees(EVENT, frame(40), send_email_invite=False, journal=journal)
        again = await client.bulk.add_attendees(EVENT, frame(50), send_email_invite=False, journal=journal)

    assert (first.succeeded, again.succeeded, again.counts[RowStatus.SKIPPED]) == (40, 10, 40)
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
