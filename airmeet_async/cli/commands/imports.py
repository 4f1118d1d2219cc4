"""``airmeet import``: speakers, sessions and booths from a file.

Unlike people, these cannot be sent twice without harm. So a file with one wrong cell is refused as a whole, before
anything is sent.
"""

import os
from typing import TYPE_CHECKING, Any

from cyclopts import App

from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.options import DEFAULT, BulkFlags, File, event_id
from airmeet_async.errors import InputError, InvalidInputError

if TYPE_CHECKING:
    from airmeet_async.bulk.input.plan import RowFinding
    from airmeet_async.tables import Table

_MOST_SHOWN = 10

import_: App = App(
    name="import",
    help=r"""Create speakers, sessions or booths from a file.

    For example:
      airmeet import speakers 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 speakers.csv
      airmeet import sessions 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 day.csv \
        --timezone Europe/Paris
    """,
    help_format="plaintext",
)


@import_.command(sort_key=0)
def speakers(airmeet_id: str, file: File, /, *, options: BulkFlags = DEFAULT) -> int:
    """Add everyone in a file as a speaker of an event.

    Columns: email and name; optional: organisation, designation, image_url, bio,
    city, country. If any row is wrong, nothing is sent. Speakers whom the event has
    already are named and left out.

    For example:
      airmeet import speakers 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 speakers.csv

    Args:
        airmeet_id: The event's id.
        file: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file; - for standard input.
        options: As for every bulk command.
    """
    return _import("speakers.add", airmeet_id, file, options)


@import_.command(sort_key=1)
def sessions(airmeet_id: str, file: File, /, *, timezone: str | None = None, options: BulkFlags = DEFAULT) -> int:
    r"""Create the sessions in a file. Their speakers must be in the event first.

    Columns: title, start and host_email; optional: duration_minutes, summary,
    speaker_emails and cohost_emails (separated by ;), track_ids, tags, booth_id. If
    any row is wrong, nothing is sent. Sessions that the event has already, by title
    and time, are named with what differs, and left out. A session whose outcome is
    unclear is not sent again: it is "unknown" in the results.

    For example:
      airmeet import speakers 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 speakers.csv
      airmeet import sessions 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 day.csv \
        --timezone Europe/Paris

    Args:
        airmeet_id: The event's id.
        file: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file; - for standard input.
        options: As for every bulk command.
        timezone: The time zone of start times without one, such as Europe/Paris.
    """
    return _import("sessions.create", airmeet_id, file, options, timezone=timezone)


@import_.command(sort_key=2)
def booths(airmeet_id: str, file: File, /, *, options: BulkFlags = DEFAULT) -> int:
    """Create the booths in a file.

    Columns: name; optional: exhibitors (e-mail addresses separated by ;, of hybrid
    events also "a@example.com (HYBRID)"), attendance_type (HYBRID or ONLINE, of all
    exhibitors), tags, chat, lounge and broadcast (yes or no), table_count. If any
    row is wrong, nothing is sent. Booths whose name the event has already are named
    with what differs, and left out. A booth whose outcome is unclear is not sent
    again: it is "unknown" in the results.

    For example:
      airmeet import booths 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 booths.csv

    Args:
        airmeet_id: The event's id.
        file: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file; - for standard input.
        options: As for every bulk command.
    """
    return _import("booths.create", airmeet_id, file, options)


def _import(operation: str, airmeet_id: str, file: str, options: BulkFlags, **more: Any) -> int:
    from airmeet_async.bulk.input.plan import BulkPlan
    from airmeet_async.bulk.input.row_mapping import BOOTHS, SESSIONS, SPEAKERS
    from airmeet_async.cli.environment import Settings
    from airmeet_async.cli.input_file import open_table
    from airmeet_async.cli.runner import BulkRun, check_places, run
    from airmeet_async.protocol.validation import check_timezone

    choice, console = options.file(file), options.console
    event_id(airmeet_id, choice.path)
    try:
        check_timezone(more.get("timezone") or "UTC")
    except InvalidInputError as error:
        raise UsageError(f"--timezone: {error}") from None
    check_places(options, choice)
    ways = {
        "speakers.add": (SPEAKERS, "add_speakers"),
        "sessions.create": (SESSIONS, "create_sessions"),
        "booths.create": (BOOTHS, "create_booths"),
    }
    mapping, method = ways[operation]
    table = open_table(choice, console, mapping.is_header)
    wrong: list[RowFinding] = []

    def show(plan: BulkPlan) -> None:
        console.say(*plan.head())
        if wrong:
            for finding in wrong[1:_MOST_SHOWN]:
                console.say(str(error_of(table, finding)))
            raise error_of(table, wrong[0], len({finding.line for finding in wrong}))
        console.say("", *plan.count_lines())

    wanted = BulkRun(
        operation=operation,
        airmeet_id=airmeet_id,
        start=lambda client, job_options: getattr(client.bulk, method)(airmeet_id, table, **more, **job_options),
        choice=choice,
        table=table,
        found=lambda finding: wrong.append(finding) if finding.is_error else None,
        show=show,
    )
    return run(wanted, options, Settings.of(os.environ, options.redis), console).code


def error_of(table: "Table", finding: "RowFinding", n: int = 0) -> InputError:
    """Return the error that says what is wrong with a row; with *n*, also that nothing was sent."""
    from airmeet_async.formatting import counted
    from airmeet_async.tables import fault

    message = finding.message
    column = next((name for name in table.columns if message.startswith((f"{name}: ", f"{name} is "))), None)
    if column is not None:
        message = message.removeprefix(column).removeprefix(":").strip()
    if n:
        message += f" ({counted(n, 'wrong row')}, so nothing was sent)"
    return fault(message, path=table.name, line=finding.line, column=column)
