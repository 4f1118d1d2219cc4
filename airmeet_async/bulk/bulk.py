"""``client.bulk``: the bulk operations, and how a run of one is put together."""

import os
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence, Sized
from functools import partial
from typing import Any, Literal, Unpack, cast, get_args

import anyio.to_thread
from attrs import evolve

from airmeet_async import calls
from airmeet_async.bulk.execution.engine import Engine
from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.input.column_names import PresetName, choose
from airmeet_async.bulk.input.columns import Reading, find_table_columns
from airmeet_async.bulk.input.operations import (
    ADDRESSES,
    AddAttendees,
    BulkOperation,
    ChangeAccess,
    CreateItems,
    CustomOperation,
    fetch_once,
)
from airmeet_async.bulk.input.plan import BulkPlan, make_plan
from airmeet_async.bulk.input.row_mapping import BOOTHS, SESSIONS, SPEAKERS
from airmeet_async.bulk.input.row_preparer import RowPreparer, UniqueRowPreparer
from airmeet_async.bulk.input.sources import READ_AHEAD, OpenedRows, Rows, RowSource, open_rows
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal import Journal, MemoryJournal
from airmeet_async.bulk.journal.loading import ArrivingRowPreparer, RunIdentity, open_journal, read_input
from airmeet_async.bulk.journal.recorded_rows import RecordedRowPreparer, RecordedRows
from airmeet_async.bulk.options import (
    DEFAULT_RATE,
    FileOptions,
    Invites,
    JobOptions,
    RunOptions,
    engine_options,
    run_rate,
)
from airmeet_async.bulk.run_to_completion import run_to_completion
from airmeet_async.client.client import Client
from airmeet_async.client.rate_limiter import Pace
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.validation import RegistrationFields, fold
from airmeet_async.tables import Table, content_digest

__all__ = ["DEFAULT_RATE", "Bulk"]

# Rows that a retry sends once more.
Again = Literal["failed", "rejected", "unknown", "invites"]

_PLAIN_READING = Reading()

Loaded = tuple[OpenedRows, BulkOperation]


class Bulk:
    """Bulk operations: each input row gives one `RowResult`.

    All accept the options of `JobOptions` (``rate``, ``max_in_flight``, ``journal``, ``accept_stale``, ``deadline``,
    ``max_failures``), and those that read files the options of `FileOptions` (``sheet``, ``encoding``, ``delimiter``,
    ``header``, ``format``). They return a `BulkJob`, which starts when it is awaited or entered::

        report = await client.bulk.add_attendees(event_id, "people.csv", send_email_invite=False)
        print(report.succeeded, report.failures)
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
        """Register everyone in *rows* for an event.

        Rows are checked first (required fields, e-mail address, attendance type, registration fields); a wrong row is
        INVALID and not sent. Of rows with the same address, ignoring ASCII case, only the first is sent.

        Args:
            airmeet_id: The event's id.
            rows: `Attendee` values or mappings, from any iterable or async iterable; a data frame; or the path of a
                CSV, JSON lines, Excel or Parquet file.
            send_email_invite: Whether Airmeet mails each person the calendar entry and the link. There is no default,
                because Airmeet's own is yes (A) and would mail people by mistake.
            register_attendee: True uses one registration of your plan per person (A).
            invites: ``at_most_once``: a row whose outcome was unclear is sent again without the mail, and its result
                has ``invite=UNVERIFIED``. ``at_least_once``: it is sent again with the mail, so people may get two.
            columns: Maps fields to column names, when the names are not clear; ``custom:LABEL`` is a registration
                field of the event. A file's column with the label of such a field fills it automatically.
            preset: The tool that exported *rows*. Default: detected by its columns. ``none``: no tool. Rows of people
                who declined are INVALID (``not_attending``).
            split_name: Split a column of full names if there is no first and last name. The split is a guess: check it
                with `plan`.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        check_id(airmeet_id, "airmeet_id")
        flags = {"registerAttendee": register_attendee, "sendEmailInvite": send_email_invite}
        reading = _reading(columns, preset, split_name=split_name)
        identity = self._identity("attendees.add", airmeet_id, **flags, invites=invites)
        fetch_fields = fetch_once(partial(self._registration_fields, airmeet_id))

        async def load() -> Loaded:
            source, found = await open_rows(rows, options), None
            if isinstance(source, Table):
                found = find_table_columns(source, reading)
                if found.ignored or found.custom:  # which may be registration fields
                    found = find_table_columns(source, reading, await fetch_fields())
            return source, AddAttendees(airmeet_id, flags, reading, fetch_fields, found)

        return self._job(load, options, identity, reading=reading, invites=invites)

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
        **options: Unpack[FileOptions],
    ) -> BulkPlan:
        """Return what `add_attendees` would do with the same arguments.

        It reads the file and the event's registration fields, and changes nothing.

        Raises:
            ConfigError: An argument cannot be used, or *rows* is an iterator, which can be read only once.
            InputError: The file cannot be read, or names a registration field that the event does not have.
            AirmeetError: The event's registration fields cannot be read.
        """
        reading = _reading(columns, preset, split_name=split_name)
        source = await open_rows(rows, options)
        event_fields = await self._registration_fields(check_id(airmeet_id, "airmeet_id"))
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
        self, airmeet_id: str, rows: Rows, *, columns: Mapping[str, str] | None = None, **options: Unpack[JobOptions]
    ) -> BulkJob:
        """Block everyone in *rows* from an event (help article, A).

        Args:
            airmeet_id: The event's id.
            rows: Addresses, `Attendee` values, mappings with an e-mail, or the path of a file.
            columns: Maps ``email`` to its column, when the name is not clear.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        return self._change_access("block", airmeet_id, rows, columns, options)

    def unblock_attendees(
        self, airmeet_id: str, rows: Rows, *, columns: Mapping[str, str] | None = None, **options: Unpack[JobOptions]
    ) -> BulkJob:
        """Unblock everyone in *rows* for an event (help article, A).

        Args:
            airmeet_id: The event's id.
            rows: Addresses, `Attendee` values, mappings with an e-mail, or the path of a file.
            columns: Maps ``email`` to its column, when the name is not clear.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        return self._change_access("unblock", airmeet_id, rows, columns, options)

    def add_speakers(self, airmeet_id: str, rows: Rows, **options: Unpack[JobOptions]) -> BulkJob:
        """Add everyone in *rows* as a speaker of an event.

        A row whose outcome is unclear is UNKNOWN and is not sent again, because the effect of a second add is not
        documented.

        Args:
            airmeet_id: The event's id.
            rows: `Speaker` values, mappings, or the path of a file with at least e-mail and name.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        build = partial(calls.add_speaker, check_id(airmeet_id, "airmeet_id"))
        identity = self._identity("speakers.add", airmeet_id)
        return self._create(CreateItems(SPEAKERS, build), rows, options, identity)

    def create_sessions(
        self, airmeet_id: str, rows: Rows, *, timezone: str | None = None, **options: Unpack[JobOptions]
    ) -> BulkJob:
        """Create the sessions in *rows*. Their speakers must be in the event first (A): `add_speakers`.

        A session whose speaker is not on the event's list is sent anyway, with a warning that names the address. A row
        whose outcome is unclear is UNKNOWN and is not sent again.

        Args:
            airmeet_id: The event's id.
            rows: `NewSession` values, mappings, or the path of a file with at least title, start and host e-mail.
            timezone: Time zone of start times without one, such as ``Europe/Paris``.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        build = partial(calls.create_session, check_id(airmeet_id, "airmeet_id"))

        async def fetch_people() -> frozenset[str]:
            return frozenset([fold(one.email) async for one in self._client.participants.list(airmeet_id)])

        identity = self._identity("sessions.create", airmeet_id, timezone=timezone)
        operation = CreateItems(SESSIONS, build, timezone=timezone, fetch_people=fetch_once(fetch_people))
        return self._create(operation, rows, options, identity)

    def create_booths(self, airmeet_id: str, rows: Rows, **options: Unpack[JobOptions]) -> BulkJob:
        """Create the booths in *rows*. A row whose outcome is unclear is UNKNOWN and is not sent again.

        Args:
            airmeet_id: The event's id.
            rows: `NewBooth` values, mappings, or the path of a file with at least a name.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        build = partial(calls.create_booth, check_id(airmeet_id, "airmeet_id"))
        identity = self._identity("booths.create", airmeet_id)
        return self._create(CreateItems(BOOTHS, build), rows, options, identity)

    def run(
        self,
        rows: Rows,
        build: Callable[[Any], Call[Any]],
        *,
        key: Callable[[Any], str] | None = None,
        **options: Unpack[JobOptions],
    ) -> BulkJob:
        """Send the call that *build* returns for each row: any operation in bulk.

        Args:
            rows: Any iterable, a data frame, or the path of a file. Rows of a frame or file are mappings of strings.
            build: Returns the call for a row; if it raises, that row is INVALID.
            key: Returns the key of a row; a row with the key of an earlier row is not sent. None: all rows are sent.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """

        async def load() -> Loaded:
            source = await open_rows(rows, options, is_header=None)
            if isinstance(source, Table):
                source.judge(source.columns)  # the function may use any
            return source, CustomOperation(build, key)

        return self._job(load, options, self._identity("custom", ""), reading=None)

    def resume(self, journal: str | os.PathLike[str], **options: Unpack[RunOptions]) -> BulkJob:
        """Continue the run of a journal: send the rows that are left, and return a result for every row.

        Rows that succeeded in an earlier run are SKIPPED, with their entry link; rows that were refused or failed keep
        that result. The run keeps its setting for invitations.

        Args:
            journal: The file.
            **options: See `RunOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            JournalError: The journal cannot be used, or another process is running it; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        return self._job(None, cast(JobOptions, {"journal": journal, **options}), None)

    def retry(
        self, journal: str | os.PathLike[str], *, again: Iterable[Again] = ("failed",), **options: Unpack[RunOptions]
    ) -> BulkJob:
        """Continue the run of a journal, and resend rows that did not succeed.

        Args:
            journal: The file.
            again: Rows to send again: ``failed`` (no attempt succeeded), ``rejected`` (refused by Airmeet), ``unknown``
                (sent without a clear reply by an operation that is not repeatable: it may be done twice), ``invites``
                (succeeded, but the invitation may not have been mailed: it may be mailed twice).
            **options: See `RunOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            JournalError: The journal cannot be used, or another process is running it; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        found: frozenset[Again] = frozenset((again,) if isinstance(again, str) else again)  # type: ignore[arg-type]
        if unknown := found - frozenset(get_args(Again)):
            names = ", ".join(map(repr, sorted(unknown)))
            raise ConfigError(f"again must be one of {', '.join(get_args(Again))}, not {names}")
        return self._job(None, cast(JobOptions, {"journal": journal, **options}), None, again=found)

    async def _registration_fields(self, airmeet_id: str) -> RegistrationFields:
        return RegistrationFields(await self._client.custom_fields.list(airmeet_id))

    def _change_access(
        self,
        verb: Literal["block", "unblock"],
        airmeet_id: str,
        rows: Rows,
        columns: Mapping[str, str] | None,
        given: JobOptions,
    ) -> BulkJob:
        build = calls.block_attendee if verb == "block" else calls.unblock_attendee
        identity = self._identity(f"attendees.{verb}", check_id(airmeet_id, "airmeet_id"))
        reading = evolve(ADDRESSES, overrides=columns or {})

        async def load() -> Loaded:
            source = await open_rows(rows, given)
            found = find_table_columns(source, reading) if isinstance(source, Table) else None
            return source, ChangeAccess(partial(build, airmeet_id), reading, found)

        return self._job(load, given, identity, reading=reading)

    def _create(self, operation: CreateItems, rows: Rows, given: JobOptions, identity: RunIdentity) -> BulkJob:
        async def load() -> Loaded:
            source = await open_rows(rows, given, operation.mapping.is_header)
            if isinstance(source, Table):
                operation.mapping.table_columns(source)  # what is wrong there is wrong in all rows
            return source, operation

        return self._job(load, given, identity)

    def _identity(self, operation: str, airmeet_id: str, **options: Any) -> RunIdentity:
        return RunIdentity(operation, airmeet_id, str(self._client.options.base), options)

    def _job(
        self,
        load: Callable[[], Awaitable[Loaded]] | None,
        given: JobOptions,
        identity: RunIdentity | None,
        *,
        reading: Reading | None = _PLAIN_READING,
        invites: Invites = "at_most_once",
        again: frozenset[Again] = frozenset(),
    ) -> BulkJob:
        """Return a job.

        Args:
            load: Opens its input, and makes the operation that fits; None goes on with what is in the journal.
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
        accept_stale = given.get("accept_stale", False)

        def engine(source: RowSource, preparer: RowPreparer, journal: Journal, results: ResultQueue) -> Engine:
            rate = run_rate(given, client.pace.rate, journal.facts.get("rate"))
            pace = Pace(rate, options.max_in_flight, parent=client.pace)
            kept = options
            if identity is None:  # invitations go on as they were begun
                kept = evolve(options, invites=journal.facts["about"]["options"].get("invites", options.invites))
            return Engine(client, preparer, source, pace=pace, results=results, journal=journal, options=kept)

        async def make_engine(results: ResultQueue) -> Engine:
            rows, operation = (None, None) if load is None else await load()
            path = given.get("journal")
            if path is None and rows is not None and operation is not None:
                return engine(RowSource(rows), UniqueRowPreparer(operation), MemoryJournal(results), results)
            journal = await open_journal(path or "", results, identity, str(client.options.base))
            try:
                if (note := given.get("note")) is not None:
                    await journal.call(journal.writer.write_facts, {"note": dict(note)})
                if rows is not None and operation is not None:
                    if isinstance(rows, Sized) and not isinstance(rows, (Sequence, AsyncIterable)):
                        rows = list(rows)
                    if not isinstance(rows, (Table, Sequence)):  # it may have no end: each row is recorded as it comes
                        await journal.begin_arriving_input()
                        arriving = ArrivingRowPreparer(journal, operation, accept_stale=accept_stale)
                        return engine(RowSource(rows), arriving, journal, results)
                    await read_input(journal, rows, operation, await _fingerprint(rows, reading))
                if again:
                    await journal.call(journal.writer.reopen, again, time.time())
                await journal.count_earlier()
                source = RowSource(RecordedRows(journal, rows if isinstance(rows, Sequence) else ()), READ_AHEAD)
                return engine(source, RecordedRowPreparer(accept_stale=accept_stale), journal, results)
            except BaseException:
                await run_to_completion(journal.close({}))
                raise

        return BulkJob(make_engine)


async def _fingerprint(rows: Table | Sequence[Any], reading: Reading | None) -> dict[str, Any] | None:
    """Return what tells a file, read in this way, from others; None for what is no file."""
    if reading is None or not (isinstance(rows, Table) and rows.is_file):
        return None
    ways: dict[str, Any] = {
        "columns": dict(reading.overrides),
        "preset": reading.preset,
        "split_name": reading.split_name,
    }
    ways = {name: value for name, value in ways.items() if value} | dict(rows.reading)
    digest = await anyio.to_thread.run_sync(content_digest, rows.path)
    return {"sha256": digest, "rows": rows.rows, "header": list(rows.columns), "reading": ways}


def _reading(columns: Mapping[str, str] | None, preset: str | None, *, split_name: bool) -> Reading:
    choose(preset, ())  # finds fault now, not at the start
    return Reading(overrides=columns or {}, preset=preset, split_name=split_name)
