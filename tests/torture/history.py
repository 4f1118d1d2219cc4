"""What a run left behind, read into plain values: the truth log, the results, the input, the journal."""

import csv
import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from attrs import define, field, fields, frozen

_MAGIC = b"SQLite format 3\0"

_ENTRIES = """
    SELECT e.id, COALESCE(e.key, e.identity), o.state, o.sent FROM entry e LEFT JOIN outcome o ON o.entry = e.id
"""
# What a list says of somebody in its own words has an intent of its own.
_UP_TO_HORIZON = """
    SELECT i.entry FROM list l JOIN input i ON i.id BETWEEN l.id << 32 AND (l.id << 32) + l.horizon
    WHERE l.horizon IS NOT NULL AND i.status IS NULL AND i.request IS NULL
"""
_INPUTS = """
    SELECT count(*) FROM input WHERE id >> 32 = (SELECT id FROM list WHERE confirmed ORDER BY confirmed DESC LIMIT 1)
"""

PENDING, IN_FLIGHT, RETRY, UNKNOWN, SUCCEEDED, REJECTED, FAILED = range(7)
"""The states of a journal's entry; without a request and without an outcome it is pending."""
TERMINAL = frozenset({SUCCEEDED, REJECTED, FAILED})


@frozen(kw_only=True)
class Sent:
    """A request that the server received: a line of the truth log."""

    n: int
    t_recv: float = 0.0
    t_reply: float | None = None
    t_end: float = 0.0
    kind: str = "add"
    key: str | None = None
    hash: str | None = None
    gen: int | None = None
    applied: bool = False
    status: int | None = None
    invite: bool | None = None
    gone: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the client was told of a success."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """Whether the client was told that this request will never do."""
        return self.status is not None and 400 <= self.status < 500 and self.status not in {408, 412, 429}


@frozen
class Mark:
    """Something that happened between two requests: ``start``, ``kill``, ``end``, ``expire`` or ``done``."""

    n: int
    what: str
    t: float = 0.0


@define
class Truth:
    """The truth log in order of arrival.

    Attributes:
        requests: All of them.
        marks: What happened between them.
        by_key: The adds of each key; keys are folded.
    """

    requests: list[Sent]
    marks: list[Mark] = field(factory=list)
    by_key: dict[str, list[Sent]] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.requests.sort(key=lambda sent: sent.n)
        self.marks.sort(key=lambda mark: mark.n)
        self.by_key = {}
        for sent in self.adds:
            self.by_key.setdefault(fold(sent.key or ""), []).append(sent)

    @property
    def adds(self) -> Iterator[Sent]:
        """The requests that add somebody."""
        return (sent for sent in self.requests if sent.kind == "add")

    def when(self, what: str) -> list[int]:
        """Return the numbers of the marks of one kind."""
        return [mark.n for mark in self.marks if mark.what == what]


@frozen
class InputRow:
    """A row of the input, and what it was made for.

    Attributes:
        line: Where it stands in the file; results name it so.
        key: Its e-mail.
        part: ``plain``, ``duplicate`` (of an earlier row), ``invalid``, ``poison`` or ``reject``.
        hashes: The bodies that may be sent for it; empty where that is not to be looked at.
        link: The entry link that only this person may get, or None.
    """

    line: int
    key: str
    part: str = "plain"
    hashes: frozenset[str] = frozenset()
    link: str | None = None


@frozen
class Result:
    """A row of the results file."""

    line: int
    key: str
    status: str
    code: str = ""
    attempts: int = 0
    link: str = ""


@frozen
class Entry:
    """A person in the journal, and what is known of the requests for them.

    Those up to the horizon of a list that was being sent are in flight, as a resumed run will take them.
    """

    state: int
    sent: int


@frozen
class Journal:
    """A journal at one moment.

    Attributes:
        at: The number of the mark at which it was read.
        integrity: What SQLite's check said.
        entries: All people of all lists; keys are folded.
        inputs: How many rows the newest confirmed list has.
    """

    at: int
    integrity: str = "ok"
    entries: Mapping[str, Entry] = field(factory=dict)
    inputs: int | None = None

    @property
    def in_flight(self) -> frozenset[str]:
        """Those of whom nobody knows what became of their last request: unknown to a resumed run."""
        return frozenset(key for key, entry in self.entries.items() if entry.state == IN_FLIGHT)


@frozen(kw_only=True)
class Facts:
    """What is known of the run; None means that a rule is not looked at.

    Attributes:
        concurrency: Most requests under way at once.
        rate: Requests per second.
        max_unsettled: Most rows that one crash may leave unknown or send again.
        elapsed: Seconds that it took.
        bound: Seconds that it may take.
        finished: It ran to its end.
        jitter: Seconds by which arrivals may bunch on their way.
        invites: Each person is to be mailed once: at most, and at least where no crash or unclear answer came between.
    """

    concurrency: int | None = None
    rate: float | None = None
    max_unsettled: int | None = None
    elapsed: float | None = None
    bound: float | None = None
    finished: bool = True
    jitter: float = 0.25
    invites: bool = False


@define(kw_only=True)
class History:
    """All that the checker looks at.

    Attributes:
        truth: What the server saw.
        rows: The input.
        results: The results file, or None if there is none.
        journals: The journal after each kill and at the end; empty where there is none.
        facts: About the run.
        texts: Everything that was written, by name, to be searched for secrets; names in *with_links* may show links.
        with_links: See *texts*.
    """

    truth: Truth
    rows: Sequence[InputRow]
    results: Sequence[Result] | None
    journals: Sequence[Journal] = ()
    facts: Facts = field(factory=Facts)
    texts: Mapping[str, str] = field(factory=dict)
    with_links: frozenset[str] = frozenset()


def fold(key: str) -> str:
    """Fold ASCII letters only, and blanks around."""
    return "".join(chr(ord(c) + 32) if "A" <= c <= "Z" else c for c in key.strip())


def read_truth(lines: Iterable[str]) -> Truth:
    """Read a truth log."""
    requests, marks = [], []
    names = {spec.name for spec in fields(Sent)}
    for line in lines:
        facts: dict[str, Any] = json.loads(line)
        if "mark" in facts:
            marks.append(Mark(facts["n"], facts["mark"], facts["t"]))
        else:
            requests.append(Sent(**{name: facts[name] for name in names if name in facts}))
    return Truth(requests, marks)


def read_results(path: Path, key_column: str = "email") -> list[Result] | None:
    """Read the file of ``--results``, or return None if there is none."""
    if not path.exists():
        return None
    with path.open(newline="", encoding="utf-8-sig") as file:
        return [
            Result(
                int(row["airmeet_row"]),
                row[key_column],
                row["airmeet_status"],
                row["airmeet_code"],
                int(row["airmeet_attempts"] or 0),
                row["airmeet_entry_link"],
            )
            for row in csv.DictReader(file)
        ]


def find_journals(folder: Path, but: Path | None = None) -> list[Path]:
    """Return the SQLite files anywhere below *folder*, leaving out those directly in *but*."""
    paths = sorted(path for path in folder.rglob("*") if path.parent != but)
    return [path for path in paths if path.is_file() and _is_sqlite(path)]


def _is_sqlite(path: Path) -> bool:
    if path.with_name(path.name + "-wal").exists():  # all of a young file may still be in its WAL
        return True
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def snapshot(path: Path, at: int, scratch: Path) -> Journal | None:
    """Read a journal whose writer is dead or done, from a copy: what a reader does to a WAL must not help it.

    Returns None where the file has no tables (yet).
    """
    copy = scratch / "copy.sqlite"
    for suffix in ("", "-wal"):
        target = copy.with_name(copy.name + suffix)
        target.unlink(missing_ok=True)
        source = path.with_name(path.name + suffix)
        if source.exists():
            shutil.copyfile(source, target)
            target.chmod(0o600)  # as the journal itself
    copy.with_name(copy.name + "-shm").unlink(missing_ok=True)
    return read_journal(copy, at)


def read_journal(path: Path, at: int = 0) -> Journal | None:
    """Read a journal, or return None where it has no tables."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        try:
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not {"list", "entry", "input", "outcome"} <= tables:
                return None
            (integrity,) = db.execute("PRAGMA integrity_check").fetchone()
            begun = {entry for (entry,) in db.execute(_UP_TO_HORIZON)}
            entries = {
                fold(key): Entry(int(number in begun) if state is None else state, sent or int(number in begun))
                for number, key, state, sent in db.execute(_ENTRIES)
            }
            (inputs,) = db.execute(_INPUTS).fetchone()
        except sqlite3.DatabaseError as error:
            return Journal(at, f"unreadable: {error}")
    return Journal(at, integrity, entries, inputs)
