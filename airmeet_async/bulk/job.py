"""`BulkJob`: a run that can be prepared, awaited as a whole, or read row by row."""

import asyncio
import os
import warnings
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import evolve

from airmeet_async.bulk.execution.engine import Engine
from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.execution.sharded_engine import ShardedEngine
from airmeet_async.bulk.input.plan import BulkPlan, RowFinding
from airmeet_async.bulk.journal import Earlier
from airmeet_async.bulk.journal.cut import check_shards
from airmeet_async.bulk.preparation import JobPreparation
from airmeet_async.bulk.report import BulkReport, RowResult, StopReason
from airmeet_async.bulk.run_to_completion import run_to_completion
from airmeet_async.client.adaptive_rate import AskedRate
from airmeet_async.client.namespaces import CoroutineObject
from airmeet_async.client.permits import check_rate
from airmeet_async.client.telemetry import RunEnded, RunStarted
from airmeet_async.errors import BulkStoppedError, ClientStateError, first_error

# What the caller has asked for ends a run without an error; `report.stop_reason` says which it was.
_WANTED_STOPS = frozenset({StopReason.STOPPED, StopReason.INTERRUPTED, StopReason.DEADLINE})


class BulkJob(CoroutineObject[BulkReport]):
    """One bulk run. It starts when it is awaited or entered, and runs only once.

    ``report = await job`` runs it to the end. To get each row's `RowResult` as soon as it is known::

        async with job:
            async for result in job:
                print(result.key, result.status)

    Leaving the block early stops the run: requests in progress finish, no more are sent.

    Attributes:
        id: The run's name: that of its report, and of ``airmeet runs``. It never changes. Of a job with a journal it is
            None until the job was prepared or started: a list that is recorded there has its name already.
        total: Number of rows, if known; None before the start.
        earlier: Progress of earlier runs in the same journal; None if there are none. For a source without an end, such
            as a generator, it is that of the same list the last time, before the first row is read.
        how_to_start: For messages.
    """

    id: str | Any  # None at times, which a program that has no journal need not mind
    how_to_start = "await it, or write `async with job:` around the loop"

    def __init__(self, preparation: JobPreparation) -> None:
        self.id = None if preparation.has_journal else preparation.job
        self.total: int | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self.earlier: Earlier | None = None
        self._started = False
        self._is_prepared = False
        self._preparation = preparation
        self._queue = ResultQueue()
        self._engine: Engine | ShardedEngine | None = None
        self._running: asyncio.Task[None] | None = None
        self._report: BulkReport | None = None
        self._asked_before: list[Callable[[Any], object]] = []  # what was asked for until the run has begun
        self._has_begun = False
        # Results that were taken from the queue and not yielded yet: a loop that is left must not lose them.
        self._batch: deque[RowResult] = deque()

    def __repr__(self) -> str:
        state = "not started" if self._engine is None else "running" if self._report is None else "ended"
        return f"<BulkJob {self.id} {state}>" if self.id else f"<BulkJob {state}>"

    def _begin(self) -> Coroutine[Any, Any, BulkReport]:
        return self.run_whole()

    async def prepare(
        self, progress: Callable[[int], None] = lambda _: None, found: Callable[[RowFinding], object] | None = None
    ) -> BulkPlan:
        """Read and check all rows, send nothing, and return what the run would do.

        It may be called before the job is started, and is not needed: a job prepares itself. The input is read once,
        for the plan and for the run; what changes in between is not seen. With a journal, the rows are recorded in it,
        and count only once the job is started; it is closed again afterwards, so that a question may be asked in
        between for as long as it takes. The plan then counts apart what earlier runs have done; of a job that resumes
        or retries, it has what is left to do, or what would be sent again. If the job is not to be started after all,
        call `discard`.

        Args:
            progress: Called now and then with the number of rows that have been taken in.
            found: Called with each finding about a row, in the order of the rows, in another thread.

        Raises:
            ConfigError: The rows can be read only once, such as those of a generator.
            ClientStateError: The job was already started.
            InputError: The input cannot be read.
            JournalError: The journal cannot be used.
            AirmeetError: The event's registration fields cannot be read.
        """
        if self._started:
            raise ClientStateError("this job was already started; prepare it before")
        self._is_prepared = True
        self._preparation.progress = progress
        plan = await self._preparation.plan(found)
        self.id = self._preparation.job
        return plan

    async def discard(self) -> None:
        """Remove what `prepare` has recorded, of a job that is not to be started after all."""
        await self._preparation.close()

    async def cut(self, *, into: str | os.PathLike[str], shards: int, workers: int | None = None) -> list[Path]:
        """Put the rows into shards instead of sending them, for other processes; nothing is sent.

        The job is over then: `Bulk.join` takes back what the shards have done. Each of them keeps to this job's
        ``max_failures``, and to its part of the rate and of the requests under way::

            job = client.bulk.add_attendees(event_id, rows, send_email_invite=False, journal="launch.job", rate=40)
            for path in await job.cut(into="/shared/launch", shards=16, workers=4):
                ...  # in another process: await airmeet_async.cluster.run_shard(path)

        Args:
            into: The folder of the shards, of this user alone; made if it is not there.
            shards: How many at most: none of them is empty.
            workers: How many of them are sent at once. Default: all.

        Returns:
            The shards' paths; none where nothing is left to be sent.

        Raises:
            ClientStateError: The job was already started; or it was stopped, paused or given another rate.
            ConfigError: The job has no journal or an option that shards do not keep to, or *shards* or *workers* is not
                a number above 0.
            JournalError: The journal or the folder cannot be used, a run has it, or its rows are in shards already.
        """
        if self._started:
            raise ClientStateError("this job was already started; cut it before")
        self._started = True
        if self._asked_before:
            raise ClientStateError("this job was stopped, paused or given a rate; cut a new one, with rate= if wanted")
        check_shards(shards)
        paths = await self._preparation.cut(Path(into), shards, workers)
        self.id = self._preparation.job
        return paths

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def start(self) -> None:
        """Start the run, as entering it does: then iterate over it; a job that was started cannot be awaited."""
        if self._started:
            raise ClientStateError("this job was already started; a job runs only once, so create a new one")
        self._started = True
        self._loop = asyncio.get_running_loop()
        self._engine = await self._preparation.start(self._queue)
        self.total, self.earlier = self._engine.total, self._engine.earlier
        self.id = self._engine.telemetry.job = self._preparation.job
        self._running = self._loop.create_task(self._run(self._engine), name=f"airmeet-job-{self.id}")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._queue.discard()
        if error is None:
            self.stop()
            await self._ended()
        elif isinstance(error, Exception):  # of whoever reads the results; requests under way have the same grace
            self.stop()
            with suppress(Exception):  # the reader's own error comes out
                await self._ended()
        else:
            await self._end_now()

    def __aiter__(self) -> AsyncIterator[RowResult]:
        if self._running is None:
            raise ClientStateError(f"this job has not been started: {self.how_to_start}")
        return self._results()

    def __del__(self) -> None:
        if not getattr(self, "_started", True) and not self._is_prepared:
            warnings.warn(
                f"a bulk job was created but never started: {self.how_to_start}",
                RuntimeWarning,
                source=self,
                stacklevel=2,
            )

    @property
    def report(self) -> BulkReport:
        """The report of the run so far, or of the whole run once it has ended.

        Raises:
            ClientStateError: The job has not been started.
        """
        if self._report is not None:
            return self._report
        if self._engine is None:
            raise ClientStateError(f"this job has not been started: {self.how_to_start}")
        return self._report_of(self._engine, final=False)

    def _report_of(self, engine: Engine | ShardedEngine, *, final: bool) -> BulkReport:
        ignored = self._preparation.ignored_columns
        report = engine.report(self.id, final=final)
        return evolve(report, ignored_columns=ignored) if ignored else report

    def stop(self, reason: StopReason = StopReason.STOPPED, message: str = "the run was stopped") -> None:
        """Send no more rows, but let requests in progress finish. The rows that are left are UNPROCESSED.

        The run then ends without an error, as at its ``deadline``; ``report.stop_reason`` says why it ended. Like the
        methods below it may be called from any thread.
        """
        self._change(lambda engine: engine.stop(reason, message))

    def _change(self, change: Callable[[Any], object]) -> None:
        """Change the run, or let it begin so; nothing once it has ended."""
        if self._loop is None:
            self._asked_before.append(change)
        else:
            self._in_loop(self._change_here, change)

    def _change_here(self, change: Callable[[Any], object]) -> None:
        if not self._has_begun:
            self._asked_before.append(change)
        elif self._report is None:
            change(self._engine)

    def _in_loop(self, change: Callable[..., object], *arguments: Any) -> None:
        """Do it at once in the event loop of the run; from elsewhere, let that loop do it next."""
        if self._loop is None:
            return
        try:
            is_here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_here = False
        if is_here:
            change(*arguments)
        else:
            with suppress(RuntimeError):  # the loop is closed, and the run is over
                self._loop.call_soon_threadsafe(change, *arguments)

    def hurry(self) -> None:
        """After `stop`: do not wait for requests in progress. Their rows become UNKNOWN.

        Of a run in shards (``on=``) it does nothing: these end their requests by themselves, within ten seconds.
        """
        if self._engine is not None:
            self._in_loop(self._engine.hurry)

    def cut_off(self) -> None:
        """End the run at once: rows in progress become UNKNOWN, and rows not yet read get no result."""
        if self._running is not None:
            self._in_loop(self._running.cancel)

    def pause(self) -> None:
        """Send no more until `resume`; requests in progress finish. Before the start, the run begins paused."""
        self._change(lambda engine: engine.hold(on=True))

    def resume(self) -> None:
        """Continue after `pause`."""
        self._change(lambda engine: engine.hold(on=False))

    @property
    def is_running(self) -> bool:
        """Whether rows may be sent: the input was taken in, and the run has not ended."""
        return self._engine is not None and self._report is None

    @property
    def paused(self) -> bool:
        """Whether the run is paused by `pause`."""
        return self._engine is not None and self._engine.is_held

    @property
    def outage(self) -> bool:
        """Whether the server seems to be down: only a single row is sent from time to time, as a probe.

        Always False of a run in shards (``on=``), which do not tell.
        """
        return self._engine is not None and self._engine.is_away

    @property
    def last_reply(self) -> str:
        """What the server replied last, or why there was no reply, where that was no success; else nothing.

        Always nothing of a run in shards (``on=``), which do not tell.
        """
        return "" if self._engine is None else self._engine.last_reply

    @property
    def allowed_rate(self) -> float | None:
        """The run's current limit in requests per second; 0 while nothing may be sent, None for no limit.

        Of a run in shards (``on=``) it is the `rate_ceiling`, or 0 while it is paused.
        """
        return None if self._engine is None else self._engine.allowed_rate

    @property
    def rate_ceiling(self) -> float | None:
        """The rate that was asked for as a number, in requests per second; None where the limit is looked for."""
        return None if self._engine is None else self._engine.rate_ceiling

    @property
    def retrying(self) -> int:
        """Number of rows that are waiting for a retry or being retried; always 0 of a run in shards (``on=``)."""
        return 0 if self._engine is None else self._engine.retrying

    @property
    def to_collect(self) -> int:
        """Number of rows that ended in an earlier run, are counted, and whose results are still to be handed on."""
        return 0 if self._engine is None else self._engine.to_collect

    def set_rate(self, rate: AskedRate) -> None:
        """Change the run's rate: requests per second, ``"auto"``, an `Adaptive`, or None for no limit.

        Raises:
            ConfigError: It is not a rate.
            ClientStateError: The run is in shards (``on=``): each has been given its part of the rate.
        """
        check_rate(rate)  # where the caller is, who may be in another thread
        if self._preparation.runner is not None:
            raise ClientStateError(
                "a run in shards keeps its rate, of which each has been given its part; "
                "stop it, and go on with client.bulk.resume(journal, rate=..., on=...)"
            )
        self._change(lambda engine: engine.set_rate(rate))

    async def run_whole(self) -> BulkReport:
        """Run to the end, and keep all results, however the run ends."""
        results: list[RowResult] = []
        await self.start()
        try:
            async for result in self._results():
                results.append(result)  # noqa: PERF401 - what came before an error counts
        except BulkStoppedError as error:
            error.report = self._with_results(results)
            raise
        except BaseException:
            await self._end_now()
            raise
        finally:
            if self._report is not None:
                self._with_results(results)
        return self.report

    def _with_results(self, results: list[RowResult]) -> BulkReport:
        results += [*self._batch, *self._queue.take_ready()]
        self._batch.clear()
        results.sort(key=lambda result: result.index)
        self._report = evolve(self.report, results=tuple(results))
        return self._report

    async def _results(self) -> AsyncIterator[RowResult]:
        while batch := await self.next_results():
            # Here again until each is yielded: a loop that is left must not lose them.
            self._batch.extend(batch)
            while self._batch:
                yield self._batch.popleft()

    async def next_results(self) -> list[RowResult]:
        """Return the results that are known and were not returned before, or wait for some; none at the end of the run.

        Raises:
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        if self._batch:
            batch = [*self._batch]
            self._batch.clear()
            return batch
        if taken := await self._queue.take():
            return taken
        await self._ended()
        stopped = self._engine.stopped if self._engine else None
        if stopped is not None and stopped.reason not in _WANTED_STOPS:
            raise BulkStoppedError(stopped.message, stop_reason=stopped.reason.value) from stopped.cause
        return []

    async def _run(self, engine: Engine | ShardedEngine) -> None:
        telemetry = engine.telemetry
        with telemetry.run():
            telemetry.emit(RunStarted, rows=self.total)
            for change in self._asked_before:
                change(engine)
            self._has_begun = True
            try:
                await engine.run()
            except BaseExceptionGroup as group:
                raise first_error(group) from None  # whoever awaits a job wants it, not a group of sixty-four
            finally:
                try:
                    self._report = report = self._report_of(engine, final=True)
                    telemetry.emit(
                        RunEnded,
                        counts={status.value: n for status, n in report.counts.items() if n},
                        elapsed_s=report.elapsed_s,
                        attempts=report.attempts,
                        retries=report.retries,
                        throttled=report.throttled,
                        token_refreshes=report.token_refreshes,
                        stop_reason=None if report.stop_reason is None else report.stop_reason.value,
                    )
                finally:
                    self._queue.close()  # whatever happens, no reader waits for results that will not come

    async def _ended(self) -> None:
        """Wait for the end of the run; where the waiting is cancelled, end it now."""
        assert self._running is not None  # noqa: S101 - for the type checker; only a started job is waited for
        try:
            await asyncio.shield(self._running)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._running.cancelled() and task is not None and not task.cancelling():
                return  # `cut_off` was called; nobody cancelled us
            await self._end_now()
            raise

    async def _end_now(self) -> None:
        """Cut the run off, and wait until its journal is closed, however often the waiting is cancelled."""
        assert self._running is not None  # noqa: S101 - for the type checker
        self._running.cancel()
        await run_to_completion(asyncio.wait({self._running}))
        if not self._running.cancelled():
            self._running.exception()
