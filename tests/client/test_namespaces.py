"""The methods of a client are the builders, sent."""

import inspect
from typing import Any
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airmeet_async import AirmeetClient, calls
from airmeet_async.client.namespaces import (
    AirmeetsNamespace,
    AttendeesNamespace,
    CustomFieldsNamespace,
    Grouped,
    Listing,
    Operations,
    ParticipantsNamespace,
    PollsNamespace,
)
from airmeet_async.errors import IncompleteListError, InvalidInputError
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.models import Airmeet, Attendee, Participant, PollAnswer, PollResponses
from airmeet_async.protocol.paging import Page
from airmeet_async.testing import Sandbox
from tests.cases import case
from tests.protocol.samples import same_every_time
from tests.reference import BUILDERS

EVENT = "8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02"
ADA = Attendee("ada@example.com", "Ada", "Lovelace")


class Sender:
    """Notes what it is asked to send, and answers from a list."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[Call[Any]] = []

    async def send(self, call: Call[Any]) -> Any:
        self.sent.append(call)
        return self.answers.pop(0)

    def __repr__(self) -> str:
        return "<Sender>"


MEMBERS: dict[str, tuple[Any, str, Any]] = {
    "attendees.add": (AttendeesNamespace, "add", calls.add_attendee),
    "attendees.block": (AttendeesNamespace, "block", calls.block_attendee),
    "attendees.unblock": (AttendeesNamespace, "unblock", calls.unblock_attendee),
    "custom_fields.list": (CustomFieldsNamespace, "list", calls.list_custom_fields),
    "airmeets.list": (AirmeetsNamespace, "list", calls.list_airmeets),
    "airmeets.info": (AirmeetsNamespace, "info", calls.get_airmeet),
}


def test_a_method_has_its_builders_signature_and_docstring():
    """Written once; `help()` shows them on the class and on an instance."""
    for label, (group, name, build) in MEMBERS.items():
        with case(label):
            method = getattr(group(Sender()), name)

            assert inspect.signature(method).parameters == inspect.signature(build).parameters
            assert [*inspect.signature(getattr(group, name)).parameters][1:] == [*inspect.signature(build).parameters]
            assert method.__doc__ == getattr(group, name).__doc__ == build.__doc__
            assert method.__name__ == name
            assert build.__doc__.strip()
            assert getattr(group, name).__wrapped__ is build


@pytest.mark.parametrize(
    ("ask", "call"),
    [
        (
            lambda sender: AttendeesNamespace(sender).add(EVENT, ADA, send_email_invite=False),
            calls.add_attendee(EVENT, ADA, send_email_invite=False),
        ),
        (
            lambda sender: AttendeesNamespace(sender).block(EVENT, email="ada@example.com"),
            calls.block_attendee(EVENT, "ada@example.com"),
        ),
        (
            lambda sender: AttendeesNamespace(sender).unblock(EVENT, "ada@example.com"),
            calls.unblock_attendee(EVENT, "ada@example.com"),
        ),
        (lambda sender: AirmeetsNamespace(sender).info(EVENT), calls.get_airmeet(EVENT)),
    ],
    ids=["add", "block", "unblock", "info"],
)
async def test_a_method_sends_its_call(ask, call):
    """Nothing is added, and the answer is handed through."""
    sender = Sender("the answer")

    assert await ask(sender) == "the answer"
    assert sender.sent == [call]


def test_a_mistake_is_raised_where_it_is_made():
    """When the method is called, not when it is awaited."""
    sender = Sender()
    with pytest.raises(InvalidInputError):
        _ = AttendeesNamespace(sender).block(EVENT, "ada")
    with pytest.raises(InvalidInputError):
        _ = AirmeetsNamespace(sender).list(size=0)

    assert sender.sent == []


def event(uid):
    return Airmeet(uid)


def page(*uids, **facts):
    return Page(tuple(event(uid) for uid in uids), **facts)


async def test_a_listing_asks_page_after_page():
    """Nothing is sent before the first row is asked for, and not more than needed."""
    sender = Sender(page("a", "b", after="2"), page("c", "d", after="4"), page("e"))
    rows = AirmeetsNamespace(sender).list(size=2)
    assert sender.sent == []

    assert [row.id async for row in rows] == ["a", "b", "c", "d", "e"]
    assert sender.sent == [calls.list_airmeets(size=2, after=after) for after in (None, 2, 4)]


async def test_a_row_that_comes_twice_is_given_once():
    """The cursor was seen to misbehave on this list (C)."""
    sender = Sender(page("a", "b", after="2"), page("b", "c", after="3"), page("c"))

    assert [row.id async for row in AirmeetsNamespace(sender).list(size=2)] == ["a", "b", "c"]


async def test_whole_pages_can_be_had():
    """With what Airmeet says about the list, and without leaving anything out."""
    sender = Sender(page("a", "b", after="2", total_count=3), page("b", "c"))
    rows = AirmeetsNamespace(sender).list(size=2)

    assert [[row.id for row in read.items] async for read in rows.pages()] == [["a", "b"], ["b", "c"]]


async def test_a_list_that_ends_before_its_count_is_an_error_behind_its_rows():
    """By rows and by pages, row by row and page by page."""
    for short, said in [
        (page("a", "b", total_count=3), "counts 3 rows, and only 2 different ones came"),
        (page("a", "b", page_count=2), "counts 2 pages, and its list ended after 1"),
    ]:
        with case(said):
            listed, found = AirmeetsNamespace(Sender(*[short] * 9)).list(), []
            with pytest.raises(IncompleteListError, match=f"airmeets.list: Airmeet {said}") as caught:
                async for row in listed:
                    found.append(row.id)  # noqa: PERF401 - the rows before the error count

            assert (found, caught.value.read, caught.value.expected) == (["a", "b"], 2, short.total_count)
            with pytest.raises(IncompleteListError):
                _ = [read async for read in listed.pages()]


async def test_a_list_from_the_middle_is_not_counted():
    """The counts are of the whole list."""
    sender = Sender(page("c", "d", after="4", page_count=9, total_count=4), page(page_count=9, total_count=4))

    assert [row.id async for row in AirmeetsNamespace(sender).list(after=2)] == ["c", "d"]


def human(email, **facts):
    return Participant(email=email, **facts)


class Numbered:
    """People in numbered pages of two, of whom some come or go before some pages are answered."""

    def __init__(self, *people: str, changes: dict[int, Any]) -> None:
        self.people = list(people)
        self.changes = changes
        self.asked = 0

    async def send(self, call: Call[Any]) -> Any:
        self.asked += 1
        assert self.asked < 100
        self.changes.get(self.asked, lambda _: None)(self.people)
        start = 2 * (int(call.query["pageNumber"]) - 1)
        return Page(tuple(map(human, self.people[start : start + 2])), total_count=len(self.people))


CHANGES: dict[str, dict[int, Any]] = {
    "nothing happens": {},
    "one goes, so that another moves to a page that was read": {2: lambda people: people.remove("a")},
    "one comes at the end": {2: lambda people: people.append("g")},
    "one goes and one comes, so that the number stays": {
        2: lambda people: people.__setitem__(slice(None), [*people[1:], "g"])
    },
    "one comes in front": {2: lambda people: people.insert(0, "g")},
    "a page of them comes in front": {2: lambda people: people.__setitem__(slice(0, 0), "gh")},
    "one comes in front and one goes": {2: lambda people: people.insert(0, "g"), 3: lambda people: people.remove("b")},
    "something happens twice": {2: lambda people: people.remove("a"), 5: lambda people: people.remove("d")},
}


@pytest.mark.parametrize("name", CHANGES)
async def test_a_list_that_changes_while_it_is_read_has_all_that_stayed(name):
    """Nobody is missing who was there from the start to the end, and nobody comes twice."""
    server = Numbered(*"abcdef", changes=CHANGES[name])

    found = [row.email async for row in ParticipantsNamespace(server).list(EVENT, size=2)]

    assert len(found) == len(set(found))
    assert set(server.people) <= set(found) <= {*"abcdefgh"}
    assert server.asked <= 6 if name == "nothing happens" else 20


async def test_a_look_that_brings_somebody_is_not_the_last():
    """Whoever was missed twice, while the number of people stayed the same, is found by the third."""

    def replace(names):
        def change(people):
            gone, come = names
            people[:] = [*(name for name in people if name not in gone), *come]

        return change

    server = Numbered(*"abcdefgh", changes={4: replace("ai"), 7: replace(("bc", "jk"))})

    found = [row.email async for row in ParticipantsNamespace(server).list(EVENT, size=2)]

    assert (set("defgh") <= set(found), server.asked) == (True, 16)


PEOPLE = [f"p{number}" for number in range(9)]
TURNS = st.lists(st.tuples(st.integers(0, 8), st.sampled_from([*PEOPLE, ""])), max_size=3)


@pytest.mark.slow
@same_every_time
@given(changes=st.dictionaries(st.integers(2, 6), TURNS, max_size=3))
async def test_whoever_was_there_all_the_time_is_read(changes):
    """Whatever comes and goes anywhere while the list is read for the first time."""
    stayed = set(PEOPLE)

    def change(turns, asked):
        def turn(people):
            for place, name in turns:
                if name in people:
                    people.remove(name)
                    stayed.discard(name)
                elif not name:
                    people.insert(place, f"new-{asked}-{place}-{len(people)}")

        return turn

    server = Numbered(*PEOPLE, changes={asked: change(turns, asked) for asked, turns in changes.items()})
    found = [row.email async for row in ParticipantsNamespace(server).list(EVENT, size=2)]

    assert stayed <= set(found)
    assert len(found) == len(set(found))


async def test_a_row_is_a_row_unless_it_is_equal_as_a_whole():
    """A second answer of the same person, an address that is there twice, guests without a name or an id."""
    guest = PollResponses(polls=(PollAnswer("Lunch?", "yes"),))
    ann = PollResponses("ann@example.com", user_id="u1", polls=(PollAnswer("Lunch?", "yes"),))
    other = PollResponses("ann@example.com", user_id="u1", polls=(PollAnswer("Tea?", "no"),))
    odd = PollResponses("ann@example.com", user_id="u1", extra={"polls": "none"})
    sender = Sender(
        Page((guest, ann, other), after="1", total_count=7),
        Page((guest, guest, ann, odd), after="2", total_count=7),
        Page((human("b@example.com", city="Bonn"),), total_count=7),
    )

    found = [row async for row in PollsNamespace(sender).list(EVENT)]

    assert found == [guest, ann, other, guest, guest, odd, human("b@example.com", city="Bonn")]


async def test_a_listing_can_be_read_again():
    """Each `async for` begins at the start."""
    sender = Sender(page("a"), page("a"))
    rows = AirmeetsNamespace(sender).list()

    assert isinstance(rows, Listing)
    assert [row.id async for row in rows] == [row.id async for row in rows] == ["a"]
    assert len(sender.sent) == 2


def test_a_namespace_says_whose_it_is():
    """One line, for debugging."""
    assert repr(AttendeesNamespace(Sender())) == "<AttendeesNamespace of <Sender>>"


async def test_a_mock_in_a_group_of_a_client_stays_there():
    """Whether it was assigned or patched in; a `with_options` sibling has groups of its own."""
    with Sandbox() as sandbox:
        client = sandbox.client()
        assert client.attendees is client.attendees
        assert client.bulk is client.bulk
        sibling = client.with_options(retry=1)
        for name, group in {**vars(AirmeetClient), **vars(Operations)}.items():
            if isinstance(group, Grouped):
                assert getattr(sibling, name)._client is sibling
                assert getattr(client, name)._client is client
        with mock.patch.object(client.attendees, "add", mock.AsyncMock(return_value="patched")):
            found: Any = await client.attendees.add(EVENT, ADA, send_email_invite=False)
            assert found == "patched"
        client.attendees.add = mock.AsyncMock(return_value="assigned")  # type: ignore[misc]
        found = await client.attendees.add(EVENT, ADA, send_email_invite=False)
        assert found == "assigned"

        assert not sandbox.requests


def test_the_names_of_version_0_1_still_answer():
    """Each with a warning that says the new name, and nothing else answers."""
    for old, new in BUILDERS.items():
        if old != "auth":
            group, _, name = old.partition(".")
            name = "list_" if name == "list" else name
            with pytest.warns(
                DeprecationWarning, match=rf"calls\.{group}\.{name} is now calls\.{new.__name__};"
            ) as seen:
                found = getattr(getattr(calls, group), name)
            assert found is new
            assert seen[0].filename == __file__
            with pytest.raises(AttributeError, match="no attribute 'nothing'"):
                _ = getattr(calls, group).nothing
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = calls.nothing  # type: ignore[attr-defined]
