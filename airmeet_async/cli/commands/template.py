"""``airmeet template``: an empty list that fits an event."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from airmeet_async.cli.console import Console, print_data
from airmeet_async.cli.environment import with_client
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.options import Flag

if TYPE_CHECKING:
    from airmeet_async import AirmeetClient
    from airmeet_async.protocol.models import CustomField

_PERSON = {
    "email": "ada@example.com", "first_name": "Ada", "last_name": "Example", "attendance_type": "VIRTUAL",
    "city": "London", "country": "United Kingdom", "designation": "Engineer", "organisation": "Example Ltd",
}  # fmt: skip


def template(
    airmeet_id: str,
    /,
    *,
    output: Annotated[str | None, Parameter(name=["--output", "-o"])] = None,
    example: Flag = False,
) -> int:
    """Write an empty list for an event: a CSV file with a column for each of its fields.

    First the mandatory columns, then the others, then the event's own registration
    fields. Filled in, it is what airmeet register and airmeet check read.

    For example:
      airmeet template 8f0c1a2e-5b03-11ee -o people.csv
      airmeet template 8f0c1a2e-5b03-11ee --example

    Args:
        airmeet_id: The event's id.
        output: The file, which must not be there yet; otherwise standard output.
        example: Add a row with an invented person.
    """
    import csv
    import io
    from pathlib import Path

    from airmeet_async.bulk.input.column_names import FIELDS
    from airmeet_async.protocol.base_urls import check_id
    from airmeet_async.tables import guard, shown

    check_id(airmeet_id, "AIRMEET_ID")
    console = Console()

    async def ask(client: "AirmeetClient") -> tuple[bool, tuple["CustomField", ...]]:
        info = await client.airmeets.info(airmeet_id)
        return info.event_sub_type == "HYBRID_CONFERENCE", tuple(await client.custom_fields.list(airmeet_id))

    hybrid, fields = with_client(os.environ, console, ask)
    columns = [name for name in FIELDS if hybrid or name != "attendance_type"]
    headers = [header_of(field, fields) for field in fields]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*columns, *map(guard, headers)])
    if example:
        writer.writerow([*(_PERSON[name] for name in columns), *map(_answer, fields)])
    if output is None:
        print_data(text.getvalue().removesuffix("\n"))
    else:
        try:
            with Path(output).open("x", encoding="utf-8-sig", newline="") as file:  # the mark is for Excel
                file.write(text.getvalue())
        except FileExistsError:
            raise UsageError(f"{output} is there already; name another file, or remove it") from None
        except OSError as error:
            raise UsageError(f"{output} cannot be written: {error.strerror}") from None
        console.say(f"written: {output}")
    required = [shown(header) for header, field in zip(headers, fields, strict=True) if field.is_required]
    console.say(f"mandatory: {', '.join([*columns[:3], *(['attendance_type'] if hybrid else []), *required])}")
    return Exit.OK


def header_of(field: "CustomField", fields: Iterable["CustomField"]) -> str:
    """Return the column of a registration field: its label, or its id where the label could not be read back.

    Not its label, either, where that would be a formula in a spreadsheet or play tricks with a terminal.
    """
    from airmeet_async.bulk.input.column_names import FIELDS, FULL_NAMES, RESULT_COLUMNS, field_for_column, squeezed
    from airmeet_async.bulk.input.columns import Reading, find_columns
    from airmeet_async.errors import InputError
    from airmeet_async.protocol.validation import Problem, RegistrationFields

    label, book = field.label, RegistrationFields(fields)
    plain = label and label == " ".join(label.split()) and _is_harmless(label)
    if not plain or isinstance(book.find(label), Problem):
        return field.field_id
    if field_for_column(label) or squeezed(label) in FULL_NAMES or label in RESULT_COLUMNS:
        return field.field_id
    try:
        find_columns((*FIELDS, label), Reading(), book)
    except InputError:
        return field.field_id
    return label


def _answer(field: "CustomField") -> str:
    """Return the first option that can be printed as it is."""
    texts = (option.display_value or option.code for option in field.options)
    return next(filter(_is_harmless, texts), "")


def _is_harmless(text: str) -> bool:
    from airmeet_async.protocol.redact import escape
    from airmeet_async.tables import guard

    return guard(text) == escape(text) == text
