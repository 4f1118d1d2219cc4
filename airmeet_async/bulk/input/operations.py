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
from typing import Any, Final

from attrs import evolve, fields_dict

from airmeet_async.bulk.input.broken_text import NO_VALUE, find_broken_rows, may_be_broken, text_warnings
from airmeet_async.bulk.input.column_names import parse_attendance, squeezed
from airmeet_async.bulk.input.columns import (
    MANDATORY,
    ColumnMap,
    NearMissError,
    Reading,
    find_columns,
    is_one_slip,
)
from airmeet_async.bulk.input.existing_items import ExistingItems, identity_of
from airmeet_async.bulk.input.row_mapping import RowMapping
from airmeet_async.bulk.report import RowError, RowWarning
from airmeet_async.bulk.row import CallTemplate, Row
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
from airmeet_async.tables import shown, tidy

# Of a list from which nothing but addresses is needed.
ADDRESSES = Reading(preset="none", required=("email",))

_ATTENDEE_FIELDS = tuple(name for name in fields_dict(Attendee) if name != "custom_fields")
_PLAIN_FIELDS = tuple(name for name in _ATTENDEE_FIELDS if name != "attendance_type")
_PLAIN_NAMES = tuple(WIRE_NAMES[name] for name in _PLAIN_FIELDS)
_attendee_values = attrgetter(*_PLAIN_FIELDS)
# Looked up once: for each row, that is a third of what they cost.
_is_common_email = COMMON_EMAIL.fullmatch
_have_value = NO_VALUE.isdisjoint
_MOST_HEADERS = 1000  # sets of keys that are remembered
_MOST_TEMPLATES = 64
_MOST_HARMLESS = 10_000
_SAMPLE = 200  # mappings by whose values a column is judged
_FLAGS = ("registerAttendee", "sendEmailInvite")
_CUSTOM_FIELDS: Final = "custom_fields"

_fetch_first = Problem("", "this row needs what `fetch` gets")


class BulkOperation(ABC):
    """Makes a call of each row. Only errors that concern the whole run are raised.

    Attributes:
        template: What all calls have in common; None where each row has its own.
        is_foreign: It calls functions of the caller, which expect the thread of the event loop.
        event_fields: What the event asks of those who register, where it was asked.
        ignored: Columns, or keys of mappings, that are used for nothing.
    """

    template: CallTemplate | None = None
    is_foreign = False
    event_fields: RegistrationFields | None = None
    ignored: Sequence[str] = ()

    def prepare_rows(self, data: Sequence[Any], lines: Sequence[int | None] | None, first: int) -> list[Row]:
        """Return a row for each element, those that cannot be sent with their error.

        Fewer, where a row needs what `fetch` gets: the caller awaits that, and calls again with the rest.

        Args:
            data: Rows as given.
            lines: Where each stands in its file; None for rows that are not from a file.
            first: Index of the first.

        Raises:
            InputError: There is something about the first rows that concerns all; nothing was sent yet.
        """
        rows: list[Row] = []
        quick_row = self._quick_row
        places: Iterable[int | None] = repeat(None) if lines is None else lines
        for index, (given, line) in enumerate(zip(data, places, strict=False), first):
            row = quick_row(index, line, given)
            if row is None:
                row = Row(index, line, given, "")
                try:
                    problems = self.fill(row)
                except AirmeetError:
                    raise
                except Exception as error:  # noqa: BLE001 - one odd row must not end the run
                    problems = [Problem("invalid_row", f"{type(error).__name__}: {error}")]
                if problems:
                    if problems[0] is _fetch_first:
                        break
                    row.identity, row.template, row.payload = "", None, b""
                    one, *others = problems
                    row.error = RowError(one.code, one.message, column=self._column_of(row, one.field))
                    row.warnings = tuple(
                        RowWarning(other.code, other.message, self._column_of(row, other.field)) for other in others
                    )
            rows.append(row)
        return rows

    @abstractmethod
    def fill(self, row: Row) -> Sequence[Problem]:
        """Set key, identity, template, payload and warnings of a row from its data, or return why it is not sent."""

    def _column_of(self, row: Row, field: str) -> str | None:  # noqa: ARG002
        """Return the column of a row that has a field, or the key of a mapping; None where that is not known."""
        return None

    def _quick_row(self, index: int, line: int | None, data: Any) -> Row | None:  # noqa: ARG002
        return None

    async def fetch_event(self) -> None:  # noqa: B027 - it need not be overridden
        """Get what the event asks of those who register, if that matters."""

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
        self._found: dict[tuple[Any, ...], ColumnMap | Problem] = {}
        self._ignored = dict.fromkeys(columns.ignored) if columns is not None else {}
        self._chunk: Sequence[Any] = ()
        self._first_rows: int | None = None  # how many rows the first chunk has

    @property
    def ignored(self) -> Sequence[str]:  # type: ignore[override]
        return tuple(self._ignored)

    def prepare_rows(self, data: Sequence[Any], lines: Sequence[int | None] | None, first: int) -> list[Row]:
        if self._first_rows is None:
            self._first_rows = first + len(data)
        self._chunk = data
        return super().prepare_rows(data, lines, first)

    def _columns_of(self, data: Mapping[str, Any], index: int = 0) -> ColumnMap | Problem:
        """Find out once per set of keys what they mean; a row without an e-mail is only that row's problem.

        Raises:
            NearMissError: In the first chunk, a key is one slip away from a field.
        """
        if self._columns is not None:
            return self._columns
        keys = tuple(data)
        if (found := self._found.get(keys)) is None:
            names = [str(name) for name in keys if name != _CUSTOM_FIELDS]
            try:
                found = self._find_columns(names, has_custom=len(names) < len(keys))
            except NearMissError as error:
                if index < (self._first_rows or 0):
                    raise
                found = Problem("misspelt_field", str(error))
            except InputError as error:
                found = Problem("missing_field", str(error))
            if len(self._found) >= _MOST_HEADERS:
                self._found.clear()
            if found is not _fetch_first:
                self._found[keys] = found
                if isinstance(found, ColumnMap) and len(self._ignored) < _MOST_HEADERS:
                    self._ignored |= dict.fromkeys(found.ignored)
        return found

    def _column_of(self, row: Row, field: str) -> str | None:
        if not isinstance(row.data, Mapping):
            return None
        columns = self._columns_of(row.data, row.index)
        return columns.column_of(field) if isinstance(columns, ColumnMap) else None

    def _find_columns(self, names: list[str], *, has_custom: bool) -> ColumnMap | Problem:  # noqa: ARG002
        sample = [one for one in self._chunk[:_SAMPLE] if isinstance(one, Mapping)]
        return find_columns(names, self._reading, self.event_fields, sample=sample)


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
        # The keys of the last mapping, and how such mappings are read the quick way; see `_plain_columns`.
        self._keys: tuple[Any, ...] = ()
        self._plain: _PlainColumns | None = None
        # What columns say of whose meaning nothing has to be said, such as "confirmed".
        self._harmless: set[tuple[Any, ...]] = set()
        self._asks_more = False  # the event wants more of each person than a name
        self._know(event_fields)

    def _know(self, event: RegistrationFields | None) -> None:
        self.event_fields = event
        self._asks_more = event is not None and bool(event.is_hybrid or event.required)
        self._keys, self._plain = (), None
        self._found.clear()

    async def fetch(self) -> None:
        await self.fetch_event()

    async def fetch_event(self) -> None:
        if self.event_fields is None and self._fetch_fields is not None:
            self._know(await self._fetch_fields())

    def prepare_rows(self, data: Sequence[Any], lines: Sequence[int | None] | None, first: int) -> list[Row]:
        rows = super().prepare_rows(data, lines, first)
        for row in find_broken_rows(rows):
            if row.error is None and not row.warnings:  # it came the quick way, which does not look at this
                self.fill(row)
        return rows

    def _find_columns(self, names: list[str], *, has_custom: bool) -> ColumnMap | Problem:
        found = super()._find_columns(names, has_custom=has_custom)
        if isinstance(found, ColumnMap) and found.ignored:
            if self.event_fields is None and self._fetch_fields is not None:
                return _fetch_first  # they may be registration fields
            for name in found.ignored:
                is_near = squeezed(name) in _LIKE_CUSTOM_FIELDS or is_one_slip(name, _CUSTOM_FIELDS)
                if is_near and not has_custom and name not in self._reading.overrides:
                    raise NearMissError(name, _CUSTOM_FIELDS, found.spell)
        return found

    def fill(self, row: Row) -> Sequence[Problem]:
        data = row.data
        warnings: tuple[RowWarning, ...] = ()
        problems: list[Problem] = []
        event = self.event_fields
        if isinstance(data, Attendee):
            custom: Any = data.custom_fields
            texts = {name: text for name in _ATTENDEE_FIELDS if (text := tidy(getattr(data, name)))}
            row.key = texts.get("email", "")
        elif isinstance(data, Mapping):
            columns = self._columns_of(data, row.index)
            if isinstance(columns, Problem):
                return [columns]
            texts = columns.pick(data)
            custom = texts.pop("custom_fields", None)
            row.key = texts.get("email", "")
            if problem := columns.refuse(data):
                return [problem]
            if problem := columns.refuse_name(texts, data):
                problems.append(problem)
            warnings += columns.doubts(data)
            if columns.statuses and not warnings and len(self._harmless) < _MOST_HARMLESS:
                self._harmless.add(tuple(str(data.get(column)) for column, _ in columns.statuses))
            if given := data.get("custom_fields"):
                custom = (custom or {}) | dict(given)
        else:
            return [Problem("not_a_row", f"a row must be an Attendee or a mapping, not {type(data).__name__}")]
        if kind := texts.get("attendance_type"):
            if event is None and self._fetch_fields is not None:
                return [_fetch_first]  # whether the event wants it
            texts["attendance_type"] = parse_attendance(kind)
            if event is not None and event.is_hybrid is False:
                del texts["attendance_type"]
        problems += [one for one in check_texts(texts) if not problems or one.field != problems[0].field]
        if not kind and event is not None and event.is_hybrid:
            what = "attendance_type is empty, and this hybrid event needs it: IN-PERSON or VIRTUAL"
            if self._columns is not None and all(match.field != "attendance_type" for match in self._columns.fields):
                what = "this hybrid event needs an attendance_type, IN-PERSON or VIRTUAL: add such a column to the list"
            problems.append(Problem("missing_attendance_type", what, "attendance_type"))
        answers: dict[str, str | list[str]] = {
            name: [tidy(item) for item in value] if isinstance(value, (list, tuple)) else tidy(value)
            for name, value in (custom or {}).items()
        }
        answers = {name: value for name, value in answers.items() if value}
        mapping: list[dict[str, Any]] = []
        if answers and not (event is None and problems):  # the event is asked only if a row needs it
            if event is None:
                return [_fetch_first]
            mapping, wrong = event.resolve(answers)
            problems += wrong
        if problems:
            return problems
        row.payload = add_checked_attendee(self._airmeet_id, texts, mapping, {}).payload
        row.identity, row.template = fold(row.key), self.template
        if event is not None and event.required:
            answered = {answer["fieldId"] for answer in mapping}
            if labels := [one.label or one.id for one in event.required if one.id not in answered]:
                what = f"no answer for {', '.join(map(shown, labels))}, which this event requires"
                warnings += (RowWarning("missing_answer", f"{what}; Airmeet may refuse the row"),)
        if cut := cuts(texts):
            warnings += (RowWarning("will_be_cut", "; ".join(cut)),)
        row.warnings = warnings
        if not row.key.isascii() or may_be_broken(row.payload) or not NO_VALUE.isdisjoint(texts.values()):
            named = {name: text for name, text in answers.items() if isinstance(text, str)}
            row.warnings += tuple(text_warnings({**texts, **named}))
        return ()

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
                self._keys, self._plain = keys, self._plain_columns(data, index)
            if (plain := self._plain) is None:
                return None
            names, get, pieces, statuses = plain
            if statuses and tuple(str(data[column]) for column in statuses) not in self._harmless:
                return None
            values = get(data)
        elif type(data) is Attendee and data.attendance_type is None and not data.custom_fields and not self._asks_more:
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
        if not _have_value(values):
            return None
        email = values[0]
        if len(values[1]) > NAME_LIMIT or len(values[2]) > NAME_LIMIT or not _is_common_email(email):
            return None
        if len(text) - len(email) > TEXT_LIMIT and max(map(len, values[3:]), default=0) > TEXT_LIMIT:
            return None
        body = pieces.copy()
        body[1::2] = values
        return Row(index, line, data, email, email.lower(), self.template, "".join(body).encode())

    def _plain_columns(self, data: Mapping[str, Any], index: int) -> "_PlainColumns | None":
        """Return how mappings with these keys are read the quick way; None where that takes more than picking texts."""
        columns = self._columns_of(data, index)
        if (
            isinstance(columns, Problem)
            or columns.status
            or columns.nearly
            or _CUSTOM_FIELDS in data
            or self._asks_more
        ):
            return None
        there = [match for match in columns.fields if match.column in data]
        fields = tuple(match.field for match in there)
        if fields[:3] != MANDATORY or "attendance_type" in fields or any(one.column in data for one in columns.custom):
            return None
        names = tuple(WIRE_NAMES[name] for name in fields)
        statuses = tuple(column for column, _ in columns.statuses if column in data)
        if len(statuses) < len(columns.statuses):
            return None
        return names, itemgetter(*[match.column for match in there]), _pieces(names), statuses


# How mappings are read the quick way: the names of their texts in JSON, what gets the texts, the pieces of JSON between
# them, and columns that may say who does not come.
_PlainColumns = tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]], list[str], tuple[str, ...]]
_LIKE_CUSTOM_FIELDS = frozenset({"custom", "customfield", "customfieldmapping"})


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

    is_known = False

    def __init__(self) -> None:
        super().__init__(())

    def resolve(self, values: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[Problem]]:  # noqa: ARG002
        return [], []


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

    def fill(self, row: Row) -> Sequence[Problem]:
        """Take an address, an `Attendee` or a mapping with an e-mail."""
        data = row.data
        if isinstance(data, Mapping):
            columns = self._columns_of(data)
            data = None if isinstance(columns, Problem) else columns.pick(data).get("email")
        elif not isinstance(data, str):
            data = getattr(data, "email", None)
        row.key = email = tidy(data)
        if problem := check_email(email):
            return [problem]
        row.payload = change_access(self.template.endpoint, self.template.path["airmeet_id"], email).payload
        row.identity, row.template = fold(email), self.template
        row.warnings = () if email.isascii() else tuple(text_warnings({"email": email}))
        return ()


class CreateItems(BulkOperation):
    """Creates what has a `RowMapping`: speakers, sessions, booths.

    Args:
        mapping: How a row becomes a value, and a value a call.
        airmeet_id: The event's id.
        timezone: Zone of times that name none.
        fetch_existing: Gets what the event has already, so that nothing is made twice; None makes all.

    Attributes:
        existing: What the event has already, where that is known.
        leaves_out_existing: Rows of which the event has something already are not sent. Of a list that is recorded,
            that is decided later, at each plan and each start.
    """

    leaves_out_existing = True

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
        self.existing: ExistingItems | None = None if fetch_existing else ExistingItems()
        # By the keys of a row: those that are used for nothing, and what is said of those that are nearly a field.
        self._unused: dict[tuple[Any, ...], tuple[RowWarning, ...]] = {}
        self._ignored: dict[str, None] = {}

    @property
    def ignored(self) -> Sequence[str]:  # type: ignore[override]
        return tuple(self._ignored)

    def _warnings_about(self, keys: tuple[Any, ...]) -> tuple[RowWarning, ...]:
        if keys not in self._unused:
            if len(self._unused) >= _MOST_HEADERS:
                self._unused.clear()
            names = tuple(map(str, keys))
            unused, near = self.mapping.unused(names)
            self._ignored |= dict.fromkeys(unused)
            self._unused[keys] = tuple(
                RowWarning("nearly_a_field", f"{shown(column)} is not used; did you mean {name}?")
                for column, name in near.items()
            )
        return self._unused[keys]

    async def fetch(self) -> None:
        if self.existing is None and self._fetch_existing is not None:
            self.existing = await self._fetch_existing()

    def fill(self, row: Row) -> Sequence[Problem]:
        try:
            item = self.mapping.read(row.data, self._timezone)
            row.key = self.mapping.key(item)
            call = self.mapping.build(self.template.path["airmeet_id"], item)
        except (ConfigError, InputError, ExceptionGroup) as error:
            errors = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
            return [Problem("invalid_row", str(one), getattr(one, "field", "")) for one in errors]
        if self.existing is None:
            return [_fetch_first]
        if self.leaves_out_existing and (there := self.existing.find(item)):
            return [Problem(there.code, there.message)]
        warnings = self._warnings_about(tuple(row.data)) if isinstance(row.data, Mapping) else ()
        if isinstance(item, NewSession):
            warnings += self.existing.speaker_warnings(item)
        if isinstance(item, NewBooth) and not self.existing.is_hybrid and self._fetch_existing is not None:
            emails = [one if isinstance(one, str) else one.email for one in item.exhibitors]
            if emails != [*item.exhibitors] and any(
                not isinstance(one, str) and one.attendance_type for one in item.exhibitors
            ):
                # As Airmeet's own connector does it (B).
                call = self.mapping.build(self.template.path["airmeet_id"], evolve(item, exhibitors=emails))
                what = "the event is not hybrid, so the attendance types of exhibitors are left out"
                warnings += (RowWarning("not_hybrid", what),)
        row.identity, row.template, row.payload = identity_of(item), self.template, call.payload
        values = {name: text for name in self.mapping.fields if isinstance(text := getattr(item, name), str) and text}
        row.warnings = (*warnings, *text_warnings(values))
        return ()

    def _column_of(self, row: Row, field: str) -> str | None:
        return field if isinstance(row.data, Mapping) and field in row.data else None


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

    def fill(self, row: Row) -> Sequence[Problem]:
        try:
            row.key = self._key(row.data) if self._key else ""
            call = self._build(row.data)
        except Exception as error:  # noqa: BLE001 - also errors of ours that it raises: they are about this row
            return [Problem("invalid_row", f"{type(error).__name__}: {error}")]
        if not isinstance(call, Call):
            return [Problem("invalid_row", f"build returned {type(call).__name__} instead of a Call")]
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
        return ()
