"""Carry out a bulk run, from its input to its exit code. All bulk commands go this way.

1. Whatever can be found out without sending is found out before anything is sent: the settings, the places of the files
   to be written, the input, which is read once into the run's journal, and the event.
2. A question is asked while nothing else goes on, and after a no the list is as if it had never been read.
3. Once something was sent, the summary is said, whatever keeps the results from being written.
4. Results are what the journal says when the run has ended. Where they cannot be written, they are still there.
"""

import asyncio
import logging
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from signal import Signals
from typing import Any, cast

import anyio
from attrs import define, evolve, field, frozen

import airmeet_async
from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.bulk.input.plan import BulkPlan, RowFinding
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal.queries import JournalSummary, count_stale_rows, read_results, read_summary
from airmeet_async.bulk.journal.writer import JournalWriter
from airmeet_async.bulk.options import EventJournal, JobOptions
from airmeet_async.bulk.report import BulkReport, RowResult, RowStatus, StopReason, place_of
from airmeet_async.bulk.statistics import RunStatistics
from airmeet_async.cli.confirm_run import confirm_run, find_event
from airmeet_async.cli.console import Console, print_data, print_json
from airmeet_async.cli.environment import Settings, terminable
from airmeet_async.cli.event_loop import open_runner
from airmeet_async.cli.exit_codes import Exit, TerminatedError, code_of, code_of_error, sentence_of
from airmeet_async.cli.input_file import FileChoice
from airmeet_async.cli.options import BulkFlags, typed
from airmeet_async.cli.output.html_report import ReportPage, RunHistory, open_report_file, write_report_file
from airmeet_async.cli.output.progress import PhaseDisplay, RunProgress, choose_display
from airmeet_async.cli.output.results_csv import (
    ResultFiles,
    check_result_file,
    choose_paths,
    origin_of,
    relative_to_here,
)
from airmeet_async.cli.output.summary import RunOutcome, headline, intention_of, pace_of, summary, wording_of
from airmeet_async.cli.run_control import listening
from airmeet_async.cli.run_store import (
    PEOPLE,
    RunJournal,
    check_none_lent,
    describe_others_lent,
    describe_shards,
    error_of_lent,
    find_journal,
    find_lent,
    note_as_lent,
    only_run_on,
    remove_journal,
    word_of,
)
from airmeet_async.errors import AirmeetError, BulkStoppedError, ConfigError, JournalError, first_error
from airmeet_async.formatting import counted, wrapped
from airmeet_async.private_files import NewFile
from airmeet_async.protocol.endpoints import ATTENDEES_ADD, ATTENDEES_BLOCK
from airmeet_async.tables import Table

_log = logging.getLogger("airmeet_async.cli")

_RECORDED_EVERY_S = 0.25
_TYPICAL_RATE = 25.0  # requests per second that Airmeet has allowed so far
_FEW_ROWS, _MANY_ROWS = 10_000, 20_000
_CAUSES = {"SIGINT": "Ctrl-C", "SIGTERM": "a termination request (SIGTERM)", "SIGHUP": "the closing of the terminal"}
_DONE_ON_LOOPBACK = (
    "everybody in this list is done already, and nothing is sent. This Airmeet is one on your own machine: if it was "
    "started anew since, it knows nobody; --again sends them once more"
)
_SENDS_MORE = frozenset({"--again", "--accept-stale"})  # nobody is advised to type these once more
_DAMAGED = ("malformed", "not a run file", "not a database", "no such table")


@frozen(kw_only=True)
class BulkRun:
    """What a bulk command wants done.

    Attributes:
        operation: Such as ``attendees.add``.
        airmeet_id: The event.
        start: Makes the job, for a client and options.
        options: Of the operation: what changes the meaning of a row.
        choice: The input file; its path is empty where there is none.
        table: That file, open.
        people: How many were typed instead.
        found: Takes each finding about a row, before the plan is shown.
        show: Shows the plan, or raises.
        yes: Somebody has agreed that people are mailed or lose access.
        finished_event: And that they are mailed for an event that is over.
        journal: The journal, where the run goes on with one.
        again: Of that one, the rows to be sent once more that have ended so; empty sends those that are left.
        is_demo: The caller tells the outcome in its own way, and the journal does not last.
        cut: Puts the rows of the job into shards, once that is agreed to, instead of sending them.
        is_sent_here: This process sends the rows, and not those who are given shards of them.
    """

    operation: str
    airmeet_id: str
    start: Callable[[AirmeetClient, JobOptions], BulkJob]
    choice: FileChoice
    options: dict[str, Any] = field(factory=dict)
    table: Table | None = None
    people: int = 0
    found: Callable[[RowFinding], object] | None = None
    show: Callable[[BulkPlan], object] = lambda _: None
    yes: bool = False
    finished_event: bool = False
    journal: RunJournal | None = None
    again: frozenset[str] = frozenset()
    is_demo: bool = False
    cut: Callable[[BulkJob], Coroutine[Any, Any, list[Path]]] | None = None
    is_sent_here: bool = True


def check_places(flags: BulkFlags, choice: FileChoice) -> tuple[Path | None, Path | None]:
    """Check the flags and the places of all files to be written, and return those of results and of rows left.

    Args:
        flags: As typed.
        choice: The input file; without one, results are written only if that was asked for.

    Raises:
        UsageError: A flag cannot be used, or a file would take the place of another one.
        ConfigError: There is something else, or no way to write there.
    """
    flags.job_options()
    title = choice.title
    results, failed = choose_paths(title, flags.results or (None if title else "-"), flags.failed)
    for place in (flags.results, flags.failed):
        if place is not None:
            check_result_file(Path(place))
    with _page_file(flags, choice.path, results, failed):
        return results if title or flags.results else None, failed


def _page_file(flags: BulkFlags, *others: str | Path | None) -> AbstractContextManager[NewFile | None]:
    if not flags.report:
        return nullcontext()
    return open_report_file(Path(flags.report), [Path(other) for other in others if other])


def make_plan(wanted: BulkRun, flags: BulkFlags, settings: Settings, console: Console) -> BulkPlan:
    """Take an input in beside a copy of the event's journal, show the plan, and send nothing.

    Raises:
        AirmeetError: The input cannot be used, or the event could not be asked.
    """
    rate = flags.job_options()["rate"] or settings.rate or "auto"
    journal = _journal_of(wanted, flags, settings, is_copied=True)
    client = settings.client(flags.concurrency, rate)
    with open_runner() as runner:
        try:
            console.say(*runner.run(find_event(client, wanted.airmeet_id)).lines(settings), "")
        except BaseException:
            runner.run(client.aclose())
            raise
        options = {"rate": rate, "journal": journal.file, "again": flags.again, "accept_stale": flags.accept_stale}
        options["note"] = _note(wanted, flags, None, None)  # by its path a list is known again
        job = wanted.start(client, cast("JobOptions", options))
        try:
            plan = _take_in(runner, job, wanted, flags, console)
            if plan.fields_error is not None:
                raise plan.fields_error
            wanted.show(plan)
            if (lent := find_lent(journal.path)) is not None:
                where = f"its rows are in {describe_shards(lent)}"
                console.say(*wrapped(f"now {where}: before it can be sent, airmeet join {word_of(lent)}"))
        finally:
            runner.run(job.discard())
            runner.run(client.aclose())
    return plan


def _take_in(runner: asyncio.Runner, job: BulkJob, wanted: BulkRun, flags: BulkFlags, console: Console) -> BulkPlan:
    progress = PhaseDisplay(flags.progress, console, "reading", f"reading {wanted.choice.title or 'addresses'}")
    try:
        with terminable():
            return runner.run(job.prepare(progress, wanted.found))
    except BaseExceptionGroup as group:
        raise first_error(group) from None
    finally:
        progress.end()


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
    words = wording_of(wanted.operation, wanted.airmeet_id)
    with ExitStack() as stack:
        before = None if wanted.journal is None else wanted.journal.before
        is_shard = before is not None and "shard" in before.facts  # others of the same event are sent beside it
        if wanted.operation in PEOPLE and not wanted.is_demo and not is_shard:
            base = str(settings.base)
            stack.enter_context(only_run_on(wanted.airmeet_id, base, wait=flags.wait, say=console.say))
            if wanted.operation == ATTENDEES_BLOCK.name:
                check_none_lent(wanted.airmeet_id, base)
        journal = wanted.journal or _journal_of(wanted, flags, settings)
        results, failed = _places(wanted, flags, journal)
        page_file = stack.enter_context(_page_file(flags, wanted.choice.path, results, failed))
        files = stack.enter_context(ResultFiles(results, failed))
        stack.enter_context(console.warnings_said())
        client = settings.client(flags.concurrency, options["rate"])
        runner = stack.enter_context(open_runner())
        stack.callback(lambda: runner.run(client.aclose()))
        with terminable():
            event = runner.run(find_event(client, wanted.airmeet_id))
        console.say(*settings.notices, *event.lines(settings), "")
        if wanted.operation == ATTENDEES_ADD.name and not wanted.is_demo and not is_shard:
            for line in describe_others_lent(wanted.airmeet_id, str(settings.base), journal.path):
                console.say(*wrapped(line), "")
        options |= {"journal": journal.file, "again": flags.again}
        is_new = not journal.path.exists()
        if wanted.journal is None:  # else the job has its journal and its note already
            options["note"] = _note(wanted, flags, results, failed)
        else:
            del options["journal"], options["again"]
        if flags.accept_stale or (wanted.is_sent_here and _may_send_stale(journal, console)):
            options["accept_stale"] = True
        job = wanted.start(client, cast("JobOptions", options))
        execution = _Execution(client, job, console, flags, journal)
        try:
            try:
                plan = _take_in(runner, job, wanted, flags, console)
                plan = evolve(plan, job=shlex.quote(str(journal.path)) if journal.named else job.id)
                words = evolve(words, done=plan.done)
                _show_plan(plan, wanted, console)
                is_done = plan.rows and plan.done_before == plan.rows and not plan.unverified
                is_done = is_done and wanted.journal is None  # what goes on cannot be sent once more
                if is_done and wanted.operation in PEOPLE and settings.base.is_loopback and not wanted.is_demo:
                    mails_again = ", and mails them again" if wanted.options.get("sendEmailInvite") else ""
                    console.say(*wrapped(_DONE_ON_LOOPBACK + mails_again))
                is_block = wanted.operation == ATTENDEES_BLOCK.name
                confirm_run(
                    event, console,
                    mails=plan.invitations,
                    second_mails=plan.second_invitations,
                    not_coming=plan.not_coming,
                    doubtful_mails=plan.invites_again - plan.found_not_mailed,
                    blocks=plan.ready if is_block and not wanted.people else 0,  # who was typed was meant
                    seconds=plan.seconds or plan.ready / _TYPICAL_RATE,
                    yes=wanted.yes,
                    finished_event=wanted.finished_event,
                )  # fmt: skip
            except BaseException as error:
                if isinstance(error, AirmeetError) and "othing was sent" not in str(error):
                    error.add_note("nothing was sent")
                with suppress(JournalError):  # that one is told
                    runner.run(job.discard())
                    if is_new:
                        remove_journal(journal.path)
                raise
            if (
                wanted.operation == ATTENDEES_ADD.name
                and journal.named
                and wanted.journal is None
                and not wanted.is_demo
            ):
                note_as_lent(journal.path, wanted.airmeet_id, str(settings.base))
            if wanted.cut is not None:
                agreed = " --yes" if plan.invitations else ""  # nobody can be asked where shards are sent
                return _cut(runner.run(wanted.cut(job)), job, journal, flags, console, agreed=agreed)
            execution.done = words.done, " and mailed" if wanted.options.get("sendEmailInvite") else ""
            execution.run(runner)
        except JournalError as error:
            raise with_hint(error, journal) from None
        report = job.report
        outcome = RunOutcome(
            report=report,
            code=code_of(report, execution.signal),
            total=job.total or 0,
            source=_source_of(wanted),
            mails=bool(wanted.options.get("sendEmailInvite")),
            goes_on=wanted.journal is not None,
            again=plan.again,
            is_shard=is_shard,
            original="" if wanted.journal is None else str(journal.note.get("typed") or ""),
        )
        if not wanted.is_demo:
            outcome = evolve(outcome, job=job_word(report, journal))
        outcome = _write_results(outcome, files, execution)
        if page_file is not None and flags.report:
            place = {"event": wanted.airmeet_id, "job": report.job, "address": str(settings.base)}
            pace, intention = pace_of(options["rate"]), intention_of(wanted.operation, wanted.options)
            page = ReportPage(
                operation=wanted.operation,
                done=words.done,
                source=wanted.choice.path,
                event=event.info.name if event.info is not None and event.info.name else wanted.airmeet_id,
                outcome=headline(outcome, words),
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
    if flags.json and not wanted.is_demo:
        outcome = print_report(outcome, console)
    return outcome


def _cut(
    paths: list[Path], job: BulkJob, journal: RunJournal, flags: BulkFlags, console: Console, *, agreed: str
) -> RunOutcome:
    """Say where the shards are, and return the outcome of a run that has sent nothing yet."""
    word = shlex.quote(str(journal.path)) if journal.named else read_summary(journal.path).job
    if flags.json:
        print_json({"job": word, "journal": str(journal.path), "shards": [str(path) for path in paths], "exit_code": 0})
    else:
        print_data("".join(f"{path}\n" for path in paths))
    if paths:
        said = f"{counted(len(paths), 'shard')}; nothing was sent. Send each with: airmeet resume PATH{agreed}"
        console.say(said, f"When they have ended: airmeet join {word}")
    else:
        console.say("nothing is left to be sent, so there are no shards")
    report = RunStatistics().report(job.id, 0.0, refreshes=0, stop=None, stop_message="", final=False)
    return RunOutcome(report=report, job=word)


def print_report(outcome: RunOutcome, console: Console) -> RunOutcome:
    """Print the report of a run as JSON; where nobody gets it, say where the results are, and return that outcome."""
    try:
        print_json(outcome.as_dict(), required=True)
    except ConfigError as error:
        where = outcome.results or (f"airmeet runs results {outcome.job}" if outcome.job else "")
        console.say(f"error: the report was not printed: {error}{f'; the results are in {where}' if where else ''}")
        return evolve(outcome, code=Exit.UNEXPECTED)
    return outcome


def _places(wanted: BulkRun, flags: BulkFlags, journal: RunJournal) -> tuple[Path | None, Path | None]:
    """Return where results and rows left go: to the same place as those of the last run of the file."""
    results, failed = check_places(flags, wanted.choice)
    recorded = journal.note.get("results") if flags.results is None else None
    path = _absolute(wanted.choice.path)
    if not recorded or (wanted.journal is None and journal.note.get("path") != path):
        return results, failed
    is_free = Path(recorded).parent.is_dir() and recorded not in {_absolute(failed), path}
    return relative_to_here(Path(recorded)) if is_free else results, failed


def _journal_of(wanted: BulkRun, flags: BulkFlags, settings: Settings, *, is_copied: bool = False) -> RunJournal:
    if wanted.is_demo:
        return RunJournal(EventJournal(Path(flags.journal or "")), named=True)
    return find_journal(
        wanted.operation,
        wanted.airmeet_id,
        str(settings.base),
        flags.journal,
        file="" if wanted.choice.name else wanted.choice.path,
        is_copied=is_copied,
    )


def _show_plan(plan: BulkPlan, wanted: BulkRun, console: Console) -> None:
    if plan.fields_error is not None:
        why = str(plan.fields_error) or "no answer in time"
        console.say(*wrapped(f"the event's registration fields could not be read and are not checked yet: {why}"))
    if wanted.journal is None:
        wanted.show(plan)
    else:
        console.say(*plan.count_lines())


def _write_results(outcome: RunOutcome, files: ResultFiles, execution: "_Execution") -> RunOutcome:
    """Write the files, collect what summary and page show of single rows, and return the outcome with all that."""
    report, trouble, code, held = outcome.report, None, outcome.code, 0
    flags, journal = execution.flags, execution.journal
    progress = PhaseDisplay(flags.progress, execution.console, "writing", "writing the results", report.rows_read)

    def each_result() -> Iterator[RowResult]:
        for n, result in enumerate(read_results(journal.path)):
            if flags.report:
                execution.history.add(result)
            if n % 1000 == 0:
                progress(n)
            yield result

    try:
        found = read_summary(journal.path)
        outcome = evolve(outcome, to_repeat=found.to_repeat)
        if found.about.get("operation") == ATTENDEES_ADD.name:
            outcome = evolve(outcome, pending=max(0, report.succeeded - found.registered))
        if files.results or files.failed or flags.report or report.warned_rows:
            event = str(found.about.get("airmeet_id") or "")
            files.write(each_result(), found.columns, report.job, origin_of(found), event)
            _note_places(found, files)
        if report.counts[RowStatus.UNKNOWN]:
            held = count_stale_rows(journal.path)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - see rule 3
        _log.info("no result files", exc_info=True)
        word = outcome.job or shlex.quote(str(journal.path))
        again = f"; the results are kept: airmeet runs results {word} -o FILE" if journal.path.exists() else ""
        trouble = f"{sentence_of(error)}{again}"
        code = code_of_error(error) if isinstance(error, KeyboardInterrupt) else Exit.UNEXPECTED
    finally:
        progress.end()
    return evolve(
        outcome,
        code=code,
        results=str((files.results and files.written.get(files.results)) or ""),
        failed=str(files.written[files.failed]) if files.failed in files.written else None,
        removed=str(files.removed or ""),
        kept=[str(asked) for asked, place in files.written.items() if asked != place],
        trouble=trouble,
        held=held,
    )


def _note_places(found: JournalSummary, files: ResultFiles) -> None:
    """Note where the results are, where that is not where they were to be: ``airmeet runs show`` names the place."""
    places = {"results": files.results, "failed": files.failed}
    real = {name: _absolute(files.written[path]) for name, path in places.items() if path in files.written}
    if not found.list_id or all(found.note.get(name) == path for name, path in real.items()):
        return
    with suppress(JournalError):  # it has been taken by another run already, which notes its own
        writer = JournalWriter(found.path)
        try:
            writer.update_list(found.list_id, {"note": {**found.note, **real}})
        finally:
            writer.close()


def _place(result: RowResult) -> str:
    return f"{'row' if result.line is None else 'line'} {place_of(result)}"


def write_page(file: NewFile, path: Path, outcome: RunOutcome, page: ReportPage) -> RunOutcome:
    """Write the report page, and return the outcome with its place or with the trouble."""
    done = evolve(outcome, page=str(path))
    try:
        write_report_file(file, path, evolve(page, facts=done.as_dict()))
    except Exception as error:  # noqa: BLE001 - the run is done, and its outcome must be told whatever happens here
        _log.info("no report page", exc_info=True)
        said = f"{path}: the report could not be written ({sentence_of(error)})"
        why = str(error) if isinstance(error, ConfigError) else said
        return evolve(outcome, code=Exit.UNEXPECTED, trouble=outcome.trouble or why)
    return done


def _note(wanted: BulkRun, flags: BulkFlags, results: Path | None, failed: Path | None) -> dict[str, Any]:
    """Return what ``airmeet runs`` shows and ``airmeet resume`` needs."""
    asked = flags.job_options()
    is_file = bool(wanted.choice.path) and not wanted.choice.name  # what has a name is no lasting file
    return {
        "command": wording_of(wanted.operation).command,
        "file": wanted.choice.title,
        "typed": typed() if is_file and _SENDS_MORE.isdisjoint(sys.argv) else None,  # addresses are not shown
        "path": None if wanted.choice.name else _absolute(wanted.choice.path),
        "results": _absolute(results),
        "failed": _absolute(failed),
        "version": airmeet_async.__version__,
        "rate": asked["rate"],
        "concurrency": asked["max_in_flight"],
        "max_failures": asked["max_failures"],
    }


def _source_of(wanted: BulkRun) -> str:
    """Return what people call the input; nothing where there is no file."""
    title = wanted.choice.title
    if wanted.journal is not None and not wanted.choice.path:
        before = wanted.journal.before
        title = str(before.note.get("file") or "") if before is not None else ""
    return str(relative_to_here(Path(title))) if title else ""


def _absolute(path: str | Path | None) -> str | None:
    return os.path.abspath(path) if path else None  # noqa: PTH100 - resolves no link, and never fails


def _may_send_stale(journal: RunJournal, console: Console) -> bool:
    """Ask, on a terminal, whether rows that were sent long ago without a clear answer are to be sent again."""
    held = 0
    if journal.before is not None and console.can_ask:
        with suppress(JournalError):  # the run will say why
            held = count_stale_rows(journal.path, journal.before.list_id)
    if not held:
        return False
    console.say(
        f"{counted(held, 'row')} {'was' if held == 1 else 'were'} sent more than 24 hours ago without a clear answer.",
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


def with_hint(error: JournalError, journal: RunJournal | None) -> JournalError:
    """Return the error with the way out, where there is one."""
    is_lent = journal is not None and not error.busy and "its rows are in" in str(error)
    if journal is not None and is_lent and (lent := find_lent(journal.path)) is not None:
        return error_of_lent(lent)
    if journal is None or journal.named or error.busy or not any(word in str(error) for word in _DAMAGED):
        return error
    forget = f"airmeet runs purge --forget {journal.path.stem}"
    return JournalError(f"{error}; or forget what was done ({forget}), after which the next run sends everybody")


@define
class _Execution:
    """One job while it runs.

    Attributes:
        signal: The first signal that came, or None.
        has_begun: There is something to be stopped gently.
        loop: The package of the event loop.
        history: What a report page shows, if one is to be made.
        done: What a row that succeeded is, and that its person is mailed.
    """

    client: AirmeetClient
    job: BulkJob
    console: Console
    flags: BulkFlags
    journal: RunJournal
    signal: int | None = None
    has_begun: bool = False
    loop: str = ""
    history: RunHistory = field(factory=RunHistory)
    done: tuple[str, str] = ("done", "")

    def run(self, runner: asyncio.Runner) -> None:
        """Run the job to its end, or until something stops it.

        Raises:
            JournalError: The journal cannot be used; nothing was sent.
            TerminatedError: A signal came before it began.
        """
        try:
            runner.run(self._run())
        except BaseExceptionGroup as group:
            raise first_error(group) from None
        if self.signal is not None and not self.has_begun:
            raise TerminatedError(self.signal)

    async def _run(self) -> None:
        job, client, console = self.job, self.client, self.console
        with incoming_signals() as signals:
            async with anyio.create_task_group() as helpers:
                helpers.start_soon(self._stop_on, signals, helpers.cancel_scope)
                async with job:
                    self.has_begun = True
                    self.loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
                    how = f"over the {client.transport_name} transport, on {self.loop}"
                    _log.info("job %s begins: %s rows, %s", job.id, job.total, how)
                    total, earlier = job.total or 0, job.earlier
                    # A run with nothing to do would show a bar that is full at once.
                    is_idle = earlier is not None and earlier.settled >= total and total < _FEW_ROWS
                    display = "none" if is_idle and self.flags.progress != "json" else self.flags.progress
                    progress = RunProgress(choose_display(display, console, job.total), job, client, self.done)
                    helpers.start_soon(progress.watch)
                    if self.flags.report:
                        helpers.start_soon(self._record)
                    try:
                        async with listening(self.journal.path, job, console, state=progress.state):
                            await self._drain()
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
                self.job.stop(StopReason.INTERRUPTED, f"stopped by {_CAUSES[number.name]}")
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

    async def _drain(self) -> None:
        """Take the results as they come; those that count are read from the journal afterwards."""
        is_logged = _log.isEnabledFor(logging.DEBUG)
        try:
            async for result in self.job:
                if is_logged:  # without the entry link
                    code = result.error.code if result.error else "-"
                    what = f"{_place(result)} {result.key} {result.status.value}"
                    _log.debug("%s attempts=%d code=%s", what, result.attempts, code)
        except BulkStoppedError as error:
            if self.job.report.stop_reason is None:  # the engine's own fault, not the run's end
                raise
            _log.info("job %s stopped: %s", self.job.id, error)


def stopping(under_way: int, left: int) -> list[str]:
    """Say what happens after the first signal, with that many requests under way and that many rows not read yet."""
    are = "request is" if under_way == 1 else "requests are"
    said = ["stopping" if not under_way else f"stopping: {under_way:,} {are} under way (Ctrl-C again: do not wait)"]
    if left > _MANY_ROWS:
        said.append(f"the other {left:,} rows are being written down as not done")
    return said


@contextmanager
def incoming_signals() -> Iterator[AsyncIterator[Signals]]:
    """Take the signals that end a process; one that is ignored, as nohup does with SIGHUP, stays ignored."""
    numbers = [getattr(signal, name) for name in _CAUSES if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    with ExitStack() as stack:
        try:
            signals = stack.enter_context(anyio.open_signal_receiver(*numbers))
        except NotImplementedError:  # Windows: Ctrl-C cancels the run from outside instead
            signals = _no_signals()
        yield signals


async def _no_signals() -> AsyncIterator[Signals]:
    return
    yield
