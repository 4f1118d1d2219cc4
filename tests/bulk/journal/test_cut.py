"""Cutting a journal into shards and joining them: whatever was done before, and at whatever step it is killed."""

import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airmeet_async.bulk.journal import locking
from airmeet_async.bulk.journal.cut import JoinSummary, cut_journal, join_journal
from airmeet_async.bulk.journal.queries import read_results, read_summary
from airmeet_async.bulk.journal.writer import JournalWriter
from airmeet_async.bulk.options import FailureLimit, ShardPace
from airmeet_async.bulk.report import RowError, RowStatus
from airmeet_async.bulk.row import OutcomeState, Wish
from airmeet_async.errors import ConfigError, JournalError
from tests.bulk.journal.conftest import (
    FACTS,
    MAILS,
    PLAIN,
    add_list,
    invalid,
    left,
    people,
    person,
    settle,
)

ALL = Wish.DONE | Wish.MAILED
ABOUT = FACTS | {"base": "https://api.example/prod", "job": "abc123", "created": 1.0}


class Killed(BaseException):
    """Plays a kill at a step."""


def killed_at(nth: int) -> Callable[[str], None]:
    """Return a function that is killed when it is called for the *nth* time."""
    left_over = [nth]

    def step(_: str) -> None:
        left_over[0] -= 1
        if left_over[0] < 0:
            raise Killed

    return step


def make_main(path: Path, n: int, done: set[int] = frozenset(), template: Any = PLAIN) -> int:  # type: ignore[assignment]
    """Make a journal with so many people, of whom some are done, and two rows that cannot be sent."""
    with closing(JournalWriter(path)) as writer:
        writer.write_facts(ABOUT)
        writer.begin_run()
        rows = [
            invalid(0, "nobody"),
            *(person(i + 1, f"p{i}", template) for i in range(n)),
            person(n + 1, "P0", template),
        ]
        number = add_list(writer, rows, template)
        for row in rows:
            if row.index - 1 in done and row.error is None:
                settle(writer, number, row, done=ALL)
        writer.end_run(number, {"ended": 1.0, "stop": "interrupted", "stop_message": "x"})
    return number


def finish(path: Path, number: int, states: list[OutcomeState] | None = None, *, stop: str | None = None) -> list[str]:
    """Play a run of a shard: its rows end so, the rest are not sent; return the keys of those that were sent."""
    sent = []
    with closing(JournalWriter(path)) as writer:
        writer.begin_run()
        writer.confirm_list(number)
        rows = left(writer, number)
        for row, state in zip(
            rows, states if states is not None else [OutcomeState.SUCCEEDED] * len(rows), strict=False
        ):
            note = (
                None if state is OutcomeState.SUCCEEDED else f'{{"error": {{"code": "{int(state)}", "message": "no"}}}}'
            )
            settle(
                writer,
                number,
                row,
                state,
                note=note,
                done=ALL if state is OutcomeState.SUCCEEDED else 0,
                link=f"https://x.example/{row.key}",
            )
            sent.append(row.key)
        writer.end_run(number, {"ended": 2.0, "stop": stop, "stop_message": "stopped" if stop else ""})
    return sent


def edit(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)


def results(path: Path) -> list[tuple[int, str, RowStatus]]:
    return [(result.index, result.key, result.status) for result in read_results(path)]


def test_rows_that_are_left_go_into_shards_by_ranges_and_no_others(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 10, {0, 4})

    paths = cut_journal(path, tmp_path / "s", 3)

    assert [found.name for found in paths] == ["launch-0000.job", "launch-0001.job", "launch-0002.job"]
    keys = [[result.key for result in read_results(found)] for found in paths]
    assert [key for part in keys for key in part] == [f"p{i}@example.com" for i in range(10) if i not in {0, 4}]
    assert {len(part) for part in keys} <= {2, 3}
    assert all(read_summary(found).list_id == number for found in paths)
    assert all(found.stat().st_mode & 0o777 == 0o600 for found in paths)


def test_a_shard_says_what_it_is_part_of(path: Path, tmp_path: Path) -> None:
    make_main(path, 4, template=MAILS)

    paths = cut_journal(path, tmp_path / "s", 2, pace=ShardPace(5, 9, 32, FailureLimit(share=0.5)))

    summary = read_summary(paths[1])
    shard = summary.facts["shard"]
    assert (shard["number"], shard["of"]) == (1, 2)
    assert ShardPace.of_shard(summary.facts) == ShardPace(5, 2, 32, FailureLimit(rows=3))
    assert summary.about["operation"] == "attendees.add"
    assert summary.about["options"]["sendEmailInvite"] is True
    assert summary.job.endswith("-1")


def test_what_shards_have_done_comes_back_and_they_are_gone(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 6, {2})
    paths = cut_journal(path, tmp_path / "s", 2)
    for found in paths:
        finish(found, number)

    summary = join_journal(path)

    assert summary.is_complete
    assert (summary.shards, summary.returned, summary.running, summary.stop_reason) == (2, 2, 0, None)
    assert summary.counts["succeeded"] == 6
    assert list((tmp_path / "s").iterdir()) == []
    assert [status for _, _, status in results(path)] == [
        RowStatus.INVALID,
        *[RowStatus.SUCCEEDED] * 6,
        RowStatus.DUPLICATE,
    ]
    assert [result.from_earlier_run for result in read_results(path)][1:7] == [False, False, True, False, False, False]
    assert read_summary(path).state == "finished"
    assert join_journal(path).is_complete


def test_a_join_in_the_middle_counts_what_is_done_and_lets_the_others_go_on(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 6)
    paths = cut_journal(path, tmp_path / "s", 3)
    finish(paths[0], number)
    finish(paths[1], number, [OutcomeState.SUCCEEDED], stop="interrupted")

    with closing(JournalWriter(paths[2])):
        first = join_journal(path)
    finish(paths[1], number)
    finish(paths[2], number)
    last = join_journal(path)

    assert (first.returned, first.running, first.is_complete) == (1, 1, False)
    assert first.counts["succeeded"] == 3
    assert last.is_complete
    assert last.counts["succeeded"] == 6


def test_a_shard_with_failed_rows_and_one_that_a_rule_stopped_are_over(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4)
    paths = cut_journal(path, tmp_path / "s", 2)
    finish(paths[0], number, [OutcomeState.FAILED, OutcomeState.REJECTED])
    finish(paths[1], number, [OutcomeState.FAILED], stop="failures")

    summary = join_journal(path)

    assert summary.is_complete
    assert (summary.stop_reason, summary.stop_message) == ("failures", "stopped")
    assert (summary.counts["failed"], summary.counts["rejected"], summary.counts["pending"]) == (2, 1, 1)


@pytest.mark.parametrize("stop", ["interrupted", "unreachable", "credentials", "not_started"])
def test_a_shard_that_can_go_on_is_not_over_until_it_is_taken_back(path: Path, tmp_path: Path, stop: str) -> None:
    number = make_main(path, 4)
    paths = cut_journal(path, tmp_path / "s", 2)
    finish(paths[0], number)
    if stop != "not_started":
        finish(paths[1], number, [OutcomeState.SUCCEEDED], stop=stop)

    before, after = join_journal(path), join_journal(path, take_back=True)

    assert not before.is_complete
    assert after.is_complete
    assert after.stop_reason == "interrupted"
    with closing(JournalWriter(path)) as writer:
        assert len(left(writer, number)) == (2 if stop == "not_started" else 1)


def test_a_run_has_stopped_for_the_reason_of_the_first_of_its_shards_that_has(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 6)
    paths = cut_journal(path, tmp_path / "s", 3)
    finish(paths[1], number, [OutcomeState.FAILED], stop="failures")

    join_journal(path)
    finish(paths[0], number)
    summary = join_journal(path, take_back=True)

    assert (summary.stop_reason, summary.stop_message) == ("failures", "stopped")


def test_rows_that_a_killed_run_of_a_shard_has_left_are_unknown(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 3)
    (shard,) = cut_journal(path, tmp_path / "s", 1)
    with closing(sqlite3.connect(shard, isolation_level=None)) as connection:
        connection.execute("UPDATE list SET horizon = 1, touched = 7.0")

    summary = join_journal(path, take_back=True)

    assert (summary.counts["unknown"], summary.counts["pending"]) == (2, 1)
    assert number


def test_what_a_shard_has_left_out_is_left_out_in_the_journal(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 3)
    (shard,) = cut_journal(path, tmp_path / "s", 1)
    with closing(JournalWriter(shard)) as writer:
        writer.begin_run()
        first = left(writer, number)[0]
        hashes = writer.hash_identities([first.key])
        writer.mark_existing(number, hashes, lambda *_: RowError("exists", "the event has it"))
    finish(shard, number)

    join_journal(path)

    assert [status for _, _, status in results(path)][1:4] == [RowStatus.DUPLICATE, *[RowStatus.SUCCEEDED] * 2]


def test_a_journal_whose_rows_are_lent_does_nothing_else(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4)
    cut_journal(path, tmp_path / "s", 2)

    with closing(JournalWriter(path)) as writer:
        for change in (
            writer.begin_run,
            lambda: writer.begin_list({"name": "x", "options": {}, "template": PLAIN}),
            lambda: writer.confirm_list(number),
            lambda: writer.purge([number]),
            lambda: writer.drop_list(number),
        ):
            with pytest.raises(JournalError, match="its rows are in 2 shards"):
                change()


def test_a_shard_that_was_taken_back_sends_nothing(path: Path, tmp_path: Path) -> None:
    make_main(path, 4)
    paths = cut_journal(path, tmp_path / "s", 2)

    with pytest.raises(Killed):
        join_journal(path, take_back=True, step=killed_at(0))

    with closing(JournalWriter(paths[0])) as writer, pytest.raises(JournalError, match="taken back"):
        writer.begin_run()


def test_cutting_once_more_returns_the_same_shards(path: Path, tmp_path: Path) -> None:
    make_main(path, 4)

    first = cut_journal(path, tmp_path / "s", 2)

    assert cut_journal(path, tmp_path / "s", 2) == first
    for folder, shards in (("other", 2), ("s", 4)):
        with pytest.raises(JournalError, match="its rows are in 2 shards"):
            cut_journal(path, tmp_path / folder, shards)


def test_cutting_once_more_returns_the_shards_that_are_not_back(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4)
    first, second = cut_journal(path, tmp_path / "s", 2)
    finish(first, number)
    join_journal(path)

    assert cut_journal(path, tmp_path / "s", 2) == [second]


def test_cutting_another_list_never_returns_the_shards_of_this_one(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4)
    with closing(JournalWriter(path)) as writer:
        other = add_list(writer, [person(0, "somebody-else")], name="others.csv")
    cut_journal(path, tmp_path / "s", 2, list_id=number)

    with pytest.raises(JournalError, match="its rows are in 2 shards"):
        cut_journal(path, tmp_path / "s", 2, list_id=other)


def test_nothing_is_cut_where_nothing_is_left(path: Path, tmp_path: Path) -> None:
    make_main(path, 2, {0, 1})

    assert cut_journal(path, tmp_path / "s", 2) == []
    assert join_journal(path).is_complete


def test_all_rows_can_be_sent_once_more(path: Path, tmp_path: Path) -> None:
    make_main(path, 3, {0, 1, 2})

    paths = cut_journal(path, tmp_path / "s", 2, again=True)

    assert sum(len(results(found)) for found in paths) == 3


def test_a_prepared_list_that_nobody_has_sent_yet_is_cut(path: Path, tmp_path: Path) -> None:
    make_main(path, 2)
    with closing(JournalWriter(path)) as writer:
        number = add_list(writer, people("x y z"), name="other.csv", confirmed=False)

    (shard,) = cut_journal(path, tmp_path / "s", 1)

    assert read_summary(shard).list_id == number
    assert len(results(shard)) == 3


def test_a_first_shard_that_goes_alone_has_all_of_the_rate(path: Path, tmp_path: Path) -> None:
    make_main(path, 10)

    paths = cut_journal(path, tmp_path / "s", 3, first=2, pace=ShardPace(12, 3, 30))

    assert [ShardPace.of_shard(read_summary(found).facts).workers for found in paths] == [1, 3, 3]
    assert cut_journal(path, tmp_path / "s", 3, first=2, pace=ShardPace(12, 3, 30)) == paths


@pytest.mark.parametrize("shards", [0, -1, 1.5, True, 100_000])
def test_a_number_of_shards_that_is_none_is_refused(path: Path, tmp_path: Path, shards: Any) -> None:
    make_main(path, 2)

    with pytest.raises(ConfigError, match="shards must be"):
        cut_journal(path, tmp_path / "s", shards)


def test_a_file_in_the_way_is_left_alone(path: Path, tmp_path: Path) -> None:
    make_main(path, 2)
    (tmp_path / "s").mkdir(mode=0o700)
    make_main(tmp_path / "s" / "launch-0000.job", 5)

    with pytest.raises(JournalError, match="is there already"):
        cut_journal(path, tmp_path / "s", 1)

    assert read_summary(tmp_path / "s" / "launch-0000.job").rows == 7
    with closing(JournalWriter(path)) as writer:
        assert writer.facts().get("lent") is None


def test_another_shard_in_its_place_is_refused(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4)
    paths = cut_journal(path, tmp_path / "s", 2)
    finish(paths[0], number)
    paths[1].write_bytes(paths[0].read_bytes())

    with pytest.raises(JournalError, match="is not the shard"):
        join_journal(path)


def test_outcomes_of_rows_that_were_not_lent_are_refused(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4, {0})
    (shard,) = cut_journal(path, tmp_path / "s", 1)
    finish(shard, number)
    with closing(sqlite3.connect(shard, isolation_level=None)) as connection:
        connection.execute("INSERT INTO outcome (entry, state, sent, done, unclear, run) VALUES (1, 2, 1, 0, 0, 1)")

    with pytest.raises(JournalError, match="not those that were lent"):
        join_journal(path)

    assert results(path)[1][2] is RowStatus.SUCCEEDED


EDITED = {
    "a note that is no JSON": "UPDATE outcome SET note = '{'",
    "a note of another kind": "UPDATE outcome SET note = '[1]'",
    "a state that there is not": "UPDATE outcome SET state = 99",
    "something done that there is not": "UPDATE outcome SET done = 1 << 20",
    "less than nothing done": "UPDATE outcome SET done = -1",
    "a huge count": "UPDATE outcome SET sent = 9223372036854775807",
    "a number that is infinite": "UPDATE outcome SET latency = 9e999",
    "a request about somebody else": """UPDATE outcome SET request = '{"email": "x@example.com"}'""",
    "a row left out for no reason": "UPDATE input SET status = 'invalid'",
    "a status that there is not": "UPDATE input SET status = 77",
    "a row left out as nobody can read": "UPDATE input SET status = 'invalid', note = '{'",
    "no results": "DELETE FROM outcome",
    "an end, and rows that are still to be sent": "UPDATE outcome SET state = 0, done = 0",
    "no list": "DELETE FROM list",
    "a stop that is none": "UPDATE list SET facts = json_set(facts, '$.stop', json('[1]'))",
    "a stop that there is not": "UPDATE list SET facts = json_set(facts, '$.stop', 'x')",
    "an end that is none": "UPDATE list SET facts = json_set(facts, '$.ended', 'x')",
    "no shard": "DELETE FROM facts WHERE name = 'shard'",
    "rows of others": "UPDATE input SET entry = 1",
}


@pytest.mark.parametrize("sql", EDITED.values(), ids=EDITED)
def test_of_an_edited_shard_nothing_is_taken_back_and_of_the_others_all(path: Path, tmp_path: Path, sql: str) -> None:
    number = make_main(path, 6)
    paths = cut_journal(path, tmp_path / "s", 2)
    for found in paths:
        finish(found, number)
    edit(paths[0], sql)

    with pytest.raises(JournalError, match=re.escape(paths[0].name)):
        join_journal(path)

    statuses = [status for *_, status in results(path)]
    assert statuses[1:7] == [RowStatus.UNPROCESSED] * 3 + [RowStatus.SUCCEEDED] * 3
    assert all(found.exists() for found in paths)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("workers", "0"),
        ("rate", "-1"),
        ("max_in_flight", "0"),
        ("rate", "'x'"),
        ("rate", "json('true')"),
        ("workers", "json('true')"),
        ("max_failures", "-5"),
        ("max_failures", "json('true')"),
        ("max_failures", "'5%'"),
    ],
)
def test_a_shard_whose_pace_is_none_is_damaged(path: Path, tmp_path: Path, name: str, value: str) -> None:
    make_main(path, 4)
    (shard,) = cut_journal(path, tmp_path / "s", 1)
    edit(shard, f"UPDATE facts SET value = json_set(value, '$.{name}', {value}) WHERE name = 'shard'")  # noqa: S608 - of this test

    with pytest.raises(JournalError, match=r"launch-0000\.job"):
        read_summary(shard)


def test_a_shard_cannot_undo_what_was_done_before(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 6, {0, 1})
    paths = cut_journal(path, tmp_path / "s", 1)
    finish(paths[0], number)
    with closing(sqlite3.connect(path)) as connection:
        done = [entry for (entry,) in connection.execute("SELECT entry FROM outcome")]
    edit(paths[0], "UPDATE facts SET value = json_set(value, '$.first', 0, '$.last', 99) WHERE name = 'shard'")
    edit(paths[0], "UPDATE outcome SET entry = %d WHERE entry = (SELECT MIN(entry) FROM outcome)" % done[0])  # noqa: S608, UP031

    with pytest.raises(JournalError, match=r"launch-0000.job: its rows are not those that were lent"):
        join_journal(path)


def test_a_join_never_takes_back_what_an_earlier_one_has_counted_as_done(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4)
    (shard,) = cut_journal(path, tmp_path / "s", 1)
    finish(shard, number, [OutcomeState.SUCCEEDED] * 2, stop="interrupted")
    join_journal(path)
    edit(shard, "UPDATE outcome SET done = 0, state = 6")

    with pytest.raises(JournalError, match=r"launch-0000.job: .*done before"):
        join_journal(path)


def test_a_copy_of_a_shard_elsewhere_sends_nothing(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4)
    (shard,) = cut_journal(path, tmp_path / "s", 1)
    copy = tmp_path / shard.name
    shutil.copy(shard, copy)

    with pytest.raises(JournalError, match="is a copy"):
        finish(copy, number)

    assert finish(shard, number)


def test_a_shard_is_known_in_another_folder_and_when_it_was_moved_back(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4)
    (shard,) = cut_journal(path, tmp_path / "s", 1)
    away = tmp_path / shard.name
    shard.rename(away)
    assert finish(away, number, [OutcomeState.SUCCEEDED], stop="interrupted")
    away.rename(shard)

    assert len(finish(shard, number)) == 3


@pytest.mark.parametrize("name", ["copy.job", "launch-0000.job"])
def test_a_copy_of_a_shard_in_its_own_folder_sends_nothing(path: Path, tmp_path: Path, name: str) -> None:
    number = make_main(path, 4)
    (shard,) = cut_journal(path, tmp_path / "s", 1)
    copy = shard.with_name(f".{name}")
    shutil.copy(shard, copy)
    copy.replace(shard.with_name(name))

    with pytest.raises(JournalError, match="is a copy of a shard"):
        finish(shard.with_name(name), number)


def test_a_shard_under_another_name_sends_nothing(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4)
    (shard,) = cut_journal(path, tmp_path / "s", 1)

    with pytest.raises(JournalError, match=r"which was made as .*launch-0000\.job"):
        finish(shard.rename(shard.with_name("other.job")), number)


def test_an_older_copy_that_was_written_over_a_shard_is_neither_sent_nor_joined(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4)
    (shard,) = cut_journal(path, tmp_path / "s", 1)
    backup = tmp_path / "backup"
    shutil.copy(shard, backup)
    finish(shard, number, [OutcomeState.SUCCEEDED] * 2, stop="interrupted")
    newer = tmp_path / "newer"
    shutil.copy(shard, newer)
    shutil.copyfile(backup, shard)  # as cp does: it stays the same file

    with pytest.raises(JournalError, match="is an older copy"):
        finish(shard, number)
    with pytest.raises(JournalError, match=r"is an older copy.*--lost launch-0000.job"):
        join_journal(path, take_back=True)

    shutil.copyfile(newer, shard)
    assert len(finish(shard, number)) == 2
    assert join_journal(path).is_complete


def test_a_copy_from_before_its_rows_were_taken_back_sends_nothing(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4)
    (first, second) = cut_journal(path, tmp_path / "s", 2)
    finish(first, number, [OutcomeState.SUCCEEDED], stop="interrupted")
    shutil.copy(first, tmp_path / "backup")
    second.unlink()
    with pytest.raises(JournalError, match=r"launch-0001\.job: this shard is gone"):
        join_journal(path, take_back=True)
    shutil.copyfile(tmp_path / "backup", first)

    with pytest.raises(JournalError, match="is an older copy"):
        finish(first, number)


def test_a_copy_in_the_place_of_a_shard_is_not_joined(path: Path, tmp_path: Path) -> None:
    make_main(path, 4)
    (shard,) = cut_journal(path, tmp_path / "s", 1)
    shutil.copy(shard, tmp_path / "backup")
    (tmp_path / "backup").replace(shard)

    with pytest.raises(JournalError, match=r"is a copy of the shard.*airmeet join .*launch.job --lost launch-0000.job"):
        join_journal(path, take_back=True)
    shard.unlink()

    assert join_journal(path, lost=[shard.name]).counts["unknown"] == 4


def test_what_a_killed_cut_has_left_in_another_folder_is_removed(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 10)
    for folder in ("a", "b"):
        with pytest.raises(Killed):
            cut_journal(path, tmp_path / folder, 4, step=killed_at(4))
        assert list((tmp_path / folder).iterdir())
    assert not list((tmp_path / "a").iterdir())

    with closing(JournalWriter(path)) as writer:
        writer.purge([number], forget=True)

    assert not list((tmp_path / "b").iterdir())


def test_a_journal_that_was_renamed_finds_its_shards(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 4)
    for shard in cut_journal(path, tmp_path / "s", 2):
        finish(shard, number)

    assert join_journal(path.rename(tmp_path / "other.job")).is_complete


def test_the_same_folder_under_another_name_has_the_same_shards(path: Path, tmp_path: Path) -> None:
    make_main(path, 4)
    paths = cut_journal(path, tmp_path / "s", 2)
    (tmp_path / "link").symlink_to(tmp_path / "s")

    assert cut_journal(path, tmp_path / "link", 2) == paths


def test_a_shard_that_is_gone_is_named(path: Path, tmp_path: Path) -> None:
    make_main(path, 4)
    paths = cut_journal(path, tmp_path / "s", 2)
    paths[1].unlink()

    with pytest.raises(JournalError, match=r"launch-0001\.job: this shard is gone"):
        join_journal(path)


def test_damaged_shards_hold_up_no_others_and_the_way_out_is_said(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 8)
    paths = cut_journal(path, tmp_path / "s", 4)
    for found in paths[2:]:
        finish(found, number)
    for found in paths[:2]:
        found.write_bytes(b"SQLite format 3\0" + b"x" * 5000)

    with pytest.raises(JournalError, match=r"launch-0000\.job: .*--lost launch-0000.job. .*launch-0001.job") as caught:
        join_journal(path)
    taken = [status for *_, status in results(path)][1:9]
    for found in paths[:2]:
        found.unlink()
    summary = join_journal(path, lost=[found.name for found in paths[:2]])

    assert "resume" not in str(caught.value)
    assert taken == [RowStatus.UNPROCESSED] * 4 + [RowStatus.SUCCEEDED] * 4
    assert (summary.is_complete, summary.counts["unknown"]) == (True, 4)


@pytest.mark.parametrize("is_returned", [False, True])
def test_a_join_that_cannot_write_its_own_file_counts_no_shard_of_it(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_returned: bool
) -> None:
    number = make_main(path, 4)
    paths = cut_journal(path, tmp_path / "s", 2)
    for found in paths:
        finish(
            found,
            number,
            None if is_returned else [OutcomeState.SUCCEEDED],
            stop=None if is_returned else "interrupted",
        )
    put_facts, failing = JournalWriter._put_facts, [True]

    def fail_once(self: JournalWriter, facts: Any) -> None:
        if self.path == path and "lent" in facts and failing:
            failing.clear()
            raise sqlite3.OperationalError("database or disk is full")
        put_facts(self, facts)

    monkeypatch.setattr(JournalWriter, "_put_facts", fail_once)
    with pytest.raises(JournalError, match="full"):
        join_journal(path, take_back=True)
    summary = join_journal(path, take_back=True)

    assert summary.is_complete
    assert summary.counts["succeeded"] == (4 if is_returned else 2)


_LENT = "UPDATE facts SET value = {} WHERE name = 'lent'"
MAIN_EDITED = {
    "no ranges": "DELETE FROM facts WHERE name = 'lent_rows'",
    "too few ranges": "UPDATE facts SET value = '[]' WHERE name = 'lent_rows'",
    "ranges that are none": "UPDATE facts SET value = '[[1, 2], 3]' WHERE name = 'lent_rows'",
    "shards that there are not": _LENT.format("json_set(value, '$.returned', json('[\"a\", 99]'))"),
    "a shard counted twice": _LENT.format("json_set(value, '$.returned', json('[0, 0]'))"),
    "too many shards": _LENT.format("json_set(value, '$.shards', 10000000)"),
    "no name": _LENT.format("json_remove(value, '$.stem')"),
    "no list": _LENT.format("json_remove(value, '$.list')"),
    "another list": _LENT.format("json_set(value, '$.list', 7)"),
    "a folder that can be none": _LENT.format("json_set(value, '$.folder', '/a' || char(0))"),
    "a folder of somewhere": _LENT.format("json_set(value, '$.folder', '')"),
    "a name elsewhere": _LENT.format("json_set(value, '$.stem', '../../x')"),
    "no reason": _LENT.format("json_set(value, '$.stop', 'x')"),
}


@pytest.mark.parametrize("sql", MAIN_EDITED.values(), ids=MAIN_EDITED)
def test_a_run_that_says_what_is_not_so_of_its_shards_takes_nothing_back(path: Path, tmp_path: Path, sql: str) -> None:
    number = make_main(path, 4)
    for found in cut_journal(path, tmp_path / "s", 2):
        finish(found, number)
    edit(path, sql)

    with pytest.raises(JournalError, match=r"launch\.job: what it says of its shards is damaged"):
        join_journal(path)
    with pytest.raises(JournalError, match=r"launch\.job: what it says of its shards is damaged"):
        cut_journal(path, tmp_path / "s", 2)


@pytest.mark.slow
def test_giving_up_shards_costs_as_much_as_there_are_shards(path: Path, tmp_path: Path) -> None:
    """No timing: the facts of the journal are read, and written, a few times, however many shards there are."""
    make_main(path, 60)
    paths = cut_journal(path, tmp_path / "s", 60)
    shutil.rmtree(tmp_path / "s")
    read = list[int]()

    with pytest.MonkeyPatch.context() as patch:
        facts = JournalWriter.facts
        patch.setattr(JournalWriter, "facts", lambda self: read.append(1) or facts(self))  # type: ignore[func-returns-value]
        assert join_journal(path, lost=[found.name for found in paths]).is_complete

    assert len(read) < 10


def test_a_folder_that_has_become_a_file_is_given_up_like_one_that_is_gone(path: Path, tmp_path: Path) -> None:
    make_main(path, 4)
    paths = cut_journal(path, tmp_path / "s", 2)
    shutil.rmtree(tmp_path / "s")
    (tmp_path / "s").write_text("x")

    with pytest.raises(JournalError, match=r"launch-0000\.job, launch-0001\.job: these are gone"):
        join_journal(path)
    summary = join_journal(path, lost=[found.name for found in paths])

    assert (summary.is_complete, summary.counts["unknown"]) == (True, 4)
    assert (tmp_path / "s").read_text() == "x"


def test_a_folder_that_is_gone_with_all_its_shards_is_given_up_by_their_names(path: Path, tmp_path: Path) -> None:
    make_main(path, 4)
    paths = cut_journal(path, tmp_path / "s", 2)
    shutil.rmtree(tmp_path / "s")

    with pytest.raises(JournalError, match=r"launch-0000\.job, launch-0001\.job: these are gone"):
        join_journal(path)
    summary = join_journal(path, lost=[found.name for found in paths])

    assert summary.is_complete
    assert summary.counts["unknown"] == 4


def test_a_lost_shard_holds_up_no_others_and_is_given_up_by_name(path: Path, tmp_path: Path) -> None:
    number = make_main(path, 6, template=MAILS)
    paths = cut_journal(path, tmp_path / "s", 3)
    for found in paths:
        finish(found, number, [OutcomeState.SUCCEEDED], stop="interrupted")
    join_journal(path)
    for found in paths:
        finish(found, number)
    paths[1].unlink()

    with pytest.raises(JournalError, match=r"launch-0001.job: this shard is gone.*--lost launch-0001.job"):
        join_journal(path)
    before = [status for *_, status in results(path)][1:7]
    with pytest.raises(JournalError, match="is there, so it is not given up"):
        give_up_what_is_there(path, tmp_path / "s")
    with pytest.raises(ConfigError, match="no shard of this run"):
        join_journal(path, lost=["other.job"])
    summary = join_journal(path, lost=[paths[1].name])

    done = RowStatus.SUCCEEDED
    assert before == [done, done, done, RowStatus.UNPROCESSED, done, done]
    assert (summary.is_complete, summary.stop_message) == (True, "a part of it was lost")
    assert [status for *_, status in results(path)][1:7] == [done, done, done, RowStatus.UNKNOWN, done, done]
    with closing(JournalWriter(path)) as writer:
        assert writer.count_for_plan(number)["invitations"] == 0


def give_up_what_is_there(path: Path, folder: Path) -> None:
    gone = folder / "launch-0001.job"
    gone.touch(mode=0o600)
    try:
        join_journal(path, lost=[gone.name])
    finally:
        gone.unlink()


def test_a_shard_that_is_being_sent_is_not_taken_back(path: Path, tmp_path: Path) -> None:
    make_main(path, 4)
    paths = cut_journal(path, tmp_path / "s", 2)

    with closing(JournalWriter(paths[1])), pytest.raises(JournalError, match="is being sent") as caught:
        join_journal(path, take_back=True)

    assert caught.value.busy
    with closing(JournalWriter(paths[0])) as writer:
        writer.begin_run()


def test_a_shard_is_had_by_one_process_only_and_needs_no_shared_memory(path: Path, tmp_path: Path) -> None:
    make_main(path, 4)
    (shard,) = cut_journal(path, tmp_path / "s", 1)

    with closing(JournalWriter(shard)) as writer:
        writer.begin_run()
        assert {part.name for part in shard.parent.iterdir()} == {f"{shard.name}{end}" for end in ("", "-wal", "-lock")}
        with pytest.raises(JournalError) as caught:
            read_summary(shard)
        assert caught.value.busy
        with closing(sqlite3.connect(shard, timeout=0)) as other, pytest.raises(sqlite3.OperationalError):
            other.execute("SELECT * FROM facts").fetchall()


def test_a_shard_is_refused_where_nothing_can_be_locked(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_main(path, 4)
    (shard,) = cut_journal(path, tmp_path / "s", 1)
    monkeypatch.setattr("airmeet_async.private_files._try_lock", lambda *_, **__: None)

    with pytest.raises(JournalError, match="no locks"):
        JournalWriter(shard)
    with pytest.raises(JournalError, match="no locks"):
        locking.connect_read_only(shard)
    JournalWriter(path).close()


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    n=st.integers(1, 12),
    done=st.sets(st.integers(0, 11)),
    shards=st.integers(1, 5),
    runs=st.lists(st.sampled_from(["done", "some", "rule", "none", "killed"]), min_size=5, max_size=5),
    kills=st.lists(st.integers(0, 14), max_size=4),
    joins_between=st.booleans(),
    mails=st.booleans(),
)
def test_each_row_is_sent_from_one_place_and_none_is_lost(
    n: int, done: set[int], shards: int, runs: list[str], kills: list[int], *, joins_between: bool, mails: bool
) -> None:
    """Cut and join are killed at any step and done again; what shards have done is what the journal says."""
    with tempfile.TemporaryDirectory() as folder:
        path, into = Path(folder) / "launch.job", Path(folder) / "s"
        number = make_main(path, n, done, MAILS if mails else PLAIN)
        before = results(path)
        # Cutting, killed now and then; a shard that can be found before that is not to be sent.
        for nth in kills[:2]:
            try:
                cut_journal(path, into, shards, step=killed_at(nth))
            except Killed:
                with closing(JournalWriter(path)) as writer:
                    is_lent = writer.facts().get("lent") is not None
                assert is_lent or not list(into.glob("*.job"))
        paths = cut_journal(path, into, shards)
        assert not list(into.glob(".*.part"))
        sent = Counter[str]()
        succeeded = set[str]()
        for shard, how in zip(paths, runs, strict=False):
            states = {
                "done": None,
                "some": [OutcomeState.SUCCEEDED],
                "rule": [OutcomeState.REJECTED],
                "none": [],
                "killed": [OutcomeState.SUCCEEDED],
            }[how]
            stop = {"some": "interrupted", "rule": "failures", "killed": "interrupted"}.get(how)
            if how != "none":
                keys = finish(shard, number, states, stop=stop)
                sent.update(keys)
                succeeded.update(keys if how != "rule" else ())
            if how == "killed":
                with closing(sqlite3.connect(shard, isolation_level=None)) as connection:
                    connection.execute("UPDATE list SET horizon = 0, touched = 7.0")
            if joins_between:
                join_journal(path)
        summary: JoinSummary | None = None
        for nth in kills[2:]:
            try:
                join_journal(path, take_back=True, step=killed_at(nth))
            except Killed:
                for shard in paths:  # nothing that was taken back can be sent
                    if shard.exists():
                        with closing(JournalWriter(shard)) as writer:
                            facts = writer.facts()
                            if not facts.get("returned"):
                                continue
                            with pytest.raises(JournalError):
                                writer.begin_run()
        summary = join_journal(path, take_back=True)

        assert summary.is_complete
        assert not into.exists() or not list(into.glob("*.job"))
        assert max(sent.values(), default=0) <= 1
        after = results(path)
        assert [(index, key) for index, key, _ in after] == [(index, key) for index, key, _ in before]
        for (_, key, was), (_, _, now) in zip(before, after, strict=True):
            if was is not RowStatus.UNPROCESSED:
                assert now is was
            elif key in succeeded:
                assert now is RowStatus.SUCCEEDED
            elif key in sent:
                assert now is RowStatus.REJECTED
            else:
                assert now in {RowStatus.UNPROCESSED, RowStatus.UNKNOWN}
        with closing(JournalWriter(path)) as writer:
            writer.begin_run()
            open_keys = {row.key for row in left(writer, number)}
            assert not open_keys & succeeded


_KILLED = """
import os, signal, sys
from pathlib import Path
from airmeet_async.bulk.journal.cut import cut_journal, join_journal

nth, what, path, folder = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
left = [nth]

def step(name):
    left[0] -= 1
    if left[0] < 0:
        print(name, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

if what == "cut":
    cut_journal(path, folder, 2, step=step)
else:
    join_journal(path, take_back=True, step=step)
"""


def _kill_a_process(nth: int, what: str, path: Path, folder: Path) -> str:
    """Cut or join in a process that is killed at its *nth* step; return the step, or nothing if it came to its end."""
    command = [sys.executable, "-c", _KILLED, str(nth), what, str(path), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in {0, -signal.SIGKILL}, done.stderr
    return done.stdout.strip()


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_process_that_is_killed_while_it_cuts_or_joins_loses_nothing_and_leaves_no_row_in_two_places(
    tmp_path: Path,
) -> None:
    """With kill -9 at every step, each time on a fresh journal; then the same is done once more."""
    steps: dict[str, list[str]] = {"cut": [], "join": []}
    for what, seen in steps.items():
        while True:
            place = tmp_path / f"{what}-{len(seen)}"
            place.mkdir(mode=0o700)
            path, folder = place / "launch.job", place / "shards"
            number = make_main(path, 8, {0})
            sent = []
            if what == "join":
                shards = cut_journal(path, folder, 2)
                sent = [
                    *finish(shards[0], number),
                    *finish(shards[1], number, [OutcomeState.SUCCEEDED], stop="cut_off"),
                ]
            step = _kill_a_process(len(seen), what, path, folder)
            if what == "cut":
                with closing(JournalWriter(path)) as writer:  # its lock has died with it
                    is_lent = writer.facts().get("lent") is not None
                assert is_lent or not list(folder.glob("*.job"))
                paths = cut_journal(path, folder, 2)
                keys = [result.key for shard in paths for result in read_results(shard)]
                assert sorted(keys) == sorted(f"p{i}@example.com" for i in range(1, 8))
                sent = [key for shard in paths for key in finish(shard, number)]
                assert not list(folder.glob(".*.part"))
            summary = join_journal(path, take_back=True)
            after = dict(Counter(status for _, _, status in results(path)))
            assert summary.is_complete
            assert after[RowStatus.SUCCEEDED] == 1 + len(sent)
            assert not folder.exists() or not list(folder.iterdir())
            if not step:
                break
            seen.append(step)
    names = [f"{what} {number}" for number in range(2) for what in ("returned", "taken")]
    assert steps["cut"] == ["confirmed", "made 0", "made 1", "lent", "in place 0", "in place 1"]
    assert steps["join"] == [*names, "removed", "removed", "ended"]
