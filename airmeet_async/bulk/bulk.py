"""``client.bulk``: the bulk operations, and how a run of one is put together."""

import os
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence, Sized
from functools import partial
from inspect import isawaitable
from typing import Any, Literal, Unpack, get_args

import anyio.to_thread
from attrs import evolve

from airmeet_async import calls
from airmeet_async.bulk.cancellation import run_to_completion
from airmeet_async.bulk.execution.engine import Engine
from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.input.column_names import PresetName, choose
from airmeet_async.bulk.input.columns import Reading
from airmeet_async.bulk.input.operations import (
    BulkOperation,
    CreateItems,
    CustomOperation,
    SpeakerCheck,
    add_attendees,
    change_access,
    check_header,
    fetch_once,
    fetch_registration_fields,
)
from airmeet_async.bulk.input.plan import BulkPlan, make_plan
from airmeet_async.bulk.input.prepare import RowPreparer, UniqueRowPreparer
from airmeet_async.bulk.input.row_mapping import BOOTHS, SESSIONS, SPEAKERS
from airmeet_async.bulk.input.sources import READ_AHEAD, OpenedRows, Rows, RowSource, open_rows
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal import Journal
from airmeet_async.bulk.journal.memory import MemoryJournal
from airmeet_async.bulk.journal.prepare import ArrivingRowPreparer, RunIdentity, open_journal, read_input
from airmeet_async.bulk.journal.recorded_rows import RecordedRowPreparer, RecordedRows
from airmeet_async.bulk.journal.sqlite import SqliteJournal
from airmeet_async.bulk.options import DEFAULT_RATE, Invites, JobOptions, RunOptions, engine_options, run_rate
from airmeet_async.bulk.table_text import content_digest
from airmeet_async.bulk.tables import Table
from airmeet_async.client.client import Client
from airmeet_async.client.rate_limiter import Pace
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.validation import fold

__all__ = ["DEFAULT_RATE", "Bulk"]

Again = Literal["failed", "rejected", "unknown", "invites"]
"""Rows that a retry sends once more."""

_PLAIN_READING = Reading()

MakeOperation = Callable[[OpenedRows], BulkOperation | Awaitable[BulkOperation]]


class Bulk:
    """Bulk operations: rows in, one `RowResult` per row out.

    All take the arguments of `JobOptions`, too: ``rate``, ``max_in_flight``, ``journal``, ``sheet``,
    ``accept_stale``, ``deadline`` and ``max_failures``.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def add_attendees(
        self,
        airmeet_id: str,
        rows: Rows,
        *,
        send_email_invite: bool,
        register_attendee: bool = False,
        invites: Invites = "at_most_once",
        columns: Mapping[str, str] | None = None,
        preset: PresetName | None = None,
        split_name: bool = False,
        **options: Unpack[JobOptions],
    ) -> BulkJob:
        """Add everybody in *rows* to an event.

        Each row is checked first (mandatory fields, address, attendance type, registration fields); one that is wrong
        is INVALID and not sent. Of rows with the same address, ASCII case aside, the first is sent.

        Args:
            airmeet_id: The event's id.
            rows: `Attendee` values or mappings, from any iterable or async iterable; a data frame; or the path of a
                CSV, JSON lines, Excel or Parquet file.
            send_email_invite: Whether Airmeet mails each person the calendar entry and the link. It has no default
                here, since Airmeet's own is yes (A), and a list that is run twice would be mailed twice.
            register_attendee: True uses up one registration of the plan per person (A).
            invites: ``at_most_once``: a row whose outcome was unclear is sent again without asking for the mail, and
                is listed with ``invite=UNVERIFIED``. ``at_least_once``: it asks again, so somebody may get two.
            columns: Field to column name, where the names alone do not tell; ``custom:LABEL`` names a registration
                field of the event. A column of a file that is called like one is that field anyway.
            preset: The tool whose export *rows* are; by default that is told by unmistakable columns. ``none``: no
                tool's. Rows whose status says that somebody does not come are INVALID (``not_attending``).
            split_name: Split a column of whole names where first and last name are not given. It is a guess: see
                `plan`.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        check_id(airmeet_id, "airmeet_id")
        flags = {"registerAttendee": register_attendee, "sendEmailInvite": send_email_invite}
        reading = _reading(columns, preset, split_name=split_name)
        identity = self._identity("attendees.add", airmeet_id, **flags, invites=invites)
        fetch_fields = fetch_once(partial(fetch_registration_fields, self._client, airmeet_id))
        return self._job(
            rows,
            lambda source: add_attendees(airmeet_id, flags, reading, source, fetch_fields),
            options,
            identity,
            reading=reading,
            invites=invites,
        )

    async def plan(
        self,
        airmeet_id: str,
        rows: Rows,
        *,
        send_email_invite: bool = False,
        register_attendee: bool = False,
        columns: Mapping[str, str] | None = None,
        preset: PresetName | None = None,
        split_name: bool = False,
        rate: float | None = None,
    ) -> BulkPlan:
        """Say what `add_attendees` would do with the same arguments. The event is asked, and nothing is changed.

        Raises:
            ConfigError: An argument cannot be used, or *rows* is an iterator, which can be read only once.
            InputError: The file cannot be used, or names a registration field that the event does not have.
            AirmeetError: The event's registration fields cannot be had.
        """
        reading = _reading(columns, preset, split_name=split_name)
        source = await open_rows(rows)
        event_fields = await fetch_registration_fields(self._client, check_id(airmeet_id, "airmeet_id"))
        return await make_plan(
            source,
            reading,
            event_fields,
            airmeet_id=airmeet_id,
            invite=send_email_invite,
            register=register_attendee,
            rate=rate,
        )

    def block_attendees(
        self,
        airmeet_id: str,
        rows: Rows,
        *,
        columns: Mapping[str, str] | None = None,
        **options: Unpack[JobOptions],
    ) -> BulkJob:
        """Take the access to an event away from everybody in *rows* (help article, A).

        Args:
            airmeet_id: The event's id.
            rows: Addresses, `Attendee` values, mappings with an e-mail, or the path of a file.
            columns: ``email`` to the name of its column, where the names alone do not tell.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        build = partial(calls.block_attendee, check_id(airmeet_id, "airmeet_id"))
        identity, reading = self._identity("attendees.block", airmeet_id), Reading(overrides=columns or {})
        return self._job(rows, partial(change_access, build, columns or {}), options, identity, reading=reading)

    def unblock_attendees(
        self,
        airmeet_id: str,
        rows: Rows,
        *,
        columns: Mapping[str, str] | None = None,
        **options: Unpack[JobOptions],
    ) -> BulkJob:
        """Give the access to an event back to everybody in *rows* (help article, A).

        Args:
            airmeet_id: The event's id.
            rows: Addresses, `Attendee` values, mappings with an e-mail, or the path of a file.
            columns: ``email`` to the name of its column, where the names alone do not tell.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        build = partial(calls.unblock_attendee, check_id(airmeet_id, "airmeet_id"))
        identity, reading = self._identity("attendees.unblock", airmeet_id), Reading(overrides=columns or {})
        return self._job(rows, partial(change_access, build, columns or {}), options, identity, reading=reading)

    def add_speakers(self, airmeet_id: str, rows: Rows, **options: Unpack[JobOptions]) -> BulkJob:
        """Add everybody in *rows* as speakers of an event.

        A row whose outcome is unclear is UNKNOWN and is not sent again, since it is not documented what a second add
        does.

        Args:
            airmeet_id: The event's id.
            rows: `Speaker` values, mappings, or the path of a file with at least e-mail and name.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        build = partial(calls.add_speaker, check_id(airmeet_id, "airmeet_id"))
        identity = self._identity("speakers.add", airmeet_id)
        return self._job(rows, lambda source: CreateItems(check_header(SPEAKERS, source), build), options, identity)

    def create_sessions(
        self,
        airmeet_id: str,
        rows: Rows,
        *,
        timezone: str | None = None,
        **options: Unpack[JobOptions],
    ) -> BulkJob:
        """Create the sessions in *rows*. Their speakers must be in the event first (A): `add_speakers`.

        A session that names somebody who is not on the event's list is sent all the same, with a warning that names
        the address; Airmeet decides. A row whose outcome is unclear is UNKNOWN and is not sent again.

        Args:
            airmeet_id: The event's id.
            rows: `NewSession` values, mappings, or the path of a file with at least title, start and host e-mail.
            timezone: Zone of start times that name none, such as ``Europe/Paris``.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        build = partial(calls.create_session, check_id(airmeet_id, "airmeet_id"))

        async def fetch_people() -> frozenset[str]:
            return frozenset([fold(one.email) async for one in self._client.participants.list(airmeet_id)])

        check = SpeakerCheck(fetch_once(fetch_people))
        identity = self._identity("sessions.create", airmeet_id, timezone=timezone)
        return self._job(
            rows,
            lambda source: CreateItems(check_header(SESSIONS, source), build, timezone=timezone, speaker_check=check),
            options,
            identity,
        )

    def create_booths(self, airmeet_id: str, rows: Rows, **options: Unpack[JobOptions]) -> BulkJob:
        """Create the booths in *rows*. A row whose outcome is unclear is UNKNOWN and is not sent again.

        Args:
            airmeet_id: The event's id.
            rows: `NewBooth` values, mappings, or the path of a file with at least a name.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        build = partial(calls.create_booth, check_id(airmeet_id, "airmeet_id"))
        identity = self._identity("booths.create", airmeet_id)
        return self._job(rows, lambda source: CreateItems(check_header(BOOTHS, source), build), options, identity)

    def run(
        self,
        rows: Rows,
        build: Callable[[Any], Call[Any]],
        *,
        key: Callable[[Any], str] | None = None,
        **options: Unpack[JobOptions],
    ) -> BulkJob:
        """Send what *build* makes of each row: any operation in bulk.

        Args:
            rows: Anything iterable, a data frame, or the path of a file; of the last two, rows are mappings of texts.
            build: Returns the call for a row; if it raises, that row is INVALID.
            key: What makes a row unique; rows with the key of an earlier one are not sent. None: nothing does.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        identity = self._identity("custom", "")
        return self._job(rows, lambda _source: CustomOperation(build, key), options, identity, reading=None)

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
        given: JobOptions = {"journal": journal, "note": None, "sheet": None, **options}
        return self._job(None, None, given, None)

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
        given: JobOptions = {"journal": journal, "note": None, "sheet": None, **options}
        return self._job(None, None, given, None, again=check_again(again))

    def _identity(self, operation: str, airmeet_id: str, **options: Any) -> RunIdentity:
        return RunIdentity(operation, airmeet_id, str(self._client.options.base), options)

    def _job(
        self,
        rows: Rows | None,
        make_operation: MakeOperation | None,
        given: JobOptions,
        identity: RunIdentity | None,
        *,
        reading: Reading | None = _PLAIN_READING,
        invites: Invites = "at_most_once",
        again: frozenset[Again] = frozenset(),
    ) -> BulkJob:
        """Return a job.

        Args:
            rows: Its input; None goes on with that of the journal.
            make_operation: Makes the operation that fits the opened rows; None goes on with that of the journal.
            given: The caller's options.
            identity: What the run does; None goes on with what the journal says.
            reading: What changes how a row is read; None where that is not known, as with a function of the caller's.
            invites: Whether a mail may be asked for twice.
            again: Rows that ended, and are to be sent once more.

        Raises:
            ConfigError: An option cannot be used.
        """
        client = self._client
        options = engine_options(given, client.options.max_in_flight, invites)
        Pace(run_rate(given, client.pace.rate), options.max_in_flight)  # finds fault now, not at the start

        def engine(source: RowSource, preparer: RowPreparer, journal: Journal, results: ResultQueue) -> Engine:
            rate = run_rate(given, client.pace.rate, journal.facts.get("rate"))
            pace = Pace(rate, options.max_in_flight, parent=client.pace)
            kept = options
            if identity is None:  # invitations go on as they were begun
                kept = evolve(options, invites=journal.facts["about"]["options"].get("invites", options.invites))
            return Engine(client, preparer, source, pace=pace, results=results, journal=journal, options=kept)

        async def make_engine(results: ResultQueue) -> Engine:
            opened, operation = None, None
            if make_operation is not None:
                opened = await open_rows(rows, given.get("sheet"))  # type: ignore[arg-type]
                made = make_operation(opened)
                operation = await made if isawaitable(made) else made
            path = given.get("journal")
            if path is None:
                assert opened is not None  # noqa: S101 - for the type checker: without a journal there is an input
                assert operation is not None  # noqa: S101 - the same
                return engine(RowSource(opened), UniqueRowPreparer(operation), MemoryJournal(results), results)
            journal = await open_journal(path, results, identity, str(client.options.base))
            try:
                if (note := given.get("note")) is not None:
                    await journal.call(journal.writer.write_facts, {"note": dict(note)})
                source, preparer = await _journaled(
                    journal,
                    opened,
                    operation,
                    accept_stale=given.get("accept_stale", False),
                    reading=reading,
                    again=again,
                )
                return engine(source, preparer, journal, results)
            except BaseException:
                await run_to_completion(journal.close({}))
                raise

        return BulkJob(make_engine)


async def _journaled(
    journal: SqliteJournal,
    rows: OpenedRows | None,
    operation: BulkOperation | None,
    *,
    accept_stale: bool,
    reading: Reading | None,
    again: frozenset[Again],
) -> tuple[RowSource, RowPreparer]:
    """Read the rows into the journal, and return where they come out of it.

    A source that has an end is read whole before the first row is sent. Of another one each row is written down as it
    arrives.
    """
    if rows is not None and operation is not None:
        if isinstance(rows, Sized) and not isinstance(rows, (Table, Sequence, AsyncIterable)):
            rows = list(rows)
        if not isinstance(rows, (Table, Sequence)):
            await journal.begin_arriving_input()
            return RowSource(rows), ArrivingRowPreparer(journal, operation, accept_stale=accept_stale)
        fingerprint = None
        if isinstance(rows, Table) and rows.is_file and reading is not None:
            fingerprint = await _fingerprint(rows, reading)
        await read_input(journal, rows, operation, fingerprint)
    if again:
        await journal.call(journal.writer.reopen, again, time.time())
    await journal.count_earlier()
    originals = () if isinstance(rows, Table) or rows is None else rows
    return RowSource(RecordedRows(journal, originals), READ_AHEAD), RecordedRowPreparer(accept_stale=accept_stale)  # type: ignore[arg-type]


async def _fingerprint(table: Table, reading: Reading) -> dict[str, Any]:
    """Return what tells this file, read in this way, from others."""
    digest = await anyio.to_thread.run_sync(content_digest, table.path)
    ways: dict[str, Any] = {
        "columns": dict(reading.overrides),
        "preset": reading.preset,
        "split_name": reading.split_name,
    }
    ways = {name: value for name, value in ways.items() if value} | dict(table.reading)
    return {"sha256": digest, "rows": table.rows, "header": list(table.header), "reading": ways}


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


def _reading(columns: Mapping[str, str] | None, preset: str | None, *, split_name: bool) -> Reading:
    choose(preset, ())  # finds fault now, not at the start
    return Reading(overrides=columns or {}, preset=preset, split_name=split_name)
