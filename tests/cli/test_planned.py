"""The plan before a run, the question before people are mailed, and the empty list of an event. Real processes."""

from typing import get_args

import anyio
import pytest

from airmeet_async.bulk.input.column_names import PRESETS
from airmeet_async.cli.app_options import PresetChoice
from airmeet_async.sandbox import community
from tests.cli.conftest import on_a_terminal

pytestmark = pytest.mark.real_time

EVENT = community.SUMMIT
INVITE = ("register", EVENT, "people.csv", "--invite")
KEYS = {
    "airmeet_id", "file", "rows", "ready", "invalid", "duplicates", "cut", "causes", "preset", "columns",
    "custom_fields", "split_name", "ignored", "fields_known", "unfilled", "invitations", "registrations", "rate",
    "seconds", "notices", "exit_code",
}  # fmt: skip


def test_the_command_line_knows_every_preset():
    assert set(get_args(PresetChoice)) == {*PRESETS, "none"}


async def test_a_dry_run_shows_the_plan_and_sends_nothing(airmeet, serving):
    airmeet.people(40)
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)(*INVITE, "--register", "--dry-run", "--rate", "4")
        statistics = pretend.world.statistics()

    assert (done.code, done.out, statistics.adds, statistics.mails) == (0, "", 0, 0)
    said = " ".join(done.err.split())
    assert "40 rows: 40 to send" in said
    assert "40 invitations mailed by Airmeet; 40 of the plan's registrations used up; about 10 s at 4 requests" in said
    assert list(airmeet.folder.iterdir()) == [airmeet.folder / "people.csv"]


async def test_a_dry_run_is_one_json_object(airmeet, serving):
    airmeet.file("people.csv", "E-Mail,Name,Shirt", "a@example.com,Ada van Ay,M", "x,Bob Bee,L")
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)(*INVITE, "--dry-run", "--json", "--split-name")

    assert done.json.keys() == KEYS
    assert (done.code, done.json["exit_code"], done.json["ready"], done.json["invitations"]) == (3, 3, 1, 1)
    assert (done.json["columns"], done.json["split_name"], done.json["ignored"]) == (
        {"email": "E-Mail"},
        "Name",
        ["Shirt"],
    )
    assert [(cause["code"], cause["n"], cause["lines"]) for cause in done.json["causes"]] == [("invalid_email", 1, [3])]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((EVENT, "people.csv", "--map", "custom:Nonsense=Shirt"), 5),
        ((community.NOWHERE, "people.csv"), 6),
        ((EVENT, "people.csv", "--preset", "lumma"), 2),
        ((EVENT, "nowhere.csv"), 5),
    ],
)
async def test_a_dry_run_that_cannot_be_ends_like_the_run(airmeet, serving, words, code):
    airmeet.file("people.csv", "email,first_name,last_name,Shirt", "a@example.com,Ada,Ay,M")
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)("register", *words, "--no-invite", "--dry-run", "--json")
        adds = pretend.world.statistics().adds

    assert (done.code, done.json["exit_code"], adds) == (code, code, 0)


async def test_an_event_that_does_not_answer_the_plan_does_not_keep_a_run_from_waiting(airmeet, serving):
    airmeet.people(3)
    async with serving("500:100%:on=custom_fields.list") as pretend:
        done = await airmeet.at(pretend.url)("register", EVENT, "people.csv", "--no-invite", "--json")

    assert (done.code, done.json["counts"]["succeeded"]) == (0, 3)
    assert "are not known, so they are not checked yet" in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("words", "typed", "ending"),
    [((), "n", (130, 0)), ((), "y", (0, 3)), (("--yes",), "", (0, 3))],
    ids=["declined", "agreed", "not asked"],
)
async def test_on_a_terminal_people_are_mailed_only_after_a_yes(airmeet, serving, words, typed, ending):
    airmeet.people(3)
    async with serving() as pretend:
        there = airmeet.at(pretend.url)
        ended, shown = await anyio.to_thread.run_sync(on_a_terminal, there, (*INVITE, *words), typed)
        statistics = pretend.world.statistics()

    assert (ended, statistics.adds) == ending, shown
    assert statistics.mails == statistics.adds
    assert ("3 people will be mailed by Airmeet. Go on? [y/N]" in shown) == (not words)
    assert ("nothing was sent" in shown) == (ended == 130)


async def test_off_a_terminal_nobody_is_asked(airmeet, serving):
    airmeet.people(3)
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)(*INVITE)
        mails = pretend.world.statistics().mails

    assert (done.code, mails, "Go on?" in done.err) == (0, 3, False)


async def test_a_template_is_what_register_reads(airmeet, serving):
    event = community.WITH_FIELDS
    async with serving() as pretend:
        there = airmeet.at(pretend.url)
        plain = await there("template", event)
        filled = await there("template", event, "--example", "-o", "people.csv")
        again = await there("template", event, "-o", "people.csv")
        done = await there("register", event, "people.csv", "--no-invite", "--json")
        answers = pretend.world.people(event)[-1]

    assert plain.out == ("email,first_name,last_name,city,country,designation,organisation,Company size,T-shirt size\n")
    assert 'mandatory: email, first_name, last_name, "T-shirt size"' in plain.err
    assert (filled.code, again.code, "is there already" in again.err) == (0, 2, True)
    assert (done.code, done.json["counts"]["succeeded"], answers.email) == (0, 1, "ada@example.com")


async def test_a_template_of_a_hybrid_event_has_the_attendance_type(airmeet, serving):
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)("template", community.HYBRID)

    assert done.out.startswith("email,first_name,last_name,attendance_type,city")
