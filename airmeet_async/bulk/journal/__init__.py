"""The journal of a bulk run: one SQLite file that knows, at any instant, what has become of each row.

The promise:

1. Each input row is in the journal before it is sent, and its intent is on the disk before the first byte leaves.
2. After a crash of the process at any instant, and after a loss of power if the disk honours fsync, a resumed run ends
   with exactly one result per input row.
3. A row is sent again only if an earlier send has no recorded result, or was answered with an error that may be tried
   again; per crash these are at most as many rows as were under way.
4. Whoever was to be mailed and was not under way at a crash is still mailed; whoever was is not mailed a second time.
5. Not promised: exactly-once delivery.

How 1 and 3 are kept cheaply: most rows have no intent of their own. Rows that ask for no mail, may be repeated and
were never sent share one number, the *horizon*: a position in the order of their list, above which nothing was sent.
It moves ahead of the workers by a window that begins with one row and grows while workers wait for the disk. The rows
below it without a recorded result are never more than `max_in_flight`; after a crash these are UNKNOWN.

- `schema`: the tables.
- `writer`: what is done to them, in the journal's one thread.
- `sqlite_journal`: the same for the event loop, written in groups. `SqliteJournal._choose` moves the horizon.
- `queries`: views of a journal from outside: results, counts, causes.
- `locking`: making, opening and locking the file.

`MemoryJournal` below is for runs that keep none.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from attrs import frozen

from airmeet_async.bulk.report import RowResult
from airmeet_async.bulk.row import Row
from airmeet_async.errors import AirmeetError


@frozen
class Earlier:
    """What a journal knew when a run began.

    Attributes:
        settled: Rows that have ended already, or never go out.
        unclear: Rows that were sent without a clear answer.
        changed: Rows that were done, and have changed in the input since; Airmeet does not update them.
        updated: Rows that were certainly not done, and have changed in the input since: they are sent as they are now.
        held_back: Rows that may have been done, and have changed in the input since: they are sent as they were.
        new: Rows that were not in the input before.
    """

    settled: int = 0
    unclear: int = 0
    changed: int = 0
    updated: int = 0
    held_back: int = 0
    new: int = 0


class Deliver(Protocol):
    """Counts results and passes them on; *plain*: all of them are successes of this run."""

    def __call__(self, results: Sequence[RowResult], *, plain: bool = False) -> None:
        """Take results."""


class Journal(Protocol):
    """Records each row's progress, and passes its result on: in memory, or in a file that survives a crash.

    Attributes:
        facts: What is known of the whole run.
        earlier: What was known when this run began; None without a file, and for the first run.
        ready: Rows whose request may leave.
        queue: Rows that have to be recorded before.
        arriving: How many rows are being recorded, and will be `ready` or in the `queue` then, or need not be sent.
    """

    facts: dict[str, Any]
    earlier: Earlier | None
    ready: deque[Row]
    queue: deque[Row]
    arriving: int

    def begin(
        self,
        deliver: Deliver,
        woken: Callable[[int], None],
        failed: Callable[[AirmeetError], None],
        may_begin: Callable[[], int],
    ) -> None:
        """Take the functions that pass results on, wake that many workers, end the run, and limit its first rows."""
        ...

    def admit(self, rows: Sequence[Row]) -> None:
        """Take rows that are to be sent, in their order."""
        ...

    def admit_repeat(self, row: Row) -> None:
        """Take a row whose next attempt is due; it goes before new ones, and after others like it."""
        ...

    async def clear(self) -> None:
        """Return when a row of `queue` may have come into `ready`.

        Raises:
            JournalError: None will.
        """
        ...

    def withdraw(self) -> None:
        """Put rows back that are `ready`, and will not go now."""
        ...

    def stop(self) -> None:
        """Make no more rows ready."""
        ...

    def record_retry(self, row: Row) -> None:
        """Record that the row was certainly not applied, and will be sent again."""
        ...

    def record_results(self, rows: Sequence[Row], results: Sequence[RowResult], *, plain: bool = False) -> None:
        """Record the rows' ends, and pass their results on; *plain*: all are successes at the first attempt."""
        ...

    def record_facts(self, facts: dict[str, Any]) -> None:
        """Record facts about the run that the next one should know."""
        ...

    async def drain(self) -> None:
        """Return when all results that were recorded have been passed on."""
        ...

    async def close(self, facts: dict[str, Any]) -> None:
        """Record the last facts, and return when all has been recorded."""
        ...


def insert_repeat(rows: deque[Row], row: Row) -> None:
    """Put a repeat behind the others, and before new rows: in an outage each trial has to be another row's."""
    rows.insert(next((n for n, other in enumerate(rows) if not other.begun), len(rows)), row)


def insert_rows(rows: deque[Row], others: Sequence[Row]) -> None:
    """Add rows, of which repeats come first."""
    for n, row in enumerate(others):
        if not row.begun:
            rows.extend(others[n:])
            return
        insert_repeat(rows, row)


class MemoryJournal:
    """Passes results on, and keeps nothing."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = {}
        self.earlier: Earlier | None = None
        self.ready: deque[Row] = deque()
        self.queue: deque[Row] = deque()  # always empty: nothing has to be recorded
        self.arriving = 0

    def begin(
        self,
        deliver: Deliver,
        woken: Callable[[int], None],
        failed: Callable[[AirmeetError], None],  # noqa: ARG002 - as `Journal` has it
        may_begin: Callable[[], int],  # noqa: ARG002
    ) -> None:
        """Take the function that passes results on."""
        self._deliver = deliver
        self._woken = woken

    def admit(self, rows: Sequence[Row]) -> None:
        """Let rows go at once."""
        self.ready.extend(rows)
        self._woken(len(rows))

    def admit_repeat(self, row: Row) -> None:
        """Let it go at once."""
        insert_repeat(self.ready, row)
        self._woken(1)

    async def clear(self) -> None:
        """Do nothing: nothing is in the queue."""

    def withdraw(self) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing: whoever takes rows knows."""

    def record_retry(self, row: Row) -> None:
        """Do nothing."""

    def record_results(self, rows: Sequence[Row], results: Sequence[RowResult], *, plain: bool = False) -> None:  # noqa: ARG002
        """Pass the results on."""
        self._deliver(results, plain=plain)

    def record_facts(self, facts: dict[str, Any]) -> None:
        """Do nothing."""

    async def drain(self) -> None:
        """Do nothing."""

    async def close(self, facts: dict[str, Any]) -> None:
        """Do nothing."""
