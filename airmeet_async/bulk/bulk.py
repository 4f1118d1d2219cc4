"""``client.bulk``: the bulk operations."""

import os
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence, Sized
from functools import partial
from inspect import isawaitable
from typing import Any, Literal, Unpack, get_args

import anyio.to_thread
from attrs import evolve, field, frozen

from airmeet_async import calls
from airmeet_async.bulk.async_tools import once, to_its_end
from airmeet_async.bulk.execution.engine import Engine
from airmeet_async.bulk.execution.result_queue import Outbox
from airmeet_async.bulk.input.column_names import PresetName, choose
from airmeet_async.bulk.input.columns import Reading
from airmeet_async.bulk.input.operations import (
    ByForm,
    Custom,
    KnownSpeakers,
    Recipe,
    addresses,
    by_columns,
    by_email,
    field_book,
    fitting,
)
from airmeet_async.bulk.input.plan import BulkPlan, Terms, make_plan
from airmeet_async.bulk.input.prepare import Admission, Intake
from airmeet_async.bulk.input.row_mapping import BOOTHS, SESSIONS, SPEAKERS
from airmeet_async.bulk.input.sources import READ_AHEAD, Feed, OpenRows, Rows, open_rows
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal.memory import NoBooks
from airmeet_async.bulk.journal.prepare import About, ArrivingIntake, KeptIntake, KeptRows, fill, open_journal
from airmeet_async.bulk.journal.sqlite import Journal
from airmeet_async.bulk.options import DEFAULT_RATE, Invites, JobOptions, RunOptions, engine_options, job_rate
from airmeet_async.bulk.table_text import content_digest
from airmeet_async.bulk.tables import Table
from airmeet_async.client.client import Client
from airmeet_async.client.rate_limiter import Pace
from airmeet_async.errors import ConfigError
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.call import Call

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


__all__ = ["DEFAULT_RATE", "Bulk"]


class Bulk(Jobs):
    """Bulk operations: rows in, one `RowResult` per row out.

    All take the arguments of `JobOptions`, too: ``rate``, ``max_in_flight``, ``journal``, ``sheet``,
    ``accept_stale``, ``deadline`` and ``max_failures``.
    """

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
        purpose = _purpose("attendees.add", airmeet_id, reading, **flags, invites=invites)
        fields = once(partial(field_book, self._client, airmeet_id))

        async def recipe(source: OpenRows) -> Recipe:
            return await by_columns(airmeet_id, flags, reading, source, fields)

        return self._job(rows, recipe, options, purpose)

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
        book = await field_book(self._client, check_id(airmeet_id, "airmeet_id"))
        terms = Terms(airmeet_id=airmeet_id, invite=send_email_invite, register=register_attendee, rate=rate)
        return await make_plan(source, reading, book, terms)

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
        return self._job(
            rows,
            partial(by_email, build, columns or {}),
            options,
            _purpose("attendees.block", airmeet_id, Reading(overrides=columns or {})),
        )

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
        return self._job(
            rows,
            partial(by_email, build, columns or {}),
            options,
            _purpose("attendees.unblock", airmeet_id, Reading(overrides=columns or {})),
        )

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
        return self._job(
            rows,
            lambda source: ByForm(fitting(SPEAKERS, source), build),
            options,
            _purpose("speakers.add", airmeet_id),
        )

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
        look = KnownSpeakers(once(partial(addresses, self._client, airmeet_id)))

        def recipe(source: OpenRows) -> Recipe:
            return ByForm(fitting(SESSIONS, source), build, timezone=timezone, look=look)

        return self._job(rows, recipe, options, _purpose("sessions.create", airmeet_id, timezone=timezone))

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
        return self._job(
            rows, lambda source: ByForm(fitting(BOOTHS, source), build), options, _purpose("booths.create", airmeet_id)
        )

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
        return self._job(rows, lambda _source: Custom(build, key), options, Purpose(operation="custom", reading=None))


def _reading(columns: Mapping[str, str] | None, preset: str | None, *, split_name: bool) -> Reading:
    choose(preset, ())  # finds fault now, not at the start
    return Reading(overrides=columns or {}, preset=preset, split_name=split_name)


def _purpose(operation: str, airmeet_id: str, reading: Reading | None = None, **options: Any) -> Purpose:
    read = reading or Reading()
    facts = {"columns": dict(read.overrides) or None, "preset": read.preset, "split_name": read.split_name}
    return Purpose(operation=operation, airmeet_id=airmeet_id, options=options, reading=facts)
