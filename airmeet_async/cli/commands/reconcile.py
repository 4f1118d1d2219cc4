"""``airmeet reconcile``: a file and an event, compared."""

import json as jsonlib
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from itertools import groupby, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve

from airmeet_async.cli.console import Console, ReaderGoneError
from airmeet_async.cli.environment import terminable, with_client
from airmeet_async.cli.exit_codes import Exit
from airmeet_async.cli.options import DEFAULT_FILE, Columns, File, FileFlags, Flag, OutputPath, event_id
from airmeet_async.formatting import wrapped

if TYPE_CHECKING:
    from airmeet_async import AirmeetClient
    from airmeet_async.protocol.models import Participant

_DETAILS = ("organisation", "designation", "city", "country")
_TEAM = ("speaker", "host", "organi", "admin", "moderator", "exhibitor", "team")
_COLUMNS = ("difference", "email", "line", "field", "in_file", "in_event")
_COUNTS = (
    "rows", "people", "agree", "only_in_file", "only_in_event", "differing", "no_address", "repeated_in_file",
    "repeated_in_event", "team", "not_coming",
)  # fmt: skip


def reconcile(
    airmeet_id: str,
    file: File,
    /,
    *,
    columns: Columns = (),
    reading: FileFlags = DEFAULT_FILE,
    everybody: Flag = False,
    json: Flag = False,
    output: OutputPath = None,
) -> int:
    r"""Compare a file with an event's list: who is missing from either, and whose details differ.

    Compares names, organisation, designation, city and country if the file has
    them. Ignores case, spacing and Airmeet's shortening of long text. Exit code 0:
    file and event match. 3: they differ.

    For example:
      airmeet reconcile 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 people.csv
      airmeet reconcile 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02 people.csv \
        -o differences.csv

    Args:
        airmeet_id: The event's id.
        file: A CSV, TSV, JSON lines, Excel, LibreOffice or Parquet file with at least an e-mail column; - for standard
            input.
        columns: As for register.
        reading: As for every command with a file.
        everybody: Also report hosts, speakers and other team members who are not in the file.
        json: Print one JSON object with all differences.
        output: Write the differences to this .csv or .jsonl file instead of standard output.
    """
    import anyio.lowlevel

    from airmeet_async.bulk.input.column_names import FULL_NAMES, squeezed
    from airmeet_async.cli.input_file import open_people
    from airmeet_async.cli.list_formats import ExportFile, JsonArray, TextTable, check_kind, list_format
    from airmeet_async.cli.output.results_csv import choose_paths
    from airmeet_async.tables import shown, tidy

    console, choice = Console(), reading.choice(file, columns)
    event_id(airmeet_id, choice.path)
    target = None if output is None else Path(output)
    if target is not None:
        check_kind(target)
        choose_paths(choice.title, str(target), None)
    people = open_people(evolve(choice, preset="none"), console, required=("email",))
    people.table.check()  # nothing is asked for, and nothing compared, if a row cannot be read
    console.say(*people.lines())
    whole_name = None  # a column of whole names will do where there is none for first or last names
    if not {"first_name", "last_name"} & {match.field for match in people.columns.fields}:
        whole_name = next((name for name in people.columns.ignored if squeezed(name) in FULL_NAMES), None)
    if whole_name:
        people.table.judge([whole_name])
        console.say(f"  {shown(whole_name)} is compared with full names")
    with terminable(), closing(Comparison()) as comparison, ExitStack() as stack:
        # Opened before anything is asked for: a file that cannot be written is found at once.
        export = stack.enter_context(ExportFile(target, _COLUMNS, marks=_COLUMNS)) if target else None

        async def work(client: "AirmeetClient") -> None:
            for rows, lines in people.table.chunks():
                await anyio.lowlevel.checkpoint()  # where Ctrl-C is heard
                for row, line in zip(rows, lines, strict=True):
                    values = people.columns.pick(row)
                    values.pop("custom_fields", None)
                    if whole_name:
                        values["first_name"] = tidy(row.get(whole_name))
                    comes = all(warning.code != "may_not_come" for warning in people.columns.doubts(row))
                    comparison.add_row(values.pop("email", ""), line or 0, values, comes=comes)
            async for person in client.participants.list(airmeet_id):
                if person.email:
                    comparison.add_person(person, is_expected=everybody or not is_team(person))

        with_client(console, work)
        counts = comparison.compare()
        code = Exit.OK if all_agree(counts) else Exit.LEFT_OVER
        facts = {"airmeet_id": airmeet_id, "file": choice.title, "differences_path": output}
        head = jsonlib.dumps({**facts, **counts, "exit_code": int(code)})
        form = list_format("difference", " ".join(_COLUMNS), "difference line email field in_file in_event")
        printed = JsonArray(before=head[:-1] + ', "differences": ', after="}") if json else TextTable(form)
        with suppress(ReaderGoneError):
            for difference in comparison:
                (export or printed).add(difference)
            if json or export is None:
                printed.end()
    console.say(*verdict(counts, target))
    return code


class Comparison:
    """A file's rows and an event's people, however many, in a temporary file that only this process can open.

    Iterating yields the differences, first those of the file in its order, then those of the event by address. Their
    ``difference`` is one of ``only_in_file``, ``only_in_event``, ``differs`` and ``no_address`` (nobody can be
    registered by that row).
    """

    def __init__(self) -> None:
        import sqlite3

        self._db = sqlite3.connect("")
        self._db.executescript("""
            CREATE TABLE file (key TEXT UNIQUE, email TEXT, line INTEGER, data TEXT, comes INTEGER);
            CREATE TABLE event (key TEXT, email TEXT, name TEXT, data TEXT, expected INTEGER);
            CREATE INDEX event_by_key ON event (key);
        """)
        self._repeated_in_file = 0

    def close(self) -> None:
        self._db.close()

    def add_row(self, email: str, line: int, values: Mapping[str, str], *, comes: bool = True) -> None:
        """Add a row of the file. One without a usable address has no key; who does not *come* need not be there."""
        from airmeet_async.protocol.validation import check_email, fold

        row = (None if check_email(email) else fold(email), email, line, jsonlib.dumps(dict(values)), comes)
        added = self._db.execute("INSERT OR IGNORE INTO file VALUES (?, ?, ?, ?, ?)", row).rowcount
        self._repeated_in_file += 1 - added

    def add_person(self, person: "Participant", *, is_expected: bool) -> None:
        """Add somebody of the event; who is not expected in the file need not be there."""
        from airmeet_async.protocol.validation import fold

        details = {"name": person.name} | {name: getattr(person, name) or "" for name in _DETAILS}
        row = (fold(person.email), person.email, person.name, jsonlib.dumps(details), is_expected)
        self._db.execute("INSERT INTO event VALUES (?, ?, ?, ?, ?)", row)

    def compare(self) -> dict[str, int]:
        """Return the counts, as documented for ``--json``.

        `rows` are all of the file; of rows with one address the first is compared, the others are `repeated_in_file`.
        `people` are addresses in the event; of people with one address one must agree, the others are
        `repeated_in_event`. `team` need not be in the file, and `not_coming` not in the event.
        """
        counts = dict.fromkeys(_COUNTS, 0)
        for kind, _ in self._compared():
            counts[kind] += 1
        in_file, *in_event = self._db.execute(
            "SELECT (SELECT COUNT(*) FROM file), COUNT(*), COUNT(DISTINCT key) FROM event"
        ).fetchone()
        return counts | {
            "rows": in_file + self._repeated_in_file, "people": in_event[1],
            "repeated_in_file": self._repeated_in_file, "repeated_in_event": in_event[0] - in_event[1],
        }  # fmt: skip

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for _, differences in self._compared():
            for difference in differences:
                yield dict(zip_longest(_COLUMNS, difference))

    def _compared(self) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
        """Yield what each person of the file counts as, with the differences, and then each other one of the event."""
        pairs = self._db.execute("""
            SELECT file.rowid, file.line, file.key, file.email, file.data, file.comes, event.data
            FROM file LEFT JOIN event ON event.key = file.key ORDER BY file.line, file.rowid, event.rowid
        """)
        for (_, line, key, email, data, comes), group in groupby(pairs, key=lambda pair: pair[:6]):
            row = jsonlib.loads(data)
            found = [sorted(differing(row, jsonlib.loads(details))) for *_, details in group if details is not None]
            if key is not None and not found and not comes:
                yield "not_coming", []
            elif key is None or not found:
                kind = "no_address" if key is None else "only_in_file"
                yield kind, [(kind, email, line)]
            elif all(found):
                yield "differing", [("differs", email, line, *one) for one in found[0]]
            else:
                yield "agree", []
        for email, name, is_expected, _ in self._db.execute("""
            SELECT email, name, expected, MIN(rowid) FROM event
            WHERE key NOT IN (SELECT key FROM file WHERE key IS NOT NULL) GROUP BY key ORDER BY email
        """):
            yield ("only_in_event", [("only_in_event", email, None, None, None, name)]) if is_expected else ("team", [])


def all_agree(counts: Mapping[str, int]) -> bool:
    """Whether nobody is missing on either side, and no details differ."""
    return not any(counts[name] for name in ("only_in_file", "only_in_event", "differing", "no_address"))


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
    from airmeet_async.protocol.validation import NAME_LIMIT

    def cuts(text: str) -> list[str]:
        start = text[:NAME_LIMIT]
        return [text] if text == start else [text, start, f"{start}...", f"{start[:-3]}..."]

    return any(same_text(f"{one} {other}", found) for one in cuts(first) for other in cuts(last))


def same_text(given: str, found: str) -> bool:
    """Say whether *found* is *given* as Airmeet keeps it: case and blanks aside, cut if it is long (A: at 70)."""
    from airmeet_async.protocol.validation import TEXT_LIMIT

    wanted, kept = (unicodedata.normalize("NFC", " ".join(text.split())).casefold() for text in (given, found))
    start = kept.removesuffix("...").removesuffix("…").rstrip()
    is_cut = len(wanted) > TEXT_LIMIT and len(start) >= TEXT_LIMIT - 4 and wanted.startswith(start)
    return wanted == kept or is_cut


def is_team(person: "Participant") -> bool:
    """Say whether somebody is listed for another reason than having registered; the kinds are not documented."""
    return any(word in (person.user_type or "").lower() for word in _TEAM)


def verdict(counts: Mapping[str, int], target: Path | None) -> list[str]:
    """Return the counts in words, and what they come to."""
    lines = [f"{counts['agree']:,} {'person' if counts['agree'] == 1 else 'people'} the same in both"]
    found: dict[str, Any] = {
        "only in the file (airmeet register adds them)": counts["only_in_file"],
        "only in the file, which says that they do not come": counts["not_coming"],
        "only in the event": counts["only_in_event"],
        "with different details (airmeet register does not update people)": counts["differing"],
        "without a valid address in the file": counts["no_address"],
        "more than once in the file; the first row was compared": counts["repeated_in_file"],
        "more than once in the event; one entry must match": counts["repeated_in_event"],
        "hosts, speakers and other team members, not in the file (--everybody counts them)": counts["team"],
    }
    lines += [line for what, n in found.items() if n for line in wrapped(f"{n:,} {what}", "  ", "    ")]
    if target is not None:
        lines.append(f"differences: {target} (contains personal data: keep it private)")
    return [*lines, "file and event match" if all_agree(counts) else "file and event differ"]
