"""What a journal is told by the command line, and what is said about it."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airmeet_async.bulk.books import Earlier
from airmeet_async.bulk.journal.look import look, stale_rows
from airmeet_async.bulk.report import BulkReport, StopReason
from airmeet_async.bulk.table_cells import counted
from airmeet_async.cli.shelf import Found
from airmeet_async.cli.summary import since_done
from airmeet_async.cli.voice import Voice
from airmeet_async.errors import JournalError

if TYPE_CHECKING:
    from airmeet_async.cli.errand import Errand

_DAMAGED = ("malformed", "not a journal", "not a database", "no such table")


def note_of(errand: "Errand", source: str, results: Path | None, failed: Path | None, name: str = "") -> dict[str, Any]:
    """Return what ``airmeet runs`` shows and ``airmeet resume`` needs; *name* is of what is no lasting file."""
    from airmeet_async import __version__

    return {
        "command": errand.command,
        "file": name or source,
        "path": None if name else _absolute(source),
        "results": _absolute(results),
        "failed": _absolute(failed),
        "version": __version__,
        "rate": errand.rate,
        "concurrency": errand.concurrency,
        "max_failures": errand.max_failures,
    }


def _absolute(path: str | Path | None) -> str | None:
    return os.path.abspath(path) if path else None  # noqa: PTH100 - resolves no link, and never fails


def resuming(earlier: Earlier | None, total: int, before: int = 0, *, limited: bool = False) -> list[str]:
    """Say where a run goes on.

    Args:
        earlier: What its journal knows.
        total: Rows of this run.
        before: Rows of the last run.
        limited: Not all rows of the file are taken.
    """
    if earlier is None:
        return []
    lines = [_where(earlier, total)]
    if earlier.unclear:
        lines.append(f"  {rows(earlier.unclear)} sent without a clear answer")
    if earlier.changed:
        lines.append(f"  {since_done(earlier.changed)}")
    if earlier.updated:
        they, are = ("it was", "is sent as it is") if earlier.updated == 1 else ("they were", "are sent as they are")
        lines.append(f"  {rows(earlier.updated)} changed before {they} done, and {are} now")
    if earlier.new:
        lines.append(f"  {rows(earlier.new)} new")
    if (gone := before - (total - earlier.new)) > 0:
        lines.append(f"  {_gone(gone, limited=limited)}")
    return lines


def _gone(n: int, *, limited: bool) -> str:
    what = f"{counted(n, 'row')} of the last run {'is' if n == 1 else 'are'}"
    return f"{what} left out of this run (--limit)" if limited else f"{what} no longer in the file"


def _where(earlier: Earlier, total: int) -> str:
    if earlier.settled >= total:
        return f"nothing left to do: {rows(total, 'is', 'are')} settled"
    return f"resuming: {earlier.settled:,} of {rows(total, 'is', 'are')} settled"


def job_word(report: BulkReport, found: Found) -> str:
    """Return what is typed for a job: its id, or the path of its journal; nothing where the journal is lost."""
    try:
        if report.stop_reason is StopReason.JOURNAL:
            look(found.path)
    except JournalError:
        return ""
    if not found.path.exists():
        return ""
    return shlex.quote(str(found.path)) if found.named else report.job


def rows(n: int, one: str = "was", many: str = "were") -> str:
    """Return ``1 row was`` or ``1,234 rows were``."""
    return f"{counted(n, 'row')} {one if n == 1 else many}"


def may_send_stale(found: Found, voice: Voice) -> bool:
    """Ask, on a terminal, whether rows that were sent long ago without a clear answer are to be sent again."""
    if not found.facts or not voice.hears:
        return False
    try:
        held = stale_rows(found.path)
    except JournalError:  # the run will say why
        return False
    if not held:
        return False
    voice.say(
        f"{rows(held)} sent more than 24 hours ago without a clear answer.",
        "Sending again would let somebody in who was blocked meanwhile.",
    )
    return voice.agrees("Send it again?" if held == 1 else "Send them again?")


def unfinished(found: Found) -> bool:
    """Whether a run of this journal did not come to its end."""
    try:
        return bool(found.facts) and look(found.path).state == "interrupted"
    except JournalError:  # the run will say why
        return False


def busy(path: Path, process: int) -> JournalError:
    """Return the error of a run that another process has."""
    return JournalError(f"{path}: this run is going on (process {process}); nothing was sent here", busy=True)


def with_hint(error: JournalError, found: Found | None, command: str = "") -> JournalError:
    """Return the error with the way out, where there is one.

    Args:
        error: What is wrong.
        found: The journal.
        command: What was typed, where it has an option that begins anew.
    """
    if found is None or found.named or error.busy:
        return error
    if any(word in str(error) for word in _DAMAGED):
        anew = f"begin anew (airmeet {command} ... --fresh), or " if command else ""
        return JournalError(f"{error}; or {anew}remove it (airmeet runs purge {found.path.stem})")
    return JournalError(f"{error} (--fresh does that)") if command and "another" in str(error) else error
