"""OpenTelemetry, where it is asked for: spans and metrics of requests, calls and runs, on every transport.

Rules of this file:

1. Names and attributes of a request are those of the semantic conventions for HTTP clients. An id is in ``url.full``
   and in no span name; people, query, headers and bodies are nowhere.
2. A single call is a span, and its requests are children of it. A run is a span, and each of its requests begins a
   trace of its own that is linked to it: a trace of a million spans cannot be read, and a sampler that keeps one in a
   hundred can keep one in a hundred of them.
3. While a request is under way, instrumentations of HTTP libraries are told to leave it alone, so that it is not
   counted twice.
4. The server is told the trace by ``traceparent`` and ``tracestate``; baggage stays here, since it may be about people.
"""

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from attrs import evolve

from airmeet_async.client.config import HeaderBlock
from airmeet_async.client.telemetry import (
    ClientEvent,
    OutageBegan,
    OutageEnded,
    Paused,
    RateChanged,
    RunEnded,
    RunStopped,
    TokenRenewed,
    Waiting,
)
from airmeet_async.client.transports.base import Transport
from airmeet_async.errors import AirmeetError, ConfigError, TransportError
from airmeet_async.optional_imports import needs_extra
from airmeet_async.protocol.base_urls import Base
from airmeet_async.protocol.call import Endpoint
from airmeet_async.protocol.http_messages import Reply, Request
from airmeet_async.version import __version__

VARIABLE = "AIRMEET_TELEMETRY"

# The buckets that the conventions advise.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)

_NAME = "airmeet_async"

under_way: ContextVar[tuple[Endpoint[Any] | None, int, bool]] = ContextVar("airmeet_request", default=(None, 0, False))
"""What the next request of this task is: its endpoint, how many were sent for the same call or row before, and whether
it is a row's."""


class OpenTelemetry:
    """Spans and metrics through OpenTelemetry's API; needs the extra *otel*.

    Args:
        tracer_provider: Where spans go. Default: the global provider.
        meter_provider: Where metrics go. Default: the global provider.

    Raises:
        ConfigError: The extra is not installed.
    """

    def __init__(self, tracer_provider: Any = None, meter_provider: Any = None) -> None:
        try:
            from opentelemetry import context, metrics, trace
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError:
            raise ConfigError(needs_extra("telemetry='otel'", "otel")) from None
        self._context, self._trace = context, trace
        self._propagator = TraceContextTextMapPropagator()
        self._tracer = trace.get_tracer(_NAME, __version__, tracer_provider)
        meter = metrics.get_meter(_NAME, __version__, meter_provider)
        self._duration = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._rows = meter.create_counter("airmeet.rows", "{row}", "Rows of bulk runs that have their result.")
        self._retries = meter.create_counter("airmeet.retries", "{request}", "Waits before another attempt.")
        self._pauses = meter.create_counter("airmeet.pauses", "{pause}", "Pauses that the server asked for.")
        self._tokens = meter.create_counter("airmeet.token.renewals", "{token}", "Sign-ins, the first included.")
        self._rate = meter.create_gauge("airmeet.rate", "{request}/s", "Allowed requests per second.")
        self._outages = meter.create_up_down_counter("airmeet.outages", "{outage}", "Runs that wait for the server.")

    def traced(self, transport: Transport, base: Base) -> "TracedTransport":
        """Return *transport* with a span and a duration for each of its requests."""
        return TracedTransport(transport, base, self)

    def record(self, event: ClientEvent) -> None:
        """Count *event*, and add it to the span that is current, if it is rare enough for that."""
        where = {"airmeet.operation": event.operation} if event.operation else {}
        match event:
            case Waiting():
                self._retries.add(1, {**where, "airmeet.cause": event.cause})
            case Paused():
                self._pauses.add(1, where)
            case TokenRenewed():
                self._tokens.add(1)
            case RateChanged(rate=float() | int() as rate):
                self._rate.set(rate, where)
            case OutageBegan():
                self._outages.add(1, where)
            case OutageEnded():
                self._outages.add(-1, where)
        span = self._trace.get_current_span()
        if not span.is_recording() or (isinstance(event, Waiting) and event.row is not None):
            return
        facts = event.facts
        if isinstance(event, RunEnded):
            counts = {f"airmeet.rows.{name}": n for name, n in facts.pop("counts").items()}
            span.set_attributes({**counts, "airmeet.attempts": event.attempts, "airmeet.retries": event.retries})
            if event.stop_reason is not None:
                span.set_attribute("airmeet.stop_reason", event.stop_reason)
        elif isinstance(event, RunStopped) and event.level > 20:
            span.set_attribute("error.type", event.stop_reason)
            span.set_status(self._trace.StatusCode.ERROR, event.reason)
        span.add_event(f"airmeet.{facts.pop('kind')}", {f"airmeet.{name}": value for name, value in facts.items()})

    def count_rows(self, operation: str, counts: Mapping[str, int]) -> None:
        """Count rows that have their result, by status."""
        for status, n in counts.items():
            self._rows.add(n, {"airmeet.operation": operation, "airmeet.status": status})

    @contextmanager
    def call_span(self, operation: str) -> Iterator[None]:
        """Make a span around a single call with its retries."""
        with self._tracer.start_as_current_span(
            f"airmeet {operation}",
            attributes={"airmeet.operation": operation},
            record_exception=False,  # a traceback may show what was sent
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except AirmeetError as error:
                span.set_attribute("error.type", type(error).__name__)
                span.set_status(self._trace.StatusCode.ERROR)
                raise

    @contextmanager
    def run_span(self, operation: str, facts: Mapping[str, Any]) -> Iterator[None]:
        """Make a span around a bulk run."""
        given = {f"airmeet.{name}": value for name, value in facts.items() if value is not None}
        with self._tracer.start_as_current_span(
            f"airmeet run {operation}",
            attributes={"airmeet.operation": operation, **given},
            record_exception=False,
            set_status_on_exception=False,
        ):
            yield


class TracedTransport:
    """A transport whose requests are spans and are measured.

    Args:
        inner: Sends them.
        base: Where to.
        otel: Where the spans go.
    """

    def __init__(self, inner: Transport, base: Base, otel: OpenTelemetry) -> None:
        self._inner, self._base, self._otel = inner, base, otel
        self._suppressed = getattr(otel._context, "_SUPPRESS_HTTP_INSTRUMENTATION_KEY", "suppress_http_instrumentation")
        self._server: dict[str, Any] = {
            "server.address": base.host,
            "server.port": base.port,
            "url.scheme": base.scheme,
        }

    @property
    def name(self) -> str:
        """The name of the transport that sends."""
        name: str = getattr(self._inner, "name", type(self._inner).__name__)
        return name

    async def exchange(self, request: Request) -> Reply:
        otel, context = self._otel, self._otel._context
        endpoint, resent, is_row = under_way.get()
        facts: dict[str, Any] = {"http.request.method": request.method, **self._server}
        if endpoint is not None:
            facts["url.template"] = self._base.prefix + endpoint.path
        path = "" if endpoint is None else _path_without_people(facts["url.template"], request.target.partition("?")[0])
        attributes = {**facts, "url.full": f"{self._base.scheme}://{self._base.authority}{path}"}
        if endpoint is not None:
            attributes["airmeet.operation"] = endpoint.name
        if resent:
            attributes["http.request.resend_count"] = resent
        parent, links = context.get_current(), []
        if is_row:  # rule 2
            run = otel._trace.get_current_span().get_span_context()
            parent, links = context.Context(), [otel._trace.Link(run)] if run.is_valid else []
        span = otel._tracer.start_span(
            " ".join(filter(None, (request.method, facts.get("url.template")))),
            context=parent,
            kind=otel._trace.SpanKind.CLIENT,
            attributes=attributes,
            links=links,
        )
        inside = context.set_value(self._suppressed, True, otel._trace.set_span_in_context(span, context.get_current()))  # noqa: FBT003
        carried: dict[str, str] = {}
        otel._propagator.inject(carried, inside)
        if carried:
            own = tuple((name.encode(), value.encode()) for name, value in carried.items())
            request = evolve(request, headers=HeaderBlock((*request.headers, *own)))
        clock = asyncio.get_running_loop().time
        token, started, failed = context.attach(inside), clock(), ""
        try:
            reply = await self._inner.exchange(request)
        except TransportError as error:
            failed = error.reason
            raise
        except BaseException as error:
            failed = type(error).__name__
            raise
        else:
            facts["http.response.status_code"] = reply.status
            failed = str(reply.status) if reply.status >= 400 else ""
            return reply
        finally:
            context.detach(token)
            if failed:
                facts["error.type"] = failed
                span.set_status(otel._trace.StatusCode.ERROR)
            span.set_attributes(facts)
            span.end()
            otel._duration.record(clock() - started, facts, context=inside)

    async def aclose(self) -> None:
        await self._inner.aclose()


def _path_without_people(template: str, path: str) -> str:
    """Return *path* with its ids, and with nothing else that was filled in: an address of a person, for example."""
    pairs = zip(template.split("/"), path.split("/"), strict=False)
    return "/".join("REDACTED" if wanted[:1] == "{" and not wanted.endswith("id}") else part for wanted, part in pairs)


def find_otel(given: "OpenTelemetry | str | None") -> OpenTelemetry | None:
    """Return OpenTelemetry, if the argument or else the environment asks for it.

    Raises:
        ConfigError: It cannot be had, or the value is none.
    """
    source, chosen = "telemetry", given
    if given is None and VARIABLE in os.environ:
        source, chosen = VARIABLE, os.environ[VARIABLE].strip().lower()
    match chosen:
        case None | "off":
            return None
        case "otel":
            return OpenTelemetry()
        case OpenTelemetry():
            return chosen
    if source == VARIABLE:
        raise ConfigError(f"{VARIABLE} must be otel or off")
    shown = chosen if isinstance(chosen, str) else type(chosen).__name__
    raise ConfigError(f"telemetry must be 'otel', 'off' or an OpenTelemetry, not {shown}")
