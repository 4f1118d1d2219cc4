"""A view of a journal from outside: counts and states are those of the run. Real SQLite, virtual time."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from airmeet_async import JournalError
from airmeet_async.bulk.journal.queries import (
    count_stale_rows,
    find_journals,
    read_damaged,
    read_facts,
    read_summaries,
    read_summary,
)
from tests.support.bulk_runs import change
from tests.support.worlds import EVENT, client_of, people, transport_of

ROWS = list(people(20))
NOTE = {"command": "register", "file": "people.csv"}


async def run(path: Path, rows: Any = ROWS, faults: str = "", stop_after: int = 0, **options: Any) -> str:
    async with (
        client_of(transport_of(faults)) as client,
        client.bulk.add_attendees(
            EVENT, rows, send_email_invite=options.pop("invite", False), journal=path, note=NOTE, rate=None, **options
        ) as job,
    ):
        seen = 0
        async for _ in job:
            seen += 1
            if seen == stop_after:
                job.stop()
        return job.id


async def test_a_finished_run_is_seen_as_it_was(path: Path) -> None:
    rows = [*ROWS, ROWS[0], {"email": "nonsense"}]
    job = await run(path, rows, "422@3:on=attendees.add")

    seen = read_summary(path)

    assert (seen.job, seen.state, seen.rows, seen.left, seen.process) == (job, "finished", 22, 0, None)
    assert seen.counts == {
        "succeeded": 19, "rejected": 1, "failed": 0, "invalid": 1, "duplicate": 1, "unknown": 0, "pending": 0,
    }  # fmt: skip
    assert (seen.note, seen.about["operation"], seen.about["airmeet_id"]) == (NOTE, "attendees.add", EVENT)
    assert abs(seen.created - time.time()) < 60 <= seen.changed
    assert read_facts(path) == seen.facts


async def test_a_stopped_run_is_interrupted_and_knows_what_is_left(path: Path) -> None:
    await run(path, stop_after=5, max_in_flight=2)

    seen = read_summary(path)

    assert seen.state == "interrupted"
    assert 0 < seen.left == seen.counts["pending"] < 20
    assert seen.rows == 20


async def test_a_run_that_died_is_interrupted_though_an_earlier_one_had_ended(path: Path) -> None:
    await run(path)
    change(path, "UPDATE ledger SET state = 1 WHERE id = 3")

    seen = read_summary(path)

    assert (seen.state, seen.counts["unknown"], seen.in_flight) == ("interrupted", 1, 1)


async def test_the_columns_are_those_of_the_file_else_those_of_the_first_row(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("Email,First Name,Last Name,Shoe\na@example.com,Ada,Ay,40\n")
    await run(tmp_path / "file.job", file)
    await run(path, [{"email": "a@example.com", "first_name": "Ada", "last_name": "Ay"}])

    assert read_summary(tmp_path / "file.job").columns == ("Email", "First Name", "Last Name", "Shoe")
    assert read_summary(path).columns == ("email", "first_name", "last_name")


async def test_invitations_of_which_nobody_knows_are_counted(path: Path) -> None:
    await run(path, faults="drop-after@4:on=attendees.add", invite=True, max_in_flight=1)

    assert read_summary(path).unverified == 1


async def test_rows_of_long_ago_without_a_clear_answer_are_counted(path: Path) -> None:
    await run(path)
    change(path, "UPDATE ledger SET state = 1, touched = touched - 90000 WHERE id IN (1, 2)")
    change(path, "UPDATE ledger SET state = 3, unclear = 1 WHERE id = 3")
    change(path, "UPDATE ledger SET touched = touched - 90000 WHERE id = 4")

    assert count_stale_rows(path) == 2


async def test_what_is_not_sent_again_anyway_is_not_held(path: Path) -> None:
    async with client_of(transport_of("")) as client:
        await client.bulk.create_booths(EVENT, [{"name": "Tea"}], journal=path, rate=None)
    change(path, "UPDATE ledger SET state = 3, unclear = 1, touched = 0")

    assert count_stale_rows(path) == 0


@pytest.mark.slow
async def test_a_view_changes_nothing_and_works_while_a_run_has_it(path: Path) -> None:
    """The view is another process's: within one, it would drop the locks of the run."""
    script = (
        "import sys; from pathlib import Path; from airmeet_async.bulk.journal.queries import read_summary\n"
        "seen = read_summary(Path(sys.argv[1])); print(seen.state, seen.rows, seen.process)"
    )
    async with (
        client_of(transport_of("")) as client,
        client.bulk.add_attendees(EVENT, ROWS, send_email_invite=False, journal=path, rate=None) as job,
    ):
        done = subprocess.run(  # noqa: ASYNC221 - nothing else has to go on
            [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
        )
        async for _ in job:
            pass

    state, rows, process = done.stdout.split()
    assert (state, rows, process.isdigit()) == ("running", "20", True)
    assert job.report.succeeded == 20


async def test_many_are_listed_the_newest_first_and_what_is_none_is_named(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        await run(tmp_path / f"{name}.job", ROWS[:1])
    change(tmp_path / "b.job", "UPDATE facts SET value = '99999999999.0' WHERE name = 'created'")
    (tmp_path / "x.job").write_bytes(b"nonsense" * 10)
    (tmp_path / "x.job").chmod(0o600)

    found, wrong = read_summaries(find_journals(tmp_path))

    assert found[0].path.name == "b.job"
    assert len(found) == 3
    assert len(wrong) == 1
    assert "x.job: is not a run file" in wrong[0]


async def test_a_damaged_journal_is_known_by_its_head_or_by_its_place(path: Path) -> None:
    await run(path)
    whole = read_damaged(path, by_place=True)
    change(path, "UPDATE facts SET value = '{' WHERE name = 'about'")
    wreck = read_damaged(path)
    with pytest.raises(JournalError):
        read_summary(path)
    path.write_bytes(b"nonsense" * 10)

    assert (whole, read_damaged(path), read_damaged(path.parent)) == (None, None, None)
    assert wreck is not None
    assert (wreck.job, wreck.state, wreck.rows) == ("launch", "interrupted", None)
    assert read_damaged(path, by_place=True) == wreck


def test_what_is_not_there_is_an_error(path: Path) -> None:
    with pytest.raises(JournalError):
        read_summary(path)
    with pytest.raises(JournalError):
        count_stale_rows(path)
