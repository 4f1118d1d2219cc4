"""Which journal a run goes on with, the options about it, and what is said."""

import pytest

from airmeet_async import BulkReport, RowStatus, StopReason
from airmeet_async.bulk.journal import Earlier
from airmeet_async.cli.app_options import check_failures, check_rate, seconds
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.run_store import Found, Purpose, damaged_runs, find, pick, pick_to_remove, shelf
from airmeet_async.cli.runner import job_word, resuming, with_hint
from airmeet_async.errors import ConfigError, JournalError

ABOUT = Purpose("attendees.add", "event", "https://x.example/prod", "people.csv")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "people.csv").write_text("email\n")
    return shelf()


def test_two_processes_that_begin_at_once_meet_in_one_journal(folder):
    assert find(ABOUT, None, fresh=False) == find(ABOUT, None, fresh=False)
    assert find(ABOUT, None, fresh=False).path.parent == folder


@pytest.mark.parametrize(
    "other",
    [
        Purpose("attendees.block", "event", "https://x.example/prod", "people.csv"),
        Purpose("attendees.add", "other", "https://x.example/prod", "people.csv"),
        Purpose("attendees.add", "event", "https://y.example/prod", "people.csv"),
        Purpose("attendees.add", "event", "https://x.example/prod", "others.csv"),
    ],
)
def test_another_purpose_is_another_journal(folder, other):
    assert find(other, None, fresh=False).path != find(ABOUT, None, fresh=False).path


def test_fresh_takes_a_new_one(folder):
    first = find(ABOUT, None, fresh=False).path
    first.touch()

    assert find(ABOUT, None, fresh=True).path != first
    with pytest.raises(UsageError, match="is there already"):
        find(ABOUT, str(first), fresh=True)


@pytest.mark.parametrize("name", ["", ".", "..", "here/"])
def test_what_is_no_file_is_no_journal(folder, tmp_path, name):
    (tmp_path / "here").mkdir()

    with pytest.raises(UsageError, match="no name for a file"):
        find(ABOUT, name, fresh=False)
    assert not list(tmp_path.glob("*-lock"))


@pytest.mark.parametrize("word", ["./", "/"])
def test_a_directory_is_no_run(folder, word):
    with pytest.raises(JournalError, match="plain file"):
        pick(word)


def test_a_damaged_journal_is_found_by_its_name_and_nothing_else_is(folder, tmp_path):
    wreck = folder / "deadbeef.job"
    wreck.write_bytes(b"nonsense" * 100)

    assert [run.path for run in damaged_runs()] == [wreck]
    assert {pick_to_remove(word).path for word in ("deadbeef", "deadbeef.job", str(wreck))} == {wreck}
    with pytest.raises(JournalError):
        pick_to_remove(str(tmp_path / "people.csv"))
    with pytest.raises(UsageError):
        pick_to_remove("dead")


def test_a_shelf_that_others_can_write_is_refused(folder):
    folder.chmod(0o777)

    with pytest.raises(ConfigError, match="--journal PATH"):
        shelf()


@pytest.mark.parametrize(
    ("word", "said"), [("abc", "no run is called"), ("", "no run is called"), (None, "unfinished")]
)
def test_a_run_that_is_not_there(folder, word, said):
    with pytest.raises(UsageError, match=said):
        pick(word)


@pytest.mark.parametrize(
    ("earlier", "said"),
    [
        (None, []),
        (Earlier(4310), ["resuming: 4,310 of 10,000 rows are settled"]),
        (Earlier(10_000), ["nothing left to do: 10,000 rows are settled"]),
        (
            Earlier(9_000, unclear=1, changed=10, updated=2, new=5),
            [
                "resuming: 9,000 of 10,000 rows are settled",
                "  1 row was sent without a clear answer",
                "  10 rows have changed since they were done; Airmeet does not update people on a second add",
                "  2 rows were changed before they were done, and are sent as they are now",
                "  5 rows were new",
            ],
        ),
        (
            Earlier(9_000, updated=1),
            [
                "resuming: 9,000 of 10,000 rows are settled",
                "  1 row was changed before it was done, and is sent as it is now",
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
        (0, 40, False, ["  10 rows of the last run are no longer in the file"]),
        (1, 30, False, ["  1 row was new", "  1 row of the last run is no longer in the file"]),
        (5, 25, False, ["  5 rows were new"]),
        (0, 40, True, ["  10 rows of the last run are left out of this run (--limit)"]),
    ],
)
def test_rows_that_are_gone_are_counted(new, before, limited, said):
    assert resuming(Earlier(9, new=new), 30, before, limited=limited)[1:] == said


def test_a_lost_journal_is_no_way_to_go_on(tmp_path):
    def report(stop=None):
        return BulkReport("3f2a", 0, dict.fromkeys(RowStatus, 0), stop_reason=stop)

    wreck, named = Found(tmp_path / "a.job"), Found(tmp_path / "my a.job", named=True)
    gone = job_word(report(), wreck)
    for found in (wreck, named):
        found.path.write_bytes(b"nonsense")

    assert (gone, job_word(report(StopReason.JOURNAL), wreck)) == ("", "")
    assert job_word(report(), wreck) == "3f2a"
    assert job_word(report(), named) == f"'{named.path}'"


def test_the_way_out_is_named_where_there_is_one(tmp_path):
    found = Found(tmp_path / "a.job")
    other = JournalError("say the same again, or begin with another journal")

    assert str(with_hint(other, found, "block")).endswith("(--fresh does that)")
    assert with_hint(other, found) is other
    assert with_hint(other, Found(tmp_path / "a.job", named=True), "block") is other
    assert "airmeet block ... --fresh), or remove it (airmeet runs purge a)" in str(
        with_hint(JournalError("database disk image is malformed"), found, "block")
    )
    assert with_hint(JournalError("the disk is full"), found).args == ("the disk is full",)
    assert with_hint(JournalError("another run", busy=True), found).busy


@pytest.mark.parametrize(("text", "rate"), [(None, None), ("auto", "auto"), ("AUTO", "auto"), ("2.5", 2.5), (7.0, 7.0)])
def test_rates(text, rate):
    assert check_rate(text) == rate


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "fast", "", "1e999"])
def test_odd_rates_are_refused_with_the_fix(text):
    with pytest.raises(UsageError, match="--rate must be auto or a number"):
        check_rate(text)


@pytest.mark.parametrize(
    ("text", "s"), [(None, None), ("90", 90), ("90s", 90), ("30m", 1800), ("2H", 7200), ("1.5d", 129600)]
)
def test_times(text, s):
    assert seconds(text, "--deadline") == s


@pytest.mark.parametrize("text", ["", "0", "0h", "-5", "5 minutes", "1w", "1e3", "٣"])
def test_odd_times_are_refused_with_the_fix(text):
    with pytest.raises(UsageError, match=r"--deadline must be a time above 0 such as 90 \(seconds\), 30m"):
        seconds(text, "--deadline")


@pytest.mark.parametrize("text", [None, "0", "100", "5%", "0.5%", "100%"])
def test_limits_of_failures(text):
    assert check_failures(text) == text


@pytest.mark.parametrize("text", ["", "-1", "%", "101%", "5 %", "many", "1.5"])
def test_odd_limits_of_failures_are_refused_with_the_fix(text):
    with pytest.raises(UsageError, match="--max-failures must be"):
        check_failures(text)
