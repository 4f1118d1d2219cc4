"""``airmeet reconcile``: a file and an event, compared."""

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from attrs import asdict, astuple, evolve, frozen
from cyclopts import Parameter

from airmeet_async.cli.console import Console
from airmeet_async.cli.environment import terminable, with_client
from airmeet_async.cli.exit_codes import Exit
from airmeet_async.cli.options import DEFAULT_FILE, Columns, File, FileFlags, Flag

if TYPE_CHECKING:
    import sqlite3

    from airmeet_async import AirmeetClient
    from airmeet_async.cli.input_file import People
    from airmeet_async.protocol.models import Participant

_DETAILS = ("organisation", "designation", "city", "country")
_TEAM = ("speaker", "host", "organi", "admin", "moderator", "exhibitor", "team")
_DOTS = ("...", "…")


@frozen
class Difference:
    """One thing on which a file and an event do not agree.

    Attributes:
        difference: ``only_in_file``, ``only_in_event``, ``differs``, or ``no_address`` for a row that nobody can be
            registered by.
        email: Of whom.
        line: In the file.
        field: What differs.
        in_file: What the file has.
        in_event: What the event has.
    """

    difference: str
    email: str
    line: int | None = None
    field: str | None = None
    in_file: str | None = None
    in_event: str | None = None


_COLUMNS = tuple(one.name for one in Difference.__attrs_attrs__)


@frozen
class Counts:
    """What was compared.

    Attributes:
        rows: In the file.
        people: In the event, each address once.
        agree: Addresses that are in both, with the same details.
        only_in_file: Addresses.
        only_in_event: Addresses.
        differing: Addresses with other details.
        no_address: Rows of the file without a usable address.
        repeated_in_file: Rows with the address of an earlier one, which is the one that is compared.
        repeated_in_event: People with the address of another one; one of them must agree.
        team: Hosts, speakers and the like, who need not be in the file.
    """

    rows: int = 0
    people: int = 0
    agree: int = 0
    only_in_file: int = 0
    only_in_event: int = 0
    differing: int = 0
    no_address: int = 0
    repeated_in_file: int = 0
    repeated_in_event: int = 0
    team: int = 0

    @property
    def all_agree(self) -> bool:
        """Whether there is no difference."""
        return not (self.only_in_file or self.only_in_event or self.differing or self.no_address)


def reconcile(
    airmeet_id: str,
    file: File,
    /,
    *,
    columns: Columns = (),
    reading: FileFlags = DEFAULT_FILE,
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
    import json as jsonlib
    from operator import attrgetter

    from airmeet_async.bulk.table_cells import shown
    from airmeet_async.cli.input_file import open_people
    from airmeet_async.cli.list_columns import ListFormat
    from airmeet_async.cli.options import event_id
    from airmeet_async.cli.output.list_writers import (
        ExportFile,
        JsonArray,
        ReaderGoneError,
        RowSink,
        TextTable,
        check_kind,
    )
    from airmeet_async.cli.output.results_csv import choose_paths

    console, choice = Console(), reading.choice(file, columns)
    target = None if output is None else Path(output)
    event_id(airmeet_id, choice.path)
    if target is not None:
        check_kind(target)
        choose_paths(choice.title, str(target), None)
    people = open_people(evolve(choice, preset="none"), required=("email",))
    console.say(*people.lines())
    if whole_name := whole_name_column(people):
        console.say(f"  {shown(whole_name)} is compared with whole names")
    differences = ListFormat(
        "difference",
        {name: attrgetter(name) for name in _COLUMNS},
        shown=("difference", "line", "email", "field", "in_file", "in_event"),
        besides=lambda _: {},
    )
    with terminable(), closing(open_comparison()) as db, ExitStack() as stack:
        # Opened before anything is asked for: a file that cannot be written is found at once.
        export = stack.enter_context(ExportFile(target, _COLUMNS, marks=_COLUMNS)) if target else None

        async def work(client: "AirmeetClient") -> None:
            await _load_file(db, people)
            async for person in client.participants.list(airmeet_id):
                if person.email:
                    add_person(db, person, expected=everybody or not is_team(person))

        with_client(os.environ, console, work)
        counts = compare(db)
        code = Exit.OK if counts.all_agree else Exit.LEFT_OVER
        facts = {"airmeet_id": airmeet_id, "file": choice.title, "differences_path": output}
        head = jsonlib.dumps({**facts, **asdict(counts), "exit_code": int(code)})
        printed: RowSink = TextTable(differences)
        if json:
            printed = JsonArray(before=head[:-1] + ', "differences": ', after="}")
        with suppress(ReaderGoneError):
            for one in found_differences(db):
                for row in differences.rows(one):
                    (export or printed).add(row)
            if json or export is None:
                printed.end()
    console.say(*verdict(counts, target))
    return code


def open_comparison() -> "sqlite3.Connection":
    """Return the place where both sides are kept, however large: a temporary file that only this process can open."""
    import sqlite3

    db = sqlite3.connect("")
    db.executescript("""
        CREATE TABLE file (key TEXT UNIQUE, email TEXT, line INTEGER, data TEXT);
        CREATE TABLE event (key TEXT, email TEXT, name TEXT, data TEXT, expected INTEGER);
        CREATE INDEX event_by_key ON event (key);
        CREATE TABLE found (difference TEXT, email TEXT, line INTEGER, field TEXT, in_file TEXT, in_event TEXT);
        CREATE TABLE repeated (line INTEGER);
    """)
    return db


async def _load_file(db: "sqlite3.Connection", people: "People") -> None:
    import anyio.lowlevel

    from airmeet_async.bulk.input.row_mapping import tidy

    whole_name = whole_name_column(people)
    for batch in people.table.batches():
        await anyio.lowlevel.checkpoint()  # where Ctrl-C is heard
        for row in batch:
            values = {name: tidy(value) for name, value in people.columns.pick(row.data).items()}
            if whole_name:
                values["first_name"] = tidy(row.data.get(whole_name))
            values.pop("custom_fields", None)
            add_row(db, values.pop("email", ""), row.line or 0, values)


def whole_name_column(people: "People") -> str | None:
    """Return the column of whole names, where there are none for first and last names: here it is as good."""
    from airmeet_async.bulk.input.column_names import FULL_NAMES, squeezed

    if {"first_name", "last_name"} & {match.field for match in people.columns.fields}:
        return None
    return next((name for name in people.columns.ignored if squeezed(name) in FULL_NAMES), None)


def add_row(db: "sqlite3.Connection", email: str, line: int, values: Mapping[str, str]) -> None:
    """Add a row of the file. One without a usable address has no key."""
    import json

    from airmeet_async.protocol.validation import check_email, fold

    key = None if check_email(email) else fold(email)
    row = (key, email, line, json.dumps(dict(values)))
    if not db.execute("INSERT OR IGNORE INTO file VALUES (?, ?, ?, ?)", row).rowcount:
        db.execute("INSERT INTO repeated VALUES (?)", (line,))


def add_person(db: "sqlite3.Connection", person: "Participant", *, expected: bool) -> None:
    """Add somebody of the event; who is not *expected* in the file need not be there."""
    import json

    from airmeet_async.protocol.validation import fold

    details = {name: getattr(person, name) or "" for name in _DETAILS} | {"name": person.name}
    row = (fold(person.email), person.email, person.name, json.dumps(details), expected)
    db.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", row)


def compare(db: "sqlite3.Connection") -> Counts:
    """Find all differences, and count: first those of the file in its order, then those of the event by address."""
    import json
    from itertools import groupby

    agree = only_in_file = differing_people = no_address = 0

    def note(*differences: Difference) -> None:
        db.executemany("INSERT INTO found VALUES (?, ?, ?, ?, ?, ?)", map(astuple, differences))

    pairs = db.execute("""
        SELECT file.rowid, file.line, file.key, file.email, file.data, event.data
        FROM file LEFT JOIN event ON event.key = file.key ORDER BY file.line, file.rowid, event.rowid
    """)
    for (_, line, key, email, data), group in groupby(pairs, key=lambda pair: pair[:5]):
        row = json.loads(data)
        found = [sorted(differing(row, json.loads(details))) for *_, details in group if details is not None]
        if key is None:
            no_address += 1
            note(Difference("no_address", email, line))
        elif not found:
            only_in_file += 1
            note(Difference("only_in_file", email, line))
        elif not all(found):  # of several people with one address, one must agree
            agree += 1
        else:
            differing_people += 1
            note(*(Difference("differs", email, line, *one) for one in found[0]))
    strangers = db.execute("""
        SELECT email, name, expected, MIN(rowid) FROM event
        WHERE key NOT IN (SELECT key FROM file WHERE key IS NOT NULL) GROUP BY key ORDER BY email
    """).fetchall()
    note(*(Difference("only_in_event", email, in_event=name) for email, name, expected, _ in strangers if expected))
    ((in_event, people),) = db.execute("SELECT COUNT(*), COUNT(DISTINCT key) FROM event")
    ((rows,),) = db.execute("SELECT COUNT(*) FROM file")
    ((repeated,),) = db.execute("SELECT COUNT(*) FROM repeated")
    only_in_event = sum(expected for _, _, expected, _ in strangers)
    return Counts(
        rows + repeated, people, agree, only_in_file, only_in_event, differing_people, no_address, repeated,
        in_event - people, len(strangers) - only_in_event,
    )  # fmt: skip


def found_differences(db: "sqlite3.Connection") -> Iterator[Difference]:
    """Yield what `compare` has found."""
    for row in db.execute("SELECT * FROM found ORDER BY rowid"):
        yield Difference(*row)


def differing(row: Mapping[str, str], person: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yield field, the file's value and the event's, where they differ. What the file leaves empty is not compared."""
    first, last = row.get("first_name", ""), row.get("last_name", "")
    if (first or last) and not same_name(first, last, person["name"]):
        yield "name", f"{first} {last}".strip(), person["name"]
    for name in _DETAILS:
        given, found = row.get(name, ""), person[name]
        if given and not same_text(given, found):
            yield name, given, found


def same_name(first: str, last: str, found: str) -> bool:
    """Say whether a name may be these two, each cut or not (A: at 35 characters, the whole at 70)."""
    from airmeet_async.protocol.validation import NAME_LIMIT as LIMIT

    def cuts(text: str) -> list[str]:
        if len(text) <= LIMIT:
            return [text]
        return [text, text[:LIMIT], text[:LIMIT] + "...", text[: LIMIT - 3] + "..."]

    return any(same_text(f"{one} {other}", found) for one in cuts(first) for other in cuts(last))


def same_text(given: str, found: str) -> bool:
    """Say whether *found* is *given* as Airmeet keeps it: case and blanks aside, cut if it is long (A: at 70)."""
    import unicodedata

    from airmeet_async.protocol.validation import TEXT_LIMIT

    wanted, kept = (unicodedata.normalize("NFC", " ".join(text.split())).casefold() for text in (given, found))
    if wanted == kept:
        return True
    for dots in _DOTS:
        kept = kept.removesuffix(dots)
    kept = kept.rstrip()
    return len(wanted) > TEXT_LIMIT and len(kept) >= TEXT_LIMIT - 4 and wanted.startswith(kept)


def is_team(person: "Participant") -> bool:
    """Say whether somebody is listed for another reason than having registered; the kinds are not documented."""
    kind = (person.user_type or "").lower()
    return any(word in kind for word in _TEAM)


def verdict(counts: Counts, target: Path | None) -> list[str]:
    """Say what it comes to."""
    from airmeet_async.formatting import wrapped

    lines = [f"{counts.agree:,} {'person' if counts.agree == 1 else 'people'} the same in both"]
    found: dict[str, Any] = {
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
