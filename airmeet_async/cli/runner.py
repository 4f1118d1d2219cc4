"""A bulk run, from the settings to the summary. All bulk commands, ``airmeet resume`` and ``airmeet demo`` go this way.

General layout: `Errand` is what was typed, `Work` what is to be done; `carry_out` finds the journal, opens the result
files, runs the job, and returns the `Outcome`.
"""

import asyncio
import logging
import os
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import anyio
from attrs import evolve, field, frozen

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal import Earlier
from airmeet_async.bulk.journal.queries import count_stale_rows, read_summary
from airmeet_async.bulk.options import JobOptions
from airmeet_async.bulk.report import BulkReport, StopReason
from airmeet_async.bulk.table_cells import counted
from airmeet_async.cli.console import Voice
from airmeet_async.cli.environment import Settings
from airmeet_async.cli.exit_codes import Exit, TerminatedError, code_of, leaf, sentence_of
from airmeet_async.cli.output.html_report import ReportFile, ReportPage, RunHistory
from airmeet_async.cli.output.progress import Progress, choose
from airmeet_async.cli.output.results_csv import ResultFiles, near
from airmeet_async.cli.output.summary import Wording, Written, since_done, summary
from airmeet_async.cli.run_control import Control, listening
from airmeet_async.cli.run_store import Found, Purpose, find
from airmeet_async.cli.signals import Stopper, arriving
from airmeet_async.errors import BulkStoppedError, ConfigError, JournalError

_DAMAGED = ("malformed", "not a journal", "not a database", "no such table")


def note_of(errand: "Errand", source: str, results: Path | None, failed: Path | None, name: str = "") -> dict[str, Any]:
    """Return what ``airmeet runs`` shows and ``airmeet resume`` needs; *name* is of what is no lasting file."""
    from airmeet_async import __version__

    return {
        "command": errand.command,
        "file": name or source,
        "path": None if name else _absolute(source),
        "results": _absolute(results),
        "failed": _absolute(failed),
        "version": __version__,
        "rate": errand.rate,
        "concurrency": errand.concurrency,
        "max_failures": errand.max_failures,
    }


def _absolute(path: str | Path | None) -> str | None:
    return os.path.abspath(path) if path else None  # noqa: PTH100 - resolves no link, and never fails


def resuming(earlier: Earlier | None, total: int, before: int = 0, *, limited: bool = False) -> list[str]:
    """Say where a run goes on.

    Args:
        earlier: What its journal knows.
        total: Rows of this run.
        before: Rows of the last run.
        limited: Not all rows of the file are taken.
    """
    if earlier is None:
        return []
    lines = [_where(earlier, total)]
    if earlier.unclear:
        lines.append(f"  {rows(earlier.unclear)} sent without a clear answer")
    if earlier.changed:
        lines.append(f"  {since_done(earlier.changed)}")
    if earlier.updated:
        they, are = ("it was", "is sent as it is") if earlier.updated == 1 else ("they were", "are sent as they are")
        lines.append(f"  {rows(earlier.updated)} changed before {they} done, and {are} now")
    if earlier.new:
        lines.append(f"  {rows(earlier.new)} new")
    if (gone := before - (total - earlier.new)) > 0:
        lines.append(f"  {_gone(gone, limited=limited)}")
    return lines


def _gone(n: int, *, limited: bool) -> str:
    what = f"{counted(n, 'row')} of the last run {'is' if n == 1 else 'are'}"
    return f"{what} left out of this run (--limit)" if limited else f"{what} no longer in the file"


def _where(earlier: Earlier, total: int) -> str:
    if earlier.settled >= total:
        return f"nothing left to do: {rows(total, 'is', 'are')} settled"
    return f"resuming: {earlier.settled:,} of {rows(total, 'is', 'are')} settled"


def job_word(report: BulkReport, found: Found) -> str:
    """Return what is typed for a job: its id, or the path of its journal; nothing where the journal is lost."""
    try:
        if report.stop_reason is StopReason.JOURNAL:
            read_summary(found.path)
    except JournalError:
        return ""
    if not found.path.exists():
        return ""
    return shlex.quote(str(found.path)) if found.named else report.job


def rows(n: int, one: str = "was", many: str = "were") -> str:
    """Return ``1 row was`` or ``1,234 rows were``."""
    return f"{counted(n, 'row')} {one if n == 1 else many}"


def may_send_stale(found: Found, voice: Voice) -> bool:
    """Ask, on a terminal, whether rows that were sent long ago without a clear answer are to be sent again."""
    if not found.facts or not voice.hears:
        return False
    try:
        held = count_stale_rows(found.path)
    except JournalError:  # the run will say why
        return False
    if not held:
        return False
    voice.say(
        f"{rows(held)} sent more than 24 hours ago without a clear answer.",
        "Sending again would let somebody in who was blocked meanwhile.",
    )
    return voice.agrees("Send it again?" if held == 1 else "Send them again?")


def unfinished(found: Found) -> bool:
    """Whether a run of this journal did not come to its end."""
    try:
        return bool(found.facts) and read_summary(found.path).state == "interrupted"
    except JournalError:  # the run will say why
        return False


def busy(path: Path, process: int) -> JournalError:
    """Return the error of a run that another process has."""
    return JournalError(f"{path}: this run is going on (process {process}); nothing was sent here", busy=True)


def with_hint(error: JournalError, found: Found | None, command: str = "") -> JournalError:
    """Return the error with the way out, where there is one.

    Args:
        error: What is wrong.
        found: The journal.
        command: What was typed, where it has an option that begins anew.
    """
    if found is None or found.named or error.busy:
        return error
    if any(word in str(error) for word in _DAMAGED):
        anew = f"begin anew (airmeet {command} ... --fresh), or " if command else ""
        return JournalError(f"{error}; or {anew}remove it (airmeet runs purge {found.path.stem})")
    return JournalError(f"{error} (--fresh does that)") if command and "another" in str(error) else error


_log = logging.getLogger("airmeet_async.cli")

_LOOK = 0.25
"""Seconds between two looks at how it goes."""


class Run:
    """One job while it runs.

    Attributes:
        loop: The package of the event loop.
        history: What a report page shows, if one is to be made.

    Args:
        client: Who sends.
        job: What.
        files: Where results go.
        voice: Who speaks.
        errand: What was typed.
    """

    def __init__(self, client: AirmeetClient, job: BulkJob, files: ResultFiles, voice: Voice, errand: "Errand") -> None:
        self.client = client
        self.job = job
        self.files = files
        self.voice = voice
        self.stopper = Stopper(voice, job, client)
        self.loop = ""
        self.history = RunHistory()
        self._recorded = errand.report is not None
        self._face = errand.progress
        self._limited = errand.limited

    def perform(self, found: Found | None, command: str) -> None:
        """Run it to its end, or until something stops it.

        Args:
            found: Its journal.
            command: What was typed, where it has an option that begins anew.

        Raises:
            JournalError: The journal cannot be used; nothing was sent.
            TerminatedError: A signal came before it began.
        """
        try:
            anyio.run(partial(self._run, found), backend_options={"use_uvloop": find_spec("uvloop") is not None})
        except BaseExceptionGroup as group:
            error = leaf(group)
            raise with_hint(error, found, command) if isinstance(error, JournalError) else error from None
        if self.stopper.number is not None and not self.stopper.begun:
            raise TerminatedError(self.stopper.number)

    async def _run(self, found: Found | None) -> None:
        with arriving() as signals:
            async with anyio.create_task_group() as helpers:
                helpers.start_soon(self.stopper.watch, signals, helpers.cancel_scope)
                async with self.client, self.job:
                    self.stopper.begun = True
                    self._say_hello(found)
                    control = Control(self.job, self.voice)
                    progress = Progress(choose(self._wanted(), self.voice, self.job.total), self.job, self.client)
                    helpers.start_soon(progress.watch)
                    if self._recorded:
                        helpers.start_soon(self._record)
                    try:
                        async with listening(found.path if found else None, control):
                            await self._collect()
                    finally:
                        progress.end()
                helpers.cancel_scope.cancel()

    async def _record(self) -> None:
        """Look at the run now and then, for ever."""
        while True:
            job, pause = self.job, self.client.pace.statistics().paused_s
            self.history.record(job.report, job.allowed_rate, paused=job.paused or job.outage or pause > 0)
            await anyio.sleep(_LOOK)

    def _wanted(self) -> str:
        """Return how progress is shown: for people, not at all where there is none to be made."""
        earlier = self.job.earlier
        idle = earlier is not None and earlier.settled >= (self.job.total or 0)
        return "none" if idle and self._face != "json" else self._face

    def _say_hello(self, found: Found | None) -> None:
        self.loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
        _log.info(
            "job %s begins: %s rows, over %s on %s", self.job.id, self.job.total, self.client.transport_name, self.loop
        )
        self.voice.say(f"sending over {self.client.transport_name}, on {self.loop}")
        if found is not None:
            before = found.facts.get("rows", 0)
            self.voice.say(*resuming(self.job.earlier, self.job.total or 0, before, limited=self._limited))

    async def _collect(self) -> None:
        try:
            async for result in self.job:
                self.files.add(result)
                if self._recorded:
                    self.history.add(result)
                if self.files.trouble:
                    self.job.stop(StopReason.STOPPED, self.files.trouble)
        except BulkStoppedError as error:
            if self.job.report.stop_reason is None:  # the engine's own fault, not the run's end
                raise
            _log.info("job %s stopped: %s", self.job.id, error)


_log = logging.getLogger("airmeet_async.cli")

Rate = float | str | None


@frozen(kw_only=True)
class Errand:
    """What every bulk command is told.

    Attributes:
        airmeet_id: The event.
        command: What was typed, without its arguments.
        rate: Requests per second, or ``auto``; by default the environment's, else ``auto``.
        concurrency: Requests under way at once.
        results: Where the results go; by default a new file in the current directory.
        failed: Where the rows go that are left.
        report: Where the report page goes.
        report_emails: It shows addresses.
        typed: The whole command line.
        progress: How it is shown.
        journal: The path of its journal; by default one on the shelf.
        fresh: Begin a new journal.
        accept_stale: Send again also what was sent long ago without a clear answer.
        deadline: Seconds that it may take.
        max_failures: How many rows may fail, as a number or a percentage.
        brief: The caller tells the outcome in its own way.
        lasting: The journal is there after this command.
        limited: Not all rows of the file are taken.
    """

    airmeet_id: str
    command: str = ""
    rate: Rate = None
    concurrency: int | None = None
    results: str | None = None
    failed: str | None = None
    report: str | None = None
    report_emails: bool = False
    typed: str = ""
    progress: str = "auto"
    journal: str | None = None
    fresh: bool = False
    accept_stale: bool = False
    deadline: float | None = None
    max_failures: str | None = None
    brief: bool = False
    lasting: bool = True
    limited: bool = False


@frozen(kw_only=True)
class Work:
    """A bulk run that can begin.

    Attributes:
        operation: Such as ``attendees.add``.
        source: The input file; empty where there is none, and so no journal.
        name: How it is called, where that is not its path.
        rows: How many.
        header: Their columns.
        begin: Makes the job, for a client and options.
        intention: What is said before it, in a sentence.
        words: What is said after it.
        results: Where the results go, or None for nowhere.
        failed: Where the rows go that are left, or None.
        found: The journal, where it is known already.
    """

    operation: str
    source: str
    rows: int
    header: tuple[str, ...]
    begin: Callable[[AirmeetClient, JobOptions], BulkJob]
    intention: str
    results: Path | None
    failed: Path | None
    words: Wording = field(factory=Wording)
    found: Found | None = None
    name: str = ""


@frozen
class Outcome:
    """What came of it.

    Attributes:
        report: Of the run.
        code: For the end of the process.
        results: The file with one line per row, if there is one.
        left: The file with the rows that are left, if there is one.
        trouble: Why the result files are not whole, or None.
        unverified: Rows whose invitation may have been mailed or not.
        page: The report page, if there is one.
    """

    report: BulkReport
    code: int
    results: str
    left: str | None
    trouble: str | None = None
    unverified: int = 0
    page: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the documented JSON shape (``--json``)."""
        facts: dict[str, object] = {
            "results_path": self.results or None,
            "failed_path": self.left,
            "report_path": self.page,
        }
        if self.trouble:
            facts["error"] = {"code": "unexpected", "message": self.trouble}
        return {
            **self.report.as_dict(),
            "invites_unverified": self.unverified,
            **facts,
            "exit_code": int(self.code),
        }


def carry_out(errand: Errand, work: Work, settings: Settings, voice: Voice) -> Outcome:
    """Do a bulk run, from the journal to the summary.

    Raises:
        AirmeetError: The run could not begin.
        TerminatedError: A signal came before it began.
    """
    client = settings.client(errand.concurrency)
    rate = errand.rate or settings.rate or "auto"
    found = work.found or _journal(errand, work, str(settings.base))
    work = evolve(work, results=_results(errand, work, found))
    with page_file(errand, work.source, work.results, work.failed) as page:
        with ResultFiles(work.results, work.failed, work.header) as files:
            voice.say(*settings.notices, f"event {errand.airmeet_id} at {settings.base}")
            voice.say(f"{work.intention}; {pace(rate)}")
            job = work.begin(client, _options(errand, work, found, rate, voice))
            run = Run(client, job, files, voice, errand)
            run.perform(found, "" if work.found else errand.command)
        how = {"address": str(settings.base), "pace": pace(rate), "what": work.intention}
        outcome = _write(page, _outcome(run), partial(_page, run, errand, work, how))
    return _conclude(outcome, run, errand, work, found)


def pace(rate: Rate) -> str:
    """Say how fast it is going to be."""
    return "as fast as Airmeet lets us" if rate == "auto" else f"at most {rate:g} requests per second"


def _journal(errand: Errand, work: Work, base: str) -> Found | None:
    if not work.source:
        return None
    return find(Purpose(work.operation, errand.airmeet_id, base, work.source), errand.journal, fresh=errand.fresh)


def _results(errand: Errand, work: Work, found: Found | None) -> Path | None:
    """Return where the results go: a run that goes on has all rows, so its results take the earlier ones' place."""
    if found is None or errand.results is not None or work.results is None:
        return work.results
    recorded = found.note.get("results")
    if not recorded or not (work.found or unfinished(found)):  # what a finished run has left is kept
        return work.results
    taken = {os.path.abspath(other) for other in (work.failed, work.source) if other}  # noqa: PTH100 - of what is typed
    return near(Path(recorded)) if Path(recorded).parent.is_dir() and recorded not in taken else work.results


def _options(errand: Errand, work: Work, found: Found | None, rate: Rate, voice: Voice) -> JobOptions:
    asked: dict[str, Any] = {"rate": rate, "deadline": errand.deadline, "max_failures": errand.max_failures}
    if found is not None and (errand.accept_stale or may_send_stale(found, voice)):
        asked["accept_stale"] = True
    if found is not None and work.found is None:  # else the job has its journal already
        asked |= {"journal": found.path, "note": note_of(errand, work.source, work.results, work.failed, work.name)}
    return cast(JobOptions, asked)


def page_file(errand: Errand, source: str, *others: Path | None) -> ReportFile:
    """Return the place of the report page.

    Raises:
        UsageError: It would take the place of another file of the run, or a package is missing.
        ConfigError: It cannot be written.
    """
    return ReportFile(Path(errand.report) if errand.report else None, (Path(source) if source else None, *others))


def _outcome(run: Run) -> Outcome:
    report, files = run.job.report, run.files
    code = Exit.UNEXPECTED if files.trouble else code_of(report, run.stopper.number)
    left = str(files.left) if files.left else None
    return Outcome(report, code, str(files.results or ""), left, files.trouble, files.unverified)


def _write(file: ReportFile, outcome: Outcome, page: Callable[[dict[str, object]], ReportPage]) -> Outcome:
    """Write the page, if there is to be one."""
    if file.path is None:
        return outcome
    done = evolve(outcome, page=str(file.path))
    try:
        file.write(page(done.as_dict()))
    except Exception as error:  # noqa: BLE001 - the run is done, and what came of it must be told whatever happens here
        _log.info("no report page", exc_info=True)
        why = str(error) if isinstance(error, ConfigError) else f"{file.path}: cannot be made ({sentence_of(error)})"
        return evolve(outcome, code=Exit.UNEXPECTED, trouble=outcome.trouble or why)
    return done


def _page(run: Run, errand: Errand, work: Work, how: Mapping[str, str], facts: Mapping[str, object]) -> ReportPage:
    run.history.record(run.job.report, run.job.allowed_rate)
    return ReportPage(
        operation=work.operation,
        source=work.source,
        event=errand.airmeet_id,
        report=run.job.report,
        history=run.history,
        settings={"event": errand.airmeet_id, "job": run.job.report.job, **how},
        command=errand.typed,
        facts=facts,
        emails=errand.report_emails,
        transport=(run.client.transport_name, run.loop),
    )


def _conclude(outcome: Outcome, run: Run, errand: Errand, work: Work, found: Found | None) -> Outcome:
    report, files = outcome.report, run.files
    _log.info("job %s ended: %d of %d rows succeeded", report.job, report.succeeded, report.rows_read)
    written = Written(
        results=outcome.results,
        left=outcome.left,
        page=outcome.page,
        total=run.job.total or 0,
        warned=files.warned,
        changed=files.changed,
        refused=files.refused,
        unverified=files.unverified,
        brief=errand.brief,
        words=work.words,
        job=job_word(report, found) if found and errand.lasting else "",
    )
    run.voice.say(*summary(report, written))
    if outcome.trouble:
        run.voice.say(f"error: {outcome.trouble}")
    return outcome
