"""``airmeet resume`` and ``airmeet retry``: a run that goes on from its journal, without its file."""

from collections.abc import Mapping
from typing import Any, cast

from attrs import evolve

from airmeet_async.airmeet_client import AirmeetClient
from airmeet_async.bulk.bulk import Again
from airmeet_async.bulk.job import BulkJob
from airmeet_async.bulk.journal.queries import JournalSummary
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
from airmeet_async.cli.output.results_csv import choose_paths, near
from airmeet_async.cli.output.summary import Wording
from airmeet_async.cli.run_store import Found, pick, shelved
from airmeet_async.cli.runner import Errand, Outcome, Work, busy, carry_out
from airmeet_async.errors import JournalError

_AS_BEFORE = ("rate", "concurrency", "max_failures")
_KINDS: dict[str, Kind] = {"speakers.add": "speakers", "sessions.create": "sessions", "booths.create": "booths"}


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


def _introduce(run: JournalSummary, voice: Voice) -> None:
    file = run.note.get("file") or "rows of a program"
    what = f"{run.note.get('command') or run.about.get('operation', '')} {file}".strip()
    voice.say(f"job {run.job}: {what}, {counted(run.rows or 0, 'row')}")


def _work(run: JournalSummary, errand: Errand, again: frozenset[Again]) -> Work:
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


def _words(run: JournalSummary) -> tuple[str, Wording]:
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
