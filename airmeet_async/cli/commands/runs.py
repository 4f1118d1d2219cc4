"""``airmeet runs``: which runs there are, how far they are, how to remove their journals, and how to steer them."""

import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from attrs import frozen

from airmeet_async.bulk.journal.locking import JournalLock
from airmeet_async.bulk.journal.queries import COUNTED, JournalSummary, read_summary
from airmeet_async.bulk.table_cells import counted
from airmeet_async.cli.commands.events import columns
from airmeet_async.cli.console import Voice, print_data, print_json
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.output.results_csv import near
from airmeet_async.cli.run_control import ask
from airmeet_async.cli.run_store import all_runs, damaged_runs, is_of_no_event, pick, pick_to_remove
from airmeet_async.errors import JournalError
from airmeet_async.protocol.endpoints import ENDPOINTS

_TITLES = ("JOB", "BEGUN", "STATE", "SETTLED", "LEFT", "COMMAND", "EVENT", "FILE")
_PARTS = ("", "-wal", "-shm", "-lock")


def list_runs(voice: Voice, *, as_json: bool) -> int:
    """List all runs, the newest first."""
    runs, wrong = all_runs()
    voice.say(*(f"left out: {why}" for why in wrong))
    if as_json:
        print_json([shape(run) for run in runs])
    elif runs:
        print_data("\n".join(columns([_TITLES, *map(_line, runs)])))
    elif not wrong:
        voice.say("there is no run yet")
    if wrong:
        voice.say("to remove a journal that cannot be read: airmeet runs purge with the name of its file")
    return Exit.OK


def _line(run: JournalSummary) -> tuple[str, ...]:
    note, rows = run.note, run.rows
    settled = "-" if rows is None else f"{rows - run.left:,} of {rows:,}"
    left = "-" if rows is None else f"{run.left:,}"
    command = str(note.get("command") or run.about.get("operation", "-"))
    event, file = str(run.about.get("airmeet_id") or "-"), str(note.get("file") or "-")
    return run.job, _when(run.created), run.state, settled, left, command, event, file


def _when(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).astimezone().strftime("%Y-%m-%d %H:%M") if moment else "-"


def shape(run: JournalSummary) -> dict[str, Any]:
    """Return a run's documented JSON shape."""
    note, about, rows = run.note, run.about, run.rows
    return {
        "job": run.job,
        "state": run.state,
        "process": run.process,
        "begun": _iso(run.facts.get("created")),
        "ended": _iso(run.facts.get("ended")) if run.state != "running" else None,
        "stop_reason": run.facts.get("stop") if run.state != "running" else None,
        "command": note.get("command"),
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


def _iso(moment: Any) -> str | None:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds") if moment else None


def show(word: str | None, *, as_json: bool) -> int:
    """Show one run, by default the newest."""
    run = pick(word, finished=True)
    if as_json:
        print_json(shape(run))
    else:
        print_data("\n".join(columns([(f"{name}:", text) for name, text in _facts(run)])))
    return Exit.OK


def _facts(run: JournalSummary) -> Iterable[tuple[str, str]]:
    note, about = run.note, run.about
    yield "job", run.job
    yield "state", f"running (process {run.process})" if run.process else run.state
    yield "begun", _when(run.created)
    yield "command", str(note.get("command") or about.get("operation", "-"))
    yield "event", f"{about.get('airmeet_id') or '-'} at {about.get('base', '-')}"
    yield "options", ", ".join(f"{name}={value}" for name, value in (about.get("options") or {}).items()) or "none"
    yield "file", str(note.get("path") or note.get("file") or "-")
    yield "results", str(note.get("results") or "-")
    yield "rows", "not read to their end" if run.rows is None else f"{run.rows:,}"
    yield from ((f"  {name}", f"{n:,}") for name, n in run.counts.items() if n)
    if run.unverified:
        yield "invitations", f"{counted(run.unverified, 'row')} may have been mailed or not"
    yield "journal", str(near(run.path))
    if steps := _steps(run):
        yield "next", " or ".join(steps)


def _steps(run: JournalSummary) -> list[str]:
    """Return what can be done with a run."""
    if run.state == "running":
        return [f"airmeet runs pause {run.job}", f"airmeet runs stop {run.job}"]
    can_go_on = run.state == "interrupted" and run.rows is not None and not is_of_no_event(run)
    endpoint = ENDPOINTS.get(run.about.get("operation", ""))
    asked = [f"airmeet resume {run.job}"] if can_go_on else []
    if run.counts.get("unknown") and endpoint is not None and not endpoint.repeatable:
        asked += [f"airmeet retry {run.job} --unknown"]
    asked += [f"airmeet retry {run.job}"] if run.counts.get("failed") else []
    asked += [f"airmeet retry {run.job} --rejected"] if run.counts.get("rejected") else []
    return [*asked, *([f"airmeet retry {run.job} --invites"] if run.unverified else [])]


@frozen(kw_only=True)
class Purge:
    """Which journals are to be removed.

    Attributes:
        words: Of which runs; none for all that are finished.
        unfinished: Those, too, that are not.
        older_s: Only if that many seconds have passed since the last change.
        agreed: Do not ask.
    """

    words: tuple[str, ...] = ()
    unfinished: bool = False
    older_s: float | None = None
    agreed: bool = False

    def means(self, run: JournalSummary) -> bool:
        """Whether this one is to be removed."""
        fit = run.state == "finished" or (run.state == "interrupted" and bool(self.unfinished or self.words))
        return fit and (self.older_s is None or time.time() - run.changed > self.older_s)


def purge(order: Purge, voice: Voice, *, as_json: bool) -> int:
    """Remove the journals of runs that are not running."""
    chosen, kept = _chosen(order, voice)
    if not chosen:
        voice.say("nothing to remove" + (f"; {len(kept)} kept" if kept else ""))
    elif not _agreed(chosen, order, voice):
        voice.say("nothing was removed")
        chosen = []
    removed = [run for run in chosen if _remove(run.path, voice)]
    voice.say(*(f"removed {run.job}: {_title(run)}" for run in removed))
    if as_json:
        print_json({"removed": [run.job for run in removed], "kept": [run.job for run in kept]})
    return Exit.OK if len(removed) == len(chosen) else Exit.TEMPORARY


def _chosen(order: Purge, voice: Voice) -> tuple[list[JournalSummary], list[JournalSummary]]:
    runs, wrong = ([pick_to_remove(word) for word in order.words], []) if order.words else all_runs()
    if order.unfinished and not order.words:
        runs += damaged_runs()
    else:
        voice.say(*(f"left out: {why}" for why in wrong))
    for run in runs:
        if order.words and run.state == "running":
            raise UsageError(f"job {run.job} is running; stop it first: airmeet runs stop {run.job}")
    chosen = [run for run in runs if order.means(run)]
    return chosen, [run for run in runs if run not in chosen]


def _agreed(chosen: list[JournalSummary], order: Purge, voice: Voice) -> bool:
    readable = [run for run in chosen if run.facts]
    links, unfinished = sum(run.counts["succeeded"] for run in readable), sum(run.left for run in readable)
    if readable:
        voice.say(
            f"{_journals(len(readable))} of {counted(_rows(readable), 'row')}, with "
            f"names, addresses and {links:,} personal links; what is removed cannot be resumed or retried"
        )
    if wrecks := len(chosen) - len(readable):
        voice.say(f"{_journals(wrecks)} that cannot be read, with names, addresses and personal links")
    if unfinished:
        voice.say(f"  {counted(unfinished, 'row')} in them are not done")
    if order.agreed or not voice.hears:
        return True
    return voice.agrees("Remove?")


def _journals(n: int) -> str:
    return "the journal" if n == 1 else f"{n:,} journals"


def _rows(runs: Iterable[JournalSummary]) -> int:
    return sum(run.rows or 0 for run in runs)


def _title(run: JournalSummary) -> str:
    if not run.facts:
        return "a journal that could not be read"
    return f"{run.note.get('command') or run.about.get('operation', 'run')} {run.note.get('file') or ''}".strip()


def _remove(path: Path, voice: Voice) -> bool:
    """Remove a journal and what belongs to it, unless a run has just begun with it."""
    try:
        lock = JournalLock(path)
    except JournalError as error:
        voice.say(f"kept: {error}")
        return False
    try:
        for part in _PARTS:
            with suppress(FileNotFoundError):
                path.with_name(path.name + part).unlink()
    finally:
        lock.release()
    return True


def steer(word: str | None, request: dict[str, Any], voice: Voice) -> int:
    """Ask a run that is going on for something, by default the only one.

    Raises:
        UsageError: It is not going on.
        AirmeetError: It does not do that, or does not answer.
    """
    run = _running() if word is None else pick(word)
    if run.process is None:
        why = "is finished" if run.state == "finished" else f"is not running: airmeet resume {run.job}"
        raise UsageError(f"job {run.job} {why}")
    voice.say(f"job {run.job}: {ask(run.path, request)}")
    return Exit.OK


def _running() -> JournalSummary:
    runs = [run for run in all_runs()[0] if run.process is not None]
    if len(runs) != 1:
        raise UsageError(
            "no run is going on" if not runs else f"{len(runs)} runs are going on; name one (airmeet runs)"
        )
    return read_summary(runs[0].path)
