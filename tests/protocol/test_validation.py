"""What must be true of a person before anything is sent (INP-05, INP-07)."""

from typing import Any

import attrs
import pytest

from airmeet_async.protocol.models import AttendanceType, Attendee, CustomField, FieldOption
from airmeet_async.protocol.validation import (
    Problem,
    RegistrationFields,
    check_email,
    check_texts,
    cuts,
    texts_of,
)
from tests.cases import case
from tests.protocol.samples import EMAIL

ADA = Attendee(EMAIL, "Ada", "Lovelace")

GOOD_EMAILS = [
    "ada@example.com",
    "a@b.co",
    "Ada.Lovelace+spring-2026@mail.Example.COM",
    "o'brien_#!$%&*/=?^`{|}~-@example.com",
    "ada@sub.sub.sub.example.com",
    "ada@xn--bcher-kva.example",
    "zoë@bücher.example",
    "用户@例子.中国",
    "ada@example.museum",
    "ada@9.example",
    "ada@my_host.example",
    "a" * 64 + "@example.com",
    "a@" + "b" * 63 + ".com",
    "aa@" + ".".join(["b" * 61] * 4) + ".com",
]

BAD_EMAILS = [
    "",
    "ada",
    "@",
    "ada@",
    "@example.com",
    "ada@example",
    "ada.example.com",
    "ada@example.com@example.com",
    "ada@@example.com",
    "ada@.example.com",
    "ada@example.com.",
    "ada@example..com",
    "ada@-example.com",
    "ada@example-.com",
    "ada@192.0.2.7",
    "ada@[192.0.2.7]",
    ".ada@example.com",
    "ada.@example.com",
    "ada..lovelace@example.com",
    "ada lovelace@example.com",
    " ada@example.com",
    "ada@example.com ",
    "ada@exam ple.com",
    "ada@example.com\n",
    "ada\r\n@example.com",
    "ada\t@example.com",
    "ada\x00@example.com",
    "ada\x7f@example.com",
    "ada\x92@example.com",
    "ada\u00a0@example.com",
    "ada\u200b@example.com",
    "\ufeffada@example.com",
    "ada\u202e@example.com",
    "ada\u00ad@example.com",
    "ada@example\u200b.com",
    "\ud800@example.com",
    "Ada <ada@example.com>",
    "mailto:ada@example.com",
    "ada@example.com,eve@example.com",
    "ada@example.com;eve@example.com",
    '"ada lovelace"@example.com',
    "ada(x)@example.com",
    "ada\\@example.com",
    "a" * 65 + "@example.com",
    "a@" + "b" * 64 + ".com",
    "aaa@" + ".".join(["b" * 61] * 4) + ".com",
    "a" * 1_000_000,
    "a@" * 500_000,
    "n/a",
    "ada at example.com",
]


def test_an_address_is_one():
    """Unicode, plus signs and subdomains are all in use."""
    for email in GOOD_EMAILS:
        with case(email):
            assert check_email(email) is None


@pytest.mark.timeout(10)
def test_what_is_no_address_is_refused():
    """With one short printable line that shows a good one."""
    for email in BAD_EMAILS:
        with case(email):
            problem = check_email(email)

            assert problem is not None
            assert problem.code == "invalid_email"
            assert "name@example.com" in problem.message
            assert problem.message.isprintable()
            assert len(problem.message) < 200


# Left: what is changed about Ada; right: the code, and a word of the message.
PEOPLE: dict[str, tuple[dict[str, Any], str | None, str]] = {
    "Ada": ({}, None, ""),
    "one letter": ({"first_name": "A", "last_name": "Ł"}, None, ""),
    "long": ({"first_name": "A" * 100, "city": "B" * 100}, None, ""),
    "emoji and marks": ({"first_name": "👩‍💻", "last_name": "עדה\u200f"}, None, ""),
    "a blank and a mark": ({"last_name": "de la \u200f"}, None, ""),
    "blanks of all kinds": ({"city": "São\u00a0Paulo"}, None, ""),
    "no e-mail": ({"email": ""}, "missing_field", "email is empty"),
    "no first name": ({"first_name": ""}, "missing_field", "first_name is empty"),
    "no last name": ({"last_name": ""}, "missing_field", "last_name is empty"),
    "a blank first name": ({"first_name": " \u00a0"}, "missing_field", "first_name is empty"),
    "None as last name": ({"last_name": None}, "missing_field", "last_name is empty"),
    "all missing": ({"email": "", "first_name": "", "last_name": ""}, "missing_field", "email, first_name and"),
    "no address": ({"email": "ada"}, "invalid_email", "name@example.com"),
    "virtual": ({"attendance_type": AttendanceType.VIRTUAL}, None, ""),
    "in person": ({"attendance_type": "IN-PERSON"}, None, ""),
    "a typo": ({"attendance_type": "VIRTAUL"}, "invalid_attendance_type", "IN-PERSON or VIRTUAL"),
    "lower case": ({"attendance_type": "virtual"}, "invalid_attendance_type", "IN-PERSON or VIRTUAL"),
    "NUL": ({"first_name": "A\x00"}, "invalid_text", "first_name"),
    "a line end": ({"last_name": "Love\nlace"}, "invalid_text", "last_name"),
    "a tab": ({"city": "a\tb"}, "invalid_text", "city"),
    "DEL": ({"country": "a\x7f"}, "invalid_text", "country"),
    "a Windows apostrophe": ({"last_name": "O\x92Brien"}, "invalid_text", "last_name"),
    "the first of its kind": ({"city": "a\x80"}, "invalid_text", "city"),
    "the last of its kind": ({"city": "a\x9f"}, "invalid_text", "city"),
    "the first half": ({"city": "a\ud800"}, "invalid_text", "city"),
    "the last half": ({"city": "a\udfff"}, "invalid_text", "city"),
    "half a character": ({"organisation": "\ud83d"}, "invalid_text", "organisation"),
    "the other half": ({"designation": "\ude00 "}, "invalid_text", "designation"),
}


def test_a_person_can_be_sent_or_has_a_problem():
    """Each with its fix and its field."""
    for name, (changes, code, words) in PEOPLE.items():
        with case(name):
            problems = check_texts(texts_of(attrs.evolve(ADA, **changes)))

            assert {problem.code for problem in problems} == ({code} if code else set())
            assert all(problem.field in changes and problem.message.isprintable() for problem in problems)
            assert words in (problems[0].message if problems else "")


def test_all_that_is_wrong_with_a_person_is_found_at_once():
    texts = {"email": "nope", "city": "a\x00", "country": "\ud800", "attendance_type": "MAYBE"}

    assert [(one.code, one.field) for one in check_texts(texts)] == [
        ("missing_field", "first_name"),
        ("missing_field", "last_name"),
        ("invalid_email", "email"),
        ("invalid_attendance_type", "attendance_type"),
        ("invalid_text", "city"),
        ("invalid_text", "country"),
    ]


def test_what_airmeet_will_cut_is_said():
    """Each text has its limit (A), in characters."""
    for name, limit in [
        ("first_name", 35),
        ("last_name", 35),
        ("organisation", 70),
        ("designation", 70),
        ("city", 70),
        ("country", 70),
    ]:
        with case(name, limit):
            at_the_limit = attrs.evolve(ADA, **{name: "é" * limit})  # type: ignore[arg-type]  # one of its texts
            beyond = attrs.evolve(ADA, **{name: "é" * (limit + 1)})  # type: ignore[arg-type]

            assert cuts(texts_of(at_the_limit)) == ()
            assert cuts(texts_of(beyond)) == (
                f"Airmeet will shorten {name} to {limit} characters (it has {limit + 1})",
            )


def test_all_cuts_are_said():
    """One warning for each, and none for the e-mail."""
    long = "x" * 100
    person = Attendee(f"{long}@example.com", long, long, city=long, country=long, designation=long, organisation=long)

    assert len(cuts(texts_of(person))) == 6
    assert cuts(texts_of(ADA)) == ()


BOOK = RegistrationFields(
    [
        CustomField("f-1", "T-shirt size", name="tshirt"),
        CustomField("f-2", "Diet", name="diet"),
        CustomField("f-3", "", name=None),
        CustomField("F-4", "Company", name="company"),
        CustomField("f-5", "company", name="employer"),
        CustomField("f-6", "f-1", name="tricky"),
        CustomField("f-7", "Größe"),
    ]
)


def test_a_field_is_found():
    """By its id first, then by label or name, case and blanks aside."""
    for name, field_id in [
        ("f-1", "f-1"),
        ("T-shirt size", "f-1"),
        (" t-SHIRT  size", "f-1"),
        ("tshirt", "f-1"),
        ("DIET", "f-2"),
        ("f-3", "f-3"),
        ("f-4", "F-4"),
        ("F-4", "F-4"),
        ("employer", "f-5"),
        ("tricky", "f-6"),
        ("GRÖSSE", "f-7"),
    ]:
        with case(name, field_id):
            assert BOOK.resolve({name: "x"}) == ([{"fieldId": field_id, "value": ["x"]}], [])


def test_a_label_of_two_fields_is_not_guessed():
    """The answer would stand in the wrong place; the ids are in the message."""
    for name in ["Company", "COMPANY"]:
        with case(name):
            _, [problem] = BOOK.resolve({"Diet": "x", name: "y"})

            assert (problem.code, problem.field) == ("ambiguous_field", name)
            assert "F-4, f-5" in problem.message


def test_an_unknown_field_is_refused_with_the_known_ones():
    """Also for an event that has none."""
    assert BOOK.labels == ("T-shirt size", "Diet", "f-3", "Company", "company", "f-1", "Größe")
    assert BOOK.resolve({"Shoe": "x"}) == (
        [],
        [
            Problem(
                "unknown_field",
                "the event has no registration field 'Shoe'; it has: T-shirt size, Diet, f-3, Company, company, f-1, "
                "Größe",
                "Shoe",
            )
        ],
    )
    assert RegistrationFields([]).resolve({"Shoe": "x", "Hat": "y"}) == (
        [],
        [Problem("unknown_field", f"the event has no registration field {name!r}; it has: none", name)
         for name in ("Shoe", "Hat")],
    )  # fmt: skip


def test_values_are_kept():
    """In an array (B), in the order given."""
    mapping, problems = BOOK.resolve({"diet": "", "f-1": ("M", "L"), "tricky": ["001"]})

    assert problems == []
    assert mapping == [
        {"fieldId": "f-2", "value": [""]},
        {"fieldId": "f-1", "value": ["M", "L"]},
        {"fieldId": "f-6", "value": ["001"]},
    ]
    assert BOOK.resolve({}) == ([], [])


LOOK_LIKE_OTHERS = {
    "\uff41\uff4e\uff41@example.com": "ana@example.com",  # full width
    "\u212aim@example.com": "Kim@example.com",  # the Kelvin sign
    "jose\u0301@example.com": "jos\u00e9@example.com",  # a letter and its accent as two
    "\ufb00@example.com": "ff@example.com",  # a ligature
    "ana@example\uff0ecom": "ana@example.com",  # a full-width dot
}


def test_an_address_that_unicode_would_write_differently_is_refused_with_the_usual_one():
    for email, usual in LOOK_LIKE_OTHERS.items():
        problem = check_email(email)

        assert problem is not None
        assert problem.code == "invalid_email"
        assert f"did you mean {usual!r}?" in problem.message
        assert check_email(usual) is None


def test_a_sign_that_is_no_letter_is_refused_in_an_address():
    for email in ("o\u2019brien@example.com", "ana\u2013b@example.com", "\u201cana\u201d@example.com"):
        problem = check_email(email)

        assert problem is not None
        assert "which no address has" in problem.message
    assert check_email("\u0438\u0432\u0430\u043d@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444") is None


SIZES = CustomField(
    "f-1",
    "Size",
    options=(
        FieldOption("M", "Medium"), FieldOption("2", "Large, or wider"), FieldOption("3", "2"), FieldOption("", "None"),
        FieldOption("a", "Other"), FieldOption("b", "other"),
    ),
)  # fmt: skip


def test_an_option_is_found_by_its_name_and_sent_by_its_code():
    """Also by its code, as programs write it; a text that is a name and a code is the name."""
    for given, sent in {
        "medium": ["M"],
        "m": ["M"],
        "Large, or wider": ["2"],
        "2": ["3"],
        "3": ["3"],
        "none": ["None"],
        "M; Large, or wider": None,
        "Medium, m; 3": ["M", "M", "3"],
    }.items():
        with case(given):
            mapping, problems = RegistrationFields([SIZES]).resolve({"Size": given})

            assert (mapping == [{"fieldId": "f-1", "value": sent}]) is (not problems) is (sent is not None)
    assert RegistrationFields([SIZES]).resolve({"Size": ["Large, or wider", "M"]})[0][0]["value"] == ["2", "M"]


def test_a_name_of_two_options_is_not_guessed():
    """Their codes are in the message."""
    _, [problem] = RegistrationFields([SIZES]).resolve({"Size": "Other"})

    assert (problem.code, problem.message[-4:]) == ("ambiguous_option", "a, b")
    assert RegistrationFields([SIZES]).resolve({"Size": "a"})[0][0]["value"] == ["a"]
