"""What is said before people are mailed a second time, or lose their access once more, and when nothing is left."""

import re
import signal
from collections import Counter

import pytest
from attrs import evolve

from airmeet_async import BulkStoppedError
from airmeet_async.bulk.input.plan import BulkPlan
from airmeet_async.cli.confirm_run import TargetEvent, confirm_run
from airmeet_async.cli.console import Console
from airmeet_async.cli.output.summary import describe_next_step, wording_of
from airmeet_async.sandbox import community
from tests.support.bulk_runs import bodies
from tests.support.command import Sandbox
from tests.support.worlds import EVENT, client_of, transport_of


class Asked(Console):
    can_ask = True
    question = ""

    def confirm(self, question: str) -> bool:
        self.question = question
        return True


@pytest.mark.parametrize(
    ("facts", "question"),
    [
        ({"mails": 100, "second_mails": 100}, "Mail 100 people a second invitation to event e1?"),
        (
            {"mails": 3, "second_mails": 1},
            "Mail 2 people an invitation to event e1, and 1 person a second one?",
        ),
        (
            {"mails": 106, "doubtful_mails": 106},
            "Mail 106 people an invitation to event e1? Some of them may get it twice.",
        ),
        (
            {"mails": 300, "not_coming": 14},
            "Mail 300 people an invitation to event e1? 14 of them are marked in the list as not coming.",
        ),
    ],
)
def test_a_second_mail_is_called_one(facts, question):
    console = Asked()
    confirm_run(TargetEvent("e1"), console, **facts)

    assert console.question == question


def test_a_plan_counts_second_mails_apart():
    plan = BulkPlan(airmeet_id="e1", ready=3, again=2, second_invitations=1, invitations=3)

    assert [line.strip() for line in plan.count_lines()] == [
        "1  will be registered and mailed",
        "1  mailed before: will be mailed a second time",
        "1  registered before: will be sent once more and mailed",
    ]


def test_blocking_once_more_is_harmless():
    plan = BulkPlan(airmeet_id="e1", ready=1, again=1, done="blocked")

    assert plan.count_lines() == ["  1  blocked before: will be blocked again, which is harmless"]


def test_block_has_no_option_for_sending_again(airmeet):
    help_page = airmeet("block", "--help").out

    assert "--again" not in help_page
    assert "--journal" in help_page


def test_a_plan_of_second_mails_comes_from_the_journal(airmeet):
    (airmeet.folder / "w.csv").write_text("email,first_name,last_name\na@example.com,Ada,Ay\n", encoding="utf-8")
    airmeet = airmeet.at(Sandbox())
    first = airmeet("register", community.LIVE, "w.csv", "--invite", "--yes")
    again = airmeet("register", community.LIVE, "w.csv", "--invite", "--again", "--yes")

    assert (first.code, again.code) == (0, 0)
    assert "1  mailed before: will be mailed a second time" in again.err


def test_who_may_have_been_mailed_counts_as_mailed_before(airmeet):
    airmeet.people(2)
    sandbox = Sandbox("hang-after@2:on=attendees.add")
    there = airmeet.at(sandbox)
    sandbox.signal(signal.SIGINT, signal.SIGINT, after=1)
    command = ("register", community.SUMMIT, "people.csv", "--invite", "--yes", "--concurrency", "1", "--json")
    unclear = there(*command)
    plan = there(*command, "--again", "--dry-run").json

    assert unclear.json["counts"]["unknown"] == 1
    assert (plan["again"], plan["invitations"], plan["second_invitations"]) == (2, 2, 2)


def test_a_list_that_is_done_says_what_again_does(airmeet):
    airmeet.people(1)
    there = airmeet.at(Sandbox())
    command = ("register", community.SUMMIT, "people.csv", "--invite", "--yes")
    there(*command)

    assert "--again sends them once more, and mails them again" in " ".join(there(*command).err.split())


@pytest.mark.slow
def test_blocking_again_is_asked_for_by_nobody(airmeet):
    airmeet.people(2)
    there = airmeet.at(Sandbox())
    there("register", community.SUMMIT, "people.csv", "--no-invite")
    said = [
        there(word, community.SUMMIT, "people.csv", *yes)
        for word, yes in (
            ("block", ["--yes"]),
            ("block", ["--yes"]),
            ("unblock", []),
            ("unblock", []),
        )
    ]

    assert "2  blocked before: will be blocked again, which is harmless" in said[1].err
    assert "2  unblocked before: will be unblocked again, which is harmless" in said[3].err
    assert not any("--again" in one.err or "mailed" in one.err for one in said)


@pytest.mark.parametrize(
    ("operation", "slip", "name"),
    [("add", "emial", "email"), ("add", "first_nmae", "first_name"), ("block", "emial", "email")],
)
async def test_a_misspelt_key_stops_the_run(operation, slip, name):
    row = {"email": "a@example.com", "first_name": "Ada", "last_name": "Ay"}
    row[slip] = row.pop(name)
    transport = transport_of()
    sent = bodies(transport)
    async with client_of(transport) as client:
        adds = operation == "add"
        job = client.bulk.add_attendees(EVENT, [row], send_email_invite=True) if adds else None
        with pytest.raises(BulkStoppedError, match=f"{slip}.* did you mean {name}"):
            await (job or client.bulk.block_attendees(EVENT, [row]))

    assert sent == []


def test_registrations_that_are_used_up_are_nobodys_mistake_in_the_file():
    step = describe_next_step(
        {}, wording_of("attendees.add"), stop=None, left=0, held=0, unverified=0, to_correct=0, full=7,
        source="u.csv", job="j", mails=False, command="the same command", resumes=False,
    )  # fmt: skip

    assert step == "raise your plan's quota by 7 registrations and run the same command again"


def test_a_used_up_quota_is_promised_by_nobody(airmeet):
    airmeet.people(5)
    there = airmeet.at(Sandbox())
    small = ("register", community.SMALL, "people.csv", "--no-invite", "--register", "--concurrency", "1")
    first, again = there(*small), there(*small)
    shown = there("runs", "show")

    step = "raise your plan's quota by 2 registrations and run the same command again"
    assert f"Next: {step}" in first.err
    assert step.replace("same", "original") in " ".join(shown.out.split())
    refused = "2 refused before for want of registrations: will be registered if some are left; this uses up to 2"
    assert refused in " ".join(again.err.split())
    assert "  will be registered" not in again.err


def test_a_stopped_repeat_says_that_all_are_in_the_event(airmeet):
    airmeet.people(9)
    there = airmeet.at(Sandbox())
    again = ("register", community.SUMMIT, "people.csv", "--invite", "--yes", "--concurrency", "1")
    there(*again)
    stopped = there(*again, "--again", "--rate", "50", "--deadline", "0.1s", "--json", "--report", "page.html")
    n = stopped.json["counts"]["succeeded"]

    headline = f"9 of 9 added, {n} of 9 mailed once more"
    assert 0 < n < 9
    assert headline in stopped.err
    assert headline in (airmeet.folder / "page.html").read_text()
    assert "not yet" not in stopped.err


def test_of_whom_some_are_registered_is_said_who_is_pending(airmeet):
    airmeet.people(3)
    there = airmeet.at(Sandbox())
    command = ("register", community.SUMMIT, "people.csv", "--no-invite")
    registered = there(*command, "--register")
    airmeet.people(5)
    mixed = there(*command)

    assert "3 of 3 registered" in registered.err
    assert "5 of 5 added (2 of them pending until they come; 3 of them in earlier runs)" in " ".join(mixed.err.split())


def test_after_a_retry_the_rows_that_were_never_sent_are_next(airmeet):
    airmeet.people(6)
    there = airmeet.at(Sandbox("422@1:on=attendees.add,401@3:on=attendees.add"))
    stopped = there("register", community.SUMMIT, "people.csv", "--no-invite", "--concurrency", "1", "--json")
    job, left = stopped.json["job"], stopped.json["counts"]["unprocessed"]
    retried = there("retry", job, "--rejected")
    shown = there("runs", "show")
    resumed = there("resume", job, "--json")

    assert left > 1
    assert f"Next: airmeet resume {job}   sends the {left} rows that are not sent yet" in retried.err
    assert f"airmeet resume {job}" in shown.out
    assert (resumed.code, resumed.json["counts"]["succeeded"]) == (0, 6)


@pytest.mark.slow
def test_who_is_no_longer_in_the_list_is_said_once_for_each_change(airmeet):
    airmeet.people(9)
    there = airmeet.at(Sandbox())
    plain = ("register", community.SUMMIT, "people.csv", "--no-invite")
    mailed = ("register", community.SUMMIT, "people.csv", "--invite", "--yes")
    there(*plain)
    airmeet.people(7)
    said = [there(*words).err for words in (mailed, mailed, plain, mailed, plain)]
    airmeet.people(4)
    said += [there(*words).err for words in (plain, plain, mailed)]

    found = [re.findall(r"(\d+)  of the last list are no longer", text) for text in said]
    assert found == [["2"], [], [], [], [], ["3"], [], []]


class WithoutTheField(Sandbox):
    """A sandbox whose list of participants does not say who was mailed."""

    async def exchange(self, request):
        reply = await super().exchange(request)
        return evolve(reply, body=reply.body.replace(b'"invite_sent"', b'"something"'))


def in_doubt(airmeet, sandbox):
    """Register six people: the second was mailed, the fourth was not, and nobody was told either."""
    airmeet.people(6)
    there = airmeet.at(sandbox)
    first = there("register", community.LIVE, "people.csv", "--invite", "--yes", "--json", "--concurrency", "1")
    assert (first.code, first.json["invites_unverified"]) == (3, 2)
    return there


FAULTS = "drop-after@1:on=attendees.add:body=person-1@,500@1:on=attendees.add:body=person-3@"


def test_whom_airmeet_calls_mailed_is_not_mailed_again(airmeet):
    sandbox = Sandbox(FAULTS, replay_mails=True)
    there = in_doubt(airmeet, sandbox)
    again = there("retry", "--invites", "--yes", "--json")

    assert "1  added and mailed, says Airmeet's list of participants: left out" in again.err
    assert "1  added and not mailed, says Airmeet's list of participants: will be mailed" in again.err
    assert "twice" not in again.err
    assert (again.code, again.json["attempts"], again.json["invites_unverified"]) == (0, 1, 0)
    mails = {person.email: person.mails for person in sandbox.world.people(community.LIVE)}
    assert {mails[f"person-{n}@example.com"] for n in range(6)} == {1}
    assert {row["airmeet_invite"] for row in airmeet.rows()} == {"asked"}


@pytest.mark.parametrize("sandbox", [Sandbox, WithoutTheField])
def test_without_an_answer_some_may_be_mailed_twice_and_the_plan_says_so(airmeet, sandbox):
    there = in_doubt(airmeet, sandbox(FAULTS + (",400:100%:on=participants.list" if sandbox is Sandbox else "")))
    again = there("retry", "--invites", "--yes", "--json")

    assert "2  added, perhaps not mailed: will be mailed; some of them may get it twice" in again.err
    assert (again.code, again.json["attempts"], again.json["invites_unverified"]) == (0, 2, 0)


def test_the_hint_in_the_plan_is_about_this_list_alone(airmeet):
    sandbox = Sandbox(FAULTS)
    there = in_doubt(airmeet, sandbox)
    again = there("register", community.LIVE, "people.csv", "--invite", "--yes", "--json")

    assert f"(airmeet retry {again.json['job']} --invites asks Airmeet" in " ".join(again.err.split())


def test_a_later_run_without_mails_keeps_what_is_known_of_them_in_the_results(airmeet):
    there = in_doubt(airmeet, Sandbox(FAULTS))
    before = [(row["airmeet_invite"], row["airmeet_code"]) for row in airmeet.rows()]
    later = there("register", community.LIVE, "people.csv", "--no-invite", "--json")

    assert Counter(before) == {("asked", ""): 4, ("unverified", "invite_unverified"): 2}
    assert [(row["airmeet_invite"], row["airmeet_code"]) for row in airmeet.rows()] == before
    assert (later.code, later.json["invites_unverified"]) == (0, 0)


def on_another_computer(airmeet):
    return evolve(airmeet, environ=airmeet.environ | {"HOME": str(airmeet.folder.parent / "elsewhere")})


def test_whom_a_result_file_calls_mailed_is_left_out_on_another_computer(airmeet):
    """Nothing is recorded there; what the file says of another event says nothing of this one."""
    sandbox = Sandbox("500:100%:on=attendees.add:body=person-3@")
    airmeet.people(4)
    there = airmeet.at(sandbox)
    there("register", community.LIVE, "people.csv", "--invite", "--yes", "--results", "r.csv")
    sandbox.clear_faults()
    other = on_another_computer(there)
    invite = ("r.csv", "--invite", "--yes", "--json")
    plan = other("register", community.LIVE, *invite, "--dry-run")
    done = other("register", community.LIVE, *invite, "--results", "r2.csv")
    again = other("register", community.LIVE, *invite, "--again", "--dry-run", "--results", "r3.csv")
    elsewhere = other("register", community.SUMMIT, *invite, "--dry-run")

    said = " ".join(done.err.split())
    assert (plan.json["ready"], plan.json["duplicates"], plan.code) == (1, 3, 0)
    assert "3 left out: mailed for this event, as airmeet_invite in this file says" in said
    assert (done.code, done.json["attempts"], done.json["counts"]["duplicate"]) == (0, 1, 3)
    assert "twice in the list" not in said
    assert (again.json["invitations"], again.json["second_invitations"]) == (4, 4)
    assert elsewhere.json["invitations"] == 4
