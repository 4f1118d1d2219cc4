"""What is looked at in a journal with two lists is found where it is wrong. SQLite files of a few rows."""

import sqlite3
from contextlib import closing

from airmeet_async.bulk.journal.writer import JournalWriter
from airmeet_async.bulk.row import CallTemplate, Row
from airmeet_async.protocol.endpoints import ENDPOINTS
from tests.torture.history import FAILED, PENDING, Entry, Journal, read_journal
from tests.torture.two_lists import DECLINED, SENT, as_reported, touched, views

FLAGS = {"registerAttendee": False, "sendEmailInvite": False}
TEMPLATE = CallTemplate(ENDPOINTS["attendees.add"], {"airmeet_id": "ev"}, flags=FLAGS)


def make(path):
    """A list of two people that was declined, and one of two that is being sent up to its first one; they share A."""
    writer, number = JournalWriter(path), 0
    writer.write_facts({"operation": "attendees.add", "airmeet_id": "ev"})
    for name, keys in ((DECLINED, ("d@x", "a@x")), (SENT, ("a@x", "b@x"))):
        number = writer.begin_list({"name": name, "options": FLAGS, "template": TEMPLATE})
        rows = [
            Row(n, n + 2, {"email": key}, key, key, TEMPLATE, f'{{"email":"{key}"}}'.encode())
            for n, key in enumerate(keys)
        ]
        writer.add(number, rows)
        writer.end_list(number)
    writer.begin_run()
    writer.confirm_list(number)
    writer.close()
    change(path, "UPDATE list SET horizon = 0, touched = 1.0 WHERE confirmed")


def change(path, sql):
    with closing(sqlite3.connect(path)) as db:
        db.execute(sql)
        db.commit()


def test_people_of_the_declined_list_are_untouched(tmp_path):
    entries = {"d@x": Entry(PENDING, 0), "e@x": Entry(PENDING, 1), "f@x": Entry(FAILED, 1)}
    found = touched(Journal(1, entries=entries), ["D@x", "e@x", "f@x", "not-yet@x"])

    assert [what.split(",")[0] for what in found] == ["e@x: state 0", "f@x: state 6"]


def test_views_agree_with_each_other_and_with_the_tables(tmp_path):
    path = tmp_path / "job"
    make(path)
    journal = read_journal(path)

    assert journal is not None
    assert journal.in_flight == {"a@x"}
    assert views(path, journal) == []
    assert views(path, Journal(1)) == ["1 under way, in the tables 0"]


def test_a_declined_list_that_counts_as_confirmed_is_found(tmp_path):
    path = tmp_path / "job"
    make(path)
    change(path, "UPDATE list SET confirmed = 7 WHERE confirmed = 0")

    assert views(path, Journal(1)) == [f"{DECLINED}: counts as confirmed"]


def test_what_the_run_reported_is_compared_with_the_journal(tmp_path):
    path, results = tmp_path / "job", tmp_path / "r.csv"
    make(path)
    results.write_text("email,airmeet_status,airmeet_entry_link\na@x,unknown,\nb@x,succeeded,\n")

    assert as_reported(path, results) == ["the journal says ('b@x', 'unprocessed'), the run ('b@x', 'succeeded')"]
