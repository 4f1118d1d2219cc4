"""Compare what a demonstration staged with what came out of it."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from airmeet_async.bulk.report import BulkReport, RowStatus
from airmeet_async.sandbox import Staged

_LOST = (RowStatus.FAILED, RowStatus.REJECTED, RowStatus.UNKNOWN)


@frozen
class Check:
    """One line of the comparison.

    Attributes:
        what: What is compared.
        expected: What was staged.
        found: What came out.
        note: Where the figure is from, or what it means.
    """

    what: str
    expected: int
    found: int
    note: str = ""

    @property
    def fine(self) -> bool:
        """Whether it came out as staged."""
        return self.expected == self.found


def audit(
    plan: Staged,
    report: BulkReport,
    statistics: Mapping[str, Any],
    people: Sequence[Mapping[str, Any]],
    results: Path,
) -> list[Check]:
    """Compare.

    Args:
        plan: What the invented list holds.
        report: Of the run.
        statistics: The sandbox's own count.
        people: Those who are in the event, as the sandbox knows them.
        results: The result file.
    """
    world, struck = statistics["world"], Counted(statistics["faults"])
    lost = sum(report.counts[status] for status in _LOST)
    links = {person["email"]: person["entry_link"] for person in people}
    return [
        Check("rows read", plan.rows, report.rows_read),
        Check("people registered", plan.valid, report.succeeded, "says the run"),
        Check("people in the event", plan.valid, len(links), "says the sandbox, each once"),
        Check("right entry links", plan.valid, _right_links(results, links), f"in {results}"),
        Check("duplicates held back", plan.duplicates, report.counts[RowStatus.DUPLICATE]),
        Check("invalid rows held back", plan.invalid, report.counts[RowStatus.INVALID]),
        Check("invitations mailed", 0, world["mails"], "says the sandbox"),
        Check("tokens renewed", struck.of("expire"), report.token_refreshes, "one per expiry"),
        Check("told to slow down (429)", struck.of("429"), report.throttled, "waited as told, sent again"),
        Check("rows lost to 500s and drops", 0, lost, f"{struck.of('500')} and {struck.drops} came, sent again"),
    ]


class Counted:
    """How often which faults struck."""

    def __init__(self, fired: Mapping[str, int]) -> None:
        self._fired = fired

    def of(self, kind: str) -> int:
        """Return the count of one kind."""
        return sum(n for text, n in self._fired.items() if text.startswith(kind))

    @property
    def drops(self) -> int:
        """Connections that were dropped, before or after the request was carried out."""
        return self.of("drop")


def _right_links(results: Path, links: Mapping[str, str]) -> int:
    """Count the people whose line in the result file has the very link that the sandbox gave them."""
    with results.open(encoding="utf-8-sig", newline="") as file:
        done = [row for row in csv.DictReader(file) if row["airmeet_status"] == RowStatus.SUCCEEDED.value]
    right = {row["email"] for row in done if links.get(row["email"]) == row["airmeet_entry_link"]}
    return len(right) if len(right) == len(done) else min(len(right), len(links) - 1)


def table(checks: Sequence[Check]) -> list[str]:
    """Return the comparison as lines."""
    lines = [f"  {'verified against the sandbox':<30}{'staged':>8}{'found':>8}"]
    for check in checks:
        mark = "  " if check.fine else "! "
        lines.append(f"{mark}{check.what:<30}{check.expected:>8,}{check.found:>8,}  {check.note}".rstrip())
    return lines
