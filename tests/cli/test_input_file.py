"""The input of a command."""

import pytest

from airmeet_async import InputError
from airmeet_async.cli.console import Console
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.input_file import FileChoice, open_people, parse_columns

LINES = [
    "email,first_name,last_name,Shirt",
    "a@example.com,Ada,Ay,M",
    "no address,Bob,Bee,L",
    "A@Example.com,Ada,Ay,M",
    f"c@example.com,Cyd,{'x' * 40},S",
]


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "people.csv"
    file.write_text("\n".join(LINES), encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 600])
async def test_a_limit_takes_rows_from_the_top(path, limit):
    people = open_people(FileChoice(path=path, limit=limit), Console())

    rows = [row.line for batch in people.table.batches(2) for row in batch]

    assert people.table.rows == len(rows) == min(limit, 4)
    assert rows == [2, 3, 4, 5][:limit]


def test_columns_are_read():
    assert parse_columns(["email=E = mail", " city =Ort"]) == {"email": "E = mail", "city": "Ort"}


@pytest.mark.parametrize("texts", [["email"], ["=x"], ["email="], ["email=a", "email=b"]])
def test_columns_that_cannot_be_read_are_refused(texts):
    with pytest.raises(UsageError, match="--map"):
        parse_columns(texts)


def test_a_file_that_is_not_there_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.csv"):
        open_people(FileChoice(path=str(tmp_path / "nowhere.csv")), Console())


def test_a_line_0_that_was_typed_is_not_passed_over(path):
    with pytest.raises(InputError, match="--header 0 names none"):
        open_people(FileChoice(path=path, header=0), Console())
