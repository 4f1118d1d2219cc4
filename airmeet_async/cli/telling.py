"""What a report page tells of a run: gathered from all who know a part of it."""

import platform
import sys
from collections.abc import Mapping
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airmeet_async.bulk.report import DONE, BulkReport, RowStatus
from airmeet_async.cli.page import Told
from airmeet_async.cli.progress import TROUBLE
from airmeet_async.cli.running import Run

if TYPE_CHECKING:
    from airmeet_async.cli.errand import Errand, Work

_TITLES = {
    "attendees.add": "Registration",
    "attendees.block": "Access taken away",
    "attendees.unblock": "Access given back",
    "speakers.add": "Speakers",
    "sessions.create": "Sessions",
    "booths.create": "Booths",
}
_PACKAGES = ("httpx", "anyio")


def tell(run: Run, errand: "Errand", work: "Work", settings: Mapping[str, str], facts: Mapping[str, Any]) -> Told:
    """Return all that the page of a finished run needs.

    Args:
        run: The run.
        errand: What was typed.
        work: What was to be done.
        settings: How it was done, beyond that.
        facts: The summary for machines.
    """
    report = run.job.report
    run.timeline.note(report, run.job.allowed_rate)
    title = _TITLES.get(work.operation, work.operation)
    return Told(
        title=f"{title}: {Path(work.source).name}" if work.source else title,
        verdict=verdict(report),
        when=f"{datetime.now().astimezone():%d %B %Y, %H:%M %Z}",
        place="Line" if work.source else "Row",
        people=work.operation.startswith(("attendees.", "speakers.")),
        report=report,
        slots=run.timeline.slots,
        causes=run.cases.causes(),
        settings={"event": errand.airmeet_id, "job": report.job, **settings},
        versions=versions(run.client.transport_name, run.loop),
        command=errand.typed,
        facts=facts,
        emails=errand.report_emails,
    )


def verdict(report: BulkReport) -> str:
    """Say in a sentence what came of a run."""
    counts = report.counts
    before, twice, left = (counts[RowStatus[name]] for name in ("SKIPPED", "DUPLICATE", "UNPROCESSED"))
    failed = sum(counts[status] for status in TROUBLE)
    parts = [f"{report.succeeded:,} of {report.rows_read:,} rows succeeded"]
    parts += [f"{before:,} {'was' if before == 1 else 'were'} done before"] if before else []
    parts += [f"{twice:,} {'is a duplicate' if twice == 1 else 'are duplicates'}"] if twice else []
    parts += [f"{failed:,} did not succeed"] if failed else []
    parts += [f"{left:,} {'was' if left == 1 else 'were'} not reached"] if left else []
    end = (
        ", and nothing is left to do"
        if report.rows_read and sum(counts[one] for one in DONE) == report.rows_read
        else ""
    )
    return f"{', '.join(parts)}{end}."


def versions(transport: str, loop: str) -> dict[str, str]:
    """Return what a report of a fault needs to say."""
    from airmeet_async import __version__

    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return {
        "airmeet-async": f"{__version__}, sending over {transport}, on {loop}",
        "Python": f"{platform.python_version()} ({sys.implementation.name}), {packages}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
