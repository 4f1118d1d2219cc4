"""``airmeet template``: a list that register reads, with no cell that a spreadsheet or a terminal would act upon."""

import pytest

from airmeet_async.cli.commands.template import header_of
from airmeet_async.protocol.models import CustomField
from airmeet_async.sandbox import community


@pytest.mark.parametrize(
    "label",
    ["=cmd|' /C calc'!A0", "+1", "\x1b[2J", "\x1b]8;;https://x.example\x07here", "\u202eezis", "E-mail", "City", "",
     " Size", "airmeet_status"],
)  # fmt: skip
def test_a_label_that_cannot_be_a_harmless_column_gives_way_to_its_id(label):
    fields = [CustomField("f1", label), CustomField("f2", "T-shirt size")]

    assert [header_of(field, fields) for field in fields] == ["f1", "T-shirt size"]


@pytest.mark.real_time
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


@pytest.mark.real_time
async def test_a_template_of_a_hybrid_event_has_the_attendance_type(airmeet, serving):
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)("template", community.HYBRID)

    assert done.out.startswith("email,first_name,last_name,attendance_type,city")
