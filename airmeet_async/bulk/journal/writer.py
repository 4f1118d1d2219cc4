"""`JournalWriter`: what is done to a journal's tables. Everything here runs in one thread.

Rules of this file:

1. What one method changes is on the disk when it returns, or nothing of it; only `add` may leave a transaction open,
   which every other change commits first.
2. A row finds its entry by its identity, so that a changed order or new rows shift nothing.
3. A list counts from `confirm_list`, or its first send. Reading one that is cut off, or declined, changes nothing of
   what the others say.
4. What a dead run has left is told apart before anything else is changed: see `_recover`.
5. Rows that were reopened and not sent again are what they were, when their run has ended. Rows that are to be sent
   again on purpose stay so until they are sent: a run that was stopped goes on with the others. That is a matter of
   the list that asks for it alone; nothing of what was done is forgotten for it.
6. Who was purged is known by a hash alone: identity and request are empty, and nothing is said about a change.
7. All that is read was written by somebody, perhaps to be resumed by somebody else. A journal does the one operation
   and event in its facts: a list about others, and a row with a request of its own where its list has one, are refused.
   All rows of a list that this process has not made itself are checked before the first one is sent: see `check_rows`.
"""

import glob
import os
import re
import secrets
import sqlite3
import struct
import time
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from shlex import quote
from types import NoneType
from typing import Any

from attrs import define, field, frozen

from airmeet_async.bulk.journal import locking
from airmeet_async.bulk.journal.recorded_rows import CLOCK_SLACK, STALE_SECONDS, is_in_doubt
from airmeet_async.bulk.journal.row_encoding import (
    check_payload,
    decode_data,
    decode_fact,
    decode_note,
    decode_request,
    decode_template,
    encodable,
    encode_data,
    encode_fact,
    encode_note,
    encode_request,
    encode_template,
)
from airmeet_async.bulk.journal.schema import LIST_SHIFT
from airmeet_async.bulk.options import ShardPace
from airmeet_async.bulk.report import (
    BLOCKED,
    EXISTS,
    EXISTS_DIFFERENT,
    MAILED_ELSEWHERE,
    NOT_ATTENDING,
    RowError,
    RowStatus,
    RowWarning,
)
from airmeet_async.bulk.row import (
    CallTemplate,
    Outcome,
    OutcomeState,
    Row,
    Wish,
    duplicate_error,
    known_error,
    other_name,
)
from airmeet_async.bulk.statistics import KnownResults
from airmeet_async.errors import JournalError
from airmeet_async.formatting import counted
from airmeet_async.protocol.base_urls import check_id
from airmeet_async.protocol.endpoints import ENDPOINTS
from airmeet_async.protocol.validation import fold

RUN_FACTS = ("ended", "stop", "stop_message")  # facts about the last run of a list
_LOADING_CHECKPOINT, _CHECKPOINT = 24_000, 1_000  # pages
_CHECKED_AT_ONCE = 1_000  # rows
_TOGETHER = 16  # rows per statement
POSITION = (1 << LIST_SHIFT) - 1
# The operation of a journal in which each row has a request of its own: of a caller's function.
_OWN_REQUESTS = "custom"

# A statement for several rows would keep a copy of each page that it changes, to take itself back alone; with
# "OR ROLLBACK" it takes the transaction with it, as every error here does anyway.
_ADD_ENTRY = "INSERT OR ROLLBACK INTO entry VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING"
_ADD_PLAIN_INPUT = "INSERT INTO input (id, line, entry) VALUES (?, ?, ?)"
_ADD_CONSECUTIVE_INPUT = (
    "INSERT OR ROLLBACK INTO input (id, line, entry) SELECT id + ?, id + ?, id FROM entry WHERE id >= ?"
)
_ADD_INPUT = "INSERT INTO input VALUES (?, ?, ?, ?, ?, ?, ?)"
_OUTCOME = "o.state, o.sent, o.done, o.unclear, o.run, o.touched, o.http, o.latency, o.link, o.note"
OUTCOME_COLUMNS = "entry, state, sent, done, unclear, run, touched, http, latency, link, note, request"
_KNOWN = f"""
    SELECT e.hash, e.id, e.identity, e.key, e.request, e.data, o.request, {_OUTCOME}
    FROM json_each(?) wanted CROSS JOIN entry e ON e.hash = wanted.value LEFT JOIN outcome o ON o.entry = e.id
"""  # noqa: S608 - no values
_INTEND = """
    INSERT INTO outcome (entry, state, sent, done, unclear, run, touched) VALUES (?, 1, 1, 0, ?, ?, ?)
    ON CONFLICT (entry) DO UPDATE SET
        state = 1, sent = sent + 1, unclear = unclear | excluded.unclear, run = excluded.run, touched = excluded.touched
"""
_SEND_ANOTHER = "UPDATE outcome SET request = NULLIF(?, (SELECT request FROM entry WHERE id = ?)) WHERE entry = ?"
_REQUESTS_BEFORE = "SELECT entry, request FROM json_each(?) JOIN outcome ON entry = value"
_RECORD = """
    INSERT OR ROLLBACK INTO outcome (entry, state, sent, done, unclear, run, touched, http, latency, link, note)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (entry) DO UPDATE SET
        state = excluded.state, sent = excluded.sent, done = excluded.done, unclear = excluded.unclear,
        run = excluded.run, touched = excluded.touched, http = excluded.http, latency = excluded.latency,
        link = excluded.link, note = excluded.note
"""

_FROM = "FROM input i LEFT JOIN entry e ON e.id = i.entry LEFT JOIN outcome o ON o.entry = i.entry"
OF_LIST = f"{_FROM} WHERE i.id BETWEEN :first AND :last"
# Only the list that asks for it sends people once more; for others it counts what was done.
AGAIN = "(:repeats AND o.done & 16)"
# Of an attempt since; what was in doubt before is no concern of a list that sends everybody once more.
IN_DOUBT = f"(o.unclear <> 0 OR o.state = 1 OR (o.state = 3 AND NOT {AGAIN}))"
_SENT_REQUEST = "COALESCE(o.request, e.request)"  # empty where it was purged
CHANGED = f"({_SENT_REQUEST} <> '' AND COALESCE(i.request, e.request) <> {_SENT_REQUEST})"
WAS_SENT = "(sent OR done OR unclear OR state IN (1, 3))"
WAS_DONE = "(done & 17 OR unclear OR state IN (1, 3))"
_MAIL_DOUBT = f"(o.unclear & 4 OR (o.done & 8 AND NOT {AGAIN}))"
_REQUEST = f"""CASE WHEN {IN_DOUBT} THEN COALESCE(o.request, NULLIF(e.request, ''), i.request)
    ELSE COALESCE(i.request, e.request) END"""
# A call of its own has five parts where it has flags, see `encode_request`.
WISH = f"""(:wish | CASE WHEN :own AND json_array_length({_REQUEST}) = 5 THEN
    2 * COALESCE(json_extract({_REQUEST}, '$[3].registerAttendee'), 0)
    + 4 * COALESCE(json_extract({_REQUEST}, '$[3].sendEmailInvite'), 0) ELSE 0 END)"""
# A mail of which nobody knows whether it went out (8) is not asked for again without a word: it counts as mailed (4).
# What the list asks for and is done is done, whatever became of what another list asked for besides.
DONE = f"(o.state > 1 AND NOT {AGAIN} AND NOT {WISH} & ~(o.done | ((o.done & 8) >> 1)))"
OPEN = f"(i.status IS NULL AND (o.entry IS NULL OR (NOT {DONE} AND (o.state <> 5 OR {CHANGED} OR o.done & 32))))"
# The same as `recorded_result` says of a row, in SQL. `pending` is what a run calls unprocessed.
STATUS = f"""CASE
    WHEN i.status IS NOT NULL THEN i.status
    WHEN o.entry IS NULL THEN 'pending'
    WHEN {DONE} THEN 'succeeded'
    WHEN o.state <= 3 AND {IN_DOUBT} THEN 'unknown'
    WHEN o.state = 5 AND NOT {CHANGED} THEN 'rejected'
    WHEN o.state = 6 THEN 'failed'
    ELSE 'pending' END"""
_REOPENED = "(i.status IS NULL AND o.state IS 0)"
# Few columns, since each costs more than finding it. Outcomes come by themselves: most rows to be sent have none.
ROWS = f"""
    SELECT i.id, i.line, i.status, i.note, i.entry, COALESCE(e.key, e.identity),
        {_REQUEST}, COALESCE(i.data, e.data), {CHANGED}, o.entry
    {_FROM} WHERE i.id > :after AND i.id <= :last AND {{}} ORDER BY i.id LIMIT :n
"""
_OUTCOMES = f"""
    SELECT o.entry, {_OUTCOME} FROM json_each(?) wanted CROSS JOIN outcome o ON o.entry = wanted.value
"""  # noqa: S608 - no values
_NOT_OF_THIS_RUN = "(i.status IS NOT NULL OR o.entry IS NULL OR o.run < :run)"
_SELECT_WITHOUT_ERROR = ROWS.format("i.status IS NULL")
_SELECT_OPEN = ROWS.format(OPEN)
_SELECT_REOPENED = ROWS.format(_REOPENED)
_SELECT_SETTLED = ROWS.format(f"NOT {OPEN} AND {_NOT_OF_THIS_RUN}")
_SELECT_NOT_REOPENED = ROWS.format(f"NOT {_REOPENED} AND {_NOT_OF_THIS_RUN}")
_CODE = "CASE i.status WHEN 'duplicate' THEN json_extract(i.note, '$.error.code') END"
_COUNT = f"""
    SELECT {STATUS}, COUNT(*), TOTAL(i.status IS NULL AND o.done & 8 AND {WISH} & 4),
        TOTAL({_CODE} IN ('{EXISTS}', '{EXISTS_DIFFERENT}')), TOTAL({_CODE} = '{EXISTS_DIFFERENT}')
    {OF_LIST} AND NOT {{}} GROUP BY 1
"""
_COUNT_SETTLED = _COUNT.format(OPEN)
_COUNT_NOT_REOPENED = _COUNT.format(_REOPENED)

_UP_TO_HORIZON = """
    INSERT INTO outcome (entry, state, sent, done, unclear, run, touched)
    SELECT i.entry, 3, 1, 0, :wish, :run, :touched FROM input i LEFT JOIN outcome o ON o.entry = i.entry
    WHERE i.id BETWEEN :first AND :first + :horizon AND i.status IS NULL AND i.request IS NULL AND o.entry IS NULL
"""
_ENTRIES_UNDER_WAY = f"""
    SELECT entry FROM outcome WHERE state = 1 UNION
    SELECT i.entry FROM list l JOIN input i ON i.id BETWEEN l.id << {LIST_SHIFT} AND (l.id << {LIST_SHIFT}) + l.horizon
    LEFT JOIN outcome o ON o.entry = i.entry
    WHERE i.entry IS NOT NULL AND i.status IS NULL AND i.request IS NULL AND o.entry IS NULL
"""  # noqa: S608 - no values
_CONFIRM = "UPDATE list SET confirmed = 1 + (SELECT MAX(confirmed) FROM list) WHERE id = ?"
_DROP_UNUSED_ENTRIES = """
    DELETE FROM entry WHERE id NOT IN (SELECT entry FROM outcome)
    AND id NOT IN (SELECT entry FROM input WHERE entry IS NOT NULL)
"""
# Only a list that arrives row by row is confirmed before its end: what has come is all there is.
_END_ARRIVING = f"""
    UPDATE list SET rows = (
        SELECT COUNT(*) FROM input
        WHERE input.id BETWEEN list.id << {LIST_SHIFT} AND (list.id << {LIST_SHIFT}) + {POSITION})
    WHERE rows IS NULL AND confirmed
"""  # noqa: S608 - no values
_REPEATABLE = encode_fact([name for name, endpoint in ENDPOINTS.items() if endpoint.repeatable])
_MAY_REPEAT = f"""
    COALESCE(CASE WHEN {_REQUEST} LIKE '[%' THEN json_extract({_REQUEST}, '$[0]') END, :operation)
        IN (SELECT value FROM json_each(:repeatable))
"""  # noqa: S608 - no values
_ENDED = {
    "failed": f"(NOT {DONE} AND (o.state = 6 OR (o.state = 3 AND {_MAY_REPEAT}))"
    f" AND (NOT {IN_DOUBT} OR :accept_stale OR o.touched BETWEEN :from AND :to))",
    "rejected": f"(NOT {DONE} AND o.state = 5)",
    "unknown": f"(NOT {DONE} AND o.state = 3 AND NOT {_MAY_REPEAT})",
    "invites": f"(o.state = 4 AND o.done & 8 AND {WISH} & 4)",
}
_HAS_HASH = "e.hash IN (SELECT value FROM json_each(:hashes))"
_RECORD_MAILED = f"""
    UPDATE outcome SET done = (done | 4) & ~8
    WHERE entry IN (SELECT i.entry {OF_LIST} AND i.status IS NULL AND {_ENDED["invites"]} AND {_HAS_HASH})
"""  # noqa: S608 - no values
# What must not be repeated, and what asks for its mail again, is sent as if it had not been: the caller wants that.
_REOPEN = f"""
    UPDATE outcome SET state = 0, run = :run, unclear = CASE WHEN :forgets THEN 0 ELSE unclear END,
        note = json_set(COALESCE(note, '{{}}'), '$.was', json_array(state, run, unclear))
    WHERE entry IN (SELECT i.entry {OF_LIST} AND i.status IS NULL AND """  # noqa: S608 - no values
# What becomes of each row of a list, and what is asked for the rows that are sent.
_HELD = f"""({IN_DOUBT} AND NOT (
    {_MAY_REPEAT} AND (:accept_stale OR (o.touched IS NOT NULL AND o.touched BETWEEN :from AND :to))))"""
_MAIL_ASKED = f"""({WISH} & 4 AND (o.entry IS NULL OR :again OR NOT (
    (o.done & 4 AND NOT {AGAIN}) OR (NOT :may_mail_twice AND {_MAIL_DOUBT}))))"""
# A registration is used up once. Whoever is added to a hybrid event is registered at once, whatever was asked (A).
_QUOTA = f"""(({WISH} & 2 OR :is_hybrid)
    AND (o.entry IS NULL OR NOT o.done & (2 | :is_hybrid)))"""
_COUNT_FOR_PLAN = f"""
    SELECT kind, COUNT(*), SUM(changed), SUM(doubt), SUM(sent AND mail), SUM(sent AND quota),
        SUM(kind = 'again' AND mail AND mailed),
        SUM(kind = 'new' AND is_full) FROM (
        SELECT kind, changed, doubt, mail, quota, mailed, is_full,
            kind IN ('new', 'again', 'unclear', 'not_yet_mailed', 'not_yet_registered') AS sent
        FROM (SELECT CASE
            WHEN i.status IS NOT NULL THEN i.status
            WHEN i.entry IN (SELECT value FROM json_each(:under_way)) THEN 'under_way'
            WHEN o.entry IS NULL THEN 'new'
            WHEN :again THEN CASE WHEN o.done & 17 OR {IN_DOUBT} THEN 'again' ELSE 'new' END
            WHEN {DONE} THEN 'done_before'
            WHEN NOT {OPEN} THEN 'refused_before'
            WHEN {_HELD} THEN 'held'
            WHEN {IN_DOUBT} THEN 'unclear'
            WHEN {AGAIN} THEN 'again'
            WHEN o.done & 1 AND {WISH} & 4 AND NOT o.done & 12 THEN 'not_yet_mailed'
            WHEN o.done & 1 THEN 'not_yet_registered'
            ELSE 'new' END AS kind,
            COALESCE({CHANGED}, 0) AS changed, COALESCE(o.done & 8 AND {WISH} & 4, 0) AS doubt, {_MAIL_ASKED} AS mail,
            {_QUOTA} AS quota, COALESCE((o.done & 12) | (o.unclear & 4), 0) != 0 AS mailed,
            COALESCE(o.done & 32, 0) != 0 AS is_full
        {OF_LIST}))
    GROUP BY kind
"""  # noqa: S608 - no values
_PLANNED = (
    "rows", "new", "again", "unclear", "not_yet_mailed", "not_yet_registered", "done_before", "changed", "unverified",
    "refused_before", "held", "under_way", "invitations", "registrations", "second_invitations", "full_before",
)  # fmt: skip
_IN_THIS_LIST = "(SELECT entry FROM input WHERE id BETWEEN :first AND :last AND entry IS NOT NULL)"
_OF_OTHER = """
    SELECT COUNT(*) FROM input j JOIN outcome p ON p.entry = j.entry
    WHERE j.id BETWEEN :other_first AND :other_last AND j.status IS NULL AND p.done & 1
"""
_GONE = f"{_OF_OTHER} AND j.entry NOT IN {_IN_THIS_LIST}"
# Each person of this list who is done counts for one other list, the newest.
_SHARED = f"""
    SELECT newest, COUNT(*) FROM (
        SELECT MAX(l.confirmed) AS newest
        FROM list l JOIN input j ON j.id BETWEEN l.id << {LIST_SHIFT} AND (l.id << {LIST_SHIFT}) + {POSITION}
        JOIN outcome p ON p.entry = j.entry
        WHERE l.confirmed AND l.id <> :list AND j.status IS NULL AND p.done & 1 AND j.entry IN {_IN_THIS_LIST}
        GROUP BY j.entry)
    GROUP BY newest
"""  # noqa: S608 - no values
# What was done stays known, for other lists and for the time after. A doubt is kept as one about what was done: what is
# unclear from here on is about the next attempt. What was refused is open again.
_REPEAT_ALL = f"""
    UPDATE outcome SET unclear = 0, state = CASE WHEN unclear AND state <> 4 THEN 3 ELSE state END,
        done = done | CASE WHEN {WAS_DONE} THEN 16 ELSE 0 END | CASE state WHEN 5 THEN 32 ELSE 0 END
            | CASE WHEN unclear & 4 AND NOT done & 4 THEN 8 ELSE 0 END
    WHERE entry IN ({{}})
"""  # noqa: S608 - no values
_REPEAT_LIST = _REPEAT_ALL.format(f"SELECT i.entry {OF_LIST} AND i.status IS NULL")
_REPEAT_THESE = _REPEAT_ALL.format("SELECT value FROM json_each(?)")
_UNMARK_BLOCKED = f"""
    UPDATE input SET status = NULL, note = NULLIF(json_remove(note, '$.error'), '{{}}')
    WHERE id BETWEEN :first AND :last AND status = 'invalid' AND entry IS NOT NULL
    AND json_extract(note, '$.error.code') = '{BLOCKED}'
"""  # noqa: S608 - no values
_FIND_BLOCKED = """
    SELECT i.id, i.note, e.hash FROM input i JOIN entry e ON e.id = i.entry
    WHERE i.id BETWEEN :first AND :last AND i.status IS NULL
    AND i.entry IN (SELECT id FROM entry WHERE hash IN (SELECT value FROM json_each(:hashes)))
"""
# Of rows that can be sent, and that only a block leaves out.
_MAY_BE_SENT = f"(i.status IS NULL OR (i.status = 'invalid' AND json_extract(i.note, '$.error.code') = '{BLOCKED}'))"
_UNMARK_MAILED = f"""
    UPDATE input SET status = NULL, note = NULLIF(json_remove(note, '$.error'), '{{}}')
    WHERE id BETWEEN :first AND :last AND status = 'duplicate' AND entry IS NOT NULL
    AND json_extract(note, '$.error.code') = '{MAILED_ELSEWHERE}'
"""  # noqa: S608 - no values
_FIND_MAILED = f"""
    SELECT i.id, i.note {OF_LIST} AND i.status IS NULL AND {WISH} & 4
    AND (o.entry IS NULL OR (o.done & 13 = 1 AND NOT o.unclear))
    AND json_extract(COALESCE(i.data, e.data), '$.airmeet_invite') IN ('asked', 'unverified')
    AND json_extract(COALESCE(i.data, e.data), '$.airmeet_status') = 'succeeded'
    AND json_extract(COALESCE(i.data, e.data), '$.airmeet_event') = :event
"""
_UNMARK_EXISTING = f"""
    UPDATE input SET status = NULL, note = NULLIF(json_remove(note, '$.error'), '{{}}')
    WHERE id BETWEEN :first AND :last AND status = 'duplicate' AND entry IS NOT NULL
    AND json_extract(note, '$.error.code') IN ('{EXISTS}', '{EXISTS_DIFFERENT}')
"""  # noqa: S608 - no values
_FIND_EXISTING = f"""
    SELECT i.id, i.note, i.entry, e.hash, COALESCE(i.data, e.data), {IN_DOUBT}
    {OF_LIST} AND i.status IS NULL AND (:also_done OR o.entry IS NULL OR NOT {DONE} OR {CHANGED})
    AND {_HAS_HASH}
"""
_FIND_DONE = """
    UPDATE outcome SET state = 4, done = 1, unclear = 0, http = NULL, latency = NULL, note = NULL WHERE entry = ?
"""
_SENT_BY = f"SELECT i.entry {OF_LIST} AND i.status IS NULL AND i.entry IS NOT NULL"
_SAID_MAILED = RowError(
    MAILED_ELSEWHERE,
    "was mailed for this event, as airmeet_invite in this file says; no run on this computer has: left out. --again "
    "mails this person once more",
)
_IN_A_LIST = "(SELECT entry FROM input WHERE entry IS NOT NULL)"
_DROP_OUTCOMES = f"""
    DELETE FROM outcome WHERE entry NOT IN {_IN_A_LIST}
    AND (:forget OR NOT CASE WHEN :refusals THEN {WAS_SENT} ELSE {WAS_DONE} END)
"""  # noqa: S608 - no values
_PURGE_OUTCOMES = f"UPDATE outcome SET link = NULL, note = NULL, request = NULL WHERE entry NOT IN {_IN_A_LIST}"  # noqa: S608
_PURGE_ENTRIES = f"UPDATE entry SET identity = '', key = NULL, request = '', data = NULL WHERE id NOT IN {_IN_A_LIST}"  # noqa: S608
_CLOSE_REOPENED = """
    UPDATE outcome SET state = json_extract(note, '$.was[0]'), run = json_extract(note, '$.was[1]'),
        unclear = json_extract(note, '$.was[2]'), note = NULLIF(json_remove(note, '$.was'), '{}')
    WHERE state = 0 AND json_extract(note, '$.was') IS NOT NULL
"""


@frozen
class RecordedList:
    """A list in a journal.

    Attributes:
        id: Its number.
        facts: What was given with it, such as ``name``, ``options`` and ``source``.
        rows: How many rows it has; None where it was not read to its end.
        confirmed: Somebody wants it to be sent, or it was sent.
    """

    id: int
    facts: Mapping[str, Any]
    rows: int | None
    confirmed: bool

    @cached_property
    def template(self) -> CallTemplate | None:
        """What its calls have in common; None where each row has its own."""
        found = self.facts.get("template")
        return decode_template(found) if found else None

    @property
    def parameters(self) -> dict[str, int]:
        """The parameters of the statements about its rows."""
        first, wish = self.id << LIST_SHIFT, Wish.DONE if self.template is None else self.template.wish
        return {
            "list": self.id, "first": first, "last": first + POSITION, "wish": wish, "own": self.template is None,
            "is_hybrid": bool(self.facts.get("is_hybrid")),
            "repeats": bool(self.facts.get("again")),
        }  # fmt: skip


@define
class Transaction:
    """What is to be recorded at once.

    Attributes:
        list_id: The list that is being sent.
        rows: New rows of a list that is still being read; each is marked as `JournalWriter.add` does.
        horizon: No row of the list beyond this position was sent, unless it has an intent of its own.
        intents: Rows that are about to be sent, and what they ask, as `Wish`; each of them stands by itself.
        outcomes: Entry and values, as the columns of `Outcome`: of rows that have ended, or will be sent again.
        facts: Facts about the journal.
    """

    list_id: int = 0
    rows: list[Row] = field(factory=list)
    horizon: int | None = None
    intents: list[tuple[Row, int]] = field(factory=list)
    outcomes: list[tuple[Any, ...]] = field(factory=list, repr=False)  # with links
    facts: dict[str, Any] = field(factory=dict)


@define
class _Reading:
    """A list that is being read: its template, its rows so far, and what was in it already.

    `positions` has one more than the position in this list by entry, 0 for none: four bytes each, where a set would
    take seventy. `elsewhere` says by entry whether it is another list's, once that matters.
    """

    template: CallTemplate | None
    rows: int = 0
    positions: "array[int]" = field(factory=lambda: array("I"))
    repeats: Counter[int] = field(factory=Counter)
    elsewhere: bytearray | None = None
    repeats_all: bool = False


class JournalWriter:
    """An open journal. Made, used and closed in one thread.

    Args:
        path: The file; made if it is not there. None for one without a name, which ends with this process.
        copy_of: What one without a name begins with.
        salt: Of the hashes of a new one.

    Attributes:
        run: The number of this run; 0 before `begin_run`.
        next_entry: The number of the next entry that is new.

    Raises:
        JournalError: It cannot be used, or a run has it.
    """

    run: Any

    # The index of the entries is in no order, so each transaction that loads rows writes most of its pages once more,
    # and each checkpoint once again: few are better, as far as memory goes, for all of a transaction is in memory.
    loading_characters = 16_000_000
    # Whether rows may be changed that are in shards: only by whoever brings them back.
    may_be_lent = False

    def __init__(self, path: Path | None, copy_of: Path | None = None, salt: str | None = None) -> None:
        self.path = path
        self.run = 0
        self._process = os.getpid()
        self._lock: locking.JournalLock | None = None
        self._inode = 0
        if path is None:
            self._connection = locking.connect_nameless() if copy_of is None else locking.connect_copy(copy_of)
        else:
            locking.check_place(path)
            self._lock = locking.JournalLock(path)
            try:
                locking.create_file(path)
                if is_shard := locking.check_file(path):
                    self._lock.require(path)
                self._connection = locking.connect(path, is_shard=is_shard)
            except BaseException:
                self._lock.release()
                raise
            self._inode = path.stat().st_ino
        self._name = str(path)
        self._readings: dict[int, _Reading] = {}
        self._lists: dict[int, RecordedList] = {}
        self._confirmed = set[int]()  # since this was opened
        self._requests_before = dict[int, str | None]()  # by entry: what its outcome was about before the last intent
        self._uncommitted = 0
        self._recovered = False
        # Of a copy: a run sends its rows at this moment.
        self._is_of_running = copy_of is not None and locking.holder_of(copy_of) is not None
        self._under_way: list[int] = []
        try:
            facts = self.facts()
            if self._lock is not None and path is not None and facts.get("shard"):
                _check_newest(path, facts, self._lock.note)
            self.next_entry: int = self._query("SELECT COALESCE(MAX(id), 0) + 1 FROM entry")[0][0]
            if "salt" not in facts:
                facts["salt"] = salt or secrets.token_hex(16)
                self.write_facts({"salt": facts["salt"]})
            self.salt: str = facts["salt"]
            self._salted = blake2b(digest_size=8, salt=bytes.fromhex(facts["salt"]))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        try:
            self._connection.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    def facts(self) -> dict[str, Any]:
        """Return the facts about the whole journal."""
        try:
            return read_facts(self._connection)
        except locking.DAMAGE as error:
            raise self._error(error) from None

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        with self._transaction():
            self._put_facts(facts)

    def lists(self) -> list[RecordedList]:
        """Return all lists: unconfirmed ones, then the others by when they were confirmed last."""
        try:
            return read_lists(self._connection)
        except locking.DAMAGE as error:
            raise self._error(error) from None

    # Runs

    def begin_run(self) -> None:
        """Begin a run."""
        self._recover()
        self.run = self.facts().get("run", 0) + 1
        self.write_facts({"run": self.run, "ended": None, "stop": None, "stop_message": None})
        self._note_run(str(self.run))

    def _note_run(self, run: str) -> None:
        """Note beside a shard that this run of it has begun, or that it was ``returned``; it knows that already."""
        if self._lock is not None and (shard := self.facts().get("shard")):
            self._lock.write_note(f"{shard.get('cut')} {run}")

    def reopen(self, list_id: int, again: frozenset[str], *, accept_stale: bool = False) -> None:
        """Let rows of a list be sent although they have ended.

        Args:
            list_id: Its number.
            again: Which: ``failed``, ``rejected``, ``unknown``, ``invites``.
            accept_stale: Also those that were sent long ago without a clear answer.
        """
        values = self._ended_values(list_id, accept_stale=accept_stale) | {"run": self.run}
        with self._transaction():
            for name in sorted(again):
                values["forgets"] = name in {"invites", "unknown"}
                self._connection.execute(f"{_REOPEN} {_ENDED[name]})", values)

    def count_to_repeat(self, list_id: int) -> int:
        """Return how many rows of a list `repeat_all` has left to be sent, if it was called for this list."""
        sql = f"SELECT COUNT(*) {OF_LIST} AND {OPEN} AND {AGAIN}"
        n: int = self._query(sql, self._list(list_id).parameters)[0][0]
        return n

    def repeat_all(self, list_id: int) -> None:
        """Let all rows of a list be sent once more, whatever became of them; unlike `reopen`, until they are sent."""
        over = [found.id for found in self.lists() if found.facts.get("again") and not self.count_to_repeat(found.id)]
        with self._transaction():
            for number in over:  # else they would be open again with the people that they share with this one
                self._put_list_facts(number, {"again": False})
            self._connection.execute(_REPEAT_LIST, self._list(list_id).parameters)
            self._put_list_facts(list_id, {"again": True})

    def count_ended(
        self, list_id: int, again: frozenset[str], *, accept_stale: bool = False, may_mail_twice: bool = False
    ) -> dict[str, int]:
        """Count the rows that `reopen` would reopen, by how they ended, and those it leaves out: they are blocked."""
        kinds = " ".join(f"WHEN {_ENDED[name]} THEN '{name}'" for name in sorted(again))
        forgets = again & {"invites", "unknown"}
        forgotten = " OR ".join(_ENDED[name] for name in forgets) or 0
        may_mail = f"({AGAIN} OR NOT o.done & 4) AND ({forgotten} OR :may_mail_twice OR NOT o.unclear & 4)"
        sql = f"""
            SELECT CASE WHEN i.status IS NOT NULL THEN 'blocked' {kinds} END AS kind, {IN_DOUBT} AS is_unclear,
                COUNT(*), COALESCE(SUM({WISH} & 4 AND {may_mail}), 0), COALESCE(SUM({_QUOTA}), 0)
            {OF_LIST} AND {_MAY_BE_SENT} AND CASE {kinds} END IS NOT NULL GROUP BY 1, 2
        """
        counts = Counter[str]()
        values = self._ended_values(list_id, accept_stale=accept_stale) | {"may_mail_twice": may_mail_twice}
        for kind, is_unclear, n, mails, places in self._query(sql, values):
            counts["rows"] += n
            if kind != "blocked":
                counts["unclear" if kind == "failed" and is_unclear else f"{kind}_again"] += n
                counts["invitations"] += mails
                counts["registrations"] += places
        return counts

    def _ended_values(self, list_id: int, *, accept_stale: bool) -> dict[str, Any]:
        """Return the parameters of the statements that are made of `_ENDED`."""
        now = time.time()
        return {
            **self._list(list_id).parameters, "operation": self.facts().get("operation", ""),
            "repeatable": _REPEATABLE, "accept_stale": accept_stale,
            "from": now - STALE_SECONDS, "to": now + CLOCK_SLACK,
        }  # fmt: skip

    def end_run(self, list_id: int, facts: Mapping[str, Any]) -> None:
        """End a run cleanly: what it has not recorded was not sent."""
        with self._transaction():
            self._connection.execute("UPDATE list SET horizon = NULL WHERE id = ?", (list_id,))
            self._connection.execute(_END_ARRIVING)
            self._connection.execute(_CLOSE_REOPENED)
            self._put_facts(facts)
            if list_id:
                self._put_list_facts(list_id, {name: facts[name] for name in RUN_FACTS if name in facts})

    def _recover(self) -> None:
        """Record what a dead run has left in flight as unknown; everything else was not sent.

        Not when a file is opened, but before the first change: whoever only looks leaves it as it is.
        """
        if self._recovered:
            return
        facts = self.facts()
        if not self.may_be_lent and self.path is not None:
            check_not_lent(self.path, facts)
        run = facts.get("run", 0)
        lists = {found.id: found for found in self.lists()}
        if self._is_of_running:
            self._under_way = [entry for (entry,) in self._query(_ENTRIES_UNDER_WAY)]
        if facts.get("cutting") and self.path is not None:
            remove_unfinished(facts)
            self.write_facts({"cutting": None})
        with self._transaction():
            self._connection.execute("UPDATE outcome SET state = 3 WHERE state = 1")
            for number, horizon, touched in self._query(
                "SELECT id, horizon, touched FROM list WHERE horizon IS NOT NULL"
            ):
                values = {**lists[number].parameters, "run": run, "touched": touched, "horizon": horizon}
                self._connection.execute(_UP_TO_HORIZON, values)
            self._connection.execute("UPDATE list SET horizon = NULL")
            self._connection.execute(_END_ARRIVING)
            self._connection.execute(_CLOSE_REOPENED)
        self._recovered = True

    # Lists

    def begin_list(self, facts: Mapping[str, Any], *, repeats_all: bool = False) -> int:
        """Begin a list, and return its number. Others of its name and options that nobody confirmed are dropped.

        Args:
            facts: What is known of it. ``template`` is a `CallTemplate`, or None where each row has its own.
            repeats_all: All its rows are to be sent as they come, whatever became of them, see `repeat_all`.
        """
        self._recover()
        template = facts.get("template")
        facts = {**facts, "template": None if template is None else encode_template(template)}
        if repeats_all:
            facts["again"] = True
        lists = self.lists()
        # With the lock, nobody else can be reading one: a list without an end was cut off.
        gone = [
            found.id
            for found in lists
            if not found.confirmed and (found.rows is None or is_same_list(found.facts, facts))
        ]
        # A number is never used again while this writer is open, whatever was dropped.
        number = max([0, *(found.id for found in lists), *self._lists]) + 1
        with self._transaction():
            self._drop(gone)
            self._connection.execute("INSERT INTO list (id, facts) VALUES (?, ?)", (number, encode_fact(facts)))
        self._lists[number] = RecordedList(number, facts, None, confirmed=False)
        self._readings[number] = _Reading(template, repeats_all=repeats_all)
        self._connection.execute(f"PRAGMA wal_autocheckpoint = {_LOADING_CHECKPOINT}")
        return number

    def add(self, list_id: int, rows: Sequence[Row]) -> None:
        """Add rows to a list, and mark each with its entry, what is known of it, and whether it is there already.

        They are on the disk after `end_list` at the latest.
        """
        with self._transaction(stays_open=True):
            self._add(list_id, rows)

    def end_list(self, list_id: int, **facts: Any) -> None:
        """Let a list be used that has been read to its end.

        Args:
            list_id: Its number.
            facts: What is known of it now, besides what is known already.

        Raises:
            JournalError: Its rows do not add up.
        """
        reading = self._readings.pop(list_id)
        known = self._list(list_id)
        found = {**known.facts, **facts}
        self._connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT}")
        with self._transaction():
            self._connection.execute(
                "UPDATE list SET rows = ?, facts = ? WHERE id = ?", (reading.rows, encode_fact(found), list_id)
            )
        self._lists.pop(list_id, None)
        self.check_sum(list_id)

    def update_list(self, list_id: int, facts: Mapping[str, Any]) -> None:
        """Change some facts of a list."""
        with self._transaction():
            self._put_list_facts(list_id, facts)

    def _put_list_facts(self, list_id: int, facts: Mapping[str, Any]) -> None:
        found = {**self._list(list_id).facts, **facts}
        self._connection.execute("UPDATE list SET facts = ? WHERE id = ?", (encode_fact(found), list_id))
        self._lists.pop(list_id, None)

    @property
    def has_outcomes(self) -> bool:
        """Whether something was ever sent."""
        return bool(self._query("SELECT EXISTS (SELECT 1 FROM outcome)")[0][0])

    def count_done(self, list_id: int) -> tuple[int, int]:
        """Return how many rows of a list have nothing left to do, and how many others may have been done."""
        sql = f"SELECT COALESCE(SUM(NOT {OPEN}), 0), COALESCE(SUM({OPEN} AND {IN_DOUBT}), 0) {OF_LIST}"
        done, unclear = self._query(sql, self._list(list_id).parameters)[0]
        return done, unclear

    def count_settled(self, list_id: int, *, only_reopened: bool = False) -> KnownResults:
        """Count the rows of `settled_rows`, by what has become of them."""
        known = KnownResults()
        sql = _COUNT_NOT_REOPENED if only_reopened else _COUNT_SETTLED
        for status, n, unverified, existing, different in self._query(sql, self._list(list_id).parameters):
            known.counts[RowStatus.UNPROCESSED if status == "pending" else RowStatus(status)] = n
            known.unverified += int(unverified) if status == "succeeded" else 0
            known.existing += int(existing)
            known.existing_different += int(different)
        return known

    def count_for_plan(
        self,
        list_id: int,
        *,
        again: bool = False,
        accept_stale: bool = False,
        may_mail_twice: bool = False,
    ) -> dict[str, int]:
        """Count the rows of a list by what earlier runs have to do with them: see `BulkPlan`.

        Args:
            list_id: Its number.
            again: All its rows are to be sent, whatever was done.
            accept_stale: Also those that were sent long ago without a clear answer.
            may_mail_twice: A mail in doubt is asked for again.
        """
        values = self._ended_values(list_id, accept_stale=accept_stale)
        values |= {"again": again, "may_mail_twice": may_mail_twice, "under_way": str(self._under_way)}
        counts = dict.fromkeys(_PLANNED, 0)
        for kind, n, changed, unverified, invitations, registrations, second, full in self._query(
            _COUNT_FOR_PLAN, values
        ):
            counts["rows"] += n
            if kind in counts:
                counts[kind] += n
            if kind == "done_before":
                counts["changed"] += changed
                counts["unverified"] += unverified
            counts["invitations"] += invitations
            counts["registrations"] += registrations
            counts["second_invitations"] += second
            counts["full_before"] += full
        return counts

    def compare_lists(self, list_id: int) -> tuple[int, RecordedList | None, list[tuple[RecordedList, int]]]:
        """Compare a list with those that count.

        Returns:
            How many people of the list before it are not in it, and stay done: none where this list was sent after
            that one, since it was said then; that list: the newest other one of the same file; and the other lists,
            with how many people of this one are in them and done, each counted for the newest list that has them.
        """
        this, lists = self._list(list_id), self.lists()
        others = [found for found in lists if found.confirmed and found.id != list_id]
        alike = [found for found in others if this.facts.get("name") and is_same_file(found.facts, this.facts)]
        before = alike[-1] if alike else None
        # Once a list was sent, that is known; until the file has changed again.
        newest = next((found.id for found in reversed(lists) if found in alike or found.id == list_id), 0)
        is_known = this.confirmed and newest == list_id
        gone = 0 if before is None or is_known else self._query(_GONE, _pair(before, this))[0][0]
        order = dict(self._query("SELECT confirmed, id FROM list WHERE confirmed"))
        shared = {order[newest]: n for newest, n in self._query(_SHARED, this.parameters)}
        return gone, before, [(found, shared[found.id]) for found in others if found.id in shared]

    def noted_rows(
        self, list_id: int, *, reopened: frozenset[str] = frozenset(), again: bool = False, accept_stale: bool = False
    ) -> Iterator[tuple[int, int | None, str | None, Mapping[str, Any]]]:
        """Yield the rows of a list of which something was noted: position, line, status and note, see `make_plan`.

        These are rows that cannot be sent, and rows that are going to be sent: what was noted of those that are done,
        refused or held is of no use.

        Args:
            list_id: Its number.
            reopened: Only the rows that `reopen` would reopen, and those that it leaves out since they are blocked.
            again: All its rows are to be sent, whatever was done.
            accept_stale: Also those that were sent long ago without a clear answer.
        """
        columns = "i.id, i.line, i.status, i.note, COALESCE(e.key, e.identity)"
        which = f"i.status IS NOT NULL OR :again OR ({OPEN} AND {_HELD} IS NOT 1)"
        if reopened:
            which = f"{_MAY_BE_SENT} AND ({' OR '.join(_ENDED[name] for name in sorted(reopened))})"
        sql = f"SELECT {columns} {OF_LIST} AND i.note IS NOT NULL AND ({which}) ORDER BY i.id"
        values = self._ended_values(list_id, accept_stale=accept_stale) | {"again": again}
        for number, line, status, text, key in self._connection.execute(sql, values):
            try:
                note = decode_note(text)
            except locking.DAMAGE as found:
                raise self._error(found) from None
            error = note["error"]
            facts = {} if error is None else {"code": error.code, "message": error.message, "column": error.column}
            yield number & POSITION, line, status, {"key": key, **note, **facts}

    def confirm_list(self, list_id: int) -> None:
        """Let a list count, and be the newest; others of its name and options go."""
        self._recover()
        wanted = self._list(list_id)
        gone = [found.id for found in self.lists() if found.id != list_id and is_same_list(found.facts, wanted.facts)]
        with self._transaction():
            self._confirm(list_id)
            self._put_list_facts(list_id, dict.fromkeys(RUN_FACTS))
            self._drop(gone)

    def _confirm(self, list_id: int) -> None:
        self._connection.execute(_CONFIRM, (list_id,))
        self._confirmed.add(list_id)

    def mark_blocked(self, list_id: int, blocked: Mapping[int, tuple[float, bool]]) -> bool:
        """Leave people of a list out who are blocked, and let those go who are not any more.

        Args:
            list_id: Its number.
            blocked: By the hash of their identity, when that was, and whether Airmeet refused it.

        Returns:
            Whether somebody is left out, or goes again.
        """
        self._recover()
        values = self._list(list_id).parameters
        with self._transaction():
            before = self._connection.total_changes
            self._connection.execute(_UNMARK_BLOCKED, values)
            found = self._query(_FIND_BLOCKED, {**values, "hashes": str(list(blocked))}) if blocked else []
            marked = []
            for number, note, hash_ in found:
                facts = decode_note(note)
                warnings, _ = facts.pop("warnings"), facts.pop("error")
                marked.append((encode_note(_blocked_error(*blocked[hash_]), warnings, **facts), number))
            self._connection.executemany("UPDATE input SET status = 'invalid', note = ? WHERE id = ?", marked)
            return self._connection.total_changes > before

    def mark_existing(
        self, list_id: int, hashes: Iterable[int], describe: Callable[[int, Any], RowError], *, also_done: bool = False
    ) -> tuple[int, int, bool]:
        """Leave rows of a list out whose session, booth or speaker the event has, and let the others go again.

        What was sent without a clear answer, and is there, is done. What was done stays so, unless it has changed in
        the list: then it is said how it differs.

        Args:
            list_id: Its number.
            hashes: Of the identities of what the event has.
            describe: Returns what is said of a row, given by its hash and its data.
            also_done: Leave out rows that were done here, too: all rows are to be sent once more.

        Returns:
            How many rows without a clear answer are done, how many more rows than before are left out, and whether
            something has changed.
        """
        self._recover()
        values = {**self._list(list_id).parameters, "hashes": str(list(hashes)), "also_done": also_done}
        with self._transaction():
            before, found_done, left_out = self._connection.total_changes, 0, 0
            if not also_done:
                left_out -= self._connection.execute(_UNMARK_EXISTING, values).rowcount
            for number, note, entry, hash_, data, is_in_doubt_ in self._query(_FIND_EXISTING, values):
                if is_in_doubt_:
                    self._connection.execute(_FIND_DONE, (entry,))
                    found_done += 1
                    continue
                facts = decode_note(note)
                warnings, _ = facts.pop("warnings"), facts.pop("error")
                text = encode_note(describe(hash_, decode_data(data)), warnings, **facts)
                self._connection.execute("UPDATE input SET status = 'duplicate', note = ? WHERE id = ?", (text, number))
                left_out += 1
            return found_done, left_out, self._connection.total_changes > before

    def mark_mailed(self, list_id: int, event: str, *, are_left_out: bool) -> tuple[int, bool]:
        """Leave people of a result file out whom it calls mailed, and of whom nothing is recorded here; or let them go.

        Args:
            list_id: The list's number.
            event: The event's id: of what a file says of another one, nothing follows.
            are_left_out: Whether they are left out.

        Returns:
            How many they are, and whether something has changed.
        """
        self._recover()
        values = {**self._list(list_id).parameters, "event": event}
        with self._transaction():
            before = self._connection.total_changes
            self._connection.execute(_UNMARK_MAILED, values)
            found = self._query(_FIND_MAILED, values)
            marked = []
            for number, note in found if are_left_out else ():
                facts = decode_note(note)
                warnings, _ = facts.pop("warnings"), facts.pop("error")
                marked.append((encode_note(_SAID_MAILED, warnings, **facts), number))
            self._connection.executemany("UPDATE input SET status = 'duplicate', note = ? WHERE id = ?", marked)
            return len(found), self._connection.total_changes > before

    def count_not_attending(self, list_id: int) -> int:
        """Count the people of a list who are left out since they do not come, and who were done before."""
        sql = "SELECT note FROM input WHERE id BETWEEN :first AND :last AND status = 'invalid' AND note LIKE :code"
        values = {**self._list(list_id).parameters, "code": f'%"{NOT_ATTENDING}"%'}
        notes = (decode_note(text) for (text,) in self._query(sql, values))
        keys = {fold(note["key"]) for note in notes if note["error"].code == NOT_ATTENDING and note.get("key")}
        sql = f"SELECT COUNT(*) FROM outcome o JOIN entry e ON e.id = o.entry WHERE o.done & 1 AND {_HAS_HASH}"  # noqa: S608
        n: int = self._query(sql, {"hashes": str(list(self.hash_identities(list(keys))))})[0][0]
        return n

    def count_doubtful_mails(self, list_id: int, hashes: Iterable[int] | None = None) -> int:
        """Count the rows that `reopen` reopens for their invitation: all, or those with the hash of an identity."""
        sql = f"SELECT COUNT(*) {OF_LIST} AND i.status IS NULL AND {_ENDED['invites']}"
        values: dict[str, Any] = dict(self._list(list_id).parameters)
        if hashes is not None:
            sql, values["hashes"] = f"{sql} AND {_HAS_HASH}", str(list(hashes))
        n: int = self._query(sql, values)[0][0]
        return n

    def record_mailed(self, list_id: int, hashes: Iterable[int]) -> int:
        """Record that rows whose invitation was in doubt were mailed, by the hashes of their identities; count them."""
        self._recover()
        values = {**self._list(list_id).parameters, "hashes": str(list(hashes))}
        with self._transaction():
            return self._connection.execute(_RECORD_MAILED, values).rowcount

    def renew_warnings(self, list_id: int, code: str, warn: Callable[[Any], Iterable[RowWarning]]) -> bool:
        """Replace the warnings with a code, of what the event has: that may be another since the list was read.

        Args:
            list_id: The list's number.
            code: The warnings' code.
            warn: Returns those of a row now, given by its data. What it cannot read stays as it is.

        Returns:
            Whether something has changed.
        """
        sql, changed = f"SELECT i.id, i.note, COALESCE(i.data, e.data) {OF_LIST} AND i.status IS NULL", []
        for number, note, data in self._query(sql, self._list(list_id).parameters):
            facts = decode_note(note)
            warnings, error = facts.pop("warnings"), facts.pop("error")
            with suppress(Exception):  # the caller's own objects may not be read back from their text
                found = (*(one for one in warnings if one.code != code), *warn(decode_data(data)))
                if set(found) != set(warnings):
                    changed.append((encode_note(error, found, **facts), number))
        if changed:
            with self._transaction():
                self._connection.executemany("UPDATE input SET note = ? WHERE id = ?", changed)
        return bool(changed)

    def count_missing(self, list_id: int, hashes: Iterable[int]) -> int:
        """Count the rows of a list that are done, and that the event does not have any more; see `mark_existing`."""
        sql = f"""
            SELECT COUNT(*) {OF_LIST} AND i.status IS NULL AND {DONE}
            AND e.hash NOT IN (SELECT value FROM json_each(:hashes))
        """  # noqa: S608 - no values
        n: int = self._query(sql, {**self._list(list_id).parameters, "hashes": str(list(hashes))})[0][0]
        return n

    def purge(self, list_ids: Iterable[int], *, forget: bool = False) -> None:
        """Remove lists, with the names, links and requests of those who are in no other list.

        Args:
            list_ids: Their numbers. Those that nobody has confirmed go, too.
            forget: Also what was done for these people; by default it is kept, with a hash of each identity.
        """
        self._recover()
        numbers = {*list_ids, *(found.id for found in self.lists() if not found.confirmed)}
        self._connection.execute("PRAGMA secure_delete = ON")
        with self._transaction():
            self._drop(numbers)
            # Who was to be blocked is left out of later lists until they are unblocked, also where Airmeet refused
            # either since they were not in the event; others who were refused are new to later lists.
            is_about_access = self.facts().get("operation") in {"attendees.block", "attendees.unblock"}
            self._connection.execute(_DROP_OUTCOMES, {"forget": forget, "refusals": is_about_access})
            self._connection.execute(_PURGE_OUTCOMES)
            self._connection.execute(_DROP_UNUSED_ENTRIES)
            self._connection.execute(_PURGE_ENTRIES)
        self._connection.execute("VACUUM")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def drop_list(self, list_id: int) -> None:
        """Forget a list that nobody wants, and who was in no other and was never sent."""
        self._recover()
        self._readings.pop(list_id, None)
        with self._transaction():
            self._drop([list_id])

    def _drop(self, numbers: Iterable[int]) -> None:
        for number in (numbers := list(numbers)):
            first = number << LIST_SHIFT
            self._connection.execute("DELETE FROM input WHERE id BETWEEN ? AND ?", (first, first + POSITION))
            self._connection.execute("DELETE FROM list WHERE id = ?", (number,))
            self._lists.pop(number, None)
        if numbers:
            self._connection.execute(_DROP_UNUSED_ENTRIES)

    def _list(self, list_id: int) -> RecordedList:
        if list_id not in self._lists:
            self._lists |= {found.id: found for found in self.lists()}
        return self._lists[list_id]

    def check_sum(self, list_id: int) -> None:
        """Check that each row of a list is there once, and is something to be done or has a status."""
        sql = f"""
            SELECT COUNT(*), COALESCE(SUM(i.status IS NOT NULL OR e.id IS NOT NULL), 0),
                COALESCE(MAX(i.id) - :first + 1, 0), (SELECT rows FROM list WHERE id = :list)
            {OF_LIST}
        """  # noqa: S608 - no values
        there, told, last, rows = self._query(sql, self._list(list_id).parameters)[0]
        if rows is None:  # still being read
            rows = there
        if not there == told == last == rows:
            message = f"{rows} rows were read, {there} are recorded, {told} of them with a state, the last at {last}"
            raise JournalError(f"{self.path}: the run file does not add up ({message}); start over with another file")

    # Rows

    def _add(self, list_id: int, rows: Sequence[Row]) -> None:
        reading = self._readings[list_id]
        reading.rows += len(rows)
        base = list_id << LIST_SHIFT
        good = [row for row in rows if row.error is None]
        if len(good) != len(rows):
            self._connection.executemany(
                _ADD_INPUT,
                [
                    (base + row.index, row.line, None, "duplicate" if row.is_duplicate else "invalid",
                     encode_note(row.error, row.warnings, key=encodable(row.key)), None, encode_data(row.data))
                    for row in rows if row.error is not None
                ],
            )  # fmt: skip
        if not good:
            return
        requests = _requests_of(good, reading.template)
        identities = [
            encodable(row.identity) or self._repeatable_identity(reading, request)
            for row, request in zip(good, requests, strict=True)
        ]
        hashes = self.hash_identities(identities)
        data = [encode_data(row.data) for row in good]
        keys = [
            None if row.key == identity else encodable(row.key) for row, identity in zip(good, identities, strict=True)
        ]
        self._uncommitted += sum(map(len, requests)) + sum(len(text) for text in data if text)
        first = self.next_entry
        numbers = range(first, first + len(good))
        before = self._connection.total_changes
        self._insert(_ADD_ENTRY, list(zip(numbers, hashes, identities, keys, requests, data, strict=True)))
        self.next_entry += len(good)
        reading.positions.extend([0] * (self.next_entry - len(reading.positions)))
        positions = reading.positions
        if self._connection.total_changes - before == len(good):  # all are new: nearly always
            for entry, row in zip(numbers, good, strict=True):
                row.entry = entry
                positions[entry] = row.index + 1
            if any(row.warnings for row in good):
                values = [
                    (base + row.index, row.line, row.entry, None, encode_note(None, row.warnings), None, None)
                    for row in good
                ]
                self._connection.executemany(_ADD_INPUT, values)
            elif (offsets := _common_offsets(good)) is not None:
                self._connection.execute(_ADD_CONSECUTIVE_INPUT, (base + offsets[0], offsets[1], first))
            else:
                self._connection.executemany(
                    _ADD_PLAIN_INPUT, [(base + row.index, row.line, row.entry) for row in good]
                )
            return
        fresh = {entry for (entry,) in self._query("SELECT id FROM entry WHERE id >= ?", (first,))}
        known = self._known(hash_ for entry, hash_ in zip(numbers, hashes, strict=True) if entry not in fresh)
        in_this_part = {row.index: (row.line, request) for row, request in zip(good, requests, strict=True)}
        inputs = list[tuple[Any, ...]]()
        for entry, row, hash_, identity, request, text in zip(
            numbers, good, hashes, identities, requests, data, strict=True
        ):
            status, facts, other_request, other_data, name, known_name = None, dict[str, Any](), None, None, "", ""
            if entry not in fresh:
                found: tuple[Any, ...] | None = known[hash_]
                collisions = 0
                while found is not None and found[2] not in {"", identity}:  # another one with the same hash
                    collisions += 1
                    hash_ = self.hash_identities([identity + "\0" * collisions])[0]  # noqa: PLW2901
                    found = self._known([hash_]).get(hash_)
                if found is None:
                    key = None if row.key == identity else encodable(row.key)
                    self._connection.execute(_ADD_ENTRY, (entry, hash_, identity, key, request, text))
                else:
                    _, entry, known_as, key, first_request, first_data, sent_request, *outcome = found  # noqa: PLW2901
                    if not known_as or row.key != (key or identity):
                        facts["key"] = encodable(row.key)
                    if request != first_request:
                        other_request = request
                    if text != first_data:
                        other_data = text or "null"
                    if outcome[0] is not None:
                        row.earlier = Outcome(*outcome)
                    sent_request = sent_request or first_request
                    row.changed = sent_request not in {"", request}
                    if row.changed and row.earlier is not None and (row.earlier.done & Wish.DONE or is_in_doubt(row)):
                        name, known_name = other_name(request, sent_request), other_name(sent_request, request)
                    if row.changed and is_in_doubt(row):
                        _set_request(row, sent_request, reading.template)
                        called = None if reading.template is None else row.key
                        check_payload(row.payload, row.template or reading.template, called)
            row.entry = entry
            if positions[entry]:
                status, row.duplicate_of = "duplicate", positions[entry] - 1
                line, of_request = self._line_and_request(base, row.duplicate_of, in_this_part)
                name = other_name(request, of_request)
                facts |= {"of_line": line, "duplicate_of": row.duplicate_of, "other_name": name or None}
                row.error = duplicate_error(row.duplicate_of, line, name)
            elif name and self._is_elsewhere(reading, list_id, entry):
                status, row.error = "duplicate", known_error(name, known_name)
            else:
                positions[entry] = row.index + 1
            error = None if row.duplicate_of is not None else row.error
            note = encode_note(error, row.warnings, **facts)
            inputs.append((base + row.index, row.line, entry, status, note, other_request, other_data))
        self._connection.executemany(_ADD_INPUT, inputs)
        if reading.repeats_all and (sent := {row.entry: row for row in good if row.earlier and row.error is None}):
            self._connection.execute(_REPEAT_THESE, (str([*sent]),))
            for entry, *outcome in self._query(_OUTCOMES, (str([*sent]),)):
                sent[entry].earlier = Outcome(*outcome)
                sent[entry].repeats = bool(outcome[2] & Wish.AGAIN)

    def _is_elsewhere(self, reading: _Reading, list_id: int, entry: int) -> bool:
        """Whether a person is in another list, and no earlier form of this one: else another name is a correction."""
        if reading.elsewhere is None:
            reading.elsewhere, this = bytearray(self.next_entry), self._list(list_id).facts
            others = [found for found in self.lists() if found.confirmed and found.id != list_id]
            for found in sorted(others, key=lambda other: is_same_file(other.facts, this)):
                mark = not is_same_file(found.facts, this)
                for (known,) in self._query(_SENT_BY, found.parameters):
                    reading.elsewhere[known] = mark
        return entry < len(reading.elsewhere) and bool(reading.elsewhere[entry])

    def _line_and_request(
        self, base: int, index: int, in_this_part: Mapping[int, tuple[int | None, str]]
    ) -> tuple[int | None, str]:
        if index in in_this_part:
            return in_this_part[index]
        sql = "SELECT i.line, COALESCE(i.request, e.request) FROM input i JOIN entry e ON e.id = i.entry WHERE i.id = ?"
        found = self._query(sql, (base + index,))
        return found[0] if found else (None, "")

    def _insert(self, sql: str, values: Sequence[tuple[Any, ...]]) -> None:
        """Insert rows, by 16 as far as they go.

        Each statement gives up the interpreter's lock and takes it again, which costs as much as inserting a row.
        """
        together = len(values) - len(values) % _TOGETHER
        for start in range(0, together, _TOGETHER):
            self._connection.execute(_for_several(sql), [*chain.from_iterable(values[start : start + _TOGETHER])])
        self._connection.executemany(sql, values[together:])

    def hash_identities(self, identities: Sequence[str]) -> tuple[int, ...]:
        """Return numbers for identities: an index of them takes a third of what one of the texts takes."""
        digests = list[bytes]()
        for identity in identities:
            digest = self._salted.copy()  # cheaper than a new one
            digest.update(identity.encode())
            digests.append(digest.digest())
        return struct.unpack(f"<{len(digests)}q", b"".join(digests))

    def _repeatable_identity(self, reading: _Reading, request: str) -> str:
        """Identify a row that may repeat by what it does, and how often that came before it in its list."""
        digest = blake2b(request.encode(), digest_size=16).hexdigest()
        short = int(digest[:16], 16)
        reading.repeats[short] += 1
        return f"\x01{digest}:{reading.repeats[short]}"

    def _known(self, hashes: Iterable[int]) -> dict[int, tuple[Any, ...]]:
        return {found[0]: found for found in self._query(_KNOWN, (str(list(hashes)),))}

    def check_rows(self, list_id: int) -> None:
        """Check that each row of a list is about whom it shows, before the first of them is sent.

        Raises:
            JournalError: One is not.
        """
        after = -1
        while rows := self._rows(_SELECT_WITHOUT_ERROR, list_id, after, _CHECKED_AT_ONCE, checks=True):
            after = rows[-1].index

    def open_rows(self, list_id: int, after: int, n: int, *, only_reopened: bool = False) -> list[Row]:
        """Return the next rows of a list for which something is left to do, ready to be sent.

        Args:
            list_id: Its number.
            after: The position of the last one before; -1 for the first.
            n: How many at most.
            only_reopened: Only what `reopen` has reopened.
        """
        return self._rows(_SELECT_REOPENED if only_reopened else _SELECT_OPEN, list_id, after, n)

    def settled_rows(self, list_id: int, after: int, n: int, *, only_reopened: bool = False) -> list[Row]:
        """Return the next of all other rows, without those that this run has recorded itself."""
        return self._rows(_SELECT_NOT_REOPENED if only_reopened else _SELECT_SETTLED, list_id, after, n)

    def _rows(self, sql: str, list_id: int, after: int, n: int, *, checks: bool = False) -> list[Row]:
        found = self._list(list_id)
        values = {**found.parameters, "after": (list_id << LIST_SHIFT) + after, "n": n, "run": self.run}
        try:
            return select_rows(self._connection, sql, values, found.template, checks=checks)
        except locking.DAMAGE as error:
            raise self._error(error) from None

    # Transactions

    def transact(self, work: Transaction) -> None:
        """Record all of it at once.

        Raises:
            JournalError: Nothing of it is recorded.
        """
        execute = self._connection.executemany
        with self._transaction():
            if work.rows:
                self._add(work.list_id, work.rows)
            # What has ended comes before what begins: an entry's outcome may be followed by its next intent.
            if work.outcomes:
                self._insert(_RECORD, work.outcomes)
                if self._requests_before:
                    for entry, state, _, _, _, run, *_ in work.outcomes:
                        before = self._requests_before.pop(entry, False)
                        # What did not leave is what it was: of an earlier run, or reopened.
                        if before is not False and (run < self.run or state == OutcomeState.REOPENED):
                            self._connection.execute("UPDATE outcome SET request = ? WHERE entry = ?", (before, entry))
            now = time.time()
            if work.intents:
                execute(_INTEND, [(row.entry, wish, self.run, now) for row, wish in work.intents])
                if changed := [row for row, _ in work.intents if row.changed]:
                    requests = _requests_of(changed, self._list(work.list_id).template)
                    values = [(request, row.entry, row.entry) for request, row in zip(requests, changed, strict=True)]
                    self._requests_before |= self._query(_REQUESTS_BEFORE, (str([row.entry for row in changed]),))
                    execute(_SEND_ANOTHER, values)
            if work.horizon is not None:
                self._connection.execute(
                    "UPDATE list SET horizon = ?, touched = ? WHERE id = ?",
                    (work.horizon, now, work.list_id),
                )
            if work.list_id not in self._confirmed and (work.rows or work.intents or work.horizon is not None):
                self._confirm(work.list_id)
            if work.facts:
                self._put_facts(work.facts)

    @contextmanager
    def _transaction(self, *, stays_open: bool = False) -> Iterator[None]:
        """Do what is in the block in one transaction; one that *stays_open* goes on until there is much in it."""
        try:
            if self._connection.in_transaction and not stays_open:
                self._commit()
            if not self._connection.in_transaction:
                self._check_file()
                self._connection.execute("BEGIN IMMEDIATE")
            yield
            if not stays_open or self._uncommitted >= self.loading_characters:
                self._commit()
        except BaseException as error:
            self._undo()
            if isinstance(error, sqlite3.Error):
                raise self._error(error) from None
            raise

    def _commit(self) -> None:
        self._connection.execute("COMMIT")
        self._uncommitted = 0

    def _undo(self) -> None:
        self._uncommitted = 0
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def _check_file(self) -> None:
        """Check that this is still the process and the file with which it began."""
        if os.getpid() != self._process:
            raise JournalError(
                f"{self.path}: this process was forked from the one that runs the job; start the run again"
            )
        if self.path is None:
            return
        try:
            same = os.stat(self._name).st_ino == self._inode  # noqa: PTH116 - before each transaction, so the fast way
        except OSError:
            same = False
        if not same:
            message = f"{self.path}: the run file was deleted or replaced during the run; nothing more is sent"
            raise JournalError(f"{message}. Restore it and resume, or start over")

    def _put_facts(self, facts: Mapping[str, Any]) -> None:
        rows = [(name, encode_fact(value)) for name, value in facts.items()]
        self._connection.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)

    def _query(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> JournalError:
        return locking.journal_error(self.path or Path("a file for this run"), error)


def check_not_lent(path: Path | None, facts: Mapping[str, Any]) -> None:
    """Refuse a journal whose rows are in shards, a shard whose rows were taken back, and a copy of a shard.

    Raises:
        JournalError: Its rows are sent elsewhere.
    """
    if lent := facts.get("lent"):
        where = f"{counted(lent['shards'], 'shard')} in {lent['folder']}"
        message = f"{path}: its rows are in {where}; nothing was sent. airmeet resume takes them back first"
        raise JournalError(message)
    if facts.get("returned"):
        raise JournalError(f"{path}: its rows were taken back into the run they were cut from; nothing was sent")
    if (shard := facts.get("shard")) and path is not None and not is_original(path, shard):
        place = Path(shard.get("folder", "")) / shard.get("file", path.name)
        message = f"{path}: is a copy of a shard, which was made as {place}; nothing was sent"
        raise JournalError(f"{message}. Send that one: from two files, its rows would be sent twice")


def is_original(path: Path, shard: Mapping[str, Any]) -> bool:
    """Whether a shard is the very file that was made, under its own name; the folder may be seen under another path."""
    return str(path.stat().st_ino) == shard.get("inode") and path.name == shard.get("file")


def _check_newest(path: Path, facts: Mapping[str, Any], note: str) -> None:
    """Refuse a shard that does not know its last run: somebody has put an older copy back in its place."""
    cut, _, run = note.partition(" ")
    is_older = run == "returned" or (run.isdecimal() and int(run) > facts.get("run", 0))
    if cut == facts["shard"].get("cut") and is_older and not facts.get("returned"):
        message = f"{path}: is an older copy of this shard, and what was sent since is not in it; nothing was sent"
        raise JournalError(f"{message}. Delete it, and give the shard up: airmeet join JOB --lost {quote(path.name)}")


def remove_unfinished(facts: Mapping[str, Any]) -> None:
    """Remove what a process has left that was killed while it cut a journal: it holds names and addresses."""
    cutting, salt = facts.get("cutting") or {}, facts.get("salt", "")
    if cutting and not facts.get("lent"):
        for path in Path(cutting["folder"]).glob(f".{glob.escape(cutting['stem'])}-*.{salt[:16]}.part*"):
            path.unlink(missing_ok=True)


def read_facts(connection: sqlite3.Connection) -> dict[str, Any]:
    """Return the facts about the whole journal."""
    facts = {name: decode_fact(text) for name, text in connection.execute("SELECT name, value FROM facts")}
    _check_types(facts, _FACT_TYPES)
    if facts.get("airmeet_id"):
        check_id(facts["airmeet_id"], "airmeet_id")
    if len(bytes.fromhex(facts.get("salt", "00" * 16))) != blake2b.SALT_SIZE:
        raise ValueError("a salt of another length")
    _check_types(facts.get("lent") or {}, _LENT_TYPES)
    _check_types(facts.get("cutting") or {}, _LENT_TYPES)
    shard = facts.get("shard") or {}
    _check_types(shard, _SHARD_TYPES)
    ShardPace.of_shard(facts)
    return facts


def read_lists(connection: sqlite3.Connection) -> list[RecordedList]:
    """Return all lists: unconfirmed ones, then the others by when they were confirmed last."""
    head = read_facts(connection)
    lists = connection.execute("SELECT id, facts, rows, confirmed FROM list ORDER BY confirmed, id")
    return [
        RecordedList(number, _list_facts(decode_fact(facts), head), rows, bool(found))
        for number, facts, rows, found in lists
    ]


_FACT_TYPES: Mapping[str, type | tuple[type, ...]] = dict.fromkeys(
    ("operation", "airmeet_id", "base", "job", "salt"), str
) | {
    "created": (int, float), "run": int, "ended": (int, float, NoneType), "stop_message": (str, NoneType),
    "lent": (dict, NoneType), "lent_rows": (list, NoneType), "cutting": (dict, NoneType), "shard": dict,
    "returned": (int, float),
}  # fmt: skip
_LIST_FACT_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "name": str, "options": dict, "template": (list, NoneType), "source": (dict, NoneType), "columns": list,
    "is_hybrid": (bool, NoneType), "note": (dict, NoneType), "created": (int, float), "again": bool,
}  # fmt: skip


_LENT_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "cut": str, "folder": str, "stem": str, "shards": int, "list": int, "run": int, "returned": list,
    "stop": (str, NoneType), "stop_message": str, "rows": int, "asked": dict,
}  # fmt: skip
_SHARD_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "cut": str, "number": int, "of": int, "folder": str, "file": str, "inode": str, "max_failures": (int, NoneType),
}  # fmt: skip

_JOB = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
LATEST = 4e10
"""Seconds since the epoch, in the 33rd century: dates go on for longer, and nothing else that is kept is larger."""


def _check_types(facts: Any, types: Mapping[str, type | tuple[type, ...]]) -> None:
    if type(facts) is not dict:
        raise ValueError("facts that are none")
    for name, value in facts.items():
        is_huge = isinstance(value, (int, float)) and not abs(value) < LATEST
        # It stands in commands that people copy.
        if name == "job" and value is not None and not (type(value) is str and _JOB.fullmatch(value)):
            raise ValueError("job is no id of a run")
        if not isinstance(value, types.get(name, object)) or is_huge:
            raise ValueError(f"{name} is a {type(value).__name__}")


def _list_facts(facts: Any, head: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts of a list, which are about the operation and event of its journal."""
    _check_types(facts, _LIST_FACT_TYPES)
    header = (facts.get("source") or {}).get("header")
    for columns in (facts.get("columns") or [], facts.get("ignored") or [], header or []):
        if type(columns) is not list or not all(type(name) is str for name in columns):
            raise ValueError("a column has no name")
    if facts.get("template"):
        template = decode_template(facts["template"])
        event = template.path.get("airmeet_id")
        if template.endpoint.name != head.get("operation") or (event != head.get("airmeet_id")) or template.query:
            raise ValueError(f"a list does {template.endpoint.name} for event {event}, which is not what the run does")
        facts["options"] = {**facts.get("options", {}), **template.flags}  # what is said is what will be done
    elif head.get("operation", _OWN_REQUESTS) != _OWN_REQUESTS:
        raise ValueError("a list names no operation")
    return dict(facts)


def select_rows(
    connection: sqlite3.Connection,
    sql: str,
    values: Mapping[str, Any],
    template: CallTemplate | None,
    *,
    checks: bool = True,
) -> list[Row]:
    """Return the rows that a statement made of `ROWS` finds; each *checks* that it is about whom it shows."""
    found = connection.execute(sql, values).fetchall()
    entries = [record[-1] for record in found if record[-1] is not None]
    outcomes: dict[int, Outcome] = {}
    if entries:
        outcomes = {entry: Outcome(*rest) for entry, *rest in connection.execute(_OUTCOMES, (str(entries),))}
    rows, before = list[Row](), values["after"]
    for number, line, status, note, entry, key, request, data, changed, sent in found:
        if number <= before:  # in a damaged page of SQLite's: reading on from the last row would come to no end
            raise ValueError("its rows are out of order")
        before = number
        row = Row(number & POSITION, line, None if data is None else decode_data(data), key or "", "", template)
        if request:
            _set_request(row, request, template)
        if entry:
            row.entry = entry
        if changed:
            row.changed = True
        if sent is not None:
            row.earlier = outcomes[sent]
            if row.earlier.done & Wish.AGAIN:
                row.repeats = bool(values["repeats"])
        if note is not None:
            facts = decode_note(note)
            row.warnings = facts["warnings"]
            row.key = facts.get("key", row.key)
            if status == "duplicate" and facts["error"] is None:
                row.duplicate_of = facts["duplicate_of"]
                row.error = duplicate_error(row.duplicate_of, facts.get("of_line"), facts.get("other_name", ""))
            else:
                row.error = facts["error"]
        if checks and request and row.error is None:
            try:
                called = None if template is None else row.key  # a caller's own function may call a row as it likes
                check_payload(row.payload, row.template, called, None if changed else row.data)
            except ValueError as error:
                place = f"row {row.index + 1}" if line is None else f"line {line}"
                raise ValueError(f"{place}: {error}") from None
        rows.append(row)
    return rows


def _requests_of(rows: Sequence[Row], template: CallTemplate | None) -> list[str]:
    """Return the rows' requests as text; *template* is what those of their list have in common."""
    if template is not None:
        return [row.payload.decode() for row in rows]
    return [encode_request(row.template, row.payload) for row in rows if row.template is not None]


def _set_request(row: Row, request: str, template: CallTemplate | None) -> None:
    """Set what is sent for a row; *template* is what the requests of its list have in common."""
    if request[:1] == "[":
        if template is not None:
            raise ValueError("a row has an operation of its own")
        row.template, row.payload = decode_request(request)
    else:
        row.payload = request.encode()


@lru_cache
def _for_several(sql: str) -> str:
    """Return a statement that inserts `_TOGETHER` rows instead of one."""
    head, values, tail = re.split(r"(?<=VALUES )(\([?, ]+\))", sql)
    return head + ", ".join([values] * _TOGETHER) + tail


def _common_offsets(rows: Sequence[Row]) -> tuple[int, int | None] | None:
    """Return what to add to the rows' entries for their positions and lines, if they follow each other in all three."""
    first, last = rows[0], rows[-1]
    length = last.entry - first.entry
    if last.index - first.index != length:
        return None
    if first.line is None or last.line is None:
        return (first.index - first.entry, None) if first.line is last.line else None
    return (first.index - first.entry, first.line - first.entry) if last.line - first.line == length else None


def _blocked_error(when: float, was_refused: bool) -> RowError:  # noqa: FBT001 - a pair of `read_blocked`
    date = datetime.fromtimestamp(when, UTC).astimezone()
    day = f"{date.day} {date:%B %Y}"
    if was_refused:
        what = f"was to be blocked here on {day}, which Airmeet refused, as of anybody who is not in the event"
        return RowError(BLOCKED, f"{what}; unblock them to let them in")
    return RowError(BLOCKED, f"was blocked here on {day}; unblock them first to let them in again")


def _pair(other: RecordedList, this: RecordedList) -> dict[str, int]:
    """Return the parameters of a statement about two lists."""
    first, last = other.parameters["first"], other.parameters["last"]
    return {**this.parameters, "other_first": first, "other_last": last}


def _part_of(facts: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return which part of its file a list is: another sheet, or the first few rows, is another list."""
    reading = (facts.get("source") or {}).get("reading") or {}
    return reading.get("sheet"), reading.get("limit")


def is_same_list(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two lists are one, perhaps edited: the later one takes the place of the other."""
    return one.get("options") == other.get("options") and is_same_file(one, other)


def is_same_file(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two lists are of one file, perhaps edited, whatever is asked for its people.

    The command line notes the ``path`` of a file; None for standard input and typed addresses, which may be others each
    time. Elsewhere it is the name that counts.
    """
    if _part_of(one) != _part_of(other):
        return False
    paths = [(facts.get("note") or {}).get("path", "") for facts in (one, other)]
    if None in paths:
        return one.get("source") is not None and one.get("source") == other.get("source")
    return paths[0] == paths[1] if all(paths) else one.get("name") == other.get("name")
