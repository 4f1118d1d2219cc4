"""The commands: their options and their help. What they do is in modules that are imported when they run."""

import os
from typing import Annotated

from attrs import evolve
from cyclopts import App, Parameter

from airmeet_async.cli.app_options import (
    DEFAULT,
    DEFAULT_FILE,
    Columns,
    FileOptions,
    Flag,
    Options,
    Path,
    PresetChoice,
    ProgressChoice,
    check_rate,
    positive,
)
from airmeet_async.cli.console import Voice, print_json
from airmeet_async.cli.exit_codes import HELP, UsageError


def _version() -> str:
    import airmeet_async

    return f"airmeet-async {airmeet_async.__version__}"


app = App(
    name="airmeet",
    help="""Register lists of people in Airmeet events, and know for each what happened.

    Try it without an account: airmeet demo
    Begin with your own:       airmeet login, then airmeet events
    When something is odd:     airmeet doctor
    """,
    help_format="plaintext",
    help_epilogue=HELP,
    version=_version,
    result_action="return_value",
)


@app.command(sort_key=0)
def register(
    airmeet_id: str,
    file: Path,
    /,
    *,
    invite: Annotated[bool | None, Parameter(negative="--no-invite")] = None,
    register: Flag = False,
    columns: Columns = (),
    preset: PresetChoice | None = None,
    split_name: Flag = False,
    dry_run: Flag = False,
    yes: Flag = False,
    options: Options = DEFAULT,
) -> int:
    """Register everybody of a file in an event.

    The file is checked to its end before anything is sent, and the plan is shown:
    which column is what, and which rows would not be sent. Afterwards a result file
    says for each row what happened, and has each person's entry link.
    A run that was stopped or killed goes on where it was when the same command is
    given again; what is done is not sent again, and nobody is mailed twice.

    For example:
      airmeet register 8f0c1a2e-5b01-11ee people.csv --no-invite
      airmeet register 8f0c1a2e-5b01-11ee people.csv --invite --failed left.csv
      airmeet register 8f0c1a2e-5b01-11ee x.csv --no-invite --map email="Mail 2"
      airmeet register 8f0c1a2e-5b01-11ee luma-guests.csv --invite --dry-run
      airmeet register 8f0c1a2e-5b01-11ee guests.xlsx --no-invite --sheet Guests
      cut -d, -f1-3 all.csv | airmeet register 8f0c1a2e-5b01-11ee - --no-invite

    The keys are those of airmeet login, or of the environment: AIRMEET_ACCESS_KEY
    and AIRMEET_SECRET_KEY, with AIRMEET_REGION (global, eu, us) or AIRMEET_URI.
    AIRMEET_RATE and AIRMEET_TOKEN_CACHE (a directory, or off) are optional.

    Args:
        airmeet_id: The event's id, as in its address after /e/.
        file: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file with at least e-mail, first name and last
            name; - is standard input.
        invite: Whether Airmeet mails each person an invitation. One of the two must be given.
        register: Make them confirmed registrations, which uses up the plan's; else they are pending until they come.
        columns: A field and its column, where the names do not tell: --map email="E-mail 2". May be repeated;
            custom:LABEL=Column fills a registration field of the event; a column called like one does so anyway.
        preset: The tool whose export FILE is; otherwise its columns tell. Rows of people who do not come are left out
            (invalid, not_attending). none: read it as any other file.
        split_name: Split a column of whole names: the last word is the last name, with van, de la and the like.
        dry_run: Show the plan and send nothing: exit code 0, or 3 where rows are invalid. With --json the plan is
            one JSON object.
        yes: Do not ask before people are mailed. Nobody is asked off a terminal.
        options: As for every bulk command.
    """
    if invite is None:
        raise UsageError(
            "say --no-invite or --invite: with --invite Airmeet mails everybody in the file at once, so nothing is "
            "assumed here"
        )
    from airmeet_async.cli.commands.register import Order, rehearse
    from airmeet_async.cli.commands.register import register as start

    choice = options.file(file, columns, preset=preset, split_name=split_name)
    facts = {"airmeet_id": airmeet_id, "invite": invite, "register": register, "sure": yes, **options.errand()}
    order = Order(file=choice, **facts)
    if not dry_run:
        return options.end(start(order, dict(os.environ), options.voice()))
    plan, code = rehearse(order, dict(os.environ), options.voice())
    if options.json:
        print_json({**plan.as_dict(), "exit_code": int(code)})
    return code


@app.command(sort_key=1, usage="Usage: airmeet check [OPTIONS] [FILE]")
def check(
    file: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    /,
    *,
    event: str | None = None,
    columns: Columns = (),
    preset: PresetChoice | None = None,
    split_name: Flag = False,
    limit: int | None = None,
    reading: FileOptions = DEFAULT_FILE,
) -> int:
    """Check a file, the keys and an event, without sending anything of the file.

    With FILE: everything that is wrong with it, one line per finding on standard
    output. That needs no keys. With --event, or without FILE: the keys, the
    region, and whether the event can be reached.

    For example:
      airmeet check people.csv
      airmeet check people.csv --event 8f0c1a2e-5b01-11ee --map email="E-mail 2"
      airmeet check

    Args:
        file: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file; - is standard input.
        event: The event's id; its registration fields are then checked, too.
        columns: As for register.
        preset: As for register.
        split_name: As for register.
        limit: Look at only that many rows from the top.
        reading: As for every command with a file.
    """
    from airmeet_async.cli.commands.check import check as start

    choice = None
    if file is not None:
        choice = evolve(reading.choice(file, columns, limit), preset=preset, split_name=split_name)
    return start(choice, event, os.environ, Voice())


@app.command(sort_key=2)
def events(*, json: Flag = False, limit: int | None = None) -> int:
    """List the community's events: id, status, start, name.

    For example:
      airmeet events
      airmeet events --limit 5 --json

    Args:
        json: Print a JSON array.
        limit: Stop after that many.
    """
    from airmeet_async.cli.commands.events import events as start

    return start(os.environ, Voice(), as_json=json, limit=positive(limit))


@app.command(sort_key=3)
def fields(airmeet_id: str, /, *, json: Flag = False) -> int:
    """List an event's own registration fields: label, id, required or not, type, options.

    For example:
      airmeet fields 8f0c1a2e-5b03-11ee
      airmeet register 8f0c1a2e-5b03-11ee x.csv --no-invite --map custom:Size=Shirt

    Args:
        airmeet_id: The event's id.
        json: Print a JSON array.
    """
    from airmeet_async.cli.commands.events import fields as start

    return start(airmeet_id, os.environ, Voice(), as_json=json)


@app.command(sort_key=4)
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
    from airmeet_async.cli.commands.template import template as start

    return start(airmeet_id, output, os.environ, Voice(), example=example)


@app.command(sort_key=5)
def sandbox(
    *,
    port: int = 8900,
    rate_limit: float | None = None,
    faults: str = "",
    seed: int = 0,
    latency: float = 0.0,
) -> int:
    """Run a pretend Airmeet on this machine until Ctrl-C, and print the environment that leads to it.

    For example:
      airmeet sandbox
      airmeet sandbox --rate-limit 20 --faults "500:2%,drop:1%,expire@500"

    Args:
        port: Where to listen, on 127.0.0.1 only; 0 takes any free port.
        rate_limit: Answer 429 beyond that many requests per second.
        faults: What goes wrong, and when.
        seed: Of the faults, tokens and links.
        latency: Milliseconds that every answer takes.
    """
    from airmeet_async.cli.commands.sandbox import sandbox as start

    return start(port=port, rate_limit=rate_limit, faults=faults, seed=seed, latency_ms=latency)


@app.command(sort_key=4)
def demo(
    *,
    people: int = 2000,
    rate: float = 200.0,
    seed: int = 0,
    results: str = "demo-results.csv",
    report: str | None = None,
    json: Flag = False,
    progress: ProgressChoice = "auto",
) -> int:
    """Register 2,000 invented people in a pretend Airmeet that makes trouble, and verify the outcome.

    Needs no account and no network, and takes about 15 seconds.

    For example:
      airmeet demo
      airmeet demo --people 500 --seed 7 --progress plain

    Args:
        people: How many rows to invent; some are duplicates, some have no usable address.
        rate: Requests per second.
        seed: Other people and other faults.
        results: The file with one line per row.
        report: A page on the run; otherwise demo-report.html where the extra report is installed.
        json: Print the report as one JSON object on standard output.
        progress: As for register.
    """
    from airmeet_async.cli.commands.demo import demo as start

    positive(people, "--people")
    check_rate(rate)
    voice = Voice(as_json=progress == "json")
    outcome = start(people=people, rate=rate, seed=seed, results=results, report=report, progress=progress, voice=voice)
    if json:
        print_json(outcome.as_dict())
    return outcome.code
