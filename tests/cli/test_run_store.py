"""Which journal a run goes on with, and how a run is found again."""

import pytest

from airmeet_async.bulk.journal.locking import JournalLock
from airmeet_async.bulk.journal.writer import JournalWriter
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.run_store import (
    all_runs,
    damaged_runs,
    find_journal,
    find_run,
    find_runs_to_remove,
    only_run_on,
    runs_folder,
)
from airmeet_async.errors import ConfigError, JournalError

BASE = "https://x.example/prod"
ABOUT = ("attendees.add", "event", BASE)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text("email\n")
    return runs_folder()


@pytest.mark.parametrize("file", ["people.csv", "others.csv", ""])
def test_all_lists_of_an_event_have_one_journal(folder, file):
    assert find_journal(*ABOUT, file=file).path == find_journal(*ABOUT).path
    assert find_journal(*ABOUT).path.parent == folder


@pytest.mark.parametrize(
    "other",
    [
        ("attendees.block", "event", BASE),
        ("speakers.add", "event", BASE),
        ("attendees.add", "other", BASE),
        ("attendees.add", "event", "https://y.example/prod"),
    ],
)
def test_another_purpose_is_another_journal(folder, other):
    assert find_journal(*other).path != find_journal(*ABOUT).path


def test_the_journals_of_an_event_know_people_by_the_same_hashes(folder):
    block = JournalWriter(find_journal("attendees.block", "event", BASE).path)
    block.close()

    found = find_journal(*ABOUT).file
    assert (found.salt, found.block) == (block.salt, block.path)


@pytest.mark.parametrize("name", ["", ".", "..", "here/"])
def test_what_is_no_file_is_no_journal(folder, tmp_path, name):
    (tmp_path / "here").mkdir()

    with pytest.raises(UsageError, match="is not a file name"):
        find_journal(*ABOUT, name)
    assert not list(tmp_path.glob("*-lock"))


def test_a_second_command_for_the_people_of_an_event_is_refused(folder):
    second = only_run_on("event", BASE)
    with only_run_on("event", BASE), pytest.raises(JournalError, match="another airmeet command") as caught, second:
        pass
    assert caught.value.busy

    with only_run_on("event", BASE), only_run_on("other", BASE), only_run_on("event", "https://y.example"):
        pass


def test_a_second_command_that_waits_begins_when_the_first_has_ended(folder):
    said, naps = list[str](), list[float]()
    with only_run_on("event", BASE):
        pass
    [place] = folder.glob("*.event-lock")
    lock = JournalLock(place.with_name(place.name.removesuffix("-lock")))

    def sleep(seconds):
        naps.append(seconds)
        if len(naps) == 3:
            lock.release()

    with only_run_on("event", BASE, wait=True, say=said.append, sleep=sleep):
        assert len(naps) == 3
    assert [text.startswith("waiting: another airmeet command") for text in said] == [True]


@pytest.mark.parametrize("word", ["./", "/"])
def test_a_directory_is_no_run(folder, word):
    with pytest.raises(JournalError, match="plain file"):
        find_run(word)


def test_a_damaged_journal_is_found_by_its_name_and_nothing_else_is(folder, tmp_path):
    wreck = folder / "deadbeef.job"
    wreck.write_bytes(b"nonsense" * 100)

    assert [run.path for run in damaged_runs()] == [wreck]
    words = ("deadbeef", "deadbeef.job", str(wreck))
    assert [run.path for word in words for run in find_runs_to_remove(word)] == [wreck] * 3
    with pytest.raises(JournalError):
        find_runs_to_remove(str(tmp_path / "people.csv"))
    with pytest.raises(UsageError):
        find_runs_to_remove("dead")


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
        number = writer.begin_list({"name": name, "created": 1000.0 - abs(n - 1)})
        writer.end_list(number)
        writer.confirm_list(number)
        writer.close()
    (folder / "x.job").write_bytes(b"nonsense" * 10)
    (folder / "x.job").chmod(0o600)

    found, wrong = all_runs()

    assert found[0].path.name == "b.job"
    assert len(found) == 3
    assert len(wrong) == 1
    assert "x.job: is not a run file" in wrong[0]
