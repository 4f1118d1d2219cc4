"""The columns of every list, under the documented names of ``--json`` and ``airmeet export``; printed and written."""

import codecs
import csv
import json
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any, Self

from attrs import evolve, fields_dict, frozen

from airmeet_async.cli.console import Console, Output
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.errors import ConfigError
from airmeet_async.formatting import wrapped
from airmeet_async.private_files import NewFile, check_target
from airmeet_async.protocol.decoding import odd_members
from airmeet_async.protocol.models import CustomField, PollAnswer, Question
from airmeet_async.protocol.redact import escape
from airmeet_async.tables import csv_line

Getter = Callable[[Any], Any]

_SECRET_NAMES = frozenset({
    "accesstoken", "code", "downloadlink", "entrylink", "joininglink", "jwt", "magiclink", "password", "secret",
    "token",
})  # fmt: skip
_SECRET_TEXT = re.compile(r"(?i)[?&](code|token|signature)=|\beyJ[\w-]{6,}\.[\w-]+\.")
_NARROWEST = 8
_EMPTY: tuple[Any, ...] = (None, "", ())
_KINDS = (".csv", ".jsonl", ".ndjson")
_ROWS_AT_ONCE = 100
_BYTES_AT_ONCE = 256 * 1024
_SECONDS_BETWEEN_NEWS = 10.0


class ListRow(dict[str, Any]):
    """One row of a list: the documented columns in their order, then whatever else Airmeet sent."""

    def __repr__(self) -> str:
        return f"<{len(self)} columns>"  # links may be among them


@frozen
class Pair:
    """Two values that make one row.

    Attributes:
        of: The session, the booth or the person; for a session the addresses of its people by their ids.
        one: One attendee of it, one answer or question of theirs, or the session.
    """

    of: Any
    one: Any


@frozen
class ListFormat:
    """How the items of one list become rows.

    Attributes:
        noun: What one row is called.
        columns: Each documented column, and how to read it from an item.
        shown: The columns of the table on a terminal of 80 characters.
        links: Columns whose holder gets in; they are left out unless somebody asks for them.
        parts: What makes several rows of one item.
        besides: Whatever else Airmeet sent with a row.
        has_fields: Whether each registration field of the event can have a column, too.
        gives_way: Columns that make room for texts in a table: of a time the day is left, and others go.
        days: Columns of times of which the table shows the day.
    """

    noun: str
    columns: Mapping[str, Getter]
    shown: tuple[str, ...]
    links: frozenset[str] = frozenset()
    parts: Callable[[Any], Iterable[Any]] = lambda item: (item,)
    besides: Getter = attrgetter("extra")
    has_fields: bool = False
    gives_way: tuple[str, ...] = ()
    days: frozenset[str] = frozenset()

    def rows(self, item: Any) -> Iterator[ListRow]:
        """Yield the rows of an item; a documented column wins over an extra one of its name."""
        for part in self.parts(item):
            cells = {name: get(part) for name, get in self.columns.items()}
            extra = self.besides(part)
            yield ListRow(cells | (extra if self.links else without_secrets(extra)) | cells)

    def table(self, rows: Iterable[Mapping[str, Any]], *, titles: bool = True) -> list[list[str]]:
        """Return rows for people, below their titles."""
        names = [name for name in self.shown if name in self.columns]
        head = [[name.replace("_", " ").upper() for name in names]] if titles else []
        return [*head, *([self._shown_cell(name, row[name]) for name in names] for row in rows)]

    def _shown_cell(self, name: str, value: Any) -> str:
        return f"{value:%Y-%m-%d}" if name in self.days and isinstance(value, datetime) else shown_value(value)

    def narrowed(self, rows: Sequence[Mapping[str, Any]], width: int) -> "ListFormat":
        """Return the same, with columns that give way until these rows fit in lines of a width."""
        form = self
        for name in self.gives_way:
            widths = column_widths(form.table(rows))
            if sum(widths) + 2 * (len(widths) - 1) <= width:
                break
            if any(isinstance(row[name], datetime) for row in rows):
                form = evolve(form, days=form.days | {name})
            else:
                form = evolve(form, shown=tuple(one for one in form.shown if one != name))
        return form

    def without_links(self) -> "ListFormat":
        """Return the same without the columns that let people in."""
        kept = {name: get for name, get in self.columns.items() if name not in self.links}
        return evolve(self, columns=kept, links=frozenset())

    def with_fields(self, fields: Sequence[CustomField]) -> "ListFormat":
        """Return the same with a column ``custom:LABEL`` for each registration field."""
        names = field_names(fields)

        def answer_to(field_id: str, person: Any) -> Any:
            return next((answer.value for answer in person.fields if answer.field_id == field_id), None)

        def besides(person: Any) -> dict[str, Any]:
            others = {f"custom:{one.field_id}": one.value for one in person.fields if one.field_id not in names}
            return {**others, **self.besides(person)}

        added = {f"custom:{name}": partial(answer_to, field_id) for field_id, name in names.items()}
        return evolve(self, columns={**self.columns, **added}, besides=besides)


def field_names(fields: Sequence[CustomField]) -> dict[str, str]:
    """Return id to label; to the id itself where a label is missing or not the only one."""
    labels = Counter(one.label for one in fields)
    return {one.id: one.label if one.label and labels[one.label] == 1 else one.id for one in fields}


def without_secrets(value: Any) -> Any:
    """Return a JSON value without the members that look like keys to something."""

    def is_secret(name: str, inner: Any) -> bool:
        squeezed = re.sub(r"[\W_]+", "", name).lower()
        return squeezed in _SECRET_NAMES or (isinstance(inner, str) and _SECRET_TEXT.search(inner) is not None)

    if isinstance(value, Mapping):
        return {name: without_secrets(inner) for name, inner in value.items() if not is_secret(name, inner)}
    if isinstance(value, (list, tuple)):
        return [without_secrets(inner) for inner in value if not is_secret("", inner)]
    return value


def json_value(value: Any) -> Any:
    """Return a value as JSON has it: a time in ISO 8601."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: json_value(inner) for name, inner in value.items()}
    return [json_value(one) for one in value] if isinstance(value, (list, tuple)) else value


def csv_value(value: Any) -> str:
    """Return a value for a cell of a file; the parts of a list stand between semicolons."""
    found = json_value(value)
    if found is None:
        return ""
    if isinstance(found, list) and all(isinstance(one, (str, int, float)) for one in found):
        return "; ".join(map(str, found))
    return str(found) if isinstance(found, str) else json.dumps(found, ensure_ascii=False, default=str)


def shown_value(value: Any) -> str:
    """Return any value for people."""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M %Z")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return csv_value(value) or "-"


def table_lines(rows: Sequence[Sequence[str]], widths: list[int] | None = None) -> list[str]:
    """Return rows as lines with aligned columns.

    On a terminal, long texts are cut to make the lines fit. Ids, addresses, links and times are not: a part of one is
    of no use. Off a terminal nothing is cut.

    Args:
        rows: The first may be the titles.
        widths: The least widths, in terminal cells. They become those of these rows, for the rows that follow.
    """
    from rich.cells import cell_len, set_cell_size

    safe = [[escape(cell) for cell in row] for row in rows]
    columns = list(zip(*safe, strict=True))
    widths = [] if widths is None else widths
    widths[:] = map(max, widths or [0] * len(columns), column_widths(safe))
    if sys.stdout.isatty():
        texts = [n for n, column in enumerate(columns) if any(map(_is_prose, column))]
        excess = sum(widths) + 2 * (len(widths) - 1) - shutil.get_terminal_size().columns
        while excess > 0 and texts and widths[widest := max(texts, key=widths.__getitem__)] > _NARROWEST:
            widths[widest] -= 1
            excess -= 1

    def fitted(cell: str, width: int) -> str:
        return set_cell_size(cell, width) if cell_len(cell) <= width else set_cell_size(cell, width - 1) + "…"

    return ["  ".join(map(fitted, row, widths)).rstrip() for row in safe]


def column_widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the widths of columns in terminal cells."""
    from rich.cells import cell_len

    return [max(map(cell_len, column)) for column in zip(*rows, strict=True)]


def _is_prose(cell: str) -> bool:
    """Whether a cell is neither a word such as an id, nor a time, nor a title."""
    return " " in cell and not cell[0].isdigit() and not cell.isupper()


def fact_lines(facts: Iterable[tuple[str, str]]) -> list[str]:
    """Return names and texts as lines, the texts below each other; on a terminal, long ones go on in the next line."""
    pairs = [(name, escape(text)) for name, text in facts]
    width = max(len(name) for name, _ in pairs) + 2
    if not sys.stdout.isatty():
        return [f"{name:<{width}}{text}".rstrip() for name, text in pairs]
    return [line for name, text in pairs for line in wrapped(text, f"{name:<{width}}", " " * width)]


async def pour(
    items: AsyncIterable[Any],
    form: ListFormat,
    sink: "RowSink",
    limit: int | None = None,
    console: Console | None = None,
    *,
    odd: Counter[str] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Add the rows of all items to a sink, at most *limit* of them, and return their number.

    If the list ends with an error, what has come of it is in the sink.

    Args:
        items: The items of a list.
        form: How they become rows.
        sink: Takes the rows.
        limit: Most rows.
        console: Says every ten seconds how many there were.
        odd: Counts the members that came in another shape than is documented.
        clock: A monotonic one, in seconds.
    """
    n, said_at = 0, clock()
    async for item in items:
        if odd is not None:
            odd.update(odd_members(item.one if isinstance(item, Pair) else item))
        for row in form.rows(item):
            sink.add(row)
            n += 1
            if n == limit:
                return n
            if console is not None and clock() - said_at >= _SECONDS_BETWEEN_NEWS:
                said_at = clock()
                console.say(f"{n:,} rows so far")
    return n


class JsonArray:
    """Prints one JSON array, a row a line.

    Nothing is printed before the first row is there, so that an error before it is the whole output; an array that is
    cut off by a later one has no end, and no parser takes it for complete.

    Args:
        before: Printed before the array.
        after: Printed behind it.
    """

    def __init__(self, before: str = "", after: str = "") -> None:
        self._out = Output()
        self._before = f"{before}[\n"
        self._after = f"]{after}\n"
        self._any = False

    def add(self, row: Mapping[str, Any]) -> None:
        self._out.put(self._before + json.dumps(json_value(row), default=str))
        self._before = ",\n"
        self._any = True

    def end(self) -> None:
        self._out.put(("\n" if self._any else self._before) + self._after, now=True)


class TextTable:
    """Prints a table for people, some rows at a time, so that a column may widen on the way.

    Args:
        form: The format of the list.
    """

    def __init__(self, form: ListFormat) -> None:
        self._out = Output()
        self._form = form
        self._rows: list[Mapping[str, Any]] = []
        self._widths: list[int] = []

    def add(self, row: Mapping[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_AT_ONCE:
            self.end()

    def end(self) -> None:
        """Print what is left; no rows at all are no table."""
        if self._rows:
            if not self._widths and sys.stdout.isatty():
                self._form = self._form.narrowed(self._rows, shutil.get_terminal_size().columns)
            table = self._form.table(self._rows, titles=not self._widths)
            self._out.put("".join(f"{line}\n" for line in table_lines(table, self._widths)), now=True)
            self._rows = []


class ExportFile:
    """Writes rows as CSV, or as JSON lines where the path ends in ``.jsonl`` or ``.ndjson``.

    The target is seen as it was before or complete, never in between, and nobody but its owner can read it. In CSV,
    cells that a spreadsheet would run as a formula get an apostrophe; JSON lines hold the exact values, and whatever
    else Airmeet sent.

    Args:
        path: The file to write. An earlier export of the same columns is replaced, any other file is refused.
        columns: The columns in their order.
        marks: Those of them by which an earlier export is known.
        raw: Leave formulas as they are.

    Attributes:
        rows: How many were added.

    Raises:
        ConfigError: The target cannot be written.
    """

    rows: int

    def __init__(self, path: Path, columns: Iterable[str], *, marks: Iterable[str], raw: bool = False) -> None:
        self._path = path
        self._columns = tuple(columns)
        self.rows = 0
        self._marks = set(marks)
        self._json = check_kind(path) != ".csv"
        self._check_target()
        self._raw = raw
        self._file = NewFile(path.parent)
        # The mark is for Excel.
        self._pending = bytearray(b"" if self._json else codecs.BOM_UTF8 + csv_line(self._columns, raw=raw))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._write(is_last=True)
        finally:
            self._file.discard()

    def save_part(self) -> Path:
        """Write what has come so far to a file beside the target, which stays as it is, and return its path."""
        self._path = self._path.with_suffix(f".incomplete{self._path.suffix}")
        self._check_target()
        self._write(is_last=True)
        return self._path

    def _check_target(self) -> None:
        check_target(self._path, lambda head: self._marks <= self._columns_in(head), "an export of this list")

    def add(self, row: Mapping[str, Any]) -> None:
        self.rows += 1
        if self._json:
            line = json.dumps(json_value(row), ensure_ascii=False, default=str) + "\n"
            self._pending += line.encode(errors="backslashreplace")
        else:
            self._pending += csv_line((csv_value(row[name]) for name in self._columns), raw=self._raw)
        if len(self._pending) >= _BYTES_AT_ONCE:
            self._write()

    def _columns_in(self, head: bytes) -> set[str]:
        """Return the columns that the first line of a file names; none where it is not of that kind."""
        first = head.decode("utf-8-sig", errors="replace").partition("\n")[0]
        if not self._json:
            return set(next(csv.reader([first]), []))
        with suppress(ValueError):
            if isinstance(row := json.loads(first), dict):
                return set(row)
        return set()

    def _write(self, *, is_last: bool = False) -> None:
        try:
            self._file.write(self._pending)
            self._pending.clear()
            if is_last:
                self._file.put(self._path)
        except OSError as error:
            raise ConfigError(f"{self._path}: cannot be written ({error.strerror})") from None


# Takes the rows of a list by ``add``. What is printed has an ``end``; a file ends with its ``with`` block.
RowSink = JsonArray | TextTable | ExportFile


def check_kind(path: Path) -> str:
    """Return a file's ending.

    Raises:
        UsageError: It is none that is written here.
    """
    ending = path.suffix.lower()
    if ending not in _KINDS:
        raise UsageError(f"-o {path}: the file name must end in one of {', '.join(_KINDS)}")
    return ending


def list_format(noun: str, text: str, shown: str, *, links: str = "", **more: Any) -> ListFormat:
    """Return the format of a list.

    Args:
        noun: What one row is called.
        text: Its columns, each with ``=path`` where its attribute has another name, or computed by a function of its
            name among *more*.
        shown: The columns of the table for people.
        links: The columns that let people in.
        more: Functions that compute columns, and `parts`, `besides` and `has_fields` as of `ListFormat`.
    """
    pairs = [word.partition("=") for word in text.split()]
    columns = {name: more.pop(name, None) or partial(_value_at, path or name) for name, _, path in pairs}
    return ListFormat(noun, columns, tuple(shown.split()), frozenset(links.split()), **more)


def _value_at(path: str, item: Any) -> Any:
    """Return an attribute of an item; as it came, where it came in a shape that is not documented."""
    *steps, name = path.split(".")
    for step in steps:
        item = getattr(item, step)
    value = getattr(item, name)
    if value in _EMPTY and (extra := getattr(item, "extra", None)):
        wire = fields_dict(type(item))[name].metadata.get("wire", (name,))
        return next((extra[one] for one in wire if one in extra), value)
    return value


def _minutes(attendance: Any) -> float | None:
    return None if attendance.time_spent_ms is None else round(attendance.time_spent_ms / 60_000, 2)


def _emails(pair: Pair, ids: Iterable[str]) -> list[str | None]:
    """Return the addresses of people by their ids, where they are known."""
    return [pair.of.get(one) for one in ids]


def _both_extras(pair: Pair) -> dict[str, Any]:
    return {**pair.of.extra, **pair.one.extra}


EVENTS = list_format(
    "event",
    "id name status start=start_time end=end_time timezone",
    "id status start name",
    gives_way=("start", "status"),
)
BOOTH_VISITS = list_format(
    "visitor",
    "email name user_id visited_at=at visits interested_in_contact",
    "email visited_at visits interested_in_contact name",
)
# What ``airmeet export`` prints and writes.
LISTS = {
    "participants": list_format(
        "participant",
        "email name organisation designation city country registered_at user_type user_id invite_sent profile_url "
        "joining_link=entry_link",
        "email name registered_at user_type organisation",
        links="joining_link",
        has_fields=True,
    ),
    "registrations": list_format(
        "registration",
        "email name organisation designation city country registered_at",
        "email name registered_at organisation",
    ),
    "attendance": list_format(
        "attendee",
        "email name user_id joined_at=at minutes time_spent_ms",
        "email joined_at minutes name",
        minutes=_minutes,
    ),
    "session-attendance": list_format(
        "attendee",
        "session_id=of.id session_name=of.name email=one.email name=one.name user_id=one.user_id "
        "joined_at=one.at minutes time_spent_ms=one.time_spent_ms",
        "session_name email joined_at minutes name",
        minutes=lambda pair: _minutes(pair.one),
        besides=attrgetter("one.extra"),
    ),
    "booth-attendance": list_format(
        "visitor",
        "booth_id=of.id booth_name=of.name email=one.email name=one.name user_id=one.user_id visited_at=one.at "
        "visits=one.visits interested_in_contact=one.interested_in_contact",
        "booth_name email visited_at visits name",
        besides=attrgetter("one.extra"),
    ),
    "replays": list_format("viewer", "email name session_id minutes_viewed", "email session_id minutes_viewed name"),
    "polls": list_format(
        "answer",
        "email=of.email name=of.name user_id=of.user_id question=one.question answer=one.answer answered_at=one.at",
        "email question answer",
        parts=lambda person: [Pair(person, one) for one in person.polls or (PollAnswer(),)],
        besides=_both_extras,
    ),
    "questions": list_format(
        "question",
        "email=of.email name=of.name user_id=of.user_id question=one.question session_id=one.session_id "
        "asked_at=one.at upvotes=one.upvotes",
        "email asked_at upvotes question",
        parts=lambda person: [Pair(person, one) for one in person.questions or (Question(),)],
        besides=_both_extras,
    ),
    "utms": list_format(
        "registration",
        "email utm_campaign=utms.campaign utm_medium=utms.medium utm_source=utms.source utm_term=utms.term "
        "utm_content=utms.content",
        "email utm_source utm_medium utm_campaign",
        besides=lambda one: {**one.utms.extra, **one.extra},
    ),
    "recordings": list_format(
        "recording",
        "session_id session_name download_link",
        "session_id session_name download_link",
        links="download_link",
    ),
    "fields": list_format(
        "field",
        "label id required=is_required type options name",
        "label id required type options",
        type=lambda field: (field.type.input_type or field.type.field_type) if field.type else None,
        options=lambda field: [option.display_value or option.code for option in field.options],
    ),
    "tracks": list_format(
        "track",
        "id name description order session_ids",
        "id order name",
        besides=lambda track: {"meta": track.meta, **track.extra},
    ),
    "booths": list_format("booth", "id name exhibitors tags", "id name exhibitors"),
    # With what ``airmeet import sessions`` needs to make them again.
    "sessions": list_format(
        "session",
        "id=one.id name=one.name status=one.status type=one.type start=one.start_time duration_minutes=one.duration "
        "summary=one.summary host_ids=one.host_ids cohost_ids=one.cohost_ids speaker_ids=one.speaker_ids speakers "
        "host_email cohost_emails speaker_emails",
        "id status start duration_minutes name",
        speakers=lambda pair: [person.name for person in pair.one.speakers],
        host_email=lambda pair: _emails(pair, pair.one.host_ids[:1])[0] if pair.one.host_ids else None,
        cohost_emails=lambda pair: [
            one for one in _emails(pair, (*pair.one.host_ids[1:], *pair.one.cohost_ids)) if one
        ],
        speaker_emails=lambda pair: [one for one in _emails(pair, pair.one.speaker_ids) if one],
        besides=attrgetter("one.extra"),
    ),
}
SESSIONS = list_format(
    "session",
    "id name status type start=start_time duration_minutes=duration summary host_ids cohost_ids speaker_ids speakers",
    "id status start duration_minutes name",
    speakers=lambda session: [person.name for person in session.speakers],
)

# What ``airmeet event show`` prints.
EVENT = list_format(
    "event",
    "id name status start=start_time end=end_time timezone format=event_sub_type summary=short_description image_url "
    "sessions session_hosts",
    "name id status start end timezone format summary sessions",
    sessions=lambda info: [json_value(row) for session in info.sessions for row in SESSIONS.rows(session)],
    session_hosts=lambda info: [{"id": one.id, "name": one.name} for one in info.session_hosts],
)
