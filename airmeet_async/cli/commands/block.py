"""``airmeet block`` and ``airmeet unblock``: everybody in a file, or addresses as they were typed."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from attrs import fields
from cyclopts import Parameter

from airmeet_async.cli.environment import Settings
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.options import DEFAULT_LIST, BulkFlags, Columns, Flag, ListFlags, event_id

if TYPE_CHECKING:
    from airmeet_async.airmeet_client import AirmeetClient
    from airmeet_async.bulk.job import BulkJob
    from airmeet_async.bulk.options import JobOptions

Target = Annotated[str, Parameter(name="FILE_OR_EMAIL", negative="", allow_leading_hyphen=True)]


def block(
    airmeet_id: str,
    /,
    *targets: Target,
    columns: Columns = (),
    yes: Flag = False,
    options: ListFlags = DEFAULT_LIST,
) -> int:
    r"""Block people from an event: the given addresses, or everyone in a file.

    Every run sends all of them, which is harmless. To continue a run that was
    stopped, use airmeet resume. Without a file, results need --results.

    For example:
      airmeet block 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 ada@example.com \
        bob@example.com
      airmeet block 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 people.csv \
        --failed left.csv

    Args:
        airmeet_id: The event's id.
        targets: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file with an e-mail column, - for standard input,
            or one or more e-mail addresses.
        columns: The column with the addresses, when its name is not clear: --map email="E-mail 2".
        yes: The people in a file may lose access: do not ask. Without a terminal nobody can be asked, so a file needs
            it. Addresses that are typed are blocked at once.
        options: As for every bulk command.
    """
    return _change_access(airmeet_id, targets, columns, options, block=True, yes=yes)


def unblock(airmeet_id: str, /, *targets: Target, columns: Columns = (), options: ListFlags = DEFAULT_LIST) -> int:
    """Unblock people for an event: the given addresses, or everyone in a file.

    Every run sends all of them, which is harmless. To continue a run that was
    stopped, use airmeet resume. Without a file, results need --results.

    For example:
      airmeet unblock 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 ada@example.com
      airmeet unblock 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 people.csv

    Args:
        airmeet_id: The event's id.
        targets: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file with an e-mail column, - for standard input,
            or one or more e-mail addresses.
        columns: The column with the addresses, when its name is not clear: --map email="E-mail 2".
        options: As for every bulk command.
    """
    return _change_access(airmeet_id, targets, columns, options, block=False)


def _change_access(
    airmeet_id: str,
    targets: Sequence[str],
    columns: tuple[str, ...],
    given: ListFlags,
    *,
    block: bool,
    yes: bool = False,
) -> int:
    from airmeet_async.bulk.input.plan import BulkPlan
    from airmeet_async.cli.input_file import open_table, parse_columns
    from airmeet_async.cli.runner import BulkRun, check_places, run

    path, emails = split(targets)
    options = BulkFlags(**{one.name: getattr(given, one.name) for one in fields(ListFlags)})
    choice, console = options.file(path, columns), options.console
    event_id(airmeet_id, choice.path)
    if emails and options.journal:
        raise UsageError("--journal is for files")
    check_places(options, choice)
    overrides = parse_columns(choice.columns)
    table = None if emails else open_table(choice, console)
    rows = [{"email": one} for one in emails] if table is None else table

    def start(client: "AirmeetClient", job_options: "JobOptions") -> "BulkJob":
        change = client.bulk.block_attendees if block else client.bulk.unblock_attendees
        return change(airmeet_id, rows, columns=overrides, **job_options)

    def show(plan: BulkPlan) -> None:
        if not emails:
            console.say(*plan.lines())

    wanted = BulkRun(
        operation="attendees.block" if block else "attendees.unblock",
        airmeet_id=airmeet_id,
        start=start,
        choice=choice,
        table=table,
        people=len(emails),
        show=show,
        yes=yes,
    )
    return run(wanted, options, Settings.of(os.environ, options.redis), console).code


def split(targets: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Tell a file from addresses. What is there as a file is one, whatever its name.

    Raises:
        UsageError: It is neither one file nor addresses only.
    """
    from airmeet_async.protocol.validation import check_email

    if not targets:
        raise UsageError("FILE_OR_EMAIL is missing; give a file or e-mail addresses")
    for one in targets:
        if one.startswith("-") and one != "-" and not Path(one).exists():
            raise UsageError(f"unknown option: {one!r:.80} (see airmeet block --help, or airmeet unblock --help)")
    files = [one for one in targets if "@" not in one or Path(one).exists()]
    emails = tuple(one for one in targets if one not in files)
    if files and len(targets) > 1:
        raise UsageError(f"{files[0]!r:.80} is not an e-mail address; give one file, or one or more e-mail addresses")
    for one in emails:
        if problem := check_email(one):
            raise UsageError(problem.message)
    return (files[0] if files else ""), emails
