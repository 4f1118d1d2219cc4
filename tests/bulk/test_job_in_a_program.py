"""A job inside a long-lived program: stopped from threads, sources to clean up, readers that raise, no side effects."""

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from airmeet_async import (
    AirmeetClient,
    Attendee,
    BulkStoppedError,
    ClientStateError,
    ConfigError,
    RowStatus,
    StopReason,
)
from airmeet_async.protocol.http_messages import Reply, Request
from tests.support.worlds import EVENT, add, client_of, people, person, transport_of

S = RowStatus


@pytest.mark.slow
@pytest.mark.real_time
@pytest.mark.parametrize("how", ["thread", "callback", "signal"])
async def test_a_run_is_stopped_from_a_thread_a_callback_or_a_signal_handler(how: str) -> None:
    """Nothing half-way: requests under way end, and each row has a result."""
    async with client_of(transport_of(latency=0.05)) as client:
        job = add(client, list(people(1000)), rate=200)

        async def stop_soon() -> None:
            await asyncio.sleep(0.2)
            if how == "thread":
                thread = threading.Thread(target=job.stop)
                thread.start()
                await asyncio.to_thread(thread.join)
            elif how == "callback":
                asyncio.get_running_loop().call_soon(job.stop)
            else:
                asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, job.stop)
                signal.raise_signal(signal.SIGUSR1)

        report, _ = await asyncio.gather(job, stop_soon())

    asyncio.get_running_loop().remove_signal_handler(signal.SIGUSR1)
    assert report.stop_reason is StopReason.STOPPED
    assert report.counts[S.UNKNOWN] == 0
    assert sum(report.counts.values()) == report.rows_read == 1000


@pytest.mark.slow
@pytest.mark.real_time
async def test_a_run_is_paused_slowed_and_resumed_from_a_thread() -> None:
    async with client_of(transport_of()) as client, add(client, list(people(50)), rate=1) as job:

        def steer() -> None:
            job.pause()
            with pytest.raises(ConfigError):
                job.set_rate(-1)
            job.set_rate(None)
            job.resume()

        await asyncio.to_thread(steer)
        results = [result async for result in job]

    assert len(results) == 50
    job.stop()  # afterwards it does nothing
    await asyncio.to_thread(job.stop)


async def test_a_reader_that_raises_gives_requests_under_way_the_same_grace_as_break() -> None:
    """No row is UNKNOWN for it, and the reader's own error comes out."""
    mine, reports = LookupError("mine"), []

    async def read(*, to_the_break: bool) -> None:
        async with client_of(transport_of(latency=2.0)) as client, add(client, list(people(200)), rate=20) as job:
            reports.append(job)
            async for _ in job:
                if to_the_break:
                    break
                raise mine

    await read(to_the_break=True)
    with pytest.raises(LookupError) as caught:
        await read(to_the_break=False)

    assert caught.value is mine
    assert mine.__context__ is None

    for report in (job.report for job in reports):
        assert report.counts[S.UNKNOWN] == 0
        assert report.counts[S.SUCCEEDED] > 1
        assert report.stop_reason is StopReason.STOPPED


async def test_a_stop_and_a_deadline_end_a_run_alike() -> None:
    """Both were asked for: no exception, and the report says which it was."""
    async with client_of(transport_of()) as client:
        by_deadline = await add(client, list(people(500)), rate=10, deadline=5)
        job = add(client, list(people(500)), rate=10)
        asyncio.get_running_loop().call_later(5, job.stop)
        by_stop = await job

    assert (by_deadline.stop_reason, by_stop.stop_reason) == (StopReason.DEADLINE, StopReason.STOPPED)
    for report in (by_deadline, by_stop):
        assert report.resumable
        assert report.counts[S.UNPROCESSED] > 400
        assert report.results is not None
        assert len(report.results) == 500


async def test_a_rule_that_ends_a_run_raises_with_the_results_so_far() -> None:
    """It is a cause of the run itself; the reason is in the report as well."""
    async with client_of(transport_of("422:100%")) as client:
        with pytest.raises(BulkStoppedError) as caught:
            await add(client, list(people(300)), max_failures=3)

    assert caught.value.report.stop_reason is StopReason.FAILURES
    assert sum(caught.value.report.counts.values()) == caught.value.report.rows_read


@pytest.mark.parametrize("kind", ["asyncio", "anyio"])
async def test_a_source_is_cleaned_up_within_the_runs_grace_in_the_task_that_drove_it(kind: str) -> None:
    """Longer than five seconds, with a task group inside, and the run left early."""
    steps, tasks = list[str](), list[Any]()

    async def rows() -> AsyncIterator[Attendee]:
        tasks.append(asyncio.current_task())
        try:
            if kind == "asyncio":
                async with asyncio.TaskGroup() as group:
                    group.create_task(asyncio.sleep(1000))
                    for one in people(1000):
                        yield one
            else:
                async with anyio.create_task_group() as scope:
                    scope.start_soon(anyio.sleep, 1000)
                    for one in people(1000):
                        yield one
        finally:
            tasks.append(asyncio.current_task())
            for _ in range(4):
                await asyncio.sleep(2)
                steps.append("closed a cursor")

    async with client_of(transport_of()) as client, add(client, rows(), rate=20) as job:
        async for _ in job:
            break

    assert steps == ["closed a cursor"] * 4
    assert tasks[0] is tasks[1]
    assert tasks[0] is not asyncio.current_task()


@pytest.mark.parametrize("error", [TimeoutError("mine"), OSError("mine"), TypeError("mine")])
@pytest.mark.parametrize("in_bulk", [False, True])
async def test_what_a_callers_own_transport_raises_comes_out_as_it_is(error: Exception, in_bulk: bool) -> None:
    """From a single call and from a run, whose rows all have a result."""
    below = transport_of()

    class Own:
        async def exchange(self, request: Request) -> Reply:
            if request.target.endswith("/auth"):
                return await below.exchange(request)
            raise error

        async def aclose(self) -> None: ...

    async with client_of(Own()) as client:
        job = add(client, list(people(3))) if in_bulk else None
        with pytest.raises(type(error), match="mine") as caught:
            await (job or client.attendees.add(EVENT, person(), send_email_invite=False))

    assert caught.value is error
    if job is not None:
        assert sum(job.report.counts.values()) == job.report.rows_read
        assert job.report.stop_reason is StopReason.CUT_OFF


async def test_what_earlier_runs_did_is_known_for_generators_too(tmp_path: Path) -> None:
    """`job.earlier` of a list that has no end yet."""

    async def rows() -> AsyncIterator[Attendee]:
        for one in people(20):
            yield one

    transport, journal = transport_of(), tmp_path / "launch.job"
    async with client_of(transport) as client:
        first = add(client, rows(), journal=journal)
        await first
        second = add(client, rows(), journal=journal)
        await second

    assert first.earlier is None
    assert second.earlier is not None
    assert second.earlier.settled == 20


def test_the_pace_of_a_client_can_be_shown_outside_of_an_event_loop() -> None:
    """In a debugger, or in a notebook's cell without await."""
    for rate in (None, 5, "auto"):
        assert repr(client_of(transport_of(), rate=rate).pace).startswith("<Pace ")


@pytest.mark.slow
def test_trio_is_answered_with_one_sentence() -> None:
    """The library needs asyncio, as aiolimiter does."""
    client = client_of(transport_of())
    for work in (client.attendees.add(EVENT, person(), send_email_invite=False), client.__aenter__()):
        with pytest.raises(ClientStateError, match="needs a running asyncio event loop; trio is not supported"):
            work.send(None)


PROCESS_STATE = """
import asyncio, gc, locale, logging, os, signal, sys, warnings

def state():
    return {
        "modules": sorted(name for name, module in sys.modules.items() if module is None),
        "signals": [str(signal.getsignal(one)) for one in sorted(signal.valid_signals())],
        "policy": type(asyncio.get_event_loop_policy()).__name__,
        "warnings": list(warnings.filters),
        "handlers": [repr(one) for one in logging.getLogger().handlers],
        "level": logging.getLogger().level,
        "locale": locale.setlocale(locale.LC_ALL),
        "environ": dict(os.environ),
        "excepthook": repr(sys.excepthook),
        "folder": os.getcwd(),
        "umask": (mask := os.umask(0), os.umask(mask))[0],
        "gc": (gc.isenabled(), gc.get_threshold()),
        "recursion": sys.getrecursionlimit(),
        "path": list(sys.path),
        "meta_path": list(map(repr, sys.meta_path)),
        "finalizers": repr(sys.get_asyncgen_hooks()),
    }

before = state()
from airmeet_async import AirmeetClient, Attendee
from airmeet_async.sandbox.server import serve
from airmeet_async.sandbox import KeyPair, World, community

async def main():
    world = World()
    world.add_keys(KeyPair("key", "secret", community.COMMUNITY))
    ready = asyncio.get_running_loop().create_future()
    serving = asyncio.ensure_future(serve(world, on_ready=ready.set_result))
    url = await ready
    for transport in sys.argv[1:]:
        async with AirmeetClient("key", "secret", base_url=url, transport=transport) as client:
            rows = [Attendee(f"{transport}-{n}@example.com", "Ada", "King") for n in range(20)]
            report = await client.bulk.add_attendees(community.SUMMIT, rows, send_email_invite=False)
            assert report.succeeded == 20, report
    serving.cancel()
    await asyncio.wait({serving})
    in_loop = state()
    return in_loop

asyncio.run(main())
after = state()
print([name for name in before if before[name] != after[name]])
"""


@pytest.mark.slow
def test_a_run_leaves_no_trace_in_the_process() -> None:
    """Modules, signals, warnings, logging, environment, event loop: nothing is changed for other libraries."""
    done = subprocess.run(
        [sys.executable, "-c", PROCESS_STATE, "httpx", "fast"], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.slow
def test_a_machine_without_zone_data_is_told_to_install_tzdata() -> None:
    """Slim images and Windows: the name is right, and the message must not say otherwise."""
    script = """
import sys, zoneinfo
sys.modules["tzdata"] = None
zoneinfo.reset_tzpath(to=[])
from airmeet_async import ConfigError
from airmeet_async.protocol.validation import check_timezone
try:
    check_timezone("Europe/Paris")
except ConfigError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert done.stdout.endswith("this machine has no time zone data; install it: pip install tzdata\n")


def test_the_constructor_says_what_is_wrong_with_a_store() -> None:
    with pytest.raises(ConfigError, match="token_store"):
        AirmeetClient("key", "secret", token_store="redis")  # type: ignore[arg-type]
