"""How a run goes about it."""

from attrs import field, frozen

from airmeet_async.api.decide import Retry


@frozen
class EngineOptions:
    """How a run goes about it.

    Attributes:
        max_in_flight: Rows that are being sent at once.
        retry: Patience per row. What was certainly not applied costs a row nothing, so `free` has no limit here.
        grace: Seconds that requests under way have to end after a stop.
        outage: Seconds without any answer after which the run ends.
    """

    max_in_flight: int = 64
    retry: Retry = field(factory=lambda: Retry(free=None))
    grace: float = 10.0
    outage: float = 60.0
