"""The client without `await`: the same as the other one, from threads, after a fork, where a loop runs, and Ctrl-C."""

import asyncio
import gc
import inspect
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest

from airmeet_async import (
    Airmeet,
    Attendee,
    BulkStoppedError,
    ClientStateError,
    ConfigError,
    InputError,
    NotFoundError,
    RejectedError,
    RowStatus,
    StopReason,
)
from airmeet_async import (
    AirmeetClient as AsyncClient,
)
from airmeet_async.client.namespaces import BlockingListing, Namespace, Operations
from airmeet_async.sandbox import World
from airmeet_async.sandbox.server import serve
from airmeet_async.sync import AirmeetClient, BlockingJob, register_file
from tests.client.test_silent_locals import secrets_in
from tests.sentinels import SENTINEL_ACCESS_KEY, SENTINEL_SECRET_KEY
from tests.support.worlds import EVENT, client_of, people, person, sends, transport_of, world_of

DOCUMENT = Path(__file__).parent.parent / "docs" / "sync.md"
S = RowStatus


def blocking(transport: Any, **options: Any) -> AirmeetClient:
    keys = {"access_key": SENTINEL_ACCESS_KEY, "secret_key": SENTINEL_SECRET_KEY}
    return AirmeetClient(transport=transport, base_url="https://sandbox.example/prod", **keys | options)


def add(client: AirmeetClient, rows: Any, **options: Any) -> BlockingJob:
    return client.bulk.add_attendees(EVENT, rows, **{"rate": None, "send_email_invite": False} | options)


@pytest.fixture
def client() -> Iterator[AirmeetClient]:
    with blocking(transport_of(latency=0)) as client:
        yield client


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A sandbox on a port of its own, which the environment names."""
    world = world_of()
    with anyio.from_thread.start_blocking_portal() as portal:
        ready: asyncio.Queue[str] = asyncio.Queue()
        serving = portal.start_task_soon(lambda: serve(world, on_ready=ready.put_nowait))
        monkeypatch.setenv("AIRMEET_URI", portal.call(ready.get))
        monkeypatch.setenv("AIRMEET_ACCESS_KEY", SENTINEL_ACCESS_KEY)
        monkeypatch.setenv("AIRMEET_SECRET_KEY", SENTINEL_SECRET_KEY)
        yield world
        serving.cancel()


def script(source: str, **options: Any) -> "subprocess.Popen[str]":
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-W", "error", "-c", source], **pipes | options)


def output(source: str) -> list[str]:
    process = script(source)
    out, err = process.communicate(timeout=50)
    assert (process.returncode, err) == (0, "")
    return out.splitlines()


# Single calls and lists.


def test_a_call_returns_the_value_and_a_list_is_iterated(client: AirmeetClient) -> None:
    access = client.attendees.add(EVENT, person(1), send_email_invite=False)
    listed = client.airmeets.list(size=2)
    pages = [page.items for page in listed.pages()]

    assert access.email == "person-1@example.com"
    assert isinstance(listed, BlockingListing)
    assert [event.id for event in listed] == [event.id for event in listed.to_list()]
    assert [event for page in pages for event in page] == listed.to_list()
    assert listed.first() == listed.to_list()[0]
    assert isinstance(listed.first(), Airmeet)
    assert client.attendees.block(EVENT, access.email, retry=1, timeout=5) is not None


def test_a_loop_that_is_left_fetches_no_further_page() -> None:
    transport = transport_of(latency=0)
    with blocking(transport) as client:
        assert next(iter(client.airmeets.list(size=2))).id
        assert sum("airmeets" in arrival.path for arrival in transport.arrivals) == 1


@pytest.mark.slow
def test_a_list_is_a_frame(client: AirmeetClient) -> None:
    pytest.importorskip("pandas")

    assert len(client.airmeets.list().to_frame(backend="pandas")) == len(client.airmeets.list().to_list())


def test_the_error_is_the_same_and_shows_no_secret(client: AirmeetClient) -> None:
    ada = Attendee("ada@example.com", "Ada", "Payload-of-a-person")
    with pytest.raises(RejectedError, match="not an attendee") as caught:
        client.attendees.unblock(EVENT, ada)
    with pytest.raises(NotFoundError) as other:
        client.attendees.add("00000000-0000-0000-0000-000000000000", ada, send_email_invite=False)

    assert [one for error in (caught.value, other.value) for one in secrets_in(error) if "ada of test" not in one] == []


def test_a_fault_of_a_setting_is_found_at_once_and_shows_no_secret() -> None:
    with pytest.raises(ConfigError, match="at least 1") as caught:
        AirmeetClient(SENTINEL_ACCESS_KEY, secret_key=SENTINEL_SECRET_KEY, max_in_flight=0)

    assert secrets_in(caught.value) == []


def operations() -> list[tuple[str, str]]:
    groups = [
        name for name, one in inspect.getmembers(Operations) if isinstance(one, type) and issubclass(one, Namespace)
    ]
    return [
        (group, name)
        for group in groups
        for name, one in vars(getattr(Operations, group)).items()
        if callable(one) and not name.startswith("_")
    ]


def test_every_operation_shows_what_it_returns() -> None:
    """Names, parameters and docstrings are the other client's; only what is returned differs."""
    assert len(operations()) > 30
    for group, name in operations():
        here = getattr(getattr(AirmeetClient, group), name)
        there = getattr(getattr(AsyncClient, group), name)
        assert inspect.signature(here).parameters == inspect.signature(there).parameters
        assert inspect.getdoc(here) == inspect.getdoc(there)
        assert not inspect.iscoroutinefunction(here)
        returned, awaited = (inspect.signature(one).return_annotation for one in (here, there))
        assert str(returned).rpartition("[")[2] == str(awaited).rpartition("[")[2] or awaited.__args__ == (returned,)
        assert "Awaitable" not in str(returned)
        assert "namespaces.Listing" not in str(returned)


def test_the_client_and_its_bulk_operations_show_the_same_arguments() -> None:
    assert inspect.signature(AirmeetClient).parameters == inspect.signature(AsyncClient).parameters
    assert "max_in_flight: Maximum number" in (AirmeetClient.__doc__ or "")
    names = {name for name in dir(AsyncClient.bulk) if not name.startswith("_")}
    assert names == {name for name in dir(AirmeetClient.bulk) if not name.startswith("_")}
    for name in names:
        here, there = getattr(AirmeetClient.bulk, name), getattr(AsyncClient.bulk, name)
        assert inspect.signature(here).parameters == inspect.signature(there).parameters
        assert inspect.getdoc(here) == inspect.getdoc(there)
    assert inspect.signature(AirmeetClient.bulk.add_attendees).return_annotation is BlockingJob
    public = {"send", "exchange", "with_options", "options", "transport_name"}
    assert public <= set(dir(AirmeetClient))


# Threads, loops, processes.


@pytest.mark.slow
def test_fifty_threads_share_one_client(server: World) -> None:
    """They sign in once."""
    barrier = threading.Barrier(50)
    with AirmeetClient(max_in_flight=8) as client, ThreadPoolExecutor(50) as pool:

        def register(number: int) -> str:
            barrier.wait()
            return client.attendees.add(EVENT, person(number), send_email_invite=False).email

        emails = list(pool.map(register, range(50)))

    assert emails == [person(number).email for number in range(50)]
    assert server.statistics().adds == 50
    assert server.statistics().auths == 1


async def test_it_works_where_a_loop_runs(client: AirmeetClient) -> None:
    """As in a notebook cell, in Airflow, or in an asynchronous view."""
    assert client.airmeets.list().to_list()
    assert add(client, people(5)).run().succeeded == 5


def test_the_thread_starts_with_the_first_call_and_ends_with_close_and_with_the_last_reference() -> None:
    def threads() -> int:
        return sum(thread.name == "airmeet-sync" for thread in threading.enumerate())

    before = threads()
    client, other = blocking(transport_of(latency=0)), blocking(transport_of(latency=0))
    assert threads() == before
    sibling = client.with_options(timeout=5)
    assert sibling.airmeets.list().first() == other.airmeets.list().first()
    assert threads() == before + 2
    client.close()
    assert threads() == before + 1
    with pytest.raises(ClientStateError, match="closed"):
        sibling.airmeets.list().first()
    with pytest.raises(ClientStateError, match="closed"):
        add(client, people(1))
    del other
    gc.collect()
    assert threads() == before


def test_closing_ends_what_other_threads_wait_for() -> None:
    """With an error that says so, for calls and for runs."""
    transport = transport_of(latency=60)
    client = blocking(transport)
    with ThreadPoolExecutor(2) as pool:
        call = pool.submit(lambda: client.airmeets.list().to_list())
        job = add(client, [person(1)])
        run = pool.submit(job.run)
        while not transport.arrivals or "running" not in repr(job):
            threading.Event().wait(0.01)
        client.close()
        for one in (call, run):
            assert isinstance(one.exception(30), ClientStateError | BulkStoppedError)


def test_a_callback_cannot_wait_for_the_client_it_is_called_by() -> None:
    """It would wait for ever."""
    caught: list[Exception] = []

    def on_event(_: object) -> None:
        try:
            noisy.airmeets.list().first()
        except ClientStateError as error:
            caught.append(error)

    with blocking(transport_of("500@1", latency=0)) as whole:
        noisy = whole.with_options(on_event=on_event)
        noisy.airmeets.list().first()

    assert "its own thread" in str(caught[0])


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_of_a_fork_has_a_client_of_its_own(server: World) -> None:
    """Before and after the parent's first call, and the parent goes on."""
    lines = output(f"""
import os
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside a thread, from Python 3.12 on
from airmeet_async import Attendee
from airmeet_async.sync import AirmeetClient
client = AirmeetClient()
quick = client.with_options(timeout=30)

def child(name):
    pid = os.fork()
    if not pid:
        ada = Attendee(f"{{name}}@example.com", "A", "B")
        print(quick.attendees.add({EVENT!r}, ada, send_email_invite=False).email)
        print(client.bulk.block_attendees({EVENT!r}, [ada]).run().succeeded, flush=True)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0

child("early")
print(client.airmeets.list().first() is not None, flush=True)
child("late")
child("later")
print(client.airmeets.list().first() is not None, flush=True)
""")

    assert lines == ["early@example.com", "1", "True", "late@example.com", "1", "later@example.com", "1", "True"]
    assert server.statistics().auths == 4


@pytest.mark.slow
def test_a_process_ends_without_close(server: World) -> None:
    """Quietly, also with warnings as errors."""
    assert output("""
from airmeet_async.sync import AirmeetClient
client = AirmeetClient()
print(len(client.airmeets.list().to_list()) > 1)
""") == ["True"]


@pytest.mark.slow
def test_views_of_django_share_a_client_of_their_module(server: World) -> None:
    """Two requests each, to a plain view and to an asynchronous one; each request has an event loop of its own."""
    pytest.importorskip("django")
    lines = output(f"""
import asyncio
from django.conf import settings
settings.configure(ROOT_URLCONF="__main__", ALLOWED_HOSTS=["testserver"], SECRET_KEY="x")
import django
django.setup()
from django.http import JsonResponse
from django.test import AsyncClient, Client
from django.urls import path
from airmeet_async import Attendee
from airmeet_async.sync import AirmeetClient

airmeet = AirmeetClient()

def register(request, name):
    access = airmeet.attendees.add({EVENT!r}, Attendee(f"{{name}}@example.com", "A", "B"), send_email_invite=False)
    return JsonResponse({{"email": access.email}})

async def names(request):
    return JsonResponse({{"some": len(airmeet.airmeets.list().to_list()) > 1}})

urlpatterns = [path("register/<name>", register), path("names", names)]
for name in ("ada", "bob"):
    print(Client().get(f"/register/{{name}}").json()["email"])
    print(Client().get("/names").json()["some"])
    print(asyncio.run(AsyncClient().get("/names")).json()["some"])
""")

    assert lines == ["ada@example.com", "True", "True", "bob@example.com", "True", "True"]
    assert server.statistics().auths == 1


# Runs.


async def test_a_run_has_the_report_of_the_other_client() -> None:
    """But for what is measured and the run's name."""
    rows = [*people(60), person(3), {"email": "no", "first_name": "A", "last_name": "B"}]
    one, other = transport_of("400@20", latency=0), transport_of("400@20", latency=0)
    options: dict[str, Any] = {"rate": None, "send_email_invite": False, "max_in_flight": 1}
    async with client_of(one) as client:
        awaited = await client.bulk.add_attendees(EVENT, rows, **options)
    with blocking(other) as without:
        returned = without.bulk.add_attendees(EVENT, rows, **options).run()

    def facts(report: Any) -> dict[str, Any]:
        measured = {"job", "elapsed_s", "rate_mean", "rate_peak", "latency_ms"}
        found = {name: value for name, value in report.as_dict(results=True).items() if name not in measured}
        for result in found["results"]:
            del result["latency_s"]
        return found

    assert awaited.counts[S.INVALID] == awaited.counts[S.DUPLICATE] == 1
    assert facts(returned) == facts(awaited)


def test_results_are_read_as_they_come(client: AirmeetClient) -> None:
    with add(client, list(people(300))) as job:
        first = [result.index for result, _ in zip(job, range(10), strict=False)]
        rest = [result.index for result in job]

    assert sorted(first + rest)[:5] == [0, 1, 2, 3, 4]
    assert len(first + rest) >= 299  # `zip` has taken one more
    assert job.report.succeeded == job.total == 300
    assert repr(job).endswith("ended>")


def test_leaving_the_block_stops_the_run() -> None:
    transport = transport_of(latency=0.005)
    with blocking(transport, max_in_flight=2) as client:
        with add(client, list(people(5000))) as job:
            for _ in job:
                break
        assert job.report.stop_reason is StopReason.STOPPED
        assert job.report.counts[S.UNPROCESSED] > 4000
        assert job.report.rows_read == 5000


def test_another_thread_pauses_and_stops_a_run(client: AirmeetClient) -> None:
    job = add(client, list(people(3000)), max_in_flight=1)
    with job, ThreadPoolExecutor(1) as pool:
        pool.submit(job.pause).result()
        assert (job.paused, job.allowed_rate) == (True, 0.0)
        pool.submit(job.resume).result()
        assert not job.paused
        job.stop(message="enough")
        assert len(list(job)) == 3000
    assert job.report.stop_message == "enough"


def test_a_job_is_prepared_and_run_and_resumed(client: AirmeetClient, tmp_path: Path) -> None:
    file, journal = tmp_path / "people.csv", tmp_path / "a.job"
    file.write_text("email,first name,last name\n" + "".join(f"p{n}@example.com,A,B\n" for n in range(20)))

    assert client.bulk.plan(EVENT, file).rows == 20
    job = add(client, file, journal=journal)
    assert job.prepare().rows == 20
    assert job.run().succeeded == 20
    assert client.bulk.resume(journal).run().counts[S.SUCCEEDED] == 20
    assert client.bulk.retry(journal, again=["failed"]).run().counts[S.SUCCEEDED] == 20
    abandoned = add(client, file)
    abandoned.prepare()
    abandoned.discard()


def test_a_job_that_nobody_started_says_what_to_write(client: AirmeetClient) -> None:
    job = add(client, people(1))
    what = r"call `run`, or write `with job:`"
    with pytest.raises(ClientStateError, match=what):
        list(job)
    with pytest.raises(ClientStateError, match=what):
        _ = job.report
    with pytest.warns(RuntimeWarning, match=what):
        del job


def test_rows_of_a_cursor_are_read_in_its_own_thread(client: AirmeetClient) -> None:
    """As fast as they are sent, not all at once; `sqlite3` and Django refuse another thread."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE people (email)")
    connection.executemany("INSERT INTO people VALUES (?)", [(f"p{n}@example.com",) for n in range(500)])
    read = 0

    def rows() -> Iterator[dict[str, str]]:
        nonlocal read
        for (email,) in connection.execute("SELECT email FROM people"):
            read += 1
            yield {"email": email, "first_name": "A", "last_name": "B"}

    with add(client, rows(), max_in_flight=4) as job:
        for _ in job:
            assert read < 200
            break
        assert len(list(job)) > 400
    connection.close()
    assert job.report.succeeded == 500


def test_rows_that_can_be_counted_but_not_indexed_are_read_before(client: AirmeetClient) -> None:
    """Such as those of a set, or of Django's QuerySet, whose length is a query."""
    report = add(client, {person(n).email: person(n) for n in range(5)}.values()).run()

    assert (report.succeeded, report.rows_read) == (5, 5)


def test_an_error_of_the_rows_is_the_cause_of_the_runs(client: AirmeetClient) -> None:
    def rows() -> Iterator[Attendee]:
        yield person(1)
        raise LookupError("the database is gone")

    with pytest.raises(BulkStoppedError, match="the database is gone") as caught:
        add(client, rows()).run()

    assert isinstance(caught.value.__cause__, InputError | LookupError)


@pytest.mark.parametrize("reads", ["run", "loop"])
def test_an_interrupt_stops_the_run_and_keeps_its_results(reads: str) -> None:
    """Requests under way end; here the interrupt comes while a row is read."""
    transport = transport_of(latency=0.01)

    def rows() -> Iterator[Attendee]:
        yield from people(40)
        raise KeyboardInterrupt

    with blocking(transport) as client:
        job = add(client, rows())
        with pytest.raises(KeyboardInterrupt):
            if reads == "run":
                job.run()
            else:
                with job:
                    for _ in job:
                        pass
        assert client.airmeets.list().first()

    assert job.report.stop_reason is StopReason.INTERRUPTED
    assert job.report.succeeded == len(sends(transport)) > 0
    assert not job.report.counts[S.UNKNOWN]
    assert reads == "loop" or len(job.report.results or ()) == job.report.rows_read


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT is another thing there")
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_a_run(server: World, times: int) -> None:
    """Once, and the requests under way are waited for; twice, and the run is cut off."""
    process = script(f"""
from airmeet_async import Attendee
from airmeet_async.sync import AirmeetClient
with AirmeetClient(max_in_flight=4) as client:
    rows = [Attendee(f"p{{n}}@example.com", "A", "B") for n in range(20_000)]
    job = client.bulk.add_attendees({EVENT!r}, rows, send_email_invite=False, rate=100)
    try:
        print("ready", flush=True)
        job.run()
    except KeyboardInterrupt:
        report = job.report
        print(report.stop_reason, report.succeeded > 0, report.counts["unprocessed"] > 10_000, report.rows_read)
""")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    while not server.statistics().adds:
        threading.Event().wait(0.05)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        threading.Event().wait(0.05)
    out, err = process.communicate(timeout=30)

    if times == 1:
        assert (out, err) == ("interrupted True True 20000\n", "")
    assert process.returncode == 0 or times == 2


@pytest.mark.slow
def test_a_file_is_registered_by_one_function(server: World, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("email,first name,last name\nada@example.com,Ada,King\n")

    report = register_file(EVENT, file, send_email_invite=False, journal=tmp_path / "a.job")
    again = register_file(EVENT, file, send_email_invite=False, journal=tmp_path / "a.job")

    assert (report.succeeded, again.earlier_counts[S.SUCCEEDED]) == (1, 1)
    with pytest.raises(TypeError, match="send_email_invite"):
        register_file(EVENT, file)  # type: ignore[call-arg]


def snippets() -> list[str]:
    return re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(snippets())))
def test_the_examples_of_the_document_run(
    server: World, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("people.csv").write_text("email,first name,last name\nada@example.com,Ada,King\n")
    with sqlite3.connect("people.db") as connection:
        connection.execute("CREATE TABLE people (email, first, last)")
        connection.execute("INSERT INTO people VALUES ('bob@example.com', 'Bob', 'Berg')")
    connection.close()
    names: dict[str, Any] = {"event_id": EVENT}

    exec(snippets()[number], names)  # noqa: S102 - our own

    if "register" in names:
        assert names["register"]("eve@example.com", "Eve", "Ong").startswith("https://")
        names["airmeet"].close()
