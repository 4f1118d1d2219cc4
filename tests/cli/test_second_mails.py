"""What is said before people are mailed a second time, or lose their access once more, and when nothing is left."""

import pytest

from airmeet_async import InputError
from airmeet_async.bulk.input.plan import BulkPlan
from airmeet_async.cli.confirm_run import TargetEvent, confirm_run
from airmeet_async.cli.console import Console
from airmeet_async.cli.output.summary import describe_next_step, wording_of
from airmeet_async.sandbox import community
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


async def test_a_misspelt_address_stops_the_run():
    rows = [{"emial": "a@example.com", "first_name": "Ada", "last_name": "Ay"}]
    async with client_of(transport_of()) as client:
        with pytest.raises(InputError, match="did you mean email"):
            await client.bulk.plan(EVENT, rows)


def test_registrations_that_are_used_up_are_nobodys_mistake_in_the_file():
    step = describe_next_step(
        {}, wording_of("attendees.add"), stop=None, left=0, held=0, unverified=0, to_correct=0, full=7,
        source="u.csv", job="j", mails=False, command="the same command", resumes=False,
    )  # fmt: skip

    assert step == "raise your plan's quota by 7 registrations and run the same command again"
