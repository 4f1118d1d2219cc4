"""A list can be awaited, iterated, cut short and made a frame of, whether Airmeet sends it in pages or not."""

import asyncio
import inspect
import json
import re
from typing import Any, get_origin
from unittest.mock import create_autospec

import pytest
from attrs import evolve

from airmeet_async import (
    Airmeet,
    AirmeetClient,
    Booth,
    IncompleteListError,
    Listing,
    NotFoundError,
    Participant,
    RejectedError,
    ReplyError,
)
from airmeet_async.client.namespaces import AirmeetsNamespace, BoothsNamespace, Namespace, ParticipantsNamespace
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.endpoints import ENDPOINTS
from airmeet_async.protocol.models import FieldValue
from airmeet_async.protocol.paging import Page
from airmeet_async.sandbox import community
from tests.support.worlds import EVENT, client_of, transport_of

OVER = community.FINISHED


class Sender:
    """Answers from a list; an exception is raised."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[Call[Any]] = []

    async def send(self, call: Call[Any]) -> Any:
        self.sent.append(call)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def page(*ids: str, **facts: Any) -> Page[Airmeet]:
    return Page(tuple(map(Airmeet, ids)), **facts)


LISTS = {
    f"{group}.{name}": member
    for group in dir(AirmeetClient)
    if inspect.isclass(space := getattr(AirmeetClient, group)) and issubclass(space, Namespace)
    for name, member in vars(space).items()
    if get_origin(getattr(member, "__signature__", inspect.Signature()).return_annotation) is Listing
}
# What the methods of lists want besides.
WANTED = {
    "attendance.session": lambda info: (info.sessions[0].id,),
    "attendance.booth": lambda info: (OVER, community.BOOTH if hasattr(community, "BOOTH") else "b"),
}


def test_every_operation_that_returns_many_is_such_a_list():
    many = {
        name
        for name, endpoint in ENDPOINTS.items()
        if endpoint.paging.value != "none" or get_origin(endpoint.returns) is tuple
    }

    assert LISTS.keys() == many
    assert len(many) == 17


@pytest.mark.parametrize("name", sorted(LISTS.keys() - {"attendance.booth", "series.events"}))
async def test_each_list_can_be_awaited_and_iterated(name):
    """And its first row is the first of both."""
    async with client_of(transport_of()) as client:
        info = await client.airmeets.info(OVER)
        group, _, member = name.partition(".")
        parameter = [*inspect.signature(LISTS[name]).parameters.values()][1]
        wants_event = parameter.name == "airmeet_id" and parameter.kind is not parameter.KEYWORD_ONLY
        given = WANTED.get(name, lambda _: (OVER,) if wants_event else ())(info)
        listed = getattr(getattr(client, group), member)(*given)
        rows = await listed

        assert isinstance(listed, Listing)
        assert type(rows) is list
        if name == "recordings.list":  # each time with links of their own
            rows = [evolve(row, download_link=None) for row in rows]
            assert [evolve(row, download_link=None) async for row in listed] == rows
        else:
            assert [row async for row in listed] == await listed.to_list() == rows
            assert await listed.first() == (rows[0] if rows else None)


async def test_the_first_row_costs_one_request():
    sender = Sender(page("a", "b", after="2", total_count=9))

    assert await AirmeetsNamespace(sender).list().first() == Airmeet("a")
    assert len(sender.sent) == 1
    assert await AirmeetsNamespace(Sender(page())).list().first() is None


async def test_nothing_is_sent_before_it_is_asked_for_and_each_use_begins_at_the_start():
    sender = Sender((Booth("a"),), (Booth("b"),))
    booths = BoothsNamespace(sender).list(EVENT)

    assert sender.sent == []
    assert (await booths, await booths) == ([Booth("a")], [Booth("b")])


async def test_a_list_without_pages_is_one_page():
    booths = BoothsNamespace(Sender((Booth("a"), Booth("a")), (Booth("a"), Booth("a")))).list(EVENT)

    assert [[one.id for one in each.items] async for each in booths.pages()] == [["a", "a"]]
    assert len(await booths) == 2  # a row is a row where no page can come twice


async def test_a_list_is_a_coroutine_for_whoever_wants_one():
    """A task, a group of tasks, `gather`."""
    listed = AirmeetsNamespace(Sender(*[page("a")] * 4)).list()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(listed)

    assert task.result() == [Airmeet("a")]
    assert [await asyncio.gather(listed), await asyncio.wait_for(listed, 5)] == [[[Airmeet("a")]], [Airmeet("a")]]


async def test_a_cancelled_list_ends_at_once():
    """Also as a task, whose errors are thrown into it."""

    class Silent:
        async def send(self, _call: Call[Any]) -> Any:
            await asyncio.sleep(1000)

    task = asyncio.ensure_future(AirmeetsNamespace(Silent()).list())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_came_of_an_awaited_list_is_on_its_error():
    short = page("a", "b", total_count=3)
    with pytest.raises(IncompleteListError) as caught:
        await AirmeetsNamespace(Sender(*[short] * 9)).list()

    assert caught.value.rows == (Airmeet("a"), Airmeet("b"))


@pytest.mark.parametrize(
    "refusal",
    [
        NotFoundError("not found", status=404, reason="no such cursor"),
        RejectedError("refused", status=400, reason="cursor expired"),
        RejectedError("gone", status=410),
    ],
)
async def test_a_cursor_that_has_expired_is_no_unknown_event(refusal):
    """What was read is kept, and reading it again may help."""
    with pytest.raises(IncompleteListError, match=r"not go on after page 1 .* expired\. Read it again") as caught:
        await AirmeetsNamespace(Sender(page("a", after="2", total_count=3), refusal)).list()
    assert (caught.value.rows, caught.value.read, caught.value.expected) == ((Airmeet("a"),), 1, 3)
    assert caught.value.__cause__ is refusal

    with pytest.raises(ReplyError, match=str(refusal)):  # the first page, though: there is no such event
        await AirmeetsNamespace(Sender(refusal)).list()


async def test_pages_that_the_server_caps_go_on_until_one_is_empty():
    """Fewer rows than were asked for, and nobody counts them."""
    people = [Participant(f"p{n}@example.com") for n in range(5)]

    class Capped:
        async def send(self, call: Call[Any]) -> Any:
            start = 2 * (int(call.query["pageNumber"]) - 1)
            return Page(tuple(people[start : start + 2]))

    assert await ParticipantsNamespace(Capped()).list(EVENT, size=1000) == people


ROW = Participant("a@example.com", "Ada", invite_sent=True, entry_link="x?code=y", fields=(FieldValue("f1", ["L"]),))


def rows_of(frame: Any, backend: str) -> Any:
    if backend == "pandas":
        return frame.astype(object).where(frame.notna(), None).to_dict("records")
    return frame.to_dicts() if backend == "polars" else frame.to_pylist()


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
async def test_a_list_is_a_frame(backend):
    """Times are times, nested values JSON, and an empty list has its columns."""
    pytest.importorskip(backend)
    async with client_of(transport_of()) as client:
        listed = client.participants.list(OVER)
        rows, frame = await listed, await listed.to_frame(backend=backend)

    found = rows_of(frame, backend)
    assert [row["email"] for row in found] == [row.email for row in rows]
    assert [row["registered_at"] for row in found] == [row.registered_at for row in rows]
    made = await ParticipantsNamespace(Sender(Page((ROW,), total_count=1))).list(EVENT).to_frame(backend=backend)
    (row,) = rows_of(made, backend)
    assert (row["invite_sent"], row["entry_link"], row["registered_at"]) == (True, "x?code=y", None)
    assert json.loads(row["fields"])[0]["value"] == ["L"]
    empty = await BoothsNamespace(Sender(())).list(EVENT).to_frame(backend=backend)
    assert (len(empty), "name" in {*(empty.column_names if backend == "pyarrow" else empty.columns)}) == (0, True)


def test_all_of_a_client_can_be_seen_on_its_class(capsys):
    """By `help`, `inspect` and mocks: namespaces, arguments, types."""
    signature = inspect.signature(AirmeetClient.airmeets.list)  # type: ignore[misc]
    assert [*signature.parameters] == ["self", "size", "after", "before", "retry", "timeout"]
    assert str(signature.return_annotation).endswith("Listing[airmeet_async.protocol.models.Airmeet]")

    help(AirmeetClient)
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("access_key: ", "timeout: Seconds", "airmeets = ", "bulk = ", "webhooks = "))
    help(AirmeetClient.airmeets)  # type: ignore[misc]
    shown = re.sub(r"\s*\|?\s+", " ", capsys.readouterr().out)  # Python 3.13 gives each argument a line
    assert re.search(r"list\( ?self, /, \*, size: int = 50", shown)
    assert "List the community's events" in shown
    help(client_of(transport_of()).attendees.add)
    shown = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert re.search(r"add\( ?airmeet_id: str \| uuid.UUID, attendee: ", shown)


async def test_a_mock_of_a_client_has_its_groups_and_their_signatures():
    """Operations are awaited, and what the client does not take the mock does not take either."""
    for mock in (create_autospec(AirmeetClient), create_autospec(AirmeetClient, instance=True)):
        mock.airmeets.info.return_value = Airmeet("e")
        mock.booths.list.return_value.first.return_value = Booth("b")

        assert await mock.airmeets.info(EVENT, timeout=5) == Airmeet("e")
        with pytest.raises(TypeError, match="attendee"):
            mock.attendees.add(EVENT)
        with pytest.raises(TypeError, match="nonsense"):
            mock.airmeets.list(nonsense=1)
        with pytest.raises(TypeError, match="send_email_invite"):
            mock.bulk.add_attendees(EVENT, [])
        with pytest.raises(AttributeError):
            _ = mock.attendees.lisst
