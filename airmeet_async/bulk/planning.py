"""How a plan is made: the columns are found, and all rows go through the door of a run without a run behind it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from attrs import frozen

from airmeet_async.api.rules import FieldBook, Problem
from airmeet_async.bulk.column_map import ColumnMap
from airmeet_async.bulk.columns import Reading, find_columns
from airmeet_async.bulk.feed import OpenRows
from airmeet_async.bulk.plan import BulkPlan, groups_of
from airmeet_async.bulk.recipes import AddAttendees
from airmeet_async.bulk.survey import Finding, look_at
from airmeet_async.bulk.tables import Table
from airmeet_async.errors import ConfigError, InputError

_EXAMPLES = 3


class AnyFields(FieldBook):
    """Takes every registration field for known: nobody has asked the event."""

    def __init__(self) -> None:
        super().__init__(())

    def resolve(self, values: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Problem | None]:  # noqa: ARG002
        """Find no fault."""
        return [], None


@frozen(kw_only=True)
class Terms:
    """How people would be added.

    Attributes:
        airmeet_id: The event's id, checked; nothing where it is not known.
        invite: Whether Airmeet mails them.
        register: Whether they use up registrations.
        rate: Requests per second, or None to follow what Airmeet allows.
    """

    airmeet_id: str = ""
    invite: bool = False
    register: bool = False
    rate: float | None = None


def columns_of(table: Table, reading: Reading, book: FieldBook | None = None) -> ColumnMap:
    """Return which column of a file is what.

    Raises:
        InputError: That cannot be told; names the file.
    """
    try:
        return find_columns(table.header, reading, book)
    except InputError as error:
        raise InputError(f"{table.name}: {error}", path=table.name, line=1, column=error.column) from None


async def make_plan(
    rows: OpenRows,
    reading: Reading,
    book: FieldBook | None,
    terms: Terms,
    found: Callable[[Finding], object] = lambda _: None,
) -> BulkPlan:
    """Look at all rows and say what a run would do. Nothing is sent.

    Args:
        rows: The rows, which can be read again afterwards.
        reading: How their columns are found.
        book: The event's registration fields; None leaves them unchecked.
        terms: How people would be added.
        found: Called with each finding, in the order of the rows.

    Raises:
        ConfigError: The rows can be read only once.
        InputError: The columns or the file cannot be used.
    """
    source = _lasting(rows)
    table = source if isinstance(source, Table) else None
    columns = columns_of(table, reading, book) if table else None

    async def fields() -> FieldBook:
        return book or AnyFields()

    recipe = AddAttendees(
        terms.airmeet_id or "plan",
        {},
        columns=columns,
        find=partial(find_columns, reading=reading),
        fetch_fields=fields,
    )
    survey = await look_at(source, recipe, found)
    return BulkPlan(
        airmeet_id=terms.airmeet_id,
        source=table.name if table else "",
        rows=survey.rows,
        ready=survey.ready,
        invalid=survey.invalid,
        duplicates=survey.duplicates,
        cut=survey.cut,
        causes=groups_of(survey),
        columns=columns,
        splits=_splits(table, columns) if table and columns else (),
        fields_known=book is not None,
        unfilled=_unfilled(columns, book) if columns and book else (),
        invitations=survey.ready if terms.invite else 0,
        registrations=survey.ready if terms.register else 0,
        rate=terms.rate,
        notices=table.notices if table else (),
    )


def _lasting(rows: OpenRows) -> Table | Sequence[Any]:
    if isinstance(rows, (Table, Sequence)):
        return rows
    if isinstance(rows, Iterable) and iter(rows) is not rows:
        return list(rows)
    message = "a plan reads all rows, and an iterator can be read only once; plan a list, or a file"
    raise ConfigError(message)


def _splits(table: Table, columns: ColumnMap) -> tuple[tuple[str, str, str], ...]:
    """Return how the first few names are split."""
    if not columns.whole or columns.named:
        return ()
    picked = [(columns.whole_name(row.data), columns.pick(row.data)) for row in next(table.batches(_EXAMPLES))]
    return tuple((whole, row["first_name"], row["last_name"]) for whole, row in picked if whole and "last_name" in row)


def _unfilled(columns: ColumnMap, book: FieldBook) -> tuple[str, ...]:
    filled = {entry.field_id for match in columns.custom if not isinstance(entry := book.find(match.field), Problem)}
    return tuple(entry.label or entry.field_id for entry in book.required if entry.field_id not in filled)
