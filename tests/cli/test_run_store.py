"""Which journal a run goes on with, and how a run is found again."""

import pytest

from airmeet_async.bulk.journal.writer import JournalWriter
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.run_store import (
    RunKey,
    all_runs,
    damaged_runs,
    find_journal,
    find_run,
    find_run_to_remove,
    runs_folder,
)
from airmeet_async.errors import ConfigError, JournalError

ABOUT = RunKey("attendees.add", "event", "https://x.example/prod", "people.csv")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text("email\n")
    return runs_folder()


def test_two_processes_that_begin_at_once_meet_in_one_journal(folder):
    assert find_journal(ABOUT, None, fresh=False) == find_journal(ABOUT, None, fresh=False)
    assert find_journal(ABOUT, None, fresh=False).path.parent == folder


@pytest.mark.parametrize(
    "other",
    [
        RunKey("speakers.add", "event", "https://x.example/prod", "people.csv"),
        RunKey("attendees.add", "other", "https://x.example/prod", "people.csv"),
        RunKey("attendees.add", "event", "https://y.example/prod", "people.csv"),
        RunKey("attendees.add", "event", "https://x.example/prod", "others.csv"),
    ],
)
def test_another_purpose_is_another_journal(folder, other):
    assert find_journal(other, None, fresh=False).path != find_journal(ABOUT, None, fresh=False).path


@pytest.mark.parametrize("operation", ["attendees.block", "attendees.unblock"])
def test_blocking_never_goes_on_by_itself(folder, operation):
    """Somebody may have been unblocked by other means since."""
    key = RunKey(operation, "event", "https://x.example/prod", "people.csv")
    first = find_journal(key, None, fresh=False).path
    first.touch()

    assert find_journal(key, None, fresh=False).path != first
    assert find_journal(key, str(first), fresh=False).path == first


def test_fresh_takes_a_new_one(folder):
    first = find_journal(ABOUT, None, fresh=False).path
    first.touch()

    assert find_journal(ABOUT, None, fresh=True).path != first
    with pytest.raises(UsageError, match="already exists"):
        find_journal(ABOUT, str(first), fresh=True)


@pytest.mark.parametrize("name", ["", ".", "..", "here/"])
def test_what_is_no_file_is_no_journal(folder, tmp_path, name):
    (tmp_path / "here").mkdir()

    with pytest.raises(UsageError, match="is not a file name"):
        find_journal(ABOUT, name, fresh=False)
    assert not list(tmp_path.glob("*-lock"))


@pytest.mark.parametrize("word", ["./", "/"])
def test_a_directory_is_no_run(folder, word):
    with pytest.raises(JournalError, match="plain file"):
        find_run(word)


def test_a_damaged_journal_is_found_by_its_name_and_nothing_else_is(folder, tmp_path):
    wreck = folder / "deadbeef.job"
    wreck.write_bytes(b"nonsense" * 100)

    assert [run.path for run in damaged_runs()] == [wreck]
    assert {find_run_to_remove(word).path for word in ("deadbeef", "deadbeef.job", str(wreck))} == {wreck}
    with pytest.raises(JournalError):
        find_run_to_remove(str(tmp_path / "people.csv"))
    with pytest.raises(UsageError):
        find_run_to_remove("dead")


def test_a_shelf_that_others_can_write_is_refused(folder):
    folder.chmod(0o777)

    with pytest.raises(ConfigError, match="--journal PATH"):
        runs_folder()


@pytest.mark.parametrize(("word", "said"), [("abc", "there is no run"), ("", "there is no run"), (None, "unfinished")])
def test_a_run_that_is_not_there(folder, word, said):
    with pytest.raises(UsageError, match=said):
        find_run(word)


def test_runs_are_listed_the_newest_first_and_what_is_none_is_named(folder):
    for n, name in enumerate(("a", "b", "c")):
        writer = JournalWriter(folder / f"{name}.job")
        writer.write_facts({"created": 1000.0 - abs(n - 1)})
        writer.close()
    (folder / "x.job").write_bytes(b"nonsense" * 10)
    (folder / "x.job").chmod(0o600)

    found, wrong = all_runs()

    assert found[0].path.name == "b.job"
    assert len(found) == 3
    assert len(wrong) == 1
    assert "x.job: is not a run file" in wrong[0]
