"""`JobPreparation`: how a job takes in its input, and how its engine is made.

1. A file, a data frame and any input of a job that is asked for its plan are taken in whole, before the first row is
   sent: into the job's journal, or into one without a name that is gone with the process.
2. A list that is in the journal already, and is read in the same way, is not read again.
3. Other sources without a journal are read while they are sent; those that may have no end with a journal, too, each
   row being recorded as it comes.
4. What is known of the event is asked for once: before the rows of a file or a plan are checked, and for others when
   a row needs it.
5. Who is blocked is looked up for each plan and each start, also of a run that goes on: somebody may have been blocked
   since the list was read.
6. What an event has is looked up in the same way for imports, also of a run that goes on, a retry and a list that is
   sent once more: somebody may have made it on another machine, or deleted it.
7. Before people are mailed of whom nobody knows whether they were, the event's list of participants is asked, once for
   all of them: whom it calls invited is left out. What it does not say stays in doubt.
"""

import asyncio
import math
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence, Sized
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

import anyio.to_thread
from attrs import evolve, frozen

from airmeet_async.bulk.execution.engine import Engine
from airmeet_async.bulk.execution.result_queue import ResultQueue
from airmeet_async.bulk.execution.row_feed import RecordedFeed, RowFeed, SourceFeed
from airmeet_async.bulk.execution.sharded_engine import ShardedEngine
from airmeet_async.bulk.input.columns import ColumnMap, Reading
from airmeet_async.bulk.input.existing_items import ExistingItems
from airmeet_async.bulk.input.operations import BulkOperation, CreateItems
from airmeet_async.bulk.input.plan import BulkPlan, EarlierList, RowFinding, describe_done, make_plan
from airmeet_async.bulk.input.row_mapping import BOOTHS, MAPPINGS, SESSIONS, RowMapping
from airmeet_async.bulk.input.sources import OpenedRows, RowSource
from airmeet_async.bulk.journal import Earlier, Journal, MemoryJournal
from airmeet_async.bulk.journal.cut import cut_journal, join_journal
from airmeet_async.bulk.journal.queries import read_blocked
from airmeet_async.bulk.journal.recorded_rows import is_done, is_in_doubt
from airmeet_async.bulk.journal.row_encoding import encodable
from airmeet_async.bulk.journal.sqlite_journal import SqliteJournal
from airmeet_async.bulk.journal.writer import RecordedList, check_not_lent, is_same_list
from airmeet_async.bulk.options import (
    SENT_EACH_TIME,
    EngineOptions,
    EventJournal,
    JobOptions,
    ShardPace,
    ShardRunner,
    check_in_shards,
    run_rate,
)
from airmeet_async.bulk.report import EXISTS, RowError, RowWarning
from airmeet_async.bulk.row import Row
from airmeet_async.bulk.run_to_completion import run_to_completion
from airmeet_async.client.client import Client
from airmeet_async.client.rate_limiter import Pace
from airmeet_async.client.telemetry import RunTelemetry
from airmeet_async.client.token_store import account_name
from airmeet_async.errors import AirmeetError, ConfigError, JournalError
from airmeet_async.protocol.base_urls import name_loopback
from airmeet_async.protocol.models import NewSession, Participant
from airmeet_async.protocol.validation import RegistrationFields, fold
from airmeet_async.tables import Table
from airmeet_async.version import __version__

_KEPT_ROWS = 5000  # of a list that was just recorded: they need not be read back; more would cost memory
_ROWS_AT_ONCE = 1000  # that are prepared and recorded in one step of the journal's thread
_PATIENCE = 15.0  # seconds for what a plan would like to know, and a run does not need
_FRESH = 60.0  # seconds for which what the event has need not be asked for again
_FOREIGN_ROWS_AT_ONCE = 64  # of these, in one step of the event loop

# By these a list is known again.
_WHAT_A_LIST_IS = ("name", "options", "source")

_NOT_READ = "its input was not read completely; run it again with the input. Nothing was sent"
_NOT_STARTED = (
    "its list was prepared and never started, so nothing was sent, and whoever prepared it may have said no. To start "
    "it, make the same call again with this journal (such as bulk.add_attendees)"
)

_MEANINGS = {"operation": "does", "airmeet_id": "is for event", "base": "is for"}


@frozen
class RunIdentity:
    """What a run does, to which event, where: a journal is about one of these.

    Attributes:
        operation: Such as ``attendees.add``.
        airmeet_id: The event, or nothing.
        base: The address.
        options: What changes the meaning of a row; lists of one journal may differ in these.
    """

    operation: str
    airmeet_id: str
    base: str
    options: dict[str, Any]


@frozen
class LoadedInput:
    """An opened input, and what is made of its rows.

    Attributes:
        rows: The input.
        operation: Makes a call of each row.
        reading: How its columns are found; None where what is made of a row is not known, as with a caller's function.
        columns: Which column of a file is what.
    """

    rows: OpenedRows
    operation: BulkOperation
    reading: Reading | None = None
    columns: ColumnMap | None = None

    def fingerprint(self) -> dict[str, Any] | None:
        """Return what tells this input, read in this way, from others; None where nothing does."""
        rows, reading = self.rows, self.reading
        if reading is None or not (isinstance(rows, Table) and rows.is_file):
            return None
        ways: dict[str, Any] = {
            "columns": dict(reading.overrides), "preset": reading.preset, "split_name": reading.split_name,
            "limit": rows.limit,
        }  # fmt: skip
        event, custom = self.operation.event_fields, self.columns.custom if self.columns else ()
        fields = [str(one) for one in (event.fields if custom else event.required)] if event else []
        if event and event.is_hybrid is not None:
            ways["is_hybrid"] = str(event.is_hybrid)
        return {
            "sha256": rows.digest,
            "reading": {**rows.reading, **{name: way for name, way in ways.items() if way}},
            "header": list(rows.columns),
            "fields": fields,
            "version": __version__,
        }


async def fetch_existing(client: Client, mapping: RowMapping, airmeet_id: str) -> ExistingItems:
    """Ask an event for what it has of what a mapping makes."""
    info = await client.airmeets.info(airmeet_id)
    is_booth = mapping is BOOTHS
    return ExistingItems(
        people=None if is_booth else [person async for person in client.participants.list(airmeet_id)],
        sessions=info.sessions if mapping is SESSIONS else (),
        booths=await client.booths.list(airmeet_id) if is_booth else (),
        is_hybrid=info.event_sub_type == "HYBRID_CONFERENCE",
    )


class JobPreparation:
    """Takes in the input of a job.

    Args:
        client: Sends the rows; None where there is only to be a plan.
        load: Opens the input; None goes on with what is in the journal.
        identity: What the run does; None where the journal says it.
        given: The caller's options.
        options: The same, checked.
        again: Rows that ended, and are to be sent once more.

    Attributes:
        input: What has been taken in, or None.
        job: The run's name. Where there is a journal, it is certain once a plan was made or the run has started: a list
            that is recorded there keeps the name that it has.
        progress: Called with the number of rows that have been taken in, now and then.
    """

    def __init__(
        self,
        client: Client | None,
        load: Callable[[], Awaitable[LoadedInput]] | None,
        identity: RunIdentity | None,
        given: JobOptions,
        options: EngineOptions,
        *,
        again: frozenset[str] = frozenset(),
    ) -> None:
        self._client = client
        self._load = load
        self._identity = identity
        self._given = given
        self._options = options
        self._again = again
        journal = given.get("journal")
        self._file = journal if isinstance(journal, EventJournal) or journal is None else EventJournal(Path(journal))
        self.job: str = secrets.token_hex(4)
        self.progress: Callable[[int], None] = lambda _: None
        # What has been taken in: the input, its number in the journal, and a journal without a name, which stays open.
        self.input: LoadedInput | None = None
        self._list = 0
        self._created = 0.0  # when that list was recorded: its number may be another's by now
        self._nameless: SqliteJournal | None = None
        self._counts = Counter[str]()
        self._recorded_ignored: Sequence[str] = ()  # of a list that is not read again
        # The rows of a short list as they were recorded, and how many runs its journal had seen then.
        self._kept: list[Row] | None = None
        self._kept_after = 0
        self._is_own_list = False  # it was made here, so it need not be checked
        self._existing: ExistingItems | None = None
        self._existing_since = 0.0  # by the clock of the event loop
        self._missing = 0  # rows that are done, and that the event does not have any more
        self._found_done = self._found_existing = self._found_mailed = self._found_not_mailed = 0  # see `BulkPlan`
        self._said_mailed = 0  # rows of a result file that calls these people mailed
        self._participants: Sequence[Participant] = ()
        self._participants_since = -math.inf  # by the clock of the event loop

    @property
    def has_journal(self) -> bool:
        return self._file is not None

    @property
    def _sender(self) -> Client:
        assert self._client is not None  # noqa: S101 - for the type checker
        return self._client

    async def plan(self, found: Callable[[RowFinding], object] | None = None) -> BulkPlan:
        """Take in the whole input, and say what a run would do; nothing is sent.

        The journal is closed again; one without a name stays open for the run.

        Args:
            found: Called with each finding, in the order of the rows, in the journal's thread.

        Raises:
            ConfigError: The input can be read only once.
        """
        journal = self._nameless or await self._open_journal()
        try:
            if self._load is None:
                await self._fetch_existing(journal)
                await self._ask_who_was_mailed(journal, await journal.call(self._recorded_list, journal))
                plan = await journal.call(self._plan_to_go_on, journal, found)
            else:
                loaded = self.input = self.input or await self._load()
                _check_readable_twice(loaded.rows)
                await self._fetch_existing(journal)
                fields_error = await self._ask_event(loaded)
                if not self._list:
                    self._list = await self._record_list(journal, loaded)
                plan = await journal.call(self._make_plan, journal, loaded.operation.event_fields, found)
                plan = evolve(plan, fields_error=fields_error, missing=min(self._missing, plan.done_before))
        except BaseException:
            await run_to_completion(journal.close({}))
            self._nameless = None
            raise
        if journal.path is None:
            self._nameless = journal
        else:
            await run_to_completion(journal.close({}))
        return plan

    def _plan_to_go_on(self, journal: SqliteJournal, found: Callable[[RowFinding], object] | None) -> BulkPlan:
        """Say what there is left to do of a list, or what would be sent once more of it."""
        list_ = self._recorded_list(journal)
        self.job = list_.facts.get("job") or journal.facts.get("job") or self.job
        journal.writer.check_rows(list_.id)
        self._mark(journal, list_.id)
        options, accept_stale = list_.facts.get("options") or {}, self._given.get("accept_stale", False)
        may_mail_twice = options.get("invites") == "at_least_once"
        if self._again:
            counts = journal.writer.count_ended(
                list_.id, self._again, accept_stale=accept_stale, may_mail_twice=may_mail_twice
            )
        else:
            counts = journal.writer.count_for_plan(list_.id, accept_stale=accept_stale, may_mail_twice=may_mail_twice)
        source, is_hybrid = str(list_.facts.get("name") or ""), list_.facts.get("is_hybrid")
        plan = make_plan(
            counts,
            journal.writer.noted_rows(list_.id, reopened=self._again, accept_stale=accept_stale),
            found=found,
            airmeet_id=str(journal.facts.get("airmeet_id") or ""),
            invite=options.get("sendEmailInvite", False),
            done=describe_done(str(journal.facts.get("operation")), options, is_hybrid=is_hybrid),
            previous=_earlier_list(list_),
            may_mail_twice=may_mail_twice,
        )
        plan = evolve(plan, source=source, is_hybrid=is_hybrid, missing=min(self._missing, plan.done_before))
        if not self._again:  # rows that are found are counted with the others
            return plan
        return evolve(
            plan,
            found_done=self._found_done,
            found_existing=self._found_existing,
            found_mailed=self._found_mailed,
            found_not_mailed=self._found_not_mailed,
        )

    async def _ask_event(self, loaded: LoadedInput) -> Exception | None:
        """Ask the event what it wants of each row, before the rows are checked; return why that was not possible."""
        try:
            async with asyncio.timeout(_PATIENCE):
                await loaded.operation.fetch_event()
        except (AirmeetError, TimeoutError) as error:  # rows that cannot do without ask once more
            return error
        return None

    def _make_plan(
        self, journal: SqliteJournal, fields: RegistrationFields | None, found: Callable[[RowFinding], object] | None
    ) -> BulkPlan:
        assert self.input is not None and self._identity is not None  # noqa: S101, PT018 - for the type checker
        if not self._is_own_list:
            journal.writer.check_rows(self._list)
        self._mark(journal, self._list)
        options, rate = self._identity.options, self._given.get("rate")
        again, accept_stale = self._sends_all(journal, self._list), self._given.get("accept_stale", False)
        may_mail_twice = options.get("invites") == "at_least_once"
        gone, before, others = journal.writer.compare_lists(self._list)
        counts = journal.writer.count_for_plan(
            self._list,
            again=again,
            accept_stale=accept_stale,
            may_mail_twice=may_mail_twice,
        )
        if again:  # known from the file alone
            counts["again"] += self._said_mailed
            counts["second_invitations"] += self._said_mailed
        if isinstance(self.input.rows, Table) and self.input.rows.limit is not None:
            gone = 0  # who is not in the part that was read may be in the rest
        counts |= {"gone": gone, "not_coming_before": journal.writer.count_not_attending(self._list)}
        return make_plan(
            counts,
            journal.writer.noted_rows(self._list, again=again, accept_stale=accept_stale),
            table=self.input.rows if isinstance(self.input.rows, Table) else None,
            columns=self.input.columns,
            ignored=self.ignored_columns,
            event_fields=fields,
            found=found,
            airmeet_id=self._identity.airmeet_id,
            invite=options.get("sendEmailInvite", False),
            done=describe_done(self._identity.operation, options, is_hybrid=fields.is_hybrid if fields else None),
            rate=rate if isinstance(rate, (int, float)) else None,
            previous=None if before is None else _earlier_list(before),
            done_by=[_earlier_list(found, n) for found, n in reversed(others)],
            may_mail_twice=may_mail_twice,
        )

    @property
    def ignored_columns(self) -> tuple[str, ...]:
        """Columns of the input, or keys of its mappings, that are used for nothing."""
        return tuple(self._recorded_ignored if self.input is None else self.input.operation.ignored)

    async def close(self) -> None:
        """Remove what was prepared and will not be sent: its list, and a journal that has nothing else."""
        number, self._list = self._list, 0
        if self._nameless is not None:
            await run_to_completion(self._nameless.close({}))
            self._nameless = None
        elif number:
            journal = await self._open_journal()
            try:
                unconfirmed = [found.id for found in await journal.call(journal.writer.lists) if not found.confirmed]
                if number in unconfirmed:
                    await journal.call(journal.writer.drop_list, number)
            finally:
                await run_to_completion(journal.close({}))

    def _recorded_list(self, journal: SqliteJournal) -> RecordedList:
        """Return the list that is gone on with."""
        wanted = self._file.list_job if self._file is not None else None
        whole = [found for found in journal.writer.lists() if found.rows is not None]
        lists = [found for found in whole if found.confirmed and wanted in {None, found.facts.get("job")}]
        if not lists:
            raise JournalError(f"{journal.path}: {_NOT_STARTED if whole else _NOT_READ}")
        return lists[-1]

    async def _fetch_existing(self, journal: SqliteJournal) -> None:
        """Ask the event for what it has, where a run makes something of that kind; once for a plan and its start."""
        mapping = MAPPINGS.get(str(journal.facts.get("operation")))
        now = asyncio.get_running_loop().time()
        if mapping is None or (self._existing is not None and now - self._existing_since < _FRESH):
            return
        self._existing = await fetch_existing(self._sender, mapping, str(journal.facts["airmeet_id"]))
        self._existing_since = now
        if self.input is not None and isinstance(self.input.operation, CreateItems):
            self.input.operation.existing, self.input.operation.leaves_out_existing = self._existing, False

    async def _ask_who_was_mailed(self, journal: SqliteJournal, list_: RecordedList) -> None:
        """Record who was mailed, by the event's list of participants, where a run mails those who are in doubt."""
        writer, now = journal.writer, asyncio.get_running_loop().time()
        if "invites" not in self._again or not await journal.call(writer.count_doubtful_mails, list_.id):
            return
        if now - self._participants_since > _FRESH:
            try:
                event = str(journal.facts["airmeet_id"])
                self._participants = [person async for person in self._sender.participants.list(event)]
            except AirmeetError:
                return
            self._participants_since = now
        said = {True: set[str](), False: set[str](), None: set[str]()}
        for person in self._participants:
            said[person.invite_sent].add(encodable(fold(person.email)))
        mailed = writer.hash_identities(list(said[True]))
        not_mailed = writer.hash_identities(list(said[False] - said[True] - said[None]))  # one may be in it twice
        self._found_mailed += await journal.call(writer.record_mailed, list_.id, mailed)
        self._found_not_mailed = await journal.call(writer.count_doubtful_mails, list_.id, not_mailed)

    def _mark(self, journal: SqliteJournal, number: int) -> None:
        """Leave out who was blocked, and what the event has already; it runs in the journal's thread."""
        self._mark_blocked(journal, number)
        self._mark_mailed(journal, number)
        existing, writer = self._existing, journal.writer
        if existing is None:
            return
        mapping = MAPPINGS[journal.facts["operation"]]
        hashes = writer.hash_identities([encodable(one) for one in existing.identities])
        list_ = next(found for found in writer.lists() if found.id == number)
        timezone = (list_.facts.get("options") or {}).get("timezone")

        def describe(_: int, data: Any) -> RowError:
            try:
                there = existing.find(mapping.read(data, timezone))
            except Exception:  # noqa: BLE001 - the caller's own objects may not be read back from their text
                there = None
            return there or RowError(EXISTS, "the event has this already, so it is not made again")

        def missing_speakers(data: Any) -> Iterable[RowWarning]:
            item = mapping.read(data, timezone)
            return existing.speaker_warnings(item) if isinstance(item, NewSession) else ()

        *found, changed = writer.mark_existing(number, hashes, describe)
        self._found_done, self._found_existing = found
        if mapping is SESSIONS:  # a speaker may have been added or removed since the list was read
            changed = writer.renew_warnings(number, "unknown_speaker", missing_speakers) or changed
        self._missing = writer.count_missing(number, hashes)
        if self._sends_all(journal, number):
            changed = writer.mark_existing(number, hashes, describe, also_done=True)[-1] or changed
        if changed:
            self._kept = None

    def _mark_blocked(self, journal: SqliteJournal, number: int) -> None:
        """Leave out who was blocked from the event; it runs in the journal's thread."""
        file, writer = self._file, journal.writer
        if file is not None and file.block is not None and file.unblock is not None:
            blocked = read_blocked(file.block, file.unblock, writer.salt, writer.hash_identities)
            if writer.mark_blocked(number, blocked):
                self._kept = None

    def _mark_mailed(self, journal: SqliteJournal, number: int) -> None:
        """Leave out whom a result file calls mailed, though no run of this journal has; none where all are sent."""
        list_ = next(found for found in journal.writer.lists() if found.id == number)
        if "airmeet_invite" not in (list_.facts.get("columns") or ()) or self._again:
            return
        is_repeated = self._sends_all(journal, number) or bool(list_.facts.get("again"))
        event = str(journal.facts["airmeet_id"])
        self._said_mailed, is_changed = journal.writer.mark_mailed(number, event, are_left_out=not is_repeated)
        if is_changed:
            self._kept = None

    def _sends_all(self, journal: SqliteJournal, number: int) -> bool:
        """Whether all rows are to be sent, whatever was done: not where a run that did so was stopped, and goes on."""
        if self._load is None:
            return False
        if journal.facts.get("operation") in SENT_EACH_TIME:
            return True
        return self._given.get("again", False) and not journal.writer.count_to_repeat(number)

    async def cut(self, folder: Path, shards: int, workers: int | None) -> list[Path]:
        """Put the rows into shards, instead of sending them."""
        if self._file is None or self._file.is_copied or self._again:
            raise ConfigError("only rows of a journal can be put into shards; what has ended is sent again without")
        check_in_shards(self._given, is_cut=True)
        pace = ShardPace.of_run(self._given, self._options, self._sender.pace.ceiling, workers)
        if self._list == 0 and self._load is not None:
            await self.plan()  # an input that can be read only once is refused
        journal = await self._open_journal()
        try:
            await journal.call(journal.writer.begin_run)
            list_ = await self._begin_list(journal)
        finally:
            await run_to_completion(journal.close({}))
        cut = partial(cut_journal, self._file.path, folder, shards, list_id=list_.id, pace=pace)
        return await anyio.to_thread.run_sync(cut)

    @property
    def runner(self) -> ShardRunner | None:
        """Who sends the rows in shards, or None."""
        return self._given.get("on")

    async def start(self, results: ResultQueue) -> Engine | ShardedEngine:
        """Return the engine of the job; its journal is open, except where its rows are sent in shards."""
        runner = self.runner
        if runner is not None and (self._file is None or self._file.is_copied):
            raise ConfigError("on= needs journal=, the file that the rows are in until they are put into shards")
        if runner is not None and self._again:
            raise ConfigError("what has ended is sent once more by this process, without on=")
        if self._load is not None and self.input is None:
            self.input = await self._load()
        loaded = self.input
        _check_again(self._given, loaded, self._identity)
        is_whole = loaded is None or isinstance(loaded.rows, Table) or self._nameless is not None
        if self._file is None and not is_whole and loaded is not None:
            return self._engine(
                SourceFeed(RowSource(loaded.rows, self._options.grace), loaded.operation), MemoryJournal(), results
            )
        journal, self._nameless = self._nameless or await self._open_journal(), None
        try:
            await journal.call(journal.writer.begin_run)
            if runner is not None and loaded is not None:
                _check_readable_twice(loaded.rows)
            if loaded is not None and not isinstance(loaded.rows, (Table, Sized)):  # it may have no end
                return await self._start_arriving(journal, loaded, results)
            found = await self._begin_list(journal)
            count = journal.writer.count_settled
            known = await journal.call(count, found.id, only_reopened=bool(self._again))
            if runner is not None:
                assert self._file is not None  # noqa: S101 - for the type checker; looked at above
                await run_to_completion(journal.close({}))
                account = self._sender.options
                return ShardedEngine(
                    self._file.path,
                    found.id,
                    found.rows or 0,
                    journal=journal,
                    known=known,
                    results=results,
                    runner=runner,
                    options=self._options,
                    pace=ShardPace.of_run(self._given, self._options, self._sender.pace.ceiling),
                    base=str(account.base),
                    keys=account_name("", account.access_key, account.secret_key),
                    telemetry=self._telemetry(journal),
                )
            is_as_recorded = journal.facts.get("run", 0) == self._kept_after
            feed = RecordedFeed(
                journal,
                found.id,
                found.rows or 0,
                kept=self._kept if is_as_recorded else None,
                originals=loaded.rows if loaded is not None and isinstance(loaded.rows, Sequence) else (),
                accept_stale=self._given.get("accept_stale", False),
                only_reopened=bool(self._again),
                known=known,
            )
            invites = found.facts.get("options", {}).get("invites", self._options.invites)
            client = self._sender.pace
            given, options = ShardPace.of_shard(journal.facts).of_each(
                self._given,
                evolve(self._options, invites=invites),
                client.ceiling,
                is_fleet=client.permits.is_shared,
            )
            journal.send_list(found.id, found.template, options, sort=feed.sort, more=feed.refill)
            return self._engine(feed, journal, results, given, options)
        except BaseException:
            await run_to_completion(journal.close({}))
            raise

    async def _begin_list(self, journal: SqliteJournal) -> RecordedList:
        """Return the list that is sent, ready to be sent; read it now where that was not done."""
        loaded = self.input
        await self._fetch_existing(journal)
        lists = {found.id: found for found in await journal.call(journal.writer.lists)}
        prepared = lists.get(self._list)
        if loaded is not None and (prepared is None or prepared.facts.get("created") != self._created):
            # It was not prepared; or another process was quicker with the same list, or has removed the file.
            if isinstance(loaded.rows, Table):
                await self._ask_event(loaded)
            self._list = await self._record_list(journal, loaded)
            lists = {found.id: found for found in await journal.call(journal.writer.lists)}
        found = lists[self._list] if self._list else await journal.call(self._recorded_list, journal)
        self._recorded_ignored = found.facts.get("ignored", ())
        await journal.call(journal.writer.confirm_list, found.id)
        if loaded is not None and (note := self._given.get("note")):  # not before: a declined run changes nothing
            await journal.call(journal.writer.update_list, found.id, {"note": dict(note)})
        await journal.call(self._mark, journal, found.id)
        await self._ask_who_was_mailed(journal, found)
        if await journal.call(self._sends_all, journal, found.id):
            await journal.call(journal.writer.repeat_all, found.id)
            self._kept = None
        elif found.facts.get("again"):
            self._kept = None  # these do not know that they are sent once more
        if self._again:
            accept_stale = self._given.get("accept_stale", False)
            await journal.call(journal.writer.reopen, found.id, self._again, accept_stale=accept_stale)
            self._kept = None
        if not self._is_own_list:
            await journal.call(journal.writer.check_rows, found.id)
        journal.facts["rows"] = found.rows
        self.job = journal.facts["job"] = found.facts.get("job") or journal.facts.get("job") or self.job
        journal.earlier = await journal.call(self._earlier, journal, found.id)
        return found

    async def _start_arriving(self, journal: SqliteJournal, loaded: LoadedInput, results: ResultQueue) -> Engine:
        """Begin a list that has no end yet: it counts from its first row, and takes the place of others at its end."""
        self.job = journal.facts.get("job") or self.job
        facts = self._list_facts(loaded)
        is_sent_each_time = journal.facts.get("operation") in SENT_EACH_TIME
        before = [one.id for one in await journal.call(journal.writer.lists) if is_same_list(one.facts, facts)]
        if before:  # what is in this list is not known yet, but what was done of it the last time
            journal.earlier = await journal.call(self._earlier, journal, before[-1])
        number = await journal.call(journal.writer.begin_list, facts, repeats_all=is_sent_each_time)
        feed = SourceFeed(
            RowSource(loaded.rows, self._options.grace),
            loaded.operation,
            recorded=True,
            accept_stale=self._given.get("accept_stale", False),
        )
        journal.send_list(
            number, loaded.operation.template, self._options, sort=feed.sort, more=feed.refill, is_arriving=True
        )
        return self._engine(feed, journal, results)

    def _engine(
        self,
        feed: RowFeed,
        journal: Journal,
        results: ResultQueue,
        given: JobOptions | None = None,
        options: EngineOptions | None = None,
    ) -> Engine:
        client, given, options = self._sender, given or self._given, options or self._options
        is_fleet, has_ceiling = client.pace.permits.is_shared, client.pace.ceiling is not None
        is_shared, is_learned = is_fleet and has_ceiling, is_fleet and not has_ceiling
        last_good = journal.facts.get("rate")
        rate = run_rate(given, client.pace.rate, last_good, is_shared=is_shared, is_learned=is_learned)
        pace = Pace(rate, options.max_in_flight, parent=client.pace)
        telemetry = self._telemetry(journal)
        return Engine(client, feed, pace=pace, results=results, journal=journal, options=options, telemetry=telemetry)

    def _telemetry(self, journal: Journal) -> RunTelemetry:
        facts, identity = journal.facts, self._identity
        return RunTelemetry(
            self._sender.telemetry,
            *self._sender.listeners,
            self._given.get("on_event"),
            operation=str(facts.get("operation") or (identity.operation if identity else "custom")),
            airmeet_id=str(facts.get("airmeet_id") or (identity.airmeet_id if identity else "")),
        )

    # The journal.

    async def _open_journal(self) -> SqliteJournal:
        """Open the journal.

        Raises:
            JournalError: It cannot be used, a run has it, or it belongs to another run.
        """
        file, identity = self._file, self._identity
        path = None if file is None else file.path
        if path is not None and not path.name:
            raise JournalError(f"{str(path)!r} is not a file name; use one such as launch.job")
        if path is not None and identity is None and not await anyio.to_thread.run_sync(path.exists):
            raise JournalError(f"{path}: there is no such run; check the path")
        if file is not None and file.is_copied:
            is_there = await anyio.to_thread.run_sync(file.path.exists)
            journal = SqliteJournal(None, copy_of=file.path if is_there else None, salt=file.salt)
        else:
            journal = SqliteJournal(path, salt=None if file is None else file.salt)
        await journal.open()
        try:
            facts = await journal.call(journal.writer.facts)
            if file is not None:
                self._check_shard(file, facts)
            is_lent = bool(facts.get("lent")) and identity is None and not self._again and path is not None
            if file is not None and file.is_copied:  # only to be planned, which is no matter of where its rows are
                is_lent = False
            elif not is_lent:
                check_not_lent(path, facts)
            base = identity.base if identity is not None else str(self._sender.options.base)
            mine = {"base": base}
            if identity is not None:
                mine |= {"operation": identity.operation, "airmeet_id": identity.airmeet_id}
            if "operation" in facts or identity is None:
                _check_about(path, facts, mine)
            else:
                facts |= {**mine, "created": time.time(), "job": self.job}
                await journal.call(journal.writer.write_facts, facts)
            journal.facts = facts
        except BaseException:
            await run_to_completion(journal.close({}))
            raise
        if is_lent:
            await run_to_completion(journal.close({}))
            await anyio.to_thread.run_sync(partial(join_journal, Path(str(path)), take_back=True))
            return await self._open_journal()
        return journal

    def _check_shard(self, file: EventJournal, facts: Mapping[str, Any]) -> None:
        """Refuse what is no shard where one is wanted, and a shard where a run is."""
        if file.is_shard and not facts.get("shard"):
            raise JournalError(f"{file.path}: is no shard; give one of the paths that cut has returned")
        if facts.get("shard") and self._identity is not None:
            raise JournalError(f"{file.path}: is a part of another run, and takes no rows; choose another path")
        if self._again and facts.get("shard"):  # what was never sent would count as ended
            message = f"{file.path}: is a shard, of which no rows can be chosen; nothing was sent"
            what_is_left = f"airmeet resume {quote(str(file.path))} sends what is left of it"
            raise JournalError(f"{message}. {what_is_left}; once airmeet join has it back, retry the whole run")

    def _list_facts(self, loaded: LoadedInput) -> dict[str, Any]:
        assert self._identity is not None  # noqa: S101 - for the type checker; an input has one
        rows = loaded.rows
        note = self._given.get("note")
        return {
            "name": rows.name if isinstance(rows, Table) and rows.is_file else "",
            "options": self._identity.options,
            "template": loaded.operation.template,
            "source": None,
            "columns": [],
            "note": dict(note) if note is not None else {},
            "created": time.time(),
            "job": self.job,
        }

    async def _record_list(self, journal: SqliteJournal, loaded: LoadedInput) -> int:
        """Read an input whole into the journal, and return its number; one that is there already is not read again."""
        rows, writer = loaded.rows, journal.writer
        if isinstance(rows, Iterable) and not isinstance(rows, (Table, Sequence)):
            rows = list(rows)
            self.input = evolve(loaded, rows=rows)
        facts = self._list_facts(loaded)
        facts["source"] = await anyio.to_thread.run_sync(loaded.fingerprint)
        lists = await journal.call(writer.lists)
        for found in lists:
            if is_same_list(found.facts, facts):
                facts["job"] = found.facts.get("job") or facts["job"]
                facts["again"] = found.facts.get("again", False)
            if found.facts.get("name") == facts["name"]:
                _check_timezone(journal.path, found.facts, facts)
        if not lists:
            facts["job"] = journal.facts.get("job") or facts["job"]
        if facts["source"] is not None:
            for found in reversed(lists):
                if found.rows is not None and all(found.facts.get(name) == facts[name] for name in _WHAT_A_LIST_IS):
                    self._is_own_list = False
                    self._created = found.facts["created"]
                    self.job = found.facts.get("job") or facts["job"]
                    return found.id
        self._created, self.job = facts["created"], facts["job"]
        number = await journal.call(writer.begin_list, facts)
        operation, first = loaded.operation, 0
        fresh_from = writer.next_entry
        counts = self._counts = Counter[str]()
        kept: list[Row] | None = []

        def record(made: Sequence[Row]) -> None:
            nonlocal kept
            writer.add(number, made)
            kept = [*kept, *made] if kept is not None and len(kept) + len(made) <= _KEPT_ROWS else None
            for row in made:
                if row.error is None:
                    done = row.earlier is not None and is_done(row, row.earlier)
                    counts["new" if row.entry >= fresh_from else "same" if not row.changed else
                           "changed" if done else "held_back" if is_in_doubt(row) else "updated"] += 1  # fmt: skip

        def prepare_and_record(*part: Any) -> int:
            made = operation.prepare_rows(*part)
            if made:
                record(made)
            return len(made)

        chunks = _chunks_of(rows, _FOREIGN_ROWS_AT_ONCE if operation.is_foreign else _ROWS_AT_ONCE)
        while (chunk := await journal.call(next, chunks, None)) is not None:
            data, lines = chunk
            done = 0
            while done < len(data):
                part = data[done:], None if lines is None else lines[done:], first + done
                if operation.is_foreign:  # the caller's functions expect the thread of the event loop
                    made = operation.prepare_rows(*part)
                    await journal.call(record, made)
                    done += len(made)
                else:
                    done += await journal.call(prepare_and_record, *part)
                if done < len(data):
                    await operation.fetch()
            first += len(data)
            self.progress(first)
        columns = {"columns": list(rows.columns)} if isinstance(rows, Table) else {}
        event = operation.event_fields
        await journal.call(
            writer.end_list,
            number,
            **columns,
            ignored=list(operation.ignored),
            is_hybrid=None if event is None else event.is_hybrid,
        )
        self._kept, self._kept_after, self._is_own_list = kept, journal.facts.get("run", 0), True
        return number

    def _earlier(self, journal: SqliteJournal, number: int) -> Earlier | None:
        """Return what earlier runs have done of a list; it runs in the journal's thread."""
        counts = self._counts
        done, unclear = journal.writer.count_done(number)
        if not journal.writer.has_outcomes:
            return None
        names = ("changed", "updated", "held_back", "new")
        return Earlier(done, unclear, **{name: counts[name] for name in names})


def _earlier_list(found: RecordedList, done: int = 0) -> EarlierList:
    return EarlierList(str(found.facts.get("name") or ""), float(found.facts.get("created") or 0.0), done)


def _check_readable_twice(rows: OpenedRows) -> None:
    if isinstance(rows, AsyncIterable) or not isinstance(rows, (Table, Sized)):
        raise ConfigError("a plan reads all rows, and an iterator can be read only once; pass a list or a file")


def _check_again(given: JobOptions, loaded: LoadedInput | None, identity: RunIdentity | None) -> None:
    """Refuse to send an input once more that is not known as a whole: a run that was stopped could not go on."""
    is_whole = loaded is None or isinstance(loaded.rows, (Table, Sized))
    is_sent_anyway = given.get("journal") is None or (identity is not None and identity.operation in SENT_EACH_TIME)
    if given.get("again", False) and not is_whole and not is_sent_anyway:
        raise ConfigError(
            "again=True with a journal needs all rows at once, and an iterator gives one at a time: after a stop "
            "nobody would know who was sent once more. Pass a list or a file (nothing was sent)"
        )


def _check_timezone(path: Path | None, known: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Refuse another zone for the times of a list: each of its sessions would be another one, and made once more."""
    before, now = known.get("options", {}).get("timezone"), facts["options"].get("timezone")
    if before != now:
        what = f"{path}: this run was started with timezone={before or 'none'}, not {now or 'none'}"
        raise JournalError(f"{what}; use the same again, or start another run with a new file")


def _check_about(path: Path | None, facts: Mapping[str, Any], mine: Mapping[str, str]) -> None:
    """Check that a journal is about the same operation, event and address."""
    if "operation" not in facts:
        raise JournalError(f"{path}: {_NOT_READ}")
    for name, value in mine.items():
        if facts[name] != value and not (name == "base" and name_loopback(str(facts[name])) == name_loopback(value)):
            what = f"{path}: this run {_MEANINGS[name]} {facts[name] or 'none'}, not {value or 'none'}"
            same = f"set AIRMEET_URI={facts[name]}" if name == "base" and facts[name] else "use the same again"
            raise JournalError(f"{what}; {same}, or start another run with a new file")


def _chunks_of(rows: OpenedRows, size: int) -> Iterator[tuple[Sequence[Any], Sequence[int | None] | None]]:
    """Yield the rows of an input that has an end, and their lines."""
    if isinstance(rows, Table):
        yield from rows.chunks(size)
        return
    assert isinstance(rows, Sequence)  # noqa: S101 - for the type checker
    for start in range(0, len(rows), size):
        yield rows[start : start + size], None
