"""``airmeet demo``: the real thing, against a pretend Airmeet that makes trouble, with the outcome verified."""

import csv
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from airmeet_async.bulk.report import BulkReport, RowStatus
from airmeet_async.cli.app_options import typed
from airmeet_async.cli.commands.register import Order, register
from airmeet_async.cli.commands.sandbox import MISSING
from airmeet_async.cli.console import Voice
from airmeet_async.cli.exit_codes import Exit, UsageError
from airmeet_async.cli.input_file import FileChoice
from airmeet_async.cli.output.html_report import is_available
from airmeet_async.cli.runner import Outcome
from airmeet_async.sandbox import Staged, invent_people, staged
from airmeet_async.sandbox.community import SUMMIT

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


_SECONDS = 10.0


@frozen
class Sandbox:
    """A sandbox that is running.

    Attributes:
        environ: The environment that leads to it.
    """

    environ: dict[str, str] = field(repr=False)

    def statistics(self) -> dict[str, Any]:
        """Return what happened there."""
        found: dict[str, Any] = self._get("statistics")
        return found

    def people(self, airmeet_id: str) -> list[dict[str, Any]]:
        """Return those who were added to an event."""
        found: list[dict[str, Any]] = self._get(f"people/{airmeet_id}")["people"]
        return found

    def _get(self, what: str) -> Any:
        connection = HTTPConnection(urlsplit(self.environ["AIRMEET_URI"]).netloc, timeout=_SECONDS)
        try:
            connection.request("GET", f"/_sandbox/{what}")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@contextmanager
def running(*, seed: int, faults: str, latency_ms: float) -> Iterator[Sandbox]:
    """Run a sandbox in its own session, so that Ctrl-C reaches us only and requests under way can end."""
    command = [sys.executable, "-m", "airmeet_async.sandbox", "--port", "0", "--until-stdin-closes"]
    command += ["--seed", str(seed), "--faults", faults, "--latency", str(latency_ms)]
    pipe = subprocess.PIPE
    with subprocess.Popen(  # noqa: S603 - our own module
        command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, encoding="utf-8", start_new_session=True
    ) as process:
        assert process.stdin is not None  # noqa: S101 - for the type checker
        assert process.stdout is not None  # noqa: S101 - for the type checker
        try:
            environ = _read_environment(process.stdout)
            if "AIRMEET_URI" not in environ:
                process.stdin.close()
                raise UsageError(_why_not(process))
            yield Sandbox({**environ, "AIRMEET_TOKEN_CACHE": "off"})
        finally:
            process.stdin.close()
            _wait(process)


def _read_environment(lines: IO[str]) -> dict[str, str]:
    """Read the ``export`` lines; the first line of another kind comes after them."""
    environ: dict[str, str] = {}
    for line in lines:
        if not line.startswith("export "):
            break
        name, _, value = shlex.split(line)[1].partition("=")
        environ[name] = value
    return environ


def _why_not(process: subprocess.Popen[str]) -> str:
    said = process.stderr.read().strip().splitlines() if process.stderr else []
    if said and "ModuleNotFoundError" in said[-1]:
        return MISSING
    return f"the sandbox did not start: {said[-1] if said else 'it said nothing'}"


def _wait(process: subprocess.Popen[str]) -> None:
    try:
        process.wait(timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


_LATENCY_MS = 80


def demo(
    *, people: int, rate: float, seed: int, results: str, report: str | None, progress: str, voice: Voice
) -> Outcome:
    """Run the demonstration.

    Raises:
        AirmeetError: It could not begin.
    """
    voice.say(
        f"Registering {people:,} invented people in a pretend Airmeet on this machine.",
        "On the way it throttles us, lets our token expire, fails, and drops connections.",
        "",
    )
    faults = trouble(people)
    with (
        running(seed=seed, faults=faults, latency_ms=_LATENCY_MS) as sandbox,
        tempfile.TemporaryDirectory(prefix="airmeet-") as folder,
    ):
        file = Path(folder) / "people.csv"
        _write_people(file, people, seed)
        order = Order(
            airmeet_id=SUMMIT,
            file=FileChoice(path=str(file)),
            invite=False,
            rate=rate,
            results=results,
            report=report or ("demo-report.html" if is_available() else None),
            typed=typed(),
            progress=progress,
            brief=True,
            journal=str(Path(folder) / "demo.job"),
            lasting=False,
        )
        outcome = register(order, sandbox.environ, voice)
        if outcome.report.stop_reason is not None:
            return outcome
        return _verify(outcome, sandbox, people, voice)


def trouble(people: int) -> str:
    """Return the faults: bursts at a third and at half of the run, and a few by chance all the way."""
    throttle, expire = max(2, people * 3 // 10), max(3, people * 45 // 100)
    return f"429@{throttle}+4:retry=1,expire@{expire},500:2%,drop:0.5%,drop-after:0.5%"


def _write_people(path: Path, people: int, seed: int) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = invent_people(people, seed)
        first = next(rows)
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerow(first)
        writer.writerows(rows)


def _verify(outcome: Outcome, sandbox: Sandbox, people: int, voice: Voice) -> Outcome:
    checks = audit(staged(people), outcome.report, sandbox.statistics(), sandbox.people(SUMMIT), Path(outcome.results))
    wrong = [check.what for check in checks if not check.fine]
    end = f"NOT as staged: {', '.join(wrong)}" if wrong else "all as staged. For your own list: airmeet register --help"
    voice.say("", *table(checks), "", end)
    return evolve(outcome, code=Exit.UNEXPECTED if wrong else Exit.OK)
