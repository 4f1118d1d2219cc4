"""What is said where a run goes on, and where it cannot."""

import pytest

from airmeet_async import BulkReport, RowStatus, StopReason
from airmeet_async.bulk.journal import Earlier
from airmeet_async.cli.run_store import RunJournal
from airmeet_async.cli.runner import job_word, resuming, with_hint
from airmeet_async.errors import JournalError


@pytest.mark.parametrize(
    ("earlier", "said"),
    [
        (None, []),
        (Earlier(4310), ["resuming: 4,310 of 10,000 rows are done"]),
        (Earlier(10_000), ["nothing left to do: 10,000 rows are done"]),
        (
            Earlier(9_000, unclear=1, changed=10, updated=2, new=5),
            [
                "resuming: 9,000 of 10,000 rows are done",
                "  1 row was sent without a clear answer",
                "  10 rows have changed since they were done; Airmeet keeps the old details",
                "  2 rows were changed before they were done, and are sent with the change",
                "  5 rows were new",
            ],
        ),
        (
            Earlier(9_000, updated=1),
            [
                "resuming: 9,000 of 10,000 rows are done",
                "  1 row was changed before it was done, and is sent with the change",
            ],
        ),
    ],
)
def test_where_a_run_goes_on_is_said(earlier, said):
    assert resuming(earlier, 10_000) == said


@pytest.mark.parametrize(
    ("new", "before", "limited", "said"),
    [
        (0, 30, False, []),
        (0, 40, False, ["  10 rows of the previous run are no longer in the file"]),
        (1, 30, False, ["  1 row was new", "  1 row of the previous run is no longer in the file"]),
        (5, 25, False, ["  5 rows were new"]),
        (0, 40, True, ["  10 rows of the previous run are left out of this run (--limit)"]),
    ],
)
def test_rows_that_are_gone_are_counted(new, before, limited, said):
    assert resuming(Earlier(9, new=new), 30, before, limited=limited)[1:] == said


def test_a_lost_journal_is_no_way_to_go_on(tmp_path):
    def report(stop=None):
        return BulkReport("3f2a", 0, dict.fromkeys(RowStatus, 0), stop_reason=stop)

    wreck, named = RunJournal(tmp_path / "a.job"), RunJournal(tmp_path / "my a.job", named=True)
    gone = job_word(report(), wreck)
    for found in (wreck, named):
        found.path.write_bytes(b"nonsense")

    assert (gone, job_word(report(StopReason.JOURNAL), wreck)) == ("", "")
    assert job_word(report(), wreck) == "3f2a"
    assert job_word(report(), named) == f"'{named.path}'"


def test_the_way_out_is_named_where_there_is_one(tmp_path):
    found = RunJournal(tmp_path / "a.job")
    other = JournalError("say the same again, or begin with another journal")

    assert str(with_hint(other, found, "block")).endswith("(--fresh does that)")
    assert with_hint(other, found) is other
    assert with_hint(other, RunJournal(tmp_path / "a.job", named=True), "block") is other
    assert "airmeet block ... --fresh), or delete it (airmeet runs purge a)" in str(
        with_hint(JournalError("database disk image is malformed"), found, "block")
    )
    assert with_hint(JournalError("the disk is full"), found).args == ("the disk is full",)
    assert with_hint(JournalError("another run", busy=True), found).busy
