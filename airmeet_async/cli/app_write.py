"""The commands that change who and what is in an event: their options and their help. `app` has the first ones."""

import os
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from airmeet_async.cli.app import app
from airmeet_async.cli.app_options import DEFAULT, Columns, Options, Path

if TYPE_CHECKING:
    from airmeet_async.cli.commands.imports import Kind

Target = Annotated[str, Parameter(name="FILE_OR_EMAIL", negative="", allow_leading_hyphen=True)]

import_ = App(
    name="import",
    help="""Make speakers, sessions or booths from a file.

    For example:
      airmeet import speakers 8f0c1a2e-5b01-11ee speakers.csv
      airmeet import sessions 8f0c1a2e-5b01-11ee day.csv --timezone Europe/Paris
    """,
    help_format="plaintext",
    sort_key=22,
)
app.command(import_)


def _usage(command: str) -> str:
    return f"Usage: airmeet {command} [OPTIONS] AIRMEET_ID FILE_OR_EMAIL..."


@app.command(sort_key=20, usage=_usage("block"))
def block(airmeet_id: str, /, *targets: Target, columns: Columns = (), options: Options = DEFAULT) -> int:
    """Take the access to an event away from some people, or from everybody in a file.

    Without a file, results are written only with --results.

    For example:
      airmeet block 8f0c1a2e-5b01-11ee ada@example.com bob@example.com
      airmeet block 8f0c1a2e-5b01-11ee people.csv --failed left.csv

    Args:
        airmeet_id: The event's id.
        targets: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file with an e-mail column, - for standard
            input, or one or more addresses.
        columns: The column of the addresses, where the names do not tell: --map email="E-mail 2".
        options: As for every bulk command.
    """
    return _change_access(airmeet_id, targets, columns, options, block=True)


@app.command(sort_key=21, usage=_usage("unblock"))
def unblock(airmeet_id: str, /, *targets: Target, columns: Columns = (), options: Options = DEFAULT) -> int:
    """Give the access to an event back to some people, or to everybody in a file.

    Without a file, results are written only with --results.

    For example:
      airmeet unblock 8f0c1a2e-5b01-11ee ada@example.com
      airmeet unblock 8f0c1a2e-5b01-11ee people.csv

    Args:
        airmeet_id: The event's id.
        targets: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file with an e-mail column, - for standard
            input, or one or more addresses.
        columns: The column of the addresses, where the names do not tell: --map email="E-mail 2".
        options: As for every bulk command.
    """
    return _change_access(airmeet_id, targets, columns, options, block=False)


def _change_access(
    airmeet_id: str, targets: tuple[str, ...], columns: tuple[str, ...], options: Options, *, block: bool
) -> int:
    from airmeet_async.cli.commands.access import Access, change_access, split

    path, emails = split(targets)
    file = options.file(path, columns)
    errand = {**options.errand(), "command": "block" if block else "unblock"}
    access = Access(airmeet_id=airmeet_id, file=file, emails=emails, block=block, **errand)
    return options.end(change_access(access, dict(os.environ), options.voice()))


@import_.command(sort_key=0)
def speakers(airmeet_id: str, file: Path, /, *, options: Options = DEFAULT) -> int:
    """Add everybody in a file as speakers of an event.

    Columns: email and name, and if you like organisation, designation, image_url,
    bio, city, country. A file with a wrong row is refused as a whole.

    For example:
      airmeet import speakers 8f0c1a2e-5b01-11ee speakers.csv

    Args:
        airmeet_id: The event's id.
        file: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file; - is standard input.
        options: As for every bulk command.
    """
    return _make("speakers", airmeet_id, file, options)


@import_.command(sort_key=1)
def sessions(airmeet_id: str, file: Path, /, *, timezone: str | None = None, options: Options = DEFAULT) -> int:
    """Create the sessions in a file. Their speakers must be in the event first.

    Columns: title, start and host_email, and if you like duration_minutes, summary,
    speaker_emails and cohost_emails (several with ; between), track_ids, tags,
    booth_id. A file with a wrong row is refused as a whole. A session whose outcome
    is unclear is not sent again: it is "unknown" in the results.

    For example:
      airmeet import speakers 8f0c1a2e-5b01-11ee speakers.csv
      airmeet import sessions 8f0c1a2e-5b01-11ee day.csv --timezone Europe/Paris

    Args:
        airmeet_id: The event's id.
        file: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file; - is standard input.
        options: As for every bulk command.
        timezone: Of start times that name none, such as Europe/Paris.
    """
    return _make("sessions", airmeet_id, file, options, timezone)


@import_.command(sort_key=2)
def booths(airmeet_id: str, file: Path, /, *, options: Options = DEFAULT) -> int:
    """Create the booths in a file.

    Columns: name, and if you like exhibitors (addresses with ; between), tags, chat,
    lounge and broadcast (yes or no), table_count. A file with a wrong row is refused
    as a whole. A booth whose outcome is unclear is not sent again: it is "unknown".

    For example:
      airmeet import booths 8f0c1a2e-5b01-11ee booths.csv

    Args:
        airmeet_id: The event's id.
        file: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file; - is standard input.
        options: As for every bulk command.
    """
    return _make("booths", airmeet_id, file, options)


def _make(kind: "Kind", airmeet_id: str, file: str, options: Options, timezone: str | None = None) -> int:
    from airmeet_async.cli.commands.imports import Programme, make

    errand = {**options.errand(), "command": f"import {kind}"}
    programme = Programme(airmeet_id=airmeet_id, kind=kind, file=options.file(file), timezone=timezone, **errand)
    return options.end(make(programme, dict(os.environ), options.voice()))
