"""A list prepared without a client and without a journal, and what a journal would note about its rows."""

from typing import Any

from airmeet_async.bulk.input.columns import Reading, find_table_columns
from airmeet_async.bulk.input.operations import AddAttendees, BulkOperation, UncheckedFields
from airmeet_async.bulk.input.plan import BulkPlan, NotedRow, make_plan
from airmeet_async.bulk.input.sources import DuplicateFinder, open_file
from airmeet_async.bulk.row import Row, other_name
from airmeet_async.protocol.validation import RegistrationFields
from airmeet_async.tables import Table, command_line_option


def prepare(rows: Table | list[Any], operation: BulkOperation, size: int = 64) -> list[Row]:
    """Prepare all rows, equal ones marked."""
    prepared: list[Row] = []
    finder = DuplicateFinder()
    chunks = (
        rows.chunks(size)
        if isinstance(rows, Table)
        else [(rows[n : n + size], None) for n in range(0, len(rows), size)]
    )
    for data, lines in chunks:
        fresh = operation.prepare_rows(data, lines, len(prepared))
        assert len(fresh) == len(data)
        finder.mark(fresh)
        prepared += fresh
    finder.close()
    return prepared


def noted(rows: list[Row]) -> list[NotedRow]:
    found: list[NotedRow] = []
    for row in rows:
        if row.duplicate_of is not None:
            first = rows[row.duplicate_of]
            note = {"key": row.key, "duplicate_of": row.duplicate_of, "of_line": first.line}
            note["other_name"] = other_name(row.payload, first.payload)
            found.append((row.index, row.line, "duplicate", note))
        elif row.error:
            found.append((row.index, row.line, "invalid", {**row.error.as_dict(), "warnings": row.warnings}))
        elif row.warnings:
            found.append((row.index, row.line, None, {"warnings": row.warnings}))
    return found


def plan_of(path: Any, reading: Reading, event_fields: RegistrationFields | None = None, **more: Any) -> BulkPlan:
    """Return the plan of a file, in the words of the command line."""
    table = path if isinstance(path, Table) else open_file(path, spell=command_line_option)
    columns = find_table_columns(table, reading, event_fields)
    operation = AddAttendees("e1", {}, reading, columns=columns, event_fields=event_fields or UncheckedFields())
    rows = prepare(table, operation)
    return make_plan({"rows": len(rows)}, noted(rows), table=table, columns=columns, event_fields=event_fields, **more)
