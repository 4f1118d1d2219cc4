"""A file is opened once and read once, whatever is found out about it on the way."""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from airmeet_async.bulk.input.columns import Reading, find_table_columns
from airmeet_async.bulk.input.sources import open_file
from airmeet_async.errors import EncodingError, InputError
from airmeet_async.tables import open_table
from tests.tables.workbooks import book

HEAD = "email,first_name,last_name"
WATCHED: dict[str, int] = {}  # names of files, and how often each was opened


def _count(event: str, facts: tuple[Any, ...]) -> None:
    if WATCHED and event == "open" and isinstance(facts[0], (str, os.PathLike)):
        name = Path(facts[0]).name
        if name in WATCHED:
            WATCHED[name] += 1


sys.addaudithook(_count)


def people(n: int) -> list[list[str]]:
    return [HEAD.split(","), *([f"person-{i}@example.com", "Ada", str(i)] for i in range(n))]


def write(path: Any, n: int = 500) -> Any:
    rows = people(n)
    if path.suffix == ".xlsx":
        return book(path, {"Guests": rows})
    if path.suffix == ".parquet":
        pl.DataFrame(dict(zip(rows[0], zip(*rows[1:], strict=True), strict=True))).write_parquet(path)
    elif path.suffix == ".jsonl":
        keys = '{{"email": "{}", "first_name": "{}", "last_name": "{}"}}'
        path.write_text("".join(keys.format(*row) + "\n" for row in rows[1:]))
    else:
        path.write_text("".join(",".join(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("name", ["one.csv", "one.jsonl", "one.xlsx", "one.parquet"])
def test_a_file_is_opened_once(tmp_path: Any, name: str) -> None:
    """Its kind, its encoding, its header, its digest, its columns and its rows come from one open file."""
    path = write(tmp_path / name)
    WATCHED[name] = 0
    try:
        table = open_file(path)
        find_table_columns(table, Reading())
        digest = table.digest
        n = sum(len(rows) for rows, _ in table.chunks())
        opened = WATCHED[name]
    finally:
        del WATCHED[name]

    assert (n, table.rows, opened) == (500, 500, 1)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_first_pass_goes_on_behind_the_sample(tmp_path: Any) -> None:
    """So each row is parsed once; later passes begin anew."""
    table = open_table(write(tmp_path / "x.csv"))
    parsed = 0
    rows = table._reader.rows

    def counted(findings: Any) -> Any:
        nonlocal parsed
        for row in rows(findings):
            parsed += 1
            yield row

    table._reader.rows = counted  # type: ignore[method-assign]
    sample = table.sample()
    whole = [row for piece, _ in table.chunks(64) for row in piece]

    assert (len(sample), len(whole), parsed) == (200, 500, 500)
    assert whole[:200] == sample == table.sample()
    assert [row for piece, _ in table.chunks(99) for row in piece] == whole
    assert parsed == 1000


def test_chunks_have_the_line_of_each_row(tmp_path: Any) -> None:
    pieces = [*open_table(write(tmp_path / "x.csv", 7)).chunks(3)]

    assert [lines for _, lines in pieces] == [[2, 3, 4], [5, 6, 7], [8]]
    assert [row["last_name"] for rows, _ in pieces for row in rows] == [*"0123456"]


def test_a_sample_that_fails_is_no_beginning_of_a_pass(tmp_path: Any) -> None:
    """Else the rows before the fault would be taken for all."""
    path = tmp_path / "x.csv"
    path.write_text('a\n1\n"x" y\n')
    table = open_table(path)
    for _ in range(2):
        with pytest.raises(InputError, match="line 3"):
            table.sample()
        with pytest.raises(InputError, match="line 3"):
            list(table)


@pytest.mark.parametrize("bad", [5, 450])
def test_faults_of_used_columns_are_raised_behind_the_last_row(tmp_path: Any, bad: int) -> None:
    """All of them at once, whether the sample holds the first one or not."""
    rows: list[list[Any]] = [[*row, "x"] for row in people(500)]
    rows[0][3] = "Invoice"
    rows[bad][3] = rows[bad + 40][3] = "#N/A"
    path = book(tmp_path / "x.xlsx", {"S": rows})
    unused, used = open_file(path), open_file(path)
    find_table_columns(unused, Reading())
    assert sum(len(piece) for piece, _ in unused.chunks()) == 500

    find_table_columns(used, Reading(overrides={"custom:Invoice": "Invoice"}))
    seen = 0
    with pytest.raises(InputError, match=rf'line {bad + 1}, column "Invoice".*the same in line {bad + 41}') as caught:
        for piece, _ in used.chunks():
            seen += len(piece)
    assert (caught.value.line, seen) == (bad + 1, 500)


def test_what_a_short_file_has_wrong_is_told_as_soon_as_its_columns_are_known(tmp_path: Any) -> None:
    """The sample is the whole file then."""
    path = book(tmp_path / "x.xlsx", {"S": [HEAD.split(","), ["a@x.de", "#N/A", "B"]]})
    with pytest.raises(InputError, match='line 2, column "first_name"'):
        find_table_columns(open_file(path), Reading())


def test_keys_of_json_that_come_late_are_columns(tmp_path: Any) -> None:
    path = write(tmp_path / "x.jsonl", 1500)
    with path.open("a") as file:
        file.write('{"email": "z@x.de", "first_name": "Z", "last_name": "Z", "city": "Paris"}\n')

    assert [match.field for match in find_table_columns(open_file(path), Reading()).fields][-1] == "city"


def test_a_question_about_the_encoding_comes_before_any_row(tmp_path: Any) -> None:
    """Also where the text that raises it stands far below, and behind a character that a block cuts in two."""
    path = tmp_path / "x.csv"
    path.write_text(HEAD + "\n" + f"{'é' * 1001},A,B\n" * 1200, encoding="utf-8")
    assert path.stat().st_size > 2 * 1024**2
    assert open_file(path).rows is None
    with path.open("ab") as file:
        file.write("zoë@x.de,Zoë,B\n".encode("cp1252"))
    with pytest.raises(EncodingError, match=r"line 1202.*is not UTF-8"):
        open_file(path)
