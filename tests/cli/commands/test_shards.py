"""A run in shards, from the command line: cut, sent with resume, joined."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from anyio.from_thread import start_blocking_portal

from airmeet_async.bulk.journal.locking import JournalLock
from airmeet_async.bulk.journal.queries import read_summary
from airmeet_async.cli.console import Console
from airmeet_async.cli.run_control import listening
from airmeet_async.cli.run_store import only_run_on
from airmeet_async.errors import ClientStateError
from airmeet_async.sandbox import community
from tests.support.command import Sandbox, _standing_in
from tests.support.worlds import auths

EVENT = community.SUMMIT
REGISTER = ("register", EVENT, "people.csv", "--no-invite", "--progress", "none", "--journal", "launch.job")


def stopped(airmeet, n=30):
    """A run of so many people that was stopped early."""
    airmeet.people(n)
    sandbox = Sandbox()
    sandbox.signal(signal.SIGINT, after=5)
    there = airmeet.at(sandbox)
    assert there(*REGISTER, "--rate", "60").code == 130
    return there, sandbox


def test_shards_are_cut_sent_and_joined_and_nobody_is_sent_twice(airmeet):
    there, sandbox = stopped(airmeet)

    cut = there("cut", "launch.job", "--folder", "shards", "--shards", "3")
    paths = cut.out.split()
    sent = [there("resume", path, "--progress", "none") for path in paths[:2]]
    middle = there("join", "launch.job", "--json")
    sent.append(there("resume", paths[2], "--progress", "none"))
    joined = there("join", "launch.job", "--json")
    results = there("runs", "results", "launch.job")

    assert [path.rpartition("/")[2] for path in paths] == ["launch-0000.job", "launch-0001.job", "launch-0002.job"]
    assert cut.err.splitlines()[0].endswith("3 shards. Send each with: airmeet resume PATH")
    assert [one.code for one in sent] == [0, 0, 0]
    assert "register part 2 of 3" in sent[1].err
    assert (middle.code, middle.json["returned"], middle.json["is_complete"]) == (75, 2, False)
    assert (joined.code, joined.json["counts"]["succeeded"], joined.json["is_complete"]) == (0, 30, True)
    assert results.out.count("succeeded") == 30
    assert sandbox.adds == 30
    assert not [path for path in airmeet.folder.iterdir() if path.name.startswith("launch-0")]


def test_a_run_in_shards_refuses_its_command_and_goes_on_once_they_are_back(airmeet):
    there, sandbox = stopped(airmeet)
    (path, _) = there("cut", "launch.job", "--folder", "shards", "--shards", "2").out.split()

    refused = there(*REGISTER)
    retried = there("retry", "launch.job")
    assert there("resume", path, "--progress", "none").code == 0
    done = there("resume", "launch.job", "--progress", "none")

    assert (refused.code, retried.code) == (75, 75)
    for ended in (refused, retried):
        assert "people.csv is in 2 shards in" in ended.err
        assert "at once: airmeet join launch.job --take-back" in ended.err
    assert done.code == 0
    assert sandbox.adds == 30


class Sharded:
    """A job whose rows are sent on other machines."""

    paused = False

    def __init__(self):
        self.told = []

    def pause(self):
        self.told.append("pause")

    def stop(self, reason, message):
        self.told.append(reason.value)

    def set_rate(self, rate):
        raise ClientStateError("a run in shards keeps its rate")


@pytest.mark.real_time
def test_a_run_that_is_sent_on_other_machines_is_stopped_and_paused_and_is_not_called_idle(airmeet):
    there, _ = stopped(airmeet)
    there("cut", "launch.job", "--folder", "shards", "--shards", "2")
    job: Any = Sharded()

    idle = there("runs", "stop", "launch.job")
    with (
        start_blocking_portal() as elsewhere,
        elsewhere.wrap_async_context_manager(listening(airmeet.folder / "launch.job", job, Console())),
    ):
        done = [there("runs", word, "launch.job") for word in ("stop", "pause")]
        rate = there("runs", "rate", "launch.job", "5")
        base = read_summary(airmeet.folder / "launch.job").facts["base"]
        with _standing_in(there.folder, there.environ), only_run_on(EVENT, base, wait=False, say=print):
            resumed = there("resume", "launch.job")

    assert (idle.code, "is lent to 2 shards" in idle.err) == (2, True)
    assert [one.code for one in done] == [0, 0]
    assert job.told == ["stopped", "pause"]
    assert "type the original command again with another --rate" in " ".join(rate.err.split())
    said = " ".join(resumed.err.split())
    assert resumed.code == 75
    assert "people.csv is being added on other machines, from 2 shards in" in said
    assert f"or stop it: airmeet runs stop {airmeet.folder}/launch.job (nothing was sent)" in said


def test_the_same_cut_prints_the_same_shards(airmeet):
    there, _ = stopped(airmeet)

    first = there("cut", "launch.job", "--folder", "shards", "--shards", "2")
    again = there("cut", "launch.job", "--folder", "shards", "--shards", "2")
    elsewhere = there("cut", "launch.job", "--folder", "others", "--shards", "2")
    advised = elsewhere.err.partition("Their paths once more: airmeet ")[2].split()

    assert again.out == first.out
    assert len(first.out.split()) == 2
    assert first.err.endswith("When they have ended: airmeet join launch.job\n")
    assert elsewhere.code == 75
    assert there(*advised).out == first.out
    refused = there("cut", "launch.job", "--folder", "shards", "--shards", "2", "--rate", "999", "--workers", "2")
    assert refused.code == 2
    assert "(rate: 60.0, not 999.0; workers: none, not 2)" in " ".join(refused.err.split())


def test_a_shard_whose_people_are_mailed_is_not_sent_without_a_word(airmeet):
    airmeet.people(30)
    sandbox = Sandbox()
    sandbox.signal(signal.SIGINT, after=5)
    there = airmeet.at(sandbox)
    words = ("register", EVENT, "people.csv", "--invite", "--yes", "--progress", "none", "--journal", "launch.job")
    there(*words, "--rate", "60")
    (path,) = there("cut", "launch.job", "--folder", "shards", "--shards", "1").out.split()

    assert there("resume", path, "--progress", "none").code == 2
    assert there("resume", path, "--progress", "none", "--yes").code == 0


def test_who_was_blocked_since_is_in_no_shard(airmeet):
    there, _ = stopped(airmeet)
    last = airmeet_last(airmeet)
    assert there("block", EVENT, last, "--progress", "none").code in {0, 3}

    (path,) = there("cut", "launch.job", "--folder", "shards", "--shards", "1").out.split()
    in_shard = there("runs", "results", path)
    sent = there("resume", path, "--progress", "none")
    joined = there("join", "launch.job", "--json")

    assert sent.code == 0
    assert last not in in_shard.out
    assert "@" in in_shard.out
    assert (joined.code, joined.json["counts"]["invalid"], joined.json["counts"]["succeeded"]) == (3, 1, 29)


def airmeet_last(airmeet):
    """The address in the last line of the list."""
    cells = (airmeet.folder / "people.csv").read_text(encoding="utf-8").splitlines()[-1].split(",")
    return next(cell for cell in cells if "@" in cell)


def test_a_run_in_shards_is_listed_as_lent_and_not_gone_on_with_by_chance(airmeet):
    airmeet.people(30)
    sandbox = Sandbox()
    sandbox.signal(signal.SIGINT, after=5)
    there = airmeet.at(sandbox)
    job = there(*REGISTER[:-2], "--rate", "60", "--json").json["job"]
    (path, _) = there("cut", job, "--folder", "shards", "--shards", "2").out.split()
    folder = path.rpartition("/")[0]

    listed, shape, shown = there("runs"), there("runs", "--json").json[0], there("runs", "show", job)
    by_chance, paused = there("resume", "--progress", "none"), there("runs", "pause", job)
    assert there("resume", path, "--progress", "none").code == 0
    there("join", job)

    assert f"{job}: lent to 2 shards in {folder}" in listed.err
    assert (shape["state"], shape["standstill"]) == ("lent", f"lent to 2 shards in {folder}")
    assert f"airmeet join {job}, when its shards have ended" in shown.out
    assert "there is no unfinished run" in by_chance.err
    assert f"job {job} is lent to 2 shards" in paused.err
    assert f"lent to 2 shards in {folder}, 1 of them back" in there("runs").err
    assert f"run {job} is lent to 2 shards" in there("runs", "purge", job, "--yes").err
    assert there("runs", "purge", "--all", "--yes").code == 0
    assert there("resume", job, "--progress", "none").code == 0
    assert there("runs", "--json").json[0]["state"] == "finished"


def test_all_who_send_shards_share_the_token_beside_them(airmeet):
    there, sandbox = stopped(airmeet)
    paths = there("cut", "launch.job", "--folder", "shards", "--shards", "2").out.split()
    before = auths(sandbox)

    for path in paths:
        assert there("resume", path, "--progress", "none", AIRMEET_TOKEN_CACHE="off").code == 0

    assert auths(sandbox) == before + 1
    assert list((airmeet.folder / "shards" / "token").iterdir())


def test_flags_of_shards_are_refused_where_they_would_do_nothing(airmeet):
    airmeet.people(3)
    there = airmeet.at(Sandbox())

    for words, why in {
        ("--shards", "3"): "--folder and --shards belong together",
        ("--folder", "shards"): "--folder and --shards belong together",
        ("--workers", "3"): "--workers to them",
        ("--dask", "tcp://127.0.0.1:1"): "--dask needs --folder",
        ("--dask", "tcp://127.0.0.1:1", "--folder", "shards", "--workers", "3"): "its own workers count",
        ("--folder", "shards", "--shards", "0"): "--shards must be a whole number",
        ("--folder", "shards", "--shards", "2", "--accept-stale"): "--accept-stale does not go with --folder",
    }.items():
        refused = there(*REGISTER, *words)
        assert refused.code == 2
        assert why in refused.err


def test_a_list_is_put_into_shards_without_a_row_being_sent(airmeet):
    airmeet.people(30)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    register = ("register", EVENT, "people.csv", "--progress", "none", "--folder", "shards", "--shards", "3")

    unasked = there(*register, "--invite")
    cut = there(*register, "--invite", "--yes", "--rate", "30", "--workers", "3", "--max-failures", "9", "--json")
    again = there(*register, "--invite", "--yes")
    shapes = [read_summary(Path(path)).facts["shard"] for path in cut.json["shards"]]

    assert unasked.code == 2
    assert (cut.code, len(cut.json["shards"]), sandbox.adds) == (0, 3, 0)
    assert "nothing was sent. Send each with: airmeet resume PATH --yes" in cut.err
    assert [(one["rate"], one["workers"], one["max_failures"]) for one in shapes] == [(30, 3, 9)] * 3
    assert again.code == 75
    assert "people.csv is in 3 shards" in again.err
    job = cut.json["job"]
    sent = [there("resume", path, "--progress", "none", "--yes").code for path in cut.json["shards"]]
    joined = there("join", job, "--json")
    assert sent == [0, 0, 0]
    assert (joined.code, joined.json["counts"]["succeeded"]) == (0, 30)
    assert sandbox.adds == 30
    assert sandbox.world.statistics().mails == 30


def test_of_several_lists_the_one_that_was_typed_is_cut(airmeet):
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    airmeet.people(10)
    words = ("register", EVENT, "people.csv", "--no-invite", "--progress", "none")
    there(*words)
    (airmeet.folder / "others.csv").write_text("email,first name,last name\nother@example.com,Ada,King\n")
    there("register", EVENT, "others.csv", "--no-invite", "--progress", "none")

    idle = there(*words, "--folder", "shards", "--shards", "3")
    paths = there(*words, "--folder", "shards", "--shards", "3", "--again").out.split()
    counts = [read_summary(Path(path)).rows for path in paths]

    assert "nothing is left to be sent" in idle.err
    assert counts == [3, 3, 4]


def test_nobody_is_blocked_while_the_event_has_rows_in_shards(airmeet):
    airmeet.people(30)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    (path,) = there(*REGISTER[:-2], "--folder", "shards", "--shards", "1").out.split()
    last = airmeet_last(airmeet)

    refused = there("block", EVENT, last, "--progress", "none")
    assert there("resume", path, "--progress", "none").code == 0
    job = there("runs", "--json").json[0]["job"]
    joined = there("join", job)
    blocked = there("block", EVENT, last, "--progress", "none")

    assert refused.code == 75
    assert "a list of this event is in 1 shard in" in refused.err
    assert f"airmeet join {job}" in refused.err
    assert (joined.code, blocked.code) == (0, 0)


def test_a_plan_is_made_while_rows_are_in_shards(airmeet):
    there, _ = stopped(airmeet)
    there("cut", "launch.job", "--folder", "shards", "--shards", "1")

    planned = there(*REGISTER, "--dry-run")

    assert planned.code == 0, planned.err
    assert "now its rows are in 1 shard in" in planned.err
    assert "is in 1 shard in" in there(*REGISTER).err


def test_the_token_of_shards_goes_with_the_last_of_them(airmeet):
    there, _ = stopped(airmeet)
    for path in there("cut", "launch.job", "--folder", "shards", "--shards", "2").out.split():
        assert there("resume", path, "--progress", "none", AIRMEET_TOKEN_CACHE="off").code == 0

    assert there("join", "launch.job").code == 0

    assert not list((airmeet.folder / "shards").iterdir())


def test_a_shard_that_is_lost_is_given_up_by_name(airmeet):
    there, _ = stopped(airmeet)
    paths = there("cut", "launch.job", "--folder", "shards", "--shards", "2").out.split()
    assert there("resume", paths[0], "--progress", "none").code == 0
    Path(paths[1]).unlink()

    refused = there("join", "launch.job")
    joined = there("join", "launch.job", "--lost", "launch-0001.job", "--json")

    assert refused.code == 2
    assert "--lost launch-0001.job" in refused.err
    assert joined.code == 3
    assert joined.json["is_complete"]
    assert joined.json["counts"]["unknown"] > 0


def test_nobody_is_blocked_while_a_run_in_a_file_of_its_own_is_in_shards(airmeet):
    there, _ = stopped(airmeet)
    there("cut", "launch.job", "--folder", "shards", "--shards", "1")

    refused = there("block", EVENT, airmeet_last(airmeet), "--progress", "none")
    assert there("join", "launch.job", "--take-back").code == 3
    blocked = there("block", EVENT, airmeet_last(airmeet), "--progress", "none")

    assert refused.code == 75
    assert "launch.job --take-back" in refused.err
    assert blocked.code in {0, 3}


def test_each_screen_on_the_way_says_how_to_go_on_and_it_can_be_typed(airmeet):
    there, sandbox = stopped(airmeet)
    paths = there("cut", "launch.job", "--folder", "shards", "--shards", "2").out.split()
    there("resume", paths[0], "--progress", "none")
    once_more = there("resume", paths[0], "--progress", "none")
    middle, shown = there("join", "launch.job"), there("runs", "show", "launch.job")
    back = there("join", "launch.job", "--take-back")
    gone, after = there("resume", paths[1]), there("runs", "show", "launch.job")
    done = there("resume", "launch.job", "--progress", "none")
    ended = there("join", "launch.job")

    assert "--again" not in once_more.err
    assert " done · " in middle.err
    assert "1 of 2 shards have ended" in middle.err
    assert "Next: airmeet join launch.job, when its shards have ended" in middle.err
    assert "with --take-back also those that were stopped" in shown.out
    assert "Next: airmeet resume launch.job" in back.err
    assert (gone.code, "a shard is removed once airmeet join" in gone.err) == (2, True)
    assert after.out.endswith("airmeet resume launch.job\n")
    assert done.code == ended.code == 0
    assert "30 of 30 done" in ended.err
    assert "none of its rows are in shards" in ended.err
    assert "who has what: airmeet runs results launch.job -o FILE" in ended.err
    assert sandbox.adds == 30


def test_who_takes_back_shards_is_told_which_one_is_being_sent_and_by_whom(airmeet):
    there, _ = stopped(airmeet)
    paths = there("cut", "launch.job", "--folder", "shards", "--shards", "2").out.split()
    lock = JournalLock(Path(paths[1]))
    resumed = there("resume", "launch.job", "--progress", "none")
    lock.release()

    assert resumed.code == 75
    assert f"launch-0001.job is being sent (process {os.getpid()}); wait for it, or stop it first" in resumed.err


PACE = ("rate", "workers", "max_in_flight", "max_failures")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--rate", "auto"), (None, 3, 64, None)),
        (("--rate", "30"), (30, 3, 64, None)),
        (("--rate", "30", "--workers", "2"), (30, 2, 64, None)),
        (("--rate", "30", "--workers", "9", "--concurrency", "10"), (30, 3, 10, None)),
        (("--rate", "30", "--max-failures", "10%"), (30, 3, 64, 3)),  # of all rows of the list
    ],
)
def test_a_run_that_was_begun_and_a_list_are_cut_with_the_same_flags(airmeet, words, expected):
    there, _ = stopped(airmeet)

    for command in (("cut", "launch.job"), REGISTER):
        (path, *_) = there(*command, *words, "--folder", "shards", "--shards", "3").out.split()
        shard = read_summary(Path(path)).facts["shard"]
        assert tuple(shard[name] for name in PACE) == expected
        there("join", "launch.job", "--take-back")


def test_a_run_that_is_cut_goes_on_with_its_own_flags(airmeet):
    there, _ = stopped(airmeet)

    (path, *_) = there("cut", "launch.job", "--folder", "shards", "--shards", "3", AIRMEET_RATE="8").out.split()

    assert tuple(read_summary(Path(path)).facts["shard"][name] for name in PACE) == (60, 3, 64, None)


def test_commands_for_whole_runs_leave_a_shard_alone_and_say_what_to_do(airmeet):
    there, sandbox = stopped(airmeet)
    paths = there("cut", "launch.job", "--folder", "shards", "--shards", "2").out.split()
    sent_before = sandbox.adds

    retried, purged = there("retry", paths[0]), there("runs", "purge", paths[0], "--yes")
    registered, shown = there(*REGISTER[:-1], paths[0]), there("runs", "show", paths[0])
    planned = there(*REGISTER[:-1], paths[0], "--dry-run")
    cut, joined = there("cut", paths[0], "--folder", "x", "--shards", "2"), there("join", paths[0])

    assert (retried.code, purged.code, registered.code, cut.code, joined.code) == (2, 2, 2, 2, 2)
    assert f"airmeet resume {paths[0]} sends what is left" in retried.err
    assert "airmeet join, with the run that it was cut from" in purged.err
    assert "takes no rows" in registered.err
    assert (planned.code, "takes no rows" in planned.err) == (2, True)
    assert "is a shard itself" in cut.err
    assert "is a shard itself" in joined.err
    assert "not begun" in shown.out
    assert sandbox.adds == sent_before
    assert there("resume", "launch.job", "--progress", "none").code == 0
    assert sandbox.adds == 30


def test_rows_that_failed_in_a_shard_are_retried_with_its_run(airmeet):
    airmeet.people(4)
    sandbox = Sandbox("500:100%")
    there = airmeet.at(sandbox)
    (path,) = there(*REGISTER, "--folder", "shards", "--shards", "1").out.split()

    sent, shown = there("resume", path, "--progress", "none"), there("runs", "show", path)

    for said in (sent.err, shown.out):
        assert "airmeet join, with the run that it was cut from" in said
        assert "airmeet retry" not in said


def test_a_shard_that_is_being_sent_is_asked_to_stop_though_nobody_else_can_read_it(airmeet):
    there, _ = stopped(airmeet)
    (path,) = there("cut", "launch.job", "--folder", "shards", "--shards", "1").out.split()
    lock = JournalLock(Path(path))
    Path(f"{path}-lock").write_text("1\n")  # as if another process had it
    refused = there("runs", "stop", path)
    lock.release()

    assert "does not respond" in refused.err
    assert "process 1" in refused.err
    assert "end its task there" in refused.err


def test_a_list_with_another_journal_is_warned_of_while_the_event_has_rows_in_shards(airmeet):
    there, _ = stopped(airmeet)
    there("cut", "launch.job", "--folder", "shards", "--shards", "1")

    beside = there(*REGISTER[:-2])
    same = there(*REGISTER)
    there("join", "launch.job", "--take-back")
    after = there(*REGISTER[:-2], "--again")

    assert beside.code == 0
    said = " ".join(beside.err.split())
    assert "warning: people.csv of this event is in 1 shard in" in said
    assert "sends people who are in both lists twice" in said
    assert "warning" not in same.err + after.err
