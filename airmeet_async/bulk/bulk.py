"""``client.bulk``: the bulk operations."""

import logging
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, Unpack, cast, get_args

import anyio.to_thread
from attrs import evolve

from airmeet_async.bulk.input.column_names import PresetName, choose
from airmeet_async.bulk.input.columns import Reading, find_table_columns
from airmeet_async.bulk.input.operations import (
    ADDRESSES,
    AddAttendees,
    ChangeAccess,
    CreateItems,
    CustomOperation,
    UncheckedFields,
)
from airmeet_async.bulk.input.plan import BulkPlan, RowFinding
from airmeet_async.bulk.input.row_mapping import BOOTHS, SESSIONS, SPEAKERS, RowMapping
from airmeet_async.bulk.input.sources import Rows, open_rows
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal.cut import JoinSummary, cut_journal, join_journal
from airmeet_async.bulk.options import (
    DEFAULT_RATE,
    EngineOptions,
    Invites,
    JobOptions,
    RunOptions,
    ShardPace,
    check_in_shards,
    engine_options,
    run_rate,
    takes_options,
)
from airmeet_async.bulk.preparation import JobPreparation, LoadedInput, RunIdentity, fetch_existing
from airmeet_async.calls.people import attendee_flags
from airmeet_async.client.adaptive_rate import AskedRate
from airmeet_async.client.client import Client
from airmeet_async.client.rate_limiter import Pace
from airmeet_async.errors import AirmeetError, ConfigError
from airmeet_async.protocol.base_urls import Id, check_id
from airmeet_async.protocol.call import Call, Endpoint
from airmeet_async.protocol.endpoints import ATTENDEES_BLOCK, ATTENDEES_UNBLOCK
from airmeet_async.protocol.validation import RegistrationFields
from airmeet_async.tables import Table

__all__ = ["DEFAULT_RATE", "Bulk"]

_log = logging.getLogger("airmeet_async.bulk")

# Rows that a retry sends once more.
Again = Literal["failed", "rejected", "unknown", "invites"]


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

    @takes_options(JobOptions)
    def add_attendees(
        self,
        airmeet_id: Id,
        rows: Rows,
        *,
        send_email_invite: bool,
        register_attendee: bool = False,
        invites: Invites = "at_most_once",
        columns: Mapping[str, str | None] | None = None,
        preset: PresetName | None = None,
        split_name: bool = False,
        **options: Unpack[JobOptions],
    ) -> BulkJob:
        """Register everyone in *rows* for an event.

        Rows are checked first (required fields, e-mail address, attendance type, registration fields); a wrong row is
        INVALID and not sent. Of rows with the same address, ignoring ASCII case, only the first is sent.

        Mappings are read like rows of a file: their keys are matched to fields and to the event's registration fields.
        Other keys are left alone, and listed in the plan and in ``report.ignored_columns``. A key one letter away from
        a field (``organisaton``) is an error if that field is not there: it stops the run before anything is sent, and
        in a later chunk it makes its row INVALID.

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
                field of the event. A column with the label of such a field fills it automatically. A column whose own
                name stands for None is not used: ``columns={"county": None}``.
            preset: The tool that exported *rows*. Default: detected by its columns. ``none``: no tool. Rows of people
                who declined are INVALID (``not_attending``).
            split_name: Split a column of full names if there is no first and last name. The split is a guess: check it
                with `plan`.
            **options: See `JobOptions`.

        Raises:
            InvalidInputError: The event's id cannot be one.
            ConfigError: An option cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        airmeet_id = check_id(airmeet_id, "airmeet_id")
        flags = attendee_flags(register_attendee=register_attendee, send_email_invite=send_email_invite)
        reading = _reading(columns, preset, split_name=split_name)
        identity = self._identity("attendees.add", airmeet_id, **flags, invites=invites)
        known: list[RegistrationFields] = []

        async def fetch() -> RegistrationFields:
            if not known:
                fields = await self._client.custom_fields.list(airmeet_id)
                try:
                    is_hybrid = (await self._client.airmeets.info(airmeet_id)).is_hybrid
                except AirmeetError as error:  # Airmeet will refuse rows without an attendance type, if it is
                    _log.warning("event %s: could not find out whether it is hybrid: %s", airmeet_id, error)
                    is_hybrid = None
                known.append(RegistrationFields(fields, is_hybrid=is_hybrid))
            return known[0]

        async def load() -> LoadedInput:
            source, found, fields = await open_rows(rows, options), None, None
            if isinstance(source, Table):
                found = await anyio.to_thread.run_sync(find_table_columns, source, reading)
                if found.ignored or found.custom:  # which may be registration fields
                    fields = await fetch()
                    found = find_table_columns(source, reading, fields)
            operation = AddAttendees(airmeet_id, flags, reading, columns=found, event_fields=fields, fetch_fields=fetch)
            return LoadedInput(source, operation, reading, found)

        return self._job(load, options, identity, invites=invites)

    @takes_options(JobOptions)
    async def plan(
        self,
        airmeet_id: Id,
        rows: Rows,
        *,
        send_email_invite: bool = False,
        register_attendee: bool = False,
        columns: Mapping[str, str | None] | None = None,
        preset: PresetName | None = None,
        split_name: bool = False,
        **options: Unpack[JobOptions],
    ) -> BulkPlan:
        """Return what `add_attendees` would do with the same arguments.

        It reads the file and what the event asks of those who register, and changes nothing. Where there is a journal,
        rows that earlier runs have done are counted apart.

        Args:
            airmeet_id: The event's id.
            rows: As for `add_attendees`.
            send_email_invite: As for `add_attendees`, with a default.
            register_attendee: As for `add_attendees`.
            columns: As for `add_attendees`.
            preset: As for `add_attendees`.
            split_name: As for `add_attendees`.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used, or *rows* is an iterator, which can be read only once.
            InputError: The file cannot be read, or names a registration field that the event does not have.
            AirmeetError: The event's registration fields cannot be read.
        """
        if (journal := options.get("journal")) is not None and not await anyio.to_thread.run_sync(Path(journal).exists):
            del options["journal"]  # nothing was done before, and a plan makes no file
        job = self.add_attendees(
            airmeet_id,
            rows,
            send_email_invite=send_email_invite,
            register_attendee=register_attendee,
            columns=columns,
            preset=preset,
            split_name=split_name,
            **options,
        )
        try:
            plan = await job.prepare()
        finally:
            await job.discard()
        if plan.fields_error is not None:
            raise plan.fields_error
        return plan

    @takes_options(JobOptions)
    def block_attendees(
        self,
        airmeet_id: Id,
        rows: Rows,
        *,
        columns: Mapping[str, str | None] | None = None,
        **options: Unpack[JobOptions],
    ) -> BulkJob:
        """Block everyone in *rows* from an event (help article, A).

        A later add lets somebody in again, also one of a run that is going on or is in shards (`cut`, ``on=``). So end
        these first: unlike ``airmeet block``, this does not look for them.

        Args:
            airmeet_id: The event's id.
            rows: Addresses, `Attendee` values, mappings with an e-mail, or the path of a file.
            columns: Maps ``email`` to its column, when the name is not clear.
            **options: See `JobOptions`.

        Raises:
            InvalidInputError: The event's id cannot be one.
            ConfigError: An option cannot be used.
            InputError: The file cannot be read; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        return self._change_access(ATTENDEES_BLOCK, airmeet_id, rows, columns, options)

    @takes_options(JobOptions)
    def unblock_attendees(
        self,
        airmeet_id: Id,
        rows: Rows,
        *,
        columns: Mapping[str, str | None] | None = None,
        **options: Unpack[JobOptions],
    ) -> BulkJob:
        """Unblock everyone in *rows* for an event (help article, A).

        Args:
            airmeet_id: The event's id.
            rows: Addresses, `Attendee` values, mappings with an e-mail, or the path of a file.
            columns: Maps ``email`` to its column, when the name is not clear.
            **options: See `JobOptions`.

        Raises:
            InvalidInputError: The event's id cannot be one.
            ConfigError: An option cannot be used.
            InputError: The file cannot be read; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        return self._change_access(ATTENDEES_UNBLOCK, airmeet_id, rows, columns, options)

    @takes_options(JobOptions)
    def add_speakers(self, airmeet_id: Id, rows: Rows, **options: Unpack[JobOptions]) -> BulkJob:
        """Add everyone in *rows* as a speaker of an event.

        Who is a speaker of the event already is not sent: that row is a DUPLICATE whose error says what differs. A row
        whose outcome is unclear is UNKNOWN and is not sent again, because the effect of a second add is not documented.

        Args:
            airmeet_id: The event's id.
            rows: `Speaker` values, mappings, or the path of a file with at least e-mail and name.
            **options: See `JobOptions`.

        Raises:
            InvalidInputError: The event's id cannot be one.
            ConfigError: An option cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        return self._create(SPEAKERS, airmeet_id, rows, options)

    @takes_options(JobOptions)
    def create_sessions(
        self, airmeet_id: Id, rows: Rows, *, timezone: str | None = None, **options: Unpack[JobOptions]
    ) -> BulkJob:
        """Create the sessions in *rows*. Their speakers must be in the event first (A): `add_speakers`.

        A session that the event has already, by its title and time, is not made again: that row is a DUPLICATE, whose
        error says what differs. A session whose speaker is not on the event's list is sent anyway, with a warning that
        names the address. A row whose outcome is unclear is UNKNOWN and is not sent again.

        Args:
            airmeet_id: The event's id.
            rows: `NewSession` values, mappings, or the path of a file with at least title, start and host e-mail.
            timezone: Time zone of start times without one, such as ``Europe/Paris``.
            **options: See `JobOptions`.

        Raises:
            InvalidInputError: The event's id cannot be one.
            ConfigError: An option cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        return self._create(SESSIONS, airmeet_id, rows, options, timezone=timezone)

    @takes_options(JobOptions)
    def create_booths(self, airmeet_id: Id, rows: Rows, **options: Unpack[JobOptions]) -> BulkJob:
        """Create the booths in *rows*. A row whose outcome is unclear is UNKNOWN and is not sent again.

        A booth whose name the event has already is not made again: that row is a DUPLICATE, whose error says what
        differs. Attendance types of exhibitors are left out, with a warning, where the event is not hybrid.

        Args:
            airmeet_id: The event's id.
            rows: `NewBooth` values, mappings, or the path of a file with at least a name.
            **options: See `JobOptions`.

        Raises:
            InvalidInputError: The event's id cannot be one.
            ConfigError: An option cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        return self._create(BOOTHS, airmeet_id, rows, options)

    @takes_options(JobOptions)
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
            InvalidInputError: The event's id cannot be one.
            ConfigError: An option cannot be used.
            InputError: The file cannot be read; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """

        async def load() -> LoadedInput:
            source = await open_rows(rows, options, is_header=None)
            if isinstance(source, Table):
                source.use(source.columns)  # the function may use any
            return LoadedInput(source, CustomOperation(build, key))

        return self._job(load, options, self._identity("custom", ""))

    @takes_options(RunOptions)
    def resume(self, journal: str | os.PathLike[str], **options: Unpack[RunOptions]) -> BulkJob:
        """Continue the run of a journal: send the rows that are left, and return a result for every row.

        Of several lists in the journal, it is the one that was sent last. Rows that are done or were refused keep the
        result with which they ended, and have ``from_earlier_run``. The run keeps its setting for invitations. A list
        that was prepared and never started is refused: the call that has prepared it starts it.

        Args:
            journal: The file.
            **options: See `RunOptions`.

        Raises:
            InvalidInputError: The event's id cannot be one.
            ConfigError: An option cannot be used.
            JournalError: The journal cannot be used, or another process is running it; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        return self._job(None, cast(JobOptions, {"journal": journal, **options}), None)

    @takes_options(RunOptions)
    def retry(
        self, journal: str | os.PathLike[str], *, again: Iterable[Again] = ("failed",), **options: Unpack[RunOptions]
    ) -> BulkJob:
        """Send rows of a journal once more, and no others; return a result for every row.

        Of several lists in the journal, it is the one that was sent last. Rows that were never sent stay UNPROCESSED:
        `resume` sends them.

        Args:
            journal: The file.
            again: Rows to send again: ``failed`` (FAILED, and UNKNOWN if the operation is repeatable), ``rejected``
                (refused by Airmeet; they are sent as they are), ``unknown`` (UNKNOWN of an operation that is not
                repeatable: it may be done twice), ``invites`` (succeeded, but the invitation may not have been mailed:
                whom the event's list of participants calls invited is left out, and others may be mailed twice where it
                says nothing of them).
            **options: See `RunOptions`.

        Raises:
            InvalidInputError: The event's id cannot be one.
            ConfigError: An option cannot be used.
            JournalError: The journal cannot be used, or another process is running it; nothing was sent.
            BulkStoppedError: The run ended early, for a reason that concerns all rows.
        """
        found: frozenset[Again] = frozenset((again,) if isinstance(again, str) else again)  # type: ignore[arg-type]
        if unknown := found - frozenset(get_args(Again)):
            names = ", ".join(map(repr, sorted(unknown)))
            raise ConfigError(f"again must be one of {', '.join(get_args(Again))}, not {names}")
        return self._job(None, cast(JobOptions, {"journal": journal, **options}), None, again=found)

    async def cut(
        self,
        journal: str | os.PathLike[str],
        *,
        into: str | os.PathLike[str],
        shards: int,
        workers: int | None = None,
        again: bool = False,
        rate: AskedRate | Literal["default"] = "default",
        max_in_flight: int | None = None,
        max_failures: int | str | None = None,
    ) -> list[Path]:
        """Put the rows of a journal that are left into shards, which other processes send; nothing is sent.

        Of several lists in the journal, it is the one that was prepared last (`BulkJob.prepare`), else the one that was
        sent last. Until `join` has taken all shards back, the journal refuses every other run. Calling it again with
        the same folder returns the same shards, without those that are back. They keep the rate and the numbers of the
        first call: others are an error. Of a list that is at hand, `BulkJob.cut` does the same at once::

            await client.bulk.add_attendees(event_id, rows, send_email_invite=False, journal="launch.job").prepare()
            for path in await client.bulk.cut("launch.job", into="/shared/launch", shards=16, workers=4, rate=40):
                ...  # in another process: await airmeet_async.cluster.run_shard(path)
            summary = await client.bulk.join("launch.job")

        Args:
            journal: The file.
            into: The folder of the shards, of this user alone; made if it is not there. A network disk needs locks
                (NFS from version 4 on).
            shards: How many at most: none of them is empty.
            workers: How many of them are sent at once; each has its part of *rate* and *max_in_flight*. Default: all.
            again: Send all rows of the list once more, whatever was done.
            rate: Requests per second of all shards together, if it is a number; else each looks for the limit by
                itself. Default: the client's.
            max_in_flight: Rows of all shards that are sent at once. Default: the client's.
            max_failures: Stop a shard when more rows of it fail than this: a number, or a share of all rows of the
                list such as ``"5%"``. Default: as for a run.

        Returns:
            The shards' paths: ``launch-0000.job`` and so on; none where nothing is left to be sent.

        Raises:
            ConfigError: A number cannot be used.
            JournalError: The journal or the folder cannot be used, a run has it, or its rows are in other shards, or
                were cut in another way.
        """
        client = self._client
        given: JobOptions = {"rate": rate, "max_in_flight": max_in_flight, "max_failures": max_failures}
        check_in_shards(given)
        options = engine_options(given, client.options.max_in_flight)
        pace = ShardPace.of_run(given, options, client.pace.ceiling, workers)
        numbers = {**given, "workers": workers}
        chosen = [name for name, value in numbers.items() if value is not None and value != "default"]
        cut = partial(cut_journal, again=again, pace=pace, chosen=chosen, base=str(client.options.base))
        return await anyio.to_thread.run_sync(cut, Path(journal), Path(into), shards)

    async def join(
        self, journal: str | os.PathLike[str], *, take_back: bool = False, lost: Sequence[str] = ()
    ) -> JoinSummary:
        """Take what shards have done back into their journal: at any time, and as often as wanted.

        Shards that are being sent are left alone. When all are over, they are removed, and the journal can be used
        again. A shard is over when its run has come to an end, also if rows have failed, or if it was stopped because
        too many did.

        Args:
            journal: The file.
            take_back: Also take back shards that are not over: whoever has their paths can send nothing any more.
                `resume` of the journal does this by itself.
            lost: The names of shards that are gone for good, such as ``launch-0003.job``. Nobody knows which of their
                rows were sent: all that have no result are ``unknown``, as after a crash.

        Raises:
            ConfigError: *lost* names what is no shard of this journal.
            JournalError: The journal or a shard cannot be used, or its rows do not add up; or a shard is being sent,
                where *take_back* is wanted.
        """
        work = partial(join_journal, Path(journal), take_back=take_back, lost=lost, base=str(self._client.options.base))
        return await anyio.to_thread.run_sync(work)

    def _change_access(
        self,
        endpoint: Endpoint[Any],
        airmeet_id: Id,
        rows: Rows,
        columns: Mapping[str, str | None] | None,
        given: JobOptions,
    ) -> BulkJob:
        airmeet_id = check_id(airmeet_id, "airmeet_id")
        identity = self._identity(endpoint.name, airmeet_id)
        reading = evolve(ADDRESSES, overrides=columns or {})

        async def load() -> LoadedInput:
            source = await open_rows(rows, given)
            found = None
            if isinstance(source, Table):
                found = await anyio.to_thread.run_sync(find_table_columns, source, reading)
            return LoadedInput(source, ChangeAccess(endpoint, airmeet_id, reading, found), reading, found)

        return self._job(load, given, identity)

    def _create(self, mapping: RowMapping, airmeet_id: Id, rows: Rows, given: JobOptions, **details: Any) -> BulkJob:
        airmeet_id = check_id(airmeet_id, "airmeet_id")
        fetch = partial(fetch_existing, self._client, mapping, airmeet_id)
        operation = CreateItems(mapping, airmeet_id, fetch_existing=fetch, **details)
        named = {"timezone": details["timezone"]} if "timezone" in details else {}
        identity = self._identity(mapping.endpoint.name, airmeet_id, **named)

        async def load() -> LoadedInput:
            source, found = await open_rows(rows, given, mapping.is_header), None
            if isinstance(source, Table):
                found = await anyio.to_thread.run_sync(mapping.table_columns, source)
            return LoadedInput(source, operation, Reading(), found)

        return self._job(load, given, identity)

    def _identity(self, operation: str, airmeet_id: str, **options: Any) -> RunIdentity:
        return RunIdentity(operation, airmeet_id, str(self._client.options.base), options)

    def _job(
        self,
        load: Callable[[], Awaitable[LoadedInput]] | None,
        given: JobOptions,
        identity: RunIdentity | None,
        *,
        invites: Invites = "at_most_once",
        again: frozenset[Again] = frozenset(),
    ) -> BulkJob:
        """Return a job.

        Args:
            load: Opens its input, and makes the operation that fits; None goes on with what is in the journal.
            given: The caller's options.
            identity: What the run does; None goes on with what the journal says.
            invites: Whether a mail may be asked for twice.
            again: Rows that ended, and are to be sent once more.

        Raises:
            ConfigError: An option cannot be used.
        """
        if given.get("on") is not None:
            check_in_shards(given)
        client = self._client
        options = engine_options(
            given, client.options.max_in_flight, invites, client.options.retry, client.options.timeout
        )
        Pace(run_rate(given, client.pace.rate), options.max_in_flight)  # finds fault now, not at the start
        client = client.with_options(retry=given.get("retry"))  # which holds for its sign-ins, too
        return BulkJob(JobPreparation(client, load, identity, given, options, again=again))


def _reading(columns: Mapping[str, str | None] | None, preset: str | None, *, split_name: bool) -> Reading:
    choose(preset, ())  # finds fault now, not at the start
    return Reading(overrides=columns or {}, preset=preset, split_name=split_name)


async def check_people(
    table: Table,
    reading: Reading,
    event_fields: RegistrationFields | None = None,
    found: Callable[[RowFinding], object] | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> BulkPlan:
    """Return what `Bulk.add_attendees` would find in a file. Nobody is asked.

    Args:
        table: The file.
        reading: How its columns are found.
        event_fields: The event's registration fields; None leaves them unchecked.
        found: Called with each finding, in the order of the rows, in another thread.
        progress: Called now and then with the number of rows so far.

    Raises:
        InputError: The file cannot be used.
    """

    async def load() -> LoadedInput:
        columns = find_table_columns(table, reading, event_fields)
        fields = event_fields or UncheckedFields()
        operation = AddAttendees("check", {}, reading, columns=columns, event_fields=fields)
        return LoadedInput(table, operation, reading, columns)

    preparation = JobPreparation(None, load, RunIdentity("attendees.add", "check", "", {}), {}, EngineOptions())
    preparation.progress = progress
    try:
        return await preparation.plan(found)
    finally:
        await preparation.close()
