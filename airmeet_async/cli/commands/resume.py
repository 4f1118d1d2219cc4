"""``airmeet resume`` and ``airmeet retry``: a run that goes on from its journal, without its file."""

import os
from collections.abc import Mapping
from typing import Annotated, Any, cast

from attrs import evolve
from cyclopts import Parameter

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.bulk.bulk import Again
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal.queries import Look
from airmeet_async.bulk.options import JobOptions, RunOptions
from airmeet_async.bulk.table_cells import counted
from airmeet_async.cli.commands.access import WORDS as BLOCKING
from airmeet_async.cli.commands.access import intention as access_intention
from airmeet_async.cli.commands.imports import Kind
from airmeet_async.cli.commands.imports import intention as import_intention
from airmeet_async.cli.commands.imports import words as import_words
from airmeet_async.cli.commands.register import intention as register_intention
from airmeet_async.cli.console import Voice
from airmeet_async.cli.environment import Settings
from airmeet_async.cli.options import DEFAULT_RUN, Flag, RunFlags
from airmeet_async.cli.output.results_csv import choose_paths, near
from airmeet_async.cli.output.summary import Wording
from airmeet_async.cli.run_store import Found, pick, shelved
from airmeet_async.cli.runner import Errand, Outcome, Work, busy, carry_out
from airmeet_async.errors import JournalError

_AS_BEFORE = ("rate", "concurrency", "max_failures")
_KINDS: dict[str, Kind] = {"speakers.add": "speakers", "sessions.create": "sessions", "booths.create": "booths"}

Job = Annotated[str | None, Parameter(name="JOB", negative="")]


def go_on(word: str | None, options: Mapping[str, Any], again: frozenset[Again], environ: dict[str, str],
          voice: Voice) -> Outcome:  # fmt: skip
    """Go on with a run.

    Args:
        word: Its id, the beginning of it, or a path; by default the newest that is not finished.
        options: What was typed.
        again: Rows that have ended, and are to be sent once more.
        environ: The environment.
        voice: Who speaks.

    Raises:
        AirmeetError: It could not go on.
    """
    run = pick(word, finished=bool(again))
    if run.process is not None:
        raise busy(run.path, run.process)
    if run.rows is None:
        raise JournalError(f"{run.path}: its input was not read to its end; run the same command again, with the file")
    as_before = {name: run.note.get(name) for name in _AS_BEFORE if options.get(name) is None}
    errand = Errand(airmeet_id=str(run.about.get("airmeet_id", "")), **{**options, **as_before})
    _introduce(run, voice)
    return carry_out(errand, _work(run, errand, again), Settings.of(environ), voice)


def again_of(asked: Mapping[Again, bool]) -> frozenset[Again]:
    """Return which rows are to be sent once more: those that failed, unless something else was said."""
    return frozenset(name for name, wanted in asked.items() if wanted) or frozenset(("failed",))


def _introduce(run: Look, voice: Voice) -> None:
    file = run.note.get("file") or "rows of a program"
    what = f"{run.note.get('command') or run.about.get('operation', '')} {file}".strip()
    voice.say(f"job {run.job}: {what}, {counted(run.rows or 0, 'row')}")


def _work(run: Look, errand: Errand, again: frozenset[Again]) -> Work:
    def begin(client: AirmeetClient, options: JobOptions) -> BulkJob:
        asked = cast(RunOptions, options)
        return client.bulk.retry(run.path, again=again, **asked) if again else client.bulk.resume(run.path, **asked)

    note = run.note
    results, failed = choose_paths(
        note.get("path") or note.get("file") or run.path.stem, errand.results, errand.failed or note.get("failed")
    )
    intention, words = _words(run)
    return Work(
        operation=str(run.about.get("operation", "")),
        source=note.get("path") or "",
        rows=run.rows or 0,
        header=run.columns,
        begin=begin,
        intention=intention,
        results=results,
        failed=near(failed) if failed else None,
        words=words,
        found=Found(run.path, run.facts, named=not shelved(run.path)),
    )


def _words(run: Look) -> tuple[str, Wording]:
    """Return what is said before the run and after it."""
    operation, options = str(run.about.get("operation", "")), run.about.get("options") or {}
    if operation == "attendees.add":
        invite, register = options.get("sendEmailInvite") is True, options.get("registerAttendee") is True
        return register_intention(invite=invite, register=register), Wording()
    if operation in {"attendees.block", "attendees.unblock"}:
        return access_intention(block=operation == "attendees.block"), BLOCKING
    if operation in _KINDS:
        kind = _KINDS[operation]
        return import_intention(kind), import_words(str(run.about.get("airmeet_id", "")), kind)
    return "each row makes one request", evolve(Wording(), links=False)


def resume(job: Job = None, /, *, failed: str | None = None, options: RunFlags = DEFAULT_RUN) -> int:
    """Go on with a run that was stopped or killed. The file is not needed again.

    Results go where the run's own command has put them. What is done is not sent
    again, and what failed or was refused keeps that result: see airmeet retry.

    For example:
      airmeet resume
      airmeet resume 3f2a9c1b --rate 50

    Args:
        job: Its id, the beginning of it, or the path of its journal; otherwise the newest unfinished run.
        failed: A file with only the rows that are not done; otherwise as the run's own command said.
        options: As for every bulk command.
    """
    return options.end(
        go_on(job, {**options.errand(), "failed": failed}, frozenset(), dict(os.environ), options.voice())
    )


def retry(
    job: Job = None,
    /,
    *,
    failed: Flag = False,
    rejected: Flag = False,
    unknown: Flag = False,
    invites: Flag = False,
    options: RunFlags = DEFAULT_RUN,
) -> int:
    """Send rows of a run once more: those that failed, unless something else is said.

    For example:
      airmeet retry 3f2a9c1b
      airmeet retry 3f2a9c1b --failed --rejected

    Args:
        job: Its id, the beginning of it, or the path of its journal; otherwise the newest run.
        failed: Rows whose attempts are spent.
        rejected: Rows that Airmeet has refused.
        unknown: Rows that were sent without a clear answer and are not sent again by themselves, such as sessions:
            look in the event first, they may be there.
        invites: Rows that are done, but whose invitation may have been mailed or not. It is mailed now, to some people
            for the second time.
        options: As for every bulk command.
    """
    again = again_of({"failed": failed, "rejected": rejected, "unknown": unknown, "invites": invites})
    return options.end(go_on(job, options.errand(), again, dict(os.environ), options.voice()))
