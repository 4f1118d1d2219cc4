"""Journals, results and logs are read as they are."""

import json
import sqlite3
from contextlib import closing

import pytest

from airmeet_async.bulk.journal.schema import TABLES
from tests.torture.history import (
    IN_FLIGHT,
    PENDING,
    SUCCEEDED,
    Entry,
    Result,
    find_journals,
    fold,
    read_results,
    read_truth,
    snapshot,
)

LIST = 3


def fill(db):
    """Two people of a list of five rows that is being sent up to its third one, and one of a list that nobody wants."""
    db.executescript(f"PRAGMA journal_mode = WAL; {TABLES}")
    db.executemany("INSERT INTO list VALUES (?, '{}', ?, ?, ?, 1.0)", [(LIST, 5, 1, 2), (4, 1, 0, None)])
    db.executemany(
        "INSERT INTO entry VALUES (?, ?, ?, ?, '{}', NULL)",
        [(1, 1, "a@example.com", "A@example.com"), (2, 2, "b@x", None), (3, 3, "c@x", None), (4, 4, "d@x", None)],
    )
    inputs = [(LIST, 0, 1, None, None), (LIST, 1, 1, "duplicate", None), (LIST, 2, 2, None, None),
              (LIST, 3, 3, None, None), (LIST, 4, 3, "duplicate", None), (4, 0, 4, None, None)]  # fmt: skip
    db.executemany(
        "INSERT INTO input VALUES (?, NULL, ?, ?, NULL, ?, NULL)",
        [((number << 32) + index, entry, status, request) for number, index, entry, status, request in inputs],
    )
    db.execute("INSERT INTO outcome (entry, state, sent, done, unclear, run) VALUES (1, 4, 2, 1, 0, 1)")
    db.commit()


def test_a_journal_is_read_with_what_only_its_wal_holds(tmp_path):
    """The writer is not closed, as after SIGKILL; and its files are left alone."""
    path, scratch = tmp_path / "state" / "deep" / "job", tmp_path / "scratch"
    path.parent.mkdir(parents=True)
    scratch.mkdir()
    (tmp_path / "state" / "other.txt").write_text("no journal")
    with closing(sqlite3.connect(path)) as writer:
        fill(writer)
        before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
        (found,) = find_journals(tmp_path / "state")
        journal = snapshot(found, 7, scratch)
        after = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    assert journal is not None
    assert (journal.at, journal.integrity, journal.inputs) == (7, "ok", 5)
    assert journal.entries == {
        "a@example.com": Entry(SUCCEEDED, 2),
        "b@x": Entry(IN_FLIGHT, 1),
        "c@x": Entry(PENDING, 0),
        "d@x": Entry(PENDING, 0),
    }
    assert journal.in_flight == {"b@x"}
    assert before == after


def test_a_broken_journal_says_so_and_another_file_is_none(tmp_path):
    with closing(sqlite3.connect(tmp_path / "other")) as db:
        db.executescript("CREATE TABLE pages(x); INSERT INTO pages VALUES (1)")
    whole = (tmp_path / "other").read_bytes()
    (tmp_path / "broken").write_bytes(whole[:100] + b"\xff" * 300 + whole[400:])
    broken = snapshot(tmp_path / "broken", 1, tmp_path)

    assert snapshot(tmp_path / "other", 1, tmp_path) is None
    assert broken is not None
    assert broken.integrity != "ok"


def test_results_are_read_as_the_command_writes_them(tmp_path):
    path = tmp_path / "r.csv"
    header = "email,airmeet_row,airmeet_status,airmeet_code,airmeet_error,airmeet_attempts,airmeet_entry_link"
    path.write_text(f'{header}\n"a@x","2","failed","no_reply","","5",""\n"b@x","3","invalid","","","",""\n')

    assert read_results(path) == [Result(2, "a@x", "failed", "no_reply", 5), Result(3, "b@x", "invalid")]
    assert read_results(tmp_path / "none.csv") is None


def test_a_log_is_read_in_order_of_arrival():
    """Lines are written when exchanges end."""
    lines = [
        {"n": 3, "kind": "add", "key": "A@x", "t_recv": 2.0, "t_end": 2.1, "status": 200, "fault": None},
        {"n": 2, "mark": "kill", "t": 1.5},
        {"n": 1, "kind": "add", "key": "a@x", "t_recv": 1.0, "t_end": 3.0, "status": None},
    ]
    truth = read_truth(map(json.dumps, lines))

    assert [sent.n for sent in truth.by_key["a@x"]] == [1, 3]
    assert truth.when("kill") == [2]


@pytest.mark.parametrize(("given", "folded"), [(" A@B.C ", "a@b.c"), ("\u212a@x", "\u212a@x"), ("É@X", "É@x")])
def test_only_ascii_is_folded(given, folded):
    assert fold(given) == folded
