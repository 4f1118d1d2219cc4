"""Views of a journal from outside, also while a run has it: what it does, how far it is, what became of each row.

Each is of one list, by default the newest that was confirmed, and of one moment. `read_run` and `read_results` are for
everybody, also in the process that sends the run.
"""

import os
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import field, frozen

from airmeet_async.bulk.journal import locking
from airmeet_async.bulk.journal.recorded_rows import CLOCK_SLACK, STALE_SECONDS, recorded_result
from airmeet_async.bulk.journal.row_encoding import decode_data
from airmeet_async.bulk.journal.schema import APPLICATION_ID, LIST_SHIFT
from airmeet_async.bulk.journal.writer import (
    AGAIN,
    CHANGED,
    DONE,
    IN_DOUBT,
    OF_LIST,
    OPEN,
    ROWS,
    STATUS,
    WAS_DONE,
    WAS_SENT,
    WISH,
    RecordedList,
    read_facts,
    read_lists,
    select_rows,
)
from airmeet_async.bulk.report import BLOCKED, NOT_ATTENDING, RowResult, RowStatus, StopReason
from airmeet_async.bulk.row import Outcome, OutcomeState
from airmeet_async.errors import JournalError
from airmeet_async.protocol.endpoints import ENDPOINTS
from airmeet_async.protocol.value_class import AsDict

# A row up to the horizon of a run that has not ended yet may be under way; after a kill it will be unknown.
_UNDER_WAY = """(i.status IS NULL AND (o.state IS 1 OR (
    o.entry IS NULL AND i.request IS NULL AND i.id <= :first + (SELECT horizon FROM list WHERE id = :list))))"""
_COUNTS = f"""
    SELECT CASE WHEN {_UNDER_WAY} THEN 'unknown' ELSE {STATUS} END, COUNT(*), SUM({_UNDER_WAY}),
        SUM({DONE} AND i.status IS NULL AND o.done & 8 AND {WISH} & 4), SUM({DONE} AND i.status IS NULL AND {CHANGED}),
        SUM(CASE i.status
            WHEN 'invalid' THEN json_extract(i.note, '$.error.code') NOT IN ('{BLOCKED}', '{NOT_ATTENDING}')
            WHEN 'duplicate' THEN json_extract(i.note, '$.other_name') IS NOT NULL ELSE 0 END),
        SUM({AGAIN} AND o.done & 1), SUM(o.done & (2 | :is_hybrid) <> 0), SUM(o.done & 32 <> 0)
    {OF_LIST} GROUP BY 1
"""
_STALE = f"""
    SELECT COUNT(*) {OF_LIST} AND i.status IS NULL AND (({OPEN} AND {IN_DOUBT}) OR {_UNDER_WAY})
    AND (COALESCE(o.touched, (SELECT touched FROM list WHERE id = :list)) IS NULL
         OR COALESCE(o.touched, (SELECT touched FROM list WHERE id = :list)) NOT BETWEEN :from AND :to)
"""  # noqa: S608 - no values
# Who is not in the event can be neither blocked nor unblocked: Airmeet refuses it, and what was wanted counts. But a
# refusal ends no block that was done.
_WAS_UNBLOCKED = "state IN (4, 5) AND NOT unclear"
_BLOCKED_BEFORE_A_CRASH = f"""
    SELECT e.hash, e.identity, l.touched, 0 FROM list l
    JOIN input i ON i.id BETWEEN l.id << {LIST_SHIFT} AND (l.id << {LIST_SHIFT}) + l.horizon
    JOIN entry e ON e.id = i.entry LEFT JOIN outcome o ON o.entry = i.entry
    WHERE l.horizon IS NOT NULL AND i.status IS NULL AND o.entry IS NULL
"""  # noqa: S608 - no values
_ROWS_AT_ONCE = 256
_RESULTS = ROWS.format("1")
COUNTED = ("succeeded", "rejected", "failed", "invalid", "duplicate", "unknown", "pending")


@frozen
class JournalSummary:
    """The state of a journal.

    Attributes:
        path: The file.
        list_id: The list whose rows are counted; 0 for none.
        facts: About the whole journal.
        list_facts: About the list whose rows are counted.
        counts: Its rows by state, see `COUNTED`.
        in_flight: Rows that are under way, and counted as pending; or were when their run died: these are unknown.
        unverified: Rows that succeeded, but it is not known whether the invitation was mailed.
        changed_rows: Rows that are done, and differ in the list since.
        to_correct: Rows that are not sent again as they are: refused, not valid, or under the address of another name.
        full: Rows that were refused since no registrations were left, and are sent again.
        to_repeat: Rows that were done before, and are still to be sent once more on purpose.
        registered: Rows that succeeded, of people who are registered and not only pending until they come.
        rows: All rows; None where the list was not read to its end.
        columns: The list's.
        process: Who runs it, or None.
    """

    path: Path
    facts: Mapping[str, Any]
    list_id: int = 0
    list_facts: Mapping[str, Any] = field(factory=dict)
    counts: Mapping[str, int] = field(factory=dict)
    in_flight: int = 0
    unverified: int = 0
    changed_rows: int = 0
    to_correct: int = 0
    full: int = 0
    to_repeat: int = 0
    registered: int = 0
    rows: int | None = None
    columns: tuple[str, ...] = ()
    process: int | None = None

    @property
    def job(self) -> str:
        return str(self.list_facts.get("job") or self.facts.get("job", self.path.stem))

    @property
    def about(self) -> Mapping[str, Any]:
        """Operation, event, address and options."""
        found = {name: self.facts[name] for name in ("operation", "airmeet_id", "base") if name in self.facts}
        return {**found, "options": self.list_facts.get("options") or {}} if found else {}

    @property
    def note(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.list_facts.get("note") or {}
        return found

    @property
    def lent(self) -> Mapping[str, Any]:
        """The shards that rows of this list are in: ``shards``, ``folder``, ``returned``; empty for none."""
        found: Mapping[str, Any] = self.facts.get("lent") or {}
        return found if found.get("list") == self.list_id else {}

    @property
    def created(self) -> float:
        """When the list was read, in seconds since the epoch."""
        return float(self.list_facts.get("created") or self.facts.get("created") or 0.0)

    @property
    def changed(self) -> float:
        """When something has changed last, in seconds since the epoch."""
        if self.list_facts.get("ended"):
            return float(self.list_facts["ended"])
        times = [
            part.stat().st_mtime for part in (self.path, self.path.with_name(self.path.name + "-wal")) if part.exists()
        ]
        return max([self.created, *times])

    @property
    def left(self) -> int:
        """Rows for which something is left to do."""
        return self.counts.get("pending", 0) + self.counts.get("unknown", 0)

    @property
    def left_out(self) -> int:
        """Rows that are never sent as they are."""
        return self.counts.get("invalid", 0) + self.counts.get("duplicate", 0)

    @property
    def state(self) -> str:
        """``running``, ``finished`` (no run is needed to send something), ``lent`` or ``interrupted``."""
        if self.process is not None:
            return "running"
        if self.lent:
            return "lent"
        has_ended = self.list_facts.get("ended") is not None and self.list_facts.get("stop") is None
        waits = self.left if not has_ended else self.counts.get("pending", 0)
        return "interrupted" if self.rows is None or self.in_flight or waits else "finished"


@frozen
class RunSummary(AsDict):
    """How far a run with a journal is, see `read_run`.

    Attributes:
        journal: The file.
        job: The run's name: ``job.id``, and that of ``airmeet runs``.
        state: ``running``; ``finished``; ``lent`` while its rows are in shards; or ``interrupted``: `Bulk.resume` sends
            the others.
        operation: Such as ``attendees.add``; empty where nobody has decided yet.
        airmeet_id: The event; empty for none.
        rows: All rows of the list; None where it was not read to its end, or was prepared and never started: the call
            that has prepared it starts it.
        counts: Rows per status, zeros included; those that are under way, or in shards, are UNPROCESSED.
        under_way: How many of these are being sent at this moment.
        unverified: Rows that succeeded, but whose invitation may not have been mailed.
        process: The number of the process that sends it, or None.
        created: When the list was read.
        ended: When its last run ended; None while it runs, and after a crash.
        stop_reason: Why its last run ended early, or None.
        stop_message: The same in a sentence, or empty.
        note: The caller's own data (``note=``); runs of the command line keep their paths there.
    """

    journal: Path
    job: str
    state: str
    operation: str
    airmeet_id: str
    rows: int | None
    counts: Mapping[RowStatus, int]
    under_way: int = 0
    unverified: int = 0
    process: int | None = None
    created: datetime | None = None
    ended: datetime | None = None
    stop_reason: StopReason | None = None
    stop_message: str = ""
    note: Mapping[str, Any] = field(factory=dict)


def read_run(journal: str | os.PathLike[str]) -> RunSummary:
    """Return how far the run of a journal is: in any process, also while it runs, and after a crash.

    Of several lists in the journal, it is the one that was sent last. It takes a few milliseconds for each thousand
    rows, and blocks the thread meanwhile::

        summary = await asyncio.to_thread(read_run, "launch.job")
        print(summary.state, summary.counts[RowStatus.SUCCEEDED], "of", summary.rows)

    Args:
        journal: The file.

    Raises:
        JournalError: It is not there, or is no journal, or it cannot be read; if ``busy``, it is a shard that is being
            sent.
    """
    found = read_summary(Path(journal))
    facts, stop = found.list_facts, found.list_facts.get("stop")
    created, ended = (
        datetime.fromtimestamp(seconds, UTC) if seconds else None for seconds in (found.created, facts.get("ended"))
    )
    counts = {RowStatus.UNPROCESSED if name == "pending" else RowStatus(name): n for name, n in found.counts.items()}
    return RunSummary(
        journal=found.path,
        job=found.job,
        state=found.state,
        operation=str(found.facts.get("operation") or ""),
        airmeet_id=str(found.facts.get("airmeet_id") or ""),
        rows=found.rows,
        counts={status: counts.get(status, 0) for status in RowStatus},
        under_way=found.in_flight if found.process is not None else 0,
        unverified=found.unverified,
        process=found.process,
        created=created,
        ended=ended,
        stop_reason=StopReason(stop) if stop else None,
        stop_message=str(facts.get("stop_message") or ""),
        note=found.note,
    )


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a journal for reading, and see all of it as it is at this moment."""
    try:
        with closing(locking.connect_read_only(path)) as connection:
            connection.execute("BEGIN")
            yield connection
        locking.remove_side_files(path)
    except locking.DAMAGE as error:  # in a page of SQLite's, or in a text
        raise locking.journal_error(path, error) from None


def _find_list(connection: sqlite3.Connection, list_id: int | None) -> RecordedList:
    """Return a list: the one that is named, else the newest that was confirmed; where there is none, an empty one."""
    for found in reversed(read_lists(connection)):
        if found.id == list_id or (list_id is None and found.confirmed):
            return found
    return RecordedList(0, {}, None, confirmed=False)


def read_summary(path: Path, list_id: int | None = None) -> JournalSummary:
    """Return the state of a journal, and of one of its lists.

    Raises:
        JournalError: It is none, or it cannot be read.
    """
    process = locking.holder_of(path)
    with _opened(path) as connection:
        found, lists = _find_list(connection, list_id), read_lists(connection)
        return _summary_of(path, connection, found, process if not lists or found.id in {0, lists[-1].id} else None)


def read_summaries(path: Path, is_wanted: Callable[[Mapping[str, Any]], bool] = lambda _: True) -> list[JournalSummary]:
    """Return the state of each list of a journal that counts, in the order in which they were sent last.

    Args:
        path: The journal.
        is_wanted: Says by its facts whether a list is wanted; to count the rows of a long one takes a moment.

    Raises:
        JournalError: It is none, or it cannot be read.
    """
    process = locking.holder_of(path)
    with _opened(path) as connection:
        lists = read_lists(connection)
        confirmed = [found for found in lists if found.confirmed]
        if lists and not confirmed:  # nobody has answered yet, or the reading was cut off
            confirmed = [RecordedList(0, lists[-1].facts, None, confirmed=False)]
        newest = confirmed[-1:]  # a run confirms its list before it sends, so it has none of the others
        return [
            _summary_of(path, connection, found, process if found in newest else None)
            for found in confirmed
            if is_wanted(found.facts)
        ]


def read_blocked(
    block: Path, unblock: Path, salt: str, hash_identities: Callable[[Sequence[str]], Sequence[int]]
) -> dict[int, tuple[float, bool]]:
    """Return whose last act is a block, by the hash of their identity, when that was, and whether Airmeet refused it.

    Who was perhaps blocked counts as blocked, also where Airmeet has refused it since that person was not in the event;
    and who was perhaps unblocked does not count as unblocked. An unblock that was refused ends only such a block.

    Args:
        block: The journal of those who were blocked from an event; it need not be there.
        unblock: The journal of those who were unblocked.
        salt: Of the hashes that are wanted.
        hash_identities: Makes them.

    Raises:
        JournalError: A journal cannot be read.
    """
    acts = list[dict[int, tuple[float, bool]]]()
    for path, condition in ((block, WAS_SENT), (unblock, _WAS_UNBLOCKED)):
        found = dict[int, tuple[float, bool]]()
        if path.exists():
            with _opened(path) as connection:
                is_same = read_facts(connection).get("salt") == salt
                is_refused = f"state = 5 AND NOT {WAS_DONE}"
                sql = f"SELECT hash, identity, touched, {is_refused} FROM entry JOIN outcome ON entry = id WHERE {condition}"  # noqa: S608, E501
                rows = connection.execute(sql).fetchall()
                if path is block:
                    rows += connection.execute(_BLOCKED_BEFORE_A_CRASH).fetchall()
            for hash_, identity, when, was_refused in rows:
                if is_same or identity:
                    act = when or 0.0, bool(was_refused)
                    found[hash_ if is_same else hash_identities([identity])[0]] = act
        acts.append(found)
    blocked, unblocked = acts

    def is_blocked(hash_: int, when: float, *, refused: bool) -> bool:
        since, was_refused = unblocked.get(hash_, (0.0, False))
        return when >= since or (was_refused and not refused)

    return {hash_: act for hash_, act in blocked.items() if is_blocked(hash_, act[0], refused=act[1])}


def _summary_of(path: Path, connection: sqlite3.Connection, found: RecordedList, process: int | None) -> JournalSummary:
    counts, in_flight, unverified, changed, to_correct = dict.fromkeys(COUNTED, 0), 0, 0, 0, 0
    full = to_repeat = registered = 0
    facts = read_facts(connection)
    for status, n, under_way, doubtful, differs, wrong, again, certain, no_place in connection.execute(
        _COUNTS, found.parameters
    ):
        counts[status] += n
        in_flight += under_way or 0
        unverified += doubtful or 0
        changed += differs or 0
        to_correct += n - (no_place or 0) if status == "rejected" else wrong or 0
        full += (no_place or 0) if status == "rejected" else 0
        to_repeat += (again or 0) if status == "pending" else 0
        registered += (certain or 0) if status == "succeeded" else 0
    columns = found.facts.get("columns") or (found.facts.get("source") or {}).get("header")
    if not columns:  # no file: the columns are those of the first row
        data = f"SELECT COALESCE(i.data, e.data) {OF_LIST} ORDER BY i.id LIMIT 1"
        first = connection.execute(data, found.parameters).fetchone()
        row = decode_data(first[0]) if first else None
        columns = row if isinstance(row, dict) else ()
    if found.facts.get("ended"):  # a run that goes on is another list's
        process = None
    if process is not None:  # nobody waits in vain for their answers yet
        counts["unknown"] -= in_flight
        counts["pending"] += in_flight
    return JournalSummary(
        path,
        facts,
        found.id,
        found.facts,
        counts,
        in_flight,
        unverified,
        changed,
        to_correct,
        full,
        to_repeat,
        registered,
        found.rows,
        tuple(columns),
        process,
    )


def read_results(path: str | os.PathLike[str], list_id: int | None = None) -> Iterator[RowResult]:
    """Yield what became of each row of a list, in its order and all of one moment; it blocks the thread.

    What is known of an invitation is in ``invite`` also where this list asks for none, and another one has.

    Args:
        path: The journal.
        list_id: One of its lists, by its number. Default: the one that was sent last.

    Raises:
        JournalError: It is no journal, or it cannot be read.
    """
    path = Path(path)
    with _opened(path) as connection:
        facts, found = read_facts(connection), _find_list(connection, list_id)
        values, run = found.parameters, facts.get("run", 0)
        stop_message = str(found.facts.get("stop_message") or "")
        horizon = connection.execute("SELECT horizon FROM list WHERE id = ?", (found.id,)).fetchone()
        up_to = -1 if horizon is None or horizon[0] is None else horizon[0]
        after = values["first"] - 1
        while rows := select_rows(connection, _RESULTS, {**values, "after": after, "n": _ROWS_AT_ONCE}, found.template):
            after = values["first"] + rows[-1].index
            for row in rows:
                if row.index <= up_to and row.error is None and row.earlier is None and not row.changed:
                    row.earlier = Outcome(OutcomeState.IN_FLIGHT, 1, 0, values["wish"], run)
                yield recorded_result(row, stop_message, run, of_every_mail=True)


def count_stale_rows(path: Path, list_id: int | None = None) -> int:
    """Return how many rows a run would hold because they were sent long ago without a clear answer.

    Raises:
        JournalError: It is no journal, or it cannot be read.
    """
    now = time.time()
    with _opened(path) as connection:
        endpoint = ENDPOINTS.get(read_facts(connection).get("operation", ""))
        if endpoint is None or not endpoint.repeatable:
            return 0
        values = {**_find_list(connection, list_id).parameters, "from": now - STALE_SECONDS, "to": now + CLOCK_SLACK}
        n: int = connection.execute(_STALE, values).fetchone()[0]
        return n


def read_damaged(path: Path, *, by_place: bool = False) -> JournalSummary | None:
    """Return what can be said of a journal that cannot be read; None for any other file.

    Args:
        path: The file.
        by_place: It lies where only journals are, so its place is enough; else it must begin like one.
    """
    try:
        read_summary(path)
    except JournalError:
        pass
    else:
        return None
    try:
        is_journal = stat.S_ISREG(path.lstat().st_mode)
        if is_journal and not by_place:
            with path.open("rb") as file:  # nothing in this process has it open
                head = file.read(72)
            id_in_head = int.from_bytes(head[68:72], "big")
            is_journal = head.startswith(b"SQLite format 3\0") and id_in_head == APPLICATION_ID
    except OSError:
        return None
    return JournalSummary(path, {}, process=locking.holder_of(path)) if is_journal else None


def find_journals(folder: Path) -> list[Path]:
    """Return the journals of a folder, as far as their names tell."""
    return sorted(folder.glob("*.job"))
