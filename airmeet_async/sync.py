"""`AirmeetClient` without ``await``, for scripts, notebooks, Django, Celery and Airflow.

::

    from airmeet_async.sync import AirmeetClient

    with AirmeetClient() as client:
        events = client.airmeets.list().to_list()
        report = client.bulk.add_attendees(event_id, "people.csv", send_email_invite=False).run()

There is one implementation, the asynchronous one: it runs on an event loop in a background thread.

1. That loop starts with the first call, and ends with `close`, with the last reference, or with the interpreter.
2. After a fork neither the loop nor the connections are the child's: it starts a loop and a client of its own.
3. Whoever waits may be interrupted at any time: by Ctrl-C, SIGTERM, a time limit of Celery. A call is then cancelled.
   A run is stopped, and waited for as long as its requests under way may take.
4. Rows of a caller's own iterable are read by the thread that waits for the run, one at a time. They may wait, and may
   belong to that thread, as a cursor of `sqlite3` or Django does.
"""

import asyncio
import contextlib
import functools
import inspect
import os
import sys
import threading
import weakref
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence, Sized
from concurrent.futures import CancelledError, Future, wait
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Final, Generic, ParamSpec, Self, TypeVar, Unpack, overload

import anyio
from anyio.from_thread import BlockingPortal

from airmeet_async.airmeet_client import AirmeetClient as AsyncClient
from airmeet_async.bulk.bulk import Bulk
from airmeet_async.bulk.input.column_names import PresetName
from airmeet_async.bulk.input.plan import BulkPlan, RowFinding
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal import Earlier
from airmeet_async.bulk.journal.cut import JoinSummary
from airmeet_async.bulk.options import Invites, JobOptions, takes_options
from airmeet_async.bulk.report import BulkReport, RowResult, StopReason
from airmeet_async.client.adaptive_rate import AskedRate
from airmeet_async.client.config import ClientOptions
from airmeet_async.client.namespaces import Blocking, BlockingListing, Grouped, Operations
from airmeet_async.client.telemetry import OnEvent
from airmeet_async.errors import ClientStateError
from airmeet_async.protocol.base_urls import Id
from airmeet_async.protocol.call import Call, Retry
from airmeet_async.protocol.http_messages import Reply
from airmeet_async.tables import is_frame

__all__ = ["AirmeetClient", "BlockingBulk", "BlockingJob", "BlockingListing", "register_file"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

# Windows raises nothing in a thread that waits without an end.
_LONGEST_WAIT = 1.0 if sys.platform == "win32" else None
_CLOSING = 5.0  # seconds to close connections where nobody waits for it
_CLOSED = "this client is closed; create a new one"
_END: Final = object()


class _Loop:
    """An event loop in a thread, and the asynchronous client on it; one of each in each process.

    Args:
        make: Makes the client.
    """

    def __init__(self, make: Callable[[], AsyncClient]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._client: AsyncClient | None = make()  # finds fault now, not at the first call
        self._portal: BlockingPortal | None = None
        self._end: Callable[[], Any] = lambda: None
        self._thread: int | None = None
        self._is_closed = False
        _loops.add(self)

    def forget(self) -> None:
        """Begin anew, in a child process. What was the parent's is kept: its finalizers must not run here."""
        detached = self._end.detach() if isinstance(self._end, weakref.finalize) else None
        _of_parents.append((self._client, self._portal, detached))
        self._lock = threading.Lock()  # another thread may have held it
        self._client = self._portal = self._thread = None
        self._end = lambda: None

    @property
    def client(self) -> AsyncClient:
        """The asynchronous client of this process."""
        with self._lock:
            if self._client is None:
                self._client = self._make()
            return self._client

    @property
    def is_running(self) -> bool:
        """Whether the loop was started."""
        return self._portal is not None and not self._is_closed

    def check_open(self) -> None:
        if self._is_closed:
            raise ClientStateError(_CLOSED)

    @property
    def is_mine(self) -> bool:
        """Whether this is the loop's own thread."""
        return threading.get_ident() == self._thread

    def start(self, function: Callable[[], Awaitable[T]]) -> "Future[T]":
        """Call *function* on the loop, and await what it returns.

        Raises:
            ClientStateError: The client is closed, or this is the loop's own thread.
        """
        if self.is_mine:
            what = "a client of airmeet_async.sync cannot wait for itself: this is its own thread, as in a callback"
            raise ClientStateError(f"{what} such as on_event. Do it elsewhere, or use airmeet_async.AirmeetClient")
        client = self.client
        with self._lock:
            self.check_open()
            if self._portal is None:
                # Not `start_blocking_portal`: its generator, finalized in a child, would wait for the parent's thread.
                ready: Future[BlockingPortal] = Future()
                thread = threading.Thread(target=anyio.run, args=(_serve, ready), name="airmeet-sync", daemon=True)
                thread.start()
                self._portal, self._thread = ready.result(), thread.ident
                self._end = weakref.finalize(self, _end_loop, thread, self._portal, client)
            portal = self._portal
        # Without the lock: it waits for the loop. The client may be closed just now.
        try:
            return portal.start_task_soon(function)
        except RuntimeError:
            raise ClientStateError(_CLOSED) from None

    def wait_for(self, function: Callable[[], Awaitable[T]]) -> T:
        """Return what *function* returns on the loop. If the waiting is interrupted, it is cancelled."""
        future = self.start(function)
        try:
            while not future.done():
                wait((future,), _LONGEST_WAIT)
        except BaseException:
            future.cancel()
            raise
        return _result_of(future)

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
        self._end()


# Those that a child process begins anew.
_of_parents: list[Any] = []
_loops: "weakref.WeakSet[_Loop]" = weakref.WeakSet()


def _begin_anew() -> None:
    for loop in _loops:
        loop.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


async def _serve(ready: "Future[BlockingPortal]") -> None:
    async with BlockingPortal() as portal:
        ready.set_result(portal)
        await portal.sleep_until_stopped()


def _end_loop(thread: threading.Thread, portal: BlockingPortal, client: AsyncClient) -> None:
    """Close the client, cancel what is left, and end the thread; also in a garbage collection, in whatever thread."""

    def end() -> None:
        with contextlib.suppress(Exception):  # nobody is there who could do anything about it
            portal.start_task_soon(client.aclose).result(_CLOSING)
        with contextlib.suppress(RuntimeError):
            portal.call(functools.partial(portal.stop, cancel_remaining=True))
        thread.join()

    if thread is threading.current_thread():
        threading.Thread(target=end, name="airmeet-sync-end").start()
    else:
        end()


def _result_of(future: "Future[T]") -> T:
    """Return the result of a call that has ended."""
    try:
        return future.result()
    except CancelledError:
        raise ClientStateError("this client was closed by another thread, which ended this call") from None


class _ReadByCaller:
    """The rows of a plain iterable, as an asynchronous one: each is read by the thread that waits for the run.

    Attributes:
        wishes: What that thread is to call.
    """

    def __init__(self, rows: Iterable[Any], wishes: "SimpleQueue[Any]") -> None:
        self._rows = rows
        self._iterator: Iterator[Any] | None = None
        self.wishes = wishes

    async def __aiter__(self) -> AsyncIterator[Any]:
        loop = asyncio.get_running_loop()
        while True:
            answer: asyncio.Future[Any] = loop.create_future()
            self.wishes.put(functools.partial(self._read, loop, answer))
            if (row := await answer) is _END:
                return
            yield row

    def _read(self, loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[Any]") -> None:
        if answer.cancelled():  # the run was stopped, and no row is taken for nothing
            return
        row, error = None, None
        try:
            if self._iterator is None:
                self._iterator = iter(self._rows)
            row = next(self._iterator, _END)
        except Exception as raised:  # noqa: BLE001 - the run raises it
            error = raised

        def tell() -> None:
            if answer.done():
                return
            if error is None:
                answer.set_result(row)
            else:
                answer.set_exception(error)

        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell)


class BlockingJob:
    """One bulk run, for a client without ``await``. It starts when `run` is called or it is entered, and only once.

    ``report = job.run()`` runs it to the end. To get each row's `RowResult` as soon as it is known::

        with job:
            for result in job:
                print(result.key, result.status)

    Leaving the block early stops the run: requests in progress finish, no more are sent. Ctrl-C does the same, also in
    `run`; once more, and the run is cut off. KeyboardInterrupt is raised when it has ended, and the report is there.

    A list, a file or a data frame is read by the run; the rows of a generator or a database cursor are read in the
    thread that is in `run` or in the loop. `stop`, `pause` and the like may be called from any thread.
    """

    def __init__(self, loop: _Loop, job: BulkJob, wishes: "SimpleQueue[Any]") -> None:
        job.how_to_start = "call `run`, or write `with job:` around the loop"
        self._loop = loop
        self._job = job
        self._wishes = wishes
        self._ready: deque[RowResult] = deque()
        self._is_interrupted = False

    def __repr__(self) -> str:
        return repr(self._job).replace("BulkJob", "BlockingJob", 1)

    def run(self) -> BulkReport:
        """Run to the end, and return the report with all results.

        Raises:
            BulkStoppedError: The run ended early, for a reason that concerns all rows; its report is in ``report``.
            AirmeetError: The input, the journal or the event cannot be read; nothing was sent.
        """
        return self._wait(self._job.run_whole, ends_run=True)

    def prepare(
        self, progress: Callable[[int], None] = lambda _: None, found: Callable[[RowFinding], object] | None = None
    ) -> BulkPlan:
        """Read and check all rows, send nothing, and return what the run would do: see `BulkJob.prepare`.

        Args:
            progress: Called now and then, in another thread, with the number of rows that have been taken in.
            found: Called with each finding about a row, in the order of the rows, in another thread.
        """
        return self._wait(lambda: self._job.prepare(progress, found))

    def cut(self, *, into: str | os.PathLike[str], shards: int, workers: int | None = None) -> list[Path]:
        """Put the rows into shards instead of sending them, for other processes: see `BulkJob.cut`.

        Args:
            into: The folder of the shards, of this user alone; made if it is not there.
            shards: How many at most: none of them is empty.
            workers: How many of them are sent at once. Default: all.
        """
        return self._wait(lambda: self._job.cut(into=into, shards=shards, workers=workers))

    def discard(self) -> None:
        """Remove what `prepare` has recorded, of a job that is not to be started after all."""
        self._wait(self._job.discard)

    def __enter__(self) -> Self:
        self._wait(self._job.start)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or self._is_interrupted or not isinstance(error, Exception):
            if error is not None:
                self._interrupt()
            self._wait(lambda: self._job.__aexit__(None, None, None), ends_run=True)
        else:
            self._wait(lambda: self._job.__aexit__(kind, error, trace), ends_run=True)

    def __iter__(self) -> Iterator[RowResult]:
        aiter(self._job)  # which raises an error, where it was not started
        while self._ready or self._take():
            yield self._ready.popleft()

    def _take(self) -> bool:
        self._ready.extend(self._wait(self._job.next_results))
        return bool(self._ready)

    @property
    def id(self) -> str | Any:
        """The run's name; of a run with a journal None until it was prepared or started."""
        return self._job.id

    @property
    def total(self) -> int | None:
        """Number of rows, if known; None before the start."""
        return self._job.total

    @property
    def earlier(self) -> Earlier | None:
        """Progress of earlier runs in the same journal; None if there are none."""
        return self._job.earlier

    @property
    def report(self) -> BulkReport:
        """The report of the run so far, or of the whole run once it has ended.

        Raises:
            ClientStateError: The job has not been started.
        """
        return self._on_loop(lambda: self._job.report)

    @property
    def paused(self) -> bool:
        """Whether the run is paused by `pause`."""
        return self._job.paused

    @property
    def outage(self) -> bool:
        """Whether the server seems to be down: only a single row is sent from time to time, as a probe."""
        return self._job.outage

    @property
    def last_reply(self) -> str:
        """What the server replied last, or why there was no reply, where that was no success; else nothing."""
        return self._job.last_reply

    @property
    def allowed_rate(self) -> float | None:
        """The run's current limit in requests per second; 0 while nothing may be sent, None for no limit."""
        return self._on_loop(lambda: self._job.allowed_rate)

    @property
    def rate_ceiling(self) -> float | None:
        """The rate that was asked for as a number, in requests per second; None where the limit is looked for."""
        return self._job.rate_ceiling

    @property
    def retrying(self) -> int:
        """Number of rows that are waiting for a retry or being retried."""
        return self._job.retrying

    @property
    def to_collect(self) -> int:
        """Number of rows that ended in an earlier run, are counted, and whose results are still to be handed on."""
        return self._job.to_collect

    def stop(self, reason: StopReason = StopReason.STOPPED, message: str = "the run was stopped") -> None:
        """Send no more rows, but let requests in progress finish. The rows that are left are UNPROCESSED."""
        self._on_loop(lambda: self._job.stop(reason, message))

    def hurry(self) -> None:
        """After `stop`: do not wait for requests in progress. Their rows become UNKNOWN."""
        self._on_loop(self._job.hurry)

    def cut_off(self) -> None:
        """End the run at once: rows in progress become UNKNOWN, and rows not yet read get no result."""
        self._on_loop(self._job.cut_off)

    def pause(self) -> None:
        """Send no more until `resume`; requests in progress finish."""
        self._on_loop(self._job.pause)

    def resume(self) -> None:
        """Continue after `pause`."""
        self._on_loop(self._job.resume)

    def set_rate(self, rate: AskedRate) -> None:
        """Change the run's rate: requests per second, ``"auto"``, an `Adaptive`, or None for no limit."""
        self._on_loop(lambda: self._job.set_rate(rate))

    def _on_loop(self, function: Callable[[], T]) -> T:
        """Call *function* on the loop; callbacks of the run are there already."""
        if self._loop.is_mine or not self._loop.is_running:
            return function()

        async def call() -> T:
            return function()

        return self._loop.wait_for(call)

    def _wait(self, function: Callable[[], Awaitable[T]], *, ends_run: bool = False) -> T:
        """Return what *function* returns on the loop, and read rows meanwhile, where some are wanted.

        If the waiting is interrupted, the run is stopped. With *ends_run* its end is waited for.
        """
        task: asyncio.Task[Any] | None = None

        async def work() -> T:
            nonlocal task
            task = asyncio.current_task()
            return await function()

        future = self._loop.start(work)
        future.add_done_callback(self._wishes.put)
        try:
            self._fulfil_until(future)
        except BaseException:
            self._interrupt()
            try:
                if ends_run and self._job.is_running:
                    self._fulfil_until(future)
            finally:  # also where it is interrupted once more
                self._on_loop(lambda: task and task.cancel())
                wait((future,))
            raise
        return _result_of(future)

    def _fulfil_until(self, future: "Future[Any]") -> None:
        while True:
            try:
                wish = self._wishes.get(timeout=_LONGEST_WAIT)
            except Empty:
                continue
            if wish is future:
                return
            if not isinstance(wish, Future) and not self._is_interrupted:
                wish()

    def _interrupt(self) -> None:
        self._is_interrupted = True
        self.stop(StopReason.INTERRUPTED, "the run was interrupted")


class _BulkMethod(Generic[P, R]):
    """A method of `BlockingBulk` with the signature and the docstring of *method*, one of `Bulk`."""

    def __init__(self, method: Callable[Concatenate[Bulk, P], Any], returns: type[R]) -> None:
        signature = inspect.signature(method)
        place = [*signature.parameters].index("rows") - 1 if "rows" in signature.parameters else None

        def function(self: "BlockingBulk", /, *args: Any, **kwargs: Any) -> Any:
            wishes: SimpleQueue[Any] = SimpleQueue()
            if "rows" in kwargs:
                kwargs["rows"] = _rows_for_loop(kwargs["rows"], wishes)
            elif place is not None and len(args) > place:
                args = (*args[:place], _rows_for_loop(args[place], wishes), *args[place + 1 :])
            client = self._client
            client._loop.check_open()
            if returns is BlockingJob:
                return BlockingJob(client._loop, method(client._async.bulk, *args, **kwargs), wishes)
            return client.wait_for(lambda sender: method(sender.bulk, *args, **kwargs))

        functools.update_wrapper(function, method)
        function.__signature__ = signature.replace(return_annotation=returns)  # type: ignore[attr-defined]
        self._function = function

    def __set_name__(self, owner: type[Any], name: str) -> None:
        self._function.__qualname__, self._function.__module__ = f"{owner.__name__}.{name}", owner.__module__
        setattr(owner, name, self._function)

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type[Any]) -> Callable[Concatenate[Any, P], R]: ...
        @overload
        def __get__(self, instance: object, owner: type[Any]) -> Callable[P, R]: ...
        def __get__(self, instance: object | None, owner: type[Any]) -> Any: ...


def _rows_for_loop(rows: Any, wishes: "SimpleQueue[Any]") -> Any:
    """Return rows that the loop may read: what may wait, or belong to a thread, is read elsewhere."""
    is_known = isinstance(rows, (str, bytes, os.PathLike, Mapping, Sequence)) or is_frame(rows)
    if is_known or not isinstance(rows, Iterable):
        return rows
    return list(rows) if isinstance(rows, Sized) else _ReadByCaller(rows, wishes)


class BlockingBulk:
    """Bulk operations, for a client without ``await``: each input row gives one `RowResult`.

    Arguments and options are those of `Bulk`. A `BlockingJob` starts when `run` is called or it is entered::

        report = client.bulk.add_attendees(event_id, "people.csv", send_email_invite=False).run()
        print(report.succeeded, report.failures)
    """

    def __init__(self, client: "AirmeetClient") -> None:
        self._client = client

    def __repr__(self) -> str:
        return f"<BlockingBulk of {self._client!r}>"

    add_attendees: Final = _BulkMethod(Bulk.add_attendees, BlockingJob)
    plan: Final = _BulkMethod(Bulk.plan, BulkPlan)
    block_attendees: Final = _BulkMethod(Bulk.block_attendees, BlockingJob)
    unblock_attendees: Final = _BulkMethod(Bulk.unblock_attendees, BlockingJob)
    add_speakers: Final = _BulkMethod(Bulk.add_speakers, BlockingJob)
    create_sessions: Final = _BulkMethod(Bulk.create_sessions, BlockingJob)
    create_booths: Final = _BulkMethod(Bulk.create_booths, BlockingJob)
    run: Final = _BulkMethod(Bulk.run, BlockingJob)
    resume: Final = _BulkMethod(Bulk.resume, BlockingJob)
    retry: Final = _BulkMethod(Bulk.retry, BlockingJob)
    cut: Final = _BulkMethod(Bulk.cut, list[Path])
    join: Final = _BulkMethod(Bulk.join, JoinSummary)


def _takes_arguments_of(
    function: Callable[Concatenate[Any, P], None],
) -> Callable[[Callable[..., None]], Callable[Concatenate[Any, P], None]]:
    """Let a method show the signature of another. It is not wrapped: a frame more would hold the keys."""

    def decorate(method: Any) -> Any:
        method.__signature__ = inspect.signature(function)
        return method

    return decorate


class AirmeetClient(Operations[Blocking]):
    """A client of Airmeet's public API without ``await``: single calls, lists, and bulk runs.

    ::

        with AirmeetClient(region="eu") as client:
            access = client.attendees.add(event_id, Attendee("ada@example.com", "Ada", "King"))
            for event in client.airmeets.list(): ...
            report = client.bulk.add_attendees(event_id, "people.csv", send_email_invite=False).run()

    It has the operations of `airmeet_async.AirmeetClient`, under the same names and with the same errors. Threads share
    it, and with it one token, one rate and one set of connections. It need not be used with ``with``: one for a whole
    process, made where a module is loaded, serves Django, Celery and gunicorn, also where these fork. It may be used
    where an event loop runs, as in a notebook, and blocks it. Callbacks such as ``on_event`` are called in its thread.
    """

    blocks: ClassVar[bool] = True
    bulk: Final = Grouped(BlockingBulk)

    @_takes_arguments_of(AsyncClient.__init__)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            self._loop = _Loop(lambda: AsyncClient(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - raised again
            del self, args, kwargs  # test runners and error trackers print the locals of each frame
            raise error.with_traceback(None) from None
        self._given: dict[str, Any] = {}

    def send(self, call: Call[T], *, timeout: float | None = None, retry: Retry | int | None = None) -> T:
        """Send *call*, with retries, and return its typed reply.

        Args:
            call: What a function of `airmeet_async.calls` returned.
            timeout: Seconds for all attempts and waits together; ``math.inf`` for no limit. Default: the call's own,
                else the client's.
            retry: The retry rules, or a number of attempts. Default: the call's own, else the client's.

        Raises:
            AirmeetError: See `airmeet_async.errors` for the tree.
        """
        return self.wait_for(lambda client: client.send(call, timeout=timeout, retry=retry))

    def exchange(self, call: Call[Any]) -> Reply:
        """Send *call* once and return the raw reply, whatever its status.

        Raises:
            TransportError: There is none.
        """
        return self.wait_for(lambda client: client.exchange(call))

    def with_options(
        self,
        *,
        retry: Retry | int | None = None,
        timeout: float | None = None,
        on_event: OnEvent | None = None,
    ) -> Self:
        """Return a client that shares everything with this one except what is given.

        Args:
            retry: The retry rules of its calls and runs, and of the sign-ins that they begin, or a number of attempts.
            timeout: Seconds for each call, and for each row of a run, with retries and waits; ``math.inf`` for no
                limit.
            on_event: Called, in the client's thread and beside this client's own, with the events of its calls and
                runs, and with the pauses and sign-ins that they cause.

        Raises:
            ConfigError: One of them cannot be used.
        """
        given = {"retry": retry, "timeout": timeout, "on_event": on_event}
        sibling = type(self).__new__(type(self))
        sibling._loop = self._loop
        sibling._given = {**self._given, **{name: value for name, value in given.items() if value is not None}}
        _ = sibling._async  # finds fault now
        return sibling

    def wait_for(self, function: Callable[[AsyncClient], Awaitable[T]]) -> T:
        """Return what *function* returns, which is called with the asynchronous client, on its event loop.

        For whatever has no name here::

            client.wait_for(lambda client: client.airmeets.list().to_list())

        Raises:
            ClientStateError: The client is closed.
        """
        client = self._async
        return self._loop.wait_for(lambda: function(client))

    @property
    def _async(self) -> AsyncClient:
        client = self._loop.client
        return client.with_options(**self._given) if self._given else client

    @property
    def options(self) -> ClientOptions:
        """The settings in use."""
        return self._async.options

    @property
    def transport_name(self) -> str:
        """The transport in use: ``httpx``, ``fast``, or the name of your own class."""
        return self._loop.client.transport_name

    def close(self) -> None:
        """Close the connections and end the thread. Neither this client nor its siblings can be used again."""
        self._loop.close()

    def __repr__(self) -> str:
        return f"<sync.{repr(self._async).removeprefix('<')}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


_of_both = (AsyncClient.__doc__ or "").partition("Args:")
AirmeetClient.__doc__ = f"{AirmeetClient.__doc__}\n    {_of_both[1]}{_of_both[2]}"


@takes_options(JobOptions)
def register_file(
    airmeet_id: Id,
    path: str | os.PathLike[str],
    *,
    send_email_invite: bool,
    register_attendee: bool = False,
    invites: Invites = "at_most_once",
    columns: Mapping[str, str | None] | None = None,
    preset: PresetName | None = None,
    split_name: bool = False,
    **options: Unpack[JobOptions],
) -> BulkReport:
    """Register everyone in a file for an event, with a client from the environment, and return the report.

    ::

        report = register_file(event_id, "people.csv", send_email_invite=False, journal="people.job")

    Args:
        airmeet_id: The event's id.
        path: A CSV, JSON lines, Excel or Parquet file.
        send_email_invite: Whether Airmeet mails each person the calendar entry and the link.
        register_attendee: As for `Bulk.add_attendees`.
        invites: As for `Bulk.add_attendees`.
        columns: As for `Bulk.add_attendees`.
        preset: As for `Bulk.add_attendees`.
        split_name: As for `Bulk.add_attendees`.
        **options: See `JobOptions`.

    Raises:
        ConfigError: ``AIRMEET_ACCESS_KEY`` or ``AIRMEET_SECRET_KEY`` is missing, or an option cannot be used.
        InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
        BulkStoppedError: The run ended early, for a reason that concerns all rows.
    """
    with AirmeetClient() as client:
        return client.bulk.add_attendees(
            airmeet_id,
            path,
            send_email_invite=send_email_invite,
            register_attendee=register_attendee,
            invites=invites,
            columns=columns,
            preset=preset,
            split_name=split_name,
            **options,
        ).run()
