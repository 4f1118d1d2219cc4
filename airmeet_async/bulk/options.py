"""How a run goes about it."""

from typing import Literal

from attrs import field, frozen

from airmeet_async.api.decide import Retry
from airmeet_async.bulk.stops import FailureLimit

Invites = Literal["at_most_once", "at_least_once"]


def _patience() -> Retry:
    """What was certainly not applied costs a row nothing; a server that asks for a long pause gets it."""
    return Retry(free=None, longest_pause=900.0)


@frozen(kw_only=True)
class EngineOptions:
    """How a run goes about it.

    Attributes:
        max_in_flight: Rows that are being sent at once.
        retry: Patience per row.
        grace: Seconds that requests under way have to end after a stop.
        outage: Seconds without any answer after which the run ends.
        deadline: Seconds after which the run ends, or None.
        max_failures: How many rows may fail; None for the usual rules.
        invites: Whether an invitation is asked for again after an unclear outcome.
    """

    max_in_flight: int = 64
    retry: Retry = field(factory=_patience)
    grace: float = 10.0
    outage: float = 900.0
    deadline: float | None = None
    max_failures: FailureLimit | None = None
    invites: Invites = "at_most_once"
