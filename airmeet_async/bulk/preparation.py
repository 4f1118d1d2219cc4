"""`JobPreparation`: how a job takes in its input, and how its engine is made.

1. A file, a data frame and any input of a job that is asked for its plan are taken in whole, before the first row is
   sent: into the job's journal, or into one without a name that is gone with the process.
2. A list that is in the journal already, and is read in the same way, is not read again.
3. Other sources without a journal are read while they are sent; those that may have no end with a journal, too, each
   row being recorded as it comes.
4. What is known of the event is asked for once, in `BulkOperation.fetch`.
"""

import os
import secrets
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterator, Sequence, Sized
from itertools import islice
from pathlib import Path
from typing import Any

import anyio.to_thread
from attrs import evolve, frozen

from airmeet_async.bulk.execution.engine import Engine
from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.execution.row_feed import RecordedFeed, RowFeed, SourceFeed
from airmeet_async.bulk.input.operations import BulkOperation
from airmeet_async.bulk.input.sources import OpenedRows, RowSource
from airmeet_async.bulk.journal import Journal, MemoryJournal
from airmeet_async.bulk.journal.row_encoding import encode_template
from airmeet_async.bulk.journal.sqlite_journal import SqliteJournal
from airmeet_async.bulk.options import EngineOptions, JobOptions, run_rate
from airmeet_async.bulk.run_to_completion import run_to_completion
from airmeet_async.client.client import Client
from airmeet_async.client.rate_limiter import Pace
from airmeet_async.errors import ConfigError, JournalError
from airmeet_async.tables import Table

_ROWS_AT_ONCE = 1000  # that are prepared and recorded in one step of the journal's thread
_FOREIGN_ROWS_AT_ONCE = 64  # of these, in one step of the event loop

_MEANINGS = {"operation": "does", "airmeet_id": "is for event", "base": "is for"}


@frozen
class RunIdentity:
    """What a run does, to which event, where: a journal is about one of these.

    Attributes:
        operation: Such as ``attendees.add``.
        airmeet_id: The event, or nothing.
        base: The address.
        options: What changes the meaning of a row; lists of one journal may differ in these.
    """

    operation: str
    airmeet_id: str
    base: str
    options: dict[str, Any]


@frozen
class LoadedInput:
    """An opened input, and what is made of its rows.

    Attributes:
        rows: The input.
        operation: Makes a call of each row.
        reading: How it is read, beyond what the file says by itself; None where that cannot be told.
    """

    rows: OpenedRows
    operation: BulkOperation
    reading: dict[str, Any] | None = None


class JobPreparation:
    """Takes in the input of a job.

    Args:
        client: Sends the rows.
        load: Opens the input; None goes on with what is in the journal.
        identity: What the run does; None where the journal says it.
        given: The caller's options.
        options: The same, checked.
        again: Rows that ended, and are to be sent once more.
        progress: Called with the number of rows that have been taken in, now and then.
    """

    def __init__(
        self,
        client: Client,
        load: Callable[[], Awaitable[LoadedInput]] | None,
        identity: RunIdentity | None,
        given: JobOptions,
        options: EngineOptions,
        again: frozenset[str] = frozenset(),
    ) -> None:
        self._client = client
        self._load = load
        self._identity = identity
        self._given = given
        self._options = options
        self._again = again
        self.progress: Callable[[int], None] = lambda _: None
        # What has been taken in: the input, its number in the journal, and a journal without a name, which stays open.
        self.input: LoadedInput | None = None
        self._list = 0
        self._nameless: SqliteJournal | None = None

    async def take_in(self) -> SqliteJournal:
        """Read the whole input into the journal, and return it, still open.

        Raises:
            ConfigError: The input can be read only once.
        """
        journal = await self._open_journal()
        try:
            loaded = self.input = self.input or (await self._load() if self._load else None)
            if loaded is not None:
                if isinstance(loaded.rows, AsyncIterable) or not isinstance(loaded.rows, (Table, Sized)):
                    raise ConfigError(
                        "a plan reads all rows, and an iterator can be read only once; pass a list or a file"
                    )
                self._list = await self._record_list(journal, loaded)
        except BaseException:
            await run_to_completion(journal.close({}))
            raise
        return journal

    async def start(self, results: ResultQueue) -> Engine:
        """Return the engine of the job; its journal is open."""
        if self._load is not None and self.input is None:
            self.input = await self._load()
        loaded = self.input
        needs_file = loaded is None or isinstance(loaded.rows, Table) or self._nameless is not None
        if self._given.get("journal") is None and not needs_file and loaded is not None:
            return self._engine(SourceFeed(RowSource(loaded.rows), loaded.operation), MemoryJournal(), results)
        journal = self._nameless or await self._open_journal()
        try:
            if loaded is not None and not isinstance(loaded.rows, (Table, Sized)):  # it may have no end
                return await self._arriving(journal, loaded, results)
            ...
        except BaseException:
            await run_to_completion(journal.close({}))
            raise
