"""``airmeet register``: from a file to a run to result files. ``airmeet demo`` goes the same way."""

import logging
from functools import partial

import anyio
from attrs import frozen

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
from airmeet_async.cli.summary import Written, introduction, plan, summary
from airmeet_async.cli.voice import Voice
from airmeet_async.errors import BulkStoppedError
from airmeet_async.front import AirmeetClient

_log = logging.getLogger("airmeet_async.cli")

_MANY = 100_000


@frozen(kw_only=True)
class Order:
    """What is to be done.

    Attributes:
        airmeet_id: The event.
        file: Who.
        invite: Whether Airmeet mails them.
        register: Whether they become confirmed registrations.
        rate: Requests per second; by default the environment's, else 25.
        concurrency: Requests under way at once.
        results: Where the results go; by default a new file in the current directory.
        failed: Where the rows go that are left.
        progress: How it is shown.
        brief: The caller tells the outcome in its own way.
    """

    airmeet_id: str
    file: FileChoice
    invite: bool
    register: bool = False
    rate: float | None = None
    concurrency: int | None = None
    results: str | None = None
    failed: str | None = None
    progress: str = "auto"
    brief: bool = False


@frozen
class Outcome:
    """What came of it.

    Attributes:
        report: Of the run.
        code: For the end of the process.
        results: The file with one line per row.
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
        facts: dict[str, object] = {"results_path": self.results, "failed_path": self.left}
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
    settings = Settings.of(environ)
    client = settings.client(order.concurrency)
    rate = order.rate or settings.rate or DEFAULT_RATE
    with ResultFiles(results, failed, people.table.header) as files:
        voice.say(*settings.notices, *_intention(order, settings, rate))
        stopper = Stopper(voice)
        job = client.bulk.add_attendees(
            order.airmeet_id,
            people.table,
            send_email_invite=order.invite,
            register_attendee=order.register,
            columns=people.overrides,
            rate=rate,
        )
        _log.info("job %s begins: %d rows, %g requests/s", job.id, people.table.rows, rate)
        anyio.run(partial(_run, client, job, files, stopper, face=order.progress, voice=voice))
    left = str(files.left) if files.left else None
    written = Written(
        results=str(files.results), left=left, total=job.total or 0, warned=files.warned, brief=order.brief
    )
    return _conclude(job.report, written, files.trouble, stopper, voice)


def _introduce(people: People, voice: Voice) -> None:
    voice.say(*introduction(people))
    if people.table.rows > _MANY:
        voice.say("checking all rows before anything is sent...")
    found = anyio.run(look_through, people)
    voice.say(plan(found))


def _intention(order: Order, settings: Settings, rate: float) -> list[str]:
    mails = "Airmeet mails each person an invitation" if order.invite else "no invitations are mailed"
    kind = "; confirmed registrations, which use up the plan's" if order.register else ""
    return [f"event {order.airmeet_id} at {settings.base}", f"{mails}{kind}; at most {rate:g} requests per second"]


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
