"""`SqliteJournal`: the journal for the event loop. What is to be recorded is queued at once, and written in groups.

Rules of this file:

1. One transaction at a time; each takes all that has come until it begins: new rows, outcomes, intents.
2. A row comes into `ready` only when its intent is on the disk: the horizon for plain rows, one of its own for a repeat
   and for a row that asks for a mail or must not be repeated.
3. `ready` and the rows that were sent and whose outcome is not on the disk yet are together at most `max_in_flight`:
   after a crash nothing else is UNKNOWN.
4. Rows with an intent of their own become ready only for workers that wait for them with all else done: nobody loses
   an invitation because a neighbour was under way.
5. A result is passed on when its outcome is on the disk, or when it is certain that it never will be; it then says what
   a resumed run will find.
6. After a failure nothing is written any more, and nothing becomes ready.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from airmeet_async.bulk.journal import Deliver, Earlier, insert_repeat, insert_rows
from airmeet_async.bulk.journal.row_encoding import encodable, encode_note
from airmeet_async.bulk.journal.writer import JournalWriter, Transaction
from airmeet_async.bulk.options import EngineOptions
from airmeet_async.bulk.report import RowResult, RowStatus
from airmeet_async.bulk.row import CallTemplate, OutcomeState, Row, Wish
from airmeet_async.bulk.row_results import is_for_want_of_place, not_recorded, template_to_send
from airmeet_async.errors import AirmeetError, JournalError

T = TypeVar("T")

# A commit waits for the disk, so writes share one. A crash within the delay loses outcomes, never intents: the next run
# finds their rows without a clear answer.
_GROUP_DELAY = 0.05  # seconds that a write nobody waits for may wait for others
_SHORT_DELAY = 0.002  # seconds, where a worker waits
_GROUP_SIZE = 64
_STATES = {
    RowStatus.SUCCEEDED: OutcomeState.SUCCEEDED,
    RowStatus.REJECTED: OutcomeState.REJECTED,
    RowStatus.FAILED: OutcomeState.FAILED,
    RowStatus.UNKNOWN: OutcomeState.UNKNOWN,
    RowStatus.UNPROCESSED: OutcomeState.RETRY,
}
_SUCCEEDED = int(OutcomeState.SUCCEEDED)


class SqliteJournal:
    """An open journal, written by a thread of its own.

    Args:
        path: The file; None for one without a name, which is gone with this process.
        copy_of: What one without a name begins with.
        salt: Of the hashes of a new one.

    Attributes:
        path: The file.
        facts: What it knows of the whole run.
        earlier: What it knew when this run began; None for the first run.
        failed: Why it cannot be written any more, or None.
    """

    arriving: int

    def __init__(self, path: Path | None, *, copy_of: Path | None = None, salt: str | None = None) -> None:
        self.path = path
        self._copy_of, self._salt = copy_of, salt
        self.facts: dict[str, Any] = {}
        self.earlier: Earlier | None = None
        self.failed: JournalError | None = None
        self.writer: JournalWriter
        self.ready: deque[Row] = deque()
        self.queue: deque[Row] = deque()
        self.arriving = 0
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "airmeet-journal")
        # Of the list that is sent.
        self._list = 0
        self._is_arriving = False
        self._plain_list = False
        self._most = 1
        self._may_mail_twice = False
        self._sort: Callable[[Sequence[Row]], list[Row]]
        self._more: Callable[[], None]
        # What waits to be written.
        self._new: list[Row] = []
        self._outcomes: list[tuple[Any, ...]] = []
        self._retried: list[Row] = []  # whose outcomes among these say that they will be sent again
        self._results: list[tuple[Sequence[Row], Sequence[RowResult], bool]] = []
        self._new_facts: dict[str, Any] = {}
        # What goes on.
        self._writing = False
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.Future[None] | None = None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._window = 1
        self._is_held = False  # no worker would take a row now
        self._is_stopped = False
        self._exposed = 0  # rows that are ready, or were sent and have no outcome on the disk

    # Opening and closing.

    async def open(self) -> None:
        """Open the file.

        Raises:
            JournalError: It cannot be used, or a run has it.
        """
        opening = self._loop.run_in_executor(self._thread, JournalWriter, self.path, self._copy_of, self._salt)
        try:
            self.writer = await asyncio.shield(opening)
        except BaseException:
            opening.add_done_callback(self._close_late)
            raise

    def _close_late(self, opening: "asyncio.Future[JournalWriter]") -> None:
        """Close a file whose opening was cancelled, so that its lock is not kept."""
        if not opening.cancelled() and opening.exception() is None:
            self._thread.submit(opening.result().close)
        self._thread.shutdown(wait=False)

    async def call(self, function: Callable[..., T], *arguments: Any, **named: Any) -> T:
        """Call *function* in the journal's thread, after what goes on there now."""
        return await self._loop.run_in_executor(self._thread, lambda: function(*arguments, **named))

    def send_list(
        self,
        list_id: int,
        template: CallTemplate | None,
        options: EngineOptions,
        *,
        sort: Callable[[Sequence[Row]], list[Row]],
        more: Callable[[], None],
        is_arriving: bool = False,
    ) -> None:
        """Say what is sent from now on.

        Args:
            list_id: The list.
            template: Of its calls; None where each row has its own.
            options: Of the run.
            sort: Takes rows of an arriving input that are recorded now, and returns those that can be sent.
            more: Called when more rows could be taken.
            is_arriving: The list has no end yet: it replaces earlier ones when the run has come to its end.
        """
        self._is_arriving = is_arriving
        self._list, self._most = list_id, options.max_in_flight
        self._may_mail_twice = options.invites == "at_least_once"
        self._sort, self._more = sort, more
        self._plain_list = template is not None and template.endpoint.repeatable and not template.wish & Wish.MAILED

    def begin(
        self,
        deliver: Deliver,
        woken: Callable[[int], None],
        failed: Callable[[AirmeetError], None],
        may_begin: Callable[[], int],
    ) -> None:
        self._deliver, self._woken, self._on_failed, self._may_begin = deliver, woken, failed, may_begin

    async def close(self, facts: dict[str, Any]) -> None:
        """Close the file, after all has been written.

        Raises:
            JournalError: The rows of the list do not add up.
        """
        await self.drain()
        try:
            if not self.failed:
                with suppress(JournalError):  # the rows are recorded; these facts are only useful
                    if self._is_arriving and facts.get("stop") is None:
                        await self.call(self.writer.confirm_list, self._list)
                    await self.call(self.writer.end_run, self._list, facts)
                if self._list:
                    await self.call(self.writer.check_sum, self._list)
        finally:
            await self.call(self.writer.close)
            self._thread.shutdown(wait=False)

    async def drain(self) -> None:
        """Return when all has been written, or cannot be."""
        while self._writing or self._outcomes or self._results or self._new or self._new_facts:
            self._flush()
            if self._writing:
                self._idle = self._loop.create_future()
                await self._idle

    # What the engine says.

    def admit(self, rows: Sequence[Row]) -> None:
        """Take rows to be sent; those of an arriving input are recorded first."""
        if rows and rows[0].entry == 0 and not self.failed:
            self._new.extend(rows)
            self.arriving += len(rows)
        else:
            self.queue.extend(rows)
        self._woken(len(rows))
        self._flush_if_due()

    def admit_repeat(self, row: Row) -> None:
        insert_repeat(self.queue, row)
        self._woken(1)

    async def clear(self) -> None:
        """Wait for the next transaction that makes rows ready.

        Raises:
            JournalError: It cannot be written, so no request may leave.
        """
        if self.failed:
            raise self.failed.again()
        self._is_held = False
        waiter = self._loop.create_future()
        self._waiting.append(waiter)
        if not self._writing:
            self._flush_if_due()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            raise

    def withdraw(self) -> None:
        """Put back what is ready with an intent of its own, and say on the disk that it was not sent.

        What holds one worker back holds all: nothing with an intent becomes ready until one waits for it again.
        """
        self._is_held = True
        self._wake_waiting(len(self._waiting))
        own = [row for row in self.ready if not self._is_plain(row)]
        if own and not self.failed:
            plain = [row for row in self.ready if self._is_plain(row)]
            self.ready.clear()
            self.ready.extend(plain)
            self.queue.extendleft(reversed(own))
            self._record_retries(own)
            self._flush()  # at once: after a crash until then they would not be mailed

    def stop(self) -> None:
        """Make nothing ready any more: what comes from now on is only recorded."""
        self._is_stopped = True
        self._wake_waiting(len(self._waiting))

    def record_retry(self, row: Row) -> None:
        if not self.failed:
            self._record_retries([row])
            self._flush_if_due()

    def _record_retries(self, rows: list[Row]) -> None:
        self._outcomes += [_retry_values(row, self.writer.run) for row in rows]
        self._retried += rows

    def record_results(self, rows: Sequence[Row], results: Sequence[RowResult], *, plain: bool = False) -> None:
        """Record ends; results are passed on when they are on the disk."""
        if self.failed:
            self._deliver(list(map(_as_found, rows, results)))
            return
        run, now = self.writer.run, time.time()
        if plain:
            self._outcomes += [
                (row.entry, _SUCCEEDED, 1, row.asked, 0, run, now, result.http_status, result.latency_s,
                 result.entry_link if result.entry_link is None else encodable(result.entry_link), None)
                for row, result in zip(rows, results, strict=True)
            ]  # fmt: skip
        else:
            for row, result in zip(rows, results, strict=True):
                if row.begun or row.sending:  # else what the journal says of it already is still true
                    self._outcomes.append(_outcome_values(row, result, run, now))
        self._results.append((rows, results, plain))
        self._flush_if_due()

    def record_facts(self, facts: dict[str, Any]) -> None:
        if not self.failed:
            self._new_facts |= facts
            self._flush_if_due()

    # The transactions.

    def _flush_if_due(self) -> None:
        """Write at once where enough has come, or nothing else is under way; else others may come along."""
        if self._writing or self.failed:
            return
        answered, delay = len(self._outcomes), _GROUP_DELAY
        if self._waiting or self._new:
            if 2 * max(answered, len(self._new)) >= self._most or self._exposed <= answered + len(self.ready):
                self._flush()
                return
            delay = _SHORT_DELAY
        elif answered >= _GROUP_SIZE:
            self._flush()
            return
        when = self._loop.time() + delay
        if self._timer is None or when < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(when, self._flush)

    def _flush(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._writing or self.failed:
            return
        if len(self.queue) + len(self._new) < self._most and self._list:
            self._writing = True  # what comes now goes into this transaction
            try:
                self._more()
            finally:
                self._writing = False
        work = Transaction(self._list, rows=self._new, outcomes=self._outcomes, facts=self._new_facts)
        chosen = self._choose(work)
        results, self._results = self._results, []
        if not (work.rows or work.outcomes or chosen or work.facts or results or work.horizon is not None):
            self._wake_ready()
            return
        self.arriving += len(chosen)
        retried, self._retried = self._retried, []
        self._new, self._outcomes, self._new_facts = [], [], {}
        self._writing = True
        writing = self._loop.run_in_executor(self._thread, self.writer.transact, work)
        writing.add_done_callback(lambda done: self._wrote(work, chosen, retried, results, done))

    def _choose(self, work: Transaction) -> list[Row]:
        """Choose the rows that this transaction makes ready, and put their intents into it.

        The window of rows that are ready and unsent doubles while workers wait for the disk, and shrinks otherwise.
        """
        if self._is_stopped:
            return []
        if self._waiting:  # besides those who are about to take what is ready
            self._window = min(2 * self._window, self._most)
        else:
            self._window = max(1, self._window - self._window // 8)
        ready, left = len(self.ready), self._most - self._exposed + len(work.outcomes)
        may_begin = self._may_begin()
        new_room = may_begin - ready  # the first rows of a run have to show that it works
        plain_room = min(self._window - ready, left, new_room)
        # What is ready and must not begin now does not stand in a repeat's way: else nothing could go on.
        room = left if may_begin > 0 else left + ready
        own_room = 0 if self._is_held else len(self._waiting)
        chosen: list[Row] = []
        queue, plain_list = self.queue, self._plain_list
        while queue:
            row = queue[0]
            if plain_list and not row.begun and row.earlier is None and not row.changed:  # `_is_plain`
                if len(chosen) >= plain_room:
                    break
                work.horizon = row.index
            elif len(work.intents) < own_room and len(chosen) < (room if row.begun else min(room, new_room)):
                work.intents.append((row, int(template_to_send(row, may_mail_twice=self._may_mail_twice).wish)))
            else:
                break
            chosen.append(queue.popleft())
        # Of rows that are recorded by this same transaction it is not known yet which were sent before: these are not
        # under the horizon, for they have an outcome.
        if plain_list and not queue and work.rows and len(chosen) < plain_room:
            work.horizon = work.rows[min(plain_room - len(chosen), len(work.rows)) - 1].index
        return chosen

    def _is_plain(self, row: Row) -> bool:
        return self._plain_list and not row.begun and row.earlier is None and not row.changed

    def _wrote(
        self,
        work: Transaction,
        chosen: list[Row],
        retried: list[Row],
        results: list[tuple[Sequence[Row], Sequence[RowResult], bool]],
        writing: "asyncio.Future[None]",
    ) -> None:
        self._writing = False
        error = asyncio.CancelledError() if writing.cancelled() else writing.exception()
        if error is not None:
            self._fail(error, [*chosen, *work.rows], retried, results)
            return
        try:
            self._make_ready(work, chosen, retried)
            for _, several, plain in results:
                self._deliver(several, plain=plain)
        except Exception as fault:  # noqa: BLE001 - ours: the run ends, and nobody waits for ever
            self._fail(fault, [], [], [])
            return
        if self._is_held:  # meanwhile
            self.withdraw()
        self._wake_ready()
        if self._idle is not None:
            self._flush()
        elif self._waiting or self._new or self._outcomes or self._new_facts or self._results:
            self._flush_if_due()
        self._tell_drained()

    def _make_ready(self, work: Transaction, chosen: list[Row], retried: list[Row]) -> None:
        """Let the rows go whose intents are on the disk now, and sort those in that were recorded."""
        for row in retried:
            row.retry_recorded = True
        for row, _ in work.intents:
            row.retry_recorded = False
        self._exposed += len(chosen) - len(work.outcomes)
        insert_rows(self.ready, chosen)
        self.arriving -= len(work.rows) + len(chosen)
        for row in self._sort(work.rows) if work.rows else ():
            if work.horizon is not None and row.index <= work.horizon and self._is_plain(row):
                self._exposed += 1
                self.ready.append(row)
            else:
                self.queue.append(row)

    def _wake_ready(self) -> None:
        """Wake as many as there are rows ready; all, where no row will become ready by itself."""
        self._wake_waiting(len(self.ready) if self.queue or self.arriving else len(self._waiting))

    def _wake_waiting(self, n: int) -> None:
        while self._waiting and n > 0:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                n -= 1

    def _fail(
        self,
        error: BaseException,
        rows: list[Row],
        retried: list[Row],
        results: list[tuple[Sequence[Row], Sequence[RowResult], bool]],
    ) -> None:
        """Stop: what waits ends now, and results say what a resumed run will find."""
        # A copy: the frames of the error hold the rows that were being written, with their links.
        self.failed = error.again() if isinstance(error, JournalError) else JournalError(f"{self.path}: {error}")
        self.queue.extend(rows)
        # Their intents are on the disk, and nobody can take them back.
        for row in [*self.ready, *retried, *self._retried]:
            row.unclear |= int(template_to_send(row, may_mail_twice=self._may_mail_twice).wish)
            row.retry_recorded = False
        for ended, several, _ in [*results, *self._results]:
            self._deliver(list(map(_as_found, ended, several)))
        self._results, self._outcomes, self._new_facts = [], [], {}
        self.queue.extend(self._new)
        self._new, self.arriving = [], 0
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_exception(self.failed.again())
        self._waiting.clear()
        self._on_failed(self.failed)
        self._tell_drained()

    def _tell_drained(self) -> None:
        if self._idle is not None and not self._idle.done() and not self._writing:
            self._idle.set_result(None)


def _as_found(row: Row, result: RowResult) -> RowResult:
    """Return a result as a resumed run will find it, since it is not on the disk."""
    if not (row.begun or row.unclear) or row.retry_recorded or result.status is RowStatus.UNKNOWN:
        return result
    mail_in_doubt = bool((row.asked | row.unclear) & Wish.MAILED)
    return not_recorded(result, "the disk or the file failed", mail_in_doubt=mail_in_doubt)


def _retry_values(row: Row, run: int) -> tuple[Any, ...]:
    """Return what is known of a row that was certainly not applied; one that did not leave at all is as it was."""
    earlier, tries, now = row.earlier, row.tries, time.time()
    if earlier is None:
        state = OutcomeState.UNKNOWN if row.unclear else OutcomeState.RETRY
        sent = 0 if tries is None else tries.sent
        return (row.entry, int(state), sent, 0, int(row.unclear), run, now, None, None, None, None)
    if not row.begun:
        return (row.entry, earlier.state, earlier.sent, earlier.done, earlier.unclear, earlier.run, earlier.touched,
                earlier.http, earlier.latency, earlier.link, earlier.note)  # fmt: skip
    state = OutcomeState.UNKNOWN if row.unclear else OutcomeState.RETRY
    sent = earlier.sent + (0 if tries is None else tries.sent)
    return (row.entry, int(state), sent, earlier.done, int(row.unclear), run, now, None, None, earlier.link, None)


def _outcome_values(row: Row, result: RowResult, run: int, now: float) -> tuple[Any, ...]:
    """Return a row's end as the table has it: plain numbers and texts, since sqlite3 spends long on adapting others."""
    earlier = row.earlier
    done = 0 if earlier is None else earlier.done
    state = _STATES[result.status]
    unclear = int(row.unclear)
    if state is OutcomeState.SUCCEEDED:
        done, unclear = row.done, 0
    elif state is OutcomeState.UNKNOWN and row.sending:
        unclear |= row.asked
    elif state is OutcomeState.RETRY and unclear:
        state = OutcomeState.UNKNOWN
    elif state is OutcomeState.REJECTED:
        assert result.error is not None  # noqa: S101 - for the type checker
        done = done | Wish.NO_PLACE_LEFT if is_for_want_of_place(result.error) else done & ~Wish.NO_PLACE_LEFT
    note = None
    if result.error is not None or result.replayed:
        note = encode_note(result.error, (), replayed=result.replayed)
    link = result.entry_link or (None if earlier is None else earlier.link)
    return (
        row.entry, int(state), result.attempts, int(done), unclear, run, now, result.http_status, result.latency_s,
        None if link is None else encodable(link), note,
    )  # fmt: skip
