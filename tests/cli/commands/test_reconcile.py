"""A file and an event, compared: what counts as a difference, and who is missing where."""

import json
from contextlib import closing

import pytest

from airmeet_async.cli.commands.reconcile import (
    Comparison,
    all_agree,
    differing,
    is_team,
    same_name,
    same_text,
    verdict,
)
from airmeet_async.protocol.models import Participant
from airmeet_async.sandbox import community
from tests.sentinels import SENTINEL_ACCESS_KEY
from tests.support.command import Sandbox

EVENT = community.FINISHED

LONG = "Gesellschaft zur Förderung der gelegentlichen Zusammenkunft aller Beteiligten in Osnabrück"
NAMES = [
    ("Ada", "Ay", "Ada Ay", True),
    ("ada ", " AY", "Ada  Ay", True),
    ("Zoe\u0308", "Ay", "Zo\u00eb Ay", True),
    ("Ada", "Ay", "Ay Ada", False),
    ("Ada", "Ay", "Ada", False),
    ("Ada", "", "Ada", True),
    ("A" * 40, "B" * 40, f"{'A' * 35} {'B' * 35}", True),
    ("A" * 40, "Bee", f"{'A' * 35}... Bee", True),
    ("A" * 40, "Bee", f"{'A' * 32}... Bee", True),
    ("A" * 40, "B" * 40, f"{'A' * 35} {'B' * 31}...", True),
    ("A" * 40, "Bee", f"{'A' * 34} Bee", False),
    ("A" * 35, "Bee", f"{'A' * 34} Bee", False),
]
TEXTS = [
    ("Engines Ltd", " engines  ltd", True),
    ("Engines Ltd", "Engines", False),
    ("Engines Ltd", "Engines...", False),
    (LONG, LONG, True),
    (LONG, LONG[:70], True),
    (LONG, LONG[:70] + "...", True),
    (LONG, LONG[:67] + "...", True),
    (LONG, LONG[:60] + "...", False),
    (LONG, LONG[:66] + "x...", False),
    ("x" * 70, "x" * 67 + "...", False),
    ("", "", True),
]


@pytest.mark.parametrize(("first", "last", "found", "same"), NAMES, ids=range(len(NAMES)))
def test_names_as_airmeet_keeps_them(first, last, found, same):
    assert same_name(first, last, found) is same


@pytest.mark.parametrize(("given", "found", "same"), TEXTS, ids=range(len(TEXTS)))
def test_texts_as_airmeet_keeps_them(given, found, same):
    assert same_text(given, found) is same


def test_what_the_file_leaves_empty_is_not_compared():
    person = {"name": "Ada Ay", "organisation": "", "designation": "", "city": "Bath", "country": ""}

    assert list(differing({"first_name": "Ada", "last_name": "Ay", "city": ""}, person)) == []
    assert list(differing({"city": "Bristol", "organisation": "X"}, person)) == [
        ("organisation", "X", ""),
        ("city", "Bristol", "Bath"),
    ]


@pytest.mark.parametrize(
    ("kind", "team"), [("SPEAKER", True), ("Event host", True), ("attendee", False), (None, False)]
)
def test_who_is_on_the_list_for_another_reason(kind, team):
    assert is_team(Participant(user_type=kind)) is team


def person(email, name="Ada Ay", **facts):
    return Participant(email, name, **facts)


def compared(rows, people):
    """Return the counts and the differences, the file's lines being 2, 3, 4…"""
    with closing(Comparison()) as comparison:
        for line, email in enumerate(rows, start=2):
            comparison.add_row(email, line, {"first_name": "Ada", "last_name": "Ay"})
        for one in people:
            comparison.add_person(one, is_expected=not is_team(one))
        counts = comparison.compare()
        return counts, [(one["difference"], one["email"], one["line"]) for one in comparison]


def test_the_same_in_both():
    counts, differences = compared(
        ["A@example.com", "b@example.com"], [person("a@EXAMPLE.com"), person("b@example.com")]
    )

    assert (all_agree(counts), counts["agree"], counts["rows"], counts["people"], differences) == (True, 2, 2, 2, [])
    assert verdict(counts, None)[-1] == "file and event match"


def test_only_ascii_letters_are_folded():
    counts, _ = compared(["ß@example.com"], [person("SS@example.com"), person("ẞ@example.com")])

    assert (counts["only_in_file"], counts["only_in_event"]) == (1, 2)


def test_who_is_missing_where_in_the_order_of_the_file():
    people = [person("z@example.com"), person("y@example.com"), person("c@example.com", "Bob Bee")]
    counts, differences = compared(["d@example.com", "c@example.com", "b@example.com"], people)

    assert differences == [
        ("only_in_file", "d@example.com", 2),
        ("differs", "c@example.com", 3),
        ("only_in_file", "b@example.com", 4),
        ("only_in_event", "y@example.com", None),
        ("only_in_event", "z@example.com", None),
    ]
    assert (counts["agree"], counts["only_in_file"], counts["only_in_event"], counts["differing"]) == (0, 2, 2, 1)
    assert not all_agree(counts)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_people_with_one_address_one_must_agree(order):
    twice = [person("a@example.com", "Ada Ay"), person("A@example.com", "Somebody Else")]
    counts, differences = compared(["a@example.com"], [twice[number] for number in order])

    assert {name: n for name, n in counts.items() if n} == {"rows": 1, "people": 1, "agree": 1, "repeated_in_event": 1}
    assert differences == []


def test_two_people_with_one_address_of_whom_none_agrees_are_one_difference():
    counts, differences = compared(["a@example.com"], [person("a@example.com", "B"), person("a@example.com", "C")])

    assert (counts["differing"], counts["repeated_in_event"], differences) == (1, 1, [("differs", "a@example.com", 2)])


def test_two_strangers_with_one_address_are_one():
    counts, differences = compared([], [person("a@example.com"), person("A@example.com")])

    assert (counts["only_in_event"], counts["repeated_in_event"], len(differences)) == (1, 1, 1)


def test_of_two_strangers_with_one_address_the_first_says_whether_they_are_of_the_team():
    twice = [person("a@example.com", user_type="HOST"), person("A@example.com")]
    host_first, guest_first = (compared([], people)[0] for people in (twice, twice[::-1]))

    assert (host_first["team"], host_first["only_in_event"]) == (1, 0)
    assert (guest_first["team"], guest_first["only_in_event"]) == (0, 1)


def test_a_row_that_repeats_an_address_is_not_compared():
    counts, _ = compared(["a@example.com", "A@example.com"], [person("a@example.com")])

    assert (counts["rows"], counts["agree"], counts["repeated_in_file"], all_agree(counts)) == (2, 1, 1, True)


def test_the_team_need_not_be_in_the_file():
    counts, differences = compared([], [person("host@example.com", user_type="HOST")])

    assert (counts["team"], all_agree(counts), differences) == (1, True, [])


def test_a_row_without_an_address_is_a_difference_and_each_one_counts():
    counts, differences = compared(["nobody", "a@example.com", "nobody"], [person("a@example.com")])

    assert differences == [("no_address", "nobody", 2), ("no_address", "nobody", 4)]
    assert (counts["rows"], counts["no_address"], counts["agree"], all_agree(counts)) == (3, 2, 1, False)


def test_an_event_is_compared_with_a_file(airmeet):
    there = airmeet.at(Sandbox())
    assert (there("export", EVENT, "participants", "-o", "all.csv")).code == 0
    same = there("reconcile", EVENT, "all.csv", "--json")
    lines = (airmeet.folder / "all.csv").read_text(encoding="utf-8").splitlines()
    airmeet.file(
        "some.csv",
        lines[0],
        *(line.replace("Bristol", "Bath").replace("Ada O'Neil", "Ada Ay") for line in lines[2:-1]),
        '"x@example.com"' + ',""' * 10,
    )
    other = there("reconcile", EVENT, "some.csv", "-o", "differences.jsonl")

    assert (same.code, same.json["agree"], same.json["differences"]) == (0, 151, [])
    found = [json.loads(line) for line in (airmeet.folder / "differences.jsonl").read_text().splitlines()]
    assert (other.code, other.out) == (3, "")
    assert {one["difference"] for one in found} == {"differs", "only_in_file", "only_in_event"}
    assert {one["field"] for one in found if one["email"] == "guest000@example.com"} == {"name", "city"}
    assert [one["email"] for one in found if one["difference"] == "only_in_event"] == ["guest149@example.com"]
    assert "1 hosts, speakers and other team members" in other.err
    assert SENTINEL_ACCESS_KEY not in other.err


def test_whom_the_file_marks_as_not_coming_need_not_be_in_the_event(airmeet):
    airmeet.file(
        "l.csv", "Email,Attendee Status", "guest000@example.com,Attending", "no@example.com,Cancelled", "x@y.de,"
    )
    there = airmeet.at(Sandbox())("reconcile", EVENT, "l.csv", "--json")

    assert (there.json["not_coming"], there.json["only_in_file"]) == (1, 1)
    assert "1 only in the file, which says that they do not come" in there.err
    assert "no@example.com" not in there.out
