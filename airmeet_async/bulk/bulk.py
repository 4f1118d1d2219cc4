"""``client.bulk``: the bulk operations."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal

from airmeet_async import calls
from airmeet_async.api.addresses import check_id
from airmeet_async.api.call import Call
from airmeet_async.api.models import NewSession
from airmeet_async.api.rules import FieldBook
from airmeet_async.api.text import fold
from airmeet_async.bulk.columns import match_columns
from airmeet_async.bulk.engine import Engine
from airmeet_async.bulk.feed import Feed, OpenRows, Rows, open_rows
from airmeet_async.bulk.forms import BOOTHS, SESSIONS, SPEAKERS, Form
from airmeet_async.bulk.intake import Intake
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.once import once
from airmeet_async.bulk.options import EngineOptions
from airmeet_async.bulk.outbox import Outbox
from airmeet_async.bulk.recipes import AddAttendees, ByEmail, ByForm, Custom, Recipe
from airmeet_async.bulk.tables import Table
from airmeet_async.client.client import Client
from airmeet_async.client.pace import Pace, check_rate

DEFAULT_RATE = 25.0
"""Requests per second where nobody said otherwise. Airmeet publishes no limit, so this is caution, not knowledge."""

Rate = float | Literal["default"] | None


class Bulk:
    """Bulk operations: rows in, one `RowResult` per row out.

    All take these arguments, too:

    - ``rate``: requests per second; None for no limit; by default the client's, or 25 where it has none.
    - ``max_in_flight``: rows that are being sent at once; by default the client's.
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
        columns: Mapping[str, str] | None = None,
        rate: Rate = "default",
        max_in_flight: int | None = None,
    ) -> BulkJob:
        """Add everybody in *rows* to an event.

        Each row is checked first (mandatory fields, address, attendance type, registration fields); one that is wrong
        is INVALID and not sent. Of rows with the same address, ASCII case aside, the first is sent.

        Args:
            airmeet_id: The event's id.
            rows: `Attendee` values or mappings, from any iterable or async iterable, or the path of a CSV or JSON
                lines file.
            send_email_invite: Whether Airmeet mails each person the calendar entry and the link. It has no default
                here, since Airmeet's own is yes (A), and a list that is run twice would be mailed twice.
            register_attendee: True uses up one registration of the plan per person (A).
            columns: Field to column name, where the names alone do not tell; ``custom:LABEL`` names a registration
                field of the event.
            rate: Requests per second.
            max_in_flight: Rows that are being sent at once.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        check_id(airmeet_id, "airmeet_id")
        flags = {"registerAttendee": register_attendee, "sendEmailInvite": send_email_invite}
        overrides = columns or {}

        def recipe(source: OpenRows) -> Recipe:
            table = match_columns(source.header, overrides=overrides) if isinstance(source, Table) else None
            fields = once(partial(_field_book, self._client, airmeet_id))
            return AddAttendees(airmeet_id, flags, columns=table, overrides=overrides, fetch_fields=fields)

        return self._job(rows, recipe, rate, max_in_flight)

    def block_attendees(
        self,
        airmeet_id: str,
        rows: Rows,
        *,
        columns: Mapping[str, str] | None = None,
        rate: Rate = "default",
        max_in_flight: int | None = None,
    ) -> BulkJob:
        """Take the access to an event away from everybody in *rows* (help article, A).

        Args:
            airmeet_id: The event's id.
            rows: Addresses, `Attendee` values, mappings with an e-mail, or the path of a file.
            columns: ``email`` to the name of its column, where the names alone do not tell.
            rate: Requests per second.
            max_in_flight: Rows that are being sent at once.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        build = partial(calls.attendees.block, check_id(airmeet_id, "airmeet_id"))
        return self._job(rows, partial(_by_email, build, columns or {}), rate, max_in_flight)

    def unblock_attendees(
        self,
        airmeet_id: str,
        rows: Rows,
        *,
        columns: Mapping[str, str] | None = None,
        rate: Rate = "default",
        max_in_flight: int | None = None,
    ) -> BulkJob:
        """Give the access to an event back to everybody in *rows* (help article, A).

        Args:
            airmeet_id: The event's id.
            rows: Addresses, `Attendee` values, mappings with an e-mail, or the path of a file.
            columns: ``email`` to the name of its column, where the names alone do not tell.
            rate: Requests per second.
            max_in_flight: Rows that are being sent at once.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        build = partial(calls.attendees.unblock, check_id(airmeet_id, "airmeet_id"))
        return self._job(rows, partial(_by_email, build, columns or {}), rate, max_in_flight)

    def add_speakers(
        self, airmeet_id: str, rows: Rows, *, rate: Rate = "default", max_in_flight: int | None = None
    ) -> BulkJob:
        """Add everybody in *rows* as speakers of an event.

        A row whose outcome is unclear is UNKNOWN and is not sent again, since it is not documented what a second add
        does.

        Args:
            airmeet_id: The event's id.
            rows: `Speaker` values, mappings, or the path of a file with at least e-mail and name.
            rate: Requests per second.
            max_in_flight: Rows that are being sent at once.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        build = partial(calls.speakers.add, check_id(airmeet_id, "airmeet_id"))
        return self._job(rows, lambda source: ByForm(_fitting(SPEAKERS, source), build), rate, max_in_flight)

    def create_sessions(
        self,
        airmeet_id: str,
        rows: Rows,
        *,
        timezone: str | None = None,
        rate: Rate = "default",
        max_in_flight: int | None = None,
    ) -> BulkJob:
        """Create the sessions in *rows*. Their speakers must be in the event first (A): `add_speakers`.

        A session that names somebody who is not on the event's list is sent all the same, with a warning that names
        the address; Airmeet decides. A row whose outcome is unclear is UNKNOWN and is not sent again.

        Args:
            airmeet_id: The event's id.
            rows: `NewSession` values, mappings, or the path of a file with at least title, start and host e-mail.
            timezone: Zone of start times that name none, such as ``Europe/Paris``.
            rate: Requests per second.
            max_in_flight: Rows that are being sent at once.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        build = partial(calls.sessions.create, check_id(airmeet_id, "airmeet_id"))
        people = once(partial(_addresses, self._client, airmeet_id))

        async def look(session: NewSession) -> tuple[str, ...]:
            missing = [one for one in session.speaker_emails if fold(one) not in await people()]
            return tuple(f"{one} is not in the event yet; add it as a speaker first" for one in missing)

        def recipe(source: OpenRows) -> Recipe:
            return ByForm(_fitting(SESSIONS, source), build, timezone=timezone, look=look)

        return self._job(rows, recipe, rate, max_in_flight)

    def create_booths(
        self, airmeet_id: str, rows: Rows, *, rate: Rate = "default", max_in_flight: int | None = None
    ) -> BulkJob:
        """Create the booths in *rows*. A row whose outcome is unclear is UNKNOWN and is not sent again.

        Args:
            airmeet_id: The event's id.
            rows: `NewBooth` values, mappings, or the path of a file with at least a name.
            rate: Requests per second.
            max_in_flight: Rows that are being sent at once.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read, or has no column for a mandatory field; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        build = partial(calls.booths.create, check_id(airmeet_id, "airmeet_id"))
        return self._job(rows, lambda source: ByForm(_fitting(BOOTHS, source), build), rate, max_in_flight)

    def run(
        self,
        rows: Rows,
        build: Callable[[Any], Call[Any]],
        *,
        key: Callable[[Any], str] | None = None,
        rate: Rate = "default",
        max_in_flight: int | None = None,
    ) -> BulkJob:
        """Send what *build* makes of each row: any operation in bulk.

        Args:
            rows: Anything iterable, or the path of a file.
            build: Returns the call for a row; if it raises, that row is INVALID.
            key: What makes a row unique; rows with the key of an earlier one are not sent. None: nothing does.
            rate: Requests per second.
            max_in_flight: Rows that are being sent at once.

        Raises:
            ConfigError: An argument cannot be used.
            InputError: The file cannot be read; nothing was sent.
            BulkStoppedError: On the way: something that concerns all rows ended the run.
        """
        return self._job(rows, lambda _source: Custom(build, key), rate, max_in_flight)

    def _job(self, rows: Rows, recipe: Callable[[OpenRows], Recipe], rate: Rate, max_in_flight: int | None) -> BulkJob:
        client = self._client
        most = client.options.max_in_flight if max_in_flight is None else max_in_flight
        pace = Pace(_job_rate(rate, client.pace.rate), most, parent=client.pace)

        async def make_engine(outbox: Outbox) -> Engine:
            source = await open_rows(rows)
            intake = Intake(recipe(source))
            options = EngineOptions(max_in_flight=most)
            return Engine(client, intake, Feed(source), pace=pace, outbox=outbox, options=options)

        return BulkJob(make_engine)


def _by_email(build: Callable[[str], Call[Any]], overrides: Mapping[str, str], source: OpenRows) -> Recipe:
    if isinstance(source, Table):
        match_columns(source.header, overrides=overrides, required=("email",))
    return ByEmail(build, overrides)


def _fitting(form: Form, source: OpenRows) -> Form:
    """Return *form*, after a look at a file's header: what is missing there is missing in all rows."""
    if isinstance(source, Table):
        form.columns(source.header)
    return form


async def _addresses(client: Client, airmeet_id: str) -> frozenset[str]:
    """Return everybody on the event's list, folded."""
    return frozenset([fold(one.email) async for one in client.participants.list(airmeet_id)])


def _job_rate(asked: Rate, of_client: float | None) -> float | None:
    """Return the run's own rate; where the client has one, that one holds anyway."""
    if asked == "default":
        return None if of_client is not None else DEFAULT_RATE
    return check_rate(asked)


async def _field_book(client: Client, airmeet_id: str) -> FieldBook:
    return FieldBook(await client.custom_fields.list(airmeet_id))
