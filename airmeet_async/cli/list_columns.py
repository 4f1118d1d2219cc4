"""The lists of an event and their columns: the documented shape of ``--json`` and ``export`` on one page. Pure."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

from attrs import evolve, field, frozen

from airmeet_async.cli.commands.events import iso, when
from airmeet_async.protocol.models import CustomField, Moment, PollAnswer, Question

Getter = Callable[[Any], Any]

_SECRET_NAMES = frozenset({
    "accesstoken", "code", "downloadlink", "entrylink", "joininglink", "jwt", "magiclink", "password", "secret",
    "token",
})  # fmt: skip
_SECRET_TEXT = re.compile(r"(?i)[?&](code|token|signature)=|\beyJ[\w-]{6,}\.[\w-]+\.")


@frozen
class Line:
    """One row as it is given out.

    Attributes:
        cells: The documented columns in their order.
        extra: What Airmeet sent besides.
    """

    cells: Mapping[str, Any] = field(repr=False)
    extra: Mapping[str, Any] = field(factory=dict, repr=False)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as a JSON object; a documented column wins over an extra one of its name."""
        cells = {name: plain(value) for name, value in self.cells.items()}
        return cells | {name: value for name, value in self.extra.items() if name not in cells}


@frozen
class Both:
    """Two values that make a row together.

    Attributes:
        of: What it is of: a session, or the person who answered.
        one: The thing itself.
    """

    of: Any
    one: Any


def _itself(item: Any) -> Iterable[Any]:
    return (item,)


@frozen
class Shape:
    """The rows of one list.

    Attributes:
        columns: Each column and where its value is.
        shown: The columns for people, who have 80 characters.
        secret: Columns whose holder gets in; only given out where somebody asks for them.
        parts: The rows that one item makes.
        besides: What Airmeet sent besides, of one row.
    """

    columns: Mapping[str, Getter]
    shown: tuple[str, ...]
    secret: frozenset[str] = frozenset()
    parts: Callable[[Any], Iterable[Any]] = _itself
    besides: Getter = attrgetter("extra")

    def lines(self, item: Any) -> Iterator[Line]:
        """Return an item's rows."""
        for part in self.parts(item):
            cells = {name: get(part) for name, get in self.columns.items()}
            extra = self.besides(part)
            yield Line(cells, extra if self.secret else without_secrets(extra))

    def without_links(self) -> "Shape":
        """Return the same without the columns that let people in."""
        kept = {name: get for name, get in self.columns.items() if name not in self.secret}
        return evolve(self, columns=kept, secret=frozenset())

    def with_fields(self, fields: Sequence[CustomField]) -> "Shape":
        """Return the same with a column ``custom:LABEL`` for each registration field."""
        names = field_names(fields)
        added = {f"custom:{name}": _answer(field_id) for field_id, name in names.items()}
        known = frozenset(names)
        return evolve(self, columns={**self.columns, **added}, besides=lambda one: {**_others(one, known), **one.extra})


def field_names(fields: Sequence[CustomField]) -> dict[str, str]:
    """Return id to label; to the id itself where a label is missing or not the only one."""
    labels = Counter(one.label for one in fields)
    return {one.field_id: one.label if one.label and labels[one.label] == 1 else one.field_id for one in fields}


def _answer(field_id: str) -> Getter:
    return lambda one: next((answer.value for answer in one.fields if answer.field_id == field_id), None)


def _others(one: Any, known: frozenset[str]) -> dict[str, Any]:
    return {f"custom:{answer.field_id}": answer.value for answer in one.fields if answer.field_id not in known}


def without_secrets(value: Any) -> Any:
    """Return a JSON value without the members that look like keys to something."""
    if isinstance(value, Mapping):
        return {name: without_secrets(inner) for name, inner in value.items() if not _is_secret(name, inner)}
    if isinstance(value, (list, tuple)):
        return [without_secrets(inner) for inner in value if not _is_secret("", inner)]
    return value


def _is_secret(name: str, value: Any) -> bool:
    squeezed = re.sub(r"[\W_]+", "", name).lower()
    return squeezed in _SECRET_NAMES or (isinstance(value, str) and _SECRET_TEXT.search(value) is not None)


def plain(value: Any) -> Any:
    """Return a value as JSON has it; a time as ISO 8601."""
    if isinstance(value, Moment):
        return iso(value)
    return [plain(one) for one in value] if isinstance(value, (list, tuple)) else value


def text(value: Any) -> str:
    """Return a value as a cell of a file; the parts of a list stand between semicolons."""
    found = plain(value)
    if found is None:
        return ""
    if isinstance(found, list) and all(isinstance(one, (str, int, float)) for one in found):
        return "; ".join(map(str, found))
    return str(found) if isinstance(found, str) else json.dumps(found, ensure_ascii=False, default=str)


def shown(value: Any) -> str:
    """Return a value as people read it."""
    if isinstance(value, Moment):
        return when(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return text(value) or "-"


def same(*names: str, **others: str) -> dict[str, Getter]:
    """Return columns: those named like their attribute, then those that are not."""
    return {name: attrgetter(path) for name, path in ({name: name for name in names} | others).items()}


def _minutes(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else round(milliseconds / 60_000, 2)


def _extras(both: Both) -> dict[str, Any]:
    return {**both.of.extra, **both.one.extra}


_DETAILS = ("organisation", "designation", "city", "country")

PARTICIPANTS = Shape(
    same(
        "email", "name", *_DETAILS, "registered_at", "user_type", "user_id", "invite_sent", "profile_url",
        "joining_link",
    ),
    shown=("email", "name", "registered_at", "user_type", "organisation"),
    secret=frozenset({"joining_link"}),
)  # fmt: skip
REGISTRATIONS = Shape(
    same("email", "name", *_DETAILS, "registered_at"), shown=("email", "name", "registered_at", "organisation")
)
ATTENDANCE = Shape(
    same("email", "name", "user_id", joined_at="at")
    | {"minutes": lambda one: _minutes(one.time_spent_ms)}
    | same("time_spent_ms"),
    shown=("email", "joined_at", "minutes", "name"),
)
SESSION_ATTENDANCE = Shape(
    same(session_id="of.session_id", session_name="of.name", email="one.email", name="one.name", user_id="one.user_id")
    | same(joined_at="one.at")
    | {"minutes": lambda both: _minutes(both.one.time_spent_ms)}
    | same(time_spent_ms="one.time_spent_ms"),
    shown=("session_name", "email", "joined_at", "minutes", "name"),
    besides=lambda both: both.one.extra,
)
BOOTH_VISITS = Shape(
    same("email", "name", "user_id", visited_at="at") | same("visits", "interested_in_contact"),
    shown=("email", "visited_at", "visits", "interested_in_contact", "name"),
)
BOOTH_ATTENDANCE = Shape(
    same(booth_id="of.uid", booth_name="of.name", email="one.email", name="one.name", user_id="one.user_id")
    | same(visited_at="one.at", visits="one.visits", interested_in_contact="one.interested_in_contact"),
    shown=("booth_name", "email", "visited_at", "visits", "name"),
    besides=lambda both: both.one.extra,
)
REPLAYS = Shape(
    same("email", "name", "session_id", "minutes_viewed"), shown=("email", "session_id", "minutes_viewed", "name")
)
POLLS = Shape(
    same(email="of.email", name="of.name", user_id="of.user_id")
    | same(question="one.question", answer="one.answer", answered_at="one.at"),
    shown=("email", "question", "answer"),
    parts=lambda person: [Both(person, one) for one in person.polls or (PollAnswer(),)],
    besides=_extras,
)
QUESTIONS = Shape(
    same(email="of.email", name="of.name", user_id="of.user_id")
    | same(question="one.question", session_id="one.session_id", asked_at="one.at", upvotes="one.upvotes"),
    shown=("email", "asked_at", "upvotes", "question"),
    parts=lambda person: [Both(person, one) for one in person.questions or (Question(),)],
    besides=_extras,
)
UTMS = Shape(
    same("email", utm_campaign="utms.campaign", utm_medium="utms.medium", utm_source="utms.source")
    | same(utm_term="utms.term", utm_content="utms.content"),
    shown=("email", "utm_source", "utm_medium", "utm_campaign"),
    besides=lambda one: {**one.utms.extra, **one.extra},
)
RECORDINGS = Shape(
    same("session_id", "session_name", "download_link"),
    shown=("session_id", "session_name", "download_link"),
    secret=frozenset({"download_link"}),
)
FIELDS = Shape(
    same("label", id="field_id", required="is_required")
    | {
        "type": lambda one: (one.type.input_type or one.type.field_type) if one.type else None,
        "options": lambda one: [option.display_value or option.code for option in one.options],
    }
    | same("name"),
    shown=("label", "id", "required", "type", "options"),
)
TRACKS = Shape(
    same(id="uid") | same("name", "description", "order", "session_ids"),
    shown=("id", "order", "name"),
    besides=lambda one: {"meta": one.meta, **one.extra},
)
BOOTHS = Shape(same(id="uid") | same("name", "exhibitors", "tags"), shown=("id", "name", "exhibitors"))
SESSIONS = Shape(
    same(id="session_id")
    | same("name", "status", "type", start="start_time", duration_minutes="duration")
    | same("summary", "host_ids", "cohost_ids", "speaker_ids")
    | {"speakers": lambda one: [person.name for person in one.speakers]},
    shown=("id", "status", "start", "duration_minutes", "name"),
)
