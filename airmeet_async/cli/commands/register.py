"""``airmeet register`` and ``airmeet check``: a list of people, to be sent or only to be looked at."""

import os
from functools import partial
from typing import TYPE_CHECKING, Annotated, cast

from attrs import evolve
from cyclopts import Parameter

from airmeet_async.cli.console import Console, print_data, print_json
from airmeet_async.cli.environment import Settings
from airmeet_async.cli.event_loop import run_async
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.options import (
    DEFAULT,
    DEFAULT_FILE,
    BulkFlags,
    Columns,
    File,
    FileFlags,
    Flag,
    PresetChoice,
    event_id,
    positive,
)
from airmeet_async.formatting import wrapped
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.redact import escape
from airmeet_async.tables import shown

if TYPE_CHECKING:
    from pathlib import Path

    from airmeet_async.airmeet_client import AirmeetClient
    from airmeet_async.bulk.input.column_names import PresetName
    from airmeet_async.bulk.input.plan import RowFinding
    from airmeet_async.bulk.job import BulkJob
    from airmeet_async.bulk.options import JobOptions
    from airmeet_async.cli.input_file import FileChoice
    from airmeet_async.cli.runner import BulkRun
    from airmeet_async.cluster import OnDask
    from airmeet_async.protocol.models import AirmeetInfo


def register(
    airmeet_id: str,
    file: File,
    /,
    *,
    invite: Annotated[bool | None, Parameter(negative="--no-invite")] = None,
    register: Flag = False,
    columns: Columns = (),
    preset: PresetChoice | None = None,
    split_name: Flag = False,
    dry_run: Flag = False,
    yes: Flag = False,
    finished_event: Flag = False,
    dask: str | None = None,
    shards: int | None = None,
    folder: str | None = None,
    workers: int | None = None,
    options: BulkFlags = DEFAULT,
) -> int:
    r"""Register everyone in a file for an event.

    The whole file is checked before anything is sent. The plan shows which column
    fills which field, and which rows will not be sent. Afterwards a result file has
    the outcome of each row and each person's entry link.
    To continue a run that was stopped or killed, run the same command again: rows
    that are done are not sent again, and nobody is mailed twice. What is done is
    recorded on this computer; on another one only result files tell who was mailed.

    For example:
      airmeet register 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 people.csv --no-invite
      airmeet register 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 people.csv --invite \
        --failed left.csv
      airmeet register 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 x.csv --no-invite \
        --map email="Mail 2"
      airmeet register 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 luma-guests.csv \
        --invite --dry-run
      airmeet register 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 guests.xlsx \
        --no-invite --sheet Guests
      cut -d, -f1-3 all.csv |
        airmeet register 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 - --no-invite

    The keys come from airmeet login or from the environment: AIRMEET_ACCESS_KEY and
    AIRMEET_SECRET_KEY, with AIRMEET_REGION (global, eu, us) or AIRMEET_URI.
    AIRMEET_RATE and AIRMEET_TOKEN_CACHE (a directory, or off) are optional.

    Args:
        airmeet_id: The event's id: the part of its web address after /e/.
        file: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file with at least e-mail, first name and last name;
            - for standard input.
        invite: Whether Airmeet mails an invitation to each person. One of the two is required.
        register: Make confirmed registrations, which count towards your plan; otherwise people stay pending until they
            attend.
        columns: Assign a column to a field, when its name is not clear: --map email="E-mail 2". May be repeated.
            custom:LABEL=Column fills a registration field of the event; a column with its label does so anyway.
            --map Column= leaves a column out.
        preset: The tool that exported FILE. Default: detected by its columns. People who declined are left out
            (invalid, not_attending). none: read it like any other file.
        split_name: Split a column of full names: the last word is the last name, with van, de la and the like.
        dry_run: Show the plan and send nothing: exit code 0, or 3 if rows are invalid or need attention. With --json
            the plan is one JSON object.
        yes: People may be mailed: do not ask. Without a terminal nobody can be asked, so --invite needs it.
        finished_event: People may be mailed although the event is over.
        dask: Send the rows on the workers of this Dask scheduler, such as tcp://10.0.0.5:8786. They have the keys in
            their environment.
        shards: With --folder: into how many parts (shards) the rows are put. Default, with --dask: by the number of
            workers.
        folder: Put the rows into shards there, on a disk that all workers share, at the same path. Without --dask
            nothing is sent: the paths are printed, airmeet resume PATH sends one, and airmeet join takes them back.
        workers: With --folder, without --dask: how many shards are sent at once; each has its part of --rate and of
            --concurrency. Default: all.
        options: As for every bulk command.
    """
    from airmeet_async.cli.runner import check_places, make_plan, run

    positive(shards, "--shards")
    positive(workers, "--workers")
    on = _on_dask(dask, shards, folder, workers)
    if invite is None:
        raise UsageError(
            "choose --invite or --no-invite: there is no default, because with --invite Airmeet mails everyone "
            "in the file at once"
        )
    choice = options.file(file, columns, preset=preset, split_name=split_name)
    options.job_options()  # finds fault
    event_id(airmeet_id, choice.path)
    if not dry_run:
        check_places(options, choice)
    wanted = describe_run(airmeet_id, choice, options.console, invite=invite, register=register)
    if not dry_run:
        wanted = evolve(wanted, yes=yes, finished_event=finished_event, is_sent_here=folder is None)
        if options.accept_stale and not wanted.is_sent_here:
            raise UsageError(
                "--accept-stale does not go with --folder; it is for airmeet resume, of a run or of a shard"
            )
        if on is not None:
            start = wanted.start
            wanted = evolve(wanted, start=lambda client, given: start(client, cast("JobOptions", {**given, "on": on})))
        elif folder is not None and shards is not None:
            wanted = evolve(wanted, cut=partial(_cut, folder=folder, shards=shards, workers=workers))
        return run(wanted, options, Settings.of(os.environ, options.redis), options.console).code
    plan = make_plan(wanted, options, Settings.of(os.environ, options.redis), options.console)
    options.console.say("dry run: nothing was sent")
    code = Exit.LEFT_OVER if plan.needs_attention else Exit.OK
    if options.json:
        print_json({**plan.as_dict(), "exit_code": int(code)})
    return code


async def _cut(job: "BulkJob", *, folder: str, shards: int, workers: int | None) -> "list[Path]":
    return await job.cut(into=folder, shards=shards, workers=workers)


def _on_dask(dask: str | None, shards: int | None, folder: str | None, workers: int | None) -> "OnDask | None":
    """Return what sends the rows, if that is a Dask cluster.

    Raises:
        UsageError: Some flags say nothing without others.
    """
    if dask is None:
        if (shards is None) != (folder is None) or (workers is not None and folder is None):
            raise UsageError("without --dask, --folder and --shards belong together, and --workers to them")
        return None
    if folder is None:
        raise UsageError("--dask needs --folder, a folder that this machine and all workers share")
    if workers is not None:
        raise UsageError("with --dask, its own workers count, so --workers says nothing")
    from airmeet_async.cluster import OnDask

    return OnDask(dask, folder=folder, shards=shards)


def describe_run(
    airmeet_id: str, choice: "FileChoice", console: Console, *, invite: bool, register: bool = False
) -> "BulkRun":
    """Open a file of people, and return the run that registers them."""
    from airmeet_async.cli.input_file import open_table, parse_columns
    from airmeet_async.cli.runner import BulkRun

    columns = parse_columns(choice.columns)
    table = open_table(choice, console)

    def start(client: "AirmeetClient", job_options: "JobOptions") -> "BulkJob":
        return client.bulk.add_attendees(
            airmeet_id,
            table,
            send_email_invite=invite,
            register_attendee=register,
            columns=columns,
            preset=cast("PresetName | None", choice.preset),
            split_name=choice.split_name,
            **job_options,
        )

    return BulkRun(
        operation="attendees.add",
        airmeet_id=airmeet_id,
        start=start,
        options={"sendEmailInvite": invite, "registerAttendee": register},
        choice=choice,
        table=table,
        show=lambda plan: console.say(*plan.lines()),
    )


def check(
    file: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    event: str | None = None,
    columns: Columns = (),
    preset: PresetChoice | None = None,
    split_name: Flag = False,
    limit: int | None = None,
    reading: FileFlags = DEFAULT_FILE,
) -> int:
    r"""Check a file, the keys and an event without sending any rows.

    With FILE: lists every problem in the file, one per line on standard output.
    This needs no keys. With --event, or without FILE: checks the keys, the region,
    and access to the event.

    For example:
      airmeet check people.csv
      airmeet check people.csv --event 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 \
        --map email="E-mail 2"
      airmeet check

    Args:
        file: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file; - for standard input.
        event: The event's id. Its registration fields are checked, too.
        columns: As for register.
        preset: As for register.
        split_name: As for register.
        limit: Check only this many rows, from the top.
        reading: As for every command with a file.
    """
    from airmeet_async.bulk.bulk import check_people
    from airmeet_async.cli.input_file import open_people
    from airmeet_async.cli.output.progress import PhaseDisplay
    from airmeet_async.client.token_store import MemoryTokenStore
    from airmeet_async.protocol.validation import RegistrationFields

    console, people, book = Console(), None, None
    if event is not None:
        check_id(event, "--event")
    if file is not None:
        people = open_people(
            evolve(reading.choice(file, columns, limit), preset=preset, split_name=split_name), console
        )
    if people is None or event is not None:
        settings = evolve(Settings.of(os.environ), store=MemoryTokenStore())  # a kept token would prove nothing
        console.say(*settings.notices, f"address: {settings.base}")

        async def ask() -> "tuple[AirmeetInfo | None, RegistrationFields]":
            async with settings.client() as client:
                if event is None:
                    await client.token.get()
                    return None, RegistrationFields(())
                info, fields = await client.airmeets.info(event), await client.custom_fields.list(event)
                return info, RegistrationFields(fields, is_hybrid=info.is_hybrid)

        info, book = run_async(ask)
        console.say("keys: accepted")
        if info is not None:
            console.say(f"event: {shown(info.name)}, {info.status or 'status unknown'}")
            if info.is_hybrid:
                console.say(*wrapped("this is a hybrid event: each row needs an attendance_type, IN-PERSON or VIRTUAL"))
            console.say(f"registration fields: {', '.join(map(shown, book.labels)) or 'none'}")
    if people is None:
        return Exit.OK

    name = people.table.name
    if people.columns.custom and book is None:
        console.say("the registration fields are not checked; add --event AIRMEET_ID to check them")

    def print_finding(finding: "RowFinding") -> None:
        print_data(escape(f"{name}:{finding.line}: {finding.code}: {finding.message}"))

    progress = PhaseDisplay("auto", console, "reading", f"reading {name}")
    found = run_async(check_people, people.table, people.reading, book, print_finding, progress)
    plan = evolve(found, done="registered")  # for certain or pending: that is for the run to say
    progress.end()
    verdict = "no problems found"
    if plan.to_correct:
        verdict = "correct the lines that are left out, or register the list without them"
    elif plan.invalid and not evolve(plan, invalid=0).needs_attention:
        verdict = "there is nothing to correct: all others can be sent"
    elif plan.needs_attention:
        verdict = "correct the lines above, or register the list as it is"
    elif plan.warned:
        verdict = "all rows can be sent; the lines above are worth a look"
    console.say(*plan.head(), "", *plan.count_lines("can be"), verdict)
    return Exit.LEFT_OVER if plan.needs_attention else Exit.OK
