"""The plan of a run and that of a dry run say what the run then does, and what its summary says."""

import re
import signal
import time
from unittest.mock import patch

import pytest

from airmeet_async.sandbox import community
from tests.support.command import Sandbox

EVENT = community.SUMMIT
HEAD = "email,first_name,last_name"
_DAY = 24 * 3600
CANCELLED = "sent, but to check: may not come, as the list says   lines 2 and 4"


def guests(airmeet):
    return airmeet.file(
        "guests.csv",
        f"{HEAD},status",
        "a@example.com,Ada,Ay,cancelled", "b@example.com,Bob,Bee,coming", "c@example.com,Cyd,Cee,deleted",
    )  # fmt: skip


def warned(report):
    return [(found["code"], found["n"]) for found in report["warnings"]]


def test_rows_sent_once_more_have_the_findings_in_the_plan_that_they_have_in_the_summary(airmeet):
    register, there = ("register", EVENT, guests(airmeet), "--no-invite"), airmeet.at(Sandbox())
    there(*register)
    plan = there(*register, "--again", "--dry-run", "--json")
    done = there(*register, "--again", "--json")

    assert (plan.code, plan.json["warned"], [cause["n"] for cause in plan.json["causes"]]) == (3, 2, [2])
    assert f"2  {CANCELLED}" in done.err
    assert warned(done.json) == [("may_not_come", 2)]
    assert there(*register, "--dry-run").code == 0  # nobody is sent


def test_rows_that_are_tried_again_have_the_findings_in_the_plan_that_they_have_in_the_summary(airmeet):
    there = airmeet.at(Sandbox("422@1:on=attendees.add,422@3:on=attendees.add"))
    there("register", EVENT, guests(airmeet), "--no-invite", "--max-failures", "100%")
    done = there("retry", "--rejected", "--json")

    assert "2  refused before: will be added, unless they are refused again" in done.err
    assert f"2  {CANCELLED}" in done.err
    assert (done.json["warned_rows"], warned(done.json)) == (2, [("may_not_come", 2)])


def test_rows_that_a_retry_leaves_to_a_resume_are_not_among_those_to_check(airmeet):
    sandbox = Sandbox("422@1:on=attendees.add")
    sandbox.signal(signal.SIGINT, after=1)
    there, words = airmeet.at(sandbox), ("cancelled", "", "", "cancelled")
    rows = [f"p{number}@example.com,Ada,N{number},{word}" for number, word in enumerate(words)]
    people = airmeet.file("people.csv", f"{HEAD},status", *rows)
    there("register", EVENT, people, "--no-invite", "--concurrency", "1", "--rate", "10", "--json")
    retried = there("retry", "--rejected", "--json")
    resumed = there("resume", "--json")

    assert (retried.json["counts"]["unprocessed"], warned(retried.json)) == (1, [("may_not_come", 1)])
    assert warned(resumed.json) == [("may_not_come", 1)]


def test_a_retry_does_not_say_that_it_sends_who_was_blocked_since(airmeet):
    airmeet.people(2)
    there = airmeet.at(Sandbox("500@1+10:on=attendees.add"))
    first = there("register", EVENT, "people.csv", "--no-invite", "--max-failures", "100%", "--json")
    there("block", EVENT, "person-1@example.com")
    retried = there("retry", "--json")

    assert first.json["counts"]["failed"] + first.json["counts"]["unknown"] == 2
    assert (retried.json["attempts"], retried.json["counts"]["invalid"]) == (1, 1)
    assert re.findall(r"(\d) .* before.*: will be", retried.err) == ["1"]


def test_what_was_noted_of_rows_that_are_held_is_no_finding(airmeet):
    register = ("register", EVENT, guests(airmeet), "--no-invite", "--json")
    there = airmeet.at(Sandbox("500-after@1+5:body=a@"))
    there(*register)
    real = time.time
    with patch("time.time", lambda: real() + 2 * _DAY):
        plan = there(*register, "--dry-run")
        done = there(*register)

    assert (plan.json["held"], plan.json["warned"], plan.code) == (1, 0, 3)
    assert (done.json["warned_rows"], done.code) == (0, 3)


def test_a_dry_run_counts_what_was_held_as_sent_if_that_is_allowed(airmeet):
    airmeet.people(3)
    there = airmeet.at(Sandbox("500-after@1+5:body=person-1@"))
    register = ("register", EVENT, "people.csv", "--no-invite", "--json")
    there(*register)
    real = time.time
    with patch("time.time", lambda: real() + 2 * _DAY):
        plan = there(*register, "--dry-run").json
        allowed = there(*register, "--dry-run", "--accept-stale").json
        done = there(*register, "--accept-stale")

    assert [plan[name] for name in ("ready", "unclear", "held", "exit_code")] == [0, 0, 1, 3]
    assert [allowed[name] for name in ("ready", "unclear", "held", "exit_code")] == [1, 1, 0, 0]
    assert (done.json["attempts"], done.code) == (1, 0)


def test_a_dry_run_ends_with_3_for_rows_that_keep_its_run_from_ending_with_0(airmeet):
    airmeet.people(3)
    register = ("register", EVENT, "people.csv", "--no-invite", "--json")
    there = airmeet.at(Sandbox("422@2:on=attendees.add"))
    there(*register, "--max-failures", "100%")
    refused = there(*register, "--dry-run"), there(*register)
    there("retry", "--rejected")
    there("block", EVENT, "person-0@example.com")
    blocked = there(*register, "--dry-run"), there(*register)
    there("unblock", EVENT, "person-0@example.com")
    airmeet.file("people.csv", HEAD, "person-0@example.com,Ada,Number 0", "person-0@example.com,Ada,Number 0")
    repeated = there(*register, "--dry-run"), there(*register)

    assert (refused[0].json["refused_before"], *(one.code for one in refused)) == (1, 3, 3)
    assert (blocked[0].json["blocked"], *(one.code for one in blocked)) == (1, 3, 3)
    assert (repeated[0].json["duplicates"], *(one.code for one in repeated)) == (1, 0, 0)


def test_registrations_of_a_hybrid_event_are_those_of_people_who_are_not_in_it_yet(airmeet):
    def write(n):
        rows = [f"p{number}@example.com,Ada,N{number},VIRTUAL" for number in range(n)]
        return airmeet.file("people.csv", f"{HEAD},attendance_type", *rows)

    sandbox = Sandbox()
    there, register = airmeet.at(sandbox), ("register", community.HYBRID, write(4), "--json")
    first = there(*register, "--no-invite", "--dry-run").json
    there(*register, "--no-invite")
    write(5)
    plan = there(*register, "--invite", "--register", "--dry-run").json
    again = there(*register, "--no-invite", "--again", "--dry-run")
    used = sandbox.world.statistics().registrations
    there(*register, "--invite", "--register", "--yes")

    assert [one["registrations"] for one in (first, plan, again.json)] == [4, 1, 1]
    assert (plan["new"], plan["not_yet_mailed"]) == (1, 4)
    assert "1  will be registered; this uses 1 of your plan's registrations" in again.err
    assert (used, sandbox.world.statistics().registrations) == (4, 5)


def test_a_run_that_goes_on_says_how_many_registrations_of_a_hybrid_event_it_uses(airmeet):
    rows = [f"p{number}@example.com,Ada,N{number},VIRTUAL" for number in range(6)]
    airmeet.file("people.csv", f"{HEAD},attendance_type", *rows)
    sandbox = Sandbox("422@2:on=attendees.add")
    there = airmeet.at(sandbox)
    sandbox.signal(signal.SIGINT, after=2)
    slowly = ("--concurrency", "1", "--rate", "10", "--max-failures", "100%")
    there("register", community.HYBRID, "people.csv", "--no-invite", *slowly)
    left = 6 - sandbox.adds
    retried = there("retry", "--rejected")
    resumed = there("resume")

    assert "will be registered, unless they are refused again; this uses 1 of your plan's registrations" in " ".join(
        retried.err.split()
    )
    assert f"{left - 1}  will be registered; this uses {left - 1} of your plan's registrations" in resumed.err
    assert sandbox.world.statistics().registrations == 6


def test_people_who_are_registered_use_no_registration_once_more(airmeet):
    airmeet.people(3)
    there, register = airmeet.at(Sandbox()), ("register", EVENT, "people.csv", "--no-invite")
    there(*register)
    pending = there(*register, "--register", "--dry-run")
    there(*register, "--register")
    again = there(*register, "--register", "--again", "--dry-run", "--json").json

    assert "3 pending until now: will be registered; this uses 3 of your plan's registrations" in " ".join(
        pending.err.split()
    )
    assert (again["again"], again["registrations"]) == (3, 0)


@pytest.mark.parametrize("words", [(), ("--dry-run",)], ids=["run", "dry run"])
def test_lists_of_standard_input_and_of_other_folders_are_not_the_last_one(airmeet, words):
    ann, bob, cyd = ("a@example.com,Ann,Ay\n", "b@example.com,Bob,Bee\n", "c@example.com,Cyd,Cee\n")
    there = airmeet.at(Sandbox())
    there("register", EVENT, "-", "--no-invite", given=f"{HEAD}\n{ann}{bob}")
    typed = there("register", EVENT, "-", "--no-invite", *words, given=f"{HEAD}\n{ann}{cyd}")
    for folder, text in (("one", ann + bob), ("two", ann)):
        (airmeet.folder / folder).mkdir()
        (airmeet.folder / folder / "people.csv").write_text(f"{HEAD}\n{text}")
    there("register", EVENT, "one/people.csv", "--no-invite")
    other = there("register", EVENT, "two/people.csv", "--no-invite", *words)
    (airmeet.folder / "one/people.csv").write_text(f"{HEAD}\n{ann}")
    edited = there("register", EVENT, "one/people.csv", "--invite", "--yes", *words)

    assert not any("of the last list" in done.err for done in (typed, other))
    assert "1  of the last list are no longer in it" in edited.err
