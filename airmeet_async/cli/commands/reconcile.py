"""``airmeet reconcile``: a file and an event, compared."""

import json
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from operator import attrgetter
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio.lowlevel
from attrs import asdict, define, evolve, frozen

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.bulk.input.column_names import FULL_NAMES, squeezed
from airmeet_async.bulk.input.row_mapping import tidy
from airmeet_async.bulk.table_cells import counted, shown
from airmeet_async.cli.commands.export import ExportFile, check_kind
from airmeet_async.cli.commands.lists import JsonArray, ReaderGoneError, Sink, Text
from airmeet_async.cli.console import Voice
from airmeet_async.cli.environment import ask, terminable
from airmeet_async.cli.exit_codes import Exit
from airmeet_async.cli.input_file import FileChoice, People, open_people
from airmeet_async.cli.list_columns import Line, Shape
from airmeet_async.cli.main import event_id
from airmeet_async.cli.output.results_csv import choose_paths
from airmeet_async.formatting import wrapped
from airmeet_async.protocol.models import Participant
from airmeet_async.protocol.validation import NAME_LIMIT, TEXT_LIMIT, check_email, fold

DETAILS = ("organisation", "designation", "city", "country")
COLUMNS = ("difference", "email", "line", "field", "in_file", "in_event")
"""Of the list of differences."""

_DOTS = ("...", "…")
_TEAM = ("speaker", "host", "organi", "admin", "moderator", "exhibitor", "team")


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


def differing(row: Mapping[str, str], person: Participant) -> Iterator[tuple[str, str, str]]:
    """Yield field, the file's value and the event's, where they differ. What the file leaves empty is not compared."""
    first, last = row.get("first_name", ""), row.get("last_name", "")
    if (first or last) and not same_name(first, last, person.name):
        yield "name", f"{first} {last}".strip(), person.name
    for name in DETAILS:
        given, found = row.get(name, ""), getattr(person, name) or ""
        if given and not same_text(given, found):
            yield name, given, found


def same_name(first: str, last: str, found: str) -> bool:
    """Say whether a name may be these two, each cut or not (A: at 35 characters, the whole at 70)."""
    return any(same_text(f"{one} {other}", found) for one in _cuts(first) for other in _cuts(last))


def _cuts(text: str) -> Iterator[str]:
    yield text
    if len(text) > NAME_LIMIT:
        yield text[:NAME_LIMIT]
        yield text[:NAME_LIMIT] + "..."
        yield text[: NAME_LIMIT - 3] + "..."


def same_text(given: str, found: str) -> bool:
    """Say whether *found* is *given* as Airmeet keeps it: case and blanks aside, cut if it is long (A: at 70)."""
    wanted, there = comparable(given), comparable(found)
    if wanted == there:
        return True
    kept = _without_dots(there)
    return len(wanted) > TEXT_LIMIT and len(kept) >= TEXT_LIMIT - 4 and wanted.startswith(kept)


def _without_dots(text: str) -> str:
    for dots in _DOTS:
        text = text.removesuffix(dots)
    return text.rstrip()


def comparable(text: str) -> str:
    """Return a text without what people write differently: case, blanks, Unicode's two ways of writing an accent."""
    return unicodedata.normalize("NFC", " ".join(text.split())).casefold()


def is_team(person: Participant) -> bool:
    """Say whether somebody is listed for another reason than having registered; the kinds are not documented."""
    kind = (person.user_type or "").lower()
    return any(word in kind for word in _TEAM)


_SCHEMA = """
    CREATE TABLE people (key TEXT PRIMARY KEY, email TEXT, line INTEGER, data TEXT, state INTEGER DEFAULT 0);
    CREATE TABLE found (key TEXT, difference TEXT, email TEXT, line INTEGER, field TEXT, in_file TEXT, in_event TEXT);
    CREATE INDEX found_by_key ON found (key);
    CREATE TABLE strangers (key TEXT PRIMARY KEY);
"""
_UNSEEN, _DIFFERS, _AGREES = 0, 1, 2


@define
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


class Ledger:
    """Takes a file's rows, then an event's people, and knows the differences.

    Attributes:
        counts: What was compared; complete after `close_books`.
    """

    def __init__(self) -> None:
        self.counts = Counts()
        self._db = sqlite3.connect("")  # no name: a temporary file that only we can open, gone when we are
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def add_row(self, email: str, line: int, values: Mapping[str, str]) -> None:
        """Take a row of the file that has an address."""
        self.counts.rows += 1
        row = (fold(email), email, line, json.dumps(dict(values)))
        added = self._db.execute("INSERT OR IGNORE INTO people (key, email, line, data) VALUES (?, ?, ?, ?)", row)
        self.counts.repeated_in_file += 1 - added.rowcount

    def add_flawed(self, email: str, line: int) -> None:
        """Take a row of the file without a usable address."""
        self.counts.rows += 1
        self.counts.no_address += 1
        self._note("", Difference("no_address", email, line))

    def add_person(self, person: Participant, *, expected: bool) -> None:
        """Take somebody of the event; who is not *expected* in the file need not be there."""
        key = fold(person.email)
        found = self._db.execute("SELECT email, line, data, state FROM people WHERE key = ?", (key,)).fetchone()
        if found is None:
            self._add_stranger(key, person, expected=expected)
            return
        email, line, data, state = found
        self.counts.people += state == _UNSEEN
        self.counts.repeated_in_event += state != _UNSEEN
        if state == _AGREES:
            return
        self._compare(key, Difference("differs", email, line), json.loads(data), person, first=state == _UNSEEN)

    def _compare(
        self, key: str, about: Difference, row: Mapping[str, str], person: Participant, *, first: bool
    ) -> None:
        differences = list(differing(row, person))
        if not differences:
            self._db.execute("DELETE FROM found WHERE key = ?", (key,))
        elif first:
            for name, given, there in differences:
                self._note(key, Difference("differs", about.email, about.line, name, given, there))
        state = _DIFFERS if differences else _AGREES
        self._db.execute("UPDATE people SET state = ? WHERE key = ?", (state, key))

    def _add_stranger(self, key: str, person: Participant, *, expected: bool) -> None:
        if not self._db.execute("INSERT OR IGNORE INTO strangers VALUES (?)", (key,)).rowcount:
            self.counts.repeated_in_event += 1
            return
        self.counts.people += 1
        if expected:
            self.counts.only_in_event += 1
            self._note(key, Difference("only_in_event", person.email, in_event=person.name))
        else:
            self.counts.team += 1

    def close_books(self) -> None:
        """Count what is certain only when both sides are complete."""
        by_state = dict(self._db.execute("SELECT state, COUNT(*) FROM people GROUP BY state").fetchall())
        self.counts.only_in_file = by_state.get(_UNSEEN, 0)
        self.counts.differing = by_state.get(_DIFFERS, 0)
        self.counts.agree = by_state.get(_AGREES, 0)

    def differences(self) -> Iterator[Difference]:
        """Yield all differences: in the file's order, then those who are in the event only, by address."""
        yield from map(_difference, self._db.execute(_IN_ORDER))

    def _note(self, key: str, one: Difference) -> None:
        row = (key, one.difference, one.email, one.line, one.field, one.in_file, one.in_event)
        self._db.execute("INSERT INTO found VALUES (?, ?, ?, ?, ?, ?, ?)", row)


_IN_ORDER = """
    SELECT * FROM (
        SELECT difference, email, line, field, in_file, in_event FROM found
        UNION ALL SELECT 'only_in_file', email, line, NULL, NULL, NULL FROM people WHERE state = 0
    ) ORDER BY line IS NULL, line, email, field
"""


def _difference(row: Iterable[object]) -> Difference:
    return Difference(*row)  # type: ignore[arg-type]


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
