"""``airmeet reconcile``: a file and an event, compared."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from typing import Any

import anyio.lowlevel
from attrs import asdict, evolve, frozen

from airmeet_async.api.rules import check_email
from airmeet_async.bulk.cells import tidy
from airmeet_async.bulk.prose import wrapped
from airmeet_async.bulk.table_cells import counted, shown
from airmeet_async.bulk.table_words import FULL_NAMES, squeezed
from airmeet_async.cli.asking import ask, terminable
from airmeet_async.cli.differences import COLUMNS, is_team
from airmeet_async.cli.exits import Exit
from airmeet_async.cli.export_files import ExportFile, check_kind
from airmeet_async.cli.ledger import Counts, Ledger
from airmeet_async.cli.mistyped import event_id
from airmeet_async.cli.outcome import choose_paths
from airmeet_async.cli.shapes import Line, Shape
from airmeet_async.cli.sinks import JsonArray, ReaderGoneError, Sink, Text
from airmeet_async.cli.source import FileChoice, People, open_people
from airmeet_async.cli.voice import Voice
from airmeet_async.front import AirmeetClient

DIFFERENCES = Shape(
    {name: attrgetter(name) for name in COLUMNS},
    shown=("difference", "line", "email", "field", "in_file", "in_event"),
    besides=lambda _: {},
)


@frozen(kw_only=True)
class Comparison:
    """What is to be compared, and how it is told.

    Attributes:
        airmeet_id: The event.
        file: The file.
        everybody: Hosts, speakers and the like must be in the file, too.
        as_json: One JSON object on standard output.
        target: A file for the differences, or None for standard output.
    """

    airmeet_id: str
    file: FileChoice
    everybody: bool = False
    as_json: bool = False
    target: Path | None = None


def reconcile(wanted: Comparison, environ: Mapping[str, str], voice: Voice) -> int:
    """Compare a file with an event.

    Raises:
        AirmeetError: The file or the event cannot be read.
    """
    event_id(wanted.airmeet_id, wanted.file.path)
    if wanted.target is not None:
        check_kind(wanted.target)
        choose_paths(wanted.file.title, str(wanted.target), None)
    people = open_people(evolve(wanted.file, preset="none"), required=("email",))
    voice.say(*people.lines())
    if whole_name := whole_name_of(people):
        voice.say(f"  {shown(whole_name)} is compared with whole names")
    with terminable(), Ledger() as ledger, ExitStack() as stack:
        file = stack.enter_context(ExportFile(wanted.target, COLUMNS, marks=COLUMNS)) if wanted.target else None

        async def work(client: AirmeetClient) -> None:
            await _read_file(people, ledger)
            await _read_event(client, wanted, ledger)

        ask(environ, voice, work)
        ledger.close_books()
        _tell(wanted, ledger, file)
    voice.say(*verdict(ledger.counts, wanted.target))
    return _code(ledger.counts)


async def _read_file(people: People, ledger: Ledger) -> None:
    whole_name = whole_name_of(people)
    for batch in people.table.batches():
        await anyio.lowlevel.checkpoint()  # where Ctrl-C is heard
        for row in batch:
            values = {name: tidy(value) for name, value in people.columns.pick(row.data).items()}
            if whole_name:
                values["first_name"] = tidy(row.data.get(whole_name))
            email = values.pop("email", "")
            values.pop("custom_fields", None)
            if check_email(email):
                ledger.add_flawed(email, row.line or 0)
            else:
                ledger.add_row(email, row.line or 0, values)


def whole_name_of(people: People) -> str | None:
    """Return the column of whole names, where there are none for first and last names: here it is as good."""
    if {"first_name", "last_name"} & {match.field for match in people.columns.fields}:
        return None
    return next((name for name in people.columns.ignored if squeezed(name) in FULL_NAMES), None)


async def _read_event(client: AirmeetClient, wanted: Comparison, ledger: Ledger) -> None:
    async for person in client.participants.list(wanted.airmeet_id):
        if person.email:
            ledger.add_person(person, expected=wanted.everybody or not is_team(person))


def _tell(wanted: Comparison, ledger: Ledger, file: ExportFile | None) -> None:
    lines = (line for one in ledger.differences() for line in DIFFERENCES.lines(one))
    try:
        if file is not None:
            for line in lines:
                file.add(line)
        if wanted.as_json:
            _print_object(wanted, ledger, iter(()) if file else lines)
        elif file is None:
            _print_all(Text(DIFFERENCES), lines)
    except ReaderGoneError:
        return


def _print_all(sink: Sink, lines: Iterator[Line]) -> None:
    for line in lines:
        sink.add(line)
    sink.end()


def _print_object(wanted: Comparison, ledger: Ledger, lines: Iterator[Line]) -> None:
    """Print one JSON object; its last member is the list of differences, however long."""
    head = shape(wanted, ledger.counts)
    sink = JsonArray(before=json.dumps(head)[:-1] + ', "differences": ', after="}")
    _print_all(sink, lines)


def shape(wanted: Comparison, counts: Counts) -> dict[str, Any]:
    """Return the documented JSON shape, without the differences."""
    target = None if wanted.target is None else str(wanted.target)
    facts = {"airmeet_id": wanted.airmeet_id, "file": wanted.file.title, "differences_path": target}
    return {**facts, **asdict(counts), "exit_code": int(_code(counts))}


def _code(counts: Counts) -> int:
    return Exit.OK if counts.all_agree else Exit.LEFT_OVER


def verdict(counts: Counts, target: Path | None) -> list[str]:
    """Say what it comes to."""
    lines = [f"{counted(counts.agree, 'person')} the same in both".replace("persons", "people")]
    found = {
        "only in the file (airmeet register adds them)": counts.only_in_file,
        "only in the event": counts.only_in_event,
        "with other details (airmeet register does not change who is in already)": counts.differing,
        "without a usable address in the file": counts.no_address,
        "in the file more than once; the first row was compared": counts.repeated_in_file,
        "in the event more than once; one of them must agree": counts.repeated_in_event,
        "hosts, speakers and the like, not in the file (--everybody counts them)": counts.team,
    }
    lines += [line for what, n in found.items() if n for line in wrapped(f"{n:,} {what}", "  ", "    ")]
    if target is not None:
        lines.append(f"differences: {target} (personal data: keep it private)")
    return [*lines, "file and event agree" if counts.all_agree else "file and event do not agree"]
