"""Adding, blocking and unblocking people."""

import pytest

from airmeet_async.sandbox import World, community
from tests.sandbox.caller import Caller, content


def test_add_answers_the_personal_link():
    """The answer holds the address and the link with a code."""
    body = content(Caller().add())

    assert {"email", "entryLink"} == body.keys()
    assert body["email"] == "ada@example.com"
    assert body["entryLink"].startswith(f"https://www.airmeet.com/e/{community.SUMMIT}?code=")


def test_links_are_unique_and_stable():
    """Each person of each event has one link, whatever the order of arrival."""
    there, back = Caller(), Caller()
    pairs = [
        (email, event) for email in ("a@example.com", "b@example.com") for event in (community.SUMMIT, community.LIVE)
    ]

    links = {pair: content(there.add(*pair))["entryLink"] for pair in pairs}

    assert links == {pair: content(back.add(*pair))["entryLink"] for pair in reversed(pairs)}
    assert len(pairs) == len({link.partition("?")[2] for link in links.values()})
    assert links[pairs[0]] != content(Caller(World(seed=9)).add(*pairs[0]))["entryLink"]


def test_replay_changes_nothing():
    """The second add of a person keeps the first one's details and link, and is counted."""
    caller = Caller()
    first = caller.add(city="London")
    second = caller.add(city="Paris", firstName="Augusta", registerAttendee=True)

    assert first == second
    assert caller.person().details == {"firstName": "Ada", "lastName": "Lovelace", "city": "London"}
    assert not caller.person().registered
    assert caller.person().adds == 2
    assert (caller.world.statistics().adds, caller.world.statistics().replays) == (1, 1)


@pytest.mark.parametrize(("folds", "people"), [(True, 1), (False, 2)])
def test_case_of_an_address(folds, people):
    """Addresses that differ in ASCII case are one person, unless switched off."""
    caller = Caller(fold_email_case=folds)
    caller.add("ada@example.com")
    caller.add("ADA@Example.com")

    assert people == len(caller.world.people(community.SUMMIT))


def test_only_ascii_folds():
    """The Kelvin sign is no k: folding it would merge two people."""
    caller = Caller()
    caller.add("k@example.com")
    caller.add("\u212a@example.com")

    assert len(caller.world.people(community.SUMMIT)) == 2


def test_mails_are_sent_unless_refused():
    """An invitation goes out by default, once, and not when it is switched off in the request."""
    caller = Caller()
    for _ in range(2):
        caller.add("by-default@example.com")
        caller.add("quiet@example.com", sendEmailInvite=False)
    caller.add("quiet@example.com")

    assert caller.person("by-default@example.com").mails == 1
    assert caller.person("quiet@example.com").mails == 0
    assert caller.world.statistics().mails == 1


def test_replay_can_send_the_mail_again():
    """Unknown at Airmeet, so the unkind way can be had."""
    caller = Caller(replay_mails=True)
    caller.add()
    caller.add()
    caller.add(sendEmailInvite=False)

    assert caller.person().mails == 2


def test_quota_is_used_by_registrations_only():
    """Invitations are free, confirmed registrations stop at the quota, and a refused one leaves no trace."""
    caller = Caller()
    emails = [f"p{number}@example.com" for number in range(community.SMALL_QUOTA)]
    statuses = [caller.add(email, community.SMALL, registerAttendee=True).status for email in emails]

    late = caller.add("late@example.com", community.SMALL, registerAttendee=True)

    assert statuses == [200] * community.SMALL_QUOTA
    assert (late.status, content(late)["statusMessage"]) == (400, "No registrations left")
    assert caller.person("late@example.com", community.SMALL) is None
    assert caller.add("late@example.com", community.SMALL).status == 200
    assert caller.add(emails[0], community.SMALL, registerAttendee=True).status == 200
    assert caller.world.statistics().registrations == community.SMALL_QUOTA


def test_status_of_a_full_quota_is_a_switch():
    """Nobody knows it, so any can be had."""
    caller = Caller(quota_status=409)
    statuses = [caller.add(f"p{n}@example.com", community.SMALL, registerAttendee=True).status for n in range(4)]

    assert statuses == [200, 200, 200, 409]


@pytest.mark.parametrize("kind", ["IN-PERSON", "VIRTUAL"])
def test_hybrid_attendance_registers(kind):
    """At a hybrid event the attendance type is stored and counts as a registration."""
    caller = Caller()

    assert caller.add(event=community.HYBRID, attendance_type=kind).status == 200
    assert kind == caller.person(event=community.HYBRID).details["attendance_type"]
    assert caller.person(event=community.HYBRID).registered


@pytest.mark.parametrize("fields", [{}, {"attendance_type": "in-person"}, {"attendance_type": None}])
def test_hybrid_demands_an_attendance_type(fields):
    """Without one of the two words a hybrid event refuses."""
    assert Caller().add(event=community.HYBRID, **fields).status == 400


def test_other_events_ignore_the_attendance_type():
    """Elsewhere it neither registers nor is stored."""
    caller = Caller()
    caller.add(attendance_type="VIRTUAL")

    assert "attendance_type" not in caller.person().details
    assert not caller.person().registered


TRIMMED = [
    ({}, "city", "x" * 70, "x" * 70),
    ({}, "city", "x" * 71, "x" * 67 + "..."),
    ({}, "organisation", "я" * 99, "я" * 67 + "..."),
    ({}, "designation", "x" * 71, "x" * 67 + "..."),
    ({}, "country", "x" * 71, "x" * 67 + "..."),
    ({}, "firstName", "x" * 36, "x" * 35),
    ({}, "lastName", "x" * 35, "x" * 35),
    ({"dots_inside_limit": False}, "city", "x" * 71, "x" * 70 + "..."),
    ({"dots_on_names": True}, "lastName", "x" * 36, "x" * 32 + "..."),
]


@pytest.mark.parametrize(("switches", "name", "sent", "stored"), TRIMMED)
def test_long_texts_are_cut(switches, name, sent, stored):
    """Too long a text is no error: 35 characters of a name are kept, 70 of the rest, with dots."""
    caller = Caller(**switches)

    assert caller.add(**{name: sent}).status == 200
    assert stored == caller.person().details[name]


BAD_EMAILS = ["", " ", "plain", "a@b", "@example.com", "a@", "a b@example.com", "a@@example.com", "a@example..com"]
MORE_BAD_EMAILS = [
    "a..b@example.com",
    ".a@example.com",
    "a.@example.com",
    "a@.example.com",
    "a@example.com.",
    "x" * 250 + "@e.co",
]


@pytest.mark.parametrize("email", BAD_EMAILS + MORE_BAD_EMAILS)
def test_bad_address_is_refused(email):
    """No address, no attendee; the refusal has the in-body shape."""
    caller = Caller()
    reply = caller.add(email)

    assert (reply.status, content(reply)["statusCode"], content(reply)["data"]) == (400, 400, {})
    assert caller.world.people(community.SUMMIT) == []


@pytest.mark.parametrize(
    "email", ["o'neil@example.com", "a+b@example.co.uk", "żółw@example.org", "a@xn--e1afmkfd.example"]
)
def test_unusual_address_is_fine(email):
    """Plus signs, apostrophes and other scripts are addresses."""
    assert Caller().add(email).status == 200


BAD_FIELDS = [
    {"firstName": ""},
    {"lastName": "  "},
    {"firstName": None},
    {"lastName": 7},
    {"city": None},
    {"email": ["a@example.com"]},
    {"registerAttendee": "true"},
    {"sendEmailInvite": 1},
    {"customFieldMapping": {}},
    {"customFieldMapping": ["f-tshirt"]},
    {"customFieldMapping": [{"value": "M"}]},
    {"customFieldMapping": [{"fieldId": "f-unknown", "value": "M"}]},
    {"customFieldMapping": [{"fieldId": "f-tshirt"}]},
    {"customFieldMapping": [{"fieldId": "f-tshirt", "value": 7}]},
    {"customFieldMapping": [{"fieldId": "f-tshirt", "value": [7]}]},
]


@pytest.mark.parametrize("fields", BAD_FIELDS)
def test_bad_field_is_refused(fields):
    """A field of the wrong type, or a custom field that is not there, is a 400 and adds nobody."""
    caller = Caller()

    assert caller.add(event=community.WITH_FIELDS, **fields).status == 400
    assert caller.world.people(community.WITH_FIELDS) == []


@pytest.mark.parametrize("value", ["M", ["M"]])
def test_custom_field_takes_text_or_list(value):
    """The sources disagree on the type of the value, so both are taken, and stored as a list."""
    caller = Caller()
    mapping = [{"fieldId": community.FIELD_TSHIRT, "value": value}]

    assert caller.add(event=community.WITH_FIELDS, customFieldMapping=mapping).status == 200
    stored = caller.person(event=community.WITH_FIELDS).details["customFieldMapping"]
    assert stored == [{"fieldId": community.FIELD_TSHIRT, "value": ["M"]}]


@pytest.mark.parametrize(("enforced", "status"), [(False, 200), (True, 400)])
def test_required_custom_fields(enforced, status):
    """Whether required fields are demanded is unknown, so it is a switch."""
    caller = Caller(required_fields_enforced=enforced)

    assert status == caller.add(event=community.WITH_FIELDS).status
    full = [{"fieldId": community.FIELD_TSHIRT, "value": "M"}]
    assert caller.add("b@example.com", community.WITH_FIELDS, customFieldMapping=full).status == 200


def test_block_and_unblock():
    """Both answer success, can be repeated, and leave the link as it was."""
    caller = Caller()
    link = content(caller.add())["entryLink"]

    for verb, blocked in (("block", True), ("block", True), ("unblock", False), ("unblock", False)):
        reply = caller.change(verb, "ADA@example.com")
        assert (reply.status, content(reply)) == (200, {"success": True})
        assert blocked is caller.person().blocked
    assert link == caller.person().entry_link
    assert (caller.world.statistics().blocks, caller.world.statistics().unblocks) == (2, 2)


@pytest.mark.parametrize(("unblocks", "blocked"), [(True, False), (False, True)])
def test_replay_lets_a_blocked_person_in(unblocks, blocked):
    """As the help text has it, unless switched off."""
    caller = Caller(replay_unblocks=unblocks)
    caller.add()
    caller.change("block")

    assert caller.add().status == 200
    assert blocked is caller.person().blocked


@pytest.mark.parametrize("status", [200, 400, 404])
@pytest.mark.parametrize("verb", ["block", "unblock"])
def test_blocking_a_stranger(verb, status):
    """Unknown at Airmeet, so any answer can be had; nobody is added by it."""
    caller = Caller(unknown_attendee_status=status)

    assert status == caller.change(verb).status
    assert caller.person() is None


@pytest.mark.parametrize("body", [{}, {"attendeeEmail": "plain"}, {"email": "ada@example.com"}])
def test_block_demands_an_address(body):
    """The member is called attendeeEmail here, and must hold an address."""
    assert Caller().status("PUT", f"/airmeet/{community.SUMMIT}/attendee/block", body) == 400
