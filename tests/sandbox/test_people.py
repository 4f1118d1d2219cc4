"""Listing people: participants in numbered pages, registrations by cursor, and taking somebody out."""

import pytest

from airmeet_async.sandbox import community
from tests.sandbox.caller import Caller, content

EVENT = community.FINISHED
EVERYBODY = community.FINISHED_PEOPLE + 1  # and a speaker


def listed(caller, query="", event=EVENT):
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
    caller.add(community.SPEAKER, EVENT)
    rows = listed(caller, f"?emailIds={community.SPEAKER}")["participants"]

    assert sorted(row["user_type"] for row in rows) == ["attendee", "speaker"]


@pytest.mark.parametrize("size", [1, 7, 50, 150, 151, 1000])
def test_pages_hold_everybody_once(size):
    """As many pages as `totalUserCount` says; the one after them is empty."""
    caller = Caller()
    pages = -(-EVERYBODY // size)
    bodies = [listed(caller, f"?resultSize={size}&pageNumber={number}") for number in range(1, pages + 2)]
    seen = [email for body in bodies for email in emails(body)]

    assert len(seen) == len(set(seen)) == EVERYBODY
    assert {body["totalUserCount"] for body in bodies} == {EVERYBODY}
    assert [body["userCount"] for body in bodies] == [len(emails(body)) for body in bodies]
    assert bodies[-1]["participants"] == []


@pytest.mark.parametrize(("choice", "page"), [("empty", []), ("repeat", ["c@example.com"])])
def test_page_past_the_end(choice, page):
    """Nothing, or the last page again."""
    caller = Caller(past_the_end=choice, sorting_direction="ASC")
    for name in "abc":
        caller.add(f"{name}@example.com")

    assert page == emails(listed(caller, "?resultSize=2&pageNumber=9", community.SUMMIT))


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


@pytest.mark.parametrize(("query", "order"), ORDERS)
def test_sorting(query, order):
    """By name, address or date, up or down; by date and down if nothing is said."""
    caller = Caller()
    for email, name in (("c@example.com", "mid"), ("a@example.com", "Zoe"), ("b@example.com", "Abe")):
        caller.add(email, firstName=name)

    assert order == emails(listed(caller, f"?{query}", community.SUMMIT))


def test_default_direction_is_a_switch():
    """The server's default is not stated."""
    caller = Caller(sorting_direction="ASC")

    assert emails(listed(caller))[0] == community.SPEAKER


@pytest.mark.parametrize(
    "query", ["sortingKey=age", "sortingDirection=up", "pageNumber=0", "pageNumber=x", "resultSize=0", "resultSize="]
)
def test_bad_queries_are_refused(query):
    """Unknown words, and numbers below one, are a 400."""
    assert Caller().status("GET", f"/airmeet/{EVENT}/participants?{query}") == 400


def test_filter_by_address():
    """Several addresses with commas between; case does not matter, strangers are left out, counts are of the found."""
    caller = Caller()
    caller.world.add_crowd(EVENT, 5)
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
    path = f"/airmeet/{EVENT}/registrations?size=40"
    page = caller.get(path)
    seen = [row["email"] for row in page["data"]]
    for _ in range(page["cursors"]["pageCount"] - 1):
        page = caller.get(f"{path}&after={page['cursors']['after']}")
        seen += [row["email"] for row in page["data"]]

    confirmed = [person.email for person in caller.world.people(EVENT) if person.registered]
    assert seen == confirmed
    assert len(seen) == 113


ENCODED = ["o'neil%2Bx%40example.com", "o%27neil%252Bx%2540example.com", "O'NEIL%2Bx@example.com"]


@pytest.mark.parametrize("path", ENCODED)
def test_remove_takes_an_address_encoded_once_or_twice(path):
    """Airmeet's own connector encodes it twice (B); a plus is a plus."""
    caller = Caller()
    caller.add("o'neil+x@example.com")
    reply = caller.reply("DELETE", f"/airmeet/{community.SUMMIT}/attendee/{path}")

    assert (reply.status, content(reply)["success"]) == (200, True)
    assert caller.world.people(community.SUMMIT) == []
    assert caller.world.statistics().removals == 1


@pytest.mark.parametrize("path", ["50%2525%40example.com", "50%252525%2540example.com"])
def test_remove_decodes_no_more_than_was_encoded(path):
    """An address may hold a percent sign itself."""
    caller = Caller()
    caller.add("50%25@example.com")

    assert caller.status("DELETE", f"/airmeet/{community.SUMMIT}/attendee/{path}") == 200


def test_removed_person_can_come_back():
    """As a new one, with the same link; removing twice is as with somebody who was never added."""
    caller = Caller()
    path = f"/airmeet/{community.SUMMIT}/attendee/ada%40example.com"
    first = caller.add()

    assert [caller.status("DELETE", path) for _ in range(2)] == [200, 400]
    assert caller.add() == first
    assert caller.world.statistics().adds == 2


@pytest.mark.parametrize("status", [200, 404])
def test_status_of_removing_a_stranger_is_a_switch(status):
    """As for blocking."""
    caller = Caller(unknown_attendee_status=status)

    assert caller.status("DELETE", f"/airmeet/{community.SUMMIT}/attendee/x%40example.com") == status


@pytest.mark.parametrize(("frees", "status"), [(False, 400), (True, 200)])
def test_place_of_a_removed_person(frees, status):
    """It is used up, or free again; that of somebody who was only invited counts for nothing."""
    caller = Caller(removal_frees_place=frees)
    for number in range(community.SMALL_QUOTA):
        caller.add(f"p{number}@example.com", community.SMALL, registerAttendee=True)
    caller.add("invited@example.com", community.SMALL)
    for email in ("p0", "invited"):
        caller.reply("DELETE", f"/airmeet/{community.SMALL}/attendee/{email}%40example.com")

    assert caller.add("next@example.com", community.SMALL, registerAttendee=True).status == status
    assert caller.add("last@example.com", community.SMALL, registerAttendee=True).status == 400


def test_block_is_no_address():
    """The paths of block and unblock are not taken for an attendee's."""
    reply = Caller().reply("DELETE", f"/airmeet/{community.SUMMIT}/attendee/block")

    assert (reply.status, reply.headers["allow"]) == (405, "PUT")
