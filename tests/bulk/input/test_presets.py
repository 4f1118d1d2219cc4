"""Exports of other tools: how they are told, who in them comes, and what stands around their tables."""

import pytest

from airmeet_async.bulk.input.column_names import PRESETS, choose
from airmeet_async.bulk.input.columns import Reading, find_columns, split_name
from airmeet_async.errors import InputError
from airmeet_async.tables import command_line_option

NAMES = {
    "Ada Lovelace": ("Ada", "Lovelace"),
    "Anna Maria Schmidt": ("Anna Maria", "Schmidt"),
    "Jan van der Berg": ("Jan", "van der Berg"),
    "JUAN DE LA CRUZ": ("JUAN", "DE LA CRUZ"),
    "Ludwig von Beethoven-Brentano": ("Ludwig", "von Beethoven-Brentano"),
    "Lovelace, Ada": ("Ada", "Lovelace"),
    "de la Cruz,  Juan": ("Juan", "de la Cruz"),
    "Al Pacino": ("Al", "Pacino"),
    "Van Morrison": ("Van", "Morrison"),
    "  Ada   Lovelace ": ("Ada", "Lovelace"),
    "Cher": ("Cher", ""),
    "Cher,": ("Cher,", ""),
    "": ("", ""),
}


@pytest.mark.parametrize("whole", NAMES)
def test_the_last_word_with_its_particles_is_the_last_name(whole):
    assert split_name(whole) == NAMES[whole]


HEADERS = {
    "luma": ["api_id", "name", "first_name", "last_name", "email", "approval_status"],
    "eventbrite": ["Order no.", "Order Date", "First Name", "Surname", "Email", "Attendee Status"],
    "zoom": ["First Name", "Last Name", "Email", "Registration Time", "Approval Status"],
    "hubspot": ["Record ID", "First Name", "Last Name", "Email", "Contact owner"],
    "salesforce": ["First Name", "Last Name", "Title", "Company / Account", "Email"],
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_tool_is_told_by_its_columns_unless_that_is_switched_off(name):
    chosen = choose(None, HEADERS[name])
    assert chosen is PRESETS[name]
    assert choose("none", HEADERS[name]) is None


@pytest.mark.parametrize("header", [["email", "first_name", "last_name"], HEADERS["luma"] + HEADERS["hubspot"]])
def test_a_header_of_none_or_of_two_tools_is_nobodys(header):
    assert choose(None, header) is None


def test_a_tool_prefers_its_columns_and_leaves_the_rest_to_be_guessed():
    header = [*HEADERS["hubspot"], "Work email", "Associated Company", "Company name", "Stadt"]
    found = find_columns(header, Reading(preset="hubspot"))

    assert {match.field: (match.column, match.how) for match in found.fields} == {
        "email": ("Email", ""),
        "first_name": ("First Name", ""),
        "last_name": ("Last Name", ""),
        "city": ("Stadt", "guessed"),
        "organisation": ("Company name", "HubSpot"),
    }
    assert "Work email" in found.ignored


def test_what_is_typed_wins_over_a_tool():
    found = find_columns([*HEADERS["salesforce"], "Firma"], Reading(overrides={"organisation": "Firma"}))

    assert [match.column for match in found.fields if match.field == "organisation"] == ["Firma"]
    assert "Company / Account" in found.ignored


@pytest.mark.parametrize(
    ("status", "comes"), [("approved", True), (" Approved ", True), ("", True), ("declined", False), ("invited", False)]
)
def test_who_does_not_come_is_left_out_with_a_reason(status, comes):
    found = find_columns(HEADERS["luma"], Reading())

    problem = found.refuse({"approval_status": status, "first_name": "A", "last_name": "B"})

    assert (problem is None) == comes
    if problem:
        assert problem.code == "not_attending"
        assert f"Luma says '{status}'" in problem.message


def test_an_export_without_its_status_is_refused():
    """Otherwise people who have cancelled would be invited."""
    header = ["email", "first_name", "last_name"]

    with pytest.raises(InputError, match=r"an export of Luma has a column \"approval_status\".*--preset none"):
        find_columns(header, Reading(preset="luma"), spell=command_line_option)
    assert find_columns(header, Reading(preset="none")).refuse({"email": "a@example.com"}) is None


def test_a_name_in_two_columns_is_not_split_again():
    found = find_columns(HEADERS["luma"], Reading(split_name=True))

    assert found.pick({"first_name": "A", "last_name": "B", "name": "C D"}) == {"first_name": "A", "last_name": "B"}
    assert found.pick({"first_name": "A", "last_name": "", "name": "C D"}) == {"first_name": "C", "last_name": "D"}
