"""``airmeet template``: an empty list that fits an event."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from airmeet_async.cli.console import Console, print_data
from airmeet_async.cli.environment import with_client
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.options import Flag
from airmeet_async.errors import InputError
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.redact import escape

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
    output: Annotated[str | None, Parameter(name=("--output", "-o"))] = None,
    example: Flag = False,
) -> int:
    """Write an empty CSV file with a column for each field of an event.

    The required columns come first, then the optional ones, then the event's own
    registration fields. Fill it in for airmeet register or airmeet check.

    For example:
      airmeet template 8f0c1a2e-5b03-11ee-9c3a-0a58a9feac02 -o people.csv
      airmeet template 8f0c1a2e-5b03-11ee-9c3a-0a58a9feac02 --example

    Args:
        airmeet_id: The event's id.
        output: The output file, which must not exist yet. Default: standard output.
        example: Add an example row.
    """
    from airmeet_async.bulk.input.column_names import FIELDS
    from airmeet_async.tables import csv_line, shown

    check_id(airmeet_id, "AIRMEET_ID")
    console = Console()

    async def ask(client: "AirmeetClient") -> tuple[bool, tuple["CustomField", ...]]:
        info = await client.airmeets.info(airmeet_id)
        return info.event_sub_type == "HYBRID_CONFERENCE", tuple(await client.custom_fields.list(airmeet_id))

    hybrid, fields = with_client(console, ask)
    columns = [name for name in FIELDS if hybrid or name != "attendance_type"]
    headers = [header_of(field, fields) for field in fields]
    lines = [csv_line([*columns, *headers], quoted=False)]
    if example:
        options = [[option.display_value or option.code for option in field.options] for field in fields]
        answers = [next(filter(_is_harmless, texts), "") for texts in options]
        lines.append(csv_line([*(_PERSON[name] for name in columns), *answers], quoted=False))
    text = b"".join(lines).decode().replace("\r\n", "\n")
    if output is None:
        print_data(text.removesuffix("\n"))
    else:
        try:
            with Path(output).open("x", encoding="utf-8-sig", newline="") as file:  # the mark is for Excel
                file.write(text)
        except FileExistsError:
            raise UsageError(f"{output} already exists; name another file, or delete it") from None
        except OSError as error:
            raise UsageError(f"{output} cannot be written: {error.strerror}") from None
        console.say(f"written: {output}")
    required = [shown(header) for header, field in zip(headers, fields, strict=True) if field.is_required]
    console.say(f"required: {', '.join([*columns[:3], *(['attendance_type'] if hybrid else []), *required])}")
    return Exit.OK


def header_of(field: "CustomField", fields: Iterable["CustomField"]) -> str:
    """Return the column of a registration field: its label, or its id where the label could not be read back.

    Not its label, either, where that would be a formula in a spreadsheet or play tricks with a terminal.
    """
    from airmeet_async.bulk.input.column_names import FIELDS, FULL_NAMES, RESULT_COLUMNS, field_for_column, squeezed
    from airmeet_async.bulk.input.columns import Reading, find_columns
    from airmeet_async.protocol.validation import Problem, RegistrationFields

    label, book = field.label, RegistrationFields(fields)
    is_ours = field_for_column(label) or squeezed(label) in FULL_NAMES or label in RESULT_COLUMNS
    is_plain = label and label == " ".join(label.split()) and _is_harmless(label)
    if not is_plain or is_ours or isinstance(book.find(label), Problem):
        return field.id
    try:
        find_columns((*FIELDS, label), Reading(), book)
    except InputError:
        return field.id
    return label


def _is_harmless(text: str) -> bool:
    from airmeet_async.tables import guard

    return guard(text) == escape(text) == text
