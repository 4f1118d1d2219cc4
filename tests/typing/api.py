"""What type checkers must see through the front door. Checked by mypy and pyright, never run.

A ``type: ignore`` here is a promise that the line *is* an error; both checkers
complain when it no longer is.
"""

from collections.abc import Callable
from typing import assert_type

from airmeet_async import Access, Acknowledgement, Airmeet, AirmeetClient, AirmeetInfo, Attendee, Region, Reply, calls
from airmeet_async.protocol.call import Call
from airmeet_async.testing import VirtualTimeLoop, virtual_loop


async def single_calls(client: AirmeetClient, attendee: Attendee) -> None:
    assert_type(await client.attendees.add("id", attendee), Access)
    assert_type(await client.attendees.block("id", "a@example.org"), Acknowledgement)
    assert_type(await client.airmeets.info("id"), AirmeetInfo)
    async for airmeet in client.airmeets.list():
        assert_type(airmeet, Airmeet)


async def calls_are_values(client: AirmeetClient, attendee: Attendee) -> None:
    call = calls.add_attendee("id", attendee)
    assert_type(call, Call[Access])
    assert_type(await client.send(call), Access)
    assert_type(await client.exchange(call), Reply)


async def mistakes_are_seen(client: AirmeetClient, attendee: Attendee) -> None:
    client.attendees.add("id", attendee)  # type: ignore[unused-coroutine]
    await client.attendees.add("id")  # type: ignore[call-arg]
    await client.attendees.add("id", attendee, regster=True)  # type: ignore[call-arg]
    await client.attendees.add(1, attendee)  # type: ignore[arg-type]
    await client.attendees.list()  # type: ignore[attr-defined]


async def clients() -> None:
    async with AirmeetClient(access_key="a", secret_key="b", region=Region.EU) as client:
        assert_type(client, AirmeetClient)
    AirmeetClient("a", "b", Region.EU)  # type: ignore[call-arg]


def loops() -> None:
    assert_type(virtual_loop(io_grace=1.0), Callable[[], VirtualTimeLoop])
    assert_type(VirtualTimeLoop().time(), float)
