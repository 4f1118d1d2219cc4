"""The shelf: the folder in which the journals of runs are kept, and how the right one is found again."""

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from airmeet_async.bulk.journal.queries import (
    JournalSummary,
    find_journals,
    read_damaged,
    read_facts,
    read_summaries,
    read_summary,
)
from airmeet_async.bulk.report import StopReason
from airmeet_async.bulk.table_text import content_digest
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.errors import ConfigError, JournalError

_OPPOSITES = {"attendees.block": "attendees.unblock", "attendees.unblock": "attendees.block"}
_INSTEAD = "name a place for this run with --journal PATH"


@frozen
class Purpose:
    """What makes two runs the same one.

    Attributes:
        operation: Such as ``attendees.add``.
        airmeet_id: The event.
        base: The address.
        source: The input file.
    """

    operation: str
    airmeet_id: str
    base: str
    source: str

    @property
    def stem(self) -> str:
        """Return the name of this purpose's journals, so that two processes that begin at once meet in one."""
        text = "\0".join((self.operation, self.airmeet_id, self.base, os.path.realpath(self.source)))
        return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:8]

    @property
    def opposite(self) -> "Purpose | None":
        """Return what undoes it, where something does."""
        undoing = _OPPOSITES.get(self.operation)
        return evolve(self, operation=undoing) if undoing else None

    def is_of(self, about: Mapping[str, Any]) -> bool:
        """Whether a journal is about the same, as far as its input aside."""
        return (self.operation, self.airmeet_id, self.base) == (
            about.get("operation"), about.get("airmeet_id"), about.get("base"),
        )  # fmt: skip


@frozen
class Found:
    """The journal of a run.

    Attributes:
        path: The file, which may not be there yet.
        facts: What it knows of the whole run; nothing for a new one.
        named: Somebody typed its path.
    """

    path: Path
    facts: Mapping[str, Any] = field(factory=dict)
    named: bool = False

    @property
    def note(self) -> Mapping[str, Any]:
        """What the command line has noted in it."""
        found: Mapping[str, Any] = self.facts.get("note") or {}
        return found


def shelf() -> Path:
    """Return the folder, made if it is not there.

    Raises:
        ConfigError: There can be none.
    """
    from platformdirs import user_state_path

    try:
        folder = user_state_path("airmeet") / "runs"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{_place()}: the journals of runs cannot be kept there ({why}); {_INSTEAD}") from None
    if not stat.S_ISDIR(status.st_mode) or not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{folder}: the journals of runs cannot be kept there (not writable); {_INSTEAD}")
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022):
        raise ConfigError(
            f"{folder}: others can write there, so no journal is kept in it; chmod 0700 it, or {_INSTEAD}"
        )
    return folder


def _place() -> str:
    from platformdirs import user_state_path

    try:
        return str(user_state_path("airmeet") / "runs")
    except RuntimeError:  # no home
        return "the state directory"


def find(purpose: Purpose, journal: str | None, *, fresh: bool) -> Found:
    """Return the journal of a run: the newest of the same purpose and file, else a new one.

    Args:
        purpose: What the run is about.
        journal: The path that was typed, if one was.
        fresh: Take a new one in any case.

    Raises:
        UsageError: What was typed contradicts itself.
        ConfigError: There is no place for one.
    """
    if journal is not None:
        path = Path(journal)
        if not journal or path.is_dir():
            raise UsageError(f"--journal {journal!r} is no name for a file; write one such as launch.job")
        if fresh and path.exists():
            raise UsageError(
                f"--fresh: {path} is there already; name a new file, or leave --fresh out to go on with it"
            )
        return Found(path, _facts(path), named=True)
    folder = shelf()
    own = [path for path in find_journals(folder) if path.stem.split("-")[0] == purpose.stem]
    if fresh:
        return Found(_free(folder, purpose.stem))
    known = sorted(_same(purpose, folder, own), key=lambda one: -one.facts.get("created", 0.0))
    if known and _is_over(purpose, known[0], folder):
        return Found(_free(folder, purpose.stem))
    return known[0] if known else Found(folder / f"{purpose.stem}.job")


def _is_over(purpose: Purpose, found: Found, folder: Path) -> bool:
    """Whether what can be undone was done to its end, or something has undone it since: then it is to be done anew."""
    if purpose.opposite is None:
        return False
    undoing = [
        facts for facts in map(_facts, find_journals(folder)) if purpose.opposite.is_of(facts.get("about") or {})
    ]
    undone = max((max(facts.get("created", 0.0), facts.get("ended", 0.0)) for facts in undoing), default=0.0)
    return undone > found.facts.get("created", 0.0) or read_summary(found.path).state == "finished"


def _same(purpose: Purpose, folder: Path, own: list[Path]) -> Iterator[Found]:
    """Yield the journals for the same file: at the same place, or with the same content."""
    digest = ""
    for path in find_journals(folder):
        facts = _facts(path)
        if not purpose.is_of(facts.get("about") or {}):
            continue
        known = (facts.get("source") or {}).get("sha256")
        if path not in own and known:
            digest = digest or _digest(purpose.source)
        if path in own or known == digest:
            yield Found(path, facts)


def _facts(path: Path) -> Mapping[str, Any]:
    """Return what a journal knows; one that cannot be read knows nothing, and the run will say why."""
    try:
        return read_facts(path)
    except JournalError:
        return {}


def _digest(path: str) -> str:
    try:
        return content_digest(path)
    except OSError:
        return "?"


def _free(folder: Path, stem: str) -> Path:
    path, number = folder / f"{stem}.job", 1
    while path.exists() or path.is_symlink():
        number += 1
        path = folder / f"{stem}-{number}.job"
    return path


def all_runs() -> tuple[list[JournalSummary], list[str]]:
    """Return all runs, the newest first, and why some journals cannot be read.

    Raises:
        ConfigError: There is no place for them.
    """
    return read_summaries(find_journals(shelf()))


def damaged_runs() -> list[JournalSummary]:
    """Return the journals on the shelf that cannot be read."""
    return [run for path in find_journals(shelf()) if (run := read_damaged(path, by_place=True)) is not None]


def pick_to_remove(word: str) -> JournalSummary:
    """Return a run as `pick` does, or a journal that cannot be read by the name of its file or its path.

    Raises:
        UsageError: There is none, or more than one.
        JournalError: It cannot be read, and nothing shows that it was a journal.
    """
    try:
        return pick(word)
    except (UsageError, JournalError):
        path = Path(word)
        wreck = read_damaged(path, by_place=shelved(path.absolute())) if os.sep in word or path.is_file() else None
        found = [wreck] if wreck else [run for run in damaged_runs() if word in {run.path.stem, run.path.name}]
        if not found:
            raise
        return found[0]


def shelved(path: Path) -> bool:
    """Whether a journal is on the shelf, so that its id is enough to find it."""
    from platformdirs import user_state_path

    try:
        return path.parent == user_state_path("airmeet") / "runs"
    except RuntimeError:  # no home
        return False


def pick(word: str | None, *, finished: bool = False) -> JournalSummary:
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
        return _newest(runs, finished=finished)
    exact = [run for run in runs if word in {run.job, run.path.stem}]
    found = exact or [run for run in runs if run.job.startswith(word) or run.path.stem.startswith(word)]
    if not word or not found:
        more = f" ({wrong[0]})" if wrong else ""
        raise UsageError(f"no run is called {word!r:.40}; see airmeet runs, or give the path of its journal{more}")
    if len(found) > 1 and not exact:
        raise UsageError(f"{word!r:.40} could be {' or '.join(run.job for run in found[:5])}; write more of it")
    return found[0]


def is_of_no_event(run: JournalSummary) -> bool:
    """Whether a run had the id of no event, so that it cannot go on."""
    return run.facts.get("stop") == StopReason.NOT_FOUND and not run.counts.get("succeeded")


def _newest(runs: list[JournalSummary], *, finished: bool) -> JournalSummary:
    wanted = [run for run in runs if finished or (run.state == "interrupted" and not is_of_no_event(run))]
    if not wanted:
        raise UsageError("there is no run yet" if finished else "no run is unfinished; see airmeet runs")
    return wanted[0]
