"""``airmeet template``: a list that register reads, with no cell that a spreadsheet or a terminal would act upon."""

import pytest

from airmeet_async.cli.commands.template import header_of
from airmeet_async.protocol.models import CustomField
from airmeet_async.sandbox import community
from tests.support.command import Sandbox


@pytest.mark.parametrize(
    "label",
    ["=cmd|' /C calc'!A0", "+1", "\x1b[2J", "\x1b]8;;https://x.example\x07here", "\u202eezis", "E-mail", "City", "",
     " Size", "airmeet_status"],
)  # fmt: skip
def test_a_label_that_cannot_be_a_harmless_column_gives_way_to_its_id(label):
    fields = [CustomField("f1", label), CustomField("f2", "T-shirt size")]

    assert [header_of(field, fields) for field in fields] == ["f1", "T-shirt size"]


def test_a_template_is_what_register_reads(airmeet):
    event = community.WITH_FIELDS
    sandbox = Sandbox()
    there = airmeet.at(sandbox)
    plain = there("template", event)
    filled = there("template", event, "--example", "-o", "people.csv")
    again = there("template", event, "-o", "people.csv")
    done = there("register", event, "people.csv", "--no-invite", "--json")
    answers = sandbox.world.people(event)[-1]

    assert plain.out == ("email,first_name,last_name,city,country,designation,organisation,Company size,T-shirt size\n")
    assert 'required: email, first_name, last_name, "T-shirt size"' in plain.err
    assert (filled.code, again.code, "already exists" in again.err) == (0, 2, True)
    assert (done.code, done.json["counts"]["succeeded"], answers.email) == (0, 1, "ada@example.com")


def test_a_template_of_a_hybrid_event_has_the_attendance_type(airmeet):
    done = airmeet.at(Sandbox())("template", community.HYBRID)

    assert done.out.startswith("email,first_name,last_name,attendance_type,city")


def test_an_option_is_not_taken_for_the_name_of_the_file(airmeet):
    done = airmeet.at(Sandbox())("template", community.SUMMIT, "-o", "--example")

    assert (done.code, "--output needs a value" in done.err) == (2, True)
    assert list(airmeet.folder.iterdir()) == []
