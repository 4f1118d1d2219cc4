"""``airmeet runs``, ``airmeet resume`` and ``airmeet retry``: runs that there are, and what can be done with them."""

import os
import shutil
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from attrs import asdict
from cyclopts import App, Parameter

from airmeet_async.cli.console import Console, print_data, print_json, write_data
from airmeet_async.cli.environment import Settings
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.options import DEFAULT_RUN, BulkFlags, Flag, OutputPath, RunFlags, check_rate, seconds
from airmeet_async.errors import ConfigError, JournalError, NotSentError
from airmeet_async.formatting import counted

if TYPE_CHECKING:
    from airmeet_async.airmeet_client import AirmeetClient
    from airmeet_async.bulk.bulk import Again
    from airmeet_async.bulk.job import BulkJob
    from airmeet_async.bulk.journal.queries import JournalSummary

Job = Annotated[str | None, Parameter(name="JOB", negative="")]
All = Annotated[bool, Parameter(name="--all", negative="", show_default=False)]
Rate = Annotated[str | None, Parameter(name="RATE", negative="")]
Jobs = Annotated[str, Parameter(name="JOB", negative="")]

_TITLES = ("JOB", "STARTED", "STATE", "DONE", "LEFT", "COMMAND", "EVENT", "FILE")

runs = App(
    name="runs",
    help="""List, control and delete runs.

    Each run is recorded in a file, so that it can be resumed and retried. That file
    contains people's data and their personal links: see airmeet runs purge.

    For example:
      airmeet runs
      airmeet runs --json
      airmeet runs pause 3f2a9c1b
    """,
    help_format="plaintext",
)


def resume(job: Job = None, /, *, failed: str | None = None, options: RunFlags = DEFAULT_RUN) -> int:
    """Continue a run that was stopped or killed. The input file is not needed.

    Results go to the same file as before (to a new one if the run has --journal).
    Rows that are done are not sent again. Rows that were refused keep that result:
    see airmeet retry.

    For example:
      airmeet resume
      airmeet resume 3f2a9c1b --rate 50

    Args:
        job: The run's id, the start of it, or the path given to --journal. Default: the newest unfinished run.
        failed: Write the rows that are not done to this file. Default: the one named by the original command.
        options: As for every bulk command.
    """
    return _go_on(job, options, frozenset(), failed)


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
    """Send the failed rows of a run again, or the rows chosen by the options.

    For example:
      airmeet retry 3f2a9c1b
      airmeet retry 3f2a9c1b --failed --rejected

    Args:
        job: The run's id, the start of it, or the path given to --journal. Default: the newest run.
        failed: Rows that were not applied or got no clear answer, however often they were sent.
        rejected: Rows that Airmeet refused.
        unknown: Rows sent without a clear answer that are not sent again automatically, such as sessions.
            Check the event first: they may exist.
        invites: Rows that are done, but whose invitation may not have been mailed. It is mailed now; some people may
            get it twice.
        options: As for every bulk command.
    """
    kinds = {"rejected": rejected, "unknown": unknown, "invites": invites}
    again: set[Any] = {kind for kind, is_wanted in kinds.items() if is_wanted}
    if failed or not again:
        again.add("failed")
    return _go_on(job, options, frozenset(again), None)


def _go_on(word: str | None, options: RunFlags, again: "frozenset[Again]", failed: str | None) -> int:
    """Go on with a run, and send those rows once more that have ended as *again* says."""
    from airmeet_async.cli.input_file import FileChoice
    from airmeet_async.cli.output.results_csv import relative_to_here
    from airmeet_async.cli.output.summary import wording_of
    from airmeet_async.cli.run_store import RunJournal, find_run, is_in_runs_folder, trusted_note
    from airmeet_async.cli.runner import BulkRun, run

    options.job_options()  # finds fault
    found, console = find_run(word, finished=bool(again)), options.console
    if found.process is not None:
        message = f"{found.path}: this run is in progress (process {found.process}); nothing was sent"
        raise JournalError(message, busy=True)
    if found.rows is None:
        raise JournalError(f"{found.path}: the input file was not read completely; run the original command again")
    operation = str(found.about.get("operation", ""))
    if not wording_of(operation).command:
        raise UsageError(f"{found.path}: this run does what a program chose; resume it there (client.bulk.resume)")
    note, path = trusted_note(found), trusted_note(found).get("path") or ""
    console.say(f"job {found.job}: {_what(found, 'rows of a program')}, {counted(found.rows, 'row')}")
    flags: dict[str, Any] = {name: note.get(name) for name in ("rate", "concurrency", "max_failures")}
    flags |= {name: value for name, value in asdict(options).items() if value is not None}
    flags["failed"] = failed or (str(relative_to_here(Path(note["failed"]))) if note.get("failed") else None)

    def start(client: "AirmeetClient", job_options: Any) -> "BulkJob":
        if again:
            return client.bulk.retry(found.path, again=again, **job_options)
        return client.bulk.resume(found.path, **job_options)

    wanted = BulkRun(
        operation=operation,
        airmeet_id=str(found.about.get("airmeet_id", "")),
        start=start,
        options=dict(found.about.get("options") or {}),
        choice=FileChoice(path=path, name=path or note.get("file") or found.path.stem),
        journal=RunJournal(found.path, found, named=not is_in_runs_folder(found.path)),
    )
    return run(wanted, BulkFlags(**flags), Settings.of(os.environ), console).code


def _what(run: "JournalSummary", no_file: str = "") -> str:
    return f"{_command(run)} {run.note.get('file') or no_file}".strip()


def _command(run: "JournalSummary") -> str:
    """Return what does the same as a run: by its operation, and not by what it says of itself."""
    from airmeet_async.cli.output.summary import wording_of

    operation = str(run.about.get("operation", "run"))
    return wording_of(operation).command or operation


def _usage(command: str) -> str:
    return f"Usage: airmeet {command} [OPTIONS] [JOB]"


@runs.default
def list_runs(*, json: Flag = False) -> int:
    """List all runs, the newest first.

    Args:
        json: Print a JSON array.
    """
    from airmeet_async.cli.list_formats import table_lines
    from airmeet_async.cli.run_store import all_runs

    found, wrong = all_runs()
    console = Console()
    console.say(*(f"not listed: {why}" for why in wrong))
    if json:
        print_json([run_shape(run) for run in found])
    elif found:
        print_data("\n".join(table_lines(_that_fit([_TITLES, *map(_cells, found)]))))
    elif not wrong:
        console.say("there is no run yet")
    if wrong:
        console.say("to delete a run that cannot be read: airmeet runs purge with the name of its file")
    return Exit.OK


def _cells(run: "JournalSummary") -> tuple[str, ...]:
    note, rows = run.note, run.rows
    settled = "-" if rows is None else f"{rows - run.left:,} of {rows:,}"
    left = "-" if rows is None else f"{run.left:,}"
    event, file = str(run.about.get("airmeet_id") or "-"), str(note.get("file") or "-")
    return run.job, _begun(run), _state(run), settled, left, _command(run), event, file


def _that_fit(rows: "list[tuple[str, ...]]") -> "list[tuple[str, ...]]":
    """Leave columns out that a narrow terminal has no room for, and that ``airmeet runs show`` has, too."""
    from rich.cells import cell_len

    if not sys.stdout.isatty():
        return rows
    room = shutil.get_terminal_size().columns
    for name in ("LEFT", "EVENT"):
        widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        if sum(widths) + 2 * (len(widths) - 1) <= room:
            break
        place = rows[0].index(name)
        rows = [(*row[:place], *row[place + 1 :]) for row in rows]
    return rows


def _state(run: "JournalSummary") -> str:
    """Return ``running``, ``paused``, ``finished`` or ``interrupted``."""
    from airmeet_async.cli.run_control import ask

    if run.process is None:
        return run.state
    with suppress(ConfigError, NotSentError):  # no answer: it may only just have begun
        return ask(run.path, {"do": "state"}, patience_s=1.0)
    return "running"


def _begun(run: "JournalSummary") -> str:
    return f"{datetime.fromtimestamp(run.created, UTC).astimezone():%Y-%m-%d %H:%M}" if run.created else "-"


def _iso(moment: Any) -> str | None:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds") if moment else None


def run_shape(run: "JournalSummary") -> dict[str, Any]:
    """Return a run's documented JSON shape."""
    from airmeet_async.bulk.journal.queries import COUNTED

    note, about, rows, has_ended = run.note, run.about, run.rows, run.process is None
    return {
        "job": run.job,
        "state": _state(run),
        "process": run.process,
        "begun": _iso(run.facts.get("created")),
        "ended": _iso(run.facts.get("ended")) if has_ended else None,
        "stop_reason": run.facts.get("stop") if has_ended else None,
        "command": _command(run) if note.get("command") else None,
        "operation": about.get("operation"),
        "event": about.get("airmeet_id") or None,
        "base_url": about.get("base"),
        "options": about.get("options") or {},
        "file": note.get("path") or note.get("file"),
        "results_path": note.get("results"),
        "failed_path": note.get("failed"),
        "rows": rows,
        "settled": None if rows is None else rows - run.left,
        "left": None if rows is None else run.left,
        "counts": {name: run.counts.get(name, 0) for name in COUNTED},
        "invites_unverified": run.unverified,
        "version": note.get("version"),
        "journal": str(run.path.absolute()),
    }


@runs.command(sort_key=0, usage=_usage("runs show"))
def show(job: Job = None, /, *, json: Flag = False) -> int:
    """Show one run: what it does, its progress, and the next commands.

    For example:
      airmeet runs show
      airmeet runs show 3f2a9c1b --json

    Args:
        job: The run's id, the start of it, or the path given to --journal. Default: the newest run.
        json: Print one JSON object.
    """
    from airmeet_async.cli.list_formats import fact_lines
    from airmeet_async.cli.run_store import find_run

    run = find_run(job, finished=True)
    if json:
        print_json(run_shape(run))
    else:
        print_data("\n".join(fact_lines((f"{name}:", text) for name, text in _facts(run))))
    return Exit.OK


def _facts(run: "JournalSummary") -> Iterable[tuple[str, str]]:
    from airmeet_async.cli.output.results_csv import relative_to_here

    note, about = run.note, run.about
    yield "job", run.job
    yield "state", f"{_state(run)} (process {run.process})" if run.process else run.state
    yield "started", _begun(run)
    yield "command", _command(run)
    yield "event", f"{about.get('airmeet_id') or '-'} at {about.get('base', '-')}"
    yield "options", ", ".join(f"{name}={value}" for name, value in (about.get("options") or {}).items()) or "none"
    yield "file", str(note.get("path") or note.get("file") or "-")
    yield "results", str(note.get("results") or "-")
    yield "rows", "not read completely" if run.rows is None else f"{run.rows:,}"
    yield from ((f"  {name}", f"{n:,}") for name, n in run.counts.items() if n)
    if run.unverified:
        yield "invitations", f"{counted(run.unverified, 'row')} may not have been mailed"
    yield "run file", str(relative_to_here(run.path))
    if steps := next_steps(run):
        yield "next", " or ".join(steps)


def next_steps(run: "JournalSummary") -> list[str]:
    """Return the commands that can be typed for a run."""
    from airmeet_async.cli.run_store import is_of_no_event
    from airmeet_async.protocol.endpoints import ENDPOINTS

    if run.process is not None:
        held = _state(run) == "paused"
        return [f"airmeet runs {'continue' if held else 'pause'} {run.job}", f"airmeet runs stop {run.job}"]
    endpoint = ENDPOINTS.get(run.about.get("operation", ""))
    can_go_on = run.state == "interrupted" and run.rows is not None and not is_of_no_event(run)
    steps = [f"airmeet resume {run.job}"] if can_go_on else []
    is_repeatable = endpoint is None or endpoint.repeatable
    if run.counts.get("unknown") and not is_repeatable:
        steps.append(f"airmeet retry {run.job} --unknown")
    if run.counts.get("failed") or (run.counts.get("unknown") and is_repeatable and not can_go_on):
        steps.append(f"airmeet retry {run.job}")
    if run.counts.get("rejected"):
        steps.append(f"airmeet retry {run.job} --rejected")
    if run.unverified:
        steps.append(f"airmeet retry {run.job} --invites")
    return steps


@runs.command(sort_key=1, usage=_usage("runs results"))
def results(job: Job = None, /, *, output: OutputPath = None, failed: Flag = False) -> int:
    """Print the result of each row of a run, or write it to a file.

    Also of a run that is in progress, or was stopped or killed. The results
    contain personal links: keep them private.

    For example:
      airmeet runs results 3f2a9c1b -o people-results.csv

    Args:
        job: The run's id, the start of it, or the path given to --journal. Default: the newest run.
        output: A file ending in .csv, or .jsonl for JSON lines. Default: CSV on standard output.
        failed: Only the rows that are not done.
    """
    from airmeet_async.bulk.journal.queries import read_results
    from airmeet_async.bulk.report import DONE
    from airmeet_async.cli.output.results_csv import ResultFiles, result_encoder
    from airmeet_async.cli.run_store import find_run

    run, console = find_run(job, finished=True), Console()
    if not any(run.counts.values()):
        raise JournalError(f"{run.path}: the input file was not read completely, so nothing was sent")
    found = (result for result in read_results(run.path) if not failed or result.status not in DONE)
    if output is None:
        encode = result_encoder(Path("results.csv"), run.columns, run.job)
        write_data(map(encode, chain([None], found)))
        return Exit.OK
    with ResultFiles(Path(output), None) as files:
        files.write(found, run.columns, run.job)
    console.say(f"results: {output} (contains personal links: keep it private)")
    return Exit.OK


@runs.command(sort_key=1, usage="Usage: airmeet runs purge [OPTIONS] [JOB...]")
def purge(*jobs: Jobs, all_: All = False, older_than: str | None = None, yes: Flag = False, json: Flag = False) -> int:
    """Delete finished runs, with the personal data and links recorded in them.

    Result files are kept. A run in progress is never deleted.

    For example:
      airmeet runs purge
      airmeet runs purge --all --older-than 30d --yes
      airmeet runs purge 3f2a9c1b

    Args:
        jobs: Delete only these runs, finished or not.
        all_: Also delete unfinished runs, which can then no longer be resumed.
        older_than: Delete only runs unchanged for this long, such as 12h or 30d.
        yes: Do not ask.
        json: Print one JSON object: removed, kept.
    """
    from airmeet_async.bulk.journal.queries import JournalSummary
    from airmeet_async.cli.run_store import all_runs, damaged_runs, find_run_to_remove

    older_s, console = seconds(older_than, "--older-than"), Console()
    states = {"finished", "interrupted"} if all_ or jobs else {"finished"}
    found, wrong = ([find_run_to_remove(word) for word in jobs], []) if jobs else all_runs()
    if all_ and not jobs:
        found += damaged_runs()
    else:
        console.say(*(f"not listed: {why}" for why in wrong))
    chosen, kept = list[JournalSummary](), list[JournalSummary]()
    for run in found:
        if jobs and run.process is not None:
            raise UsageError(f"run {run.job} is in progress; stop it first: airmeet runs stop {run.job}")
        is_old = older_s is None or time.time() - run.changed > older_s
        (chosen if is_old and run.state in states else kept).append(run)
    if not chosen:
        console.say("nothing to delete" + (f"; {len(kept)} kept" if kept else ""))
    elif not _may_remove(chosen, console, agreed=yes):
        console.say("nothing was deleted")
        chosen = []
    removed = [run for run in chosen if _remove(run.path, console)]
    for run in removed:
        console.say(f"deleted {run.job}: {_what(run) if run.facts else 'a run that could not be read'}")
    if json:
        print_json({"removed": [run.job for run in removed], "kept": [run.job for run in kept]})
    return Exit.OK if len(removed) == len(chosen) else Exit.TEMPORARY


def _may_remove(chosen: "list[JournalSummary]", console: Console, *, agreed: bool) -> bool:
    readable = [run for run in chosen if run.facts]
    links, unfinished = sum(run.counts["succeeded"] for run in readable), sum(run.left for run in readable)
    if readable:
        console.say(
            f"{counted(len(readable), 'run')}, {counted(sum(run.rows or 0 for run in readable), 'row')}, with "
            f"names, addresses and {links:,} personal links; deleted runs cannot be resumed or retried"
        )
    if damaged := len(chosen) - len(readable):
        console.say(f"{counted(damaged, 'run')} that cannot be read, with names, addresses and personal links")
    if unfinished:
        console.say(f"  {counted(unfinished, 'row')} in them are not done")
    return agreed or not console.can_ask or console.confirm("Delete?")


def _remove(path: Path, console: Console) -> bool:
    """Remove a journal, unless a run has just begun with it."""
    from airmeet_async.cli.run_store import remove_journal

    try:
        remove_journal(path)
    except JournalError as error:
        console.say(f"kept: {error}")
        return False
    return True


@runs.command(sort_key=2, usage=_usage("runs pause"))
def pause(job: Job = None, /) -> int:
    """Pause a run until airmeet runs continue.

    For example:
      airmeet runs pause 3f2a9c1b

    Args:
        job: The run's id or the start of it. Default: the only run in progress.
    """
    return _ask(job, {"do": "pause"})


@runs.command(name="continue", sort_key=3, usage=_usage("runs continue"))
def continue_(job: Job = None, /) -> int:
    """Continue a run after airmeet runs pause.

    For a run that has ended, see airmeet resume.

    For example:
      airmeet runs continue 3f2a9c1b

    Args:
        job: The run's id or the start of it. Default: the only run in progress.
    """
    return _ask(job, {"do": "continue"})


@runs.command(sort_key=4, usage="Usage: airmeet runs rate [JOB] RATE")
def rate(job: Job = None, rate: Rate = None, /) -> int:
    """Change the rate of a run.

    For example:
      airmeet runs rate 3f2a9c1b 50
      airmeet runs rate 3f2a9c1b auto

    Args:
        job: The run's id or the start of it. Default: the only run in progress.
        rate: Requests per second, or auto: as many as Airmeet allows.
    """
    word, wanted = (job, rate) if rate is not None else (None, job)
    if wanted is None:
        raise UsageError("RATE is missing: requests per second, or auto")
    return _ask(word, {"do": "rate", "rate": check_rate(wanted)})


@runs.command(sort_key=5, usage=_usage("runs stop"))
def stop(job: Job = None, /) -> int:
    """Stop a run as Ctrl-C does: requests in progress finish. It can be resumed.

    For example:
      airmeet runs stop 3f2a9c1b

    Args:
        job: The run's id or the start of it. Default: the only run in progress.
    """
    return _ask(job, {"do": "stop"})


def _ask(word: str | None, request: dict[str, Any]) -> int:
    """Ask a run that is going on for something, by default the only one."""
    from airmeet_async.cli.run_control import ask
    from airmeet_async.cli.run_store import all_runs, find_run

    if word is None:
        going_on = [run for run in all_runs()[0] if run.process is not None]
        if len(going_on) != 1:
            many = f"{len(going_on)} runs are in progress; name one (airmeet runs)"
            raise UsageError(many if going_on else "no run is in progress")
        [run] = going_on
    else:
        run = find_run(word)
    if run.process is None:
        why = "is finished" if run.state == "finished" else f"is not running: airmeet resume {run.job}"
        raise UsageError(f"job {run.job} {why}")
    Console().say(f"job {run.job}: {ask(run.path, request)}")
    return Exit.OK
