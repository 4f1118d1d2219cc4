"""The bulk operations: what each makes of a row of the input, before anything is sent. One row becomes one call.

1. `BulkOperation.fill` says what a row means. It is written for reading, and decides.
2. `AddAttendees` has a quick way for plain rows, which are nearly all of a list: texts in known columns, with nothing
   to be said about them. It is a subset: what it returns is what `fill` would have made, byte for byte, and whatever
   is not plain is left to `fill`. A property test says so.
3. What has to be known about the event (registration fields, participants) is asked for once, before the first row
   that needs it.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import compress, repeat
from operator import attrgetter, is_not, itemgetter
from typing import Any

from attrs import evolve, fields_dict

from airmeet_async.bulk.input.column_names import parse_attendance
from airmeet_async.bulk.input.columns import MANDATORY, ColumnMap, Reading, find_columns
from airmeet_async.bulk.input.existing_items import ExistingItems, identity_of
from airmeet_async.bulk.input.row_mapping import RowMapping
from airmeet_async.bulk.report import RowError
from airmeet_async.bulk.row import EXISTS, CallTemplate, Row
from airmeet_async.calls.people import WIRE_NAMES, add_checked_attendee, change_access
from airmeet_async.errors import AirmeetError, ConfigError, InputError
from airmeet_async.protocol import json_codec
from airmeet_async.protocol.base_urls import check_ids
from airmeet_async.protocol.call import Call, Endpoint
from airmeet_async.protocol.endpoints import ATTENDEES_ADD
from airmeet_async.protocol.models import Attendee, NewBooth, NewSession
from airmeet_async.protocol.validation import (
    COMMON_EMAIL,
    NAME_LIMIT,
    TEXT_LIMIT,
    Problem,
    RegistrationFields,
    check_email,
    check_texts,
    cuts,
    fold,
)
from airmeet_async.tables import tidy

# Of a list from which nothing but addresses is needed.
ADDRESSES = Reading(preset="none", required=("email",))

_ATTENDEE_FIELDS = tuple(name for name in fields_dict(Attendee) if name != "custom_fields")
_PLAIN_FIELDS = tuple(name for name in _ATTENDEE_FIELDS if name != "attendance_type")
_PLAIN_NAMES = tuple(WIRE_NAMES[name] for name in _PLAIN_FIELDS)
_attendee_values = attrgetter(*_PLAIN_FIELDS)
_MOST_HEADERS = 1000  # sets of keys that are remembered
_MOST_TEMPLATES = 64
_FLAGS = ("registerAttendee", "sendEmailInvite")

_fetch_first = Problem("", "this row needs what `fetch` gets")


class BulkOperation(ABC):
    """Makes a call of each row. Only errors that concern the whole run are raised.

    Attributes:
        template: What all calls have in common; None where each row has its own.
        is_foreign: It calls functions of the caller, which expect the thread of the event loop.
    """

    template: CallTemplate | None = None
    is_foreign = False

    def prepare_rows(self, data: Sequence[Any], lines: Sequence[int | None] | None, first: int) -> list[Row]:
        """Return a row for each element, those that cannot be sent with their error.

        Fewer, where a row needs what `fetch` gets: the caller awaits that, and calls again with the rest.

        Args:
            data: Rows as given.
            lines: Where each stands in its file; None for rows that are not from a file.
            first: Index of the first.
        """
        rows: list[Row] = []
        quick_row = self._quick_row
        places: Iterable[int | None] = repeat(None) if lines is None else lines
        for index, (given, line) in enumerate(zip(data, places, strict=False), first):
            row = quick_row(index, line, given)
            if row is None:
                row = Row(index, line, given, "")
                try:
                    problem = self.fill(row)
                except AirmeetError:
                    raise
                except Exception as error:  # noqa: BLE001 - one odd row must not end the run
                    problem = Problem("invalid_row", f"{type(error).__name__}: {error}")
                if problem is _fetch_first:
                    break
                if problem:
                    row.identity, row.template, row.payload, row.warnings = "", None, b"", ()
                    row.error = RowError(problem.code, problem.message)
            rows.append(row)
        return rows

    @abstractmethod
    def fill(self, row: Row) -> Problem | None:
        """Set key, identity, template, payload and warnings of a row from its data, or return why it is not sent."""

    def _quick_row(self, index: int, line: int | None, data: Any) -> Row | None:  # noqa: ARG002
        return None

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
        if self._columns is not None:
            return self._columns
        keys = tuple(data)
        if (found := self._found.get(keys)) is None:
            try:
                found = find_columns([str(name) for name in keys if name != "custom_fields"], self._reading)
            except InputError as error:
                found = str(error)
            if len(self._found) >= _MOST_HEADERS:
                self._found.clear()
            self._found[keys] = found
        return found


class AddAttendees(_PeopleOperation):
    """Adds people to an event.

    Args:
        airmeet_id: The event's id, checked.
        flags: ``registerAttendee`` and ``sendEmailInvite``.
        reading: How the columns of a row are found.
        columns: Which column of a table is what; None to go by the names in each row.
        event_fields: The event's registration fields, where they are known already.
        fetch_fields: Gets them when the first row needs them.
    """

    def __init__(
        self,
        airmeet_id: str,
        flags: Mapping[str, bool],
        reading: Reading,
        *,
        columns: ColumnMap | None = None,
        event_fields: RegistrationFields | None = None,
        fetch_fields: Callable[[], Awaitable[RegistrationFields]] | None = None,
    ) -> None:
        super().__init__(reading, columns)
        self.template: CallTemplate = CallTemplate(ATTENDEES_ADD, {"airmeet_id": airmeet_id}, flags=flags)
        self._airmeet_id = airmeet_id
        self._fetch_fields = fetch_fields
        self._event_fields = event_fields
        # The keys of the last mapping, and how such mappings are read the quick way: names, values, pieces of JSON.
        self._keys: tuple[Any, ...] = ()
        self._plain: tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]], list[str]] | None = None

    async def fetch(self) -> None:
        if self._event_fields is None and self._fetch_fields is not None:
            self._event_fields = await self._fetch_fields()

    def fill(self, row: Row) -> Problem | None:
        data = row.data
        if isinstance(data, Attendee):
            custom: Any = data.custom_fields
            texts = {name: text for name in _ATTENDEE_FIELDS if (text := tidy(getattr(data, name)))}
            row.key = texts.get("email", "")
        elif isinstance(data, Mapping):
            columns = self._columns_of(data)
            if isinstance(columns, str):
                return Problem("missing_field", columns)
            texts = columns.pick(data)
            custom = texts.pop("custom_fields", None)
            row.key = texts.get("email", "")
            if problem := columns.refuse(data):
                return problem
            if given := data.get("custom_fields"):
                custom = (custom or {}) | dict(given)
        else:
            return Problem("not_a_row", f"a row must be an Attendee or a mapping, not {type(data).__name__}")
        if kind := texts.get("attendance_type"):
            texts["attendance_type"] = parse_attendance(kind)
        if problem := check_texts(texts):
            return problem
        answers: dict[str, str | list[str]] = {
            name: [tidy(item) for item in value] if isinstance(value, (list, tuple)) else tidy(value)
            for name, value in (custom or {}).items()
        }
        answers = {name: value for name, value in answers.items() if value}
        mapping: list[dict[str, Any]] = []
        if answers:  # the event is asked only if a row needs it
            if self._event_fields is None:
                return _fetch_first
            mapping, problem = self._event_fields.resolve(answers)
            if problem:
                return problem
        row.payload = add_checked_attendee(self._airmeet_id, texts, mapping, {}).payload
        row.identity, row.template, row.warnings = fold(row.key), self.template, cuts(texts)
        return None

    def _quick_row(self, index: int, line: int | None, data: Any) -> Row | None:
        """Return a plain row as `fill` would leave it; None for whatever is not plain.

        The texts are looked at as one, joined by blanks: two blanks in a row may be a cell that is empty or has to be
        stripped. A printable text without quotes and backslashes stands in JSON as it is.
        """
        names: tuple[str, ...]
        values: Sequence[Any]
        if type(data) is dict:
            keys = tuple(data)
            if keys != self._keys:
                self._keys, self._plain = keys, self._plain_columns(data)
            if (plain := self._plain) is None:
                return None
            names, get, pieces = plain
            values = get(data)
        elif type(data) is Attendee and data.attendance_type is None and not data.custom_fields:
            given = _attendee_values(data)
            is_given = tuple(map(is_not, given, repeat(None)))
            if is_given[:3] != (True, True, True):
                return None
            values = [*compress(given, is_given)]
            names, pieces = _attendee_pieces(is_given)
        else:
            return None
        try:
            text = " ".join(values)
        except TypeError:  # there is something that is no text
            return None
        if '"' in text or "\\" in text or not text.isprintable():
            return None
        if "  " in text or text[-1] == " ":
            pairs = [(name, bare) for name, value in zip(names, values, strict=True) if (bare := str.strip(value))]
            names, values = tuple(name for name, _ in pairs), [value for _, value in pairs]
            if names[:3] != _PLAIN_NAMES[:3]:
                return None
            pieces = _pieces(names)
        email = values[0]
        if len(values[1]) > NAME_LIMIT or len(values[2]) > NAME_LIMIT or not COMMON_EMAIL.fullmatch(email):
            return None
        if len(text) - len(email) > TEXT_LIMIT and max(map(len, values[3:]), default=0) > TEXT_LIMIT:
            return None
        body = pieces.copy()
        body[1::2] = values
        return Row(index, line, data, email, email.lower(), self.template, "".join(body).encode())

    def _plain_columns(
        self, data: Mapping[str, Any]
    ) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]], list[str]] | None:
        """Return how mappings with these keys are read the quick way; None where that takes more than picking texts."""
        columns = self._columns_of(data)
        if isinstance(columns, str) or columns.status or "custom_fields" in data:
            return None
        there = [match for match in columns.fields if match.column in data]
        fields = tuple(match.field for match in there)
        if fields[:3] != MANDATORY or "attendance_type" in fields or any(one.column in data for one in columns.custom):
            return None
        names = tuple(WIRE_NAMES[name] for name in fields)
        return names, itemgetter(*[match.column for match in there]), _pieces(names)


@lru_cache(maxsize=256)
def _attendee_pieces(is_given: tuple[bool, ...]) -> tuple[tuple[str, ...], list[str]]:
    names = tuple(compress(_PLAIN_NAMES, is_given))
    return names, _pieces(names)


@lru_cache(maxsize=256)
def _pieces(names: tuple[str, ...]) -> list[str]:
    """Return a JSON object of texts in pieces; every second one is to be replaced by a text."""
    pieces = [piece for name in names for piece in (f'","{name}":"', "")]
    return ['{"' + pieces[0].removeprefix('","'), *pieces[1:], '"}']


class UncheckedFields(RegistrationFields):
    """Takes every registration field for known: the event was not asked."""

    def __init__(self) -> None:
        super().__init__(())

    def resolve(self, values: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Problem | None]:  # noqa: ARG002
        return [], None


class ChangeAccess(_PeopleOperation):
    """Blocks or unblocks people: it needs an e-mail and nothing else.

    Args:
        endpoint: The one or the other.
        airmeet_id: The event's id.
        reading: How the column of the addresses is found.
        columns: Which column of a table is what; None to go by the names in each row.
    """

    def __init__(
        self, endpoint: Endpoint[Any], airmeet_id: str, reading: Reading = ADDRESSES, columns: ColumnMap | None = None
    ) -> None:
        super().__init__(reading, columns)
        self.template: CallTemplate = CallTemplate(endpoint, check_ids(airmeet_id=airmeet_id))

    def fill(self, row: Row) -> Problem | None:
        """Take an address, an `Attendee` or a mapping with an e-mail."""
        data = row.data
        if isinstance(data, Mapping):
            columns = self._columns_of(data)
            data = None if isinstance(columns, str) else columns.pick(data).get("email")
        elif not isinstance(data, str):
            data = getattr(data, "email", None)
        row.key = email = tidy(data)
        if problem := check_email(email):
            return problem
        row.payload = change_access(self.template.endpoint, self.template.path["airmeet_id"], email).payload
        row.identity, row.template = fold(email), self.template
        return None


class CreateItems(BulkOperation):
    """Creates what has a `RowMapping`: speakers, sessions, booths.

    Args:
        mapping: How a row becomes a value, and a value a call.
        airmeet_id: The event's id.
        timezone: Zone of times that name none.
        fetch_existing: Gets what the event has already, so that nothing is made twice; None makes all.
    """

    def __init__(
        self,
        mapping: RowMapping,
        airmeet_id: str,
        *,
        timezone: str | None = None,
        fetch_existing: Callable[[], Awaitable[ExistingItems]] | None = None,
    ) -> None:
        self.mapping = mapping
        self.template: CallTemplate = CallTemplate(mapping.endpoint, check_ids(airmeet_id=airmeet_id))
        self._timezone = timezone
        self._fetch_existing = fetch_existing
        self._existing: ExistingItems | None = None if fetch_existing else ExistingItems()

    async def fetch(self) -> None:
        if self._existing is None and self._fetch_existing is not None:
            self._existing = await self._fetch_existing()

    def fill(self, row: Row) -> Problem | None:
        try:
            item = self.mapping.read(row.data, self._timezone)
            row.key = self.mapping.key(item)
            call = self.mapping.build(self.template.path["airmeet_id"], item)
        except (ConfigError, InputError) as error:
            return Problem("invalid_row", str(error))
        if self._existing is None:
            return _fetch_first
        if message := self._existing.find(item):
            return Problem(EXISTS, message)
        if isinstance(item, NewSession):
            missing = self._existing.missing_speakers(item)
            row.warnings = tuple(f"{one} is not in the event yet; add this speaker first" for one in missing)
        if isinstance(item, NewBooth) and not self._existing.is_hybrid and self._fetch_existing is not None:
            emails = [one if isinstance(one, str) else one.email for one in item.exhibitors]
            if emails != [*item.exhibitors] and any(
                not isinstance(one, str) and one.attendance_type for one in item.exhibitors
            ):
                # As Airmeet's own connector does it (B).
                call = self.mapping.build(self.template.path["airmeet_id"], evolve(item, exhibitors=emails))
                row.warnings = ("the event is not hybrid, so the attendance types of exhibitors are left out",)
        row.identity, row.template, row.payload = identity_of(item), self.template, call.payload
        return None


class CustomOperation(BulkOperation):
    """Sends what the caller's own function makes of each row.

    Args:
        build: Makes a call of a row; what it raises makes that row INVALID.
        key: What makes a row unique; None for rows that may repeat.
    """

    is_foreign = True

    def __init__(self, build: Callable[[Any], Call[Any]], key: Callable[[Any], str] | None) -> None:
        self._build = build
        self._key = key
        self._templates: dict[tuple[Any, ...], CallTemplate] = {}

    def fill(self, row: Row) -> Problem | None:
        try:
            row.key = self._key(row.data) if self._key else ""
            call = self._build(row.data)
        except Exception as error:  # noqa: BLE001 - also errors of ours that it raises: they are about this row
            return Problem("invalid_row", f"{type(error).__name__}: {error}")
        if not isinstance(call, Call):
            return Problem("invalid_row", f"build returned {type(call).__name__} instead of a Call")
        payload, flags = call.payload, dict[str, bool]()
        if call.endpoint is ATTENDEES_ADD and isinstance(call.body, Mapping):
            flags = {name: call.body[name] for name in _FLAGS if isinstance(call.body.get(name), bool)}
            rest = {name: value for name, value in call.body.items() if name not in flags}
            if flags and rest:  # so that a repeat can leave out the mail
                payload = json_codec.encode(rest)
            else:
                flags = {}
        template = CallTemplate(call.endpoint, call.path, call.query, flags)
        key = (call.endpoint.name, *call.path.items(), *call.query.items(), *flags.items())
        if self._templates.get(key) != template:
            if len(self._templates) >= _MOST_TEMPLATES:
                self._templates.clear()
            self._templates[key] = template
        row.identity, row.template, row.payload = fold(row.key), self._templates[key], payload
        return None
