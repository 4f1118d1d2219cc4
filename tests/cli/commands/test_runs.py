"""``airmeet runs``: listed, shown, removed, and steered from another terminal."""

import contextlib
import os
import re
import signal
import sqlite3
import time
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import anyio
import pytest

from airmeet_async.protocol.base_urls import base_of
from airmeet_async.sandbox import community
from tests.sentinels import leaks
from tests.support.command import Sandbox
from tests.support.worlds import add, client_of, people, transport_of

EVENT = community.SUMMIT
REGISTER = ("register", EVENT, "people.csv", "--no-invite")
INVITE = ("register", EVENT, "people.csv", "--invite", "--yes", "--concurrency", "1")


def shelf_of(airmeet):
    return Path(airmeet.environ["HOME"]) / ".local/state/airmeet/runs"


def test_runs_are_listed_and_shown_without_a_link_or_an_address(airmeet):
    airmeet.people(4)
    there = airmeet.at(Sandbox("422@2:on=attendees.add"))
    nothing, none = there("runs"), there("runs", "--json")
    done = there(*REGISTER, "--json")
    listed, shown = there("runs"), there("runs", "show")
    as_json, one = there("runs", "--json"), there("runs", "show", done.json["job"][:4], "--json")

    run = one.json
    assert (nothing.code, nothing.out, none.json) == (0, "", [])
    assert as_json.json == [run]
    assert (run["job"], run["state"], run["command"]) == (done.json["job"], "finished", "register")
    assert (run["rows"], run["done"], run["left"], run["refused"], run["left_out"]) == (4, 3, 0, 1, 0)
    assert (run["event"], run["file"]) == (EVENT, str(airmeet.folder / "people.csv"))
    assert run["results_path"] == str(airmeet.folder / "people-results.csv")
    assert listed.out.splitlines()[1].split()[0] == run["job"]
    assert "correct 1 line in people.csv and run the original command again" in shown.out
    everything = listed.out + shown.out + as_json.out + listed.err
    assert "@example.com" not in everything
    assert "code=" not in everything
    assert leaks(everything) == []


def test_what_was_typed_is_shown_but_no_address_and_nothing_that_sends_more(airmeet):
    airmeet.people(2)
    there = airmeet.at(Sandbox())
    typed = f"typed:     airmeet {' '.join(REGISTER)}"
    there(*REGISTER)
    plain = there("runs", "show").out
    there(*REGISTER, "--again")
    again = there("runs", "show").out
    there("block", EVENT, "person-1@example.com", "--yes")
    blocked = there("runs", "show").out

    assert typed in plain
    assert "typed:" not in again
    assert "blocked" in blocked
    assert "person-1" not in blocked


def test_rows_done_left_refused_and_left_out_are_told_apart_and_add_up(airmeet):
    airmeet.file(
        "people.csv", "email,first_name,last_name",
        "a@example.com,Ada,Ay", "b@example.com,Bob,Bee", "c@example.com,Cyd,Cee", "broken,Dan,Dee",
        "a@example.com,Ada,Ay",
    )  # fmt: skip
    there = airmeet.at(Sandbox("422@1:body=b@,500-after@1+9:body=c@"))
    there(*REGISTER, "--max-failures", "100%")
    listed, shown, run = there("runs").out, there("runs", "show").out, there("runs", "show", "--json").json
    narrow = there("runs", typed="", COLUMNS="80").out

    assert re.search(r" DONE +NOT DONE ", narrow)
    assert " 1 of 5  1 left, 1 refused, 2 left out " in narrow
    assert [run[name] for name in ("rows", "done", "left", "refused", "left_out")] == [5, 1, 1, 1, 2]
    assert re.search(r"DONE +LEFT +REFUSED +LEFT OUT ", listed)
    assert re.search(r" 1 of 5 +1 +1 +2 +register ", listed)
    assert re.search(r"left: +1 \(1 without a clear answer\)", shown)
    left_out = r"left out: +2 \(1 not valid, blocked or not coming, 1 with an address that is there already\)"
    assert re.search(left_out, shown)


def test_each_list_of_an_event_has_its_own_times_and_end(airmeet):
    airmeet.people(2)
    airmeet.people(4, "more.csv")
    there = airmeet.at(Sandbox("401@4+20:on=attendees.add"))
    real = time.time
    there(*REGISTER)
    with patch("time.time", lambda: real() + 3600):
        there("register", EVENT, "more.csv", "--no-invite")
    second, first = there("runs", "--json").json

    assert (first["file"][-10:], first["stop_reason"], second["stop_reason"]) == ("people.csv", None, "not_permitted")
    for moment in ("begun", "ended"):
        assert datetime.fromisoformat(second[moment]) - datetime.fromisoformat(first[moment]) > timedelta(minutes=59)


def test_runs_at_another_address_show_it(airmeet):
    airmeet.people(1)
    there = airmeet.at(Sandbox())
    there(*REGISTER)
    listed = there("runs").out.splitlines()
    [path] = shelf_of(airmeet).glob("*.job")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE facts SET value = ? WHERE name = 'base'", (f'"{base_of("eu")}"',))
    eu = there("runs").out.splitlines()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE facts SET value = ? WHERE name = 'base'", (f'"{base_of("global")}"',))
    default = there("runs").out.splitlines()

    assert (listed[0].split()[-2:], listed[1].split()[-2]) == (["AT", "FILE"], "127.0.0.1:1/prod")
    assert eu[1].split()[-2] == "eu"
    assert default[0].split()[-2:] == ["EVENT", "FILE"]


def test_the_same_file_with_other_flags_has_one_results_file_and_show_names_the_one_that_is_there(airmeet):
    airmeet.people(2)
    there, results = airmeet.at(Sandbox()), airmeet.folder / "people-results.csv"
    there(*REGISTER)
    invited = there(*INVITE)
    mine = results.read_text(encoding="utf-8-sig") + "mine"
    results.write_text(mine)
    numbered, shown = there(*INVITE, "--again"), there("runs", "show").out
    (airmeet.folder / "people-results-2.csv").unlink()
    gone = there("runs", "show").out

    assert ("people-results.csv" in invited.err, "was there before" in invited.err) == (True, False)
    assert "people-results.csv was there before, of another event or list, or edited since" in numbered.err
    assert results.read_text() == mine
    assert re.search(r"results: +/\S+people-results-2.csv\n", shown)
    assert re.search(r"results: +none there; write them: airmeet runs results \w+ -o FILE\n", gone)


@pytest.mark.parametrize(
    ("faults", "words", "step"),
    [
        ("500-after:100%:on=attendees.add:body=person-1@", INVITE, "airmeet retry JOB   sends just the 1 row"),
        ("drop-after@2:on=attendees.add", INVITE, "airmeet retry JOB --invites   mails those Airmeet has not mailed"),
        ("422@2:on=attendees.add", INVITE, "correct 1 line in people.csv and run the original command again; nobody"),
        ("500-after@2:on=booths.create", ("import", "booths", EVENT, "booths.csv"), "1 row may exist or not: look"),
        ("400:100%:on=attendees.block", ("block", EVENT, "a@example.com"), ""),
        ("", REGISTER, ""),
    ],
)
def test_the_next_step_is_the_one_of_the_summary(airmeet, faults, words, step):
    airmeet.people(3)
    airmeet.file("booths.csv", "name", "Tea", "Coffee")
    there = airmeet.at(Sandbox(faults))
    done = there(*words)
    said = " ".join(done.err.partition("Next: ")[2].split())
    shown = dict(line.split(maxsplit=1) for line in there("runs", "show").out.splitlines() if line.split()[1:])
    next_step = " ".join(shown.get("next:", "").split())

    assert next_step == said.replace("the same command", "the original command")
    assert next_step.startswith(" ".join(step.replace("JOB", shown["job:"]).split()))
    assert bool(next_step) is bool(step)


def test_rows_that_wait_for_a_word_are_sent_with_it(airmeet):
    airmeet.people(3)
    there = airmeet.at(Sandbox("500-after:100%:on=attendees.add:body=person-1@"))
    there(*REGISTER)
    real = time.time
    with patch("time.time", lambda: real() + 30 * 3600):
        retried = there("retry", "--yes")
        shown = there("runs", "show").out

    assert "--accept-stale sends the 1 row without a clear answer" in " ".join(retried.err.split())
    assert "--accept-stale   sends the 1 row without a clear answer" in shown


def test_journals_are_private(airmeet):
    airmeet.people(2)
    airmeet.at(Sandbox())(*REGISTER)

    shelf = shelf_of(airmeet)
    assert shelf.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in shelf.iterdir()} == {0o600}


def test_a_journal_that_cannot_be_read_is_left_out_and_named(airmeet):
    shelf_of(airmeet).mkdir(mode=0o700, parents=True)
    broken = shelf_of(airmeet) / "deadbeef.job"
    broken.write_bytes(b"nonsense" * 100)
    broken.chmod(0o600)

    listed = airmeet("runs", "--json")
    shown = airmeet("runs", "show", "dead")

    assert (listed.code, listed.json, "not listed:" in listed.err) == (0, [], True)
    assert (shown.code, "is not a run file" in shown.err) == (2, True)


def test_a_damaged_journal_has_ways_out(airmeet):
    airmeet.people(2)
    there = airmeet.at(Sandbox())
    there(*REGISTER)
    [wreck] = shelf_of(airmeet).glob("*.job")
    wreck.write_bytes(b"nonsense" * 100)
    listed = there("runs")
    refused = there(*REGISTER)
    kept = there("runs", "purge", "--json", "--yes")
    named = there("runs", "purge", "--forget", wreck.stem, "--json", "--yes")
    fresh = there(*REGISTER, "--json")
    wreck.write_bytes(b"nonsense" * 100)
    every = there("runs", "purge", "--all", "--json", "--yes")

    assert (listed.code, "no run yet" in listed.err, "airmeet runs purge" in listed.err) == (0, False, True)
    assert refused.code == 2
    assert f"airmeet runs purge --forget {wreck.stem}), after which the next run sends everybody" in refused.err
    assert kept.json["removed"] == []
    assert (named.code, named.json["removed"], "cannot be read" in named.err) == (0, [wreck.stem], True)
    assert "mails everybody in its list again" in " ".join(named.err.split())
    assert (fresh.code, fresh.json["attempts"]) == (0, 2)
    assert (every.code, every.json["removed"]) == (0, [wreck.stem])
    assert list(shelf_of(airmeet).glob("*.job*")) == []


def test_a_journal_of_version_0_1_is_refused_with_both_ways_on(airmeet):
    """It was named after the file. Beside it nobody is sent, until it is finished with that version or forgotten."""
    airmeet.people(2)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    there(*REGISTER)
    [new] = shelf_of(airmeet).glob("*.job")
    old = new.rename(new.with_name("deadbeef.job"))
    with contextlib.closing(sqlite3.connect(old, isolation_level=None)) as connection:
        connection.execute("PRAGMA user_version = 1")

    refused, listed, other = there(*REGISTER), there("runs"), there("register", community.SMALL, *REGISTER[2:])
    removed = there("runs", "purge", "--forget", "deadbeef", "--json", "--yes")
    fresh = there(*REGISTER, "--json")

    assert (refused.code, other.code) == (2, 0)
    assert "people could be mailed twice. Finish that list with 0.1" in refused.err
    assert f"not listed: {old}" in listed.err
    assert removed.json["removed"] == [old.stem]
    assert (fresh.code, fresh.json["attempts"]) == (0, 2)


def test_finished_runs_are_removed_and_others_only_if_asked(airmeet):
    airmeet.people(4)
    airmeet.people(5, "more.csv")
    sandbox = Sandbox("401@5+20:on=attendees.add")
    there = airmeet.at(sandbox)
    first = there(*REGISTER, "--json")
    second = there("register", EVENT, "more.csv", "--no-invite", "--json")
    unasked = there("runs", "purge")
    old = there("runs", "purge", "--older-than", "1h", "--json", "--yes")
    done = there("runs", "purge", "--json", "--yes")
    left = there("runs", "--json")
    again = there(*REGISTER, "--json")
    named = there("runs", "purge", second.json["job"], again.json["job"], "--yes")
    unknown = there("runs", "purge", "ffffffff0", "--yes")

    assert (first.code, second.code) == (0, 6)
    assert (unasked.code, "add --yes (nothing was deleted)" in unasked.err) == (2, True)
    assert (old.json["removed"], len(old.json["kept"])) == ([], 2)
    assert (done.json["removed"], [run["job"] for run in left.json]) == ([first.json["job"]], [second.json["job"]])
    assert f"kept, with rows to send or to retry: {second.json['job']}" in done.err
    assert "names, addresses and 4 personal links" in " ".join(done.err.split())
    assert (again.code, again.json["attempts"], again.json["earlier_counts"]["succeeded"]) == (0, 0, 4)
    assert (named.code, unknown.code) == (0, 2)
    assert "1 row in them are not done" in named.err


def test_what_was_purged_has_no_names_and_is_known_all_the_same_until_it_is_forgotten(airmeet):
    airmeet.people(4)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    invite = ("register", EVENT, "people.csv", "--invite", "--yes", "--json")
    there(*invite)
    there("runs", "purge", "--yes")
    content = b"".join(path.read_bytes() for path in shelf_of(airmeet).iterdir())
    purged, listed = there(*invite, "--dry-run"), there("runs", "--json")
    airmeet.people(5)
    known = there(*invite)
    there("runs", "purge", "--yes")
    forgotten = there("runs", "purge", "--forget", EVENT, "--yes")
    fresh = there(*invite)

    assert listed.json == []
    assert b"@example.com" not in content
    assert b"Number" not in content
    assert b"code=" not in content
    assert (purged.json["done_before"], purged.json["changed"], purged.json["invitations"]) == (4, 0, 0)
    assert (known.json["attempts"], known.json["changed"], known.json["counts"]["succeeded"]) == (1, 0, 5)
    assert "mails everybody in its list again" in " ".join(forgotten.err.split())
    assert (fresh.code, fresh.json["attempts"]) == (0, 5)


def test_a_purge_keeps_what_others_of_the_event_have(airmeet):
    """Two lists share two people; one list goes, and these are still known by name."""
    airmeet.people(4)
    airmeet.people(2, "few.csv")
    there = airmeet.at(Sandbox())
    there(*REGISTER)
    few = there("register", EVENT, "few.csv", "--no-invite", "--json")
    [people] = [run["job"] for run in there("runs", "--json").json if run["job"] != few.json["job"]]
    there("runs", "purge", people, "--yes")
    shown = there("runs", "results", few.json["job"])
    again = there(*REGISTER, "--json")

    assert shown.out.count("@example.com") == 2
    assert "code=" in shown.out
    assert (again.json["attempts"], again.json["earlier_counts"]["succeeded"]) == (0, 4)


@pytest.mark.parametrize(("answer", "left"), [("n", 1), ("", 1), ("yes", 0)])
def test_on_a_terminal_it_asks_before_it_removes(airmeet, answer, left):
    airmeet.people(2)
    there = airmeet.at(Sandbox())
    there(*REGISTER)
    done = there("runs", "purge", typed=f"{answer}\n")
    runs = there("runs", "--json")

    assert (done.code, len(runs.json), "Delete? [y/N]" in done.err) == (0, left, True)


@pytest.mark.real_time
async def test_a_run_is_paused_changed_and_stopped_from_another_terminal(airmeet, serving):
    airmeet.people(400)
    async with serving() as pretend:
        there = airmeet.at(pretend.url)
        with there.started(*REGISTER, "--rate", "20", "--json", "--progress", "json") as running:
            await pretend.sees(lambda world: world.statistics().adds >= 3)
            paused = await there.run("runs", "pause")
            shown = (await there.run("runs", "show", "--json")).json
            purged = await there.run("runs", "purge", shown["job"])
            before = pretend.world.statistics().adds
            odd = await there.run("runs", "rate", "fast")
            rated = await there.run("runs", "rate", shown["job"], "90")
            still = pretend.world.statistics().adds
            resumed = await there.run("runs", "continue", shown["job"])
            await pretend.sees(lambda world: world.statistics().adds >= still + 10)
            stopped = await there.run("runs", "stop")
            done = await running.end()
        after = await there.run("runs", "pause", shown["job"])

    assert [said.code for said in (paused, rated, resumed, stopped)] == [0, 0, 0, 0]
    assert (shown["state"], shown["process"] is not None, purged.code, odd.code) == ("paused", True, 2, 2)
    assert still <= before + 1  # what was under way
    assert '"held": "paused"' in done.err
    assert "at most 90 requests per second (from another terminal)" in done.err
    assert (done.code, done.json["stop_reason"]) == (7, "stopped")
    assert (after.code, f"is not running: airmeet resume {shown['job']}" in after.err) == (2, True)
    assert "the rate must be auto or a number of requests per second above 0, not 'fast'" in odd.err


@pytest.mark.real_time
async def test_the_list_says_why_a_run_stands_still(airmeet, serving):
    airmeet.people(40)
    async with serving("429@3+999:retry=120:on=attendees.add") as pretend:
        there = airmeet.at(pretend.url)
        with there.started(*REGISTER, "--progress", "none") as running:
            await pretend.sees(lambda world: world.statistics().adds >= 2)
            told = {"state": ""}
            while told["state"] != "waiting":  # the 429 is on its way
                told = (await there.run("runs", "--json")).json[0]
            waiting = await there.run("runs")
            shown = await there.run("runs", "show")
            await there.run("runs", "pause")
            paused, stopped = await there.run("runs"), await there.run("runs", "show")
            running.send(signal.SIGSTOP)
            asleep = await there.run("runs")
            running.send(signal.SIGCONT)
            running.send(signal.SIGINT)
            await running.end()

    assert (told["state"], told["standstill"].startswith("Airmeet asked for a pause of ")) == ("waiting", True)
    assert f"{told['job']}: Airmeet asked for a pause of " in waiting.err
    assert "  waiting  " in waiting.out
    assert "because:" in shown.out
    assert "  paused  " in paused.out
    assert "because:" not in stopped.out  # the state says it
    assert "  running  " in asleep.out
    assert "no response: it has only just begun, or its process is suspended" in asleep.err


async def test_a_run_of_a_program_is_shown_as_running_and_only_there_it_can_be_stopped(airmeet):
    path = str(airmeet.folder / "launch.job")
    async with client_of(transport_of(latency=0.5)) as client:
        job = add(client, list(people(40)), journal=path, max_in_flight=4)
        async with job:
            await anyio.sleep(2.2)
            shown, as_json = airmeet("runs", "show", path), airmeet("runs", "show", path, "--json").json
            refused = [airmeet("runs", *words) for words in (("stop", path), ("pause", path), ("rate", path, "5"))]
            kept = airmeet("runs", "purge", path, "--yes")
            is_untouched = job.is_running and not job.paused and job.report.stop_reason is None
            job.stop()

    assert f"running (process {os.getpid()})" in shown.out
    assert "a program, which alone can pause or stop it" in shown.out
    assert "because:" not in shown.out
    assert (as_json["state"], as_json["standstill"]) == ("running", None)
    assert 0 < as_json["done"] < as_json["rows"] == 40
    assert {done.code for done in refused} == {2}
    assert all(f"is sent by a program (process {os.getpid()})" in done.err for done in refused)
    assert "job.stop()" in refused[0].err
    assert (kept.code, is_untouched) == (2, True)
    assert f"stop it first: in its program (process {os.getpid()})" in kept.err


@pytest.mark.real_time
async def test_the_socket_is_private_and_gone_after_a_run(airmeet, serving):
    import tempfile

    folder = Path(tempfile.gettempdir()) / f"airmeet-{os.getuid()}"
    before = set(folder.iterdir()) if folder.exists() else set()
    airmeet.people(60)
    async with serving() as pretend:
        with airmeet.at(pretend.url).started(*REGISTER, "--rate", "20") as running:
            await pretend.sees(lambda world: world.statistics().adds >= 3)
            ours = [path for path in folder.iterdir() if path not in before]
            modes = [path.lstat().st_mode & 0o777 for path in (folder, *ours)]
            running.send(signal.SIGINT)
            done = await running.end()

    assert (done.code, modes[0], set(modes[1:])) == (130, 0o700, {0o600})
    assert not any(path.exists() and path in ours for path in folder.iterdir() if _is_of(path, airmeet))


def _is_of(path, airmeet):
    from airmeet_async.cli.run_control import socket_of

    return path in {socket_of(journal) for journal in shelf_of(airmeet).glob("*.job")}


def test_a_narrow_terminal_leaves_out_what_show_has_and_a_pipe_nothing(airmeet):
    airmeet.people(2)
    there = airmeet.at(Sandbox())
    there(*REGISTER)
    narrow, wide, piped = (
        there("runs", **how) for how in ({"typed": "", "COLUMNS": "80"}, {"typed": "", "COLUMNS": "200"}, {})
    )

    assert narrow.out.split("\n")[0].split() == ["JOB", "STARTED", "STATE", "DONE", "NOT", "DONE", "COMMAND", "FILE"]
    assert max(map(len, narrow.out.splitlines())) <= 80
    assert "people.csv" in narrow.out
    assert wide.out.split("\n")[0].split() == piped.out.split("\n")[0].split()
    assert EVENT in piped.out


@pytest.mark.real_time
async def test_the_results_of_a_killed_run_are_read_from_what_was_recorded(airmeet, serving):
    airmeet.people(60)
    async with serving() as pretend:
        there = airmeet.at(pretend.url)
        with there.started(*REGISTER, "--rate", "60", "--progress", "none") as running:
            await pretend.sees(lambda world: world.statistics().adds >= 8)
            during = await there.run("runs", "results")
            running.send(signal.SIGKILL)
            await running.end()
        written = await there.run("runs", "results", "-o", "so-far.csv")
        links = {person.email: person.entry_link for person in pretend.world.people(EVENT)}

    rows = airmeet.rows("so-far.csv")
    done = {row["email"]: row["airmeet_entry_link"] for row in rows if row["airmeet_status"] == "succeeded"}
    assert (during.code, len(during.out.splitlines()), written.code) == (0, 61, 0)
    assert [row["airmeet_row"] for row in rows] == [str(line) for line in range(2, 62)]
    assert {row["airmeet_status"] for row in rows} <= {"succeeded", "unknown", "unprocessed"}
    assert done
    assert done.items() <= links.items()
    assert (airmeet.folder / "so-far.csv").stat().st_mode & 0o777 == 0o600


def test_the_results_of_a_run_are_those_that_it_wrote(airmeet):
    airmeet.file("people.csv", "email,first_name,last_name", "a@example.com,=A,B", "bad,A,B", "c@example.com,Zoë,M")
    there = airmeet.at(Sandbox("422@2:on=attendees.add"))
    there(*REGISTER, "--failed", "left.csv")
    there("runs", "results", "-o", "again.csv")
    there("runs", "results", "--failed", "-o", "left-again.csv")
    printed = there("runs", "results")
    lines = there("runs", "results", "-o", "again.jsonl")
    refused = there("runs", "results", "-o", "people.csv")

    def content(name):
        return (airmeet.folder / name).read_bytes()

    assert content("again.csv") == content("people-results.csv") == printed.out.encode()
    assert content("left-again.csv") == content("left.csv")
    assert (lines.code, len(content("again.jsonl").splitlines())) == (0, 3)
    assert (refused.code, "exists and is not a result file" in refused.err) == (2, True)
