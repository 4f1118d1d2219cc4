"""A bulk run, from the settings to the summary. All bulk commands, ``airmeet resume`` and ``airmeet demo`` go this way.

General layout: `Errand` is what was typed, `Work` what is to be done; `carry_out` finds the journal, opens the result
files, runs the job, and returns the `Outcome`.
"""

import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from attrs import evolve, field, frozen

from airmeet_async.bulk.asked import JobOptions
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.report import BulkReport
from airmeet_async.cli.exits import Exit, code_of, sentence_of
from airmeet_async.cli.notes import job_word, may_send_stale, note_of, unfinished
from airmeet_async.cli.outcome import ResultFiles, near
from airmeet_async.cli.output.html_report import ReportFile, ReportPage
from airmeet_async.cli.running import Run
from airmeet_async.cli.settings import Settings
from airmeet_async.cli.shelf import Found, Purpose, find
from airmeet_async.cli.summary import Wording, Written, summary
from airmeet_async.cli.voice import Voice
from airmeet_async.errors import ConfigError
from airmeet_async.front import AirmeetClient

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
