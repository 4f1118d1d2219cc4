"""``airmeet register``: from a file to a run to result files. All bulk commands, and ``airmeet demo``, go this way."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path

import anyio
from attrs import field, frozen

from airmeet_async.api.addresses import check_id
from airmeet_async.bulk.bulk import DEFAULT_RATE
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.report import BulkReport, StopReason
from airmeet_async.cli.exits import Exit, code_of
from airmeet_async.cli.faces import Progress, choose
from airmeet_async.cli.outcome import ResultFiles, choose_paths
from airmeet_async.cli.settings import Settings
from airmeet_async.cli.signals import Stopper, arriving
from airmeet_async.cli.source import FileChoice, People, look_through, open_people
from airmeet_async.cli.summary import Wording, Written, introduction, plan, summary
from airmeet_async.cli.voice import Voice
from airmeet_async.errors import BulkStoppedError
from airmeet_async.front import AirmeetClient

_log = logging.getLogger("airmeet_async.cli")

_MANY = 100_000


@frozen(kw_only=True)
class Errand:
    """What every bulk command is told.

    Attributes:
        airmeet_id: The event.
        rate: Requests per second; by default the environment's, else 25.
        concurrency: Requests under way at once.
        results: Where the results go; by default a new file in the current directory.
        failed: Where the rows go that are left.
        progress: How it is shown.
        brief: The caller tells the outcome in its own way.
    """

    airmeet_id: str
    rate: float | None = None
    concurrency: int | None = None
    results: str | None = None
    failed: str | None = None
    progress: str = "auto"
    brief: bool = False


@frozen(kw_only=True)
class Order(Errand):
    """Who is to be registered.

    Attributes:
        file: Who.
        invite: Whether Airmeet mails them.
        register: Whether they become confirmed registrations.
    """

    file: FileChoice
    invite: bool
    register: bool = False


@frozen(kw_only=True)
class Work:
    """A bulk run that can begin.

    Attributes:
        rows: How many.
        header: Their columns.
        begin: Makes the job, for a client and a rate.
        intention: What is said before it, in a sentence.
        words: What is said after it.
        results: Where the results go, or None for nowhere.
        failed: Where the rows go that are left, or None.
    """

    rows: int
    header: tuple[str, ...]
    begin: Callable[[AirmeetClient, float], BulkJob]
    intention: str
    results: Path | None
    failed: Path | None
    words: Wording = field(factory=Wording)


@frozen
class Outcome:
    """What came of it.

    Attributes:
        report: Of the run.
        code: For the end of the process.
        results: The file with one line per row, if there is one.
        left: The file with the rows that are left, if there is one.
        trouble: Why the result files are not whole, or None.
    """

    report: BulkReport
    code: int
    results: str
    left: str | None
    trouble: str | None = None

    def as_dict(self) -> dict[str, object]:
        """Return the documented JSON shape (``--json``)."""
        facts: dict[str, object] = {"results_path": self.results or None, "failed_path": self.left}
        if self.trouble:
            facts["error"] = {"code": "unexpected", "message": self.trouble}
        return {**self.report.as_dict(), **facts, "exit_code": int(self.code)}


def register(order: Order, environ: dict[str, str], voice: Voice) -> Outcome:
    """Register everybody of a file.

    Everything that can be found out without sending is found out first: the input, then the settings, then the
    result files.

    Raises:
        AirmeetError: The run could not begin.
    """
    check_id(order.airmeet_id, "AIRMEET_ID")
    results, failed = choose_paths(order.file.path, order.results, order.failed)
    people = open_people(order.file)
    _introduce(people, voice)
    table = people.table

    def begin(client: AirmeetClient, rate: float) -> BulkJob:
        return client.bulk.add_attendees(
            order.airmeet_id,
            table,
            send_email_invite=order.invite,
            register_attendee=order.register,
            columns=people.overrides,
            rate=rate,
        )

    work = Work(
        rows=table.rows,
        header=table.header,
        begin=begin,
        intention=_intention(order),
        results=results,
        failed=failed,
    )
    return carry_out(order, work, environ, voice)


def _introduce(people: People, voice: Voice) -> None:
    voice.say(*introduction(people))
    if people.table.rows > _MANY:
        voice.say("checking all rows before anything is sent...")
    found = anyio.run(look_through, people)
    voice.say(plan(found))


def _intention(order: Order) -> str:
    mails = "Airmeet mails each person an invitation" if order.invite else "no invitations are mailed"
    kind = "; confirmed registrations, which use up the plan's" if order.register else ""
    return f"{mails}{kind}"


def carry_out(errand: Errand, work: Work, environ: dict[str, str], voice: Voice) -> Outcome:
    """Do a bulk run, from the settings to the summary.

    Raises:
        AirmeetError: The run could not begin.
    """
    settings = Settings.of(environ)
    client = settings.client(errand.concurrency)
    rate = errand.rate or settings.rate or DEFAULT_RATE
    with ResultFiles(work.results, work.failed, work.header) as files:
        voice.say(*settings.notices, f"event {errand.airmeet_id} at {settings.base}")
        voice.say(f"{work.intention}; at most {rate:g} requests per second")
        stopper = Stopper(voice)
        job = work.begin(client, rate)
        _log.info("job %s begins: %d rows, %g requests/s", job.id, work.rows, rate)
        anyio.run(partial(_run, client, job, files, stopper, face=errand.progress, voice=voice))
    written = Written(
        results=str(files.results or ""),
        left=str(files.left) if files.left else None,
        total=job.total or 0,
        warned=files.warned,
        brief=errand.brief,
        words=work.words,
    )
    return _conclude(job.report, written, files.trouble, stopper, voice)


async def _run(
    client: AirmeetClient, job: BulkJob, files: ResultFiles, stopper: Stopper, *, face: str, voice: Voice
) -> None:
    with arriving() as signals:
        async with client, job:
            progress = Progress(choose(face, voice, job.total), job, client)
            try:
                async with anyio.create_task_group() as helpers:
                    helpers.start_soon(stopper.watch, signals, job, client)
                    helpers.start_soon(progress.watch)
                    await _collect(job, files)
                    helpers.cancel_scope.cancel()
            finally:
                progress.end()


async def _collect(job: BulkJob, files: ResultFiles) -> None:
    try:
        async for result in job:
            files.add(result)
            if files.trouble:
                job.stop(StopReason.STOPPED, files.trouble)
    except BulkStoppedError as error:
        if job.report.stop_reason is None:  # the engine's own fault, not the run's end
            raise
        _log.info("job %s stopped: %s", job.id, error)


def _conclude(report: BulkReport, written: Written, trouble: str | None, stopper: Stopper, voice: Voice) -> Outcome:
    _log.info("job %s ended: %d of %d rows succeeded", report.job, report.succeeded, report.rows_read)
    voice.say(*summary(report, written))
    code = code_of(report, stopper.number)
    if trouble:
        voice.say(f"error: {trouble}")
        code = Exit.UNEXPECTED
    return Outcome(report, code, written.results, written.left, trouble)
