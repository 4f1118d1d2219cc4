"""OpenTelemetry: spans and metrics of requests, calls and runs, on every transport."""

import asyncio
import subprocess
import sys
from typing import Any

import httpx
import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from airmeet_async import AirmeetError, BulkStoppedError, ConfigError, NotFoundError, OpenTelemetry, Retry
from airmeet_async.optional_imports import needs_extra
from tests.sentinels import leaks
from tests.support.worlds import EVENT, add, client_of, people, person, transport_of

SUPPRESSED = context._SUPPRESS_HTTP_INSTRUMENTATION_KEY  # what `is_http_instrumentation_enabled` looks at
ADD = "/prod/airmeet/{airmeet_id}/attendee"


class Recorded:
    """Keeps spans and metrics in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.reader = InMemoryMetricReader()
        self.otel = OpenTelemetry(self.provider, MeterProvider([self.reader]))

    @property
    def spans(self) -> list[Any]:
        return list(self.exporter.get_finished_spans())

    def requests(self) -> list[Any]:
        return [span for span in self.spans if span.kind is SpanKind.CLIENT]

    def metrics(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


class Spy:
    """Passes requests on, and keeps their headers and what the context says meanwhile."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.headers: list[dict[str, str]] = []
        self.suppressed: list[Any] = []

    async def exchange(self, request: Any) -> Any:
        self.headers.append({name.decode().lower(): value.decode() for name, value in request.headers})
        self.suppressed.append(context.get_value(SUPPRESSED))
        return await self.inner.exchange(request)

    async def aclose(self) -> None:
        await self.inner.aclose()


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


async def test_a_single_call_is_a_span_and_its_requests_are_its_children(recorded):
    """Named and described by the semantic conventions for HTTP clients."""
    async with client_of(transport_of("500@1"), telemetry=recorded.otel) as client:
        await client.attendees.add(EVENT, person(), send_email_invite=False)

    call = next(span for span in recorded.spans if span.name == "airmeet attendees.add")
    sent = [span for span in recorded.requests() if span.attributes["airmeet.operation"] == "attendees.add"]
    assert [span.name for span in sent] == [f"POST {ADD}"] * 2
    assert {span.parent.span_id for span in recorded.requests()} == {call.context.span_id}
    first, second = (dict(span.attributes) for span in sent)
    assert first == {
        "http.request.method": "POST",
        "server.address": "sandbox.example",
        "server.port": 443,
        "url.scheme": "https",
        "url.template": ADD,
        "url.full": f"https://sandbox.example/prod/airmeet/{EVENT}/attendee",
        "airmeet.operation": "attendees.add",
        "http.response.status_code": 500,
        "error.type": "500",
    }
    assert (sent[0].status.status_code, sent[1].status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    assert second["http.request.resend_count"] == 1
    assert second["http.response.status_code"] == 200
    assert "error.type" not in second
    assert [event.name for event in call.events] == ["airmeet.TokenRenewed", "airmeet.Waiting"]


async def test_a_call_that_fails_says_how(recorded):
    async with client_of(transport_of(), telemetry=recorded.otel) as client:
        with pytest.raises(NotFoundError):
            await client.airmeets.info("no-such-event")

    call = next(span for span in recorded.spans if span.name == "airmeet airmeets.info")
    assert call.attributes["error.type"] == "NotFoundError"
    assert call.status.status_code is StatusCode.ERROR


async def test_a_request_without_a_reply_has_the_reason(recorded):
    async with client_of(transport_of("drop:100%"), telemetry=recorded.otel, retry=Retry(attempts=1)) as client:
        with pytest.raises(AirmeetError):
            await client.attendees.add(EVENT, person(), send_email_invite=False)

    sent = recorded.requests()[-1]
    assert sent.attributes["error.type"] == "reset"
    assert "http.response.status_code" not in sent.attributes


async def test_each_request_of_a_run_is_a_trace_of_its_own_linked_to_the_runs_span(recorded):
    """Whatever span the caller has; the number of repeats of a row is on its request."""
    tracer = recorded.provider.get_tracer("caller")
    async with client_of(transport_of("500@3"), telemetry=recorded.otel) as client:
        with tracer.start_as_current_span("import"):
            report = await add(client, people(10))

    run = next(span for span in recorded.spans if span.name == "airmeet run attendees.add")
    caller = next(span for span in recorded.spans if span.name == "import")
    assert run.parent.span_id == caller.context.span_id
    assert run.attributes["airmeet.job"] == report.job
    assert run.attributes["airmeet.airmeet_id"] == EVENT
    assert run.attributes["airmeet.rows.succeeded"] == 10
    sent = [span for span in recorded.requests() if span.name == f"POST {ADD}"]
    assert len(sent) == 11
    assert {span.parent for span in sent} == {None}
    assert len({span.context.trace_id for span in sent}) == 11
    assert {span.links[0].context.span_id for span in sent} == {run.context.span_id}
    assert sorted(span.attributes.get("http.request.resend_count", 0) for span in sent) == [0] * 10 + [1]
    signed_in = next(span for span in recorded.requests() if span.name == "POST /prod/auth")
    assert signed_in.parent.span_id == run.context.span_id


async def test_a_run_that_is_stopped_by_a_rule_is_an_error(recorded):
    async with client_of(transport_of("400:100%"), telemetry=recorded.otel) as client:
        with pytest.raises(BulkStoppedError):
            await add(client, people(30))

    run = next(span for span in recorded.spans if span.name.startswith("airmeet run"))
    assert run.status.status_code is StatusCode.ERROR
    assert run.attributes["error.type"] == "failures"
    assert run.attributes["airmeet.stop_reason"] == "failures"


async def test_metrics_add_up(recorded):
    async with client_of(transport_of("429@4:retry=1,500@9,expire@15"), telemetry=recorded.otel) as client:
        report = await add(client, people(30), rate="auto")

    found = recorded.metrics()
    requests = found["http.client.request.duration"]
    adds = [point for point in requests if point.attributes.get("url.template") == ADD]
    assert sum(point.count for point in adds) == report.attempts
    assert {point.attributes["http.response.status_code"] for point in adds} == {200, 412, 429, 500}
    assert "url.full" not in requests[0].attributes
    assert requests[0].explicit_bounds[0] == 0.005
    rows = {point.attributes["airmeet.status"]: point.value for point in found["airmeet.rows"]}
    assert rows == {"succeeded": 30}
    assert sum(point.value for point in found["airmeet.token.renewals"]) == 2
    assert sum(point.value for point in found["airmeet.pauses"]) == 1
    assert sum(point.value for point in found["airmeet.retries"]) == 2
    assert found["airmeet.rate"][0].value > 0


async def test_the_server_is_told_the_trace_and_no_baggage(recorded):
    """And instrumentations of HTTP libraries are told to leave the request alone."""
    spy = Spy(transport_of())
    parent = context.set_value("x", 1)
    token = context.attach(parent)
    from opentelemetry import baggage

    inner = context.attach(baggage.set_baggage("person", "ada@example.com"))
    async with client_of(spy, telemetry=recorded.otel) as client:
        await client.airmeets.info(EVENT)
    context.detach(inner)
    context.detach(token)

    ids = {format(span.context.span_id, "016x") for span in recorded.requests()}
    assert {headers["traceparent"].split("-")[2] for headers in spy.headers} == ids
    assert all("baggage" not in headers for headers in spy.headers)
    assert spy.suppressed == [True, True]
    assert context.get_value(SUPPRESSED) is None
    assert trace.get_current_span() is trace.INVALID_SPAN


async def test_nothing_secret_is_in_a_span_or_a_metric(recorded):
    async with client_of(transport_of("500@3,expire@5,400@7"), telemetry=recorded.otel) as client:
        await add(client, people(20))
        [one async for one in client.participants.list(EVENT)]
        await client.attendees.add(EVENT, person(), send_email_invite=False)
        await client.attendees.remove(EVENT, "person-1@example.com")

    shown = "".join(span.to_json() for span in recorded.spans) + repr(recorded.metrics())
    assert leaks(shown) == []
    assert "@example.com" not in shown
    urls = [span.attributes["url.full"] for span in recorded.requests()]
    assert f"https://sandbox.example/prod/airmeet/{EVENT}/attendee/REDACTED" in urls
    assert "%40" not in shown
    assert "?" not in "".join(urls)


@pytest.mark.parametrize("transport", ["httpx", "fast", "own"])
@pytest.mark.real_time
async def test_every_transport_is_traced(recorded, transport):
    """Over a real socket, with the header that names the trace."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                body = b'{"token": "tttttttttttttttttttttttttttttttttttttttt"}' if b"/auth" in heads[-1] else b"{}"
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    own = httpx.AsyncClient() if transport == "own" else None
    base = f"http://127.0.0.1:{port}/prod"
    async with client_of(own or transport, base_url=base, telemetry=recorded.otel, retry=Retry(attempts=1)) as client:
        with pytest.raises(AirmeetError):  # {} is no list of series
            await client.series.list()
        assert client.transport_name in {"httpx", "fast", "httpx.AsyncClient", "HttpxClientTransport"}
    if own is not None:
        await own.aclose()
    server.close()

    sent = recorded.requests()
    assert [span.name for span in sent] == ["POST /prod/auth", "GET /prod/event-series"]
    assert {span.attributes["server.port"] for span in sent} == {port}
    for span, head in zip(sent, heads, strict=True):
        assert format(span.context.span_id, "016x").encode() in head.lower()


def test_it_is_off_unless_it_is_asked_for(monkeypatch):
    monkeypatch.delenv("AIRMEET_TELEMETRY", raising=False)
    transport = transport_of()
    assert client_of(transport).transport is transport
    assert client_of(transport, telemetry="off").transport is transport
    assert client_of(transport, telemetry="otel").transport is not transport
    monkeypatch.setenv("AIRMEET_TELEMETRY", "otel")
    assert client_of(transport).transport is not transport
    assert client_of(transport, telemetry="off").transport is transport
    monkeypatch.setenv("AIRMEET_TELEMETRY", "yes")
    with pytest.raises(ConfigError, match="AIRMEET_TELEMETRY must be otel or off"):
        client_of(transport)
    with pytest.raises(ConfigError, match="telemetry must be 'otel', 'off' or an OpenTelemetry, not bool"):
        client_of(transport, telemetry=True)


def test_without_the_extra_its_name_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(ConfigError) as raised:
        client_of(transport_of(), telemetry="otel")
    assert str(raised.value) == needs_extra("telemetry='otel'", "otel")


@pytest.mark.slow
def test_without_telemetry_opentelemetry_is_not_imported():
    code = (
        "import sys\nfrom airmeet_async import AirmeetClient\nAirmeetClient('a', 'b', base_url='http://127.0.0.1:1')\n"
        "print([name for name in sys.modules if name.split('.')[0] == 'opentelemetry'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
