"""What a client tells of itself: events, which `logging`, ``on_event`` and OpenTelemetry all read.

Rules of this file:

1. A fact is written once, as a field of an event. The log line is its ``str``, and ``extra`` has its fields.
2. Nothing secret is in an event: no key, no token, no entry link. People are named by the number of their row; an
   address in a text is masked.
3. Listeners cannot harm: what ``on_event`` raises is logged with its traceback, and the call or the run goes on.
4. Nothing is made, and nothing is formatted, while nothing happens.

=========================  =========================================================  ==========
logger                     says                                                       level
=========================  =========================================================  ==========
``airmeet_async.client``   each retry of a single call, sign-ins                      INFO
``airmeet_async.client``   a pause of all requests, which the server asked for        WARNING
``airmeet_async.bulk``     begin and end of a run, changes of its rate                INFO
``airmeet_async.bulk``     each retry of a row                                        DEBUG
``airmeet_async.bulk``     begin of an outage; a run that is stopped by a rule        WARNING
``airmeet_async.bulk``     end of an outage; a run that its caller stops              INFO
``airmeet_async.journal``  what is wrong with the files beside a journal              WARNING
``airmeet_async``          tokens that cannot be shared                               WARNING
=========================  =========================================================  ==========
"""

import functools
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Protocol

from attrs import asdict, field, frozen

from airmeet_async.errors import ConfigError
from airmeet_async.protocol.redact import clean, mask_emails
from airmeet_async.protocol.value_class import AsDict

logging.getLogger("airmeet_async").addHandler(logging.NullHandler())  # without it, warnings are printed unasked
_CLIENT = logging.getLogger("airmeet_async.client")
_BULK = logging.getLogger("airmeet_async.bulk")

_OF_NOTE = 1.25
"""By this factor a rate must have changed since it was told last."""


def _harmless(text: str) -> str:
    return clean(mask_emails(text))


@frozen(kw_only=True)
class ClientEvent(AsDict):
    """Something that happened in a client or in a run; `str` makes a log line of it.

    Attributes:
        operation: The operation's name, such as ``attendees.add``.
        job: The run's id; None outside of runs.
        airmeet_id: The event of the run; None outside of runs.
    """

    operation: str | None = None
    job: str | None = None
    airmeet_id: str | None = None

    @property
    def logger(self) -> logging.Logger:
        """The logger that has its line."""
        return _CLIENT if self.job is None else _BULK

    @property
    def level(self) -> int:
        """The level of its line."""
        return logging.INFO

    @property
    def facts(self) -> dict[str, Any]:
        """Its fields that are not None, and its class as ``kind``: the ``extra`` of its log record."""
        return {"kind": type(self).__name__, **asdict(self, filter=lambda _, value: value is not None)}

    @property
    def _place(self) -> str:
        return f"{self.operation or 'run'} {self.airmeet_id or ''}".strip()


@frozen(kw_only=True)
class Waiting(ClientEvent):
    """A wait before the next attempt of a call or a row: a retry, throttling, a report that is not ready.

    Attributes:
        cause: ``not ready``, ``throttled``, ``not sent``, ``ambiguous`` and so on.
        wait_s: How long, in seconds.
        attempts: Requests so far.
        status: The HTTP status of the last reply; None where there was none.
        row: Index of the row, from 0; None for a single call.
    """

    cause: str
    wait_s: float
    attempts: int
    status: int | None = None
    row: int | None = None

    @property
    def level(self) -> int:
        return logging.INFO if self.row is None else logging.DEBUG

    def __str__(self) -> str:
        who = self.operation if self.row is None else f"{self.operation} row {self.row}"
        status = "" if self.status is None else f" ({self.status})"
        return f"{who}: {self.cause}{status} after attempt {self.attempts}, next one in {self.wait_s:.1f} s"


@frozen(kw_only=True)
class Paused(ClientEvent):
    """The server asked for a pause, and all requests of the client wait.

    Attributes:
        wait_s: How long, in seconds.
        status: The HTTP status, such as 429 or 503.
    """

    wait_s: float
    status: int | None = None

    @property
    def level(self) -> int:
        return logging.WARNING

    def __str__(self) -> str:
        return f"the server asked for a pause ({self.status}): nothing is sent for {self.wait_s:.1f} s"


@frozen(kw_only=True)
class TokenRenewed(ClientEvent):
    """The client signed in and has a new token.

    Attributes:
        number: Sign-ins of this client so far; 1 is its first.
        duration_s: Seconds it took, with its retries.
    """

    number: int
    duration_s: float

    def __str__(self) -> str:
        what = "signed in" if self.number == 1 else f"token renewed (sign-in {self.number})"
        return f"{what} in {self.duration_s:.2f} s"


@frozen(kw_only=True)
class RateChanged(ClientEvent):
    """The allowed rate has changed by a quarter or more since it was told last.

    Attributes:
        rate: Requests per second; None for no limit.
        previous_rate: The one before.
    """

    rate: float | None
    previous_rate: float | None

    def __str__(self) -> str:
        before, now = ("no limit" if one is None else f"{one:.3g}/s" for one in (self.previous_rate, self.rate))
        return f"{self._place}: the rate is now {now}, was {before}" if self.job else f"rate now {now}, was {before}"


@frozen(kw_only=True)
class OutageBegan(ClientEvent):
    """The server seems to be down: single rows are sent as probes until one succeeds.

    Attributes:
        reason: The last reply, or why there was none.
    """

    reason: str = field(converter=_harmless)

    @property
    def level(self) -> int:
        return logging.WARNING

    def __str__(self) -> str:
        return f"{self._place}: the server seems to be down ({self.reason or 'no token'}); probing with single rows"


@frozen(kw_only=True)
class OutageEnded(ClientEvent):
    """The server is back, or the run has ended without it.

    Attributes:
        duration_s: Seconds since `OutageBegan`.
        server_is_back: False where the run ended meanwhile.
    """

    duration_s: float
    server_is_back: bool = True

    def __str__(self) -> str:
        if not self.server_is_back:
            return f"{self._place}: the run ends, and the server has been down for {self.duration_s:.1f} s"
        return f"{self._place}: the server is back after {self.duration_s:.1f} s"


@frozen(kw_only=True)
class RunStarted(ClientEvent):
    """A bulk run begins to send.

    Attributes:
        rows: Rows of its input, if known.
    """

    rows: int | None = None

    def __str__(self) -> str:
        return f"{self._place}: run {self.job} started" + ("" if self.rows is None else f" with {self.rows} rows")


@frozen(kw_only=True)
class RunStopped(ClientEvent):
    """A run takes no more rows, before its last one; `RunEnded` follows.

    Attributes:
        stop_reason: As in `BulkReport.stop_reason`.
        reason: One sentence.
    """

    stop_reason: str
    reason: str = field(converter=_harmless)

    @property
    def level(self) -> int:
        return logging.INFO if self.stop_reason in {"stopped", "interrupted"} else logging.WARNING

    def __str__(self) -> str:
        return f"{self._place}: run {self.job} stops ({self.stop_reason}): {self.reason}"


@frozen(kw_only=True)
class RunEnded(ClientEvent):
    """A run has ended, and its report is there.

    Attributes:
        counts: Rows by status; statuses without rows are left out.
        elapsed_s: Seconds since it began to send.
        attempts: Requests for rows.
        retries: How many of these were repeats.
        throttled: How many were refused for coming too fast.
        token_refreshes: Sign-ins meanwhile.
        stop_reason: As in `BulkReport.stop_reason`; None where it sent all rows.
    """

    counts: Mapping[str, int]
    elapsed_s: float
    attempts: int
    retries: int
    throttled: int
    token_refreshes: int
    stop_reason: str | None = None

    def __str__(self) -> str:
        counts = ", ".join(f"{n} {name}" for name, n in self.counts.items()) or "no rows"
        more = f"{self.retries} retries, {self.throttled} throttled, {self.token_refreshes} sign-ins"
        return f"{self._place}: run {self.job} ended after {self.elapsed_s:.1f} s: {counts}; {more}"


OnEvent = Callable[[ClientEvent], None]


def check_callback(name: str, callback: Callable[..., Any] | None) -> None:
    """Check a caller's ``on_event`` or ``on_result``.

    Raises:
        ConfigError: It cannot be called, or would have to be awaited.
    """
    if callback is None:
        return
    if not callable(callback):
        raise ConfigError(f"{name} must be a function, not {type(callback).__name__}")
    called = callback
    while isinstance(called, functools.partial):
        called = called.func
    # Of an object, and not of a class, it is the method that is called.
    functions = (called,) if inspect.isclass(called) else (called, getattr(called, "__call__", None))  # noqa: B004
    if any(inspect.iscoroutinefunction(one) or inspect.isasyncgenfunction(one) for one in functions):
        raise ConfigError(f"{name} must be a plain function: it is called in the event loop and never awaited")


class Instrumentation(Protocol):
    """What turns events, calls and runs into spans and metrics."""

    def record(self, event: ClientEvent) -> None:
        """Count *event*, and add it to the span that is current."""

    def count_rows(self, operation: str, counts: Mapping[str, int]) -> None:
        """Count rows that have their result, by status."""

    def call_span(self, operation: str) -> AbstractContextManager[None]:
        """Return a span around a single call with its retries."""

    def run_span(self, operation: str, facts: Mapping[str, Any]) -> AbstractContextManager[None]:
        """Return a span around a bulk run."""


class Telemetry:
    """Tells what happens in a client and its `with_options` siblings.

    Args:
        on_event: The client's listener.
        otel: OpenTelemetry, where it is switched on.
    """

    def __init__(self, on_event: OnEvent | None = None, otel: Instrumentation | None = None) -> None:
        check_callback("on_event", on_event)
        self.otel = otel
        self._listeners = [] if on_event is None else [on_event]
        self._of_runs: list[OnEvent] = []

    def emit(self, event: ClientEvent, *own: OnEvent | None) -> None:
        """Tell of *event* what belongs to one call or run, whose own listeners are given."""
        self._tell(event, (*self._listeners, *own))

    def emit_to_all(self, event: ClientEvent, *own: OnEvent | None) -> None:
        """Tell of *event* what concerns everything that the client sends, and so all runs, and the call it came of."""
        self._tell(event, (*self._listeners, *self._of_runs, *own))

    def _tell(self, event: ClientEvent, listeners: Sequence[OnEvent | None]) -> None:
        if event.logger.isEnabledFor(event.level):
            event.logger.log(event.level, "%s", event, extra=event.facts)
        if self.otel is not None:
            self.otel.record(event)
        called: list[OnEvent] = []
        for listener in listeners:
            if listener is None or listener in called:
                continue
            called.append(listener)
            try:
                listener(event)
            except Exception:  # noqa: BLE001 - rule 3
                _CLIENT.exception("on_event raised for %s; this changes nothing", type(event).__name__)

    @contextmanager
    def listening(self, *listeners: OnEvent | None) -> Iterator[None]:
        """Tell *listeners*, too, what concerns everybody."""
        mine = [one for one in listeners if one is not None]
        self._of_runs += mine
        try:
            yield
        finally:
            for one in mine:
                self._of_runs.remove(one)

    def call_span(self, operation: str) -> AbstractContextManager[None]:
        """Return a span around a single call, where OpenTelemetry is on."""
        return nullcontext() if self.otel is None else self.otel.call_span(operation)


class RunTelemetry:
    """Tells what happens in one run: to the client's listeners and to its own.

    Args:
        telemetry: The client's.
        own: Its own listeners, each possibly None.
        operation: What it does.
        airmeet_id: To which event.

    Attributes:
        job: Its id; given when it starts.
    """

    def __init__(
        self, telemetry: Telemetry, *own: OnEvent | None, operation: str = "custom", airmeet_id: str = ""
    ) -> None:
        self.otel: Instrumentation | None = telemetry.otel
        self.operation = operation
        self.airmeet_id: str | None = airmeet_id or None
        self.job = ""
        self._telemetry = telemetry
        self._own = own

    def emit(self, kind: type[ClientEvent], **facts: Any) -> None:
        """Tell of an event of the run."""
        event = kind(operation=self.operation, job=self.job, airmeet_id=self.airmeet_id, **facts)
        self._telemetry.emit(event, *self._own)

    @contextmanager
    def run(self) -> Iterator[None]:
        """Tell the run's listeners what concerns all, and make a span of it where OpenTelemetry is on."""
        facts = {"job": self.job, "airmeet_id": self.airmeet_id}
        span = nullcontext() if self.otel is None else self.otel.run_span(self.operation, facts)
        with self._telemetry.listening(*self._own), span:
            yield


def is_of_note(rate: float | None, told: float | None) -> bool:
    """Return whether a rate differs so much from the one that was told last that it is told, too."""
    if rate is None or told is None:
        return rate is not told
    return max(rate, told) >= _OF_NOTE * min(rate, told)
