"""Every operation of the API through the client, against a pretend Airmeet in virtual time."""

import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from airmeet_async import (
    AmbiguousOutcomeError,
    ClientEvent,
    NotReadyError,
    RejectedError,
    Reply,
    Request,
    RowStatus,
    Waiting,
)
from airmeet_async.errors import IncompleteListError
from airmeet_async.protocol.call import Paging
from airmeet_async.protocol.endpoints import ENDPOINTS
from airmeet_async.protocol.models import NewAirmeet, NewBooth, NewSession, Speaker
from airmeet_async.sandbox import community
from tests.support.worlds import EVENT, client_of, people, transport_of

OVER = community.FINISHED
START = datetime(2026, 3, 1, 10, tzinfo=UTC)


async def all_of(rows: Any) -> list[Any]:
    return [row async for row in rows]


async def test_a_whole_event_from_its_creation_to_what_is_left_of_it() -> None:
    """Create, booths, speakers, sessions, people, start, finish, and then the lists."""
    async with client_of(transport_of()) as client:
        new = NewAirmeet(
            host_email=community.HOST, name="Forum", short_description="Two days", start=START,
            end=START + timedelta(hours=8), timezone="Europe/Paris",
        )  # fmt: skip
        event = (await client.airmeets.create(new)).id
        booth = (await client.booths.create(event, NewBooth(name="Stand"))).id
        speaker = await client.speakers.add(event, Speaker("s@example.com", "S Peaker"))
        talk = NewSession(title="Talk", start=START, host_email=community.HOST, speaker_emails=[speaker.email])
        session = await client.sessions.create(event, talk)
        report = await client.bulk.add_attendees(event, people(20), send_email_invite=False, rate=None)
        await client.airmeets.set_status(event, "ONGOING")
        await client.airmeets.set_status(event, "FINISHED")
        info = await client.airmeets.info(event)
        there = await all_of(client.attendance.event(event))
        in_session = await all_of(client.attendance.session(session.id))
        await all_of(client.attendance.booth(event, booth))
        await all_of(client.polls.list(event))
        await client.questions.list(event)
        registered = await all_of(client.participants.list(event))

    assert report.succeeded == 20
    assert (info.status, [one.name for one in info.sessions]) == ("FINISHED", ["Talk"])
    assert {row.email for row in there} <= {f"person-{n}@example.com" for n in range(20)} | {"s@example.com"}
    assert len(in_session) <= len(registered)
    assert {row.email for row in registered} >= {f"person-{n}@example.com" for n in range(20)}


READS: dict[str, tuple[Any, int]] = {
    "airmeets": (lambda client: client.airmeets.list(), 1),
    "participants": (lambda client: client.participants.list(OVER), 100),
    "registrations": (lambda client: client.registrations.list(OVER), 100),
    "attendance": (lambda client: client.attendance.event(OVER), 100),
    "session": (lambda client: client.attendance.session(community.SESSIONS[0]), 1),
    "booth": (lambda client: client.attendance.booth(OVER, community.BOOTHS[0]), 1),
    "replay": (lambda client: client.attendance.replay(OVER), 1),
    "utms": (lambda client: client.utms.list(OVER), 1),
    "polls": (lambda client: client.polls.list(OVER), 1),
}


@pytest.mark.parametrize("name", READS)
@pytest.mark.parametrize("switches", [{}, {"after_on_last_page": False}, {"past_the_end": "repeat"}], ids=str)
async def test_each_list_gives_every_row_once(name: str, switches: dict[str, Any]) -> None:
    """Over several pages, whatever the cursor of the last one is."""
    read, least = READS[name]
    async with client_of(transport_of(**switches)) as client:
        rows = await all_of(read(client))
        pages = [page async for page in read(client).pages()]

    assert len(rows) >= least
    assert len(rows) == sum(len(page.items) for page in pages)
    assert len({repr(row) for row in rows}) == len(rows)


@pytest.mark.parametrize("name", ["questions", "recordings", "booths", "tracks", "series", "fields"])
async def test_each_list_without_pages(name: str) -> None:
    """They come whole."""
    async with client_of(transport_of()) as client:
        found: Any = {
            "questions": lambda: client.questions.list(OVER),
            "recordings": lambda: client.recordings.list(OVER),
            "booths": lambda: client.booths.list(OVER),
            "tracks": lambda: client.tracks.list(OVER),
            "series": client.series.list,
            "fields": lambda: client.custom_fields.list(community.WITH_FIELDS),
        }[name]
        rows = await found()

    assert len(rows) >= 1


async def test_the_rest_of_the_writes() -> None:
    """Looks, copies, removals and series."""
    async with client_of(transport_of()) as client:
        await client.attendees.add(EVENT, next(people(1)), send_email_invite=False)
        removed = await client.attendees.remove(EVENT, "person-0@example.com")
        await client.airmeets.landing_page(EVENT, ambience="DARK")
        copy = await client.airmeets.duplicate(EVENT, name="Again", start=START, timezone="Europe/Paris")
        talk = NewSession(title="Talk", start=START, host_email=community.HOST)
        session = await client.sessions.create(copy.id, talk)
        await client.sessions.delete(copy.id, session.id)
        info = await client.airmeets.info(copy.id)
        series = (await client.series.list())[0]
        events = await client.series.events(series.id)

    assert removed.success
    assert session.id not in {one.id for one in info.sessions}
    assert events


async def test_webhooks_go_by_the_key_pair_and_need_no_token() -> None:
    """Register, list, look at a sample, deregister: not one /auth."""
    transport = transport_of()
    trigger, url = "trigger.airmeet.created", "https://hooks.example/x"
    async with client_of(transport) as client:
        receipt = await client.webhooks.register(trigger, url, name="AIRMEET_CREATED")
        listed = await client.webhooks.list()
        sample = await client.webhooks.sample_payload(trigger)
        await client.webhooks.deregister(trigger, url)
        left = await client.webhooks.list()

    assert (receipt.status_code, sample.status_code) == ("2000", "2000")
    assert [hook.url for hook in listed] == [url]
    assert left == []
    assert not any(arrival.path.endswith("/auth") for arrival in transport.arrivals)


@pytest.mark.parametrize("name", ["attendance", "session", "booth", "replay", "utms"])
async def test_a_list_that_is_being_prepared_is_asked_for_again(name: str) -> None:
    """With growing waits, which the caller can watch."""
    events: list[ClientEvent] = []
    async with client_of(transport_of(not_ready_times=3)) as client:
        rows = await all_of(READS[name][0](client.with_options(on_event=events.append)))

    waits = [event for event in events if isinstance(event, Waiting)]
    assert rows
    assert [wait.wait_s for wait in waits][:3] == [5, 10, 20]
    assert {wait.cause for wait in waits} == {"not ready"}


async def test_a_list_that_never_gets_ready_ends_at_the_deadline() -> None:
    """The error says how long that was and what to do."""
    async with client_of(transport_of(not_ready_times=10_000)) as client:
        with pytest.raises(NotReadyError, match="5 minutes") as caught:
            await all_of(client.attendance.event(OVER, deadline=120))

    assert caught.value.deadline == 120
    assert 120 <= anyio.current_time() < 125


async def test_who_does_not_want_to_wait_learns_it_at_once() -> None:
    """One request."""
    transport = transport_of(not_ready_times=1)
    async with client_of(transport) as client:
        with pytest.raises(NotReadyError):
            await all_of(client.attendance.event(OVER, wait=False))
        rows = await all_of(client.attendance.event(OVER, wait=False))

    assert rows


@pytest.mark.parametrize(
    ("read", "words"),
    [
        (lambda client: client.attendance.session(community.LIVE_SESSION), "Session status is not valid.*FINISHED"),
        (lambda client: client.attendance.replay(community.LIVE), "Airmeet status is not valid.*FINISHED"),
    ],
)
async def test_a_list_that_cannot_be_there_yet_says_so(read: Any, words: str) -> None:
    """The refusal hides in the body of a 200 (C)."""
    async with client_of(transport_of(not_ready_times=0)) as client:
        with pytest.raises(RejectedError, match=words):
            await all_of(read(client))


class Endless:
    """A server of one list, which says what it likes about cursors."""

    def __init__(self, rows: int, *, repeat: bool = False) -> None:
        self.rows = rows
        self.repeat = repeat
        self.pages = 0

    async def exchange(self, request: Request) -> Reply:
        if request.target.endswith("/auth"):
            return Reply(200, {}, b'{"token": "t"}')
        self.pages += 1
        after = int(request.target.partition("after=")[2] or 0)
        last = min(after + 50, self.rows)
        first = after if not self.repeat or after < self.rows else max(0, self.rows - 50)
        data = ",".join(
            f'{{"id":{n},"email":"p{n}@example.com","name":"P","time_spent":"20000","time_stamp":"2026-03-01T10:00:00Z"}}'
            for n in range(first + 1, last + 1)
        )
        return Reply(200, {}, f'{{"data":[{data}],"cursors":{{"after":{last},"before":1}}}}'.encode())

    async def aclose(self) -> None:
        """Do nothing."""


@pytest.mark.parametrize("rows", [1, 49, 50, 51, 100, 1234])
async def test_a_last_page_that_comes_again_and_again_ends_the_list(rows: int) -> None:
    """Past the end this server repeats the last rows, under a cursor that is never empty."""
    server = Endless(rows, repeat=True)
    async with client_of(server) as client:
        found = [row.id async for row in client.attendance.event("event")]

    assert found == list(range(1, rows + 1))
    assert server.pages <= rows / 50 + 3


@pytest.mark.slow
async def test_a_list_of_a_hundred_thousand_rows_takes_no_more_memory_than_a_short_one() -> None:
    """A cursor that never ends and no count of pages: every row once, an end, and the last rows add nothing."""
    server = Endless(100_000)
    n = 0
    async with client_of(server) as client:
        async for _ in client.attendance.event("event"):
            n += 1
            if n == 95_000:  # had the rows been kept, the last five thousand would be kept, too
                tracemalloc.start()
        grown = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()

    assert n == 100_000
    assert server.pages <= 2001
    assert grown < 2**20


@pytest.mark.slow
async def test_a_hundred_thousand_participants_come_page_by_page() -> None:
    """A hundred numbered pages, each row once, and no more than a page of them in memory."""
    n = 0

    async def answer(request: Request) -> Reply:
        if request.target.endswith("/auth"):
            return Reply(200, {}, b'{"token": "t"}')
        page = int(request.target.partition("pageNumber=")[2].partition("&")[0])
        rows = ",".join(f'{{"email":"p{page}-{number}@example.com"}}' for number in range(1000))
        return Reply(200, {}, f'{{"paticipants":[{rows}],"userCount":1000,"totalUserCount":100000}}'.encode())

    transport = transport_of()
    transport.exchange = answer  # type: ignore[method-assign]
    async with client_of(transport) as client:
        async for _ in client.participants.list("event"):
            n += 1
            if n == 90_000:
                tracemalloc.start()
        grown = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()

    assert n == 100_000
    assert grown < 2**20


@pytest.mark.parametrize("fault", ["500@2", "429@2:retry=3", "expire@2", "drop@2", "502html@2"])
async def test_a_fault_in_the_middle_of_a_list_is_not_seen_by_the_reader(fault: str) -> None:
    """Each page is asked for again until it is there."""
    async with client_of(transport_of(fault, not_ready_times=0)) as client:
        rows = await all_of(client.attendance.event(OVER))

    assert len({row.id for row in rows}) == len(rows) >= 100


async def test_a_create_that_gets_no_answer_is_not_sent_twice() -> None:
    """The error says that it may be there, and where to look."""
    transport = transport_of("drop-after@1")
    async with client_of(transport) as client:
        with pytest.raises(AmbiguousOutcomeError, match="dashboard"):
            await client.booths.create(EVENT, NewBooth(name="Stand"))
        booths = await client.booths.list(EVENT)

    assert [booth.name for booth in booths] == ["Stand"]


async def test_speakers_sessions_and_booths_in_bulk() -> None:
    """From mappings as a file gives them; sessions know which speaker is missing."""
    transport = transport_of()
    speakers = [{"E-Mail": f"s{n}@example.com", "Speaker": f"S {n}", "Company": "Forum"} for n in range(3)]
    sessions = [
        {"Title": "One", "Start": "2026-03-01 10:00", "Host": community.HOST, "Speakers": "s0@example.com; s1@example.com"},  # noqa: E501
        {"Title": "Two", "Start": "2026-03-01T11:00+01:00", "Host": community.HOST, "Minutes": "45"},
        {"Title": "Three", "Start": "2026-03-01 12:00", "Host": community.HOST, "Speakers": "gone@example.com"},
        {"Title": "Four", "Start": "noon", "Host": community.HOST},
    ]  # fmt: skip
    async with client_of(transport) as client:
        added = await client.bulk.add_speakers(EVENT, speakers, rate=None)
        made = await client.bulk.create_sessions(EVENT, sessions, timezone="Europe/Paris", rate=None)
        booths = await client.bulk.create_booths(
            EVENT, [{"Name": "A", "Tables": "4"}, {"Name": "A"}, {"Name": "A"}], rate=None
        )

    assert added.succeeded == 3
    assert made.results is not None
    assert [result.status for result in made.results] == ["succeeded", "succeeded", "rejected", "invalid"]
    assert made.results[2].warnings == ("gone@example.com is not in the event yet; add this speaker first",)
    assert made.results[3].error is not None
    assert "Start: 'noon' is not a time" in made.results[3].error.message
    assert [booths.succeeded, booths.counts[RowStatus.DUPLICATE]] == [1, 2]


def test_every_list_of_the_client_is_read_above() -> None:
    """A new one needs a case."""
    paged = {name for name, row in ENDPOINTS.items() if row.paging is not Paging.NONE}

    assert len(READS) == len(paged)


@pytest.mark.parametrize("reply", [Reply(204), Reply(200), Reply(200, {}, b'{"success": true}')])
async def test_a_deletion_that_is_answered_with_nothing_is_done(reply: Reply) -> None:
    """Its answer is not documented; asking again would only find that the session is gone."""
    asked = 0

    async def answer(request: Request) -> Reply:
        nonlocal asked
        if request.target.endswith("/auth"):
            return Reply(200, {}, b'{"token": "t"}')
        asked += 1
        return reply if asked == 1 else Reply(404)

    transport = transport_of()
    transport.exchange = answer  # type: ignore[method-assign]
    async with client_of(transport) as client:
        await client.sessions.delete("event", "session")

    assert asked == 1


async def test_a_refusal_inside_a_200_does_not_make_a_create_go_twice() -> None:
    """Only a real 400 may be about the token; this one got past the gate."""
    asked = 0

    async def answer(request: Request) -> Reply:
        nonlocal asked
        if request.target.endswith("/auth"):
            return Reply(200, {}, b'{"token": "t"}')
        asked += request.method == "POST"
        return Reply(200, {}, b'{"success": false}')

    transport = transport_of()
    transport.exchange = answer  # type: ignore[method-assign]
    async with client_of(transport) as client:
        with pytest.raises(RejectedError):
            await client.airmeets.info("event")
        await anyio.sleep(100)
        with pytest.raises(RejectedError):
            await client.booths.create("event", NewBooth(name="Stand"))

    assert asked == 1


async def test_a_report_that_answers_412_to_fresh_tokens_is_not_ready() -> None:
    """One third party says so (D); other lists are not stopped by it."""

    async def answer(request: Request) -> Reply:
        return Reply(200, {}, b'{"token": "t"}') if request.target.endswith("/auth") else Reply(412)

    transport = transport_of()
    transport.exchange = answer  # type: ignore[method-assign]
    async with client_of(transport) as client:
        for number in range(5):
            with pytest.raises(NotReadyError):
                await all_of(client.attendance.session(f"session-{number}", wait=False))


async def test_a_page_that_comes_twice_is_given_once_where_rows_have_no_name() -> None:
    """A server that repeats a page of participants for ever."""

    async def answer(request: Request) -> Reply:
        if request.target.endswith("/auth"):
            return Reply(200, {}, b'{"token": "t"}')
        return Reply(200, {}, b'{"participants": [{"email": "a"}, {"email": "b"}], "totalUserCount": 5}')

    transport = transport_of()
    transport.exchange = answer  # type: ignore[method-assign]
    async with client_of(transport) as client:
        rows = []
        with pytest.raises(IncompleteListError, match="counts 5 rows, and only 2 different ones came"):
            async for row in client.participants.list("event", size=2):
                rows.append(row.email)  # noqa: PERF401 - the rows before the error count

    assert rows == ["a", "b"]
