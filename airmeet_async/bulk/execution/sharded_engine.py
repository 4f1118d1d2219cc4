"""`ShardedEngine`: a run whose rows are sent in shards on other machines; to its job it is what `Engine` is.

Rules of this file:

1. Nothing is sent here. The journal lends its rows, a `ShardRunner` has the shards sent, and the journal takes back
   what they have done, whatever ends the run. Only then are there results: views of the journal, in its order.
2. The first shard is small and goes alone: a wrong list, event or key costs as little as in one process.
3. What ends a shard for a reason that concerns all rows ends the run, and so does the number of rows that have failed.
4. A run is paused or stopped by cancelling what sends its shards, which lose nothing by it; after a pause, those that
   are not over are sent again.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path

import anyio
import anyio.to_thread
from attrs import evolve

from airmeet_async.bulk.execution.abort_policy import RunStop, stop_reason_for_error
from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.journal import Earlier, Journal
from airmeet_async.bulk.journal.cut import JoinSummary, cut_journal, join_journal
from airmeet_async.bulk.journal.queries import read_results, read_summary
from airmeet_async.bulk.options import EngineOptions, ShardAnswer, ShardPace, ShardRunner
from airmeet_async.bulk.report import BulkReport, RowResult, RowStatus, StopReason
from airmeet_async.bulk.run_to_completion import run_to_completion
from airmeet_async.bulk.statistics import KnownResults, RunStatistics
from airmeet_async.client.telemetry import RunStopped, RunTelemetry
from airmeet_async.errors import (
    AirmeetError,
    CredentialsError,
    JournalError,
    NotFoundError,
    PermissionDeniedError,
    ReplyError,
    TokenRejectedError,
    first_error,
)

_FIRST_ROWS = 20  # of the shard that goes alone, as many as may begin in one process before one has succeeded
_RESULTS_AT_ONCE = 256
_PATIENCE = 60.0  # seconds for shards that were told to stop
_FAILED = (RowStatus.REJECTED, RowStatus.FAILED, RowStatus.UNKNOWN)


class ShardedEngine:
    """Has the rows of a list sent in shards.

    Args:
        path: The journal; it is closed.
        list_id: The list.
        total: Its rows.
        journal: What it was, for its facts.
        known: How the rows have ended that are not put into shards.
        results: Takes a result per row.
        runner: Has shards sent.
        options: Of the run.
        pace: What all shards may do together.
        base: The address that the rows are for.
        keys: A digest of the run's keys.
        telemetry: Tells what happens.
    """

    is_away = False
    last_reply = ""
    retrying = 0
    to_collect = 0

    def __init__(
        self,
        path: Path,
        list_id: int,
        total: int,
        *,
        journal: Journal,
        known: KnownResults,
        results: ResultQueue,
        runner: ShardRunner,
        options: EngineOptions,
        pace: ShardPace,
        base: str,
        keys: str,
        telemetry: RunTelemetry,
    ) -> None:
        self.telemetry = telemetry
        self._on_result = options.on_result
        self._callback_error: Exception | None = None
        self.total: int | None = total
        self.earlier: Earlier | None = journal.earlier
        self.is_held: bool = False
        self.stopped: RunStop | None = None
        self.rate_ceiling: float | None = pace.rate
        self._pace = pace
        self._base, self._keys = base, keys
        self._path = path
        self._list = list_id
        self._results = results
        self._runner = runner
        self._options = options
        self._clock = asyncio.get_running_loop().time
        self._started = self._clock()
        self._changed = asyncio.Event()
        self._sending: asyncio.Task[None] | None = None
        self._over: set[str] = set()  # shards that are not sent again
        # By what has become of them: rows that no shard has, and all rows once none has any.
        self._known = known
        self._in_journal: Mapping[RowStatus, int] | None = None
        self._answers: dict[str, ShardAnswer] = {}  # by shard: the one that knows most
        self._attempts: dict[str, ShardAnswer] = {}  # by attempt: the last one; some end with their worker
        self._statistics = RunStatistics()

    # What its job says and asks.

    def stop(self, reason: StopReason, message: str, cause: AirmeetError | None = None) -> None:
        """Send no more. Shards let requests under way end."""
        if self.stopped is None:
            self.stopped = RunStop(reason, message, cause)
            self.telemetry.emit(RunStopped, stop_reason=reason.value, reason=message)
            self._halt()

    def hurry(self) -> None:
        """Do nothing: shards that were told to stop give their requests the usual grace, and are waited for."""

    def hold(self, *, on: bool) -> None:
        """Send no shards until this is taken back."""
        self.is_held = on
        self._halt()

    @property
    def allowed_rate(self) -> float | None:
        return 0.0 if self.is_held else self.rate_ceiling

    # What its runner says.

    def told(self, answer: ShardAnswer) -> None:
        """Take what a shard has done so far; what was told before is not taken back by a task that begins anew."""
        self._attempts[answer["attempt"]] = answer
        before = self._answers.get(answer["shard"])
        if before is None or _done(answer) >= _done(before):
            self._answers[answer["shard"]] = answer
        limit = self._options.max_failures
        if limit is not None and self.stopped is None:
            counts = self._counts()
            failed = sum(counts[status] for status in _FAILED)
            if failed > limit.most(self.total, sum(counts.values())):
                self.stop(StopReason.FAILURES, f"{failed:,} rows have failed, more than allowed")

    def ended(self, answer: ShardAnswer) -> None:
        """Take what a shard has done in the end."""
        self._over.add(answer["shard"])
        self.told(answer)
        if answer["stop_reason"] is not None and not answer["temporary"]:
            reason = StopReason(answer["stop_reason"])
            message = _stop_message_of(Path(answer["shard"]), reason)
            self.stop(reason, message, _cause_of(reason, message))

    # The run.

    async def run(self) -> None:
        """Run to the end, or to a stop. Every row has a result afterwards, even if this is cancelled."""
        is_cancelled = False
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._stop_at_deadline)
                await self._send()
                group.cancel_scope.cancel()
        except asyncio.CancelledError:
            is_cancelled = True
            self.stop(StopReason.CUT_OFF, "the run was cut off")
            raise
        except BaseExceptionGroup as group:
            error = first_error(group)
            if not isinstance(error, AirmeetError):
                self.stop(StopReason.CUT_OFF, f"{type(error).__name__}: {error}")
                raise
            self.stop(stop_reason_for_error(error), str(error), error)
        finally:
            await run_to_completion(self._take_back())
            await run_to_completion(self._runner.aclose())
            await run_to_completion(self._deliver(waits=not is_cancelled))
        if self._callback_error is not None:
            raise self._callback_error

    async def _send(self) -> None:
        folder = (self._runner.folder or self._path.with_name(f"{self._path.stem}-shards")).absolute()
        workers = await self._runner.open(folder, base=self._base, keys=self._keys)
        pace = evolve(self._pace, workers=workers)
        cut = partial(cut_journal, list_id=self._list, first=_FIRST_ROWS, pace=pace)
        paths = await anyio.to_thread.run_sync(cut, self._path, folder, self._runner.shards)
        for together in (paths[:1], paths[1:]):
            while self.stopped is None and (left := [path for path in together if str(path) not in self._over]):
                if self.is_held:
                    await self._changed.wait()
                else:
                    await self._send_until_halted(left)

    async def _send_until_halted(self, paths: Sequence[Path]) -> None:
        self._sending = sending = asyncio.ensure_future(self._runner.send(paths, self))
        try:
            await sending
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not sending.cancelling() or (task is not None and task.cancelling()):
                raise  # it was not halted, or this run was cancelled
        finally:
            self._sending = None

    def _halt(self) -> None:
        """End a pause, or what is being sent."""
        self._changed.set()
        self._changed = asyncio.Event()
        if self._sending is not None and (self.is_held or self.stopped is not None):
            self._sending.cancel()

    async def _stop_at_deadline(self) -> None:
        if (deadline := self._options.deadline) is not None:
            await anyio.sleep(deadline)
            self.stop(StopReason.DEADLINE, f"the deadline of {deadline:g} s has passed")

    async def _take_back(self) -> None:
        """Take back what the shards have done; one that does not stop keeps the rows that it has."""
        until = self._clock() + _PATIENCE
        while True:
            try:
                summary: JoinSummary = await anyio.to_thread.run_sync(lambda: join_journal(self._path, take_back=True))
            except JournalError as error:
                if not error.busy or self._clock() > until:
                    self.stop(StopReason.JOURNAL, str(error), error)
                    return
                await asyncio.sleep(0.2)
            else:
                if summary.stop_reason is not None:
                    self.stop(summary.stop_reason, summary.stop_message)
                return

    async def _deliver(self, *, waits: bool) -> None:
        """Pass the results on: what the journal says of each row now."""
        # The results are counted once more as they are handed on; whoever watches sees no step back meanwhile.
        summary = await anyio.to_thread.run_sync(read_summary, self._path, self._list)
        self._in_journal = {
            RowStatus.UNPROCESSED if name == "pending" else RowStatus(name): n for name, n in summary.counts.items()
        }
        rows = read_results(self._path, self._list)

        def take() -> list[RowResult]:
            return list(islice(rows, _RESULTS_AT_ONCE))

        # SQLite wants all of it in one thread.
        with ThreadPoolExecutor(1, thread_name_prefix="airmeet-results") as thread:
            while results := await asyncio.get_running_loop().run_in_executor(thread, take):
                self._statistics.count_results(results)
                self._statistics.count_latencies_of(results)
                self._statistics.rows_read += len(results)
                self._results.put(results)
                try:
                    if (on_result := self._on_result) is not None:
                        for result in results:
                            on_result(result)
                except Exception as error:  # noqa: BLE001 - raised at the end of the run
                    self._on_result, self._callback_error = None, error
                if waits:
                    await self._results.wait_for_room()

    def _counts(self) -> Counter[RowStatus]:
        if self._in_journal is not None:
            return Counter(self._in_journal)
        counts = self._known.counts.copy()
        for answer in self._answers.values():
            counts.update({RowStatus(name): n for name, n in answer["counts"].items() if n})
        return counts

    def report(self, job: str, *, final: bool = True) -> BulkReport:
        """Return the report so far, from what shards tell; *final*: from the results."""
        statistics = self._statistics
        attempts = self._attempts.values()
        for name in ("attempts", "retries", "throttled"):
            setattr(statistics, name, sum(one[name] for one in attempts))
        report = statistics.report(
            job,
            self._clock() - self._started,
            refreshes=sum(one["token_refreshes"] for one in attempts),
            stop=self.stopped.reason if self.stopped else None,
            stop_message=self.stopped.message if self.stopped else "",
            final=final,
            known=self._known if self._in_journal is None else None,
        )
        if final:
            return report
        counts = self._counts()
        return evolve(report, counts={status: counts[status] for status in RowStatus}, rows_read=counts.total())


_SAID = {
    StopReason.CREDENTIALS: "the keys were refused",
    StopReason.NOT_PERMITTED: "the keys have no access to this event",
    StopReason.NOT_FOUND: "there is no such event",
    StopReason.FAILURES: "too many rows failed in one part of the list; its results say why",
}
_CAUSES: Mapping[StopReason, tuple[type[ReplyError], int]] = {
    StopReason.CREDENTIALS: (CredentialsError, 400),
    StopReason.NOT_PERMITTED: (PermissionDeniedError, 401),
    StopReason.NOT_FOUND: (NotFoundError, 404),
}
_STATUS = re.compile(r"\((\d{3})\)")


def _stop_message_of(path: Path, reason: StopReason) -> str:
    """Return the sentence with which a shard has stopped: it stands in its file, and passes no engine of tasks."""
    with suppress(JournalError):  # it is gone, or somebody sends it again
        facts = read_summary(path).facts
        if facts.get("stop") == reason.value and facts.get("stop_message"):
            return str(facts["stop_message"])
    return _SAID.get(reason, "a shard could not go on")


def _cause_of(reason: StopReason, message: str) -> AirmeetError | None:
    """Return the error that has stopped a shard, as a run in one process would name it."""
    found = _STATUS.search(message)
    status = int(found[1]) if found else None
    if reason is StopReason.TEMPORARY and status == 412:
        return TokenRejectedError(message, status=412)
    if reason not in _CAUSES:
        return None
    cls, usual = _CAUSES[reason]
    return cls(message, status=status or usual)


def _done(answer: ShardAnswer) -> int:
    n: int = sum(answer["counts"].values()) - answer["counts"].get("unprocessed", 0)
    return n
