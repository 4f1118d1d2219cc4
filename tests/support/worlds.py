"""A client of a pretend Airmeet, as most tests of the client and the engine need it."""

from collections.abc import Iterator
from typing import Any

from airmeet_async import AirmeetClient, Attendee, BulkReport, RowStatus
from airmeet_async.bulk.job import BulkJob
from airmeet_async.sandbox import Faults, KeyPair, Switches, World, community
from airmeet_async.testing import SandboxTransport
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY

EVENT = community.SUMMIT


def world_of(**switches: Any) -> World:
    """Return a world that knows the sentinel keys, too."""
    world = World(Switches(**switches))
    world.add_keys(KeyPair(SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY, community.COMMUNITY))
    return world


def transport_of(
    faults: str = "", *, rate_limit: float | None = None, latency: float = 0.02, **switches: Any
) -> SandboxTransport:
    """Return a transport to a world of its own."""
    parsed = Faults.parse(faults, rate_limit=rate_limit) if faults else Faults(rate_limit=rate_limit)
    return SandboxTransport(world_of(**switches), parsed, latency=latency)


def client_of(transport: Any, **options: Any) -> AirmeetClient:
    """Return a client with the sentinel keys."""
    keys = {"access_key": SENTINEL_ACCESS_KEY, "secret_key": SENTINEL_SECRET_KEY}
    options.setdefault("base_url", "https://sandbox.example/prod")
    return AirmeetClient(transport=transport, **keys | options)


def person(number: int | str = 1, **facts: Any) -> Attendee:
    """Return an invented person."""
    return Attendee(f"person-{number}@example.com", "Ada", f"Number {number}", **facts)


def people(n: int) -> Iterator[Attendee]:
    """Return that many."""
    return (person(number) for number in range(n))


def auths(transport: SandboxTransport) -> int:
    """Return how often a token was asked for."""
    return sum(arrival.path.endswith("/auth") for arrival in transport.arrivals)


def sends(transport: SandboxTransport) -> dict[str, int]:
    """Return how often each person was sent."""
    counts: dict[str, int] = {}
    for arrival in transport.arrivals:
        if arrival.email:
            counts[arrival.email] = counts.get(arrival.email, 0) + 1
    return counts


def add(client: AirmeetClient, rows: Any, event: str = EVENT, **options: Any) -> BulkJob:
    """Return a job that adds these people, as fast as it can and without mails unless something else is said."""
    return client.bulk.add_attendees(event, rows, **{"rate": None, "send_email_invite": False} | options)


async def run(transport: Any, rows: Any, event: str = EVENT, **options: Any) -> BulkReport:
    """Add these people with a client of their own."""
    async with client_of(transport) as client:
        return await add(client, rows, event, **options)


def statuses(report: BulkReport) -> dict[RowStatus, int]:
    """Return how many rows ended how, without the zeros."""
    return {status: n for status, n in report.counts.items() if n}
