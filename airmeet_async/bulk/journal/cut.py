"""`cut_journal` lends the rows that are left to shards, which other processes send; `join_journal` takes them back.

Rules of this file:

1. A row can be sent from one place only, at every instant: cutting, the shards have names under which nobody finds them
   until the fact ``lent`` is on the disk of the main journal; joining, a shard is marked as returned before the main
   journal counts it as returned, and its lock is held from before its rows are read until after that.
2. A crash at any step is mended by doing the same once more: what has no name yet gets it, what was not counted is
   counted, and what an unfinished cut has left is removed, for which the fact ``cutting`` says where it is.
3. A shard has entries and outcomes under their numbers in the main journal. So a join copies outcomes by number. A
   shard lies where others may write: all of it is checked before the main journal changes, and which rows it was lent
   is known by the main journal alone.
4. All of it costs as much as there are rows: each shard is a range of them, and no statement reads all for each shard.
5. The run that the shards carry out is one run of the main journal, however often each of them was begun.
6. A shard is over when a run of it has come to its end, or was stopped by a rule about its rows. Everything else is
   tried again, or taken back.
"""

import os
import secrets
import sqlite3
import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from hashlib import blake2b
from pathlib import Path
from shlex import quote
from typing import Any

from attrs import evolve, field, frozen

from airmeet_async.bulk.journal import locking
from airmeet_async.bulk.journal.queries import read_summary
from airmeet_async.bulk.journal.row_encoding import check_payload, decode_note, decode_request, encode_fact
from airmeet_async.bulk.journal.schema import LIST_SHIFT, SHARD_ID, create_tables
from airmeet_async.bulk.journal.writer import (
    LATEST,
    OF_LIST,
    OPEN,
    OUTCOME_COLUMNS,
    POSITION,
    RUN_FACTS,
    WISH,
    JournalWriter,
    RecordedList,
    check_not_lent,
    is_original,
)
from airmeet_async.bulk.options import SENT_EACH_TIME, ShardPace
from airmeet_async.bulk.report import StopReason
from airmeet_async.bulk.row import CallTemplate, OutcomeState, Wish
from airmeet_async.errors import ConfigError, JournalError
from airmeet_async.formatting import counted
from airmeet_async.private_files import open_private, remove_leftovers

_MOST_SHARDS = 10_000
TOKEN_FOLDER = "token"  # noqa: S105 - no token; beside the shards of a folder, where they share no other token store
_AT_ONCE = 4096  # numbers that are read at once
_ENDED_BY = frozenset({None, StopReason.FAILURES.value})
_ABOUT = ("operation", "airmeet_id", "base", "created", "salt")
_ROWS_PER_SHARD = 200  # at least: each costs a fsync, a start and an end
_SHARDS_PER_WORKER = 8  # so that a worker that is lost or slow is made up for by the others

_COPY_INPUT = f"""
    INSERT INTO shard.input SELECT :base + ROW_NUMBER() OVER (ORDER BY i.id) - 1, i.line, i.entry, NULL, i.note,
        i.request, i.data
    {OF_LIST} AND {OPEN} ORDER BY i.id
"""
_COPY_ENTRIES = "INSERT INTO shard.entry SELECT e.* FROM shard.input s JOIN main.entry e ON e.id = s.entry ORDER BY 1"
_COPY_OUTCOMES = "INSERT INTO shard.outcome SELECT o.* FROM shard.input s JOIN main.outcome o ON o.entry = s.entry"
_NEW_TABLES = """
    CREATE TEMP TABLE IF NOT EXISTS came (
        entry INTEGER PRIMARY KEY, state, sent, done, unclear, run, touched, http, latency, link, note, request);
    CREATE TEMP TABLE IF NOT EXISTS left_out (entry INTEGER PRIMARY KEY, status, note);
"""
_STATES = frozenset(int(state) for state in OutcomeState) - {int(OutcomeState.IN_FLIGHT)}
_ALL_WISHES = Wish.DONE | Wish.REGISTERED | Wish.MAILED | Wish.MAIL_UNVERIFIED | Wish.AGAIN | Wish.NO_PLACE_LEFT
_MANY = 1 << 31  # more than anything that is counted
_NOT_LENT = f"""SELECT (SELECT COUNT(*) FROM outcome WHERE entry NOT IN (SELECT entry FROM input)),
    (SELECT COUNT(*) FROM input WHERE status IS NULL
        AND entry NOT IN (SELECT entry FROM outcome WHERE state > {int(OutcomeState.RETRY)}))"""  # noqa: S608 - no values
# A run of a shard never takes away what was done before; of a mail it may, where it is to go out once more.
_UNDONE = f"""SELECT COUNT(*) FROM temp.came c JOIN outcome o ON o.entry = c.entry
    WHERE o.done & {Wish.DONE | Wish.REGISTERED} & ~c.done"""  # noqa: S608 - no values
_REQUESTS = """SELECT c.request, COALESCE(e.key, e.identity)
    FROM temp.came c JOIN entry e ON e.id = c.entry WHERE c.request IS NOT NULL"""
_TAKE_OUTCOMES = f"""
    INSERT OR REPLACE INTO outcome ({OUTCOME_COLUMNS})
    SELECT entry, state, sent, done, unclear, MIN(run, :run), touched, http, latency, link, note, request FROM came
"""  # noqa: S608 - no values
# Whoever was lent to a shard that is lost may have been sent, and perhaps more than once: as after a crash.
_GIVE_UP = f"""
    INSERT INTO outcome (entry, state, sent, done, unclear, run, touched)
    SELECT i.entry, {int(OutcomeState.UNKNOWN)}, 1, 0, {WISH}, :run, :at {OF_LIST} AND {OPEN}
    ON CONFLICT (entry) DO UPDATE SET state = excluded.state, sent = sent + 1,
        unclear = unclear | excluded.unclear, run = excluded.run, touched = excluded.touched, note = NULL
"""
# What a run of a shard has left out: the event has it, or somebody is blocked.
_TAKE_LEFT_OUT = """
    UPDATE input SET status = t.status, note = t.note
    FROM (SELECT i.id, t.status, t.note FROM input i JOIN temp.left_out t ON t.entry = i.entry
        WHERE i.id BETWEEN :first AND :last AND i.status IS NULL) t
    WHERE input.id = t.id
"""


@frozen
class JoinSummary:
    """What has come back from the shards of a journal.

    Attributes:
        path: The journal.
        shards: How many there are; 0 where its rows are not in shards.
        returned: How many of them are over, and back for good.
        running: How many are being sent now.
        counts: The rows of the list by what has become of them, as far as that is known here; ``pending`` and
            ``unknown`` have something left to do.
        rows: All rows of the list.
        stop_reason: Why a shard has ended early for good, or None.
        stop_message: The same in a sentence.
    """

    path: Path
    shards: int = 0
    returned: int = 0
    running: int = 0
    counts: Mapping[str, int] = field(factory=dict)
    rows: int = 0
    stop_reason: StopReason | None = None
    stop_message: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether all shards are back, so that the journal can be used again."""
        return self.returned == self.shards

    def as_dict(self) -> dict[str, Any]:
        return {
            "journal": str(self.path), "shards": self.shards, "returned": self.returned, "running": self.running,
            "is_complete": self.is_complete, "rows": self.rows, "counts": dict(self.counts),
            "stop_reason": self.stop_reason and self.stop_reason.value, "stop_message": self.stop_message,
        }  # fmt: skip


def cut_journal(
    path: Path,
    folder: Path,
    shards: int | None,
    *,
    list_id: int | None = None,
    again: bool = False,
    first: int | None = None,
    pace: ShardPace = ShardPace(),  # noqa: B008 - it is frozen
    chosen: Iterable[str] = (),
    base: str | None = None,
    mark: Callable[[JournalWriter, int], object] = lambda *_: None,
    step: Callable[[str], object] = lambda _: None,
) -> list[Path]:
    """Lend the rows of a list that are left to shards, and return these; nothing is sent.

    Of several lists, it is the one that was prepared last, else the one that was sent last. Where its rows are in
    shards in that folder already, those that are not back are returned as they are: what the caller has chosen must be
    as it was then.

    Args:
        path: The journal.
        folder: Where the shards are made; created if it is not there.
        shards: How many, at most: none of them is empty. None: as fits the rows and the workers.
        list_id: The list, by its number.
        again: Send all rows of the list, whatever was done.
        first: How many rows the first shard has, at most; default: as many as the others.
        pace: Of the shards.
        chosen: What of it the caller has chosen; the rest is by default.
        base: The address that the journal must be about.
        mark: Called with the open journal and the list, to leave out rows that must not be sent any more.
        step: Called after each step with its name.

    Raises:
        ConfigError: *shards* is not a number above 0.
        JournalError: The journal or the folder cannot be used, a run has it, or its rows are in other shards, or
            were cut in another way.
    """
    if shards is not None:
        check_shards(shards)
    with closing(_MainJournal(path, base, step)) as main:
        values: dict[str, Any] = {
            "again": again,
            "first": first,
            "pace": pace,
            "chosen": frozenset(chosen),
            "mark": mark,
        }
        return main.cut(folder.resolve(), shards, list_id, **values)


def check_shards(shards: int) -> None:
    """Refuse what is no number of shards.

    Raises:
        ConfigError: It is none.
    """
    if type(shards) is not int or not 0 < shards <= _MOST_SHARDS:
        raise ConfigError(f"shards must be a number from 1 to {_MOST_SHARDS:,}, not {shards!r}")


def join_journal(
    path: Path,
    *,
    take_back: bool = False,
    lost: Iterable[str] = (),
    base: str | None = None,
    step: Callable[[str], object] = lambda _: None,
) -> JoinSummary:
    """Take what shards have done back into their journal: at any time, and as often as wanted.

    Shards that are being sent are left alone. When all are over, the journal can be used again, and they are removed.

    Args:
        path: The journal.
        take_back: Also those that are not over: their tasks can send nothing any more.
        lost: The names of shards that are gone for good. Of their rows, nobody knows which were sent: all that have no
            result count as sent without a clear answer.
        base: The address that the journal must be about.
        step: Called after each step with its name.

    Raises:
        ConfigError: *lost* names what is no shard of this journal.
        JournalError: A shard cannot be used, or is gone: what is over of the others was taken back. Or a shard is being
            sent, where *take_back* is wanted, or the journal cannot be used: nothing was.
    """
    with closing(_MainJournal(path, base, step)) as main:
        lent = main.facts().get("lent") or {}
        summary = main.join(lent, take_back=take_back, lost=lost) if lent else JoinSummary(path)
    found = read_summary(path, lent.get("list"))
    return evolve(summary, counts=found.counts, rows=found.rows or 0)


def shard_paths(lent: Mapping[str, Any]) -> list[Path]:
    """Return where the shards of a journal are, also where it was renamed since."""
    return [Path(lent["folder"]) / f"{lent['stem']}-{number:04d}.job" for number in range(lent["shards"])]


class _MainJournal(JournalWriter):
    """A journal whose rows are lent, or taken back; one that has none, or is for another address, is refused."""

    may_be_lent = True

    def __init__(self, path: Path, base: str | None, step: Callable[[str], object]) -> None:
        if not path.exists():
            raise JournalError(f"{path}: there is no such run; check the path")
        super().__init__(path)
        self._step = step
        try:
            self._check(base)
        except BaseException:
            self.close()
            raise

    def _check(self, base: str | None) -> None:
        facts = self.facts()
        if "operation" not in facts:
            message = f"{self.path}: its input was not read completely, so there is nothing to cut or to join"
            raise JournalError(message)
        if facts.get("shard"):
            raise JournalError(f"{self.path}: is a shard itself; name the run that it was cut from")
        if base is not None and facts["base"] != base:
            raise JournalError(f"{self.path}: this run is for {facts['base']}, not {base}; use the same address again")

    # Lending.

    def cut(
        self,
        folder: Path,
        shards: int | None,
        list_id: int | None,
        *,
        again: bool,
        first: int | None,
        pace: ShardPace,
        chosen: frozenset[str],
        mark: Callable[[JournalWriter, int], object],
    ) -> list[Path]:
        facts = self.facts()
        assert self.path is not None  # noqa: S101 - for the type checker
        if lent := facts.get("lent"):
            self._lent_ranges(lent)
            if Path(lent["folder"]) != folder or list_id not in {None, lent["list"]}:
                check_not_lent(self.path, facts)
            self._check_same(
                lent, {"shards": shards, "again": again or None, **pace.values(lent.get("rows", 0))}, chosen
            )
            paths, returned = shard_paths(lent), frozenset(lent["returned"])
            if gone := self._put_in_place(lent):
                raise self._gone([paths[number] for number in sorted(gone)])
            return [path for number, path in enumerate(paths) if number not in returned]
        self._recover()
        list_ = self._list_to_cut(list_id)
        if again or (facts["operation"] in SENT_EACH_TIME and not list_.confirmed):
            self.repeat_all(list_.id)
        self.confirm_list(list_.id)
        mark(self, list_.id)
        list_ = self._list(list_.id)
        values = list_.parameters
        rows = [number for (number,) in self._query(f"SELECT i.id {OF_LIST} AND {OPEN} ORDER BY i.id", values)]
        if not rows:
            return []
        self._step("confirmed")
        if shards is None:
            workers = pace.workers or 1
            shards = 1 + max(workers, min(len(rows) // _ROWS_PER_SHARD, _SHARDS_PER_WORKER * workers))
        asked = {"shards": shards, "again": again, **pace.values(list_.rows or 0)}
        parts = _divide(rows, min(shards, _MOST_SHARDS), first)
        n = len(parts)
        pace_fact = pace.as_fact(list_.rows or 0, n)
        run = facts.get("run", 0)
        lent = {"cut": secrets.token_hex(8), "folder": str(folder), "stem": self.path.stem, "shards": n,
                "list": list_.id, "rows": list_.rows or 0, "asked": asked, "run": run + 1, "at": time.time(),
                "returned": [], "stop": None, "stop_message": ""}  # fmt: skip
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise JournalError(f"{folder}: cannot be made ({error.strerror}); choose another folder") from None
        locking.check_place(folder / "shard")
        for path in shard_paths(lent):
            if path.exists():
                raise JournalError(f"{path}: is there already; choose another folder")
        self.write_facts({"cutting": {"folder": str(folder), "stem": self.path.stem}})
        lent_rows = []
        for number, (part, name) in enumerate(zip(parts, (path.name for path in shard_paths(lent)), strict=True)):
            shard = {"cut": lent["cut"], "number": number, "of": n, "folder": str(folder), "file": name, **pace_fact}
            if first is not None and number == 0:
                shard["workers"] = 1  # it goes alone, so it has all of the rate
            about = {name: facts[name] for name in _ABOUT if name in facts}
            job_id = f"{list_.facts.get('job') or facts.get('job', 'run')}-{number}"
            about |= {"job": job_id, "run": run, "shard": shard}
            digest = self._make_shard(self._hidden(lent, number), list_, part, about)
            lent_rows.append([part[0] & POSITION, part[-1] & POSITION, digest])
            self._step(f"made {number}")
        with self._transaction():
            self._put_list_facts(list_.id, dict.fromkeys(RUN_FACTS))
            self._put_facts({"run": run + 1, **dict.fromkeys(RUN_FACTS), "lent": lent, "cutting": None,
                             "lent_rows": lent_rows})  # fmt: skip
        self._step("lent")
        self._put_in_place(lent)
        return shard_paths(lent)

    def _check_same(self, lent: Mapping[str, Any], wanted: Mapping[str, Any], chosen: frozenset[str]) -> None:
        """Refuse to cut once more in another way: shards stay as they are."""
        before = lent.get("asked") or wanted
        others = [
            f"{name.replace('_', ' ')}: {'none' if before.get(name) is None else before[name]}, not {value or 'none'}"
            for name, value in wanted.items()
            if value != before.get(name) and (value is not None if name in {"shards", "again"} else name in chosen)
            if (name, value) != ("shards", lent["shards"])  # fewer than were wanted, if there were fewer rows
        ]
        if others:
            where = f"{counted(lent['shards'], 'shard')} in {lent['folder']}"
            what = f"{self.path}: its rows are in {where} already, which were cut in another way ({'; '.join(others)})"
            take_back = f"airmeet join {quote(str(self.path))} --take-back"
            raise JournalError(f"{what}. Leave that out, or take them back first: {take_back}")

    def _list_to_cut(self, list_id: int | None) -> RecordedList:
        """Return the list that is named, else the one that was prepared last, else the one that was sent last."""
        lists = [found for found in self.lists() if found.rows is not None]
        lists = [found for found in lists if list_id in {None, found.id}]
        if not lists:
            raise JournalError(f"{self.path}: there is no list in it whose input was read completely")
        prepared = [found for found in lists if not found.confirmed]
        return max(prepared, key=lambda found: found.id) if prepared else lists[-1]

    def _hidden(self, lent: Mapping[str, Any], number: int) -> Path:
        """Return the name of a shard that cannot be sent yet: nobody looks for it, and no other run makes the same."""
        return Path(lent["folder"]) / f".{lent['stem']}-{number:04d}.{self.salt[:16]}.part"

    def _make_shard(self, path: Path, list_: RecordedList, rows: list[int], about: dict[str, Any]) -> str:
        """Make the file of a shard, and return the digest of the rows in it."""
        try:
            open_private(path, "xb").close()
            about["shard"]["inode"] = str(path.stat().st_ino)
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                create_tables(connection, SHARD_ID)
            self._connection.execute("ATTACH ? AS shard", (str(path),))
            try:
                digest = self._fill_shard(list_, rows, about)
            finally:
                self._undo()
                self._connection.execute("DETACH shard")
            with path.open("rb+") as file:
                os.fsync(file.fileno())
        except sqlite3.Error as error:
            raise locking.journal_error(path, error) from None
        except OSError as error:
            raise JournalError(f"{path}: cannot be written ({error.strerror}); nothing was sent") from None
        return digest

    def _fill_shard(self, list_: RecordedList, rows: list[int], about: dict[str, Any]) -> str:
        execute = self._connection.execute
        execute("PRAGMA shard.journal_mode = OFF").fetchone()  # it is not in use before it is whole
        execute("PRAGMA shard.synchronous = OFF")
        execute("BEGIN")
        base = list_.id << LIST_SHIFT
        execute(_COPY_INPUT, {**list_.parameters, "base": base, "first": rows[0], "last": rows[-1]})
        execute(_COPY_ENTRIES)
        execute(_COPY_OUTCOMES)
        # Without the files that its results go to: they are for those of all shards.
        facts = {name: value for name, value in list_.facts.items() if name not in RUN_FACTS}
        facts |= {"note": {}, "job": about["job"]}
        values = (list_.id, encode_fact(facts), len(rows))
        execute("INSERT INTO shard.list (id, facts, rows, confirmed) VALUES (?, ?, ?, 1)", values)
        texts = [(name, encode_fact(value)) for name, value in about.items()]
        self._connection.executemany("INSERT INTO shard.facts VALUES (?, ?)", texts)
        sql = """SELECT (SELECT COUNT(*) FROM shard.input), (SELECT COUNT(DISTINCT entry) FROM shard.input),
                (SELECT COUNT(*) FROM shard.entry)"""
        counts = execute(sql).fetchone()
        if set(counts) != {len(rows)}:
            raise JournalError(f"{self.path}: the rows do not add up ({len(rows)} to lend, {counts} in a shard)")
        digest = _digest_of(execute("SELECT entry FROM shard.input ORDER BY id"))
        execute("COMMIT")
        return digest

    def _put_in_place(self, lent: Mapping[str, Any]) -> set[int]:
        """Give shards the names under which they can be sent, and return the numbers of those that are gone."""
        gone, returned = set[int](), frozenset(lent["returned"])
        folder = Path(lent["folder"])
        for number, path in enumerate(shard_paths(lent)):
            if number not in returned and not path.exists():
                try:
                    self._hidden(lent, number).rename(path)
                except (FileNotFoundError, NotADirectoryError):
                    gone.add(number)
                except OSError as error:
                    raise JournalError(f"{path}: cannot be made ({error.strerror})") from None
                self._step(f"in place {number}")
        if os.name == "posix" and folder.is_dir():  # the names are on the disk before a shard is sent
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return gone

    # Taking back.

    def join(self, lent: dict[str, Any], *, take_back: bool, lost: Iterable[str]) -> JoinSummary:
        """Take back what there is; *lent* is kept up to date. The summary counts no rows."""
        assert self.path is not None  # noqa: S101 - for the type checker
        ranges = self._lent_ranges(lent)
        paths = shard_paths(lent)
        gone = self._give_up(lent, paths, ranges, self._put_in_place(lent), frozenset(lost))
        if take_back:
            for path in paths:
                if path.exists() and (process := locking.holder_of(path)) is not None:
                    message = f"{self.path}: its rows are in shards, and {path.name} is being sent (process {process})"
                    raise JournalError(f"{message}; wait for it, or stop it first", busy=True)
        self._connection.execute("PRAGMA temp_store = MEMORY")
        self._connection.executescript(_NEW_TABLES)
        running, refused = 0, dict[str, JournalError]()
        for number in sorted(set(range(lent["shards"])) - gone - set(lent["returned"])):
            try:
                self._join_one(lent, number, paths[number], ranges[number], take_back=take_back)
            except JournalError as error:
                if error.busy and not take_back:
                    running += 1
                else:
                    refused[paths[number].name] = error
        if refused:
            first, *others = [*refused, *(paths[number].name for number in sorted(gone))]
            more = f". Nor could {counted(len(others), 'other')} be read: {_some(others)}" if others else ""
            raise JournalError(f"{refused[first]}{more}", busy=refused[first].busy)
        if gone:
            raise self._gone([paths[number] for number in sorted(gone)])
        stop = StopReason(lent["stop"]) if lent["stop"] else None
        summary = JoinSummary(
            self.path,
            lent["shards"],
            len(lent["returned"]),
            running,
            stop_reason=stop,
            stop_message=lent["stop_message"],
        )
        if summary.is_complete:
            if (folder := Path(lent["folder"])).is_dir():
                for path in paths:  # first: what is forgotten is never removed
                    _remove(path)
                    self._step("removed")
                _remove_token(folder)
            facts = {"ended": time.time(), "stop": lent["stop"], "stop_message": lent["stop_message"], "lent": None,
                     "lent_rows": None}  # fmt: skip
            self.end_run(lent["list"], facts)
            self._step("ended")
        self.check_sum(lent["list"])
        return summary

    def _lent_ranges(self, lent: Mapping[str, Any]) -> list[list[Any]]:
        """Return the first and the last row of each shard, and the digest of its rows, checked.

        Raises:
            JournalError: The journal is damaged.
        """
        ranges: list[list[Any]] = self.facts().get("lent_rows") or []
        try:
            n, returned, folder, stem = (lent[name] for name in ("shards", "returned", "folder", "stem"))
            is_whole = (
                0 < n <= _MOST_SHARDS
                and len(ranges) == n
                and all(type(number) is int and 0 <= number < n for number in returned)
                and len(set(returned)) == len(returned)
                and all(
                    type(first) is int and type(last) is int and 0 <= first <= last and type(digest) is str
                    for first, last, digest in ranges
                )
                and (Path(folder).is_absolute() and Path(stem).name == stem and "\0" not in folder + stem)
                and lent["list"] in [found.id for found in self.lists()]
                and lent["stop"] in {None, *StopReason}
                and lent.keys() >= {"cut", "run", "at", "stop_message"}
            )
        except (TypeError, ValueError, KeyError):
            is_whole = False
        if not is_whole:
            what = f"{self.path}: what it says of its shards is damaged, so nothing was taken back or cut"
            raise JournalError(f"{what}; undo what was changed in this file since they were cut")
        return ranges

    def _gone(self, paths: Sequence[Path]) -> JournalError:
        what = "this shard is gone, and only it knows" if len(paths) == 1 else "these are gone, and only they know"
        return JournalError(
            f"{paths[0].parent}: {_some([path.name for path in paths])}: {what} which rows were sent; move back what "
            f"can be found, but no copy. What is lost for good is given up with: {self._lost(paths[0])}; all that it "
            "may have sent counts as sent without a clear answer"
        )

    def _lost(self, path: Path) -> str:
        return f"airmeet join {quote(str(self.path))} --lost {quote(path.name)}"

    def _give_up(
        self,
        lent: dict[str, Any],
        paths: Sequence[Path],
        ranges: Sequence[Sequence[Any]],
        gone: set[int],
        lost: frozenset[str],
    ) -> set[int]:
        """Go on without the shards called *lost*, and return the numbers of those that are still *gone*."""
        if unknown := lost - {path.name for path in paths}:
            raise ConfigError(
                f"{min(unknown)!r:.80} is no shard of this run: they are called {paths[0].name} and so on"
            )
        numbers = {number for number, path in enumerate(paths) if path.name in lost} - set(lent["returned"])
        if there := numbers - gone:
            path = paths[min(there)]
            raise JournalError(f"{path}: is there, so it is not given up; delete it first if nobody can use it")
        if numbers:
            base, parameters, changed = lent["list"] << LIST_SHIFT, self._list(lent["list"]).parameters, dict(lent)
            with self._transaction():
                for number in sorted(numbers):
                    first, last, _ = ranges[number]
                    values = {**parameters, "first": base + first, "last": base + last}
                    self._connection.execute(_GIVE_UP, {**values, "run": lent["run"], "at": lent["at"]})
                _count_returned(changed, numbers, StopReason.INTERRUPTED.value, "a part of it was lost")
                self._put_facts({"lent": changed})
            lent.update(changed)
            self._step("given up")
        return gone - numbers

    def _join_one(
        self, lent: dict[str, Any], number: int, path: Path, lent_range: Sequence[Any], *, take_back: bool
    ) -> None:
        try:
            shard = _Shard(path)
        except JournalError as error:
            if error.busy:
                raise
            what = f"{str(error).partition('; ')[0]}; nothing of it was taken back"  # the rest advises who sends it
            fix = "Mend that, or put the file back as it was. What is lost for good is deleted and given up with"
            raise JournalError(f"{what}. {fix}: {self._lost(path)}") from None
        with closing(shard):
            facts = shard.facts()
            found = facts.get("shard") or {}
            or_lost = f"or delete this file and give the shard up: {self._lost(path)}"
            if (found.get("cut"), found.get("number"), facts.get("salt")) != (lent["cut"], number, self.salt):
                what = f"{path}: is not the shard that was cut from {self.path}"
                raise JournalError(f"{what}; move that one back, {or_lost}")
            if not is_original(path, found):
                message = f"{path}: is a copy of the shard, which may have sent more than is known here"
                raise JournalError(f"{message}. Move the shard itself back, {or_lost}")
            first, last, digest = lent_range
            shard._recover()
            ended = shard.check_end(lent["list"])
            is_over = ended.get("ended") is not None and ended.get("stop") in _ENDED_BY
            shard.check_lent_rows(digest, all_done=is_over and ended.get("stop") is None)
            base = lent["list"] << LIST_SHIFT
            values = {"first": base + first, "last": base + last, "run": lent["run"]}
            self._load(shard, self._list(lent["list"]).template)
            if (is_over or take_back) and not facts.get("returned"):
                shard.mark_returned()
            self._step(f"returned {number}")
            changed = dict(lent)  # what is not on the disk is not counted: others may be taken back after an error
            if is_over:
                _count_returned(changed, [number], ended.get("stop"), ended.get("stop_message") or "")
            elif take_back:
                message = "its rows were taken back before all of them were sent"
                _count_returned(changed, [number], StopReason.INTERRUPTED.value, message)
            with self._transaction():
                self._connection.execute(_TAKE_OUTCOMES, values)
                self._connection.execute(_TAKE_LEFT_OUT, values)
                self._put_facts({"lent": changed})
            lent.update(changed)
            self._step(f"taken {number}")

    def _load(self, shard: "_Shard", template: CallTemplate | None) -> None:
        """Copy what a shard knows into tables of this connection, checked."""
        execute = self._connection.execute
        with self._transaction():
            for table, rows, marks in (("came", shard.outcomes(), 12), ("left_out", shard.left_out(), 3)):
                execute(f"DELETE FROM temp.{table}")  # noqa: S608 - no values
                sql = f"INSERT INTO temp.{table} VALUES ({', '.join('?' * marks)})"  # noqa: S608
                self._connection.executemany(sql, rows)
            if n := execute(_UNDONE).fetchone()[0]:
                raise shard.error(f"{n} rows were done before, and are not any more")
            for request, key in execute(_REQUESTS):
                try:
                    if template is None:
                        own, payload = decode_request(request)
                        check_payload(payload, own)
                    else:
                        check_payload(request.encode(), template, key)
                except locking.DAMAGE as error:
                    raise shard.error(str(error)) from None


class _Shard(JournalWriter):
    """A shard, as whoever takes it back sees it: what stands in it is checked as it is read."""

    may_be_lent = True

    def __init__(self, path: Path) -> None:
        if not path.exists():
            message = f"{path}: this shard is gone, and only it knows which of its rows were sent; move it back"
            raise JournalError(message)
        super().__init__(path)

    def _error(self, error: Exception) -> JournalError:
        is_of_disk = isinstance(error, sqlite3.OperationalError)  # full, or read-only: the shard itself is whole
        return super()._error(error) if is_of_disk else self.error(str(error) or type(error).__name__)

    def mark_returned(self) -> None:
        """Say that its rows are back, so that nobody sends them any more; nor from a copy that does not know it."""
        self.write_facts({"returned": time.time()})
        self._note_run("returned")

    def error(self, reason: str) -> JournalError:
        what = f"{self.path}: holds what no run has recorded ({reason}), so nothing of it was taken back"
        fix = f"delete it and give it up: airmeet join JOB --lost {quote(self.path.name)}" if self.path else ""
        return JournalError(f"{what}. If nobody can undo that, {fix}")

    def check_end(self, list_id: int) -> Mapping[str, Any]:
        """Return the facts of its list, which say how its last run ended."""
        lists = self.lists()
        if [found.id for found in lists] != [list_id]:
            raise self.error(f"{len(lists)} lists")
        self.check_sum(list_id)
        facts = lists[0].facts
        stop, ended = facts.get("stop"), facts.get("ended")
        if stop is not None and stop not in [reason.value for reason in StopReason]:
            raise self.error("it ended for a reason that is none")
        if type(facts.get("stop_message") or "") is not str or not (ended is None or type(ended) in {int, float}):
            raise self.error("it ended at a time, or with a message, that is none")
        return facts

    def check_lent_rows(self, digest: str, *, all_done: bool) -> None:
        """Check that its rows are those that were lent to it; *all_done*: and that all have a result."""
        foreign, missing = self._query(_NOT_LENT)[0]
        is_same = _digest_of(self._connection.execute("SELECT entry FROM input ORDER BY id")) == digest
        if foreign or not is_same:
            raise JournalError(f"{self.path}: its rows are not those that were lent to it; nothing was taken back")
        if all_done and missing:
            raise self.error(f"it has ended, and {missing} of its rows have no result")

    def outcomes(self) -> Iterator[tuple[Any, ...]]:
        for record in self._rows_of(f"SELECT {OUTCOME_COLUMNS} FROM outcome"):  # noqa: S608 - no values
            _, state, sent, done, unclear, run, touched, http, latency, _, note, _ = record
            is_known = state in _STATES and not (done | unclear) & ~_ALL_WISHES
            is_known = is_known and 0 <= sent < _MANY and 0 <= run < _MANY and (http is None or 0 < http < 1000)
            is_known = is_known and (touched is None or 0 <= touched < LATEST)
            if not is_known or not (latency is None or 0 <= latency < LATEST):
                raise self.error("a result has a value that there is none of")
            if note is not None:
                self._check_note(note)
            yield record

    def left_out(self) -> Iterator[tuple[Any, ...]]:
        for record in self._rows_of("SELECT entry, status, note FROM input WHERE status IS NOT NULL"):
            _, status, note = record
            if status not in {"invalid", "duplicate"} or note is None or self._check_note(note)["error"] is None:
                raise self.error("a row was left out without a reason")
            yield record

    def _rows_of(self, sql: str) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._connection.execute(sql)
        except sqlite3.Error as error:
            raise self.error(str(error)) from None

    def _check_note(self, note: str) -> dict[str, Any]:
        try:
            return decode_note(note)
        except locking.DAMAGE:
            raise self.error("a result says what nobody can read") from None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")


def _count_returned(lent: dict[str, Any], numbers: Iterable[int], stop: str | None, message: str) -> None:
    """Count shards that are back for good; the run has stopped for the reason of the first one that has."""
    lent["returned"] = [*lent["returned"], *sorted(numbers)]
    if lent["stop"] is None:
        lent |= {"stop": stop, "stop_message": message if stop else ""}


def _divide(rows: list[int], shards: int, first: int | None) -> list[list[int]]:
    """Return the rows of each shard: none is empty, and they differ by one row, the first one aside."""
    if first is not None and len(rows) > first and shards > 1:
        return [rows[:first], *_divide(rows[first:], shards - 1, None)]
    n = min(shards, len(rows))
    return [rows[len(rows) * number // n : len(rows) * (number + 1) // n] for number in range(n)]


def _digest_of(entries: sqlite3.Cursor) -> str:
    found = blake2b(digest_size=16)
    while chunk := entries.fetchmany(_AT_ONCE):
        found.update(array("q", (entry for (entry,) in chunk)).tobytes())
    return found.hexdigest()


def _remove_token(folder: Path) -> None:
    """Remove the token that the shards of a folder have shared, unless others are there that use it."""
    if not any(folder.glob("*.job")):
        for path in (folder / TOKEN_FOLDER).glob(f"*{'[0-9a-f]' * 32}.*"):
            path.unlink(missing_ok=True)
        remove_leftovers(folder / TOKEN_FOLDER)
        with suppress(OSError):  # something else is in it, or it was never made
            (folder / TOKEN_FOLDER).rmdir()


def _remove(path: Path) -> None:
    """Remove a shard that is back."""
    lock = locking.JournalLock(path)
    try:
        for ending in ("", *locking.SIDE_FILES):  # the lock last
            path.with_name(path.name + ending).unlink(missing_ok=True)
    finally:
        lock.release()
