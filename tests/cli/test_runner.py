"""What is said where a run goes on, and where it cannot."""

from airmeet_async import BulkReport, RowStatus, StopReason
from airmeet_async.bulk.options import EventJournal
from airmeet_async.cli.run_store import RunJournal
from airmeet_async.cli.runner import job_word, with_hint
from airmeet_async.errors import JournalError


def test_a_lost_journal_is_no_way_to_go_on(tmp_path):
    def report(stop=None):
        return BulkReport("3f2a", 0, dict.fromkeys(RowStatus, 0), stop_reason=stop)

    wreck, named = (
        RunJournal(EventJournal(tmp_path / "a.job")),
        RunJournal(EventJournal(tmp_path / "my a.job"), named=True),
    )
    gone = job_word(report(), wreck)
    for found in (wreck, named):
        found.path.write_bytes(b"nonsense")

    assert (gone, job_word(report(StopReason.JOURNAL), wreck)) == ("", "")
    assert job_word(report(), wreck) == "3f2a"
    assert job_word(report(), named) == f"'{named.path}'"


def test_the_way_out_is_named_where_there_is_one(tmp_path):
    found = RunJournal(EventJournal(tmp_path / "a.job"))
    broken = JournalError("database disk image is malformed")

    assert "airmeet runs purge --forget a), after which the next run sends everybody" in str(with_hint(broken, found))
    assert with_hint(broken, RunJournal(EventJournal(tmp_path / "a.job"), named=True)) is broken
    assert with_hint(JournalError("the disk is full"), found).args == ("the disk is full",)
    assert with_hint(JournalError("another run", busy=True), found).busy
