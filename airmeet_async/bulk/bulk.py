"""``client.bulk``: the bulk operations."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Unpack

from airmeet_async import calls
from airmeet_async.api.addresses import check_id
from airmeet_async.api.call import Call
from airmeet_async.bulk.asked import DEFAULT_RATE, JobOptions
from airmeet_async.bulk.columns import Reading
from airmeet_async.bulk.feed import OpenRows, Rows, open_rows
from airmeet_async.bulk.forms import BOOTHS, SESSIONS, SPEAKERS
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.jobs import Jobs
from airmeet_async.bulk.launch import Purpose
from airmeet_async.bulk.lookups import KnownSpeakers, addresses, by_columns, by_email, field_book, fitting
from airmeet_async.bulk.once import once
from airmeet_async.bulk.options import Invites
from airmeet_async.bulk.plan import BulkPlan
from airmeet_async.bulk.planning import Terms, make_plan
from airmeet_async.bulk.presets import PresetName, choose
from airmeet_async.bulk.recipes import ByForm, Custom, Recipe

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
        build = partial(calls.attendees.block, check_id(airmeet_id, "airmeet_id"))
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
        build = partial(calls.attendees.unblock, check_id(airmeet_id, "airmeet_id"))
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


def _reading(columns: Mapping[str, str] | None, preset: str | None, *, split_name: bool) -> Reading:
    choose(preset, ())  # finds fault now, not at the start
    return Reading(overrides=columns or {}, preset=preset, split_name=split_name)


def _purpose(operation: str, airmeet_id: str, reading: Reading | None = None, **options: Any) -> Purpose:
    read = reading or Reading()
    facts = {"columns": dict(read.overrides) or None, "preset": read.preset, "split_name": read.split_name}
    return Purpose(operation=operation, airmeet_id=airmeet_id, options=options, reading=facts)
