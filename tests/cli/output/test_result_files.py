"""Result files: written whatever happens, safe to open, and good to feed back."""

import csv
import json
import os
import stat
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airmeet_async.bulk.input.column_names import FIRST_RESULT_COLUMNS, RESULT_COLUMNS
from airmeet_async.bulk.input.columns import Reading, find_columns
from airmeet_async.bulk.input.sources import open_file
from airmeet_async.bulk.report import CHANGED, Invite, RowError, RowResult, RowStatus, RowWarning
from airmeet_async.cli.output.results_csv import ResultFiles
from tests.support.results import write, write_failed

HEADER = ("email", "note")
FAULT = RowError("http_422", "no such thing")


def result(index: int, *, done: bool = True, line: int | None = None, note: object = "", **facts) -> RowResult:
    status = RowStatus.SUCCEEDED if done else RowStatus.REJECTED
    row = {"email": f"p{index}@x.de", "note": note}
    return RowResult(index, line, "k", status, error=None if done else FAULT, row=row, **facts)


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
    write(path, HEADER, [result(0, line=2, attempts=1, entry_link="https://x/y"), result(1, done=False, note="n")])
    assert records(path) == [
        [*HEADER, *RESULT_COLUMNS],
        ["p0@x.de", "", "2", "succeeded", "", "", "1", "https://x/y", "", "now", "3f2a9c1b", "event-1"],
        ["p1@x.de", "n", "2", "rejected", "http_422", "no such thing", "0", "", "", "", "3f2a9c1b", "event-1"],
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert leftovers(tmp_path) == []


def test_whoever_corrects_a_row_reads_all_that_is_wrong_with_it(tmp_path):
    """Not what is said of a row that was left out since that person is blocked: it is no error."""
    path = tmp_path / "out.csv"
    others = (RowWarning("invalid_email", "'x' is not an e-mail address"),)
    rows = [
        RowResult(n, None, "k", RowStatus.INVALID, error=RowError(code, "first_name is empty"), warnings=others, row={})
        for n, code in enumerate(("missing_field", "blocked"))
    ]
    write(path, HEADER, rows)

    assert [record[4:6] for record in records(path)[1:]] == [
        ["missing_field", "first_name is empty; 'x' is not an e-mail address"],
        ["blocked", "first_name is empty"],
    ]


def test_a_spreadsheet_sees_what_it_is(tmp_path):
    """Excel takes a CSV file for UTF-8 only if it begins with the mark; JSON lines never have one."""
    for name, begins in (("out.csv", b'\xef\xbb\xbf"email","note"'), ("out.jsonl", b'{"email"')):
        write(tmp_path / name, HEADER, [result(0, note="Ζωή"), result(1, note="Ægir")])
        content = (tmp_path / name).read_bytes()
        assert content.startswith(begins)
        assert content.count(b"\xef\xbb\xbf") == (name == "out.csv")
        assert open_file(tmp_path / name).columns[0] == "email"


def test_many_rows_take_more_than_one_piece(tmp_path):
    path = tmp_path / "out.csv"
    long = "x" * 100_000
    write(path, HEADER, (result(index, note=long) for index in range(30)))
    assert emails(path) == [f"p{index}@x.de" for index in range(30)]
    assert {record[1] for record in records(path)[1:]} == {long}


def test_nothing_shows_before_the_end(tmp_path):
    """A reader sees the file of the earlier run until the new one is whole, and an error leaves it."""
    path = tmp_path / "out.csv"
    write(path, HEADER, [result(0)])

    def cut_off():
        yield result(1)
        assert emails(path) == ["p0@x.de"]
        (part,) = leftovers(tmp_path)
        assert stat.S_IMODE((tmp_path / part).stat().st_mode) == 0o600
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write(path, HEADER, cut_off())
    assert emails(path) == ["p0@x.de"]
    assert leftovers(tmp_path) == []


def test_a_run_that_never_began_leaves_the_earlier_files(tmp_path):
    for name in ("out.csv", "left.csv"):
        write(tmp_path / name, HEADER, [result(0)])
    with ResultFiles(tmp_path / "out.csv", tmp_path / "left.csv") as files:
        pass
    assert files.written == {}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["left.csv", "out.csv"]


def test_both_files_are_written_in_one_go(tmp_path):
    out, left = tmp_path / "out.csv", tmp_path / "left.csv"
    with ResultFiles(out, left) as files:
        files.write([result(0), result(1, done=False), result(2)], HEADER, "3f2a9c1b", "a list")
    assert files.written == {out: out, left: left}
    assert (emails(out), emails(left)) == (["p0@x.de", "p1@x.de", "p2@x.de"], ["p1@x.de"])


def test_the_failed_file_has_only_what_is_left_to_do(tmp_path):
    """Where there is none, an earlier one does not pass for the current one."""
    path = tmp_path / "failed.csv"
    write_failed(path, HEADER, [result(0), result(1, done=False), result(2)])
    assert emails(path) == ["p1@x.de"]
    write_failed(path, HEADER, [result(0)])
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_the_same_list_is_replaced_and_one_of_another_list_is_kept(tmp_path):
    """The links of another list may be nowhere else."""
    path = tmp_path / "out.csv"
    places = [write(path, HEADER, [result(number)], origin) for number, origin in enumerate("aabab")]

    assert [place.name for place in places] == ["out.csv", "out.csv", "out-2.csv", "out.csv", "out-2.csv"]
    assert (emails(path), emails(places[2])) == (["p3@x.de"], ["p4@x.de"])
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("is_failed", [False, True])
def test_a_file_that_a_person_has_changed_is_never_replaced(tmp_path, is_failed):
    """Not by the next run, nor by the one after that, nor where nothing is left."""
    path, save = tmp_path / "left.csv", write_failed if is_failed else write
    save(path, HEADER, [result(0, done=not is_failed)])
    corrected = path.read_text(encoding="utf-8-sig").replace("p0@x.de", "right@x.de")
    path.write_text(corrected)
    for number in (1, 2):
        save(path, HEADER, [result(number, done=not is_failed)])
    write_failed(path, HEADER, [])

    assert path.read_text() == corrected
    names = sorted(left.name for left in tmp_path.iterdir())
    assert names == (["left.csv"] if is_failed else ["left-2.csv", "left.csv"])


@pytest.mark.parametrize(
    ("there", "rows_left", "names", "removed"),
    [
        ("nothing", 1, ["left.csv"], None),
        ("nothing", 0, [], None),
        ("own", 1, ["left.csv"], None),
        ("own", 0, [], "left.csv"),
        ("changed", 1, ["left-2.csv", "left.csv"], None),
        ("changed", 0, ["left.csv"], None),
        ("of another list", 1, ["left-2.csv", "left.csv"], None),
        ("of another list", 0, ["left.csv"], None),
        ("all results of the list", 1, ["left-2.csv", "left.csv"], None),
        ("all results of the list", 0, ["left.csv"], None),
        ("empty", 1, ["left.csv"], None),
        ("empty", 0, ["left.csv"], None),
    ],
)
def test_the_file_of_rows_left_replaces_or_removes_only_its_own(tmp_path, there, rows_left, names, removed):
    path = tmp_path / "left.csv"
    if there in {"own", "changed"}:
        write_failed(path, HEADER, [result(0, done=False)])
    elif there == "of another list":
        with ResultFiles(None, path) as files:
            files.write([result(0, done=False)], HEADER, "3f2a9c1b", "another one")
    elif there == "all results of the list":
        write(path, HEADER, [result(0)])
    elif there == "empty":
        path.touch()
    if there == "changed":
        path.write_text("mine")
    with ResultFiles(None, path) as files:
        files.write([result(n, done=False) for n in range(1, 1 + rows_left)], HEADER, "3f2a9c1b", "a list")

    assert sorted(left.name for left in tmp_path.iterdir()) == names
    assert (files.removed and files.removed.name) == removed


def test_a_change_that_keeps_the_time_of_the_file_is_seen(tmp_path):
    path = tmp_path / "out.csv"
    write(path, HEADER, [result(0)])
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_text(path.read_text(encoding="utf-8-sig").replace("p0@x.de", "p9@x.de"))
    os.utime(path, ns=times)

    assert write(path, HEADER, [result(1)]).name == "out-2.csv"


def test_the_failed_file_feeds_straight_back_in(tmp_path):
    """Its columns are known, ours are passed over, and a second round does not add them twice."""
    path = tmp_path / "failed.csv"
    header: tuple[str, ...] = ("Email", "First Name", "Last Name", "=1+1")
    row = {"Email": "a@x.de", "First Name": "=Al", "Last Name": "'-x", "=1+1": "+49 170"}
    for _ in range(2):
        write_failed(path, header, [RowResult(0, 2, "k", RowStatus.FAILED, row=row)])
        table = open_file(path)
        assert table.columns == (*given_columns(header), *RESULT_COLUMNS)
        header = table.columns
        ((_, given),) = table
        assert table.notices == ("written by airmeet: the apostrophes that it put before formulas are removed",)
        row = dict(given)
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
    write(path, HEADER, [result(0, note=odd, line=7), result(1, note=["a", 1, None])])
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
        "airmeet_invite": None,
        "airmeet_when": None,
        "airmeet_run": "3f2a9c1b",
        "airmeet_event": "event-1",
    }
    assert second["note"] == ["a", 1, None]
    write(path, HEADER, [RowResult(0, None, "k", RowStatus.INVALID, row={"email": "a"})])
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
    write(path, HEADER, [RowResult(0, None, "k", RowStatus.INVALID, row=row)])
    assert records(path)[1][:2] == expected


def notes_of(path) -> list[str]:
    return [row["note"] for _, row in open_file(path)]


_ODD = st.text(st.sampled_from(" '\"=+-@|\t\r\n＝＠xé,;1"), max_size=6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("results")


@given(notes=st.lists(_ODD, min_size=1, max_size=5))
@example(notes=["\r,1@1", "a@x.de,b\nc"])
@example(notes=["'=1", "=1", '="Ana"', "'a@x.de", "NaN"])
def test_a_result_file_gives_back_the_input(folder, notes):
    path = folder / "round.csv"
    write(path, HEADER, (result(index, note=note) for index, note in enumerate(notes)))
    assert notes_of(path) == notes


def test_a_row_says_when_it_was_done_and_what_is_known_of_its_invitation(tmp_path):
    path = tmp_path / "out.csv"
    facts: dict[str, Any] = {"attempts": 1, "from_earlier_run": True}
    write(path, HEADER, [
        result(0, warnings=(CHANGED,), **facts),
        result(1, warnings=(RowWarning("will_be_cut", "cut"),), invite=Invite.ASKED, **facts),
        result(2, invite=Invite.UNVERIFIED, attempts=2),
    ])  # fmt: skip
    found = [dict(zip(records(path)[0], record, strict=True)) for record in records(path)[1:]]

    names = ("airmeet_code", "airmeet_when", "airmeet_invite")
    assert [tuple(row[name] for name in names) for row in found] == [
        ("changed", "earlier", ""), ("will_be_cut", "earlier", "asked"), ("invite_unverified", "now", "unverified"),
    ]  # fmt: skip
    assert found[0]["airmeet_error"] == CHANGED


def test_a_result_file_of_version_0_1_is_kept_and_may_be_fed_back(tmp_path):
    path = tmp_path / "out.csv"
    header = ["email", "first_name", "last_name", *FIRST_RESULT_COLUMNS]
    path.write_text(f"{','.join(header)}\na@x.de,'=A,B,2,failed,,,5,\n")

    assert find_columns(open_file(path).columns, Reading()).ignored == ()
    assert [dict(row)["first_name"] for _, row in open_file(path)] == ["=A"]
    assert write(path, HEADER, [result(0)]).name == "out-2.csv"
