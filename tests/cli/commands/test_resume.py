"""Runs that go on: stopped, killed, finished, edited, at the same time, tried again."""

import contextlib
import signal
import sqlite3
from collections import Counter
from pathlib import Path

import pytest

from airmeet_async.sandbox import community
from tests.support.bulk_runs import bodies
from tests.support.command import Sandbox

EVENT = community.SUMMIT
REGISTER = ("register", EVENT, "people.csv", "--no-invite")


def statuses(rows):
    return [row["airmeet_status"] for row in rows]


async def interrupted(there, pretend, number, *words, adds=8):
    """Start a run of many rows and end it with a signal."""
    with there.started(*REGISTER, "--rate", "60", "--progress", "none", *words) as running:
        await pretend.sees(lambda world: world.statistics().adds >= adds)
        running.send(number)
        return await running.end()


def test_the_same_command_goes_on_after_a_stop_and_sends_only_the_rest(airmeet):
    airmeet.people(60)
    sandbox = Sandbox()
    sandbox.signal(signal.SIGINT, after=8)
    there = airmeet.at(sandbox)
    stopped = there(*REGISTER, "--rate", "60", "--progress", "none")
    before = sandbox.adds
    done = there(*REGISTER, "--json")
    after = sandbox.adds

    rows = airmeet.rows()
    assert (stopped.code, done.code, after) == (130, 0, 60)
    assert f"{60 - before}  will be added" in done.err
    assert f"{before}  added before: left out" in done.err
    assert (done.json["attempts"], done.json["earlier_counts"]["succeeded"]) == (60 - before, before)
    assert all("code=" in row["airmeet_entry_link"] for row in rows)
    assert done.json["results_path"] == "people-results.csv"


@pytest.mark.real_time
async def test_a_killed_run_is_resumed_by_its_id_without_its_file(airmeet, serving):
    airmeet.people(60)
    async with serving() as pretend:
        there = airmeet.at(pretend.url)
        killed = await interrupted(there, pretend, signal.SIGKILL, "--failed", "left.csv")
        (airmeet.folder / "people.csv").unlink()
        parts = list(airmeet.folder.glob(".airmeet-*.part"))
        listed = (await there.run("runs", "--json")).json
        done = await there.run("resume", listed[0]["job"][:5], "--json")
        people = {person.email: person.entry_link for person in pretend.world.people(EVENT)}

    assert (killed.code, listed[0]["state"], listed[0]["done"] > 0) == (-9, "interrupted", True)
    assert (done.code, done.json["job"], done.json["rows_read"]) == (0, listed[0]["job"], 60)
    assert {row["email"]: row["airmeet_entry_link"] for row in airmeet.rows()} == people
    assert list(airmeet.rows()[0])[:3] == ["email", "first_name", "last_name"]
    assert (len(parts), list(airmeet.folder.glob(".airmeet-*"))) == (2, [])


def test_a_finished_run_sends_nothing_when_it_is_run_again(airmeet):
    airmeet.people(5)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    there(*REGISTER)
    before = sandbox.world.statistics()
    again = there(*REGISTER, "--json")
    resumed = there("resume", again.json["job"], "--results", "r.csv", "--json")
    after = sandbox.world.statistics()
    none = there("resume")

    assert (after.adds, after.mails) == (before.adds, before.mails)
    assert (again.code, again.json["attempts"], again.json["earlier_counts"]["succeeded"]) == (0, 0, 5)
    assert (resumed.code, resumed.json["attempts"]) == (0, 0)
    assert "is one on your own machine: if it was started anew" in " ".join(again.err.split())
    assert "mails them again" not in again.err
    assert "5  added before: left out" in again.err
    assert (none.code, "there is no unfinished run" in none.err) == (2, True)


def test_an_edited_file_sends_what_is_new_and_says_what_has_changed(airmeet):
    airmeet.people(30)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    there(*REGISTER)
    people = airmeet.people(35)
    text = (airmeet.folder / people).read_text()
    for number in range(10):
        text = text.replace(f"person-{number}@example.com,Ada,", f"person-{number}@example.com,Eve,")
    (airmeet.folder / people).write_text(text)
    done = there(*REGISTER, "--json", "--results", "r.csv")
    adds = sandbox.adds

    assert (done.code, done.json["attempts"], adds) == (0, 5, 35)
    assert "5  will be added" in done.err
    assert "30  added before: left out (10 changed since; Airmeet" in done.err
    assert "too long" not in done.err
    assert statuses(airmeet.rows("r.csv")) == ["succeeded"] * 35
    assert [row["airmeet_when"] for row in airmeet.rows("r.csv")] == ["earlier"] * 30 + ["now"] * 5


def test_rows_that_are_left_out_are_counted(airmeet):
    airmeet.people(12)
    there = airmeet.at(Sandbox())
    there(*REGISTER)
    limited = there(*REGISTER, "--limit", "5", "--results", "a.csv")
    there(*REGISTER)
    airmeet.people(4)
    shorter = there(*REGISTER, "--results", "b.csv")

    assert "no longer in it" not in limited.err
    assert "8  of the last list are no longer in it; they stay in the event" in shorter.err


def test_a_wrong_id_is_not_gone_on_with(airmeet):
    airmeet.people(3)
    there = airmeet.at(Sandbox())
    wrong = there("register", "no-such-event", "people.csv", "--no-invite")
    shown = there("runs", "show")
    bare = there("resume")

    assert (wrong.code, "no event no-such-event for these keys" in wrong.err) == (6, True)
    assert "airmeet resume" not in wrong.err
    assert "airmeet resume" not in shown.out
    assert (bare.code, "there is no unfinished run" in bare.err) == (2, True)


def test_what_may_be_there_is_looked_for_and_then_sent_again(airmeet):
    airmeet.file("booths.csv", "name", "Tea", "Coffee")
    there = airmeet.at(Sandbox("drop-after@1:on=booths.create"))
    done = there("import", "booths", EVENT, "booths.csv", "--json", "--concurrency", "1")
    shown = there("runs", "show")

    said = " ".join(done.err.split())
    assert (done.code, done.json["counts"]["unknown"]) == (3, 1)
    assert f"look first with airmeet export {EVENT} booths, then airmeet retry {done.json['job']} --unknown" in said
    assert f"airmeet retry {done.json['job']} --unknown" in shown.out


def test_another_file_of_the_same_event_knows_who_is_done_and_again_sends_them_once_more(airmeet):
    airmeet.people(3)
    airmeet.people(4, "more.csv")
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    first = there(*REGISTER, "--json")
    more = there("register", EVENT, "more.csv", "--no-invite", "--json")
    old_name = there(*REGISTER, "--fresh")
    again = there(*REGISTER, "--json", "--again")
    listed = (there("runs", "--json")).json

    assert (first.json["attempts"], more.json["attempts"], again.json["attempts"]) == (3, 1, 3)
    assert '3  added before, from "people.csv": left out' in more.err
    assert (old_name.code, "--fresh is called --again now" in old_name.err) == (2, True)
    assert "3  added before: will be sent once more" in again.err
    assert {run["job"] for run in listed} == {again.json["job"], more.json["job"]}
    assert again.json["job"] == first.json["job"]


def test_who_was_added_without_a_mail_is_mailed_once(airmeet):
    airmeet.people(3)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    there(*REGISTER)
    invite = ("register", EVENT, "people.csv", "--invite", "--yes", "--json")
    done, again = there(*invite), there(*invite)

    assert (done.code, done.json["attempts"], again.json["attempts"]) == (0, 3, 0)
    assert sandbox.world.statistics().replays == 3
    assert "3  added before without a mail: will be mailed now" in done.err


@pytest.mark.real_time
async def test_a_second_process_on_the_same_job_sends_nothing(airmeet, serving):
    airmeet.people(600)
    async with serving() as pretend:
        there = airmeet.at(pretend.url)
        with there.started(*REGISTER, "--rate", "20", "--progress", "none") as running:
            await pretend.sees(lambda world: world.statistics().adds >= 3)
            second = await there.run(*REGISTER, "--json")
            job = (await there.run("runs", "--json")).json[0]["job"]
            third = await there.run("resume", job)
            block = await there.run("block", EVENT, "person-1@example.com", "--yes")
            plan = await there.run(*REGISTER, "--dry-run", "--json")
            running.send(signal.SIGINT)
            first = await running.end()

    assert (second.code, second.json["error"]["code"], third.code, first.code) == (75, "temporary", 75, 130)
    for refused in (second, third, block):
        said = " ".join(refused.err.split())
        assert "people.csv is being registered for this event since" in said
        assert f"airmeet runs stop {job} (nothing was sent)" in said
    assert (plan.code, plan.json["rows"]) == (0, 600)
    assert sum(plan.json[name] for name in ("done_before", "unclear", "under_way", "new")) == 600
    assert plan.json["done_before"] > 0


def test_failed_rows_are_retried_and_refused_ones_only_if_asked(airmeet):
    airmeet.people(8)
    sandbox = Sandbox("422@3:on=attendees.add,422@6:on=attendees.add")
    there = airmeet.at(sandbox)
    first = there(*REGISTER, "--json", "--failed", "left.csv", "--max-failures", "50%")
    failed = there("retry", first.json["job"], "--json")
    refused = there("retry", "--rejected", "--json")
    adds = sandbox.adds

    assert (first.code, first.json["counts"]["rejected"]) == (3, 2)
    assert (failed.code, failed.json["attempts"]) == (3, 0)
    assert (refused.code, refused.json["attempts"], refused.json["earlier_counts"]["succeeded"]) == (0, 2, 6)
    assert adds == 8
    assert not (airmeet.folder / "left.csv").exists()
    assert {row["airmeet_status"] for row in airmeet.rows()} == {"succeeded"}


def test_who_got_no_clear_answer_in_all_attempts_is_unknown_and_is_retried(airmeet):
    airmeet.people(1)
    sandbox = Sandbox("drop-after@1+5:on=attendees.add")
    there = airmeet.at(sandbox)
    first = there(*REGISTER, "--json")
    again = there("retry", first.json["job"], "--json")

    assert (first.code, first.json["counts"]["unknown"], first.json["counts"]["failed"]) == (3, 1, 0)
    assert f"airmeet retry {first.json['job']} sends just the 1 row" in " ".join(first.err.split())
    assert (again.code, again.json["attempts"], again.json["counts"]["succeeded"]) == (0, 1, 1)


def test_an_unclear_invitation_is_listed_and_mailed_again_only_on_purpose(airmeet):
    airmeet.people(6)
    there = airmeet.at(Sandbox("500@4:on=attendees.add"))
    done = there(
        "register", EVENT, "people.csv", "--invite", "--yes", "--json", "--concurrency", "1", "--results", "first.csv"
    )
    again = there("retry", done.json["job"], "--invites", "--yes", "--json", "--results", "people-results.csv")

    doubtful = [row for row in airmeet.rows("first.csv") if row["airmeet_code"]]
    assert (done.code, done.json["invites_unverified"], [row["airmeet_code"] for row in doubtful]) == (
        3, 1, ["invite_unverified"],
    )  # fmt: skip
    assert doubtful[0]["airmeet_status"] == "succeeded"
    assert f"airmeet retry {done.json['job']} --invites" in " ".join(done.err.split())
    assert (again.code, again.json["attempts"], again.json["invites_unverified"]) == (0, 1, 0)
    assert not any(row["airmeet_code"] for row in airmeet.rows())


@pytest.mark.parametrize("operation", ["speakers", "booths"])
def test_other_commands_have_journals_too(airmeet, operation):
    airmeet.file("speakers.csv", "email,name", "a@example.com,Ada", "b@example.com,Bob")
    airmeet.file("booths.csv", "name", "Tea", "Coffee")
    there = airmeet.at(Sandbox())
    first = there("import", operation, EVENT, f"{operation}.csv", "--json")
    again = there("import", operation, EVENT, f"{operation}.csv", "--json")
    resumed = there("resume", first.json["job"], "--json")

    assert (first.code, again.code, resumed.code) == (0, 0, 0), first.err + again.err + resumed.err
    assert f"job {first.json['job']}: import {operation} {operation}.csv, 2 rows" in resumed.err
    assert (again.json["attempts"], resumed.json["attempts"], again.json["job"]) == (0, 0, first.json["job"])


def test_what_was_undone_is_done_again(airmeet):
    """Who was blocked, let in and is to be blocked again must not be taken for done."""
    airmeet.people(20)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    there(*REGISTER)
    words = ("block", "unblock", "block", "block")
    runs = [there(word, EVENT, "people.csv", "--json", *["--yes"] * (word == "block")) for word in words]
    blocked = [person.blocked for person in sandbox.world.people(EVENT)]

    assert [(run.code, run.json["attempts"]) for run in runs] == [(0, 20)] * 4
    assert blocked == [True] * 20


def test_a_stopped_block_goes_on_by_its_id_and_the_same_command_sends_every_row(airmeet):
    airmeet.people(20)
    block = ("block", EVENT, "people.csv", "--json", "--yes")
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    there(*REGISTER)
    stopped = there(*block, "--deadline", "0.1s", "--rate", "50", "--concurrency", "1")
    resumed = there("resume", stopped.json["job"], "--json", "--yes")
    stopped_again = there(*block, "--deadline", "0.1s", "--rate", "50", "--concurrency", "1")
    again = there(*block)

    assert [run.code for run in (stopped, resumed, stopped_again, again)] == [75, 0, 75, 0]
    done = stopped.json["counts"]["succeeded"]
    assert 0 < done < 20
    assert (resumed.json["attempts"], resumed.json["earlier_counts"]["succeeded"]) == (20 - done, done)
    assert (again.json["attempts"], again.json["earlier_counts"]["succeeded"]) == (20, 0)


def test_who_was_blocked_here_is_left_out_of_later_lists_and_named(airmeet):
    """Also of a list that was stopped before the block, of --again, and where the block was typed or purged."""
    airmeet.people(8)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    sandbox.signal(signal.SIGINT, after=2)
    there(*REGISTER, "--concurrency", "1")
    there("block", EVENT, "person-0@example.com", "PERSON-7@example.com", "--yes")
    resumed = there("resume", "--json")
    there("runs", "purge", "--all", "--yes")
    again = there(*REGISTER, "--again", "--json")
    plan = there(*REGISTER, "--dry-run", "--json").json
    people = {person.email: person.blocked for person in sandbox.world.people(EVENT)}
    there("unblock", EVENT, "person-7@example.com")
    let_in = there(*REGISTER, "--json")

    assert [run.json["counts"]["invalid"] for run in (resumed, again, let_in)] == [2, 2, 1]
    said = " ".join(again.err.split())
    assert "was blocked here on " in said
    assert "was to be blocked here on " in said  # of somebody who is not in the event
    assert "line 2" in said
    assert "line 9" in said
    assert "correct the" not in again.err
    assert (plan["blocked"], plan["invalid"], plan["done_before"]) == (2, 0, 6)
    assert people["person-0@example.com"]
    assert not people.get("person-7@example.com")  # in the event by the block alone, if at all
    assert (let_in.json["attempts"], let_in.code) == (1, 3)


def test_a_plan_leaves_the_journal_as_it_is(airmeet):
    airmeet.people(4)
    there = airmeet.at(Sandbox())
    none = there(*REGISTER, "--dry-run", "--json")
    folder = Path(airmeet.environ["HOME"]) / ".local/state/airmeet/runs"
    nothing = list(folder.iterdir())
    there(*REGISTER)
    airmeet.people(6)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    plan = there(*REGISTER, "--dry-run", "--json").json
    after = {path: path.read_bytes() for path in folder.iterdir()}

    assert (none.json["new"], nothing) == (4, [])
    assert (plan["new"], plan["done_before"], plan["gone"]) == (2, 4, 0)
    assert before == after


def test_a_run_that_mails_nobody_has_no_invitation_in_doubt(airmeet):
    airmeet.people(5)
    sandbox = Sandbox("500:100%:on=attendees.add:body=person-3@")
    there = airmeet.at(sandbox)
    there("register", EVENT, "people.csv", "--invite", "--yes")
    sandbox.clear_faults()
    settled = there(*REGISTER, "--json")
    shown = there("runs", "show", "--json")
    mailed = there("retry", "--invites", "--yes", "--json")

    assert (settled.code, settled.json["invites_unverified"], shown.json["invites_unverified"]) == (0, 0, 0)
    assert "5 of 5 added (pending until they come" in settled.err
    assert "Next" not in settled.err
    assert (mailed.code, mailed.json["attempts"]) == (0, 1)


def test_a_plan_counts_invitations_in_doubt_apart(airmeet):
    airmeet.people(5)
    there = airmeet.at(Sandbox("drop-after@4:on=attendees.add"))
    words = ("register", EVENT, "people.csv", "--invite", "--yes", "--concurrency", "1")
    there(*words)
    again = there(*words)
    planned = there(*words, "--dry-run", "--json").json

    assert "4  added and mailed before: left out" in again.err
    assert "1  added before, perhaps not mailed: left out (airmeet retry" in again.err
    assert "4 of 5 added and mailed (pending until they come) · 1 added, perhaps not mailed" in again.err
    assert "everybody in this list is done" not in again.err
    assert (planned["done_before"], planned["unverified"], planned["ready"]) == (5, 1, 0)


@pytest.mark.parametrize("kind", ["refused", "left out", "import"])
def test_only_where_everybody_is_done_that_is_said(airmeet, kind):
    there = airmeet.at(Sandbox("422@1:on=attendees.add" if kind == "refused" else ""))
    words = REGISTER
    if kind == "import":
        airmeet.file("booths.csv", "name", "Tea")
        words = ("import", "booths", EVENT, "booths.csv")
    elif kind == "refused":
        airmeet.people(3)
    else:
        airmeet.file("people.csv", "email,first_name,last_name", "ada@example.com,Ada,Ay", "bad,B,Bee")
    there(*words)
    again = there(*words, "--json")

    assert again.json["attempts"] == 0
    assert "everybody in this list is done" not in again.err


def test_a_plan_says_how_many_were_done_by_another_file(airmeet):
    airmeet.people(8)
    airmeet.people(2, "left.csv")
    there = airmeet.at(Sandbox())
    there(*REGISTER)
    there("register", EVENT, "left.csv", "--no-invite")
    again = there(*REGISTER)

    assert '8  added before, 2 of them from "left.csv": left out' in again.err


def test_the_screen_of_a_retry_says_what_it_does_and_names_who_is_blocked(airmeet):
    airmeet.people(5)
    sandbox = Sandbox("422:100%:on=attendees.add")
    there = airmeet.at(sandbox)
    there("register", EVENT, "people.csv", "--invite", "--yes", "--max-failures", "100%")
    sandbox.clear_faults()
    there("block", EVENT, "person-0@example.com", "person-1@example.com", "person-2@example.com")
    retried = there("retry", EVENT, "--rejected", "--yes")
    said = " ".join(retried.err.split())

    assert "2 refused before: will be added and mailed, unless they are refused again" in said
    assert "3 left out: were to be blocked here, which Airmeet refused; unblock them to let them in lines 2, 3" in said
    assert sandbox.world.statistics().mails == 2


def test_a_declined_run_changes_nothing_of_what_the_earlier_one_will_do(airmeet):
    airmeet.people(30)
    sandbox = Sandbox()
    sandbox.signal(signal.SIGINT, after=8)
    there = airmeet.at(sandbox)
    words = ("register", EVENT, "people.csv", "--invite")
    there(*words, "--yes", "--rate", "60", "--concurrency", "1", "--failed", "left.csv")
    before = there("runs", "show", "--json").json
    declined = there(*words, "--failed", "other.csv", "--results", "r.csv", typed="n\n")
    after = there("runs", "show", "--json").json
    there(*words, "--yes", "--results", "r.csv")

    assert (declined.code, after) == (130, before)
    assert there("runs", "show", "--json").json["results_path"] == str(airmeet.folder / "r.csv")


def test_typed_addresses_are_named_and_numbered_and_get_no_file_unasked(airmeet):
    there = airmeet.at(Sandbox())
    there("register", EVENT, airmeet.people(1), "--no-invite")
    block = ("block", EVENT, "no-1@example.com", "person-0@example.com", "no-2@example.com")
    blocked = there(*block, "--json")
    retried = there("retry", "--rejected", "--yes")
    files = sorted(path.name for path in airmeet.folder.iterdir())
    there(*block, "--results", "r.csv")
    there("retry", "--rejected", "--yes")

    assert blocked.json["failures"][0]["sample_rows"] == [1, 3]
    assert "rows 1 and 3" in blocked.err
    assert "block typed addresses, 3 rows" in retried.err
    assert "Next: correct" not in retried.err
    assert files == ["people-results.csv", "people.csv"]
    assert [row["airmeet_row"] for row in airmeet.rows("r.csv")] == ["1", "2", "3"]
    assert [row["airmeet_attempts"] for row in airmeet.rows("r.csv")] == ["4", "2", "4"]


def test_a_retry_of_invitations_is_for_a_run_that_mails(airmeet):
    airmeet.people(3)
    there = airmeet.at(Sandbox())
    there(*REGISTER)
    there("block", EVENT, "people.csv", "--yes")
    refused = there("retry", "--invites", "--yes")

    assert (refused.code, "people are blocked from the event, so there is none to mail" in refused.err) == (2, True)


def test_an_again_that_was_stopped_goes_on_with_the_others(airmeet):
    airmeet.people(9)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    again = ("register", EVENT, "people.csv", "--invite", "--yes", "--concurrency", "1")
    there(*again)
    seen = bodies(sandbox)
    stopped = there(*again, "--again", "--rate", "50", "--deadline", "0.1s")
    done = there(*again, "--again", "--json")
    mails = Counter(body["email"] for body in seen if body.get("sendEmailInvite"))

    assert (stopped.code, done.code) == (75, 0)
    assert mails == {f"person-{n}@example.com": 1 for n in range(9)}
    assert "9  mailed before: will be mailed a second time" in stopped.err


def test_refused_for_want_of_a_registration_is_sent_again_and_other_refusals_are_not(airmeet):
    airmeet.people(8)
    sandbox = Sandbox("422@1:on=attendees.add")
    there = airmeet.at(sandbox)
    small = ("register", community.SMALL, "people.csv", "--no-invite", "--register", "--concurrency", "1", "--json")
    first = there(*small)
    sandbox.world.events[community.SMALL].quota = 10
    second = there(*small)

    left = first.json["counts"]["rejected"]
    assert left > 1
    assert (second.json["counts"]["rejected"], second.json["attempts"]) == (1, left - 1)


def test_a_journal_may_have_a_place_of_its_own(airmeet):
    airmeet.people(4)
    there = airmeet.at(Sandbox("401@3:on=attendees.add"))
    first = there(*REGISTER, "--journal", "my launch.job", "--concurrency", "1")
    done = there("resume", "my launch.job", "--json")
    listed = there("runs", "--json")

    assert (first.code, done.code, listed.json) == (6, 0, [])
    assert (done.json["counts"]["succeeded"], done.json["earlier_counts"]["succeeded"]) == (4, 2)


def change(path, sql, *values):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(sql, values)


@pytest.mark.parametrize("member", ["results", "failed"])
def test_a_file_that_somebody_made_writes_no_file_of_its_choice(airmeet, member):
    airmeet.people(60)
    sandbox = Sandbox()
    sandbox.signal(signal.SIGINT, after=8)
    there = airmeet.at(sandbox)
    there(*REGISTER, "--rate", "60", "--journal", "a.job", "--failed", "left.csv")
    target = airmeet.folder.parent / ".bash_aliases"
    note = "UPDATE list SET facts = json_set(facts, '$.note.' || ?, ?, '$.note.command', 'doctor')"
    change(airmeet.folder / "a.job", note, member, str(target))
    shown = there("runs", "show", "a.job")
    done = there("resume", "a.job", "--json")

    assert (done.code, done.json["counts"]["succeeded"]) == (0, 60)
    assert not target.exists()
    assert (done.json["results_path"], done.json["failed_path"]) == ("a-results.csv", None)
    assert "doctor" not in shown.out + done.err


def test_a_file_that_somebody_made_does_what_its_title_says(airmeet):
    """Also where a row, or the whole list, asks for something else."""
    airmeet.people(3)
    there = airmeet.at(Sandbox("500:100%"))
    there(*REGISTER, "--journal", "a.job", "--max-failures", "1")
    hook = '["webhooks.register",{},{},{"name":"x","url":"https://evil.example"}]'
    change(airmeet.folder / "a.job", "UPDATE entry SET request = ?", hook)
    row = airmeet.at(Sandbox())("resume", "a.job")
    change(airmeet.folder / "a.job", "UPDATE list SET facts = json_set(facts, '$.template', null)")
    change(airmeet.folder / "a.job", "UPDATE facts SET value = ? WHERE name = 'operation'", '"custom"')
    custom = airmeet.at(Sandbox())("resume", "a.job")

    assert (row.code, "an operation of its own" in row.err) == (2, True)
    assert (custom.code, "what a program chose" in custom.err) == (2, True)


def test_a_journal_in_a_folder_for_everybody_is_refused_before_anything_is_sent(airmeet):
    airmeet.people(3)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    shared = airmeet.folder / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    refused = there(*REGISTER, "--journal", "shared/a.job")
    own = refused.err.split("such as ")[-1].strip()
    done = there(*REGISTER, "--journal", own)

    assert (refused.code, "everybody can write in it" in refused.err) == (2, True)
    assert (done.code, sandbox.adds, list(shared.iterdir())) == (0, 3, [])


def test_without_a_place_for_journals_nothing_is_sent(airmeet):
    airmeet.people(2)
    airmeet.file("state", "a file, no folder")
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    refused = there(*REGISTER, XDG_STATE_HOME=str(airmeet.folder / "state"))
    named = there(*REGISTER, "--journal", "a.job", XDG_STATE_HOME=str(airmeet.folder / "state"))
    adds = sandbox.adds

    assert (refused.code, named.code, adds) == (2, 0, 2)
    assert "state/airmeet/runs" in refused.err
    assert "--journal PATH" in refused.err


def test_a_deadline_stops_a_run_that_can_be_resumed(airmeet):
    airmeet.people(200)
    there = airmeet.at(Sandbox())
    done = there(*REGISTER, "--rate", "20", "--deadline", "1s", "--json")

    assert (done.code, done.json["stop_reason"], done.json["resumable"]) == (75, "deadline", True)
    assert "Next: run the same command again; it goes on from here" in done.err


def test_too_many_failures_stop_a_run(airmeet):
    airmeet.people(30)
    there = airmeet.at(Sandbox("422:100%:on=attendees.add"))
    done = there(*REGISTER, "--max-failures", "3", "--concurrency", "1", "--json")

    assert (done.code, done.json["stop_reason"], done.json["counts"]["rejected"]) == (7, "failures", 4)


def stopped_in_flight(there, pretend):
    """Stop a run at once while a request of one row is under way, and make its journal a day older."""
    pretend.signal(signal.SIGINT, signal.SIGINT, after=3)
    there(*REGISTER, "--progress", "none", "--concurrency", "1")
    run = there("runs", "--json").json[0]
    with contextlib.closing(sqlite3.connect(run["journal"], isolation_level=None)) as db:
        db.execute("UPDATE outcome SET touched = touched - 90000")
    return run["job"]


def test_rows_that_were_unclear_a_day_ago_wait_for_a_word(airmeet):
    airmeet.people(6)
    sandbox = Sandbox("hang-after@4:on=attendees.add")
    there = airmeet.at(sandbox)
    job = stopped_in_flight(there, sandbox)
    held = there("resume", job, "--json")
    done = there("resume", job, "--json", "--accept-stale")

    assert (held.code, held.json["counts"]["unknown"], held.json["counts"]["succeeded"]) == (3, 1, 5)
    assert f"airmeet resume {job} --accept-stale" in " ".join(held.err.split())
    assert (done.code, done.json["counts"]["succeeded"], done.json["earlier_counts"]["succeeded"]) == (0, 6, 5)


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("", 3)])
def test_on_a_terminal_it_is_asked_for(airmeet, answer, code):
    airmeet.people(6)
    sandbox = Sandbox("hang-after@4:on=attendees.add")
    there = airmeet.at(sandbox)
    job = stopped_in_flight(there, sandbox)
    done = there("resume", job, typed=f"{answer}\n")

    assert "1 row was sent more than 24 hours ago without a clear answer." in done.err
    assert "Send it again? [y/N]" in done.err
    assert done.code == code


def test_another_address_is_not_the_same_job(airmeet):
    airmeet.people(2)
    airmeet.at(Sandbox("401@2:on=attendees.add"))(*REGISTER)
    moved = airmeet.at(Sandbox())("resume", AIRMEET_URI="http://127.0.0.1:2/prod")

    said = " ".join(moved.err.split())
    assert moved.code == 2
    assert "this run is for http://127.0.0.1:1/prod, not http://127.0.0.1:2/prod; set AIRMEET_URI=http://127" in said


def test_resume_by_the_event_goes_on_with_each_list_as_it_was_asked_for(airmeet):
    """A silent list and one with mails, both stopped; a third one was declined and is left alone."""
    airmeet.people(12)
    airmeet.file("vips.csv", "email,first_name,last_name", *(f"vip-{n}@example.com,Ada,Vip" for n in range(6)))
    airmeet.file("no.csv", "email,first_name,last_name", "no@example.com,Ada,No")
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    slow = ("--rate", "50", "--deadline", "0.05s", "--concurrency", "1")
    there(*REGISTER, *slow)
    there("register", EVENT, "vips.csv", "--invite", "--yes", *slow)
    there("register", EVENT, "no.csv", "--invite", typed="n\n")
    seen = bodies(sandbox)
    done = there("resume", EVENT, "--yes")
    people = {person.email for person in sandbox.world.people(EVENT)}

    mailed = {body["email"] for body in seen if body.get("sendEmailInvite")}
    assert done.code == 0
    assert all(email.startswith("vip-") for email in mailed)
    assert "register people.csv, 12 rows; no invitations are mailed" in done.err
    assert "register vips.csv, 6 rows; Airmeet mails each person an invitation" in " ".join(done.err.split())
    assert "no@example.com" not in people
    assert len([email for email in people if email.startswith(("vip-", "person-"))]) == 18


def test_a_row_that_was_under_way_and_is_corrected_says_that_the_correction_was_not_sent(airmeet):
    airmeet.people(6)
    sandbox = Sandbox("hang-after@4:on=attendees.add")
    there = airmeet.at(sandbox)
    sandbox.signal(signal.SIGINT, signal.SIGINT, after=3)
    there(*REGISTER, "--progress", "none", "--concurrency", "1")
    path = airmeet.folder / "people.csv"
    path.write_text(path.read_text().replace("Number 3", "Corrected"))
    done = there(*REGISTER, "--results", "r.csv")
    [row] = [row for row in airmeet.rows("r.csv") if row["last_name"] == "Corrected"]

    assert done.code == 0
    assert (row["airmeet_status"], "Airmeet keeps the old details" in row["airmeet_error"]) == ("succeeded", True)
    assert "1 row has changed since it was done" in done.err


def test_lists_from_standard_input_do_not_take_each_other_s_place(airmeet):
    there = airmeet.at(Sandbox())
    pipe = ("register", EVENT, "-", "--no-invite", "--results", "r.csv", "--concurrency", "1", "--rate", "50")
    head = "email,first_name,last_name\n"
    first = "".join(f"a-{n}@example.com,Ada,A\n" for n in range(9))
    there(*pipe, "--deadline", "0.05s", given=head + first)
    there(*pipe, given=f"{head}b@example.com,Ada,B\n")
    resumed = there("resume", "--json")
    again = there(*pipe, "--json", given=head + first)

    assert (resumed.code, resumed.json["rows_read"], resumed.json["counts"]["succeeded"]) == (0, 9, 9)
    assert (again.json["job"], again.json["attempts"]) == (resumed.json["job"], 0)


def test_the_first_few_rows_of_a_file_are_another_list(airmeet):
    airmeet.people(12)
    there = airmeet.at(Sandbox())
    slow = ("--rate", "50", "--deadline", "0.05s", "--concurrency", "1")
    whole = there(*REGISTER, *slow, "--json")
    few = there(*REGISTER, "--limit", "6", "--results", "few.csv", "--json")
    resumed = there("resume", "--json")

    assert few.json["counts"]["succeeded"] == 6
    assert (resumed.json["job"], resumed.json["attempts"]) == (whole.json["job"], 6)


def test_a_list_that_was_edited_since_is_sent_as_it_was_and_that_is_said(airmeet):
    airmeet.people(6)
    sandbox = Sandbox()
    sandbox.signal(signal.SIGINT, after=2)
    there = airmeet.at(sandbox)
    there(*REGISTER, "--concurrency", "1")
    before = there("retry", "--rejected")
    airmeet.people(3)
    resumed = there("resume", "--json")

    said = "people.csv has changed since: this sends it as it was; to send the list as it is now, run airmeet register"
    assert "changed since" not in before.err
    assert said in " ".join(resumed.err.split())
    assert resumed.json["counts"]["succeeded"] == 6


def test_a_list_is_no_run_file_and_the_message_says_what_sends_it(airmeet):
    airmeet.people(2)
    done = airmeet.at(Sandbox())("retry", "people.csv")

    assert done.code != 0
    assert "people.csv: is no run file" in done.err
    assert "airmeet register AIRMEET_ID people.csv" in " ".join(done.err.split())


def test_people_of_several_other_lists_count_for_one_of_them(airmeet):
    """So that the numbers of the lists never come to more than all who were done."""
    there, head = airmeet.at(Sandbox()), "email,first_name,last_name"
    people = [f"p{n}@example.com,Ada,N{n}" for n in range(5)]
    for name, rows in (("a.csv", people[:3]), ("b.csv", people[1:4]), ("b.csv", people[2:4])):
        airmeet.file(name, head, *rows)
        there("register", EVENT, name, "--no-invite", "--again")
    airmeet.file("all.csv", head, *people)
    plan = there("register", EVENT, "all.csv", "--no-invite", "--dry-run", "--json")

    assert plan.json["done_before"] == 4
    assert '4 added before, 2 of them from "b.csv", 2 of them from "a.csv": left out' in " ".join(plan.err.split())


@pytest.mark.parametrize("flag", ["--results", "--failed"])
def test_a_result_file_is_not_named_like_a_workbook(airmeet, flag):
    airmeet.people(1)
    done = airmeet.at(Sandbox())(*REGISTER, flag, "x.xlsx")

    assert done.code == 2
    assert "results are written as CSV, or as JSON lines; choose a name such as x.csv" in " ".join(done.err.split())
