"""What type checkers must see through the front door. Checked by mypy and pyright, never run.

A ``type: ignore`` here is a promise that the line *is* an error; both checkers
complain when it no longer is.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import assert_type
from uuid import UUID

from airmeet_async import (
    Access,
    Acknowledgement,
    Airmeet,
    AirmeetClient,
    AirmeetInfo,
    Attendee,
    Booth,
    Bulk,
    BulkPlan,
    BulkReport,
    Listing,
    Page,
    Region,
    Reply,
    calls,
    from_dict,
    sync,
)
from airmeet_async.protocol.call import Call
from airmeet_async.testing import VirtualTimeLoop, virtual_loop


async def single_calls(client: AirmeetClient, attendee: Attendee) -> None:
    assert_type(await client.attendees.add("id", attendee, send_email_invite=True), Access)
    assert_type(await client.attendees.block("id", "a@example.org"), Acknowledgement)
    assert_type(await client.airmeets.info("id"), AirmeetInfo)
    async for airmeet in client.airmeets.list():
        assert_type(airmeet, Airmeet)
    assert_type(await client.attendees.block("id", attendee, retry=2, timeout=5), Acknowledgement)


async def lists(client: AirmeetClient) -> None:
    booths = client.booths.list(UUID(int=1))
    _ = assert_type(booths, Listing[Booth])
    assert_type(await client.booths.list("id", timeout=5), list[Booth])
    assert_type(await client.airmeets.list(), list[Airmeet])
    assert_type(await client.airmeets.list().first(), Airmeet | None)
    async for page in client.airmeets.list().pages():
        assert_type(page, Page[Airmeet])
    task = asyncio.create_task(client.airmeets.list())
    assert_type(await task, list[Airmeet])


async def groups(client: AirmeetClient) -> None:
    assert_type(client.bulk, Bulk)
    assert_type(AirmeetClient.bulk, type[Bulk])
    assert_type(Airmeet("e").start_time, datetime | None)
    assert_type(from_dict(Airmeet, {}), Airmeet)


async def calls_are_values(client: AirmeetClient, attendee: Attendee) -> None:
    call = calls.add_attendee("id", attendee, send_email_invite=True)
    assert_type(call, Call[Access])
    assert_type(await client.send(call), Access)
    assert_type(await client.exchange(call), Reply)


async def mistakes_are_seen(client: AirmeetClient, attendee: Attendee) -> None:
    client.attendees.add("id", attendee, send_email_invite=True)  # type: ignore[unused-coroutine]
    await client.attendees.add("id", attendee)  # type: ignore[call-arg]
    await client.attendees.add("id", attendee, regster=True, send_email_invite=True)  # type: ignore[call-arg]
    await client.attendees.add(1, attendee, send_email_invite=True)  # type: ignore[arg-type]
    await client.attendees.list()  # type: ignore[attr-defined]


async def clients() -> None:
    async with AirmeetClient(access_key="a", secret_key="b", region=Region.EU) as client:
        assert_type(client, AirmeetClient)
    AirmeetClient("a", "b", Region.EU)  # type: ignore[call-arg]


def loops() -> None:
    assert_type(virtual_loop(io_grace=1.0), Callable[[], VirtualTimeLoop])
    assert_type(VirtualTimeLoop().time(), float)


def without_await(client: sync.AirmeetClient, attendee: Attendee) -> None:
    assert_type(client.attendees.add("id", attendee, send_email_invite=False), Access)
    assert_type(client.attendees.add("id", attendee, send_email_invite=False, retry=2, timeout=5), Access)
    assert_type(client.airmeets.list(), sync.BlockingListing[Airmeet])
    assert_type(client.airmeets.list().to_list(), list[Airmeet])
    assert_type(client.booths.list("id").first(), Booth | None)
    for airmeet in client.airmeets.list():
        assert_type(airmeet, Airmeet)
    assert_type(client.send(calls.add_attendee("id", attendee, send_email_invite=False)), Access)
    assert_type(client.bulk, sync.BlockingBulk)
    job = client.bulk.add_attendees("id", [attendee], send_email_invite=False, rate=5, journal="a.job")
    assert_type(job, sync.BlockingJob)
    assert_type(job.run(), BulkReport)
    assert_type(client.bulk.plan("id", "people.csv"), BulkPlan)
    assert_type(client.wait_for(lambda it: it.airmeets.list().to_list()), list[Airmeet])
    with sync.AirmeetClient("a", "b", region="eu") as other:
        assert_type(other, sync.AirmeetClient)
    sync.AirmeetClient("a", "b", Region.EU)  # type: ignore[call-arg]
    client.attendees.add("id")  # type: ignore[call-arg]
    client.bulk.add_attendees("id", [attendee])  # type: ignore[call-arg]
    client.bulk.add_attendees("id", [attendee], send_email_invite=False, rat=5)  # type: ignore[call-arg]
