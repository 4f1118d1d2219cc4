"""The rows of a list: on standard output while they arrive, and in files, whole or not at all."""

import csv
import errno
import io
import json
import stat
from collections.abc import AsyncIterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from airmeet_async import ConfigError
from airmeet_async.cli.console import Console, ReaderGoneError
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.list_formats import LISTS, ExportFile, JsonArray, TextTable, pour
from airmeet_async.protocol.models import Attendance

COLUMNS = ("email", "n")


def line(email, n=1, **extra):
    return {"email": email, "n": n} | extra


def write(path: Path, *lines: dict[str, object], **options):
    with ExportFile(path, COLUMNS, marks=COLUMNS, **options) as file:
        for one in lines:
            file.add(one)


def rows(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_csv_has_the_columns_and_no_formula(tmp_path):
    path = tmp_path / "x.csv"
    write(path, line("=cmd()", extra=1), line('a "b", c\nd', None), line("\0"))

    assert rows(path) == [["email", "n"], ["'=cmd()", "1"], ['a "b", c\nd', ""], ["\ufffd", "1"]]


def test_raw_leaves_formulas_as_they_are(tmp_path):
    write(tmp_path / "x.csv", line("=cmd()"), line("'=cmd()"), raw=True)

    assert [row[0] for row in rows(tmp_path / "x.csv")] == ["email", "=cmd()", "'=cmd()"]


@pytest.mark.parametrize("name", ["x.jsonl", "x.NDJSON"])
def test_json_lines_are_exact_and_hold_everything(tmp_path, name):
    write(tmp_path / name, line("=Zoë\0", 1.5, badge=[1, None]), line("\ud800"))

    first, second = (json.loads(one) for one in (tmp_path / name).read_text(encoding="utf-8").splitlines())
    assert first == {"email": "=Zoë\0", "n": 1.5, "badge": [1, None]}
    assert second["email"] == "\ud800"


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_only_the_owner_can_read_it_and_an_earlier_one_is_replaced(tmp_path, name):
    path = tmp_path / name
    write(path, line("a@example.com"))
    path.chmod(0o644)
    write(path, line("b@example.com"))

    assert "b@example.com" in path.read_text()
    assert "a@example.com" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(("name", "content"), [("x.csv", "email,first_name\na,b\n"), ("x.jsonl", '{"email": 1}\n')])
def test_another_file_is_never_replaced(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)

    with pytest.raises(ConfigError, match="not an export of this list"):
        write(path)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [(name, content)]


def test_a_link_is_not_followed(tmp_path):
    (tmp_path / "x.csv").symlink_to(tmp_path / "elsewhere.csv")

    with pytest.raises(ConfigError, match="symbolic link"):
        write(tmp_path / "x.csv")


@pytest.mark.parametrize("error", [ValueError(), KeyboardInterrupt()])
def test_what_fails_on_the_way_leaves_the_earlier_one(tmp_path, error):
    path = tmp_path / "x.csv"
    write(path, line("a@example.com"))

    with pytest.raises(type(error)), ExportFile(path, COLUMNS, marks=COLUMNS) as file:
        file.add(line("b@example.com"))
        raise error

    assert rows(path)[1:] == [["a@example.com", "1"]]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    class Full(io.RawIOBase):
        def write(self, content):
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(ConfigError, match="No space left"), ExportFile(tmp_path / "x.csv", COLUMNS, marks=()) as file:
        file._file.file.close()
        file._file.file = Full()  # type: ignore[assignment]
        file.add(line("a@example.com"))

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x", "x.xlsx", "-", "x.csv.gz"])
def test_the_ending_must_say_what_is_written(tmp_path, name):
    with pytest.raises(UsageError, match=r"must end in one of \.csv, \.jsonl"):
        write(tmp_path / name)


def people(n):
    return [Attendance(number, f"p{number}@example.com", "x" * number) for number in range(n)]


async def arriving(n) -> AsyncIterator[Attendance]:
    for one in people(n):
        yield one


@pytest.mark.parametrize("n", [0, 1, 3])
async def test_a_json_array_is_one_document_with_a_row_a_line(capsys, n):
    sink = JsonArray()
    assert await pour(arriving(n), LISTS["attendance"], sink) == n
    sink.end()

    out = capsys.readouterr().out
    assert [row["email"] for row in json.loads(out)] == [f"p{number}@example.com" for number in range(n)]
    assert out.count("\n") == (n + 2 if n else 2)


async def test_an_array_that_is_cut_off_is_no_document(capsys):
    sink = JsonArray()
    assert capsys.readouterr().out == ""
    await pour(arriving(2), LISTS["attendance"], sink)

    with pytest.raises(ValueError, match="Expecting"):
        json.loads(capsys.readouterr().out + '{"error": {}}')


def test_an_array_can_be_the_last_member_of_an_object(capsys):
    sink = JsonArray(before='{"n": 1, "rows": ', after="}")
    sink.add({"a": 1})
    sink.end()

    assert json.loads(capsys.readouterr().out) == {"n": 1, "rows": [{"a": 1}]}


async def test_a_table_has_one_head_and_columns_that_only_widen(capsys):
    sink = TextTable(LISTS["attendance"])
    await pour(arriving(250), LISTS["attendance"], sink)
    sink.end()

    lines = capsys.readouterr().out.splitlines()
    assert (len(lines), lines[0].split()[:2]) == (251, ["EMAIL", "JOINED"])
    starts = [line.index("  -") for line in lines[1:]]
    assert starts == sorted(starts)


def test_an_empty_table_is_nothing(capsys):
    TextTable(LISTS["attendance"]).end()

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(("limit", "n"), [(None, 5), (1, 1), (5, 5), (9, 5)])
async def test_a_limit_counts_rows(capsys, limit, n):
    assert await pour(arriving(5), LISTS["attendance"], JsonArray(), limit) == n


def test_who_stops_reading_ends_it():
    class Closed(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

        def fileno(self):
            raise ValueError

    with redirect_stdout(Closed()), pytest.raises(ReaderGoneError):
        JsonArray().add({"a": 1})


async def test_a_long_export_says_now_and_then_how_far_it_is(tmp_path):
    said: list[str] = []
    console, clock = Console(), iter([0.0, 9.9, 10.0, 10.0, 15.0])
    console.write = said.append
    form = LISTS["attendance"]
    with ExportFile(tmp_path / "x.csv", form.columns, marks=form.columns) as file:
        await pour(arriving(3), form, file, console=console, clock=lambda: next(clock))

    assert said == ["2 rows so far"]


def test_a_spreadsheet_sees_that_a_csv_file_is_utf_8_and_an_earlier_one_without_the_mark_is_known(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text('"email","n"\n', encoding="utf-8")
    write(path, line("a@example.com"))

    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    write(path, line("b@example.com"))
    assert path.read_bytes().count(b"\xef\xbb\xbf") == 1
