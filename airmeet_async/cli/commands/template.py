"""``airmeet template``: an empty list that fits an event."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

from airmeet_async.bulk.input.column_names import FIELDS, FULL_NAMES, field_for_column, squeezed
from airmeet_async.bulk.input.columns import Reading, find_columns
from airmeet_async.bulk.table_cells import RESULT_COLUMNS, guard, shown
from airmeet_async.cli.console import Voice, print_data
from airmeet_async.cli.environment import ask
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.client.client import Client
from airmeet_async.errors import InputError
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.models import CustomField
from airmeet_async.protocol.validation import FieldBook, Problem

_HYBRID = "HYBRID_CONFERENCE"
_PERSON = {
    "email": "ada@example.com",
    "first_name": "Ada",
    "last_name": "Example",
    "attendance_type": "VIRTUAL",
    "city": "London",
    "country": "United Kingdom",
    "designation": "Engineer",
    "organisation": "Example Ltd",
}


def template(
    airmeet_id: str, output: str | None, environ: Mapping[str, str], voice: Voice, *, example: bool = False
) -> int:
    """Write an empty list for an event.

    Raises:
        UsageError: The file is there already, or cannot be written.
        AirmeetError: The event cannot be had.
    """
    check_id(airmeet_id, "AIRMEET_ID")

    async def look(client: Client) -> tuple[bool, tuple[CustomField, ...]]:
        info = await client.airmeets.info(airmeet_id)
        return info.event_sub_type == _HYBRID, tuple(await client.custom_fields.list(airmeet_id))

    hybrid, fields = ask(environ, voice, look)
    columns = [name for name in FIELDS if hybrid or name != "attendance_type"]
    custom = {header_of(field, fields): field for field in fields}
    rows = [[*columns, *custom]]
    if example:
        rows.append([*(_PERSON[name] for name in columns), *map(_answer, fields)])
    _write(_text(rows), output, voice)
    required = [shown(name) for name, field in custom.items() if field.is_required]
    voice.say(f"mandatory: {', '.join([*columns[:3], *(['attendance_type'] if hybrid else []), *required])}")
    return 0


def header_of(field: CustomField, fields: Iterable[CustomField]) -> str:
    """Return the column of a registration field: its label, or its id where that would be read as something else."""
    label, book = field.label, FieldBook(fields)
    plain = (
        label
        and label == " ".join(label.split())
        and guard(label) == label
        and not isinstance(book.find(label), Problem)
    )
    if not plain or field_for_column(label) or squeezed(label) in FULL_NAMES or label in RESULT_COLUMNS:
        return field.field_id
    try:
        find_columns((*FIELDS, label), Reading(), book)
    except InputError:
        return field.field_id
    return label


def _answer(field: CustomField) -> str:
    first = next((option.display_value or option.code for option in field.options), "")
    return guard(first)


def _text(rows: Iterable[Iterable[str]]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue()


def _write(text: str, output: str | None, voice: Voice) -> None:
    if output is None:
        print_data(text.removesuffix("\n"))
        return
    try:
        with Path(output).open("x", encoding="utf-8-sig", newline="") as file:  # the mark is for Excel
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{output} is there already; name another file, or remove it") from None
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror}") from None
    voice.say(f"written: {output}")
