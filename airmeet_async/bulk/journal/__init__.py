"""The journal of a bulk run: one SQLite file that knows, at any instant, what has become of each row.

The promise:

1. Each input row is in the journal before it is sent, and its intent is on the disk before the first byte leaves.
2. After a crash of the process at any instant, and after a loss of power if the disk honours fsync, a resumed run ends
   with exactly one result per input row.
3. A row is sent again only if an earlier send has no recorded result, or was answered with an error that may be tried
   again; per crash these are at most as many rows as were under way.
4. Not promised: exactly-once delivery.

- `schema`: the tables, and the states of a row.
- `row_encoding`: calls, input rows and results as text.
- `locking`: making, opening and locking the file.
- `writer`: what is done to the tables, in the journal's one thread. Duplicates are found here, by `identity`.
- `sqlite_journal`: the same for the event loop, written in groups. `record_intent` is where a row's intent is written.
- `loading`: an input is read into the journal, whole or row by row.
- `recorded_rows`: rows come out of the journal, to be sent or with the result that they have already.
- `queries`: a view of a journal from outside.

`MemoryJournal` below is for runs that keep none.
"""

from collections.abc import Awaitable
from typing import Any, Protocol

from attrs import frozen

from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.execution.row import Row
from airmeet_async.bulk.report import RowResult


@frozen
class Earlier:
    """What a journal knew when a run began.

    Attributes:
        settled: Rows that have ended already, or never go out.
        unclear: Rows that were sent without a clear answer.
        changed: Rows that were done, and have changed in the input since; Airmeet does not update them.
        updated: Rows that were not done, and have changed in the input since.
        new: Rows that were not in the input before.
    """

    settled: int = 0
    unclear: int = 0
    changed: int = 0
    updated: int = 0
    new: int = 0


class Journal(Protocol):
    """Records each row's progress, and passes its result on: in memory, or in a file that survives a crash.

    Attributes:
        facts: What is known of the whole run.
        earlier: What was known when this run began; None without a file, and for the first run.
    """

    facts: dict[str, Any]
    earlier: Earlier | None

    def record_intent(self, row: Row) -> Awaitable[None] | None:
        """Return what to wait for before the row's request may leave; None where it may leave at once."""
        ...

    def record_retry(self, row: Row) -> None:
        """Record that the row will be sent again."""
        ...

    def record_result(self, row: Row, result: RowResult) -> None:
        """Record the row's end, and pass its result on."""
        ...

    def record_facts(self, facts: dict[str, Any]) -> None:
        """Record facts about the run that the next one should know."""
        ...

    async def close(self, facts: dict[str, Any]) -> None:
        """Record the last facts, and return when all has been recorded."""
        ...


class MemoryJournal:
    """Passes results on, and keeps nothing."""

    def __init__(self, results: ResultQueue) -> None:
        self.facts: dict[str, Any] = {}
        self.earlier: Earlier | None = None
        self._results = results

    def record_intent(self, row: Row) -> None:
        """Let the request leave at once."""

    def record_retry(self, row: Row) -> None:
        """Do nothing."""

    def record_result(self, row: Row, result: RowResult) -> None:  # noqa: ARG002 - as `Journal` has it
        """Pass the result on."""
        self._results.put(result)

    def record_facts(self, facts: dict[str, Any]) -> None:
        """Do nothing."""

    async def close(self, facts: dict[str, Any]) -> None:
        """Do nothing."""
