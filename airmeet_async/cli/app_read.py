"""The commands that read an event: their options and their help. `app` has the first ones."""

import os
from pathlib import Path as FilePath
from typing import Annotated, Literal

from cyclopts import Parameter

from airmeet_async.cli.app import app
from airmeet_async.cli.app_options import DEFAULT_FILE, Columns, FileOptions, Flag, Path, positive
from airmeet_async.cli.console import Voice
from airmeet_async.cli.exit_codes import UsageError

What = Literal[
    "participants",
    "registrations",
    "attendance",
    "session-attendance",
    "booth-attendance",
    "replays",
    "polls",
    "questions",
    "utms",
    "recordings",
    "fields",
    "tracks",
    "booths",
    "sessions",
]
Emails = Annotated[tuple[str, ...], Parameter(name="--email", negative="", show_default=False)]
Output = Annotated[str, Parameter(name=("--output", "-o"), allow_leading_hyphen=True)]


@app.command(sort_key=10)
def participants(
    airmeet_id: str,
    /,
    *,
    json: Flag = False,
    emails: Emails = (),
    sort: Literal["name", "email", "registrationDate"] = "registrationDate",
    limit: int | None = None,
    links: Flag = False,
) -> int:
    """List everybody on an event's list: invited, registered, on stage.

    For example:
      airmeet participants 8f0c1a2e-5b01-11ee --sort name
      airmeet participants 8f0c1a2e-5b01-11ee --email ada@example.com --json

    Args:
        airmeet_id: The event's id.
        json: Print a JSON array, with a custom:LABEL member for each registration field.
        emails: Only this address. May be repeated.
        sort: By what.
        limit: Stop after that many.
        links: With each person's own way in, in JSON. Whoever has it enters as that person.
    """
    from airmeet_async.cli.commands.lists import Wish, participants_of
    from airmeet_async.cli.commands.lists import show as start

    limit = positive(limit)
    wish = Wish(as_json=json, limit=limit, links=links)
    return start(participants_of(emails, sort, limit), airmeet_id, wish, os.environ, Voice())


@app.command(sort_key=11)
def attendance(
    airmeet_id: str,
    /,
    *,
    session: str | None = None,
    booth: str | None = None,
    replay: Flag = False,
    wait: Annotated[bool, Parameter(negative="--no-wait", show_default=False)] = True,
    deadline: float | None = None,
    json: Flag = False,
) -> int:
    """List who attended an event, a session or a booth, or who watched the recordings.

    Airmeet prepares these lists when they are asked for, which takes some minutes,
    and has them only of sessions, and for --booth and --replay events, that are
    FINISHED: before that, this ends with exit code 6. A list that is not ready in
    time ends it with exit code 75.

    For example:
      airmeet attendance 8f0c1a2e-5b01-11ee
      airmeet attendance 8f0c1a2e-5b01-11ee --replay --json --deadline 1800

    Args:
        airmeet_id: The event's id.
        session: Only of the session with this id (airmeet event show lists them).
        booth: Only of the booth with this id (airmeet export AIRMEET_ID booths).
        replay: Of the recordings.
        wait: Wait until the list is prepared; otherwise ask once.
        deadline: Most seconds to wait for it; otherwise 900.
        json: Print a JSON array.
    """
    from airmeet_async.cli.commands.lists import Wish, attendance_of, choose_one
    from airmeet_async.cli.commands.lists import show as start

    choose_one(session=session, booth=booth, replay=replay)
    wish = Wish(as_json=json, wait=wait, deadline=_deadline(deadline))
    return start(attendance_of(session, booth, replay=replay), airmeet_id, wish, os.environ, Voice())


@app.command(sort_key=12)
def polls(airmeet_id: str, /, *, json: Flag = False) -> int:
    """List what people answered to polls, one answer a row.

    For example:
      airmeet polls 8f0c1a2e-5b01-11ee

    Args:
        airmeet_id: The event's id.
        json: Print a JSON array.
    """
    return _list("polls", airmeet_id, json=json)


@app.command(sort_key=13)
def questions(airmeet_id: str, /, *, json: Flag = False) -> int:
    """List what people asked, one question a row.

    For example:
      airmeet questions 8f0c1a2e-5b01-11ee --json

    Args:
        airmeet_id: The event's id.
        json: Print a JSON array.
    """
    return _list("questions", airmeet_id, json=json)


@app.command(sort_key=14)
def utms(
    airmeet_id: str,
    /,
    *,
    wait: Annotated[bool, Parameter(negative="--no-wait", show_default=False)] = True,
    deadline: float | None = None,
    json: Flag = False,
) -> int:
    """List which campaigns brought the registrations. They may lag 90 minutes behind.

    For example:
      airmeet utms 8f0c1a2e-5b01-11ee

    Args:
        airmeet_id: The event's id.
        wait: Wait until the list is prepared; otherwise ask once.
        deadline: Most seconds to wait for it; otherwise 900.
        json: Print a JSON array.
    """
    return _list("utms", airmeet_id, json=json, wait=wait, deadline=deadline)


@app.command(sort_key=15)
def recordings(airmeet_id: str, /, *, links: Flag = False, json: Flag = False) -> int:
    """List the recordings of an event's sessions.

    For example:
      airmeet recordings 8f0c1a2e-5b01-11ee --links

    Args:
        airmeet_id: The event's id.
        links: With the links to download them, which are good for six hours, for whoever has them.
        json: Print a JSON array.
    """
    return _list("recordings", airmeet_id, json=json, links=links)


@app.command(sort_key=16)
def export(
    airmeet_id: str,
    what: What,
    /,
    *,
    output: Output,
    links: Flag = False,
    raw: Flag = False,
    wait: Annotated[bool, Parameter(negative="--no-wait", show_default=False)] = True,
    deadline: float | None = None,
    limit: int | None = None,
) -> int:
    """Write one list of an event into a file that only you can read.

    CSV has the documented columns; JSON lines have exact values, and what Airmeet
    sends besides. session-attendance is of all sessions that are FINISHED,
    booth-attendance of all booths. An earlier export of the same list is replaced
    when the new one is complete.

    For example:
      airmeet export 8f0c1a2e-5b01-11ee participants -o participants.csv
      airmeet export 8f0c1a2e-5b01-11ee session-attendance -o sessions.jsonl

    Args:
        airmeet_id: The event's id.
        what: Which list.
        output: The file; its name ends in .csv, .jsonl or .ndjson.
        links: With joining links and download links. Whoever has them gets in.
        raw: Leave CSV cells as they are that a spreadsheet would run as formulas.
        wait: Wait until a list is prepared; otherwise ask once.
        deadline: Most seconds to wait for each list; otherwise 900.
        limit: Stop after that many rows.
    """
    from airmeet_async.cli.commands.export import Target
    from airmeet_async.cli.commands.export import export as start
    from airmeet_async.cli.commands.lists import Wish

    wish = Wish(links=links, limit=positive(limit), wait=wait, deadline=_deadline(deadline))
    return start(airmeet_id, Target(what, FilePath(output), raw), wish, os.environ, Voice())


@app.command(sort_key=17)
def reconcile(
    airmeet_id: str,
    file: Path,
    /,
    *,
    columns: Columns = (),
    reading: FileOptions = DEFAULT_FILE,
    everybody: Flag = False,
    json: Flag = False,
    output: Annotated[str | None, Parameter(name=("--output", "-o"), allow_leading_hyphen=True)] = None,
) -> int:
    """Compare a file with an event's list: who is missing where, and whose details differ.

    Names, organisation, designation, city and country are compared where the file
    has them, whatever their case and blanks, and as Airmeet cuts them. Exit code 0
    says that file and event agree, 3 that they do not.

    For example:
      airmeet reconcile 8f0c1a2e-5b01-11ee people.csv
      airmeet reconcile 8f0c1a2e-5b01-11ee people.csv -o differences.csv

    Args:
        airmeet_id: The event's id.
        file: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file with at least an e-mail column; - is
            standard input.
        columns: As for register.
        reading: As for every command with a file.
        everybody: Also report hosts, speakers and the like that the file does not have.
        json: Print one JSON object with all differences.
        output: Write the differences into this .csv or .jsonl file, not to standard output.
    """
    from airmeet_async.cli.commands.reconcile import Comparison
    from airmeet_async.cli.commands.reconcile import reconcile as start

    choice, target = reading.choice(file, columns), None if output is None else FilePath(output)
    wanted = Comparison(airmeet_id=airmeet_id, file=choice, everybody=everybody, as_json=json, target=target)
    return start(wanted, os.environ, Voice())


def _list(
    what: What,
    airmeet_id: str,
    *,
    json: bool,
    links: bool = False,
    wait: bool = True,
    deadline: float | None = None,
) -> int:
    from airmeet_async.cli.commands.lists import LISTS, Wish
    from airmeet_async.cli.commands.lists import show as start

    wish = Wish(as_json=json, links=links, wait=wait, deadline=_deadline(deadline))
    return start(LISTS[what], airmeet_id, wish, os.environ, Voice())


def _deadline(seconds: float | None) -> float | None:
    if seconds is not None and not 0 < seconds < float("inf"):
        raise UsageError(f"--deadline must be a number of seconds above 0, not {seconds:g}")
    return seconds
