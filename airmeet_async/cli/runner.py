"""Carry out a bulk run, from its journal to its exit code. All bulk commands go this way.

1. Whatever can be found out without sending is found out before anything is sent: the input, the settings, the places
   of the files to be written.
2. Once something was sent, nothing but a signal keeps the results from being written and the summary from being said.
"""

import asyncio
import logging
import os
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from signal import Signals
from typing import Any, cast

import anyio
from attrs import define, evolve, field, frozen

import airmeet_async
from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal import Earlier
from airmeet_async.bulk.journal.queries import count_stale_rows, read_summary
from airmeet_async.bulk.options import JobOptions
from airmeet_async.bulk.report import BulkReport, StopReason
from airmeet_async.cli.console import Console, print_json
from airmeet_async.cli.environment import Settings
from airmeet_async.cli.event_loop import run_async
from airmeet_async.cli.exit_codes import DeclinedError, Exit, TerminatedError, code_of, sentence_of
from airmeet_async.cli.options import BulkFlags, typed
from airmeet_async.cli.output.html_report import ReportPage, RunHistory, open_report_file, write_report_file
from airmeet_async.cli.output.progress import RunProgress, choose_display
from airmeet_async.cli.output.results_csv import ResultFiles, check_result_file, choose_paths, relative_to_here
from airmeet_async.cli.output.summary import RunOutcome, intention_of, pace_of, since_done, summary, wording_of
from airmeet_async.cli.run_control import listening
from airmeet_async.cli.run_store import RunJournal, RunKey, find_journal
from airmeet_async.cli.signals import CAUSES, incoming_signals, stopping
from airmeet_async.errors import BulkStoppedError, ConfigError, JournalError, first_error
from airmeet_async.formatting import counted
from airmeet_async.private_files import NewFile

_log = logging.getLogger("airmeet_async.cli")

_RECORDED_EVERY_S = 0.25
_DAMAGED = ("malformed", "not a run file", "not a database", "no such table")


@frozen(kw_only=True)
class BulkRun:
    """What a bulk command wants done.

    Attributes:
        operation: Such as ``attendees.add``.
        airmeet_id: The event.
        start: Makes the job, for a client and options.
        options: Of the operation: what changes the meaning of a row.
        path: The input file; empty where there is none, and so no journal.
        name: How it is called, where that is not its path.
        header: Its columns.
        people: How many were typed instead.
        mails: People who get a mail: somebody at a terminal is asked first.
        journal: The journal, where the run goes on with one.
        is_demo: The caller tells the outcome in its own way, and the journal does not last.
    """

    operation: str
    airmeet_id: str
    start: Callable[[AirmeetClient, JobOptions], BulkJob]
    options: dict[str, Any] = field(factory=dict)
    path: str = ""
    name: str = ""
    header: tuple[str, ...] = ()
    people: int = 0
    mails: int = 0
    journal: RunJournal | None = None
    is_demo: bool = False


def check_places(flags: BulkFlags, title: str, path: str) -> tuple[Path | None, Path | None]:
    """Check the flags and the places of all files to be written, and return those of results and of rows left.

    Args:
        flags: As typed.
        title: How the input is called; without one, results are written only if that was asked for.
        path: Its file.

    Raises:
        UsageError: A flag cannot be used, or a file would take the place of another one.
        ConfigError: There is something else, or no way to write there.
    """
    flags.job_options()
    results, failed = choose_paths(title, flags.results or (None if title else "-"), flags.failed)
    for place in (flags.results, flags.failed):
        if place is not None:
            check_result_file(Path(place))
    with _page_file(flags, path, results, failed):
        return results if title or flags.results else None, failed


def _page_file(flags: BulkFlags, *others: str | Path | None) -> AbstractContextManager[NewFile | None]:
    if not flags.report:
        return nullcontext()
    return open_report_file(Path(flags.report), [Path(other) for other in others if other])


def run(wanted: BulkRun, flags: BulkFlags, settings: Settings, console: Console) -> RunOutcome:
    """Carry out a bulk run, print its report if that was asked for, and return its outcome.

    Raises:
        AirmeetError: It could not begin; nothing was sent.
        DeclinedError: The answer was no.
        TerminatedError: A signal came before it began.
    """
    options = flags.job_options()
    del options["max_in_flight"]  # is the client's
    options["rate"] = options["rate"] or settings.rate or "auto"
    journal = wanted.journal
    if journal is None and wanted.path:
        key = RunKey(wanted.operation, wanted.airmeet_id, str(settings.base), wanted.path)
        journal = find_journal(key, flags.journal, fresh=flags.fresh)
    if wanted.mails and console.can_ask:
        up_to = "Up to " if journal is not None and journal.facts else ""
        if not console.confirm(f"{up_to}{_people(wanted.mails)} will be mailed by Airmeet. Continue?"):
            raise DeclinedError("nothing was sent")
    client = settings.client(flags.concurrency)
    # Once more: the question may have stood there for hours.
    results, failed = check_places(flags, wanted.name or wanted.path, wanted.path)
    results = _results_place(wanted, flags, journal, results, failed)
    pace, intention = pace_of(options["rate"]), intention_of(wanted.operation, wanted.options)
    words = wording_of(wanted.operation, wanted.airmeet_id)
    if wanted.people:
        intention += f" for {_people(wanted.people)}"

    with _page_file(flags, wanted.path, results, failed) as page_file:
        with ResultFiles(results, failed, wanted.header) as files:
            console.say(*settings.notices, f"event {wanted.airmeet_id} at {settings.base}", f"{intention}; {pace}")
            if journal is not None and (flags.accept_stale or _may_send_stale(journal, console)):
                options["accept_stale"] = True
            if journal is not None and wanted.journal is None:  # else the job has its journal already
                options |= {"journal": journal.path, "note": _note(wanted, flags, results, failed)}
            job = wanted.start(client, cast(JobOptions, options))
            execution = Execution(client, job, files, console, flags, journal)
            try:
                execution.run()
            except JournalError as error:
                raise with_hint(error, journal, "" if wanted.journal else words.command) from None
        report = job.report
        outcome = RunOutcome(
            report=report,
            code=Exit.UNEXPECTED if files.trouble else code_of(report, execution.signal),
            results=str(files.results or ""),
            failed=str(files.left) if files.left else None,
            trouble=files.trouble,
            total=job.total or 0,
            warned=files.warned,
            changed=files.changed,
            refused=files.refused,
            unverified=files.unverified,
            job=job_word(report, journal) if journal is not None and not wanted.is_demo else "",
        )
        if page_file is not None and flags.report:
            place = {"event": wanted.airmeet_id, "job": report.job, "address": str(settings.base)}
            page = ReportPage(
                operation=wanted.operation,
                source=wanted.path,
                event=wanted.airmeet_id,
                report=report,
                history=execution.history,
                settings=place | {"pace": pace, "what": intention},
                command=typed(),
                emails=flags.report_emails,
                transport=(client.transport_name, execution.loop),
            )
            outcome = write_page(page_file, Path(flags.report), outcome, page)
    _log.info("job %s ended: %d of %d rows succeeded", report.job, report.succeeded, report.rows_read)
    console.say(*summary(outcome, words, brief=wanted.is_demo))
    if outcome.trouble:
        console.say(f"error: {outcome.trouble}")
    if flags.json:
        print_json(outcome.as_dict())
    return outcome


def write_page(file: NewFile, path: Path, outcome: RunOutcome, page: ReportPage) -> RunOutcome:
    """Write the report page, and return the outcome with its place or with the trouble."""
    done = evolve(outcome, page=str(path))
    try:
        write_report_file(file, path, evolve(page, facts=done.as_dict()))
    except Exception as error:  # noqa: BLE001 - the run is done, and its outcome must be told whatever happens here
        _log.info("no report page", exc_info=True)
        why = (
            str(error)
            if isinstance(error, ConfigError)
            else (f"{path}: the report could not be written ({sentence_of(error)})")
        )
        return evolve(outcome, code=Exit.UNEXPECTED, trouble=outcome.trouble or why)
    return done


def _people(n: int) -> str:
    return "1 person" if n == 1 else f"{n:,} people"


def _results_place(
    wanted: BulkRun, flags: BulkFlags, journal: RunJournal | None, results: Path | None, failed: Path | None
) -> Path | None:
    """Return where the results go: a run that goes on has all rows, so its results take the earlier ones' place."""
    recorded = journal.note.get("results") if journal is not None and flags.results is None else None
    if results is None or journal is None or not recorded:
        return results
    if wanted.journal is None:
        state = "finished"  # what a finished run has left is kept
        with suppress(JournalError):  # the run will say why
            state = read_summary(journal.path).state
        if state != "interrupted":
            return results
    taken = {_absolute(other) for other in (failed, wanted.path)}
    return relative_to_here(Path(recorded)) if Path(recorded).parent.is_dir() and recorded not in taken else results


def _note(wanted: BulkRun, flags: BulkFlags, results: Path | None, failed: Path | None) -> dict[str, Any]:
    """Return what ``airmeet runs`` shows and ``airmeet resume`` needs."""
    asked = flags.job_options()
    return {
        "command": wording_of(wanted.operation).command,
        "file": wanted.name or wanted.path,
        "path": None if wanted.name else _absolute(wanted.path),  # what has a name is no lasting file
        "results": _absolute(results),
        "failed": _absolute(failed),
        "version": airmeet_async.__version__,
        "rate": asked["rate"],
        "concurrency": asked["max_in_flight"],
        "max_failures": asked["max_failures"],
    }


def _absolute(path: str | Path | None) -> str | None:
    return os.path.abspath(path) if path else None  # noqa: PTH100 - resolves no link, and never fails


def _may_send_stale(journal: RunJournal, console: Console) -> bool:
    """Ask, on a terminal, whether rows that were sent long ago without a clear answer are to be sent again."""
    held = 0
    if journal.facts and console.can_ask:
        with suppress(JournalError):  # the run will say why
            held = count_stale_rows(journal.path)
    if not held:
        return False
    console.say(
        f"{_rows(held)} sent more than 24 hours ago without a clear answer.",
        "Sending again lets in anyone who was blocked in the meantime.",
    )
    return console.confirm("Send it again?" if held == 1 else "Send them again?")


def job_word(report: BulkReport, journal: RunJournal) -> str:
    """Return what is typed for a job: its id, or the path of its journal; nothing where the journal is lost."""
    try:
        if report.stop_reason is StopReason.JOURNAL:
            read_summary(journal.path)
    except JournalError:
        return ""
    if not journal.path.exists():
        return ""
    return shlex.quote(str(journal.path)) if journal.named else report.job


def with_hint(error: JournalError, journal: RunJournal | None, command: str = "") -> JournalError:
    """Return the error with the way out, where there is one; *command* is one that has ``--fresh``."""
    if journal is None or journal.named or error.busy:
        return error
    if any(word in str(error) for word in _DAMAGED):
        anew = f"start over (airmeet {command} ... --fresh), or " if command else ""
        return JournalError(f"{error}; or {anew}delete it (airmeet runs purge {journal.path.stem})")
    return JournalError(f"{error} (--fresh does that)") if command and "another" in str(error) else error


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
    how_far = "nothing left to do:" if earlier.settled >= total else f"resuming: {earlier.settled:,} of"
    lines = [f"{how_far} {_rows(total, 'is', 'are')} done"]
    if earlier.unclear:
        lines.append(f"  {_rows(earlier.unclear)} sent without a clear answer")
    if earlier.changed:
        lines.append(f"  {since_done(earlier.changed)}")
    if earlier.updated:
        they, are = ("it was", "is") if earlier.updated == 1 else ("they were", "are")
        lines.append(f"  {_rows(earlier.updated)} changed before {they} done, and {are} sent with the change")
    if earlier.new:
        lines.append(f"  {_rows(earlier.new)} new")
    if (gone := before - (total - earlier.new)) > 0:
        where = "left out of this run (--limit)" if limited else "no longer in the file"
        lines.append(f"  {counted(gone, 'row')} of the previous run {'is' if gone == 1 else 'are'} {where}")
    return lines


def _rows(n: int, one: str = "was", many: str = "were") -> str:
    return f"{counted(n, 'row')} {one if n == 1 else many}"


@define
class Execution:
    """One job while it runs.

    Attributes:
        signal: The first signal that came, or None.
        has_begun: There is something to be stopped gently.
        loop: The package of the event loop.
        history: What a report page shows, if one is to be made.
    """

    client: AirmeetClient
    job: BulkJob
    files: ResultFiles
    console: Console
    flags: BulkFlags
    journal: RunJournal | None
    signal: int | None = None
    has_begun: bool = False
    loop: str = ""
    history: RunHistory = field(factory=RunHistory)

    def run(self) -> None:
        """Run the job to its end, or until something stops it.

        Raises:
            JournalError: The journal cannot be used; nothing was sent.
            TerminatedError: A signal came before it began.
        """
        try:
            run_async(self._run, use_uvloop=True)
        except BaseExceptionGroup as group:
            raise first_error(group) from None
        if self.signal is not None and not self.has_begun:
            raise TerminatedError(self.signal)

    async def _run(self) -> None:
        job, client, console, journal = self.job, self.client, self.console, self.journal
        with incoming_signals() as signals:  # before anything else: preparing a job may take a minute
            async with anyio.create_task_group() as helpers:
                helpers.start_soon(self._stop_on, signals, helpers.cancel_scope)
                async with client, job:
                    self.has_begun = True
                    self.loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
                    how = f"over the {client.transport_name} transport, on {self.loop}"
                    _log.info("job %s begins: %s rows, %s", job.id, job.total, how)
                    console.say(f"sending {how}")
                    total = job.total or 0
                    if journal is not None:
                        limited, before = self.flags.limit is not None, journal.facts.get("rows", 0)
                        console.say(*resuming(job.earlier, total, before, limited=limited))
                    # A run with nothing to do would show a bar that is full at once.
                    is_idle = job.earlier is not None and job.earlier.settled >= total
                    display = "none" if is_idle and self.flags.progress != "json" else self.flags.progress
                    progress = RunProgress(choose_display(display, console, job.total), job, client)
                    helpers.start_soon(progress.watch)
                    if self.flags.report:
                        helpers.start_soon(self._record)
                    try:
                        async with listening(journal.path if journal else None, job, console):
                            await self._collect()
                    finally:
                        progress.end()
                self.history.record(job.report, job.allowed_rate)  # the last piece of the run
                helpers.cancel_scope.cancel()

    async def _stop_on(self, signals: AsyncIterator[Signals], scope: anyio.CancelScope) -> None:
        """Let requests end on the first signal, wait for none on the second, and leave rows unread on the third.

        *scope* is cancelled by a signal that comes before the job has begun: nothing was sent.
        """
        hurried = False
        async for number in signals:
            if not self.has_begun:
                self.signal = number
                scope.cancel()
                return
            if self.signal is None:
                self.signal = number
                self.job.stop(StopReason.INTERRUPTED, f"stopped by {CAUSES[number.name]}")
                left = (self.job.total or 0) - self.job.report.rows_read
                self.console.say(*stopping(self.client.pace.statistics().in_flight, left))
            elif not hurried:
                hurried = True
                self.job.hurry()
            else:
                self.job.cut_off()
                return

    async def _record(self) -> None:
        job = self.job
        while True:
            paused = job.paused or job.outage or self.client.pace.statistics().paused_s > 0
            self.history.record(job.report, job.allowed_rate, paused=paused)
            await anyio.sleep(_RECORDED_EVERY_S)

    async def _collect(self) -> None:
        try:
            async for result in self.job:
                self.files.add(result)
                if self.flags.report:
                    self.history.add(result)
                if self.files.trouble:  # who cannot be noted must not be registered
                    self.job.stop(StopReason.STOPPED, self.files.trouble)
        except BulkStoppedError as error:
            if self.job.report.stop_reason is None:  # the engine's own fault, not the run's end
                raise
            _log.info("job %s stopped: %s", self.job.id, error)
