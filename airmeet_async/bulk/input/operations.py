"""The bulk operations: what each makes of an input row, before anything is sent. One row becomes one call."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from attrs import fields_dict, frozen

from airmeet_async.bulk.input.column_names import parse_attendance
from airmeet_async.bulk.input.columns import ColumnMap, Reading, find_columns, match_columns
from airmeet_async.bulk.input.row_mapping import RowMapping, tidy
from airmeet_async.bulk.input.sources import OpenedRows
from airmeet_async.bulk.tables import Table
from airmeet_async.calls.people import add_checked_attendee
from airmeet_async.client.client import Client
from airmeet_async.errors import AirmeetError, ConfigError, InputError
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.models import Attendee, NewSession
from airmeet_async.protocol.validation import Problem, RegistrationFields, check_email, check_texts, cuts, fold
from airmeet_async.protocol.value_class import value

T = TypeVar("T")

_ATTENDEE_FIELDS = tuple(name for name in fields_dict(Attendee) if name != "custom_fields")


@frozen
class EarlierAttempts:
    """Requests that earlier runs of the same journal have sent for a row.

    Attributes:
        entry: Its number in the journal.
        sent: Requests so far.
        charged: Of these, how many count as attempts.
        unclear: One of them may have been applied.
    """

    entry: int
    sent: int = 0
    charged: int = 0
    unclear: bool = False


@value
class PreparedRow:
    """A row that can be sent.

    Attributes:
        key: What makes it unique in the run, as shown in results.
        identity: The same for comparison.
        call: What to send.
        warnings: What will not be kept as it was given.
        earlier: What earlier runs have sent for it, where there is a journal.
    """

    key: str
    identity: str
    call: Call[Any]
    warnings: tuple[str, ...] = ()
    earlier: EarlierAttempts | None = None


@frozen
class InvalidRow:
    """A row that cannot be sent, and why."""

    key: str
    problem: Problem


class BulkOperation(ABC):
    """Makes a call of each row. Only errors that concern the whole run are raised."""

    @abstractmethod
    def prepare(self, data: Any) -> PreparedRow | InvalidRow | None:
        """Return what becomes of a row; None where that is known only after `fetch`."""

    async def fetch(self) -> None:  # noqa: B027 - it need not be overridden
        """Get from Airmeet what has to be known about the event; nothing, for most operations."""


class AddAttendees(BulkOperation):
    """Adds people to an event.

    Args:
        airmeet_id: The event's id, checked.
        flags: ``registerAttendee`` and ``sendEmailInvite``.
        columns: Which column of a file is what, or None to go by the names in each row.
        find: Matches the names in a row with our fields.
        fetch_fields: Gets the event's registration fields; asked once, when the first row needs them.
    """

    def __init__(
        self,
        airmeet_id: str,
        flags: dict[str, bool],
        *,
        columns: ColumnMap | None,
        find: Callable[[Sequence[str]], ColumnMap],
        fetch_fields: Callable[[], Awaitable[RegistrationFields]],
    ) -> None:
        self._airmeet_id = airmeet_id
        self._flags = flags
        self._columns = columns
        self._find = find
        self._fetch_fields = fetch_fields
        self._event_fields: RegistrationFields | None = None
        self._maps: dict[tuple[Any, ...], ColumnMap | str] = {}

    async def fetch(self) -> None:
        self._event_fields = await self._fetch_fields()

    def prepare(self, data: Any) -> PreparedRow | InvalidRow | None:
        """Return what becomes of a row; None where it has custom fields and those of the event are not known yet."""
        read = self._read(data)
        if isinstance(read, InvalidRow):
            return read
        texts, custom = read
        email = texts.get("email", "")
        if problem := check_texts(texts):
            return InvalidRow(email, problem)
        mapping: list[dict[str, Any]] = []
        if custom:  # the event is asked only if a row needs it
            if self._event_fields is None:
                return None
            mapping, problem = self._event_fields.resolve(custom)
            if problem:
                return InvalidRow(email, problem)
        call = add_checked_attendee(self._airmeet_id, texts, mapping, self._flags)
        return PreparedRow(email, fold(email), call, cuts(texts))

    def _read(self, data: Any) -> tuple[dict[str, str], dict[str, str | list[str]]] | InvalidRow:
        """Return a row's own fields and its custom ones as texts, those that are empty left out."""
        if isinstance(data, Attendee):
            custom: Any = data.custom_fields
            texts = {name: text for name in _ATTENDEE_FIELDS if (text := tidy(getattr(data, name)))}
        elif type(data) is dict or isinstance(data, Mapping):
            columns = self._columns or self._columns_of(data)
            if isinstance(columns, str):
                return InvalidRow("", Problem("missing_field", columns))
            texts = columns.pick(data)
            if (columns.status or columns.whole) and (problem := columns.refuse(data)):
                return InvalidRow(texts.get("email", ""), problem)
            custom = texts.pop("custom_fields", None)
            if given := data.get("custom_fields"):
                custom = (custom or {}) | dict(given)
        else:
            problem = Problem("not_a_row", f"a row must be an Attendee or a mapping, not {type(data).__name__}")
            return InvalidRow("", problem)
        if kind := texts.get("attendance_type"):
            texts["attendance_type"] = parse_attendance(kind)
        return texts, _custom(custom) if custom else {}

    def _columns_of(self, data: Mapping[str, Any]) -> ColumnMap | str:
        """Find out once per set of keys what they mean; a row without an e-mail is only that row's problem."""
        keys = tuple(data)
        if (found := self._maps.get(keys)) is None:
            names = tuple(str(name) for name in keys if name != "custom_fields")
            try:
                found = self._find(names)
            except InputError as error:
                found = str(error)
            self._maps[keys] = found
        return found


def _custom(values: Mapping[str, Any]) -> dict[str, str | list[str]]:
    tidied = {
        name: [tidy(item) for item in value] if isinstance(value, (list, tuple)) else tidy(value)
        for name, value in values.items()
    }
    return {name: value for name, value in tidied.items() if value}


class ChangeAccess(BulkOperation):
    """Blocks or unblocks people: it needs an e-mail and nothing else.

    Args:
        build: Makes the call of an address.
        overrides: Field to name in each row, where the names alone do not tell.
    """

    def __init__(self, build: Callable[[str], Call[Any]], overrides: Mapping[str, str] | None = None) -> None:
        self._build = build
        self._overrides = overrides or {}

    def prepare(self, data: Any) -> PreparedRow | InvalidRow:
        """Return what becomes of an address, an `Attendee` or a mapping with an e-mail."""
        email = tidy(data if isinstance(data, str) else self._email_of(data))
        problem = check_email(email)
        return InvalidRow(email, problem) if problem else PreparedRow(email, fold(email), self._build(email))

    def _email_of(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            try:
                columns = match_columns(tuple(data), overrides=self._overrides, required=("email",))
            except InputError:
                return None
            return columns.pick(data).get("email")
        return getattr(data, "email", None)


class SpeakerCheck:
    """Warns of sessions whose speakers are not on the event's list.

    Args:
        fetch: Gets the addresses of everybody on the list, folded.
    """

    def __init__(self, fetch: Callable[[], Awaitable[frozenset[str]]]) -> None:
        self._fetch_list = fetch
        self._people: frozenset[str] | None = None

    async def fetch(self) -> None:
        self._people = await self._fetch_list()

    def warnings(self, session: NewSession) -> tuple[str, ...] | None:
        """Return a sentence for each speaker who is missing; None before the list is there."""
        if self._people is None and session.speaker_emails:
            return None
        missing = [one for one in session.speaker_emails if fold(one) not in (self._people or ())]
        return tuple(f"{one} is not in the event yet; add it as a speaker first" for one in missing)


class CreateItems(BulkOperation):
    """Creates what has a `RowMapping`: speakers, sessions, booths.

    Args:
        mapping: How a row becomes a value.
        build: Makes the call of a value.
        timezone: Zone of times that name none.
        speaker_check: Of sessions.
    """

    def __init__(
        self,
        mapping: RowMapping,
        build: Callable[[Any], Call[Any]],
        *,
        timezone: str | None = None,
        speaker_check: SpeakerCheck | None = None,
    ) -> None:
        self._mapping = mapping
        self._build = build
        self._timezone = timezone
        self._speaker_check = speaker_check

    async def fetch(self) -> None:
        if self._speaker_check is not None:
            await self._speaker_check.fetch()

    def prepare(self, data: Any) -> PreparedRow | InvalidRow | None:
        """Return what becomes of a row; None where it names speakers and the event's list is not known yet."""
        key = ""
        try:
            value = self._mapping.read(data, self._timezone)
            key = self._mapping.key(value)
            call = self._build(value)
        except (ConfigError, InputError) as error:
            return InvalidRow(key, Problem("invalid_row", str(error)))
        warnings = self._speaker_check.warnings(value) if self._speaker_check is not None else ()
        return None if warnings is None else PreparedRow(key, self._mapping.unique(value), call, warnings)


class CustomOperation(BulkOperation):
    """Sends what the caller's own function makes of each row.

    Args:
        build: Makes a call of a row; what it raises makes that row INVALID.
        key: What makes a row unique; None for rows that may repeat.
    """

    def __init__(self, build: Callable[[Any], Call[Any]], key: Callable[[Any], str] | None) -> None:
        self._build = build
        self._key = key

    def prepare(self, data: Any) -> PreparedRow | InvalidRow:
        """Return the caller's call; an exception of the caller's function makes the row invalid."""
        key = ""
        try:
            key = self._key(data) if self._key else ""
            call = self._build(data)
            if not isinstance(call, Call):
                return InvalidRow(
                    key, Problem("invalid_row", f"build returned {type(call).__name__} instead of a Call")
                )
            return PreparedRow(key, fold(key), call)
        except Exception as error:  # noqa: BLE001 - one bad row must not end the run
            return InvalidRow(key, Problem("invalid_row", f"{type(error).__name__}: {error}"))


def change_access(build: Callable[[str], Call[Any]], overrides: Mapping[str, str], source: OpenedRows) -> BulkOperation:
    """Return the operation, after a check of a file's header."""
    if isinstance(source, Table):
        match_columns(source.header, overrides=overrides, required=("email",))
    return ChangeAccess(build, overrides)


def check_header(mapping: RowMapping, source: OpenedRows) -> RowMapping:
    """Return *mapping*, after a check of a file's header: what is missing there is missing in all rows."""
    if isinstance(source, Table):
        mapping.columns(source.header)
    return mapping


async def add_attendees(
    airmeet_id: str,
    flags: dict[str, bool],
    reading: Reading,
    source: OpenedRows,
    fetch_fields: Callable[[], Awaitable[RegistrationFields]],
) -> BulkOperation:
    """Return the operation, after a check of a file's header: columns may be registration fields of the event."""
    table = find_columns(source.header, reading) if isinstance(source, Table) else None
    if isinstance(source, Table) and table and (table.ignored or table.custom):
        table = find_columns(source.header, reading, await fetch_fields())
    find = partial(find_columns, reading=reading)
    return AddAttendees(airmeet_id, flags, columns=table, find=find, fetch_fields=fetch_fields)


async def fetch_registration_fields(client: Client, airmeet_id: str) -> RegistrationFields:
    """Return the event's registration fields."""
    return RegistrationFields(await client.custom_fields.list(airmeet_id))


def fetch_once(fetch: Callable[[], Awaitable[T]]) -> Callable[[], Awaitable[T]]:
    """Return *fetch* with a memory: many rows need the answer at the same time, and it is asked for once.

    An error is remembered, too.
    """
    lock = asyncio.Lock()
    found: list[T | AirmeetError] = []

    async def remembered() -> T:
        async with lock:
            if not found:
                try:
                    found.append(await fetch())
                except AirmeetError as error:
                    found.append(error)
        if isinstance(found[0], AirmeetError):
            raise found[0].again()
        return found[0]

    return remembered
