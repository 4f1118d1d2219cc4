"""Where the journals of runs are kept, and how the right one is found again.

Rules of this file:

1. There is one journal per base address, event and operation, whatever the keys and the file: what one list has done,
   the next one knows. The names of this machine are one address.
2. At most one command at a time changes the people of an event, from the plan to the last result. Another one is
   refused, or waits.
3. A run is one list of a journal, under an id of its own.
"""

import hashlib
import json
import os
import shlex
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import Any

from attrs import frozen

from airmeet_async.bulk.journal.locking import JournalLock, connect_read_only, holder_of
from airmeet_async.bulk.journal.queries import (
    JournalSummary,
    find_journals,
    read_damaged,
    read_summaries,
    read_summary,
)
from airmeet_async.bulk.options import EventJournal
from airmeet_async.bulk.report import StopReason
from airmeet_async.cli.exit_codes import UsageError
from airmeet_async.cli.run_control import is_controlled
from airmeet_async.errors import ConfigError, JournalError
from airmeet_async.formatting import counted
from airmeet_async.private_files import UnsafeFileError, make_private_folder, replace_file
from airmeet_async.protocol.base_urls import name_loopback

_INSTEAD = "choose a file for this run with --journal PATH"
_ADD, _BLOCK, _UNBLOCK = PEOPLE = ("attendees.add", "attendees.block", "attendees.unblock")
_DOING = {_ADD: "registered", _BLOCK: "blocked", _UNBLOCK: "unblocked"}

_JOURNAL_FILES = ("", "-wal", "-shm", "-lock")
_POLL_S = 1.0


@frozen
class RunJournal:
    """The journal of a run.

    Attributes:
        file: The file, which may not be there yet, and what belongs to it.
        before: The same list as it was sent last; None for a new one, and where the journal cannot be read: the run
            will say why.
        named: Somebody typed its path.
    """

    file: EventJournal
    before: JournalSummary | None = None
    named: bool = False

    @property
    def path(self) -> Path:
        return self.file.path

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
            f"{error.path}: {error.reason}, so no run is recorded there; {error.fix}, or {_INSTEAD}"
        ) from None
    except (OSError, RuntimeError) as error:  # without a home it is a RuntimeError
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{folder}: runs cannot be recorded there ({why}); {_INSTEAD}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError(f"{folder}: runs cannot be recorded there (not writable); {_INSTEAD}")
    return folder


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


def find_journal(
    operation: str, airmeet_id: str, base: str, named: str | None = None, *, file: str = "", is_copied: bool = False
) -> RunJournal:
    """Return the journal of an operation on an event at an address.

    Args:
        operation: Such as ``attendees.add``.
        airmeet_id: The event.
        base: The address.
        named: The path that was typed, if one was.
        file: The input file.
        is_copied: There is only to be a plan, which leaves the journal as it is.

    Raises:
        UsageError: What was typed is no path of a file.
        ConfigError: There is no place for one.
        JournalError: It is one of an earlier version.
    """
    if named is not None and (not named or Path(named).is_dir()):
        raise UsageError(f"--journal {named!r} is not a file name; use one such as launch.job")
    try:
        folder = runs_folder()
    except ConfigError:
        if named is None:
            raise
        return RunJournal(EventJournal(Path(named), is_copied=is_copied), _last_of(Path(named), file), named=True)
    path = Path(named) if named is not None else _place(folder, operation, airmeet_id, base)
    block, unblock = (_place(folder, other, airmeet_id, base) for other in (_BLOCK, _UNBLOCK))
    is_add = operation == _ADD
    _refuse_old_journals(folder, airmeet_id, base)
    found = EventJournal(
        path,
        block=block if is_add else None,
        unblock=unblock if is_add else None,
        salt=_salt_of([_place(folder, other, airmeet_id, base) for other in PEOPLE]) if operation in PEOPLE else None,
        is_copied=is_copied,
    )
    return RunJournal(found, _last_of(path, file), named=named is not None)


def _digest(airmeet_id: str, base: str) -> str:
    # An id in other letters meets the same journal, which says that it is about another event.
    return hashlib.sha256(f"{name_loopback(base)}\0{airmeet_id.lower()}".encode()).hexdigest()[:10]


def _place(folder: Path, operation: str, airmeet_id: str, base: str) -> Path:
    return folder / f"{_digest(airmeet_id, base)}-{operation.replace('.', '-')}.job"


def _last_of(path: Path, file: str) -> JournalSummary | None:
    """Return the list of a file as it was sent last."""
    wanted = os.path.abspath(file)  # noqa: PTH100 - as it was noted

    def is_wanted(facts: Mapping[str, Any]) -> bool:
        return bool((facts.get("note") or {}).get("path") == wanted)

    try:
        found = read_summaries(path, is_wanted) if file and path.exists() else []
    except JournalError:
        return None
    return found[-1] if found else None


def _salt_of(paths: list[Path]) -> str | None:
    """Return the salt that the journals of an event share, so that one knows the people of another by their hashes."""
    for path in paths:
        with suppress(JournalError, sqlite3.Error):  # whoever needs it will say why
            if path.exists():
                with closing(connect_read_only(path)) as connection:
                    sql = "SELECT json_extract(value, '$') FROM facts WHERE name = 'salt'"
                    for (salt,) in connection.execute(sql):
                        return str(salt)
    return None


def _refuse_old_journals(folder: Path, airmeet_id: str, base: str) -> None:
    """Refuse to go on beside a journal of version 0.1 about the same event, whose people would be mailed once more."""
    for path in find_journals(folder):
        with suppress(OSError), path.open("rb") as file:
            if int.from_bytes(file.read(64)[60:], "big") != 1:  # where a file of SQLite's has the user's version
                continue
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
            facts = " ".join(value for (value,) in connection.execute("SELECT value FROM facts"))
            if airmeet_id and airmeet_id in facts and base in facts:
                raise JournalError(
                    f"{path}: airmeet-async 0.1 has recorded there who is done in this event, which this version "
                    "cannot read, so people could be mailed twice. Finish that list with 0.1; or forget it: airmeet "
                    f"runs purge --forget {path.stem}, after which the next run sends everybody in its list"
                )


@contextmanager
def only_run_on(
    airmeet_id: str,
    base: str,
    *,
    wait: bool = False,
    say: Callable[[str], object] = lambda _: None,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[None]:
    """Keep other commands from changing the people of an event meanwhile.

    Args:
        airmeet_id: The event.
        base: The address.
        wait: Where another command changes them, wait for its end.
        say: Takes the sentence about what is waited for.
        sleep: Waits that many seconds.

    Raises:
        JournalError: Another command changes them.
    """
    try:
        folder = runs_folder()
    except ConfigError:  # then there is no other journal of the event either
        yield
        return
    path = folder / f"{_digest(airmeet_id, base)}.event"
    lock, has_said = None, False
    while lock is None:
        try:
            lock = JournalLock(path)
        except JournalError as error:
            if not error.busy:
                raise
            what, fix = _describe_other_command(folder, path, airmeet_id, base)
            if not wait:
                raise JournalError(f"{what}. {fix} (nothing was sent)", busy=True) from None
            if not has_said:
                say(f"waiting: {what}")
            has_said = True
            sleep(_POLL_S)
    try:
        yield
    finally:
        lock.release()


def check_none_lent(airmeet_id: str, base: str) -> None:
    """Refuse to block people of an event while rows of it are in shards, which would let them in again.

    Raises:
        JournalError: Some are.
    """
    for run in _lent_of_event(airmeet_id, base):
        what = f"a list of this event is in {describe_shards(run)}"
        message = f"{what}, which would let people in again who are blocked now"
        raise JournalError(f"{message}. {_ways_out_of_shards(run)} (nothing was sent)", busy=True)


def describe_others_lent(airmeet_id: str, base: str, journal: Path) -> list[str]:
    """Say which lists of an event are in shards of which a run with this journal knows nothing."""
    twice = "this command knows nothing of these rows, and sends people who are in both lists twice"
    return [
        f"warning: {run.note.get('file') or 'a list'} of this event is in {describe_shards(run)} "
        f"(--journal {quote(str(run.path))}); {twice}"
        for run in _lent_of_event(airmeet_id, base, but=journal.absolute())
    ]


def _lent_of_event(airmeet_id: str, base: str, but: Path | None = None) -> list[JournalSummary]:
    """Return the lists of people for an event whose rows are in shards, as far as this machine knows."""
    found = list[JournalSummary]()
    with suppress(ConfigError):
        folder = runs_folder()
        for path in (_place(folder, _ADD, airmeet_id, base), *_noted_as_lent(folder, airmeet_id, base)):
            with suppress(JournalError):  # no reason to let people stay
                if path != but and path.exists():  # to count a million rows takes seconds
                    found += [run for run in read_summaries(path) if run.lent]
    return found


def word_of(run: JournalSummary) -> str:
    """Return what is typed for a run: its id, or the path of a file that the id does not lead to."""
    return run.job if is_in_runs_folder(run.path.absolute()) else quote(str(run.path))


def describe_shards(run: JournalSummary) -> str:
    """Say where the rows of a run are that is lent."""
    lent = run.lent
    back = f", {len(lent['returned'])} of them back" if lent["returned"] else ""
    return f"{counted(lent['shards'], 'shard')} in {lent['folder']}{back}"


def _ways_out_of_shards(run: JournalSummary) -> str:
    word = word_of(run)
    return f"When they have ended: airmeet join {word}; at once: airmeet join {word} --take-back"


def find_lent(path: Path) -> JournalSummary | None:
    """Return the list of a journal whose rows are in shards."""
    with suppress(JournalError):  # whoever needs it will say why
        return next((run for run in read_summaries(path) if run.lent), None) if path.exists() else None
    return None


def error_of_lent(run: JournalSummary) -> JournalError:
    """Return why nothing else can be done with a run whose rows are in shards, and how to go on."""
    lent = run.lent
    what = f"{run.note.get('file') or 'the list'} is in {describe_shards(run)}; nothing was sent"
    paths = f"airmeet cut {word_of(run)} --folder {quote(lent['folder'])} --shards {lent['shards']}"
    return JournalError(f"{what}. {_ways_out_of_shards(run)}. Their paths once more: {paths}", busy=True)


def note_as_lent(path: Path, airmeet_id: str, base: str) -> None:
    """Remember a journal in a place of its own whose rows may be put into shards, for `check_none_lent`."""
    with suppress(ConfigError):
        folder = runs_folder()
        if not is_in_runs_folder(path.absolute()):
            there = {one for one in _noted_as_lent(folder, airmeet_id, base) if one.exists()} | {path.absolute()}
            replace_file(folder / f"{_digest(airmeet_id, base)}.lent", json.dumps(sorted(map(str, there))).encode())


def _noted_as_lent(folder: Path, airmeet_id: str, base: str) -> list[Path]:
    try:
        return [Path(one) for one in json.loads((folder / f"{_digest(airmeet_id, base)}.lent").read_bytes())]
    except (OSError, ValueError, TypeError):
        return []


def _describe_other_command(folder: Path, lock: Path, airmeet_id: str, base: str) -> tuple[str, str]:
    """Say what another command does with the people of an event, and what can be done about it."""
    for operation in PEOPLE:
        path = _place(folder, operation, airmeet_id, base)
        try:
            running = [run for run in read_summaries(path) if run.process is not None] if path.exists() else []
        except JournalError:
            continue
        for run in running:
            began = datetime.fromtimestamp(run.created, UTC).astimezone()
            done = f"{run.counts['succeeded']:,} of {run.rows or 0:,}"
            what = f"{run.note.get('file') or 'a list'} is being {_DOING[operation]} for this event"
            since = f"since {began:%H:%M} (process {run.process}, {done})"
            return f"{what} {since}", f"Add --wait to wait for it, or stop it: airmeet runs stop {run.job}"
    with suppress(JournalError):
        add = _place(folder, _ADD, airmeet_id, base)
        for path in (add, *_noted_as_lent(folder, airmeet_id, base)):
            lent = find_lent(path)
            if lent is not None and is_controlled(path):  # else somebody resumes or joins a shard
                what = f"{lent.note.get('file') or 'a list'} is being added on other machines, from"
                what = f"{what} {describe_shards(lent)}"
                fix = f"Add --wait to wait for it, or stop it: airmeet runs stop {word_of(lent)}"
                return f"{what} (process {holder_of(lock) or 'unknown'})", fix
    other = f"another airmeet command (process {holder_of(lock) or 'unknown'}) is about to change this event's people"
    return f"{other}, and has not begun to send", "Answer its question or end it, or add --wait to wait for it"


def all_runs() -> tuple[list[JournalSummary], list[str]]:
    """Return all runs, the newest first, and why some journals cannot be read.

    Raises:
        ConfigError: There is no place for them.
    """
    found, wrong = list[JournalSummary](), list[str]()
    for path in find_journals(runs_folder()):
        try:
            found += read_summaries(path)
        except JournalError as error:
            wrong.append(str(error))
    return sorted(found, key=lambda one: -one.created), wrong


def damaged_runs() -> list[JournalSummary]:
    """Return the journals of the folder that cannot be read."""
    return [run for path in find_journals(runs_folder()) if (run := read_damaged(path, by_place=True)) is not None]


def forgotten_runs() -> list[JournalSummary]:
    """Return the journals of the folder whose lists were deleted, and that know no more than who is done."""
    found = list[JournalSummary]()
    for path in find_journals(runs_folder()):
        with suppress(JournalError):
            if not read_summaries(path):
                found.append(read_summary(path))
    return found


def find_runs_to_remove(word: str) -> list[JournalSummary]:
    """Return a run by its id, or all of an event, also those whose lists were deleted; or what is in a file.

    Raises:
        UsageError: There is none, or more than one.
        JournalError: It cannot be read, and nothing shows that it was a journal.
    """
    known = [run for run in all_runs()[0] + forgotten_runs() if word in {run.about.get("airmeet_id"), run.path.stem}]
    if known:
        return known
    try:
        return find_runs(word)
    except (UsageError, JournalError):
        path = Path(word)
        found = [run for run in damaged_runs() if word in {run.path.stem, run.path.name}]
        if os.sep in word or path.is_file():
            run = read_damaged(path, by_place=is_in_runs_folder(path.absolute()))
            found = [run] if run is not None else found
        if not found:
            raise
        return found[:1]


def remove_journal(path: Path) -> None:
    """Remove a journal and what belongs to it.

    Raises:
        JournalError: A run has it.
    """
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
    """Return a run by its id, the beginning of it, its event, or a path; by default the newest that is not finished.

    Args:
        word: What was typed.
        finished: By default the newest, finished or not.

    Raises:
        UsageError: There is none, or more than one.
        JournalError: It cannot be read.
    """
    return find_runs(word, None if finished else is_unfinished, is_needed=not finished)[-1]


def is_unfinished(run: JournalSummary) -> bool:
    """Whether a run can go on."""
    return run.state == "interrupted" and not is_of_no_event(run)


def find_runs(
    word: str | None, wanted: Callable[[JournalSummary], bool] | None = None, *, is_needed: bool = False
) -> list[JournalSummary]:
    """Return runs, the oldest first, and at least one.

    Args:
        word: What was typed: the id of one, the beginning of it, an event or a path, which may have several; by default
            the newest.
        wanted: Which are wanted where nobody has named a single one; where none is, it is the newest.
        is_needed: Where nothing was typed and none is wanted, there is none.

    Raises:
        UsageError: There is none, or more than one id begins so.
        JournalError: It cannot be read.
    """
    if word is not None and (os.sep in word or Path(word).is_file()):
        if not Path(word).exists():
            why = "a shard is removed once airmeet join has taken all of them back"
            raise UsageError(f"{word}: there is no such file; {why}. See airmeet runs")
        if _is_other_file(Path(word)):
            send = f"to send a list: airmeet register AIRMEET_ID {shlex.quote(word)}"
            raise JournalError(f"{word}: is no run file. Runs are named by their id, see airmeet runs; {send}")
        found = read_summaries(Path(word))
        if not found:
            raise JournalError(f"{word}: nothing was sent, and nothing is left to do")
        return [run for run in found if wanted is None or wanted(run)] or found[-1:]
    newest_first, wrong = all_runs()
    runs = newest_first[::-1]
    if word is None:
        chosen = [run for run in runs if wanted is None or wanted(run)]
        if not runs or (not chosen and is_needed):
            raise UsageError("there is no unfinished run; see airmeet runs" if is_needed else "there is no run yet")
        return (chosen or runs)[-1:]
    of_event = [run for run in runs if word and run.about.get("airmeet_id") == word]
    if of_event:
        return [run for run in of_event if wanted is None or wanted(run)] or of_event[-1:]
    exact = [run for run in runs if word in {run.job, run.path.stem}]
    found = exact or [run for run in runs if run.job.startswith(word) or run.path.stem.startswith(word)]
    if not word or not found:
        more = f" ({wrong[0]})" if wrong else ""
        raise UsageError(f"there is no run {word!r:.40}; see airmeet runs, or give the path used with --journal{more}")
    if len({run.job for run in found}) > 1 and not exact:
        raise UsageError(f"{word!r:.40} matches {' and '.join(run.job for run in found[:5])}; give more of the id")
    return found[-1:]


def _is_other_file(path: Path) -> bool:
    """Whether a file is certainly not that of a run, such as a list of people."""
    try:
        if not path.is_file() or not path.stat().st_size:
            return False
        with path.open("rb") as file:
            return not file.read(16).startswith(b"SQLite format 3")
    except OSError:  # it is said later why
        return False


def is_of_no_event(run: JournalSummary) -> bool:
    """Whether a run had an id that no event has, so that it cannot go on."""
    return run.list_facts.get("stop") == StopReason.NOT_FOUND and not run.counts.get("succeeded")
