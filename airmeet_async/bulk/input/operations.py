"""The bulk operations: what each makes of an input row, before anything is sent. One row becomes one call."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from attrs import fields_dict, frozen

from airmeet_async.bulk.input.column_names import parse_attendance
from airmeet_async.bulk.input.columns import ColumnMap, Reading, find_columns
from airmeet_async.bulk.input.row_mapping import RowMapping
from airmeet_async.calls.people import add_checked_attendee
from airmeet_async.errors import AirmeetError, ConfigError, InputError
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.models import Attendee
from airmeet_async.protocol.validation import Problem, RegistrationFields, check_email, check_texts, cuts, fold
from airmeet_async.protocol.value_class import value
from airmeet_async.tables import tidy

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


# Of a list from which nothing but addresses is needed.
ADDRESSES = Reading(preset="none", required=("email",))


class BulkOperation(ABC):
    """Makes a call of each row. Only errors that concern the whole run are raised."""

    @abstractmethod
    def prepare(self, data: Any) -> PreparedRow | InvalidRow | None:
        """Return what becomes of a row; None where that is known only after `fetch`."""

    async def fetch(self) -> None:  # noqa: B027 - it need not be overridden
        """Get from Airmeet what has to be known about the event; nothing, for most operations."""


class _PeopleOperation(BulkOperation):
    """Makes a call of each row of a list of people.

    Args:
        reading: How the columns of a row are found.
        columns: Which column of a table is what; None to go by the names in each row.
    """

    def __init__(self, reading: Reading, columns: ColumnMap | None) -> None:
        self._reading = reading
        self._columns = columns
        self._found: dict[tuple[Any, ...], ColumnMap | str] = {}

    def _columns_of(self, data: Mapping[str, Any]) -> ColumnMap | str:
        """Find out once per set of keys what they mean; a row without an e-mail is only that row's problem."""
        keys = tuple(data)
        if (found := self._found.get(keys)) is None:
            try:
                found = find_columns([str(name) for name in keys if name != "custom_fields"], self._reading)
            except InputError as error:
                found = str(error)
            self._found[keys] = found
        return found


class AddAttendees(_PeopleOperation):
    """Adds people to an event.

    Args:
        airmeet_id: The event's id, checked.
        flags: ``registerAttendee`` and ``sendEmailInvite``.
        reading: How the columns of a row are found.
        fetch_fields: Gets the event's registration fields; asked once, when the first row needs them.
        columns: Which column of a table is what; None to go by the names in each row.
    """

    def __init__(
        self,
        airmeet_id: str,
        flags: dict[str, bool],
        reading: Reading,
        fetch_fields: Callable[[], Awaitable[RegistrationFields]],
        columns: ColumnMap | None = None,
    ) -> None:
        super().__init__(reading, columns)
        self._airmeet_id = airmeet_id
        self._flags = flags
        self._fetch_fields = fetch_fields
        self._event_fields: RegistrationFields | None = None

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
            message = f"a row must be an Attendee or a mapping, not {type(data).__name__}"
            return InvalidRow("", Problem("not_a_row", message))
        if kind := texts.get("attendance_type"):
            texts["attendance_type"] = parse_attendance(kind)
        if not custom:
            return texts, {}
        tidied = {
            name: [tidy(item) for item in value] if isinstance(value, (list, tuple)) else tidy(value)
            for name, value in custom.items()
        }
        return texts, {name: value for name, value in tidied.items() if value}


class ChangeAccess(_PeopleOperation):
    """Blocks or unblocks people: it needs an e-mail and nothing else.

    Args:
        build: Makes the call of an address.
        reading: How the column of the addresses is found.
        columns: Which column of a table is what; None to go by the names in each row.
    """

    def __init__(
        self, build: Callable[[str], Call[Any]], reading: Reading = ADDRESSES, columns: ColumnMap | None = None
    ) -> None:
        super().__init__(reading, columns)
        self._build = build

    def prepare(self, data: Any) -> PreparedRow | InvalidRow:
        """Return what becomes of an address, an `Attendee` or a mapping with an e-mail."""
        if isinstance(data, Mapping):
            columns = self._columns or self._columns_of(data)
            data = None if isinstance(columns, str) else columns.pick(data).get("email")
        elif not isinstance(data, str):
            data = getattr(data, "email", None)
        email = tidy(data)
        problem = check_email(email)
        return InvalidRow(email, problem) if problem else PreparedRow(email, fold(email), self._build(email))


class CreateItems(BulkOperation):
    """Creates what has a `RowMapping`: speakers, sessions, booths.

    Args:
        mapping: How a row becomes a value.
        build: Makes the call of a value.
        timezone: Zone of times that name none.
        fetch_people: Gets the folded addresses of everybody in the event, to warn of sessions whose speakers are not
            among them; None for no warnings.
    """

    def __init__(
        self,
        mapping: RowMapping,
        build: Callable[[Any], Call[Any]],
        *,
        timezone: str | None = None,
        fetch_people: Callable[[], Awaitable[frozenset[str]]] | None = None,
    ) -> None:
        self.mapping = mapping
        self._build = build
        self._timezone = timezone
        self._fetch_people = fetch_people
        self._people: frozenset[str] | None = None

    async def fetch(self) -> None:
        if self._fetch_people is not None:
            self._people = await self._fetch_people()

    def prepare(self, data: Any) -> PreparedRow | InvalidRow | None:
        """Return what becomes of a row; None where it names speakers and the event's list is not known yet."""
        key = ""
        try:
            item = self.mapping.read(data, self._timezone)
            key = self.mapping.key(item)
            call = self._build(item)
        except (ConfigError, InputError) as error:
            return InvalidRow(key, Problem("invalid_row", str(error)))
        speakers: Sequence[str] = item.speaker_emails if self._fetch_people is not None else ()
        if speakers and self._people is None:
            return None
        missing = [one for one in speakers if fold(one) not in (self._people or ())]
        warnings = tuple(f"{one} is not in the event yet; add this speaker first" for one in missing)
        return PreparedRow(key, self.mapping.unique(item), call, warnings)


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
            if isinstance(call, Call):
                return PreparedRow(key, fold(key), call)
            message = f"build returned {type(call).__name__} instead of a Call"
        except Exception as error:  # noqa: BLE001 - one bad row must not end the run
            message = f"{type(error).__name__}: {error}"
        return InvalidRow(key, Problem("invalid_row", message))


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
