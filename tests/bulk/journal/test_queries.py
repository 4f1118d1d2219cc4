"""Views of a journal from outside: counts, causes and results are those of the list."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from airmeet_async import JournalError
from airmeet_async.bulk.journal.queries import (
    count_stale_rows,
    read_blocked,
    read_damaged,
    read_results,
    read_summaries,
    read_summary,
)
from airmeet_async.bulk.journal.writer import JournalWriter, Transaction
from airmeet_async.bulk.report import Invite, RowStatus
from airmeet_async.bulk.row import CallTemplate, OutcomeState, Wish
from airmeet_async.protocol.endpoints import ENDPOINTS
from tests.bulk.journal.conftest import (
    MAILS,
    PLAIN,
    add_list,
    change,
    invalid,
    left,
    opened,
    people,
    person,
    settle,
)

S = OutcomeState
NO = '{"error":{"code":"http_422","message":"no seats left"}}'


def ended(writer: JournalWriter, number: int, **facts: object) -> None:
    writer.end_run(number, {"ended": time.time(), **facts})
    writer.close()


def of_all_kinds(path: Path) -> None:
    """A list with a row of each kind, whose run has ended."""
    writer = opened(path)
    writer.write_facts({"job": "1234", "created": 1000.0, "airmeet_id": "event", "base": "https://x.example"})
    rows = people("done refused failed unknown retried new doubtful", MAILS)
    number = add_list(writer, [*rows, invalid(7, "x"), person(8, "done", MAILS)], MAILS, options={"invite": True})
    settle(writer, number, rows[0], done=Wish.DONE | Wish.MAILED)
    settle(writer, number, rows[1], S.REJECTED, note=NO)
    settle(writer, number, rows[2], S.FAILED, note=NO)
    settle(writer, number, rows[3], S.UNKNOWN, unclear=MAILS.wish)
    settle(writer, number, rows[4], S.RETRY)
    settle(writer, number, rows[6], done=Wish.DONE | Wish.MAIL_UNVERIFIED)
    ended(writer, number)


def test_a_summary_counts_each_row_once(path: Path) -> None:
    of_all_kinds(path)

    seen = read_summary(path)

    assert (seen.job, seen.state, seen.rows, seen.left, seen.process) == ("1234", "interrupted", 9, 3, None)
    assert seen.counts == {
        "succeeded": 2, "rejected": 1, "failed": 1, "invalid": 1, "duplicate": 1, "unknown": 1, "pending": 2,
    }  # fmt: skip
    assert (seen.unverified, seen.in_flight, seen.columns) == (1, 0, ("email", "last_name"))
    assert seen.about == {
        "operation": "attendees.add", "airmeet_id": "event", "base": "https://x.example",
        "options": {"invite": True, "registerAttendee": False, "sendEmailInvite": True},
    }  # fmt: skip
    assert abs(seen.changed - time.time()) < 60


def test_results_are_in_the_order_of_the_list_and_say_what_the_summary_counts(path: Path) -> None:
    of_all_kinds(path)

    found = list(read_results(path))

    assert [(one.index, one.line, one.status.value) for one in found] == [
        (0, 2, "succeeded"), (1, 3, "rejected"), (2, 4, "failed"), (3, 5, "unknown"), (4, 6, "unprocessed"),
        (5, 7, "unprocessed"), (6, 8, "succeeded"), (7, 9, "invalid"), (8, 10, "duplicate"),
    ]  # fmt: skip
    counts = Counter(one.status.value.replace("unprocessed", "pending") for one in found)
    assert counts == read_summary(path).counts
    assert [one.invite for one in found[:4]] == [
        Invite.ASKED, Invite.NOT_ASKED, Invite.NOT_ASKED, Invite.UNVERIFIED,
    ]  # fmt: skip
    assert found[6].invite is Invite.UNVERIFIED
    assert found[0].entry_link == "https://x.example/1"
    assert found[0].row == {"email": "done@example.com", "last_name": "L"}
    assert [found[1].error and found[1].error.message, found[8].duplicate_of] == ["no seats left", 0]


def test_results_are_of_one_moment(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people(" ".join(f"p{n}" for n in range(300))))
    reading = read_results(path)
    first = next(reading)
    for row in left(writer, number)[-1:]:
        settle(writer, number, row)

    assert {one.status for one in [first, *reading]} == {RowStatus.UNPROCESSED}
    assert read_summary(path).counts["succeeded"] == 1
    writer.close()


def test_a_view_is_of_the_newest_confirmed_list_or_of_the_one_that_is_named(path: Path) -> None:
    writer = opened(path)
    first = add_list(writer, people("a b"), name="first.csv")
    for row in left(writer, first):
        settle(writer, first, row)
    writer.begin_run()
    mails = add_list(writer, people("b c", MAILS), MAILS, name="second.csv")
    add_list(writer, people("declined"), name="third.csv", confirmed=False)
    settle(writer, mails, left(writer, mails)[1], done=MAILS.wish)
    ended(writer, mails)

    assert (read_summary(path).counts["succeeded"], read_summary(path).counts["pending"]) == (1, 1)
    assert [one.status.value for one in read_results(path)] == ["unprocessed", "succeeded"]
    assert read_summary(path, first).counts["succeeded"] == 2
    assert [one.from_earlier_run for one in read_results(path, first)] == [True, True]
    assert read_summary(path, first).list_facts["name"] == "first.csv"


def test_a_run_whose_rows_are_all_settled_is_finished(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people("a"))
    settle(writer, number, left(writer, number)[0])
    ended(writer, number)

    assert read_summary(path).state == "finished"


def test_rows_up_to_the_horizon_of_a_dead_run_may_be_in(path: Path) -> None:
    """The view says what the next run will find, and changes nothing."""
    writer = opened(path)
    number = add_list(writer, people("a b c d"))
    settle(writer, number, left(writer, number)[0])
    writer.transact(Transaction(number, horizon=2))
    writer.close()

    seen, found = read_summary(path), [one.status for one in read_results(path)]

    assert (seen.state, seen.counts["unknown"], seen.in_flight, seen.counts["pending"]) == ("interrupted", 2, 2, 1)
    assert found == [RowStatus.SUCCEEDED, RowStatus.UNKNOWN, RowStatus.UNKNOWN, RowStatus.UNPROCESSED]
    opened(path).close()
    assert [one.status for one in read_results(path)] == found


def test_rows_that_changed_since_they_were_done_are_counted(path: Path) -> None:
    """Not those that repeat them, and a row that was refused and has changed is one to be sent."""
    writer = opened(path)
    number = add_list(writer, people("a b c"))
    rows = left(writer, number)
    settle(writer, number, rows[0])
    settle(writer, number, rows[1])
    settle(writer, number, rows[2], S.REJECTED, note=NO)
    edited = [person(0, "a", last="Other"), person(1, "b"), person(2, "c", last="Other"), person(3, "A", last="Third")]
    number = add_list(writer, edited)
    ended(writer, number)

    seen = read_summary(path)

    assert (seen.changed_rows, seen.counts["pending"], seen.counts["rejected"]) == (1, 1, 0)
    assert [one.status.value for one in read_results(path)] == ["succeeded", "succeeded", "unprocessed", "duplicate"]
    assert ["changed" in " ".join(one.warnings) for one in read_results(path)] == [True, False, False, False]


def test_rows_of_long_ago_without_a_clear_answer_are_counted(path: Path) -> None:
    now = time.time()
    writer = opened(path)
    number = add_list(writer, people("old fresh future in-flight done"))
    rows = left(writer, number)
    settle(writer, number, rows[0], S.UNKNOWN, touched=now - 90_000)
    settle(writer, number, rows[1], S.UNKNOWN, touched=now - 80_000)
    settle(writer, number, rows[2], S.UNKNOWN, touched=now + 90_000)
    settle(writer, number, rows[3], S.IN_FLIGHT, touched=now - 90_000)
    settle(writer, number, rows[4], touched=now - 90_000)
    writer.close()

    assert count_stale_rows(path) == 3
    change(path, "UPDATE facts SET value = '\"booths.create\"' WHERE name = 'operation'")
    assert count_stale_rows(path) == 0  # they are not sent again anyway


@pytest.mark.slow
def test_a_view_changes_nothing_and_works_while_a_run_has_it(path: Path) -> None:
    """The view is another process's: within one, it would drop the locks of the run."""
    script = (
        "import sys; from pathlib import Path; from airmeet_async.bulk.journal.queries import *\n"
        "seen = read_summary(Path(sys.argv[1])); print(seen.state, seen.rows, seen.process)\n"
        "print(len(list(read_results(Path(sys.argv[1])))))"
    )
    writer = opened(path)
    number = add_list(writer, people("a b c"))
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    settle(writer, number, left(writer, number)[0])
    writer.close()

    state, rows, process, results = done.stdout.split()
    assert (state, rows, process.isdigit(), results) == ("running", "3", True, "3")


def test_a_damaged_journal_is_known_by_its_head_or_by_its_place(path: Path) -> None:
    of_all_kinds(path)
    whole = read_damaged(path, by_place=True)
    change(path, "UPDATE list SET facts = '{'")
    wreck = read_damaged(path)
    with pytest.raises(JournalError):
        read_summary(path)
    with pytest.raises(JournalError):
        list(read_results(path))
    path.write_bytes(b"nonsense" * 10)

    assert (whole, read_damaged(path), read_damaged(path.parent)) == (None, None, None)
    assert wreck is not None
    assert (wreck.job, wreck.state, wreck.rows) == ("launch", "interrupted", None)
    assert read_damaged(path, by_place=True) == wreck


def test_what_is_not_there_is_an_error(path: Path) -> None:
    for read in (read_summary, count_stale_rows, lambda missing: list(read_results(missing))):
        with pytest.raises(JournalError):
            read(path)


def test_a_view_leaves_nothing_beside_a_journal_that_nobody_runs(path: Path) -> None:
    """SQLite's side files would stay after a reader; the lock file always stays."""
    of_all_kinds(path)

    assert len(list(read_results(path))) == 9

    assert sorted(file.name for file in path.parent.glob(f"{path.name}*")) == [path.name, f"{path.name}-lock"]


def test_who_was_blocked_is_known_after_a_kill_a_refusal_and_a_purge_and_until_they_are_unblocked(tmp_path):
    """Seven to be blocked: one is done, one refused, one in doubt, one never sent, two under the horizon of a kill."""
    paths = [tmp_path / name for name in ("block.job", "unblock.job", "add.job")]
    block, unblock, add = (opened(path) for path in paths)
    block.write_facts({"operation": "attendees.block"})
    blocking = CallTemplate(ENDPOINTS["attendees.block"], {"airmeet_id": "event"})
    names = "done refused doubt never early late let-in"
    number = add_list(block, people(names, blocking), blocking, name="block.csv")
    outcome = "INSERT INTO outcome (entry, state, sent, done, unclear, run, touched) VALUES (?, ?, ?, ?, ?, 1, ?)"
    for entry, state, sent, done, unclear in ((1, 4, 1, 1, 0), (2, 5, 1, 0, 0), (3, 3, 1, 0, 1), (7, 4, 1, 1, 0)):
        block._connection.execute(outcome, (entry, state, sent, done, unclear, 100.0))
    block._connection.execute("UPDATE input SET id = id + 100 WHERE entry IN (4, 7)")
    block._connection.execute("UPDATE list SET horizon = 6, touched = 90.0 WHERE id = ?", (number,))
    add_list(unblock, people("let-in doubt done"), PLAIN, name="unblock.csv")
    unblock._connection.execute(outcome, (1, 4, 1, 1, 0, 200.0))
    unblock._connection.execute(outcome, (2, 3, 1, 0, 1, 200.0))
    unblock._connection.execute(outcome, (3, 5, 1, 0, 0, 200.0))  # a refusal lets nobody in who was blocked
    for writer in (block, unblock):
        writer.close()

    def blocked():
        found = read_blocked(paths[0], paths[1], add.salt, add.hash_identities)
        names = {add.hash_identities([f"{name}@example.com"])[0]: name for name in NAMES}
        assert {names[hash_] for hash_, (_, refused) in found.items() if refused} == {"refused"}
        return {names[hash_]: when for hash_, (when, _) in found.items()}

    expected = {"done": 100.0, "refused": 100.0, "doubt": 100.0, "early": 90.0, "late": 90.0}
    assert blocked() == expected
    add.close()
    writer = JournalWriter(paths[0])
    writer.purge([number])
    writer.close()
    add = JournalWriter(tmp_path / "new.job", salt=writer.salt)
    assert set(blocked()) == set(expected)
    add.close()


NAMES = ("done", "refused", "doubt", "never", "early", "late", "let-in")


def test_only_the_list_that_was_confirmed_last_is_in_progress_and_its_rows_are_under_way(path: Path) -> None:
    """A list whose run was killed is not in progress since another one is."""
    writer = opened(path)
    add_list(writer, people("a b"), name="killed.csv")
    number = add_list(writer, people("c d e"), name="running.csv")
    rows = left(writer, number)
    writer.transact(Transaction(number, intents=[(rows[0], int(Wish.DONE))]))
    killed, running = read_summaries(path)
    writer.close()
    _, dead = read_summaries(path)

    assert (killed.state, running.state, dead.state) == ("interrupted", "running", "interrupted")
    assert read_summary(path, killed.list_id).process is None
    assert (running.counts["unknown"], running.counts["pending"], running.in_flight) == (0, 3, 1)
    assert (dead.counts["unknown"], dead.counts["pending"], dead.in_flight) == (1, 2, 1)
