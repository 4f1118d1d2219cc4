"""Opening a journal for a run, and reading its input into it: whole before the first row is sent, or as rows arrive."""

import asyncio
import os
import secrets
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from attrs import frozen

from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.input.operations import BulkOperation, InvalidRow, PreparedRow
from airmeet_async.bulk.input.row_preparer import fetch_and_prepare, prepare_row
from airmeet_async.bulk.input.sources import read_batches
from airmeet_async.bulk.journal.recorded_rows import prepare_recorded_row, recorded_row
from airmeet_async.bulk.journal.row_encoding import (
    CallDecoder,
    digest_call,
    encodable,
    encode_call,
    encode_data,
    encode_note,
)
from airmeet_async.bulk.journal.schema import NewRow
from airmeet_async.bulk.journal.sqlite_journal import SqliteJournal
from airmeet_async.bulk.report import RowError, RowResult
from airmeet_async.bulk.run_to_completion import run_to_completion
from airmeet_async.errors import JournalError
from airmeet_async.tables import SourceRow, Table

_BATCH = 1000  # rows per transaction

_MEANINGS = {"operation": "does", "airmeet_id": "is for event", "base": "is for", "options": "was started with"}


@frozen
class RunIdentity:
    """What a run does, to which event, where. It may be resumed only as the same.

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
        return {name: getattr(self, name) for name in _MEANINGS}


async def open_journal(
    path: str | os.PathLike[str], results: ResultQueue, identity: RunIdentity | None, base: str
) -> SqliteJournal:
    """Open a journal and begin a run in it.

    Args:
        path: The file; made if it is not there and *identity* is known.
        results: Where results go.
        identity: What the run does; None goes on with what is there.
        base: The client's address.

    Raises:
        JournalError: It cannot be used, a run has it, or it belongs to another run.
    """
    place = Path(path)
    if not place.name:
        raise JournalError(f"{str(path)!r} is not a file name; use one such as launch.job")
    if identity is None and not await anyio.to_thread.run_sync(place.exists):
        raise JournalError(f"{place}: there is no such run; check the path")
    journal = SqliteJournal(place, results)
    await journal.open()
    try:
        journal.facts = await journal.call(journal.writer.facts)
        known = journal.facts.get("about")
        if identity is None:
            _check_resumable(place, journal.facts, base)
        elif known is None:
            facts = {"about": identity.as_dict(), "created": time.time(), "job": secrets.token_hex(4)}
            await journal.call(journal.writer.write_facts, facts)
            journal.facts = facts
        else:
            _check_identity(place, known, identity.as_dict())
        await journal.call(journal.writer.begin_run)
    except BaseException:
        await run_to_completion(journal.close({}))
        raise
    return journal


def _check_resumable(path: Path, facts: dict[str, Any], base: str) -> None:
    known = facts.get("about")
    if known is None or not facts.get("gen") or facts["gen"] != facts.get("begun"):
        raise JournalError(f"{path}: its input was not read completely; run it again with the input. Nothing was sent")
    _check_identity(path, known, {**known, "base": base})


def _check_identity(path: Path, known: dict[str, Any], now: dict[str, Any]) -> None:
    for name, meaning in _MEANINGS.items():
        if known[name] != now[name]:
            message = f"{path}: this run {meaning} {_shown(known[name])}, not {_shown(now[name])}"
            raise JournalError(f"{message}; use the same again, or start another run with a new file")


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={value}" for name, value in value.items()) or "no options"
    return str(value) or "none"


async def read_input(
    journal: SqliteJournal, rows: Table | Sequence[Any], operation: BulkOperation, fingerprint: dict[str, Any] | None
) -> None:
    """Read an input whole into the journal; one that is there already, unchanged, is not read again.

    Args:
        journal: Where to.
        rows: The input.
        operation: Makes a call of each row.
        fingerprint: What tells this input, read in this way, from others; None where nothing does.

    Raises:
        InputError: The input cannot be read.
        JournalError: The journal cannot be written.
    """
    if fingerprint is not None and journal.facts.get("source") == fingerprint and not journal.facts.get("invalid"):
        return
    writer, counts, n = journal.writer, Counter[str](), 0
    await journal.call(writer.begin_input)
    batches = read_batches(rows, _BATCH)
    while batch := await anyio.to_thread.run_sync(next, batches, None):
        made = [
            prepare_row(operation, source.data) or await fetch_and_prepare(operation, source.data) for source in batch
        ]
        fresh = [_new_row(*pair) for pair in zip(batch, made, strict=True)]
        counts += await journal.call(writer.add, fresh)
        n += len(batch)
    await journal.call(partial(writer.end_input, source=fingerprint, rows=n, invalid=counts["invalid"]))
    journal.facts = await journal.call(writer.facts)
    journal.input_counts = counts


def _new_row(source: SourceRow, made: PreparedRow | InvalidRow) -> NewRow:
    row = NewRow(source.index, source.line, encode_data(source.data), key=encodable(made.key))
    if isinstance(made, InvalidRow):
        error = RowError(made.problem.code, made.problem.message)
        row.status, row.note = "invalid", encode_note(error, (), key=row.key)
        return row
    row.call, row.identity = encode_call(made.call), encodable(made.identity)
    row.digest, row.note = digest_call(row.call), encode_note(None, made.warnings)
    return row


class ArrivingRowPreparer:
    """Prepares rows of a source that cannot be read ahead: each goes into the journal as it comes.

    Args:
        journal: Where to.
        operation: Makes a call of each row.
        accept_stale: Send again also what was sent long ago without a clear answer.
    """

    prepares_all = True

    def __init__(self, journal: SqliteJournal, operation: BulkOperation, *, accept_stale: bool) -> None:
        self._journal = journal
        self._operation = operation
        self._accept_stale = accept_stale
        self._decoder = CallDecoder()
        self._in_order = asyncio.Lock()  # of equal rows the first one counts, also where its call takes longer to make

    def prepare_now(self, source: SourceRow) -> None:
        """Return None: it takes a transaction."""

    async def prepare(self, source: SourceRow) -> PreparedRow | RowResult:
        async with self._in_order:
            made = await fetch_and_prepare(self._operation, source.data)
        record = await self._journal.add_row(_new_row(source, made))
        row = recorded_row(record, source.data)
        return prepare_recorded_row(row, self._decoder, time.time(), accept_stale=self._accept_stale)
