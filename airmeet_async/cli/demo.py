"""``airmeet demo``: the real thing, against a pretend Airmeet that makes trouble, with the outcome verified."""

import csv
import tempfile
from pathlib import Path

from attrs import evolve

from airmeet_async.cli.app_options import typed
from airmeet_async.cli.demo_audit import audit, table
from airmeet_async.cli.demo_sandbox import Sandbox, running
from airmeet_async.cli.errand import Outcome
from airmeet_async.cli.exits import Exit
from airmeet_async.cli.output.html_report import is_available
from airmeet_async.cli.register import Order, register
from airmeet_async.cli.source import FileChoice
from airmeet_async.cli.voice import Voice
from airmeet_async.sandbox import invent_people, staged
from airmeet_async.sandbox.community import SUMMIT

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
