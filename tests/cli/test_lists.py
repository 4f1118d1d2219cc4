"""Where the rows of lists come from, and what is said while Airmeet prepares them. In virtual time."""

from typing import Any

import anyio
import pytest

from airmeet_async import NotReadyError
from airmeet_async.cli.commands.lists import LISTS, Place, attendance_of, choose_one
from airmeet_async.cli.console import Voice
from airmeet_async.cli.environment import tell
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.client.client import Waiting
from airmeet_async.sandbox import community
from tests.worlds import client_of, transport_of


class Said(Voice):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.write = self.lines.append


async def rows(what: str, event: str = community.FINISHED, voice: Voice | None = None, **options: Any) -> list[Any]:
    transport = transport_of(not_ready_for_s=options.pop("not_ready_for_s", 0.0))
    async with client_of(transport) as client:
        place = Place(client, event, voice or Said(), **options)
        return [
            line for item in [one async for one in LISTS[what].rows(place)] for line in LISTS[what].shape.lines(item)
        ]


@pytest.mark.parametrize("what", LISTS)
async def test_every_list_of_an_event_that_is_over_can_be_read(what):
    found = await rows(what)

    assert bool(found) is (what != "fields")


async def test_sessions_that_are_not_over_are_named_and_left_out():
    said = Said()
    found = await rows("session-attendance", community.LIVE, said)

    assert {line.cells["session_name"] for line in found} == {"Keynote"}
    assert said.lines == ["1 session not FINISHED yet, so without a list: Questions and answers"]


async def test_all_sessions_are_prepared_while_the_first_is_waited_for():
    """Three lists that take a minute each are there after 5 + 10 + 20 + 40 s, not after three times that."""
    began = anyio.current_time()
    found = await rows("session-attendance", not_ready_for_s=60.0)

    assert len({line.cells["session_id"] for line in found}) == 3
    assert 60 <= anyio.current_time() - began < 90


async def test_who_does_not_wait_is_told_at_once():
    began = anyio.current_time()
    with pytest.raises(NotReadyError):
        await rows("session-attendance", wait=False)

    assert anyio.current_time() - began < 1


@pytest.mark.parametrize(
    ("session", "booth", "replay", "n"),
    [
        (None, None, False, 120),
        (community.SESSIONS[1], None, False, 60),
        (None, community.BOOTHS[0], False, 60),
        (None, None, True, 75),
    ],
)
async def test_attendance_is_of_one_thing(session, booth, replay, n):
    listing = attendance_of(session, booth, replay=replay)
    async with client_of(transport_of()) as client:
        found = [one async for one in listing.rows(Place(client, community.FINISHED, Said()))]

    assert len(found) == n


def test_two_things_at_once_are_refused():
    choose_one(session="s", booth=None, replay=False)
    with pytest.raises(UsageError, match="--session and --replay"):
        choose_one(session="s", booth=None, replay=True)


WAITS = [
    (Waiting("x", "not ready", 20.0, 2), ["Airmeet is preparing the list; asking again in 20 s"]),
    (Waiting("x", "not ready", 0.2, 1), ["Airmeet is preparing the list; asking again in 1 s"]),
    (Waiting("x", "throttled", 3.2, 1), ["Airmeet asks to slow down (429); trying again in 4 s"]),
    (Waiting("x", "ambiguous", 0.4, 1), []),
]


@pytest.mark.parametrize(("waiting", "lines"), WAITS, ids=range(len(WAITS)))
def test_a_wait_is_explained_if_it_is_long_enough_to_wonder(waiting, lines):
    said = Said()
    tell(said, waiting)

    assert said.lines == lines
