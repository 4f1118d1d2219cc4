"""What is said where a run goes on, and where it cannot."""

from airmeet_async import BulkReport, RowStatus, StopReason
from airmeet_async.cli.run_store import RunJournal
from airmeet_async.cli.runner import job_word, with_hint
from airmeet_async.errors import JournalError


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
