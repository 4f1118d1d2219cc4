"""What is done to a journal's tables."""

import os
import sqlite3
import time
from collections import Counter
from pathlib import Path

import attrs
import pytest

from airmeet_async.bulk.journal.locking import connect, connect_read_only, create_file
from airmeet_async.bulk.journal.recorded_rows import is_in_doubt, recorded_result
from airmeet_async.bulk.journal.writer import JournalWriter, Transaction
from airmeet_async.bulk.report import RowWarning
from airmeet_async.bulk.row import CallTemplate, OutcomeState, Row, Wish
from airmeet_async.bulk.row_results import template_to_send
from airmeet_async.bulk.statistics import is_unverified
from airmeet_async.errors import JournalError
from airmeet_async.protocol.endpoints import ENDPOINTS
from tests.bulk.journal.conftest import (
    BOTH,
    FACTS,
    MAILS,
    PLAIN,
    REGISTERS,
    add_list,
    invalid,
    left,
    names,
    opened,
    outcome,
    people,
    person,
    settle,
)

S = OutcomeState


def reopened(writer: JournalWriter, path: Path) -> JournalWriter:
    """What the next process finds: this one was killed."""
    operation = writer.facts()["operation"]
    writer.close()
    return opened(path, operation)


# What a dead run has left


def test_rows_up_to_the_horizon_are_unknown_after_a_kill(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people("a b c d"))
    rows = left(writer, number)
    writer.transact(Transaction(number, horizon=2))
    settle(writer, number, rows[1])

    writer = reopened(writer, path)

    found = left(writer, number)
    assert names(found) == "a c d"
    assert [row.earlier and (row.earlier.state, row.earlier.unclear, row.earlier.sent) for row in found] == [
        (S.UNKNOWN, Wish.DONE, 1), (S.UNKNOWN, Wish.DONE, 1), None,
    ]  # fmt: skip
    writer.close()


def test_rows_under_the_horizon_that_are_not_sent_by_it_are_not_in_doubt(path: Path) -> None:
    """Those that are not valid or repeat another, and one that differs from what an earlier list gave."""
    writer = opened(path)
    add_list(writer, people("edited"), name="other.csv")
    number = add_list(writer, [*people("a a"), invalid(2, "x"), person(3, "edited", last="Other"), person(4, "b")])
    writer.transact(Transaction(number, horizon=3))

    writer = reopened(writer, path)

    assert [(row.key[0], row.earlier is not None) for row in left(writer, number)] == [
        ("a", True), ("e", False), ("b", False),
    ]  # fmt: skip
    assert names(writer.settled_rows(number, -1, 9)) == "a x"
    writer.close()


def test_a_repeat_without_the_mail_does_not_forget_that_one_was_asked_for(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people("a", MAILS), MAILS)
    row = left(writer, number)[0]
    settle(writer, number, row, S.RETRY, unclear=MAILS.wish)
    writer.transact(Transaction(number, intents=[(row, int(PLAIN.wish))]))

    writer = reopened(writer, path)

    assert [row.earlier and row.earlier.unclear for row in left(writer, number)] == [MAILS.wish]
    writer.close()


def test_a_repeat_that_asks_for_the_mail_puts_it_in_doubt(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people("a", MAILS), MAILS)
    row = left(writer, number)[0]
    settle(writer, number, row, S.RETRY)
    writer.transact(Transaction(number, intents=[(row, int(MAILS.wish))]))

    writer = reopened(writer, path)

    assert [row.earlier and row.earlier.unclear for row in left(writer, number)] == [MAILS.wish]
    writer.close()


def test_the_list_that_was_confirmed_last_is_the_newest(writer: JournalWriter) -> None:
    first, second = add_list(writer, people("a"), name="a.csv"), add_list(writer, people("b"), name="b.csv")
    third = add_list(writer, people("c"), name="c.csv", confirmed=False)

    writer.confirm_list(first)

    assert [found.id for found in writer.lists()] == [third, second, first]


def test_the_horizon_of_a_list_is_none_of_another(path: Path) -> None:
    """Neither of one that came before, nor of one that was declined and has some of the same people."""
    writer = opened(path)
    earlier = add_list(writer, people("x y"), name="earlier.csv")
    declined = add_list(writer, people("p q b"), name="declined.csv", confirmed=False)
    number = add_list(writer, people("a b c"))
    writer.transact(Transaction(number, horizon=1))

    writer = reopened(writer, path)

    assert [row.earlier for row in left(writer, earlier)] == [None, None]
    assert [row.earlier is not None for row in left(writer, declined)] == [False, False, True]
    assert [row.earlier is not None for row in left(writer, number)] == [True, True, False]
    writer.close()


def test_after_a_clean_end_nothing_that_was_not_sent_is_unknown(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people("a b c"))
    writer.transact(Transaction(number, horizon=2))
    writer.end_run(number, {"stop": "stopped"})

    writer = reopened(writer, path)

    assert [row.earlier for row in left(writer, number)] == [None, None, None]
    writer.close()


def test_an_intent_is_one_row_s_own(path: Path) -> None:
    """Whoever asks for a mail does not lose it because a neighbour was under way."""
    writer = opened(path)
    number = add_list(writer, people("a b c", MAILS), MAILS)
    rows = left(writer, number)
    writer.transact(Transaction(number, intents=[(rows[1], int(MAILS.wish))]))

    writer = reopened(writer, path)

    found = left(writer, number)
    assert [row.earlier and (row.earlier.state, row.earlier.unclear) for row in found] == [
        None, (S.UNKNOWN, Wish.DONE | Wish.MAILED), None,
    ]  # fmt: skip
    writer.close()


def test_a_row_that_waits_for_another_attempt_is_not_unknown_after_a_kill(path: Path) -> None:
    """Else a row that was throttled would lose its invitation."""
    writer = opened(path)
    number = add_list(writer, people("a", MAILS), MAILS)
    row = left(writer, number)[0]
    writer.transact(Transaction(number, intents=[(row, int(MAILS.wish))]))
    writer.transact(Transaction(number, outcomes=[outcome(writer, row, S.RETRY)]))

    writer = reopened(writer, path)

    assert [(row.earlier.state, row.earlier.unclear) for row in left(writer, number) if row.earlier] == [(S.RETRY, 0)]
    writer.close()


def test_a_list_that_takes_its_place_does_not_hide_what_was_in_flight(path: Path) -> None:
    """An edited file after a kill: the old list goes, and who was under way in it is still in doubt."""
    writer = opened(path)
    number = add_list(writer, people("a b"))
    writer.transact(Transaction(number, horizon=0))
    writer.close()

    writer = JournalWriter(path)
    edited = add_list(writer, people("b c a"))
    writer.begin_run()

    assert [row.earlier is not None for row in left(writer, edited)] == [False, False, True]
    assert [found.id for found in writer.lists()] == [edited]
    writer.close()


def test_one_transaction_ends_an_attempt_and_begins_the_next(writer: JournalWriter) -> None:
    number = add_list(writer, people("a"))
    row = left(writer, number)[0]
    writer.transact(Transaction(number, intents=[(row, 1)]))

    writer.transact(Transaction(number, intents=[(row, 1)], outcomes=[outcome(writer, row, S.RETRY)]))

    found = left(writer, number)[0].earlier
    assert found is not None
    assert (found.state, found.sent) == (S.IN_FLIGHT, 2)


# What is done, and for whom


def test_who_was_added_without_a_mail_is_left_for_a_list_that_mails(writer: JournalWriter) -> None:
    first = add_list(writer, people("a b"))
    for row in left(writer, first):
        settle(writer, first, row)

    mails = add_list(writer, people("b c", MAILS), MAILS, options={"invite": True})

    found = left(writer, mails)
    assert names(found) == "b c"
    assert found[0].template == MAILS
    assert found[0].earlier is not None
    assert left(writer, first) == []


@pytest.mark.parametrize(
    ("done", "template", "is_left"),
    [
        (Wish.DONE, REGISTERS, True),
        (Wish.DONE | Wish.REGISTERED, REGISTERS, False),
        (Wish.DONE | Wish.REGISTERED, PLAIN, False),
        (Wish.DONE | Wish.MAILED, BOTH, True),
        (Wish.DONE | Wish.REGISTERED | Wish.MAILED, BOTH, False),
        (Wish.DONE | Wish.MAIL_UNVERIFIED, MAILS, False),
        (Wish.DONE | Wish.MAIL_UNVERIFIED, BOTH, True),
    ],
)
def test_done_is_told_per_wish(writer: JournalWriter, done: Wish, template: object, is_left: bool) -> None:
    """A mail that may have gone out counts as mailed: nobody is mailed twice without a word."""
    first = add_list(writer, people("a"), name="first.csv")
    settle(writer, first, left(writer, first)[0], done=done)

    second = add_list(writer, people("a", template), template)  # type: ignore[arg-type]

    assert bool(left(writer, second)) is is_left
    assert bool(writer.settled_rows(second, -1, 9)) is False  # of this run


def test_open_and_settled_rows_are_all_rows_once(path: Path) -> None:
    writer = opened(path)
    rows = [*people("new retried unknown done refused failed"), invalid(6, "x"), person(7, "DONE")]
    number = add_list(writer, rows)
    for row, state in zip(rows[1:], [S.RETRY, S.UNKNOWN, S.SUCCEEDED, S.REJECTED, S.FAILED], strict=False):
        settle(writer, number, row, state)
    writer = reopened(writer, path)

    settled = [writer.settled_rows(number, after, 1)[0] for after in (-1, 3, 4, 6)]

    assert names(left(writer, number)) == "new retried unknown failed"
    assert names(settled) == "done refused x DONE"
    assert writer.settled_rows(number, 7, 1) == []
    writer.close()


def test_what_this_run_has_recorded_is_not_given_again(writer: JournalWriter) -> None:
    number = add_list(writer, people("a b"))
    settle(writer, number, left(writer, number)[0])

    assert names(left(writer, number)) == "b"
    assert writer.settled_rows(number, -1, 9) == []


# Rows of several lists


def test_a_changed_order_shifts_nothing(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people("a b c"))
    settle(writer, number, left(writer, number)[1])
    writer = reopened(writer, path)

    edited = add_list(writer, people("new c b a"))

    assert names(left(writer, edited)) == "new c a"
    assert names(writer.settled_rows(edited, -1, 9)) == "b"
    writer.close()


def test_a_second_list_copies_nothing_that_is_known(path: Path) -> None:
    writer = opened(path)
    many = " ".join(f"person-{n}" for n in range(2000))
    add_list(writer, people(many), name="first.csv")
    writer.close()
    before = path.stat().st_size

    writer = opened(path)
    add_list(writer, people(many + " one-more"), name="second.csv")
    writer.close()

    assert 0 < path.stat().st_size - before < 40 * 2001


def test_a_row_that_was_refused_is_sent_again_only_if_it_has_changed(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people("a b"))
    for row in left(writer, number):
        settle(writer, number, row, S.REJECTED)
    writer = reopened(writer, path)

    edited = add_list(writer, [person(0, "a"), person(1, "b", last="Better")])

    found = left(writer, edited)
    assert names(found) == "b"
    assert found[0].changed
    assert b"Better" in found[0].payload
    writer.transact(Transaction(edited, intents=[(found[0], 1)], outcomes=[]))
    settle(writer, edited, found[0], S.REJECTED)
    assert left(writer, edited) == []  # as it is now, it was refused
    writer.close()


def test_a_row_that_may_be_in_is_sent_as_it_was(path: Path) -> None:
    """Its mail may be on the way: the new request would ask for it again, as if nothing had been sent."""
    writer = opened(path)
    number = add_list(writer, people("a b"))
    rows = left(writer, number)
    settle(writer, number, rows[0], S.UNKNOWN, unclear=1)
    settle(writer, number, rows[1], S.RETRY)
    writer = reopened(writer, path)

    again = people("a b", last="Better")
    edited = add_list(writer, again)

    for unknown, retried in (again, left(writer, edited)):
        assert (unknown.changed, b"Better" in unknown.payload) == (True, False)
        assert (retried.changed, b"Better" in retried.payload) == (True, True)
    assert [row.data["last_name"] for row in left(writer, edited)] == ["Better", "Better"]
    writer.close()


def test_what_one_list_says_does_not_change_another(writer: JournalWriter) -> None:
    first = add_list(writer, people("a"), name="first.csv")
    second = add_list(writer, people("A", last="Other"), name="second.csv")
    row = left(writer, second)[0]
    writer.transact(Transaction(second, intents=[(row, 1)]))
    settle(writer, second, row, S.RETRY)

    one, other = left(writer, first)[0], left(writer, second)[0]

    assert (one.key, one.data["last_name"], one.changed) == ("a@example.com", "L", True)
    assert (other.key, other.data["last_name"], other.changed) == ("A@example.com", "Other", False)


def test_a_second_row_of_a_list_names_the_line_of_the_first(writer: JournalWriter) -> None:
    """Also where the first one was added before it, and where somebody else's list knows them already."""
    add_list(writer, people("x y known"), name="other.csv")
    number = writer.begin_list({"name": "list.csv", "options": {}, "template": PLAIN})
    rows = people("a b known c A Known b B KNOWN")
    writer.add(number, rows[:2])
    writer.add(number, rows[2:6])
    writer.add(number, rows[6:])
    writer.end_list(number)

    said = {
        row.index: (row.duplicate_of, row.error.message if row.error is not None else None) for row in rows if row.error
    }

    expected = {
        4: (0, "repeats line 2, which is sent instead"),
        5: (2, "repeats line 4, which is sent instead"),
        6: (1, "repeats line 3, which is sent instead"),
        7: (1, "repeats line 3, which is sent instead"),
        8: (2, "repeats line 4, which is sent instead"),
    }
    assert said == expected
    found = writer.settled_rows(number, -1, 9)
    assert {
        row.index: (row.duplicate_of, row.error.message if row.error is not None else None) for row in found
    } == expected
    assert names(found) == "A Known b B KNOWN"
    assert names(left(writer, number)) == "a b known c"


def test_rows_keep_their_positions_and_lines_whatever_lies_between(writer: JournalWriter) -> None:
    """Rows that follow each other are written by one statement, which counts; these do not follow."""
    number = writer.begin_list({"name": "", "options": {}, "template": PLAIN})
    for rows in (
        [person(0, "a"), invalid(1, "x"), person(2, "b")],
        [person(3, "c"), person(4, "d", line=9), person(5, "e", line=10)],
        [person(6, "f", line=None), invalid(7, "y"), person(8, "g", line=None)],
        [person(9, "h", line=None), person(10, "i", line=None)],
        [person(11, "j"), person(12, "k", warnings=(RowWarning("will_be_cut", "cut"),))],
    ):
        writer.add(number, rows)
    writer.end_list(number)

    assert [(row.index, row.line, row.key[0], row.warnings) for row in left(writer, number)] == [
        (0, 2, "a", ()), (2, 4, "b", ()), (3, 5, "c", ()), (4, 9, "d", ()), (5, 10, "e", ()), (6, None, "f", ()),
        (8, None, "g", ()), (9, None, "h", ()), (10, None, "i", ()), (11, 13, "j", ()), (12, 14, "k", ("cut",)),
    ]  # fmt: skip


class Hasty(JournalWriter):
    """Holds little in memory."""

    loading_characters = 100


def test_a_long_list_is_not_held_in_memory_until_its_end(path: Path) -> None:
    writer = Hasty(path)
    writer.write_facts(FACTS)
    number = writer.begin_list({"name": "", "options": {}, "template": PLAIN})
    writer.add(number, people("a b c"))
    reader = connect_read_only(path)
    before = reader.execute("SELECT COUNT(*) FROM input").fetchone()
    writer.add(number, [person(3, "d")])
    reader.close()
    writer.end_list(number)

    assert before == (3,)
    assert names(left(writer, number)) == "a b c d"
    writer.close()


class Colliding(JournalWriter):
    """All identities have the same hash, until they are told apart."""

    def hash_identities(self, identities: object) -> tuple[int, ...]:
        return tuple(identity.count("\0") for identity in identities)  # type: ignore[attr-defined]


def test_two_people_with_the_same_hash_are_two(path: Path) -> None:
    writer = Colliding(path)
    writer.write_facts(FACTS)
    writer.begin_run()
    number = add_list(writer, people("a b c b"))
    rows = left(writer, number)
    settle(writer, number, rows[1])

    again = add_list(writer, people("c b a d"))

    assert [row.entry for row in rows] == [1, 2, 3]
    assert [row.entry for row in left(writer, again)] == [3, 1, left(writer, again)[2].entry]
    assert names(left(writer, again)) == "c a d"
    writer.close()


def test_rows_that_may_repeat_are_known_again_by_how_often_they_came(writer: JournalWriter) -> None:
    def same(n: int) -> list[Row]:
        return [Row(index, None, None, "", "", PLAIN, b'{"email":""}') for index in range(n)]

    number = add_list(writer, same(3))
    for row in left(writer, number)[:2]:
        settle(writer, number, row)

    again = add_list(writer, same(4))

    assert [row.index for row in left(writer, again)] == [2, 3]
    assert [row.earlier for row in left(writer, again)] == [None, None]


def test_rows_with_calls_of_their_own_come_back_with_them(path: Path) -> None:
    writer = opened(path, "custom")
    rows = [person(0, "a", MAILS), person(1, "b", PLAIN), Row(2, None, None, "", "", PLAIN, b"")]
    number = add_list(writer, rows, None)
    writer = reopened(writer, path)

    found = left(writer, number)

    assert [(row.template.path, row.payload) for row in found if row.template] == [
        (PLAIN.path, row.payload) for row in rows
    ]
    writer.close()


def test_a_hundred_lists_share_one_journal() -> None:
    writer = opened(None)
    numbers = [add_list(writer, people(f"a{n} a{n + 1}"), name=f"{n}.csv") for n in range(100)]
    settle(writer, numbers[50], left(writer, numbers[50])[1])

    assert [names(left(writer, number)) for number in numbers[50:53]] == ["a50", "a52", "a52 a53"]
    writer.close()


# Lists that nobody wants


def test_a_list_that_was_declined_or_cut_off_leaves_nobody_behind(writer: JournalWriter) -> None:
    kept = add_list(writer, people("a b"))
    add_list(writer, people("b secret"), confirmed=False)
    cut_off = writer.begin_list({"name": "other.csv", "options": dict(PLAIN.flags), "template": PLAIN})
    writer.add(cut_off, people("hidden"))

    number = add_list(writer, people("c"), confirmed=False)

    assert [found.id for found in writer.lists()] == [number, kept]
    connection = sqlite3.connect(f"file:{writer.path}?mode=ro", uri=True)
    found = [identity.partition("@")[0] for (identity,) in connection.execute("SELECT identity FROM entry ORDER BY 1")]
    connection.close()
    assert found == ["a", "b", "c"]


def test_a_reading_that_is_cut_off_leaves_the_last_whole_list(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people("a b"))
    cut_off = writer.begin_list({"name": "list.csv", "options": {}, "template": PLAIN})
    writer.add(cut_off, people("c"))

    writer = reopened(writer, path)

    assert names(left(writer, number)) == "a b"
    assert [(found.id, found.rows, found.confirmed) for found in writer.lists()] == [
        (cut_off, None, False), (number, 2, True),
    ]  # fmt: skip
    writer.close()


def test_a_list_that_was_sent_counts_as_confirmed(writer: JournalWriter) -> None:
    number = writer.begin_list({"name": "", "options": {}, "template": PLAIN})
    rows = people("a b")
    writer.transact(Transaction(number, rows=rows, horizon=0))

    assert [found.confirmed for found in writer.lists()] == [True]
    assert [row.entry for row in rows] == [1, 2]


@pytest.mark.parametrize("killed", [False, True])
def test_what_has_come_of_a_list_that_arrives_can_be_resumed(path: Path, killed: bool) -> None:
    writer = opened(path)
    number = writer.begin_list({"name": "", "options": {}, "template": PLAIN})
    writer.transact(Transaction(number, rows=people("a b"), horizon=0))
    if not killed:
        writer.end_run(number, {})

    writer = reopened(writer, path)

    assert [(found.rows, found.confirmed) for found in writer.lists()] == [(2, True)]
    assert names(left(writer, number)) == "a b"
    writer.close()


def test_rows_that_do_not_add_up_are_an_error(writer: JournalWriter) -> None:
    number = writer.begin_list({"name": "", "options": {}, "template": PLAIN})
    writer.add(number, people("a b")[1:])

    with pytest.raises(JournalError, match="does not add up"):
        writer.end_list(number)


def test_a_row_that_is_lost_is_an_error_at_the_end_of_the_run(writer: JournalWriter) -> None:
    number = add_list(writer, people("a b"))
    writer._connection.execute("DELETE FROM input WHERE line = 3")

    writer.end_run(number, {})
    with pytest.raises(JournalError, match="does not add up"):
        writer.check_sum(number)


@pytest.mark.parametrize("damage", ["DELETE FROM entry", "UPDATE input SET entry = 9"])
def test_a_row_of_nobody_is_an_error(writer: JournalWriter, damage: str) -> None:
    number = add_list(writer, people("a b"))
    writer._connection.execute(damage)

    writer.end_run(number, {})
    with pytest.raises(JournalError, match="does not add up"):
        writer.check_sum(number)


# On purpose


def test_what_must_not_be_repeated_is_sent_again_on_purpose_only(path: Path) -> None:
    """As if it had not been sent before: who wants it sent again has looked whether it is there."""
    booths = CallTemplate(ENDPOINTS["booths.create"], {"airmeet_id": "event"})
    writer = opened(path)
    writer.write_facts({"operation": "booths.create"})
    rows = people("a b", booths)
    for row in rows:
        row.payload = f'{{"name":"{row.key}"}}'.encode()
    number = add_list(writer, rows, booths)
    settle(writer, number, left(writer, number)[0], S.UNKNOWN, unclear=1)
    writer.close()

    found = dict[str, list[Row]]()
    for again in ("failed", "unknown"):
        writer = JournalWriter(path)
        writer.begin_run()
        writer.reopen(number, frozenset({again}))
        found[again] = left(writer, number, only_reopened=True)
        writer.close()

    assert names(found["failed"]) == ""
    assert names(found["unknown"]) == "a"
    assert [row.earlier and row.earlier.unclear for row in found["unknown"]] == [0]


@pytest.mark.parametrize(
    ("again", "expected"),
    [
        ("failed", "failed unknown"),
        ("rejected", "refused"),
        ("unknown", ""),
        ("invites", "doubtful"),
    ],
)
def test_a_retry_touches_only_what_it_names(path: Path, again: str, expected: str) -> None:
    writer = opened(path)
    number = add_list(writer, people("new done failed refused unknown doubtful retried", MAILS), MAILS)
    rows = {names([row]): row for row in left(writer, number)}
    settle(writer, number, rows["done"], done=Wish.DONE | Wish.MAILED)
    settle(writer, number, rows["failed"], S.FAILED)
    settle(writer, number, rows["refused"], S.REJECTED)
    settle(writer, number, rows["unknown"], S.UNKNOWN, unclear=MAILS.wish, touched=time.time())
    settle(writer, number, rows["doubtful"], done=Wish.DONE | Wish.MAIL_UNVERIFIED)
    settle(writer, number, rows["retried"], S.RETRY)
    writer.close()

    writer = JournalWriter(path)
    writer.begin_run()
    writer.reopen(number, frozenset({again}))

    found = left(writer, number, only_reopened=True)
    others = writer.settled_rows(number, -1, 9, only_reopened=True)
    assert names(found) == expected
    assert {row.earlier and row.earlier.state for row in found} <= {S.REOPENED}
    assert len(found) + len(others) == 7
    results = [recorded_result(row, "") for row in others]
    known = writer.count_settled(number, only_reopened=True)
    assert known.counts == Counter(result.status for result in results)
    assert known.unverified == sum(map(is_unverified, results))
    writer.close()


def test_a_retry_touches_only_the_list_that_is_sent(path: Path) -> None:
    writer = opened(path)
    others = [add_list(writer, people("a b"), name="one.csv"), add_list(writer, people("c"), confirmed=False)]
    number = add_list(writer, people("b d"), name="two.csv")
    for row in [*left(writer, others[0]), *left(writer, others[1]), left(writer, number)[1]]:
        settle(writer, number, row, S.FAILED)
    writer = reopened(writer, path)

    writer.reopen(number, frozenset({"failed"}))

    assert names(left(writer, number, only_reopened=True)) == "b d"
    assert [names(left(writer, other, only_reopened=True)) for other in others] == ["b", ""]
    writer.close()


def test_a_retry_of_a_list_without_mails_leaves_what_is_done_for_it(path: Path) -> None:
    """Somebody was refused, and somebody's mail is in doubt, in a list that asks for mails."""
    writer = opened(path)
    number = add_list(writer, people("a b", PLAIN))
    rows = left(writer, number)
    settle(writer, number, rows[0], S.REJECTED, done=Wish.DONE | Wish.REGISTERED)
    settle(writer, number, rows[1], done=Wish.DONE | Wish.MAIL_UNVERIFIED)

    writer.reopen(number, frozenset({"rejected", "invites"}))

    assert left(writer, number, only_reopened=True) == []
    writer.close()


def test_what_was_sent_long_ago_without_a_clear_answer_is_reopened_with_a_word_only(path: Path) -> None:
    """A row that certainly failed is reopened however long ago that was."""
    writer = opened(path)
    number = add_list(writer, people("old new failed timeless"))
    now = time.time()
    for row, state, touched in zip(
        left(writer, number), [S.UNKNOWN, S.UNKNOWN, S.FAILED, S.UNKNOWN], [now - 90_000, now, 5.0, None], strict=True
    ):
        settle(writer, number, row, state, touched=touched)

    writer.reopen(number, frozenset({"failed"}))
    without = names(left(writer, number, only_reopened=True))
    writer.reopen(number, frozenset({"failed"}), accept_stale=True)

    assert without == "new failed"
    assert names(left(writer, number, only_reopened=True)) == "old new failed timeless"
    writer.close()


def test_a_retry_that_ends_unsent_restores_all_it_has_changed(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people("a", MAILS), MAILS)
    settle(writer, number, left(writer, number)[0], done=Wish.DONE | Wish.MAIL_UNVERIFIED, unclear=Wish.MAILED)
    writer = reopened(writer, path)
    before = [row.earlier for row in writer.settled_rows(number, -1, 9)]
    writer.reopen(number, frozenset({"invites"}))
    reopened_rows = left(writer, number, only_reopened=True)

    writer.end_run(number, {})

    assert [row.earlier and (row.earlier.run, row.earlier.unclear) for row in reopened_rows] == [(2, 0)]
    assert [row.earlier for row in writer.settled_rows(number, -1, 9)] == before
    writer.close()


def test_a_corrected_row_that_was_withdrawn_is_still_to_be_sent(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people("a"))
    settle(writer, number, left(writer, number)[0], S.REJECTED)
    writer = reopened(writer, path)
    number = add_list(writer, [person(0, "a", last="Corrected")])

    [row] = left(writer, number)
    for _ in range(2):
        [row] = left(writer, number)
        writer.transact(Transaction(number, intents=[(row, int(PLAIN.wish))]))
        assert row.earlier is not None
        assert row.earlier.run < writer.run
        writer.transact(Transaction(number, outcomes=[(row.entry, *attrs.astuple(row.earlier))]))

    assert names(left(writer, number)) == "a"
    settle(writer, number, row, S.REJECTED)
    writer.transact(Transaction(number, intents=[(row, int(PLAIN.wish))]))
    settle(writer, number, row, S.REJECTED)
    assert left(writer, number) == []
    writer.close()


def test_what_a_retry_has_not_sent_is_what_it_was(path: Path) -> None:
    writer = opened(path)
    number = add_list(writer, people("a b"))
    for row in left(writer, number):
        settle(writer, number, row, S.REJECTED, note='{"error":{"code":"http_422","message":"no"}}')
    writer.close()
    writer = JournalWriter(path)
    writer.begin_run()
    writer.reopen(number, frozenset({"rejected"}))
    settle(writer, number, left(writer, number, only_reopened=True)[0])

    writer = reopened(writer, path)

    assert left(writer, number) == []
    found = writer.settled_rows(number, -1, 9)
    assert [row.earlier and row.earlier.state for row in found] == [S.SUCCEEDED, S.REJECTED]
    assert found[1].earlier is not None
    assert found[1].earlier.note == '{"error":{"code":"http_422","message":"no"}}'
    writer.close()


# The file


def test_a_process_that_was_forked_off_writes_nothing(writer: JournalWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes with one connection would corrupt the file."""
    number = add_list(writer, people("a"))
    row = left(writer, number)[0]
    with monkeypatch.context() as child:
        child.setattr(os, "getpid", lambda: 1)
        with pytest.raises(JournalError, match="forked from"):
            settle(writer, number, row)

    assert left(writer, number)[0].earlier is None


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_gone_takes_nothing_more(writer: JournalWriter, path: Path, replaced: bool) -> None:
    number = add_list(writer, people("a"))
    row = left(writer, number)[0]
    path.rename(path.with_name("elsewhere"))
    if replaced:
        path.write_bytes(path.with_name("elsewhere").read_bytes())

    with pytest.raises(JournalError, match="deleted or replaced"):
        settle(writer, number, row)


def test_a_commit_is_on_the_disk_when_it_returns(path: Path) -> None:
    """The promise holds after a loss of power, too: in WAL mode only FULL says so."""
    create_file(path)
    connection = connect(path)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.close()


def test_who_only_reads_cannot_write(writer: JournalWriter, path: Path) -> None:
    """One connection writes: two can corrupt a file."""
    reader = connect_read_only(path)
    try:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("UPDATE outcome SET state = 3")
    finally:
        reader.close()


def test_a_run_without_a_file_has_one_without_a_name() -> None:
    writer = opened(None)
    number = add_list(writer, people("a b a"))
    settle(writer, number, left(writer, number)[0])

    assert names(left(writer, number)) == "b"
    writer.close()


def test_the_entry_link_stands_in_one_place(writer: JournalWriter, path: Path) -> None:
    number = add_list(writer, people("a"))
    settle(writer, number, left(writer, number)[0], link="https://secret.example/1")

    reader = connect_read_only(path)
    tables = {name for (name,) in reader.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    holding = {name for name in tables if "secret.example" in repr(reader.execute(f"SELECT * FROM {name}").fetchall())}  # noqa: S608
    reader.close()
    assert holding == {"outcome"}


def test_another_name_under_one_address_is_told_whatever_part_of_the_list_the_first_one_is_in(
    writer: JournalWriter,
) -> None:
    """Names are compared with the first row of this list, not with what another list said of that person."""
    older = writer.begin_list({"name": "older", "options": {}, "template": PLAIN})
    writer.add(older, [person(0, "a", last="Somebody")])
    writer.end_list(older)
    number = writer.begin_list({"name": "", "options": {}, "template": PLAIN})
    writer.add(number, [person(0, "a", last="Stone"), person(1, "a", last="Stone")])
    second = [person(2, "a", last="STONE "), person(3, "a", last="West"), person(4, "b")]
    writer.add(number, second)
    writer.end_list(number)

    assert [row.error and row.error.code for row in second] == ["duplicate", "other_name", None]
    notes = {line: note.get("other_name") for _, line, _, note in writer.noted_rows(number)}
    assert notes == {3: None, 4: None, 5: "West"}


def test_who_has_the_address_of_somebody_of_another_list_is_not_sent_and_a_correction_is(writer: JournalWriter) -> None:
    first = add_list(writer, [person(0, "a", last="Stone"), person(1, "b", last="Stone")], name="a.csv")
    settle(writer, first, left(writer, first)[0])
    settle(writer, first, left(writer, first)[0], S.REJECTED)
    corrected = [person(0, "a", last="West"), person(1, "b", last="West")]
    add_list(writer, corrected, name="a.csv", confirmed=False)

    others, number = list[Row](), 0
    for last in ("Miller", "Mills"):  # the same list, edited
        others = [person(0, "a", last=last), person(1, "b", last=last)]
        number = add_list(writer, others, name="b.csv")
        assert [row.error and row.error.code for row in others] == ["other_name", None]
        assert [row.is_duplicate for row in others] == [True, False]

    assert [row.error for row in corrected] == [None, None]
    assert others[0].error is not None
    assert '"Stone"' in others[0].error.message
    assert '"Mills"' in others[0].error.message
    found = writer.settled_rows(number, -1, 9)
    assert [(row.index, row.error and row.error.code) for row in found] == [(0, "other_name")]
    same = [person(0, "a", last="stone "), person(1, "a", last="Miller")]
    add_list(writer, same, name="c.csv")
    assert [row.duplicate_of for row in same] == [None, 0]


def test_what_was_in_doubt_before_all_are_sent_once_more_stays_so_for_other_lists(writer: JournalWriter) -> None:
    first = add_list(writer, people("a b", MAILS), MAILS, name="a.csv")
    rows = left(writer, first)
    settle(writer, first, rows[0], S.UNKNOWN, unclear=MAILS.wish, touched=5.0)
    settle(writer, first, rows[1], done=MAILS.wish)
    second = add_list(writer, people("a b"), name="b.csv")

    writer.repeat_all(second)

    assert [(row.repeats, is_in_doubt(row)) for row in left(writer, second)] == [(True, False)] * 2
    assert [(row.repeats, is_in_doubt(row)) for row in left(writer, first)] == [(False, True)]
    assert template_to_send(left(writer, first)[0], may_mail_twice=False).wish == PLAIN.wish
    plans = [writer.count_for_plan(number) for number in (first, second)]
    assert [{name: n for name, n in plan.items() if n} for plan in plans] == [
        {"rows": 2, "done_before": 1, "held": 1}, {"rows": 2, "again": 2},
    ]  # fmt: skip


@pytest.mark.parametrize("is_running", [True, False])
def test_a_plan_during_a_run_knows_what_is_under_way(path: Path, is_running: bool) -> None:
    """After a crash the same rows are in doubt."""
    writer = opened(path)
    number = add_list(writer, people("a b c d"))
    rows = left(writer, number)
    writer.transact(Transaction(number, intents=[(rows[0], int(Wish.DONE))]))
    writer.transact(Transaction(number, horizon=1))
    if not is_running:
        writer.close()
    copy = JournalWriter(None, copy_of=path)
    try:
        again = add_list(copy, people("a b c d"), name="again.csv", confirmed=False)
        counts = copy.count_for_plan(again)
    finally:
        copy.close()
        if is_running:
            writer.close()

    kinds = {name: n for name, n in counts.items() if n and name in {"new", "unclear", "under_way"}}
    assert kinds == {"new": 2, "under_way" if is_running else "unclear": 2}
