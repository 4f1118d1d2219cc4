"""A run in shards, from the command line: cut, sent with resume, joined."""

import signal

from airmeet_async.sandbox import community
from tests.support.command import Sandbox

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

    assert (refused.code, retried.code) == (2, 2)
    for ended in (refused, retried):
        assert "its rows are in 2 shards in" in ended.err
        assert "airmeet resume takes them back first" in ended.err
    assert done.code == 0
    assert sandbox.adds == 30


def test_the_same_cut_prints_the_same_shards(airmeet):
    there, _ = stopped(airmeet)

    first = there("cut", "launch.job", "--folder", "shards", "--shards", "2")
    again = there("cut", "launch.job", "--folder", "shards", "--shards", "2")

    assert again.out == first.out
    assert len(first.out.split()) == 2


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


def test_flags_of_dask_are_refused_where_they_would_do_nothing(airmeet):
    airmeet.people(3)
    there = airmeet.at(Sandbox())

    without = there(*REGISTER, "--shards", "3")
    no_folder = there(*REGISTER, "--dask", "tcp://127.0.0.1:1")

    assert (without.code, no_folder.code) == (2, 2)
    assert "--shards and --folder belong to --dask" in without.err
    assert "--dask needs --folder" in no_folder.err
