"""Journals, results and logs are read as they are."""

import json
import sqlite3
from contextlib import closing

import pytest

from tests.torture.history import Entry, Result, find_journals, fold, read_results, read_truth, snapshot

_TABLES = """
PRAGMA journal_mode = WAL;
CREATE TABLE ledger(id INTEGER PRIMARY KEY, identity TEXT UNIQUE, key TEXT, digest, call, state INTEGER, sent INTEGER);
CREATE TABLE input(gen INTEGER, idx INTEGER, line INTEGER, data, entry INTEGER, status TEXT);
"""


def test_a_journal_is_read_with_what_only_its_wal_holds(tmp_path):
    """The writer is not closed, as after SIGKILL; and its files are left alone."""
    path, scratch = tmp_path / "state" / "deep" / "job", tmp_path / "scratch"
    path.parent.mkdir(parents=True)
    scratch.mkdir()
    (tmp_path / "state" / "other.txt").write_text("no journal")
    with closing(sqlite3.connect(path)) as writer:
        writer.executescript(_TABLES)
        writer.execute(
            "INSERT INTO ledger VALUES (1, 'a', 'A@example.com', '', '', 4, 1), (2, 'b', 'b@x', '', '', 0, 0)"
        )
        writer.execute(
            "INSERT INTO input VALUES (1, 0, 2, '', 1, NULL), (2, 0, 2, '', 1, NULL), (2, 1, 3, '', 2, NULL)"
        )
        writer.commit()
        before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
        (found,) = find_journals(tmp_path / "state")
        journal = snapshot(found, 7, scratch)
        after = {file.name: file.read_bytes() for file in path.parent.iterdir()}

    assert journal is not None
    assert (journal.at, journal.integrity, journal.inputs) == (7, "ok", 2)
    assert journal.entries == {"a@example.com": Entry(4, 1), "b@x": Entry(0, 0)}
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
