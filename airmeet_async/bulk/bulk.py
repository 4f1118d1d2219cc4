"""``client.bulk``: the bulk operations."""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Unpack

from airmeet_async import calls
from airmeet_async.api.addresses import check_id
from airmeet_async.api.call import Call
from airmeet_async.api.models import NewSession
from airmeet_async.api.text import fold
from airmeet_async.bulk.asked import DEFAULT_RATE, JobOptions, RunOptions
from airmeet_async.bulk.columns import match_columns
from airmeet_async.bulk.engine import Engine
from airmeet_async.bulk.feed import OpenRows, Rows, open_rows
from airmeet_async.bulk.forms import BOOTHS, SESSIONS, SPEAKERS
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.launch import Again, Launch, Purpose, check_again
from airmeet_async.bulk.lookups import addresses, by_email, field_book, fitting
from airmeet_async.bulk.once import once
from airmeet_async.bulk.options import Invites
from airmeet_async.bulk.outbox import Outbox
from airmeet_async.bulk.recipes import AddAttendees, ByForm, Custom, Recipe
from airmeet_async.bulk.tables import Table
from airmeet_async.client.client import Client

__all__ = ["DEFAULT_RATE", "Bulk"]


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
                field of the event.
            **options: See `JobOptions`.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        check_id(airmeet_id, "airmeet_id")
        flags = {"registerAttendee": register_attendee, "sendEmailInvite": send_email_invite}
        overrides = columns or {}
        purpose = _purpose("attendees.add", airmeet_id, columns, **flags, invites=invites)

        def recipe(source: OpenRows) -> Recipe:
            table = match_columns(source.header, overrides=overrides) if isinstance(source, Table) else None
            fields = once(partial(field_book, self._client, airmeet_id))
            return AddAttendees(airmeet_id, flags, columns=table, overrides=overrides, fetch_fields=fields)

        return self._job(rows, recipe, options, purpose)

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
        build = partial(calls.attendees.block, check_id(airmeet_id, "airmeet_id"))
        return self._job(
            rows, partial(by_email, build, columns or {}), options, _purpose("attendees.block", airmeet_id, columns)
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
        build = partial(calls.attendees.unblock, check_id(airmeet_id, "airmeet_id"))
        return self._job(
            rows, partial(by_email, build, columns or {}), options, _purpose("attendees.unblock", airmeet_id, columns)
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
        build = partial(calls.speakers.add, check_id(airmeet_id, "airmeet_id"))
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
        build = partial(calls.sessions.create, check_id(airmeet_id, "airmeet_id"))
        people = once(partial(addresses, self._client, airmeet_id))

        async def look(session: NewSession) -> tuple[str, ...]:
            missing = [one for one in session.speaker_emails if fold(one) not in await people()]
            return tuple(f"{one} is not in the event yet; add it as a speaker first" for one in missing)

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
        build = partial(calls.booths.create, check_id(airmeet_id, "airmeet_id"))
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
        recipe: Callable[[OpenRows], Recipe] | None,
        asked: JobOptions,
        purpose: Purpose | None,
        again: frozenset[Again] = frozenset(),
    ) -> BulkJob:
        launch = Launch(self._client, asked, purpose, again)

        async def make_engine(outbox: Outbox) -> Engine:
            if recipe is None:
                return await launch.engine(None, None, outbox)
            source = await open_rows(rows, asked.get("sheet"))  # type: ignore[arg-type]
            return await launch.engine(source, recipe(source), outbox)

        return BulkJob(make_engine)


def _purpose(operation: str, airmeet_id: str, columns: Mapping[str, str] | None = None, **options: Any) -> Purpose:
    return Purpose(operation=operation, airmeet_id=airmeet_id, options=options, reading={"columns": columns or None})
