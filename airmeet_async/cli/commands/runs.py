"""``airmeet runs``, ``airmeet resume`` and ``airmeet retry``: runs that there are, and what can be done with them."""

import hashlib
import os
import shutil
import sys
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from attrs import asdict, evolve
from cyclopts import App, Parameter

from airmeet_async.cli.console import Console, print_data, print_json, write_data
from airmeet_async.cli.environment import Settings, region_of
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.options import DEFAULT_RUN, BulkFlags, Flag, OutputPath, RunFlags, check_rate, seconds
from airmeet_async.errors import ConfigError, JournalError, NotSentError
from airmeet_async.formatting import counted, wrapped

if TYPE_CHECKING:
    from airmeet_async.airmeet_client import AirmeetClient
    from airmeet_async.bulk.bulk import Again
    from airmeet_async.bulk.job import BulkJob
    from airmeet_async.bulk.journal.queries import JournalSummary
    from airmeet_async.bulk.options import ShardPace

Job = Annotated[str | None, Parameter(name="JOB", negative="")]
All = Annotated[bool, Parameter(name="--all", negative="", show_default=False)]
Rate = Annotated[str | None, Parameter(name="RATE", negative="")]
Jobs = Annotated[str, Parameter(name="JOB", negative="")]

_FORGOTTEN = (
    "What was done is forgotten: the next run of the same people sends them once more, and with --invite mails "
    "everybody in its list again."
)
_KINDS_NOT_DONE = ("LEFT", "REFUSED", "LEFT OUT")
_TITLES = ("JOB", "STARTED", "STATE", "DONE", *_KINDS_NOT_DONE, "COMMAND", "EVENT", "AT", "FILE")
_NOT_DONE = _TITLES.index(_KINDS_NOT_DONE[0])

runs: App = App(
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


def resume(
    job: Job = None,
    /,
    *,
    failed: str | None = None,
    yes: Flag = False,
    finished_event: Flag = False,
    options: RunFlags = DEFAULT_RUN,
) -> int:
    """Continue a run that was stopped or killed. The input file is not needed.

    Results go to the same file as before (to a new one if the run has --journal).
    Rows that are done are not sent again. Rows that were refused keep that result:
    see airmeet retry.

    For example:
      airmeet resume
      airmeet resume 3f2a9c1b --rate 50

    Args:
        job: The run's id, the start of it, the path given to --journal, or an event's id for all its unfinished runs.
            Default: the newest unfinished run.
        failed: Write the rows that are not done to this file, as the original command does. Default: the one that it
            named.
        yes: People may be mailed or lose access: do not ask. Without a terminal nobody can be asked, so such a run
            needs it.
        finished_event: People may be mailed although the event is over.
        options: As for every bulk command.
    """
    return _go_on(job, options, frozenset(), failed, yes=yes, finished_event=finished_event)


def retry(
    job: Job = None,
    /,
    *,
    failed: Flag = False,
    rejected: Flag = False,
    unknown: Flag = False,
    invites: Flag = False,
    yes: Flag = False,
    finished_event: Flag = False,
    options: RunFlags = DEFAULT_RUN,
) -> int:
    """Send the failed rows of a run again, or the rows chosen by the options.

    For example:
      airmeet retry 3f2a9c1b
      airmeet retry 3f2a9c1b --failed --rejected

    Args:
        job: The run's id, the start of it, the path given to --journal, or an event's id for all its runs with such
            rows. Default: the newest run with such rows.
        failed: Rows that were not applied or got no clear answer, however often they were sent.
        rejected: Rows that Airmeet refused.
        unknown: Rows sent without a clear answer that are not sent again automatically, such as sessions.
            Check the event first: they may exist.
        invites: Rows that are done, but whose invitation may not have been mailed. Whom Airmeet calls invited in the
            event's list of participants is left out; the others are mailed now.
        yes: People may be mailed or lose access: do not ask. Without a terminal nobody can be asked, so such a run
            needs it.
        finished_event: People may be mailed although the event is over.
        options: As for every bulk command.
    """
    kinds = {"rejected": rejected, "unknown": unknown, "invites": invites}
    again: set[Any] = {kind for kind, is_wanted in kinds.items() if is_wanted}
    if failed or not again:
        again.add("failed")
    return _go_on(job, options, frozenset(again), None, yes=yes, finished_event=finished_event)


def _go_on(
    word: str | None,
    options: RunFlags,
    again: "frozenset[Again]",
    failed: str | None,
    *,
    yes: bool,
    finished_event: bool,
) -> int:
    """Go on with a run, and send those rows once more that have ended as *again* says."""
    from airmeet_async.cli.run_store import find_runs, is_unfinished

    options.job_options()  # finds fault
    found = find_runs(word, partial(_has_some, again=again) if again else is_unfinished, is_needed=not again)
    console = options.console
    if options.json and len(found) > 1:
        raise UsageError(f"--json is for one run; name one of {', '.join(run.job for run in found)}")
    code = int(Exit.OK)
    for n, run in enumerate(found):
        if n:
            console.say("")
        ended = _go_on_with(run, options, again, failed, yes=yes, finished_event=finished_event)
        if ended > 128:
            return ended
        code = code or ended
    return code


def _has_some(run: "JournalSummary", again: "frozenset[Again]") -> bool:
    """Whether a run has rows that ended as *again* says."""
    counts = run.counts
    found = {"failed": counts["failed"] + counts["unknown"], "rejected": counts["rejected"]}
    found |= {"unknown": counts["unknown"], "invites": run.unverified}
    return any(found[kind] for kind in again)


def _go_on_with(
    found: "JournalSummary",
    options: RunFlags,
    again: "frozenset[Again]",
    failed: str | None,
    *,
    yes: bool,
    finished_event: bool,
) -> int:
    """Go on with one list, with its own flags."""
    from airmeet_async.bulk.options import ShardPace
    from airmeet_async.cli.input_file import FileChoice
    from airmeet_async.cli.output.results_csv import relative_to_here
    from airmeet_async.cli.output.summary import intention_of, wording_of
    from airmeet_async.cli.run_store import PEOPLE, RunJournal, find_journal, is_in_runs_folder, trusted_note
    from airmeet_async.cli.runner import BulkRun, run

    console = options.console
    if found.rows is None:
        why = "the input file was not read completely, or nobody has said yes to what was read"
        raise JournalError(f"{found.path}: {why}; run the original command again (nothing was sent)")
    operation, event = str(found.about.get("operation", "")), str(found.about.get("airmeet_id", ""))
    if not wording_of(operation).command:
        raise UsageError(f"{found.path}: this run does what a program chose; resume it there (client.bulk.resume)")
    wishes = dict(found.about.get("options") or {})
    if "invites" in again and not wishes.get("sendEmailInvite"):
        what = intention_of(operation, wishes)
        raise UsageError(f"job {found.job} ({_what(found)}): {what}, so there is none to mail again; nothing was sent")
    note = trusted_note(found)
    path = note.get("path") or ""
    what = f"; {intention_of(operation, wishes)}" if operation in PEOPLE else ""
    no_file = "typed addresses" if found.note.get("command") else "rows of a program"
    shard = found.facts.get("shard")
    if shard is not None:
        no_file = f"part {shard['number'] + 1} of {shard['of']}"
    console.say(f"job {found.job}: {_what(found, no_file)}, {counted(found.rows, 'row')}{what}")
    if path and _has_changed(path, found.list_facts.get("source") or {}):
        now = f"to send the list as it is now, run airmeet {_command(found)} again instead"
        console.say(*wrapped(f"{relative_to_here(Path(path))} has changed since: this sends it as it was; {now}"))
    flags: dict[str, Any] = {name: note.get(name) for name in ("rate", "concurrency", "max_failures")}
    flags |= {name: value for name, value in asdict(options).items() if value is not None}
    settings = Settings.of(os.environ, options.redis)
    if shard is not None:
        settings = _settings_for_shard(settings, found.path, ShardPace.of_shard(found.facts))
    is_named = not is_in_runs_folder(found.path)
    flags["failed"] = failed or (str(relative_to_here(Path(note["failed"]))) if note.get("failed") else None)

    file = find_journal(operation, event, str(found.about.get("base", "")), str(found.path)).file
    file = evolve(file, list_job=found.list_facts.get("job"))

    def start(client: "AirmeetClient", job_options: Any) -> "BulkJob":
        if again:
            return client.bulk.retry(file, again=again, **job_options)
        if shard is not None and flags["rate"] is None:
            job_options = {name: value for name, value in job_options.items() if name != "rate"}
        return client.bulk.resume(file, **job_options)

    wanted = BulkRun(
        operation=operation,
        airmeet_id=event,
        start=start,
        options=wishes,
        # Whoever typed addresses has asked for no results; those of a file with an untrusted note are named after it.
        # A shard has none unless they are wanted: they are in the run that it was cut from.
        choice=FileChoice(
            path=path, name=path or note.get("file") or (found.path.stem if is_named and shard is None else "")
        ),
        journal=RunJournal(file, found, named=is_named),
        again=again,
        yes=yes,
        finished_event=finished_event,
    )
    return run(wanted, BulkFlags(**flags), settings, console).code


def _has_changed(path: str, source: Mapping[str, Any]) -> bool:
    """Whether a file is another one than when its list was read, as far as it can be read."""
    try:
        if not Path(path).is_file():
            return False
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return False
    return bool(digest != source.get("sha256", digest))


def _settings_for_shard(settings: Settings, path: Path, pace: "ShardPace") -> Settings:
    """Let all who send the shards of a folder share a token, as `run_shard` does."""
    from airmeet_async.bulk.journal.cut import TOKEN_FOLDER
    from airmeet_async.client.token_store import FileTokenStore

    if settings.redis is None:
        return evolve(settings, store=FileTokenStore(path.absolute().parent / TOKEN_FOLDER), notices=())
    return evolve(settings, workers=max(pace.workers or 1, settings.workers))


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
    from airmeet_async.protocol.base_urls import Region, base_of

    found, wrong = all_runs()
    console = Console()
    console.say(*(f"not listed: {why}" for why in wrong))
    if json:
        print_json([run_shape(run) for run in found])
    elif found:
        states = [_standstill(run) for run in found]
        rows = [_TITLES, *map(_cells, found, states)]
        if all(run.about.get("base") in {None, base_of(Region.GLOBAL)} for run in found):
            rows = _without("AT", rows)
        print_data("\n".join(table_lines(_that_fit(rows))))
        console.say(*(f"{run.job}: {why}" for run, why in zip(found, states, strict=True) if why))
        console.say(*(f"{run.job}: {run.unverified:,} perhaps not mailed" for run in found if run.unverified))
    elif not wrong:
        console.say("there is no run yet")
    if wrong:
        console.say("to delete a run that cannot be read: airmeet runs purge with the name of its file")
    return Exit.OK


def _cells(run: "JournalSummary", standstill: str) -> tuple[str, ...]:
    event, file = str(run.about.get("airmeet_id") or "-"), str(run.note.get("file") or "-")
    numbers: tuple[str, ...] = ("-",) * 4
    if run.rows is not None:
        done, *others = _kinds(run).values()
        numbers = (f"{done:,} of {run.rows:,}", *(f"{n:,}" for n in others))
    base = str(run.about.get("base") or "-")
    place = region_of(base) or base.partition("//")[2] or base
    mails = " --invite" if (run.about.get("options") or {}).get("sendEmailInvite") else ""
    return run.job, _begun(run), _state(run, standstill), *numbers, _command(run) + mails, event, place, file


def _kinds(run: "JournalSummary") -> dict[str, int]:
    """Return the rows of a run in four kinds that add up to all of them; a resume or a retry sends those left."""
    return {
        "done": run.counts["succeeded"],
        "left": run.left + run.counts["failed"],
        "refused": run.counts["rejected"],
        "left_out": run.left_out,
    }


def _without(title: str, rows: "list[tuple[str, ...]]") -> "list[tuple[str, ...]]":
    place = rows[0].index(title)
    return [(*row[:place], *row[place + 1 :]) for row in rows]


def _that_fit(rows: "list[tuple[str, ...]]") -> "list[tuple[str, ...]]":
    """Leave columns out that a narrow terminal has no room for, and that ``airmeet runs show`` has, too.

    The address is not left out where it tells runs apart, and the numbers of a run always add up.
    """
    from rich.cells import cell_len

    if not sys.stdout.isatty():
        return rows
    room = shutil.get_terminal_size().columns
    spare: list[str] = ["EVENT", _TITLES[_NOT_DONE], "COMMAND"]
    if "AT" in rows[0] and len({row[rows[0].index("AT")] for row in rows[1:]}) == 1:
        spare.insert(0, "AT")
    for name in spare:
        widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
        if sum(widths) + 2 * (len(widths) - 1) <= room:
            break
        rows = _with_one_for_not_done(rows) if name == _TITLES[_NOT_DONE] else _without(name, rows)
    return rows


def _with_one_for_not_done(rows: "list[tuple[str, ...]]") -> "list[tuple[str, ...]]":
    """Put the columns with the rows that are not done into one, which names only what there is."""
    first, n = _NOT_DONE, len(_KINDS_NOT_DONE)

    def joined(row: tuple[str, ...]) -> str:
        found = zip(row[first : first + n], _KINDS_NOT_DONE, strict=True)
        return ", ".join(f"{number} {name.lower()}" for number, name in found if number not in {"0", "-"}) or "-"

    texts = ["NOT DONE", *map(joined, rows[1:])]
    return [(*row[:first], text, *row[first + n :]) for row, text in zip(rows, texts, strict=True)]


def _standstill(run: "JournalSummary") -> str:
    """Return what keeps a run from going on here at full speed, or nothing."""
    from airmeet_async.cli.run_control import ask, is_listening

    if run.process is None:
        return _where_lent(run)
    if _is_of_program(run):
        return ""
    try:
        said = ask(run.path, {"do": "state"}, patience_s=1.0)
    except (ConfigError, NotSentError):
        or_else = "its process is suspended" if is_listening(run.path) else "a program goes on with it"
        return f"no response: it has only just begun, or {or_else}"
    return "" if said == "running" else said


def _is_of_program(run: "JournalSummary") -> bool:
    """Whether a program sends a run that no command has started, and so nothing here can pause or stop it."""
    from airmeet_async.cli.run_control import is_listening

    return run.process is not None and not run.note.get("command") and not is_listening(run.path)


def _where_lent(run: "JournalSummary") -> str:
    from airmeet_async.cli.run_store import describe_shards

    return f"lent to {describe_shards(run)}" if run.lent else ""


def _state(run: "JournalSummary", standstill: str | None = None) -> str:
    """Return ``running``, ``paused``, ``waiting``, ``finished``, ``lent`` or ``interrupted``."""
    if run.process is None:
        return run.state
    why = _standstill(run) if standstill is None else standstill
    return why if why == "paused" else "waiting" if why.startswith(("waiting", "Airmeet asked")) else "running"


def _begun(run: "JournalSummary") -> str:
    return f"{datetime.fromtimestamp(run.created, UTC).astimezone():%Y-%m-%d %H:%M}" if run.created else "-"


def _iso(moment: Any) -> str | None:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds") if moment else None


def run_shape(run: "JournalSummary") -> dict[str, Any]:
    """Return a run's documented JSON shape."""
    from airmeet_async.bulk.journal.queries import COUNTED

    note, about, standstill = run.note, run.about, _standstill(run)
    kinds = dict.fromkeys(_kinds(run)) if run.rows is None else _kinds(run)
    return {
        "job": run.job,
        "state": _state(run, standstill),
        "standstill": standstill or None,
        "process": run.process,
        "begun": _iso(run.created),
        "ended": _iso(run.list_facts.get("ended")),
        "stop_reason": run.list_facts.get("stop"),
        "command": _command(run) if note.get("command") else None,
        "operation": about.get("operation"),
        "event": about.get("airmeet_id") or None,
        "base_url": about.get("base"),
        "options": about.get("options") or {},
        "file": note.get("path") or note.get("file"),
        "results_path": note.get("results"),
        "failed_path": note.get("failed"),
        "rows": run.rows,
        **kinds,
        "under_way": run.in_flight if run.process is not None else 0,
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
    from airmeet_async.cli.output.summary import intention_of

    note, about = run.note, run.about
    yield "job", run.job
    standstill = _standstill(run)
    state = "not begun" if "shard" in run.facts and "ended" not in run.facts else run.state
    yield "state", f"{_state(run, standstill)} (process {run.process})" if run.process else state
    if _is_of_program(run):
        yield "sent by", "a program, which alone can pause or stop it"
    if standstill and standstill != "paused":  # the state says so
        yield "because", standstill
    yield "started", _begun(run)
    yield "command", _command(run)
    from airmeet_async.cli.run_store import trusted_note

    if original := trusted_note(run).get("typed"):
        yield "typed", str(original)
    yield "event", f"{about.get('airmeet_id') or '-'} at {about.get('base', '-')}"
    yield "what", intention_of(str(about.get("operation", "")), about.get("options") or {})
    yield "file", str(note.get("path") or note.get("file") or "-")
    yield "results", _describe_results(run)
    yield "rows", "not read completely" if run.rows is None else f"{run.rows:,}"
    if run.rows is not None:
        yield from (
            (f"  {name.replace('_', ' ')}", f"{n:,}{_detail(run, name)}") for name, n in _kinds(run).items() if n
        )
    if run.unverified:
        yield "invitations", f"{counted(run.unverified, 'row')} may not have been mailed"
    yield "run file", str(relative_to_here(run.path))
    if step := next_step(run):
        yield "next", step


def _describe_results(run: "JournalSummary") -> str:
    from airmeet_async.cli.run_store import word_of

    path, write = run.note.get("results"), f"airmeet runs results {word_of(run)} -o FILE"
    if not path:
        return "-"
    if run.process is not None:
        return f"{path}, when the run has ended"
    if run.lent:
        return f"of what is back: {write}"
    return str(path) if Path(path).is_file() else f"none there; write them: {write}"


def _detail(run: "JournalSummary", kind: str) -> str:
    """Return what the rows of a kind are in detail, in brackets, or nothing where that says no more."""
    counts, under_way = run.counts, run.in_flight if run.process is not None else 0
    parts = {
        "left": (
            (under_way, "under way"),
            (counts["pending"] - under_way, "not sent yet"),
            (counts["unknown"], "without a clear answer"),
            (counts["failed"], "failed"),
        ),
        "left_out": (
            (counts["invalid"], "not valid, blocked or not coming"),
            (counts["duplicate"], "with an address that is there already"),
        ),
    }
    said = ", ".join(f"{n:,} {what}" for n, what in parts.get(kind, ()) if n)
    return f" ({said})" if said else ""


def next_step(run: "JournalSummary") -> str:
    """Return how to go on with a run that is not going on, or nothing."""
    from airmeet_async.bulk.journal.queries import count_stale_rows
    from airmeet_async.bulk.report import StopReason
    from airmeet_async.cli.output.results_csv import relative_to_here
    from airmeet_async.cli.output.summary import describe_next_step, wording_of
    from airmeet_async.cli.run_store import word_of

    word = word_of(run)
    words = wording_of(str(run.about.get("operation", "")), str(run.about.get("airmeet_id") or "AIRMEET_ID"))
    if run.process is not None or not words.command:  # what a program chose can go on in the program alone
        return ""
    if run.lent:
        early = "with --take-back also those that were stopped or not begun"
        return f"airmeet join {word}, when its shards have ended; {early}"
    stop = next((reason for reason in StopReason if reason == run.list_facts.get("stop")), None)
    if run.state == "interrupted":
        stop = stop or StopReason.CUT_OFF
    source = run.note.get("path") or run.note.get("file")
    return describe_next_step(
        run.counts,
        words,
        stop=stop,
        left=1 if run.rows is None else run.counts["pending"],
        held=count_stale_rows(run.path, run.list_id) if run.counts["unknown"] else 0,
        unverified=run.unverified,
        to_correct=run.to_correct,
        full=run.full,
        job="" if run.rows is None else word,
        source=str(relative_to_here(Path(source))) if source else "",
        mails=bool(run.about["options"].get("sendEmailInvite")),
        command="the original command",
        resumes=True,
        is_shard="shard" in run.facts,
    )


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
    from airmeet_async.cli.output.results_csv import ResultFiles, check_result_file, origin_of, result_encoder
    from airmeet_async.cli.run_store import find_run

    run, console = find_run(job, finished=True), Console()
    if not any(run.counts.values()):
        raise JournalError(f"{run.path}: the input file was not read completely, so nothing was sent")
    found = (result for result in read_results(run.path, run.list_id) if not failed or not result.is_done)
    event = str(run.about.get("airmeet_id") or "")
    if output is None:
        encode = result_encoder(Path("results.csv"), run.columns, run.job, event)
        write_data(map(encode, chain([None], found)))
        return Exit.OK
    check_result_file(Path(output))
    with ResultFiles(Path(output), None) as files:
        files.write(found, run.columns, run.job, origin_of(run) + (" failed" if failed else ""), event)
        place = files.written[Path(output)]
    console.say(f"{place}: the results, with personal links: keep it private")
    return Exit.OK


@runs.command(sort_key=1, usage="Usage: airmeet runs purge [OPTIONS] [JOB...]")
def purge(
    *jobs: Jobs,
    all_: All = False,
    older_than: str | None = None,
    forget: Flag = False,
    yes: Flag = False,
    json: Flag = False,
) -> int:
    """Delete the names, addresses and links of finished runs.

    What was done is kept without names, so that later runs still send nobody
    twice. Result files are kept. Runs with rows to send or to retry are kept,
    unless they are named; a run in progress is never deleted.

    For example:
      airmeet runs purge
      airmeet runs purge --all --older-than 30d --yes
      airmeet runs purge 3f2a9c1b
      airmeet runs purge --forget 8f0c1a2e-5b01-11ee-9c3a-0a58a9feac02

    Args:
        jobs: Delete only these runs, or those of these events, finished or not.
        all_: Also delete runs with rows to send or to retry; they can then no longer go on.
        older_than: Delete only runs unchanged for this long, such as 12h or 30d.
        forget: Also forget what was done: the next run of the same people sends them once more, and with --invite
            mails them again.
        yes: Do not ask. Without a terminal nobody can be asked, so this is needed.
        json: Print one JSON object: removed, kept.
    """
    from airmeet_async.cli.run_store import all_runs, damaged_runs, find_runs_to_remove, forgotten_runs, word_of

    older_s, console = seconds(older_than, "--older-than"), Console()
    if jobs:
        found = [run for word in jobs for run in find_runs_to_remove(word)]
    else:
        found, wrong = all_runs()
        found += forgotten_runs() if forget else []
        found += damaged_runs() if all_ else []
        console.say(*(f"not listed: {why}" for why in wrong if not all_))
    chosen, kept = list["JournalSummary"](), list["JournalSummary"]()
    for run in found:
        if jobs and "shard" in run.facts:
            fix = "airmeet join, with the run that it was cut from, takes it back and removes it"
            raise UsageError(f"{run.path}: is a shard, whose rows only it has; {fix} (nothing was deleted)")
        if jobs and run.process is not None:
            how = f"in its program (process {run.process})" if _is_of_program(run) else f"airmeet runs stop {run.job}"
            raise UsageError(f"run {run.job} is in progress; stop it first: {how}")
        if jobs and run.lent:
            raise UsageError(f"run {run.job} is {_where_lent(run)}; first airmeet join {word_of(run)} --take-back")
        is_old = older_s is None or time.time() - run.changed > older_s
        is_wanted = all_ or bool(jobs) or not run.facts or not has_rows_to_send(run)
        is_wanted = is_wanted and run.process is None and not run.lent and "shard" not in run.facts
        (chosen if is_old and is_wanted else kept).append(run)
    waiting = [run.job for run in kept if has_rows_to_send(run) and run.process is None]
    if waiting:
        console.say(*wrapped(f"kept, with rows to send or to retry: {', '.join(waiting)}"))
    if not chosen:
        console.say("nothing to delete" + (f"; {len(kept)} kept" if kept else ""))
    elif not _may_remove(chosen, console, agreed=yes, forget=forget):
        console.say("nothing was deleted")
        chosen = []
    removed = list["JournalSummary"]()
    for path in dict.fromkeys(run.path for run in chosen):
        runs_there = [run for run in chosen if run.path == path]
        removed += runs_there if _remove(path, runs_there, console, forget=forget) else []
    for run in removed:
        what = _what(run) if run.list_facts else "who was done" if run.facts else "a run that could not be read"
        console.say(f"deleted {run.job}: {what}")
    if json:
        print_json({"removed": [run.job for run in removed], "kept": [run.job for run in kept]})
    return Exit.OK if len(removed) == len(chosen) else Exit.TEMPORARY


def has_rows_to_send(run: "JournalSummary") -> bool:
    """Whether a run can go on, or has rows that a retry sends without being told which."""
    counts = run.counts
    return run.state in {"interrupted", "lent"} or bool(counts.get("failed") or counts.get("unknown") or run.unverified)


def _may_remove(chosen: "list[JournalSummary]", console: Console, *, agreed: bool, forget: bool) -> bool:
    """Say what goes, and ask.

    Raises:
        UsageError: Nobody can be asked, and nobody has agreed.
    """
    readable = [run for run in chosen if run.list_facts]
    links, rows = sum(run.counts["succeeded"] for run in readable), sum(run.rows or 0 for run in readable)
    if readable:
        what = f"{counted(len(readable), 'run')}, {counted(rows, 'row')}, with names, addresses and {links:,}"
        console.say(*wrapped(f"{what} personal links: deleted runs cannot go on, be retried or be shown"))
    if damaged := sum(not run.facts for run in chosen):
        console.say(f"{counted(damaged, 'run')} that cannot be read, with names, addresses and personal links")
    if unfinished := sum(run.left for run in readable):
        console.say(f"  {counted(unfinished, 'row')} in them are not done")
    if forget or damaged:
        console.say(*wrapped(_FORGOTTEN))
        if any(run.about.get("operation") == "attendees.block" for run in chosen):
            console.say(*wrapped("Who was blocked is forgotten, too: a later list lets them in again."))
    else:
        console.say(*wrapped("What was done is kept without names, so that nobody is sent twice."))
    if agreed:
        return True
    if not console.can_ask:
        raise UsageError("this deletes runs for good; if that is right, add --yes (nothing was deleted)")
    return console.confirm("Delete?")


def _remove(path: Path, found: "list[JournalSummary]", console: Console, *, forget: bool) -> bool:
    """Remove lists of a journal, unless a run has just begun with it; with nothing left in it, the whole file."""
    from airmeet_async.bulk.journal.writer import JournalWriter
    from airmeet_async.cli.run_store import remove_journal

    try:
        is_empty = not found[0].facts
        if not is_empty:
            writer = JournalWriter(path)
            try:
                writer.purge([run.list_id for run in found], forget=forget)
                is_empty = not writer.lists() and (forget or not writer.has_outcomes)
            finally:
                writer.close()
        if is_empty:
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
    return _ask(word, {"do": "rate", "rate": check_rate(wanted, "the rate")})


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
    from airmeet_async.bulk.journal.locking import holder_of
    from airmeet_async.cli.run_control import ask, is_controlled
    from airmeet_async.cli.run_store import all_runs, find_run, word_of

    def is_going_on(run: "JournalSummary") -> bool:
        # While its rows are sent on other machines, its journal is open in no process.
        return run.process is not None or (bool(run.lent) and is_controlled(run.path))

    if word is None:
        going_on = [run for run in all_runs()[0] if is_going_on(run)]
        if len(going_on) != 1:
            many = f"{len(going_on)} runs are in progress; name one (airmeet runs)"
            raise UsageError(many if going_on else "no run is in progress")
        [run] = going_on
    else:
        try:
            run = find_run(word)
        except JournalError as error:
            if not error.busy:
                raise
            try:
                said = ask(Path(word), request)  # a shard, which only its own process can read
            except NotSentError as silence:
                by = f"process {holder_of(Path(word)) or 'unknown'}"
                raise NotSentError(f"{silence}. If a program sends it ({by}), end its task there") from None
            Console().say(f"{word}: {said}")
            return Exit.OK
    if not is_going_on(run):
        why = "is finished" if run.state == "finished" else f"is not running: airmeet resume {word_of(run)}"
        if run.lent:
            why = f"is {_where_lent(run)}; to have them back at once: airmeet join {word_of(run)} --take-back"
        raise UsageError(f"job {run.job} {why}")
    if _is_of_program(run):
        raise UsageError(
            f"job {run.job} is sent by a program (process {run.process}), not by an airmeet command: pause, slow down "
            "or stop it there, with job.pause(), job.set_rate() or job.stop(). Nothing was changed"
        )
    Console().say(f"job {run.job}: {ask(run.path, request)}")
    return Exit.OK
