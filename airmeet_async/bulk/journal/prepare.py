"""An input in the journal: read whole before the first row is sent, or row by row as it arrives; and out again."""

import asyncio
import os
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import anyio.to_thread
from attrs import frozen

from airmeet_async.bulk.async_tools import to_its_end
from airmeet_async.bulk.execution.result_queue import Outbox
from airmeet_async.bulk.input.operations import Flawed, Ready, Recipe
from airmeet_async.bulk.input.prepare import make, make_surely
from airmeet_async.bulk.journal.row_encoding import (
    KeptRow,
    Reader,
    admitted,
    call_text,
    data_text,
    digest,
    note_text,
    source_of,
    storable,
)
from airmeet_async.bulk.journal.schema import NewRow
from airmeet_async.bulk.journal.sqlite import Journal
from airmeet_async.bulk.report import RowError, RowResult
from airmeet_async.bulk.tables import SourceRow, Table
from airmeet_async.errors import JournalError

_AT_ONCE = 1000

_MEANINGS = {"operation": "does", "airmeet_id": "is for event", "base": "is for", "options": "was begun with"}


@frozen
class About:
    """What a run is about. It may be resumed only as the same.

    Attributes:
        operation: Such as ``attendees.add``.
        airmeet_id: The event, or nothing.
        base: The address.
        options: What changes the meaning of a row.
    """

    operation: str
    airmeet_id: str
    base: str
    options: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return it as the journal keeps it."""
        return {name: getattr(self, name) for name in _MEANINGS}


async def open_journal(path: str | os.PathLike[str], outbox: Outbox, about: About | None, base: str) -> Journal:
    """Open a journal and begin a run in it.

    Args:
        path: The file; made if it is not there and it is known what it is to be about.
        outbox: Where results go.
        about: What the run is about; None goes on with what is there.
        base: The client's address.

    Raises:
        JournalError: It cannot be used, a run has it, or it is about something else.
    """
    place = Path(path)
    if not place.name:
        raise JournalError(f"{str(path)!r} is no name for a journal; write one such as launch.job")
    if about is None and not await anyio.to_thread.run_sync(place.exists):
        raise JournalError(f"{place}: there is no such journal; check the path")
    journal = Journal(place, outbox)
    await journal.open()
    try:
        journal.facts = await journal.call(journal.store.facts)
        known = journal.facts.get("about")
        if about is None:
            _compare_base(place, journal.facts, base)
        elif known is None:
            facts = {"about": about.as_dict(), "created": time.time(), "job": secrets.token_hex(4)}
            await journal.call(partial(journal.store.note, **facts))
            journal.facts = facts
        else:
            _compare(place, known, about.as_dict())
        await journal.call(journal.store.begin_run)
    except BaseException:
        await to_its_end(journal.close({}))
        raise
    return journal


def _compare_base(path: Path, facts: dict[str, Any], base: str) -> None:
    known = facts.get("about")
    if known is None or not facts.get("gen") or facts["gen"] != facts.get("begun"):
        raise JournalError(f"{path}: its input was not read to its end; run it again with the input. Nothing was sent")
    _compare(path, known, {**known, "base": base})


def _compare(path: Path, known: dict[str, Any], now: dict[str, Any]) -> None:
    for name, meaning in _MEANINGS.items():
        if known[name] != now[name]:
            message = f"{path}: this journal {meaning} {_shown(known[name])}, and now it is {_shown(now[name])}"
            raise JournalError(f"{message}; say the same again, or begin with another journal")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={value}" for name, value in value.items()) or "no options"
    return str(value) or "none"


async def fill(journal: Journal, rows: Table | Sequence[Any], recipe: Recipe, stamp: dict[str, Any] | None) -> None:
    """Read an input whole into the journal; one that is there already, unchanged, is not read again.

    Args:
        journal: Where to.
        rows: The input.
        recipe: Makes a call of each row.
        stamp: What tells this input, read in this way, from others; None where nothing does.

    Raises:
        InputError: The input cannot be read.
        JournalError: The journal cannot be written.
    """
    if stamp is not None and journal.facts.get("source") == stamp and not journal.facts.get("invalid"):
        return
    store, counts, n = journal.store, Counter[str](), 0
    await journal.call(store.begin_input)
    async for batch in _batches(rows):
        made = [make(recipe, source.data) or await make_surely(recipe, source.data) for source in batch]
        fresh = [_new_row(*pair) for pair in zip(batch, made, strict=True)]
        counts += await journal.call(store.add, fresh)
        n += len(batch)
    await journal.call(partial(store.end_input, source=stamp, rows=n, invalid=counts["invalid"]))
    journal.facts = await journal.call(store.facts)
    journal.read = counts


async def _batches(rows: Table | Sequence[Any]) -> AsyncIterator[list[SourceRow]]:
    batches = rows.batches(_AT_ONCE) if isinstance(rows, Table) else _slices(rows)
    while batch := await anyio.to_thread.run_sync(next, batches, None):
        yield batch


def _slices(rows: Sequence[Any]) -> Iterator[list[SourceRow]]:
    numbered = (SourceRow(index, None, data) for index, data in enumerate(rows))
    while batch := list(islice(numbered, _AT_ONCE)):
        yield batch


def _new_row(source: SourceRow, made: Ready | Flawed) -> NewRow:
    row = NewRow(source.index, source.line, data_text(source.data), key=storable(made.key))
    if isinstance(made, Flawed):
        error = RowError(made.problem.code, made.problem.message)
        row.status, row.note = "invalid", note_text(error, (), key=row.key)
        return row
    row.call, row.identity = call_text(made.call), storable(made.identity)
    row.digest, row.note = digest(row.call), note_text(None, made.warnings)
    return row


class KeptRows:
    """The rows of a journal: first those for which something is left to do, then the others.

    Args:
        journal: Where from.
        originals: What the caller gave, where it is still at hand.
    """

    def __init__(self, journal: Journal, originals: Sequence[Any] = ()) -> None:
        self._journal = journal
        self._originals = originals

    def __len__(self) -> int:
        n: int = self._journal.facts["rows"]
        return n

    async def __aiter__(self) -> AsyncIterator[KeptRow]:
        store = self._journal.store
        for read in (store.open_rows, store.settled_rows):
            after = -1
            while batch := await self._journal.call(read, after, _AT_ONCE):
                for kept in batch:
                    yield source_of(kept, self._originals[kept.index] if self._originals else None)
                after = batch[-1].index


class KeptIntake:
    """The door of a run whose rows are in the journal already.

    Args:
        accept_stale: Send again also what was sent long ago without a clear answer.
    """

    keeps = False

    def __init__(self, *, accept_stale: bool) -> None:
        self._accept_stale = accept_stale
        self._reader = Reader()

    async def admit(self, source: SourceRow) -> Ready | RowResult:
        """Do the same."""
        return self.at_once(source)

    def at_once(self, source: SourceRow) -> Ready | RowResult:
        """Return the row ready to be sent, or its result."""
        assert isinstance(source, KeptRow)  # noqa: S101 - for the type checker; `KeptRows` gives no others
        return admitted(source, self._reader, time.time(), accept_stale=self._accept_stale)


class ArrivingIntake:
    """The door of a run whose source cannot be read ahead: each row goes into the journal as it comes.

    Args:
        journal: Where to.
        recipe: Makes a call of each row.
        accept_stale: Send again also what was sent long ago without a clear answer.
    """

    keeps = True

    def __init__(self, journal: Journal, recipe: Recipe, *, accept_stale: bool) -> None:
        self._journal = journal
        self._recipe = recipe
        self._accept_stale = accept_stale
        self._reader = Reader()
        self._in_turn = asyncio.Lock()  # of equal rows the first one counts, also where a recipe has to ask first

    def at_once(self, source: SourceRow) -> None:
        """Return nothing: it takes a transaction."""

    async def admit(self, source: SourceRow) -> Ready | RowResult:
        """Return the row ready to be sent, or its result."""
        async with self._in_turn:
            made = await make_surely(self._recipe, source.data)
        kept = await self._journal.register(_new_row(source, made))
        return admitted(source_of(kept, source.data), self._reader, time.time(), accept_stale=self._accept_stale)
