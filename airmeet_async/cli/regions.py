"""Knock at an address with a key pair: is it taken, and if not, does it belong to another region?"""

import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime

from attrs import frozen

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.calls.auth import authenticate
from airmeet_async.errors import AirmeetError, CredentialsError
from airmeet_async.protocol.base_urls import Region, base_of
from airmeet_async.protocol.classify_reply import Kind
from airmeet_async.protocol.error_mapping import error_for
from airmeet_async.protocol.http_messages import Reply
from airmeet_async.protocol.retry_policy import Tries

Clients = Callable[[str], AirmeetClient]
"""Makes a client for a base address, with the keys in question and without a token."""


@frozen
class Knock:
    """What came of it.

    Attributes:
        error: Why the keys were not taken, or None.
        latency_s: How long the answer took.
        skew_s: By how many seconds this machine's clock is ahead of the server's; None where that did not say.
    """

    error: AirmeetError | None
    latency_s: float
    skew_s: float | None

    @property
    def refused(self) -> bool:
        """Whether the keys themselves were refused."""
        return isinstance(self.error, CredentialsError)


async def knock(client: AirmeetClient) -> Knock:
    """Ask for a token once, and look at the answer."""
    call = authenticate()
    async with client:
        attempt = await client.attempt(call)
    error = None if attempt.verdict.kind is Kind.OK else error_for(call, attempt.verdict, Tries(sent=1))
    return Knock(error, attempt.latency, _skew(attempt.reply))


def region_of(base: str) -> Region | None:
    """Return the region whose address this is."""
    return next((region for region in Region if base_of(region) == base), None)


async def find_region(clients: Clients, among: Sequence[Region]) -> tuple[Region | None, dict[Region, Knock]]:
    """Return the first region that takes the keys, and what the others said until then."""
    said: dict[Region, Knock] = {}
    for region in among:
        said[region] = await knock(clients(base_of(region)))
        if said[region].error is None:
            return region, said
    return None, said


def _skew(reply: Reply | None) -> float | None:
    try:
        there = parsedate_to_datetime(reply.headers["date"]).timestamp() if reply else None
    except (KeyError, ValueError, TypeError):
        return None
    return None if reply is None or there is None else (reply.at or time.time()) - there
