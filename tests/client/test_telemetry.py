"""What a client and its runs tell: log lines, events, and results as they come."""

import asyncio
import functools
import logging

import pytest
from attrs import fields_dict

from airmeet_async import (
    BulkStoppedError,
    ClientEvent,
    ConfigError,
    OutageBegan,
    OutageEnded,
    Paused,
    RateChanged,
    RowResult,
    RowStatus,
    RunEnded,
    RunStarted,
    RunStopped,
    TokenRenewed,
    Waiting,
)
from airmeet_async.client.telemetry import is_of_note
from tests.sentinels import leaks
from tests.support.worlds import EVENT, add, client_of, people, person, transport_of

RESERVED = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime"}


def of_kind(events, kind):
    return [event for event in events if isinstance(event, kind)]


def lines(caplog, name, level=logging.DEBUG):
    return [record for record in caplog.records if record.name == name and record.levelno >= level]


async def test_a_run_with_retries_a_pause_and_an_expired_token_tells_of_each(caplog):
    """A line and an event for each; the last one has the counts of the report."""
    events: list[ClientEvent] = []
    transport = transport_of("500@3,429@7:retry=2,expire@20")
    async with client_of(transport, on_event=events.append) as client:
        report = await add(client, people(40), rate="auto", max_in_flight=2)

    assert type(events[0]) is RunStarted
    assert type(events[-1]) is RunEnded
    ended = events[-1]
    assert ended.counts == {"succeeded": 40}
    assert (ended.retries, ended.throttled, ended.token_refreshes) == (
        report.retries, report.throttled, report.token_refreshes,
    )  # fmt: skip
    assert ended.elapsed_s == report.elapsed_s
    assert {event.job for event in events if event.job} == {report.job}
    assert {(wait.cause, wait.status) for wait in of_kind(events, Waiting)} >= {("ambiguous", 500), ("throttled", 429)}
    assert [pause.status for pause in of_kind(events, Paused)] == [429]
    assert [token.number for token in of_kind(events, TokenRenewed)] == [1, 2]
    assert of_kind(events, RateChanged)

    records = lines(caplog, "airmeet_async.client") + lines(caplog, "airmeet_async.bulk")
    assert len(records) == len(events)
    assert {record.kind for record in records} == {type(event).__name__ for event in events}
    retried = next(record for record in records if record.kind == "Waiting" and record.status == 500)
    assert (retried.operation, retried.attempts, retried.airmeet_id) == ("attendees.add", 1, EVENT)
    assert retried.wait_s > 0
    assert retried.levelname == "DEBUG"
    levels = {record.kind: record.levelname for record in records if record.kind != "Waiting"}
    assert levels == {
        "RunStarted": "INFO", "RunEnded": "INFO", "TokenRenewed": "INFO", "RateChanged": "INFO", "Paused": "WARNING",
    }  # fmt: skip


async def test_a_single_call_tells_of_its_retries(caplog):
    own: list[ClientEvent] = []
    events: list[ClientEvent] = []
    async with client_of(transport_of("500@1"), on_event=events.append) as client:
        await client.with_options(on_event=own.append).attendees.add(EVENT, person(), send_email_invite=False)
        await client.airmeets.info(EVENT)

    assert [type(event) for event in own] == [TokenRenewed, Waiting]
    assert [type(event) for event in events] == [TokenRenewed, Waiting]
    assert own[1].operation == "attendees.add"
    record = lines(caplog, "airmeet_async.client", logging.INFO)[-1]
    assert record.getMessage().startswith("attendees.add: ambiguous (500) after attempt 1, next one in ")


async def test_many_refusals_at_once_are_one_pause():
    events: list[ClientEvent] = []
    transport = transport_of(rate_limit=5)
    async with client_of(transport, on_event=events.append) as client:
        await asyncio.gather(*(client.airmeets.info(EVENT) for _ in range(30)))

    pauses = of_kind(events, Paused)
    assert pauses
    assert len(pauses) < len(of_kind(events, Waiting)) / 2


async def test_a_listener_of_with_options_hears_all_that_its_calls_cause():
    """Their sign-in and the pause for everybody, too; one given later is called beside it, and none after the call."""
    first: list[ClientEvent] = []
    second: list[ClientEvent] = []
    async with client_of(transport_of("429@1:retry=3")) as client:
        sibling = client.with_options(on_event=first.append)
        both = sibling.with_options(on_event=second.append)
        await both.attendees.add(EVENT, person(), send_email_invite=False)
        heard = len(first)
        client.telemetry.emit_to_all(Paused(operation="x", wait_s=1.0, status=429))

    assert first == second
    assert len(first) == heard
    assert {TokenRenewed, Paused, Waiting} <= {type(event) for event in first}


async def test_an_outage_is_told_when_it_begins_and_when_it_ends(caplog):
    events: list[ClientEvent] = []
    transport = transport_of("502@4+12")
    async with client_of(transport) as client:
        report = await add(client, people(60), max_in_flight=4, on_event=events.append)

    assert report.counts[RowStatus.SUCCEEDED] == 60
    began, ended = of_kind(events, OutageBegan), of_kind(events, OutageEnded)
    assert len(began) == len(ended) == 1
    assert began[0].reason.startswith("502")
    assert ended[0].duration_s > 1
    assert [r.levelname for r in lines(caplog, "airmeet_async.bulk") if r.kind == "OutageBegan"] == ["WARNING"]


@pytest.mark.parametrize(("faults", "reason"), [("400", "failures"), ("", None)])
async def test_a_stop_is_told_with_its_reason(faults, reason):
    """Once, and not for a run that ends by itself; addresses in it are masked."""
    events: list[ClientEvent] = []
    async with client_of(transport_of(faults and f"{faults}:100%")) as client:
        job = add(client, people(50), on_event=events.append)
        if reason:
            with pytest.raises(BulkStoppedError):
                await job
        else:
            await job

    assert [stop.stop_reason for stop in of_kind(events, RunStopped)] == ([reason] if reason else [])
    assert of_kind(events, RunEnded)[0].stop_reason == reason
    assert "@example.com" not in repr(events)


def test_addresses_in_a_reason_are_masked_and_links_are_cut():
    text = "the last one: ada.king@example.com is at https://www.airmeet.com/e/x?code=abcdef"
    for event in (RunStopped(job="x", stop_reason="failures", reason=text), OutageBegan(job="x", reason=text)):
        assert "a***@e***" in str(event)
        assert "king" not in repr(event)
        assert "abcdef" not in repr(event)


def test_extra_facts_do_not_collide_with_those_of_a_log_record():
    """`logging` raises KeyError for them."""
    kinds: list[type[ClientEvent]] = [
        Waiting, Paused, TokenRenewed, RateChanged, OutageBegan, OutageEnded, RunStarted, RunStopped, RunEnded,
    ]  # fmt: skip
    names = {name for kind in kinds for name in fields_dict(kind)} | {"kind"}
    assert not names & RESERVED


async def test_what_on_event_raises_is_logged_and_changes_nothing(caplog):
    def broken(event):
        raise ValueError("not ours")

    async with client_of(transport_of("500@5,expire@9"), on_event=broken) as client:
        report = await add(client, people(20))

    assert report.counts[RowStatus.SUCCEEDED] == 20
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert errors
    assert {record.name for record in errors} == {"airmeet_async.client"}
    assert errors[0].exc_info is not None
    assert "not ours" in str(errors[0].exc_info[1])


async def test_a_listener_of_client_and_run_hears_each_event_once():
    events: list[ClientEvent] = []
    listener = events.append
    async with client_of(transport_of("expire@5"), on_event=listener) as client:
        await add(client, people(10), on_event=listener)

    assert len(of_kind(events, RunStarted)) == len(of_kind(events, RunEnded)) == 1
    assert [token.number for token in of_kind(events, TokenRenewed)] == [1, 2]


async def test_a_run_hears_of_the_clients_sign_ins_only_while_it_lasts():
    events: list[ClientEvent] = []
    transport = transport_of()
    async with client_of(transport) as client:
        await add(client, people(3), on_event=events.append)
        heard = len(events)
        transport.world.expire_tokens()
        await client.airmeets.info(EVENT)

    assert [type(event) for event in events] == [RunStarted, TokenRenewed, RunEnded]
    assert len(events) == heard


async def test_on_result_has_every_result_as_it_comes():
    seen: list[RowResult] = []
    async with client_of(transport_of()) as client:
        report = await add(client, [*people(50), person(1), {"email": "no"}], on_result=seen.append)

    assert sorted(seen, key=lambda result: result.index) == list(report.results or ())


@pytest.mark.parametrize("with_journal", [False, True])
async def test_what_on_result_raises_stops_the_run_and_loses_no_row(tmp_path, with_journal):
    """It comes out as it is, after the run has ended in order; the rest can be resumed."""
    seen = []

    def broken(result):
        seen.append(result)
        if len(seen) == 5:
            raise LookupError("no such table")

    options = {"journal": tmp_path / "run.job"} if with_journal else {}
    transport = transport_of()
    rows = list(people(400))
    async with client_of(transport) as client:
        job = add(client, rows, max_in_flight=2, on_result=broken, **options)
        with pytest.raises(LookupError, match="no such table"):
            await job
        report = job.report
        assert len(seen) == 5
        assert len(report.results or ()) == 400
        assert report.counts[RowStatus.UNPROCESSED] > 0
        assert report.stop_reason == "stopped"
        if with_journal:
            again = await client.bulk.resume(options["journal"])
            assert again.counts[RowStatus.SUCCEEDED] == 400


async def test_what_on_result_raises_for_the_last_row_comes_out_too():
    def broken(result):
        if result.index == 9:
            raise LookupError("last")

    async with client_of(transport_of()) as client:
        job = add(client, people(10), max_in_flight=1, on_result=broken)
        with pytest.raises(LookupError, match="last"):
            await job

    assert job.report.counts[RowStatus.SUCCEEDED] == 10


async def test_callbacks_that_cannot_work_are_refused_at_once():
    async def awaited(event): ...

    class Awaited:
        async def __call__(self, event):
            pass

    for listener in (awaited, Awaited()):
        with pytest.raises(ConfigError, match="on_event must be a plain function"):
            client_of(transport_of(), on_event=listener)
    async with client_of(transport_of()) as client:
        with pytest.raises(ConfigError, match="on_event must be a plain"):
            client.with_options(on_event=awaited)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="on_result must be a plain"):
            _ = add(client, people(1), on_result=awaited)
        with pytest.raises(ConfigError, match="on_event must be a function, not str"):
            _ = add(client, people(1), on_event="print")


async def test_the_allowed_rate_of_a_job_is_its_clients():
    """Also where only the client has one."""
    async with (
        client_of(transport_of(), rate=50) as client,
        client.bulk.add_attendees(EVENT, people(5), send_email_invite=False) as job,
    ):
        rates = {job.allowed_rate async for _ in job}

    assert rates == {50}


async def test_a_change_of_the_clients_rate_is_told():
    events: list[ClientEvent] = []
    async with client_of(transport_of(), rate=50, on_event=events.append) as client:
        client.pace.set_rate(45)
        client.pace.set_rate(20)
        client.pace.set_rate(None)

    changes = [event for event in events if isinstance(event, RateChanged)]
    assert [(event.previous_rate, event.rate) for event in changes] == [
        (50, 20),
        (20, None),
    ]


def test_rates_of_note():
    cases = [(10, 10, False), (12, 10, False), (12.5, 10, True), (8, 10, True), (9, 10, False), (None, 10, True),
             (10, None, True), (None, None, False)]  # fmt: skip
    for rate, told, expected in cases:
        assert is_of_note(rate, told) is expected, (rate, told)


async def test_nothing_secret_is_in_any_event(caplog):
    """Not in its fields, its repr or its line."""
    caplog.set_level(logging.DEBUG)
    events: list[ClientEvent] = []
    transport = transport_of("429@4:retry=1,500@9,expire@15,502@20+20")
    async with client_of(transport, on_event=events.append) as client:
        await add(client, people(60), rate="auto")

    assert len({type(event) for event in events}) >= 7
    for event in events:
        shown = f"{event!r} {event} {event.facts}"
        assert leaks(shown) == []
        assert "@example.com" not in shown


async def test_a_library_without_logging_prints_nothing(capsys):
    """The last resort of `logging` would print warnings to stderr."""
    assert any(isinstance(handler, logging.NullHandler) for handler in logging.getLogger("airmeet_async").handlers)


async def test_an_outage_that_outlasts_the_run_ends_with_it():
    """Or whoever counts outages, as the metric does, would count it for ever."""
    events: list[ClientEvent] = []
    async with client_of(transport_of("500:100%"), on_event=events.append) as client:
        with pytest.raises(BulkStoppedError):
            await add(client, people(200))

    began, ended = of_kind(events, OutageBegan), of_kind(events, OutageEnded)
    assert len(began) == len(ended) == 1
    assert not ended[0].server_is_back
    assert "the run ends" in str(ended[0])
    assert type(events[-1]) is RunEnded


async def test_a_sibling_hears_the_sign_in_and_the_pause_that_its_own_call_or_run_caused():
    """And nobody else's."""
    for use in (lambda client: client.airmeets.info(EVENT), lambda client: add(client, [person()])):
        own: list[ClientEvent] = []
        others: list[ClientEvent] = []
        async with client_of(transport_of("429@1:retry=3")) as client:
            client.with_options(on_event=others.append)
            await use(client.with_options(on_event=own.append))

        assert len(of_kind(own, TokenRenewed)) == len(of_kind(own, Paused)) == 1
        assert others == []


async def test_the_listener_of_a_siblings_sibling_is_one_more():
    heard: list[str] = []
    async with client_of(transport_of("500@1")) as client:
        first = client.with_options(on_event=lambda _: heard.append("first"))
        second = first.with_options(on_event=lambda _: heard.append("second")).with_options(retry=4)
        await second.airmeets.info(EVENT)
    assert heard == ["first", "second"] * 2


def test_a_callback_that_would_have_to_be_awaited_is_refused():
    class Asynchronous:
        async def __call__(self, event: object) -> None: ...

    async def generator(event: object):
        yield event

    for callback in (Asynchronous(), functools.partial(Asynchronous()), generator):
        with pytest.raises(ConfigError, match="never awaited"):
            client_of(transport_of(), on_event=callback)
    client_of(transport_of(), on_event=print)
