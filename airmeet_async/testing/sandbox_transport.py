"""The sandbox without a network: a transport whose other end is a simulated Airmeet in the same process."""

import asyncio
import json
from typing import Self

from attrs import frozen

from airmeet_async.client.transports.base import Timeouts, late, lost
from airmeet_async.protocol.http_messages import Reply, Request
from airmeet_async.sandbox import Ending, Faults, World
from airmeet_async.sandbox.faults import operation_of

_HOST = "sandbox"


@frozen
class Arrival:
    """One request as the sandbox saw it.

    Attributes:
        at: Loop time in seconds.
        method: The verb.
        path: Path without the query.
        email: The person it is about, where there is one.
        operation: ``attendees.add`` and the like; empty for a path that Airmeet does not have.
    """

    at: float
    method: str
    path: str
    email: str | None
    operation: str

    @classmethod
    def of(cls, request: Request, now: float) -> Self:
        """Return the arrival of *request*."""
        path = request.target.partition("?")[0]
        return cls(now, request.method, path, _email(request.body), operation_of(request))


class SandboxTransport:
    """A transport for `AirmeetClient` that leads to a `World` in the same process.

    With `VirtualTimeLoop`, hours of throttling and back-off pass at once::

        transport = SandboxTransport(faults=Faults.parse("500:5%,expire@100"))
        async with AirmeetClient(ACCESS_KEY, SECRET_KEY, transport=transport) as client:
            report = await client.bulk.add_attendees(event, people, send_email_invite=False)
        assert transport.world.statistics().adds == len(people)

    Args:
        world: The simulated Airmeet.
        faults: What goes wrong.
        latency: Seconds between arrival and answer.

    Attributes:
        world: The simulated Airmeet.
        arrivals: All requests so far.
        in_flight: Requests without an answer.
        peak: Most such requests at once.
    """

    world: World
    in_flight: int
    peak: int

    def __init__(
        self, world: World | None = None, faults: Faults | None = None, *, latency: float = 0.02, hang: float = 0.0
    ) -> None:
        self.world = world or World()
        self.latency = latency
        self.arrivals: list[Arrival] = []
        self.in_flight = 0
        self.peak = 0
        self._hang = hang or Timeouts().total
        self._faults = faults or Faults()

    async def exchange(self, request: Request) -> Reply:
        """Let the sandbox answer, or not, as its faults have it."""
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            now = asyncio.get_running_loop().time()
            self.arrivals.append(Arrival.of(request, now))
            outcome = self._faults.answer(self.world, request, now)
            await asyncio.sleep(self.latency + outcome.delay_s)
            if outcome.ending is Ending.HANG:
                await asyncio.sleep(self._hang)
                raise late(_HOST, self._hang)
            if outcome.ending is not Ending.ANSWER or outcome.reply is None:
                raise lost("reset", _HOST)
            return outcome.reply
        finally:
            self.in_flight -= 1

    async def aclose(self) -> None:
        pass


def _email(body: bytes) -> str | None:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document.get("email") or document.get("attendeeEmail") if isinstance(document, dict) else None
