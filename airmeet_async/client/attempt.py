"""What came of one request, and what a call waits for before the next one."""

from collections.abc import Callable

from attrs import field, frozen

from airmeet_async.api.judge import Verdict
from airmeet_async.api.value import value
from airmeet_async.api.wire import Reply


@value
class Attempt:
    """One request and what came of it.

    Attributes:
        verdict: What the answer means.
        generation: Of the token it was sent with.
        latency: Seconds from handing it to the transport to its end.
        reply: The raw answer, or None.
    """

    verdict: Verdict
    generation: int
    latency: float
    reply: Reply | None = field(default=None, repr=False)


@frozen
class Waiting:
    """A wait that a call has before it, for those who show progress.

    Attributes:
        operation: The operation's name.
        cause: ``not ready``, ``throttled``, ``not sent``, ``ambiguous`` and so on: a `Kind`.
        seconds: How long.
        attempts: Requests so far.
    """

    operation: str
    cause: str
    seconds: float
    attempts: int


OnWait = Callable[[Waiting], None]
