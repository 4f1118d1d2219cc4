"""Result files: written whatever happens, safe to open, and good to feed back."""

import csv
import json
import stat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airmeet_async.bulk.input.column_names import RESULT_COLUMNS
from airmeet_async.bulk.input.columns import Reading, find_columns
from airmeet_async.bulk.input.sources import open_file
from airmeet_async.bulk.report import DONE, RowError, RowResult, RowStatus
from airmeet_async.cli.output.results_csv import ResultsWriter
from tests.support.results import write

HEADER = ("email", "note")
FAULT = RowError("http_422", "no such thing")


def result(index: int, *, done: bool = True, line: int | None = None, note: object = "", **facts) -> RowResult:
    status = RowStatus.SUCCEEDED if done else RowStatus.REJECTED
    row = {"email": f"p{index}@x.de", "note": note}
    return RowResult(index, line, "k", status, error=None if done else FAULT, row=row, **facts)


def not_done(row: RowResult) -> bool:
    return row.status not in DONE


def records(path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file, strict=True))


def emails(path) -> list[str]:
    return [record[0] for record in records(path)[1:]]


def leftovers(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def test_a_result_stands_beside_its_row(tmp_path):
    """The input's columns in their order, then ours; the row is the file's line where there is one."""
    path = tmp_path / "out.csv"
    with ResultsWriter(path, HEADER) as writer:
        write(writer, [result(0, line=2, attempts=1, entry_link="https://x/y"), result(1, done=False, note="n")])
    assert records(path) == [
        [*HEADER, *RESULT_COLUMNS],
        ["p0@x.de", "", "2", "succeeded", "", "", "1", "https://x/y"],
        ["p1@x.de", "n", "2", "rejected", "http_422", "no such thing", "0", ""],
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert leftovers(tmp_path) == []


def test_a_spreadsheet_sees_what_it_is(tmp_path):
    """Excel takes a CSV file for UTF-8 only if it begins with the mark; JSON lines never have one."""
    for name, begins in (("out.csv", b'\xef\xbb\xbf"email","note"'), ("out.jsonl", b'{"email"')):
        with ResultsWriter(tmp_path / name, HEADER) as writer:
            write(writer, [result(1, note="Ægir"), result(0, note="Ζωή")])
        content = (tmp_path / name).read_bytes()
        assert content.startswith(begins)
        assert content.count(b"\xef\xbb\xbf") == (name == "out.csv")
        assert open_file(tmp_path / name).columns[0] == "email"


def test_rows_end_in_input_order(tmp_path):
    """They come as they end, also with gaps; a later result of a row is its result."""
    path = tmp_path / "out.csv"
    order = [5, 0, 3, 9, 1]
    with ResultsWriter(path, HEADER) as writer:
        for index in order:
            write(writer, [result(index, note="x" * 10 * index)])
        write(writer, [result(3, note="again")])
        assert writer.written == 6
    assert emails(path) == [f"p{index}@x.de" for index in sorted(order)]
    assert records(path)[3][1] == "again"
    assert leftovers(tmp_path) == []


def test_many_rows_take_more_than_one_piece(tmp_path):
    """Sorting copies piece by piece and loses nothing on the seams."""
    path = tmp_path / "out.csv"
    long = "x" * 100_000
    with ResultsWriter(path, HEADER) as writer:
        write(writer, (result(index, note=long) for index in reversed(range(30))))
    assert emails(path) == [f"p{index}@x.de" for index in range(30)]
    assert {record[1] for record in records(path)[1:]} == {long}


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_results_so_far_survive_an_error(tmp_path, error):
    """Whatever ends the block, the file is finished and whole."""
    path = tmp_path / "out.csv"

    def run() -> None:
        with ResultsWriter(path, HEADER) as writer:
            write(writer, [result(1), result(0)])
            raise error

    with pytest.raises(error):
        run()
    assert emails(path) == ["p0@x.de", "p1@x.de"]
    assert leftovers(tmp_path) == []


def test_nothing_shows_before_the_end(tmp_path):
    """A reader sees the file of the earlier run until the new one is whole."""
    path = tmp_path / "out.csv"
    with ResultsWriter(path, HEADER) as writer:
        write(writer, [result(0)])
    with ResultsWriter(path, HEADER) as writer:
        write(writer, [result(1)])
        assert emails(path) == ["p0@x.de"]
        (part,) = leftovers(tmp_path)
        assert stat.S_IMODE((tmp_path / part).stat().st_mode) == 0o600
    assert emails(path) == ["p1@x.de"]


def test_a_run_that_never_began_leaves_the_earlier_file(tmp_path):
    """No result was even offered, so what is there is still the last word."""
    path = tmp_path / "out.csv"
    with ResultsWriter(path, HEADER) as writer:
        write(writer, [result(0)])

    def run() -> None:
        with ResultsWriter(path, HEADER):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        run()
    assert emails(path) == ["p0@x.de"]
    assert leftovers(tmp_path) == []


def test_closing_twice_does_no_harm(tmp_path):
    """The second time there is nothing left to do, and the file stays."""
    path = tmp_path / "out.csv"
    with ResultsWriter(path, HEADER, only=not_done) as writer:
        write(writer, [result(0, done=False)])
        writer.close()
    assert emails(path) == ["p0@x.de"]


def test_the_failed_file_has_only_what_is_left_to_do(tmp_path):
    """It comes into being with the first such row, and an earlier one does not pass for the current one."""
    path = tmp_path / "failed.csv"
    with ResultsWriter(path, HEADER, only=not_done) as writer:
        write(writer, [result(0), result(1, done=False), result(2)])
    assert emails(path) == ["p1@x.de"]
    with ResultsWriter(path, HEADER, only=not_done) as writer:
        write(writer, [result(0)])
    assert [left.name for left in tmp_path.iterdir()] == ["failed.csv.bak"]
    assert emails(tmp_path / "failed.csv.bak") == ["p1@x.de"]


def test_an_earlier_results_file_is_kept_beside_the_new_one(tmp_path):
    """Its links may be nowhere else, when the new run comes to a stop."""
    path = tmp_path / "out.csv"
    for number in (0, 1):
        with ResultsWriter(path, HEADER) as writer:
            write(writer, [result(number)])

    assert emails(path) == ["p1@x.de"]
    assert emails(tmp_path / "out.csv.bak") == ["p0@x.de"]


def test_the_failed_file_feeds_straight_back_in(tmp_path):
    """Its columns are known, ours are passed over, and a second round does not add them twice."""
    path = tmp_path / "failed.csv"
    header: tuple[str, ...] = ("Email", "First Name", "Last Name", "=1+1")
    row = {"Email": "a@x.de", "First Name": "=Al", "Last Name": "'-x", "=1+1": "+49 170"}
    for _ in range(2):
        with ResultsWriter(path, header, only=not_done) as writer:
            write(writer, [RowResult(0, 2, "k", RowStatus.FAILED, row=row)])
        table = open_file(path)
        assert table.columns == (*given_columns(header), *RESULT_COLUMNS)
        header = table.columns
        assert table.notices == (
            "a result file of an earlier run: the apostrophes that it put before formulas are removed",
        )
        ((source,),) = table.batches()
        row = source.data
        found = find_columns(table.columns, Reading(preset="none"))
        assert found.pick(row) == {"email": "a@x.de", "first_name": "=Al", "last_name": "'-x"}
        assert found.ignored == ("=1+1",)
        assert row["=1+1"] == "+49 170"


def given_columns(header: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in header if name not in RESULT_COLUMNS)


def test_json_lines_are_exact(tmp_path):
    """No apostrophes, no missing keys made up, and what is no text stays what it is."""
    path = tmp_path / "out.jsonl"
    odd = "=1\0\ud800é\u2028"
    with ResultsWriter(path, HEADER) as writer:
        write(writer, [result(1, note=["a", 1, None]), result(0, note=odd, line=7)])
    assert b"\xc3\xa9" in path.read_bytes()
    first, second = [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    assert first == {
        "email": "p0@x.de",
        "note": odd,
        "airmeet_row": 7,
        "airmeet_status": "succeeded",
        "airmeet_code": None,
        "airmeet_error": None,
        "airmeet_attempts": 0,
        "airmeet_entry_link": None,
    }
    assert second["note"] == ["a", 1, None]
    with ResultsWriter(path, HEADER) as writer:
        write(writer, [RowResult(0, None, "k", RowStatus.INVALID, row={"email": "a"})])
    assert list(json.loads(path.read_text())) == ["email", *RESULT_COLUMNS]
    assert open_file(path).columns == ("email", *RESULT_COLUMNS)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"email": None, "note": True}, ["", "true"]),
        ({"email": "a", "note": ["x", 1]}, ["a", '["x", 1]']),
        ({"note": "\ud800\0"}, ["", "\\ud800\ufffd"]),
        (RowError("c", "m"), ["", ""]),
        (object(), ["", ""]),
    ],
)
def test_odd_rows_never_raise(tmp_path, row, expected):
    """Lone surrogates, NULs, lists and rows that are no mappings have their cells, or empty ones."""
    path = tmp_path / "out.csv"
    with ResultsWriter(path, HEADER) as writer:
        write(writer, [RowResult(0, None, "k", RowStatus.INVALID, row=row)])
    assert records(path)[1][:2] == expected


def notes_of(path) -> list[str]:
    return [row.data["note"] for batch in open_file(path).batches() for row in batch]


_ODD = st.text(st.sampled_from(" '\"=+-@|\t\r\n＝＠xé,;1"), max_size=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@given(notes=st.lists(_ODD, min_size=1, max_size=5), data=st.data())
@example(notes=["\r,1@1", "a@x.de,b\nc"], data=None)
@example(notes=["'=1", "=1", '="Ana"', "'a@x.de", "NaN"], data=None)
def test_a_result_file_gives_back_the_input(folder, notes, data):
    """Rows written in any order, read again: the same values in input order."""
    order = data.draw(st.permutations(range(len(notes)))) if data else range(len(notes))
    path = folder / "round.csv"
    with ResultsWriter(path, HEADER) as writer:
        write(writer, (result(index, note=notes[index]) for index in order))
    assert notes_of(path) == notes
