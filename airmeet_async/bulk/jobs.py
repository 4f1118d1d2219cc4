"""What all bulk operations have in common: a job, and going on with one."""

import os
from collections.abc import Awaitable, Callable, Iterable
from inspect import isawaitable
from typing import Unpack

from airmeet_async.bulk.asked import JobOptions, RunOptions
from airmeet_async.bulk.engine import Engine
from airmeet_async.bulk.feed import OpenRows, Rows, open_rows
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.launch import Again, Launch, Purpose, check_again
from airmeet_async.bulk.outbox import Outbox
from airmeet_async.bulk.recipes import Recipe
from airmeet_async.client.client import Client


class Jobs:
    """Makes jobs, and goes on with those of a journal."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def resume(self, journal: str | os.PathLike[str], **options: Unpack[RunOptions]) -> BulkJob:
        """Go on with a journal: what is left to do is done, and every row has its result.

        Rows that succeeded in an earlier run are SKIPPED, with their entry link; those that were refused or failed
        keep that result. Invitations go on as they were begun.

        Args:
            journal: The file.
            **options: See `RunOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            JournalError: The journal cannot be used, or its run goes on somewhere else; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        asked: JobOptions = {"journal": journal, "note": None, "sheet": None, **options}
        return self._job(None, None, asked, None)

    def retry(
        self, journal: str | os.PathLike[str], *, again: Iterable[Again] = ("failed",), **options: Unpack[RunOptions]
    ) -> BulkJob:
        """Go on with a journal, and send once more what has ended badly.

        Args:
            journal: The file.
            again: Which rows: ``failed`` (attempts spent), ``rejected`` (Airmeet said no), ``unknown`` (sent without
                a clear answer, by an operation that may not be repeated: it may then be done twice), ``invites``
                (succeeded, but nobody knows whether the invitation was mailed: it may then be mailed twice).
            **options: See `RunOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            JournalError: The journal cannot be used, or its run goes on somewhere else; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        asked: JobOptions = {"journal": journal, "note": None, "sheet": None, **options}
        return self._job(None, None, asked, None, check_again(again))

    def _job(
        self,
        rows: Rows | None,
        recipe: Callable[[OpenRows], Recipe | Awaitable[Recipe]] | None,
        asked: JobOptions,
        purpose: Purpose | None,
        again: frozenset[Again] = frozenset(),
    ) -> BulkJob:
        launch = Launch(self._client, asked, purpose, again)

        async def make_engine(outbox: Outbox) -> Engine:
            if recipe is None:
                return await launch.engine(None, None, outbox)
            source = await open_rows(rows, asked.get("sheet"))  # type: ignore[arg-type]
            made = recipe(source)
            return await launch.engine(source, await made if isawaitable(made) else made, outbox)

        return BulkJob(make_engine)
