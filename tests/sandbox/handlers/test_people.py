"""Adding, blocking, removing and listing people."""

from typing import Any

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


def test_case_of_an_address():
    """Addresses that differ in ASCII case are one person, unless switched off."""
    for folds, people in [(True, 1), (False, 2)]:
        caller = Caller(fold_email_case=folds)
        caller.add("ada@example.com")
        caller.add("ADA@Example.com")

        assert people == len(caller.world.people(community.SUMMIT)), (folds, people)


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


def test_hybrid_attendance_registers():
    """At a hybrid event the attendance type is stored and counts as a registration."""
    for kind in ["IN-PERSON", "VIRTUAL"]:
        caller = Caller()

        assert caller.add(event=community.HYBRID, attendance_type=kind).status == 200, kind
        assert kind == caller.person(event=community.HYBRID).details["attendance_type"], kind
        assert caller.person(event=community.HYBRID).registered, kind


def test_hybrid_demands_an_attendance_type():
    """Without one of the two words a hybrid event refuses."""
    bad: list[dict[str, Any]] = [{}, {"attendance_type": "in-person"}, {"attendance_type": None}]
    for fields in bad:
        assert Caller().add(event=community.HYBRID, **fields).status == 400, fields


def test_other_events_ignore_the_attendance_type():
    """Elsewhere it neither registers nor is stored."""
    caller = Caller()
    caller.add(attendance_type="VIRTUAL")

    assert "attendance_type" not in caller.person().details
    assert not caller.person().registered


TRIMMED: list[tuple[dict[str, Any], str, str, str]] = [
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


def test_long_texts_are_cut():
    """Too long a text is no error: 35 characters of a name are kept, 70 of the rest, with dots."""
    for switches, name, sent, stored in TRIMMED:
        caller = Caller(**switches)

        assert caller.add(**{name: sent}).status == 200, (switches, name, sent, stored)
        assert stored == caller.person().details[name], (switches, name, sent, stored)


BAD_EMAILS = ["", " ", "plain", "a@b", "@example.com", "a@", "a b@example.com", "a@@example.com", "a@example..com"]
MORE_BAD_EMAILS = [
    "a..b@example.com",
    ".a@example.com",
    "a.@example.com",
    "a@.example.com",
    "a@example.com.",
    "x" * 250 + "@e.co",
]


def test_bad_address_is_refused():
    """No address, no attendee; the refusal has the in-body shape."""
    for email in BAD_EMAILS + MORE_BAD_EMAILS:
        caller = Caller()
        reply = caller.add(email)

        assert (reply.status, content(reply)["statusCode"], content(reply)["data"]) == (400, 400, {}), email
        assert caller.world.people(community.SUMMIT) == [], email


def test_unusual_address_is_fine():
    """Plus signs, apostrophes and other scripts are addresses."""
    for email in ["o'neil@example.com", "a+b@example.co.uk", "żółw@example.org", "a@xn--e1afmkfd.example"]:
        assert Caller().add(email).status == 200, email


BAD_FIELDS: list[dict[str, Any]] = [
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


def test_bad_field_is_refused():
    """A field of the wrong type, or a custom field that is not there, is a 400 and adds nobody."""
    for fields in BAD_FIELDS:
        caller = Caller()

        assert caller.add(event=community.WITH_FIELDS, **fields).status == 400, fields
        assert caller.world.people(community.WITH_FIELDS) == [], fields


def test_custom_field_takes_text_or_list():
    """The sources disagree on the type of the value, so both are taken, and stored as a list."""
    for value in ["M", ["M"]]:
        caller = Caller()
        mapping = [{"fieldId": community.FIELD_TSHIRT, "value": value}]

        assert caller.add(event=community.WITH_FIELDS, customFieldMapping=mapping).status == 200, value
        stored = caller.person(event=community.WITH_FIELDS).details["customFieldMapping"]
        assert stored == [{"fieldId": community.FIELD_TSHIRT, "value": ["M"]}], value


def test_each_reading_of_an_answer_can_be_demanded():
    """An array or a text; the code of an option or its label."""
    demands: list[tuple[dict[str, Any], Any, int]] = [
        ({"answer_values": "array"}, ["M"], 200),
        ({"answer_values": "array"}, "M", 400),
        ({"answer_values": "text"}, "M", 200),
        ({"answer_values": "text"}, ["M"], 400),
        ({"option_answers": "code"}, ["M"], 200),
        ({"option_answers": "code"}, ["Medium"], 400),
        ({"option_answers": "label"}, ["Medium"], 200),
        ({"option_answers": "label"}, ["M"], 400),
        ({}, ["Huge"], 400),
    ]
    for switches, value, status in demands:
        mapping = [{"fieldId": community.FIELD_TSHIRT, "value": value}]
        added = Caller(**switches).add(event=community.WITH_FIELDS, customFieldMapping=mapping)
        assert added.status == status, (switches, value)


def test_the_date_of_a_person_stays_the_same():
    """Whoever else comes, goes, or speaks."""
    caller = Caller()

    def dates():
        return {row["email"]: row["registrationDate"] for row in listed(caller)["participants"]}

    before = dates()
    caller.world.add_crowd(community.FINISHED, 2)
    crowd = dates()
    caller.reply("DELETE", f"/airmeet/{community.FINISHED}/attendee/guest003%40example.com")
    caller.send(f"/airmeet/{community.FINISHED}/speaker", {"name": "New", "email": "new@example.com"})
    caller.add("late@example.com", community.FINISHED)
    after = dates()

    assert {email: after[email] for email in crowd if email != "guest003@example.com"} == {
        email: date for email, date in crowd.items() if email != "guest003@example.com"
    }
    assert crowd.items() >= before.items()
    assert after["late@example.com"] > max(before.values())


def test_required_custom_fields():
    """Whether required fields are demanded is unknown, so it is a switch."""
    for enforced, status in [(False, 200), (True, 400)]:
        caller = Caller(required_fields_enforced=enforced)

        assert status == caller.add(event=community.WITH_FIELDS).status, (enforced, status)
        full = [{"fieldId": community.FIELD_TSHIRT, "value": "M"}]
        assert caller.add("b@example.com", community.WITH_FIELDS, customFieldMapping=full).status == 200, (
            enforced,
            status,
        )


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


def test_replay_lets_a_blocked_person_in():
    """As the help text has it, unless switched off."""
    for unblocks, blocked in [(True, False), (False, True)]:
        caller = Caller(replay_unblocks=unblocks)
        caller.add()
        caller.change("block")

        assert caller.add().status == 200, (unblocks, blocked)
        assert blocked is caller.person().blocked, (unblocks, blocked)


def test_blocking_a_stranger():
    """Unknown at Airmeet, so any answer can be had; nobody is added by it."""
    for status in [200, 400, 404]:
        for verb in ["block", "unblock"]:
            caller = Caller(unknown_attendee_status=status)

            assert status == caller.change(verb).status, (status, verb)
            assert caller.person() is None, (status, verb)


def test_block_demands_an_address():
    """The member is called attendeeEmail here, and must hold an address."""
    for body in [{}, {"attendeeEmail": "plain"}, {"email": "ada@example.com"}]:
        assert Caller().status("PUT", f"/airmeet/{community.SUMMIT}/attendee/block", body) == 400, body


EVERYBODY = community.FINISHED_PEOPLE + 1  # and a speaker


def listed(caller, query="", event=community.FINISHED):
    return caller.get(f"/airmeet/{event}/participants{query}")


def emails(body):
    return [row["email"] for row in body["participants"]]


def test_rows_show_the_person():
    """The joining link is the one that the add answered, and D is a capital letter in Designation."""
    caller = Caller()
    link = content(caller.add(city="London", designation="Analyst", sendEmailInvite=False))["entryLink"]
    body = listed(caller, event=community.SUMMIT)
    (row,) = body["participants"]

    assert (body["userCount"], body["totalUserCount"]) == (1, 1)
    assert (row["email"], row["name"], row["city"]) == ("ada@example.com", "Ada Lovelace", "London")
    assert (row["Designation"], row["token"], row["invite_sent"]) == ("Analyst", link, False)
    assert row["user_profile"] == []


def test_answers_to_custom_fields_are_shown():
    """One of the seeded people has filled the form; several values of one field become one text."""
    caller = Caller()
    (seeded,) = [row for row in listed(caller)["participants"] if row["user_profile"]]
    field = {"fieldId": community.FIELD_TSHIRT, "value": ["M", "L"]}
    caller.add(event=community.WITH_FIELDS, customFieldMapping=[field])
    (added,) = listed(caller, event=community.WITH_FIELDS)["participants"]

    assert seeded["user_profile"] == [{"fieldId": community.FIELD_COMPANY_SIZE, "value": "250"}]
    assert added["user_profile"] == [{"fieldId": community.FIELD_TSHIRT, "value": "M, L"}]


def test_speakers_are_listed_too():
    """They are told apart by their type; somebody who is both is listed twice."""
    caller = Caller()
    caller.add(community.SPEAKER, community.FINISHED)
    rows = listed(caller, f"?emailIds={community.SPEAKER}")["participants"]

    assert sorted(row["user_type"] for row in rows) == ["attendee", "speaker"]


def test_pages_hold_everybody_once():
    """As many pages as `totalUserCount` says; the one after them is empty."""
    for size in [1, 7, 50, 150, 151, 1000]:
        caller = Caller()
        pages = -(-EVERYBODY // size)
        bodies = [listed(caller, f"?resultSize={size}&pageNumber={number}") for number in range(1, pages + 2)]
        seen = [email for body in bodies for email in emails(body)]

        assert len(seen) == len(set(seen)) == EVERYBODY, size
        assert {body["totalUserCount"] for body in bodies} == {EVERYBODY}, size
        assert [body["userCount"] for body in bodies] == [len(emails(body)) for body in bodies], size
        assert bodies[-1]["participants"] == [], size


def test_page_past_the_end():
    """Nothing, or the last page again."""
    for choice, page in [("empty", []), ("repeat", ["c@example.com"])]:
        caller = Caller(past_the_end=choice, sorting_direction="ASC")
        for name in "abc":
            caller.add(f"{name}@example.com")

        assert page == emails(listed(caller, "?resultSize=2&pageNumber=9", community.SUMMIT)), (choice, page)


def test_page_past_the_end_can_be_an_error():
    """The third way; the first page of an empty list is none of that."""
    caller = Caller(past_the_end="error")

    assert caller.status("GET", f"/airmeet/{community.SUMMIT}/participants") == 200
    assert caller.status("GET", f"/airmeet/{community.SUMMIT}/participants?pageNumber=2") == 400


def test_size_over_the_limit():
    """Cut to a thousand, or refused."""
    for clamped, status in ((True, 200), (False, 400)):
        caller = Caller(clamp_size=clamped)
        caller.world.add_crowd(community.SUMMIT, 1500)
        reply = caller.reply("GET", f"/airmeet/{community.SUMMIT}/participants?resultSize=1001")
        assert reply.status == status
    assert len(listed(Caller(), "?resultSize=1000")["participants"]) == EVERYBODY


ORDERS = [
    ("sortingKey=email&sortingDirection=ASC", ["a@example.com", "b@example.com", "c@example.com"]),
    ("sortingKey=email&sortingDirection=DESC", ["c@example.com", "b@example.com", "a@example.com"]),
    ("sortingKey=name&sortingDirection=ASC", ["b@example.com", "c@example.com", "a@example.com"]),
    ("sortingKey=registrationDate&sortingDirection=ASC", ["c@example.com", "a@example.com", "b@example.com"]),
    ("sortingDirection=DESC", ["b@example.com", "a@example.com", "c@example.com"]),
    ("", ["b@example.com", "a@example.com", "c@example.com"]),
]


def test_sorting():
    """By name, address or date, up or down; by date and down if nothing is said."""
    for query, order in ORDERS:
        caller = Caller()
        for email, name in (("c@example.com", "mid"), ("a@example.com", "Zoe"), ("b@example.com", "Abe")):
            caller.add(email, firstName=name)

        assert order == emails(listed(caller, f"?{query}", community.SUMMIT)), (query, order)


def test_default_direction_is_a_switch():
    """The server's default is not stated."""
    caller = Caller(sorting_direction="ASC")

    assert emails(listed(caller))[0] == community.SPEAKER


def test_bad_queries_are_refused():
    """Unknown words, and numbers below one, are a 400."""
    for query in [
        "sortingKey=age",
        "sortingDirection=up",
        "pageNumber=0",
        "pageNumber=x",
        "resultSize=0",
        "resultSize=",
    ]:
        assert Caller().status("GET", f"/airmeet/{community.FINISHED}/participants?{query}") == 400, query


def test_filter_by_address():
    """Several addresses with commas between; case does not matter, strangers are left out, counts are of the found."""
    caller = Caller()
    caller.world.add_crowd(community.FINISHED, 5)
    wanted = (
        "GUEST001@example.com,guest149@example.com, crowd-0000004@example.com,crowd-0000005@example.com,x@example.com"
    )
    body = listed(caller, f"?sortingDirection=ASC&emailIds={wanted.replace(' ', '%20')}")

    assert emails(body) == ["guest001@example.com", "guest149@example.com", "crowd-0000004@example.com"]
    assert (body["userCount"], body["totalUserCount"]) == (3, 3)


def test_registrations_are_the_confirmed_ones():
    """Invited people are participants, but not registered; the crowd is."""
    caller = Caller()
    caller.add("a@example.com", registerAttendee=True)
    caller.add("b@example.com")
    caller.world.add_crowd(community.SUMMIT, 1)
    body = caller.get(f"/airmeet/{community.SUMMIT}/registrations")

    assert [row["email"] for row in body["data"]] == ["a@example.com", "crowd-0000000@example.com"]


def test_registrations_come_in_pages():
    """Following `after` shows each once."""
    caller = Caller()
    path = f"/airmeet/{community.FINISHED}/registrations?size=40"
    page = caller.get(path)
    seen = [row["email"] for row in page["data"]]
    for _ in range(page["cursors"]["pageCount"] - 1):
        page = caller.get(f"{path}&after={page['cursors']['after']}")
        seen += [row["email"] for row in page["data"]]

    confirmed = [person.email for person in caller.world.people(community.FINISHED) if person.registered]
    assert seen == confirmed
    assert len(seen) == 113


ENCODED = ["o'neil%2Bx%40example.com", "o%27neil%252Bx%2540example.com", "O'NEIL%2Bx@example.com"]


def test_remove_takes_an_address_encoded_once_or_twice():
    """Airmeet's own connector encodes it twice (B); a plus is a plus."""
    for path in ENCODED:
        caller = Caller()
        caller.add("o'neil+x@example.com")
        reply = caller.reply("DELETE", f"/airmeet/{community.SUMMIT}/attendee/{path}")

        assert (reply.status, content(reply)["success"]) == (200, True), path
        assert caller.world.people(community.SUMMIT) == [], path
        assert caller.world.statistics().removals == 1, path


def test_remove_decodes_no_more_than_was_encoded():
    """An address may hold a percent sign itself."""
    for path in ["50%2525%40example.com", "50%252525%2540example.com"]:
        caller = Caller()
        caller.add("50%25@example.com")

        assert caller.status("DELETE", f"/airmeet/{community.SUMMIT}/attendee/{path}") == 200, path


def test_removed_person_can_come_back():
    """As a new one, with the same link; removing twice is as with somebody who was never added."""
    caller = Caller()
    path = f"/airmeet/{community.SUMMIT}/attendee/ada%40example.com"
    first = caller.add()

    assert [caller.status("DELETE", path) for _ in range(2)] == [200, 400]
    assert caller.add() == first
    assert caller.world.statistics().adds == 2


def test_status_of_removing_a_stranger_is_a_switch():
    """As for blocking."""
    for status in [200, 404]:
        caller = Caller(unknown_attendee_status=status)

        assert caller.status("DELETE", f"/airmeet/{community.SUMMIT}/attendee/x%40example.com") == status, status


def test_place_of_a_removed_person():
    """It is used up, or free again; that of somebody who was only invited counts for nothing."""
    for frees, status in [(False, 400), (True, 200)]:
        caller = Caller(removal_frees_place=frees)
        for number in range(community.SMALL_QUOTA):
            caller.add(f"p{number}@example.com", community.SMALL, registerAttendee=True)
        caller.add("invited@example.com", community.SMALL)
        for email in ("p0", "invited"):
            caller.reply("DELETE", f"/airmeet/{community.SMALL}/attendee/{email}%40example.com")

        assert caller.add("next@example.com", community.SMALL, registerAttendee=True).status == status, (frees, status)
        assert caller.add("last@example.com", community.SMALL, registerAttendee=True).status == 400, (frees, status)
