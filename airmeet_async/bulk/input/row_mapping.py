"""From a row of a table to a speaker, a session or a booth: which column is which field, and how its text is read."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from attrs import evolve, fields, frozen

from airmeet_async import calls
from airmeet_async.bulk.input.column_names import RESULT_COLUMNS, is_own_header, squeezed
from airmeet_async.bulk.input.columns import ColumnMap, Match, is_one_slip, use_columns
from airmeet_async.errors import InputError, InvalidInputError
from airmeet_async.protocol.call import Call, Endpoint
from airmeet_async.protocol.endpoints import BOOTHS_CREATE, SESSIONS_CREATE, SPEAKERS_ADD
from airmeet_async.protocol.models import EXHIBITOR_TYPES, Exhibitor, NewBooth, NewSession, Speaker
from airmeet_async.protocol.validation import check_timezone, check_year, exists
from airmeet_async.tables import Table, tidy

_SEPARATORS = re.compile(r"[;,\s]+")
_EXHIBITOR = re.compile(r"([^;,\s()]+)(?:\s*\(\s*(.*?)\s*\))?")
_WORD_SEPARATORS = re.compile(r"\s*[;,]\s*")
_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}(?![\d-])")
_DATE_LENGTH = len("2026-03-01")
_YES, _NO = frozenset({"yes", "true", "1", "y", "on"}), frozenset({"no", "false", "0", "n", "off"})


def _emails(text: str) -> list[str]:
    return [part for part in _SEPARATORS.split(text) if part]


def _exhibitors(text: str) -> list[Exhibitor]:
    """Read addresses, each with its attendance type behind it where it has one: ``a@x.example (HYBRID)``."""
    return [
        Exhibitor(email=email, attendance_type=_exhibitor_type(kind) if kind else None)
        for email, kind in _EXHIBITOR.findall(text)
    ]


def _exhibitor_type(text: str) -> str:
    if text.upper() in EXHIBITOR_TYPES:
        return text.upper()
    raise InvalidInputError(f"{text!r:.40} is no attendance type of an exhibitor; write {' or '.join(EXHIBITOR_TYPES)}")


def _words(text: str) -> list[str]:
    return [part for part in _WORD_SEPARATORS.split(text.strip()) if part]


def _whole(text: str) -> int:
    if text.isascii() and text.isdigit():
        return int(text)
    raise InvalidInputError(f"{text!r:.40} is not a whole number")


def _flag(text: str) -> bool:
    if text.lower() in _YES | _NO:
        return text.lower() in _YES
    raise InvalidInputError(f"{text!r:.40} is neither yes nor no")


def moment(given: str | datetime, zone: ZoneInfo | None) -> datetime:
    """Read a time; one that names no zone is of *zone*.

    Raises:
        InvalidInputError: It is no time, has no zone at all, or is not on the clocks of its zone once: it was
            skipped or came twice in a night when they changed.
    """
    text = str(given)
    example = "write it like 2026-03-01 10:00 or 2026-03-01T10:00+01:00"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInputError(f"{text!r:.40} is not a time; {example}") from None
    if not _DATE.match(text):  # 2026-W10-7 is a date for Python, and for hardly anybody else
        raise InvalidInputError(f"{text!r:.40} is not written as year, month and day; {example}")
    if len(text) <= _DATE_LENGTH:
        raise InvalidInputError(f"{text!r:.40} has no time of day; {example}, for midnight 2026-03-01 00:00")
    if found.tzinfo is None and zone is None:
        raise InvalidInputError(
            f"{text!r:.40} has no time zone; add one (+01:00), or give a timezone for the whole file"
        )
    check_year(found, repr(text))
    if found.tzinfo is not None or zone is None:
        return found
    first, second = (found.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    if not exists(first):
        raise InvalidInputError(
            f"{text!r:.40} does not exist in {zone.key}: the clocks go forward over it; write another time"
        )
    offsets = " or ".join(one.isoformat()[-6:] for one in (first, second))
    what = f"{text!r:.40} comes twice in {zone.key}, since the clocks go back over it"
    raise InvalidInputError(f"{what}; add which one is meant: {offsets}")


@frozen
class RowMapping:
    """How rows become values of one model.

    Attributes:
        model: What is made.
        endpoint: The operation that creates it.
        build: Makes the call of an event's id and a value.
        required: Fields that must have a column.
        names: Other names of a field, squeezed.
        readers: How a field's text is read, where it is not just text.
        key: How a row is called in results.
    """

    model: type[Any]
    endpoint: Endpoint[Any]
    build: Callable[[str, Any], Call[Any]]
    required: tuple[str, ...]
    names: Mapping[str, str]
    readers: Mapping[str, Callable[[str], Any]]
    key: Callable[[Any], str]

    @property
    def fields(self) -> tuple[str, ...]:
        """The model's fields."""
        return tuple(spec.name for spec in fields(self.model) if spec.name != "speed_networking")

    def columns(self, header: tuple[str, ...]) -> dict[str, str]:
        """Return field to column.

        Raises:
            InputError: Two columns are the same field, or a required field has none.
        """
        found: dict[str, str] = {}
        for column in header:
            name = self.field_of(column)
            if name and name != column and name in header and is_own_header(header):
                continue  # our export of sessions has the speakers' names beside their addresses
            if name in found:
                message = f"columns {found[name]!r} and {column!r} are both {name}; rename one of them"
                raise InputError(message, column=column)
            if name:
                found[name] = column
        missing = [name for name in self.required if name not in found]
        if missing:
            there = ", ".join(map(repr, header)) or "none"
            what = f"no column for {', '.join(missing)}; the columns are {there}. Name it {missing[0]}"
            raise InputError(what, column=missing[0])
        return found

    def unused(self, header: tuple[str, ...]) -> tuple[list[str], dict[str, str]]:
        """Return the columns that are used for nothing, and of these the ones that are nearly called like a field."""
        found = {self.field_of(column) for column in header}
        unused = [column for column in header if self.field_of(column) is None and column not in RESULT_COLUMNS]
        near = {
            column: name
            for column in unused
            if (name := next((one for one in self.fields if one not in found and is_one_slip(column, one)), None))
        }
        return unused, near

    def table_columns(self, table: Table) -> ColumnMap:
        """Return which column of a table is what; its columns are in `Table.use` from now on.

        Raises:
            InputError: That cannot be told; names the file.
        """
        return use_columns(table, lambda _: self._column_map(table.columns))

    def _column_map(self, header: tuple[str, ...]) -> ColumnMap:
        found = self.columns(header)
        matches = (
            Match(name, one, "" if squeezed(name) == squeezed(one) else "guessed") for name, one in found.items()
        )
        others = (name for name in header if name not in found.values() and name not in RESULT_COLUMNS)
        from_results = not set(RESULT_COLUMNS).isdisjoint(header)
        return ColumnMap(tuple(matches), ignored=tuple(others), from_results=from_results)

    def is_header(self, cells: Sequence[str]) -> bool:
        """Whether a line of a file names the columns."""
        return {self.field_of(cell) for cell in cells}.issuperset(self.required)

    def field_of(self, column: str) -> str | None:
        """Return the field that a column is, or None."""
        word = squeezed(column)
        return next((name for name in self.fields if squeezed(name) == word), self.names.get(word))

    def read(self, data: Any, timezone: str | None = None) -> Any:
        """Return the value that a row describes; a value of the model itself is returned as it is.

        Raises:
            InvalidInputError: A cell cannot be read; names the column. Of several it is a group of these.
            InputError: A required column is missing.
        """
        zone = ZoneInfo(check_timezone(timezone)) if timezone else None
        if isinstance(data, self.model):
            start = getattr(data, "start", None)
            if zone is None or not isinstance(start, datetime) or start.tzinfo is not None:
                return data
            return evolve(data, start=moment(start.isoformat(), zone))
        columns = self.columns(tuple(map(str, data)))
        values: dict[str, Any] = {}
        errors: list[InvalidInputError] = []
        for name, column in columns.items():
            cell = data[column]
            value = cell if isinstance(cell, (list, tuple, datetime, bool)) else tidy(cell)
            if isinstance(value, datetime) and value.tzinfo is None:
                value = value.isoformat()  # so that it gets the zone of the list, like a text
            if value == "" and name in self.required:
                errors.append(InvalidInputError(f"{column} is empty", field=column, code="missing_field"))
            if isinstance(value, str) and value:
                try:
                    value = moment(value, zone) if name == "start" else self.readers.get(name, str)(value)
                except InvalidInputError as error:
                    errors.append(InvalidInputError(f"{column}: {error}", field=column, code=error.code))
            if value != "":
                values[name] = value
        if errors:
            raise errors[0] if len(errors) == 1 else ExceptionGroup("cells that cannot be read", errors)
        if kind := values.pop("attendance_type", None):
            values["exhibitors"] = [
                evolve(one, attendance_type=one.attendance_type or kind) for one in values.get("exhibitors", ())
            ]
        return self.model(**values)


_PERSON = {"emailaddress": "email", "mail": "email", "fullname": "name", "speaker": "name", "speakername": "name"}
_DETAILS = {
    "organization": "organisation",
    "company": "organisation",
    "title": "designation",
    "jobtitle": "designation",
}
_IMAGES = {"image": "image_url", "photo": "image_url", "picture": "image_url", "imageurl": "image_url"}

SPEAKERS = RowMapping(
    Speaker,
    SPEAKERS_ADD,
    calls.add_speaker,
    ("email", "name"),
    {**_PERSON, **_DETAILS, **_IMAGES, "biography": "bio"},
    {},
    key=lambda one: one.email,
)
SESSIONS = RowMapping(
    NewSession,
    SESSIONS_CREATE,
    calls.create_session,
    ("title", "start", "host_email"),
    {
        "sessiontitle": "title", "name": "title", "starttime": "start", "sessionstarttime": "start",
        "host": "host_email",
        "duration": "duration_minutes", "minutes": "duration_minutes", "sessionduration": "duration_minutes",
        "description": "summary", "sessionsummary": "summary", "speakers": "speaker_emails", "cohosts": "cohost_emails",
        "tracks": "track_ids", "booth": "booth_id",
    },
    {
        "duration_minutes": _whole, "speaker_emails": _emails, "cohost_emails": _emails, "track_ids": _words,
        "tags": _words,
        "hide_host": _flag,
    },
    key=lambda one: f"{one.title} at {one.start.isoformat()}",
)  # fmt: skip
BOOTHS = RowMapping(
    NewBooth,
    BOOTHS_CREATE,
    calls.create_booth,
    ("name",),
    {
        "booth": "name", "boothname": "name", "exhibitoremails": "exhibitors", "tables": "table_count",
        # Of all exhibitors in a row that have none of their own.
        "attendancetype": "attendance_type", "exhibitorattendancetype": "attendance_type",
    },
    {
        "exhibitors": _exhibitors, "tags": _words, "chat": _flag, "lounge": _flag, "broadcast": _flag,
        "table_count": _whole, "attendance_type": _exhibitor_type,
    },
    key=lambda one: one.name,
)  # fmt: skip
MAPPINGS = {one.endpoint.name: one for one in (SPEAKERS, SESSIONS, BOOTHS)}
