"""From one input row to one call: what a bulk operation does with a row, before anything is sent."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

from attrs import fields_dict, frozen

from airmeet_async.bulk.input.column_names import parse_attendance
from airmeet_async.bulk.input.columns import ColumnMap, Reading, find_columns, match_columns
from airmeet_async.bulk.input.row_mapping import RowMapping, tidy
from airmeet_async.bulk.input.sources import OpenRows
from airmeet_async.bulk.tables import Table
from airmeet_async.calls.people import add_checked_attendee
from airmeet_async.client.client import Client
from airmeet_async.errors import ConfigError, InputError
from airmeet_async.protocol.call import Call
from airmeet_async.protocol.models import Access, Attendee, NewSession
from airmeet_async.protocol.validation import FieldBook, Problem, check_email, check_texts, cuts, fold
from airmeet_async.protocol.value_class import value

_ATTENDEE_FIELDS = tuple(name for name in fields_dict(Attendee) if name != "custom_fields")


@frozen
class Past:
    """What earlier runs of the same journal have done for a row.

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
class Ready:
    """A row that can be sent.

    Attributes:
        key: What makes it unique in the run, as shown in results.
        identity: The same for comparison.
        call: What to send.
        warnings: What will not be kept as it was given.
        past: What the journal knows of it, where there is one.
    """

    key: str
    identity: str
    call: Call[Any]
    warnings: tuple[str, ...] = ()
    past: Past | None = None


@frozen
class Flawed:
    """A row that cannot be sent, and why."""

    key: str
    problem: Problem


class Recipe(Protocol):
    """Makes a call of a row. Only errors that concern the whole run are raised."""

    def make(self, data: Any) -> Ready | Flawed | None:
        """Return what becomes of a row; None where that is known only after `learn`."""
        ...

    async def learn(self) -> None:
        """Ask Airmeet what has to be known about the event."""
        ...


class AddAttendees:
    """The recipe for adding people.

    Args:
        airmeet_id: The event's id, checked.
        flags: ``registerAttendee`` and ``sendEmailInvite``.
        columns: Which column of a file is what, or None to go by the names in each row.
        find: Tells for the names in a row what they mean.
        fetch_fields: Gets the event's registration fields; asked once, when the first row needs them.
    """

    def __init__(
        self,
        airmeet_id: str,
        flags: dict[str, bool],
        *,
        columns: ColumnMap | None,
        find: Callable[[Sequence[str]], ColumnMap],
        fetch_fields: Callable[[], Awaitable[FieldBook]],
    ) -> None:
        self._airmeet_id = airmeet_id
        self._flags = flags
        self._columns = columns
        self._find = find
        self._fetch_fields = fetch_fields
        self._book: FieldBook | None = None
        self._maps: dict[tuple[Any, ...], ColumnMap | str] = {}

    async def learn(self) -> None:
        """Get the event's registration fields."""
        self._book = await self._fetch_fields()

    def make(self, data: Any) -> Ready | Flawed | None:
        """Return the call that adds this person."""
        read = self._read(data)
        if isinstance(read, Flawed):
            return read
        texts, custom = read
        email = texts.get("email", "")
        if problem := check_texts(texts):
            return Flawed(email, problem)
        mapping: list[dict[str, Any]] = []
        if custom:
            if self._book is None:
                return None
            mapping, problem = self._book.resolve(custom)
            if problem:
                return Flawed(email, problem)
        call = add_checked_attendee(self._airmeet_id, texts, mapping, self._flags)
        return Ready(email, fold(email), call, cuts(texts))

    def _read(self, data: Any) -> tuple[dict[str, str], dict[str, str | list[str]]] | Flawed:
        """Return a row's own fields and its custom ones as texts, those that are empty left out."""
        if isinstance(data, Attendee):
            custom: Any = data.custom_fields
            texts = {name: text for name in _ATTENDEE_FIELDS if (text := tidy(getattr(data, name)))}
        elif type(data) is dict or isinstance(data, Mapping):
            columns = self._columns or self._columns_of(data)
            if isinstance(columns, str):
                return Flawed("", Problem("missing_field", columns))
            texts = columns.pick(data)
            if (columns.status or columns.whole) and (problem := columns.refuse(data)):
                return Flawed(texts.get("email", ""), problem)
            custom = texts.pop("custom_fields", None)
            if given := data.get("custom_fields"):
                custom = (custom or {}) | dict(given)
        else:
            problem = Problem("not_a_row", f"a row must be an Attendee or a mapping, not {type(data).__name__}")
            return Flawed("", problem)
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


class _Knowing:
    """A recipe that need not ask anything."""

    async def learn(self) -> None:
        """Do nothing."""


class ByEmail(_Knowing):
    """The recipe for what needs an e-mail and nothing else: blocking and unblocking.

    Args:
        build: Makes the call of an address.
        overrides: Field to name in each row, where the names alone do not tell.
    """

    def __init__(self, build: Callable[[str], Call[Any]], overrides: Mapping[str, str] | None = None) -> None:
        self._build = build
        self._overrides = overrides or {}

    def make(self, data: Any) -> Ready | Flawed:
        """Return the call for this person."""
        email = tidy(data if isinstance(data, str) else self._email_of(data))
        problem = check_email(email)
        return Flawed(email, problem) if problem else Ready(email, fold(email), self._build(email))

    def _email_of(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            try:
                columns = match_columns(tuple(data), overrides=self._overrides, required=("email",))
            except InputError:
                return None
            return columns.pick(data).get("email")
        return getattr(data, "email", None)


class Look(Protocol):
    """Says what is doubtful about a value, before it is sent."""

    def at(self, value: Any) -> tuple[str, ...] | None:
        """Return the doubts; None where they are known only after `learn`."""
        ...

    async def learn(self) -> None:
        """Ask Airmeet what has to be known about the event."""
        ...


class ByForm:
    """The recipe for what has a `RowMapping`: speakers, sessions, booths.

    Args:
        form: How a row becomes a value.
        build: Makes the call of a value.
        timezone: Zone of times that name none.
        look: Says what is doubtful about a value, before it is sent.
    """

    def __init__(
        self,
        form: RowMapping,
        build: Callable[[Any], Call[Any]],
        *,
        timezone: str | None = None,
        look: Look | None = None,
    ) -> None:
        self._form = form
        self._build = build
        self._timezone = timezone
        self._look = look

    async def learn(self) -> None:
        """Ask for what `look` needs to know."""
        if self._look is not None:
            await self._look.learn()

    def make(self, data: Any) -> Ready | Flawed | None:
        """Return the call for this row."""
        key = ""
        try:
            value = self._form.read(data, self._timezone)
            key = self._form.key(value)
            call = self._build(value)
        except (ConfigError, InputError) as error:
            return Flawed(key, Problem("invalid_row", str(error)))
        warnings = self._look.at(value) if self._look is not None else ()
        return None if warnings is None else Ready(key, self._form.unique(value), call, warnings)


class Custom(_Knowing):
    """The recipe for the caller's own builder.

    Args:
        build: Makes a call of a row; what it raises makes that row INVALID.
        key: What makes a row unique; None for rows that may repeat.
    """

    def __init__(self, build: Callable[[Any], Call[Any]], key: Callable[[Any], str] | None) -> None:
        self._build = build
        self._key = key

    def make(self, data: Any) -> Ready | Flawed:
        """Return the caller's call."""
        key = ""
        try:
            key = self._key(data) if self._key else ""
            call = self._build(data)
            if not isinstance(call, Call):
                return Flawed(key, Problem("invalid_row", f"build returned {type(call).__name__} instead of a Call"))
            return Ready(key, fold(key), call)
        except Exception as error:  # noqa: BLE001 - one bad row must not end the run
            return Flawed(key, Problem("invalid_row", f"{type(error).__name__}: {error}"))


def links_of(value: Any) -> str | None:
    """Return the entry link of an answer that has one."""
    return value.entry_link if isinstance(value, Access) else None


def by_email(build: Callable[[str], Call[Any]], overrides: Mapping[str, str], source: OpenRows) -> Recipe:
    """Return the recipe, after a look at a file's header."""
    if isinstance(source, Table):
        match_columns(source.header, overrides=overrides, required=("email",))
    return ByEmail(build, overrides)


def fitting(form: RowMapping, source: OpenRows) -> RowMapping:
    """Return *form*, after a look at a file's header: what is missing there is missing in all rows."""
    if isinstance(source, Table):
        form.columns(source.header)
    return form


async def by_columns(
    airmeet_id: str,
    flags: dict[str, bool],
    reading: Reading,
    source: OpenRows,
    fetch_fields: Callable[[], Awaitable[FieldBook]],
) -> Recipe:
    """Return the recipe, after a look at a file's header: a column may be one of the event's registration fields."""
    table = find_columns(source.header, reading) if isinstance(source, Table) else None
    if isinstance(source, Table) and table and (table.ignored or table.custom):
        table = find_columns(source.header, reading, await fetch_fields())
    find = partial(find_columns, reading=reading)
    return AddAttendees(airmeet_id, flags, columns=table, find=find, fetch_fields=fetch_fields)


async def addresses(client: Client, airmeet_id: str) -> frozenset[str]:
    """Return everybody on the event's list, folded."""
    return frozenset([fold(one.email) async for one in client.participants.list(airmeet_id)])


class KnownSpeakers:
    """Doubts sessions whose speakers are not on the event's list.

    Args:
        fetch: Gets everybody on the list, folded.
    """

    def __init__(self, fetch: Callable[[], Awaitable[frozenset[str]]]) -> None:
        self._fetch = fetch
        self._people: frozenset[str] | None = None

    async def learn(self) -> None:
        """Get the list."""
        self._people = await self._fetch()

    def at(self, session: NewSession) -> tuple[str, ...] | None:
        """Return a sentence for each speaker who is missing; None before the list is there."""
        if self._people is None and session.speaker_emails:
            return None
        missing = [one for one in session.speaker_emails if fold(one) not in (self._people or ())]
        return tuple(f"{one} is not in the event yet; add it as a speaker first" for one in missing)


async def field_book(client: Client, airmeet_id: str) -> FieldBook:
    """Return the event's registration fields."""
    return FieldBook(await client.custom_fields.list(airmeet_id))
