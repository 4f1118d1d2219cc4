"""Rows on standard output while they arrive."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import redirect_stdout

import pytest

from airmeet_async.cli.commands.lists import JsonArray, ReaderGoneError, Text, pour
from airmeet_async.cli.list_columns import ATTENDANCE, Line
from airmeet_async.protocol.models import Attendance


def people(n):
    return [Attendance(number, f"p{number}@example.com", "x" * number) for number in range(n)]


async def arriving(n) -> AsyncIterator[Attendance]:
    for one in people(n):
        yield one


@pytest.mark.parametrize("n", [0, 1, 3])
async def test_a_json_array_is_one_document_with_a_row_a_line(capsys, n):
    sink = JsonArray()
    assert await pour(arriving(n), ATTENDANCE, sink) == n
    sink.end()

    out = capsys.readouterr().out
    assert [row["email"] for row in json.loads(out)] == [f"p{number}@example.com" for number in range(n)]
    assert out.count("\n") == (n + 2 if n else 2)


async def test_an_array_that_is_cut_off_is_no_document(capsys):
    sink = JsonArray()
    assert capsys.readouterr().out == ""
    await pour(arriving(2), ATTENDANCE, sink)

    with pytest.raises(ValueError, match="Expecting"):
        json.loads(capsys.readouterr().out + '{"error": {}}')


def test_an_array_can_be_the_last_member_of_an_object(capsys):
    sink = JsonArray(before='{"n": 1, "rows": ', after="}")
    sink.add(Line({"a": 1}))
    sink.end()

    assert json.loads(capsys.readouterr().out) == {"n": 1, "rows": [{"a": 1}]}


async def test_a_table_has_one_head_and_columns_that_only_widen(capsys):
    sink = Text(ATTENDANCE)
    await pour(arriving(250), ATTENDANCE, sink)
    sink.end()

    lines = capsys.readouterr().out.splitlines()
    assert (len(lines), lines[0].split()[:2]) == (251, ["EMAIL", "JOINED"])
    starts = [line.index("  -") for line in lines[1:]]
    assert starts == sorted(starts)


def test_an_empty_table_is_nothing(capsys):
    Text(ATTENDANCE).end()

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("limit", "n"), [(None, 5), (1, 1), (5, 5), (9, 5)])
async def test_a_limit_counts_rows(capsys, limit, n):
    assert await pour(arriving(5), ATTENDANCE, JsonArray(), limit) == n


def test_who_stops_reading_ends_it():
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

        def fileno(self):
            raise ValueError

    with redirect_stdout(Closed()), pytest.raises(ReaderGoneError):
        JsonArray().add(Line({"a": 1}))
