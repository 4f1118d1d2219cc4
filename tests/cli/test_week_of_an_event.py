"""A week of an events team: lists, edits, mails, blocks, a quota, corrections. In each step all sums are the same ones.

Plan, summary, results file, report page, JSON report and the sandbox's books are compared after every command.
"""

import csv
import json
import re
import signal

import pytest

from airmeet_async.sandbox import community
from tests.support.command import Sandbox

pytestmark = pytest.mark.slow

EVENT = community.SUMMIT
N = 240


class Week:
    """The team's folder, and the event."""

    def __init__(self, airmeet):
        self.sandbox = Sandbox(replay_mails=True)  # every mail that is asked for goes out, so that doubles show
        self.there = airmeet.at(self.sandbox)
        self.folder = airmeet.folder
        self.n = 0

    def write(self, name, people):
        with (self.folder / name).open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("email", "first_name", "last_name"), *people])

    def read(self, name):
        with (self.folder / name).open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))

    @property
    def mails(self):
        return self.sandbox.world.statistics().mails

    def step(self, *words, event=EVENT, code=0, stops=False, has_links=True):
        """Plan, register, compare; return the plan and the report."""
        self.n += 1
        results, page = f"results-{self.n}.csv", f"page-{self.n}.html"
        plan = self.there("register", event, *words, "--dry-run", "--json").json
        before = self.mails
        done = self.there("register", event, *words, "--yes", "--json", "--results", results, "--report", page)
        report, rows, counts = done.json, self.read(results), done.json["counts"]
        assert done.code == code, done.err

        by_status = dict.fromkeys(counts, 0)
        for row in rows:
            by_status[row["airmeet_status"]] += 1
        [facts] = map(json.loads, re.findall(r'id="airmeet-report">(.*?)</script>', (self.folder / page).read_text()))
        assert plan["rows"] == report["rows_read"] == len(rows) == sum(counts.values())
        assert counts == by_status == facts["counts"]
        assert plan["invalid"] + plan["blocked"] == counts["invalid"]
        assert plan["duplicates"] == counts["duplicate"]
        people = {person.email.lower(): person for person in self.sandbox.world.people(event)}
        for row in rows:
            if row["airmeet_status"] == "succeeded":
                link = people[row["email"].lower()].entry_link
                assert row["airmeet_entry_link"] == (link if has_links else "")
        if not stops:
            assert report["attempts"] == plan["ready"]
            assert self.mails - before == plan["invitations"]
            assert f"{counts['succeeded']} of {counts['succeeded'] + counts['rejected']} registered" in done.err or (
                f"all {counts['succeeded']} are registered" in done.err
            )
        return plan, report


def person(n, last="Lovelace"):
    return f"person-{n}@example.com", "Ada", last


def test_all_sums_are_the_same_in_every_step_of_a_week(airmeet):
    week = Week(airmeet)
    here, world = week.there, week.sandbox.world

    # Monday: the whole list, with three addresses that are none, and one person twice.
    guests = [person(n) for n in range(N)]
    week.write("guests.csv", [*guests, ("none", "A", "B"), ("no@", "A", "B"), ("@no.example", "A", "B"), guests[7]])
    plan, _ = week.step("guests.csv", "--no-invite", code=3)
    assert (plan["new"], plan["invalid"], plan["duplicates"], plan["invitations"]) == (N, 3, 1, 0)

    # Tuesday: addresses corrected by hand, five people have married, ten are new, four have left.
    guests = [person(n, "King") if n < 5 else person(n) for n in range(N - 4)]
    guests += [person(n) for n in range(N, N + 10)] + [(f"corrected-{n}@example.com", "A", "B") for n in range(3)]
    week.write("guests.csv", guests)
    plan, report = week.step("guests.csv", "--no-invite")
    assert (plan["new"], plan["done_before"], plan["changed"], plan["gone"]) == (13, N - 4, 5, 4)
    assert report["changed"] == 5

    # Wednesday: a partner's list, of which forty are in already, is mailed; then everybody.
    week.write(
        "partners.csv", [person(n) for n in range(40)] + [(f"partner-{n}@example.com", "P", "Q") for n in range(20)]
    )
    plan, _ = week.step("partners.csv", "--invite")
    assert (plan["new"], plan["not_yet_mailed"], plan["invitations"]) == (20, 40, 60)
    plan, _ = week.step("guests.csv", "--invite")
    assert (plan["not_yet_mailed"], plan["done_before"]) == (len(guests) - 40, 40)
    assert week.step("guests.csv", "--invite")[0]["ready"] == 0

    # Thursday: a third list is stopped; its left rows are fed back, then the list itself once more.
    week.write("press.csv", [(f"press-{n}@example.com", "P", "R") for n in range(30)])
    week.sandbox.signal(signal.SIGINT, after=week.sandbox.adds + 10)
    week.step("press.csv", "--invite", "--failed", "left.csv", "--concurrency", "2", code=130, stops=True)
    plan, _ = week.step("left.csv", "--invite")
    assert 0 < plan["new"] < 30
    assert week.step("press.csv", "--invite")[0]["done_before"] == 30

    # Friday: six are blocked, two of them by hand and one before he was ever in; two are let in again.
    week.write("blocked.csv", [person(n) for n in range(3)] + [("stranger@example.com", "S", "T")])
    here("block", EVENT, "blocked.csv", "--yes")
    here("block", EVENT, "person-3@example.com", "PERSON-4@example.com", "--yes")
    week.write("guests.csv", [*guests, ("stranger@example.com", "S", "T"), person(999)])
    plan, _ = week.step("guests.csv", "--invite", code=3)
    assert (plan["new"], plan["blocked"], plan["invitations"]) == (1, 6, 1)
    here("unblock", EVENT, "person-0@example.com", "stranger@example.com")
    plan, _ = week.step("guests.csv", "--invite", code=3)
    assert (plan["new"], plan["blocked"], plan["done_before"]) == (1, 4, len(guests) - 3)
    assert sum(one.blocked for one in world.people(EVENT)) == 4

    # The round table has three places; two days later it has more.
    week.write("table.csv", [person(n) for n in range(5)])
    plan, report = week.step("table.csv", "--no-invite", "--register", event=community.SMALL, code=3)
    assert (plan["registrations"], report["counts"]["rejected"]) == (5, 2)
    world.events[community.SMALL].quota = 9
    plan, _ = week.step("table.csv", "--no-invite", "--register", event=community.SMALL)
    assert (plan["new"], plan["done_before"], plan["registrations"]) == (2, 3, 2)

    # Saturday: names and links go from this machine, and nobody is mailed a second time for it.
    here("runs", "purge", "--all", "--yes")
    assert week.step("guests.csv", "--invite", code=3, has_links=False)[0]["ready"] == 0
    assert max(one.mails for one in world.people(EVENT)) == 1
