"""Before people are mailed or lose access: what is shown, and who has to agree."""

import re
import signal
from datetime import UTC, datetime, timedelta

import pytest

from airmeet_async.cli.confirm_run import TargetEvent, confirm_run, describe_moment
from airmeet_async.cli.console import Console
from airmeet_async.cli.exit_codes import DeclinedError, UsageError
from airmeet_async.protocol.models import AirmeetInfo
from airmeet_async.sandbox import community
from tests.support.command import Sandbox

EVENT = community.SUMMIT
NOW = datetime(2027, 3, 12, 12, tzinfo=UTC)


def event(status="CREATED", start: timedelta | None = timedelta(days=30), end=None):
    def moment(after):
        return None if after is None else NOW + after

    info = AirmeetInfo(
        "e1", "Hybrid Days", status, timezone="Europe/Paris", start_time=moment(start), end_time=moment(end)
    )
    return TargetEvent("e1", info)


@pytest.mark.parametrize(
    ("found", "over"),
    [
        (event(), False),
        (event("FINISHED"), True),
        (event("ARCHIVED"), True),
        (event("FINISHED", None), True),
        (event("ONGOING", -timedelta(days=3), -timedelta(days=1)), False),
        (event("CREATED", -timedelta(days=3), -timedelta(days=1)), True),
        (event("CREATED", -timedelta(days=3), timedelta(days=1)), False),
        (event("CREATED", -timedelta(hours=3)), False),
        (event("CREATED", -timedelta(days=3)), True),
        (event("CREATED", None), False),
        (TargetEvent("e1", error="no answer"), False),
    ],
)
def test_an_event_is_over_by_its_status_or_by_its_date(found, over):
    assert found.is_over(NOW) is over


def test_a_moment_is_shown_in_the_events_own_time_zone():
    at = datetime(2027, 3, 12, 9, tzinfo=UTC)

    assert describe_moment(at, "Europe/Paris") == "12 March 2027, 10:00 Europe/Paris"
    assert describe_moment(at, "Nowhere/Atlantis") == "12 March 2027, 09:00 UTC"


class Asked(Console):
    """A console whose user gives these answers."""

    can_ask = True

    def __init__(self, *answers: bool, can_ask: bool = True) -> None:
        super().__init__()
        self.can_ask = can_ask
        self.questions: list[str] = []
        self._answers = list(answers)

    def confirm(self, question: str) -> bool:
        self.questions.append(question)
        return self._answers.pop(0)


MAIL = 'Mail 9,640 people an invitation to "Hybrid Days"?'
OVER = event("FINISHED", -timedelta(days=400))


@pytest.mark.parametrize(
    ("found", "facts", "answers", "questions"),
    [
        (event(), {"mails": 9640}, [True], [MAIL]),
        (event(), {"mails": 9640, "seconds": 6000}, [True], [f"{MAIL} It takes about 1 h 40 min."]),
        (event(), {"mails": 1}, [True], ['Mail 1 person an invitation to "Hybrid Days"?']),
        (event(), {"blocks": 30}, [True], ['Take away access to "Hybrid Days" from 30 people?']),
        (event(), {"mails": 9640, "yes": True}, [], []),
        (OVER, {"blocks": 30, "yes": True}, [], []),
        (event(), {}, [], []),
        (OVER, {}, [], []),
        (OVER, {"mails": 9640, "yes": True, "finished_event": True}, [], []),
        (OVER, {"mails": 9640, "finished_event": True}, [True], [MAIL]),
    ],
)
def test_on_a_terminal_people_are_asked_about_once(found, facts, answers, questions):
    console = Asked(*answers)

    confirm_run(found, console, **facts)

    assert console.questions == questions


def test_an_event_that_is_over_takes_a_second_yes():
    console = Asked(True, True)
    confirm_run(OVER, console, mails=9640)
    already = Asked(True)
    confirm_run(OVER, already, mails=2, yes=True)

    assert len(console.questions) == 2
    assert console.questions[1].startswith('"Hybrid Days" is over (it was on ')
    assert already.questions == console.questions[1:]
    for answers in ([False], [True, False]):
        with pytest.raises(DeclinedError, match="nothing was sent"):
            confirm_run(OVER, Asked(*answers), mails=9640)


@pytest.mark.parametrize(
    ("found", "facts", "said"),
    [
        (event(), {"mails": 9640}, "this mails 9,640 people; if that is right, add --yes (nothing was sent)"),
        (event(), {"blocks": 1}, "this takes away the access of 1 person; if that is right, add --yes"),
        (event(), {"mails": 2, "finished_event": True}, "add --yes (nothing"),
        (OVER, {"mails": 2, "yes": True}, "this mails 2 people; if that is right, add --finished-event (nothing"),
        (OVER, {"mails": 2}, "add --yes --finished-event (nothing was sent)"),
    ],
)
def test_where_nobody_can_be_asked_nothing_is_sent_without_a_word(found, facts, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        confirm_run(found, Asked(can_ask=False), **facts)


def stopped(airmeet, sandbox, *words):
    """Run a command that is stopped after three people."""
    sandbox.signal(signal.SIGINT, after=3)
    there = airmeet.at(sandbox)
    return there, there(*words, "--concurrency", "1", "--progress", "none")


@pytest.mark.parametrize("verb", ["resume", "retry"])
def test_a_run_that_goes_on_shows_the_same_screen_and_asks_the_same_question(airmeet, verb):
    airmeet.people(8)
    sandbox = Sandbox("422@2:on=attendees.add")
    there, _ = stopped(airmeet, sandbox, "register", EVENT, "people.csv", "--invite", "--yes")
    before, words = sandbox.adds, ("retry", "--rejected") if verb == "retry" else ("resume",)
    refused = there(*words)
    declined = there(*words, typed="n\n")
    between = sandbox.adds
    agreed = there(*words, typed="y\n")

    n = 1 if verb == "retry" else 8 - before - 1
    for done in (refused, declined, agreed):
        assert "Spring Summit · 1 March 2036, 15:30 Asia/Kolkata · not started" in done.err
        assert "account ****" in done.err
    assert (refused.code, declined.code, between) == (2, 130, before)
    assert f'{n:,} {"person" if n == 1 else "people"} an invitation to "Spring Summit"? [y/N]' in declined.err
    assert sandbox.adds == before + n, agreed.err


def test_a_list_of_people_is_blocked_only_after_a_yes_and_those_who_were_typed_at_once(airmeet):
    airmeet.people(3)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    there("register", EVENT, "people.csv", "--no-invite")
    block = ("block", EVENT, "people.csv")
    refused, declined = there(*block), there(*block, typed="\n")
    before = sandbox.world.statistics().blocks
    agreed = there(*block, typed="y\n")
    typed = there("block", EVENT, "person-0@example.com")
    lifted = there("unblock", EVENT, "people.csv")

    assert (refused.code, declined.code, before) == (2, 130, 0)
    assert 'Take away access to "Spring Summit" from 3 people? [y/N]' in declined.err
    assert (agreed.code, typed.code, lifted.code) == (0, 0, 0)
    assert sandbox.world.statistics().blocks == 4


def test_an_event_that_is_over_is_mailed_only_on_purpose(airmeet):
    airmeet.people(2)
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    invite = ("register", community.FINISHED, "people.csv", "--invite")
    refused = there(*invite, "--yes")
    declined = there(*invite, typed="y\nn\n")
    before = sandbox.adds
    done = there(*invite, "--yes", "--finished-event")

    assert (refused.code, declined.code, before, done.code) == (2, 130, 0, 0)
    assert '"Last year" is over (it was on 1 March 2026)' in refused.err
    assert "Mail them all the same? [y/N]" in declined.err
    assert sandbox.world.statistics().mails == 2


@pytest.mark.parametrize("status", [500, 404])
def test_an_event_that_cannot_be_read_is_said_and_waited_for(airmeet, status):
    """Also where just this one question is answered with 404."""
    airmeet.people(2)
    done = airmeet.at(Sandbox(f"{status}:100%:on=airmeets.info"))("register", EVENT, "people.csv", "--invite", "--yes")

    assert done.code == 0
    assert f"event {EVENT}\nthe event could not be read, so its name and date are not known here" in done.err
