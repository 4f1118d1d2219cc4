"""Where the journals of runs are kept, and how the right one is found again."""

import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

from airmeet_async.bulk.journal.queries import (
    JournalSummary,
    find_journals,
    read_damaged,
    read_summary,
)
from airmeet_async.bulk.report import StopReason
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.output.results_csv import free_path
from airmeet_async.errors import ConfigError, JournalError
from airmeet_async.private_files import UnsafeFileError, make_private_folder
from airmeet_async.tables import Table

_INSTEAD = "choose a file for this run with --journal PATH"
_NEVER_RESUMED = frozenset(("attendees.block", "attendees.unblock"))
"""Doing these twice is harmless, and between two runs of a list somebody may have undone the first by other means."""

_JOURNAL_FILES = ("", "-wal", "-shm", "-lock")


@frozen
class RunKey:
    """What makes two runs the same one: operation, event, base address and input file."""

    operation: str
    airmeet_id: str
    base: str
    path: str

    @property
    def stem(self) -> str:
        """Return the name of its journals, so that two processes that begin at once meet in one."""
        text = "\0".join((self.operation, self.airmeet_id, self.base, os.path.realpath(self.path)))
        return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:8]


@frozen
class RunJournal:
    """The journal of a run.

    Attributes:
        path: The file, which may not be there yet.
        before: Its state before this run; None for a new one, and for one that cannot be read: the run will say why.
        named: Somebody typed its path.
    """

    path: Path
    before: JournalSummary | None = None
    named: bool = False

    @property
    def note(self) -> Mapping[str, Any]:
        """What the command line has noted with its list, without the paths where somebody else may have done that."""
        return {} if self.before is None else trusted_note(self.before)


def runs_folder() -> Path:
    """Return the folder of the journals, made if it is not there.

    Raises:
        ConfigError: There can be none.
    """
    from platformdirs import user_state_path

    folder: Path | str = "the state directory"
    try:
        folder = user_state_path("airmeet") / "runs"
        make_private_folder(folder)
    except UnsafeFileError as error:
        raise ConfigError(
            f"{folder}: {error.reason}, so no run is recorded there; {error.fix}, or {_INSTEAD}"
        ) from None
    except (OSError, RuntimeError) as error:  # without a home it is a RuntimeError
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{folder}: runs cannot be recorded there ({why}); {_INSTEAD}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{folder}: runs cannot be recorded there (not writable); {_INSTEAD}")
    return folder


def find_journal(key: RunKey, named: str | None, *, fresh: bool, table: Table | None = None) -> RunJournal:
    """Return the journal of a run: the newest of the same key or of a file with the same content, else a new one.

    Args:
        key: What the run is about.
        named: The path that was typed, if one was.
        fresh: Take a new one in any case.
        table: The input file.

    Raises:
        UsageError: What was typed contradicts itself.
        ConfigError: There is no place for one.
    """
    if named is not None:
        path = Path(named)
        if not named or path.is_dir():
            raise UsageError(f"--journal {named!r} is not a file name; use one such as launch.job")
        if fresh and path.exists():
            raise UsageError(f"--fresh: {path} already exists; name a new file, or omit --fresh to continue that run")
        return RunJournal(path, _summary_of(path), named=True)
    folder = runs_folder()
    if fresh or key.operation in _NEVER_RESUMED:
        return RunJournal(free_path(folder / f"{key.stem}.job"))
    found = list[RunJournal]()
    for path in find_journals(folder):
        is_own = path.stem.split("-")[0] == key.stem
        if (before := _summary_of(path)) is None:
            found += [RunJournal(path)] if is_own else []
        elif all(before.facts.get(name) == getattr(key, name) for name in ("operation", "airmeet_id", "base")):
            known = (before.list_facts.get("source") or {}).get("sha256")
            if is_own or (known and table is not None and known == table.digest):
                found.append(RunJournal(path, before))
    new = RunJournal(folder / f"{key.stem}.job")
    return max(found, key=lambda one: one.before.created if one.before is not None else 0.0, default=new)


def _is_number(value: Any, most: float) -> bool:
    return type(value) in {int, float} and 0 < value <= most


# What a note may ask for that somebody else may have made.
_HARMLESS: dict[str, Callable[[Any], bool]] = {
    "rate": lambda value: value == "auto" or _is_number(value, 1e6),
    "concurrency": lambda value: type(value) is int and _is_number(value, 1000),
    "max_failures": lambda value: isinstance(value, str),
}


def trusted_note(run: JournalSummary) -> Mapping[str, Any]:
    """Return what was noted with a run: where somebody else may have made the file, sensible numbers and no path."""
    if is_in_runs_folder(run.path.absolute()):
        return run.note
    return {name: run.note[name] for name, is_harmless in _HARMLESS.items() if is_harmless(run.note.get(name))}


def _summary_of(path: Path) -> JournalSummary | None:
    try:
        return read_summary(path)
    except JournalError:
        return None


def all_runs() -> tuple[list[JournalSummary], list[str]]:
    """Return all runs, the newest first, and why some journals cannot be read.

    Raises:
        ConfigError: There is no place for them.
    """
    found, wrong = list[JournalSummary](), list[str]()
    for path in find_journals(runs_folder()):
        try:
            found.append(read_summary(path))
        except JournalError as error:
            wrong.append(str(error))
    return sorted(found, key=lambda one: -one.created), wrong


def damaged_runs() -> list[JournalSummary]:
    """Return the journals of the folder that cannot be read."""
    return [run for path in find_journals(runs_folder()) if (run := read_damaged(path, by_place=True)) is not None]


def find_run_to_remove(word: str) -> JournalSummary:
    """Return a run as `find_run` does, or a journal that cannot be read by the name of its file or its path.

    Raises:
        UsageError: There is none, or more than one.
        JournalError: It cannot be read, and nothing shows that it was a journal.
    """
    try:
        return find_run(word)
    except (UsageError, JournalError):
        path = Path(word)
        found = [run for run in damaged_runs() if word in {run.path.stem, run.path.name}]
        if os.sep in word or path.is_file():
            run = read_damaged(path, by_place=is_in_runs_folder(path.absolute()))
            found = [run] if run is not None else found
        if not found:
            raise
        return found[0]


def remove_journal(path: Path) -> None:
    """Remove a journal and what belongs to it.

    Raises:
        JournalError: A run has it.
    """
    from airmeet_async.bulk.journal.locking import JournalLock

    lock = JournalLock(path)
    try:
        for part in _JOURNAL_FILES:
            path.with_name(path.name + part).unlink(missing_ok=True)
    finally:
        lock.release()


def is_in_runs_folder(path: Path) -> bool:
    """Whether the id of a journal is enough to find it."""
    from platformdirs import user_state_path

    try:
        return path.parent == user_state_path("airmeet") / "runs"
    except RuntimeError:  # no home
        return False


def find_run(word: str | None, *, finished: bool = False) -> JournalSummary:
    """Return a run by its id, the beginning of it, or a path; by default the newest that is not finished.

    Args:
        word: What was typed.
        finished: By default the newest, finished or not.

    Raises:
        UsageError: There is none, or more than one.
        JournalError: It cannot be read.
    """
    if word is not None and (os.sep in word or Path(word).is_file()):
        return read_summary(Path(word))
    runs, wrong = all_runs()
    if word is None:
        wanted = [run for run in runs if finished or (run.state == "interrupted" and not is_of_no_event(run))]
        if not wanted:
            raise UsageError("there is no run yet" if finished else "there is no unfinished run; see airmeet runs")
        return wanted[0]
    exact = [run for run in runs if word in {run.job, run.path.stem}]
    found = exact or [run for run in runs if run.job.startswith(word) or run.path.stem.startswith(word)]
    if not word or not found:
        more = f" ({wrong[0]})" if wrong else ""
        raise UsageError(f"there is no run {word!r:.40}; see airmeet runs, or give the path used with --journal{more}")
    if len(found) > 1 and not exact:
        raise UsageError(f"{word!r:.40} matches {' and '.join(run.job for run in found[:5])}; give more of the id")
    return found[0]


def is_of_no_event(run: JournalSummary) -> bool:
    """Whether a run had an id that no event has, so that it cannot go on."""
    return run.facts.get("stop") == StopReason.NOT_FOUND and not run.counts.get("succeeded")
