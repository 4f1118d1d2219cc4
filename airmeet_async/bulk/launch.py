"""From what was asked to an engine that can run: with a journal or without, from an input or from what is left."""

import time
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence, Sized
from functools import partial
from typing import Any, Literal, get_args

import anyio.to_thread
from attrs import evolve, field, frozen

from airmeet_async.bulk.asked import JobOptions, engine_options, job_rate
from airmeet_async.bulk.books import NoBooks
from airmeet_async.bulk.engine import Engine
from airmeet_async.bulk.feed import READ_AHEAD, Feed, OpenRows
from airmeet_async.bulk.intake import Admission, Intake
from airmeet_async.bulk.journal.journal import Journal
from airmeet_async.bulk.journal.spool import About, ArrivingIntake, KeptIntake, KeptRows, fill, open_journal
from airmeet_async.bulk.once import to_its_end
from airmeet_async.bulk.outbox import Outbox
from airmeet_async.bulk.recipes import Recipe
from airmeet_async.bulk.table_text import content_digest
from airmeet_async.bulk.tables import Table
from airmeet_async.client.client import Client
from airmeet_async.client.pace import Pace
from airmeet_async.errors import ConfigError

Again = Literal["failed", "rejected", "unknown", "invites"]
"""Rows that a retry sends once more."""


def check_again(names: Iterable[Again]) -> frozenset[Again]:
    """Return the names.

    Raises:
        ConfigError: One is none of them.
    """
    found: frozenset[Again] = frozenset((names,)) if isinstance(names, str) else frozenset(names)  # type: ignore[arg-type]
    if unknown := found - frozenset(get_args(Again)):
        message = f"again knows {', '.join(get_args(Again))}, not {', '.join(map(repr, sorted(unknown)))}"
        raise ConfigError(message)
    return found


@frozen(kw_only=True)
class Purpose:
    """What a bulk operation is about.

    Attributes:
        operation: Such as ``attendees.add``.
        airmeet_id: The event, or nothing.
        options: What changes the meaning of a row.
        reading: What changes how a row is read; None where nobody can tell, such as for a function of the caller's.
    """

    operation: str
    airmeet_id: str = ""
    options: Mapping[str, Any] = field(factory=dict)
    reading: Mapping[str, Any] | None = field(factory=dict)


class Launch:
    """Makes the engine of one job.

    Args:
        client: Who sends.
        asked: How the caller wants it.
        purpose: What it is about; None goes on with what the journal says.
        again: Rows that ended, and are to be sent once more.

    Raises:
        ConfigError: An option cannot be used.
    """

    def __init__(
        self, client: Client, asked: JobOptions, purpose: Purpose | None, again: frozenset[Again] = frozenset()
    ) -> None:
        self._client = client
        self._asked = asked
        self._purpose = purpose
        self._again = again
        invites: Any = purpose.options.get("invites", "at_most_once") if purpose else "at_most_once"
        self._options = engine_options(asked, client.options.max_in_flight, invites)
        Pace(job_rate(asked, client.pace.rate), self._options.max_in_flight)  # finds fault now, not at the start

    async def engine(self, source: OpenRows | None, recipe: Recipe | None, outbox: Outbox) -> Engine:
        """Return an engine that is ready to run, and closes the journal when it has.

        Raises:
            InputError: The input cannot be read; nothing was sent.
            JournalError: The journal cannot be used; nothing was sent.
        """
        path = self._asked.get("journal")
        if path is None:
            assert source is not None  # noqa: S101 - for the type checker: without a journal there is an input
            assert recipe is not None  # noqa: S101 - the same
            return self._put_together(Feed(source), Intake(recipe), NoBooks(outbox), outbox)
        journal = await open_journal(path, outbox, self._about(), str(self._client.options.base))
        try:
            feed, intake = await self._journaled(journal, source, recipe)
            return self._put_together(feed, intake, journal, outbox)
        except BaseException:
            await to_its_end(journal.close({}))
            raise

    async def _journaled(
        self, journal: Journal, source: OpenRows | None, recipe: Recipe | None
    ) -> tuple[Feed, Admission]:
        stale = self._asked.get("accept_stale", False)
        if (note := self._asked.get("note")) is not None:
            await journal.call(partial(journal.store.note, note=dict(note)))
        if source is not None and recipe is not None:
            if isinstance(source, Sized) and not isinstance(source, (Table, Sequence, AsyncIterable)):
                source = list(source)
            if not isinstance(source, (Table, Sequence)):
                await journal.arriving()
                return Feed(source), ArrivingIntake(journal, recipe, accept_stale=stale)
            await fill(journal, source, recipe, await self._stamp(source))
        if self._again:
            await journal.call(journal.store.reopen, self._again, time.time())
        await journal.look_back()
        originals = () if isinstance(source, Table) or source is None else source
        return Feed(KeptRows(journal, originals), READ_AHEAD), KeptIntake(accept_stale=stale)  # type: ignore[arg-type]

    def _put_together(self, feed: Feed, intake: Admission, books: Journal | NoBooks, outbox: Outbox) -> Engine:
        client, options = self._client, self._options
        facts = books.facts
        if self._purpose is None:
            options = evolve(options, invites=facts["about"]["options"].get("invites", options.invites))
        rate = job_rate(self._asked, client.pace.rate, facts.get("rate"))
        pace = Pace(rate, options.max_in_flight, parent=client.pace)
        return Engine(client, intake, feed, pace=pace, outbox=outbox, books=books, options=options)

    def _about(self) -> About | None:
        if self._purpose is None:
            return None
        purpose = self._purpose
        return About(purpose.operation, purpose.airmeet_id, str(self._client.options.base), dict(purpose.options))

    async def _stamp(self, source: OpenRows) -> dict[str, Any] | None:
        """Return what tells this file, read in this way, from others; None for what is no file."""
        if not isinstance(source, Table) or not source.is_file:
            return None
        if self._purpose is None or self._purpose.reading is None:
            return None
        digest = await anyio.to_thread.run_sync(content_digest, source.path)
        reading = {name: value for name, value in self._purpose.reading.items() if value} | dict(source.reading)
        return {"sha256": digest, "rows": source.rows,
                "header": list(source.header), "reading": reading}  # fmt: skip
