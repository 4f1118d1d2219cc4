"""The exports in ``examples/exports`` are registered whole, each row with one result. Real processes."""

from collections import Counter
from pathlib import Path

import pytest

from airmeet_async.bulk.input.column_names import PRESETS
from airmeet_async.sandbox import community

pytestmark = pytest.mark.real_time

EXPORTS = Path(__file__).parents[2] / "examples" / "exports"
FORM = community.WITH_FIELDS
EVENT = community.SUMMIT

# The file, the event, who gets in, how many rows end unsent and why, and what is said.
CASES = {
    "luma": (
        "luma-guests.csv", FORM, {"ana.lopez": "López", "juergen": "von der Heide", "wei.li": "Li"},
        {"not_attending": 3}, 'custom field "T-shirt size" <- "T-shirt size"',
    ),
    "eventbrite": (
        "eventbrite-attendees.csv", EVENT, {"john.doe": "Doe", "jane.doe": "Doe", "emile": "Durand"},
        {"not_attending": 2, "duplicate": 1}, 'city <- "Home City" (Eventbrite)',
    ),
    "zoom": (
        "zoom-attendee-report.csv", EVENT,
        {"rosa.delgado": "Delgado", "kofi": "Mensah", "aino.virtanen": "Virtanen"},
        {"not_attending": 2}, "a report of Zoom: lines 1 to 11, above the table, left out",
    ),
    "hubspot": (
        "hubspot-contacts.csv", EVENT, {"camille.durand": "Durand", "w.kowalski": "Kowalski", "siobhan": "O'Brien"},
        {"missing_field": 1}, 'organisation <- "Associated Company" (HubSpot)',
    ),
    "salesforce": (
        "salesforce-leads.csv", EVENT, {"bertha": "Boxer", "phyllis": "Cotton", "jeff.glimpse": "Glimpse"},
        {"missing_field": 1}, "lines 8 to 13, the end of a Salesforce report, left out",
    ),
}  # fmt: skip


def test_every_preset_has_its_example():
    assert CASES.keys() == PRESETS.keys()
    assert {case[0] for case in CASES.values()} == {path.name for path in EXPORTS.iterdir()}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("named", [True, False], ids=["named", "detected"])
async def test_an_export_is_registered_whole(airmeet, serving, name, named):
    file, event, people, unsent, said = CASES[name]
    words = ("--preset", name) if named else ()
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)(
            "register", event, str(EXPORTS / file), "--no-invite", "--results", "r.csv", "--json", *words
        )
        guests = {person.email.partition("@")[0]: person for person in pretend.world.people(event)}

    assert {key: guests[key].details["lastName"] for key in people} == people
    codes = Counter(row["airmeet_code"] for row in airmeet.rows("r.csv") if row["airmeet_status"] != "succeeded")
    assert codes == unsent
    assert done.json["counts"]["succeeded"] == len(people)
    assert sum(done.json["counts"].values()) == done.json["rows_read"] == len(airmeet.rows("r.csv"))
    assert (done.code, done.json["exit_code"]) == (3, 3)
    assert f"an export of {PRESETS[name].title} ({'--preset' if named else 'by its columns'}" in done.err
    assert " ".join(said.split()) in " ".join(done.err.split())


async def test_who_does_not_come_is_registered_if_the_tool_is_not_to_be_known(airmeet, serving):
    async with serving() as pretend:
        done = await airmeet.at(pretend.url)(
            "register", EVENT, str(EXPORTS / "eventbrite-attendees.csv"), "--no-invite", "--preset", "none", "--json"
        )

    assert (done.code, done.json["counts"]["succeeded"], done.json["counts"]["duplicate"]) == (0, 5, 1)
    assert "an export of" not in done.err
